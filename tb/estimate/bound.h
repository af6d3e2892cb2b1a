// Lower bounds of a latency that need no simulation and hold for every schedule: an implementation may be above, never
// below. For each command: its products at the array's peak, the bytes it cannot avoid at the memory's peak, and
// LayerNorm's arithmetic on the host. Commands overlap, so the bound of a sum is the largest of the three sums.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/soc/config.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"

namespace heatvit::estimate {

/// In whole picoseconds, so that sums do not depend on the order of images.
struct LowerBound {
  uint64_t compute_ps = 0;  // MACs / (th x ti x to a PL cycle)
  uint64_t memory_ps = 0;   // compulsory bytes (traffic.h) / (data rate x bus width)
  uint64_t cpu_ps = 0;      // elements x cpu.layernorm_cycles_per_element

  double compute_ms() const { return 1e-9 * static_cast<double>(compute_ps); }
  double memory_ms() const { return 1e-9 * static_cast<double>(memory_ps); }
  double cpu_ms() const { return 1e-9 * static_cast<double>(cpu_ps); }
  double ms() const;
  LowerBound& operator+=(const LowerBound& other);
};

/// One of each command, for the token counts that `result` has.
std::vector<LowerBound> lower_bounds(const lower::Program& program, const soc::SocConfig& config,
                                     const soc::ImageResult& result);

/// Of the whole image.
LowerBound total(const std::vector<LowerBound>& bounds);

/// Peak of the array, MACs a second, and of the memory, bytes a second.
double peak_macs(const soc::SocConfig& config);
double peak_bytes(const soc::SocConfig& config);

}  // namespace heatvit::estimate
