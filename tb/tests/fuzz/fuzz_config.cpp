// Parameters from an .ini file: every key is known, every value is in its range, or the file is refused.
#include "tb/config/config_files.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const heatvit::fuzz::InputFile file(input, size);
  heatvit::fuzz::accepted_or_refused([&] { heatvit::tb::resolve_config("", {file.path()}, {}); });
  return 0;
}
