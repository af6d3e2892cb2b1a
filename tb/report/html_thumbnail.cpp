#include <cstdint>

// Compiled here and nowhere else, without our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include "models/preprocess/image.h"
#include "models/zoo/zoo.h"
#include "tb/report/html.h"

namespace heatvit::tb {
namespace {

constexpr int kSide = zoo::kImageSize / 2;
constexpr int kQuality = 80;

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string thumbnail(const std::string& path, double crop) {
  const preprocess::Image image = preprocess::load_image(path, crop);
  std::vector<uint8_t> small(size_t{kSide} * kSide * 3);
  for (size_t y = 0; y < kSide; ++y)
    for (size_t x = 0; x < kSide; ++x)
      for (size_t c = 0; c < 3; ++c) {
        const auto at = [&](size_t dy, size_t dx) -> int {
          return image.pixels[((2 * y + dy) * zoo::kImageSize + 2 * x + dx) * 3 + c];
        };
        small[(y * kSide + x) * 3 + c] = static_cast<uint8_t>((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4);
      }
  std::string jpeg;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), static_cast<size_t>(size));
  };
  stbi_write_jpg_to_func(append, &jpeg, kSide, kSide, 3, small.data(), kQuality);
  return "data:image/jpeg;base64," + base64(jpeg);
}

}  // namespace heatvit::tb
