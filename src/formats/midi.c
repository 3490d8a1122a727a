/* Owns MIDI files as bytes (Standard MIDI Files 1.0). See tune.h. What a file claims is checked against its bytes; a
 * note takes three of them at least, so that memory is bounded by the file. */
#include "formats/tune.h"

#include <string.h>

#define ATT_MOST_TICKS ((int64_t)1 << 40)

typedef struct midi_reader {
  att_context *ctx;
  const char *name;
  const unsigned char *at, *end; /* of the track */
  int64_t ticks;
  int status;            /* running; 0: none */
  int program[16];       /* of each channel */
  int64_t open[16][128]; /* the last note that sounds, into tune->notes, less 1; 0: none */
  att_tune *tune;
  int track;
} midi_reader;

static att_status cut_off(const midi_reader *r) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: track %d is cut off: the file is damaged", r->name, r->track);
}

static att_status read_length(midi_reader *r, int64_t *value) {
  *value = 0;
  for (int i = 0; i < 4; i++) {
    if (r->at == r->end) return cut_off(r);
    *value = *value << 7 | (*r->at & 0x7f);
    if (!(*r->at++ & 0x80)) return ATT_OK;
  }
  return att_fail(r->ctx, ATT_FORMAT, "%s: track %d: a number has more than four bytes", r->name, r->track);
}

/* A note that begins again while it sounds ends there. */
static void end_note(midi_reader *r, int channel, int key) {
  int64_t *open = &r->open[channel][key];
  if (*open) {
    att_note *note = &r->tune->notes[*open - 1];
    note->length = r->ticks - note->start;
  }
  *open = 0;
}

static att_status begin_note(midi_reader *r, int channel, int key, int velocity) {
  end_note(r, channel, key);
  const att_note note = {r->ticks, 0, channel == 9 ? ATT_TUNE_DRUMS : r->program[channel], key, velocity};
  ATT_TRY(att_tune_add_note(r->ctx, r->tune, note));
  r->open[channel][key] = (int64_t)r->tune->note_count;
  return ATT_OK;
}

static att_status read_meta(midi_reader *r, bool *over) {
  int64_t size;
  if (r->at == r->end) return cut_off(r);
  int kind = *r->at++;
  ATT_TRY(read_length(r, &size));
  if (size > r->end - r->at) return cut_off(r);
  const unsigned char *data = r->at;
  r->at += size;
  *over = kind == 0x2f;
  if (kind == 0x51 && size >= 3) {
    int64_t tempo = (int64_t)data[0] << 16 | data[1] << 8 | data[2];
    if (tempo > 0) return att_tune_add_tempo(r->ctx, r->tune, r->ticks, tempo);
  }
  if (kind == 0x58 && size >= 2 && data[0] > 0 && data[1] <= 5)
    return att_tune_add_metre(r->ctx, r->tune, r->ticks, data[0], 1 << data[1]);
  return ATT_OK;
}

static att_status read_event(midi_reader *r, bool *over) {
  int64_t delta, size;
  ATT_TRY(read_length(r, &delta));
  r->ticks += delta;
  if (r->ticks > ATT_MOST_TICKS) return att_fail(r->ctx, ATT_FORMAT, "%s: is longer than can be", r->name);
  if (r->at == r->end) return cut_off(r);
  if (*r->at == 0xff) {
    r->at++;
    return read_meta(r, over);
  }
  if (*r->at == 0xf0 || *r->at == 0xf7) {
    r->at++;
    ATT_TRY(read_length(r, &size));
    if (size > r->end - r->at) return cut_off(r);
    r->at += size;
    return ATT_OK;
  }
  if (*r->at & 0x80) r->status = *r->at++;
  if (r->status < 0x80 || r->status >= 0xf0) {
    return att_fail(r->ctx, ATT_FORMAT, "%s: track %d: data where an event must begin", r->name, r->track);
  }
  int kind = r->status >> 4, channel = r->status & 15, bytes = kind == 0xc || kind == 0xd ? 1 : 2;
  if (r->end - r->at < bytes) return cut_off(r);
  int first = r->at[0] & 0x7f, second = bytes > 1 ? r->at[1] & 0x7f : 0;
  r->at += bytes;
  if (kind == 0xc) r->program[channel] = first;
  if (kind == 0x9 && second > 0) return begin_note(r, channel, first, second);
  if (kind == 0x8 || kind == 0x9) end_note(r, channel, first);
  return ATT_OK;
}

/* A track may lack its end; notes that sound then end with it. */
static att_status read_track(midi_reader *r) {
  bool over = false;
  r->ticks = 0;
  r->status = 0;
  memset(r->open, 0, sizeof r->open);
  while (!over && r->at < r->end) {
    if (att_is_interrupted(r->ctx)) return att_fail(r->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", r->name);
    ATT_TRY(read_event(r, &over));
  }
  for (int c = 0; c < 16; c++)
    for (int k = 0; k < 128; k++) end_note(r, c, k);
  return ATT_OK;
}

static int64_t number_at(const unsigned char *data, int bytes) {
  int64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | data[i];
  return value;
}

static att_status read_chunks(midi_reader *r, const unsigned char *data, size_t size) {
  const unsigned char *end = data + size;
  if (size < 14 || memcmp(data, "MThd", 4) != 0 || number_at(data + 4, 4) < 6 ||
      number_at(data + 4, 4) > (int64_t)size - 8)
    return att_fail(r->ctx, ATT_FORMAT, "%s: is no MIDI file", r->name);
  int64_t format = number_at(data + 8, 2), claimed = number_at(data + 10, 2), division = number_at(data + 12, 2);
  if (format > 1) {
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: is MIDI of format %d; attend knows 0 and 1", r->name, (int)format);
  }
  if (division == 0 || division >= 0x8000) {
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: its time is SMPTE's; attend knows ticks a quarter note", r->name);
  }
  r->tune->quarter = division;
  for (data += 8 + number_at(data + 4, 4); end - data >= 8; data = r->end) {
    int64_t length = number_at(data + 4, 4);
    bool track = memcmp(data, "MTrk", 4) == 0;
    r->track += track;
    if (length > end - data - 8) return cut_off(r);
    r->at = data + 8;
    r->end = r->at + length;
    if (format == 0 && r->track <= 1) memset(r->program, 0, sizeof r->program);
    if (track) ATT_TRY(read_track(r));
  }
  if (r->track == 0) return att_fail(r->ctx, ATT_FORMAT, "%s: it has no track", r->name);
  if (r->track >= claimed) return ATT_OK;
  return att_fail(r->ctx, ATT_FORMAT, "%s: it says that it has %d tracks, and has %d: the file is cut off", r->name,
                  (int)claimed, r->track);
}

att_status att_midi_read(att_context *ctx, const char *name, const unsigned char *data, size_t size, att_tune *tune) {
  midi_reader *r = ATT_NEW(ctx, 1, midi_reader);
  *tune = (att_tune){0};
  if (!r) return ATT_MEMORY;
  *r = (midi_reader){.ctx = ctx, .name = name, .tune = tune};
  att_status status = read_chunks(r, data, size);
  att_free(ctx, r);
  if (status) att_tune_free(ctx, tune);
  if (!status) att_tune_sort(tune);
  return status;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

typedef struct midi_writer {
  att_context *ctx;
  att_buffer *out;
  size_t begin;  /* of the track's bytes */
  int64_t ticks; /* of its last event */
} midi_writer;

static att_status put(midi_writer *w, const unsigned char *bytes, size_t count) {
  return att_buffer_append(w->ctx, w->out, bytes, count);
}

static att_status put_time(midi_writer *w, int64_t ticks) {
  int64_t delta = ticks - w->ticks;
  unsigned char bytes[4];
  int count = 0;
  if (delta >= 1 << 28) delta = (1 << 28) - 1;
  for (int shift = 21; shift >= 0; shift -= 7)
    if (delta >> shift || shift == 0 || count)
      bytes[count++] = (unsigned char)((delta >> shift & 0x7f) | (shift ? 0x80 : 0));
  w->ticks = ticks;
  return put(w, bytes, (size_t)count);
}

static att_status open_track(midi_writer *w) {
  static const unsigned char head[8] = {'M', 'T', 'r', 'k'};
  w->begin = w->out->size + 8;
  w->ticks = 0;
  return put(w, head, 8);
}

static att_status close_track(midi_writer *w) {
  static const unsigned char over[] = {0, 0xff, 0x2f, 0};
  ATT_TRY(put(w, over, sizeof over));
  size_t size = w->out->size - w->begin;
  for (int i = 0; i < 4; i++) w->out->data[w->begin - 4 + (size_t)i] = (char)(size >> (24 - 8 * i) & 0xff);
  return ATT_OK;
}

static att_status write_times(midi_writer *w, const att_tune *t) {
  size_t tempo = 0, metre = 0;
  ATT_TRY(open_track(w));
  while (tempo < t->tempo_count || metre < t->metre_count) {
    if (metre < t->metre_count && (tempo == t->tempo_count || t->metres[metre].at <= t->tempi[tempo].at)) {
      const att_tune_metre *m = &t->metres[metre++];
      unsigned char power = 0;
      while (1 << power < m->denominator) power++;
      ATT_TRY(put_time(w, m->at));
      ATT_TRY(put(w, (const unsigned char[]){0xff, 0x58, 4, (unsigned char)m->numerator, power, 24, 8}, 7));
    } else {
      const att_tune_tempo *s = &t->tempi[tempo++];
      ATT_TRY(put_time(w, s->at));
      ATT_TRY(put(w,
                  (const unsigned char[]){0xff, 0x51, 3, (unsigned char)(s->microseconds >> 16 & 0xff),
                                          (unsigned char)(s->microseconds >> 8 & 0xff),
                                          (unsigned char)(s->microseconds & 0xff)},
                  6));
    }
  }
  return close_track(w);
}

/* The next of the notes of one program that end at or before `until`: those that sound are few. */
static att_status end_notes(midi_writer *w, att_note *sounding, size_t *count, int64_t until, int channel) {
  for (;;) {
    size_t first = 0;
    for (size_t i = 1; i < *count; i++)
      if (sounding[i].start + sounding[i].length < sounding[first].start + sounding[first].length) first = i;
    if (*count == 0 || sounding[first].start + sounding[first].length > until) return ATT_OK;
    ATT_TRY(put_time(w, sounding[first].start + sounding[first].length));
    ATT_TRY(put(w, (const unsigned char[]){(unsigned char)(0x80 | channel), (unsigned char)sounding[first].key, 0}, 3));
    sounding[first] = sounding[--*count];
  }
}

static att_status write_program(midi_writer *w, const att_tune *t, int program, int channel) {
  att_note sounding[128]; /* a key at most once: a note ends where the same key begins again */
  size_t count = 0;
  ATT_TRY(open_track(w));
  if (program != ATT_TUNE_DRUMS)
    ATT_TRY(put(w, (const unsigned char[]){0, (unsigned char)(0xc0 | channel), (unsigned char)program}, 3));
  for (size_t i = 0; i < t->note_count; i++) {
    att_note n = t->notes[i];
    if (n.program != program) continue;
    if (n.length < 1) n.length = 1;
    ATT_TRY(end_notes(w, sounding, &count, n.start, channel));
    for (size_t k = 0; k < count; k++)
      if (sounding[k].key == n.key) sounding[k].length = n.start - sounding[k].start;
    ATT_TRY(end_notes(w, sounding, &count, n.start, channel));
    ATT_TRY(put_time(w, n.start));
    ATT_TRY(put(
        w, (const unsigned char[]){(unsigned char)(0x90 | channel), (unsigned char)n.key, (unsigned char)n.velocity},
        3));
    sounding[count++] = n;
  }
  ATT_TRY(end_notes(w, sounding, &count, INT64_MAX, channel));
  return close_track(w);
}

att_status att_midi_write(att_context *ctx, const att_tune *t, att_buffer *out) {
  midi_writer w = {.ctx = ctx, .out = out};
  bool used[ATT_TUNE_DRUMS + 1] = {false};
  int tracks = 1, channel = 0;
  for (size_t i = 0; i < t->note_count; i++) {
    tracks += !used[t->notes[i].program];
    used[t->notes[i].program] = true;
  }
  ATT_TRY(put(&w,
              (const unsigned char[]){'M', 'T', 'h', 'd', 0, 0, 0, 6, 0, 1, 0, (unsigned char)tracks,
                                      (unsigned char)(t->quarter >> 8), (unsigned char)(t->quarter & 0xff)},
              14));
  ATT_TRY(write_times(&w, t));
  for (int program = 0; program <= ATT_TUNE_DRUMS; program++) {
    if (!used[program]) continue;
    if (program == ATT_TUNE_DRUMS) {
      ATT_TRY(write_program(&w, t, program, 9));
      continue;
    }
    ATT_TRY(write_program(&w, t, program, channel));
    channel = channel == 8 ? 10 : channel == 15 ? 0 : channel + 1; /* more than 15 instruments share channels */
  }
  return ATT_OK;
}
