#include "accel/soc/zcu102.h"

namespace heatvit::soc {
namespace {

modules::FabricConfig fabric_config(const SocConfig& c, bool functional) {
  return {c.accel, c.pl_clock_mhz, c.buffers, c.control, c.vector, c.debug, functional};
}

AxiPortConfig fabric_port(const AxiConfig& c) {
  return {c.beat_bytes, c.max_beats, c.outstanding, c.read_latency_cycles, c.write_latency_cycles, c.setup_cycles};
}

AxiPortConfig cpu_port_config(const AxiConfig& c) { return {16, 4, c.outstanding, 0, 0, 0}; }  // 64-byte cache lines

enum Port { kHp0, kHp1, kHp3, kHpc0, kCpuPort, kPorts };

}  // namespace

Zcu102::Zcu102(sc_core::sc_module_name name, const SocConfig& config, const lower::Program& program, bool functional)
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
      hp0("hp0", fabric_port(config.axi), fabric.clock),
      hp1("hp1", fabric_port(config.axi), fabric.clock),
      hp3("hp3", fabric_port(config.axi), fabric.clock),
      hpc0("hpc0", fabric_port(config.axi), fabric.clock),
      cpu_port("cpu_port", cpu_port_config(config.axi), cpu_bus_clock),
      ddr("ddr", config.ddr, config.debug, kPorts),
      host("host", fabric, config.cpu, program),
      interrupt("interrupt") {
  dma_in.socket.bind(hp0.master);
  dma_weights.socket.bind(hp1.master);
  dma_out.socket.bind(hp3.master);
  control.fetch_port.bind(hpc0.master);
  host.memory.bind(cpu_port.master);
  hp0.memory.bind(ddr.port(kHp0));
  hp1.memory.bind(ddr.port(kHp1));
  hp3.memory.bind(ddr.port(kHp3));
  hpc0.memory.bind(ddr.port(kHpc0));
  cpu_port.memory.bind(ddr.port(kCpuPort));
  host.registers.bind(control.registers);
  control.interrupt.bind(interrupt);
  host.interrupt.bind(interrupt);
  const size_t commands = program.commands.size();
  fabric.reset_image = [this, commands] {
    const uint64_t now = sc_core::sc_time_stamp().value();
    cpu_bus_clock.set_epoch(now);
    fabric.reset(commands, now);
    ddr.reset(now, commands);
  };
}

}  // namespace heatvit::soc
