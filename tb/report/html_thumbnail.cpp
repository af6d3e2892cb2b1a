#include <algorithm>
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

constexpr int kSide = 112;  // pixels aimed at; whole pixels are averaged, so it may be up to twice as many
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

/// The mean of factor x factor pixels for each pixel of the result.
std::vector<uint8_t> shrunk(const std::vector<uint8_t>& pixels, size_t side, size_t factor) {
  const size_t small_side = side / factor, area = factor * factor;
  std::vector<uint8_t> small;
  small.reserve(small_side * small_side * 3);
  for (size_t y = 0; y < small_side; ++y)
    for (size_t x = 0; x < small_side; ++x)
      for (size_t c = 0; c < 3; ++c) {
        size_t sum = area / 2;
        for (size_t i = 0; i < area; ++i)
          sum += pixels[((y * factor + i / factor) * side + x * factor + i % factor) * 3 + c];
        small.push_back(static_cast<uint8_t>(sum / area));
      }
  return small;
}

}  // namespace

std::string thumbnail(const std::string& path, const zoo::ModelSpec& spec) {
  const preprocess::Image image = preprocess::load_image(path, spec);
  const int factor = std::max(1, spec.image_size / kSide), side = spec.image_size / factor;
  const std::vector<uint8_t> small =
      shrunk(image.pixels, static_cast<size_t>(spec.image_size), static_cast<size_t>(factor));
  std::string jpeg;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), static_cast<size_t>(size));
  };
  stbi_write_jpg_to_func(append, &jpeg, side, side, 3, small.data(), kQuality);
  return "data:image/jpeg;base64," + base64(jpeg);
}

}  // namespace heatvit::tb
