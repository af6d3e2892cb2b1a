// DDR4 timings in memory clocks, from nanoseconds.
//
// Rounding (JESD79-4, "rounding algorithms"): nCK = floor((t_ps * 1000 / tCK_ps + 974) / 1000) with tCK truncated to
// whole picoseconds: a parameter may miss a clock edge by 2.6 % of a clock. Where the standard gives "the larger of n
// clocks and t ns", the clocks are the standard's and stand here; the nanoseconds depend on the device and come from
// configs/ddr/.
//
// The controller runs at half the memory clock, as that of the Zynq UltraScale+ does: column commands leave in the
// first half of its clock (even memory clocks), row commands in the second (odd ones). So the two never meet on the
// command bus.
#pragma once

#include <cstdint>

#include "accel/soc/config.h"

namespace heatvit::soc::ddr {

constexpr uint64_t kNever = UINT64_MAX;
constexpr uint32_t kBurstClocks = 4;  // BL8, two transfers a clock

struct Timing {
  uint64_t clock_fs = 0;
  uint32_t cl = 0, cwl = 0, rcd = 0, rp = 0, ras = 0, rc = 0;
  uint32_t rrd_s = 0, rrd_l = 0, ccd_s = 0, ccd_l = 0, faw = 0;
  uint32_t wtr_s = 0, wtr_l = 0, rtp = 0, wr = 0, rfc = 0, refi = 0;
  uint32_t turnaround = 0;

  /// READ to WRITE: the read's data have left the bus `turnaround` clocks before the write's come.
  uint32_t read_to_write() const {
    return cl + kBurstClocks + turnaround > cwl ? cl + kBurstClocks + turnaround - cwl : 0;
  }
  /// WRITE to the end of its data.
  uint32_t write_data() const { return cwl + kBurstClocks; }
};

/// Clocks of a time; `ck_ps`: length of a memory clock, ps.
uint32_t clocks(double ns, uint32_t ck_ps);

/// Throws InputError for combinations no device can have (tRAS > tRC, tRRD_S > tRRD_L, tRFC >= tREFI ...).
Timing make_timing(const DdrConfig& config);

}  // namespace heatvit::soc::ddr
