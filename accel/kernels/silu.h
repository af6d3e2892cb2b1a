// SiLU, x times its sigmoid, with PLAN's sigmoid in fixed point (docs/numerics.md, section 6a).
#ifndef HEATVIT_ACCEL_KERNELS_SILU_H_
#define HEATVIT_ACCEL_KERNELS_SILU_H_

#include <cstdint>

#include "accel/kernels/gelu.h"
#include "accel/kernels/sigmoid.h"

namespace heatvit {
namespace kernels {

/// SiLU of x (Q10) in Q12. |result| <= 2^17. The sigmoid's argument is x in Q12, saturated where it is 0 or 1 anyway.
inline int32_t silu_q12(int16_t x) {
  const int32_t wide = x;
  const int16_t argument = saturate<int16_t>(int64_t{4} * wide);
  const Int<33> product = multiply<16, 17, 33>(wide, sigmoid_q16(argument));  // Q26
  return static_cast<int32_t>(round_shift(native(product), 14));
}

namespace detail {

inline void silu_row(const int16_t* x, int n, int32_t* g) {
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kGeluLanes
#pragma HLS loop_tripcount min = 1 max = 1024
    g[i] = silu_q12(x[i]);
  }
}

}  // namespace detail

/// As finish_gelu_row, with SiLU in place of GELU.
template <class Record, class Acc, class Out>
void finish_silu_row(const Acc* acc, const Record* records, int record_step, int n, uint16_t multiplier2, int shift2,
                     Out* out) {
#pragma HLS dataflow
  int16_t x[kMaxRow];
#pragma HLS stream variable = x depth = 2
  int32_t g[kMaxRow];
#pragma HLS stream variable = g depth = 2
  finish_linear_row<int16_t>(acc, records, record_step, n, static_cast<const int16_t*>(nullptr), false, x);
  detail::silu_row(x, n, g);
  detail::gelu_rescale(g, n, multiplier2, shift2, out);
}

/// Of a lane, beside the rescaling, which is GELU's.
constexpr Multiplier kSiluMultipliers[] = {{16, 17}};

/// Sigmoid: magnitude, piece, sign; then the product and its rounding shift.
constexpr int silu_function_depth(const Stages& s) {
  return s.read + 3 * s.add + s.product(kSiluMultipliers[0]) + s.shift;
}

constexpr int silu_depth(const Stages& s) {
  return requantize_depth(s) + silu_function_depth(s) + gelu_rescale_depth(s);
}

constexpr int64_t silu_cycles(int64_t rows, int n, int lanes, const Stages& s) {
  return stream_cycles(rows, n, lanes, silu_depth(s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_SILU_H_
