// How tokens are dropped: shared vocabulary of the executors, the lowering and the command line.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "models/zoo/zoo.h"

namespace heatvit::network {

/// kEvit ranks by CLS attention, too, and does the rest as EViT does: inside a block, behind its attention, with a
/// fused token in place of the package. kDynamicVit: the predictor of DynamicViT in place of HeatViT's selector. kTome
/// merges tokens, in EViT's place; `keep` is what is left. kGiven: nothing is scored; who stays is decided outside (a
/// token trace).
enum class Scorer { kNone, kHeatvit, kClsAttention, kRandom, kEvit, kDynamicVit, kTome, kGiven };

struct Pruning {
  Scorer scorer = Scorer::kNone;
  std::vector<int> positions;  // before these blocks, counting from 1, rising
  std::vector<int> keep;       // patch tokens that stay after each selector; empty: threshold (score >= 0.5)
  bool package = true;         // what goes becomes a package token; else it is dropped
  bool enabled() const { return scorer != Scorer::kNone && !positions.empty(); }
  bool evit() const { return scorer == Scorer::kEvit; }
  bool dynamicvit() const { return scorer == Scorer::kDynamicVit; }
  bool learned() const { return scorer == Scorer::kHeatvit || dynamicvit(); }  // by weights of its own
  bool tome() const { return scorer == Scorer::kTome; }

  /// A selector stands before the block; inside it, between attention and MLP.
  bool before(int block) const { return !(evit() || tome()) && at(block); }
  bool inside(int block) const { return (evit() || tome()) && at(block); }

  /// A selector ranks by the class token's attention in this block.
  bool ranks_by_attention_of(int block) const {
    return (evit() && at(block)) || (scorer == Scorer::kClsAttention && at(block + 1));
  }

  /// Tokens are merged before this block's attention, which counts each as often as its size says.
  bool weighs_sizes_in(int block) const { return tome() && enabled() && positions.front() < block; }

  /// Patch tokens before the selector `stage` (from 0) of a network that has so many at first.
  int candidates(size_t stage, int patches) const { return stage == 0 ? patches : keep[stage - 1]; }

 private:
  bool at(int block) const {
    return enabled() && std::find(positions.begin(), positions.end(), block) != positions.end();
  }
};

/// What EViT divides the sum of the fused tokens by, each times its attention in 1/65535 summed over the heads.
constexpr uint32_t evit_divisor(int heads) { return static_cast<uint32_t>(heads) * 65535U; }

/// Of merging: counts, at most half of the tokens at a time, no classifier that would need means weighted by size.
inline void expect_merging(const zoo::ModelSpec& spec, const Pruning& pruning) {
  if (pruning.keep.empty()) throw InputError("scorer tome: has no threshold, so pruning rates are needed");
  if (spec.pooling != zoo::Pooling::kClass)
    throw InputError("scorer tome: " + spec.name +
                     " classifies by the mean of the patch tokens, which merging leaves unequal in size");
  for (size_t stage = 0; stage < pruning.keep.size(); ++stage) {
    const int before = pruning.candidates(stage, spec.patches()), after = pruning.keep[stage];
    if (after > before || before - after > before / 2)
      throw InputError("scorer tome: from " + std::to_string(before) + " to " + std::to_string(after) +
                       " patch tokens at selector " + std::to_string(stage + 1) + "; at most half of them, " +
                       std::to_string(before / 2) + ", are merged at a time");
  }
}

/// Throws InputError where patches are scored by the class token's attention and there is no class token, where a fused
/// token is to be dropped, where nothing may be left, or the network or the counts are none for merging.
inline void expect_scorer(const zoo::ModelSpec& spec, const Pruning& pruning) {
  if (pruning.tome()) expect_merging(spec, pruning);
  const bool before = pruning.scorer == Scorer::kClsAttention;
  if ((before || pruning.evit()) && !spec.class_token)
    throw InputError(std::string("scorer ") + (before ? "cls-attention" : "evit") + " needs a class token; " +
                     spec.name + " has none");
  if (pruning.enabled() && !pruning.package && pruning.evit())
    throw InputError("scorer evit fuses what goes: there is no dropping it");
  if (pruning.enabled() && !pruning.package && spec.front_tokens() == 0)
    throw InputError("dropping without a package token needs a token in front, which always stays; " + spec.name +
                     " has none");
}

constexpr Scorer learned_scorer(bool dynamicvit) { return dynamicvit ? Scorer::kDynamicVit : Scorer::kHeatvit; }

/// Throws InputError where weights of selectors are those of the other network.
inline void expect_weights_of(const Pruning& pruning, bool dynamicvit) {
  if (pruning.learned() && pruning.dynamicvit() != dynamicvit)
    throw InputError(dynamicvit
                         ? "scorer heatvit: the selector weights are of DynamicViT's predictor (scorer dynamicvit)"
                         : "scorer dynamicvit: the selector weights are of HeatViT's selectors (scorer heatvit)");
}

}  // namespace heatvit::network
