// The whole network against a second, naive computation; bookkeeping; errors; random models.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "integer_naive.h"
#include "models/reference/integer_executor.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::reference {
namespace {

// Small enough for the naive computation: 197 tokens of 32, two heads of 16.
const zoo::ModelSpec kTiny{"tiny", 3, 32, 2, 48, true, 1e-6, {}, 1.0, zoo::Classifier::kOne, 0.875, {2, 3, 3}};
const zoo::ModelSpec kTinyAux{"tiny-aux", 2,        32, 2, 48, false, 1e-5, {}, 2.0, zoo::Classifier::kAuxiliary,
                              0.9,        {1, 2, 2}};
const zoo::ModelSpec kTinyConv{
    "tiny-conv", 1, 32, 2, 48, false, 1e-5, zoo::lv_stem(), 2.0, zoo::Classifier::kAuxiliary, 0.9, {1, 1, 1}};

std::vector<int8_t> noise_image(uint32_t seed) {
  std::vector<int8_t> image(size_t{224} * 224 * 3);
  for (int8_t& v : image) v = static_cast<int8_t>((seed = seed * 1664525U + 1013904223U) >> 24);
  return image;
}

network::Pruning pruning_of(network::Scorer scorer, std::vector<int> positions, std::vector<int> keep) {
  return {scorer, std::move(positions), std::move(keep)};
}

const Checkpoint& checkpoint_of(const IntegerResult& result, const std::string& name) {
  const auto found = std::find_if(result.checkpoints.begin(), result.checkpoints.end(),
                                  [&](const Checkpoint& c) { return c.name == name; });
  if (found == result.checkpoints.end()) throw std::runtime_error("no checkpoint " + name);
  return *found;
}

void expect_same(const network::QuantModel& model, const network::Pruning& pruning) {
  const std::vector<int8_t> image = noise_image(5);
  const IntegerResult result = IntegerExecutor(model, pruning).run(image, 1, true);
  const naive::Result expected = naive::run(model, pruning, image);
  EXPECT_EQ(result.kept, expected.kept);
  std::vector<int16_t> x;
  for (const naive::Row& row : expected.x) x.insert(x.end(), row.begin(), row.end());
  EXPECT_EQ(checkpoint_of(result, "block." + std::to_string(model.spec.depth) + ".out").x, x);
  EXPECT_EQ(result.logits, expected.logits);
}

TEST(Executor, DenseNetworkMatchesTheNaiveComputation) {
  expect_same(network::random_quant_model(kTiny, 1, false), {});
}

TEST(Executor, EightBitResidualMatchesTheNaiveComputation) {
  const network::QuantModel model = network::random_quant_model(kTiny, 2, true, 8);
  expect_same(model, pruning_of(network::Scorer::kHeatvit, {2}, {100}));
}

TEST(Executor, DeltasBelowOneMatchTheNaiveComputation) {
  network::QuantModel model = network::random_quant_model(kTiny, 3, false);
  model.delta1 = model.delta2 = 16384;
  expect_same(model, {});
}

TEST(Executor, LearnedSelectorsMatchTheNaiveComputation) {
  expect_same(network::random_quant_model(kTiny, 4, true), pruning_of(network::Scorer::kHeatvit, {2, 3}, {120, 31}));
}

TEST(Executor, DroppingMatchesTheNaiveComputation) {
  const network::QuantModel model = network::random_quant_model(kTiny, 4, true);
  for (const std::vector<int>& keep : {std::vector<int>{120, 0}, std::vector<int>{}}) {
    network::Pruning pruning = pruning_of(network::Scorer::kHeatvit, {2, 3}, keep);
    pruning.package = false;
    expect_same(model, pruning);
    if (keep.empty()) continue;
    EXPECT_EQ(IntegerExecutor(model, pruning).run(noise_image(5), 1).tokens, (std::vector<int>{197, 121, 1}));
  }
}

TEST(Executor, ThePredictorOfOneHeadIsHeatvitsSelectorOfOneHead) {
  zoo::ModelSpec spec = kTiny;
  spec.heads = 1;
  const network::QuantModel selectors = network::random_quant_model(spec, 4, true);
  network::QuantModel predictors = selectors;
  for (network::QuantSelector& s : predictors.selectors) {  // global features of the same channels as local ones
    network::QuantLinear& local = s.local;
    local.n *= 2;
    for (size_t i = 0, size = local.weight.size(); i < size; ++i) local.weight.push_back(local.weight[i]);
    for (size_t i = 0, size = local.channels.size(); i < size; ++i) local.channels.push_back(local.channels[i]);
    s.head1 = s.head2 = {};
  }
  for (const std::vector<int>& keep : {std::vector<int>{120, 31}, std::vector<int>{}}) {
    network::Pruning one = pruning_of(network::Scorer::kHeatvit, {2, 3}, keep);
    const network::Pruning two = pruning_of(network::Scorer::kDynamicVit, {2, 3}, keep);
    EXPECT_EQ(IntegerExecutor(selectors, one).run(noise_image(5), 1).logits,
              IntegerExecutor(predictors, two).run(noise_image(5), 1).logits);
    EXPECT_THROW(IntegerExecutor(predictors, one), InputError);
    EXPECT_THROW(IntegerExecutor(selectors, two), InputError);
  }
}

TEST(Executor, ThresholdMatchesTheNaiveComputation) {
  const network::QuantModel model = network::random_quant_model(kTiny, 5, true);
  const network::Pruning pruning = pruning_of(network::Scorer::kHeatvit, {1, 3}, {});
  expect_same(model, pruning);
  const size_t kept = IntegerExecutor(model, pruning).run(noise_image(5), 1).kept[0].size();
  EXPECT_GT(kept, 0U);  // the case shows something: some tokens stay, some go
  EXPECT_LT(kept, 196U);
}

TEST(Executor, ClsAttentionAndAuxiliaryHeadMatchTheNaiveComputation) {
  expect_same(network::random_quant_model(kTinyAux, 6, false), pruning_of(network::Scorer::kClsAttention, {2}, {50}));
}

TEST(Executor, EvitMatchesTheNaiveComputation) {
  const network::QuantModel model = network::random_quant_model(kTiny, 16, false);
  const network::Pruning pruning = pruning_of(network::Scorer::kEvit, {1, 2, 3}, {140, 140, 31});
  expect_same(model, pruning);
  const IntegerResult result = IntegerExecutor(model, pruning).run(noise_image(5), 1);
  EXPECT_EQ(result.tokens, (std::vector<int>{197, 142, 142}));  // fewer behind the attention of the block
  // With as many kept as before, the second one drops one of the 140 patches or the fused token.
  EXPECT_EQ(result.kept[1].size(), 140U);
  expect_same(model, pruning_of(network::Scorer::kEvit, {2}, {0}));
  expect_same(model, pruning_of(network::Scorer::kEvit, {1, 3}, {196, 196}));
}

TEST(Executor, TokenMergingMatchesTheNaiveComputation) {
  const network::QuantModel model = network::random_quant_model(kTiny, 18, false);
  const network::Pruning pruning = pruning_of(network::Scorer::kTome, {1, 2, 3}, {98, 71, 71});
  expect_same(model, pruning);
  const IntegerResult result = IntegerExecutor(model, pruning).run(noise_image(5), 1);
  EXPECT_EQ(result.tokens, (std::vector<int>{197, 99, 72}));  // no package
  EXPECT_EQ(result.kept[0].size(), 98U);
  for (size_t i = 0; i < 98; ++i) EXPECT_EQ(result.kept[0][i] % 2, 1) << i;  // all of the second set
  expect_same(model, pruning_of(network::Scorer::kTome, {2}, {183}));
  expect_same(model, pruning_of(network::Scorer::kTome, {1, 3}, {196, 150}));
}

TEST(Executor, MergingNothingIsTheUnprunedNetwork) {
  const network::QuantModel model = network::random_quant_model(kTiny, 19, false);
  const std::vector<int8_t> image = noise_image(7);
  EXPECT_EQ(IntegerExecutor(model, pruning_of(network::Scorer::kTome, {1, 2}, {196, 196})).run(image, 1).logits,
            IntegerExecutor(model, {}).run(image, 1).logits);
}

TEST(Executor, EvitIsOfTheSameBlockAndLeavesTheWeightsAsTheyAre) {
  const network::QuantModel model = network::random_quant_model(kTiny, 17, false);
  const IntegerResult result =
      IntegerExecutor(model, pruning_of(network::Scorer::kEvit, {1}, {100})).run(noise_image(6), 1, true);
  const Checkpoint &in = checkpoint_of(result, "selector.1.in"), &out = checkpoint_of(result, "selector.1.out");
  EXPECT_EQ(in.tokens, 197);
  EXPECT_EQ(out.tokens, 102);
  for (int c = 0; c < model.spec.dim; ++c) {
    double sum = 0;
    for (int patch = 0; patch < 196; ++patch) {
      if (std::binary_search(result.kept[0].begin(), result.kept[0].end(), patch)) continue;
      const auto row = static_cast<size_t>(patch + 1);
      sum += out.scores[row] / 65535.0 / model.spec.heads * in.x[row * static_cast<size_t>(model.spec.dim) + c];
    }
    EXPECT_NEAR(out.x[101U * static_cast<size_t>(model.spec.dim) + c], sum, 0.5001) << c;
  }
}

TEST(Executor, ConvolutionStemMatchesTheNaiveComputationAtTheCorners) {
  network::QuantModel model = network::random_quant_model(kTinyConv, 7, false);
  std::fill(model.position.begin(), model.position.end(), int16_t{0});
  const std::vector<int8_t> image = noise_image(8);
  const IntegerResult result = IntegerExecutor(model, {}).run(image, 1, true);
  const Checkpoint& in = checkpoint_of(result, "block.1.in");
  EXPECT_EQ(std::vector<int16_t>(in.x.begin(), in.x.begin() + 32), model.front);
  for (int patch : {0, 13, 100, 195}) {
    const naive::Row expected = naive::embed_patch(model, image, patch / 14, patch % 14);
    const auto row = in.x.begin() + (1 + patch) * 32;
    EXPECT_EQ(naive::Row(row, row + 32), expected) << "patch " << patch;
  }
}

TEST(Executor, AllPatchesMayGoAndAPackageStays) {
  const network::QuantModel model = network::random_quant_model(kTinyAux, 9, true);
  const network::Pruning pruning = pruning_of(network::Scorer::kHeatvit, {1}, {0});
  expect_same(model, pruning);
  const IntegerResult result = IntegerExecutor(model, pruning).run(noise_image(5), 1);
  EXPECT_EQ(result.tokens, (std::vector<int>{2, 2}));
  // The selector after it has no candidate: a global feature of zeros, and nothing to keep but the package.
  const network::Pruning twice = pruning_of(network::Scorer::kHeatvit, {1, 2}, {0, 0});
  EXPECT_EQ(IntegerExecutor(model, twice).run(noise_image(5), 1).tokens, (std::vector<int>{2, 2}));
}

TEST(Executor, KeepingAllIsTheDenseNetwork) {
  const network::QuantModel model = network::random_quant_model(kTiny, 10, true);
  const IntegerResult dense = IntegerExecutor(model, {}).run(noise_image(1), 1);
  const IntegerResult kept =
      IntegerExecutor(model, pruning_of(network::Scorer::kRandom, {2}, {196})).run(noise_image(1), 1);
  EXPECT_EQ(kept.logits, dense.logits);
  EXPECT_EQ(kept.tokens, dense.tokens);
  EXPECT_EQ(kept.macs, dense.macs);
}

TEST(Executor, KeepsTheBooksOfTokens) {
  const network::QuantModel model = network::random_quant_model(kTiny, 11, false);
  const network::Pruning pruning = pruning_of(network::Scorer::kRandom, {2, 3}, {137, 96});
  const IntegerResult result = IntegerExecutor(model, pruning).run(noise_image(2), 77, true);
  EXPECT_EQ(result.tokens, (std::vector<int>{197, 139, 98}));
  ASSERT_EQ(result.kept.size(), 2U);
  EXPECT_EQ(result.kept[0].size(), 137U);
  EXPECT_EQ(result.kept[1].size(), 96U);
  for (const std::vector<int>& kept : result.kept) {
    EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
    EXPECT_LT(kept.back(), 196);
  }
  EXPECT_TRUE(
      std::includes(result.kept[0].begin(), result.kept[0].end(), result.kept[1].begin(), result.kept[1].end()));

  std::vector<std::string> names;
  for (const Checkpoint& c : result.checkpoints) names.push_back(c.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"block.1.in", "block.1.out", "selector.1.in", "selector.1.out", "block.2.in",
                                      "block.2.out", "selector.2.in", "selector.2.out", "block.3.in", "block.3.out"}));
  EXPECT_EQ(checkpoint_of(result, "selector.2.out").scores.size(), 139U);
  EXPECT_EQ(checkpoint_of(result, "selector.2.out").x, checkpoint_of(result, "block.3.in").x);
  // A kept patch is the row that it was.
  const Checkpoint& before = checkpoint_of(result, "selector.1.in");
  const Checkpoint& after = checkpoint_of(result, "selector.1.out");
  const auto source = before.x.begin() + (1 + result.kept[0][5]) * 32;
  EXPECT_TRUE(std::equal(source, source + 32, after.x.begin() + (1 + 5) * 32));

  const IntegerResult other = IntegerExecutor(model, pruning).run(noise_image(2), 78);
  EXPECT_NE(other.kept, result.kept);
  EXPECT_TRUE(other.checkpoints.empty());
}

TEST(Executor, CountsTheProducts) {
  const network::QuantModel model = network::random_quant_model(kTiny, 12, false);
  const auto block = [](uint64_t t) { return t * (3 * 32 * 32 + 32 * 32 + 2 * 32 * 48) + 2 * t * t * 32; };
  const uint64_t ends = 196 * 768 * 32 + 32 * 1000;
  EXPECT_EQ(IntegerExecutor(model, {}).run(noise_image(3), 1).macs, ends + 3 * block(197));
  const network::Pruning pruning = pruning_of(network::Scorer::kRandom, {2}, {59});
  EXPECT_EQ(IntegerExecutor(model, pruning).run(noise_image(3), 1).macs, ends + block(197) + 2 * block(61));
}

TEST(Executor, DeitTinyHasThePublishedSize) {
  const network::QuantModel model = network::random_quant_model(zoo::find("deit-t"), 1, false);
  EXPECT_NEAR(static_cast<double>(IntegerExecutor(model, {}).run(noise_image(4), 1).macs), 1.254e9, 1e6);
  const network::Pruning pruning = pruning_of(network::Scorer::kClsAttention, {4, 7, 10}, {137, 96, 67});
  EXPECT_NEAR(static_cast<double>(IntegerExecutor(model, pruning).run(noise_image(4), 1).macs), 0.780e9, 1e6);
}

void expect_input_error(const network::QuantModel& model, const network::Pruning& pruning, const std::string& word) {
  try {
    IntegerExecutor executor(model, pruning);
    FAIL() << "accepted, but " << word << " is at fault";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
  }
}

TEST(Executor, RefusesPruningThatTheModelCannotDo) {
  const network::QuantModel bare = network::random_quant_model(kTiny, 13, false);
  expect_input_error(bare, pruning_of(network::Scorer::kHeatvit, {2}, {100}), "0 token selectors");
  expect_input_error(bare, pruning_of(network::Scorer::kClsAttention, {1}, {100}), "block 1");
  expect_input_error(bare, pruning_of(network::Scorer::kClsAttention, {2}, {}), "threshold");
  expect_input_error(bare, pruning_of(network::Scorer::kEvit, {1}, {}), "evit: has no threshold");
  expect_input_error(bare, pruning_of(network::Scorer::kTome, {1}, {}), "tome: has no threshold");
  expect_input_error(bare, pruning_of(network::Scorer::kTome, {1}, {97}), "at most half of them, 98");
  expect_input_error(bare, pruning_of(network::Scorer::kTome, {1, 2}, {120, 59}),
                     "from 120 to 59 patch tokens at selector 2");
  expect_input_error(bare, pruning_of(network::Scorer::kRandom, {2, 2}, {100, 90}), "rise");
  expect_input_error(bare, pruning_of(network::Scorer::kRandom, {4}, {100}), "block 4");
  expect_input_error(bare, pruning_of(network::Scorer::kRandom, {0}, {100}), "block 0");
  expect_input_error(bare, pruning_of(network::Scorer::kRandom, {2, 3}, {100}), "1 keep counts");
  expect_input_error(bare, pruning_of(network::Scorer::kRandom, {2, 3}, {90, 100}), "100");
  expect_input_error(bare, pruning_of(network::Scorer::kRandom, {2}, {197}), "197");
  EXPECT_THROW(IntegerExecutor(bare, {}).run(std::vector<int8_t>(100), 1), InputError);
}

TEST(RandomModel, FillsItsRangesWithoutMassSaturation) {
  for (const char* name : {"deit-t", "lv-vit-s"}) {
    const zoo::ModelSpec& spec = zoo::find(name);
    const network::QuantModel model = network::random_quant_model(spec, 3, true);
    const network::Pruning pruning =
        pruning_of(network::Scorer::kHeatvit, {spec.selectors.begin(), spec.selectors.end()}, {137, 96, 67});
    const IntegerResult result = IntegerExecutor(model, pruning).run(noise_image(6), 1, true);
    for (const Checkpoint& c : result.checkpoints) {
      double squares = 0;
      double saturated = 0;
      for (int16_t v : c.x) {
        squares += double{1} * v * v;
        saturated += v == 32767 || v == -32768;
      }
      const auto count = static_cast<double>(c.x.size());
      EXPECT_GT(std::sqrt(squares / count), 1500) << name << ' ' << c.name;
      EXPECT_LT(saturated / count, 0.01) << name << ' ' << c.name;
      if (c.scores.empty()) continue;
      const auto [low, high] = std::minmax_element(c.scores.begin(), c.scores.end());
      EXPECT_GT(*high - *low, 4096U) << name << ' ' << c.name;
    }
    const auto best = *std::max_element(result.logits.begin(), result.logits.end());
    EXPECT_GT(best, 65536);
    EXPECT_LT(best, 64 * 65536);
  }
}

TEST(RandomModel, DependsOnTheSeedAlone) {
  const network::QuantModel a = network::random_quant_model(kTiny, 20, true);
  const network::QuantModel b = network::random_quant_model(kTiny, 20, true);
  const network::QuantModel c = network::random_quant_model(kTiny, 21, true);
  EXPECT_EQ(a.blocks[1].fc2.weight, b.blocks[1].fc2.weight);
  EXPECT_NE(a.blocks[1].fc2.weight, c.blocks[1].fc2.weight);
  EXPECT_EQ(a.selectors.size(), 3U);
  const IntegerExecutor first(a, {});
  const IntegerExecutor second(b, {});
  EXPECT_EQ(first.run(noise_image(7), 1).logits, second.run(noise_image(7), 1).logits);
}

TEST(RandomModel, RefusesWhatIsNoTransformer) {
  zoo::ModelSpec spec = kTiny;
  spec.dim = 33;
  EXPECT_THROW(network::random_quant_model(spec, 1, false), InputError);
  spec.dim = 36;  // heads of 18
  EXPECT_NO_THROW(network::random_quant_model(spec, 1, false));
  EXPECT_THROW(network::random_quant_model(spec, 1, true), InputError);
  EXPECT_THROW(network::random_quant_model(kTiny, 1, false, 4), InputError);
}

}  // namespace
}  // namespace heatvit::reference
