#include "accel/soc/ddr/timing.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "accel/isa/errors.h"

namespace heatvit::soc::ddr {
namespace {

uint32_t even(uint32_t clocks) { return (clocks + 1) & ~1U; }

void require(bool possible, const std::string& what) {
  if (!possible) throw InputError("ddr: " + what);
}

void check(const DdrConfig& c) {
  require(c.t_ras_ns <= c.t_rc_ns, "t_ras_ns is larger than t_rc_ns; a row cycle holds its active time");
  require(c.t_rcd_ns <= c.t_rc_ns, "t_rcd_ns is larger than t_rc_ns");
  require(c.t_rp_ns <= c.t_rc_ns, "t_rp_ns is larger than t_rc_ns");
  require(c.t_rrd_s_ns <= c.t_rrd_l_ns,
          "t_rrd_s_ns is larger than t_rrd_l_ns; within a bank group it is the longer one");
  require(c.t_wtr_s_ns <= c.t_wtr_l_ns,
          "t_wtr_s_ns is larger than t_wtr_l_ns; within a bank group it is the longer one");
  require(c.t_rrd_s_ns <= c.t_faw_ns, "t_rrd_s_ns is larger than t_faw_ns; four activations do not fit their window");
  require(c.t_rfc_ns < c.t_refi_ns, "t_rfc_ns is not below t_refi_ns; refreshes would leave no time for data");
  require(c.drain_low < c.drain_high, "drain_low is not below drain_high");
  require(c.drain_high <= c.write_queue, "drain_high is larger than write_queue");
}

}  // namespace

uint32_t clocks(double ns, uint32_t ck_ps) {
  const auto thousandths = static_cast<uint64_t>(std::llround(ns * 1000.0)) * 1000 / ck_ps;
  return static_cast<uint32_t>((thousandths + 974) / 1000);
}

Timing make_timing(const DdrConfig& c) {
  check(c);
  const auto ck_ps = static_cast<uint32_t>(2e6 / c.mega_transfers);
  const auto of = [ck_ps](double ns) { return clocks(ns, ck_ps); };
  Timing t;
  t.clock_fs = static_cast<uint64_t>(std::llround(2e9 / c.mega_transfers));
  t.cl = of(c.t_cl_ns);
  t.cwl = of(c.t_cwl_ns);
  t.rcd = of(c.t_rcd_ns);
  t.rp = of(c.t_rp_ns);
  t.ras = of(c.t_ras_ns);
  t.rc = of(c.t_rc_ns);
  t.rrd_s = std::max(4U, of(c.t_rrd_s_ns));
  t.rrd_l = std::max(4U, of(c.t_rrd_l_ns));
  t.ccd_s = 4;
  t.ccd_l = even(std::max(5U, of(c.t_ccd_l_ns)));  // column commands leave on even clocks
  require(t.ccd_l <= 2 * t.ccd_s, "t_ccd_l_ns is longer than two bursts");
  t.faw = of(c.t_faw_ns);
  t.wtr_s = std::max(2U, of(c.t_wtr_s_ns));
  t.wtr_l = std::max(4U, of(c.t_wtr_l_ns));
  t.rtp = std::max(4U, of(c.t_rtp_ns));
  t.wr = of(c.t_wr_ns);
  t.rfc = of(c.t_rfc_ns);
  t.refi = static_cast<uint32_t>(c.t_refi_ns * 1000.0 / ck_ps);  // an upper limit: never rounded up
  t.turnaround = of(c.turnaround_ns);
  return t;
}

}  // namespace heatvit::soc::ddr
