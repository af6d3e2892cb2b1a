#include "models/reference/float_gemm.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace heatvit::reference {
namespace {

// Outer-product form on explicit vectors: a plain reduction loop would not vectorise, since float addition may not be
// reassociated. kRows x 2 accumulators, two panel vectors and one broadcast fit the register file. A vector wider than
// the machine's would be split through memory.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kRows = 12;
#elif defined(__AVX__)
constexpr int kLanes = 8;
constexpr int kRows = 6;
#else
constexpr int kLanes = 4;
constexpr int kRows = 6;
#endif
constexpr int kPanel = 2 * kLanes;

using Vector = float __attribute__((vector_size(kLanes * sizeof(float))));

inline void load(Vector& v, const float* p) { std::memcpy(&v, p, sizeof v); }
inline void store(float* p, const Vector& v) { std::memcpy(p, &v, sizeof v); }

template <int kTileRows>
void kernel(int k, const float* a, size_t pitch_a, const float* panel, const float* bias, float* c, size_t pitch_c) {
  Vector sum[kTileRows][2];
  for (int r = 0; r < kTileRows; ++r) {
    load(sum[r][0], bias);
    load(sum[r][1], bias + kLanes);
  }
  for (int i = 0; i < k; ++i) {
    Vector b0, b1;
    load(b0, panel + size_t(i) * kPanel);
    load(b1, panel + size_t(i) * kPanel + kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < kTileRows; ++r) {
      const float x = a[size_t(r) * pitch_a + size_t(i)];
      sum[r][0] += x * b0;
      sum[r][1] += x * b1;
    }
  }
  for (int r = 0; r < kTileRows; ++r) {
    store(c + size_t(r) * pitch_c, sum[r][0]);
    store(c + size_t(r) * pitch_c + kLanes, sum[r][1]);
  }
}

using Kernel = void (*)(int, const float*, size_t, const float*, const float*, float*, size_t);

// kKernels[r - 1] computes r rows.
constexpr Kernel kKernels[] = {
    kernel<1>, kernel<2>, kernel<3>, kernel<4>,  kernel<5>,  kernel<6>,
#ifdef __AVX512F__
    kernel<7>, kernel<8>, kernel<9>, kernel<10>, kernel<11>, kernel<12>,
#endif
};
static_assert(sizeof kKernels / sizeof kKernels[0] == kRows, "one kernel for each number of rows");

/// All but the columns beyond n is for the caller to fill.
void shape_panels(PackedMatrix& packed, int k, int n) {
  packed.k = k;
  packed.n = n;
  packed.data.resize(size_t((n + kPanel - 1) / kPanel) * size_t(k) * kPanel);
  if (n % kPanel != 0) std::fill(packed.data.end() - std::ptrdiff_t(k) * kPanel, packed.data.end(), 0.0F);
}

}  // namespace

void pack_rows_n(const float* b, int n, int k, int pitch, PackedMatrix& packed) {
  shape_panels(packed, k, n);
  for (int row = 0; row < n; ++row) {
    float* to = packed.data.data() + size_t(row / kPanel) * size_t(k) * kPanel + row % kPanel;
    const float* from = b + size_t(row) * size_t(pitch);
    for (int i = 0; i < k; ++i) to[size_t(i) * kPanel] = from[i];
  }
}

PackedMatrix pack_rows_n(const float* b, int n, int k, int pitch) {
  PackedMatrix packed;
  pack_rows_n(b, n, k, pitch, packed);
  return packed;
}

PackedMatrix pack_rows_k(const float* b, int k, int n, int pitch) {
  PackedMatrix packed;
  shape_panels(packed, k, n);
  for (int column = 0; column < n; column += kPanel) {
    const size_t width = size_t(std::min(kPanel, n - column));
    float* to = packed.data.data() + size_t(column) * size_t(k);
    for (int i = 0; i < k; ++i) {
      std::copy_n(b + size_t(i) * size_t(pitch) + column, width, to + size_t(i) * kPanel);
    }
  }
  return packed;
}

void sgemm(int m, const float* a, int pitch_a, const PackedMatrix& b, const float* bias, float* c, int pitch_c) {
  for (int column = 0; column < b.n; column += kPanel) {
    const int width = std::min(kPanel, b.n - column);
    const float* panel = b.data.data() + size_t(column) * size_t(b.k);
    float start[kPanel] = {};
    if (bias != nullptr) std::copy_n(bias + column, width, start);
    for (int row = 0; row < m; row += kRows) {
      const int rows = std::min(kRows, m - row);
      const float* a_rows = a + size_t(row) * size_t(pitch_a);
      float* c_tile = c + size_t(row) * size_t(pitch_c) + column;
      if (width == kPanel) {
        kKernels[rows - 1](b.k, a_rows, size_t(pitch_a), panel, start, c_tile, size_t(pitch_c));
        continue;
      }
      float edge[kRows * kPanel];
      kKernels[rows - 1](b.k, a_rows, size_t(pitch_a), panel, start, edge, kPanel);
      for (int r = 0; r < rows; ++r) std::copy_n(edge + r * kPanel, width, c_tile + size_t(r) * size_t(pitch_c));
    }
  }
}

}  // namespace heatvit::reference
