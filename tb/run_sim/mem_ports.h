// Fabric masters on the board's HP ports: nothing but ports, paths and the DDR controller.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/soc/config.h"

namespace heatvit::tb {

struct PortPattern {
  std::vector<int> ports;  // HP numbers
  uint32_t burst = 256;    // bytes of a master's request
  bool reads = true, writes = false;
  uint64_t bytes = 0;  // over all ports and directions
};

/// What one master moved, and until when.
struct PortRun {
  int port = 0;
  uint64_t bytes = 0;
  double seconds = 0;
};

struct MemoryRun {
  uint64_t bytes = 0, cycles = 0;  // cycles: memory clocks, first request to last data
  uint64_t row_hits = 0, row_misses = 0, refreshes = 0;
  std::vector<double> read_latency_ns;  // of each request: arrival at the controller to its first burst's last data
  std::vector<PortRun> ports;           // none of a trace
};

/// Every port streams through regions of its own, one for reads, one for writes, which lie end to end from address 0.
/// Once a process. Throws InputError: shares below one request, more than the memory holds.
MemoryRun drive_ports(const soc::SocConfig& config, const PortPattern& pattern);

}  // namespace heatvit::tb
