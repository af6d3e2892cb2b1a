// A quantised model without weights or calibration, for tests of hardware and lowering: any ModelSpec, zoo or not.
#pragma once

#include <cstdint>

#include "models/network/quant_model.h"

namespace heatvit::network {

/// Weights are uniform int8, with `bits` 16 int16; multipliers and shifts are set so that the activations of an image
/// of random pixels fill their ranges (about a third of them as standard deviation) and few saturate. The same
/// arguments give the same model on every machine. `selectors`: one selector for each of spec.selectors.
/// `residual_bits`: 16 or, with 8 bits, 8. The image is 224 x 224 x 3 and the classes are 1000 whatever the spec.
/// `dynamicvit`: the selectors are DynamicViT's predictors.
/// Throws InputError where the spec is no transformer (dim no multiple of heads) or, with selectors, the head dimension
/// is no multiple of 4.
QuantModel random_quant_model(const zoo::ModelSpec& spec, uint32_t seed, bool selectors, int residual_bits = 16,
                              int bits = 8, bool dynamicvit = false);

}  // namespace heatvit::network
