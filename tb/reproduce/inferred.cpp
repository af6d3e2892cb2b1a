#include <algorithm>

#include "tb/config/text_table.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

// Where nothing is gained by fewer tokens from the model's own positions on, the earliest ones show what is left.
const std::vector<int> kEarliest = {2, 3, 4};

struct Target {
  std::string what;
  size_t model = 0;  // in published::kModels
  bool of_board = false;
  Experiment experiment;
};

size_t index_of(const std::string& model) {
  size_t i = 0;
  while (published::kModels[i].model != model) ++i;
  return i;
}

/// 8 bit and 16 bit, unpruned, of every model.
std::vector<Outcome> unpruned(const Runner& run) {
  std::vector<Experiment> dense;
  for (const published::DenseMacs& m : published::kModels) {
    dense.push_back({m.model, heatvit_config(m.model), std::nullopt, {}});
    dense.push_back({m.model, baseline_config(m.model), std::nullopt, {}});
  }
  return run(dense);
}

std::string of_batch(const published::Board& b) {
  return b.batch == 1 ? "" : " for " + std::to_string(b.batch) + " images";
}

std::vector<Target> targets_of(const std::vector<Outcome>& dense) {
  std::vector<Target> targets;
  const auto add = [&](const std::string& what, size_t model, bool of_board, double ms, int batch) {
    const char* name = published::kModels[model].model;
    const soc::SocConfig config = with(heatvit_config(name), {{"accel.batch", std::to_string(batch)}});
    for (const std::vector<int>& positions : {std::vector<int>{}, kEarliest})
      targets.push_back({what, model, of_board, {name, config, published::kDefaultRatios, positions, ms}});
  };
  for (const published::Board& b : published::kHeatvit)
    add(tb::fixed(b.latency_ms, 2) + " ms" + of_batch(b), index_of(b.model), true, b.latency_ms, b.batch);
  for (size_t m = 0; m < published::kModels.size(); ++m)
    for (const double speedup : {published::kPruning.low, published::kPruning.high})
      add(tb::fixed(speedup, 2) + "x by pruning", m, false, dense[2 * m].latency_ms / speedup, 1);
  return targets;
}

Cell scaled(const Experiment& e, const Outcome& o) {
  if (o.reached) return word(ratios_text(*e.ratios, o.scale));
  return word(o.scale == 0 ? "none: slower even with one token" : "none: faster even unpruned");
}

std::string verdict(double least, double most) {
  const std::string range =
      tb::fixed(published::kTogether.low, 2) + "x to " + tb::fixed(published::kTogether.high, 2) + "x";
  if (most == 0) return "Pruning alone reaches 1.82x on no model here, so " + range + " does not follow.";
  const bool follows = least <= published::kTogether.low * 1.05 && most >= published::kTogether.high * 0.95;
  return "Where pruning alone gives 1.82x or 2.58x, both together give " + tb::fixed(least, 2) + "x to " +
         tb::fixed(most, 2) + "x: " + range + (follows ? " follows within 5 %." : " does not follow within 5 %.");
}

/// Arithmetic on published figures alone, beside what is simulated.
ResultTable implied_table(const std::vector<Outcome>& dense) {
  ResultTable t;
  t.title = "What the published latencies and speedups imply for unpruned runs";
  t.columns = {"model", "8 bit, unpruned: implied", "simulated", "16 bit, unpruned: implied", "simulated"};
  for (const published::Board& b : published::kHeatvit) {
    const size_t m = index_of(b.model);
    const auto range = [&b](const published::Range& r) {
      const double own = b.latency_ms / b.batch;
      return word(tb::fixed(own * r.low, 1) + " to " + tb::fixed(own * r.high, 1) + " ms");
    };
    t.rows.push_back({word(b.model), range(published::kPruning), number(dense[2 * m].latency_ms, 2, "ms"),
                      range(published::kTogether), number(dense[2 * m + 1].latency_ms, 2, "ms")});
  }
  t.note =
      "Published latency an image times the published range of speedups over the models (C), if that latency is of "
      "pruned images, which is not said; which end belongs to which model is not known, either.";
  return t;
}

}  // namespace

void add_inferred(Reproduction& r, const Runner& run) {
  const std::vector<Outcome> dense = unpruned(run);
  r.tables.push_back(implied_table(dense));
  const std::vector<Target> targets = targets_of(dense);
  std::vector<Experiment> experiments;
  for (const Target& t : targets) experiments.push_back(t.experiment);
  const std::vector<Outcome> outcomes = run(experiments);
  ResultTable t;
  t.title = "Inferred: keep ratios at which a published figure is met";
  t.columns = {
      "target", "model", "selectors", "keep ratios, inferred", "latency", "GMAC", "8 bit and pruning together"};
  double least = 0, most = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const Outcome& o = outcomes[i];
    const double own = o.latency_ms / targets[i].experiment.config.accel.batch,
                 together = dense[2 * targets[i].model + 1].latency_ms / own;
    if (!targets[i].of_board && o.reached) {
      least = least == 0 ? together : std::min(least, together);
      most = std::max(most, together);
    }
    t.rows.push_back({word(targets[i].what), word(targets[i].experiment.model),
                      word(targets[i].experiment.positions.empty() ? "the model's" : "before 2, 3, 4"),
                      scaled(targets[i].experiment, o), number(o.latency_ms, 2, "ms"), number(o.gmacs, 2),
                      number(together, 2, "x")});
  }
  t.note = "All ratios are " + ratios_text(published::kDefaultRatios) +
           " times one number, found by bisection; which ratios and positions HeatViT used is not known. " +
           verdict(least, most);
  r.tables.push_back(t);
}

void add_clock(Reproduction& r, const Runner& run) {
  std::vector<Experiment> experiments;
  for (const published::Board& b : published::kHeatvit)
    for (const char* mhz : {"150", "300"})
      for (const Ratios& ratios : {published::kDefaultRatios, published::kTunedRatios})
        experiments.push_back(
            {b.model,
             with(heatvit_config(b.model), {{"pl.clock_mhz", mhz}, {"accel.batch", std::to_string(b.batch)}}),
             ratios,
             {}});
  const std::vector<Outcome> outcomes = run(experiments);
  ResultTable t;
  t.title = "Clock";
  t.columns = {"model", "images", "keep ratios", "MHz", "latency", "bound", "power", "published", "error"};
  for (size_t i = 0; i < experiments.size(); ++i) {
    const Experiment& e = experiments[i];
    const double published = published::kHeatvit[i / 4].latency_ms;
    t.rows.push_back({word(e.model), number(e.config.accel.batch, 0), word(ratios_text(*e.ratios)),
                      number(e.config.pl_clock_mhz, 0), number(outcomes[i].latency_ms, 2, "ms"),
                      number(outcomes[i].bound_ms, 2, "ms"),
                      number(soc::power_of(e.config, outcomes[i].activity).power_w, 2, "W"), number(published, 2, "ms"),
                      percent_change(outcomes[i].latency_ms, published)});
  }
  t.note = "Everything else is at 150 MHz. The processing system, its memory and the CPU keep their clocks.";
  r.tables.push_back(t);
}

}  // namespace heatvit::reproduce
