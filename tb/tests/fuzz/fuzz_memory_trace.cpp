// Memory traces: refused, or replayed to the end. The first byte chooses whether their cycles count.
#include "tb/run_sim/commands.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size == 0) return 0;
  const heatvit::fuzz::InputFile file(input + 1, size - 1);
  heatvit::tb::Arguments arguments = {"--trace", file.path()};
  if (input[0] % 2 != 0) arguments.emplace_back("--timed");
  heatvit::fuzz::accepted_or_refused([&] { heatvit::tb::mem_command(arguments); });
  return 0;
}
