// models/preprocess: against PIL's own pictures, at the edges of geometry, and with files that are no images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

// jpeglib.h needs FILE and size_t before it.
#include <jpeglib.h>

#include "accel/isa/errors.h"
#include "models/preprocess/image.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::preprocess {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kSide = 224;
constexpr double kDeitCrop = 0.875;  // resize to 256

fs::path data_folder() {
  const char* data = std::getenv("HEATVIT_DATA");
  const char* home = std::getenv("HEATVIT_HOME");
  return data != nullptr ? fs::path(data) : fs::path(home != nullptr ? home : ".") / "../shared/data";
}

std::string bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

struct Difference {
  double mean = 0;
  int max = 0;
};

Difference difference(const Image& a, const Image& b) {
  Difference result;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const int d = std::abs(int{a.pixels[i]} - int{b.pixels[i]});
    result.mean += d;
    result.max = std::max(result.max, d);
  }
  result.mean /= static_cast<double>(a.pixels.size());
  return result;
}

using tests::message_of;

/// Little-endian bytes of a number.
std::string little_endian(uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

/// A 24-bit BMP file: the one format that a test can write in a few lines. Rows run upwards, pixels are B, G, R.
std::string bmp(int32_t width, int32_t height, const std::string& pixels) {
  return "BM" + little_endian(static_cast<uint32_t>(54 + pixels.size()), 4) + little_endian(0, 4) +
         little_endian(54, 4) + little_endian(40, 4) + little_endian(static_cast<uint32_t>(width), 4) +
         little_endian(static_cast<uint32_t>(height), 4) + little_endian(1, 2) + little_endian(24, 2) +
         little_endian(0, 4) + little_endian(static_cast<uint32_t>(pixels.size()), 4) + std::string(16, '\0') + pixels;
}

class ImageFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) const { return folder_.file(name, bytes); }

  void expect_refused(const std::string& name, const std::string& bytes, const std::string& reason) const {
    const std::string path = write(name, bytes);
    const std::string message = message_of([&] { load_image(path, kDeitCrop); });
    EXPECT_THAT(message, HasSubstr(path + ": "));
    EXPECT_THAT(message, HasSubstr(reason));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }

  tests::TemporaryFolder folder_;
};

TEST(Preprocess, PhotographsAreThoseOfPil) {
  const fs::path folder = data_folder() / "images_full";
  if (!fs::exists(folder)) GTEST_SKIP() << "no data folder: " << folder << " (HEATVIT_DATA)";
  // The reference pictures round the long side to nearest and the crop's offset down; these three show it.
  const std::set<std::string> others = {"0100_n01860187", "0514_n03124043", "0646_n03733281"};
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".jpg" || others.count(entry.path().stem().string()) != 0) continue;
    const fs::path reference = folder / "pil_224" / entry.path().filename().replace_extension(".png");
    const Image pil = load_image(reference.string(), 1.0);  // 224 x 224 already: must pass unchanged
    EXPECT_EQ(difference(load_image(entry.path().string(), kDeitCrop), pil).max, 0) << entry.path();
    ++compared;
  }
  EXPECT_EQ(compared, 5);
}

uint64_t fnv1a(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3U;
  return hash;
}

// Recorded from PIL 9.4 under timm's Resize and CenterCrop.
TEST(Preprocess, ResizesAndCropsAsTimmDoes) {
  struct Case {
    int width, height;
    double crop;
    int side;
    Interpolation interpolation;
    uint64_t fingerprint;
  };
  for (const Case& c : {Case{301, 200, 0.875, 64, Interpolation::kBicubic, 0x173CAE57F0C6775DU},
                        Case{301, 200, 0.875, 64, Interpolation::kBilinear, 0x2762B26F41769CA6U},
                        Case{50, 77, 0.9, 64, Interpolation::kBicubic, 0x3DF4A9E8D7E25823U},
                        Case{50, 77, 0.9, 64, Interpolation::kBilinear, 0x7B788D7C9A4071A5U},
                        Case{500, 375, 0.875, 224, Interpolation::kBicubic, 0xE66BBED9C2F6EC0BU},
                        Case{500, 375, 0.875, 224, Interpolation::kBilinear, 0xFB9AFB7A0AF7671EU},
                        Case{64, 91, 1.0, 64, Interpolation::kBicubic, 0xF45159E20BA335A5U}}) {
    SCOPED_TRACE(std::to_string(c.width) + " x " + std::to_string(c.height));
    std::vector<uint8_t> rgb;
    for (int y = 0; y < c.height; ++y) {
      for (int x = 0; x < c.width; ++x) {
        rgb.insert(rgb.end(), {static_cast<uint8_t>(x * 7 + y * 3), static_cast<uint8_t>(x * x + y * 5),
                               static_cast<uint8_t>(x * y)});
      }
    }
    EXPECT_EQ(fnv1a(resize_and_crop(rgb.data(), c.width, c.height, c.crop, c.side, c.interpolation).pixels),
              c.fingerprint);
  }
}

TEST(Preprocess, PictureOfTheRightSizePassesUnchanged) {
  const Image picture = synthetic_image(3);
  EXPECT_EQ(resize_and_crop(picture.pixels.data(), kSide, kSide, 1.0).pixels, picture.pixels);
}

/// A picture whose red channel holds the column and whose green channel holds the row.
std::vector<uint8_t> coordinates(int width, int height) {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) rgb.insert(rgb.end(), {static_cast<uint8_t>(x), static_cast<uint8_t>(y), 9});
  }
  return rgb;
}

TEST(Preprocess, CropIsCentredHalfToEven) {
  struct Case {
    int width, height, left, top;
    double crop;
  };
  for (const Case& c : {Case{256, 256, 16, 16, 0.875}, Case{250, 224, 13, 0, 1.0}, Case{224, 251, 0, 14, 1.0},
                        Case{248, 248, 12, 12, 0.9}, Case{255, 248, 16, 12, 0.9}}) {
    SCOPED_TRACE(std::to_string(c.width) + " x " + std::to_string(c.height));
    const auto rgb = coordinates(c.width, c.height);
    const Image image = resize_and_crop(rgb.data(), c.width, c.height, c.crop);  // short side fits: no resampling
    ASSERT_EQ(image.pixels.size(), size_t{3} * kSide * kSide);
    EXPECT_EQ(image.pixels[0], c.left);
    EXPECT_EQ(image.pixels[1], c.top);
    EXPECT_EQ(image.pixels[image.pixels.size() - 3], c.left + kSide - 1);
    EXPECT_EQ(image.pixels[image.pixels.size() - 2], c.top + kSide - 1);
  }
}

TEST(Preprocess, SmallCropShareShowsAnEnlargedCentre) {
  const auto rgb = coordinates(200, 200);
  const Image image = resize_and_crop(rgb.data(), 200, 200, 0.5);  // 200 -> 448, then 224: columns 50..149
  EXPECT_NEAR(image.pixels[0], 50, 1);
  EXPECT_NEAR(image.pixels[image.pixels.size() - 3], 149, 1);
}

TEST(Preprocess, LargeReductionIsAntialiased) {
  constexpr int kLarge = 4480;  // 20 to 1 at crop 1
  std::vector<uint8_t> board(size_t{3} * kLarge * kLarge);
  for (int y = 0; y < kLarge; ++y) {
    for (int x = 0; x < kLarge; ++x) {
      std::fill_n(board.begin() + 3 * (std::ptrdiff_t{y} * kLarge + x), 3, static_cast<uint8_t>((x + y) % 2 * 255));
    }
  }
  const Image image = resize_and_crop(board.data(), kLarge, kLarge, 1.0);
  const auto [low, high] = std::minmax_element(image.pixels.begin(), image.pixels.end());
  EXPECT_GE(*low, 126);  // a checkerboard of black and white becomes an even grey
  EXPECT_LE(*high, 129);
}

TEST(Preprocess, ExtremeShapesNeedLittle) {
  for (const auto& [width, height] : {std::pair{20000, 1}, {1, 20000}, {1, 1}, {3, 2}}) {
    const std::vector<uint8_t> rgb(size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height), 77);
    const Image image = resize_and_crop(rgb.data(), width, height, kDeitCrop);
    EXPECT_EQ(image.pixels, std::vector<uint8_t>(size_t{3} * kSide * kSide, 77)) << width << " x " << height;
  }
}

TEST(Preprocess, RefusesImpossibleCropsAndSizes) {
  const std::vector<uint8_t> rgb(3, 0);
  for (const double crop : {0.0, -1.0, 1.01, std::nan("")}) {
    EXPECT_THAT(message_of([&] { resize_and_crop(rgb.data(), 1, 1, crop); }), HasSubstr("crop share")) << crop;
  }
  EXPECT_THAT(message_of([&] { resize_and_crop(rgb.data(), 0, 1, 1.0); }), HasSubstr("0 x 1"));
  EXPECT_THAT(message_of([&] { resize_and_crop(nullptr, 1, 1, 1.0); }), HasSubstr("no content"));
}

TEST(Preprocess, ToInt8SubtractsTheMiddle) {
  EXPECT_EQ(to_int8({{0, 127, 128, 255}}), (std::vector<int8_t>{-128, -1, 0, 127}));
}

TEST(SyntheticImage, IsTheSameEverywhereAndAnotherForEachSeed) {
  const auto fingerprint = [](uint32_t seed) { return fnv1a(synthetic_image(seed).pixels); };
  EXPECT_EQ(fingerprint(0),
            0x4AE000DFAC6EAD5U);  // recorded once: pictures must not change between machines or versions
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const Image image = synthetic_image(seed);
    ASSERT_EQ(image.pixels.size(), size_t{3} * kSide * kSide);
    EXPECT_EQ(image.pixels, synthetic_image(seed).pixels);
    EXPECT_GT(difference(image, synthetic_image(seed + 1)).mean, 20) << seed;  // of 255: another picture altogether
    const auto [low, high] = std::minmax_element(image.pixels.begin(), image.pixels.end());
    EXPECT_GT(*high - *low, 100) << seed;
  }
}

TEST_F(ImageFile, ReadsBmpInRgbOrder) {
  std::string pixels;  // 2 x 1, blue then red; rows are padded to 4 bytes
  pixels += std::string("\xFF\x00\x00", 3) + std::string("\x00\x00\xFF", 3) + std::string(2, '\0');
  const Image image = load_image(write("a.bmp", bmp(2, 1, pixels)), 1.0);
  EXPECT_EQ(image.pixels[0], 0);  // left: blue
  EXPECT_EQ(image.pixels[2], 255);
  EXPECT_EQ(image.pixels[image.pixels.size() - 3], 255);  // right: red
  EXPECT_EQ(image.pixels[image.pixels.size() - 1], 0);
}

/// A JPEG of one colour with four components.
std::string cmyk_jpeg(const std::array<uint8_t, 4>& colour, bool adobe) {
  constexpr unsigned kWidth = 16;
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = info.image_height = kWidth;
  info.input_components = 4;
  info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  info.write_Adobe_marker = adobe ? TRUE : FALSE;
  jpeg_start_compress(&info, TRUE);
  std::vector<uint8_t> row;
  for (unsigned x = 0; x < kWidth; ++x) row.insert(row.end(), colour.begin(), colour.end());
  JSAMPROW line = row.data();
  while (info.next_scanline < info.image_height) jpeg_write_scanlines(&info, &line, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const std::string text(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return text;
}

TEST_F(ImageFile, CmykIsTakenAsInvertedWithAndWithoutAdobesMarker) {
  for (const bool adobe : {false, true}) {
    const Image image = load_image(write("cmyk.jpg", cmyk_jpeg({200, 100, 50, 230}, adobe)), 1.0, 16);
    // PIL: (255 - K) (1 - C) with C = 55, 155, 205 and K = 25 of 255.
    EXPECT_NEAR(image.pixels[0], 180, 1);
    EXPECT_NEAR(image.pixels[1], 90, 1);
    EXPECT_NEAR(image.pixels[2], 45, 1);
  }
}

/// Damaged Huffman tables made decoders read out of bounds: whatever stands there, an image or a refusal comes of it.
TEST_F(ImageFile, DamagedHuffmanTablesAreSurvived) {
  const std::string whole = cmyk_jpeg({200, 100, 50, 230}, false);
  const size_t table = whole.find("\xFF\xC4");
  ASSERT_NE(table, std::string::npos);
  ::testing::internal::CaptureStderr();  // of what the library complains
  for (size_t i = table + 2; i < std::min(table + 40, whole.size()); ++i) {
    std::string damaged = whole;
    damaged[i] = '\xFF';
    const std::string path = write("damaged.jpg", damaged);
    try {
      EXPECT_EQ(load_image(path, 1.0, 16).pixels.size(), 16U * 16 * 3);
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("damaged.jpg"));
    }
  }
  std::string padded = whole;
  padded.insert(padded.size() - 2, "padding");  // in front of the end: a warning
  EXPECT_EQ(load_image(write("padded.jpg", padded), 1.0, 16).pixels.size(), 16U * 16 * 3);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(ImageFile, MissingFilesAndFolders) {
  const auto message = [&](const std::string& path) { return message_of([&] { load_image(path, kDeitCrop); }); };
  EXPECT_THAT(message(folder_.path("none.jpg")), HasSubstr("no such file"));
  EXPECT_THAT(message(folder_.path("")), HasSubstr("no regular file"));
}

TEST_F(ImageFile, FilesThatAreNoImages) {
  expect_refused("empty.jpg", "", "the file is empty");
  expect_refused("text.jpg", "this is no image\n", "no image that can be decoded");
  expect_refused("zeros.png", std::string(5000, '\0'), "no image that can be decoded");
  expect_refused("start.jpg", "\xFF\xD8\xFF", "no image that can be decoded");
}

TEST_F(ImageFile, SizesOutsideTheLimits) {
  expect_refused("zero_width.bmp", bmp(0, 4, std::string(16, '\0')), ": ");
  expect_refused("zero_height.bmp", bmp(4, 0, std::string(16, '\0')), ": ");
  expect_refused("wide.bmp", bmp(20001, 1, std::string(16, '\0')), ": ");
  expect_refused("many.bmp", bmp(20000, 5001, std::string(16, '\0')), "100 million");
  expect_refused("void.bmp", bmp(9000, 9000, std::string(16, '\0')), "image is truncated");  // before it is decoded
}

TEST_F(ImageFile, TruncatedBmp) {
  const std::string whole = bmp(4, 4, std::string(48, '\x55'));
  EXPECT_NO_THROW(load_image(write("whole.bmp", whole), 1.0));
  for (size_t size = 1; size < whole.size(); ++size) expect_refused("cut.bmp", whole.substr(0, size), ": ");
}

TEST_F(ImageFile, TruncatedJpegAndPng) {
  const fs::path folder = data_folder() / "images_full";
  if (!fs::exists(folder)) GTEST_SKIP() << "no data folder: " << folder << " (HEATVIT_DATA)";
  for (const auto& path : {folder / "0324_n02280649.jpg", folder / "pil_224" / "0324_n02280649.png"}) {
    const std::string whole = bytes_of(path);
    for (const double share : {0.001, 0.01, 0.3, 0.9, 0.999}) {
      expect_refused("cut", whole.substr(0, static_cast<size_t>(share * static_cast<double>(whole.size()))), ": ");
    }
    expect_refused("cut", whole.substr(0, whole.size() - 2), ": ");
  }
}

}  // namespace
}  // namespace heatvit::preprocess
