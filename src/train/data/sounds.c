/* Owns what sounds.h says. */
#include "train/data/sounds.h"

#include "audio/audio.h"
#include "base/random.h"
#include "formats/file.h"

#include <string.h>

/* ---- the table -------------------------------------------------------------------------------------------------- */

static bool is_one_of(att_text cell, const char *const *names) {
  for (; *names; names++)
    if (cell.size == strlen(*names) && memcmp(cell.data, *names, cell.size) == 0) return true;
  return false;
}

static bool is_blank(att_text text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r') return false;
  return true;
}

static att_status take_rows(att_context *ctx, const char *path, att_sound_table *t) {
  static const char *const names[] = {"file", "path", "audio", "filename", NULL};
  size_t first = t->table.rows && is_one_of(att_table_cell(&t->table, 0, 0), names), blank = 0;
  t->lines.source = ATT_NEW(ctx, t->table.rows, att_text);
  t->lines.target = ATT_NEW(ctx, t->table.rows, att_text);
  if (!t->lines.source || !t->lines.target) return ATT_MEMORY;
  for (size_t i = first; i < t->table.rows; i++) {
    att_text file = att_table_cell(&t->table, i, 0), text = att_table_cell(&t->table, i, 1);
    blank += is_blank(file) || is_blank(text);
    if (is_blank(file) || is_blank(text)) continue;
    t->lines.source[t->lines.count] = file;
    t->lines.target[t->lines.count++] = text;
  }
  if (blank) att_log(ctx, ATT_LOG_WARNING, "%s: %zu rows without a file or a text are left out", path, blank);
  if (t->lines.count == 0) return att_fail(ctx, ATT_FORMAT, "%s: no row has a file and a text", path);
  return ATT_OK;
}

att_status att_sound_table_read(att_context *ctx, const char *path, att_sound_table *t) {
  const char *slash = strrchr(path, '/');
  t->folder = att_copy_text(ctx, path, slash ? (size_t)(slash - path) + 1 : 0);
  if (!t->folder) return ATT_MEMORY;
  ATT_TRY(att_table_read(ctx, path, &t->table));
  if (t->table.rows == 0) return att_fail(ctx, ATT_FORMAT, "%s: has no rows", path);
  if (t->table.columns < 2) {
    return att_fail(ctx, ATT_FORMAT, "%s: rows of one column: a row needs a file, a tab, and what is heard in it",
                    path);
  }
  return take_rows(ctx, path, t);
}

void att_sound_table_free(att_context *ctx, att_sound_table *t) {
  att_lines_free(ctx, &t->lines);
  att_table_free(ctx, &t->table);
  att_free(ctx, t->folder);
  *t = (att_sound_table){0};
}

/* Relative to the table's folder. */
static char *join_path(att_context *ctx, const att_sound_table *t, att_text file) {
  size_t folder = file.size && file.data[0] == '/' ? 0 : strlen(t->folder);
  char *path = att_alloc(ctx, folder + file.size + 1, 1);
  if (!path) return NULL;
  memcpy(path, t->folder, folder);
  memcpy(path + folder, file.data, file.size);
  return path;
}

att_status att_sound_rate(att_context *ctx, const att_sound_table *table, att_text file, int *rate) {
  enum { ANY_RATE = 16000 };
  att_audio *audio = NULL;
  char *path = join_path(ctx, table, file);
  att_status status = path ? att_audio_open(ctx, path, ANY_RATE, &audio) : ATT_MEMORY;
  if (!status) *rate = att_audio_rate(audio);
  att_audio_close(audio);
  att_free(ctx, path);
  return status;
}

/* ---- features --------------------------------------------------------------------------------------------------- */

/* A recording that is read at a lower rate than the features think is heard faster, and higher. */
static int rate_of(const att_mel_settings *settings, int speed) {
  static const double speeds[ATT_SPEEDS] = {1, 0.9, 1.1};
  return (int)(settings->rate / speeds[speed] + 0.5);
}

/* Frames behind the sound's own, the last of which hears none of it: Whisper's windows go on with its like. */
static int64_t tail_of(const att_mel_settings *settings) {
  return settings->scaling == ATT_MEL_WHISPER ? settings->n_fft / 2 / settings->hop + 3 : 0;
}

/* Features in memory of their own (att_free). */
static att_status make_rows(att_context *ctx, const att_sounds *sounds, const char *path, int speed, float **rows,
                            int64_t *frames) {
  float *samples = NULL;
  int64_t count = 0;
  *rows = NULL;
  ATT_TRY(att_audio_read_whole(ctx, path, rate_of(&sounds->settings, speed), ATT_LONGEST_SOUND, &samples, &count));
  int64_t tail = tail_of(&sounds->settings), length = count;
  *frames = att_mel_frames(&sounds->settings, count);
  att_status status = ATT_OK;
  if (*frames < 1) status = att_fail(ctx, ATT_FORMAT, "%s: too short: less than a hundredth of a second", path);
  *frames += tail;
  if (tail) length = *frames * sounds->settings.hop;
  if (!status) *rows = att_alloc(ctx, (size_t)*frames, (size_t)sounds->settings.bands * sizeof **rows);
  if (!status && !*rows) status = ATT_MEMORY;
  if (!status) status = att_mel_features(sounds->mel, samples, count, length, *rows);
  att_free(ctx, samples);
  if (!status) return ATT_OK;
  att_free(ctx, *rows);
  *rows = NULL;
  return status;
}

static bool may_keep(const att_sounds *sounds, size_t bytes) {
  return bytes <= sounds->most && sounds->kept <= sounds->most - bytes;
}

static void keep_rows(att_sounds *sounds, att_sound *sound, int speed, float *rows, size_t bytes) {
  sound->rows[speed] = rows;
  sounds->kept += bytes;
}

att_status att_sounds_get(att_context *ctx, att_sounds *sounds, int64_t index, int speed, att_arena *arena,
                          const float **out, int64_t *frames) {
  att_sound *sound = &sounds->items[index];
  float *rows;
  if (!sound->rows[speed]) {
    ATT_TRY(make_rows(ctx, sounds, sound->path, speed, &rows, &sound->frames[speed]));
    size_t bytes = (size_t)sound->frames[speed] * (size_t)sounds->settings.bands * sizeof *rows;
    if (may_keep(sounds, bytes)) {
      keep_rows(sounds, sound, speed, rows, bytes);
    } else {
      float *copy = att_arena_alloc(arena, bytes, 1);
      if (copy) memcpy(copy, rows, bytes);
      att_free(ctx, rows);
      *out = copy;
      *frames = sound->frames[speed];
      return copy ? ATT_OK : ATT_MEMORY;
    }
  }
  *out = sound->rows[speed];
  *frames = sound->frames[speed];
  return ATT_OK;
}

/* ---- reading all ------------------------------------------------------------------------------------------------ */

/* Whether a failure is the file's own, and the next one may be good. */
static bool is_of_file(att_status status) {
  return status == ATT_FORMAT || status == ATT_IO || status == ATT_NUMERIC || status == ATT_UNSUPPORTED;
}

static att_status read_sound(att_context *ctx, att_sounds *sounds, size_t line, char *path, int64_t most_frames) {
  float *rows;
  int64_t frames;
  ATT_TRY(make_rows(ctx, sounds, path, 0, &rows, &frames));
  if (frames > most_frames + tail_of(&sounds->settings)) {
    att_free(ctx, rows);
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: %.1f seconds are longer than max-length allows", path,
                    (double)frames * sounds->settings.hop / sounds->settings.rate);
  }
  att_sound *sound = &sounds->items[sounds->count++];
  size_t bytes = (size_t)frames * (size_t)sounds->settings.bands * sizeof *rows;
  *sound = (att_sound){.line = line, .path = path, .frames = {frames}};
  if (may_keep(sounds, bytes))
    keep_rows(sounds, sound, 0, rows, bytes);
  else
    att_free(ctx, rows);
  return ATT_OK;
}

static att_status read_all(att_context *ctx, const att_sound_table *table, const att_lines *lines, int64_t most_frames,
                           att_work_fn *work, void *user, att_sounds *sounds, char *first, size_t size) {
  for (size_t i = 0; i < lines->count; i++) {
    if (work && work(user, (double)i / (double)lines->count))
      return att_fail(ctx, ATT_INTERRUPTED, "interrupted while reading recordings");
    char *path = join_path(ctx, table, lines->source[i]);
    if (!path) return ATT_MEMORY;
    att_status status = read_sound(ctx, sounds, i, path, most_frames);
    if (!status) continue;
    att_free(ctx, path);
    if (!is_of_file(status)) return status;
    if (sounds->left_out++ == 0) {
      strncpy(first, att_message(ctx), size - 1);
      first[size - 1] = 0;
    }
  }
  return ATT_OK;
}

att_status att_sounds_read(att_context *ctx, const att_sound_table *table, const att_lines *lines, const char *name,
                           const att_mel_settings *settings, int64_t most_frames, size_t most, att_work_fn *work,
                           void *user, att_sounds *sounds) {
  char first[512] = "";
  *sounds = (att_sounds){.settings = *settings, .most = most};
  ATT_TRY(att_mel_new(ctx, settings, &sounds->mel));
  sounds->items = ATT_NEW(ctx, lines->count, att_sound);
  if (!sounds->items) return ATT_MEMORY;
  ATT_TRY(read_all(ctx, table, lines, most_frames, work, user, sounds, first, sizeof first));
  if (sounds->count == 0)
    return att_fail(ctx, ATT_FORMAT, "%s: none of its %zu recordings can be read; the first: %s", name, lines->count,
                    first);
  if (sounds->left_out) {
    att_log(ctx, ATT_LOG_WARNING, "%s: %lld of %zu recordings are left out; the first: %s", name,
            (long long)sounds->left_out, lines->count, first);
  }
  return ATT_OK;
}

void att_sounds_free(att_context *ctx, att_sounds *sounds) {
  for (int64_t i = 0; i < sounds->count; i++) {
    for (int speed = 0; speed < ATT_SPEEDS; speed++) att_free(ctx, sounds->items[i].rows[speed]);
    att_free(ctx, sounds->items[i].path);
  }
  att_free(ctx, sounds->items);
  att_mel_free(sounds->mel);
  *sounds = (att_sounds){0};
}

/* ---- masks ------------------------------------------------------------------------------------------------------ */

/* A width of 0 to most, and where it begins. */
static void draw_mask(uint64_t key, int64_t all, int64_t most, int64_t *first, int64_t *width) {
  *width = (int64_t)(att_uniform(key, 0) * (double)(most + 1));
  *first = (int64_t)(att_uniform(key, 1) * (double)(all - *width + 1));
}

void att_sound_mask(float *rows, int64_t frames, int bands, double strength, uint64_t key) {
  int64_t first, width, longest = (int64_t)(strength * (double)(frames / 10 < 40 ? frames / 10 : 40));
  int64_t widest = (int64_t)(strength * (double)(bands / 3));
  for (uint64_t i = 0; i < 2; i++) {
    draw_mask(att_key(key, i), bands, widest, &first, &width);
    for (int64_t t = 0; t < frames; t++) memset(rows + t * bands + first, 0, (size_t)width * sizeof *rows);
    draw_mask(att_key(key, 2 + i), frames, longest, &first, &width);
    memset(rows + first * bands, 0, (size_t)(width * bands) * sizeof *rows);
  }
}
