// The integer executor: docs/numerics.md on whole tensors, without tiles and without any accelerator kernel. What it
// computes is what the hardware must compute.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/network/pruning.h"
#include "models/network/quant_model.h"

namespace heatvit::reference {

/// The residual stream (tokens x dim, widened to int16) at a named point: "block.B.in", "block.B.out" (B from 1),
/// "selector.S.in", "selector.S.out" (S from 1). At "selector.S.out", `scores` holds the score of every token that went
/// in (0 for CLS is not required: whatever the specification gives).
struct Checkpoint {
  std::string name;
  int tokens = 0;
  std::vector<int16_t> x;
  std::vector<uint32_t> scores;
};

struct IntegerResult {
  std::vector<int32_t> logits;          // Q16
  std::vector<int> tokens;              // entering each block
  std::vector<std::vector<int>> kept;   // after each selector: original patch indices, 0..195, rising
  uint64_t macs = 0;                    // multiply-accumulates of all matrix products, selectors included
  std::vector<Checkpoint> checkpoints;  // when asked for
};

class IntegerExecutor {
 public:
  /// Keeps a reference to the model. Throws InputError when pruning needs what the model lacks (selectors, a block
  /// before the first selector for cls-attention).
  IntegerExecutor(const network::QuantModel& model, const network::Pruning& pruning);

  /// `image`: size x size x 3 int8, pixel - 128. `seed`: of the random scorer, for this image.
  IntegerResult run(const std::vector<int8_t>& image, uint32_t seed, bool checkpoints = false) const;

 private:
  const network::QuantModel& model_;
  network::Pruning pruning_;
};

}  // namespace heatvit::reference
