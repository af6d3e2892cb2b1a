#include "accel/isa/command_fields.h"

namespace heatvit::isa {
namespace {

namespace f = fields;
using Parts = std::array<FieldPart, NamedField::kParts>;

constexpr std::array<std::string_view, kOps> kOpNames = {
    "embed",     "cls",       "norm1",      "qkv",      "scores",   "softmax",     "attend",    "proj",
    "norm2",     "fc1",       "fc2",        "norm",     "head",     "aux_head",    "logits",    "stem",
    "sel_norm",  "sel_local", "sel_mean",   "sel_mlp1", "sel_mlp2", "sel_keep",    "sel_hmean", "sel_head1",
    "sel_head2", "sel_score", "sel_select", "sel_pack", "sel_keys", "sel_similar", "sel_match", "end"};

constexpr std::array<std::string_view, kOpcodes> kOpcodeNames = {
    "END",       "GEMM",        "SOFTMAX",      "LAYERNORM",  "COPY",           "TOKEN_MEAN",
    "HEAD_MEAN", "TOKEN_SCORE", "TOKEN_SELECT", "TOKEN_PACK", "COLUMN_MAX_ADD", "TOKEN_MATCH"};

constexpr std::array<std::string_view, kElements> kElementNames = {"i8", "u8", "i16", "u16", "i32"};
constexpr std::array<std::string_view, kActivations> kActivationNames = {"none",    "relu",    "gelu",
                                                                         "sigmoid", "softmax", "silu"};
constexpr std::array<std::string_view, kLayouts> kLayoutNames = {"packed", "rows_n", "rows_k"};
constexpr std::array<std::string_view, 2> kOrderNames = {"mn", "nm"};
constexpr std::array<std::string_view, 2> kSourceNames = {"memory", "random"};
constexpr std::array<std::string_view, 2> kRuleNames = {"count", "threshold"};

constexpr FieldPart number(Field bits, std::string_view before = "", uint64_t least = 0, uint64_t most = 0) {
  return {bits, FieldKind::kNumber, before, least, most != 0 ? most : mask_of(bits)};
}

template <size_t kCount>
constexpr FieldPart one_of(Field bits, const std::array<std::string_view, kCount>& words,
                           std::string_view before = "") {
  return {bits, FieldKind::kWord, before, 0, kCount - 1, 0, words.data()};
}

constexpr FieldPart of_kind(FieldKind kind, Field bits) { return {bits, kind, "", 0, mask_of(bits)}; }

NamedField flag(std::string_view name, Field bits) { return {name, {of_kind(FieldKind::kFlag, bits)}, 1}; }
NamedField extent(std::string_view name, int word) {
  return {name, {of_kind(FieldKind::kExtent, Field{word, 0, 32})}, 1};
}
NamedField operand(std::string_view name, int word) {
  return {name,
          {of_kind(FieldKind::kAddress, f::address_of(word)), number(f::pitch_of(word), "/"),
           number(f::head_stride_of(word), "+h*")},
          3};
}
NamedField scale(std::string_view name, Field multiplier, Field shift) {
  return {name, {number(multiplier), number(shift, ">>", 1, 62)}, 2};
}

constexpr FieldPart kOpcodePart = one_of(f::kOpcode, kOpcodeNames);

std::vector<NamedField> make_fields() {
  const FieldPart sums{f::kSums, FieldKind::kNumber, "", 1, mask_of(f::kSums) + uint64_t{1}, 1};
  const FieldPart epsilon{f::kEpsilonLow, FieldKind::kWide, "", 0, UINT64_MAX};
  return {
      {"block", {of_kind(FieldKind::kBlock, f::kBlock)}},
      {"op", {one_of(f::kOp, kOpNames)}},
      {"image", {number(f::kImage, "", 0, kMaxBatch)}},
      extent("m", f::kWordM),
      extent("k", f::kWordK),
      extent("n", f::kWordN),
      {"tile", {number(f::kTileM, "", 1), number(f::kTileK, "x", 1), number(f::kTileN, "x", 1)}, 3},
      {"order", {one_of(f::kOrder, kOrderNames)}},
      flag("panel", f::kPanel),
      {"sums", {sums}},
      {"heads", {number(f::kHeads, "", 1), number(f::kHeadGroup, "/", 1)}, 2},
      {"type", {one_of(f::kTypeA, kElementNames), one_of(f::kTypeC, kElementNames, "->")}, 2, true},
      {"activation", {one_of(f::kActivation, kActivationNames)}},
      flag("on_cpu", f::kOnCpu),
      flag("restream", f::kRestream),
      flag("residual", f::kResidual),
      flag("cls_scores", f::kKeepClsScores),
      {"im2col",
       {number(f::kConvSize), number(f::kConvOutSize, ">"), number(f::kConvChannels, "x"), number(f::kConvKernel, "/k"),
        number(f::kConvStride, "/s"), number(f::kConvPad, "/p")},
       6},
      flag("split", f::kConvSplit),
      operand("a", f::kWordA),
      flag("a_behind", f::kBehindA),
      operand("b", f::kWordB),
      flag("b_behind", f::kBehindB),
      {"layout", {one_of(f::kLayoutB, kLayoutNames)}},
      operand("c", f::kWordC),
      flag("c_behind", f::kBehindC),
      operand("r", f::kWordR),
      {"records", {of_kind(FieldKind::kAddress, f::kRecords)}},
      scale("scale", f::kMultiplier, f::kShift),
      scale("scale2", f::kMultiplier2, f::kShift2),
      {"delta", {number(f::kDelta, "", 0, 32768)}},
      {"epsilon", {epsilon}},
      {"stage", {number(f::kStage)}},
      {"select", {one_of(f::kSelectRule, kRuleNames)}},
      {"scores", {one_of(f::kScoreSource, kSourceNames)}},
      {"keep", {number(f::kKeep)}},
      {"threshold", {number(f::kThreshold)}},
      flag("rank_package", f::kRankPackage),
      flag("drop", f::kDrop),
      flag("sizes", f::kSizes),
      flag("summed", f::kSummed),
      {"front", {number(f::kFront)}},
      flag("follows", f::kFollows),
      flag("chain", f::kChain),
      {"wait_a", {of_kind(FieldKind::kDependency, f::kWaitA)}},
      {"wait_b", {of_kind(FieldKind::kDependency, f::kWaitB)}},
  };
}

/// Bits that fields have.
CommandWords used_bits() {
  CommandWords used{};
  const auto add = [&used](const FieldPart& part) {
    put_field(used.data(), part.bits, ~uint32_t{0});
    if (part.kind == FieldKind::kWide) used.at(static_cast<size_t>(part.bits.word) + 1) = ~uint32_t{0};
  };
  add(kOpcodePart);
  for (const NamedField& field : command_fields())
    for (size_t i = 0; i < field.count; ++i) add(field.parts[i]);
  used[f::kChecksumWord] = ~uint32_t{0};
  return used;
}

bool fits(const FieldPart& part, const CommandWords& words) {
  const uint64_t value = value_of(words, part);
  return value >= part.least && value <= part.most;
}

}  // namespace

std::string_view name_of(Op op) { return kOpNames.at(static_cast<size_t>(op)); }
std::string_view name_of(Opcode opcode) { return kOpcodeNames.at(static_cast<size_t>(opcode)); }

const std::vector<NamedField>& command_fields() {
  static const std::vector<NamedField> kFields = make_fields();
  return kFields;
}

const FieldPart& opcode_field() { return kOpcodePart; }

uint64_t value_of(const CommandWords& words, const FieldPart& part) {
  const uint64_t low = get_field(words.data(), part.bits) + part.added;
  return part.kind == FieldKind::kWide ? low | uint64_t{words.at(static_cast<size_t>(part.bits.word) + 1)} << 32 : low;
}

void set_value(CommandWords& words, const FieldPart& part, uint64_t value) {
  uint32_t& word = words.at(static_cast<size_t>(part.bits.word));
  word &= ~(mask_of(part.bits) << part.bits.shift);
  put_field(words.data(), part.bits, static_cast<uint32_t>(value - part.added));
  if (part.kind == FieldKind::kWide)
    words.at(static_cast<size_t>(part.bits.word) + 1) = static_cast<uint32_t>(value >> 32);
}

std::string allowed(const FieldPart& part) {
  switch (part.kind) {
    case FieldKind::kExtent: return "a number in -32768..32767, T, or both as in 3T-4 (T up to 65535 times)";
    case FieldKind::kDependency: return "the label of a command, or @ and its index from 0";
    case FieldKind::kBlock: return "0..254 or head";
    case FieldKind::kWord: break;
    default: return std::to_string(part.least) + ".." + std::to_string(part.most);
  }
  std::string text;
  for (uint64_t i = 0; i <= part.most; ++i)
    (text += i == 0 ? "" : i < part.most ? ", " : " or ") += std::string(part.words[i]);
  return text;
}

std::string field_fault(const CommandWords& words) {
  static const CommandWords kUsed = used_bits();
  for (size_t i = 0; i < words.size(); ++i)
    if ((words[i] & ~kUsed[i]) != 0) return "reserved bits of word " + std::to_string(i) + " are set";
  if (!fits(kOpcodePart, words)) return "unknown opcode";
  for (const NamedField& field : command_fields())
    for (size_t i = 0; i < field.count; ++i)
      if (!fits(field.parts[i], words))
        return std::string(field.name) + " is " + std::to_string(value_of(words, field.parts[i])) +
               ", which is outside " + allowed(field.parts[i]);
  return "";
}

}  // namespace heatvit::isa
