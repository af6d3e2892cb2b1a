#include "models/preprocess/decode.h"

#include <stb/stb_image.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <system_error>

#include "accel/isa/errors.h"

namespace heatvit::preprocess {
namespace {

constexpr int kChannels = 3;
constexpr int kMaxSide = 20000;                     // of an input image
constexpr int64_t kMaxPixels = 100'000'000;         // 300 MB once decoded
constexpr uintmax_t kMaxFileBytes = 1'000'000'000;  // more than any image within these limits needs

std::vector<uint8_t> read_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error || !std::filesystem::exists(status)) throw InputError(path + ": image cannot be read, no such file");
  if (!std::filesystem::is_regular_file(status)) throw InputError(path + ": image cannot be read, no regular file");
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw InputError(path + ": image cannot be read, " + error.message());
  if (size == 0) throw InputError(path + ": no image, the file is empty");
  if (size > kMaxFileBytes) throw InputError(path + ": image file is too large, at most 1 GB is allowed");
  std::ifstream stream(path, std::ios::binary);
  std::vector<uint8_t> bytes(size);
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!stream) throw InputError(path + ": image cannot be read, " + std::generic_category().message(errno));
  return bytes;
}

/// Feeds stb from memory and notes when it asks for more than there is: stb itself reads zeros past the end of a BMP
/// file, say, and reports nothing.
class ByteFeed {
 public:
  explicit ByteFeed(const std::vector<uint8_t>& bytes) : bytes_(bytes) {}

  static constexpr stbi_io_callbacks callbacks() { return {read, skip, at_end}; }
  bool overrun() const { return overrun_; }

 private:
  static int read(void* self, char* target, int size) {
    auto& feed = *static_cast<ByteFeed*>(self);
    const size_t count = std::min(static_cast<size_t>(size), feed.bytes_.size() - feed.position_);
    std::memcpy(target, feed.bytes_.data() + feed.position_, count);
    feed.position_ += count;
    feed.overrun_ |= count == 0;
    return static_cast<int>(count);
  }

  static void skip(void* self, int distance) {  // stb never skips backwards beyond its own buffer
    auto& feed = *static_cast<ByteFeed*>(self);
    const int64_t target = static_cast<int64_t>(feed.position_) + distance;
    const auto size = static_cast<int64_t>(feed.bytes_.size());
    feed.overrun_ |= target < 0 || target > size;
    feed.position_ = static_cast<size_t>(std::clamp<int64_t>(target, 0, size));
  }

  static int at_end(void* self) {
    const auto& feed = *static_cast<ByteFeed*>(self);
    return feed.position_ == feed.bytes_.size() ? 1 : 0;
  }

  const std::vector<uint8_t>& bytes_;
  size_t position_ = 0;
  bool overrun_ = false;
};

bool starts_with(const std::vector<uint8_t>& bytes, std::initializer_list<uint8_t> start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}

bool sane(int64_t width, int64_t height) {
  return width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide && width * height <= kMaxPixels;
}

void expect_sane(const std::string& path, const Picture& picture) {
  if (sane(picture.width, picture.height)) return;
  throw InputError(path + ": image of " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                   " pixels, allowed are 1..20000 a side and 100 million in all");
}

[[noreturn]] void no_image(const std::string& path, const std::string& reason) {
  throw InputError(path + ": no image that can be decoded (" + reason + "; allowed: JPEG, PNG, WebP, TIFF, BMP)");
}

using Decoder = bool (*)(const std::vector<uint8_t>&, SizeCheck, Picture&, std::string&);

/// By the file's first bytes; nullptr: of none.
Decoder decoder_of(const std::vector<uint8_t>& bytes) {
  if (starts_with(bytes, {0xFF, 0xD8, 0xFF})) return decode_jpeg;
  if (starts_with(bytes, {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'})) return decode_png;
  const bool container = bytes.size() >= 12 && std::equal(bytes.begin() + 8, bytes.begin() + 12, "WEBP");
  if (container && starts_with(bytes, {'R', 'I', 'F', 'F'})) return decode_webp;
  const bool tiff = starts_with(bytes, {'I', 'I', '*', 0}) || starts_with(bytes, {'M', 'M', 0, '*'}) ||
                    starts_with(bytes, {'I', 'I', '+', 0}) || starts_with(bytes, {'M', 'M', 0, '+'});
  return tiff ? decode_tiff : nullptr;
}

/// Bits a pixel by a BMP file's header, of which there are an old form and longer ones; 0: the header does not end.
int bmp_bits(const std::vector<uint8_t>& bytes) {
  constexpr size_t kHeaderSize = 14, kOldBits = 24, kBits = 28;
  if (bytes.size() <= kBits) return 0;
  return bytes[bytes[kHeaderSize] == 12 ? kOldBits : kBits];
}

Picture decode_bmp(const std::string& path, const std::vector<uint8_t>& bytes) {
  const stbi_io_callbacks callbacks = ByteFeed::callbacks();
  ByteFeed header(bytes), feed(bytes);
  Picture picture;
  int channels = 0;
  if (stbi_info_from_callbacks(&callbacks, &header, &picture.width, &picture.height, &channels) == 0) {
    no_image(path, stbi_failure_reason());
  }
  expect_sane(path, picture);
  const auto truncated = [&] {
    return InputError(path + ": image is truncated, it ends after " + std::to_string(bytes.size()) + " bytes");
  };
  // stb decodes a BMP to its end, however few bytes there are: 100 million pixels of nothing take seconds.
  if (int64_t(picture.width) * picture.height * bmp_bits(bytes) / 8 > static_cast<int64_t>(bytes.size()))
    throw truncated();
  const std::unique_ptr<uint8_t, void (*)(void*)> pixels(
      stbi_load_from_callbacks(&callbacks, &feed, &picture.width, &picture.height, &channels, kChannels),
      stbi_image_free);
  if (feed.overrun()) throw truncated();
  if (!pixels) throw InputError(path + ": image is damaged (" + stbi_failure_reason() + ")");
  picture.rgb.assign(pixels.get(), pixels.get() + size_t(picture.width) * size_t(picture.height) * kChannels);
  return picture;
}

}  // namespace

Picture decode_image(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path);
  if (starts_with(bytes, {'B', 'M'})) return decode_bmp(path, bytes);
  const Decoder decode = decoder_of(bytes);
  if (decode == nullptr) no_image(path, "unknown image type");
  Picture picture;
  std::string error;
  const bool decoded = decode(bytes, sane, picture, error);
  if (!decoded && picture.width == 0) no_image(path, error);
  if (!decoded) throw InputError(path + ": image is damaged (" + error + ")");
  expect_sane(path, picture);
  return picture;
}

}  // namespace heatvit::preprocess
