// Runs the points of a sweep in child processes and stores what comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tb/explore/evaluate.h"
#include "tb/explore/store.h"

namespace heatvit::explore {

/// Of one run of the program.
struct SweepCounts {
  size_t done = 0, infeasible = 0, failed = 0;
  long peak_kib = 0;  // of the largest worker
  size_t total() const { return done + infeasible + failed; }
};

class SweepRunner {
 public:
  /// `on_point`: after a point is stored.
  SweepRunner(const SweepSpec& spec, Store& store, int jobs, std::function<void(const PointResult&)> on_point);

  /// Evaluates these points, each in a process of its own. A process that dies is a failed point.
  void run(const std::vector<uint64_t>& numbers);

  const SweepCounts& counts() const { return counts_; }

 private:
  void finish(const PointResult& result);

  const SweepSpec& spec_;
  Store& store_;
  int jobs_;
  std::function<void(const PointResult&)> on_point_;
  SweepCounts counts_;
};

/// The numbers that the store does not have, or has as failed; order kept.
std::vector<uint64_t> missing_points(const Store& store, const std::vector<uint64_t>& plan);

}  // namespace heatvit::explore
