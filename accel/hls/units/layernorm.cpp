// LayerNorm over rows of the int16 residual stream (docs/numerics.md, section 7). Records: eight bytes a channel as
// they lie in DDR (accel/isa/records.h). rows x n, dense; n <= kMaxRow. Cost: layernorm_cycles.
#include "accel/kernels/layernorm.h"

#include "accel/hls/units/units.h"

extern "C" void layernorm(const int16_t* x, const uint64_t* records, int rows, int n, int shift, uint64_t epsilon,
                          int8_t* out) {
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    heatvit::kernels::layernorm_row<int16_t, uint64_t>(x + at, n, records, shift, epsilon, out + at);
  }
}
