// Every parameter of the simulated system. Units in the names; defaults are the board's or, where no source is known,
// our choice (docs/parameters.md has the source of each).
#pragma once

#include <cstdint>

#include "accel/isa/hardware.h"
#include "accel/modules/config.h"

namespace heatvit::soc {

using modules::BufferConfig;
using modules::ControlConfig;
using modules::DebugConfig;
using modules::Fault;
using modules::VectorConfig;

struct AxiConfig {        // one fabric master port
  int beat_bytes = 16;    // 128 bit
  int max_beats = 16;     // AXI3 limit of the PS ports
  int outstanding = 8;    // bursts in flight
  int read_latency_cycles = 12;   // PL cycles: address to first beat through the PS interconnect, DDR excluded
  int write_latency_cycles = 8;
  int setup_cycles = 4;           // DMA descriptor to first address
};

struct DdrConfig {        // DDR4-2133P x8 on the PS, board preset; ns from JESD79-4 and the preset
  double mega_transfers = 2133.0;
  int bus_bytes = 8;
  int banks = 16;
  int row_bytes = 8192;   // open row of a rank: 1 KiB a device x 8
  double t_rcd_ns = 14.06, t_rp_ns = 14.06, t_cl_ns = 14.06, t_ras_ns = 33.0;
  double t_rfc_ns = 260.0, t_refi_ns = 7800.0;
  double turnaround_ns = 7.5;     // read to write and back
  double controller_ns = 25.0;    // queueing and PHY, each access
  int64_t capacity = int64_t{2} << 30;
};

struct CpuConfig {
  double clock_mhz = 1200.0;          // Cortex-A53
  double layernorm_cycles_per_element = 1.5;  // NEON, three passes over a cached row
  double cache_cycles_per_line = 6.0;  // invalidate before, clean after, 64-byte lines
  double interrupt_ns = 1000.0;        // raise to handler
  double register_ns = 120.0;          // one AXI-Lite access through HPM0
  double bus_mhz = 533.0;              // 128-bit port of the CPU cluster into the DDR controller
  int rows_per_chunk = 16;             // LayerNorm: rows read, normalised, written in turn
};

struct SocConfig {
  isa::AcceleratorConfig accel;
  double pl_clock_mhz = 150.0;
  BufferConfig buffers;
  ControlConfig control;
  VectorConfig vector;
  AxiConfig axi;
  DdrConfig ddr;
  CpuConfig cpu;
  DebugConfig debug;
};

}  // namespace heatvit::soc
