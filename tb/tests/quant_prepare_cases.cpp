// prepare(): where scales come from, selectors of a seed, the accuracy that is left.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "models/errors.h"
#include "models/quant/calibration.h"
#include "models/quant/model_file.h"
#include "models/quant/prepare.h"
#include "models/reference/integer_executor.h"
#include "tb/tests/temporary_folder.h"

namespace heatvit::quant {
namespace {

using tests::TemporaryFolder;

PrepareOptions options_of(const std::string& model, const std::string& weights, const std::string& selectors = "") {
  PrepareOptions options;
  options.model = model;
  options.weights = weights;
  options.selectors = selectors;
  return options;
}

std::string refusal(const PrepareOptions& options) {
  try {
    prepare(options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

std::filesystem::path data_folder() {
  const char* given = std::getenv("HEATVIT_DATA");
  const char* home = std::getenv("HEATVIT_HOME");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(home != nullptr ? home : ".") / "../shared/data";
}

// Every `step`-th photograph.
std::vector<std::string> photographs(size_t step) {
  std::vector<std::string> all, some;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder() / "images", error)) {
    if (entry.path().extension() == ".jpg") all.push_back(entry.path().string());
  }
  std::sort(all.begin(), all.end());
  for (size_t i = step / 2; i < all.size(); i += step) some.push_back(all[i]);
  return some;
}

TEST(Prepare, SyntheticDeitSmallHardlySaturatesAndTellsImagesApart) {
  const PrepareOptions options = options_of("deit-s", "synthetic:1");
  const reference::FloatModel network = prepare_float(options);
  const Ranges ranges = calibrate(network, {preprocess::synthetic_image(1), preprocess::synthetic_image(2)});
  size_t beyond = 0, values = 0;
  const reference::FloatExecutor executor(network);
  const reference::Observer observer = [&](const std::string& tensor, const float* x, size_t count) {
    const auto range_of = ranges.find(tensor);
    if (range_of == ranges.end()) return;  // GELU's input has no scale of its own
    const double range = range_of->second;
    for (size_t i = 0; i < count; ++i) beyond += std::fabs(x[i]) > range;
    values += count;
  };
  for (const uint32_t seed : {50U, 51U}) executor.run(preprocess::synthetic_image(seed), 0, observer);
  EXPECT_LT(static_cast<double>(beyond), 0.01 * static_cast<double>(values));

  const QuantModel model = prepare(options);
  const reference::IntegerExecutor integer(model, {});
  const auto a = integer.run(preprocess::to_int8(preprocess::synthetic_image(50)), 0, true);
  const auto b = integer.run(preprocess::to_int8(preprocess::synthetic_image(51)), 0);
  size_t saturated = 0, points = 0;
  for (const reference::Checkpoint& checkpoint : a.checkpoints) {
    saturated +=
        size_t(std::count_if(checkpoint.x.begin(), checkpoint.x.end(), [](int x) { return std::abs(x) >= 32767; }));
    points += checkpoint.x.size();
  }
  ASSERT_GT(points, 0U);
  EXPECT_LT(saturated * 100, points);
  double difference = 0;
  for (size_t c = 0; c < a.logits.size(); ++c)
    difference += std::abs(double(a.logits[c]) - b.logits[c]) * model.logit_scale;
  EXPECT_GT(difference / 1000, 0.05);
  const auto float_logits = executor.run(preprocess::synthetic_image(50)).logits;
  double error = 0;
  for (size_t c = 0; c < a.logits.size(); ++c)
    error += std::fabs(a.logits[c] * model.logit_scale - double{float_logits[c]});
  EXPECT_LT(error, 0.5 * difference);  // the integers follow the network, not just any numbers
}

TEST(Prepare, RandomSelectorsKeepAboutHalfOfUnseenPictures) {
  const QuantModel model = prepare(options_of("deit-t", "synthetic:1", "random:5"));
  const reference::IntegerExecutor executor(model, {reference::Scorer::kHeatvit, {4, 7, 10}, {}});
  for (uint32_t seed = 60; seed < 64; ++seed) {
    const auto result = executor.run(preprocess::to_int8(preprocess::synthetic_image(seed)), 0);
    size_t before = size_t(model.spec.patches());
    for (const std::vector<int>& kept : result.kept) {
      EXPECT_GE(kept.size() * 10, before * 2) << seed;
      EXPECT_LE(kept.size() * 10, before * 8) << seed;
      before = kept.size();
    }
  }
}

TEST(Prepare, SelectorsDependOnTheirSeed) {
  const QuantModel a = prepare(options_of("deit-t", "synthetic:1", "random:5"));
  const QuantModel b = prepare(options_of("deit-t", "synthetic:1", "random:5"));
  const QuantModel c = prepare(options_of("deit-t", "synthetic:1", "random:6"));
  EXPECT_EQ(a.selectors[2].mlp2.weight, b.selectors[2].mlp2.weight);
  EXPECT_EQ(a.selectors[2].keep.channels[0].bias, b.selectors[2].keep.channels[0].bias);
  EXPECT_NE(a.selectors[2].mlp2.weight, c.selectors[2].mlp2.weight);
}

TEST(Prepare, AQuantisedFileIsTakenAsItIsAndNotContradicted) {
  const TemporaryFolder folder;
  const std::string path = folder.path("q.safetensors");
  const QuantModel model = prepare(options_of("deit-t", "synthetic:1"));
  save_model(model, path);
  EXPECT_EQ(prepare(options_of("", path)).head.weight, model.head.weight);
  EXPECT_NE(refusal(options_of("deit-s", path)).find("deit-t"), std::string::npos);
  EXPECT_NE(refusal(options_of("deit-t", path, "random:1")).find("quantised already"), std::string::npos);
  PrepareOptions options = options_of("deit-t", path);
  options.residual_bits = 8;
  EXPECT_NE(refusal(options).find("residual_bits"), std::string::npos);
  options = options_of("deit-t", path);
  options.delta1 = 0.5;
  EXPECT_NE(refusal(options).find("delta"), std::string::npos);
  options = options_of("deit-t", path);
  options.calibrate = folder.path(".");
  EXPECT_NE(refusal(options).find("calibration"), std::string::npos);
}

TEST(Prepare, WrongOptionsAreNamed) {
  EXPECT_NE(refusal(options_of("deit-x", "synthetic:1")).find("deit-x"), std::string::npos);
  EXPECT_NE(refusal(options_of("deit-t", "synthetic:1", "random:x")).find("random:x"), std::string::npos);
  EXPECT_NE(refusal(options_of("deit-t", "/no/such/file")).find("/no/such/file"), std::string::npos);
}

class Real : public testing::Test {
 protected:
  void SetUp() override {
    weights_ = (data_folder() / "weights/deit_tiny_patch16_224.safetensors").string();
    if (!std::filesystem::exists(weights_)) GTEST_SKIP() << "no weights in " << data_folder() << " (HEATVIT_DATA)";
  }
  std::string weights_;
};

TEST_F(Real, WithoutScalesTheWayOutIsNamed) {
  const TemporaryFolder folder;
  PrepareOptions options = options_of("deit-t", weights_);
  options.home = folder.path(".");
  EXPECT_NE(refusal(options).find("--calibrate"), std::string::npos);
}

// The shipped scales must be those of these weights: float32's class on 18 of 20 photographs.
TEST_F(Real, ShippedScalesAgreeWithFloat32) {
  std::ifstream file(data_folder() / "float32_reference.csv");
  if (!file) GTEST_SKIP() << "no float32_reference.csv in " << data_folder();
  const QuantModel model = prepare(options_of("deit-t", weights_));
  const reference::IntegerExecutor executor(model, {});
  std::string line;
  std::getline(file, line);
  int agree = 0, images = 0;
  for (int row = 0; std::getline(file, line); ++row) {
    if (row % 25 != 0) continue;
    std::istringstream fields(line);
    std::string name, label, best;
    std::getline(fields, name, ',');
    std::getline(fields, label, ',');
    std::getline(fields, best, ',');
    const preprocess::Image image = preprocess::load_image((data_folder() / "images" / name).string(), model.spec.crop);
    const auto logits = executor.run(preprocess::to_int8(image), 0).logits;
    agree += std::max_element(logits.begin(), logits.end()) - logits.begin() == std::stol(best);
    ++images;
  }
  ASSERT_EQ(images, 20);
  EXPECT_GE(agree, 18);
}

TEST_F(Real, RandomSelectorsKeepTwentyToEightyPercentOfPhotographs) {
  const std::vector<std::string> paths = photographs(25);
  ASSERT_FALSE(paths.empty());
  const QuantModel model = prepare(options_of("deit-t", weights_, "random:1"));
  const reference::IntegerExecutor executor(model, {reference::Scorer::kHeatvit, {4, 7, 10}, {}});
  for (const std::string& path : paths) {
    const auto result = executor.run(preprocess::to_int8(preprocess::load_image(path, model.spec.crop)), 0);
    size_t before = size_t(model.spec.patches());
    for (const std::vector<int>& kept : result.kept) {
      EXPECT_GE(kept.size() * 10, before * 2) << path;
      EXPECT_LE(kept.size() * 10, before * 8) << path;
      before = kept.size();
    }
  }
}

}  // namespace
}  // namespace heatvit::quant
