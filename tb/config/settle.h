// Parameters that say "auto": what the network and the rest of the hardware make of them; logic that a policy needs.
#pragma once

#include <vector>

#include "accel/soc/config.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::tb {

/// Sets what is automatic (SocConfig::automatic) to as much as the lowering and the units accept for this network, its
/// selectors included: all of it, else as many as go together, operations in chains before what stays on chip. To be
/// asked again where anything else of the configuration has changed.
void settle(soc::SocConfig& config, const zoo::ModelSpec& spec);
soc::SocConfig settled(soc::SocConfig config, const zoo::ModelSpec& spec);

/// The logic that only some policies need (SocConfig::policy), where this one does.
void equip(soc::SocConfig& config, const network::Pruning& pruning);
/// And where commands of somebody's own list do.
void equip(soc::SocConfig& config, const std::vector<isa::Command>& commands);

}  // namespace heatvit::tb
