// Tiles of A and B on their way to the PE array: rows of channels, or of outputs, in pieces that one lane after another
// takes. B comes through kWeightPorts ports, which share its rows in turn.
#ifndef HEATVIT_ACCEL_HLS_OPERAND_LOADS_H_
#define HEATVIT_ACCEL_HLS_OPERAND_LOADS_H_

#include <cstdint>

#include "accel/hls/gemm_walk.h"
#include "accel/hls/memory.h"

namespace heatvit {
namespace hls {

constexpr int kWeightPorts = 4;
static_assert(kernels::kTi >= kWeightPorts && kLanesOut >= kWeightPorts,
              "rows that arrive together are on lanes of their own");

/// Values that go to the array's memories in a cycle: a word, or what its lanes take without one of them taking two.
constexpr int piece_values(int lanes) {
  return lanes >= 16 ? 16 : lanes >= 8 ? 8 : lanes >= 4 ? 4 : lanes >= 2 ? 2 : 1;
}
constexpr int kWordValues = kWordBytes / kOperandBytes;
constexpr int kPiece = smaller(kWordValues, piece_values(smaller(kernels::kTi, kLanesOut)));

struct Piece {
  Operand value[kPiece];
};
using PieceStream = Stream<Piece>;

/// The pieces of a word that lie in a row of n values.
inline void send_pieces(const Word& word, int first, int n, PieceStream& out) {
#pragma HLS inline
word_pieces:
  for (int p = 0; p < kWordValues; p += kPiece) {
    Piece piece;
  piece_values:
    for (int i = 0; i < kPiece; ++i) {
#pragma HLS unroll
      piece.value[i] = value_of<Operand>(word, p + i);
    }
    if (first + p < n) out.write(piece);
  }
}

inline void send_rows(Port port, const RowSet& rows, PieceStream& out) {
  const int n = rows.bytes / kOperandBytes;
  load_rows(port, rows, [&out, n](int byte, const Word& word) { send_pieces(word, byte / kOperandBytes, n, out); });
}

/// Rows of operands: n values from `first` on.
inline RowSet operand_rows(const Matrix& x, int head, int heads, int row, int count, int first, int n) {
  return rows_of(x, head, heads, row, count, first * kOperandBytes, n * kOperandBytes);
}

/// What a pixel's row of a convolution's matrix takes from the image: of each kernel row [first_row, first_row + rows),
/// columns [begin, end) of the matrix's that are its, the same ones in each. The rest is zeros.
struct Receptive {
  int first_row, rows, begin, end;
  bool empty() const { return rows <= 0 || begin >= end; }
  /// Nothing lies outside the image.
  bool whole(const kernels::ConvShape& shape, int oy) const {
    const int top = oy * shape.stride - shape.pad;
    return top >= 0 && top + shape.kernel <= shape.size && begin == 0 && end == shape.kernel * shape.channels;
  }
};

/// Of channels [k0, k0 + k): whole kernel rows, those that hold some of them.
inline Receptive receptive_of(const kernels::ConvShape& shape, int oy, int ox, int k0, int k) {
  const int line = shape.kernel * shape.channels;
  const int top = oy * shape.stride - shape.pad, left = (ox * shape.stride - shape.pad) * shape.channels;
  Receptive r;
  r.first_row = larger(k0 / line, -top);
  r.rows = smaller(tiles(k0 + k, line), shape.size - top) - r.first_row;
  r.begin = larger(0, -left);
  r.end = smaller(line, shape.size * shape.channels - left);
  return r;
}

/// Pixels of one row of the output, from (oy, ox) on, that take the same of what lies around them: at most `most`.
inline int pixels_alike(const kernels::ConvShape& shape, int ox, int most) {
  const int whole = (shape.size + shape.pad - shape.kernel) / shape.stride;  // the last one that is not cut off
  const bool cut = ox * shape.stride < shape.pad || ox > whole;
  return cut ? 1 : smaller(most, smaller(shape.out_size - 1, whole) - ox + 1);
}

/// The words of a tile's pixels, those that lie in the image: pixel after pixel, kernel row after kernel row.
inline void load_pixels(Port port, const Job& job, const OutputTile& t, int k0, int k, WordStream& out) {
  const kernels::ConvShape& shape = job.shape;
  const int image_line = shape.size * shape.channels;
  int oy = t.m0 / shape.out_size, ox = t.m0 % shape.out_size;
pixel_runs:
  for (int i = 0; i < t.m;) {
#pragma HLS loop_tripcount min = 1 max = 256
    const int run = pixels_alike(shape, ox, t.m - i);
    const Receptive r = receptive_of(shape, oy, ox, k0, k);
    const int y = oy * shape.stride - shape.pad + r.first_row;
    const int x = (ox * shape.stride - shape.pad) * shape.channels + r.begin;
    const Matrix image = {job.a.address, static_cast<uint32_t>(image_line * kOperandBytes),
                          static_cast<uint32_t>(shape.stride * shape.channels * kOperandBytes)};
    RowSet rows = operand_rows(image, 0, run, 0, r.rows, x, r.end - r.begin);
    rows.first += static_cast<uint32_t>(y) * image.pitch;
    if (!r.empty()) load_stream(port, rows, out);
    i += run;
    ox = ox + run == shape.out_size ? 0 : ox + run;
    oy += ox == 0 ? 1 : 0;
  }
}

/// The row of a pixel, channels [k0, k0 + k); ox may go on from row oy into those below it.
inline void place_pixel(const Job& job, int oy, int ox, int k0, int k, WordStream& in, Operand* row) {
output_rows:
  for (; ox >= job.shape.out_size; ++oy) {
#pragma HLS loop_tripcount min = 0 max = 2
    ox -= job.shape.out_size;
  }
  const int line = job.shape.kernel * job.shape.channels;
  const Receptive r = receptive_of(job.shape, oy, ox, k0, k);
  const bool whole = r.whole(job.shape, oy);
zero_words:
  for (int j = 0; !whole && j < k; j += kWordValues) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 0 max = 64
    put_values<Operand>(Word{}, j, k, row);
  }
kernel_rows:
  for (int ky = r.first_row; ky < r.first_row + r.rows; ++ky) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 16
  kernel_words:
    for (int first = r.begin; first < r.end; first += kWordValues) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16
      const Word word = in.read();
    kernel_values:
      for (int i = 0; i < kWordValues; ++i) {
#pragma HLS unroll
        const int at = ky * line + first + i - k0;
        if (first + i < r.end && at >= 0 && at < k) row[at] = value_of<Operand>(word, i);
      }
    }
  }
}

inline void send_pixel(const Operand* row, int k, PieceStream& out) {
pixel_words:
  for (int first = 0; first < k; first += kWordValues) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    send_pieces(take_values<Operand>(row, first, k), first, k, out);
  }
}

/// Rows of pixels: while one is sent, the next is put together.
inline void feed_pixels(const Job& job, const OutputTile& t, int k0, int k, WordStream& in, PieceStream& out) {
  const int oy0 = t.m0 / job.shape.out_size, ox0 = t.m0 % job.shape.out_size;
pixels:
  for (int i = 0; i < t.m; ++i) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    Operand row[kWordsA * kLanesIn];
    place_pixel(job, oy0, ox0 + i, k0, k, in, row);
    send_pixel(row, k, out);
  }
}

inline void feed_rows(int rows, int n, WordStream& in, PieceStream& out) {
fed_rows:
  for (int i = 0; i < rows; ++i) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
  fed_words:
    for (int first = 0; first < n; first += kWordValues) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
      send_pieces(in.read(), first, n, out);
    }
  }
}

/// The tiles of A: their words from memory.
inline void load_a(Port port, const Job& job, WordStream& out) {
  const GemmWalk w = walk_of(job);
  const Place first = {};
a_tiles:
  for (Place at = first; !w.done(at); at = w.a_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    const DepthPart p = depth_part(w, job, at);
    if (job.conv) {
      load_pixels(port, job, t, p.k0 + p.first, p.k, out);
    } else {
      load_stream(port, operand_rows(job.a, t.head, t.heads, t.m0, t.m, p.k0 + p.first, p.k), out);
    }
  }
}

/// And as pieces of rows.
inline void feed_a(const Job& job, WordStream& in, PieceStream& out) {
  const GemmWalk w = walk_of(job);
  const Place first = {};
fed_tiles:
  for (Place at = first; !w.done(at); at = w.a_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    const DepthPart p = depth_part(w, job, at);
    if (job.conv) {
      feed_pixels(job, t, p.k0 + p.first, p.k, in, out);
    } else {
      feed_rows(t.heads * t.m, p.k, in, out);
    }
  }
}

/// The rows in memory of a step's tile of B: of outputs, or, as V lies there, of channels.
inline RowSet rows_of_b(const GemmWalk& w, const Job& job, const Place& at) {
  const OutputTile t = output_tile(w, job, at);
  const int column = column_of(job, at), n0 = t.n0 + column, n = width_of(job, t, column);
  const DepthPart p = depth_part(w, job, at);
  if (job.layout_b == isa::LayoutB::kRowsK) return operand_rows(job.b, t.head, t.heads, p.k0 + p.first, p.k, n0, n);
  if (job.layout_b == isa::LayoutB::kRowsN) return operand_rows(job.b, t.head, t.heads, n0, n, p.k0 + p.first, p.k);
  const Matrix packed = {job.b.address, static_cast<uint32_t>(p.depth * kOperandBytes), 0};
  return operand_rows(packed, 0, 1, 0, n, n0 * job.k + p.k0 * n + p.first, p.k);
}

/// A port's share of a command's tiles of B, the first of them not where it is `fetched` already, and the first of the
/// next command's where that is to be fetched.
inline void load_b(Port port, int share, const Job& job, bool fetched, const Job& next, bool fetch, PieceStream& out) {
  const GemmWalk w = walk_of(job);
  const Place first = {};
b_tiles:
  for (Place at = fetched ? w.b_after(first) : first; !w.done(at); at = w.b_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    send_rows(port, share_of(rows_of_b(w, job, at), share, kWeightPorts), out);
  }
  if (fetch) send_rows(port, share_of(rows_of_b(walk_of(next), next, first), share, kWeightPorts), out);
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_OPERAND_LOADS_H_
