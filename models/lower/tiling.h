// Tile extents of each command: the largest that the buffers of a hardware configuration hold.
#pragma once

#include "accel/isa/command.h"
#include "accel/isa/hardware.h"

namespace heatvit::lower {

/// Q K^T with its softmax and A V in a chain: equal row tiles, one tile of K and of V a head group.
void tile_attention_chain(isa::Command& scores, isa::Command& attend, const isa::AcceleratorConfig& hw, int tokens);

/// A small layer that every head does with the same weights, on a group each: one tile of B, row tiles of `rows`, of at
/// most so many rows.
int most_rows_by_head(const isa::Command& command, const isa::AcceleratorConfig& hw);
int most_rows_in_tile(const isa::Command& command, const isa::AcceleratorConfig& hw);  // of a layer of all heads
void tile_by_head(isa::Command& command, const isa::AcceleratorConfig& hw, int rows);

/// Sets head_group, tile_m, tile_k, tile_n of a GEMM whose other fields are final. `max_tokens` bounds T.
/// Throws InputError naming the parameter that is too small.
void tile_gemm(isa::Command& command, const isa::AcceleratorConfig& hw, int max_tokens);

/// A choice of tiles for attention and what it would cost, roughly: array cycles, or the beats of the busier operand
/// where they are more, and a fixed part a tile. It ranks choices; no latency comes from it.
struct AttentionTiles {
  int group = 0;  // heads; 0: not even one row of one head fits
  int64_t m = 0, k = 0, n = 0;
  double cost = 0;
};

/// The cheapest for an attention product: Q K^T, A V.
AttentionTiles best_attention_tiles(const isa::Command& command, const isa::AcceleratorConfig& hw, int max_tokens);
/// Of Q K^T with whole rows in an output tile, so that softmax follows on chip.
AttentionTiles fused_score_tiles(const isa::AcceleratorConfig& hw, int heads, int head_dim, int max_tokens);
/// Takes them over. Throws InputError where there are none.
void tile_attention(isa::Command& command, const AttentionTiles& tiles);

/// True when softmax on chip, in tiles that there are, also seems cheaper than a round trip of the scores through DDR
/// (small buffers reload K often).
bool prefers_fused_softmax(const AttentionTiles& fused, const isa::AcceleratorConfig& hw, int heads, int head_dim,
                           int max_tokens);

/// Sets tile_m (rows a chunk; row-wise operations) of a vector operation.
void tile_rows(isa::Command& command, const isa::AcceleratorConfig& hw, int row_bytes_in, int row_bytes_out,
               int max_rows);

/// Sets tile_n (columns a slice; operations that need all rows of a column) of a vector operation.
void tile_columns(isa::Command& command, const isa::AcceleratorConfig& hw, int element_bytes, int max_rows,
                  int max_columns);

}  // namespace heatvit::lower
