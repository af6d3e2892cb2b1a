// Packing by rows (docs/numerics.md, section 8, package token): their order; a chunk of it, rows that go or rows that
// stay; the package row, divided beside the latter. Costs: row_order_cycles, pack_rows_cycles, package_row_cycles.
#include "accel/hls/units/units.h"
#include "accel/kernels/selector.h"

extern "C" int row_order(const uint8_t* mask, const uint32_t* scores, int tokens, int gone, uint8_t* order) {
  return static_cast<int>(heatvit::kernels::row_order(mask, scores, tokens, gone, order));
}

extern "C" void token_pack_rows(const int16_t* x, int rows, int columns, int stay, const uint32_t* weights, int equal,
                                int first, int64_t* sums, int16_t* out) {
  heatvit::kernels::pack_rows<int16_t>(x, rows, columns, stay != 0, weights, equal != 0, first != 0, sums, out);
}

extern "C" void package_row(const int64_t* sums, int columns, uint32_t total, int16_t* out) {
  heatvit::kernels::package_row<int16_t>(sums, columns, total, out);
}
