// From accumulators to the next tensor: bias, requantisation, residual, ReLU (docs/numerics.md, section 3).
#pragma once

#include <cstdint>

#include "accel/isa/records.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/round.h"

namespace heatvit {
namespace kernels {

/// round_shift((acc + bias) * multiplier, shift). The sum is the accumulator's own: 32 bit, two's complement. The
/// product is exact.
inline int64_t requantize(int32_t acc, const isa::ChannelRecord& record) {
  const int32_t sum = static_cast<int32_t>(static_cast<uint32_t>(acc) + static_cast<uint32_t>(record.bias));
  return round_shift(static_cast<int64_t>(sum) * record.multiplier, record.shift);
}

namespace detail {

/// One row with everything that does not change along it fixed, so that the loop has no branch.
template <int kStep, bool kResidual, class T>
inline void finish_linear(const int32_t* acc, const isa::ChannelRecord* records, int n, const T* residual,
                          int64_t floor, T* out) {
channels:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    int64_t q = requantize(acc[i], records[kStep * i]);
    q = q < floor ? floor : q;
    if (kResidual) q += residual[i];
    out[i] = saturate<T>(q);
  }
}

}  // namespace detail

/// out[i] = saturate(max(q, relu ? 0 : -inf) + residual[i]), one saturation; q = requantize(acc[i], record of channel
/// i). T: int8, uint8, int16, uint16 or int32. record_step 1: a record a channel; 0: records[0] for all. residual may
/// be null. out may be residual itself, but overlaps nothing else.
template <class T>
void finish_linear_row(const int32_t* acc, const isa::ChannelRecord* records, int record_step, int n, const T* residual,
                       bool relu, T* out) {
  const int64_t floor = relu ? 0 : -(int64_t{1} << 62);
  if (record_step != 0) {
    if (residual != nullptr) {
      detail::finish_linear<1, true, T>(acc, records, n, residual, floor, out);
    } else {
      detail::finish_linear<1, false, T>(acc, records, n, residual, floor, out);
    }
  } else if (residual != nullptr) {
    detail::finish_linear<0, true, T>(acc, records, n, residual, floor, out);
  } else {
    detail::finish_linear<0, false, T>(acc, records, n, residual, floor, out);
  }
}

/// Accumulator read, bias, multiplier, rounding shift, ReLU and residual, saturation, write.
constexpr int kRequantizeDepth =
    kReadDepth + kAddDepth + kMultiplyDepth + kShiftDepth + kAddDepth + kSaturateDepth + kWriteDepth;

/// `rows` rows of n values, `lanes` values a cycle.
constexpr int64_t requantize_cycles(int64_t rows, int n, int lanes) {
  return stream_cycles(rows, n, lanes, kRequantizeDepth);
}

}  // namespace kernels
}  // namespace heatvit
