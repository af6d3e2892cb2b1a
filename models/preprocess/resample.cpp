#include "models/preprocess/resample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace heatvit::preprocess {
namespace {

constexpr int kChannels = 3;
constexpr int kPrecision = 32 - 8 - 2;  // fraction bits of a weight: 8-bit pixels, two bits for sums beyond 1

double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0.0;
}

double bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/// Source pixels of one target pixel and their weights.
struct Taps {
  int first = 0;
  std::vector<int32_t> weights;
};

std::vector<Taps> taps_of(const Axis& axis, Interpolation interpolation) {
  const bool cubic = interpolation == Interpolation::kBicubic;
  const double scale = static_cast<double>(axis.source) / static_cast<double>(axis.target);
  const double widening = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * widening;
  const double inverse = 1.0 / widening;
  std::vector<Taps> all(static_cast<size_t>(axis.count));
  std::vector<double> weights;
  for (size_t i = 0; i < all.size(); ++i) {
    const double centre = (static_cast<double>(axis.first + static_cast<int64_t>(i)) + 0.5) * scale;
    // As PIL rounds: half up, towards zero below it.
    // NOLINTBEGIN(bugprone-incorrect-roundings)
    const int begin = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + support + 0.5), axis.source);
    // NOLINTEND(bugprone-incorrect-roundings)
    weights.clear();
    double sum = 0;
    for (int pixel = begin; pixel < end; ++pixel) {
      const double distance = (pixel - centre + 0.5) * inverse;
      weights.push_back(cubic ? bicubic(distance) : bilinear(distance));
      sum += weights.back();
    }
    all[i].first = begin;
    for (const double weight : weights) {
      const double value = (sum != 0 ? weight / sum : weight) * (1 << kPrecision);
      all[i].weights.push_back(static_cast<int32_t>(value < 0 ? value - 0.5 : value + 0.5));
    }
  }
  return all;
}

uint8_t to_pixel(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecision, 0, 255)); }

constexpr int32_t kHalf = 1 << (kPrecision - 1);

/// Whether an axis passes as it is; PIL skips the pass then.
bool is_identity(const Axis& axis) { return axis.target == axis.source; }

}  // namespace

std::vector<uint8_t> resample(const uint8_t* rgb, const Axis& x, const Axis& y, Interpolation interpolation) {
  // Rows of the source that the second pass looks at.
  std::vector<Taps> rows;
  int first_row = 0, end_row = y.source;
  if (is_identity(y)) {
    first_row = static_cast<int>(y.first);
    end_row = first_row + y.count;
  } else {
    rows = taps_of(y, interpolation);
    first_row = rows.front().first;
    end_row = rows.back().first + static_cast<int>(rows.back().weights.size());
  }
  const auto width = static_cast<size_t>(x.count) * kChannels;
  std::vector<uint8_t> narrow(static_cast<size_t>(end_row - first_row) * width);
  const std::vector<Taps> columns = is_identity(x) ? std::vector<Taps>() : taps_of(x, interpolation);
  for (int row = first_row; row < end_row; ++row) {
    const uint8_t* const from = rgb + static_cast<size_t>(row) * static_cast<size_t>(x.source) * kChannels;
    uint8_t* const to = narrow.data() + static_cast<size_t>(row - first_row) * width;
    if (is_identity(x)) {
      std::copy_n(from + x.first * kChannels, width, to);
      continue;
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      const uint8_t* pixel = from + std::ptrdiff_t{columns[i].first} * kChannels;
      int32_t sums[kChannels] = {kHalf, kHalf, kHalf};
      for (const int32_t weight : columns[i].weights) {
        for (int c = 0; c < kChannels; ++c) sums[c] += pixel[c] * weight;
        pixel += kChannels;
      }
      for (int c = 0; c < kChannels; ++c) to[i * kChannels + static_cast<size_t>(c)] = to_pixel(sums[c]);
    }
  }
  if (is_identity(y)) return narrow;
  std::vector<uint8_t> out(static_cast<size_t>(y.count) * width);
  std::vector<int32_t> sums(width);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* from = narrow.data() + static_cast<size_t>(rows[i].first - first_row) * width;
    for (const int32_t weight : rows[i].weights) {
      for (size_t c = 0; c < width; ++c) sums[c] += from[c] * weight;
      from += width;
    }
    std::transform(sums.begin(), sums.end(), out.begin() + static_cast<std::ptrdiff_t>(i * width), to_pixel);
  }
  return out;
}

}  // namespace heatvit::preprocess
