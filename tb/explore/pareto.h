// Pareto fronts: every objective is minimised.
#pragma once

#include <cstddef>
#include <vector>

namespace heatvit::explore {

using Objectives = std::vector<double>;

/// a is at or below b in every objective.
bool nowhere_worse(const Objectives& a, const Objectives& b);

/// Indices of the points that no other beats or equals everywhere and beats somewhere; of equal points the first. In
/// order of the first objective, then of the others.
std::vector<size_t> pareto_front(const std::vector<Objectives>& points);

/// Volume that the points dominate below `reference`; points that do not lie below it in every objective add nothing.
double hypervolume(const std::vector<Objectives>& points, const Objectives& reference);

}  // namespace heatvit::explore
