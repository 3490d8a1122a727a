/*
 * Owns recordings as series: their log-mel features, a row a frame, with a label each from a table of files and labels.
 * What is no recording is left out, counted and named.
 */
#ifndef ATT_TRAIN_DATA_SOUND_SERIES_H
#define ATT_TRAIN_DATA_SOUND_SERIES_H

#include "audio/mel.h"
#include "formats/series.h"

/* Whether a path ends as recordings do: .wav, .flac, .ogg, .mp3 and others that libsndfile reads. */
bool att_is_sound_name(att_text path);
/* *is: the file is a table whose rows begin with the names of recordings. */
att_status att_sound_series_look(att_context *ctx, const char *path, bool *is);
/* The features that are made where none are given: 8000 hertz and 40 bands where the first recording of the table has
 * that rate, else 16000 and 80. */
att_status att_sound_series_settings(att_context *ctx, const char *path, att_mel_settings *settings);
/* A table of files and labels. Files are found from its folder. */
att_status att_sound_series_read(att_context *ctx, const char *path, const att_mel_settings *settings, att_series *out);
/* One recording, without a label. */
att_status att_sound_series_read_one(att_context *ctx, const char *path, const att_mel_settings *settings,
                                     att_series *out);

#endif
