// run_sim hls-estimate: cycles of the synthesised units by their pragmas, beside what the simulated modules charge.
#include <algorithm>
#include <fstream>
#include <map>

#include "accel/isa/errors.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "accel/soc/resources.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "models/network/merging.h"
#include "tb/config/home.h"
#include "tb/config/pruning_options.h"
#include "tb/config/text_table.h"
#include "tb/hls_check/image_estimate.h"
#include "tb/hls_check/top_estimate.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/design.h"
#include "tb/run_sim/model_option.h"

namespace heatvit::tb {
namespace {

constexpr const char* kHlsEstimateIntro =
    R"(run_sim hls-estimate: cycles of the synthesised units (trip count x II + depth, from the pragmas in accel/),
beside what the simulated modules charge; their loops; and their sums over an image for each model's configuration.
"trips x depth": nothing is unrolled and nothing overlaps. It is no estimate of a compiler that ignores the pragmas, which
took between half and fifteen times as many cycles. The multipliers of a lane are what the resource model counts. The
last table is of heatvit_top, the whole accelerator, beside a timing run.

Examples
  run_sim hls-estimate
  run_sim hls-estimate --prune-rates 0.3,0.51,0.657
  run_sim hls-estimate --model deit-s --pe.to 16
)";

std::string read_source(const std::string& path) {
  std::ifstream in(project_home() / path);
  if (!in) throw InputError(path + ": cannot be read; hls-estimate needs the sources");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// A call of each unit as the models make it.
Extents typical(const std::string& unit, const soc::SocConfig& c, const zoo::ModelSpec& spec) {
  const int tokens = spec.max_tokens();
  if (unit.rfind("pe_array", 0) == 0) return {c.accel.tile_m, c.accel.tile_k, c.accel.tile_n};
  if (unit == "token_score") return {spec.patches(), 1, spec.heads};
  if (unit.rfind("softmax", 0) == 0) return {tokens, 1, tokens};
  if (unit == "token_match")
    return {network::first_set(spec.patches()), spec.front_tokens(), network::second_set(spec.patches())};
  if (unit == "token_pack" || unit == "token_merge")
    return {tokens, spec.tokens_for(spec.kept_at(0.3)), c.accel.tile_n};
  if (unit == "token_pack_rows") return {c.accel.tile_m, c.accel.tile_m + 1, spec.dim};
  return {tokens, 1, c.accel.tile_n};
}

std::string number(int64_t cycles) { return grouped(static_cast<uint64_t>(cycles)); }

using Align = Table::Align;

std::string unit_table(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  HlsEstimate estimate(read_source, lanes_of(config, isa::LayoutB::kPacked));
  HlsEstimate bare(HlsEstimate::without_pragmas(read_source), lanes_of(config, isa::LayoutB::kPacked));
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"unit", "extents", "by pragmas", "charged", "difference", "trips x depth"});
  for (const std::string& unit : HlsEstimate::unit_names()) {
    const Extents e = typical(unit, config, spec);
    const int64_t by_pragmas = estimate.cycles(unit, e), charged = estimate.charged(unit, e);
    table.add({unit, std::to_string(e.m) + "x" + std::to_string(e.k) + "x" + std::to_string(e.n), number(by_pragmas),
               number(charged), std::to_string(by_pragmas - charged), number(bare.cycles(unit, e))});
  }
  return table.text();
}

/// Multipliers of a unit at one lane, and their DSP slices.
std::string multiplier_table() {
  using Widths = std::vector<kernels::Multiplier>;
  const auto list = [](const auto& widths) { return Widths(std::begin(widths), std::end(widths)); };
  const auto joined = [](Widths a, const Widths& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const auto without = [](Widths all, const kernels::Multiplier& one) {
    const auto same = [&one](const kernels::Multiplier& m) { return m.a_bits == one.a_bits && m.b_bits == one.b_bits; };
    all.erase(std::find_if(all.begin(), all.end(), same));
    return all;
  };
  const Widths requantizer = list(kernels::kRequantizeMultipliers), softmax = list(kernels::kSoftmaxMultipliers),
               gelu = joined(requantizer, list(kernels::kGeluMultipliers));
  const Widths rescaling = {gelu.back()};
  const std::pair<const char*, Widths> units[] = {
      {"requantize", requantizer},
      {"gelu", gelu},
      {"silu", joined(joined(requantizer, list(kernels::kSiluMultipliers)), rescaling)},
      {"sigmoid", requantizer},
      {"softmax", softmax},
      {"softmax_sized", joined(without(softmax, kernels::kReplacedBySize), list(kernels::kSizedSoftmaxMultipliers))},
      {"layernorm", joined(list(kernels::kNormMultipliers), list(kernels::kNormRowMultipliers))},
      {"head_mean", list(kernels::kHeadMeanMultipliers)},
      {"token_score", list(kernels::kTokenScoreMultipliers)},
      {"token_pack", list(kernels::kPackMultipliers)},
      {"token_merge", joined(list(kernels::kMergeMultipliers), list(kernels::kMergeRowMultipliers))}};
  Table table({Align::kLeft, Align::kRight, Align::kLeft});
  table.add({"unit", "DSP", "bits, signed"});
  for (const auto& [unit, widths] : units) {
    int64_t dsp = 0;
    std::string text;
    for (const kernels::Multiplier& m : widths) {
      dsp += soc::dsp_of(m.a_bits, m.b_bits);
      text += (text.empty() ? "" : ", ") + std::to_string(m.a_bits) + " x " + std::to_string(m.b_bits);
    }
    table.add({unit, std::to_string(dsp), text});
  }
  return table.text();
}

std::string loop_table(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  HlsEstimate estimate(read_source, lanes_of(config, isa::LayoutB::kPacked));
  Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kRight});
  table.add({"unit", "loop", "in", "trips", "unrolled by", "II", "depth", "cycles"});
  for (const std::string& unit : HlsEstimate::unit_names())
    for (const LoopCycles& l : estimate.loops(unit, typical(unit, config, spec)))
      table.add({unit, l.label, l.where.substr(l.where.rfind('/') + 1), number(l.trips),
                 std::to_string(l.promise.factor), l.promise.pipelined ? std::to_string(l.promise.interval) : "-",
                 number(l.depth), number(l.cycles)});
  return table.text();
}

/// Rates for a model: as many as it has selectors.
network::Pruning pruning_of(const CommandLine& line, const zoo::ModelSpec& spec) {
  PruningOptions options;
  options.rates = line.maybe("prune-rates");
  return make_pruning(spec, options);
}

/// What each operation adds to the latency of an image of the simulated accelerator.
std::map<std::string, int64_t> simulated_cycles(const soc::SocConfig& config, const lower::Program& program) {
  soc::Simulator simulator(config, program, soc::Mode::kTiming);
  std::map<std::string, int64_t> cycles;
  for (const soc::CommandRecord& record : simulator.run({}).commands)
    cycles[std::string(isa::name_of(record.op))] += static_cast<int64_t>(record.cycles);
  return cycles;
}

/// The process that an operation waits for most, and its share of the time. What is left is the beginning and the end
/// of commands, where the others have nothing to do yet or any more.
std::string slowest_process(const TopPart& part) {
  const std::pair<const char*, int64_t> processes[] = {
      {"array", part.array}, {"load", part.load}, {"vector", part.vector}, {"store", part.store}};
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto slowest = *std::max_element(std::begin(processes), std::end(processes), less);
  if (slowest.second == 0) return "-";
  if (slowest.second > part.cycles) return "in the product before";
  return std::string(slowest.first) + " " +
         fixed(100.0 * static_cast<double>(slowest.second) / static_cast<double>(part.cycles), 0) + " %";
}

/// heatvit_top's commands, by name: what they take, what each process alone would, and what the simulated ones add to
/// the latency, where they overlap with those before them.
std::string top_table(const soc::SocConfig& config, const lower::Program& program) {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kLeft});
  table.add({"operation", "simulated", "heatvit_top", "array", "load", "vector", "store", "slowest process"});
  const std::vector<TopPart> parts = top_estimate(config, program);
  std::map<std::string, int64_t> simulated = simulated_cycles(config, program);
  int64_t all_simulated = 0;
  for (const TopPart& part : parts) {
    table.add({part.op, number(simulated[part.op]), number(part.cycles), number(part.array), number(part.load),
               number(part.vector), number(part.store), slowest_process(part)});
    all_simulated += simulated[part.op];
  }
  const int64_t all = total_cycles(parts);
  const auto ms = [&config](int64_t cycles) {
    return fixed(static_cast<double>(cycles) / (config.pl_clock_mhz * 1e3), 3);
  };
  table.add({"all", number(all_simulated), number(all), "", "", "", "", ""});
  table.add({"ms", ms(all_simulated), ms(all), "", "", "", "", ""});
  return table.text();
}

std::string totals_table(const CommandLine& line) {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kRight});
  table.add({"model", "PE array, by pragmas", "charged", "vector unit", "charged", "token selector", "charged",
             "PE array, ms"});
  const std::vector<zoo::ModelSpec> specs =
      line.has("model") ? std::vector<zoo::ModelSpec>{resolve_model(line)} : zoo::models();
  for (const zoo::ModelSpec& spec : specs) {
    const std::string& name = spec.name;
    const soc::SocConfig config = resolve_design(spec, line.list("config"), line.settings(), {}).config;
    lower::expect_single_images(config.accel, "hls-estimate");
    const ImageEstimate image(config, lower::lower(spec, config.accel, pruning_of(line, spec), nullptr), read_source);
    const EstimateTotal array = image.array(), vector = image.vector(), selector = image.selector();
    table.add({name, number(array.estimated), number(array.charged), number(vector.estimated), number(vector.charged),
               number(selector.estimated), number(selector.charged),
               fixed(static_cast<double>(array.estimated) / (config.pl_clock_mhz * 1e3), 3)});
  }
  return table.text();
}

}  // namespace

int hls_estimate_command(const Arguments& arguments) {
  OptionGroup what = {"Input", {{"model", "NAME|FILE", "one model; default: all"}}};
  for (Option& option : model_shape_options()) what.options.push_back(std::move(option));
  const OptionGroup pruning = {"Token pruning",
                               {{"prune-rates", "R1,R2,..", "share of the patch tokens gone after each selector"}}};
  CommandLine line(kHlsEstimateIntro, {what, pruning, hardware_group()}, true);
  line.parse(arguments);
  if (answered(line)) return 0;
  const zoo::ModelSpec& spec = line.has("model") ? resolve_model(line) : zoo::find("deit-t");
  const std::string& model = spec.name;
  const soc::SocConfig config = resolve_design(spec, line.list("config"), line.settings(), {}).config;
  const std::string top = top_table(config, lower::lower(spec, config.accel, pruning_of(line, spec), nullptr));
  print("cycles of a call (" + model + "'s configuration; m x k x n, or rows x 1 x values)\n" +
        unit_table(config, spec) + "\ntheir loops\n" + loop_table(config, spec) +
        "\nmultipliers at one lane (the other units have none)\n" + multiplier_table() + "\nbusy cycles of an image, " +
        (line.has("prune-rates") ? "tokens pruned at rates " + line.text("prune-rates") : "nothing pruned") +
        ", each model's own configuration\n" + totals_table(line) + "\nheatvit_top over an image (" + model +
        "): commands one after another, a word of 128 bits a cycle and port\n" + top);
  return 0;
}

}  // namespace heatvit::tb
