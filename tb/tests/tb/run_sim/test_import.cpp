// run_sim import: published folders as files of our own, from outside. The network is deit-micro's backbone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/network/checkpoint.h"
#include "models/weights/safetensors.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

fs::path micro() {
  const char* home = std::getenv("HEATVIT_HOME");
  return fs::path(home != nullptr ? home : ".") / "models/zoo/micro";
}

class Import : public ::testing::Test {
 protected:
  Import() {
    const auto micro_weights = weights::Safetensors::open((micro() / "weights.safetensors").string());
    weights::SafetensorsWriter writer;
    for (const std::string& name : micro_weights.names()) {
      if (name.rfind("selectors.", 0) == 0 || name.rfind("tuned.", 0) == 0) continue;
      writer.add(name, micro_weights.info(name).shape, micro_weights.read_float(name));
    }
    fs::create_directory(folder_.path("net"));
    writer.write(folder_.path("net/model.safetensors"));
    const zoo::ModelSpec& spec = zoo::find("deit-micro");
    json names = json::object();
    for (int i = 0; i < spec.classes; ++i) names[std::to_string(i)] = "kind " + std::to_string(i);
    config_ = {{"model_type", "vit"},
               {"hidden_size", spec.dim},
               {"num_hidden_layers", spec.depth},
               {"num_attention_heads", spec.heads},
               {"intermediate_size", spec.mlp_hidden},
               {"patch_size", spec.patch_size()},
               {"hidden_act", "gelu"},
               {"layer_norm_eps", 1e-5},
               {"id2label", names}};
    write("config.json", config_);
    write("preprocessor_config.json", {{"image_mean", {0.5, 0.5, 0.5}},
                                       {"image_std", {0.25, 0.25, 0.25}},
                                       {"resample", 2},
                                       {"size", {{"height", 72}, {"width", 72}}},
                                       {"crop_size", {{"height", 64}, {"width", 64}}},
                                       {"do_center_crop", true}});
  }

  void write(const std::string& name, const json& object) { std::ofstream(folder_.path("net/" + name)) << object; }

  Outcome import(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"import", folder_.path("net"), "--out", folder_.path("mine.safetensors")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_sim(arguments);
  }

  json logits_with(const std::string& weights) {
    const std::string out = folder_.path("run.json");
    const Outcome outcome =
        run_sim({"--weights", weights, "--images", (micro() / "images").string(), "--limit", "2", "--calibrate",
                 (micro() / "images").string(), "--scorer", "none", "--logits", "--quiet", "--json", out});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const json report = json::parse(std::ifstream(out), nullptr, false);
    return {report.at("images").at(0).at("logits"), report.at("images").at(1).at("logits")};
  }

  void expect_refused(const std::string& part) {
    const Outcome outcome = import();
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_FALSE(fs::exists(folder_.path("mine.safetensors")));
  }

  TemporaryFolder folder_;
  json config_;
};

TEST_F(Import, WritesWhatTheFilesSayIntoTheDescription) {
  const Outcome outcome = import();
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("timm"));
  EXPECT_THAT(outcome.out, HasSubstr("preprocessor_config.json"));
  const auto file = weights::Safetensors::open(folder_.path("mine.safetensors"));
  const zoo::ModelSpec spec = zoo::read_description(file.metadata().at(network::kDescriptionKey), "inside");
  const zoo::ModelSpec& micro_spec = zoo::find("deit-micro");
  EXPECT_EQ(spec.name, "mine");
  EXPECT_EQ(spec.heads, micro_spec.heads);
  EXPECT_EQ(spec.image_size, micro_spec.image_size);
  EXPECT_EQ(spec.ln_eps, 1e-5);
  EXPECT_EQ(spec.mean[2], 0.5F);
  EXPECT_EQ(spec.deviation[0], 0.25F);
  EXPECT_EQ(spec.interpolation, zoo::Interpolation::kBilinear);
  EXPECT_TRUE(spec.squash);
  EXPECT_DOUBLE_EQ(spec.crop, 64.0 / 72);
  EXPECT_EQ(spec.class_names.at(3), "kind 3");
}

TEST_F(Import, RunsAsTheFolderDoesAndNeedsNoModel) {
  ASSERT_EQ(import({"--quiet"}).code, 0);
  const json before = logits_with(folder_.path("net"));
  const json after = logits_with(folder_.path("mine.safetensors"));
  EXPECT_EQ(before, after);
  EXPECT_EQ(before.at(0).size(), static_cast<size_t>(zoo::find("deit-micro").classes));
}

TEST_F(Import, RangesThatDoNotFitSaturateAndAreWarnedOf) {
  const std::string ranges_file = folder_.path("ranges.json"), weights = folder_.path("wrong.safetensors");
  const std::string images = (micro() / "images").string();
  ASSERT_EQ(run_sim({"quantize", "--model", "deit-micro", "--weights", folder_.path("net"), "--calibrate", images,
                     "--out", folder_.path("q.safetensors"), "--ranges-out", ranges_file})
                .code,
            0);
  json ranges = json::parse(std::ifstream(ranges_file));
  for (json& range : ranges.at("ranges")) range = range.get<double>() / 8;
  const auto net = weights::Safetensors::open(folder_.path("net/model.safetensors"));
  weights::SafetensorsWriter writer;
  writer.set_metadata("heatvit.ranges", ranges.dump());
  for (const std::string& name : net.names()) writer.add(name, net.info(name).shape, net.read_float(name));
  writer.write(weights);
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--model", "deit-micro", "--weights", weights,  "--images",
                                          images,    "--limit",    "2",         "--json", folder_.path("run.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome;
  };
  const Outcome wrong = run({"--scorer", "none"});
  EXPECT_THAT(wrong.err, HasSubstr("beyond what calibration saw"));
  EXPECT_THAT(wrong.out, HasSubstr("the ranges do not fit"));
  json report = json::parse(std::ifstream(folder_.path("run.json")));
  EXPECT_EQ(report.at("ranges").at("origin"), "weights");
  EXPECT_TRUE(report.at("saturation").at("beyond_calibration").get<bool>());
  uint64_t counted = 0;
  for (const json& row : report.at("breakdown"))
    counted += static_cast<uint64_t>(2 * row.at("saturated").get<double>());
  EXPECT_EQ(report.at("saturation").at("saturated"), counted);

  const Outcome right = run({"--scorer", "none", "--calibrate", images});
  EXPECT_EQ(right.err.find("saturate"), std::string::npos) << right.err;
  EXPECT_THAT(right.out, HasSubstr("of the results saturate"));
  report = json::parse(std::ifstream(folder_.path("run.json")));
  EXPECT_FALSE(report.at("saturation").at("beyond_calibration").get<bool>());
}

TEST_F(Import, ABackboneWithoutAClassifierGivesItsFeatures) {
  const auto net = weights::Safetensors::open(folder_.path("net/model.safetensors"));
  weights::SafetensorsWriter writer;
  for (const std::string& name : net.names())
    if (name.rfind("head.", 0) != 0) writer.add(name, net.info(name).shape, net.read_float(name));
  writer.write(folder_.path("net/model.safetensors"));
  config_["architectures"] = {"ViTForImageClassification"};
  write("config.json", config_);
  expect_refused("'architectures' has a classifier");
  config_["architectures"] = {"ViTModel"};
  write("config.json", config_);
  const Outcome outcome = import();
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("no classifier: 96 features"));

  const std::string mine = folder_.path("mine.safetensors"), out = folder_.path("run.json");
  const std::string images = (micro() / "images").string();
  std::vector<std::string> run = {"--weights",   mine,   "--images", images, "--limit",  "1",
                                  "--calibrate", images, "--scorer", "none", "--logits", "--json"};
  const auto features_of = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = run;
    arguments.push_back(out);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome ran = run_sim(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("no classifier"));
    const json image = json::parse(std::ifstream(out)).at("images").at(0);
    EXPECT_TRUE(image.at("top5").empty());
    return image.at("logits").get<std::vector<double>>();
  };
  const std::vector<double> integers = features_of({}), floats = features_of({"--mode", "float"});
  ASSERT_EQ(integers.size(), 96U);
  ASSERT_EQ(floats.size(), 96U);
  double difference = 0, size = 0;
  for (size_t i = 0; i < floats.size(); ++i) {
    difference += std::pow(integers[i] - floats[i], 2);
    size += std::pow(floats[i], 2);
  }
  EXPECT_LT(std::sqrt(difference / size), 0.1);
  const Outcome labelled = run_sim({"--weights", mine, "--images", images, "--labels", images + "/labels.csv"});
  EXPECT_EQ(labelled.code, 2);
  EXPECT_THAT(labelled.err, HasSubstr("has no classifier"));
}

TEST_F(Import, AnotherImageSizeResamplesThePositionsAndAsksForRanges) {
  ASSERT_EQ(import({"--image-size", "96"}).code, 0);
  const std::string mine = folder_.path("mine.safetensors"), images = (micro() / "images").string();
  const auto file = weights::Safetensors::open(mine);
  EXPECT_EQ(file.info("pos_embed").shape, (weights::Shape{1, 145, 96}));
  // The same network whether it is resampled when it is imported or when it runs.
  const auto logits = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--images",
                                          images,
                                          "--limit",
                                          "1",
                                          "--mode",
                                          "float",
                                          "--scorer",
                                          "none",
                                          "--logits",
                                          "--json",
                                          folder_.path("run.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run_sim(arguments).code, 0);
    return json::parse(std::ifstream(folder_.path("run.json"))).at("images").at(0).at("logits");
  };
  ASSERT_EQ(import({"--image-size", "96", "--name", "other"}).code, 0);
  EXPECT_EQ(logits({"--weights", mine}),
            logits({"--weights", folder_.path("net"), "--model", "deit-micro", "--image-size", "96"}));
  const Outcome ran = run_sim({"--weights", (micro() / "weights.safetensors").string(), "--model", "deit-micro",
                               "--image-size", "96", "--images", images, "--limit", "1", "--scorer", "none"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("of another image size than 96"));
}

TEST_F(Import, WhatOptionsSayOfTheNetworkMustBeTheWeights) {
  const std::string images = (micro() / "images").string();
  const std::vector<std::vector<std::string>> cases = {{"--classes", "10", "--classes: 10 where"},
                                                       {"--tokens", "class,register", "'reg_token'"},
                                                       {"--pooling", "class+mean", "'head.weight'"}};
  for (const auto& c : cases) {
    const Outcome outcome = run_sim({"--model", "deit-micro", "--weights", folder_.path("net"), "--images", images,
                                     "--calibrate", images, c[0], c[1]});
    EXPECT_EQ(outcome.code, 2) << c[0];
    EXPECT_THAT(outcome.err, HasSubstr(c[2]));
  }
}

TEST_F(Import, HeadsThatNothingTellsAreAskedFor) {
  fs::remove(folder_.path("net/config.json"));
  expect_refused("--heads");
  EXPECT_EQ(import({"--heads", "3"}).code, 0);
  EXPECT_EQ(import({"--model", "deit-micro"}).code, 0);
}

TEST_F(Import, WhatIsNotComputedOrContradictsTheWeightsIsRefusedByName) {
  const auto with = [&](const char* key, const json& value) {
    json config = config_;
    config[key] = value;
    write("config.json", config);
  };
  with("hidden_act", "quick_gelu");
  expect_refused("'quick_gelu'");
  with("model_type", "swin");
  expect_refused("'swin'");
  with("num_hidden_layers", 7);
  expect_refused("'num_hidden_layers'");
  with("use_swiglu_ffn", true);
  expect_refused("SwiGLU");
  with("qkv_bias", false);
  expect_refused("'qkv_bias' is not that of the weights");
  with("hidden_act", 3);
  expect_refused("'hidden_act' must be a text");
  with("image_size", 384);
  expect_refused("'image_size' is 384");
  with("image_size", {64, 32});
  expect_refused("'image_size'");
  with("num_labels", 10);
  expect_refused("'num_labels' is 10");
  with("id2label", {{"0", "a"}, {"1", "b"}});
  expect_refused("'id2label' names 2 classes");
  with("quantization_config", {{"bits", 4}});
  expect_refused("'quantization_config'");
  with("model_type", nullptr);
  expect_refused("'model_type'");
  std::ofstream(folder_.path("net/config.json")) << "{";
  expect_refused("no JSON object");
}

TEST_F(Import, TimmsConfigContradictsOrIsRefusedByName) {
  const auto with = [&](const char* key, const json& value) {
    json config = {{"architecture", "vit_micro_patch8_64"}, {"num_classes", 16}, {"global_pool", "token"}};
    config["model_args"] = {{"num_heads", 3}, {"embed_dim", 96}, {"depth", 6}, {"img_size", 64}, {"mlp_ratio", 2}};
    if (key != nullptr) config[json::json_pointer(key)] = value;
    write("config.json", config);
  };
  with(nullptr, {});
  const Outcome outcome = import();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  fs::remove(folder_.path("mine.safetensors"));
  const std::pair<const char*, json> kCases[] = {{"/architecture", "swin_tiny_patch4_window7_224"},
                                                 {"/architecture", "vit_small_patch16_rope_224"},
                                                 {"/architecture", "vit_base_patch16_clip_quickgelu_224"},
                                                 {"/num_classes", 10},
                                                 {"/num_features", 192},
                                                 {"/global_pool", "map"},
                                                 {"/model_args/num_heads", 5},
                                                 {"/model_args/qk_norm", true},
                                                 {"/model_args/class_token", false},
                                                 {"/model_args/init_values", 1e-5},
                                                 {"/model_args/img_size", 384},
                                                 {"/model_args/norm_layer", "rmsnorm"},
                                                 {"/model_args/act_layer", "relu"}};
  for (const auto& [pointer, value] : kCases) {
    with(pointer, value);
    const std::string path(pointer);
    expect_refused("'" + path.substr(path.rfind('/') + 1) + "'");
  }
}

TEST_F(Import, ThePreprocessorsFactorAndSizeCount) {
  const json processor = json::parse(std::ifstream(folder_.path("net/preprocessor_config.json")));
  const auto mean_with = [&](const char* key, const json& value) {
    json changed = processor;
    changed[key] = value;
    write("preprocessor_config.json", changed);
    const Outcome outcome = import();
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto file = weights::Safetensors::open(folder_.path("mine.safetensors"));
    const zoo::ModelSpec spec = zoo::read_description(file.metadata().at(network::kDescriptionKey), "inside");
    fs::remove(folder_.path("mine.safetensors"));
    return std::pair(spec.mean[0], spec.deviation[0]);
  };
  EXPECT_EQ(mean_with("rescale_factor", 1 / 255.0), std::pair(0.5F, 0.25F));
  const auto [mean, deviation] = mean_with("rescale_factor", 2 / 255.0);  // (2 x - 0.5) / 0.25
  EXPECT_FLOAT_EQ(mean, 0.25F);
  EXPECT_FLOAT_EQ(deviation, 0.125F);
  json larger = processor;
  larger["crop_size"] = 72;
  write("preprocessor_config.json", larger);
  expect_refused("pictures of 72 pixels");
}

TEST_F(Import, AnOutputOverAnInputIsRefused) {
  const std::string input = folder_.path("net/model.safetensors");
  const auto size = fs::file_size(input);
  EXPECT_EQ(run_sim({"import", folder_.path("net"), "--out", input}).code, 2);
  EXPECT_EQ(fs::file_size(input), size);
}

}  // namespace
}  // namespace heatvit::tests
