// What the memory did during an image.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "accel/modules/train.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

/// Bytes that crossed the controller's sockets, by purpose.
using PurposeBytes = std::array<uint64_t, modules::kPurposes>;

struct MemoryStatistics {
  static constexpr size_t kBins = 64;
  std::array<PurposeBytes, kMemoryPorts> bytes{};  // payload; host load counts as kCpu of its own port
  uint64_t row_hits = 0, row_misses = 0, refreshes = 0;
  std::array<uint64_t, kBins> bytes_in_bin{};  // over time
  double bin_ns = 0;
};

}  // namespace heatvit::soc
