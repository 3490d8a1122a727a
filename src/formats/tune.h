/*
 * Owns tunes: notes with instruments, tempi and metres over ticks; MIDI files (formats 0 and 1, running status) and ABC
 * read and written; and tunes as the words that a language model reads. Refuses MIDI with SMPTE time and format 2.
 *
 * The words of a tune, in 24ths of a quarter note, bar after bar:
 *   bar   metre_3/4   tempo_120   pos_12   program_40 | drums   vel_80   key_60   len_24
 * A metre, tempo, program and velocity (in steps of 8) are said where they change, a position where the next note
 * begins elsewhere; key_N len_N is a note. Any order of words is a tune: what makes no sense is passed over.
 */
#ifndef ATT_FORMATS_TUNE_H
#define ATT_FORMATS_TUNE_H

#include "base/context.h"

#define ATT_TUNE_QUARTER 24 /* of words */
#define ATT_TUNE_DRUMS   128
#define ATT_MOST_BARS    100000 /* of a tune that is written bar by bar: as words, in ABC */

typedef struct att_note {
  int64_t start, length; /* ticks */
  int program;           /* 0 to 127, or ATT_TUNE_DRUMS */
  int key, velocity;     /* 0 to 127; 1 to 127 */
} att_note;

/* microseconds a quarter, or numerator / denominator, from a tick on. */
typedef struct att_tune_tempo {
  int64_t at, microseconds;
} att_tune_tempo;
typedef struct att_tune_metre {
  int64_t at;
  int numerator, denominator;
} att_tune_metre;

/* Zero-initialised is empty. Sorted by time; notes of one time by program and key. */
typedef struct att_tune {
  int64_t quarter; /* ticks */
  att_note *notes;
  att_tune_tempo *tempi;
  att_tune_metre *metres;
  size_t note_count, note_room, tempo_count, tempo_room, metre_count, metre_room;
} att_tune;

void att_tune_free(att_context *ctx, att_tune *tune);
att_status att_tune_add_note(att_context *ctx, att_tune *tune, att_note note);
att_status att_tune_add_tempo(att_context *ctx, att_tune *tune, int64_t at, int64_t microseconds);
att_status att_tune_add_metre(att_context *ctx, att_tune *tune, int64_t at, int numerator, int denominator);
void att_tune_sort(att_tune *tune);

/* name: for messages. */
att_status att_midi_read(att_context *ctx, const char *name, const unsigned char *data, size_t size, att_tune *tune);
/* Format 1: tempi and metres, then a track an instrument. Appended to out. */
att_status att_midi_write(att_context *ctx, const att_tune *tune, att_buffer *out);

/* Gets a tune of a file that may have many; it stays the caller's. */
typedef att_status att_tune_fn(void *user, const att_tune *tune);
/* Fields X, M, L, Q, K; notes, accidentals and keys' own, octaves, lengths, rests, chords, ties, tuplets, broken
 * rhythm, first voice alone; repeats are played once. text is written over. */
att_status att_abc_read(att_context *ctx, const char *name, char *text, size_t size, att_tune_fn *give, void *user);
/* One voice with chords; notes that begin together are one chord, cut where the next begins. */
att_status att_abc_write(att_context *ctx, const att_tune *tune, att_buffer *out);

/* The words, with blanks between; appended to out. name: for messages. */
att_status att_tune_to_words(att_context *ctx, const char *name, const att_tune *tune, att_buffer *out);
att_status att_tune_from_words(att_context *ctx, const char *words, size_t size, att_tune *tune);

#endif
