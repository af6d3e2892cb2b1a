// Rows of values in beats of kLanes: one loop over all beats is a single pipeline, where a nest would drain at the end
// of each row unless the tool can flatten it.
#ifndef HEATVIT_ACCEL_KERNELS_BEATS_H_
#define HEATVIT_ACCEL_KERNELS_BEATS_H_

#include "accel/kernels/cost.h"

namespace heatvit {
namespace kernels {

/// Where a beat begins.
struct Beat {
  int row, first;
};

template <int kLanes>
constexpr int beats_of(int rows, int values) {
  return rows * static_cast<int>(ceil_div(values, kLanes));
}

/// Goes on to the next beat; true where the beat left was the last of its row.
template <int kLanes>
inline bool step(Beat& at, int values) {
#pragma HLS inline
  const bool last = at.first + kLanes >= values;
  at.row = last ? at.row + 1 : at.row;
  at.first = last ? 0 : at.first + kLanes;
  return last;
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_BEATS_H_
