#include "models/lower/tiling.h"

#include <algorithm>
#include <string>

#include "models/errors.h"

namespace heatvit::lower {
namespace {

using isa::AcceleratorConfig;
using isa::Command;

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

/// Region of the input image that `rows` output rows of `columns` output pixels need, in bytes.
int64_t conv_region(const isa::Im2col& conv, int rows, int columns) {
  const int64_t high = std::min((rows - 1) * conv.stride + conv.kernel, int{conv.size});
  const int64_t wide = std::min((columns - 1) * conv.stride + conv.kernel, int{conv.size});
  return high * wide * conv.channels;
}

/// Convolution: as many whole output rows as the input buffer holds; else a part of one row.
void tile_conv(Command& c, const AcceleratorConfig& hw) {
  const isa::Im2col& conv = c.conv;
  c.head_group = 1;
  c.tile_k = bounded(hw.tile_k, c.k.fixed);
  c.tile_n = bounded(std::min<int64_t>(hw.tile_n, hw.record_slot() / 8), c.n.fixed);
  const auto fits = [&](int rows, int columns) {
    const int64_t pixels = int64_t{rows} * columns;
    return conv_region(conv, rows, columns) <= hw.input_slot() && pixels * c.tile_n * 4 <= hw.accumulator_slot() &&
           pixels * c.tile_n * isa::bytes_of(c.c_type) <= hw.output_slot();
  };
  int rows = conv.out_size;
  while (rows > 0 && !fits(rows, conv.out_size)) --rows;
  if (rows > 0) {
    c.tile_m = static_cast<uint16_t>(rows * conv.out_size);
    return;
  }
  int columns = conv.out_size;
  while (columns > 0 && (conv.out_size % columns != 0 || !fits(1, columns))) --columns;
  if (columns < 1) too_small(c, "tile.m x tile.k must hold one window of " + std::to_string(conv_region(conv, 1, 1)) + " bytes");
  c.tile_m = static_cast<uint16_t>(columns);
}

/// Attention with `group` heads in parallel. Returns false where not even one row fits.
bool tile_attention(Command& c, const AcceleratorConfig& hw, int max_tokens, int group) {
  const int m = c.m.at(max_tokens), k = c.k.at(max_tokens), n = c.n.at(max_tokens);
  const int64_t operand = hw.operand_bytes();
  const int64_t weight_cells = hw.weight_slot() / operand / group, input_cells = hw.input_slot() / operand / group;
  const int64_t cells = hw.accumulator_slot() / 4 / group;
  const int64_t results = hw.output_slot() / isa::bytes_of(c.c_type) / group;
  int64_t tile_k = std::min<int64_t>(k, std::min(weight_cells, input_cells));
  if (tile_k < 1) return false;
  int64_t tile_n = std::min<int64_t>(n, weight_cells / tile_k);
  if (tile_n < n && tile_k == k && tile_n < hw.to && !c.panel) {  // rather split k than compute slivers of n
    tile_n = std::min<int64_t>(n, hw.to);
    tile_k = std::min<int64_t>(k, weight_cells / tile_n);
  }
  if (tile_n < 1 || tile_k < 1) return false;
  const int64_t width = c.panel ? n : tile_n;
  const int64_t tile_m = std::min({int64_t{m}, input_cells / tile_k, cells / width, results / width});
  if (tile_m < 1) return false;
  c.head_group = static_cast<uint8_t>(group);
  c.tile_m = static_cast<uint16_t>(tile_m);
  c.tile_k = static_cast<uint16_t>(tile_k);
  c.tile_n = static_cast<uint16_t>(tile_n);
  return true;
}

}  // namespace

void tile_gemm(Command& c, const AcceleratorConfig& hw, int max_tokens) {
  if (c.conv.size != 0) return tile_conv(c, hw);
  if (c.layout_b == isa::LayoutB::kPacked) return tile_linear(c, hw, max_tokens);
  for (int group = std::min<int>(hw.th, c.heads); group >= 1; --group)
    if (tile_attention(c, hw, max_tokens, group)) return;
  too_small(c, "not one row of one head fits; enlarge tile.m, tile.k or tile.n");
}

bool fits_fused_softmax(const AcceleratorConfig& hw, int heads, int head_dim, int max_tokens) {
  Command probe;
  probe.m = probe.n = {0, 1};
  probe.k = {static_cast<int16_t>(head_dim), 0};
  probe.heads = static_cast<uint8_t>(heads);
  probe.panel = true;
  probe.c_type = isa::Element::kUint8;
  for (int group = std::min(hw.th, heads); group >= 1; --group)
    if (tile_attention(probe, hw, max_tokens, group)) return true;
  return false;
}

void tile_rows(Command& c, const AcceleratorConfig& hw, int row_bytes_in, int row_bytes_out, int max_rows) {
  const int64_t rows = std::min(hw.vector_slot() / row_bytes_in, row_bytes_out == 0 ? INT64_MAX : hw.output_slot() / row_bytes_out);
  if (rows < 1)
    too_small(c, "tile.m x tile.n must be at least " + std::to_string((std::max(row_bytes_in, row_bytes_out) + 1) / 2));
  c.tile_m = bounded(rows, std::min(max_rows, 65535));
}

void tile_columns(Command& c, const AcceleratorConfig& hw, int element_bytes, int max_rows, int max_columns) {
  int64_t columns = std::min(hw.vector_slot(), hw.output_slot()) / (int64_t{max_rows} * element_bytes);
  if (columns < 1) too_small(c, "tile.m x tile.n must be at least " + std::to_string((max_rows * element_bytes + 1) / 2));
  const int64_t beat = 16 / element_bytes;  // whole AXI beats where there is room
  if (columns > beat) columns -= columns % beat;
  c.tile_n = bounded(columns, max_columns);
}

}  // namespace heatvit::lower
