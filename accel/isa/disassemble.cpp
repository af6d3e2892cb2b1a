#include <cstdarg>
#include <cstdio>

#include "accel/isa/command.h"

namespace heatvit::isa {
namespace {

constexpr const char* kElementNames[] = {"i8", "u8", "i16", "u16", "i32"};
constexpr const char* kActivationNames[] = {"", " relu", " gelu", " sigmoid", " softmax", " silu"};
constexpr const char* kLayoutNames[] = {"packed", "rows_n", "rows_k"};

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

std::string extent(const Extent& e) {
  if (!e.dynamic()) return std::to_string(e.fixed);
  std::string text = e.per_token == 1 ? "T" : std::to_string(e.per_token) + "T";
  if (e.fixed != 0) text += format("%+d", e.fixed);
  return text;
}

std::string operand(const char* name, const Operand& o) {
  std::string text = format(" %s=%08x/%u", name, o.address, o.pitch);
  if (o.head_stride != 0) text += format("+h*%u", o.head_stride);
  return text;
}

std::string gemm(const Command& c) {
  std::string text =
      format("m=%s k=%s n=%s tile=%ux%ux%u%s%s", extent(c.m).c_str(), extent(c.k).c_str(), extent(c.n).c_str(),
             c.tile_m, c.tile_k, c.tile_n, c.panel ? " panel" : "", c.order == LoopOrder::kNM ? " nm" : " mn");
  if (c.sums > 1) text += format(" sums=%d", c.sums);
  if (c.heads > 1) text += format(" heads=%u/%u", c.heads, c.head_group);
  text += format(" %s->%s", kElementNames[static_cast<int>(c.a_type)], kElementNames[static_cast<int>(c.c_type)]);
  text += kActivationNames[static_cast<int>(c.activation)];
  if (c.restream) text += " restream";
  if (c.residual) text += " +residual";
  if (c.keep_cls_scores) text += " cls_scores";
  if (c.conv.size != 0)
    text += format(" im2col=%ux%ux%u k%u s%u p%u", c.conv.size, c.conv.size, c.conv.channels, c.conv.kernel,
                   c.conv.stride, c.conv.pad);
  text += operand("a", c.a) + operand("b", c.b) + format(":%s", kLayoutNames[static_cast<int>(c.layout_b)]) +
          operand("c", c.c);
  if (c.residual) text += operand("r", c.r);
  if (c.records != 0) text += format(" rec=%08x", c.records);
  return text;
}

std::string vector_operation(const Command& c) {
  std::string text = format("m=%s n=%s tile=%ux%u", extent(c.m).c_str(), extent(c.n).c_str(), c.tile_m, c.tile_n);
  if (c.heads > 1) text += format(" heads=%u", c.heads);
  if (c.opcode == Opcode::kLayerNorm) text += c.on_cpu ? " on cpu" : " in fabric";
  text += format(" %s->%s", kElementNames[static_cast<int>(c.a_type)], kElementNames[static_cast<int>(c.c_type)]);
  text += operand("a", c.a);
  if (c.opcode != Opcode::kTokenScore) text += operand("c", c.c);
  if (c.r.address != 0) text += operand("r", c.r);
  if (c.keep_cls_scores) text += " cls_scores";
  return text;
}

std::string select(const Command& c) {
  const char* source = c.score_source == ScoreSource::kRandom ? "random" : "score memory";
  return c.select_rule == SelectRule::kCount ? format("stage=%u keep=%u by %s", c.stage, c.keep, source)
                                             : format("stage=%u threshold=%u by %s", c.stage, c.threshold, source);
}

}  // namespace

std::string disassemble(const Command& c, int index) {
  std::string text = format("%4d  b%-3u %-10s %-14s ", index, c.block, std::string(name_of(op_of(c))).c_str(),
                            std::string(name_of(c.opcode)).c_str());
  switch (c.opcode) {
    case Opcode::kEnd: break;
    case Opcode::kGemm: text += gemm(c); break;
    case Opcode::kTokenSelect: text += select(c); break;
    default: text += vector_operation(c);
  }
  if (c.image != 0)
    text += format(" image=%d%s%s%s", c.image - 1, c.a_behind ? " a+rows" : "", c.b_behind ? " b+rows" : "",
                   c.c_behind ? " c+rows" : "");
  if (c.follows) text += " follows";
  if (c.chain) text += " chain";
  if (c.wait_a != 0) text += format(" wait_a=%d", c.wait_a - 1);
  if (c.wait_b != 0) text += format(" wait_b=%d", c.wait_b - 1);
  return text;
}

}  // namespace heatvit::isa
