// The accelerator's units as a pipeline of times: when each unit is free, when each buffer slot is. A command is walked
// tile by tile with maximum and plus alone; of long regular loops the first passes and the last are walked, and the
// steady rate between them stands for the rest. All times are PL cycles since the host's start write.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "accel/modules/accounting.h"
#include "accel/modules/tile_walk.h"
#include "accel/soc/config.h"
#include "models/lower/program.h"
#include "tb/explore/analytic_memory.h"

namespace heatvit::explore {

/// Release times of the slots of one on-chip buffer, in order of use.
class RingTimes {
 public:
  static constexpr int kMaxSlots = 64;
  explicit RingTimes(int slots) : slots_(slots) {}
  double free() const { return free_[static_cast<size_t>(at_)]; }
  void release(double time) {
    free_[static_cast<size_t>(at_)] = time;
    if (++at_ == slots_) at_ = 0;
  }
  void shift(double cycles) {
    for (int i = 0; i < slots_; ++i) free_[static_cast<size_t>(i)] += cycles;
  }

 private:
  int slots_, at_ = 0;
  std::array<double, kMaxSlots> free_{};
};

/// Cycles that each unit worked, in the units of accounting.h.
struct BusyCycles {
  std::array<double, modules::kUnits> unit{};
};

class Pipeline {
 public:
  explicit Pipeline(const soc::SocConfig& config);

  /// Runs a command whose operands are in DDR at `ready_a`, `ready_b` and that was issued at `issued`; returns the time
  /// of its completion. Not for TOKEN_SELECT, host commands and END.
  double run(const modules::Job& job, double issued, double ready_a, double ready_b);

  /// The host's LayerNorm: from interrupt to completion.
  double host_layernorm(const modules::Job& job, double start, int dim);

  BusyCycles& busy() { return busy_; }
  const MemoryPath& fabric_path() const { return fabric_; }
  double input_free() const { return in_; }
  double weights_free() const { return weights_; }
  double pe_free() const { return pe_; }
  double vector_free() const { return vector_; }
  double output_free() const { return out_; }
  /// All state later by `cycles`: a stretch of the program that was not walked.
  void shift(double cycles);

 private:
  struct GemmCosts;
  /// Cycles of a train through the ports of its engine.
  double train_cycles(modules::Unit unit, const modules::BurstTrain& train) const;
  double gemm(const modules::Job& job);
  GemmCosts gemm_costs(const modules::Job& job) const;
  void gemm_step(const GemmCosts& c, int m, int n, int k, int g);
  double chunks(const modules::Job& job);
  template <class Body>
  void periodic(int count, bool stores, const Body& body);
  void shift_front(double cycles);
  /// A train once its engine and its slot are free; returns its end.
  double transfer(modules::Unit unit, double& engine, double slot_free, double cycles) {
    work(unit, cycles);
    return engine = std::max(engine, slot_free) + cycles;
  }
  void work(modules::Unit unit, double cycles) { busy_.unit[static_cast<size_t>(unit)] += cycles * times_; }

  const soc::SocConfig& config_;
  MemoryPath fabric_, host_;
  double in_ = 0, weights_ = 0, pe_ = 0, vector_ = 0, out_ = 0;
  double a_ready_ = 0, b_ready_ = 0, records_ready_ = 0;
  RingTimes input_ring_, weight_ring_, record_ring_, accumulator_ring_, vector_ring_, output_ring_;
  double times_ = 1;  // passes that the present one stands for
  BusyCycles busy_;
};

}  // namespace heatvit::explore
