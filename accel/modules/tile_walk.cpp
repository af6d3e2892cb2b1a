#include "accel/modules/tile_walk.h"

#include "accel/modules/operation.h"

namespace heatvit::modules {
ChunkWalk::ChunkWalk(const Job& job)
    : job_(job),
      by_columns_(operation_of(job.command).walk == Walk::kColumns),
      rows_(operation_of(job.command).tokens == TokenEffect::kMoves ? job.tokens : job.m) {
  const int extent = by_columns_ ? job.n : rows_;
  const int tile = by_columns_ ? job.command.tile_n : job.command.tile_m;
  steps_ = int64_t{job.command.heads} * ((extent + tile - 1) / tile);
}

bool ChunkWalk::next(Chunk& chunk) {
  if (at_.head >= job_.command.heads) return false;
  const isa::Command& c = job_.command;
  chunk = at_;
  chunk.rows = by_columns_ ? rows_ : std::min<int>(c.tile_m, rows_ - at_.row0);
  chunk.columns = by_columns_ ? std::min<int>(c.tile_n, job_.n - at_.column0) : job_.n;
  int& position = by_columns_ ? at_.column0 : at_.row0;
  position += by_columns_ ? chunk.columns : chunk.rows;
  if (position >= (by_columns_ ? job_.n : rows_)) {
    position = 0;
    ++at_.head;
  }
  return true;
}

ConvWindow conv_window(const isa::Im2col& v, const Tile& t) {
  const int out = v.out_size, line = v.kernel * v.channels;
  const int oy0 = t.m0 / out, oy1 = (t.m0 + t.m - 1) / out;
  const int ox0 = t.m < out ? t.m0 % out : 0, ox1 = t.m < out ? ox0 + t.m - 1 : out - 1;
  const int ky0 = v.split ? t.k0 / line : 0, ky1 = v.split ? (t.k0 + t.k - 1) / line : v.kernel - 1;
  ConvWindow w;
  // A tile whose rows are all padding still moves one row: the engine has no empty train.
  w.row0 = std::clamp(oy0 * v.stride - v.pad + ky0, 0, v.size - 1);
  w.rows = std::max(std::min(oy1 * v.stride - v.pad + ky1 + 1, int{v.size}) - w.row0, 1);
  w.column0 = std::max(ox0 * v.stride - v.pad, 0);
  w.columns = std::min(ox1 * v.stride - v.pad + v.kernel, int{v.size}) - w.column0;
  return w;
}

}  // namespace heatvit::modules
