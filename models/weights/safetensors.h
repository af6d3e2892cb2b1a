// Reader and writer of safetensors files (https://github.com/huggingface/safetensors, "Format"):
//
//   bytes 0..7       N, uint64, little endian: length of the header
//   bytes 8..8+N-1   JSON object, starts with '{', may be padded with spaces: {"__metadata__": {string: string},
//                    NAME: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//   the rest         the tensors, row-major, little endian, without gaps; offsets count from byte 8+N
//
// The reader trusts nothing: a file is either wholly consistent or refused on opening, before any tensor is touched.
// Every failure is an InputError of one line, "<path>: <what>, <where>".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "accel/isa/errors.h"
#include "models/weights/weight_source.h"

namespace heatvit::weights {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation has it

struct TensorInfo {
  std::string dtype;   // "F64", "F32", "F16", "BF16", "I8", "I16", "I32"; others can be listed but not read
  Shape shape;         // empty: a scalar
  uint64_t begin = 0;  // first byte, counted from the start of the tensor data
  uint64_t end = 0;    // one past the last

  /// Product of the shape (1 for a scalar). Cannot overflow in a file that opened.
  uint64_t elements() const;
};

/// "[2, 3]", for messages.
std::string to_string(const Shape& shape);

class Safetensors {
 public:
  /// Maps the file; tensor data are read from disk when they are first touched.
  static Safetensors open(const std::string& path);

  /// The same from bytes that the caller keeps alive. `label` stands for the path in messages.
  static Safetensors from_memory(std::string label, const uint8_t* data, size_t size);

  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;
  ~Safetensors();

  const std::string& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  std::vector<std::string> names() const;  // in alphabetical order
  bool has(std::string_view name) const;
  const TensorInfo& info(std::string_view name) const;

  /// The tensor's bytes, info(name).end - info(name).begin of them, in no particular alignment.
  const uint8_t* raw(std::string_view name) const;

  /// F64, F32, F16, BF16, I8, I16 and I32 as float. Integers beyond 2^24 and doubles round to nearest.
  std::vector<float> read_float(std::string_view name) const;

  /// Exactly this dtype, no conversion.
  std::vector<int8_t> read_i8(std::string_view name) const;
  std::vector<int16_t> read_i16(std::string_view name) const;
  std::vector<int32_t> read_i32(std::string_view name) const;

 private:
  class Mapping;

  Safetensors(std::string path, const uint8_t* data, uint64_t size);
  template <typename T>
  std::vector<T> read_exact(std::string_view name, std::string_view dtype) const;

  std::string path_;
  std::unique_ptr<Mapping> mapping_;  // null when the caller owns the bytes
  const uint8_t* data_ = nullptr;     // first byte after the header
  std::map<std::string, std::string> metadata_;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
};

/// Collects tensors, then writes them at once. Data start at a multiple of 8 bytes and wider types come first, so that
/// every element lies at a multiple of its own size; the bytes written depend on the content alone, not on the order
/// of the calls.
class SafetensorsWriter {
 public:
  void set_metadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

  /// Throws std::invalid_argument for a name that is taken or a shape that does not match the number of values.
  void add(const std::string& name, const Shape& shape, const std::vector<float>& values);    // F32
  void add(const std::string& name, const Shape& shape, const std::vector<int8_t>& values);   // I8
  void add(const std::string& name, const Shape& shape, const std::vector<int16_t>& values);  // I16
  void add(const std::string& name, const Shape& shape, const std::vector<int32_t>& values);  // I32

  /// There is a whole file at `path` afterwards, or what was there before. Throws what AtomicFile does.
  void write(const std::string& path) const;

 private:
  struct Entry {
    const char* dtype;
    size_t width;  // bytes an element
    Shape shape;
    std::vector<uint8_t> bytes;
  };
  template <typename T>
  void add_entry(const std::string& name, const char* dtype, const Shape& shape, const std::vector<T>& values);
  std::vector<std::pair<const std::string, Entry> const*> in_file_order() const;
  std::string header() const;

  std::map<std::string, std::string> metadata_;
  std::map<std::string, Entry> entries_;
};

}  // namespace heatvit::weights
