// Requantisation to Q10 and GELU (docs/numerics.md, section 4): rows of accumulators to int8. rows x n, dense; n <=
// kMaxRow; delta1 in Q15. Cost: gelu_cycles.
#include "accel/kernels/gelu.h"

#include "accel/hls/units/units.h"

extern "C" void gelu(const int32_t* acc, const uint64_t* records, int rows, int n, uint16_t delta1,
                     uint16_t multiplier2, int shift2, int8_t* out) {
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    heatvit::kernels::finish_gelu_row<uint64_t>(acc + at, records, 1, n, delta1, multiplier2, shift2, out + at);
  }
}
