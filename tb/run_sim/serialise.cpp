#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "tb/run_sim/workers.h"

namespace heatvit::tb {
namespace {

/// One list of fields for both directions: a Stream is a Writer or a Reader.
template <typename Stream, typename Result>
void transfer(Stream& stream, Result& r) {
  stream(r.cycles, r.latency_ms, r.commands, r.memory, r.tiles, r.transactions, r.wall_s);
  size_t images = r.images();
  stream(images);
  if (images < 1 || images > isa::kMaxBatch) throw std::runtime_error("a worker's result has a broken batch");
  if constexpr (!std::is_const_v<Result>) r.others.resize(images - 1);
  for (size_t i = 0; i < images; ++i) {
    auto& image = r.image(i);
    stream(image.logits, image.tokens, image.kept_counts, image.kept, image.macs);
  }
}

class Writer {
 public:
  template <typename... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string bytes;

 private:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>, "copied as it lies in memory");
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename T>
  void put(const std::vector<T>& values) {
    put(values.size());
    if constexpr (std::is_trivially_copyable_v<T>) {
      bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    } else {
      for (const T& value : values) put(value);
    }
  }
};

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  template <typename... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  bool at_end() const { return position_ == bytes_.size(); }

 private:
  void copy(void* to, size_t size) {
    if (size > bytes_.size() - position_) throw std::runtime_error("a worker's result is cut short");
    if (size != 0) std::memcpy(to, bytes_.data() + position_, size);
    position_ += size;
  }
  template <typename T>
  void get(T& value) {
    copy(&value, sizeof value);
  }
  template <typename T>
  void get(std::vector<T>& values) {
    size_t size = 0;
    get(size);
    if (size > bytes_.size()) throw std::runtime_error("a worker's result is cut short");
    values.resize(size);
    if constexpr (std::is_trivially_copyable_v<T>) {
      copy(values.data(), size * sizeof(T));
    } else {
      for (T& value : values) get(value);
    }
  }

  const std::string& bytes_;
  size_t position_ = 0;
};

}  // namespace

std::string serialise(const soc::ImageResult& result) {
  Writer writer;
  transfer(writer, result);
  return std::move(writer.bytes);
}

soc::ImageResult deserialise(const std::string& bytes) {
  soc::ImageResult result;
  Reader reader(bytes);
  transfer(reader, result);
  if (!reader.at_end()) throw std::runtime_error("a worker's result has bytes left over");
  return result;
}

}  // namespace heatvit::tb
