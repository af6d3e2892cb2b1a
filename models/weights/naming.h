// Names of a vision transformer's tensors as they are published, and timm's, which are canonical here.
//
//   embedding    patch_embed.proj.{weight,bias}, cls_token, dist_token, reg_token, pos_embed
//                LV-ViT: patch_embed.conv{1,2,3}.weight, patch_embed.bn{1,2,3}.{weight,bias,running_mean,running_var}
//   block B      blocks.B.{norm1,norm2,attn.qkv,attn.proj,mlp.fc1,mlp.fc2}.{weight,bias}, blocks.B.{ls1,ls2}.gamma
//   classifier   norm, fc_norm, head, head_dist, aux_head.{weight,bias}
//
// Recognised beside them, with or without wrappers' prefixes (module., model., backbone., vit., deit., ...): Hugging
// Face's ViT, DeiT, DINOv2 (with registers too), torchvision's vit_*, and the released code of DINOv2.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace heatvit::weights {

struct Naming {
  std::string layout;  // "timm", "Hugging Face", "torchvision"
  std::string prefix;  // what was taken off most names, or empty

  /// Canonical name -> names in the file, joined along the first axis (query, key, value).
  std::map<std::string, std::vector<std::string>> tensors;

  /// In the file, and without effect on the classes: mask tokens, poolers, counters, selectors (which are read apart).
  std::vector<std::string> without_effect;

  /// In the file, and nothing that is computed here: each with what it belongs to, where that is known.
  std::vector<std::pair<std::string, std::string>> unknown;
};

/// Throws InputError starting with `origin` where two tensors of the file would be the same one.
Naming recognise(const std::vector<std::string>& names, const std::string& origin);

}  // namespace heatvit::weights
