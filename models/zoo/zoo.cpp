#include "models/zoo/zoo.h"

#include <cmath>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "accel/isa/errors.h"
#include "models/zoo/shipped.h"

namespace heatvit::zoo {
namespace {

/// Descriptions from files and options, which live as long as the program: a deque does not move them.
std::deque<ModelSpec>& others() {
  static std::deque<ModelSpec> specs;
  return specs;
}

/// Threads look up models at once.
std::mutex& looking() {
  static std::mutex mutex;
  return mutex;
}

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw InputError(path + ": cannot be read: it is a folder");
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && text.empty()) throw InputError(path + ": cannot be read");
  return text;
}

bool is_file_name(std::string_view name) {
  constexpr std::string_view kEnding = ".json";
  return name.size() > kEnding.size() && name.substr(name.size() - kEnding.size()) == kEnding;
}

}  // namespace

const std::vector<ModelSpec>& models() {
  static const std::vector<ModelSpec> kModels = [] {
    std::vector<ModelSpec> specs;
    for (const Shipped& shipped : shipped_descriptions())
      specs.push_back(read_description(shipped.json, std::string("models/zoo/") + shipped.file));
    return specs;
  }();
  return kModels;
}

const ModelSpec& find(std::string_view name) {
  std::string known;
  for (const ModelSpec& model : models()) {
    if (model.name == name) return model;
    known += model.name + ", ";
  }
  const std::string wanted(name);
  const std::lock_guard<std::mutex> one(looking());
  if (is_file_name(name)) {
    ModelSpec spec = read_description(read_file(wanted), wanted);
    for (const ModelSpec& model : others())
      if (describe(model) == describe(spec)) return model;
    return others().emplace_back(std::move(spec));
  }
  for (const ModelSpec& model : others())
    if (model.name == name) return model;
  throw InputError("unknown model '" + wanted + "'; known: " + known +
                   "or the file of a description (NAME.json, docs/networks.md)");
}

const ModelSpec& add(ModelSpec spec, const std::string& origin) {
  check(spec, origin);
  const std::lock_guard<std::mutex> one(looking());
  for (ModelSpec& known : others())
    if (known.name == spec.name) return known = std::move(spec);
  return others().emplace_back(std::move(spec));
}

std::vector<StemConv> lv_stem() { return {{64, 7, 2, 3}, {64, 3, 1, 1}, {64, 3, 1, 1}}; }

int ModelSpec::map_size() const {
  int size = image_size;
  for (const StemConv& conv : stem) size = conv_out(size, conv);
  return size;
}

int ModelSpec::kept_at(double rate) const { return static_cast<int>(std::floor(patches() * (1.0 - rate) + 1e-9)); }

int ModelSpec::tokens_for(int kept, bool package) const {
  return front_tokens() + kept + (package && kept < patches() ? 1 : 0);
}

}  // namespace heatvit::zoo
