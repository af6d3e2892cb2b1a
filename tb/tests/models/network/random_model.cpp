#include "tb/tests/models/network/random_model.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "accel/isa/errors.h"
#include "models/quant/quantize.h"

namespace heatvit::network {
namespace {

// Aims: root mean square of each kind of tensor, in its own LSBs; weights and activations as int8.
constexpr double kWeightRms = 73.6;           // uniform in [-127, 127]
constexpr double kPixelRms = 74;              // uniform random pixels, minus 128
constexpr double kActivationRms = 40;         // int8: three deviations fit
constexpr double kReluShare = 0.7071;         // of the deviation that ReLU leaves
constexpr double kGeluInputRms = 1.5 * 1024;  // Q10
constexpr double kGeluOutputRms = 28;
constexpr double kGeluRatio = 28.0 / 4096;       // Q12 -> int8: 4.5 (three deviations) -> 127
constexpr double kSigmoidInputRms = 1.5 * 4096;  // Q12
constexpr double kScoreRms = 2.0 * 256;          // Q8; softmax rows then have a few large entries
constexpr double kLogitRms = 2.0 * 65536;        // Q16

class Generator {
 public:
  Generator(const zoo::ModelSpec& spec, uint32_t seed, int residual_bits, int bits)
      : spec_(spec), random_(seed), wide_(bits == 16), unit_(wide_ ? 256 : 1) {
    // The stream grows from the embedding by 2 depth branches of equal, independent size.
    end_rms_ = residual_bits == 8 ? 32 : 8000;
    start_rms_ = end_rms_ / 4;
    branch_rms_ = std::sqrt((end_rms_ * end_rms_ - start_rms_ * start_rms_) / (2.0 * spec.depth));
  }

  void embedding(network::QuantModel& model);
  network::QuantBlock block();
  network::QuantSelector selector(bool dynamicvit);
  void classifier(network::QuantModel& model);

 private:
  // The C++ library's distributions differ from one implementation to the next; the generator itself does not.
  int uniform(int low, int high) { return low + static_cast<int>(random_() % static_cast<uint32_t>(high - low + 1)); }

  static network::Requant encode(double ratio);
  network::QuantLinear linear(int n, int k, double in_rms, double out_rms, bool bias = true);
  void set_bias(isa::ChannelRecord& channel, int64_t bias) const;
  void balance(network::QuantLinear& layer) const;
  network::QuantLayerNorm norm(int n);
  std::vector<int16_t> stream_values(int count);

  const zoo::ModelSpec& spec_;
  std::mt19937 random_;
  const bool wide_;  // int16 weights and activations
  const int unit_;   // LSBs of the model in one of int8
  const double activation_ = kActivationRms * unit_, gelu_output_ = kGeluOutputRms * unit_;
  double start_rms_, end_rms_, branch_rms_;  // of the residual stream
};

// docs/numerics.md section 3: the largest shift for which the multiplier fits 16 bits.
network::Requant Generator::encode(double ratio) {
  network::Requant out;
  for (int shift = 62; shift >= 1; --shift) {
    const double multiplier = std::round(std::ldexp(ratio, shift));
    if (multiplier > 65535) continue;
    out.multiplier = static_cast<uint16_t>(multiplier);
    out.shift = static_cast<uint8_t>(shift);
    return out;
  }
  throw InputError("random model: requantisation ratio " + std::to_string(ratio) + " is too large to encode");
}

network::QuantLinear Generator::linear(int n, int k, double in_rms, double out_rms, bool bias) {
  network::QuantLinear out;
  out.n = n;
  out.k = k;
  out.weight.resize(static_cast<size_t>(n) * static_cast<size_t>(k));
  const int top = wide_ ? 32767 : 127;
  for (size_t i = 0; i < out.weight.size(); ++i) out.weight[i] = static_cast<int16_t>(uniform(-top, top));
  const double accumulator_rms = in_rms * kWeightRms * unit_ * std::sqrt(k);
  for (int i = 0; i < n; ++i) {
    // No two channels alike, as in a calibrated model.
    const network::Requant scale = encode(out_rms / accumulator_rms * uniform(75, 125) / 100);
    isa::ChannelRecord channel;
    if (bias) set_bias(channel, static_cast<int64_t>(accumulator_rms * uniform(-300, 300) / 1000));
    channel.multiplier = scale.multiplier;
    channel.shift = scale.shift;
    out.channels.push_back(channel);
  }
  return out;
}

void Generator::set_bias(isa::ChannelRecord& channel, int64_t bias) const {
  channel.bias = static_cast<int32_t>(static_cast<uint32_t>(bias));
  channel.bias_high = wide_ ? static_cast<int8_t>(bias >> 32) : int8_t{0};
}

// What a GELU puts out has a mean. Neighbouring inputs of opposite weight cancel it; otherwise it outweighs what
// differs from token to token, and a threshold would keep all tokens or none.
void Generator::balance(network::QuantLinear& layer) const {
  for (size_t i = 0; i < layer.weight.size(); ++i) {
    const size_t column = i % static_cast<size_t>(layer.k);
    if (column % 2 == 1) layer.weight[i] = static_cast<int16_t>(-layer.weight[i - 1]);
  }
  for (isa::ChannelRecord& channel : layer.channels)
    set_bias(channel, (wide_ ? isa::wide_bias(channel) : channel.bias) / 8);
}

network::QuantLayerNorm Generator::norm(int n) {
  network::QuantLayerNorm out;
  out.n = n;
  out.shift = 14;  // Q12 times gamma: a deviation of one becomes gamma / 4 LSBs; Q14, of a gamma 64 times as large
  out.epsilon = static_cast<uint64_t>(n) * static_cast<uint64_t>(n);
  for (int i = 0; i < n; ++i) {
    isa::NormRecord channel;
    channel.gamma = static_cast<int16_t>(uniform(120, 200) * (wide_ ? 64 : 1) * (uniform(0, 7) == 0 ? -1 : 1));
    channel.beta = uniform(-10, 10) * unit_ * (1 << out.shift);
    out.channels.push_back(channel);
  }
  return out;
}

std::vector<int16_t> Generator::stream_values(int count) {
  const int limit = static_cast<int>(start_rms_);
  std::vector<int16_t> out;
  for (int i = 0; i < count; ++i) out.push_back(static_cast<int16_t>(uniform(-limit, limit)));
  return out;
}

void Generator::embedding(network::QuantModel& model) {
  int size = spec_.image_size;
  int channels = 3;
  double in_rms = kPixelRms;
  for (const zoo::StemConv& stem : spec_.stem) {
    network::QuantConv conv{size, zoo::conv_out(size, stem), channels, stem.kernel, stem.stride, stem.pad, {}};
    conv.linear = linear(stem.channels, stem.kernel * stem.kernel * channels, in_rms, activation_);
    size = conv.out_size;
    channels = stem.channels;
    in_rms = activation_ * kReluShare;
    model.stem.push_back(conv);
  }
  const int patch = size / spec_.patch_grid;
  model.embed = linear(spec_.dim, patch * patch * channels, in_rms, start_rms_);
  model.front = stream_values(spec_.front_tokens() * spec_.dim);
  model.position = stream_values(spec_.patches() * spec_.dim);
}

network::QuantBlock Generator::block() {
  network::QuantBlock out;
  out.norm1 = norm(spec_.dim);
  out.qkv = linear(3 * spec_.dim, spec_.dim, activation_, activation_, spec_.qkv_bias);
  out.scores = encode(kScoreRms / (activation_ * activation_ * std::sqrt(spec_.head_dim())));
  out.attend = encode(1.5 / (wide_ ? 65535 : 255));  // a weighted mean of V is smaller than V
  out.proj = linear(spec_.dim, spec_.dim, activation_, branch_rms_);
  out.norm2 = norm(spec_.dim);
  out.fc1 = linear(spec_.mlp_hidden, spec_.dim, activation_, kGeluInputRms);
  out.gelu = encode(kGeluRatio * unit_);
  out.fc2 = linear(spec_.dim, spec_.mlp_hidden, gelu_output_, branch_rms_);
  return out;
}

network::QuantSelector Generator::selector(bool dynamicvit) {
  const int d = dynamicvit ? spec_.dim : spec_.head_dim();
  const int hidden_heads = std::max(1, spec_.heads / 2);
  network::QuantSelector out;
  out.norm = norm(d);
  out.local = linear(dynamicvit ? d : d / 2, d, activation_, kGeluInputRms);
  out.local_gelu = encode(kGeluRatio * unit_);
  out.mlp1 = linear(d / 2, d, gelu_output_, kGeluInputRms);
  out.mlp1_gelu = encode(kGeluRatio * unit_);
  out.mlp2 = linear(d / 4, d / 2, gelu_output_, kGeluInputRms);
  out.mlp2_gelu = encode(kGeluRatio * unit_);
  out.keep = linear(2, d / 4, gelu_output_, kScoreRms);
  for (network::QuantLinear* layer : {&out.mlp1, &out.mlp2, &out.keep}) balance(*layer);
  if (dynamicvit) return out;
  out.head_mean = encode(activation_ / (end_rms_ * std::sqrt(d)));
  out.head1 = linear(hidden_heads, spec_.heads, activation_, kGeluInputRms);
  out.head1_gelu = encode(kGeluRatio * unit_);
  out.head2 = linear(spec_.heads, hidden_heads, gelu_output_, kSigmoidInputRms);
  return out;
}

void Generator::classifier(network::QuantModel& model) {
  model.norm = norm(spec_.dim);
  if (spec_.has_classifier()) model.head = linear(spec_.classes, spec_.head_inputs(), activation_, kLogitRms);
  if (spec_.aux_head()) model.aux_head = linear(spec_.classes, spec_.dim, activation_, kLogitRms / 2);
}

}  // namespace

QuantModel random_quant_model(const zoo::ModelSpec& spec, uint32_t seed, bool selectors, int residual_bits, int bits,
                              bool dynamicvit) {
  if (spec.depth < 1 || spec.heads < 1 || spec.dim < 1 || spec.mlp_hidden < 1 || spec.dim % spec.heads != 0) {
    throw InputError("random model: dim " + std::to_string(spec.dim) + " must be a positive multiple of heads " +
                     std::to_string(spec.heads) + ", depth and mlp_hidden at least 1");
  }
  if (selectors && (dynamicvit ? spec.dim : spec.head_dim()) % 4 != 0) {
    throw InputError("random model: a token selector needs a head dimension that is a multiple of 4, not " +
                     std::to_string(spec.head_dim()));
  }
  if (residual_bits != 16 && residual_bits != 8) {
    throw InputError("random model: residual_bits " + std::to_string(residual_bits) + "; allowed: 16, 8");
  }
  quant::check_bits(bits, residual_bits);
  Generator generator(spec, seed, residual_bits, bits);
  network::QuantModel model;
  model.spec = spec;
  model.bits = bits;
  model.residual_bits = residual_bits;
  model.residual_scale = residual_bits == 8 ? 1.0 / 8 : 1.0 / 2048;
  generator.embedding(model);
  for (int b = 0; b < spec.depth; ++b) model.blocks.push_back(generator.block());
  generator.classifier(model);
  if (selectors) {
    for (size_t s = 0; s < spec.selectors.size(); ++s) model.selectors.push_back(generator.selector(dynamicvit));
  }
  return model;
}

}  // namespace heatvit::network
