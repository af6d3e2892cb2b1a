// Token pruning of the float executor: scores, selection and the package token (docs/numerics.md section 8, in float).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/reference/float_executor.h"
#include "models/reference/float_gemm.h"

namespace heatvit::reference {

struct PackedSelector {
  network::FloatNorm norm;
  PackedLinear local, mlp1, mlp2, keep, head1, head2;
  bool dynamicvit = false;

  PackedSelector() = default;
  explicit PackedSelector(const network::FloatSelector& s)
      : norm(s.norm),
        local(s.local),
        mlp1(s.mlp1),
        mlp2(s.mlp2),
        keep(s.keep),
        head1(s.head1),
        head2(s.head2),
        dynamicvit(s.dynamicvit()) {}
};

/// The residual stream while tokens come and go.
struct TokenState {
  int dim = 0;
  int front = 1;             // tokens in front of the candidates, which always stay
  std::vector<float> x;      // tokens x dim: front, candidates, package if there is one
  std::vector<int> patches;  // original index of each candidate
  bool package = false;
  std::vector<float> sizes;  // of merging: how many tokens a row stands for

  int tokens() const { return front + static_cast<int>(patches.size()) + (package ? 1 : 0); }
};

/// Keep score of every token in [0, 1]. The observer is told the tensors of calibration.h under `name` ("selector.S."),
/// and "keep.out" (tokens x heads x 2, before the softmax) and "weight" (tokens x heads, after the sigmoid; of
/// DynamicViT's predictor, which has one head, ones).
std::vector<float> selector_scores(const PackedSelector& selector, const TokenState& state, const zoo::ModelSpec& spec,
                                   const FloatOptions& options, const std::string& name, const Observer& observer);

/// The random scorer, stage from 1; exactly the hardware's numbers / 65535.
std::vector<float> random_scores(uint32_t seed, uint32_t stage, int tokens);

/// Keeps `keep` candidates with the highest scores (ties to the lower index), or with keep < 0 those of at least
/// 32768 / 65535; packs the rest into the package token. `divisor` 0: their mean weighted by score, an earlier
/// package's among them. Else as EViT does: an earlier fused token is a candidate, numbered by `fused`, and the new one
/// the sum of the rest weighted by score, divided by it. Without a package the rest is dropped.
void prune(TokenState& state, const std::vector<float>& scores, int keep, float divisor = 0, int fused = 0,
           bool package = true);

/// Token merging: of the candidates, dealt in turn into two sets, those of the first that are most similar to one of
/// the second go into it until `keep` are left. Similar: the correlation of `keys` (tokens x dim).
void merge(TokenState& state, const std::vector<float>& keys, int keep);

}  // namespace heatvit::reference
