// The token selector's commands (docs/numerics.md section 8): scores, selection, packing.
#include <algorithm>

#include "models/lower/builder.h"
#include "models/lower/tiling.h"

namespace heatvit::lower {

using isa::Activation;
using isa::Command;
using isa::Element;
using isa::Op;
using isa::Opcode;

void Builder::heatvit_scores(int stage, uint8_t block) {
  const network::QuantSelector* w = model_ != nullptr ? &model_->selectors[static_cast<size_t>(stage - 1)] : nullptr;
  const int heads = spec_.heads, d = spec_.head_dim(), h = std::max(1, heads / 2);
  const isa::Extent rows{0, static_cast<uint16_t>(heads)};  // token x head
  const std::string prefix = "selector" + std::to_string(stage) + ".";
  const auto layer = [&](Op op, isa::Extent m, int k, int n, Activation activation, const network::Requant* gelu) {
    Command c = command(Opcode::kGemm, block, op);
    c.m = m;
    c.k = fixed_extent(k);
    c.n = fixed_extent(n);
    c.activation = activation;
    if (gelu != nullptr) c.multiplier2 = gelu->multiplier, c.shift2 = gelu->shift;
    return c;
  };

  View normed = normed_;
  normed.pitch = static_cast<uint32_t>(d * operand_bytes());
  layernorm(block, Op::kSelNorm, rows, d, w != nullptr ? &w->norm : nullptr, x_, normed);
  linear(layer(Op::kSelLocal, rows, d, d / 2, Activation::kGelu, w != nullptr ? &w->local_gelu : nullptr),
         prefix + "local", w != nullptr ? &w->local : nullptr, normed, sel_features_);

  Command mean = command(Opcode::kTokenMean, block, Op::kSelGlobal);
  mean.heads = static_cast<uint8_t>(heads);
  mean.m = kTokens;
  mean.front = static_cast<uint8_t>(spec_.front_tokens());
  mean.n = fixed_extent(d / 2);
  tile_columns(mean, hw_, operand_bytes(), spec_.max_tokens(), d / 2);
  View local = sel_features_;
  local.pitch = static_cast<uint32_t>(heads * d * operand_bytes());
  local.head_stride = static_cast<uint32_t>(d * operand_bytes());
  View global = local;
  global.offset = static_cast<uint32_t>(d / 2 * operand_bytes());
  for_each_image(sel_features_.region, [&](uint8_t image) {
    mean.image = image;
    mean.a_behind = mean.c_behind = image != 0;
    emit(mean, &local, nullptr, nullptr, &global);
  });

  linear(layer(Op::kSelMlp1, rows, d, d / 2, Activation::kGelu, w != nullptr ? &w->mlp1_gelu : nullptr),
         prefix + "mlp1", w != nullptr ? &w->mlp1 : nullptr, sel_features_, sel_mlp1_);
  linear(layer(Op::kSelMlp2, rows, d / 2, d / 4, Activation::kGelu, w != nullptr ? &w->mlp2_gelu : nullptr),
         prefix + "mlp2", w != nullptr ? &w->mlp2 : nullptr, sel_mlp1_, sel_mlp2_);
  Command keep = layer(Op::kSelKeep, rows, d / 4, 2, Activation::kSoftmax, nullptr);
  keep.panel = true;
  keep.c_type = Element::kUint16;
  linear(keep, prefix + "keep", w != nullptr ? &w->keep : nullptr, sel_mlp2_, sel_keep_);

  Command head_mean = command(Opcode::kHeadMean, block, Op::kSelHeadMean);
  head_mean.m = rows;
  head_mean.n = fixed_extent(d);
  head_mean.a_type = residual_type();
  if (w != nullptr) head_mean.immediate = {0, w->head_mean.multiplier, w->head_mean.shift, 0};
  tile_rows(head_mean, hw_, d * residual_bytes(), operand_bytes(), rows.at(max_rows()));
  View x = x_;
  x.pitch = static_cast<uint32_t>(d * residual_bytes());
  View mean_out = sel_mean_;
  mean_out.pitch = static_cast<uint32_t>(operand_bytes());
  emit(head_mean, &x, nullptr, nullptr, &mean_out);

  linear(layer(Op::kSelHead1, kTokens, heads, h, Activation::kGelu, w != nullptr ? &w->head1_gelu : nullptr),
         prefix + "head1", w != nullptr ? &w->head1 : nullptr, sel_mean_, sel_head1_);
  Command head2 = layer(Op::kSelHead2, kTokens, h, heads, Activation::kSigmoid, nullptr);
  head2.c_type = Element::kUint16;
  linear(head2, prefix + "head2", w != nullptr ? &w->head2 : nullptr, sel_head1_, sel_weight_);

  Command score = command(Opcode::kTokenScore, block, Op::kSelScore);
  score.m = kTokens;
  score.n = fixed_extent(heads);
  score.a_type = Element::kUint16;
  tile_rows(score, hw_, heads * 6, 0, max_rows());
  View keep_rows = sel_keep_;
  keep_rows.pitch = static_cast<uint32_t>(heads * 4);
  emit(score, &keep_rows, nullptr, &sel_weight_, nullptr);
}

void Builder::selector(int stage, int before_block) {
  const auto block = static_cast<uint8_t>(before_block);
  if (pruning_.scorer == network::Scorer::kHeatvit) heatvit_scores(stage, block);

  Command select = command(Opcode::kTokenSelect, block, Op::kSelSelect);
  select.m = kTokens;
  select.front = static_cast<uint8_t>(spec_.front_tokens());
  select.stage = static_cast<uint8_t>(stage);
  select.score_source =
      pruning_.scorer == network::Scorer::kRandom ? isa::ScoreSource::kRandom : isa::ScoreSource::kMemory;
  select.select_rule = pruning_.keep.empty() ? isa::SelectRule::kThreshold : isa::SelectRule::kCount;
  if (!pruning_.keep.empty()) select.keep = static_cast<uint16_t>(pruning_.keep[static_cast<size_t>(stage - 1)]);
  select.threshold = 32768;                                        // 0.5
  select.wait_a = static_cast<isa::Dependency>(commands_.size());  // the scores, wherever they come from
  for_each_image(x_.region, [&](uint8_t image) {
    select.image = image;
    emit(select, nullptr, nullptr, nullptr, nullptr);
  });

  if (!pruning_.keep.empty()) tokens_ = spec_.tokens_for(select.keep);
  Command pack = command(Opcode::kTokenPack, block, Op::kSelPack);
  pack.stage = select.stage;
  pack.m = kTokens;
  pack.front = select.front;
  pack.n = fixed_extent(spec_.dim);
  pack.a_type = pack.c_type = residual_type();
  tile_columns(pack, hw_, residual_bytes(), spec_.max_tokens(), spec_.dim);
  pack.wait_a = static_cast<isa::Dependency>(commands_.size());
  // In place: a column slice is read whole before it is written, and rows never move behind those of a later image.
  for_each_image(x_.region, [&](uint8_t image) {
    pack.image = image;
    pack.a_behind = pack.c_behind = image != 0;
    emit(pack, &x_, nullptr, nullptr, &x_);
  });
}

}  // namespace heatvit::lower
