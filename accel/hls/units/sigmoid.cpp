// Requantisation to Q12 and sigmoid (docs/numerics.md, section 6): rows of accumulators to uint16 Q16. rows x n, dense;
// n <= kMaxRow. Cost: sigmoid_cycles.
#include "accel/kernels/sigmoid.h"

#include "accel/hls/units/units.h"

extern "C" void sigmoid(const int32_t* acc, const uint64_t* records, int rows, int n, uint16_t* out) {
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    heatvit::kernels::detail::finish_sigmoid<1, uint64_t>(acc + at, records, n, out + at);
  }
}
