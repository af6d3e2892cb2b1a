// Cuts a burst train into AXI bursts, and takes as many of them together as one request of the scheduler may hold.
//
// A burst ends at the port's limit of beats, at a 4 KiB boundary and at the end of a row. A group is a number of whole
// rows of the train or, of a long row, a number of bursts: at most kGroupColumns column accesses and as many bursts as
// the port may have outstanding, or one burst if that alone is more. A wide group may have kWideColumns of each: for a
// port which its own beats hold up while the memory waits for it. Reads whose bursts part a column access go burst by
// burst: each burst then has that access for itself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "accel/modules/burst_train.h"

namespace heatvit::soc::ddr {

/// Equal pieces of memory and the bursts they are moved in.
struct Group {
  uint64_t address = 0;
  uint32_t bytes = 0;                         // of a piece
  uint32_t rows = 1, pitch = 0;               // pieces; bytes from one to the next
  uint32_t bursts = 1, beats = 0;             // of all pieces
  uint32_t first_bytes = 0, first_beats = 0;  // of the first burst

  uint64_t total() const { return uint64_t{bytes} * rows; }
};

class TrainCutter {
 public:
  static constexpr uint32_t kPage = 4096;  // AXI bursts do not cross it
  static constexpr uint32_t kGroupColumns = 32, kWideColumns = 64;

  /// `block_shift`: log2 of the bytes of one column access.
  void start(const modules::BurstTrain& train, const modules::PortTiming& port, uint32_t block_shift, bool wide);

  /// Of the train, not yet stepped over.
  uint64_t remaining() const { return remaining_; }

  uint64_t remaining_beats() const { return remaining_ >> beat_shift_; }

  const Group& group() const { return group_; }

  /// Over the present group, on to the next one.
  void step(bool wide);

 private:
  void choose(bool wide);
  void choose_part(uint32_t skew, uint32_t page_left, bool wide);
  void find_limits(uint32_t outstanding);
  uint32_t bursts_of(uint64_t address, uint32_t bytes) const;
  uint32_t beats_of(uint32_t skew_and_bytes) const { return (skew_and_bytes + beat_ - 1) >> beat_shift_; }
  /// Whole bursts of so many bytes; their length is a power of two in all but odd configurations.
  uint32_t whole_bursts(uint32_t bytes) const { return whole_burst_ ? bytes >> burst_shift_ : bytes / burst_; }

  modules::BurstTrain train_;
  uint32_t block_ = 64, beat_ = 16, burst_ = 256;                // bytes
  uint32_t block_shift_ = 6, beat_shift_ = 4, burst_shift_ = 8;  // log2 of them
  bool whole_burst_ = true;                                      // a burst is a power of two

  uint32_t narrow_ = 8, wide_ = 64;           // bursts of a group
  uint32_t narrow_rows_ = 0, wide_rows_ = 0;  // rows of a group; 0: a row is more than a group
  uint32_t bursts_of_row_ = 0;                // 0: it depends on where the row lies
  uint64_t plane_address_ = 0, row_address_ = 0;
  uint32_t row_ = 0, offset_ = 0;
  uint64_t remaining_ = 0;
  Group group_;
};

}  // namespace heatvit::soc::ddr
