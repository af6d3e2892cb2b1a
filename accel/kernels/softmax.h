// Softmax of one row: the paper's shift-and-polynomial exponential in fixed point (docs/numerics.md, section 5).
#ifndef HEATVIT_ACCEL_KERNELS_SOFTMAX_H_
#define HEATVIT_ACCEL_KERNELS_SOFTMAX_H_

#include <cstdint>

#include "accel/kernels/cost.h"
#include "accel/kernels/divide.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/round.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

constexpr int64_t kInvLn2Q16 = 94548;       // round(2^16 / ln 2)
constexpr int64_t kLn2Q16 = 45426;          // round(2^16 ln 2)
constexpr int64_t kExpVertexQ16 = 88670;    // round(1.353 * 2^16)
constexpr int64_t kExpScaleQ16 = 23495;     // round(0.3585 * 2^16)
constexpr int64_t kExpOffsetQ24 = 5771362;  // round(0.344 * 2^24)

/// exp(0) in Q24 by the polynomial below: the largest value that there is, 25 bits.
constexpr int64_t kExpOneQ24 = ((((kExpVertexQ16 * kExpVertexQ16) >> 8) * kExpScaleQ16) >> 16) + kExpOffsetQ24;
constexpr int kExpBits = 25;
static_assert((kExpOneQ24 >> kExpBits) == 0, "an exponential fits its type");

/// exp(-d / 256) in Q24 for d in [0, 65535]: 2^-z times a parabola in the rest.
inline uint32_t exp_q24(int32_t d) {
  const Int<34> halvings = multiply_constant<17, 18, 34>(d, kInvLn2Q16);
  const Int<10> z = static_cast<Int<10>>(halvings >> 24);
  const Int<26> rest = static_cast<Int<26>>((d << 8) - static_cast<int32_t>(multiply_constant<10, 17, 26>(z, kLn2Q16)));
  const Int<18> t = static_cast<Int<18>>(static_cast<int32_t>(kExpVertexQ16) - static_cast<int32_t>(rest));
  const Int<35> square = multiply<18, 18, 35>(t, t);
  const Int<42> scaled = multiply_constant<26, 16, 42>(native(square) >> 8, kExpScaleQ16);
  const UInt<kExpBits> p = static_cast<UInt<kExpBits>>((native(scaled) >> 16) + kExpOffsetQ24);
  const int halved = static_cast<int>(z) > 31 ? 31 : static_cast<int>(z);  // nothing is left from z = 25
  return static_cast<uint32_t>(p) >> halved;
}

constexpr int kSoftmaxReciprocalBits = 30;
static_assert((int64_t{1} << (54 - kSoftmaxReciprocalBits)) < kExpOneQ24,
              "2^54 / sum has 30 bits: the sum holds exp(0)");
constexpr int kSoftmaxSumBits = kExpBits + 11;
static_assert(kMaxScores <= 2048, "a sum of exponentials fits its type");

namespace detail {

inline int16_t row_max(const int16_t* x, int n) {
  int16_t largest = x[0];
scores:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kSoftmaxLanes
#pragma HLS loop_tripcount min = 2 max = 256
    largest = x[i] > largest ? x[i] : largest;
  }
  return largest;
}

inline UInt<kSoftmaxSumBits> row_exp(const int16_t* x, int n, int16_t largest, uint32_t* e) {
  UInt<kSoftmaxSumBits> sum = 0;
scores:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kSoftmaxLanes
#pragma HLS loop_tripcount min = 2 max = 256
    e[i] = exp_q24(largest - x[i]);
    sum += e[i];
  }
  return sum;
}

/// A product of an exponential and the reciprocal of their sum as a probability.
template <class Out>
inline Out probability(Int<56> share, uint16_t delta2) {
#pragma HLS inline
  const Int<34> q = static_cast<Int<34>>(native(share) >> 22);  // Q32; 1.0 itself has 33 bits
  const Int<50> weighed = multiply<34, 17, 50>(q, delta2);
  const Int<51> value = static_cast<Int<51>>(native(weighed) >> 15);
  const Int<51> product = static_cast<Int<51>>((native(value) << 8 * sizeof(Out)) - native(value));  // times 2^b - 1
  return saturate<Out>((native(product) + (int64_t{1} << 31)) >> 32);
}

template <class Out>
inline Out scaled(uint32_t e, UInt<kSoftmaxReciprocalBits> reciprocal, uint16_t delta2) {
#pragma HLS inline
  return probability<Out>(multiply<26, 31, 56>(e, reciprocal), delta2);
}

template <class Out>
inline void row_scale(const uint32_t* e, int n, UInt<kSoftmaxReciprocalBits> reciprocal, uint16_t delta2, Out* out) {
scores:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kSoftmaxLanes
#pragma HLS loop_tripcount min = 2 max = 256
    out[i] = scaled<Out>(e[i], reciprocal, delta2);
  }
}

}  // namespace detail

/// out = delta2 * softmax(x), x in Q8, 1 <= n <= kMaxScores; 1.0 is the maximum of Out (uint8 or uint16). delta2 in
/// Q15. x and out must not overlap.
template <class Out>
void softmax_row(const int16_t* x, int n, uint16_t delta2, Out* out) {
  uint32_t e[kMaxScores];
  const int16_t largest = detail::row_max(x, n);
  const UInt<kSoftmaxSumBits> sum = detail::row_exp(x, n, largest, e);
  const UInt<kSoftmaxReciprocalBits> reciprocal =
      divide<kSoftmaxReciprocalBits, kSoftmaxSumBits>(uint64_t{1} << 54, sum);
  detail::row_scale(e, n, reciprocal, delta2, out);
}

constexpr int kSoftmaxPairInterval =
    static_cast<int>(division_interval(divide_cycles(kSoftmaxReciprocalBits), kDivisionInterval));

/// softmax_row of rows of two values, side by side, to the same numbers: a sigmoid of the difference. The larger one's
/// exponential is a constant, so no row is stored between passes: one pipeline a lane, a pair as often as it divides.
template <class Out>
void softmax_pairs(const int16_t* x, int rows, uint16_t delta2, Out* out) {
pairs:
  for (int r = 0; r < rows; ++r) {
#pragma HLS pipeline II = kSoftmaxPairInterval
#pragma HLS unroll factor = kScoreLanes
#pragma HLS loop_tripcount min = 1 max = 4096
    const int32_t first = x[2 * r], second = x[2 * r + 1];
    const bool first_is_larger = first >= second;
    const uint32_t one = static_cast<uint32_t>(kExpOneQ24);
    const uint32_t other = exp_q24(first_is_larger ? first - second : second - first);
    const UInt<kSoftmaxSumBits> sum = static_cast<UInt<kSoftmaxSumBits>>(one) + other;
    const UInt<kSoftmaxReciprocalBits> reciprocal =
        detail::divide_pipelined<kSoftmaxReciprocalBits, kSoftmaxSumBits>(uint64_t{1} << 54, sum);
    const Out larger = detail::scaled<Out>(one, reciprocal, delta2);
    const Out smaller = detail::scaled<Out>(other, reciprocal, delta2);
    out[2 * r] = first_is_larger ? larger : smaller;
    out[2 * r + 1] = first_is_larger ? smaller : larger;
  }
}

/// Of a lane: the exponential, then the scaling. A pair needs one exponential and two scalings.
constexpr Multiplier kSoftmaxMultipliers[] = {{17, 18, signed_digits(kInvLn2Q16)},
                                              {10, 17, signed_digits(kLn2Q16)},
                                              {18, 18},
                                              {26, 16, signed_digits(kExpScaleQ16)},
                                              {26, 31},
                                              {34, 17}};

/// Stages of the three passes beyond their beats. The lanes' maximum is a tree.
constexpr int softmax_max_depth(int lanes, const Stages& s) { return s.read + ceil_log2(lanes) * s.add; }

/// The exponential multiplies three times, shifts, and sums the lanes in a tree.
constexpr int softmax_exp_depth(int lanes, const Stages& s) {
  return s.read + s.product(kSoftmaxMultipliers[0]) + s.product(kSoftmaxMultipliers[1]) +
         s.product(kSoftmaxMultipliers[2]) + s.shift + 2 * s.add + ceil_log2(lanes) * s.add;
}

/// Scaling multiplies three times.
constexpr int softmax_scale_depth(const Stages& s) {
  return s.read + s.product(kSoftmaxMultipliers[3]) + s.product(kSoftmaxMultipliers[4]) +
         s.product(kSoftmaxMultipliers[5]) + s.saturate + s.write;
}

constexpr int softmax_depth(int lanes, const Stages& s) {
  return softmax_max_depth(lanes, s) + softmax_exp_depth(lanes, s) + softmax_scale_depth(s);
}

/// Rows between two rows that enter: the passes overlap (row buffers are doubled), each takes ceil(n / lanes) beats and
/// one to hand over. The divider is a stage of its own, which takes a row each `division` cycles: shorter rows wait.
constexpr int64_t softmax_interval(int n, int lanes, int division) {
  const int64_t pass = ceil_div(n, lanes) + 1;
  const int64_t wait = division_interval(divide_cycles(kSoftmaxReciprocalBits), division);
  return pass > wait ? pass : wait;
}

/// Difference, exponential, sum, scaling.
constexpr int softmax_pair_depth(const Stages& s) {
  return softmax_max_depth(1, s) + s.add + softmax_exp_depth(1, s) + softmax_scale_depth(s);
}

constexpr int64_t softmax_pair_cycles(int64_t rows, int division, const Stages& s, int lanes) {
  const int64_t divide = divide_cycles(kSoftmaxReciprocalBits);
  return row_dataflow_cycles(ceil_div(rows, lanes), division_interval(divide, division),
                             divide + softmax_pair_depth(s));
}

/// The unit of pairs is there where dividers are pipelined: else it would wait for them as rows do.
constexpr bool has_softmax_pairs(int division) { return division < divide_cycles(kSoftmaxReciprocalBits); }

/// `pairs`: lanes of the unit of pairs.
constexpr int64_t softmax_cycles(int64_t rows, int n, int lanes, int division, const Stages& s, int pairs = 1) {
  if (n == 2 && has_softmax_pairs(division)) return softmax_pair_cycles(rows, division, s, pairs);
  return row_dataflow_cycles(
      rows, softmax_interval(n, lanes, division),
      3 * (ceil_div(n, lanes) + 1) + divide_cycles(kSoftmaxReciprocalBits) + softmax_depth(lanes, s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_SOFTMAX_H_
