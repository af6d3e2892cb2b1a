// Softmax over rows of int16 Q8 scores (docs/numerics.md, section 5). rows x n, dense; n <= kMaxScores. Cost:
// softmax_cycles.
#include "accel/kernels/softmax.h"

#include "accel/hls/units/units.h"

namespace kernels = heatvit::kernels;

/// Probabilities in 1/255.
extern "C" void softmax(const int16_t* x, int rows, int n, uint16_t delta2, uint8_t* out) {
  if (n == 2 && kernels::has_softmax_pairs(kernels::kDivisionInterval))
    return kernels::softmax_pairs<uint8_t>(x, rows, delta2, out);
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    kernels::softmax_row<uint8_t>(x + at, n, delta2, out + at);
  }
}

/// In 1/65535: CLS attention and the selector's classifier.
extern "C" void softmax_wide(const int16_t* x, int rows, int n, uint16_t delta2, uint16_t* out) {
  if (n == 2 && kernels::has_softmax_pairs(kernels::kDivisionInterval))
    return kernels::softmax_pairs<uint16_t>(x, rows, delta2, out);
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    kernels::softmax_row<uint16_t>(x + at, n, delta2, out + at);
  }
}
