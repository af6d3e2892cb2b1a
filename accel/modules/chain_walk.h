// Chained commands: done together, row tile by row tile, so that what a command writes is used while it is fresh and no
// unit waits for the whole of a result. Every unit walks a chain in the same order; each command follows the one before
// it by a lag of row tiles:
//
//   A0  A1  A2 B0  A3 B1  ...  A(n-1) B(n-3)  B(n-2)  B(n-1)        lag 2
//
// A GEMM follows another through memory: its loads wait for the stores of the tile that they read, and the lag is what
// the way there and back takes. Row-wise operations of the vector unit (LayerNorm, head means) follow at once: it has
// the rows that it has just finished, and they are not loaded. A LayerNorm follows a packing of rows, too: it takes
// each tile of them that stay from the slot that the selector has filled.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "accel/modules/tile_walk.h"

namespace heatvit::modules {

class ChainWalk {
 public:
  struct Member {
    const Job* job = nullptr;
    std::optional<TileWalk> tiles;    // a GEMM's; a turn: until Tile::row_last
    std::optional<ChunkWalk> chunks;  // of the vector unit's operations; a turn: one
    size_t place = 0;                 // in the chain
    int64_t turns = 0, done = 0;
    int64_t lag = 0;  // turns behind the first of the chain

    bool first() const { return done == 1; }  // in its first turn
    bool last() const { return done == turns; }
  };

  explicit ChainWalk(const Job& first);

  /// Whose turn it is; null at the end.
  Member* next();

  size_t size() const { return members_.size(); }
  const Member& member(size_t place) const { return members_[place]; }

 private:
  std::vector<Member> members_;
  int64_t step_ = 0;
  size_t at_ = 0;
};

/// Throws where the commands of a chain do not go together: other row tiles, rows that are not done one after another.
void expect_chain(const Job& first);

}  // namespace heatvit::modules
