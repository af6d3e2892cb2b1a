#include "models/weights/tensor_files.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "models/weights/safetensors_header.h"
#include "models/weights/text.h"

namespace heatvit::weights {
namespace {

namespace fs = std::filesystem;

constexpr char kIndexName[] = "model.safetensors.index.json";
constexpr char kFileName[] = "model.safetensors";
constexpr char kIndexEnd[] = ".index.json";
constexpr uintmax_t kMaxIndexBytes = 100'000'000;

/// The file or index that a folder stands for.
std::string file_in(const std::string& folder) {
  for (const char* name : {kIndexName, kFileName}) {
    if (fs::exists(fs::path(folder) / name)) return (fs::path(folder) / name).string();
  }
  std::vector<std::string> found;
  std::string foreign;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string extension = entry->path().extension().string();
    if (extension == ".safetensors") found.push_back(entry->path().string());
    if (extension == ".bin" || extension == ".pth" || extension == ".pt" || extension == ".onnx") {
      foreign = entry->path().string();
    }
  }
  if (error) throw InputError(folder + ": cannot be read, " + error.message());
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    throw InputError(folder + ": is a directory that holds " + std::to_string(found.size()) +
                     " safetensors files and no " + kIndexName + "; name one");
  }
  throw InputError(
      folder + ": is a directory without a safetensors file" +
      (foreign.empty() ? "" : "; convert " + foreign + ": python3 models/import/to_safetensors.py FILE OUT"));
}

/// Names of the shards, from {"weight_map": {TENSOR: SHARD}}.
std::map<std::string, std::string> weight_map_of(const std::string& path) {
  std::error_code error;
  if (const uintmax_t size = fs::file_size(path, error); error || size > kMaxIndexBytes) {
    throw InputError(path + ": cannot be read as an index of shards");
  }
  std::ifstream stream(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  // Three levels are enough; a file nested deeper must not exhaust the stack.
  const auto callback = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) { return depth <= 3; };
  const nlohmann::json index = nlohmann::json::parse(text, callback, false);
  if (index.is_discarded() || !index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw InputError(path + ": no index of shards, a JSON object with 'weight_map' is needed");
  }
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    // A shard lies beside its index; anything else would let an index read foreign files.
    if (!shard.is_string() || shard.get<std::string>().find('/') != std::string::npos) {
      throw InputError(path + ": the shard of tensor " + in_quotes(tensor) + " must be a file's name");
    }
    shards[tensor] = shard.get<std::string>();
  }
  return shards;
}

}  // namespace

TensorFiles TensorFiles::open(const std::string& path) {
  TensorFiles files(path);
  std::error_code error;
  const std::string file = fs::is_directory(path, error) ? file_in(path) : path;
  if (ends_with(file, kIndexEnd)) {
    files.add_shards(file);
  } else {
    files.add(Safetensors::open(file));
  }
  return files;
}

void TensorFiles::add(Safetensors file) {
  for (const std::string& name : file.names()) {
    const auto [known, is_new] = home_.emplace(name, files_.size());
    if (!is_new) {
      throw InputError(file.path() + ": tensor " + in_quotes(name) + " lies in " + files_[known->second].path() +
                       " as well");
    }
  }
  files_.push_back(std::move(file));
}

void TensorFiles::add_shards(const std::string& index) {
  const std::map<std::string, std::string> shards = weight_map_of(index);
  std::set<std::string> opened;
  for (const auto& [tensor, shard] : shards) {
    const std::string path = (fs::path(index).parent_path() / shard).string();
    if (opened.insert(shard).second) {
      if (!fs::exists(path)) throw InputError(index + ": the shard '" + shard + "' is missing");
      add(Safetensors::open(path));
    }
    if (!has(tensor) || file_of(tensor).path() != path) {
      throw InputError(index + ": tensor " + in_quotes(tensor) + " is not in '" + shard + "'");
    }
  }
}

const std::map<std::string, std::string>& TensorFiles::metadata() const {
  static const std::map<std::string, std::string> kNone;
  return files_.size() == 1 ? files_.front().metadata() : kNone;
}

std::vector<std::string> TensorFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : home_) names.push_back(name);
  return names;
}

const Safetensors& TensorFiles::file_of(std::string_view name) const {
  const auto found = home_.find(name);
  if (found == home_.end()) throw InputError(path_ + ": there is no tensor " + in_quotes(name));
  return files_[found->second];
}

std::string folder_of(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? path : fs::path(path).parent_path().string();
}

}  // namespace heatvit::weights
