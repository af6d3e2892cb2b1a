// Sizes that a bitstream fixes. `run_sim hls-config` writes such a header for a configuration; where HEATVIT_HLS_CONFIG
// names one ("path/of/header.h"), it replaces these values: DeiT-T's array with small tiles.
#ifndef HEATVIT_ACCEL_KERNELS_HARDWARE_H_
#define HEATVIT_ACCEL_KERNELS_HARDWARE_H_

#ifdef HEATVIT_HLS_CONFIG
#include HEATVIT_HLS_CONFIG
#else

namespace heatvit {
namespace kernels {

constexpr int kTh = 3;   // groups of the PE array
constexpr int kTi = 32;  // inputs of a group, a cycle
constexpr int kTo = 32;  // outputs of a group, a cycle

constexpr int kTileM = 197;  // buffer tiles, elements
constexpr int kTileK = 192;
constexpr int kTileN = 192;

constexpr int kVectorLanes = 16;                                     // values a cycle of the vector unit
constexpr int kSoftmaxLanes = 16, kGeluLanes = 16, kNormLanes = 16;  // of softmax; GELU, SiLU; LayerNorm
constexpr int kSelectLanes = 16;                                     // comparators of the token selector

constexpr int kDivisionInterval = 64;  // cycles between divisions (or roots) that a row-wise unit takes; from the
                                       // latency on: one after another

}  // namespace kernels
}  // namespace heatvit

#endif

#endif  // HEATVIT_ACCEL_KERNELS_HARDWARE_H_
