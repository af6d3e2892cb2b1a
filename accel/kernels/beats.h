// Rows of values in beats of kLanes: one loop over all beats is a single pipeline, where a nest would drain at the end
// of each row unless the tool can flatten it.
#ifndef HEATVIT_ACCEL_KERNELS_BEATS_H_
#define HEATVIT_ACCEL_KERNELS_BEATS_H_

namespace heatvit {
namespace kernels {

/// Where a beat begins; `offset`: where its row does in a dense matrix. Counted up row by row, since a product of row
/// and width would be a multiplier of 32 bits.
struct Beat {
  int row, first, offset;
};

/// Goes on to the next beat; true where the beat left was the last of its row.
template <int kLanes>
inline bool step(Beat& at, int values) {
#pragma HLS inline
  const bool last = at.first + kLanes >= values;
  at.row = last ? at.row + 1 : at.row;
  at.offset = last ? at.offset + values : at.offset;
  at.first = last ? 0 : at.first + kLanes;
  return last;
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_BEATS_H_
