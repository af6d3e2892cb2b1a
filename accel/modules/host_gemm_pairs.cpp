// Products of 16 bits: two channels of an output side by side, for processors without dot products of bytes.
#include "accel/modules/host_gemm_parts.h"

#ifdef HEATVIT_HOST_X86

#include <type_traits>

namespace heatvit::modules {
namespace {

/// 8 rows of 8 dwords, turned.
__attribute__((target(HEATVIT_AVX2))) inline void turn_eight(const __m256i (&in)[8], int32_t* out) {
  __m256i t[8], u[8];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (size_t i = 0; i < 2; ++i) {
    u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  auto* to = reinterpret_cast<__m256i*>(out);
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    _mm256_store_si256(to + j, _mm256_permute2x128_si256(u[j], u[4 + j], 0x20));
    _mm256_store_si256(to + 4 + j, _mm256_permute2x128_si256(u[j], u[4 + j], 0x31));
  }
}

/// The first `count` of 16 or 32 bytes; the others are zero and not touched.
template <size_t kBytes>
inline const int8_t* whole(const int8_t* from, int count, std::array<int8_t, kBytes>& copy) {
  if (count >= static_cast<int>(kBytes)) return from;
  copy.fill(0);
  if (count > 0) std::memcpy(copy.data(), from, static_cast<size_t>(count));
  return copy.data();
}

/// b[n][k], 8 outputs a group; `pairs` a multiple of 8.
__attribute__((target(HEATVIT_AVX2))) void pair_rows_avx2(const int8_t* b, const ProductShape& s, size_t pairs,
                                                          int32_t* out) {
  std::array<int8_t, 16> copy{};
  for (int n0 = 0; n0 < s.n; n0 += 8, out += pairs * 8)
    for (int k0 = 0; k0 < s.k; k0 += 16) {
      __m256i rows[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) {
        const int8_t* from = whole(b + at(std::min(n0 + j, s.n - 1), s.b_pitch) + k0, s.k - k0, copy);
        rows[j] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      }
      turn_eight(rows, out + static_cast<size_t>(k0) / 2 * 8);
    }
}

/// The same with 16 outputs a group; `pairs` a multiple of 16.
__attribute__((target(HEATVIT_AVX512))) void pair_rows_avx512(const int8_t* b, const ProductShape& s, size_t pairs,
                                                              int32_t* out) {
  for (int n0 = 0; n0 < s.n; n0 += 16, out += pairs * 16)
    for (int k0 = 0; k0 < s.k; k0 += 32) {
      const auto mask = static_cast<__mmask32>(first_bytes(std::min(s.k - k0, 32)));
      __m512i rows[kGroup];
#pragma GCC unroll 16
      for (int j = 0; j < 16; ++j)
        rows[j] =
            _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, b + at(std::min(n0 + j, s.n - 1), s.b_pitch) + k0));
      turn_dwords(rows, reinterpret_cast<uint8_t*>(out + static_cast<size_t>(k0) / 2 * 16));
    }
}

/// b[k][n], kOutputs a group.
template <int kOutputs>
HEATVIT_HOST_AVX2 void pair_columns(const int8_t* b, const ProductShape& s, size_t pairs, int32_t* out) {
  std::array<int8_t, kOutputs> low_copy{}, high_copy{};
  for (int n0 = 0; n0 < s.n; n0 += kOutputs, out += pairs * kOutputs)
    for (size_t i = 0; i < pairs; ++i) {
      const int row = static_cast<int>(2 * i);
      const int8_t* low = whole(b + at(std::min(row, s.k - 1), s.b_pitch) + n0, row < s.k ? s.n - n0 : 0, low_copy);
      const int8_t* high =
          whole(b + at(std::min(row + 1, s.k - 1), s.b_pitch) + n0, row + 1 < s.k ? s.n - n0 : 0, high_copy);
      for (size_t j = 0; j < kOutputs; ++j)
        out[i * kOutputs + j] =
            static_cast<int32_t>(static_cast<uint32_t>(low[j] & 0xffff) | static_cast<uint32_t>(high[j]) << 16);
    }
}

template <class A>
HEATVIT_HOST_AVX2 void widen_a(const A* a, const ProductShape& s, size_t rows, size_t pitch, int16_t* out) {
  for (size_t r = 0; r < rows; ++r, out += pitch) {
    const A* row = a + at(std::min(static_cast<int>(r), s.m - 1), s.a_pitch);
    for (int k = 0; k < s.k; ++k) out[k] = row[k];
    for (auto k = static_cast<size_t>(s.k); k < pitch; ++k) out[k] = 0;
  }
}

#define HEATVIT_MADD_512(sum, x, w) _mm512_add_epi32(sum, _mm512_madd_epi16(x, w))
HEATVIT_BLOCK_512(block_avx512, HEATVIT_AVX512, HEATVIT_MADD_512)

/// Six rows by kGroups x 8 outputs, two channels a step.
template <int kGroups>
__attribute__((target(HEATVIT_AVX2))) void block_avx2(const ProductBlock& p) {
  __m256i sum[kBlockRows][kGroups];
#pragma GCC unroll 8
  for (auto& row : sum)
#pragma GCC unroll 2
    for (__m256i& s : row) s = _mm256_setzero_si256();
  const uint8_t *a = p.a, *b = p.b;
  for (int i = 0; i < p.steps; ++i, a += 4, b += 32) {
    __m256i weights[kGroups];
#pragma GCC unroll 2
    for (size_t g = 0; g < kGroups; ++g)
      weights[g] = _mm256_load_si256(reinterpret_cast<const __m256i*>(b + g * p.b_group));
#pragma GCC unroll 8
    for (size_t r = 0; r < kBlockRows; ++r) {
      int32_t two = 0;
      std::memcpy(&two, a + r * p.a_pitch, sizeof two);
      const __m256i x = _mm256_set1_epi32(two);
#pragma GCC unroll 2
      for (size_t g = 0; g < kGroups; ++g) sum[r][g] = _mm256_add_epi32(sum[r][g], _mm256_madd_epi16(x, weights[g]));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kBlockRows; ++r) {
    if (r >= p.rows) break;
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) {
      alignas(32) std::array<int32_t, 8> cells{};
      _mm256_store_si256(reinterpret_cast<__m256i*>(cells.data()), sum[r][g]);
      int32_t* to = p.c + r * p.c_pitch + ptrdiff_t{g} * 8;
      const int columns = std::min(p.columns - g * 8, 8);
      for (int j = 0; j < columns; ++j) {
        const auto before = p.first ? 0U : static_cast<uint32_t>(to[j]);
        to[j] = static_cast<int32_t>(before + static_cast<uint32_t>(cells[static_cast<size_t>(j)]));
      }
    }
  }
}

constexpr std::array<BlockFunction, 4> kAvx512Blocks = {block_avx512<1>, block_avx512<2>, block_avx512<3>,
                                                        block_avx512<4>};
constexpr std::array<BlockFunction, 2> kAvx2Blocks = {block_avx2<1>, block_avx2<2>};

}  // namespace

template <class A>
void multiply_pairs(bool wide, const A* a, const int8_t* b, int32_t* c, const ProductShape& s,
                    std::vector<uint8_t>& own_a, OrderedWeights& kept) {
  const size_t rows = up_to(s.m, kBlockRows), pairs = up_to(s.k, 32) / 2;
  const int group = wide ? 16 : 8;
  auto* a_rows = reinterpret_cast<int16_t*>(room(own_a, rows * pairs * 4));
  auto* b_groups = reinterpret_cast<int32_t*>(room(kept.cells, up_to(s.n, static_cast<size_t>(group)) * pairs * 4));
  widen_a(a, s, rows, pairs * 2, a_rows);
  if (!kept.ready) {
    if (wide) {
      s.rows_are_k ? pair_columns<16>(b, s, pairs, b_groups) : pair_rows_avx512(b, s, pairs, b_groups);
    } else {
      s.rows_are_k ? pair_columns<8>(b, s, pairs, b_groups) : pair_rows_avx2(b, s, pairs, b_groups);
    }
    kept.correction.assign(up_to(s.n, kGroup), 0);
    kept.ready = true;
  }
  ProductBlock p;
  p.a = reinterpret_cast<const uint8_t*>(a_rows), p.a_pitch = pairs * 4;
  p.b = reinterpret_cast<const uint8_t*>(b_groups), p.b_group = pairs * 4 * static_cast<size_t>(group);
  p.c = c, p.c_pitch = s.c_pitch, p.first = s.first;
  p.steps = static_cast<int>(up_to(s.k, 2) / 2);
  if (!wide) return for_blocks(kAvx2Blocks, p, s, group);
  p.correction = kept.correction.data();
  for_blocks(kAvx512Blocks, p, s, group);
}

template void multiply_pairs(bool, const int8_t*, const int8_t*, int32_t*, const ProductShape&, std::vector<uint8_t>&,
                             OrderedWeights&);
template void multiply_pairs(bool, const uint8_t*, const int8_t*, int32_t*, const ProductShape&, std::vector<uint8_t>&,
                             OrderedWeights&);

}  // namespace heatvit::modules

#endif
