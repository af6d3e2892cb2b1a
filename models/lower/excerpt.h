// A short network that stands for a deep one where it is asked whether hardware can run it.
#pragma once

#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::lower {

/// A network of fewer blocks in which all that is asked of the whole one is met: blocks are alike, more than three of
/// them are as good as three, and so is one of several selectors with as many before and behind each.
struct Excerpt {
  zoo::ModelSpec spec;
  network::Pruning pruning;
};

/// Positions of `pruning` rise, within the model.
Excerpt excerpt_of(const zoo::ModelSpec& spec, const network::Pruning& pruning);

}  // namespace heatvit::lower
