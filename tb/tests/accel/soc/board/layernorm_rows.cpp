// layernorm_rows FILE: random rows, and what the integer executor's LayerNorm makes of them, for layernorm_check.c.
// Words of 64 bits: rows; then a row: n, shift, epsilon, x, records, results, a word each.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "models/reference/integer_math.h"

namespace {

constexpr int kRows = 10000;

std::vector<int16_t> row_of(int kind, int n, std::mt19937& random) {
  const auto between = [&random](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  std::vector<int16_t> x(static_cast<size_t>(n));
  const int spread = 1 << between(0, 15), constant = between(-32768, 32767);
  for (int16_t& v : x)
    v = static_cast<int16_t>(kind == 0   ? constant
                             : kind == 1 ? (between(0, 1) == 0 ? -32768 : 32767)
                                         : std::clamp(between(-spread, spread) + constant / 4, -32768, 32767));
  return x;
}

}  // namespace

int main(int argc, char** argv) {
  std::FILE* file = argc == 2 ? std::fopen(argv[1], "wb") : nullptr;
  if (file == nullptr) return 2;
  std::mt19937 random(17);
  const auto put = [file](uint64_t word) { std::fwrite(&word, sizeof word, 1, file); };
  const auto between = [&random](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  put(kRows);
  for (int r = 0; r < kRows; ++r) {
    const int sizes[] = {32, 64, 96, 192, 192, between(1, 128)};
    heatvit::network::QuantLayerNorm norm;
    norm.n = r % 97 == 0 ? (r % 2 == 0 ? 384 : 1024) : sizes[r % 6];
    norm.shift = static_cast<uint8_t>(between(1, 24));
    norm.epsilon = r % 5 == 0 ? 1 : static_cast<uint64_t>(between(1, 1 << 30));
    for (int i = 0; i < norm.n; ++i)
      norm.channels.push_back(
          {between(-(1 << 30), 1 << 30) >> between(0, 20), static_cast<int16_t>(between(-32768, 32767)), 0});
    const std::vector<int16_t> x = row_of(r % 11, norm.n, random);
    std::vector<int8_t> out(x.size());
    heatvit::reference::layer_norm(x.data(), norm, out.data());
    put(static_cast<uint64_t>(norm.n));
    put(norm.shift);
    put(norm.epsilon);
    for (const int16_t v : x) put(static_cast<uint64_t>(static_cast<int64_t>(v)));
    for (const heatvit::isa::NormRecord& record : norm.channels) {
      uint64_t word = 0;
      std::memcpy(&word, &record, sizeof word);
      put(word);
    }
    for (const int8_t v : out) put(static_cast<uint64_t>(static_cast<int64_t>(v)));
  }
  return std::fclose(file) == 0 ? 0 : 1;
}
