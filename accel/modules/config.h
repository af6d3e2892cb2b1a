// Parameters of the accelerator's modules. Units in the names; defaults are our choice unless a source is named
// (docs/parameters.md).
#pragma once

#include <cstdint>
#include <tuple>

#include "accel/isa/command.h"
#include "accel/kernels/cost.h"

namespace heatvit::modules {

constexpr int kSharedTiles = 32;  // that a buffer holds at most whose slots are one memory: its descriptors

struct BufferConfig {  // slots; 2 is ping-pong
  int input = 2, weight = 2, record = 2, accumulator = 2, vector = 2, output = 2;
  int chip_width = 64;  // bytes a cycle, each way, of the memory on chip
  // The slots of activations, of weights are one circular memory: a tile takes what it has.
  bool shared_input = false, shared_weights = false;

  /// Everything: with a member that is not named here it does not compile.
  auto fields() const {
    const auto& [in, w, rec, acc, vec, out, width, one_in, one_w] = *this;
    return std::tie(in, w, rec, acc, vec, out, width, one_in, one_w);
  }
};

struct DmaConfig {  // read or write channels of fabric ports that an engine deals its trains over, 1 to 4
  int input_ports = 1, weight_ports = 1, output_ports = 1;
  bool input_loads_kv = false;  // K and V come through the input engine, so that no weight waits behind them
};

/// What a load waits for: all stores of the operations it depends on, or those of the tiles that it reads.
enum class DependencyGrain : uint8_t { kOperation, kTile };

/// What may go on at the same time. Nothing: one unit works at a time. Within a layer: load, compute and store of one
/// operation. All: operations, too, as far as their operands are there.
enum class Overlap : uint8_t { kNone, kLayer, kAll };

struct ControlConfig {
  int queue = 4;        // decoded commands a unit holds
  int fetch_batch = 8;  // commands fetched by one train
  int decode_cycles = 8;
  bool prefetch = false;  // weights of what follows a selection are loaded before its counts are known
  int chain_lag = 2;      // row tiles by which a GEMM follows another in a chain
  int selector_lag = 0;   // the same of a layer of the selector; 0: as above
  DependencyGrain dependency = DependencyGrain::kOperation;
  Overlap overlap = Overlap::kAll;

  /// Row tiles by which the command follows the GEMM before it.
  int lag_of(const isa::Command& c) const {
    return selector_lag != 0 && of_selector(op_of(c)) ? selector_lag : chain_lag;
  }

  /// Everything: with a member that is not named here it does not compile.
  auto fields() const {
    const auto& [slots, batch, decode, ahead, lag, own_lag, grain, together] = *this;
    return std::tie(slots, batch, decode, ahead, lag, own_lag, grain, together);
  }
};

struct VectorConfig {
  int lanes = 16;                                         // elements a cycle
  int softmax_lanes = 0, gelu_lanes = 0, norm_lanes = 0;  // of softmax; GELU and SiLU; LayerNorm. 0, or more: lanes
  int select_lanes = 16;                                  // comparators of the token selector
  int score_lanes = 1;                                    // heads of a token whose keep probabilities it takes at once
  // Cycles between the divisions (or square roots) that a row-wise operation's unit takes: softmax, LayerNorm, token
  // scores. 1: a row a cycle; from the latency of a division on: one after another.
  int division_interval = 64;

  int softmax() const { return of_all(softmax_lanes); }
  int gelu() const { return of_all(gelu_lanes); }
  int norm() const { return of_all(norm_lanes); }

 private:
  int of_all(int some) const { return some != 0 && some < lanes ? some : lanes; }
};

/// Pipeline stages of the units: as many as the clock needs, or all that the primitives have, whatever the clock.
enum class StageRule : uint8_t { kClock, kRegisters };

constexpr kernels::Stages stages_of(StageRule rule, double clock_mhz) {
  return rule == StageRule::kRegisters ? kernels::kAllRegisters : kernels::stages_at(1e3 / clock_mhz);
}

/// What the cycles of a vector operation depend on.
struct VectorTiming : VectorConfig {
  kernels::Stages stages;

  VectorTiming(const VectorConfig& config, const kernels::Stages& s) : VectorConfig(config), stages(s) {}
};

enum class Fault : uint8_t { kNone, kFlipWeightBit, kDropInput, kEarlyRelease };

struct DebugConfig {
  uint32_t stall_seed = 0;  // not 0: random extra stalls in DMA and DDR
  int stall_cycles = 50;    // each up to this
  bool poison = true;       // overwrite released buffer slots (functional mode)
  Fault fault = Fault::kNone;
  uint32_t fault_at = 0;  // kFlipWeightBit: DDR address; kDropInput, kEarlyRelease: index of the train or slot use
};

}  // namespace heatvit::modules
