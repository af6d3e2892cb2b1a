// Restoring division, two quotient bits a cycle: small, and its latency is written down rather than left to the tool.
#pragma once

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

/// floor(numerator / divisor) for a quotient below 2^kBits, that is (numerator >> kBits) < divisor; divisor < 2^63.
template <int kBits>
inline uint64_t divide(uint64_t numerator, uint64_t divisor) {
  static_assert(kBits >= 1 && kBits <= 63, "quotient bits");
  uint64_t rest = numerator >> kBits;
  uint64_t quotient = 0;
quotient_bits:
  for (int i = kBits - 1; i >= 0; --i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = 2
    rest = (rest << 1) | ((numerator >> i) & 1);
    const bool fits = rest >= divisor;
    rest -= fits ? divisor : 0;
    quotient = (quotient << 1) | (fits ? 1 : 0);
  }
  return quotient;
}

}  // namespace kernels
}  // namespace heatvit
