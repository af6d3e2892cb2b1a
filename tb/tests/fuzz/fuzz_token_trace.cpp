// Token traces as JSON: which patches each image kept. The first byte chooses whether tokens are fused (EViT).
#include <fstream>

#include "tb/config/temporary_folder.h"
#include "tb/run_sim/token_trace.h"
#include "tb/tests/fuzz/fuzz_support.h"

namespace {

constexpr int kSelectors = 3, kPatches = 196;

void expect_sound(const heatvit::tb::TraceRow& row, bool fuses) {
  int most = kPatches;
  for (const int kept : row.kept) {
    if (kept < 0 || kept > most) std::abort();
    most = kept;
  }
  for (const auto& patches : row.patches)
    for (size_t i = 0; i < patches.size(); ++i)
      if (patches[i] < 0 || patches[i] >= kPatches + (fuses ? kSelectors : 0) ||
          (i > 0 && patches[i - 1] >= patches[i]))
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size == 0) return 0;
  static const heatvit::tb::TemporaryFolder kFolder;
  static const std::string kPath = kFolder.path("trace.json");
  std::ofstream(kPath, std::ios::binary) << std::string(reinterpret_cast<const char*>(input + 1), size - 1);
  const bool fuses = input[0] % 2 == 1;
  heatvit::fuzz::accepted_or_refused([&] { heatvit::tb::trace_selectors(kPath); });
  heatvit::fuzz::accepted_or_refused([&] {
    for (const auto& row : heatvit::tb::read_token_trace(kPath, kSelectors, kPatches, fuses)) expect_sound(row, fuses);
  });
  return 0;
}
