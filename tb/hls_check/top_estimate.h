// Cycles of heatvit_top (accel/hls) over the command list of an image, by its walk, loops and pragmas: commands one
// after another, in each the processes of a dataflow that meet at streams. What it does not do as the simulated system
// does shows here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "models/lower/program.h"

namespace heatvit::tb {

/// The commands of one name, added up. `cycles`: what they take. The others: what each process alone would take;
/// `load`: the slowest of A's and B's.
struct TopPart {
  std::string op;
  int64_t cycles = 0, array = 0, load = 0, vector = 0, store = 0;
};

/// Token counts follow the selection by count. In the order of the first command of each name.
std::vector<TopPart> top_estimate(const soc::SocConfig& config, const lower::Program& program);

int64_t total_cycles(const std::vector<TopPart>& parts);

}  // namespace heatvit::tb
