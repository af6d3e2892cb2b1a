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

/// A step of the walk, one tile of A times one of B for one output tile, as counters: no process divides.
struct Place {
  int group, row, column;  // head group, row tile, column tile: the output tile
  int kept;                // of the row tiles whose sums are kept together
  int across;              // tile of B across a panel
  int depth_tile, part;    // of the depth
  bool first_of_tile() const { return across == 0 && depth_tile == 0 && part == 0; }
};

/// What is the same all over a command.
struct GemmWalk {
  int together;     // heads side by side, each on a group of the array; 1: all groups on one product
  int lanes;        // input channels of a beat
  int rows, depth;  // of a step, at most
  int tile_k, depth_tiles, parts, last_parts;  // depth tiles, and the steps that each, and the last one, is cut into
  int row_tiles, column_tiles;                 // of a head group
  int across, tile_groups;                     // tiles of B across an output tile, beats across such a tile
  int head_groups;
  bool m_outer;
  int kept;  // row tiles that a tile of B passes before the next depth; their sums are kept; 1: none

  bool done(const Place& at) const { return at.group >= head_groups; }
  int output_tiles() const { return head_groups * row_tiles * column_tiles; }
  int row_groups() const { return across * tile_groups; }

  // A tile of an operand stays for the steps that follow each other.
  bool one_depth() const { return depth_tiles == 1 && parts == 1; }
  bool keeps_b() const { return one_depth() && across == 1 && (!m_outer || column_tiles == 1); }
  bool a_is_new(const Place& at) const { return !one_depth() || (at.first_of_tile() && (!m_outer || at.column == 0)); }
  bool b_is_new(const Place& at) const { return kept > 1 ? at.kept == 0 : !keeps_b() || at.row == 0; }
  /// The last products of the output tile.
  bool completes(const Place& at) const {
    return at.across + 1 == across && at.depth_tile + 1 == depth_tiles && at.part + 1 == last_parts;
  }
  bool records_are_new(const Place& at) const {
    return column_tiles > 1 ? m_outer || at.row == 0 : at.row == 0 && at.group == 0;
  }

  static Place group_after(const Place& at) {
    const Place next = {at.group + 1, 0, 0, 0, 0, 0, 0};
    return next;
  }
  /// The same column, or row, of tiles is over.
  Place outer_after(Place at) const {
    const bool last = m_outer ? at.row + 1 == row_tiles : at.column + 1 == column_tiles;
    if (last) return group_after(at);
    const Place next = {at.group, m_outer ? at.row + 1 : 0, m_outer ? 0 : at.column + 1, 0, 0, 0, 0};
    return next;
  }
  Place tile_after(Place at) const {
    const bool last = m_outer ? at.column + 1 == column_tiles : at.row + 1 == row_tiles;
    if (last) return outer_after(at);
    const Place next = {at.group, m_outer ? at.row : at.row + 1, m_outer ? at.column + 1 : at.column, 0, 0, 0, 0};
    return next;
  }
  /// The last of the row tiles whose sums are kept together.
  Place last_kept(Place at) const {
    const int left = smaller(kept - at.kept, row_tiles - at.row) - 1;
    at.kept += left;
    at.row += left;
    return at;
  }
  /// Rows whose sums are kept, then depth, then the next such rows.
  Place step_after_kept(Place at) const {
    if (at.kept + 1 < kept && at.row + 1 < row_tiles) {
      ++at.kept;
      ++at.row;
      return at;
    }
    if (completes(at)) return tile_after(at);
    at.row -= at.kept;
    at.kept = 0;
    return deeper(at);
  }
  /// The next part of the depth, or across.
  Place deeper(Place at) const {
    const bool deep = at.part + 1 == (at.depth_tile + 1 == depth_tiles ? last_parts : parts);
    at.part = deep ? 0 : at.part + 1;
    at.depth_tile += deep ? 1 : 0;
    if (at.depth_tile < depth_tiles) return at;
    at.depth_tile = 0;
    ++at.across;
    return at;
  }
  Place step_after(Place at) const {
    if (kept > 1) return step_after_kept(at);
    return completes(at) ? tile_after(at) : deeper(at);
  }
  /// Where the tile of A, of B, that follows is used first.
  Place a_after(const Place& at) const {
    return !one_depth() ? step_after(at) : m_outer ? outer_after(at) : tile_after(at);
  }
  Place b_after(const Place& at) const {
    if (kept > 1) return step_after_kept(last_kept(at));
    return !keeps_b() ? step_after(at) : m_outer ? group_after(at) : outer_after(at);
  }
};

/// True where the memories hold a row of the output tile and a beat of each tile of B: then the walk fits.
inline bool fits(const Job& job, const ArraySizes& sizes = kSizes) {
  const int n = job.panel ? job.n : smaller(job.tile_n, job.n);
  const int tile_groups = tiles(smaller(job.tile_n, n), sizes.to);
  const int row_groups = tiles(n, smaller(job.tile_n, n)) * tile_groups;
  const bool heads_together = smaller(job.head_group, sizes.th) > 1;
  return n <= sizes.columns && tile_groups <= sizes.words_b &&
         (heads_together ? row_groups : tiles(row_groups, sizes.th)) <= sizes.words_c;
}

inline GemmWalk walk_of(const Job& job, const ArraySizes& sizes = kSizes) {
  GemmWalk w;
  w.together = larger(1, smaller(job.head_group, sizes.th));
  w.lanes = w.together > 1 ? sizes.ti : sizes.lanes();
  const int width = job.panel ? job.n : smaller(job.tile_n, job.n);
  const int tile_n = smaller(job.tile_n, width);
  w.across = tiles(width, tile_n);
  w.tile_groups = tiles(tile_n, sizes.to);
  const int row_words = w.together > 1 ? w.row_groups() : tiles(w.row_groups(), sizes.th);
  w.tile_k = smaller(job.tile_k, job.k);
  const int most = w.together > 1 ? smaller(sizes.words_a, sizes.head_beats) : sizes.words_a;
  const int beats = larger(1, smaller(tiles(w.tile_k, w.lanes), smaller(sizes.words_b / w.tile_groups, most)));
  w.depth = beats * w.lanes;
  w.depth_tiles = tiles(job.k, w.tile_k);
  w.last_parts = tiles(job.k - (w.depth_tiles - 1) * w.tile_k, w.depth);
  w.parts = w.depth_tiles == 1 ? w.last_parts : tiles(w.tile_k, w.depth);
  w.rows = larger(1, smaller(smaller(job.tile_m, job.m), smaller(sizes.words_c / row_words, sizes.words_a / beats)));
  w.row_tiles = tiles(job.m, w.rows);
  w.column_tiles = job.panel ? 1 : tiles(job.n, tile_n);
  w.head_groups = tiles(job.heads, w.together);
  w.m_outer = job.m_outer;
  w.kept = w.m_outer || w.one_depth() || w.across > 1 ? 1 : smaller(smaller(job.sums, sizes.kept), w.row_tiles);
  return w;
}

inline OutputTile output_tile(const GemmWalk& w, const Job& job, const Place& at) {
  OutputTile t;
  t.head = at.group * w.together;
  t.heads = smaller(w.together, job.heads - t.head);
  t.m0 = at.row * w.rows;
  t.m = smaller(w.rows, job.m - t.m0);
  t.n0 = job.panel ? 0 : at.column * job.tile_n;
  t.n = job.panel ? job.n : smaller(job.tile_n, job.n - t.n0);
  return t;
}

/// Column within the output tile where a step's tile of B begins, and how wide that is.
inline int column_of(const Job& job, const Place& at) { return at.across * job.tile_n; }
inline int width_of(const Job& job, const OutputTile& t, int column) { return smaller(job.tile_n, t.n - column); }

inline DepthPart depth_part(const GemmWalk& w, const Job& job, const Place& at) {
  DepthPart p;
  p.k0 = at.depth_tile * w.tile_k;
  p.depth = smaller(w.tile_k, job.k - p.k0);
  p.first = at.part * w.depth;
  p.k = smaller(w.depth, p.depth - p.first);
  return p;
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_GEMM_WALK_H_
