// How tokens are dropped: shared vocabulary of the executors, the lowering and the command line.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/isa/errors.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// kGiven: nothing is scored; who stays is decided outside (a token trace).
enum class Scorer { kNone, kHeatvit, kClsAttention, kRandom, kGiven };

struct Pruning {
  Scorer scorer = Scorer::kNone;
  std::vector<int> positions;  // before these blocks, counting from 1, rising
  std::vector<int> keep;       // patch tokens that stay after each selector; empty: threshold (score >= 0.5)
  bool enabled() const { return scorer != Scorer::kNone && !positions.empty(); }
};

/// Throws InputError where patches are scored by the class token's attention and there is no class token.
inline void expect_scorer(const zoo::ModelSpec& spec, const Pruning& pruning) {
  if (pruning.scorer == Scorer::kClsAttention && !spec.class_token)
    throw InputError("scorer cls-attention needs a class token; " + spec.name + " has none");
}

}  // namespace heatvit::network
