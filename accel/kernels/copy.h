// Rows from one buffer to another.
#ifndef HEATVIT_ACCEL_KERNELS_COPY_H_
#define HEATVIT_ACCEL_KERNELS_COPY_H_

#include <cstdint>

#include "accel/kernels/cost.h"
#include "accel/kernels/limits.h"

namespace heatvit {
namespace kernels {

/// n elements of each of `rows` rows; pitches in elements; no overlap.
template <class T>
void copy_rows(const T* from, int from_pitch, T* to, int to_pitch, int rows, int n) {
copied_rows:
  for (int64_t i = 0, source = 0, target = 0; i < rows; ++i, source += from_pitch, target += to_pitch) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
  elements:
    for (int j = 0; j < n; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kVectorLanes
#pragma HLS loop_tripcount min = 1 max = 1024
      to[target + j] = from[source + j];
    }
  }
}

constexpr int copy_depth(const Stages& s) { return s.read + s.write; }

constexpr int64_t copy_cycles(int64_t rows, int n, int lanes, const Stages& s) {
  return stream_cycles(rows, n, lanes, copy_depth(s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_COPY_H_
