#include "tb/explore/screening.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "accel/isa/errors.h"
#include "tb/estimate/analytic.h"
#include "tb/explore/evaluate.h"
#include "tb/explore/nsga2.h"
#include "tb/explore/pareto.h"

namespace heatvit::explore {
namespace {

using Metrics = std::map<std::string, double>;

bool needs_energy(const SweepSpec& spec) {
  const auto names = [](const std::string& name) { return name == "power_w" || name == "energy_mj"; };
  return std::any_of(spec.objectives.begin(), spec.objectives.end(), names) || spec.limits.count("power_w") != 0 ||
         spec.limits.count("energy_mj") != 0;
}

/// Empty for what cannot be built.
Metrics estimate_metrics(const SweepSpec& spec, uint64_t number, estimate::AnalyticModel& model) {
  try {
    DesignPoint point = resolve_point(spec, number);
    Metrics metrics;
    if (!judge_resources(spec, point.config, metrics).empty()) return metrics;
    const estimate::AnalyticEstimate estimate =
        model.estimate(point.config, point.spec, point.pruning, needs_energy(spec));
    metrics["latency_ms"] = estimate.latency_ms;
    if (needs_energy(spec)) {
      soc::Activity activity = soc::activity_of(estimate::to_image_result(estimate));
      soc::estimate_memory(point.config, activity);
      add_power(point.config, activity, metrics);
    }
    return metrics;
  } catch (const estimate::NotModelled& error) {
    throw InputError(std::string("screen: ") + error.what());
  } catch (const InputError&) {
    return {};
  }
}

/// One after the other of each of so many parts of the points, which lie side by side: memories that are alike are
/// played once a part.
std::vector<Metrics> estimate_all(const SweepSpec& spec, const std::vector<uint64_t>& numbers, int jobs,
                                  const std::function<void()>& on_point) {
  constexpr size_t kFewest = 16;  // points that are worth a thread
  const size_t parts = std::clamp<size_t>(numbers.size() / kFewest, 1, static_cast<size_t>(jobs));
  std::vector<Metrics> metrics(numbers.size());
  std::vector<std::exception_ptr> errors(parts);
  std::mutex counting;
  std::atomic<bool> failed = false;
  const auto part = [&](size_t p) {
    try {
      estimate::AnalyticModel model;
      for (size_t i = numbers.size() * p / parts; i < numbers.size() * (p + 1) / parts && !failed; ++i) {
        metrics[i] = estimate_metrics(spec, numbers[i], model);
        const std::lock_guard<std::mutex> one(counting);
        on_point();
      }
    } catch (...) {
      errors[p] = std::current_exception();
      failed = true;
    }
  };
  std::vector<std::thread> threads;
  for (size_t p = 1; p < parts; ++p) threads.emplace_back(part, p);
  part(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  return metrics;
}

Objectives objectives_of(const SweepSpec& spec, Metrics metrics, double latency_factor) {
  metrics["latency_ms"] *= latency_factor;
  Objectives values;
  for (const std::string& name : spec.objectives) values.push_back(metrics.at(name));
  return values;
}

void check_objectives(const SweepSpec& spec) {
  for (const std::string& name : spec.objectives) {
    if (name == "gmacs" || name == "tiles")
      throw InputError("screen: analytic mode has no " + name +
                       "; objectives may be latency_ms, dsp, bram18k, lut, ff, power_w and energy_mj");
  }
}

PointResult estimated_point(const SweepSpec& spec, uint64_t number, estimate::AnalyticModel& model) {
  PointResult result;
  result.number = number;
  result.metrics = estimate_metrics(spec, number, model);
  const bool feasible = result.metrics.count("latency_ms") != 0 && broken_limit(spec.limits, result.metrics).empty();
  result.state = feasible ? PointState::kDone : PointState::kInfeasible;
  return result;
}

}  // namespace

std::vector<uint64_t> searched_plan(const SweepSpec& spec, const std::function<void()>& on_point) {
  check_objectives(spec);
  estimate::AnalyticModel model;
  std::vector<uint64_t> plan;
  search_nsga2(spec, spec.seed, [&](const std::vector<uint64_t>& numbers) {
    std::vector<PointResult> results;
    for (const uint64_t number : numbers) {
      results.push_back(estimated_point(spec, number, model));
      plan.push_back(number);
      on_point();
    }
    return results;
  });
  return plan;
}

std::vector<uint64_t> screened_plan(const SweepSpec& spec, const std::vector<uint64_t>& plan, int jobs,
                                    const std::function<void()>& on_point) {
  check_objectives(spec);
  const double margin = spec.screen_percent / 100, slow = 1 + margin, fast = 1 - margin;
  const std::vector<Metrics> estimates = estimate_all(spec, plan, jobs, on_point);
  std::vector<uint64_t> numbers;
  std::vector<Objectives> worst, best;  // of each, where the estimate is off as far as it may be
  for (size_t i = 0; i < plan.size(); ++i) {
    const Metrics& metrics = estimates[i];
    if (metrics.count("latency_ms") == 0) continue;
    Metrics optimistic = metrics;
    optimistic["latency_ms"] *= fast;
    if (!broken_limit(spec.limits, optimistic).empty()) continue;
    numbers.push_back(plan[i]);
    worst.push_back(objectives_of(spec, metrics, slow));
    best.push_back(objectives_of(spec, metrics, fast));
  }
  const std::vector<size_t> front = pareto_front(worst);
  std::vector<uint64_t> survivors;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const bool beaten = std::any_of(front.begin(), front.end(), [&](size_t f) {
      return worst[f] != best[i] && f != i && nowhere_worse(worst[f], best[i]);
    });
    if (!beaten) survivors.push_back(numbers[i]);
  }
  return survivors;
}

}  // namespace heatvit::explore
