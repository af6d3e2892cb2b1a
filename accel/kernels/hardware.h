// Sizes that a bitstream fixes: DeiT-T's array with small tiles, unless a header that `run_sim hls-config` wrote takes
// their place. It is named in one of three ways, for what a tool's command line lets through:
//   -include path/of/header.h                          before everything else
//   -DHEATVIT_HLS_CONFIG_FILE=path/of/header.h         without quotes
//   -DHEATVIT_HLS_CONFIG='"path/of/header.h"'          with them
// A relative path is looked for where -I points.
#ifndef HEATVIT_ACCEL_KERNELS_HARDWARE_H_
#define HEATVIT_ACCEL_KERNELS_HARDWARE_H_

#if defined(HEATVIT_HLS_CONFIG_H_)
// Included already.
#elif defined(HEATVIT_HLS_CONFIG)
#include HEATVIT_HLS_CONFIG
#elif defined(HEATVIT_HLS_CONFIG_FILE)
#define HEATVIT_QUOTED(path) #path
#define HEATVIT_QUOTE(path) HEATVIT_QUOTED(path)
#include HEATVIT_QUOTE(HEATVIT_HLS_CONFIG_FILE)
#else

namespace heatvit {
namespace kernels {

constexpr int kTh = 3;   // groups of the PE array
constexpr int kTi = 32;  // inputs of a group, a cycle
constexpr int kTo = 32;  // outputs of a group, a cycle

constexpr int kOperandBits = 8;  // of activations and weights: 8, two products a DSP slice; 16, one

constexpr int kTileM = 197;  // buffer tiles, elements
constexpr int kTileK = 192;
constexpr int kTileN = 192;
constexpr int kInputTiles = 2, kWeightTiles = 2;  // of heatvit_top's operand memories
constexpr int kKeptSums = 1;                      // row tiles whose sums it keeps while weights pass; 1: none

constexpr int kChipKib = 0;  // memory on chip for the residual stream and attention; 0: none

constexpr int kVectorLanes = 16;                                     // values a cycle of the vector unit
constexpr int kSoftmaxLanes = 16, kGeluLanes = 16, kNormLanes = 16;  // of softmax; GELU, SiLU; LayerNorm
constexpr int kSelectLanes = 16;                                     // comparators of the token selector
constexpr int kScoreLanes = 1;                                       // heads of a token that it takes in a cycle

constexpr int kConstantsInLut = 0;  // multiplications by constants: 1: in LUTs; 0: in DSP slices

constexpr int kDivisionInterval = 64;  // cycles between divisions (or roots) that a row-wise unit takes; from the
                                       // latency on: one after another

}  // namespace kernels
}  // namespace heatvit

#endif

#endif  // HEATVIT_ACCEL_KERNELS_HARDWARE_H_
