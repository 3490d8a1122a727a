/*
 * Owns the task of piano rolls: decoders that read frames and say which keys sound in the next one, tunes in shuffled
 * batches, each heard higher or lower in every epoch, the loss in nats a frame. Refuses a single tune with nothing to
 * validate with.
 */
#include "train/data/batches.h"
#include "train/data/rolls.h"
#include "train/trainer.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_MOST_CONTEXT 2048

enum { TRAIN, VALID, TEST };

static const att_shapes shapes = {ATT_DECODER,
                                  {{2, 128, 4, 512}, {4, 256, 4, 1024}, {8, 512, 8, 2048}, {12, 768, 12, 3072}}};

typedef struct frames_data {
  att_rolls parts[ATT_ROLL_PARTS];
  char names[ATT_ROLL_KEYS][16], *labels[ATT_ROLL_KEYS];
  int32_t *order, *shift; /* [tunes] of the epoch */
  int64_t rows;           /* tunes of a batch */
  att_arena *arena;
} frames_data;

static frames_data *data_of(const att_trainer *t) { return t->data; }

/* ---- data ----------------------------------------------------------------------------------------------------- */

/* The last tenth of what is learned from, where there is no other part. */
static att_status hold_out(att_trainer *t) {
  frames_data *d = data_of(t);
  att_rolls *train = &d->parts[TRAIN], *valid = &d->parts[VALID];
  int64_t kept = train->count - (train->count + 9) / 10;
  if (kept < 1) {
    return att_fail(t->ctx, ATT_FORMAT, "%s: one tune is too little to train on and to hold out from",
                    t->options->texts.names[0]);
  }
  int64_t first = train->start[kept], count = train->count - kept, frames = train->start[train->count] - first;
  valid->start = ATT_NEW(t->ctx, count + 1, int64_t);
  valid->frames = ATT_NEW(t->ctx, frames * ATT_ROLL_KEYS, unsigned char);
  if (!valid->start || !valid->frames) return ATT_MEMORY;
  for (int64_t i = 0; i <= count; i++) valid->start[i] = train->start[kept + i] - first;
  memcpy(valid->frames, train->frames + first * ATT_ROLL_KEYS, (size_t)(frames * ATT_ROLL_KEYS));
  valid->count = count;
  valid->longest = train->longest;
  train->count = kept;
  return ATT_OK;
}

/* --valid's first part that has tunes. */
static att_status read_valid(att_trainer *t) {
  att_rolls parts[ATT_ROLL_PARTS], *valid = &data_of(t)->parts[VALID];
  ATT_TRY(att_rolls_read(t->ctx, t->options->valid, parts));
  att_rolls_free(t->ctx, valid);
  for (int i = 0; i < ATT_ROLL_PARTS; i++) {
    if (!valid->count && parts[i].count)
      *valid = parts[i];
    else
      att_rolls_free(t->ctx, &parts[i]);
  }
  return ATT_OK;
}

static uint64_t fingerprint(const att_rolls *r) {
  size_t size = (size_t)(att_rolls_frames(r) * ATT_ROLL_KEYS);
  return att_text_fingerprint((uint64_t)r->count, (att_text){(const char *)r->frames, size});
}

static void say(const att_trainer *t, const char *what, const att_rolls *r) {
  if (!r->count || t->resumed) return;
  att_log(t->ctx, ATT_LOG_NOTE, "%s: %lld tunes of piano rolls, %lld frames, the longest %lld", what,
          (long long)r->count, (long long)att_rolls_frames(r), (long long)r->longest);
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  const char *path = o->texts.names[0];
  frames_data *d = t->data = ATT_NEW(t->ctx, 1, frames_data);
  (void)seed;
  if (!d) return ATT_MEMORY;
  t->reads_rows = true;
  if (o->texts.count > 1) {
    return att_fail(t->ctx, ATT_ARGUMENT, "piano rolls are in one file, and %zu are given: %s and %s", o->texts.count,
                    path, o->texts.names[1]);
  }
  ATT_TRY(att_rolls_read(t->ctx, path, d->parts));
  if (!d->parts[TRAIN].count) {
    return att_fail(t->ctx, ATT_FORMAT, "%s: there are no tunes under \"%s\"", path, att_roll_parts[TRAIN]);
  }
  if (o->valid)
    ATT_TRY(read_valid(t));
  else if (!d->parts[VALID].count)
    ATT_TRY(hold_out(t));
  for (int i = 0; i < ATT_ROLL_PARTS; i++) say(t, att_roll_parts[i], &d->parts[i]);
  for (int i = 0; i < ATT_ROLL_KEYS; i++) {
    snprintf(d->names[i], sizeof d->names[i], "key_%d", ATT_ROLL_FIRST + i);
    d->labels[i] = d->names[i];
  }
  *train_fingerprint = fingerprint(&d->parts[TRAIN]);
  *valid_fingerprint = fingerprint(&d->parts[VALID]);
  return ATT_OK;
}

/* A tune. */
static bool held(const att_trainer *t, size_t index, att_held_item *item) {
  const att_rolls *r = &data_of(t)->parts[VALID];
  if ((int64_t)index >= r->count) return false;
  const unsigned char *frames = r->frames + r->start[index] * ATT_ROLL_KEYS;
  size_t size = (size_t)((r->start[index + 1] - r->start[index]) * ATT_ROLL_KEYS);
  *item = (att_held_item){.input = {(const char *)frames, size}, .channels = ATT_ROLL_KEYS, .is_roll = true};
  return true;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

static double passes_for(int64_t frames) { return fmin(200, fmax(10, 3e6 / (double)frames)); }
static double most_epochs(const att_trainer *t) { return 2 * passes_for(att_rolls_frames(&data_of(t)->parts[TRAIN])); }

static double dropout_for(const att_trainer *t, double epochs) {
  (void)t;
  (void)epochs;
  return 0.1;
}

/* About a thousand frames: small data wants many steps. */
static int64_t batch_for(const att_rolls *r) {
  int64_t rows = 1024 * r->count / att_rolls_frames(r);
  return rows < 1 ? 1 : rows > 64 ? 64 : rows;
}

static void choose(const att_trainer *t, att_plan *p) {
  const frames_data *d = data_of(t);
  int64_t longest = 8, frames = att_rolls_frames(&d->parts[TRAIN]);
  for (int i = 0; i < ATT_ROLL_PARTS; i++)
    if (d->parts[i].longest > longest) longest = d->parts[i].longest;
  bool attends = p->network == ATT_TRANSFORMER;
  if (p->fine_tuned != 1) att_choose_whole(&p->context, longest > ATT_MOST_CONTEXT ? ATT_MOST_CONTEXT : longest);
  att_choose_whole(&p->max_length, p->context);
  if (attends) att_choose_whole(&p->position, ATT_ROTARY);
  if (attends) att_choose_whole(&p->activation, p->norm == ATT_NORM_RMS ? ATT_SWIGLU : ATT_GELU_TANH);
  p->vocab = p->lowercase = 0;
  att_plan_choose_size(p, &shapes, ATT_TINY);
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, batch_for(&d->parts[TRAIN]));
  att_choose_whole(&p->transpose, 5);
  att_choose_number(&p->lr, attends ? 1e-3 : 5e-3);
  att_choose_number(&p->min_lr, 0);
  att_choose_number(&p->beta2, 0.98);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = passes_for(frames);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static att_status no_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  (void)t;
  *tokenizer = NULL;
  return ATT_OK;
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  frames_data *d = data_of(t);
  att_plan_config(&t->state.plan, ATT_DECODER, tokenizer, c);
  c->head = ATT_HEAD_FRAMES;
  c->input_width = ATT_ROLL_KEYS;
  c->labels = d->labels;
  c->label_count = ATT_ROLL_KEYS;
  c->tie_word_embeddings = false;
}

static att_status fits(att_trainer *t, const char *folder) {
  const att_config *c = &t->model->config;
  if (c->head == ATT_HEAD_FRAMES && c->label_count == ATT_ROLL_KEYS && c->input_width == ATT_ROLL_KEYS) return ATT_OK;
  return att_fail(t->ctx, ATT_UNSUPPORTED, "%s: the model in it does not read piano rolls", folder);
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

static att_status encode(att_trainer *t) {
  frames_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  const att_rolls *train = &d->parts[TRAIN];
  d->rows = p->batch > 0 ? p->batch : p->batch_tokens / train->longest;
  d->rows = d->rows < 1 ? 1 : d->rows > train->count ? train->count : d->rows;
  if (!t->resumed && train->longest > p->max_length) {
    att_log(t->ctx, ATT_LOG_NOTE, "tunes longer than %lld frames are read in pieces", (long long)p->max_length);
  }
  d->order = ATT_NEW(t->ctx, train->count, int32_t);
  d->shift = ATT_NEW(t->ctx, train->count, int32_t);
  return d->order && d->shift ? att_arena_new(t->ctx, &d->arena) : ATT_MEMORY;
}

static att_status begin_epoch(att_trainer *t) {
  frames_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x6672616d65), (uint64_t)t->state.epoch);
  int64_t reach = t->state.plan.transpose;
  for (int64_t i = 0; i < d->parts[TRAIN].count; i++) {
    d->order[i] = (int32_t)i;
    d->shift[i] = (int32_t)(att_random64(att_key(key, 1), (uint64_t)i) % (uint64_t)(2 * reach + 1)) - (int32_t)reach;
  }
  att_shuffle(d->order, d->parts[TRAIN].count, key);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  return (data_of(t)->parts[TRAIN].count + data_of(t)->rows - 1) / data_of(t)->rows;
}

static double epoch_tokens(const att_trainer *t) { return (double)att_rolls_frames(&data_of(t)->parts[TRAIN]); }

static double evaluated_tokens(const att_trainer *t) {
  const frames_data *d = data_of(t);
  return (double)(att_rolls_frames(&d->parts[VALID]) + att_rolls_frames(&d->parts[TEST]));
}

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->parts[TRAIN].count;
  *valid = data_of(t)->parts[VALID].count;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  frames_data *d = data_of(t);
  const att_rolls *train = &d->parts[TRAIN];
  int64_t begin = t->state.index * d->rows, rest = train->count - begin, count = rest < d->rows ? rest : d->rows;
  att_arena_reset(d->arena);
  ATT_TRY(
      att_rolls_take(train, d->order + begin, d->shift + begin, 0, count, t->state.plan.max_length, d->arena, batch));
  *tokens = batch->target.sequences.start[batch->target.sequences.count];
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

static att_status nats(att_trainer *t, const att_rolls *r, double *out) {
  double logprob;
  ATT_TRY(att_rolls_score(t->model, r, t->model->config.max_position_embeddings, t->arena, &logprob));
  *out = r->count ? -logprob / (double)att_rolls_frames(r) : NAN;
  return ATT_OK;
}

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  *score = (att_score_of_model){.quality = -1};
  ATT_TRY(nats(t, &data_of(t)->parts[VALID], &score->loss));
  return nats(t, &data_of(t)->parts[TEST], &score->also[0]);
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return NULL;
}

static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  int used = att_format(text, size, "%.4f nats a frame", s.loss);
  if (data_of(t)->parts[TEST].count && used > 0 && (size_t)used < size)
    att_format(text + used, size - (size_t)used, ", test %.4f", s.also[0]);
}

static void free_data(att_trainer *t) {
  frames_data *d = t->data;
  if (!d) return;
  for (int i = 0; i < ATT_ROLL_PARTS; i++) att_rolls_free(t->ctx, &d->parts[i]);
  att_arena_free(d->arena);
  att_free(t->ctx, d->order);
  att_free(t->ctx, d->shift);
  att_free(t->ctx, d);
}

const att_task att_frames_task = {
    .things = "tunes",
    .shapes = &shapes,
    .read = read_data,
    .held = held,
    .choose = choose,
    .train_tokenizer = no_tokenizer,
    .configure = configure,
    .fits = fits,
    .encode = encode,
    .begin_epoch = begin_epoch,
    .batch_count = batch_count,
    .epoch_tokens = epoch_tokens,
    .counts = counts,
    .batch = get_batch,
    .evaluate = evaluate,
    .quality = quality,
    .evaluated_tokens = evaluated_tokens,
    .most_epochs = most_epochs,
    .dropout = dropout_for,
    .describe = describe,
    .free = free_data,
};
