// PE array: Th x Ti x To multipliers and an accumulator buffer.
//
// Fully connected layers and convolutions: the Th groups split the input channels and their sums are added, so Th x Ti
// values of k and To of n are multiplied a cycle. Attention: each group works on a head of its own, Ti x To a cycle.
// One token row a cycle and block at II = 1; cost per tile: kernels::gemm_tile_cycles. Input: a slot of the input and
// of the weight buffer. Output: a slot of the accumulator buffer, sums [head][m][n]: int32; of int16
// operands 48 bits, int64 in the simulation.
#pragma once

#include <deque>
#include <systemc>
#include <vector>

#include "accel/isa/hardware.h"
#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/host_gemm.h"
#include "accel/modules/host_path.h"
#include "accel/modules/job_queue.h"
#include "accel/modules/process_guard.h"
#include "accel/modules/run_record.h"
#include "accel/modules/slot_ring.h"
#include "accel/modules/unit_tap.h"
#include "accel/modules/work_turn.h"

namespace heatvit::modules {

class PeArray : public sc_core::sc_module {
 public:
  struct Ports {
    const ClockDomain& clock;
    JobQueue& jobs;
    SlotRing &input, &weight;  // operands
    SlotRing& accumulator;     // sums
    UnitAccount& account;
    WorkTurn& turn;
    RunRecord& record;
    const TapPoint& tap;
    ProcessGuard& guard;
  };

  SC_HAS_PROCESS(PeArray);
  PeArray(sc_core::sc_module_name name, const isa::AcceleratorConfig& hardware, const kernels::Stages& stages,
          const DebugConfig& debug, bool functional, const Ports& ports);

  /// For a new image.
  void reset() { uses_ = 0; }

 private:
  void run();
  /// What a command has in hand between its tiles.
  struct Operands {
    SlotView a, b;
    uint8_t* accumulator = nullptr;
    std::vector<HostWeights>* weights = nullptr;  // b as the host multiplies by it, head by head
  };
  Operands operands_at(size_t place);  // of a chain; 0: of a command by itself
  void gemm_chain(const Job& first);
  /// Steps of a walk: all, or those of a row tile.
  void gemm(const Job& job, TileWalk& walk, Operands& from, bool one_row);
  /// What a step adds to: the accumulators, or sums that are kept; the last step takes those over.
  uint8_t* sums_of(const Tile& tile, uint8_t* accumulator);
  void multiply(const Job& job, const Tile& tile, Operands& from, uint8_t* accumulator);
  template <class A, class B, class Acc>
  void multiply_as(const Job& job, const Tile& tile, Operands& operands, uint8_t* accumulator);

  const isa::AcceleratorConfig hardware_;
  const kernels::Stages stages_;
  const DebugConfig debug_;
  const bool functional_;
  const Ports ports_;
  const HostPath path_ = host_path();
  HostGemm gemm_;
  std::deque<std::vector<HostWeights>> weights_;  // by place in a chain; their memory stays
  size_t weights_held_ = 0;                       // tiles of B in use
  uint64_t uses_ = 0;                             // of input slots in an image, for the early-release fault
  std::vector<uint8_t> unfolded_;                 // im2col rows of one tile
  std::vector<std::vector<uint8_t>> kept_;        // sums, a row tile each
};

}  // namespace heatvit::modules
