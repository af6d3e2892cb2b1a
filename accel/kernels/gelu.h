// GELU with the paper's second-order polynomial for erf, in fixed point (docs/numerics.md, section 4).
#ifndef HEATVIT_ACCEL_KERNELS_GELU_H_
#define HEATVIT_ACCEL_KERNELS_GELU_H_

#include <cstdint>

#include "accel/isa/records.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/round.h"

namespace heatvit {
namespace kernels {

constexpr int32_t kInvSqrt2Q16 = 46341;      // round(2^16 / sqrt 2)
constexpr int32_t kErfKneeQ14 = 28983;       // floor(1.769 * 2^14): beyond it the polynomial is flat
constexpr int32_t kErfCurvatureQ16 = 18927;  // round(0.2888 * 2^16)

/// GELU of x (Q10) in Q12. delta1: Q15, 32768 = 1.0. |result| < 2^18. Products that need more than 32 bits are named
/// so.
inline int32_t gelu_q12(int16_t x, uint16_t delta1) {
  const int32_t wide = x;
  const int32_t magnitude = wide < 0 ? -wide : wide;
  const int32_t scaled = static_cast<int32_t>(multiply_constant<17, 17, 32>(magnitude, kInvSqrt2Q16)) >> 12;
  const UInt<15> t = static_cast<UInt<15>>(kErfKneeQ14 - (scaled < kErfKneeQ14 ? scaled : kErfKneeQ14));
  const Int<46> bend = multiply_constant<31, 16, 46>(multiply<16, 16, 31>(t, t), kErfCurvatureQ16);  // up to 2^44
  const int32_t erf = 32768 - static_cast<int32_t>((native(bend) + (int64_t{1} << 28)) >> 29);
  // 65535 * 2^15 + 2^14 < 2^31
  const int32_t regularised = (static_cast<int32_t>(multiply<17, 17, 32>(delta1, erf)) + (1 << 14)) >> 15;
  const Int<18> factor = 32768 + (wide >= 0 ? regularised : -regularised);
  const Int<34> product = multiply<16, 18, 34>(wide, factor);
  return static_cast<int32_t>(round_shift(native(product), 14));
}

namespace detail {

inline void gelu_row(const int16_t* x, int n, uint16_t delta1, int32_t* g) {
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kGeluLanes
#pragma HLS loop_tripcount min = 1 max = 1024
    g[i] = gelu_q12(x[i], delta1);
  }
}

template <class Out>
inline void gelu_rescale(const int32_t* g, int n, uint16_t multiplier, int shift, Out* out) {
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kGeluLanes
#pragma HLS loop_tripcount min = 1 max = 1024
    const Int<36> product = multiply<19, 17, 36>(g[i], multiplier);
    out[i] = saturate<Out>(round_shift(native(product), shift));
  }
}

}  // namespace detail

/// out[i] = saturate(round_shift(gelu(saturate16(q)) * multiplier2, shift2)), q = requantize(acc[i], record of channel
/// i) in Q10. Out: int8 or int16. n <= kMaxRow; record_step as in finish_linear_row. Three pipelines with first-in
/// first-out buffers between them: one value a cycle and lane as a single loop would have, and each loop narrow enough
/// to vectorise well.
template <class Record, class Acc, class Out>
void finish_gelu_row(const Acc* acc, const Record* records, int record_step, int n, uint16_t delta1,
                     uint16_t multiplier2, int shift2, Out* out) {
#pragma HLS dataflow
  int16_t x[kMaxRow];
#pragma HLS stream variable = x depth = 2
  int32_t g[kMaxRow];
#pragma HLS stream variable = g depth = 2
  finish_linear_row<int16_t>(acc, records, record_step, n, static_cast<const int16_t*>(nullptr), false, x);
  detail::gelu_row(x, n, delta1, g);
  detail::gelu_rescale(g, n, multiplier2, shift2, out);
}

/// Of a lane: polynomial, then rescaling.
constexpr Multiplier kGeluMultipliers[] = {{17, 17, signed_digits(kInvSqrt2Q16)},
                                           {16, 16},
                                           {31, 16, signed_digits(kErfCurvatureQ16)},
                                           {17, 17},
                                           {16, 18},
                                           {19, 17}};

namespace detail {

/// All but the last: one after another.
constexpr int gelu_products(const Stages& s) {
  int stages = 0;
  for (int i = 0; i < 5; ++i) stages += s.product(kGeluMultipliers[i]);
  return stages;
}

}  // namespace detail

/// Polynomial: buffer; five multiplications, two additions, a rounding shift.
constexpr int gelu_polynomial_depth(const Stages& s) { return s.read + detail::gelu_products(s) + 2 * s.add + s.shift; }

/// Rescaling: buffer; a multiplication, a rounding shift, saturation, write.
constexpr int gelu_rescale_depth(const Stages& s) {
  return s.read + s.product(kGeluMultipliers[5]) + s.shift + s.saturate + s.write;
}

constexpr int gelu_depth(const Stages& s) {
  return requantize_depth(s) + gelu_polynomial_depth(s) + gelu_rescale_depth(s);
}

constexpr int64_t gelu_cycles(int64_t rows, int n, int lanes, const Stages& s) {
  return stream_cycles(rows, n, lanes, gelu_depth(s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_GELU_H_
