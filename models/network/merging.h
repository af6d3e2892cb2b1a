// Token merging: the constants of its similarities (docs/numerics.md, section 8, ToMe).
#pragma once

#include <cstdint>

#include "models/network/quant_model.h"

namespace heatvit::network {

/// Patch tokens of the first set, which may go, and of the second.
constexpr int first_set(int candidates) { return (candidates + 1) / 2; }
constexpr int second_set(int candidates) { return candidates / 2; }

/// Keys of all heads, centred, to a deviation of 2^5 (16 bits: 2^13): gamma 1, beta 0.
inline QuantLayerNorm key_norm(int dim, int bits) {
  QuantLayerNorm norm;
  norm.n = dim;
  norm.channels.assign(static_cast<size_t>(dim), isa::NormRecord{0, 1, 0});
  norm.shift = bits == 16 ? 1 : 7;
  return norm;
}

/// Their product to a correlation in Q14: 2^14 / (dim 2^10), 16 bits: 2^14 / (dim 2^26), as a multiplier below 2^16.
inline Requant similarity_scale(int dim, int bits) {
  const int exponent = bits == 16 ? -12 : 4;
  Requant scale;
  for (int shift = 1; shift <= 62; ++shift) {
    const int power = shift + exponent;
    if (power < 0) continue;
    const uint64_t multiplier = ((uint64_t{1} << power) + static_cast<uint64_t>(dim) / 2) / static_cast<uint64_t>(dim);
    if (multiplier > 65535) break;
    scale = {static_cast<uint16_t>(multiplier), static_cast<uint8_t>(shift)};
  }
  return scale;
}

}  // namespace heatvit::network
