// Vectors that the SystemC run dumps, through the unit tops: bit for bit. And the file format itself.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/hls_check/unit_bench.h"
#include "tb/hls_check/vector_dump.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::testing {
namespace {

namespace fs = std::filesystem;
using network::Scorer;

/// Runs one image of the small model with a dump; what went wrong, or empty.
std::string dump(const fs::path& folder, const network::Pruning& pruning, bool by_rows = false) {
  return isolated([&] {
    const network::QuantModel model = network::random_quant_model(small_spec(), 7, true);
    soc::SocConfig config;
    config.accel.tile_k = config.accel.tile_n = 192;
    config.accel.layernorm = isa::Placement::kPl;
    config.accel.residual_on_chip = config.accel.pack_rows = by_rows;
    const lower::Program program = lower::lower(model.spec, config.accel, pruning, &model);
    soc::Simulator simulator(config, program, soc::Mode::kFunctional);
    tb::VectorDump vectors(folder.string(), 5, tb::hardware_of(config));
    simulator.listen(&vectors);
    const std::vector<int8_t> image = random_image(4);
    soc::ImageInput input;
    input.pixels = &image;
    simulator.run(input);
    vectors.finish();
    return std::string();
  });
}

TEST(HlsVectors, EveryUnitReproducesWhatTheSystemComputed) {
  const tests::TemporaryFolder folder;
  const fs::path threshold = folder.path("threshold"), count = folder.path("count");
  ASSERT_EQ(dump(threshold, pruning_of(small_spec(), Scorer::kHeatvit, {})), "");
  ASSERT_EQ(dump(count, pruning_of(small_spec(), Scorer::kRandom, {137, 60})), "");
  std::map<std::string, int> calls;
  const fs::path merged = folder.path("merged");
  ASSERT_EQ(dump(merged, pruning_of(small_spec(), Scorer::kTome, {137, 70})), "");
  const fs::path rows = folder.path("rows");
  ASSERT_EQ(dump(rows, pruning_of(small_spec(), Scorer::kClsAttention, {137, 60}), true), "");
  for (const fs::path& from : {threshold, count, merged, rows})
    for (const auto& entry : fs::directory_iterator(from)) {
      EXPECT_EQ(tb::run_vectors(entry.path().string()), "") << entry.path();
      ++calls[tb::read_vectors(entry.path().string()).unit];
    }
  for (const tb::UnitSignature& s : tb::unit_signatures()) {
    if (s.unit == "column_max" || s.unit == "silu") continue;  // only others have them: test_hls
    EXPECT_GE(calls[s.unit], 1) << s.unit;
  }
  EXPECT_EQ(calls["gelu"], 20);
  const tb::VectorFile gelu = tb::read_vectors((count / "gelu-000.vec").string());
  EXPECT_EQ(gelu.at("rows").before.at(0), tb::VectorDump::kRowsOfACall);
  EXPECT_EQ(gelu.at("acc").count(), gelu.at("records").count() * tb::VectorDump::kRowsOfACall);
}

const tb::VectorHardware kHardware = {{"kTh", 3}, {"kTi", 32}};

modules::UnitCall small_call() {
  const int16_t x[] = {-5, 900};
  const uint8_t out[] = {255, 0};
  return {"softmax",
          {{"rows", 1}, {"n", 2}, {"delta2", 32768}},
          {modules::tap_array("x", false, x, 2), modules::tap_array("out", true, out, 2)}};
}

bool installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

/// One file of each unit, quoted for a shell.
std::string one_of_each(const std::vector<fs::path>& folders) {
  std::map<std::string, std::string> files;
  for (const fs::path& folder : folders)
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      files.emplace(name.substr(0, name.rfind('-')), entry.path().string());
    }
  std::string text;
  for (const auto& [unit, file] : files) text += " '" + file + "'";
  return text;
}

// What another HLS compiler gets: each unit alone, pragma lines removed, nothing linked to it.
TEST(HlsVectors, UnitsWithoutPragmasReplayWithEachCompiler) {
  ASSERT_TRUE(installed("python3")) << "run_tests.sh installs it";
  const tests::TemporaryFolder folder;
  const fs::path threshold = folder.path("threshold"), count = folder.path("count");
  ASSERT_EQ(dump(threshold, pruning_of(small_spec(), Scorer::kHeatvit, {})), "");
  ASSERT_EQ(dump(count, pruning_of(small_spec(), Scorer::kRandom, {137, 60})), "");
  const char* home = std::getenv("HEATVIT_HOME");
  const fs::path merged = folder.path("merged");
  ASSERT_EQ(dump(merged, pruning_of(small_spec(), Scorer::kTome, {137, 70})), "");
  const std::string replay = std::string("python3 '") + (home != nullptr ? home : ".") +
                             "/tb/hls_check/vectors.py' run" + one_of_each({threshold, count, merged});
  std::string compilers;  // in one call, which compiles what calls the units once; it says which of them fails
  for (const char* compiler : {"g++", "clang++-14"})
    if (installed(compiler)) compilers += std::string(" --cxx ") + compiler;
  EXPECT_NE(compilers, "");
  EXPECT_EQ(std::system((replay + compilers).c_str()), 0);
  std::string wrong = tb::vector_text(small_call(), kHardware);
  wrong.replace(wrong.find("255 0"), 5, "255 1");
  folder.file("softmax-000.vec", wrong);
  EXPECT_NE(std::system(("python3 '" + std::string(home != nullptr ? home : ".") + "/tb/hls_check/vectors.py' run '" +
                         folder.path("softmax-000.vec") + "'")
                            .c_str()),
            0);
}

TEST(HlsVectors, AWrongValueIsNoticed) {
  const tests::TemporaryFolder folder;
  tb::VectorDump dump(folder.path("v"), 1, {});
  dump.take(small_call());
  EXPECT_FALSE(fs::exists(folder.path("v/softmax-000.vec")));  // more rows may come
  dump.finish();
  const std::string difference = tb::run_vectors(folder.path("v/softmax-000.vec"));
  EXPECT_EQ(difference.rfind("softmax: out[0] is ", 0), 0U) << difference;
}

/// The file's text with array `name` a value shorter; empty where it has none.
std::string shortened(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::string out, line;
  bool cut = false;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string kind, argument, type;
    size_t count = 0;
    if (words >> kind >> argument >> type >> count; argument == name && count > 0 && kind != "scalar") {
      out += kind + " " + argument + " " + type + " " + std::to_string(count - 1) + "\n";
      for (int arrays = kind == "inout" ? 2 : 1; arrays > 0 && std::getline(lines, line); --arrays)
        out += line.substr(0, line.find_last_of(' ') == std::string::npos ? 0 : line.find_last_of(' ')) + "\n";
      cut = true;
    } else {
      out += line + "\n";
    }
  }
  return cut ? out : "";
}

TEST(HlsVectors, ArraysAreAsLongAsTheScalarsSay) {
  const tests::TemporaryFolder folder;
  ASSERT_EQ(dump(folder.path("threshold"), pruning_of(small_spec(), Scorer::kHeatvit, {})), "");
  ASSERT_EQ(dump(folder.path("merged"), pruning_of(small_spec(), Scorer::kTome, {137, 70})), "");
  ASSERT_EQ(dump(folder.path("rows"), pruning_of(small_spec(), Scorer::kClsAttention, {137, 60}), true), "");
  std::set<std::string> units;
  for (const char* from : {"threshold", "merged", "rows"})
    for (const auto& entry : fs::directory_iterator(folder.path(from))) {
      const tb::VectorFile file = tb::read_vectors(entry.path().string());
      if (!units.insert(file.unit).second) continue;
      std::ifstream in(entry.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      for (const tb::VectorArgument& argument : file.arguments) {
        const std::string shorter = argument.what.is_array() ? shortened(text, argument.what.name) : "";
        if (shorter.empty()) continue;
        const std::string path = folder.file("short.vec", shorter);
        try {
          tb::run_vectors(path);
          ADD_FAILURE() << file.unit << " takes a shorter " << argument.what.name;
        } catch (const InputError& error) {
          EXPECT_NE(
              std::string(error.what()).find(file.unit.rfind("pe_array", 0) == 0 ? "buffers" : argument.what.name),
              std::string::npos)
              << file.unit << ": " << error.what();
        }
      }
    }
  EXPECT_GE(units.size(), 15U);
}

TEST(HlsVectors, RowsOfOneCallComeTogether) {
  const tests::TemporaryFolder folder;
  tb::VectorDump dump(folder.path("v"), 2, {});
  modules::UnitCall other = small_call();
  other.scalars[2].value = 16384;
  for (int i = 0; i < 6; ++i) dump.take(small_call());
  dump.take(other);
  dump.finish();
  const auto rows = [&](const char* name) { return int{tb::read_vectors(folder.path(name)).at("rows").before.at(0)}; };
  EXPECT_EQ(rows("v/softmax-000.vec"), 4);
  EXPECT_EQ(rows("v/softmax-001.vec"), 2);
  EXPECT_FALSE(fs::exists(folder.path("v/softmax-002.vec")));  // beyond the limit
}

TEST(HlsVectors, FilesThatAreNoneAreRefused) {
  const tests::TemporaryFolder folder;
  const std::string whole = tb::vector_text(small_call(), kHardware);
  const auto attempt = [&](const std::string& text) {
    const std::string path = folder.file("x.vec", text);
    try {
      tb::read_vectors(path);
    } catch (const InputError& error) {
      return std::string(error.what()).substr(path.size() + 2);
    }
    return std::string("read");
  };
  EXPECT_EQ(attempt(whole), "read");
  EXPECT_EQ(attempt("x" + whole), "does not begin with 'heatvit-vectors 3'");
  EXPECT_EQ(attempt("heatvit-vectors 3\nunit x\n"), "does not say which hardware it was made for");
  EXPECT_EQ(attempt("heatvit-vectors 3\nhardware kTh\n"), "ends before the value of kTh");
  EXPECT_EQ(attempt("heatvit-vectors 3\nhardware\nunit x\n"), "unknown unit x");
  EXPECT_EQ(attempt("heatvit-vectors 3\nhardware\nunit softmax\nin x int8 1\n0\n"),
            "'int8' where 'int16' of x should be");
  EXPECT_EQ(attempt(whole.substr(0, whole.find("900"))), "ends before the values of x");
  EXPECT_EQ(attempt(whole.substr(0, whole.rfind("end")) + "scalar"), "goes on after the last argument");
  EXPECT_EQ(attempt("heatvit-vectors 3\nhardware\nunit softmax\nin x int16 1\n40000\n"), "'40000' is no int16");
}

}  // namespace
}  // namespace heatvit::testing
