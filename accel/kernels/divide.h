// Restoring division, two quotient bits a cycle: small, and its latency is written down rather than left to the tool.
// Row-wise units divide once a row. With kDivisionInterval below the latency the divider is a pipeline that takes a new
// division each interval, and stages that lie a whole number of intervals apart share their subtractors.
#ifndef HEATVIT_ACCEL_KERNELS_DIVIDE_H_
#define HEATVIT_ACCEL_KERNELS_DIVIDE_H_

#include <cstdint>

#include "accel/kernels/cost.h"
#include "accel/kernels/hardware.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

constexpr int kDivideBitsPerCycle = 2;  // two subtractions in a row: about 4 ns
constexpr int kDivideDepth = 2;         // operand and result registers

/// Cycles until the quotient is there.
constexpr int64_t divide_cycles(int quotient_bits) {
  return ceil_div(quotient_bits, kDivideBitsPerCycle) + kDivideDepth;
}

/// Cycles until a divider or root unit of this latency takes the next operands; `interval` is its kDivisionInterval.
constexpr int64_t division_interval(int64_t latency, int interval) { return interval < latency ? interval : latency; }

/// Of a divisor of kDivisorBits: the rest is as wide, and one more before the divisor leaves it.
template <int kBits, int kDivisorBits>
struct Quotient {
  UInt<kBits> floor;
  UInt<kDivisorBits + 1> rest;
};

namespace detail {

/// One more bit of the quotient: the rest takes in the numerator's next bit, and the divisor leaves it where it fits.
template <int kBits, int kDivisorBits>
inline void divide_bit(Quotient<kBits, kDivisorBits>& q, bool bit, UInt<kDivisorBits> divisor) {
#pragma HLS inline
  using Rest = UInt<kDivisorBits + 1>;
  const Rest rest = static_cast<Rest>(static_cast<Rest>(q.rest << 1) | static_cast<Rest>(bit));
  const bool fits = rest >= divisor;
  q.rest = static_cast<Rest>(rest - static_cast<Rest>(fits ? divisor : UInt<kDivisorBits>(0)));
  q.floor = static_cast<UInt<kBits>>(static_cast<UInt<kBits>>(q.floor << 1) | static_cast<UInt<kBits>>(fits));
}

}  // namespace detail

namespace detail {

template <int kBits, int kDivisorBits>
inline UInt<kBits> divide_in_turn(uint64_t numerator, UInt<kDivisorBits> divisor) {
  Quotient<kBits, kDivisorBits> q = {0, static_cast<UInt<kDivisorBits + 1>>(numerator >> kBits)};
quotient_bits:
  for (int i = kBits - 1; i >= 0; --i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = 2
    divide_bit<kBits, kDivisorBits>(q, ((numerator >> i) & 1) != 0, divisor);
  }
  return q.floor;
}

template <int kBits, int kDivisorBits>
inline UInt<kBits> divide_pipelined(uint64_t numerator, UInt<kDivisorBits> divisor) {
#pragma HLS pipeline II = kDivisionInterval
  Quotient<kBits, kDivisorBits> q = {0, static_cast<UInt<kDivisorBits + 1>>(numerator >> kBits)};
quotient_stages:
  for (int i = kBits - 1; i >= 0; --i) {
#pragma HLS unroll
    divide_bit<kBits, kDivisorBits>(q, ((numerator >> i) & 1) != 0, divisor);
  }
  return q.floor;
}

}  // namespace detail

/// floor(numerator / divisor) for a quotient below 2^kBits, that is (numerator >> kBits) < divisor; divisor below
/// 2^kDivisorBits.
template <int kBits, int kDivisorBits>
inline UInt<kBits> divide(uint64_t numerator, UInt<kDivisorBits> divisor) {
#pragma HLS inline
  static_assert(kBits >= 1 && kBits <= 62 && kDivisorBits >= 1 && kDivisorBits <= 62, "bits of quotient and divisor");
  return kDivisionInterval < divide_cycles(kBits) ? detail::divide_pipelined<kBits, kDivisorBits>(numerator, divisor)
                                                  : detail::divide_in_turn<kBits, kDivisorBits>(numerator, divisor);
}

/// a / b rounded half away from zero for a pipelined divider, a stage each bit: |a| / b < 2^kBits, 0 < b <
/// 2^kDivisorBits.
template <int kBits, int kDivisorBits>
inline int64_t divide_rounded(int64_t a, UInt<kDivisorBits> b) {
  const uint64_t magnitude = static_cast<uint64_t>(a < 0 ? -a : a);
  Quotient<kBits, kDivisorBits> q = {0, static_cast<UInt<kDivisorBits + 1>>(magnitude >> kBits)};
stages:
  for (int i = kBits - 1; i >= 0; --i) {
#pragma HLS unroll
    detail::divide_bit<kBits, kDivisorBits>(q, ((magnitude >> i) & 1) != 0, b);
  }
  const int64_t rounded = static_cast<int64_t>(q.floor) + (q.rest >= b - q.rest ? 1 : 0);
  return a < 0 ? -rounded : rounded;
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_DIVIDE_H_
