#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "models/weights/atomic_file.h"
#include "models/weights/safetensors.h"

namespace heatvit::weights {
namespace {
constexpr size_t kAlignment = 8;
}

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
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const auto* entry : in_file_order()) file.write(entry->second.bytes.data(), entry->second.bytes.size());
  file.commit();
}

}  // namespace heatvit::weights
