// Whole tensors for the integer executor: matrices, matrix products, and what follows a product (docs/numerics.md
// section 3). A shape that does not fit is a fault of the program, not of the input: std::logic_error.
#pragma once

#include <cstdint>
#include <vector>

#include "models/quant/quant_model.h"
#include "models/reference/integer_math.h"

namespace heatvit::reference {

/// rows x cols, row-major, dense.
template <typename T>
struct Matrix {
  int rows = 0, cols = 0;
  std::vector<T> data;

  Matrix() = default;
  Matrix(int row_count, int col_count)
      : rows(row_count), cols(col_count), data(static_cast<size_t>(row_count) * static_cast<size_t>(col_count)) {}

  T* row(int r) { return data.data() + static_cast<size_t>(r) * static_cast<size_t>(cols); }
  const T* row(int r) const { return data.data() + static_cast<size_t>(r) * static_cast<size_t>(cols); }
};

/// Columns [first, first + count) of a matrix.
Matrix<int8_t> columns(const Matrix<int8_t>& source, int first, int count);

Matrix<int8_t> transpose(const Matrix<int8_t>& source);

/// acc[m][n] = sum_k a[m][k] b[n][k]: a is m x k of int8 or uint8, b is n x k. Adds m n k to `macs`.
template <typename A>
Matrix<int32_t> product(const Matrix<A>& a, const Matrix<int8_t>& b, uint64_t& macs);

/// q of section 3, m x n, before any saturation: (x w^T + bias) requantised by the channels' records. x: m x w.k.
Matrix<int64_t> linear(const Matrix<int8_t>& x, const quant::QuantLinear& w, uint64_t& macs);

/// The activations of section 3 on q.
template <typename Out>
Matrix<Out> saturated(const Matrix<int64_t>& q);
Matrix<int8_t> with_relu(const Matrix<int64_t>& q);
Matrix<int8_t> with_gelu(const Matrix<int64_t>& q, uint16_t delta1, const quant::Requant& out);
Matrix<uint16_t> with_sigmoid(const Matrix<int64_t>& q);
Matrix<int16_t> with_residual(const Matrix<int64_t>& q, const Matrix<int16_t>& residual, int residual_bits);

/// Section 7 on every row; x: rows x norm.n, or, with norm.n a divisor of x.cols, the same memory viewed as more and
/// shorter rows. The result has norm.n columns.
Matrix<int8_t> layer_norm(const Matrix<int16_t>& x, const quant::QuantLayerNorm& norm);

/// A square convolution over an int8 HWC map. Padding reads zero.
struct ConvGeometry {
  int in_size = 0, out_size = 0, channels = 0, kernel = 0, stride = 0, pad = 0;
};

/// The convolution's operand A: out_size^2 rows (oy, ox) of kernel^2 channels values (ky, kx, c).
Matrix<int8_t> im2col(const std::vector<int8_t>& map, const ConvGeometry& g);

}  // namespace heatvit::reference
