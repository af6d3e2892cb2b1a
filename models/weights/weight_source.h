// Where float weights come from: a file with timm's tensor names, or a seed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/zoo/zoo.h"

namespace heatvit::weights {

using Shape = std::vector<int64_t>;

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual bool has(const std::string& name) const = 0;

  /// The tensor as float32, row-major. Throws InputError (source, tensor, what is wrong) when it is missing, of another
  /// shape, of a type that does not convert, or holds a NaN or infinity.
  virtual std::vector<float> read(const std::string& name, const Shape& shape) const = 0;

  /// For messages and reports: the path, or "synthetic:7".
  virtual std::string describe() const = 0;
};

/// `spec` is a path of a safetensors file or "synthetic:SEED". Synthetic tensors depend on seed and name alone; weights
/// are normal with variance 1/fan_in, so that activations stay in a sane range at any depth.
std::unique_ptr<WeightSource> open_weights(const std::string& spec);

/// Prefix of a difference: `tuned.blocks.3.norm1.weight` is added to the backbone's `blocks.3.norm1.weight`.
constexpr char kTunedPrefix[] = "tuned.";

/// Whether a safetensors file holds differences for a backbone.
bool has_tuning(const std::string& path);

/// open_weights(spec) with the differences of the safetensors file `tuning` added to its tensors. Throws InputError
/// where the backbone lacks a tensor that a difference is for; shapes are checked as tensors are read.
std::unique_ptr<WeightSource> open_tuned_weights(const std::string& spec, const std::string& tuning);

}  // namespace heatvit::weights
