// Images spread over the process pool: SystemC elaborates once in a process, and images do not depend on each other.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "accel/soc/simulator.h"

namespace heatvit::tb {

/// Time that passes while simulations run, some of them at once.
class Elapsed {
 public:
  /// What of an interval no other one before has covered.
  double add(double begin, double end);

 private:
  std::map<double, double> covered_;  // end by begin; apart
};

/// Simulates item `index`.
using Simulate = std::function<soc::ImageResult(size_t index)>;

/// Makes one, in the process that uses it.
using MakeSimulate = std::function<Simulate()>;

/// Takes results, in the order of the items, so that sums and the order of rows do not depend on `jobs`; `wall_s` of
/// those that ran at once is told once (Elapsed).
using TakeResult = std::function<void(size_t index, soc::ImageResult&& result)>;

/// Item i runs in process i mod jobs; jobs = 1 runs here, without a fork. Errors of a worker are thrown here as what
/// they were there (InputError, std::runtime_error); one that dies is a std::runtime_error saying how. The others are
/// ended. `apart`: never here, so that this process can fork simulations afterwards.
void run_jobs(size_t count, int jobs, const MakeSimulate& make, const TakeResult& take, bool apart = false);

/// One result as bytes, between processes of the same program.
std::string serialise(const soc::ImageResult& result);

/// Throws std::runtime_error when the bytes are no result.
soc::ImageResult deserialise(const std::string& bytes);

}  // namespace heatvit::tb
