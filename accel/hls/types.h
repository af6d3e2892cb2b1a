// Types of the synthesised design: integers of a stated width (native, or ap_int where HEATVIT_AP_INT is defined), and
// the sizes that follow from accel/kernels/hardware.h. One header for tops and units.
#ifndef HEATVIT_ACCEL_HLS_TYPES_H_
#define HEATVIT_ACCEL_HLS_TYPES_H_

#include <cstdint>

#include "accel/kernels/hardware.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/pe_array.h"
#include "accel/kernels/types.h"

namespace heatvit {
namespace hls {

using kernels::Int;
using kernels::UInt;

constexpr int kLanesIn = kernels::kTh * kernels::kTi;  // the Th groups split the input channels and are summed
constexpr int kLanesOut = kernels::kTo;

constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr int padded(int extent, int lanes) { return (extent + lanes - 1) / lanes * lanes; }

constexpr int smaller(int a, int b) { return a < b ? a : b; }
constexpr int tiles(int extent, int tile) { return (extent + tile - 1) / tile; }

/// What the array multiplies, by the bits of an operand: activations signed or unsigned, so a bit wider.
template <int kBits>
struct Operands;
template <>
struct Operands<8> {
  using Value = int8_t;
  using Unsigned = uint8_t;
  using Activation = kernels::Activation9;
  using Products = kernels::PackedProducts;
  using Sum = Int<32>;
  using Accumulator = int32_t;
};
template <>
struct Operands<16> {
  using Value = int16_t;
  using Unsigned = uint16_t;
  using Activation = Int<17>;
  using Products = kernels::SeparateProducts;
  using Sum = Int<48>;
  using Accumulator = int64_t;
};
using Operand = Operands<kernels::kOperandBits>::Value;
using Accumulator = Operands<kernels::kOperandBits>::Accumulator;
constexpr int kOperandBytes = kernels::kOperandBits / 8;

/// Columns of an output tile: attention's are as wide as there are tokens.
constexpr int kColumns = padded(larger(kernels::kTileN, kernels::kMaxTokens), kLanesOut);
constexpr int kColumnGroups = kColumns / kLanesOut;

// Words of heatvit_top's operand memories: all input lanes of a row in a beat; for each of kTo outputs all input lanes.
// Tiles lie one behind the other in them, so smaller ones than the largest are there in larger numbers.
constexpr int kTileBeats = tiles(kernels::kTileK, kLanesIn);
constexpr int kTokenBeats = tiles(kernels::kMaxTokens, kernels::kTi);  // attention, a head on each group
constexpr int kWordsA = larger(kernels::kInputTiles * kernels::kTileM * kTileBeats, 2 * kTokenBeats);
constexpr int kWordsB =
    larger(kernels::kWeightTiles * tiles(kernels::kTileN, kLanesOut) * kTileBeats, 2 * kColumnGroups);

// And of its accumulators, on each of kTh groups kTo sums; two sets.
constexpr int kWordsC =
    larger(kernels::kTileM * tiles(kColumnGroups, kernels::kTh), tiles(kernels::kMaxTokens, kLanesOut));
constexpr int kTileValues = kWordsC * kernels::kTh * kLanesOut;

/// Buffers of one tile of a unit top: rows, input channels, outputs; the last two in whole beats.
using TileBuffers =
    kernels::TileBuffers<kernels::kTileM, padded(kernels::kTileK, kLanesIn), padded(kernels::kTileN, kLanesOut)>;

static_assert(kernels::kTh >= 1 && kernels::kTi >= 1 && kernels::kTo >= 1, "an array has multipliers");
static_assert(kernels::kOperandBits == 16 || kLanesOut % 2 == 0, "outputs share multipliers in pairs");
static_assert(kernels::kVectorLanes >= 1 && kernels::kSelectLanes >= 1, "a unit has lanes");

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_TYPES_H_
