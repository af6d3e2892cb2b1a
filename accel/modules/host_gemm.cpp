#include "accel/modules/host_gemm.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "accel/kernels/gemm.h"

#ifdef HEATVIT_HOST_X86
#ifndef __clang__  // g++ 12 takes the undefined operands of its own intrinsics for uninitialised
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

namespace heatvit::modules {
namespace {

template <class A>
void multiply_portable(const A* a, const int8_t* b, int32_t* c, const ProductShape& s) {
  if (s.rows_are_k)
    kernels::gemm_tile_kn(a, s.a_pitch, b, s.b_pitch, c, s.c_pitch, s.m, s.k, s.n, s.first);
  else
    kernels::gemm_tile_nk(a, s.a_pitch, b, s.b_pitch, c, s.c_pitch, s.m, s.k, s.n, s.first);
}

#ifdef HEATVIT_HOST_X86

size_t up_to(int value, size_t step) { return (static_cast<size_t>(value) + step - 1) / step * step; }

size_t at(int row, int pitch) { return static_cast<size_t>(row) * static_cast<size_t>(pitch); }

// --- bytes: four channels of an output side by side ---------------------------------------------------------------
//
// A group is 16 outputs. Its k / 4 vectors of 64 bytes hold channels 4 i .. 4 i + 3 of each of them; channels beyond k
// and outputs beyond n are zero. 16 such vectors are the tile of B that AMX takes.

constexpr size_t kGroup = 16, kVector = 64;

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

__attribute__((target(HEATVIT_AVX512))) inline __mmask64 first_bytes(int count) {
  return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
}

/// b[n][k], `vectors` a group.
__attribute__((target(HEATVIT_AVX512))) void order_rows(const int8_t* b, const ProductShape& s, size_t vectors,
                                                        uint8_t* out) {
  for (int n0 = 0; n0 < s.n; n0 += static_cast<int>(kGroup), out += vectors * kVector)
    for (int k0 = 0; k0 < s.k; k0 += 64) {
      const __mmask64 mask = first_bytes(s.k - k0);
      __m512i rows[kGroup];
#pragma GCC unroll 16
      for (int j = 0; j < static_cast<int>(kGroup); ++j)
        rows[j] = n0 + j < s.n ? _mm512_maskz_loadu_epi8(mask, b + at(n0 + j, s.b_pitch) + k0) : _mm512_setzero_si512();
      turn_dwords(rows, out + static_cast<size_t>(k0) / 4 * kVector);
    }
}

/// b[k][n].
__attribute__((target(HEATVIT_AVX512))) void order_columns(const int8_t* b, const ProductShape& s, size_t vectors,
                                                           uint8_t* out) {
  for (int n0 = 0; n0 < s.n; n0 += static_cast<int>(kGroup), out += vectors * kVector) {
    const auto mask = static_cast<__mmask16>(first_bytes(std::min(s.n - n0, static_cast<int>(kGroup))));
    for (size_t i = 0; i < vectors; ++i) {
      __m128i r[4];
#pragma GCC unroll 4
      for (size_t t = 0; t < 4; ++t) {
        const int row = static_cast<int>(4 * i + t);
        r[t] = row < s.k ? _mm_maskz_loadu_epi8(mask, b + at(row, s.b_pitch) + n0) : _mm_setzero_si128();
      }
      const __m128i low01 = _mm_unpacklo_epi8(r[0], r[1]), high01 = _mm_unpackhi_epi8(r[0], r[1]);
      const __m128i low23 = _mm_unpacklo_epi8(r[2], r[3]), high23 = _mm_unpackhi_epi8(r[2], r[3]);
      auto* to = reinterpret_cast<__m128i*>(out + i * kVector);
      _mm_store_si128(to, _mm_unpacklo_epi16(low01, low23));
      _mm_store_si128(to + 1, _mm_unpackhi_epi16(low01, low23));
      _mm_store_si128(to + 2, _mm_unpacklo_epi16(high01, high23));
      _mm_store_si128(to + 3, _mm_unpackhi_epi16(high01, high23));
    }
  }
}

/// Rows of A end to end, padded to `pitch` with zeros; with `flip` the sign bits are turned: a + 128.
__attribute__((target(HEATVIT_AVX512))) void copy_rows(const uint8_t* a, const ProductShape& s, int first_row,
                                                       size_t rows, size_t pitch, bool flip, uint8_t* out) {
  const __m512i sign = _mm512_set1_epi8(flip ? -128 : 0);
  for (size_t r = 0; r < rows; ++r, out += pitch) {
    const int row = first_row + static_cast<int>(r);
    for (size_t k0 = 0; k0 < pitch; k0 += 64) {
      const int left = row < s.m ? std::max(s.k - static_cast<int>(k0), 0) : 0;
      const __m512i v = _mm512_maskz_loadu_epi8(first_bytes(left), a + at(std::min(row, s.m - 1), s.a_pitch) + k0);
      _mm512_store_si512(out + k0, _mm512_xor_si512(v, sign));
    }
  }
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
#define HEATVIT_MADD_512(sum, x, w) _mm512_add_epi32(sum, _mm512_madd_epi16(x, w))

HEATVIT_BLOCK_512(block_vnni, HEATVIT_VNNI, _mm512_dpbusd_epi32)
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

using BlockFunction = void (*)(const ProductBlock&);
constexpr std::array<BlockFunction, 4> kVnniBlocks = {block_vnni<1>, block_vnni<2>, block_vnni<3>, block_vnni<4>};
constexpr std::array<BlockFunction, 4> kAvx512Blocks = {block_avx512<1>, block_avx512<2>, block_avx512<3>,
                                                        block_avx512<4>};
constexpr std::array<BlockFunction, 2> kAvx2Blocks = {block_avx2<1>, block_avx2<2>};

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

/// 128 times the sums of an output's weights: what a + 128 adds to its products.
__attribute__((target(HEATVIT_VNNI))) void find_correction(const uint8_t* b, size_t groups, size_t vectors,
                                                           int32_t* out) {
  const __m512i shift = _mm512_set1_epi8(-128);  // 128, unsigned
  for (size_t g = 0; g < groups; ++g) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < vectors; ++i)
      sum = _mm512_dpbusd_epi32(sum, shift, _mm512_load_si512(b + (g * vectors + i) * kVector));
    _mm512_storeu_si512(out + g * kGroup, sum);
  }
}

// --- tiles ------------------------------------------------------------------------------------------------------

struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0;
  std::array<uint8_t, 14> reserved{};
  std::array<uint16_t, 16> column_bytes{};
  std::array<uint8_t, 16> rows{};
};

__attribute__((target(HEATVIT_AMX))) void open_tiles() {
  TileShapes shapes;
  for (size_t i = 0; i < 8; ++i) shapes.column_bytes[i] = 64, shapes.rows[i] = 16;
  _tile_loadconfig(&shapes);
}

/// A sum of 16 x 16 goes straight to its cells where it fills them and nothing is added, else through `sums`.
struct TileCells {
  int32_t* c;
  ptrdiff_t pitch;  // elements
  int rows, columns;
  bool first;

  bool whole() const { return first && rows >= 16 && columns >= 16; }
};

__attribute__((target(HEATVIT_AVX512))) inline void add_sums(const std::array<int32_t, 256>& sums,
                                                             const TileCells& to) {
  if (to.rows <= 0 || to.columns <= 0) return;
  const auto mask = static_cast<__mmask16>(to.columns >= 16 ? 0xffff : (1 << to.columns) - 1);
  const int32_t* from = sums.data();
  int32_t* c = to.c;
  for (int r = 0; r < std::min(to.rows, 16); ++r, from += 16, c += to.pitch) {
    __m512i v = _mm512_load_si512(from);
    if (!to.first) v = _mm512_add_epi32(v, _mm512_maskz_loadu_epi32(mask, c));
    _mm512_mask_storeu_epi32(c, mask, v);
  }
}

// The instructions name their tiles as constants.
#define HEATVIT_STORE_TILE(TILE, CELLS)                                                \
  do {                                                                                 \
    const TileCells& cells = CELLS;                                                    \
    if (cells.whole()) {                                                               \
      _tile_stored(TILE, cells.c, static_cast<size_t>(cells.pitch) * sizeof(int32_t)); \
    } else {                                                                           \
      _tile_stored(TILE, sums.data(), 16 * sizeof(int32_t));                           \
      add_sums(sums, cells);                                                           \
    }                                                                                  \
  } while (false)
#define HEATVIT_MULTIPLY_TILES(TO, A, B) \
  do {                                   \
    if constexpr (kSigned)               \
      _tile_dpbssd(TO, A, B);            \
    else                                 \
      _tile_dpbusd(TO, A, B);            \
  } while (false)

/// Up to 32 rows by 32 outputs: sums in tiles 0 to 3.
template <bool kSigned>
__attribute__((target(HEATVIT_AMX))) void multiply_32(const uint8_t* a, const uint8_t* b, size_t depth,
                                                      const TileCells& to) {
  alignas(64) std::array<int32_t, 256> sums;
  const uint8_t* a1 = a + 16 * depth;
  const uint8_t* b1 = to.columns > 16 ? b + depth * kGroup : b;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k0 = 0; k0 < depth; k0 += 64) {
    _tile_loadd(4, a + k0, depth);
    _tile_loadd(6, b + k0 * kGroup, kVector);
    _tile_loadd(5, a1 + k0, depth);
    _tile_loadd(7, b1 + k0 * kGroup, kVector);
    HEATVIT_MULTIPLY_TILES(0, 4, 6);
    HEATVIT_MULTIPLY_TILES(1, 4, 7);
    HEATVIT_MULTIPLY_TILES(2, 5, 6);
    HEATVIT_MULTIPLY_TILES(3, 5, 7);
  }
  int32_t* below = to.c + 16 * to.pitch;
  HEATVIT_STORE_TILE(0, (TileCells{to.c, to.pitch, to.rows, to.columns, to.first}));
  HEATVIT_STORE_TILE(1, (TileCells{to.c + 16, to.pitch, to.rows, to.columns - 16, to.first}));
  HEATVIT_STORE_TILE(2, (TileCells{below, to.pitch, to.rows - 16, to.columns, to.first}));
  HEATVIT_STORE_TILE(3, (TileCells{below + 16, to.pitch, to.rows - 16, to.columns - 16, to.first}));
}

/// Up to 16 rows by 64 outputs.
template <bool kSigned>
__attribute__((target(HEATVIT_AMX))) void multiply_16(const uint8_t* a, const uint8_t* b, size_t depth,
                                                      const TileCells& to) {
  alignas(64) std::array<int32_t, 256> sums;
  const size_t group = depth * kGroup;
  const uint8_t* b1 = to.columns > 16 ? b + group : b;
  const uint8_t* b2 = to.columns > 32 ? b + 2 * group : b;
  const uint8_t* b3 = to.columns > 48 ? b + 3 * group : b;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k0 = 0; k0 < depth; k0 += 64) {
    _tile_loadd(4, a + k0, depth);
    _tile_loadd(5, b + k0 * kGroup, kVector);
    _tile_loadd(6, b1 + k0 * kGroup, kVector);
    HEATVIT_MULTIPLY_TILES(0, 4, 5);
    HEATVIT_MULTIPLY_TILES(1, 4, 6);
    _tile_loadd(7, b2 + k0 * kGroup, kVector);
    _tile_loadd(5, b3 + k0 * kGroup, kVector);
    HEATVIT_MULTIPLY_TILES(2, 4, 7);
    HEATVIT_MULTIPLY_TILES(3, 4, 5);
  }
  HEATVIT_STORE_TILE(0, (TileCells{to.c, to.pitch, to.rows, to.columns, to.first}));
  HEATVIT_STORE_TILE(1, (TileCells{to.c + 16, to.pitch, to.rows, to.columns - 16, to.first}));
  HEATVIT_STORE_TILE(2, (TileCells{to.c + 32, to.pitch, to.rows, to.columns - 32, to.first}));
  HEATVIT_STORE_TILE(3, (TileCells{to.c + 48, to.pitch, to.rows, to.columns - 48, to.first}));
}

/// The columns of a block stay in the first cache while the rows pass.
template <bool kSigned>
__attribute__((target(HEATVIT_AMX))) void multiply_amx(const uint8_t* a, size_t depth, const uint8_t* b, int32_t* c,
                                                       const ProductShape& s) {
  open_tiles();
  const size_t group = depth * kGroup;
  for (int n0 = 0; n0 < s.n; n0 += 64) {
    const uint8_t* weights = b + static_cast<size_t>(n0) / kGroup * group;
    for (int m0 = 0; m0 < s.m;) {
      const uint8_t* rows = a + static_cast<size_t>(m0) * depth;
      TileCells to{c + ptrdiff_t{m0} * s.c_pitch + n0, s.c_pitch, s.m - m0, s.n - n0, s.first};
      if (to.rows <= 16) {
        multiply_16<kSigned>(rows, weights, depth, to);
        m0 += 16;
        continue;
      }
      multiply_32<kSigned>(rows, weights, depth, to);
      to.c += 32, to.columns -= 32;
      if (to.columns > 0) multiply_32<kSigned>(rows, weights + 2 * group, depth, to);
      m0 += 32;
    }
  }
  _tile_release();
}

// --- 16 bits: two channels of an output side by side -------------------------------------------------------------

/// 8 rows of 8 dwords, turned.
__attribute__((target(HEATVIT_AVX2))) inline void turn_dwords(const __m256i (&in)[8], int32_t* out) {
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
      turn_dwords(rows, out + static_cast<size_t>(k0) / 2 * 8);
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

/// Aligned storage of at least so many bytes; it grows only.
uint8_t* room(std::vector<uint8_t>& storage, size_t bytes) {
  if (storage.size() < bytes + kVector) storage.resize(bytes + kVector);
  const auto address = reinterpret_cast<uintptr_t>(storage.data());
  return storage.data() + ((kVector - address % kVector) % kVector);
}

#endif

}  // namespace

template <class A>
void HostGemm::multiply_as(HostPath path, const A* a, const int8_t* b, int32_t* c, const ProductShape& s,
                           HostWeights& kept) {
#ifdef HEATVIT_HOST_X86
  const bool pairs_of_16 = path == HostPath::kAvx2 || path == HostPath::kAvx512;
  // To put a weight in order pays where several rows use it.
  if (path == HostPath::kPortable || s.m < (pairs_of_16 ? 4 : 1) || s.n < 1 || s.k < 1)
    return multiply_portable(a, b, c, s);
  const size_t rows = up_to(s.m, kBlockRows);
  const bool ordered = kept.ready_;
  kept.ready_ = true;
  ProductBlock p;
  p.c = c, p.c_pitch = s.c_pitch, p.first = s.first;
  if (pairs_of_16) {
    const size_t pairs = up_to(s.k, 32) / 2;
    const int group = path == HostPath::kAvx2 ? 8 : 16;
    auto* wide_a = reinterpret_cast<int16_t*>(room(a_, rows * pairs * 4));
    auto* wide_b = reinterpret_cast<int32_t*>(room(kept.ordered_, up_to(s.n, static_cast<size_t>(group)) * pairs * 4));
    widen_a(a, s, rows, pairs * 2, wide_a);
    p.a = reinterpret_cast<const uint8_t*>(wide_a), p.a_pitch = pairs * 4;
    p.b = reinterpret_cast<const uint8_t*>(wide_b), p.b_group = pairs * 4 * static_cast<size_t>(group);
    p.steps = static_cast<int>(up_to(s.k, 2) / 2);
    if (path == HostPath::kAvx2) {
      if (!ordered) s.rows_are_k ? pair_columns<8>(b, s, pairs, wide_b) : pair_rows_avx2(b, s, pairs, wide_b);
      return for_blocks(kAvx2Blocks, p, s, group);
    }
    if (!ordered) {
      s.rows_are_k ? pair_columns<16>(b, s, pairs, wide_b) : pair_rows_avx512(b, s, pairs, wide_b);
      kept.correction_.assign(up_to(s.n, kGroup), 0);
    }
    p.correction = kept.correction_.data();
    return for_blocks(kAvx512Blocks, p, s, group);
  }
  const bool tiles = path == HostPath::kAmx;
  const size_t depth = up_to(s.k, 64), vectors = depth / 4, groups = up_to(s.n, kGroup) / kGroup;
  const size_t padded_rows = tiles ? up_to(s.m, 16) : rows;
  uint8_t* own_a = room(a_, padded_rows * depth);
  uint8_t* own_b = room(kept.ordered_, groups * vectors * kVector);
  const bool flip = std::is_signed_v<A> && !tiles;
  if (!ordered) {
    s.rows_are_k ? order_columns(b, s, vectors, own_b) : order_rows(b, s, vectors, own_b);
    kept.correction_.assign(groups * kGroup, 0);
    if (flip) find_correction(own_b, groups, vectors, kept.correction_.data());
  }
  copy_rows(reinterpret_cast<const uint8_t*>(a), s, 0, padded_rows, depth, flip, own_a);
  if (tiles) return multiply_amx<std::is_signed_v<A>>(own_a, depth, own_b, c, s);
  p.a = own_a, p.a_pitch = depth;
  p.b = own_b, p.b_group = vectors * kVector;
  p.steps = static_cast<int>(up_to(s.k, 4) / 4);
  p.correction = kept.correction_.data();
  for_blocks(kVnniBlocks, p, s, static_cast<int>(kGroup));
#else
  (void)path;
  (void)kept;
  multiply_portable(a, b, c, s);
#endif
}

void HostGemm::multiply(HostPath path, const int8_t* a, const int8_t* b, int32_t* c, const ProductShape& s,
                        HostWeights& kept) {
  multiply_as(path, a, b, c, s, kept);
}

void HostGemm::multiply(HostPath path, const uint8_t* a, const int8_t* b, int32_t* c, const ProductShape& s,
                        HostWeights& kept) {
  multiply_as(path, a, b, c, s, kept);
}

}  // namespace heatvit::modules
