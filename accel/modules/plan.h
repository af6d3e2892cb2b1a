// Where a block of a matrix lies in DDR and, once it has arrived, in a buffer slot. Planned by whoever moves it; a slot
// tells its reader the layout (slot_ring.h). Pure functions, for simulation and estimates alike.
#pragma once

#include <cstdint>

#include "accel/modules/tile_walk.h"
#include "accel/modules/train.h"

namespace heatvit::modules {

/// How a block of a matrix lies in a buffer slot (bytes).
struct SlotLayout {
  uint32_t pitch = 0, head_step = 0;
};

struct MatrixBlock {
  BurstTrain train;
  SlotLayout layout;
};

/// Rows [row0, row0 + rows) x bytes [offset, offset + bytes) of `heads` heads. Adjacent heads and adjacent rows merge
/// into longer rows.
MatrixBlock plan_block(const isa::Operand& operand, int head0, int heads, int row0, int rows, uint32_t offset,
                       uint32_t bytes);

/// Of a GEMM tile: operand A (of a convolution, the window of the image), operand B, residual; channel or norm records.
MatrixBlock plan_operand_a(const Job& job, const Tile& tile);
MatrixBlock plan_operand_b(const Job& job, const Tile& tile);
MatrixBlock plan_residual(const Job& job, const Tile& tile);
BurstTrain plan_records(const Job& job, int n0, int n);

/// What a chunk of a vector operation reads, one slot for both: its rows, then the second source's.
struct ChunkInput {
  MatrixBlock rows;
  BurstTrain second;  // no bytes: there is none

  bool has_second() const { return second.row_bytes != 0; }
  int64_t bytes() const { return static_cast<int64_t>(rows.train.bytes() + second.bytes()); }
};
ChunkInput plan_input(const Job& job, const Chunk& chunk);

/// The block of an output tile or chunk: the unit that computes it and the store engine agree on its layout.
MatrixBlock plan_output(const Job& job, const Tile& tile);
MatrixBlock plan_output(const Job& job, const Chunk& chunk);

constexpr uint32_t kAllStores = UINT32_MAX;

/// Stores of `producer`, in its order, after which `block` is in memory: 0 where the producer writes none of it,
/// kAllStores where only its completion tells (operations that write column by column, blocks that lie partly outside
/// its result). A host command counts rows in place of stores.
uint32_t stores_needed(const Job& producer, const BurstTrain& block);

/// All of the block is the producer's result.
bool within_result(const Job& producer, const BurstTrain& block);

}  // namespace heatvit::modules
