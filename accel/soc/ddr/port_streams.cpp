#include "accel/soc/ddr/port_streams.h"

#include <utility>

namespace heatvit::soc::ddr {
namespace {

using modules::BurstTrain;

constexpr uint32_t kRequestBytes = 64;   // of a trace line
constexpr uint64_t kPatience = 16;       // age limits that a request waits for room until others stand back
constexpr uint32_t kFirstBinShift = 14;  // 15 us at DDR4-2133

}  // namespace

PortStreams::PortStreams(const DdrConfig& config)
    : scheduler_(config),
      inverse_(1.0 / static_cast<double>(scheduler_.timing().clock_fs)),
      round_trip_fs_(scheduler_.read_clocks(0, 1) * scheduler_.timing().clock_fs) {
  reset(0);
}

void PortStreams::reset(uint64_t epoch) {
  epoch_ = epoch;
  scheduler_.reset();
  for (size_t i = 0; i < kStreams; ++i) {
    const size_t port = i / 2 % kMemoryPorts;
    streams_[i].forget(static_cast<uint32_t>(port), paths_[port]);
  }
  read_beats_ = {};
  pending_ = held_ = 0;
  now_ = 0;
  statistics_ = {};
  bin_shift_ = kFirstBinShift;
}

MemoryStatistics PortStreams::statistics() const {
  MemoryStatistics s = statistics_;
  s.row_hits = scheduler_.device().row_hits();
  s.row_misses = scheduler_.device().row_misses();
  s.refreshes = scheduler_.device().refreshes();
  s.bin_ns = static_cast<double>(scheduler_.timing().clock_fs << bin_shift_) * 1e-6;
  return s;
}

void PortStreams::begin(size_t index, const BurstTrain& train, const modules::PortTiming& timing, uint64_t now) {
  Stream& s = streams_[index];
  if (index >= kStreams / 2 && s.beats == nullptr)
    s.beats = streams_[index_of(static_cast<int>(s.port), false)].beats = &read_beats_[s.port];
  s.train = train;
  s.timing = timing;
  s.next.request.port = s.port;
  s.next.request.tag = static_cast<uint32_t>(index);
  s.next.request.write = train.write;
  s.cutter.start(s.train, s.timing, scheduler_.map().block_shift(), s.wide);
  s.request = now + s.timing.lead_fs;
  s.channel = std::max({s.channel, now, s.request});
  s.flight.open(s.request);
  schedule(s, index);
}

/// When the next group reaches the controller: its first address, or the last beat of its first data.
inline void PortStreams::schedule(Stream& s, size_t index) {
  const Group& g = s.cutter.group();
  s.request = std::max(s.request, s.flight.room(s.timing.outstanding));
  uint64_t time = s.request;
  if (s.train.write) {
    time = std::max(s.channel, s.request) + g.first_beats * s.timing.beat_fs;
    if (s.path != nullptr) time = std::max(time, s.path->earliest(true, g.first_bytes));
  }
  Request& r = s.next.request;
  r.address = g.address;
  r.bytes = g.bytes;
  r.rows = g.rows;
  r.pitch = g.pitch;
  r.first_bytes = g.first_bytes;
  scheduler_.prepare(s.next);
  events_[index] = clock_at(time) << kStreamBits | index;
  pending_ |= 1U << index;
}

/// A request reaches its queue; `horizon`: none other arrives before.
inline void PortStreams::admit(size_t index, uint64_t clock, uint64_t horizon) {
  Stream& s = streams_[index];
  pending_ &= ~(1U << index);
  Served served;
  if (!s.train.write && scheduler_.serve_at_once(s.next, clock, horizon, served)) {
    take_up(false);  // those that let this one go first
    if (recorder_) record(s.next.request, clock);
    account(s, clock);
    deliver(s, served, true);
    return;
  }
  if (!scheduler_.accepts(s.train.write, s.next.columns) || yields(s, index)) {
    held_ |= 1U << index;
    return;
  }
  scheduler_.admit(s.next, clock);
  if (s.train.write) scheduler_.press(false);
  if (held_ != 0) release(s.train.write);
  if (recorder_) record(s.next.request, clock);
  account(s, clock);
  if (s.train.write) {
    take_write(s, clock);
    step(s, index);
  }
}

void PortStreams::account(const Stream& s, uint64_t clock) {
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

[[gnu::noinline]] void PortStreams::record(const Request& r, uint64_t clock) {
  for (uint32_t row = 0; row < r.rows; ++row) {
    const uint64_t begin = r.address + uint64_t{row} * r.pitch;
    for (uint64_t a = begin / kRequestBytes * kRequestBytes; a < begin + r.bytes; a += kRequestBytes)
      recorder_(a, r.write, clock);
  }
}

/// Writes are posted: through when the queue has them.
inline void PortStreams::take_write(Stream& s, uint64_t clock) {
  const Group& g = s.cutter.group();
  uint64_t first = time_of(clock);
  if (s.path != nullptr)
    first = std::max(
        first, s.path->pass(true, g.first_bytes, g.total(), first, first) - s.path->time_of(g.total() - g.first_bytes));
  s.finish = s.channel = first + (g.beats - g.first_beats) * s.timing.beat_fs;
  s.flight.push(g.bursts, first, s.finish);
}

void PortStreams::serve() {
  const Served served = scheduler_.serve();
  take_up(served.write);  // there is room again
  if (!served.write) deliver(streams_[served.tag], served, false);
}

/// Something has been served: who waits for room tries again, and who has waited for long has writes go.
inline void PortStreams::take_up(bool write) {
  if (held_ == 0) return;
  release(write);
  if ((held_ & kWrites) != 0 && longest_held(true) != kStreams) scheduler_.press(true);
}

/// Of the streams whose request waits for room: the one that has waited longest, and so long that it starves;
/// kStreams: none has.
[[gnu::noinline]] size_t PortStreams::longest_held(bool write) const {
  size_t oldest = kStreams;
  uint64_t least = now_ - std::min(now_, kPatience * scheduler_.age_limit());
  for (uint32_t left = held_ & (write ? kWrites : ~kWrites); left != 0; left &= left - 1) {
    const auto i = static_cast<size_t>(__builtin_ctz(left));
    if (const uint64_t since = events_[i] >> kStreamBits; since < least) oldest = i, least = since;
  }
  return oldest;
}

/// Of the requests that wait for room those of the highest priority try again, and the one that has waited too long.
[[gnu::noinline]] void PortStreams::release(bool write) {
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
bool PortStreams::yields(const Stream& s, size_t index) const {
  if (held_ == 0) return false;
  if (const size_t oldest = longest_held(s.train.write); oldest != kStreams)
    return events_[oldest] >> kStreamBits < events_[index] >> kStreamBits;
  const uint32_t mine = scheduler_.precedence(s.port);
  for (uint32_t left = held_ & (s.train.write ? kWrites : ~kWrites); left != 0; left &= left - 1)
    if (scheduler_.precedence(streams_[static_cast<size_t>(__builtin_ctz(left))].port) < mine) return true;
  return false;
}

/// Read data pass the port.
inline void PortStreams::deliver(Stream& s, const Served& served, bool at_once) {
  if (latency_recorder_)
    latency_recorder_(static_cast<double>((served.first_data - served.arrival) * scheduler_.timing().clock_fs) * 1e-6);
  const Group& g = s.cutter.group();
  const uint32_t outstanding = s.timing.outstanding;
  uint64_t first = time_of(served.first_data), last = time_of(served.last_data);
  if (g.bursts > outstanding)  // those beyond the limit: a round trip for each `outstanding` of them
    last = std::max(last, first + quotient(round_trip_fs_ * (g.bursts - outstanding), outstanding));
  if (s.path != nullptr) last = s.path->pass(false, g.first_bytes, g.total(), first, last);
  if (s.beats != nullptr) {  // of both readers: the beats of one at a time
    const uint64_t beat = s.timing.beat_fs;
    *s.beats = std::max(*s.beats, first - std::min(first, g.first_beats * beat)) + g.beats * beat;
    last = std::max(last, *s.beats);
  }
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
inline void PortStreams::step(Stream& s, size_t index) {
  s.request += s.cutter.group().bursts * s.timing.beat_fs;
  s.cutter.step(s.wide);
  if (s.cutter.remaining() != 0) schedule(s, index);
}

/// Does, over all ports, what happens before `until`: requests reach the queues, the scheduler serves. One function
/// with all that a group goes through (flatten), but for what is rare or long: a group takes some 800 instructions,
/// calls within it were a fifth of that.
[[gnu::flatten]] void PortStreams::advance(uint64_t until) {
  const uint64_t end = clock_at(until);
  for (;;) {
    uint64_t next = kNever, second = kNever;
    for (uint32_t left = pending_; left != 0; left &= left - 1) {  // no branch on the order: it is not predictable
      const uint64_t event = events_[static_cast<size_t>(__builtin_ctz(left))];
      second = std::min(second, std::max(next, event));
      next = std::min(next, event);
    }
    const uint64_t earliest = next >> kStreamBits;
    const uint64_t decision = scheduler_.decision_time(std::min(earliest, end));
    const uint64_t now = std::min(earliest, decision);
    if (now >= end) return;
    now_ = std::max(now_, now);
    if (earliest <= decision) {
      admit(next & (kStreams - 1), now_, std::min(second >> kStreamBits, end));
    } else {
      serve();
    }
  }
}

/// No train finishes before its remaining beats have passed its data channel, behind the first data that are missing.
uint64_t PortStreams::earliest_finish(const Stream& s) const {
  const Group& g = s.cutter.group();
  const uint64_t beats = s.cutter.remaining_beats();
  if (s.train.write || beats < g.first_beats) return std::max(s.channel, s.request) + beats * s.timing.beat_fs;
  const uint64_t data = s.request + scheduler_.read_clocks(g.address, g.first_bytes) * scheduler_.timing().clock_fs;
  return std::max(s.channel + g.first_beats * s.timing.beat_fs, data) + (beats - g.first_beats) * s.timing.beat_fs;
}

}  // namespace heatvit::soc::ddr
