#include "models/quant/model_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <map>
#include <sstream>
#include <vector>

#include "accel/isa/errors.h"
#include "models/weights/safetensors.h"

namespace heatvit::quant {
namespace {

using weights::Safetensors;
using weights::SafetensorsWriter;
using weights::Shape;

// Tensors of a linear layer: NAME.weight (int8, n x k), NAME.bias (int32), NAME.multiplier (int32, in 0..65535),
// of a model of 16 bits (metadata heatvit.bits = 16): NAME.weight (int16) and NAME.bias_high (int8, bits 39 to 32);
// NAME.shift (int8). Of a LayerNorm: NAME.gamma (int16), NAME.beta (int32). Scalars are metadata: text, decimal.
constexpr char kQuantizedKey[] = "heatvit.quantized";
constexpr char kVersion[] = "1";
constexpr char kSelectorsKey[] = "heatvit.selectors";  // how many there are

template <typename T, size_t size>
std::string join(const std::array<T, size>& values) {
  std::ostringstream text;
  for (size_t i = 0; i < size; ++i) text << (i == 0 ? "" : " ") << values[i];
  return text.str();
}

std::string exact(double value) {
  std::ostringstream text;
  text.precision(std::numeric_limits<double>::max_digits10);
  text << value;
  return text.str();
}

class Saver {
 public:
  explicit Saver(int bits) : wide_(bits == 16) {}

  void linear(const std::string& name, const network::QuantLinear& layer, int n, int k) {
    std::vector<int32_t> bias, multiplier;
    std::vector<int8_t> shift, bias_high;
    for (const isa::ChannelRecord& channel : layer.channels) {
      bias.push_back(channel.bias);
      multiplier.push_back(channel.multiplier);
      shift.push_back(static_cast<int8_t>(channel.shift));
      bias_high.push_back(channel.bias_high);
    }
    if (wide_) {
      file_.add(name + ".weight", {n, k}, layer.weight);
      file_.add(name + ".bias_high", {n}, bias_high);
    } else {
      file_.add(name + ".weight", {n, k}, std::vector<int8_t>(layer.weight.begin(), layer.weight.end()));
    }
    file_.add(name + ".bias", {n}, bias);
    file_.add(name + ".multiplier", {n}, multiplier);
    file_.add(name + ".shift", {n}, shift);
  }
  void norm(const std::string& name, const network::QuantLayerNorm& norm, int n) {
    std::vector<int16_t> gamma;
    std::vector<int32_t> beta;
    for (const isa::NormRecord& channel : norm.channels) {
      gamma.push_back(channel.gamma);
      beta.push_back(channel.beta);
    }
    file_.add(name + ".gamma", {n}, gamma);
    file_.add(name + ".beta", {n}, beta);
    text(name + ".epsilon_shift", join(std::array<uint64_t, 2>{norm.epsilon, norm.shift}));
  }
  void requant(const std::string& name, const network::Requant& value) {
    text(name, join(std::array<uint64_t, 2>{value.multiplier, value.shift}));
  }
  void conv(const std::string& name, const network::QuantConv& conv, int) {
    text(name + ".geometry",
         join(std::array<int, 6>{conv.in_size, conv.out_size, conv.channels, conv.kernel, conv.stride, conv.pad}));
    linear(name, conv.linear, conv.linear.n, conv.linear.k);
  }
  void vector(const std::string& name, const std::vector<int16_t>& values, size_t count) {
    file_.add(name, {static_cast<int64_t>(count)}, values);
  }
  void text(const std::string& name, const std::string& value) { file_.set_metadata(name, value); }
  void write(const std::string& path) const { file_.write(path); }

 private:
  bool wide_;
  SafetensorsWriter file_;
};

class Loader {
 public:
  explicit Loader(const std::string& path) : file_(Safetensors::open(path)) {}

  [[noreturn]] void fail(const std::string& what) const { throw InputError(file_.path() + ": " + what); }

  std::string text(const std::string& name) const {
    const auto found = file_.metadata().find(name);
    if (found == file_.metadata().end()) fail("metadata '" + name + "' is missing");
    return found->second;
  }
  // Whole numbers separated by one space, each at most `top`.
  template <size_t size>
  std::array<uint64_t, size> numbers(const std::string& name, uint64_t top) const {
    const std::string value = text(name);
    std::array<uint64_t, size> result{};
    const char* at = value.data();
    const char* const end = at + value.size();
    for (size_t i = 0; i < size; ++i) {
      if (i > 0 && (at == end || *at++ != ' ')) at = end;
      const auto [rest, error] = std::from_chars(at, end, result[i]);
      if (error != std::errc() || result[i] > top) fail("metadata '" + name + "' is '" + value + "'");
      at = rest;
    }
    if (at != end) fail("metadata '" + name + "' is '" + value + "'");
    return result;
  }
  bool has_text(const std::string& name) const { return file_.metadata().count(name) != 0; }
  uint64_t number(const std::string& name, uint64_t top) const { return numbers<1>(name, top)[0]; }
  double positive(const std::string& name) const {
    const std::string value = text(name);
    char* end = nullptr;
    const double result = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0' || !std::isfinite(result) || result <= 0) {
      fail("metadata '" + name + "' is '" + value + "', a positive number is needed");
    }
    return result;
  }

  /// Of weights and activations; a file without the key has 8.
  int bits() {
    if (file_.metadata().count("heatvit.bits") == 0) return 8;
    const auto value = static_cast<int>(number("heatvit.bits", 16));
    if (value != 8 && value != 16) fail("metadata 'heatvit.bits' must be 8 or 16");
    wide_ = value == 16;
    return value;
  }

  void linear(const std::string& name, network::QuantLinear& layer, int n, int k) {
    layer.n = n;
    layer.k = k;
    const std::string weight = expect(name + ".weight", {n, k});
    std::vector<int8_t> bias_high(size_t(n), 0);
    if (wide_) {
      layer.weight = file_.read_i16(weight);
      bias_high = file_.read_i8(expect(name + ".bias_high", {n}));
    } else {
      const std::vector<int8_t> narrow = file_.read_i8(weight);
      layer.weight.assign(narrow.begin(), narrow.end());
    }
    const auto bias = file_.read_i32(expect(name + ".bias", {n}));
    const auto multiplier = file_.read_i32(expect(name + ".multiplier", {n}));
    const auto shift = file_.read_i8(expect(name + ".shift", {n}));
    for (size_t i = 0; i < bias.size(); ++i) {
      if (multiplier[i] < 0 || multiplier[i] > 65535) fail("a value beyond 0..65535, tensor '" + name + ".multiplier'");
      if (shift[i] < 1 || shift[i] > 62) fail("a value beyond 1..62, tensor '" + name + ".shift'");
      layer.channels.push_back(
          {bias[i], static_cast<uint16_t>(multiplier[i]), static_cast<uint8_t>(shift[i]), bias_high[i]});
    }
    check_accumulators(name, layer);
  }
  void norm(const std::string& name, network::QuantLayerNorm& norm, int n) {
    norm.n = n;
    const auto gamma = file_.read_i16(expect(name + ".gamma", {n}));
    const auto beta = file_.read_i32(expect(name + ".beta", {n}));
    for (size_t i = 0; i < gamma.size(); ++i) norm.channels.push_back({beta[i], gamma[i], 0});
    const auto [epsilon, shift] = numbers<2>(name + ".epsilon_shift", uint64_t{1} << 62);
    if (epsilon < 1 || shift < 1 || shift > 62) fail("metadata '" + name + ".epsilon_shift' is out of range");
    norm.epsilon = epsilon;
    norm.shift = static_cast<uint8_t>(shift);
  }
  void requant(const std::string& name, network::Requant& value) {
    const auto [multiplier, shift] = numbers<2>(name, 65535);
    if (shift < 1 || shift > 62) fail("metadata '" + name + "': the shift must be in 1..62");
    value = {static_cast<uint16_t>(multiplier), static_cast<uint8_t>(shift)};
  }
  void conv(const std::string& name, network::QuantConv& conv, int outputs) {
    const auto geometry = numbers<6>(name + ".geometry", 4096);
    int* const fields[] = {&conv.in_size, &conv.out_size, &conv.channels, &conv.kernel, &conv.stride, &conv.pad};
    for (size_t i = 0; i < geometry.size(); ++i) *fields[i] = static_cast<int>(geometry[i]);
    const bool fits = conv.stride > 0 && conv.kernel > 0 && conv.in_size + 2 * conv.pad >= conv.kernel &&
                      conv.out_size == (conv.in_size + 2 * conv.pad - conv.kernel) / conv.stride + 1;
    if (!fits) fail("metadata '" + name + ".geometry' is no convolution");
    linear(name, conv.linear, outputs, conv.kernel * conv.kernel * conv.channels);
  }
  void vector(const std::string& name, std::vector<int16_t>& values, size_t count) {
    values = file_.read_i16(expect(name, {static_cast<int64_t>(count)}));
  }
  /// After all has been read: nothing may be left over.
  void finish() const {
    for (const std::string& name : file_.names()) {
      if (read_.count(name) == 0) fail("tensor '" + name + "' does not belong to this model");
    }
  }

 private:
  const std::string& expect(const std::string& name, const Shape& shape) {
    const Shape& there = file_.info(name).shape;
    if (there != shape) {
      fail("shape " + weights::to_string(there) + " where " + weights::to_string(shape) + " is needed, tensor '" +
           name + "'");
    }
    return read_.emplace(name, 0).first->first;
  }
  // The sum of products and bias must fit int32 whatever the activations; 48 bits hold any (docs/numerics.md section
  // 10).
  void check_accumulators(const std::string& name, const network::QuantLinear& layer) const {
    for (size_t row = 0; row < size_t(layer.n); ++row) {
      const int16_t* weight = layer.weight.data() + row * size_t(layer.k);
      int64_t sum = 0;
      int lowest = 0;
      for (int i = 0; i < layer.k; ++i) {
        sum += std::abs(weight[i]);
        lowest = std::min<int>(lowest, weight[i]);
      }
      if (lowest < (wide_ ? -32767 : -127))
        fail("a weight of " + std::to_string(lowest) + ", tensor '" + name + ".weight'");
      const int64_t worst = std::abs(int64_t{layer.channels[row].bias}) + int64_t{128} * sum;
      if (!wide_ && worst > std::numeric_limits<int32_t>::max())
        fail("an accumulator can overflow, tensor '" + name + ".bias'");
    }
  }

  Safetensors file_;
  bool wide_ = false;  // int16 weights
  std::map<std::string, int> read_;
};

// The one list of what a file holds. Archive: Saver with a const model, or Loader.
template <typename Archive, typename Block>
void visit_block(Archive& archive, const std::string& name, Block& block, const zoo::ModelSpec& spec) {
  const int dim = spec.dim;
  archive.norm(name + "norm1", block.norm1, dim);
  archive.linear(name + "qkv", block.qkv, 3 * dim, dim);
  archive.requant(name + "scores", block.scores);
  archive.requant(name + "attend", block.attend);
  archive.linear(name + "proj", block.proj, dim, dim);
  archive.norm(name + "norm2", block.norm2, dim);
  archive.linear(name + "fc1", block.fc1, spec.mlp_hidden, dim);
  archive.requant(name + "gelu", block.gelu);
  archive.linear(name + "fc2", block.fc2, dim, spec.mlp_hidden);
}

template <typename Archive, typename Selector>
void visit_selector(Archive& archive, const std::string& name, Selector& selector, const zoo::ModelSpec& spec,
                    bool dynamicvit) {
  const int d = dynamicvit ? spec.dim : spec.head_dim();
  const int hidden = std::max(1, spec.heads / 2);
  archive.norm(name + "norm", selector.norm, d);
  archive.linear(name + "local", selector.local, dynamicvit ? d : d / 2, d);
  archive.requant(name + "local_gelu", selector.local_gelu);
  archive.linear(name + "mlp1", selector.mlp1, d / 2, d);
  archive.requant(name + "mlp1_gelu", selector.mlp1_gelu);
  archive.linear(name + "mlp2", selector.mlp2, d / 4, d / 2);
  archive.requant(name + "mlp2_gelu", selector.mlp2_gelu);
  archive.linear(name + "keep", selector.keep, 2, d / 4);
  if (dynamicvit) return;
  archive.requant(name + "head_mean", selector.head_mean);
  archive.linear(name + "head1", selector.head1, hidden, spec.heads);
  archive.requant(name + "head1_gelu", selector.head1_gelu);
  archive.linear(name + "head2", selector.head2, spec.heads, hidden);
}

template <typename Archive, typename Model>
void visit(Archive& archive, Model& model, bool dynamicvit) {
  const zoo::ModelSpec& spec = model.spec;
  const auto numbered = [](const char* kind, size_t index) { return kind + std::to_string(index + 1) + "."; };
  for (size_t i = 0; i < model.stem.size(); ++i)
    archive.conv("stem." + std::to_string(i + 1), model.stem[i], spec.stem[i].channels);
  archive.linear("embed", model.embed, spec.dim, spec.projection_inputs());
  archive.vector("cls", model.front, size_t(spec.front_tokens()) * size_t(spec.dim));
  archive.vector("position", model.position, size_t(spec.patches()) * size_t(spec.dim));
  for (size_t i = 0; i < model.blocks.size(); ++i) visit_block(archive, numbered("block.", i), model.blocks[i], spec);
  archive.norm("norm", model.norm, spec.dim);
  if (spec.has_classifier()) archive.linear("head", model.head, spec.classes, spec.head_inputs());
  if (spec.aux_head()) archive.linear("aux_head", model.aux_head, spec.classes, spec.dim);
  for (size_t i = 0; i < model.selectors.size(); ++i) {
    visit_selector(archive, numbered("selector.", i), model.selectors[i], spec, dynamicvit);
  }
}

// Rows at the residual scale must lie in the residual's type, or an 8-bit stream would start saturated.
void check_residual_rows(const Loader& file, const network::QuantModel& model) {
  if (model.residual_bits == 16) return;
  for (const auto* rows : {&model.front, &model.position}) {
    for (const int16_t value : *rows) {
      if (value < -128 || value > 127) file.fail("cls or position holds a value beyond the 8-bit residual stream");
    }
  }
}

std::string comma_separated(const std::vector<int>& values) {
  std::string text;
  for (const int value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

// The description of a network that its name does not say: not shipped, or a checkpoint's classes, size, crop, tokens.
// Mean and std are in the first layer's weights.
constexpr char kNetworkKey[] = "heatvit.network";
constexpr char kBaseKey[] = "heatvit.base";  // whose hardware configuration it has

bool is_shipped(const zoo::ModelSpec& spec) {
  const std::vector<zoo::ModelSpec>& all = zoo::models();
  return std::any_of(all.begin(), all.end(),
                     [&](const zoo::ModelSpec& model) { return zoo::describe(model) == zoo::describe(spec); });
}

zoo::ModelSpec load_spec(const Loader& file) {
  const std::string name = file.text("heatvit.model");
  if (!file.has_text(kNetworkKey)) return zoo::find(name);
  zoo::ModelSpec spec = zoo::read_description(file.text(kNetworkKey), std::string("metadata '") + kNetworkKey + "'");
  if (spec.name != name)
    throw InputError("metadata 'heatvit.model' is '" + name + "', the description's name '" + spec.name + "'");
  if (file.has_text(kBaseKey)) spec.base = file.text(kBaseKey);
  return spec;
}

// Nothing for a file that is not safetensors.
std::map<std::string, std::string> metadata_of(const std::string& path) {
  try {
    return Safetensors::open(path).metadata();
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace

void save_model(const network::QuantModel& model, const std::string& path) {
  Saver file(model.bits);
  file.text(kQuantizedKey, kVersion);
  file.text("heatvit.model", model.spec.name);
  if (!is_shipped(model.spec)) file.text(kNetworkKey, zoo::describe(model.spec));
  if (!model.spec.base.empty()) file.text(kBaseKey, model.spec.base);
  if (model.bits != 8) file.text("heatvit.bits", std::to_string(model.bits));
  file.text("heatvit.residual_bits", std::to_string(model.residual_bits));
  file.text("heatvit.residual_scale", exact(model.residual_scale));
  file.text("heatvit.logit_scale", exact(model.logit_scale));
  file.text("heatvit.delta1_q15", std::to_string(model.delta1));
  file.text("heatvit.delta2_q15", std::to_string(model.delta2));
  file.text(kSelectorsKey, std::to_string(model.selectors.size()));
  if (!model.positions.empty()) file.text(kPositionsKey, comma_separated(model.positions));
  const bool dynamicvit = !model.selectors.empty() && model.selectors.front().dynamicvit();
  if (dynamicvit) file.text(kPredictorKey, kDynamicVit);
  visit(file, model, dynamicvit);
  file.write(path);
}

network::QuantModel load_model(const std::string& path) {
  Loader file(path);
  if (file.text(kQuantizedKey) != kVersion) {
    file.fail("quantised model of version '" + file.text(kQuantizedKey) + "', this program reads " + kVersion);
  }
  network::QuantModel model;
  try {
    model.spec = load_spec(file);
  } catch (const InputError& error) {
    file.fail(error.what());
  }
  model.bits = file.bits();
  model.residual_bits = static_cast<int>(file.number("heatvit.residual_bits", 16));
  if (model.residual_bits != 8 && model.residual_bits != 16)
    file.fail("metadata 'heatvit.residual_bits' must be 8 or 16");
  if (model.bits == 16 && model.residual_bits != 16)
    file.fail("metadata 'heatvit.residual_bits' must be 16 beside 'heatvit.bits' 16");
  model.residual_scale = file.positive("heatvit.residual_scale");
  model.logit_scale = file.positive("heatvit.logit_scale");
  model.delta1 = static_cast<uint16_t>(file.number("heatvit.delta1_q15", 32768));
  model.delta2 = static_cast<uint16_t>(file.number("heatvit.delta2_q15", 32768));
  model.selectors.resize(file.number(kSelectorsKey, static_cast<uint64_t>(model.spec.depth)));
  const auto metadata = metadata_of(path);
  if (const auto found = metadata.find(kPositionsKey); found != metadata.end()) {
    model.positions = parse_positions(found->second, path, model.spec);
    if (model.positions.size() != model.selectors.size()) {
      file.fail("metadata '" + std::string(kPositionsKey) + "' is '" + found->second + "', but there are " +
                std::to_string(model.selectors.size()) + " selectors");
    }
  }
  model.blocks.resize(size_t(model.spec.depth));
  model.stem.resize(model.spec.stem.size());
  const auto predictor = metadata.find(kPredictorKey);
  if (predictor != metadata.end() && predictor->second != kDynamicVit)
    file.fail("metadata '" + std::string(kPredictorKey) + "' is '" + predictor->second + "', allowed: " + kDynamicVit);
  visit(file, model, predictor != metadata.end());
  file.finish();
  check_residual_rows(file, model);
  return model;
}

std::vector<int> parse_positions(const std::string& text, const std::string& path, const zoo::ModelSpec& spec) {
  std::vector<int> positions;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (bool more = true; more; ++at) {
    int block = 0;
    const auto [rest, error] = std::from_chars(at, end, block);
    at = rest;
    more = at != end && *at == ',';
    if (error != std::errc() || (at != end && !more) || block <= (positions.empty() ? 0 : positions.back()) ||
        block > spec.depth) {
      throw InputError(path + ": metadata '" + kPositionsKey + "' is '" + text + "', rising blocks of 1.." +
                       std::to_string(spec.depth) + " with commas between them are needed");
    }
    positions.push_back(block);
  }
  return positions;
}

bool is_quantized_model(const std::string& path) { return metadata_of(path).count(kQuantizedKey) != 0; }

bool is_quantized_with_selectors(const std::string& path) {
  const auto metadata = metadata_of(path);
  const auto found = metadata.find(kSelectorsKey);
  return metadata.count(kQuantizedKey) != 0 && found != metadata.end() && found->second != "0";
}

}  // namespace heatvit::quant
