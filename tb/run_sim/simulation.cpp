#include "tb/run_sim/simulation.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "accel/isa/errors.h"
#include "accel/soc/list_check.h"
#include "models/preprocess/image.h"
#include "tb/estimate/analytic.h"
#include "tb/estimate/bound.h"
#include "tb/run_sim/float_run.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

/// "origin": calibrated, weights (in the file), selectors (in their file), shipped, synthetic or quantised.
nlohmann::ordered_json ranges_json(const RunOptions& options, const network::Calibration& used) {
  const std::map<std::string, std::string> texts = {{"calibrated", "calibrated on " + options.prepare.calibrate},
                                                    {"weights", "in the weight file"},
                                                    {"selectors", "in the selector file"},
                                                    {"shipped", "shipped with the program for these weights"},
                                                    {"synthetic", "calibrated on procedural pictures"},
                                                    {"quantised", "in the quantised file"}};
  const std::string origin = used.origin.empty() ? "quantised" : used.origin;
  nlohmann::ordered_json json = {{"origin", origin}, {"text", texts.at(origin)}};
  if (!used.fingerprint.empty()) json["fingerprint"] = used.fingerprint;
  return json;
}

/// Softmax gives multiples of 1/255: attention spread evenly over more tokens than this rounds to nothing.
constexpr int kMostEvenAttention = 510;

/// Somebody's own commands in place of those of the network.
void take_list(lower::Program& program, const ProgramFile& file, const RunOptions& options) {
  const auto refuse = [&file](size_t command, const std::string& what) {
    throw InputError(file.where(command) + ": " + what);
  };
  const int batch = options.config.accel.batch;
  if (program.hw.batch != batch)
    throw InputError("--program: is for batches of " + std::to_string(batch) + "; of " +
                     std::to_string(options.items.size()) + " images " +
                     std::to_string(options.items.size() % static_cast<size_t>(batch)) + " are left");
  lower::replace_commands(program, file.commands);
  size_t stages = 0;
  for (size_t i = 0; i < file.commands.size(); ++i) {
    const isa::Command& c = file.commands[i];
    if (c.block > options.spec.depth && c.block != isa::kHeadBlock)
      refuse(i, "block=" + std::to_string(c.block) + ": " + options.spec.name + " has blocks 0.." +
                    std::to_string(options.spec.depth) + " and head");
    stages += c.opcode == isa::Opcode::kTokenSelect && c.image <= 1 ? 1 : 0;
  }
  if (const size_t asked = options.pruning.positions.size(); stages != asked)
    throw InputError(file.path + ": has " + std::to_string(stages) + " selections of tokens, the options ask for " +
                     std::to_string(asked) + "; give --prune-rates, --scorer and --selectors as for run_sim disasm");
  try {
    const std::vector<soc::ListNote> notes = soc::check_list(options.config, program);
    if (!notes.empty())
      spdlog::warn(
          "{}: {}{}", file.where(notes[0].command), notes[0].text,
          notes.size() == 1 ? "" : "; and " + std::to_string(notes.size() - 1) + " more warnings of this list");
  } catch (const soc::ListError& error) {
    refuse(error.command, error.fault);
  } catch (const InputError& error) {
    throw InputError(file.path + ": " + error.what());
  }
}

}  // namespace

Programs::Programs(const RunOptions& options) : options_(options) {
  if (options.mode != soc::Mode::kFunctional) return;
  network::Calibration used;
  model_ = quant::prepare(options.prepare, &used);
  ranges_ = ranges_json(options, used);
  residual_unit_ = model_->residual_scale;
  logit_scale_ = model_->logit_scale;
  if (model_->residual_bits != options.config.accel.residual_bits) {
    throw InputError(options.prepare.weights + ": was quantised with numerics.residual_bits = " +
                     std::to_string(model_->residual_bits) + "; ask for the same");
  }
}

const lower::Program& Programs::of(size_t images, bool last) {
  const auto found = lists_.find(images);
  if (found != lists_.end()) return found->second;
  isa::AcceleratorConfig hardware = options_.config.accel;
  hardware.batch = static_cast<int>(images);
  lower::Program program = model_ && last
                               ? lower::lower(options_.spec, hardware, options_.pruning, std::move(*model_))
                               : lower::lower(options_.spec, hardware, options_.pruning, model_ ? &*model_ : nullptr);
  if (last) model_.reset();
  if (options_.program) take_list(program, *options_.program, options_);
  return lists_.emplace(images, std::move(program)).first->second;
}

Batches::Batches(const RunOptions& options, Programs& programs)
    : size_(std::min(static_cast<size_t>(options.config.accel.batch), options.items.size())),
      items_(options.items.size()) {
  const size_t rest = items_ % size_;
  whole_ = &programs.of(size_, rest == 0);
  if (rest != 0) rest_ = &programs.of(rest, true);
}

soc::ImageResult simulate(soc::Simulator& simulator, const RunOptions& options, const Batches& batches, size_t batch) {
  std::vector<soc::ImageInput> inputs(batches.images(batch));
  std::vector<std::vector<int8_t>> pixels(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const RunItem& item = options.items[batches.first(batch) + i];
    inputs[i].seed = options.seed;
    inputs[i].kept = item.kept;
    inputs[i].patches = item.patches;
    if (options.mode != soc::Mode::kFunctional) continue;
    pixels[i] = preprocess::to_int8(picture_of(item, options.spec));
    inputs[i].pixels = &pixels[i];
    inputs[i].seed = image_seed(pixels[i], options.seed);
  }
  simulator.use(batches.program(batch));
  return simulator.run_batch(inputs);
}

RunReport empty_report(const RunOptions& options) {
  nlohmann::ordered_json config = options.resolved;
  if (const std::string parts = zoo::parts_text(options.spec); !parts.empty()) config["network_parts"] = parts;
  RunReport report(std::string(options.spec.name), std::string(mode_name(options)), options.spec.depth,
                   std::move(config), options.items.size());
  report.set_hardware({options.config, options.device});
  report.set_skipped(skipped_json(options.skipped));
  return report;
}

RunPart part_of(const RunReport& report, const RunOptions& options, const lower::Program& program, size_t first,
                soc::ImageResult&& result) {
  const std::vector<estimate::LowerBound> bounds = estimate::lower_bounds(program, options.config, result);
  std::vector<ImageName> names;
  for (size_t i = first; i < first + result.images(); ++i)
    names.push_back({options.items[i].name, options.items[i].label});
  return report.part(first, names, std::move(result), bounds);
}

Inputs inputs_of(const RunOptions& options) {
  Inputs inputs;
  for (const char* key : {"config", "labels", "token_trace"}) {
    const Json& value = options.resolved.at(key);
    for (const Json& path : value.is_array() ? value : Json::array({value}))
      if (path.is_string()) inputs.files.emplace_back(key, path.get<std::string>());
  }
  if (!options.prepare.weights.empty()) inputs.files.emplace_back("weights", options.prepare.weights);
  if (!options.prepare.selectors.empty() && options.prepare.selectors != options.prepare.weights)
    inputs.files.emplace_back("selector_weights", options.prepare.selectors);
  if (!options.prepare.calibrate.empty()) inputs.files.emplace_back("calibrate", options.prepare.calibrate);
  if (options.class_list) inputs.files.emplace_back("class_list", *options.class_list);
  if (options.program) inputs.files.emplace_back("program", options.program->path);
  for (const RunItem& item : options.items)
    if (!item.path.empty()) inputs.images.push_back(item.path);
  return inputs;
}

RunReport estimate_all(const RunOptions& options, const Batches& batches) {
  RunReport report = empty_report(options);
  estimate::AnalyticModel model;
  for (size_t i = 0; i < options.items.size(); ++i) {
    network::Pruning pruning = options.pruning;
    if (!options.items[i].kept.empty()) pruning.keep = options.items[i].kept;
    const estimate::AnalyticEstimate estimate = model.estimate(options.config, options.spec, pruning, true);
    report.add(part_of(report, options, batches.program(i), i, estimate::to_image_result(estimate)));
  }
  return report;
}

void warn_of_coarse_attention(const RunOptions& options) {
  const int tokens = options.spec.max_tokens();
  if (options.mode != soc::Mode::kFunctional || options.config.accel.numerics_bits != 8 || tokens <= kMostEvenAttention)
    return;
  spdlog::warn(
      "attention over {} tokens with 8 bits: probabilities below 1/510 become 0; --numerics.bits 16 keeps them "
      "(docs/networks.md has the error)",
      tokens);
}

}  // namespace heatvit::tb
