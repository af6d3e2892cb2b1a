// Token merging (docs/numerics.md section 8, ToMe): normalised keys, similarities on the array, each token's partner.
// Selection and packing behind them are those of every selector (lower_selector.cpp). How many tokens there are is
// known beforehand, of every image of a batch, so extents and addresses are fixed.
#include "models/lower/builder.h"
#include "models/lower/tiling.h"
#include "models/network/merging.h"

namespace heatvit::lower {

using isa::Command;
using isa::Element;
using isa::Op;
using isa::Opcode;

void Builder::reserve_merging() {
  const int first = network::first_set(spec_.patches()), second = network::second_set(spec_.patches());
  const int dense = spec_.dim * operand_bytes(), row = static_cast<int>(aligned(2 * second));
  const auto bytes = [](int rows, int row_bytes) {
    return static_cast<uint64_t>(rows) * static_cast<uint64_t>(row_bytes);
  };
  keys_.region = map_.reserve("keys", bytes(max_rows(), dense));
  keys_.pitch = static_cast<uint32_t>(dense);
  // Every image has its own: those of the next are computed while the selector still looks at these.
  similarities_.region = map_.reserve("similarities", bytes(hw_.batch * first, row));
  similarities_.pitch = static_cast<uint32_t>(row);
}

/// K of all heads, a row a token.
void Builder::normalised_keys(uint8_t block) {
  const network::QuantLayerNorm norm = network::key_norm(spec_.dim, hw_.numerics_bits);
  Command c = norm_command(block, Op::kSelKeys, kTokens, spec_.dim, &norm);
  c.a_type = hw_.operand_type();
  View k = qkv_;
  k.offset = static_cast<uint32_t>(spec_.dim * operand_bytes());
  emit(c, &k, nullptr, nullptr, &keys_);
}

void Builder::match_tokens(int stage, uint8_t block) {
  const int candidates = pruning_.candidates(static_cast<size_t>(stage - 1), spec_.patches());
  if (pruning_.keep[static_cast<size_t>(stage - 1)] == candidates) return;  // nothing goes
  const int first = network::first_set(candidates), second = network::second_set(candidates);
  const network::Requant scale = network::similarity_scale(spec_.dim, hw_.numerics_bits);
  Command similar = command(Opcode::kGemm, block, Op::kSelSimilar);
  similar.m = fixed_extent(first);
  similar.n = fixed_extent(second);
  similar.k = fixed_extent(spec_.dim);
  similar.layout_b = isa::LayoutB::kRowsN;
  similar.order = isa::LoopOrder::kMN;
  similar.c_type = Element::kInt16;
  similar.immediate = {0, scale.multiplier, scale.shift, 0};
  tile_gemm(similar, hw_, spec_.max_tokens());
  Command match = command(Opcode::kTokenMatch, block, Op::kSelMatch);
  match.m = similar.m;
  match.n = similar.n;
  match.a_type = match.c_type = Element::kInt16;
  match.front = static_cast<uint8_t>(spec_.front_tokens());
  tile_rows(match, hw_, 2 * second, 0, first);
  for_each_image(similarities_.region, [&](uint8_t image) {
    const int before = image == 0 ? 0 : image - 1;
    View a = keys_, out = similarities_;
    a.offset = static_cast<uint32_t>(before * tokens_ + spec_.front_tokens()) * keys_.pitch;
    a.pitch = 2 * keys_.pitch;  // every other token
    View b = a;
    b.offset += keys_.pitch;
    out.offset = static_cast<uint32_t>(before * network::first_set(spec_.patches())) * similarities_.pitch;
    similar.image = match.image = image;
    emit(similar, &a, &b, nullptr, &out);
    emit(match, &out, nullptr, nullptr, nullptr);
  });
}

}  // namespace heatvit::lower
