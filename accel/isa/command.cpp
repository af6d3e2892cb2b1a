#include "accel/isa/command.h"

#include <stdexcept>

namespace heatvit::isa {
namespace {

constexpr std::array<std::string_view, kOps> kOpNames = {
    "embed",     "cls",       "norm1",      "qkv",      "scores",   "softmax",  "attend",    "proj",
    "norm2",     "fc1",       "fc2",        "norm",     "head",     "aux_head", "logits",    "stem",
    "sel_norm",  "sel_local", "sel_mean",   "sel_mlp1", "sel_mlp2", "sel_keep", "sel_hmean", "sel_head1",
    "sel_head2", "sel_score", "sel_select", "sel_pack", "end"};

constexpr std::array<std::string_view, kOpcodes> kOpcodeNames = {
    "END",       "GEMM",        "SOFTMAX",      "LAYERNORM",  "COPY",          "TOKEN_MEAN",
    "HEAD_MEAN", "TOKEN_SCORE", "TOKEN_SELECT", "TOKEN_PACK", "COLUMN_MAX_ADD"};

constexpr int kChecksumWord = kCommandWords - 1;
constexpr uint32_t kFlagMask = 0x3FFFF;  // bits of word 1 that mean something

uint32_t checksum(const CommandWords& words) {
  uint32_t sum = 0x48564954;  // "HVIT"
  for (int i = 0; i < kChecksumWord; ++i)
    sum = ((sum << 5) | (sum >> 27)) * 0x9E3779B1U ^ words[static_cast<size_t>(i)];
  return sum;
}

uint32_t pack16(uint32_t low, uint32_t high) { return (low & 0xFFFF) | (high << 16); }
uint32_t pack(const Extent& e) { return pack16(static_cast<uint16_t>(e.fixed), e.per_token); }
uint16_t low16(uint32_t w) { return static_cast<uint16_t>(w & 0xFFFF); }
uint16_t high16(uint32_t w) { return static_cast<uint16_t>(w >> 16); }
Extent unpack(uint32_t w) { return {static_cast<int16_t>(low16(w)), high16(w)}; }

void put(CommandWords& words, size_t at, const Operand& o) {
  words[at] = o.address;
  words[at + 1] = o.pitch;
  words[at + 2] = o.head_stride;
}
Operand get(const CommandWords& words, size_t at) { return {words[at], words[at + 1], words[at + 2]}; }

uint32_t flags_of(const Command& c) {
  uint32_t f = 0;
  f |= c.panel ? 1U : 0U;
  f |= c.order == LoopOrder::kNM ? 1U << 1 : 0U;
  f |= static_cast<uint32_t>(c.a_type) << 2;
  f |= static_cast<uint32_t>(c.c_type) << 5;
  f |= static_cast<uint32_t>(c.layout_b) << 8;
  f |= static_cast<uint32_t>(c.activation) << 10;
  f |= c.residual ? 1U << 13 : 0U;
  f |= c.keep_cls_scores ? 1U << 14 : 0U;
  f |= c.on_cpu ? 1U << 15 : 0U;
  f |= static_cast<uint32_t>(c.score_source) << 16;
  f |= static_cast<uint32_t>(c.select_rule) << 17;
  return f;
}

template <class T>
T enumerator(uint32_t value, uint32_t count, const char* what) {
  if (value >= count) throw std::invalid_argument(std::string("bad command: unknown ") + what);
  return static_cast<T>(value);
}

void set_flags(Command& c, uint32_t f) {
  if ((f & ~kFlagMask) != 0) throw std::invalid_argument("bad command: reserved flag bits are set");
  c.panel = (f & 1U) != 0;
  c.order = (f >> 1 & 1U) != 0 ? LoopOrder::kNM : LoopOrder::kMN;
  c.a_type = enumerator<Element>(f >> 2 & 7U, 5, "type of operand A");
  c.c_type = enumerator<Element>(f >> 5 & 7U, 5, "type of the result");
  c.layout_b = enumerator<LayoutB>(f >> 8 & 3U, 3, "layout of operand B");
  c.activation = enumerator<Activation>(f >> 10 & 7U, 5, "activation");
  c.residual = (f >> 13 & 1U) != 0;
  c.keep_cls_scores = (f >> 14 & 1U) != 0;
  c.on_cpu = (f >> 15 & 1U) != 0;
  c.score_source = static_cast<ScoreSource>(f >> 16 & 1U);
  c.select_rule = static_cast<SelectRule>(f >> 17 & 1U);
}

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(std::string("bad command: ") + what);
}

void check(const Command& c) {
  require(c.heads >= 1 && c.head_group >= 1 && c.head_group <= c.heads, "head group outside 1..heads");
  require(c.tile_m >= 1 && c.tile_k >= 1 && c.tile_n >= 1, "empty tile");
  require(c.immediate.shift >= 1 && c.immediate.shift <= 62 && c.shift2 >= 1 && c.shift2 <= 62, "shift outside 1..62");
  require(c.delta <= 32768, "delta above 1");
  if (c.opcode == Opcode::kLayerNorm) require(c.epsilon >= 1, "LayerNorm without epsilon");
  if (c.conv.size != 0) {
    require(!c.conv.split || c.tile_k % (c.conv.kernel * c.conv.channels) == 0,
            "split convolution with broken kernel rows");
    require(c.conv.out_size != 0 && c.conv.channels != 0 && c.conv.kernel != 0 && c.conv.stride != 0,
            "empty convolution");
  }
}

}  // namespace

std::string_view name_of(Op op) { return kOpNames.at(static_cast<size_t>(op)); }
std::string_view name_of(Opcode opcode) { return kOpcodeNames.at(static_cast<size_t>(opcode)); }

CommandWords encode(const Command& c) {
  CommandWords w{};
  w[0] = static_cast<uint32_t>(c.opcode) | uint32_t{c.block} << 8 | uint32_t{c.op} << 16 | uint32_t{c.stage} << 24;
  w[1] = flags_of(c);
  w[2] = pack(c.m);
  w[3] = pack(c.k);
  w[4] = pack(c.n);
  w[5] = uint32_t{c.heads} | uint32_t{c.head_group} << 8 | uint32_t{c.keep} << 16;
  w[6] = pack16(c.tile_m, c.tile_k);
  w[7] = pack16(c.tile_n, c.delta);
  put(w, 8, c.a);
  put(w, 11, c.b);
  put(w, 14, c.c);
  put(w, 17, c.r);
  w[20] = c.records;
  w[21] = pack16(c.immediate.multiplier, c.immediate.shift);
  w[22] = pack16(c.multiplier2, c.shift2);
  w[23] = pack16(c.conv.size, c.conv.out_size);
  w[24] = pack16(c.conv.channels, uint32_t{c.conv.kernel} | uint32_t{c.conv.stride} << 8);
  w[25] = uint32_t{c.conv.pad} | (c.conv.split ? 1U << 8 : 0U);
  w[26] = c.threshold;
  w[27] = static_cast<uint32_t>(c.epsilon);
  w[28] = static_cast<uint32_t>(c.epsilon >> 32);
  w[29] = pack16(c.wait_a, c.wait_b);
  w[kChecksumWord] = checksum(w);
  return w;
}

Command decode(const CommandWords& w) {
  require(w[kChecksumWord] == checksum(w), "checksum does not match");
  Command c;
  c.opcode = enumerator<Opcode>(w[0] & 0xFF, kOpcodes, "opcode");
  c.block = static_cast<uint8_t>(w[0] >> 8);
  c.op = static_cast<uint8_t>(w[0] >> 16);
  require(c.op < kOps, "unknown operation name");
  c.stage = static_cast<uint8_t>(w[0] >> 24);
  set_flags(c, w[1]);
  c.m = unpack(w[2]);
  c.k = unpack(w[3]);
  c.n = unpack(w[4]);
  c.heads = static_cast<uint8_t>(w[5]);
  c.head_group = static_cast<uint8_t>(w[5] >> 8);
  c.keep = high16(w[5]);
  c.tile_m = low16(w[6]);
  c.tile_k = high16(w[6]);
  c.tile_n = low16(w[7]);
  c.delta = high16(w[7]);
  c.a = get(w, 8);
  c.b = get(w, 11);
  c.c = get(w, 14);
  c.r = get(w, 17);
  c.records = w[20];
  c.immediate = {0, low16(w[21]), static_cast<uint8_t>(high16(w[21])), 0};
  c.multiplier2 = low16(w[22]);
  c.shift2 = static_cast<uint8_t>(high16(w[22]));
  c.conv.size = low16(w[23]);
  c.conv.out_size = high16(w[23]);
  c.conv.channels = low16(w[24]);
  c.conv.kernel = static_cast<uint8_t>(w[24] >> 16);
  c.conv.stride = static_cast<uint8_t>(w[24] >> 24);
  c.conv.pad = static_cast<uint8_t>(w[25]);
  c.conv.split = (w[25] >> 8 & 1U) != 0;
  c.threshold = w[26];
  c.epsilon = uint64_t{w[27]} | uint64_t{w[28]} << 32;
  c.wait_a = low16(w[29]);
  c.wait_b = high16(w[29]);
  check(c);
  return c;
}

}  // namespace heatvit::isa
