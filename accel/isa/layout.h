// Bit layout of a command and the codes in it: the one place that says where a field lies. Encoder, decoder
// (command.cpp) and the synthesised control (accel/hls) read it. C++14 and <cstdint> alone, so that HLS tools take it.
#ifndef HEATVIT_ACCEL_ISA_LAYOUT_H_
#define HEATVIT_ACCEL_ISA_LAYOUT_H_

#include <cstdint>

namespace heatvit {
namespace isa {

constexpr int kCommandWords = 32;
constexpr int kCommandBytes = 4 * kCommandWords;

enum class Opcode : uint8_t {
  kEnd = 0,          // raise the interrupt
  kGemm = 1,         // C = post(A x B), tiles on the PE array
  kSoftmax = 2,      // rows of int16 scores (Q8) -> uint8 / uint16 probabilities
  kLayerNorm = 3,    // rows of the residual stream -> activations, in the fabric or on the host CPU
  kCopy = 4,         // m rows of n bytes each
  kTokenMean = 5,    // mean over candidate tokens, written beside every token (the selector's global feature, pooling)
  kHeadMean = 6,     // mean of each row of n values -> an activation (the selector's head statistics)
  kTokenScore = 7,   // per-head keep probabilities and head weights -> the selector's score memory
  kTokenSelect = 8,  // scores -> keep list, token-count register
  kTokenPack = 9,    // compact the residual stream, append the package token
  kColumnMaxAdd = 10,  // C[0][j] = R[0][j] + max over rows A[i][j] (int32; LV-ViT's auxiliary head)
  kTokenMatch = 11,    // rows of similarities -> each token's partner, the selector's score memory (token merging)
};
constexpr int kOpcodes = 12;

enum class Element : uint8_t { kInt8 = 0, kUint8 = 1, kInt16 = 2, kUint16 = 3, kInt32 = 4 };
constexpr int kElements = 5;
constexpr int bytes_of(Element e) {
  return e == Element::kInt32 ? 4 : (e == Element::kInt16 || e == Element::kUint16) ? 2 : 1;
}

/// Of a GEMM, operand B is signed and as wide as A: int8 beside int8 and uint8, int16 beside int16 and uint16.
constexpr Element type_of_b(Element a) { return bytes_of(a) == 2 ? Element::kInt16 : Element::kInt8; }

/// What follows the requantisation of a GEMM's accumulator (docs/numerics.md).
enum class Activation : uint8_t { kNone = 0, kRelu = 1, kGelu = 2, kSigmoid = 3, kSoftmax = 4, kSilu = 5 };
constexpr int kActivations = 6;

/// How operand B lies in DDR.
enum class LayoutB : uint8_t {
  // Weights, tile after tile: the tile (n0, k0) of nn x kk starts at element n0 * K + k0 * nn; rows are n, dense.
  kPacked = 0,
  kRowsN = 1,  // rows are n (K of QK^T)
  kRowsK = 2,  // rows are k (V of A x V)
};
constexpr int kLayouts = 3;

constexpr int kMaxSums = 64;               // row tiles whose sums are kept
constexpr uint32_t kLeastDivisor = 65535;  // of TOKEN_PACK, 28 bits: quotients have at most 32
constexpr int kMaxBatch = 64;              // images of a batch
constexpr int kMaxSequence = 1056;  // tokens of an image: a row of attention (448 pixels in patches of 14 are 1025)

enum class LoopOrder : uint8_t { kMN = 0, kNM = 1 };  // outer, then inner; k innermost (but see Command::sums)

enum class ScoreSource : uint8_t { kMemory = 0, kRandom = 1 };
enum class SelectRule : uint8_t { kCount = 0, kThreshold = 1 };

/// Addresses from here on are the accelerator's memory on chip, not DDR.
constexpr uint32_t kChipBase = 0xC0000000U;
constexpr bool on_chip(uint32_t address) { return address >= kChipBase; }

/// `bits` bits of a 32-bit word, the lowest at `shift`.
struct Field {
  int word, shift, bits;
};

namespace fields {

constexpr Field kOpcode{0, 0, 8}, kBlock{0, 8, 8}, kOp{0, 16, 8}, kStage{0, 24, 8};
constexpr Field kPanel{1, 0, 1}, kOrder{1, 1, 1}, kTypeA{1, 2, 3}, kTypeC{1, 5, 3}, kLayoutB{1, 8, 2},
    kActivation{1, 10, 3}, kResidual{1, 13, 1}, kKeepClsScores{1, 14, 1}, kOnCpu{1, 15, 1}, kScoreSource{1, 16, 1},
    kSelectRule{1, 17, 1}, kRestream{1, 18, 1}, kChain{1, 19, 1}, kFollows{1, 20, 1}, kSums{1, 21, 6},
    kRankPackage{1, 27, 1}, kDrop{1, 28, 1}, kSizes{1, 29, 1}, kSummed{1, 30, 1}, kReservedFlags{1, 31, 1};
constexpr Field kHeads{5, 0, 8}, kHeadGroup{5, 8, 8}, kKeep{5, 16, 16};
constexpr Field kTileM{6, 0, 16}, kTileK{6, 16, 16}, kTileN{7, 0, 16}, kDelta{7, 16, 16};
constexpr Field kRecords{20, 0, 32};
constexpr Field kMultiplier{21, 0, 16}, kShift{21, 16, 8};
constexpr Field kMultiplier2{22, 0, 16}, kShift2{22, 16, 8};
constexpr Field kConvSize{23, 0, 16}, kConvOutSize{23, 16, 16}, kConvChannels{24, 0, 16}, kConvKernel{24, 16, 8},
    kConvStride{24, 24, 8}, kConvPad{25, 0, 8}, kConvSplit{25, 8, 1};
constexpr Field kThreshold{26, 0, 32};
constexpr Field kEpsilonLow{27, 0, 32}, kEpsilonHigh{28, 0, 32};
constexpr Field kWaitA{29, 0, 16}, kWaitB{29, 16, 16};
constexpr Field kImage{30, 0, 8}, kBehindA{30, 8, 1}, kBehindC{30, 9, 1}, kBehindB{30, 10, 1},
    kReservedBatch{30, 11, 5}, kFront{30, 16, 8}, kReservedFront{30, 24, 8};
constexpr uint32_t kBatchMask = 0xFFFF;  // of word 30: what only batches have

// Extents: a word each, the fixed part (signed) below, the part per token above.
constexpr int kWordM = 2, kWordK = 3, kWordN = 4;
constexpr Field fixed_part(int word) { return Field{word, 0, 16}; }
constexpr Field per_token_part(int word) { return Field{word, 16, 16}; }

// Operands: three words each.
constexpr int kWordA = 8, kWordB = 11, kWordC = 14, kWordR = 17;
constexpr Field address_of(int word) { return Field{word, 0, 32}; }
constexpr Field pitch_of(int word) { return Field{word + 1, 0, 32}; }
constexpr Field head_stride_of(int word) { return Field{word + 2, 0, 32}; }

constexpr int kChecksumWord = kCommandWords - 1;

}  // namespace fields

constexpr uint32_t mask_of(const Field& f) { return f.bits == 32 ? ~uint32_t{0} : (uint32_t{1} << f.bits) - 1; }

constexpr uint32_t get_field(const uint32_t* words, const Field& f) { return (words[f.word] >> f.shift) & mask_of(f); }

/// Sets bits of a word that is zero there.
inline void put_field(uint32_t* words, const Field& f, uint32_t value) {
  words[f.word] |= (value & mask_of(f)) << f.shift;
}

// The label is for the HLS tool's reports.
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-label"
#endif

/// Over words 0 to 30.
inline uint32_t command_checksum(const uint32_t* words) {
  uint32_t sum = 0x48564954;  // "HVIT"
checksum_words:
  for (int i = 0; i < fields::kChecksumWord; ++i) {
    sum = (((sum << 5) | (sum >> 27)) * 0x9E3779B1U) ^ words[i];
  }
  return sum;
}

#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

}  // namespace isa
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_ISA_LAYOUT_H_
