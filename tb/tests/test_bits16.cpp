// The 16-bit baseline: int16 operands, one product a DSP (docs/numerics.md, section 10).
#include <gtest/gtest.h>

#include "models/errors.h"
#include "tb/explore/analytic.h"
#include "tb/run_sim/config_files.h"
#include "tb/tests/soc_support.h"

namespace heatvit::testing {
namespace {

using reference::Pruning;
using reference::Scorer;
using soc::SocConfig;

SocConfig baseline(const zoo::ModelSpec& spec) {
  const std::string name(spec.name);
  return tb::resolve_config(name, {std::string(std::getenv("HEATVIT_HOME")) + "/configs/baseline-" + name + ".ini"},
                            {});
}

soc::ImageResult timed(const zoo::ModelSpec& spec, const SocConfig& config, const Pruning& pruning) {
  const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
  return soc::Simulator(config, program, soc::Mode::kTiming).run({});
}

TEST(Baseline, EveryModelRunsInTimingModeAndItsBooksBalance) {
  for (const zoo::ModelSpec& spec : zoo::models())
    for (const bool pruned : {false, true}) {
      EXPECT_EQ(isolated([&] {
                  const SocConfig config = baseline(spec);
                  const Pruning pruning = pruned ? pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}) : Pruning{};
                  const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
                  soc::Simulator simulator(config, program, soc::Mode::kTiming);
                  const soc::ImageResult r = simulator.run({});
                  if (pruned && r.kept_counts != std::vector<int>{137, 96, 67}) return std::string("kept counts");
                  return audit(program, r);
                }),
                "")
          << spec.name;
    }
}

TEST(Baseline, WeightsAndActivationsTakeTwiceTheBytes) {
  const auto bytes = [](int bits) {
    return isolated([&] {
      SocConfig config;
      config.accel.numerics_bits = bits;
      config.accel.tile_k = 384 * 8 / bits;  // slots of the same size
      uint64_t weights = 0, hidden = 0;
      for (const soc::CommandRecord& c : timed(zoo::find("deit-s"), config, {}).commands) {
        if (c.op == isa::Op::kQkv) weights += c.bytes_weights - 1152 * 8;  // without the channels' records
        if (c.op == isa::Op::kFc1) hidden += c.bytes_out;
      }
      return std::to_string(weights) + " " + std::to_string(hidden);
    });
  };
  EXPECT_EQ(bytes(8), std::to_string(12 * 1152 * 384) + " " + std::to_string(12 * 197 * 1536));
  EXPECT_EQ(bytes(16), std::to_string(2 * 12 * 1152 * 384) + " " + std::to_string(2 * 12 * 197 * 1536));
}

TEST(Baseline, AnalyticModeIsWithinTwoPerCentOfTiming) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const SocConfig config = baseline(spec);
    const double cycles = std::stod(isolated([&] { return std::to_string(timed(spec, config, {}).cycles); }));
    EXPECT_NEAR(explore::estimate(config, spec, {}).cycles / cycles, 1.0, 0.02) << spec.name;
  }
}

TEST(Baseline, AnEightBitResidualIsRefused) {
  SocConfig config;
  config.accel.numerics_bits = 16;
  config.accel.residual_bits = 8;
  EXPECT_THROW(lower::lower(zoo::find("deit-t"), config.accel, {}, nullptr), InputError);
}

}  // namespace
}  // namespace heatvit::testing
