#include "tb/explore/what_if.h"

#include <algorithm>
#include <cmath>

#include "accel/isa/errors.h"
#include "accel/soc/power.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "tb/config/numbers.h"
#include "tb/config/parameters.h"
#include "tb/config/settle.h"
#include "tb/config/text_table.h"
#include "tb/config/transfer.h"
#include "tb/explore/process_pool.h"

namespace heatvit::explore {
namespace {

using Json = nlohmann::ordered_json;
using tb::fixed;

constexpr const char* kClock = "pl.clock_mhz";
constexpr double kWorthwhile = 0.005;  // of the latency

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

/// Chosen by a designer, and seen in the cycles.
bool is_knob(const tb::Parameter& p, const soc::SocConfig& config) {
  for (const char* not_one :
       {"pe.packing", "vec.constants", "buffer.lutram_depth", "accel.batch", "ctrl.decode_cycles"})
    if (p.key == not_one) return false;
  if (starts_with(p.key, "buffer.chip") && !config.accel.has_chip_memory()) return false;
  for (const char* prefix : {"pe.", "tile.", "accel.", "buffer.", "vec.", "pl.", "ctrl.", "axi.outstanding"})
    if (starts_with(p.key, prefix)) return true;
  return false;
}

std::vector<double> steps_of(const tb::Parameter& p, double value) {
  if (p.key == kClock) return {std::round(value * 4 / 3)};
  if (p.key == "vec.division_interval") return {1, std::floor(value / 2), 2 * value};
  if (p.key == "pe.ti" || p.key == "pe.to") return {std::round(0.75 * value), std::round(1.25 * value)};
  if (p.maximum <= 16 || p.key == "pe.th") return {value - 1, value + 1};
  return {std::floor(value / 2), 2 * value};
}

soc::SocConfig changed(const WhatIfQuestion& question, const Change& change) {
  soc::SocConfig config = question.config;
  if (!change.key.empty()) tb::set_parameter(config, *tb::find_parameter(change.key), change.to, "--what-if");
  return tb::settled(config, question.spec);
}

void count_resources(const soc::SocConfig& config, WhatIf& result) {
  const soc::ResourceCount total = soc::resources_of(config).total();
  result.dsp = total.dsp, result.bram18k = total.bram18k, result.lut = total.lut;
}

/// Latency and power, the means over the images.
void simulate(const WhatIfQuestion& question, const soc::SocConfig& wanted, WhatIf& result) {
  soc::SocConfig config = wanted;
  config.accel.batch = std::min<int>(config.accel.batch, static_cast<int>(question.kept.size()));
  const auto batch = static_cast<size_t>(config.accel.batch);
  const lower::Program program = lower::lower(question.spec, config.accel, question.pruning, nullptr);
  soc::Simulator simulator(config, program, soc::Mode::kTiming);
  const auto batches = static_cast<double>(question.kept.size() / batch);
  for (size_t first = 0; first + batch <= question.kept.size(); first += batch) {
    std::vector<soc::ImageInput> inputs(batch);
    for (size_t i = 0; i < batch; ++i) inputs[i].kept = question.kept[first + i];
    const soc::ImageResult run = simulator.run_batch(inputs);
    const soc::PowerReport power = soc::power_of(config, soc::activity_of(run));
    result.latency_ms += run.latency_ms / batches;
    result.energy_mj += power.energy_mj / batches;
    result.power_w += power.power_w / batches;
  }
}

std::string change_percent(double value, double base) {
  const std::string text = fixed(100 * (value / base - 1), 1);
  return (text == "-0.0" ? "0.0" : value > base && text != "0.0" ? "+" + text : text) + " %";
}

Json row_json(const WhatIf& row, const WhatIf& base) {
  Json json;
  if (!row.change.key.empty()) json = {{"parameter", row.change.key}, {"from", row.change.from}, {"to", row.change.to}};
  if (!row.refused.empty()) {
    json["refused"] = row.refused;
  } else {
    json["latency_ms"] = row.latency_ms;
    if (!row.change.key.empty()) json["change_percent"] = 100 * (row.latency_ms / base.latency_ms - 1);
    json["energy_mj"] = row.energy_mj;
    json["power_w"] = row.power_w;
  }
  json["dsp"] = row.dsp, json["bram18"] = row.bram18k, json["lut"] = row.lut;
  return json;
}

/// Neither the latency nor the hardware is another.
bool without_effect(const WhatIf& row, const WhatIf& base) {
  return row.refused.empty() && std::abs(row.latency_ms / base.latency_ms - 1) < 0.0005 && row.dsp == base.dsp &&
         row.bram18k == base.bram18k && row.lut == base.lut;
}

}  // namespace

std::vector<Change> neighbours(const soc::SocConfig& config) {
  std::vector<Change> changes;
  for (const tb::Parameter& p : tb::parameters()) {
    if (p.hidden || p.get_text || !is_knob(p, config)) continue;
    const std::string now = tb::value_text(p, config);
    std::vector<std::string> values;
    for (const tb::Choice& choice : p.choices) values.push_back(choice.name);
    if (p.choices.empty())
      for (const double value : steps_of(p, p.get(config)))
        if (value >= p.minimum && value <= p.maximum) values.push_back(tb::number_text(value));
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] != now && std::find(values.begin(), values.begin() + static_cast<ptrdiff_t>(i), values[i]) ==
                                  values.begin() + static_cast<ptrdiff_t>(i))
        changes.push_back({p.key, now, values[i]});
  }
  return changes;
}

const WhatIf* WhatIfAnswer::best() const {
  const WhatIf* found = nullptr;
  for (const WhatIf& row : neighbours) {
    if (!row.refused.empty() || row.latency_ms > (1 - kWorthwhile) * base.latency_ms) continue;
    const bool clock = row.change.key == kClock;
    if (found == nullptr || (found->change.key == kClock && !clock)) found = &row;
  }
  return found;
}

WhatIfAnswer what_if(const WhatIfQuestion& question, int jobs, const std::function<void()>& on_done) {
  std::vector<WhatIf> rows(1);
  for (Change& change : neighbours(question.config)) {
    rows.emplace_back();
    rows.back().change = std::move(change);
  }
  std::vector<size_t> simulated;
  for (size_t i = 0; i < rows.size(); ++i) {
    const soc::SocConfig config = changed(question, rows[i].change);
    count_resources(config, rows[i]);
    const std::string lack =
        question.device && i != 0 ? soc::lacking(soc::resources_of(config).total(), *question.device) : "";
    if (lack.empty())
      simulated.push_back(i);
    else
      rows[i].refused = "does not fit " + question.device->name + ": " + lack, on_done();
  }
  ChildWork work;
  work.run = [&](size_t item, const Send& send) {
    WhatIf row = rows[simulated[item]];
    simulate(question, changed(question, row.change), row);
    send(tb::bytes_of(row.latency_ms, row.energy_mj, row.power_w));
  };
  work.on_message = [&](size_t item, const std::string& bytes) {
    WhatIf& row = rows[simulated[item]];
    tb::read_from(bytes, row.latency_ms, row.energy_mj, row.power_w);
  };
  work.on_end = [&](size_t item, const ChildEnd& end) {
    WhatIf& row = rows[simulated[item]];
    if (end.kind == ChildEnd::Kind::kInputError && simulated[item] != 0)
      row.refused = end.message;
    else
      expect_done(end);
    on_done();
  };
  run_in_children(simulated.size(), jobs, work);
  WhatIfAnswer answer;
  answer.images = question.kept.size();
  answer.base = rows.front();
  answer.neighbours.assign(rows.begin() + 1, rows.end());
  std::stable_sort(answer.neighbours.begin(), answer.neighbours.end(), [](const WhatIf& a, const WhatIf& b) {
    if (a.refused.empty() != b.refused.empty()) return a.refused.empty();
    return a.refused.empty() && a.latency_ms < b.latency_ms;
  });
  return answer;
}

std::string what_if_text(const WhatIfAnswer& answer) {
  using Align = tb::Table::Align;
  tb::Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
                   Align::kRight, Align::kRight, Align::kRight});
  table.add({"change", "from", "to", "latency, ms", "change", "mJ", "DSP", "BRAM18K", "LUT"});
  const auto count = [](int64_t value) { return tb::grouped(static_cast<uint64_t>(value)); };
  const auto add = [&](const WhatIf& row, const std::string& name) {
    table.add({name, row.change.from, row.change.to, fixed(row.latency_ms, 3),
               row.change.key.empty() ? "" : change_percent(row.latency_ms, answer.base.latency_ms),
               fixed(row.energy_mj, 2), count(row.dsp), count(row.bram18k), count(row.lut)});
  };
  add(answer.base, "as it is");
  std::string same, refused;
  for (const WhatIf& row : answer.neighbours) {
    const std::string what = row.change.key + " " + row.change.to;
    if (!row.refused.empty())
      refused += "  " + what + ": " + row.refused + "\n";
    else if (without_effect(row, answer.base))
      same += (same.empty() ? "" : ", ") + what;
    else
      add(row, row.change.key);
  }
  return "\nWhat if: one parameter changed at a time, simulated" +
         (answer.images > 1 ? " over " + std::to_string(answer.images) + " images" : std::string()) + "\n" +
         table.text() + (same.empty() ? "" : "  without effect: " + same + "\n") +
         (refused.empty() ? "" : "  not simulated:\n" + refused);
}

Json what_if_json(const WhatIfAnswer& answer) {
  Json changes = Json::array();
  for (const WhatIf& row : answer.neighbours) changes.push_back(row_json(row, answer.base));
  const WhatIf* best = answer.best();
  return {{"images", answer.images},
          {"base", row_json(answer.base, answer.base)},
          {"changes", std::move(changes)},
          {"best", best != nullptr ? row_json(*best, answer.base) : Json(nullptr)}};
}

namespace {

/// "a second weight port (accel.weight_ports = 2)", "vec.lanes = 32 instead of 16".
std::string words_of(const Change& change) {
  for (const char* engine : {"input", "weight", "output"})
    for (const auto& [count, ordinal] : {std::pair("2", "second"), std::pair("3", "third"), std::pair("4", "fourth")})
      if (change.key == "accel." + std::string(engine) + "_ports" && change.to == count && change.from < change.to)
        return "a " + std::string(ordinal) + " " + engine + " port (" + change.key + " = " + count + ")";
  return change.key + " = " + change.to + " instead of " + change.from;
}

}  // namespace

std::string what_if_sentence(const WhatIfAnswer& answer) {
  const WhatIf* best = answer.best();
  if (best == nullptr) return "no single change that fits saves half a per cent";
  return words_of(best->change) + " would give " + fixed(best->latency_ms, 3) + " ms (" +
         change_percent(best->latency_ms, answer.base.latency_ms) + ")";
}

}  // namespace heatvit::explore
