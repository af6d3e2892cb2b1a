#include "models/weights/naming.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "accel/isa/errors.h"
#include "models/weights/safetensors_header.h"
#include "models/weights/text.h"

namespace heatvit::weights {
namespace {

// Taken off wherever a name starts with one, over and over: DataParallel, compiled modules, Lightning, wrappers.
constexpr std::string_view kPrefixes[] = {"module.",   "_orig_mod.",   "model.",     "state_dict.",
                                          "backbone.", "vit.",         "deit.",      "dinov2_with_registers.",
                                          "dinov2.",   "encoder.vit.", "base_model."};

struct Rule {
  std::string_view from, to;
  const char* layout;
};

constexpr char kTimm[] = "timm";
constexpr char kHuggingFace[] = "Hugging Face";
constexpr char kTorchvision[] = "torchvision";

// Whole names, and stems of NAME.weight and NAME.bias.
constexpr Rule kNames[] = {
    {"cls_token", "cls_token", kTimm},
    {"dist_token", "dist_token", kTimm},
    {"reg_token", "reg_token", kTimm},
    {"register_tokens", "reg_token", kTimm},
    {"pos_embed", "pos_embed", kTimm},
    {"embeddings.cls_token", "cls_token", kHuggingFace},
    {"embeddings.distillation_token", "dist_token", kHuggingFace},
    {"embeddings.register_tokens", "reg_token", kHuggingFace},
    {"embeddings.position_embeddings", "pos_embed", kHuggingFace},
    {"class_token", "cls_token", kTorchvision},
    {"encoder.pos_embedding", "pos_embed", kTorchvision},
};
constexpr Rule kLayers[] = {
    {"patch_embed.proj", "patch_embed.proj", kTimm},
    {"norm", "norm", kTimm},
    {"fc_norm", "fc_norm", kTimm},
    {"head", "head", kTimm},
    {"head_dist", "head_dist", kTimm},
    {"linear_head", "head", kTimm},  // of DINOv2's own classifiers
    {"aux_head", "aux_head", kTimm},
    {"embeddings.patch_embeddings.projection", "patch_embed.proj", kHuggingFace},
    {"layernorm", "norm", kHuggingFace},
    {"classifier", "head", kHuggingFace},
    {"cls_classifier", "head", kHuggingFace},
    {"distillation_classifier", "head_dist", kHuggingFace},
    {"conv_proj", "patch_embed.proj", kTorchvision},
    {"encoder.ln", "norm", kTorchvision},
    {"heads.head", "head", kTorchvision},
};

// In front of a block's number.
constexpr Rule kBlocks[] = {
    {"blocks.", "", kTimm},
    {"encoder.layer.", "", kHuggingFace},
    {"encoder.layers.encoder_layer_", "", kTorchvision},
    {"layers.", "", kHuggingFace},  // of newer versions
    {"layer.", "", kHuggingFace},
};

// Stems within a block.
constexpr Rule kBlockLayers[] = {
    {"norm1", "norm1", nullptr},
    {"norm2", "norm2", nullptr},
    {"attn.qkv", "attn.qkv", nullptr},
    {"attn.proj", "attn.proj", nullptr},
    {"mlp.fc1", "mlp.fc1", nullptr},
    {"mlp.fc2", "mlp.fc2", nullptr},
    {"layernorm_before", "norm1", nullptr},
    {"layernorm_after", "norm2", nullptr},
    {"attention.output.dense", "attn.proj", nullptr},
    {"attention.o_proj", "attn.proj", nullptr},
    {"intermediate.dense", "mlp.fc1", nullptr},
    {"output.dense", "mlp.fc2", nullptr},
    {"ln_1", "norm1", nullptr},
    {"ln_2", "norm2", nullptr},
    {"self_attention.out_proj", "attn.proj", nullptr},
    {"mlp.linear_1", "mlp.fc1", nullptr},
    {"mlp.linear_2", "mlp.fc2", nullptr},
    {"mlp.0", "mlp.fc1", nullptr},  // torchvision before 0.13
    {"mlp.3", "mlp.fc2", nullptr},
};

// Whole names within a block.
constexpr Rule kBlockNames[] = {
    {"ls1.gamma", "ls1.gamma", nullptr},
    {"ls2.gamma", "ls2.gamma", nullptr},
    {"gamma_1", "ls1.gamma", nullptr},  // CaiT and DeiT III
    {"gamma_2", "ls2.gamma", nullptr},
    {"layer_scale1.lambda1", "ls1.gamma", nullptr},
    {"layer_scale2.lambda1", "ls2.gamma", nullptr},
    {"self_attention.in_proj_weight", "attn.qkv.weight", nullptr},
    {"self_attention.in_proj_bias", "attn.qkv.bias", nullptr},
};

// Parts of attn.qkv, in the order of its rows.
constexpr std::array<std::string_view, 3> kParts[] = {
    {"attention.attention.query", "attention.attention.key", "attention.attention.value"},
    {"attention.query", "attention.key", "attention.value"},
    {"attention.q_proj", "attention.k_proj", "attention.v_proj"},
};

// What a name that is not computed here tells, by a part of it. The first that fits.
constexpr std::pair<std::string_view, const char*> kMeanings[] = {
    {"q_norm", "normalised queries and keys"},
    {"k_norm", "normalised queries and keys"},
    {"attn.norm", "a norm within attention"},
    {"mlp.norm", "a norm within the MLP"},
    {"weights_in", "a SwiGLU MLP"},
    {"weights_out", "a SwiGLU MLP"},
    {"mlp.w1", "a SwiGLU MLP"},
    {"mlp.w2", "a SwiGLU MLP"},
    {"mlp.w3", "a SwiGLU MLP"},
    {"fc1_g", "a SwiGLU MLP"},
    {"fc1_x", "a SwiGLU MLP"},
    {"rope", "rotary positions"},
    {"rotary", "rotary positions"},
    {"freqs", "rotary positions"},
    {"rel_pos", "relative positions"},
    {"relative_position", "relative positions"},
    {"q_bias", "separate biases of queries and values"},
    {"v_bias", "separate biases of queries and values"},
    {"score_predictor", "DynamicViT's token selectors"},
    {"attn_pool", "attention pooling"},
    {"norm_pre", "a norm before the blocks"},
    {"ln_pre", "a norm before the blocks"},
    {"patch_embed.norm", "a norm within the embedding"},
    {"pre_logits", "a layer before the classifier"},
    {"downsample", "convolutional stages"},
    {"stages.", "convolutional stages"},
    {"patch_embed.backbone", "convolutional stages"},
    {"conv", "convolutions"},
    {"bn", "batch norms"},
    {"lora_", "LoRA adapters, which must be merged first"},
};

/// Without any number of known prefixes. A prefix that starts a canonical name is none.
std::string_view without_prefixes(std::string_view name) {
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view prefix : kPrefixes) {
      if (!starts_with(name, prefix)) continue;
      name.remove_prefix(prefix.size());
      found = true;
    }
  }
  return name;
}

std::string_view last_part(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

bool is_without_effect(std::string_view name) {
  for (const std::string_view whole : {"mask_token", "embeddings.mask_token"}) {
    if (name == whole) return true;
  }
  // Hugging Face's pooler feeds no classifier; selectors and their tuning are read by whom they concern.
  for (const std::string_view start : {"pooler.dense.", "selectors.", "tuned."}) {
    if (starts_with(name, start)) return true;
  }
  return last_part(name) == "num_batches_tracked";
}

/// One of "1".."3" for patch_embed.conv and patch_embed.bn of LV-ViT.
bool is_lv_stem(std::string_view name) {
  for (const std::string_view start : {"patch_embed.conv", "patch_embed.bn"}) {
    if (!starts_with(name, start)) continue;
    const std::string_view rest = name.substr(start.size());
    if (rest.size() < 3 || rest[0] < '1' || rest[0] > '9' || rest[1] != '.') continue;
    for (const std::string_view leaf : {"weight", "bias", "running_mean", "running_var"}) {
      if (rest.substr(2) == leaf) return true;
    }
  }
  return false;
}

struct Place {
  std::string name;  // canonical; empty: not known
  size_t part = 0;   // which of the three of attn.qkv
  size_t parts = 1;
  const char* layout = nullptr;
};

/// NAME.weight and NAME.bias of a stem, else nothing.
std::string_view leaf_of(std::string_view name) {
  const std::string_view leaf = last_part(name);
  return leaf == "weight" || leaf == "bias" ? leaf : std::string_view();
}

Place place_in_block(std::string_view name, const std::string& block) {
  for (const Rule& rule : kBlockNames) {
    if (name == rule.from) return {block + std::string(rule.to)};
  }
  const std::string_view leaf = leaf_of(name);
  if (leaf.empty() || leaf.size() + 1 >= name.size()) return {};
  const std::string_view stem = name.substr(0, name.size() - leaf.size() - 1);
  for (const Rule& rule : kBlockLayers) {
    if (stem == rule.from) return {block + std::string(rule.to) + "." + std::string(leaf)};
  }
  for (const auto& parts : kParts) {
    for (size_t i = 0; i < parts.size(); ++i) {
      if (stem == parts[i]) return {block + "attn.qkv." + std::string(leaf), i, parts.size()};
    }
  }
  return {};
}

Place place_of(std::string_view name) {
  for (const Rule& rule : kNames) {
    if (name == rule.from) return {std::string(rule.to), 0, 1, rule.layout};
  }
  if (is_lv_stem(name)) return {std::string(name), 0, 1, kTimm};
  for (const Rule& rule : kBlocks) {
    if (!starts_with(name, rule.from)) continue;
    const std::string_view rest = name.substr(rule.from.size());
    const size_t digits = static_cast<size_t>(
        std::find_if(rest.begin(), rest.end(), [](unsigned char c) { return std::isdigit(c) == 0; }) - rest.begin());
    const bool canonical = digits > 0 && digits < 5 && (digits == 1 || rest[0] != '0');
    if (!canonical || digits == rest.size() || rest[digits] != '.') return {};
    Place place = place_in_block(rest.substr(digits + 1), "blocks." + std::string(rest.substr(0, digits)) + ".");
    place.layout = rule.layout;
    return place;
  }
  const std::string_view leaf = leaf_of(name);
  if (leaf.empty() || leaf.size() + 1 >= name.size()) return {};
  const std::string_view stem = name.substr(0, name.size() - leaf.size() - 1);
  for (const Rule& rule : kLayers) {
    if (stem == rule.from) return {std::string(rule.to) + "." + std::string(leaf), 0, 1, rule.layout};
  }
  return {};
}

std::string meaning_of(std::string_view name) {
  for (const auto& [part, meaning] : kMeanings) {
    if (name.find(part) != std::string_view::npos) return meaning;
  }
  return {};
}

std::string most_frequent(const std::map<std::string, int>& counts) {
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::string() : most->first;
}

}  // namespace

Naming recognise(const std::vector<std::string>& names, const std::string& origin) {
  Naming naming;
  std::map<std::string, int> layouts, prefixes;
  for (const std::string& name : names) {
    const std::string_view bare = without_prefixes(name);
    if (is_without_effect(bare)) {
      naming.without_effect.push_back(name);
      continue;
    }
    const Place place = place_of(bare);
    if (place.name.empty()) {
      naming.unknown.emplace_back(name, meaning_of(bare));
      continue;
    }
    ++layouts[place.layout];
    ++prefixes[name.substr(0, name.size() - bare.size())];
    std::vector<std::string>& parts = naming.tensors[place.name];
    if (!parts.empty() && parts.size() != place.parts) {
      throw InputError(origin + ": tensors " + in_quotes(parts.front()) + " and " + in_quotes(name) +
                       " are one in the network");
    }
    parts.resize(place.parts);
    std::string& part = parts[place.part];
    if (!part.empty()) {
      throw InputError(origin + ": tensors " + in_quotes(part) + " and " + in_quotes(name) + " are one in the network");
    }
    part = name;
  }
  for (const auto& [canonical, parts] : naming.tensors) {
    const auto lacking = std::find(parts.begin(), parts.end(), "");
    if (lacking != parts.end()) {
      const char* const kinds[] = {"query", "key", "value"};
      throw InputError(origin + ": there is no tensor of the " + kinds[lacking - parts.begin()] + " for '" + canonical +
                       "'");
    }
  }
  naming.layout = most_frequent(layouts);
  naming.prefix = most_frequent(prefixes);
  return naming;
}

}  // namespace heatvit::weights
