// A clock domain counted in whole cycles since the image's start. Module code thinks in cycles; SystemC sees time.
#pragma once

#include <cmath>
#include <cstdint>
#include <systemc>

namespace heatvit::modules {

constexpr uint64_t kFemtosecondsPerSecond = 1'000'000'000'000'000ULL;

/// Edge c lies at epoch + ceil(c x 10^15 / f) fs: exact at any frequency, no drift.
class ClockDomain {
 public:
  explicit ClockDomain(double mhz) : khz_(static_cast<uint64_t>(std::llround(mhz * 1000.0))) {
    whole_ = kFemtosecondsPerSecond / 1000 / khz_;
    rest_ = kFemtosecondsPerSecond / 1000 % khz_;
    while ((khz_ - 1) >> (shift_ + 1) != 0) ++shift_;
    reciprocal_ = static_cast<uint64_t>(((Wide{1} << (64 + shift_)) + khz_ - 1) / khz_);
    inverse_ = static_cast<double>(khz_) / static_cast<double>(kFemtosecondsPerSecond / 1000);
  }

  void set_epoch(uint64_t femtoseconds) {
    epoch_ = femtoseconds;
    last_time_ = last_edge_ = 0;
  }
  uint64_t epoch() const { return epoch_; }
  double hertz() const { return static_cast<double>(khz_) * 1000.0; }

  /// Absolute time of an edge, fs.
  uint64_t time_of(uint64_t cycle) const { return epoch_ + cycle * whole_ + divide(cycle * rest_ + khz_ - 1); }

  struct Edge {
    uint64_t cycle, time;
  };
  /// First edge at or after an absolute time (fs), not before the epoch.
  Edge next_edge(uint64_t time) const {
    if (time <= epoch_) return {0, time_of(0)};
    Edge edge{static_cast<uint64_t>(static_cast<double>(time - epoch_) * inverse_), 0};
    edge.time = time_of(edge.cycle);
    bool after = false;
    for (; edge.time < time; after = true) edge.time = time_of(++edge.cycle);
    while (!after && edge.cycle > 0) {  // the product may be one too large
      const uint64_t before = time_of(edge.cycle - 1);
      if (before < time) break;
      edge = {edge.cycle - 1, before};
    }
    return edge;
  }
  uint64_t edge_at_or_after(uint64_t time) const { return next_edge(time).cycle; }

  uint64_t now() const {
    const uint64_t time = sc_core::sc_time_stamp().value();
    if (time != last_time_) {
      last_edge_ = edge_at_or_after(time);
      last_time_ = time;
    }
    return last_edge_;
  }

  /// Waits whole cycles from the current edge.
  void wait_cycles(uint64_t cycles) const { wait_until(time_of(now() + cycles)); }

  /// Does nobody else act until an absolute time (fs), that time included? Who asks may then do at once what it would
  /// do at that time, and wait afterwards: nobody can tell, and it need not wake in between.
  static bool alone_until(uint64_t time) {
    return sc_core::sc_time_to_pending_activity().value() > time - sc_core::sc_time_stamp().value();
  }

  /// Waits to an absolute time (fs); returns at once when it has passed.
  static void wait_until(uint64_t time) {
    const uint64_t present = sc_core::sc_time_stamp().value();
    if (time > present) sc_core::wait(sc_core::sc_time::from_value(time - present));
  }

 private:
  __extension__ using Wide = unsigned __int128;

  /// value / khz_, value below 2^63: a multiplication by the reciprocal, rounded up, is exact there and takes a quarter
  /// of the time. (Error of the product: value (reciprocal khz - 2^(64+s)) < 2^63 khz <= 2^(64+s); khz > 2^s.)
  uint64_t divide(uint64_t value) const { return static_cast<uint64_t>(Wide{value} * reciprocal_ >> 64) >> shift_; }

  uint64_t khz_, whole_, rest_;
  uint64_t reciprocal_ = 0;
  unsigned shift_ = 0;
  double inverse_;
  uint64_t epoch_ = 0;
  mutable uint64_t last_time_ = 0, last_edge_ = 0;  // of now(): many units ask at the same time
};

}  // namespace heatvit::modules
