// When a train may begin, and what it takes through the ports of its engine: the closed form of analytic_memory.h, and
// what the trains played in contention.h make of it.
#include <algorithm>

#include "accel/modules/chip_memory.h"
#include "accel/modules/plan.h"
#include "accel/modules/train_split.h"
#include "accel/soc/engine_ports.h"
#include "tb/estimate/analytic_pipeline.h"

namespace heatvit::estimate {

using modules::BurstTrain;
using modules::Unit;

double Stores::ready(const BurstTrain& block) const {
  if (job == nullptr) return done;
  const uint32_t stores = modules::stores_needed(*job, block), needed = stores / unit + (stores % unit != 0 ? 1 : 0);
  if (needed == 0) return before;
  if (needed >= count) return done;
  return std::max(before, first + (done - first) * (needed - 1) / std::max(1.0, count - 1));
}

EnginePaths::EnginePaths(const soc::SocConfig& config, KnownMemory& memory)
    : config_(config), memory_(memory), bus_byte_cycles_(config.pl_clock_mhz * 1e-3 / memory.shares.most()) {
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
  }
}

TrainShape EnginePaths::shape(Unit unit, const BurstTrain& train) const {
  const Engine engine = engine_of(unit);
  return shape_of(config_, engine, train, ports_[static_cast<size_t>(engine)].count);
}

double EnginePaths::factor(Unit unit, const TrainShape& shape) const {
  const Ports& ports = ports_[static_cast<size_t>(engine_of(unit))];
  if (const double* known = memory_.factors.find(shape)) return *known;
  // Cycles a train, and the one between trains.
  const BurstTrain played = shape.played(ports.count);
  const double factor = played_alone(memory_, config_, shape) * config_.pl_clock_mhz * 1e-3 /
                        (closed_form(ports, played.write, played) + 1);
  memory_.factors.add(shape, factor);
  return factor;
}

double EnginePaths::closed_form(Unit unit, const BurstTrain& train) const {
  const Engine engine = engine_of(unit);
  return closed_form(ports_[static_cast<size_t>(engine)], engine == Engine::kOutput, train);
}

double EnginePaths::closed_form(const Ports& ports, bool write, const BurstTrain& train) const {
  if (ports.count == 1) return ports.path[0].cost(train, write);
  const modules::TrainShares dealt = modules::split_train(train, ports.count);
  double cycles = static_cast<double>(train.bytes()) * bus_byte_cycles_;  // the shares meet at the memory
  for (size_t i = 0; i < static_cast<size_t>(dealt.count); ++i)
    cycles = std::max(cycles, ports.path[i].cost(dealt.share[i], write));
  return cycles;
}

double Pipeline::train_factor(Unit unit, const BurstTrain& train) const {
  return isa::on_chip(train.address) ? 1 : paths_.factor(unit, paths_.shape(unit, train));
}

double Pipeline::train_alone(Unit unit, const BurstTrain& train, double factor) const {
  if (isa::on_chip(train.address))
    return static_cast<double>(
        modules::ChipMemory::cycles(train, config_.buffers.chip_width, vector_timing_.stages.read));
  return paths_.closed_form(unit, train) * factor;
}

double Pipeline::train_cycles(Unit unit, const BurstTrain& train) const {
  return train_alone(unit, train, train_factor(unit, train)) *
         (isa::on_chip(train.address) ? 1 : slowdown_[static_cast<size_t>(engine_of(unit))]);
}

}  // namespace heatvit::estimate
