// Kernels: rounding, division, matrix product, convolution, requantisation, costs.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "accel/kernels/copy.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/gemm.h"
#include "accel/kernels/im2col.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "tb/tests/support/div_round.h"

using namespace heatvit::kernels;
using heatvit::isa::ChannelRecord;

namespace {

template <class T>
std::vector<T> random_values(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int> value(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(value(generator));
  return values;
}

ChannelRecord record(int32_t bias, uint16_t multiplier, int shift) {
  ChannelRecord r;
  r.bias = bias;
  r.multiplier = multiplier;
  r.shift = static_cast<uint8_t>(shift);
  return r;
}

}  // namespace

TEST(Round, HalvesGoAwayFromZero) {
  EXPECT_EQ(round_shift(5, 1), 3);
  EXPECT_EQ(round_shift(-5, 1), -3);
  EXPECT_EQ(round_shift(4, 1), 2);
  EXPECT_EQ(round_shift(1, 2), 0);
  EXPECT_EQ(round_shift(2, 2), 1);
  EXPECT_EQ(round_shift(-1, 2), 0);
  EXPECT_EQ(round_shift(-2, 2), -1);
  EXPECT_EQ(round_shift(-3, 2), -1);
  EXPECT_EQ(round_shift(0, 62), 0);
  EXPECT_EQ(round_shift(int64_t{1} << 61, 62), 1);
  EXPECT_EQ(round_shift(-(int64_t{1} << 61), 62), -1);
  EXPECT_EQ(round_shift((int64_t{1} << 61) - 1, 62), 0);
  EXPECT_EQ(round_shift(1 - (int64_t{1} << 61), 62), 0);
}

TEST(Round, IsTheSpecifiedFormula) {
  std::mt19937_64 generator(1);
  for (int s = 1; s <= 62; ++s) {
    for (int i = 0; i < 2000; ++i) {
      // Up to 62 bits, so that the formula's own sum fits.
      const int64_t v = static_cast<int64_t>(generator()) >> (2 + i % 61);
      EXPECT_EQ(round_shift(v, s), (v + (int64_t{1} << (s - 1)) + (v >> 63)) >> s) << v << " " << s;
    }
  }
}

TEST(Round, SaturateClampsAtBothEnds) {
  EXPECT_EQ(saturate<int8_t>(127), 127);
  EXPECT_EQ(saturate<int8_t>(128), 127);
  EXPECT_EQ(saturate<int8_t>(-128), -128);
  EXPECT_EQ(saturate<int8_t>(-129), -128);
  EXPECT_EQ(saturate<uint8_t>(256), 255);
  EXPECT_EQ(saturate<uint8_t>(-1), 0);
  EXPECT_EQ(saturate<int16_t>(-32769), -32768);
  EXPECT_EQ(saturate<uint16_t>(65536), 65535);
  EXPECT_EQ(saturate<int32_t>(int64_t{1} << 40), 2147483647);
  EXPECT_EQ(saturate<int32_t>(-(int64_t{1} << 40)), -2147483647 - 1);
}

namespace {

int64_t rounded_quotient(int64_t a, int64_t b) { return divide_rounded<32, 62>(a, static_cast<uint64_t>(b)); }

template <int kBits>
uint64_t quotient(uint64_t numerator, uint64_t divisor) {
  return divide<kBits, 62>(numerator, divisor);
}

}  // namespace

TEST(Round, DivisionRoundsHalvesAwayFromZero) {
  EXPECT_EQ(rounded_quotient(7, 2), 4);
  EXPECT_EQ(rounded_quotient(-7, 2), -4);
  EXPECT_EQ(rounded_quotient(1, 3), 0);
  EXPECT_EQ(rounded_quotient(-2, 3), -1);
  EXPECT_EQ(rounded_quotient(0, 5), 0);
  EXPECT_EQ(rounded_quotient(9, 1), 9);
  EXPECT_EQ(rounded_quotient(4, 9), 0);
  EXPECT_EQ(rounded_quotient(5, 9), 1);
  const int64_t largest = (int64_t{1} << 62) - 1;
  EXPECT_EQ(rounded_quotient(largest, largest), 1);
  EXPECT_EQ(rounded_quotient(largest / 2, largest), 0);
  EXPECT_EQ(rounded_quotient(-(largest / 2) - 1, largest), -1);
  std::mt19937_64 generator(5);
  for (int i = 0; i < 20000; ++i) {
    const auto b = static_cast<int64_t>(generator() >> (33 + generator() % 30)) + 1;
    const auto a = static_cast<int64_t>(generator() >> 20) - (int64_t{1} << 43);
    if ((a < 0 ? -a : a) >> 32 >= b) continue;
    EXPECT_EQ(rounded_quotient(a, b), heatvit::tests::div_round(a, b)) << a << " / " << b;
  }
}

TEST(Divide, RestoringDivisionFloors) {
  std::mt19937_64 generator(2);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t divisor = (generator() >> (2 + i % 50)) + 1;
    const uint64_t numerator = generator() >> (i % 40);
    if ((numerator >> 33) < divisor) {
      EXPECT_EQ(quotient<33>(numerator, divisor), numerator / divisor);
    }
    if ((numerator >> 16) < divisor) {
      EXPECT_EQ(quotient<16>(numerator, divisor), numerator / divisor);
    }
  }
  EXPECT_EQ(quotient<33>(uint64_t{1} << 63, uint64_t{1} << 31), uint64_t{1} << 32);
  EXPECT_EQ(quotient<33>(uint64_t{1} << 63, (uint64_t{1} << 32) - 1), uint64_t{1} << 31);
}

namespace {

/// One product by the definition, in 64 bit.
template <class A, class B>
int64_t naive_dot(const A* a, const B* b, int b_step, int k) {
  int64_t sum = 0;
  for (int i = 0; i < k; ++i) sum += static_cast<int64_t>(a[i]) * b[static_cast<int64_t>(i) * b_step];
  return sum;
}

struct Extents {
  int m, k, n;
};

/// Both layouts of B against the definition, with pitches wider than the rows and a border that must stay untouched.
template <class A, class B, class Acc>
void check_gemm(const Extents& e, unsigned seed) {
  const int a_pitch = e.k + 3, nk_pitch = e.k + 1, kn_pitch = e.n + 5, c_pitch = e.n + 2;
  const auto a = random_values<A>(static_cast<size_t>(e.m) * static_cast<size_t>(a_pitch), seed);
  const auto b_nk = random_values<B>(static_cast<size_t>(e.n) * static_cast<size_t>(nk_pitch), seed + 1);
  const auto b_kn = random_values<B>(static_cast<size_t>(e.k) * static_cast<size_t>(kn_pitch), seed + 2);
  const Acc untouched = 77;
  std::vector<Acc> c_nk(static_cast<size_t>(e.m * c_pitch), untouched), c_kn(c_nk);
  gemm_tile_nk(a.data(), a_pitch, b_nk.data(), nk_pitch, c_nk.data(), c_pitch, e.m, e.k, e.n, true);
  gemm_tile_kn(a.data(), a_pitch, b_kn.data(), kn_pitch, c_kn.data(), c_pitch, e.m, e.k, e.n, false);
  for (int i = 0; i < e.m; ++i) {
    for (int j = 0; j < c_pitch; ++j) {
      const size_t at = static_cast<size_t>(i * c_pitch + j);
      if (j >= e.n) {
        ASSERT_EQ(c_nk[at], untouched);
        ASSERT_EQ(c_kn[at], untouched);
        continue;
      }
      ASSERT_EQ(c_nk[at],
                naive_dot(&a[static_cast<size_t>(i * a_pitch)], &b_nk[static_cast<size_t>(j * nk_pitch)], 1, e.k));
      ASSERT_EQ(c_kn[at],
                77 + naive_dot(&a[static_cast<size_t>(i * a_pitch)], &b_kn[static_cast<size_t>(j)], kn_pitch, e.k));
    }
  }
}

const Extents kExtents[] = {{1, 1, 1},    {3, 5, 7},    {7, 64, 13},  {5, 197, 17},
                            {13, 33, 16}, {2, 511, 15}, {3, 513, 31}, {2, 1100, 33}};

}  // namespace

TEST(Gemm, OddExtentsMatchTheDefinition) {
  for (const Extents& e : kExtents) {
    SCOPED_TRACE(testing::Message() << e.m << " x " << e.k << " x " << e.n);
    check_gemm<int8_t, int8_t, int32_t>(e, 10);
    check_gemm<uint8_t, int8_t, int32_t>(e, 20);
    check_gemm<int16_t, int16_t, int64_t>(e, 30);
  }
}

TEST(Gemm, TilesAlongKAddUpToTheWhole) {
  const int m = 9, k = 700, n = 21;
  const auto a = random_values<int8_t>(m * k, 3), b = random_values<int8_t>(n * k, 4);
  std::vector<int32_t> whole(m * n), parts(m * n, -1);
  gemm_tile_nk(a.data(), k, b.data(), k, whole.data(), n, m, k, n, true);
  for (int k0 = 0; k0 < k; k0 += 123) {
    const int depth = k - k0 < 123 ? k - k0 : 123;
    gemm_tile_nk(a.data() + k0, k, b.data() + k0, k, parts.data(), n, m, depth, n, k0 == 0);
  }
  EXPECT_EQ(whole, parts);
}

TEST(Gemm, ExtremeOperandsStayExact) {
  const int k = 4096;
  const std::vector<uint8_t> a(k, 255);
  const std::vector<int8_t> b(k, -128);
  int32_t c = 0;
  gemm_tile_nk(a.data(), k, b.data(), k, &c, 1, 1, k, 1, true);
  EXPECT_EQ(c, -255 * 128 * k);
  gemm_tile_kn(b.data(), k, b.data(), 1, &c, 1, 1, k, 1, true);
  EXPECT_EQ(c, 128 * 128 * k);
}

namespace {

/// One element of A straight from the whole image.
int8_t naive_im2col(const std::vector<int8_t>& image, const ConvShape& s, int m, int k) {
  const int c = k % s.channels, kx = k / s.channels % s.kernel, ky = k / s.channels / s.kernel;
  const int y = m / s.out_size * s.stride - s.pad + ky, x = m % s.out_size * s.stride - s.pad + kx;
  if (y < 0 || x < 0 || y >= s.size || x >= s.size) return 0;
  return image[static_cast<size_t>((y * s.size + x) * s.channels + c)];
}

void check_im2col(const ConvShape& s, int m0, int m, int k0, int k) {
  const auto image = random_values<int8_t>(static_cast<size_t>(s.size * s.size * s.channels), 5);
  const ImageRegion region = im2col_region(s, m0, m);
  const int pitch = s.size * s.channels + 8;
  std::vector<int8_t> buffer(static_cast<size_t>(region.rows * pitch), 99);
  copy_rows(image.data() + region.row0 * s.size * s.channels, s.size * s.channels, buffer.data(), pitch, region.rows,
            s.size * s.channels);
  std::vector<int8_t> out(static_cast<size_t>(m * (k + 1)), 55);
  im2col_rows(buffer.data(), pitch, region.row0, region.col0, s, m0, m, k0, k, out.data(), k + 1);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < k; ++j) {
      ASSERT_EQ(out[static_cast<size_t>(i * (k + 1) + j)], naive_im2col(image, s, m0 + i, k0 + j)) << i << " " << j;
    }
    ASSERT_EQ(out[static_cast<size_t>(i * (k + 1) + k)], 55);
  }
}

}  // namespace

TEST(Im2col, PatchesPaddingAndTiles) {
  check_im2col(ConvShape{32, 2, 3, 16, 16, 0}, 0, 4, 0, 768);    // patch embedding, whole
  check_im2col(ConvShape{32, 2, 3, 16, 16, 0}, 1, 2, 100, 333);  // a tile that begins and ends inside kernel rows
  check_im2col(ConvShape{20, 10, 3, 7, 2, 3}, 0, 100, 0, 147);   // LV-ViT's first convolution: padding on every side
  check_im2col(ConvShape{20, 10, 3, 7, 2, 3}, 37, 11, 5, 99);
  check_im2col(ConvShape{9, 9, 4, 3, 1, 1}, 0, 81, 0, 36);
  check_im2col(ConvShape{9, 9, 4, 3, 1, 1}, 80, 1, 7, 1);  // one element
  check_im2col(ConvShape{2, 4, 1, 3, 1, 2}, 0, 16, 0, 9);  // kernel rows wholly outside
}

TEST(Im2col, RegionMayStartInsideTheRow) {
  const ConvShape s{12, 12, 2, 3, 1, 1};
  const auto image = random_values<int8_t>(12 * 12 * 2, 6);
  // Output pixel (5, 6) needs rows 4..6 and columns 5..7.
  std::vector<int8_t> region(3 * 6);
  copy_rows(image.data() + (4 * 12 + 5) * 2, 12 * 2, region.data(), 6, 3, 6);
  std::vector<int8_t> out(18);
  im2col_rows(region.data(), 6, 4, 5, s, 5 * 12 + 6, 1, 0, 18, out.data(), 18);
  for (int k = 0; k < 18; ++k) EXPECT_EQ(out[static_cast<size_t>(k)], naive_im2col(image, s, 5 * 12 + 6, k));
}

TEST(Requantize, HandComputed) {
  const ChannelRecord half = record(0, 32768, 16);  // exactly 1/2
  const int32_t acc[] = {5, -5, 254, 255, -257, -258, 2147483647, -2147483647 - 1};
  int8_t out[8];
  finish_linear_row<int8_t>(acc, &half, 0, 8, nullptr, false, out);
  const int expected[] = {3, -3, 127, 127, -128, -128, 127, -128};
  for (int i = 0; i < 8; ++i) EXPECT_EQ(out[i], expected[i]) << i;
  int32_t wide[8];
  finish_linear_row<int32_t>(acc, &half, 0, 8, nullptr, false, wide);
  EXPECT_EQ(wide[6], 1 << 30);  // 2^30 - 1/2, away from zero
  EXPECT_EQ(wide[7], -(1 << 30));
}

TEST(Requantize, BiasAndRecordsPerChannel) {
  const ChannelRecord records[] = {record(100, 65535, 16), record(-100, 1, 1), record(0, 0, 62)};
  const int32_t acc[] = {1000, 101, 2147483647};
  int16_t out[3];
  finish_linear_row<int16_t>(acc, records, 1, 3, nullptr, false, out);
  EXPECT_EQ(out[0], 1100);  // 1100 * 65535 / 65536 = 1099.98
  EXPECT_EQ(out[1], 1);     // 1 / 2 rounds up
  EXPECT_EQ(out[2], 0);
}

TEST(Requantize, ResidualIsAddedBeforeTheOnlySaturation) {
  const ChannelRecord one = record(0, 32768, 15);
  const int32_t acc[] = {40000, -40000, 10, 40000};
  const int16_t residual[] = {-10000, 10000, -20, 10000};
  int16_t out[4];
  finish_linear_row<int16_t>(acc, &one, 0, 4, residual, false, out);
  EXPECT_EQ(out[0], 30000);
  EXPECT_EQ(out[1], -30000);
  EXPECT_EQ(out[2], -10);
  EXPECT_EQ(out[3], 32767);
}

TEST(Requantize, ReluAndUnsignedOutputs) {
  const ChannelRecord one = record(0, 32768, 15);
  const int32_t acc[] = {-7, 0, 7, 70000};
  int8_t relu[4];
  finish_linear_row<int8_t>(acc, &one, 0, 4, nullptr, true, relu);
  EXPECT_EQ(relu[0], 0);
  EXPECT_EQ(relu[2], 7);
  EXPECT_EQ(relu[3], 127);
  uint8_t u8[4];
  finish_linear_row<uint8_t>(acc, &one, 0, 4, nullptr, false, u8);
  EXPECT_EQ(u8[0], 0);
  EXPECT_EQ(u8[3], 255);
  uint16_t u16[4];
  finish_linear_row<uint16_t>(acc, &one, 0, 4, nullptr, false, u16);
  EXPECT_EQ(u16[0], 0);
  EXPECT_EQ(u16[3], 65535);
}

TEST(Requantize, LongRowsMatchOneByOne) {
  const int n = 203;  // vector part and remainder
  std::mt19937 generator(7);
  std::vector<ChannelRecord> records;
  std::vector<int32_t> acc;
  for (int i = 0; i < n; ++i) {
    records.push_back(record(static_cast<int32_t>(generator()) >> 8, static_cast<uint16_t>(generator()), 1 + i % 62));
    acc.push_back(static_cast<int32_t>(generator()) >> (1 + i % 24));
  }
  std::vector<int16_t> out(n);
  finish_linear_row<int16_t>(acc.data(), records.data(), 1, n, nullptr, false, out.data());
  for (size_t i = 0; i < n; ++i) {
    const int64_t v = static_cast<int64_t>(acc[i] + records[i].bias) * records[i].multiplier;
    const int64_t q = heatvit::tests::div_round(v, int64_t{1} << records[i].shift);
    EXPECT_EQ(out[i], q > 32767 ? 32767 : q < -32768 ? -32768 : q) << i;
  }
}

TEST(Cost, FollowsTheDocumentedFormulas) {
  EXPECT_EQ(gemm_depth(96, kAllRegisters), 2 + 4 + 7 + 1);
  EXPECT_EQ(gemm_tile_cycles(197, 384, 128, 96, 32, kAllRegisters), 197 * 4 * 4 + 14);
  EXPECT_EQ(gemm_tile_cycles(1, 97, 33, 96, 32, kAllRegisters), 1 * 2 * 2 + 14);
  EXPECT_EQ(requantize_cycles(197, 128, 16, kAllRegisters), 197 * 8 + requantize_depth(kAllRegisters));
  EXPECT_EQ(requantize_cycles(197, 129, 16, kAllRegisters), 197 * 9 + requantize_depth(kAllRegisters));
  EXPECT_EQ(gelu_cycles(10, 1, 16, kAllRegisters), 10 + gelu_depth(kAllRegisters));
  // 197 values on 16 lanes are 13 beats: rows wait for the divider (30 bits at 2 a cycle, 2 registers); on 8 they do
  // not.
  EXPECT_EQ(softmax_interval(197, 16, 64), 17);
  EXPECT_EQ(softmax_interval(197, 8, 64), 26);
  EXPECT_EQ(softmax_cycles(11, 197, 8, 64, kAllRegisters) - softmax_cycles(10, 197, 8, 64, kAllRegisters), 26);
  EXPECT_EQ(layernorm_interval(64, 16, 64), 19);
  EXPECT_EQ(layernorm_interval(384, 16, 64), 25);
  EXPECT_EQ(softmax_cycles(0, 197, 8, 64, kAllRegisters), 0);
  // A pipelined divider takes rows as fast as the passes do; one that takes a row in 15 cycles is between the two.
  EXPECT_EQ(softmax_interval(197, 16, 1), 14);
  EXPECT_EQ(softmax_interval(197, 16, 15), 15);
  EXPECT_EQ(softmax_interval(197, 16, 17), 17);
  EXPECT_EQ(layernorm_interval(64, 16, 1), 5);
  EXPECT_EQ(token_score_cycles(101, 3, 1, kAllRegisters) - token_score_cycles(1, 3, 1, kAllRegisters), 100 * 3);
  EXPECT_EQ(token_score_cycles(101, 3, 64, kAllRegisters) - token_score_cycles(1, 3, 64, kAllRegisters), 100 * 10);
  EXPECT_EQ(token_score_cycles(101, 6, 1, kAllRegisters, 4) - token_score_cycles(1, 6, 1, kAllRegisters, 4), 100 * 2);
  EXPECT_EQ(token_score_cycles(1, 6, 1, kAllRegisters) - token_score_cycles(1, 6, 1, kAllRegisters, 4),
            4 - 2);  // and a tree of two levels
  EXPECT_EQ(softmax_cycles(301, 2, 16, 1, kAllRegisters, 2) - softmax_cycles(1, 2, 16, 1, kAllRegisters, 2), 150);
  EXPECT_EQ(softmax_cycles(301, 2, 16, 5, kAllRegisters, 2) - softmax_cycles(1, 2, 16, 5, kAllRegisters, 2), 150 * 5);
  EXPECT_EQ(softmax_cycles(301, 3, 16, 1, kAllRegisters, 2), softmax_cycles(301, 3, 16, 1, kAllRegisters));
  EXPECT_EQ(select_count_cycles(197, 16, kAllRegisters), 197 * 13 + 4 + select_depth(kAllRegisters));
  EXPECT_EQ(copy_cycles(3, 17, 16, kAllRegisters), 3 * 2 + copy_depth(kAllRegisters));
}

/// Depths at 150 and 300 MHz and with all registers (docs/kernels.md).
TEST(Cost, DepthsFollowThePeriod) {
  const std::array<Stages, 3> stages = {stages_at(1e3 / 150), stages_at(1e3 / 300), kAllRegisters};
  const auto depths = [&stages](int (*depth)(const Stages&)) {
    return std::array<int, 3>{depth(stages[0]), depth(stages[1]), depth(stages[2])};
  };
  using Three = std::array<int, 3>;
  EXPECT_EQ(depths([](const Stages& s) { return gemm_depth(1, s); }), (Three{3, 5, 7}));
  EXPECT_EQ(depths(requantize_depth), (Three{8, 12, 13}));
  EXPECT_EQ(depths(gelu_depth), (Three{23, 38, 51}));
  EXPECT_EQ(depths(silu_depth), (Three{19, 29, 36}));
  EXPECT_EQ(depths(sigmoid_depth), (Three{11, 15, 16}));
  EXPECT_EQ(depths([](const Stages& s) { return softmax_depth(1, s); }), (Three{16, 28, 37}));
  EXPECT_EQ(depths([](const Stages& s) { return layernorm_depth(1, s); }), (Three{19, 31, 40}));
  EXPECT_EQ(depths([](const Stages& s) { return head_mean_depth(1, s); }), (Three{6, 9, 12}));
  EXPECT_EQ(depths(packing_depth), (Three{3, 5, 7}));
  EXPECT_EQ(depths(column_divide_depth), (Three{36, 36, 36}));
}

TEST(Cost, AStageMoreWhereThePeriodGetsTooShort) {
  EXPECT_EQ(stages_at(kLongPeriodNs).cascade, 2);
  EXPECT_EQ(stages_at(std::nextafter(kLongPeriodNs, 0)).cascade, 4);
  EXPECT_EQ(stages_at(kShortPeriodNs).multiply, 2);
  EXPECT_EQ(stages_at(std::nextafter(kShortPeriodNs, 0)).multiply, 4);
  Stages before = kAllRegisters;
  for (double period = 0.5; period < 100; period += 0.1) {
    const Stages s = stages_at(period);
    EXPECT_LE(s.read, before.read);
    EXPECT_LE(s.multiply, before.multiply);
    EXPECT_LE(s.cascade, before.cascade);
    EXPECT_LE(s.multiply, s.cascade);
    EXPECT_LE(s.shift, before.shift);
    before = s;
  }
}

/// Steps that an independent HLS compiler built, at 6.67 and 3.33 ns: requantisation, GELU's polynomial and rescaling,
/// sigmoid beyond the requantiser. It chains operations in a cycle and has steps of control; the sum is near.
TEST(Cost, DepthsAreNearThoseOfACompiler) {
  const std::array<std::pair<double, int>, 2> built = {{{6.67, 7 + 6 + 7 + 3}, {3.33, 11 + 13 + 11 + 3}}};
  for (const auto& one : built) {
    const double period = one.first;
    const int steps = one.second;
    const Stages s = stages_at(period);
    const int here =
        requantize_depth(s) + gelu_polynomial_depth(s) + gelu_rescale_depth(s) + sigmoid_depth(s) - requantize_depth(s);
    EXPECT_NEAR(here, steps, 0.15 * steps) << period;
  }
}

TEST(Cost, MoreWorkOrFewerLanesNeverTakesLess) {
  for (int n = 1; n < 200; n += 7) {
    EXPECT_LE(softmax_cycles(5, n, 16, 64, kAllRegisters), softmax_cycles(6, n, 16, 64, kAllRegisters));
    EXPECT_LE(softmax_cycles(5, n, 16, 64, kAllRegisters), softmax_cycles(5, n + 1, 16, 64, kAllRegisters));
    EXPECT_LE(layernorm_cycles(5, n, 16, 64, kAllRegisters), layernorm_cycles(5, n, 8, 64, kAllRegisters) +
                                                                 layernorm_depth(16, kAllRegisters) -
                                                                 layernorm_depth(8, kAllRegisters));
    EXPECT_LE(pack_slice_cycles(n, n, 64, 16, kAllRegisters), pack_slice_cycles(n + 1, n, 64, 16, kAllRegisters));
    EXPECT_LE(token_mean_cycles(n, 64, 16, kAllRegisters), token_mean_cycles(n + 1, 64, 16, kAllRegisters));
    EXPECT_LE(token_score_cycles(n, 3, 64, kAllRegisters), token_score_cycles(n + 1, 3, 64, kAllRegisters));
    EXPECT_LE(head_mean_cycles(n, 64, 16, kAllRegisters), head_mean_cycles(n, 65, 16, kAllRegisters));
    EXPECT_LE(column_max_cycles(n, 1000, 16, kAllRegisters), column_max_cycles(n + 1, 1000, 16, kAllRegisters));
    EXPECT_LE(sigmoid_cycles(n, 3, 16, kAllRegisters), sigmoid_cycles(n + 1, 3, 16, kAllRegisters));
  }
}
