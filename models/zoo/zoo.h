// The networks, as data. A model is a row; nothing else in the project names one.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace heatvit::zoo {

enum class Stem { kPatch, kLvConv };  // one convolution over patches that do not overlap; LV-ViT's four convolutions

struct ModelSpec {
  std::string_view name;
  int depth, dim, heads;
  int mlp_hidden;
  bool qkv_bias;
  double ln_eps;
  Stem stem;
  double residual_divisor;       // LV-ViT divides each residual branch (skip_lam)
  bool aux_head;                 // logits = head(CLS) + 0.5 max over tokens of aux_head
  double crop;                   // share of the short side that the centre crop keeps (image_size / resize)
  std::array<int, 3> selectors;  // before these blocks, counting from 1

  int image_size = 224;  // pixels a side
  int patch_grid = 14;   // patches a side
  int classes = 1000;
  // Files under the project's folder. The first line of a class list names its columns: "class" first, the name last.
  std::string_view class_list = "models/zoo/imagenet_classes.csv";
  std::string_view weights = {};  // backbone and selectors, where the project ships them

  int head_dim() const { return dim / heads; }
  int patch_size() const { return image_size / patch_grid; }  // pixels a side
  int patches() const { return patch_grid * patch_grid; }     // N0
  int max_tokens() const { return patches() + 1; }
  size_t image_bytes() const { return size_t(image_size) * size_t(image_size) * 3; }

  /// Patch tokens that stay at a cumulative rate: floor(N0 (1 - r) + 1e-9).
  int kept_at(double rate) const;

  /// Tokens after a selector that keeps `kept` of the patches: CLS, kept, and the package token if any was dropped.
  int tokens_for(int kept) const;
};

constexpr int kLvStemChannels = 64;

const std::vector<ModelSpec>& models();

/// Throws InputError naming the models there are.
const ModelSpec& find(std::string_view name);

}  // namespace heatvit::zoo
