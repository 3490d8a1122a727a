/*
 * Owns piano rolls: tunes of frames, a frame the keys of a piano that sound in it; JSON files of them (plain or .gz),
 * {"train": [tune ...], "valid": [...], "test": [...]} or a list of tunes alone, a tune a list of frames, a frame a
 * list of keys by their MIDI numbers; to a tune and back; as the rows that models read. Refuses keys that a piano has
 * not.
 */
#ifndef ATT_TRAIN_DATA_ROLLS_H
#define ATT_TRAIN_DATA_ROLLS_H

#include "formats/tune.h"
#include "models/pass.h"

enum { ATT_ROLL_KEYS = 88, ATT_ROLL_FIRST = 21, ATT_ROLL_PARTS = 3 };
extern const char *const att_roll_parts[ATT_ROLL_PARTS]; /* "train", "valid", "test" */

/* Tunes one behind the other. Zero-initialised is empty. */
typedef struct att_rolls {
  unsigned char *frames; /* [start[count], ATT_ROLL_KEYS]: 0 or 1 */
  int64_t *start;        /* [count + 1]; NULL where count is 0 */
  int64_t count, longest;
} att_rolls;

/* Whether a path ends in .json or .json.gz. */
bool att_is_roll_file(const char *path);
/* Whether a file of JSON holds piano rolls and no questions or the like: lists three deep stand in it before any object
 * but the outermost. What is neither, or no JSON, does not. */
att_status att_rolls_are_in(att_context *ctx, const char *path, bool *are);
/* By the numbers of att_roll_parts; a list alone is the first. A part that is absent is empty; refuses a file without
 * any tune, and tunes without frames. */
att_status att_rolls_read(att_context *ctx, const char *path, att_rolls parts[ATT_ROLL_PARTS]);
void att_rolls_free(att_context *ctx, att_rolls *rolls);
static inline int64_t att_rolls_frames(const att_rolls *r) { return r->count ? r->start[r->count] : 0; }

/* A file of one tune as a roll of so many frames a quarter: the keys that sound in the middle of each frame, drums left
 * out. A piano roll in JSON is taken as it is, the first tune of the first part that has one. */
att_status att_roll_read_tune(att_context *ctx, const char *path, int64_t frames_per_quarter, att_rolls *roll);
/* Frames [count, ATT_ROLL_KEYS] as a tune; a key that sounds in frames side by side is one note. tempo: quarters a
 * minute. */
att_status att_roll_to_tune(att_context *ctx, const unsigned char *frames, int64_t count, int64_t frames_per_quarter,
                            double tempo, att_tune *tune);
/* The same as JSON, a list of one tune. */
att_status att_roll_to_json(att_context *ctx, const unsigned char *frames, int64_t count, att_buffer *out);

/* Tunes which[0 .. count), or begin .. begin + count where which is NULL, as a model reads them, on the arena: each
 * frame's row is the frame before it, the first one's of a tune is 0; a tune of more than `most` frames in pieces.
 * values: the frames themselves. shift: NULL, or for each tune how many keys higher it is read; what would leave the
 * piano is left out. */
att_status att_rolls_take(const att_rolls *rolls, const int32_t *which, const int32_t *shift, int64_t begin,
                          int64_t count, int64_t most, att_arena *arena, att_batch *batch);
/* Refuses models without a head of frames over a piano's keys. */
att_status att_rolls_check_model(att_model *model);
/* Log-probability of all frames. */
att_status att_rolls_score(att_model *model, const att_rolls *rolls, int64_t most, att_arena *arena, double *logprob);

#endif
