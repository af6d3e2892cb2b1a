#include "models/reference/float_selector.h"

#include <algorithm>
#include <numeric>

#include "models/reference/float_math.h"

namespace heatvit::reference {
namespace {

void observe(const Observer& observer, const std::string& name, const std::vector<float>& tensor) {
  if (observer) observer(name, tensor.data(), tensor.size());
}

// Mean of features over the candidates, written beside the local features of every token. z: tokens x heads rows of 2 *
// half values, local features in the first half; features: their first half, or, of DynamicViT, the second.
void fill_global(std::vector<float>& z, const TokenState& state, int heads, int half, int features) {
  const int tokens = state.tokens(), candidates = static_cast<int>(state.patches.size());
  const size_t pitch = size_t(heads) * size_t(half) * 2;
  for (int h = 0; h < heads; ++h) {
    float* column = z.data() + size_t(h) * size_t(half) * 2;
    std::vector<float> mean(size_t(half), 0.0F);
    for (int t = state.front; t < state.front + candidates; ++t) {
      for (size_t c = 0; c < mean.size(); ++c) mean[c] += column[size_t(t) * pitch + size_t(features) + c];
    }
    for (float& value : mean) value /= static_cast<float>(std::max(candidates, 1));
    for (int t = 0; t < tokens; ++t) std::copy(mean.begin(), mean.end(), column + size_t(t) * pitch + half);
  }
}

std::vector<float> head_means(const std::vector<float>& x, int rows, int n) {
  std::vector<float> means(static_cast<size_t>(rows));
  for (size_t r = 0; r < means.size(); ++r) {
    const auto row = x.begin() + static_cast<std::ptrdiff_t>(r) * n;
    means[r] = std::accumulate(row, row + n, 0.0F) / static_cast<float>(n);
  }
  return means;
}

// Rows of the tokens that stay, in order: positions in the residual stream (those in front are not among them).
std::vector<int> select(const TokenState& state, const std::vector<float>& scores, int keep) {
  const int candidates = static_cast<int>(state.patches.size());
  std::vector<int> rows(size_t(candidates), 0);
  std::iota(rows.begin(), rows.end(), state.front);
  if (keep < 0) {
    const auto dropped = [&](int row) { return scores[size_t(row)] < 32768.0F / 65535.0F; };
    rows.erase(std::remove_if(rows.begin(), rows.end(), dropped), rows.end());
    return rows;
  }
  std::stable_sort(rows.begin(), rows.end(), [&](int a, int b) { return scores[size_t(a)] > scores[size_t(b)]; });
  rows.resize(size_t(std::min(keep, candidates)));
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<float> package_of(const TokenState& state, const std::vector<float>& scores, const std::vector<int>& rows,
                              float divisor) {
  float total = divisor;
  if (divisor == 0)
    for (const int row : rows) total += scores[size_t(row)];
  std::vector<float> package(size_t(state.dim), 0.0F);
  for (const int row : rows) {
    const float weight = total > 0 ? scores[size_t(row)] / total : 1.0F / static_cast<float>(rows.size());
    const float* x = state.x.data() + size_t(row) * size_t(state.dim);
    for (size_t c = 0; c < package.size(); ++c) package[c] += weight * x[c];
  }
  return package;
}

}  // namespace

std::vector<float> selector_scores(const PackedSelector& selector, const TokenState& state, const zoo::ModelSpec& spec,
                                   const FloatOptions& options, const std::string& name, const Observer& observer) {
  const int heads = selector.dynamicvit ? 1 : spec.heads;
  const int d = spec.dim / heads;
  const int tokens = state.tokens();
  const int rows = tokens * heads;
  const std::vector<float> normed = layer_norm(state.x.data(), rows, d, selector.norm, spec.ln_eps);
  observe(observer, name + "local.in", normed);

  std::vector<float> local = selector.local.run(rows, normed);
  gelu(local.data(), local.size(), options);
  std::vector<float> z(size_t(rows) * size_t(d));
  if (selector.dynamicvit) z = local;
  for (int r = 0; r < rows && !selector.dynamicvit; ++r)
    std::copy_n(local.data() + size_t(r) * size_t(d / 2), d / 2, z.data() + size_t(r) * size_t(d));
  fill_global(z, state, heads, d / 2, selector.dynamicvit ? d / 2 : 0);
  observe(observer, name + "mlp1.in", z);

  std::vector<float> hidden = selector.mlp1.run(rows, z);
  gelu(hidden.data(), hidden.size(), options);
  observe(observer, name + "mlp2.in", hidden);
  hidden = selector.mlp2.run(rows, hidden);
  gelu(hidden.data(), hidden.size(), options);
  observe(observer, name + "keep.in", hidden);
  std::vector<float> keep = selector.keep.run(rows, hidden);
  observe(observer, name + "keep.out", keep);
  for (int r = 0; r < rows; ++r) softmax(keep.data() + size_t(r) * 2, 2, options.polynomial, 1.0F);

  std::vector<float> weight(static_cast<size_t>(tokens), 1.0F);
  if (!selector.dynamicvit) {
    weight = head_means(state.x, rows, d);
    observe(observer, name + "head1.in", weight);
    weight = selector.head1.run(tokens, weight);
    gelu(weight.data(), weight.size(), options);
    observe(observer, name + "head2.in", weight);
    weight = selector.head2.run(tokens, weight);
    sigmoid(weight.data(), weight.size(), options);
  }
  observe(observer, name + "weight", weight);

  std::vector<float> scores(static_cast<size_t>(tokens));
  for (size_t t = 0; t < scores.size(); ++t) {
    float sum = 0, weights = 0;
    for (size_t h = t * size_t(heads); h < (t + 1) * size_t(heads); ++h) {
      sum += keep[2 * h] * weight[h];
      weights += weight[h];
    }
    scores[t] = weights > 0 ? sum / weights : 0.0F;
  }
  return scores;
}

std::vector<float> random_scores(uint32_t seed, uint32_t stage, int tokens) {
  uint32_t state = seed + 0x9E3779B9U * stage;
  if (state == 0) state = 1;
  std::vector<float> scores(static_cast<size_t>(tokens));
  for (float& score : scores) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    score = static_cast<float>(state >> 16) / 65535.0F;
  }
  return scores;
}

void prune(TokenState& state, const std::vector<float>& scores, int keep, float divisor, int fused, bool package) {
  if (divisor != 0 && state.package) state.patches.push_back(fused), state.package = false;
  const std::vector<int> kept = select(state, scores, keep);
  const int candidates = static_cast<int>(state.patches.size());
  std::vector<int> dropped;
  for (int row = state.front, next = 0; row < state.front + candidates; ++row) {
    if (next < static_cast<int>(kept.size()) && kept[size_t(next)] == row) {
      ++next;
    } else {
      dropped.push_back(row);
    }
  }
  if (state.package) dropped.push_back(state.front + candidates);
  if (!package) dropped.clear();

  const size_t dim = size_t(state.dim);
  std::vector<float> x(state.x.begin(), state.x.begin() + static_cast<std::ptrdiff_t>(state.front) * state.dim);
  std::vector<int> patches;
  for (const int row : kept) {
    const auto from = state.x.begin() + static_cast<std::ptrdiff_t>(size_t(row) * dim);
    x.insert(x.end(), from, from + state.dim);
    patches.push_back(state.patches[size_t(row - state.front)]);
  }
  if (!dropped.empty()) {
    const std::vector<float> token = package_of(state, scores, dropped, divisor);
    x.insert(x.end(), token.begin(), token.end());
  }
  state.x = std::move(x);
  state.patches = std::move(patches);
  state.package = !dropped.empty();
}

namespace {

/// Of a row's most similar one: how similar, and which row.
struct Match {
  float similarity = -2;
  int row = 0, partner = 0;
};

std::vector<Match> matches_of(const TokenState& state, const std::vector<float>& keys) {
  const int tokens = state.tokens(), dim = state.dim;
  const network::FloatNorm plain{std::vector<float>(size_t(dim), 1.0F), std::vector<float>(size_t(dim), 0.0F)};
  const std::vector<float> normed = layer_norm(keys.data(), tokens, dim, plain, 1e-6);
  const auto row_of = [&](int row) { return normed.begin() + static_cast<std::ptrdiff_t>(size_t(row) * size_t(dim)); };
  std::vector<Match> matches;
  for (int a = state.front; a < tokens; a += 2) {
    Match match;
    match.row = a;
    for (int b = state.front + 1; b < tokens; b += 2) {
      const float similarity = std::inner_product(row_of(a), row_of(a + 1), row_of(b), 0.0F) / static_cast<float>(dim);
      if (similarity > match.similarity) match.similarity = similarity, match.partner = b;
    }
    matches.push_back(match);
  }
  return matches;
}

}  // namespace

void merge(TokenState& state, const std::vector<float>& keys, int keep) {
  const size_t dim = size_t(state.dim), goes = state.patches.size() - size_t(keep);
  std::vector<Match> matches = matches_of(state, keys);
  std::stable_sort(matches.begin(), matches.end(), [](const Match& a, const Match& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.row > b.row;
  });
  matches.resize(std::min(goes, matches.size()));
  std::vector<float> sizes = state.sizes, sums = state.x;
  for (size_t i = 0; i < sums.size(); ++i) sums[i] *= sizes[i / dim];
  std::vector<bool> gone(sizes.size(), false);
  for (const Match& match : matches) {
    const auto from = size_t(match.row), to = size_t(match.partner);
    gone[from] = true;
    sizes[to] += state.sizes[from];
    for (size_t c = 0; c < dim; ++c) sums[to * dim + c] += state.sizes[from] * state.x[from * dim + c];
  }
  TokenState after;
  after.dim = state.dim;
  after.front = state.front;
  for (size_t t = 0; t < sizes.size(); ++t) {
    if (gone[t]) continue;
    after.sizes.push_back(sizes[t]);
    for (size_t c = 0; c < dim; ++c) after.x.push_back(sums[t * dim + c] / sizes[t]);
    if (t >= size_t(state.front)) after.patches.push_back(state.patches[t - size_t(state.front)]);
  }
  state = std::move(after);
}

}  // namespace heatvit::reference
