/* Owns what sound_series.h says. */
#include "train/data/sound_series.h"

#include "audio/audio.h"
#include "base/arena.h"
#include "train/data/sounds.h"

#include <string.h>
#include <strings.h>

bool att_is_sound_name(att_text path) {
  static const char *const ends[] = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t size = strlen(ends[i]);
    if (path.size > size && strncasecmp(path.data + path.size - size, ends[i], size) == 0) return true;
  }
  return false;
}

att_status att_sound_series_look(att_context *ctx, const char *path, bool *is) {
  att_table table;
  *is = false;
  if (att_series_is_ts(path)) return ATT_OK;
  att_status status = att_table_read(ctx, path, &table);
  if (status) return status == ATT_FORMAT ? ATT_OK : status;            /* it is for who reads the table to say */
  for (size_t i = 0; i < table.rows && i < 2 && table.columns > 1; i++) /* the first row may be names of columns */
    *is = *is || att_is_sound_name(att_table_cell(&table, i, 0));
  att_table_free(ctx, &table);
  return ATT_OK;
}

att_status att_sound_series_settings(att_context *ctx, const char *path, att_mel_settings *settings) {
  att_sound_table table = {0};
  int rate = 0;
  att_status status = att_sound_table_read(ctx, path, &table);
  bool low = !status && att_sound_rate(ctx, &table, table.lines.source[0], &rate) == ATT_OK && rate == 8000;
  att_sound_table_free(ctx, &table);
  *settings = low ? (att_mel_settings){8000, 200, 80, 200, 40, ATT_MEL_STANDARD}
                  : (att_mel_settings){16000, 400, 160, 400, 80, ATT_MEL_STANDARD};
  return status;
}

static att_status take(att_context *ctx, const float *rows, int64_t frames, att_text label, size_t line,
                       att_series *out) {
  ATT_TRY(att_series_begin(ctx, out, (att_text){"", 0}, label, line));
  float *to = att_series_add_rows(ctx, out, frames);
  if (!to) return ATT_MEMORY;
  memcpy(to, rows, (size_t)(frames * out->channels) * sizeof *to);
  return ATT_OK;
}

/* A copy in the series' own bytes, of which *used are taken. */
static att_text copy_label(att_series *out, att_text label, size_t *used) {
  char *to = out->bytes + *used;
  if (label.size > 0) memcpy(to, label.data, label.size);
  *used += label.size;
  return (att_text){to, label.size};
}

static att_status take_all(att_context *ctx, const att_sound_table *table, att_sounds *sounds, att_arena *arena,
                           att_series *out) {
  size_t size = 1, used = 0;
  for (size_t i = 0; i < table->lines.count; i++) size += table->lines.target[i].size;
  out->channels = sounds->settings.bands;
  out->bytes = att_alloc(ctx, size, 1);
  if (!out->bytes) return ATT_MEMORY;
  for (int64_t i = 0; i < sounds->count; i++) {
    const float *rows;
    int64_t frames;
    size_t line = sounds->items[i].line;
    att_arena_reset(arena);
    ATT_TRY(att_sounds_get(ctx, sounds, i, 0, arena, &rows, &frames));
    ATT_TRY(take(ctx, rows, frames, copy_label(out, table->lines.target[line], &used), line + 1, out));
  }
  return ATT_OK;
}

static int is_stopped(void *ctx, double done) {
  (void)done;
  return att_is_interrupted(ctx);
}

att_status att_sound_series_read(att_context *ctx, const char *path, const att_mel_settings *settings,
                                 att_series *out) {
  att_sound_table table = {0};
  att_sounds sounds = {0};
  att_arena *arena = NULL;
  int64_t most = (int64_t)(ATT_LONGEST_SOUND * settings->rate) / settings->hop;
  *out = (att_series){0};
  att_status status = att_arena_new(ctx, &arena);
  if (!status) status = att_sound_table_read(ctx, path, &table);
  if (!status)
    status = att_sounds_read(ctx, &table, &table.lines, path, settings, most, SIZE_MAX, is_stopped, ctx, &sounds);
  if (!status) status = take_all(ctx, &table, &sounds, arena, out);
  att_sounds_free(ctx, &sounds);
  att_sound_table_free(ctx, &table);
  att_arena_free(arena);
  if (status) att_series_free(ctx, out);
  return status;
}

att_status att_sound_series_read_one(att_context *ctx, const char *path, const att_mel_settings *settings,
                                     att_series *out) {
  float *samples = NULL, *rows = NULL;
  att_mel *mel = NULL;
  int64_t count = 0, frames = 0;
  *out = (att_series){.channels = settings->bands};
  att_status status = att_audio_read_whole(ctx, path, settings->rate, ATT_LONGEST_SOUND, &samples, &count);
  if (!status) status = att_mel_new(ctx, settings, &mel);
  if (!status) frames = att_mel_frames(settings, count);
  if (!status && frames < 1) status = att_fail(ctx, ATT_FORMAT, "%s: too short to be heard", path);
  if (!status) rows = att_alloc(ctx, (size_t)frames, (size_t)settings->bands * sizeof *rows);
  if (!status && !rows) status = ATT_MEMORY;
  if (!status) status = att_mel_features(mel, samples, count, count, rows);
  if (!status) status = take(ctx, rows, frames, (att_text){"", 0}, 1, out);
  att_mel_free(mel);
  att_free(ctx, samples);
  att_free(ctx, rows);
  if (status) att_series_free(ctx, out);
  return status;
}
