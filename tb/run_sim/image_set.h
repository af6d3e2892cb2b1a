// What a run runs over: image files with labels, or rows of a token trace.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/preprocess/decode.h"
#include "models/preprocess/image.h"
#include "models/zoo/zoo.h"

namespace heatvit::tb {

constexpr int kNoLabel = -1;

struct RunItem {
  std::string name;       // the file's own name, behind that of its class's folder; a trace row's name
  std::string path;       // empty in timing mode
  int label = kNoLabel;   // class of the model's list
  std::vector<int> kept;  // with a token trace: patches after each selector
  std::vector<std::vector<int>> patches = {};                    // functional mode with one: which they are
  std::shared_ptr<const preprocess::Picture> picture = nullptr;  // in place of a file
  bool ready = false;                                            // `picture` is the network's input, not to be resized
};

/// The network's input, of the item's picture or else its file. Throws InputError.
preprocess::Image picture_of(const RunItem& item, const zoo::ModelSpec& spec);

/// Throws InputError where there is no such file, or a folder.
void expect_file(const std::string& path);

/// Every file given and every image of `folder` (models/preprocess/image_folder.h), sorted by name, at most `limit`.
/// Throws InputError: no such file or folder, a folder without images.
std::vector<RunItem> collect_images(const std::vector<std::string>& files, const std::string& folder, size_t limit);

/// Labels from a CSV of a file's name and its class, a number or the WordNet id of `spec`'s class list; with the header
/// `file,class[,...]`, Kaggle's `ImageId,PredictionString` or none. A name may have folders in front, which tell apart
/// images of one name, and may lack the extension. Throws InputError: unreadable, no such class, an item without a
/// line, lines that contradict each other.
void attach_labels(std::vector<RunItem>& items, const std::string& csv_path, const zoo::ModelSpec& spec);

/// Labels of images in a folder a class: folders named by WordNet ids of the model's list, by its classes' names or by
/// their numbers; as many folders as classes are counted by name, as torchvision does. Where that does not tell, there
/// are no labels, and a warning says so. Other images keep theirs.
void attach_folder_labels(std::vector<RunItem>& items, const zoo::ModelSpec& spec,
                          const std::optional<std::string>& class_list = {});

/// Names of the model's classes, from `list` or else its own; empty ones where there is neither.
std::vector<std::string> class_names(const zoo::ModelSpec& spec, const std::optional<std::string>& list = {});

/// Seed of the random scorer for one image: FNV-1a (32 bit) of its pixels, exclusive-or `seed`. So it depends on
/// neither order nor file name.
uint32_t image_seed(const std::vector<int8_t>& pixels, uint32_t seed);

}  // namespace heatvit::tb
