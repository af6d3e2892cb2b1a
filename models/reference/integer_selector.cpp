#include "models/reference/integer_selector.h"

#include <algorithm>
#include <numeric>

namespace heatvit::reference {
namespace {

int candidates_of(int tokens, int front, bool has_package) { return tokens - front - (has_package ? 1 : 0); }

// Steps 2 and 3: each row is (local | global), local its own feature, global the mean over the candidate tokens, head
// by head. Row t * heads + h. The mean is of local, or, with `own`, of the second half of `local`'s columns.
template <typename A>
Matrix<A> with_global(const Matrix<A>& local, int heads, int front, int candidates, bool own) {
  const int half = own ? local.cols / 2 : local.cols;
  const int from = own ? half : 0;
  Matrix<A> z(local.rows, 2 * half);
  for (int h = 0; h < heads; ++h) {
    std::vector<int64_t> sums(static_cast<size_t>(half), 0);
    for (int t = front; t < front + candidates; ++t) {
      for (int c = 0; c < half; ++c) sums[static_cast<size_t>(c)] += local.row(t * heads + h)[from + c];
    }
    for (int r = h; r < local.rows; r += heads) {
      std::copy_n(local.row(r), half, z.row(r));
      for (int c = 0; c < half; ++c) {
        const int64_t sum = sums[static_cast<size_t>(c)];
        z.row(r)[half + c] = candidates == 0 ? A{0} : saturate<A>(div_round(sum, candidates));
      }
    }
  }
  return z;
}

// Step 4: the keep probability of each token and head, scale 1/65535; T x H.
template <typename A>
Matrix<uint16_t> keep_probabilities(const Matrix<A>& z, const network::QuantSelector& s, int heads, uint16_t delta1,
                                    uint64_t& macs) {
  const Matrix<A> hidden1 = with_gelu<A>(linear(z, s.mlp1, macs), delta1, s.mlp1_gelu);
  const Matrix<A> hidden2 = with_gelu<A>(linear(hidden1, s.mlp2, macs), delta1, s.mlp2_gelu);
  const Matrix<int16_t> logits = saturated<int16_t>(linear(hidden2, s.keep, macs));
  Matrix<uint16_t> keep(z.rows / heads, heads);
  for (int r = 0; r < logits.rows; ++r) {
    uint16_t keep_drop[2];
    softmax(logits.row(r), 2, kUnitDelta, keep_drop);
    keep.data[static_cast<size_t>(r)] = keep_drop[0];
  }
  return keep;
}

// Steps 5 and 6: how much each head counts for a token, Q16; T x H.
template <typename A>
Matrix<uint16_t> head_weights(const Matrix<int16_t>& x, const network::QuantSelector& s, int heads, uint16_t delta1,
                              uint64_t& macs) {
  const int d = x.cols / heads;
  Matrix<A> means(x.rows, heads);
  for (int t = 0; t < x.rows; ++t) {
    for (int h = 0; h < heads; ++h) {
      const int32_t sum = std::accumulate(x.row(t) + h * d, x.row(t) + (h + 1) * d, int32_t{0});
      means.row(t)[h] = saturate<A>(requantise(sum, s.head_mean.multiplier, s.head_mean.shift));
    }
  }
  const Matrix<A> hidden = with_gelu<A>(linear(means, s.head1, macs), delta1, s.head1_gelu);
  return with_sigmoid(linear(hidden, s.head2, macs));
}

// The mean of the packaged rows of X, weighted by their scores; the plain mean where all of them are zero. With a
// divisor their weighted sum divided by it.
void package(const Matrix<int16_t>& x, const std::vector<uint32_t>& scores, const std::vector<int>& rows,
             uint32_t divisor, int bits, int16_t* out) {
  int64_t total = divisor;
  if (divisor == 0)
    for (int t : rows) total += scores[static_cast<size_t>(t)];
  const bool plain = total == 0;
  if (plain) total = static_cast<int64_t>(rows.size());
  for (int c = 0; c < x.cols; ++c) {
    int64_t sum = 0;
    for (int t : rows) sum += (plain ? 1 : int64_t{scores[static_cast<size_t>(t)]}) * x.row(t)[c];
    const int64_t mean = div_round(sum, total);
    out[c] = bits == 8 ? saturate<int8_t>(mean) : saturate<int16_t>(mean);
  }
}

}  // namespace

template <typename Activation>
std::vector<uint32_t> heatvit_scores(const Matrix<int16_t>& x, bool has_package, const network::QuantSelector& selector,
                                     int model_heads, uint16_t delta1, uint64_t& macs, int front) {
  const int heads = selector.dynamicvit() ? 1 : model_heads;
  const Matrix<Activation> normalised = layer_norm<Activation>(x, selector.norm);  // (T H) x d
  const Matrix<Activation> local =
      with_gelu<Activation>(linear(normalised, selector.local, macs), delta1, selector.local_gelu);
  const Matrix<Activation> z =
      with_global(local, heads, front, candidates_of(x.rows, front, has_package), selector.dynamicvit());
  const Matrix<uint16_t> keep = keep_probabilities(z, selector, heads, delta1, macs);
  if (selector.dynamicvit()) return {keep.data.begin(), keep.data.end()};
  const Matrix<uint16_t> weight = head_weights<Activation>(x, selector, heads, delta1, macs);

  std::vector<uint32_t> scores;  // step 7
  for (int t = 0; t < x.rows; ++t) {
    uint64_t weighted = 0;
    uint64_t weights = 0;
    for (int h = 0; h < heads; ++h) {
      weighted += uint64_t{keep.row(t)[h]} * weight.row(t)[h];
      weights += weight.row(t)[h];
    }
    scores.push_back(weights == 0 ? 0 : static_cast<uint32_t>(weighted / weights));
  }
  return scores;
}
template std::vector<uint32_t> heatvit_scores<int8_t>(const Matrix<int16_t>&, bool, const network::QuantSelector&, int,
                                                      uint16_t, uint64_t&, int);
template std::vector<uint32_t> heatvit_scores<int16_t>(const Matrix<int16_t>&, bool, const network::QuantSelector&, int,
                                                       uint16_t, uint64_t&, int);

std::vector<uint32_t> random_scores(int tokens, int stage, uint32_t seed) {
  uint32_t state = seed + 0x9E3779B9U * static_cast<uint32_t>(stage);
  if (state == 0) state = 1;  // xorshift never leaves zero
  std::vector<uint32_t> scores;
  for (int t = 0; t < tokens; ++t) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    scores.push_back(state >> 16);
  }
  return scores;
}

std::vector<int> select_best(const std::vector<uint32_t>& scores, int candidates, int keep, int front) {
  std::vector<int> rows(static_cast<size_t>(candidates));
  std::iota(rows.begin(), rows.end(), front);
  std::stable_sort(rows.begin(), rows.end(), [&](int a, int b) {  // stable: equal scores stay in row order
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  rows.resize(static_cast<size_t>(std::min(keep, candidates)));
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<int> select_threshold(const std::vector<uint32_t>& scores, int candidates, uint32_t threshold, int front) {
  std::vector<int> rows;
  for (int t = front; t < front + candidates; ++t) {
    if (scores[static_cast<size_t>(t)] >= threshold) rows.push_back(t);
  }
  return rows;
}

Matrix<int16_t> pack_tokens(const Matrix<int16_t>& x, const std::vector<uint32_t>& scores, const std::vector<int>& kept,
                            int front, uint32_t divisor, int bits, bool with_package) {
  std::vector<int> packaged;  // all behind the front that was not kept: dropped candidates, the package token of before
  for (int t = front; t < x.rows; ++t) {
    if (with_package && !std::binary_search(kept.begin(), kept.end(), t)) packaged.push_back(t);
  }
  const int kept_count = static_cast<int>(kept.size());
  Matrix<int16_t> out(front + kept_count + (packaged.empty() ? 0 : 1), x.cols);
  std::copy_n(x.data.begin(), static_cast<size_t>(front) * static_cast<size_t>(x.cols), out.data.begin());
  for (int i = 0; i < kept_count; ++i) std::copy_n(x.row(kept[static_cast<size_t>(i)]), x.cols, out.row(front + i));
  if (!packaged.empty()) package(x, scores, packaged, divisor, bits, out.row(front + kept_count));
  return out;
}

}  // namespace heatvit::reference
