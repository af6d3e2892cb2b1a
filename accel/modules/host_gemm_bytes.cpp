// Products of bytes: four channels of an output side by side.
//
// A group is 16 outputs. Its k / 4 vectors of 64 bytes hold channels 4 i .. 4 i + 3 of each of them; channels beyond k
// and outputs beyond n are zero. 16 such vectors are the tile of B that AMX takes.
#include "accel/modules/host_gemm_parts.h"

#ifdef HEATVIT_HOST_X86

#include <type_traits>

namespace heatvit::modules {
namespace {

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

HEATVIT_BLOCK_512(block_vnni, HEATVIT_VNNI, _mm512_dpbusd_epi32)

constexpr std::array<BlockFunction, 4> kVnniBlocks = {block_vnni<1>, block_vnni<2>, block_vnni<3>, block_vnni<4>};

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

// AMX: sums of 16 x 16.

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

}  // namespace

template <class A>
void multiply_bytes(bool tiles, const A* a, const int8_t* b, int32_t* c, const ProductShape& s,
                    std::vector<uint8_t>& own_a, OrderedWeights& kept) {
  const size_t depth = up_to(s.k, 64), vectors = depth / 4, groups = up_to(s.n, kGroup) / kGroup;
  const size_t rows = up_to(s.m, tiles ? 16 : kBlockRows);
  uint8_t* a_rows = room(own_a, rows * depth);
  uint8_t* b_groups = room(kept.cells, groups * vectors * kVector);
  const bool flip = std::is_signed_v<A> && !tiles;  // VNNI multiplies unsigned by signed bytes
  if (!kept.ready) {
    s.rows_are_k ? order_columns(b, s, vectors, b_groups) : order_rows(b, s, vectors, b_groups);
    kept.correction.assign(groups * kGroup, 0);
    if (flip) find_correction(b_groups, groups, vectors, kept.correction.data());
    kept.ready = true;
  }
  copy_rows(reinterpret_cast<const uint8_t*>(a), s, 0, rows, depth, flip, a_rows);
  if (tiles) return multiply_amx<std::is_signed_v<A>>(a_rows, depth, b_groups, c, s);
  ProductBlock p;
  p.a = a_rows, p.a_pitch = depth;
  p.b = b_groups, p.b_group = vectors * kVector;
  p.c = c, p.c_pitch = s.c_pitch, p.first = s.first;
  p.steps = static_cast<int>(up_to(s.k, 4) / 4);
  p.correction = kept.correction.data();
  for_blocks(kVnniBlocks, p, s, static_cast<int>(kGroup));
}

template void multiply_bytes(bool, const int8_t*, const int8_t*, int32_t*, const ProductShape&, std::vector<uint8_t>&,
                             OrderedWeights&);
template void multiply_bytes(bool, const uint8_t*, const int8_t*, int32_t*, const ProductShape&, std::vector<uint8_t>&,
                             OrderedWeights&);

}  // namespace heatvit::modules

#endif
