// Merging of tokens (docs/numerics.md, section 8, ToMe): tokens x columns of the int16 residual stream, dense, to a row
// a token that stays, the mean by size of it and of those that go into it; and how many tokens each stands for then.
// Cost: merge_slice_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/merging.h"

extern "C" void token_merge(const int16_t* x, int tokens, int columns, const uint8_t* mask, const uint16_t* partners,
                            const uint16_t* sizes, uint16_t* sizes_after, int16_t* out) {
  uint16_t next[heatvit::kernels::kMaxTokens];
  uint16_t first[heatvit::kernels::kMaxTokens];
  heatvit::kernels::MergeStep steps[heatvit::kernels::kMaxTokens];
  const int count = heatvit::kernels::merge_order(mask, partners, sizes, tokens, next, first, steps, sizes_after);
  heatvit::kernels::merge_slice<int16_t>(x, columns, steps, count, sizes, out);
}
