// Images of a folder, for everything that takes one: runs, calibration, Python.
#pragma once

#include <string>
#include <vector>

namespace heatvit::preprocess {

/// Paths of the images of `folder`, told by their ends (.jpg, .jpeg, .png, .webp, .tif, .tiff, .bmp in any case),
/// sorted by name; where it has none, those at any depth below the folders in it, as ImageNet's and torchvision's are.
/// Hidden files and folders, dangling links and folders named like images are passed over. Throws InputError, beginning
/// with `what`: no such folder, unreadable, no image.
std::vector<std::string> images_in_folder(const std::string& what, const std::string& folder);

}  // namespace heatvit::preprocess
