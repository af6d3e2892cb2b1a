// What a DDR controller may do one way or another, each a small class.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "accel/soc/config.h"
#include "accel/soc/ddr/timing.h"

namespace heatvit::soc::ddr {

/// When an open row is closed although nobody needs its bank for another row.
class PagePolicy {
 public:
  virtual ~PagePolicy() = default;
  /// Behind a request's last column (READ or WRITE with auto-precharge), unless a request for that row waits.
  virtual bool closes_at_once() const { return false; }
  /// Clocks after the last column; kNever: it stays open.
  virtual uint64_t idle_clocks() const { return kNever; }
};

class OpenPage : public PagePolicy {};

class ClosedPage : public PagePolicy {
 public:
  bool closes_at_once() const override { return true; }
};

class TimeoutPage : public PagePolicy {
 public:
  explicit TimeoutPage(uint64_t idle) : idle_(idle) {}
  uint64_t idle_clocks() const override { return idle_; }

 private:
  uint64_t idle_;
};

/// Who goes first among requests that could go at the same time: round robin among ports of equal priority.
class Arbiter {
 public:
  /// All ports are equal.
  Arbiter() = default;
  /// A port of a larger number goes first.
  explicit Arbiter(const std::array<int, kMemoryPorts>& priorities) {
    for (size_t port = 0; port < priorities.size(); ++port)
      precedence_[port] = kLowest - static_cast<uint32_t>(priorities[port]);
  }

  /// Smaller goes first, before readiness is looked at.
  uint32_t precedence(uint32_t port) const { return precedence_[port]; }
  /// Smaller goes first among equally ready ones: the port that was served last comes last.
  uint32_t turn(uint32_t port) const { return (port - last_ - 1) & (kMemoryPorts - 1); }
  void granted(uint32_t port) { last_ = port; }

 private:
  static_assert((kMemoryPorts & (kMemoryPorts - 1)) == 0, "the turn wraps around by masking");
  static constexpr uint32_t kLowest = 15;
  std::array<uint32_t, kMemoryPorts> precedence_{};
  uint32_t last_ = kMemoryPorts - 1;
};

/// Which of the two queues is served.
class DirectionPolicy {
 public:
  /// Reads go first. Writes collect until `high` columns wait, then drain to `low`, or until `high - low` columns have
  /// gone and reads wait; then as many reads go before the next drain. Below `high` writes go when no read has waited
  /// for `idle` clocks.
  DirectionPolicy(uint32_t high, uint32_t low, uint32_t idle) : high_(high), low_(low), idle_(idle) {}

  /// Columns that wait. True: writes. Called when the next request is chosen; no state changes.
  bool writes_next(uint32_t reads, uint32_t writes) const {
    if (writes == 0 || reads == 0) return reads == 0;
    const uint32_t high = pressed_ ? 1 : high_, low = pressed_ ? 0 : low_;
    return draining_ ? writes > low && run_ < high_ - low_ : writes >= high && run_ >= high_ - low_;
  }

  /// Room in the write queue is wanted: its watermarks do not count.
  void press(bool pressed) { pressed_ = pressed; }
  bool pressed() const { return pressed_; }

  /// Clocks a write waits for reads when no read is there.
  uint32_t idle(uint32_t writes) const { return draining_ || writes >= high_ ? 0 : idle_; }

  void served(bool write, uint32_t columns) {
    if (write != draining_) run_ = 0;
    draining_ = write;
    run_ += columns;
  }

 private:
  uint32_t high_, low_, idle_;
  uint32_t run_ = UINT32_MAX / 2;  // columns since the direction changed
  bool draining_ = false, pressed_ = false;
};

std::unique_ptr<PagePolicy> make_page_policy(const DdrConfig& config, const Timing& timing);
Arbiter make_arbiter(const DdrConfig& config);
DirectionPolicy make_direction_policy(const DdrConfig& config, const Timing& timing);

}  // namespace heatvit::soc::ddr
