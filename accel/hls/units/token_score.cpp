// Keep score of each token (docs/numerics.md, section 8, step 7). keep: tokens x heads x {keep, drop}; weight: tokens x
// heads; both uint16. Cost: token_score_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" void token_score(const uint16_t* keep, const uint16_t* weight, int tokens, int heads, uint32_t* scores) {
tokens:
  for (int t = 0, at = 0; t < tokens; ++t, at += heads) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 256
    scores[t] = heatvit::kernels::token_score(keep + 2 * at, weight + at, heads);
  }
}
