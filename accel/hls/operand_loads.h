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

/// Values that go to the array's memories in a cycle: a word's, or what its lanes take without one of them taking two.
constexpr int piece_values(int lanes) {
  return lanes >= 64 ? 64 : lanes >= 32 ? 32 : lanes >= 16 ? 16 : lanes >= 8 ? 8 : lanes >= 4 ? 4 : lanes >= 2 ? 2 : 1;
}
constexpr int kWordValues = kWordBytes / kOperandBytes, kLineValues = kLineBytes / kOperandBytes;
constexpr int kPiece = smaller(kWordValues, piece_values(smaller(kernels::kTi, kLanesOut)));
/// Of A, where all groups work on one product; and of each head, where they have one each.
constexpr int kRowPiece = smaller(kLineValues, piece_values(kLanesIn));
constexpr int kHeadPiece = smaller(kLineValues, piece_values(kernels::kTi));

struct Piece {
  Operand value[kPiece];
};
/// Of one row, or kHeadPiece values of each group's head.
struct PieceA {
  Operand value[larger(kRowPiece, kernels::kTh* kHeadPiece)];
};
using PieceStream = Stream<Piece>;
using PieceStreamA = Stream<PieceA>;

/// A port's rows of B, a word a cycle, or as many cycles as that has pieces.
inline void send_rows(Port port, const RowSet& rows, PieceStream& out) {
  const int n = rows.bytes / kOperandBytes;
  load_rows(port, rows, [&out, n](int byte, const Word& word) {
    word_pieces:
      for (int p = 0; p < kWordValues; p += kPiece) {
        Piece piece;
      piece_values:
        for (int i = 0; i < kPiece; ++i) {
#pragma HLS unroll
          piece.value[i] = value_of<Operand>(word, p + i);
        }
        if (byte / kOperandBytes + p < n) out.write(piece);
      }
  });
}

/// Rows of operands: n values from `first` on.
inline RowSet operand_rows(const Matrix& x, int head, int heads, int row, int count, int first, int n) {
  return rows_of(x, head, heads, row, count, first * kOperandBytes, n * kOperandBytes);
}

// Convolutions. The pixels of a run lie in one row of the output; what they take of the image is a window of whole
// kernel rows, which comes once.

/// Values of a window at most.
constexpr int kWindowValues = 65536;

struct Run {
  int oy, ox, pixels;
  int first_row, rows;        // kernel rows that lie in the image
  int first_column, columns;  // of the image's row, in values
  int pitch() const { return padded(columns, kLineValues); }
};

/// Pixels of a run at most; 0: a window of this shape does not hold one.
inline int most_pixels(const kernels::ConvShape& shape) {
  const int columns = kWindowValues / (shape.kernel * shape.channels) - kLineValues / shape.channels - 1;
  return columns < shape.kernel ? 0 : (columns - shape.kernel) / shape.stride + 1;
}

/// From pixel (oy, ox) on, at most `most`, for channels [k0, k0 + k).
inline Run run_at(const kernels::ConvShape& shape, int oy, int ox, int most, int k0, int k) {
  const int line = shape.kernel * shape.channels;  // columns of one kernel row
  const int top = oy * shape.stride - shape.pad, left = (ox * shape.stride - shape.pad) * shape.channels;
  Run r;
  r.oy = oy;
  r.ox = ox;
  r.pixels = smaller(smaller(most, most_pixels(shape)), shape.out_size - ox);
  r.first_row = larger(k0 / line, -top);
  r.rows = larger(0, smaller(tiles(k0 + k, line), shape.size - top) - r.first_row);
  r.first_column = larger(0, left);
  const int right = left + (r.pixels - 1) * shape.stride * shape.channels + line;
  r.columns = larger(0, smaller(right, shape.size * shape.channels) - r.first_column);
  if (r.columns == 0) r.rows = 0;
  return r;
}

/// The run behind this one.
inline Run run_after(const kernels::ConvShape& shape, const Run& run, int most, int k0, int k) {
  const bool row_end = run.ox + run.pixels == shape.out_size;
  return run_at(shape, row_end ? run.oy + 1 : run.oy, row_end ? 0 : run.ox + run.pixels, most, k0, k);
}

inline Run first_run(const Job& job, const OutputTile& t, int k0, int k) {
  return run_at(job.shape, t.m0 / job.shape.out_size, t.m0 % job.shape.out_size, t.m, k0, k);
}

/// The words of a tile's windows.
inline void load_windows(Port port, const Job& job, const OutputTile& t, int k0, int k, LineStream& out) {
  const kernels::ConvShape& shape = job.shape;
  const int image_line = shape.size * shape.channels;
  Run run = first_run(job, t, k0, k);
windows:
  for (int left = t.m; left > 0;) {
#pragma HLS loop_tripcount min = 1 max = 256
    const Matrix image = {job.a.address, static_cast<uint32_t>(image_line * kOperandBytes), 0};
    const int y = run.oy * shape.stride - shape.pad + run.first_row;
    if (run.rows > 0) load_stream(port, operand_rows(image, 0, 1, y, run.rows, run.first_column, run.columns), out);
    left -= run.pixels;
    run = run_after(shape, run, left, k0, k);
  }
}

inline void fill_window(const Run& run, LineStream& in, Operand* window) {
window_rows:
  for (int row = 0, at = 0; row < run.rows; ++row, at += run.pitch()) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 16
  window_lines:
    for (int first = 0; first < run.columns; first += kLineValues) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
      put_values<Operand>(in.read(), at + first, at + run.columns, window);
    }
  }
}

/// Rows of the matrix, channels [k0, k0 + k) of each pixel: parts of kernel rows, zeros where they leave the image, one
/// behind the other until they fill a piece.
inline void send_window(const Job& job, const Run& run, int k0, int k, const Operand* window, PieceStreamA& out) {
  const kernels::ConvShape& shape = job.shape;
  const int line = shape.kernel * shape.channels, image_line = shape.size * shape.channels;
  const int step = shape.stride * shape.channels;
  Operand queue[2 * kRowPiece];
#pragma HLS array_partition variable = queue type = complete
  int pixel = 0, held = 0;                 // values in the queue
  int done = 0;                            // of the pixel's
  int ky = k0 / line, x = k0 - ky * line;  // in the kernel
  int row = 0;                             // where its row begins in the window
  int left = (run.ox * shape.stride - shape.pad) * shape.channels;
  row = (ky - run.first_row) * run.pitch();
  const int first_ky = ky, first_x = x, first_window_row = row;
window_parts:
  for (; pixel < run.pixels;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 8192
    const int taken = smaller(smaller(kRowPiece, line - x), k - done);
    const bool inside = ky >= run.first_row && ky < run.first_row + run.rows;
  queued:
    for (int i = 0; i < kRowPiece; ++i) {
#pragma HLS unroll
      const int column = left + x + i;
      const bool there = inside && column >= 0 && column < image_line;
      if (i < taken) queue[held + i] = there ? window[row + column - run.first_column] : Operand{0};
    }
    held += taken;
    done += taken;
    const bool last = done == k;
    if (held >= kRowPiece || last) {
      PieceA piece;
    sent:
      for (int i = 0; i < kRowPiece; ++i) {
#pragma HLS unroll
        piece.value[i] = queue[i];
        queue[i] = queue[kRowPiece + i];
      }
      out.write(piece);
      held = larger(0, held - kRowPiece);
    }
    x = x + taken == line ? 0 : x + taken;
    row += x == 0 ? run.pitch() : 0;
    ky += x == 0 ? 1 : 0;
    // What is left at a pixel's end goes with the next turn, which takes nothing.
    if (last && held == 0) {
      ++pixel;
      done = 0;
      left += step;
      ky = first_ky;
      x = first_x;
      row = first_window_row;
    }
  }
}

/// The run of this turn: the one behind that of the turn before.
inline void next_run(const Job& job, const OutputTile& t, int k0, int k, int turn, Run& run) {
  static Run at;
  static int left;
  left = turn == 0 ? t.m : left - at.pixels;
  at = turn == 0 ? first_run(job, t, k0, k) : run_after(job.shape, at, left, k0, k);
  run = at;
}

inline int count_runs(const Job& job, const OutputTile& t, int k0, int k) {
  int count = 0;
  Run run = first_run(job, t, k0, k);
counted_runs:
  for (int left = t.m; left > 0; ++count) {
#pragma HLS loop_tripcount min = 1 max = 256
    left -= run.pixels;
    run = run_after(job.shape, run, left, k0, k);
  }
  return count;
}

/// Windows: while one is sent, the next is filled.
inline void feed_windows(const Job& job, const OutputTile& t, int k0, int k, LineStream& in, PieceStreamA& out) {
  const int runs = count_runs(job, t, k0, k);
fed_windows:
  for (int turn = 0; turn < runs; ++turn) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    Operand window[kWindowValues];
#pragma HLS array_partition variable = window type = cyclic factor = kRowPiece
    Run run;
    next_run(job, t, k0, k, turn, run);
    fill_window(run, in, window);
    send_window(job, run, k0, k, window, out);
  }
}

/// Rows for all groups: a line's pieces.
inline void feed_rows(int rows, int n, LineStream& in, PieceStreamA& out) {
fed_rows:
  for (int row = 0; row < rows; ++row) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 256
  fed_lines:
    for (int first = 0; first < n; first += kLineValues) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
      const Line line = in.read();
    line_pieces:
      for (int p = 0; p < kLineValues; p += kRowPiece) {
        PieceA piece;
      piece_values:
        for (int i = 0; i < kRowPiece; ++i) {
#pragma HLS unroll
          piece.value[i] = value_of<Operand>(line, p + i);
        }
        if (first + p < n) out.write(piece);
      }
    }
  }
}

/// A row of each head, one behind the other.
inline void receive_heads(int heads, int n, LineStream& in, Operand (*rows)[kHeadValues]) {
head_rows:
  for (int head = 0; head < heads; ++head) {
#pragma HLS loop_flatten
#pragma HLS loop_tripcount min = 1 max = 6
    receive_row<Operand>(in, n, rows[head]);
  }
}

inline void send_heads(int n, const Operand (*rows)[kHeadValues], PieceStreamA& out) {
head_pieces:
  for (int first = 0; first < n; first += kHeadPiece) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16
    PieceA piece;
  heads_values:
    for (int head = 0; head < kernels::kTh; ++head) {
#pragma HLS unroll
    piece_values:
      for (int i = 0; i < kHeadPiece; ++i) {
#pragma HLS unroll
        piece.value[head * kHeadPiece + i] = rows[head][first + i];
      }
    }
    out.write(piece);
  }
}

/// Rows of heads side by side: while the pieces of one go on, the next comes.
inline void feed_heads(int rows, int heads, int n, LineStream& in, PieceStreamA& out) {
rows_of_heads:
  for (int row = 0; row < rows; ++row) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    Operand values[kernels::kTh][kHeadValues];
#pragma HLS array_partition variable = values type = complete dim = 1
#pragma HLS array_partition variable = values type = cyclic factor = kHeadPiece dim = 2
    receive_heads(heads, n, in, values);
    send_heads(n, values, out);
  }
}

/// The tiles of A: their lines from memory.
inline void load_a(Port port, const Job& job, LineStream& out) {
  const GemmWalk w = walk_of(job);
  const Place first = {};
a_tiles:
  for (Place at = first; !w.done(at); at = w.a_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    const DepthPart p = depth_part(w, job, at);
    if (job.conv) {
      load_windows(port, job, t, p.k0 + p.first, p.k, out);
    } else {
      // Of heads side by side first a row of each, then the next one.
      RowSet rows = operand_rows(job.a, t.head, t.heads, t.m0, t.m, p.k0 + p.first, p.k);
      if (w.together > 1) rows = transposed(rows);
      load_stream(port, rows, out);
    }
  }
}

/// And as pieces of rows.
inline void feed_a(const Job& job, LineStream& in, PieceStreamA& out) {
  const GemmWalk w = walk_of(job);
  const Place first = {};
fed_tiles:
  for (Place at = first; !w.done(at); at = w.a_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    const DepthPart p = depth_part(w, job, at);
    if (job.conv) {
      feed_windows(job, t, p.k0 + p.first, p.k, in, out);
    } else if (w.together > 1) {
      feed_heads(t.m, t.heads, p.k, in, out);
    } else {
      feed_rows(t.m, p.k, in, out);
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
