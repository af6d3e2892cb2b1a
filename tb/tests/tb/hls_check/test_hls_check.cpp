// The checker of synthesisable code: it finds each fault in a file made to contain it (tb/hls_check/bad), where and as
// the file itself says, and nothing in kernels, units and top. The pragma grammar is tested without libclang, too.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "accel/isa/errors.h"
#include "tb/hls_check/pragma.h"
#ifdef HEATVIT_LIBCLANG
#include "tb/hls_check/checker.h"
#endif

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

TEST(HlsPragma, IsRead) {
  const Pragma p = parse_pragma("#pragma HLS array_partition variable=sum type = cyclic factor= 4 dim =1");
  EXPECT_EQ(p.name, "array_partition");
  EXPECT_EQ(p.value("variable"), "sum");
  EXPECT_EQ(p.value("type"), "cyclic");
  EXPECT_EQ(p.value("factor"), "4");
  EXPECT_EQ(p.value("dim"), "1");
  EXPECT_TRUE(grammar_errors(p).empty());
  EXPECT_EQ(parse_pragma("#pragma HLS PIPELINE II=2 rewind").name, "pipeline");
}

TEST(HlsPragma, LinesAreFoundOutsideComments) {
  const auto pragmas =
      pragmas_of("// #pragma HLS unroll\nint x;\n  #pragma HLS pipeline\n/*\n#pragma HLS inline\n*/\n");
  ASSERT_EQ(pragmas.size(), 1U);
  EXPECT_EQ(pragmas[0].line, 3);
}

TEST(HlsPragma, WhatTheGrammarDoesNotKnowIsAnError) {
  const auto errors = [](const char* line) { return grammar_errors(parse_pragma(std::string("#pragma HLS ") + line)); };
  EXPECT_EQ(errors("pipelin"), std::vector<std::string>{"unknown pragma pipelin"});
  EXPECT_EQ(errors("pipeline II = x-1"), std::vector<std::string>{"pragma pipeline: II = x-1 is no number"});
  EXPECT_EQ(errors("pipeline rewind = 3"), std::vector<std::string>{"pragma pipeline: option rewind takes no value"});
  EXPECT_EQ(errors("stream depth = 2"), std::vector<std::string>{"pragma stream needs variable ="});
  EXPECT_EQ(errors("interface mode = axi port = x"),
            std::vector<std::string>{"pragma interface: mode = axi is not known"});
  EXPECT_TRUE(errors("dependence variable = c type = inter direction = RAW distance = 4 true").empty());
  EXPECT_EQ(constants_in(parse_pragma("#pragma HLS unroll factor = a::kLanes")), std::vector<std::string>{"kLanes"});
}

#ifdef HEATVIT_LIBCLANG

fs::path home() {
  const char* named = std::getenv("HEATVIT_HOME");
  return named != nullptr ? named : ".";
}

std::vector<std::string> found_in(const fs::path& file) {
  std::vector<std::string> found;
  // As a synthesis tool reads it, with a stand-in for the vendor's stream.
  const std::string vendor = (home() / "tb/tests/accel/hls/ap_int").string();
  for (const Finding& f : check_file(file.string(), {"-I" + home().string(), "-isystem", vendor, "-D__SYNTHESIS__"}))
    found.push_back(std::to_string(f.line) + " " + f.message);
  std::sort(found.begin(), found.end());
  return found;
}

/// "// expect: LINE MESSAGE" lines of the file.
std::vector<std::string> expected_in(const fs::path& file) {
  const std::string mark = "// expect: ";
  std::vector<std::string> expected;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(mark, 0) == 0) expected.push_back(line.substr(mark.size()));
  std::sort(expected.begin(), expected.end());
  return expected;
}

TEST(HlsCheck, FindsEachFaultWhereItIs) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(home() / "tb/hls_check/bad")) {
    const std::vector<std::string> expected = expected_in(entry.path());
    EXPECT_EQ(expected.empty(), entry.path().stem() == "good") << entry.path();
    EXPECT_EQ(found_in(entry.path()), expected) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 11);
}

TEST(HlsCheck, FindsNothingInWhatIsSynthesised) {
  std::vector<fs::path> files = {home() / "accel/hls/heatvit_top.cpp", home() / "tb/hls_check/kernels.cpp"};
  for (const auto& entry : fs::directory_iterator(home() / "accel/hls/units"))
    if (entry.path().extension() == ".cpp") files.push_back(entry.path());
  EXPECT_GE(files.size(), 12U);
  for (const fs::path& file : files) EXPECT_EQ(found_in(file), std::vector<std::string>{}) << file;
}

TEST(HlsCheck, EveryKernelHeaderIsAmongTheChecked) {
  std::ifstream in(home() / "tb/hls_check/kernels.cpp");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  for (const auto& entry : fs::directory_iterator(home() / "accel/kernels")) {
    std::ifstream header(entry.path());
    const std::string code{std::istreambuf_iterator<char>(header), std::istreambuf_iterator<char>()};
    if (code.find("#pragma HLS") == std::string::npos) continue;
    EXPECT_NE(text.find("accel/kernels/" + entry.path().filename().string()), std::string::npos) << entry.path();
  }
}

TEST(HlsCheck, AFileThatDoesNotCompileIsRefused) {
  EXPECT_THROW(check_file((home() / "tb/hls_check/bad/none.cpp").string(), {}), InputError);
  EXPECT_THROW(check_file((home() / "accel/hls/heatvit_top.cpp").string(), {}), InputError);  // no include path
}

#else

TEST(HlsCheck, FindsEachFaultWhereItIs) { GTEST_SKIP() << "libclang is missing: install libclang-14-dev"; }

#endif

}  // namespace
}  // namespace heatvit::tb
