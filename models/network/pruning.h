// How tokens are dropped: shared vocabulary of the executors, the lowering and the command line.
#pragma once

#include <cstdint>
#include <vector>

namespace heatvit::network {

enum class Scorer { kNone, kHeatvit, kClsAttention, kRandom };

struct Pruning {
  Scorer scorer = Scorer::kNone;
  std::vector<int> positions;  // before these blocks, counting from 1, rising
  std::vector<int> keep;       // patch tokens that stay after each selector; empty: threshold (score >= 0.5)
  bool enabled() const { return scorer != Scorer::kNone && !positions.empty(); }
};

}  // namespace heatvit::network
