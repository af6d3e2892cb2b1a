// A model as named, and the checkpoint at hand: what the tensors' shapes say about it.
#pragma once

#include "models/weights/weight_source.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// `spec` with the classes and the image size that the checkpoint's tensors have. A fine-tuned network has its own
/// classes, whose names are not known then. Throws InputError where it is another network altogether: depth, width, MLP
/// or patch differ. Synthetic weights take any shape and change nothing.
zoo::ModelSpec fit_to(const weights::WeightSource& source, zoo::ModelSpec spec);

}  // namespace heatvit::network
