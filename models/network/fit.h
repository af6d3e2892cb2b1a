// A model as named, and the checkpoint at hand: what the tensors' shapes say about it.
#pragma once

#include <string>

#include "models/weights/weight_source.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// `spec` with what the checkpoint's tensors say beyond doubt: classes (a fine-tuned network has its own, whose names
/// are not known then), image size, distillation token and second head, registers, LayerScale. Throws InputError where
/// it is another network altogether: depth, width, MLP or patch differ. Synthetic weights take any shape and change
/// nothing.
zoo::ModelSpec fit_to(const weights::WeightSource& source, zoo::ModelSpec spec);

/// How many of the tokens in front have a row in pos_embed: all, none, or all but the registers. Without a tensor to
/// look at, the last.
int placed_tokens(const weights::WeightSource& source, const zoo::ModelSpec& spec);

}  // namespace heatvit::network
