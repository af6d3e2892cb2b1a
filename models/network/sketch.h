// Whether two networks are the same checkpoint, up to the rounding of float: a few numbers that any change of the
// weights moves.
#pragma once

#include <array>

#include "models/network/float_model.h"

namespace heatvit::network {

/// Of every tensor in front of the classifier, its direction (its values over their length, with random signs summed)
/// and the logarithm of its length, summed over the tensors with random signs: eight times, with other signs.
using Sketch = std::array<double, 8>;

Sketch sketch_of(const FloatModel& model);

/// LayerScale folded in another order, or F16 kept in F32, moves a number by about 1e-6; a step of training, or a
/// factor moved from one layer to another, by far more than the 1e-4 that are allowed.
bool same_weights(const Sketch& a, const Sketch& b);

}  // namespace heatvit::network
