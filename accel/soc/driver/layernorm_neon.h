/* LayerNorm of int16 rows on a Cortex-A53 (docs/numerics.md, section 7), for lists of accel.layernorm = cpu: bit for
 * bit what the accelerator's own unit computes. Advanced SIMD where the compiler has it, else plain C. */
#ifndef HEATVIT_LAYERNORM_NEON_H
#define HEATVIT_LAYERNORM_NEON_H

#include <stdint.h> /* NOLINT(modernize-deprecated-headers): this is C */

#ifdef __cplusplus
extern "C" {
#endif

#define HEATVIT_LAYERNORM_MOST 1024

/* Gamma and beta, channel by channel, as the rows' loop takes them: once a command. */
struct heatvit_norm {
  int n; /* 1 to HEATVIT_LAYERNORM_MOST */
  int shift;
  uint64_t epsilon;
  int32_t gamma[HEATVIT_LAYERNORM_MOST], beta[HEATVIT_LAYERNORM_MOST];
};

/* `records`: n of the eight bytes in DDR (accel/isa/records.h). */
void heatvit_prepare_norm(struct heatvit_norm* norm, const uint64_t* records, int n, int shift, uint64_t epsilon);

void heatvit_layernorm_row(const int16_t* x, const struct heatvit_norm* norm, int8_t* out);

#ifdef __cplusplus
}
#endif

#endif
