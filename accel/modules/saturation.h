// Results that do not fit their type: how many values of a row the unit's last stage has clamped. Nothing in hardware
// needs the count; it tells whether activation ranges fit the network and the images.
//
// Each function takes what its kernel took, and the row that came out. Only values at the limits of their type are
// looked at again, so that the count costs next to nothing.
#pragma once

#include <cstdint>
#include <type_traits>

#include "accel/isa/records.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/silu.h"

namespace heatvit::modules {

namespace detail {

template <class T>
bool fits(int64_t value) {
  return value >= kernels::Range<T>::min() && value <= kernels::Range<T>::max();
}

/// How many of the values outside (low, high) are `clamped`, by their index. Most blocks have no value at a limit:
/// their least and largest one tell, without a branch a value.
template <class T, class Clamped>
uint64_t count_beyond(const T* out, int n, int64_t low, int64_t high, Clamped clamped) {
  constexpr int kBlock = 64;
  const auto bottom = static_cast<T>(low), top = static_cast<T>(high);
  uint64_t count = 0;
  for (int begin = 0; begin < n; begin += kBlock) {
    const int end = begin + kBlock < n ? begin + kBlock : n;
    T least = out[begin], largest = out[begin];
    for (int i = begin; i < end; ++i) {
      least = out[i] < least ? out[i] : least;
      largest = out[i] > largest ? out[i] : largest;
    }
    if (least > bottom && largest < top) continue;
    for (int i = begin; i < end; ++i)
      if ((out[i] <= bottom || out[i] >= top) && clamped(i)) ++count;
  }
  return count;
}

}  // namespace detail

/// Of kernels::finish_linear_row; `residual` as it was before (out may lie over it: then it must be a copy). Values
/// below zero that ReLU or an unsigned type makes zero are meant.
template <class T, class Acc>
uint64_t saturated_linear(const Acc* acc, const isa::ChannelRecord* records, int step, int n, const T* residual,
                          bool relu, const T* out) {
  constexpr int64_t kTop = kernels::Range<T>::max();
  const auto clamped = [&](int i) {
    int64_t q = kernels::requantize(acc[i], records[step * i]);
    if (relu && q < 0) q = 0;
    if (residual != nullptr) q += residual[i];
    return !detail::fits<T>(q);
  };
  if constexpr (std::is_unsigned_v<T>) {
    uint64_t count = 0;
    for (int i = 0; i < n; ++i)
      if (out[i] == kTop && clamped(i)) ++count;
    return count;
  } else {
    return detail::count_beyond(out, n, kernels::Range<T>::min(), kTop, clamped);
  }
}

/// Of kernels::finish_gelu_row and finish_silu_row: the argument beyond its 16 bits (where it is positive: below, both
/// functions are zero), or the result beyond its type. function: Q10 or Q12 argument to the function's value.
template <class Out, class Acc, class Function>
uint64_t saturated_function(const Acc* acc, const isa::ChannelRecord* records, int step, int n, uint16_t multiplier2,
                            int shift2, Function function, const Out* out) {
  const auto rescaled = [&](int16_t x) { return kernels::round_shift(int64_t{function(x)} * multiplier2, shift2); };
  const int64_t largest = rescaled(static_cast<int16_t>(kernels::Range<int16_t>::max()));
  const int64_t top = largest < kernels::Range<Out>::max() ? largest : kernels::Range<Out>::max();
  const auto clamped = [&](int i) {
    const int64_t x = kernels::requantize(acc[i], records[step * i]);
    if (x > kernels::Range<int16_t>::max()) return true;
    return !detail::fits<Out>(rescaled(kernels::saturate<int16_t>(x)));
  };
  return detail::count_beyond(out, n, kernels::Range<Out>::min(), top, clamped);
}

/// Of kernels::layernorm_row.
template <class In, class Out>
uint64_t saturated_layernorm(const In* x, int n, const isa::NormRecord* records, int shift, uint64_t epsilon,
                             const Out* out) {
  bool known = false;
  kernels::RowStatistics row{};
  const auto clamped = [&](int i) {
    if (!known) row = kernels::detail::row_statistics<kernels::norm_fraction_bits<Out>()>(x, n, epsilon);
    known = true;
    return !detail::fits<Out>(kernels::detail::normalised_value<Out>(x[i], n, row, records[i], shift));
  };
  return detail::count_beyond(out, n, kernels::Range<Out>::min(), kernels::Range<Out>::max(), clamped);
}

}  // namespace heatvit::modules
