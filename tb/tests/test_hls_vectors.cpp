// Vectors that the SystemC run dumps, through the unit tops: bit for bit. And the file format itself.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "models/errors.h"
#include "models/reference/random_model.h"
#include "tb/hls_check/unit_bench.h"
#include "tb/hls_check/vector_files.h"
#include "tb/tests/soc_support.h"
#include "tb/tests/temporary_folder.h"

namespace heatvit::testing {
namespace {

namespace fs = std::filesystem;
using reference::Scorer;

/// Runs one image of the small model with a dump; what went wrong, or empty.
std::string dump(const fs::path& folder, const reference::Pruning& pruning) {
  return isolated([&] {
    const quant::QuantModel model = reference::random_quant_model(small_spec(), 7, true);
    soc::SocConfig config;
    config.accel.tile_k = config.accel.tile_n = 192;
    config.accel.layernorm = isa::Placement::kPl;
    const lower::Program program = lower::lower(model.spec, config.accel, pruning, &model);
    soc::Simulator simulator(config, program, soc::Mode::kFunctional);
    tb::VectorDump vectors(folder.string(), 5);
    simulator.listen(&vectors);
    const std::vector<int8_t> image = random_image(4);
    soc::ImageInput input;
    input.pixels = &image;
    simulator.run(input);
    return std::string();
  });
}

TEST(HlsVectors, EveryUnitReproducesWhatTheSystemComputed) {
  const tests::TemporaryFolder folder;
  const fs::path threshold = folder.path("threshold"), count = folder.path("count");
  ASSERT_EQ(dump(threshold, pruning_of(small_spec(), Scorer::kHeatvit, {})), "");
  ASSERT_EQ(dump(count, pruning_of(small_spec(), Scorer::kClsAttention, {137, 60})), "");
  std::map<std::string, int> calls;
  for (const fs::path& from : {threshold, count})
    for (const auto& entry : fs::directory_iterator(from)) {
      EXPECT_EQ(tb::run_vectors(entry.path().string()), "") << entry.path();
      ++calls[tb::read_vectors(entry.path().string()).unit];
    }
  for (const char* unit : {"pe_array_tile", "requantize", "requantize_residual", "gelu", "sigmoid", "softmax",
                           "layernorm", "token_score", "token_select_count", "token_select_threshold", "token_pack"})
    EXPECT_GE(calls[unit], 1) << unit;
  EXPECT_EQ(calls["gelu"], 10);
}

modules::UnitCall small_call() {
  const int16_t x[] = {-5, 900};
  const uint8_t out[] = {255, 0};
  return {"softmax",
          {{"rows", 1}, {"n", 2}, {"delta2", 32768}},
          {modules::tap_array("x", false, x, 2), modules::tap_array("out", true, out, 2)}};
}

TEST(HlsVectors, AWrongValueIsNoticed) {
  const tests::TemporaryFolder folder;
  tb::VectorDump(folder.path("v"), 1).take(small_call());
  const std::string difference = tb::run_vectors(folder.path("v/softmax-000.vec"));
  EXPECT_EQ(difference.rfind("softmax: out[0] is ", 0), 0U) << difference;
}

TEST(HlsVectors, FilesThatAreNoneAreRefused) {
  const tests::TemporaryFolder folder;
  const std::string whole = tb::vector_text(small_call());
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
  EXPECT_EQ(attempt("x" + whole), "does not begin with 'heatvit-vectors 1'");
  EXPECT_EQ(attempt(whole.substr(0, whole.size() - 1)), "array out is cut off");
  EXPECT_EQ(attempt("heatvit-vectors 1\nunit x\n"), "header without 'end'");
  EXPECT_EQ(attempt("heatvit-vectors 1\nin x float 3\nend\n"), "unknown type in line 'in x float 3'");
  EXPECT_EQ(attempt("heatvit-vectors 1\nscalar n\nend\n"), "incomplete line 'scalar n'");
}

}  // namespace
}  // namespace heatvit::testing
