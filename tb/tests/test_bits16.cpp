// The 16-bit baseline: int16 operands, one product a DSP (docs/numerics.md, section 10).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "models/errors.h"
#include "models/reference/random_model.h"
#include "tb/explore/analytic.h"
#include "tb/run_sim/config_files.h"
#include "tb/tests/soc_support.h"

namespace heatvit::testing {
namespace {

using reference::Pruning;
using reference::Scorer;
using soc::SocConfig;

/// The models that the published table has.
std::vector<zoo::ModelSpec> published_models() {
  std::vector<zoo::ModelSpec> specs;
  for (const char* name : {"deit-t", "deit-s", "deit-b", "lv-vit-s", "lv-vit-m"}) specs.push_back(zoo::find(name));
  return specs;
}

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
  for (const zoo::ModelSpec& spec : published_models())
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

TEST(Baseline, AnalyticModeIsWithinTenPerCentOfTiming) {
  for (const zoo::ModelSpec& spec : published_models()) {
    const SocConfig config = baseline(spec);
    const double cycles = std::stod(isolated([&] { return std::to_string(timed(spec, config, {}).cycles); }));
    EXPECT_NEAR(explore::estimate(config, spec, {}).cycles / cycles, 1.0, 0.10)
        << spec.name;  // dependencies by tile: docs/analytic.md
  }
}

TEST(Baseline, AnEightBitResidualIsRefused) {
  SocConfig config;
  config.accel.numerics_bits = 16;
  config.accel.residual_bits = 8;
  EXPECT_THROW(lower::lower(zoo::find("deit-t"), config.accel, {}, nullptr), InputError);
}

SocConfig shape(int th, int ti, int to, int m, int k, int n) {
  SocConfig config;
  config.accel.numerics_bits = 16;
  config.accel.th = th;
  config.accel.ti = ti;
  config.accel.to = to;
  config.accel.tile_m = m;
  config.accel.tile_k = k;
  config.accel.tile_n = n;
  return config;
}

/// Shapes that divide tokens, channels and heads evenly or not at all.
std::vector<SocConfig> shapes() {
  return {shape(2, 16, 16, 197, 64, 64), shape(3, 7, 5, 37, 29, 23), shape(1, 4, 32, 64, 96, 17),
          shape(4, 16, 8, 13, 50, 40)};
}

quant::QuantModel random_model(const zoo::ModelSpec& spec, uint32_t seed) {
  return reference::random_quant_model(spec, seed, true, 16, 16);
}

void expect_exact(const quant::QuantModel& model, const ExactCase& test) {
  EXPECT_EQ(isolated([&] { return compare_exactly(model, test); }), "");
}

TEST(Exact16, EveryShapeScorerAndPlacement) {
  const quant::QuantModel model = random_model(small_spec(), 7);
  const auto spec = small_spec();
  const std::vector<Pruning> prunings = {{},
                                         pruning_of(spec, Scorer::kClsAttention, {137, 60}),
                                         pruning_of(spec, Scorer::kRandom, {120, 33}),
                                         pruning_of(spec, Scorer::kHeatvit, {}),
                                         pruning_of(spec, Scorer::kHeatvit, {196, 91})};
  int placement = 0;
  for (const SocConfig& config : shapes())
    for (const Pruning& pruning : prunings) {
      ExactCase test{config, pruning, {random_image(1), random_image(2)}};
      test.config.accel.layernorm = placement % 2 == 0 ? isa::Placement::kCpu : isa::Placement::kPl;
      test.config.accel.softmax = placement % 3 == 0 ? isa::SoftmaxPlacement::kSeparate : isa::SoftmaxPlacement::kAuto;
      test.config.accel.order_nm = placement % 5 != 0;
      ++placement;
      SCOPED_TRACE("shape " + std::to_string(placement));
      expect_exact(model, test);
    }
}

TEST(Exact16, LvVit) {  // stem convolutions, residual divisor, auxiliary head
  const zoo::ModelSpec& spec = zoo::find("lv-vit-s");
  const quant::QuantModel model = random_model(spec, 3);
  for (const SocConfig& config : {baseline(spec), shape(4, 8, 16, 50, 300, 60), shape(2, 8, 8, 20, 70, 40)})
    expect_exact(model, {config, pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}), {random_image(6)}});
}

TEST(Exact16, BufferDepthAndStallsDoNotChangeResults) {
  const quant::QuantModel model = random_model(small_spec(), 8);
  for (int depth : {1, 3}) {
    ExactCase test{shape(2, 8, 16, 50, 48, 33), pruning_of(small_spec(), Scorer::kHeatvit, {}), {random_image(4)}};
    test.config.buffers = {depth, depth, depth, depth, depth, depth};
    test.config.debug.stall_seed = depth == 1 ? 0 : 5;
    expect_exact(model, test);
  }
}

TEST(Exact16, EveryModelWithSyntheticWeights) {
  for (const zoo::ModelSpec& spec : published_models()) {
    zoo::ModelSpec shallow = spec;  // all layers of the model, three blocks of them
    shallow.depth = 3;
    shallow.selectors = {2, 3, 3};
    const quant::QuantModel model = random_model(shallow, 5);
    for (const bool pruned : {false, true}) {
      const Pruning pruning = pruned ? pruning_of(shallow, Scorer::kClsAttention, {150, 40}) : Pruning{};
      SCOPED_TRACE(spec.name);
      expect_exact(model, {baseline(spec), pruning, {random_image(9)}});
    }
  }
}

TEST(Exact16, FunctionalAndTimingModeTakeTheSameCycles) {
  const quant::QuantModel model = random_model(small_spec(), 7);
  for (const SocConfig& config : shapes()) {
    const Pruning threshold = pruning_of(small_spec(), Scorer::kHeatvit, {});
    for (uint32_t seed = 1; seed <= 5; ++seed) {
      std::vector<int> kept(2);
      unsigned long functional = 0;
      const std::string text = isolated([&] {
        const lower::Program program = lower::lower(model.spec, config.accel, threshold, &model);
        const std::vector<int8_t> image = random_image(seed);
        soc::ImageInput input;
        input.pixels = &image;
        const soc::ImageResult r = soc::Simulator(config, program, soc::Mode::kFunctional).run(input);
        return std::to_string(r.cycles) + " " + std::to_string(r.kept_counts.at(0)) + " " +
               std::to_string(r.kept_counts.at(1));
      });
      ASSERT_EQ(std::sscanf(text.c_str(), "%lu %d %d", &functional, &kept[0], &kept[1]), 3) << text;
      const std::string timing = isolated([&] {
        const lower::Program program = lower::lower(model.spec, config.accel, threshold, nullptr);
        soc::ImageInput input;
        input.kept = kept;
        return std::to_string(soc::Simulator(config, program, soc::Mode::kTiming).run(input).cycles);
      });
      EXPECT_EQ(timing, std::to_string(functional));
    }
  }
}

TEST(Exact16, AFlippedBitOfAWeightsUpperByteChangesTheLogits) {
  const quant::QuantModel model = random_model(small_spec(), 7);
  const SocConfig plain = shape(2, 16, 16, 64, 64, 64);
  const auto logits = [&](const SocConfig& config) {
    return isolated([&] {
      const lower::Program program = lower::lower(model.spec, config.accel, {}, &model);
      const std::vector<int8_t> image = random_image(1);
      soc::ImageInput input;
      input.pixels = &image;
      uint64_t hash = 1;
      for (int32_t logit : soc::Simulator(config, program, soc::Mode::kFunctional).run(input).logits)
        hash = hash * 1099511628211ULL + static_cast<uint32_t>(logit);
      return std::to_string(hash);
    });
  };
  const lower::Program program = lower::lower(model.spec, plain.accel, {}, &model);
  for (const lower::Region& region : program.regions)
    if (region.name == "b2.fc1.weight" || region.name == "head.weight") {
      SocConfig faulty = plain;
      faulty.debug.fault = soc::Fault::kFlipWeightBit;
      faulty.debug.fault_at = region.address + region.bytes / 2 + 1;
      EXPECT_NE(logits(faulty), logits(plain)) << region.name;
    }
}

TEST(Exact16, AModelOfTheOtherWidthIsRefused) {
  const quant::QuantModel narrow = reference::random_quant_model(small_spec(), 7, true);
  EXPECT_THROW(lower::lower(narrow.spec, shapes().front().accel, {}, &narrow), InputError);
}

}  // namespace
}  // namespace heatvit::testing
