// From accumulators to the next tensor: bias, requantisation, residual, ReLU (docs/numerics.md, section 3).
#ifndef HEATVIT_ACCEL_KERNELS_REQUANTIZE_H_
#define HEATVIT_ACCEL_KERNELS_REQUANTIZE_H_

#include <cstdint>

#include "accel/isa/records.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/round.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

/// round_shift((acc + bias) * multiplier, shift). The sum is the accumulator's own: 32 bit, two's complement. The
/// product is exact.
inline int64_t requantize(int32_t acc, const isa::ChannelRecord& record) {
  const int32_t sum = static_cast<int32_t>(static_cast<uint32_t>(acc) + static_cast<uint32_t>(record.bias));
  return round_shift(native(multiply<32, 17, 48>(sum, record.multiplier)), record.shift);
}

/// The same with the record's eight bytes as one word, as they lie in DDR: what a unit's port carries.
inline int64_t requantize(int32_t acc, uint64_t record) {
  isa::ChannelRecord fields;
  fields.bias = static_cast<int32_t>(static_cast<uint32_t>(record));
  fields.multiplier = static_cast<uint16_t>(record >> 32);
  fields.shift = static_cast<uint8_t>(record >> 48);
  return requantize(acc, fields);
}

/// The same for 48-bit sums of int16 products and a bias of 40 bits. Sum and bias stay below 2^47 whatever the operands
/// are (section 10), so the product is exact in 64 bits.
inline int64_t requantize(int64_t acc, const isa::ChannelRecord& record) {
  return round_shift((acc + isa::wide_bias(record)) * record.multiplier, record.shift);
}

inline int64_t requantize(int64_t acc, uint64_t record) {
  isa::ChannelRecord fields;
  fields.bias = static_cast<int32_t>(static_cast<uint32_t>(record));
  fields.multiplier = static_cast<uint16_t>(record >> 32);
  fields.shift = static_cast<uint8_t>(record >> 48);
  fields.bias_high = static_cast<int8_t>(static_cast<uint8_t>(record >> 56));
  return requantize(acc, fields);
}

namespace detail {

/// One row with everything that does not change along it fixed, so that the loop has no branch.
template <int kStep, bool kResidual, class T, class Record, class Acc, class R>
inline void finish_linear(const Acc* acc, const Record* records, int n, const R* residual, int64_t floor, T* out) {
channels:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kVectorLanes
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
/// be null. out may be residual itself, but overlaps nothing else. Acc: int32, or int64 for int16 operands. Record:
/// isa::ChannelRecord, or its eight bytes.
template <class T, class Record, class Acc>
void finish_linear_row(const Acc* acc, const Record* records, int record_step, int n, const T* residual, bool relu,
                       T* out) {
  const int64_t floor = relu ? 0 : -(int64_t{1} << 62);
  if (record_step != 0) {
    if (residual != nullptr) {
      detail::finish_linear<1, true>(acc, records, n, residual, floor, out);
    } else {
      detail::finish_linear<1, false>(acc, records, n, residual, floor, out);
    }
  } else if (residual != nullptr) {
    detail::finish_linear<0, true>(acc, records, n, residual, floor, out);
  } else {
    detail::finish_linear<0, false>(acc, records, n, residual, floor, out);
  }
}

/// Of a lane.
constexpr Multiplier kRequantizeMultipliers[] = {{32, 17}};

/// Accumulator read, bias, multiplier, rounding shift, ReLU and residual, saturation, write.
constexpr int requantize_depth(const Stages& s) {
  return s.read + s.add + s.product(kRequantizeMultipliers[0]) + s.shift + s.add + s.saturate + s.write;
}

/// `rows` rows of n values, `lanes` values a cycle.
constexpr int64_t requantize_cycles(int64_t rows, int n, int lanes, const Stages& s) {
  return stream_cycles(rows, n, lanes, requantize_depth(s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_REQUANTIZE_H_
