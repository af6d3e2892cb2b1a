// PNG, WebP and TIFF, written here by the libraries and read by ours, and folders of images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <tiffio.h>
#include <webp/encode.h>

#include <filesystem>
#include <fstream>

#include "accel/isa/errors.h"
#include "models/preprocess/decode.h"
#include "models/preprocess/image_folder.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::preprocess {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using tests::message_of;

constexpr int kWidth = 7, kHeight = 5;

std::vector<uint8_t> colours(int channels) {
  std::vector<uint8_t> pixels;
  for (int i = 0; i < kWidth * kHeight; ++i)
    for (int c = 0; c < channels; ++c) pixels.push_back(static_cast<uint8_t>(c == 3 ? 3 * i : 40 * c + 5 * i));
  return pixels;
}

std::vector<uint8_t> without_alpha(const std::vector<uint8_t>& rgba) {
  std::vector<uint8_t> rgb;
  for (size_t i = 0; i < rgba.size(); ++i)
    if (i % 4 != 3) rgb.push_back(rgba[i]);
  return rgb;
}

std::string webp(const std::vector<uint8_t>& pixels, int channels) {
  uint8_t* bytes = nullptr;
  const size_t size = channels == 4 ? WebPEncodeLosslessRGBA(pixels.data(), kWidth, kHeight, kWidth * 4, &bytes)
                                    : WebPEncodeLosslessRGB(pixels.data(), kWidth, kHeight, kWidth * 3, &bytes);
  std::string text(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  return text;
}

/// `format` and `pixels` as libpng's simplified interface has them; `map`: colours, where the pixels are numbers of
/// them.
std::string png(uint32_t format, const void* pixels, const std::vector<uint8_t>& map = {}) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = kWidth, image.height = kHeight, image.format = format;
  image.colormap_entries = static_cast<png_uint_32>(map.size() / 3);
  png_alloc_size_t size = 0;
  const void* colours = map.empty() ? nullptr : map.data();
  EXPECT_NE(png_image_write_get_memory_size(image, size, 0, pixels, 0, colours), 0);
  std::string bytes(size, '\0');
  EXPECT_NE(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels, 0, colours), 0) << image.message;
  bytes.resize(size);
  return bytes;
}

struct TiffForm {
  int bits = 8;
  int channels = 3;
  int compression = COMPRESSION_NONE;
  int orientation = ORIENTATION_TOPLEFT;
  const char* mode = "w";  // "wb": big-endian, "w8": BigTIFF
};

class Formats : public ::testing::Test {
 protected:
  std::string tiff(const TiffForm& form, const std::vector<uint8_t>& pixels, bool unassociated = false) const {
    std::string path = folder_.path("a.tif");
    TIFF* file = TIFFOpen(path.c_str(), form.mode);
    TIFFSetField(file, TIFFTAG_IMAGEWIDTH, kWidth);
    TIFFSetField(file, TIFFTAG_IMAGELENGTH, kHeight);
    TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, form.bits);
    TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, form.channels);
    TIFFSetField(file, TIFFTAG_COMPRESSION, form.compression);
    TIFFSetField(file, TIFFTAG_ORIENTATION, form.orientation);
    TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(file, TIFFTAG_PHOTOMETRIC, form.channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
    if (form.channels == 4) {
      const uint16_t kind = unassociated ? EXTRASAMPLE_UNASSALPHA : EXTRASAMPLE_ASSOCALPHA;
      TIFFSetField(file, TIFFTAG_EXTRASAMPLES, 1, &kind);
    }
    for (int y = 0; y < kHeight; ++y) {
      std::vector<uint16_t> wide;
      std::vector<uint8_t> row;
      for (int i = 0; i < kWidth * form.channels; ++i) {
        row.push_back(pixels[static_cast<size_t>(y * kWidth * form.channels + i)]);
        wide.push_back(static_cast<uint16_t>(row.back() * 257));
      }
      TIFFWriteScanline(file, form.bits == 16 ? static_cast<void*>(wide.data()) : row.data(), static_cast<uint32_t>(y));
    }
    TIFFClose(file);
    return path;
  }

  tests::TemporaryFolder folder_;
};

TEST_F(Formats, PngIsReadInEveryCommonForm) {
  EXPECT_EQ(decode_image(folder_.file("rgb.png", png(PNG_FORMAT_RGB, colours(3).data()))).rgb, colours(3));
  EXPECT_EQ(decode_image(folder_.file("rgba.png", png(PNG_FORMAT_RGBA, colours(4).data()))).rgb,
            without_alpha(colours(4)));
  std::vector<uint8_t> grey, numbers, map(48), mapped;
  for (size_t i = 0; i < map.size(); ++i) map[i] = static_cast<uint8_t>(255 - 5 * i);
  for (int i = 0; i < kWidth * kHeight; ++i) {
    grey.insert(grey.end(), 3, colours(1)[size_t(i)]);
    numbers.push_back(static_cast<uint8_t>(i % 16));
    mapped.insert(mapped.end(), map.begin() + 3 * numbers.back(), map.begin() + 3 * numbers.back() + 3);
  }
  EXPECT_EQ(decode_image(folder_.file("grey.png", png(PNG_FORMAT_GRAY, colours(1).data()))).rgb, grey);
  const Picture picture = decode_image(folder_.file("map.png", png(PNG_FORMAT_RGB_COLORMAP, numbers.data(), map)));
  EXPECT_EQ(picture.rgb, mapped);
  EXPECT_EQ(picture.width, kWidth);
  EXPECT_EQ(picture.height, kHeight);
  const std::string whole = png(PNG_FORMAT_RGB, colours(3).data());
  EXPECT_THAT(message_of([&] { decode_image(folder_.file("cut.png", whole.substr(0, whole.size() / 2))); }),
              HasSubstr("cut.png"));
}

TEST_F(Formats, WebPIsReadAndItsAlphaDropped) {
  EXPECT_EQ(decode_image(folder_.file("rgb.webp", webp(colours(3), 3))).rgb, colours(3));
  // Where alpha is 0, an encoder may change colours that nobody sees; here it is 0 for the first pixel alone.
  const Picture picture = decode_image(folder_.file("rgba.webp", webp(colours(4), 4)));
  const std::vector<uint8_t> expected = without_alpha(colours(4));
  EXPECT_TRUE(std::equal(picture.rgb.begin() + 3, picture.rgb.end(), expected.begin() + 3));
}

TEST_F(Formats, WhatWebPCannotGiveIsSaid) {
  // An extended header that announces frames, of a 7 x 5 canvas.
  std::string animation(
      "RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x06\0\0\x04\0\0"
      "ANIM\x06\0\0\0\0\0\0\0\0\0",
      44);
  EXPECT_THAT(message_of([&] { decode_image(folder_.file("animation.webp", animation)); }),
              HasSubstr("an animation; save one of its pictures"));
  EXPECT_THAT(message_of([&] { decode_image(folder_.file("cut.webp", webp(colours(3), 3).substr(0, 40))); }),
              HasSubstr("cut.webp"));
}

TEST_F(Formats, TiffIsReadInEveryCommonForm) {
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS})
    for (const int bits : {8, 16})
      for (const char* mode : {"wl", "wb", "w8"})
        EXPECT_EQ(decode_image(tiff({bits, 3, compression, ORIENTATION_TOPLEFT, mode}, colours(3))).rgb, colours(3));
}

TEST_F(Formats, TiffAlphaIsDroppedAndNotMultipliedIn) {
  for (const bool unassociated : {false, true})
    EXPECT_EQ(decode_image(tiff({8, 4}, colours(4), unassociated)).rgb, without_alpha(colours(4)));
}

TEST_F(Formats, TiffGreyBecomesRgb) {
  const Picture picture = decode_image(tiff({8, 1}, colours(1)));
  for (size_t i = 0; i < picture.rgb.size(); ++i) EXPECT_EQ(picture.rgb[i], colours(1)[i / 3]);
}

/// Row 0 and column 0 of the file are the sides that the orientation names, as PIL has it.
TEST_F(Formats, TiffOrientationIsApplied) {
  const std::vector<uint8_t> file = colours(3);
  const auto pixel = [](const std::vector<uint8_t>& rgb, int width, int x, int y) {
    return rgb[static_cast<size_t>(3 * (y * width + x))];
  };
  const Picture half_turn = decode_image(tiff({8, 3, COMPRESSION_NONE, ORIENTATION_BOTRIGHT}, file));
  const Picture right_top = decode_image(tiff({8, 3, COMPRESSION_NONE, ORIENTATION_RIGHTTOP}, file));
  const Picture left_bottom = decode_image(tiff({8, 3, COMPRESSION_NONE, ORIENTATION_LEFTBOT}, file));
  const Picture mirrored = decode_image(tiff({8, 3, COMPRESSION_NONE, ORIENTATION_TOPRIGHT}, file));
  ASSERT_EQ(right_top.width, kHeight);
  ASSERT_EQ(right_top.height, kWidth);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const uint8_t value = pixel(file, kWidth, x, y);
      EXPECT_EQ(pixel(half_turn.rgb, kWidth, kWidth - 1 - x, kHeight - 1 - y), value);
      EXPECT_EQ(pixel(mirrored.rgb, kWidth, kWidth - 1 - x, y), value);
      EXPECT_EQ(pixel(right_top.rgb, kHeight, kHeight - 1 - y, x), value);   // row 0 is the right side
      EXPECT_EQ(pixel(left_bottom.rgb, kHeight, y, kWidth - 1 - x), value);  // row 0 is the left side, from below
    }
  }
}

/// Every cut and many a changed byte: an image or one line that names the file.
TEST_F(Formats, DamagedFilesAreRefusedOrRead) {
  const std::string tif = tiff({8, 3, COMPRESSION_LZW}, colours(3));
  std::ifstream stream(tif, std::ios::binary);
  for (const std::string& whole : {std::string(std::istreambuf_iterator<char>(stream), {}), webp(colours(3), 3),
                                   png(PNG_FORMAT_RGB, colours(3).data())}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ 0x55);
      for (const std::string& bytes : {whole.substr(0, i), changed}) {
        const std::string path = folder_.file("damaged", bytes);
        try {
          decode_image(path);
        } catch (const InputError& error) {
          EXPECT_THAT(error.what(), HasSubstr("damaged: "));
          EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        }
      }
    }
  }
}

TEST_F(Formats, FoldersAreReadAlike) {
  fs::create_directories(folder_.path("of classes/star"));
  fs::create_directories(folder_.path("of classes/.hidden"));
  fs::create_directories(folder_.path("flat/x.jpg"));
  for (const char* name : {"of classes/star/1.WebP", "of classes/star/notes.txt", "of classes/.hidden/2.png",
                           "flat/b.TIF", "flat/a.jpeg", "flat/._a.jpg"})
    folder_.file(name, "");
  EXPECT_THAT(images_in_folder("--images", folder_.path("flat")),
              ::testing::ElementsAre(folder_.path("flat/a.jpeg"), folder_.path("flat/b.TIF")));
  EXPECT_THAT(images_in_folder("--images", folder_.path("of classes")),
              ::testing::ElementsAre(folder_.path("of classes/star/1.WebP")));
  EXPECT_THAT(message_of([&] { images_in_folder("--calibrate", folder_.path("none")); }),
              HasSubstr("--calibrate: '" + folder_.path("none") + "' is not a folder"));
  fs::create_directories(folder_.path("empty"));
  EXPECT_THAT(message_of([&] { images_in_folder("--images", folder_.path("empty")); }), HasSubstr("no .jpg"));
}

}  // namespace
}  // namespace heatvit::preprocess
