// Whole tensors for the integer executor: matrices, matrix products, and what follows a product (docs/numerics.md
// section 3). A shape that does not fit is a fault of the program, not of the input: std::logic_error.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "models/network/quant_model.h"
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

/// What sums of products of operand type A are kept in (section 3; section 10 for 16 bits).
template <typename A>
using SumOf = std::conditional_t<sizeof(A) == 1, int32_t, int64_t>;

/// Columns [first, first + count) of a matrix.
template <typename T>
Matrix<T> columns(const Matrix<T>& source, int first, int count);

template <typename T>
Matrix<T> transpose(const Matrix<T>& source);

/// acc[m][n] = sum_k a[m][k] b[n][k]: a is m x k, b is n x k. int8 or uint8 by int8 (b may hold them in int16), int16
/// or uint16 by int16. Adds m n k to `macs`.
template <typename A, typename B>
Matrix<SumOf<A>> product(const Matrix<A>& a, const Matrix<B>& b, uint64_t& macs);

/// q of section 3, m x n, before any saturation: (x w^T + bias) requantised by the channels' records. x: m x w.k, int8
/// or int16.
template <typename A>
Matrix<int64_t> linear(const Matrix<A>& x, const network::QuantLinear& w, uint64_t& macs);

/// The activations of section 3 on q. Out of ReLU and GELU: int8 or int16.
template <typename Out>
Matrix<Out> saturated(const Matrix<int64_t>& q);
template <typename Out = int8_t>
Matrix<Out> with_relu(const Matrix<int64_t>& q);
template <typename Out = int8_t>
Matrix<Out> with_gelu(const Matrix<int64_t>& q, uint16_t delta1, const network::Requant& out);
template <typename Out = int8_t>
Matrix<Out> with_silu(const Matrix<int64_t>& q, const network::Requant& out);
Matrix<uint16_t> with_sigmoid(const Matrix<int64_t>& q);
Matrix<int16_t> with_residual(const Matrix<int64_t>& q, const Matrix<int16_t>& residual, int residual_bits);

/// Section 7 on every row; x: rows x norm.n, or, with norm.n a divisor of x.cols, the same memory viewed as more and
/// shorter rows. The result has norm.n columns of int8 or int16.
template <typename Out = int8_t>
Matrix<Out> layer_norm(const Matrix<int16_t>& x, const network::QuantLayerNorm& norm);

/// A square convolution over an HWC map of int8 or int16. Padding reads zero.
struct ConvGeometry {
  int in_size = 0, out_size = 0, channels = 0, kernel = 0, stride = 0, pad = 0;
};

/// The convolution's operand A: out_size^2 rows (oy, ox) of kernel^2 channels values (ky, kx, c).
template <typename T>
Matrix<T> im2col(const std::vector<T>& map, const ConvGeometry& g);

}  // namespace heatvit::reference
