#include <algorithm>

#include "accel/soc/resources.h"
#include "tb/config/config_files.h"
#include "tb/config/home.h"
#include "tb/config/parameters.h"
#include "tb/config/text_table.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

using tb::fixed;

constexpr std::array<Ratios, 2> kSets = {published::kDefaultRatios, published::kTunedRatios};

/// 8 bit dense, 16 bit dense, 8 bit with either set.
struct ModelOutcomes {
  std::string model;
  Outcome dense, baseline;
  std::array<Outcome, 2> pruned;
};

std::vector<ModelOutcomes> outcomes_of_models(const Runner& run) {
  std::vector<Experiment> experiments;
  for (const published::DenseMacs& m : published::kModels) {
    const soc::SocConfig config = heatvit_config(m.model);
    experiments.push_back({m.model, config, std::nullopt, {}});
    experiments.push_back({m.model, baseline_config(m.model), std::nullopt, {}});
    for (const Ratios& ratios : kSets) experiments.push_back({m.model, config, ratios, {}});
  }
  const std::vector<Outcome> outcomes = run(experiments);
  std::vector<ModelOutcomes> models;
  for (size_t i = 0; i < published::kModels.size(); ++i)
    models.push_back({published::kModels[i].model,
                      outcomes[4 * i],
                      outcomes[4 * i + 1],
                      {outcomes[4 * i + 2], outcomes[4 * i + 3]}});
  return models;
}

double power_w(const std::string& model, const Outcome& outcome) {
  return soc::power_of(heatvit_config(model), outcome.activity).power_w;
}

ResultTable latency_table(const std::vector<ModelOutcomes>& models) {
  ResultTable t;
  t.title = "Latency and lower bound, ms, at 150 MHz";
  t.columns = {"model", "16 bit, unpruned", "bound", "8 bit, unpruned", "bound"};
  for (const Ratios& ratios : kSets) {
    t.columns.push_back("8 bit, " + ratios_text(ratios));
    t.columns.emplace_back("bound");
  }
  for (const ModelOutcomes& m : models) {
    std::vector<Cell> row = {word(m.model)};
    for (const Outcome* o : {&m.baseline, &m.dense, m.pruned.data(), &m.pruned[1]}) {
      row.push_back(number(o->latency_ms, 2));
      row.push_back(number(o->bound_ms, 2));
    }
    t.rows.push_back(row);
  }
  t.note =
      "bound: the largest of products at the array's peak, unavoidable bytes at the memory's peak, LayerNorm's "
      "arithmetic on the host.";
  return t;
}

ResultTable speedup_table(const std::vector<ModelOutcomes>& models) {
  ResultTable t;
  t.title = "What 8 bits bring, what pruning brings, both";
  t.columns = {"model", "8 bit alone"};
  for (const char* what : {"pruning alone, ", "together, ", "GMAC less, "})
    for (const Ratios& ratios : kSets) t.columns.push_back(what + ratios_text(ratios));
  for (const ModelOutcomes& m : models) {
    std::vector<Cell> row = {word(m.model), number(m.baseline.latency_ms / m.dense.latency_ms, 2)};
    for (const Outcome& o : m.pruned) row.push_back(number(m.dense.latency_ms / o.latency_ms, 2));
    for (const Outcome& o : m.pruned) row.push_back(number(m.baseline.latency_ms / o.latency_ms, 2));
    for (const Outcome& o : m.pruned) row.push_back(number(100 * (1 - o.gmacs / m.dense.gmacs), 1, "%"));
    t.rows.push_back(row);
  }
  t.note = "Published: 1.90; 1.82 to 2.58; 3.46 to 4.89; 28.4 to 65.3 %. The ratios are SPViT's, unfitted.";
  return t;
}

void add_board_figures(Reproduction& r, const std::vector<ModelOutcomes>& models) {
  for (const published::Board& board : published::kHeatvit) {
    const auto m = std::find_if(models.begin(), models.end(), [&](const auto& o) { return o.model == board.model; });
    for (size_t set = 0; set < kSets.size(); ++set) {
      const std::string condition = "keep " + ratios_text(kSets[set]);
      r.figures.push_back({"latency", board.model, condition, board.source, board.latency_ms, board.latency_ms,
                           m->pruned[set].latency_ms, "ms", 2});
      r.figures.push_back({"power", board.model, condition, board.source, board.power_w, board.power_w,
                           power_w(m->model, m->pruned[set]), "W", 2});
    }
  }
}

void add_speedup_figures(Reproduction& r, const ModelOutcomes& m) {
  const auto add = [&](const char* name, const published::Range& range, const std::string& condition, double value,
                       const char* unit, int digits) {
    r.figures.push_back({name, m.model, condition, range.source, range.low, range.high, value, unit, digits});
  };
  add("8 bit alone", published::kQuantisation, "unpruned", m.baseline.latency_ms / m.dense.latency_ms, "x", 2);
  for (size_t set = 0; set < kSets.size(); ++set) {
    const std::string condition = "keep " + ratios_text(kSets[set]);
    const Outcome& o = m.pruned[set];
    add("pruning alone", published::kPruning, condition, m.dense.latency_ms / o.latency_ms, "x", 2);
    add("8 bit and pruning", published::kTogether, condition, m.baseline.latency_ms / o.latency_ms, "x", 2);
    add("compute reduction", published::kReduction, condition, 100 * (1 - o.gmacs / m.dense.gmacs), "%", 1);
  }
}

void add_selector_figures(Reproduction& r) {
  for (const published::DenseMacs& m : published::kModels) {
    const soc::ResourceReport resources = soc::resources_of(heatvit_config(m.model));
    const soc::ResourceCount all = resources.total(), own = resources.selector();
    const auto overhead = [](int64_t part, int64_t whole) {
      return 100 * static_cast<double>(part) / static_cast<double>(whole - part);
    };
    r.figures.push_back({"selector, DSP", m.model, "", published::kSelectorDsp.source, published::kSelectorDsp.low,
                         published::kSelectorDsp.high, overhead(own.dsp, all.dsp), "%", 1});
    r.figures.push_back({"selector, LUT", m.model, "", published::kSelectorLut.source, published::kSelectorLut.low,
                         published::kSelectorLut.high, overhead(own.lut, all.lut), "%", 1});
  }
}

ResultTable resource_table() {
  ResultTable t;
  t.title = "Resources, by counting";
  t.columns = {"model", "DSP", "BRAM18K", "LUT", "FF", "baseline: DSP", "BRAM18K", "LUT", "FF"};
  for (const published::DenseMacs& m : published::kModels) {
    std::vector<Cell> row = {word(m.model)};
    for (const soc::SocConfig& config : {heatvit_config(m.model), baseline_config(m.model)}) {
      const soc::ResourceCount c = soc::resources_of(config).total();
      for (const int64_t value : {c.dsp, c.bram18k, c.lut, c.ff}) row.push_back(number(static_cast<double>(value), 0));
    }
    t.rows.push_back(row);
  }
  t.note = "ZCU102: 2520 DSP, 1824 BRAM18K, 274080 LUT, 548160 FF.";
  return t;
}

}  // namespace

double Figure::error_percent() const {
  if (simulated >= low && simulated <= high) return 0;
  const double end = simulated < low ? low : high;
  return 100 * (simulated - end) / end;
}

ResultTable figures_table(const std::vector<Figure>& figures) {
  ResultTable t;
  t.title = "Published and simulated";
  t.columns = {"figure", "model", "condition", "published", "simulated", "error", "read in"};
  for (const Figure& f : figures) {
    const double error = f.error_percent();
    const std::string range =
        f.low == f.high ? fixed(f.low, f.digits) : fixed(f.low, f.digits) + " to " + fixed(f.high, f.digits);
    t.rows.push_back({word(f.name), word(f.model), word(f.condition.empty() ? "-" : f.condition),
                      word(range + " " + f.unit), number(f.simulated, f.digits, f.unit),
                      word(error == 0 ? "within" : (error > 0 ? "+" : "") + fixed(error, 1) + " %"), word(f.source)});
  }
  t.note = "error: from the nearer end of a range.";
  return t;
}

nlohmann::ordered_json figures_json(const std::vector<Figure>& figures) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Figure& f : figures)
    rows.push_back({{"figure", f.name},
                    {"model", f.model},
                    {"condition", f.condition},
                    {"published", {f.low, f.high}},
                    {"simulated", f.simulated},
                    {"unit", f.unit},
                    {"error_percent", f.error_percent()},
                    {"source", f.source}});
  return rows;
}

soc::SocConfig heatvit_config(const std::string& model) { return tb::resolve_config(model, {}, {}); }

soc::SocConfig baseline_config(const std::string& model) {
  return tb::resolve_config(model, {(tb::project_home() / "configs" / ("baseline-" + model + ".ini")).string()}, {});
}

soc::SocConfig with(soc::SocConfig config, const std::vector<std::pair<std::string, std::string>>& settings) {
  for (const auto& [key, value] : settings) tb::set_parameter(config, *tb::find_parameter(key), value, "reproduce");
  return config;
}

std::string ratios_text(const Ratios& ratios, double scale) {
  std::string text;
  for (const double ratio : ratios) {
    std::string share = fixed(std::min(1.0, ratio * scale), 3);
    while (share.back() == '0') share.pop_back();
    if (share.back() == '.') share.pop_back();
    text += (text.empty() ? "" : "/") + share;
  }
  return text;
}

void add_figures(Reproduction& r, const Runner& run) {
  const std::vector<ModelOutcomes> models = outcomes_of_models(run);
  add_board_figures(r, models);
  for (const ModelOutcomes& m : models) add_speedup_figures(r, m);
  add_selector_figures(r);
  for (size_t i = 0; i < models.size(); ++i)
    r.figures.push_back({"dense GMAC", models[i].model, "", "arithmetic (C)", published::kModels[i].gmacs,
                         published::kModels[i].gmacs, models[i].dense.gmacs, "G", 2});
  r.tables.push_back(latency_table(models));
  r.tables.push_back(speedup_table(models));
  r.tables.push_back(resource_table());
}

}  // namespace heatvit::reproduce
