/* Owns the sinusoidal tables. See layers.h. */
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
