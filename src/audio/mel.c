/*
 * Owns the tables and the arithmetic of log-mel features. Formulas: Slaney's Auditory Toolbox (1998) for the scale, as
 * librosa.filters.mel and Transformers' audio_utils.mel_filter_bank have it; torch.stft's centred frames.
 * A frame's spectrum needs half the products: cosines are even and sines odd around the middle of a frame, so the frame
 * is folded first.
 */
#include "audio/mel.h"

#include "kernels/gemm.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 64, MOST_SAMPLES = 1 << 16, MOST_BANDS = 1024 };

struct att_mel {
  att_context *ctx;
  att_mel_settings settings;
  int64_t half;   /* n_fft / 2: frequencies are half + 1 */
  float *window;  /* [n_fft], with zeros beside the window */
  float *cosines; /* [half + 1 frequencies, half + 1]: cos(2 pi f n / n_fft) */
  float *sines;   /* the same */
  float *filters; /* [bands, half + 1] */
};

static double to_mel(double hertz) { return hertz < 1000 ? 3 * hertz / 200 : 15 + 27 * log(hertz / 1000) / log(6.4); }

static double to_hertz(double mel) { return mel < 15 ? 200 * mel / 3 : 1000 * exp(log(6.4) * (mel - 15) / 27); }

static void fill_window(att_mel *mel) {
  int64_t size = mel->settings.window, first = (mel->settings.n_fft - size) / 2;
  for (int64_t n = 0; n < size; n++) {
    mel->window[first + n] = (float)(0.5 - 0.5 * cos(2 * M_PI * (double)n / (double)size));
  }
}

static void fill_waves(att_mel *mel) {
  int64_t n_fft = mel->settings.n_fft, count = mel->half + 1;
  for (int64_t f = 0; f < count; f++) {
    for (int64_t n = 0; n < count; n++) {
      double angle = 2 * M_PI * (double)(f * n % n_fft) / (double)n_fft;
      mel->cosines[f * count + n] = (float)cos(angle);
      mel->sines[f * count + n] = (float)sin(angle);
    }
  }
}

static void fill_filters(att_mel *mel) {
  int64_t count = mel->half + 1, bands = mel->settings.bands;
  double nyquist = mel->settings.rate / 2, top = to_mel(mel->settings.rate / 2.0);
  for (int64_t b = 0; b < bands; b++) {
    double low = to_hertz(top * (double)b / (double)(bands + 1));
    double centre = to_hertz(top * (double)(b + 1) / (double)(bands + 1));
    double high = to_hertz(top * (double)(b + 2) / (double)(bands + 1));
    for (int64_t f = 0; f < count; f++) {
      double hertz = nyquist * (double)f / (double)mel->half;
      double rising = (hertz - low) / (centre - low), falling = (high - hertz) / (high - centre);
      double height = fmax(0, fmin(rising, falling));
      mel->filters[b * count + f] = (float)(height * 2 / (high - low));
    }
  }
}

att_status att_mel_check(att_context *ctx, const att_mel_settings *s) {
  if (s->rate >= 100 && s->window >= 2 && s->window <= s->n_fft && s->n_fft <= MOST_SAMPLES && s->n_fft % 2 == 0 &&
      s->hop >= 1 && s->hop <= MOST_SAMPLES && s->bands >= 1 && s->bands <= MOST_BANDS) {
    return ATT_OK;
  }
  return att_fail(ctx, ATT_ARGUMENT,
                  "log-mel features of %d bands from windows of %d in %d samples, every %d at %d hertz, cannot be",
                  s->bands, s->window, s->n_fft, s->hop, s->rate);
}

att_status att_mel_new(att_context *ctx, const att_mel_settings *settings, att_mel **out) {
  *out = NULL;
  ATT_TRY(att_mel_check(ctx, settings));
  att_mel *mel = ATT_NEW(ctx, 1, att_mel);
  if (!mel) return ATT_MEMORY;
  size_t n_fft = (size_t)settings->n_fft, count = n_fft / 2 + 1;
  *mel = (att_mel){.ctx = ctx, .settings = *settings, .half = settings->n_fft / 2};
  mel->window = att_alloc_aligned(ctx, n_fft, sizeof(float));
  mel->cosines = att_alloc_aligned(ctx, count * count, sizeof(float));
  mel->sines = att_alloc_aligned(ctx, count * count, sizeof(float));
  mel->filters = att_alloc_aligned(ctx, (size_t)settings->bands * count, sizeof(float));
  if (!mel->window || !mel->cosines || !mel->sines || !mel->filters) {
    att_mel_free(mel);
    return ATT_MEMORY;
  }
  fill_window(mel);
  fill_waves(mel);
  fill_filters(mel);
  *out = mel;
  return ATT_OK;
}

void att_mel_free(att_mel *mel) {
  if (!mel) return;
  att_free_aligned(mel->ctx, mel->window);
  att_free_aligned(mel->ctx, mel->cosines);
  att_free_aligned(mel->ctx, mel->sines);
  att_free_aligned(mel->ctx, mel->filters);
  att_free(mel->ctx, mel);
}

int64_t att_mel_frames(const att_mel_settings *settings, int64_t samples) { return samples / settings->hop; }

/* The sample at a place that may lie before the first or behind the last of `length`: reflected at them. */
static float sample_at(const float *samples, int64_t count, int64_t length, int64_t place) {
  int64_t period = 2 * (length - 1);
  if (place < 0 || place >= length) {
    place = period ? (place % period + period) % period : 0;
    if (place >= length) place = period - place;
  }
  return place < count ? samples[place] : 0;
}

/* even[half + 1], odd[half + 1]: the windowed frame around sample `centre`, folded. */
static void fold_frame(const att_mel *mel, const float *samples, int64_t count, int64_t length, int64_t centre,
                       float *frame, float *even, float *odd) {
  int64_t n_fft = mel->settings.n_fft, half = mel->half, first = centre - half;
  for (int64_t n = 0; n < n_fft; n++) frame[n] = mel->window[n] * sample_at(samples, count, length, first + n);
  even[0] = frame[0];
  even[half] = frame[half];
  odd[0] = odd[half] = 0;
  for (int64_t n = 1; n < half; n++) {
    even[n] = frame[n] + frame[n_fft - n];
    odd[n] = frame[n] - frame[n_fft - n];
  }
}

/* rows[frames, bands] of BLOCK frames from the first on. scratch: [4 * BLOCK * (half + 1) + n_fft]. */
static void make_block(const att_mel *mel, const float *samples, int64_t count, int64_t length, int64_t first,
                       int64_t frames, float *scratch, float *rows) {
  int64_t size = mel->half + 1, bands = mel->settings.bands;
  float *even = scratch, *odd = even + BLOCK * size, *real = odd + BLOCK * size, *imaginary = real + BLOCK * size;
  float *frame = imaginary + BLOCK * size;
  for (int64_t i = 0; i < frames; i++) {
    fold_frame(mel, samples, count, length, (first + i) * mel->settings.hop, frame, even + i * size, odd + i * size);
  }
  att_gemm_weight(mel->ctx, real, size, even, size, mel->cosines, ATT_F32, frames, size, size, true);
  att_gemm_weight(mel->ctx, imaginary, size, odd, size, mel->sines, ATT_F32, frames, size, size, true);
  for (int64_t i = 0; i < frames * size; i++) real[i] = real[i] * real[i] + imaginary[i] * imaginary[i];
  att_gemm_weight(mel->ctx, rows, bands, real, size, mel->filters, ATT_F32, frames, bands, size, true);
  for (int64_t i = 0; i < frames * bands; i++) rows[i] = log10f(fmaxf(rows[i], 1e-10F));
}

att_status att_mel_logarithms(const att_mel *mel, const float *samples, int64_t count, int64_t length, float *rows) {
  int64_t frames = att_mel_frames(&mel->settings, length), bands = mel->settings.bands, hop = mel->settings.hop;
  size_t size = 4 * BLOCK * (size_t)(mel->half + 1) + (size_t)mel->settings.n_fft;
  float *scratch = att_alloc_aligned(mel->ctx, size, sizeof *scratch);
  if (!scratch) return ATT_MEMORY;
  for (int64_t first = 0; first < frames; first += BLOCK) {
    int64_t these = frames - first < BLOCK ? frames - first : BLOCK;
    /* no frame of the block reaches back to a sample, nor is reflected at the end */
    bool silent = first * hop - mel->half >= count && length - count > mel->half;
    if (silent)
      for (int64_t i = 0; i < these * bands; i++) rows[first * bands + i] = -10;
    else
      make_block(mel, samples, count, length, first, these, scratch, rows + first * bands);
  }
  att_free_aligned(mel->ctx, scratch);
  return ATT_OK;
}

static void standardise(float *rows, int64_t frames, int64_t bands) {
  for (int64_t b = 0; b < bands; b++) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < frames; i++) sum += (double)rows[i * bands + b];
    double mean = sum / (double)frames;
    for (int64_t i = 0; i < frames; i++) squares += pow((double)rows[i * bands + b] - mean, 2);
    double scale = 1 / sqrt(squares / (double)frames + 1e-10);
    for (int64_t i = 0; i < frames; i++) rows[i * bands + b] = (float)(((double)rows[i * bands + b] - mean) * scale);
  }
}

void att_mel_scale(const att_mel_settings *settings, float *rows, int64_t frames) {
  if (settings->scaling == ATT_MEL_STANDARD) {
    standardise(rows, frames, settings->bands);
    return;
  }
  float highest = -INFINITY;
  for (int64_t i = 0; i < frames * settings->bands; i++) highest = fmaxf(highest, rows[i]);
  for (int64_t i = 0; i < frames * settings->bands; i++) rows[i] = (fmaxf(rows[i], highest - 8) + 4) / 4;
}

att_status att_mel_features(const att_mel *mel, const float *samples, int64_t count, int64_t length, float *rows) {
  ATT_TRY(att_mel_logarithms(mel, samples, count, length, rows));
  att_mel_scale(&mel->settings, rows, att_mel_frames(&mel->settings, length));
  return ATT_OK;
}
