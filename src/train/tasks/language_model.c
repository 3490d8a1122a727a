/*
 * Owns the task of language modelling, of text and of tunes as words (data/music.h): running text from one or many
 * files, its last tenth held out, decoders that predict the next token, batches of windows drawn anywhere in the text.
 * Refuses text shorter than a window, and models that are no decoders.
 *
 * An epoch reads the text once, in windows side by side whose first begins at a place of the epoch's own and whose
 * order is shuffled: both are functions of (seed, epoch).
 */
#include "models/head.h"
#include "train/data/batches.h"
#include "train/data/music.h"
#include "train/data/running_text.h"
#include "train/trainer.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

#define ATT_HELD_OUT        0.1  /* nanoGPT's share */
#define ATT_EVALUATED_BATCH 4096 /* tokens read at once */
#define ATT_MOST_EVALUATED  (1 << 20)
#define ATT_FEW_CHARACTERS  2e6 /* bytes of text below which characters are the better pieces */

static const char document_token[] = "<|endoftext|>", unknown_token[] = "<unk>";

typedef struct att_language_data {
  att_running text, held; /* until they are encoded */
  uint64_t bytes;         /* of the training text */
  att_ids train, valid;
  double valid_bytes, valid_characters;
  int64_t window;           /* tokens that a sequence reads */
  int64_t valid_windows;    /* that are evaluated, of: */
  int64_t all_windows;      /* in `valid` */
  int64_t rows;             /* that there is room for */
  int64_t windows, first;   /* of this epoch: how many, and where the first begins */
  int32_t *order;           /* [windows of an epoch at most]: shuffled */
  int64_t *start;           /* [rows + 1] */
  int32_t *inputs, *labels; /* [rows, window] */
} att_language_data;

static att_language_data *data_of(const att_trainer *t) { return t->data; }

static bool is_music(const att_trainer *t) { return t->options->task == ATT_TASK_MUSIC; }

static att_status read_files(const att_trainer *t, const char *const *names, size_t count, att_running *running) {
  return is_music(t) ? att_music_read(t->ctx, names, count, running) : att_running_read(t->ctx, names, count, running);
}

static att_status read_text(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  att_language_data *d = ATT_NEW(t->ctx, 1, att_language_data);
  (void)seed;
  if (!d) return ATT_MEMORY;
  t->data = d;
  if (o->plan.transpose != ATT_UNSET)
    return att_fail(t->ctx, ATT_ARGUMENT, "--transpose is for piano rolls (.json), and %s is none", o->texts.names[0]);
  ATT_TRY(read_files(t, o->texts.names, o->texts.count, &d->text));
  if (o->valid) {
    ATT_TRY(read_files(t, &o->valid, 1, &d->held));
  } else {
    ATT_TRY(att_running_hold_out(t->ctx, &d->text, ATT_HELD_OUT, &d->held));
  }
  d->bytes = d->text.bytes;
  *train_fingerprint = att_running_fingerprint(&d->text);
  *valid_fingerprint = att_running_fingerprint(&d->held);
  return ATT_OK;
}

/* A piece of the text. */
static bool held(const att_trainer *t, size_t index, att_held_item *item) {
  const att_running *text = &data_of(t)->held;
  if (index >= text->count) return false;
  *item = (att_held_item){.input = text->pieces[index]};
  return true;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

/* Small: about what people train on a laptop; base and big: GPT-2's small and medium. */
static const att_shapes shapes = {ATT_DECODER,
                                  {{4, 128, 4, 512}, {6, 384, 6, 1536}, {12, 768, 12, 3072}, {24, 1024, 16, 4096}}};

static int size_for(const att_plan *p, double bytes) {
  bool long_enough = p->minutes <= 0 || p->minutes >= 600;
  return bytes < 5e6 ? ATT_TINY : bytes < 5e8 || !long_enough ? ATT_SMALL : ATT_BASE;
}

static void choose_pieces(att_plan *p, double bytes) {
  att_choose_whole(&p->tokenizer, bytes < ATT_FEW_CHARACTERS ? ATT_CHAR : ATT_BPE);
  if (p->tokenizer == ATT_BYTE) att_choose_whole(&p->vocab, 257);
  if (p->tokenizer == ATT_CHAR) att_choose_whole(&p->vocab, 10000);
  att_choose_whole(&p->vocab, bytes < 1e6 ? 1000 : bytes < 2e7 ? 4000 : bytes < 2e8 ? 16000 : 32000);
}

/* GPT-2's blocks, or Llama's where the norm is RMS. */
static void choose_style(att_plan *p) {
  bool rms = p->norm == ATT_NORM_RMS;
  if (p->network != ATT_TRANSFORMER) return;
  att_choose_whole(&p->position, rms ? ATT_ROTARY : ATT_LEARNED);
  att_choose_whole(&p->activation, rms ? ATT_SWIGLU : ATT_GELU_TANH);
}

/* Of the layers and the embedding, roughly. */
static double parameters_of(const att_plan *p) {
  double width = (double)p->width, cells = p->network == ATT_LSTM ? 8 : p->network == ATT_GRU ? 6 : 2;
  double layer = p->network == ATT_TRANSFORMER ? 12 * width * width : cells * width * width;
  double vocabulary = p->tokenizer == ATT_CHAR ? 100 : (double)p->vocab;
  return (double)p->decoder_layers * layer + vocabulary * width;
}

static double tokens_of(const att_plan *p, double bytes) {
  return p->tokenizer == ATT_CHAR || p->tokenizer == ATT_BYTE ? bytes : bytes / 3.5;
}

/* Text that is seen once teaches nothing by heart; a model of more numbers than the text has pieces could hold it. */
static double dropout_for(const att_trainer *t, double epochs) {
  const att_plan *p = &t->state.plan;
  double numbers = p->fine_tuned == 1 ? 0 : parameters_of(p), tokens = tokens_of(p, (double)data_of(t)->bytes);
  if (epochs <= 2) return 0;
  return numbers > 5 * tokens ? 0.2 : numbers > tokens / 2 ? 0.1 : 0;
}

/* Two windows at least of what is held out, a tenth. */
static int64_t context_for(const att_plan *p, double tokens) {
  if (p->network != ATT_TRANSFORMER) return 128;
  return p->width >= 768 ? 1024 : p->width <= 128 && tokens < 20 * 256 ? 128 : 256;
}

static void choose_windows(att_plan *p, double tokens) {
  att_choose_whole(&p->context, context_for(p, tokens));
  att_choose_whole(&p->max_length, p->fine_tuned == 1 && p->context > 1024 ? 1024 : p->context);
  int64_t together = tokens < 2e6 ? 2048 : tokens < 2e7 ? 4096 : tokens < 2e8 ? 8192 : 32768;
  if (p->batch_tokens != ATT_UNSET) together = p->batch_tokens;
  int64_t rows = together / (p->max_length > 0 ? p->max_length : 1);
  att_choose_whole(&p->batch, rows < 1 ? 1 : rows);
  att_choose_whole(&p->batch_tokens, 0);
}

static void choose(const att_trainer *t, att_plan *p) {
  double bytes = (double)data_of(t)->bytes;
  if (p->fine_tuned != 1) {
    choose_style(p);
    att_plan_choose_size(p, &shapes, size_for(p, bytes));
    if (is_music(t))
      p->vocab = p->lowercase = 0;
    else
      choose_pieces(p, bytes);
  }
  double tokens = tokens_of(p, bytes);
  choose_windows(p, tokens);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) {
    p->epochs = fmin(20, fmax(1, p->fine_tuned == 1 ? 3 : round(20 * parameters_of(p) / tokens)));
  }
  double step = (double)(p->batch * p->max_length), lr = p->width > 384 ? 1e-3 * 384 / (double)p->width : 1e-3;
  att_choose_number(&p->lr, p->fine_tuned == 1 ? 0.2 * lr : lr);
  att_choose_number(&p->min_lr, 0.1 * p->lr);
  att_choose_number(&p->beta2, step < 32768 ? 0.99 : 0.95);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  const char *const specials[] = {document_token, unknown_token};
  if (is_music(t)) return att_music_tokenizer(t->ctx, tokenizer);
  const att_plan *p = &t->state.plan;
  const att_running *text = &data_of(t)->text;
  const att_tokenizer_plan plan = {.kind = (att_tokenizer_kind)p->tokenizer,
                                   .vocab = (int)p->vocab,
                                   .lowercase = p->lowercase == 1,
                                   .plain = true,
                                   .first_specials = specials,
                                   .first_count = p->tokenizer == ATT_CHAR ? 2 : 1};
  const att_text *const texts[] = {text->pieces};
  t->work = "learning the vocabulary";
  return att_tokenizer_train(t->ctx, texts, &text->count, 1, &plan, att_trainer_work, t, tokenizer);
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  att_plan_config(&t->state.plan, ATT_DECODER, tokenizer, c);
  c->bos = c->eos = att_tokenizer_id(tokenizer, document_token);
  c->unk = att_tokenizer_id(tokenizer, unknown_token);
}

static att_status fits(att_trainer *t, const char *folder) {
  const att_config *c = &t->model->config;
  if (c->kind == ATT_DECODER && t->model->head->output) return ATT_OK;
  return att_trainer_wrong_model(t, folder, "a decoder with a head of tokens, such as gpt2 or llama");
}

/* ---- ids ------------------------------------------------------------------------------------------------------ */

static att_status check_lengths(att_trainer *t) {
  const att_language_data *d = data_of(t);
  if (d->train.count / (size_t)d->window > INT32_MAX) {
    return att_fail(t->ctx, ATT_UNSUPPORTED, "the training text has %zu tokens: too many for windows of %lld",
                    d->train.count, (long long)d->window);
  }
  if ((int64_t)d->train.count <= d->window) {
    return att_fail(t->ctx, ATT_FORMAT,
                    "%s: the training text has %zu tokens, but a window of the context takes %lld and one to predict: "
                    "give more text, or a smaller --context",
                    t->options->texts.names[0], d->train.count, (long long)d->window);
  }
  if (d->valid.count < 2) {
    return att_fail(t->ctx, ATT_FORMAT, "the validation text has %zu tokens: there is nothing to predict in it",
                    d->valid.count);
  }
  return ATT_OK;
}

static void say_unknown(att_trainer *t) {
  const att_language_data *d = data_of(t);
  int32_t unk = t->model->config.unk;
  size_t unknown = 0;
  if (unk < 0) return;
  for (size_t i = 0; i < d->valid.count; i++) unknown += d->valid.data[i] == unk;
  if (unknown) {
    att_log(t->ctx, ATT_LOG_WARNING,
            "the validation text has %zu characters that the training text does not have: each is %s", unknown,
            att_tokenizer_token(t->model->tokenizer, unk));
  }
}

static att_status make_room(att_trainer *t) {
  att_language_data *d = data_of(t);
  int64_t evaluated = ATT_EVALUATED_BATCH / d->window, most = ATT_MOST_EVALUATED / d->window;
  d->rows = t->state.plan.batch;
  if (d->rows < evaluated) d->rows = evaluated;
  d->start = ATT_NEW(t->ctx, d->rows + 1, int64_t);
  d->inputs = ATT_NEW(t->ctx, d->rows * d->window, int32_t);
  d->labels = ATT_NEW(t->ctx, d->rows * d->window, int32_t);
  d->order = ATT_NEW(t->ctx, (int64_t)d->train.count / d->window, int32_t);
  if (!d->start || !d->inputs || !d->labels || !d->order) return ATT_MEMORY;
  d->all_windows = ((int64_t)d->valid.count - 2) / d->window + 1;
  d->valid_windows = d->all_windows <= most || most < 1 ? d->all_windows : most;
  if (d->valid_windows < d->all_windows) {
    att_log(t->ctx, ATT_LOG_NOTE, "validation reads %lld of the %lld windows of the validation text, evenly spread",
            (long long)d->valid_windows, (long long)d->all_windows);
  }
  return ATT_OK;
}

static att_status encode(att_trainer *t) {
  const att_train_options *o = t->options;
  const att_tokenizer *tokenizer = t->model->tokenizer;
  att_language_data *d = data_of(t);
  int32_t special = t->model->config.bos >= 0 ? t->model->config.bos : t->model->config.eos;
  d->window = t->state.plan.max_length;
  d->valid_bytes = (double)d->held.bytes;
  d->valid_characters = (double)att_running_characters(&d->held);
  t->work = "encoding";
  ATT_TRY(att_running_encode(t->ctx, &d->text, tokenizer, o->texts.names[0], special, att_trainer_work, t, &d->train));
  ATT_TRY(att_running_encode(t->ctx, &d->held, tokenizer, o->valid ? o->valid : "the held-out part", special,
                             att_trainer_work, t, &d->valid));
  att_running_free(t->ctx, &d->held);
  att_running_free(t->ctx, &d->text);
  ATT_TRY(check_lengths(t));
  say_unknown(t);
  return make_room(t);
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

/* The first window begins within as many tokens as are left over, or within a window where those are few. */
static att_status begin_epoch(att_trainer *t) {
  att_language_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x77696e646f77), (uint64_t)t->state.epoch);
  int64_t places = (int64_t)d->train.count - d->window; /* that a window may begin at */
  d->first = (int64_t)(att_random64(key, 0) % (uint64_t)(places < d->window ? places : d->window));
  d->windows = (places - 1 - d->first) / d->window + 1;
  for (int64_t i = 0; i < d->windows; i++) d->order[i] = (int32_t)i;
  att_shuffle(d->order, d->windows, att_key(key, 1));
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  const att_language_data *d = data_of(t);
  int64_t count = (int64_t)d->train.count / (d->window * t->state.plan.batch);
  return count < 1 ? 1 : count;
}

static double epoch_tokens(const att_trainer *t) {
  return (double)(batch_count(t) * data_of(t)->window * t->state.plan.batch);
}

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = (int64_t)data_of(t)->train.count;
  *valid = (int64_t)data_of(t)->valid.count;
}

/* Row r: `count` tokens from place `at` on, each with the one behind it. */
static void set_window(att_language_data *d, int64_t r, const att_ids *ids, int64_t at, int64_t count) {
  int64_t to = d->start[r];
  memcpy(d->inputs + to, ids->data + at, (size_t)count * sizeof(int32_t));
  memcpy(d->labels + to, ids->data + at + 1, (size_t)count * sizeof(int32_t));
  d->start[r + 1] = to + count;
}

static att_batch batch_of(const att_language_data *d, int64_t rows) {
  return (att_batch){
      .target = {.ids = d->inputs, .sequences = {rows, d->start}}, .labels = d->labels, .label_count = d->start[rows]};
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  const att_state *s = &t->state;
  att_language_data *d = data_of(t);
  for (int64_t r = 0; r < s->plan.batch; r++) { /* a text of less windows than a batch has rows comes again in it */
    int64_t window = d->order[(s->index * s->plan.batch + r) % d->windows];
    set_window(d, r, &d->train, d->first + window * d->window, d->window);
  }
  *batch = batch_of(d, s->plan.batch);
  *tokens = d->start[s->plan.batch];
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  att_language_data *d = data_of(t);
  int64_t together = ATT_EVALUATED_BATCH / d->window;
  att_loss sum = {0};
  *score = (att_score_of_model){.loss = INFINITY, .quality = -1};
  if (together < 1) together = 1;
  for (int64_t first = 0; first < d->valid_windows; first += together) {
    att_run run = {.ctx = t->ctx, .arena = t->arena};
    int64_t rows = d->valid_windows - first < together ? d->valid_windows - first : together;
    for (int64_t r = 0; r < rows; r++) {
      int64_t at = (first + r) * d->all_windows / d->valid_windows * d->window, left = (int64_t)d->valid.count - 1 - at;
      set_window(d, r, &d->valid, at, left < d->window ? left : d->window);
    }
    att_batch batch = batch_of(d, rows);
    att_arena_reset(t->arena);
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
    ATT_TRY(att_model_loss(&run, t->model, &batch, 0, 1, &sum));
  }
  score->loss = sum.nll / (double)sum.count;
  return ATT_OK;
}

static double evaluated_tokens(const att_trainer *t) {
  return (double)(data_of(t)->valid_windows * data_of(t)->window);
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return NULL;
}

static void describe(const att_trainer *t, att_score_of_model score, char *text, size_t size) {
  const att_language_data *d = data_of(t);
  double bits = score.loss / log(2) * (double)d->valid.count;
  if (is_music(t)) {
    att_format(text, size, "loss %.4f nats a word, perplexity %.2f", score.loss, exp(score.loss));
    return;
  }
  att_format(text, size, "loss %.4f, perplexity %.2f, %.3f bits a character, %.3f a byte", score.loss, exp(score.loss),
             bits / d->valid_characters, bits / d->valid_bytes);
}

static void free_data(att_trainer *t) {
  att_language_data *d = t->data;
  if (!d) return;
  att_running_free(t->ctx, &d->held); /* its text may be memory of the other */
  att_running_free(t->ctx, &d->text);
  void *const owned[] = {d->train.data, d->valid.data, d->start, d->inputs, d->labels, d->order};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(t->ctx, owned[i]);
  att_free(t->ctx, d);
}

const att_task att_language_task = {
    .things = "tokens",
    .rows = "windows",
    .shapes = &shapes,
    .warmup_part = 20,
    .predicts_tokens = true,
    .read = read_text,
    .held = held,
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
    .dropout = dropout_for,
    .describe = describe,
    .free = free_data,
};
