#include "models/weights/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "models/weights/safetensors_header.h"

namespace heatvit::weights {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's bytes are used as they are");

namespace {

[[noreturn]] void fail_errno(const std::string& path, const char* what) {
  throw InputError(path + ": " + what + ", " + std::generic_category().message(errno));
}

/// An open file descriptor of a regular file; closed at the end of its scope.
class InputFile {
 public:
  explicit InputFile(const std::string& path) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block here
    if (descriptor_ < 0) fail_errno(path, "cannot be opened");
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { ::close(descriptor_); }

  int descriptor() const { return descriptor_; }

  size_t size(const std::string& path) const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail_errno(path, "cannot be read");
    if (!S_ISREG(status.st_mode)) {
      throw InputError(path + ": is " + (S_ISDIR(status.st_mode) ? "a directory" : "no regular file") +
                       ", a safetensors file is needed");
    }
    return static_cast<size_t>(status.st_size);
  }

 private:
  int descriptor_ = -1;
};

float from_bits(uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Every value is exact in binary32.
float from_f16(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16;
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return from_bits(sign | 0x7F800000U | fraction << 13);
  return from_bits(sign | (exponent + (127 - 15)) << 23 | fraction << 13);
}

/// bfloat16 is the upper half of a binary32.
float from_bf16(uint16_t half) { return from_bits(static_cast<uint32_t>(half) << 16); }

/// Copies rather than casts pointers: the file guarantees no alignment.
template <typename T>
std::vector<T> copy_out(const uint8_t* bytes, uint64_t count) {
  std::vector<T> values(count);
  if (count != 0) std::memcpy(values.data(), bytes, count * sizeof(T));
  return values;
}

template <typename T, typename Convert>
std::vector<float> widen(const uint8_t* bytes, uint64_t count, Convert convert) {
  std::vector<float> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    values[i] = convert(value);
  }
  return values;
}

}  // namespace

class Safetensors::Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const InputFile file(path);
    size_ = file.size(path);
    if (size_ == 0) return;  // mmap refuses a length of 0
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (address == MAP_FAILED) fail_errno(path, "cannot be mapped");
    bytes_ = static_cast<const uint8_t*>(address);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (bytes_ != nullptr) ::munmap(const_cast<uint8_t*>(bytes_), size_);
  }

  const uint8_t* bytes() const { return bytes_; }
  size_t size() const { return size_; }

 private:
  const uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
};

uint64_t TensorInfo::elements() const {
  uint64_t product = 1;
  for (const int64_t extent : shape) product *= static_cast<uint64_t>(extent);
  return product;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() == 1 ? "" : ", ") + std::to_string(extent);
  return text + "]";
}

Safetensors::Safetensors(std::string path, const uint8_t* data, uint64_t size) : path_(std::move(path)) {
  SafetensorsHeader header = parse_safetensors_header(path_, data, size);
  data_ = data + header.data_offset;
  metadata_ = std::move(header.metadata);
  tensors_ = std::move(header.tensors);
}

Safetensors::Safetensors(Safetensors&&) noexcept = default;
Safetensors& Safetensors::operator=(Safetensors&&) noexcept = default;
Safetensors::~Safetensors() = default;

Safetensors Safetensors::open(const std::string& path) {
  auto mapping = std::make_unique<Mapping>(path);
  Safetensors file(path, mapping->bytes(), mapping->size());
  file.mapping_ = std::move(mapping);
  return file;
}

Safetensors Safetensors::from_memory(std::string label, const uint8_t* data, size_t size) {
  return Safetensors(std::move(label), data, size);
}

std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, info] : tensors_) names.push_back(name);
  return names;
}

bool Safetensors::has(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }

const TensorInfo& Safetensors::info(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw InputError(path_ + ": there is no tensor " + in_quotes(name));
  return found->second;
}

const uint8_t* Safetensors::raw(std::string_view name) const { return data_ + info(name).begin; }

std::vector<float> Safetensors::read_float(std::string_view name) const {
  const TensorInfo& tensor = info(name);
  const uint8_t* bytes = data_ + tensor.begin;
  const uint64_t count = tensor.elements();
  if (tensor.dtype == "F32") return copy_out<float>(bytes, count);
  if (tensor.dtype == "F16") return widen<uint16_t>(bytes, count, from_f16);
  if (tensor.dtype == "BF16") return widen<uint16_t>(bytes, count, from_bf16);
  const auto to_float = [](auto value) { return static_cast<float>(value); };
  if (tensor.dtype == "I8") return widen<int8_t>(bytes, count, to_float);
  if (tensor.dtype == "I16") return widen<int16_t>(bytes, count, to_float);
  if (tensor.dtype == "I32") return widen<int32_t>(bytes, count, to_float);
  if (tensor.dtype == "F64") return widen<double>(bytes, count, to_float);
  throw InputError(path_ + ": dtype " + in_quotes(tensor.dtype) + " cannot be read as float, tensor " +
                   in_quotes(name) + " (allowed: F64, F32, F16, BF16, I8, I16, I32)");
}

template <typename T>
std::vector<T> Safetensors::read_exact(std::string_view name, std::string_view dtype) const {
  const TensorInfo& tensor = info(name);
  if (tensor.dtype != dtype) {
    throw InputError(path_ + ": dtype " + in_quotes(tensor.dtype) + " where " + std::string(dtype) +
                     " is needed, tensor " + in_quotes(name));
  }
  return copy_out<T>(data_ + tensor.begin, tensor.elements());
}

std::vector<int8_t> Safetensors::read_i8(std::string_view name) const { return read_exact<int8_t>(name, "I8"); }
std::vector<int16_t> Safetensors::read_i16(std::string_view name) const { return read_exact<int16_t>(name, "I16"); }
std::vector<int32_t> Safetensors::read_i32(std::string_view name) const { return read_exact<int32_t>(name, "I32"); }

}  // namespace heatvit::weights
