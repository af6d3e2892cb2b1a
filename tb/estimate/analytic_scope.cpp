// What analytic mode models of the parameters, and what it refuses by name (docs/analytic.md).
#include "tb/estimate/analytic.h"

namespace heatvit::estimate {

void expect_modelled(const soc::SocConfig& c) {
  const auto refuse = [](bool given, const std::string& what) {
    if (given) throw NotModelled("analytic mode does not model " + what + "; timing mode does");
  };
  refuse(c.accel.batch != 1, "accel.batch: it is of single images");
  refuse(c.ddr.traffic_gbs > 0, "ddr.traffic_gbs: a host load competes for the memory from moment to moment");
  refuse(c.ddr.arbitration != soc::ArbitrationKind::kRoundRobin,
         "ddr.arbitration = qos: who waits for whom at the memory is decided from moment to moment");
  refuse(c.debug.stall_seed != 0, "debug.stall_seed: its stalls are random");
  refuse(c.debug.fault != soc::Fault::kNone, "debug.fault: nothing is there to break");
}

soc::SocConfig modelled_part(soc::SocConfig c) {
  c.accel.batch = 1;
  c.ddr.traffic_gbs = 0;
  c.ddr.arbitration = soc::ArbitrationKind::kRoundRobin;
  c.debug = {};
  return c;
}

}  // namespace heatvit::estimate
