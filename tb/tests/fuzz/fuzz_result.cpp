// The JSON of a run, as compare and report read it again. Reports are made of it, and thrown away.
#include "tb/run_sim/commands.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using heatvit::fuzz::accepted_or_refused;
  const heatvit::fuzz::InputFile file(input, size);
  accepted_or_refused([&] { heatvit::tb::compare_command({file.path(), file.path(), "--tolerance", "1"}); });
  accepted_or_refused([&] { heatvit::tb::report_command({file.path(), "--html", "/dev/null"}); });
  return 0;
}
