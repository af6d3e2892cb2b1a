#include "models/preprocess/image.h"

#include <algorithm>
#include <cmath>

#include "accel/isa/errors.h"
#include "models/preprocess/decode.h"
#include "models/preprocess/resample.h"

namespace heatvit::preprocess {
namespace {

/// Where the network's `side` pixels lie in an axis of `length` pixels, `other` the other axis's.
Axis axis_of(int length, int other, int64_t short_side, int side, bool squash) {
  // As torchvision has it: int(size * long / short), and round() to even in the centre crop.
  const int64_t resized = squash || length <= other ? short_side : short_side * length / other;
  return {length, resized, std::llrint(static_cast<double>(resized - side) / 2.0), side};
}

}  // namespace

Image resize_and_crop(const uint8_t* rgb, int width, int height, double crop, int side, Interpolation interpolation,
                      bool squash) {
  if (!(crop > 0.0 && crop <= 1.0)) {
    throw InputError("crop share " + std::to_string(crop) + " is not allowed, it must be above 0 and at most 1");
  }
  if (rgb == nullptr || width < 1 || height < 1) {
    throw InputError("image of " + std::to_string(width) + " x " + std::to_string(height) + " pixels has no content");
  }
  const auto short_side = static_cast<int64_t>(std::floor(side / crop));
  return {resample(rgb, axis_of(width, height, short_side, side, squash),
                   axis_of(height, width, short_side, side, squash), interpolation)};
}

Image load_image(const std::string& path, double crop, int side, Interpolation interpolation) {
  const Picture picture = decode_image(path);
  return resize_and_crop(picture.rgb.data(), picture.width, picture.height, crop, side, interpolation);
}

Image load_image(const std::string& path, const zoo::ModelSpec& spec) {
  const Picture picture = decode_image(path);
  return resize_and_crop(picture.rgb.data(), picture.width, picture.height, spec.crop, spec.image_size,
                         spec.interpolation, spec.squash);
}

std::vector<int8_t> to_int8(const Image& image) {
  std::vector<int8_t> values(image.pixels.size());
  std::transform(image.pixels.begin(), image.pixels.end(), values.begin(),
                 [](uint8_t pixel) { return static_cast<int8_t>(pixel - 128); });
  return values;
}

}  // namespace heatvit::preprocess
