// The PE array as the simulated module runs it: on the rows of a buffer slot, panel by panel. A panel of weights is
// turned and widened to 16 bit as the array's weight registers would hold it; pe_array_tile (pe_array.h), the function
// that is synthesised, multiplies all token rows by it, the panel's whole depth a beat. Operands: int8 or uint8 by int8
// into int32; int16 by int16 into int64 for the 16-bit baseline.
#ifndef HEATVIT_ACCEL_KERNELS_GEMM_H_
#define HEATVIT_ACCEL_KERNELS_GEMM_H_

#include <cstdint>

#include "accel/kernels/limits.h"
#include "accel/kernels/pe_array.h"

namespace heatvit {
namespace kernels {

namespace detail {

using Panel = int16_t[kPanelColumns][kPanelDepth];

/// Rows n of b[n][k] become the rows of the panel; rows that do not exist are zero.
template <class B>
inline void load_panel_nk(const B* b, int pitch, int columns, int depth, Panel& panel) {
panel_columns:
  for (int j = 0; j < kPanelColumns; ++j) {
    const B* row = b + static_cast<int64_t>(j < columns ? j : 0) * pitch;
    const int valid = j < columns ? depth : 0;
  widen:
    for (int i = 0; i < depth; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 512
      panel[j][i] = i < valid ? static_cast<int16_t>(row[i]) : int16_t{0};
    }
  }
}

/// Rows k of b[k][n], turned.
template <class B>
inline void load_panel_kn(const B* b, int pitch, int columns, int depth, Panel& panel) {
panel_rows:
  for (int i = 0; i < depth; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 512
    const B* row = b + static_cast<int64_t>(i) * pitch;
  turn:
    for (int j = 0; j < kPanelColumns; ++j) {
#pragma HLS unroll
      panel[j][i] = j < columns ? static_cast<int16_t>(row[j]) : int16_t{0};
    }
  }
}

constexpr int at_most(int v, int limit) { return v < limit ? v : limit; }

/// The panels of a tile in turn. b_step_k, b_step_n: elements of B between two channels, two outputs.
template <bool kRowsAreK, class A, class B, class Acc>
inline void gemm_panels(const A* a, int a_pitch, const B* b, int b_pitch, Acc* c, int c_pitch, int m, int k, int n,
                        bool first) {
  static_assert(sizeof(Acc) == 8 || (sizeof(A) == 1 && sizeof(B) == 1), "16-bit operands need a wider accumulator");
  Panel panel;
depth_panels:
  for (int k0 = 0; k0 < k; k0 += kPanelDepth) {
#pragma HLS loop_tripcount min = 1 max = 8
    const int depth = at_most(k - k0, kPanelDepth);
  column_panels:
    for (int n0 = 0; n0 < n; n0 += kPanelColumns) {
#pragma HLS loop_tripcount min = 1 max = 16
      const int columns = at_most(n - n0, kPanelColumns);
      if (kRowsAreK)
        load_panel_kn(b + static_cast<int64_t>(k0) * b_pitch + n0, b_pitch, columns, depth, panel);
      else
        load_panel_nk(b + static_cast<int64_t>(n0) * b_pitch + k0, b_pitch, columns, depth, panel);
      pe_array_tile<kPanelColumns, SeparateProducts, Acc>(
          LanesUpTo<kPanelDepth>{depth}, PitchedRows<const A>{a + k0, a_pitch}, panel, PitchedRows<Acc>{c, c_pitch}, n0,
          m, depth, columns, first && k0 == 0);
    }
  }
}

}  // namespace detail

/// C = (first ? 0 : C) + A B with A m x k, B given as b[n][k] (weights, K of Q K^T), C m x n. Pitches in elements.
/// k = 0 leaves C untouched unless `first`, which is then not honoured: the caller has no empty tiles.
template <class A, class B, class Acc>
void gemm_tile_nk(const A* a, int a_pitch, const B* b, int b_pitch, Acc* c, int c_pitch, int m, int k, int n,
                  bool first) {
  detail::gemm_panels<false>(a, a_pitch, b, b_pitch, c, c_pitch, m, k, n, first);
}

/// The same with B given as b[k][n] (V of A V).
template <class A, class B, class Acc>
void gemm_tile_kn(const A* a, int a_pitch, const B* b, int b_pitch, Acc* c, int c_pitch, int m, int k, int n,
                  bool first) {
  detail::gemm_panels<true>(a, a_pitch, b, b_pitch, c, c_pitch, m, k, n, first);
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_GEMM_H_
