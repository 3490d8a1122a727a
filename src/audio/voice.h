/*
 * Owns telling silence, and what may be a voice, from the rest of a recording: by level, and by how far the spectrum
 * stands above the noise. Refuses to know what is said.
 */
#ifndef ATT_AUDIO_VOICE_H
#define ATT_AUDIO_VOICE_H

#include "audio/mel.h"

/* Whether samples are as good as silence: no 10 ms of them louder than -60 dB of full scale (root mean square). */
bool att_is_silent(const float *samples, int64_t count, int rate);
/* Samples before the first 10 ms that are louder; count: none is. */
int64_t att_leading_silence(const float *samples, int64_t count, int rate);

/* voiced[frames]: where log-mel features (att_mel_logarithms) stand above the noise, which is what each band has in the
 * quietest tenth of the frames, with 0.2 seconds before and after. */
att_status att_voice_mark(att_context *ctx, const att_mel_settings *settings, const float *rows, int64_t frames,
                          bool *voiced);

#endif
