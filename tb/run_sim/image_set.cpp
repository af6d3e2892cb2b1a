#include "tb/run_sim/image_set.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>

#include "accel/isa/errors.h"
#include "models/preprocess/image_folder.h"
#include "models/zoo/zoo.h"
#include "tb/config/csv.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

/// WordNet ids of the model's classes, where its list has them.
std::map<std::string, int> wordnet_ids(const zoo::ModelSpec& spec) {
  std::map<std::string, int> ids;
  if (spec.class_list.empty()) return ids;
  const std::string path = (project_home() / spec.class_list).string();
  for (const CsvRow& row : read_csv(path, {"class"}))
    if (row.fields.size() > 2)
      ids.emplace(row.fields[1], static_cast<int>(parse_integer(path + ": class", row.fields[0], 0, spec.classes - 1)));
  return ids;
}

bool is_label_header(const CsvRow& row) {
  return row.fields.size() >= 2 && ((row.fields[0] == "file" && row.fields[1] == "class") ||
                                    (row.fields[0] == "ImageId" && row.fields[1] == "PredictionString"));
}

struct Label {
  fs::path file;  // as the line has it
  int label = kNoLabel;
  int line = 0;
};

/// Parts that two paths share, counted from their ends.
size_t shared_end(const fs::path& a, const fs::path& b) {
  const std::vector<fs::path> left(a.begin(), a.end()), right(b.begin(), b.end());
  size_t count = 0;
  while (count < std::min(left.size(), right.size()) &&
         left[left.size() - 1 - count] == right[right.size() - 1 - count])
    ++count;
  return count;
}

/// Lines of a label file by the name of the image, folders apart.
class LabelIndex {
 public:
  explicit LabelIndex(std::string path) : path_(std::move(path)) {}

  void add(const Label& label) {
    std::vector<Label>& same_name = by_name_[label.file.filename().string()];
    for (const Label& known : same_name)
      if (known.file == label.file && known.label != label.label)
        throw InputError(path_ + ":" + std::to_string(label.line) + ": '" + label.file.string() +
                         "' has another class further up");
    same_name.push_back(label);
  }

  /// The line whose folders fit the item best.
  int find(const RunItem& item) const {
    const fs::path name(item.name);  // with its class's folder, where there is one
    auto lines = by_name_.find(name.filename().string());
    if (lines == by_name_.end()) lines = by_name_.find(name.stem().string());
    if (lines == by_name_.end()) throw InputError(path_ + ": no line for '" + item.name + "'");
    const Label* best = nullptr;
    size_t most = 0;
    bool certain = true;
    for (const Label& line : lines->second) {
      const size_t shared = shared_end(line.file, item.path.empty() ? item.name : item.path);
      if (best != nullptr && shared == most) certain = certain && line.label == best->label;
      if (best != nullptr && shared <= most) continue;
      best = &line, most = shared, certain = true;
    }
    if (!certain) throw InputError(path_ + ": several lines fit '" + item.path + "' and have different classes");
    return best->label;
  }

  /// Two images of one name must not share a line that names no folder.
  void expect_told_apart(const std::vector<RunItem>& items) const {
    std::map<std::string, std::string> paths;
    for (const RunItem& item : items) {
      const std::string name = fs::path(item.name).filename().string();
      const auto [other, fresh] = paths.emplace(name, item.path);
      const auto lines = by_name_.find(name);
      if (!fresh && other->second != item.path && (lines == by_name_.end() || lines->second.size() < 2))
        throw InputError(path_ + ": one line for '" + other->second + "' and '" + item.path +
                         "'; put the folder in front of the names");
    }
  }

 private:
  std::string path_;
  std::map<std::string, std::vector<Label>> by_name_;
};

}  // namespace

void expect_file(const std::string& path) {
  if (!fs::exists(path)) throw InputError("--image: there is no file '" + path + "'");
  if (fs::is_directory(path)) throw InputError("--image: '" + path + "' is a folder; use --images for folders");
}

std::vector<RunItem> collect_images(const std::vector<std::string>& files, const std::string& folder, size_t limit) {
  std::vector<std::string> paths = files;
  for (const std::string& file : files) expect_file(file);
  if (!folder.empty()) {
    const std::vector<std::string> found = preprocess::images_in_folder("--images", folder);
    paths.insert(paths.end(), found.begin(), found.end());
  }
  if (paths.empty()) throw InputError("--images: '' is not a folder");
  std::vector<RunItem> items;
  items.reserve(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    const fs::path path(paths[i]);
    fs::path name = path.filename();
    if (i >= files.size()) name = path.lexically_relative(folder);  // "n01440764/1.JPEG" of a folder a class
    // Reports, labels and traces are UTF-8, whatever bytes a name on disk has.
    items.push_back({valid_utf8(name.string()), paths[i], kNoLabel, {}});
  }
  std::sort(items.begin(), items.end(),
            [](const RunItem& a, const RunItem& b) { return std::tie(a.name, a.path) < std::tie(b.name, b.path); });
  if (items.size() > limit) items.resize(limit);
  return items;
}

void attach_labels(std::vector<RunItem>& items, const std::string& csv_path, const zoo::ModelSpec& spec) {
  const std::map<std::string, int> ids = wordnet_ids(spec);
  LabelIndex labels(csv_path);
  std::vector<CsvRow> rows = read_csv_rows(csv_path, 2);
  const bool header = !rows.empty() && is_label_header(rows.front());
  if (header) rows.erase(rows.begin());
  for (const CsvRow& row : rows) {
    const std::string where = csv_path + ":" + std::to_string(row.line);
    if (row.fields.size() < 2) throw InputError(where + ": one field; lines are 'file,class'");
    const bool headline = !header && &row == &rows.front();
    const auto id = ids.find(row.fields[1].substr(0, row.fields[1].find(' ')));  // Kaggle: boxes follow
    if (headline && id == ids.end() && !parse_number(row.fields[1]))
      throw InputError(where + ": the first line must be 'file,class', or a file and its class");
    labels.add({row.fields[0],
                id != ids.end()
                    ? id->second
                    : static_cast<int>(parse_integer(where + ": class", row.fields[1], 0, spec.classes - 1)),
                row.line});
  }
  for (RunItem& item : items) item.label = labels.find(item);
  labels.expect_told_apart(items);
}

void attach_folder_labels(std::vector<RunItem>& items, const zoo::ModelSpec& spec,
                          const std::optional<std::string>& class_list) {
  const auto folder_of = [](const RunItem& item) {
    const fs::path name(item.name);
    return name.has_parent_path() ? name.begin()->string() : std::string();
  };
  std::map<std::string, int> labels;  // by folder; in the order that torchvision counts
  for (const RunItem& item : items)
    if (const std::string folder = folder_of(item); !folder.empty()) labels.emplace(folder, kNoLabel);
  if (labels.empty()) return;
  const std::map<std::string, int> ids = wordnet_ids(spec);
  const std::vector<std::string> names = class_names(spec, class_list);
  using Meaning = std::function<int(const std::string&)>;
  const Meaning meanings[] = {[&](const std::string& folder) {
                                const auto id = ids.find(folder);
                                return id == ids.end() ? kNoLabel : id->second;
                              },
                              [&](const std::string& folder) {
                                const auto name = std::find(names.begin(), names.end(), folder);
                                return name == names.end() ? kNoLabel : static_cast<int>(name - names.begin());
                              },
                              [&](const std::string& folder) {
                                const auto number = parse_number(folder);
                                return number && *number >= 0 && *number < spec.classes &&
                                               *number == std::floor(*number)
                                           ? static_cast<int>(*number)
                                           : kNoLabel;
                              }};
  const auto all_known = [&labels](const Meaning& meaning) {
    for (auto& [folder, label] : labels)
      if ((label = meaning(folder)) == kNoLabel) return false;
    return true;
  };
  if (std::none_of(std::begin(meanings), std::end(meanings), all_known)) {
    if (labels.size() != static_cast<size_t>(spec.classes)) {
      spdlog::warn("--images: the folders' names are no classes of {} (WordNet ids, names or numbers): no labels",
                   spec.name);
      return;
    }
    int next = 0;
    for (auto& [folder, label] : labels) label = next++;
  }
  for (RunItem& item : items)
    if (const auto label = labels.find(folder_of(item)); label != labels.end()) item.label = label->second;
}

std::vector<std::string> class_names(const zoo::ModelSpec& spec, const std::optional<std::string>& list) {
  std::vector<std::string> names(static_cast<size_t>(spec.classes));
  if (!list && !spec.class_names.empty()) return spec.class_names;
  if (!list && spec.class_list.empty()) return names;
  const std::string path = list ? *list : (project_home() / spec.class_list).string();
  for (const CsvRow& row : read_csv(path, {"class"})) {
    const std::string where = path + ":" + std::to_string(row.line);
    const int64_t index = parse_integer(where + ": class", row.fields[0], 0, spec.classes - 1);
    names[static_cast<size_t>(index)] = row.fields.back();
  }
  return names;
}

preprocess::Image picture_of(const RunItem& item, const zoo::ModelSpec& spec) {
  if (!item.picture) return preprocess::load_image(item.path, spec);
  if (item.ready) return {item.picture->rgb};
  return preprocess::resize_and_crop(item.picture->rgb.data(), item.picture->width, item.picture->height, spec.crop,
                                     spec.image_size, spec.interpolation, spec.squash);
}

uint32_t image_seed(const std::vector<int8_t>& pixels, uint32_t seed) {
  uint32_t hash = 2166136261U;
  for (const int8_t pixel : pixels) hash = (hash ^ static_cast<uint8_t>(pixel)) * 16777619U;
  return hash ^ seed;
}

}  // namespace heatvit::tb
