// Maxima that fix the local memories of the kernels. Run-time extents stay at or below them.
#pragma once

#include "accel/kernels/hardware.h"
#include "accel/kernels/labels.h"

namespace heatvit {
namespace kernels {

constexpr int kMaxRow = 1024;    // values of one row of a vector operation: softmax, LayerNorm, a slice of the packer
constexpr int kMaxTokens = 256;  // CLS, patches, package token
constexpr int kMaxHeads = 16;

// The operand panel of the matrix product: what lies in front of the multipliers. Operands are 9 bits wide at least, so
// that int8 and uint8 share one multiplier; int16 is the native type that holds both, and the 16-bit baseline's.
constexpr int kPanelColumns = 16;  // output columns of one panel
constexpr int kPanelDepth = 512;   // input channels of one panel
constexpr int kDepthStep = 32;     // input channels a cycle; a panel is padded with zeros to a multiple of it

static_assert(kPanelDepth % kDepthStep == 0, "padding stays inside the panel");

}  // namespace kernels
}  // namespace heatvit
