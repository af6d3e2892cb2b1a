// The commands of a block: attention and MLP (docs/numerics.md).
#include <utility>

#include "models/lower/builder.h"
#include "models/lower/tiling.h"

namespace heatvit::lower {

using isa::Activation;
using isa::Command;
using isa::Element;
using isa::LayoutB;
using isa::Op;
using isa::Opcode;

void Builder::attention(int index, const network::QuantBlock* weights) {
  for_each_image(attended_.region, [&](uint8_t image) { attend(static_cast<uint8_t>(index), image, weights); });
}

void Builder::tile_attend(Command& c) {
  if (!attend_tiles_) attend_tiles_ = best_attention_tiles(c, hw_, spec_.max_tokens());
  tile_attention(c, *attend_tiles_);
}

void Builder::attend(uint8_t block, uint8_t image, const network::QuantBlock* weights) {
  const bool several = image != 0;
  const auto d = static_cast<uint32_t>(spec_.dim * operand_bytes());
  const auto hd = static_cast<uint32_t>(spec_.head_dim() * operand_bytes());
  View q = qkv_, k = qkv_, v = qkv_, to = attended_;
  q.head_stride = k.head_stride = v.head_stride = to.head_stride = hd;
  k.offset = d;
  v.offset = 2 * d;

  Command s = command(Opcode::kGemm, block, Op::kScores);
  s.image = image;
  s.a_behind = s.b_behind = several;
  s.heads = static_cast<uint8_t>(spec_.heads);
  s.m = s.n = kTokens;
  s.k = fixed_extent(spec_.head_dim());
  s.layout_b = LayoutB::kRowsN;
  s.order = isa::LoopOrder::kMN;
  if (weights != nullptr) s.immediate = {0, weights->scores.multiplier, weights->scores.shift, 0};
  const uint16_t delta2 = model_ != nullptr ? model_->delta2 : uint16_t{32768};
  Command a = command(Opcode::kGemm, block, Op::kAttend);
  a.image = image;
  a.b_behind = a.c_behind = several;
  a.heads = s.heads;
  a.m = a.k = kTokens;
  a.n = fixed_extent(spec_.head_dim());
  a.layout_b = LayoutB::kRowsK;
  a.order = isa::LoopOrder::kMN;
  a.a_type = hw_.probability_type();
  if (weights != nullptr) a.immediate = {0, weights->attend.multiplier, weights->attend.shift, 0};
  if (fused_softmax_) {
    s.panel = true;
    s.activation = Activation::kSoftmax;
    s.delta = delta2;
    s.sizes = pruning_.weighs_sizes_in(block);
    s.c_type = hw_.probability_type();
    s.keep_cls_scores = pruning_.ranks_by_attention_of(block);
    s.chain = hw_.chain_attention;
    if (s.chain)
      tile_attention_chain(s, a, hw_, spec_.max_tokens());
    else
      tile_attention(s, score_tiles_), tile_attend(a);
    emit(s, &q, &k, nullptr, &probabilities_);
    return emit(a, &probabilities_, &v, nullptr, &to);
  }
  s.c_type = Element::kInt16;
  tile_gemm(s, hw_, spec_.max_tokens());
  emit(s, &q, &k, nullptr, &scores_);
  Command softmax = command(Opcode::kSoftmax, block, Op::kSoftmax);
  softmax.image = image;
  softmax.heads = s.heads;
  softmax.m = softmax.n = kTokens;
  softmax.a_type = Element::kInt16;
  softmax.c_type = hw_.probability_type();
  softmax.delta = delta2;
  softmax.sizes = pruning_.weighs_sizes_in(block);
  softmax.keep_cls_scores = pruning_.ranks_by_attention_of(block);
  tile_rows(softmax, hw_, 2 * spec_.max_tokens(), operand_bytes() * spec_.max_tokens(), spec_.max_tokens());
  emit(softmax, &scores_, nullptr, nullptr, &probabilities_);
  tile_attend(a);
  emit(a, &probabilities_, &v, nullptr, &to);
}

void Builder::block(int index, const network::QuantBlock* w) {
  const auto block = static_cast<uint8_t>(index);
  const std::string prefix = "b" + std::to_string(index) + ".";
  const auto layer = [&](Op op, int k, int n) {
    Command c = command(Opcode::kGemm, block, op);
    c.m = kTokens;
    c.k = fixed_extent(k);
    c.n = fixed_extent(n);
    return c;
  };
  const int d = spec_.dim;
  if (!std::exchange(norm_done_, false))
    layernorm(block, Op::kNorm1, kTokens, d, w != nullptr ? &w->norm1 : nullptr, x_, normed_);
  linear(layer(Op::kQkv, d, 3 * d), prefix + "qkv", w != nullptr ? &w->qkv : nullptr, normed_, qkv_);
  attention(index, w);
  if (pruning_.inside(index) && pruning_.tome()) normalised_keys(block);
  Command proj = layer(Op::kProj, d, d);
  proj.c_type = residual_type();
  linear(proj, prefix + "proj", w != nullptr ? &w->proj : nullptr, attended_, x_, &x_);
  const bool inside = pruning_.inside(index);
  if (inside) selector(++stage_, index);
  const auto* norm2 = w != nullptr ? &w->norm2 : nullptr;
  if (hw_.chain_layernorm && !inside)
    layernorm_in_chain(block, Op::kNorm2, d, 1, norm2, x_, normed_);
  else
    layernorm(block, Op::kNorm2, kTokens, d, norm2, x_, normed_);
  Command fc1 = layer(Op::kFc1, d, spec_.mlp_hidden);
  fc1.activation = spec_.activation == zoo::Activation::kSilu ? Activation::kSilu : Activation::kGelu;
  if (w != nullptr) fc1.multiplier2 = w->gelu.multiplier, fc1.shift2 = w->gelu.shift;
  linear(fc1, prefix + "fc1", w != nullptr ? &w->fc1 : nullptr, normed_, hidden_);
  commands_.back().chain = hw_.chain_mlp;
  Command fc2 = layer(Op::kFc2, spec_.mlp_hidden, d);
  fc2.c_type = residual_type();
  linear(fc2, prefix + "fc2", w != nullptr ? &w->fc2 : nullptr, hidden_, x_, &x_);
  if (!hw_.chain_layernorm || index == spec_.depth || pruning_.before(index + 1)) return;
  layernorm_in_chain(static_cast<uint8_t>(index + 1), Op::kNorm1, d, 1, w != nullptr ? &(w + 1)->norm1 : nullptr, x_,
                     normed_);
  norm_done_ = true;
}

}  // namespace heatvit::lower
