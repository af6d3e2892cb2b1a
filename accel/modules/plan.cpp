#include "accel/modules/plan.h"

#include <algorithm>

#include "accel/modules/operation.h"

namespace heatvit::modules {

MatrixBlock plan_block(const isa::Operand& o, int head0, int heads, int row0, int rows, uint32_t offset,
                       uint32_t bytes) {
  MatrixBlock block;
  BurstTrain& t = block.train;
  t.address = o.address + static_cast<uint32_t>(head0) * o.head_stride + static_cast<uint32_t>(row0) * o.pitch + offset;
  t.row_bytes = bytes;
  t.rows = static_cast<uint32_t>(rows);
  t.pitch = o.pitch;
  block.layout = {bytes, bytes * t.rows};
  if (heads > 1 && o.head_stride == bytes) {  // heads side by side: one longer row
    t.row_bytes = bytes * static_cast<uint32_t>(heads);
    block.layout = {t.row_bytes, bytes};
  } else {
    t.planes = static_cast<uint32_t>(heads);
    t.plane_pitch = o.head_stride;
  }
  if (t.pitch == t.row_bytes) {  // rows end to end
    t.row_bytes *= t.rows;
    t.rows = 1;
  }
  return block;
}

MatrixBlock plan_output(const Job& job, const Tile& tile) {
  const auto size = static_cast<uint32_t>(isa::bytes_of(job.command.c_type));
  return plan_block(job.command.c, tile.head0, tile.heads, tile.m0, tile.m, static_cast<uint32_t>(tile.out_n0) * size,
                    static_cast<uint32_t>(tile.out_n) * size);
}

namespace {

/// What a chunk reads or writes of an operand; no bytes where the operand is not there.
MatrixBlock plan_chunk(const Block& block, const isa::Operand& operand, isa::Element type, const Job& job,
                       const Chunk& k) {
  if (block.rows == Block::Rows::kNone) return {};
  const auto size = static_cast<uint32_t>(block.value_bytes != 0 ? block.value_bytes : isa::bytes_of(type));
  int row0 = 0, rows = 1;
  if (block.rows == Block::Rows::kChunk) row0 = k.row0, rows = k.rows;
  if (block.rows == Block::Rows::kMoved) row0 = k.out_row0, rows = k.out_rows;
  if (block.rows == Block::Rows::kKept) rows = job.tokens_after;
  if (rows == 0) return {};
  return plan_block(operand, block.all_heads ? 0 : k.head, block.all_heads ? job.command.heads : 1, row0, rows,
                    block.columns ? static_cast<uint32_t>(k.column0) * size : 0,
                    block.columns ? static_cast<uint32_t>(k.columns) * size : size);
}

}  // namespace

MatrixBlock plan_output(const Job& job, const Chunk& chunk) {
  const isa::Command& c = job.command;
  return plan_chunk(operation_of(c).c, c.c, c.c_type, job, chunk);
}

ChunkInput plan_input(const Job& job, const Chunk& chunk) {
  const isa::Command& c = job.command;
  const Operation& operation = operation_of(c);
  ChunkInput in{plan_chunk(operation.a, c.a, c.a_type, job, chunk),
                plan_chunk(operation.r, c.r, c.c_type, job, chunk).train};
  if (job.packs_rows()) {  // each wherever it lies
    BurstTrain& train = in.rows.train;
    train.rows = static_cast<uint32_t>(chunk.rows);
    train.row_bytes = static_cast<uint32_t>(chunk.columns * isa::bytes_of(c.a_type));
  }
  return in;
}

MatrixBlock plan_operand_a(const Job& job, const Tile& tile) {
  const isa::Command& c = job.command;
  const auto size = static_cast<uint32_t>(isa::bytes_of(c.a_type));
  if (c.conv.size != 0) {
    const ConvWindow w = conv_window(c.conv, tile);
    const uint32_t pixel = c.conv.channels * size;
    const isa::Operand image{c.a.address, c.conv.size * pixel, c.a.head_stride};
    return plan_block(image, tile.head0, 1, w.row0, w.rows, static_cast<uint32_t>(w.column0) * pixel,
                      static_cast<uint32_t>(w.columns) * pixel);
  }
  return plan_block(c.a, tile.head0, tile.heads, tile.m0, tile.m, static_cast<uint32_t>(tile.k0) * size,
                    static_cast<uint32_t>(tile.k) * size);
}

MatrixBlock plan_operand_b(const Job& job, const Tile& tile) {
  const isa::Command& c = job.command;
  const auto size = static_cast<uint32_t>(isa::bytes_of(isa::type_of_b(c.a_type)));
  switch (c.layout_b) {
    case isa::LayoutB::kRowsN:
      return plan_block(c.b, tile.head0, tile.heads, tile.n0, tile.n, static_cast<uint32_t>(tile.k0) * size,
                        static_cast<uint32_t>(tile.k) * size);
    case isa::LayoutB::kRowsK:
      return plan_block(c.b, tile.head0, tile.heads, tile.k0, tile.k, static_cast<uint32_t>(tile.n0) * size,
                        static_cast<uint32_t>(tile.n) * size);
    case isa::LayoutB::kPacked: break;
  }
  MatrixBlock block;
  block.train.address =
      c.b.address + static_cast<uint32_t>(int64_t{tile.n0} * job.k + int64_t{tile.k0} * tile.n) * size;
  block.train.row_bytes = static_cast<uint32_t>(tile.n * tile.k) * size;
  block.layout = {static_cast<uint32_t>(tile.k) * size, 0};  // one matrix for all heads
  return block;
}

MatrixBlock plan_residual(const Job& job, const Tile& tile) {
  const auto size = static_cast<uint32_t>(isa::bytes_of(job.command.c_type));
  return plan_block(job.command.r, tile.head0, tile.heads, tile.m0, tile.m, static_cast<uint32_t>(tile.out_n0) * size,
                    static_cast<uint32_t>(tile.out_n) * size);
}

BurstTrain plan_records(const Job& job, int n0, int n) {
  BurstTrain train;
  train.address = job.command.records + static_cast<uint32_t>(n0) * 8;
  train.row_bytes = static_cast<uint32_t>(n) * 8;
  return train;
}

namespace {

/// The result of a command as it lies in memory.
struct Result {
  uint64_t address = 0, pitch = 0, head_stride = 0;
  uint32_t heads = 1, rows = 0, row_bytes = 0;
  bool side_by_side = false;  // heads within a row

  explicit Result(const Job& job) {
    const isa::Command& c = job.command;
    address = c.c.address;
    pitch = c.c.pitch;
    head_stride = c.c.head_stride;
    heads = c.heads;
    rows = static_cast<uint32_t>(job.m);
    row_bytes =
        static_cast<uint32_t>(operation_of(c).c.columns ? job.n : 1) * static_cast<uint32_t>(bytes_of(c.c_type));
    side_by_side = heads > 1 && head_stride < pitch;
  }

  uint64_t end() const { return address + (heads - 1) * head_stride + (rows - 1) * pitch + row_bytes; }
};

struct Position {
  uint32_t head = 0, row = 0, byte = 0;  // byte within the head's row
};

Position locate(const Result& result, uint64_t address) {
  uint64_t offset = address - result.address;
  Position p;
  if (result.heads > 1 && !result.side_by_side) {
    p.head = static_cast<uint32_t>(offset / result.head_stride);
    offset %= result.head_stride;
  }
  p.row = static_cast<uint32_t>(offset / result.pitch);
  offset %= result.pitch;
  if (result.side_by_side) {
    p.head = std::min(static_cast<uint32_t>(offset / result.head_stride), result.heads - 1);
    offset -= p.head * result.head_stride;
  }
  p.byte = std::min(static_cast<uint32_t>(offset), result.row_bytes - 1);
  return p;
}

/// The last element of a block that is a rectangle of the result (in each of its heads); of any other block an element
/// that is stored no earlier than all of it.
Position last_position(const Result& result, const BurstTrain& block, uint64_t last_address) {
  const Position first = locate(result, block.address);
  const Position row_end = locate(result, uint64_t{block.address} + block.row_bytes - 1);
  Position last = locate(result, last_address);
  const bool rectangle = row_end.row == first.row && (block.rows == 1 || block.pitch == result.pitch) &&
                         (block.planes == 1 || block.plane_pitch == result.head_stride);
  const bool one_row = first.row == last.row && first.head == last.head;
  if (rectangle ? row_end.head == first.head : one_row) return last;
  last.byte = result.row_bytes - 1;
  if (!rectangle && result.side_by_side) last.head = result.heads - 1;
  if (!rectangle && !result.side_by_side && first.head != last.head) last.row = result.rows - 1;
  return last;
}

uint32_t count(uint32_t extent, uint32_t tile) { return (extent + tile - 1) / tile; }

/// Index of the output tile of a GEMM that holds an element, in the order of TileWalk.
uint32_t tile_index(const Job& job, const Position& p) {
  const isa::Command& c = job.command;
  const auto column = p.byte / static_cast<uint32_t>(bytes_of(c.c_type));
  const uint32_t mt = count(static_cast<uint32_t>(job.m), c.tile_m);
  const uint32_t nt = c.panel ? 1 : count(static_cast<uint32_t>(job.n), c.tile_n);
  const uint32_t g = p.head / c.head_group, m = p.row / c.tile_m, n = c.panel ? 0 : column / c.tile_n;
  const bool m_outer = c.panel || c.order == isa::LoopOrder::kMN;
  if (!m_outer && c.layout_b == isa::LayoutB::kPacked) return (n * count(c.heads, c.head_group) + g) * mt + m;
  return m_outer ? (g * mt + m) * nt + n : (g * nt + n) * mt + m;
}

}  // namespace

bool within_result(const Job& producer, const BurstTrain& block) {
  const Result result(producer);
  const uint64_t end = uint64_t{block.address} + uint64_t{block.planes - 1} * block.plane_pitch +
                       uint64_t{block.rows - 1} * block.pitch + block.row_bytes;
  return block.address >= result.address && end <= result.end() && !operation_of(producer.command).c.all_heads;
}

uint32_t stores_needed(const Job& producer, const BurstTrain& block) {
  const isa::Command& c = producer.command;
  const Result result(producer);
  const uint64_t end = uint64_t{block.address} + uint64_t{block.planes - 1} * block.plane_pitch +
                       uint64_t{block.rows - 1} * block.pitch + block.row_bytes;
  if (end <= result.address || block.address >= result.end()) return 0;
  if (end > result.end()) return kAllStores;
  const Operation& operation = operation_of(c);
  if (block.address < result.address && !operation.c.all_heads) return kAllStores;
  // What lies beside the heads' rows of such a result, as their other halves do, is not its own.
  if (operation.c.all_heads) return locate(result, end - 1).row / c.tile_m + 1;
  const Position last = last_position(result, block, end - 1);
  if (operation.walk == Walk::kTiles) return tile_index(producer, last) + 1;
  if (operation.on_host()) return last.row + 1;
  const bool of_chunk = operation.c.rows == Block::Rows::kChunk || operation.c.rows == Block::Rows::kMoved;
  if (operation.walk == Walk::kRows && of_chunk)
    return last.head * count(result.rows, c.tile_m) + last.row / c.tile_m + 1;
  return kAllStores;
}

}  // namespace heatvit::modules
