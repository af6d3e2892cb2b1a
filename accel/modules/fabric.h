// What the accelerator's modules share: clock, buffers, job queues, scoreboard. The wires of the block diagram, no
// logic.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <systemc>
#include <vector>

#include "accel/isa/hardware.h"
#include "accel/modules/accounting.h"
#include "accel/modules/chip_memory.h"
#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/scoreboard.h"
#include "accel/modules/slot_ring.h"
#include "accel/modules/tile_walk.h"
#include "accel/modules/unit_tap.h"

namespace heatvit::modules {

struct FabricConfig {
  isa::AcceleratorConfig accel;
  double pl_clock_mhz = 150.0;
  BufferConfig buffers;
  DmaConfig dma;
  ControlConfig control;
  VectorConfig vector;
  DebugConfig debug;
  bool functional = true;
};

/// Decoded commands on their way to one unit, in order.
class JobQueue {
 public:
  explicit JobQueue(int depth) : depth_(static_cast<size_t>(depth)) {}

  void push(const Job& job, UnitAccount& producer) {
    while (jobs_.size() == depth_) {
      producer.enter(Cause::kWaitQueue);
      sc_core::wait(popped_);
    }
    jobs_.push_back(&job);
    pushed_.notify();
  }

  /// The oldest job; it stays in the queue until pop().
  const Job& front(UnitAccount& consumer) {
    while (jobs_.empty()) {
      consumer.enter(Cause::kWaitCommand);
      sc_core::wait(pushed_);
    }
    return *jobs_.front();
  }

  void pop() {
    jobs_.pop_front();
    popped_.notify();
  }

  bool empty() const { return jobs_.empty(); }

 private:
  size_t depth_;
  std::deque<const Job*> jobs_;
  sc_core::sc_event pushed_, popped_;
};

/// Small generator for injected stalls: results must not depend on it.
class StallSource {
 public:
  StallSource(const DebugConfig& debug, uint32_t salt)
      : state_(debug.stall_seed == 0 ? 0 : (debug.stall_seed * 2654435761U ^ salt) | 1U),
        limit_(static_cast<uint32_t>(debug.stall_cycles)) {}

  bool active() const { return state_ != 0 && limit_ != 0; }
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % (limit_ + 1);
  }

 private:
  uint32_t state_;
  uint32_t limit_;
};

struct Fabric {
  explicit Fabric(const FabricConfig& configuration);

  const FabricConfig config;
  ClockDomain clock;
  SlotRing input, weight, records, accumulator, vector, output;
  ChipMemory chip;
  JobQueue to_dma_in, to_dma_weights, to_pe, to_vector, to_selector, to_dma_out, to_cpu;
  Scoreboard scoreboard;
  std::array<UnitAccount, kUnits> accounts;
  uint64_t tiles = 0;  // PE-array tiles
  std::vector<uint64_t> tiles_of_command;
  std::vector<int> tokens_of_command;                // in the register when it was issued
  std::vector<int> tokens_after_command;             // of packing: of its image afterwards
  std::function<void(size_t commands)> reset_image;  // set by the system: the present is time zero of a new list
  std::exception_ptr error;                          // first failure in a process
  UnitTap* tap = nullptr;                            // receives what the units compute, if anyone listens

  UnitAccount& account(Unit unit) { return accounts[static_cast<size_t>(unit)]; }
  bool functional() const { return config.functional; }
  /// Synthesised units, which a tap describes, take int8 operands.
  bool tapped(const char* unit) const { return config.accel.numerics_bits == 8 && tap != nullptr && tap->wants(unit); }

  void reset(size_t commands, uint64_t epoch);

  /// Throws where a buffer or queue still holds something.
  void expect_idle() const;

  /// Runs a process body; an exception stops the simulation and is kept (it must not leave the process).
  void guard(const std::function<void()>& body);
};

}  // namespace heatvit::modules
