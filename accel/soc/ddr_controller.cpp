#include "accel/soc/ddr_controller.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace heatvit::soc {
namespace {

using ddr::kNever;
using modules::BurstTrain;

constexpr uint32_t kRequestBytes = 64;   // of a trace line
constexpr uint64_t kPatience = 16;       // age limits that a request waits for room until others stand back
constexpr uint32_t kFirstBinShift = 14;  // 15 us at DDR4-2133

}  // namespace

DdrController::DdrController(sc_core::sc_module_name name, const DdrConfig& config, const modules::DebugConfig& debug,
                             const std::vector<PortWire>& ports)
    : sc_module(name),
      config_(config),
      scheduler_(config),
      inverse_(1.0 / static_cast<double>(scheduler_.timing().clock_fs)),
      round_trip_fs_(scheduler_.read_clocks(0, 1) * scheduler_.timing().clock_fs),
      stalls_(debug, 0xDD4) {
  for (const PortWire& wire : ports) {
    const auto i = static_cast<size_t>(wire.port);
    paths_[i] = wire.path;
    sockets_[i] = std::make_unique<Socket>(kMemoryPortNames[i]);
    sockets_[i]->register_b_transport(this, &DdrController::transport, static_cast<int>(i));
    sockets_[i]->register_transport_dbg(this, &DdrController::ask, static_cast<int>(i));
  }
  reset(0, 0);
}

void DdrController::reset(uint64_t epoch, size_t commands) {
  epoch_ = epoch;
  scheduler_.reset();
  for (size_t i = 0; i < kStreams; ++i) {
    streams_[i] = Stream{};
    streams_[i].port = static_cast<uint32_t>(i / 2);
    streams_[i].path = paths_[i / 2];
  }
  pending_ = held_ = 0;
  now_ = 0;
  bytes_.assign(commands, PurposeBytes{});
  statistics_ = {};
  bin_shift_ = kFirstBinShift;
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

MemoryStatistics DdrController::statistics() const {
  MemoryStatistics s = statistics_;
  s.row_hits = scheduler_.device().row_hits();
  s.row_misses = scheduler_.device().row_misses();
  s.refreshes = scheduler_.device().refreshes();
  s.bin_ns = static_cast<double>(scheduler_.timing().clock_fs << bin_shift_) * 1e-6;
  return s;
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
  const BurstTrain& train = extension->train;
  const uint64_t last = uint64_t{train.address} + uint64_t{train.planes - 1} * train.plane_pitch +
                        uint64_t{train.rows - 1} * train.pitch + train.row_bytes;
  const bool data = payload.get_command() != tlm::TLM_IGNORE_COMMAND;
  if (train.bytes() == 0 || last > capacity() || (data && last > storage_.size())) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const uint64_t now = sc_core::sc_time_stamp().value();
  advance(now);
  const size_t slot = 2 * static_cast<size_t>(index) + (train.write ? 1 : 0);
  Stream& stream = streams_[slot];
  stream.train = train;
  stream.timing = extension->port;
  begin(stream, slot, now);
  if (extension->returns) {
    under_way_[slot].start(*this, stream, payload);
    extension->pending = &under_way_[slot];
    return;
  }
  Pending pending;  // this call's: after a reset another one may be on its way in the stream before this one returns
  pending.start(*this, stream, payload);
  for (uint64_t next = pending.resume(); next != Pending::kThrough; next = pending.resume())
    modules::ClockDomain::wait_until(next);
}

/// Until the train is through, seen from the master's clock; a reset in between forgets it.
uint64_t DdrController::Pending::resume() {
  DdrController& c = *controller_;
  if (run_ != c.run_) return kThrough;
  const Stream& s = *stream_;
  const modules::ClockDomain& clock = *s.timing.clock;
  if (!closing_) {
    const uint64_t now = sc_core::sc_time_stamp().value();
    if (begun_) c.advance(now);
    begun_ = true;
    if (s.cutter.remaining() != 0)
      return clock.next_edge(std::max(c.earliest_finish(s) + s.timing.tail_fs, now + s.timing.beat_fs)).time;
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

void DdrController::begin(Stream& s, size_t index, uint64_t now) {
  s.cutter.start(s.train, s.timing, scheduler_.map().block_shift(), s.wide);
  s.request = now + s.timing.lead_fs;
  s.channel = std::max({s.channel, now, s.request});
  s.flight.open(s.request);
  schedule(s, index);
}

/// When the next group reaches the controller: its first address, or the last beat of its first data.
inline void DdrController::schedule(Stream& s, size_t index) {
  const ddr::Group& g = s.cutter.group();
  s.request = std::max(s.request, s.flight.room(s.timing.outstanding));
  uint64_t time = s.request;
  if (s.train.write) {
    time = std::max(s.channel, s.request) + g.first_beats * s.timing.beat_fs;
    if (s.path != nullptr) time = std::max(time, s.path->earliest(true, g.first_bytes));
  }
  events_[index] = clock_at(time);
  pending_ |= 1U << index;
}

/// A request reaches its queue; `horizon`: none other arrives before.
void DdrController::admit(size_t index, uint64_t clock, uint64_t horizon) {
  Stream& s = streams_[index];
  const ddr::Group& g = s.cutter.group();
  const ddr::Request request{
      clock, g.address, g.bytes, g.rows, g.pitch, g.first_bytes, s.port, static_cast<uint32_t>(index), s.train.write};
  const uint32_t columns = scheduler_.columns_of(request);
  ddr::Served served;
  pending_ &= ~(1U << index);
  if (!s.train.write && scheduler_.serve_at_once(request, columns, horizon, served)) {
    take_up(false);  // those that let this one go first
    if (recorder_) record(request);
    account(s, clock);
    deliver(s, served, true);
    return;
  }
  if (!scheduler_.accepts(s.train.write, columns) || yields(s, index)) {
    held_ |= 1U << index;
    return;
  }
  scheduler_.admit(request, columns);
  if (s.train.write) scheduler_.press(false);
  if (held_ != 0) release(s.train.write);
  if (recorder_) record(request);
  account(s, clock);
  if (s.train.write) {
    take_write(s, clock);
    step(s, index);
  }
}

void DdrController::account(const Stream& s, uint64_t clock) {
  const uint64_t bytes = s.cutter.group().total();
  statistics_.bytes[s.port][static_cast<size_t>(s.train.purpose)] += bytes;
  size_t bin = clock >> bin_shift_;
  for (; bin >= MemoryStatistics::kBins; bin >>= 1, ++bin_shift_)
    for (size_t i = 0; i < MemoryStatistics::kBins; ++i) {
      const uint64_t value = statistics_.bytes_in_bin[i];
      statistics_.bytes_in_bin[i] = 0;
      statistics_.bytes_in_bin[i / 2] += value;
    }
  statistics_.bytes_in_bin[bin] += bytes;
}

void DdrController::record(const ddr::Request& r) {
  for (uint32_t row = 0; row < r.rows; ++row) {
    const uint64_t begin = r.address + uint64_t{row} * r.pitch;
    for (uint64_t a = begin / kRequestBytes * kRequestBytes; a < begin + r.bytes; a += kRequestBytes)
      recorder_(a, r.write, r.arrival);
  }
}

/// Writes are posted: through when the queue has them.
inline void DdrController::take_write(Stream& s, uint64_t clock) {
  const ddr::Group& g = s.cutter.group();
  uint64_t first = time_of(clock);
  if (s.path != nullptr)
    first = std::max(
        first, s.path->pass(true, g.first_bytes, g.total(), first, first) - s.path->time_of(g.total() - g.first_bytes));
  s.finish = s.channel = first + (g.beats - g.first_beats) * s.timing.beat_fs;
  s.flight.push(g.bursts, first, s.finish);
}

void DdrController::serve() {
  const ddr::Served served = scheduler_.serve();
  take_up(served.write);  // there is room again
  if (!served.write) deliver(streams_[served.tag], served, false);
}

/// Something has been served: who waits for room tries again, and who has waited for long has writes go.
inline void DdrController::take_up(bool write) {
  if (held_ == 0) return;
  release(write);
  if ((held_ & kWrites) != 0 && longest_held(true) != kStreams) scheduler_.press(true);
}

/// Of the streams whose request waits for room: the one that has waited longest, and so long that it starves;
/// kStreams: none has.
size_t DdrController::longest_held(bool write) const {
  size_t oldest = kStreams;
  uint64_t least = now_ - std::min(now_, kPatience * scheduler_.age_limit());
  for (uint32_t left = held_ & (write ? kWrites : ~kWrites); left != 0; left &= left - 1) {
    const auto i = static_cast<size_t>(__builtin_ctz(left));
    if (events_[i] < least) oldest = i, least = events_[i];
  }
  return oldest;
}

/// Of the requests that wait for room those of the highest priority try again, and the one that has waited too long.
void DdrController::release(bool write) {
  const uint32_t waiting = held_ & (write ? kWrites : ~kWrites);
  uint32_t released = 0, least = UINT32_MAX;
  for (uint32_t left = waiting; left != 0; left &= left - 1) {
    const uint32_t precedence = scheduler_.precedence(streams_[static_cast<size_t>(__builtin_ctz(left))].port);
    if (precedence < least) released = 0;
    least = std::min(least, precedence);
    if (precedence == least) released |= left & (~left + 1);
  }
  if (const size_t oldest = longest_held(write); oldest != kStreams) released |= 1U << oldest;
  pending_ |= released;
  held_ &= ~released;
}

/// Does a request of the stream's direction that goes first wait for room: of a higher priority, or, where one has
/// waited too long, that one? Else small requests would slip into a busy queue for ever, before a large one.
bool DdrController::yields(const Stream& s, size_t index) const {
  if (held_ == 0) return false;
  if (const size_t oldest = longest_held(s.train.write); oldest != kStreams) return events_[oldest] < events_[index];
  const uint32_t mine = scheduler_.precedence(s.port);
  for (uint32_t left = held_ & (s.train.write ? kWrites : ~kWrites); left != 0; left &= left - 1)
    if (scheduler_.precedence(streams_[static_cast<size_t>(__builtin_ctz(left))].port) < mine) return true;
  return false;
}

/// Read data pass the port.
inline void DdrController::deliver(Stream& s, const ddr::Served& served, bool at_once) {
  if (latency_recorder_)
    latency_recorder_(static_cast<double>((served.first_data - served.arrival) * scheduler_.timing().clock_fs) * 1e-6);
  const ddr::Group& g = s.cutter.group();
  const uint64_t outstanding = s.timing.outstanding;
  uint64_t first = time_of(served.first_data), last = time_of(served.last_data);
  if (g.bursts > outstanding)  // those beyond the limit: a round trip for each `outstanding` of them
    last = std::max(last, first + round_trip_fs_ * (g.bursts - outstanding) / outstanding);
  if (s.path != nullptr) last = s.path->pass(false, g.first_bytes, g.total(), first, last);
  const uint64_t idle = s.channel + g.first_beats * s.timing.beat_fs;
  const bool first_of_train = s.cutter.remaining() == s.train.bytes();
  s.wide = first_of_train || first <= idle;
  first = std::max(idle, first);
  s.finish = first + (g.beats - g.first_beats) * s.timing.beat_fs;
  s.wide = at_once && s.wide && last <= s.finish;
  s.finish = s.channel = std::max(last, s.finish);
  s.flight.push(g.bursts, first, s.finish);
  step(s, served.tag);
}

/// On to the next group.
inline void DdrController::step(Stream& s, size_t index) {
  s.request += s.cutter.group().bursts * s.timing.beat_fs;
  s.cutter.step(s.wide);
  if (s.cutter.remaining() != 0) schedule(s, index);
}

/// Does, over all ports, what happens before `until`: requests reach the queues, the scheduler serves.
void DdrController::advance(uint64_t until) {
  const uint64_t end = clock_at(until);
  for (;;) {
    size_t next = 0;
    uint64_t earliest = kNever, second = kNever;
    for (uint32_t left = pending_; left != 0; left &= left - 1) {  // no branch on the order: it is not predictable
      const auto i = static_cast<size_t>(__builtin_ctz(left));
      const bool before = events_[i] < earliest;
      next = before ? i : next;
      second = before ? earliest : std::min(second, events_[i]);
      earliest = before ? events_[i] : earliest;
    }
    const uint64_t decision = scheduler_.decision_time();
    if (std::min(earliest, decision) >= end) return;
    now_ = std::max(now_, std::min(earliest, decision));
    if (earliest <= decision) {
      admit(next, now_, std::min(second, end));
    } else {
      serve();
    }
  }
}

/// No train finishes before its remaining beats have passed its data channel, behind the first data that are missing.
uint64_t DdrController::earliest_finish(const Stream& s) const {
  const ddr::Group& g = s.cutter.group();
  const uint64_t beats = s.cutter.remaining() / s.timing.beat_bytes;
  if (s.train.write || beats < g.first_beats) return std::max(s.channel, s.request) + beats * s.timing.beat_fs;
  const uint64_t data = s.request + scheduler_.read_clocks(g.address, g.first_bytes) * scheduler_.timing().clock_fs;
  return std::max(s.channel + g.first_beats * s.timing.beat_fs, data) + (beats - g.first_beats) * s.timing.beat_fs;
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
