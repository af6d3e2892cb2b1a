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
#include "tb/config/text_lines.h"

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
    const bool hidden = entry->path().filename().string().front() == '.';  // macOS puts "._a.jpg" beside "a.jpg"
    std::error_code dangling;
    if (!hidden && is_image_name(entry->path()) && entry->is_regular_file(dangling))
      paths.push_back(entry->path().string());
  }
  if (error) throw InputError("--images: cannot read the folder '" + folder + "': " + error.message());
  if (paths.empty()) throw InputError("--images: no .jpg, .jpeg, .png or .bmp file in '" + folder + "'");
  return paths;
}

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
    auto lines = by_name_.find(item.name);
    if (lines == by_name_.end()) lines = by_name_.find(fs::path(item.name).stem().string());
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
    for (size_t i = 1; i < items.size(); ++i) {  // sorted by name
      const RunItem &a = items[i - 1], &b = items[i];
      if (a.name != b.name || a.path == b.path) continue;
      const auto lines = by_name_.find(a.name);
      if (lines == by_name_.end() || lines->second.size() < 2)
        throw InputError(path_ + ": one line for '" + a.path + "' and '" + b.path +
                         "'; put the folder in front of the names");
    }
  }

 private:
  std::string path_;
  std::map<std::string, std::vector<Label>> by_name_;
};

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
  for (const std::string& path : paths) {
    // Reports, labels and traces are UTF-8, whatever bytes a name on disk has.
    items.push_back({valid_utf8(fs::path(path).filename().string()), path, kNoLabel, {}});
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

uint32_t image_seed(const std::vector<int8_t>& pixels, uint32_t seed) {
  uint32_t hash = 2166136261U;
  for (const int8_t pixel : pixels) hash = (hash ^ static_cast<uint8_t>(pixel)) * 16777619U;
  return hash ^ seed;
}

}  // namespace heatvit::tb
