// What one changed parameter would bring: the neighbours of a design, each simulated in timing mode with the token
// counts of a run. Numbers do not change with any of them.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "accel/soc/resources.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::explore {

struct Change {
  std::string key, from, to;  // as one would type them
};

/// One step of each parameter that a designer chooses and that changes cycles: the other choices; a port or a slot more
/// or less; half and twice of a width, a tile or a number of lanes; a quarter of the array more and less; a third more
/// clock. What changes numbers (bits) or is the board's stays.
std::vector<Change> neighbours(const soc::SocConfig& config);

struct WhatIfQuestion {
  zoo::ModelSpec spec;
  network::Pruning pruning;
  soc::SocConfig config;
  std::vector<std::vector<int>> kept;  // patches kept in each image, selector by selector; a whole number of batches
  std::optional<soc::Fpga> device;     // that a neighbour must fit; none: any size
};

struct WhatIf {
  Change change;          // no key: the design as it is
  std::string refused;    // why it cannot be built or does not fit; then nothing below but resources
  double latency_ms = 0;  // mean over the images, of the batch each is in
  double energy_mj = 0, power_w = 0;
  int64_t dsp = 0, bram18k = 0, lut = 0;
};

struct WhatIfAnswer {
  WhatIf base;
  std::vector<WhatIf> neighbours;  // fastest first, refused ones last
  size_t images = 0;

  /// The fastest that fits and saves half a per cent; a faster clock only where nothing else does. Null: none.
  const WhatIf* best() const;
};

/// On `jobs` processes. `on_done`: after each simulation.
WhatIfAnswer what_if(const WhatIfQuestion& question, int jobs, const std::function<void()>& on_done);

std::string what_if_text(const WhatIfAnswer& answer);
nlohmann::ordered_json what_if_json(const WhatIfAnswer& answer);

/// "a second weight port (accel.weight_ports = 2) would give 8.900 ms (-10.7 %)".
std::string what_if_sentence(const WhatIfAnswer& answer);

}  // namespace heatvit::explore
