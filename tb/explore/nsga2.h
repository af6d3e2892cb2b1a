// NSGA-II (Deb et al. 2002; pagmo's implementation) over the grid of a sweep.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tb/explore/evaluate.h"

namespace heatvit::explore {

/// Returns the results of these points (no number twice in one call), in their order.
using EvaluateBatch = std::function<std::vector<PointResult>(const std::vector<uint64_t>&)>;

/// Searches until spec.samples different points were asked for, or 50 generations brought no new one. An individual is
/// the index of its value on each axis, an integer; the first generation is a Latin hypercube. Limits and points that
/// cannot be built push an individual behind every feasible one, the more the further it exceeds its limits. Which
/// points are asked for depends on spec and seed alone, so an interrupted search repeats its way through stored points.
void search_nsga2(const SweepSpec& spec, uint32_t seed, const EvaluateBatch& evaluate);

}  // namespace heatvit::explore
