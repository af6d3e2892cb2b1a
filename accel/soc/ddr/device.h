// The DRAM devices of the bus and the rules of their commands: banks, rows, and what must lie between two commands.
//
// Commands are worked out by the request, not by the clock: place() finds the earliest clocks at which a request's
// ACTs, PREs and column commands keep every rule (JESD79-4; names as there) and books them. Consecutive columns of open
// rows follow each other at a fixed distance (tCCD_S from bank group to bank group, tCCD_L within one), so a run of
// them is one multiplication. Requests are placed in the order of their data; row commands may lie before the columns
// of earlier requests, as a controller that looks ahead in its queue sends them, but never before the request was there
// (`floor`), and ACTs among themselves are in order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "accel/soc/ddr/address_map.h"
#include "accel/soc/ddr/policies.h"
#include "accel/soc/ddr/timing.h"

namespace heatvit::soc::ddr {

enum class CommandKind : uint8_t { kActivate, kPrecharge, kRead, kWrite, kRefresh };

/// What goes to the devices. A precharge that belongs to a column command (auto-precharge) needs no slot on the bus.
struct Command {
  CommandKind kind = CommandKind::kRefresh;
  bool automatic = false;
  uint32_t bank = 0, row = 0;  // bank over all groups
  uint64_t clock = 0;
};

/// Listens to the commands; for checkers. Not in order of time.
class CommandSink {
 public:
  virtual ~CommandSink() = default;
  virtual void on_command(const Command& command) = 0;
};

/// Columns of one request: `rows` times `columns` consecutive blocks, `stride` blocks from one to the next; within a
/// stripe (AddressMap).
struct Run {
  uint64_t block = 0;
  uint32_t columns = 1, rows = 1, stride = 0;
  bool write = false;
};

/// Pieces of memory that begin and end anywhere within blocks, `pitch` bytes from one to the next.
struct Pieces {
  uint64_t address = 0;
  uint32_t bytes = 0, pitch = 0, count = 0;
  bool write = false;
};

struct Placed {
  uint64_t first_cas = 0, last_cas = 0;
};

/// The command bus: which of its slots for row commands, odd clocks, are taken.
class RowCommandSlots {
 public:
  /// The first free one from `clock` on. What lies before the window that is kept counts as taken.
  uint64_t take(uint64_t clock) {
    uint64_t at = ((std::max(clock, base_) | 1) - base_) / 2;
    if (at < kSlots) {
      const uint64_t free = ~(taken_ >> at);
      at += free == 0 ? kSlots : static_cast<uint64_t>(__builtin_ctzll(free));
    }
    if (at >= kSlots) {  // move the window, keep a part of the past
      const uint64_t by = at - kSlots / 4 * 3;
      taken_ = by < kSlots ? taken_ >> by : 0;
      base_ += 2 * by;
      at -= by;
    }
    taken_ |= uint64_t{1} << at;
    return base_ + 2 * at;
  }

  /// True if none behind `clock`, which is taken, is taken.
  bool is_last(uint64_t clock) const { return taken_ >> (clock - base_) / 2 == 1; }

 private:
  static constexpr size_t kSlots = 64;

  uint64_t taken_ = 0;  // a bit each
  uint64_t base_ = 1;   // clock of the lowest bit
};

class Device {
 public:
  Device(const Timing& timing, const AddressMap& map, const PagePolicy& pages);

  void reset();

  /// Earliest clock of a column command for a block there, as far as its bank and the bus say; row commands not before
  /// `floor`.
  uint64_t estimate(const Location& at, bool write, uint64_t floor) const;

  /// True if a request that fills a stripe's lanes, or lies in one lane, finds its rows open and ready at `clock`.
  bool is_ready(const Location& at, uint64_t block, uint64_t clock) const {
    const Bank& b = banks_[at.bank];
    return b.row == at.row && b.cas_ready <= clock &&
           (one_lane_ || sets_[at.bank - lane_bank_[static_cast<uint32_t>(block) & lane_mask_]].row == at.row);
  }

  /// Books a run, whose first block lies at `at`. `close`: auto-precharge behind it.
  Placed place(const Run& run, const Location& at, uint64_t floor, bool close);
  Placed place(const Run& run, uint64_t floor, bool close) { return place(run, map_.locate(run.block), floor, close); }

  /// Books as many of the pieces as follow the last column command at the distance of the bus alone, as place() piece
  /// by piece does: of that command's direction, all lanes of its stripe each, where all rows are open and stay so.
  /// Returns how many.
  uint32_t place_following(const Pieces& pieces);

  /// Refreshes, with all banks closed, at `due` and each tREFI behind it up to `now`; returns when the next is due.
  /// However long nothing came, it is done at once: refreshes behind one that found nothing to wait for are alike.
  uint64_t refresh(uint64_t due, uint64_t now);

  /// Clock of the latest column command so far.
  uint64_t last_cas() const { return last_cas_; }

  void set_sink(CommandSink* sink) { sink_ = sink; }
  uint64_t row_hits() const { return columns_ - misses_; }
  uint64_t row_misses() const { return misses_; }
  uint64_t refreshes() const { return refreshes_; }

 private:
  static constexpr int64_t kClosed = -1;
  static constexpr size_t kMaxLanes = 16;

  struct Bank {
    int64_t row = kClosed;
    uint64_t act_ready = 0;  // tRP, tRC, tRFC
    uint64_t cas_ready = 0;  // tRCD
    uint64_t pre_ready = 0;  // tRAS, tRTP, write recovery
    uint64_t last_use = 0;   // its last column, for the idle time
  };

  /// The lanes of a stripe when all of them are open at the same row; of the stripe's first bank.
  struct Set {
    int64_t row = kClosed;
    uint64_t cas_ready = 0;
    uint64_t pre_ready = 0;  // adds to that of its banks
    uint64_t last_use = 0;
  };

  /// The lanes that a run touches, from that of its first block on, and the first bank of their stripe.
  struct Lanes {
    uint32_t first = 0, count = 1, base = 0;
  };

  Lanes lanes_of(const Run& run, const Location& at) const;
  uint32_t bank_of(const Lanes& lanes, uint32_t i) const {
    return lanes.base + lane_bank_[(lanes.first + i) & lane_mask_];
  }
  bool whole(const Lanes& lanes) const { return !one_lane_ && lanes.count == lane_mask_ + 1; }
  uint64_t bus_ready(uint32_t group, bool write) const;
  void expire(Bank& bank, const Set& set, uint64_t floor);
  void precharge(Bank& bank, uint64_t clock, bool automatic);
  uint64_t open_lanes(const Run& run, const Lanes& lanes, uint32_t row, uint64_t floor);
  uint64_t later_lanes_ready(const Run& run, const Lanes& lanes, uint64_t first) const;
  void book_lanes(const Lanes& lanes, uint64_t last, uint64_t pre);
  void close_lanes(const Lanes& lanes);
  void note_writes(const Run& run, const Lanes& lanes, uint64_t last);
  void emit_columns(const Run& run, uint64_t first) const;
  bool refresh_once(uint64_t due);

  Timing t_;
  const AddressMap& map_;
  uint32_t lane_mask_, spacing_;
  std::array<uint32_t, kMaxLanes> lane_bank_{};  // the map's
  uint64_t idle_;
  bool one_lane_;
  uint32_t read_to_write_, write_data_;
  std::vector<Bank> banks_;
  std::vector<Set> sets_;
  // What earlier commands allow, as the first clock at which the next may be; 0 where there was none.
  std::vector<uint64_t> group_act_;          // tRRD_L
  std::vector<uint64_t> group_read_;         // tWTR_L
  std::array<uint64_t, 4> four_acts_{};      // tFAW, behind each of the last four
  uint32_t act_at_ = 0;                      // the oldest of them
  uint64_t next_act_ = 0;                    // tRRD_S
  uint64_t next_read_ = 0, every_read_ = 0;  // tWTR_S; tWTR_L behind the last of all groups
  RowCommandSlots slots_;
  uint64_t last_cas_ = 0, last_block_ = 0;
  uint32_t last_group_ = 0;
  bool any_cas_ = false, last_write_ = false;
  uint64_t misses_ = 0, columns_ = 0, refreshes_ = 0;
  CommandSink* sink_ = nullptr;
};

}  // namespace heatvit::soc::ddr
