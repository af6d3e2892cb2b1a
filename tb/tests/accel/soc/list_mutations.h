// Command lists that somebody has damaged, at random: fields of other values, commands that went, came twice or changed
// places.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "accel/isa/command.h"

namespace heatvit::testing {

/// One to three changes. What comes out decodes, command by command; it need not be a list that can run.
std::vector<isa::Command> mutated(std::vector<isa::Command> commands, std::mt19937_64& random);

/// The text of what is not as in `before`, for a failure's message.
std::string difference(const std::vector<isa::Command>& before, const std::vector<isa::Command>& after);

}  // namespace heatvit::testing
