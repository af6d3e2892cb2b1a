// Post-training quantisation: float weights and calibrated ranges -> the integers of docs/numerics.md.
#pragma once

#include <vector>

#include "models/quant/quant_model.h"
#include "models/reference/float_model.h"

namespace heatvit::quant {

struct QuantizeOptions {
  double delta1 = 1.0, delta2 = 1.0;  // in [0, 1]; of the model's training, 1.0 for stock weights
  int residual_bits = 16;             // 16 or 8
};

/// A residual range is widened by this factor: pruned runs see package tokens and other attention than calibration did.
constexpr double kResidualHeadroom = 1.0625;

/// The largest shift <= 62 for which round(ratio * 2^shift) <= 65535. Throws InputError where it would be below 1
/// (ratio above 32767.5) or the ratio is not a finite number >= 0. `what` names the tensor in the message.
Requant requant_for(double ratio, const char* what);

/// out = round_shift(n * gamma + beta, shift) with n in Q12, out in units of `out_scale`: the largest shift at which
/// every gamma fits int16 and every beta int32. epsilon: of the residual at `in_scale`.
QuantLayerNorm quantize_norm(const reference::FloatNorm& norm, double ln_eps, double in_scale, double out_scale);

/// int8 weights at max abs / 127 of each output channel; bias at in_scale x weight scale. Channel n leaves in units of
/// out_scale[n / (rows / out_scale.size())]: one entry for the tensor, three for Q, K, V.
QuantLinear quantize_linear(const reference::FloatLinear& linear, double in_scale, const std::vector<double>& out_scale,
                            const char* what);

/// The selectors are quantised as well when the model has them. Throws InputError naming a range that is missing, and
/// for options out of range.
QuantModel build(const reference::FloatModel& model, const Ranges& ranges, const QuantizeOptions& options);

}  // namespace heatvit::quant
