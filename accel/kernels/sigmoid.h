// Sigmoid as four straight pieces, PLAN (Amin, Curtis, Hayes-Gill 1997); docs/numerics.md, section 6.
#ifndef HEATVIT_ACCEL_KERNELS_SIGMOID_H_
#define HEATVIT_ACCEL_KERNELS_SIGMOID_H_

#include <cstdint>

#include "accel/isa/records.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/round.h"

namespace heatvit {
namespace kernels {

/// sigmoid of x (Q12) in Q16; 1.0 is 65535. Shifts and additions only.
inline uint16_t sigmoid_q16(int16_t x) {
  const int32_t wide = x;
  const int32_t magnitude = wide < 0 ? -wide : wide;
  using Piece = Int<19>;
  Piece y = static_cast<Piece>(4 * magnitude + 32768);                       // below 1: |x| / 4 + 1/2
  y = magnitude >= 4096 ? static_cast<Piece>(2 * magnitude + 40960) : y;     // below 2.375: |x| / 8 + 5/8
  y = magnitude >= 9728 ? static_cast<Piece>((magnitude >> 1) + 55296) : y;  // below 5: |x| / 32 + 27/32
  y = magnitude >= 20480 ? static_cast<Piece>(65536) : y;
  y = wide < 0 ? static_cast<Piece>(65536 - y) : y;
  return static_cast<uint16_t>(y > 65535 ? static_cast<Piece>(65535) : y);
}

namespace detail {

template <int kStep, class Record, class Acc>
inline void finish_sigmoid(const Acc* acc, const Record* records, int n, uint16_t* out) {
channels:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kVectorLanes
#pragma HLS loop_tripcount min = 1 max = 1024
    out[i] = sigmoid_q16(saturate<int16_t>(requantize(acc[i], records[kStep * i])));
  }
}

}  // namespace detail

/// out[i] = sigmoid(saturate16(q)), q = requantize(acc[i], record of channel i) in Q12. record_step as in
/// finish_linear_row.
template <class Record, class Acc>
void finish_sigmoid_row(const Acc* acc, const Record* records, int record_step, int n, uint16_t* out) {
  if (record_step != 0) {
    detail::finish_sigmoid<1>(acc, records, n, out);
  } else {
    detail::finish_sigmoid<0>(acc, records, n, out);
  }
}

/// The requantiser, then magnitude, piece, sign.
constexpr int sigmoid_depth(const Stages& s) { return requantize_depth(s) + 3 * s.add; }

constexpr int64_t sigmoid_cycles(int64_t rows, int n, int lanes, const Stages& s) {
  return stream_cycles(rows, n, lanes, sigmoid_depth(s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_SIGMOID_H_
