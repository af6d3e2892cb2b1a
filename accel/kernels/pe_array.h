// The PE array: one flattened loop over the beats of a buffer tile. A beat multiplies some input channels of one token
// row by the weights of kOutputs outputs and adds the sums to the accumulators. Simulated module, unit tops and
// heatvit_top all call pe_array_tile(); they differ in how many channels and outputs a beat takes, which no number
// depends on: lanes of the bitstream in hardware, a panel that suits a CPU's caches in the simulation (gemm.h).
//
// Two outputs share one DSP48E2 (Xilinx WP486): their weights lie 18 bits apart in one operand and are multiplied by
// the activation that both need. The low sum is signed 18 bit, so a chain of packed products must be drained before it
// can leave that range, and its borrow given back to the high sum. The simulated module multiplies without packing:
// the same products, which a test compares over all extremes.
#ifndef HEATVIT_ACCEL_KERNELS_PE_ARRAY_H_
#define HEATVIT_ACCEL_KERNELS_PE_ARRAY_H_

#include <cstdint>

#include "accel/kernels/cost.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

/// Activations that int8 and uint8 share: nine bits.
using Activation9 = Int<9>;

/// Input channels of a beat: as many as a bitstream has lanes ...
template <int kLanes>
struct FixedLanes {
  static constexpr int kMost = kLanes;
  static constexpr int count() { return kLanes; }
};

/// ... or, in the simulation, as many as a panel is deep.
template <int kLimit>
struct LanesUpTo {
  static constexpr int kMost = kLimit;
  int lanes;
  constexpr int count() const { return lanes; }
};

/// Rows of a matrix that is not a two-dimensional array. pitch in elements.
template <class T>
struct PitchedRows {
  T* data;
  int pitch;
  T* operator[](int row) const { return data + static_cast<int64_t>(row) * pitch; }
};

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
struct PackedChain<Activation9> {
  static constexpr int kTerms = 4;
};

/// The register of a sum that is kept in an accumulator of type T.
template <class T>
struct SumRegister {
  using Type = T;
};
template <>
struct SumRegister<int32_t> {
  using Type = Int<32>;
};

/// Each product on a multiplier of its own.
struct SeparateProducts {
  static constexpr int kTogether = 1;  // outputs that share a multiplier

  /// sum[j] = a[0 .. lanes) times b[row0 + j][column0 .. column0 + lanes).
  template <int kOutputs, class Lanes, class A, class RowsB, class Sum>
  static inline void sums(const Lanes& lanes, const A* a, const RowsB& b, int row0, int column0, Sum (&sum)[kOutputs]) {
#pragma HLS inline
  input_lanes:
    for (int t = 0; t < lanes.count(); ++t) {
#pragma HLS unroll
#pragma HLS loop_tripcount min = 1 max = 512
    output_lanes:
#pragma GCC unroll 16
      for (int j = 0; j < kOutputs; ++j) {
#pragma HLS unroll
        sum[j] += a[t] * b[row0 + j][column0 + t];
      }
    }
  }
};

/// Two products of int8 weights on each multiplier.
struct PackedProducts {
  static constexpr int kTogether = 2;

  template <int kOutputs, class Lanes, class A, class RowsB>
  static inline void sums(const Lanes&, const A* a, const RowsB& b, int row0, int column0, Int<32> (&sum)[kOutputs]) {
#pragma HLS inline
  output_pairs:
    for (int j = 0; j < kOutputs; j += kTogether) {
#pragma HLS unroll
      pair<Lanes::kMost>(a, &b[row0 + j + 1][column0], &b[row0 + j][column0], sum[j + 1], sum[j]);
    }
  }

  /// Adds kLanes products each to two sums.
  template <int kLanes, class A>
  static inline void pair(const A* a, const int8_t* high, const int8_t* low, Int<32>& high_sum, Int<32>& low_sum) {
#pragma HLS inline
    constexpr int kTerms = PackedChain<A>::kTerms;
  chains:
    for (int t0 = 0; t0 < kLanes; t0 += kTerms) {
#pragma HLS unroll
      Int<48> chain = 0;
    chain_lanes:
      for (int t = 0; t < kTerms; ++t) {
#pragma HLS unroll
        if (t0 + t < kLanes) {
          const Int<27> operand = static_cast<Int<27>>(high[t0 + t]) * (1 << kPackShift) + low[t0 + t];
          const Int<45> product = static_cast<Int<45>>(operand) * static_cast<Activation9>(a[t0 + t]);
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
};

/// Extents of the buffers that the array reads and writes: rows, padded input channels, padded outputs.
template <int kMaxRows, int kMaxInputs, int kMaxOutputs>
struct TileBuffers {
  static constexpr int kRows = kMaxRows;
  static constexpr int kInputs = kMaxInputs;
  static constexpr int kOutputs = kMaxOutputs;
};

namespace detail {

/// cells[j] = (fresh ? 0 : cells[j]) + sum[j] for j < columns.
template <int kOutputs, class Sum, class Acc>
inline void accumulate(const Sum (&sum)[kOutputs], int columns, bool fresh, Acc* cells) {
#pragma HLS inline
cells:
  for (int j = 0; j < kOutputs; ++j) {
#pragma HLS unroll
    if (j < columns) cells[j] = static_cast<Acc>(native(sum[j])) + (fresh ? Acc{0} : cells[j]);
  }
}

}  // namespace detail

/// C = (first ? 0 : C) + A B: a[row][channel], b[output][channel], c[row][column0 + output], each anything whose
/// operator[] gives a row. Operands: int8; uint8, or nine bits, by int8; int16 by int16 into int64. Channels come
/// lanes.count() at a time and a last, partial beat reads as many: a or b holds zeros from k on. kOutputs at a time: b
/// has a multiple of kOutputs rows, whatever is in them from n on. Cost: gemm_tile_cycles.
template <int kOutputs, class Products, class Acc, class Lanes, class RowsA, class RowsB, class RowsC>
inline void pe_array_tile(const Lanes& lanes, const RowsA& a, const RowsB& b, const RowsC& c, int column0, int m, int k,
                          int n, bool first) {
  static_assert(kOutputs % Products::kTogether == 0, "outputs share multipliers in whole groups");
  int row = 0, k0 = 0;  // rows are innermost: a sum comes round again after m beats
  int n0 = m > 0 && k > 0 ? 0 : n;
gemm_beats:
  for (; n0 < n;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    typename SumRegister<Acc>::Type sum[kOutputs];
#pragma HLS array_partition variable = sum type = complete
  clear_sums:
#pragma GCC unroll 16
    for (int j = 0; j < kOutputs; ++j) {  // not `= {}`: the default constructor of some ap_int is explicit
#pragma HLS unroll
      sum[j] = typename SumRegister<Acc>::Type(0);
    }
    Products::template sums<kOutputs>(lanes, &a[row][k0], b, n0, k0, sum);
    detail::accumulate<kOutputs>(sum, n - n0, first && k0 == 0, &c[row][column0 + n0]);
    const bool row_end = row + 1 == m;
    const bool depth_end = row_end && k0 + lanes.count() >= k;
    row = row_end ? 0 : row + 1;
    k0 = depth_end ? 0 : row_end ? k0 + lanes.count() : k0;
    n0 = depth_end ? n0 + kOutputs : n0;
  }
}

/// Stages from the operand buffers to the accumulator: buffer read, multiplier, adder tree over the input lanes,
/// accumulation (one cycle, forwarded: the same output may be accumulated in successive cycles).
constexpr int gemm_depth(int k_lanes, const Stages& s) {
  return s.read + s.multiply + ceil_log2(k_lanes) * s.add + s.add;
}

/// One token row a cycle at II = 1, k_lanes input channels by n_lanes outputs: m ceil(k / k_lanes) ceil(n / n_lanes) +
/// depth. Independent of the layout of B: the buffer's banks deliver k_lanes x n_lanes operands either way.
constexpr int64_t gemm_tile_cycles(int m, int k, int n, int k_lanes, int n_lanes, const Stages& s) {
  return m * ceil_div(k, k_lanes) * ceil_div(n, n_lanes) + gemm_depth(k_lanes, s);
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_PE_ARRAY_H_
