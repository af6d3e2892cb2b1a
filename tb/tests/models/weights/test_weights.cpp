// models/weights: the safetensors reader against damaged files, the writer, and both weight sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "models/weights/safetensors.h"
#include "models/weights/weight_source.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::weights {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TemporaryFolder : public ::testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_.path(name); }
  std::string write(const std::string& name, const std::string& bytes) const { return folder_.file(name, bytes); }
  size_t files_in_folder() const { return folder_.entries(); }

  tests::TemporaryFolder folder_;
};

std::string length_prefix(uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

std::string file_with(const std::string& header, size_t data_bytes) {
  return length_prefix(header.size()) + header + std::string(data_bytes, '\0');
}

Safetensors parse(const std::string& bytes) {
  return Safetensors::from_memory("memory", reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

using tests::message_of;

/// The damaged file is refused with one line that names file and reason.
void expect_refused(const std::string& bytes, const std::string& reason) {
  const std::string message = message_of([&] { parse(bytes); });
  EXPECT_THAT(message, HasSubstr("memory: "));
  EXPECT_THAT(message, HasSubstr(reason));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

void expect_header_refused(const std::string& header, size_t data_bytes, const std::string& reason) {
  SCOPED_TRACE(header.substr(0, 200));
  expect_refused(file_with(header, data_bytes), reason);
}

using SafetensorsFile = TemporaryFolder;

TEST_F(SafetensorsFile, RoundTripKeepsEveryValue) {
  const std::vector<float> floats = {1.5F, -0.0F, std::numeric_limits<float>::denorm_min(), 3e38F, -7.25F, 0.1F};
  const std::vector<int8_t> bytes = {-128, -1, 127};
  const std::vector<int16_t> shorts = {-32768, 32767};
  const std::vector<int32_t> ints = {std::numeric_limits<int32_t>::min(), 5};
  SafetensorsWriter writer;
  writer.set_metadata("format", "pt");
  writer.set_metadata("quote", "a \"b\" \n c");
  writer.add("bytes", {3}, bytes);
  writer.add("floats", {2, 3}, floats);
  writer.add("shorts", {1, 2, 1}, shorts);
  writer.add("ints", {2}, ints);
  writer.add("scalar", {}, std::vector<float>{42});
  writer.add("empty", {0, 7}, std::vector<int16_t>{});
  writer.write(file("a.safetensors"));

  const Safetensors read = Safetensors::open(file("a.safetensors"));
  EXPECT_EQ(read.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"quote", "a \"b\" \n c"}}));
  EXPECT_EQ(read.names(), (std::vector<std::string>{"bytes", "empty", "floats", "ints", "scalar", "shorts"}));
  const std::vector<float> floats_read = read.read_float("floats");
  ASSERT_EQ(floats_read.size(), floats.size());
  EXPECT_EQ(std::memcmp(floats_read.data(), floats.data(), floats.size() * sizeof(float)), 0);
  EXPECT_EQ(read.read_i8("bytes"), bytes);
  EXPECT_EQ(read.read_i16("shorts"), shorts);
  EXPECT_EQ(read.read_i32("ints"), ints);
  EXPECT_EQ(read.read_float("scalar"), std::vector<float>{42});
  EXPECT_EQ(read.read_i16("empty"), std::vector<int16_t>{});
  EXPECT_EQ(read.info("shorts").shape, (Shape{1, 2, 1}));
  EXPECT_EQ(read.info("shorts").dtype, "I16");
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(SafetensorsFile, DataAreAlignedAndIndependentOfTheOrderOfCalls) {
  const auto add_both = [&](const std::string& name, bool swap) {
    SafetensorsWriter writer;
    for (const bool first : {!swap, swap}) {
      if (first) writer.add("a_bytes", {3}, std::vector<int8_t>{1, 2, 3});
      if (!first) writer.add("z_floats", {1}, std::vector<float>{1});
    }
    writer.write(file(name));
    std::ifstream stream(file(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const std::string bytes = add_both("a", false);
  EXPECT_EQ(bytes, add_both("b", true));
  uint64_t header_length = 0;
  std::memcpy(&header_length, bytes.data(), 8);
  EXPECT_EQ(header_length % 8, 0U);
  EXPECT_EQ(Safetensors::open(file("a")).info("z_floats").begin % 4, 0U);
}

TEST_F(SafetensorsFile, WriterRefusesWhatTheReaderWouldRefuse) {
  SafetensorsWriter writer;
  writer.add("a", {2}, std::vector<float>{1, 2});
  EXPECT_THROW(writer.add("a", {1}, std::vector<float>{1}), std::invalid_argument);
  EXPECT_THROW(writer.add("__metadata__", {1}, std::vector<float>{1}), std::invalid_argument);
  EXPECT_THROW(writer.add("b", {3}, std::vector<float>{1}), std::invalid_argument);
  EXPECT_THROW(writer.add("c", {-1}, std::vector<float>{}), std::invalid_argument);
  writer.add("d\xFF", {0}, std::vector<float>{});
  EXPECT_THROW(writer.write(file("x")), std::invalid_argument);
  EXPECT_EQ(files_in_folder(), 0U);
}

TEST_F(SafetensorsFile, FailedWriteLeavesNothingBehind) {
  SafetensorsWriter writer;
  writer.add("a", {2}, std::vector<float>{1, 2});
  EXPECT_THROW(writer.write(file("no/such/folder/x")), InputError);
  fs::create_directory(file("folder"));
  EXPECT_THROW(writer.write(file("folder")), InputError);
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(SafetensorsFile, ReplacesAnEarlierFile) {
  SafetensorsWriter first, second;
  first.add("a", {1}, std::vector<float>{1});
  second.add("a", {1}, std::vector<float>{2});
  first.write(file("x"));
  second.write(file("x"));
  EXPECT_EQ(Safetensors::open(file("x")).read_float("a"), std::vector<float>{2});
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(SafetensorsFile, FullDiskIsAWriteError) {
  // A limit on the size of files stands for the full disk; in a child process, as it cannot be lifted again.
  SafetensorsWriter writer;
  writer.add("a", {1 << 16}, std::vector<float>(1 << 16));
  const auto write_with_limit = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      writer.write(file("x"));
    } catch (const WriteError&) {
      std::exit(files_in_folder() == 0 ? 7 : 8);
    }
    std::exit(9);
  };
  EXPECT_EXIT(write_with_limit(), ::testing::ExitedWithCode(7), "");
}

TEST_F(SafetensorsFile, MissingEmptyAndUnreadableFiles) {
  const auto message = [&](const std::string& name) { return message_of([&] { Safetensors::open(file(name)); }); };
  EXPECT_THAT(message("missing"), HasSubstr(file("missing") + ": cannot be opened"));
  write("empty", "");
  EXPECT_THAT(message("empty"), HasSubstr("0 bytes where at least 8 are needed"));
  write("seven", "1234567");
  EXPECT_THAT(message("seven"), HasSubstr("7 bytes"));
  fs::create_directory(file("folder"));
  EXPECT_THAT(message("folder"), HasSubstr("is a directory"));
  ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0600), 0);
  EXPECT_THAT(message("fifo"), HasSubstr("no regular file"));
}

TEST_F(SafetensorsFile, WhatMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const auto message = [&](const std::string& name) { return message_of([&] { Safetensors::open(file(name)); }); };
  ::chmod(write("locked", "12345678").c_str(), 0);
  EXPECT_THAT(message("locked"), HasSubstr("Permission denied"));
}

TEST_F(SafetensorsFile, EveryTruncationIsRefused) {
  SafetensorsWriter writer;
  writer.add("a", {4}, std::vector<float>{1, 2, 3, 4});
  writer.write(file("whole"));
  std::ifstream stream(file("whole"), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_THROW(parse(bytes.substr(0, size)), InputError) << size;
  EXPECT_NO_THROW(parse(bytes));
  expect_refused(bytes + "x", "1 bytes of no tensor");
}

TEST(SafetensorsHeader, HeaderLengthBeyondTheFile) {
  expect_refused(length_prefix(3) + "{}", "header length 3");
  expect_refused(length_prefix(std::numeric_limits<uint64_t>::max()) + "{}", "header length 18446744073709551615");
  expect_refused(length_prefix(uint64_t{1} << 63) + "{}", "header length");
}

TEST_F(SafetensorsFile, HugeHeaderIsRefusedUnread) {
  const std::string path = write("huge", length_prefix(kMaxHeaderBytes + 1) + "{");
  fs::resize_file(path, kMaxHeaderBytes + 1000);  // sparse: takes no room
  EXPECT_THAT(message_of([&] { Safetensors::open(path); }), HasSubstr("at most 100000000"));
}

TEST(SafetensorsHeader, BadJson) {
  expect_header_refused("", 0, "does not start with '{'");
  expect_header_refused("[]", 0, "does not start with '{'");
  expect_header_refused(" {}", 0, "does not start with '{'");
  expect_header_refused("{", 0, "not valid JSON");
  expect_header_refused("{}}", 0, "not valid JSON");
  expect_header_refused("{\"a\":}", 0, "not valid JSON, at byte 13");  // the '}': 8 + 5
  expect_header_refused("{\"\xFF\":1}", 0, "not valid JSON");          // no UTF-8
  expect_header_refused(std::string("{}\0x", 4), 0, "NUL byte");
  EXPECT_EQ(parse(file_with("{}      ", 0)).names().size(), 0U);  // padding is allowed
}

TEST(SafetensorsHeader, NestingIsRefusedAtOnce) {
  for (const char* unit : {"{\"a\":", "["}) {
    std::string header = "{\"a\":";
    for (int i = 0; i < 1'000'000; ++i) header += unit;
    expect_header_refused(header, 0, "in the header's entry 'a'");
  }
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "unexpected array");
}

TEST(SafetensorsHeader, WrongFields) {
  expect_header_refused(R"({"a":1})", 0, "unexpected number");
  expect_header_refused(R"({"a":null})", 0, "unexpected null");
  expect_header_refused(R"({"a":[]})", 0, "unexpected array");
  expect_header_refused(R"({"__metadata__":"x"})", 0, "unexpected string");
  expect_header_refused(R"({"__metadata__":{"k":1}})", 0, "unexpected number");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[1]}})", 4, "data_offsets is missing");
  expect_header_refused(R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", 4, "unexpected number");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4, "unknown field 'x'");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "two numbers");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4, "two numbers");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "negative");
  expect_header_refused(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "no 64-bit integer");
}

TEST(SafetensorsHeader, NamesThatOccurTwice) {
  const std::string a = R"("a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]})";
  expect_header_refused("{" + a + "," + a + "}", 0, "occurs twice");
  expect_header_refused(R"({"__metadata__":{},"__metadata__":{}})", 0, "occurs twice");
  expect_header_refused(R"({"__metadata__":{"k":"1","k":"2"}})", 0, "occurs twice");
  expect_header_refused(R"({"a":{"dtype":"I8","dtype":"I8","shape":[0],"data_offsets":[0,0]}})", 0, "occurs twice");
}

TEST(SafetensorsHeader, SizesAndOffsets) {
  const auto tensor = [](const std::string& name, const std::string& shape, const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}";
  };
  const auto one = [&](const std::string& shape, const std::string& offsets) {
    return "{" + tensor("a", shape, offsets) + "}";
  };
  EXPECT_EQ(parse(file_with(one("1", "0,4"), 4)).read_float("a"), std::vector<float>{0});
  expect_header_refused(one("2", "0,4"), 4, "needs 8");
  expect_header_refused(one("1", "0,8"), 8, "span 8 bytes");
  expect_header_refused(one("1", "4,0"), 4, "end before they begin");
  expect_header_refused(one("2", "0,8"), 4, "beyond the 4 bytes");
  expect_header_refused(one("1", "18446744073709551611,18446744073709551615"), 4, "beyond");
  expect_header_refused(one("1", "4,8"), 8, "gap in the data before tensor 'a'");
  expect_header_refused(one("1", "0,4"), 9, "5 bytes of no tensor");
  expect_header_refused(one("4294967296,4294967296", "0,0"), 0, "overflows");
  expect_header_refused(one("4611686018427387904", "0,0"), 0, "overflows");  // times 4 bytes
  expect_header_refused(one("18446744073709551615", "0,0"), 0, "too large");
  expect_header_refused("{" + tensor("a", "2", "0,8") + "," + tensor("b", "2", "4,12") + "}", 12, "overlap");
  expect_header_refused("{" + tensor("a", "2", "0,8") + "," + tensor("b", "2", "0,8") + "}", 8, "overlap");
  expect_header_refused("{" + tensor("a", "1", "0,4") + "," + tensor("b", "1", "8,12") + "}", 12, "gap");
}

TEST(SafetensorsHeader, MessagesStayOneLine) {
  const std::string header = R"({"a\nb":{"dtype":"F32"}})";
  expect_header_refused(header, 0, "'a?b'");
  expect_header_refused("{\"" + std::string(5000, 'n') + "\":1}", 0, "nnn...'");
}

TEST(SafetensorsRead, OtherDtypesOpenButCannotBeRead) {
  const std::string bytes = file_with(
      R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"Q3","shape":[5],"data_offsets":[8,10]}})",
      10);
  const Safetensors file = parse(bytes);
  EXPECT_EQ(file.info("a").dtype, "F64");
  EXPECT_EQ(file.read_float("a"), std::vector<float>{0.0F});
  EXPECT_THAT(message_of([&] { file.read_float("b"); }), HasSubstr("dtype 'Q3' cannot be read"));
  EXPECT_THAT(message_of([&] { file.read_float("b"); }), HasSubstr("'Q3'"));
  EXPECT_THAT(message_of([&] { file.read_i8("a"); }), HasSubstr("'F64' where I8 is needed"));
  EXPECT_THAT(message_of([&] { file.read_float("c"); }), HasSubstr("no tensor 'c'"));
}

TEST(SafetensorsRead, HalfPrecisionAndIntegersWiden) {
  const auto read = [](const std::string& dtype, const std::string& data, size_t count) {
    const std::string header = "{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + std::to_string(count) +
                               "],\"data_offsets\":[0," + std::to_string(data.size()) + "]}}";
    const std::string bytes = length_prefix(header.size()) + header + data;
    return parse(bytes).read_float("a");
  };
  const auto words = [](const std::vector<uint16_t>& values) {
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * 2);
  };
  // 1, -2, largest (65504), smallest normal, smallest subnormal, -0
  const auto f16 = read("F16", words({0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x8000}), 6);
  EXPECT_EQ(f16, (std::vector<float>{1, -2, 65504, 0x1p-14F, 0x1p-24F, 0}));
  EXPECT_TRUE(std::signbit(f16[5]));
  const auto special = read("F16", words({0x7C00, 0xFC00, 0x7E00}), 3);
  EXPECT_EQ(special[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(special[1], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(special[2]));
  EXPECT_EQ(read("BF16", words({0x3F80, 0xC049}), 2), (std::vector<float>{1, -3.140625F}));
  EXPECT_EQ(read("I8", "\x80\x7F", 2), (std::vector<float>{-128, 127}));
  EXPECT_EQ(read("I16", words({0x8000, 0x7FFF}), 2), (std::vector<float>{-32768, 32767}));
  EXPECT_EQ(read("I32", words({0, 0x8000, 1, 0}), 2), (std::vector<float>{-2147483648.0F, 1}));
}

using FileSource = TemporaryFolder;

TEST_F(FileSource, ChecksShapeAndValues) {
  SafetensorsWriter writer;
  writer.add("good", {2, 2}, std::vector<float>{1, 2, 3, 4});
  writer.add("nan", {3}, std::vector<float>{0, 0, std::nanf("")});
  writer.add("inf", {3}, std::vector<float>{0, -std::numeric_limits<float>::infinity(), 0});
  writer.write(file("w"));
  const auto source = open_weights(file("w"));
  EXPECT_EQ(source->describe(), file("w"));
  EXPECT_TRUE(source->has("good"));
  EXPECT_FALSE(source->has("bad"));
  EXPECT_EQ(source->read("good", {2, 2}), (std::vector<float>{1, 2, 3, 4}));
  const auto message = [&](const char* name, const Shape& shape) {
    return message_of([&] { source->read(name, shape); });
  };
  EXPECT_THAT(message("good", {4}), HasSubstr("shape [2, 2] where [4] is needed, tensor 'good'"));
  EXPECT_THAT(message("bad", {4}), HasSubstr("no tensor 'bad'"));
  EXPECT_THAT(message("nan", {3}), HasSubstr("NaN at element 2, tensor 'nan'"));
  EXPECT_THAT(message("inf", {3}), HasSubstr("infinity at element 1, tensor 'inf'"));
}

TEST_F(FileSource, RefusesAQuantisedModel) {
  SafetensorsWriter writer;
  writer.set_metadata("heatvit.quantized", "1");
  writer.write(file("q"));
  EXPECT_THAT(message_of([&] { open_weights(file("q")); }), HasSubstr("quantised model"));
}

TEST_F(FileSource, DifferencesAreAddedToTheBackbone) {
  SafetensorsWriter backbone, tuning, wrong;
  backbone.add("a", {2}, std::vector<float>{1, 2});
  backbone.add("b", {1}, std::vector<float>{3});
  backbone.write(file("w"));
  tuning.add("tuned.a", {2}, std::vector<float>{0.5, -4});
  tuning.add("selectors.0.keep.bias", {2}, std::vector<float>{0, 0});
  tuning.write(file("t"));
  wrong.add("tuned.c", {1}, std::vector<float>{0});
  wrong.write(file("c"));
  EXPECT_TRUE(has_tuning(file("t")));
  EXPECT_FALSE(has_tuning(file("w")));
  const auto source = open_tuned_weights(file("w"), file("t"));
  EXPECT_EQ(source->read("a", {2}), (std::vector<float>{1.5, -2}));
  EXPECT_EQ(source->read("b", {1}), std::vector<float>{3});
  EXPECT_FALSE(source->has("selectors.0.keep.bias"));
  EXPECT_THAT(message_of([&] { open_tuned_weights(file("w"), file("c")); }), HasSubstr("'tuned.c'"));
  SafetensorsWriter longer;
  longer.add("tuned.b", {2}, std::vector<float>{0, 0});
  longer.write(file("l"));
  EXPECT_THAT(message_of([&] { open_tuned_weights(file("w"), file("l"))->read("b", {1}); }), HasSubstr("'tuned.b'"));
}

TEST_F(FileSource, DifferencesOfLowRankAreAddedToTheBackbone) {
  const auto make = [&](const char* name, const std::map<std::string, Shape>& tensors) {
    SafetensorsWriter writer;
    for (const auto& [tensor, shape] : tensors) {
      std::vector<float> values(static_cast<size_t>(shape[0] * (shape.size() == 2 ? shape[1] : 1)));
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
      writer.add(tensor, shape, values);
    }
    writer.write(file(name));
  };
  make("w", {{"a", {2, 3}}, {"b", {2}}});
  make("t", {{"tuned.a.up", {2, 2}}, {"tuned.a.down", {2, 3}}});
  const auto source = open_tuned_weights(file("w"), file("t"));
  // 1..6 and (1 2; 3 4) (1 2 3; 4 5 6)
  EXPECT_EQ(source->read("a", {2, 3}), (std::vector<float>{1 + 9, 2 + 12, 3 + 15, 4 + 19, 5 + 26, 6 + 33}));
  EXPECT_EQ(source->read("b", {2}), (std::vector<float>{1, 2}));
  make("other", {{"tuned.a.up", {2, 1}}, {"tuned.a.down", {1, 3}}});
  EXPECT_NE(source->fingerprint(), open_tuned_weights(file("w"), file("other"))->fingerprint());

  const auto refused = [&](const std::map<std::string, Shape>& tensors) {
    make("wrong", tensors);
    return message_of([&] { open_tuned_weights(file("w"), file("wrong"))->read("a", {2, 3}); });
  };
  EXPECT_THAT(refused({{"tuned.a.up", {2, 2}}}), HasSubstr("'tuned.a.down' is not there"));
  EXPECT_THAT(refused({{"tuned.a.down", {2, 3}}}), HasSubstr("'tuned.a.up' is not there"));
  EXPECT_THAT(refused({{"tuned.a.up", {2, 2}}, {"tuned.a.down", {2, 3}}, {"tuned.a", {2, 3}}}),
              HasSubstr("which is there as a whole as well"));
  EXPECT_THAT(refused({{"tuned.c.up", {2, 2}}, {"tuned.c.down", {2, 3}}}), HasSubstr("'tuned.c."));
  EXPECT_THAT(refused({{"tuned.a.up", {2, 2}}, {"tuned.a.down", {1, 3}}}), HasSubstr("tuned.a.down"));
  EXPECT_THAT(refused({{"tuned.a.up", {3, 2}}, {"tuned.a.down", {2, 3}}}), HasSubstr("tuned.a.up"));
  EXPECT_THAT(refused({{"tuned.a.up", {4}}, {"tuned.a.down", {2, 3}}}), HasSubstr("tuned.a.up"));
}

TEST(FileSourceData, ReadsDeitTiny) {
  const char* data = std::getenv("HEATVIT_DATA");
  const char* home = std::getenv("HEATVIT_HOME");
  const fs::path folder = data != nullptr ? fs::path(data) : fs::path(home != nullptr ? home : ".") / "../shared/data";
  const fs::path path = folder / "weights/deit_tiny_patch16_224.safetensors";
  if (!fs::exists(path)) GTEST_SKIP() << "no data folder: " << path << " (HEATVIT_DATA)";
  const Safetensors file = Safetensors::open(path.string());
  uint64_t parameters = 0;
  for (const auto& name : file.names()) parameters += file.info(name).elements();
  EXPECT_EQ(parameters, 5717416U);  // data/README.md
  const auto source = open_weights(path.string());
  EXPECT_EQ(source->read("blocks.11.attn.qkv.weight", {576, 192}).size(), 576U * 192U);
  EXPECT_EQ(source->read("pos_embed", {1, 197, 192}).size(), 197U * 192U);
}

TEST(SyntheticSource, DependsOnSeedAndNameAlone) {
  const auto first = open_weights("synthetic:7")->read("blocks.0.mlp.fc1.weight", {768, 192});
  EXPECT_EQ(first, open_weights("synthetic:7")->read("blocks.0.mlp.fc1.weight", {768, 192}));
  EXPECT_NE(first, open_weights("synthetic:8")->read("blocks.0.mlp.fc1.weight", {768, 192}));
  EXPECT_NE(first, open_weights("synthetic:7")->read("blocks.1.mlp.fc1.weight", {768, 192}));
  EXPECT_EQ(open_weights("synthetic:7")->describe(), "synthetic:7");
  for (const size_t held : {size_t{0}, size_t{5}, size_t{768 * 192}, size_t{200000}}) {  // whatever was there before
    std::vector<float> values(held, 1.5F);
    open_weights("synthetic:7")->read_into("blocks.0.mlp.fc1.weight", {768, 192}, values);
    EXPECT_EQ(values, first) << held;
  }
  EXPECT_TRUE(open_weights("synthetic:7")->has("anything"));
}

TEST(SyntheticSource, HasTheStatedMoments) {
  const auto source = open_weights("synthetic:1");
  const auto expect_moments = [&](const char* name, const Shape& shape, double mean, double deviation) {
    SCOPED_TRACE(name);
    const auto values = source->read(name, shape);
    double sum = 0, squares = 0;
    for (const float v : values) sum += v;
    const double n = static_cast<double>(values.size());
    for (const float v : values) squares += (v - sum / n) * (v - sum / n);
    EXPECT_NEAR(sum / n, mean, 5 * deviation / std::sqrt(n));
    EXPECT_NEAR(std::sqrt(squares / n) / deviation, 1.0, 5 / std::sqrt(2 * n));
  };
  expect_moments("blocks.3.attn.qkv.weight", {576, 192}, 0, 1 / std::sqrt(192.0));
  expect_moments("patch_embed.proj.weight", {192, 3, 16, 16}, 0, 1 / std::sqrt(768.0));
  expect_moments("blocks.3.attn.qkv.bias", {57600}, 0, 0.02);
  expect_moments("blocks.3.norm1.weight", {19200}, 1, 0.1);
  expect_moments("blocks.3.norm1.bias", {19200}, 0, 0.05);
  expect_moments("pos_embed", {1, 197, 192}, 0, 0.5);
}

TEST(SyntheticSource, RefusesOtherSeeds) {
  for (const char* spec : {"synthetic:", "synthetic:abc", "synthetic:-1", "synthetic:1x", "synthetic: 1",
                           "synthetic:18446744073709551616"}) {
    EXPECT_THAT(message_of([&] { open_weights(spec); }), HasSubstr(spec));
  }
  EXPECT_NO_THROW(open_weights("synthetic:18446744073709551615"));
}

}  // namespace
}  // namespace heatvit::weights
