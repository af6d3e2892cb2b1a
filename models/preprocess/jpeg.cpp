// jpeglib.h needs FILE and size_t before it.
// clang-format off
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>
// clang-format on

#include "models/preprocess/decode.h"

namespace heatvit::preprocess {
namespace {

struct ErrorHandler {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* handler = reinterpret_cast<ErrorHandler*>(info->err);
  info->err->format_message(info, handler->message.data());
  std::longjmp(handler->jump, 1);
}

void on_message(j_common_ptr) {}  // warnings: the picture is used as far as it goes, as PIL does

/// libjpeg would make up the rest of a truncated file.
boolean at_end(j_decompress_ptr info) {
  auto* handler = reinterpret_cast<ErrorHandler*>(info->err);
  std::snprintf(handler->message.data(), handler->message.size(), "image is truncated");
  std::longjmp(handler->jump, 1);
}

void nothing(j_decompress_ptr) {}

void skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > info->src->bytes_in_buffer) at_end(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<size_t>(count);
}

/// PIL's rounded division by 255.
int by_255(int product) {
  const int value = product + 128;
  return ((value >> 8) + value) >> 8;
}

/// Inverted CMYK, as Photoshop writes it and PIL takes it, to RGB.
void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb, size_t count) {
  for (size_t i = 0; i < count; ++i, cmyk += 4, rgb += 3) {
    const int black = cmyk[3];  // inverted: 255 - K
    for (int c = 0; c < 3; ++c) {
      const int value = black - by_255((255 - cmyk[c]) * black);
      rgb[c] = static_cast<uint8_t>(value < 0 ? 0 : value);
    }
  }
}

}  // namespace

bool decode_jpeg(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error) {
  // Nothing with a destructor may be made between setjmp and longjmp.
  jpeg_decompress_struct info{};
  ErrorHandler handler{};
  jpeg_source_mgr source{};
  std::vector<uint8_t> row;
  info.err = jpeg_std_error(&handler.base);
  handler.base.error_exit = on_error;
  handler.base.output_message = on_message;
  if (setjmp(handler.jump) != 0) {
    error = handler.message.data();
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  source.next_input_byte = bytes.data();
  source.bytes_in_buffer = bytes.size();
  source.init_source = nothing;
  source.fill_input_buffer = at_end;
  source.skip_input_data = skip;
  source.resync_to_restart = jpeg_resync_to_restart;
  source.term_source = nothing;
  info.src = &source;
  jpeg_read_header(&info, TRUE);
  picture.width = static_cast<int>(info.image_width);
  picture.height = static_cast<int>(info.image_height);
  if (!allowed(info.image_width, info.image_height)) {
    jpeg_destroy_decompress(&info);
    return true;  // the caller tells from the size
  }
  const bool cmyk = info.num_components == 4;
  info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info);
  const size_t width = info.output_width;
  picture.rgb.resize(width * info.output_height * 3);
  if (cmyk) row.resize(width * 4);
  while (info.output_scanline < info.output_height) {
    uint8_t* const target = picture.rgb.data() + size_t{info.output_scanline} * width * 3;
    JSAMPROW line = cmyk ? row.data() : target;
    jpeg_read_scanlines(&info, &line, 1);
    if (cmyk) cmyk_to_rgb(row.data(), target, width);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return true;
}

}  // namespace heatvit::preprocess
