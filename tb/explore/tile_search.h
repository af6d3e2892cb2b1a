// Buffer tiles for an array that no configuration file has tiles for: what a designer would do once, by search.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "accel/soc/resources.h"
#include "models/zoo/zoo.h"

namespace heatvit::explore {

/// Which of the tile parameters the search may set; the others stay as they are.
struct OpenTiles {
  bool m = false, k = false, n = false, order = false;
  bool any() const { return m || k || n; }  // the loop order alone is not worth a search
};

/// Sets the open tile parameters of `config`, whose array, operands, slots and everything else are final.
///
/// Candidates: m, equal shares of the tokens or patches; k, equal shares of the model's dimensions, rounded up to what
/// the array takes at once (pe.th x pe.ti); n, the same in multiples of pe.to; both loop orders. Of those whose buffers
/// fit the block RAM and LUTs of `device` (where none fits: of those nearest to it), the fastest for an unpruned image,
/// one at a time whatever the batch: estimates (analytic.h) name the best for each pair of tile.m and order and of
/// tile.k and order, simulations of eight blocks in child processes rank these, then the next best around the first
/// three, and the first six run in full. Leaves `config` as it is where the lowering accepts none.
/// A result is remembered by its inputs and the program's build (cache_folder.h).
void search_tiles(soc::SocConfig& config, const zoo::ModelSpec& spec, const OpenTiles& open, const soc::Fpga& device);

/// Cycles that the array works on an unpruned image, as a share of those that it would with every operand whole: 1.0
/// where all tiles are multiples of what the array takes at once, but for the fill of its pipeline. Throws InputError
/// for what the lowering refuses.
double tile_waste(const soc::SocConfig& config, const zoo::ModelSpec& spec);

}  // namespace heatvit::explore
