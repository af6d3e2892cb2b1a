#include <algorithm>

#include "accel/soc/resources.h"
#include "tb/config/config_files.h"
#include "tb/config/home.h"
#include "tb/config/parameters.h"
#include "tb/config/settle.h"
#include "tb/config/text_table.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

using tb::fixed;

constexpr std::array<Ratios, 3> kSets = {published::kDefaultRatios, published::kTunedRatios, published::kStrongRatios};
constexpr std::array<size_t, 2> kShown = {1, 2};  // of the sets, beside published figures

/// 8 bit dense, 16 bit dense, 8 bit with each set.
struct ModelOutcomes {
  std::string model;
  Outcome dense, baseline;
  std::array<Outcome, kSets.size()> pruned;
};

using ConfigOf = soc::SocConfig (*)(const std::string& model);

soc::SocConfig reconstructed(const std::string& model) { return reconstructed_config(model, 8); }
soc::SocConfig reconstructed_baseline(const std::string& model) { return reconstructed_config(model, 16); }

/// All models on one machine.
std::vector<ModelOutcomes> outcomes_of_models(const Runner& run, ConfigOf narrow, ConfigOf wide) {
  std::vector<Experiment> experiments;
  for (const published::DenseMacs& m : published::kModels) {
    const soc::SocConfig config = narrow(m.model);
    experiments.push_back({m.model, config, std::nullopt, {}});
    experiments.push_back({m.model, wide(m.model), std::nullopt, {}});
    for (const Ratios& ratios : kSets) experiments.push_back({m.model, config, ratios, {}});
  }
  const std::vector<Outcome> outcomes = run(experiments);
  std::vector<ModelOutcomes> models;
  constexpr size_t kEach = 2 + kSets.size();
  for (size_t i = 0; i < published::kModels.size(); ++i) {
    ModelOutcomes m{published::kModels[i].model, outcomes[kEach * i], outcomes[kEach * i + 1], {}};
    for (size_t set = 0; set < kSets.size(); ++set) m.pruned[set] = outcomes[kEach * i + 2 + set];
    models.push_back(std::move(m));
  }
  return models;
}

ResultTable latency_table(const std::vector<ModelOutcomes>& models) {
  ResultTable t;
  t.title = "Latency and lower bound of our machine, ms, at 150 MHz";
  t.columns = {"model", "16 bit, unpruned", "bound", "8 bit, unpruned", "bound"};
  for (const Ratios& ratios : kSets) {
    t.columns.push_back("8 bit, " + ratios_text(ratios));
    t.columns.emplace_back("bound");
  }
  for (const ModelOutcomes& m : models) {
    std::vector<Cell> row = {word(m.model)};
    const auto add = [&row](const Outcome& o) {
      row.push_back(number(o.latency_ms, 2));
      row.push_back(number(o.bound_ms, 2));
    };
    add(m.baseline), add(m.dense);
    for (const Outcome& o : m.pruned) add(o);
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
  t.note =
      "Our machine. Published: 1.90; 1.82 to 2.58; 3.46 to 4.89; 28.4 to 65.3 %. The ratios are SPViT's and a stronger "
      "set, "
      "unfitted.";
  return t;
}

/// A board's latency and power: unpruned and with either set, in the batch that was measured.
void add_board_figures(Reproduction& r, const Runner& run) {
  struct Line {
    const published::Board* board;
    std::string condition;
  };
  std::vector<Line> lines;
  std::vector<Experiment> experiments;
  for (const published::Board& board : published::kHeatvit) {
    const auto add = [&](const std::optional<Ratios>& ratios, const std::string& condition) {
      lines.push_back({&board, condition});
      for (const soc::SocConfig& config : {reconstructed(board.model), heatvit_config(board.model)})
        experiments.push_back({board.model, with(config, {{"accel.batch", std::to_string(board.batch)}}), ratios, {}});
    };
    add(std::nullopt, "unpruned");
    for (const size_t set : kShown) add(kSets[set], "keep " + ratios_text(kSets[set]));
  }
  const std::vector<Outcome> outcomes = run(experiments);
  const auto power = [&](size_t i) { return soc::power_of(experiments[i].config, outcomes[i].activity).power_w; };
  for (size_t i = 0; i < lines.size(); ++i) {
    const published::Board& b = *lines[i].board;
    const std::string of = b.batch == 1 ? "latency" : "latency of " + std::to_string(b.batch) + " images";
    r.figures.push_back({of, b.model, lines[i].condition, b.source, b.latency_ms, b.latency_ms,
                         outcomes[2 * i + 1].latency_ms, "ms", 2, outcomes[2 * i].latency_ms});
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const published::Board& b = *lines[i].board;
    if (lines[i].condition == "unpruned") continue;
    r.figures.push_back(
        {"power", b.model, lines[i].condition, b.source, b.power_w, b.power_w, power(2 * i + 1), "W", 2, power(2 * i)});
  }
}

void add_speedup_figures(Reproduction& r, const std::vector<ModelOutcomes>& theirs,
                         const std::vector<ModelOutcomes>& ours) {
  const auto add = [&](size_t m, const char* name, const published::Range& range, const std::string& condition,
                       const auto& value, const char* unit, int digits) {
    r.figures.push_back({name, ours[m].model, condition, range.source, range.low, range.high, value(ours[m]), unit,
                         digits, value(theirs[m])});
  };
  for (size_t m = 0; m < ours.size(); ++m)
    add(
        m, "8 bit alone", published::kQuantisation, "unpruned",
        [](const ModelOutcomes& o) { return o.baseline.latency_ms / o.dense.latency_ms; }, "x", 2);
  const auto for_all = [&](const char* name, const published::Range& range, const auto& value, const char* unit,
                           int digits) {
    for (size_t m = 0; m < ours.size(); ++m)
      for (const size_t set : kShown)
        add(
            m, name, range, "keep " + ratios_text(kSets[set]),
            [&value, set](const ModelOutcomes& o) { return value(o, o.pruned[set]); }, unit, digits);
  };
  for_all(
      "pruning alone", published::kPruning,
      [](const ModelOutcomes& o, const Outcome& p) { return o.dense.latency_ms / p.latency_ms; }, "x", 2);
  for_all(
      "8 bit and pruning", published::kTogether,
      [](const ModelOutcomes& o, const Outcome& p) { return o.baseline.latency_ms / p.latency_ms; }, "x", 2);
  for_all(
      "compute reduction", published::kReduction,
      [](const ModelOutcomes& o, const Outcome& p) { return 100 * (1 - p.gmacs / o.dense.gmacs); }, "%", 1);
}

void add_selector_figures(Reproduction& r) {
  const auto overhead = [](const soc::SocConfig& config, int64_t soc::ResourceCount::*kind) {
    const soc::ResourceReport resources = soc::resources_of(config);
    const int64_t part = resources.selector().*kind, whole = resources.total().*kind;
    return 100 * static_cast<double>(part) / static_cast<double>(whole - part);
  };
  const auto add = [&](const char* name, const published::Range& range, int64_t soc::ResourceCount::*kind) {
    for (const published::DenseMacs& m : published::kModels)
      r.figures.push_back({name, m.model, "", range.source, range.low, range.high,
                           overhead(heatvit_config(m.model), kind), "%", 1, overhead(reconstructed(m.model), kind)});
  };
  add("selector, DSP", published::kSelectorDsp, &soc::ResourceCount::dsp);
  add("selector, LUT", published::kSelectorLut, &soc::ResourceCount::lut);
}

ResultTable products_table(const std::vector<ModelOutcomes>& models) {
  ResultTable t;
  t.title = "Products of an image, G";
  t.columns = {"model", "by arithmetic (C)", "simulated"};
  for (size_t i = 0; i < models.size(); ++i)
    t.rows.push_back({word(models[i].model), number(published::kModels[i].gmacs, 2), number(models[i].dense.gmacs, 2)});
  return t;
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

double Figure::error_of(double value) const {
  if (value >= low && value <= high) return 0;
  const double end = value < low ? low : high;
  return 100 * (value - end) / end;
}

ResultTable figures_table(const std::vector<Figure>& figures) {
  ResultTable t;
  t.title = "Published, reconstructed, ours";
  t.columns = {"figure", "model", "condition", "published", "reconstruction", "error", "ours", "error", "read in"};
  const auto error = [](const Figure& f, double value) {
    const double percent = f.error_of(value);
    return word(percent == 0 ? "within" : (percent > 0 ? "+" : "") + fixed(percent, 1) + " %");
  };
  for (const Figure& f : figures) {
    const std::string range =
        f.low == f.high ? fixed(f.low, f.digits) : fixed(f.low, f.digits) + " to " + fixed(f.high, f.digits);
    t.rows.push_back({word(f.name), word(f.model), word(f.condition.empty() ? "-" : f.condition),
                      word(range + " " + f.unit), number(f.reconstructed, f.digits, f.unit), error(f, f.reconstructed),
                      number(f.simulated, f.digits, f.unit), error(f, f.simulated), word(f.source)});
  }
  t.note =
      "reconstruction: configs/reconstructed-*.ini, a hypothesis about the paper's machine (docs/reproduction.md), not "
      "its design; ours: configs/heatvit-*.ini. error: from the nearer end of a range. Which keep ratios HeatViT used "
      "is not known, nor whether the boards' latencies are of pruned images; ratios are of the patches that stay after "
      "each selector.";
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
                    {"reconstructed", f.reconstructed},
                    {"unit", f.unit},
                    {"error_percent", f.error_percent()},
                    {"reconstructed_error_percent", f.error_of(f.reconstructed)},
                    {"source", f.source}});
  return rows;
}

namespace {

soc::SocConfig shipped(const std::string& model, const std::string& file) {
  std::vector<std::string> files;
  if (!file.empty()) files.push_back((tb::project_home() / "configs" / (file + model + ".ini")).string());
  return tb::settled(tb::resolve_config(model, files, {}), zoo::find(model));
}

}  // namespace

soc::SocConfig heatvit_config(const std::string& model) { return shipped(model, ""); }

soc::SocConfig baseline_config(const std::string& model) { return shipped(model, "baseline-"); }

soc::SocConfig reconstructed_config(const std::string& model, int bits) {
  return shipped(model, bits == 16 ? "reconstructed-16-" : "reconstructed-");
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
  const std::vector<ModelOutcomes> ours = outcomes_of_models(run, heatvit_config, baseline_config),
                                   theirs = outcomes_of_models(run, reconstructed, reconstructed_baseline);
  add_board_figures(r, run);
  add_speedup_figures(r, theirs, ours);
  add_selector_figures(r);
  r.tables.push_back(latency_table(ours));
  r.tables.push_back(speedup_table(ours));
  r.tables.push_back(resource_table());
  r.tables.push_back(products_table(ours));
}

}  // namespace heatvit::reproduce
