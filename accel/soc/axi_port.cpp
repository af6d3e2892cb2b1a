#include "accel/soc/axi_port.h"

#include <string>

#include "accel/isa/errors.h"

namespace heatvit::soc {

AxiPortConfig fabric_port(const AxiConfig& c, bool coherent) {
  AxiPortConfig port{c.beat_bytes,           c.max_beats,    c.outstanding,    c.read_latency_cycles,
                     c.write_latency_cycles, c.setup_cycles, c.crossing_cycles};
  if (coherent) port.extra_ns = c.coherent_ns;
  return port;
}

AxiPortConfig host_port(const AxiConfig& c) { return {16, 4, c.outstanding}; }

AxiPort::AxiPort(sc_core::sc_module_name name, const AxiPortConfig& config, const modules::ClockDomain& clock)
    : sc_module(name), master("master"), memory("memory"), config_(config) {
  if ((config.beat_bytes & (config.beat_bytes - 1)) != 0)
    throw InputError("axi.beat_bytes must be a power of two, got " + std::to_string(config.beat_bytes));
  timing_.clock = &clock;
  timing_.beat_fs = static_cast<uint64_t>(1e15 / clock.hertz());
  timing_.beat_bytes = static_cast<uint32_t>(config.beat_bytes);
  timing_.max_beats = static_cast<uint32_t>(config.max_beats);
  timing_.outstanding = static_cast<uint32_t>(config.outstanding);
  master.register_b_transport(this, &AxiPort::transport);
}

void AxiPort::transport(int, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  auto* extension = payload.get_extension<modules::TrainExtension>();
  const int latency = extension->train.write ? config_.write_latency_cycles : config_.read_latency_cycles;
  const int there = latency / 2;  // half of it before the controller, half behind
  const auto extra = static_cast<uint64_t>(config_.extra_ns * 1e6);
  extension->port = timing_;
  extension->port.lead_fs =
      static_cast<uint64_t>(config_.setup_cycles + there + config_.crossing_cycles) * timing_.beat_fs + extra / 2;
  extension->port.tail_fs =
      static_cast<uint64_t>(latency - there + config_.crossing_cycles) * timing_.beat_fs + extra / 2;
  memory->b_transport(payload, delay);
}

}  // namespace heatvit::soc
