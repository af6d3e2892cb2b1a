// What a train takes through the ports of its engine: the closed form of analytic_memory.h, and what the trains played
// in contention.h make of it.
#include <algorithm>

#include "accel/modules/chip_memory.h"
#include "accel/modules/train_split.h"
#include "tb/estimate/analytic_pipeline.h"

namespace heatvit::estimate {

using modules::BurstTrain;
using modules::Unit;

/// The closed form does not know all that banks do: by what it makes of the trains that were played, over what they
/// took.
void Pipeline::correct_closed_form() {
  for (size_t e = 0; e < kEngines; ++e) {
    const auto engine = static_cast<Engine>(e);
    const Unit unit = engine == Engine::kInput     ? Unit::kDmaIn
                      : engine == Engine::kWeights ? Unit::kDmaWeights
                                                   : Unit::kDmaOut;
    // Cycles a train, closed form and the one between trains, over played ones.
    const auto factor = [&](uint32_t row_bytes, double rate) {
      const BurstTrain train = played_train(config_, engine, row_bytes);
      const double played = static_cast<double>(train.bytes()) / rate * config_.pl_clock_mhz * 1e-3;
      return played / (closed_form(unit, train) + 1);
    };
    short_rows_[e] = slowdown_[e] * factor(kShortRow, shares_.short_rows[e]);
    slowdown_[e] *= factor(kLongRow, shares_.alone(engine));
  }
}

double Pipeline::train_cycles(Unit unit, const BurstTrain& train) const {
  if (isa::on_chip(train.address))
    return static_cast<double>(modules::ChipMemory::cycles(train, config_.buffers.chip_width));
  const Engine engine = unit == Unit::kDmaOut  ? Engine::kOutput
                        : unit == Unit::kDmaIn ? Engine::kInput
                                               : Engine::kWeights;
  const auto e = static_cast<size_t>(engine);
  double factor = slowdown_[e];
  if (train.rows > 1 && train.row_bytes < kLongRow) {  // between the two that were played
    const double length = std::max(0.0, (train.row_bytes - double{kShortRow}) / (kLongRow - kShortRow));
    factor = short_rows_[e] + (slowdown_[e] - short_rows_[e]) * length;
  }
  return closed_form(unit, train) * factor;
}

double Pipeline::closed_form(Unit unit, const BurstTrain& train) const {
  const soc::DmaConfig& dma = config_.dma;
  const bool write = unit == Unit::kDmaOut;
  const int ports = write ? dma.output_ports : unit == Unit::kDmaIn ? dma.input_ports : dma.weight_ports;
  const auto& path = write ? output_ : unit == Unit::kDmaIn ? input_ : weight_;
  if (ports == 1) return path[0].cost(train, write);
  const modules::TrainShares dealt = modules::split_train(train, ports);
  double cycles = bus_cycles(static_cast<double>(train.bytes()));  // the shares meet at the memory
  for (size_t i = 0; i < static_cast<size_t>(dealt.count); ++i)
    cycles = std::max(cycles, path[i].cost(dealt.share[i], write));
  return cycles;
}

}  // namespace heatvit::estimate
