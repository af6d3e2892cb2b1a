// Random extra stalls that debug.stall_seed asks for: results must not depend on them.
#pragma once

#include <cstdint>

#include "accel/modules/config.h"

namespace heatvit::modules {

class StallSource {
 public:
  StallSource(const DebugConfig& debug, uint32_t salt)
      : seed_(debug.stall_seed == 0 ? 0 : (debug.stall_seed * 2654435761U ^ salt) | 1U),
        state_(seed_),
        limit_(static_cast<uint32_t>(debug.stall_cycles)) {}

  /// As at first: what an image meets does not depend on those before it.
  void reset() { state_ = seed_; }

  bool active() const { return state_ != 0 && limit_ != 0; }

  /// 0 to debug.stall_cycles.
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % (limit_ + 1);
  }

 private:
  uint32_t seed_, state_;
  uint32_t limit_;
};

}  // namespace heatvit::modules
