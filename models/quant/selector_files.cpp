#include "models/quant/selector_files.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "accel/isa/errors.h"
#include "models/weights/weight_source.h"

namespace heatvit::quant {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = ".safetensors";

fs::path folder_of(const std::string& home) { return fs::path(home) / "models" / "selectors" / "weights"; }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::string points_of(const std::string& path) {
  const auto metadata = weights::metadata_of(path);
  const auto found = metadata.find(kPointsKey);
  return found == metadata.end() ? std::string() : found->second;
}

std::vector<std::string> names_of(const std::string& points) {
  std::vector<std::string> names;
  for (const std::string& point : split(points, ';')) names.push_back(point.substr(0, point.find(':')));
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

float parse_shift(const std::string& text, const SelectorFile& file) {
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) {
    throw InputError(file.path + ": metadata '" + kPointsKey + "', point " + file.point + ": '" + text +
                     "' is no number");
  }
  return value;
}

}  // namespace

SelectorFile find_selectors(const std::string& text, const std::string& home) {
  if (text.empty() || text.rfind("random:", 0) == 0 || fs::exists(text)) return {text, {}};
  const size_t at = text.rfind('@');
  const std::string name = text.substr(0, at);
  const std::string point = at == std::string::npos ? std::string() : text.substr(at + 1);
  if (at != std::string::npos && point.empty()) {
    throw InputError("--selector-weights: '" + text + "' has no operating point after the @");
  }
  if (fs::exists(name) && fs::is_regular_file(name)) return {name, point};
  const bool plain = !name.empty() && name.find_first_of("/\\.") == std::string::npos;
  const fs::path shipped = folder_of(home) / (name + kSuffix);
  if (!plain || home.empty()) return {text, {}};
  if (fs::exists(shipped)) return {shipped.string(), point};
  std::vector<std::string> names;
  for (const auto& [known, points] : shipped_selectors(home)) names.push_back(known);
  throw InputError("--selector-weights: '" + text +
                   "' is no file, and no selectors of that name are shipped; there are " + joined(names));
}

std::map<std::string, std::vector<std::string>> shipped_selectors(const std::string& home) {
  std::map<std::string, std::vector<std::string>> found;
  if (!fs::exists(folder_of(home))) return found;
  for (const auto& entry : fs::directory_iterator(folder_of(home))) {
    if (entry.path().extension() == kSuffix)
      found[entry.path().stem().string()] = names_of(points_of(entry.path().string()));
  }
  return found;
}

void set_point(const SelectorFile& file, std::vector<network::FloatSelector>& selectors) {
  if (file.point.empty()) return;
  const std::string points = points_of(file.path);
  for (const std::string& point : split(points, ';')) {
    if (point.substr(0, point.find(':')) != file.point) continue;
    const std::vector<std::string> shifts = split(point.substr(file.point.size() + 1), ',');
    if (shifts.size() != selectors.size()) {
      throw InputError(file.path + ": metadata '" + kPointsKey + "', point " + file.point + ": " +
                       std::to_string(shifts.size()) + " shifts for " + std::to_string(selectors.size()) +
                       " selectors");
    }
    for (size_t s = 0; s < selectors.size(); ++s) {
      const float half = parse_shift(shifts[s], file) / 2;
      selectors[s].keep.bias.at(0) += half;
      selectors[s].keep.bias.at(1) -= half;
    }
    return;
  }
  const std::vector<std::string> names = names_of(points);
  throw InputError(file.path + ": has no operating point '" + file.point + "'" +
                   (names.empty() ? ", nor any other" : "; there are " + joined(names)));
}

}  // namespace heatvit::quant
