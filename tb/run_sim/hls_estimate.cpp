// run_sim hls-estimate: cycles of the synthesised units by their pragmas, beside what the simulated modules charge.
#include <fstream>

#include "accel/modules/tile_walk.h"
#include "models/errors.h"
#include "models/lower/program.h"
#include "tb/hls_check/estimate.h"
#include "tb/report/table.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/home.h"

namespace heatvit::tb {
namespace {

using isa::Opcode;

constexpr const char* kIntro =
    R"(run_sim hls-estimate: cycles of the synthesised units (trip count x II + depth, from the pragmas in accel/),
beside what the simulated modules charge; and their sums over an image, nothing pruned, for each model's configuration

Examples
  run_sim hls-estimate
  run_sim hls-estimate --model deit-s --pe.to 16
)";

std::string read_source(const std::string& path) {
  std::ifstream in(project_home() / path);
  if (!in) throw InputError(path + ": cannot be read; hls-estimate needs the sources");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

LaneCounts lanes_of(const soc::SocConfig& c, bool attention) {
  return {attention ? c.accel.ti : c.accel.th * c.accel.ti, c.accel.to, c.vector.lanes, c.vector.select_lanes};
}

/// A call of each unit as the models make it.
Extents typical(const std::string& unit, const soc::SocConfig& c, const zoo::ModelSpec& spec) {
  const int tokens = spec.max_tokens();
  if (unit.rfind("pe_array", 0) == 0) return {c.accel.tile_m, c.accel.tile_k, c.accel.tile_n};
  if (unit == "token_score") return {spec.patches(), 1, spec.heads};
  if (unit.rfind("softmax", 0) == 0) return {tokens, 1, tokens};
  if (unit == "token_pack") return {tokens, spec.tokens_for(spec.kept_at(0.3)), c.accel.tile_n};
  return {tokens, 1, c.accel.tile_n};
}

struct Total {
  int64_t charged = 0, estimated = 0;
};

/// Sums over the commands of an image.
class ImageTotals {
 public:
  explicit ImageTotals(const soc::SocConfig& config)
      : dense_(read_source, lanes_of(config, false)), attention_(read_source, lanes_of(config, true)) {}

  Total array, vector;

  void add(const lower::Program& program) {
    for (const isa::Command& command : program.commands) {
      modules::Job job;
      job.command = command;
      const int tokens = program.spec.max_tokens();
      job.tokens = job.tokens_after = tokens;
      job.m = command.m.at(tokens);
      job.k = command.k.at(tokens);
      job.n = command.n.at(tokens);
      if (command.opcode == Opcode::kGemm) add_gemm(job);
      if (const char* unit = unit_of(command); unit != nullptr) add_chunks(job, unit);
    }
  }

 private:
  static const char* unit_of(const isa::Command& c) {
    switch (c.opcode) {
      case Opcode::kLayerNorm: return c.on_cpu ? nullptr : "layernorm";
      case Opcode::kSoftmax: return "softmax";
      case Opcode::kCopy: return "copy";
      case Opcode::kColumnMaxAdd: return "column_max";
      default: return nullptr;
    }
  }

  static const char* unit_of(isa::Activation activation) {
    switch (activation) {
      case isa::Activation::kGelu: return "gelu";
      case isa::Activation::kSigmoid: return "sigmoid";
      case isa::Activation::kSoftmax: return "softmax";
      default: return "requantize";
    }
  }

  void add_gemm(const modules::Job& job) {
    const bool attention = job.command.layout_b != isa::LayoutB::kPacked;
    HlsEstimate& estimate = attention ? attention_ : dense_;
    modules::TileWalk walk(job);
    for (modules::Tile tile; walk.next(tile);) {
      add_call(array, estimate, "pe_array_tile_packed", {tile.m, tile.k, tile.n});
      if (tile.out_last)
        add_call(vector, dense_, unit_of(job.command.activation), {int64_t{tile.heads} * tile.m, 1, tile.out_n});
    }
  }

  void add_chunks(const modules::Job& job, const char* unit) {
    modules::ChunkWalk walk(job);
    for (modules::Chunk chunk; walk.next(chunk);) add_call(vector, dense_, unit, {chunk.rows, 1, chunk.columns});
  }

  static void add_call(Total& total, HlsEstimate& estimate, const std::string& unit, const Extents& e) {
    total.charged += estimate.charged(unit, e);
    total.estimated += estimate.cycles(unit, e);
  }

  HlsEstimate dense_, attention_;
};

std::string number(int64_t cycles) { return grouped(static_cast<uint64_t>(cycles)); }

std::string unit_table(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  HlsEstimate estimate(read_source, lanes_of(config, false));
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"unit", "extents", "by pragmas", "charged", "difference"});
  for (const std::string& unit : HlsEstimate::unit_names()) {
    const Extents e = typical(unit, config, spec);
    const int64_t by_pragmas = estimate.cycles(unit, e), charged = estimate.charged(unit, e);
    table.add({unit, std::to_string(e.m) + "x" + std::to_string(e.k) + "x" + std::to_string(e.n), number(by_pragmas),
               number(charged), std::to_string(by_pragmas - charged)});
  }
  return table.text();
}

std::string totals_table(const CommandLine& line) {
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"model", "PE array, by pragmas", "charged", "vector unit, by pragmas", "charged", "PE array, ms"});
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const std::string name(spec.name);
    if (line.has("model") && line.text("model") != name) continue;
    const soc::SocConfig config = resolve_config(name, line.list("config"), line.settings());
    ImageTotals totals(config);
    totals.add(lower::lower(spec, config.accel, {}, nullptr));
    table.add({name, number(totals.array.estimated), number(totals.array.charged), number(totals.vector.estimated),
               number(totals.vector.charged),
               fixed(static_cast<double>(totals.array.estimated) / (config.pl_clock_mhz * 1e3), 3)});
  }
  return table.text();
}

}  // namespace

int hls_estimate_command(const Arguments& arguments) {
  const OptionGroup what = {"Input", {{"model", "NAME", "one model; default: all"}}};
  CommandLine line(kIntro, {what, hardware_group()}, true);
  line.parse(arguments);
  if (answered(line)) return 0;
  const std::string model = line.has("model") ? line.text("model") : "deit-t";
  const zoo::ModelSpec& spec = zoo::find(model);
  const soc::SocConfig config = resolve_config(model, line.list("config"), line.settings());
  print("cycles of a call (" + model + "'s configuration; m x k x n, or rows x 1 x values)\n" +
        unit_table(config, spec) + "\nbusy cycles of an image, nothing pruned, each model's own configuration\n" +
        totals_table(line));
  return 0;
}

}  // namespace heatvit::tb
