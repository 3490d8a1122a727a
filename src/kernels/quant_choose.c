/*
 * Owns choosing quantized blocks. A part's scale is looked for among several near the one that its largest number asks
 * for: each gives integers, which by least squares have a best scale again. K-types then round the scales of the parts,
 * and the integers are chosen once more for what the scales have become.
 */
#include "kernels/quants.h"

#include <math.h>

/* Scales that are tried: tenths of a step around the first. */
enum { TENTHS = 9 };

static int clamp(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

static int nearest(float value) { return (int)lrintf(fmaxf(-1e6f, fminf(1e6f, value))); }

/* The place in att_iq4_values nearest to a number. */
static int nearest_looked(float value) {
  int i = 0;
  while (i < 15 && value > 0.5f * (float)(att_iq4_values[i] + att_iq4_values[i + 1])) i++;
  return i;
}

/* What an integer stands for before the scale, and the integer that stands for a number. */
static float value_of(const att_quant_kind *kind, int q) {
  return (float)(kind->looked ? att_iq4_values[q] : q - kind->zero);
}

static int integer_of(const att_quant_kind *kind, float value) {
  return kind->looked ? nearest_looked(value) : clamp(nearest(value) + kind->zero, 0, (1 << kind->bits) - 1);
}

/* The scale of numbers without a lowest one. */
static float fit_scale(const att_quant_kind *kind, const float *x, const float *w, int n) {
  float largest = 0, best = 0, scale = 0;
  for (int i = 0; i < n; i++) largest = fabsf(x[i]) > fabsf(largest) ? x[i] : largest;
  if (largest == 0) return 0;
  float lowest = kind->looked ? -127.0f : (float)-kind->zero; /* there is one more below zero than above */
  if (kind->bits == 8) return fabsf(largest) / 127;
  for (int k = -TENTHS; k <= TENTHS; k++) {
    float inverse = (lowest - 0.1f * (float)k * (kind->looked ? 8 : 1)) / largest, xv = 0, vv = 0;
    for (int i = 0; i < n; i++) {
      float v = value_of(kind, integer_of(kind, x[i] * inverse));
      xv += w[i] * x[i] * v;
      vv += w[i] * v * v;
    }
    if (vv <= 0 || xv * xv <= best * vv) continue;
    best = xv * xv / vv;
    scale = xv / vv;
  }
  return scale;
}

/* The scale, and what 0 stands for: of K-types it is not above zero. */
static float fit_range(const att_quant_kind *kind, const float *x, const float *w, int n, float *lowest) {
  int top = (1 << kind->bits) - 1;
  float low = x[0], high = x[0], best = INFINITY, scale = 0;
  for (int i = 0; i < n; i++) low = fminf(low, x[i]), high = fmaxf(high, x[i]);
  if (kind->scales) low = fminf(low, 0);
  *lowest = low;
  if (high <= low) return 0;
  for (int k = -TENTHS; k <= TENTHS; k++) {
    float inverse = ((float)top + 0.1f * (float)k) / (high - low);
    double sw = 0, sx = 0, sq = 0, sqq = 0, sqx = 0, error = 0;
    uint8_t q[32];
    for (int i = 0; i < n; i++) {
      q[i] = (uint8_t)clamp(nearest((x[i] - low) * inverse), 0, top);
      sw += (double)w[i];
      sx += (double)(w[i] * x[i]);
      sq += (double)w[i] * q[i];
      sqq += (double)w[i] * q[i] * q[i];
      sqx += (double)(w[i] * x[i]) * q[i];
    }
    double divisor = sw * sqq - sq * sq;
    bool one = divisor <= 1e-9 * sw * sqq; /* all are the same integer */
    if (sqq <= 0) continue;
    double s = one ? 0 : (sw * sqx - sq * sx) / divisor, m = one ? 1 : (sqq * sx - sq * sqx) / divisor;
    if (one || (kind->scales && m > 0)) s = sqx / sqq, m = 0;
    for (int i = 0; i < n; i++) {
      double difference = s * q[i] + m - (double)x[i];
      error += (double)w[i] * difference * difference;
    }
    if (error >= (double)best || s <= 0) continue;
    best = (float)error;
    scale = (float)s;
    *lowest = (float)m;
  }
  return scale;
}

/* What a number weighs: the large ones more, and what is given. */
static void weigh(float *w, const float *x, const float *given, int n) {
  float squares = 0;
  for (int i = 0; i < n; i++) squares += x[i] * x[i];
  for (int i = 0; i < n; i++) w[i] = (given ? given[i] : 1) * sqrtf(squares / (float)n + x[i] * x[i]);
}

static float rounded(uint16_t *half, float value) {
  *half = att_f32_to_f16(value);
  return att_f16_to_f32(*half);
}

/* The scales of parts as integers of at most `most` (`least` to `most` where signed); what they are multiplied by. */
static float round_scales(int8_t *out, uint16_t *half, const float *scales, int parts, int least, int most) {
  float largest = 0;
  for (int i = 0; i < parts; i++) largest = fabsf(scales[i]) > fabsf(largest) ? scales[i] : largest;
  float d = rounded(half, largest / (float)(least < 0 ? least : most));
  for (int i = 0; i < parts; i++) out[i] = (int8_t)(d != 0 ? clamp(nearest(scales[i] / d), least, most) : 0);
  return d;
}

static void choose(att_quant_block *b, att_type type, const float *x, const float *given) {
  const att_quant_kind of = att_quant_kind_of(type), *kind = &of;
  int size = (int)att_type_block(type), parts = size / kind->part;
  float scale[ATT_QUANT_PARTS], lowest[ATT_QUANT_PARTS] = {0}, w[ATT_QUANT_BLOCK];
  weigh(w, x, given, size);
  for (int p = 0; p < parts; p++) {
    const float *part = x + p * kind->part, *weights = w + p * kind->part;
    scale[p] = kind->lowest ? fit_range(kind, part, weights, kind->part, &lowest[p])
                            : fit_scale(kind, part, weights, kind->part);
  }
  memset(b, 0, sizeof *b);
  if (!kind->scales) {
    scale[0] = rounded(&b->d, scale[0]);
    lowest[0] = rounded(&b->m, lowest[0]);
  } else {
    int most = type == ATT_Q2_K ? 15 : type == ATT_Q3_K ? 31 : type == ATT_Q6_K ? 127 : 63;
    float d = round_scales(b->scale, &b->d, scale, parts, kind->lowest ? 0 : -most - 1, most), m = 0;
    for (int p = 0; p < parts; p++) lowest[p] = -lowest[p];
    if (kind->lowest) m = round_scales(b->min, &b->m, lowest, parts, 0, most);
    for (int p = 0; p < parts; p++) scale[p] = d * b->scale[p], lowest[p] = -m * b->min[p];
  }
  for (int i = 0; i < size; i++) {
    int p = i / kind->part;
    b->q[i] = (uint8_t)integer_of(kind, scale[p] != 0 ? (x[i] - lowest[p]) / scale[p] : 0);
  }
}

void att_quants_from_f32(void *blocks, att_type type, const float *x, const float *weights, int64_t n) {
  int64_t size = att_type_block(type);
  char *to = blocks;
  att_quant_block block;
  for (int64_t i = 0; i < n; i += size, to += att_type_size(type)) {
    choose(&block, type, x + i, weights ? weights + i : NULL);
    att_quant_write(to, type, &block);
  }
}
