#include "models/reference/float_executor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "accel/isa/errors.h"
#include "models/reference/float_gemm.h"
#include "models/reference/float_math.h"
#include "models/reference/float_selector.h"

namespace heatvit::reference {
namespace {

struct PackedBlock {
  PackedLinear qkv, proj, fc1, fc2;
};

std::vector<float> normalise(const preprocess::Image& image, const zoo::ModelSpec& spec) {
  std::vector<float> out(image.pixels.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t c = i % 3;
    out[i] = (static_cast<float>(image.pixels[i]) / 255.0F - spec.mean[c]) / spec.deviation[c];
  }
  return out;
}

void check_pruning(const network::FloatModel& model, const network::Pruning& pruning) {
  if (!pruning.enabled()) return;
  int previous = 0;
  for (const int position : pruning.positions) {
    if (position <= previous || position > model.spec.depth) {
      throw InputError("token selectors must stand before rising blocks of 1.." + std::to_string(model.spec.depth));
    }
    previous = position;
  }
  if (!pruning.keep.empty() && pruning.keep.size() != pruning.positions.size()) {
    throw InputError("one number of kept tokens is needed for each of " + std::to_string(pruning.positions.size()) +
                     " selectors, got " + std::to_string(pruning.keep.size()));
  }
  if (pruning.learned() && model.selectors.size() < pruning.positions.size()) {
    throw InputError(std::string("scorer ") + (pruning.dynamicvit() ? "dynamicvit" : "heatvit") +
                     " needs selector weights (--selector-weights FILE or random:SEED)");
  }
  if (pruning.learned()) network::expect_weights_of(pruning, model.selectors.front().dynamicvit());
  network::expect_scorer(model.spec, pruning);
  if (pruning.scorer == network::Scorer::kClsAttention && pruning.positions.front() < 2) {
    throw InputError("scorer cls-attention needs a block before the first selector");
  }
}

}  // namespace

namespace {

void pack(const network::FloatBlock& block, PackedBlock& to) {
  to.qkv.assign(block.qkv);
  to.proj.assign(block.proj);
  to.fc1.assign(block.fc1);
  to.fc2.assign(block.fc2);
}

}  // namespace

struct FloatExecutor::Packed {
  std::vector<PackedLinear> stem;
  PackedLinear embed, head, aux_head;
  std::vector<PackedBlock> blocks;
  std::vector<PackedSelector> selectors;

  /// Of the blocks, where `all` says so.
  Packed(const network::FloatModel& model, bool all)
      : embed(model.embed.linear), head(model.head), aux_head(model.aux_head) {
    for (const network::FloatConv& conv : model.stem) stem.emplace_back(conv.linear);
    network::FloatBlock own;
    if (all) blocks.resize(size_t(model.spec.depth));
    for (int i = 0; size_t(i) < blocks.size(); ++i) pack(model.block(i, own), blocks[size_t(i)]);
    for (const network::FloatSelector& selector : model.selectors) selectors.emplace_back(selector);
  }
};

// One image on its way through the network.
class FloatExecutor::Run {
 public:
  Run(const FloatExecutor& executor, uint32_t seed, const Observer& observer)
      : model_(executor.model_),
        packed_(*executor.packed_),
        pruning_(executor.pruning_),
        options_(executor.options_),
        seed_(seed),
        observer_(observer) {}

  void begin(const preprocess::Image& image) { embed(image); }

  /// A block, and the selector before or inside it. False: that was the last one asked for, or would have been.
  bool step(int block, const network::FloatBlock& weights, const PackedBlock& matrices) {
    if (pruning_.before(block)) select(block);
    if (options_.blocks >= 0 && block > options_.blocks) return false;
    result_.tokens.push_back(state_.tokens());
    attention(block, weights, matrices);
    if (pruning_.inside(block)) select(block);
    mlp(block, weights, matrices);
    return true;
  }

  void end() { classify(); }
  FloatResult result() { return std::move(result_); }

 private:
  void observe(const std::string& name, const std::vector<float>& tensor) const {
    if (observer_) observer_(name, tensor.data(), tensor.size());
  }
  void embed(const preprocess::Image& image);
  void select(int block);
  void attention(int block, const network::FloatBlock& weights, const PackedBlock& packed);
  void attend_head(const std::vector<float>& qkv, int head, std::vector<float>& out);
  void mlp(int block, const network::FloatBlock& weights, const PackedBlock& packed);
  void add_branch();
  std::vector<float> mean_of_patches(const std::vector<float>& rows) const;
  void classify();

  const network::FloatModel& model_;
  const Packed& packed_;
  const network::Pruning& pruning_;
  const FloatOptions& options_;
  const uint32_t seed_;
  const Observer& observer_;
  TokenState state_;
  std::vector<float> wide_, branch_;  // Q, K, V or the MLP's hidden values; what is added to the stream
  std::vector<float> keys_;           // of the last block, for merging
  std::vector<float> cls_attention_;  // of the last block, summed over its heads: one score a token
  FloatResult result_;
};

void FloatExecutor::Run::embed(const preprocess::Image& image) {
  std::vector<float> pixels = normalise(image, model_.spec);
  for (size_t i = 0; i < model_.stem.size(); ++i) {
    const network::FloatConv& conv = model_.stem[i];
    pixels = packed_.stem[i].run(conv.out_size * conv.out_size, im2col(pixels, conv));
    for (float& value : pixels) value = std::max(value, 0.0F);
    observe(i + 1 < model_.stem.size() ? "stem." + std::to_string(i + 2) + ".in" : "embed.in", pixels);
  }
  const std::vector<float> patches = packed_.embed.run(model_.spec.patches(), im2col(pixels, model_.embed));
  state_.dim = model_.spec.dim;
  state_.front = model_.spec.front_tokens();
  state_.patches.resize(size_t(model_.spec.patches()));
  std::iota(state_.patches.begin(), state_.patches.end(), 0);
  state_.x = model_.front;
  state_.x.reserve(state_.x.size() + patches.size());
  for (size_t i = 0; i < patches.size(); ++i) state_.x.push_back(patches[i] + model_.position[i]);
  state_.sizes.assign(size_t(state_.tokens()), 1.0F);
  observe("residual", state_.x);
}

void FloatExecutor::Run::select(int block) {
  const auto found = std::find(pruning_.positions.begin(), pruning_.positions.end(), block);
  const size_t stage = size_t(found - pruning_.positions.begin());
  if (pruning_.tome()) {
    merge(state_, keys_, pruning_.keep[stage]);
    result_.kept.push_back(state_.patches);
    return observe("residual", state_.x);
  }
  std::vector<float> scores;
  if (pruning_.learned()) {
    const std::string name = "selector." + std::to_string(stage + 1) + ".";
    scores = selector_scores(packed_.selectors[stage], state_, model_.spec, options_, name, observer_);
  } else if (pruning_.scorer == network::Scorer::kRandom) {
    scores = random_scores(seed_, static_cast<uint32_t>(stage + 1), state_.tokens());
  } else {
    scores = cls_attention_;
  }
  // The attention is summed over the heads.
  const float divisor = pruning_.evit() ? static_cast<float>(model_.spec.heads) : 0.0F;
  prune(state_, scores, pruning_.keep.empty() ? -1 : pruning_.keep[stage], divisor,
        model_.spec.patches() + static_cast<int>(stage) - 1, pruning_.package);
  result_.kept.push_back(state_.patches);
  observe("residual", state_.x);
}

// q, k and v of one head lie in the columns of qkv (tokens x 3D).
void FloatExecutor::Run::attend_head(const std::vector<float>& qkv, int head, std::vector<float>& out) {
  const int tokens = state_.tokens();
  const int dim = model_.spec.dim;
  const int d = model_.spec.head_dim();
  const float* q = qkv.data() + head * d;
  std::vector<float> scores(size_t(tokens) * size_t(tokens));
  sgemm(tokens, q, 3 * dim, pack_rows_n(q + dim, tokens, d, 3 * dim), nullptr, scores.data(), tokens);
  const float scale = 1.0F / std::sqrt(static_cast<float>(d));
  for (float& score : scores) score *= scale;
  for (int t = 0; t < tokens; ++t) {
    softmax(scores.data() + size_t(t) * size_t(tokens), tokens, options_.polynomial, options_.delta2,
            pruning_.tome() ? state_.sizes.data() : nullptr);
  }
  for (size_t t = 0; t < size_t(tokens); ++t) cls_attention_[t] += scores[t];
  sgemm(tokens, scores.data(), tokens, pack_rows_k(q + 2 * dim, tokens, d, 3 * dim), nullptr, out.data() + head * d,
        dim);
}

void FloatExecutor::Run::attention(int block, const network::FloatBlock& weights, const PackedBlock& packed) {
  const std::string name = "block." + std::to_string(block) + ".";
  const int tokens = state_.tokens();
  const size_t dim = size_t(model_.spec.dim);
  const std::vector<float> normed = layer_norm(state_.x.data(), tokens, state_.dim, weights.norm1, model_.spec.ln_eps);
  observe(name + "qkv.in", normed);
  packed.qkv.run(tokens, normed, wide_);
  const std::vector<float>& qkv = wide_;
  if (observer_) {
    std::vector<float> part(size_t(tokens) * dim);
    const char* const parts[] = {"q", "k", "v"};
    for (size_t p = 0; p < 3; ++p) {
      for (size_t t = 0; t < size_t(tokens); ++t) std::copy_n(&qkv[(3 * t + p) * dim], dim, &part[t * dim]);
      observe(name + parts[p], part);
    }
  }
  if (pruning_.tome()) {
    keys_.resize(size_t(tokens) * dim);
    for (size_t t = 0; t < size_t(tokens); ++t) std::copy_n(&qkv[(3 * t + 1) * dim], dim, &keys_[t * dim]);
  }
  cls_attention_.assign(size_t(tokens), 0.0F);
  std::vector<float> out(size_t(tokens) * dim);
  for (int head = 0; head < model_.spec.heads; ++head) attend_head(qkv, head, out);
  observe(name + "proj.in", out);
  packed.proj.run(tokens, out, branch_);
  add_branch();
}

void FloatExecutor::Run::mlp(int block, const network::FloatBlock& weights, const PackedBlock& packed) {
  const std::string name = "block." + std::to_string(block) + ".";
  const int tokens = state_.tokens();
  const std::vector<float> normed = layer_norm(state_.x.data(), tokens, state_.dim, weights.norm2, model_.spec.ln_eps);
  observe(name + "fc1.in", normed);
  packed.fc1.run(tokens, normed, wide_);
  std::vector<float>& hidden = wide_;
  observe(name + "fc1.out", hidden);
  if (model_.spec.activation == zoo::Activation::kSilu)
    silu(hidden.data(), hidden.size(), options_);
  else
    gelu(hidden.data(), hidden.size(), options_);
  observe(name + "fc2.in", hidden);
  packed.fc2.run(tokens, hidden, branch_);
  add_branch();
}

void FloatExecutor::Run::add_branch() {
  const float factor = static_cast<float>(1.0 / model_.spec.residual_divisor);
  for (size_t i = 0; i < branch_.size(); ++i) state_.x[i] += branch_[i] * factor;
  observe("residual", state_.x);
}

// The mean over the patch tokens of rows like those of the stream.
std::vector<float> FloatExecutor::Run::mean_of_patches(const std::vector<float>& rows) const {
  const size_t dim = size_t(model_.spec.dim), count = state_.patches.size();
  std::vector<float> mean(dim, 0.0F);
  const size_t first = size_t(state_.front) * dim;
  for (size_t i = 0; i < count * dim; ++i) mean[i % dim] += rows[first + i];
  for (float& value : mean) value /= static_cast<float>(std::max<size_t>(count, 1));
  return mean;
}

void FloatExecutor::Run::classify() {
  const bool both = model_.spec.pooling == zoo::Pooling::kClassMean;
  if (model_.spec.pooling == zoo::Pooling::kMean) state_.x = mean_of_patches(state_.x);
  const int rows = model_.spec.aux_head() || both ? state_.tokens() : model_.spec.two_heads() ? 2 : 1;
  std::vector<float> normed = layer_norm(state_.x.data(), rows, state_.dim, model_.norm, model_.spec.ln_eps);
  observe("head.in", normed);
  if (both) {
    const std::vector<float> mean = mean_of_patches(normed);
    normed.resize(size_t(state_.dim));
    normed.insert(normed.end(), mean.begin(), mean.end());
  }
  if (!model_.spec.has_classifier()) {
    result_.logits = std::move(normed);
    return;
  }
  result_.logits = packed_.head.run(1, normed);
  if (!model_.spec.aux_head()) return;
  normed.erase(normed.begin(), normed.begin() + state_.dim);
  const std::vector<float> aux = packed_.aux_head.run(rows - 1, normed);
  for (size_t c = 0; c < result_.logits.size(); ++c) {
    float top = aux[c];
    for (size_t r = 1; r < size_t(rows - 1); ++r) top = std::max(top, aux[r * result_.logits.size() + c]);
    result_.logits[c] += 0.5F * top;
  }
}

FloatExecutor::FloatExecutor(const network::FloatModel& model, network::Pruning pruning, FloatOptions options)
    : model_(model), pruning_(std::move(pruning)), options_(options) {
  check_pruning(model_, pruning_);
  packed_ = std::make_unique<const Packed>(model_, options_.pack);
}

FloatExecutor::~FloatExecutor() = default;

void FloatExecutor::expect_size(const preprocess::Image& image) const {
  if (image.pixels.size() == model_.spec.image_bytes()) return;
  const std::string side = std::to_string(model_.spec.image_size);
  throw InputError("an image must have " + side + " x " + side + " x 3 bytes");
}

/// All of them through each block in turn; how many blocks they went through is the same for all.
void FloatExecutor::pass(const std::vector<Run*>& runs) const {
  network::FloatBlock own;
  PackedBlock once;
  for (int block = 1; block <= model_.spec.depth; ++block) {
    const network::FloatBlock& weights = model_.block(block - 1, own);
    if (!options_.pack) pack(weights, once);
    const PackedBlock& matrices = options_.pack ? packed_->blocks[size_t(block - 1)] : once;
    bool more = true;
    for (Run* run : runs) more = run->step(block, weights, matrices) && more;
    if (!more) return;
  }
  for (Run* run : runs) run->end();
}

FloatResult FloatExecutor::run(const preprocess::Image& image, uint32_t seed, const Observer& observer) const {
  expect_size(image);
  Run run(*this, seed, observer);
  run.begin(image);
  pass({&run});
  return run.result();
}

void FloatExecutor::run_together(const std::vector<preprocess::Image>& images, const Observer& observer) const {
  std::vector<std::unique_ptr<Run>> owned;
  std::vector<Run*> runs;
  for (const preprocess::Image& image : images) {
    expect_size(image);
    owned.push_back(std::make_unique<Run>(*this, 0, observer));
    owned.back()->begin(image);
    runs.push_back(owned.back().get());
  }
  pass(runs);
}

}  // namespace heatvit::reference
