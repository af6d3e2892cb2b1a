// The controller's queues and what it does next: first-ready, first-come-first-served within a window, with an age
// limit; reads before writes, writes in drains between watermarks; refresh when it is due.
//
// No clock is stepped. decision_time() is when the next request's first column could go; what arrives before changes
// the choice, so the caller admits everything that arrives until then, and only then calls serve().
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "accel/soc/ddr/address_map.h"
#include "accel/soc/ddr/device.h"
#include "accel/soc/ddr/policies.h"
#include "accel/soc/ddr/timing.h"

namespace heatvit::soc::ddr {

/// Equal pieces of memory that one port moves, `pitch` bytes from one to the next, the first one's `first_bytes` in one
/// burst.
struct Request {
  uint64_t arrival = 0;  // clock
  uint64_t address = 0;
  uint32_t bytes = 64;  // of a piece
  uint32_t rows = 1, pitch = 0;
  uint32_t first_bytes = 64;
  uint32_t port = 0;
  uint32_t tag = 0;  // the caller's
  bool write = false;
};

/// A request and what can be known of it before it arrives.
struct Prepared {
  Request request;
  Location at;           // of its first block
  uint32_t columns = 0;  // column accesses
};

struct Served {
  uint32_t tag = 0;
  bool write = false;
  uint64_t arrival = 0;
  uint64_t first_data = 0,
           last_data = 0;  // clocks: end of the first and of the last burst's data, through the controller
};

class Scheduler {
 public:
  /// Throws InputError for a configuration that cannot be built.
  explicit Scheduler(const DdrConfig& config);

  void reset();

  /// Column accesses of a request; partial writes that follow each other in a block are one.
  uint32_t columns_of(const Request& request) const;

  /// True if the queue has room. A request larger than the queue is taken by an empty one.
  bool accepts(bool write, uint32_t columns) const {
    const uint32_t held = write ? write_columns_ : read_columns_;
    return held == 0 || held + columns <= (write ? write_queue_ : read_queue_);
  }

  /// Whose request enters a full queue first when there is room again: smaller goes first (Arbiter).
  uint32_t precedence(uint32_t port) const { return arbiter_.precedence(port); }

  /// True: a write has waited for room beyond the age limit, so that writes go as if their queue was full.
  void press(bool pressed) {
    if (direction_.pressed() == pressed) return;
    direction_.press(pressed);
    reconsider();
  }
  uint64_t age_limit() const { return age_limit_; }  // clocks

  /// Fills in what belongs to the request.
  void prepare(Prepared& prepared) const {
    prepared.at = map_.locate(prepared.request.address >> map_.block_shift());
    prepared.columns = columns_of(prepared.request);
  }

  /// Arrivals must not fall, nor lie behind the last decision. The caller has asked accepts(). (Prepared earlier than
  /// it is copied: what has just been written in parts cannot be read as a whole without a stall.)
  void admit(const Prepared& prepared, uint64_t arrival);
  /// `columns`: columns_of().
  void admit(const Request& request, uint32_t columns) {
    admit({request, map_.locate(request.address >> map_.block_shift()), columns}, request.arrival);
  }

  /// Serves a read past the queue if that is what admit() and serve() come to: no other read waits, and none arrives
  /// before its column command (`horizon`: the next arrival). The short way of most bursts of a system whose masters
  /// are slower than its memory.
  bool serve_at_once(const Prepared& entry, uint64_t arrival, uint64_t horizon, Served& served);

  bool empty() const { return reads_.empty() && writes_.empty(); }

  /// Clock of the next column command as things stand; kNever where nothing waits. Where it is not before `horizon`,
  /// any clock from there on: what arrives until then changes it anyway.
  uint64_t decision_time(uint64_t horizon = kNever) {
    if (decided_) return decision_;
    return not_before_ >= horizon ? not_before_ : decide(horizon);
  }

  /// Serves what decision_time() was about; reads' data come at Served's clocks, writes' go.
  Served serve();

  /// A read of open rows that goes at once: from its arrival to the end of its first burst's data, at the least.
  uint32_t read_clocks(uint64_t address, uint32_t first_bytes) const {
    return timing_.cl + kBurstClocks + pipeline_ + further_columns(address, first_bytes) * column_clocks_;
  }

  const Timing& timing() const { return timing_; }
  const AddressMap& map() const { return map_; }
  Device& device() { return device_; }
  const Device& device() const { return device_; }

 private:
  /// Column accesses of a piece but one.
  uint32_t further_columns(uint64_t address, uint32_t bytes) const {
    return (static_cast<uint32_t>(address & (map_.block_bytes() - 1)) + bytes - 1) >> map_.block_shift();
  }
  uint64_t decide(uint64_t horizon);
  void reconsider() {
    decided_ = false;
    not_before_ = 0;
  }
  void choose(const std::vector<Prepared>& queue, bool write, uint64_t now);
  uint64_t floor_of(const Prepared& entry, bool write, uint64_t now) const {
    return std::max(entry.request.arrival, write == last_write_ ? direction_since_ : now);
  }
  bool closes(const std::vector<Prepared>& queue) const;
  Placed place(const Prepared& entry, uint64_t floor, bool close);
  Served finish(const Prepared& entry, uint64_t arrival, const Placed& placed);
  Placed place_rows(Run run, const Location& at, uint64_t floor, bool close);
  Placed place_pieces(const Request& request, const Location& at, uint64_t floor, bool close);
  Placed place_blocks(Run run, Location at, uint64_t floor, bool close);

  Timing timing_;
  AddressMap map_;
  std::unique_ptr<PagePolicy> pages_;
  Arbiter arbiter_;
  DdrConfig config_;
  DirectionPolicy direction_;
  Device device_;
  uint32_t read_queue_, write_queue_, pipeline_;
  size_t window_;
  uint32_t column_clocks_;  // from column to column of consecutive blocks
  uint32_t miss_clocks_;
  bool closing_;
  uint64_t age_limit_;
  std::vector<Prepared> reads_, writes_;  // in order of arrival
  uint32_t read_columns_ = 0, write_columns_ = 0;
  uint64_t cursor_ = 0;     // the bus takes the next column command
  uint64_t last_read_ = 0;  // column command
  uint64_t direction_since_ = 0;
  uint64_t next_refresh_ = 0;
  bool last_write_ = false;
  bool mixed_ports_ = false;  // more than one port since reset
  uint32_t last_port_ = 0;
  bool decided_ = false, decided_write_ = false;
  uint64_t not_before_ = 0;  // undecided: the decision's clock is not before
  uint64_t decision_ = kNever, decided_at_ = 0;
  size_t chosen_ = 0;
};

}  // namespace heatvit::soc::ddr
