// Which file --selector-weights means, and its operating points (models/selectors/README.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/network/float_model.h"

namespace heatvit::quant {

/// Metadata of a selector file: "20:0.5,0.4,0.1;35:0,0,0". A point is a name and a shift of the keep logits for each
/// selector.
constexpr char kPointsKey[] = "heatvit.points";

struct SelectorFile {
  std::string path;   // or "random:SEED", or empty
  std::string point;  // empty: the file's thresholds as they are
};

/// FILE, FILE@POINT, or the name of a file in models/selectors/weights under `home` in place of FILE.
SelectorFile find_selectors(const std::string& text, const std::string& home);

/// Name and points of the selector files that the project ships, in alphabetical order.
std::map<std::string, std::vector<std::string>> shipped_selectors(const std::string& home);

/// Shifts the thresholds of selectors that were read from `file`. Throws InputError where the file has no such point.
void set_point(const SelectorFile& file, std::vector<network::FloatSelector>& selectors);

}  // namespace heatvit::quant
