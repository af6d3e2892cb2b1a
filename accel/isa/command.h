// The command list: what the accelerator's control unit fetches from DDR. One command is one tensor operation; the
// hardware walks its tiles. Encoded as 32 little-endian 32-bit words (128 bytes); accel/isa/layout.h has the
// codes and the bit layout, docs/isa.md the words.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "accel/isa/layout.h"
#include "accel/isa/records.h"

namespace heatvit::isa {

using CommandWords = std::array<uint32_t, kCommandWords>;

/// An extent that may depend on the token-count register T: fixed + per_token * T.
struct Extent {
  int16_t fixed = 0;
  uint16_t per_token = 0;
  constexpr int at(int tokens) const { return fixed + per_token * tokens; }
  constexpr bool dynamic() const { return per_token != 0; }
};

/// A matrix in DDR, possibly one per head. Byte units.
struct Operand {
  uint32_t address = 0;
  uint32_t pitch = 0;        // from row to row
  uint32_t head_stride = 0;  // from head to head
};

/// Convolution source of operand A: row m is output pixel (oy, ox), column k is (ky, kx, c); the image is HWC, of A's
/// type, zero outside. k = kernel * kernel * channels, m = out_size^2.
struct Im2col {
  uint16_t size = 0;      // input height = width; 0: A is a plain matrix
  uint16_t out_size = 0;  // output height = width
  uint16_t channels = 0;
  uint8_t kernel = 0;
  uint8_t stride = 0;
  uint8_t pad = 0;
  bool split = false;  // the buffer holds the kernel rows of one k tile (whole rows) instead of the whole window
};

/// Index of a command in its list plus one; zero means no dependency.
using Dependency = uint16_t;

struct Command {
  Opcode opcode = Opcode::kEnd;
  uint8_t block = 0;  // 0 embedding, 1..depth, kHeadBlock: for reports only
  uint8_t op = 0;     // isa::Op, for reports only

  Extent m, k, n;  // GEMM: A is m x k, B k x n, C m x n per head. Vector operations: m rows of n values per head
  // Packed weights are the same for all heads: heads are images then, and a weight tile serves them one after another.
  uint8_t heads = 1;
  uint8_t head_group = 1;  // heads processed together, at most Th
  uint16_t tile_m = 1, tile_k = 1, tile_n = 1;
  // GEMM: the output tile spans all of n (softmax across the row); B tiles are tile_n wide. Select, pack: whole rows
  // are packed, those that go first, in place of columns of all rows.
  bool panel = false;
  LoopOrder order = LoopOrder::kNM;
  // More than 1: the sums of so many row tiles are kept, and each tile of B passes all of them before the next one; k
  // is outside m there. Order nm, packed weights.
  uint8_t sums = 1;

  Operand a, b, c, r;        // r: residual (GEMM), second source otherwise
  uint32_t records = 0;      // ChannelRecord[n] or NormRecord[n] in DDR; GEMM: 0 = use `immediate` for every channel
  ChannelRecord immediate;   // bias must be 0
  uint16_t multiplier2 = 0;  // GELU output scale
  uint8_t shift2 = 1;        // GELU output shift; LayerNorm shift
  uint16_t delta = 32768;    // delta1 (GELU) or delta2 (softmax), Q15
  Element a_type = Element::kInt8;
  Element c_type = Element::kInt8;
  LayoutB layout_b = LayoutB::kPacked;
  Activation activation = Activation::kNone;
  bool residual = false;  // GEMM: add r (same type as c) before saturation
  bool restream = false;  // GEMM: operand A is loaded again for every column of tiles, be it in its buffer or not
  bool keep_cls_scores = false;  // softmax: add row 0's 16-bit probabilities, head by head, to the score memory
  bool on_cpu = false;           // LayerNorm: interrupt the host, which does it
  bool chain = false;            // the next command is done together with this one, row tile by row tile
  bool follows = false;          // in a chain: A are the rows that the vector unit has just finished, and is not loaded
  Im2col conv;

  uint8_t stage = 0;  // selector 1..3 (select and pack)
  ScoreSource score_source = ScoreSource::kMemory;
  SelectRule select_rule = SelectRule::kCount;
  uint16_t keep = 0;          // kCount: patch tokens that stay
  uint8_t front = 1;          // tokens in front of the candidates (class, distillation, registers), which always stay
  bool rank_package = false;  // select: a package token of an earlier selection is one of the candidates
  bool drop = false;          // select: what does not stay is dropped; there is no package token
  // Token merging. Softmax: exponentials times the size of the column's token. Select: what goes is merged, so there is
  // no package. Pack: into its partner, the mean weighted by sizes.
  bool sizes = false;
  // GEMM: the candidates' rows are added up on their way out, column by column. TOKEN_MEAN: of the sums of the product
  // before it, whose result is A; nothing is loaded.
  bool summed = false;
  // Select, kThreshold: keep where score >= threshold. Pack: what the package's weighted sum is divided by; 0: the sum
  // of its weights, and equal weights where that is zero.
  uint32_t threshold = 0;
  uint64_t epsilon = 0;   // LayerNorm: n^2 eps / scale^2
  Dependency wait_a = 0;  // operand A and R (and the command as a whole for select): after this command's stores
  Dependency wait_b = 0;  // operand B likewise; 0 for weights, which may be prefetched

  // Batch. The rows of its images follow each other, as many as each has tokens; T is all of them where `image` is 0.
  uint8_t image = 0;  // 1..batch: T is this image's, and the operands marked below begin behind the rows of the images
                      // before it; a selector operation works on this image's scores
  bool a_behind = false, b_behind = false, c_behind = false;
};

enum class Op : uint8_t {
  kEmbed,
  kCls,
  kNorm1,
  kQkv,
  kScores,
  kSoftmax,
  kAttend,
  kProj,
  kNorm2,
  kFc1,
  kFc2,
  kNorm,
  kHead,
  kAuxHead,
  kLogits,
  kStem,
  kSelNorm,
  kSelLocal,
  kSelGlobal,
  kSelMlp1,
  kSelMlp2,
  kSelKeep,
  kSelHeadMean,
  kSelHead1,
  kSelHead2,
  kSelScore,
  kSelSelect,
  kSelPack,
  kSelKeys,
  kSelSimilar,
  kSelMatch,
  kEnd
};
constexpr int kOps = static_cast<int>(Op::kEnd) + 1;
constexpr uint8_t kHeadBlock = 255;

std::string_view name_of(Op op);
std::string_view name_of(Opcode opcode);
/// Of the token selector.
constexpr bool of_selector(Op op) { return op >= Op::kSelNorm && op <= Op::kSelMatch; }
/// Operand B is K or V, which an earlier command wrote; else weights.
constexpr bool reads_kv(const Command& c) { return c.layout_b != LayoutB::kPacked && c.wait_b != 0; }
inline Op op_of(const Command& c) { return static_cast<Op>(c.op); }

/// Multiply-accumulates of a GEMM command at `tokens` in the register; 0 for others.
uint64_t macs(const Command& command, int tokens);

CommandWords encode(const Command& command);

/// Throws std::invalid_argument with one line when the words are no command: checksum, opcode, reserved bits, ranges.
Command decode(const CommandWords& words);

/// One line: index, operation, fields (command_fields.h); lists: command_text.h.
std::string disassemble(const Command& command, int index);

}  // namespace heatvit::isa
