// Restoring division, two quotient bits a cycle: small, and its latency is written down rather than left to the tool.
#ifndef HEATVIT_ACCEL_KERNELS_DIVIDE_H_
#define HEATVIT_ACCEL_KERNELS_DIVIDE_H_

#include <cstdint>

#include "accel/kernels/cost.h"

namespace heatvit {
namespace kernels {

constexpr int kDivideBitsPerCycle = 2;  // two subtractions in a row: about 4 ns
constexpr int kDivideDepth = 2;         // operand and result registers

/// Cycles until the quotient is there. The unit takes a new division after as many: it is not pipelined.
constexpr int64_t divide_cycles(int quotient_bits) {
  return ceil_div(quotient_bits, kDivideBitsPerCycle) + kDivideDepth;
}

struct Quotient {
  uint64_t floor, rest;
};

namespace detail {

/// One more bit of the quotient: the rest takes in the numerator's next bit, and the divisor leaves it where it fits.
inline Quotient divide_bit(const Quotient& q, uint64_t bit, uint64_t divisor) {
#pragma HLS inline
  const uint64_t rest = (q.rest << 1) | bit;
  const bool fits = rest >= divisor;
  return Quotient{(q.floor << 1) | (fits ? 1U : 0U), rest - (fits ? divisor : 0)};
}

}  // namespace detail

/// floor(numerator / divisor) for a quotient below 2^kBits, that is (numerator >> kBits) < divisor; divisor < 2^63.
template <int kBits>
inline uint64_t divide(uint64_t numerator, uint64_t divisor) {
  static_assert(kBits >= 1 && kBits <= 63, "quotient bits");
  Quotient q = {0, numerator >> kBits};
quotient_bits:
  for (int i = kBits - 1; i >= 0; --i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = 2
    q = detail::divide_bit(q, (numerator >> i) & 1, divisor);
  }
  return q.floor;
}

/// a / b rounded half away from zero for a pipelined divider, a stage each bit: |a| / b < 2^kBits, b > 0.
template <int kBits>
inline int64_t divide_rounded(int64_t a, int64_t b) {
  const uint64_t divisor = static_cast<uint64_t>(b);
  const uint64_t magnitude = static_cast<uint64_t>(a < 0 ? -a : a);
  Quotient q = {0, magnitude >> kBits};
stages:
  for (int i = kBits - 1; i >= 0; --i) {
#pragma HLS unroll
    q = detail::divide_bit(q, (magnitude >> i) & 1, divisor);
  }
  const int64_t rounded = static_cast<int64_t>(q.floor + (q.rest >= divisor - q.rest ? 1U : 0U));
  return a < 0 ? -rounded : rounded;
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_DIVIDE_H_
