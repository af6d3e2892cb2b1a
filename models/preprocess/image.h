// From an image file to the network's input, as timm's evaluation transform does it with PIL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heatvit::preprocess {

/// A square of pixels, HWC, RGB.
struct Image {
  std::vector<uint8_t> pixels;
};

constexpr int kImageNetSide = 224;  // pixels a side of DeiT's and LV-ViT's input

constexpr float kMean[3] = {0.485F, 0.456F, 0.406F};  // of pixel / 255
constexpr float kStd[3] = {0.229F, 0.224F, 0.225F};

/// Decodes, resizes the short side to floor(side / crop) with PIL's (antialiased) bicubic, crops the centre.
/// Throws InputError naming the file: unreadable, no image, truncated, zero or absurd size.
Image load_image(const std::string& path, double crop, int side = kImageNetSide);

/// The same from pixels already in memory (RGB, HWC).
Image resize_and_crop(const uint8_t* rgb, int width, int height, double crop, int side = kImageNetSide);

/// A procedural picture (gradients, discs, stripes, noise) that depends on the seed alone: calibration and tests
/// without any file.
Image synthetic_image(uint32_t seed, int side = kImageNetSide);

/// The accelerator's input: pixel - 128, HWC.
std::vector<int8_t> to_int8(const Image& image);

}  // namespace heatvit::preprocess
