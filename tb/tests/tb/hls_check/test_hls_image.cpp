// Estimated cycles of a whole image, unit by unit, against what a timing run of the simulated modules books as busy.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "models/lower/program.h"
#include "tb/config/config_files.h"
#include "tb/config/pruning_options.h"
#include "tb/hls_check/image_estimate.h"
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
  for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kRandom})
    for (const auto placement : {isa::Placement::kPl, isa::Placement::kCpu})
      for (const auto softmax : {isa::SoftmaxPlacement::kAuto, isa::SoftmaxPlacement::kSeparate}) {
        soc::SocConfig config;
        config.accel.layernorm = placement;
        config.accel.softmax = softmax;
        config.accel.tile_m = 50;
        config.vector.lanes = 8;
        EXPECT_EQ(compare(spec, config, pruning_of(spec, scorer, {137, 60})), "");
      }
}

}  // namespace
}  // namespace heatvit::testing
