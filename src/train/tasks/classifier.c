/*
 * Owns the task of classification: texts or series with labels, encoders (or what a run goes on from) with a head of
 * labels, shuffled batches, accuracy, macro-F1 or Spearman's correlation. Refuses options that texts with labels have
 * no use for, files whose lines differ in their columns, and encoder-decoders.
 *
 * Rows are packed without padding, so a batch is any texts of the epoch's order: lengths need not be alike.
 */
#include "train/data/batches.h"
#include "train/data/examples.h"
#include "train/data/labelled.h"
#include "train/tasks/encoder.h"
#include "train/trainer.h"

#include "base/random.h"
#include "models/series_front.h"
#include "train/data/sounds.h"
#include "train/data/warp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_FEW_LABELS      10
#define ATT_LISTED_LABELS   20
#define ATT_FEW_HELD        50   /* series; one of so many is two in a hundred */
#define ATT_SERIES_TOKENS   64   /* of the longest series, about */
#define ATT_SERIES_STRENGTH 0.15 /* by which a channel varies: of the logarithm of its factor the deviation */

typedef struct classifier_data {
  att_labelled train, valid_file;
  bool is_series;          /* a line is a series (labelled.h) */
  att_series_front *front; /* of series, until the model has it */
  bool is_sound;           /* the series are recordings' features: */
  att_mel_settings mel;
  int64_t longest; /* of series: rows */
  att_lines held;  /* of train, where there is no file */
  att_label_set labels;
  att_truth truth, valid_truth;
  att_examples texts, valid;
  int32_t *order; /* [texts.count]: of the epoch */
  int64_t rows;   /* texts of a batch */
  att_arena *arena;
  bool *specials;        /* [vocabulary]: what token dropout leaves alone */
  int32_t *batch_labels; /* [rows] */
  float *batch_values;   /* [rows, labels] */
  double *scores;        /* [valid.count, labels] */
} classifier_data;

static classifier_data *data_of(const att_trainer *t) { return t->data; }
static const att_head_calls *head_of(const att_trainer *t) { return att_head_get(data_of(t)->labels.head); }
static bool is_one_label(const att_trainer *t) { return head_of(t)->form == ATT_ONE_LABEL; }

static const att_lines *valid_lines(const classifier_data *d) {
  return d->valid_file.number ? &d->valid_file.lines : &d->held;
}

/* ---- data ----------------------------------------------------------------------------------------------------- */

static att_status same_columns(att_trainer *t, const classifier_data *d) {
  int64_t channels = d->train.series.channels;
  if (d->valid_file.series.channels && d->valid_file.series.channels != channels) {
    return att_fail(t->ctx, ATT_FORMAT, "%s has series of %lld channels, %s of %lld: both need the same",
                    t->options->data, (long long)channels, t->options->valid, (long long)d->valid_file.series.channels);
  }
  if (!d->valid_file.text || d->valid_file.pairs == d->train.pairs) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s has %s a row, %s %s: both need the same", t->options->data,
                  d->train.pairs ? "two texts" : "one text", t->options->valid, d->train.pairs ? "one" : "two");
}

/* "labels: neg 120, pos 130": all of a few, else the rarest and the most frequent. */
static void say_counts(const att_trainer *t, const att_label_set *l) {
  char text[1024];
  size_t used = (size_t)snprintf(text, sizeof text, "labels: ");
  int64_t rarest = 0, most = 0;
  for (int64_t k = 0; k < l->count; k++) {
    if (l->uses[k] < l->uses[rarest]) rarest = k;
    if (l->uses[k] > l->uses[most]) most = k;
  }
  for (int64_t k = 0; k < l->count && l->count <= ATT_LISTED_LABELS; k++) {
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%.32s %lld", k ? ", " : "", l->names[k],
                             (long long)l->uses[k]);
  }
  if (l->count > ATT_LISTED_LABELS) {
    snprintf(text + used, sizeof text - used, "from %.32s %lld to %.32s %lld", l->names[rarest],
             (long long)l->uses[rarest], l->names[most], (long long)l->uses[most]);
  }
  att_log(t->ctx, ATT_LOG_NOTE, "%s", text);
}

/* What was taken for what. Whole numbers can be names as well as quantities, so that a guess is one to be told of: but
 * for a few of them, which are names. */
static void say_labels(const att_trainer *t) {
  const att_label_set *l = &data_of(t)->labels;
  bool number = head_of(t)->form == ATT_NUMBER, one = is_one_label(t);
  const char *other = number     ? "--labels one takes them for names"
                      : l->whole ? "--labels number learns to come near them"
                                 : "--labels overrides";
  bool given = t->options->plan.head != ATT_UNSET, few = one && l->count <= ATT_FEW_LABELS;
  att_log_level level = !given && l->whole && !few ? ATT_LOG_WARNING : ATT_LOG_NOTE;
  char what[160], range[64] = "", why[96] = "as given";
  const char *thing = data_of(t)->is_series ? "series" : "text";
  if (!given) snprintf(why, sizeof why, "detected from the labels; %s", other);
  if (number || l->whole) att_format(range, sizeof range, "%.6g to %.6g", l->least, l->most);
  if (number)
    snprintf(what, sizeof what, "a %s has a number, %s", thing, range);
  else
    snprintf(what, sizeof what, "a %s has %s of %lld labels%s%s", thing, one ? "one" : "any", (long long)l->count,
             l->whole ? ", the numbers " : "", range);
  att_log(t->ctx, level, "%s, %s", what, why);
  if (!number) say_counts(t, l);
}

static const char *asked(const char *text) { return *text ? text : NULL; }

/* ---- series --------------------------------------------------------------------------------------------------- */

static int64_t rows_in(const att_labelled *l, att_text line) {
  return (int64_t)(line.size / ((size_t)l->series.channels * sizeof(float)));
}

/* Options that say how text is read. */
static att_status refuse_text(att_trainer *t) {
  const att_plan *p = &t->options->plan;
  const char *option = p->vocab != ATT_UNSET       ? "--vocab"
                       : p->tokenizer != ATT_UNSET ? "--tokenizer"
                       : p->lowercase != ATT_UNSET ? "--lowercase"
                       : *p->text_column           ? "--text-column"
                       : *p->text_pair_column      ? "--text-pair-column"
                                                   : NULL;
  if (!option) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT, "%s: holds series, for which there is no %s", t->options->data, option);
}

static void say_series(const att_trainer *t, const att_labelled *l, const char *path) {
  const att_series *s = &l->series;
  int64_t least = INT64_MAX, most = 0;
  for (int64_t i = 0; i < s->count; i++) {
    int64_t rows = s->start[i + 1] - s->start[i];
    least = rows < least ? rows : least;
    most = rows > most ? rows : most;
  }
  att_log(t->ctx, ATT_LOG_NOTE, "%s: %lld series of %lld channel%s, %lld to %lld rows", path, (long long)s->count,
          (long long)s->channels, s->channels == 1 ? "" : "s", (long long)least, (long long)most);
  att_series_say_missing(t->ctx, path, s);
}

static char *column_copy(att_trainer *t, const char *text) {
  return *text ? att_copy_text(t->ctx, text, strlen(text)) : NULL;
}

/* Of what is learned from alone. */
static att_status measure_series(att_trainer *t, const att_plan *p) {
  classifier_data *d = data_of(t);
  const att_lines *lines = &d->train.lines;
  int64_t channels = d->train.series.channels, rows = 0;
  att_series_front *f = d->front = ATT_NEW(t->ctx, 1, att_series_front);
  if (!f) return ATT_MEMORY;
  for (size_t i = 0; i < lines->count; i++) rows += rows_in(&d->train, lines->source[i]);
  f->channels = channels;
  f->mean = ATT_NEW(t->ctx, channels, double);
  f->deviation = ATT_NEW(t->ctx, channels, double);
  f->series = column_copy(t, p->series_column);
  f->time = column_copy(t, p->time_column);
  f->label = column_copy(t, p->label_column);
  float *all = att_alloc(t->ctx, (size_t)rows, (size_t)channels * sizeof *all);
  if (!f->mean || !f->deviation || !all) {
    att_free(t->ctx, all);
    return ATT_MEMORY;
  }
  int64_t at = 0;
  for (size_t i = 0; i < lines->count; i++) {
    memcpy(all + at * channels, lines->source[i].data, lines->source[i].size);
    at += rows_in(&d->train, lines->source[i]);
    if (rows_in(&d->train, lines->source[i]) > d->longest) d->longest = rows_in(&d->train, lines->source[i]);
  }
  att_series_measure(all, rows, channels, f->mean, f->deviation);
  att_free(t->ctx, all);
  int64_t usual = 4 * rows / (int64_t)lines->count; /* a few that are far longer do not make the others one token */
  if (usual > d->longest) usual = d->longest;
  f->patch = d->is_sound ? 1 : p->patch != ATT_UNSET ? p->patch : (usual + ATT_SERIES_TOKENS - 1) / ATT_SERIES_TOKENS;
  return ATT_OK;
}

static att_status read_file(att_trainer *t, const char *path, att_labelled *out) {
  const att_plan *p = t->resumed ? &t->state.plan : &t->options->plan;
  const att_columns columns = {asked(p->text_column), asked(p->text_pair_column), asked(p->label_column)};
  const att_series_columns series = {
      .series = asked(p->series_column), .time = asked(p->time_column), .label = asked(p->label_column)};
  if (!data_of(t)->is_series) return att_labelled_read(t->ctx, path, &columns, out);
  if (data_of(t)->is_sound)
    ATT_TRY(att_labelled_read_sounds(t->ctx, path, &data_of(t)->mel, out));
  else
    ATT_TRY(att_labelled_read_series(t->ctx, path, &series, out));
  if (!t->resumed) say_series(t, out, path);
  return ATT_OK;
}

/* A table that names a column of texts is of texts. */
static att_status look_at(att_trainer *t, const att_plan *p) {
  classifier_data *d = data_of(t);
  const att_series_columns given = {
      .series = asked(p->series_column), .time = asked(p->time_column), .label = asked(p->label_column)};
  if (*p->text_column) return ATT_OK;
  ATT_TRY(att_sound_series_look(t->ctx, t->options->data, &d->is_sound));
  if (d->is_sound) ATT_TRY(att_sound_series_settings(t->ctx, t->options->data, &d->mel));
  d->is_series = d->is_sound;
  if (!d->is_sound) ATT_TRY(att_series_look(t->ctx, t->options->data, &given, &d->is_series));
  if (!d->is_series && (p->patch != ATT_UNSET || p->warping != ATT_UNSET)) {
    return att_fail(t->ctx, ATT_ARGUMENT, "--%s is for series, and %s holds texts",
                    p->warping != ATT_UNSET ? "warping" : "patch", t->options->data);
  }
  if (d->is_sound && p->patch != ATT_UNSET && !t->resumed) {
    return att_fail(t->ctx, ATT_ARGUMENT, "--patch is for series, and %s names recordings: a token is 4 rows of 10 ms",
                    t->options->data);
  }
  if (!d->is_series) return ATT_OK;
  t->reads_rows = true;
  t->things = d->is_sound ? "recordings" : "series";
  return refuse_text(t);
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  classifier_data *d = ATT_NEW(t->ctx, 1, classifier_data);
  if (!d) return ATT_MEMORY;
  t->data = d;
  const att_plan *p = t->resumed ? &t->state.plan : &o->plan;
  int64_t head = p->head;
  ATT_TRY(look_at(t, p));
  ATT_TRY(read_file(t, o->data, &d->train));
  ATT_TRY(att_label_set_find(t->ctx, o->data, &d->train, head == ATT_UNSET ? -1 : (int)head, &d->labels));
  if (o->valid) {
    ATT_TRY(read_file(t, o->valid, &d->valid_file));
    ATT_TRY(same_columns(t, d));
  } else {
    ATT_TRY(att_lines_hold_out(t->ctx, &d->train.lines, 10, seed, &d->held));
  }
  const att_lines *valid = valid_lines(d);
  if (d->is_series) ATT_TRY(measure_series(t, p));
  t->few_held = d->is_series && !o->valid && valid->count < ATT_FEW_HELD;
  ATT_TRY(att_truth_read(t->ctx, o->data, &d->train.lines, NULL, d->labels.head, d->labels.names, d->labels.count,
                         &d->truth));
  ATT_TRY(att_truth_read(t->ctx, o->valid ? o->valid : o->data, valid, d->valid_file.number, d->labels.head,
                         d->labels.names, d->labels.count, &d->valid_truth));
  if (!t->resumed) say_labels(t);
  if (!t->resumed && t->few_held)
    att_log(t->ctx, ATT_LOG_NOTE, "%zu held-out %s are too few to choose by: the mean of the last checkpoints is taken",
            valid->count, t->things);
  *train_fingerprint = att_lines_fingerprint(&d->train.lines);
  *valid_fingerprint = att_lines_fingerprint(valid);
  return ATT_OK;
}

static bool held(const att_trainer *t, size_t index, att_held_item *item) {
  const classifier_data *d = data_of(t);
  const att_lines *lines = valid_lines(d);
  if (index >= lines->count) return false;
  *item = (att_held_item){.input = lines->source[index], .reference = lines->target[index]};
  if (d->is_series)
    item->channels = d->train.series.channels;
  else
    att_labelled_texts(lines->source[index], &item->input, &item->second);
  return true;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

static int64_t vocab_for(int64_t texts) {
  return texts < 2000 ? 2000 : texts < 5000 ? 4000 : texts < 200000 ? 8000 : 16000;
}

/* A narrow model that is there learned from little text: it is tuned as one from scratch. */
static bool is_narrow(int64_t width) { return width < 256; }

/* Gestures come in hundreds, not in thousands, and want steps enough; recordings have few tokens each. */
static double series_passes(const classifier_data *d, int64_t series) {
  return fmin(450, fmax(10, (d->is_sound ? 150000.0 : 50000.0) / (double)(series < 1 ? 1 : series)));
}

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

static double most_epochs(const att_trainer *t) {
  int64_t count = data_of(t)->texts.count;
  return data_of(t)->is_series ? series_passes(data_of(t), count) : passes_for(&t->state.plan, count);
}

/* Room for series somewhat longer than those that are there. */
/* Two convolutions make one token of that many rows of a recording; a padded network has none. */
static int64_t stride_for(const classifier_data *d, const att_plan *p) {
  return d->is_sound && p->network != ATT_FFN ? ATT_SOUND_STRIDE : 1;
}

static void choose_series(const classifier_data *d, att_plan *p) {
  int64_t stride = stride_for(d, p), tokens = (att_series_tokens(d->front, d->longest) + stride - 1) / stride;
  int64_t context = tokens + tokens / 4;
  if (p->fine_tuned != 1) {
    att_choose_whole(&p->context, context < 8 ? 8 : context);
    att_choose_whole(&p->max_length, p->context);
    p->lowercase = p->vocab = 0;
  }
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = series_passes(d, (int64_t)d->train.lines.count);
}

static void choose(const att_trainer *t, att_plan *p) {
  const classifier_data *d = data_of(t);
  int64_t texts = (int64_t)d->train.lines.count;
  att_choose_whole(&p->head, d->labels.head);
  if (d->is_series) choose_series(d, p);
  if (d->is_series) att_choose_whole(&p->warping, 1);
  att_encoder_choose(p, texts < 100000 ? ATT_TINY : ATT_SMALL, vocab_for(texts), 5e-4);
  if (p->batch_tokens == ATT_UNSET) att_choose_whole(&p->batch, 32);
  att_choose_number(&p->token_dropout, p->fine_tuned != 1 ? 0.1 : is_narrow(p->width) ? 0.2 : 0);
  att_choose_number(&p->label_smoothing, is_one_label(t) && p->fine_tuned != 1 ? 0.1 : 0);
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = passes_for(p, texts);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

/* Both columns of a line at once: the tab between them is white space to a tokenizer. */
static att_status train_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  const att_lines *lines = &data_of(t)->train.lines;
  const att_text *const texts[] = {lines->source};
  *tokenizer = NULL;
  if (data_of(t)->is_series) return ATT_OK;
  return att_encoder_train_tokenizer(t, texts, &lines->count, 1, true, tokenizer);
}

/* Hands the names over. */
static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  classifier_data *d = data_of(t);
  att_encoder_configure(&t->state.plan, tokenizer, c);
  c->head = d->labels.head;
  c->label_count = d->labels.count;
  c->labels = d->labels.names;
  if (!d->is_series) return;
  c->input_width = d->front->patch * d->front->channels;
  if (d->is_sound) c->mel = d->mel;
  if (stride_for(d, &t->state.plan) > 1) c->input_stride = ATT_SOUND_STRIDE;
  c->mean_pool = c->family == ATT_BERT;
}

static att_status fits_series(att_trainer *t, const char *folder) {
  const classifier_data *d = data_of(t);
  const att_series_front *f = t->model->series;
  if (!f) return att_fail(t->ctx, ATT_UNSUPPORTED, "%s: a model that does not read series", folder);
  if (f->channels == d->train.series.channels) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT, "%s reads series of %lld channels; those of %s have %lld", folder,
                  (long long)f->channels, t->options->data, (long long)d->train.series.channels);
}

static att_status fits(att_trainer *t, const char *folder) {
  const classifier_data *d = data_of(t);
  const att_config *c = &t->model->config;
  if (c->kind == ATT_ENCODER_DECODER && !t->model->calls->reads_twice) {
    return att_trainer_wrong_model(t, folder, "an encoder or a decoder, such as bert or gpt2, or bart");
  }
  if (d->is_series) ATT_TRY(fits_series(t, folder));
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
  if (same && (head_of(t)->form == ATT_NUMBER || att_label_set_is(&d->labels, c->labels, c->label_count)))
    return ATT_OK;
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
    if (data_of(t)->is_series) {
      ATT_TRY(att_examples_add_series(t->model, (const float *)(const void *)lines->source[i].data,
                                      rows_in(&data_of(t)->train, lines->source[i]), most, out, NULL));
      continue;
    }
    bool two = att_labelled_texts(lines->source[i], &first, &second);
    unclean += !att_is_clean(lines->source[i]);
    ATT_TRY(att_examples_add(t->model, first, two ? &second : NULL, most, out, NULL));
  }
  if (unclean) {
    att_log(t->ctx, ATT_LOG_WARNING,
            "%s: %zu texts with invalid UTF-8 or NUL bytes: invalid bytes are read as U+FFFD; text in another encoding "
            "is to be converted to UTF-8 first (iconv)",
            name, unclean);
  }
  if (out->truncated) {
    att_log(t->ctx, ATT_LOG_WARNING, "%s: %lld %s longer than %lld tokens are truncated", name,
            (long long)out->truncated, t->things, (long long)most);
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
  bool one = is_one_label(t);
  d->rows = rows_of(&t->state.plan, &d->texts);
  d->order = ATT_NEW(t->ctx, d->texts.count, int32_t);
  d->specials = ATT_NEW(t->ctx, c->vocab_size, bool);
  d->batch_labels = ATT_NEW(t->ctx, d->rows, int32_t);
  d->batch_values = att_alloc(t->ctx, (size_t)d->rows, one ? 0 : (size_t)c->label_count * sizeof *d->batch_values);
  d->scores = att_alloc(t->ctx, (size_t)d->valid.count, (size_t)c->label_count * sizeof *d->scores);
  if (!d->order || !d->specials || !d->batch_labels || !d->batch_values || !d->scores) return ATT_MEMORY;
  for (int32_t i = 0; i < c->vocab_size; i++) d->specials[i] = att_tokenizer_is_special(t->model->tokenizer, i);
  return att_arena_new(t->ctx, &d->arena);
}

static att_status encode(att_trainer *t) {
  classifier_data *d = data_of(t);
  t->work = "encoding";
  if (d->is_series && !t->model->series) {
    t->model->series = d->front;
    d->front = NULL;
  }
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

static double tokens_of(const att_examples *e) { return (double)e->start[e->count]; }

static double epoch_tokens(const att_trainer *t) { return tokens_of(&data_of(t)->texts); }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->texts.count;
  *valid = data_of(t)->valid.count;
}

/* Tokens become the mask at random, so that no word alone can be learned by heart. */
static void drop_rows(const att_trainer *t, float *rows, int64_t count) {
  size_t width = (size_t)data_of(t)->texts.width;
  double rate = t->state.plan.token_dropout;
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x746f6b656e), (uint64_t)t->state.step);
  for (int64_t i = 0; i < count && rate > 0; i++)
    if (att_uniform(key, (uint64_t)i) < rate) memset(rows + (size_t)i * width, 0, width * sizeof *rows);
}

/* Each series of a batch in another tempo and strength, drawn anew in every step. Bands of sound keep theirs, and some
 * of them, and of the frames, are hidden (Park et al. 2019). */
static att_status warp_rows(att_trainer *t, float *rows, att_sequences series) {
  classifier_data *d = data_of(t);
  int64_t channels = t->model->series->channels, patch = t->model->series->patch;
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x77617270), (uint64_t)t->state.step);
  double strength = d->is_sound ? 0 : ATT_SERIES_STRENGTH;
  float *room = att_arena_alloc(d->arena, (size_t)d->texts.longest, (size_t)d->texts.width * sizeof *room);
  if (!room) return ATT_MEMORY;
  for (int64_t i = 0; i < series.count; i++) {
    int64_t tokens = series.start[i + 1] - series.start[i];
    att_series_warp(rows + series.start[i] * d->texts.width, tokens * patch, channels, strength,
                    att_key(key, (uint64_t)i), room);
    if (!d->is_sound) continue;
    float *sound = rows + series.start[i] * d->texts.width;
    att_sound_mask(sound, tokens * patch, (int)channels, 1, att_key(key, ~(uint64_t)i));
  }
  return ATT_OK;
}

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
  if (input.rows && t->state.plan.warping == 1) ATT_TRY(warp_rows(t, (float *)(uintptr_t)input.rows, input.sequences));
  if (input.rows)
    drop_rows(t, (float *)(uintptr_t)input.rows, *tokens);
  else
    drop_tokens(t, (int32_t *)(uintptr_t)input.ids, *tokens);
  for (int64_t i = 0; i < rows; i++) {
    if (is_one_label(t))
      d->batch_labels[i] = d->truth.labels[which[i]];
    else
      memcpy(d->batch_values + (size_t)i * labels, d->truth.values + (size_t)which[i] * labels,
             labels * sizeof *d->batch_values);
  }
  *batch = (att_batch){.labels = d->batch_labels, .values = d->batch_values};
  *att_batch_texts(t->model, batch) = input;
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

static att_status read_valid(att_trainer *t, att_loss *loss) {
  classifier_data *d = data_of(t);
  int64_t labels = t->model->config.label_count;
  for (int64_t begin = 0, count; begin < d->valid.count; begin += count) {
    att_run run = {.ctx = t->ctx, .arena = t->arena};
    att_hidden hidden;
    double *scores;
    att_arena_reset(t->arena);
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
    count = att_examples_fit(&d->valid, begin);
    att_batch batch = {0};
    if (is_one_label(t)) batch.labels = d->valid_truth.labels + begin;
    if (!is_one_label(t)) batch.values = d->valid_truth.values + begin * labels;
    ATT_TRY(att_examples_hidden(&run, t->model, &d->valid, begin, count, &hidden));
    ATT_TRY(att_examples_scores(&run, t->model, &hidden, &scores));
    memcpy(d->scores + begin * labels, scores, (size_t)(count * labels) * sizeof *scores);
    ATT_TRY(att_head_loss(&run, t->model, &hidden, &batch, 0, 1, loss));
  }
  return ATT_OK;
}

/* The quality first, then the other measures. */
static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  classifier_data *d = data_of(t);
  const att_head_calls *head = head_of(t);
  att_loss loss = {0};
  double values[ATT_HEAD_MEASURES];
  int others = 0;
  ATT_TRY(read_valid(t, &loss));
  ATT_TRY(head->measure(t->ctx, d->scores, &d->valid_truth, (size_t)d->valid.count,
                        (size_t)t->model->config.label_count, values));
  *score = (att_score_of_model){loss.loss / (double)loss.count, values[head->quality], {0}};
  for (int i = 0; i < ATT_HEAD_MEASURES; i++)
    if (i != head->quality) score->also[others++] = values[i];
  if (isnan(score->quality)) score->quality = -1;
  return ATT_OK;
}

static const char *quality(const att_trainer *t) { return head_of(t)->measures[head_of(t)->quality].name; }

static double evaluated_tokens(const att_trainer *t) { return tokens_of(&data_of(t)->valid); }

static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  const att_head_calls *head = head_of(t);
  int used = att_format(text, size, "%s %.4f", quality(t), s.quality), others = 0;
  for (int i = 0; i < ATT_HEAD_MEASURES && used > 0 && (size_t)used < size; i++) {
    if (i == head->quality || !head->measures[i].name) continue;
    used += att_format(text + used, size - (size_t)used, ", %s %.4f", head->measures[i].name, s.also[others++]);
  }
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
  att_series_front_free(t->ctx, d->front);
  att_examples_free(t->ctx, &d->texts);
  att_examples_free(t->ctx, &d->valid);
  att_arena_free(d->arena);
  void *const owned[] = {d->order, d->specials, d->batch_values, d->batch_labels, d->scores, d};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(t->ctx, owned[i]);
}

const att_task att_classifier_task = {
    .things = "texts",
    .shapes = &att_encoder_shapes,
    .read = read_data,
    .held = held,
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
