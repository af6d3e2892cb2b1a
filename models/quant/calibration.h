// Calibration: the largest absolute value of each activation tensor over a few images, which fixes its scale.
//
// Tensor names (B: block from 1, S: selector from 1):
//   residual              the residual stream at every point: embedding, after each branch, after each selector
//   stem.2.in, stem.3.in, embed.in   LV-ViT: the outputs of its stem convolutions
//   block.B.qkv.in        output of the first LayerNorm        block.B.fc1.in   output of the second LayerNorm
//   block.B.q .k .v       queries, keys, values                block.B.fc2.in   output of GELU
//   block.B.proj.in       attention output                     head.in          output of the last LayerNorm
//   selector.S.local.in   LayerNorm over d                     selector.S.mlp1.in   local and global features
//   selector.S.mlp2.in, selector.S.keep.in, selector.S.head2.in   outputs of GELU
//   selector.S.head1.in   head statistics
// Observed as well, but without a range: block.B.fc1.out (what GELU takes in), selector.S.keep.out, selector.S.weight.
#pragma once

#include <string>
#include <vector>

#include "models/network/quant_model.h"
#include "models/reference/float_executor.h"

namespace heatvit::quant {

constexpr int kMaxCalibrationImages = 32;

enum class RangeRule {
  kMaximum,     // the largest absolute value
  kPercentile,  // this percentile of the absolute values of each image, the largest over the images
  kLeastError,  // the clipping limit with the least mean square error of int8 over all images
};

/// How tensors whose name ends in `suffix` get their range. The residual stream is never clipped.
struct RangePolicy {
  std::string suffix;
  RangeRule rule = RangeRule::kMaximum;
  double percentile = 100.0;  // (0, 100], of kPercentile
};

/// What prepare() uses, chosen by the accuracy of DeiT-T (calibration.cpp has the figures).
const std::vector<RangePolicy>& default_policies();

/// Ranges over the images; pruning decides what runs (scorer none: no selector tensors).
network::Ranges calibrate(const network::FloatModel& model, const std::vector<preprocess::Image>& images,
                          const network::Pruning& pruning = {}, const reference::FloatOptions& options = {},
                          const std::vector<RangePolicy>& policies = default_policies());

/// At most 32 images of a folder (models/preprocess/image_folder.h; in name order, evenly spread over it). Throws
/// InputError when the folder is missing or holds none.
std::vector<preprocess::Image> calibration_images(const std::string& folder, const zoo::ModelSpec& spec);

/// A ranges file: {"schema": "heatvit-sim/ranges/1", "model", "source", "fingerprint", "ranges": {tensor: value},
/// "corrections": {tensor: [values]}}; fingerprint (WeightSource::fingerprint), "sketch" (network/sketch.h, eight
/// numbers: the same up to rounding) and corrections are optional. Throws InputError: unreadable, another schema or
/// model, a range that is not a positive number, a correction that is not a list of finite numbers.
network::Calibration read_calibration(const std::string& path, const zoo::ModelSpec& spec);

/// The same from text; `origin` names it in messages.
network::Calibration parse_calibration(const std::string& text, const std::string& origin, const zoo::ModelSpec& spec);

/// Complete or absent (weights/atomic_file.h). `source`: how the values came about, in a sentence.
void write_calibration(const std::string& path, const zoo::ModelSpec& spec, const std::string& source,
                       const network::Calibration& calibration);

}  // namespace heatvit::quant
