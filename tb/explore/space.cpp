#include "tb/explore/space.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <unordered_set>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"

namespace heatvit::explore {
namespace {

constexpr uint64_t kMostPoints = uint64_t{1} << 62;
constexpr uint64_t kMostGridPoints = 10'000'000;
constexpr size_t kMostValues = 100'000;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> fields(1);
  for (const char c : text) {
    if (c == separator) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  for (std::string& field : fields) {
    const size_t first = field.find_first_not_of(" \t");
    field = first == std::string::npos ? "" : field.substr(first, field.find_last_not_of(" \t") - first + 1);
  }
  return fields;
}

/// As typed by a person: nothing of the binary fraction beyond nine decimals.
std::string typed(double value, bool integral) {
  return tb::number_text(integral ? std::round(value) : std::round(value * 1e9) / 1e9);
}

std::vector<std::string> expand_range(const std::string& text, bool integral, const std::string& origin) {
  const bool logarithmic = text.rfind("log ", 0) == 0;
  const auto wrong = [&](const std::string& what) {
    return InputError(origin + ": '" + text + "' " + what + "; allowed: a; b; c or a:b:step or log a:b:n");
  };
  std::vector<double> n;
  for (const std::string& field : split(logarithmic ? text.substr(4) : text, ':')) {
    const auto number = tb::parse_number(field);
    if (!number) throw wrong("is not a range of numbers");
    n.push_back(*number);
  }
  if (n.size() != 3) throw wrong("is not a range of numbers");
  std::vector<std::string> values;
  const auto add = [&](double value) {
    const std::string word = typed(value, integral);
    if (values.empty() || values.back() != word) values.push_back(word);
  };
  if (logarithmic) {
    if (n[0] <= 0 || n[1] <= 0 || n[2] < 2 || n[2] > kMostValues || n[2] != std::floor(n[2]))
      throw wrong("is not a range: ends above 0 and 2 to 100000 values are needed");
    for (int i = 0; i < static_cast<int>(n[2]); ++i) add(n[0] * std::pow(n[1] / n[0], i / (n[2] - 1)));
    return values;
  }
  const double steps = n[2] == 0 ? -1 : (n[1] - n[0]) / n[2];
  if (!(steps >= 0) || steps > static_cast<double>(kMostValues)) throw wrong("is an empty or endless range");
  for (int i = 0; i <= static_cast<int>(steps + 1e-9); ++i) add(n[0] + i * n[2]);
  return values;
}

/// A whole number below `bound`, the same on every machine (the library's distributions are not).
uint64_t draw(std::mt19937_64& random, uint64_t bound) { return random() % bound; }

}  // namespace

std::vector<std::string> expand_values(const std::string& text, bool integral, const std::string& origin) {
  const bool range = text.find(';') == std::string::npos && text.find(':') != std::string::npos;
  std::vector<std::string> values = range ? expand_range(text, integral, origin) : split(text, ';');
  if (!range && values.size() > 1 && values.back().empty()) values.pop_back();  // "1; 2;"
  if (values.size() > kMostValues)
    throw InputError(origin + ": " + std::to_string(values.size()) + " values; an axis has at most " +
                     std::to_string(kMostValues));
  std::unordered_set<std::string> seen;
  for (const std::string& value : values) {
    if (value.empty()) throw InputError(origin + ": '" + text + "' has an empty value");
    if (!seen.insert(value).second) throw InputError(origin + ": " + value + " stands there twice");
  }
  return values;
}

Space::Space(std::vector<Axis> axes) : axes_(std::move(axes)) {
  for (const Axis& axis : axes_) {
    if (size_ >= kMostPoints / axis.values.size())
      throw InputError(axis.origin + ": the space has more than 2^62 points");
    size_ *= axis.values.size();
  }
}

std::vector<size_t> Space::indices(uint64_t number) const {
  std::vector<size_t> result(axes_.size());
  for (size_t a = axes_.size(); a-- > 0;) {
    result[a] = static_cast<size_t>(number % axes_[a].values.size());
    number /= axes_[a].values.size();
  }
  return result;
}

uint64_t Space::number(const std::vector<size_t>& indices) const {
  uint64_t result = 0;
  for (size_t a = 0; a < axes_.size(); ++a) result = result * axes_[a].values.size() + indices[a];
  return result;
}

std::vector<std::pair<std::string, std::string>> Space::settings(uint64_t number) const {
  const std::vector<size_t> at = indices(number);
  std::vector<std::pair<std::string, std::string>> result;
  for (size_t a = 0; a < axes_.size(); ++a) result.emplace_back(axes_[a].key, axes_[a].values[at[a]]);
  return result;
}

std::vector<uint64_t> grid_plan(const Space& space) {
  if (space.size() > kMostGridPoints) {
    throw InputError("the full grid has " + std::to_string(space.size()) + " points, more than " +
                     std::to_string(kMostGridPoints) + "; take fewer values, or method = latin, random or nsga2");
  }
  std::vector<uint64_t> plan(space.size());
  std::iota(plan.begin(), plan.end(), uint64_t{0});
  return plan;
}

std::vector<uint64_t> random_plan(const Space& space, uint64_t samples, uint32_t seed) {
  std::mt19937_64 random(seed);
  const uint64_t wanted = std::min(samples, space.size());
  std::unordered_set<uint64_t> seen;
  std::vector<uint64_t> plan;
  // Floyd's sampling: no rejections, no array of the whole space.
  for (uint64_t top = space.size() - wanted; top < space.size(); ++top) {
    const uint64_t candidate = draw(random, top + 1);
    const uint64_t point = seen.insert(candidate).second ? candidate : (seen.insert(top), top);
    plan.push_back(point);
  }
  return plan;
}

std::vector<uint64_t> latin_plan(const Space& space, uint64_t samples, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> points(samples);  // numbers, axis by axis
  std::vector<uint64_t> strata(samples);
  for (const auto& axis : space.axes()) {
    std::iota(strata.begin(), strata.end(), uint64_t{0});
    for (size_t i = strata.size(); i > 1; --i) std::swap(strata[i - 1], strata[draw(random, i)]);
    const uint64_t levels = axis.values.size();
    for (size_t i = 0; i < points.size(); ++i)
      points[i] = points[i] * levels + (2 * strata[i] + 1) * levels / (2 * samples);
  }
  std::unordered_set<uint64_t> seen;
  std::vector<uint64_t> plan;
  for (const uint64_t point : points)
    if (seen.insert(point).second) plan.push_back(point);
  return plan;
}

std::vector<uint64_t> shard_of(const std::vector<uint64_t>& plan, uint64_t index, uint64_t count) {
  std::vector<uint64_t> part;
  for (uint64_t i = index; i < plan.size(); i += count) part.push_back(plan[i]);
  return part;
}

}  // namespace heatvit::explore
