#include <png.h>

#include <csetjmp>
#include <cstring>

#include "models/preprocess/decode.h"

namespace heatvit::preprocess {
namespace {

struct Reader {
  const std::vector<uint8_t>* bytes;
  size_t position;
  char message[160];
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof reader->message - 1);
  std::longjmp(png_jmpbuf(png), 1);
}

void on_warning(png_structp, png_const_charp) {}

void read(png_structp png, png_bytep target, png_size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader->bytes->size() - reader->position) png_error(png, "image is truncated");
  std::memcpy(target, reader->bytes->data() + reader->position, count);
  reader->position += count;
}

}  // namespace

bool decode_png(const std::vector<uint8_t>& bytes, SizeCheck allowed, Picture& picture, std::string& error) {
  // Nothing with a destructor may be made between setjmp and longjmp.
  Reader reader{&bytes, 0, {}};
  std::vector<png_bytep> rows;
  png_infop info = nullptr;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (png == nullptr) throw std::bad_alloc();
  if (setjmp(png_jmpbuf(png)) != 0) {
    error = reader.message;
    png_destroy_read_struct(&png, &info, nullptr);
    return false;
  }
  info = png_create_info_struct(png);
  if (info == nullptr) png_error(png, "out of memory");
  png_set_read_fn(png, &reader, read);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller words what is too large
  png_read_info(png, info);
  const png_uint_32 width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  picture.width = static_cast<int>(width);
  picture.height = static_cast<int>(height);
  if (!allowed(width, height)) {
    png_destroy_read_struct(&png, &info, nullptr);
    return true;
  }
  png_set_palette_to_rgb(png);
  png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != size_t{width} * 3) png_error(png, "an unknown kind of pixels");
  picture.rgb.resize(size_t{width} * height * 3);
  rows.resize(height);
  for (size_t y = 0; y < height; ++y) rows[y] = picture.rgb.data() + y * width * 3;
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  png_destroy_read_struct(&png, &info, nullptr);
  return true;
}

}  // namespace heatvit::preprocess
