// A model as named, and the checkpoint at hand: what the tensors' shapes say about it.
#pragma once

#include <string>
#include <vector>

#include "models/weights/weight_source.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// `spec` with what the checkpoint's tensors say beyond doubt: classes (a fine-tuned network has its own, whose names
/// are not known then), image size, distillation token and second head, registers, LayerScale. Throws InputError where
/// it is another network altogether: depth, width, MLP or patch differ. An image size that was asked for stays.
/// Synthetic weights take any shape and change nothing.
zoo::ModelSpec fit_to(const weights::WeightSource& source, zoo::ModelSpec spec);

/// `spec` at another image size, which stays whatever the checkpoint's is. Throws InputError where its patches do not
/// divide it.
zoo::ModelSpec at_image_size(zoo::ModelSpec spec, int pixels);

/// Whether the image size that was asked for is another than the checkpoint's.
bool resamples(const weights::WeightSource& source, const zoo::ModelSpec& spec);

struct Positions {
  int front = 0;            // tokens in front that have a row: all, none, or all but the registers
  std::vector<float> rows;  // of them, then of the patches: dim values each
};

/// pos_embed as the network has it: resampled where the network's image size was asked for and is another.
Positions read_positions(const weights::WeightSource& source, const zoo::ModelSpec& spec);

}  // namespace heatvit::network
