// The order in which every unit walks the tiles of a GEMM. Loader, PE array, vector unit and store engine each run a
// walk of their own; that they agree is what lets them meet at buffer slots alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "accel/isa/command.h"

namespace heatvit::modules {

/// A command with its extents resolved by the token-count register.
struct Job {
  isa::Command command;
  uint32_t index = 0;
  int tokens = 0;        // before the command
  int tokens_after = 0;  // differs for token packing
  bool package = false;  // a package token is in the last row (of `tokens`)
  bool package_after = false;
  int m = 0, k = 0, n = 0;
  int first_row = 0;             // of the command's image, among the rows of the batch
  int first_row_after = 0;       // differs for token packing
  const Job* chained = nullptr;  // done together with this one, row tile by row tile (chain_walk.h)
  int lag = 0;                   // row tiles behind the first of the chain
  uint32_t chain_first = 0;      // index of that one; without a chain its own

  /// The image that a command of one image works on.
  int image() const { return command.image == 0 ? 0 : command.image - 1; }

  /// An earlier package stays behind the candidates, or joins the next one; else it is one of them.
  bool package_apart() const { return package && !command.rank_package; }

  /// Patch tokens: without those in front and the package.
  int candidates() const { return tokens - command.front - (package_apart() ? 1 : 0); }

  /// Packing takes whole rows, those that go first, in the order that the selection has left.
  bool packs_rows() const { return command.opcode == isa::Opcode::kTokenPack && command.panel; }
  /// Of a packing: rows that stay, without the package.
  int rows_that_stay() const { return tokens_after - (package_after ? 1 : 0); }

  /// After a selection of so many there is a package.
  bool packs(int kept) const { return !command.drop && !command.sizes && (package_apart() || kept < candidates()); }
};

/// The command where the register says `tokens`, and said `before_select` before the last selection: packing reads the
/// rows of then. index and the package tokens are the caller's.
Job resolve(const isa::Command& command, int tokens, int before_select);

/// One step of the walk. Extents are clipped to the operand.
struct Tile {
  int head0 = 0, heads = 0;
  int m0 = 0, m = 0, n0 = 0, n = 0, k0 = 0, k = 0;
  int out_n0 = 0, out_n = 0;           // columns of the output tile (a panel spans all)
  bool a_new = false, a_last = false;  // operand A tile: first, last step that uses it
  bool b_new = false, b_last = false;
  bool records_new = false, records_last = false;
  bool out_first = false, out_last = false;  // accumulators: first, last contribution; of kept sums both the last
  bool row_last = false;                     // done with these rows: the next step completes or begins others
  int kept = -1;                             // where the sums of these rows are kept meanwhile, if they are
};

class TileWalk {
 public:
  explicit TileWalk(const Job& job)
      : job_(job),
        mt_(count(job.m, job.command.tile_m)),
        kt_(count(job.k, job.command.tile_k)),
        nt_(count(job.n, job.command.tile_n)),
        gt_(count(job.command.heads, job.command.head_group)),
        m_outer_(job.command.panel || job.command.order == isa::LoopOrder::kMN),
        shared_b_(job.command.layout_b == isa::LayoutB::kPacked),
        sums_(m_outer_ || kt_ == 1 ? 1 : std::min<int>(job.command.sums, mt_)),
        total_(int64_t{mt_} * kt_ * nt_ * gt_) {}

  int64_t steps() const { return total_; }
  int64_t row_tiles() const { return int64_t{mt_} * gt_; }
  /// A row tile is complete before the next one is begun.
  bool row_by_row() const { return m_outer_ || nt_ == 1; }
  /// How many rows there are does not matter to what is loaded of B.
  bool b_once() const { return kt_ == 1 ? !m_outer_ || nt_ == 1 : !m_outer_ && sums_ == mt_; }
  /// Each head group has one tile of B.
  bool one_b() const { return kt_ == 1 && nt_ == 1; }
  int64_t output_tiles() const { return int64_t{mt_} * gt_ * (job_.command.panel ? 1 : nt_); }

  /// Fills the next step; false when the walk is over.
  bool next(Tile& tile) {
    if (done_ == total_) return false;
    const Index here = at_, after = successor(here);
    const bool first = done_ == 0, last = done_ + 1 == total_;
    fill(tile, here);
    tile.a_new = first || !same_a(previous_, here);
    tile.a_last = last || !same_a(here, after);
    tile.b_new = first || !same_b(previous_, here);
    tile.b_last = last || !same_b(here, after);
    tile.records_new = first || previous_.n != here.n;
    tile.records_last = last || after.n != here.n;
    const bool panel = job_.command.panel;
    tile.kept = sums_ > 1 ? here.m % sums_ : -1;
    tile.out_last = here.k == kt_ - 1 && (!panel || here.n == nt_ - 1);
    tile.out_first = sums_ > 1 ? tile.out_last : here.k == 0 && (!panel || here.n == 0);
    tile.row_last = last || (after.g != here.g || after.m != here.m ? here.k == kt_ - 1 : sums_ > 1 && tile.out_last);
    previous_ = here;
    at_ = after;
    ++done_;
    return true;
  }

 private:
  struct Index {
    int g = 0, m = 0, n = 0, k = 0;
  };

  static int count(int extent, int tile) { return (extent + tile - 1) / tile; }

  bool holds_window() const { return job_.command.conv.size != 0 && !job_.command.conv.split; }
  bool same_a(const Index& x, const Index& y) const {
    return x.g == y.g && x.m == y.m && (!job_.command.restream || x.n == y.n) && (holds_window() || x.k == y.k);
  }
  bool same_b(const Index& x, const Index& y) const { return (shared_b_ || x.g == y.g) && x.n == y.n && x.k == y.k; }

  Index successor(Index i) const {
    if (sums_ > 1) return successor_of_kept(i);
    if (++i.k < kt_) return i;
    i.k = 0;
    int& inner = m_outer_ ? i.n : i.m;
    int& outer = m_outer_ ? i.m : i.n;
    if (++inner < (m_outer_ ? nt_ : mt_)) return i;
    inner = 0;
    if (shared_b_ && !m_outer_) {  // a weight tile goes through all images before the next one
      if (++i.g < gt_) return i;
      i.g = 0;
      ++i.n;
      return i;
    }
    if (++outer < (m_outer_ ? mt_ : nt_)) return i;
    outer = 0;
    ++i.g;
    return i;
  }

  /// Columns, groups of rows whose sums are kept, k, rows of the group.
  Index successor_of_kept(Index i) const {
    const int first = i.m - i.m % sums_, end = std::min(first + sums_, mt_);
    if (++i.m < end) return i;
    i.m = first;
    if (++i.k < kt_) return i;
    i.k = 0;
    i.m = end;
    if (i.m < mt_) return i;
    i.m = 0;
    ++i.n;
    return i;
  }

  void fill(Tile& t, const Index& i) const {
    const isa::Command& c = job_.command;
    t.head0 = i.g * c.head_group;
    t.heads = std::min<int>(c.head_group, c.heads - t.head0);
    t.m0 = i.m * c.tile_m;
    t.m = std::min<int>(c.tile_m, job_.m - t.m0);
    t.n0 = i.n * c.tile_n;
    t.n = std::min<int>(c.tile_n, job_.n - t.n0);
    t.k0 = i.k * c.tile_k;
    t.k = std::min<int>(c.tile_k, job_.k - t.k0);
    t.out_n0 = c.panel ? 0 : t.n0;
    t.out_n = c.panel ? job_.n : t.n;
  }

  const Job& job_;
  int mt_, kt_, nt_, gt_;
  bool m_outer_;
  bool shared_b_;  // the same operand B for every head: packed weights, of which heads are images
  int sums_;       // row tiles in a group whose sums are kept
  int64_t total_, done_ = 0;
  Index at_, previous_;
};

/// Vector operations go by chunks: rows of one head (row-wise operations) or columns of one head over all rows.
/// `out_row0`, `out_rows`: of the result, where rows come out. Packing by rows takes them in an order of its own (Job::
/// packs_rows): first those that go, of which none comes out, then those that stay, tile by tile of the result; the
/// package row is its last one, at times alone in a chunk that takes no rows.
struct Chunk {
  int head = 0, row0 = 0, rows = 0, column0 = 0, columns = 0;
  int out_row0 = 0, out_rows = 0;
};

class ChunkWalk {
 public:
  explicit ChunkWalk(const Job& job);
  bool next(Chunk& chunk);
  int64_t steps() const { return int64_t{heads_} * per_head_; }

  /// Chunks of a head, and one of them.
  int per_head() const { return per_head_; }
  /// Those of them, at the beginning, of which no row comes out.
  int without_result() const { return gone_chunks_; }
  Chunk at(int head, int index) const;

  /// Rows of a head that are walked.
  static int rows(const Job& job);

 private:
  const Job& job_;
  bool by_columns_;
  int heads_;  // that are walked one after another
  int rows_, per_head_;
  int gone_ = 0, gone_chunks_ = 0;  // packing by rows: rows that go, and their chunks
  int head_ = 0, index_ = 0;
};

/// The part of a convolution's input that a tile needs, clipped to the image: all kernel rows, or those of its k
/// (split).
struct ConvWindow {
  int row0 = 0, rows = 0, column0 = 0, columns = 0;
};
ConvWindow conv_window(const isa::Im2col& conv, const Tile& tile);

}  // namespace heatvit::modules
