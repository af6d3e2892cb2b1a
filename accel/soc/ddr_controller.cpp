#include "accel/soc/ddr_controller.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "models/errors.h"

namespace heatvit::soc {
namespace {

using modules::BurstTrain;

constexpr uint32_t kColumnBytes = 64;  // BL8 on a 64-bit bus
constexpr uint32_t kPage = 4096;       // AXI bursts do not cross it

/// log2; throws where the parameter is no power of two, as address bits are.
int bits_of(const char* name, int value) {
  int bits = 0;
  while ((1 << bits) < value) ++bits;
  if ((1 << bits) != value) throw InputError(std::string(name) + " must be a power of two, got " + std::to_string(value));
  return bits;
}

uint64_t femtoseconds(double ns) { return static_cast<uint64_t>(std::llround(ns * 1e6)); }

}  // namespace

DdrController::DdrController(sc_core::sc_module_name name, const DdrConfig& config, const modules::DebugConfig& debug, int ports)
    : sc_module(name),
      t_rcd_(femtoseconds(config.t_rcd_ns)),
      t_rp_(femtoseconds(config.t_rp_ns)),
      t_cl_(femtoseconds(config.t_cl_ns)),
      t_ras_(femtoseconds(config.t_ras_ns)),
      t_rfc_(femtoseconds(config.t_rfc_ns)),
      t_refi_(femtoseconds(config.t_refi_ns)),
      turnaround_(femtoseconds(config.turnaround_ns)),
      controller_(femtoseconds(config.controller_ns)),
      column_(femtoseconds(1000.0 / config.mega_transfers * kColumnBytes / config.bus_bytes)),
      config_(config),
      row_shift_(bits_of("ddr.row_bytes", config.row_bytes)),
      bank_shift_(bits_of("ddr.banks", config.banks)),
      ports_(static_cast<size_t>(ports)),
      events_(static_cast<size_t>(ports), kNever),
      banks_(static_cast<size_t>(config.banks)),
      stalls_(debug, 0xDD4) {
  for (int i = 0; i < ports; ++i) {
    sockets_.push_back(std::make_unique<Socket>(("port" + std::to_string(i)).c_str()));
    sockets_.back()->register_b_transport(this, &DdrController::transport, i);
  }
}

void DdrController::reset(uint64_t epoch, size_t commands) {
  for (Port& port : ports_) port = Port{};
  events_.assign(ports_.size(), kNever);
  for (Bank& bank : banks_) bank = {-1, epoch};
  bus_free_ = closed_until_ = epoch;
  next_refresh_ = epoch + t_refi_;
  last_write_ = false;
  bytes_.assign(commands, PurposeBytes{});
  statistics_ = {};
  transactions_ = 0;
}

void DdrController::load(uint32_t address, const void* data, size_t bytes) {
  if (address + bytes > storage_.size()) storage_.resize(address + bytes);
  std::memcpy(storage_.data() + address, data, bytes);
}

void DdrController::peek(uint32_t address, void* data, size_t bytes) const {
  std::memcpy(data, storage_.data() + address, bytes);
}

void DdrController::transport(int index, tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  const auto* extension = payload.get_extension<modules::TrainExtension>();
  const BurstTrain& train = extension->train;
  const uint64_t last = uint64_t{train.address} + uint64_t{train.planes - 1} * train.plane_pitch +
                        uint64_t{train.rows - 1} * train.pitch + train.row_bytes;
  const bool data = payload.get_command() != tlm::TLM_IGNORE_COMMAND;
  if (train.bytes() == 0 || last > static_cast<uint64_t>(config_.capacity) || (data && last > storage_.size())) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const uint64_t now = sc_core::sc_time_stamp().value();
  advance(now);
  Port& port = ports_[static_cast<size_t>(index)];
  const uint64_t channel = std::max<uint64_t>(port.channel, now);
  port.train = train;
  port.timing = extension->port;
  port.beat_shift = bits_of("axi.beat_bytes", static_cast<int>(port.timing.beat_bytes));
  port.row_address = port.plane_address = train.address;
  port.row = port.offset = port.slot = 0;
  port.remaining = train.bytes();
  port.request = now + port.timing.lead_fs;
  port.channel = std::max(channel, port.request);
  std::fill_n(port.completion.begin(), port.timing.outstanding, port.request);
  events_[static_cast<size_t>(index)] = schedule(port);
  while (port.remaining != 0) {
    modules::ClockDomain::wait_until(std::max<uint64_t>(earliest_finish(port), sc_core::sc_time_stamp().value() + port.timing.beat_fs));
    advance(sc_core::sc_time_stamp().value());
  }
  uint64_t finish = port.finish + port.timing.tail_fs;
  if (stalls_.active()) finish += stalls_.next() * port.timing.beat_fs;
  const modules::ClockDomain& clock = *port.timing.clock;
  modules::ClockDomain::wait_until(clock.time_of(clock.edge_at_or_after(finish)));
  if (data) copy(train, payload.get_data_ptr(), train.write);
  bytes_.at(train.command)[static_cast<size_t>(train.purpose)] += train.bytes();
  ++transactions_;
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void DdrController::refresh_until(uint64_t time) {
  while (time >= next_refresh_) {
    closed_until_ = std::max(bus_free_, next_refresh_) + t_rfc_;
    bus_free_ = std::max(bus_free_, closed_until_);
    for (Bank& bank : banks_) bank.row = -1;
    ++statistics_.refreshes;
    next_refresh_ += t_refi_;
  }
}

/// Puts a group on the data bus; returns the end of its first burst there.
inline uint64_t DdrController::access(uint64_t arrival, const Port& p) {
  uint64_t ready = arrival + controller_;
  refresh_until(ready);
  ready = std::max(ready, closed_until_);
  const uint64_t page = p.burst_address >> row_shift_;
  Bank& bank = banks_[page & (banks_.size() - 1)];
  const auto row = static_cast<int64_t>(page >> bank_shift_);
  const bool hit = bank.row == row;
  statistics_.row_hits += p.bursts - (hit ? 0 : 1);
  if (!hit) {
    ++statistics_.row_misses;
    if (bank.row >= 0) ready = std::max(ready, bank.activated + t_ras_) + t_rp_;
    bank.activated = ready;
    bank.row = row;
    ready += t_rcd_;
  }
  const uint64_t columns = (p.burst_address + p.burst_bytes - 1) / kColumnBytes - p.burst_address / kColumnBytes + 1;
  const uint64_t bus = bus_free_ + (p.train.write != last_write_ ? turnaround_ : 0);
  last_write_ = p.train.write;
  const uint64_t first = std::max(bus, ready + t_cl_) + columns * column_;
  bus_free_ = first + (p.bursts - 1) * columns * column_;
  return first;
}

/// The burst at the port's position (up to the end of the row, the AXI burst limit, or the 4 KiB boundary) and how many
/// equal ones follow it in the page: rows of one burst each, or full bursts of a long row.
inline void DdrController::choose_bursts(Port& p) {
  const uint64_t address = p.row_address + p.offset;
  const uint64_t beat = p.timing.beat_bytes;
  const uint64_t skew = address & (beat - 1);
  const uint64_t row_left = p.train.row_bytes - p.offset;
  const uint64_t most = p.timing.max_beats * beat - skew;
  const uint64_t page_left = kPage - (address & (kPage - 1));
  const uint64_t bytes = std::min({row_left, most, page_left});
  p.burst_address = address;
  p.burst_bytes = bytes;
  p.burst_fs = ((skew + bytes + beat - 1) >> p.beat_shift) * p.timing.beat_fs;
  uint64_t follow = 0, stride = 1;
  if (bytes == p.train.row_bytes && (p.train.pitch & (beat - 1)) == 0 && p.train.pitch >= bytes) {
    follow = p.train.rows - p.row - 1;
    stride = p.train.pitch;
  } else if (skew == 0 && bytes == most) {
    follow = (row_left - bytes) / bytes;
    stride = bytes;
  }
  const auto room = static_cast<uint32_t>(page_left - bytes) / static_cast<uint32_t>(stride);
  p.bursts = 1 + static_cast<uint32_t>(std::min<uint64_t>({follow, room, p.timing.outstanding - 1}));
}

/// Chooses the next group; returns when it reaches the controller: its first address, or the last beat of its first data.
inline uint64_t DdrController::schedule(Port& p) {
  choose_bursts(p);
  p.request = std::max(p.request, p.completion[p.slot]);  // the burst that must be through before this one
  return p.train.write ? std::max(p.channel, p.request) + p.burst_fs : p.request;
}

/// Serves the port's group; returns when its next one arrives.
inline uint64_t DdrController::serve(Port& p, uint64_t event) {
  const uint64_t ready = access(event, p);
  const uint64_t first = p.train.write ? ready : std::max(p.channel + p.burst_fs, ready);  // first burst complete
  const uint64_t rest = (p.bursts - 1) * p.burst_fs;
  for (uint32_t i = 0; i < p.bursts; ++i) {
    p.completion[p.slot] = first + i * p.burst_fs;
    if (++p.slot == p.timing.outstanding) p.slot = 0;
  }
  p.finish = first + rest;
  p.channel = p.train.write ? event + rest : p.finish;
  p.request += p.bursts * p.timing.beat_fs;
  step(p);
  return p.remaining != 0 ? schedule(p) : kNever;
}

inline void DdrController::step(Port& p) {
  p.remaining -= p.bursts * p.burst_bytes;
  if (p.burst_bytes == p.train.row_bytes) {  // a group of rows
    p.row += p.bursts;
    p.row_address += uint64_t{p.bursts} * p.train.pitch;
  } else {
    p.offset += static_cast<uint32_t>(p.bursts * p.burst_bytes);
    if (p.offset != p.train.row_bytes) return;
    p.offset = 0;
    ++p.row;
    p.row_address += p.train.pitch;
  }
  if (p.row < p.train.rows) return;
  p.row = 0;
  p.plane_address += p.train.plane_pitch;
  p.row_address = p.plane_address;
}

/// Serves, over all ports, what reaches the controller before `until`; ties go to the lower port.
void DdrController::advance(uint64_t until) {
  const size_t ports = events_.size();
  for (;;) {
    size_t next = 0;
    uint64_t earliest = events_[0];
    for (size_t i = 1; i < ports; ++i) {  // no branch on the order: it is not predictable
      const bool before = events_[i] < earliest;
      next = before ? i : next;
      earliest = before ? events_[i] : earliest;
    }
    if (earliest >= until) return;
    events_[next] = serve(ports_[next], earliest);
  }
}

/// No train finishes before its remaining beats have passed its data channel.
uint64_t DdrController::earliest_finish(const Port& p) const {
  const uint64_t beats = p.remaining / p.timing.beat_bytes;
  return std::max(p.channel, p.request) + beats * p.timing.beat_fs;
}

void DdrController::copy(const BurstTrain& t, uint8_t* data, bool write) {
  for (uint32_t plane = 0; plane < t.planes; ++plane)
    for (uint32_t row = 0; row < t.rows; ++row) {
      uint8_t* memory = storage_.data() + t.address + uint64_t{plane} * t.plane_pitch + uint64_t{row} * t.pitch;
      std::memcpy(write ? memory : data, write ? data : memory, t.row_bytes);
      data += t.row_bytes;
    }
}

}  // namespace heatvit::soc
