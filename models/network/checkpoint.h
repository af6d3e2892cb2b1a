// A checkpoint without a name for its network: what its tensors, the files beside it and a description inside say.
#pragma once

#include <string>
#include <vector>

#include "models/weights/weight_source.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

constexpr char kDescriptionKey[] = "heatvit.description";  // metadata of our own files: zoo::describe()

struct CheckpointHints {
  std::string name;                       // of the network; empty: the folder's or the file's
  int heads = 0;                          // 0: not known
  int image_size = 0;                     // that the network shall have; 0: the checkpoint's
  const zoo::ModelSpec* model = nullptr;  // the network, where it is known
};

struct Checkpoint {
  zoo::ModelSpec spec;
  std::string form;               // "timm", "Hugging Face, prefix 'vit.'", "a description in the file"
  std::vector<std::string> read;  // files beside the weights that were read
};

/// Throws InputError: not to be read, no vision transformer, a contradiction between tensors and files, heads that
/// nothing tells.
Checkpoint recognise_checkpoint(const std::string& path, const CheckpointHints& hints = {});

/// `spec`, a model that was named, as the checkpoint at `path` has it: classes, tokens and image size of its tensors;
/// epsilon, input and names of classes of the description in the file, else of the files beside it. Throws InputError
/// where it is another network.
zoo::ModelSpec fit_to_checkpoint(const std::string& path, const zoo::ModelSpec& spec);

}  // namespace heatvit::network
