// Simulations of the reproduction: timing mode, each in a forked process, many side by side.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "accel/soc/power.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::reproduce {

/// Cumulative shares of the patches that stay after each selector.
using Ratios = std::array<double, 3>;

struct Experiment {
  std::string model;
  soc::SocConfig config;
  std::optional<Ratios> ratios;       // none: nothing is pruned
  std::vector<int> positions;         // of the selectors; empty: the model's own
  std::optional<double> target_ms{};  // search the scale of `ratios` at which this latency is met
};

struct Outcome {
  std::string refused;                             // why it cannot be built; everything else is meaningless then
  double latency_ms = 0, gmacs = 0, bound_ms = 0;  // accel.batch > 1: of the batch, but gmacs of an image
  double scale = 1;                                // of the ratios, where it was searched
  bool reached = true;                             // false: the target lies outside what pruning can do
  soc::Activity activity;                          // of an image
  std::array<double, modules::kCauses> pe{};       // the array's cycles by cause: they add up to the latency
};

/// Outcomes in the order of the experiments. `on_done`: after each.
std::vector<Outcome> run(const std::vector<Experiment>& experiments, int jobs, const std::function<void()>& on_done);

/// Patches that stay, of `patches`: floor(patches x min(1, ratio x scale)), at least one.
std::vector<int> kept_of(const Ratios& ratios, double scale, int patches);

}  // namespace heatvit::reproduce
