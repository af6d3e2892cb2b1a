// Token traces and labels. The first byte chooses which; what is read of a trace is written and read back the same.
#include "models/zoo/zoo.h"
#include "tb/run_sim/image_set.h"
#include "tb/run_sim/token_trace.h"
#include "tb/tests/fuzz/fuzz_support.h"

namespace {

using heatvit::fuzz::InputFile;

constexpr int kSelectors = 3, kPatches = 196;

void read_labels(const std::string& path) {
  std::vector<heatvit::tb::RunItem> items(1);
  items.front().name = "a.jpg";
  const heatvit::zoo::ModelSpec& spec = heatvit::zoo::find("deit-t");
  heatvit::tb::attach_labels(items, path, spec);
  if (items.front().label < 0 || items.front().label >= spec.classes) std::abort();
}

void read_trace(const std::string& path) {
  const auto rows = heatvit::tb::read_token_trace(path, kSelectors, kPatches);
  for (const auto& row : rows) {
    int most = kPatches;
    for (const int kept : row.kept) {
      if (kept < 0 || kept > most) std::abort();
      most = kept;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size == 0) return 0;
  const InputFile file(input + 1, size - 1);
  heatvit::fuzz::accepted_or_refused([&] { input[0] % 2 == 0 ? read_trace(file.path()) : read_labels(file.path()); });
  return 0;
}
