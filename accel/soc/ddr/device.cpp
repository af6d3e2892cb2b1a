#include "accel/soc/ddr/device.h"

#include <algorithm>

namespace heatvit::soc::ddr {
namespace {

uint64_t even(uint64_t clock) { return (clock + 1) & ~uint64_t{1}; }  // slots of column commands
uint64_t odd(uint64_t clock) { return clock | 1; }                    // slots of row commands

}  // namespace

Device::Device(const Timing& timing, const AddressMap& map, const PagePolicy& pages)
    : t_(timing),
      map_(map),
      lane_mask_(map.lanes() - 1),
      spacing_(map.lanes() > 1 ? timing.ccd_s : timing.ccd_l),
      idle_(pages.idle_clocks()),
      one_lane_(map.lanes() == 1) {
  reset();
}

void Device::reset() {
  banks_.assign(map_.banks(), Bank{});
  sets_.assign(map_.banks(), Set{});
  group_act_.assign(map_.groups(), 0);
  group_write_.assign(map_.groups(), 0);
  acts_ = {};
  slots_ = 0;
  slot_base_ = 1;
  act_at_ = last_group_ = 0;
  last_act_ = last_cas_ = last_write_end_ = 0;
  any_cas_ = last_write_ = false;
  misses_ = columns_ = refreshes_ = 0;
}

/// Earliest column command after the last one: tCCD and the turn of the data bus.
inline uint64_t Device::bus_ready(uint32_t group, bool write) const {
  if (!any_cas_) return 0;
  uint64_t ready = last_cas_ + (group == last_group_ ? t_.ccd_l : t_.ccd_s);
  if (write && !last_write_) ready = std::max<uint64_t>(ready, last_cas_ + t_.read_to_write());
  if (!write) ready = std::max(ready, wtr_ready(group));
  return ready;
}

inline uint64_t Device::wtr_ready(uint32_t group) const {
  if (last_write_end_ == 0) return 0;
  const uint64_t same = group_write_[group];
  return std::max(last_write_end_ + t_.wtr_s, same == 0 ? 0 : same + t_.wtr_l);
}

uint64_t Device::estimate(const Location& at, bool write, uint64_t floor) const {
  const Bank& b = banks_[at.bank];
  uint64_t ready = std::max(bus_ready(map_.group_of(at.bank), write), floor);
  if (b.row == at.row) {
    ready = std::max(ready, b.cas_ready);
  } else if (b.row == kClosed) {
    ready = std::max(ready, std::max(b.act_ready, floor) + t_.rcd);
  } else {
    const uint32_t set = at.bank & ~map_.lane_bank(lane_mask_);
    const uint64_t pre = std::max({b.pre_ready, sets_[set].pre_ready, floor});
    ready = std::max(ready, std::max(pre + t_.rp, b.act_ready) + t_.rcd);
  }
  return even(ready);
}

/// A free slot of the command bus for a row command. What lies before the window that is kept counts as taken.
uint64_t Device::take_slot(uint64_t clock) {
  uint64_t at = (odd(std::max(clock, slot_base_)) - slot_base_) / 2;
  if (at < kSlots) {
    const uint64_t free = ~(slots_ >> at);
    at += free == 0 ? kSlots : static_cast<uint64_t>(__builtin_ctzll(free));
  }
  if (at >= kSlots) {  // move the window, keep a part of the past
    const uint64_t by = at - kSlots / 4 * 3;
    slots_ = by < kSlots ? slots_ >> by : 0;
    slot_base_ += 2 * by;
    at -= by;
  }
  slots_ |= uint64_t{1} << at;
  return slot_base_ + 2 * at;
}

void Device::precharge(uint32_t bank, uint64_t clock, bool automatic) {
  Bank& b = banks_[bank];
  if (sink_ != nullptr)
    sink_->on_command({CommandKind::kPrecharge, automatic, bank, static_cast<uint32_t>(b.row), clock});
  b.row = kClosed;
  b.act_ready = std::max(b.act_ready, clock + t_.rp);
}

/// A row that nobody used for the idle time was closed then.
void Device::expire(uint32_t bank, uint32_t set, uint64_t floor) {
  Bank& b = banks_[bank];
  const uint64_t used = std::max(b.last_use, sets_[set].last_use);
  if (b.row == kClosed || used + idle_ >= floor) return;
  precharge(bank, take_slot(std::max({b.pre_ready, sets_[set].pre_ready, used + idle_})), false);
}

/// Opens the row if it is not; returns the earliest column command.
uint64_t Device::open(uint32_t bank, uint32_t set, uint32_t row, uint64_t floor) {
  Bank& b = banks_[bank];
  if (idle_ != kNever) expire(bank, set, floor);
  if (b.row == row) return b.cas_ready;
  sets_[set].row = kClosed;
  if (b.row != kClosed) precharge(bank, take_slot(std::max({b.pre_ready, sets_[set].pre_ready, floor})), false);
  const uint32_t group = map_.group_of(bank);
  uint64_t act = std::max(b.act_ready, floor);
  if (last_act_ != 0) act = std::max(act, last_act_ + t_.rrd_s);
  if (group_act_[group] != 0) act = std::max(act, group_act_[group] + t_.rrd_l);
  if (acts_[act_at_] != 0) act = std::max(act, acts_[act_at_] + t_.faw);
  act = take_slot(act);
  last_act_ = group_act_[group] = acts_[act_at_] = act;
  act_at_ = (act_at_ + 1) % 4;
  b.row = row;
  b.act_ready = act + t_.rc;
  b.cas_ready = act + t_.rcd;
  b.pre_ready = act + t_.ras;
  b.last_use = act;
  ++misses_;
  if (sink_ != nullptr) sink_->on_command({CommandKind::kActivate, false, bank, row, act});
  return b.cas_ready;
}

/// Lanes the run touches, from that of its first block on. Of a strided run all that it may touch.
inline uint32_t Device::lane_count(const Run& run) const {
  const bool others = run.rows > 1 && (run.stride & lane_mask_) != 0;
  return others ? lane_mask_ + 1 : std::min(run.columns, lane_mask_ + 1);
}

/// Makes sure that the rows are open; returns the earliest clock of the run's first column. A strided run must find its
/// rows open from its second column on.
uint64_t Device::open_lanes(const Run& run, const Location& at, uint64_t floor) {
  const auto lane = static_cast<uint32_t>(run.block) & lane_mask_;
  const uint32_t base = at.bank - map_.lane_bank(lane), lanes = lane_count(run);
  Set& set = sets_[base];
  if (lanes > 1 && set.row == at.row && idle_ == kNever) return set.cas_ready;
  uint64_t ready = 0, all = 0;
  for (uint32_t i = 0; i < lanes; ++i) {
    const uint64_t cas = open(base + map_.lane_bank((lane + i) & lane_mask_), base, at.row, floor);
    const uint64_t offset = uint64_t{run.rows > 1 ? std::min(i, 1U) : i} * t_.ccd_s;
    ready = std::max(ready, cas > offset ? cas - offset : 0);
    all = std::max(all, cas);
  }
  if (lanes == lane_mask_ + 1 && lanes > 1) {
    set.row = at.row;
    // Counted from a first column: later lanes have their ACTs no later than their turn, but a run may begin at any
    // lane.
    set.cas_ready = all;
  }
  return ready;
}

void Device::book_lanes(const Run& run, const Location& at, uint64_t last, bool close) {
  const auto lane = static_cast<uint32_t>(run.block) & lane_mask_;
  const uint32_t base = at.bank - map_.lane_bank(lane), lanes = lane_count(run);
  const uint64_t pre = last + (run.write ? t_.write_data() + t_.wr : t_.rtp);
  if (lanes > 1 && lanes == lane_mask_ + 1) {
    Set& set = sets_[base];
    set.pre_ready = std::max(set.pre_ready, pre);
    set.last_use = last;
  } else {
    for (uint32_t i = 0; i < lanes; ++i) {
      Bank& b = banks_[base + map_.lane_bank((lane + i) & lane_mask_)];
      b.pre_ready = std::max(b.pre_ready, pre);
      b.last_use = last;
    }
  }
  if (!close) return;
  for (uint32_t i = 0; i < lanes; ++i) {
    const uint32_t bank = base + map_.lane_bank((lane + i) & lane_mask_);
    precharge(bank, std::max(banks_[bank].pre_ready, sets_[base].pre_ready), true);
  }
  sets_[base].row = kClosed;
}

/// Ends of write data by bank group, for tWTR_L.
void Device::note_writes(const Run& run, const Location& at, uint64_t last) {
  last_write_end_ = last + t_.write_data();
  if (one_lane_) {
    group_write_[map_.group_of(at.bank)] = last_write_end_;
    return;
  }
  const auto lane = static_cast<uint32_t>(run.block) & lane_mask_;
  const uint32_t base = at.bank - map_.lane_bank(lane), lanes = lane_count(run);
  const uint32_t end = lane + run.columns - 1;
  for (uint32_t i = 0; i < lanes; ++i) {  // backwards from the last column
    const uint32_t group = map_.group_of(base + map_.lane_bank((end - i) & lane_mask_));
    group_write_[group] = last_write_end_ - (run.rows > 1 ? 0 : uint64_t{i} * t_.ccd_s);
  }
}

Placed Device::place(const Run& run, uint64_t floor, bool close) {
  const Location at = map_.locate(run.block);
  const uint32_t group = map_.group_of(at.bank);
  uint64_t first = std::max({open_lanes(run, at, floor), bus_ready(group, run.write), floor});
  if (!run.write && first < last_write_end_ + t_.wtr_l) {  // later lanes against their own last writes
    const auto lane = static_cast<uint32_t>(run.block) & lane_mask_;
    const uint32_t base = at.bank - map_.lane_bank(lane);
    for (uint32_t i = 1; i < lane_count(run); ++i) {
      const uint64_t offset = uint64_t{run.rows > 1 ? 1 : i} * t_.ccd_s;
      first = std::max(first, wtr_ready(map_.group_of(base + map_.lane_bank((lane + i) & lane_mask_))) - offset);
    }
  }
  first = even(first);
  // From one row's last column to the next one's first: the same bank group again costs the difference.
  const bool same_group = ((run.stride - run.columns + 1) & lane_mask_) == 0;
  const uint32_t count = run.columns * run.rows;
  const uint64_t span =
      uint64_t{count - 1} * spacing_ + (same_group && !one_lane_ ? uint64_t{run.rows - 1} * (t_.ccd_l - t_.ccd_s) : 0);
  const uint64_t last = first + span;
  columns_ += count;
  any_cas_ = true;
  last_write_ = run.write;
  last_cas_ = last;
  if (!one_lane_) {
    const auto lane = static_cast<uint32_t>(run.block) & lane_mask_;
    const uint32_t end = lane + (run.rows - 1) * run.stride + run.columns - 1;
    last_group_ = map_.group_of(at.bank - map_.lane_bank(lane) + map_.lane_bank(end & lane_mask_));
  } else {
    last_group_ = group;
  }
  if (sink_ != nullptr) emit_columns(run, first);
  if (run.write) note_writes(run, at, last);
  book_lanes(run, at, last, close);
  return {first, last};
}

void Device::emit_columns(const Run& run, uint64_t first) const {
  uint64_t clock = first;
  uint32_t previous = map_.groups();
  for (uint32_t row = 0; row < run.rows; ++row)
    for (uint32_t column = 0; column < run.columns; ++column) {
      const Location at = map_.locate(run.block + uint64_t{row} * run.stride + column);
      const uint32_t group = map_.group_of(at.bank);
      if (previous != map_.groups()) clock += group == previous ? t_.ccd_l : t_.ccd_s;
      previous = group;
      sink_->on_command({run.write ? CommandKind::kWrite : CommandKind::kRead, false, at.bank, at.row, clock});
    }
}

void Device::refresh(uint64_t clock) {
  uint64_t ready = clock, closed = 0;
  for (uint32_t i = 0; i < banks_.size(); ++i) {
    const uint32_t set = i & ~map_.lane_bank(lane_mask_);
    Bank& b = banks_[i];
    if (b.row != kClosed) ready = std::max({ready, b.pre_ready, sets_[set].pre_ready});
    closed = std::max(closed, b.act_ready);
  }
  const uint64_t all = take_slot(ready);
  uint64_t at = std::max(clock, closed);
  for (uint32_t i = 0; i < banks_.size(); ++i)
    if (banks_[i].row != kClosed) {
      precharge(i, all, i != 0);  // one command for all banks
      at = std::max(at, banks_[i].act_ready);
    }
  at = take_slot(std::max(at, all));
  for (Bank& b : banks_) b.act_ready = at + t_.rfc;
  for (Set& s : sets_) s.row = kClosed;
  ++refreshes_;
  if (sink_ != nullptr) sink_->on_command({CommandKind::kRefresh, false, 0, 0, at});
}

}  // namespace heatvit::soc::ddr
