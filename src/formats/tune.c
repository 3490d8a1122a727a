/* Owns tunes in memory, and as words. See tune.h. */
#include "formats/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_LONGEST_NOTE (16 * ATT_TUNE_QUARTER)

void att_tune_free(att_context *ctx, att_tune *t) {
  att_free(ctx, t->notes);
  att_free(ctx, t->tempi);
  att_free(ctx, t->metres);
  *t = (att_tune){0};
}

/* Room for one more of `size` bytes; NULL: no memory. */
static void *grow(att_context *ctx, void *list, size_t count, size_t *room, size_t size) {
  if (count < *room) return list;
  size_t more = *room ? 2 * *room : 64;
  void *grown = att_resize(ctx, list, more, size);
  if (grown) *room = more;
  return grown;
}

att_status att_tune_add_note(att_context *ctx, att_tune *t, att_note note) {
  att_note *notes = grow(ctx, t->notes, t->note_count, &t->note_room, sizeof *notes);
  if (!notes) return ATT_MEMORY;
  t->notes = notes;
  notes[t->note_count++] = note;
  return ATT_OK;
}

att_status att_tune_add_tempo(att_context *ctx, att_tune *t, int64_t at, int64_t microseconds) {
  att_tune_tempo *tempi = grow(ctx, t->tempi, t->tempo_count, &t->tempo_room, sizeof *tempi);
  if (!tempi) return ATT_MEMORY;
  t->tempi = tempi;
  tempi[t->tempo_count++] = (att_tune_tempo){at, microseconds};
  return ATT_OK;
}

att_status att_tune_add_metre(att_context *ctx, att_tune *t, int64_t at, int numerator, int denominator) {
  att_tune_metre *metres = grow(ctx, t->metres, t->metre_count, &t->metre_room, sizeof *metres);
  if (!metres) return ATT_MEMORY;
  t->metres = metres;
  metres[t->metre_count++] = (att_tune_metre){at, numerator, denominator};
  return ATT_OK;
}

static int by_note(const void *a, const void *b) {
  const att_note *x = a, *y = b;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  if (x->program != y->program) return x->program - y->program;
  if (x->key != y->key) return x->key - y->key;
  return (x->length > y->length) - (x->length < y->length);
}

static int by_tempo(const void *a, const void *b) {
  const att_tune_tempo *x = a, *y = b;
  return (x->at > y->at) - (x->at < y->at);
}

static int by_metre(const void *a, const void *b) {
  const att_tune_metre *x = a, *y = b;
  return (x->at > y->at) - (x->at < y->at);
}

void att_tune_sort(att_tune *t) {
  if (t->note_count) qsort(t->notes, t->note_count, sizeof *t->notes, by_note);
  if (t->tempo_count) qsort(t->tempi, t->tempo_count, sizeof *t->tempi, by_tempo);
  if (t->metre_count) qsort(t->metres, t->metre_count, sizeof *t->metres, by_metre);
}

/* ---- to words ------------------------------------------------------------------------------------------------- */

static int64_t to_grid(const att_tune *t, int64_t ticks) {
  return (ticks * ATT_TUNE_QUARTER + t->quarter / 2) / t->quarter;
}

/* Of a bar, in words' ticks. */
static int64_t bar_length(int numerator, int denominator) {
  int64_t length = (int64_t)numerator * 4 * ATT_TUNE_QUARTER / denominator;
  return length < 1 ? 1 : length;
}

typedef struct word_writer {
  att_context *ctx;
  const char *name;
  const att_tune *tune;
  att_buffer *out;
  size_t tempo, metre;        /* the next ones */
  int64_t bar, end;           /* of the bar that is open */
  int numerator, denominator; /* of it */
  int64_t bpm, position;
  int program, velocity;
  size_t bars;
} word_writer;

static att_status open_bar(word_writer *w) {
  const att_tune *t = w->tune;
  bool first = w->bars == 0, changed = first;
  w->bar = w->end;
  while (w->metre < t->metre_count && to_grid(t, t->metres[w->metre].at) <= w->bar) {
    const att_tune_metre *m = &t->metres[w->metre++];
    changed = changed || m->numerator != w->numerator || m->denominator != w->denominator;
    w->numerator = m->numerator;
    w->denominator = m->denominator;
  }
  w->end = w->bar + bar_length(w->numerator, w->denominator);
  int64_t next = w->metre < t->metre_count ? to_grid(t, t->metres[w->metre].at) : w->end;
  if (next < w->end) w->end = next; /* a metre that changes within a bar begins another */
  w->position = -1;
  w->bars++;
  ATT_TRY(att_buffer_print(w->ctx, w->out, "%sbar", w->out->size ? " " : ""));
  if (changed) ATT_TRY(att_buffer_print(w->ctx, w->out, " metre_%d/%d", w->numerator, w->denominator));
  return ATT_OK;
}

static att_status write_tempo(word_writer *w, int64_t at) {
  const att_tune *t = w->tune;
  int64_t bpm = w->bpm ? w->bpm : 120;
  while (w->tempo < t->tempo_count && to_grid(t, t->tempi[w->tempo].at) <= at)
    bpm = (60000000 + t->tempi[w->tempo].microseconds / 2) / t->tempi[w->tempo].microseconds, w->tempo++;
  bpm = bpm < 10 ? 10 : bpm > 400 ? 400 : bpm;
  if (bpm == w->bpm) return ATT_OK;
  w->bpm = bpm;
  return att_buffer_print(w->ctx, w->out, " tempo_%d", (int)bpm);
}

static att_status write_note(word_writer *w, const att_note *n) {
  int64_t at = to_grid(w->tune, n->start), length = to_grid(w->tune, n->start + n->length) - at;
  int velocity = (n->velocity + 4) / 8 * 8;
  velocity = velocity < 8 ? 8 : velocity > 120 ? 120 : velocity;
  length = length < 1 ? 1 : length > ATT_LONGEST_NOTE ? ATT_LONGEST_NOTE : length;
  while (at >= w->end || w->bars == 0) {
    if (w->bars == ATT_MOST_BARS)
      return att_fail(w->ctx, ATT_UNSUPPORTED, "%s: a tune of more than %d bars", w->name, ATT_MOST_BARS);
    ATT_TRY(open_bar(w));
  }
  ATT_TRY(write_tempo(w, at));
  if (at - w->bar != w->position) {
    w->position = at - w->bar;
    ATT_TRY(att_buffer_print(w->ctx, w->out, " pos_%d", (int)w->position));
  }
  if (n->program != w->program) {
    w->program = n->program;
    ATT_TRY(n->program == ATT_TUNE_DRUMS ? att_buffer_print(w->ctx, w->out, " drums")
                                         : att_buffer_print(w->ctx, w->out, " program_%d", n->program));
  }
  if (velocity != w->velocity) {
    w->velocity = velocity;
    ATT_TRY(att_buffer_print(w->ctx, w->out, " vel_%d", velocity));
  }
  return att_buffer_print(w->ctx, w->out, " key_%d len_%d", n->key, (int)length);
}

att_status att_tune_to_words(att_context *ctx, const char *name, const att_tune *t, att_buffer *out) {
  word_writer w = {.ctx = ctx, .name = name, .tune = t, .out = out, .numerator = 4, .denominator = 4, .program = -1};
  for (size_t i = 0; i < t->note_count; i++) ATT_TRY(write_note(&w, &t->notes[i]));
  return ATT_OK;
}

/* ---- from words ----------------------------------------------------------------------------------------------- */

static bool begins(const char *word, size_t size, const char *name, int64_t low, int64_t high, int64_t *value) {
  size_t length = strlen(name);
  if (size <= length || size > length + 6 || memcmp(word, name, length) != 0) return false;
  *value = 0;
  for (size_t i = length; i < size; i++) {
    if (word[i] < '0' || word[i] > '9') return false;
    *value = *value * 10 + (word[i] - '0');
  }
  return *value >= low && *value <= high;
}

static bool is_metre(const char *word, size_t size, int *numerator, int *denominator) {
  char text[24];
  if (size < 9 || size >= sizeof text || memcmp(word, "metre_", 6) != 0) return false;
  memcpy(text, word, size);
  text[size] = '\0';
  const char *at = text + 6;
  int n, d;
  if (!att_read_digits(&at, &n) || *at++ != '/' || !att_read_digits(&at, &d) || *at) return false;
  if (n < 1 || n > 99 || (d != 1 && d != 2 && d != 4 && d != 8 && d != 16 && d != 32)) return false;
  *numerator = n;
  *denominator = d;
  return true;
}

typedef struct word_reader {
  int64_t bar, next, position; /* next: where the next bar begins */
  int numerator, denominator, program, velocity;
  int64_t key; /* that waits for its length; -1: none */
  size_t bars;
} word_reader;

static att_status take_word(att_context *ctx, word_reader *r, const char *word, size_t size, att_tune *t) {
  int64_t value;
  if (size == 3 && memcmp(word, "bar", 3) == 0) {
    if (r->bars++ >= ATT_MOST_BARS) return ATT_OK;
    r->bar = r->next;
    r->next = r->bar + bar_length(r->numerator, r->denominator);
    r->position = 0;
  } else if (is_metre(word, size, &r->numerator, &r->denominator)) {
    r->next = r->bar + bar_length(r->numerator, r->denominator);
    return att_tune_add_metre(ctx, t, r->bar, r->numerator, r->denominator);
  } else if (begins(word, size, "tempo_", 10, 400, &value)) {
    return att_tune_add_tempo(ctx, t, r->bar + r->position, 60000000 / value);
  } else if (begins(word, size, "pos_", 0, 99999, &value)) {
    r->position = value;
  } else if (begins(word, size, "program_", 0, 127, &value)) {
    r->program = (int)value;
  } else if (size == 5 && memcmp(word, "drums", 5) == 0) {
    r->program = ATT_TUNE_DRUMS;
  } else if (begins(word, size, "vel_", 1, 127, &value)) {
    r->velocity = (int)value;
  } else if (begins(word, size, "key_", 0, 127, &value)) {
    r->key = value;
  } else if (begins(word, size, "len_", 1, ATT_LONGEST_NOTE, &value) && r->key >= 0) {
    const att_note note = {r->bar + r->position, value, r->program, (int)r->key, r->velocity};
    r->key = -1;
    return att_tune_add_note(ctx, t, note);
  }
  return ATT_OK;
}

/* *bar: where the last bar begins. */
static att_status read_words(att_context *ctx, const char *words, size_t size, att_tune *t, int64_t *bar) {
  word_reader r = {.numerator = 4, .denominator = 4, .velocity = 80, .key = -1};
  *t = (att_tune){.quarter = ATT_TUNE_QUARTER};
  att_status status = ATT_OK;
  for (size_t at = 0; at < size && !status;) {
    size_t end = at;
    while (end < size && words[end] != ' ' && words[end] != '\n') end++;
    if (end > at) status = take_word(ctx, &r, words + at, end - at, t);
    at = end + 1;
  }
  if (status) att_tune_free(ctx, t);
  if (!status) att_tune_sort(t);
  *bar = r.bar;
  return status;
}

att_status att_tune_from_words(att_context *ctx, const char *words, size_t size, att_tune *t) {
  int64_t bar;
  return read_words(ctx, words, size, t, &bar);
}

att_status att_tune_last_bar(att_context *ctx, const char *words, size_t size, double *seconds) {
  att_tune t;
  int64_t bar, at = 0, microseconds = 500000; /* a MIDI file's own tempo */
  double sum = 0;
  ATT_TRY(read_words(ctx, words, size, &t, &bar));
  for (size_t i = 0; i <= t.tempo_count; i++) {
    int64_t next = i < t.tempo_count && t.tempi[i].at < bar ? t.tempi[i].at : bar;
    sum += (double)(next - at) * (double)microseconds;
    at = next;
    if (i < t.tempo_count) microseconds = t.tempi[i].microseconds;
  }
  *seconds = sum / ATT_TUNE_QUARTER / 1e6;
  att_tune_free(ctx, &t);
  return ATT_OK;
}
