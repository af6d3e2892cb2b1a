// Text that people bring: byte order marks, line ends, comments, names with '#', other encodings, forms of label files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accel/isa/errors.h"
#include "models/zoo/zoo.h"
#include "tb/config/config_files.h"
#include "tb/config/csv.h"
#include "tb/config/device.h"
#include "tb/config/ini.h"
#include "tb/config/text_lines.h"
#include "tb/explore/sweep_spec.h"
#include "tb/run_sim/image_set.h"
#include "tb/run_sim/token_trace.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::tb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::message_of;
using tests::TemporaryFolder;

const std::string kMark = "\xEF\xBB\xBF";

std::vector<std::string> texts(const std::string& content) {
  const TemporaryFolder folder;
  std::vector<std::string> list;
  for (const TextLine& line : read_text_lines(folder.file("t", content))) list.push_back(line.text);
  return list;
}

TEST(TextLines, EveryLineEndAndNoByteOrderMark) {
  EXPECT_THAT(texts("a\nb\n\nc"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(texts(kMark + "a\r\nb\r\n\r\nc\r\n"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(texts("a\rb\r\rc\r"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(texts(""), ElementsAre());
  EXPECT_THAT(texts(kMark), ElementsAre());
}

TEST(TextLines, WhatIsNoUtf8IsToldWithItsLine) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& content) {
    const std::string path = folder.file("t", content);
    return message_of([&] { read_text_lines(path); }).substr(path.size());
  };
  for (const std::string& bad :
       {std::string("\xFF"), std::string("caf\xE9"), std::string("\xC0\x80"), std::string("\xED\xA0\x80"),
        std::string("\xF4\x90\x80\x80"), std::string("\xE2\x82"), std::string("a\0b", 3),
        std::string("\xFF\xFE"
                    "a\0",
                    4)})
    EXPECT_EQ(error("one\n" + bad + "\nthree\n"), ":2: is no UTF-8 text; save the file as UTF-8");
  EXPECT_THAT(texts("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x9F"),
              ElementsAre("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x9F"));
  EXPECT_THAT(message_of([&] { read_text_lines(folder.path("none")); }), HasSubstr("none: cannot read"));
  EXPECT_EQ(valid_utf8("a\xFF"
                       "b\xC3\xA9"),
            "a\xEF\xBF\xBD"
            "b\xC3\xA9");
}

TEST(Ini, CommentsOfBothKinds) {
  const TemporaryFolder folder;
  const std::string text = "; one\n# two\n[pe]\n  ; three\nto = 64 ; four\nti = 8 # five\nname = a;b\nlist = 1 ; 2\n";
  const auto values = [&](Semicolon semicolon) {
    std::vector<std::string> list;
    for (const IniEntry& entry : read_ini(folder.file("t.ini", text), semicolon))
      list.push_back(entry.name() + "=" + entry.value);
    return list;
  };
  EXPECT_THAT(values(Semicolon::kComment), ElementsAre("pe.to=64", "pe.ti=8", "pe.name=a;b", "pe.list=1"));
  EXPECT_THAT(values(Semicolon::kValue), ElementsAre("pe.to=64 ; four", "pe.ti=8", "pe.name=a;b", "pe.list=1 ; 2"));
  const std::vector<IniEntry> entries = read_ini(folder.path("t.ini"));
  EXPECT_EQ(entries.front().origin, folder.path("t.ini") + ":5");
}

TEST(Ini, EveryKindOfFileIsReadTheSameWay) {
  const TemporaryFolder folder;
  for (const std::string& end : {std::string("\n"), std::string("\r\n"), std::string("\r")}) {
    const std::string first = kMark + "; a comment" + end;
    const std::string config = folder.file("c.ini", first + "[pl]" + end + "clock_mhz = 200" + end);
    EXPECT_EQ(resolve_config("deit-t", {config}, {}).pl_clock_mhz, 200);
    const std::string sweep = folder.file(
        "s.ini", first + "[sweep]" + end + "model = deit-t" + end + "[axis]" + end + "pl.clock_mhz = 100; 150" + end);
    EXPECT_EQ(explore::read_sweep(sweep, {}).space.size(), 2U);
    const std::string device = folder.file("d.ini", first + "[fabric]" + end + "dsp48e2 = 7 ; few" + end +
                                                        "bram18k = 8 # too" + end + "lut = 9" + end + "ff = 10" + end);
    EXPECT_EQ(find_device(device)->has.dsp, 7);
    EXPECT_EQ(find_device(device)->has.bram18k, 8);
  }
}

TEST(Csv, BlanksAndNamesWithHash) {
  EXPECT_THAT(split_csv_line(R"( a , "b " ,c d, "e" )"), ElementsAre("a", "b ", "c d", "e"));
  for (const char* text : {" a", "a ", "#1 tench.jpg", "a#b", "a \"b\" ", " "})
    EXPECT_THAT(split_csv_line(csv_field(text) + ", x"), ElementsAre(text, "x")) << text;
}

TEST(TokenTrace, NamesThatStartWithHashAreRows) {
  const TemporaryFolder folder;
  const auto names = [&](const std::string& text) {
    std::vector<std::string> list;
    for (const TraceRow& row : read_token_trace(folder.file("t.csv", text), 3, 196)) list.push_back(row.image);
    return list;
  };
  const std::string header = "# image,kept1,kept2,kept3\nimage,kept1,kept2,kept3\n";
  EXPECT_THAT(names(header + "#1 tench.jpg,137,96,67\na.jpg,120,90,60\n"), ElementsAre("#1 tench.jpg", "a.jpg"));
  EXPECT_THAT(names(header + "# a.jpg,137,96,67\n#\n#note\nb.jpg,120,90,60\n"), ElementsAre("b.jpg"));
  EXPECT_THAT(names(token_trace_text({{"#1 tench.jpg", {9, 8, 7}}, {"# x.jpg", {9, 8, 7}}, {"a#b", {3, 2, 1}}})),
              ElementsAre("#1 tench.jpg", "# x.jpg", "a#b"));
  EXPECT_THAT(names(kMark + "image,kept1,kept2,kept3\r\na,3,2,1\r\n"), ElementsAre("a"));
  EXPECT_THAT(message_of([&] { names(header + "a\xFF.jpg,50,40,30\n"); }), HasSubstr("t.csv:3: is no UTF-8 text"));
}

std::vector<RunItem> items(const std::vector<std::string>& paths) {
  std::vector<RunItem> list;
  for (const std::string& path : paths) list.push_back({path.substr(path.rfind('/') + 1), path, kNoLabel, {}});
  return list;
}

std::vector<int> labels(const std::vector<std::string>& paths, const std::string& text) {
  const TemporaryFolder folder;
  std::vector<RunItem> list = items(paths);
  attach_labels(list, folder.file("l.csv", text), zoo::find("deit-t"));
  std::vector<int> found;
  for (const RunItem& item : list) found.push_back(item.label);
  return found;
}

TEST(Labels, AllCommonForms) {
  const std::vector<std::string> paths = {"DIR/val_293.JPEG", "DIR/val_2338.JPEG"};
  for (const std::string text :
       {"file,class\nval_293.JPEG,0\nval_2338.JPEG,2\n", "val_293.JPEG,0\nval_2338.JPEG,2\n",
        "file,class\nval_293.JPEG,n01440764\nval_2338.JPEG,n01484850\n",
        "file,class\n\"val_293.JPEG\", 0\n\"val_2338.JPEG\", 2\n",
        "file,class\n./val_293.JPEG,0\nflat/val_2338.JPEG,2\n",
        "ImageId,PredictionString\nval_293,n01440764 0 0 10 10\nval_2338,n01484850 0 0 9 9 n01484850 1 1 2 2\n"}) {
    EXPECT_THAT(labels(paths, text), ElementsAre(0, 2)) << text;
    EXPECT_THAT(labels(paths, kMark + text), ElementsAre(0, 2)) << text;
  }
  EXPECT_THAT(message_of([&] { labels(paths, "val_293.JPEG,n0\n"); }), HasSubstr("l.csv:1: the first line"));
  EXPECT_THAT(message_of([&] { labels(paths, "name,label\nval_293.JPEG,0\n"); }),
              HasSubstr("l.csv:1: the first line must be 'file,class'"));
}

TEST(Labels, ImagesOfOneNameAreToldApartByTheirFolders) {
  const std::vector<std::string> paths = {"A/1.jpg", "B/1.jpg"};
  EXPECT_THAT(labels(paths, "file,class\nA/1.jpg,3\nB/1.jpg,4\n"), ElementsAre(3, 4));
  EXPECT_THAT(message_of([&] { labels(paths, "file,class\n1.jpg,3\n"); }), HasSubstr("one line for 'A/1.jpg' and"));
  EXPECT_THAT(message_of([&] { labels(paths, "file,class\nC/1.jpg,3\nD/1.jpg,4\n"); }), HasSubstr("several lines fit"));
}

TEST(Images, WhatAFolderHoldsBesidePhotographsIsPassedOver) {
  const TemporaryFolder folder;
  for (const char* name : {"a.jpg", "._a.jpg", ".hidden.png"}) folder.file(name, "x");
  std::filesystem::create_directory(folder.path("x.jpg"));
  std::filesystem::create_symlink("none", folder.path("dangling.jpg"));
  std::filesystem::create_symlink("a.jpg", folder.path("link.jpg"));
  std::vector<std::string> names;
  for (const RunItem& item : collect_images({}, folder.path(""), 9)) names.push_back(item.name);
  EXPECT_THAT(names, ElementsAre("a.jpg", "link.jpg"));
}

}  // namespace
}  // namespace heatvit::tb
