#include "models/reference/integer_tensor.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace heatvit::reference {
namespace {

void require(bool fits, const char* what) {
  if (!fits) throw std::logic_error(std::string("integer executor: shapes do not fit: ") + what);
}

// Every element of q through one function.
template <typename Out, typename Function>
Matrix<Out> map_elements(const Matrix<int64_t>& q, Function function) {
  Matrix<Out> out(q.rows, q.cols);
  std::transform(q.data.begin(), q.data.end(), out.data.begin(), function);
  return out;
}

// The compiler turns int16 products summed in int32 into multiply-add instructions, but not int8 ones; so operands are
// widened first, to rows that zeros lengthen to whole vectors (a zero adds nothing to a sum).
constexpr int kVector = 32;

template <typename T>
using Widened = std::conditional_t<sizeof(T) == 1, int16_t, T>;

template <typename Wide, typename T>
Matrix<Wide> widen(const Matrix<T>& source) {
  Matrix<Wide> out(source.rows, (source.cols + kVector - 1) / kVector * kVector);
  for (int r = 0; r < source.rows; ++r) std::copy_n(source.row(r), source.cols, out.row(r));
  return out;
}

// A product of two fits int32, that of a uint16 and an int16 included.
template <typename Sum, typename A>
Sum dot(const A* a, const int16_t* b, int k) {
  Sum sum = 0;
  for (int i = 0; i < k; ++i) sum += int32_t{a[i]} * int32_t{b[i]};
  return sum;
}

// The accumulator starts from it: 32 bits, or 40 beside int16 operands.
template <typename A>
int64_t bias_of(const isa::ChannelRecord& channel) {
  return sizeof(A) == 1 ? channel.bias : isa::wide_bias(channel);
}

}  // namespace

template <typename T>
Matrix<T> columns(const Matrix<T>& source, int first, int count) {
  require(first >= 0 && first + count <= source.cols, "columns");
  Matrix<T> out(source.rows, count);
  for (int r = 0; r < source.rows; ++r) std::copy_n(source.row(r) + first, count, out.row(r));
  return out;
}

template <typename T>
Matrix<T> transpose(const Matrix<T>& source) {
  Matrix<T> out(source.cols, source.rows);
  for (int r = 0; r < source.rows; ++r) {
    for (int c = 0; c < source.cols; ++c) out.row(c)[r] = source.row(r)[c];
  }
  return out;
}

template <typename A, typename B>
Matrix<SumOf<A>> product(const Matrix<A>& a, const Matrix<B>& b, uint64_t& macs) {
  require(a.cols == b.cols, "matrix product");
  const auto wide_a = widen<Widened<A>>(a);
  const auto wide_b = widen<int16_t>(b);
  Matrix<SumOf<A>> out(a.rows, b.rows);
  for (int m = 0; m < a.rows; ++m) {
    for (int n = 0; n < b.rows; ++n) out.row(m)[n] = dot<SumOf<A>>(wide_a.row(m), wide_b.row(n), wide_a.cols);
  }
  macs += static_cast<uint64_t>(a.rows) * static_cast<uint64_t>(b.rows) * static_cast<uint64_t>(a.cols);
  return out;
}

template <typename A>
Matrix<int64_t> linear(const Matrix<A>& x, const network::QuantLinear& w, uint64_t& macs) {
  Matrix<int16_t> weight(w.n, w.k);
  require(w.weight.size() == weight.data.size() && w.channels.size() == static_cast<size_t>(w.n), "linear layer");
  weight.data = w.weight;
  const auto sums = product(x, weight, macs);
  Matrix<int64_t> q(sums.rows, sums.cols);
  for (int m = 0; m < sums.rows; ++m) {
    for (int n = 0; n < w.n; ++n) {
      const isa::ChannelRecord& channel = w.channels[static_cast<size_t>(n)];
      q.row(m)[n] = requantise(sums.row(m)[n] + bias_of<A>(channel), channel.multiplier, channel.shift);
    }
  }
  return q;
}

template <typename Out>
Matrix<Out> saturated(const Matrix<int64_t>& q) {
  return map_elements<Out>(q, [](int64_t v) { return saturate<Out>(v); });
}
template Matrix<int8_t> saturated<int8_t>(const Matrix<int64_t>&);
template Matrix<int16_t> saturated<int16_t>(const Matrix<int64_t>&);
template Matrix<int32_t> saturated<int32_t>(const Matrix<int64_t>&);

template <typename Out>
Matrix<Out> with_relu(const Matrix<int64_t>& q) {
  return map_elements<Out>(q, [](int64_t v) { return saturate<Out>(std::max(v, int64_t{0})); });
}

template <typename Out>
Matrix<Out> with_gelu(const Matrix<int64_t>& q, uint16_t delta1, const network::Requant& out) {
  return map_elements<Out>(q, [&](int64_t v) { return gelu<Out>(saturate<int16_t>(v), delta1, out); });
}

template <typename Out>
Matrix<Out> with_silu(const Matrix<int64_t>& q, const network::Requant& out) {
  return map_elements<Out>(q, [&](int64_t v) { return silu<Out>(saturate<int16_t>(v), out); });
}

Matrix<uint16_t> with_sigmoid(const Matrix<int64_t>& q) {
  return map_elements<uint16_t>(q, [](int64_t v) { return sigmoid(saturate<int16_t>(v)); });
}

Matrix<int16_t> with_residual(const Matrix<int64_t>& q, const Matrix<int16_t>& residual, int residual_bits) {
  require(q.rows == residual.rows && q.cols == residual.cols, "residual");
  Matrix<int16_t> out(q.rows, q.cols);
  std::transform(q.data.begin(), q.data.end(), residual.data.begin(), out.data.begin(),
                 [&](int64_t v, int16_t r) { return saturate_residual(v + r, residual_bits); });
  return out;
}

template <typename Out>
Matrix<Out> layer_norm(const Matrix<int16_t>& x, const network::QuantLayerNorm& norm) {
  require(norm.n > 0 && x.cols % norm.n == 0 && norm.channels.size() == static_cast<size_t>(norm.n), "LayerNorm");
  Matrix<Out> out(x.rows * (x.cols / norm.n), norm.n);
  for (int r = 0; r < out.rows; ++r) {
    const size_t offset = static_cast<size_t>(r) * static_cast<size_t>(norm.n);
    layer_norm(x.data.data() + offset, norm, out.data.data() + offset);
  }
  return out;
}

template <typename T>
Matrix<T> im2col(const std::vector<T>& map, const ConvGeometry& g) {
  require(map.size() == static_cast<size_t>(g.in_size) * static_cast<size_t>(g.in_size * g.channels), "convolution");
  Matrix<T> out(g.out_size * g.out_size, g.kernel * g.kernel * g.channels);  // zeros
  for (int r = 0; r < out.rows; ++r) {
    const int top = r / g.out_size * g.stride - g.pad;
    const int left = r % g.out_size * g.stride - g.pad;
    T* taps = out.row(r);
    for (int y = top; y < top + g.kernel; ++y) {
      for (int x = left; x < left + g.kernel; ++x, taps += g.channels) {
        const bool inside = y >= 0 && y < g.in_size && x >= 0 && x < g.in_size;
        if (inside) std::copy_n(map.data() + static_cast<size_t>((y * g.in_size + x) * g.channels), g.channels, taps);
      }
    }
  }
  return out;
}

// The widths that there are.
template Matrix<int32_t> product(const Matrix<int8_t>&, const Matrix<int8_t>&, uint64_t&);
template Matrix<int32_t> product(const Matrix<uint8_t>&, const Matrix<int8_t>&, uint64_t&);
template Matrix<int64_t> product(const Matrix<int16_t>&, const Matrix<int16_t>&, uint64_t&);
template Matrix<int64_t> product(const Matrix<uint16_t>&, const Matrix<int16_t>&, uint64_t&);

template Matrix<int8_t> columns(const Matrix<int8_t>&, int, int);
template Matrix<int8_t> transpose(const Matrix<int8_t>&);
template Matrix<int64_t> linear(const Matrix<int8_t>&, const network::QuantLinear&, uint64_t&);
template Matrix<int8_t> with_relu<int8_t>(const Matrix<int64_t>&);
template Matrix<int8_t> with_gelu<int8_t>(const Matrix<int64_t>&, uint16_t, const network::Requant&);
template Matrix<int8_t> with_silu<int8_t>(const Matrix<int64_t>&, const network::Requant&);
template Matrix<int8_t> layer_norm<int8_t>(const Matrix<int16_t>&, const network::QuantLayerNorm&);
template Matrix<int8_t> im2col(const std::vector<int8_t>&, const ConvGeometry&);

template Matrix<int16_t> columns(const Matrix<int16_t>&, int, int);
template Matrix<int16_t> transpose(const Matrix<int16_t>&);
template Matrix<int64_t> linear(const Matrix<int16_t>&, const network::QuantLinear&, uint64_t&);
template Matrix<int16_t> with_relu<int16_t>(const Matrix<int64_t>&);
template Matrix<int16_t> with_gelu<int16_t>(const Matrix<int64_t>&, uint16_t, const network::Requant&);
template Matrix<int16_t> with_silu<int16_t>(const Matrix<int64_t>&, const network::Requant&);
template Matrix<int16_t> layer_norm<int16_t>(const Matrix<int16_t>&, const network::QuantLayerNorm&);
template Matrix<int16_t> im2col(const std::vector<int16_t>&, const ConvGeometry&);

}  // namespace heatvit::reference
