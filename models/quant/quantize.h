// Post-training quantisation: float weights and calibrated ranges -> the integers of docs/numerics.md.
#pragma once

#include <string>
#include <vector>

#include "models/network/float_model.h"
#include "models/network/quant_model.h"

namespace heatvit::quant {

struct QuantizeOptions {
  double delta1 = 1.0, delta2 = 1.0;  // in [0, 1]; of the model's training, 1.0 for stock weights
  int residual_bits = 16;             // 16 or 8; 8 with 8 bits alone
  int bits = 8;                       // of weights and activations: 8 or 16
};

/// Largest magnitude of a weight or an activation: 127 or 32767.
constexpr int top_of(int bits) { return (1 << (bits - 1)) - 1; }

/// An int16 activation spans this many times its calibrated range: ranges are cut for the least error of int8, and are
/// of few photographs. It leaves 13 bits and a sign to what calibration saw.
constexpr double kWideHeadroom = 4.0;

/// A residual range is widened by this factor: pruned runs see package tokens and other attention than calibration did.
constexpr double kResidualHeadroom = 1.0625;

/// Value of one LSB of the fixed formats of docs/numerics.md section 2.
constexpr double kScoreScale = 1.0 / 256;     // Q8
constexpr double kGeluInScale = 1.0 / 1024;   // Q10
constexpr double kGeluOutScale = 1.0 / 4096;  // Q12

/// Value of one LSB of an attention probability.
constexpr double probability_scale(int bits) { return bits == 16 ? 1.0 / 65535 : 1.0 / 255; }

/// Scale of an activation, value of one LSB. Throws InputError naming the tensor: no range, not a positive number.
double scale_of(const network::Ranges& ranges, const std::string& tensor, int bits = 8);

/// The largest shift <= 62 for which round(ratio * 2^shift) <= 65535. Throws InputError where it would be below 1
/// (ratio above 32767.5) or the ratio is not a finite number >= 0. `what` names the tensor in the message.
network::Requant requant_for(double ratio, const char* what);

/// out = round_shift(n * gamma + beta, shift) with n in Q12 (16 bits: Q14), out in units of `out_scale`: the largest
/// shift at which every gamma fits int16 and every beta int32. epsilon: of the residual at `in_scale`.
network::QuantLayerNorm quantize_norm(const network::FloatNorm& norm, double ln_eps, double in_scale, double out_scale,
                                      int bits = 8);

/// Weights of `bits` at max abs / 127 (16 bits: 32767) of each output channel; bias at in_scale x weight scale. Channel
/// n leaves in units of out_scale[n / (rows / out_scale.size())]: one entry for the tensor, three for Q, K, V.
/// `correction`: added to the bias, n values, or none.
network::QuantLinear quantize_linear(const network::FloatLinear& linear, double in_scale,
                                     const std::vector<double>& out_scale, const char* what,
                                     const std::vector<float>& correction = {}, int bits = 8);

/// Throws InputError for widths that do not exist or do not go together.
void check_bits(int bits, int residual_bits);

/// The selectors are quantised as well when the model has them. `corrections`: all of them, some or none; they hold for
/// delta1 = delta2 = 1.0 and are left out for other factors; those of proj are of 8 bits alone. Throws InputError
/// naming a range that is missing or a correction of another length than its layer's, and for options out of range.
network::QuantModel build(const network::FloatModel& model, const network::Ranges& ranges,
                          const QuantizeOptions& options, const network::Corrections& corrections = {});
/// The same of a model that nobody needs any more: each block is freed as soon as it is quantised.
network::QuantModel build(network::FloatModel&& model, const network::Ranges& ranges, const QuantizeOptions& options,
                          const network::Corrections& corrections = {});

}  // namespace heatvit::quant
