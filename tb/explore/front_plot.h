// A Pareto front as a picture: SVG, no fonts or scripts from outside.
#pragma once

#include <string>
#include <vector>

#include "tb/explore/pareto.h"

namespace heatvit::explore {

struct FrontPlot {
  std::string title, x_name, y_name;
  std::vector<Objectives> points;   // the first two objectives are drawn
  std::vector<std::string> labels;  // tooltip of each point
  std::vector<size_t> front;        // indices of `points`
};

std::string to_svg(const FrontPlot& plot);

}  // namespace heatvit::explore
