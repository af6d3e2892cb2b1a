// Descriptions of networks as JSON: docs/networks.md has the schema.
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "accel/isa/errors.h"
#include "accel/isa/layout.h"
#include "models/zoo/json_number.h"
#include "models/zoo/zoo.h"

namespace heatvit::zoo {
namespace {

using Json = nlohmann::json;

constexpr int kMostRegisters = 64;
constexpr int kMostRow = 1024;  // values of a row that LayerNorm takes (accel/kernels/limits.h)

/// The fields of a JSON object. Each is taken once; what nobody took is unknown.
class Fields {
 public:
  Fields(const Json& object, std::string origin, std::string path = {})
      : object_(object), origin_(std::move(origin)), path_(std::move(path)) {
    if (!object.is_object()) throw InputError(where("") + "an object { ... } is needed");
  }

  bool has(const std::string& name) const { return object_.contains(name) && !object_[name].is_null(); }

  int integer(const std::string& name, int minimum, int maximum, int otherwise) {
    return static_cast<int>(number(name, minimum, maximum, otherwise, true));
  }
  int integer(const std::string& name, int minimum, int maximum) {
    need(name);
    return integer(name, minimum, maximum, minimum);
  }
  double real(const std::string& name, double minimum, double maximum, double otherwise) {
    return number(name, minimum, maximum, otherwise, false);
  }
  bool flag(const std::string& name, bool otherwise) {
    taken_.insert(name);
    if (!has(name)) return otherwise;
    if (!object_[name].is_boolean()) fail(name, "true or false");
    return object_[name].get<bool>();
  }
  std::string text(const std::string& name, const std::string& otherwise) {
    taken_.insert(name);
    if (!has(name)) return otherwise;
    if (!object_[name].is_string()) fail(name, "a text");
    return object_[name].get<std::string>();
  }
  std::string choice(const std::string& name, const std::string& otherwise, const std::vector<std::string>& allowed,
                     const std::string& computed) {
    std::string value = text(name, otherwise);
    for (const std::string& a : allowed)
      if (a == value) return value;
    fail(name, computed);
  }
  const Json* array(const std::string& name) {
    taken_.insert(name);
    if (!has(name)) return nullptr;
    if (!object_[name].is_array()) fail(name, "a list [ ... ]");
    return &object_[name];
  }
  const Json* object(const std::string& name) {
    taken_.insert(name);
    return has(name) ? &object_[name] : nullptr;
  }

  /// After all: names the first field that nobody took.
  void finish() const {
    for (const auto& [name, value] : object_.items())
      if (taken_.count(name) == 0) throw InputError(where(name) + "there is no such field (docs/networks.md)");
  }

  [[noreturn]] void fail(const std::string& name, const std::string& allowed) const {
    throw InputError(where(name) + allowed + " is needed, found " +
                     (object_.contains(name) ? object_[name].dump(-1, ' ', false, Json::error_handler_t::replace)
                                             : std::string("nothing")));
  }

  std::string where(const std::string& name) const {
    const std::string full = path_.empty() || name.empty() ? path_ + name : path_ + "." + name;
    return origin_ + ": " + (full.empty() ? "" : "field '" + full + "': ");
  }

 private:
  void need(const std::string& name) const {
    if (!has(name)) fail(name, "a whole number");
  }
  double number(const std::string& name, double minimum, double maximum, double otherwise, bool whole) {
    taken_.insert(name);
    if (!has(name)) return otherwise;
    const Json& value = object_[name];
    const double v = value.is_number() ? value.get<double>() : std::nan("");
    if (!(v >= minimum && v <= maximum) || (whole && v != std::floor(v)))
      fail(name, std::string(whole ? "a whole number" : "a number") + " in " + Json(minimum).dump() + ".." +
                     Json(maximum).dump());
    return v;
  }

  const Json& object_;
  std::string origin_, path_;
  std::set<std::string> taken_;
};

std::vector<StemConv> read_stem(Fields& fields, const std::string& origin) {
  std::vector<StemConv> stem;
  const Json* list = fields.array("stem");
  if (list == nullptr) return stem;
  for (const Json& item : *list) {
    Fields f(item, origin, "stem[" + std::to_string(stem.size()) + "]");
    StemConv conv;
    conv.channels = f.integer("channels", 1, 1024);
    conv.kernel = f.integer("kernel", 1, 32);
    conv.stride = f.integer("stride", 1, 32, 1);
    conv.pad = f.integer("pad", 0, 31, 0);
    f.choice("norm", "batch", {"batch"},
             "\"batch\" (batch norm, folded into the convolution; nothing else is computed)");
    f.choice("activation", "relu", {"relu"}, "\"relu\" (nothing else is computed in a stem)");
    f.finish();
    stem.push_back(conv);
  }
  return stem;
}

std::array<float, 3> read_three(Fields& fields, const std::string& name, const std::array<float, 3>& otherwise,
                                double minimum) {
  const Json* list = fields.array(name);
  if (list == nullptr) return otherwise;
  std::array<float, 3> values{};
  if (list->size() != 3) fields.fail(name, "three numbers");
  for (size_t i = 0; i < 3; ++i) {
    if (!(*list)[i].is_number() || (*list)[i].get<double>() < minimum || (*list)[i].get<double>() > 10)
      fields.fail(name, "three numbers in " + Json(minimum).dump() + "..10");
    values[i] = (*list)[i].get<float>();
  }
  return values;
}

void read_input(Fields& fields, const std::string& origin, ModelSpec& spec) {
  const Json* object = fields.object("input");
  if (object == nullptr) return;
  Fields f(*object, origin, "input");
  spec.crop = f.real("crop", 0.05, 1.0, spec.crop);
  spec.mean = read_three(f, "mean", spec.mean, 0);
  spec.deviation = read_three(f, "std", spec.deviation, 1e-3);
  const std::string interpolation =
      f.choice("interpolation", "bicubic", {"bicubic", "bilinear"}, "\"bicubic\" or \"bilinear\"");
  spec.squash = f.choice("resize", "short_side", {"short_side", "both_sides"},
                         "\"short_side\" (the shape stays) or \"both_sides\" (to a square)") == "both_sides";
  spec.interpolation = interpolation == "bilinear" ? Interpolation::kBilinear : Interpolation::kBicubic;
  f.finish();
}

std::string pooling_name(const ModelSpec& s) {
  return s.pooling == Pooling::kClass ? "class" : s.pooling == Pooling::kMean ? "mean" : "class+mean";
}

std::vector<int> read_selectors(Fields& fields) {
  std::vector<int> positions;
  if (const Json* list = fields.array("selectors")) {
    for (const Json& item : *list) {
      const auto block = whole_number(item, std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
      if (!block) fields.fail("selectors", "a list of blocks, counting from 1,");
      positions.push_back(static_cast<int>(*block));
    }
  }
  return positions;
}

std::vector<std::string> read_class_names(Fields& fields, int classes) {
  std::vector<std::string> names;
  const Json* list = fields.array("class_names");
  if (list == nullptr) return names;
  if (list->size() != static_cast<size_t>(classes))
    fields.fail("class_names", "a list of " + std::to_string(classes) + " texts");
  for (const Json& name : *list) {
    if (!name.is_string()) fields.fail("class_names", "a list of " + std::to_string(classes) + " texts");
    names.push_back(name.get<std::string>());
  }
  return names;
}

/// Fields that say what the network's parts are: one value of each is computed.
void read_kinds(Fields& f, ModelSpec& spec) {
  const std::string classifier = f.choice(
      "classifier", "one", {"one", "two", "auxiliary"},
      "\"one\" (a head on what is pooled), \"two\" (on class and distillation token) or \"auxiliary\" (LV-ViT's)");
  if (classifier != "one") spec.classifier = classifier == "two" ? Classifier::kTwo : Classifier::kAuxiliary;
  const std::string pooling =
      f.choice("pooling", "class", {"class", "mean", "class+mean"}, "\"class\", \"mean\" or \"class+mean\" (DINOv2's)");
  if (pooling != "class") spec.pooling = pooling == "mean" ? Pooling::kMean : Pooling::kClassMean;
  const std::string activation = f.choice("activation", "gelu", {"gelu", "silu"},
                                          "\"gelu\" or \"silu\" (no other activation of the MLP is computed)");
  spec.activation = activation == "silu" ? Activation::kSilu : Activation::kGelu;
  spec.layer_scale = f.flag("layer_scale", false);
}

/// ["class", "distillation", "register", ...], each where it is, registers as often as there are of them.
void read_tokens(Fields& f, ModelSpec& spec) {
  if (const Json* list = f.array("tokens"); list != nullptr) {
    constexpr const char* kAllowed =
        "a list of \"class\", \"distillation\" and any number of \"register\", in this order,";
    spec.class_token = false;
    for (const Json& item : *list) {
      if (item == "class" && spec.front_tokens() == 0)
        spec.class_token = true;
      else if (item == "distillation" && !spec.distillation_token && spec.registers == 0)
        spec.distillation_token = true;
      else if (item == "register")
        ++spec.registers;
      else
        f.fail("tokens", kAllowed);
    }
  }
  if (f.has("registers") && spec.registers > 0) f.fail("registers", "either this or \"register\" in \"tokens\"");
  spec.registers = f.integer("registers", 0, kMostRegisters, spec.registers);
}

}  // namespace

void check(const ModelSpec& s, const std::string& origin) {
  const auto refuse = [&](const std::string& field, const std::string& why) {
    throw InputError(origin + ": field '" + field + "': " + why);
  };
  if (s.dim % s.heads != 0)
    refuse("heads", std::to_string(s.heads) + " heads do not divide dim " + std::to_string(s.dim));
  if (s.dim > kMostRow)
    refuse("dim",
           "at most " + std::to_string(kMostRow) + " values of a token are normalised, found " + std::to_string(s.dim));
  if (s.image_size % s.patch_grid != 0) refuse("patch_size", "must divide image_size");
  if (s.max_tokens() > isa::kMaxSequence)
    refuse("patch_size", std::to_string(s.max_tokens()) + " tokens an image, at most " +
                             std::to_string(isa::kMaxSequence) + " (a smaller image has fewer)");
  if (s.registers < 0 || s.registers > kMostRegisters)
    refuse("tokens", "at most " + std::to_string(kMostRegisters) + " registers");
  if (s.distillation_token && !s.class_token) refuse("tokens", "\"distillation\" needs \"class\" before it");
  if (s.pooling != Pooling::kMean && !s.class_token)
    refuse("pooling", "\"" + pooling_name(s) + "\" needs \"class\" in \"tokens\"");
  if (s.pooling != Pooling::kClass && s.classifier != Classifier::kOne)
    refuse("classifier", "\"one\" is needed where \"pooling\" is \"" + pooling_name(s) + "\"");
  if (!s.has_classifier() && s.classifier != Classifier::kOne)
    refuse("classifier", "\"one\" is needed where \"classes\" is 0");
  if (s.two_heads() && !s.distillation_token) refuse("classifier", "\"two\" needs \"distillation\" in \"tokens\"");
  if (s.aux_head() && s.front_tokens() != 1) refuse("classifier", "\"auxiliary\" needs \"tokens\" to be [\"class\"]");
  int size = s.image_size;
  for (size_t i = 0; i < s.stem.size(); ++i) {
    const std::string name = "stem[" + std::to_string(i) + "]";
    if (size + 2 * s.stem[i].pad < s.stem[i].kernel) refuse(name, "the kernel is larger than its input");
    size = conv_out(size, s.stem[i]);
  }
  if (size % s.patch_grid != 0 || size < s.patch_grid)
    refuse("stem", "a map of " + std::to_string(size) + " pixels a side is not divided by " +
                       std::to_string(s.patch_grid) + " patches");
  if (s.projection_kernel() > 255) refuse("patch_size", "a projection kernel has at most 255 pixels a side");
  int previous = 0;
  for (const int block : s.selectors) {
    if (block <= previous || block > s.depth)
      refuse("selectors", "rising blocks of 1.." + std::to_string(s.depth) + " are needed");
    previous = block;
  }
}

ModelSpec read_description(const std::string& json, const std::string& origin) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) throw InputError(origin + ": is not JSON");
  Fields f(parsed, origin);
  ModelSpec spec;
  spec.name = f.text("name", origin);
  f.text("source", "");
  spec.depth = f.integer("depth", 1, 200);
  spec.dim = f.integer("dim", 4, 4096);
  spec.heads = f.integer("heads", 1, 64);
  const double ratio = f.real("mlp_ratio", 0.1, 16, 4.0);
  spec.mlp_hidden = f.integer("mlp_hidden", 1, 16384, static_cast<int>(std::lround(ratio * spec.dim)));
  spec.image_size = f.integer("image_size", 8, 4096, 224);
  const int patch = f.integer("patch_size", 1, 256, 16);
  if (spec.image_size % patch != 0) f.fail("patch_size", "a divisor of image_size");
  spec.patch_grid = spec.image_size / patch;
  spec.classes = f.integer("classes", 0, 32767, 1000);
  spec.class_list = f.text("class_list", "");
  spec.class_names = read_class_names(f, spec.classes);
  spec.weights = f.text("weights", "");
  spec.qkv_bias = f.flag("qkv_bias", true);
  spec.ln_eps = f.real("layernorm_epsilon", 1e-12, 1e-2, 1e-6);
  spec.residual_divisor = f.real("residual_divisor", 0.1, 100, 1.0);
  spec.stem = read_stem(f, origin);
  read_kinds(f, spec);
  read_tokens(f, spec);
  spec.selectors = read_selectors(f);
  read_input(f, origin, spec);
  f.finish();
  check(spec, origin);
  return spec;
}

std::string describe(const ModelSpec& s) {
  nlohmann::ordered_json d;
  d["name"] = s.name;
  d["depth"] = s.depth;
  d["dim"] = s.dim;
  d["heads"] = s.heads;
  d["mlp_hidden"] = s.mlp_hidden;
  d["image_size"] = s.image_size;
  d["patch_size"] = s.patch_size();
  d["classes"] = s.classes;
  if (!s.class_list.empty()) d["class_list"] = s.class_list;
  if (!s.class_names.empty()) d["class_names"] = s.class_names;
  if (!s.weights.empty()) d["weights"] = s.weights;
  d["qkv_bias"] = s.qkv_bias;
  d["layernorm_epsilon"] = s.ln_eps;
  d["residual_divisor"] = s.residual_divisor;
  for (const StemConv& c : s.stem)
    d["stem"].push_back({{"channels", c.channels}, {"kernel", c.kernel}, {"stride", c.stride}, {"pad", c.pad}});
  d["activation"] = s.activation == Activation::kSilu ? "silu" : "gelu";
  d["tokens"] = nlohmann::ordered_json::array();
  if (s.class_token) d["tokens"].push_back("class");
  if (s.distillation_token) d["tokens"].push_back("distillation");
  for (int i = 0; i < s.registers; ++i) d["tokens"].push_back("register");
  d["pooling"] = pooling_name(s);
  d["classifier"] = s.aux_head() ? "auxiliary" : s.two_heads() ? "two" : "one";
  d["layer_scale"] = s.layer_scale;
  d["selectors"] = s.selectors;
  d["input"] = {{"crop", s.crop},
                {"mean", s.mean},
                {"std", s.deviation},
                {"interpolation", s.interpolation == Interpolation::kBilinear ? "bilinear" : "bicubic"}};
  if (s.squash) d["input"]["resize"] = "both_sides";
  return d.dump(2);
}

std::string parts_text(const ModelSpec& s) {
  std::string text;
  const auto add = [&](bool is, const std::string& what) {
    if (is) text += (text.empty() ? "" : ", ") + what;
  };
  add(!s.class_token, "no class token");
  add(s.distillation_token, "distillation token");
  add(s.registers > 0, std::to_string(s.registers) + (s.registers == 1 ? " register" : " registers"));
  add(s.pooling == Pooling::kMean, "mean of the patches");
  add(s.pooling == Pooling::kClassMean, "class token and mean of the patches side by side");
  add(!s.has_classifier(), "no classifier: " + std::to_string(s.outputs()) + " features");
  add(s.two_heads(), "mean of two heads");
  add(s.layer_scale, "LayerScale folded");
  return text;
}

}  // namespace heatvit::zoo
