// A path between ports and the DDR controller that several of them share: so many bytes a clock, reads and writes each
// their own. The board decides which ports these are.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace heatvit::soc {

class SharedPath {
 public:
  SharedPath(double mhz, int bytes_a_clock)
      : byte_fs_(static_cast<uint64_t>(std::llround(1e9 / mhz / bytes_a_clock))) {}

  /// Free from `time` (fs) on.
  void reset(uint64_t time) { free_ = {time, time}; }

  /// When so many bytes that come now are through, at the earliest.
  uint64_t earliest(bool write, uint64_t bytes) const { return free_[write ? 1 : 0] + bytes * byte_fs_; }

  /// `total` bytes pass, the first `first_bytes` of which end at `first` and the last ones at `last` on the other side:
  /// returns when all are through.
  uint64_t pass(bool write, uint64_t first_bytes, uint64_t total, uint64_t first, uint64_t last) {
    uint64_t& free = free_[write ? 1 : 0];
    free = std::max(last, std::max(free, first - first_bytes * byte_fs_) + total * byte_fs_);
    return free;
  }

  /// Time of so many bytes alone, fs.
  uint64_t time_of(uint64_t bytes) const { return bytes * byte_fs_; }

 private:
  uint64_t byte_fs_;
  std::array<uint64_t, 2> free_{};  // reads, writes
};

}  // namespace heatvit::soc
