// The 16-bit baseline: int16 operands, one product a DSP (docs/numerics.md, section 10).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>

#include "accel/isa/errors.h"
#include "accel/kernels/gemm.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/requantize.h"
#include "models/lower/program.h"
#include "tb/config/config_files.h"
#include "tb/estimate/analytic.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using network::Pruning;
using network::Scorer;
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
    EXPECT_NEAR(estimate::estimate(config, spec, {}).cycles / cycles, 1.0, 0.10)
        << spec.name;  // dependencies by tile: docs/analytic.md
  }
}

TEST(Baseline, AnEightBitResidualIsRefused) {
  SocConfig config;
  config.accel.numerics_bits = 16;
  config.accel.residual_bits = 8;
  EXPECT_THROW(lower::lower(zoo::find("deit-t"), config.accel, {}, nullptr), InputError);
}

// gemm_tile at the ends of every range, over the deepest sum of the models (LV-ViT's embedding).
template <class A>
void expect_exact_products(const std::vector<A>& values) {
  constexpr int kDepth = 4096;
  for (const A a : values)
    for (const int16_t b : {int16_t{-32768}, int16_t{-32767}, int16_t{32767}, int16_t{1}}) {
      const std::vector<A> row(kDepth, a);
      const std::vector<int16_t> column(kDepth, b);
      int64_t sum = 0;
      kernels::gemm_tile_nk(row.data(), kDepth, column.data(), kDepth, &sum, 1, 1, kDepth, 1, true);
      EXPECT_EQ(sum, int64_t{kDepth} * a * b) << a << " " << b;
      EXPECT_LT(std::abs(sum), int64_t{1} << 47);
    }
}

TEST(Kernels16, SumsOfExtremeProductsAreExact) {
  expect_exact_products<int16_t>({-32768, 32767, -1});
  expect_exact_products<uint16_t>({65535, 32768, 1});
}

TEST(Kernels16, RequantisationIsExact) {
  std::mt19937_64 random(3);
  const auto symmetric = [&](int bits) { return static_cast<int64_t>(random() >> (63 - bits)) - (int64_t{1} << bits); };
  for (int i = 0; i < 20000; ++i) {
    const bool extreme = i % 4 == 0;
    const int64_t acc = extreme ? (i % 8 == 0 ? 1 : -1) * (int64_t{1} << 45) : symmetric(45);
    const int64_t bias = extreme ? (i % 16 < 8 ? 1 : -1) * ((int64_t{1} << 39) - 1) : symmetric(38);
    isa::ChannelRecord record;
    record.bias = static_cast<int32_t>(static_cast<uint32_t>(bias));
    record.bias_high = static_cast<int8_t>(bias >> 32);
    record.multiplier = static_cast<uint16_t>(i % 3 == 0 ? 65535 : random());
    record.shift = static_cast<uint8_t>(1 + random() % 62);
    ASSERT_EQ(isa::wide_bias(record), bias);
    // Division and remainder instead of shifts.
    const int64_t product = (acc + bias) * record.multiplier, divisor = int64_t{1} << record.shift;
    const int64_t rest = std::abs(product % divisor);
    const int64_t away = rest >= divisor / 2 ? (product < 0 ? -1 : 1) : 0;
    ASSERT_EQ(kernels::requantize(acc, record), product / divisor + away) << acc << " " << bias;
  }
}

TEST(Kernels16, LayerNormIsWithinAStepOfDoublePrecision) {
  std::mt19937 random(4);
  std::normal_distribution<double> normal(300, 4000);
  for (const int n : {64, 192, 768, 1024}) {
    std::vector<int16_t> x(static_cast<size_t>(n)), out(x.size());
    for (int16_t& v : x) v = static_cast<int16_t>(std::clamp(normal(random), -32768.0, 32767.0));
    isa::NormRecord record;
    record.gamma = 8000;
    record.beta = 500 * (1 << 14);
    const std::vector<isa::NormRecord> records(x.size(), record);
    kernels::layernorm_row(x.data(), n, records.data(), 14, 1, out.data());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    double variance = 0;
    for (const int16_t v : x) variance += (v - mean) * (v - mean) / n;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = (x[i] - mean) / std::sqrt(variance) * record.gamma + 500;
      // Half a step of rounding, and half a step of Q14 times gamma.
      ASSERT_NEAR(out[i], std::clamp(exact, -32768.0, 32767.0), 0.5 + 8000.0 / 32768 + 0.01) << n;
    }
  }
}

network::QuantModel random_model(const zoo::ModelSpec& spec, uint32_t seed) {
  return network::random_quant_model(spec, seed, true, 16, 16);
}

void expect_exact(const network::QuantModel& model, const ExactCase& test) {
  EXPECT_EQ(isolated([&] { return compare_exactly(model, test); }), "");
}

TEST(Exact16, EveryShapeScorerAndPlacement) {
  const network::QuantModel model = random_model(small_spec(), 7);
  for (const ExactCase& test : placements(shapes(16))) expect_exact(model, test);
}

TEST(Exact16, LvVit) {  // stem convolutions, residual divisor, auxiliary head
  const zoo::ModelSpec& spec = zoo::find("lv-vit-s");
  const network::QuantModel model = random_model(spec, 3);
  for (const SocConfig& config : {baseline(spec), shape(4, 8, 16, 50, 300, 60, 16), shape(2, 8, 8, 20, 70, 40, 16)})
    expect_exact(model, {config, pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}), {random_image(6)}});
}

TEST(Exact16, BufferDepthAndStallsDoNotChangeResults) {
  const network::QuantModel model = random_model(small_spec(), 8);
  for (int depth : {1, 3}) {
    ExactCase test{shape(2, 8, 16, 50, 48, 33, 16), pruning_of(small_spec(), Scorer::kHeatvit, {}), {random_image(4)}};
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
    const network::QuantModel model = random_model(shallow, 5);
    for (const bool pruned : {false, true}) {
      const Pruning pruning = pruned ? pruning_of(shallow, Scorer::kClsAttention, {150, 40}) : Pruning{};
      SCOPED_TRACE(spec.name);
      expect_exact(model, {baseline(spec), pruning, {random_image(9)}});
    }
  }
}

TEST(Exact16, FunctionalAndTimingModeTakeTheSameCycles) {
  const network::QuantModel model = random_model(small_spec(), 7);
  for (const SocConfig& config : shapes(16)) {
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
  const network::QuantModel model = random_model(small_spec(), 7);
  const SocConfig plain = shape(2, 16, 16, 64, 64, 64, 16);
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
  for (const isa::Region& region : program.regions)
    if (region.name == "b2.fc1.weight" || region.name == "head.weight") {
      SocConfig faulty = plain;
      faulty.debug.fault = soc::Fault::kFlipWeightBit;
      faulty.debug.fault_at = region.address + region.bytes / 2 + 1;
      EXPECT_NE(logits(faulty), logits(plain)) << region.name;
    }
}

TEST(Exact16, AModelOfTheOtherWidthIsRefused) {
  const network::QuantModel narrow = network::random_quant_model(small_spec(), 7, true);
  EXPECT_THROW(lower::lower(narrow.spec, shapes(16).front().accel, {}, &narrow), InputError);
}

}  // namespace
}  // namespace heatvit::testing
