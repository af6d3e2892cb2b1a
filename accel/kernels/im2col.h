// Convolution as matrix product: rows of A are cut out of a piece of the HWC image that lies in a buffer.
#ifndef HEATVIT_ACCEL_KERNELS_IM2COL_H_
#define HEATVIT_ACCEL_KERNELS_IM2COL_H_

#include <cstdint>

#include "accel/kernels/cost.h"

namespace heatvit {
namespace kernels {

/// A square convolution. Output pixel (oy, ox) is row oy * out_size + ox, column (ky * kernel + kx) * channels + c.
struct ConvShape {
  int size;      // input height = width
  int out_size;  // output height = width
  int channels;
  int kernel;
  int stride;
  int pad;  // zeros on each side
};

/// Image rows [row0, row0 + rows), image columns [col0, col0 + cols).
struct ImageRegion {
  int row0, rows, col0, cols;
};

/// What output rows [m0, m0 + m) of the matrix need of the image: whole image rows (cols = size), clipped to the image.
inline ImageRegion im2col_region(const ConvShape& shape, int m0, int m) {
  const int first = m0 / shape.out_size * shape.stride - shape.pad;
  const int last = (m0 + m - 1) / shape.out_size * shape.stride - shape.pad + shape.kernel - 1;
  const int begin = first < 0 ? 0 : first;
  const int end = last >= shape.size ? shape.size : last + 1;
  return ImageRegion{begin, end > begin ? end - begin : 0, 0, shape.size};
}

/// out[i][j] = A[m0 + i][k0 + j], i < m, j < k; zero outside the image. The region holds image rows from region_row0
/// and columns from region_col0, region_pitch values from row to row, and must cover every pixel inside the image that
/// the tile touches. out_pitch in elements.
template <class T>
inline void im2col_rows(const T* region, int region_pitch, int region_row0, int region_col0, const ConvShape& shape,
                        int m0, int m, int k0, int k, T* out, int out_pitch) {
  const int line = shape.kernel * shape.channels;  // columns of one kernel row: contiguous in the image
  const int image_line = shape.size * shape.channels;
output_pixels:
  for (int i = 0; i < m; ++i) {
#pragma HLS loop_tripcount min = 1 max = 50176
    const int oy = (m0 + i) / shape.out_size;
    const int ox = (m0 + i) % shape.out_size;
    const int left = (ox * shape.stride - shape.pad) * shape.channels;  // values from the image's left edge
    T* to = out + static_cast<int64_t>(i) * out_pitch;
  kernel_rows:
    for (int ky = k0 / line; ky * line < k0 + k; ++ky) {
#pragma HLS loop_tripcount min = 1 max = 16
      const int y = oy * shape.stride - shape.pad + ky;
      const int begin = ky * line < k0 ? k0 : ky * line;
      const int end = (ky + 1) * line < k0 + k ? (ky + 1) * line : k0 + k;
      // Column j of this kernel row is value j + shift of the image row.
      const int shift = left - ky * line;
      const bool inside = y >= 0 && y < shape.size;
      const int copy_begin = begin + shift < 0 ? -shift : begin;
      const int copy_end = end + shift > image_line ? image_line - shift : end;
      const bool any = inside && copy_begin < copy_end;
      const int zero_until = any ? copy_begin : end;
    zeros_before:
      for (int j = begin; j < zero_until; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 768
        to[j - k0] = 0;
      }
      if (!any) continue;
      const T* from = region + static_cast<int64_t>(y - region_row0) * region_pitch + shift -
                      static_cast<int64_t>(region_col0) * shape.channels;
    run:
      for (int j = copy_begin; j < copy_end; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 768
        to[j - k0] = from[j];
      }
    zeros_after:
      for (int j = copy_end; j < end; ++j) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 768
        to[j - k0] = 0;
      }
    }
  }
}

/// Between read and write two levels of address arithmetic and byte rotation.
constexpr int im2col_depth(const Stages& s) { return s.read + 2 + s.write; }

/// The expansion writes `lanes` values a cycle, kernel row by kernel row: a run that ends inside a word costs the word.
constexpr int64_t im2col_cycles(int64_t rows, int k, int run, int lanes, const Stages& s) {
  return rows * ceil_div(k, run) * ceil_div(run, lanes) + im2col_depth(s);
}

}  // namespace kernels
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_KERNELS_IM2COL_H_
