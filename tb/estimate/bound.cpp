#include "tb/estimate/bound.h"

#include <algorithm>

#include "accel/modules/operation.h"
#include "tb/estimate/traffic.h"

namespace heatvit::estimate {
namespace {

/// Rounded down: it stays a bound.
uint64_t picoseconds(double seconds) { return static_cast<uint64_t>(seconds * 1e12); }

LowerBound bound_of(const soc::SocConfig& config, const isa::Command& c, int tokens, int tokens_after) {
  const lower::Traffic bytes = compulsory_traffic(c, tokens, tokens_after);
  LowerBound bound;
  bound.compute_ps = picoseconds(static_cast<double>(isa::macs(c, tokens)) / peak_macs(config));
  bound.memory_ps = picoseconds(static_cast<double>(bytes.total()) / peak_bytes(config));
  if (modules::operation_of(c).on_host())
    bound.cpu_ps = picoseconds(1e-6 * c.m.at(tokens) * c.n.at(tokens) * config.cpu.layernorm_cycles_per_element /
                               config.cpu.clock_mhz);
  return bound;
}

}  // namespace

double LowerBound::ms() const { return 1e-9 * static_cast<double>(std::max({compute_ps, memory_ps, cpu_ps})); }

LowerBound& LowerBound::operator+=(const LowerBound& other) {
  compute_ps += other.compute_ps;
  memory_ps += other.memory_ps;
  cpu_ps += other.cpu_ps;
  return *this;
}

std::vector<LowerBound> lower_bounds(const lower::Program& program, const soc::SocConfig& config,
                                     const soc::ImageResult& result) {
  std::vector<LowerBound> bounds;
  const size_t count = std::min(program.commands.size(), result.commands.size());
  for (size_t i = 0; i < count; ++i) {
    const soc::CommandRecord& record = result.commands[i];
    bounds.push_back(bound_of(config, program.commands[i], record.tokens, record.tokens_after));
  }
  return bounds;
}

LowerBound total(const std::vector<LowerBound>& bounds) {
  LowerBound sum;
  for (const LowerBound& bound : bounds) sum += bound;
  return sum;
}

double peak_macs(const soc::SocConfig& config) {
  return 1e6 * config.pl_clock_mhz * config.accel.th * config.accel.ti * config.accel.to;
}

double peak_bytes(const soc::SocConfig& config) { return 1e6 * config.ddr.mega_transfers * config.ddr.bus_bytes; }

}  // namespace heatvit::estimate
