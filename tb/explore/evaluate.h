// One design point: its resources, its limits, its simulation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "accel/soc/power.h"
#include "tb/explore/sweep_spec.h"

namespace heatvit::explore {

/// kInfeasible: cannot be built, or breaks a limit. kFailed: the simulation or its process did; tried again on
/// resuming.
enum class PointState { kDone, kInfeasible, kFailed };

struct PointResult {
  uint64_t number = 0;
  PointState state = PointState::kFailed;
  std::string reason;                     // "" when done
  std::string settings, resolved;         // JSON
  std::map<std::string, double> metrics;  // by name; latency_ms, gmacs, tiles only where it was simulated
  std::optional<uint64_t> cycles;
  double wall_s = 0;  // of lowering and simulation
  long peak_kib = 0;  // of the process
};

/// Simulates in this process, once a process. Never throws for a fault of the point: that is a result.
PointResult evaluate_point(const SweepSpec& spec, uint64_t number);

/// The first limit that the metrics at hand break, in words; "" if none.
std::string broken_limit(const std::map<std::string, double>& limits, const std::map<std::string, double>& metrics);

/// Whether a reason is one of broken_limit(): the design can be built.
bool is_limit(const std::string& reason);

/// Adds dsp, bram18k, lut and ff of a design. What is wrong with them in words, without a simulation: more than the
/// device has, or than a limit allows; "" if nothing.
std::string judge_resources(const SweepSpec& spec, const soc::SocConfig& config,
                            std::map<std::string, double>& metrics);

/// Adds power_w and energy_mj.
void add_power(const soc::SocConfig& config, const soc::Activity& activity, std::map<std::string, double>& metrics);

/// A result as bytes, between processes of this program.
std::string to_bytes(const PointResult& result);
PointResult from_bytes(const std::string& bytes);

}  // namespace heatvit::explore
