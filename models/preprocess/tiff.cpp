#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "models/preprocess/decode.h"

namespace heatvit::preprocess {
namespace {

constexpr tmsize_t kMaxAllocation = tmsize_t{1} << 29;  // more than 100 million pixels of four bytes

/// The file in memory, as libtiff's callbacks see it.
struct Source {
  const std::vector<uint8_t>& bytes;
  toff_t position = 0;
  std::array<char, 200> message{};  // the first error
};

tmsize_t read(thandle_t handle, void* target, tmsize_t count) {
  auto& source = *static_cast<Source*>(handle);
  const toff_t size = source.bytes.size();
  if (source.position >= size) return 0;
  const auto part = static_cast<tmsize_t>(std::min<toff_t>(static_cast<toff_t>(count), size - source.position));
  std::memcpy(target, source.bytes.data() + source.position, static_cast<size_t>(part));
  source.position += static_cast<toff_t>(part);
  return part;
}

tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto& source = *static_cast<Source*>(handle);
  const toff_t base = whence == SEEK_CUR ? source.position : whence == SEEK_END ? source.bytes.size() : 0;
  return source.position = base + offset;
}

int close(thandle_t) { return 0; }
toff_t size(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& message = static_cast<Source*>(user)->message;
  if (message[0] == '\0') std::vsnprintf(message.data(), message.size(), format, arguments);
  return 1;
}

int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

/// libtiff would multiply the colours by an alpha that is not associated; here alpha is dropped.
void ignore_alpha(TIFF* tiff) {
  uint16_t count = 0;
  uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 0 || count == 0) return;
  std::vector<uint16_t> associated(count, EXTRASAMPLE_ASSOCALPHA);
  TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, count, associated.data());
}

/// Turns and mirrors the picture as TIFF's orientation 1..8 says: bit by bit of what EXIF calls the places of row and
/// column 0.
Picture upright(const std::vector<uint32_t>& raster, int width, int height, int orientation) {
  const bool transposed = orientation >= ORIENTATION_LEFTTOP;
  const bool from_right = orientation == ORIENTATION_TOPRIGHT || orientation == ORIENTATION_BOTRIGHT ||
                          orientation == ORIENTATION_RIGHTTOP || orientation == ORIENTATION_RIGHTBOT;
  const bool from_bottom = orientation == ORIENTATION_BOTRIGHT || orientation == ORIENTATION_BOTLEFT ||
                           orientation == ORIENTATION_RIGHTBOT || orientation == ORIENTATION_LEFTBOT;
  Picture picture;
  picture.width = transposed ? height : width;
  picture.height = transposed ? width : height;
  picture.rgb.reserve(raster.size() * 3);
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const int right = from_right ? picture.width - 1 - x : x, down = from_bottom ? picture.height - 1 - y : y;
      const size_t row = size_t(transposed ? right : down), column = size_t(transposed ? down : right);
      const uint32_t pixel = raster[row * size_t(width) + column];
      for (const uint32_t value : {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)})
        picture.rgb.push_back(static_cast<uint8_t>(value));
    }
  }
  return picture;
}

}  // namespace

bool decode_tiff(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error) {
  Source source{bytes};
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxAllocation);
  const auto failed = [&](const char* otherwise) {
    error = source.message[0] == '\0' ? otherwise : source.message.data();
    return false;
  };
  // "m": no memory map.
  const std::unique_ptr<TIFF, void (*)(TIFF*)> tiff(
      TIFFClientOpenExt("image", "rm", &source, read, write, seek, close, size, nullptr, nullptr, options.get()),
      TIFFClose);
  if (!tiff) return failed("not what libtiff reads");

  uint16_t colours = 0;
  if (TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &colours) != 0 && colours == PHOTOMETRIC_CIELAB)
    return failed("L*a*b* colours; save it as RGB");
  uint32_t width = 0, height = 0;
  if (TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) == 0 ||
      TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) == 0) {
    return failed("it says no width or height");
  }
  picture.width = static_cast<int>(std::min<uint32_t>(width, INT32_MAX));
  picture.height = static_cast<int>(std::min<uint32_t>(height, INT32_MAX));
  if (!allowed(width, height)) return true;
  uint16_t orientation = ORIENTATION_TOPLEFT;
  ignore_alpha(tiff.get());
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  std::vector<uint32_t> raster(size_t{width} * height);
  // Asked for in the file's own orientation, libtiff turns nothing: it would mirror, but not transpose.
  if (TIFFReadRGBAImageOriented(tiff.get(), width, height, raster.data(), orientation, 1) == 0)
    return failed("damaged");
  picture = upright(raster, picture.width, picture.height, orientation);
  return true;
}

}  // namespace heatvit::preprocess
