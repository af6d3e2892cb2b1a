// The .ini file of a sweep: it is refused, or every point that is looked at resolves or is refused.
#include <algorithm>

#include "tb/explore/sweep_spec.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  namespace explore = heatvit::explore;
  const heatvit::fuzz::InputFile file(input, size);
  heatvit::fuzz::accepted_or_refused([&] {
    const explore::SweepSpec spec = explore::read_sweep(file.path(), {});
    explore::identity_of(spec, "fuzz");
    const uint64_t points = spec.space.size();
    for (const uint64_t number : {uint64_t{0}, points / 2, points - 1})
      if (number < points) heatvit::fuzz::accepted_or_refused([&] { explore::resolve_point(spec, number); });
  });
  return 0;
}
