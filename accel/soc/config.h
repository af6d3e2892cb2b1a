// Every parameter of the simulated system. Units in the names; defaults are the board's or, where no source is known,
// our choice (docs/parameters.md has the source of each).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>

#include "accel/isa/hardware.h"
#include "accel/modules/config.h"
#include "accel/modules/train.h"

namespace heatvit::soc {

using modules::BufferConfig;
using modules::ControlConfig;
using modules::DebugConfig;
using modules::DependencyGrain;
using modules::DmaConfig;
using modules::Fault;
using modules::Overlap;
using modules::StageRule;
using modules::VectorConfig;

struct AxiConfig {                                          // the fabric's master ports
  int beat_bytes = 16;                                      // 128 bit
  int input_bytes = 0, weight_bytes = 0, output_bytes = 0;  // of an engine's ports, where not as above
  int max_beats = 16;                                       // AXI3 limit of the PS ports
  int outstanding = 8;                                      // bursts in flight on a port, of each direction
  int read_latency_cycles = 12;  // PL cycles: address to first beat through the PS interconnect, DDR excluded
  int write_latency_cycles = 8;
  int setup_cycles = 4;       // DMA descriptor to first address
  int crossing_cycles = 2;    // PL cycles, clock-domain crossing, each way (two flip-flops)
  double coherent_ns = 40.0;  // HPC0/1: additional way through the coherent interconnect, there and back
  double path_mhz = 533.0;    // clock of the 128-bit path that HP1 and HP2 share to the DDR controller

  /// Bytes a beat of what serves this purpose.
  int bytes_of(modules::Purpose purpose) const {
    const int own = purpose == modules::Purpose::kInput     ? input_bytes
                    : purpose == modules::Purpose::kWeights ? weight_bytes
                    : purpose == modules::Purpose::kOutput  ? output_bytes
                                                            : 0;
    return own != 0 ? own : beat_bytes;
  }
};

enum class PagePolicyKind : uint8_t { kOpen, kClosed, kTimeout };
enum class ArbitrationKind : uint8_t { kRoundRobin, kQos };

/// Who masters the memory: fabric ports, then the processing system's own.
enum class MemoryPort : uint8_t { kHp0, kHp1, kHp2, kHp3, kHpc0, kHpc1, kCpu, kTraffic };
constexpr int kMemoryPorts = 8;
constexpr int kReadPorts = 6;  // for inputs and weights: HP0 to HP3, HPC1, and HPC0 beside the commands
constexpr std::array<const char*, kMemoryPorts> kMemoryPortNames = {"hp0",  "hp1",  "hp2", "hp3",
                                                                    "hpc0", "hpc1", "cpu", "traffic"};

/// DDR4 device and controller. Defaults: DDR4-2133P x8 on the PS, the same as configs/ddr/ddr4-2133p-x8.ini, which
/// cites the source of each timing.
struct DdrConfig {
  double mega_transfers = 2133.33;
  int bus_bytes = 8;
  int bank_groups = 4;
  int banks = 4;  // of a group
  int row_bits = 15;
  int column_bits = 10;
  double t_cl_ns = 14.06, t_cwl_ns = 13.13, t_rcd_ns = 14.06, t_rp_ns = 14.06, t_ras_ns = 33.0, t_rc_ns = 47.06;
  double t_rrd_s_ns = 3.7, t_rrd_l_ns = 5.3, t_ccd_l_ns = 5.355, t_faw_ns = 30.0;  // tCCD_S is 4 clocks by definition
  double t_wtr_s_ns = 2.5, t_wtr_l_ns = 7.5, t_rtp_ns = 7.5, t_wr_ns = 15.0;
  double t_rfc_ns = 260.0, t_refi_ns = 7800.0;
  double turnaround_ns = 1.87;               // free data bus between a read's and a write's data
  std::string map = "r14-0 b1-0 c9-3 g1-0";  // ddr/address_map.h
  int read_queue = 64, write_queue = 64;     // entries of one column access (64 bytes on a 64-bit bus)
  int drain_high = 48, drain_low = 16;       // entries in the write queue
  int window = 32;                           // requests the scheduler compares
  double age_limit_ns = 2000.0;              // a request that waited longer goes first
  double idle_switch_ns = 15.0;              // no read waits for so long: writes below the watermark go
  PagePolicyKind page = PagePolicyKind::kOpen;
  double page_timeout_ns = 500.0;
  ArbitrationKind arbitration = ArbitrationKind::kRoundRobin;
  std::array<int, kMemoryPorts> qos{};  // larger goes first where arbitration is qos
  double controller_ns = 25.0;          // controller and PHY, each access, besides the queue
  int64_t capacity = int64_t{2} << 30;
  double traffic_gbs = 0;  // host load beside the accelerator, --traffic cpu:GBps

  /// Open row of all devices of the bus together.
  int row_bytes() const { return (1 << column_bits) * bus_bytes; }
};

struct CpuConfig {
  double clock_mhz = 1200.0;                  // Cortex-A53
  double layernorm_cycles_per_element = 3.0;  // NEON, two passes over a cached row: docs/host.md
  double cache_cycles_per_line = 6.0;         // invalidate before, clean after, 64-byte lines
  double interrupt_ns = 1000.0;               // raise to handler
  double register_ns = 120.0;                 // one AXI-Lite access through HPM0
  double bus_mhz = 533.0;                     // 128-bit port of the CPU cluster into the DDR controller
  int rows_per_chunk = 16;                    // LayerNorm: rows read, normalised, written in turn
};

struct MappingConfig {            // how the design is mapped to the FPGA: resources and energy, never a cycle
  int packing = 2;                // int8 products a DSP48E2 forms; 16-bit operands: always one
  bool constants_in_lut = false;  // multiplications by constants: in LUTs, else in DSP slices
  int lutram_depth = 64;          // a buffer of at most so many words lies in LUT RAM
};

/// Energy coefficients: docs/power.md derives each. Currents are of one DDR4 device.
struct PowerConfig {
  double pl_static_w = 0.7;  // fabric of the XCZU9EG at room temperature
  double ps_w = 2.215;       // processing system: cores, interconnect, DDR controller and PHY
  double dsp_pj = 3.6;       // a DSP48E2, a busy cycle
  double bram_pj = 12.6;     // 36 bits read from or written to a block RAM
  double lut_pj = 0.014;     // a LUT with its wires, a busy cycle of its unit
  double ff_pj = 0.01;       // a flip-flop with its share of the clock tree, every cycle
  double ddr_vdd = 1.2;
  int ddr_devices = 8;  // x8 on a 64-bit bus
  double ddr_idd0_ma = 55, ddr_idd2n_ma = 42, ddr_idd3n_ma = 55;
  double ddr_idd4r_ma = 135, ddr_idd4w_ma = 155, ddr_idd5_ma = 170;
  double ddr_io_pj_per_bit = 4.1;  // driver and termination of a data line
};

/// What of AcceleratorConfig is on where this hardware does it for the network at hand; off until somebody who knows
/// both says so (tb/config/settle.h).
struct AutomaticConfig {
  bool fuse_attention = false, chain_attention = false, chain_layernorm = false, chain_mlp = false,
       residual_on_chip = false, selector_on_chip = false, pack_rows = false;

  /// Everything: with a member that is not named here it does not compile.
  auto fields() const {
    const auto& [fuse, attention, norm, mlp, residual, selector, pack] = *this;
    return std::tie(fuse, attention, norm, mlp, residual, selector, pack);
  }
};

/// Logic that no parameter names and only some pruning policies need: there where whoever knows the policy says so
/// (tb/config/settle.h). Resources and energy, never a cycle.
struct PolicyConfig {
  bool merging = false;  // tokens are merged: partners, means by size, softmax by size
  bool fusing = false;   // the package is a sum with a divisor of its own
};

struct SocConfig {
  isa::AcceleratorConfig accel;
  AutomaticConfig automatic;
  PolicyConfig policy;
  MappingConfig mapping;
  double pl_clock_mhz = 150.0;
  StageRule stage_rule = StageRule::kClock;
  BufferConfig buffers;
  DmaConfig dma;
  ControlConfig control;
  VectorConfig vector;
  AxiConfig axi;
  DdrConfig ddr;
  CpuConfig cpu;
  PowerConfig power;
  DebugConfig debug;

  kernels::Stages stages() const { return modules::stages_of(stage_rule, pl_clock_mhz); }
  modules::VectorTiming vector_timing() const { return {vector, stages()}; }
};

}  // namespace heatvit::soc
