// Scores of the random scorer: an xorshift32 sequence per image seed and selector stage. Cost: random_scores_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" void random_scores(uint32_t seed, int stage, int tokens, uint32_t* scores) {
  heatvit::kernels::random_scores(seed, stage, tokens, scores);
}
