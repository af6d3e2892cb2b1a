// Vector operations and the token selector of heatvit_top: row by row, or a slice of columns over all rows. Rows that
// are loaded, worked on and stored are three processes, joined by streams.
#ifndef HEATVIT_ACCEL_HLS_VECTOR_ENGINE_H_
#define HEATVIT_ACCEL_HLS_VECTOR_ENGINE_H_

#include <cstdint>

#include "accel/hls/finish_engine.h"
#include "accel/hls/gemm_engine.h"
#include "accel/hls/job.h"
#include "accel/hls/memory.h"
#include "accel/hls/norm_engine.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/selector.h"

namespace heatvit {
namespace hls {

constexpr int kSlice = 64;  // columns of one slice

/// All rows of all heads of a vector operation's operand or result, `bytes` each.
inline RowSet all_rows(const Matrix& x, const Job& job, int bytes) {
  return rows_of(x, 0, job.heads, 0, job.m, 0, bytes);
}

inline void run_layernorm(const Ports& ports, const Job& job) {
#pragma HLS dataflow
  LineStream records("records of channels");
  LineStream in("rows to normalise");
  LineStream out("normalised rows");
#pragma HLS stream variable = records depth = 512
#pragma HLS stream variable = in depth = 64
#pragma HLS stream variable = out depth = 64
  load_stream(ports.parameters, norm_records(job), records);
  load_stream(ports.activations, all_rows(job.a, job, job.n * isa::bytes_of(job.a_type)), in);
  norm_rows(job, records, in, out);
  store_stream(out, all_rows(job.c, job, job.n * kOperandBytes), ports.results);
}

inline void softmax_rows(const Job& job, SelectorState& state, LineStream& in, LineStream& out) {
heads:
  for (int head = 0; head < job.heads; ++head) {
#pragma HLS loop_tripcount min = 1 max = 16
  rows:
    for (int row = 0; row < job.m; ++row) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 4096
      int16_t scores[kernels::kMaxRow];
      uint8_t narrow[kernels::kMaxRow];
      uint16_t wide[kernels::kMaxRow];
      receive_row<int16_t>(in, job.n, scores);
      softmax_row(job, scores, head, row, job.n, state, narrow, wide);
      if (job.c_type == isa::Element::kUint16) {
        send_row<uint16_t>(wide, job.n, out);
      } else {
        send_row<uint8_t>(narrow, job.n, out);
      }
    }
  }
}

inline void run_softmax(const Ports& ports, const Job& job, SelectorState& state) {
#pragma HLS dataflow
  LineStream in("scores");
  LineStream out("probabilities");
#pragma HLS stream variable = in depth = 64
#pragma HLS stream variable = out depth = 64
  load_stream(ports.activations, all_rows(job.a, job, 2 * job.n), in);
  softmax_rows(job, state, in, out);
  store_stream(out, all_rows(job.c, job, job.n * isa::bytes_of(job.c_type)), ports.results);
}

inline void run_copy(const Ports& ports, const Job& job) {
#pragma HLS dataflow
  LineStream rows("copied rows");
#pragma HLS stream variable = rows depth = 64
  load_stream(ports.activations, all_rows(job.a, job, job.n), rows);
  store_stream(rows, all_rows(job.c, job, job.n), ports.results);
}

/// Rows [0, rows) of n values, dense.
inline void receive_block(bool narrow, LineStream& in, int rows, int n, int16_t* x) {
block_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 16
    receive_wide(narrow, in, n, x + at);
  }
}

inline void mean_block(const Job& job, int rows, const int16_t* x, LineStream& out) {
block_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += job.n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 16
    Line mean = {};
    set_value<Operand>(mean, 0, kernels::head_mean<int16_t, Operand>(x + at, job.n, job.multiplier, job.shift));
    out.write(mean);
  }
}

/// A row is short: blocks of them, so that one is not waited for before the next begins.
inline void mean_rows(const Job& job, LineStream& in, LineStream& out) {
blocks:
  for (int row = 0; row < job.m; row += kRowBlock) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    int16_t x[kRowBlock * kernels::kMaxRow];
    const int rows = smaller(kRowBlock, job.m - row);
    receive_block(job.a_type == isa::Element::kInt8, in, rows, job.n, x);
    mean_block(job, rows, x, out);
  }
}

inline void run_head_mean(const Ports& ports, const Job& job) {
#pragma HLS dataflow
  LineStream in("heads");
  LineStream out("means of heads");
#pragma HLS stream variable = in depth = 64
#pragma HLS stream variable = out depth = 64
  load_stream(ports.activations, rows_of(job.a, 0, 1, 0, job.m, 0, job.n * isa::bytes_of(job.a_type)), in);
  mean_rows(job, in, out);
  store_stream(out, rows_of(job.c, 0, 1, 0, job.m, 0, kOperandBytes), ports.results);
}

template <class T>
inline void run_token_mean(const Ports& ports, const Job& job) {
  T slice[kernels::kMaxTokens * kSlice];
  T mean[kernels::kMaxRow];
mean_heads:
  for (int h = 0; h < job.heads; ++h) {
#pragma HLS loop_tripcount min = 1 max = 16
  mean_slices:
    for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS loop_tripcount min = 1 max = 16
      const int columns = smaller(kSlice, job.n - column), size = static_cast<int>(sizeof(T));
      load_values<T>(ports.activations, job.a, h, 0, job.tokens, column, columns, slice);
      kernels::token_mean_slice(slice, job.tokens, columns, job.front, job.front + job.candidates(), mean);
      // The same row, once a token.
      store_lines(ports.results, rows_of(job.c, h, 1, 0, job.m, column * size, columns * size),
                  [&](int byte) { return take_values<T>(mean, byte / size, columns); });
    }
  }
}

inline void run_column_max(const Ports& ports, const Job& job) {
  int32_t slice[kernels::kMaxTokens * kSlice];
  int32_t residual[kSlice];
  int32_t most[kSlice];
max_slices:
  for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS loop_tripcount min = 1 max = 16
    const int columns = smaller(kSlice, job.n - column);
    load_values<int32_t>(ports.activations, job.a, 0, 0, job.m, column, columns, slice);
    load_values<int32_t>(ports.parameters, job.r, 0, 0, 1, column, columns, residual);
    kernels::column_max_add(slice, job.m, columns, residual, most);
    store_values<int32_t>(most, ports.results, job.c, 0, 0, 1, column, columns);
  }
}

inline void score_tokens(const Job& job, LineStream& keeps, LineStream& weights, uint32_t* score_memory) {
scored_tokens:
  for (int t = 0; t < job.m; ++t) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    uint16_t keep[2 * kernels::kMaxHeads];
    uint16_t weight[kernels::kMaxHeads];
#pragma HLS array_partition variable = keep type = complete
#pragma HLS array_partition variable = weight type = complete
    receive_row<uint16_t>(keeps, 2 * job.n, keep);
    receive_row<uint16_t>(weights, job.n, weight);
    score_memory[t] = kernels::token_score(keep, weight, job.n);
  }
}

inline void run_token_score(const Ports& ports, const Job& job, uint32_t* score_memory) {
#pragma HLS dataflow
  LineStream keeps("keep probabilities");
  LineStream weights("weights of heads");
#pragma HLS stream variable = keeps depth = 64
#pragma HLS stream variable = weights depth = 64
  load_stream(ports.activations, rows_of(job.a, 0, 1, 0, job.m, 0, 4 * job.n), keeps);
  load_stream(ports.parameters, rows_of(job.r, 0, 1, 0, job.m, 0, 2 * job.n), weights);
  score_tokens(job, keeps, weights, score_memory);
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
inline void match_tokens(const Job& job, LineStream& in, SelectorState& state) {
matched_rows:
  for (int i = 0; i < job.m; ++i) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 128
    int16_t similarity[kernels::kMaxRow];
    receive_row<int16_t>(in, job.n, similarity);
    kernels::match_rows(similarity, i, 1, job.n, job.front, state.scores, state.partners);
  }
}

inline void run_token_match(const Ports& ports, const Job& job, SelectorState& state) {
#pragma HLS dataflow
  LineStream in("similarities");
#pragma HLS stream variable = in depth = 64
  load_stream(ports.activations, rows_of(job.a, 0, 1, 0, job.m, 0, 2 * job.n), in);
  match_tokens(job, in, state);
}

/// Rows merged into their partners; sizes of those that stay.
template <class T>
inline void merge_rows(const Ports& ports, const Job& job, SelectorState& state) {
  uint16_t next[kernels::kMaxTokens];
  uint16_t first[kernels::kMaxTokens];
  uint16_t after[kernels::kMaxTokens];
  kernels::MergeStep steps[kernels::kMaxTokens];
  const int count =
      kernels::merge_order(state.mask, state.partners, state.sizes, job.tokens, next, first, steps, after);
merged_slices:
  for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 16
    T slice[kernels::kMaxTokens * kSlice];
    T merged[kernels::kMaxTokens * kSlice];
    const int columns = smaller(kSlice, job.n - column);
    load_values<T>(ports.activations, job.a, 0, 0, job.tokens, column, columns, slice);
    kernels::merge_slice<T>(slice, columns, steps, count, state.sizes, merged);
    store_values<T>(merged, ports.results, job.c, 0, 0, job.tokens_after, column, columns);
  }
kept_sizes:
  for (int i = 0; i < job.tokens_after; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    state.sizes[i] = after[i];
  }
}

/// Slices of columns: while one is packed, the next is loaded, the one before it stored. A slice may be packed in
/// place, since each has columns of its own.
template <class T>
inline void pack_rows(const Ports& ports, const Job& job, SelectorState& state) {
  if (job.sizes) return merge_rows<T>(ports, job, state);
packed_slices:
  for (int column = 0; column < job.n; column += kSlice) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 16
    T slice[kernels::kMaxTokens * kSlice];
    T packed[kernels::kMaxTokens * kSlice];
    const int columns = smaller(kSlice, job.n - column);
    load_values<T>(ports.activations, job.a, 0, 0, job.tokens, column, columns, slice);
    kernels::pack_slice<T>(slice, job.tokens, columns, state.mask, state.scores, job.package_after, job.threshold,
                           packed);
    store_values<T>(packed, ports.results, job.c, 0, 0, job.tokens_after, column, columns);
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_VECTOR_ENGINE_H_
