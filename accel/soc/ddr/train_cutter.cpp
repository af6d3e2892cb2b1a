#include "accel/soc/ddr/train_cutter.h"

namespace heatvit::soc::ddr {

void TrainCutter::start(const modules::BurstTrain& train, const modules::PortTiming& port, uint32_t block_shift,
                        bool wide) {
  train_ = train;
  block_shift_ = block_shift;
  block_ = 1U << block_shift;
  beat_ = port.beat_bytes;
  beat_shift_ = static_cast<uint32_t>(__builtin_ctz(beat_));
  burst_ = port.max_beats * beat_;
  burst_shift_ = static_cast<uint32_t>(__builtin_ctz(burst_));
  whole_burst_ = burst_ == 1U << burst_shift_;
  const uint32_t places = train.address | train.row_bytes | (train.planes > 1 ? train.plane_pitch : 0);
  if (train.pitch == train.row_bytes && kPage % burst_ == 0 && places % burst_ == 0) {  // one long row, as cut
    train_.row_bytes *= train.rows;
    train_.rows = 1;
  }
  row_address_ = plane_address_ = train.address;
  row_ = offset_ = 0;
  remaining_ = train.bytes();
  find_limits(port.outstanding);
  choose(wide);
}

void TrainCutter::find_limits(uint32_t outstanding) {
  const modules::BurstTrain& t = train_;
  const uint32_t places = t.address | (t.rows > 1 ? t.pitch : 0) | (t.planes > 1 ? t.plane_pitch : 0) | kPage;
  const uint32_t alignment = places & (~places + 1);  // of every row
  const uint32_t skew = alignment < beat_ ? beat_ - 1 : 0;
  const uint32_t columns = ((t.row_bytes - 1) >> block_shift_) + 1, bursts = whole_bursts(skew + t.row_bytes - 1) + 1;
  // Where no page ends within a burst's length, all rows have as many.
  const bool regular = skew == 0 && (t.row_bytes <= alignment || (burst_ <= alignment && whole_burst_));
  bursts_of_row_ = regular ? bursts : 0;
  narrow_ = outstanding;
  wide_ = std::max(outstanding, kWideColumns);
  narrow_rows_ = wide_rows_ = 0;
  if (columns > kGroupColumns || bursts > narrow_) return;
  if (!t.write && bursts > 1 && (alignment < block_ || (burst_ & (block_ - 1)) != 0)) return;
  narrow_rows_ = wide_rows_ = 1;
  if ((t.pitch & (beat_ - 1)) != 0 || t.pitch < t.row_bytes || (!t.write && t.pitch < block_)) return;
  narrow_rows_ = kGroupColumns / columns;
  wide_rows_ = kWideColumns / columns;
  if (bursts == 1 && narrow_ >= narrow_rows_) return;  // as mostly: as many bursts as rows
  narrow_rows_ = std::min(narrow_rows_, narrow_ / bursts);
  wide_rows_ = std::min(wide_rows_, wide_ / bursts);
}

/// Of a piece that meets at most one end of a page inside.
uint32_t TrainCutter::bursts_of(uint64_t address, uint32_t bytes) const {
  const auto skew = static_cast<uint32_t>(address) & (beat_ - 1);
  const uint32_t page_left = kPage - (static_cast<uint32_t>(address) & (kPage - 1));
  if (bytes <= page_left) return whole_bursts(skew + bytes - 1) + 1;
  return whole_bursts(skew + page_left - 1) + whole_bursts(bytes - page_left - 1) + 2;
}

void TrainCutter::choose(bool wide) {
  Group& g = group_;
  g.address = row_address_ + offset_;
  const auto skew = static_cast<uint32_t>(g.address) & (beat_ - 1);
  const uint32_t page_left = kPage - (static_cast<uint32_t>(g.address) & (kPage - 1));
  g.first_bytes = std::min({train_.row_bytes - offset_, burst_ - skew, page_left});
  g.first_beats = beats_of(skew + g.first_bytes);
  if (narrow_rows_ == 0) return choose_part(skew, page_left, wide);
  g.bytes = train_.row_bytes;
  g.rows = std::min(wide ? wide_rows_ : narrow_rows_, train_.rows - row_);
  g.pitch = train_.pitch;
  g.beats = g.rows * beats_of(skew + g.bytes);
  g.bursts = g.rows * bursts_of_row_;
  if (bursts_of_row_ != 0) return;
  for (uint32_t i = 0; i < g.rows; ++i) g.bursts += bursts_of(g.address + uint64_t{i} * g.pitch, g.bytes);
}

/// Bursts of a long row.
void TrainCutter::choose_part(uint32_t skew, uint32_t page_left, bool wide) {
  Group& g = group_;
  const uint32_t most = wide ? kWideColumns : kGroupColumns, limit = wide ? wide_ : narrow_;
  const auto in_block = static_cast<uint32_t>(g.address - skew) & (block_ - 1);
  const uint32_t left = train_.row_bytes - offset_;
  g.bytes = g.first_bytes;
  if (train_.write || (in_block == 0 && (burst_ & (block_ - 1)) == 0)) {
    uint32_t room = std::min({left, most * block_ - in_block - skew, limit * burst_ - skew});
    if (room > page_left && room < left)  // to the end of a burst
      room = page_left + whole_bursts(room - page_left) * burst_;
    else if (room < left)
      room = std::max(whole_bursts(skew + room) * burst_, skew) - skew;  // no whole burst: first_bytes below
    g.bytes = std::max(g.bytes, room);
  }
  g.rows = 1;
  g.pitch = g.bytes;
  g.bursts = bursts_of(g.address, g.bytes);
  g.beats = beats_of(skew + g.bytes);
}

void TrainCutter::step(bool wide) {
  remaining_ -= group_.total();
  if (narrow_rows_ != 0) {
    row_ += group_.rows;
    row_address_ += uint64_t{group_.rows} * train_.pitch;
  } else {
    offset_ += group_.bytes;
    if (offset_ == train_.row_bytes) {
      offset_ = 0;
      ++row_;
      row_address_ += train_.pitch;
    }
  }
  if (row_ == train_.rows) {
    row_ = 0;
    plane_address_ += train_.plane_pitch;
    row_address_ = plane_address_;
  }
  if (remaining_ != 0) choose(wide);
}

}  // namespace heatvit::soc::ddr
