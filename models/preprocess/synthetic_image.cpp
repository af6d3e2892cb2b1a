// Pictures without files: integer arithmetic only, so that a seed gives the same bytes on every machine.
#include <algorithm>
#include <array>
#include <cstdint>

#include "models/preprocess/image.h"

namespace heatvit::preprocess {
namespace {

using Colour = std::array<int, 3>;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  /// In [low, high]. The bias of the modulo is far below what a picture shows.
  int in(int low, int high) { return low + static_cast<int>(next() % static_cast<uint64_t>(high - low + 1)); }
  Colour colour() { return {in(0, 255), in(0, 255), in(0, 255)}; }

 private:
  uint64_t state_;
};

class Canvas {
 public:
  explicit Canvas(int side) : side_(side), pixels_(static_cast<size_t>(side) * static_cast<size_t>(side)) {}

  /// Bilinear between the colours of the four corners.
  void gradient(Random& random) {
    const std::array<Colour, 4> corner = {random.colour(), random.colour(), random.colour(), random.colour()};
    const int last = side_ - 1;
    for_each_pixel([&](int x, int y, Colour& pixel) {
      for (size_t c = 0; c < 3; ++c) {
        const int top = corner[0][c] * (last - x) + corner[1][c] * x;
        const int bottom = corner[2][c] * (last - x) + corner[3][c] * x;
        pixel[c] = (top * (last - y) + bottom * y) / (last * last);
      }
    });
  }

  /// Parallel bands across the picture, half transparent.
  void stripes(Random& random) {
    const int a = random.in(-16, 16), b = random.in(1, 16);
    const int period = random.in(200, 900), width = random.in(period / 6, period / 2);
    const Colour colour = random.colour();
    for_each_pixel([&](int x, int y, Colour& pixel) {
      if ((a * x + b * y + 16 * side_) % period < width) blend(pixel, colour, 128);
    });
  }

  /// A ball: brightest towards the upper left, darker at the rim.
  void disc(Random& random) {
    const int centre_x = random.in(0, side_ - 1), centre_y = random.in(0, side_ - 1), radius = random.in(14, 72);
    const Colour colour = random.colour();
    for_each_pixel([&](int x, int y, Colour& pixel) {
      const int dx = x - centre_x, dy = y - centre_y;
      if (dx * dx + dy * dy > radius * radius) return;
      const int shade = 224 - 64 * (dx + dy) / radius;  // of 256; 133..315
      for (size_t c = 0; c < 3; ++c) pixel[c] = std::clamp(colour[c] * shade / 256, 0, 255);
    });
  }

  /// +-amplitude on each channel, as a sensor has it.
  void noise(Random& random) {
    const int amplitude = random.in(4, 20);
    for_each_pixel([&](int, int, Colour& pixel) {
      for (int& channel : pixel) channel = std::clamp(channel + random.in(-amplitude, amplitude), 0, 255);
    });
  }

  Image image() const {
    Image image;
    image.pixels.reserve(pixels_.size() * 3);
    for (const Colour& pixel : pixels_) {
      for (const int channel : pixel) image.pixels.push_back(static_cast<uint8_t>(channel));
    }
    return image;
  }

 private:
  template <typename Paint>
  void for_each_pixel(Paint paint) {
    auto pixel = pixels_.begin();
    for (int y = 0; y < side_; ++y) {
      for (int x = 0; x < side_; ++x) paint(x, y, *pixel++);
    }
  }

  static void blend(Colour& pixel, const Colour& colour, int weight) {  // weight of 256
    for (size_t c = 0; c < 3; ++c) pixel[c] += (colour[c] - pixel[c]) * weight / 256;
  }

  int side_;
  std::vector<Colour> pixels_;
};

}  // namespace

Image synthetic_image(uint32_t seed, int side) {
  Random random(seed);
  Canvas canvas(side);
  canvas.gradient(random);
  canvas.stripes(random);
  const int discs = random.in(2, 5);
  for (int i = 0; i < discs; ++i) canvas.disc(random);
  canvas.noise(random);
  return canvas.image();
}

}  // namespace heatvit::preprocess
