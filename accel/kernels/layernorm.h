// LayerNorm of one row in integers (docs/numerics.md, section 7): no division by n, one square root, one reciprocal.
#ifndef HEATVIT_ACCEL_KERNELS_LAYERNORM_H_
#define HEATVIT_ACCEL_KERNELS_LAYERNORM_H_

#include <cstdint>

#include "accel/isa/records.h"
#include "accel/kernels/cost.h"
#include "accel/kernels/divide.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/round.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace kernels {

constexpr int kRootBits = 32;
constexpr int kRootBitsPerCycle = 2;
constexpr int kNormReciprocalBits = 33;  // 2^63 / R, R >= 2^31

/// Fraction bits of the normalised value, by the type of the result.
template <class Out>
constexpr int norm_fraction_bits() {
  return sizeof(Out) == 1 ? 12 : 14;
}

/// The largest even h with v << h below 2^64; v >= 1. Five comparisons, each halves what is left.
inline int even_headroom(uint64_t v) {
  int h = 0;
headroom:
  for (int step = 32; step >= 2; step /= 2) {
#pragma HLS unroll
    const bool free = (v >> (64 - step)) == 0;
    v = free ? v << step : v;
    h += free ? step : 0;
  }
  return h;
}

constexpr int64_t root_cycles() { return kRootBits / kRootBitsPerCycle + kDivideDepth; }

namespace detail {

struct Root {
  UInt<kRootBits> floor;
  UInt<kRootBits + 2> rest;
};

/// One more bit of the root: the rest takes in two bits of the radicand, and the trial leaves it where it fits.
inline void root_bit(Root& r, UInt<2> bits) {
#pragma HLS inline
  const UInt<kRootBits + 2> rest =
      static_cast<UInt<kRootBits + 2>>((r.rest << 2) | static_cast<UInt<kRootBits + 2>>(bits));
  const UInt<kRootBits + 2> trial =
      static_cast<UInt<kRootBits + 2>>((static_cast<UInt<kRootBits + 2>>(r.floor) << 2) | UInt<kRootBits + 2>(1));
  const bool fits = rest >= trial;
  r.rest = static_cast<UInt<kRootBits + 2>>(rest - (fits ? trial : UInt<kRootBits + 2>(0)));
  r.floor =
      static_cast<UInt<kRootBits>>(static_cast<UInt<kRootBits>>(r.floor << 1) | static_cast<UInt<kRootBits>>(fits));
}

inline UInt<kRootBits> root_in_turn(uint64_t v) {
  Root r = {0, 0};
root_bits:
  for (int i = kRootBits - 1; i >= 0; --i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = 2
    root_bit(r, static_cast<UInt<2>>((v >> (2 * i)) & 3));
  }
  return r.floor;
}

inline UInt<kRootBits> root_pipelined(uint64_t v) {
#pragma HLS pipeline II = kDivisionInterval
  Root r = {0, 0};
root_stages:
  for (int i = kRootBits - 1; i >= 0; --i) {
#pragma HLS unroll
    root_bit(r, static_cast<UInt<2>>((v >> (2 * i)) & 3));
  }
  return r.floor;
}

}  // namespace detail

/// floor(sqrt(v)), exact for every v: digit by digit, one result bit a step; pipelined as divide() is.
inline UInt<kRootBits> integer_sqrt(uint64_t v) {
#pragma HLS inline
  return kDivisionInterval < root_cycles() ? detail::root_pipelined(v) : detail::root_in_turn(v);
}

/// How a row is normalised: n_i = round_shift((count * x_i - sum) * reciprocal, shift).
struct RowStatistics {
  Int<27> sum;
  UInt<kNormReciprocalBits> reciprocal;
  int shift;
};

namespace detail {

// Fields of a record, or of its eight bytes as one word, as they lie in DDR: what a unit's port carries. Read one by
// one, since a copy of the record keeps g++ 12 from vectorising the loop.
inline int16_t gamma_of(const isa::NormRecord& record) { return record.gamma; }
inline int32_t beta_of(const isa::NormRecord& record) { return record.beta; }
inline int16_t gamma_of(uint64_t word) { return static_cast<int16_t>(static_cast<uint16_t>(word >> 32)); }
inline int32_t beta_of(uint64_t word) { return static_cast<int32_t>(static_cast<uint32_t>(word)); }

template <int kFractionBits, class In>
inline RowStatistics row_statistics(const In* x, int n, uint64_t epsilon) {
  Int<27> sum = 0;       // 1024 values of 16 bits
  UInt<41> squares = 0;  // and their squares
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kNormLanes
#pragma HLS loop_tripcount min = 32 max = 1024
    const int32_t v = x[i];
    sum += v;
    squares += static_cast<uint32_t>(multiply<16, 16, 32>(v, v));  // at most 2^30
  }
  const Int<53> scaled = multiply<12, 42, 53>(n, squares);
  const Int<53> square = multiply<27, 27, 53>(sum, sum);
  const uint64_t q = static_cast<uint64_t>(native(scaled) - native(square)) + epsilon;
  const int h = even_headroom(q);
  const UInt<kRootBits> root = integer_sqrt(q << h);
  const UInt<kNormReciprocalBits> reciprocal = divide<kNormReciprocalBits, kRootBits>(uint64_t{1} << 63, root);
  return RowStatistics{sum, reciprocal, 63 - h / 2 - kFractionBits};
}

/// One value before it is clamped to Out.
template <class Out, class In, class Record>
inline int64_t normalised_value(In x, int n, const RowStatistics& row, const Record& record, int shift) {
  constexpr int kBits = norm_fraction_bits<Out>() + 8;  // of the normalised value
  const Int<28> centred = static_cast<Int<28>>(multiply<12, 16, 28>(n, x) - static_cast<int32_t>(row.sum));
  const Int<61> product = multiply<28, 34, 61>(centred, row.reciprocal);
  const Int<kBits> normalised = static_cast<Int<kBits>>(round_shift(native(product), row.shift));
  const Int<kBits + 16> scaled = multiply<kBits, 16, kBits + 16>(normalised, gamma_of(record));
  const Int<39> shifted = static_cast<Int<39>>(scaled + beta_of(record));
  return round_shift(native(shifted), shift);
}

}  // namespace detail

/// out = saturate(round_shift(normalised * gamma + beta, shift)), normalised = (x - mean) / sqrt(variance + eps) in
/// Q12 (int16 out: Q14). In: int16 or int8; Out: int8 or int16; 1 <= n <= 1024; epsilon = round(n^2 eps / scale^2), at
/// least 1; records: one a value, isa::NormRecord or its eight bytes.
template <class In, class Record, class Out>
void layernorm_row(const In* x, int n, const Record* records, int shift, uint64_t epsilon, Out* out) {
  const RowStatistics row = detail::row_statistics<norm_fraction_bits<Out>()>(x, n, epsilon);
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kNormLanes
#pragma HLS loop_tripcount min = 32 max = 1024
    out[i] = saturate<Out>(detail::normalised_value<Out>(x[i], n, row, records[i], shift));
  }
}

/// Of a lane: squares; centring, normalising, times gamma (of int8 results). And of a row.
constexpr Multiplier kNormMultipliers[] = {{16, 16}, {12, 16}, {28, 34}, {20, 16}};
constexpr Multiplier kNormRowMultipliers[] = {{12, 42}, {27, 27}};

/// Stages beyond the beats. Sums: a square, two trees.
constexpr int layernorm_sum_depth(int lanes, const Stages& s) {
  return s.read + s.product(kNormMultipliers[0]) + ceil_log2(lanes) * s.add + s.add;
}

/// Two multiplications side by side, two additions, headroom shift.
constexpr int variance_depth(const Stages& s) { return s.product(kNormRowMultipliers[0]) + 2 * s.add + s.shift; }

/// Three multiplications, two rounding shifts, two additions.
constexpr int norm_scale_depth(const Stages& s) {
  return s.read + s.product(kNormMultipliers[1]) + s.product(kNormMultipliers[2]) + s.product(kNormMultipliers[3]) +
         2 * s.shift + 2 * s.add + s.saturate + s.write;
}

constexpr int layernorm_depth(int lanes, const Stages& s) {
  return layernorm_sum_depth(lanes, s) + variance_depth(s) + norm_scale_depth(s);
}

/// Sums, square root, reciprocal and scaling are stages of a dataflow over rows; root and reciprocal take a row each
/// `division` cycles, so rows of fewer beats wait for them.
constexpr int64_t layernorm_interval(int n, int lanes, int division) {
  const int64_t pass = ceil_div(n, lanes) + 1;
  const int64_t quotient = division_interval(divide_cycles(kNormReciprocalBits), division);
  const int64_t root = division_interval(root_cycles(), division);
  const int64_t slowest = quotient > root ? quotient : root;
  return pass > slowest ? pass : slowest;
}

constexpr int64_t layernorm_cycles(int64_t rows, int n, int lanes, int division, const Stages& s) {
  return row_dataflow_cycles(
      rows, layernorm_interval(n, lanes, division),
      2 * (ceil_div(n, lanes) + 1) + root_cycles() + divide_cycles(kNormReciprocalBits) + layernorm_depth(lanes, s));
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_LAYERNORM_H_
