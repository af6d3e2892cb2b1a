// A quantised vision transformer: every integer that the hardware needs (docs/numerics.md), and nothing about tiles
// or addresses. The integer executor runs it as it is; models/lower lays it out in DDR.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "accel/isa/records.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// out = round_shift(v * multiplier, shift).
struct Requant {
  uint16_t multiplier = 0;
  uint8_t shift = 1;
};

/// y[n] = requantise(sum_k x[k] weight[n][k] + bias[n]).
struct QuantLinear {
  int n = 0, k = 0;
  std::vector<int16_t> weight;               // n x k, row-major; int8 values where the model has 8 bits
  std::vector<isa::ChannelRecord> channels;  // n
};

/// docs/numerics.md section 7.
struct QuantLayerNorm {
  int n = 0;                              // row length
  std::vector<isa::NormRecord> channels;  // n
  uint8_t shift = 1;
  uint64_t epsilon = 1;
};

struct QuantBlock {
  QuantLayerNorm norm1, norm2;
  QuantLinear qkv;   // rows: Q, K, V, each D; out activations, one scale each
  Requant scores;    // Q K^T -> int16 Q8
  Requant attend;    // P V -> activations
  QuantLinear proj;  // -> residual
  QuantLinear fc1;   // -> int16 Q10, then GELU
  Requant gelu;      // Q12 -> activations
  QuantLinear fc2;   // -> residual
};

/// docs/numerics.md section 8. d = D / H.
struct QuantSelector {
  QuantLayerNorm norm;  // over d
  QuantLinear local;    // d -> d/2
  Requant local_gelu;
  QuantLinear mlp1;  // d -> d/2
  Requant mlp1_gelu;
  QuantLinear mlp2;  // d/2 -> d/4
  Requant mlp2_gelu;
  QuantLinear keep;   // d/4 -> 2, int16 Q8
  Requant head_mean;  // sum over d -> activations
  QuantLinear head1;  // H -> h
  Requant head1_gelu;
  QuantLinear head2;  // h -> H, int16 Q12

  /// Of DynamicViT's predictor: one head, d = D; local is D -> D, of which half becomes global; no head1, head2.
  bool dynamicvit() const { return head1.n == 0; }
};

/// LV-ViT's stem convolution i: k = (ky, kx, c) order, NHWC in and out, ReLU after the first three.
struct QuantConv {
  int in_size = 0, out_size = 0, channels = 0, kernel = 0, stride = 0, pad = 0;
  QuantLinear linear;
};

struct QuantModel {
  zoo::ModelSpec spec{};
  int bits = 8;  // of weights and activations: 8, or 16 (docs/numerics.md section 10)
  int residual_bits = 16;
  uint16_t delta1 = 32768, delta2 = 32768;  // Q15; of the model, not of the hardware
  double residual_scale = 0;                // value of one LSB of X
  double logit_scale = 1.0 / 65536;

  std::vector<QuantConv> stem;    // LV-ViT: three convolutions before the embedding
  QuantLinear embed;              // patch embedding, k = (ky, kx, c) -> residual
  std::vector<int16_t> front;     // F x D: the tokens in front with their positions, at residual_scale
  std::vector<int16_t> position;  // N0 x D: of the patches, at residual_scale
  std::vector<QuantBlock> blocks;
  QuantLayerNorm norm;
  QuantLinear head;                      // -> int32 Q16; of two heads over class and distillation token
  QuantLinear aux_head;                  // LV-ViT; n = 0 otherwise
  std::vector<QuantSelector> selectors;  // empty, or one a stage
  std::vector<int> positions;            // blocks, counting from 1, before which they stand
};

/// Calibrated activation ranges: the largest absolute value seen, by tensor name ("block.3.fc2.in", "residual", ...;
/// the names are listed in calibration.h).
using Ranges = std::map<std::string, double>;

/// Bias corrections: what is added to the bias of a layer, one value an output, by the name of the layer's output
/// ("block.3.fc2.out"; the names are listed in bias_correction.h). Empty where none were calibrated.
using Corrections = std::map<std::string, std::vector<float>>;

struct Calibration {
  Ranges ranges;
  Corrections corrections;
  std::string fingerprint;         // of the weights they were made from (WeightSource::fingerprint); empty: not known
  std::string origin;              // where they came from: "calibrated", "weights", "selectors", "shipped", "synthetic"
  std::array<double, 8> sketch{};  // of the network they were made from (sketch.h); zeros: not known
};

}  // namespace heatvit::network
