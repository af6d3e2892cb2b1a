#include "tb/config/settle.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/soc/simulator.h"
#include "models/lower/excerpt.h"
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

bool accepted(const soc::SocConfig& config, const lower::Excerpt& network) {
  try {
    const lower::Program program = lower::lower_commands(network.spec, config.accel, network.pruning);
    soc::expect_units(config.buffers, config.control, program);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

/// The network with selectors where the hardware takes them, else without.
lower::Excerpt network_for(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  network::Pruning pruning;
  pruning.scorer = network::Scorer::kHeatvit;
  pruning.positions.assign(spec.selectors.begin(), spec.selectors.end());
  lower::Excerpt pruned = lower::excerpt_of(spec, pruning);
  return accepted(config, pruned) ? std::move(pruned) : lower::excerpt_of(spec, {});
}

/// Of kChoices the largest set that network and hardware take.
void choose(soc::SocConfig& config, const zoo::ModelSpec& spec) {
  apply(config, 0);
  const auto is_automatic = [&config](const Automatic& c) { return config.automatic.*c.automatic; };
  if (std::none_of(kChoices.begin(), kChoices.end(), is_automatic)) return;
  const lower::Excerpt network = network_for(config, spec);
  static const std::vector<unsigned> kSets = sets();
  for (const unsigned set : kSets) {
    soc::SocConfig trial = config;
    if (!apply(trial, set) || !accepted(trial, network)) continue;
    config = trial;
    return;
  }
}

/// All that the answer depends on, which is what lowering and units are asked with, and the answer. Neighbours in a
/// sweep often differ in something else.
struct Answer {
  zoo::ModelSpec spec;
  soc::AutomaticConfig automatic;
  soc::BufferConfig buffers;
  soc::ControlConfig control;
  AcceleratorConfig asked, settled;

  bool is_of(const soc::SocConfig& c, const zoo::ModelSpec& network) const {
    return asked == c.accel && buffers.fields() == c.buffers.fields() && control.fields() == c.control.fields() &&
           automatic.fields() == c.automatic.fields() && spec == network;
  }
};

void find_out(soc::SocConfig& config, const zoo::ModelSpec& spec) {
  if (config.automatic.pack_rows) config.accel.pack_rows = false;
  choose(config, spec);
  if (!config.automatic.pack_rows || !config.accel.residual_on_chip) return;
  const lower::Excerpt network = network_for(config, spec);
  soc::SocConfig trial = config;
  trial.accel.pack_rows = true;
  config.accel.pack_rows = network.pruning.enabled() && accepted(trial, network);
}

}  // namespace

void settle(soc::SocConfig& config, const zoo::ModelSpec& spec) {
  thread_local std::optional<Answer> last;
  if (!last || !last->is_of(config, spec)) {
    Answer answer{spec, config.automatic, config.buffers, config.control, config.accel, {}};
    find_out(config, spec);
    answer.settled = config.accel;
    last = std::move(answer);
  }
  config.accel = last->settled;
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
