// Networks that nobody named: descriptions of many shapes through the simulated board, bit for bit the integer
// executor; and the same cycles without numbers.
#include <gtest/gtest.h>

#include "models/zoo/zoo.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using network::Scorer;

struct Shape {
  int depth, dim, heads, image, patch;
  const char* more;  // other fields
};

zoo::ModelSpec spec_of(const Shape& s) {
  return zoo::read_description(
      "{\"depth\": " + std::to_string(s.depth) + ", \"dim\": " + std::to_string(s.dim) +
          ", \"heads\": " + std::to_string(s.heads) + ", \"image_size\": " + std::to_string(s.image) +
          ", \"patch_size\": " + std::to_string(s.patch) + ", \"classes\": 7, \"mlp_ratio\": 2" + s.more + "}",
      "shape");
}

struct Numbers {
  int bits = 8, residual_bits = 16, batch = 1;
};

/// As compare_exactly; "" or what differs.
std::string compare(const zoo::ModelSpec& spec, const network::Pruning& pruning, uint32_t seed,
                    const Numbers& numbers = {}) {
  const network::QuantModel model = network::random_quant_model(
      spec, seed, spec.head_dim() % 4 == 0, numbers.residual_bits, numbers.bits, pruning.dynamicvit());
  ExactCase test{soc::SocConfig{}, pruning, {}};
  for (int i = 0; i < numbers.batch; ++i)
    test.images.push_back(random_image(seed + 100 * static_cast<uint32_t>(i), spec.image_size));
  test.config.accel.numerics_bits = numbers.bits;
  test.config.accel.residual_bits = numbers.residual_bits;
  test.config.accel.batch = numbers.batch;
  test.config.accel.tile_m = 130;
  test.config.accel.tile_k = 192;
  test.config.accel.tile_n = 96;
  test.config.accel.layernorm = seed % 2 == 0 ? isa::Placement::kPl : isa::Placement::kCpu;
  return isolated([&] { return compare_exactly(model, test); });
}

uint64_t cycles(const zoo::ModelSpec& spec, const network::Pruning& pruning, uint32_t seed, soc::Mode mode) {
  const std::string text = isolated([&] {
    const network::QuantModel model = network::random_quant_model(spec, seed, true);
    soc::SocConfig config;
    const lower::Program program = lower::lower(spec, config.accel, pruning, &model);
    soc::Simulator simulator(config, program, mode);
    const std::vector<int8_t> pixels = random_image(seed, spec.image_size);
    soc::ImageInput input;
    if (mode == soc::Mode::kFunctional) input.pixels = &pixels;
    return std::to_string(simulator.run(input).cycles);
  });
  EXPECT_TRUE(text.find_first_not_of("0123456789") == std::string::npos) << text;
  return std::strtoull(text.c_str(), nullptr, 10);
}

TEST(Networks, ManyShapesAreTheExecutorsBitForBit) {
  const Shape shapes[] = {
      {1, 32, 1, 64, 8, ""},
      {2, 48, 3, 128, 16, ", \"qkv_bias\": false"},
      {3, 64, 4, 256, 32, ", \"activation\": \"silu\""},
      {2, 64, 16, 96, 8, ", \"layernorm_epsilon\": 1e-5, \"residual_divisor\": 2"},
      {24, 16, 2, 64, 8, ""},
      {2, 40, 5, 112, 14, ", \"classifier\": \"auxiliary\""},
      {1, 64, 2, 192, 8, ""},   // 577 tokens
      {1, 32, 2, 448, 14, ""},  // 1025 tokens
      {2, 32, 2, 96, 16, ", \"stem\": [{\"channels\": 12, \"kernel\": 3, \"stride\": 2, \"pad\": 1}]"},
      {1, 32, 2, 128, 16,
       ", \"stem\": [{\"channels\": 8, \"kernel\": 3, \"stride\": 2, \"pad\": 1}, {\"channels\": 16, \"kernel\": 3, "
       "\"stride\": 2, \"pad\": 1}]"}};
  uint32_t seed = 0;
  for (const Shape& shape : shapes) {
    const zoo::ModelSpec spec = spec_of(shape);
    EXPECT_EQ(compare(spec, {}, ++seed), "") << zoo::describe(spec);
  }
}

TEST(Networks, PrunedShapesAreTheExecutorsBitForBit) {
  for (const Shape& shape : {Shape{3, 64, 4, 128, 16, ", \"selectors\": [2, 3]"},
                             Shape{2, 32, 2, 192, 8, ", \"selectors\": [2], \"activation\": \"silu\""}}) {
    const zoo::ModelSpec spec = spec_of(shape);
    for (const Scorer scorer :
         {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kEvit, Scorer::kRandom, Scorer::kDynamicVit}) {
      std::vector<int> keep;
      for (size_t i = 0; i < spec.selectors.size(); ++i) keep.push_back(spec.patches() / (static_cast<int>(i) + 2));
      const network::Pruning pruning = pruning_of(spec, scorer, keep);
      EXPECT_EQ(compare(spec, pruning, 11), "") << zoo::describe(spec);
      if (scorer == Scorer::kEvit) continue;
      EXPECT_EQ(compare(spec, dropping(pruning), 11), "") << zoo::describe(spec);
    }
    // Half of the tokens in the first block, fewer in the next, none in the last.
    network::Pruning merging{Scorer::kTome, {}, {}};
    for (int block = 1; block <= spec.depth; ++block) {
      const int before = merging.candidates(merging.keep.size(), spec.patches());
      merging.positions.push_back(block);
      merging.keep.push_back(block == 1 ? before - before / 2 : block == 2 ? before - before / 3 : before);
    }
    EXPECT_EQ(compare(spec, merging, 12, {8, 16, 2}), "") << zoo::describe(spec);
  }
}

constexpr const char* kFronts[] = {R"(, "tokens": ["class", "distillation"], "classifier": "two")",
                                   R"(, "tokens": ["class", "distillation"], "layer_scale": true)",
                                   R"(, "tokens": ["class", "register", "register", "register", "register"])",
                                   R"(, "tokens": ["class", "distillation"], "registers": 2, "classifier": "two")",
                                   R"(, "tokens": ["class"], "pooling": "mean")",
                                   R"(, "tokens": [], "pooling": "mean")",
                                   R"(, "tokens": [], "registers": 3, "pooling": "mean")",
                                   R"(, "tokens": ["class", "distillation", "register"], "pooling": "mean")",
                                   R"(, "pooling": "class+mean")",
                                   R"(, "registers": 2, "pooling": "class+mean", "layer_scale": true)",
                                   R"(, "classes": 0)",
                                   R"(, "classes": 0, "tokens": [], "pooling": "mean")",
                                   R"(, "classes": 0, "registers": 4, "pooling": "class+mean")"};

TEST(Networks, WhateverStandsInFrontIsTheExecutorsBitForBit) {
  uint32_t seed = 20;
  for (const char* front : kFronts) {
    const zoo::ModelSpec spec = spec_of({2, 48, 3, 96, 12, front});
    EXPECT_EQ(compare(spec, {}, ++seed), "") << front;
    EXPECT_EQ(compare(spec, {}, ++seed, {16, 16, 1}), "") << front;
    EXPECT_EQ(compare(spec, {}, ++seed, {8, 8, 2}), "") << front;
    EXPECT_EQ(compare(spec, {}, ++seed, {8, 16, 2}), "") << front;
  }
  EXPECT_EQ(compare(spec_of({1, 32, 2, 448, 14, kFronts[4]}), {}, ++seed), "");  // a mean of 1024 rows
}

TEST(Networks, WhateverStandsInFrontIsNeverPruned) {
  uint32_t seed = 60;
  for (const char* front : kFronts) {
    zoo::ModelSpec spec = spec_of({3, 64, 4, 80, 10, front});
    spec.selectors = {2, 3};
    for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kEvit, Scorer::kRandom}) {
      const network::Pruning pruning = pruning_of(spec, scorer, {40, 17});
      if ((scorer == Scorer::kClsAttention || scorer == Scorer::kEvit) && !spec.class_token) {
        EXPECT_NE(compare(spec, pruning, ++seed).find("needs a class token"), std::string::npos) << front;
        continue;
      }
      EXPECT_EQ(compare(spec, pruning, ++seed, {8, 16, 1 + static_cast<int>(seed % 2)}), "") << front;
    }
    const network::Pruning merging{Scorer::kTome, {1, 2, 3}, {51, 33, 33}};
    if (spec.pooling == zoo::Pooling::kClass)
      EXPECT_EQ(compare(spec, merging, ++seed, {8, 16, 1 + static_cast<int>(seed % 2)}), "") << front;
    else
      EXPECT_NE(compare(spec, merging, ++seed).find("by the mean of the patch tokens"), std::string::npos) << front;
    EXPECT_EQ(compare(spec, pruning_of(spec, Scorer::kHeatvit, {}), ++seed, {8, 16, 2}), "") << front;  // threshold
    EXPECT_EQ(compare(spec, pruning_of(spec, Scorer::kRandom, {0, 0}), ++seed), "") << front;           // nothing stays
    for (const Scorer scorer : {Scorer::kRandom, Scorer::kDynamicVit}) {
      const std::string verdict = compare(spec, dropping(pruning_of(spec, scorer, {30, 0})), ++seed, {8, 16, 2});
      const bool refused = verdict.find("needs a token in front") != std::string::npos;
      EXPECT_EQ(refused, spec.front_tokens() == 0) << front << verdict;
      EXPECT_TRUE(refused || verdict.empty()) << front << verdict;
    }
  }
}

TEST(Networks, TimingModeHasTheCyclesOfTheNumbers) {
  std::vector<Shape> shapes = {{2, 64, 4, 192, 8, ""}, {1, 32, 2, 448, 14, ", \"activation\": \"silu\""}};
  for (const char* front : kFronts) shapes.push_back({2, 48, 3, 96, 12, front});
  for (const Shape& shape : shapes) {
    zoo::ModelSpec spec = spec_of(shape);
    if (spec.front_tokens() != 1) spec.selectors = {2};
    for (const network::Pruning& pruning : {network::Pruning{}, pruning_of(spec, Scorer::kRandom, {20}),
                                            network::Pruning{Scorer::kTome, {1}, {spec.patches() / 2 + 3}}}) {
      if (pruning.tome() && spec.pooling != zoo::Pooling::kClass) continue;
      const uint64_t functional = cycles(spec, pruning, 5, soc::Mode::kFunctional);
      EXPECT_GT(functional, 0U);
      EXPECT_EQ(functional, cycles(spec, pruning, 5, soc::Mode::kTiming)) << zoo::describe(spec);
      if (spec.selectors.empty()) break;
    }
  }
}

}  // namespace
}  // namespace heatvit::testing
