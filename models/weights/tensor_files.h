// The files of one checkpoint, seen as one set of tensors under the names that stand in them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/weights/safetensors.h"

namespace heatvit::weights {

class TensorFiles {
 public:
  /// `path`: a safetensors file; an index of shards (`*.index.json`, as Hugging Face writes it); or a folder that holds
  /// model.safetensors.index.json, model.safetensors, or a single *.safetensors. Throws InputError: none of those, a
  /// shard that is missing, a tensor that lies elsewhere than the index says or in two shards.
  static TensorFiles open(const std::string& path);

  const std::string& path() const { return path_; }  // as given

  /// Of a single file; empty for shards.
  const std::map<std::string, std::string>& metadata() const;

  std::vector<std::string> names() const;  // in alphabetical order
  bool has(std::string_view name) const { return home_.find(name) != home_.end(); }
  const TensorInfo& info(std::string_view name) const { return file_of(name).info(name); }
  std::vector<float> read_float(std::string_view name) const { return file_of(name).read_float(name); }

 private:
  explicit TensorFiles(std::string path) : path_(std::move(path)) {}
  void add(Safetensors file);
  void add_shards(const std::string& index);
  const Safetensors& file_of(std::string_view name) const;

  std::string path_;
  std::vector<Safetensors> files_;
  std::map<std::string, size_t, std::less<>> home_;  // index into files_ of each tensor
};

/// The folder whose config.json and preprocessor_config.json describe a checkpoint: `path` itself, or its parent.
std::string folder_of(const std::string& path);

}  // namespace heatvit::weights
