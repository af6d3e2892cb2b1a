// run_sim run --mode float: the float executor over the same images. No accelerator, so no cycles.
#pragma once

#include <vector>

#include "models/reference/float_executor.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {

/// One result an image, in order; `options.jobs` threads share them.
std::vector<reference::FloatResult> run_in_float(const RunOptions& options);

/// The keys of a run's report that need no hardware: docs/cli.md.
nlohmann::ordered_json float_json(const RunOptions& options, const std::vector<reference::FloatResult>& results);

std::string float_text(const RunOptions& options, const std::vector<reference::FloatResult>& results,
                       const std::vector<std::string>& class_names);

}  // namespace heatvit::tb
