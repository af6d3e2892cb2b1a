#include "accel/soc/axi_port.h"

namespace heatvit::soc {

AxiPort::AxiPort(sc_core::sc_module_name name, const AxiPortConfig& config, const modules::ClockDomain& clock)
    : sc_module(name), master("master"), memory("memory"), config_(config) {
  timing_.clock = &clock;
  timing_.beat_fs = static_cast<uint64_t>(1e15 / clock.hertz());
  timing_.beat_bytes = static_cast<uint32_t>(config.beat_bytes);
  timing_.max_beats = static_cast<uint32_t>(config.max_beats);
  timing_.outstanding = static_cast<uint32_t>(config.outstanding);
  master.register_b_transport(this, &AxiPort::transport);
}

void AxiPort::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  auto* extension = payload.get_extension<modules::TrainExtension>();
  const int latency = extension->train.write ? config_.write_latency_cycles : config_.read_latency_cycles;
  const int there = latency / 2;  // half of it before the controller, half behind
  extension->port = timing_;
  extension->port.lead_fs = static_cast<uint64_t>(config_.setup_cycles + there) * timing_.beat_fs;
  extension->port.tail_fs = static_cast<uint64_t>(latency - there) * timing_.beat_fs;
  memory->b_transport(payload, delay);
}

}  // namespace heatvit::soc
