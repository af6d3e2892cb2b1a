// Kernels of the non-linear functions against double precision. The figures printed here stand in docs/kernels.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "tb/tests/support/div_round.h"

using namespace heatvit::kernels;
using heatvit::isa::ChannelRecord;
using heatvit::isa::NormRecord;

namespace {

void report(const std::string& what, double value) { std::printf("  %s: %.3e\n", what.c_str(), value); }

/// The paper's GELU in double precision.
double polynomial_gelu(double x, double delta1) {
  const double u = std::min(std::fabs(x) / std::sqrt(2.0), 1.769) - 1.769;
  const double erf = delta1 * (-0.2888 * u * u + 1);
  return x / 2 * (1 + (x < 0 ? -erf : erf));
}

double true_gelu(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }

/// PLAN in double precision.
double plan(double x) {
  const double a = std::fabs(x);
  const double y = a >= 5 ? 1 : a >= 2.375 ? a / 32 + 27.0 / 32 : a >= 1 ? a / 8 + 5.0 / 8 : a / 4 + 0.5;
  return x < 0 ? 1 - y : y;
}

/// exp(-a) by the paper's shift and parabola, in double precision.
double parabola_exp(double a) {
  const double z = std::floor(a / std::log(2.0));
  const double p = z * std::log(2.0) - a;
  return (0.3585 * (p + 1.353) * (p + 1.353) + 0.344) / std::pow(2.0, z);
}

template <class F>
std::vector<double> normalised(const std::vector<int16_t>& x, F weight) {
  const int16_t largest = *std::max_element(x.begin(), x.end());
  std::vector<double> p;
  double sum = 0;
  for (const int16_t v : x) p.push_back(weight((largest - v) / 256.0));
  for (const double v : p) sum += v;
  for (double& v : p) v /= sum;
  return p;
}

std::vector<int16_t> random_scores_row(std::mt19937& generator, int n, double spread) {
  std::normal_distribution<double> value(0, spread * 256);
  std::vector<int16_t> row;
  for (int i = 0; i < n; ++i) {
    row.push_back(static_cast<int16_t>(std::max(-32768.0, std::min(32767.0, std::round(value(generator))))));
  }
  return row;
}

}  // namespace

TEST(Gelu, HandComputedPoints) {
  EXPECT_EQ(gelu_q12(0, 32768), 0);
  EXPECT_EQ(gelu_q12(32767, 32768), 4 * 32767);  // the identity, far to the right
  EXPECT_EQ(gelu_q12(-32768, 32768), 0);
  // delta1 = 0: x / 2. delta1 = 0.5, far to the left: x / 4.
  EXPECT_EQ(gelu_q12(1001, 0), 2002);
  EXPECT_EQ(gelu_q12(-1001, 0), -2002);
  EXPECT_EQ(gelu_q12(-32768, 16384), -32768);
  EXPECT_EQ(gelu_q12(-32768, 65535), 65534);  // delta1 just below 2 turns the sign: -32 x -32767 / 2^16 = 15.9995
  // x = 1 by hand: u = 11585, t = 17398, L = 32768 - 10671, f = 54865; 1024 * 54865 / 2^14 = 3429.06
  EXPECT_EQ(gelu_q12(1024, 32768), 3429);
  // x = -2, delta1 = 0.5: L = 31577 is odd, e = 15789 rounds up, f = 16979; -2048 * 16979 / 2^14 = -2122.4
  EXPECT_EQ(gelu_q12(-2048, 16384), -2122);
}

TEST(Gelu, ErrorOverTheWholeRange) {
  for (const int delta1 : {32768, 16384}) {
    double polynomial = 0, exact = 0;
    for (int x = -32768; x <= 32767; ++x) {
      const double value = gelu_q12(static_cast<int16_t>(x), static_cast<uint16_t>(delta1)) / 4096.0;
      polynomial = std::max(polynomial, std::fabs(value - polynomial_gelu(x / 1024.0, delta1 / 32768.0)));
      exact = std::max(exact, std::fabs(value - true_gelu(x / 1024.0)));
    }
    report("gelu_q12 against the polynomial, delta1 " + std::to_string(delta1), polynomial);
    EXPECT_LT(polynomial, 1.6e-4);
    if (delta1 != 32768) continue;
    report("gelu_q12 against erf", exact);
    EXPECT_LT(exact, 0.0184);
  }
}

TEST(Gelu, RowsRequantiseTwice) {
  const int n = 77;
  std::vector<int32_t> acc;
  std::vector<ChannelRecord> records(n);
  std::mt19937 generator(1);
  for (ChannelRecord& r : records) {
    acc.push_back(static_cast<int32_t>(generator()) >> 8);
    r.bias = static_cast<int32_t>(generator()) >> 12;
    r.multiplier = static_cast<uint16_t>(generator());
    r.shift = static_cast<uint8_t>(20 + generator() % 10);
  }
  for (const int step : {0, 1}) {
    std::vector<int8_t> out(n);
    finish_gelu_row(acc.data(), records.data(), step, n, 30000, 50000, 22, out.data());
    for (size_t i = 0; i < n; ++i) {
      const ChannelRecord& r = records[step == 0 ? 0 : i];
      const int64_t q =
          heatvit::tests::div_round(static_cast<int64_t>(acc[i] + r.bias) * r.multiplier, int64_t{1} << r.shift);
      const int32_t g = gelu_q12(saturate<int16_t>(q), 30000);
      EXPECT_EQ(out[i], saturate<int8_t>(heatvit::tests::div_round(static_cast<int64_t>(g) * 50000, 1 << 22))) << i;
    }
  }
}

TEST(Sigmoid, HandComputedPoints) {
  EXPECT_EQ(sigmoid_q16(0), 32768);
  EXPECT_EQ(sigmoid_q16(4095), 4 * 4095 + 32768);
  EXPECT_EQ(sigmoid_q16(4096), 49152);  // 3/4 from either piece
  EXPECT_EQ(sigmoid_q16(-4096), 16384);
  EXPECT_EQ(sigmoid_q16(9727), 60414);
  EXPECT_EQ(sigmoid_q16(9728), 60160);  // PLAN steps down here: 27/32 + 2.375/32 < 5/8 + 2.375/8
  EXPECT_EQ(sigmoid_q16(20479), 65535);
  EXPECT_EQ(sigmoid_q16(20480), 65535);
  EXPECT_EQ(sigmoid_q16(32767), 65535);
  EXPECT_EQ(sigmoid_q16(-20480), 0);
  EXPECT_EQ(sigmoid_q16(-32768), 0);
}

TEST(Silu, HandComputedPoints) {
  EXPECT_EQ(silu_q12(0), 0);
  EXPECT_EQ(silu_q12(1024), 3072);     // 1 x 3/4
  EXPECT_EQ(silu_q12(-1024), -1024);   // -1 x 1/4
  EXPECT_EQ(silu_q12(-5120), 0);       // from -5 on nothing is left
  EXPECT_EQ(silu_q12(32767), 131066);  // x itself, far to the right, but that 1.0 is 65535
  EXPECT_EQ(silu_q12(-32768), 0);      // 4 x saturates
}

TEST(Silu, ErrorOverTheWholeRange) {
  double exact = 0;
  for (int x = -32768; x <= 32767; ++x)
    exact = std::max(exact,
                     std::fabs(silu_q12(static_cast<int16_t>(x)) / 4096.0 - x / 1024.0 / (1 + std::exp(-x / 1024.0))));
  report("silu_q12 against the real function", exact);
  EXPECT_LE(exact, 0.068);
  EXPECT_GE(exact, 0.03);  // PLAN's own error, times the argument
}

TEST(Silu, RowsRequantiseTwice) {
  const int32_t acc[4] = {0, 1 << 20, -(1 << 20), 1 << 24};
  const heatvit::isa::ChannelRecord record{5, 1024, 20, 0};
  int8_t out[4];
  finish_silu_row(acc, &record, 0, 4, 50000, 22, out);
  for (int i = 0; i < 4; ++i) {
    const int64_t q = heatvit::tests::div_round((int64_t{acc[i]} + 5) * 1024, int64_t{1} << 20);
    const int64_t g = silu_q12(static_cast<int16_t>(q));
    EXPECT_EQ(out[i], saturate<int8_t>(heatvit::tests::div_round(g * 50000, int64_t{1} << 22))) << i;
  }
}

TEST(Sigmoid, ErrorOverTheWholeRange) {
  double pieces = 0, exact = 0;
  for (int x = -32768; x <= 32767; ++x) {
    const double value = sigmoid_q16(static_cast<int16_t>(x)) / 65536.0;
    pieces = std::max(pieces, std::fabs(value - plan(x / 4096.0)));
    exact = std::max(exact, std::fabs(value - 1 / (1 + std::exp(-x / 4096.0))));
  }
  report("sigmoid_q16 against PLAN", pieces);
  report("sigmoid_q16 against the logistic function", exact);
  EXPECT_LE(pieces, 1.0 / 65536);
  EXPECT_LT(exact, 0.0190);
}

TEST(Sigmoid, RowSaturatesItsArgument) {
  ChannelRecord one;
  one.multiplier = 32768;
  one.shift = 15;
  const int32_t acc[] = {0, 4096, -4096, 1000000, -1000000};
  uint16_t out[5];
  finish_sigmoid_row(acc, &one, 0, 5, out);
  const int expected[] = {32768, 49152, 16384, 65535, 0};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(out[i], expected[i]);
}

TEST(Exponential, ErrorOverTheWholeRange) {
  double parabola = 0, exact = 0;
  for (int d = 0; d <= 65535; ++d) {
    const double value = exp_q24(d) / 16777216.0;
    parabola = std::max(parabola, std::fabs(value - parabola_exp(d / 256.0)));
    exact = std::max(exact, std::fabs(value - std::exp(-d / 256.0)));
  }
  report("exp_q24 against the parabola", parabola);
  report("exp_q24 against exp", exact);
  EXPECT_LT(parabola, 8e-6);
  EXPECT_LT(exact, 2.2e-3);
  EXPECT_EQ(exp_q24(65535), 0u);
}

TEST(Softmax, HandComputedRows) {
  const int16_t equal[] = {5, 5, 5, 5};
  uint8_t p[4];
  softmax_row(equal, 4, 32768, p);
  for (const uint8_t v : p) EXPECT_EQ(v, 64);  // 63.75
  softmax_row(equal, 4, 16384, p);
  for (const uint8_t v : p) EXPECT_EQ(v, 32);  // 31.875
  uint16_t one = 0;
  const int16_t lone[] = {-32768};
  softmax_row(lone, 1, 32768, &one);
  EXPECT_EQ(one, 65535);
  softmax_row(lone, 1, 65535, &one);
  EXPECT_EQ(one, 65535);  // twice as much saturates
  const int16_t far[] = {-32768, 32767};
  uint16_t two[2];
  softmax_row(far, 2, 32768, two);
  EXPECT_EQ(two[0], 0);
  EXPECT_EQ(two[1], 65535);
}

// A sigmoid of the difference gives what the row does, for all differences there are and deltas at the edges.
TEST(Softmax, PairsAreRowsOfTwo) {
  for (const uint16_t delta : {uint16_t{0}, uint16_t{1}, uint16_t{29491}, uint16_t{32768}, uint16_t{65535}})
    for (int difference = -65535; difference <= 65535; difference += 3) {
      const auto second = static_cast<int16_t>(difference < 0 ? -32768 - difference : 32767 - difference);
      const int16_t pair[2] = {static_cast<int16_t>(difference < 0 ? -32768 : 32767), second};
      uint16_t row[2], own[2];
      softmax_row(pair, 2, delta, row);
      softmax_pairs(pair, 1, delta, own);
      ASSERT_EQ(row[0], own[0]) << difference << ' ' << delta;
      ASSERT_EQ(row[1], own[1]) << difference << ' ' << delta;
      uint8_t narrow[2], own_narrow[2];
      softmax_row(pair, 2, delta, narrow);
      softmax_pairs(pair, 1, delta, own_narrow);
      ASSERT_TRUE(narrow[0] == own_narrow[0] && narrow[1] == own_narrow[1]) << difference << ' ' << delta;
    }
}

TEST(Softmax, LongestRowOfEquals) {
  const std::vector<int16_t> x(kMaxRow, 32767);
  std::vector<uint16_t> p(kMaxRow);
  softmax_row(x.data(), kMaxRow, 32768, p.data());
  for (const uint16_t v : p) ASSERT_EQ(v, 64);  // 65535 / 1024
}

TEST(Softmax, ErrorOnRandomRows) {
  std::mt19937 generator(2);
  double wide_parabola = 0, wide_exact = 0, narrow_exact = 0, total = 0;
  for (int round = 0; round < 2000; ++round) {
    const int n = 2 + round % 196;
    const std::vector<int16_t> x = random_scores_row(generator, n, 0.5 + round % 7);
    std::vector<uint16_t> wide(x.size());
    std::vector<uint8_t> narrow(x.size());
    softmax_row(x.data(), n, 32768, wide.data());
    softmax_row(x.data(), n, 32768, narrow.data());
    const auto exact = normalised(x, [](double a) { return std::exp(-a); });
    const auto parabola = normalised(x, parabola_exp);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      wide_parabola = std::max(wide_parabola, std::fabs(wide[i] / 65535.0 - parabola[i]));
      wide_exact = std::max(wide_exact, std::fabs(wide[i] / 65535.0 - exact[i]));
      narrow_exact = std::max(narrow_exact, std::fabs(narrow[i] / 255.0 - exact[i]));
      sum += wide[i] / 65535.0;
    }
    total = std::max(total, std::fabs(sum - 1));
  }
  report("softmax uint16 against the parabola's softmax", wide_parabola);
  report("softmax uint16 against softmax", wide_exact);
  report("softmax uint8 against softmax", narrow_exact);
  report("softmax uint16, sum of a row against 1", total);
  EXPECT_LT(wide_parabola, 1.5e-5);
  EXPECT_LT(wide_exact, 1e-3);
  EXPECT_LT(narrow_exact, 2.9e-3);
  EXPECT_LT(total, 2.5e-4);
}

namespace {

/// gamma = 1 and the output scale 1/16: the result is the normalised value in Q4, saturating at +-8.
std::vector<NormRecord> plain_records(int n) {
  NormRecord r;
  r.gamma = 256;
  return std::vector<NormRecord>(static_cast<size_t>(n), r);
}
constexpr int kPlainShift = 16;  // Q12 x 2^8 to Q4

/// Largest distance of the outputs from exact LayerNorm, in output steps; 0.5 is rounding alone.
template <class In>
double layernorm_error(const std::vector<In>& x, uint64_t epsilon) {
  const int n = static_cast<int>(x.size());
  std::vector<int8_t> out(x.size());
  layernorm_row(x.data(), n, plain_records(n).data(), kPlainShift, epsilon, out.data());
  long double sum = 0, squares = 0;
  for (const In v : x) {
    sum += v;
    squares += static_cast<long double>(v) * v;
  }
  const long double deviation = std::sqrt(n * squares - sum * sum + static_cast<long double>(epsilon));
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double exact = 16 * (n * static_cast<long double>(x[i]) - sum) / deviation;
    const long double clipped = std::max(-128.0L, std::min(127.0L, exact));
    worst = std::max(worst, static_cast<double>(std::fabs(out[i] - clipped)));
  }
  return worst;
}

}  // namespace

TEST(LayerNorm, ConstantRowGivesBeta) {
  for (const int16_t value : {int16_t{0}, int16_t{1}, int16_t{-32768}, int16_t{32767}}) {
    const std::vector<int16_t> x(192, value);
    NormRecord r;
    r.gamma = 32767;
    r.beta = -5 * 65536;
    const std::vector<NormRecord> records(192, r);
    std::vector<int8_t> out(192);
    layernorm_row(x.data(), 192, records.data(), 16, 1, out.data());
    for (const int8_t v : out) ASSERT_EQ(v, -5);
  }
}

TEST(LayerNorm, TwoValuesAreOneDeviationApart) {
  const int16_t x[] = {-32768, 32767};
  std::vector<int8_t> out(2);
  layernorm_row(x, 2, plain_records(2).data(), kPlainShift, 1, out.data());
  EXPECT_EQ(out[0], -16);
  EXPECT_EQ(out[1], 16);
}

TEST(LayerNorm, LargeEpsilonSwallowsSmallRows) {
  const int16_t x[] = {1, -1, 1, -1};
  std::vector<int8_t> out(4);
  layernorm_row(x, 4, plain_records(4).data(), kPlainShift, uint64_t{1} << 40, out.data());
  for (const int8_t v : out) EXPECT_EQ(v, 0);
}

TEST(LayerNorm, ErrorOnRandomAndExtremeRows) {
  std::mt19937 generator(3);
  double worst16 = 0, worst8 = 0, extreme = 0;
  for (int round = 0; round < 600; ++round) {
    const size_t n = round % 3 == 0 ? 192 : round % 3 == 1 ? 1024 : 32;
    std::normal_distribution<double> value(round % 11, 3 << (round % 12));
    std::vector<int16_t> x(n);
    std::vector<int8_t> narrow(n);
    for (size_t i = 0; i < n; ++i) {
      const double v = value(generator);
      x[i] = static_cast<int16_t>(std::max(-32768.0, std::min(32767.0, v)));
      narrow[i] = static_cast<int8_t>(std::max(-128.0, std::min(127.0, v)));
    }
    worst16 = std::max(worst16, layernorm_error(x, 1 + n * n / 100));
    worst8 = std::max(worst8, layernorm_error(narrow, 1 + n * n / 100));
  }
  for (const size_t n : {size_t{1}, size_t{2}, size_t{3}, size_t{64}, size_t{1024}}) {
    for (const int outlier : {-32768, -1, 0, 32767}) {
      for (const int rest : {-32768, 0, 32766, 32767}) {
        std::vector<int16_t> x(n, static_cast<int16_t>(rest));
        x[n / 2] = static_cast<int16_t>(outlier);
        extreme = std::max(extreme, layernorm_error(x, 1));
        for (size_t i = 0; i < n / 2; ++i) x[2 * i] = static_cast<int16_t>(outlier);
        extreme = std::max(extreme, layernorm_error(x, 1));
      }
    }
  }
  report("layernorm int16, output steps of 1/16", worst16);
  report("layernorm int8, output steps of 1/16", worst8);
  report("layernorm extreme rows, output steps of 1/16", extreme);
  EXPECT_LT(worst16, 0.503);
  EXPECT_LT(worst8, 0.503);
  EXPECT_LT(extreme, 0.503);
}

TEST(LayerNorm, RootIsExact) {
  std::mt19937_64 generator(4);
  EXPECT_EQ(integer_sqrt(~uint64_t{0}), 0xFFFFFFFFu);
  EXPECT_EQ(integer_sqrt(uint64_t{1} << 62), uint64_t{1} << 31);
  EXPECT_EQ(integer_sqrt((uint64_t{1} << 62) - 1), (uint64_t{1} << 31) - 1);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t root = (generator() >> 32) | 1;
    EXPECT_EQ(integer_sqrt(root * root), root);
    EXPECT_EQ(integer_sqrt(root * root - 1), root - 1);
  }
}

TEST(LayerNorm, HeadroomIsTheLargestEvenShift) {
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t lowest = uint64_t{1} << bit;
    EXPECT_EQ(even_headroom(lowest), (63 - bit) / 2 * 2) << bit;
    EXPECT_EQ(even_headroom(lowest | (lowest - 1)), (63 - bit) / 2 * 2) << bit;
  }
}
