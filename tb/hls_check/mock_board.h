// Sizes of the mock board's heatvit_top: enough for the lists of every shipped configuration, whose lanes change no
// number.
#ifndef HEATVIT_HLS_CONFIG_H_
#define HEATVIT_HLS_CONFIG_H_

namespace heatvit {
namespace kernels {

constexpr int kTh = 3, kTi = 32, kTo = 32;
#ifdef MOCK_OPERAND_BITS
constexpr int kOperandBits = MOCK_OPERAND_BITS;
#else
constexpr int kOperandBits = 8;
#endif
constexpr int kTileM = 64, kTileK = 1024, kTileN = 3072;
constexpr int kInputTiles = 2, kWeightTiles = 1, kKeptSums = 1;
constexpr int kChipKib = 4096;
constexpr int kVectorLanes = 16, kSoftmaxLanes = 16, kGeluLanes = 16, kNormLanes = 16, kSelectLanes = 16,
              kScoreLanes = 1;
constexpr int kConstantsInLut = 0;
constexpr int kDivisionInterval = 64;

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_HLS_CONFIG_H_
