// Every path of the host's arithmetic that this machine has gives the kernels' numbers, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/gemm.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/softmax.h"
#include "accel/modules/host_gemm.h"
#include "accel/modules/host_path.h"
#include "accel/modules/saturation.h"

namespace heatvit::modules {
namespace {

class Host : public ::testing::TestWithParam<HostPath> {
 protected:
  int draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  template <class T>
  std::vector<T> values(int count) {
    const bool extremes = draw(0, 4) == 0;
    std::vector<T> all(static_cast<size_t>(count));
    for (T& v : all)
      v = extremes ? (draw(0, 1) == 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max())
                   : static_cast<T>(draw(-70000, 70000));
    return all;
  }

  /// A product of any shape against the kernel; what lies beside the tile stays as it was.
  template <class A>
  void multiply_and_compare(int m, int k, int n) {
    ProductShape s{m, k, n, 0, 0, 0, draw(0, 1) == 0, draw(0, 1) == 0};
    s.a_pitch = k + draw(0, 9), s.b_pitch = (s.rows_are_k ? n : k) + draw(0, 9), s.c_pitch = n + draw(0, 9);
    // Storage ends where the last operand does, so that a sanitizer sees who reads on.
    const auto a = values<A>((m - 1) * s.a_pitch + k);
    const auto b = values<int8_t>(((s.rows_are_k ? k : n) - 1) * s.b_pitch + (s.rows_are_k ? n : k));
    std::vector<int32_t> before((static_cast<size_t>(m) - 1) * static_cast<size_t>(s.c_pitch) + static_cast<size_t>(n));
    for (int32_t& v : before) v = draw(-1'000'000'000, 1'000'000'000);
    std::vector<int32_t> expected = before, c = before;
    if (s.rows_are_k)
      kernels::gemm_tile_kn(a.data(), s.a_pitch, b.data(), s.b_pitch, expected.data(), s.c_pitch, m, k, n, s.first);
    else
      kernels::gemm_tile_nk(a.data(), s.a_pitch, b.data(), s.b_pitch, expected.data(), s.c_pitch, m, k, n, s.first);
    HostWeights kept;
    gemm_.multiply(GetParam(), a.data(), b.data(), c.data(), s, kept);
    EXPECT_EQ(c, expected) << m << " x " << k << " x " << n << (s.rows_are_k ? ", rows are k" : "")
                           << (s.first ? ", first" : "");
    // The next rows by the same weights, which are not looked at again; then by others.
    c = before;
    const std::vector<int8_t> gone(b.size());
    const bool asks_again = GetParam() == HostPath::kPortable || m < 4;
    gemm_.multiply(GetParam(), a.data(), (asks_again ? b : gone).data(), c.data(), s, kept);
    EXPECT_EQ(c, expected) << "kept weights";
    kept.renew();
    c = before;
    gemm_.multiply(GetParam(), a.data(), b.data(), c.data(), s, kept);
    EXPECT_EQ(c, expected) << "renewed weights";
  }

  std::mt19937 random_{11};
  HostGemm gemm_;
};

TEST_P(Host, Products) {
  for (const int m : {1, 3, 4, 6, 7, 16, 17, 32, 33, 48, 49})
    for (const int k : {1, 2, 4, 31, 63, 64, 65, 130})
      for (const int n : {1, 7, 8, 16, 17, 48, 65}) {
        multiply_and_compare<int8_t>(m, k, n);
        multiply_and_compare<uint8_t>(m, k, n);
      }
  multiply_and_compare<int8_t>(197, 768, 64);
  multiply_and_compare<uint8_t>(197, 197, 64);
}

TEST_P(Host, Rows) {
  for (int i = 0; i < 200; ++i) {
    const int n = draw(2, 256);
    const auto count = static_cast<size_t>(n);
    std::vector<int32_t> acc(count);
    std::vector<isa::ChannelRecord> records(count);
    std::vector<isa::NormRecord> norms(count);
    for (size_t j = 0; j < count; ++j) {
      acc[j] = draw(-3'000'000, 3'000'000);
      records[j].bias = draw(-100'000, 100'000);
      records[j].multiplier = static_cast<uint16_t>(draw(0, 65535));
      records[j].shift = static_cast<uint8_t>(draw(10, 30));
      norms[j].gamma = static_cast<int16_t>(draw(-32768, 32767));
      norms[j].beta = draw(-1'000'000, 1'000'000);
    }
    const auto x = values<int16_t>(n);
    std::vector<int8_t> linear(count), gelu(count), norm(count), own(count);
    std::vector<uint8_t> probabilities(count), own_probabilities(count);
    kernels::finish_linear_row<int8_t>(acc.data(), records.data(), 1, n, nullptr, false, linear.data());
    kernels::finish_gelu_row(acc.data(), records.data(), 1, n, 32768, 20000, 20, gelu.data());
    kernels::softmax_row(x.data(), n, 32768, probabilities.data());
    kernels::layernorm_row(x.data(), n, norms.data(), 20, 1000, norm.data());
    const uint64_t clamped = saturated_linear<int8_t>(acc.data(), records.data(), 1, n, nullptr, false, linear.data());

    const HostPath path = GetParam();
    EXPECT_EQ(on_host(path,
                      [&] {
                        kernels::finish_linear_row<int8_t>(acc.data(), records.data(), 1, n, nullptr, false,
                                                           own.data());
                        return saturated_linear<int8_t>(acc.data(), records.data(), 1, n, nullptr, false, own.data());
                      }),
              clamped);
    EXPECT_EQ(own, linear);
    on_host(path, [&] { kernels::finish_gelu_row(acc.data(), records.data(), 1, n, 32768, 20000, 20, own.data()); });
    EXPECT_EQ(own, gelu);
    on_host(path, [&] { kernels::softmax_row(x.data(), n, 32768, own_probabilities.data()); });
    EXPECT_EQ(own_probabilities, probabilities);
    on_host(path, [&] { kernels::layernorm_row(x.data(), n, norms.data(), 20, 1000, own.data()); });
    EXPECT_EQ(own, norm);
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, Host, ::testing::ValuesIn(host_paths()),
                         [](const auto& path) { return std::string(name_of(path.param)); });

TEST(HostPaths, PortableIsAlwaysThere) {
  EXPECT_EQ(host_paths().front(), HostPath::kPortable);
  use_host_path(HostPath::kPortable);
  EXPECT_EQ(host_path(), HostPath::kPortable);
}

TEST(HostPaths, AreFoundByName) {
  for (const HostPath path : host_paths()) EXPECT_EQ(host_path_named(name_of(path)), path);
  EXPECT_EQ(host_path_named(""), host_paths().back());
  EXPECT_THROW(host_path_named("sse9"), InputError);
}

}  // namespace
}  // namespace heatvit::modules
