// Matrix product of one buffer tile: int8 or uint8 by int8 into int32 (int16 by int16 into int64 for the 16-bit
// baseline).
#pragma once

#include <cstdint>

#include "accel/kernels/cost.h"
#include "accel/kernels/limits.h"

namespace heatvit {
namespace kernels {

namespace detail {

/// `valid` values of a row widened to operands, zeros up to `padded`.
template <class T>
inline void load_operands(const T* from, int valid, int padded, int16_t* to) {
widen:
  for (int i = 0; i < valid; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 512
    to[i] = static_cast<int16_t>(from[i]);
  }
pad:
  for (int i = valid; i < padded; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 32
    to[i] = 0;
  }
}

/// Rows n of b[n][k] become the columns of the panel; columns that do not exist are zero.
template <class B>
inline void load_panel_nk(const B* b, int pitch, int columns, int depth, int padded,
                          int16_t (&panel)[kPanelColumns][kPanelDepth]) {
panel_columns:
  for (int j = 0; j < kPanelColumns; ++j) {
    load_operands(b + static_cast<int64_t>(j < columns ? j : 0) * pitch, j < columns ? depth : 0, padded, panel[j]);
  }
}

/// Rows k of b[k][n], turned.
template <class B>
inline void load_panel_kn(const B* b, int pitch, int columns, int depth, int padded,
                          int16_t (&panel)[kPanelColumns][kPanelDepth]) {
panel_rows:
  for (int i = 0; i < padded; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 512
    const B* row = b + static_cast<int64_t>(i < depth ? i : 0) * pitch;
    const int valid = i < depth ? columns : 0;
  turn:
    for (int j = 0; j < kPanelColumns; ++j) {
#pragma HLS unroll
      panel[j][i] = j < valid ? static_cast<int16_t>(row[j]) : int16_t{0};
    }
  }
}

/// One token row against every column of the panel: kPanelColumns dot products of length `depth`. Each cycle takes
/// kDepthStep input channels times kPanelColumns outputs; the sums are registers.
template <class Acc>
inline void multiply_row(const int16_t (&row)[kPanelDepth], const int16_t (&panel)[kPanelColumns][kPanelDepth],
                         int depth, Acc (&out)[kPanelColumns]) {
  // A local array, fully unrolled: reductions the compiler keeps in one vector register each.
  Acc sum[kPanelColumns] = {};
#pragma HLS array_partition variable = sum type = complete
channels:
  for (int i = 0; i < depth; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kDepthStep
#pragma HLS loop_tripcount min = 32 max = 512
  outputs:
#pragma GCC unroll 16
    for (int j = 0; j < kPanelColumns; ++j) {
#pragma HLS unroll
      sum[j] += static_cast<Acc>(row[i]) * static_cast<Acc>(panel[j][i]);
    }
  }
columns:
  for (int j = 0; j < kPanelColumns; ++j) {
#pragma HLS unroll
    out[j] = sum[j];
  }
}

/// m x columns outputs from m rows of A and one panel.
template <class A, class Acc>
inline void multiply_panel(const A* a, int a_pitch, const int16_t (&panel)[kPanelColumns][kPanelDepth], Acc* c,
                           int c_pitch, int m, int depth, int padded, int columns, bool first) {
  int16_t row[kPanelDepth];
#pragma HLS array_partition variable = row type = cyclic factor = kDepthStep
token_rows:
  for (int i = 0; i < m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
    load_operands(a + static_cast<int64_t>(i) * a_pitch, depth, padded, row);
    Acc sum[kPanelColumns];
    multiply_row(row, panel, padded, sum);
    Acc* cells = c + static_cast<int64_t>(i) * c_pitch;
  accumulate:
    for (int j = 0; j < columns; ++j) {
#pragma HLS unroll
#pragma HLS loop_tripcount min = 1 max = 16
      cells[j] = (first ? Acc{0} : cells[j]) + sum[j];
    }
  }
}

constexpr int at_most(int v, int limit) { return v < limit ? v : limit; }
constexpr int padded_depth(int depth) { return (depth + kDepthStep - 1) / kDepthStep * kDepthStep; }

}  // namespace detail

/// C = (first ? 0 : C) + A B with A m x k, B given as b[n][k] (weights, K of Q K^T), C m x n. Pitches in elements.
/// k = 0 leaves C untouched unless `first`, which is then not honoured: the caller has no empty tiles.
template <class A, class B, class Acc>
void gemm_tile_nk(const A* a, int a_pitch, const B* b, int b_pitch, Acc* c, int c_pitch, int m, int k, int n,
                  bool first) {
  static_assert(sizeof(Acc) == 8 || (sizeof(A) == 1 && sizeof(B) == 1), "16-bit operands need a wider accumulator");
  int16_t panel[kPanelColumns][kPanelDepth];
#pragma HLS array_partition variable = panel type = cyclic factor = kDepthStep dim = 2
depth_panels:
  for (int k0 = 0; k0 < k; k0 += kPanelDepth) {
#pragma HLS loop_tripcount min = 1 max = 8
    const int depth = detail::at_most(k - k0, kPanelDepth);
    const int padded = detail::padded_depth(depth);
  column_panels:
    for (int n0 = 0; n0 < n; n0 += kPanelColumns) {
#pragma HLS loop_tripcount min = 1 max = 16
      const int columns = detail::at_most(n - n0, kPanelColumns);
      detail::load_panel_nk(b + static_cast<int64_t>(n0) * b_pitch + k0, b_pitch, columns, depth, padded, panel);
      detail::multiply_panel(a + k0, a_pitch, panel, c + n0, c_pitch, m, depth, padded, columns, first && k0 == 0);
    }
  }
}

/// The same with B given as b[k][n] (V of A V).
template <class A, class B, class Acc>
void gemm_tile_kn(const A* a, int a_pitch, const B* b, int b_pitch, Acc* c, int c_pitch, int m, int k, int n,
                  bool first) {
  static_assert(sizeof(Acc) == 8 || (sizeof(A) == 1 && sizeof(B) == 1), "16-bit operands need a wider accumulator");
  int16_t panel[kPanelColumns][kPanelDepth];
#pragma HLS array_partition variable = panel type = cyclic factor = kDepthStep dim = 2
depth_panels:
  for (int k0 = 0; k0 < k; k0 += kPanelDepth) {
#pragma HLS loop_tripcount min = 1 max = 8
    const int depth = detail::at_most(k - k0, kPanelDepth);
    const int padded = detail::padded_depth(depth);
  column_panels:
    for (int n0 = 0; n0 < n; n0 += kPanelColumns) {
#pragma HLS loop_tripcount min = 1 max = 16
      const int columns = detail::at_most(n - n0, kPanelColumns);
      detail::load_panel_kn(b + static_cast<int64_t>(k0) * b_pitch + n0, b_pitch, columns, depth, padded, panel);
      detail::multiply_panel(a + k0, a_pitch, panel, c + n0, c_pitch, m, depth, padded, columns, first && k0 == 0);
    }
  }
}

/// Stages from the operand buffers to the accumulator: buffer read, multiplier, adder tree over the input lanes,
/// accumulation (one cycle, forwarded: the same output may be accumulated in successive cycles).
constexpr int gemm_depth(int k_lanes) {
  return kReadDepth + kMultiplyDepth + ceil_log2(k_lanes) * kAddDepth + kAddDepth;
}

/// One token row a cycle at II = 1, k_lanes input channels by n_lanes outputs: m ceil(k / k_lanes) ceil(n / n_lanes) +
/// depth. Independent of the layout of B: the buffer's banks deliver k_lanes x n_lanes operands either way.
constexpr int64_t gemm_tile_cycles(int m, int k, int n, int k_lanes, int n_lanes) {
  return m * ceil_div(k, k_lanes) * ceil_div(n, n_lanes) + gemm_depth(k_lanes);
}

}  // namespace kernels
}  // namespace heatvit
