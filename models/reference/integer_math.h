// Scalars and rows of docs/numerics.md sections 1, 3 (requantisation), 4, 5, 6 and 7, written from the specification.
// Models/reference calls no accelerator kernel: the simulated hardware is compared with what stands here, bit for bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "models/network/quant_model.h"

namespace heatvit::reference {

constexpr uint16_t kUnitDelta = 32768;  // 1.0 in Q15

/// v / 2^shift rounded half away from zero (section 1). shift >= 1; |v| + 2^(shift - 1) < 2^63.
inline int64_t round_shift(int64_t value, int shift) {
  return (value + (int64_t{1} << (shift - 1)) + (value >> 63)) >> shift;
}

/// a / b rounded half away from zero (section 1). b > 0.
int64_t div_round(int64_t a, int64_t b);

/// Clamps to the range of Int: sat8, sat16, sat32 of section 1, for unsigned types satu8 and satu16.
template <typename Int>
constexpr Int saturate(int64_t value) {
  return static_cast<Int>(std::clamp(value, static_cast<int64_t>(std::numeric_limits<Int>::min()),
                                     static_cast<int64_t>(std::numeric_limits<Int>::max())));
}

/// The residual stream's saturation: int16, or int8 values in an int16 container for residual_bits 8.
inline int16_t saturate_residual(int64_t value, int residual_bits) {
  return residual_bits == 8 ? int16_t{saturate<int8_t>(value)} : saturate<int16_t>(value);
}

/// q of section 3: an accumulator (32 or 48 bits) that already holds its bias, requantised, not yet saturated.
inline int64_t requantise(int64_t accumulator, uint16_t multiplier, int shift) {
  return round_shift(accumulator * multiplier, shift);
}

/// Section 4. x: Q10. delta1: Q15. `out`: from Q12 to the output's scale. Out: int8_t or int16_t.
template <typename Out = int8_t>
Out gelu(int16_t x, uint16_t delta1, const network::Requant& out);

/// Section 6a. x: Q10. `out`: from Q12 to the output's scale. Out: int8_t or int16_t.
template <typename Out = int8_t>
Out silu(int16_t x, const network::Requant& out);

/// Section 5 over one row of n >= 1 scores in Q8. delta2: Q15. Out: uint8_t (scale 1/255) or uint16_t (1/65535).
template <typename Out>
void softmax(const int16_t* scores, int n, uint16_t delta2, Out* out, const int* sizes = nullptr);

/// Section 6. x: Q12; result: Q16, at most 65535.
uint16_t sigmoid(int16_t x);

/// Section 7 over one row of norm.n residual values. Out: int8_t or int16_t.
template <typename Out>
void layer_norm(const int16_t* x, const network::QuantLayerNorm& norm, Out* out);

/// floor(sqrt(value)), exact over all of uint64.
uint32_t integer_sqrt(uint64_t value);

}  // namespace heatvit::reference
