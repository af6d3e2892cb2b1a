#include "accel/soc/driver/layernorm_neon.h"

#ifdef __ARM_NEON
#include <arm_neon.h>
#endif

#define FRACTION_BITS 12 /* of the normalised value */

/* n_i = round_shift((n x_i - sum) reciprocal, shift); reciprocal = 2^31 + above. */
struct statistics {
  int32_t sum;
  uint32_t above; /* up to 2^31, and 2^31 itself where the root is 2^31 */
  int shift;
};

void heatvit_prepare_norm(struct heatvit_norm *norm, const uint64_t *records, int n, int shift, uint64_t epsilon) {
  int i;
  norm->n = n;
  norm->shift = shift;
  norm->epsilon = epsilon;
  for (i = 0; i < n; ++i) {
    norm->beta[i] = (int32_t)(uint32_t)records[i];
    norm->gamma[i] = (int16_t)(uint16_t)(records[i] >> 32);
  }
}

static uint32_t root_of(uint64_t v) { /* floor(sqrt(v)), v >= 2^62 */
  uint64_t rest = 0, root = 0;
  int i;
  for (i = 31; i >= 0; --i) {
    const uint64_t trial = root << 2 | 1;
    rest = rest << 2 | ((v >> (2 * i)) & 3);
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  return (uint32_t)root;
}

static struct statistics statistics_of(int64_t sum, int64_t squares, const struct heatvit_norm *norm) {
  struct statistics s;
  const uint64_t q = (uint64_t)(norm->n * squares - sum * sum) + norm->epsilon;
  const int headroom = __builtin_clzll(q) & ~1;
  const uint64_t reciprocal = (UINT64_C(1) << 63) / root_of(q << headroom);
  s.sum = (int32_t)sum;
  s.above = (uint32_t)(reciprocal - (UINT64_C(1) << 31));
  s.shift = 63 - headroom / 2 - FRACTION_BITS;
  return s;
}

static int64_t round_shift(int64_t v, int s) { return (((v + (v >> 63)) >> (s - 1)) + 1) >> 1; }

static int8_t value_of(int16_t x, const struct statistics *s, int32_t gamma, int32_t beta,
                       const struct heatvit_norm *norm) {
  const int64_t centred = (int64_t)norm->n * x - s->sum;
  const int64_t reciprocal = (INT64_C(1) << 31) + s->above;
  const int64_t normalised = round_shift(centred * reciprocal, s->shift);
  const int64_t v = round_shift(normalised * gamma + beta, norm->shift);
  return (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
}

#ifdef __ARM_NEON

/* Rounded half away from zero: a shift that rounds half up, of values that are one less where they are negative. */
static inline int64x2_t rounded(int64x2_t v, int64x2_t minus_shift) {
  return vrshlq_s64(vsraq_n_s64(v, v, 63), minus_shift);
}

/* Two values: their difference to the mean, times n, to the normalised value. */
static inline int32x2_t normalised(int32x2_t centred, int32x2_t above, int64x2_t minus_shift) {
  return vmovn_s64(rounded(vmlal_s32(vshll_n_s32(centred, 31), centred, above), minus_shift));
}

/* Two values times gamma, plus beta, shifted. */
static inline int32x2_t scaled(int32x2_t n, int32x2_t gamma, int32x2_t beta, int64x2_t minus_shift) {
  return vqmovn_s64(rounded(vaddw_s32(vmull_s32(n, gamma), beta), minus_shift));
}

static inline int32x4_t four(int32x4_t centred, const int32_t *gamma, const int32_t *beta, int32x2_t above,
                             int64x2_t minus_first, int64x2_t minus_second) {
  const int32x4_t g = vld1q_s32(gamma), b = vld1q_s32(beta);
  const int32x2_t low = normalised(vget_low_s32(centred), above, minus_first);
  const int32x2_t high = normalised(vget_high_s32(centred), above, minus_first);
  return vcombine_s32(scaled(low, vget_low_s32(g), vget_low_s32(b), minus_second),
                      scaled(high, vget_high_s32(g), vget_high_s32(b), minus_second));
}

static struct statistics sums_of(const int16_t *x, const struct heatvit_norm *norm, int vectors) {
  int32x4_t sum = vdupq_n_s32(0);
  int64x2_t squares = vdupq_n_s64(0);
  int64_t all, all_squares;
  int i;
  for (i = 0; i < vectors; i += 8) {
    const int16x8_t v = vld1q_s16(x + i);
    sum = vpadalq_s16(sum, v);
    squares = vpadalq_s32(squares, vmull_s16(vget_low_s16(v), vget_low_s16(v)));
    squares = vpadalq_s32(squares, vmull_high_s16(v, v));
  }
  all = vaddlvq_s32(sum);
  all_squares = vaddvq_s64(squares);
  for (; i < norm->n; ++i) {
    all += x[i];
    all_squares += (int32_t)x[i] * x[i];
  }
  return statistics_of(all, all_squares, norm);
}

void heatvit_layernorm_row(const int16_t *x, const struct heatvit_norm *norm, int8_t *out) {
  const int vectors = norm->n & ~7;
  const struct statistics s = sums_of(x, norm, vectors);
  const int whole = s.above >> 31 ? 0 : vectors; /* 2^31 is no int32: plain C, for a row in 2^31 or so */
  const int16x4_t n = vdup_n_s16((int16_t)norm->n);
  const int32x4_t minus_sum = vdupq_n_s32(-s.sum);
  const int32x2_t above = vdup_n_s32((int32_t)s.above);
  const int64x2_t first = vdupq_n_s64(-s.shift), second = vdupq_n_s64(-norm->shift);
  int i;
  for (i = 0; i < whole; i += 8) {
    const int16x8_t v = vld1q_s16(x + i);
    const int32x4_t low = four(vmlal_s16(minus_sum, vget_low_s16(v), n), norm->gamma + i, norm->beta + i, above, first,
                               second);
    const int32x4_t high = four(vmlal_s16(minus_sum, vget_high_s16(v), n), norm->gamma + i + 4, norm->beta + i + 4,
                                above, first, second);
    vst1_s8(out + i, vqmovn_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high))));
  }
  for (; i < norm->n; ++i) out[i] = value_of(x[i], &s, norm->gamma[i], norm->beta[i], norm);
}

#else

void heatvit_layernorm_row(const int16_t *x, const struct heatvit_norm *norm, int8_t *out) {
  int64_t sum = 0, squares = 0;
  struct statistics s;
  int i;
  for (i = 0; i < norm->n; ++i) {
    sum += x[i];
    squares += (int32_t)x[i] * x[i];
  }
  s = statistics_of(sum, squares, norm);
  for (i = 0; i < norm->n; ++i) out[i] = value_of(x[i], &s, norm->gamma[i], norm->beta[i], norm);
}

#endif
