// Descriptions of networks: what is read, what is refused and how, and that the shipped ones are what they were.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accel/isa/errors.h"
#include "models/zoo/zoo.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::zoo {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSmall =
    R"({"depth": 2, "dim": 64, "heads": 4, "image_size": 32, "patch_size": 8, "classes": 5})";

ModelSpec read(const std::string& json) { return read_description(json, "net.json"); }

std::string with(const std::string& fields) {
  return std::string(R"({"depth": 2, "dim": 64, "heads": 4, "image_size": 32, "patch_size": 8, )") + fields + "}";
}

TEST(Description, DefaultsAreThoseOfTheTable) {
  const ModelSpec spec = read(kSmall);
  EXPECT_EQ(spec.name, "net.json");
  EXPECT_EQ(spec.mlp_hidden, 256);
  EXPECT_EQ(spec.patches(), 16);
  EXPECT_EQ(spec.classes, 5);
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_EQ(spec.ln_eps, 1e-6);
  EXPECT_EQ(spec.crop, 0.875);
  EXPECT_TRUE(spec.selectors.empty());
  EXPECT_EQ(spec.activation, Activation::kGelu);
  EXPECT_EQ(spec.projection_inputs(), 8 * 8 * 3);
}

TEST(Description, ShippedNetworksAreTheOnesTheyWere) {
  const ModelSpec& lv = find("lv-vit-m");
  EXPECT_EQ(lv.depth, 20);
  EXPECT_EQ(lv.dim, 512);
  EXPECT_EQ(lv.mlp_hidden, 1536);
  EXPECT_EQ(lv.stem, lv_stem());
  EXPECT_EQ(lv.map_size(), 112);
  EXPECT_EQ(lv.projection_kernel(), 8);
  EXPECT_TRUE(lv.aux_head());
  EXPECT_EQ(lv.selectors, (std::vector<int>{6, 11, 16}));
  EXPECT_EQ(find("deit-t").max_tokens(), 197);
  EXPECT_EQ(find("deit-micro").classes, 16);
  EXPECT_EQ(models().size(), 6U);
}

TEST(Description, WhatIsWrittenIsReadBack) {
  for (const ModelSpec& spec : models()) EXPECT_EQ(describe(read(describe(spec))), describe(spec));
}

TEST(Description, TokensInFront) {
  const ModelSpec spec = read(with(R"("tokens": ["class", "distillation", "register"], "classifier": "two")"));
  EXPECT_EQ(spec.front_tokens(), 3);
  EXPECT_EQ(spec.max_tokens(), 19);
  EXPECT_EQ(spec.head_inputs(), 128);
  EXPECT_EQ(spec.tokens_for(5), 9);
  EXPECT_EQ(describe(read(describe(spec))), describe(spec));
  const ModelSpec mean = read(with(R"("tokens": [], "registers": 4, "pooling": "mean", "layer_scale": true)"));
  EXPECT_EQ(mean.front_tokens(), 4);
  EXPECT_FALSE(mean.class_token);
  EXPECT_EQ(describe(read(describe(mean))), describe(mean));
}

TEST(Description, PartsAreSaidInWords) {
  EXPECT_EQ(parts_text(find("deit-s")), "");
  ModelSpec spec = find("deit-s");
  spec.registers = 1;
  EXPECT_EQ(parts_text(spec), "1 register");
  spec.registers = 2, spec.distillation_token = true, spec.classifier = Classifier::kTwo;
  EXPECT_EQ(parts_text(spec), "distillation token, 2 registers, mean of two heads");
  spec = find("deit-s");
  spec.class_token = false, spec.pooling = Pooling::kMean, spec.layer_scale = true;
  EXPECT_EQ(parts_text(spec), "no class token, mean of the patches, LayerScale folded");
  spec.class_token = true, spec.pooling = Pooling::kClassMean, spec.classes = 0;
  EXPECT_EQ(parts_text(spec),
            "class token and mean of the patches side by side, no classifier: 768 features, LayerScale folded");
}

TEST(Description, AFileIsANetworkByItsPath) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("small.json", with(R"("name": "small", "activation": "silu")"));
  const ModelSpec& spec = find(path);
  EXPECT_EQ(spec.name, "small");
  EXPECT_EQ(spec.activation, Activation::kSilu);
  EXPECT_EQ(&find(path), &spec);     // kept once
  EXPECT_EQ(&find("small"), &spec);  // and known by its name from now on
}

TEST(Description, RefusalsNameFileFieldAndWhatIsAllowed) {
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense", "net.json: is not JSON"},
      {"[]", "net.json: an object"},
      {R"({"dim": 64, "heads": 4})", "net.json: field 'depth': a whole number is needed, found nothing"},
      {with(R"("widht": 3)"), "field 'widht': there is no such field"},
      {with(R"("mlp_ratio": "four")"), "field 'mlp_ratio': a number in 0.1..16.0 is needed, found \"four\""},
      {with(R"("classes": 2.5)"), "field 'classes': a whole number in"},
      {with(R"("classes": 100000)"), "field 'classes': a whole number in"},
      {with(R"("activation": "relu")"), "field 'activation': \"gelu\" or \"silu\""},
      {with(R"("pooling": "max")"),
       "field 'pooling': \"class\", \"mean\" or \"class+mean\" (DINOv2's) is needed, found \"max\""},
      {with(R"("classifier": "three")"), "field 'classifier': \"one\""},
      {with(R"("classifier": "two")"), "field 'classifier': \"two\" needs \"distillation\""},
      {with(R"("tokens": ["distillation", "class"])"), "field 'tokens': a list of \"class\""},
      {with(R"("tokens": ["class", "register", "distillation"])"), "field 'tokens': a list of"},
      {with(R"("tokens": ["distillation"], "pooling": "mean")"), "field 'tokens': \"distillation\" needs"},
      {with(R"("tokens": ["mask"])"), "field 'tokens': a list of"},
      {with(R"("tokens": [])"), "field 'pooling': \"class\" needs"},
      {with(R"("tokens": ["class", "register"], "registers": 2)"), "field 'registers': either this or"},
      {with(R"("registers": 65)"), "field 'registers': a whole number in 0.0..64.0"},
      {with(R"("pooling": "mean", "classifier": "auxiliary")"), "field 'classifier': \"one\" is needed"},
      {with(R"("registers": 1, "classifier": "auxiliary")"), "field 'classifier': \"auxiliary\" needs"},
      {with(R"("layer_scale": 1)"), "field 'layer_scale': true or false"},
      {with(R"("selectors": [3])"), "field 'selectors': rising blocks of 1..2"},
      {with(R"("selectors": [2, 1])"), "field 'selectors': rising"},
      {with(R"("selectors": [4294967297])"), "field 'selectors': a list of blocks"},  // 1 in 32 bits
      {with(R"("input": {"mean": [0.5, 0.5]})"), "field 'input.mean': three numbers"},
      {with(R"("input": {"gamma": 1})"), "field 'input.gamma': there is no such field"},
      {with(R"("stem": [{"channels": 8, "kernel": 3, "norm": "layer"}])"), "field 'stem[0].norm': \"batch\""},
      {with(R"("stem": [{"channels": 8, "kernel": 4}])"), "field 'stem': a map of 29 pixels"},
      {with(R"("stem": [{"channels": 1025, "kernel": 3}])"), "field 'stem[0].channels': a whole number in 1.0..1024.0"},
      {with(R"("stem": [{"channels": 8, "kernel": 33}])"), "field 'stem[0].kernel': a whole number in 1.0..32.0"},
      {with(R"("stem": [{"channels": 8, "kernel": 3, "stride": 33}])"),
       "field 'stem[0].stride': a whole number in 1.0..32.0"},
      {with(R"("stem": [{"channels": 8, "kernel": 3, "pad": 32}])"),
       "field 'stem[0].pad': a whole number in 0.0..31.0"},
      {with(R"("image_size": 4097)"), "field 'image_size': a whole number in 8.0..4096.0"},
      {with(R"("patch_size": 257)"), "field 'patch_size': a whole number in 1.0..256.0"},
      {with(R"("mlp_hidden": 16385)"), "field 'mlp_hidden': a whole number in 1.0..16384.0"},
      {with(R"("classes": 32768)"), "field 'classes': a whole number in 0.0..32767.0"},
      {R"({"depth": 201, "dim": 64, "heads": 4})", "field 'depth': a whole number in 1.0..200.0"},
      {R"({"depth": 1, "dim": 4097, "heads": 4})", "field 'dim': a whole number in 4.0..4096.0"},
      {R"({"depth": 1, "dim": 64, "heads": 65})", "field 'heads': a whole number in 1.0..64.0"},
      {R"({"depth": 1, "dim": 64, "heads": 5})", "field 'heads': 5 heads do not divide dim 64"},
      {R"({"depth": 1, "dim": 2048, "heads": 16})", "field 'dim': at most 1024"},
      {R"({"depth": 1, "dim": 64, "heads": 4, "image_size": 1024, "patch_size": 8})", "16385 tokens"},
      {R"({"depth": 1, "dim": 64, "heads": 4, "image_size": 30, "patch_size": 8})", "field 'patch_size': a divisor"}};
  for (const auto& [json, message] : cases)
    EXPECT_THAT(tests::message_of([&, text = json] { read(text); }), HasSubstr(message)) << json;
}

}  // namespace
}  // namespace heatvit::zoo
