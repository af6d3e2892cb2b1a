// Cycles by the pragmas of the sources against what the simulated modules charge: equal for every unit, and no longer
// equal once a pragma is gone. The header that fixes the sizes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "accel/isa/errors.h"
#include "tb/hls_check/estimate.h"
#include "tb/hls_check/hls_header.h"

namespace heatvit::tb {
namespace {

std::string source(const std::string& path) {
  const char* home = std::getenv("HEATVIT_HOME");
  std::ifstream in(std::filesystem::path(home != nullptr ? home : ".") / path);
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The sources with one line of one file left out, the `occurrence`th that contains `what`.
HlsEstimate::Reader without(const std::string& file, const std::string& what, int occurrence = 0) {
  return [=](const std::string& path) {
    std::string text = source(path);
    if (path != file) return text;
    size_t at = text.find(what);
    for (int i = 0; i < occurrence && at != std::string::npos; ++i) at = text.find(what, at + 1);
    EXPECT_NE(at, std::string::npos) << what;
    if (at == std::string::npos) return text;
    const size_t begin = text.rfind('\n', at) + 1;
    return text.erase(begin, text.find('\n', at) - begin + 1);
  };
}

const std::vector<Extents> kCalls = {{197, 192, 192}, {1, 1, 1}, {197, 139, 197}, {13, 50, 40}, {60, 60, 64}};

TEST(HlsEstimate, IsWhatTheModulesCharge) {
  for (const LaneCounts lanes :
       {LaneCounts{}, LaneCounts{32, 32, 16, 16}, LaneCounts{21, 6, 8, 4, 64, 8, 8, 8}, LaneCounts{32, 32, 32, 16, 1},
        LaneCounts{32, 32, 32, 16, 6, 29, 10, 14}, LaneCounts{32, 32, 32, 16, 18}}) {
    HlsEstimate estimate(source, lanes);
    for (const std::string& unit : HlsEstimate::unit_names())
      for (const Extents& e : kCalls)
        EXPECT_EQ(estimate.cycles(unit, e), estimate.charged(unit, e))
            << unit << ' ' << e.m << ' ' << e.k << ' ' << e.n;
  }
}

struct Deletion {
  const char *unit, *file, *pragma;
  int occurrence;
};

TEST(HlsEstimate, AMissingPragmaShows) {
  const Deletion deletions[] = {
      {"pe_array_tile", "accel/kernels/pe_array.h", "#pragma HLS pipeline", 0},
      {"pe_array_tile", "accel/kernels/pe_array.h", "#pragma HLS unroll", 0},         // input lanes
      {"pe_array_tile", "accel/kernels/pe_array.h", "#pragma HLS unroll", 1},         // outputs
      {"pe_array_tile_packed", "accel/kernels/pe_array.h", "#pragma HLS unroll", 2},  // pairs of outputs
      {"pe_array_tile_packed", "accel/kernels/pe_array.h", "#pragma HLS unroll", 3},  // chains
      {"pe_array_tile_packed", "accel/kernels/pe_array.h", "#pragma HLS unroll", 4},  // products of a chain
      {"pe_array_tile", "accel/kernels/pe_array.h", "#pragma HLS unroll", 5},         // accumulators
      {"requantize", "accel/kernels/requantize.h", "#pragma HLS pipeline", 0},
      {"requantize", "accel/kernels/requantize.h", "#pragma HLS unroll", 0},
      {"requantize", "accel/hls/units/requantize.cpp", "#pragma HLS loop_flatten", 0},
      {"requantize_residual", "accel/hls/units/requantize.cpp", "#pragma HLS loop_flatten", 1},
      {"gelu", "accel/kernels/gelu.h", "#pragma HLS dataflow", 0},
      {"gelu", "accel/kernels/gelu.h", "#pragma HLS pipeline", 1},
      {"sigmoid", "accel/kernels/sigmoid.h", "#pragma HLS unroll", 0},
      {"softmax", "accel/hls/units/softmax.cpp", "#pragma HLS dataflow", 0},
      {"softmax", "accel/kernels/softmax.h", "#pragma HLS pipeline", 2},
      {"softmax", "accel/kernels/divide.h", "#pragma HLS unroll", 0},
      {"layernorm", "accel/kernels/layernorm.h", "#pragma HLS pipeline", 0},
      {"layernorm", "accel/hls/units/layernorm.cpp", "#pragma HLS dataflow", 0},
      {"token_score", "accel/hls/units/token_score.cpp", "#pragma HLS dataflow", 0},
      {"head_mean", "accel/kernels/selector.h", "#pragma HLS pipeline", 0},
      {"head_mean", "accel/kernels/selector.h", "#pragma HLS unroll factor = kVectorLanes", 0},
      {"head_mean", "accel/hls/units/head_mean.cpp", "#pragma HLS loop_flatten", 0},
      {"random_scores", "accel/kernels/selector.h", "#pragma HLS pipeline", 2},
      {"token_select_count", "accel/kernels/selector.h", "#pragma HLS pipeline", 3},
      {"token_select_count", "accel/kernels/selector.h", "#pragma HLS unroll\n", 1},
      {"token_select_threshold", "accel/kernels/selector.h", "#pragma HLS unroll factor = kSelectLanes", 0},
      {"token_pack", "accel/kernels/selector.h", "#pragma HLS pipeline", 5},
      {"token_pack", "accel/kernels/selector.h", "#pragma HLS unroll\n", 2},
      {"softmax_sized", "accel/hls/units/softmax_sized.cpp", "#pragma HLS dataflow", 0},
      {"softmax_sized", "accel/kernels/softmax.h", "#pragma HLS pipeline", 0},
      {"softmax_sized", "accel/kernels/merging.h", "#pragma HLS pipeline", 6},
      {"softmax_sized", "accel/kernels/merging.h", "#pragma HLS pipeline", 7},
      {"token_match", "accel/kernels/merging.h", "#pragma HLS pipeline", 1},
      {"token_match", "accel/kernels/merging.h", "#pragma HLS unroll\n", 0},
      {"token_merge", "accel/kernels/merging.h", "#pragma HLS pipeline", 2},
      {"token_merge", "accel/kernels/merging.h", "#pragma HLS pipeline", 3},
      {"token_merge", "accel/kernels/merging.h", "#pragma HLS pipeline", 4},
      {"token_merge", "accel/kernels/merging.h", "#pragma HLS pipeline", 5},
      {"token_merge", "accel/kernels/merging.h", "#pragma HLS unroll\n", 1},
      {"token_mean", "accel/kernels/selector.h", "#pragma HLS pipeline", 8},
      {"token_mean", "accel/kernels/selector.h", "#pragma HLS unroll\n", 3},
      {"column_max", "accel/kernels/selector.h", "#pragma HLS pipeline", 10},
      {"column_max", "accel/kernels/selector.h", "#pragma HLS unroll\n", 4}};
  const Extents call{197, 139, 192};
  for (const Deletion& d : deletions) {
    HlsEstimate whole(source, {}), cut(without(d.file, d.pragma, d.occurrence), {});
    EXPECT_GT(cut.cycles(d.unit, call), whole.cycles(d.unit, call)) << d.unit << ' ' << d.file << ' ' << d.pragma;
  }
}

TEST(HlsEstimate, AMissingPragmaOfAPipelinedDividerShows) {
  const Deletion deletions[] = {
      {"softmax", "accel/kernels/divide.h", "#pragma HLS pipeline II = kDivisionInterval", 0},
      {"token_score", "accel/kernels/divide.h", "#pragma HLS unroll\n", 0},
      {"token_score", "accel/kernels/selector.h", "#pragma HLS unroll factor = kScoreLanes", 0},
      {"layernorm", "accel/kernels/layernorm.h", "#pragma HLS unroll\n", 1}};
  LaneCounts lanes{96, 32, 32, 16, 1};
  lanes.score = 2;
  const Extents call{197, 139, 192};
  for (const Deletion& d : deletions) {
    HlsEstimate whole(source, lanes), cut(without(d.file, d.pragma, d.occurrence), lanes);
    EXPECT_GT(cut.cycles(d.unit, call), whole.cycles(d.unit, call)) << d.unit << ' ' << d.file << ' ' << d.pragma;
  }
}

// Rows of two are one pipeline, which takes a pair as often as it divides.
TEST(HlsEstimate, PairsOfSoftmax) {
  for (const int division : {1, 5, 16}) {
    LaneCounts lanes;
    lanes.division = division;
    lanes.score = division == 5 ? 3 : 1;  // as many pipelines
    HlsEstimate whole(source, lanes),
        cut(without("accel/kernels/softmax.h", "#pragma HLS pipeline II = kSoftmaxPair", 0), lanes);
    const Extents pairs{197, 1, 2}, rows{197, 1, 3};
    EXPECT_EQ(whole.cycles("softmax_wide", pairs), whole.charged("softmax_wide", pairs)) << division;
    EXPECT_GT(cut.cycles("softmax_wide", pairs), whole.cycles("softmax_wide", pairs)) << division;
    EXPECT_LE(whole.cycles("softmax_wide", pairs), whole.cycles("softmax_wide", rows)) << division;
    EXPECT_EQ(whole.cycles("softmax_wide", {2, 1, 2}), whole.charged("softmax_wide", {2, 1, 2})) << division;
    HlsEstimate alone(without("accel/kernels/softmax.h", "#pragma HLS unroll factor = kScoreLanes", 0), lanes);
    EXPECT_EQ(alone.cycles("softmax_wide", pairs) > whole.cycles("softmax_wide", pairs), lanes.score > 1) << division;
  }
  HlsEstimate in_turn(source, {});  // its dividers set the pace, as for any row
  EXPECT_EQ(in_turn.cycles("softmax_wide", {197, 1, 2}), in_turn.cycles("softmax_wide", {197, 1, 3}));
}

TEST(HlsEstimate, AnotherIntervalShows) {
  const auto slower = [](const std::string& path) {
    std::string text = source(path);
    if (path == "accel/kernels/pe_array.h") {
      const std::string pragma = "#pragma HLS pipeline II = 1";
      text.replace(text.find(pragma), pragma.size(), "#pragma HLS pipeline II = 2");
    }
    return text;
  };
  HlsEstimate estimate(slower, {});
  EXPECT_EQ(estimate.cycles("pe_array_tile", {100, 192, 64}) - estimate.charged("pe_array_tile", {100, 192, 64}),
            100 * 2 * 2);
}

TEST(HlsEstimate, UnknownUnitsAndLostLoopsAreRefused) {
  HlsEstimate estimate(source, {});
  EXPECT_THROW(estimate.cycles("none", {}), InputError);
  HlsEstimate lost([](const std::string&) { return std::string(); }, {});
  EXPECT_THROW(lost.cycles("gelu", {}), InputError);
}

TEST(HlsHeader, StatesTheSizes) {
  soc::SocConfig config;
  config.accel.th = 2;
  config.vector.lanes = 8;
  const std::string header = hls_header(config, "a.ini");
  EXPECT_NE(header.find("constexpr int kTh = 2;"), std::string::npos);
  EXPECT_NE(header.find("constexpr int kVectorLanes = 8;"), std::string::npos);
  EXPECT_NE(header.find("static_assert(kOperandBits == 16 || kTo % 2 == 0"), std::string::npos);
  config.accel.to = 7;
  EXPECT_THROW(hls_header(config, ""), InputError);
  config.accel.numerics_bits = 16;  // no pairs
  EXPECT_NE(hls_header(config, "").find("constexpr int kOperandBits = 16;"), std::string::npos);
  config.accel.th = 3;
  config.accel.ti = 32;
  config.accel.to = 32;  // 3,072 products, of which int16 ones take a DSP slice each
  EXPECT_THROW(hls_header(config, ""), InputError);
  config.accel.numerics_bits = 8;
  EXPECT_NO_THROW(hls_header(config, ""));
  config.accel.to = 2048;
  EXPECT_THROW(hls_header(config, ""), InputError);
}

}  // namespace
}  // namespace heatvit::tb
