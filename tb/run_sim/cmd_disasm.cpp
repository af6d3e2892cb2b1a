// run_sim disasm: the command list and memory map of a model.
#include <memory>

#include "accel/isa/command_text.h"
#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/config/program_file.h"
#include "tb/config/pruning_options.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/design.h"
#include "tb/run_sim/model_option.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {
namespace {

constexpr const char* kDisasmIntro =
    R"(run_sim disasm: print the command list that the accelerator fetches, and the memory map

Examples
  run_sim disasm --model deit-t
  run_sim disasm --model deit-t --prune-rates 0.3,0.51,0.657 --tile.m 64
  run_sim disasm --model deit-t --weights W.safetensors            with the constants laid out
  run_sim disasm list.bin                                          a list that run_sim asm wrote
What it prints, run_sim asm takes: edit it and run it with run_sim run --program (docs/command-lists.md).
)";

}  // namespace

int disasm_command(const Arguments& arguments) {
  CommandLine line(kDisasmIntro, {model_group(), pruning_group(), hardware_group()}, true);
  Arguments options = arguments;
  const std::string file = leading_word(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (!file.empty()) {
    if (!options.empty()) throw InputError("disasm " + file + ": a list is printed as it is; leave out " + options[0]);
    print(isa::disassemble(read_program(file).commands));
    return 0;
  }
  const zoo::ModelSpec& spec = resolve_model(line);
  const soc::SocConfig config = resolve_design(spec, line.list("config"), line.settings(), {}).config;
  PruningOptions pruning;
  pruning.rates = line.maybe("prune-rates");
  pruning.merge = line.maybe("merge");
  pruning.scorer = line.maybe("scorer");
  pruning.selectors = line.maybe("selectors");
  pruning.package = line.maybe("package");
  pruning.selector_weights = line.maybe("selector-weights");
  pruning.functional = line.has("weights");

  std::unique_ptr<const network::QuantModel> model;
  if (line.has("weights")) {
    const quant::PrepareOptions prepare = prepare_options(line, config.accel);
    if (line.has("selector-weights")) pruning.selector_weights = prepare.selectors;
    model = std::make_unique<network::QuantModel>(quant::prepare(prepare));
  }
  const lower::Program program = lower::lower(spec, config.accel, make_pruning(spec, pruning), model.get());
  const std::string note =
      model ? "" : "# Scales and epsilon are those of no weights: for timing mode; --weights has them\n";
  print(note + isa::disassemble(program.commands) + "\n# Memory: address, bytes, region\n" +
        lower::memory_map(program));
  return 0;
}

}  // namespace heatvit::tb
