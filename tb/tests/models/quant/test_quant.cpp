// Quantisation: the requantisation rule, error bounds of weights and norms, the folded embedding, calibration.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "accel/isa/errors.h"
#include "models/network/sketch.h"
#include "models/quant/calibration.h"
#include "models/quant/prepare.h"
#include "models/quant/quantize.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::quant {
namespace {

using tests::TemporaryFolder;

TEST(Requantisation, TakesTheLargestShiftThatFits) {
  for (double ratio = 1e-12; ratio < 32767; ratio *= 1.37) {
    const network::Requant requant = requant_for(ratio, "test");
    ASSERT_GE(requant.shift, 1);
    ASSERT_LE(requant.shift, 62);
    EXPECT_EQ(std::round(std::ldexp(ratio, requant.shift)), requant.multiplier) << ratio;
    if (requant.shift < 62) {
      EXPECT_GT(std::round(std::ldexp(ratio, requant.shift + 1)), 65535) << ratio;
      EXPECT_NEAR(std::ldexp(requant.multiplier, -requant.shift) / ratio, 1.0, 1.0 / 65536) << ratio;
    }
  }
}

TEST(Requantisation, HoldsAtItsEdges) {
  EXPECT_EQ(requant_for(1.0, "one").multiplier, 32768);
  EXPECT_EQ(requant_for(1.0, "one").shift, 15);
  // 0.999999 x 2^16 rounds to 65536, which does not fit: one bit less.
  EXPECT_EQ(requant_for(0.999999, "nearly one").multiplier, 32768);
  EXPECT_EQ(requant_for(0.999999, "nearly one").shift, 15);
  EXPECT_EQ(requant_for(32767.5, "largest").multiplier, 65535);
  EXPECT_EQ(requant_for(32767.5, "largest").shift, 1);
  EXPECT_EQ(requant_for(0.0, "zero").multiplier, 0);
  EXPECT_THROW(requant_for(32768, "too large"), InputError);
  EXPECT_THROW(requant_for(-1, "negative"), InputError);
  EXPECT_THROW(requant_for(std::nan(""), "no number"), InputError);
}

network::FloatLinear sample_linear() {
  const auto source = weights::open_weights("synthetic:11");
  return {6, 96, source->read("l.weight", {6, 96}), source->read("l.bias", {6})};
}

TEST(Linear, DequantisesToWithinHalfAStep) {
  const network::FloatLinear linear = sample_linear();
  const double in_scale = 0.05, out_scale = 0.02;
  const network::QuantLinear quantised = quantize_linear(linear, in_scale, {out_scale}, "test");
  for (size_t row = 0; row < 6; ++row) {
    const float* weight = linear.weight.data() + row * 96;
    const int16_t* q = quantised.weight.data() + row * 96;
    float top = 0;
    int q_top = 0;
    for (int i = 0; i < 96; ++i) {
      top = std::max(top, std::fabs(weight[i]));
      q_top = std::max(q_top, std::abs(int{q[i]}));
    }
    const double scale = top / 127.0;
    EXPECT_EQ(q_top, 127);
    for (int i = 0; i < 96; ++i) EXPECT_NEAR(q[i] * scale, weight[i], scale * 0.5001);
    const isa::ChannelRecord& channel = quantised.channels[row];
    EXPECT_NEAR(channel.bias * in_scale * scale, linear.bias[row], in_scale * scale * 0.5001);
    EXPECT_NEAR(std::ldexp(channel.multiplier, -channel.shift), in_scale * scale / out_scale, 1e-4 * scale);
  }
}

TEST(Linear, OutputScalesOfQkvAreOfTheirOwnRows) {
  const network::FloatLinear linear = sample_linear();
  const network::QuantLinear one = quantize_linear(linear, 0.05, {0.02}, "test");
  const network::QuantLinear three = quantize_linear(linear, 0.05, {0.02, 0.04, 0.08}, "test");
  for (size_t row = 0; row < 6; ++row) {
    EXPECT_EQ(three.channels[row].shift, one.channels[row].shift + static_cast<int>(row / 2));
    EXPECT_EQ(three.channels[row].multiplier, one.channels[row].multiplier);
  }
}

TEST(Linear, ARowOfZerosKeepsItsBias) {
  network::FloatLinear linear = sample_linear();
  std::fill_n(linear.weight.begin(), 96, 0.0F);
  linear.bias[0] = 1.5F;
  const network::QuantLinear quantised = quantize_linear(linear, 0.05, {0.02}, "test");
  const isa::ChannelRecord& channel = quantised.channels[0];
  const double out = channel.bias * std::ldexp(channel.multiplier, -channel.shift) * 0.02;
  EXPECT_NEAR(out, 1.5, 1e-3);
}

TEST(LayerNorm, RecordsUseTheirRangeAndReturnTheParameters) {
  const auto source = weights::open_weights("synthetic:12");
  const network::FloatNorm norm{source->read("norm.weight", {64}), source->read("norm.bias", {64})};
  const network::QuantLayerNorm quantised = quantize_norm(norm, 1e-6, 1e-3, 0.03);
  int top = 0;
  for (size_t i = 0; i < 64; ++i) {
    const isa::NormRecord& record = quantised.channels[i];
    top = std::max(top, std::abs(int{record.gamma}));
    EXPECT_NEAR(std::ldexp(record.gamma * 4096.0 * 0.03, -quantised.shift), norm.gamma[i], 1e-4);
    EXPECT_NEAR(std::ldexp(record.beta * 0.03, -quantised.shift), norm.beta[i], 1e-6);
  }
  EXPECT_GT(top, 16383);                // one bit more would not fit
  EXPECT_EQ(quantised.epsilon, 4096U);  // 64^2 x 1e-6 / 1e-6
  EXPECT_EQ(quantize_norm(norm, 1e-12, 1.0, 0.03).epsilon, 1U);
}

TEST(LayerNorm, ALargeBetaLimitsTheShift) {
  const network::FloatNorm norm{{0.001F}, {100.0F}};
  const network::QuantLayerNorm quantised = quantize_norm(norm, 1e-6, 1e-3, 0.01);
  EXPECT_NEAR(std::ldexp(quantised.channels[0].beta * 0.01, -quantised.shift), 100.0, 1e-6);
  EXPECT_GT(quantised.channels[0].beta, 1 << 30);
}

class Tiny : public testing::Test {
 protected:
  static const network::FloatModel& model() {
    static const network::FloatModel model =
        network::load_float_model(*weights::open_weights("synthetic:5"), zoo::find("deit-t"));
    return model;
  }
};

// Pixels, mean, deviation and the order of k: the integer embedding against the float one, on every token.
TEST_F(Tiny, TheFoldedEmbeddingIsTheFloatEmbedding) {
  const preprocess::Image image = preprocess::synthetic_image(9);
  reference::FloatOptions options;
  options.blocks = 0;
  std::vector<float> expected;
  reference::FloatExecutor(model(), {}, options).run(image, 0, [&](const std::string&, const float* x, size_t count) {
    expected.assign(x, x + count);
  });
  const network::QuantModel quantised = build(model(), calibrate(model(), {image}), {});
  const std::vector<int8_t> pixels = preprocess::to_int8(image);
  const size_t dim = 192;
  for (size_t c = 0; c < dim; ++c) EXPECT_NEAR(quantised.front[c] * quantised.residual_scale, expected[c], 1e-3);
  double worst = 0;
  for (size_t patch = 0; patch < size_t(model().spec.patches()); ++patch) {
    for (size_t c = 0; c < dim; ++c) {
      const isa::ChannelRecord& channel = quantised.embed.channels[c];
      int64_t sum = channel.bias;
      for (size_t k = 0; k < 768; ++k) {
        const size_t y = patch / 14 * 16 + k / 48, x = patch % 14 * 16 + k % 48 / 3;
        sum += int64_t{pixels[(y * 224 + x) * 3 + k % 3]} * quantised.embed.weight[c * 768 + k];
      }
      const double value = std::ldexp(static_cast<double>(sum) * channel.multiplier, -channel.shift);
      const double got = (value + quantised.position[patch * dim + c]) * quantised.residual_scale;
      worst = std::max(worst, std::fabs(got - double{expected[(patch + 1) * dim + c]}));
    }
  }
  EXPECT_LT(worst, 0.05);  // weights of 8 bits, values around 1
}

TEST_F(Tiny, CalibrationNamesEveryTensorAndFollowsItsRule) {
  const std::vector<preprocess::Image> images = {preprocess::synthetic_image(1)};
  const network::Ranges maxima = calibrate(model(), images, {}, {}, {});
  std::set<std::string> names = {"residual", "head.in"};
  for (int block = 1; block <= 12; ++block) {
    for (const char* tensor : {"qkv.in", "q", "k", "v", "proj.in", "fc1.in", "fc2.in"}) {
      names.insert("block." + std::to_string(block) + "." + tensor);
    }
  }
  std::set<std::string> got;
  for (const auto& [name, range] : maxima) got.insert(name);
  EXPECT_EQ(got, names);

  const network::Ranges clipped = calibrate(model(), images, {}, {},
                                            {{".fc2.in", RangeRule::kPercentile, 99.0},
                                             {".v", RangeRule::kLeastError, 100.0},
                                             {"residual", RangeRule::kPercentile, 50.0}});
  for (const auto& [name, range] : maxima) {
    const bool percentile = name.find(".fc2.in") != std::string::npos;
    const bool least_error = name.size() > 2 && name.substr(name.size() - 2) == ".v";
    if (percentile) {
      EXPECT_LT(clipped.at(name), 0.9 * range) << name;
    } else if (least_error) {
      EXPECT_LE(clipped.at(name), range) << name;
    } else {
      EXPECT_EQ(clipped.at(name), range) << name;
    }
  }
}

// Between two tensors of known scales the factor is their ratio, whatever it is called.
TEST_F(Tiny, EveryRequantisationIsTheRatioOfItsScales) {
  const std::vector<preprocess::Image> images = {preprocess::synthetic_image(1)};
  network::FloatModel pruned = model();
  add_random_selectors(pruned, 3, images);
  const network::Ranges ranges = calibrate(pruned, images, {network::Scorer::kHeatvit, {4, 7, 10}, {}});
  const network::QuantModel quantised = build(pruned, ranges, {});
  const auto scale = [&](const std::string& tensor) { return scale_of(ranges, tensor); };
  const auto expect = [](const network::Requant& got, double ratio, const std::string& what) {
    EXPECT_NEAR(std::ldexp(got.multiplier, -got.shift) / ratio, 1, 1e-4) << what;
  };
  // Of a matrix: a channel's weights have a scale of their own, its largest is 127.
  const auto expect_linear = [&](const network::QuantLinear& got, const network::FloatLinear& from, double in,
                                 const std::vector<double>& out, const std::string& what) {
    for (int n = 0; n < from.n; ++n) {
      float top = 0;
      for (int k = 0; k < from.k; ++k) top = std::max(top, std::fabs(from.weight[static_cast<size_t>(n * from.k + k)]));
      const isa::ChannelRecord& channel = got.channels[static_cast<size_t>(n)];
      const double to = out[static_cast<size_t>(n) * out.size() / static_cast<size_t>(from.n)];
      expect({channel.multiplier, channel.shift}, in * top / 127 / to, what + ", channel " + std::to_string(n));
    }
  };
  const int head_dim = pruned.spec.head_dim();
  for (size_t i = 0; i < quantised.selectors.size(); ++i) {
    const network::QuantSelector& s = quantised.selectors[i];
    const std::string name = "selector." + std::to_string(i + 1) + ".";
    expect(s.local_gelu, kGeluOutScale / scale(name + "mlp1.in"), name + "local");
    expect(s.mlp1_gelu, kGeluOutScale / scale(name + "mlp2.in"), name + "mlp1");
    expect(s.mlp2_gelu, kGeluOutScale / scale(name + "keep.in"), name + "mlp2");
    expect(s.head_mean, quantised.residual_scale / head_dim / scale(name + "head1.in"), name + "head_mean");
    expect(s.head1_gelu, kGeluOutScale / scale(name + "head2.in"), name + "head1");
    const network::FloatSelector& from = pruned.selectors[i];
    expect_linear(s.local, from.local, scale(name + "local.in"), {kGeluInScale}, name + "local");
    expect_linear(s.mlp1, from.mlp1, scale(name + "mlp1.in"), {kGeluInScale}, name + "mlp1");
    expect_linear(s.mlp2, from.mlp2, scale(name + "mlp2.in"), {kGeluInScale}, name + "mlp2");
    expect_linear(s.keep, from.keep, scale(name + "keep.in"), {kScoreScale}, name + "keep");
    expect_linear(s.head1, from.head1, scale(name + "head1.in"), {kGeluInScale}, name + "head1");
    expect_linear(s.head2, from.head2, scale(name + "head2.in"), {1.0 / 4096}, name + "head2");  // Q12
  }
  EXPECT_EQ(quantised.selectors.size(), 3U);
  for (size_t i = 0; i < quantised.blocks.size(); ++i) {
    const network::QuantBlock& b = quantised.blocks[i];
    const std::string name = "block." + std::to_string(i + 1) + ".";
    expect(b.scores, scale(name + "q") * scale(name + "k") / std::sqrt(head_dim) / kScoreScale, name + "scores");
    expect(b.attend, probability_scale(8) * scale(name + "v") / scale(name + "proj.in"), name + "attend");
    expect(b.gelu, kGeluOutScale / scale(name + "fc2.in"), name + "gelu");
    network::FloatBlock own;
    const network::FloatBlock& from = pruned.block(static_cast<int>(i), own);
    const double stream = quantised.residual_scale * pruned.spec.residual_divisor;
    expect_linear(b.qkv, from.qkv, scale(name + "qkv.in"), {scale(name + "q"), scale(name + "k"), scale(name + "v")},
                  name + "qkv");
    expect_linear(b.proj, from.proj, scale(name + "proj.in"), {stream}, name + "proj");
    expect_linear(b.fc1, from.fc1, scale(name + "fc1.in"), {kGeluInScale}, name + "fc1");
    expect_linear(b.fc2, from.fc2, scale(name + "fc2.in"), {stream}, name + "fc2");
  }
}

TEST_F(Tiny, WhatDoesNotFitIsAnInputError) {
  network::Ranges ranges = calibrate(model(), {preprocess::synthetic_image(1)});
  EXPECT_THROW(build(model(), ranges, {1.0, 1.0, 12}), InputError);
  EXPECT_THROW(build(model(), ranges, {1.5, 1.0, 16}), InputError);
  ranges["block.3.fc2.in"] = 0;
  EXPECT_THROW(build(model(), ranges, {}), InputError);
  ranges.erase("block.3.fc2.in");
  try {
    build(model(), ranges, {});
    FAIL() << "a range is missing";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("block.3.fc2.in"), std::string::npos);
  }
}

TEST_F(Tiny, AnEightBitStreamHasItsRowsInEightBits) {
  const network::QuantModel quantised =
      build(model(), calibrate(model(), {preprocess::synthetic_image(1)}), {0.5, 0.25, 8});
  EXPECT_EQ(quantised.residual_bits, 8);
  EXPECT_EQ(quantised.delta1, 16384);
  EXPECT_EQ(quantised.delta2, 8192);
  for (const int16_t value : quantised.position) ASSERT_LE(std::abs(int{value}), 127);
}

// The same weights in other words, rounded otherwise, are still those that ranges were made from; others are not,
// though they compute the same function: a factor moved from one layer into the next moves the activations between.
TEST_F(Tiny, TheSketchKnowsWeightsUpToRounding) {
  const network::Sketch sketch = network::sketch_of(model());
  network::FloatModel other = model();
  for (network::FloatBlock& block : other.blocks)
    for (float& weight : block.proj.weight) weight = weight * 0.37F / 0.37F;
  EXPECT_TRUE(network::same_weights(sketch, network::sketch_of(other)));
  EXPECT_FALSE(network::same_weights(sketch, {}));
  std::fill(other.blocks[0].proj.bias.begin(), other.blocks[0].proj.bias.end(), 0.0F);  // has no direction
  EXPECT_TRUE(network::same_weights(network::sketch_of(other), network::sketch_of(other)));
  // Files have it: it stays what it was.
  const network::Sketch written = {4.736981,   -13.052783, -48.142294, -43.137169,
                                   -53.718007, -8.259941,  42.753386,  -11.950109};
  EXPECT_TRUE(network::same_weights(sketch, written));

  const auto changed = [&](auto&& change) {
    network::FloatModel copy = model();
    change(copy);
    return !network::same_weights(sketch, network::sketch_of(copy));
  };
  EXPECT_TRUE(changed([](network::FloatModel& m) {
    for (float& gamma : m.blocks[3].norm2.gamma) gamma *= 1.01F;
    for (float& beta : m.blocks[3].norm2.beta) beta *= 1.01F;
    for (float& weight : m.blocks[3].fc1.weight) weight /= 1.01F;
  }));
  EXPECT_TRUE(changed([](network::FloatModel& m) { std::swap(m.blocks[2], m.blocks[7]); }));
  EXPECT_TRUE(changed([](network::FloatModel& m) { m.blocks[11].fc2.bias[5] += 0.01F; }));
  EXPECT_TRUE(changed([](network::FloatModel& m) { std::swap(m.position[0], m.position[1]); }));
}

TEST(RangesFile, RoundTripAndRefusals) {
  const TemporaryFolder folder;
  const zoo::ModelSpec& spec = zoo::find("deit-t");
  const network::Ranges ranges = {{"residual", 28.5}, {"block.1.q", 0.125}};
  const std::string path = folder.path("r.json");
  const network::Corrections corrections = {{"block.1.fc2.out", {0.25F, -0.5F}}};
  write_calibration(path, spec, "a test", {ranges, corrections, {}, {}});
  EXPECT_EQ(read_calibration(path, spec).ranges, ranges);
  EXPECT_EQ(read_calibration(path, spec).corrections, corrections);
  EXPECT_EQ(folder.entries(), 1U);  // no temporary file left
  network::Calibration sketched = {ranges, corrections, {}, {}};
  sketched.sketch = {1.5, -2, 3, 4, 5, 6, 7, 8};
  write_calibration(path, spec, "a test", sketched);
  EXPECT_EQ(read_calibration(path, spec).sketch, sketched.sketch);
  EXPECT_THROW(read_calibration(path, zoo::find("deit-s")), InputError);
  EXPECT_THROW(read_calibration(folder.path("missing.json"), spec), InputError);
  EXPECT_THROW(write_calibration(folder.path("no/such/folder/r.json"), spec, "a test", {ranges, {}, {}, {}}),
               InputError);
  const std::string head = R"({"schema": "heatvit-sim/ranges/1", "model": "deit-t", )";
  for (const std::string& text :
       {std::string("{"), std::string("[]"), std::string(R"({"schema": "other/1"})"), head + R"("ranges": 3})",
        head + R"("ranges": {}, "corrections": [1]})", head + R"("ranges": {}, "corrections": {"a": {"b": 1}}})",
        head + R"("ranges": {}, "corrections": {"a": [1, "2"]}})", head + R"("ranges": {}, "corrections": {"a": 1}})",
        head + R"("ranges": {"residual": 1}, "sketch": [1, 2]})", head + R"("ranges": {"residual": -1}})",
        head + R"("ranges": {"residual": "1"}})"}) {
    EXPECT_THROW(parse_calibration(text, "test", spec), InputError) << text;
  }
  // Corrections may be missing.
  EXPECT_TRUE(parse_calibration(head + R"("ranges": {"residual": 1}})", "test", spec).corrections.empty());
}

TEST(CalibrationImages, NeedAFolderWithImages) {
  const TemporaryFolder folder;
  EXPECT_THROW(calibration_images(folder.path("missing"), zoo::find("deit-t")), InputError);
  folder.file("notes.txt", "no image");
  EXPECT_THROW(calibration_images(folder.path("."), zoo::find("deit-t")), InputError);
}

}  // namespace
}  // namespace heatvit::quant
