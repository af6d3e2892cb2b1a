// What follows the PE array in heatvit_top: sums of an output tile become rows of the next tensor. Three processes over
// tiles: they are gathered with the residual, finished by the kernels, sent to the store engine.
#ifndef HEATVIT_ACCEL_HLS_FINISH_ENGINE_H_
#define HEATVIT_ACCEL_HLS_FINISH_ENGINE_H_

#include <cstdint>

#include "accel/hls/array_engine.h"
#include "accel/hls/norm_engine.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"

namespace heatvit {
namespace hls {

/// The LayerNorm that is done together with a GEMM, if there is one.
struct Follower {
  bool follows;
  Job norm;
};

/// Channel records, where they change, and the residual's rows; before them the records of a LayerNorm that follows.
inline void load_parameters(Port port, const Job& job, const Follower& follower, LineStream& records,
                            LineStream& residual, LineStream& norm_channels) {
  const GemmWalk w = walk_of(job);
  if (follower.follows) load_stream(port, norm_records(follower.norm), norm_channels);
  const int size = isa::bytes_of(job.c_type);
parameter_tiles:
  for (Place at = {}; !w.done(at); at = w.tile_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    if (job.records != 0 && w.records_are_new(at)) {
      const RowSet row = {job.records + 8 * static_cast<uint32_t>(t.n0), 0, 0, 1, 1, 8 * t.n};
      load_stream(port, row, records);
    }
    if (job.residual) load_stream(port, rows_of(job.r, t.head, t.heads, t.m0, t.m, t.n0 * size, t.n * size), residual);
  }
}

inline void gather_sums(const GemmWalk& w, const Job& job, const OutputTile& t, SumStream& in, Accumulator* acc) {
  int at = 0;  // where the row begins
sum_rows:
  for (int row = 0; row < t.heads * t.m; ++row, at += t.n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    int column = 0, first = 0;  // of the tile of B; in it
  sum_words:
    for (int group = 0; group < w.row_groups(); ++group) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 32
      const Sums word = in.read();
      const int n = smaller(job.tile_n, t.n - column);
    sum_lanes:
      for (int o = 0; o < kLanesOut; ++o) {
#pragma HLS unroll
        if (first + o < n) acc[at + column + first + o] = word.value[o];
      }
      const bool last = first + kLanesOut >= w.tile_groups * kLanesOut;
      column = last ? column + job.tile_n : column;
      first = last ? 0 : first + kLanesOut;
    }
  }
}

template <class T>
inline void gather_rows(LineStream& in, int rows, int n, int32_t* x) {
gathered_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    receive_row<T>(in, n, x + at);
  }
}

inline void gather_residual(const Job& job, const OutputTile& t, LineStream& in, int32_t* residual) {
  if (!job.residual) return;
  const int rows = t.heads * t.m;
  switch (job.c_type) {
    case isa::Element::kInt8: gather_rows<int8_t>(in, rows, t.n, residual); break;
    case isa::Element::kUint8: gather_rows<uint8_t>(in, rows, t.n, residual); break;
    case isa::Element::kInt16: gather_rows<int16_t>(in, rows, t.n, residual); break;
    case isa::Element::kUint16: gather_rows<uint16_t>(in, rows, t.n, residual); break;
    case isa::Element::kInt32: gather_rows<int32_t>(in, rows, t.n, residual); break;
  }
}

// Finished rows are dense, in the array of their width, unsigned ones with the same bits.

/// Where a function leaves operands of the next product.
inline int8_t* operand_array(int8_t* narrow, int16_t*, int8_t) { return narrow; }
inline int16_t* operand_array(int8_t*, int16_t* wide, int16_t) { return wide; }

inline uint8_t* unsigned_rows(int8_t* x) { return reinterpret_cast<uint8_t*>(x); }
inline uint16_t* unsigned_rows(int16_t* x) { return reinterpret_cast<uint16_t*>(x); }

/// Rows of bias, requantisation, ReLU, residual, saturation to T.
template <class T>
inline void finish_linear(const Job& job, int rows, int n, const Accumulator* acc, const uint64_t* records,
                          const int32_t* residual, T* out) {
  const int64_t floor = job.activation == isa::Activation::kRelu ? 0 : -(int64_t{1} << 62);
linear_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    if (job.residual) {
      kernels::detail::finish_linear<1, true, T, uint64_t>(acc + at, records, n, residual + at, floor, out + at);
    } else {
      kernels::detail::finish_linear<1, false, T, uint64_t>(acc + at, records, n, residual + at, floor, out + at);
    }
  }
}

inline void finish_function(const Job& job, int rows, int n, const Accumulator* acc, const uint64_t* records,
                            Operand* out) {
function_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    if (job.activation == isa::Activation::kGelu) {
      kernels::finish_gelu_row<uint64_t>(acc + at, records, 1, n, job.delta, job.multiplier2, job.shift2, out + at);
    } else {
      kernels::finish_silu_row<uint64_t>(acc + at, records, 1, n, job.multiplier2, job.shift2, out + at);
    }
  }
}

inline void finish_sigmoid(int rows, int n, const Accumulator* acc, const uint64_t* records, uint16_t* out) {
sigmoid_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
    kernels::detail::finish_sigmoid<1, uint64_t>(acc + at, records, n, out + at);
  }
}

/// Softmax of a row of scores, narrow or wide as the command says; row 0 of each head feeds the score memory where it
/// says so.
inline void softmax_row(const Job& job, const int16_t* scores, int head, int row, int n, SelectorState& state,
                        uint8_t* narrow, uint16_t* wide) {
  const bool is_wide = job.c_type == isa::Element::kUint16;
  if (n == 2 && kernels::has_softmax_pairs(kernels::kDivisionInterval) && is_wide && !job.keep_cls_scores)
    return kernels::softmax_pairs<uint16_t>(scores, 1, job.delta, wide);
  if (job.sizes) {
    if (is_wide) {
      kernels::sized_softmax_row<uint16_t>(scores, state.sizes, n, job.delta, wide);
    } else {
      kernels::sized_softmax_row<uint8_t>(scores, state.sizes, n, job.delta, narrow);
    }
    return;
  }
  if (is_wide) {
    kernels::softmax_row<uint16_t>(scores, n, job.delta, wide);
  } else {
    kernels::softmax_row<uint8_t>(scores, n, job.delta, narrow);
  }
  if (!job.keep_cls_scores || row != 0) return;
  uint16_t attention[kernels::kMaxRow];
  kernels::softmax_row<uint16_t>(scores, n, job.delta, attention);
cls_scores:
  for (int j = 0; j < n; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 256
    state.scores[j] = (head == 0 ? 0 : state.scores[j]) + attention[j];
  }
}

/// Scores of a panel and their softmax: a dataflow over rows.
inline void finish_softmax(const Job& job, const OutputTile& t, const Accumulator* acc, const uint64_t* records,
                           SelectorState& state, uint8_t* narrow, uint16_t* wide) {
softmax_heads:
  for (int head = 0; head < t.heads; ++head) {
#pragma HLS loop_tripcount min = 1 max = 16
  softmax_rows:
    for (int row = 0; row < t.m; ++row) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
      int16_t scores[kColumns];
      const int at = (head * t.m + row) * t.n;
      kernels::detail::finish_linear<1, false, int16_t, uint64_t>(acc + at, records, t.n, scores, -(int64_t{1} << 62),
                                                                  scores);
      softmax_row(job, scores, t.head + head, t.m0 + row, t.n, state, narrow + at, wide + at);
    }
  }
}

/// The tile's records, where they change: they stay for the tiles that follow.
inline void receive_records(const Job& job, const OutputTile& t, bool are_new, LineStream& in, uint64_t* records) {
  if (job.records != 0) {
    if (are_new) receive_row<uint64_t>(in, t.n, records);
    return;
  }
immediate_records:
  for (int i = 0; i < t.n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kLanesOut
#pragma HLS loop_tripcount min = 1 max = 288
    records[i] = job.immediate;
  }
}

inline void finish_values(const Job& job, const OutputTile& t, bool new_records, LineStream& records_in,
                          const Accumulator* acc, const int32_t* residual, uint64_t* records, SelectorState& state,
                          int8_t* narrow, int16_t* wide, int32_t* full) {
  receive_records(job, t, new_records, records_in, records);
  const int rows = t.heads * t.m;
  switch (job.activation) {
    case isa::Activation::kGelu:
    case isa::Activation::kSilu:
      finish_function(job, rows, t.n, acc, records, operand_array(narrow, wide, Operand{}));
      return;
    case isa::Activation::kSigmoid: finish_sigmoid(rows, t.n, acc, records, unsigned_rows(wide)); return;
    case isa::Activation::kSoftmax:
      finish_softmax(job, t, acc, records, state, unsigned_rows(narrow), unsigned_rows(wide));
      return;
    default: break;
  }
  switch (job.c_type) {
    case isa::Element::kInt8: finish_linear<int8_t>(job, rows, t.n, acc, records, residual, narrow); break;
    case isa::Element::kUint8:
      finish_linear<uint8_t>(job, rows, t.n, acc, records, residual, unsigned_rows(narrow));
      break;
    case isa::Element::kInt16: finish_linear<int16_t>(job, rows, t.n, acc, records, residual, wide); break;
    case isa::Element::kUint16:
      finish_linear<uint16_t>(job, rows, t.n, acc, records, residual, unsigned_rows(wide));
      break;
    case isa::Element::kInt32: finish_linear<int32_t>(job, rows, t.n, acc, records, residual, full); break;
  }
}

/// To the store engine, and to the LayerNorm that follows.
template <class T>
inline void send_rows_of(const T* x, int rows, int n, bool follows, LineStream& out, LineStream& to_norm) {
sent_rows:
  for (int row = 0, at = 0; row < rows; ++row, at += n) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
  sent_lines:
    for (int first = 0; first < n; first += values_a_line<T>()) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 128
      const Line line = take_values<T>(x + at, first, n);
      out.write(line);
      if (follows) to_norm.write(line);
    }
  }
}

inline void send_finished(const Job& job, const OutputTile& t, const int8_t* narrow, const int16_t* wide,
                          const int32_t* full, bool follows, LineStream& out, LineStream& to_norm) {
  const int rows = t.heads * t.m, size = isa::bytes_of(job.c_type);
  if (size == 1) return send_rows_of(narrow, rows, t.n, follows, out, to_norm);
  if (size == 2) return send_rows_of(wide, rows, t.n, follows, out, to_norm);
  send_rows_of(full, rows, t.n, false, out, to_norm);
}

/// The output tile, which for the others of this loop comes from here: the walk goes on from the one before.
inline void next_tile(const GemmWalk& w, const Job& job, int tile, OutputTile& t, bool& new_records) {
  static Place at;
  const Place first = {};
  at = tile == 0 ? first : w.tile_after(at);
  t = output_tile(w, job, at);
  new_records = w.records_are_new(at);
}

/// All output tiles of a command.
inline void finish(const Job& job, bool follows, SumStream& sums, LineStream& records_in, LineStream& residual_in,
                   SelectorState& state, LineStream& out, LineStream& to_norm) {
  const GemmWalk w = walk_of(job);
  static uint64_t records[kColumns];
finished_tiles:
  for (int tile = 0; tile < w.output_tiles(); ++tile) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 512
    Accumulator acc[kTileValues];
    int32_t residual[kTileValues];
    int8_t narrow[kTileValues];
    int16_t wide[kTileValues];
    int32_t full[kTileValues];
#pragma HLS array_partition variable = acc type = cyclic factor = kLanesOut
#pragma HLS array_partition variable = narrow type = cyclic factor = kLanesOut
#pragma HLS array_partition variable = wide type = cyclic factor = kLanesOut
    OutputTile t;
    bool new_records = false;
    next_tile(w, job, tile, t, new_records);
    gather_sums(w, job, t, sums, acc);
    gather_residual(job, t, residual_in, residual);
    finish_values(job, t, new_records, records_in, acc, residual, records, state, narrow, wide, full);
    send_finished(job, t, narrow, wide, full, follows, out, to_norm);
  }
}

/// Rows of the GEMM that were finished, normalised.
inline void follow(const Follower& follower, LineStream& channels, LineStream& rows, LineStream& out) {
  if (follower.follows) norm_rows(follower.norm, channels, rows, out);
}

inline void store_normal(const Follower& follower, LineStream& in, Port port) {
  const Job& norm = follower.norm;
  if (follower.follows) store_stream(in, rows_of(norm.c, 0, 1, 0, norm.m, 0, norm.n * kOperandBytes), port);
}

inline void store_tiles(const Job& job, LineStream& in, Port port) {
  const GemmWalk w = walk_of(job);
  const int size = isa::bytes_of(job.c_type);
stored_tiles:
  for (Place at = {}; !w.done(at); at = w.tile_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    store_stream(in, rows_of(job.c, t.head, t.heads, t.m0, t.m, t.n0 * size, t.n * size), port);
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_FINISH_ENGINE_H_
