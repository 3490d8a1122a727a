/*
 * Owns recordings as samples: a file, standard input or bytes in memory to mono float32 at a wanted rate, piece by
 * piece, so that three hours take no more memory than three seconds. libsndfile reads (wav, flac, ogg, mp3 and what
 * else it knows), soxr changes rates. Refuses, with one line, what is no audio, what has no samples, and samples that
 * are no numbers.
 */
#ifndef ATT_AUDIO_AUDIO_H
#define ATT_AUDIO_AUDIO_H

#include "base/context.h"

typedef struct att_audio att_audio;

/* path "-": standard input (through a pipe, what libsndfile can read without going back: wav, au). rate: of the samples
 * that are given, in hertz. Channels are averaged. ATT_UNSUPPORTED: a build without libsndfile, or without soxr where
 * the rate differs; ATT_FORMAT: no audio, or without any. */
att_status att_audio_open(att_context *ctx, const char *path, int rate, att_audio **audio);
/* The same of what would be in a file: data, [size], which must stay until it is closed. */
att_status att_audio_open_memory(att_context *ctx, const void *data, size_t size, int rate, att_audio **audio);
void att_audio_close(att_audio *audio); /* NULL is fine */

/* The next samples, [wanted] at most; fewer at the end only. ATT_NUMERIC: NaN or infinity among them, with its time. */
att_status att_audio_read(att_audio *audio, float *samples, int64_t wanted, int64_t *count);
/* How long the recording says it is, in seconds; negative where it does not (a pipe). */
double att_audio_seconds(const att_audio *audio);
/* The recording's own rate, in hertz. */
int att_audio_rate(const att_audio *audio);

/* The whole recording; *samples: free with att_free. One longer than `longest` seconds is ATT_UNSUPPORTED. */
att_status att_audio_read_whole(att_context *ctx, const char *path, int rate, double longest, float **samples,
                                int64_t *count);

#endif
