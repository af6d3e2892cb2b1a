// The float executor: the network in float32 on whole tensors, with exact non-linearities. It is what calibration
// observes and what quantised accuracy is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/network/float_model.h"
#include "models/network/pruning.h"
#include "models/preprocess/image.h"

namespace heatvit::reference {

struct FloatOptions {
  /// The paper's GELU and softmax (docs/numerics.md sections 4 and 5, in float) with its factors, instead of the exact
  /// functions: for weights trained with delta < 1.
  bool polynomial = false;
  float delta1 = 1.0F, delta2 = 1.0F;
  /// Stop after this many blocks and the selector before the next one; the result then has no logits. Negative: run
  /// all.
  int blocks = -1;
  /// A packed copy of all blocks' matrices, for many images; else each block's is made when it is used.
  bool pack = true;
};

struct FloatResult {
  std::vector<float> logits;
  std::vector<int> tokens;             // entering each block
  std::vector<std::vector<int>> kept;  // after each selector: original patch indices, 0..195, rising
};

/// Called with each activation tensor, in order of computation; names in models/quant/calibration.h.
using Observer = std::function<void(const std::string& tensor, const float* data, size_t count)>;

class FloatExecutor {
 public:
  /// Keeps a reference to the model (embedding vectors, norms) and a packed copy of the matrices. Throws InputError
  /// when pruning needs what the model lacks: selectors, a block before the first selector for cls-attention.
  explicit FloatExecutor(const network::FloatModel& model, network::Pruning pruning = {}, FloatOptions options = {});
  ~FloatExecutor();
  FloatExecutor(const FloatExecutor&) = delete;
  FloatExecutor& operator=(const FloatExecutor&) = delete;

  /// Thread-safe. `seed`: of the random scorer, for this image.
  FloatResult run(const preprocess::Image& image, uint32_t seed = 0, const Observer& observer = {}) const;

  /// Several images block by block, so that one block's matrices are there at a time: of each tensor the observer sees
  /// image after image, as ever.
  void run_together(const std::vector<preprocess::Image>& images, const Observer& observer) const;

 private:
  class Run;
  struct Packed;
  void expect_size(const preprocess::Image& image) const;
  void pass(const std::vector<Run*>& runs) const;
  const network::FloatModel& model_;
  network::Pruning pruning_;
  FloatOptions options_;
  std::unique_ptr<const Packed> packed_;
};

}  // namespace heatvit::reference
