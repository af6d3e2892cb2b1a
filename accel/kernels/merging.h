// Token merging (docs/numerics.md, section 8, ToMe): partners, means weighted by sizes, softmax weighted by sizes.
#ifndef HEATVIT_ACCEL_KERNELS_MERGING_H_
#define HEATVIT_ACCEL_KERNELS_MERGING_H_

#include <cstdint>

#include "accel/kernels/beats.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/divide.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/round.h"
#include "accel/kernels/softmax.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

/// Of a token that stands for others, itself among them: at most all of a sequence.
constexpr int kSizeBits = 11;
static_assert(isa::kMaxSequence < (1 << kSizeBits), "a size fits its type");

/// In the score memory: a token that always stays. The others' scores are below.
constexpr uint32_t kStays = 65536;

/// Rows of similarities (dense, `columns` each) of the tokens front + 2 (row0 + r), the first set, with the tokens
/// front + 2 j + 1, the second. Partner of a token of the first set: the most similar one, ties to the lower index; its
/// score: 32767 less that similarity, so that the least similar stay. All other tokens' score is kStays.
inline void match_rows(const int16_t* similarity, int row0, int rows, int columns, int front, uint32_t* scores,
                       uint16_t* partners) {
  int token = front + 2 * row0;
tokens_in_front:
  for (int t = 0; row0 == 0 && t < front; ++t) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4
    scores[t] = kStays;
  }
  Beat at = {0, 0, 0};
  int16_t best = 0;
  int partner = 0;
match_beats:
  for (; at.row < rows;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 2048
    const int j0 = at.first, from = at.offset;
    const bool last = step<kVectorLanes>(at, columns);
    if (j0 == 0) {
      best = similarity[from];
      partner = 0;
    }
  match_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int j = j0 + lane;
      if (j < columns && similarity[from + j] > best) {
        best = similarity[from + j];
        partner = j;
      }
    }
    if (last) {
      scores[token] = static_cast<uint32_t>(32767 - best);
      partners[token] = static_cast<uint16_t>(front + 2 * partner + 1);
      if ((token - front) / 2 < columns) scores[token + 1] = kStays;
      token += 2;
    }
  }
}

/// The order in which rows are merged: a token that stays, then those that go into it.
struct MergeStep {
  uint16_t row;
  uint16_t total;  // size of the merged token; 0: more rows follow
};

/// Fills steps and the sizes of the tokens that stay; returns the steps. A token that goes (mask 0) without a partner
/// that stays is left out. next, first: scratch memory of `tokens` values, indices plus one; after: sizes of the rows
/// that stay.
inline int merge_order(const uint8_t* mask, const uint16_t* partners, const uint16_t* sizes, int tokens, uint16_t* next,
                       uint16_t* first, MergeStep* steps, uint16_t* after) {
cleared_tokens:
  for (int t = 0; t < tokens; ++t) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    first[t] = static_cast<uint16_t>(t + 1);  // a list ends where it says whose it is
  }
linked_tokens:
  for (int i = 0; i < tokens; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    const int t = tokens - 1 - i;  // so that a list is in rising order
    const int partner = partners[t];
    if (mask[t] == 0 && partner < tokens) {
      next[t] = first[partner];
      first[partner] = static_cast<uint16_t>(t + 1);
    }
  }
  // One step a cycle: along a list to its end, then the next token that stays.
  int count = 0, kept = 0, token = 0, at = 0;
  UInt<kSizeBits + 1> total = 0;
ordered_tokens:
  for (int i = 0; i < tokens + tokens && token < tokens; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 512
    if (mask[token] == 0) {
      at = ++token;
      total = 0;
    } else {
      total = static_cast<UInt<kSizeBits + 1>>(total + sizes[at]);
      const int follower = at == token ? first[token] : next[at];
      steps[count].row = static_cast<uint16_t>(at);
      steps[count].total = static_cast<uint16_t>(follower == token + 1 ? static_cast<int>(total) : 0);
      ++count;
      if (follower == token + 1) {
        after[kept] = static_cast<uint16_t>(total);
        ++kept;
        at = ++token;
        total = 0;
      } else {
        at = follower - 1;
      }
    }
  }
  return count;
}

constexpr int kMergeQuotientBits = 16;  // a mean of int16 values: magnitudes up to 2^15
constexpr int kMergeSumBits = kSizeBits + 16;

/// Merges a slice of `cols` <= kMaxRow columns. x: rows of `cols` values, dense; steps as merge_order() gives them.
/// out: a row a token that stays, the mean of its rows weighted by size, rounded half away from zero; must not overlap
/// x. T: int16 or int8.
template <class T>
void merge_slice(const T* x, int cols, const MergeStep* steps, int count, const uint16_t* sizes, T* out) {
  Int<kMergeSumBits> sum[kMaxRow];
#pragma HLS array_partition variable = sum type = cyclic factor = kVectorLanes
  Beat at = {0, 0, 0};
  int to = 0;
  bool begins = true;
merge_beats:
  for (; at.row < count;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    const MergeStep now = steps[at.row];
    const int c0 = at.first, from = static_cast<int>(multiply<12, 12, 24>(now.row, cols));
    const bool last = step<kVectorLanes>(at, cols);
    const uint16_t size = sizes[now.row];
  merge_lanes:
    for (int lane = 0; lane < kVectorLanes; ++lane) {
#pragma HLS unroll
      const int c = c0 + lane;
      if (c < cols) {
        const Int<kMergeSumBits> before = begins ? Int<kMergeSumBits>(0) : sum[c];
        const Int<kMergeSumBits> weighted =
            static_cast<Int<kMergeSumBits>>(before + multiply<12, 16, 27>(size, x[from + c]));
        sum[c] = weighted;
        if (now.total != 0) {
          out[to + c] = saturate<T>(divide_rounded<kMergeQuotientBits, kSizeBits + 1>(
              native(weighted), static_cast<UInt<kSizeBits + 1>>(now.total)));
        }
      }
    }
    if (last) {
      to = now.total != 0 ? to + cols : to;
      begins = now.total != 0;
    }
  }
}

// Softmax where a token counts as often as its size says: exponentials times sizes. Their sum stays below that of as
// many tokens as there were at first, so nothing else is wider than it is without.

constexpr int kSizedExpBits = kExpBits + kSizeBits;

/// out = delta2 * softmax(x + ln sizes), as softmax_row otherwise.
template <class Out>
void sized_softmax_row(const int16_t* x, const uint16_t* sizes, int n, uint16_t delta2, Out* out) {
  uint64_t e[kMaxScores];
  const int16_t largest = detail::row_max(x, n);
  UInt<kSoftmaxSumBits> sum = 0;
scores:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kSoftmaxLanes
#pragma HLS loop_tripcount min = 2 max = 256
    e[i] = static_cast<uint64_t>(native(multiply<26, 12, 38>(exp_q24(largest - x[i]), sizes[i])));
    sum += e[i];
  }
  const UInt<kSoftmaxReciprocalBits> reciprocal =
      divide<kSoftmaxReciprocalBits, kSoftmaxSumBits>(uint64_t{1} << 54, sum);
scaled_scores:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kSoftmaxLanes
#pragma HLS loop_tripcount min = 2 max = 256
    out[i] = detail::probability<Out>(multiply<37, 31, 56>(e[i], reciprocal), delta2);
  }
}

/// Of a lane.
constexpr Multiplier kMergeMultipliers[] = {{12, 16}};
/// Of all lanes together: where a row begins.
constexpr Multiplier kMergeRowMultipliers[] = {{12, 12}};
/// Of a lane: exponential by size, and the scaling of their product, in place of that of the exponential.
constexpr Multiplier kSizedSoftmaxMultipliers[] = {{26, 12}, {37, 31}};
constexpr Multiplier kReplacedBySize = {26, 31};  // of kSoftmaxMultipliers

// Costs. All depend on counts alone.

/// Of a beat of similarities: comparators in a tree, then the best so far.
constexpr int match_depth(int lanes, const Stages& s) { return s.read + (ceil_log2(lanes) + 1) * s.add + s.write; }

/// The tokens in front, whose scores come before those of the first row (`front`: 0 where others begin), then the rows.
constexpr int64_t match_cycles(int64_t rows, int columns, int lanes, int front, const Stages& s) {
  return (front > 0 ? front + s.write : 0) + stream_cycles(rows, columns, lanes, match_depth(lanes, s));
}

/// Of a mean of a row's value: a stage a quotient bit.
constexpr int merge_depth(const Stages& s) {
  return s.read + s.product(kMergeMultipliers[0]) + s.add + kMergeQuotientBits + kDivideDepth + s.saturate + s.write;
}

/// Lists, one token a cycle to clear, to link and two to walk (those that go are met twice); then each row once,
/// through dividers of which every lane has one, a stage a quotient bit. Which tokens go does not show in the time.
constexpr int64_t merge_slice_cycles(int tokens, int cols, int lanes, const Stages& s) {
  return 4 * tokens + 3 * s.read + stream_cycles(tokens, cols, lanes, merge_depth(s));
}

/// One multiplication more on the way of the exponentials.
constexpr int64_t sized_softmax_cycles(int64_t rows, int n, int lanes, int division, const Stages& s) {
  return softmax_cycles(rows, n, lanes, division, s) + (rows > 0 ? s.product(kSizedSoftmaxMultipliers[0]) : 0);
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_MERGING_H_
