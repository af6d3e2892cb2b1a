#include "tb/config/pruning_options.h"

#include <algorithm>
#include <numeric>

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

/// So many tokens merged at each selector, or half of them where they are fewer than twice as many.
std::vector<int> parse_merged(const std::string& text, size_t selectors, const zoo::ModelSpec& spec) {
  const int merged = static_cast<int>(parse_integer("--merge", text, 1, spec.patches()));
  std::vector<int> keep;
  int candidates = spec.patches();
  for (size_t i = 0; i < selectors; ++i) keep.push_back(candidates -= std::min(merged, candidates / 2));
  return keep;
}

std::vector<int> every_block(const zoo::ModelSpec& spec) {
  std::vector<int> blocks(static_cast<size_t>(spec.depth));
  std::iota(blocks.begin(), blocks.end(), 1);
  return blocks;
}

void check_merging(const Pruning& pruning, const PruningOptions& options) {
  if (options.merge && !pruning.tome())
    throw InputError("--merge: merges tokens, --scorer " + std::string(name_of(pruning.scorer)) + " does not");
  if (options.merge && options.rates)
    throw InputError("--merge: contradicts --prune-rates; both give the token counts");
  if (pruning.tome() && options.has_trace)
    throw InputError("--token-trace: no effect with --scorer tome, which merges tokens; a trace says which go");
}

Scorer default_scorer(const PruningOptions& options) {
  if (options.merge) return Scorer::kTome;
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
  if ((pruning.scorer == Scorer::kClsAttention || pruning.evit() || pruning.tome()) && !options.rates &&
      !options.has_trace && !options.merge) {
    throw InputError("--scorer " + std::string(name_of(pruning.scorer)) + ": needs --prune-rates" +
                     (pruning.tome() ? " or --merge" : "") + "; its scores have no threshold");
  }
}

void check_timing(const PruningOptions& options) {
  if (options.selector_weights) throw InputError("--selector-weights: no effect in timing mode");
  if (options.has_trace && options.rates) {
    throw InputError("--token-trace: contradicts --prune-rates; both give the token counts");
  }
  if (!options.has_trace && !options.rates && !options.merge) {
    const bool merges = options.scorer && *options.scorer == "tome";
    throw InputError(std::string("--scorer: timing mode needs token counts: give --prune-rates or ") +
                     (merges ? "--merge" : "--token-trace"));
  }
}

}  // namespace

Scorer scorer_named(const std::string& text, bool of_run) {
  for (const Scorer scorer :
       {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kRandom, Scorer::kEvit, Scorer::kDynamicVit}) {
    if (name_of(scorer) == text) return scorer;
  }
  if (of_run && text == name_of(Scorer::kTome)) return Scorer::kTome;
  throw InputError("--scorer: '" + text + "' is not allowed; allowed: heatvit, cls-attention, evit, dynamicvit" +
                   (of_run ? ", tome, random or none" : " or random"));
}

std::string_view name_of(Scorer scorer) {
  switch (scorer) {
    case Scorer::kHeatvit: return "heatvit";
    case Scorer::kClsAttention: return "cls-attention";
    case Scorer::kRandom: return "random";
    case Scorer::kEvit: return "evit";
    case Scorer::kDynamicVit: return "dynamicvit";
    case Scorer::kTome: return "tome";
    case Scorer::kGiven: return "given";
    case Scorer::kNone: break;
  }
  return "none";
}

Pruning make_pruning(const zoo::ModelSpec& spec, const PruningOptions& options) {
  const bool given = options.has_trace && options.scorer == name_of(Scorer::kNone);
  if (options.scorer == name_of(Scorer::kNone) && !given) {
    if (options.rates || options.selectors || options.selector_weights || options.package || options.merge)
      throw InputError("--scorer none: prunes nothing; leave out what says how to prune");
    return {};
  }
  if (!options.rates && !options.scorer && !options.selector_weights && !options.has_trace && !options.merge) {
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
  if (options.package && pruning.tome())
    throw InputError("--package: no effect with --scorer tome, which merges what goes");
  if (!pruning.package && spec.front_tokens() == 0)
    throw InputError("--package off: needs a token in front, which always stays; " + spec.name + " has none");
  check_merging(pruning, options);
  pruning.positions = options.selectors ? parse_positions(*options.selectors, spec)
                      : options.merge   ? every_block(spec)
                                        : quant::selector_positions(options.selector_weights.value_or(""), spec);
  if (options.functional) {
    check_functional(pruning, options);
  } else {
    check_timing(options);
  }
  if (options.rates) pruning.keep = parse_rates(*options.rates, pruning.positions.size(), spec);
  if (options.merge) pruning.keep = parse_merged(*options.merge, pruning.positions.size(), spec);
  if (pruning.tome()) network::expect_merging(spec, pruning);
  return pruning;
}

}  // namespace heatvit::tb
