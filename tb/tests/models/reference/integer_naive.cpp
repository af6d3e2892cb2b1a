#include "integer_naive.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include "models/reference/integer_math.h"

namespace heatvit::naive {
namespace {

int limit(double v, double low, double high) { return static_cast<int>(std::clamp(v, low, high)); }
int limit8(double v) { return limit(v, -128, 127); }
int limit16(double v) { return limit(v, -32768, 32767); }
int limit_residual(const network::QuantModel& model, double v) {
  return model.residual_bits == 8 ? limit8(v) : limit16(v);
}

// std::round is half away from zero, and products below 2^53 are exact.
double rescale(double accumulator, double multiplier, int shift) {
  return std::round(std::ldexp(accumulator * multiplier, -shift));
}

// One output value of a linear layer, before saturation.
double output(const network::QuantLinear& w, int n, const Row& x) {
  double sum = w.channels.at(static_cast<size_t>(n)).bias;
  for (int k = 0; k < w.k; ++k) sum += x.at(static_cast<size_t>(k)) * w.weight.at(static_cast<size_t>(n * w.k + k));
  return rescale(sum, w.channels[static_cast<size_t>(n)].multiplier, w.channels[static_cast<size_t>(n)].shift);
}

Row linear(const network::QuantLinear& w, const Row& x, const std::function<int(double)>& post) {
  Row out;
  for (int n = 0; n < w.n; ++n) out.push_back(post(output(w, n, x)));
  return out;
}

std::function<int(double)> gelu_to(const network::Requant& out, uint16_t delta1) {
  return [=](double q) -> int { return reference::gelu(static_cast<int16_t>(limit16(q)), delta1, out); };
}

Row norm(const network::QuantLayerNorm& n, const Row& x) {
  std::vector<int16_t> in;
  for (int v : x) in.push_back(static_cast<int16_t>(v));
  std::vector<int8_t> out(in.size());
  reference::layer_norm(in.data(), n, out.data());
  return Row(out.begin(), out.end());
}

Row slice(const Row& row, int first, int count) { return Row(row.begin() + first, row.begin() + first + count); }

void append(Row& row, const Row& more) { row.insert(row.end(), more.begin(), more.end()); }

// Adds a branch to the stream.
void add(const network::QuantModel& model, const network::QuantLinear& w, const Row& branch, Row& x) {
  for (int n = 0; n < w.n; ++n) {
    int& value = x[static_cast<size_t>(n)];
    value = limit_residual(model, output(w, n, branch) + value);
  }
}

// What token t reads from the others, all heads.
Row attend(const network::QuantModel& model, const network::QuantBlock& block, const Rows& qkv, size_t t,
           std::vector<double>* cls_scores, const std::vector<int>& sizes) {
  const int dim = model.spec.dim;
  const int d = dim / model.spec.heads;
  Row out;
  for (int head = 0; head < model.spec.heads; ++head) {
    std::vector<int16_t> scores;
    for (const Row& other : qkv) {
      double dot = 0;
      for (int c = head * d; c < (head + 1) * d; ++c)
        dot += qkv[t].at(static_cast<size_t>(c)) * other.at(static_cast<size_t>(dim + c));
      scores.push_back(static_cast<int16_t>(limit16(rescale(dot, block.scores.multiplier, block.scores.shift))));
    }
    const int tokens = static_cast<int>(qkv.size());
    std::vector<uint8_t> p(qkv.size());
    std::vector<uint16_t> fine(qkv.size());
    reference::softmax(scores.data(), tokens, model.delta2, p.data(), sizes.data());
    reference::softmax(scores.data(), tokens, model.delta2, fine.data());
    for (size_t j = 0; cls_scores != nullptr && j < fine.size(); ++j) (*cls_scores)[j] += fine[j];
    for (int c = head * d; c < (head + 1) * d; ++c) {
      double sum = 0;
      for (size_t j = 0; j < qkv.size(); ++j) sum += p[j] * qkv[j].at(static_cast<size_t>(2 * dim + c));
      out.push_back(limit8(rescale(sum, block.attend.multiplier, block.attend.shift)));
    }
  }
  return out;
}

void attend_all(const network::QuantModel& model, const network::QuantBlock& block, Rows& x,
                std::vector<double>& cls_scores, const std::vector<int>& sizes, Rows& qkv) {
  qkv.clear();
  for (const Row& row : x) qkv.push_back(linear(block.qkv, norm(block.norm1, row), limit8));
  cls_scores.assign(x.size(), 0);
  for (size_t t = 0; t < x.size(); ++t) {
    add(model, block.proj, attend(model, block, qkv, t, t == 0 ? &cls_scores : nullptr, sizes), x[t]);
  }
}

void run_mlp(const network::QuantModel& model, const network::QuantBlock& block, Rows& x) {
  for (Row& row : x) {
    add(model, block.fc2, linear(block.fc1, norm(block.norm2, row), gelu_to(block.gelu, model.delta1)), row);
  }
}

// The learned score of one token.
double learned_score(const network::QuantModel& model, const network::QuantSelector& s, const Row& x,
                     const Rows& global) {
  const int d = model.spec.dim / model.spec.heads;
  Row means;
  std::vector<double> keep;
  for (int head = 0; head < model.spec.heads; ++head) {
    const Row own = slice(x, head * d, d);
    double sum = 0;
    for (int v : own) sum += v;
    means.push_back(limit8(rescale(sum, s.head_mean.multiplier, s.head_mean.shift)));
    Row z = linear(s.local, norm(s.norm, own), gelu_to(s.local_gelu, model.delta1));
    append(z, global[static_cast<size_t>(head)]);
    const Row hidden =
        linear(s.mlp2, linear(s.mlp1, z, gelu_to(s.mlp1_gelu, model.delta1)), gelu_to(s.mlp2_gelu, model.delta1));
    const Row logits = linear(s.keep, hidden, limit16);
    const int16_t pair[2] = {static_cast<int16_t>(logits[0]), static_cast<int16_t>(logits[1])};
    uint16_t probabilities[2];
    reference::softmax(pair, 2, reference::kUnitDelta, probabilities);
    keep.push_back(probabilities[0]);
  }
  const Row weights = linear(s.head2, linear(s.head1, means, gelu_to(s.head1_gelu, model.delta1)),
                             [](double q) -> int { return reference::sigmoid(static_cast<int16_t>(limit16(q))); });
  double above = 0;
  double below = 0;
  for (size_t h = 0; h < keep.size(); ++h) {
    above += keep[h] * weights[h];
    below += weights[h];
  }
  return below == 0 ? 0 : std::floor(above / below);
}

std::vector<double> learned_scores(const network::QuantModel& model, const network::QuantSelector& s, const Rows& x,
                                   size_t candidates) {
  const int d = model.spec.dim / model.spec.heads;
  Rows global;
  for (int head = 0; head < model.spec.heads; ++head) {
    std::vector<double> sums(static_cast<size_t>(d / 2), 0);
    for (size_t t = 1; t <= candidates; ++t) {
      const Row local = linear(s.local, norm(s.norm, slice(x[t], head * d, d)), gelu_to(s.local_gelu, model.delta1));
      for (size_t c = 0; c < sums.size(); ++c) sums[c] += local[c];
    }
    Row mean;
    for (double sum : sums) mean.push_back(limit8(std::round(sum / static_cast<double>(candidates))));
    global.push_back(mean);
  }
  std::vector<double> scores;
  for (const Row& row : x) scores.push_back(learned_score(model, s, row, global));
  return scores;
}

// Drops, one at a time, the last of the lowest; then packs. patches: index of rows 1, 2, ... With a divisor as EViT
// does.
void prune(Rows& x, const std::vector<double>& scores, std::vector<int>& patches,
           const std::function<bool(double, size_t)>& done, double divisor = 0, int fused = 0,
           bool with_package = true) {
  if (divisor != 0 && x.size() > patches.size() + 1) patches.push_back(fused);
  std::vector<bool> dropped(x.size(), false);
  size_t left = patches.size();
  while (left > 0) {
    size_t worst = 0;
    for (size_t t = 1; t <= patches.size(); ++t) {
      if (!dropped[t] && (worst == 0 || scores[t] <= scores[worst])) worst = t;
    }
    if (done(scores[worst], left)) break;
    dropped[worst] = true;
    --left;
  }
  for (size_t t = patches.size() + 1; t < x.size(); ++t) dropped[t] = true;  // the earlier package

  Rows out = {x[0]};
  std::vector<int> kept;
  std::vector<double> sums(x[0].size(), 0);
  std::vector<double> plain(x[0].size(), 0);
  double total = 0;
  double count = 0;
  for (size_t t = 1; t < x.size(); ++t) {
    if (!dropped[t]) {
      out.push_back(x[t]);
      kept.push_back(patches[t - 1]);
      continue;
    }
    total += scores[t];
    ++count;
    for (size_t c = 0; c < sums.size(); ++c) sums[c] += scores[t] * x[t][c], plain[c] += x[t][c];
  }
  Row package;
  for (size_t c = 0; c < sums.size(); ++c) {
    const double mean = divisor != 0 ? sums[c] / divisor : total == 0 ? plain[c] / count : sums[c] / total;
    package.push_back(limit16(std::round(mean)));
  }
  if (count > 0 && with_package) out.push_back(package);
  x = out;
  patches = kept;
}

double rounded_ratio(double a, double b) { return std::round(a / b); }

// Merges one at a time: the most similar of those that may go, the last of equals, into the first of its most similar.
void merge(const Rows& qkv, Rows& x, std::vector<int>& sizes, std::vector<int>& patches, size_t keep) {
  const size_t dim = x[0].size(), tokens = x.size();
  network::QuantLayerNorm plain;
  plain.n = static_cast<int>(dim);
  plain.channels.assign(dim, {0, 1, 0});
  plain.shift = 7;
  Rows keys;
  for (const Row& row : qkv) keys.push_back(norm(plain, slice(row, static_cast<int>(dim), static_cast<int>(dim))));
  std::vector<double> best(tokens, -1e9);
  std::vector<size_t> partner(tokens, 0);
  for (size_t a = 1; a < tokens; a += 2)
    for (size_t b = 2; b < tokens; b += 2) {
      double dot = 0;
      for (size_t c = 0; c < dim; ++c) dot += keys[a][c] * keys[b][c];
      // 2^14 / (D 2^10) as a multiplier of 16 bits.
      int shift = 1;
      while (shift < 62 && std::round(std::ldexp(16.0 / static_cast<double>(dim), shift + 1)) <= 65535) ++shift;
      const double scale = std::round(std::ldexp(16.0 / static_cast<double>(dim), shift));
      const double similarity = limit16(rescale(dot, scale, shift));
      if (similarity > best[a]) best[a] = similarity, partner[a] = b;
    }
  Rows sums = x;
  std::vector<int> totals = sizes;
  for (size_t t = 0; t < tokens; ++t)
    for (int& v : sums[t]) v *= sizes[t];
  std::vector<bool> gone(tokens, false);
  for (size_t left = patches.size(); left > keep; --left) {
    size_t next = 0;
    for (size_t a = 1; a < tokens; a += 2)
      if (!gone[a] && (next == 0 || best[a] >= best[next])) next = a;
    gone[next] = true;
    totals[partner[next]] += sizes[next];
    for (size_t c = 0; c < dim; ++c) sums[partner[next]][c] += sizes[next] * x[next][c];
  }
  Rows out;
  std::vector<int> out_sizes, kept;
  for (size_t t = 0; t < tokens; ++t) {
    if (gone[t]) continue;
    Row row;
    for (const int sum : sums[t]) row.push_back(limit16(rounded_ratio(sum, totals[t])));
    out.push_back(row);
    out_sizes.push_back(totals[t]);
    if (t > 0) kept.push_back(patches[t - 1]);
  }
  x = out, sizes = out_sizes, patches = kept;
}

}  // namespace

Row embed_patch(const network::QuantModel& model, const std::vector<int8_t>& image, int py, int px) {
  // Value by value backwards from the patch: only what it depends on is computed.
  std::map<std::tuple<int, int, int>, Row> memo;
  std::function<Row(int, int, int)> pixel = [&](int layer, int y, int x) -> Row {
    const int size = layer == 0 ? 224 : model.stem[static_cast<size_t>(layer - 1)].out_size;
    const int channels = layer == 0 ? 3 : model.stem[static_cast<size_t>(layer - 1)].linear.n;
    if (y < 0 || x < 0 || y >= size || x >= size) return Row(static_cast<size_t>(channels), 0);
    if (layer == 0) {
      const auto first = image.begin() + (y * 224 + x) * 3;
      return Row(first, first + 3);
    }
    Row& found = memo[{layer, y, x}];
    if (!found.empty()) return found;
    const network::QuantConv& conv = model.stem[static_cast<size_t>(layer - 1)];
    Row taps;
    for (int ky = 0; ky < conv.kernel; ++ky) {
      for (int kx = 0; kx < conv.kernel; ++kx) {
        append(taps, pixel(layer - 1, y * conv.stride + ky - conv.pad, x * conv.stride + kx - conv.pad));
      }
    }
    const Row out = linear(conv.linear, taps, [](double q) { return limit(q, 0, 127); });
    memo[{layer, y, x}] = out;
    return out;
  };
  const int layers = static_cast<int>(model.stem.size());
  const int patch = layers == 0 ? 16 : 8;
  Row taps;
  for (int y = py * patch; y < (py + 1) * patch; ++y) {
    for (int x = px * patch; x < (px + 1) * patch; ++x) append(taps, pixel(layers, y, x));
  }
  return linear(model.embed, taps, [&](double q) { return limit_residual(model, q); });
}

Result run(const network::QuantModel& model, const network::Pruning& pruning, const std::vector<int8_t>& image) {
  Result result;
  Rows& x = result.x;
  x.emplace_back(model.front.begin(), model.front.end());
  std::vector<int> patches;
  for (int p = 0; p < 196; ++p) {
    patches.push_back(p);
    Row row = embed_patch(model, image, p / 14, p % 14);  // saturated early: the caller's model does not saturate here
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = limit_residual(model, row[c] + model.position[static_cast<size_t>(p) * row.size() + c]);
    }
    x.push_back(row);
  }
  std::vector<double> cls_scores;
  Rows qkv;
  std::vector<int> sizes(x.size(), 1);
  for (size_t b = 0; b < model.blocks.size(); ++b) {
    for (size_t s = 0; s < pruning.positions.size(); ++s) {
      if (pruning.evit() || pruning.tome() || pruning.positions[s] != static_cast<int>(b) + 1) continue;
      const std::vector<double> scores = pruning.scorer == network::Scorer::kClsAttention
                                             ? cls_scores
                                             : learned_scores(model, model.selectors[s], x, patches.size());
      prune(
          x, scores, patches,
          [&](double lowest, size_t left) {
            return pruning.keep.empty() ? lowest >= 32768 : left <= static_cast<size_t>(pruning.keep[s]);
          },
          0, 0, pruning.package);
      result.kept.push_back(patches);
    }
    const auto stage = std::find(pruning.positions.begin(), pruning.positions.end(), static_cast<int>(b) + 1);
    if (!pruning.tome()) sizes.assign(x.size(), 1);
    attend_all(model, model.blocks[b], x, cls_scores, sizes, qkv);
    if (pruning.tome() && stage != pruning.positions.end()) {
      const auto s = static_cast<size_t>(stage - pruning.positions.begin());
      merge(qkv, x, sizes, patches, static_cast<size_t>(pruning.keep[s]));
      result.kept.push_back(patches);
    }
    if (pruning.evit() && stage != pruning.positions.end()) {
      const auto s = static_cast<size_t>(stage - pruning.positions.begin());
      prune(
          x, cls_scores, patches, [&](double, size_t left) { return left <= static_cast<size_t>(pruning.keep[s]); },
          65535.0 * model.spec.heads, 195 + static_cast<int>(s));
      result.kept.push_back(patches);
    }
    run_mlp(model, model.blocks[b], x);
  }
  const auto to_logit = [](double q) { return limit(q, -2147483648.0, 2147483647.0); };
  result.logits = linear(model.head, norm(model.norm, x[0]), to_logit);
  for (int c = 0; c < model.aux_head.n; ++c) {
    double best = -4e9;
    for (size_t t = 1; t < x.size(); ++t)
      best = std::max(best, static_cast<double>(to_logit(output(model.aux_head, c, norm(model.norm, x[t])))));
    int& logit = result.logits[static_cast<size_t>(c)];
    logit = to_logit(logit + best);
  }
  return result;
}

}  // namespace heatvit::naive
