// A second computation of the quantised network: one value at a time, in doubles that are exact for these integers.
// Slow and plain; what it shares with the integer executor is the scalar functions (GELU, softmax, sigmoid, LayerNorm),
// which have tests of their own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/network/pruning.h"
#include "models/network/quant_model.h"

namespace heatvit::naive {

using Row = std::vector<int>;
using Rows = std::vector<Row>;

struct Result {
  Rows x;  // the residual stream after the last block
  std::vector<int> logits;
  std::vector<std::vector<int>> kept;
};

/// The whole network. `model` has a 16x16 patch embedding.
Result run(const network::QuantModel& model, const network::Pruning& pruning, const std::vector<int8_t>& image);

/// The embedding of patch (py, px) without position and CLS, through the stem if there is one.
Row embed_patch(const network::QuantModel& model, const std::vector<int8_t>& image, int py, int px);

}  // namespace heatvit::naive
