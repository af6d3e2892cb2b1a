// Image files to pixels, as PIL's Image.open(path).convert("RGB") gives them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heatvit::preprocess {

struct Picture {
  std::vector<uint8_t> rgb;  // HWC
  int width = 0, height = 0;
};

/// JPEG (libjpeg), PNG (libpng), WebP (libwebp), TIFF (libtiff; its first picture) and BMP (stb), told by their first
/// bytes. Alpha is dropped and 16-bit samples become their high byte; CMYK is taken as inverted, with Adobe's marker or
/// without; EXIF's orientation is not applied, TIFF's
/// own is (as PIL has both). Throws InputError naming the file: unreadable, no image, truncated, zero
/// or absurd size.
Picture decode_image(const std::string& path);

/// Decoders of the parts of a file; `bytes` holds all of it. False: `error` says why. Dimensions are checked by
/// `allowed` before memory is taken.
using SizeCheck = bool (*)(int64_t width, int64_t height);
bool decode_jpeg(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error);
bool decode_png(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error);
bool decode_tiff(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error);
bool decode_webp(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error);

}  // namespace heatvit::preprocess
