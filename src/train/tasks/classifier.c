/*
 * Owns the task of classification: texts with labels, encoders (or what a run goes on from) with a head of labels,
 * shuffled batches, accuracy, macro-F1 or Spearman's correlation. Refuses options that texts with labels have no use
 * for, files whose lines differ in their columns, and encoder-decoders.
 *
 * Rows are packed without padding, so a batch is any texts of the epoch's order: lengths need not be alike.
 */
#include "metrics/classes.h"
#include "train/data/batches.h"
#include "train/data/examples.h"
#include "train/data/labelled.h"
#include "train/tasks/encoder.h"
#include "train/trainer.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_FEW_LABELS 10

typedef struct classifier_data {
  att_labelled train, valid_file;
  att_lines held; /* of train, where there is no file */
  att_label_set labels;
  att_truth truth, valid_truth;
  att_examples texts, valid;
  int32_t *order; /* [texts.count]: of the epoch */
  int64_t rows;   /* texts of a batch */
  att_arena *arena;
  bool *specials; /* [vocabulary]: what token dropout leaves alone */
  float *targets; /* [rows, labels]: of a batch */
  int32_t *classes;
  double *scores; /* [valid.count, labels] */
} classifier_data;

static classifier_data *data_of(const att_trainer *t) { return t->data; }

static const att_lines *valid_lines(const classifier_data *d) {
  return d->valid_file.raw ? &d->valid_file.lines : &d->held;
}

/* ---- data ----------------------------------------------------------------------------------------------------- */

static att_status check(att_context *ctx, const att_train_options *o) {
  if (!o->data) return att_fail(ctx, ATT_ARGUMENT, "training a classifier needs a file of texts and labels (data)");
  if (o->head >= 0 && o->head != ATT_HEAD_CLASSES && o->head != ATT_HEAD_LABELS && o->head != ATT_HEAD_VALUES) {
    return att_fail(ctx, ATT_ARGUMENT, "labels: a text has one of several, any of several, or a number");
  }
  if (o->source || o->target || o->valid_source || o->valid_target || o->text_count > 0) {
    return att_fail(ctx, ATT_ARGUMENT, "a classifier learns from data, not from source, target or text");
  }
  return att_encoder_check(ctx, o);
}

static att_status same_columns(att_trainer *t, const classifier_data *d) {
  if (!d->valid_file.raw || d->valid_file.pairs == d->train.pairs) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s has %s a line, %s %s: both need the same", t->options->data,
                  d->train.pairs ? "two texts" : "one text", t->options->valid, d->train.pairs ? "one" : "two");
}

/* What was taken for what. Whole numbers can be names as well as quantities, so that a guess is one to be told of: but
 * for a few of them, which are names. */
static void say_labels(const att_trainer *t) {
  const att_label_set *l = &data_of(t)->labels;
  const char *other = l->head == ATT_HEAD_VALUES ? "--labels one takes them for names"
                      : l->whole                 ? "--labels number learns to come near them"
                                                 : "--labels says otherwise";
  bool given = t->options->head >= 0, few = l->head == ATT_HEAD_CLASSES && l->count <= ATT_FEW_LABELS;
  att_log_level level = !given && l->whole && !few ? ATT_LOG_WARNING : ATT_LOG_NOTE;
  char what[160], why[96] = "as asked for";
  if (!given) snprintf(why, sizeof why, "by the look of the labels; %s", other);
  if (l->head == ATT_HEAD_VALUES)
    snprintf(what, sizeof what, "a text has a number, %.6g to %.6g", l->least, l->most);
  else
    snprintf(what, sizeof what, "a text has %s of %lld labels", l->head == ATT_HEAD_CLASSES ? "one" : "any",
             (long long)l->count);
  if (l->whole && l->head != ATT_HEAD_VALUES)
    snprintf(what + strlen(what), sizeof what - strlen(what), ", the numbers %.6g to %.6g", l->least, l->most);
  att_log(t->ctx, level, "%s, %s", what, why);
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  classifier_data *d = ATT_NEW(t->ctx, 1, classifier_data);
  if (!d) return ATT_MEMORY;
  t->data = d;
  int head = t->resumed && t->state.plan.head != ATT_UNSET ? (int)t->state.plan.head : o->head;
  ATT_TRY(att_labelled_read(t->ctx, o->data, &d->train));
  ATT_TRY(att_label_set_find(t->ctx, o->data, &d->train, head, &d->labels));
  if (o->valid) {
    ATT_TRY(att_labelled_read(t->ctx, o->valid, &d->valid_file));
    ATT_TRY(same_columns(t, d));
  } else {
    ATT_TRY(att_lines_hold_out(t->ctx, &d->train.lines, 10, seed, &d->held));
  }
  const att_lines *valid = valid_lines(d);
  ATT_TRY(att_truth_read(t->ctx, o->data, &d->train.lines, NULL, d->labels.head, d->labels.names, d->labels.count,
                         &d->truth));
  ATT_TRY(att_truth_read(t->ctx, o->valid ? o->valid : o->data, valid, d->valid_file.number, d->labels.head,
                         d->labels.names, d->labels.count, &d->valid_truth));
  if (!t->resumed) say_labels(t);
  *train_fingerprint = att_lines_fingerprint(&d->train.lines);
  *valid_fingerprint = att_lines_fingerprint(valid);
  return ATT_OK;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

static int64_t vocab_for(int64_t texts) {
  return texts < 2000 ? 2000 : texts < 5000 ? 4000 : texts < 200000 ? 8000 : 16000;
}

/* A narrow model that is there learned from little text: it is tuned as one from scratch. */
static bool is_narrow(int64_t width) { return width < 256; }

/* A small number of texts is learned by heart after that, and accuracy falls. */
static double passes_for(const att_plan *p, int64_t texts) {
  if (p->fine_tuned == 1) return is_narrow(p->width) && texts < 20000 ? 8 : 5;
  return texts < 20000 ? 10 : texts < 200000 ? 6 : 3;
}

/* From scratch: what a model that is there has, see adopt. */
static double dropout_for(const att_trainer *t, double epochs) {
  (void)epochs;
  return data_of(t)->texts.count < 100000 ? 0.3 : 0.1;
}

static double most_epochs(const att_trainer *t) { return passes_for(&t->state.plan, data_of(t)->texts.count); }

static void choose(const att_trainer *t, att_plan *p) {
  const classifier_data *d = data_of(t);
  bool classes = d->labels.head == ATT_HEAD_CLASSES;
  int64_t texts = (int64_t)d->train.lines.count;
  att_choose_whole(&p->head, d->labels.head);
  if (p->fine_tuned != 1) att_choose_whole(&p->tokenizer, ATT_BPE);
  att_encoder_choose(p, texts < 100000 ? ATT_TINY : ATT_SMALL, vocab_for(texts), 5e-4);
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, 32);
  att_choose_number(&p->token_dropout, p->fine_tuned != 1 ? 0.1 : is_narrow(p->width) ? 0.2 : 0);
  att_choose_number(&p->label_smoothing, classes && p->fine_tuned != 1 ? 0.1 : 0);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = passes_for(p, texts);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

/* Both columns of a line at once: the tab between them is white space to a tokenizer. */
static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  const att_lines *lines = &data_of(t)->train.lines;
  const att_text *const texts[] = {lines->source};
  return att_encoder_train_tokenizer(t, texts, &lines->count, 1, tokenizer);
}

/* Hands the names over. */
static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  classifier_data *d = data_of(t);
  att_encoder_configure(&t->state.plan, tokenizer, c);
  c->head = d->labels.head;
  c->label_count = d->labels.count;
  c->labels = d->labels.names;
}

static att_status fits(att_trainer *t, const char *folder) {
  const classifier_data *d = data_of(t);
  const att_config *c = &t->model->config;
  if (c->kind == ATT_ENCODER_DECODER) {
    return att_fail(t->ctx, ATT_UNSUPPORTED, "%s: a classifier goes on from an encoder or a decoder", folder);
  }
  if (!t->resumed || (c->head == d->labels.head && c->label_count == d->labels.count)) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s: the model in it has other labels than the data: the checkpoint is damaged",
                  folder);
}

/* The same head over the same labels goes on; else a new one is put on the body. */
static att_status adopt(att_trainer *t) {
  classifier_data *d = data_of(t);
  const att_config *c = &t->model->config;
  att_model *model;
  if (is_narrow(c->d_model) && d->train.lines.count < 20000) att_choose_number(&t->state.plan.dropout, 0.3);
  bool same = c->head == d->labels.head && c->label_count == d->labels.count;
  if (same && (c->head == ATT_HEAD_VALUES || att_label_set_is(&d->labels, c->labels, c->label_count))) return ATT_OK;
  uint64_t seed = t->state.plan.seed == ATT_UNSET ? 1 : (uint64_t)t->state.plan.seed;
  ATT_TRY(att_model_new_head(t->model, d->labels.head, d->labels.names, d->labels.count, seed, &model));
  d->labels.names = NULL;
  att_model_close(t->model);
  t->model = model;
  return ATT_OK;
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

static att_status encode_lines(att_trainer *t, const att_lines *lines, const char *name, att_examples *out) {
  int64_t most = t->state.plan.max_length;
  size_t unclean = 0;
  for (size_t i = 0; i < lines->count; i++) {
    att_text first, second;
    bool stop = i % 512 == 0 && att_trainer_work(t, (double)i / (double)lines->count);
    if (stop || att_is_interrupted(t->ctx)) {
      return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while reading %s", name);
    }
    bool two = att_labelled_texts(lines->source[i], &first, &second);
    unclean += !att_is_clean(lines->source[i]);
    ATT_TRY(att_examples_add(t->model, first, two ? &second : NULL, most, out, NULL));
  }
  if (unclean) {
    att_log(t->ctx, ATT_LOG_WARNING,
            "%s: %zu texts with invalid UTF-8 or NUL bytes: invalid bytes are read as U+FFFD; text in another encoding "
            "is to "
            "be converted to UTF-8 first (iconv)",
            name, unclean);
  }
  if (out->truncated) {
    att_log(t->ctx, ATT_LOG_WARNING, "%s: %lld texts longer than %lld tokens cut", name, (long long)out->truncated,
            (long long)most);
  }
  return ATT_OK;
}

/* A batch is so many texts: as asked for, or as many of the longest as the tokens allow. */
static int64_t rows_of(const att_plan *p, const att_examples *texts) {
  int64_t rows = p->batch > 0 ? p->batch : p->batch_tokens / texts->longest;
  return rows < 1 ? 1 : rows > texts->count ? texts->count : rows;
}

static att_status make_batch_room(att_trainer *t) {
  classifier_data *d = data_of(t);
  const att_config *c = &t->model->config;
  bool classes = d->labels.head == ATT_HEAD_CLASSES;
  d->rows = rows_of(&t->state.plan, &d->texts);
  d->order = ATT_NEW(t->ctx, d->texts.count, int32_t);
  d->specials = ATT_NEW(t->ctx, c->vocab_size, bool);
  d->classes = ATT_NEW(t->ctx, d->rows, int32_t);
  d->targets = att_alloc(t->ctx, (size_t)d->rows, classes ? 0 : (size_t)c->label_count * sizeof *d->targets);
  d->scores = att_alloc(t->ctx, (size_t)d->valid.count, (size_t)c->label_count * sizeof *d->scores);
  if (!d->order || !d->specials || !d->classes || !d->targets || !d->scores) return ATT_MEMORY;
  for (int32_t i = 0; i < c->vocab_size; i++) d->specials[i] = att_tokenizer_is_special(t->model->tokenizer, i);
  return att_arena_new(t->ctx, &d->arena);
}

static att_status encode(att_trainer *t) {
  classifier_data *d = data_of(t);
  t->work = "encoding";
  ATT_TRY(encode_lines(t, &d->train.lines, t->options->data, &d->texts));
  ATT_TRY(encode_lines(t, valid_lines(d), t->options->valid ? t->options->valid : "the held-out part", &d->valid));
  ATT_TRY(att_encoder_place_words(t, &d->texts.ids));
  att_lines_free(t->ctx, &d->held);
  att_labelled_free(t->ctx, &d->train); /* the ids are enough */
  att_labelled_free(t->ctx, &d->valid_file);
  return make_batch_room(t);
}

static att_status begin_epoch(att_trainer *t) {
  classifier_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x7465787473), (uint64_t)t->state.epoch);
  for (int64_t i = 0; i < d->texts.count; i++) d->order[i] = (int32_t)i;
  att_shuffle(d->order, d->texts.count, key);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  const classifier_data *d = data_of(t);
  return (d->texts.count + d->rows - 1) / d->rows;
}

static double epoch_tokens(const att_trainer *t) { return (double)data_of(t)->texts.ids.count; }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->texts.count;
  *valid = data_of(t)->valid.count;
}

/* Tokens become the mask at random, so that no word alone can be learned by heart. */
static void drop_tokens(const att_trainer *t, int32_t *ids, int64_t count) {
  const att_config *c = &t->model->config;
  int32_t mask = c->mask >= 0 ? c->mask : c->unk;
  double rate = t->state.plan.token_dropout;
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x746f6b656e), (uint64_t)t->state.step);
  if (!(rate > 0) || mask < 0) return;
  for (int64_t i = 0; i < count; i++)
    if (!data_of(t)->specials[ids[i]] && att_uniform(key, (uint64_t)i) < rate) ids[i] = mask;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  classifier_data *d = data_of(t);
  int64_t begin = t->state.index * d->rows, rest = d->texts.count - begin, rows = rest < d->rows ? rest : d->rows;
  const int32_t *which = d->order + begin;
  size_t labels = (size_t)t->model->config.label_count;
  att_input input;
  att_arena_reset(d->arena);
  ATT_TRY(att_examples_input(t->model, &d->texts, which, 0, rows, d->arena, &input));
  *tokens = input.sequences.start[rows];
  drop_tokens(t, (int32_t *)(uintptr_t)input.ids, *tokens);
  for (int64_t i = 0; i < rows; i++) {
    if (d->labels.head == ATT_HEAD_CLASSES)
      d->classes[i] = d->truth.classes[which[i]];
    else
      memcpy(d->targets + (size_t)i * labels, d->truth.values + (size_t)which[i] * labels, labels * sizeof *d->targets);
  }
  *batch = (att_batch){.classes = d->classes, .values = d->targets};
  *att_batch_texts(t->model, batch) = input;
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

/* Of texts begin .. begin + count, added into loss. */
static att_status measure_loss(const att_trainer *t, att_run *run, const att_tensor *logits, int64_t begin,
                               att_loss *loss) {
  const classifier_data *d = data_of(t);
  const float *values = d->valid_truth.values + begin * t->model->config.label_count;
  switch (d->labels.head) {
  case ATT_HEAD_CLASSES: return att_op_class_loss(run, logits, d->valid_truth.classes + begin, 0, 1, loss);
  case ATT_HEAD_LABELS: return att_op_label_loss(run, logits, values, 1, loss);
  default: return att_op_value_loss(run, logits, values, 1, loss);
  }
}

static att_status read_valid(att_trainer *t, att_loss *loss) {
  classifier_data *d = data_of(t);
  int64_t labels = t->model->config.label_count;
  for (int64_t begin = 0, count; begin < d->valid.count; begin += count) {
    att_run run = {.ctx = t->ctx, .arena = t->arena};
    att_tensor logits;
    att_arena_reset(t->arena);
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
    count = att_examples_fit(&d->valid, begin);
    ATT_TRY(att_examples_logits(&run, t->model, &d->valid, begin, count, &logits));
    for (int64_t i = 0; i < count; i++) {
      att_head_scores(d->labels.head, logits.data + i * logits.stride, labels, d->scores + (begin + i) * labels);
    }
    ATT_TRY(measure_loss(t, &run, &logits, begin, loss));
  }
  return ATT_OK;
}

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  classifier_data *d = data_of(t);
  att_loss loss = {0};
  att_evaluation e;
  ATT_TRY(read_valid(t, &loss));
  *score = (att_score_of_model){.loss = loss.loss / (double)loss.count, .quality = -1};
  ATT_TRY(att_evaluate_scores(t->ctx, d->labels.head, d->scores, &d->valid_truth, (size_t)d->valid.count,
                              (size_t)t->model->config.label_count, false, &e));
  switch (d->labels.head) {
  case ATT_HEAD_CLASSES:
    *score = (att_score_of_model){score->loss, e.classes.accuracy, {e.classes.macro_f1, e.classes.matthews}};
    break;
  case ATT_HEAD_LABELS:
    *score = (att_score_of_model){score->loss, e.labels.macro_f1, {e.labels.micro_f1, e.labels.accuracy}};
    break;
  default:
    *score = (att_score_of_model){score->loss, e.values.spearman, {e.values.pearson, e.values.mean_squared_error}};
  }
  if (isnan(score->quality)) score->quality = -1;
  return ATT_OK;
}

static const char *quality(const att_trainer *t) {
  att_head head = data_of(t)->labels.head;
  return head == ATT_HEAD_CLASSES ? "accuracy" : head == ATT_HEAD_LABELS ? "macro-F1" : "Spearman";
}

static double evaluated_tokens(const att_trainer *t) { return (double)data_of(t)->valid.ids.count; }

static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  static const char *const others[][2] = {
      {"macro-F1", "Matthews"}, {"micro-F1", "all labels right"}, {"Pearson", "squared error"}};
  const char *const *other = others[data_of(t)->labels.head - ATT_HEAD_CLASSES];
  snprintf(text, size, "%s %.4f, %s %.4f, %s %.4f", quality(t), s.quality, other[0], s.also[0], other[1], s.also[1]);
}

static void free_data(att_trainer *t) {
  classifier_data *d = t->data;
  if (!d) return;
  att_lines_free(t->ctx, &d->held); /* its text is memory of train */
  att_labelled_free(t->ctx, &d->train);
  att_labelled_free(t->ctx, &d->valid_file);
  att_label_set_free(t->ctx, &d->labels);
  att_truth_free(t->ctx, &d->truth);
  att_truth_free(t->ctx, &d->valid_truth);
  att_examples_free(t->ctx, &d->texts);
  att_examples_free(t->ctx, &d->valid);
  att_arena_free(d->arena);
  void *const owned[] = {d->order, d->specials, d->targets, d->classes, d->scores, d};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(t->ctx, owned[i]);
}

const att_task att_classifier_task = {
    .name = "classifier",
    .things = "texts",
    .shapes = &att_encoder_shapes,
    .check = check,
    .read = read_data,
    .choose = choose,
    .train_tokenizer = train_tokenizer,
    .configure = configure,
    .fits = fits,
    .adopt = adopt,
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

att_status att_train_classifier(att_context *ctx, const att_train_options *options, att_progress_fn *progress,
                                void *user) {
  return att_train(ctx, &att_classifier_task, options, progress, user);
}
