// Records that lie in DDR beside weights. Little endian, 8 bytes each. Meaning: docs/numerics.md.
#ifndef HEATVIT_ACCEL_ISA_RECORDS_H_
#define HEATVIT_ACCEL_ISA_RECORDS_H_

#include <cstdint>

namespace heatvit {
namespace isa {

/// Per output channel of a GEMM: out = saturate(round_shift((acc + bias) * multiplier, shift)).
struct ChannelRecord {
  int32_t bias = 0;
  uint16_t multiplier = 0;
  uint8_t shift = 1;     // 1..62
  int8_t bias_high = 0;  // int16 operands: bits 39 to 32 of the bias; int8 operands: 0, and not read
};
static_assert(sizeof(ChannelRecord) == 8, "lies in DDR");

/// The 40-bit bias of int16 operands.
constexpr int64_t wide_bias(const ChannelRecord& r) {
  return int64_t{r.bias_high} * (int64_t{1} << 32) + static_cast<uint32_t>(r.bias);
}

/// Per channel of a LayerNorm: out = saturate(round_shift(n * gamma + beta, shift)), n the normalised value in Q12
/// (int16 out: Q14);
/// the shift is one for the tensor and lies in the command.
struct NormRecord {
  int32_t beta = 0;
  int16_t gamma = 0;
  uint16_t reserved = 0;
};
static_assert(sizeof(NormRecord) == 8, "lies in DDR");

}  // namespace isa
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_ISA_RECORDS_H_
