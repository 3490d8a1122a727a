/* Owns ABC notation as text (the ABC standard 2.1, of which tune.h says what). What is not known in a tune's body
 * (text, decorations, lyrics, grace notes) is passed over. */
#include "formats/tune.h"

#include "formats/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_ABC_QUARTER 480
#define ATT_LONGEST     (64 * ATT_ABC_QUARTER)
#define ATT_MOST_CHORD  16

typedef struct abc_reader {
  att_context *ctx;
  const char *name;
  att_tune tune;
  bool open, body;          /* within a tune, behind its key */
  int64_t unit, unit_given; /* ticks of a note length; 0: by the metre */
  int64_t now;
  int numerator, denominator;
  int key[7];                 /* of each letter, A first: sharps (1) and flats (-1) */
  int bar[7][10];             /* accidentals of the bar by letter and octave; 9: none */
  double broken, next_broken; /* factors of this note and the next */
  int tuplet;                 /* notes that are still within one, of: */
  double tuplet_factor;
  size_t tied; /* the last notes, which the next of the same key prolongs */
} abc_reader;

/* ---- fields --------------------------------------------------------------------------------------------------- */

/* Sharps of a key: of "Bb", "F#m", "D dorian". */
static int sharps_of(const char *text) {
  static const int majors[] = {3, 5, 0, 2, 4, -1, 1}; /* A to G */
  static const struct {
    const char *name;
    int shift;
  } modes[] = {{"maj", 0},  {"ion", 0},  {"min", -3}, {"aeo", -3}, {"mix", -1},
               {"dor", -2}, {"phr", -4}, {"lyd", 1},  {"loc", -5}};
  while (*text == ' ') text++;
  if (*text < 'A' || *text > 'G') return 0;
  int sharps = majors[*text++ - 'A'];
  if (*text == '#' || *text == 'b') sharps += *text++ == '#' ? 7 : -7;
  while (*text == ' ') text++;
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    bool is = true;
    for (int k = 0; k < 3 && is; k++) is = (text[k] | 0x20) == modes[i].name[k];
    if (is) return sharps + modes[i].shift;
  }
  return *text == 'm' ? sharps - 3 : sharps;
}

static void clear_bar(abc_reader *r) {
  for (int i = 0; i < 7; i++)
    for (int k = 0; k < 10; k++) r->bar[i][k] = 9;
}

static void set_key(abc_reader *r, const char *text) {
  static const char sharps[] = "FCGDAEB", flats[] = "BEADGCF";
  int count = sharps_of(text);
  memset(r->key, 0, sizeof r->key);
  for (int i = 0; i < count && i < 7; i++) r->key[sharps[i] - 'A'] = 1;
  for (int i = 0; i < -count && i < 7; i++) r->key[flats[i] - 'A'] = -1;
  clear_bar(r);
}

static void set_unit(abc_reader *r) {
  bool below = 4 * r->numerator < 3 * r->denominator; /* 2/4 and less: sixteenths */
  r->unit = r->unit_given ? r->unit_given : below ? ATT_ABC_QUARTER / 4 : ATT_ABC_QUARTER / 2;
}

/* "n/d" behind spaces. */
static bool read_fraction(const char *text, int *n, int *d) {
  while (*text == ' ') text++;
  return att_read_digits(&text, n) && *text++ == '/' && att_read_digits(&text, d);
}

/* A whole number behind spaces. */
static bool read_whole(const char *text, int *number) {
  while (*text == ' ') text++;
  return att_read_digits(&text, number);
}

static att_status set_metre(abc_reader *r, const char *text) {
  int n = 0, d = 0;
  while (*text == ' ') text++;
  if (*text == 'C')
    n = text[1] == '|' ? 2 : 4, d = text[1] == '|' ? 2 : 4;
  else if (!read_fraction(text, &n, &d))
    return ATT_OK;
  if (n < 1 || n > 64 || (d != 1 && d != 2 && d != 4 && d != 8 && d != 16 && d != 32)) return ATT_OK;
  r->numerator = n;
  r->denominator = d;
  if (!r->body) set_unit(r); /* a metre that changes within a tune leaves the lengths as they are */
  return att_tune_add_metre(r->ctx, &r->tune, r->now, n, d);
}

static att_status set_tempo(abc_reader *r, const char *text) {
  int n = 1, d = 4, bpm = 0;
  const char *equals = strchr(text, '=');
  if (equals && read_whole(equals + 1, &bpm)) {
    const char *slash = strchr(text, '/');
    while (slash && slash > text && slash[-1] >= '0' && slash[-1] <= '9') slash--;
    if (slash) (void)read_fraction(slash, &n, &d);
  } else if (!read_whole(text, &bpm)) {
    return ATT_OK;
  }
  if (bpm < 5 || bpm > 1000 || n < 1 || n > 64 || d < 1 || d > 64) return ATT_OK;
  double quarters = (double)bpm * 4 * n / d;
  if (quarters < 5 || quarters > 2000) return ATT_OK;
  return att_tune_add_tempo(r->ctx, &r->tune, r->now, (int64_t)(60000000 / quarters));
}

static att_status take_field(abc_reader *r, char kind, const char *text) {
  int n, d;
  switch (kind) {
  case 'M': return set_metre(r, text);
  case 'Q': return set_tempo(r, text);
  case 'L':
    if (read_fraction(text, &n, &d) && n > 0 && n < 64 && d > 0 && d <= 64)
      r->unit_given = 4 * (int64_t)ATT_ABC_QUARTER * n / d;
    set_unit(r);
    return ATT_OK;
  case 'K':
    set_key(r, text);
    r->body = true;
    return ATT_OK;
  default: return ATT_OK;
  }
}

/* ---- the body ------------------------------------------------------------------------------------------------- */

static bool is_letter(char c) { return (c >= 'A' && c <= 'G') || (c >= 'a' && c <= 'g'); }

/* "3", "/2", "3/2", "//": times the unit. */
static double read_factor(const char **at) {
  double factor = 1;
  char *end;
  if (**at >= '0' && **at <= '9') {
    factor = (double)strtol(*at, &end, 10);
    *at = end;
  }
  while (**at == '/') {
    long by = 2;
    ++*at;
    if (**at >= '0' && **at <= '9') {
      by = strtol(*at, &end, 10);
      *at = end;
    }
    factor /= by > 0 ? (double)by : 1;
  }
  return factor > 0 && factor <= 64 ? factor : 1;
}

/* A pitch and, behind it, nothing of its length; -1: none. */
static int read_pitch(abc_reader *r, const char **at) {
  static const int steps[] = {9, 11, 0, 2, 4, 5, 7}; /* A to G above C */
  int accidental = 9, octave;
  for (; **at == '^' || **at == '_' || **at == '='; ++*at) {
    if (accidental == 9) accidental = 0;
    accidental += **at == '^' ? 1 : **at == '_' ? -1 : 0;
  }
  if (!is_letter(**at)) return -1;
  bool low = **at < 'a';
  int letter = (**at & ~0x20) - 'A';
  octave = low ? 4 : 5;
  for (++*at; **at == '\'' || **at == ','; ++*at) octave += **at == '\'' ? 1 : -1;
  octave = octave < 0 ? 0 : octave > 9 ? 9 : octave;
  if (accidental != 9) r->bar[letter][octave] = accidental;
  int sign = r->bar[letter][octave] != 9 ? r->bar[letter][octave] : r->key[letter];
  int key = 12 * (octave + 1) + steps[letter] + sign;
  return key < 0 || key > 127 ? -1 : key;
}

static int64_t ticks_of(abc_reader *r, double factor) {
  double length = (double)r->unit * factor * r->broken * (r->tuplet > 0 ? r->tuplet_factor : 1);
  r->broken = r->next_broken;
  r->next_broken = 1;
  if (r->tuplet > 0) r->tuplet--;
  return length < 1 ? 1 : length > ATT_LONGEST ? ATT_LONGEST : (int64_t)(length + 0.5);
}

/* "A>B": the note before was written already. */
static void take_broken(abc_reader *r, const char **at) {
  bool longer = **at == '>';
  double share = 0.5;
  char sign = **at;
  for (++*at; **at == sign; ++*at) share /= 2;
  att_tune *t = &r->tune;
  if (t->note_count == 0 || r->tied > t->note_count) return;
  att_note *last = &t->notes[t->note_count - 1];
  int64_t was = last->length, is = (int64_t)((double)was * (longer ? 2 - share : share) + 0.5);
  for (size_t i = t->note_count; i > 0 && t->notes[i - 1].start == last->start; i--) t->notes[i - 1].length = is;
  r->now += is - was;
  r->broken = longer ? share : 2 - share;
}

static void take_tuplet(abc_reader *r, const char **at) {
  static const int in_time_of[] = {0, 0, 3, 2, 3, 2, 2, 2, 3, 2};
  int n = **at - '0';
  ++*at;
  if (n < 2 || n > 9) return;
  r->tuplet = n;
  r->tuplet_factor = (double)in_time_of[n] / n;
  while (**at == ':' || (**at >= '0' && **at <= '9')) ++*at;
}

static att_status add_notes(abc_reader *r, const int *keys, int count, int64_t length, bool ties) {
  att_tune *t = &r->tune;
  size_t tied = r->tied, first = t->note_count;
  for (int i = 0; i < count; i++) {
    bool joined = false;
    for (size_t k = first - (tied < first ? tied : first); k < first && !joined; k++) {
      att_note *before = &t->notes[k];
      joined = before->key == keys[i] && before->start + before->length == r->now;
      if (joined) before->length += length;
    }
    if (!joined) ATT_TRY(att_tune_add_note(r->ctx, t, (att_note){r->now, length, 0, keys[i], 80}));
  }
  r->now += length;
  r->tied = ties ? (size_t)count + (t->note_count == first ? tied : 0) : 0;
  return ATT_OK;
}

static att_status take_chord(abc_reader *r, const char **at) {
  int keys[ATT_MOST_CHORD], count = 0;
  double inner = 1;
  while (**at && **at != ']') {
    int key = read_pitch(r, at);
    if (key < 0) {
      ++*at;
      continue;
    }
    double factor = read_factor(at);
    if (count == 0) inner = factor;
    if (count < ATT_MOST_CHORD) keys[count++] = key;
  }
  if (**at) ++*at;
  int64_t length = ticks_of(r, inner * read_factor(at));
  return add_notes(r, keys, count, length, **at == '-');
}

/* Up to a closing sign, or the end of the line. */
static void skip_to(const char **at, char close) {
  ++*at;
  while (**at && **at != close) ++*at;
  if (**at) ++*at;
}

static att_status take_one(abc_reader *r, const char **at) {
  char c = **at;
  if (c == '"' || c == '!' || c == '+') {
    skip_to(at, c);
  } else if (c == '{') {
    skip_to(at, '}');
  } else if (c == '|' || c == ':') {
    clear_bar(r);
    ++*at;
  } else if (c == '[' && (*at)[1] && (*at)[2] == ':') { /* a field within a line: [M:3/4] */
    const char *field = *at + 1;
    skip_to(at, ']');
    return field[0] == 'V' ? ATT_OK : take_field(r, field[0], field + 2);
  } else if (c == '[' && ((*at)[1] == '|' || ((*at)[1] >= '0' && (*at)[1] <= '9'))) {
    ++*at;
  } else if (c == '[') {
    ++*at;
    return take_chord(r, at);
  } else if (c == '(' && (*at)[1] >= '0' && (*at)[1] <= '9') {
    ++*at;
    take_tuplet(r, at);
  } else if (c == '>' || c == '<') {
    take_broken(r, at);
  } else if (c == 'z' || c == 'x' || c == 'Z') {
    ++*at;
    double factor = read_factor(at);
    if (c == 'Z') factor *= (double)(4 * (int64_t)ATT_ABC_QUARTER * r->numerator / r->denominator) / (double)r->unit;
    r->now += ticks_of(r, factor < 64 ? factor : 64);
    r->tied = 0;
  } else if (is_letter(c) || c == '^' || c == '_' || c == '=') {
    int key = read_pitch(r, at);
    if (key < 0) return ATT_OK;
    int64_t length = ticks_of(r, read_factor(at));
    return add_notes(r, &key, 1, length, **at == '-');
  } else {
    ++*at;
  }
  return ATT_OK;
}

static att_status read_body(abc_reader *r, const char *line) {
  while (*line && *line != '%') {
    const char *before = line;
    ATT_TRY(take_one(r, &line));
    if (line == before) line++;
  }
  return ATT_OK;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static att_status finish(abc_reader *r, att_tune_fn *give, void *user, size_t *given) {
  att_status status = ATT_OK;
  if (r->open && r->tune.note_count) {
    att_tune_sort(&r->tune);
    ++*given;
    status = give(user, &r->tune);
  }
  att_tune_free(r->ctx, &r->tune);
  *r = (abc_reader){.ctx = r->ctx, .name = r->name, .numerator = 4, .denominator = 4, .broken = 1, .next_broken = 1};
  r->tune.quarter = ATT_ABC_QUARTER;
  set_unit(r);
  clear_bar(r);
  return status;
}

static att_status read_line(abc_reader *r, const char *line, att_tune_fn *give, void *user, size_t *given) {
  bool field = ((line[0] >= 'A' && line[0] <= 'Z') || line[0] == 'w' || line[0] == 's') && line[1] == ':';
  if (field && line[0] == 'X') {
    ATT_TRY(finish(r, give, user, given));
    r->open = true;
    return ATT_OK;
  }
  if (!r->open || line[0] == '%') return ATT_OK;
  if (field) return take_field(r, line[0], line + 2);
  return r->body ? read_body(r, line) : ATT_OK;
}

att_status att_abc_read(att_context *ctx, const char *name, char *text, size_t size, att_tune_fn *give, void *user) {
  abc_reader *r = ATT_NEW(ctx, 1, abc_reader);
  size_t given = 0;
  if (!r) return ATT_MEMORY;
  r->ctx = ctx;
  r->name = name;
  att_status status = finish(r, give, user, &given);
  for (size_t at = 0; at < size && !status;) {
    char *end = memchr(text + at, '\n', size - at);
    size_t length = end ? (size_t)(end - text) - at : size - at;
    if (end) *end = '\0';
    if (length && text[at + length - 1] == '\r') text[at + length - 1] = '\0';
    if (att_is_interrupted(ctx)) status = att_fail(ctx, ATT_INTERRUPTED, "%s: interrupted while reading", name);
    if (!status) status = read_line(r, text + at, give, user, &given);
    at += length + 1;
  }
  if (!status) status = finish(r, give, user, &given);
  att_tune_free(ctx, &r->tune);
  att_free(ctx, r);
  if (status || given) return status;
  return att_fail(ctx, ATT_FORMAT, "%s: there is no tune in it: ABC has X: and K: before the notes", name);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* In 24ths of a quarter: of sixteenths, 6. */
static att_status put_length(att_context *ctx, att_buffer *out, int64_t length) {
  int64_t n = length, d = 6;
  for (int64_t k = 6; k > 1; k--)
    while (n % k == 0 && d % k == 0) n /= k, d /= k;
  if (n != 1) ATT_TRY(att_buffer_print(ctx, out, "%lld", (long long)n));
  return d != 1 ? att_buffer_print(ctx, out, "/%lld", (long long)d) : ATT_OK;
}

static att_status put_pitch(att_context *ctx, att_buffer *out, int key) {
  static const char *const names[] = {"=C", "^C", "=D", "^D", "=E", "=F", "^F", "=G", "^G", "=A", "^A", "=B"};
  int octave = key / 12 - 1;
  char name[3] = {names[key % 12][0], names[key % 12][1], 0};
  if (octave > 4) name[1] = (char)(name[1] | 0x20);
  ATT_TRY(att_buffer_print(ctx, out, "%s", name));
  for (int i = octave; i > 5; i--) ATT_TRY(att_buffer_print(ctx, out, "'"));
  for (int i = octave; i < 4; i++) ATT_TRY(att_buffer_print(ctx, out, ","));
  return ATT_OK;
}

static int64_t grid_of(const att_tune *t, int64_t ticks) { return (ticks * 24 + t->quarter / 2) / t->quarter; }

typedef struct abc_writer {
  att_context *ctx;
  const att_tune *tune;
  att_buffer *out;
  int64_t now, bar, bar_end;     /* 24ths of a quarter; bar: how long one is */
  size_t next_metre, next_tempo; /* that have not been written */
  int64_t bars;                  /* that have ended */
} abc_writer;

static int64_t abc_tempo(const att_tune *t, size_t i) {
  int64_t microseconds = t->tempi[i].microseconds;
  return microseconds > 0 ? (60000000 + microseconds / 2) / microseconds : 120;
}

static void begin_bars(abc_writer *w, int numerator, int denominator) {
  w->bar = ATT_TUNE_QUARTER * 4 * (int64_t)numerator / denominator;
  if (w->bar < 1) w->bar = 1;
  w->bar_end = w->now + w->bar;
}

/* Metres and tempi from now on; a metre begins a bar. */
static att_status put_changes(abc_writer *w) {
  const att_tune *t = w->tune;
  for (; w->next_metre < t->metre_count && grid_of(t, t->metres[w->next_metre].at) <= w->now; w->next_metre++) {
    const att_tune_metre *m = &t->metres[w->next_metre];
    if (w->now > 0 && w->bar_end - w->bar < w->now) ATT_TRY(att_buffer_print(w->ctx, w->out, "|\n"));
    ATT_TRY(att_buffer_print(w->ctx, w->out, "[M:%d/%d] ", m->numerator, m->denominator));
    begin_bars(w, m->numerator, m->denominator);
  }
  for (; w->next_tempo < t->tempo_count && grid_of(t, t->tempi[w->next_tempo].at) <= w->now; w->next_tempo++)
    ATT_TRY(att_buffer_print(w->ctx, w->out, "[Q:1/4=%lld] ", (long long)abc_tempo(t, w->next_tempo)));
  return ATT_OK;
}

/* To where the bar ends or something changes, or to `stop`. */
static int64_t next_cut(const abc_writer *w, int64_t stop) {
  const att_tune *t = w->tune;
  int64_t cut = w->bar_end < stop ? w->bar_end : stop;
  int64_t metre = w->next_metre < t->metre_count ? grid_of(t, t->metres[w->next_metre].at) : cut;
  int64_t tempo = w->next_tempo < t->tempo_count ? grid_of(t, t->tempi[w->next_tempo].at) : cut;
  if (metre > w->now && metre < cut) cut = metre;
  return tempo > w->now && tempo < cut ? tempo : cut;
}

static att_status put_chord(abc_writer *w, size_t first, size_t end) {
  if (end == first) return att_buffer_print(w->ctx, w->out, "z");
  if (end - first > 1) ATT_TRY(att_buffer_print(w->ctx, w->out, "["));
  for (size_t k = first; k < end; k++) ATT_TRY(put_pitch(w->ctx, w->out, w->tune->notes[k].key));
  return end - first > 1 ? att_buffer_print(w->ctx, w->out, "]") : ATT_OK;
}

/* Notes first .. end, or silence where there are none, from now to `stop`: tied over bars and changes. */
static att_status put_span(abc_writer *w, size_t first, size_t end, int64_t stop) {
  while (w->now < stop) {
    if (w->bars > ATT_MOST_BARS)
      return att_fail(w->ctx, ATT_UNSUPPORTED, "a tune of more than %d bars is not written in ABC", ATT_MOST_BARS);
    ATT_TRY(put_changes(w));
    int64_t cut = next_cut(w, stop);
    ATT_TRY(put_chord(w, first, end));
    ATT_TRY(put_length(w->ctx, w->out, cut - w->now));
    if (cut < stop && end > first) ATT_TRY(att_buffer_print(w->ctx, w->out, "-"));
    w->now = cut;
    ATT_TRY(att_buffer_print(w->ctx, w->out, "%s", cut == w->bar_end ? " |\n" : " "));
    if (cut < w->bar_end) continue;
    w->bar_end += w->bar;
    w->bars++;
  }
  return ATT_OK;
}

att_status att_abc_write(att_context *ctx, const att_tune *t, att_buffer *out) {
  bool metre = t->metre_count && t->metres[0].at == 0, tempo = t->tempo_count && t->tempi[0].at == 0;
  int n = metre ? t->metres[0].numerator : 4, d = metre ? t->metres[0].denominator : 4;
  abc_writer w = {.ctx = ctx, .tune = t, .out = out, .next_metre = metre, .next_tempo = tempo};
  begin_bars(&w, n, d);
  ATT_TRY(att_buffer_print(ctx, out, "X:1\nT:tune\nM:%d/%d\nL:1/16\nQ:1/4=%lld\nK:C\n", n, d,
                           (long long)(tempo ? abc_tempo(t, 0) : 120)));
  for (size_t i = 0, end; i < t->note_count; i = end) {
    int64_t start = grid_of(t, t->notes[i].start), stop = grid_of(t, t->notes[i].start + t->notes[i].length);
    for (end = i + 1; end < t->note_count && grid_of(t, t->notes[end].start) == start; end++) {
      int64_t other = grid_of(t, t->notes[end].start + t->notes[end].length);
      if (other > stop) stop = other;
    }
    if (end < t->note_count && stop > grid_of(t, t->notes[end].start)) stop = grid_of(t, t->notes[end].start);
    if (stop <= start) stop = start + 1;
    ATT_TRY(put_span(&w, 0, 0, start));
    ATT_TRY(put_span(&w, i, end, stop));
  }
  return att_buffer_print(ctx, out, "|]\n");
}
