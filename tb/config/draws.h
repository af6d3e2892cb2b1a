// For every parameter of the table the values that analytic mode is tried with, and what it makes of the parameter.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::testing {

enum class Treatment {
  kModelled,  // it changes the estimate as it changes the simulated time
  kNoCycles,  // it changes no cycle in any mode: resources, energy, checks of data
  kRefused,   // analytic mode says that it does not model it, by name
};

struct Draw {
  std::string key;
  Treatment treatment = Treatment::kModelled;
  std::vector<std::string> values;  // beside the default
};

/// One a parameter.
const std::vector<Draw>& draws();

/// Of a parameter that changes the bits of an address: the map that goes with its value; else empty.
std::string map_of(const std::string& key);

struct DrawnPoint {
  soc::SocConfig config;
  const zoo::ModelSpec* spec = nullptr;
  network::Pruning pruning;
  std::string text;  // as options of run_sim
};

/// A configuration with a value drawn for every parameter that is modelled; may be one that cannot be built.
DrawnPoint draw_point(std::mt19937& random);

}  // namespace heatvit::testing
