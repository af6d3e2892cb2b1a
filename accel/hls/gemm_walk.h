// The tiles of a GEMM command as heatvit_top takes them: those of accel/modules/tile_walk.h in the same order, rows or
// depth cut where its memories are smaller. Every process walks for itself; that they agree is what lets them meet at
// streams alone.
#ifndef HEATVIT_ACCEL_HLS_GEMM_WALK_H_
#define HEATVIT_ACCEL_HLS_GEMM_WALK_H_

#include <cstdint>

#include "accel/hls/job.h"
#include "accel/hls/types.h"

namespace heatvit {
namespace hls {

/// An output tile; a panel spans all columns.
struct OutputTile {
  int head, heads, m0, m, n0, n;
};

/// A part of a depth tile: channels [first, first + k) of the tile [k0, k0 + depth).
struct DepthPart {
  int k0, depth, first, k;
};

/// A step of the walk: one tile of A times one of B, for one output tile.
struct Place {
  int tile, step;
};

/// What is the same all over a command.
struct GemmWalk {
  int together;                   // heads side by side, each on a group of the array; 1: all groups on one product
  int lanes;                      // input channels of a beat
  int rows, depth, parts;         // of a step, at most; parts of a whole depth tile
  int row_tiles, column_tiles;    // of a head group
  int columns, depths;            // tiles of B across an output tile, steps of depth
  int tile_groups;                // beats across a tile of B
  int head_groups, m_outer;

  int steps() const { return columns * depths; }
  int tiles_of_heads() const { return row_tiles * column_tiles; }
  int output_tiles() const { return head_groups * tiles_of_heads(); }

  // A tile of an operand stays for the steps that follow each other.
  bool keeps_a() const { return depths == 1; }
  bool keeps_b() const { return steps() == 1 && (m_outer == 0 || column_tiles == 1); }
  bool a_is_new(const Place& at) const {
    return depths > 1 || (at.step == 0 && (m_outer == 0 || at.tile % column_tiles == 0));
  }
  bool b_is_new(const Place& at) const { return !keeps_b() || at.tile % row_tiles == 0; }
  bool records_are_new(int tile) const {
    return column_tiles == 1 ? tile == 0 : m_outer != 0 || tile % row_tiles == 0;
  }

  Place step_after(const Place& at) const {
    const bool last = at.step + 1 == steps();
    const Place next = {last ? at.tile + 1 : at.tile, last ? 0 : at.step + 1};
    return next;
  }
  /// Where the tile of A that follows is used first. Its `tile` is output_tiles() where there is none.
  Place a_after(const Place& at) const {
    if (!keeps_a()) return step_after(at);
    const Place next = {m_outer != 0 ? (at.tile / column_tiles + 1) * column_tiles : at.tile + 1, 0};
    return next;
  }
  Place b_after(const Place& at) const {
    if (!keeps_b()) return step_after(at);
    const Place next = {(at.tile / row_tiles + 1) * row_tiles, 0};
    return next;
  }
};

/// True where the memories hold a row of the output tile and a beat of each tile of B: then the walk fits.
inline bool fits(const Job& job) {
  const int n = job.panel ? job.n : smaller(job.tile_n, job.n);
  const int tile_groups = tiles(smaller(job.tile_n, n), kLanesOut);
  const int row_groups = tiles(n, smaller(job.tile_n, n)) * tile_groups;
  const bool heads_together = smaller(job.head_group, kernels::kTh) > 1;
  return n <= kColumns && tile_groups <= kWordsB &&
         (heads_together ? row_groups : tiles(row_groups, kernels::kTh)) <= kWordsC;
}

inline GemmWalk walk_of(const Job& job) {
  GemmWalk w;
  w.together = larger(1, smaller(job.head_group, kernels::kTh));
  w.lanes = w.together > 1 ? kernels::kTi : kLanesIn;
  const int width = job.panel ? job.n : smaller(job.tile_n, job.n);
  const int tile_n = smaller(job.tile_n, width);
  w.columns = tiles(width, tile_n);
  w.tile_groups = tiles(tile_n, kLanesOut);
  const int row_groups = w.columns * w.tile_groups;
  const int row_words = w.together > 1 ? row_groups : tiles(row_groups, kernels::kTh);
  const int tile_k = smaller(job.tile_k, job.k);
  const int beats = larger(1, smaller(tiles(tile_k, w.lanes), smaller(kWordsB / w.tile_groups, kWordsA)));
  w.depth = beats * w.lanes;
  w.parts = tiles(tile_k, w.depth);
  const int whole = job.k / tile_k;  // depth tiles of the full depth, and the rest
  w.depths = whole * w.parts + tiles(job.k - whole * tile_k, w.depth);
  w.rows = larger(1, smaller(smaller(job.tile_m, job.m), smaller(kWordsC / row_words, kWordsA / beats)));
  w.row_tiles = tiles(job.m, w.rows);
  w.column_tiles = job.panel ? 1 : tiles(job.n, tile_n);
  w.head_groups = tiles(job.heads, w.together);
  w.m_outer = job.m_outer ? 1 : 0;
  return w;
}

inline OutputTile output_tile(const GemmWalk& w, const Job& job, int index) {
  const int here = index % w.tiles_of_heads();
  OutputTile t;
  t.head = index / w.tiles_of_heads() * w.together;
  t.heads = smaller(w.together, job.heads - t.head);
  t.m0 = (w.m_outer != 0 ? here / w.column_tiles : here % w.row_tiles) * w.rows;
  t.m = smaller(w.rows, job.m - t.m0);
  t.n0 = job.panel ? 0 : (w.m_outer != 0 ? here % w.column_tiles : here / w.row_tiles) * job.tile_n;
  t.n = job.panel ? job.n : smaller(job.tile_n, job.n - t.n0);
  return t;
}

/// Column within the output tile where a step's tile of B begins, and how wide that is.
inline int column_of(const GemmWalk& w, const Job& job, int step) { return step / w.depths * job.tile_n; }
inline int width_of(const Job& job, const OutputTile& t, int column) { return smaller(job.tile_n, t.n - column); }

inline DepthPart depth_part(const GemmWalk& w, const Job& job, int step) {
  const int index = step % w.depths;
  const int tile_k = smaller(job.tile_k, job.k);
  const int tile = smaller(index / w.parts, job.k / tile_k);
  DepthPart p;
  p.k0 = tile * tile_k;
  p.depth = smaller(tile_k, job.k - p.k0);
  p.first = (index - tile * w.parts) * w.depth;
  p.k = smaller(w.depth, p.depth - p.first);
  return p;
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_GEMM_WALK_H_
