#include "accel/modules/dma.h"

#include <algorithm>
#include <array>

#include "accel/modules/chain_walk.h"
#include "accel/modules/operation.h"

namespace heatvit::modules {

namespace {

template <class Socket>
void expect_done(const Socket& socket, TrainTransaction& transaction) {
  if (transaction.payload().is_response_error())
    throw std::runtime_error(std::string(socket.name()) + ": address " +
                             std::to_string(transaction.extension().train.address) + " is not in DDR");
}

/// One train, or the share of one, through a port.
template <class Socket>
void send(Socket& socket, TrainTransaction& transaction, const BurstTrain& train, uint8_t* data) {
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  socket->b_transport(transaction.prepare(train, data), delay);
  expect_done(socket, transaction);
}

/// The same, but on its way only: returns when the memory wants to be asked again.
template <class Socket>
uint64_t begin(Socket& socket, TrainTransaction& transaction, const BurstTrain& train, uint8_t* data) {
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  tlm::tlm_generic_payload& payload = transaction.prepare(train, data);
  transaction.extension().returns = true;
  socket->b_transport(payload, delay);
  if (PendingTrain* pending = transaction.extension().pending; pending != nullptr)
    return pending->resume(sc_core::sc_time_stamp().value());
  expect_done(socket, transaction);
  return PendingTrain::kThrough;
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
      more_ports("port", static_cast<size_t>(lanes - 1),
                 [&common](const char* lane, size_t) { return new DmaLane(lane, common.guard); }),
      common_(common),
      unit_(unit),
      purpose_(purpose),
      lanes_(lanes),
      debug_(debug),
      stalls_(debug, static_cast<uint32_t>(unit)) {}

void DmaEngine::end_of_elaboration() {
  if (lanes_ == 1 || stalls_.active()) return;  // injected stalls are drawn share by share
  const auto returns = [](auto& port, TrainTransaction& transaction) {
    port->transport_dbg(transaction.prepare({}, nullptr));
    return transaction.extension().returns;
  };
  memory_returns_ = returns(socket, transaction_);
  for (DmaLane& lane : more_ports) memory_returns_ = returns(lane.socket, lane.transaction()) && memory_returns_;
}

/// All shares on their way, then a wait for whichever the memory wants to see next. A process a share would wake as
/// often for each of them, and twice more to begin and to end.
void DmaEngine::transfer_shares(const TrainShares& dealt, uint8_t* data) {
  std::array<uint64_t, kEnginePorts> next{};
  const auto count = static_cast<size_t>(dealt.count);
  uint64_t before = 0, now = 0;
  for (size_t i = 0; i < count; ++i) {
    uint8_t* from = data == nullptr ? nullptr : data + before;
    next[i] = i == 0 ? begin(socket, transaction_, dealt.share[0], from)
                     : begin(more_ports[i - 1].socket, more_ports[i - 1].transaction(), dealt.share[i], from);
    before += dealt.share[i].bytes();
  }
  for (;;) {
    const uint64_t then = *std::min_element(next.begin(), next.begin() + dealt.count);
    if (then == PendingTrain::kThrough) return ClockDomain::wait_until(now);
    now = then;
    if (!ClockDomain::alone_until(now)) ClockDomain::wait_until(now);
    for (size_t i = 0; i < count; ++i) {
      if (next[i] != now) continue;
      TrainTransaction& transaction = i == 0 ? transaction_ : more_ports[i - 1].transaction();
      next[i] = transaction.extension().pending->resume(now);
      if (next[i] == PendingTrain::kThrough) expect_done(socket, transaction);
    }
  }
}

void DmaEngine::transfer(BurstTrain train, uint8_t* data, uint32_t command, Purpose purpose, const RowList& list) {
  if (stalls_.active()) {
    common_.account.enter(Cause::kInjected);
    common_.clock.wait_cycles(stalls_.next());
  }
  const Working working(common_.turn, unit_, common_.account);
  if (debug_.fault == Fault::kDropInput && purpose_ == Purpose::kInput && trains_++ == debug_.fault_at) return;
  train.purpose = purpose;
  train.command = command;
  train.write = purpose_ == Purpose::kOutput;
  if (isa::on_chip(train.address)) {
    common_.clock.wait_cycles(common_.chip.cycles(train));
    return common_.chip.move(train, data, list);
  }
  if (lanes_ == 1) return send(socket, transaction_, train, data);
  const TrainShares dealt = split_train(train, lanes_);
  if (dealt.count == 1) return send(socket, transaction_, train, data);
  if (memory_returns_) return transfer_shares(dealt, data);
  const auto others = static_cast<size_t>(dealt.count - 1);
  uint64_t before = 0;
  for (size_t i = 0; i < others; ++i) {
    before += dealt.share[i].bytes();
    more_ports[i].start(dealt.share[i + 1], data == nullptr ? nullptr : data + before);
  }
  send(socket, transaction_, dealt.share[0], data);
  for (size_t i = 0; i < others; ++i) more_ports[i].finish();
}

template <class Chain, class Tiles, class Other>
void DmaEngine::serve(JobQueue& jobs, const Chain& chain, const Tiles& tiles, const Other& other) {
  common_.guard.run([&] {
    for (;;) {
      const Job& job = jobs.front(common_.account);
      if (job.chained != nullptr) {
        chain(job);
      } else if (operation_of(job.command).walk == Walk::kTiles) {
        TileWalk walk(job);
        tiles(job, walk);
      } else {
        other(job);
      }
      common_.account.attribute(job.index);
      jobs.pop();
    }
  });
}

InputDma::InputDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug, const Ports& ports)
    : DmaEngine(name, Unit::kDmaIn, Purpose::kInput, config.input_ports, debug, ports.common),
      loads_kv_(config.input_loads_kv),
      ports_(ports) {
  SC_THREAD(run);
}

void InputDma::run() {
  serve(
      ports_.jobs, [this](const Job& first) { load_chain(first); },
      [this](const Job& job, TileWalk& walk) { load_tiles(job, walk, false); },
      [this](const Job& job) { load_chunks(job); });
}

void InputDma::load_chain(const Job& first) {
  ChainWalk chain(first);
  while (ChainWalk::Member* turn = chain.next()) {
    if (turn->job->command.follows) continue;  // its rows are on chip
    Chunk chunk;
    if (turn->tiles)
      load_tiles(*turn->job, *turn->tiles, true);
    else if (turn->chunks->next(chunk))
      load_chunk(*turn->job, chunk);
    common_.account.attribute(turn->job->index);
  }
}

void InputDma::load_tiles(const Job& job, TileWalk& walk, bool one_row) {
  for (Tile tile; walk.next(tile);) {
    if (tile.b_new && loads_kv_ && isa::reads_kv(job.command)) load_operand_b(job, tile);
    if (tile.a_new) load_operand_a(job, tile);
    if (tile.out_last && job.command.residual) load_residual(job, tile);
    if (one_row && tile.row_last) return;
  }
}

void InputDma::load_operand_a(const Job& job, const Tile& tile) {
  const MatrixBlock block = plan_operand_a(job, tile);
  common_.scoreboard.wait_for(job, job.command.wait_a, block.train, common_.account);
  uint8_t* slot = ports_.input.acquire_free(common_.account, static_cast<int64_t>(block.train.bytes()));
  transfer(block.train, slot, job.index);
  ports_.input.publish(block.layout);
}

void InputDma::load_operand_b(const Job& job, const Tile& tile) {
  const MatrixBlock block = plan_operand_b(job, tile);
  common_.scoreboard.wait_for(job, job.command.wait_b, block.train, common_.account);
  uint8_t* slot = ports_.weight->reserved(common_.account);
  transfer(block.train, slot, job.index, Purpose::kWeights);  // operand B, whichever way it comes
  ports_.weight->publish_reserved(block.layout);
}

void InputDma::load_residual(const Job& job, const Tile& tile) {
  const MatrixBlock block = plan_residual(job, tile);
  common_.scoreboard.wait_for(job, job.command.wait_a, block.train, common_.account);
  uint8_t* slot = ports_.vector.acquire_free(common_.account, static_cast<int64_t>(block.train.bytes()));
  transfer(block.train, slot, job.index);
  ports_.vector.publish(block.layout, Consumer::kVector);
}

void InputDma::load_chunks(const Job& job) {
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) load_chunk(job, chunk);
}

void InputDma::load_chunk(const Job& job, const Chunk& chunk) {
  if (chunk.rows == 0) return;
  const isa::Command& c = job.command;
  const ChunkInput in = plan_input(job, chunk);
  const BurstTrain& rows = in.rows.train;
  common_.scoreboard.wait_for(job, c.wait_a, rows, common_.account);
  if (in.has_second()) common_.scoreboard.wait_for(job, c.wait_a, in.second, common_.account);
  uint8_t* slot = ports_.vector.acquire_free(common_.account, in.bytes());
  if (job.packs_rows())
    transfer(rows, slot, job.index, Purpose::kInput, {ports_.selector->order(job, chunk.row0), c.a.address});
  else
    transfer(rows, slot, job.index);
  if (in.has_second()) transfer(in.second, slot != nullptr ? slot + rows.bytes() : nullptr, job.index);
  ports_.vector.publish(in.rows.layout, operation_of(c).in_selector() ? Consumer::kSelector : Consumer::kVector);
}

WeightDma::WeightDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug,
                     const Ports& ports)
    : DmaEngine(name, Unit::kDmaWeights, Purpose::kWeights, config.weight_ports, debug, ports.common),
      leaves_kv_(config.input_loads_kv),
      ports_(ports) {
  SC_THREAD(run);
}

void WeightDma::run() {
  serve(
      ports_.jobs, [this](const Job& first) { load_chain(first); },
      [this](const Job& job, TileWalk& walk) { load_tiles(job, walk, false); },
      [this](const Job& job) { load_records(job, 0, job.n); });
}

void WeightDma::load_chain(const Job& first) {
  ChainWalk chain(first);
  while (ChainWalk::Member* turn = chain.next()) {
    if (turn->tiles)
      load_tiles(*turn->job, *turn->tiles, true);
    else if (turn->first() && operation_of(turn->job->command).records)
      load_records(*turn->job, 0, turn->job->n);
    common_.account.attribute(turn->job->index);
  }
}

void WeightDma::load_tiles(const Job& job, TileWalk& walk, bool one_row) {
  for (Tile tile; walk.next(tile);) {
    if (tile.records_new && job.command.records != 0) load_records(job, tile.n0, tile.n);
    if (tile.b_new) load_operand_b(job, tile);
    if (one_row && tile.row_last) return;
  }
}

void WeightDma::load_records(const Job& job, int n0, int n) {
  const BurstTrain train = plan_records(job, n0, n);
  uint8_t* slot = ports_.records.acquire_free(common_.account, train.row_bytes);
  transfer(train, slot, job.index);
  ports_.records.publish();
}

void WeightDma::load_operand_b(const Job& job, const Tile& tile) {
  const MatrixBlock block = plan_operand_b(job, tile);
  if (leaves_kv_ && isa::reads_kv(job.command))
    return ports_.weight.reserve(common_.account, static_cast<int64_t>(block.train.bytes()));
  common_.scoreboard.wait_for(job, job.command.wait_b, block.train, common_.account);
  uint8_t* slot = ports_.weight.acquire_free(common_.account, static_cast<int64_t>(block.train.bytes()));
  transfer(block.train, slot, job.index);
  ports_.weight.publish(block.layout);
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
      if (job.chained != nullptr) {
        store_chain(job);
        ports_.jobs.pop();
        continue;
      }
      if (operation_of(job.command).walk == Walk::kTiles) {
        TileWalk walk(job);
        store_tiles(job, walk, false);
      } else {
        ChunkWalk walk(job);
        for (Chunk chunk; walk.next(chunk);)
          if (chunk.out_rows > 0) store(job, plan_output(job, chunk));
      }
      common_.account.attribute(job.index);
      const uint32_t index = job.index;
      ports_.jobs.pop();
      common_.scoreboard.complete(index);
    }
  });
}

void OutputDma::store_chain(const Job& first) {
  ChainWalk chain(first);
  while (ChainWalk::Member* turn = chain.next()) {
    const Job& job = *turn->job;
    Chunk chunk;
    if (turn->tiles)
      store_tiles(job, *turn->tiles, true);
    else if (turn->chunks->next(chunk) && chunk.out_rows > 0)
      store(job, plan_output(job, chunk));
    common_.account.attribute(job.index);
    if (turn->last()) common_.scoreboard.complete(job.index);
  }
}

void OutputDma::store_tiles(const Job& job, TileWalk& walk, bool one_row) {
  for (Tile tile; walk.next(tile);) {
    if (tile.out_last) store(job, plan_output(job, tile));
    if (one_row && tile.row_last) return;
  }
}

uint8_t* OutputDma::repeat(const uint8_t* row, const BurstTrain& train) {
  repeated_.resize(train.bytes());
  uint8_t* to = repeated_.data();
  for (uint32_t plane = 0; plane < train.planes; ++plane, row += train.row_bytes)
    for (uint32_t r = 0; r < train.rows; ++r, to += train.row_bytes) std::copy_n(row, train.row_bytes, to);
  return repeated_.data();
}

void OutputDma::store(const Job& job, const MatrixBlock& block) {
  uint8_t* slot = ports_.output.front(common_.account, Cause::kWaitResult).data;
  if (operation_of(job.command).repeats && slot != nullptr) slot = repeat(slot, block.train);
  transfer(block.train, slot, job.index);
  ports_.output.release();
  common_.scoreboard.stored(job.index);
}

}  // namespace heatvit::modules
