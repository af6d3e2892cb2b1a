// Kernels of the token selector: scores, who stays, the package token, means, LV-ViT's column maximum.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "accel/kernels/selector.h"

using namespace heatvit::kernels;

TEST(HeadMean, RoundsAndSaturates) {
  const int16_t row[] = {1, 2, 3, 5};
  EXPECT_EQ(head_mean(row, 4, 16384, 16), 3);  // 11 / 4 = 2.75
  EXPECT_EQ(head_mean(row, 1, 32768, 16), 1);  // 1 / 2 goes up
  const int16_t low[] = {-32768, -32768};
  EXPECT_EQ(head_mean(low, 2, 65535, 1), -128);
  const int8_t bytes[] = {-1, -2};
  EXPECT_EQ(head_mean(bytes, 2, 32768, 16), -2);  // -1.5 goes away from zero
}

TEST(TokenScore, WeightsHeads) {
  const uint16_t keep[] = {65535, 0, 0, 65535, 30000, 35535};  // keep, drop of three heads
  const uint16_t equal[] = {5, 5, 5};
  EXPECT_EQ(token_score(keep, equal, 3), (65535u + 30000u) / 3);
  const uint16_t second[] = {0, 65535, 0};
  EXPECT_EQ(token_score(keep, second, 3), 0u);
  const uint16_t first[] = {65535, 0, 0};
  EXPECT_EQ(token_score(keep, first, 3), 65535u);
  const uint16_t none[] = {0, 0, 0};
  EXPECT_EQ(token_score(keep, none, 3), 0u);
}

TEST(TokenScore, FloorsTheExactQuotient) {
  std::mt19937 generator(1);
  for (int i = 0; i < 5000; ++i) {
    uint16_t keep[2 * kMaxHeads], weight[kMaxHeads];
    uint64_t top = 0, bottom = 0;
    for (int h = 0; h < kMaxHeads; ++h) {
      keep[2 * h] = i == 0 ? 65535 : static_cast<uint16_t>(generator());
      keep[2 * h + 1] = 0;
      weight[h] = i == 0 ? 65535 : static_cast<uint16_t>(generator());
      top += static_cast<uint64_t>(keep[2 * h]) * weight[h];
      bottom += weight[h];
    }
    EXPECT_EQ(token_score(keep, weight, kMaxHeads), top / bottom);
  }
}

TEST(RandomScores, IsTheSpecifiedSequence) {
  // seed 0, stage 0: state 0 becomes 1; xorshift32 of 1 is 270369, then 67634689.
  uint32_t scores[2];
  random_scores(0, 0, 2, scores);
  EXPECT_EQ(scores[0], 270369u >> 16);
  EXPECT_EQ(scores[1], 67634689u >> 16);
  uint32_t wrapped[2];
  random_scores(0u - 0x9E3779B9u, 1, 2, wrapped);  // seed + stage constant = 0 (mod 2^32)
  EXPECT_EQ(wrapped[0], scores[0]);
  uint32_t stage1[2], shifted[2];
  random_scores(42, 1, 2, stage1);
  random_scores(42 + 0x9E3779B9u, 0, 2, shifted);
  EXPECT_EQ(stage1[0], shifted[0]);
  EXPECT_NE(stage1[0], scores[0]);
}

TEST(SelectCount, TiesGoToTheLowerIndex) {
  const uint32_t scores[] = {0, 5, 9, 5, 9, 5, 99};  // CLS, five candidates, package
  uint8_t mask[7];
  EXPECT_EQ(select_count(scores, 1, 6, 3, mask, 7), 3);
  const uint8_t expected[] = {1, 1, 1, 0, 1, 0, 0};
  EXPECT_TRUE(std::equal(mask, mask + 7, expected));
}

TEST(SelectCount, AllOrNoneOrNoCandidate) {
  const uint32_t scores[] = {7, 1, 1, 1};
  uint8_t mask[4];
  EXPECT_EQ(select_count(scores, 1, 4, 0, mask, 4), 0);
  EXPECT_EQ(mask[0], 1);
  EXPECT_EQ(mask[1] + mask[2] + mask[3], 0);
  EXPECT_EQ(select_count(scores, 1, 4, 3, mask, 4), 3);
  EXPECT_EQ(mask[0] + mask[1] + mask[2] + mask[3], 4);
  EXPECT_EQ(select_count(scores, 1, 4, 100, mask, 4), 3);
  EXPECT_EQ(select_count(scores, 1, 1, 5, mask, 2), 0);  // CLS and package alone
  EXPECT_EQ(mask[0], 1);
  EXPECT_EQ(mask[1], 0);
}

TEST(SelectCount, KeepsWhatSortingKeeps) {
  std::mt19937 generator(2);
  for (int round = 0; round < 200; ++round) {
    const int tokens = 198, end = 197, keep = static_cast<int>(generator() % 197);
    std::vector<uint32_t> scores(tokens);
    for (uint32_t& s : scores) s = static_cast<uint32_t>(generator()) % (round % 2 == 0 ? 20u : 4000000000u);
    std::vector<int> order;
    for (int t = 1; t < end; ++t) order.push_back(t);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)]; });
    const std::set<int> stay(order.begin(), order.begin() + keep);
    std::vector<uint8_t> mask(tokens);
    EXPECT_EQ(select_count(scores.data(), 1, end, keep, mask.data(), tokens), keep);
    for (int t = 1; t < end; ++t) EXPECT_EQ(mask[static_cast<size_t>(t)], stay.count(t)) << t;
  }
}

TEST(SelectThreshold, AtTheEdge) {
  const uint32_t scores[] = {0, 32767, 32768, 65535, 65535};
  uint8_t mask[5];
  EXPECT_EQ(select_threshold(scores, 1, 4, 32768, mask, 5), 2);
  const uint8_t expected[] = {1, 0, 1, 1, 0};
  EXPECT_TRUE(std::equal(mask, mask + 5, expected));
  EXPECT_EQ(select_threshold(scores, 1, 4, 65536, mask, 5), 0);
  EXPECT_EQ(select_threshold(scores, 1, 4, 0, mask, 5), 3);
}

TEST(Pack, KeptRowsMoveUpAndTheRestIsAveraged) {
  const int16_t x[] = {1, 2, 10, 20, 30, 41, 50, 60};  // four rows of two
  const uint8_t mask[] = {1, 0, 1, 0};
  const uint32_t scores[] = {9, 1, 9, 3};
  int16_t out[6];
  pack_slice(x, 4, 2, mask, scores, true, 0, out);
  const int16_t expected[] = {1, 2, 30, 41, 40, 50};  // (10 + 3 * 50) / 4, (20 + 3 * 60) / 4
  EXPECT_TRUE(std::equal(out, out + 6, expected));
}

TEST(Pack, ZeroWeightsMeanThePlainMeanAndHalvesGoAway) {
  const int16_t x[] = {5, 5, -1, 1, -2, 2};
  const uint8_t mask[] = {1, 0, 0};
  const uint32_t scores[] = {1, 0, 0};
  int16_t out[4];
  pack_slice(x, 3, 2, mask, scores, true, 0, out);
  EXPECT_EQ(out[2], -2);  // -1.5
  EXPECT_EQ(out[3], 2);
  int8_t bytes_out[2];
  const int8_t bytes[] = {-128, -127};
  const uint8_t drop_all[] = {0, 0};
  const uint32_t most[] = {1048575u, 1048575u};
  pack_slice(bytes, 2, 1, drop_all, most, true, 0, bytes_out);
  EXPECT_EQ(bytes_out[0], -128);  // -127.5
}

TEST(Pack, ADivisorStandsInPlaceOfTheSumOfTheWeights) {
  const int16_t x[] = {1, 2, 10, -32768, -20, -32768, 31, -32768};
  const uint8_t mask[] = {1, 0, 0, 0};
  const uint32_t scores[] = {7, 65535, 32768, 65535};
  int16_t out[4];
  pack_slice(x, 4, 2, mask, scores, true, 2 * 65535, out);
  EXPECT_EQ(out[2], 15);      // 15.4999
  EXPECT_EQ(out[3], -32768);  // saturates where the weights are more than the divisor
  const uint32_t none[] = {7, 0, 0, 0};
  pack_slice(x, 4, 2, mask, none, true, 65535, out);
  EXPECT_EQ(out[2], 0);
}

TEST(Pack, NothingDroppedIsACopy) {
  const int16_t x[] = {1, 2, 3, 4, 5, 6};
  const uint8_t mask[] = {1, 1, 1};
  const uint32_t scores[] = {0, 0, 0};
  int16_t out[8] = {0, 0, 0, 0, 0, 0, 77, 77};
  pack_slice(x, 3, 2, mask, scores, false, 0, out);
  EXPECT_TRUE(std::equal(x, x + 6, out));
  EXPECT_EQ(out[6], 77);
}

TEST(Pack, SlicesOfColumnsEqualTheWhole) {
  const int tokens = 40, cols = 24, half = 12;
  std::mt19937 generator(3);
  std::vector<int16_t> x(tokens * cols), left(tokens * half), right(tokens * half);
  std::vector<uint8_t> mask(tokens);
  std::vector<uint32_t> scores(tokens);
  int kept = 0;
  for (size_t t = 0; t < tokens; ++t) {
    mask[t] = t == 0 || generator() % 2 == 0;
    kept += mask[t];
    scores[t] = static_cast<uint16_t>(generator());
    for (size_t c = 0; c < cols; ++c) {
      const int16_t v = static_cast<int16_t>(generator());
      x[t * cols + c] = v;
      (c < half ? left : right)[t * half + c % half] = v;
    }
  }
  std::vector<int16_t> whole(static_cast<size_t>((kept + 1) * cols)), part(static_cast<size_t>((kept + 1) * half));
  pack_slice(x.data(), tokens, cols, mask.data(), scores.data(), true, 0, whole.data());
  for (int side = 0; side < 2; ++side) {
    pack_slice((side == 0 ? left : right).data(), tokens, half, mask.data(), scores.data(), true, 0, part.data());
    for (size_t t = 0; t <= static_cast<size_t>(kept); ++t) {
      for (size_t c = 0; c < half; ++c) {
        EXPECT_EQ(part[t * half + c], whole[t * cols + static_cast<size_t>(side) * half + c]);
      }
    }
  }
}

TEST(Pack, RowsThatGoThenRowsThatStayEqualTheSlices) {
  const int tokens = 37, cols = 20;
  std::mt19937 generator(5);
  std::vector<int16_t> x(tokens * cols);
  for (int16_t& v : x) v = static_cast<int16_t>(generator());
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<uint8_t> mask(tokens), order(tokens);
    std::vector<uint32_t> scores(tokens);
    int stay = 0;
    for (size_t t = 0; t < tokens; ++t) {
      mask[t] = t == 0 || (trial % 3 != 2 && generator() % 3 != 0);
      stay += mask[t];
      scores[t] = trial % 4 == 3 ? 0 : static_cast<uint16_t>(generator());
    }
    const uint32_t divisor = trial % 5 == 4 ? 3 * 65535 : 0;
    const bool package = stay < tokens;
    std::vector<int16_t> expected(static_cast<size_t>((stay + 1) * cols), 7), got(expected);
    pack_slice(x.data(), tokens, cols, mask.data(), scores.data(), package, divisor, expected.data());

    const int gone = tokens - stay, tile = 1 + trial % 9;
    const uint32_t weights = row_order(mask.data(), scores.data(), tokens, gone, order.data());
    const bool equal = divisor == 0 && weights == 0;
    const uint32_t total = divisor != 0 ? divisor : equal ? static_cast<uint32_t>(gone) : weights;
    std::vector<int64_t> sums(cols, -1);
    for (int at = 0, out = 0; at < tokens;) {
      const bool stays = at >= gone;
      const int rows = std::min(tile, (stays ? tokens : gone) - at);
      std::vector<int16_t> gathered;
      std::vector<uint32_t> own;
      for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
        const size_t row = order[static_cast<size_t>(at) + r];
        gathered.insert(gathered.end(), x.begin() + static_cast<ptrdiff_t>(row * cols),
                        x.begin() + static_cast<ptrdiff_t>((row + 1) * cols));
        own.push_back(scores[row]);
      }
      pack_rows(gathered.data(), rows, cols, stays, own.data(), equal, at == 0, sums.data(), got.data() + out * cols);
      at += rows;
      out += stays ? rows : 0;
    }
    if (package) package_row(sums.data(), cols, total, got.data() + stay * cols);
    EXPECT_EQ(got, expected) << "trial " << trial;
  }
}

TEST(TokenMean, CandidatesOnly) {
  const int8_t x[] = {100, -100, 1, -1, 2, -2, 100, 100};
  int8_t mean[2];
  token_mean_slice(x, 4, 2, 1, 3, mean);
  EXPECT_EQ(mean[0], 2);  // 1.5
  EXPECT_EQ(mean[1], -2);
  token_mean_slice(x, 4, 2, 1, 1, mean);
  EXPECT_EQ(mean[0], 0);
  EXPECT_EQ(mean[1], 0);
  token_mean_slice(x, 4, 2, 0, 1, mean);
  EXPECT_EQ(mean[1], -100);
}

TEST(ColumnMax, AddsAndSaturates) {
  const int32_t x[] = {-5, 7, 2147483647, -9, -3, 1};
  const int32_t residual[] = {1, -2147483647 - 1, 5};
  int32_t out[3];
  column_max_add(x, 2, 3, residual, out);
  EXPECT_EQ(out[0], -4);
  EXPECT_EQ(out[1], -2147483641);  // 7 - 2^31
  EXPECT_EQ(out[2], 2147483647);
}
