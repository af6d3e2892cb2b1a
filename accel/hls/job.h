// A command as the synthesised control holds it: fields of accel/isa/layout.h with extents resolved by the token-count
// register.
#ifndef HEATVIT_ACCEL_HLS_JOB_H_
#define HEATVIT_ACCEL_HLS_JOB_H_

#include <cstdint>

#include "accel/hls/types.h"
#include "accel/isa/layout.h"
#include "accel/kernels/im2col.h"

namespace heatvit {
namespace hls {

/// What heatvit_top returns.
enum Status {
  kDone = 0,
  kBadCommand = 1,
  kNoEnd = 2,
  kTooLarge = 3,
  kOperandWidth = 4,
  kNoChipMemory = 5,
  kNoBatch = 6
};

/// A matrix in DDR, possibly one per head. Byte units.
struct Matrix {
  uint32_t address, pitch, head_stride;
};

inline uint32_t address_of(const Matrix& x, int head, int row, int byte) {
  return x.address + static_cast<uint32_t>(head) * x.head_stride + static_cast<uint32_t>(row) * x.pitch +
         static_cast<uint32_t>(byte);
}

/// The token-count register and the selector's memories.
struct SelectorState {
  int tokens, tokens_before;     // now, and before the last selection
  bool package, package_before;  // the last row is a package token
  int stages;
  uint32_t seed;
  uint32_t scores[kernels::kMaxTokens];
  uint8_t mask[kernels::kMaxTokens];       // 1: stays
  uint16_t sizes[kernels::kMaxTokens];     // of merging: how many tokens each stands for
  uint16_t partners[kernels::kMaxTokens];  // where a token goes
};

struct Job {
  isa::Opcode opcode;
  int stage;
  int m, k, n, heads, head_group, tile_m, tile_k, tile_n, sums;
  int tokens, tokens_after;  // differ for packing
  bool package, package_after;
  bool panel, m_outer, residual, keep_cls_scores, random_scores, by_threshold, follows, rank_package, drop, sizes;
  isa::Element a_type, c_type;
  isa::LayoutB layout_b;
  isa::Activation activation;
  Matrix a, b, c, r;
  uint32_t records;    // 0: `immediate` for every channel
  uint64_t immediate;  // a channel record
  uint16_t multiplier, multiplier2, delta;
  int shift, shift2;
  int keep, front;
  uint32_t threshold;  // of a selection; packing: what the package's sum is divided by, 0: the sum of its weights
  uint64_t epsilon;
  bool conv;
  kernels::ConvShape shape;
  uint32_t wait_b;  // index plus one of the command that writes B; 0: none
  bool batch;       // of several images: counts and rows of one of them, or its images in place of heads

  // An earlier package is one of the candidates where the command says so.
  bool package_apart() const { return package && !rank_package; }
  int candidates() const { return tokens - front - (package_apart() ? 1 : 0); }
};

inline Matrix matrix_at(const uint32_t* words, int word) {
  const Matrix x = {isa::get_field(words, isa::fields::address_of(word)),
                    isa::get_field(words, isa::fields::pitch_of(word)),
                    isa::get_field(words, isa::fields::head_stride_of(word))};
  return x;
}

inline int number_at(const uint32_t* words, const isa::Field& field) {
  return static_cast<int>(isa::get_field(words, field));
}

inline bool flag_at(const uint32_t* words, const isa::Field& field) { return isa::get_field(words, field) != 0; }

/// fixed + per_token * tokens.
inline int extent_at(const uint32_t* words, int word, int tokens) {
  const int fixed = static_cast<int16_t>(isa::get_field(words, isa::fields::fixed_part(word)));
  return fixed + number_at(words, isa::fields::per_token_part(word)) * tokens;
}

/// Of a package: one that keeps quotients within their bits, or none.
inline bool is_divisor(uint32_t divisor) {
  return divisor == 0 || (divisor >= isa::kLeastDivisor && divisor >> 28 == 0);
}

/// The words are a command: checksum, codes, reserved bits, tiles, shifts, divisor.
inline bool is_command(const uint32_t* words) {
  namespace f = isa::fields;
  return words[f::kChecksumWord] == isa::command_checksum(words) && number_at(words, f::kOpcode) < isa::kOpcodes &&
         !flag_at(words, f::kReservedFlags) && number_at(words, f::kTypeA) < isa::kElements &&
         number_at(words, f::kTypeC) < isa::kElements && number_at(words, f::kLayoutB) < isa::kLayouts &&
         number_at(words, f::kActivation) < isa::kActivations && number_at(words, f::kHeads) >= 1 &&
         number_at(words, f::kTileM) >= 1 && number_at(words, f::kTileK) >= 1 && number_at(words, f::kTileN) >= 1 &&
         number_at(words, f::kShift) >= 1 && number_at(words, f::kShift) <= 62 && number_at(words, f::kShift2) >= 1 &&
         number_at(words, f::kShift2) <= 62 &&
         (number_at(words, f::kOpcode) != static_cast<int>(isa::Opcode::kTokenPack) ||
          is_divisor(isa::get_field(words, f::kThreshold)));
}

inline void resolve_extents(const uint32_t* words, const SelectorState& state, Job& job) {
  const bool packing = job.opcode == isa::Opcode::kTokenPack;
  job.tokens = packing ? state.tokens_before : state.tokens;
  job.package = packing ? state.package_before : state.package;
  job.tokens_after = state.tokens;
  job.package_after = state.package;
  job.m = extent_at(words, isa::fields::kWordM, job.tokens);
  job.k = extent_at(words, isa::fields::kWordK, job.tokens);
  job.n = extent_at(words, isa::fields::kWordN, job.tokens);
}

inline void resolve_flags(const uint32_t* words, Job& job) {
  namespace f = isa::fields;
  job.panel = flag_at(words, f::kPanel);
  job.m_outer = job.panel || !flag_at(words, f::kOrder);
  job.residual = flag_at(words, f::kResidual);
  job.keep_cls_scores = flag_at(words, f::kKeepClsScores);
  job.random_scores = flag_at(words, f::kScoreSource);
  job.by_threshold = flag_at(words, f::kSelectRule);
  job.rank_package = flag_at(words, f::kRankPackage);
  job.drop = flag_at(words, f::kDrop);
  job.sizes = flag_at(words, f::kSizes);
  job.follows = flag_at(words, f::kFollows);
  job.a_type = static_cast<isa::Element>(isa::get_field(words, f::kTypeA));
  job.c_type = static_cast<isa::Element>(isa::get_field(words, f::kTypeC));
  job.layout_b = static_cast<isa::LayoutB>(isa::get_field(words, f::kLayoutB));
  job.activation = static_cast<isa::Activation>(isa::get_field(words, f::kActivation));
}

inline Job decode_job(const uint32_t* words, const SelectorState& state) {
  namespace f = isa::fields;
  Job job;
  job.opcode = static_cast<isa::Opcode>(isa::get_field(words, f::kOpcode));
  job.stage = number_at(words, f::kStage);
  resolve_extents(words, state, job);
  resolve_flags(words, job);
  job.heads = number_at(words, f::kHeads);
  job.head_group = number_at(words, f::kHeadGroup);
  job.tile_m = number_at(words, f::kTileM);
  job.tile_k = number_at(words, f::kTileK);
  job.tile_n = number_at(words, f::kTileN);
  job.sums = 1 + number_at(words, f::kSums);
  job.a = matrix_at(words, f::kWordA);
  job.b = matrix_at(words, f::kWordB);
  job.c = matrix_at(words, f::kWordC);
  job.r = matrix_at(words, f::kWordR);
  job.records = isa::get_field(words, f::kRecords);
  job.multiplier = static_cast<uint16_t>(isa::get_field(words, f::kMultiplier));
  job.shift = number_at(words, f::kShift);
  job.immediate = uint64_t{job.multiplier} << 32 | static_cast<uint64_t>(job.shift) << 48;
  job.multiplier2 = static_cast<uint16_t>(isa::get_field(words, f::kMultiplier2));
  job.shift2 = number_at(words, f::kShift2);
  job.delta = static_cast<uint16_t>(isa::get_field(words, f::kDelta));
  job.keep = number_at(words, f::kKeep);
  job.front = number_at(words, f::kFront);
  job.threshold = isa::get_field(words, f::kThreshold);
  job.epsilon = uint64_t{isa::get_field(words, f::kEpsilonLow)} | uint64_t{isa::get_field(words, f::kEpsilonHigh)}
                                                                      << 32;
  job.wait_b = isa::get_field(words, f::kWaitB);
  job.batch = (words[f::kImage.word] & f::kBatchMask) != 0 ||
              (job.opcode == isa::Opcode::kGemm && job.heads > 1 && job.layout_b == isa::LayoutB::kPacked);
  job.conv = flag_at(words, f::kConvSize);
  job.shape.size = number_at(words, f::kConvSize);
  job.shape.out_size = number_at(words, f::kConvOutSize);
  job.shape.channels = number_at(words, f::kConvChannels);
  job.shape.kernel = number_at(words, f::kConvKernel);
  job.shape.stride = number_at(words, f::kConvStride);
  job.shape.pad = number_at(words, f::kConvPad);
  return job;
}

// While a GEMM runs, the first tile of B of the next one is loaded, where that is among the kAhead commands behind it.

constexpr uint32_t kAhead = 3;

/// Nothing is known of the commands behind this one: tokens are selected there, or the list ends.
inline bool stops_search(const Job& job) {
  return job.opcode == isa::Opcode::kTokenSelect || job.opcode == isa::Opcode::kEnd;
}

/// Command `running` may be under way while B of this GEMM behind it is loaded: weights; or K or V, where the command
/// that wrote them is done.
inline bool may_fetch_b(const Job& gemm, uint32_t running) {
  return gemm.layout_b == isa::LayoutB::kPacked || gemm.wait_b <= running;
}

/// A LayerNorm that is done together with the GEMM before it: of its finished rows, each as one row or cut into heads.
/// The GEMM completes whole rows, one after another.
inline bool norm_follows(const Job& gemm, const Job& norm) {
  if (norm.opcode != isa::Opcode::kLayerNorm || !norm.follows || gemm.opcode != isa::Opcode::kGemm) return false;
  const int heads = norm.n > 0 ? gemm.n / norm.n : 0;
  const uint32_t bytes = static_cast<uint32_t>(norm.n * isa::bytes_of(norm.a_type));
  return gemm.heads == 1 && gemm.n <= gemm.tile_n && heads >= 1 && heads * norm.n == gemm.n && norm.heads == 1 &&
         norm.m == gemm.m * heads && norm.a_type == gemm.c_type && norm.a.address == gemm.c.address &&
         (heads == 1 || (bytes % 64 == 0 && norm.a.pitch == bytes));
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_JOB_H_
