// Bias correction: what quantisation and the paper's polynomials shift on average is taken back in a bias.
//
// The erf polynomial of docs/numerics.md section 4 jumps at 0, where most hidden values lie, and the uint8
// probabilities of section 5 drop what is below 0.5 / 255. Both errors have a mean that differs from channel to
// channel. Per hidden channel, over calibration images, on exact inputs:
//
//   e[c]    = mean over tokens and images of (exact activation - what the hardware computes, as it leaves in int8)
//   out[m] += sum_c weight[m][c] e[c]                            c: hidden channels, m: outputs of the following layer
//
// No integer operation changes: the sum is part of that layer's int32 bias. docs/quantisation.md has the effect.
#pragma once

#include <vector>

#include "models/network/float_model.h"
#include "models/network/quant_model.h"
#include "models/preprocess/image.h"

namespace heatvit::quant {

/// "block.B.proj.out" (softmax, attention output) and "block.B.fc2.out" (GELU), D values each, for stock weights:
/// delta1 = delta2 = 1.0. `ranges`: as calibrated; throws InputError naming one that is missing. Unpruned.
network::Corrections correct_biases(const network::FloatModel& model, const std::vector<preprocess::Image>& images,
                                    const network::Ranges& ranges);

}  // namespace heatvit::quant
