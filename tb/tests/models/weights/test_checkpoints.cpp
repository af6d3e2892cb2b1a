// Checkpoints as they are published: other names, prefixes, types, shards; what is folded, and what is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "models/network/checkpoint.h"
#include "models/network/fit.h"
#include "models/network/float_model.h"
#include "models/weights/safetensors.h"
#include "models/weights/tensor_files.h"
#include "models/weights/weight_source.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::weights {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using tests::message_of;
using tests::TemporaryFolder;

struct Tensor {
  Shape shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;

const zoo::ModelSpec& spec() { return zoo::find("deit-micro"); }

/// A network of deit-micro's size with random weights, under timm's names.
Tensors random_network() {
  const int64_t dim = spec().dim, hidden = spec().mlp_hidden, patch = spec().patch_size();
  std::map<std::string, Shape> shapes = {{"patch_embed.proj.weight", {dim, 3, patch, patch}},
                                         {"patch_embed.proj.bias", {dim}},
                                         {"cls_token", {1, 1, dim}},
                                         {"pos_embed", {1, spec().max_tokens(), dim}},
                                         {"norm.weight", {dim}},
                                         {"norm.bias", {dim}},
                                         {"head.weight", {spec().classes, dim}},
                                         {"head.bias", {spec().classes}}};
  for (int block = 0; block < spec().depth; ++block) {
    const std::string name = "blocks." + std::to_string(block) + ".";
    for (const char* norm : {"norm1", "norm2"}) {
      shapes[name + norm + ".weight"] = shapes[name + norm + ".bias"] = {dim};
    }
    shapes[name + "attn.qkv.weight"] = {3 * dim, dim};
    shapes[name + "attn.qkv.bias"] = {3 * dim};
    shapes[name + "attn.proj.weight"] = {dim, dim};
    shapes[name + "attn.proj.bias"] = {dim};
    shapes[name + "mlp.fc1.weight"] = {hidden, dim};
    shapes[name + "mlp.fc1.bias"] = {hidden};
    shapes[name + "mlp.fc2.weight"] = {dim, hidden};
    shapes[name + "mlp.fc2.bias"] = {dim};
  }
  Tensors tensors;
  const auto source = open_weights("synthetic:11");
  for (const auto& [name, shape] : shapes) tensors[name] = {shape, source->read(name, shape)};
  return tensors;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// Hugging Face's ViTForImageClassification.
Tensors hugging_face(const Tensors& timm) {
  const std::pair<const char*, const char*> kNames[] = {{"patch_embed.proj", "embeddings.patch_embeddings.projection"},
                                                        {"cls_token", "embeddings.cls_token"},
                                                        {"pos_embed", "embeddings.position_embeddings"},
                                                        {"blocks.", "encoder.layer."},
                                                        {"norm1", "layernorm_before"},
                                                        {"norm2", "layernorm_after"},
                                                        {"attn.proj", "attention.output.dense"},
                                                        {"mlp.fc1", "intermediate.dense"},
                                                        {"mlp.fc2", "output.dense"}};
  Tensors out;
  for (const auto& [timm_name, tensor] : timm) {
    if (timm_name.rfind("head.", 0) == 0) {
      out[replaced(timm_name, "head", "classifier")] = tensor;
      continue;
    }
    std::string name = timm_name.rfind("norm.", 0) == 0 ? replaced(timm_name, "norm", "layernorm") : timm_name;
    for (const auto& [from, to] : kNames) name = replaced(name, from, to);
    name = "vit." + name;
    if (name.find("attn.qkv") == std::string::npos) {
      out[name] = tensor;
      continue;
    }
    Shape shape = tensor.shape;
    shape[0] /= 3;
    const auto third = static_cast<std::ptrdiff_t>(tensor.values.size() / 3);
    std::ptrdiff_t part = 0;
    for (const char* kind : {"query", "key", "value"}) {
      const auto from = tensor.values.begin() + third * part++;
      out[replaced(name, "attn.qkv", std::string("attention.attention.") + kind)] = {shape, {from, from + third}};
    }
  }
  return out;
}

void write(const std::string& path, const Tensors& tensors) {
  SafetensorsWriter writer;
  for (const auto& [name, tensor] : tensors) writer.add(name, tensor.shape, tensor.values);
  writer.write(path);
}

void expect_same(const std::string& path, const std::string& other) {
  SCOPED_TRACE(other);
  const auto a = open_weights(path), b = open_weights(other);
  EXPECT_EQ(a->fingerprint(), b->fingerprint());
  const network::FloatModel left = network::load_float_model(*a, spec()), right = network::load_float_model(*b, spec());
  EXPECT_EQ(left.embed.linear.weight, right.embed.linear.weight);
  EXPECT_EQ(left.position, right.position);
  EXPECT_EQ(left.head.weight, right.head.weight);
  for (size_t i = 0; i < left.blocks.size(); ++i) {
    EXPECT_EQ(left.blocks[i].qkv.weight, right.blocks[i].qkv.weight);
    EXPECT_EQ(left.blocks[i].qkv.bias, right.blocks[i].qkv.bias);
    EXPECT_EQ(left.blocks[i].fc2.weight, right.blocks[i].fc2.weight);
  }
}

class Checkpoint : public ::testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_.path(name); }

  /// Loads the network with one more tensor.
  void load_with(const std::string& name, const Shape& shape) const {
    Tensors tensors = network_;
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    tensors[name] = {shape, std::vector<float>(count, 0.5F)};
    write(file("more.safetensors"), tensors);
    network::load_float_model(*open_weights(file("more.safetensors")), spec());
  }

  std::string refusal_of(const std::string& name, const Shape& shape = {1}) const {
    return message_of([&] { load_with(name, shape); });
  }

  TemporaryFolder folder_;
  Tensors network_ = random_network();
};

TEST_F(Checkpoint, OtherNamesAndPrefixesAreTheSameNetwork) {
  write(file("timm.safetensors"), network_);
  write(file("hf.safetensors"), hugging_face(network_));
  for (const char* prefix : {"module.", "model.", "backbone.", "module._orig_mod.", "model.vit."}) {
    Tensors prefixed;
    for (const auto& [name, tensor] : network_) prefixed[prefix + name] = tensor;
    write(file("prefixed.safetensors"), prefixed);
    expect_same(file("timm.safetensors"), file("prefixed.safetensors"));
  }
  expect_same(file("timm.safetensors"), file("hf.safetensors"));
}

// Messages call a tensor what its file calls it; where it is put together from several, what it is, and one of them.
TEST_F(Checkpoint, TensorsAreNamedAsTheirFileNamesThem) {
  write(file("timm.safetensors"), network_);
  write(file("hf.safetensors"), hugging_face(network_));
  const auto refusal = [&](const char* name, const std::string& tensor) {
    return message_of([&] { open_weights(file(name))->read(tensor, {1}); });
  };
  const std::string qkv = "blocks.0.attn.qkv.weight", norm = "blocks.0.norm1.weight";
  EXPECT_THAT(refusal("timm.safetensors", qkv), EndsWith("is needed, tensor '" + qkv + "'"));
  EXPECT_THAT(refusal("hf.safetensors", norm),
              EndsWith("is needed, tensor 'vit.encoder.layer.0.layernorm_before.weight'"));
  EXPECT_THAT(refusal("hf.safetensors", qkv),
              EndsWith("tensor '" + qkv + "' (of 'vit.encoder.layer.0.attention.attention.query.weight')"));
}

TEST_F(Checkpoint, Shards) {
  write(file("timm.safetensors"), network_);
  Tensors shards[2];
  std::string map;
  size_t index = 0;
  for (const auto& [name, tensor] : network_) {
    shards[index % 2][name] = tensor;
    map += (map.empty() ? "\"" : ", \"") + name + "\": \"part-" + std::to_string(index++ % 2) + ".safetensors\"";
  }
  const TemporaryFolder folder;
  write(folder.path("part-0.safetensors"), shards[0]);
  write(folder.path("part-1.safetensors"), shards[1]);
  const std::string index_path = folder.path("model.safetensors.index.json");
  const auto write_index = [&](const std::string& text) { std::ofstream(index_path) << text; };
  write_index("{\"metadata\": {}, \"weight_map\": {" + map + "}}");
  expect_same(file("timm.safetensors"), index_path);
  expect_same(file("timm.safetensors"), folder.path("."));
  const auto message = [&] { return message_of([&] { TensorFiles::open(index_path); }); };
  write_index("{\"weight_map\": {\"norm.bias\": \"none.safetensors\"}}");
  EXPECT_THAT(message(), HasSubstr("the shard 'none.safetensors' is missing"));
  write_index("{\"weight_map\": {\"elsewhere\": \"part-1.safetensors\"}}");
  EXPECT_THAT(message(), HasSubstr("'elsewhere' is not in 'part-1.safetensors'"));
  write_index("{\"weight_map\": {\"cls_token\": \"../part-1.safetensors\"}}");
  EXPECT_THAT(message(), HasSubstr("must be a file's name"));
  write_index("[1]");
  EXPECT_THAT(message(), HasSubstr("no index of shards"));
}

TEST_F(Checkpoint, LayerScaleIsFolded) {
  write(file("timm.safetensors"), network_);
  Tensors scaled = network_;
  for (int block = 0; block < spec().depth; ++block) {
    const std::string name = "blocks." + std::to_string(block) + ".";
    for (const char* stem : {"attn.proj", "mlp.fc2"}) {
      for (const char* leaf : {".weight", ".bias"}) {
        for (float& value : scaled[name + stem + leaf].values) value *= 4;
      }
    }
    for (const char* scale : {"ls1.gamma", "ls2.gamma"}) {
      scaled[name + scale] = {{spec().dim}, std::vector<float>(size_t(spec().dim), 0.25F)};
    }
  }
  write(file("scaled.safetensors"), scaled);
  const auto plain = network::load_float_model(*open_weights(file("timm.safetensors")), spec());
  const auto source = open_weights(file("scaled.safetensors"));
  const auto folded = network::load_float_model(*source, network::fit_to(*source, spec()));
  for (size_t i = 0; i < plain.blocks.size(); ++i) {  // powers of two: exact
    EXPECT_EQ(plain.blocks[i].proj.weight, folded.blocks[i].proj.weight);
    EXPECT_EQ(plain.blocks[i].proj.bias, folded.blocks[i].proj.bias);
    EXPECT_EQ(plain.blocks[i].fc2.weight, folded.blocks[i].fc2.weight);
    EXPECT_EQ(plain.blocks[i].fc2.bias, folded.blocks[i].fc2.bias);
  }
}

TEST_F(Checkpoint, WhatIsNotComputedIsRefusedByName) {
  const std::pair<const char*, const char*> kCases[] = {
      {"blocks.0.attn.q_norm.weight", "normalised queries and keys"},
      {"blocks.1.mlp.w12.weight", "SwiGLU"},
      {"vit.encoder.layer.0.mlp.weights_in.weight", "SwiGLU"},
      {"rope.freqs", "rotary positions"},
      {"blocks.0.attn.relative_position_bias_table", "relative positions"},
      {"score_predictor.0.in_conv.0.weight", "DynamicViT's token selectors"},
      {"stages.0.downsample.weight", "convolutional stages"},
      {"pre_logits.fc.weight", "a layer before the classifier"},
      {"blocks.0.attn.q_bias", "separate biases"},
      {"something.else", "is not computed here"}};
  for (const auto& [name, meaning] : kCases) {
    EXPECT_THAT(refusal_of(name), HasSubstr("'" + std::string(name) + "'"));
    EXPECT_THAT(refusal_of(name), HasSubstr(meaning)) << name;
  }
}

TEST_F(Checkpoint, OfSeveralTensorsThatAreNotComputedOneIsNamedAndTheOthersAreCounted) {
  Tensors tensors = network_;
  for (const char* name : {"something.else", "something.more", "what.is.it"}) tensors[name] = {{1}, {0.5F}};
  write(file("several.safetensors"), tensors);
  EXPECT_THAT(message_of([&] { open_weights(file("several.safetensors"))->expect_known(); }),
              HasSubstr("'something.else' (and 2 more)"));
}

TEST_F(Checkpoint, WhatTheDescriptionLacksIsRefusedByName) {
  const int64_t dim = spec().dim;
  for (const char* name :
       {"reg_token", "dist_token", "head_dist.weight", "aux_head.bias", "fc_norm.weight", "blocks.6.norm1.weight"}) {
    EXPECT_THAT(refusal_of(name, {1, 4, dim}), HasSubstr("'" + std::string(name) + "'")) << name;
  }
}

TEST_F(Checkpoint, WhatHasNoEffectIsPassedOver) {
  for (const char* name : {"mask_token", "vit.pooler.dense.weight", "patch_embed.bn1.num_batches_tracked"}) {
    EXPECT_NO_THROW(load_with(name, {1})) << name;
  }
}

TEST_F(Checkpoint, OneTensorUnderTwoNamesIsRefused) {
  EXPECT_THAT(refusal_of("module.cls_token"), HasSubstr("are one in the network"));
}

TEST_F(Checkpoint, ClassesAndImageSizeAreTheFiles) {
  Tensors tensors = network_;
  const int64_t dim = spec().dim;
  tensors["head.weight"] = {{10, dim}, std::vector<float>(size_t(10 * dim), 0.1F)};
  tensors["head.bias"] = {{10}, std::vector<float>(10, 0.1F)};
  tensors["pos_embed"] = {{1, 145, dim}, std::vector<float>(size_t(145 * dim), 0.1F)};
  write(file("fitted.safetensors"), tensors);
  const auto source = open_weights(file("fitted.safetensors"));
  const zoo::ModelSpec fitted = network::fit_to(*source, spec());
  EXPECT_EQ(fitted.classes, 10);
  EXPECT_EQ(fitted.max_tokens(), 145);
  EXPECT_EQ(fitted.image_size, 12 * spec().patch_size());
  EXPECT_EQ(network::load_float_model(*source, fitted).head.n, 10);
  EXPECT_THAT(message_of([&] { network::fit_to(*source, zoo::find("deit-t")); }), HasSubstr("the depth is 6"));
}

TEST_F(Checkpoint, ADescriptionInTheFileKeepsWhatWasAskedFor) {
  zoo::ModelSpec inside = spec();
  inside.name = "made-elsewhere";
  inside.selectors = {2};
  SafetensorsWriter writer;
  for (const auto& [name, tensor] : network_) writer.add(name, tensor.shape, tensor.values);
  writer.set_metadata(network::kDescriptionKey, zoo::describe(inside));
  writer.write(file("described.safetensors"));
  zoo::ModelSpec asked = spec();
  asked.base = "deit-s", asked.selectors = {3, 5};
  const zoo::ModelSpec fitted = network::fit_to_checkpoint(file("described.safetensors"), asked);
  EXPECT_EQ(fitted.name, asked.name);
  EXPECT_EQ(fitted.base, asked.base);
  EXPECT_EQ(fitted.selectors, asked.selectors);
  EXPECT_THAT(message_of([&] { network::fit_to_checkpoint(file("described.safetensors"), zoo::find("deit-t")); }),
              HasSubstr("the depth is 6 in the file's description where deit-t has 12"));
}

TEST_F(Checkpoint, TokensAndHeadsAreTheFiles) {
  const auto fitted = [&](const Tensors& tensors) {
    write(file("fitted.safetensors"), tensors);
    return network::fit_to(*open_weights(file("fitted.safetensors")), spec());
  };
  const int64_t dim = spec().dim;
  Tensors tensors = network_;
  const auto put = [&](const char* name, const Shape& shape) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    tensors[name] = {shape, std::vector<float>(count, 0.1F)};
  };
  put("dist_token", {1, 1, dim});
  put("pos_embed", {1, spec().max_tokens() + 1, dim});
  EXPECT_EQ(fitted(tensors).classifier, zoo::Classifier::kOne);  // as Hugging Face's without its teacher
  EXPECT_EQ(fitted(tensors).max_tokens(), spec().max_tokens() + 1);
  put("head_dist.weight", {spec().classes, dim});
  put("head_dist.bias", {spec().classes});
  EXPECT_EQ(fitted(tensors).classifier, zoo::Classifier::kTwo);
  put("reg_token", {1, 4, dim});
  EXPECT_EQ(fitted(tensors).max_tokens(), spec().max_tokens() + 5);
  EXPECT_EQ(fitted(tensors).image_size, spec().image_size);
  EXPECT_FALSE(fitted(tensors).layer_scale);
  put("blocks.0.ls1.gamma", {dim});
  EXPECT_TRUE(fitted(tensors).layer_scale);
  tensors = network_;
  put("head.weight", {spec().classes, 2 * dim});  // DINOv2's
  EXPECT_EQ(fitted(tensors).pooling, zoo::Pooling::kClassMean);
  tensors = network_;
  tensors["fc_norm.weight"] = tensors["norm.weight"];
  tensors.erase("norm.weight");
  EXPECT_THAT(message_of([&] { fitted(tensors); }), HasSubstr("\"pooling\": \"mean\""));
}

// A cubic goes through the values of a line, between the positions and, mirrored weights, at the ends' neighbours.
TEST_F(Checkpoint, PositionsAreResampledWhereASizeIsAskedFor) {
  const int64_t dim = spec().dim;
  const int grid = spec().patch_grid;
  Tensors tensors = network_;
  std::vector<float> rows(size_t(spec().max_tokens() * dim), 7.0F);
  for (int y = 0; y < grid; ++y)
    for (int x = 0; x < grid; ++x)
      for (int64_t c = 0; c < dim; ++c)
        rows[size_t((1 + y * grid + x) * dim + c)] = static_cast<float>(c % 3 == 0 ? 1 : c % 3 == 1 ? x : y);
  tensors["pos_embed"] = {{1, spec().max_tokens(), dim}, rows};
  write(file("line.safetensors"), tensors);
  const auto source = open_weights(file("line.safetensors"));
  for (const int to : {grid, grid / 2, 2 * grid, 3 * grid}) {
    const zoo::ModelSpec sized = network::fit_to(*source, network::at_image_size(spec(), to * spec().patch_size()));
    EXPECT_EQ(sized.patch_grid, to);
    const network::FloatModel model = network::load_float_model(*source, sized);
    ASSERT_EQ(model.position.size(), size_t(to * to * dim));
    const double step = static_cast<double>(grid) / to;
    for (int y = to / 3; y < to - to / 3; ++y)
      for (int x = to / 3; x < to - to / 3; ++x) {
        const float* row = &model.position[size_t((y * to + x) * dim)];
        EXPECT_NEAR(row[0], 1, 1e-6);
        EXPECT_NEAR(row[1], (x + 0.5) * step - 0.5, 0.07) << to;
        EXPECT_NEAR(row[2], (y + 0.5) * step - 0.5, 0.07) << to;
      }
  }
  EXPECT_THAT(message_of([&] { network::at_image_size(spec(), spec().patch_size() * 3 + 1); }),
              HasSubstr("not divided"));
}

TEST_F(Checkpoint, FingerprintIsOfValuesUpToTheClassifier) {
  write(file("a.safetensors"), network_);
  const std::string fingerprint = open_weights(file("a.safetensors"))->fingerprint();
  EXPECT_EQ(fingerprint.size(), 16U);
  Tensors other = network_;
  other["head.bias"].values[0] += 1;
  write(file("b.safetensors"), other);
  EXPECT_EQ(open_weights(file("b.safetensors"))->fingerprint(), fingerprint);
  other["norm.bias"].values[5] = std::nextafter(other["norm.bias"].values[5], 9.0F);
  write(file("c.safetensors"), other);
  EXPECT_NE(open_weights(file("c.safetensors"))->fingerprint(), fingerprint);
}

}  // namespace
}  // namespace heatvit::weights
