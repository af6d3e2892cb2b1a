// Values as bytes between processes of this program: vectors, texts, optionals, maps, and what lies in memory as it is.
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace heatvit::tb {

/// Writer and reader are called alike, so that one list of fields serves both: `stream(r.cycles, r.tokens)`.
class ByteWriter {
 public:
  template <typename... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>, "copied as it lies in memory");
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(const std::string& text) {
    put(text.size());
    bytes_ += text;
  }
  template <typename T>
  void put(const std::vector<T>& values) {
    put(values.size());
    if constexpr (std::is_trivially_copyable_v<T>) {
      bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    } else {
      for (const T& value : values) put(value);
    }
  }
  template <typename K, typename V>
  void put(const std::map<K, V>& values) {
    put(values.size());
    for (const auto& [key, value] : values) put(key), put(value);
  }

  std::string bytes_;
};

/// Throws std::runtime_error where the bytes are not what a ByteWriter made of the same fields.
class ByteReader {
 public:
  explicit ByteReader(const std::string& bytes) : bytes_(bytes) {}
  template <typename... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  void expect_end() const {
    if (position_ != bytes_.size()) throw std::runtime_error("a worker's result has bytes left over");
  }

 private:
  void copy(void* to, size_t size) {
    if (size > bytes_.size() - position_) throw std::runtime_error("a worker's result is cut short");
    if (size != 0) std::memcpy(to, bytes_.data() + position_, size);
    position_ += size;
  }
  size_t size() {
    size_t size = 0;
    get(size);
    if (size > bytes_.size()) throw std::runtime_error("a worker's result is cut short");
    return size;
  }
  template <typename T>
  void get(T& value) {
    static_assert(std::is_trivially_copyable_v<T>, "copied as it lies in memory");
    copy(&value, sizeof value);
  }
  void get(std::string& text) {
    text.resize(size());
    copy(text.data(), text.size());
  }
  template <typename T>
  void get(std::vector<T>& values) {
    values.resize(size());
    if constexpr (std::is_trivially_copyable_v<T>) {
      copy(values.data(), values.size() * sizeof(T));
    } else {
      for (T& value : values) get(value);
    }
  }
  template <typename K, typename V>
  void get(std::map<K, V>& values) {
    for (size_t left = size(); left > 0; --left) {
      K key{};
      get(key);
      get(values[key]);
    }
  }

  const std::string& bytes_;
  size_t position_ = 0;
};

/// A few values whole.
template <typename... T>
std::string bytes_of(const T&... values) {
  ByteWriter writer;
  writer(values...);
  return writer.take();
}

template <typename... T>
void read_from(const std::string& bytes, T&... values) {
  ByteReader reader(bytes);
  reader(values...);
  reader.expect_end();
}

}  // namespace heatvit::tb
