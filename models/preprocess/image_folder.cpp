#include "models/preprocess/image_folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "accel/isa/errors.h"

namespace heatvit::preprocess {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& path) {
  constexpr std::array<const char*, 7> kExtensions = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"};
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().front() == '.'; }  // macOS: "._a.jpg"

bool is_image(const fs::directory_entry& entry) {
  std::error_code dangling;
  return !is_hidden(entry.path()) && is_image_name(entry.path()) && entry.is_regular_file(dangling);
}

/// Of a folder of a folder a class: at any depth below the classes' folders.
std::vector<std::string> images_below(const std::string& folder, std::error_code& error) {
  std::vector<std::string> paths;
  fs::recursive_directory_iterator entry(folder, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    std::error_code dangling;
    if (entry->is_directory(dangling) && is_hidden(entry->path())) entry.disable_recursion_pending();
    if (entry.depth() > 0 && is_image(*entry)) paths.push_back(entry->path().string());
  }
  return paths;
}

}  // namespace

std::vector<std::string> images_in_folder(const std::string& what, const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) throw InputError(what + ": '" + folder + "' is not a folder");
  std::vector<std::string> paths;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_image(*entry)) paths.push_back(entry->path().string());
  }
  if (!error && paths.empty()) paths = images_below(folder, error);
  if (error) throw InputError(what + ": cannot read the folder '" + folder + "': " + error.message());
  if (paths.empty()) {
    throw InputError(what + ": no .jpg, .jpeg, .png, .webp, .tif, .tiff or .bmp file in '" + folder + "'");
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace heatvit::preprocess
