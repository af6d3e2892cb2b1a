#include "accel/modules/tile_walk.h"

#include "accel/modules/operation.h"

namespace heatvit::modules {

Job resolve(const isa::Command& command, int tokens, int before_select) {
  Job job;
  job.command = command;
  job.tokens = operation_of(command).tokens == TokenEffect::kMoves ? before_select : tokens;
  job.tokens_after = tokens;
  job.m = command.m.at(job.tokens);
  job.k = command.k.at(job.tokens);
  job.n = command.n.at(job.tokens);
  return job;
}

int ChunkWalk::rows(const Job& job) {
  return operation_of(job.command).tokens == TokenEffect::kMoves ? job.tokens : job.m;
}

ChunkWalk::ChunkWalk(const Job& job)
    : job_(job),
      by_columns_(operation_of(job.command).walk == Walk::kColumns),
      heads_(operation_of(job.command).c.all_heads ? 1 : job.command.heads),
      rows_(rows(job)) {
  const int extent = by_columns_ ? job.n : rows_;
  const int tile = by_columns_ ? job.command.tile_n : job.command.tile_m;
  const auto count = [tile](int of) { return (of + tile - 1) / tile; };
  if (job.packs_rows()) {
    gone_ = job.tokens - job.rows_that_stay();
    gone_chunks_ = count(gone_);
  }
  per_head_ = gone_chunks_ + count(job.packs_rows() ? job.tokens_after : extent);
}

Chunk ChunkWalk::at(int head, int index) const {
  const isa::Command& c = job_.command;
  Chunk chunk;
  chunk.head = head;
  const bool gone = index < gone_chunks_;
  const int first = gone ? 0 : gone_, end = gone ? gone_ : rows_;
  chunk.row0 = by_columns_ ? 0 : first + (gone ? index : index - gone_chunks_) * c.tile_m;
  chunk.rows = by_columns_ ? rows_ : std::min<int>(c.tile_m, end - chunk.row0);
  chunk.out_row0 = chunk.row0 - first;
  chunk.out_rows = gone                ? 0
                   : job_.packs_rows() ? std::min<int>(c.tile_m, job_.tokens_after - chunk.out_row0)
                                       : chunk.rows;
  chunk.column0 = by_columns_ ? index * c.tile_n : 0;
  chunk.columns = by_columns_ ? std::min<int>(c.tile_n, job_.n - chunk.column0) : job_.n;
  return chunk;
}

bool ChunkWalk::next(Chunk& chunk) {
  if (head_ >= heads_) return false;
  chunk = at(head_, index_);
  if (++index_ < per_head_) return true;
  index_ = 0;
  ++head_;
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
