// A plain DDR4 controller: one clock and at most one command a step, straight from the rules. Slow; to compare with.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/soc/ddr/address_map.h"
#include "accel/soc/ddr/timing.h"

namespace heatvit::testing {

struct ReferenceRequest {
  uint64_t address = 0;
  bool write = false;
};

/// Clock of the last data; requests arrive as fast as the queues take them, in order. Open pages, one port; first-ready
/// within the window, a row is not closed while a request in the window hits it.
uint64_t reference_clocks(const soc::DdrConfig& config, const std::vector<ReferenceRequest>& requests);

}  // namespace heatvit::testing
