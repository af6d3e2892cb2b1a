// A judge of DRAM commands that knows the rules and nothing of the controller: every pair of commands against JESD79-4.
#pragma once

#include <string>
#include <vector>

#include "accel/soc/ddr/device.h"

namespace heatvit::testing {

class RuleChecker : public soc::ddr::CommandSink {
 public:
  RuleChecker(const soc::ddr::Timing& timing, uint32_t groups, uint32_t banks)
      : t_(timing), groups_(groups), banks_(banks) {}

  void on_command(const soc::ddr::Command& command) override { commands_.push_back(command); }

  /// Sorts by time and judges. Empty, or the first broken rule.
  std::string verdict();

  size_t count() const { return commands_.size(); }
  std::vector<soc::ddr::Command>& commands() { return commands_; }

 private:
  soc::ddr::Timing t_;
  uint32_t groups_, banks_;  // banks over all groups
  std::vector<soc::ddr::Command> commands_;
};

}  // namespace heatvit::testing
