#include "models/zoo/zoo.h"

#include <cmath>

#include "accel/isa/errors.h"

namespace heatvit::zoo {

namespace {

// Ours, made by models/zoo/micro/train.py (docs/deit-micro.md).
ModelSpec deit_micro() {
  ModelSpec spec{"deit-micro", 6, 96, 3, 192, true, 1e-6, Stem::kPatch, 1.0, false, 1.0, {3, 4, 5}};
  spec.image_size = 64;
  spec.patch_grid = 8;
  spec.classes = 16;
  spec.class_list = "models/zoo/micro/classes.csv";
  spec.weights = "models/zoo/micro/weights.safetensors";
  return spec;
}

}  // namespace

// DeiT: Touvron et al., ICML 2021, timm's vision_transformer. LV-ViT: Jiang et al., NeurIPS 2021, released code.
// Selector positions: SPViT's released code (the paper's own are not known).
const std::vector<ModelSpec>& models() {
  static const std::vector<ModelSpec> kModels = {
      // name      depth dim heads mlp  bias  eps   stem           div  aux   crop   selectors
      {"deit-t", 12, 192, 3, 768, true, 1e-6, Stem::kPatch, 1.0, false, 0.875, {4, 7, 10}},
      {"deit-s", 12, 384, 6, 1536, true, 1e-6, Stem::kPatch, 1.0, false, 0.875, {4, 7, 10}},
      {"deit-b", 12, 768, 12, 3072, true, 1e-6, Stem::kPatch, 1.0, false, 0.875, {4, 7, 10}},
      {"lv-vit-s", 16, 384, 6, 1152, false, 1e-5, Stem::kLvConv, 2.0, true, 0.9, {5, 9, 13}},
      {"lv-vit-m", 20, 512, 8, 1536, false, 1e-5, Stem::kLvConv, 2.0, true, 1.0, {6, 11, 16}},
      deit_micro(),
  };
  return kModels;
}

const ModelSpec& find(std::string_view name) {
  std::string known;
  for (const ModelSpec& model : models()) {
    if (model.name == name) return model;
    known += (known.empty() ? "" : ", ") + std::string(model.name);
  }
  throw InputError("unknown model '" + std::string(name) + "'; known: " + known);
}

int ModelSpec::kept_at(double rate) const { return static_cast<int>(std::floor(patches() * (1.0 - rate) + 1e-9)); }

int ModelSpec::tokens_for(int kept) const { return 1 + kept + (kept < patches() ? 1 : 0); }

}  // namespace heatvit::zoo
