// The token selector (docs/numerics.md, sections 8 and 9): head statistics, scores, who stays, the package token.
#ifndef HEATVIT_ACCEL_KERNELS_SELECTOR_H_
#define HEATVIT_ACCEL_KERNELS_SELECTOR_H_

#include <cstdint>

#include "accel/kernels/beats.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/divide.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/round.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

constexpr int kMeanBits = 32;  // of a quotient: a mean of int16 values has 16

/// Mean of a row in the scale of the head statistics: saturate(round_shift(sum * multiplier, shift)). Out: int8 or
/// int16. In: int16 or int8.
template <class In, class Out = int8_t>
Out head_mean(const In* x, int n, uint16_t multiplier, int shift) {
  Int<27> sum = 0;
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kVectorLanes
#pragma HLS loop_tripcount min = 32 max = 64
    sum += x[i];
  }
  const Int<43> product = multiply<27, 17, 43>(sum, multiplier);
  return saturate<Out>(round_shift(native(product), shift));
}

constexpr int kHeadSumBits = 20;  // uint16 values of all heads
static_assert(kMaxHeads <= 16, "a sum over the heads fits its type");

// A token's score is a keep probability or a sum of attention over the heads: kHeadSumBits. Weights of all tokens, and
// their products with int16 values:
constexpr int kScoreSumBits = kHeadSumBits + 8;
constexpr int kWeightedSumBits = kScoreSumBits + 16;
static_assert(kMaxTokens <= 256, "a sum over the tokens fits its type");

/// Keep score of a token, [0, 65535]: the heads' keep probabilities (uint16, keep[2 h]; keep[2 h + 1] is *drop*)
/// weighted by the heads' attention (uint16 weight[h]). Zero when all weights are.
inline uint32_t token_score(const uint16_t* keep, const uint16_t* weight, int heads) {
  UInt<kHeadSumBits + 16> weighted = 0;
  UInt<kHeadSumBits> weights = 0;
heads_of_token:
  for (int h = 0; h < heads; ++h) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kScoreLanes
#pragma HLS loop_tripcount min = 3 max = 16
    weighted += static_cast<uint32_t>(native(multiply<17, 17, 33>(keep[2 * h], weight[h])));
    weights += weight[h];
  }
  const uint64_t numerator = static_cast<uint64_t>(weighted);
  return weights == 0 ? 0 : static_cast<uint32_t>(divide<16, kHeadSumBits>(numerator, weights));
}

/// stage * 0x9E3779B9 by shifts and additions, once a call: a multiplier for it would stand idle. 0 <= stage < 256.
inline uint32_t stage_offset(int stage) {
  uint32_t offset = 0;
stage_bits:
  for (int bit = 0; bit < 8; ++bit) {
#pragma HLS unroll
    offset += ((stage >> bit) & 1) != 0 ? 0x9E3779B9u << bit : 0u;
  }
  return offset;
}

/// Scores of the random scorer: an xorshift32 sequence per image seed and selector stage, its upper 16 bits.
inline void random_scores(uint32_t seed, int stage, int tokens, uint32_t* scores) {
  uint32_t state = seed + stage_offset(stage);
  state = state == 0 ? 1 : state;
tokens_in_turn:
  for (int t = 0; t < tokens; ++t) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    scores[t] = state >> 16;
  }
}

/// Candidates [begin, end) that stay: the `keep` with the highest scores, ties to the lower index. A token's rank is
/// the number of candidates ahead of it, so no sorting and no dependence on the data. mask: 1 for rows before `begin`
/// (CLS) and for kept candidates, 0 for dropped ones and for rows from `end` on (the package token). end <= tokens.
/// Returns the candidates kept.
inline int select_count(const uint32_t* scores, int begin, int end, int keep, uint8_t* mask, int tokens) {
  int kept = 0, ahead = 0;
  Beat at = {0, 0, 0};  // a token, and the first of the rivals that it meets in this beat
ranking_beats:
  for (; at.row < tokens;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    const int i = at.row, j0 = at.first;
    const bool last = step<kSelectLanes>(at, tokens);
    const uint32_t own = scores[i];
    int ahead_here = 0;
  rivals:
    for (int lane = 0; lane < kSelectLanes; ++lane) {
#pragma HLS unroll
      const int j = j0 + lane;
      if (j >= begin && j < end) {
        const uint32_t other = scores[j];
        ahead_here += static_cast<int>(other > own) | (static_cast<int>(other == own) & static_cast<int>(j < i));
      }
    }
    ahead = (j0 == 0 ? 0 : ahead) + ahead_here;
    if (last) {
      const bool stays = i >= begin && i < end && ahead < keep;
      kept += stays ? 1 : 0;
      mask[i] = static_cast<uint8_t>(stays || i < begin ? 1 : 0);
    }
  }
  return kept;
}

/// The same for candidates with score >= threshold.
inline int select_threshold(const uint32_t* scores, int begin, int end, uint32_t threshold, uint8_t* mask, int tokens) {
  int kept = 0;
judged_tokens:
  for (int i = 0; i < tokens; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kSelectLanes
#pragma HLS loop_tripcount min = 1 max = 256
    const bool stays = i >= begin && i < end && scores[i] >= threshold;
    kept += stays ? 1 : 0;
    mask[i] = static_cast<uint8_t>(stays || i < begin ? 1 : 0);
  }
  return kept;
}

namespace detail {

/// What the weighted sum of the dropped rows is divided by: `divisor`, or, where that is 0, the sum of their weights,
/// and every weight becomes 1 where all are 0.
struct PackageWeights {
  UInt<kScoreSumBits> total;
  bool equal;
};

inline PackageWeights package_weights(const uint8_t* mask, const uint32_t* scores, int tokens, uint32_t divisor) {
  UInt<kScoreSumBits> weights = 0;
  UInt<9> dropped = 0;
dropped_tokens:
  for (int t = 0; t < tokens; ++t) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    weights += static_cast<UInt<kScoreSumBits>>(mask[t] != 0 ? 0U : scores[t]);
    dropped += static_cast<UInt<9>>(mask[t] != 0 ? 0 : 1);
  }
  if (divisor != 0) return PackageWeights{static_cast<UInt<kScoreSumBits>>(divisor), false};
  const bool equal = weights == 0;
  return PackageWeights{equal ? static_cast<UInt<kScoreSumBits>>(dropped) : weights, equal};
}

}  // namespace detail

/// The package token: weighted sums of the rows that go, divided by `total`, rounded half away from zero; 0 where that
/// is 0.
template <class T, class Sum>
void package_row(const Sum* sums, int cols, UInt<kScoreSumBits> total, T* out) {
package_values:
  for (int c = 0; c < cols; ++c) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    out[c] = saturate<T>(total == 0 ? 0
                                    : divide_rounded<kMeanBits, kScoreSumBits>(
                                          native(static_cast<Int<kWeightedSumBits>>(sums[c])), total));
  }
}

/// Compacts a slice of `cols` <= kMaxRow columns of the residual stream. x: tokens x cols, dense; rows with mask 1 move
/// up in order. With `package`, one more row follows: the mean of the rows with mask 0 weighted by their scores,
/// rounded half away from zero (0 if there is none), or, with a divisor (65535 to 2^28 - 1), their sum weighted by
/// scores, divided by it. The mean is that of whole columns, so slices may be packed one by one. T: int16 or int8.
/// out: (rows kept + package) x cols; must not overlap x.
template <class T>
void pack_slice(const T* x, int tokens, int cols, const uint8_t* mask, const uint32_t* scores, bool package,
                uint32_t divisor, T* out) {
  const detail::PackageWeights weights = detail::package_weights(mask, scores, tokens, divisor);
  Int<kWeightedSumBits> sum[kMaxRow];
#pragma HLS array_partition variable = sum type = cyclic factor = kVectorLanes
  Beat at = {0, 0, 0};
  int to = 0;  // where the row begins that a token moves to
pack_beats:
  for (; at.row < tokens;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    const int t = at.row, c0 = at.first, from = at.offset;
    const bool last = step<kVectorLanes>(at, cols);
    const bool kept = mask[t] != 0;
    const UInt<kHeadSumBits> weight = static_cast<UInt<kHeadSumBits>>(kept ? 0U : weights.equal ? 1U : scores[t]);
  pack_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int c = c0 + lane;
      if (c < cols) {
        const T value = x[from + c];
        const Int<kWeightedSumBits> before = t == 0 ? Int<kWeightedSumBits>(0) : sum[c];
        sum[c] = static_cast<Int<kWeightedSumBits>>(before + multiply<21, 16, 36>(weight, value));
        if (kept) out[to + c] = value;
      }
    }
    to = last && kept ? to + cols : to;
  }
  if (package) package_row(sum, cols, weights.total, out + to);
}

/// mean[c] = saturate(sums[c] / count, rounded half away from zero); 0 where the count is. Sums of 24 bits.
template <class T, class Sum>
void mean_of_sums(const Sum* sums, int cols, int count, T* mean) {
means:
  for (int c = 0; c < cols; ++c) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    mean[c] = count == 0 ? T{0}
                         : saturate<T>(divide_rounded<kMeanBits, 9>(native(static_cast<Int<24>>(sums[c])),
                                                                    static_cast<UInt<9>>(count)));
  }
}

/// mean[c] = saturate(sum over rows [begin, end) of x[.][c] / (end - begin), rounded half away from zero); 0 where
/// there is no candidate. x: tokens x cols, dense, int8 or int16; cols <= kMaxRow.
template <class T>
void token_mean_slice(const T* x, int tokens, int cols, int begin, int end, T* mean) {
  const int last_row = end < tokens ? end : tokens;
  const int count = last_row > begin ? last_row - begin : 0;
  const int first_row = static_cast<int>(multiply<9, 12, 20>(begin, cols));
  Int<24> sum[kMaxRow];
#pragma HLS array_partition variable = sum type = cyclic factor = kVectorLanes
  Beat at = {begin, 0, first_row};
mean_beats:
  for (; at.row < begin + count;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    const int t = at.row, c0 = at.first, from = at.offset;
    step<kVectorLanes>(at, cols);
  mean_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int c = c0 + lane;
      if (c < cols) sum[c] = static_cast<Int<24>>((t == begin ? Int<24>(0) : sum[c]) + x[from + c]);
    }
  }
  mean_of_sums(sum, cols, count, mean);
}

/// out[c] = saturate32(residual[c] + maximum over rows of x[.][c]); x: rows x cols, dense, rows >= 1, cols <= kMaxRow.
inline void column_max_add(const int32_t* x, int rows, int cols, const int32_t* residual, int32_t* out) {
  int32_t most[kMaxRow];
#pragma HLS array_partition variable = most type = cyclic factor = kVectorLanes
  Beat at = {0, 0, 0};
max_beats:
  for (; at.row < rows;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    const int i = at.row, c0 = at.first, from = at.offset;
    step<kVectorLanes>(at, cols);
  max_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int c = c0 + lane;
      if (c < cols) {
        const int32_t v = x[from + c];
        most[c] = i == 0 || v > most[c] ? v : most[c];
        if (i + 1 == rows) out[c] = saturate<int32_t>(static_cast<int64_t>(most[c]) + residual[c]);
      }
    }
  }
}

/// The order in which packing by rows takes an image's rows: the `gone` of them with mask 0 first, then those with mask
/// 1, either in their own order. Returns the sum of the weights of the former.
inline uint32_t row_order(const uint8_t* mask, const uint32_t* scores, int tokens, int gone, uint8_t* order) {
  UInt<kScoreSumBits> weights = 0;
  int stay = gone;
ordered_tokens:
  for (int t = 0; t < tokens; ++t) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    const bool stays = mask[t] != 0;
    order[stays ? stay : t - (stay - gone)] = static_cast<uint8_t>(t);
    stay += stays ? 1 : 0;
    weights += static_cast<UInt<kScoreSumBits>>(stays ? 0U : scores[t]);
  }
  return static_cast<uint32_t>(weights);
}

/// Rows of `cols` <= kMaxRow columns that leave the residual stream, added up weighted: weights[r], or 1 each where
/// `equal`. x: rows x cols, dense. `first`: of the image's; the sums begin with it.
template <class T>
void sum_rows(const T* x, int rows, int cols, const uint32_t* weights, bool equal, bool first, int64_t* sums) {
  Beat at = {0, 0, 0};
summed_beats:
  for (; at.row < rows;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    const int r = at.row, c0 = at.first, from = at.offset;
    step<kVectorLanes>(at, cols);
    const UInt<kHeadSumBits> weight = static_cast<UInt<kHeadSumBits>>(equal ? 1U : weights[r]);
  summed_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int c = c0 + lane;
      if (c < cols) {
        const Int<kWeightedSumBits> before = static_cast<Int<kWeightedSumBits>>(first && r == 0 ? int64_t{0} : sums[c]);
        sums[c] = native(static_cast<Int<kWeightedSumBits>>(before + multiply<21, 16, 36>(weight, x[from + c])));
      }
    }
  }
}

/// Some rows of an image in the order of row_order(): first those that go, which are added up as sum_rows()
/// does, then those that stay, which move to the front of `out`.
template <class T>
void pack_rows(const T* x, int rows, int cols, bool stay, const uint32_t* weights, bool equal, bool first,
               int64_t* sums, T* out) {
  if (!stay) return sum_rows(x, rows, cols, weights, equal, first, sums);
  Beat at = {0, 0, 0};
moved_beats:
  for (; at.row < rows;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    const int c0 = at.first, from = at.offset;
    step<kVectorLanes>(at, cols);
  moved_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int c = c0 + lane;
      if (c < cols) out[from + c] = x[from + c];
    }
  }
}

// Of head_mean; of token_mean_slice (where the candidates begin: a constant in the unit); of token_score; of a lane of
// pack_slice.
constexpr Multiplier kHeadMeanMultipliers[] = {{27, 17}};
constexpr Multiplier kTokenMeanMultipliers[] = {{9, 12}};
constexpr Multiplier kTokenScoreMultipliers[] = {{17, 17}};
constexpr Multiplier kPackMultipliers[] = {{21, 16}};
constexpr Multiplier kSumRowsMultipliers[] = {{21, 16}};  // of sum_rows: the same ones, for it packs in place of that

// Costs. Lanes are values a cycle; in `select_count` they are comparators. All depend on counts alone.

constexpr int select_depth(const Stages& s) { return s.read + 2 * s.add + s.write; }  // compare, count, write
/// Pipelined, a quotient bit a stage; saturated and written.
constexpr int column_divide_depth(const Stages& s) { return kMeanBits + kDivideDepth + s.saturate + s.write; }

constexpr int head_mean_depth(int lanes, const Stages& s) {
  return s.read + ceil_log2(lanes) * s.add + s.add + s.product(kHeadMeanMultipliers[0]) + s.shift + s.saturate +
         s.write;
}

constexpr int64_t head_mean_cycles(int64_t rows, int n, int lanes, const Stages& s) {
  return stream_cycles(rows, n, lanes, head_mean_depth(lanes, s));
}

/// `lanes` heads a cycle, added up in a tree; the division of a token runs beside the sums of the next, a token each
/// `division` cycles at most.
constexpr int64_t token_score_cycles(int tokens, int heads, int division, const Stages& s, int lanes = 1) {
  const int64_t wait = division_interval(divide_cycles(16), division), sums = ceil_div(heads, lanes);
  const int64_t interval = sums > wait ? sums : wait;
  return row_dataflow_cycles(tokens, interval,
                             sums + divide_cycles(16) + s.read + s.product(kTokenScoreMultipliers[0]) + s.add +
                                 ceil_log2(lanes) * s.add + s.write);
}

constexpr int64_t random_scores_cycles(int tokens, const Stages& s) { return tokens + select_depth(s); }

/// Each token against all others, `lanes` comparisons a cycle.
constexpr int64_t select_count_cycles(int tokens, int lanes, const Stages& s) {
  return tokens * ceil_div(tokens, lanes) + ceil_log2(lanes) * s.add + select_depth(s);
}

constexpr int64_t select_threshold_cycles(int tokens, int lanes, const Stages& s) {
  return ceil_div(tokens, lanes) + ceil_log2(lanes) * s.add + select_depth(s);
}

/// A row read, multiplied by its weight and added up.
constexpr int packing_depth(const Stages& s) { return s.read + s.product(kPackMultipliers[0]) + s.add; }

/// Weights are summed first, one token a cycle; then each row is read once, kept and summed in the same beat (the write
/// side is never the longer one); then the package row, one column a cycle through the divider. The divider runs
/// whether or not there is a package token: which tokens stay must not show in the time.
constexpr int64_t pack_slice_cycles(int tokens, int out_tokens, int cols, int lanes, const Stages& s) {
  const int64_t rows = tokens > out_tokens ? tokens : out_tokens;
  return (tokens + s.read + s.add) + stream_cycles(rows, cols, lanes, packing_depth(s)) + cols + column_divide_depth(s);
}

/// Behind a selection, a token a cycle.
constexpr int64_t row_order_cycles(int tokens, const Stages& s) { return tokens + s.read + s.add + s.write; }

/// Rows that go are added up, rows that stay moved, a beat a cycle.
constexpr int64_t pack_rows_cycles(int rows, int cols, int lanes, const Stages& s) {
  return stream_cycles(rows, cols, lanes, packing_depth(s));
}

/// One column a cycle through the divider, beside rows that move.
constexpr int64_t package_row_cycles(int cols, const Stages& s) { return cols + column_divide_depth(s); }

/// One column a cycle through the divider.
constexpr int64_t mean_of_sums_cycles(int cols, const Stages& s) { return cols + column_divide_depth(s); }

/// Sums, then the means of them.
constexpr int64_t token_mean_cycles(int tokens, int cols, int lanes, const Stages& s) {
  return stream_cycles(tokens, cols, lanes, s.read + s.add) + mean_of_sums_cycles(cols, s);
}

constexpr int64_t column_max_cycles(int64_t rows, int cols, int lanes, const Stages& s) {
  return stream_cycles(rows, cols, lanes, s.read + 2 * s.add + s.saturate + s.write);
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_SELECTOR_H_
