// Roofline of a run: products a second of each operation over products a byte moved, under the peaks of array and
// memory.
#pragma once

#include <string>
#include <vector>

#include "tb/report/run_report.h"

namespace heatvit::tb {

/// An operation, all blocks together; the last one is the whole image (or batch).
struct RooflinePoint {
  std::string name;
  double intensity = 0;  // MAC a byte
  double gmacs = 0;      // billion MAC a second
};

struct Roofline {
  double array_gmacs = 0;   // peak of the array
  double memory_gbs = 0;    // peak of the memory: the ports' or the DDR bus's, whichever is less
  std::string memory_name;  // "memory ports" or "DDR bus"
  std::vector<RooflinePoint> points;

  /// The most that is possible at this intensity.
  double roof(double intensity) const;
};

/// An operation's rate is its products over the time that it held the array: the cycles in which the array worked for
/// it or waited for what it needs, or those that its bytes take at the memory's peak where these are more (weights that
/// came ahead). So no point lies above the roof. Operations without products or bytes are left out. Throws InputError
/// for a report without hardware.
Roofline roofline_of(const RunReport& report);

/// SVG; both axes logarithmic.
std::string roofline_svg(const RunReport& report);

/// {"array_gmacs", "memory_gbs", "memory", "points": [{"op", "macs_per_byte", "gmacs"}]}.
nlohmann::ordered_json roofline_json(const RunReport& report);

}  // namespace heatvit::tb
