// Cycle costs: vocabulary of the cost functions that stand beside the kernels. A cost is a function of extents, lanes
// and pipeline stages alone, never of data.
#ifndef HEATVIT_ACCEL_KERNELS_COST_H_
#define HEATVIT_ACCEL_KERNELS_COST_H_

#include <cstdint>

#include "accel/kernels/labels.h"

namespace heatvit {
namespace kernels {

/// Operand widths of a multiplier, both signed (an unsigned operand counts one more).
struct Multiplier {
  int a_bits, b_bits;
  int digits = 0;  // where b is a constant, its signed_digits; 0: a variable

  constexpr Multiplier(int a, int b, int d = 0) : a_bits(a), b_bits(b), digits(d) {}

  /// A DSP48E2 multiplies 27 by 18 bits (UG579).
  constexpr bool one_slice() const { return (a_bits <= 27 && b_bits <= 18) || (a_bits <= 18 && b_bits <= 27); }
};

/// Pipeline stages of the operations that a loop's body chains, on UltraScale+ (-2). Our choice, not the paper's.
struct Stages {
  int read;      // block RAM; 2 with its output register (UG573: DOA_REG)
  int write;     // block RAM, a synchronous write
  int add;       // a carry chain of up to 64 bits: eight CARRY8 (UG574)
  int multiply;  // one DSP48E2 (UG579): P; A/B and P; A1/B1, A2/B2 or AD, M and P
  int cascade;   // up to four slices for one product
  int shift;     // rounding increment and a six-level barrel shifter
  int saturate;  // two comparisons and a choice

  constexpr int product(const Multiplier& m) const { return m.one_slice() ? multiply : cascade; }
};

/// All registers that the primitives have; a shifter in steps of two levels. For 300 MHz and more.
constexpr Stages kAllRegisters = {2, 1, 1, 4, 4, 3, 1};

/// Periods from which fewer registers do, nanoseconds. A slice from its input registers to P takes 1.84 ns (544 MHz
/// without the register between: DS925, -2), which wires to and from it may lengthen by half; block RAM without an
/// output register, three slices more in a cascade or a whole shifter each fill 5 ns with theirs (ours).
constexpr double kShortPeriodNs = 2.7, kLongPeriodNs = 5.0;

/// As many as a clock of this period needs. docs/hls.md has them beside what an independent compiler built.
constexpr Stages stages_at(double period_ns) {
  return period_ns >= kLongPeriodNs    ? Stages{1, 1, 1, 1, 2, 1, 1}
         : period_ns >= kShortPeriodNs ? Stages{2, 1, 1, 2, 4, 2, 1}
                                       : kAllRegisters;
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int ceil_log2(int v) {
  int bits = 0;
  for (int b = 0; b < 31; ++b) bits += (int64_t{1} << b) < v ? 1 : 0;
  return bits;
}

/// Element-wise pipeline: `lanes` values a cycle, II = 1, rows follow each other without a gap; a row starts a new
/// beat.
constexpr int64_t stream_cycles(int64_t rows, int n, int lanes, int depth) { return rows * ceil_div(n, lanes) + depth; }

/// Dataflow over rows: a new row each `interval`, the first result after `latency`.
constexpr int64_t row_dataflow_cycles(int64_t rows, int64_t interval, int64_t latency) {
  return rows <= 0 ? 0 : (rows - 1) * interval + latency;
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_COST_H_
