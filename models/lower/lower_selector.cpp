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

namespace {

constexpr int kMostPackedRows = 256;  // places of the order memory, which ListCheck holds lists to

std::string prefix_of(int stage) { return "selector" + std::to_string(stage) + "."; }

}  // namespace

Command Builder::selector_layer(uint8_t block, Op op, int k, int n, Activation activation,
                                const network::Requant* gelu) const {
  Command c = command(Opcode::kGemm, block, op);
  c.m = kTokens;
  c.k = fixed_extent(k);
  c.n = fixed_extent(n);
  c.activation = activation;
  if (gelu != nullptr) c.multiplier2 = gelu->multiplier, c.shift2 = gelu->shift;
  return c;
}

void Builder::global_feature(uint8_t block, int rows_at_once) {
  const int heads = spec_.heads, d = spec_.head_dim();
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
  if (rows_at_once > 0) {
    mean.summed = true;
    mean.tile_m = static_cast<uint16_t>(rows_at_once);
  }
  for_each_image(sel_features_.region, [&](uint8_t image) {
    mean.image = image;
    mean.a_behind = mean.c_behind = image != 0;
    emit(mean, &local, nullptr, nullptr, &global);
  });
}

Command Builder::head_mean_command(uint8_t block, const network::QuantSelector* w) const {
  Command c = command(Opcode::kHeadMean, block, Op::kSelHeadMean);
  c.m = {0, static_cast<uint16_t>(spec_.heads)};
  c.n = fixed_extent(spec_.head_dim());
  c.a_type = residual_type();
  if (w != nullptr) c.immediate = {0, w->head_mean.multiplier, w->head_mean.shift, 0};
  return c;
}

void Builder::emit_head_mean(const Command& c) {
  View x = x_;
  x.pitch = static_cast<uint32_t>(spec_.head_dim() * residual_bytes());
  View to = sel_mean_;
  to.pitch = static_cast<uint32_t>(operand_bytes());
  emit(c, &x, nullptr, nullptr, &to);
}

void Builder::head_weights_first(const network::QuantSelector* w, uint8_t block, const std::string& prefix) {
  const int heads = spec_.heads, h = std::max(1, heads / 2);
  Command head1 =
      selector_layer(block, Op::kSelHead1, heads, h, Activation::kGelu, w != nullptr ? &w->head1_gelu : nullptr);
  linear(head1, prefix + "head1", w != nullptr ? &w->head1 : nullptr, sel_mean_, sel_head1_);
}

void Builder::head_weights_second(const network::QuantSelector* w, uint8_t block, const std::string& prefix) {
  const int heads = spec_.heads, h = std::max(1, heads / 2);
  Command head2 = selector_layer(block, Op::kSelHead2, h, heads, Activation::kSigmoid, nullptr);
  head2.c_type = Element::kUint16;
  linear(head2, prefix + "head2", w != nullptr ? &w->head2 : nullptr, sel_head1_, sel_weight_);
}

void Builder::token_scores(uint8_t block, int rows) {
  const int heads = spec_.heads;
  Command score = command(Opcode::kTokenScore, block, Op::kSelScore);
  score.m = kTokens;
  score.n = fixed_extent(heads);
  score.a_type = Element::kUint16;
  tile_rows(score, hw_, heads * 6, 0, rows);
  View keep_rows = sel_keep_;
  keep_rows.pitch = static_cast<uint32_t>(heads * 4);
  emit(score, &keep_rows, nullptr, &sel_weight_, nullptr);
}

/// The same numbers in three passes: behind the block before, while its rows are at hand, norm, head means and local
/// features; what all tokens have a part in; the rest of the classifier, row tile by row tile. Every head has a group
/// of the array, all with the same weights.
void Builder::chained_scores(const network::QuantSelector* w, uint8_t block, const std::string& prefix) {
  const int heads = spec_.heads, d = spec_.head_dim(), bytes = operand_bytes();
  const auto rows_of = [&](const View& region, int width) {  // of a head, `width` values
    View v = region;
    v.pitch = static_cast<uint32_t>(heads * width * bytes);
    v.head_stride = static_cast<uint32_t>(width * bytes);
    return v;
  };
  const auto by_head = [&](Command c, int tile_m, const char* name, const network::QuantLinear* weights, const View& a,
                           const View& to) {
    tile_by_head(c, hw_, tile_m);
    const int n = c.n.fixed, k = c.k.fixed;
    c.b.address = map_.place_packed(prefix + name + ".weight", weights != nullptr ? weights->weight.data() : nullptr,
                                    bytes, n, k, n, k)
                      .address;
    c.b.pitch = static_cast<uint32_t>(k * bytes);
    c.records = map_.place(prefix + name + ".records", weights != nullptr ? weights->channels.data() : nullptr,
                           static_cast<uint64_t>(n) * sizeof(isa::ChannelRecord))
                    .address;
    emit(c, &a, nullptr, nullptr, &to);
  };
  const auto layer = [&](Op op, int k, int n, Activation activation, const network::Requant* gelu) {
    Command c = selector_layer(block, op, k, n, activation, gelu);
    c.heads = static_cast<uint8_t>(heads);
    c.layout_b = isa::LayoutB::kRowsN;
    c.order = isa::LoopOrder::kMN;
    return c;
  };
  Command local = layer(Op::kSelLocal, d, d / 2, Activation::kGelu, w != nullptr ? &w->local_gelu : nullptr);
  Command mlp1 = layer(Op::kSelMlp1, d, d / 2, Activation::kGelu, w != nullptr ? &w->mlp1_gelu : nullptr);
  Command mlp2 = layer(Op::kSelMlp2, d / 2, d / 4, Activation::kGelu, w != nullptr ? &w->mlp2_gelu : nullptr);
  Command keep = layer(Op::kSelKeep, d / 4, 2, Activation::kSoftmax, nullptr);
  keep.panel = true;
  keep.c_type = Element::kUint16;
  mlp1.chain = mlp2.chain = true;
  // Enough rows to fill the pipelines, few enough that array and vector unit take turns; as even as the tokens let
  // them.
  constexpr int kRows = 50;
  const int tiles = (tokens_ + kRows - 1) / kRows, even = (tokens_ + tiles - 1) / tiles;
  const int rows =
      std::min({even, most_rows_by_head(mlp1, hw_), most_rows_by_head(mlp2, hw_), most_rows_by_head(keep, hw_)});

  const int tile_m = commands_.back().tile_m, most = most_rows_by_head(local, hw_);  // of the block before
  View normed = normed_;
  normed.pitch = static_cast<uint32_t>(d * bytes);
  layernorm_in_chain(block, Op::kSelNorm, d, heads, w != nullptr ? &w->norm : nullptr, x_, normed);
  commands_.back().chain = true;
  Command head_mean = head_mean_command(block, w);
  head_mean.follows = true;
  head_mean.tile_m = static_cast<uint16_t>(tile_m * heads);
  head_mean.chain = heads <= hw_.th && tile_m <= most;  // all heads at once, as its rows come
  emit_head_mean(head_mean);
  by_head(local, head_mean.chain ? tile_m : std::min(kRows, most), "local", w != nullptr ? &w->local : nullptr,
          rows_of(normed_, d), rows_of(sel_features_, d));
  // Of one image: its features are added up as they come.
  const bool summed = hw_.batch == 1;
  commands_.back().summed = summed;
  commands_.back().front = static_cast<uint8_t>(spec_.front_tokens());
  // Layers so small that filling the pipelines is most of what a tile takes: as few tiles as hold the rows.
  const auto in_few_tiles = [this](Command& c) {
    c.tile_m = static_cast<uint16_t>(std::clamp(most_rows_in_tile(c, hw_), int{c.tile_m}, max_rows()));
  };
  head_weights_first(w, block, prefix);  // while the last features are on their way to memory
  in_few_tiles(commands_.back());
  global_feature(block, summed ? rows : 0);
  head_weights_second(w, block, prefix);  // while the means are
  in_few_tiles(commands_.back());
  by_head(mlp1, rows, "mlp1", w != nullptr ? &w->mlp1 : nullptr, rows_of(sel_features_, d), rows_of(sel_mlp1_, d / 2));
  by_head(mlp2, rows, "mlp2", w != nullptr ? &w->mlp2 : nullptr, rows_of(sel_mlp1_, d / 2), rows_of(sel_mlp2_, d / 4));
  View probabilities = sel_keep_;
  probabilities.pitch = static_cast<uint32_t>(heads * 4);
  probabilities.head_stride = 4;
  by_head(keep, rows, "keep", w != nullptr ? &w->keep : nullptr, rows_of(sel_mlp2_, d / 4), probabilities);
  token_scores(block, rows);
}

void Builder::heatvit_scores(int stage, uint8_t block) {
  const network::QuantSelector* w = model_ != nullptr ? &model_->selectors[static_cast<size_t>(stage - 1)] : nullptr;
  const int heads = spec_.heads, d = spec_.head_dim();
  const isa::Extent rows{0, static_cast<uint16_t>(heads)};  // token x head
  const std::string prefix = prefix_of(stage);
  const auto layer = [&](Op op, int k, int n, Activation activation, const network::Requant* gelu) {
    Command c = selector_layer(block, op, k, n, activation, gelu);
    c.m = rows;
    return c;
  };

  if (hw_.chain_layernorm && block > 1) return chained_scores(w, block, prefix);
  View normed = normed_;
  normed.pitch = static_cast<uint32_t>(d * operand_bytes());
  layernorm(block, Op::kSelNorm, rows, d, w != nullptr ? &w->norm : nullptr, x_, normed);
  linear(layer(Op::kSelLocal, d, d / 2, Activation::kGelu, w != nullptr ? &w->local_gelu : nullptr), prefix + "local",
         w != nullptr ? &w->local : nullptr, normed, sel_features_);

  global_feature(block);
  linear(layer(Op::kSelMlp1, d, d / 2, Activation::kGelu, w != nullptr ? &w->mlp1_gelu : nullptr), prefix + "mlp1",
         w != nullptr ? &w->mlp1 : nullptr, sel_features_, sel_mlp1_);
  linear(layer(Op::kSelMlp2, d / 2, d / 4, Activation::kGelu, w != nullptr ? &w->mlp2_gelu : nullptr), prefix + "mlp2",
         w != nullptr ? &w->mlp2 : nullptr, sel_mlp1_, sel_mlp2_);
  Command keep = layer(Op::kSelKeep, d / 4, 2, Activation::kSoftmax, nullptr);
  keep.panel = true;
  keep.c_type = Element::kUint16;
  linear(keep, prefix + "keep", w != nullptr ? &w->keep : nullptr, sel_mlp2_, sel_keep_);

  Command head_mean = head_mean_command(block, w);
  tile_rows(head_mean, hw_, d * residual_bytes(), operand_bytes(), rows.at(max_rows()));
  emit_head_mean(head_mean);
  head_weights_first(w, block, prefix);
  head_weights_second(w, block, prefix);
  token_scores(block, max_rows());
}

void Builder::selector(int stage, int in_block) {
  const auto block = static_cast<uint8_t>(in_block);
  if (pruning_.scorer == network::Scorer::kHeatvit) heatvit_scores(stage, block);
  if (pruning_.dynamicvit()) dynamicvit_scores(stage, block);
  if (pruning_.tome()) match_tokens(stage, block);

  Command select = command(Opcode::kTokenSelect, block, Op::kSelSelect);
  select.m = kTokens;
  select.front = static_cast<uint8_t>(spec_.front_tokens());
  select.stage = static_cast<uint8_t>(stage);
  select.score_source =
      pruning_.scorer == network::Scorer::kRandom ? isa::ScoreSource::kRandom : isa::ScoreSource::kMemory;
  select.rank_package = pruning_.evit();
  select.drop = !pruning_.package;
  select.sizes = pruning_.tome();
  select.panel = hw_.pack_rows && !select.sizes && spec_.front_tokens() > 0 && spec_.max_tokens() <= kMostPackedRows;
  select.select_rule = pruning_.keep.empty() ? isa::SelectRule::kThreshold : isa::SelectRule::kCount;
  if (!pruning_.keep.empty()) select.keep = static_cast<uint16_t>(pruning_.keep[static_cast<size_t>(stage - 1)]);
  select.threshold = 32768;                                        // 0.5
  select.wait_a = static_cast<isa::Dependency>(commands_.size());  // the scores, wherever they come from
  for_each_image(x_.region, [&](uint8_t image) {
    select.image = image;
    emit(select, nullptr, nullptr, nullptr, nullptr);
  });

  if (!pruning_.keep.empty()) tokens_ = spec_.tokens_for(select.keep, pruning_.package && !pruning_.tome());
  Command pack = command(Opcode::kTokenPack, block, Op::kSelPack);
  pack.stage = select.stage;
  pack.sizes = select.sizes;
  if (pruning_.evit()) pack.threshold = network::evit_divisor(spec_.heads);
  pack.m = kTokens;
  pack.front = select.front;
  pack.n = fixed_extent(spec_.dim);
  pack.a_type = pack.c_type = residual_type();
  pack.panel = select.panel;
  const int row_bytes = spec_.dim * residual_bytes();
  if (pack.panel)  // no more than the rows of a tile, since what follows begins with them
    tile_rows(pack, hw_, row_bytes, row_bytes, std::min(hw_.tile_m, spec_.max_tokens()));
  else
    tile_columns(pack, hw_, residual_bytes(), spec_.max_tokens(), spec_.dim);
  pack.wait_a = static_cast<isa::Dependency>(commands_.size());
  // In place: a column slice, or a row and all that go, are read before they are written over, and rows never move
  // behind those of a later image.
  for_each_image(x_.region, [&](uint8_t image) {
    pack.image = image;
    pack.a_behind = pack.c_behind = image != 0;
    emit(pack, &x_, nullptr, nullptr, &x_);
  });
}

}  // namespace heatvit::lower
