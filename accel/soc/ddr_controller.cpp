#include "accel/soc/ddr_controller.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace heatvit::soc {

DdrController::DdrController(sc_core::sc_module_name name, const DdrConfig& config, const modules::DebugConfig& debug,
                             const std::vector<PortWire>& ports)
    : sc_module(name), config_(config), streams_(config), stalls_(debug, 0xDD4) {
  for (const PortWire& wire : ports) {
    const auto i = static_cast<size_t>(wire.port);
    streams_.set_path(wire.port, wire.path);
    sockets_[i] = std::make_unique<Socket>(kMemoryPortNames[i]);
    sockets_[i]->register_b_transport(this, &DdrController::transport, static_cast<int>(i));
    sockets_[i]->register_transport_dbg(this, &DdrController::ask, static_cast<int>(i));
  }
  reset(0, 0);
}

void DdrController::reset(uint64_t epoch, size_t commands) {
  streams_.reset(epoch);
  bytes_.assign(commands, PurposeBytes{});
  stalls_.reset();
  transactions_ = 0;
  ++run_;
}

void DdrController::load(uint32_t address, const void* data, size_t bytes) {
  if (address + bytes > storage_.size()) storage_.resize(address + bytes);
  std::memcpy(storage_.data() + address, data, bytes);
}

void DdrController::peek(uint32_t address, void* data, size_t bytes) const {
  std::memcpy(data, storage_.data() + address, bytes);
}

/// Trains need not block their masters here. A socket calls members only.
// NOLINTNEXTLINE(readability-convert-member-functions-to-static)
unsigned DdrController::ask(int, tlm::tlm_generic_payload& payload) {
  if (auto* extension = payload.get_extension<modules::TrainExtension>(); extension != nullptr)
    extension->returns = true;
  return 0;
}

void DdrController::transport(int index, tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  auto* extension = payload.get_extension<modules::TrainExtension>();
  const modules::BurstTrain& train = extension->train;
  const uint64_t last = uint64_t{train.address} + uint64_t{train.planes - 1} * train.plane_pitch +
                        uint64_t{train.rows - 1} * train.pitch + train.row_bytes;
  const bool data = payload.get_command() != tlm::TLM_IGNORE_COMMAND;
  if (train.bytes() == 0 || last > capacity() || (data && last > storage_.size())) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const uint64_t now = sc_core::sc_time_stamp().value();
  const size_t slot = ddr::PortStreams::index_of(index, train.write, extension->port.second_reader);
  streams_.advance(now);
  streams_.begin(slot, train, extension->port, now);
  const Stream& stream = streams_.stream(slot);
  if (extension->returns) {
    under_way_[slot].start(*this, stream, payload);
    extension->pending = &under_way_[slot];
    return;
  }
  Pending pending;  // this call's: after a reset another one may be on its way in the stream before this one returns
  pending.start(*this, stream, payload);
  uint64_t time = now;
  for (uint64_t next = pending.resume(now); next != Pending::kThrough; next = pending.resume(time)) {
    time = next;
    // Injected stalls are drawn in the order in which trains end.
    if (stalls_.active() || !modules::ClockDomain::alone_until(time)) modules::ClockDomain::wait_until(time);
  }
  modules::ClockDomain::wait_until(time);
}

/// Until the train is through, seen from the master's clock; a reset in between forgets it.
uint64_t DdrController::Pending::resume(uint64_t now) {
  DdrController& c = *controller_;
  if (run_ != c.run_) return kThrough;
  const Stream& s = *stream_;
  const modules::ClockDomain& clock = *s.timing.clock;
  if (!closing_) {
    if (begun_) c.streams_.advance(now);
    begun_ = true;
    if (s.cutter.remaining() != 0)
      return clock.next_edge(std::max(c.streams_.earliest_finish(s) + s.timing.tail_fs, now + s.timing.beat_fs)).time;
    uint64_t finish = s.finish + s.timing.tail_fs;
    if (c.stalls_.active()) finish += c.stalls_.next() * s.timing.beat_fs;
    closing_ = true;
    if (const uint64_t edge = clock.next_edge(finish).time; edge > now) return edge;
  }
  c.complete(s, *payload_);
  return kThrough;
}

void DdrController::complete(const Stream& s, tlm::tlm_generic_payload& payload) {
  if (payload.get_command() != tlm::TLM_IGNORE_COMMAND) copy(s.train, payload.get_data_ptr(), s.train.write);
  if (s.train.command < bytes_.size()) bytes_[s.train.command][static_cast<size_t>(s.train.purpose)] += s.train.bytes();
  ++transactions_;
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void DdrController::copy(const modules::BurstTrain& t, uint8_t* data, bool write) {
  for (uint32_t plane = 0; plane < t.planes; ++plane)
    for (uint32_t row = 0; row < t.rows; ++row) {
      uint8_t* memory = storage_.data() + t.address + uint64_t{plane} * t.plane_pitch + uint64_t{row} * t.pitch;
      std::memcpy(write ? memory : data, write ? data : memory, t.row_bytes);
      data += t.row_bytes;
    }
}

}  // namespace heatvit::soc
