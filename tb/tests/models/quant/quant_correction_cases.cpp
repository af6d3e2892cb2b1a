// Bias correction: what it changes in the integers, when it stays away, and that the mean error shrinks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "accel/isa/errors.h"
#include "models/quant/bias_correction.h"
#include "models/quant/calibration.h"
#include "models/quant/quantize.h"
#include "models/reference/integer_executor.h"

namespace heatvit::quant {
namespace {

constexpr size_t kDim = 192;

// Root mean square over the channels of the mean error over the tokens: what the block adds to the stream of a
// picture that calibration has not seen, against what it should add.
double mean_error(const network::FloatModel& model, const network::Calibration& calibration,
                  const preprocess::Image& image) {
  std::vector<std::vector<float>> exact;  // embedding, after the first branch, after the second
  reference::FloatExecutor(model).run(image, 0, [&](const std::string& tensor, const float* x, size_t count) {
    if (tensor == "residual") exact.emplace_back(x, x + count);
  });
  const network::QuantModel quantised = build(model, calibration.ranges, {}, calibration.corrections);
  const auto result = reference::IntegerExecutor(quantised, {}).run(preprocess::to_int8(image), 0, true);
  const std::vector<int16_t>&in = result.checkpoints.front().x, &out = result.checkpoints.back().x;
  std::vector<double> mean(kDim);
  for (size_t i = 0; i < out.size(); ++i) {
    mean[i % kDim] += (out[i] - in[i]) * quantised.residual_scale - (exact[2].at(i) - exact[0].at(i));
  }
  double squares = 0;
  for (const double sum : mean) squares += sum * sum;
  return std::sqrt(squares / kDim) / static_cast<double>(out.size() / kDim);
}

// One block of DeiT-T.
class OneBlock : public testing::Test {
 protected:
  OneBlock() : model_(network::load_float_model(*weights::open_weights("synthetic:5"), zoo::find("deit-t"))) {
    model_.spec.depth = 1;
    model_.blocks.resize(1);
    const std::vector<preprocess::Image> images = {preprocess::synthetic_image(1), preprocess::synthetic_image(2)};
    ranges_ = calibrate(model_, images);
    corrections_ = correct_biases(model_, images, ranges_);
  }

  network::FloatModel model_;
  network::Ranges ranges_;
  network::Corrections corrections_;
};

// Without weights in fc1 every hidden value is its bias, so the error of GELU is known in closed form.
TEST_F(OneBlock, TheErrorOfGeluIsTakenThroughTheNextWeights) {
  network::FloatLinear &fc1 = model_.blocks[0].fc1, &fc2 = model_.blocks[0].fc2;
  std::fill(fc1.weight.begin(), fc1.weight.end(), 0.0F);
  std::fill(fc1.bias.begin(), fc1.bias.end(), -0.25F);
  const double scale = 0.001;
  ranges_["block.1.fc2.in"] = 127 * scale;
  const network::Corrections found = correct_biases(model_, {preprocess::synthetic_image(3)}, ranges_);
  const double u = 1.769 - 0.25 / std::sqrt(2.0);
  const double polynomial = -0.125 * (1 - (1 - 0.2888 * u * u));
  const double error = -0.125 * (1 + std::erf(-0.25 / std::sqrt(2.0))) - polynomial;  // -0.0088
  ASSERT_GT(std::fabs(error), 2 * scale);
  for (size_t row = 0; row < kDim; ++row) {
    double sum = 0, magnitude = 0;
    for (size_t i = 0; i < 768; ++i) {
      sum += double{fc2.weight[row * 768 + i]};
      magnitude += std::fabs(double{fc2.weight[row * 768 + i]});
    }
    // All hidden channels round alike, by at most half a step.
    EXPECT_NEAR(found.at("block.1.fc2.out")[row], sum * error, std::fabs(sum) * 0.7 * scale + 1e-5 * magnitude);
  }
}

// Where V is the same for all tokens, so is what each head attends to: its own V, but for rounding.
TEST_F(OneBlock, EveryHeadAttendsToItsOwnValues) {
  network::FloatLinear &qkv = model_.blocks[0].qkv, &proj = model_.blocks[0].proj;
  const auto v_weights = qkv.weight.begin() + static_cast<std::ptrdiff_t>(2 * kDim * kDim);
  std::fill(v_weights, qkv.weight.end(), 0.0F);
  constexpr std::array kValues = {0.1F, 0.4F, 0.9F};  // of each head
  for (size_t c = 0; c < kDim; ++c) qkv.bias[2 * kDim + c] = kValues.at(c / (kDim / kValues.size()));
  std::fill(proj.weight.begin(), proj.weight.end(), 0.0F);
  for (size_t c = 0; c < kDim; ++c) proj.weight[c * kDim + c] = 1;  // the correction is the error itself
  ranges_["block.1.v"] = ranges_["block.1.proj.in"] = 1;
  const network::Corrections found = correct_biases(model_, {preprocess::synthetic_image(3)}, ranges_);
  constexpr double kStep = 1 / 127.0;
  for (size_t c = 0; c < kDim; ++c)  // rounded twice, and of each probability at most half of 1 / 255
    EXPECT_NEAR(found.at("block.1.proj.out")[c], 0, 2 * kStep + 0.1 * double{kValues.at(c / (kDim / kValues.size()))})
        << c;
}

TEST_F(OneBlock, OnlyTheBiasesOfItsLayersChange) {
  ASSERT_EQ(corrections_.size(), 2U);
  const network::QuantBlock plain = build(model_, ranges_, {}).blocks[0];
  const network::QuantBlock corrected = build(model_, ranges_, {}, corrections_).blocks[0];
  EXPECT_EQ(corrected.fc2.weight, plain.fc2.weight);
  const double in_scale = ranges_.at("block.1.fc2.in") / 127.0;
  const std::vector<float>& correction = corrections_.at("block.1.fc2.out");
  ASSERT_EQ(correction.size(), kDim);
  for (size_t row = 0; row < kDim; ++row) {
    const float* weight = model_.blocks[0].fc2.weight.data() + row * 768;
    float top = 0;
    for (size_t i = 0; i < 768; ++i) top = std::max(top, std::fabs(weight[i]));
    const double step = in_scale * double{top} / 127.0;
    const isa::ChannelRecord &a = plain.fc2.channels[row], &b = corrected.fc2.channels[row];
    EXPECT_NEAR((double(b.bias) - a.bias) * step, double{correction[row]}, 1.01 * step);
    EXPECT_EQ(a.multiplier, b.multiplier);
    EXPECT_EQ(a.shift, b.shift);
    EXPECT_EQ(plain.fc1.channels[row].bias, corrected.fc1.channels[row].bias);
  }
}

TEST_F(OneBlock, WeightsTrainedWithThePolynomialsAreLeftAlone) {
  for (const QuantizeOptions& options : {QuantizeOptions{0.5, 1.0, 16}, QuantizeOptions{1.0, 0.5, 16}}) {
    const network::QuantBlock plain = build(model_, ranges_, options).blocks[0];
    const network::QuantBlock given = build(model_, ranges_, options, corrections_).blocks[0];
    for (size_t row = 0; row < kDim; ++row) {
      ASSERT_EQ(given.fc2.channels[row].bias, plain.fc2.channels[row].bias);
      ASSERT_EQ(given.proj.channels[row].bias, plain.proj.channels[row].bias);
    }
  }
}

TEST_F(OneBlock, AVectorOfAnotherLengthIsRefused) {
  corrections_.at("block.1.proj.out").pop_back();
  EXPECT_THROW(build(model_, ranges_, {}, corrections_), InputError);
  ranges_.erase("block.1.fc2.in");
  EXPECT_THROW(correct_biases(model_, {}, ranges_), InputError);
}

class ShippedCalibration : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("HEATVIT_DATA");
    const char* root = std::getenv("HEATVIT_HOME");
    const std::filesystem::path home = root != nullptr ? root : ".";
    data_ = given != nullptr ? std::filesystem::path(given) : home / "../shared/data";
    const std::string weights = (data_ / "weights/deit_tiny_patch16_224.safetensors").string();
    if (!std::filesystem::exists(weights)) GTEST_SKIP() << "no data folder: set HEATVIT_DATA (weights)";
    const zoo::ModelSpec& spec = zoo::find("deit-t");
    shipped_ = read_calibration((home / "models/zoo/scales/deit-t.json").string(), spec);
    model_ = network::load_float_model(*weights::open_weights(weights), spec);
  }

  std::filesystem::path data_;
  network::Calibration shipped_;
  network::FloatModel model_;
};

// Nothing in the file is set by hand.
TEST_F(ShippedCalibration, FollowsFromItsPhotographs) {
  const auto images = calibration_images((data_ / "images").string(), model_.spec);
  const network::Corrections found = correct_biases(model_, images, shipped_.ranges);
  ASSERT_EQ(shipped_.corrections.size(), found.size());
  for (const auto& [name, values] : found) {
    const std::vector<float>& expected = shipped_.corrections.at(name);
    ASSERT_EQ(expected.size(), values.size()) << name;
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 2e-3) << name << ' ' << i;
  }
}

TEST_F(ShippedCalibration, ShrinksTheMeanErrorOfAPhotographItHasNotSeen) {
  model_.spec.depth = 1;
  model_.blocks.resize(1);
  const std::string path = (data_ / "images/0002_n01484850.jpg").string();
  const preprocess::Image image = preprocess::load_image(path, model_.spec.crop);
  const double before = mean_error(model_, {shipped_.ranges, {}, {}, {}}, image);
  const double after = mean_error(model_, shipped_, image);
  RecordProperty("before", std::to_string(before));
  RecordProperty("after", std::to_string(after));
  EXPECT_LT(after, 0.8 * before) << before;  // what is left comes from the int8 weights
}

}  // namespace
}  // namespace heatvit::quant
