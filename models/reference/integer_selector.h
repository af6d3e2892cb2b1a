// Token pruning in integers: docs/numerics.md section 8. Tokens are rows of X: `front` of them that always stay (CLS),
// then the candidates (patch tokens), then the package token if there is one.
#pragma once

#include <cstdint>
#include <vector>

#include "models/network/quant_model.h"
#include "models/reference/integer_tensor.h"

namespace heatvit::reference {

constexpr uint32_t kKeepThreshold = 32768;  // a keep score of 0.5

/// The learned selector: the score of every row of X (T x D), CLS and package included. Activation: int8_t or int16_t.
/// DynamicViT's predictor has one head whatever `heads` is.
template <typename Activation = int8_t>
std::vector<uint32_t> heatvit_scores(const Matrix<int16_t>& x, bool has_package, const network::QuantSelector& selector,
                                     int heads, uint16_t delta1, uint64_t& macs, int front = 1);

/// The random scorer at selector `stage` (from 1) for an image's seed.
std::vector<uint32_t> random_scores(int tokens, int stage, uint32_t seed);

/// Rows of the `keep` best-scored candidates (all, if there are fewer), rising; ties go to the lower row. Candidates
/// are rows front..front + candidates - 1.
std::vector<int> select_best(const std::vector<uint32_t>& scores, int candidates, int keep, int front = 1);

/// Rows of the candidates whose score reaches the threshold, rising.
std::vector<int> select_threshold(const std::vector<uint32_t>& scores, int candidates, uint32_t threshold,
                                  int front = 1);

/// The new X: the front, the kept rows in order, and, where there is any other row (dropped candidates, an earlier
/// package token), the package token: their mean weighted by score, the plain mean where all their scores are zero;
/// with a divisor their sum weighted by score, divided by it, which saturates at `bits`. Without a package they are
/// gone.
Matrix<int16_t> pack_tokens(const Matrix<int16_t>& x, const std::vector<uint32_t>& scores, const std::vector<int>& kept,
                            int front = 1, uint32_t divisor = 0, int bits = 16, bool with_package = true);

}  // namespace heatvit::reference
