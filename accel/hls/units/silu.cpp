// Requantisation to Q10 and SiLU (docs/numerics.md, section 6a): rows of accumulators to int8. rows x n, dense; n <=
// kMaxRow. Cost: silu_cycles.
#include "accel/kernels/silu.h"

#include "accel/hls/units/units.h"

extern "C" void silu(const int32_t* acc, const uint64_t* records, int rows, int n, uint16_t multiplier2, int shift2,
                     int8_t* out) {
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    heatvit::kernels::finish_silu_row<uint64_t>(acc + at, records, 1, n, multiplier2, shift2, out + at);
  }
}
