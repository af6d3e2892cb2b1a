#include "accel/modules/plan.h"

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
  const bool own = block.rows == Block::Rows::kChunk;
  const int rows = own ? k.rows : block.rows == Block::Rows::kKept ? job.tokens_after : 1;
  return plan_block(operand, k.head, 1, own ? k.row0 : 0, rows,
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
  return {plan_chunk(operation.a, c.a, c.a_type, job, chunk), plan_chunk(operation.r, c.r, c.c_type, job, chunk).train};
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

}  // namespace heatvit::modules
