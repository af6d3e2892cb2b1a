// Maxima that fix the local memories of the kernels. Run-time extents stay at or below them.
#ifndef HEATVIT_ACCEL_KERNELS_LIMITS_H_
#define HEATVIT_ACCEL_KERNELS_LIMITS_H_

#include "accel/isa/layout.h"
#include "accel/kernels/hardware.h"
#include "accel/kernels/labels.h"

namespace heatvit {
namespace kernels {

constexpr int kMaxRow = 1024;    // values of one row of a vector operation: LayerNorm, a slice of the packer
constexpr int kMaxTokens = 256;  // CLS, patches, package token: of the synthesised memories for whole images
constexpr int kMaxScores = isa::kMaxSequence;  // values of a row of attention
constexpr int kMaxHeads = 16;

// The panel of weights that the simulated PE array takes at a time (gemm.h): small enough for a CPU's first cache.
constexpr int kPanelColumns = 16;  // outputs
constexpr int kPanelDepth = 512;   // input channels

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_LIMITS_H_
