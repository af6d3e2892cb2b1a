// Softmax over rows of int16 Q8 scores in which a token counts as often as its size says (docs/numerics.md, section 8,
// ToMe). rows x n, dense; n <= kMaxScores. Probabilities in 1/255. Cost: sized_softmax_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/merging.h"

extern "C" void softmax_sized(const int16_t* x, const uint16_t* sizes, int rows, int n, uint16_t delta2, uint8_t* out) {
rows:
  for (int r = 0, at = 0; r < rows; ++r, at += n) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    heatvit::kernels::sized_softmax_row<uint8_t>(x + at, sizes, n, delta2, out + at);
  }
}
