#include "accel/soc/ddr/policies.h"

namespace heatvit::soc::ddr {
namespace {

uint32_t in_clocks(double ns, const Timing& timing) {
  return static_cast<uint32_t>(ns * 1e6 / static_cast<double>(timing.clock_fs));
}

}  // namespace

std::unique_ptr<PagePolicy> make_page_policy(const DdrConfig& config, const Timing& timing) {
  switch (config.page) {
    case PagePolicyKind::kClosed: return std::make_unique<ClosedPage>();
    case PagePolicyKind::kTimeout: return std::make_unique<TimeoutPage>(in_clocks(config.page_timeout_ns, timing));
    case PagePolicyKind::kOpen: break;
  }
  return std::make_unique<OpenPage>();
}

Arbiter make_arbiter(const DdrConfig& config) {
  return config.arbitration == ArbitrationKind::kQos ? Arbiter(config.qos) : Arbiter();
}

DirectionPolicy make_direction_policy(const DdrConfig& config, const Timing& timing) {
  return {static_cast<uint32_t>(config.drain_high), static_cast<uint32_t>(config.drain_low),
          in_clocks(config.idle_switch_ns, timing)};
}

}  // namespace heatvit::soc::ddr
