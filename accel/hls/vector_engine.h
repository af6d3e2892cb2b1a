// Vector operations and the token selector: row by row, or a slice of columns over all rows.
#ifndef HEATVIT_ACCEL_HLS_VECTOR_ENGINE_H_
#define HEATVIT_ACCEL_HLS_VECTOR_ENGINE_H_

#include <cstdint>

#include "accel/hls/gemm_engine.h"
#include "accel/hls/job.h"
#include "accel/hls/memory.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/selector.h"

namespace heatvit {
namespace hls {

constexpr int kSlice = 64;  // columns of one slice

/// x: rows of n residual values -> int8.
template <class In>
inline void norm_row(const int8_t* activations, const Job& job, int row, const uint64_t* records, RowStream& out) {
  In x[kernels::kMaxRow];
  int8_t normal[kernels::kMaxRow];
  load_row<In>(activations, address_of(job.a, 0, row, 0), job.n, x);
  kernels::layernorm_row<In, uint64_t>(x, job.n, records, job.shift2, job.epsilon, normal);
  send_row<int8_t>(normal, job.n, out);
}

inline void run_layernorm(const int8_t* activations, const int8_t* weights, int8_t* results, const Job& job) {
  uint64_t records[kernels::kMaxRow];
  load_row<uint64_t>(weights, job.records, job.n, records);
norm_rows:
  for (int i = 0; i < job.m; ++i) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 4096
    RowStream row("normalised row");
#pragma HLS stream variable = row depth = kRowBytes
    if (job.a_type == isa::Element::kInt16) {
      norm_row<int16_t>(activations, job, i, records, row);
    } else {
      norm_row<int8_t>(activations, job, i, records, row);
    }
    store_stream(row, job.n, results, address_of(job.c, 0, i, 0));
  }
}

inline void run_softmax(const int8_t* activations, int8_t* results, const Job& job, SelectorState& state) {
softmax_heads:
  for (int h = 0; h < job.heads; ++h) {
#pragma HLS loop_tripcount min = 1 max = 16
  softmax_rows:
    for (int i = 0; i < job.m; ++i) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 4096
      int16_t scores[kernels::kMaxRow];
      RowStream row("probabilities");
#pragma HLS stream variable = row depth = kRowBytes
      load_row<int16_t>(activations, address_of(job.a, h, i, 0), job.n, scores);
      finish_softmax(job, scores, h, i, job.n, state, row);
      store_stream(row, job.n * isa::bytes_of(job.c_type), results, address_of(job.c, h, i, 0));
    }
  }
}

inline void run_copy(const int8_t* activations, int8_t* results, const Job& job) {
copied_rows:
  for (int i = 0; i < job.m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
  copied_bytes:
    for (int j = 0; j < job.n; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
      store_byte(results, address_of(job.c, 0, i, j), load_byte(activations, address_of(job.a, 0, i, j)));
    }
  }
}

inline void run_head_mean(const int8_t* activations, int8_t* results, const Job& job) {
mean_rows:
  for (int i = 0; i < job.m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 4096
    const uint32_t at = address_of(job.a, 0, i, 0);
    int16_t wide[kernels::kMaxRow];
    int8_t narrow[kernels::kMaxRow];
    if (job.a_type == isa::Element::kInt16) {
      load_row<int16_t>(activations, at, job.n, wide);
      store_byte(results, address_of(job.c, 0, i, 0), kernels::head_mean(wide, job.n, job.multiplier, job.shift));
    } else {
      load_row<int8_t>(activations, at, job.n, narrow);
      store_byte(results, address_of(job.c, 0, i, 0), kernels::head_mean(narrow, job.n, job.multiplier, job.shift));
    }
  }
}

/// `rows` rows of a slice of columns, dense.
template <class T>
inline void load_slice(const int8_t* port, const Matrix& from, int head, int rows, int column0, int columns, T* slice) {
slice_rows:
  for (int i = 0; i < rows; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
    load_row<T>(port, address_of(from, head, i, column0 * static_cast<int>(sizeof(T))), columns, slice + i * columns);
  }
}

template <class T>
inline void run_token_mean(const int8_t* activations, int8_t* results, const Job& job) {
  T slice[kernels::kMaxTokens * kSlice];
  T mean[kernels::kMaxRow];
mean_heads:
  for (int h = 0; h < job.heads; ++h) {
#pragma HLS loop_tripcount min = 1 max = 16
  mean_slices:
    for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS loop_tripcount min = 1 max = 16
      const int columns = smaller(kSlice, job.n - column);
      load_slice<T>(activations, job.a, h, job.tokens, column, columns, slice);
      kernels::token_mean_slice(slice, job.tokens, columns, job.front, job.front + job.candidates(), mean);
    mean_copies:
      for (int i = 0; i < job.m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
        store_row<T>(mean, columns, results, address_of(job.c, h, i, column * static_cast<int>(sizeof(T))));
      }
    }
  }
}

inline void run_column_max(const int8_t* activations, int8_t* results, const Job& job) {
  int32_t slice[kernels::kMaxTokens * kSlice];
  int32_t residual[kSlice];
  int32_t most[kSlice];
max_slices:
  for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS loop_tripcount min = 1 max = 16
    const int columns = smaller(kSlice, job.n - column);
    load_slice<int32_t>(activations, job.a, 0, job.m, column, columns, slice);
    load_row<int32_t>(activations, address_of(job.r, 0, 0, 4 * column), columns, residual);
    kernels::column_max_add(slice, job.m, columns, residual, most);
    store_row<int32_t>(most, columns, results, address_of(job.c, 0, 0, 4 * column));
  }
}

inline void run_token_score(const int8_t* activations, const Job& job, uint32_t* score_memory) {
scored_tokens:
  for (int t = 0; t < job.m; ++t) {
#pragma HLS loop_tripcount min = 1 max = 256
    uint16_t keep[2 * kernels::kMaxHeads];
    uint16_t weight[kernels::kMaxHeads];
    load_row<uint16_t>(activations, address_of(job.a, 0, t, 0), 2 * job.n, keep);
    load_row<uint16_t>(activations, address_of(job.r, 0, t, 0), job.n, weight);
    score_memory[t] = kernels::token_score(keep, weight, job.n);
  }
}

/// Sets mask and token-count register; returns the patch tokens kept.
inline int run_token_select(const Job& job, SelectorState& state) {
  const int first = job.front, end = first + job.candidates();
  if (job.random_scores) kernels::random_scores(state.seed, job.stage, job.tokens, state.scores);
  const int kept = job.by_threshold
                       ? kernels::select_threshold(state.scores, first, end, job.threshold, state.mask, job.tokens)
                       : kernels::select_count(state.scores, first, end, job.keep, state.mask, job.tokens);
  state.tokens_before = state.tokens;
  state.package_before = state.package;
  state.package = !job.drop && !job.sizes && (job.package_apart() || kept < job.candidates());
  state.tokens = job.front + kept + (state.package ? 1 : 0);
  return kept;
}

/// Rows of similarities to scores and partners.
inline void run_token_match(const int8_t* activations, const Job& job, SelectorState& state) {
matched_rows:
  for (int i = 0; i < job.m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 128
    int16_t similarity[kernels::kMaxRow];
    load_row<int16_t>(activations, address_of(job.a, 0, i, 0), job.n, similarity);
    kernels::match_rows(similarity, i, 1, job.n, job.front, state.scores, state.partners);
  }
}

/// Rows merged into their partners; sizes of those that stay.
template <class T>
inline void merge_rows(const int8_t* activations, int8_t* results, const Job& job, SelectorState& state) {
  T slice[kernels::kMaxTokens * kSlice];
  T merged[kernels::kMaxTokens * kSlice];
  uint16_t next[kernels::kMaxTokens];
  uint16_t first[kernels::kMaxTokens];
  uint16_t after[kernels::kMaxTokens];
  kernels::MergeStep steps[kernels::kMaxTokens];
  const int count =
      kernels::merge_order(state.mask, state.partners, state.sizes, job.tokens, next, first, steps, after);
merged_slices:
  for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS loop_tripcount min = 1 max = 16
    const int columns = smaller(kSlice, job.n - column);
    load_slice<T>(activations, job.a, 0, job.tokens, column, columns, slice);
    kernels::merge_slice<T>(slice, columns, steps, count, state.sizes, merged);
  merged_rows:
    for (int i = 0; i < job.tokens_after; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
      store_row<T>(merged + i * columns, columns, results,
                   address_of(job.c, 0, i, column * static_cast<int>(sizeof(T))));
    }
  }
kept_sizes:
  for (int i = 0; i < job.tokens_after; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    state.sizes[i] = after[i];
  }
}

template <class T>
inline void pack_rows(const int8_t* activations, int8_t* results, const Job& job, SelectorState& state) {
  if (job.sizes) return merge_rows<T>(activations, results, job, state);
  T slice[kernels::kMaxTokens * kSlice];
  T packed[kernels::kMaxTokens * kSlice];
packed_slices:
  for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS loop_tripcount min = 1 max = 16
    const int columns = smaller(kSlice, job.n - column);
    load_slice<T>(activations, job.a, 0, job.tokens, column, columns, slice);
    kernels::pack_slice<T>(slice, job.tokens, columns, state.mask, state.scores, job.package_after, job.threshold,
                           packed);
  packed_rows:
    for (int i = 0; i < job.tokens_after; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
      store_row<T>(packed + i * columns, columns, results,
                   address_of(job.c, 0, i, column * static_cast<int>(sizeof(T))));
    }
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_VECTOR_ENGINE_H_
