// What a command's tiles and chunks take of each unit, for the pipeline that walks them. PL cycles.
#pragma once

#include <algorithm>

#include "tb/estimate/analytic_pipeline.h"

namespace heatvit::estimate {

/// A stretch of one loop level: where a tile that is neither first nor last begins, and how wide it is.
struct Level {
  int count = 1;
  int begin[2] = {0, 0}, extent[2] = {0, 0};  // [1]: the last tile
  bool even = true;                           // all tiles alike

  Level(int total, int tile) : count((total + tile - 1) / tile) {
    const int index = count > 2 ? 1 : 0;
    begin[0] = index * tile;
    extent[0] = std::min(tile, total);
    begin[1] = (count - 1) * tile;
    extent[1] = total - begin[1];
    even = extent[0] == extent[1];
  }
};

/// A GEMM's tiles and what they cost with the others at the memory.
struct Pipeline::GemmCosts : GemmTables {
  explicit GemmCosts(const modules::Job& gemm)
      : job(gemm),
        g(job.command.heads, job.command.head_group),
        m(job.m, job.command.tile_m),
        n(job.n, job.command.tile_n),
        k(job.k, job.command.tile_k) {}

  /// The tile at these indices.
  modules::Tile tile(int gi, int mi, int ni, int ki) const {
    const isa::Command& c = job.command;
    modules::Tile t;
    t.head0 = gi * c.head_group, t.heads = std::min<int>(c.head_group, c.heads - t.head0);
    t.m0 = mi * c.tile_m, t.m = std::min<int>(c.tile_m, job.m - t.m0);
    t.n0 = ni * c.tile_n, t.n = std::min<int>(c.tile_n, job.n - t.n0);
    t.k0 = ki * c.tile_k, t.k = std::min<int>(c.tile_k, job.k - t.k0);
    t.out_n0 = c.panel ? 0 : t.n0, t.out_n = c.panel ? job.n : t.n;
    return t;
  }

  const modules::Job& job;
  Level g, m, n, k;
  bool panel = false, residual = false, m_outer = false, has_records = false;
  // Rules of TileWalk that hold for all steps: what stays in its slot, and for how long.
  bool a_by_row = false;  // A for a row tile's columns
  bool b_once = false;    // a tile of B for all rows
  bool records_kept = false;
  int sums = 1;              // row tiles whose sums are kept
  bool window = false;       // operand A stays for all of k
  bool kv_by_input = false;  // operand B is K or V, which the input engine loads, through its ports
  modules::Unit b_unit() const { return kv_by_input ? modules::Unit::kDmaIn : modules::Unit::kDmaWeights; }
  int64_t operand = 1;  // bytes
  int64_t a_bytes(int gi, int mi, int ki) const {
    return int64_t{g.extent[gi]} * m.extent[mi] * k.extent[ki] * operand;
  }
  int64_t b_bytes(int gi, int ni, int ki) const {
    const int64_t heads = job.command.layout_b == isa::LayoutB::kPacked ? 1 : g.extent[gi];
    return heads * n.extent[ni] * k.extent[ki] * operand;
  }
};

/// What a chunk of a vector operation takes of each unit.
struct Pipeline::ChunkCosts {
  double in = 0, second = 0, out = 0, compute = 0;
};

}  // namespace heatvit::estimate
