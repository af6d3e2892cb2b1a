// Token merging in integers: docs/numerics.md section 8, ToMe.
#pragma once

#include <cstdint>
#include <vector>

#include "models/reference/integer_tensor.h"

namespace heatvit::reference {

/// Of every row: its score (those with the highest stay) and, of the first set, the row that it would go into.
struct Matches {
  std::vector<uint32_t> scores;
  std::vector<int> partners;
};

/// keys: rows x D, K of all heads side by side; all rows behind the `front` are candidates. Activation: int8_t or
/// int16_t.
template <typename Activation>
Matches match_tokens(const Matrix<Activation>& keys, int front, uint64_t& macs);

/// The rows of the front and of `kept`, each the mean of itself and what goes into it, weighted by sizes; which become
/// those of the new rows.
Matrix<int16_t> merge_tokens(const Matrix<int16_t>& x, const std::vector<int>& kept, const std::vector<int>& partners,
                             int front, std::vector<int>& sizes);

}  // namespace heatvit::reference
