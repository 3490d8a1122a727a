/*
 * Owns recordings with a text each: a table of files and texts, the recordings' features, kept in memory up to a bound
 * and made again beyond it, and what training changes in them: their speed (Ko et al. 2015), masks over time and bands
 * (SpecAugment; Park et al. 2019). A file that is no recording is left out, counted and named.
 */
#ifndef ATT_TRAIN_DATA_SOUNDS_H
#define ATT_TRAIN_DATA_SOUNDS_H

#include "audio/mel.h"
#include "base/arena.h"
#include "formats/table.h"
#include "train/data/pairs.h"

#define ATT_LONGEST_SOUND 60.0 /* seconds; longer ones are left out */
enum { ATT_SPEEDS = 3 };       /* as recorded, and slower and faster by a tenth */

/* Zero-initialised is empty. */
typedef struct att_sound_table {
  att_table table;
  att_lines lines; /* source: the file, as the table has it; target: its text */
  char *folder;    /* that the table is in; "" here */
} att_sound_table;

/* Columns: the file, and its text; a first row that names them is none. Rows without a text are left out, which the log
 * says. */
att_status att_sound_table_read(att_context *ctx, const char *path, att_sound_table *table);
void att_sound_table_free(att_context *ctx, att_sound_table *table);
/* The rate of a recording itself, in hertz. */
att_status att_sound_rate(att_context *ctx, const att_sound_table *table, att_text file, int *rate);

typedef struct att_sound {
  size_t line;             /* of the lines that were read */
  char *path;              /* as it opens */
  float *rows[ATT_SPEEDS]; /* [frames[speed], bands], or NULL: to be made */
  int64_t frames[ATT_SPEEDS];
} att_sound;

/* Zero-initialised is empty. */
typedef struct att_sounds {
  att_mel *mel;
  att_mel_settings settings;
  att_sound *items; /* [count] */
  int64_t count, left_out;
  size_t kept, most; /* bytes of features in memory, and of them at most */
} att_sounds;

/* The recordings of lines, at the speed they were made; what is no recording, or one longer than ATT_LONGEST_SOUND or
 * of more than `most_frames`, is left out: the log says how many, and why the first was. ATT_FORMAT where none is left.
 * table: where the files are. most: bytes of features to keep. */
att_status att_sounds_read(att_context *ctx, const att_sound_table *table, const att_lines *lines, const char *name,
                           const att_mel_settings *settings, int64_t most_frames, size_t most, att_work_fn *work,
                           void *user, att_sounds *sounds);
void att_sounds_free(att_context *ctx, att_sounds *sounds);
/* Features of a recording at a speed: *rows [*frames, bands]. Where they are not kept, in `arena`. Whisper's have a few
 * frames of silence behind the sound, which is a part of a window: the last is what the rest of the window has. */
att_status att_sounds_get(att_context *ctx, att_sounds *sounds, int64_t index, int speed, att_arena *arena,
                          const float **rows, int64_t *frames);
/* Frames of a token, as two convolutions of stride 2 make it. */
#define ATT_SOUND_STRIDE 4

/* Two masks over bands and two over time, zeros, as drawn from the key: up to a third of the bands, and of the frames
 * up to 40 and a tenth; strength, 0 to 1: so much of that. */
void att_sound_mask(float *rows, int64_t frames, int bands, double strength, uint64_t key);

#endif
