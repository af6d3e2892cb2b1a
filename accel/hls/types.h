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

/// heatvit_top's array and the memories around it. A word of A: all input lanes of a row in a beat; of B: for each of
/// `to` outputs all input lanes. Tiles lie one behind the other in them, so smaller ones than the largest are there in
/// larger numbers. A word of C: on each of `th` groups `to` sums; there are two sets. columns: of an output tile at
/// most.
struct ArraySizes {
  int th, ti, to;
  int words_a, words_b, words_c, columns;
  int head_beats;  // of a head's row at most
  int kept;        // row tiles whose sums are kept while a tile of weights passes them: sets of C beside the two
  constexpr int lanes() const { return th * ti; }
};

/// Of a bitstream: attention's tiles are as deep or wide as there are tokens, a head on each group.
constexpr ArraySizes array_sizes(int th, int ti, int to, int tile_m, int tile_k, int tile_n, int input_tiles,
                                 int weight_tiles, int kept) {
  const int columns = padded(larger(tile_n, kernels::kMaxTokens), to), groups = columns / to;
  const int beats = tiles(tile_k, th * ti), token_beats = tiles(kernels::kMaxTokens, ti);
  return ArraySizes{th,
                    ti,
                    to,
                    larger(input_tiles * tile_m * beats, 2 * token_beats),
                    larger(weight_tiles * tiles(tile_n, to) * beats, 2 * groups),
                    larger(tile_m * tiles(groups, th), tiles(kernels::kMaxTokens, to)),
                    columns,
                    token_beats,
                    kept};
}

constexpr ArraySizes kSizes =
    array_sizes(kernels::kTh, kernels::kTi, kernels::kTo, kernels::kTileM, kernels::kTileK, kernels::kTileN,
                kernels::kInputTiles, kernels::kWeightTiles, kernels::kKeptSums);
constexpr int kWordsA = kSizes.words_a, kWordsB = kSizes.words_b, kWordsC = kSizes.words_c;
constexpr int kColumns = kSizes.columns;
/// Values of a head's row that come together: a part of the depth at most.
constexpr int kHeadValues = padded(kernels::kMaxTokens, kernels::kTi) + 64;
constexpr int kRowBlock = 16;  // short rows that a process of vector_engine.h takes together
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
