// The accelerator's units as a pipeline of times: when each unit is free, when each buffer slot is. A command is walked
// tile by tile with maximum and plus alone; of long regular loops the first passes and the last are walked, and the
// steady rate between them stands for the rest. All times are PL cycles since the host's start write.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "accel/modules/accounting.h"
#include "accel/modules/config.h"
#include "accel/modules/tile_walk.h"
#include "accel/modules/train_split.h"
#include "accel/soc/config.h"
#include "models/lower/program.h"
#include "tb/estimate/analytic_memory.h"
#include "tb/estimate/contention.h"

namespace heatvit::estimate {

/// Release times of the slots of one on-chip buffer, in order of use.
class RingTimes {
 public:
  static constexpr int kMaxSlots = 64;
  /// `shared_bytes`: the slots are one memory of so many bytes (slot_ring.h); 0: a slot a tile.
  explicit RingTimes(int slots, int64_t shared_bytes = 0)
      : slots_(shared_bytes != 0 ? modules::kSharedTiles : slots),
        total_bytes_(shared_bytes),
        free_bytes_(shared_bytes),
        shared_(shared_bytes != 0) {
    std::fill_n(free_.begin(), slots_, 0.0);
  }
  /// Tiles of so many bytes at once.
  int holds(int64_t bytes) const {
    return shared_ ? static_cast<int>(std::min<int64_t>(slots_, total_bytes_ / std::max<int64_t>(bytes, 1))) : slots_;
  }
  /// Of the next slot, or the one so many behind it.
  double free(int behind = 0) const { return free_[static_cast<size_t>((at_ + behind) % slots_)]; }
  /// Of a slot a tile: how many are free at `time`.
  int free_at(double time) const {
    int count = 0;
    while (count < slots_ && free_[static_cast<size_t>((at_ + count) % slots_)] <= time) ++count;
    return count;
  }
  /// When a tile of so many bytes has a place, which it takes.
  double take(int64_t bytes) {
    if (!shared_) return free();
    double time = free();
    while (free_bytes_ < bytes && oldest_ != released_) {
      time = std::max(time, taken(oldest_).time);
      free_bytes_ += taken(oldest_++).bytes;
    }
    if (next_ - oldest_ == kMaxSlots) free_bytes_ += taken(oldest_++).bytes;  // its place is long free
    taken(next_++) = {bytes, 0};
    free_bytes_ -= bytes;
    return time;
  }
  void release(double time) {
    free_[static_cast<size_t>(at_)] = time;
    if (++at_ == slots_) at_ = 0;
    if (!shared_) return;
    if (released_ != next_) taken(released_++).time = time;
  }
  void shift(double cycles) {
    for (int i = 0; i < slots_; ++i) free_[static_cast<size_t>(i)] += cycles;
    for (uint32_t i = oldest_; i != released_; ++i) taken(i).time += cycles;
  }

 private:
  struct Taken {
    int64_t bytes;
    double time;  // of its release
  };
  Taken& taken(uint32_t index) { return taken_[index % kMaxSlots]; }

  int slots_, at_ = 0;
  uint32_t oldest_ = 0, released_ = 0, next_ = 0;  // tiles that have a place: those before `released_` gave it back
  int64_t total_bytes_, free_bytes_;
  bool shared_;
  std::array<double, kMaxSlots> free_;  // of the slots that there are
  std::array<Taken, kMaxSlots> taken_;  // those from `oldest_` to `next_`
};

/// Cycles that each unit worked, in the units of accounting.h.
struct BusyCycles {
  std::array<double, modules::kUnits> unit{};
};

/// When the stores of a command that a load depends on are done: all of them, or, where the hardware tracks tiles, one
/// by one at an even pace between the first and the last.
struct Stores {
  double done = 0;
  const modules::Job* job = nullptr;  // null: `done` alone counts
  double before = 0, first = 0;       // all commands before it are complete; its first store is
  double count = 1;
  uint32_t unit = 1;  // of what stores_needed counts: rows of a chunk where the host stores

  double ready(const modules::BurstTrain& block) const;
};

/// When each unit has a command in its queue.
using IssueTimes = std::array<double, modules::kUnits>;

/// The ports of one accelerator, and what a train takes through those of its engine with nothing else at the memory:
/// the closed form, which does not know all that banks do, times what a train of its shape that was played
/// (contention.h) took over what the form makes of that one.
class EnginePaths {
 public:
  EnginePaths(const soc::SocConfig& config, KnownMemory& memory);

  /// PL cycles.
  double closed_form(modules::Unit unit, const modules::BurstTrain& train) const;
  double factor(modules::Unit unit, const TrainShape& shape) const;
  TrainShape shape(modules::Unit unit, const modules::BurstTrain& train) const;
  const MemoryPath& fetch() const { return fetch_; }
  const MemoryPath& host() const { return host_; }
  /// Cycles for which a byte keeps the memory at the least.
  double bus_byte_cycles() const { return bus_byte_cycles_; }

 private:
  struct Ports {
    std::array<MemoryPath, modules::kEnginePorts> path;
    int count = 1;
  };
  double closed_form(const Ports& ports, bool write, const modules::BurstTrain& train) const;

  const soc::SocConfig& config_;
  KnownMemory& memory_;
  double bus_byte_cycles_;
  MemoryPath fetch_, host_;
  std::array<Ports, kEngines> ports_;
};

/// Costs of the tiles of a GEMM with nothing else at the memory, kept from walk to walk; index 1 of a dimension is its
/// last, possibly narrower tile.
struct GemmTables {
  double a[2][2][2] = {}, b[2][2][2] = {};       // [g][m][k], [g][n][k]: trains
  double out[2][2][2] = {}, plus[2][2][2] = {};  // [g][m][n]; residual
  double records[2] = {};                        // [n]
  double array[2][2][2] = {};                    // [m][n][k]
  double finish[2][2][2] = {};                   // [g][m][n]
  TrainShape a_lies, b_lies, out_lies, plus_lies;
};

/// What the engines move in a command, by the time that they need for it with nothing else at the memory.
class MovedTrains {
 public:
  MovedTrains() {
    for (TrainShape& shape : most_) shape.rows = 0;
  }
  void add(Engine engine, const TrainShape& shape, double cycles, bool on_chip) {
    const auto e = static_cast<size_t>(engine);
    (on_chip ? chip_cycles_ : memory_cycles_)[e] += cycles;
    if (on_chip || cycles <= most_cycles_[e]) return;
    most_[e] = shape, most_cycles_[e] = cycles;
    most_[e].offset = 0;  // where in a page they begin does not matter to others: fewer are played
  }
  void add(const MovedTrains& other) {
    for (size_t e = 0; e < kEngines; ++e) {
      chip_cycles_[e] += other.chip_cycles_[e], memory_cycles_[e] += other.memory_cycles_[e];
      if (other.most_cycles_[e] > most_cycles_[e]) most_[e] = other.most_[e], most_cycles_[e] = other.most_cycles_[e];
    }
  }
  /// Of each engine those that it moves for most of the time.
  const CommandTrains& most() const { return most_; }
  /// The part of an engine's time that it spends at the memory, not at the one on chip.
  double at_memory(Engine engine) const {
    const auto e = static_cast<size_t>(engine);
    return chip_cycles_[e] == 0 ? 1 : memory_cycles_[e] / (memory_cycles_[e] + chip_cycles_[e]);
  }

 private:
  CommandTrains most_;
  std::array<double, kEngines> most_cycles_{}, memory_cycles_{}, chip_cycles_{};
};

/// Of one hardware and program: by command and by what its extents depend on.
class KnownTables {
 public:
  void clear() { entries_.clear(), next_ = 0; }
  /// Null where there are none yet.
  const GemmTables* find(const modules::Job& job) {
    for (size_t tried = 0; tried < entries_.size(); ++tried, ++next_) {  // walks ask in the same order
      if (next_ >= entries_.size()) next_ = 0;
      const Entry& e = entries_[next_];
      if (e.index == job.index && e.tokens == job.tokens && e.after == job.tokens_after && e.package == job.package)
        return &entries_[next_++].tables;
    }
    return nullptr;
  }
  void add(const modules::Job& job, const GemmTables& tables) {
    entries_.push_back({job.index, job.tokens, job.tokens_after, job.package, tables});
  }

 private:
  struct Entry {
    uint32_t index;
    int tokens, after;
    bool package;
    GemmTables tables;
  };
  std::vector<Entry> entries_;
  size_t next_ = 0;
};

/// Of the unit that loads or stores.
constexpr Engine engine_of(modules::Unit unit) {
  return unit == modules::Unit::kDmaOut  ? Engine::kOutput
         : unit == modules::Unit::kDmaIn ? Engine::kInput
                                         : Engine::kWeights;
}

class Pipeline {
 public:
  Pipeline(const soc::SocConfig& config, const EnginePaths& paths, KnownTables& known);
  /// Of each engine's trains from here on, by what the others do at the memory.
  void slow_down(const Slowdowns& slowdown) { slowdown_ = slowdown; }
  /// From here on moved() is kept.
  void note_moved() { notes_moved_ = true; }

  /// Runs a command whose operands depend on `a` and `b` and that was issued at `issued`; returns the time of its
  /// completion. Not for TOKEN_SELECT, host commands and END.
  double run(const modules::Job& job, const IssueTimes& issued, const Stores& a, const Stores& b);

  /// Commands of a chain (chain_walk.h), row tile by row tile.
  struct Link {
    modules::Job job;
    Stores a, b;
    double done = 0, first_store = 0;  // results
    MovedTrains moved;
    BusyCycles busy;
  };
  void run_chain(std::vector<Link>& links, const IssueTimes& issued);
  /// End of the first store of the command run last.
  double first_store() const { return first_store_; }

  /// The host's LayerNorm over rows that depend on `a`: from interrupt to completion. first_store() is the first
  /// chunk's.
  double host_layernorm(const modules::Job& job, double start, int dim, const Stores& a);
  /// Rows that it reads, normalises and writes at a time.
  uint32_t host_chunk(const modules::Job& job, int dim) const;

  BusyCycles& busy() { return busy_; }
  /// Of the command run last.
  const MovedTrains& moved() const { return moved_; }
  const MemoryPath& fetch_path() const { return paths_.fetch(); }
  /// Cycles for which bytes keep the memory at the least.
  double bus_cycles(double bytes) const { return bytes * paths_.bus_byte_cycles(); }
  double input_free() const { return in_; }
  double weights_free() const { return weights_; }
  double pe_free() const { return pe_; }
  double vector_free() const { return vector_; }
  double output_free() const { return out_; }
  /// All state later by `cycles`: a stretch of the program that was not walked.
  void shift(double cycles);

 private:
  struct GemmCosts;
  struct ChunkCosts;
  ChunkCosts chunk_costs(const modules::Job& job, const modules::Chunk& chunk) const;
  void begin(const IssueTimes& issued, const Stores& a);
  struct Part;
  void row_tile(Part& part, Link& link, int row);
  void packed_tile(Part& part, int row);
  /// Cycles of a train through the ports of its engine, with the others at the memory, or of one on chip.
  double train_cycles(modules::Unit unit, const modules::BurstTrain& train) const;
  /// The same with nothing else at the memory; `factor`: of its shape, or of one that is much like it.
  double train_alone(modules::Unit unit, const modules::BurstTrain& train, double factor) const;
  double train_factor(modules::Unit unit, const modules::BurstTrain& train) const;
  void note_moved(const GemmCosts& costs);
  void note_moved(const modules::Job& job, const modules::Chunk& chunk, const ChunkCosts& costs);
  double gemm(const modules::Job& job);
  GemmCosts gemm_costs(const modules::Job& job);
  GemmTables tables_of(const GemmCosts& costs) const;
  void gemm_step(const GemmCosts& c, int m, int n, int k, int g);
  void pass_kept(const GemmCosts& c, int m, int n, int g);
  void store(double cycles);
  double chunks(const modules::Job& job);
  double in_turn(const IssueTimes& issued);
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
  const modules::VectorTiming vector_timing_;
  const EnginePaths& paths_;
  KnownTables& known_;
  Slowdowns slowdown_{1, 1, 1};
  double in_ = 0, weights_ = 0, pe_ = 0, vector_ = 0, out_ = 0;
  double a_ready_ = 0, b_ready_ = 0, records_ready_ = 0;
  RingTimes input_ring_, weight_ring_, record_ring_, accumulator_ring_, vector_ring_, output_ring_;
  const Stores *from_a_ = nullptr, *from_b_ = nullptr;  // of the present command
  double first_store_ = 0;
  double times_ = 1;  // passes that the present one stands for
  int ahead_ = 2;     // tiles of the present GEMM that a buffer holds
  BusyCycles busy_;
  bool notes_moved_ = false;
  MovedTrains moved_;
};

}  // namespace heatvit::estimate
