#include <algorithm>
#include <cmath>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"
#include "tb/config/parameters.h"
#include "tb/config/text_table.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

constexpr double kStep = 0.2;

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

/// Numbers whose source is "our choice", or that were counted here, and that describe the platform. What a designer
/// chooses (array, tiles, buffers, dataflow) is in the ablations.
bool is_constant(const tb::Parameter& p) {
  const auto chosen = {"pe.",    "tile.",  "accel.",      "buffer.", "numerics.",
                       "debug.", "power.", "ddr.traffic", "ddr.qos", "host.batch"};
  const bool ours = p.source == tb::kOurs || starts_with(p.source, "counted");
  return ours && p.choices.empty() && !p.get_text && p.key != "pl.clock_mhz" &&
         std::none_of(chosen.begin(), chosen.end(), [&](const char* prefix) { return starts_with(p.key, prefix); });
}

/// 20 % up or down, whole steps for whole numbers, inside the range.
double moved(const tb::Parameter& p, double value, int direction) {
  double step = kStep * value;
  if (p.integral) step = std::max(1.0, std::round(step));
  return std::clamp(value + direction * step, p.minimum, p.maximum);
}

struct Line {
  std::string key;
  double value = 0;
  std::array<double, 2> moved{};
  std::array<std::array<double, 2>, 2> percent{};  // by model, down and up
  std::array<std::array<bool, 2>, 2> built{};

  double largest() const {
    double most = 0;
    for (const auto& model : percent)
      for (const double p : model) most = std::max(most, std::abs(p));
    return most;
  }
};

ResultTable latency_table(const std::vector<Line>& lines) {
  ResultTable t;
  t.title = "Sensitivity of the latency to constants without a source";
  t.columns = {"constant", "value", "-20 %", "deit-t", "deit-s", "+20 %", "deit-t", "deit-s"};
  const auto effect = [](const Line& line, size_t model, size_t way) {
    if (!line.built[model][way]) return word("cannot be built");
    const double p = line.percent[model][way];
    return Cell{(p > 0 ? "+" : "") + tb::fixed(p, 2) + " %", p};
  };
  for (const Line& line : lines)
    t.rows.push_back({word("`" + line.key + "`"), number(line.value, line.value == std::floor(line.value) ? 0 : 2),
                      word(tb::number_text(line.moved[0])), effect(line, 0, 0), effect(line, 1, 0),
                      word(tb::number_text(line.moved[1])), effect(line, 0, 1), effect(line, 1, 1)});
  t.note =
      "Keep ratios " + ratios_text(published::kDefaultRatios) +
      ". Whole numbers move by at least one. Largest effect first. Every number of the parameter table whose source "
      "is \"our choice\" or counted here and that describes the platform; what a designer chooses is in the ablations.";
  return t;
}

ResultTable power_table(const std::vector<Outcome>& base) {
  ResultTable t;
  t.title = "Sensitivity of the power to its coefficients";
  t.columns = {"coefficient", "value", "deit-t, W at -20 %", "+20 %", "deit-s, W at -20 %", "+20 %", "value from"};
  for (const tb::Parameter& p : tb::parameters()) {
    if (!starts_with(p.key, "power.")) continue;
    std::vector<Cell> row = {word("`" + p.key + "`"), word(tb::value_text(p, {}))};
    for (size_t model = 0; model < base.size(); ++model)
      for (const double factor : {1 - kStep, 1 + kStep}) {
        soc::SocConfig config = heatvit_config(published::kHeatvit[model].model);
        p.set(config, p.get(config) * factor);
        row.push_back(number(soc::power_of(config, base[model].activity).power_w, 3));
      }
    row.push_back(word(p.source));
    t.rows.push_back(row);
  }
  t.note = "Unchanged: " + tb::fixed(soc::power_of(heatvit_config("deit-t"), base[0].activity).power_w, 3) + " W and " +
           tb::fixed(soc::power_of(heatvit_config("deit-s"), base[1].activity).power_w, 3) + " W.";
  return t;
}

}  // namespace

void add_sensitivity(Reproduction& r, const Runner& run) {
  std::vector<Experiment> experiments;
  std::vector<Line> lines;
  for (const published::Board& b : published::kHeatvit)
    experiments.push_back({b.model, heatvit_config(b.model), published::kDefaultRatios, {}});
  for (const tb::Parameter& p : tb::parameters()) {
    if (!is_constant(p)) continue;
    Line line;
    line.key = p.key;
    line.value = p.get(heatvit_config(published::kHeatvit[0].model));
    if (line.value == 0) continue;
    for (const published::Board& b : published::kHeatvit)
      for (size_t way = 0; way < 2; ++way) {
        soc::SocConfig config = heatvit_config(b.model);
        line.moved[way] = moved(p, p.get(config), way == 0 ? -1 : 1);
        p.set(config, line.moved[way]);
        experiments.push_back({b.model, config, published::kDefaultRatios, {}});
      }
    lines.push_back(line);
  }
  const std::vector<Outcome> outcomes = run(experiments);
  for (size_t i = 0; i < lines.size(); ++i)
    for (size_t model = 0; model < 2; ++model)
      for (size_t way = 0; way < 2; ++way) {
        const Outcome& o = outcomes[2 + 4 * i + 2 * model + way];
        lines[i].built[model][way] = o.refused.empty();
        if (o.refused.empty()) lines[i].percent[model][way] = 100 * (o.latency_ms / outcomes[model].latency_ms - 1);
      }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.largest() > b.largest(); });
  r.tables.push_back(latency_table(lines));
  r.tables.push_back(power_table({outcomes[0], outcomes[1]}));
}

}  // namespace heatvit::reproduce
