// C-simulation bench of the units: runs the unit that a vector file names and compares its outputs.
#pragma once

#include <string>

namespace heatvit::tb {

/// Empty, or the first difference in words. Throws InputError where the file is none of a known unit.
std::string run_vectors(const std::string& path);

}  // namespace heatvit::tb
