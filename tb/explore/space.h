// The design space of a sweep: axes of values, and the grid they span. A point is its number in the grid, whichever
// method visits it: the first axis moves slowest.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace heatvit::explore {

struct Axis {
  std::string key;
  std::vector<std::string> values;  // as one would type them
  std::string origin;               // FILE:LINE
};

/// The values of an axis as written: "16; 32; 64", a range "a:b:step" (b included where a step meets it), or "log
/// a:b:n" (n values from a to b in equal ratios). `integral`: values of ranges are rounded to whole numbers; doubles
/// are dropped. Throws InputError (origin, text, what is allowed): no value, a value twice, a malformed or empty range.
std::vector<std::string> expand_values(const std::string& text, bool integral, const std::string& origin);

class Space {
 public:
  Space() = default;
  /// Throws InputError when the grid has 2^62 points or more.
  explicit Space(std::vector<Axis> axes);

  const std::vector<Axis>& axes() const { return axes_; }
  uint64_t size() const { return size_; }

  /// Index into the values of each axis.
  std::vector<size_t> indices(uint64_t number) const;
  uint64_t number(const std::vector<size_t>& indices) const;

  /// Key and value of each axis.
  std::vector<std::pair<std::string, std::string>> settings(uint64_t number) const;

 private:
  std::vector<Axis> axes_;
  uint64_t size_ = 1;
};

/// Numbers of the points that a method visits, in its order, none twice.
std::vector<uint64_t> grid_plan(const Space& space);

/// Drawn without replacement; all points where there are no more than `samples`.
std::vector<uint64_t> random_plan(const Space& space, uint64_t samples, uint32_t seed);

/// Latin hypercube: each axis is cut into `samples` equal strata, each is met once; axes are paired at random. Strata
/// that fall on the same values give one point, so there may be fewer than `samples`.
std::vector<uint64_t> latin_plan(const Space& space, uint64_t samples, uint32_t seed);

/// Part `index` of `count`: every count-th point of a plan, beginning with the index-th.
std::vector<uint64_t> shard_of(const std::vector<uint64_t>& plan, uint64_t index, uint64_t count);

}  // namespace heatvit::explore
