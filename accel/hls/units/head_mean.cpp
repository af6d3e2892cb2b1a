// Statistics of the heads (docs/numerics.md, section 8): the mean of each row of n residual values, rows x n, dense, to
// int8. Cost: head_mean_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" void head_mean(const int16_t* x, int rows, int n, uint16_t multiplier, int shift, int8_t* out) {
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 4096
    out[r] = heatvit::kernels::head_mean<int16_t>(x + at, n, multiplier, shift);
  }
}
