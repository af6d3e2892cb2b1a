#include "tb/explore/pareto.h"

#include <algorithm>
#include <numeric>

namespace heatvit::explore {
namespace {

/// Slices along the last objective: between two neighbouring values, the volume is that of the points at or below the
/// lower one in the other objectives, times the distance.
double sliced(std::vector<Objectives> points, const Objectives& reference, size_t dimensions) {
  if (points.empty()) return 0;
  if (dimensions == 1) {
    const auto best =
        std::min_element(points.begin(), points.end(), [](const auto& a, const auto& b) { return a[0] < b[0]; });
    return reference[0] - (*best)[0];
  }
  const size_t last = dimensions - 1;
  std::sort(points.begin(), points.end(), [last](const auto& a, const auto& b) { return a[last] < b[last]; });
  double volume = 0;
  std::vector<Objectives> below;  // the front of the points so far, without the last objective
  for (size_t i = 0; i < points.size(); ++i) {
    const Objectives shadow(points[i].begin(), points[i].begin() + static_cast<std::ptrdiff_t>(last));
    const bool adds =
        std::none_of(below.begin(), below.end(), [&](const Objectives& b) { return nowhere_worse(b, shadow); });
    if (adds) {
      below.erase(
          std::remove_if(below.begin(), below.end(), [&](const Objectives& b) { return nowhere_worse(shadow, b); }),
          below.end());
      below.push_back(shadow);
    }
    const double next = i + 1 < points.size() ? points[i + 1][last] : reference[last];
    if (next > points[i][last]) volume += (next - points[i][last]) * sliced(below, reference, last);
  }
  return volume;
}

}  // namespace

bool nowhere_worse(const Objectives& a, const Objectives& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
  }
  return true;
}

std::vector<size_t> pareto_front(const std::vector<Objectives>& points) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // Lexicographic order: nothing that comes later can beat what came before.
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return points[a] < points[b]; });
  std::vector<size_t> front;
  for (const size_t candidate : order) {
    const bool beaten =
        std::any_of(front.begin(), front.end(), [&](size_t f) { return nowhere_worse(points[f], points[candidate]); });
    if (!beaten) front.push_back(candidate);
  }
  return front;
}

double hypervolume(const std::vector<Objectives>& points, const Objectives& reference) {
  std::vector<Objectives> inside;
  for (const size_t index : pareto_front(points)) {
    bool below = true;
    for (size_t i = 0; i < reference.size(); ++i) below = below && points[index][i] < reference[i];
    if (below) inside.push_back(points[index]);
  }
  return sliced(std::move(inside), reference, reference.size());
}

}  // namespace heatvit::explore
