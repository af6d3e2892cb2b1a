// run_sim quantize: float weights and scales to a quantised-model file.
#include <optional>

#include "accel/isa/errors.h"
#include "models/quant/calibration.h"
#include "models/quant/model_file.h"
#include "models/zoo/zoo.h"
#include "tb/config/atomic_file.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/model_option.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {
namespace {

constexpr const char* kQuantizeIntro =
    R"(run_sim quantize: write the quantised model that the accelerator runs

Examples
  run_sim quantize --model deit-t --weights W.safetensors --out deit-t-int8.safetensors
  run_sim quantize --model deit-s --weights W.safetensors --calibrate PHOTOS --out deit-s-int8.safetensors
  run_sim quantize --model deit-s --weights W.safetensors --calibrate PHOTOS --ranges-out ranges.json --out int8.safetensors
The file is used as --weights of run_sim run; docs/cli.md has what is in it.
)";

CommandLine quantize_command_line() {
  OptionGroup model = model_group();
  model.options.push_back({"selector-weights", "FILE", "quantise the token selectors, too (or random:SEED)"});
  const OptionGroup output = {"Output",
                              {{"out", "FILE", "the quantised model (safetensors)"},
                               {"ranges-out", "FILE", "activation ranges and bias corrections, too (JSON)"}}};
  return {kQuantizeIntro, {model, output, hardware_group()}, true};
}

// Where the ranges came from, for the file that holds them.
std::string source_of(const CommandLine& line) {
  return line.has("calibrate") ? "run_sim quantize --calibrate: unpruned, over photographs"
                               : "run_sim quantize: as given";
}

}  // namespace

int quantize_command(const Arguments& arguments) {
  CommandLine line = quantize_command_line();
  line.parse(arguments);
  if (answered(line)) return 0;
  const zoo::ModelSpec& spec = resolve_model(line);
  const std::string name(spec.name);
  const std::string out = line.required("out");
  if (spec.weights.empty()) line.required("weights");
  const soc::SocConfig config = resolve_config(name, line.list("config"), line.settings());
  const std::optional<std::string> ranges_out = line.maybe("ranges-out");
  // An unwritable target is an error of the input, and is told before the work.
  { const AtomicFile probe(out); }
  if (ranges_out) const AtomicFile probe(*ranges_out);
  network::Calibration calibration;
  const network::QuantModel model = quant::prepare(prepare_options(line, config.accel), &calibration);
  if (ranges_out && calibration.ranges.empty()) {
    throw InputError(line.text("weights") + ": is quantised already, so there are no ranges to write");
  }
  const SignalHold hold;  // files are written aside and renamed; Ctrl-C waits that long
  quant::save_model(model, out);
  if (ranges_out) quant::write_calibration(*ranges_out, spec, source_of(line), calibration);
  return 0;
}

}  // namespace heatvit::tb
