// run_sim quantize: float weights and scales to a quantised-model file.
#include "models/errors.h"
#include "models/quant/model_file.h"
#include "models/zoo/zoo.h"
#include "tb/report/atomic_file.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {
namespace {

constexpr const char* kIntro =
    R"(run_sim quantize: write the quantised model that the accelerator runs

Examples
  run_sim quantize --model deit-t --weights W.safetensors --out deit-t-int8.safetensors
  run_sim quantize --model deit-s --weights W.safetensors --calibrate PHOTOS --out deit-s-int8.safetensors
The file is used as --weights of run_sim run; docs/cli.md has what is in it.
)";

CommandLine quantize_command_line() {
  OptionGroup model = model_group();
  model.options.push_back({"selector-weights", "FILE", "quantise the token selectors, too (or random:SEED)"});
  return {kIntro, {model, {"Output", {{"out", "FILE", "the quantised model (safetensors)"}}}, hardware_group()}, true};
}

}  // namespace

int quantize_command(const Arguments& arguments) {
  CommandLine line = quantize_command_line();
  line.parse(arguments);
  if (answered(line)) return 0;
  const zoo::ModelSpec& spec = zoo::find(line.required("model"));
  const std::string name(spec.name);
  const std::string out = line.required("out");
  if (spec.weights.empty()) line.required("weights");
  const soc::SocConfig config = resolve_config(name, line.list("config"), line.settings());
  { const AtomicFile probe(out); }  // an unwritable target is an error of the input, and is told before the work
  const quant::QuantModel model = quant::prepare(prepare_options(line, config.accel));
  const SignalHold hold;  // save_model() writes aside and renames; Ctrl-C waits that long
  quant::save_model(model, out);
  return 0;
}

}  // namespace heatvit::tb
