// The five networks, as data. A model is a row; nothing else in the project names one.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace heatvit::zoo {

enum class Stem { kPatch16, kLvConv };  // one 16x16 stride-16 convolution; LV-ViT's four convolutions

struct ModelSpec {
  std::string_view name;
  int depth, dim, heads;
  int mlp_hidden;
  bool qkv_bias;
  double ln_eps;
  Stem stem;
  double residual_divisor;       // LV-ViT divides each residual branch (skip_lam)
  bool aux_head;                 // logits = head(CLS) + 0.5 max over tokens of aux_head
  double crop;                   // share of the short side that the centre crop keeps (224 / resize)
  std::array<int, 3> selectors;  // before these blocks, counting from 1

  int head_dim() const { return dim / heads; }
};

constexpr int kImageSize = 224;
constexpr int kPatchGrid = 14;
constexpr int kPatches = kPatchGrid * kPatchGrid;  // N0
constexpr int kMaxTokens = kPatches + 1;
constexpr int kClasses = 1000;
constexpr int kLvStemChannels = 64;

const std::vector<ModelSpec>& models();

/// Throws InputError naming the models there are.
const ModelSpec& find(std::string_view name);

/// Patch tokens that stay at a cumulative rate: floor(196 (1 - r) + 1e-9).
int kept_at(double rate);

/// Tokens after a selector that keeps `kept` of the 196 patches: CLS, kept, and the package token if any was dropped.
int tokens_for(int kept);

}  // namespace heatvit::zoo
