// The predictor of DynamicViT (docs/numerics.md section 8): one head, global features of channels of their own, no
// weights of heads.
#include <string>
#include <vector>

#include "models/lower/builder.h"
#include "models/lower/tiling.h"

namespace heatvit::lower {

using isa::Activation;
using isa::Command;
using isa::Element;
using isa::Op;
using isa::Opcode;

void Builder::dynamicvit_scores(int stage, uint8_t block) {
  const network::QuantSelector* w = model_ != nullptr ? &model_->selectors[static_cast<size_t>(stage - 1)] : nullptr;
  const int d = spec_.dim;
  const std::string prefix = "selector" + std::to_string(stage) + ".";
  if (hw_.chain_layernorm && block > 1)
    layernorm_in_chain(block, Op::kSelNorm, d, 1, w != nullptr ? &w->norm : nullptr, x_, normed_);
  else
    layernorm(block, Op::kSelNorm, kTokens, d, w != nullptr ? &w->norm : nullptr, x_, normed_);
  linear(selector_layer(block, Op::kSelLocal, d, d, Activation::kGelu, w != nullptr ? &w->local_gelu : nullptr),
         prefix + "local", w != nullptr ? &w->local : nullptr, normed_, sel_features_);

  Command mean = command(Opcode::kTokenMean, block, Op::kSelGlobal);
  mean.m = kTokens;
  mean.front = static_cast<uint8_t>(spec_.front_tokens());
  mean.n = fixed_extent(d / 2);
  tile_columns(mean, hw_, operand_bytes(), spec_.max_tokens(), d / 2);
  View global = sel_features_;  // in place: a column slice is read whole before it is written
  global.offset = static_cast<uint32_t>(d / 2 * operand_bytes());
  for_each_image(sel_features_.region, [&](uint8_t image) {
    mean.image = image;
    mean.a_behind = mean.c_behind = image != 0;
    emit(mean, &global, nullptr, nullptr, &global);
  });

  linear(selector_layer(block, Op::kSelMlp1, d, d / 2, Activation::kGelu, w != nullptr ? &w->mlp1_gelu : nullptr),
         prefix + "mlp1", w != nullptr ? &w->mlp1 : nullptr, sel_features_, sel_mlp1_);
  linear(selector_layer(block, Op::kSelMlp2, d / 2, d / 4, Activation::kGelu, w != nullptr ? &w->mlp2_gelu : nullptr),
         prefix + "mlp2", w != nullptr ? &w->mlp2 : nullptr, sel_mlp1_, sel_mlp2_);
  Command keep = selector_layer(block, Op::kSelKeep, d / 4, 2, Activation::kSoftmax, nullptr);
  keep.panel = true;
  keep.c_type = Element::kUint16;
  linear(keep, prefix + "keep", w != nullptr ? &w->keep : nullptr, sel_mlp2_, sel_keep_);

  // A head's weight is divided out again where it is the only one.
  const std::vector<uint16_t> ones(static_cast<size_t>(max_rows()), 1);
  View weight = sel_weight_;
  weight.region = map_.place(prefix + "one", model_ != nullptr ? ones.data() : nullptr, ones.size() * sizeof(ones[0]));
  Command score = command(Opcode::kTokenScore, block, Op::kSelScore);
  score.m = kTokens;
  score.n = fixed_extent(1);
  score.a_type = Element::kUint16;
  tile_rows(score, hw_, 6, 0, max_rows());
  emit(score, &sel_keep_, nullptr, &weight, nullptr);
}

}  // namespace heatvit::lower
