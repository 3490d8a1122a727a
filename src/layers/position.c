/* Owns the sinusoidal tables and the frequencies of rotary positions. See layers.h. */
#include "layers/layers.h"

#include <math.h>

static void paper_row(float *row, int64_t position, int64_t half) {
  for (int64_t k = 0; k < half; k++) {
    double angle = (double)position / pow(10000.0, (double)k / (double)half);
    row[k] = (float)sin(angle);
    row[half + k] = (float)cos(angle);
  }
}

static void m2m_row(float *row, int64_t position, int64_t half) {
  float step = (float)(log(10000.0) / (double)(half - 1));
  for (int64_t k = 0; k < half; k++) {
    float angle = (float)position * expf((float)k * -step);
    row[k] = sinf(angle);
    row[half + k] = cosf(angle);
  }
}

void att_sinusoids(float *out, att_sinusoid kind, int64_t first, int64_t count, int64_t d) {
  for (int64_t i = 0; i < count; i++) {
    if (kind == ATT_SINUSOID_PAPER) {
      paper_row(out + i * d, first + i, d / 2);
    } else {
      m2m_row(out + i * d, first + i, d / 2);
    }
  }
}

/* What is slower than the original context is long is slowed down by the factor. */
static double llama3_frequency(double frequency, const att_rope *rope) {
  double waves = (double)rope->original * frequency / (2.0 * 3.14159265358979323846);
  if (waves > rope->high) return frequency;
  if (waves < rope->low) return frequency / rope->factor;
  double smooth = (waves - rope->low) / (rope->high - rope->low);
  return (1.0 - smooth) * frequency / rope->factor + smooth * frequency;
}

void att_rope_frequencies(float *out, const att_rope *rope, int64_t size) {
  for (int64_t k = 0; k < size / 2; k++) {
    double frequency = (double)(1.0f / powf((float)rope->base, (float)(2 * k) / (float)size));
    if (rope->scaling == ATT_ROPE_LINEAR) frequency /= rope->factor;
    if (rope->scaling == ATT_ROPE_LLAMA3) frequency = llama3_frequency(frequency, rope);
    out[k] = (float)frequency;
  }
}
