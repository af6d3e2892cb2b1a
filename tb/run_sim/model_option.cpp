#include "tb/run_sim/model_option.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "models/network/checkpoint.h"
#include "models/quant/model_file.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {

std::vector<Option> model_shape_options() {
  return {{"depth", "N", "blocks; these options describe --model vit or change another network's size"},
          {"dim", "N", "width of a token"},
          {"heads", "N", "attention heads, which divide --dim"},
          {"mlp-ratio", "X", "width of the MLP over --dim; vit: 4"},
          {"image-size", "N", "pixels a side; positions of weights of another size are resampled"},
          {"patch-size", "N", "pixels a side of a patch, which divide --image-size; vit: 16"},
          {"classes", "N", "classes, 0: no classifier; vit: 1000"},
          {"tokens", "LIST", "in front of the patches: class, distillation, register,register...; none"},
          {"pooling", "KIND", "class, the mean of the patches: mean, or both side by side: class+mean"},
          {"classifier", "KIND", "one, or the mean of two heads: two; auxiliary: LV-ViT's"}};
}

namespace {

/// The network that a weight file is of: a name, a description in the file, or what tensors and configuration say.
const zoo::ModelSpec& model_of_weights(const std::string& path) {
  if (quant::is_quantized_model(path)) {
    const zoo::ModelSpec spec = quant::load_model(path).spec;
    for (const zoo::ModelSpec& known : zoo::models())
      if (known.name == spec.name) return known;
    return zoo::add(spec, path);
  }
  zoo::ModelSpec spec = network::recognise_checkpoint(path).spec;
  for (const zoo::ModelSpec& known : zoo::models())
    if (known.name == spec.name) spec.name += " of " + path;
  return zoo::add(std::move(spec), path);
}

/// What a description says in words, from options.
zoo::ModelSpec with_parts(const CommandLine& line, const zoo::ModelSpec& spec, const std::string& origin) {
  nlohmann::ordered_json description = nlohmann::ordered_json::parse(zoo::describe(spec));
  if (line.has("tokens"))
    description["tokens"] =
        line.text("tokens") == "none" ? std::vector<std::string>() : split_list(line.text("tokens"));
  for (const char* field : {"pooling", "classifier"})
    if (line.has(field)) description[field] = line.text(field);
  zoo::ModelSpec changed = zoo::read_description(description.dump(), origin);
  changed.base = spec.base;
  return changed;
}

/// What options say of a network's shape against its weights, which else decide. (An image size is no contradiction.)
void expect_as_asked(const CommandLine& line, const zoo::ModelSpec& asked) {
  const std::string weights = line.text("weights");
  if (weights.empty() || weights.rfind("synthetic:", 0) == 0 || quant::is_quantized_model(weights)) return;
  const nlohmann::json wanted = nlohmann::json::parse(zoo::describe(asked)),
                       found = nlohmann::json::parse(zoo::describe(network::fit_to_checkpoint(weights, asked)));
  for (const char* field : {"classes", "tokens", "pooling", "classifier"})
    if (line.has(field) && wanted.at(field) != found.at(field))
      throw InputError("--" + std::string(field) + ": " + line.text(field) + " where " + weights + " has " +
                       found.at(field).dump());
}

}  // namespace

const zoo::ModelSpec& resolve_model(const CommandLine& line) {
  const std::string weights = line.text("weights");
  if (!line.has("model") && !weights.empty() && weights.rfind("synthetic:", 0) != 0) {
    for (const Option& option : model_shape_options())
      if (line.has(option.name)) throw InputError("--" + option.name + ": needs --model, whose size it changes");
    return model_of_weights(weights);
  }
  const std::string name = line.required("model");
  std::string changes;
  for (const Option& option : model_shape_options())
    if (line.has(option.name)) changes += " " + option.name + "=" + line.text(option.name);
  const bool free = name == "vit";
  if (changes.empty() && !free) return zoo::find(name);

  zoo::ModelSpec spec;
  if (free) {
    for (const char* needed : {"depth", "dim", "heads"})
      if (!line.has(needed)) throw InputError("--model vit: needs --depth, --dim and --heads");
    spec.class_list.clear();
  } else {
    spec = zoo::find(name);
    spec.base = spec.name;
    spec.weights.clear();  // they are of the size that was
  }
  const auto number = [&](const char* option, int64_t least, int64_t most, int& field) {
    if (line.has(option))
      field = static_cast<int>(parse_integer("--" + std::string(option), line.text(option), least, most));
  };
  int patch = free ? 16 : spec.patch_size();
  const double ratio_before = free ? 4.0 : static_cast<double>(spec.mlp_hidden) / spec.dim;
  const int classes_before = spec.classes;
  number("depth", 1, 200, spec.depth);
  number("dim", 4, 4096, spec.dim);
  number("heads", 1, 64, spec.heads);
  number("image-size", 8, 4096, spec.image_size);
  spec.size_asked = line.has("image-size");
  number("patch-size", 1, 256, patch);
  number("classes", 0, 32767, spec.classes);
  double ratio = ratio_before;
  if (line.has("mlp-ratio")) {
    const std::optional<double> given = parse_number(line.text("mlp-ratio"));
    if (!given || !(*given >= 0.1 && *given <= 16))
      throw InputError("--mlp-ratio: '" + line.text("mlp-ratio") + "' is not allowed; allowed: 0.1 to 16");
    ratio = *given;
  }
  spec.mlp_hidden = static_cast<int>(std::lround(ratio * spec.dim));
  if (spec.image_size % patch != 0)
    throw InputError("--patch-size: " + std::to_string(patch) + " does not divide the image's " +
                     std::to_string(spec.image_size) + " pixels");
  spec.patch_grid = spec.image_size / patch;
  if (spec.classes != classes_before) spec.class_list.clear();
  spec.name = name + changes;
  while (!spec.selectors.empty() && spec.selectors.back() > spec.depth) spec.selectors.pop_back();
  if (line.has("tokens") || line.has("pooling") || line.has("classifier"))
    spec = with_parts(line, spec, "--model " + name);
  expect_as_asked(line, spec);
  return zoo::add(std::move(spec), "--model " + name);
}

}  // namespace heatvit::tb
