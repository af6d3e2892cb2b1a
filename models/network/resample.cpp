#include "models/network/resample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace heatvit::network {
namespace {

/// What one step of the new grid takes of the old one's.
struct Taps {
  int first = 0;
  std::vector<double> weights;  // of first, first + 1, ...; they sum to 1
};

double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
}

int nearest(double x) { return static_cast<int>(std::floor(x + 0.5)); }

std::vector<Taps> taps(int from, int to) {
  const double step = static_cast<double>(from) / to, width = std::max(step, 1.0), support = 2 * width;
  std::vector<Taps> all;
  for (int i = 0; i < to; ++i) {
    const double centre = step * (i + 0.5);
    Taps own;
    own.first = std::max(nearest(centre - support), 0);
    const int end = std::min(nearest(centre + support), from);
    double sum = 0;
    for (int j = own.first; j < end; ++j) {
      own.weights.push_back(cubic((j - centre + 0.5) / width));
      sum += own.weights.back();
    }
    for (double& weight : own.weights) weight /= sum;
    all.push_back(std::move(own));
  }
  return all;
}

}  // namespace

std::vector<float> resample_positions(const std::vector<float>& rows, int from, int to, int dim) {
  const auto width = static_cast<size_t>(dim), old = static_cast<size_t>(from), side = static_cast<size_t>(to);
  const std::vector<Taps> along = taps(from, to);
  std::vector<double> narrow(old * side * width), result(side * side * width);
  for (size_t y = 0; y < old; ++y)
    for (size_t x = 0; x < side; ++x)
      for (size_t t = 0; t < along[x].weights.size(); ++t) {
        const float* source = rows.data() + (y * old + static_cast<size_t>(along[x].first) + t) * width;
        double* target = narrow.data() + (y * side + x) * width;
        for (size_t c = 0; c < width; ++c) target[c] += along[x].weights[t] * double{source[c]};
      }
  for (size_t y = 0; y < side; ++y)
    for (size_t t = 0; t < along[y].weights.size(); ++t) {
      const double* source = narrow.data() + (static_cast<size_t>(along[y].first) + t) * side * width;
      double* target = result.data() + y * side * width;
      for (size_t i = 0; i < side * width; ++i) target[i] += along[y].weights[t] * source[i];
    }
  return {result.begin(), result.end()};
}

}  // namespace heatvit::network
