/* Owns what rolls.h says. */
#include "train/data/rolls.h"

#include "formats/json.h"
#include "models/head.h"
#include "train/data/music.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define ATT_MOST_FRAMES ((int64_t)1 << 24) /* of a file's part */
#define ATT_ROLL_TICKS  480                /* a quarter of what is written */
#define ATT_ROLL_LOUD   80

const char *const att_roll_parts[ATT_ROLL_PARTS] = {"train", "valid", "test"};

bool att_is_roll_file(const char *path) {
  size_t size = strlen(path);
  if (size > 3 && strcasecmp(path + size - 3, ".gz") == 0) size -= 3;
  return size > 5 && strncasecmp(path + size - 5, ".json", 5) == 0;
}

void att_rolls_free(att_context *ctx, att_rolls *r) {
  att_free(ctx, r->frames);
  att_free(ctx, r->start);
  *r = (att_rolls){0};
}

/* Behind the string that begins at `at`. */
static size_t skip_string(const char *text, size_t size, size_t at) {
  for (at++; at < size && text[at] != '"'; at++) at += text[at] == '\\';
  return at;
}

att_status att_rolls_are_in(att_context *ctx, const char *path, bool *are) {
  char *text;
  size_t size;
  int objects = 0, lists = 0;
  *are = false;
  ATT_TRY(att_read_text(ctx, path, &text, &size));
  for (size_t at = 0; at < size && objects < 2 && lists < 3; at++) {
    char c = text[at];
    objects += c == '{';
    if (c == '[') lists++;
    if (c == ']') lists--;
    if (c == '"') at = skip_string(text, size, at);
  }
  *are = lists == 3;
  att_free(ctx, text);
  return ATT_OK;
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

static att_status read_frame(att_context *ctx, const char *path, const json_t *frame, int64_t tune,
                             unsigned char *keys) {
  bool good = json_is_array(frame);
  for (size_t k = 0; good && k < json_array_size(frame); k++) {
    const json_t *key = json_array_get(frame, k);
    int64_t number = json_integer_value(key) - ATT_ROLL_FIRST;
    good = json_is_integer(key) && number >= 0 && number < ATT_ROLL_KEYS;
    if (good) keys[number] = 1;
  }
  if (good) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT,
                  "%s: tune %lld: a frame must be a list of whole numbers from %d to %d, a piano's keys", path,
                  (long long)tune + 1, ATT_ROLL_FIRST, ATT_ROLL_FIRST + ATT_ROLL_KEYS - 1);
}

static att_status make_room(att_context *ctx, const char *path, const json_t *tunes, att_rolls *r) {
  int64_t count = (int64_t)json_array_size(tunes);
  r->start = ATT_NEW(ctx, count + 1, int64_t);
  if (!r->start) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    int64_t frames = (int64_t)json_array_size(json_array_get(tunes, (size_t)i));
    if (frames == 0) {
      return att_fail(ctx, ATT_FORMAT, "%s: tune %lld has no frames: a tune must be a list of them", path,
                      (long long)i + 1);
    }
    r->start[i + 1] = r->start[i] + frames;
    if (frames > r->longest) r->longest = frames;
  }
  if (r->start[count] > ATT_MOST_FRAMES) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: has more than %lld frames", path, (long long)ATT_MOST_FRAMES);
  }
  r->count = count;
  r->frames = ATT_NEW(ctx, r->start[count] * ATT_ROLL_KEYS, unsigned char);
  return r->frames ? ATT_OK : ATT_MEMORY;
}

static att_status read_tunes(att_context *ctx, const char *path, const json_t *tunes, att_rolls *r) {
  int64_t at = 0;
  if (!tunes || json_array_size(tunes) == 0) return ATT_OK;
  ATT_TRY(make_room(ctx, path, tunes, r));
  for (int64_t i = 0; i < r->count; i++) {
    const json_t *tune = json_array_get(tunes, (size_t)i);
    if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "%s: interrupted while reading", path);
    for (size_t f = 0; f < json_array_size(tune); f++, at++)
      ATT_TRY(read_frame(ctx, path, json_array_get(tune, f), i, r->frames + at * ATT_ROLL_KEYS));
  }
  return ATT_OK;
}

static att_status read_parts(att_context *ctx, const char *path, const json_t *root, att_rolls parts[ATT_ROLL_PARTS]) {
  bool any = false;
  for (int i = 0; i < ATT_ROLL_PARTS; i++) {
    const json_t *tunes = json_is_array(root) ? (i == 0 ? root : NULL) : json_object_get(root, att_roll_parts[i]);
    ATT_TRY(read_tunes(ctx, path, tunes, &parts[i]));
    any = any || parts[i].count;
  }
  if (any) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT,
                  "%s: there are no piano rolls in it: it must be a list of tunes, or an object with such lists under "
                  "\"train\", \"valid\" and \"test\"",
                  path);
}

att_status att_rolls_read(att_context *ctx, const char *path, att_rolls parts[ATT_ROLL_PARTS]) {
  char *text;
  size_t size;
  json_t *root = NULL;
  for (int i = 0; i < ATT_ROLL_PARTS; i++) parts[i] = (att_rolls){0};
  ATT_TRY(att_read_text(ctx, path, &text, &size));
  att_status status = att_json_parse(ctx, path, text, size, &root);
  if (!status) status = read_parts(ctx, path, root, parts);
  json_decref(root);
  att_free(ctx, text);
  for (int i = 0; status && i < ATT_ROLL_PARTS; i++) att_rolls_free(ctx, &parts[i]);
  return status;
}

att_status att_roll_to_json(att_context *ctx, const unsigned char *frames, int64_t count, att_buffer *out) {
  ATT_TRY(att_buffer_print(ctx, out, "[["));
  for (int64_t f = 0; f < count; f++) {
    const char *before = "";
    ATT_TRY(att_buffer_print(ctx, out, f ? ", [" : "["));
    for (int k = 0; k < ATT_ROLL_KEYS; k++) {
      if (!frames[f * ATT_ROLL_KEYS + k]) continue;
      ATT_TRY(att_buffer_print(ctx, out, "%s%d", before, ATT_ROLL_FIRST + k));
      before = ", ";
    }
    ATT_TRY(att_buffer_print(ctx, out, "]"));
  }
  return att_buffer_print(ctx, out, "]]\n");
}

/* ---- tunes ---------------------------------------------------------------------------------------------------- */

/* The first frame whose middle a tick is not behind. */
static int64_t frame_at(int64_t tick, int64_t quarter, int64_t per_quarter) {
  return (2 * tick * per_quarter + quarter - 1) / (2 * quarter);
}

static att_status from_tune(att_context *ctx, const char *path, const att_tune *tune, int64_t per_quarter,
                            att_rolls *r) {
  int64_t count = 0;
  for (size_t i = 0; i < tune->note_count; i++) {
    const att_note *n = &tune->notes[i];
    if (n->start + n->length > INT64_MAX / (4 * per_quarter))
      return att_fail(ctx, ATT_UNSUPPORTED, "%s: is too long", path);
    int64_t end = frame_at(n->start + n->length, tune->quarter, per_quarter);
    if (end > count) count = end;
  }
  if (count > ATT_MOST_FRAMES) return att_fail(ctx, ATT_UNSUPPORTED, "%s: is too long", path);
  if (count == 0) return att_fail(ctx, ATT_FORMAT, "%s: its notes are shorter than a frame", path);
  r->start = ATT_NEW(ctx, 2, int64_t);
  r->frames = ATT_NEW(ctx, count * ATT_ROLL_KEYS, unsigned char);
  if (!r->start || !r->frames) return ATT_MEMORY;
  r->start[1] = r->longest = count;
  r->count = 1;
  for (size_t i = 0; i < tune->note_count; i++) {
    const att_note *n = &tune->notes[i];
    int64_t key = n->key - ATT_ROLL_FIRST, end = frame_at(n->start + n->length, tune->quarter, per_quarter);
    if (n->program == ATT_TUNE_DRUMS || key < 0 || key >= ATT_ROLL_KEYS) continue;
    for (int64_t f = frame_at(n->start, tune->quarter, per_quarter); f < end; f++)
      r->frames[f * ATT_ROLL_KEYS + key] = 1;
  }
  return ATT_OK;
}

/* The first tune of all parts; the others are freed. */
static att_status first_roll(att_context *ctx, const char *path, att_rolls *out) {
  att_rolls parts[ATT_ROLL_PARTS];
  ATT_TRY(att_rolls_read(ctx, path, parts));
  int part = 0;
  while (!parts[part].count) part++;
  *out = parts[part];
  parts[part] = (att_rolls){0};
  out->count = 1;
  out->longest = out->start[1];
  for (int i = 0; i < ATT_ROLL_PARTS; i++) att_rolls_free(ctx, &parts[i]);
  return ATT_OK;
}

att_status att_roll_read_tune(att_context *ctx, const char *path, int64_t per_quarter, att_rolls *roll) {
  att_tune tune;
  *roll = (att_rolls){0};
  if (att_is_roll_file(path)) return first_roll(ctx, path, roll);
  ATT_TRY(att_music_read_one(ctx, path, &tune));
  att_status status = from_tune(ctx, path, &tune, per_quarter, roll);
  att_tune_free(ctx, &tune);
  if (status) att_rolls_free(ctx, roll);
  return status;
}

att_status att_roll_to_tune(att_context *ctx, const unsigned char *frames, int64_t count, int64_t per_quarter,
                            double tempo, att_tune *tune) {
  int64_t frame = ATT_ROLL_TICKS / per_quarter > 0 ? ATT_ROLL_TICKS / per_quarter : 1;
  *tune = (att_tune){.quarter = frame * per_quarter};
  att_status status = att_tune_add_tempo(ctx, tune, 0, (int64_t)(60e6 / tempo + 0.5));
  if (!status) status = att_tune_add_metre(ctx, tune, 0, 4, 4);
  for (int k = 0; k < ATT_ROLL_KEYS; k++)
    for (int64_t f = 0, end; f < count && !status; f = end) {
      for (end = f + 1; end < count && frames[end * ATT_ROLL_KEYS + k] == frames[f * ATT_ROLL_KEYS + k]; end++) {
      }
      const att_note note = {
          .start = f * frame, .length = (end - f) * frame, .key = ATT_ROLL_FIRST + k, .velocity = ATT_ROLL_LOUD};
      if (frames[f * ATT_ROLL_KEYS + k]) status = att_tune_add_note(ctx, tune, note);
    }
  att_tune_sort(tune);
  if (status) att_tune_free(ctx, tune);
  return status;
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

static void put_frame(const unsigned char *frame, int32_t shift, float *row) {
  for (int k = 0; k < ATT_ROLL_KEYS; k++) {
    int from = k - shift;
    row[k] = from >= 0 && from < ATT_ROLL_KEYS ? frame[from] : 0;
  }
}

att_status att_rolls_take(const att_rolls *r, const int32_t *which, const int32_t *shift, int64_t begin, int64_t count,
                          int64_t most, att_arena *arena, att_batch *batch) {
  int64_t frames = 0, pieces = 0, at = 0, piece = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t tune = which ? which[i] : begin + i, length = r->start[tune + 1] - r->start[tune];
    frames += length;
    pieces += (length + most - 1) / most;
  }
  int64_t *start = ATT_ARENA_NEW(arena, pieces + 1, int64_t);
  float *rows = att_arena_alloc(arena, (size_t)frames, ATT_ROLL_KEYS * sizeof *rows);
  float *truth = att_arena_alloc(arena, (size_t)frames, ATT_ROLL_KEYS * sizeof *truth);
  if (!start || !rows || !truth) return ATT_MEMORY;
  start[0] = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t tune = which ? which[i] : begin + i, first = r->start[tune], end = r->start[tune + 1];
    for (int64_t f = first; f < end; f++, at++) {
      float *row = rows + at * ATT_ROLL_KEYS;
      put_frame(r->frames + f * ATT_ROLL_KEYS, shift ? shift[i] : 0, truth + at * ATT_ROLL_KEYS);
      if (f == first)
        memset(row, 0, ATT_ROLL_KEYS * sizeof *row);
      else
        memcpy(row, truth + (at - 1) * ATT_ROLL_KEYS, ATT_ROLL_KEYS * sizeof *row);
      if (f + 1 == end || at + 1 - start[piece] == most) start[++piece] = at + 1;
    }
  }
  *batch = (att_batch){.target = {.rows = rows, .sequences = {pieces, start}}, .values = truth};
  return ATT_OK;
}

att_status att_rolls_check_model(att_model *model) {
  const att_config *c = &model->config;
  ATT_TRY(att_check_verb(model, ATT_VERB_COMPOSE));
  if (c->input_width == ATT_ROLL_KEYS && c->label_count == ATT_ROLL_KEYS) return ATT_OK;
  return att_fail(model->ctx, ATT_UNSUPPORTED, "the model reads frames of %lld numbers and writes %lld; a piano has %d",
                  (long long)c->input_width, (long long)c->label_count, ATT_ROLL_KEYS);
}

att_status att_rolls_score(att_model *model, const att_rolls *r, int64_t most, att_arena *arena, double *logprob) {
  att_loss loss = {0};
  for (int64_t i = 0; i < r->count; i++) {
    att_run run = {.ctx = model->ctx, .arena = arena};
    att_batch batch;
    att_arena_reset(arena);
    if (att_is_interrupted(model->ctx)) return att_fail(model->ctx, ATT_INTERRUPTED, "interrupted while scoring");
    ATT_TRY(att_rolls_take(r, NULL, NULL, i, 1, most, arena, &batch));
    ATT_TRY(att_model_loss(&run, model, &batch, 0, 1, &loss));
  }
  *logprob = -loss.loss;
  return ATT_OK;
}
