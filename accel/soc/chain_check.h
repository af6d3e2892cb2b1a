// A chain of a command list of somebody's own: does each of its loads come after the stores it waits for?
#pragma once

#include <cstddef>
#include <vector>

#include "accel/isa/program.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

/// Walks the chain's members row tile by row tile as the units do (accel/modules/chain_walk.h), with so many tokens.
/// `chain`: indices of its commands, in order. Throws ListError (list_check.h) where a load would wait for ever, or a
/// member has other row tiles than the chain. Members without rows at that count: nothing is checked.
void check_chain(const SocConfig& config, const isa::Program& program, const std::vector<size_t>& chain, int tokens);

}  // namespace heatvit::soc
