/*
 * Owns att_compose_roll and att_score_rolls: tunes by models of piano rolls, frame by frame. Refuses models without a
 * head of frames over a piano's keys.
 */
#include "base/random.h"
#include "formats/file.h"
#include "models/head.h"
#include "train/data/music.h"
#include "train/data/rolls.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define ATT_MOST_COMPOSED ((int64_t)1 << 20)

void att_roll_options_init(att_roll_options *options, size_t size) {
  const att_roll_options own = {
      .size = size, .frames = 64, .frames_per_quarter = 1, .tempo = 100, .temperature = 1, .top_p = 0.98};
  att_give_struct(&own, sizeof own, options, size);
}

/* ---- composing ------------------------------------------------------------------------------------------------ */

/* Whether a key sounds, of the likelier of the two unless both are in top_p. */
static bool draw(double logit, const att_roll_options *o, uint64_t key, uint64_t index) {
  if (o->temperature <= 0) return logit > 0;
  double probability = 1 / (1 + exp(-logit / o->temperature));
  if (fmax(probability, 1 - probability) >= o->top_p) return logit > 0;
  return att_uniform(key, index) < probability;
}

/* The frame behind frames[0 .. count), of which the last are read that the model has positions for. */
static att_status next_frame(att_model *model, att_arena *arena, const att_roll_options *o, unsigned char *frames,
                             int64_t count, uint64_t key) {
  int64_t context = model->config.max_position_embeddings, first = count < context ? 0 : count + 1 - context;
  int64_t start[2] = {0, count - first + 1};
  const att_rolls read = {.frames = frames + first * ATT_ROLL_KEYS, .start = start, .count = 1};
  att_run run = {.ctx = model->ctx, .arena = arena};
  att_batch batch;
  att_hidden hidden;
  att_tensor logits;
  att_arena_reset(arena);
  if (att_is_interrupted(model->ctx)) return att_fail(model->ctx, ATT_INTERRUPTED, "interrupted while composing");
  ATT_TRY(att_rolls_take(&read, NULL, NULL, 0, 1, context, arena, &batch));
  float *row = (float *)(uintptr_t)batch.target.rows; /* the first: what was before, where the tune began earlier */
  for (int k = 0; first > 0 && k < ATT_ROLL_KEYS; k++) row[k] = frames[(first - 1) * ATT_ROLL_KEYS + k];
  ATT_TRY(att_model_hidden(&run, model, &batch.target, NULL, NULL, &hidden));
  hidden.rows.data += (hidden.rows.rows - 1) * hidden.rows.stride;
  hidden.rows.rows = 1;
  ATT_TRY(att_head_row_logits(&run, model, &hidden, &logits));
  for (int k = 0; k < ATT_ROLL_KEYS; k++)
    frames[count * ATT_ROLL_KEYS + k] = draw((double)logits.data[k], o, key, (uint64_t)k);
  return ATT_OK;
}

static att_status compose(att_model *model, const att_roll_options *o, unsigned char *frames, int64_t given) {
  att_arena *arena;
  ATT_TRY(att_arena_new(model->ctx, &arena));
  att_status status = ATT_OK;
  for (int64_t i = 0; i < o->frames && !status; i++)
    status = next_frame(model, arena, o, frames, given + i, att_key(att_key(o->seed, 0x726f6c6c), (uint64_t)i));
  att_arena_free(arena);
  return status;
}

static bool is_json(const char *path) {
  size_t size = strlen(path);
  return size > 5 && strcasecmp(path + size - 5, ".json") == 0;
}

static att_status write_roll(att_context *ctx, const att_roll_options *o, const unsigned char *frames, int64_t count,
                             const char *path) {
  att_buffer out = {0};
  att_tune tune = {0};
  att_status status;
  if (is_json(path)) {
    status = att_roll_to_json(ctx, frames, count, &out);
    if (!status) status = att_write_file(ctx, path, out.data, out.size);
  } else {
    status = att_roll_to_tune(ctx, frames, count, o->frames_per_quarter, o->tempo, &tune);
    if (!status) status = att_music_write(ctx, &tune, path);
  }
  att_tune_free(ctx, &tune);
  att_buffer_free(ctx, &out);
  return status;
}

static att_status check_options(att_context *ctx, const att_roll_options *o, const char *path) {
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_compose_roll needs a file to write");
  if (!is_json(path)) ATT_TRY(att_music_check_name(ctx, path));
  const char *wrong = o->frames < 1 || o->frames > ATT_MOST_COMPOSED             ? "frames"
                      : o->frames_per_quarter < 1 || o->frames_per_quarter > 480 ? "frames_per_quarter"
                      : !(o->tempo >= 4 && o->tempo <= 1e6)                      ? "tempo"
                      : !(o->temperature >= 0 && o->temperature <= 100)          ? "temperature"
                      : !(o->top_p > 0 && o->top_p <= 1)                         ? "top_p"
                                                                                 : NULL;
  return wrong ? att_fail(ctx, ATT_ARGUMENT, "att_compose_roll: %s is out of its range", wrong) : ATT_OK;
}

att_status att_compose_roll(att_model *model, const att_roll_options *given, const char *path) {
  att_context *ctx = model->ctx;
  att_roll_options o;
  att_rolls prompt = {0};
  att_roll_options_default(&o);
  ATT_TRY(att_take_options(ctx, "att_compose_roll", given, &o, sizeof o));
  ATT_TRY(att_rolls_check_model(model));
  ATT_TRY(check_options(ctx, &o, path));
  if (o.prompt) ATT_TRY(att_roll_read_tune(ctx, o.prompt, o.frames_per_quarter, &prompt));
  int64_t count = att_rolls_frames(&prompt);
  unsigned char *frames = ATT_NEW(ctx, (count + o.frames) * ATT_ROLL_KEYS, unsigned char);
  att_status status = frames ? ATT_OK : ATT_MEMORY;
  if (!status && count) memcpy(frames, prompt.frames, (size_t)(count * ATT_ROLL_KEYS));
  if (!status) status = compose(model, &o, frames, count);
  if (!status) status = write_roll(ctx, &o, frames, count + o.frames, path);
  att_rolls_free(ctx, &prompt);
  att_free(ctx, frames);
  return status;
}

/* ---- scoring -------------------------------------------------------------------------------------------------- */

att_status att_score_rolls(att_model *model, const char *path, att_roll_score_fn *give, void *user) {
  att_context *ctx = model->ctx;
  att_rolls parts[ATT_ROLL_PARTS];
  att_arena *arena = NULL;
  if (!path || !give) return att_fail(ctx, ATT_ARGUMENT, "att_score_rolls needs a file and a callback");
  ATT_TRY(att_rolls_check_model(model));
  ATT_TRY(att_rolls_read(ctx, path, parts));
  att_status status = att_arena_new(ctx, &arena);
  for (int i = 0; i < ATT_ROLL_PARTS && !status; i++) {
    att_roll_score score = {.part = att_roll_parts[i], .tunes = parts[i].count, .frames = att_rolls_frames(&parts[i])};
    if (!parts[i].count) continue;
    status = att_rolls_score(model, &parts[i], model->config.max_position_embeddings, arena, &score.logprob);
    if (!status && give(user, &score) != 0) status = att_fail(ctx, ATT_INTERRUPTED, "stopped");
  }
  att_arena_free(arena);
  for (int i = 0; i < ATT_ROLL_PARTS; i++) att_rolls_free(ctx, &parts[i]);
  return status;
}
