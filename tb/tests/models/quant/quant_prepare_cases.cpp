// prepare(): where scales come from, selectors of a seed, the accuracy that is left.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "accel/isa/errors.h"
#include "models/quant/calibration.h"
#include "models/quant/model_file.h"
#include "models/quant/prepare.h"
#include "models/quant/selector_files.h"
#include "models/reference/integer_executor.h"
#include "models/weights/safetensors.h"
#include "tb/tests/support/temporary_folder.h"

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
  const network::FloatModel network = prepare_float(options);
  const network::Ranges ranges = calibrate(network, {preprocess::synthetic_image(1), preprocess::synthetic_image(2)});
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

  const network::QuantModel model = prepare(options);
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
  const network::QuantModel model = prepare(options_of("deit-t", "synthetic:1", "random:5"));
  const reference::IntegerExecutor executor(model, {network::Scorer::kHeatvit, {4, 7, 10}, {}});
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
  const network::QuantModel a = prepare(options_of("deit-t", "synthetic:1", "random:5"));
  const network::QuantModel b = prepare(options_of("deit-t", "synthetic:1", "random:5"));
  const network::QuantModel c = prepare(options_of("deit-t", "synthetic:1", "random:6"));
  EXPECT_EQ(a.selectors[2].mlp2.weight, b.selectors[2].mlp2.weight);
  EXPECT_EQ(a.selectors[2].keep.channels[0].bias, b.selectors[2].keep.channels[0].bias);
  EXPECT_NE(a.selectors[2].mlp2.weight, c.selectors[2].mlp2.weight);
}

// The tensors of random selectors as a file, with whatever else `add` puts into it.
template <typename Add>
void write_selectors(const std::string& path, const Add& add) {
  const network::FloatModel model = prepare_float(options_of("deit-t", "synthetic:1", "random:5"));
  weights::SafetensorsWriter writer;
  for (size_t s = 0; s < model.selectors.size(); ++s) {
    const auto name = [&](const char* part) { return "selectors." + std::to_string(s) + "." + part; };
    const network::FloatSelector& selector = model.selectors[s];
    writer.add(name("norm.weight"), {64}, selector.norm.gamma);
    writer.add(name("norm.bias"), {64}, selector.norm.beta);
    const std::pair<const char*, const network::FloatLinear*> linears[] = {
        {"local", &selector.local}, {"mlp1", &selector.mlp1},   {"mlp2", &selector.mlp2},
        {"keep", &selector.keep},   {"head1", &selector.head1}, {"head2", &selector.head2}};
    for (const auto& [part, linear] : linears) {
      writer.add(name(part) + ".weight", {linear->n, linear->k}, linear->weight);
      writer.add(name(part) + ".bias", {linear->n}, linear->bias);
    }
  }
  add(writer);
  writer.write(path);
}

TEST(Prepare, ASelectorFileMayTuneTheBackbone) {
  const TemporaryFolder folder;
  const std::string plain = folder.path("plain.safetensors"), tuned = folder.path("tuned.safetensors");
  write_selectors(plain, [](weights::SafetensorsWriter&) {});
  write_selectors(tuned, [](weights::SafetensorsWriter& writer) {
    writer.add("tuned.blocks.6.norm1.weight", {192}, std::vector<float>(192, 0.25F));
  });
  const network::FloatModel before = prepare_float(options_of("deit-t", "synthetic:1", plain));
  const network::FloatModel after = prepare_float(options_of("deit-t", "synthetic:1", tuned));
  EXPECT_EQ(before.blocks[6].norm1.gamma[7] + 0.25F, after.blocks[6].norm1.gamma[7]);
  EXPECT_EQ(before.blocks[5].norm1.gamma, after.blocks[5].norm1.gamma);
  EXPECT_EQ(before.selectors[1].mlp1.weight, after.selectors[1].mlp1.weight);
}

TEST(Prepare, AnOperatingPointShiftsTheThresholds) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path("models/selectors/weights"));
  const std::string home = folder.path("."), path = folder.path("models/selectors/weights/deit-t.safetensors");
  write_selectors(path, [](weights::SafetensorsWriter& writer) {
    writer.set_metadata(kPointsKey, "20:1,0.5,-0.25;35:0,0,0;7:1,2;8:1,x,2");
  });
  const auto at = [&](const std::string& text) {
    PrepareOptions options = options_of("deit-t", "synthetic:1");
    const SelectorFile file = find_selectors(text, home);
    options.selectors = file.path;
    options.point = file.point;
    return options;
  };
  const auto message = [&](const std::string& text) {
    try {
      prepare_float(at(text));
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const network::FloatModel plain = prepare_float(at(path));
  EXPECT_EQ(prepare_float(at("deit-t")).selectors[0].keep.bias, plain.selectors[0].keep.bias);
  for (const std::string& text : {std::string("deit-t@20"), path + "@20"}) {
    const network::FloatModel shifted = prepare_float(at(text));
    for (size_t s = 0; s < 3; ++s) {
      const float half = std::array{0.5F, 0.25F, -0.125F}[s];
      EXPECT_EQ(shifted.selectors[s].keep.bias[0], plain.selectors[s].keep.bias[0] + half);
      EXPECT_EQ(shifted.selectors[s].keep.bias[1], plain.selectors[s].keep.bias[1] - half);
    }
  }
  EXPECT_EQ(prepare_float(at("deit-t@35")).selectors[2].keep.bias, plain.selectors[2].keep.bias);
  EXPECT_EQ(shipped_selectors(home).at("deit-t"), (std::vector<std::string>{"20", "35", "7", "8"}));
  EXPECT_NE(message("deit-t@36").find("no operating point '36'; there are 20, 35, 7, 8"), std::string::npos);
  EXPECT_NE(message("deit-t@").find("no operating point"), std::string::npos);
  EXPECT_NE(message("deit-t@7").find("2 shifts for 3 selectors"), std::string::npos);
  EXPECT_NE(message("deit-t@8").find("'x' is no number"), std::string::npos);
  EXPECT_NE(message("deit-b@20").find("there are deit-t"), std::string::npos);
  EXPECT_NE(message(folder.path("none.safetensors")).find("none.safetensors"), std::string::npos);
  save_model(prepare(at("deit-t")), folder.path("q.safetensors"));
  PrepareOptions quantised = options_of("deit-t", folder.path("q.safetensors"), folder.path("q.safetensors"));
  quantised.point = "20";
  EXPECT_NE(refusal(quantised).find("thresholds are fixed"), std::string::npos);
}

TEST(Prepare, ASelectorWithoutAPlaceIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.path("s.safetensors");
  write_selectors(path, [](weights::SafetensorsWriter& writer) { writer.set_metadata(kPositionsKey, "4,7"); });
  EXPECT_NE(refusal(options_of("deit-t", "synthetic:1", path)).find("more selectors than the 2 blocks"),
            std::string::npos);
}

TEST(Prepare, AQuantisedFileKnowsItsSelectorsAndWhereTheyStand) {
  const TemporaryFolder folder;
  const std::string selectors = folder.path("s.safetensors"), path = folder.path("q.safetensors");
  write_selectors(selectors, [](weights::SafetensorsWriter& writer) { writer.set_metadata(kPositionsKey, "3,6,9"); });
  const network::QuantModel model = prepare(options_of("deit-t", "synthetic:1", selectors));
  EXPECT_EQ(model.positions, (std::vector<int>{3, 6, 9}));
  save_model(model, path);
  EXPECT_TRUE(is_quantized_with_selectors(path));
  EXPECT_FALSE(is_quantized_with_selectors(selectors));
  EXPECT_EQ(selector_positions(path, model.spec), model.positions);
  EXPECT_EQ(prepare(options_of("deit-t", path, path)).positions, model.positions);
  save_model(prepare(options_of("deit-t", "synthetic:1")), path);
  EXPECT_FALSE(is_quantized_with_selectors(path));
}

TEST(Prepare, RangesOfSyntheticWeightsAreOfTheFirstTwoSyntheticImages) {
  const PrepareOptions options = options_of("deit-t", "synthetic:1");
  network::Calibration calibration;
  prepare(options, &calibration);
  EXPECT_EQ(calibration.ranges, calibrate(prepare_float(options),
                                          {preprocess::synthetic_image(1, 224), preprocess::synthetic_image(2, 224)}));
}

// Ranges of the backbone in a selector file count where the file tunes it, and nowhere else.
TEST(Prepare, RangesOfATunedBackboneComeWithTheSelectors) {
  const TemporaryFolder folder;
  network::Calibration calibration;
  prepare(options_of("deit-t", "synthetic:1", "random:5"), &calibration);
  ASSERT_GT(calibration.ranges.at("block.7.qkv.in"), 0);
  const double given = calibration.ranges["block.7.qkv.in"] * 3;
  calibration.ranges["block.7.qkv.in"] = given;
  write_calibration(folder.path("r.json"), zoo::find("deit-t"), "a test", calibration);
  std::stringstream text;
  text << std::ifstream(folder.path("r.json")).rdbuf();
  for (const bool tune : {false, true}) {
    SCOPED_TRACE(tune);
    const std::string path = folder.path(tune ? "tuned.safetensors" : "plain.safetensors");
    write_selectors(path, [&](weights::SafetensorsWriter& writer) {
      writer.set_metadata(kRangesKey, text.str());
      if (tune) writer.add("tuned.norm.bias", {192}, std::vector<float>(192, 0.01F));
    });
    network::Calibration used;
    prepare(options_of("deit-t", "synthetic:1", path), &used);
    EXPECT_EQ(std::abs(used.ranges.at("block.7.qkv.in") - given) < given * 1e-5, tune);
  }
}

TEST(Prepare, AQuantisedFileIsTakenAsItIsAndNotContradicted) {
  const TemporaryFolder folder;
  const std::string path = folder.path("q.safetensors");
  const network::QuantModel model = prepare(options_of("deit-t", "synthetic:1"));
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
    if (!std::filesystem::exists(weights_)) GTEST_SKIP() << "no data folder: set HEATVIT_DATA (weights)";
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
  if (!file) GTEST_SKIP() << "no data folder: set HEATVIT_DATA (float32_reference.csv)";
  const network::QuantModel model = prepare(options_of("deit-t", weights_));
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
  const network::QuantModel model = prepare(options_of("deit-t", weights_, "random:1"));
  const reference::IntegerExecutor executor(model, {network::Scorer::kHeatvit, {4, 7, 10}, {}});
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
