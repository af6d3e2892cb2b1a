#include <algorithm>
#include <cmath>

#include "accel/isa/errors.h"
#include "accel/soc/resources.h"
#include "tb/config/numbers.h"
#include "tb/config/parameters.h"
#include "tb/config/settle.h"
#include "tb/config/text_table.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

constexpr const char* kModel = "deit-s";

using Settings = std::vector<std::pair<std::string, std::string>>;

struct Variant {
  std::string choice, change;
  Settings settings;
  std::vector<int> positions{};
};

/// Groups of another number, the multipliers in all as they are.
Variant groups(const soc::SocConfig& base, int th) {
  const int ti = base.accel.th * base.accel.ti / th;
  return {"groups (Th)",
          std::to_string(th) + " x " + std::to_string(ti),
          {{"pe.th", std::to_string(th)}, {"pe.ti", std::to_string(ti)}}};
}

Variant slots(const char* text) {
  return {"buffers",
          std::string(text) + (text[0] == '1' ? " slot, no ping-pong" : " slots"),
          {{"buffer.input", text},
           {"buffer.weight", text},
           {"buffer.accumulator", text},
           {"buffer.vector", text},
           {"buffer.output", text},
           {"buffer.record", text}}};
}

/// The other value, or the other values, of a parameter that this build has.
void add_other_values(std::vector<Variant>& variants, const soc::SocConfig& base, const char* choice, const char* key,
                      const std::vector<std::string>& values) {
  const tb::Parameter* p = tb::find_parameter(key);
  if (p == nullptr) return;
  for (const std::string& value : values)
    if (tb::value_text(*p, base) != value)
      variants.push_back(
          {choice, std::string("`") + key + "` " + tb::value_text(*p, base) + " -> " + value, {{key, value}}});
}

std::vector<Variant> variants_of(const soc::SocConfig& base) {
  std::vector<Variant> v = {{"as shipped", "-", {}}};
  v.push_back({"packing", "one product a DSP", {{"pe.packing", "1"}}});
  v.push_back({"packing",
               "one product a DSP, half the outputs",
               {{"pe.packing", "1"}, {"pe.to", std::to_string(std::max(1, base.accel.to / 2))}}});
  add_other_values(v, base, "LayerNorm", "accel.layernorm", {"cpu", "pl"});
  for (const int th : {1, 2, 3, 6, 12})
    if (th != base.accel.th && base.accel.th * base.accel.ti % th == 0) v.push_back(groups(base, th));
  v.push_back(slots("1"));
  v.push_back(slots("2"));
  v.push_back(slots("3"));
  add_other_values(v, base, "ports", "accel.weight_ports", {"1", "2"});
  add_other_values(v, base, "ports", "accel.input_ports", {"1", "2"});
  add_other_values(v, base, "ports", "accel.output_ports", {"1", "2"});
  add_other_values(v, base, "fusion", "accel.softmax", {"fused", "separate"});
  add_other_values(v, base, "fusion", "accel.fuse_attention", {"off", "on"});
  v.push_back({"fusion",
               "LayerNorm in the fabric, residual stream on chip",
               {{"accel.layernorm", "pl"}, {"accel.residual", "chip"}}});
  add_other_values(v, base, "dependency", "accel.dependency", {"operation", "tile"});
  add_other_values(v, base, "overlap", "accel.overlap", {"none", "layer", "all"});
  add_other_values(v, base, "loop order", "tile.order", {"mn", "nm"});
  for (const std::vector<int>& positions : {std::vector<int>{3, 6, 9}, {3, 5, 7}, {5, 8, 11}, {2, 3, 4}}) {
    std::string text;
    for (const int p : positions) text += (text.empty() ? "" : ", ") + std::to_string(p);
    v.push_back({"selectors", "before blocks " + text, {}, positions});
  }
  return v;
}

/// The cause of the array's cycles that changed most: causes add up to the latency, so this is where it went.
std::string cause_text(const Outcome& base, const Outcome& o) {
  size_t most = 0;
  for (size_t c = 0; c < o.pe.size(); ++c)
    if (std::abs(o.pe[c] - base.pe[c]) > std::abs(o.pe[most] - base.pe[most])) most = c;
  const double change = o.pe[most] - base.pe[most];
  if (change == 0) return "nothing";
  const std::string cycles = tb::grouped(static_cast<uint64_t>(std::abs(change)));
  return std::string(modules::name_of(static_cast<modules::Cause>(most))) + (change > 0 ? " +" : " -") + cycles;
}

}  // namespace

void add_ablations(Reproduction& r, const Runner& run) {
  const soc::SocConfig base = heatvit_config(kModel);
  std::vector<Experiment> experiments;
  const std::vector<Variant> variants = variants_of(base);
  for (const Variant& v : variants)
    experiments.push_back(
        {kModel, tb::settled(with(base, v.settings), zoo::find(kModel)), published::kDefaultRatios, v.positions});
  const std::vector<Outcome> outcomes = run(experiments);
  ResultTable t;
  t.title = "Design choices of DeiT-S, one at a time";
  t.columns = {"choice", "change",  "latency, ms", "change", "array's cycles: most changed cause",
               "DSP",    "BRAM18K", "LUT"};
  for (size_t i = 0; i < variants.size(); ++i) {
    const Outcome& o = outcomes[i];
    const soc::ResourceCount c = soc::resources_of(experiments[i].config).total();
    std::vector<Cell> row = {word(variants[i].choice), word(variants[i].change)};
    if (o.refused.empty()) {
      row.insert(row.end(), {number(o.latency_ms, 2), percent_change(o.latency_ms, outcomes[0].latency_ms),
                             word(i == 0 ? "-" : cause_text(outcomes[0], o))});
    } else {
      row.insert(row.end(), {nothing(), nothing(), word("cannot be built")});
    }
    for (const int64_t value : {c.dsp, c.bram18k, c.lut}) row.push_back(number(static_cast<double>(value), 0));
    t.rows.push_back(row);
  }
  t.note =
      "Keep ratios " + ratios_text(published::kDefaultRatios) +
      ". The array's cycles by cause add up to the latency, so the cause that changed most is where the time went. "
      "Variants beyond the ZCU102's 2520 DSP, 1824 BRAM18K, 274080 LUT are simulated all the same.";
  r.tables.push_back(t);
}

void add_other_designs(Reproduction& r, const Runner& run) {
  // Auto-ViT-Acc, 8-bit fixed point (FIX8), DeiT-B on a ZCU102: the EfficientViT accelerator's paper (arXiv 2403.20230)
  // gives 1.1 times its throughput with 780.2 GOP/s, and 1 / 1.9 of its DSPs with (8 x 8 + 8 x 8) x 16 / 2.
  constexpr double kGops = 780.2 / 1.1, kDsp = 1.9 * 1024;
  const Experiment e = {"deit-b", heatvit_config("deit-b"), std::nullopt, {}};
  const Outcome o = run({e}).front();
  const double gops = 2 * o.gmacs / o.latency_ms * 1e3;
  const auto dsp = static_cast<double>(soc::resources_of(e.config).total().dsp);
  ResultTable t;
  t.title = "Another design: Auto-ViT-Acc, 8 bit, unpruned, ZCU102";
  t.columns = {"figure", "published, by arithmetic", "simulated with our DeiT-B configuration", "error"};
  t.rows = {
      {word("GOP/s"), number(kGops, 0), number(gops, 0), percent_change(gops, kGops)},
      {word("DSP"), number(kDsp, 0), number(dsp, 0), percent_change(dsp, kDsp)},
      {word("GOP/s a DSP"), number(kGops / kDsp, 3), number(gops / dsp, 3), percent_change(gops / dsp, kGops / kDsp)}};
  t.note =
      "Second-hand, from ratios rounded to a tenth (EfficientViT accelerator, arXiv 2403.20230); its array shape was "
      "not to be found, so the configuration is ours.";
  r.tables.push_back(t);
}

}  // namespace heatvit::reproduce
