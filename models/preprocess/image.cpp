#include "models/preprocess/image.h"

#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
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

struct FreePixels {
  void operator()(uint8_t* pixels) const { stbi_image_free(pixels); }
};

struct Decoded {
  std::unique_ptr<uint8_t, FreePixels> rgb;
  int width = 0, height = 0;
};

/// Throws InputError unless stb recognises the file and its size is sane; looks at the image's header only.
void check_header(const std::string& path, const std::vector<uint8_t>& bytes) {
  const stbi_io_callbacks callbacks = ByteFeed::callbacks();
  ByteFeed feed(bytes);
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_callbacks(&callbacks, &feed, &width, &height, &channels) == 0) {
    throw InputError(path + ": no image that can be decoded (" + stbi_failure_reason() + "; allowed: JPEG, PNG, BMP)");
  }
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide ||
      static_cast<int64_t>(width) * height > kMaxPixels) {
    throw InputError(path + ": image of " + std::to_string(width) + " x " + std::to_string(height) +
                     " pixels, allowed are 1..20000 a side and 100 million in all");
  }
}

Decoded decode(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path);
  check_header(path, bytes);
  const stbi_io_callbacks callbacks = ByteFeed::callbacks();
  ByteFeed feed(bytes);
  Decoded image;
  int channels_in_file = 0;
  image.rgb.reset(
      stbi_load_from_callbacks(&callbacks, &feed, &image.width, &image.height, &channels_in_file, kChannels));
  if (feed.overrun())
    throw InputError(path + ": image is truncated, it ends after " + std::to_string(bytes.size()) + " bytes");
  if (!image.rgb) throw InputError(path + ": image is damaged (" + stbi_failure_reason() + ")");
  return image;
}

/// Where the network's `side` pixels lie in an axis that has been scaled from `length` to `resized`.
struct Axis {
  double scale;
  int64_t offset;
};

/// The roundings are those of the reference pictures and logits: the long side to nearest, the offset downwards.
/// (torchvision truncates the long side and takes a half offset to the even number, which moves the crop of some
/// images by a pixel or less.)
Axis axis_of(int length, int other, int64_t short_side, int side) {
  const double ideal = static_cast<double>(short_side) * length / other;
  const int64_t resized = length <= other ? short_side : static_cast<int64_t>(std::nearbyint(ideal));
  return {static_cast<double>(resized) / length, (resized - side) / 2};
}

}  // namespace

Image resize_and_crop(const uint8_t* rgb, int width, int height, double crop, int side) {
  if (!(crop > 0.0 && crop <= 1.0)) {
    throw InputError("crop share " + std::to_string(crop) + " is not allowed, it must be above 0 and at most 1");
  }
  if (rgb == nullptr || width < 1 || height < 1) {
    throw InputError("image of " + std::to_string(width) + " x " + std::to_string(height) + " pixels has no content");
  }
  const auto short_side = static_cast<int64_t>(std::floor(side / crop));
  const Axis x = axis_of(width, height, short_side, side);
  const Axis y = axis_of(height, width, short_side, side);

  // stb computes the visible part only, so an image of 20000 x 1 pixels does not become one of 5 million columns.
  // Catmull-Rom is PIL's bicubic (a = -0.5); both widen the kernel when they shrink an image.
  Image image;
  image.pixels.resize(static_cast<size_t>(side) * static_cast<size_t>(side) * kChannels);
  const int done =
      stbir_resize_subpixel(rgb, width, height, 0, image.pixels.data(), side, side, 0, STBIR_TYPE_UINT8, kChannels,
                            STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP, STBIR_EDGE_CLAMP, STBIR_FILTER_CATMULLROM,
                            STBIR_FILTER_CATMULLROM, STBIR_COLORSPACE_LINEAR, nullptr, static_cast<float>(x.scale),
                            static_cast<float>(y.scale), static_cast<float>(x.offset), static_cast<float>(y.offset));
  if (done == 0) throw std::bad_alloc();  // the only failure that stb has here
  return image;
}

Image load_image(const std::string& path, double crop, int side) {
  const Decoded image = decode(path);
  return resize_and_crop(image.rgb.get(), image.width, image.height, crop, side);
}

std::vector<int8_t> to_int8(const Image& image) {
  std::vector<int8_t> values(image.pixels.size());
  std::transform(image.pixels.begin(), image.pixels.end(), values.begin(),
                 [](uint8_t pixel) { return static_cast<int8_t>(pixel - 128); });
  return values;
}

}  // namespace heatvit::preprocess
