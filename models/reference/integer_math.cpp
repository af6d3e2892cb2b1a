#include "models/reference/integer_math.h"

#include <cmath>
#include <type_traits>
#include <vector>

namespace heatvit::reference {
namespace {

// exp(-d) for d >= 0 in Q8; the result in Q24: a second-order polynomial of the remainder by ln 2, shifted by the
// quotient.
uint64_t exp_of_minus(int64_t d) {
  constexpr int64_t kInverseLn2 = 94548;         // round(2^16 / ln 2)
  constexpr int64_t kLn2 = 45426;                // round(2^16 ln 2)
  constexpr int64_t kPolynomialShift = 88670;    // round(1.353 * 2^16)
  constexpr int64_t kPolynomialScale = 23495;    // round(0.3585 * 2^16)
  constexpr int64_t kPolynomialFloor = 5771362;  // round(0.344 * 2^24)
  const int64_t z = (d * kInverseLn2) >> 24;
  if (z > 31) return 0;
  const int64_t r = (d << 8) - z * kLn2;  // Q16; slightly negative where z was rounded up
  const int64_t t = kPolynomialShift - r;
  const int64_t p = ((((t * t) >> 8) * kPolynomialScale) >> 16) + kPolynomialFloor;
  return static_cast<uint64_t>(p >> z);
}

}  // namespace

int64_t div_round(int64_t a, int64_t b) {
  // b / 2 is floored for odd b, where no tie exists: the result is the same.
  return a >= 0 ? (a + b / 2) / b : -((-a + b / 2) / b);
}

template <typename Out>
Out gelu(int16_t x, uint16_t delta1, const network::Requant& out) {
  constexpr int64_t kInverseSqrt2 = 46341;  // round(2^16 / sqrt 2)
  constexpr int64_t kErfKnee = 28983;       // floor(1.769 * 2^14): erf is 1 from here on
  constexpr int64_t kErfCurvature = 18927;  // round(0.2888 * 2^16)
  constexpr int64_t kOne = 32768;           // Q15
  const int64_t ax = std::abs(int64_t{x});
  const int64_t u = std::min((ax * kInverseSqrt2) >> 12, kErfKnee);
  const int64_t t = kErfKnee - u;
  const int64_t erf = kOne - ((t * t * kErfCurvature + (int64_t{1} << 28)) >> 29);
  const int64_t e = (int64_t{delta1} * erf + (1 << 14)) >> 15;
  const int64_t f = kOne + (x >= 0 ? e : -e);
  const int64_t g = round_shift(x * f, 14);
  return saturate<Out>(round_shift(g * out.multiplier, out.shift));
}
template int8_t gelu<int8_t>(int16_t, uint16_t, const network::Requant&);
template int16_t gelu<int16_t>(int16_t, uint16_t, const network::Requant&);

template <typename Out>
void softmax(const int16_t* scores, int n, uint16_t delta2, Out* out, const int* sizes) {
  static_assert(std::is_same_v<Out, uint8_t> || std::is_same_v<Out, uint16_t>, "section 5 has these two outputs");
  constexpr uint64_t kOutputOne = std::numeric_limits<Out>::max();
  const int64_t largest = *std::max_element(scores, scores + n);
  std::vector<uint64_t> e(static_cast<size_t>(n));
  uint64_t sum = 0;  // at least exp(0), so never 0
  for (int j = 0; j < n; ++j) {
    e[static_cast<size_t>(j)] =
        exp_of_minus(largest - scores[j]) * (sizes == nullptr ? 1 : static_cast<uint64_t>(sizes[j]));
    sum += e[static_cast<size_t>(j)];
  }
  const uint64_t inverse = (uint64_t{1} << 54) / sum;
  for (int j = 0; j < n; ++j) {
    const uint64_t q = (e[static_cast<size_t>(j)] * inverse) >> 22;  // Q32
    const uint64_t scaled = (q * delta2) >> 15;
    const uint64_t rounded = (scaled * kOutputOne + (uint64_t{1} << 31)) >> 32;
    out[j] = static_cast<Out>(std::min(rounded, kOutputOne));
  }
}
template void softmax<uint8_t>(const int16_t*, int, uint16_t, uint8_t*, const int*);
template void softmax<uint16_t>(const int16_t*, int, uint16_t, uint16_t*, const int*);

uint16_t sigmoid(int16_t x) {
  const int32_t ax = std::abs(int32_t{x});
  int32_t y = 4 * ax + 32768;             // |x| / 4 + 1/2
  if (ax >= 4096) y = 2 * ax + 40960;     // from 1: |x| / 8 + 5/8
  if (ax >= 9728) y = (ax >> 1) + 55296;  // from 2.375: |x| / 32 + 27/32
  if (ax >= 20480) y = 65536;             // from 5
  if (x < 0) y = 65536 - y;
  return saturate<uint16_t>(y);
}

template <typename Out>
Out silu(int16_t x, const network::Requant& out) {
  const int64_t share = sigmoid(saturate<int16_t>(int64_t{4} * x));  // the same argument in Q12
  return saturate<Out>(round_shift(round_shift(x * share, 14) * out.multiplier, out.shift));
}
template int8_t silu<int8_t>(int16_t, const network::Requant&);
template int16_t silu<int16_t>(int16_t, const network::Requant&);

uint32_t integer_sqrt(uint64_t value) {
  // The double is off by one at most: 53 bits of a root of at most 32.
  auto root = static_cast<uint64_t>(std::sqrt(static_cast<double>(value)));
  root = std::min<uint64_t>(root, 0xFFFFFFFFU);
  while (root * root > value) --root;
  while (root < 0xFFFFFFFFU && (root + 1) * (root + 1) <= value) ++root;
  return static_cast<uint32_t>(root);
}

template <typename Out>
void layer_norm(const int16_t* x, const network::QuantLayerNorm& norm, Out* out) {
  constexpr int kFraction = sizeof(Out) == 1 ? 12 : 14;  // bits of the normalised value
  const int64_t n = norm.n;
  int64_t sum = 0;
  int64_t squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += x[i];
    squares += int64_t{x[i]} * x[i];
  }
  const uint64_t variance = static_cast<uint64_t>(n * squares - sum * sum) + norm.epsilon;  // n^2 times the variance
  int h = 0;  // the largest even shift that loses no bit
  while (h < 62 && (variance >> (62 - h)) == 0) h += 2;
  const uint64_t root = integer_sqrt(variance << h);
  const auto inverse = static_cast<int64_t>((uint64_t{1} << 63) / root);
  const int shift = 63 - h / 2 - kFraction;
  for (int64_t i = 0; i < n; ++i) {
    const auto& channel = norm.channels[static_cast<size_t>(i)];
    const int64_t centred = n * x[i] - sum;
    const int64_t normalised = round_shift(centred * inverse, shift);
    out[i] = saturate<Out>(round_shift(normalised * channel.gamma + channel.beta, norm.shift));
  }
}
template void layer_norm<int8_t>(const int16_t*, const network::QuantLayerNorm&, int8_t*);
template void layer_norm<int16_t>(const int16_t*, const network::QuantLayerNorm&, int16_t*);

}  // namespace heatvit::reference
