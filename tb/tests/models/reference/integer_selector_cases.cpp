// Token selection, package token, scorers (docs/numerics.md section 8).
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "models/reference/integer_selector.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::reference {
namespace {

using Rows = std::vector<int>;
using Scores = std::vector<uint32_t>;

Matrix<int16_t> tokens_of(const std::vector<std::vector<int16_t>>& rows) {
  Matrix<int16_t> x(static_cast<int>(rows.size()), static_cast<int>(rows[0].size()));
  for (size_t r = 0; r < rows.size(); ++r) std::copy(rows[r].begin(), rows[r].end(), x.row(static_cast<int>(r)));
  return x;
}

TEST(Selection, TiesGoToTheLowerRowAndOrderIsPreserved) {
  const Scores scores = {999, 5, 9, 5, 9, 5, 1000};  // CLS and the package (row 6) are never ranked
  EXPECT_EQ(select_best(scores, 5, 3), (Rows{1, 2, 4}));
  EXPECT_EQ(select_best(scores, 5, 4), (Rows{1, 2, 3, 4}));
  EXPECT_EQ(select_best(scores, 5, 1), (Rows{2}));
  EXPECT_EQ(select_best(scores, 5, 0), (Rows{}));
  EXPECT_EQ(select_best(scores, 5, 9), (Rows{1, 2, 3, 4, 5}));
}

TEST(Selection, ThresholdIsInclusive) {
  const Scores scores = {65535, 32768, 32767, 65535, 0, 65535};
  EXPECT_EQ(select_threshold(scores, 4, kKeepThreshold), (Rows{1, 3}));
}

TEST(Package, IsTheWeightedMeanOfWhatWasDropped) {
  const Matrix<int16_t> x = tokens_of({{1, 1}, {100, -3}, {7, 7}, {200, -4}});
  const Matrix<int16_t> out = pack_tokens(x, {0, 1, 5, 3}, {2});
  // (100 + 3 * 200) / 4 = 175; (-3 - 12) / 4 = -3.75
  EXPECT_EQ(out.data, tokens_of({{1, 1}, {7, 7}, {175, -4}}).data);
  EXPECT_EQ(out.rows, 3);
}

TEST(Package, PlainMeanWhereAllWeightsAreZero) {
  const Matrix<int16_t> x = tokens_of({{1, 1}, {100, -3}, {7, 7}, {201, -4}});
  const Matrix<int16_t> out = pack_tokens(x, {9, 0, 5, 0}, {2});
  EXPECT_EQ(out.data, tokens_of({{1, 1}, {7, 7}, {151, -4}}).data);  // 150.5 and -3.5, away from zero
}

TEST(Package, AnEarlierOneJoinsWithItsOwnScore) {
  const Matrix<int16_t> x = tokens_of({{1}, {10}, {20}, {-40}});  // the last row is the package of before
  EXPECT_EQ(pack_tokens(x, {0, 1, 2, 6}, {1}).data, (std::vector<int16_t>{1, 10, -25}));  // (40 - 240) / 8
  // Nothing dropped: it goes on alone, unchanged, even with score zero.
  EXPECT_EQ(pack_tokens(x, {0, 1, 2, 6}, {1, 2}).data, x.data);
  EXPECT_EQ(pack_tokens(x, {0, 1, 2, 0}, {1, 2}).data, x.data);
}

TEST(Package, ThereIsNoneWhereNothingWasDropped) {
  const Matrix<int16_t> x = tokens_of({{1}, {10}, {20}});
  EXPECT_EQ(pack_tokens(x, {0, 0, 0}, {1, 2}).data, x.data);
}

TEST(Package, ADivisorStandsInPlaceOfTheSumOfTheWeights) {
  const Matrix<int16_t> x = tokens_of({{1}, {10}, {-20}, {31}});
  EXPECT_EQ(pack_tokens(x, {0, 65535, 32768, 65535}, {}, 1, 2 * 65535).data, (std::vector<int16_t>{1, 15}));  // 15.5-
  EXPECT_EQ(pack_tokens(x, {9, 0, 0, 0}, {}, 1, 65535).data, (std::vector<int16_t>{1, 0}));
  const Matrix<int16_t> most = tokens_of({{1}, {127}, {-128}});
  EXPECT_EQ(pack_tokens(most, {0, 66000, 0}, {}, 1, 65535).data, (std::vector<int16_t>{1, 128}));
  EXPECT_EQ(pack_tokens(most, {0, 66000, 0}, {}, 1, 65535, 8).data, (std::vector<int16_t>{1, 127}));
}

TEST(Package, WideScoresDoNotOverflow) {
  // CLS-attention scores of 12 heads, extreme tokens.
  Matrix<int16_t> x(197, 1);
  std::fill(x.data.begin(), x.data.end(), int16_t{-32768});
  const Matrix<int16_t> out = pack_tokens(x, Scores(197, 12 * 65535), {});
  EXPECT_EQ(out.data, (std::vector<int16_t>{-32768, -32768}));
}

TEST(RandomScores, AreXorshift32) {
  EXPECT_EQ(random_scores(5, 1, 0), (Scores{20748, 57390, 31673, 387, 58931}));
  EXPECT_EQ(random_scores(5, 3, 12345), (Scores{10313, 37585, 13315, 43322, 12607}));
  EXPECT_EQ(random_scores(3, 1, 0x61C88647U), (Scores{4, 1032, 40396}));  // the state would be zero: 1 instead
}

class HeatvitScores : public ::testing::Test {
 protected:
  HeatvitScores() : model_(network::random_quant_model(kSpec, 11, true)), x_(7, kSpec.dim) {
    uint32_t state = 1;
    for (int16_t& v : x_.data) v = static_cast<int16_t>((state = state * 1664525U + 1013904223U) >> 18);
  }
  Scores scores(bool has_package) {
    return heatvit_scores(x_, has_package, model_.selectors[0], kSpec.heads, model_.delta1, macs_);
  }
  inline static const zoo::ModelSpec kSpec{"tiny", 2,        64, 2, 96, true, 1e-6, {}, 1.0, zoo::Classifier::kOne,
                                           1.0,    {1, 2, 2}};
  network::QuantModel model_;
  Matrix<int16_t> x_;
  uint64_t macs_ = 0;
};

TEST_F(HeatvitScores, OnlyCandidatesEnterTheGlobalFeature) {
  const Scores before = scores(true);
  for (int c = 0; c < x_.cols; ++c) {
    x_.row(0)[c] = static_cast<int16_t>(x_.row(0)[c] ^ 0x155);  // CLS
    x_.row(6)[c] = static_cast<int16_t>(x_.row(6)[c] ^ 0x2AA);  // package
  }
  const Scores after = scores(true);
  EXPECT_EQ(Scores(after.begin() + 1, after.begin() + 6), Scores(before.begin() + 1, before.begin() + 6));
  EXPECT_NE(after[0], before[0]);
  EXPECT_NE(after[6], before[6]);
  EXPECT_NE(scores(false), after);  // now the last row is a candidate, and the mean another
}

TEST_F(HeatvitScores, HeadsWithoutWeightGiveZero) {
  for (isa::ChannelRecord& channel : model_.selectors[0].head2.channels) channel = {-1000000, 65535, 1, 0};
  EXPECT_EQ(scores(false), Scores(7, 0));
}

TEST_F(HeatvitScores, EqualLogitsScoreJustBelowAHalf) {
  for (isa::ChannelRecord& channel : model_.selectors[0].keep.channels) channel.multiplier = 0;
  // The floors of section 5 leave each of two equal logits a little below 32767.5: the threshold drops the token.
  EXPECT_EQ(scores(false), Scores(7, 32767));
}

TEST_F(HeatvitScores, CountsItsProducts) {
  scores(true);
  // 7 tokens, 2 heads of 32: local 32x16, mlp1 32x16, mlp2 16x8, keep 8x2; heads 2x1 and 1x2 a token.
  EXPECT_EQ(macs_, 7U * 2 * (512 + 512 + 128 + 16) + 7U * 4);
}

}  // namespace
}  // namespace heatvit::reference
