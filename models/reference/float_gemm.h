// Single-precision matrix product on one core. Operand B is packed once into panels of columns, so that the inner loop
// reads it in order; A stays row-major.
#pragma once

#include <cstddef>
#include <vector>

#include "models/network/float_model.h"

namespace heatvit::reference {

struct PackedMatrix {
  int k = 0, n = 0;
  std::vector<float> data;  // panel after panel, k rows of kPanel columns each, zero beyond n
};

/// B given as n rows of k values (weights; K of Q K^T), `pitch` floats from row to row.
PackedMatrix pack_rows_n(const float* b, int n, int k, int pitch);
/// The same into memory that a matrix has already.
void pack_rows_n(const float* b, int n, int k, int pitch, PackedMatrix& packed);

/// B given as k rows of n values (V of P V).
PackedMatrix pack_rows_k(const float* b, int k, int n, int pitch);

/// c[m][n] = sum_k a[m][k] b[k][n] + bias[n]; bias may be null. Pitches in floats.
void sgemm(int m, const float* a, int pitch_a, const PackedMatrix& b, const float* bias, float* c, int pitch_c);

/// A linear layer ready to run.
struct PackedLinear {
  PackedMatrix matrix;
  std::vector<float> bias;

  PackedLinear() = default;
  explicit PackedLinear(const network::FloatLinear& linear) { assign(linear); }

  void assign(const network::FloatLinear& linear) {
    pack_rows_n(linear.weight.data(), linear.n, linear.k, linear.k, matrix);
    bias = linear.bias;
  }

  /// y (rows x n) of x (rows x k).
  void run(int rows, const float* x, int pitch_x, float* y, int pitch_y) const {
    sgemm(rows, x, pitch_x, matrix, bias.data(), y, pitch_y);
  }
  void run(int rows, const std::vector<float>& x, std::vector<float>& y) const {
    y.resize(static_cast<size_t>(rows) * static_cast<size_t>(matrix.n));
    run(rows, x.data(), matrix.k, y.data(), matrix.n);
  }
  std::vector<float> run(int rows, const std::vector<float>& x) const {
    std::vector<float> y;
    run(rows, x, y);
    return y;
  }
};

}  // namespace heatvit::reference
