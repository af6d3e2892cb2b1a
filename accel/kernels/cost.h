// Cycle costs: vocabulary of the cost functions that stand beside the kernels. A cost is a function of extents and
// lanes alone, never of data. Depths are pipeline stages on UltraScale+ (-2) at up to 300 MHz; our choice, not the
// paper's, from the registers that the primitives have: block RAM UG573 (memory resources), DSP48E2 UG579, carry chains
// UG574 (CLB).
#ifndef HEATVIT_ACCEL_KERNELS_COST_H_
#define HEATVIT_ACCEL_KERNELS_COST_H_

#include <cstdint>

#include "accel/kernels/labels.h"

namespace heatvit {
namespace kernels {

constexpr int kReadDepth = 2;      // block RAM with its output register (UG573: DOA_REG)
constexpr int kWriteDepth = 1;     // block RAM, a synchronous write
constexpr int kAddDepth = 1;       // a carry chain of up to 64 bits: eight CARRY8 (UG574)
constexpr int kMultiplyDepth = 4;  // DSP48E2, all its registers (UG579: A1/B1, A2/B2 or AD, M, P), or a cascade of four
constexpr int kShiftDepth = 3;     // rounding increment and a six-level barrel shifter, two levels a stage (ours)
constexpr int kSaturateDepth = 1;  // two comparisons and a choice (ours)

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
