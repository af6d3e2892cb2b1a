#include "models/reference/integer_merging.h"

#include <algorithm>

#include "models/network/merging.h"
#include "models/reference/integer_math.h"

namespace heatvit::reference {

template <typename A>
Matches match_tokens(const Matrix<A>& keys, int front, uint64_t& macs) {
  constexpr int kBits = 8 * sizeof(A);
  Matrix<int16_t> wide(keys.rows, keys.cols);
  std::copy(keys.data.begin(), keys.data.end(), wide.data.begin());
  const Matrix<A> normed = layer_norm<A>(wide, network::key_norm(keys.cols, kBits));
  const int candidates = keys.rows - front;
  Matrix<A> first(network::first_set(candidates), keys.cols), second(network::second_set(candidates), keys.cols);
  for (int i = 0; i < candidates; ++i)
    std::copy_n(normed.row(front + i), keys.cols, (i % 2 == 0 ? first : second).row(i / 2));

  const auto sums = product(first, second, macs);
  const network::Requant scale = network::similarity_scale(keys.cols, kBits);
  Matches matches{std::vector<uint32_t>(static_cast<size_t>(keys.rows), 65536),
                  std::vector<int>(static_cast<size_t>(keys.rows), 0)};
  for (int i = 0; i < first.rows; ++i) {
    std::vector<int16_t> row;
    for (int j = 0; j < second.rows; ++j)
      row.push_back(saturate<int16_t>(requantise(sums.row(i)[j], scale.multiplier, scale.shift)));
    const auto best = std::max_element(row.begin(), row.end());  // the first of equals
    const int row_of_token = front + 2 * i;
    const auto token = static_cast<size_t>(row_of_token);
    matches.scores[token] = static_cast<uint32_t>(32767 - *best);
    matches.partners[token] = front + 2 * static_cast<int>(best - row.begin()) + 1;
  }
  return matches;
}
template Matches match_tokens<int8_t>(const Matrix<int8_t>&, int, uint64_t&);
template Matches match_tokens<int16_t>(const Matrix<int16_t>&, int, uint64_t&);

Matrix<int16_t> merge_tokens(const Matrix<int16_t>& x, const std::vector<int>& kept, const std::vector<int>& partners,
                             int front, std::vector<int>& sizes) {
  Matrix<int64_t> sums(x.rows, x.cols);
  std::vector<int> totals(sizes.size(), 0), stay;
  for (int t = 0; t < x.rows; ++t) {
    const auto row = static_cast<size_t>(t);
    const bool stays = t < front || std::binary_search(kept.begin(), kept.end(), t);
    if (stays) stay.push_back(t);
    const int to = stays ? t : partners[row];
    totals[static_cast<size_t>(to)] += sizes[row];
    for (int c = 0; c < x.cols; ++c) sums.row(to)[c] += int64_t{sizes[row]} * x.row(t)[c];
  }
  Matrix<int16_t> out(static_cast<int>(stay.size()), x.cols);
  std::vector<int> after;
  for (const int t : stay) {
    const int total = totals[static_cast<size_t>(t)];
    int16_t* row = out.row(static_cast<int>(after.size()));
    for (int c = 0; c < x.cols; ++c) row[c] = saturate<int16_t>(div_round(sums.row(t)[c], total));
    after.push_back(total);
  }
  sizes = after;
  return out;
}

}  // namespace heatvit::reference
