// Compaction and packaging (docs/numerics.md, section 8, package token): tokens x columns of the int16 residual stream,
// dense, to the kept rows in order and, with `package`, the weighted mean of the others (with a divisor: their weighted
// sum divided by it). Cost: pack_slice_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" void token_pack(const int16_t* x, int tokens, int columns, const uint8_t* mask, const uint32_t* scores,
                           int package, uint32_t divisor, int16_t* out) {
  heatvit::kernels::pack_slice<int16_t>(x, tokens, columns, mask, scores, package != 0, divisor, out);
}
