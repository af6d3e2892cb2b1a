// Token selectors without training: random weights with a calibrated last bias (prepare.h).
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "models/quant/prepare.h"
#include "models/reference/float_executor.h"

namespace heatvit::quant {
namespace {

using network::FloatSelector;

// The spread of keep - drop over the tokens. Wide against the steps of int16 Q8, narrow against its range, and such
// that scores use [0, 1].
constexpr float kLogitSpread = 2.0F;

// What decides one token at one selector: keep - drop of each head, and the heads' weights.
struct TokenLogits {
  std::vector<float> difference, weight;

  float score(float bias) const {
    float sum = 0, weights = 0;
    for (size_t h = 0; h < weight.size(); ++h) {
      sum += weight[h] / (1.0F + std::exp(-(difference[h] + bias)));
      weights += weight[h];
    }
    return sum / weights;
  }
};

// The global half of mlp1 becomes the negative of the local half: the selector sees how a token differs from the mean
// of its image, so that about half of the tokens of *every* image stay, bright or dark, photograph or drawing.
void compare_with_mean(network::FloatLinear& mlp1) {
  const size_t half = size_t(mlp1.k) / 2;
  for (size_t row = 0; row < size_t(mlp1.n); ++row) {
    float* weight = mlp1.weight.data() + row * size_t(mlp1.k);
    for (size_t c = 0; c < half; ++c) weight[half + c] = -weight[c];
  }
}

// DynamicViT's global features are of channels of their own: those of the local ones once more, so that both compare.
void share_features(network::FloatLinear& local) {
  const size_t half = local.bias.size() / 2;
  std::copy_n(local.weight.begin(), local.weight.size() / 2,
              local.weight.begin() + std::ptrdiff_t(local.weight.size() / 2));
  std::copy_n(local.bias.begin(), half, local.bias.begin() + std::ptrdiff_t(half));
}

// Hidden units come in pairs (x, -x) that the next layer weighs with opposite signs: GELU(x) - GELU(-x) = x, so the
// keep logit has no even part, which would rise and fall with the contrast of the image.
void mirror_pairs(network::FloatLinear& layer, network::FloatLinear& next) {
  const size_t k = size_t(layer.k);
  for (size_t row = 1; row < size_t(layer.n); row += 2) {
    for (size_t i = 0; i < k; ++i) layer.weight[row * k + i] = -layer.weight[(row - 1) * k + i];
    layer.bias[row] = -layer.bias[row - 1];
  }
  const size_t columns = size_t(next.k);
  for (size_t row = 0; row < size_t(next.n); ++row) {
    for (size_t i = 1; i < columns; i += 2) next.weight[row * columns + i] = -next.weight[row * columns + i - 1];
  }
}

// Candidates of all images as they reach selector `stage` (from 0), with the selectors before it at work.
std::vector<TokenLogits> collect(const network::FloatModel& model, size_t stage,
                                 const std::vector<preprocess::Image>& images) {
  network::Pruning pruning;
  pruning.scorer = network::learned_scorer(model.selectors.front().dynamicvit());
  pruning.positions.assign(model.spec.selectors.begin(), model.spec.selectors.begin() + static_cast<int>(stage) + 1);
  reference::FloatOptions options;
  options.blocks = model.spec.selectors[stage] - 1;
  const reference::FloatExecutor executor(model, pruning, options);
  const std::string name = "selector." + std::to_string(stage + 1) + ".";
  const size_t heads = model.selectors.front().dynamicvit() ? 1 : size_t(model.spec.heads);
  std::vector<TokenLogits> tokens;
  for (const preprocess::Image& image : images) {
    std::vector<float> logits, weights;
    const reference::Observer observer = [&](const std::string& tensor, const float* data, size_t count) {
      if (tensor == name + "keep.out") logits.assign(data, data + count);
      if (tensor == name + "weight") weights.assign(data, data + count);
    };
    executor.run(image, 0, observer);
    // Row 0 is CLS; a package token, if there is one, is the last row: one row among many, not worth telling apart.
    for (size_t t = 1; t < weights.size() / heads; ++t) {
      TokenLogits token;
      for (size_t h = 0; h < heads; ++h) {
        token.difference.push_back(logits[2 * (t * heads + h)] - logits[2 * (t * heads + h) + 1]);
        token.weight.push_back(weights[t * heads + h]);
      }
      tokens.push_back(std::move(token));
    }
  }
  return tokens;
}

float deviation(const std::vector<TokenLogits>& tokens) {
  double sum = 0, squares = 0, count = 0;
  for (const TokenLogits& token : tokens) {
    for (const float value : token.difference) {
      sum += value;
      squares += static_cast<double>(value) * value;
      ++count;
    }
  }
  const double mean = sum / count;
  return static_cast<float>(std::sqrt(std::max(squares / count - mean * mean, 0.0)));
}

// The bias at which half of the tokens score 0.5 or more: scores rise with it, so halving the interval finds it.
float balancing_bias(const std::vector<TokenLogits>& tokens) {
  float low = -64, high = 64;
  for (int step = 0; step < 30; ++step) {
    const float middle = 0.5F * (low + high);
    const auto kept =
        std::count_if(tokens.begin(), tokens.end(), [&](const TokenLogits& t) { return t.score(middle) >= 0.5F; });
    (2 * static_cast<size_t>(kept) >= tokens.size() ? high : low) = middle;
  }
  return high;
}

}  // namespace

void add_random_selectors(network::FloatModel& model, uint32_t seed, const std::vector<preprocess::Image>& images,
                          bool dynamicvit) {
  const auto source = weights::open_weights("synthetic:" + std::to_string(seed));
  model.selectors = network::load_float_selectors(*source, model.spec, model.spec.selectors.size(), dynamicvit);
  for (size_t stage = 0; stage < model.selectors.size(); ++stage) {
    FloatSelector& selector = model.selectors[stage];
    if (dynamicvit) share_features(selector.local);
    compare_with_mean(selector.mlp1);
    mirror_pairs(selector.mlp2, selector.keep);
    mirror_pairs(selector.mlp1, selector.mlp2);
    std::vector<TokenLogits> tokens = collect(model, stage, images);
    const float factor = kLogitSpread / std::max(deviation(tokens), 1e-6F);
    for (float& weight : selector.keep.weight) weight *= factor;
    const float old_bias = selector.keep.bias[0] - selector.keep.bias[1];
    for (TokenLogits& token : tokens) {
      for (float& value : token.difference) value = (value - old_bias) * factor;
    }
    const float bias = balancing_bias(tokens);
    selector.keep.bias = {0.5F * bias, -0.5F * bias};
  }
}

}  // namespace heatvit::quant
