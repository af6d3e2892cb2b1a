// Kernels of token merging: partners, means weighted by sizes, softmax weighted by sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "accel/kernels/merging.h"

using namespace heatvit::kernels;

namespace {

int draw(std::mt19937& random, int least, int most) {
  return least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1));
}

/// A random merging of tokens, the naive way and by the kernels.
struct Merging {
  int tokens, cols;
  std::vector<uint8_t> mask;
  std::vector<uint16_t> partners, sizes, after;
  std::vector<MergeStep> steps;
  int count;

  Merging(std::mt19937& random, int front, int all, int columns) : tokens(all), cols(columns) {
    const size_t n = static_cast<size_t>(tokens);
    mask.assign(n, 1), partners.assign(n, 0), sizes.assign(n, 1), after.assign(n, 0);
    steps.assign(n, MergeStep{0, 0});
    for (int t = 0; t < tokens; ++t) sizes[static_cast<size_t>(t)] = static_cast<uint16_t>(draw(random, 1, 5));
    for (int t = front; t + 1 < tokens; t += 2) {
      mask[static_cast<size_t>(t)] = static_cast<uint8_t>(random() % 2);
      partners[static_cast<size_t>(t)] =
          static_cast<uint16_t>(front + 1 + 2 * draw(random, 0, (tokens - front) / 2 - 1));
    }
    std::vector<uint16_t> next(n), first(n);
    count = merge_order(mask.data(), partners.data(), sizes.data(), tokens, next.data(), first.data(), steps.data(),
                        after.data());
  }

  template <class T>
  std::vector<T> naive(const std::vector<T>& x, std::vector<int>& totals) const {
    std::vector<T> out;
    for (int t = 0; t < tokens; ++t) {
      if (mask[static_cast<size_t>(t)] == 0) continue;
      int total = 0;
      std::vector<double> sums(static_cast<size_t>(cols), 0);
      for (int i = 0; i < tokens; ++i) {
        const size_t from = static_cast<size_t>(i);
        if (i != t && (mask[from] != 0 || partners[from] != t)) continue;
        total += sizes[from];
        for (int c = 0; c < cols; ++c)
          sums[static_cast<size_t>(c)] += sizes[from] * double(x[static_cast<size_t>(i * cols + c)]);
      }
      totals.push_back(total);
      for (const double sum : sums) out.push_back(static_cast<T>(std::round(sum / total)));
    }
    return out;
  }
};

template <class T>
void expect_means(uint32_t seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    const int front = draw(random, 0, 2), tokens = draw(random, front + 1, 60), cols = draw(random, 1, 70);
    const Merging merging(random, front, tokens, cols);
    std::vector<T> x(static_cast<size_t>(tokens * cols));
    for (T& v : x) v = i == 0 ? T(-32768) : static_cast<T>(random());
    std::vector<int> totals;
    const std::vector<T> expected = merging.naive(x, totals);
    std::vector<T> out(expected.size());
    merge_slice(x.data(), cols, merging.steps.data(), merging.count, merging.sizes.data(), out.data());
    EXPECT_EQ(out, expected) << i;
    EXPECT_EQ(merging.count, tokens);
    for (size_t t = 0; t < totals.size(); ++t) EXPECT_EQ(merging.after[t], totals[t]);
  }
}

}  // namespace

TEST(Match, TheFirstOfTheMostSimilar) {
  std::mt19937 random(1);
  for (int i = 0; i < 100; ++i) {
    const int columns = draw(random, 1, 40), rows = columns + draw(random, 0, 1), front = draw(random, 0, 3);
    std::vector<int16_t> similarity(static_cast<size_t>(rows * columns));
    const int range = i % 2 == 0 ? 3 : 65536;  // ties; extremes
    for (int16_t& v : similarity)
      v = static_cast<int16_t>(static_cast<int>(random() % static_cast<unsigned>(range)) - range / 2);
    const size_t tokens = static_cast<size_t>(front + rows + columns);
    std::vector<uint32_t> scores(tokens, 7), pieces(tokens, 7);
    std::vector<uint16_t> partners(tokens, 7), of_pieces(tokens, 7);
    match_rows(similarity.data(), 0, rows, columns, front, scores.data(), partners.data());
    for (int r = 0; r < rows; ++r)
      match_rows(similarity.data() + r * columns, r, 1, columns, front, pieces.data(), of_pieces.data());
    EXPECT_EQ(scores, pieces);
    EXPECT_EQ(partners, of_pieces);
    for (int t = 0; t < front + rows + columns; ++t) {
      if (t < front || (t - front) % 2 == 1) {
        EXPECT_EQ(scores[static_cast<size_t>(t)], kStays);
        continue;
      }
      const int16_t* row = similarity.data() + (t - front) / 2 * columns;
      const int16_t* best = std::max_element(row, row + columns);
      EXPECT_EQ(scores[static_cast<size_t>(t)], static_cast<uint32_t>(32767 - *best));
      EXPECT_EQ(partners[static_cast<size_t>(t)], front + 2 * (best - row) + 1);
    }
  }
}

TEST(Merge, MeansWeightedBySize) {
  expect_means<int16_t>(2);
  expect_means<int8_t>(3);
}

TEST(Merge, ARowWithoutAPartnerThatStaysIsLeftOut) {
  const uint8_t mask[] = {1, 0, 1, 0, 1};
  const uint16_t partners[] = {0, 3, 0, 500, 0}, sizes[] = {1, 1, 2, 1, 1};  // into one that goes; nowhere
  uint16_t next[5], first[5], after[5];
  MergeStep steps[5];
  ASSERT_EQ(merge_order(mask, partners, sizes, 5, next, first, steps, after), 3);
  EXPECT_EQ(steps[1].row, 2);
  EXPECT_EQ(after[1], 2);
}

TEST(Merge, TheLargestSumFits) {
  const int tokens = heatvit::isa::kMaxSequence;
  std::vector<int16_t> x(static_cast<size_t>(tokens), -32768);
  std::vector<uint16_t> sizes(static_cast<size_t>(tokens), 1);
  std::vector<MergeStep> steps(static_cast<size_t>(tokens));
  for (int t = 0; t < tokens; ++t) steps[static_cast<size_t>(t)] = {static_cast<uint16_t>(t), 0};
  steps.back().total = static_cast<uint16_t>(tokens);
  int16_t out = 0;
  merge_slice(x.data(), 1, steps.data(), tokens, sizes.data(), &out);
  EXPECT_EQ(out, -32768);
}

TEST(SizedSoftmax, CountsATokenAsOftenAsItsSizeSays) {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    const int n = draw(random, 1, 90);
    std::vector<int16_t> x, expanded;
    std::vector<uint16_t> sizes;
    for (int j = 0; j < n; ++j) {
      x.push_back(static_cast<int16_t>(i % 3 == 0 ? draw(random, -32768, 32767) : draw(random, -900, 900)));
      sizes.push_back(static_cast<uint16_t>(random() % 3 == 0 ? draw(random, 2, 11) : 1));
      expanded.insert(expanded.end(), sizes.back(), x.back());
    }
    std::vector<uint16_t> out(static_cast<size_t>(n)), each(expanded.size());
    sized_softmax_row(x.data(), sizes.data(), n, 32768, out.data());
    softmax_row(expanded.data(), static_cast<int>(expanded.size()), 32768, each.data());
    size_t at = 0;
    for (size_t j = 0; j < sizes.size(); at += sizes[j], ++j) {
      if (sizes[j] == 1)
        EXPECT_EQ(out[j], each[at]);
      else
        EXPECT_NEAR(out[j], sizes[j] * each[at], sizes[j]);
    }
    std::vector<uint8_t> plain(static_cast<size_t>(n)), ones(static_cast<size_t>(n));
    softmax_row(x.data(), n, 30000, plain.data());
    sized_softmax_row(x.data(), std::vector<uint16_t>(static_cast<size_t>(n), 1).data(), n, 30000, ones.data());
    EXPECT_EQ(ones, plain);
  }
}

TEST(MergingCosts, GrowWithWhatIsDone) {
  EXPECT_LT(match_cycles(10, 50, 16, 1, kAllRegisters), match_cycles(11, 50, 16, 1, kAllRegisters));
  EXPECT_EQ(match_cycles(10, 50, 16, 3, kAllRegisters),
            match_cycles(10, 50, 16, 0, kAllRegisters) + 3 + kAllRegisters.write);
  EXPECT_LT(merge_slice_cycles(100, 64, 16, kAllRegisters), merge_slice_cycles(101, 64, 16, kAllRegisters));
  EXPECT_EQ(sized_softmax_cycles(10, 197, 16, 64, kAllRegisters),
            softmax_cycles(10, 197, 16, 64, kAllRegisters) + kAllRegisters.multiply);
}
