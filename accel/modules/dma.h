// DMA engines. Each walks the tiles of its commands and moves one burst train a tile between DDR and a buffer.
//
//   input   (HP0, HP2): operand A and convolution windows -> input buffer; residual tiles and vector rows -> vector
//                       buffer
//   weights (HP1, HP3): operand B -> weight buffer; channel and norm records -> record buffer
//   output  (HP3, HP0): output buffer -> DDR; the last store of a command completes it
//
// Addresses on chip (isa/layout.h) go to the memory there (chip_memory.h). An engine uses further ports where
// DmaConfig says so: the train is dealt over them (train_split.h) and is through when all shares are. Cost: what the
// ports and the DDR controller take; setup is the port's.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <tlm>

#include "accel/modules/accounting.h"
#include "accel/modules/burst_train.h"
#include "accel/modules/chip_memory.h"
#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/job_queue.h"
#include "accel/modules/plan.h"
#include "accel/modules/process_guard.h"
#include "accel/modules/scoreboard.h"
#include "accel/modules/slot_ring.h"
#include "accel/modules/stall_source.h"
#include "accel/modules/tile_walk.h"
#include "accel/modules/token_selector.h"
#include "accel/modules/train_split.h"
#include "accel/modules/work_turn.h"

namespace heatvit::modules {

/// A further port of an engine: moves its share of a train while the engine moves the first.
class DmaLane : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket_optional<DmaLane, 128, BulkProtocol> socket;

  SC_HAS_PROCESS(DmaLane);
  DmaLane(sc_core::sc_module_name name, ProcessGuard& guard);

  void start(const BurstTrain& share, uint8_t* data);
  /// Blocks until the share is through.
  void finish();
  TrainTransaction& transaction() { return transaction_; }

 private:
  void run();

  ProcessGuard& guard_;
  BurstTrain share_;
  uint8_t* data_ = nullptr;
  bool busy_ = false;
  sc_core::sc_event started_, finished_;
  TrainTransaction transaction_;
};

class DmaEngine : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<DmaEngine, 128, BulkProtocol> socket;
  sc_core::sc_vector<DmaLane> more_ports;  // behind the first

  /// What all engines use.
  struct Common {
    const ClockDomain& clock;
    Scoreboard& scoreboard;
    ChipMemory& chip;
    UnitAccount& account;
    WorkTurn& turn;
    ProcessGuard& guard;
  };

  /// `lanes`: read or write channels that trains are dealt over, 1 to kEnginePorts.
  DmaEngine(sc_core::sc_module_name name, Unit unit, Purpose purpose, int lanes, const DebugConfig& debug,
            const Common& common);

  /// For a new image.
  void reset() {
    stalls_.reset();
    trains_ = 0;
  }

 protected:
  /// Blocks until the train is through; `data` may be null in timing mode.
  void transfer(BurstTrain train, uint8_t* data, uint32_t command) { transfer(train, data, command, purpose_); }
  void transfer(BurstTrain train, uint8_t* data, uint32_t command, Purpose purpose, const RowList& list = {});

  /// A loader's process: a chain with all its commands, a GEMM tile by tile, anything else.
  template <class Chain, class Tiles, class Other>
  void serve(JobQueue& jobs, const Chain& chain, const Tiles& tiles, const Other& other);

  const Common common_;

 private:
  void end_of_elaboration() override;
  void transfer_shares(const TrainShares& dealt, uint8_t* data);

  const Unit unit_;
  Purpose purpose_;
  int lanes_;
  const DebugConfig debug_;
  StallSource stalls_;
  uint64_t trains_ = 0;          // of the image, for the fault
  bool memory_returns_ = false;  // PendingTrain: this process waits for all shares of a train
  TrainTransaction transaction_;
};

class InputDma : public DmaEngine {
 public:
  struct Ports {
    Common common;
    JobQueue& jobs;
    SlotRing& input;                          // operand A
    SlotRing& vector;                         // residual tiles, rows of vector operations
    SlotRing* weight = nullptr;               // K and V, where this engine loads them
    const TokenSelector* selector = nullptr;  // the order in which rows are packed, where they are
  };

  SC_HAS_PROCESS(InputDma);
  InputDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug, const Ports& ports);

 private:
  void run();
  void load_chain(const Job& first);
  /// Steps of a walk: all, or those of a row tile.
  void load_tiles(const Job& job, TileWalk& walk, bool one_row);
  void load_operand_a(const Job& job, const Tile& tile);
  void load_residual(const Job& job, const Tile& tile);
  void load_operand_b(const Job& job, const Tile& tile);
  void load_chunks(const Job& job);
  void load_chunk(const Job& job, const Chunk& chunk);

  const bool loads_kv_;
  const Ports ports_;
};

class WeightDma : public DmaEngine {
 public:
  struct Ports {
    Common common;
    JobQueue& jobs;
    SlotRing& weight;   // operand B
    SlotRing& records;  // channel and norm records
  };

  SC_HAS_PROCESS(WeightDma);
  WeightDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug, const Ports& ports);

 private:
  void run();
  void load_chain(const Job& first);
  void load_tiles(const Job& job, TileWalk& walk, bool one_row);
  void load_records(const Job& job, int n0, int n);
  void load_operand_b(const Job& job, const Tile& tile);

  const bool leaves_kv_;
  const Ports ports_;
};

class OutputDma : public DmaEngine {
 public:
  struct Ports {
    Common common;
    JobQueue& jobs;
    SlotRing& output;
  };

  SC_HAS_PROCESS(OutputDma);
  OutputDma(sc_core::sc_module_name name, const DmaConfig& config, const DebugConfig& debug, const Ports& ports);

 private:
  void run();
  void store_chain(const Job& first);
  void store_tiles(const Job& job, TileWalk& walk, bool one_row);
  void store(const Job& job, const MatrixBlock& block);
  /// The data of a train whose rows are all the same, in each plane.
  uint8_t* repeat(const uint8_t* row, const BurstTrain& train);

  std::vector<uint8_t> repeated_;  // a row of a result, as often as it is stored
  const Ports ports_;
};

}  // namespace heatvit::modules
