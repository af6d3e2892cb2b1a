#include "tb/config/pruning_options.h"

#include "accel/isa/errors.h"
#include "models/quant/prepare.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {
namespace {

using network::Pruning;
using network::Scorer;

std::vector<int> parse_positions(const std::string& text, const zoo::ModelSpec& spec) {
  std::vector<int> positions;
  for (const std::string& field : split_list(text)) {
    const auto position = static_cast<int>(parse_integer("--selectors", field, 1, spec.depth));
    if (!positions.empty() && position <= positions.back()) {
      throw InputError("--selectors: block " + field + " does not come after block " +
                       std::to_string(positions.back()) + "; positions must rise");
    }
    positions.push_back(position);
  }
  return positions;
}

std::vector<int> parse_rates(const std::string& text, size_t selectors, const zoo::ModelSpec& spec) {
  const std::vector<std::string> fields = split_list(text);
  if (fields.size() != selectors) {
    throw InputError("--prune-rates: " + std::to_string(fields.size()) + " rates for " + std::to_string(selectors) +
                     " selectors; one rate a selector is needed");
  }
  std::vector<int> keep;
  double previous = 0;
  for (const std::string& field : fields) {
    const auto rate = parse_number(field);
    if (!rate || *rate < 0 || *rate >= 1) {
      throw InputError("--prune-rates: '" + field + "' is not allowed; allowed: a number in [0, 1)");
    }
    if (*rate < previous) {
      throw InputError("--prune-rates: " + field + " is below " + number_text(previous) +
                       "; rates are cumulative and must not fall");
    }
    previous = *rate;
    keep.push_back(spec.kept_at(*rate));
  }
  return keep;
}

/// on: a package token, off: none, as DynamicViT has it.
bool parse_package(const PruningOptions& options, const Pruning& pruning) {
  const std::string text = options.package.value_or(pruning.dynamicvit() ? "off" : "on");
  if (text != "on" && text != "off") throw InputError("--package: '" + text + "' is not allowed; allowed: on, off");
  return text == "on";
}

Scorer default_scorer(const PruningOptions& options) {
  if (options.functional && options.has_trace && !options.selector_weights) return Scorer::kGiven;
  if (options.functional && !options.selector_weights) return Scorer::kClsAttention;
  return options.selector_weights && quant::are_dynamicvit(*options.selector_weights) ? Scorer::kDynamicVit
                                                                                      : Scorer::kHeatvit;
}

void check_functional(const Pruning& pruning, const PruningOptions& options) {
  if (pruning.learned() && !options.selector_weights) {
    throw InputError("--scorer " + std::string(name_of(pruning.scorer)) +
                     ": needs --selector-weights FILE or --selector-weights random:SEED");
  }
  if (!pruning.learned() && options.selector_weights) {
    throw InputError("--selector-weights: no effect with --scorer " + std::string(name_of(pruning.scorer)));
  }
  if (options.has_trace && options.rates) {
    throw InputError("--token-trace: contradicts --prune-rates; both say how many tokens stay");
  }
  if ((pruning.scorer == Scorer::kClsAttention || pruning.evit()) && !options.rates && !options.has_trace) {
    throw InputError("--scorer " + std::string(name_of(pruning.scorer)) +
                     ": needs --prune-rates; its scores have no threshold");
  }
}

void check_timing(const PruningOptions& options) {
  if (options.selector_weights) throw InputError("--selector-weights: no effect in timing mode");
  if (options.has_trace && options.rates) {
    throw InputError("--token-trace: contradicts --prune-rates; both give the token counts");
  }
  if (!options.has_trace && !options.rates) {
    throw InputError("--scorer: timing mode needs token counts: give --prune-rates or --token-trace");
  }
}

}  // namespace

Scorer scorer_named(const std::string& text, bool or_none) {
  for (const Scorer scorer :
       {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kRandom, Scorer::kEvit, Scorer::kDynamicVit}) {
    if (name_of(scorer) == text) return scorer;
  }
  throw InputError("--scorer: '" + text + "' is not allowed; allowed: heatvit, cls-attention, evit, dynamicvit" +
                   (or_none ? ", random or none" : " or random"));
}

std::string_view name_of(Scorer scorer) {
  switch (scorer) {
    case Scorer::kHeatvit: return "heatvit";
    case Scorer::kClsAttention: return "cls-attention";
    case Scorer::kRandom: return "random";
    case Scorer::kEvit: return "evit";
    case Scorer::kDynamicVit: return "dynamicvit";
    case Scorer::kGiven: return "given";
    case Scorer::kNone: break;
  }
  return "none";
}

Pruning make_pruning(const zoo::ModelSpec& spec, const PruningOptions& options) {
  const bool given = options.has_trace && options.scorer == name_of(Scorer::kNone);
  if (options.scorer == name_of(Scorer::kNone) && !given) {
    if (options.rates || options.selectors || options.selector_weights || options.package)
      throw InputError("--scorer none: prunes nothing; leave out what says how to prune");
    return {};
  }
  if (!options.rates && !options.scorer && !options.selector_weights && !options.has_trace) {
    if (options.package) throw InputError("--package: no effect where nothing is pruned");
    if (options.selectors) throw InputError("--selectors: no effect without --prune-rates or --selector-weights");
    return {};
  }
  Pruning pruning;
  pruning.scorer = given            ? Scorer::kGiven
                   : options.scorer ? scorer_named(*options.scorer, true)
                                    : default_scorer(options);
  pruning.package = parse_package(options, pruning);
  if (options.package && pruning.evit())
    throw InputError("--package: no effect with --scorer evit, which fuses what goes");
  if (!pruning.package && spec.front_tokens() == 0)
    throw InputError("--package off: needs a token in front, which always stays; " + spec.name + " has none");
  pruning.positions = options.selectors ? parse_positions(*options.selectors, spec)
                                        : quant::selector_positions(options.selector_weights.value_or(""), spec);
  if (options.functional) {
    check_functional(pruning, options);
  } else {
    check_timing(options);
  }
  if (options.rates) pruning.keep = parse_rates(*options.rates, pruning.positions.size(), spec);
  return pruning;
}

}  // namespace heatvit::tb
