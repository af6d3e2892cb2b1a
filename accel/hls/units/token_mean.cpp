// Mean of each column over the candidates, rows [1, 1 + candidates) of tokens x columns, dense (docs/numerics.md,
// section 8, step 3). Cost: token_mean_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" void token_mean(const int8_t* x, int tokens, int columns, int candidates, int8_t* mean) {
  heatvit::kernels::token_mean_slice(x, tokens, columns, 1, 1 + candidates, mean);
}
