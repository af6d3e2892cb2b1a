#include "models/quant/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "accel/isa/errors.h"
#include "models/preprocess/image.h"

namespace heatvit::quant {
namespace {

using network::FloatConv;
using network::FloatLinear;
using network::FloatModel;
using network::FloatNorm;
using network::FloatSelector;

constexpr double kSigmoidScale = 1.0 / 4096;       // Q12
constexpr double kLogitScale = 1.0 / 65536;        // Q16
constexpr double kBiasTop = 1 << 30;               // leaves the other half of int32 to the sum of products
constexpr double kWideBiasTop = int64_t{1} << 38;  // of 40 bits
constexpr float kCentre = 128.0F;                  // the accelerator's input is pixel - 128

int32_t to_int32(double value) {
  constexpr double kTop = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(std::clamp(std::round(value), -kTop, kTop));
}

/// With a bias of 32 or, at 16 bits, 40 bits.
isa::ChannelRecord channel_record(double bias, const network::Requant& requant, int bits) {
  if (bits == 8) return {to_int32(bias), requant.multiplier, requant.shift, 0};
  const auto wide = static_cast<int64_t>(std::clamp(std::round(bias), -kWideBiasTop, kWideBiasTop));
  return {static_cast<int32_t>(static_cast<uint32_t>(wide)), requant.multiplier, requant.shift,
          static_cast<int8_t>(wide >> 32)};
}

int16_t to_int16(double value, double top) {
  return static_cast<int16_t>(std::clamp(std::round(value), -top - 1, top));
}

// Largest absolute value; written so that it vectorises.
float max_abs(const float* x, size_t count) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> top{};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float value = std::fabs(x[i + lane]);
      top[lane] = value > top[lane] ? value : top[lane];
    }
  }
  for (; i < count; ++i) top[0] = std::max(top[0], std::fabs(x[i]));
  return *std::max_element(top.begin(), top.end());
}

// Folds (pixel / 255 - mean) / deviation into the first layer: x = q / (255 s) + (128 / 255 - mean) / s with
// q = pixel - 128. Exact but where a convolution pads: there the hardware's zero is pixel 128, the network's the mean.
FloatLinear fold_pixels(const FloatLinear& linear, const zoo::ModelSpec& spec) {
  FloatLinear folded = linear;
  for (size_t row = 0; row < size_t(linear.n); ++row) {
    double bias = linear.bias[row];
    for (size_t i = row * size_t(linear.k); i < (row + 1) * size_t(linear.k); ++i) {
      const size_t c = i % 3;  // k is a multiple of 3 and c runs fastest
      const double weight = linear.weight[i];
      bias += weight * (double{kCentre} / 255 - double{spec.mean[c]}) / double{spec.deviation[c]};
      folded.weight[i] = static_cast<float>(weight / (255 * double{spec.deviation[c]}));
    }
    folded.bias[row] = static_cast<float>(bias);
  }
  return folded;
}

// Scales of the tensors around a model, looked up once.
class Quantizer {
 public:
  Quantizer(const FloatModel& model, const network::Ranges& ranges, const QuantizeOptions& options,
            const network::Corrections& corrections)
      : model_(model), ranges_(ranges), options_(options), corrections_(corrections) {}

  /// `done`: called with each block's number when it is quantised.
  template <class Done>
  network::QuantModel run(const Done& done);

 private:
  double scale(const std::string& name) const { return scale_of(ranges_, name, options_.bits); }
  network::QuantLinear linear(const FloatLinear& from, double in_scale, const std::vector<double>& out_scale,
                              const char* what, const std::vector<float>& correction = {}) const {
    return quantize_linear(from, in_scale, out_scale, what, correction, options_.bits);
  }
  network::QuantLayerNorm norm(const FloatNorm& from, double out_scale) const {
    return quantize_norm(from, model_.spec.ln_eps, residual_, out_scale, options_.bits);
  }
  std::vector<float> correction(const std::string& output, const FloatLinear& layer) const;
  void embedding(network::QuantModel& out) const;
  network::QuantBlock block(int index, network::FloatBlock& own) const;
  network::QuantSelector selector(size_t stage) const;

  const FloatModel& model_;
  const network::Ranges& ranges_;
  const QuantizeOptions& options_;
  const network::Corrections& corrections_;
  double residual_ = 0;
};

void Quantizer::embedding(network::QuantModel& out) const {
  double in_scale = 1.0;  // of the pixels; the folding took care of theirs
  for (size_t i = 0; i < model_.stem.size(); ++i) {
    const FloatConv& conv = model_.stem[i];
    const std::string next = i + 1 < model_.stem.size() ? "stem." + std::to_string(i + 2) + ".in" : "embed.in";
    const double out_scale = scale(next);
    network::QuantConv quantised{conv.in_size, conv.out_size, conv.channels, conv.kernel, conv.stride, conv.pad, {}};
    quantised.linear =
        linear(i == 0 ? fold_pixels(conv.linear, model_.spec) : conv.linear, in_scale, {out_scale}, "stem convolution");
    out.stem.push_back(std::move(quantised));
    in_scale = out_scale;
  }
  const FloatLinear& embed = model_.embed.linear;
  out.embed =
      linear(model_.stem.empty() ? fold_pixels(embed, model_.spec) : embed, in_scale, {residual_}, "patch embedding");

  const double top = options_.residual_bits == 16 ? 32767 : 127;
  for (const float value : model_.front) out.front.push_back(to_int16(value / residual_, top));
  for (const float value : model_.position) out.position.push_back(to_int16(value / residual_, top));
}

std::vector<float> Quantizer::correction(const std::string& output, const FloatLinear& layer) const {
  // What is taken back after attention is the rounding of uint8 probabilities: uint16 has none.
  if (options_.bits == 16 && output.find(".proj.") != std::string::npos) return {};
  const auto found = corrections_.find(output);
  if (found == corrections_.end() || options_.delta1 != 1.0 || options_.delta2 != 1.0) return {};
  if (found->second.size() != size_t(layer.n)) {
    throw InputError("the bias correction of '" + output + "' has " + std::to_string(found->second.size()) +
                     " values where the layer has " + std::to_string(layer.n) + " outputs");
  }
  return found->second;
}

network::QuantBlock Quantizer::block(int index, network::FloatBlock& own) const {
  const network::FloatBlock& from = model_.block(index - 1, own);
  const std::string name = "block." + std::to_string(index) + ".";
  const double qkv_in = scale(name + "qkv.in"), proj_in = scale(name + "proj.in");
  const double fc1_in = scale(name + "fc1.in"), fc2_in = scale(name + "fc2.in");
  const double q = scale(name + "q"), k = scale(name + "k"), v = scale(name + "v");
  const double branch_out = residual_ * model_.spec.residual_divisor;
  network::QuantBlock to;
  to.norm1 = norm(from.norm1, qkv_in);
  to.qkv = linear(from.qkv, qkv_in, {q, k, v}, "attn.qkv");
  to.scores = requant_for(q * k / std::sqrt(double(model_.spec.head_dim())) / kScoreScale, "attention scores");
  to.attend = requant_for(v * probability_scale(options_.bits) / proj_in, "attention output");
  to.proj = linear(from.proj, proj_in, {branch_out}, "attn.proj", correction(name + "proj.out", from.proj));
  to.norm2 = norm(from.norm2, fc1_in);
  to.fc1 = linear(from.fc1, fc1_in, {kGeluInScale}, "mlp.fc1");
  to.gelu = requant_for(kGeluOutScale / fc2_in, "GELU");
  to.fc2 = linear(from.fc2, fc2_in, {branch_out}, "mlp.fc2", correction(name + "fc2.out", from.fc2));
  return to;
}

network::QuantSelector Quantizer::selector(size_t stage) const {
  const FloatSelector& from = model_.selectors[stage];
  const std::string name = "selector." + std::to_string(stage + 1) + ".";
  const double local_in = scale(name + "local.in"), mlp1_in = scale(name + "mlp1.in");
  const double mlp2_in = scale(name + "mlp2.in"), keep_in = scale(name + "keep.in");
  network::QuantSelector to;
  to.norm = norm(from.norm, local_in);
  to.local = linear(from.local, local_in, {kGeluInScale}, "selector local");
  to.local_gelu = requant_for(kGeluOutScale / mlp1_in, "selector local GELU");
  to.mlp1 = linear(from.mlp1, mlp1_in, {kGeluInScale}, "selector mlp1");
  to.mlp1_gelu = requant_for(kGeluOutScale / mlp2_in, "selector mlp1 GELU");
  to.mlp2 = linear(from.mlp2, mlp2_in, {kGeluInScale}, "selector mlp2");
  to.mlp2_gelu = requant_for(kGeluOutScale / keep_in, "selector mlp2 GELU");
  to.keep = linear(from.keep, keep_in, {kScoreScale}, "selector keep");
  if (from.dynamicvit()) return to;
  const double head1_in = scale(name + "head1.in"), head2_in = scale(name + "head2.in");
  to.head_mean = requant_for(residual_ / (model_.spec.head_dim() * head1_in), "selector head mean");
  to.head1 = linear(from.head1, head1_in, {kGeluInScale}, "selector head1");
  to.head1_gelu = requant_for(kGeluOutScale / head2_in, "selector head1 GELU");
  to.head2 = linear(from.head2, head2_in, {kSigmoidScale}, "selector head2");
  return to;
}

template <class Done>
network::QuantModel Quantizer::run(const Done& done) {
  network::QuantModel out;
  out.spec = model_.spec;
  out.bits = options_.bits;
  out.residual_bits = options_.residual_bits;
  out.delta1 = static_cast<uint16_t>(std::lround(options_.delta1 * 32768));
  out.delta2 = static_cast<uint16_t>(std::lround(options_.delta2 * 32768));
  const double top = options_.residual_bits == 16 ? 32767 : 127;
  residual_ = scale_of(ranges_, "residual") * top_of(8) * kResidualHeadroom / top;
  out.residual_scale = residual_;
  out.logit_scale = kLogitScale;
  embedding(out);
  network::FloatBlock own;
  for (int index = 1; index <= model_.spec.depth; ++index) {
    out.blocks.push_back(block(index, own));
    done(index);
  }
  const double head_in = scale("head.in");
  out.norm = norm(model_.norm, head_in);
  if (model_.spec.has_classifier())
    out.head = linear(model_.head, head_in, {kLogitScale}, "head");
  else
    out.logit_scale = head_in;  // what is pooled comes out as it is
  // logits = head + 0.5 x maximum of aux_head: the factor goes into the ratio.
  if (model_.spec.aux_head()) out.aux_head = linear(model_.aux_head, head_in, {2 * kLogitScale}, "aux_head");
  for (size_t stage = 0; stage < model_.selectors.size(); ++stage) out.selectors.push_back(selector(stage));
  return out;
}

}  // namespace

double scale_of(const network::Ranges& ranges, const std::string& tensor, int bits) {
  const auto found = ranges.find(tensor);
  if (found == ranges.end()) throw InputError("no calibrated range for tensor '" + tensor + "'");
  if (!std::isfinite(found->second) || found->second <= 0) {
    throw InputError("the calibrated range of tensor '" + tensor + "' must be a positive number");
  }
  return found->second * (bits == 16 ? kWideHeadroom : 1.0) / top_of(bits);
}

network::Requant requant_for(double ratio, const char* what) {
  constexpr int kMaxShift = 62;
  constexpr double kMaxMultiplier = 65535;
  if (!std::isfinite(ratio) || ratio < 0 || std::round(ratio * 2) > kMaxMultiplier) {
    throw InputError(std::string(what) + ": no requantisation for ratio " + std::to_string(ratio) +
                     " (0 to 32767.5 is possible); the calibrated ranges do not fit the weights");
  }
  // ratio = f 2^e with f in [0.5, 1), so f 2^16 just fits; where it rounds to 65536, one bit less does.
  int exponent = 0;
  if (ratio > 0) std::frexp(ratio, &exponent);
  int shift = ratio > 0 ? std::min(kMaxShift, 16 - exponent) : kMaxShift;
  if (std::round(std::ldexp(ratio, shift)) > kMaxMultiplier) --shift;
  return {static_cast<uint16_t>(std::round(std::ldexp(ratio, shift))), static_cast<uint8_t>(shift)};
}

network::QuantLayerNorm quantize_norm(const FloatNorm& norm, double ln_eps, double in_scale, double out_scale,
                                      int bits) {
  const double normalised = bits == 16 ? 16384 : 4096;  // Q14, Q12
  constexpr double kGammaTop = std::numeric_limits<int16_t>::max();
  constexpr double kBetaTop = std::numeric_limits<int32_t>::max();
  constexpr double kEpsilonTop = uint64_t{1} << 62;  // n V - S S + epsilon stays within 64 bits
  const double gamma = double{max_abs(norm.gamma.data(), norm.gamma.size())} / out_scale / normalised;
  const double beta = double{max_abs(norm.beta.data(), norm.beta.size())} / out_scale;
  int shift = 62;
  while (shift > 1 &&
         (std::round(std::ldexp(gamma, shift)) > kGammaTop || std::round(std::ldexp(beta, shift)) > kBetaTop)) {
    --shift;
  }
  network::QuantLayerNorm out;
  out.n = static_cast<int>(norm.gamma.size());
  out.shift = static_cast<uint8_t>(shift);
  const double n = out.n;
  out.epsilon = static_cast<uint64_t>(std::clamp(std::round(n * n * ln_eps / (in_scale * in_scale)), 1.0, kEpsilonTop));
  for (size_t i = 0; i < norm.gamma.size(); ++i) {
    isa::NormRecord record;
    record.gamma = to_int16(std::ldexp(norm.gamma[i] / out_scale / normalised, shift), kGammaTop);
    record.beta = to_int32(std::ldexp(norm.beta[i] / out_scale, shift));
    out.channels.push_back(record);
  }
  return out;
}

network::QuantLinear quantize_linear(const FloatLinear& linear, double in_scale, const std::vector<double>& out_scale,
                                     const char* what, const std::vector<float>& correction, int bits) {
  network::QuantLinear out;
  out.n = linear.n;
  out.k = linear.k;
  out.weight.resize(linear.weight.size());
  out.channels.resize(size_t(linear.n));
  const size_t rows_a_scale = size_t(linear.n) / out_scale.size();
  const size_t k = size_t(linear.k);
  const auto top = static_cast<float>(top_of(bits));
  const double bias_top = bits == 16 ? kWideBiasTop : kBiasTop;
  for (size_t row = 0; row < size_t(linear.n); ++row) {
    const float* from = linear.weight.data() + row * k;
    const double bias = double{linear.bias[row]} + (correction.empty() ? 0.0 : double{correction[row]});
    // A row of (almost) zeros takes the scale at which its bias still fits.
    double scale = std::max(double{max_abs(from, k)} / top, std::fabs(bias) / (in_scale * bias_top));
    if (scale <= 0) scale = 1.0;
    const float inverse = static_cast<float>(1.0 / scale);
    int16_t* to = out.weight.data() + row * k;
    for (size_t i = 0; i < k; ++i) {
      const float value = std::nearbyint(from[i] * inverse);
      to[i] = static_cast<int16_t>(static_cast<int>(std::min(std::max(value, -top), top)));
    }
    const network::Requant requant = requant_for(in_scale * scale / out_scale[row / rows_a_scale], what);
    out.channels[row] = channel_record(bias / (in_scale * scale), requant, bits);
  }
  return out;
}

void check_bits(int bits, int residual_bits) {
  if (bits != 8 && bits != 16) throw InputError("numerics.bits is " + std::to_string(bits) + ", allowed: 8, 16");
  if (bits == 16 && residual_bits != 16)
    throw InputError(
        "numerics.residual_bits = 8 is for 8-bit operands; numerics.bits = 16 has a 16-bit residual stream");
}

namespace {

void check_options(const QuantizeOptions& options) {
  if (options.residual_bits != 16 && options.residual_bits != 8) {
    throw InputError("numerics.residual_bits is " + std::to_string(options.residual_bits) + ", allowed: 16, 8");
  }
  check_bits(options.bits, options.residual_bits);
  for (const double delta : {options.delta1, options.delta2}) {
    if (!(delta >= 0 && delta <= 1)) throw InputError("delta is " + std::to_string(delta) + ", allowed: 0 to 1");
  }
}

}  // namespace

network::QuantModel build(const FloatModel& model, const network::Ranges& ranges, const QuantizeOptions& options,
                          const network::Corrections& corrections) {
  check_options(options);
  return Quantizer(model, ranges, options, corrections).run([](int) {});
}

network::QuantModel build(FloatModel&& model, const network::Ranges& ranges, const QuantizeOptions& options,
                          const network::Corrections& corrections) {
  check_options(options);
  FloatModel own = std::move(model);
  return Quantizer(own, ranges, options, corrections).run([&own](int index) {
    if (!own.read) own.blocks[size_t(index - 1)] = {};
  });
}

}  // namespace heatvit::quant
