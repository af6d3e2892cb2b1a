// C-simulation of the unit tops: random vectors, bit for bit what the kernels of the simulated modules compute. Built
// twice: with native integers, and with ap_int (a stand-in of our own); both meet the same expectations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "accel/hls/port.h"
#include "accel/hls/stream.h"
#include "accel/hls/units/units.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/softmax.h"

namespace heatvit {
namespace {

using hls::TileBuffers;
using isa::ChannelRecord;
using isa::NormRecord;

template <class T>
std::vector<T> random_values(size_t count, std::mt19937& generator, int64_t low = std::numeric_limits<T>::min(),
                             int64_t high = std::numeric_limits<T>::max()) {
  std::uniform_int_distribution<int64_t> value(low, high);
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(value(generator));
  return values;
}

struct Records {
  std::vector<ChannelRecord> fields;
  std::vector<uint64_t> words;
};

Records random_records(size_t n, std::mt19937& generator, int shift_low, int shift_high) {
  Records r;
  for (size_t i = 0; i < n; ++i) {
    ChannelRecord f;
    f.bias = random_values<int32_t>(1, generator, -100000, 100000)[0];
    f.multiplier = random_values<uint16_t>(1, generator)[0];
    f.shift = static_cast<uint8_t>(random_values<int>(1, generator, shift_low, shift_high)[0]);
    r.fields.push_back(f);
    r.words.push_back(static_cast<uint32_t>(f.bias) | uint64_t{f.multiplier} << 32 | uint64_t{f.shift} << 48);
  }
  return r;
}

struct TileData {  // too large for a stack
  int8_t a[TileBuffers::kRows][TileBuffers::kInputs];
  int8_t b[TileBuffers::kOutputs][TileBuffers::kInputs];
  int32_t c[TileBuffers::kRows][TileBuffers::kOutputs];
};

/// Operands at random with zeros from k on, or all at the extreme values.
std::unique_ptr<TileData> tile_data(int m, int k, int n, std::mt19937& generator, bool extreme) {
  auto data = std::make_unique<TileData>();
  const auto value = [&](int column, int8_t most) {
    return column >= k ? int8_t{0} : extreme ? most : random_values<int8_t>(1, generator)[0];
  };
  for (int i = 0; i < m; ++i)
    for (int t = 0; t < TileBuffers::kInputs; ++t) data->a[i][t] = value(t, -128);
  for (int j = 0; j < TileBuffers::kOutputs; ++j)
    for (int t = 0; t < TileBuffers::kInputs; ++t)
      data->b[j][t] = j < n ? value(t, j % 2 == 0 ? -128 : 127) : int8_t{0};
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) data->c[i][j] = random_values<int32_t>(1, generator, -1000000, 1000000)[0];
  return data;
}

void expect_tile(const TileData& before, const TileData& after, int m, int k, int n, bool first) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      int32_t sum = first ? 0 : before.c[i][j];
      for (int t = 0; t < k; ++t) sum += before.a[i][t] * before.b[j][t];
      ASSERT_EQ(after.c[i][j], sum) << i << ' ' << j << " of " << m << 'x' << k << 'x' << n;
    }
}

TEST(HlsUnits, PeArrayTileWithAndWithoutPacking) {
  std::mt19937 generator(1);
  const int shapes[][3] = {{1, 1, 1},   {3, 96, 32},   {5, 97, 33},
                           {17, 64, 7}, {9, 192, 192}, {TileBuffers::kRows, 31, 50}};
  for (const auto& shape : shapes)
    for (const bool first : {true, false})
      for (const bool extreme : {false, true}) {
        const int m = shape[0], k = shape[1], n = shape[2];
        const auto before = tile_data(m, k, n, generator, extreme);
        const auto plain = std::make_unique<TileData>(*before), packed = std::make_unique<TileData>(*before);
        pe_array_tile(plain->a, plain->b, plain->c, m, k, n, first ? 1 : 0);
        expect_tile(*before, *plain, m, k, n, first);
        pe_array_tile_packed(packed->a, packed->b, packed->c, m, k, n, first ? 1 : 0);
        expect_tile(*before, *packed, m, k, n, first);
      }
}

TEST(HlsUnits, PackedPairsOfUnsignedActivations) {  // attention probabilities: chains of four
  constexpr int kLanes = 32;
  std::mt19937 generator(2);
  for (int round = 0; round < 200; ++round) {
    auto a = random_values<uint8_t>(kLanes, generator);
    auto high = random_values<int8_t>(kLanes, generator), low = random_values<int8_t>(kLanes, generator);
    if (round == 0) a.assign(kLanes, 255), high.assign(kLanes, 127), low.assign(kLanes, -128);
    if (round == 1) a.assign(kLanes, 255), high.assign(kLanes, -128), low.assign(kLanes, -128);
    int expected_high = 0, expected_low = 0;
    for (size_t t = 0; t < kLanes; ++t) expected_high += a[t] * high[t], expected_low += a[t] * low[t];
    hls::Int<32> got_high = 0, got_low = 0;
    kernels::PackedProducts::pair<kLanes>(a.data(), high.data(), low.data(), got_high, got_low);
    EXPECT_EQ(kernels::native(got_high), expected_high);
    EXPECT_EQ(kernels::native(got_low), expected_low);
  }
}

constexpr int kRowCounts[] = {1, 3, 7};
constexpr int kWidths[] = {1, 16, 50, 197, 1024};

template <class Body>
void for_shapes(Body body) {
  std::mt19937 generator(7);
  for (const int rows : kRowCounts)
    for (const int n : kWidths) body(rows, n, static_cast<size_t>(rows * n), generator);
}

TEST(HlsUnits, Requantize) {
  for_shapes([](int rows, int n, size_t count, std::mt19937& g) {
    const auto acc = random_values<int32_t>(count, g);
    const Records records = random_records(static_cast<size_t>(n), g, 8, 50);
    const auto residual = random_values<int16_t>(count, g);
    std::vector<int8_t> got(count), relu(count), expected(count), expected_relu(count);
    std::vector<int16_t> wide(count), expected_wide(count);
    requantize(acc.data(), records.words.data(), rows, n, 0, got.data());
    requantize(acc.data(), records.words.data(), rows, n, 1, relu.data());
    requantize_residual(acc.data(), records.words.data(), residual.data(), rows, n, wide.data());
    for (int r = 0; r < rows; ++r) {
      const int at = r * n;
      const ChannelRecord* f = records.fields.data();
      kernels::finish_linear_row<int8_t>(acc.data() + at, f, 1, n, nullptr, false, expected.data() + at);
      kernels::finish_linear_row<int8_t>(acc.data() + at, f, 1, n, nullptr, true, expected_relu.data() + at);
      kernels::finish_linear_row<int16_t>(acc.data() + at, f, 1, n, residual.data() + at, false,
                                          expected_wide.data() + at);
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(relu, expected_relu);
    EXPECT_EQ(wide, expected_wide);
  });
}

TEST(HlsUnits, GeluAndSigmoid) {
  for_shapes([](int rows, int n, size_t count, std::mt19937& g) {
    const auto acc = random_values<int32_t>(count, g, -200000, 200000);
    const Records records = random_records(static_cast<size_t>(n), g, 16, 20);
    std::vector<int8_t> got(count), expected(count);
    std::vector<uint16_t> weights(count), expected_weights(count);
    gelu(acc.data(), records.words.data(), rows, n, 32768, 41000, 22, got.data());
    sigmoid(acc.data(), records.words.data(), rows, n, weights.data());
    for (int r = 0; r < rows; ++r) {
      kernels::finish_gelu_row(acc.data() + r * n, records.fields.data(), 1, n, 32768, 41000, 22,
                               expected.data() + r * n);
      kernels::finish_sigmoid_row(acc.data() + r * n, records.fields.data(), 1, n, expected_weights.data() + r * n);
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(weights, expected_weights);
  });
}

TEST(HlsUnits, Softmax) {
  for_shapes([](int rows, int n, size_t count, std::mt19937& g) {
    const auto x = random_values<int16_t>(count, g, -2000, 2000);
    std::vector<uint8_t> got(count), expected(count);
    std::vector<uint16_t> wide(count), expected_wide(count);
    softmax(x.data(), rows, n, 32768, got.data());
    softmax_wide(x.data(), rows, n, 16384, wide.data());
    for (int r = 0; r < rows; ++r) {
      kernels::softmax_row(x.data() + r * n, n, 32768, expected.data() + r * n);
      kernels::softmax_row(x.data() + r * n, n, 16384, expected_wide.data() + r * n);
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(wide, expected_wide);
  });
}

TEST(HlsUnits, LayerNorm) {
  for_shapes([](int rows, int n, size_t count, std::mt19937& g) {
    const auto x = random_values<int16_t>(count, g);
    std::vector<NormRecord> records(static_cast<size_t>(n));
    std::vector<uint64_t> words;
    for (NormRecord& r : records) {
      r.beta = random_values<int32_t>(1, g, -1000000, 1000000)[0];
      r.gamma = random_values<int16_t>(1, g)[0];
      words.push_back(static_cast<uint32_t>(r.beta) | uint64_t{static_cast<uint16_t>(r.gamma)} << 32);
    }
    std::vector<int8_t> got(count), expected(count);
    layernorm(x.data(), words.data(), rows, n, 20, 12345, got.data());
    for (int r = 0; r < rows; ++r)
      kernels::layernorm_row(x.data() + r * n, n, records.data(), 20, 12345, expected.data() + r * n);
    EXPECT_EQ(got, expected);
  });
}

TEST(HlsUnits, SelectorScoresSelectsAndPacks) {
  std::mt19937 g(11);
  for (const int tokens : {2, 30, 197})
    for (const int keep : {0, 1, 20, 140}) {
      const int heads = 3, candidates = tokens - 1;
      const auto count = static_cast<size_t>(tokens);
      const auto probabilities = random_values<uint16_t>(count * 6, g), weights = random_values<uint16_t>(count * 3, g);
      std::vector<uint32_t> scores(count);
      token_score(probabilities.data(), weights.data(), tokens, heads, scores.data());
      for (size_t t = 0; t < count; ++t) {
        uint64_t weighted = 0, total = 0;
        for (size_t h = 0; h < 3; ++h)
          weighted += uint64_t{probabilities[t * 6 + 2 * h]} * weights[t * 3 + h], total += weights[t * 3 + h];
        EXPECT_EQ(scores[t], total == 0 ? 0 : weighted / total);
      }
      std::vector<uint8_t> mask(count), expected_mask(count);
      const int kept = token_select_count(scores.data(), tokens, candidates, keep, mask.data());
      EXPECT_EQ(kept, std::min(keep, candidates));
      EXPECT_EQ(kept, kernels::select_count(scores.data(), 1, tokens, keep, expected_mask.data(), tokens));
      EXPECT_EQ(mask, expected_mask);
      const auto x = random_values<int16_t>(count * 24, g);
      std::vector<int16_t> packed((count + 1) * 24), expected(packed);
      const bool package = kept < candidates;
      for (const uint32_t divisor : {0U, 3U * 65535U}) {
        token_pack(x.data(), tokens, 24, mask.data(), scores.data(), package ? 1 : 0, divisor, packed.data());
        kernels::pack_slice(x.data(), tokens, 24, mask.data(), scores.data(), package, divisor, expected.data());
        EXPECT_EQ(packed, expected);
      }
      const int over = token_select_threshold(scores.data(), tokens, candidates, 32768, mask.data());
      int expected_over = 0;
      for (size_t t = 1; t < count; ++t) expected_over += scores[t] >= 32768 ? 1 : 0;
      EXPECT_EQ(over, expected_over);
    }
}

TEST(HlsUnits, MeansMaximaAndRandomScores) {
  for_shapes([](int rows, int n, size_t count, std::mt19937& g) {
    const auto columns = static_cast<size_t>(n);
    const auto x = random_values<int16_t>(count, g);
    std::vector<int8_t> means(static_cast<size_t>(rows)), token_means(columns), expected(columns);
    head_mean(x.data(), rows, n, 40000, 30, means.data());
    for (int r = 0; r < rows; ++r) {
      int64_t sum = 0;
      for (int i = 0; i < n; ++i) sum += x[static_cast<size_t>(r * n + i)];
      EXPECT_EQ(means[static_cast<size_t>(r)], kernels::saturate<int8_t>(kernels::round_shift(sum * 40000, 30)));
    }
    const auto narrow = random_values<int8_t>(count, g);
    const int candidates = std::max(rows - 2, 0);
    token_mean(narrow.data(), rows, n, candidates, token_means.data());
    const auto wide = random_values<int32_t>(count, g), residual = random_values<int32_t>(columns, g);
    std::vector<int32_t> most(columns);
    column_max(wide.data(), residual.data(), rows, n, most.data());
    for (size_t c = 0; c < columns; ++c) {
      int sum = 0;
      int64_t largest = wide[c];
      for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
        if (r >= 1 && r < 1 + static_cast<size_t>(candidates)) sum += narrow[r * columns + c];
        largest = std::max<int64_t>(largest, wide[r * columns + c]);
      }
      const double mean = candidates == 0 ? 0 : static_cast<double>(sum) / candidates;
      EXPECT_EQ(token_means[c], static_cast<int>(std::lround(mean)));
      EXPECT_EQ(most[c], kernels::saturate<int32_t>(largest + residual[c]));
    }
  });
  std::vector<uint32_t> first(50), again(50), other(50);
  random_scores(5, 1, 50, first.data());
  random_scores(5, 1, 50, again.data());
  random_scores(5, 2, 50, other.data());
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST(HlsStream, ReportsADeadlockAndWhatIsLeft) {
  testing::internal::CaptureStderr();
  {
    hls::Stream<int> stream("scores");
    EXPECT_EQ(stream.read(), 0);
    stream.write(5);
    stream.write(6);
    EXPECT_EQ(stream.problems(), 1);
    EXPECT_EQ(stream.read(), 5);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "stream scores: suspected deadlock: read while empty\n"
            "stream scores: 1 elements left over\n");
}

TEST(HlsStream, ABalancedStreamSaysNothing) {
  testing::internal::CaptureStderr();
  {
    hls::Stream<int16_t> stream("rows");
    for (int16_t i = 0; i < 10; ++i) {
      stream.write(i);
      EXPECT_EQ(stream.read(), i);
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(HlsPort, ReportsWhatHardwareWouldNotAnswer) {
  hls::Word memory[4] = {};
  memory[2].byte[3] = 7;
  testing::internal::CaptureStderr();
  {
    hls::Port port = memory;
    port.read_request(2, 1);
    EXPECT_EQ(port.read().byte[3], 7);
    port.read();
    port.write_response();
    port.write_request(1, 2);
    port.write(memory[2], 1U << 3);
  }
  EXPECT_EQ(memory[1].byte[3], 7);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "port: suspected deadlock: word read that nobody asked for\n"
            "port: suspected deadlock: response without a burst\n"
            "port: suspected deadlock: bursts left over\n");
}

#ifdef HEATVIT_AP_INT
TEST(ApInt, NoValueLeavesItsWidth) {  // runs after the tests above, and has work of its own
  std::mt19937 generator(3);
  const auto data = tile_data(8, 96, 32, generator, true);
  pe_array_tile_packed(data->a, data->b, data->c, 8, 96, 32, 1);
  EXPECT_EQ(ap_standin::lost_values(), 0);
}

TEST(ApInt, TheStandInNoticesWhatDoesNotFit) {
  const int64_t before = ap_standin::lost_values();
  const ap_int<8> wrapped = 200;
  EXPECT_EQ(wrapped.to_int64(), -56);
  EXPECT_EQ(ap_standin::lost_values(), before + 1);
}
#endif

}  // namespace
}  // namespace heatvit
