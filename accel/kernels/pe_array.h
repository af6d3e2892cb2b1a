// The PE array as hardware: one flattened loop over the beats of a buffer tile, kInputs x kOutputs multipliers a beat.
// The same numbers as gemm.h, whose panels are cut for the caches of a CPU; a test compares the two on every shape.
//
// Two outputs share one DSP48E2 (Xilinx WP486): their weights lie 18 bits apart in one operand and are multiplied by
// the activation that both need. The low sum is signed 18 bit, so a chain of packed products must be drained before it
// can leave that range, and its borrow given back to the high sum.
#pragma once

#include <cstdint>

#include "accel/kernels/cost.h"
#include "accel/kernels/gemm.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

constexpr int kPackShift = 18;

/// Products of a chain of packed pairs, by the type of the activation: terms x 128 x (largest magnitude) < 2^17.
template <class A>
struct PackedChain;
template <>
struct PackedChain<int8_t> {
  static constexpr int kTerms = 7;  // 7 x 128 x 128 = 114,688 < 131,072
};
template <>
struct PackedChain<uint8_t> {
  static constexpr int kTerms = 4;  // 4 x 128 x 255 = 130,560
};

template <>
struct PackedChain<int16_t> {  // operands of nine bits: what int8 and uint8 share
  static constexpr int kTerms = 4;
};

/// Extents of the buffers that the array reads and writes: rows, padded input channels, padded outputs.
template <int kMaxRows, int kMaxInputs, int kMaxOutputs>
struct TileBuffers {
  static constexpr int kRows = kMaxRows;
  static constexpr int kInputs = kMaxInputs;
  static constexpr int kOutputs = kMaxOutputs;
};

namespace detail {

/// kLanes products of one output.
template <int kLanes, class A>
inline Int<32> dot(const A* a, const int8_t* b) {
#pragma HLS inline
  Int<32> sum = 0;
input_lanes:
  for (int t = 0; t < kLanes; ++t) {
#pragma HLS unroll
    sum += static_cast<Int<9>>(a[t]) * static_cast<Int<8>>(b[t]);
  }
  return sum;
}

/// kLanes products of two outputs, two on each multiplier.
template <int kLanes, class A>
inline void dot_pair(const A* a, const int8_t* high, const int8_t* low, Int<32>& high_sum, Int<32>& low_sum) {
#pragma HLS inline
  constexpr int kTerms = PackedChain<A>::kTerms;
  high_sum = 0;
  low_sum = 0;
chains:
  for (int t0 = 0; t0 < kLanes; t0 += kTerms) {
#pragma HLS unroll
    Int<48> chain = 0;
  chain_lanes:
    for (int t = 0; t < kTerms; ++t) {
#pragma HLS unroll
      if (t0 + t < kLanes) {
        const Int<27> pair = static_cast<Int<27>>(high[t0 + t]) * (1 << kPackShift) + low[t0 + t];
        const Int<45> product = static_cast<Int<45>>(pair) * static_cast<Int<9>>(a[t0 + t]);
#pragma HLS bind_op variable = product op = mul impl = dsp
        chain += product;
      }
    }
    // The low 18 bits, signed; what they borrowed from the high part is given back.
    const int32_t both_low = static_cast<int32_t>(native(chain) & ((1 << kPackShift) - 1));
    const int32_t drained = both_low - ((both_low >> (kPackShift - 1)) << kPackShift);
    low_sum += drained;
    high_sum += static_cast<int32_t>((native(chain) - drained) >> kPackShift);
  }
}

}  // namespace detail

/// C = (first ? 0 : C) + A B: a[m][k], b[n][k], c[m][column0 + n], each in its buffer. A: int8, uint8, or int16 that
/// holds nine bits. The loader has filled a and b with zeros from k up to a multiple of kLanesIn; b and c are buffers
/// of a multiple of kLanesOut rows and columns, and outputs from n on are computed and of no meaning. kPacked: pairs of
/// int8 products on one multiplier.
template <class Buffers, int kLanesIn, int kLanesOut, bool kPacked, class A>
inline void pe_array_tile(const A (*a)[Buffers::kInputs], const int8_t (*b)[Buffers::kInputs],
                          int32_t (*c)[Buffers::kOutputs], int column0, int m, int k, int n, bool first) {
  static_assert(Buffers::kInputs % kLanesIn == 0, "the last beat of a row reads kLanesIn operands, zeros among them");
  static_assert(Buffers::kOutputs % kLanesOut == 0, "the last beat writes kLanesOut sums");
  static_assert(!kPacked || kLanesOut % 2 == 0, "outputs are packed in pairs");
  const int beats = m * static_cast<int>(ceil_div(k, kLanesIn) * ceil_div(n, kLanesOut));
  int row = 0, k0 = 0, n0 = 0;  // rows are innermost: a sum comes round again after m beats
gemm_beats:
  for (int beat = 0; beat < beats; ++beat) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
  outputs:
    for (int j = 0; j < kLanesOut; j += kPacked ? 2 : 1) {
#pragma HLS unroll
      const bool fresh = first && k0 == 0;
      int32_t* cell = &c[row][column0 + n0 + j];
      if (kPacked) {
        Int<32> high = 0, low = 0;
        detail::dot_pair<kLanesIn>(&a[row][k0], &b[n0 + j + 1][k0], &b[n0 + j][k0], high, low);
        cell[0] = static_cast<int32_t>(native(low)) + (fresh ? 0 : cell[0]);
        cell[1] = static_cast<int32_t>(native(high)) + (fresh ? 0 : cell[1]);
      } else {
        const Int<32> sum = detail::dot<kLanesIn>(&a[row][k0], &b[n0 + j][k0]);
        cell[0] = static_cast<int32_t>(native(sum)) + (fresh ? 0 : cell[0]);
      }
    }
    const bool row_end = row + 1 == m;
    const bool depth_end = row_end && k0 + kLanesIn >= k;
    row = row_end ? 0 : row + 1;
    k0 = depth_end ? 0 : row_end ? k0 + kLanesIn : k0;
    n0 = depth_end ? n0 + kLanesOut : n0;
  }
}

/// What it costs is gemm_tile_cycles (gemm.h): m ceil(k / kLanesIn) ceil(n / kLanesOut) + gemm_depth(kLanesIn).

}  // namespace kernels
}  // namespace heatvit
