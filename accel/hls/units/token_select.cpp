// Who stays (docs/numerics.md, section 8, selection). Candidates are rows [1, 1 + candidates); the mask of row 0 (CLS)
// is 1, that of a package token 0. Each returns the candidates kept. Cost: select_count_cycles,
// select_threshold_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" int token_select_count(const uint32_t* scores, int tokens, int candidates, int keep, uint8_t* mask) {
  return heatvit::kernels::select_count(scores, 1, 1 + candidates, keep, mask, tokens);
}

extern "C" int token_select_threshold(const uint32_t* scores, int tokens, int candidates, uint32_t threshold,
                                      uint8_t* mask) {
  return heatvit::kernels::select_threshold(scores, 1, 1 + candidates, threshold, mask, tokens);
}
