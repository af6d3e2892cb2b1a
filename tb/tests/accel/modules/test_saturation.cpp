// What saturates is counted exactly: against every value of the row, one by one, without the shortcut.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "accel/modules/saturation.h"

namespace heatvit::modules {
namespace {

constexpr int kValues = 500;

class Saturation : public ::testing::Test {
 protected:
  int32_t draw(int32_t most) { return std::uniform_int_distribution<int32_t>(-most, most)(random_); }

  /// Sums and records whose results lie around the limits of `T`; some at them exactly.
  template <class T>
  void make() {
    for (int i = 0; i < kValues; ++i) {
      acc_.push_back(draw(3 * static_cast<int32_t>(kernels::Range<T>::max())));
      if (i % 7 == 0) acc_.back() = static_cast<int32_t>(kernels::Range<T>::max()) + i % 3 - 1;
      if (i % 11 == 0) acc_.back() = static_cast<int32_t>(kernels::Range<T>::min()) + i % 3 - 1;
      isa::ChannelRecord record;
      record.bias = 0;
      record.multiplier = 32768;
      record.shift = 15;
      records_.push_back(record);
      residual_.push_back(static_cast<int16_t>(draw(5)));
    }
  }

  std::mt19937 random_{7};
  std::vector<int32_t> acc_;
  std::vector<isa::ChannelRecord> records_;
  std::vector<int16_t> residual_;
};

TEST_F(Saturation, OfLinearRows) {
  make<int8_t>();
  std::vector<int8_t> out(kValues);
  for (const bool relu : {false, true}) {
    kernels::finish_linear_row<int8_t>(acc_.data(), records_.data(), 1, kValues, nullptr, relu, out.data());
    uint64_t beyond = 0;
    for (const int32_t q : acc_) beyond += q > 127 || (!relu && q < -128) ? 1 : 0;
    EXPECT_GT(beyond, 50U);
    EXPECT_EQ(saturated_linear<int8_t>(acc_.data(), records_.data(), 1, kValues, nullptr, relu, out.data()), beyond);
  }
}

TEST_F(Saturation, OfResidualAdditions) {
  make<int16_t>();
  std::vector<int16_t> out(kValues);
  kernels::finish_linear_row<int16_t>(acc_.data(), records_.data(), 1, kValues, residual_.data(), false, out.data());
  uint64_t beyond = 0;
  for (size_t i = 0; i < acc_.size(); ++i) {
    const int32_t sum = acc_[i] + residual_[i];
    beyond += sum > 32767 || sum < -32768 ? 1 : 0;
  }
  EXPECT_EQ(saturated_linear<int16_t>(acc_.data(), records_.data(), 1, kValues, residual_.data(), false, out.data()),
            beyond);
}

TEST_F(Saturation, OfUnsignedRowsAboveAlone) {
  make<int8_t>();
  std::vector<uint8_t> out(kValues);
  kernels::finish_linear_row<uint8_t>(acc_.data(), records_.data(), 1, kValues, nullptr, false, out.data());
  uint64_t beyond = 0;
  for (const int32_t q : acc_) beyond += q > 255 ? 1 : 0;
  EXPECT_EQ(saturated_linear<uint8_t>(acc_.data(), records_.data(), 1, kValues, nullptr, false, out.data()), beyond);
}

TEST_F(Saturation, OfFunctions) {
  make<int16_t>();
  // 8: the result leaves int8. 1: only the argument leaves its 16 bits.
  for (const uint16_t multiplier : {uint16_t{8}, uint16_t{1}}) {
    constexpr int kShift = 10;
    const auto gelu = [](int16_t x) { return kernels::gelu_q12(x, 65535); };
    uint64_t beyond = 0;
    for (const int32_t q : acc_) {
      const int64_t g = kernels::round_shift(int64_t{gelu(kernels::saturate<int16_t>(q))} * multiplier, kShift);
      beyond += q > 32767 || g > 127 || g < -128 ? 1 : 0;
    }
    std::vector<int8_t> out(kValues);
    kernels::finish_gelu_row(acc_.data(), records_.data(), 1, kValues, 65535, multiplier, kShift, out.data());
    EXPECT_EQ(saturated_function(acc_.data(), records_.data(), 1, kValues, multiplier, kShift, gelu, out.data()),
              beyond);
    EXPECT_GT(beyond, 50U);
  }
}

TEST_F(Saturation, OfLayerNorm) {
  std::vector<int16_t> x;
  std::vector<isa::NormRecord> records(kValues);
  for (int i = 0; i < kValues; ++i) x.push_back(static_cast<int16_t>(draw(1000)));
  for (isa::NormRecord& record : records) record.gamma = 4000;
  std::vector<int8_t> out(kValues);
  for (const int shift : {16, 17, 20}) {  // the largest result: 433, 216, 27
    kernels::layernorm_row(x.data(), kValues, records.data(), shift, 1, out.data());
    const auto row = kernels::detail::row_statistics<kernels::norm_fraction_bits<int8_t>()>(x.data(), kValues, 1);
    uint64_t beyond = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const int64_t value = kernels::detail::normalised_value<int8_t>(x[i], kValues, row, records[i], shift);
      beyond += value > 127 || value < -128 ? 1 : 0;
    }
    EXPECT_EQ(saturated_layernorm(x.data(), kValues, records.data(), shift, 1, out.data()), beyond) << shift;
    EXPECT_EQ(beyond > 0, shift < 20) << shift;
  }
}

}  // namespace
}  // namespace heatvit::modules
