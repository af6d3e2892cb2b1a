#include "models/network/published_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "accel/isa/errors.h"

namespace heatvit::network {
namespace {

using nlohmann::json;

constexpr uintmax_t kMaxBytes = 10'000'000;
constexpr int kMaxDepth = 16;               // of nesting
constexpr int kBilinear = 2, kBicubic = 3;  // PIL's numbers of its filters

/// The object in a file, or null where there is no such file.
json read_object(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return nullptr;
  if (size > kMaxBytes) throw InputError(path + ": is too large for a configuration");
  std::ifstream stream(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  json object = json::parse(text, shallow, false);
  if (!object.is_object()) throw InputError(path + ": no JSON object");
  return object;
}

bool is_there(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

/// The fields of one file. Its methods name file and field in what they throw.
class Reader {
 public:
  Reader(std::string path, const json& object, zoo::ModelSpec& spec)
      : path_(std::move(path)), object_(object), spec_(spec) {}

  zoo::ModelSpec& spec() const { return spec_; }
  const json& object() const { return object_; }
  Reader within(const json& inner) const { return {path_, inner, spec_}; }
  bool has(const char* key) const { return is_there(object_, key); }

  [[noreturn]] void fail(const std::string& what) const { throw InputError(path_ + ": " + what); }

  double number(const char* key, double low, double high) const {
    const json& value = object_.at(key);
    if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high)) {
      fail(std::string("'") + key + "' must be a number in " + json(low).dump() + ".." + json(high).dump());
    }
    return value.get<double>();
  }
  std::string text(const char* key) const {
    if (!has(key)) return {};
    if (!object_.at(key).is_string()) fail(std::string("'") + key + "' must be a text");
    return object_.at(key).get<std::string>();
  }
  bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!object_.at(key).is_boolean()) fail(std::string("'") + key + "' must be true or false");
    return object_.at(key).get<bool>();
  }
  void colours(const char* key, std::array<float, 3>& to, double low) const {
    if (!has(key)) return;
    const json& values = object_.at(key);
    if (!values.is_array() || values.size() != to.size()) fail(std::string("'") + key + "' must be three numbers");
    for (size_t c = 0; c < to.size(); ++c) {
      if (!values[c].is_number() || !(values[c].get<double>() >= low && values[c].get<double>() <= 255)) {
        fail(std::string("'") + key + "' must be three numbers");
      }
      to[c] = values[c].get<float>();
    }
  }
  /// A number that the network has already, from its tensors or its description.
  void expect(const char* key, double wanted) const {
    if (!has(key)) return;
    if (std::lround(number(key, 0, 1e9)) != std::lround(wanted)) {
      fail(std::string("'") + key + "' is " + object_.at(key).dump() + " where " + spec_.name + " has " +
           std::to_string(std::lround(wanted)));
    }
  }
  /// The sides of the picture: a number, or height and width.
  void expect_sides(const char* key) const {
    if (!has(key) || spec_.size_asked) return;
    const json& value = object_.at(key);
    if (!value.is_array()) return expect(key, spec_.image_size);
    for (const json& side : value)
      if (side != spec_.image_size)
        fail(std::string("'") + key + "' is " + value.dump() + " where " + spec_.name + " has " +
             std::to_string(spec_.image_size));
  }
  void heads(const char* key) const {
    if (has(key) && spec_.heads == 0) {
      spec_.heads = static_cast<int>(number(key, 1, 1024));
      if (spec_.dim % spec_.heads != 0) {
        fail(std::string("'") + key + "' is " + std::to_string(spec_.heads) + ", which does not divide the weights' " +
             std::to_string(spec_.dim));
      }
    }
    expect(key, spec_.heads);
  }
  void activation(const char* key) const {
    const std::string name = text(key);
    if (name.empty()) return;
    if (name != "gelu" && name != "silu" && name != "swish") {
      fail(std::string("'") + key + "': the activation '" + name + "' is not computed here; gelu and silu are");
    }
    spec_.activation = name == "gelu" ? zoo::Activation::kGelu : zoo::Activation::kSilu;
  }
  void interpolation(const char* key) const {
    const std::string name = text(key);
    if (name.empty() || name == "random") return;
    if (name != "bicubic" && name != "bilinear") fail("interpolation '" + name + "' is not computed here");
    spec_.interpolation = name == "bilinear" ? zoo::Interpolation::kBilinear : zoo::Interpolation::kBicubic;
  }
  /// Names of all classes, or none.
  void class_names(std::vector<std::string> names) const {
    if (names.size() == static_cast<size_t>(spec_.classes)) spec_.class_names = std::move(names);
  }

 private:
  std::string path_;
  const json& object_;
  zoo::ModelSpec& spec_;
};

void read_id2label(const Reader& reader) {
  if (!reader.has("id2label") || !reader.object().at("id2label").is_object()) return;
  const json& labels = reader.object().at("id2label");
  if (!labels.empty() && labels.size() != static_cast<size_t>(reader.spec().classes)) {
    reader.fail("'id2label' names " + std::to_string(labels.size()) + " classes where " + reader.spec().name + " has " +
                std::to_string(reader.spec().classes));
  }
  std::vector<std::string> names(labels.size());
  for (const auto& [key, value] : labels.items()) {
    const size_t index = std::strtoul(key.c_str(), nullptr, 10);
    if (index >= names.size() || !value.is_string()) return;  // not a list of all classes
    names[index] = value.get<std::string>();
    if (names[index] == "LABEL_" + key)
      return;  // transformers writes LABEL_0, LABEL_1, ... where nobody named the classes
  }
  reader.class_names(std::move(names));
}

/// ViTConfig, DeiTConfig, Dinov2Config.
void read_hugging_face(const Reader& reader) {
  zoo::ModelSpec& spec = reader.spec();
  const std::string family = reader.text("model_type");
  const bool dino = family == "dinov2" || family == "dinov2_with_registers";
  if (!dino && family != "vit" && family != "deit") {
    reader.fail("'model_type' is '" + family + "', which is not computed here; vit, deit and dinov2 are");
  }
  reader.expect("hidden_size", spec.dim);
  reader.expect("num_hidden_layers", spec.depth);
  reader.heads("num_attention_heads");
  reader.expect("intermediate_size", spec.mlp_hidden);
  if (reader.has("mlp_ratio")) {
    const double ratio = reader.number("mlp_ratio", 0.1, 64);
    if (std::lround(ratio * spec.dim) != spec.mlp_hidden) reader.fail("'mlp_ratio' is not that of the weights");
  }
  reader.expect("patch_size", spec.patch_size());
  reader.expect_sides("image_size");
  if (spec.has_classifier())
    reader.expect("num_labels", spec.classes);
  else if (reader.has("architectures") &&
           reader.object().at("architectures").dump().find("ForImageClassification") != std::string::npos)
    reader.fail("'architectures' has a classifier, which the weights lack");
  reader.expect("num_channels", 3);
  if (reader.has("quantization_config")) {
    reader.fail(
        "'quantization_config': a checkpoint quantised elsewhere is not computed here; use the one it was made of");
  }
  if (reader.flag("use_swiglu_ffn", false)) reader.fail("'use_swiglu_ffn': a SwiGLU MLP is not computed here");
  if (reader.has("qkv_bias") && reader.flag("qkv_bias", true) != spec.qkv_bias) {
    reader.fail("'qkv_bias' is not that of the weights");
  }
  reader.activation("hidden_act");
  // The defaults of transformers' classes.
  spec.ln_eps = reader.has("layer_norm_eps") ? reader.number("layer_norm_eps", 1e-12, 1e-2) : dino ? 1e-6 : 1e-12;
  if (spec.has_classifier()) read_id2label(reader);
}

/// Heads of timm's networks by the first words of their names: 64 values each.
void heads_by_name(const Reader& reader) {
  constexpr std::pair<const char*, int> kWidths[] = {
      {"tiny_patch", 192}, {"small_patch", 384}, {"medium_patch", 512}, {"base_patch", 768}, {"large_patch", 1024}};
  zoo::ModelSpec& spec = reader.spec();
  const std::string name = reader.text("architecture");
  for (const char* family : {"vit_", "deit_", "deit3_"}) {
    for (const auto& [size, width] : kWidths) {
      if (spec.heads == 0 && spec.dim == width && name.rfind(std::string(family) + size, 0) == 0) {
        spec.heads = width / 64;
      }
    }
  }
}

/// Families of timm's that are of the kind computed here; names within them that say otherwise, without a tensor that
/// would.
void check_architecture(const Reader& reader) {
  const std::string name = reader.text("architecture");
  constexpr const char* kFamilies[] = {"vit_", "deit_", "deit3_", "flexivit_", "lvvit_", "lv_vit_"};
  const bool known = std::any_of(std::begin(kFamilies), std::end(kFamilies),
                                 [&](const char* family) { return name.rfind(family, 0) == 0; });
  if (!known) {
    reader.fail("'architecture' is '" + name + "', which is not computed here; vit, deit, deit3 and flexivit are");
  }
  constexpr std::pair<const char*, const char*> kParts[] = {
      {"rope", "rotary positions are"}, {"quickgelu", "QuickGELU is"}, {"relpos", "relative positions are"}};
  for (const auto& [part, what] : kParts) {
    if (name.find(part) != std::string::npos)
      reader.fail("'architecture' is '" + name + "': " + what + " not computed here");
  }
}

/// timm's arguments of a network. What is neither checked here nor without effect on inference is refused where it is
/// set.
void read_model_args(const Reader& arguments) {
  const zoo::ModelSpec& spec = arguments.spec();
  arguments.heads("num_heads");
  arguments.expect("embed_dim", spec.dim);
  arguments.expect("depth", spec.depth);
  arguments.expect("num_classes", spec.classes);
  arguments.expect("patch_size", spec.patch_size());
  arguments.expect_sides("img_size");
  arguments.expect("in_chans", 3);
  arguments.expect("reg_tokens", spec.registers);
  if (arguments.has("mlp_ratio") && std::lround(arguments.number("mlp_ratio", 0.1, 64) * spec.dim) != spec.mlp_hidden)
    arguments.fail("'mlp_ratio' is not that of the weights");
  arguments.activation("act_layer");
  const auto as_weights = [&](const char* key, bool there) {
    if (arguments.has(key) && arguments.flag(key, there) != there)
      arguments.fail(std::string("'") + key + "' is not that of the weights");
  };
  as_weights("class_token", spec.class_token);
  as_weights("qkv_bias", spec.qkv_bias);
  if (arguments.has("init_values") && arguments.number("init_values", 0, 1e3) > 0 && !spec.layer_scale)
    arguments.fail("'init_values' is set, and the weights have no LayerScale");
  constexpr std::string_view kKnown[] = {
      "num_heads",      "embed_dim",        "depth",          "num_classes", "patch_size",    "img_size",
      "in_chans",       "reg_tokens",       "mlp_ratio",      "act_layer",   "class_token",   "qkv_bias",
      "init_values",    "no_embed_class",   "drop_rate",      "fc_norm",     "global_pool",   "weight_init",
      "drop_path_rate", "attn_drop_rate",   "proj_drop_rate", "fix_init",    "pos_drop_rate", "patch_drop_rate",
      "pos_embed",      "dynamic_img_size", "dynamic_img_pad"};
  for (const auto& [key, value] : arguments.object().items()) {
    const bool set =
        !value.is_null() && value != false && !(value.is_string() && value.get_ref<const std::string&>().empty());
    if (set && std::find(std::begin(kKnown), std::end(kKnown), key) == std::end(kKnown))
      arguments.fail("'model_args': '" + key + "' is not computed here");
  }
}

/// timm's config.json: what the name, model_args and pretrained_cfg say.
void read_timm(const Reader& reader) {
  zoo::ModelSpec& spec = reader.spec();
  check_architecture(reader);
  reader.expect("num_classes", spec.classes);
  reader.expect("num_features", spec.dim);
  if (reader.has("model_args") && reader.object().at("model_args").is_object())
    read_model_args(reader.within(reader.object().at("model_args")));
  heads_by_name(reader);
  const std::string pooling = reader.text("global_pool");
  const bool mean = spec.pooling == zoo::Pooling::kMean;
  if (!pooling.empty() && pooling != (mean ? "avg" : "token")) {
    reader.fail("'global_pool' is '" + pooling + "', which is not computed here for this network; " +
                (mean ? "'avg' is" : "'token' is, and 'avg' where fc_norm is in place of norm"));
  }
  const bool nested = reader.has("pretrained_cfg") && reader.object().at("pretrained_cfg").is_object();
  const Reader input = nested ? reader.within(reader.object().at("pretrained_cfg")) : reader;
  input.colours("mean", spec.mean, 0);
  input.colours("std", spec.deviation, 1e-3);
  if (input.has("crop_pct")) spec.crop = input.number("crop_pct", 0.05, 1);
  input.interpolation("interpolation");
  const std::string mode = input.text("crop_mode");
  if (!mode.empty() && mode != "center" && mode != "squash")
    reader.fail("crop_mode '" + mode + "' is not computed here");
  spec.squash = mode == "squash";
  for (const Reader& level : {reader, input}) {
    if (!level.has("label_names") || !level.object().at("label_names").is_array()) continue;
    std::vector<std::string> names;
    for (const json& name : level.object().at("label_names"))
      names.push_back(name.is_string() ? name.get<std::string>() : "");
    level.class_names(std::move(names));
  }
}

/// A side of "size" or "crop_size": a number, {"shortest_edge"} or {"height", "width"}; 0 where there is none.
int side_of(const Reader& reader, const char* key, bool* squash) {
  if (!reader.has(key)) return 0;
  constexpr double kTop = 4096;
  const json& value = reader.object().at(key);
  if (value.is_number()) return static_cast<int>(reader.number(key, 1, kTop));
  if (!value.is_object()) reader.fail(std::string("'") + key + "' must be a size");
  const Reader size = reader.within(value);
  if (size.has("shortest_edge")) return static_cast<int>(size.number("shortest_edge", 1, kTop));
  if (!size.has("height") || !size.has("width") || value["height"] != value["width"]) {
    reader.fail(std::string("'") + key + "' must be a square");
  }
  if (squash != nullptr) *squash = true;
  return static_cast<int>(size.number("height", 1, kTop));
}

/// ViTImageProcessor, DeiTImageProcessor, BitImageProcessor.
void read_preprocessor(const Reader& reader, bool any_size) {
  zoo::ModelSpec& spec = reader.spec();
  reader.colours("image_mean", spec.mean, 0);
  reader.colours("image_std", spec.deviation, 1e-3);
  if (!reader.flag("do_normalize", true)) {
    spec.mean = {0, 0, 0};
    spec.deviation = {1, 1, 1};
  }
  // (factor x - mean) / std, where ours is (x / 255 - mean) / std.
  constexpr double kTop = 255;
  double factor = kTop;
  if (reader.flag("do_rescale", true))
    factor = reader.has("rescale_factor") ? kTop * reader.number("rescale_factor", 1e-6, 1e3) : 1;
  if (std::abs(factor - 1) > 1e-3) {
    for (float& mean : spec.mean) mean = static_cast<float>(mean / factor);
    for (float& deviation : spec.deviation) deviation = static_cast<float>(deviation / factor);
  }
  if (reader.has("resample")) {
    const auto filter = static_cast<int>(reader.number("resample", 0, 5));
    if (filter != kBilinear && filter != kBicubic) reader.fail("'resample' must be 2 (bilinear) or 3 (bicubic)");
    spec.interpolation = filter == kBilinear ? zoo::Interpolation::kBilinear : zoo::Interpolation::kBicubic;
  }
  bool squash = false;
  const int size = side_of(reader, "size", &squash);
  const bool crops = reader.flag("do_center_crop", reader.has("crop_size"));
  const int cropped = crops ? side_of(reader, "crop_size", nullptr) : size;
  if (size == 0 || cropped == 0) return;
  if (cropped > size) reader.fail("'crop_size' is larger than 'size'");
  if (!any_size && cropped != spec.image_size) {
    reader.fail("makes pictures of " + std::to_string(cropped) + " pixels a side where " + spec.name + " has " +
                std::to_string(spec.image_size));
  }
  spec.squash = squash;
  spec.crop = static_cast<double>(cropped) / size;
  // The resize is floor(side / crop), which a rounded quotient must not take one below.
  if (std::floor(cropped / spec.crop) < size) spec.crop = std::nextafter(spec.crop, 0.0);
}

}  // namespace

zoo::ModelSpec with_published_config(const std::string& folder, zoo::ModelSpec spec, std::vector<std::string>* read) {
  const auto path_of = [&](const char* name) { return (std::filesystem::path(folder) / name).string(); };
  const std::string network = path_of("config.json"), input = path_of("preprocessor_config.json");
  const json described = read_object(network), pictures = read_object(input);
  // What has Hugging Face's fields is taken for theirs, and must then say which network it is.
  const bool hugging_face = described.is_object() && !described.contains("architecture") &&
                            (described.contains("model_type") || described.contains("num_hidden_layers"));
  const bool timm = described.is_object() && described.contains("architecture");
  // DINOv2 is published with pictures smaller than its positions are for: the network's own size is taken.
  const bool dino = hugging_face && described.value("model_type", json()).dump().rfind("\"dinov2", 0) == 0;
  if (hugging_face) read_hugging_face(Reader(network, described, spec));
  if (timm) read_timm(Reader(network, described, spec));
  if (pictures.is_object()) read_preprocessor(Reader(input, pictures, spec), dino || spec.size_asked);
  if (read != nullptr) {
    if (hugging_face || timm) read->push_back(network);
    if (pictures.is_object()) read->push_back(input);
  }
  return spec;
}

}  // namespace heatvit::network
