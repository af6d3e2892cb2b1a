#include "accel/soc/zcu102.h"

#include <array>
#include <vector>

namespace heatvit::soc {
namespace {

modules::AcceleratorParameters parameters_of(const SocConfig& c, bool functional) {
  return {c.accel, c.pl_clock_mhz, c.stage_rule, c.buffers, c.dma, c.control, c.vector, c.debug, functional};
}

}  // namespace

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
  hpc0.attach(accelerator.fetch, modules::Purpose::kCommands);
  wire_ports(config.dma);
  cpu_port.attach(host.memory, modules::Purpose::kCpu);
  hp0.memory.bind(ddr.port(MemoryPort::kHp0));
  hp1.memory.bind(ddr.port(MemoryPort::kHp1));
  hp2.memory.bind(ddr.port(MemoryPort::kHp2));
  hp3.memory.bind(ddr.port(MemoryPort::kHp3));
  hpc0.memory.bind(ddr.port(MemoryPort::kHpc0));
  hpc1.memory.bind(ddr.port(MemoryPort::kHpc1));
  cpu_port.memory.bind(ddr.port(MemoryPort::kCpu));
  traffic_port.attach(traffic.memory, modules::Purpose::kCpu);
  traffic_port.memory.bind(ddr.port(MemoryPort::kTraffic));
  host.registers.bind(accelerator.registers);
  accelerator.interrupt.bind(interrupt);
  host.interrupt.bind(interrupt);
  host.on_start([this](size_t commands) { reset(commands); });
}

void Zcu102::wire_ports(const DmaConfig& dma) {
  const std::array<AxiPort*, 6> ports = {&hp0, &hp1, &hp2, &hp3, &hpc0, &hpc1};
  const EnginePorts engines = engine_ports(dma);
  const auto wire = [&ports](auto& first, auto& more, const std::vector<MemoryPort>& of_engine,
                             modules::Purpose purpose) {
    for (size_t i = 0; i < of_engine.size(); ++i) {
      AxiPort& port = *ports[static_cast<size_t>(of_engine[i])];
      if (i == 0)
        port.attach(first, purpose, second_reader(of_engine[i]));
      else
        port.attach(more[i - 1], purpose, second_reader(of_engine[i]));
    }
  };
  wire(accelerator.input, accelerator.more_input, engines.input, modules::Purpose::kInput);
  wire(accelerator.weight, accelerator.more_weight, engines.weight, modules::Purpose::kWeights);
  wire(accelerator.output, accelerator.more_output, engines.output, modules::Purpose::kOutput);
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
