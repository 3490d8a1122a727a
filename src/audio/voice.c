/* Owns what voice.h says. */
#include "audio/voice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_POWER 1e-6  /* -60 dB */
#define LEAST_NOISE   -5.0F /* of a band: below it all is as good as silence */
#define ABOVE_NOISE   0.4F  /* mean of the bands' base-10 logarithms above the noise: 4 dB */
#define AROUND        0.2   /* seconds before and after what is loud */

int64_t att_leading_silence(const float *samples, int64_t count, int rate) {
  int64_t size = rate / 100;
  for (int64_t first = 0; first < count; first += size) {
    int64_t end = first + size < count ? first + size : count;
    double power = 0;
    for (int64_t i = first; i < end; i++) power += (double)samples[i] * (double)samples[i];
    if (power > SILENCE_POWER * (double)(end - first)) return first;
  }
  return count;
}

bool att_is_silent(const float *samples, int64_t count, int rate) {
  return att_leading_silence(samples, count, rate) == count;
}

static int by_value(const void *a, const void *b) {
  const float *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* noise[bands]; column: [frames], scratch. */
static void find_noise(const float *rows, int64_t frames, int64_t bands, float *column, float *noise) {
  for (int64_t b = 0; b < bands; b++) {
    for (int64_t i = 0; i < frames; i++) column[i] = rows[i * bands + b];
    qsort(column, (size_t)frames, sizeof *column, by_value);
    noise[b] = fmaxf(column[frames / 10], LEAST_NOISE);
  }
}

static void mark_loud(const att_mel_settings *settings, const float *rows, int64_t frames, const float *noise,
                      bool *voiced) {
  int64_t bands = settings->bands, around = (int64_t)(AROUND * settings->rate / settings->hop);
  memset(voiced, 0, (size_t)frames * sizeof *voiced);
  for (int64_t i = 0; i < frames; i++) {
    float above = 0;
    for (int64_t b = 0; b < bands; b++) above += fmaxf(0, rows[i * bands + b] - noise[b]);
    if (above <= ABOVE_NOISE * (float)bands) continue;
    int64_t first = i > around ? i - around : 0, end = i + around < frames ? i + around + 1 : frames;
    memset(voiced + first, 1, (size_t)(end - first) * sizeof *voiced);
  }
}

att_status att_voice_mark(att_context *ctx, const att_mel_settings *settings, const float *rows, int64_t frames,
                          bool *voiced) {
  if (frames == 0) return ATT_OK;
  float *scratch = ATT_NEW(ctx, frames + settings->bands, float);
  if (!scratch) return ATT_MEMORY;
  find_noise(rows, frames, settings->bands, scratch, scratch + frames);
  mark_loud(settings, rows, frames, scratch + frames, voiced);
  att_free(ctx, scratch);
  return ATT_OK;
}
