// What was measured on boards, with where it was read. A: in a primary text or code; B: second-hand; C: arithmetic on
// these.
#pragma once

#include <array>

#include "tb/reproduce/experiment.h"

namespace heatvit::reproduce::published {

struct Board {
  const char* model;
  int batch;          // images that were measured together
  double latency_ms;  // of all of them
  double power_w;
  const char* source;
};

// Neither source says at which keep ratios, EQ-ViT not even whether tokens were pruned: it lists models that the
// paper's abstract does not have. 183 images a second, 5.45 ms an image, is arithmetic on the batch.
constexpr std::array<Board, 2> kHeatvit = {{{"deit-t", 6, 32.72, 9.45, "EQ-ViT Table IV (A), pruned or not"},
                                            {"deit-s", 1, 9.15, 10.697, "UbiMoE Table III (B), pruned or not"}}};

struct Range {
  double low, high;
  const char* source;
};

constexpr Range kTogether = {3.46, 4.89, "HeatViT, abstract (A)"};
constexpr Range kPruning = {1.82, 2.58, "notes on HeatViT (B)"};
constexpr Range kQuantisation = {1.90, 1.90, "HeatViT (B); 3.46 / 1.82 and 4.89 / 2.58 (C)"};
constexpr Range kReduction = {28.4, 65.3, "HeatViT, abstract (A)"};
constexpr Range kSelectorDsp = {8, 11, "HeatViT, abstract (A)"};
constexpr Range kSelectorLut = {5, 8, "HeatViT, abstract (A)"};

struct DenseMacs {
  const char* model;
  double gmacs;
};
constexpr std::array<DenseMacs, 5> kModels = {
    {{"deit-t", 1.25}, {"deit-s", 4.60}, {"deit-b", 17.56}, {"lv-vit-s", 6.5}, {"lv-vit-m", 12.6}}};

// SPViT's ratios (its released code, A); HeatViT's are not known.
constexpr Ratios kDefaultRatios = {0.7, 0.49, 0.343};
constexpr Ratios kTunedRatios = {0.617, 0.369, 0.137};
// Stronger ones, with which arithmetic on the products comes to the published speedups by pruning (C).
constexpr Ratios kStrongRatios = {0.5, 0.25, 0.125};

}  // namespace heatvit::reproduce::published
