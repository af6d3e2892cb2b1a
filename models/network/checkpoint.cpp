#include "models/network/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "accel/isa/errors.h"
#include "models/network/fit.h"
#include "models/network/published_config.h"
#include "models/weights/tensor_files.h"

namespace heatvit::network {
namespace {

using weights::WeightSource;

constexpr char kImageNetClasses[] = "models/zoo/imagenet_classes.csv";

int needed_extent(const WeightSource& source, const std::string& name, size_t axis) {
  const auto shape = source.shape(name);
  if (!shape || axis >= shape->size()) {
    throw InputError(source.describe() + ": there is no " + (shape ? "such axis of tensor" : "tensor") + " '" + name +
                     "', so this is no vision transformer");
  }
  return static_cast<int>(std::min<int64_t>((*shape)[axis], 1'000'000));
}

std::string name_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error).lexically_normal();
  const std::string name = (absolute.has_filename() ? absolute : absolute.parent_path()).stem().string();
  return name.empty() || name == "model" ? absolute.parent_path().filename().string() : name;
}

/// Whose hardware configuration fits: the shipped network of the same blocks.
std::string base_of(const zoo::ModelSpec& spec) {
  for (const zoo::ModelSpec& known : zoo::models()) {
    if (known.depth == spec.depth && known.dim == spec.dim && known.heads == spec.heads &&
        known.mlp_hidden == spec.mlp_hidden && known.patch_size() == spec.patch_size() && known.stem == spec.stem)
      return known.name;
  }
  return {};
}

/// What the shapes say; heads stay 0.
zoo::ModelSpec shape_of(const WeightSource& source) {
  zoo::ModelSpec spec;
  spec.dim = needed_extent(source, "patch_embed.proj.weight", 0);
  while (source.has("blocks." + std::to_string(spec.depth) + ".norm1.weight")) ++spec.depth;
  spec.mlp_hidden = needed_extent(source, "blocks.0.mlp.fc1.weight", 0);
  spec.classes = source.has("head.weight") ? needed_extent(source, "head.weight", 0) : 0;
  spec.qkv_bias = source.shape("blocks.0.attn.qkv.bias").has_value();
  spec.class_token = source.has("cls_token");
  // timm's networks that classify the mean of the patches have their last norm behind it.
  if (source.has("fc_norm.weight") && !source.has("norm.weight")) spec.pooling = zoo::Pooling::kMean;
  if (source.has("patch_embed.conv1.weight")) {
    throw InputError(source.describe() +
                     ": has convolutions before its patches, whose strides no tensor tells; name the network with "
                     "--model NAME or FILE.json");
  }
  const int patch = needed_extent(source, "patch_embed.proj.weight", 3);
  // A first guess of the patches, which fit_to() makes exact: all rows but a few of tokens in front.
  const int rows = needed_extent(source, "pos_embed", 1);
  if (patch < 1 || rows < 1) throw InputError(source.describe() + ": empty tensors");
  spec.patch_grid = std::max(1, static_cast<int>(std::sqrt(static_cast<double>(rows))));
  spec.image_size = spec.patch_grid * patch;
  return spec;
}

void expect_same_blocks(const std::string& path, const zoo::ModelSpec& inside, const zoo::ModelSpec& named) {
  const auto expect = [&](const char* what, int there, int wanted) {
    if (there != wanted)
      throw InputError(path + ": " + what + " is " + std::to_string(there) + " in the file's description where " +
                       named.name + " has " + std::to_string(wanted));
  };
  expect("the depth", inside.depth, named.depth);
  expect("the width", inside.dim, named.dim);
  expect("the number of heads", inside.heads, named.heads);
  expect("the MLP's width", inside.mlp_hidden, named.mlp_hidden);
  expect("the patch size", inside.patch_size(), named.patch_size());
}

std::optional<zoo::ModelSpec> description_in(const std::string& path) {
  const auto metadata = weights::metadata_of(path);
  const auto found = metadata.find(kDescriptionKey);
  if (found == metadata.end()) return std::nullopt;
  return zoo::read_description(found->second, path + ": metadata '" + kDescriptionKey + "'");
}

}  // namespace

Checkpoint recognise_checkpoint(const std::string& path, const CheckpointHints& hints) {
  const auto source = weights::open_weights(path);
  Checkpoint checkpoint;
  zoo::ModelSpec& spec = checkpoint.spec;
  checkpoint.form = source->form();
  if (hints.model != nullptr) {
    spec =
        fit_to_checkpoint(path, hints.image_size == 0 ? *hints.model : at_image_size(*hints.model, hints.image_size));
    if (!description_in(path)) with_published_config(weights::folder_of(path), spec, &checkpoint.read);
  } else if (auto inside = description_in(path)) {
    spec = fit_to(*source, hints.image_size == 0 ? *inside : at_image_size(*inside, hints.image_size));
  } else {
    source->expect_known();
    spec = shape_of(*source);
    spec.name = name_of(path);
    spec.heads = 1;  // until it is told
    spec = fit_to(*source, hints.image_size == 0 ? spec : at_image_size(spec, hints.image_size));
    spec.heads = hints.heads;
    spec = with_published_config(weights::folder_of(path), spec, &checkpoint.read);
    if (spec.heads == 0) {
      throw InputError(
          path + ": nothing tells the number of attention heads (no config.json beside the weights); give --model " +
          "NAME or FILE.json, or --heads N to run_sim import");
    }
    const std::vector<std::string> names = spec.class_names;
    spec.class_list = spec.classes == 1000 && names.empty() ? kImageNetClasses : "";
    zoo::check(spec, path);
  }
  if (hints.heads != 0 && spec.heads != hints.heads)
    throw InputError("--heads: " + std::to_string(hints.heads) + " where " + path + " has " +
                     std::to_string(spec.heads));
  if (!hints.name.empty()) spec.name = hints.name;
  spec.base = base_of(spec);
  spec.weights = {};
  return checkpoint;
}

zoo::ModelSpec fit_to_checkpoint(const std::string& path, const zoo::ModelSpec& spec) {
  const auto source = weights::open_weights(path);
  source->expect_known();
  if (auto inside = description_in(path)) {
    expect_same_blocks(path, *inside, spec);
    inside->name = spec.name;
    inside->base = spec.base;
    inside->selectors = spec.selectors;
    inside->weights = spec.weights;
    if (spec.size_asked) *inside = at_image_size(*inside, spec.image_size);
    return fit_to(*source, *inside);
  }
  return with_published_config(weights::folder_of(path), fit_to(*source, spec));
}

}  // namespace heatvit::network
