#include "tb/config/settle.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <numeric>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"

namespace heatvit::tb {
namespace {

using isa::AcceleratorConfig;

struct Automatic {
  bool soc::AutomaticConfig::*automatic;
  bool AcceleratorConfig::*on;
};

// What is given up first stands first.
constexpr std::array<Automatic, 6> kChoices = {{
    {&soc::AutomaticConfig::selector_on_chip, &AcceleratorConfig::selector_on_chip},
    {&soc::AutomaticConfig::residual_on_chip, &AcceleratorConfig::residual_on_chip},
    {&soc::AutomaticConfig::chain_mlp, &AcceleratorConfig::chain_mlp},
    {&soc::AutomaticConfig::fuse_attention, &AcceleratorConfig::fuse_attention},
    {&soc::AutomaticConfig::chain_layernorm, &AcceleratorConfig::chain_layernorm},
    {&soc::AutomaticConfig::chain_attention, &AcceleratorConfig::chain_attention},
}};

/// All subsets as bits, the larger ones first; of equals, those without what stands first.
std::vector<unsigned> sets() {
  std::vector<unsigned> all(1U << kChoices.size());
  std::iota(all.begin(), all.end(), 0U);
  std::sort(all.begin(), all.end(), [](unsigned a, unsigned b) {
    const auto size = [](unsigned set) { return std::bitset<kChoices.size()>(set).count(); };
    return size(a) != size(b) ? size(a) > size(b) : a > b;
  });
  return all;
}

/// Sets what is automatic to the set; false where that asks for something that is not automatic.
bool apply(soc::SocConfig& config, unsigned set) {
  for (size_t i = 0; i < kChoices.size(); ++i) {
    const bool wanted = (set >> i & 1U) != 0;
    if (config.automatic.*kChoices[i].automatic)
      config.accel.*kChoices[i].on = wanted;
    else if (wanted)
      return false;
  }
  return true;
}

bool accepted(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning) {
  try {
    soc::expect_units(config, lower::lower_commands(spec, config.accel, pruning));
    return true;
  } catch (const InputError&) {
    return false;
  }
}

/// The network with selectors where the hardware takes them, else without.
network::Pruning pruning_for(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  network::Pruning pruning;
  pruning.scorer = network::Scorer::kHeatvit;
  pruning.positions.assign(spec.selectors.begin(), spec.selectors.end());
  return accepted(config, spec, pruning) ? pruning : network::Pruning{};
}

/// Of kChoices the largest set that network and hardware take.
void choose(soc::SocConfig& config, const zoo::ModelSpec& spec) {
  apply(config, 0);
  const auto is_automatic = [&config](const Automatic& c) { return config.automatic.*c.automatic; };
  if (std::none_of(kChoices.begin(), kChoices.end(), is_automatic)) return;
  const network::Pruning pruning = pruning_for(config, spec);
  for (const unsigned set : sets()) {
    soc::SocConfig trial = config;
    if (!apply(trial, set) || !accepted(trial, spec, pruning)) continue;
    config = trial;
    return;
  }
}

}  // namespace

void settle(soc::SocConfig& config, const zoo::ModelSpec& spec) {
  if (config.automatic.pack_rows) config.accel.pack_rows = false;
  choose(config, spec);
  if (!config.automatic.pack_rows || !config.accel.residual_on_chip) return;
  const network::Pruning pruning = pruning_for(config, spec);
  soc::SocConfig trial = config;
  trial.accel.pack_rows = true;
  config.accel.pack_rows = pruning.enabled() && accepted(trial, spec, pruning);
}

soc::SocConfig settled(soc::SocConfig config, const zoo::ModelSpec& spec) {
  settle(config, spec);
  return config;
}

void equip(soc::SocConfig& config, const network::Pruning& pruning) {
  config.policy = {pruning.enabled() && pruning.tome(), pruning.enabled() && pruning.evit()};
}

void equip(soc::SocConfig& config, const std::vector<isa::Command>& commands) {
  for (const isa::Command& c : commands) {
    if (c.sizes || c.opcode == isa::Opcode::kTokenMatch) config.policy.merging = true;
    if (c.opcode == isa::Opcode::kTokenPack && !c.sizes && c.threshold != 0) config.policy.fusing = true;
  }
}

}  // namespace heatvit::tb
