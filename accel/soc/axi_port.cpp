#include "accel/soc/axi_port.h"

#include <string>

#include "accel/isa/errors.h"

namespace heatvit::soc {

AxiPortConfig fabric_port(const AxiConfig& c, bool coherent) {
  AxiPortConfig port;
  for (size_t p = 0; p < port.beat_bytes.size(); ++p) port.beat_bytes[p] = c.bytes_of(static_cast<modules::Purpose>(p));
  port.max_beats = c.max_beats, port.outstanding = c.outstanding;
  port.read_latency_cycles = c.read_latency_cycles, port.write_latency_cycles = c.write_latency_cycles;
  port.setup_cycles = c.setup_cycles, port.crossing_cycles = c.crossing_cycles;
  if (coherent) port.extra_ns = c.coherent_ns;
  return port;
}

AxiPortConfig host_port(const AxiConfig& c) {
  AxiPortConfig port;
  port.max_beats = 4, port.outstanding = c.outstanding;
  return port;
}

modules::PortTiming port_timing(const AxiPortConfig& c, uint64_t beat_fs, modules::Purpose purpose, bool write) {
  const int latency = write ? c.write_latency_cycles : c.read_latency_cycles;
  const int there = latency / 2;  // half of it before the controller, half behind
  const auto extra = static_cast<uint64_t>(c.extra_ns * 1e6);
  modules::PortTiming timing;
  timing.lead_fs = static_cast<uint64_t>(c.setup_cycles + there + c.crossing_cycles) * beat_fs + extra / 2;
  timing.tail_fs = static_cast<uint64_t>(latency - there + c.crossing_cycles) * beat_fs + extra / 2;
  timing.beat_fs = beat_fs;
  timing.beat_bytes = static_cast<uint32_t>(c.beat_bytes[static_cast<size_t>(purpose)]);
  timing.max_beats = static_cast<uint32_t>(c.max_beats);
  timing.outstanding = static_cast<uint32_t>(c.outstanding);
  return timing;
}

AxiPort::AxiPort(sc_core::sc_module_name name, const AxiPortConfig& config, const modules::ClockDomain& clock)
    : sc_module(name),
      master("master"),
      memory("memory"),
      config_(config),
      clock_(clock),
      beat_fs_(static_cast<uint64_t>(1e15 / clock.hertz())) {
  constexpr std::array<const char*, modules::kPurposes> kNames = {
      "axi.beat_bytes", "axi.input_bytes", "axi.weight_bytes", "axi.output_bytes", "axi.beat_bytes"};
  for (size_t p = 0; p < kNames.size(); ++p)
    if (const int bytes = config.beat_bytes[p]; (bytes & (bytes - 1)) != 0)
      throw InputError(std::string(kNames[p]) + " must be a power of two, got " + std::to_string(bytes));
  master.register_b_transport(this, &AxiPort::transport);
  master.register_transport_dbg(this, &AxiPort::ask);
}

void AxiPort::transport(int from, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  auto* extension = payload.get_extension<modules::TrainExtension>();
  const auto at = static_cast<size_t>(from);
  const modules::Purpose width = at < masters_.size() ? masters_[at] : extension->train.purpose;
  extension->port = port_timing(config_, beat_fs_, width, extension->train.write);
  extension->port.clock = &clock_;
  extension->port.second_reader = from == second_reader_;
  memory->b_transport(payload, delay);
}

}  // namespace heatvit::soc
