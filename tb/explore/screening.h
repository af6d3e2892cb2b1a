// A first cut of a large space by analytic mode: what cannot be on the front is not simulated.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tb/explore/sweep_spec.h"

namespace heatvit::explore {

/// The points of `plan` that may be on the front of spec.objectives, or within spec.limits, if the analytic latency is
/// off by at most spec.screen_percent: a point goes when another one is no worse in the other objectives and faster
/// even where its own estimate is too low and the point's too high. What cannot be built goes, too. Order kept.
/// `jobs` threads, which change nothing. `on_point`: after each estimate, never twice at once. Throws InputError when
/// an objective has no analytic value.
std::vector<uint64_t> screened_plan(const SweepSpec& spec, const std::vector<uint64_t>& plan, int jobs,
                                    const std::function<void()>& on_point);

/// The points that NSGA-II asks for when analytic mode answers: spec.samples of them, the same for the same spec.
/// Throws as screened_plan.
std::vector<uint64_t> searched_plan(const SweepSpec& spec, const std::function<void()>& on_point);

}  // namespace heatvit::explore
