#include "accel/modules/plan.h"

namespace heatvit::modules {

using isa::Opcode;

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

MatrixBlock plan_output(const Job& job, const Chunk& chunk) {
  const isa::Command& c = job.command;
  const auto size = static_cast<uint32_t>(isa::bytes_of(c.c_type));
  const uint32_t offset = static_cast<uint32_t>(chunk.column0) * size,
                 bytes = static_cast<uint32_t>(chunk.columns) * size;
  switch (c.opcode) {
    case Opcode::kHeadMean: return plan_block(c.c, 0, 1, chunk.row0, chunk.rows, 0, size);
    case Opcode::kColumnMaxAdd: return plan_block(c.c, 0, 1, 0, 1, offset, bytes);
    case Opcode::kTokenPack: return plan_block(c.c, 0, 1, 0, job.tokens_after, offset, bytes);
    default: return plan_block(c.c, chunk.head, 1, chunk.row0, chunk.rows, offset, bytes);
  }
}

ChunkInput plan_input(const Job& job, const Chunk& chunk) {
  const isa::Command& c = job.command;
  ChunkInput in;
  if (c.opcode == Opcode::kTokenScore) {  // keep probabilities (2 a head), then head weights
    const auto heads = static_cast<uint32_t>(job.n);
    in.rows = plan_block(c.a, 0, 1, chunk.row0, chunk.rows, 0, heads * 4);
    in.second = plan_block(c.r, 0, 1, chunk.row0, chunk.rows, 0, heads * 2).train;
    return in;
  }
  const auto size = static_cast<uint32_t>(isa::bytes_of(c.a_type));
  in.rows = plan_block(c.a, chunk.head, 1, chunk.row0, chunk.rows, static_cast<uint32_t>(chunk.column0) * size,
                       static_cast<uint32_t>(chunk.columns) * size);
  if (c.opcode == Opcode::kColumnMaxAdd)
    in.second =
        plan_block(c.r, 0, 1, 0, 1, static_cast<uint32_t>(chunk.column0) * 4, static_cast<uint32_t>(chunk.columns) * 4)
            .train;
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

}  // namespace heatvit::modules
