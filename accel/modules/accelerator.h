// The accelerator as one SystemC module: what a platform instantiates and binds.
//
//                      registers (AXI-Lite)        interrupt
//                              |                       ^
//                  +-----------v-----------------------+-------+
//     fetch <------|  control unit: fetch, decode, issue        |
//                  +--+---------+--------+--------+---------+---+
//                     | a queue of commands for each unit   |
//              +------v-----+ +-v-----------+         +-----v------+
//   input <----| input DMA  | | weight DMA  |---+     | output DMA |----> output
//              |            | |             |   |     |            |
//              +--+------+--+ +--+--------+-+   |     +-----^------+
//                 |      |       |        |     +> weight   |
//            input|      |weight |        |                 | output buffer
//           buffer|      |vector |records |                 |
//              +--v------|----+  |        |                 |
//              | PE array |<-----+        |                 |
//              +--+-------|----+          |                 |
//     accumulators|       |               |                 |
//              +--v-------v---------------v--+              |
//              | vector unit                 |--------------+
//              +------------+----------------+              |
//                           | CLS attention                 |
//              +------------v----------------+              |
//  vector ---->| token selector              |--------------+
//  buffer      +-----------------------------+
//
// Sockets. `registers`: 32-bit accesses of accel/modules/registers.h, plain generic payloads, LT (b_transport). The
// bulk sockets carry burst trains (burst_train.h) under their own protocol traits: a read or write of rows at a pitch
// is one transaction, which returns when its last beat has arrived. `fetch`, `input`, `weight` read, `output` writes;
// an engine of several ports (DmaConfig) has the others as `more_input`, `more_weight`, `more_output`. `interrupt` is
// written by several processes: bind it to an sc_signal<bool, SC_MANY_WRITERS>.
//
// Time. Cycles count from time zero of a run: the start write, or an earlier moment that the platform sets by reset().
// Set the time resolution to 1 fs before anything is built. A failure in a process stops the simulation: call check()
// when sc_start() returns.
#pragma once

#include <array>
#include <exception>
#include <systemc>
#include <tlm>

#include "accel/isa/hardware.h"
#include "accel/modules/chip_memory.h"
#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/control_unit.h"
#include "accel/modules/dma.h"
#include "accel/modules/job_queue.h"
#include "accel/modules/pe_array.h"
#include "accel/modules/process_guard.h"
#include "accel/modules/run_record.h"
#include "accel/modules/scoreboard.h"
#include "accel/modules/slot_ring.h"
#include "accel/modules/token_selector.h"
#include "accel/modules/unit_tap.h"
#include "accel/modules/vector_unit.h"
#include "accel/modules/work_turn.h"

namespace heatvit::modules {

struct AcceleratorParameters {
  isa::AcceleratorConfig hardware;  // as the command list was lowered for
  double clock_mhz = 150.0;
  StageRule stage_rule = StageRule::kClock;
  BufferConfig buffers;
  DmaConfig dma;
  ControlConfig control;
  VectorConfig vector;
  DebugConfig debug;
  bool functional = true;  // false: the same cycles without data

  kernels::Stages stages() const { return stages_of(stage_rule, clock_mhz); }
};

class Accelerator : public sc_core::sc_module {
  const AcceleratorParameters parameters_;
  ClockDomain clock_;

 public:
  using BulkSocket = tlm::tlm_initiator_socket<128, BulkProtocol, 1, sc_core::SC_ZERO_OR_MORE_BOUND>;

  tlm::tlm_target_socket<32> registers;
  sc_core::sc_out<bool> interrupt;
  BulkSocket fetch, input, weight, output;
  sc_core::sc_vector<BulkSocket> more_input, more_weight, more_output;  // one less than DmaConfig says

  Accelerator(sc_core::sc_module_name name, const AcceleratorParameters& parameters);

  /// Time zero of the next run (absolute, fs) and the length of its command list; every ledger is cleared. Without a
  /// call the start write is time zero.
  void reset(uint64_t time_zero, size_t commands);

  /// After sc_start(): throws what a process threw, and std::runtime_error where a buffer or queue still holds
  /// something though the interrupt has come.
  void check() const;

  // What an observer may read and set; nothing of it changes a cycle.
  const ClockDomain& clock() const { return clock_; }
  bool functional() const { return parameters_.functional; }
  std::exception_ptr error() const { return guard_.error(); }
  const TokenSelector& token_selector() const { return selector_; }
  TokenSelector& token_selector() { return selector_; }
  const ChipMemory& chip_memory() const { return chip_; }
  const RunRecord& record() const { return record_; }
  UnitAccount& account(Unit unit) { return accounts_[static_cast<size_t>(unit)]; }
  uint64_t register_accesses() const { return control_.register_accesses(); }
  /// Called at the completion of each command, in order.
  void set_listener(Scoreboard::Listener listener) { scoreboard_.set_listener(std::move(listener)); }
  /// Receives inputs and outputs of the units' arithmetic; null: nobody.
  void listen(UnitTap* tap) { tap_.listen(tap); }

 private:
  DmaEngine::Common engine(Unit unit);

  // Buffers, queues, books.
  SlotRing input_buffer_, weight_buffer_, record_buffer_, accumulators_, vector_buffer_, output_buffer_;
  ChipMemory chip_;
  JobQueue to_dma_in_, to_dma_weights_, to_pe_, to_vector_, to_selector_, to_dma_out_, to_cpu_;
  Scoreboard scoreboard_;
  std::array<UnitAccount, kUnits> accounts_;
  WorkTurn turn_;
  RunRecord record_;
  TapPoint tap_;
  ProcessGuard guard_;
  bool reset_ = false;  // since the last start

  // Units.
  TokenSelector selector_;
  ControlUnit control_;
  InputDma dma_in_;
  WeightDma dma_weights_;
  OutputDma dma_out_;
  PeArray pe_array_;
  VectorUnit vector_unit_;
};

}  // namespace heatvit::modules
