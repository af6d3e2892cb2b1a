#include "tb/estimate/analytic_memory.h"

#include <algorithm>
#include <cmath>

namespace heatvit::estimate {
namespace {

constexpr int kColumnBytes = 64;  // BL8 on a 64-bit bus
constexpr int kPage = 4096;       // AXI bursts do not cross it

}  // namespace

MemoryPath MemoryPath::fabric(const soc::SocConfig& c, modules::Purpose purpose) {
  MemoryPath path;
  path.pl_ns_ = path.beat_ns_ = 1000.0 / c.pl_clock_mhz;
  path.beat_bytes_ = c.axi.bytes_of(purpose);
  path.burst_bytes_ = std::min(path.beat_bytes_ * c.axi.max_beats, kPage);
  path.outstanding_ = c.axi.outstanding;
  const int read_there = c.axi.read_latency_cycles / 2, write_there = c.axi.write_latency_cycles / 2;
  path.read_lead_ns_ = (c.axi.setup_cycles + read_there) * path.pl_ns_;
  path.read_tail_ns_ = (c.axi.read_latency_cycles - read_there) * path.pl_ns_;
  path.write_lead_ns_ = (c.axi.setup_cycles + write_there) * path.pl_ns_;
  path.write_tail_ns_ = (c.axi.write_latency_cycles - write_there) * path.pl_ns_;
  path.access_ns_ = c.ddr.controller_ns + c.ddr.t_cl_ns;
  path.miss_ns_ = c.ddr.t_rp_ns + c.ddr.t_rcd_ns;
  path.column_ns_ = 1000.0 / c.ddr.mega_transfers * kColumnBytes / c.ddr.bus_bytes;
  path.row_bytes_ = c.ddr.row_bytes();
  return path;
}

MemoryPath MemoryPath::host(const soc::SocConfig& c) {
  MemoryPath path = fabric(c, modules::Purpose::kCpu);
  path.beat_ns_ = 1000.0 / c.cpu.bus_mhz;
  path.beat_bytes_ = 16;
  path.burst_bytes_ = 64;
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
  if (offset % burst_bytes_ != 0 || kPage % burst_bytes_ != 0 || t.rows > 1) row_bursts += crossings;
  double row_beats = std::ceil(static_cast<double>(t.row_bytes + static_cast<uint32_t>(skew)) / beat_bytes_);
  if (t.rows > 1 && t.pitch % static_cast<uint32_t>(beat_bytes_) != 0) row_beats += 0.5;
  const double bursts = rows * row_bursts;
  const double burst_ns = row_beats / row_bursts * beat_ns_;
  const double columns = std::ceil(static_cast<double>(t.row_bytes) / row_bursts / kColumnBytes) * column_ns_;

  const double spread = t.rows == 1 ? t.row_bytes : static_cast<double>(t.pitch) * t.rows;
  const double misses = std::max(1.0, spread / row_bytes_) * t.planes;
  const double latency = access_ns_ + columns;
  const double later = latency + miss_ns_ * (misses - 1) / bursts;
  double ns = 0;
  if (write) {
    const double period = std::max({burst_ns, beat_ns_, columns, (burst_ns + later) / outstanding_});
    ns = write_lead_ns_ + burst_ns + (bursts - 1) * period + latency + miss_ns_ + write_tail_ns_;
  } else {
    const double period = std::max({burst_ns, beat_ns_, columns, later / outstanding_});
    ns = read_lead_ns_ + std::max(latency + miss_ns_, burst_ns) + (bursts - 1) * period + read_tail_ns_;
  }
  return std::ceil(ns / pl_ns_ - 1e-6);
}

}  // namespace heatvit::estimate
