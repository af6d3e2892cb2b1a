#include <algorithm>

#include "tb/report/table.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

struct Target {
  std::string what;
  Experiment experiment;
};

std::vector<Target> board_targets() {
  std::vector<Target> targets;
  for (const published::Board& b : published::kHeatvit)
    targets.push_back({tb::fixed(b.latency_ms, 2) + " ms",
                       {b.model, heatvit_config(b.model), published::kDefaultRatios, {}, b.latency_ms}});
  return targets;
}

Cell scaled(const Experiment& e, const Outcome& o) {
  if (o.reached) return word(ratios_text(*e.ratios, o.scale));
  return word(o.scale == 0 ? "none: too slow with one token kept" : "none: fast enough unpruned");
}

}  // namespace

void add_inferred(Reproduction& r, const Runner& run) {
  std::vector<Experiment> dense;
  for (const published::DenseMacs& m : published::kModels) {
    dense.push_back({m.model, heatvit_config(m.model), std::nullopt, {}});
    dense.push_back({m.model, baseline_config(m.model), std::nullopt, {}});
  }
  const std::vector<Outcome> unpruned = run(dense);
  std::vector<Target> targets = board_targets();
  const size_t boards = targets.size();
  for (size_t i = 0; i < published::kModels.size(); ++i)
    for (const double speedup : {published::kPruning.low, published::kPruning.high})
      targets.push_back({tb::fixed(speedup, 2) + "x by pruning",
                         {published::kModels[i].model,
                          dense[2 * i].config,
                          published::kDefaultRatios,
                          {},
                          unpruned[2 * i].latency_ms / speedup}});
  std::vector<Experiment> experiments;
  for (const Target& t : targets) experiments.push_back(t.experiment);
  const std::vector<Outcome> outcomes = run(experiments);

  ResultTable t;
  t.title = "Inferred: keep ratios at which a published figure is met";
  t.columns = {"target", "model", "keep ratios, inferred", "latency", "GMAC", "8 bit and pruning together"};
  double least = 0, most = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const size_t model =
        static_cast<size_t>(std::find_if(published::kModels.begin(), published::kModels.end(),
                                         [&](const auto& m) { return targets[i].experiment.model == m.model; }) -
                            published::kModels.begin());
    const Outcome& o = outcomes[i];
    const double together = unpruned[2 * model + 1].latency_ms / o.latency_ms;
    if (i >= boards && o.reached) {
      least = least == 0 ? together : std::min(least, together);
      most = std::max(most, together);
    }
    t.rows.push_back({word(targets[i].what), word(targets[i].experiment.model), scaled(targets[i].experiment, o),
                      number(o.latency_ms, 2, "ms"), number(o.gmacs, 2), number(together, 2, "x")});
  }
  const bool follows = least <= published::kTogether.low * 1.05 && most >= published::kTogether.high * 0.95;
  t.note =
      "All ratios are the default set times one number, found by bisection; which ratios HeatViT used is not known. "
      "Where pruning alone gives 1.82x to 2.58x, both together give " +
      tb::fixed(least, 2) + "x to " + tb::fixed(most, 2) + "x: 3.46x to 4.89x " +
      (follows ? "follows within 5 %." : "does not follow within 5 %.");
  r.tables.push_back(t);
}

void add_clock(Reproduction& r, const Runner& run) {
  std::vector<Experiment> experiments;
  for (const published::Board& b : published::kHeatvit)
    for (const char* mhz : {"150", "300"})
      for (const Ratios& ratios : {published::kDefaultRatios, published::kTunedRatios})
        experiments.push_back({b.model, with(heatvit_config(b.model), {{"pl.clock_mhz", mhz}}), ratios, {}});
  const std::vector<Outcome> outcomes = run(experiments);
  ResultTable t;
  t.title = "Clock";
  t.columns = {"model", "keep ratios", "MHz", "latency", "bound", "power", "published", "error"};
  for (size_t i = 0; i < experiments.size(); ++i) {
    const Experiment& e = experiments[i];
    const double published = published::kHeatvit[i / 4].latency_ms;
    t.rows.push_back({word(e.model), word(ratios_text(*e.ratios)), number(e.config.pl_clock_mhz, 0),
                      number(outcomes[i].latency_ms, 2, "ms"), number(outcomes[i].bound_ms, 2, "ms"),
                      number(soc::power_of(e.config, outcomes[i].activity).power_w, 2, "W"), number(published, 2, "ms"),
                      percent_change(outcomes[i].latency_ms, published)});
  }
  t.note = "Everything else is at 150 MHz. The processing system, its memory and the CPU keep their clocks.";
  r.tables.push_back(t);
}

}  // namespace heatvit::reproduce
