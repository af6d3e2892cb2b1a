// What a train takes through the ports of its engine: the closed form of analytic_memory.h, and what the trains played
// in contention.h make of it.
#include <algorithm>

#include "accel/modules/chip_memory.h"
#include "accel/modules/train_split.h"
#include "accel/soc/engine_ports.h"
#include "tb/estimate/analytic_pipeline.h"

namespace heatvit::estimate {

using modules::BurstTrain;
using modules::Unit;

EnginePaths::EnginePaths(const soc::SocConfig& config, const MemoryShares& shares)
    : bus_byte_cycles_(config.pl_clock_mhz * 1e-3 / shares.most()) {
  const SequentialStream stream = sequential_stream(config.ddr);
  fetch_ = MemoryPath::fabric(config, stream, modules::Purpose::kCommands, soc::MemoryPort::kHpc0, 0);
  host_ = MemoryPath::host(config, stream);
  const soc::EnginePorts wired = soc::engine_ports(config.dma);
  const std::array<const std::vector<soc::MemoryPort>*, kEngines> of = {&wired.input, &wired.weight, &wired.output};
  for (size_t e = 0; e < kEngines; ++e) {
    const auto engine = static_cast<Engine>(e);
    const std::vector<soc::MemoryPort>& ports = *of[e];
    const auto on_path = std::count_if(ports.begin(), ports.end(), [](soc::MemoryPort p) {
      return p == soc::MemoryPort::kHp1 || p == soc::MemoryPort::kHp2;
    });
    ports_[e].count = static_cast<int>(ports.size());
    for (size_t i = 0; i < ports.size(); ++i)
      ports_[e].path[i] = MemoryPath::fabric(config, stream, purpose_of(engine), ports[i], static_cast<int>(on_path));
    // The closed form does not know all that banks do. Cycles a train, and the one between trains.
    const auto factor = [&](uint32_t row_bytes, double rate) {
      const BurstTrain train = played_train(config, engine, row_bytes);
      const double played = static_cast<double>(train.bytes()) / rate * config.pl_clock_mhz * 1e-3;
      return played / (closed_form(ports_[e], train.write, train) + 1);
    };
    short_rows_[e] = factor(kShortRow, shares.short_rows[e]);
    packed_[e] = factor(kPacked, shares.packed[e]);
    long_rows_[e] = factor(kLongRow, shares.alone(engine));
  }
}

double EnginePaths::cycles(Unit unit, const BurstTrain& train) const {
  const Engine engine = engine_of(unit);
  const auto e = static_cast<size_t>(engine);
  double factor = long_rows_[e];
  if (train.planes == 1 && (train.rows == 1 || train.pitch == train.row_bytes)) {
    factor = packed_[e];
  } else if (train.rows > 1 && train.row_bytes < kLongRow) {  // between the two that were played
    const double length = std::max(0.0, (train.row_bytes - double{kShortRow}) / (kLongRow - kShortRow));
    factor = short_rows_[e] + (long_rows_[e] - short_rows_[e]) * length;
  }
  return closed_form(ports_[e], engine == Engine::kOutput, train) * factor;
}

double EnginePaths::closed_form(const Ports& ports, bool write, const BurstTrain& train) const {
  if (ports.count == 1) return ports.path[0].cost(train, write);
  const modules::TrainShares dealt = modules::split_train(train, ports.count);
  double cycles = static_cast<double>(train.bytes()) * bus_byte_cycles_;  // the shares meet at the memory
  for (size_t i = 0; i < static_cast<size_t>(dealt.count); ++i)
    cycles = std::max(cycles, ports.path[i].cost(dealt.share[i], write));
  return cycles;
}

double Pipeline::train_alone(Unit unit, const BurstTrain& train) const {
  if (isa::on_chip(train.address))
    return static_cast<double>(modules::ChipMemory::cycles(train, config_.buffers.chip_width));
  return paths_.cycles(unit, train);
}

double Pipeline::train_cycles(Unit unit, const BurstTrain& train) const {
  return train_alone(unit, train) * (isa::on_chip(train.address) ? 1 : slowdown_[static_cast<size_t>(engine_of(unit))]);
}

}  // namespace heatvit::estimate
