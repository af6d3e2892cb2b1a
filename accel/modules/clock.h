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
    inverse_ = static_cast<double>(khz_) / static_cast<double>(kFemtosecondsPerSecond / 1000);
  }

  void set_epoch(uint64_t femtoseconds) {
    epoch_ = femtoseconds;
    last_time_ = last_edge_ = 0;
  }
  uint64_t epoch() const { return epoch_; }
  double hertz() const { return static_cast<double>(khz_) * 1000.0; }

  /// Absolute time of an edge, fs.
  uint64_t time_of(uint64_t cycle) const { return epoch_ + cycle * whole_ + (cycle * rest_ + khz_ - 1) / khz_; }

  /// First edge at or after an absolute time (fs), not before the epoch.
  uint64_t edge_at_or_after(uint64_t time) const {
    if (time <= epoch_) return 0;
    auto cycle = static_cast<uint64_t>(static_cast<double>(time - epoch_) * inverse_);
    while (time_of(cycle) < time) ++cycle;
    while (cycle > 0 && time_of(cycle - 1) >= time) --cycle;
    return cycle;
  }

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

  /// Waits to an absolute time (fs); returns at once when it has passed.
  static void wait_until(uint64_t time) {
    const uint64_t present = sc_core::sc_time_stamp().value();
    if (time > present) sc_core::wait(sc_core::sc_time::from_value(time - present));
  }

 private:
  uint64_t khz_, whole_, rest_;
  double inverse_;
  uint64_t epoch_ = 0;
  mutable uint64_t last_time_ = 0, last_edge_ = 0;  // of now(): many units ask at the same time
};

}  // namespace heatvit::modules
