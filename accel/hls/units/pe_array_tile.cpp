// PE-array tile without packing: one DSP a product. Buffers as accel/hls/types.h sizes them; a and b hold zeros from k
// up to a multiple of Th x Ti. Cost: gemm_tile_cycles.
#include "accel/hls/units/units.h"

using heatvit::hls::TileBuffers;

extern "C" void pe_array_tile(const int8_t a[TileBuffers::kRows][TileBuffers::kInputs],
                              const int8_t b[TileBuffers::kOutputs][TileBuffers::kInputs],
                              int32_t c[TileBuffers::kRows][TileBuffers::kOutputs], int m, int k, int n, int first) {
#pragma HLS array_partition variable = a type = cyclic factor = heatvit::hls::kLanesIn dim = 2
#pragma HLS array_partition variable = b type = cyclic factor = heatvit::hls::kLanesIn dim = 2
#pragma HLS array_partition variable = b type = cyclic factor = heatvit::hls::kLanesOut dim = 1
#pragma HLS array_partition variable = c type = cyclic factor = heatvit::hls::kLanesOut dim = 2
  heatvit::kernels::pe_array_tile<heatvit::hls::kLanesOut, heatvit::kernels::SeparateProducts, int32_t>(
      heatvit::kernels::FixedLanes<heatvit::hls::kLanesIn>{}, a, b, c, 0, m, k, n, first != 0);
}
