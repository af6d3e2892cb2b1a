// A run for a person: classes, tokens, latency, and where the cycles went.
#pragma once

#include <string>
#include <vector>

#include "tb/report/run_report.h"

namespace heatvit::tb {

struct TextOptions {
  bool per_block = false;  // one line a block and operation instead of a line an operation
  size_t images = 5;       // runs of more images show the distribution only
};

/// `class_names`: 1000, or none.
std::string to_text(const RunReport& report, const std::vector<std::string>& class_names, const TextOptions& options);

/// Its sections on hardware, empty where the report knows none: modules and their share of the device; energy by part.
std::string resources_text(const RunReport& report);
std::string power_text(const RunReport& report);

/// What the memory did: docs/memory.md.
std::string memory_text(const RunReport& report);

/// Eight levels of bars, one character a bin from the least to the largest value; "" when all are equal.
std::string histogram(const std::vector<double>& values, size_t bins);

}  // namespace heatvit::tb
