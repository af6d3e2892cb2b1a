// A sweep as its .ini file asks for it (docs/exploration.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "accel/soc/resources.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"
#include "tb/config/config_files.h"
#include "tb/explore/space.h"

namespace heatvit::explore {

enum class Method { kGrid, kLatin, kRandom, kNsga2 };

struct SweepSpec {
  std::map<std::string, std::string> run;  // model, prune-rates, scorer, selectors: those of [sweep]
  std::map<std::string, soc::SocConfig>
      base;                              // by model: parameters before the axes (files, other sections, command line)
  Space space;                           // [axis]
  std::map<std::string, double> limits;  // [limit]: upper bounds by metric
  Method method = Method::kGrid;
  uint64_t samples = 1000;  // all methods but the grid
  uint32_t seed = 1;
  int population = 40;              // nsga2
  double screen_percent = 0;        // not 0: analytic screening first, with this margin
  std::optional<soc::Fpga> device;  // [sweep] device: what does not fit is infeasible
  std::vector<std::string> objectives = {"latency_ms", "dsp", "bram18k"};
};

/// What a point of the space is: everything that a run needs.
struct DesignPoint {
  zoo::ModelSpec spec{};
  soc::SocConfig config;
  network::Pruning pruning;
};

/// JSON object of the axes' values.
std::string settings_json(const Space& space, uint64_t number);

/// JSON object of every resolved option.
std::string resolved_json(const DesignPoint& point);

/// Names of the metrics that objectives and limits may use.
const std::vector<std::string>& metric_names();

/// Throws InputError with file and line: unreadable, unknown section or key, a key twice, a value that is not allowed.
SweepSpec read_sweep(const std::string& path, const std::vector<tb::Setting>& command_line);

/// Other names that people use for metrics: energy, power, latency, bram.
std::string metric_name(const std::string& word);

/// Throws InputError where the point's settings contradict each other.
DesignPoint resolve_point(const SweepSpec& spec, uint64_t number);

/// What results depend on besides the point's number: axes, fixed parameters, limits, device. Two stores can be merged
/// when this is equal; method, samples and seed may differ.
std::string identity_of(const SweepSpec& spec, const std::string& version);

}  // namespace heatvit::explore
