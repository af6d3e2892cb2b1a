#include "accel/modules/dma.h"

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

MatrixBlock plan_chunk(const Job& job, const Chunk& chunk) {
  const auto size = static_cast<uint32_t>(isa::bytes_of(job.command.a_type));
  return plan_block(job.command.a, chunk.head, 1, chunk.row0, chunk.rows, static_cast<uint32_t>(chunk.column0) * size,
                    static_cast<uint32_t>(chunk.columns) * size);
}

BurstTrain plan_operand_a(const Job& job, const Tile& tile) {
  const isa::Command& c = job.command;
  const auto size = static_cast<uint32_t>(isa::bytes_of(c.a_type));
  if (c.conv.size != 0) {
    const ConvWindow w = conv_window(c.conv, tile);
    const uint32_t pixel = c.conv.channels * size;
    const isa::Operand image{c.a.address, c.conv.size * pixel, c.a.head_stride};
    return plan_block(image, tile.head0, 1, w.row0, w.rows, static_cast<uint32_t>(w.column0) * pixel,
                      static_cast<uint32_t>(w.columns) * pixel)
        .train;
  }
  return plan_block(c.a, tile.head0, tile.heads, tile.m0, tile.m, static_cast<uint32_t>(tile.k0) * size,
                    static_cast<uint32_t>(tile.k) * size)
      .train;
}

BurstTrain plan_operand_b(const Job& job, const Tile& tile) {
  const isa::Command& c = job.command;
  const auto size = static_cast<uint32_t>(isa::bytes_of(isa::type_of_b(c.a_type)));
  switch (c.layout_b) {
    case isa::LayoutB::kRowsN:
      return plan_block(c.b, tile.head0, tile.heads, tile.n0, tile.n, static_cast<uint32_t>(tile.k0) * size,
                        static_cast<uint32_t>(tile.k) * size)
          .train;
    case isa::LayoutB::kRowsK:
      return plan_block(c.b, tile.head0, tile.heads, tile.k0, tile.k, static_cast<uint32_t>(tile.n0) * size,
                        static_cast<uint32_t>(tile.n) * size)
          .train;
    case isa::LayoutB::kPacked: break;
  }
  BurstTrain train;
  train.address = c.b.address + static_cast<uint32_t>(int64_t{tile.n0} * job.k + int64_t{tile.k0} * tile.n) * size;
  train.row_bytes = static_cast<uint32_t>(tile.n * tile.k) * size;
  return train;
}

BurstTrain plan_residual(const Job& job, const Tile& tile) {
  const auto size = static_cast<uint32_t>(isa::bytes_of(job.command.c_type));
  return plan_block(job.command.r, tile.head0, tile.heads, tile.m0, tile.m, static_cast<uint32_t>(tile.out_n0) * size,
                    static_cast<uint32_t>(tile.out_n) * size)
      .train;
}

BurstTrain plan_records(const Job& job, int n0, int n) {
  BurstTrain train;
  train.address = job.command.records + static_cast<uint32_t>(n0) * 8;
  train.row_bytes = static_cast<uint32_t>(n) * 8;
  return train;
}

namespace {

/// One train, or the share of one, through a port.
template <class Socket>
void send(Socket& socket, TrainTransaction& transaction, const BurstTrain& train, uint8_t* data) {
  tlm::tlm_generic_payload& payload = transaction.prepare(train, data);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket->b_transport(payload, delay);
  if (payload.is_response_error())
    throw std::runtime_error(std::string(socket.name()) + ": address " + std::to_string(train.address) +
                             " is not in DDR");
}

}  // namespace

DmaLane::DmaLane(sc_core::sc_module_name name, ProcessGuard& guard) : sc_module(name), socket("socket"), guard_(guard) {
  SC_THREAD(run);
}

void DmaLane::start(const BurstTrain& share, uint8_t* data) {
  share_ = share;
  data_ = data;
  busy_ = true;
  started_.notify();
}

void DmaLane::finish() {
  while (busy_) sc_core::wait(finished_);
}

void DmaLane::run() {
  guard_.run([this] {
    for (;;) {
      while (!busy_) sc_core::wait(started_);
      send(socket, transaction_, share_, data_);
      busy_ = false;
      finished_.notify();
    }
  });
}

DmaEngine::DmaEngine(sc_core::sc_module_name name, Unit unit, Purpose purpose, int lanes, const DebugConfig& debug,
                     const Common& common)
    : sc_module(name),
      socket("socket"),
      second_port("second_port", common.guard),
      common_(common),
      purpose_(purpose),
      lanes_(lanes),
      debug_(debug),
      stalls_(debug, static_cast<uint32_t>(unit)) {}

void DmaEngine::transfer(BurstTrain train, uint8_t* data, uint32_t command) {
  if (stalls_.active()) {
    common_.account.enter(Cause::kInjected);
    common_.clock.wait_cycles(stalls_.next());
  }
  common_.account.enter(Cause::kBusy);
  if (debug_.fault == Fault::kDropInput && purpose_ == Purpose::kInput && trains_++ == debug_.fault_at) return;
  train.purpose = purpose_;
  train.command = command;
  train.write = purpose_ == Purpose::kOutput;
  if (isa::on_chip(train.address)) {
    common_.clock.wait_cycles(common_.chip.cycles(train));
    return common_.chip.move(train, data);
  }
  if (lanes_ == 1) return send(socket, transaction_, train, data);
  const TrainShares dealt = split_train(train, lanes_);
  if (dealt.count == 1) return send(socket, transaction_, train, data);
  second_port.start(dealt.share[1], data == nullptr ? nullptr : data + dealt.share[0].bytes());
  send(socket, transaction_, dealt.share[0], data);
  second_port.finish();
}

InputDma::InputDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug, const Ports& ports)
    : DmaEngine(name, Unit::kDmaIn, Purpose::kInput, config.input_ports, debug, ports.common), ports_(ports) {
  SC_THREAD(run);
}

void InputDma::run() {
  common_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.jobs.front(common_.account);
      if (job.command.opcode == Opcode::kGemm)
        load_gemm(job);
      else
        load_chunks(job);
      common_.account.attribute(job.index);
      ports_.jobs.pop();
    }
  });
}

void InputDma::load_gemm(const Job& job) {
  TileWalk walk(job);
  for (Tile tile; walk.next(tile);) {
    if (tile.a_new) load_operand_a(job, tile);
    if (tile.out_last && job.command.residual) load_residual(job, tile);
  }
}

void InputDma::load_operand_a(const Job& job, const Tile& tile) {
  const BurstTrain train = plan_operand_a(job, tile);
  common_.scoreboard.wait_for(job.command.wait_a, train, common_.account);
  uint8_t* slot = ports_.input.acquire_free(common_.account, static_cast<int64_t>(train.bytes()));
  transfer(train, slot, job.index);
  ports_.input.publish();
}

void InputDma::load_residual(const Job& job, const Tile& tile) {
  const BurstTrain train = plan_residual(job, tile);
  common_.scoreboard.wait_for(job.command.wait_a, train, common_.account);
  uint8_t* slot = ports_.vector.acquire_free(common_.account, static_cast<int64_t>(train.bytes()));
  transfer(train, slot, job.index);
  ports_.vector.publish(Consumer::kVector);
}

void InputDma::load_chunks(const Job& job) {
  const isa::Command& c = job.command;
  const bool to_selector = c.opcode == Opcode::kTokenScore || c.opcode == Opcode::kTokenPack;
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    BurstTrain first, second;
    if (c.opcode == Opcode::kTokenScore) {  // keep probabilities (2 a head), then head weights
      const auto heads = static_cast<uint32_t>(job.n);
      first = plan_block(c.a, 0, 1, chunk.row0, chunk.rows, 0, heads * 4).train;
      second = plan_block(c.r, 0, 1, chunk.row0, chunk.rows, 0, heads * 2).train;
    } else {
      first = plan_chunk(job, chunk).train;
      if (c.opcode == Opcode::kColumnMaxAdd)
        second = plan_block(c.r, 0, 1, 0, 1, static_cast<uint32_t>(chunk.column0) * 4,
                            static_cast<uint32_t>(chunk.columns) * 4)
                     .train;
    }
    common_.scoreboard.wait_for(c.wait_a, first, common_.account);
    if (second.row_bytes != 0) common_.scoreboard.wait_for(c.wait_a, second, common_.account);
    uint8_t* slot = ports_.vector.acquire_free(common_.account, static_cast<int64_t>(first.bytes() + second.bytes()));
    transfer(first, slot, job.index);
    if (second.row_bytes != 0) transfer(second, slot != nullptr ? slot + first.bytes() : nullptr, job.index);
    ports_.vector.publish(to_selector ? Consumer::kSelector : Consumer::kVector);
  }
}

WeightDma::WeightDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug,
                     const Ports& ports)
    : DmaEngine(name, Unit::kDmaWeights, Purpose::kWeights, config.weight_ports, debug, ports.common), ports_(ports) {
  SC_THREAD(run);
}

void WeightDma::run() {
  common_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.jobs.front(common_.account);
      if (job.command.opcode == Opcode::kGemm)
        load_gemm(job);
      else
        load_records(job, 0, job.n);
      common_.account.attribute(job.index);
      ports_.jobs.pop();
    }
  });
}

void WeightDma::load_gemm(const Job& job) {
  TileWalk walk(job);
  for (Tile tile; walk.next(tile);) {
    if (tile.records_new && job.command.records != 0) load_records(job, tile.n0, tile.n);
    if (tile.b_new) load_operand_b(job, tile);
  }
}

void WeightDma::load_records(const Job& job, int n0, int n) {
  const BurstTrain train = plan_records(job, n0, n);
  uint8_t* slot = ports_.records.acquire_free(common_.account, train.row_bytes);
  transfer(train, slot, job.index);
  ports_.records.publish();
}

void WeightDma::load_operand_b(const Job& job, const Tile& tile) {
  const BurstTrain train = plan_operand_b(job, tile);
  common_.scoreboard.wait_for(job.command.wait_b, train, common_.account);
  uint8_t* slot = ports_.weight.acquire_free(common_.account, static_cast<int64_t>(train.bytes()));
  transfer(train, slot, job.index);
  ports_.weight.publish();
}

OutputDma::OutputDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug,
                     const Ports& ports)
    : DmaEngine(name, Unit::kDmaOut, Purpose::kOutput, config.output_ports, debug, ports.common), ports_(ports) {
  SC_THREAD(run);
}

void OutputDma::run() {
  common_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.jobs.front(common_.account);
      if (job.command.opcode == Opcode::kGemm) {
        TileWalk walk(job);
        for (Tile tile; walk.next(tile);)
          if (tile.out_last) store(job, plan_output(job, tile));
      } else {
        ChunkWalk walk(job);
        for (Chunk chunk; walk.next(chunk);) store(job, plan_output(job, chunk));
      }
      common_.account.attribute(job.index);
      const uint32_t index = job.index;
      ports_.jobs.pop();
      common_.scoreboard.complete(index);
    }
  });
}

void OutputDma::store(const Job& job, const MatrixBlock& block) {
  uint8_t* slot = ports_.output.front(common_.account, Cause::kWaitResult);
  transfer(block.train, slot, job.index);
  ports_.output.release();
  common_.scoreboard.stored(job.index);
}

}  // namespace heatvit::modules
