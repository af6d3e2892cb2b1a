#include "accel/soc/engine_ports.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "accel/isa/errors.h"

namespace heatvit::soc {

void expect_ports(const DmaConfig& dma) {
  if (dma.input_ports + dma.weight_ports > kReadPorts)
    throw InputError("accel.input_ports + accel.weight_ports = " + std::to_string(dma.input_ports + dma.weight_ports) +
                     "; allowed: at most " + std::to_string(kReadPorts) + " read channels (HP0 to HP3, HPC0, HPC1)");
}

/// Readers take the ports of their list that are free, inputs first; that of the commands, which is nearly idle, last.
EnginePorts engine_ports(const DmaConfig& dma) {
  expect_ports(dma);
  EnginePorts engines{{MemoryPort::kHp0}, {MemoryPort::kHp1}, {MemoryPort::kHp3}};
  std::vector<MemoryPort> taken;
  const auto deal = [&taken](std::vector<MemoryPort>& ports, int count, std::initializer_list<MemoryPort> list) {
    const auto* port = list.begin();
    while (static_cast<int>(ports.size()) < count) {
      while (std::find(taken.begin(), taken.end(), *port) != taken.end()) ++port;
      ports.push_back(*port);
      taken.push_back(*port);
    }
  };
  deal(engines.input, dma.input_ports, {MemoryPort::kHp2, MemoryPort::kHpc1, MemoryPort::kHp3});
  deal(engines.weight, dma.weight_ports, {MemoryPort::kHp3, MemoryPort::kHpc1, MemoryPort::kHp2, MemoryPort::kHpc0});
  taken.clear();  // writers
  deal(engines.output, dma.output_ports, {MemoryPort::kHp0, MemoryPort::kHp1, MemoryPort::kHp2});
  return engines;
}

}  // namespace heatvit::soc
