/*
 * Owns log-mel features: from samples to one row of bands a frame, as a description of them says. The Fourier transform
 * is a product with a table of cosines and sines (attend's own gemm): a frame has a few hundred samples. Refuses to
 * know of files and models.
 */
#ifndef ATT_AUDIO_MEL_H
#define ATT_AUDIO_MEL_H

#include "base/context.h"

/* What becomes of the logarithms of a recording. */
typedef enum att_mel_scaling {
  ATT_MEL_WHISPER, /* not below the recording's highest less 8; then (x + 4) / 4 */
  ATT_MEL_STANDARD /* each band less its mean, by its standard deviation, over the recording's frames */
} att_mel_scaling;

/* Frames are windows (Hann, periodic) around every hop-th sample from the first; the recording is reflected at both
 * ends. Bands are triangles on Slaney's mel scale from 0 hertz to half the rate, of equal area (librosa's default). */
typedef struct att_mel_settings {
  int rate;               /* hertz */
  int window, hop, n_fft; /* samples; window <= n_fft, the window in the middle; n_fft even */
  int bands;
  att_mel_scaling scaling;
} att_mel_settings;

typedef struct att_mel att_mel;
/* ATT_ARGUMENT where they cannot be. */
att_status att_mel_check(att_context *ctx, const att_mel_settings *settings);
/* Tables for the settings. ATT_ARGUMENT: impossible ones. Free with att_mel_free. */
att_status att_mel_new(att_context *ctx, const att_mel_settings *settings, att_mel **mel);
void att_mel_free(att_mel *mel); /* NULL is fine */

/* One frame a whole hop. */
int64_t att_mel_frames(const att_mel_settings *settings, int64_t samples);
/* rows[att_mel_frames(length), bands]: base-10 logarithms of at least 1e-10, of samples[count] followed by silence up
 * to `length` samples (count <= length), scaled. */
att_status att_mel_features(const att_mel *mel, const float *samples, int64_t count, int64_t length, float *rows);
/* The two steps apart: for who has the logarithms already. */
att_status att_mel_logarithms(const att_mel *mel, const float *samples, int64_t count, int64_t length, float *rows);
void att_mel_scale(const att_mel_settings *settings, float *rows, int64_t frames);

#endif
