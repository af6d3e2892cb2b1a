// From an image file to the network's input, as timm's evaluation transform does it with PIL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/zoo/zoo.h"

namespace heatvit::preprocess {

/// A square of pixels, HWC, RGB.
struct Image {
  std::vector<uint8_t> pixels;
};

constexpr int kImageNetSide = 224;  // pixels a side of DeiT's and LV-ViT's input

using zoo::Interpolation;

/// Decodes (decode.h), resizes and crops. Throws InputError naming the file: unreadable, no image, truncated, zero or
/// absurd size.
Image load_image(const std::string& path, double crop, int side = kImageNetSide,
                 Interpolation interpolation = Interpolation::kBicubic);

/// What the model's description asks for.
Image load_image(const std::string& path, const zoo::ModelSpec& spec);

/// timm's evaluation transform on pixels in memory (RGB, HWC), with its roundings: the short side becomes
/// floor(side / crop), the long one int(short * long / short side of the picture), with PIL's antialiased resize; the
/// centre crop starts at round((length - side) / 2), half to even. With `squash` both sides become floor(side / crop),
/// as Hugging Face's processors and timm's crop mode "squash" have it.
Image resize_and_crop(const uint8_t* rgb, int width, int height, double crop, int side = kImageNetSide,
                      Interpolation interpolation = Interpolation::kBicubic, bool squash = false);

/// A procedural picture (gradients, discs, stripes, noise) that depends on the seed alone: calibration and tests
/// without any file.
Image synthetic_image(uint32_t seed, int side = kImageNetSide);

/// The accelerator's input: pixel - 128, HWC.
std::vector<int8_t> to_int8(const Image& image);

}  // namespace heatvit::preprocess
