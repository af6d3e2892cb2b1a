// Where float weights come from: a checkpoint, whatever names its tensors have (naming.h), or a seed. Tensors are asked
// for by timm's names.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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

  /// The same in place of what `values` holds, whose memory a source that makes its tensors uses again: of large new
  /// blocks each page costs the kernel more than the values cost.
  virtual void read_into(const std::string& name, const Shape& shape, std::vector<float>& values) const {
    values = {};  // before the next one is there
    values = read(name, shape);
  }

  /// Of a tensor that is there; nothing for a source that makes what it is asked for.
  virtual std::optional<Shape> shape(const std::string& name) const = 0;

  /// For messages and reports: the path, or "synthetic:7".
  virtual std::string describe() const = 0;

  /// What names the tensors have: "timm", "Hugging Face, prefix 'vit.'"; empty for synthetic weights.
  virtual std::string form() const { return {}; }

  /// Tensors under their canonical names, selectors (and their tuning of the backbone) too; empty for synthetic
  /// weights.
  virtual std::vector<std::string> names() const { return {}; }

  /// Throws InputError naming the first tensor that belongs to nothing that is computed here.
  virtual void expect_known() const {}

  /// Throws InputError naming a tensor that has been read by nobody and would change the result. What is left out
  /// knowingly is listed in naming.h.
  virtual void expect_all_read() const {}

  /// 16 hexadecimal digits over the values (as float32) and canonical names of a network's tensors up to the
  /// classifier, all that activations depend on: the same weights under other names, in other files or in a wider type
  /// have the same. Empty for synthetic weights.
  virtual std::string fingerprint() const { return {}; }
};

/// `spec` is a path as TensorFiles::open takes it or "synthetic:SEED". Synthetic tensors depend on seed and name alone;
/// weights are normal with variance 1/fan_in, so that activations stay in a sane range at any depth.
std::unique_ptr<WeightSource> open_weights(const std::string& spec);

/// Metadata of a checkpoint's file; empty for synthetic weights and shards. Throws InputError as open_weights does.
std::map<std::string, std::string> metadata_of(const std::string& spec);

/// Prefix of a difference: `tuned.blocks.3.norm1.weight` is added to the backbone's `blocks.3.norm1.weight`. One of low
/// rank is two tensors: `tuned.NAME.up` (rows x rank) times `tuned.NAME.down` (rank x columns).
constexpr char kTunedPrefix[] = "tuned.";

/// Whether a safetensors file holds differences for a backbone.
bool has_tuning(const std::string& path);

/// open_weights(spec) with the differences of the safetensors file `tuning` added to its tensors. Throws InputError
/// where the backbone lacks a tensor that a difference is for, and where one of low rank is not whole; shapes are
/// checked as tensors are read.
std::unique_ptr<WeightSource> open_tuned_weights(const std::string& spec, const std::string& tuning);

}  // namespace heatvit::weights
