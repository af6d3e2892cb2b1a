// What the paths of host_gemm.cpp share: weights in groups of outputs, blocks of sums, storage in cache lines.
#pragma once

#include "accel/modules/host_gemm.h"

#ifdef HEATVIT_HOST_X86

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#ifndef __clang__  // g++ 12 takes the undefined operands of its own intrinsics for uninitialised
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

namespace heatvit::modules {

/// Products of bytes on VNNI's dot products or, with `tiles`, on AMX (host_gemm_bytes.cpp). `own_a`: room for A in
/// order.
template <class A>
void multiply_bytes(bool tiles, const A* a, const int8_t* b, int32_t* c, const ProductShape& s,
                    std::vector<uint8_t>& own_a, OrderedWeights& kept);

/// Products of pairs of 16 bits on AVX2 or, with `wide`, on AVX-512 (host_gemm_pairs.cpp).
template <class A>
void multiply_pairs(bool wide, const A* a, const int8_t* b, int32_t* c, const ProductShape& s,
                    std::vector<uint8_t>& own_a, OrderedWeights& kept);

constexpr size_t kGroup = 16, kVector = 64;  // outputs of a group; bytes of a vector and of a cache line

inline size_t up_to(int value, size_t step) { return (static_cast<size_t>(value) + step - 1) / step * step; }

inline size_t at(int row, int pitch) { return static_cast<size_t>(row) * static_cast<size_t>(pitch); }

__attribute__((target(HEATVIT_AVX512))) inline __mmask64 first_bytes(int count) {
  return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
}

/// 16 rows of 16 dwords, turned.
__attribute__((target(HEATVIT_AVX512))) inline void turn_dwords(const __m512i (&in)[16], uint8_t* out) {
  __m512i t[16], u[16];
#pragma GCC unroll 8
  for (size_t i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    u[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    u[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    u[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  // u[4 g + j]: lane l holds dword 4 l + j of rows 4 g .. 4 g + 3.
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    const __m512i a = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88), b = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xdd);
    const __m512i c = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88),
                  d = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xdd);
    _mm512_store_si512(out + j * kVector, _mm512_shuffle_i32x4(a, c, 0x88));
    _mm512_store_si512(out + (8 + j) * kVector, _mm512_shuffle_i32x4(a, c, 0xdd));
    _mm512_store_si512(out + (4 + j) * kVector, _mm512_shuffle_i32x4(b, d, 0x88));
    _mm512_store_si512(out + (12 + j) * kVector, _mm512_shuffle_i32x4(b, d, 0xdd));
  }
}

/// Aligned storage of at least so many bytes; it grows only.
inline uint8_t* room(std::vector<uint8_t>& storage, size_t bytes) {
  if (storage.size() < bytes + kVector) storage.resize(bytes + kVector);
  const auto address = reinterpret_cast<uintptr_t>(storage.data());
  return storage.data() + ((kVector - address % kVector) % kVector);
}

/// What a block of a path's products works on.
struct ProductBlock {
  const uint8_t* a = nullptr;
  size_t a_pitch = 0;  // bytes
  const uint8_t* b = nullptr;
  size_t b_group = 0;  // bytes
  int steps = 0;       // along k
  const int32_t* correction = nullptr;
  int32_t* c = nullptr;
  ptrdiff_t c_pitch = 0;
  int rows = 0, columns = 0;
  bool first = true;
};

constexpr int kBlockRows = 6;

using BlockFunction = void (*)(const ProductBlock&);

/// All blocks of a product: the columns of a block stay in the first cache while the rows pass.
template <size_t kMost>
void for_blocks(const std::array<BlockFunction, kMost>& blocks, ProductBlock p, const ProductShape& s, int group) {
  const ProductBlock origin = p;
  for (int n0 = 0; n0 < s.n; n0 += static_cast<int>(kMost) * group) {
    p.columns = std::min(s.n - n0, static_cast<int>(kMost) * group);
    p.b = origin.b + static_cast<size_t>(n0 / group) * p.b_group;
    p.correction = origin.correction == nullptr ? nullptr : origin.correction + n0;
    const BlockFunction block = blocks[static_cast<size_t>((p.columns - 1) / group)];
    for (int m0 = 0; m0 < s.m; m0 += kBlockRows) {
      p.rows = std::min(s.m - m0, kBlockRows);
      p.a = origin.a + static_cast<size_t>(m0) * p.a_pitch;
      p.c = origin.c + ptrdiff_t{m0} * p.c_pitch + n0;
      block(p);
    }
  }
}

/// Six rows by kGroups x 16 outputs. kVnni: four channels a step, bytes; else two, 16 bits.
#define HEATVIT_BLOCK_512(NAME, TARGET, MULTIPLY)                                                                     \
  template <int kGroups>                                                                                              \
  __attribute__((target(TARGET))) void NAME(const ProductBlock& p) {                                                  \
    __m512i sum[kBlockRows][kGroups];                                                                                 \
    _Pragma("GCC unroll 8") for (auto& row : sum) _Pragma("GCC unroll 4") for (__m512i & s : row) s =                 \
        _mm512_setzero_si512();                                                                                       \
    const uint8_t *a = p.a, *b = p.b;                                                                                 \
    for (int i = 0; i < p.steps; ++i, a += 4, b += kVector) {                                                         \
      __m512i weights[kGroups];                                                                                       \
      _Pragma("GCC unroll 4") for (size_t g = 0; g < kGroups; ++g) weights[g] = _mm512_load_si512(b + g * p.b_group); \
      _Pragma("GCC unroll 8") for (size_t r = 0; r < kBlockRows; ++r) {                                               \
        int32_t four = 0;                                                                                             \
        std::memcpy(&four, a + r * p.a_pitch, sizeof four);                                                           \
        const __m512i x = _mm512_set1_epi32(four);                                                                    \
        _Pragma("GCC unroll 4") for (size_t g = 0; g < kGroups; ++g) sum[r][g] = MULTIPLY(sum[r][g], x, weights[g]);  \
      }                                                                                                               \
    }                                                                                                                 \
    _Pragma("GCC unroll 8") for (int r = 0; r < kBlockRows; ++r) {                                                    \
      if (r >= p.rows) break;                                                                                         \
      _Pragma("GCC unroll 4") for (int g = 0; g < kGroups; ++g) {                                                     \
        const int left = p.columns - g * 16;                                                                          \
        const auto mask = static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);                              \
        int32_t* cells = p.c + r * p.c_pitch + ptrdiff_t{g} * 16;                                                     \
        __m512i v = _mm512_sub_epi32(sum[r][g], _mm512_loadu_si512(p.correction + ptrdiff_t{g} * 16));                \
        if (!p.first) v = _mm512_add_epi32(v, _mm512_maskz_loadu_epi32(mask, cells));                                 \
        _mm512_mask_storeu_epi32(cells, mask, v);                                                                     \
      }                                                                                                               \
    }                                                                                                                 \
  }

}  // namespace heatvit::modules

#endif
