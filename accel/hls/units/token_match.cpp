// Partners of token merging (docs/numerics.md, section 8, ToMe): `first` x `second` int16 similarities, dense, of the
// first set of tokens with the second, to the selector's score memory and partner memory; of the latter only the first
// set's words are written. Cost: match_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/merging.h"

extern "C" void token_match(const int16_t* similarity, int first, int second, int front, uint32_t* scores,
                            uint16_t* partners) {
  heatvit::kernels::match_rows(similarity, 0, first, second, front, scores, partners);
}
