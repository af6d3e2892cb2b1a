#include "accel/soc/ddr/device.h"

#include <algorithm>

namespace heatvit::soc::ddr {
namespace {

uint64_t even(uint64_t clock) { return (clock + 1) & ~uint64_t{1}; }  // slots of column commands

}  // namespace

Device::Device(const Timing& timing, const AddressMap& map, const PagePolicy& pages)
    : t_(timing),
      map_(map),
      lane_mask_(map.lanes() - 1),
      spacing_(map.lanes() > 1 ? timing.ccd_s : timing.ccd_l),
      idle_(pages.idle_clocks()),
      one_lane_(map.lanes() == 1),
      read_to_write_(timing.read_to_write()),
      write_data_(timing.write_data()) {
  for (uint32_t lane = 0; lane < map.lanes(); ++lane) lane_bank_.at(lane) = map.lane_bank(lane);
  reset();
}

void Device::reset() {
  banks_.assign(map_.banks(), Bank{});
  sets_.assign(map_.banks(), Set{});
  group_act_.assign(map_.groups(), 0);
  group_read_.assign(map_.groups(), 0);
  four_acts_ = {};
  slots_ = {};
  act_at_ = last_group_ = 0;
  next_act_ = next_read_ = every_read_ = last_cas_ = last_block_ = 0;
  any_cas_ = last_write_ = false;
  misses_ = columns_ = refreshes_ = 0;
}

/// Earliest column command after the last one: tCCD and the turn of the data bus.
inline uint64_t Device::bus_ready(uint32_t group, bool write) const {
  if (!any_cas_) return 0;
  const uint64_t ready = last_cas_ + (group == last_group_ ? t_.ccd_l : t_.ccd_s);
  if (!write) return std::max({ready, next_read_, group_read_[group]});
  return last_write_ ? ready : std::max<uint64_t>(ready, last_cas_ + read_to_write_);
}

uint64_t Device::estimate(const Location& at, bool write, uint64_t floor) const {
  const Bank& b = banks_[at.bank];
  uint64_t ready = std::max(bus_ready(map_.group_of(at.bank), write), floor);
  if (b.row == at.row) {
    ready = std::max(ready, b.cas_ready);
  } else if (b.row == kClosed) {
    ready = std::max(ready, std::max(b.act_ready, floor) + t_.rcd);
  } else {
    const uint32_t set = at.bank & ~lane_bank_[lane_mask_];
    const uint64_t pre = std::max({b.pre_ready, sets_[set].pre_ready, floor});
    ready = std::max(ready, std::max(pre + t_.rp, b.act_ready) + t_.rcd);
  }
  return even(ready);
}

inline void Device::precharge(Bank& b, uint64_t clock, bool automatic) {
  if (sink_ != nullptr)
    sink_->on_command({CommandKind::kPrecharge, automatic, static_cast<uint32_t>(&b - banks_.data()),
                       static_cast<uint32_t>(b.row), clock});
  b.row = kClosed;
  b.act_ready = std::max(b.act_ready, clock + t_.rp);
}

/// A row that nobody used for the idle time was closed then.
[[gnu::noinline]] void Device::expire(Bank& b, const Set& set, uint64_t floor) {
  const uint64_t used = std::max(b.last_use, set.last_use);
  if (b.row == kClosed || used + idle_ >= floor) return;
  precharge(b, slots_.take(std::max({b.pre_ready, set.pre_ready, used + idle_})), false);
}

/// Of a strided run all lanes that it may touch.
inline Device::Lanes Device::lanes_of(const Run& run, const Location& at) const {
  const bool others = run.rows > 1 && (run.stride & lane_mask_) != 0;
  const auto first = static_cast<uint32_t>(run.block) & lane_mask_;
  return {first, others ? lane_mask_ + 1 : std::min(run.columns, lane_mask_ + 1), at.bank - lane_bank_[first]};
}

/// Makes sure that the rows are open; returns the earliest clock of the run's first column. A strided run must find its
/// rows open from its second column on.
[[gnu::noinline]] uint64_t Device::open_lanes(const Run& run, const Lanes& lanes, uint32_t row, uint64_t floor) {
  Set& set = sets_[lanes.base];
  RowCommandSlots slots = slots_;  // this and the next in registers: half of all runs meet closed rows
  uint64_t next_act = next_act_;
  uint64_t ready = 0, latest = 0, offset = 0;
  for (uint32_t i = 0; i < lanes.count; ++i) {
    const uint32_t bank = bank_of(lanes, i);
    Bank& b = banks_[bank];
    if (idle_ != kNever) {
      slots_ = slots;
      expire(b, set, floor);
      slots = slots_;
    }
    if (b.row != row) {
      set.row = kClosed;
      if (b.row != kClosed) precharge(b, slots.take(std::max({b.pre_ready, set.pre_ready, floor})), false);
      uint64_t& group_act = group_act_[map_.group_of(bank)];
      uint64_t& fourth_act = four_acts_[act_at_];
      const uint64_t act =
          slots.take(std::max({std::max(b.act_ready, floor), std::max(next_act, group_act), fourth_act}));
      next_act = act + t_.rrd_s;
      group_act = act + t_.rrd_l;
      fourth_act = act + t_.faw;
      act_at_ = (act_at_ + 1) % 4;
      b = {row, act + t_.rc, act + t_.rcd, act + t_.ras, act};
      ++misses_;
      if (sink_ != nullptr) sink_->on_command({CommandKind::kActivate, false, bank, row, act});
    }
    const uint64_t cas = b.cas_ready;
    ready = std::max(ready, cas > offset ? cas - offset : 0);
    latest = std::max(latest, cas);
    if (i == 0 || run.rows == 1) offset += t_.ccd_s;
  }
  slots_ = slots;
  next_act_ = next_act;
  if (whole(lanes)) {
    set.row = row;
    // Counted from a first column: later lanes have their ACTs no later than their turn, but a run may begin at any
    // lane.
    set.cas_ready = latest;
  }
  return ready;
}

/// A read's first column so late that its later lanes keep tWTR_L behind their own last writes.
[[gnu::noinline]] uint64_t Device::later_lanes_ready(const Run& run, const Lanes& lanes, uint64_t first) const {
  for (uint32_t i = 1; i < lanes.count; ++i) {
    const uint64_t offset = uint64_t{run.rows > 1 ? 1 : i} * t_.ccd_s;
    first = std::max(first, std::max(next_read_, group_read_[map_.group_of(bank_of(lanes, i))]) - offset);
  }
  return first;
}

/// Last column and earliest precharge. A whole set has them in one place.
inline void Device::book_lanes(const Lanes& lanes, uint64_t last, uint64_t pre) {
  const auto book = [&](auto& of) {
    of.pre_ready = std::max(of.pre_ready, pre);
    of.last_use = last;
  };
  if (whole(lanes)) return book(sets_[lanes.base]);
  for (uint32_t i = 0; i < lanes.count; ++i) book(banks_[bank_of(lanes, i)]);
}

[[gnu::noinline]] void Device::close_lanes(const Lanes& lanes) {
  Set& set = sets_[lanes.base];
  for (uint32_t i = 0; i < lanes.count; ++i) {
    Bank& b = banks_[bank_of(lanes, i)];
    precharge(b, std::max(b.pre_ready, set.pre_ready), true);
  }
  set.row = kClosed;
}

/// When reads may follow, by bank group.
inline void Device::note_writes(const Run& run, const Lanes& lanes, uint64_t last) {
  const uint64_t end = last + write_data_;
  next_read_ = end + t_.wtr_s;
  every_read_ = end + t_.wtr_l;
  const uint32_t last_lane = lanes.first + run.columns - 1;
  for (uint32_t i = 0; i < lanes.count; ++i) {  // backwards from the last column
    const uint32_t bank = lanes.base + lane_bank_[(last_lane - i) & lane_mask_];
    group_read_[map_.group_of(bank)] = every_read_ - (run.rows > 1 ? 0 : uint64_t{i} * t_.ccd_s);
  }
}

Placed Device::place(const Run& run, const Location& at, uint64_t floor, bool close) {
  const Lanes lanes = lanes_of(run, at);
  const Set& set = sets_[lanes.base];
  const bool open = !one_lane_ && lanes.count > 1 && set.row == at.row && idle_ == kNever;
  const uint64_t rows_ready = open ? set.cas_ready : open_lanes(run, lanes, at.row, floor);
  uint64_t first = std::max({rows_ready, bus_ready(map_.group_of(at.bank), run.write), floor});
  if (!run.write && first < every_read_) first = later_lanes_ready(run, lanes, first);
  first = even(first);
  // From one row's last column to the next one's first: the same bank group again costs the difference.
  const uint32_t count = run.columns * run.rows;
  uint64_t last = first + uint64_t{count - 1} * spacing_;
  if (run.rows > 1 && !one_lane_ && ((run.stride - run.columns + 1) & lane_mask_) == 0)
    last += uint64_t{run.rows - 1} * (t_.ccd_l - t_.ccd_s);
  columns_ += count;
  any_cas_ = true;
  last_write_ = run.write;
  last_cas_ = last;
  last_block_ = run.block + uint64_t{run.rows - 1} * run.stride + run.columns - 1;
  last_group_ = map_.group_of(lanes.base + lane_bank_[static_cast<uint32_t>(last_block_) & lane_mask_]);
  if (sink_ != nullptr) emit_columns(run, first);
  if (run.write) note_writes(run, lanes, last);
  book_lanes(lanes, last, last + (run.write ? write_data_ + t_.wr : t_.rtp));
  if (close) close_lanes(lanes);
  return {first, last};
}

[[gnu::noinline]] uint32_t Device::place_following(const Pieces& pieces) {
  const uint32_t shift = map_.block_shift(), lanes = lane_mask_ + 1;
  const Location at = map_.locate(last_block_);
  const uint32_t base = at.bank - lane_bank_[static_cast<uint32_t>(last_block_) & lane_mask_];
  const uint64_t next = last_cas_ + t_.ccd_s, stripe = last_block_ >> map_.stripe_bits();
  if (one_lane_ || idle_ != kNever || pieces.write != last_write_ || sets_[base].row != at.row ||
      next < sets_[base].cas_ready || (!pieces.write && next < every_read_))
    return 0;
  uint64_t address = pieces.address, last = last_cas_, block = last_block_;
  Run run;
  uint32_t done = 0;
  for (; done < pieces.count; ++done, address += pieces.pitch) {
    const uint64_t begin = address >> shift, end = (address + pieces.bytes - 1) >> shift;
    if (begin + lanes > end + 1 || begin >> map_.stripe_bits() != stripe || end >> map_.stripe_bits() != stripe) break;
    const uint64_t first = last + (((begin ^ block) & lane_mask_) == 0 ? t_.ccd_l : t_.ccd_s);
    run = {begin, static_cast<uint32_t>(end - begin) + 1, 1, 0, pieces.write};
    if (sink_ != nullptr) emit_columns(run, first);
    last = first + (end - begin) * spacing_;
    columns_ += run.columns;
    block = end;
  }
  if (done == 0) return 0;
  last_cas_ = last;
  last_block_ = block;
  last_group_ = map_.group_of(base + lane_bank_[static_cast<uint32_t>(block) & lane_mask_]);
  // All of them book the same lanes, so that the last one tells.
  const Lanes all{static_cast<uint32_t>(run.block) & lane_mask_, lanes, base};
  if (run.write) note_writes(run, all, last);
  book_lanes(all, last, last + (run.write ? write_data_ + t_.wr : t_.rtp));
  return done;
}

[[gnu::noinline]] void Device::emit_columns(const Run& run, uint64_t first) const {
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

/// True if the next one, tREFI later, finds what it needs at its own clock: banks closed and at rest, slots free.
[[gnu::noinline]] bool Device::refresh_once(uint64_t due) {
  uint64_t ready = due, closed = due;
  bool any_open = false;
  for (uint32_t i = 0; i < banks_.size(); ++i) {
    const Bank& b = banks_[i];
    const uint32_t set = i & ~lane_bank_[lane_mask_];
    const bool open = b.row != kClosed;
    ready = std::max(ready, open ? std::max(b.pre_ready, sets_[set].pre_ready) : 0);
    closed = std::max(closed, b.act_ready);
    any_open = any_open || open;
  }
  const uint64_t all = slots_.take(ready);
  if (any_open) closed = std::max(closed, all + t_.rp);
  if (sink_ != nullptr)
    for (uint32_t i = 0; i < banks_.size(); ++i)
      if (banks_[i].row != kClosed) precharge(banks_[i], all, i != 0);  // one command for all banks
  const uint64_t at = slots_.take(std::max(closed, all));
  for (Bank& b : banks_) {
    b.row = kClosed;
    b.act_ready = at + t_.rfc;
  }
  for (Set& s : sets_) s.row = kClosed;
  ++refreshes_;
  if (sink_ != nullptr) sink_->on_command({CommandKind::kRefresh, false, 0, 0, at});
  return slots_.is_last(at) && at + t_.rfc <= due + t_.refi;
}

uint64_t Device::refresh(uint64_t due, uint64_t now) {
  while (now >= due) {
    // Two in a row, so that the second was at its own clock; a listener is told of each.
    const bool first = refresh_once(due);
    due += t_.refi;
    if (!first || now < due) continue;
    const bool second = refresh_once(due);
    due += t_.refi;
    if (!second || now < due || sink_ != nullptr) continue;
    const uint64_t alike = (now - due) / t_.refi;  // all but the last
    refreshes_ += alike;
    due += alike * t_.refi;
  }
  return due;
}

}  // namespace heatvit::soc::ddr
