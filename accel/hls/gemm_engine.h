// GEMM commands: tiles through load, PE array, vector unit and store: a dataflow with ping-pong buffers between the
// first three and a stream of bytes to the last. Output tiles and steps come in the order of accel/modules/tile_walk.h,
// except that the heads of a group follow each other: there is one PE array and it spans all Th groups here.
#ifndef HEATVIT_ACCEL_HLS_GEMM_ENGINE_H_
#define HEATVIT_ACCEL_HLS_GEMM_ENGINE_H_

#include <cstdint>

#include "accel/hls/job.h"
#include "accel/hls/memory.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/im2col.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/pe_array.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"

namespace heatvit {
namespace hls {

/// One output tile; a panel spans all columns.
struct OutputTile {
  int head, m0, m, n0, n;
};

inline int rows_of_tile(const Job& job) { return smaller(job.tile_m, kernels::kTileM); }
inline int column_tiles(const Job& job) { return job.panel ? 1 : tiles(job.n, job.tile_n); }
inline int output_tiles(const Job& job) { return job.heads * tiles(job.m, rows_of_tile(job)) * column_tiles(job); }

inline OutputTile output_tile(const Job& job, int index) {
  const int row_step = rows_of_tile(job);
  const int row_tiles = tiles(job.m, row_step), columns = column_tiles(job);
  const int here = index % (row_tiles * columns);
  OutputTile t;
  t.head = index / (row_tiles * columns);
  t.m0 = (job.m_outer ? here / columns : here % row_tiles) * row_step;
  t.m = smaller(row_step, job.m - t.m0);
  t.n0 = job.panel ? 0 : (job.m_outer ? here % columns : here / row_tiles) * job.tile_n;
  t.n = job.panel ? job.n : smaller(job.tile_n, job.n - t.n0);
  return t;
}

/// True where the buffers hold every tile of the command. Depth does not matter: deeper tiles come in parts.
inline bool fits(const Job& job) {
  const int width = job.panel ? job.n : smaller(job.tile_n, job.n);
  return width + kLanesOut <= kColumns;
}

/// Rows of A, widened to the nine bits that int8 and uint8 share, zeros up to a whole beat.
inline void load_a(const int8_t* activations, const Job& job, const OutputTile& t, int k0, int k,
                   kernels::Activation9 (*a)[kInputs]) {
  const int beats_end = padded(k, kLanesIn);
  const bool is_unsigned = job.a_type == isa::Element::kUint8;
rows:
  for (int i = 0; i < t.m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 256
    int8_t row[kInputs];
    if (job.conv) {
      kernels::im2col_rows(activations + job.a.address, job.shape.size * job.shape.channels, 0, 0, job.shape, t.m0 + i,
                           1, k0, k, row, k);
    } else {
      load_row<int8_t>(activations, address_of(job.a, t.head, t.m0 + i, k0), k, row);
    }
  widen:
    for (int j = 0; j < beats_end; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 288
      const int wide = is_unsigned ? static_cast<int>(static_cast<uint8_t>(row[j])) : static_cast<int>(row[j]);
      a[i][j] = static_cast<kernels::Activation9>(j < k ? wide : 0);
    }
  }
}

/// A part of a depth tile: channels [first, first + k) of the tile [k0, k0 + depth).
struct DepthPart {
  int k0, depth, first, k;
};

inline int parts_of_tile(const Job& job) { return tiles(smaller(job.tile_k, job.k), kInputs); }

/// Part `index` of all depth tiles; k is 0 behind the end of a last, shallower tile.
inline DepthPart depth_part(const Job& job, int index) {
  const int parts = parts_of_tile(job);
  DepthPart p;
  p.k0 = index / parts * job.tile_k;
  p.depth = smaller(job.tile_k, job.k - p.k0);
  p.first = index % parts * kInputs;
  p.k = larger(0, smaller(kInputs, p.depth - p.first));
  return p;
}

/// Columns of B as rows, zeros up to whole beats.
inline void load_b(const int8_t* weights, const Job& job, const OutputTile& t, int n0, int n, const DepthPart& p,
                   int8_t (*b)[kInputs]) {
  const int k = p.k, k0 = p.k0 + p.first;
  const int beats_end = padded(k, kLanesIn), rows_end = padded(n, kLanesOut);
  const bool packed = job.layout_b == isa::LayoutB::kPacked, rows_are_k = job.layout_b == isa::LayoutB::kRowsK;
  const uint32_t start = packed       ? job.b.address + static_cast<uint32_t>(n0 * job.k + p.k0 * n + p.first)
                         : rows_are_k ? address_of(job.b, t.head, k0, n0)
                                      : address_of(job.b, t.head, n0, k0);
  const uint32_t per_row = packed ? static_cast<uint32_t>(p.depth) : rows_are_k ? 1 : job.b.pitch;
  const uint32_t per_column = rows_are_k ? job.b.pitch : 1;
rows:
  for (int j = 0; j < rows_end; ++j) {
#pragma HLS loop_tripcount min = 1 max = 288
  channels:
    for (int i = 0; i < beats_end; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 288
      const uint32_t at = start + static_cast<uint32_t>(j) * per_row + static_cast<uint32_t>(i) * per_column;
      b[j][i] = j < n && i < k ? load_byte(weights, at) : int8_t{0};
    }
  }
}

/// All contributions to one output tile; while the array multiplies one step, the next is loaded.
inline void accumulate_tile(const int8_t* activations, const int8_t* weights, const Job& job, const OutputTile& t,
                            int32_t (*acc)[kColumns]) {
  const int depth_steps = tiles(job.k, job.tile_k) * parts_of_tile(job);
  const int steps = depth_steps * tiles(t.n, job.tile_n);
gemm_steps:
  for (int s = 0; s < steps; ++s) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 64
    kernels::Activation9 a[kernels::kTileM][kInputs];
    int8_t b[kColumns][kInputs];
#pragma HLS array_partition variable = a type = cyclic factor = kLanesIn dim = 2
#pragma HLS array_partition variable = b type = cyclic factor = kLanesIn dim = 2
#pragma HLS array_partition variable = b type = cyclic factor = kLanesOut dim = 1
#pragma HLS bind_storage variable = a type = ram_2p impl = bram
#pragma HLS bind_storage variable = b type = ram_2p impl = bram
    const int column = s / depth_steps * job.tile_n, n = smaller(job.tile_n, t.n - column);
    const DepthPart p = depth_part(job, s % depth_steps);
    load_a(activations, job, t, p.k0 + p.first, p.k, a);
    load_b(weights, job, t, t.n0 + column, n, p, b);
    kernels::pe_array_tile<kLanesOut, kernels::PackedProducts, int32_t>(kernels::FixedLanes<kLanesIn>{}, a, b, acc,
                                                                        column, t.m, p.k, n, p.k0 + p.first == 0);
  }
}

/// One row: bias, requantisation, ReLU, residual, saturation to T.
template <class T>
inline void finish_linear(const int8_t* activations, const Job& job, const OutputTile& t, int i, const int32_t* acc,
                          const uint64_t* records, RowStream& out) {
  T residual[kColumns];
  T row[kColumns];
  if (job.residual) {
    load_row<T>(activations, address_of(job.r, t.head, t.m0 + i, t.n0 * static_cast<int>(sizeof(T))), t.n, residual);
  }
  const bool relu = job.activation == isa::Activation::kRelu;
  const int64_t floor = relu ? 0 : -(int64_t{1} << 62);
  if (job.residual) {
    kernels::detail::finish_linear<1, true, T, uint64_t>(acc, records, t.n, residual, floor, row);
  } else {
    kernels::detail::finish_linear<1, false, T, uint64_t>(acc, records, t.n, residual, floor, row);
  }
  send_row<T>(row, t.n, out);
}

/// Softmax where a token counts as often as its size says.
inline void finish_sized_softmax(const Job& job, const int16_t* scores, int n, const uint16_t* sizes, RowStream& out) {
  if (job.c_type == isa::Element::kUint16) {
    uint16_t wide[kernels::kMaxRow];
    kernels::sized_softmax_row<uint16_t>(scores, sizes, n, job.delta, wide);
    send_row<uint16_t>(wide, n, out);
  } else {
    uint8_t narrow[kernels::kMaxRow];
    kernels::sized_softmax_row<uint8_t>(scores, sizes, n, job.delta, narrow);
    send_row<uint8_t>(narrow, n, out);
  }
}

/// Softmax of a row of scores; row 0 of each head feeds the score memory where the command says so.
inline void finish_softmax(const Job& job, const int16_t* scores, int head, int row, int n, SelectorState& state,
                           RowStream& out) {
  if (n == 2 && kernels::has_softmax_pairs(kernels::kDivisionInterval) && job.c_type == isa::Element::kUint16 &&
      !job.keep_cls_scores) {
    uint16_t pair[2];
    kernels::softmax_pairs<uint16_t>(scores, 1, job.delta, pair);
    return send_row<uint16_t>(pair, n, out);
  }
  uint16_t wide[kernels::kMaxRow];
  const bool keep = job.keep_cls_scores && row == 0;
  if (job.sizes) return finish_sized_softmax(job, scores, n, state.sizes, out);
  if (keep || job.c_type == isa::Element::kUint16) kernels::softmax_row<uint16_t>(scores, n, job.delta, wide);
  if (job.c_type == isa::Element::kUint16) {
    send_row<uint16_t>(wide, n, out);
  } else {
    uint8_t narrow[kernels::kMaxRow];
    kernels::softmax_row<uint8_t>(scores, n, job.delta, narrow);
    send_row<uint8_t>(narrow, n, out);
  }
cls_scores:
  for (int j = 0; keep && j < n; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    state.scores[j] = (head == 0 ? 0 : state.scores[j]) + wide[j];
  }
}

inline void finish_row(const int8_t* activations, const Job& job, const OutputTile& t, int i, const int32_t* acc,
                       const uint64_t* records, SelectorState& state, RowStream& out) {
  if (job.activation == isa::Activation::kGelu) {
    int8_t row[kColumns];
    kernels::finish_gelu_row<uint64_t>(acc, records, 1, t.n, job.delta, job.multiplier2, job.shift2, row);
    send_row<int8_t>(row, t.n, out);
  } else if (job.activation == isa::Activation::kSilu) {
    int8_t row[kColumns];
    kernels::finish_silu_row<uint64_t>(acc, records, 1, t.n, job.multiplier2, job.shift2, row);
    send_row<int8_t>(row, t.n, out);
  } else if (job.activation == isa::Activation::kSigmoid) {
    uint16_t row[kColumns];
    kernels::detail::finish_sigmoid<1, uint64_t>(acc, records, t.n, row);
    send_row<uint16_t>(row, t.n, out);
  } else if (job.activation == isa::Activation::kSoftmax) {
    int16_t scores[kColumns];
    kernels::detail::finish_linear<1, false, int16_t, uint64_t>(acc, records, t.n, scores, -(int64_t{1} << 62), scores);
    finish_softmax(job, scores, t.head, t.m0 + i, t.n, state, out);
  } else {
    switch (job.c_type) {
      case isa::Element::kInt8: finish_linear<int8_t>(activations, job, t, i, acc, records, out); break;
      case isa::Element::kUint8: finish_linear<uint8_t>(activations, job, t, i, acc, records, out); break;
      case isa::Element::kInt16: finish_linear<int16_t>(activations, job, t, i, acc, records, out); break;
      case isa::Element::kUint16: finish_linear<uint16_t>(activations, job, t, i, acc, records, out); break;
      case isa::Element::kInt32: finish_linear<int32_t>(activations, job, t, i, acc, records, out); break;
    }
  }
}

/// The rows of an output tile: while one is stored, the next is finished.
inline void finish_tile(const int8_t* activations, const int8_t* weights, const Job& job, const OutputTile& t,
                        const int32_t (*acc)[kColumns], SelectorState& state, int8_t* results) {
  uint64_t records[kColumns];
channel_records:
  for (int j = 0; j < t.n; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 288
    records[j] = job.records != 0 ? load_value<uint64_t>(weights, job.records + 8 * static_cast<uint32_t>(t.n0 + j))
                                  : job.immediate;
  }
  const int size = isa::bytes_of(job.c_type);
finished_rows:
  for (int i = 0; i < t.m; ++i) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    RowStream row("finished row");
#pragma HLS stream variable = row depth = kRowBytes
    finish_row(activations, job, t, i, acc[i], records, state, row);
    store_stream(row, t.n * size, results, address_of(job.c, t.head, t.m0 + i, t.n0 * size));
  }
}

/// A whole GEMM command.
inline void run_gemm(const int8_t* activations, const int8_t* weights, int8_t* results, const Job& job,
                     SelectorState& state) {
output_tiles:
  for (int index = 0; index < output_tiles(job); ++index) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 512
    int32_t acc[kernels::kTileM][kColumns];
#pragma HLS array_partition variable = acc type = cyclic factor = kLanesOut dim = 2
#pragma HLS bind_storage variable = acc type = ram_2p impl = bram
    const OutputTile t = output_tile(job, index);
    accumulate_tile(activations, weights, job, t, acc);
    finish_tile(activations, weights, job, t, acc, state, results);
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_GEMM_ENGINE_H_
