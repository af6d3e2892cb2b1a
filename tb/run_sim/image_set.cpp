#include "tb/run_sim/image_set.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>

#include "accel/isa/errors.h"
#include "models/zoo/zoo.h"
#include "tb/config/csv.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& path) {
  constexpr std::array<const char*, 4> kExtensions = {".jpg", ".jpeg", ".png", ".bmp"};
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::vector<std::string> images_in(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) throw InputError("--images: '" + folder + "' is not a folder");
  std::vector<std::string> paths;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_image_name(entry->path())) paths.push_back(entry->path().string());
  }
  if (error) throw InputError("--images: cannot read the folder '" + folder + "': " + error.message());
  if (paths.empty()) throw InputError("--images: no .jpg, .jpeg, .png or .bmp file in '" + folder + "'");
  return paths;
}

}  // namespace

std::vector<RunItem> collect_images(const std::vector<std::string>& files, const std::string& folder, size_t limit) {
  std::vector<std::string> paths = files;
  for (const std::string& file : files) {
    if (!fs::exists(file)) throw InputError("--image: there is no file '" + file + "'");
    if (fs::is_directory(file)) throw InputError("--image: '" + file + "' is a folder; use --images for folders");
  }
  if (!folder.empty()) {
    const std::vector<std::string> found = images_in(folder);
    paths.insert(paths.end(), found.begin(), found.end());
  }
  std::vector<RunItem> items;
  items.reserve(paths.size());
  for (const std::string& path : paths) items.push_back({fs::path(path).filename().string(), path, kNoLabel, {}});
  std::sort(items.begin(), items.end(),
            [](const RunItem& a, const RunItem& b) { return std::tie(a.name, a.path) < std::tie(b.name, b.path); });
  if (items.size() > limit) items.resize(limit);
  return items;
}

void attach_labels(std::vector<RunItem>& items, const std::string& csv_path, int classes) {
  std::map<std::string, int> labels;
  for (const CsvRow& row : read_csv(csv_path, {"file", "class"})) {
    const std::string where = csv_path + ":" + std::to_string(row.line);
    const auto label = static_cast<int>(parse_integer(where + ": class", row.fields[1], 0, classes - 1));
    const auto [known, added] = labels.emplace(row.fields[0], label);
    if (!added && known->second != label) {
      throw InputError(where + ": '" + row.fields[0] + "' has another class further up");
    }
  }
  for (RunItem& item : items) {
    const auto label = labels.find(item.name);
    if (label == labels.end()) throw InputError(csv_path + ": no line for '" + item.name + "'");
    item.label = label->second;
  }
}

std::vector<std::string> class_names(const zoo::ModelSpec& spec) {
  const std::string path = (project_home() / spec.class_list).string();
  std::vector<std::string> names(static_cast<size_t>(spec.classes));
  for (const CsvRow& row : read_csv(path, {"class"})) {
    const std::string where = path + ":" + std::to_string(row.line);
    const int64_t index = parse_integer(where + ": class", row.fields[0], 0, spec.classes - 1);
    names[static_cast<size_t>(index)] = row.fields.back();
  }
  return names;
}

uint32_t image_seed(const std::vector<int8_t>& pixels, uint32_t seed) {
  uint32_t hash = 2166136261U;
  for (const int8_t pixel : pixels) hash = (hash ^ static_cast<uint8_t>(pixel)) * 16777619U;
  return hash ^ seed;
}

}  // namespace heatvit::tb
