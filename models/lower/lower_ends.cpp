// What stands before and behind the blocks: stem and patch embedding, tokens in front; pooling and classifiers.
#include <algorithm>

#include "models/lower/builder.h"
#include "models/lower/tiling.h"

namespace heatvit::lower {

using isa::Activation;
using isa::Command;
using isa::Element;
using isa::Op;
using isa::Opcode;

void Builder::embedding() {
  View source = image_;
  const auto side = static_cast<uint16_t>(spec_.image_size), grid = static_cast<uint16_t>(spec_.patch_grid);
  const auto kernel = static_cast<uint8_t>(spec_.projection_kernel());
  uint16_t size = side, channels = 3;
  for (size_t i = 0; i < spec_.stem.size(); ++i) {
    const zoo::StemConv& conv = spec_.stem[i];
    const auto out = static_cast<uint16_t>(zoo::conv_out(size, conv));
    Command c = command(Opcode::kGemm, 0, Op::kStem);
    c.conv = {size,
              out,
              channels,
              static_cast<uint8_t>(conv.kernel),
              static_cast<uint8_t>(conv.stride),
              static_cast<uint8_t>(conv.pad)};
    c.heads = static_cast<uint8_t>(hw_.batch);
    c.m = fixed_extent(out * out);
    c.k = fixed_extent(conv.kernel * conv.kernel * channels);
    c.n = fixed_extent(conv.channels);
    c.activation = Activation::kRelu;
    View& to = stem_[i % 2];
    to.pitch = static_cast<uint32_t>(conv.channels * operand_bytes());
    if (hw_.batch > 1) to.head_stride = static_cast<uint32_t>(out * out) * to.pitch;
    linear(c, "stem." + std::to_string(i), model_ != nullptr ? &model_->stem[i].linear : nullptr, source, to);
    source = to;
    size = out;
    channels = static_cast<uint16_t>(conv.channels);
  }
  const isa::Im2col conv{size, grid, channels, kernel, kernel, 0};
  Command c = command(Opcode::kGemm, 0, Op::kEmbed);
  c.conv = conv;
  c.heads = static_cast<uint8_t>(hw_.batch);
  c.m = fixed_extent(spec_.patches());
  c.k = fixed_extent(conv.kernel * conv.kernel * conv.channels);
  c.n = fixed_extent(spec_.dim);
  c.c_type = residual_type();
  const auto dim = static_cast<uint64_t>(spec_.dim);
  const View position{place_residual("position", model_ != nullptr ? &model_->position : nullptr,
                                     static_cast<uint64_t>(spec_.patches()) * dim),
                      0, x_.pitch, 0};
  const uint32_t image_rows = hw_.batch == 1 ? 0 : x_.pitch * static_cast<uint32_t>(spec_.max_tokens());
  View patches = x_, first_rows = x_;
  const int front = spec_.front_tokens();
  patches.offset = static_cast<uint32_t>(front) * x_.pitch;
  patches.head_stride = first_rows.head_stride = image_rows;
  linear(c, "embed", model_ != nullptr ? &model_->embed : nullptr, source, patches, &position);

  if (front == 0) return;
  Command cls = command(Opcode::kCopy, 0, Op::kCls);
  cls.a_type = cls.c_type = Element::kInt8;  // rows of bytes
  cls.heads = c.heads;
  cls.m = fixed_extent(front);
  cls.n = fixed_extent(static_cast<int>(x_.pitch));
  tile_rows(cls, hw_, static_cast<int>(x_.pitch), static_cast<int>(x_.pitch), front);
  const View constant{
      place_residual("cls", model_ != nullptr ? &model_->front : nullptr, static_cast<uint64_t>(front) * dim), 0,
      x_.pitch, 0};
  emit(cls, &constant, nullptr, nullptr, &first_rows);
}

View Builder::gather_front(const View& rows, int count) {
  if (hw_.batch == 1) return rows;
  View dense = cls_;
  dense.pitch = rows.pitch;
  for_each_image(cls_.region, [&](uint8_t image) {
    Command copy = command(Opcode::kCopy, isa::kHeadBlock, Op::kCls);
    copy.image = image;
    copy.a_behind = true;
    copy.a_type = copy.c_type = Element::kInt8;  // rows of bytes
    copy.m = fixed_extent(count);
    copy.n = fixed_extent(static_cast<int>(rows.pitch));
    tile_rows(copy, hw_, static_cast<int>(rows.pitch), static_cast<int>(rows.pitch), count);
    View to = dense;
    to.offset = (image - 1U) * static_cast<uint32_t>(count) * rows.pitch;
    emit(copy, &rows, nullptr, nullptr, &to);
  });
  return dense;
}

View Builder::pooled() {
  // The operation writes the mean beside every row that it reads: images follow each other, a row each, so that the
  // first row of each stays.
  uint32_t row = 0;
  for_each_image(x_.region, [&](uint8_t image) {
    Command mean = command(Opcode::kTokenMean, isa::kHeadBlock, Op::kCls);
    mean.image = image;
    mean.a_behind = image != 0;
    mean.a_type = mean.c_type = residual_type();
    mean.m = kTokens;
    mean.front = static_cast<uint8_t>(spec_.front_tokens());
    mean.n = fixed_extent(spec_.dim);
    tile_columns(mean, hw_, residual_bytes(), spec_.max_tokens(), spec_.dim);
    View to = pooled_;
    to.offset = row++ * pooled_.pitch;
    emit(mean, &x_, nullptr, nullptr, &to);
  });
  return pooled_;
}

View Builder::class_and_mean(const View& to) {
  // As in pooled(): the mean beside every row from an image's own on, of which the next image's replaces all but one.
  uint32_t row = 0;
  for_each_image(normed_.region, [&](uint8_t image) {
    Command mean = command(Opcode::kTokenMean, isa::kHeadBlock, Op::kCls);
    mean.image = image;
    mean.a_behind = image != 0;
    mean.m = kTokens;
    mean.front = static_cast<uint8_t>(spec_.front_tokens());
    mean.n = fixed_extent(spec_.dim);
    tile_columns(mean, hw_, operand_bytes(), spec_.max_tokens(), spec_.dim);
    View right = to;
    right.offset = row * to.pitch + normed_.pitch;
    emit(mean, &normed_, nullptr, nullptr, &right);

    Command copy = command(Opcode::kCopy, isa::kHeadBlock, Op::kCls);
    copy.image = image;
    copy.a_behind = image != 0;
    copy.a_type = copy.c_type = Element::kInt8;  // rows of bytes
    copy.m = fixed_extent(1);
    copy.n = fixed_extent(static_cast<int>(normed_.pitch));
    tile_rows(copy, hw_, static_cast<int>(normed_.pitch), static_cast<int>(normed_.pitch), 1);
    View left = to;
    left.offset = row++ * to.pitch;
    emit(copy, &normed_, nullptr, nullptr, &left);
  });
  return to;
}

void Builder::classifier() {
  const auto* norm = model_ != nullptr ? &model_->norm : nullptr;
  const isa::Extent images = fixed_extent(hw_.batch);
  const View to = spec_.has_classifier() ? normed_ : logits_;
  View cls_rows = to;
  if (spec_.pooling == zoo::Pooling::kClassMean) {
    layernorm(isa::kHeadBlock, Op::kNorm, kTokens, spec_.dim, norm, x_, normed_);
    cls_rows = class_and_mean(spec_.has_classifier() ? both_ : logits_);
  } else if (spec_.aux_head()) {
    layernorm(isa::kHeadBlock, Op::kNorm, kTokens, spec_.dim, norm, x_, normed_);
    cls_rows = gather_front(normed_, 1);
  } else if (spec_.pooling == zoo::Pooling::kMean) {
    layernorm(isa::kHeadBlock, Op::kNorm, images, spec_.dim, norm, pooled(), to);
  } else {
    const int tokens = spec_.two_heads() ? 2 : 1;
    layernorm(isa::kHeadBlock, Op::kNorm, fixed_extent(tokens * hw_.batch), spec_.dim, norm, gather_front(x_, tokens),
              to);
    cls_rows.pitch *= static_cast<uint32_t>(tokens);  // side by side
  }
  if (!spec_.has_classifier()) return;
  Command head = command(Opcode::kGemm, isa::kHeadBlock, Op::kHead);
  head.m = images;
  head.k = fixed_extent(spec_.head_inputs());
  head.n = fixed_extent(spec_.classes);
  head.c_type = Element::kInt32;
  linear(head, "head", model_ != nullptr ? &model_->head : nullptr, cls_rows,
         spec_.aux_head() ? head_logits_ : logits_);
  if (spec_.aux_head()) auxiliary_head(head);
}

void Builder::auxiliary_head(Command aux) {
  aux.op = static_cast<uint8_t>(Op::kAuxHead);
  View tokens = normed_, logits = aux_logits_;  // every token but CLS, which goes through where rows of images meet
  aux.m = {-1, 1};
  if (hw_.batch == 1)
    tokens.offset = normed_.pitch;
  else
    aux.m = kTokens, logits.offset = logits.pitch;
  linear(aux, "aux_head", model_ != nullptr ? &model_->aux_head : nullptr, tokens, aux_logits_);
  for_each_image(logits_.region, [&](uint8_t image) {
    const uint32_t own = image == 0 ? 0 : (image - 1U) * logits_.pitch;
    Command best = command(Opcode::kColumnMaxAdd, isa::kHeadBlock, Op::kLogits);
    best.image = image;
    best.a_behind = image != 0;
    best.m = {-1, 1};
    best.n = aux.n;
    best.a_type = best.c_type = Element::kInt32;
    tile_columns(best, hw_, 4, spec_.max_tokens(), spec_.classes);
    View first = head_logits_, to = logits_;
    first.offset = to.offset = own;
    emit(best, &logits, nullptr, &first, &to);
  });
}

}  // namespace heatvit::lower
