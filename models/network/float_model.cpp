#include "models/network/float_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "accel/isa/errors.h"
#include "models/network/fit.h"

namespace heatvit::network {
namespace {

using weights::Shape;
using weights::WeightSource;

// PyTorch's default, which LV-ViT's stem uses.
constexpr float kBatchNormEpsilon = 1e-5F;

void read_linear(const WeightSource& source, const std::string& name, int n, int k, bool bias, FloatLinear& linear) {
  linear.n = n;
  linear.k = k;
  source.read_into(name + ".weight", {n, k}, linear.weight);
  linear.bias = bias ? source.read(name + ".bias", {n}) : std::vector<float>(size_t(n), 0.0F);
}

FloatLinear read_linear(const WeightSource& source, const std::string& name, int n, int k) {
  FloatLinear linear;
  read_linear(source, name, n, k, true, linear);
  return linear;
}

FloatNorm read_norm(const WeightSource& source, const std::string& name, int n) {
  return {source.read(name + ".weight", {n}), source.read(name + ".bias", {n})};
}

// PyTorch's (n, c, ky, kx) to (n, ky, kx, c): the column order of an HWC tensor.
std::vector<float> channels_last(const std::vector<float>& weight, int n, int channels, int kernel) {
  const size_t area = size_t(kernel) * size_t(kernel);
  const size_t depth = size_t(channels);
  std::vector<float> out(weight.size());
  for (size_t row = 0; row < size_t(n); ++row) {
    const float* from = weight.data() + row * depth * area;
    float* to = out.data() + row * depth * area;
    for (size_t c = 0; c < depth; ++c) {
      for (size_t i = 0; i < area; ++i) to[i * depth + c] = from[c * area + i];
    }
  }
  return out;
}

struct ConvShape {
  int in_size, channels, kernel, stride, pad;
};

FloatConv read_conv(const WeightSource& source, const std::string& name, int n, ConvShape shape, bool bias) {
  FloatConv conv;
  conv.in_size = shape.in_size;
  conv.channels = shape.channels;
  conv.kernel = shape.kernel;
  conv.stride = shape.stride;
  conv.pad = shape.pad;
  conv.out_size = (shape.in_size + 2 * shape.pad - shape.kernel) / shape.stride + 1;
  conv.linear.n = n;
  conv.linear.k = shape.kernel * shape.kernel * shape.channels;
  const Shape tensor{n, shape.channels, shape.kernel, shape.kernel};
  conv.linear.weight = channels_last(source.read(name + ".weight", tensor), n, shape.channels, shape.kernel);
  conv.linear.bias = bias ? source.read(name + ".bias", {n}) : std::vector<float>(size_t(n), 0.0F);
  return conv;
}

// y = (conv(x) - mean) / sqrt(var + eps) * gamma + beta, as one convolution.
void fold_batch_norm(FloatLinear& linear, const WeightSource& source, const std::string& name) {
  const FloatNorm norm = read_norm(source, name, linear.n);
  const std::vector<float> mean = source.read(name + ".running_mean", {linear.n});
  const std::vector<float> variance = source.read(name + ".running_var", {linear.n});
  for (size_t row = 0; row < size_t(linear.n); ++row) {
    if (variance[row] < 0) {
      throw InputError(source.describe() + ": " + name + ".running_var holds a negative value");
    }
    const float factor = norm.gamma[row] / std::sqrt(variance[row] + kBatchNormEpsilon);
    float* weight = linear.weight.data() + row * size_t(linear.k);
    for (int i = 0; i < linear.k; ++i) weight[i] *= factor;
    linear.bias[row] = (linear.bias[row] - mean[row]) * factor + norm.beta[row];
  }
}

// Tokens in front, and the positions of them and of the patches.
void read_tokens(FloatModel& model, const WeightSource& source) {
  const zoo::ModelSpec& spec = model.spec;
  const auto append = [&](const char* name, int count) {
    if (count == 0) return;
    const std::vector<float> tokens = source.read(name, {1, count, spec.dim});
    model.front.insert(model.front.end(), tokens.begin(), tokens.end());
  };
  append("cls_token", spec.class_token ? 1 : 0);
  append("dist_token", spec.distillation_token ? 1 : 0);
  append("reg_token", spec.registers);
  const Positions position = read_positions(source, spec);
  const auto patches = static_cast<std::ptrdiff_t>(position.front) * spec.dim;
  for (size_t i = 0; i < static_cast<size_t>(patches); ++i) model.front[i] += position.rows[i];
  model.position.assign(position.rows.begin() + patches, position.rows.end());
}

void read_embedding(FloatModel& model, const WeightSource& source) {
  const int dim = model.spec.dim;
  int side = model.spec.image_size, channels = 3;
  for (const zoo::StemConv& conv : model.spec.stem) {
    const std::string number = std::to_string(model.stem.size() + 1);
    model.stem.push_back(read_conv(source, "patch_embed.conv" + number, conv.channels,
                                   {side, channels, conv.kernel, conv.stride, conv.pad}, false));
    fold_batch_norm(model.stem.back().linear, source, "patch_embed.bn" + number);
    side = zoo::conv_out(side, conv);
    channels = conv.channels;
  }
  const int kernel = model.spec.projection_kernel();
  model.embed = read_conv(source, "patch_embed.proj", dim, {side, channels, kernel, kernel, 0}, true);
  read_tokens(model, source);
}

// y = gamma * (W x + b) is one linear layer; in double, so that a float comes out as exact as it can be.
void fold_layer_scale(FloatLinear& linear, const WeightSource& source, const std::string& name) {
  const std::vector<float> gamma = source.read(name, {linear.n});
  for (size_t row = 0; row < size_t(linear.n); ++row) {
    const double factor = gamma[row];
    float* weight = linear.weight.data() + row * size_t(linear.k);
    for (int i = 0; i < linear.k; ++i) weight[i] = static_cast<float>(weight[i] * factor);
    linear.bias[row] = static_cast<float>(linear.bias[row] * factor);
  }
}

// (W x + b + V y + c) / 2 as one layer over [x | y].
FloatLinear mean_of(const FloatLinear& x, const FloatLinear& y) {
  FloatLinear both{x.n, x.k + y.k, {}, {}};
  for (size_t row = 0; row < size_t(x.n); ++row) {
    for (const FloatLinear* part : {&x, &y}) {
      const float* weight = part->weight.data() + row * size_t(part->k);
      for (int i = 0; i < part->k; ++i) both.weight.push_back(0.5F * weight[i]);
    }
    both.bias.push_back(0.5F * (x.bias[row] + y.bias[row]));
  }
  return both;
}

void read_block(const WeightSource& source, const zoo::ModelSpec& spec, int index, FloatBlock& block) {
  const std::string name = "blocks." + std::to_string(index) + ".";
  block.norm1 = read_norm(source, name + "norm1", spec.dim);
  read_linear(source, name + "attn.qkv", 3 * spec.dim, spec.dim, spec.qkv_bias, block.qkv);
  read_linear(source, name + "attn.proj", spec.dim, spec.dim, true, block.proj);
  block.norm2 = read_norm(source, name + "norm2", spec.dim);
  read_linear(source, name + "mlp.fc1", spec.mlp_hidden, spec.dim, true, block.fc1);
  read_linear(source, name + "mlp.fc2", spec.dim, spec.mlp_hidden, true, block.fc2);
  if (spec.layer_scale) {
    fold_layer_scale(block.proj, source, name + "ls1.gamma");
    fold_layer_scale(block.fc2, source, name + "ls2.gamma");
  }
}

}  // namespace

namespace {

FloatModel load(const WeightSource& source, const zoo::ModelSpec& spec, bool blocks) {
  source.expect_known();
  FloatModel model;
  model.spec = spec;
  read_embedding(model, source);
  if (blocks) model.blocks.resize(size_t(spec.depth));
  for (int index = 0; size_t(index) < model.blocks.size(); ++index)
    read_block(source, spec, index, model.blocks[size_t(index)]);
  model.norm = read_norm(source, spec.pooling == zoo::Pooling::kMean ? "fc_norm" : "norm", spec.dim);
  if (spec.has_classifier())
    model.head = read_linear(source, "head", spec.classes, spec.two_heads() ? spec.dim : spec.head_inputs());
  if (spec.two_heads()) model.head = mean_of(model.head, read_linear(source, "head_dist", spec.classes, spec.dim));
  if (spec.aux_head()) model.aux_head = read_linear(source, "aux_head", spec.classes, spec.dim);
  if (blocks) source.expect_all_read();
  return model;
}

}  // namespace

FloatModel load_float_model(const WeightSource& source, const zoo::ModelSpec& spec) { return load(source, spec, true); }

FloatModel open_float_model(std::shared_ptr<const WeightSource> source, const zoo::ModelSpec& spec) {
  FloatModel model = load(*source, spec, false);
  model.read = [source, spec](int index, FloatBlock& into) { read_block(*source, spec, index, into); };
  return model;
}

std::vector<FloatSelector> load_float_selectors(const WeightSource& source, const zoo::ModelSpec& spec, size_t count,
                                                bool dynamicvit) {
  const int d = dynamicvit ? spec.dim : spec.head_dim();
  const int hidden = std::max(1, spec.heads / 2);
  std::vector<FloatSelector> selectors;
  for (size_t stage = 0; stage < count; ++stage) {
    const std::string name = "selectors." + std::to_string(stage) + ".";
    FloatSelector selector;
    selector.norm = read_norm(source, name + "norm", d);
    selector.local = read_linear(source, name + "local", dynamicvit ? d : d / 2, d);
    selector.mlp1 = read_linear(source, name + "mlp1", d / 2, d);
    selector.mlp2 = read_linear(source, name + "mlp2", d / 4, d / 2);
    selector.keep = read_linear(source, name + "keep", 2, d / 4);
    if (!dynamicvit) {
      selector.head1 = read_linear(source, name + "head1", hidden, spec.heads);
      selector.head2 = read_linear(source, name + "head2", spec.heads, hidden);
    }
    selectors.push_back(std::move(selector));
  }
  return selectors;
}

}  // namespace heatvit::network
