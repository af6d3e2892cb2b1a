// The float32 network as loaded: tensors row-major, no layout of any machine. The float executor runs it; models/quant
// turns it into integers.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/weights/weight_source.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// y[n] = sum_k x[k] weight[n][k] + bias[n].
struct FloatLinear {
  int n = 0, k = 0;
  std::vector<float> weight;  // n x k
  std::vector<float> bias;    // n; zeros where the network has none
};

struct FloatNorm {
  std::vector<float> gamma, beta;
};

/// A square convolution over an HWC tensor, zero outside; columns k in (ky, kx, c) order.
struct FloatConv {
  int in_size = 0, out_size = 0, channels = 0, kernel = 0, stride = 0, pad = 0;
  FloatLinear linear;
};

struct FloatBlock {
  FloatNorm norm1, norm2;
  FloatLinear qkv;  // rows: Q, K, V, each D; within each, head after head
  FloatLinear proj, fc1, fc2;
};

/// Attention-based multi-head token selector (docs/numerics.md section 8); d = D / H, weights shared by the heads.
struct FloatSelector {
  FloatNorm norm;            // d
  FloatLinear local;         // d -> d/2
  FloatLinear mlp1;          // d (local, global) -> d/2
  FloatLinear mlp2;          // d/2 -> d/4
  FloatLinear keep;          // d/4 -> 2 (keep, drop)
  FloatLinear head1, head2;  // H -> h -> H, h = max(1, H / 2)

  /// Of DynamicViT's predictor: one head, d = D; local is D -> D, of which half becomes global; no head1, head2.
  bool dynamicvit() const { return head1.n == 0; }
};

struct FloatModel {
  zoo::ModelSpec spec{};
  std::vector<FloatConv> stem;  // LV-ViT: three convolutions with ReLU; empty for DeiT
  FloatConv embed;              // -> N0 tokens
  std::vector<float> front;     // F x D: the tokens in front, with the positions that they have
  std::vector<float> position;  // N0 x D: of the patches
  std::vector<FloatBlock> blocks;
  std::function<void(int index, FloatBlock& into)> read;  // where `blocks` is empty: makes one of them, from 0
  FloatNorm norm;
  FloatLinear head;                      // of two heads their mean, over class and distillation token side by side
  FloatLinear aux_head;                  // LV-ViT; n = 0 otherwise
  std::vector<FloatSelector> selectors;  // empty, or one a stage

  /// Block `index`, from 0: the one that is there, or one read into `own`, which best holds another block already.
  const FloatBlock& block(int index, FloatBlock& own) const {
    if (!read) return blocks[static_cast<size_t>(index)];
    read(index, own);
    return own;
  }
};

/// Reads timm's tensors (DeiT) or those of LV-ViT's released code, batch norms folded into the stem. No selectors.
/// Tensor names and shapes beyond the blocks:
///   DeiT    patch_embed.proj.{weight [D,3,P,P], bias}
///   LV-ViT  patch_embed.conv{1,2,3}.weight, patch_embed.bn{1,2,3}.{weight,bias,running_mean,running_var},
///           patch_embed.proj.{weight [D,64,8,8], bias}, aux_head.{weight,bias}
///   both    cls_token [1,1,D], pos_embed [1,N0+1,D], norm.{weight,bias}, head.{weight [classes,D], bias}
/// As the description says: dist_token [1,1,D]; reg_token [1,R,D]; fc_norm in place of norm where the mean is pooled;
/// head_dist.{weight,bias} of two heads; blocks.N.ls{1,2}.gamma [D], folded into proj and fc2. pos_embed has a row for
/// each token, or none for registers, or none for any in front. Throws InputError as WeightSource::read does, and for a
/// tensor that is not computed here or that the description has no place for.
FloatModel load_float_model(const weights::WeightSource& source, const zoo::ModelSpec& spec);

/// The same without its blocks, which the model reads from the source whenever they are used: for a source that makes
/// its tensors as cheaply as it keeps them, and users that go block by block.
FloatModel open_float_model(std::shared_ptr<const weights::WeightSource> source, const zoo::ModelSpec& spec);

/// Reads `selectors.S.*` (models/selectors/README.md), S from 0 to count - 1: HeatViT's selectors or DynamicViT's
/// predictors.
std::vector<FloatSelector> load_float_selectors(const weights::WeightSource& source, const zoo::ModelSpec& spec,
                                                size_t count, bool dynamicvit = false);

}  // namespace heatvit::network
