// What the DMA engines get of the memory: each alone, and all of them at once. Played with the ports and the scheduler
// of the controller itself (accel/soc/ddr/port_streams.h) for some microseconds of synthetic trains, once for each
// memory and set of ports; everything else about analytic mode is closed form.
#pragma once

#include <array>

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

struct MemoryShares {
  /// Bytes a ns of each engine, by who takes part: bit e of the index is engine e.
  std::array<std::array<double, kEngines>, 1U << kEngines> rates{};

  /// Alone, of trains of short rows (played_train()), which open a row of the memory each where they can, and of trains
  /// that lie packed.
  std::array<double, kEngines> short_rows{}, packed{};

  double alone(Engine engine) const {
    const auto e = static_cast<size_t>(engine);
    return rates[size_t{1} << e][e];
  }
  /// The most that was seen to pass.
  double most() const;
  /// In a command, by what the others do meanwhile.
  Slowdowns slowdowns(const EngineUse& use) const;
};

constexpr uint32_t kLongRow = 256, kShortRow = 64, kPacked = 0;  // bytes

/// What each engine is played with: rows of a matrix of kLongRow or kShortRow, or as many bytes in one piece (kPacked);
/// weights lie packed unless rows are short.
modules::BurstTrain played_train(const soc::SocConfig& config, Engine engine, uint32_t row_bytes);

/// Kept by the thread for the parameters it depends on. Throws as soc::expect_ports().
const MemoryShares& memory_shares(const soc::SocConfig& config);

}  // namespace heatvit::estimate
