// Rounding and saturation (docs/numerics.md, section 1).
#ifndef HEATVIT_ACCEL_KERNELS_ROUND_H_
#define HEATVIT_ACCEL_KERNELS_ROUND_H_

#include <cstdint>

namespace heatvit {
namespace kernels {

/// v / 2^s rounded half away from zero; 1 <= s <= 62. For every v whose sum with 2^(s-1) fits 64 bits this is
/// (v + 2^(s-1) + (v >> 63)) >> s. Written as two shifts: the same number by floor((a + 2^(s-1)) / 2^s) =
/// floor((floor(a / 2^(s-1)) + 1) / 2), it cannot overflow, and g++ 12 vectorises no `1 << variable`.
inline int64_t round_shift(int64_t v, int s) { return (((v + (v >> 63)) >> (s - 1)) + 1) >> 1; }

template <class T>
struct Range;
template <>
struct Range<int8_t> {
  static constexpr int64_t min() { return -128; }
  static constexpr int64_t max() { return 127; }
};
template <>
struct Range<uint8_t> {
  static constexpr int64_t min() { return 0; }
  static constexpr int64_t max() { return 255; }
};
template <>
struct Range<int16_t> {
  static constexpr int64_t min() { return -32768; }
  static constexpr int64_t max() { return 32767; }
};
template <>
struct Range<uint16_t> {
  static constexpr int64_t min() { return 0; }
  static constexpr int64_t max() { return 65535; }
};
template <>
struct Range<int32_t> {
  static constexpr int64_t min() { return -2147483647 - 1; }
  static constexpr int64_t max() { return 2147483647; }
};

/// v clamped to the range of T.
template <class T>
inline T saturate(int64_t v) {
  v = v < Range<T>::min() ? Range<T>::min() : v;
  v = v > Range<T>::max() ? Range<T>::max() : v;
  return static_cast<T>(v);
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_ROUND_H_
