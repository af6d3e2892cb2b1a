#include "tb/estimate/analytic_memory.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/soc/ddr/address_map.h"
#include "accel/soc/ddr/timing.h"

namespace heatvit::estimate {
namespace {

constexpr int kPage = 4096;  // AXI bursts do not cross it
constexpr uint64_t kBlocks = 4096;

/// Walks blocks in order under the rules of the device; rows are opened as early as the read queue lets the controller
/// look ahead.
SequentialStream walk(const soc::DdrConfig& c) {
  const soc::ddr::Timing t = soc::ddr::make_timing(c);
  const soc::ddr::AddressMap map(c);
  constexpr int64_t kLong = -1000000;
  struct Bank {
    int64_t opened = kLong, column = kLong;
    uint32_t row = UINT32_MAX;
  };
  std::vector<Bank> banks(map.banks());
  std::vector<int64_t> columns(kBlocks, 0);
  std::array<int64_t, 4> opened{kLong, kLong, kLong, kLong};  // the last four
  int64_t last_opened_group = -1;
  uint64_t openings = 0;
  const auto ahead = static_cast<uint64_t>(std::max(1, std::min(c.read_queue, c.window)));
  int64_t now = 0;
  uint32_t last_group = UINT32_MAX;
  for (uint64_t i = 0; i < kBlocks; ++i) {
    const soc::ddr::Location at = map.locate(i);
    Bank& bank = banks[at.bank];
    const uint32_t group = map.group_of(at.bank);
    int64_t earliest = i == 0 ? 0 : now + (group == last_group ? t.ccd_l : t.ccd_s);
    if (bank.row != at.row) {
      int64_t open = i >= ahead ? columns[i - ahead] : 0;
      open = std::max({open, bank.opened + t.rc, bank.column + t.rtp + t.rp, opened[0] + t.faw,
                       opened[3] + (static_cast<int64_t>(group) == last_opened_group ? t.rrd_l : t.rrd_s)});
      opened = {opened[1], opened[2], opened[3], open};
      last_opened_group = group;
      bank.opened = open;
      bank.row = at.row;
      ++openings;
      earliest = std::max(earliest, open + t.rcd);
    }
    now = columns[i] = bank.column = earliest;
    last_group = group;
  }
  SequentialStream s;
  s.memory_bytes = map.bytes();
  s.block_bytes = map.block_bytes();
  // Of the second half: the start is over.
  s.block_ns = static_cast<double>(columns[kBlocks - 1] - columns[kBlocks / 2 - 1]) / (kBlocks / 2) *
               static_cast<double>(t.clock_fs) * 1e-6;
  s.row_bytes = static_cast<double>(kBlocks * map.block_bytes()) / static_cast<double>(openings);
  return s;
}

/// What the walk depends on.
auto key_of(const soc::DdrConfig& c) {
  return std::tuple(c.map, c.mega_transfers, c.bus_bytes, c.bank_groups, c.banks, c.row_bits, c.column_bits, c.t_rcd_ns,
                    c.t_rp_ns, c.t_rc_ns, c.t_rrd_s_ns, c.t_rrd_l_ns, c.t_ccd_l_ns, c.t_faw_ns, c.t_rtp_ns,
                    c.read_queue, c.window);
}

}  // namespace

SequentialStream sequential_stream(const soc::DdrConfig& c) {
  // Points of a design space have few memories.
  thread_local std::map<decltype(key_of(c)), SequentialStream> known;
  const auto key = key_of(c);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, walk(c)).first;
  return found->second;
}

MemoryPath MemoryPath::fabric(const soc::SocConfig& c, const SequentialStream& stream, modules::Purpose what,
                              soc::MemoryPort port, int on_path) {
  MemoryPath path;
  path.pl_ns_ = path.beat_ns_ = 1000.0 / c.pl_clock_mhz;
  path.beat_bytes_ = c.axi.bytes_of(what);
  if ((path.beat_bytes_ & (path.beat_bytes_ - 1)) != 0)
    throw InputError("bytes of a beat must be a power of two, got " + std::to_string(path.beat_bytes_));
  path.burst_bytes_ = std::min(path.beat_bytes_ * c.axi.max_beats, kPage);
  path.cross_pages_ = kPage % path.burst_bytes_ != 0;
  path.outstanding_ = c.axi.outstanding;
  const int read_there = c.axi.read_latency_cycles / 2, write_there = c.axi.write_latency_cycles / 2;
  const bool coherent = port == soc::MemoryPort::kHpc0 || port == soc::MemoryPort::kHpc1;
  const double extra = coherent ? c.axi.coherent_ns / 2 : 0;
  const int crossing = c.axi.crossing_cycles;
  path.read_lead_ns_ = (c.axi.setup_cycles + read_there + crossing) * path.pl_ns_ + extra;
  path.read_tail_ns_ = (c.axi.read_latency_cycles - read_there + crossing) * path.pl_ns_ + extra;
  path.write_lead_ns_ = (c.axi.setup_cycles + write_there + crossing) * path.pl_ns_ + extra;
  path.write_tail_ns_ = (c.axi.write_latency_cycles - write_there + crossing) * path.pl_ns_ + extra;
  // A path of 16 bytes a clock; an engine that has both ports has half of it for each.
  if (port == soc::MemoryPort::kHp1 || port == soc::MemoryPort::kHp2)
    path.path_byte_ns_ = 1000.0 / c.axi.path_mhz / 16 * on_path;
  path.access_ns_ = c.ddr.controller_ns + c.ddr.t_cl_ns;
  path.closes_ = c.ddr.page == soc::PagePolicyKind::kClosed;
  path.miss_ns_ = c.ddr.t_rcd_ns + (path.closes_ ? 0 : c.ddr.t_rp_ns);
  path.first_miss_ns_ = c.ddr.t_rcd_ns + (c.ddr.page == soc::PagePolicyKind::kOpen ? c.ddr.t_rp_ns : 0);
  path.refresh_ = 1 + (c.ddr.t_rfc_ns + c.ddr.t_rp_ns + c.ddr.t_rcd_ns) / c.ddr.t_refi_ns;
  path.stream_ = stream;
  return path;
}

MemoryPath MemoryPath::host(const soc::SocConfig& c, const SequentialStream& stream) {
  MemoryPath path = fabric(c, stream, modules::Purpose::kCpu, soc::MemoryPort::kCpu, 0);
  path.beat_ns_ = 1000.0 / c.cpu.bus_mhz;
  path.beat_bytes_ = 16;
  path.burst_bytes_ = 64;
  path.cross_pages_ = false;
  path.read_lead_ns_ = path.read_tail_ns_ = path.write_lead_ns_ = path.write_tail_ns_ = 0;
  return path;
}

double MemoryPath::cost(const modules::BurstTrain& t, bool write) const {
  const double rows = static_cast<double>(t.rows) * t.planes;
  const int skew = static_cast<int>(t.address & static_cast<uint32_t>(beat_bytes_ - 1));
  const int offset = static_cast<int>(t.address & (kPage - 1));
  // A page boundary cuts a burst wherever bursts are not aligned to it; rows end bursts, too.
  double row_bursts = std::ceil(static_cast<double>(t.row_bytes + static_cast<uint32_t>(skew)) / burst_bytes_);
  const double crossings =
      t.rows == 1 ? (offset + static_cast<int>(t.row_bytes) - 1) / kPage : static_cast<double>(t.row_bytes - 1) / kPage;
  if (t.rows > 1 || cross_pages_ || offset % burst_bytes_ != 0) row_bursts += crossings;
  double row_beats = std::ceil(static_cast<double>(t.row_bytes + static_cast<uint32_t>(skew)) / beat_bytes_);
  if (t.rows > 1 && (t.pitch & static_cast<uint32_t>(beat_bytes_ - 1)) != 0) row_beats += 0.5;
  const double bursts = rows * row_bursts;
  const double burst_bytes = static_cast<double>(t.row_bytes) / row_bursts;
  const double burst_ns = std::max(row_beats / row_bursts * beat_ns_, burst_bytes * path_byte_ns_);
  const double columns = std::ceil(burst_bytes / stream_.block_bytes) * stream_.block_ns;

  const double spread = t.rows == 1 ? t.row_bytes : static_cast<double>(t.pitch) * t.rows;
  const double misses = std::max(1.0, spread / stream_.row_bytes) * t.planes;
  const double latency = access_ns_ + columns;
  // A closing controller keeps a row open as long as the next request is there before this one is served.
  const bool each = closes_ && (outstanding_ < 2 || burst_ns > columns);
  const double later = latency + miss_ns_ * (each ? 1.0 : (misses - 1) / bursts);
  double ns = 0;
  if (write) {  // posted: through when the write queue has it, which empties at the memory's pace
    const double period = std::max({burst_ns, beat_ns_, columns * refresh_});
    ns = write_lead_ns_ + burst_ns + (bursts - 1) * period + write_tail_ns_;
  } else {
    // Bursts in flight hide a refresh where the port is the slower one.
    const double period = std::max({burst_ns, beat_ns_, columns * refresh_, later * refresh_ / outstanding_});
    ns = read_lead_ns_ + std::max(latency + first_miss_ns_, burst_ns) + (bursts - 1) * period + read_tail_ns_;
  }
  return std::ceil(ns / pl_ns_ - 1e-6);
}

}  // namespace heatvit::estimate
