// Closed form of a burst train's time: what an AXI port and the DDR controller take for it when little else is on the
// bus. The same parameters and the same burst rules (row end, AXI limit, 4 KiB page) as accel/soc/ddr_controller.cpp,
// without bank state: the first burst of a train opens a row, later ones do so once a DDR row's worth of bytes.
#pragma once

#include "accel/modules/burst_train.h"
#include "accel/soc/config.h"

namespace heatvit::estimate {

/// One port and the controller behind it.
class MemoryPath {
 public:
  /// A fabric port (HP, HPC) and what moves through it.
  static MemoryPath fabric(const soc::SocConfig& config, modules::Purpose purpose);
  /// The CPU cluster's port: 64-byte lines, no interconnect latency.
  static MemoryPath host(const soc::SocConfig& config);

  /// PL cycles from the call to its return.
  double cost(const modules::BurstTrain& train, bool write) const;

 private:
  int beat_bytes_ = 16, burst_bytes_ = 256;
  double outstanding_ = 8, beat_ns_ = 0, pl_ns_ = 0;
  double read_lead_ns_ = 0, read_tail_ns_ = 0, write_lead_ns_ = 0, write_tail_ns_ = 0;
  double access_ns_ = 0, miss_ns_ = 0, column_ns_ = 0, row_bytes_ = 8192;
};

}  // namespace heatvit::estimate
