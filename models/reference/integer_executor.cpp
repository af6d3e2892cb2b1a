#include "models/reference/integer_executor.h"

#include <algorithm>
#include <utility>

#include "accel/isa/errors.h"
#include "models/reference/integer_merging.h"
#include "models/reference/integer_selector.h"
#include "models/reference/integer_tensor.h"

namespace heatvit::reference {
namespace {

// One image on its way through the network. A: type of activations, P: of attention probabilities.
template <typename A, typename P>
class Pass {
 public:
  Pass(const network::QuantModel& model, const network::Pruning& pruning, uint32_t seed, bool checkpoints)
      : model_(model), pruning_(pruning), seed_(seed), checkpoints_(checkpoints) {}

  IntegerResult run(const std::vector<int8_t>& image) {
    embed(image);
    size_t stage = 0;
    for (int block = 1; block <= model_.spec.depth; ++block) {
      if (pruning_.before(block)) select(++stage);
      result_.tokens.push_back(x_.rows);
      checkpoint("block." + std::to_string(block) + ".in");
      attention(model_.blocks[static_cast<size_t>(block - 1)], pruning_.ranks_by_attention_of(block));
      if (pruning_.inside(block) && pruning_.tome()) merge(++stage);
      if (pruning_.inside(block) && pruning_.evit()) select(++stage);
      mlp(model_.blocks[static_cast<size_t>(block - 1)]);
      checkpoint("block." + std::to_string(block) + ".out");
    }
    classify();
    return std::move(result_);
  }

 private:
  uint64_t& macs() { return result_.macs; }
  int front() const { return model_.spec.front_tokens(); }

  void checkpoint(std::string name, std::vector<uint32_t> scores = {}) {
    if (checkpoints_) result_.checkpoints.push_back({std::move(name), x_.rows, x_.data, std::move(scores)});
  }

  void embed(const std::vector<int8_t>& image);
  void attention(const network::QuantBlock& block, bool score_by_cls);
  Matrix<A> attend_head(const network::QuantBlock& block, const Matrix<A>& qkv, int head, bool score_by_cls);
  void mlp(const network::QuantBlock& block);
  void select(size_t stage);
  void merge(size_t stage);
  std::vector<uint32_t> scores_at(size_t stage);
  void classify();

  const network::QuantModel& model_;
  const network::Pruning& pruning_;
  const uint32_t seed_;
  const bool checkpoints_;

  Matrix<int16_t> x_;         // the residual stream: front (CLS), patches, package token if any
  std::vector<int> patches_;  // patch index of the rows behind the front
  bool has_package_ = false;
  std::vector<int> sizes_;            // of merging: how many tokens a row stands for
  Matrix<A> keys_;                    // of merging: K of the last block, heads side by side
  std::vector<uint32_t> cls_scores_;  // CLS attention of the last block that was asked for it, one a token
  IntegerResult result_;
};

// The embedding convolves non-overlapping squares of the image or of the stem's last map.
ConvGeometry embedding_geometry(const zoo::ModelSpec& spec) {
  ConvGeometry g;
  g.in_size = spec.map_size();
  g.channels = spec.map_channels();
  g.out_size = spec.patch_grid;
  g.kernel = g.stride = g.in_size / spec.patch_grid;
  return g;
}

template <typename A, typename P>
void Pass<A, P>::embed(const std::vector<int8_t>& image) {
  std::vector<A> map(image.begin(), image.end());
  for (const network::QuantConv& conv : model_.stem) {
    const ConvGeometry g{conv.in_size, conv.out_size, conv.channels, conv.kernel, conv.stride, conv.pad};
    map = with_relu<A>(linear(im2col(map, g), conv.linear, macs())).data;
  }
  const Matrix<int64_t> q = linear(im2col(map, embedding_geometry(model_.spec)), model_.embed, macs());
  Matrix<int16_t> position(model_.spec.patches(), model_.spec.dim);
  position.data = model_.position;
  const Matrix<int16_t> patches = with_residual(q, position, model_.residual_bits);

  x_ = Matrix<int16_t>(model_.spec.max_tokens(), model_.spec.dim);
  std::copy(model_.front.begin(), model_.front.end(), x_.data.begin());
  std::copy(patches.data.begin(), patches.data.end(), x_.row(front()));
  for (int p = 0; p < model_.spec.patches(); ++p) patches_.push_back(p);
  sizes_.assign(static_cast<size_t>(x_.rows), 1);
}

template <typename A, typename P>
void Pass<A, P>::attention(const network::QuantBlock& block, bool score_by_cls) {
  const int heads = model_.spec.heads;
  const Matrix<A> qkv = saturated<A>(linear(layer_norm<A>(x_, block.norm1), block.qkv, macs()));
  if (pruning_.tome()) keys_ = columns(qkv, x_.cols, x_.cols);
  if (score_by_cls) cls_scores_.assign(static_cast<size_t>(x_.rows), 0);
  Matrix<A> attended(x_.rows, x_.cols);  // heads side by side
  for (int head = 0; head < heads; ++head) {
    const Matrix<A> out = attend_head(block, qkv, head, score_by_cls);
    for (int t = 0; t < out.rows; ++t) std::copy_n(out.row(t), out.cols, attended.row(t) + head * out.cols);
  }
  x_ = with_residual(linear(attended, block.proj, macs()), x_, model_.residual_bits);
}

// One head: softmax(Q K^T) V. qkv: T x 3D, columns Q, K, V, heads contiguous within each.
template <typename A, typename P>
Matrix<A> Pass<A, P>::attend_head(const network::QuantBlock& block, const Matrix<A>& qkv, int head, bool score_by_cls) {
  const int dim = model_.spec.dim;
  const int d = model_.spec.head_dim();
  const Matrix<A> q = columns(qkv, head * d, d);
  const Matrix<A> k = columns(qkv, dim + head * d, d);
  const Matrix<A> v = columns(qkv, 2 * dim + head * d, d);

  const auto sums = product(q, k, macs());
  Matrix<int16_t> scores(sums.rows, sums.cols);
  std::transform(sums.data.begin(), sums.data.end(), scores.data.begin(), [&](int64_t sum) {
    return saturate<int16_t>(requantise(sum, block.scores.multiplier, block.scores.shift));
  });
  Matrix<P> probabilities(scores.rows, scores.cols);
  for (int t = 0; t < scores.rows; ++t) {
    // All sizes are 1 where nothing is merged.
    softmax(scores.row(t), scores.cols, model_.delta2, probabilities.row(t), pruning_.tome() ? sizes_.data() : nullptr);
  }
  if (score_by_cls) {
    std::vector<uint16_t> fine(static_cast<size_t>(scores.cols));
    softmax(scores.row(0), scores.cols, model_.delta2, fine.data());
    for (size_t t = 0; t < fine.size(); ++t) cls_scores_[t] += fine[t];
  }

  const auto mixed = product(probabilities, transpose(v), macs());
  Matrix<A> out(mixed.rows, mixed.cols);
  std::transform(mixed.data.begin(), mixed.data.end(), out.data.begin(), [&](int64_t sum) {
    return saturate<A>(requantise(sum, block.attend.multiplier, block.attend.shift));
  });
  return out;
}

template <typename A, typename P>
void Pass<A, P>::mlp(const network::QuantBlock& block) {
  const Matrix<int64_t> q = linear(layer_norm<A>(x_, block.norm2), block.fc1, macs());
  const Matrix<A> hidden = model_.spec.activation == zoo::Activation::kSilu
                               ? with_silu<A>(q, block.gelu)
                               : with_gelu<A>(q, model_.delta1, block.gelu);
  x_ = with_residual(linear(hidden, block.fc2, macs()), x_, model_.residual_bits);
}

template <typename A, typename P>
std::vector<uint32_t> Pass<A, P>::scores_at(size_t stage) {
  switch (pruning_.scorer) {
    case network::Scorer::kDynamicVit:
    case network::Scorer::kHeatvit:
      return heatvit_scores<A>(x_, has_package_, model_.selectors[stage - 1], model_.spec.heads, model_.delta1, macs(),
                               front());
    case network::Scorer::kEvit:
    case network::Scorer::kClsAttention: return cls_scores_;
    case network::Scorer::kRandom: return random_scores(x_.rows, static_cast<int>(stage), seed_);
    case network::Scorer::kTome:  // merge()
    case network::Scorer::kGiven:
    case network::Scorer::kNone: break;
  }
  return {};
}

template <typename A, typename P>
void Pass<A, P>::select(size_t stage) {
  const std::string name = "selector." + std::to_string(stage);
  checkpoint(name + ".in");
  // EViT's fused token is a token like others from then on; its number comes behind those of the patches.
  if (pruning_.evit() && has_package_) patches_.push_back(model_.spec.patches() + static_cast<int>(stage) - 2);
  const std::vector<uint32_t> scores = scores_at(stage);
  const int candidates = static_cast<int>(patches_.size());
  const std::vector<int> rows = pruning_.keep.empty()
                                    ? select_threshold(scores, candidates, kKeepThreshold, front())
                                    : select_best(scores, candidates, pruning_.keep[stage - 1], front());
  x_ = pack_tokens(x_, scores, rows, front(), pruning_.evit() ? network::evit_divisor(model_.spec.heads) : 0,
                   model_.residual_bits, pruning_.package);
  std::vector<int> kept;
  for (int row : rows) kept.push_back(patches_[static_cast<size_t>(row - front())]);
  patches_ = kept;
  has_package_ = x_.rows > front() + static_cast<int>(kept.size());
  result_.kept.push_back(std::move(kept));
  checkpoint(name + ".out", scores);
}

// Half of the candidates at most go into their most similar partners of the other half.
template <typename A, typename P>
void Pass<A, P>::merge(size_t stage) {
  const std::string name = "selector." + std::to_string(stage);
  checkpoint(name + ".in");
  const int candidates = static_cast<int>(patches_.size()), keep = pruning_.keep[stage - 1];
  Matches matches;
  if (keep < candidates) {
    matches = match_tokens(keys_, front(), macs());
    const std::vector<int> rows = select_best(matches.scores, candidates, keep, front());
    x_ = merge_tokens(x_, rows, matches.partners, front(), sizes_);
    std::vector<int> kept;
    for (int row : rows) kept.push_back(patches_[static_cast<size_t>(row - front())]);
    patches_ = std::move(kept);
  }
  result_.kept.push_back(patches_);
  checkpoint(name + ".out", matches.scores);
}

// Each column's mean over the rows [first, first + count), rounded as section 8 rounds the selector's.
template <typename T>
Matrix<T> mean_of_rows(const Matrix<T>& x, int first, int count) {
  Matrix<T> mean(1, x.cols);
  for (int c = 0; c < x.cols; ++c) {
    int64_t sum = 0;
    for (int t = first; t < first + count; ++t) sum += x.row(t)[c];
    mean.row(0)[c] = count == 0 ? T{0} : static_cast<T>(div_round(sum, count));
  }
  return mean;
}

template <typename A, typename P>
void Pass<A, P>::classify() {
  if (model_.spec.pooling == zoo::Pooling::kMean) x_ = mean_of_rows(x_, front(), static_cast<int>(patches_.size()));
  const Matrix<A> normalised = layer_norm<A>(x_, model_.norm);
  Matrix<A> cls(1, model_.spec.head_inputs());  // of two heads class and distillation token, side by side
  if (model_.spec.pooling == zoo::Pooling::kClassMean) {
    const Matrix<A> mean = mean_of_rows(normalised, front(), static_cast<int>(patches_.size()));
    std::copy_n(normalised.row(0), normalised.cols, cls.row(0));
    std::copy_n(mean.row(0), mean.cols, cls.row(0) + normalised.cols);
  } else {
    std::copy_n(normalised.data.begin(), cls.data.size(), cls.data.begin());
  }
  if (!model_.spec.has_classifier()) {
    result_.logits.assign(cls.data.begin(), cls.data.end());
    return;
  }
  result_.logits = saturated<int32_t>(linear(cls, model_.head, macs())).data;
  if (model_.aux_head.n == 0 || x_.rows < 2) return;

  Matrix<A> others(normalised.rows - 1, normalised.cols);
  std::copy_n(normalised.row(1), others.data.size(), others.row(0));
  const Matrix<int32_t> aux = saturated<int32_t>(linear(others, model_.aux_head, macs()));
  for (int c = 0; c < aux.cols; ++c) {
    int32_t largest = aux.row(0)[c];
    for (int t = 1; t < aux.rows; ++t) largest = std::max(largest, aux.row(t)[c]);
    int32_t& logit = result_.logits[static_cast<size_t>(c)];
    logit = saturate<int32_t>(int64_t{logit} + largest);
  }
}

void check_positions(const network::QuantModel& model, const network::Pruning& pruning) {
  int previous = 0;
  for (int position : pruning.positions) {
    if (position <= previous || position > model.spec.depth) {
      throw InputError("selector before block " + std::to_string(position) + ": positions must rise from 1 to " +
                       std::to_string(model.spec.depth));
    }
    previous = position;
  }
}

void check_keep(const network::Pruning& pruning, int patches) {
  if (pruning.keep.size() != pruning.positions.size()) {
    throw InputError(std::to_string(pruning.keep.size()) + " keep counts for " +
                     std::to_string(pruning.positions.size()) + " selectors: one each is needed");
  }
  int previous = patches;
  for (int keep : pruning.keep) {
    if (keep < 0 || keep > previous) {
      throw InputError("keep count " + std::to_string(keep) + ": counts must not rise and lie in 0.." +
                       std::to_string(patches));
    }
    previous = keep;
  }
}

void check(const network::QuantModel& model, const network::Pruning& pruning) {
  if (!pruning.enabled()) return;
  network::expect_scorer(model.spec, pruning);
  check_positions(model, pruning);
  if (!pruning.keep.empty()) check_keep(pruning, model.spec.patches());
  if (pruning.learned() && model.selectors.size() < pruning.positions.size()) {
    throw InputError(std::string("scorer ") + (pruning.dynamicvit() ? "dynamicvit" : "heatvit") + ": the model has " +
                     std::to_string(model.selectors.size()) + " token selectors, " +
                     std::to_string(pruning.positions.size()) + " are needed (selector weights)");
  }
  if (pruning.learned()) network::expect_weights_of(pruning, model.selectors.front().dynamicvit());
  if (pruning.scorer == network::Scorer::kClsAttention && pruning.positions.front() == 1) {
    throw InputError("scorer cls-attention: no block comes before a selector at block 1; allowed from block 2 on");
  }
  if ((pruning.scorer == network::Scorer::kClsAttention || pruning.evit()) && pruning.keep.empty()) {
    throw InputError(std::string("scorer ") + (pruning.evit() ? "evit" : "cls-attention") +
                     ": has no threshold, so pruning rates are needed");
  }
}

}  // namespace

IntegerExecutor::IntegerExecutor(const network::QuantModel& model, const network::Pruning& pruning)
    : model_(model), pruning_(pruning) {
  check(model, pruning);
}

IntegerResult IntegerExecutor::run(const std::vector<int8_t>& image, uint32_t seed, bool checkpoints) const {
  const size_t wanted = model_.spec.image_bytes();
  if (image.size() != wanted) {
    const std::string side = std::to_string(model_.spec.image_size);
    throw InputError("image: " + std::to_string(image.size()) + " bytes; the network takes " + side + " x " + side +
                     " x 3 = " + std::to_string(wanted));
  }
  if (model_.bits == 16) return Pass<int16_t, uint16_t>(model_, pruning_, seed, checkpoints).run(image);
  return Pass<int8_t, uint8_t>(model_, pruning_, seed, checkpoints).run(image);
}

}  // namespace heatvit::reference
