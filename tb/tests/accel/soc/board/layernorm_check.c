/* layernorm_check FILE: rows of layernorm_rows through the host's LayerNorm; how many differ. */
#include <stdio.h>
#include <stdlib.h>

#include "accel/soc/driver/layernorm_neon.h"

static uint64_t next(FILE *file) {
  uint64_t word = 0;
  if (fread(&word, sizeof word, 1, file) != 1) exit(2);
  return word;
}

int main(int argc, char **argv) {
  static int16_t x[HEATVIT_LAYERNORM_MOST];
  static uint64_t records[HEATVIT_LAYERNORM_MOST];
  static int8_t out[HEATVIT_LAYERNORM_MOST];
  static struct heatvit_norm norm;
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  uint64_t rows, r, wrong = 0;
  if (!file) return 2;
  rows = next(file);
  for (r = 0; r < rows; ++r) {
    const int n = (int)next(file), shift = (int)next(file);
    const uint64_t epsilon = next(file);
    int i, differs = 0;
    for (i = 0; i < n; ++i) x[i] = (int16_t)next(file);
    for (i = 0; i < n; ++i) records[i] = next(file);
    heatvit_prepare_norm(&norm, records, n, shift, epsilon);
    heatvit_layernorm_row(x, &norm, out);
    for (i = 0; i < n; ++i) differs |= out[i] != (int8_t)next(file);
    wrong += (uint64_t)differs;
  }
  printf("%lu of %lu rows differ\n", (unsigned long)wrong, (unsigned long)rows);
  return wrong != 0;
}
