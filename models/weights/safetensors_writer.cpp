#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "models/weights/safetensors.h"

namespace heatvit::weights {
namespace {

constexpr size_t kAlignment = 8;

/// A file under a temporary name that takes its final name on commit() and disappears without it.
class PendingFile {
 public:
  explicit PendingFile(const std::string& path) : path_(path) {
    const std::string stem = path + ".tmp." + std::to_string(::getpid()) + ".";
    for (int attempt = 0; descriptor_ < 0; ++attempt) {
      temporary_ = stem + std::to_string(attempt);
      descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0 && errno != EEXIST) fail("cannot be created");
    }
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(temporary_.c_str());
  }

  void write(const void* data, size_t size) {
    const char* bytes = static_cast<const char*>(data);
    while (size != 0) {
      const ssize_t written = ::write(descriptor_, bytes, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot be written");
      bytes += written;
      size -= static_cast<size_t>(written);
    }
  }

  void commit() {
    const int descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0) fail("cannot be written");  // network file systems report a full disk only here
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot be replaced");
    committed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw WriteError(path_ + ": " + what + ", " + std::generic_category().message(errno));
  }

  std::string path_, temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace

template <typename T>
void SafetensorsWriter::add_entry(const std::string& name, const char* dtype, const Shape& shape,
                                  const std::vector<T>& values) {
  if (name == "__metadata__" || entries_.count(name) != 0) {
    throw std::invalid_argument("safetensors: the name '" + name + "' is taken");
  }
  size_t elements = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(elements, static_cast<size_t>(extent), &elements)) {
      throw std::invalid_argument("safetensors: shape " + to_string(shape) + " of '" + name + "' is impossible");
    }
  }
  if (elements != values.size()) {
    throw std::invalid_argument("safetensors: '" + name + "' of shape " + to_string(shape) + " has " +
                                std::to_string(values.size()) + " values");
  }
  Entry entry{dtype, sizeof(T), shape, std::vector<uint8_t>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(entry.bytes.data(), values.data(), entry.bytes.size());
  entries_.emplace(name, std::move(entry));
}

void SafetensorsWriter::add(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  add_entry(name, "F32", shape, values);
}
void SafetensorsWriter::add(const std::string& name, const Shape& shape, const std::vector<int8_t>& values) {
  add_entry(name, "I8", shape, values);
}
void SafetensorsWriter::add(const std::string& name, const Shape& shape, const std::vector<int16_t>& values) {
  add_entry(name, "I16", shape, values);
}
void SafetensorsWriter::add(const std::string& name, const Shape& shape, const std::vector<int32_t>& values) {
  add_entry(name, "I32", shape, values);
}

std::vector<const std::pair<const std::string, SafetensorsWriter::Entry>*> SafetensorsWriter::in_file_order() const {
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& entry : entries_) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->second.width > b->second.width; });
  return order;
}

std::string SafetensorsWriter::header() const {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!metadata_.empty()) root["__metadata__"] = metadata_;
  uint64_t offset = 0;
  for (const auto* entry : in_file_order()) {
    const uint64_t end = offset + entry->second.bytes.size();
    root[entry->first] = {
        {"dtype", entry->second.dtype}, {"shape", entry->second.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = root.dump();
  } catch (const nlohmann::json::exception&) {
    throw std::invalid_argument("safetensors: a name or metadata is not UTF-8");
  }
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');  // the 8 bytes of the length keep it aligned
  return text;
}

void SafetensorsWriter::write(const std::string& path) const {
  const std::string text = header();
  const uint64_t length = text.size();
  PendingFile file(path);
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const auto* entry : in_file_order()) file.write(entry->second.bytes.data(), entry->second.bytes.size());
  file.commit();
}

}  // namespace heatvit::weights
