// Estimated cycles of a whole image, unit by unit, against what a timing run of the simulated modules books as busy.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "accel/kernels/pe_array.h"
#include "models/lower/program.h"
#include "tb/config/config_files.h"
#include "tb/config/pruning_options.h"
#include "tb/hls_check/image_estimate.h"
#include "tb/hls_check/top_estimate.h"
#include "tb/tests/accel/soc/soc_support.h"

namespace heatvit::testing {
namespace {

using modules::Unit;
using network::Pruning;
using network::Scorer;

std::string source(const std::string& path) {
  const char* home = std::getenv("HEATVIT_HOME");
  std::ifstream in(std::filesystem::path(home != nullptr ? home : ".") / path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

int64_t busy(const soc::ImageResult& result, Unit unit) {
  uint64_t cycles = 0;
  for (const soc::CommandRecord& c : result.commands)
    cycles += c.units[static_cast<size_t>(unit)][static_cast<size_t>(modules::Cause::kBusy)];
  return static_cast<int64_t>(cycles);
}

std::string difference(const char* what, const tb::EstimateTotal& total, int64_t simulated) {
  if (total.charged == simulated && total.estimated == simulated) return "";
  return std::string(what) + ": charged " + std::to_string(total.charged) + ", estimated " +
         std::to_string(total.estimated) + ", simulated " + std::to_string(simulated);
}

/// Empty, or where estimate and simulation differ.
std::string compare(const zoo::ModelSpec& spec, const soc::SocConfig& config, const Pruning& pruning) {
  const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
  const tb::ImageEstimate estimate(config, program, source);
  return isolated([&]() -> std::string {
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    const soc::ImageResult result = simulator.run({});
    return difference("array", estimate.array(), busy(result, Unit::kPeArray)) +
           difference("vector unit", estimate.vector(), busy(result, Unit::kVector)) +
           difference("selector", estimate.selector(), busy(result, Unit::kSelector));
  });
}

// heatvit_top: its array works as long as the simulated one where all groups work on one product; no operation is
// faster than its slowest process, or slower than all of them in turn.
TEST(HlsImage, TheTopIsAsFastAsItsSlowestProcess) {
  const zoo::ModelSpec& spec = zoo::find("deit-t");
  const soc::SocConfig config = tb::resolve_config("deit-t", {}, {});
  const std::vector<tb::TopPart> dense = tb::top_estimate(config, lower::lower(spec, config.accel, {}, nullptr));
  for (const tb::TopPart& part : dense) {
    EXPECT_GE(part.cycles, std::max({part.array, part.load, part.vector, part.store})) << part.op;
    EXPECT_LE(part.cycles, 2000 + part.array + part.load + part.vector + part.store + 400 * spec.depth) << part.op;
  }
  const auto array = [](const std::vector<tb::TopPart>& parts, const std::string& op) {
    for (const tb::TopPart& part : parts)
      if (part.op == op) return part.array;
    return int64_t{-1};
  };
  // 12 blocks, 10 row tiles of 20, 192 channels in two beats, 192 outputs in six; a tile's depth of pipeline each.
  EXPECT_EQ(array(dense, "proj"), 12 * (197 * 2 * 6 + 10 * kernels::gemm_depth(96, config.stages())));
  // Heads side by side: 64 channels in two beats, 197 outputs in seven; 160 words of accumulators hold 22 rows of
  // those.
  EXPECT_EQ(array(dense, "scores"), 12 * (197 * 2 * 7 + 9 * kernels::gemm_depth(32, config.stages())));
  tb::PruningOptions rates;
  rates.rates = "0.3,0.51,0.657";
  const network::Pruning pruning = tb::make_pruning(spec, rates);
  const auto total = [&](const soc::SocConfig& with) {
    return tb::total_cycles(tb::top_estimate(with, lower::lower(spec, with.accel, pruning, nullptr)));
  };
  EXPECT_LT(total(config), tb::total_cycles(dense));
  soc::SocConfig more = config;  // tiles of weights
  more.buffers.weight = 2;
  EXPECT_LE(total(more), total(config));
}

// What separates the board's design from the simulated one is what it does one after another: it is no faster than the
// accelerator that overlaps across operations, and nearer to it than one that overlaps nothing.
TEST(HlsImage, TheTopLiesBetweenAllOverlapAndNone) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  const soc::SocConfig config = tb::resolve_config("deit-s", {}, {});
  const auto simulated = [&](const std::string& overlap) {
    const soc::SocConfig with = tb::resolve_config("deit-s", {}, {{"accel.overlap", overlap, ""}});
    const lower::Program program = lower::lower(spec, with.accel, {}, nullptr);
    return std::stoll(isolated([&] {
      soc::Simulator simulator(with, program, soc::Mode::kTiming);
      return std::to_string(simulator.run({}).cycles);
    }));
  };
  const int64_t top = tb::total_cycles(tb::top_estimate(config, lower::lower(spec, config.accel, {}, nullptr)));
  EXPECT_GT(top, simulated("all"));
  EXPECT_LT(top, simulated("none"));
}

TEST(HlsImage, ShippedConfigurationsAreBusyForWhatIsEstimated) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const soc::SocConfig config = tb::resolve_config(std::string(spec.name), {}, {});
    tb::PruningOptions pruned;
    pruned.rates = "0.3,0.51,0.657";
    EXPECT_EQ(compare(spec, config, {}), "") << spec.name;
    EXPECT_EQ(compare(spec, config, tb::make_pruning(spec, pruned)), "") << spec.name << ", pruned";
  }
}

TEST(HlsImage, EveryScorerAndPlacement) {
  const zoo::ModelSpec spec = small_spec();
  for (const Scorer scorer :
       {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kEvit, Scorer::kRandom, Scorer::kDynamicVit, Scorer::kTome})
    for (const auto placement : {isa::Placement::kPl, isa::Placement::kCpu})
      for (const auto softmax : {isa::SoftmaxPlacement::kAuto, isa::SoftmaxPlacement::kSeparate}) {
        soc::SocConfig config;
        config.accel.layernorm = placement;
        config.accel.softmax = softmax;
        config.accel.tile_m = 50;
        config.vector.lanes = 8;
        EXPECT_EQ(compare(spec, config, pruning_of(spec, scorer, {137, 70})), "");
        if (scorer == Scorer::kEvit || scorer == Scorer::kTome) continue;
        EXPECT_EQ(compare(spec, config, dropping(pruning_of(spec, scorer, {137, 0}))), "");
      }
}

}  // namespace
}  // namespace heatvit::testing
