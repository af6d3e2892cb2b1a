#include "models/reference/float_math.h"

#include <algorithm>
#include <cmath>

namespace heatvit::reference {
namespace {

constexpr float kInverseSqrt2 = 0.70710678F;
constexpr float kLn2 = 0.69314718F;

float polynomial_gelu(float x, float delta) {
  const float t = std::min(std::fabs(x) * kInverseSqrt2, 1.769F) - 1.769F;
  const float erf = delta * (1.0F - 0.2888F * t * t);
  return 0.5F * x * (1.0F + (x < 0 ? -erf : erf));
}

// exp(-d) for d >= 0.
float polynomial_exp(float d) {
  const float z = std::floor(d / kLn2);
  const float t = 1.353F - (d - z * kLn2);
  return z > 31 ? 0.0F : std::ldexp(0.3585F * t * t + 0.344F, -static_cast<int>(z));
}

// Amin, Curtis and Hayes-Gill: piecewise linear approximation of the sigmoid (PLAN).
float plan_sigmoid(float x) {
  const float ax = std::fabs(x);
  float y = ax * 0.25F + 0.5F;
  if (ax >= 1.0F) y = ax * 0.125F + 0.625F;
  if (ax >= 2.375F) y = ax * 0.03125F + 0.84375F;
  if (ax >= 5.0F) y = 1.0F;
  return x < 0 ? 1.0F - y : y;
}

}  // namespace

void gelu(float* x, size_t count, const FloatOptions& options) {
  for (size_t i = 0; i < count; ++i) {
    x[i] = options.polynomial ? polynomial_gelu(x[i], options.delta1)
                              : 0.5F * x[i] * (1.0F + std::erf(x[i] * kInverseSqrt2));
  }
}

void sigmoid(float* x, size_t count, const FloatOptions& options) {
  for (size_t i = 0; i < count; ++i) x[i] = options.polynomial ? plan_sigmoid(x[i]) : 1.0F / (1.0F + std::exp(-x[i]));
}

void silu(float* x, size_t count, const FloatOptions& options) {
  for (size_t i = 0; i < count; ++i) x[i] *= options.polynomial ? plan_sigmoid(x[i]) : 1.0F / (1.0F + std::exp(-x[i]));
}

void softmax(float* x, int n, bool polynomial, float delta, const float* sizes) {
  const float top = *std::max_element(x, x + n);
  float sum = 0;
  for (int i = 0; i < n; ++i) {
    x[i] = polynomial ? polynomial_exp(top - x[i]) : std::exp(x[i] - top);
    if (sizes != nullptr) x[i] *= sizes[i];
    sum += x[i];
  }
  const float factor = (polynomial ? delta : 1.0F) / sum;
  for (int i = 0; i < n; ++i) x[i] *= factor;
}

std::vector<float> layer_norm(const float* x, int rows, int n, const network::FloatNorm& norm, double epsilon) {
  std::vector<float> out(static_cast<size_t>(rows) * static_cast<size_t>(n));
  for (int r = 0; r < rows; ++r) {
    const float* row = x + static_cast<size_t>(r) * static_cast<size_t>(n);
    float* to = out.data() + static_cast<size_t>(r) * static_cast<size_t>(n);
    double sum = 0, squares = 0;
    for (int i = 0; i < n; ++i) {
      sum += row[i];
      squares += static_cast<double>(row[i]) * row[i];
    }
    const double mean = sum / n;
    const double variance = std::max(0.0, squares / n - mean * mean);
    const float scale = static_cast<float>(1.0 / std::sqrt(variance + epsilon));
    const float centre = static_cast<float>(mean);
    for (int i = 0; i < n; ++i) to[i] = (row[i] - centre) * scale * norm.gamma[size_t(i)] + norm.beta[size_t(i)];
  }
  return out;
}

std::vector<float> im2col(const std::vector<float>& image, const network::FloatConv& conv) {
  const size_t depth = size_t(conv.channels);
  std::vector<float> columns(size_t(conv.out_size) * size_t(conv.out_size) * size_t(conv.linear.k), 0.0F);
  float* to = columns.data();
  for (int oy = 0; oy < conv.out_size; ++oy) {
    for (int ox = 0; ox < conv.out_size; ++ox) {
      const int x0 = ox * conv.stride - conv.pad;
      const int first = std::max(0, -x0);
      const int last = std::min(conv.kernel, conv.in_size - x0);
      for (int ky = 0; ky < conv.kernel; ++ky, to += size_t(conv.kernel) * depth) {
        const int y = oy * conv.stride - conv.pad + ky;
        if (y < 0 || y >= conv.in_size || last <= first) continue;
        const float* from = image.data() + (size_t(y) * size_t(conv.in_size) + size_t(x0 + first)) * depth;
        std::copy_n(from, size_t(last - first) * depth, to + size_t(first) * depth);
      }
    }
  }
  return columns;
}

}  // namespace heatvit::reference
