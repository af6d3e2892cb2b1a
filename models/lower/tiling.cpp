#include "models/lower/tiling.h"

#include <algorithm>
#include <string>

#include "accel/isa/errors.h"
#include "models/lower/program.h"

namespace heatvit::lower {
namespace {

using isa::AcceleratorConfig;
using isa::Command;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

uint16_t bounded(int64_t tile, int64_t extent) {
  return static_cast<uint16_t>(std::clamp<int64_t>(tile, 1, std::max<int64_t>(extent, 1)));
}

[[noreturn]] void too_small(const Command& c, const std::string& what) {
  throw InputError("tile sizes too small for operation " + std::string(isa::name_of(isa::op_of(c))) + ": " + what);
}

/// Fully connected: the configured tile, cut to the operand; the output slot bounds n for wide results.
void tile_linear(Command& c, const AcceleratorConfig& hw, int max_tokens) {
  const int m = c.m.at(max_tokens), k = c.k.at(max_tokens), n = c.n.at(max_tokens);
  c.head_group = 1;
  c.tile_m = bounded(hw.tile_m, m);
  c.tile_k = bounded(hw.tile_k, k);
  int64_t tile_n = std::min<int64_t>(hw.tile_n, hw.record_slot() / 8);
  tile_n = std::min(tile_n, hw.output_slot() / (int64_t{c.tile_m} * isa::bytes_of(c.c_type)));
  if (tile_n < 1) too_small(c, "tile.m x tile.n cannot hold one column of the result");
  c.tile_n = bounded(tile_n, n);
  if (c.panel && c.tile_n < n) too_small(c, "tile.n must be at least " + std::to_string(n));
}

/// Region of the input image that `rows` output rows of `columns` output pixels need for `kernel_rows` of the kernel,
/// values.
int64_t conv_region(const isa::Im2col& conv, int rows, int columns, int kernel_rows) {
  const int64_t high = std::min((rows - 1) * conv.stride + kernel_rows, int{conv.size});
  const int64_t wide = std::min((columns - 1) * conv.stride + conv.kernel, int{conv.size});
  return high * wide * conv.channels;
}

/// As many whole output rows as the input buffer holds; else a part of one row; else kernel row by kernel row.
void tile_conv_rows(Command& c, const AcceleratorConfig& hw) {
  const isa::Im2col& conv = c.conv;
  int kernel_rows = conv.kernel;
  const auto fits = [&](int rows, int columns) {
    const int64_t pixels = int64_t{rows} * columns;
    return conv_region(conv, rows, columns, kernel_rows) * hw.operand_bytes() <= hw.input_slot() &&
           pixels * c.tile_n * hw.accumulator_bytes() <= hw.accumulator_slot() &&
           pixels * c.tile_n * isa::bytes_of(c.c_type) <= hw.output_slot();
  };
  int rows = conv.out_size;
  while (rows > 0 && !fits(rows, conv.out_size)) --rows;
  if (rows > 0) {
    c.tile_m = static_cast<uint16_t>(rows * conv.out_size);
    return;
  }
  const auto widest = [&] {
    int columns = conv.out_size;
    while (columns > 0 && (conv.out_size % columns != 0 || !fits(1, columns))) --columns;
    return columns;
  };
  int columns = widest();
  if (columns < 1) {
    const int line = conv.kernel * conv.channels;
    kernel_rows = 1;
    c.conv.split = true;
    c.tile_k = static_cast<uint16_t>(line);
    c.tile_n = bounded(std::min<int64_t>(c.tile_n, hw.weight_slot() / hw.operand_bytes() / line), c.n.fixed);
    columns = widest();
    if (columns < 1 || hw.weight_slot() / hw.operand_bytes() < line)
      too_small(c,
                "tile.m x tile.k and tile.k x tile.n must hold one kernel row of " + std::to_string(line) + " values");
  }
  c.tile_m = static_cast<uint16_t>(columns);
}

/// Convolution. Where the weights of a tile are not whole sums, all of them pass for every row tile; narrower tiles
/// that are pass once, and the input for each of them, where that moves fewer bytes.
void tile_conv(Command& c, const AcceleratorConfig& hw) {
  c.head_group = 1;
  c.tile_k = bounded(hw.tile_k, c.k.fixed);
  c.tile_n = bounded(std::min<int64_t>(hw.tile_n, hw.record_slot() / 8), c.n.fixed);
  Command whole = c;
  tile_conv_rows(c, hw);
  const int64_t columns = hw.weight_slot() / hw.operand_bytes() / c.k.fixed / hw.to * hw.to;
  if (c.tile_k >= c.k.fixed || c.conv.split || columns < 1) return;
  whole.tile_k = static_cast<uint16_t>(c.k.fixed);
  whole.tile_n = bounded(columns, c.tile_n);
  whole.order = isa::LoopOrder::kNM;
  tile_conv_rows(whole, hw);
  if (!whole.conv.split && gemm_traffic(whole, 0).total() < gemm_traffic(c, 0).total()) c = whole;
}

constexpr double kTileCycles = 40.0;  // the fixed part

/// What each of a group of heads has of the buffers, values.
struct AttentionRoom {
  AttentionRoom(const Command& c, const AcceleratorConfig& hw, int heads)
      : group(heads),
        groups(ceil_div(c.heads, heads)),
        weights(hw.weight_slot() / hw.operand_bytes() / heads),
        input(hw.input_slot() / hw.operand_bytes() / heads),
        results(std::min(hw.accumulator_slot() / hw.accumulator_bytes() / heads,
                         hw.output_slot() / isa::bytes_of(c.c_type) / heads)) {}
  int group;
  int64_t groups, weights, input, results;
};

/// `columns`: tiles of so many that a row has; `passes`: of the array for them.
AttentionTiles attention_tiles(const Command& c, const AcceleratorConfig& hw, int max_tokens, const AttentionRoom& room,
                               int64_t tile_n, int columns, int passes) {
  constexpr double kBeatBytes = 16.0;
  const int64_t m = c.m.at(max_tokens), k = c.k.at(max_tokens), n = c.n.at(max_tokens), operand = hw.operand_bytes();
  AttentionTiles t;
  t.group = room.group;
  t.n = tile_n;
  t.k = std::min({k, room.weights / tile_n, room.input});
  if (t.k > hw.ti && t.k < k) t.k -= t.k % hw.ti;
  if (t.k < 1) return {};
  const int64_t width = c.panel ? n : tile_n;
  t.m = std::min({m, room.input / t.k, room.results / width});
  if (t.m < 1) return {};
  const int64_t groups = room.groups, mt = ceil_div(m, t.m), kt = ceil_div(k, t.k), nt = columns;
  const double steps = static_cast<double>(groups * mt * kt * nt);
  const double array = static_cast<double>(groups * mt * kt * t.m * ceil_div(t.k, hw.ti) * passes);
  const double a = static_cast<double>(c.heads * m * k * operand * (kt == 1 ? 1 : nt)) / kBeatBytes;
  const double b = static_cast<double>(c.heads * n * k * operand * (kt == 1 && nt == 1 ? 1 : mt)) / kBeatBytes;
  t.cost = std::max({array, a, b}) + kTileCycles * steps;
  return t;
}

/// Calls consider(room, tile_n, tiles of a row, array passes of all of them) for the head groups and widths to choose
/// from, until it returns false; not for groups of which worth(heads of the group, array passes of a row at the least)
/// says no.
template <class Worth, class Consider>
void for_attention_tiles(const Command& c, const AcceleratorConfig& hw, int max_tokens, const Worth& worth,
                         const Consider& consider) {
  const int n = c.n.at(max_tokens), to = hw.to;
  for (int group = std::min<int>(hw.th, c.heads); group >= 1; --group) {
    if (!worth(group, (n + to - 1) / to)) continue;
    const AttentionRoom room(c, hw, group);
    if (!consider(room, n, 1, (n + to - 1) / to)) return;
    for (int tile_n = to, passes = 1; tile_n < n; tile_n += to, ++passes) {
      const int columns = (n + tile_n - 1) / tile_n;
      if (!consider(room, tile_n, columns, columns * passes)) return;
    }
    for (int tile_n = std::min(n, to) - 1; tile_n >= 1; tile_n /= 2) {
      const int columns = (n + tile_n - 1) / tile_n;
      if (!consider(room, tile_n, columns, columns)) return;
    }
  }
}

/// Q K^T of a model as the lowering emits it, for weighing the placements of softmax.
Command score_command(const AcceleratorConfig& hw, int heads, int head_dim, bool fused) {
  Command c;
  c.op = static_cast<uint8_t>(isa::Op::kScores);
  c.m = c.n = {0, 1};
  c.k = {static_cast<int16_t>(head_dim), 0};
  c.heads = static_cast<uint8_t>(heads);
  c.panel = fused;
  c.c_type = fused ? hw.probability_type() : isa::Element::kInt16;
  return c;
}

}  // namespace

AttentionTiles best_attention_tiles(const Command& c, const AcceleratorConfig& hw, int max_tokens) {
  const int64_t rows = c.m.at(max_tokens) * ceil_div(c.k.at(max_tokens), hw.ti);
  AttentionTiles best;
  // No choice costs less than it would if its rows and sums were not cut, too: most need no closer look.
  const auto may_be_best = [&](int64_t groups, int columns, int passes) {
    return best.group == 0 ||
           static_cast<double>(groups * rows * passes) + kTileCycles * static_cast<double>(groups * columns) <
               best.cost;
  };
  for_attention_tiles(
      c, hw, max_tokens, [&](int group, int passes) { return may_be_best(ceil_div(c.heads, group), 1, passes); },
      [&](const AttentionRoom& room, int tile_n, int columns, int passes) {
        if (!may_be_best(room.groups, columns, passes)) return true;
        const AttentionTiles t = attention_tiles(c, hw, max_tokens, room, tile_n, columns, passes);
        if (t.group != 0 && (best.group == 0 || t.cost < best.cost)) best = t;
        return true;
      });
  return best;
}

AttentionTiles fused_score_tiles(const AcceleratorConfig& hw, int heads, int head_dim, int max_tokens) {
  return best_attention_tiles(score_command(hw, heads, head_dim, true), hw, max_tokens);
}

void tile_attention(Command& c, const AttentionTiles& tiles) {
  if (tiles.group == 0) too_small(c, "not one row of one head fits; enlarge tile.m, tile.k or tile.n");
  c.head_group = static_cast<uint8_t>(tiles.group);
  c.tile_m = static_cast<uint16_t>(tiles.m);
  c.tile_k = static_cast<uint16_t>(tiles.k);
  c.tile_n = static_cast<uint16_t>(tiles.n);
}

void tile_gemm(Command& c, const AcceleratorConfig& hw, int max_tokens) {
  if (c.conv.size != 0) return tile_conv(c, hw);
  if (c.layout_b == isa::LayoutB::kPacked) return tile_linear(c, hw, max_tokens);
  tile_attention(c, best_attention_tiles(c, hw, max_tokens));
}

namespace {

/// Rows of `group` heads, of which the weights are one tile.
int most_rows(const Command& c, const AcceleratorConfig& hw, int64_t group) {
  const int64_t k = c.k.fixed, n = c.n.fixed, operand = hw.operand_bytes();
  if (group * k * n * operand > hw.weight_slot()) return 0;
  return static_cast<int>(
      std::min({hw.input_slot() / (group * k * operand), hw.accumulator_slot() / (group * n * hw.accumulator_bytes()),
                hw.output_slot() / (group * n * isa::bytes_of(c.c_type)), int64_t{65535}}));
}

}  // namespace

int most_rows_by_head(const Command& c, const AcceleratorConfig& hw) {
  return most_rows(c, hw, std::min<int>(hw.th, c.heads));
}

int most_rows_in_tile(const Command& c, const AcceleratorConfig& hw) { return most_rows(c, hw, 1); }

void tile_by_head(Command& c, const AcceleratorConfig& hw, int rows) {
  if (rows < 1) too_small(c, "not one row of the heads fits; enlarge tile.m, tile.k or tile.n");
  c.head_group = static_cast<uint8_t>(std::min<int>(hw.th, c.heads));
  c.tile_m = static_cast<uint16_t>(rows);
  c.tile_k = bounded(c.k.fixed, c.k.fixed);
  c.tile_n = bounded(c.n.fixed, c.n.fixed);
}

void tile_attention_chain(Command& scores, Command& attend, const AcceleratorConfig& hw, int tokens) {
  const int64_t head_dim = attend.n.fixed, operand = hw.operand_bytes();
  for (int64_t group = std::min<int>(hw.th, scores.heads); group >= 1; --group) {
    const int64_t widest = std::max<int64_t>(tokens, head_dim);  // of a row: probabilities, results
    if (group * tokens * head_dim * operand > hw.weight_slot()) continue;
    const int64_t rows = std::min({hw.input_slot() / operand / group / widest,
                                   hw.accumulator_slot() / hw.accumulator_bytes() / group / widest,
                                   hw.output_slot() / operand / group / widest, int64_t{tokens}});
    if (rows < 1) continue;
    for (Command* c : {&scores, &attend}) {
      c->head_group = static_cast<uint8_t>(group);
      c->tile_m = static_cast<uint16_t>(ceil_div(tokens, ceil_div(tokens, rows)));  // even
      c->tile_k = bounded(c->k.at(tokens), 65535);
      c->tile_n = bounded(c->n.at(tokens), 65535);
    }
    return;
  }
  too_small(scores, "accel.chain_attention needs K and V of a head in a weight tile each, a row of " +
                        std::to_string(tokens) + " scores in a tile of sums");
}

bool prefers_fused_softmax(const AttentionTiles& fused, const AcceleratorConfig& hw, int heads, int head_dim,
                           int max_tokens) {
  const double round_trip = 2.0 * 2.0 * heads * max_tokens * max_tokens / 16.0;  // int16 scores, out and in, beats
  // What the array takes of the scores alone, whatever their tiles.
  const int64_t least = ceil_div(heads, std::min<int>(hw.th, heads)) * max_tokens * ceil_div(head_dim, hw.ti) *
                        ceil_div(max_tokens, hw.to);
  if (fused.cost <= static_cast<double>(least) + round_trip) return true;
  const AttentionTiles separate = best_attention_tiles(score_command(hw, heads, head_dim, false), hw, max_tokens);
  if (separate.group == 0) return true;
  return fused.cost <= separate.cost + round_trip;
}

void tile_rows(Command& c, const AcceleratorConfig& hw, int row_bytes_in, int row_bytes_out, int max_rows) {
  const int64_t rows =
      std::min(hw.vector_slot() / row_bytes_in, row_bytes_out == 0 ? INT64_MAX : hw.output_slot() / row_bytes_out);
  if (rows < 1)
    too_small(c, "tile.m x tile.n must be at least " + std::to_string((std::max(row_bytes_in, row_bytes_out) + 1) / 2));
  c.tile_m = bounded(rows, std::min(max_rows, 65535));
}

void tile_columns(Command& c, const AcceleratorConfig& hw, int element_bytes, int max_rows, int max_columns) {
  int64_t columns = std::min(hw.vector_slot(), hw.output_slot()) / (int64_t{max_rows} * element_bytes);
  if (columns < 1)
    too_small(c, "tile.m x tile.n must be at least " + std::to_string((max_rows * element_bytes + 1) / 2));
  const int64_t beat = 16 / element_bytes;  // whole AXI beats where there is room
  if (columns > beat) columns -= columns % beat;
  c.tile_n = bounded(columns, max_columns);
}

}  // namespace heatvit::lower
