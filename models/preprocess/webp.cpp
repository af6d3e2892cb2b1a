#include <webp/decode.h>

#include "models/preprocess/decode.h"

namespace heatvit::preprocess {
namespace {

const char* describe(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA: return "image is truncated";
    case VP8_STATUS_OUT_OF_MEMORY: return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "a feature that libwebp does not support";
    default: return "not what libwebp reads";
  }
}

}  // namespace

bool decode_webp(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error) {
  WebPBitstreamFeatures features;
  if (const VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &features); status != VP8_STATUS_OK) {
    error = describe(status);
    return false;
  }
  if (features.has_animation != 0) {
    error = "an animation; save one of its pictures";
    return false;
  }
  picture.width = features.width;
  picture.height = features.height;
  if (!allowed(picture.width, picture.height)) return true;

  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    error = "libwebp is another version than it was built for";
    return false;
  }
  picture.rgb.resize(size_t(picture.width) * size_t(picture.height) * 3);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = picture.rgb.data();
  config.output.u.RGBA.stride = picture.width * 3;
  config.output.u.RGBA.size = picture.rgb.size();
  const VP8StatusCode status = WebPDecode(bytes.data(), bytes.size(), &config);
  if (status != VP8_STATUS_OK) error = describe(status);
  return status == VP8_STATUS_OK;
}

}  // namespace heatvit::preprocess
