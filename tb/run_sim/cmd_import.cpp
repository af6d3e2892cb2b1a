// run_sim import: a published checkpoint as one safetensors file of our own that says what network it is of.
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "accel/isa/errors.h"
#include "models/network/checkpoint.h"
#include "models/network/fit.h"
#include "models/network/float_model.h"
#include "models/quant/model_file.h"
#include "models/quant/prepare.h"
#include "models/weights/safetensors.h"
#include "models/weights/tensor_files.h"
#include "models/zoo/zoo.h"
#include "tb/config/atomic_file.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImportIntro =
    R"(run_sim import DIR|FILE --out F.safetensors: a published checkpoint as a file of our own

Tensors get timm's names and float32; the network's description goes into the file, so that runs need no --model. It is read
from the tensors' shapes and, beside the weights, config.json and preprocessor_config.json (Hugging Face's, timm's).

Examples
  run_sim import vit-small/ --out vit-small.safetensors
  run_sim import W.safetensors --model deit-t --out deit-t.safetensors
  run_sim --weights vit-small.safetensors --calibrate PHOTOS --image a.jpg
)";

CommandLine import_command_line() {
  return {kImportIntro,
          {{"Import",
            {{"out", "FILE", "the file to write (safetensors)"},
             {"model", "NAME|FILE", "the network, where no config.json says it: a model or a description"},
             {"heads", "N", "attention heads, where neither --model nor config.json says them"},
             {"image-size", "N", "pixels a side, another than the checkpoint's: its positions are resampled"},
             {"name", "NAME", "of the network; default: that of the output file"},
             {"mean", "R,G,B", "what is taken off pixel / 255; default: what the files say, else ImageNet's"},
             {"std", "R,G,B", "what that is divided by; likewise"},
             {"crop", "SHARE", "of the short side that the centre crop keeps, (0, 1]; likewise, else 0.875"},
             {"interpolation", "NAME", "of the resize: bicubic or bilinear; likewise, else bicubic"},
             {"quiet", "", "nothing on stdout"}}}},
          false};
}

std::vector<std::string> files_of(const std::string& path) {
  std::vector<std::string> files = {path};
  std::error_code error;
  const std::string folder = weights::folder_of(path);
  for (fs::directory_iterator entry(folder.empty() ? "." : folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string ending = entry->path().extension().string();
    const std::string name = entry->path().filename().string();
    const bool config = name == "config.json" || name == "preprocessor_config.json";
    if (config || (ending == ".safetensors" && fs::is_directory(path))) files.push_back(entry->path().string());
  }
  return files;
}

std::string colours_text(const std::array<float, 3>& values) {
  std::string text;
  for (const float value : values)
    text += (text.empty() ? "" : ", ") + number_text(std::round(static_cast<double>(value) * 1e6) / 1e6);
  return text;
}

std::string recognised_text(const network::Checkpoint& checkpoint) {
  const zoo::ModelSpec& spec = checkpoint.spec;
  std::string read;
  for (const std::string& path : checkpoint.read) read += (read.empty() ? "" : ", ") + path;
  const std::string side = std::to_string(spec.image_size);
  const auto line = [](const std::string& what, const std::string& value) {
    std::string text = "  " + what;
    text.resize(16, ' ');
    return text + value + "\n";
  };
  const std::string names = !spec.class_names.empty()  ? ", named by the file"
                            : !spec.class_list.empty() ? ", named by " + spec.class_list
                                                       : ", numbers alone";
  return spec.name + "\n" + line("form", checkpoint.form) + line("read beside", read.empty() ? "nothing" : read) +
         line("depth", std::to_string(spec.depth)) + line("dim", std::to_string(spec.dim)) +
         line("heads", std::to_string(spec.heads)) + line("MLP", std::to_string(spec.mlp_hidden)) +
         line("activation", spec.activation == zoo::Activation::kSilu ? "silu" : "gelu") +
         line("epsilon", number_text(spec.ln_eps)) +
         line("classes", spec.has_classifier() ? std::to_string(spec.classes) + names : std::string("none")) +
         line("tokens", std::to_string(spec.max_tokens())) +
         (zoo::parts_text(spec).empty() ? "" : line("parts", zoo::parts_text(spec))) +
         line("input", side + " x " + side + " pixels, patches of " + std::to_string(spec.patch_size()) +
                           (spec.size_asked ? "; positions resampled to it, bicubic" : "")) +
         line("mean", colours_text(spec.mean)) + line("std", colours_text(spec.deviation)) +
         line("crop", number_text(spec.crop) + (spec.squash ? " of a square that the picture is resized to" : "")) +
         line("interpolation", spec.interpolation == zoo::Interpolation::kBilinear ? "bilinear" : "bicubic") +
         line("hardware of", spec.base.empty() ? "the defaults" : spec.base);
}

/// Ranges name the model that they are of.
std::string renamed_ranges(const std::string& ranges, const std::string& name) {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(ranges, nullptr, false);
  if (!json.is_object()) return ranges;
  json["model"] = name;
  return json.dump();
}

void write_file(const std::string& path, const zoo::ModelSpec& spec, const std::string& out) {
  const auto source = weights::open_weights(path);
  network::load_float_model(*source, spec);  // throws where a tensor is missing, of another shape or left over
  weights::SafetensorsWriter writer;
  for (const auto& [key, value] : weights::metadata_of(path)) {
    if (key == quant::kRangesKey && network::resamples(*source, spec)) continue;  // they are of another size
    if (key.rfind("heatvit.", 0) == 0)
      writer.set_metadata(key, key == quant::kRangesKey ? renamed_ranges(value, spec.name) : value);
  }
  writer.set_metadata(network::kDescriptionKey, zoo::describe(spec));
  for (const std::string& name : source->names()) {
    const weights::Shape shape = *source->shape(name);
    if (name == "pos_embed") {
      const network::Positions positions = network::read_positions(*source, spec);
      writer.add(name, {1, positions.front + spec.patches(), spec.dim}, positions.rows);
      continue;
    }
    writer.add(name, shape, source->read(name, shape));
  }
  const SignalHold hold;  // written aside and renamed; Ctrl-C waits that long
  writer.write(out);
}

}  // namespace

int import_command(const Arguments& arguments) {
  CommandLine line = import_command_line();
  Arguments options = arguments;
  const std::vector<std::string> paths = leading_words(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (paths.size() != 1)
    throw InputError("import: one folder or file is needed: run_sim import DIR|FILE --out F.safetensors");
  const std::string& path = paths.front();
  const std::string out = line.required("out");
  if (path.rfind("synthetic:", 0) == 0) throw InputError("import: synthetic weights need no import");
  if (quant::is_quantized_model(path)) throw InputError(path + ": is a quantised model, float weights are needed");
  check_outputs({{"out", out}}, files_of(path));
  { const AtomicFile probe(out); }  // an unwritable target is told before the work
  network::CheckpointHints hints;
  hints.name = line.has("name") ? line.text("name") : fs::path(out).stem().string();
  if (line.has("heads")) hints.heads = static_cast<int>(parse_integer("--heads", line.text("heads"), 1, 64));
  if (line.has("image-size"))
    hints.image_size = static_cast<int>(parse_integer("--image-size", line.text("image-size"), 8, 4096));
  if (line.has("model")) hints.model = &zoo::find(line.text("model"));
  network::Checkpoint checkpoint = network::recognise_checkpoint(path, hints);
  zoo::ModelSpec& spec = checkpoint.spec;
  const quant::InputOptions input = resolve_input(line);
  spec.mean = input.mean.value_or(spec.mean);
  spec.deviation = input.deviation.value_or(spec.deviation);
  spec.crop = input.crop.value_or(spec.crop);
  spec.interpolation = input.interpolation.value_or(spec.interpolation);
  zoo::read_description(zoo::describe(spec), path);  // what is written must be readable
  write_file(path, spec, out);
  if (!line.has("quiet")) print(recognised_text(checkpoint));
  return 0;
}

}  // namespace heatvit::tb
