// Bytes of a GEMM by closed form, from extents and tiles alone: what the simulation's counters are checked against.
#include <algorithm>

#include "models/lower/program.h"

namespace heatvit::lower {
namespace {

using isa::Command;
using isa::LoopOrder;

uint64_t u(int64_t value) { return static_cast<uint64_t>(std::max<int64_t>(value, 0)); }
int64_t tiles(int64_t extent, int64_t tile) { return (extent + tile - 1) / tile; }

/// Input values of all tiles of a convolution: the rows and columns that lie inside the image, at least one row each.
int64_t conv_input(const Command& c) {
  const isa::Im2col& v = c.conv;
  // Input extent of `count` output pixels from `first` under kernel positions [k0, k1).
  const auto span = [&](int first, int count, int k0, int k1) {
    const int low = std::clamp(first * v.stride - v.pad + k0, 0, v.size - 1);
    const int high = std::min((first + count - 1) * v.stride - v.pad + k1, int{v.size});
    return static_cast<int64_t>(std::max(high - low, 1));
  };
  const int step = v.split ? c.tile_k / (v.kernel * v.channels) : v.kernel;  // kernel rows at a time
  const int columns = std::min<int>(c.tile_m, v.out_size);
  const int rows = std::max(1, c.tile_m / v.out_size);
  int64_t sum = 0;
  for (int oy = 0; oy < v.out_size; oy += rows)
    for (int ox = 0; ox < v.out_size; ox += columns)
      for (int ky = 0; ky < v.kernel; ky += step)
        sum += span(oy, std::min(rows, v.out_size - oy), ky, std::min<int>(ky + step, v.kernel)) *
               span(ox, std::min(columns, v.out_size - ox), 0, v.kernel) * v.channels;
  return sum;
}

/// How often operands A and B and the channel records pass, given that a tile stays while it does not change.
struct Passes {
  int64_t a, b, records;
};

Passes passes(const Command& c, int64_t mt, int64_t kt, int64_t nt) {
  const bool window = c.conv.size != 0 && !c.conv.split;  // stays for all of k
  if (c.order == LoopOrder::kMN) {
    const int64_t a = !c.restream && (window || kt == 1) ? 1 : nt;
    const int64_t b = kt == 1 && nt == 1 ? 1 : mt;
    return {a, b, nt == 1 ? 1 : mt};
  }
  const bool a_stays = !c.restream && mt == 1 && (window || kt == 1);
  return {a_stays ? 1 : nt, kt == 1 ? 1 : tiles(mt, c.sums), 1};
}

/// Operand B's matrices: of packed weights one for all heads.
int64_t matrices_b(const Command& c) { return c.layout_b == isa::LayoutB::kPacked ? 1 : c.heads; }

}  // namespace

Traffic sort_traffic(const Command& c, int64_t a, int64_t r, int64_t out) {
  Traffic t;
  (isa::on_chip(c.a.address) ? t.chip : t.input) += u(a);
  (isa::on_chip(c.r.address) ? t.chip : t.input) += u(r);
  (isa::on_chip(c.c.address) ? t.chip : t.output) += u(out);
  return t;
}

Traffic gemm_traffic(const Command& c, int tokens) {
  const int64_t m = c.m.at(tokens), k = c.k.at(tokens), n = c.n.at(tokens), heads = c.heads;
  const int64_t row_tiles = tiles(m, c.tile_m) * heads / matrices_b(c);  // that one matrix of B meets
  const Passes pass = passes(c, row_tiles, tiles(k, c.tile_k), tiles(n, c.tile_n));
  const int64_t out = m * n * heads * isa::bytes_of(c.c_type);
  const int64_t size = isa::bytes_of(c.a_type);  // of A and of B
  Traffic t =
      sort_traffic(c, (c.conv.size != 0 ? conv_input(c) : m * k) * heads * size * pass.a, c.residual ? out : 0, out);
  t.weights = u(n * k * matrices_b(c) * size * pass.b + (c.records != 0 ? n * 8 * pass.records : 0));
  return t;
}

Traffic compulsory_gemm_traffic(const Command& c, int tokens) {
  const int64_t m = c.m.at(tokens), k = c.k.at(tokens), n = c.n.at(tokens), heads = c.heads;
  const int64_t out = m * n * heads * isa::bytes_of(c.c_type), size = isa::bytes_of(c.a_type);
  const int64_t a = (c.conv.size != 0 ? int64_t{c.conv.size} * c.conv.size * c.conv.channels : m * k) * heads;
  const int64_t r = c.r.head_stride == 0 ? out / heads : out;  // the same rows for every head
  Traffic t = sort_traffic(c, a * size, c.residual ? r : 0, out);
  t.weights = u(n * k * matrices_b(c) * size);
  return t;
}

}  // namespace heatvit::lower
