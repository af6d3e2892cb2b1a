// How an engine with several ports deals one burst train over them.
#pragma once

#include <algorithm>
#include <array>

#include "accel/modules/train.h"

namespace heatvit::modules {

constexpr int kEnginePorts = 4;           // at most, of one DMA engine
constexpr uint32_t kPortUnitBytes = 256;  // one row is dealt in such units: a burst of 16 beats of 16 bytes

/// Shares of a train, contiguous in its dense order: the data of share i follow those of share i - 1. Planes are dealt
/// where there are several, else rows, else bytes in units; a train of one unit stays whole.
struct TrainShares {
  int count = 1;
  std::array<BurstTrain, kEnginePorts> share;
};

inline TrainShares split_train(const BurstTrain& train, int ports) {
  const uint32_t units = train.planes > 1 ? train.planes
                         : train.rows > 1 ? train.rows
                                          : (train.row_bytes + kPortUnitBytes - 1) / kPortUnitBytes;
  TrainShares shares;
  shares.count = std::max(1, static_cast<int>(std::min({static_cast<uint32_t>(ports), uint32_t{kEnginePorts}, units})));
  const auto count = static_cast<uint32_t>(shares.count);
  for (uint32_t i = 0; i < count; ++i) {
    // The first share is the larger one: its port has nothing else to do.
    const uint32_t first = (units * i + count - 1) / count, last = (units * (i + 1) + count - 1) / count;
    BurstTrain& s = shares.share[i] = train;
    if (train.planes > 1) {
      s.address += first * train.plane_pitch;
      s.planes = last - first;
    } else if (train.rows > 1) {
      s.address += first * train.pitch;
      s.rows = last - first;
    } else {
      s.address += first * kPortUnitBytes;
      s.row_bytes = std::min(train.row_bytes, last * kPortUnitBytes) - first * kPortUnitBytes;
    }
  }
  return shares;
}

}  // namespace heatvit::modules
