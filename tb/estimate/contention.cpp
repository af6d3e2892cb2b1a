#include "tb/estimate/contention.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "accel/modules/train_split.h"
#include "accel/soc/axi_port.h"
#include "accel/soc/ddr/port_streams.h"
#include "accel/soc/engine_ports.h"

namespace heatvit::estimate {
namespace {

using modules::BurstTrain;
using modules::Purpose;
using soc::MemoryPort;
using soc::ddr::PortStreams;

constexpr uint64_t kFsPerNs = 1'000'000;
constexpr int kSettled = 1;                        // trains
constexpr int kRounds = 2;                         // of who slows whom down
constexpr double kPlayed = 64 << 10;               // bytes of the slowest engine behind those
constexpr double kPlayedAlone = 32 << 10;          // the same of an engine alone
constexpr uint32_t kPlayedTrain = 128 << 10;       // of one train there, at the most
constexpr uint64_t kLongest = 400'000 * kFsPerNs;  // where one is nearly starved

constexpr uint32_t kPageBytes = 4096;  // of which bursts stay within one
// Of shapes that are told apart roughly: what is longer is alike.
constexpr uint32_t kRoughBytes = 96 << 10, kRoughRows = 32, kRoughPlanes = 8;

/// Of a tile of weights, roughly: a space of many tilings has few of them.
uint32_t packed_bytes(const soc::SocConfig& config) {
  constexpr int64_t kStep = 8 << 10, kMost = 96 << 10;
  return static_cast<uint32_t>(std::clamp(config.accel.weight_slot() / kStep * kStep, kStep, kMost));
}

/// An engine that asks for one train after the other: rows of a matrix, or, for weights, what lies packed.
class Player {
 public:
  /// `played`: as much of `train` as moves of it.
  Player(const soc::SocConfig& config, const BurstTrain& train, const BurstTrain& played,
         const std::vector<MemoryPort>& ports)
      : ports_(ports), train_(train), played_(played) {
    const auto beat_fs = static_cast<uint64_t>(1e9 / config.pl_clock_mhz);
    beat_fs_ = beat_fs;
    for (const MemoryPort port : ports) {
      const bool coherent = port == MemoryPort::kHpc0 || port == MemoryPort::kHpc1;
      timing_.push_back(port_timing(soc::fabric_port(config.axi, coherent), beat_fs, train_.purpose, train_.write));
      timing_.back().second_reader = soc::second_reader(port);
    }
  }

  /// The next train, on all of its ports.
  void begin(PortStreams& streams, uint64_t now) {
    const modules::TrainShares whole = modules::split_train(train_, static_cast<int>(ports_.size()));
    modules::TrainShares shares = modules::split_train(played_, static_cast<int>(ports_.size()));
    under_way_.clear();
    for (int i = 0; i < shares.count; ++i) {
      const auto at = static_cast<size_t>(i);
      shares.share[at].address = whole.share[at].address;
      const size_t index = PortStreams::index_of(static_cast<int>(ports_[at]), train_.write, timing_[at].second_reader);
      streams.begin(index, shares.share[at], timing_[at], now);
      under_way_.push_back({index, at, wake(streams, index, at, now)});
    }
  }

  uint64_t next() const {
    uint64_t time = UINT64_MAX;
    for (const Share& s : under_way_) time = std::min(time, s.wake);
    return time;
  }

  /// At `now`, to which the streams have advanced.
  void resume(PortStreams& streams, uint64_t now) {
    for (size_t i = 0; i < under_way_.size();) {
      Share& s = under_way_[i];
      if (s.wake > now) {
        ++i;
      } else if (streams.stream(s.index).cutter.remaining() != 0 || finish(streams, s) > now) {
        s.wake = wake(streams, s.index, s.port, now);
        ++i;
      } else {
        under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (!under_way_.empty()) return;
    ++trains_;
    if (trains_ <= kSettled)
      settled_ = now;
    else
      bytes_ += static_cast<double>(played_.bytes());
    // The next rows: of engines that keep different paces the banks meet in all ways.
    train_.address += train_.pitch != 0 ? train_.pitch * train_.rows : train_.row_bytes;
    begin(streams, now + beat_fs_);
  }

  double played() const { return bytes_; }

  /// Bytes a ns from the time when the start was over.
  double rate(const PortStreams& streams, uint64_t now) const {
    double bytes = bytes_ + static_cast<double>(played_.bytes());
    for (const Share& s : under_way_) bytes -= static_cast<double>(streams.stream(s.index).cutter.remaining());
    return bytes / static_cast<double>(now - settled_) * kFsPerNs;
  }

 private:
  struct Share {
    size_t index, port;
    uint64_t wake;
  };
  uint64_t finish(const PortStreams& streams, const Share& s) const {
    return streams.stream(s.index).finish + timing_[s.port].tail_fs;
  }
  uint64_t wake(const PortStreams& streams, size_t index, size_t port, uint64_t now) const {
    const PortStreams::Stream& s = streams.stream(index);
    if (s.cutter.remaining() == 0) return std::max(now + 1, s.finish + timing_[port].tail_fs);
    return std::max(streams.earliest_finish(s) + timing_[port].tail_fs, now + beat_fs_);
  }

  const std::vector<MemoryPort>& ports_;
  std::vector<modules::PortTiming> timing_;
  BurstTrain train_, played_;
  uint64_t beat_fs_ = 0, settled_ = 0;
  int trains_ = 0;
  double bytes_ = 0;
  std::vector<Share> under_way_;
};

const std::vector<MemoryPort>& ports_of(const soc::EnginePorts& ports, Engine engine) {
  return engine == Engine::kInput ? ports.input : engine == Engine::kWeights ? ports.weight : ports.output;
}

}  // namespace

/// The memory that trains are played at, one play after the other: a new one for each took longer than the play.
struct PlayedMemory {
  explicit PlayedMemory(const soc::SocConfig& config) : path(config.axi.path_mhz, 16), streams(config.ddr) {
    streams.set_path(MemoryPort::kHp1, &path);
    streams.set_path(MemoryPort::kHp2, &path);
  }

  soc::SharedPath path;
  PortStreams streams;
};

namespace {

/// Plays until each has moved so many bytes since the start was over, or all together as many for each.
class Play {
 public:
  Play(const soc::SocConfig& config, PlayedMemory& memory)
      : config_(config), wired_(soc::engine_ports(config.dma)), streams_(memory.streams) {
    streams_.reset(0);
    memory.path.reset(0);
  }

  void add(Engine engine, const BurstTrain& train, const BurstTrain& played) {
    players_.emplace_back(config_, train, played, ports_of(wired_, engine));
    players_.back().begin(streams_, 0);
  }
  void run(double bytes) {
    for (double least = 0, all = 0; least < bytes && all < kEngines * bytes && now_ < kLongest;) {
      now_ = UINT64_MAX;
      for (const Player& p : players_) now_ = std::min(now_, p.next());
      streams_.advance(now_);
      least = bytes, all = 0;
      for (Player& p : players_) {
        p.resume(streams_, now_);
        least = std::min(least, p.played());
        all += p.played();
      }
    }
  }
  /// Of the one that was added so, bytes a ns.
  double rate(size_t player) const { return players_[player].rate(streams_, now_); }

 private:
  const soc::SocConfig& config_;
  soc::EnginePorts wired_;
  PortStreams& streams_;
  std::vector<Player> players_;
  uint64_t now_ = 0;
};

/// Matrices of their own, a little further than a power of two apart.
uint32_t address_of(size_t engine) { return (1 + static_cast<uint32_t>(engine)) * ((48U << 20) + (36U << 10)); }

/// Rows of a matrix, of 256 bytes each; of weights, which lie packed, a tile.
BurstTrain played_train(const soc::SocConfig& config, Engine engine) {
  BurstTrain train;
  train.write = engine == Engine::kOutput;
  train.purpose = purpose_of(engine);
  if (engine == Engine::kWeights)
    train.row_bytes = packed_bytes(config);
  else
    train.row_bytes = 256, train.rows = 32, train.pitch = 1024;
  train.address = address_of(static_cast<size_t>(engine));
  return train;
}

using Trains = std::array<BurstTrain, kEngines>;  // without rows: the engine moves none

MemoryShares measure(const soc::SocConfig& config, PlayedMemory& memory, const Trains& trains, const Trains& played) {
  MemoryShares shares;
  for (size_t who = 1; who < shares.rates.size(); ++who) {
    bool all = true;
    for (size_t e = 0; e < kEngines; ++e) all = all && ((who >> e & 1) == 0 || trains[e].rows != 0);
    if (!all) continue;
    Play play(config, memory);
    for (size_t e = 0; e < kEngines; ++e)
      if ((who >> e & 1) != 0) play.add(static_cast<Engine>(e), trains[e], played[e]);
    play.run(kPlayed);
    size_t next = 0;
    for (size_t e = 0; e < kEngines; ++e)
      if ((who >> e & 1) != 0) shares.rates[who][e] = play.rate(next++);
  }
  return shares;
}

/// Down to a power of two, or to one and a half times one.
uint32_t roughly(uint32_t value, uint32_t from) {
  if (value <= from) return value;
  uint32_t power = 1;
  while (power <= value / 2) power *= 2;
  return value >= power / 2 * 3 ? power / 2 * 3 : power;
}

/// What it depends on.
auto key_of(const soc::SocConfig& c) {
  const soc::DdrConfig& d = c.ddr;
  const soc::AxiConfig& a = c.axi;
  return std::tuple(std::tuple(packed_bytes(c), c.dma.input_ports, c.dma.weight_ports, c.dma.output_ports,
                               c.pl_clock_mhz, a.bytes_of(Purpose::kInput), a.bytes_of(Purpose::kWeights),
                               a.bytes_of(Purpose::kOutput), a.max_beats, a.outstanding, a.read_latency_cycles,
                               a.write_latency_cycles, a.setup_cycles, a.crossing_cycles, a.coherent_ns, a.path_mhz),
                    std::tuple(d.map, d.mega_transfers, d.bus_bytes, d.bank_groups, d.banks, d.row_bits, d.column_bits,
                               d.t_cl_ns, d.t_cwl_ns, d.t_rcd_ns, d.t_rp_ns, d.t_ras_ns, d.t_rc_ns, d.t_rrd_s_ns,
                               d.t_rrd_l_ns, d.t_ccd_l_ns, d.t_faw_ns, d.t_wtr_s_ns, d.t_wtr_l_ns, d.t_rtp_ns,
                               d.t_wr_ns, d.t_rfc_ns, d.t_refi_ns, d.turnaround_ns),
                    std::tuple(d.read_queue, d.write_queue, d.drain_high, d.drain_low, d.window, d.age_limit_ns,
                               d.idle_switch_ns, d.page, d.page_timeout_ns, d.controller_ns));
}

}  // namespace

BurstTrain TrainShape::train() const {
  BurstTrain t;
  t.write = static_cast<Engine>(engine) == Engine::kOutput;
  t.purpose = purpose_of(static_cast<Engine>(engine));
  t.address = address_of(engine) / kPageBytes * kPageBytes + offset;
  t.row_bytes = row_bytes, t.rows = rows, t.pitch = pitch;
  t.planes = planes, t.plane_pitch = plane_pitch;
  return t;
}

BurstTrain TrainShape::played(int ports) const {
  BurstTrain t = train();
  if (t.bytes() <= kPlayedTrain) return t;
  if (rows == 1 && planes == 1)
    t.row_bytes = kPlayedTrain;
  else  // a row for each port at least: they are dealt so
    t.rows = std::max(std::min(rows, static_cast<uint32_t>(ports)),
                      std::min(rows, kPlayedTrain / std::max(1U, row_bytes * planes)));
  return t;
}

TrainShape shape_of(const soc::SocConfig& config, Engine engine, const BurstTrain& train, int ports) {
  TrainShape s;
  s.engine = static_cast<uint32_t>(engine);
  if (ports > 1 || config.ddr.page == soc::PagePolicyKind::kClosed) {
    s.offset = train.address % kPageBytes;
    s.row_bytes = train.row_bytes, s.rows = train.rows, s.pitch = train.pitch;
    s.planes = train.planes, s.plane_pitch = train.plane_pitch;
  } else if (train.planes == 1 && (train.rows == 1 || train.pitch == train.row_bytes)) {
    s.row_bytes = roughly(std::min(static_cast<uint32_t>(train.bytes()), kRoughBytes), 256);
  } else {
    s.row_bytes = roughly(train.row_bytes, 64), s.pitch = train.pitch;
    s.rows = roughly(std::min(train.rows, kRoughRows), 4);
    s.planes = std::min(train.planes, kRoughPlanes), s.plane_pitch = train.plane_pitch;
  }
  return s;
}

double played_alone(KnownMemory& memory, const soc::SocConfig& config, const TrainShape& shape) {
  const auto engine = static_cast<Engine>(shape.engine);
  const auto ports = ports_of(soc::engine_ports(config.dma), engine).size();
  const BurstTrain played = shape.played(static_cast<int>(ports));
  Play play(config, *memory.played);
  play.add(engine, shape.train(), played);
  play.run(kPlayedAlone);
  return static_cast<double>(played.bytes()) / play.rate(0);
}

void ShapeTable::add(const TrainShape& shape, double value) {
  if (2 * (count_ + 1) > entries_.size()) {
    const std::vector<TrainShape> entries = std::move(entries_);
    const std::vector<double> values = std::move(values_);
    const size_t size = std::max<size_t>(64, 2 * entries.size());
    entries_.assign(size, {});
    for (TrainShape& empty : entries_) empty.rows = 0;
    values_.assign(size, 0);
    count_ = 0;
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i].rows != 0) add(entries[i], values[i]);
  }
  size_t i = shape.hash() & (entries_.size() - 1);
  while (entries_[i].rows != 0) i = (i + 1) & (entries_.size() - 1);
  entries_[i] = shape;
  values_[i] = value;
  ++count_;
}

double MemoryShares::waits() const {
  double most = 0;
  for (size_t who = 1; who < rates.size(); ++who)
    for (size_t e = 0; e < kEngines; ++e)
      if ((who >> e & 1) != 0) most = std::max(most, 1 - rates[who][e] / alone(static_cast<Engine>(e)));
  return most;
}

double MemoryShares::most() const {
  double most = 0;
  for (const auto& r : rates) most = std::max(most, r[0] + r[1] + r[2]);
  return most;
}

Slowdowns MemoryShares::slowdowns(const EngineUse& use) const {
  constexpr auto kOut = static_cast<size_t>(Engine::kOutput);
  const auto& all = rates.back();
  // While the first tile is loaded nothing is stored, while the last is stored nothing loaded.
  const double with_stores = 1 - 1 / std::max(1.0, use.stores);
  const auto moves = [this](size_t engine) { return rates[size_t{1} << engine][engine] > 0; };
  Slowdowns slow{1, 1, 1};
  std::array<double, kEngines> share = use.busy;
  for (int round = 0; round < kRounds; ++round) {
    // Each is under way when it likes: it goes at the mean of the rates it has beside those that are, by their time.
    for (size_t self = 0; self < kEngines; ++self) {
      if (use.busy[self] <= 0 || !moves(self)) continue;
      const size_t x = self == 0 ? 1 : 0, y = self == kOut ? 1 : kOut;
      const size_t i = size_t{1} << self, with_x = i | size_t{1} << x, with_y = i | size_t{1} << y;
      const double meets_x = self == kOut ? with_stores : 1, meets_y = with_stores;
      const double px = moves(x) ? std::min(1.0, share[x]) * meets_x : 0, own = rates[i][self];
      const double py = moves(y) ? std::min(1.0, share[y]) * meets_y : 0;
      const double rate = (1 - py) * ((1 - px) * own + px * std::min(own, rates[with_x][self])) +
                          py * ((1 - px) * std::min(own, rates[with_y][self]) + px * std::min(own, all[self]));
      // Nobody waits for longer than what they share, memory or path, takes for the others' bytes: what passes of two
      // that ask at once is what it can do.
      const auto taken = [&](size_t other, double meets) {
        const auto& pair = rates[i | size_t{1} << other];
        return moves(other) ? use.busy[other] * meets * rates[size_t{1} << other][other] / (pair[self] + pair[other])
                            : 0;
      };
      const double others = taken(x, meets_x) + taken(y, meets_y);
      slow[self] = std::min(own / std::max(rate, 1e-9), 1 + others / use.busy[self]);
    }
    // Who is slowed down is under way for longer; where that makes the command longer, all are for a smaller share.
    double longer = 1;
    for (size_t e = 0; e < kEngines; ++e) longer = std::max(longer, share[e] = use.busy[e] * slow[e]);
    for (double& s : share) s /= longer;
  }
  return slow;
}

KnownMemory& known_memory(const soc::SocConfig& config) {
  thread_local std::map<decltype(key_of(config)), KnownMemory> known;
  const auto key = key_of(config);
  auto found = known.find(key);
  if (found == known.end()) {
    Trains trains;
    for (size_t e = 0; e < kEngines; ++e) trains[e] = played_train(config, static_cast<Engine>(e));
    const auto memory = std::make_shared<PlayedMemory>(config);
    found = known.emplace(key, KnownMemory{measure(config, *memory, trains, trains), {}, {}, memory}).first;
  }
  return found->second;
}

const MemoryShares& shares_of(KnownMemory& memory, const soc::SocConfig& config, const CommandTrains& trains) {
  const auto known = memory.shares_of.find(trains);
  if (known != memory.shares_of.end()) return known->second;
  Trains whole, played;
  const soc::EnginePorts ports = soc::engine_ports(config.dma);
  for (size_t e = 0; e < kEngines; ++e) {
    whole[e] = trains[e].train();
    played[e] = trains[e].played(static_cast<int>(ports_of(ports, static_cast<Engine>(e)).size()));
  }
  return memory.shares_of.emplace(trains, measure(config, *memory.played, whole, played)).first->second;
}

}  // namespace heatvit::estimate
