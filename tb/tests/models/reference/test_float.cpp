// The float executor: its matrix product, its non-linear functions, pruning, and its answers on photographs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <random>
#include <sstream>

#include "accel/isa/errors.h"
#include "models/reference/float_executor.h"
#include "models/reference/float_gemm.h"
#include "models/reference/float_math.h"
#include "models/reference/float_selector.h"

namespace heatvit::reference {
namespace {

std::vector<float> normal_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// Every edge of the tiling: below, at and beyond a panel and a block of rows.
TEST(Gemm, MatchesItsDefinitionAtEveryEdge) {
  for (const int m : {1, 5, 6, 12, 13, 27}) {
    for (const int n : {1, 8, 31, 32, 33, 70}) {
      const int k = 37;
      const std::vector<float> a = normal_values(size_t(m * k), 1), b = normal_values(size_t(n * k), 2);
      const std::vector<float> bias = normal_values(size_t(n), 3);
      std::vector<float> transposed(b.size());
      for (int row = 0; row < n; ++row) {
        for (int i = 0; i < k; ++i) transposed[size_t(i * n + row)] = b[size_t(row * k + i)];
      }
      std::vector<float> c(size_t(m * n)), c2(size_t(m * n));
      sgemm(m, a.data(), k, pack_rows_n(b.data(), n, k, k), bias.data(), c.data(), n);
      sgemm(m, a.data(), k, pack_rows_k(transposed.data(), k, n, n), nullptr, c2.data(), n);
      for (int row = 0; row < m; ++row) {
        for (int column = 0; column < n; ++column) {
          double sum = 0;
          for (int i = 0; i < k; ++i) sum += double{a[size_t(row * k + i)]} * b[size_t(column * k + i)];
          ASSERT_NEAR(c[size_t(row * n + column)], sum + bias[size_t(column)], 1e-4) << m << "x" << n;
          ASSERT_NEAR(c2[size_t(row * n + column)], sum, 1e-4) << m << "x" << n;
        }
      }
    }
  }
}

// Into memory that held another matrix: nothing of it is left, the zeroes behind the last column neither.
TEST(Gemm, PacksIntoUsedMemoryAsIntoNew) {
  const int k = 19;
  PackedMatrix packed;
  for (const int n : {70, 33, 1, 64, 45}) {
    const std::vector<float> b = normal_values(size_t(n * k), static_cast<uint32_t>(n));
    pack_rows_n(b.data(), n, k, k, packed);
    const PackedMatrix fresh = pack_rows_n(b.data(), n, k, k);
    EXPECT_EQ(packed.n, n);
    EXPECT_EQ(packed.k, k);
    EXPECT_EQ(packed.data, fresh.data) << n;
  }
}

TEST(Functions, PolynomialsStayCloseToTheExactFunctions) {
  std::vector<float> x(2001);
  for (size_t i = 0; i < x.size(); ++i) x[i] = -10.0F + 0.01F * static_cast<float>(i);
  std::vector<float> exact_gelu = x, exact_sigmoid = x, exact_softmax = x, gelu_values = x, sigmoid_values = x;
  std::vector<float> softmax_values = x;
  FloatOptions polynomial;
  polynomial.polynomial = true;
  gelu(exact_gelu.data(), x.size(), {});
  gelu(gelu_values.data(), x.size(), polynomial);
  sigmoid(exact_sigmoid.data(), x.size(), {});
  sigmoid(sigmoid_values.data(), x.size(), polynomial);
  softmax(exact_softmax.data(), 2001, false, 1);
  softmax(softmax_values.data(), 2001, true, 1);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(exact_gelu[i], 0.5 * x[i] * (1 + std::erf(x[i] / std::sqrt(2.0))), 1e-5);
    EXPECT_NEAR(gelu_values[i], exact_gelu[i], 0.02);
    EXPECT_NEAR(sigmoid_values[i], exact_sigmoid[i], 0.02);
    EXPECT_NEAR(softmax_values[i], exact_softmax[i], 0.01 * exact_softmax[i] + 1e-9);
  }
}

TEST(Functions, DeltaScalesThePolynomials) {
  std::vector<float> scores = {0.5F, -1.0F, 2.0F};
  softmax(scores.data(), 3, true, 0.5F);
  EXPECT_NEAR(scores[0] + scores[1] + scores[2], 0.5, 1e-6);
  FloatOptions half;
  half.polynomial = true;
  half.delta1 = 0.5F;
  float x = 8.0F;  // beyond the clipping point: x / 2 (1 + delta)
  gelu(&x, 1, half);
  EXPECT_NEAR(x, 6.0, 1e-5);
}

TokenState three_candidates(bool package) {
  TokenState state;
  state.dim = 2;
  state.patches = {3, 5, 9};
  state.package = package;
  state.x = {9, 9, 1, 10, 2, 20, 4, 40};
  if (package) state.x.insert(state.x.end(), {8, 80});
  return state;
}

TEST(Prune, TiesGoToTheLowerIndexAndTheRestIsAveragedByScore) {
  TokenState state = three_candidates(false);
  prune(state, {1, 0.25F, 0.75F, 0.25F}, 2);
  EXPECT_EQ(state.patches, (std::vector<int>{3, 5}));
  EXPECT_EQ(state.x, (std::vector<float>{9, 9, 1, 10, 2, 20, 4, 40}));  // one dropped: itself
  EXPECT_TRUE(state.package);

  state = three_candidates(false);
  prune(state, {0, 0.25F, 0.75F, 0.5F}, 1);
  EXPECT_EQ(state.patches, (std::vector<int>{5}));
  EXPECT_NEAR(state.x[4], (0.25 * 1 + 0.5 * 4) / 0.75, 1e-6);
  EXPECT_NEAR(state.x[5], (0.25 * 10 + 0.5 * 40) / 0.75, 1e-5);
}

TEST(Prune, AnEarlierPackageJoinsAndZeroScoresMeanThePlainMean) {
  TokenState state = three_candidates(true);
  prune(state, {1, 0, 1, 1, 0}, 2);
  EXPECT_EQ(state.patches, (std::vector<int>{5, 9}));
  EXPECT_NEAR(state.x[6], (1.0 + 8.0) / 2, 1e-6);  // dropped token 1 and package 8
  EXPECT_EQ(state.tokens(), 4);
}

TEST(Prune, ThresholdKeepsAHalfAndMore) {
  TokenState state = three_candidates(false);
  prune(state, {1, 32768.0F / 65535.0F, 32767.0F / 65535.0F, 1.0F}, -1);
  EXPECT_EQ(state.patches, (std::vector<int>{3, 9}));
  prune(state, {1, 1, 1, 1}, -1);
  EXPECT_TRUE(state.package);  // once there, it stays
  state = three_candidates(false);
  prune(state, {1, 1, 1, 1}, -1);
  EXPECT_FALSE(state.package);
}

TEST(RandomScorer, FollowsXorshift32) {
  // Seed 1, stage 1: state 0x9E3779BA; one step by hand in 64-bit arithmetic.
  uint64_t x = 0x9E3779BAU;
  x = (x ^ (x << 13)) & 0xFFFFFFFFU;
  x ^= x >> 17;
  x = (x ^ (x << 5)) & 0xFFFFFFFFU;
  EXPECT_FLOAT_EQ(random_scores(1, 1, 2)[0], static_cast<float>(x >> 16) / 65535.0F);
  // The seed that would make the state zero starts from one: x = 1 gives 270369.
  EXPECT_FLOAT_EQ(random_scores(0U - 0x9E3779B9U, 1, 1)[0], static_cast<float>(270369 >> 16) / 65535.0F);
}

class Synthetic : public testing::Test {
 protected:
  static const network::FloatModel& tiny() {
    static const network::FloatModel model =
        network::load_float_model(*weights::open_weights("synthetic:3"), zoo::find("deit-t"));
    return model;
  }
};

// What calibration sees is what the network computes: queries, keys and values apart, and the stream at every point.
TEST_F(Synthetic, TheObserverIsToldWhatIsComputed) {
  std::map<std::string, std::vector<float>> told;
  int streams = 0;
  const FloatExecutor executor(tiny(), {network::Scorer::kRandom, {4, 7, 10}, {100, 50, 20}});
  executor.run(preprocess::synthetic_image(1), 0, [&](const std::string& tensor, const float* data, size_t count) {
    streams += tensor == "residual";
    told[tensor].assign(data, data + count);
  });
  EXPECT_EQ(streams, 1 + 2 * tiny().spec.depth + 3);  // the embedding, two branches a block, three selectors
  const size_t dim = size_t(tiny().spec.dim);
  const network::FloatLinear& qkv = tiny().blocks[1].qkv;
  const std::vector<float>& in = told.at("block.2.qkv.in");
  const char* const parts[] = {"q", "k", "v"};
  for (size_t part = 0; part < 3; ++part) {
    const std::vector<float>& got = told.at(std::string("block.2.") + parts[part]);
    ASSERT_EQ(got.size(), in.size());
    for (const size_t token : std::initializer_list<size_t>{0, 1, 5, 196}) {
      for (size_t c = 0; c < dim; c += 37) {
        const size_t row = part * dim + c;
        double sum = double{qkv.bias[row]};
        for (size_t k = 0; k < dim; ++k) sum += double{in[token * dim + k]} * qkv.weight[row * dim + k];
        EXPECT_NEAR(got[token * dim + c], sum, 1e-4) << parts[part] << " of token " << token;
      }
    }
  }
  // GELU goes from what fc1 gives to what fc2 takes.
  std::vector<float> hidden = told.at("block.2.fc1.out");
  gelu(hidden.data(), hidden.size(), {});
  EXPECT_EQ(hidden, told.at("block.2.fc2.in"));
}

TEST(Functions, LayerNormDividesByVarianceAndEpsilon) {
  const network::FloatNorm plain{{1, 1}, {0, 0}};
  const std::vector<float> rows = layer_norm(std::vector<float>{1e-3F, -1e-3F, 5, 5}.data(), 2, 2, plain, 1e-6);
  EXPECT_NEAR(rows[0], 1 / std::sqrt(2.0), 1e-5);
  EXPECT_NEAR(rows[1], -1 / std::sqrt(2.0), 1e-5);
  EXPECT_EQ(rows[2], 0);
}

using Rows = std::vector<std::vector<double>>;

Rows through(const Rows& in, const network::FloatLinear& layer) {
  Rows out;
  for (const std::vector<double>& row : in) {
    std::vector<double> values(layer.bias.begin(), layer.bias.end());
    for (int i = 0; i < layer.n; ++i)
      for (int k = 0; k < layer.k; ++k)
        values[size_t(i)] += double{layer.weight[size_t(i * layer.k + k)]} * row[size_t(k)];
    out.push_back(values);
  }
  return out;
}

Rows bent(Rows rows) {  // GELU
  for (std::vector<double>& row : rows)
    for (double& x : row) x *= 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
  return rows;
}

network::FloatLinear random_layer(int n, int k, uint32_t seed) {
  return {n, k, normal_values(size_t(n * k), seed), normal_values(size_t(n), seed + 100)};
}

// Section 8 of docs/numerics.md written out a second time, over CLS, five candidates and a package.
TEST(Selector, ScoresAreTheirDefinition) {
  const int heads = 4, d = 8, half = d / 2, candidates = 5, tokens = candidates + 2;
  zoo::ModelSpec spec;
  spec.dim = heads * d, spec.heads = heads, spec.ln_eps = 1e-6F;
  network::FloatSelector weights;
  weights.norm = {normal_values(size_t(d), 1), normal_values(size_t(d), 2)};
  weights.local = random_layer(half, d, 3), weights.mlp1 = random_layer(half, d, 4);
  weights.mlp2 = random_layer(d / 4, half, 5), weights.keep = random_layer(2, d / 4, 6);
  weights.head1 = random_layer(heads / 2, heads, 7), weights.head2 = random_layer(heads, heads / 2, 8);
  TokenState state;
  state.dim = spec.dim, state.package = true;
  state.x = normal_values(size_t(tokens * spec.dim), 9);
  state.patches.assign(size_t(candidates), 0);

  Rows normed, means;
  for (int t = 0; t < tokens; ++t) {
    means.emplace_back();
    for (int h = 0; h < heads; ++h) {
      const float* x = state.x.data() + t * spec.dim + h * d;
      double mean = 0, square = 0;
      for (int i = 0; i < d; ++i) mean += double{x[i]} / d;
      for (int i = 0; i < d; ++i) square += (x[i] - mean) * (x[i] - mean) / d;
      means.back().push_back(mean);
      normed.emplace_back();
      for (int i = 0; i < d; ++i)
        normed.back().push_back((x[i] - mean) / std::sqrt(square + spec.ln_eps) * weights.norm.gamma[size_t(i)] +
                                weights.norm.beta[size_t(i)]);
    }
  }
  Rows features = bent(through(normed, weights.local));
  for (int h = 0; h < heads; ++h) {
    std::vector<double> global(size_t(half), 0.0);
    for (int t = 1; t <= candidates; ++t)
      for (int i = 0; i < half; ++i) global[size_t(i)] += features[size_t(t * heads + h)][size_t(i)] / candidates;
    for (int t = 0; t < tokens; ++t) {
      std::vector<double>& row = features[size_t(t * heads + h)];
      row.insert(row.end(), global.begin(), global.end());
    }
  }
  const Rows keep = through(bent(through(bent(through(features, weights.mlp1)), weights.mlp2)), weights.keep);
  const Rows weight = through(bent(through(means, weights.head1)), weights.head2);
  const std::vector<float> scores = selector_scores(PackedSelector(weights), state, spec, {}, "", {});
  ASSERT_EQ(scores.size(), size_t(tokens));
  for (int t = 0; t < tokens; ++t) {
    double sum = 0, all = 0;
    for (int h = 0; h < heads; ++h) {
      const std::vector<double>& logits = keep[size_t(t * heads + h)];
      const double of_head = 1 / (1 + std::exp(-weight[size_t(t)][size_t(h)]));
      sum += of_head / (1 + std::exp(logits[1] - logits[0]));
      all += of_head;
    }
    EXPECT_NEAR(scores[size_t(t)], sum / all, 1e-5) << t;
  }
}

// EViT's second selection: the token that was fused before is a candidate and may go into the next one.
TEST(Selector, AFusedTokenIsACandidateAndThenNoPackage) {
  TokenState state;
  state.dim = 1;
  state.x = {9, 1, 2, 3, 4};  // CLS, patches 5, 6, 7, and what was fused
  state.patches = {5, 6, 7};
  state.package = true;
  prune(state, {0, 0.1F, 0.4F, 0.2F, 0.3F}, 2, 0.5F, 196);
  EXPECT_EQ(state.patches, (std::vector<int>{6, 196}));
  ASSERT_EQ(state.x.size(), 4U);
  EXPECT_EQ(state.x[1], 2);
  EXPECT_EQ(state.x[2], 4);
  EXPECT_NEAR(state.x[3], (0.1 * 1 + 0.2 * 3) / 0.5, 1e-6);
  EXPECT_TRUE(state.package);

  TokenState all = {1, 1, {9, 1, 2}, {5}, true, {}};
  prune(all, {0, 0.1F, 0.4F}, 2, 0.5F, 196);
  EXPECT_EQ(all.x, (std::vector<float>{9, 1, 2}));
  EXPECT_FALSE(all.package);
}

TEST_F(Synthetic, TokensFollowThePruningOfEachScorer) {
  const preprocess::Image image = preprocess::synthetic_image(1);
  network::FloatModel model = tiny();
  model.selectors = network::load_float_selectors(*weights::open_weights("synthetic:4"), model.spec, 3);
  for (const network::Scorer scorer :
       {network::Scorer::kHeatvit, network::Scorer::kClsAttention, network::Scorer::kRandom}) {
    const FloatResult result = FloatExecutor(model, {scorer, {4, 7, 10}, {137, 96, 67}}).run(image, 7);
    EXPECT_EQ(result.tokens, (std::vector<int>{197, 197, 197, 139, 139, 139, 98, 98, 98, 69, 69, 69}));
    ASSERT_EQ(result.kept.size(), 3U);
    for (size_t stage = 0; stage < 3; ++stage) {
      const std::vector<int>& kept = result.kept[stage];
      EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
      if (stage > 0) {
        EXPECT_TRUE(
            std::includes(result.kept[stage - 1].begin(), result.kept[stage - 1].end(), kept.begin(), kept.end()));
      }
    }
  }
}

TEST_F(Synthetic, EvitDropsBehindTheAttentionAndRanksItsFusedToken) {
  const preprocess::Image image = preprocess::synthetic_image(1);
  const FloatResult result = FloatExecutor(tiny(), {network::Scorer::kEvit, {1, 4, 7}, {138, 98, 98}}).run(image, 7);
  EXPECT_EQ(result.tokens, (std::vector<int>{197, 140, 140, 140, 100, 100, 100, 100, 100, 100, 100, 100}));
  for (const std::vector<int>& kept : result.kept) EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
  EXPECT_EQ(result.kept[2].size(), 98U);  // of 98 patches and tokens that were fused
}

TEST_F(Synthetic, MergingHalvesTokensAndMergingNothingChangesNothing) {
  const preprocess::Image image = preprocess::synthetic_image(1);
  const FloatResult result = FloatExecutor(tiny(), {network::Scorer::kTome, {1, 4}, {98, 60}}).run(image, 7);
  EXPECT_EQ(result.tokens, (std::vector<int>{197, 99, 99, 99, 61, 61, 61, 61, 61, 61, 61, 61}));
  for (const int patch : result.kept[0]) EXPECT_EQ(patch % 2, 1);
  EXPECT_EQ(FloatExecutor(tiny(), {network::Scorer::kTome, {1}, {196}}).run(image, 7).logits,
            FloatExecutor(tiny(), {}).run(image, 7).logits);
}

TEST_F(Synthetic, ARunStoppedBeforeASelectorHasRunIt) {
  FloatOptions options;
  options.blocks = 3;
  const FloatResult result = FloatExecutor(tiny(), {network::Scorer::kRandom, {4, 7}, {100, 50}}, options)
                                 .run(preprocess::synthetic_image(1), 7);
  EXPECT_EQ(result.tokens.size(), 3U);
  EXPECT_EQ(result.kept.size(), 1U);
  EXPECT_TRUE(result.logits.empty());
}

TEST_F(Synthetic, WhatPruningLacksIsAnInputError) {
  EXPECT_THROW(FloatExecutor(tiny(), {network::Scorer::kHeatvit, {4}, {100}}), InputError);
  EXPECT_THROW(FloatExecutor(tiny(), {network::Scorer::kClsAttention, {1}, {100}}), InputError);
  EXPECT_THROW(FloatExecutor(tiny(), {network::Scorer::kRandom, {7, 4}, {100, 50}}), InputError);
  EXPECT_THROW(FloatExecutor(tiny(), {network::Scorer::kRandom, {4, 13}, {100, 50}}), InputError);
  EXPECT_THROW(FloatExecutor(tiny(), {network::Scorer::kRandom, {4, 7}, {100}}), InputError);
  EXPECT_THROW(FloatExecutor(tiny()).run(preprocess::Image{}), InputError);
}

TEST_F(Synthetic, LvVitAddsHalfOfTheAuxiliaryMaximum) {
  network::FloatModel model = network::load_float_model(*weights::open_weights("synthetic:3"), zoo::find("lv-vit-s"));
  ASSERT_EQ(model.stem.size(), 3U);
  EXPECT_EQ(model.stem[0].out_size, 112);
  const preprocess::Image image = preprocess::synthetic_image(2);
  const FloatResult with = FloatExecutor(model).run(image);
  std::fill(model.aux_head.weight.begin(), model.aux_head.weight.end(), 0.0F);
  std::fill(model.aux_head.bias.begin(), model.aux_head.bias.end(), 3.0F);
  const FloatResult flat = FloatExecutor(model).run(image);
  std::fill(model.aux_head.bias.begin(), model.aux_head.bias.end(), 0.0F);
  const FloatResult without = FloatExecutor(model).run(image);
  double largest = 0;
  for (size_t c = 0; c < with.logits.size(); ++c) {
    EXPECT_NEAR(flat.logits[c], without.logits[c] + 1.5, 1e-4);
    largest = std::max(largest, std::fabs(double{with.logits[c]} - without.logits[c]));
  }
  EXPECT_GT(largest, 0.1);
}

// float32_reference.csv: an independent implementation's five best classes and logits.
TEST(Photographs, AgreeWithTheIndependentReference) {
  const char* given = std::getenv("HEATVIT_DATA");
  const char* home = std::getenv("HEATVIT_HOME");
  const std::filesystem::path data = given != nullptr
                                         ? std::filesystem::path(given)
                                         : std::filesystem::path(home != nullptr ? home : ".") / "../shared/data";
  std::ifstream file(data / "float32_reference.csv");
  if (!file) GTEST_SKIP() << "no data folder: set HEATVIT_DATA (float32_reference.csv)";
  const auto source = weights::open_weights((data / "weights/deit_tiny_patch16_224.safetensors").string());
  const network::FloatModel model = network::load_float_model(*source, zoo::find("deit-t"));
  const FloatExecutor executor(model);
  std::string line;
  std::getline(file, line);
  double difference = 0;
  int agree = 0, images = 0;
  for (int row = 0; std::getline(file, line); ++row) {
    if (row % 50 != 0) continue;
    std::istringstream fields(line);
    std::string name, field;
    std::getline(fields, name, ',');
    std::getline(fields, field, ',');
    const FloatResult result = executor.run(preprocess::load_image((data / "images" / name).string(), model.spec.crop));
    for (int rank = 0; rank < 5; ++rank) {
      std::getline(fields, field, ',');
      const size_t label = std::stoul(field);
      std::getline(fields, field, ',');
      difference += std::fabs(result.logits[label] - std::stod(field)) / 5;
      if (rank == 0) agree += *std::max_element(result.logits.begin(), result.logits.end()) == result.logits[label];
    }
    ++images;
  }
  ASSERT_EQ(images, 10);
  EXPECT_GE(agree, 9);
  EXPECT_LT(difference / images, 0.05);  // logits reach 8; preprocessing differs in a level here and there
}

}  // namespace
}  // namespace heatvit::reference
