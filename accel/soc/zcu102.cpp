#include "accel/soc/zcu102.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <vector>

#include "accel/isa/errors.h"

namespace heatvit::soc {
namespace {

modules::AcceleratorParameters parameters_of(const SocConfig& c, bool functional) {
  return {c.accel, c.pl_clock_mhz, c.buffers, c.dma, c.control, c.vector, c.debug, functional};
}

}  // namespace

void expect_ports(const DmaConfig& dma) {
  if (dma.input_ports + dma.weight_ports > Zcu102::kReadPorts)
    throw InputError("accel.input_ports + accel.weight_ports = " + std::to_string(dma.input_ports + dma.weight_ports) +
                     "; allowed: at most " + std::to_string(Zcu102::kReadPorts) + " read channels (HP0 to HP3, HPC1)");
}

/// Each port has one reader and one writer. Readers take the ports of their list that are free, inputs first.
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
  deal(engines.weight, dma.weight_ports, {MemoryPort::kHp3, MemoryPort::kHpc1, MemoryPort::kHp2});
  taken.clear();  // writers
  deal(engines.output, dma.output_ports, {MemoryPort::kHp0, MemoryPort::kHp1, MemoryPort::kHp2});
  return engines;
}

Zcu102::Zcu102(sc_core::sc_module_name name, const SocConfig& config, bool functional)
    : sc_module(name),
      cpu_bus_clock(config.cpu.bus_mhz),
      accelerator("accelerator", parameters_of(config, functional)),
      hp0("hp0", fabric_port(config.axi, false), accelerator.clock()),
      hp1("hp1", fabric_port(config.axi, false), accelerator.clock()),
      hp2("hp2", fabric_port(config.axi, false), accelerator.clock()),
      hp3("hp3", fabric_port(config.axi, false), accelerator.clock()),
      hpc0("hpc0", fabric_port(config.axi, true), accelerator.clock()),
      hpc1("hpc1", fabric_port(config.axi, true), accelerator.clock()),
      cpu_port("cpu_port", host_port(config.axi), cpu_bus_clock),
      traffic_port("traffic_port", host_port(config.axi), cpu_bus_clock),
      hp12_path(config.axi.path_mhz, 16),
      ddr("ddr", config.ddr, config.debug,
          {{MemoryPort::kHp0},
           {MemoryPort::kHp1, &hp12_path},
           {MemoryPort::kHp2, &hp12_path},
           {MemoryPort::kHp3},
           {MemoryPort::kHpc0},
           {MemoryPort::kHpc1},
           {MemoryPort::kCpu},
           {MemoryPort::kTraffic}}),
      host("host", config.cpu, functional, config.control.dependency == DependencyGrain::kTile),
      traffic("traffic", config.ddr.traffic_gbs, ddr.capacity() / 2, ddr.capacity() / 2),  // the upper half
      interrupt("interrupt") {
  accelerator.input.bind(hp0.master);
  accelerator.weight.bind(hp1.master);
  accelerator.output.bind(hp3.master);
  wire_more_ports(config.dma);
  accelerator.fetch.bind(hpc0.master);
  host.memory.bind(cpu_port.master);
  hp0.memory.bind(ddr.port(MemoryPort::kHp0));
  hp1.memory.bind(ddr.port(MemoryPort::kHp1));
  hp2.memory.bind(ddr.port(MemoryPort::kHp2));
  hp3.memory.bind(ddr.port(MemoryPort::kHp3));
  hpc0.memory.bind(ddr.port(MemoryPort::kHpc0));
  hpc1.memory.bind(ddr.port(MemoryPort::kHpc1));
  cpu_port.memory.bind(ddr.port(MemoryPort::kCpu));
  traffic.memory.bind(traffic_port.master);
  traffic_port.memory.bind(ddr.port(MemoryPort::kTraffic));
  host.registers.bind(accelerator.registers);
  accelerator.interrupt.bind(interrupt);
  host.interrupt.bind(interrupt);
  host.on_start([this](size_t commands) { reset(commands); });
}

void Zcu102::wire_more_ports(const DmaConfig& dma) {
  const std::array<AxiPort*, 6> ports = {&hp0, &hp1, &hp2, &hp3, &hpc0, &hpc1};
  const EnginePorts engines = engine_ports(dma);
  const auto wire = [&ports](auto& sockets, const std::vector<MemoryPort>& of_engine) {
    size_t next = 1;  // the first one is wired
    for (auto& socket : sockets) socket.bind(ports[static_cast<size_t>(of_engine[next++])]->master);
  };
  wire(accelerator.more_input, engines.input);
  wire(accelerator.more_weight, engines.weight);
  wire(accelerator.more_output, engines.output);
}

void Zcu102::reset(size_t commands) {
  const uint64_t now = sc_core::sc_time_stamp().value();
  cpu_bus_clock.set_epoch(now);
  accelerator.reset(now, commands);
  hp12_path.reset(now);
  ddr.reset(now, commands);
  traffic.reset();
}

}  // namespace heatvit::soc
