// Maximum of each column plus a residual: LV-ViT's class scores, the best of the tokens added to the CLS token's. x:
// rows x columns, dense. Cost: column_max_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" void column_max(const int32_t* x, const int32_t* residual, int rows, int columns, int32_t* out) {
  heatvit::kernels::column_max_add(x, rows, columns, residual, out);
}
