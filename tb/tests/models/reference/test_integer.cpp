// The integer executor's arithmetic (docs/numerics.md sections 1 to 7): values worked out from the formulas with
// unbounded integers, and the real functions that they stand for.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "models/reference/integer_math.h"
#include "models/reference/integer_tensor.h"

namespace heatvit::reference {
namespace {

constexpr uint16_t kHalfDelta = 16384;

TEST(Rounding, ShiftIsHalfAwayFromZero) {
  EXPECT_EQ(round_shift(5, 1), 3);
  EXPECT_EQ(round_shift(-5, 1), -3);
  EXPECT_EQ(round_shift(4, 3), 1);
  EXPECT_EQ(round_shift(-4, 3), -1);
  EXPECT_EQ(round_shift(3, 3), 0);
  EXPECT_EQ(round_shift(-3, 3), 0);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<int64_t>(random()) >> (12 + random() % 50);  // exact as a double
    const int shift = 1 + static_cast<int>(random() % 61);
    EXPECT_EQ(round_shift(value, shift), std::llround(std::ldexp(static_cast<double>(value), -shift)));
  }
}

TEST(Rounding, DivisionIsHalfAwayFromZero) {
  EXPECT_EQ(div_round(7, 2), 4);
  EXPECT_EQ(div_round(-7, 2), -4);
  EXPECT_EQ(div_round(1, 3), 0);
  EXPECT_EQ(div_round(-5, 3), -2);
  EXPECT_EQ(div_round(-4, 3), -1);
  EXPECT_EQ(div_round(0, 5), 0);
}

TEST(Rounding, SaturationClampsToTheType) {
  EXPECT_EQ(saturate<int8_t>(128), 127);
  EXPECT_EQ(saturate<int8_t>(-129), -128);
  EXPECT_EQ(saturate<uint8_t>(-1), 0);
  EXPECT_EQ(saturate<uint16_t>(65536), 65535);
  EXPECT_EQ(saturate<int32_t>(int64_t{1} << 40), 2147483647);
  EXPECT_EQ(saturate_residual(200, 16), 200);
  EXPECT_EQ(saturate_residual(200, 8), 127);
  EXPECT_EQ(saturate_residual(-40000, 16), -32768);
}

TEST(Rounding, SquareRootIsExactAtItsEdges) {
  EXPECT_EQ(integer_sqrt(0), 0U);
  for (uint64_t root : {1ULL, 2ULL, 3037000500ULL, 4294967294ULL, 4294967295ULL, 2147483648ULL}) {
    EXPECT_EQ(integer_sqrt(root * root), root);
    EXPECT_EQ(integer_sqrt(root * root - 1), root - 1);
    EXPECT_EQ(integer_sqrt(root * root + root), root);
  }
  EXPECT_EQ(integer_sqrt(~uint64_t{0}), 4294967295U);
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t root = random() | 0x80000000U;  // the range that LayerNorm asks for
    ASSERT_EQ(integer_sqrt(root * root), root);
    ASSERT_EQ(integer_sqrt(root * root - 1), root - 1);
  }
}

// A digest of a function over its whole domain; the expected ones come from the formulas with unbounded integers.
uint32_t digest(uint32_t so_far, int32_t value) { return so_far * 31 + static_cast<uint32_t>(value); }

struct GeluCase {
  int16_t x;
  uint16_t delta1;
  int8_t out;
};

TEST(Gelu, ValuesFromTheFormula) {
  const network::Requant coarse{32768, 22};  // Q12 -> 1/32
  for (const GeluCase& c : std::vector<GeluCase>{{0, kUnitDelta, 0},
                                                 {512, kUnitDelta, 11},
                                                 {1024, kUnitDelta, 27},
                                                 {-1024, kUnitDelta, -5},
                                                 {-1500, kUnitDelta, -4},
                                                 {-2600, kUnitDelta, 0},
                                                 {3000, kUnitDelta, 94},
                                                 {32767, kUnitDelta, 127},
                                                 {-32768, kUnitDelta, 0},
                                                 {1024, kHalfDelta, 21},
                                                 {-1024, kHalfDelta, -11},
                                                 {-2600, kHalfDelta, -20},
                                                 {3000, kHalfDelta, 70},
                                                 {-32768, kHalfDelta, -128}}) {
    EXPECT_EQ(gelu(c.x, c.delta1, coarse), c.out) << "x " << c.x << " delta1 " << c.delta1;
  }
  const network::Requant fine{65535, 16};  // nearly Q12 itself: shows the last bits of g
  EXPECT_EQ(gelu(10, kUnitDelta, fine), 22);
  EXPECT_EQ(gelu(-10, kUnitDelta, fine), -18);
  EXPECT_EQ(gelu(-40, kUnitDelta, fine), -70);
}

TEST(Gelu, EveryInputBitForBit) {
  struct Case {
    uint16_t delta1;
    uint8_t shift;
    uint32_t expected;
  };
  for (const Case& c : {Case{32768, 16, 942169408U}, Case{32768, 21, 1510989340U}, Case{16384, 16, 2043340829U},
                        Case{65535, 19, 2836347202U}}) {
    uint32_t all = 0;
    for (int x = -32768; x <= 32767; ++x) all = digest(all, gelu(static_cast<int16_t>(x), c.delta1, {65535, c.shift}));
    EXPECT_EQ(all, c.expected) << "delta1 " << c.delta1 << " shift " << int{c.shift};
  }
}

TEST(Gelu, FollowsThePolynomialAndTheRealFunction) {
  const network::Requant out{32768, 21};  // Q12 -> 1/64
  for (int x = -32768; x <= 32767; ++x) {
    const double real = x / 1024.0;
    const double u = std::min(std::abs(real) / std::sqrt(2.0), 1.769);
    const double erf = std::copysign(1 - 0.2888 * (u - 1.769) * (u - 1.769), real);
    const double polynomial = std::clamp(real / 2 * (1 + erf) * 64, -128.0, 127.0);
    const double exact = std::clamp(real / 2 * (1 + std::erf(real / std::sqrt(2.0))) * 64, -128.0, 127.0);
    const int result = gelu(static_cast<int16_t>(x), kUnitDelta, out);
    ASSERT_NEAR(result, polynomial, 0.53) << x;  // half an LSB and the fixed point's own error
    ASSERT_NEAR(result, exact, 2.0) << x;        // the polynomial is within 0.02 of the function
  }
}

template <typename Out>
std::vector<Out> softmax_of(const std::vector<int16_t>& row, uint16_t delta2) {
  std::vector<Out> out(row.size());
  softmax(row.data(), static_cast<int>(row.size()), delta2, out.data());
  return out;
}

TEST(Softmax, ValuesFromTheFormula) {
  using Bytes = std::vector<uint8_t>;
  using Words = std::vector<uint16_t>;
  EXPECT_EQ(softmax_of<uint8_t>({0, 256, -256, 512}, kUnitDelta), (Bytes{22, 60, 8, 164}));
  EXPECT_EQ(softmax_of<uint16_t>({0, 256, -256, 512}, kUnitDelta), (Words{5695, 15533, 2105, 42202}));
  EXPECT_EQ(softmax_of<uint8_t>({0, 256, -256, 512}, kHalfDelta), (Bytes{11, 30, 4, 82}));
  EXPECT_EQ(softmax_of<uint16_t>({0, 256, -256, 512}, kHalfDelta), (Words{2848, 7767, 1052, 21101}));
  EXPECT_EQ(softmax_of<uint16_t>({0, -177, -178, -355, -1419}, kUnitDelta), (Words{29081, 14563, 14510, 7267, 114}));
  EXPECT_EQ(softmax_of<uint8_t>({7}, kUnitDelta), (Bytes{255}));
  EXPECT_EQ(softmax_of<uint16_t>({7}, kUnitDelta), (Words{65535}));
  EXPECT_EQ(softmax_of<uint8_t>({32767, -32768, 32767}, kUnitDelta), (Bytes{127, 0, 127}));
}

TEST(Softmax, EveryDistanceBitForBit) {
  uint32_t words = 0;
  uint32_t bytes = 0;
  for (int d = 0; d < 32768; ++d) {
    const std::vector<int16_t> row = {0, static_cast<int16_t>(-d)};
    words = digest(words, softmax_of<uint16_t>(row, kUnitDelta)[1]);
    bytes = digest(bytes, softmax_of<uint8_t>(row, 20000)[0]);
  }
  EXPECT_EQ(words, 1754358620U);
  EXPECT_EQ(bytes, 121710698U);
}

TEST(Softmax, FollowsTheRealFunction) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<int16_t> row(1 + random() % 197);
    for (int16_t& v : row) v = static_cast<int16_t>(static_cast<int>(random() % 4096) - 2048);
    double sum = 0;
    for (int16_t v : row) sum += std::exp(v / 256.0);
    const std::vector<uint16_t> words = softmax_of<uint16_t>(row, kUnitDelta);
    const std::vector<uint8_t> bytes = softmax_of<uint8_t>(row, kUnitDelta);
    double total = 0;
    for (size_t j = 0; j < row.size(); ++j) {
      const double exact = std::exp(row[j] / 256.0) / sum;
      ASSERT_NEAR(words[j] / 65535.0, exact, 1e-5 + 0.01 * exact);  // the polynomial's relative error is below 1 %
      ASSERT_NEAR(bytes[j], words[j] / 257.0, 0.51);
      total += words[j];
    }
    ASSERT_NEAR(total / 65535, 1.0, 0.002);
  }
}

TEST(Silu, ValuesFromTheFormula) {
  const network::Requant quarter{1, 2};  // Q12 -> Q10
  EXPECT_EQ(silu<int16_t>(0, quarter), 0);
  EXPECT_EQ(silu<int16_t>(1024, quarter), 768);
  EXPECT_EQ(silu<int16_t>(-1024, quarter), -256);
  EXPECT_EQ(silu<int16_t>(-6000, quarter), 0);
  EXPECT_EQ(silu<int16_t>(20000, quarter), 20000);  // 20000 x 65535 / 65536, rounded
}

TEST(Sigmoid, PiecesMeetAndMirror) {
  EXPECT_EQ(sigmoid(0), 32768);
  EXPECT_EQ(sigmoid(4095), 49148);
  EXPECT_EQ(sigmoid(4096), 49152);
  EXPECT_EQ(sigmoid(9727), 60414);
  EXPECT_EQ(sigmoid(9728), 60160);  // the pieces of PLAN do not meet here: 0.922 and 0.918
  EXPECT_EQ(sigmoid(20479), 65535);
  EXPECT_EQ(sigmoid(20480), 65535);
  EXPECT_EQ(sigmoid(-20480), 0);
  EXPECT_EQ(sigmoid(-32768), 0);
  EXPECT_EQ(sigmoid(-4096), 16384);
  for (int x = -32767; x <= 32767; ++x) {
    const auto at = static_cast<int16_t>(x);
    ASSERT_NEAR(sigmoid(at) / 65536.0, 1 / (1 + std::exp(-x / 4096.0)), 0.0195) << x;  // PLAN's error: 1.89 %
    ASSERT_NEAR(sigmoid(at) + sigmoid(static_cast<int16_t>(-x)), 65536, 1) << x;
  }
}

network::QuantLayerNorm norm_of(const std::vector<isa::NormRecord>& channels, uint8_t shift, uint64_t epsilon) {
  return {static_cast<int>(channels.size()), channels, shift, epsilon};
}

std::vector<int8_t> layer_norm_of(const std::vector<int16_t>& x, const network::QuantLayerNorm& norm) {
  std::vector<int8_t> out(x.size());
  layer_norm(x.data(), norm, out.data());
  return out;
}

TEST(LayerNorm, ValuesFromTheFormula) {
  const std::vector<isa::NormRecord> channels = {{0, 128, 0}, {5 << 14, 128, 0}, {0, -200, 0}, {-(7 << 13), 300, 0}};
  EXPECT_EQ(layer_norm_of({1, 2, 3, 4}, norm_of(channels, 14, 16)), (std::vector<int8_t>{-32, -6, -17, 72}));
  EXPECT_EQ(layer_norm_of({32767, -32768, 100, -7}, norm_of(channels, 14, 1)), (std::vector<int8_t>{45, -40, 0, -4}));
  EXPECT_EQ(layer_norm_of({500, 500, 500, 500}, norm_of(channels, 14, 1)), (std::vector<int8_t>{0, 5, 0, -4}));
}

TEST(LayerNorm, FollowsTheRealFunctionFromQuietToLoudRows) {
  std::mt19937 random(3);
  for (int n : {32, 192, 1024}) {
    for (int range : {3, 100, 5000, 65535}) {
      std::vector<int16_t> x(static_cast<size_t>(n));
      std::vector<isa::NormRecord> channels(x.size());
      for (int16_t& v : x)
        v = static_cast<int16_t>(static_cast<int>(random() % static_cast<uint32_t>(range)) - range / 2);
      for (auto& c : channels) {
        c = {static_cast<int32_t>(random() % 200000) - 100000, static_cast<int16_t>(random() % 300), 0};
      }
      const std::vector<int8_t> out = layer_norm_of(x, norm_of(channels, 14, 1));
      const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
      double variance = 1.0 / n / n;
      for (int16_t v : x) variance += (v - mean) * (v - mean) / n;
      for (size_t i = 0; i < x.size(); ++i) {
        const double normalised = (x[i] - mean) / std::sqrt(variance) * 4096;
        const double expected = (normalised * channels[i].gamma + channels[i].beta) / 16384;
        ASSERT_NEAR(out[i], std::clamp(expected, -128.0, 127.0), 0.52) << "n " << n << " range " << range;
      }
    }
  }
}

TEST(LayerNorm, ViewsARowAsShorterRows) {
  Matrix<int16_t> x(1, 8);
  x.data = {1, 2, 3, 4, 32767, -32768, 100, -7};
  const std::vector<isa::NormRecord> channels = {{0, 128, 0}, {5 << 14, 128, 0}, {0, -200, 0}, {-(7 << 13), 300, 0}};
  const Matrix<int8_t> out = layer_norm(x, norm_of(channels, 14, 16));
  EXPECT_EQ(out.rows, 2);
  EXPECT_EQ(out.cols, 4);
  EXPECT_EQ(out.data, (std::vector<int8_t>{-32, -6, -17, 72, 45, -40, 0, -4}));
}

TEST(Product, MatchesTripleLoopAtAnyK) {
  std::mt19937 random(4);
  for (int k : {1, 31, 32, 33, 197}) {
    Matrix<uint8_t> a(3, k);
    Matrix<int8_t> b(5, k);
    for (uint8_t& v : a.data) v = static_cast<uint8_t>(random());
    for (int8_t& v : b.data) v = static_cast<int8_t>(random());
    uint64_t macs = 7;
    const Matrix<int32_t> c = product(a, b, macs);
    EXPECT_EQ(macs, 7U + 15U * static_cast<uint64_t>(k));
    for (int m = 0; m < 3; ++m) {
      for (int n = 0; n < 5; ++n) {
        int32_t sum = 0;
        for (int i = 0; i < k; ++i) sum += a.row(m)[i] * b.row(n)[i];
        ASSERT_EQ(c.row(m)[n], sum);
      }
    }
  }
}

TEST(Linear, BiasMultiplierAndShiftAreTheChannels) {
  network::QuantLinear w;
  w.n = 3;
  w.k = 2;
  w.weight = {1, 2, -127, 127, 0, 0};
  w.channels = {{10, 1, 1, 0}, {0, 65535, 16, 0}, {-5, 3, 1, 0}};
  Matrix<int8_t> x(2, 2);
  x.data = {3, 4, -128, -128};
  uint64_t macs = 0;
  const Matrix<int64_t> q = linear(x, w, macs);
  // row 0: (11 + 10) / 2 = 10.5, 127 * 0.99998, -15 / 2; row 1: (-384 + 10) / 2, 0, -15 / 2
  EXPECT_EQ(q.data, (std::vector<int64_t>{11, 127, -8, -187, 0, -8}));
  EXPECT_EQ(macs, 12U);
  EXPECT_EQ(with_relu(q).data, (std::vector<int8_t>{11, 127, 0, 0, 0, 0}));
  EXPECT_EQ(saturated<int8_t>(q).data, (std::vector<int8_t>{11, 127, -8, -128, 0, -8}));

  Matrix<int16_t> residual(2, 3);
  residual.data = {-1, 1, 0, 32767, -32768, -120};
  EXPECT_EQ(with_residual(q, residual, 16).data, (std::vector<int16_t>{10, 128, -8, 32580, -32768, -128}));
  EXPECT_EQ(with_residual(q, residual, 8).data, (std::vector<int16_t>{10, 127, -8, 127, -128, -128}));
}

TEST(Linear, RefusesAShapeThatDoesNotFit) {
  network::QuantLinear w;
  w.n = 1;
  w.k = 2;
  w.weight = {1, 2};
  w.channels.resize(1);
  uint64_t macs = 0;
  EXPECT_THROW(linear(Matrix<int8_t>(1, 3), w, macs), std::logic_error);
  w.weight.pop_back();
  EXPECT_THROW(linear(Matrix<int8_t>(1, 2), w, macs), std::logic_error);
}

TEST(Im2col, OrderIsKyKxChannelAndPaddingIsZero) {
  // A 3x3 map of two channels: value 10 (y * 3 + x + 1) + channel.
  std::vector<int8_t> map;
  for (int pixel = 1; pixel <= 9; ++pixel) {
    map.push_back(static_cast<int8_t>(10 * pixel));
    map.push_back(static_cast<int8_t>(10 * pixel + 1));
  }
  const Matrix<int8_t> rows = im2col(map, {3, 2, 2, 2, 2, 1});  // size, out, channels, kernel, stride, pad
  ASSERT_EQ(rows.rows, 4);
  EXPECT_EQ(rows.data, (std::vector<int8_t>{0, 0, 0,  0,  0, 0, 10, 11, 0,  0,  0,  0,  20, 21, 30, 31,
                                            0, 0, 40, 41, 0, 0, 70, 71, 50, 51, 60, 61, 80, 81, 90, 91}));
}

}  // namespace
}  // namespace heatvit::reference
