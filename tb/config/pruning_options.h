// --prune-rates, --merge, --scorer, --package, --selectors, --selector-weights: from text to a pruning policy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::tb {

struct PruningOptions {
  std::optional<std::string> rates, scorer, selectors, selector_weights;
  bool functional = false;
  bool has_trace = false;  // --token-trace decides who stays, or how many
  std::optional<std::string> package = std::nullopt;
  std::optional<std::string> merge = {};
};

/// Nothing asked for: no pruning. With a trace, scorer `none` is Scorer::kGiven: nothing is scored. Rates without a
/// scorer: functional mode takes heatvit when selector weights are given and cls-attention otherwise; timing mode takes
/// heatvit, the hardware's own. Throws InputError in one line where the options contradict each other or the model.
network::Pruning make_pruning(const zoo::ModelSpec& spec, const PruningOptions& options);

/// "heatvit", "cls-attention", "evit", "dynamicvit", "tome", "random", "given", "none".
std::string_view name_of(network::Scorer scorer);

/// One that ranks tokens. Throws InputError with those that are allowed; `of_run`: the caller takes "tome" and "none",
/// too.
network::Scorer scorer_named(const std::string& text, bool of_run);

}  // namespace heatvit::tb
