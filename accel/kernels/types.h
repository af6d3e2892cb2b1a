// Integers of a stated width. In simulation they are the native type that holds them, because ap_int is eight times
// slower in plain C++; where HEATVIT_AP_INT is defined (by the Vitis script) they are ap_int, and the tool builds
// operators of exactly these widths. Both give the same numbers (test_hls): no value leaves its width.
#ifndef HEATVIT_ACCEL_KERNELS_TYPES_H_
#define HEATVIT_ACCEL_KERNELS_TYPES_H_

#include <cstdint>

#include "accel/kernels/hardware.h"

#ifdef HEATVIT_AP_INT
#include <ap_int.h>
#endif

namespace heatvit {
namespace kernels {

#ifdef HEATVIT_AP_INT

template <int kBits>
using Int = ap_int<kBits>;
template <int kBits>
using UInt = ap_uint<kBits>;

/// The value as a native integer.
template <int kBits>
inline int64_t native(const ap_int<kBits>& v) {
  return v.to_int64();
}
template <int kBits>
inline int64_t native(const ap_uint<kBits>& v) {
  static_assert(kBits < 64, "fits");
  return v.to_int64();
}

#else

namespace detail {

template <int kBytes>
struct Native;
template <>
struct Native<1> {
  using Signed = int8_t;
  using Unsigned = uint8_t;
};
template <>
struct Native<2> {
  using Signed = int16_t;
  using Unsigned = uint16_t;
};
template <>
struct Native<4> {
  using Signed = int32_t;
  using Unsigned = uint32_t;
};
template <>
struct Native<8> {
  using Signed = int64_t;
  using Unsigned = uint64_t;
};

constexpr int native_bytes(int bits) { return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8; }

}  // namespace detail

/// 1 <= kBits <= 64.
template <int kBits>
using Int = typename detail::Native<detail::native_bytes(kBits)>::Signed;
template <int kBits>
using UInt = typename detail::Native<detail::native_bytes(kBits)>::Unsigned;

inline int64_t native(int64_t v) { return v; }

#endif

/// Powers of two, added or subtracted, that make up a positive constant: the digits that are not zero of its canonical
/// signed form.
constexpr int signed_digits(int64_t constant) {
  int count = 0;
  for (int64_t rest = constant; rest != 0; rest >>= 1) {
    if ((rest & 1) == 0) continue;
    rest -= 2 - (rest & 3);
    ++count;
  }
  return count;
}

/// The product of a value of kA bits and one of kB bits, both signed, which needs kProduct bits: the tool builds a
/// multiplier of the operands' widths, not of their types in C. The lists of a header's multipliers (what
/// docs/resources.md counts DSP slices from) have the same widths; a test compares them.
template <int kA, int kB, int kProduct, class A, class B>
inline Int<kProduct> multiply(A a, B b) {
#pragma HLS inline
  static_assert(kProduct <= kA + kB, "no product is wider than its operands together");
  const Int<kA> left = static_cast<Int<kA>>(a);
  const Int<kB> right = static_cast<Int<kB>>(b);
#ifdef HEATVIT_AP_INT
  const Int<kProduct> product = left * right;
#else
  const Int<kProduct> product =
      static_cast<Int<kProduct>>(static_cast<Int<kProduct>>(left) * static_cast<Int<kProduct>>(right));
#endif
#pragma HLS bind_op variable = product op = mul impl = dsp
  return product;
}

/// The same by a constant, which as sums of shifted operands needs no DSP slice: kConstantsInLut says where it is
/// built. Written out again because a binding holds for the operation in whose scope its variable is.
template <int kA, int kB, int kProduct, class A>
inline Int<kProduct> multiply_constant(A a, int64_t constant) {
#pragma HLS inline
  if (kConstantsInLut == 0) return multiply<kA, kB, kProduct>(a, constant);
  const Int<kA> left = static_cast<Int<kA>>(a);
  const Int<kB> right = static_cast<Int<kB>>(constant);
#ifdef HEATVIT_AP_INT
  const Int<kProduct> product = left * right;
#else
  const Int<kProduct> product =
      static_cast<Int<kProduct>>(static_cast<Int<kProduct>>(left) * static_cast<Int<kProduct>>(right));
#endif
#pragma HLS bind_op variable = product op = mul impl = fabric
  return product;
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_TYPES_H_
