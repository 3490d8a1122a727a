/*
 * Owns files of tunes (.mid, .midi, .abc) as running text of words (formats/tune.h), and the vocabulary of these words
 * as a tokenizer. Refuses files of other kinds.
 */
#ifndef ATT_TRAIN_DATA_MUSIC_H
#define ATT_TRAIN_DATA_MUSIC_H

#include "formats/tune.h"
#include "train/data/running_text.h"

/* All tunes of some files, a piece each, in their order. Says how many in the log. */
att_status att_music_read(att_context *ctx, const char *const *names, size_t count, att_running *running);
/* One tune of a file: its first. */
att_status att_music_read_one(att_context *ctx, const char *name, att_tune *tune);
/* A tune as a .mid, .midi or .abc file, whole or not at all; `check` alone says whether the name is one of them. */
att_status att_music_check_name(att_context *ctx, const char *path);
att_status att_music_write(att_context *ctx, const att_tune *tune, const char *path);
/* A token a word: every word that such tunes can have, so that another tune has none that is not known. */
att_status att_music_tokenizer(att_context *ctx, att_tokenizer **out);

#endif
