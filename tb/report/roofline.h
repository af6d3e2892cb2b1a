// Roofline of a run: products a second of each operation over products a byte moved, under the peaks of array and
// memory.
#pragma once

#include <string>

#include "tb/report/run_report.h"

namespace heatvit::tb {

/// SVG; both axes logarithmic. Operations without products are left out. Throws InputError for a report without
/// hardware.
std::string roofline_svg(const RunReport& report);

}  // namespace heatvit::tb
