// Bytes of any command by closed form: of a GEMM from its tiles (models/lower), of the others from the operands that
// their operation's row names (accel/modules/operation.h). What the simulation's counters are checked against.
#pragma once

#include "models/lower/program.h"

namespace heatvit::estimate {

/// For `tokens` in the register before the command and `tokens_after` behind it.
lower::Traffic announced_traffic(const isa::Command& command, int tokens, int tokens_after);

/// The least any schedule without on-chip forwarding must move: every operand once, every result once.
lower::Traffic compulsory_traffic(const isa::Command& command, int tokens, int tokens_after);

}  // namespace heatvit::estimate
