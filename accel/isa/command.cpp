#include "accel/isa/command.h"

#include <stdexcept>

#include "accel/isa/command_fields.h"

namespace heatvit::isa {
namespace {

namespace f = fields;

uint32_t get(const CommandWords& words, const Field& field) { return get_field(words.data(), field); }
uint8_t get8(const CommandWords& words, const Field& field) { return static_cast<uint8_t>(get(words, field)); }
uint16_t get16(const CommandWords& words, const Field& field) { return static_cast<uint16_t>(get(words, field)); }
bool get_flag(const CommandWords& words, const Field& field) { return get(words, field) != 0; }
void put(CommandWords& words, const Field& field, uint32_t value) { put_field(words.data(), field, value); }

Extent get_extent(const CommandWords& words, int word) {
  return {static_cast<int16_t>(get16(words, f::fixed_part(word))), get16(words, f::per_token_part(word))};
}
void put_extent(CommandWords& words, int word, const Extent& e) {
  put(words, f::fixed_part(word), static_cast<uint16_t>(e.fixed));
  put(words, f::per_token_part(word), e.per_token);
}

Operand get_operand(const CommandWords& words, int word) {
  return {get(words, f::address_of(word)), get(words, f::pitch_of(word)), get(words, f::head_stride_of(word))};
}
void put_operand(CommandWords& words, int word, const Operand& o) {
  put(words, f::address_of(word), o.address);
  put(words, f::pitch_of(word), o.pitch);
  put(words, f::head_stride_of(word), o.head_stride);
}

void put_flags(CommandWords& w, const Command& c) {
  put(w, f::kPanel, c.panel ? 1 : 0);
  put(w, f::kOrder, static_cast<uint32_t>(c.order));
  put(w, f::kTypeA, static_cast<uint32_t>(c.a_type));
  put(w, f::kTypeC, static_cast<uint32_t>(c.c_type));
  put(w, f::kLayoutB, static_cast<uint32_t>(c.layout_b));
  put(w, f::kActivation, static_cast<uint32_t>(c.activation));
  put(w, f::kResidual, c.residual ? 1 : 0);
  put(w, f::kKeepClsScores, c.keep_cls_scores ? 1 : 0);
  put(w, f::kOnCpu, c.on_cpu ? 1 : 0);
  put(w, f::kScoreSource, static_cast<uint32_t>(c.score_source));
  put(w, f::kSelectRule, static_cast<uint32_t>(c.select_rule));
  put(w, f::kRestream, c.restream ? 1 : 0);
  put(w, f::kChain, c.chain ? 1 : 0);
  put(w, f::kFollows, c.follows ? 1 : 0);
  put(w, f::kSums, c.sums - 1U);
  put(w, f::kRankPackage, c.rank_package ? 1 : 0);
  put(w, f::kDrop, c.drop ? 1 : 0);
  put(w, f::kSizes, c.sizes ? 1 : 0);
  put(w, f::kSummed, c.summed ? 1 : 0);
}

void get_flags(Command& c, const CommandWords& w) {
  c.panel = get_flag(w, f::kPanel);
  c.order = static_cast<LoopOrder>(get(w, f::kOrder));
  c.a_type = static_cast<Element>(get(w, f::kTypeA));
  c.c_type = static_cast<Element>(get(w, f::kTypeC));
  c.layout_b = static_cast<LayoutB>(get(w, f::kLayoutB));
  c.activation = static_cast<Activation>(get(w, f::kActivation));
  c.residual = get_flag(w, f::kResidual);
  c.keep_cls_scores = get_flag(w, f::kKeepClsScores);
  c.on_cpu = get_flag(w, f::kOnCpu);
  c.score_source = static_cast<ScoreSource>(get(w, f::kScoreSource));
  c.select_rule = static_cast<SelectRule>(get(w, f::kSelectRule));
  c.restream = get_flag(w, f::kRestream);
  c.chain = get_flag(w, f::kChain);
  c.follows = get_flag(w, f::kFollows);
  c.sums = static_cast<uint8_t>(get(w, f::kSums) + 1);
  c.rank_package = get_flag(w, f::kRankPackage);
  c.drop = get_flag(w, f::kDrop);
  c.sizes = get_flag(w, f::kSizes);
  c.summed = get_flag(w, f::kSummed);
}

void put_convolution(CommandWords& w, const Im2col& v) {
  put(w, f::kConvSize, v.size);
  put(w, f::kConvOutSize, v.out_size);
  put(w, f::kConvChannels, v.channels);
  put(w, f::kConvKernel, v.kernel);
  put(w, f::kConvStride, v.stride);
  put(w, f::kConvPad, v.pad);
  put(w, f::kConvSplit, v.split ? 1 : 0);
}

void put_batch(CommandWords& w, const Command& c) {
  put(w, f::kImage, c.image);
  put(w, f::kBehindA, c.a_behind ? 1 : 0);
  put(w, f::kBehindB, c.b_behind ? 1 : 0);
  put(w, f::kBehindC, c.c_behind ? 1 : 0);
}

void get_batch(Command& c, const CommandWords& w) {
  c.image = get8(w, f::kImage);
  c.a_behind = get_flag(w, f::kBehindA);
  c.b_behind = get_flag(w, f::kBehindB);
  c.c_behind = get_flag(w, f::kBehindC);
}

void require(bool ok, const std::string& what) {
  if (!ok) throw std::invalid_argument("bad command: " + what);
}

/// What fields must be beside each other; each alone: command_fields.h.
void check(const Command& c) {
  require(c.head_group <= c.heads, "head group outside 1..heads");
  require(c.sums == 1 || (c.order == LoopOrder::kNM && c.layout_b == LayoutB::kPacked && c.heads == 1 && !c.panel &&
                          c.conv.size == 0),
          "sums kept in a loop that has none");
  require(c.image != 0 || !(c.a_behind || c.b_behind || c.c_behind), "operand behind the rows of no image");
  require(
      c.opcode != Opcode::kTokenPack || c.threshold == 0 || (c.threshold >= kLeastDivisor && c.threshold >> 28 == 0),
      "divisor of a package outside 65535..2^28 - 1");
  const bool softmax =
      c.opcode == Opcode::kSoftmax || (c.opcode == Opcode::kGemm && c.activation == Activation::kSoftmax);
  require(!c.sizes || softmax || c.opcode == Opcode::kTokenSelect || c.opcode == Opcode::kTokenPack,
          "sizes are softmax's, TOKEN_SELECT's and TOKEN_PACK's");
  require(!c.summed || c.opcode == Opcode::kGemm || c.opcode == Opcode::kTokenMean,
          "summed is GEMM's and TOKEN_MEAN's");
  if (c.opcode == Opcode::kLayerNorm) require(c.epsilon >= 1, "LayerNorm without epsilon");
  if (c.conv.size != 0) {
    require(c.conv.out_size != 0 && c.conv.channels != 0 && c.conv.kernel != 0 && c.conv.stride != 0,
            "empty convolution");
    require(!c.conv.split || c.tile_k % (c.conv.kernel * c.conv.channels) == 0,
            "split convolution with broken kernel rows");
  }
}

}  // namespace

CommandWords encode(const Command& c) {
  CommandWords w{};
  put(w, f::kOpcode, static_cast<uint32_t>(c.opcode));
  put(w, f::kBlock, c.block);
  put(w, f::kOp, c.op);
  put(w, f::kStage, c.stage);
  put_flags(w, c);
  put_extent(w, f::kWordM, c.m);
  put_extent(w, f::kWordK, c.k);
  put_extent(w, f::kWordN, c.n);
  put(w, f::kHeads, c.heads);
  put(w, f::kHeadGroup, c.head_group);
  put(w, f::kKeep, c.keep);
  put(w, f::kTileM, c.tile_m);
  put(w, f::kTileK, c.tile_k);
  put(w, f::kTileN, c.tile_n);
  put(w, f::kDelta, c.delta);
  put_operand(w, f::kWordA, c.a);
  put_operand(w, f::kWordB, c.b);
  put_operand(w, f::kWordC, c.c);
  put_operand(w, f::kWordR, c.r);
  put(w, f::kRecords, c.records);
  put(w, f::kMultiplier, c.immediate.multiplier);
  put(w, f::kShift, c.immediate.shift);
  put(w, f::kMultiplier2, c.multiplier2);
  put(w, f::kShift2, c.shift2);
  put_convolution(w, c.conv);
  put(w, f::kThreshold, c.threshold);
  put(w, f::kEpsilonLow, static_cast<uint32_t>(c.epsilon));
  put(w, f::kEpsilonHigh, static_cast<uint32_t>(c.epsilon >> 32));
  put(w, f::kWaitA, c.wait_a);
  put(w, f::kWaitB, c.wait_b);
  put_batch(w, c);
  put(w, f::kFront, c.front);
  w[f::kChecksumWord] = command_checksum(w.data());
  return w;
}

Command decode(const CommandWords& w) {
  require(w[f::kChecksumWord] == command_checksum(w.data()), "checksum does not match");
  if (const std::string fault = field_fault(w); !fault.empty()) require(false, fault);
  Command c;
  c.opcode = static_cast<Opcode>(get(w, f::kOpcode));
  c.block = get8(w, f::kBlock);
  c.op = get8(w, f::kOp);
  c.stage = get8(w, f::kStage);
  get_flags(c, w);
  c.m = get_extent(w, f::kWordM);
  c.k = get_extent(w, f::kWordK);
  c.n = get_extent(w, f::kWordN);
  c.heads = get8(w, f::kHeads);
  c.head_group = get8(w, f::kHeadGroup);
  c.keep = get16(w, f::kKeep);
  c.tile_m = get16(w, f::kTileM);
  c.tile_k = get16(w, f::kTileK);
  c.tile_n = get16(w, f::kTileN);
  c.delta = get16(w, f::kDelta);
  c.a = get_operand(w, f::kWordA);
  c.b = get_operand(w, f::kWordB);
  c.c = get_operand(w, f::kWordC);
  c.r = get_operand(w, f::kWordR);
  c.records = get(w, f::kRecords);
  c.immediate = {0, get16(w, f::kMultiplier), get8(w, f::kShift), 0};
  c.multiplier2 = get16(w, f::kMultiplier2);
  c.shift2 = get8(w, f::kShift2);
  c.conv = {get16(w, f::kConvSize),  get16(w, f::kConvOutSize), get16(w, f::kConvChannels), get8(w, f::kConvKernel),
            get8(w, f::kConvStride), get8(w, f::kConvPad),      get_flag(w, f::kConvSplit)};
  c.threshold = get(w, f::kThreshold);
  c.epsilon = uint64_t{get(w, f::kEpsilonLow)} | uint64_t{get(w, f::kEpsilonHigh)} << 32;
  c.wait_a = get16(w, f::kWaitA);
  c.wait_b = get16(w, f::kWaitB);
  get_batch(c, w);
  c.front = get8(w, f::kFront);
  check(c);
  return c;
}

uint64_t macs(const Command& c, int tokens) {
  if (c.opcode != Opcode::kGemm) return 0;
  return static_cast<uint64_t>(c.m.at(tokens)) * static_cast<uint64_t>(c.k.at(tokens)) *
         static_cast<uint64_t>(c.n.at(tokens)) * c.heads;
}

}  // namespace heatvit::isa
