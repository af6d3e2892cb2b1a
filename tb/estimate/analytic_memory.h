// Closed form of a burst train's time: what an AXI port and the DDR controller take for it when little else is on the
// bus. The same parameters and the same burst rules (row end, AXI limit, 4 KiB page) as accel/soc/ddr_controller.cpp.
// Of the banks it knows what a long sequential stream makes of them under the address map: how often rows are opened,
// and what a block takes where the rules of the device alone hold it up.
#pragma once

#include "accel/modules/train.h"
#include "accel/soc/config.h"

namespace heatvit::estimate {

/// Blocks of one burst of eight that lie one behind the other, as fast as the device allows.
struct SequentialStream {
  uint64_t memory_bytes = 0;  // of the whole device
  double block_bytes = 64;
  double block_ns = 0;   // from block to block, openings of rows and refreshes included
  double row_bytes = 0;  // from one opening of a row to the next
};
SequentialStream sequential_stream(const soc::DdrConfig& config);

/// One port and the controller behind it.
class MemoryPath {
 public:
  /// A fabric port and what moves through it, which says how wide its beats are; `on_path`: how many of the engine's
  /// ports are on the path that HP1 and HP2 share.
  static MemoryPath fabric(const soc::SocConfig& config, const SequentialStream& stream, modules::Purpose what,
                           soc::MemoryPort port, int on_path);
  /// The CPU cluster's port: 64-byte lines, no interconnect latency.
  static MemoryPath host(const soc::SocConfig& config, const SequentialStream& stream);

  /// PL cycles from the call to its return.
  double cost(const modules::BurstTrain& train, bool write) const;

 private:
  int beat_bytes_ = 16, burst_bytes_ = 256;
  bool cross_pages_ = false;  // bursts in a row, some of them
  double outstanding_ = 8, beat_ns_ = 0, pl_ns_ = 0;
  double path_byte_ns_ = 0;  // of a path that the port shares
  double read_lead_ns_ = 0, read_tail_ns_ = 0, write_lead_ns_ = 0, write_tail_ns_ = 0;
  double access_ns_ = 0, first_miss_ns_ = 0, miss_ns_ = 0, refresh_ = 1;
  bool closes_ = false;  // a row with its last request that is known
  SequentialStream stream_;
};

}  // namespace heatvit::estimate
