// What the DMA engines get of the memory: each alone, by how its trains lie, and all of them at once. Played with the
// ports and the scheduler of the controller itself (accel/soc/ddr/port_streams.h) for some microseconds of synthetic
// trains, once for each memory and set of ports; everything else about analytic mode is closed form.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "accel/modules/train.h"
#include "accel/soc/config.h"

namespace heatvit::estimate {

enum class Engine { kInput, kWeights, kOutput };
constexpr size_t kEngines = 3;
constexpr modules::Purpose purpose_of(Engine engine) {
  return std::array<modules::Purpose, kEngines>{modules::Purpose::kInput, modules::Purpose::kWeights,
                                                modules::Purpose::kOutput}[static_cast<size_t>(engine)];
}

/// What a command has of its engines with nothing else at the memory: for what share of its time each is under way, and
/// in how many stores its result leaves.
struct EngineUse {
  std::array<double, kEngines> busy{};
  double stores = 1;
};

/// How much longer each engine's trains take.
using Slowdowns = std::array<double, kEngines>;

/// How a train lies, as far as it matters to what it takes with nothing else at the memory: all of it where its engine
/// has several ports, whose shares meet in the same banks or do not, or where the controller closes rows behind each
/// burst; else roughly, so that few are played for many tilings. Of a long one the beginning of each share is played.
struct TrainShape {
  uint32_t engine = 0, offset = 0, row_bytes = 0, rows = 1, pitch = 0, planes = 1, plane_pitch = 0;

  bool operator==(const TrainShape& o) const {
    return engine == o.engine && offset == o.offset && row_bytes == o.row_bytes && rows == o.rows && pitch == o.pitch &&
           planes == o.planes && plane_pitch == o.plane_pitch;
  }
  size_t hash() const {
    uint64_t hash = engine;
    for (const uint32_t part : {offset, row_bytes, rows, pitch, planes, plane_pitch})
      hash = (hash ^ part) * 0x9E3779B97F4A7C15U, hash ^= hash >> 32;
    return hash;
  }
  modules::BurstTrain train() const;
  /// As much of it as is played.
  modules::BurstTrain played(int ports) const;
};
TrainShape shape_of(const soc::SocConfig& config, Engine engine, const modules::BurstTrain& train, int ports);

/// The trains of each engine in a command, or those that it moves for most of the time; without rows: it moves none.
using CommandTrains = std::array<TrainShape, kEngines>;

struct MemoryShares {
  /// Bytes a ns of each engine, by who takes part: bit e of the index is engine e.
  std::array<std::array<double, kEngines>, 1U << kEngines> rates{};

  double alone(Engine engine) const {
    const auto e = static_cast<size_t>(engine);
    return rates[size_t{1} << e][e];
  }
  /// The most that was seen to pass.
  double most() const;
  /// For what share of its time at the most an engine waits for others.
  double waits() const;
  /// In a command, by what the others do meanwhile.
  Slowdowns slowdowns(const EngineUse& use) const;
};

/// A number by shape: estimates look up more of them than they compute times of trains.
class ShapeTable {
 public:
  /// Null where there is none yet.
  const double* find(const TrainShape& shape) const {
    if (entries_.empty()) return nullptr;
    for (size_t i = shape.hash() & (entries_.size() - 1); entries_[i].rows != 0; i = (i + 1) & (entries_.size() - 1))
      if (entries_[i] == shape) return &values_[i];
    return nullptr;
  }
  void add(const TrainShape& shape, double value);

 private:
  std::vector<TrainShape> entries_;  // a power of two, at most half full; without rows: empty
  std::vector<double> values_;
  size_t count_ = 0;
};

struct PlayedMemory;

/// One memory with the ports at it.
struct KnownMemory {
  MemoryShares shares;  // of trains as they usually lie

  /// By shape: what a train took over what the closed form makes of it (EnginePaths).
  ShapeTable factors;

  struct Hash {
    size_t operator()(const CommandTrains& trains) const {
      size_t hash = 0;
      for (const TrainShape& shape : trains) hash = hash * 31 + shape.hash();
      return hash;
    }
  };
  std::unordered_map<CommandTrains, MemoryShares, Hash> shares_of;

  std::shared_ptr<PlayedMemory> played;
};

/// Kept by the thread for the parameters it depends on. Throws as soc::expect_ports().
KnownMemory& known_memory(const soc::SocConfig& config);

/// Nanoseconds that trains of the shape take, one behind the other, of what is played of each.
double played_alone(KnownMemory& memory, const soc::SocConfig& config, const TrainShape& shape);

/// What they get whose trains lie so; kept.
const MemoryShares& shares_of(KnownMemory& memory, const soc::SocConfig& config, const CommandTrains& trains);

}  // namespace heatvit::estimate
