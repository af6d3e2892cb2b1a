#include "tb/explore/sweep_runner.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "tb/explore/process_pool.h"

namespace heatvit::explore {

SweepRunner::SweepRunner(const SweepSpec& spec, Store& store, int jobs,
                         std::function<void(const PointResult&)> on_point)
    : spec_(spec), store_(store), jobs_(jobs), on_point_(std::move(on_point)) {}

void SweepRunner::run(const std::vector<uint64_t>& numbers) {
  std::unordered_map<size_t, PointResult> in_flight;
  ChildWork work;
  work.run = [&](size_t item, const Send& send) { send(to_bytes(evaluate_point(spec_, numbers[item]))); };
  work.on_message = [&](size_t item, const std::string& bytes) { in_flight[item] = from_bytes(bytes); };
  work.on_end = [&](size_t item, const ChildEnd& end) {
    const auto found = in_flight.find(item);
    PointResult result;
    result.number = numbers[item];
    if (found != in_flight.end()) {
      result = std::move(found->second);
      in_flight.erase(found);
    } else {
      result.settings = settings_json(spec_.space, result.number);
      result.reason = end.message;
    }
    result.peak_kib = end.peak_kib;
    counts_.peak_kib = std::max(counts_.peak_kib, end.peak_kib);
    finish(result);
  };
  run_in_children(numbers.size(), jobs_, work);
}

void SweepRunner::finish(const PointResult& result) {
  switch (result.state) {
    case PointState::kDone: ++counts_.done; break;
    case PointState::kInfeasible: ++counts_.infeasible; break;
    case PointState::kFailed: ++counts_.failed; break;
  }
  store_.add(result);
  if (on_point_) on_point_(result);
}

std::vector<uint64_t> missing_points(const Store& store, const std::vector<uint64_t>& plan) {
  const std::unordered_map<uint64_t, PointState> states = store.states();
  std::vector<uint64_t> missing;
  std::copy_if(plan.begin(), plan.end(), std::back_inserter(missing), [&](uint64_t number) {
    const auto found = states.find(number);
    return found == states.end() || found->second == PointState::kFailed;
  });
  return missing;
}

}  // namespace heatvit::explore
