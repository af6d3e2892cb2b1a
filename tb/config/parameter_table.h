// The rows of parameters(): one a parameter, in the order of `run_sim list`. Nothing but parameters.cpp needs them.
#pragma once

#include <vector>

#include "tb/config/parameters.h"

namespace heatvit::tb {

std::vector<Parameter> parameter_table();

}  // namespace heatvit::tb
