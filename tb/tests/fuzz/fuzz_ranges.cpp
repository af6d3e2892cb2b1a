// Files of activation ranges.
#include <cstdlib>
#include <string>

#include "models/quant/calibration.h"
#include "models/zoo/zoo.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const std::string text(reinterpret_cast<const char*>(input), size);
  heatvit::fuzz::accepted_or_refused([&] {
    const heatvit::network::Calibration calibration =
        heatvit::quant::parse_calibration(text, "fuzz.json", heatvit::zoo::find("deit-micro"));
    for (const auto& [tensor, range] : calibration.ranges)
      if (!(range > 0)) std::abort();
  });
  return 0;
}
