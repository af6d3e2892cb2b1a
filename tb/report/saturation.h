// Do the activation ranges fit? What saturated in a functional run, and whether that is more than calibration accounts
// for.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tb/report/run_report.h"

namespace heatvit::tb {

struct Saturation {
  uint64_t values = 0, saturated = 0;  // results of the vector unit, all images together
  BreakdownRow worst;                  // the operation of a block with the largest share

  /// Calibration by least error clips a few outliers of a tensor itself: with ranges that fit, up to 0.02 % (DeiT-T),
  /// 0.1 % (calibrated on one photograph), 0.7 % (random weights) of an operation's values saturate; with those of
  /// another checkpoint tens of per cent do.
  bool beyond_calibration() const;
};

/// Nothing where no numbers are computed, or where there are no ranges.
std::optional<Saturation> saturation_of(const RunReport& report);

/// "0.002 % of the results saturate", with the operation where it is beyond calibration.
std::string saturation_text(const RunReport& report, const Saturation& saturation);

/// The line of the warning; empty where none is due.
std::string saturation_warning(const RunReport& report);

nlohmann::ordered_json saturation_json(const RunReport& report, const Saturation& saturation);

}  // namespace heatvit::tb
