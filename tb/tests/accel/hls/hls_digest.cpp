// Prints a digest of every unit top's outputs on random and extreme inputs. Built twice, with native integers and with
// ap_int: the same lines must come out, and no ap_int may have lost a bit (exit code 1).
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "accel/hls/units/units.h"

namespace {

using heatvit::hls::TileBuffers;

enum class Fill { kRandom, kLowest, kHighest, kAlternating, kOutlier };

std::mt19937& generator() {
  static std::mt19937 g(1);
  return g;
}

template <class T>
std::vector<T> values(size_t count, Fill fill, int64_t low = std::numeric_limits<T>::min(),
                      int64_t high = static_cast<int64_t>(std::numeric_limits<T>::max())) {
  std::uniform_int_distribution<int64_t> any(low, high);
  std::vector<T> v(count);
  for (size_t i = 0; i < count; ++i) {
    const bool lowest = fill == Fill::kLowest || (fill == Fill::kAlternating && i % 2 == 0) ||
                        (fill == Fill::kOutlier && i % 1024 != 100);
    v[i] = static_cast<T>(fill == Fill::kRandom ? any(generator()) : lowest ? low : high);
  }
  return v;
}

/// Channel records: the widest multiplier in the extremes, shifts that keep the results in sight.
std::vector<uint64_t> channel_records(size_t count, Fill fill, int shift) {
  std::vector<uint64_t> words;
  const auto bias = values<int32_t>(count, fill, -1000000, 1000000);
  const auto multiplier = values<uint16_t>(count, fill == Fill::kRandom ? fill : Fill::kHighest);
  for (size_t i = 0; i < count; ++i)
    words.push_back(static_cast<uint32_t>(bias[i]) | uint64_t{multiplier[i]} << 32 |
                    static_cast<uint64_t>(shift) << 48);
  return words;
}

std::vector<uint64_t> norm_records(size_t count, Fill fill) {
  std::vector<uint64_t> words;
  const auto beta = values<int32_t>(count, fill);
  const auto gamma = values<int16_t>(count, fill);
  for (size_t i = 0; i < count; ++i)
    words.push_back(static_cast<uint32_t>(beta[i]) | uint64_t{static_cast<uint16_t>(gamma[i])} << 32);
  return words;
}

template <class T>
void print(const char* unit, Fill fill, const std::vector<T>& out) {
  uint64_t digest = 14695981039346656037U;  // FNV-1a
  for (const T v : out) digest = (digest ^ static_cast<uint64_t>(static_cast<int64_t>(v))) * 1099511628211U;
  std::printf("%s %d %016" PRIx64 "\n", unit, static_cast<int>(fill), digest);
}

void element_wise(Fill fill) {
  const int rows = 3, n = 1024;
  const size_t columns = n, cells = rows * columns;
  const auto acc = values<int32_t>(cells, fill, -(1 << 30), 1 << 30);
  const auto near = values<int32_t>(cells, fill, -200000, 200000);
  const auto records = channel_records(columns, fill, 24), fine = channel_records(columns, fill, 18);
  const auto residual = values<int16_t>(cells, fill);
  std::vector<int8_t> narrow(cells);
  std::vector<int16_t> wide(cells);
  std::vector<uint16_t> weights(cells);
  requantize(acc.data(), records.data(), rows, n, 1, narrow.data());
  print("requantize", fill, narrow);
  requantize_residual(acc.data(), records.data(), residual.data(), rows, n, wide.data());
  print("requantize_residual", fill, wide);
  for (const uint16_t delta1 : {uint16_t{16384}, uint16_t{65535}}) {
    gelu(near.data(), fine.data(), rows, n, delta1, 65535, 22, narrow.data());
    print("gelu", fill, narrow);
  }
  sigmoid(near.data(), fine.data(), rows, n, weights.data());
  print("sigmoid", fill, weights);
}

void rows(Fill fill) {
  const int count = 3, n = 1024;
  const size_t cells = 3 * 1024;
  const auto x = values<int16_t>(cells, fill);
  std::vector<uint8_t> narrow(cells);
  std::vector<uint16_t> wide(cells);
  std::vector<int8_t> normal(cells), means(3);
  for (const uint16_t delta2 : {uint16_t{1}, uint16_t{32768}, uint16_t{65535}}) {
    softmax(x.data(), count, n, delta2, narrow.data());
    print("softmax", fill, narrow);
    softmax_wide(x.data(), count, n, delta2, wide.data());
    print("softmax_wide", fill, wide);
  }
  for (const uint64_t epsilon : {uint64_t{1}, uint64_t{1} << 40}) {
    layernorm(x.data(), norm_records(1024, fill).data(), count, n, 24, epsilon, normal.data());
    print("layernorm", fill, normal);
  }
  head_mean(x.data(), count, n, 65535, 32, means.data());
  print("head_mean", fill, means);
}

void selector(Fill fill) {
  const int tokens = 256, heads = 16, columns = 64;
  const size_t count = 256;
  const auto keep = values<uint16_t>(count * 32, fill), weight = values<uint16_t>(count * 16, fill);
  std::vector<uint32_t> scores(count);
  token_score(keep.data(), weight.data(), tokens, heads, scores.data());
  print("token_score", fill, scores);
  random_scores(77, 2, tokens, scores.data());
  print("random_scores", fill, scores);
  scores = values<uint32_t>(count, fill, 0, (1 << 20) - 1);  // sums of attention over sixteen heads
  std::vector<uint8_t> mask(count);
  const int kept = token_select_count(scores.data(), tokens, 254, 100, mask.data());
  mask.push_back(static_cast<uint8_t>(kept));
  print("token_select_count", fill, mask);
  const int over = token_select_threshold(scores.data(), tokens, 254, 1 << 19, mask.data());
  mask.back() = static_cast<uint8_t>(over);
  print("token_select_threshold", fill, mask);
  std::fill(mask.begin() + 1, mask.end(), uint8_t{0});
  const auto x = values<int16_t>(count * 64, fill);
  std::vector<int16_t> packed(2 * 64);
  token_pack(x.data(), tokens, columns, mask.data(), scores.data(), 1, 0, packed.data());
  print("token_pack", fill, packed);
  // Each of the first set goes into the token behind it, and stands for as many as a size may say.
  std::vector<uint16_t> partners(count), sizes = values<uint16_t>(count, fill, 1, 2047 / 2), after(count / 2);
  for (size_t t = 0; t < count; ++t) {
    mask[t] = static_cast<uint8_t>(t % 2);
    partners[t] = static_cast<uint16_t>(t + 1);
  }
  std::vector<int16_t> merged(count / 2 * 64);
  token_merge(x.data(), tokens, columns, mask.data(), partners.data(), sizes.data(), after.data(), merged.data());
  print("token_merge", fill, merged);
  print("token_merge", fill, after);
  token_match(x.data(), 128, 127, 1, scores.data(), partners.data());
  print("token_match", fill, scores);
  print("token_match", fill, partners);
  std::vector<uint8_t> probabilities(1000);
  const auto ones = values<uint16_t>(1000, fill, 1, 2);  // all sizes together are at most 2047
  softmax_sized(x.data(), ones.data(), 1, 1000, 32768, probabilities.data());
  print("softmax_sized", fill, probabilities);
  const auto narrow = values<int8_t>(count * 64, fill);
  std::vector<int8_t> mean(64);
  token_mean(narrow.data(), tokens, columns, 254, mean.data());
  print("token_mean", fill, mean);
  const auto wide = values<int32_t>(count * 64, fill), residual = values<int32_t>(64, fill);
  std::vector<int32_t> most(64);
  column_max(wide.data(), residual.data(), tokens, columns, most.data());
  print("column_max", fill, most);
}

void array(Fill fill) {
  constexpr size_t kA = size_t{TileBuffers::kRows} * TileBuffers::kInputs,
                   kB = size_t{TileBuffers::kOutputs} * TileBuffers::kInputs,
                   kC = size_t{TileBuffers::kRows} * TileBuffers::kOutputs;
  const auto a = values<int8_t>(kA, fill), b = values<int8_t>(kB, fill);
  for (const auto unit : {pe_array_tile, pe_array_tile_packed}) {
    auto c = values<int32_t>(kC, Fill::kHighest, -5, 5);
    unit(reinterpret_cast<const int8_t(*)[TileBuffers::kInputs]>(a.data()),
         reinterpret_cast<const int8_t(*)[TileBuffers::kInputs]>(b.data()),
         reinterpret_cast<int32_t(*)[TileBuffers::kOutputs]>(c.data()), 20, TileBuffers::kInputs, TileBuffers::kOutputs,
         0);
    print("pe_array", fill, c);
  }
}

}  // namespace

int main() {
  for (const Fill fill : {Fill::kRandom, Fill::kLowest, Fill::kHighest, Fill::kAlternating, Fill::kOutlier}) {
    element_wise(fill);
    rows(fill);
    selector(fill);
    array(fill);
  }
#ifdef HEATVIT_AP_INT
  if (ap_standin::lost_values() != 0) {
    std::fprintf(stderr, "%lld values left their width\n", static_cast<long long>(ap_standin::lost_values()));
    return 1;
  }
#endif
  return 0;
}
