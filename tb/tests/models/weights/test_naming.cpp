// What files and tensors are by their names: files of other kinds, tensors of other layouts, networks of timm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/network/float_model.h"
#include "models/network/published_config.h"
#include "models/weights/naming.h"
#include "models/weights/safetensors.h"
#include "models/weights/weight_source.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::weights {
namespace {

using ::testing::HasSubstr;
using tests::message_of;
using tests::TemporaryFolder;

TEST(ForeignFiles, AreNamedWithWhatToDo) {
  const auto message = [](std::string bytes) {
    bytes.resize(std::max<size_t>(bytes.size(), 64), 'x');
    return message_of(
        [&] { Safetensors::from_memory("f", reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()); });
  };
  EXPECT_THAT(message("version https://git-lfs.github.com/spec/v1\noid sha256:0"), HasSubstr("git lfs pull"));
  EXPECT_THAT(message("PK\x03\x04"), HasSubstr("models/import/to_safetensors.py"));
  EXPECT_THAT(message("\x80\x02\x8A\x0Al"), HasSubstr("a PyTorch checkpoint"));
  EXPECT_THAT(message(std::string("\x08\x07\x12\x07pytorch", 11)), HasSubstr("an ONNX network"));
  EXPECT_THAT(message("<!DOCTYPE html>"), HasSubstr("a web page"));
}

TEST(ForeignFiles, InAFolderAreNamedWithWhatToDo) {
  const TemporaryFolder folder;
  const auto message = [&] { return message_of([&] { open_weights(folder.path("")); }); };
  EXPECT_THAT(message(), HasSubstr("a directory without a safetensors file"));
  EXPECT_THAT(message(), ::testing::Not(HasSubstr("convert")));
  folder.file("pytorch_model.bin", "PK");
  EXPECT_THAT(message(), HasSubstr("convert " + folder.path("") + "pytorch_model.bin: python3 models/import/"));
}

/// Synthetic weights, and what was read of them.
class Recorded : public WeightSource {
 public:
  bool has(const std::string& name) const override { return source_->has(name); }
  std::vector<float> read(const std::string& name, const Shape& shape) const override {
    names_.push_back(name);
    return source_->read(name, shape);
  }
  std::optional<Shape> shape(const std::string& name) const override { return source_->shape(name); }
  std::string describe() const override { return source_->describe(); }

  size_t times(const std::string& name) const {
    return static_cast<size_t>(std::count(names_.begin(), names_.end(), name));
  }

 private:
  std::unique_ptr<WeightSource> source_ = open_weights("synthetic:1");
  mutable std::vector<std::string> names_;
};

TEST(Naming, LvVitsStemIsReadByItsNames) {
  const Recorded source;
  network::load_float_model(source, zoo::find("lv-vit-s"));
  for (const char* name :
       {"conv1.weight", "bn1.running_var", "conv2.weight", "bn2.bias", "conv3.weight", "bn3.weight", "proj.weight"})
    EXPECT_EQ(source.times("patch_embed." + std::string(name)), 1U) << name;
  for (const char* name : {"conv0.weight", "conv4.weight", "bn4.weight"})
    EXPECT_EQ(source.times("patch_embed." + std::string(name)), 0U) << name;
}

TEST(Naming, LvVitsStemIsKnownTensorByTensor) {
  const std::vector<std::string> stem = {"patch_embed.conv1.weight",    "patch_embed.bn1.weight",
                                         "patch_embed.bn2.bias",        "patch_embed.bn3.running_mean",
                                         "patch_embed.bn3.running_var", "patch_embed.proj.weight"};
  const std::vector<std::string> others = {"patch_embed.conv1.gamma", "patch_embed.conv.weight", "patch_embed.bna.bias",
                                           "patch_embed.bn12.bias"};
  std::vector<std::string> names = stem;
  names.insert(names.end(), others.begin(), others.end());
  const Naming naming = recognise(names, "file");
  for (const std::string& name : stem) EXPECT_EQ(naming.tensors.count(name), 1U) << name;
  EXPECT_EQ(naming.unknown.size(), others.size());
}

TEST(Naming, Torchvision) {
  const Naming naming = recognise({"class_token", "conv_proj.weight", "encoder.pos_embedding",
                                   "encoder.layers.encoder_layer_3.self_attention.in_proj_weight",
                                   "encoder.layers.encoder_layer_3.mlp.0.bias", "heads.head.weight"},
                                  "file");
  EXPECT_EQ(naming.layout, "torchvision");
  EXPECT_TRUE(naming.unknown.empty());
  for (const char* name : {"cls_token", "patch_embed.proj.weight", "pos_embed", "blocks.3.attn.qkv.weight",
                           "blocks.3.mlp.fc1.bias", "head.weight"}) {
    EXPECT_EQ(naming.tensors.count(name), 1U) << name;
  }
}

TEST(Naming, DinoV2WithRegisters) {
  const Naming naming =
      recognise({"dinov2_with_registers.embeddings.register_tokens", "dinov2_with_registers.embeddings.mask_token",
                 "dinov2_with_registers.encoder.layer.11.layer_scale1.lambda1",
                 "dinov2_with_registers.encoder.layer.0.norm1.bias",
                 "dinov2_with_registers.encoder.layer.0.mlp.fc2.weight", "dinov2_with_registers.layernorm.weight"},
                "file");
  EXPECT_EQ(naming.prefix, "dinov2_with_registers.");
  EXPECT_TRUE(naming.unknown.empty());
  EXPECT_EQ(naming.without_effect.size(), 1U);
  for (const char* name :
       {"reg_token", "blocks.11.ls1.gamma", "blocks.0.norm1.bias", "blocks.0.mlp.fc2.weight", "norm.weight"}) {
    EXPECT_EQ(naming.tensors.count(name), 1U) << name;
  }
}

TEST(Naming, AQueryWithoutItsKeyIsRefused) {
  EXPECT_THAT(message_of([] { recognise({"vit.encoder.layer.0.attention.attention.query.weight"}, "file"); }),
              HasSubstr("there is no tensor of the key"));
}

// timm's names say how wide a network is, and all of these have heads of 64 channels; no tensor shows it.
TEST(PublishedConfig, HeadsAreKnownByTimmsNames) {
  const TemporaryFolder folder;
  const auto heads = [&](const char* model, const std::string& architecture) {
    zoo::ModelSpec spec = zoo::find(model);
    spec.heads = 0;
    folder.file("config.json", "{\"architecture\": \"" + architecture + "\"}");
    return network::with_published_config(folder.path(""), spec).heads;
  };
  EXPECT_EQ(heads("deit-t", "deit_tiny_patch16_224"), 3);
  EXPECT_EQ(heads("deit-s", "vit_small_patch16_224"), 6);
  EXPECT_EQ(heads("deit-b", "deit3_base_patch16_224"), 12);
  EXPECT_EQ(heads("deit-b", "vit_base_patch16_224.augreg_in1k"), 12);
  EXPECT_EQ(heads("deit-s", "vit_tiny_patch16_224"), 0);  // of another width: not that one
  EXPECT_EQ(heads("deit-t", "flexivit_tiny_patch16_224"), 0);
}

}  // namespace
}  // namespace heatvit::weights
