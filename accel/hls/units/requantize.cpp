// Requantisation of rows of accumulators (docs/numerics.md, section 3), a record a channel: eight bytes as they lie in
// DDR (accel/isa/records.h). rows x n values, dense; n <= kMaxRow. Cost: requantize_cycles.
#include "accel/kernels/requantize.h"

#include "accel/hls/units/units.h"

namespace kernels = heatvit::kernels;

/// int8 out, with ReLU or without.
extern "C" void requantize(const int32_t* acc, const uint64_t* records, int rows, int n, int relu, int8_t* out) {
  const int64_t floor = relu != 0 ? 0 : -(int64_t{1} << 62);
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    kernels::detail::finish_linear<1, false, int8_t, uint64_t>(acc + at, records, n, out, floor, out + at);
  }
}

/// int16 residual stream: one saturation of the sum.
extern "C" void requantize_residual(const int32_t* acc, const uint64_t* records, const int16_t* residual, int rows,
                                    int n, int16_t* out) {
  const int64_t floor = -(int64_t{1} << 62);
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    kernels::detail::finish_linear<1, true, int16_t, uint64_t>(acc + at, records, n, residual + at, floor, out + at);
  }
}
