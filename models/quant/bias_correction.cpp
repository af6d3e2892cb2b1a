#include "models/quant/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>

#include "accel/isa/errors.h"
#include "models/quant/quantize.h"
#include "models/reference/float_executor.h"
#include "models/reference/integer_math.h"

namespace heatvit::quant {
namespace {

// Every fifth token is looked at in attention, from another one on in each image: it is the slow part.
constexpr int kTokenStep = 5;

// Sum of the errors of one activation tensor, by channel.
struct ErrorSum {
  std::vector<double> sum;
  size_t rows = 0;

  void add(const float* exact, const std::vector<float>& got) {
    sum.resize(got.size());
    for (size_t c = 0; c < got.size(); ++c) sum[c] += double{exact[c]} - double{got[c]};
    ++rows;
  }

  // What the following layer has to add at each of its outputs.
  std::vector<float> through(const network::FloatLinear& layer) const {
    std::vector<float> out(size_t(layer.n));
    for (size_t m = 0; m < out.size(); ++m) {
      const float* weight = layer.weight.data() + m * size_t(layer.k);
      double shift = 0;
      for (size_t c = 0; c < sum.size(); ++c) shift += double{weight[c]} * sum[c];
      out[m] = static_cast<float>(shift / static_cast<double>(rows));
    }
    return out;
  }
};

int8_t to_int8(double value) { return reference::saturate<int8_t>(std::lround(value)); }
int16_t to_int16(double value) { return reference::saturate<int16_t>(std::lround(value)); }

// The MLP's activation on the hardware for every int16 Q10, as it leaves in int8, in units of the tensor.
class ActivationTable {
 public:
  ActivationTable(zoo::Activation activation, double scale) : values_(1 << 16) {
    const network::Requant requant = requant_for(kGeluOutScale / scale, "GELU");
    for (int x = std::numeric_limits<int16_t>::min(); x <= std::numeric_limits<int16_t>::max(); ++x) {
      const auto at = static_cast<int16_t>(x);
      const int q = activation == zoo::Activation::kSilu ? reference::silu(at, requant)
                                                         : reference::gelu(at, reference::kUnitDelta, requant);
      values_[index(static_cast<int16_t>(x))] = static_cast<float>(q * scale);
    }
  }
  float operator()(float x) const { return values_[index(to_int16(double{x} / kGeluInScale))]; }

 private:
  static size_t index(int16_t x) { return static_cast<uint16_t>(x); }
  std::vector<float> values_;
};

// What calibration shows of one block; q, k, v: tokens x D.
class BlockErrors {
 public:
  BlockErrors(const zoo::ModelSpec& spec, double v_scale, double attended_scale, double hidden_scale)
      : spec_(spec), v_scale_(v_scale), attended_scale_(attended_scale), activation_(spec.activation, hidden_scale) {}

  void take(const std::string& part, const float* data, size_t count, int first_token) {
    if (part == "proj.in") {
      attention(data, count / size_t(spec_.dim), first_token);
    } else if (part == "fc2.in") {
      mlp(data, count);
    } else {
      inputs_[part].assign(data, data + count);
    }
  }

  const ErrorSum& attended() const { return attended_; }
  const ErrorSum& hidden() const { return hidden_; }

 private:
  void attention(const float* exact, size_t tokens, int first_token);
  void attend_head(size_t token, size_t tokens, size_t first_channel, float* out) const;
  void mlp(const float* exact, size_t count);

  const zoo::ModelSpec& spec_;
  const double v_scale_, attended_scale_;
  const ActivationTable activation_;
  std::map<std::string, std::vector<float>> inputs_;  // q, k, v, fc1.out of the image at hand
  ErrorSum attended_, hidden_;
};

void BlockErrors::attention(const float* exact, size_t tokens, int first_token) {
  const size_t dim = size_t(spec_.dim);
  for (float& v : inputs_.at("v")) v = static_cast<float>(to_int8(double{v} / v_scale_) * v_scale_);
  std::vector<float> got(dim);
  for (size_t token = size_t(first_token); token < tokens; token += size_t(kTokenStep)) {
    for (int head = 0; head < spec_.heads; ++head) {
      const size_t channel = size_t(head) * size_t(spec_.head_dim());
      attend_head(token, tokens, channel, &got[channel]);
    }
    attended_.add(exact + token * dim, got);
  }
}

// One token of one head: sections 3 and 5 of docs/numerics.md on exact Q and K.
void BlockErrors::attend_head(size_t token, size_t tokens, size_t first_channel, float* out) const {
  const size_t dim = size_t(spec_.dim), d = size_t(spec_.head_dim());
  const float* q = inputs_.at("q").data() + token * dim + first_channel;
  const float* k = inputs_.at("k").data() + first_channel;
  const float* v = inputs_.at("v").data() + first_channel;
  std::vector<int16_t> scores(tokens);
  for (size_t t = 0; t < tokens; ++t) {
    float sum = 0;
    for (size_t c = 0; c < d; ++c) sum += q[c] * k[t * dim + c];
    scores[t] = to_int16(double{sum} / std::sqrt(double(d)) / kScoreScale);
  }
  std::vector<uint8_t> probabilities(tokens);
  reference::softmax(scores.data(), static_cast<int>(tokens), reference::kUnitDelta, probabilities.data());
  std::vector<double> mixed(d);
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t c = 0; c < d; ++c) mixed[c] += probabilities[t] * double{v[t * dim + c]};
  }
  for (size_t c = 0; c < d; ++c) {
    out[c] = static_cast<float>(to_int8(mixed[c] * probability_scale(8) / attended_scale_) * attended_scale_);
  }
}

void BlockErrors::mlp(const float* exact, size_t count) {
  const std::vector<float>& x = inputs_.at("fc1.out");
  std::vector<float> got(size_t(spec_.mlp_hidden));
  for (size_t row = 0; row < count; row += got.size()) {
    for (size_t c = 0; c < got.size(); ++c) got[c] = activation_(x[row + c]);
    hidden_.add(exact + row, got);
  }
}

}  // namespace

network::Corrections correct_biases(const network::FloatModel& model, const std::vector<preprocess::Image>& images,
                                    const network::Ranges& ranges) {
  std::vector<BlockErrors> blocks;
  for (int block = 1; block <= model.spec.depth; ++block) {
    const std::string name = "block." + std::to_string(block) + ".";
    blocks.emplace_back(model.spec, scale_of(ranges, name + "v"), scale_of(ranges, name + "proj.in"),
                        scale_of(ranges, name + "fc2.in"));
  }
  int first_token = 0;
  const reference::Observer observer = [&](const std::string& tensor, const float* data, size_t count) {
    constexpr char kPrefix[] = "block.";
    if (tensor.rfind(kPrefix, 0) != 0) return;
    const size_t dot = tensor.find('.', sizeof kPrefix);
    const int block = std::stoi(tensor.substr(sizeof kPrefix - 1));
    blocks[size_t(block - 1)].take(tensor.substr(dot + 1), data, count, first_token);
  };
  const reference::FloatExecutor executor(model);
  for (const preprocess::Image& image : images) {
    executor.run(image, 0, observer);
    first_token = (first_token + 1) % kTokenStep;
  }
  network::Corrections corrections;
  for (size_t i = 0; i < blocks.size() && !images.empty(); ++i) {
    const std::string name = "block." + std::to_string(i + 1) + ".";
    corrections[name + "proj.out"] = blocks[i].attended().through(model.blocks[i].proj);
    corrections[name + "fc2.out"] = blocks[i].hidden().through(model.blocks[i].fc2);
  }
  return corrections;
}

}  // namespace heatvit::quant
