/*
 * Owns the task of filling masks (Devlin et al. 2019, section 3.1): running text cut into windows, each between the
 * special tokens of a text; of its tokens 15 of 100 are to be foretold, of which 80 of 100 are hidden behind the mask,
 * 10 become a token at random and 10 stay as they are. Drawn anew in every epoch, from seed, epoch and window: resuming
 * changes nothing. Windows are packed full, whole documents or not (Liu et al. 2019, section 4.2: FULL-SENTENCES).
 * Refuses models without a mask.
 */
#include "models/head.h"
#include "train/data/batches.h"
#include "train/data/running_text.h"
#include "train/tasks/encoder.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

#define ATT_CHOSEN 0.15 /* of the tokens */
#define ATT_HIDDEN 0.8  /* of the chosen */
#define ATT_OTHER  0.1
#define ATT_HELD   0.05               /* of the text, where no file is given */
#define ATT_LOGITS ((int64_t)1 << 22) /* floats that are there at once in validation */

/* A stream of ids in windows of `length` (the last may be shorter). */
typedef struct windows {
  att_ids ids;
  int64_t length, count;
} windows;

typedef struct masked_data {
  att_running train, valid;
  windows text, held;
  att_ids around;  /* the special tokens of an empty text */
  int64_t before;  /* of them stand before a text */
  int32_t *others; /* [other_count]: tokens that may stand for another */
  int64_t other_count;
  int32_t *order; /* [text.count]: of the epoch */
  int64_t rows;   /* windows of a batch */
  att_arena *arena;
} masked_data;

static masked_data *data_of(const att_trainer *t) { return t->data; }

/* ---- data ----------------------------------------------------------------------------------------------------- */

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  masked_data *d = ATT_NEW(t->ctx, 1, masked_data);
  (void)seed;
  if (!d) return ATT_MEMORY;
  t->data = d;
  ATT_TRY(att_running_read(t->ctx, o->texts.names, o->texts.count, &d->train));
  if (o->valid)
    ATT_TRY(att_running_read(t->ctx, &o->valid, 1, &d->valid));
  else
    ATT_TRY(att_running_hold_out(t->ctx, &d->train, ATT_HELD, &d->valid));
  *train_fingerprint = att_running_fingerprint(&d->train);
  *valid_fingerprint = att_running_fingerprint(&d->valid);
  return ATT_OK;
}

static int64_t vocab_for(uint64_t bytes) {
  return bytes < 300000 ? 2000 : bytes < 3000000 ? 8000 : bytes < 100000000 ? 16000 : 30000;
}

static void choose(const att_trainer *t, att_plan *p) {
  uint64_t bytes = data_of(t)->train.bytes;
  bool little = bytes < 10000000;
  if (p->fine_tuned == 1)
    att_choose_number(&p->lr, 1e-4 * att_plan_width_scale(p)); /* goes on, rather than being tuned */
  if (little && p->network == ATT_TRANSFORMER && p->fine_tuned != 1) {
    att_choose_whole(&p->encoder_layers, 2); /* four had learned no more after as many steps (docs/TRAINING.md) */
  }
  att_encoder_choose(p, bytes < 100000000 ? ATT_SMALL : ATT_BASE, vocab_for(bytes), little ? 1e-3 : 5e-4);
  if (little && p->batch == ATT_UNSET && p->max_length <= 1024) att_choose_whole(&p->batch_tokens, 1024);
  att_choose_whole(&p->max_length, p->context != ATT_UNSET && p->context < 128 ? p->context : 128);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = little ? 20 : 10;
}

static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  const masked_data *d = data_of(t);
  const att_text *const texts[] = {d->train.pieces};
  return att_encoder_train_tokenizer(t, texts, &d->train.count, 1, false, tokenizer);
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  att_encoder_configure(&t->state.plan, tokenizer, c);
  c->head = ATT_HEAD_TOKENS;
}

static att_status fits(att_trainer *t, const char *folder) {
  const att_config *c = &t->model->config;
  if (c->kind == ATT_ENCODER && t->model->head->output && c->mask >= 0) return ATT_OK;
  return att_trainer_wrong_model(t, folder, "an encoder with a mask token and a head of tokens, such as bert");
}

/* ---- windows -------------------------------------------------------------------------------------------------- */

static att_status cut_windows(att_trainer *t, const att_running *text, const char *name, windows *out) {
  masked_data *d = data_of(t);
  out->length = t->state.plan.max_length - (int64_t)d->around.count;
  ATT_TRY(att_running_encode(t->ctx, text, t->model->tokenizer, name, -1, att_trainer_work, t, &out->ids));
  out->count = ((int64_t)out->ids.count + out->length - 1) / out->length;
  if (out->count == 0) return att_fail(t->ctx, ATT_FORMAT, "%s: there is no text in it", name);
  if (out->count <= INT32_MAX) return ATT_OK;
  return att_fail(t->ctx, ATT_UNSUPPORTED, "%s: it has %zu tokens: too many for windows of %lld", name, out->ids.count,
                  (long long)out->length);
}

/* The special tokens around a text: those of an empty one, half before and half behind. */
static att_status find_specials(att_trainer *t) {
  masked_data *d = data_of(t);
  ATT_TRY(att_tokenizer_encode(t->model->tokenizer, t->ctx, (att_text){"", 0}, true, &d->around));
  d->before = (int64_t)(d->around.count + 1) / 2;
  if (t->model->config.mask < 0) return att_fail(t->ctx, ATT_UNSUPPORTED, "the tokenizer has no mask token");
  if (t->state.plan.max_length > (int64_t)d->around.count) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT, "--max-length is %lld: the special tokens around a text leave no room for it",
                  (long long)t->state.plan.max_length);
}

static att_status find_others(att_trainer *t) {
  masked_data *d = data_of(t);
  const att_tokenizer *tokenizer = t->model->tokenizer;
  d->others = ATT_NEW(t->ctx, t->model->config.vocab_size, int32_t);
  if (!d->others) return ATT_MEMORY;
  for (int32_t i = 0; i < t->model->config.vocab_size; i++)
    if (att_tokenizer_token(tokenizer, i) && !att_tokenizer_is_special(tokenizer, i)) d->others[d->other_count++] = i;
  if (d->other_count > 0) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "the tokenizer has nothing but special tokens");
}

static att_status encode(att_trainer *t) {
  masked_data *d = data_of(t);
  const att_train_options *o = t->options;
  const att_plan *p = &t->state.plan;
  t->work = "encoding";
  ATT_TRY(find_specials(t));
  ATT_TRY(find_others(t));
  ATT_TRY(cut_windows(t, &d->train, o->texts.names[0], &d->text));
  ATT_TRY(cut_windows(t, &d->valid, o->valid ? o->valid : "the held-out part", &d->held));
  att_running_free(t->ctx, &d->valid); /* the ids are enough */
  att_running_free(t->ctx, &d->train);
  d->rows = p->batch > 0 ? p->batch : p->batch_tokens / p->max_length;
  if (d->rows < 1) d->rows = 1;
  ATT_TRY(att_encoder_place_words(t, &d->text.ids));
  d->order = ATT_NEW(t->ctx, d->text.count, int32_t);
  return d->order ? att_arena_new(t->ctx, &d->arena) : ATT_MEMORY;
}

/* ---- masking -------------------------------------------------------------------------------------------------- */

typedef struct masked_batch {
  int32_t *ids, *labels, *label_rows;
  int64_t *start;
  int64_t label_count;
} masked_batch;

/* What the token becomes. draw: uniform. */
static int32_t disguise(const att_trainer *t, int32_t id, double draw) {
  const masked_data *d = data_of(t);
  if (draw < ATT_HIDDEN) return t->model->config.mask;
  if (draw >= ATT_HIDDEN + ATT_OTHER) return id;
  double place = (draw - ATT_HIDDEN) / ATT_OTHER * (double)d->other_count;
  return d->others[place < (double)d->other_count ? (int64_t)place : d->other_count - 1];
}

/* Chooses tokens of the ids at rows[0 .. count), which is their place in the batch; one at least. */
static void mask_window(const att_trainer *t, uint64_t key, int64_t row, int64_t count, masked_batch *b) {
  int64_t had = b->label_count, one = (int64_t)(att_uniform(key, UINT64_MAX) * (double)count);
  for (int pass = 0; pass < 2 && b->label_count == had; pass++) {
    for (int64_t i = 0; i < count; i++) {
      uint64_t token = att_key(key, (uint64_t)i);
      if (pass ? i != one : att_uniform(token, 0) >= ATT_CHOSEN) continue;
      b->labels[b->label_count] = b->ids[row + i];
      b->label_rows[b->label_count++] = (int32_t)(row + i);
      b->ids[row + i] = disguise(t, b->ids[row + i], att_uniform(token, 1));
    }
  }
}

static void copy_window(const masked_data *d, const windows *w, int64_t window, int64_t count, int32_t *out) {
  size_t before = (size_t)d->before, behind = d->around.count - before, size = (size_t)count;
  if (before) memcpy(out, d->around.data, before * sizeof *out);
  memcpy(out + before, w->ids.data + window * w->length, size * sizeof *out);
  if (behind) memcpy(out + before + size, d->around.data + before, behind * sizeof *out);
}

/* Windows which[0 .. rows), or begin .. begin + rows where which is NULL, masked by the key; on the arena. */
static att_status make_batch(const att_trainer *t, const windows *w, const int32_t *which, int64_t begin, int64_t rows,
                             uint64_t key, att_arena *arena, att_batch *batch) {
  const masked_data *d = data_of(t);
  int64_t specials = (int64_t)d->around.count, room = rows * (w->length + specials);
  masked_batch b = {ATT_ARENA_NEW(arena, room, int32_t), ATT_ARENA_NEW(arena, room, int32_t),
                    ATT_ARENA_NEW(arena, room, int32_t), ATT_ARENA_NEW(arena, rows + 1, int64_t), 0};
  if (!b.ids || !b.labels || !b.label_rows || !b.start) return ATT_MEMORY;
  b.start[0] = 0;
  for (int64_t i = 0; i < rows; i++) {
    int64_t window = which ? which[i] : begin + i, rest = (int64_t)w->ids.count - window * w->length;
    int64_t count = rest < w->length ? rest : w->length;
    copy_window(d, w, window, count, b.ids + b.start[i]);
    mask_window(t, att_key(key, (uint64_t)window), b.start[i] + d->before, count, &b);
    b.start[i + 1] = b.start[i] + count + specials;
  }
  *batch = (att_batch){.source = {.ids = b.ids, .sequences = {rows, b.start}},
                       .labels = b.labels,
                       .label_rows = b.label_rows,
                       .label_count = b.label_count};
  return ATT_OK;
}

static uint64_t mask_key(const att_trainer *t) { return att_key((uint64_t)t->state.plan.seed, 0x6d61736b); }

static att_status begin_epoch(att_trainer *t) {
  masked_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x77696e646f), (uint64_t)t->state.epoch);
  for (int64_t i = 0; i < d->text.count; i++) d->order[i] = (int32_t)i;
  att_shuffle(d->order, d->text.count, key);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  const masked_data *d = data_of(t);
  return (d->text.count + d->rows - 1) / d->rows;
}

static double tokens_of(const masked_data *d, const windows *w) {
  return (double)w->ids.count + (double)w->count * (double)d->around.count;
}

static double epoch_tokens(const att_trainer *t) { return tokens_of(data_of(t), &data_of(t)->text); }
static double evaluated_tokens(const att_trainer *t) { return tokens_of(data_of(t), &data_of(t)->held); }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->text.count;
  *valid = data_of(t)->held.count;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  masked_data *d = data_of(t);
  int64_t begin = t->state.index * d->rows, rest = d->text.count - begin, rows = rest < d->rows ? rest : d->rows;
  uint64_t key = att_key(mask_key(t), (uint64_t)t->state.epoch + 1);
  att_arena_reset(d->arena);
  ATT_TRY(make_batch(t, &d->text, d->order + begin, 0, rows, key, d->arena, batch));
  *tokens = batch->source.sequences.start[rows];
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

/* Whether the largest of a row's logits is the label's. */
static int64_t count_right(const att_tensor *logits, const int32_t *labels) {
  int64_t right = 0;
  for (int64_t r = 0; r < logits->rows; r++) {
    const float *row = logits->data + r * logits->stride;
    int64_t best = 0;
    for (int64_t k = 1; k < logits->cols; k++)
      if (row[k] > row[best]) best = k;
    right += best == labels[r];
  }
  return right;
}

/* Of the masks first .. first + count of the batch. */
static att_status measure_masks(const att_trainer *t, att_run *run, const att_tensor *hidden, const att_batch *batch,
                                int64_t first, int64_t count, att_loss *loss, int64_t *right) {
  att_tensor chosen, logits;
  ATT_TRY(att_op_rows(run, hidden, batch->label_rows + first, count, &chosen));
  ATT_TRY(att_model_logits(run, t->model, &chosen, &logits));
  *right += count_right(&logits, batch->labels + first);
  return att_op_class_loss(run, &logits, batch->labels + first, 0, 1, loss);
}

/* The logits of some masks at a time: those of all would be many times what training holds. */
static att_status measure(att_trainer *t, const att_batch *batch, att_loss *loss, int64_t *right) {
  att_run run = {.ctx = t->ctx, .arena = t->arena};
  att_hidden hidden;
  int64_t most = 1 + ATT_LOGITS / t->model->config.vocab_size;
  ATT_TRY(att_model_hidden(&run, t->model, &batch->source, NULL, NULL, &hidden));
  for (int64_t first = 0, count; first < batch->label_count; first += count) {
    count = batch->label_count - first < most ? batch->label_count - first : most;
    att_arena_mark mark = att_arena_save(t->arena);
    ATT_TRY(measure_masks(t, &run, &hidden.rows, batch, first, count, loss, right));
    att_arena_restore(t->arena, mark);
  }
  return ATT_OK;
}

/* The masks of validation are the same every time. */
static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  masked_data *d = data_of(t);
  att_loss loss = {0};
  int64_t right = 0;
  for (int64_t begin = 0; begin < d->held.count; begin += d->rows) {
    int64_t rest = d->held.count - begin;
    att_batch batch;
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
    att_arena_reset(t->arena);
    ATT_TRY(make_batch(t, &d->held, NULL, begin, rest < d->rows ? rest : d->rows, att_key(mask_key(t), 0), t->arena,
                       &batch));
    ATT_TRY(measure(t, &batch, &loss, &right));
  }
  double count = (double)loss.count;
  *score = (att_score_of_model){.loss = loss.nll / count, .quality = (double)right / count};
  return ATT_OK;
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return "accuracy";
}

static void free_data(att_trainer *t) {
  masked_data *d = t->data;
  if (!d) return;
  att_running_free(t->ctx, &d->valid); /* its text may be memory of train */
  att_running_free(t->ctx, &d->train);
  att_arena_free(d->arena);
  void *const owned[] = {d->text.ids.data, d->held.ids.data, d->around.data, d->others, d->order, d};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(t->ctx, owned[i]);
}

const att_task att_masked_task = {
    .things = "windows",
    .shapes = &att_encoder_shapes,
    .telling = 2, /* the share of masks filled right is said, but the loss tells more */
    .predicts_tokens = true,
    .read = read_data,
    .choose = choose,
    .train_tokenizer = train_tokenizer,
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
    .free = free_data,
};
