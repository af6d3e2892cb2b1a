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
  uint8_t shift = 1;  // 1..62
  uint8_t reserved = 0;
};
static_assert(sizeof(ChannelRecord) == 8, "lies in DDR");

/// Per channel of a LayerNorm: out = saturate(round_shift(n * gamma + beta, shift)), n the normalised value in Q12;
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
