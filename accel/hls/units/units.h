// The unit tops: each file beside this one is compiled alone and becomes one block of RTL. Matrices are dense and row
// after row; records are the eight bytes of accel/isa/records.h as one word. Each unit's own file says what it
// computes, docs/hls.md how its ports look and which cost function of the simulated module it stands for.
#ifndef HEATVIT_ACCEL_HLS_UNITS_UNITS_H_
#define HEATVIT_ACCEL_HLS_UNITS_UNITS_H_

#include "accel/hls/types.h"

extern "C" {

void pe_array_tile(const int8_t a[heatvit::hls::TileBuffers::kRows][heatvit::hls::TileBuffers::kInputs],
                   const int8_t b[heatvit::hls::TileBuffers::kOutputs][heatvit::hls::TileBuffers::kInputs],
                   int32_t c[heatvit::hls::TileBuffers::kRows][heatvit::hls::TileBuffers::kOutputs], int m, int k,
                   int n, int first);
void pe_array_tile_packed(const int8_t a[heatvit::hls::TileBuffers::kRows][heatvit::hls::TileBuffers::kInputs],
                          const int8_t b[heatvit::hls::TileBuffers::kOutputs][heatvit::hls::TileBuffers::kInputs],
                          int32_t c[heatvit::hls::TileBuffers::kRows][heatvit::hls::TileBuffers::kOutputs], int m,
                          int k, int n, int first);

void requantize(const int32_t* acc, const uint64_t* records, int rows, int n, int relu, int8_t* out);
void requantize_residual(const int32_t* acc, const uint64_t* records, const int16_t* residual, int rows, int n,
                         int16_t* out);
void gelu(const int32_t* acc, const uint64_t* records, int rows, int n, uint16_t delta1, uint16_t multiplier2,
          int shift2, int8_t* out);
void silu(const int32_t* acc, const uint64_t* records, int rows, int n, uint16_t multiplier2, int shift2, int8_t* out);
void sigmoid(const int32_t* acc, const uint64_t* records, int rows, int n, uint16_t* out);
void softmax(const int16_t* x, int rows, int n, uint16_t delta2, uint8_t* out);
void softmax_wide(const int16_t* x, int rows, int n, uint16_t delta2, uint16_t* out);
void softmax_sized(const int16_t* x, const uint16_t* sizes, int rows, int n, uint16_t delta2, uint8_t* out);
void layernorm(const int16_t* x, const uint64_t* records, int rows, int n, int shift, uint64_t epsilon, int8_t* out);

void head_mean(const int16_t* x, int rows, int n, uint16_t multiplier, int shift, int8_t* out);
void token_mean(const int8_t* x, int tokens, int columns, int candidates, int8_t* mean);
void column_max(const int32_t* x, const int32_t* residual, int rows, int columns, int32_t* out);

void random_scores(uint32_t seed, int stage, int tokens, uint32_t* scores);
void token_score(const uint16_t* keep, const uint16_t* weight, int tokens, int heads, uint32_t* scores);
int token_select_count(const uint32_t* scores, int tokens, int candidates, int keep, uint8_t* mask);
int token_select_threshold(const uint32_t* scores, int tokens, int candidates, uint32_t threshold, uint8_t* mask);
void token_pack(const int16_t* x, int tokens, int columns, const uint8_t* mask, const uint32_t* scores, int package,
                uint32_t divisor, int16_t* out);
int row_order(const uint8_t* mask, const uint32_t* scores, int tokens, int gone, uint8_t* order);
void token_pack_rows(const int16_t* x, int rows, int columns, int stay, const uint32_t* weights, int equal, int first,
                     int64_t* sums, int16_t* out);
void package_row(const int64_t* sums, int columns, uint32_t total, int16_t* out);
void token_match(const int16_t* similarity, int first, int second, int front, uint32_t* scores, uint16_t* partners);
void token_merge(const int16_t* x, int tokens, int columns, const uint8_t* mask, const uint16_t* partners,
                 const uint16_t* sizes, uint16_t* sizes_after, int16_t* out);
}

#endif  // HEATVIT_ACCEL_HLS_UNITS_UNITS_H_
