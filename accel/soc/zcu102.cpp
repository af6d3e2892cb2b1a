#include "accel/soc/zcu102.h"

namespace heatvit::soc {
namespace {

modules::FabricConfig fabric_config(const SocConfig& c, bool functional) {
  return {c.accel, c.pl_clock_mhz, c.buffers, c.dma, c.control, c.vector, c.debug, functional};
}

AxiPortConfig cpu_port_config(const AxiConfig& c) { return {16, 4, c.outstanding}; }  // 64-byte cache lines

const std::vector<MemoryPort> kWired = {MemoryPort::kHp0, MemoryPort::kHp1,  MemoryPort::kHp2,
                                        MemoryPort::kHp3, MemoryPort::kHpc0, MemoryPort::kCpu};

}  // namespace

Zcu102::Zcu102(sc_core::sc_module_name name, const SocConfig& config, bool functional)
    : sc_module(name),
      fabric(fabric_config(config, functional)),
      cpu_bus_clock(config.cpu.bus_mhz),
      selector("selector", fabric),
      control("control", fabric, selector),
      dma_in("dma_in", fabric),
      dma_weights("dma_weights", fabric),
      dma_out("dma_out", fabric),
      pe_array("pe_array", fabric),
      vector_unit("vector_unit", fabric, selector),
      hp0("hp0", fabric_port(config.axi, false), fabric.clock),
      hp1("hp1", fabric_port(config.axi, false), fabric.clock),
      hp2("hp2", fabric_port(config.axi, false), fabric.clock),
      hp3("hp3", fabric_port(config.axi, false), fabric.clock),
      hpc0("hpc0", fabric_port(config.axi, true), fabric.clock),
      cpu_port("cpu_port", cpu_port_config(config.axi), cpu_bus_clock),
      ddr("ddr", config.ddr, config.axi.path_mhz, config.debug, kWired),
      host("host", fabric, config.cpu),
      interrupt("interrupt") {
  dma_in.socket.bind(hp0.master);
  dma_weights.socket.bind(hp1.master);
  dma_out.socket.bind(hp3.master);
  dma_in.second_port.socket.bind(hp2.master);
  dma_weights.second_port.socket.bind(hp3.master);  // its read channel
  dma_out.second_port.socket.bind(hp0.master);      // its write channel
  control.fetch_port.bind(hpc0.master);
  host.memory.bind(cpu_port.master);
  hp0.memory.bind(ddr.port(MemoryPort::kHp0));
  hp1.memory.bind(ddr.port(MemoryPort::kHp1));
  hp2.memory.bind(ddr.port(MemoryPort::kHp2));
  hp3.memory.bind(ddr.port(MemoryPort::kHp3));
  hpc0.memory.bind(ddr.port(MemoryPort::kHpc0));
  cpu_port.memory.bind(ddr.port(MemoryPort::kCpu));
  host.registers.bind(control.registers);
  control.interrupt.bind(interrupt);
  host.interrupt.bind(interrupt);
  fabric.reset_image = [this](size_t commands) {
    const uint64_t now = sc_core::sc_time_stamp().value();
    cpu_bus_clock.set_epoch(now);
    fabric.reset(commands, now);
    ddr.reset(now, commands);
  };
}

}  // namespace heatvit::soc
