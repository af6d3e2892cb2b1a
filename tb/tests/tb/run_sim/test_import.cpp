// run_sim import: published folders as files of our own, from outside. The network is deit-micro's backbone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  std::ofstream(folder_.path("net/config.json")) << "{";
  expect_refused("no JSON object");
}

TEST_F(Import, AnOutputOverAnInputIsRefused) {
  const std::string input = folder_.path("net/model.safetensors");
  const auto size = fs::file_size(input);
  EXPECT_EQ(run_sim({"import", folder_.path("net"), "--out", input}).code, 2);
  EXPECT_EQ(fs::file_size(input), size);
}

}  // namespace
}  // namespace heatvit::tests
