/*
 * Owns the task of forecasts: series in a table, windows of them, a network that reads a window of each channel by
 * itself (PatchTST, or a recurrent or padded one over the same patches), squared error and pinball loss; covariates, by
 * a regression before it. The last value and the last season are measured beside it. Refuses series that are too short
 * for the windows asked for.
 */
#include "train/data/batches.h"
#include "train/data/covariates.h"
#include "train/data/windows.h"
#include "train/tasks/encoder.h"
#include "train/trainer.h"

#include "base/random.h"
#include "models/patching.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_LOOKBACK 336 /* at most, where none is asked for */
#define ATT_RUN_ROWS 65536

/* PatchTST's small one for ETTh1 (Nie et al. 2023, appendix A.1.4), then its usual one, and wider. */
static const att_shapes shapes = {ATT_ENCODER,
                                  {{3, 16, 4, 128}, {3, 128, 16, 256}, {3, 256, 16, 512}, {4, 512, 16, 1024}}};

typedef struct forecast_data {
  att_timeline grid, valid_grid; /* valid_grid: of a file, else windows behind the split of grid are valid */
  att_windows train, valid;
  att_series_front *front; /* until the model has it */
  float quantiles[ATT_MOST_QUANTILES];
  int64_t quantile_count, lookback, horizon, batch;
  double last, seasonal; /* squared errors of the last value and the last season */
  int64_t *learned;      /* [series of grid]: rows that are learned from */
  int32_t *order;        /* [train.count] */
  att_arena *arena;
} forecast_data;

static forecast_data *data_of(const att_trainer *t) { return t->data; }
static const att_timeline *valid_grid(const forecast_data *d) {
  return d->valid_grid.truth ? &d->valid_grid : &d->grid;
}

/* ---- data ----------------------------------------------------------------------------------------------------- */

static const char *asked(const char *text) { return *text ? text : NULL; }

static att_status parse_quantiles(att_trainer *t, const char *text) {
  forecast_data *d = data_of(t);
  if (!*text) text = "0.1,0.5,0.9";
  if (strcmp(text, "none") == 0) return ATT_OK;
  for (const char *at = text; *at;) {
    size_t size = strcspn(at, ",");
    double value = 0;
    bool good = att_read_number(at, size, &value) && value > 0 && value < 1 && d->quantile_count < ATT_MOST_QUANTILES;
    if (!good || (d->quantile_count && (float)value <= d->quantiles[d->quantile_count - 1])) {
      return att_fail(t->ctx, ATT_ARGUMENT,
                      "--quantiles is \"%.60s\": it must be rising numbers between 0 and 1 with commas "
                      "between, or none",
                      text);
    }
    d->quantiles[d->quantile_count++] = (float)value;
    at += size + (at[size] == ',');
  }
  return ATT_OK;
}

static int64_t longest_series(const att_timeline *g) {
  int64_t most = 0;
  for (int64_t i = 0; i < g->series.count; i++) {
    int64_t rows = g->series.start[i + 1] - g->series.start[i];
    if (rows > most) most = rows;
  }
  return most;
}

/* Two seasons where they fit, as much as PatchTST reads where there is plenty. */
static int64_t lookback_for(int64_t rows, int64_t horizon) {
  int64_t room = (rows - horizon) / 3, wanted = ATT_LOOKBACK > 2 * horizon ? ATT_LOOKBACK : 2 * horizon;
  return room > wanted ? wanted : room < 1 ? 1 : room;
}

/* Where a series' validation begins: the last fifth, a horizon at least. */
static int64_t split_of(const att_timeline *g, int64_t series, int64_t horizon) {
  int64_t rows = g->series.start[series + 1] - g->series.start[series], part = rows / 5;
  return rows - (part > horizon ? part : horizon);
}

static void before_split(const att_timeline *g, int64_t series, const void *arg, int64_t *low, int64_t *high) {
  (void)low;
  *high = split_of(g, series, *(const int64_t *)arg);
}

static void behind_split(const att_timeline *g, int64_t series, const void *arg, int64_t *low, int64_t *high) {
  (void)high;
  *low = split_of(g, series, *(const int64_t *)arg);
}

static att_status find_learned(att_trainer *t) {
  forecast_data *d = data_of(t);
  const att_series *s = &d->grid.series;
  d->learned = ATT_NEW(t->ctx, s->count, int64_t);
  if (!d->learned) return ATT_MEMORY;
  for (int64_t i = 0; i < s->count; i++) {
    int64_t count = t->options->valid ? s->start[i + 1] - s->start[i] : split_of(&d->grid, i, d->horizon);
    d->learned[i] = count > 0 ? count : 0;
  }
  return ATT_OK;
}

/* By the rows that are learned from alone. */
static att_status measure(att_trainer *t, const att_plan *p) {
  forecast_data *d = data_of(t);
  const att_series *s = &d->grid.series;
  att_series_front *f = d->front = ATT_NEW(t->ctx, 1, att_series_front);
  if (!f) return ATT_MEMORY;
  f->channels = s->channels;
  f->patch = 1;
  f->by_series = s->count > 1;
  f->mean = ATT_NEW(t->ctx, s->channels, double);
  f->deviation = ATT_NEW(t->ctx, s->channels, double);
  f->step_months = d->grid.step.months;
  f->step_seconds = d->grid.step.months ? 0 : d->grid.step.seconds;
  f->season = att_season_of(d->grid.step, &s->form);
  f->series = *p->series_column ? att_copy_text(t->ctx, p->series_column, strlen(p->series_column)) : NULL;
  f->time = *p->time_column ? att_copy_text(t->ctx, p->time_column, strlen(p->time_column)) : NULL;
  int64_t rows;
  float *all = att_series_gather(t->ctx, s, d->learned, &rows);
  if (!f->mean || !f->deviation || !all) {
    att_free(t->ctx, all);
    return ATT_MEMORY;
  }
  att_series_measure(all, rows, s->channels, f->mean, f->deviation);
  for (int64_t c = 0; c < s->channels; c++) f->mean[c] += s->offset[c];
  att_free(t->ctx, all);
  return att_series_front_copy_names(t->ctx, s->channel_names, s->channels, &f->names);
}

static att_status say_explained(const att_trainer *t, const double *explained) {
  const att_series_front *f = data_of(t)->front;
  att_buffer names = {0}, shares = {0};
  att_status status = ATT_OK;
  for (int64_t k = 0; k < f->covariates && !status; k++)
    status = att_buffer_print(t->ctx, &names, "%s%s", k ? ", " : "", f->covariate_names[k]);
  for (int64_t c = 0; c < f->channels && !status; c++)
    status = att_buffer_print(t->ctx, &shares, "%s%.0f%% of %s's", c ? ", " : "", 100 * explained[c], f->names[c]);
  if (!status) {
    att_log(t->ctx, ATT_LOG_NOTE,
            "covariates: %.400s; they explain %.400s variation beyond its season and its own past", names.data,
            shares.data);
  }
  att_buffer_free(t->ctx, &names);
  att_buffer_free(t->ctx, &shares);
  return status;
}

static att_status regress(att_trainer *t) {
  forecast_data *d = data_of(t);
  if (d->grid.covariates.channels == 0) return ATT_OK;
  double *explained = ATT_NEW(t->ctx, d->front->channels, double);
  if (!explained) return ATT_MEMORY;
  att_status status =
      att_covariates_fit(t->ctx, t->options->data, &d->grid, d->learned, !t->resumed, d->front, explained);
  if (!status && !t->resumed) status = say_explained(t, explained);
  att_free(t->ctx, explained);
  return status ? status : att_covariates_apply(t->ctx, &d->grid, d->front);
}

static att_status scale(att_trainer *t) {
  forecast_data *d = data_of(t);
  ATT_TRY(att_timeline_scale(t->ctx, &d->grid, d->front, d->learned));
  ATT_TRY(regress(t));
  if (!t->options->valid) return ATT_OK;
  ATT_TRY(att_timeline_scale(t->ctx, &d->valid_grid, d->front, NULL));
  return att_covariates_apply(t->ctx, &d->valid_grid, d->front);
}

/* The fewest rows of a series that leave a window before its split, and so one behind it. */
static int64_t rows_needed(const forecast_data *d, bool held_out) {
  int64_t window = d->lookback + d->horizon, rows = window + d->horizon;
  if (!held_out) return window;
  if (rows < window + window / 4) rows = window + window / 4;
  while (rows - rows / 5 < window) rows++;
  return rows;
}

static att_status check_windows(att_trainer *t) {
  const forecast_data *d = data_of(t);
  bool file = t->options->valid != NULL, of_valid = file && d->train.count > 0;
  const char *path = of_valid ? t->options->valid : t->options->data;
  const att_timeline *g = of_valid ? &d->valid_grid : &d->grid;
  if (d->train.count > 0 && d->valid.count > 0) return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT,
                  "%s: its longest series has %lld rows: to read %lld and forecast %lld it must have %lld%s; give more "
                  "rows, or ask for a smaller horizon or lookback",
                  path, (long long)longest_series(g), (long long)d->lookback, (long long)d->horizon,
                  (long long)rows_needed(d, !file), file ? "" : ", of which the last are held out to validate");
}

static att_status find_windows(att_trainer *t) {
  forecast_data *d = data_of(t);
  d->train.lookback = d->valid.lookback = d->lookback;
  d->train.horizon = d->valid.horizon = d->horizon;
  bool file = t->options->valid != NULL;
  ATT_TRY(att_windows_find(t->ctx, &d->grid, file ? NULL : before_split, &d->horizon, &d->train));
  ATT_TRY(att_windows_find(t->ctx, valid_grid(d), file ? NULL : behind_split, &d->horizon, &d->valid));
  return check_windows(t);
}

/* The last value again and the last season again, on the windows that validate. */
static att_status measure_naive(att_trainer *t) {
  forecast_data *d = data_of(t);
  const att_timeline *g = valid_grid(d);
  int64_t season = d->front->season > d->lookback ? 1 : d->front->season;
  float *ahead = ATT_NEW(t->ctx, 2 * d->horizon, float);
  if (!ahead) return ATT_MEMORY;
  float *truth = ahead + d->horizon;
  att_errors last = {0}, seasonal = {0};
  for (int64_t i = 0; i < d->valid.count; i++) {
    int64_t end = d->valid.first[i] + d->lookback;
    for (int64_t c = 0; c < g->series.channels; c++) {
      for (int64_t k = 0; k < d->horizon; k++) truth[k] = g->truth[(end + k) * g->series.channels + c];
      att_repeat_season(g, end, c, 1, d->horizon, ahead);
      att_errors_add(&last, ahead, truth, d->horizon, NULL, 0);
      att_repeat_season(g, end, c, season, d->horizon, ahead);
      att_errors_add(&seasonal, ahead, truth, d->horizon, NULL, 0);
    }
  }
  d->last = last.squared / (double)last.count;
  d->seasonal = seasonal.squared / (double)seasonal.count;
  att_free(t->ctx, ahead);
  return last.count ? ATT_OK : att_fail(t->ctx, ATT_FORMAT, "%s: no values to validate with", t->options->data);
}

static uint64_t fingerprint_series(const att_series *s, uint64_t key) {
  size_t size = (size_t)(s->start[s->count] * s->channels) * sizeof *s->values;
  key = att_text_fingerprint(key, (att_text){(const char *)s->values, size});
  for (int64_t i = 0; i < s->count * s->channels; i++)
    if (s->offset[i] != 0) key = att_text_fingerprint(key, (att_text){(const char *)&s->offset[i], sizeof *s->offset});
  return key;
}

/* Before values are scaled and filled. */
static uint64_t fingerprint(const att_timeline *g) {
  uint64_t key = fingerprint_series(&g->series, 1);
  return g->covariates.channels ? fingerprint_series(&g->covariates, key) : key;
}

static att_status read_grid(att_trainer *t, const char *path, const char *target, att_time_step step,
                            att_timeline *grid) {
  const att_plan *p = t->resumed ? &t->state.plan : &t->options->plan;
  const att_series_columns given = {.series = asked(p->series_column),
                                    .time = asked(p->time_column),
                                    .target = target,
                                    .covariates = asked(p->covariate_columns)};
  att_series read;
  ATT_TRY(att_series_read_timed(t->ctx, path, &given, &read));
  ATT_TRY(att_timeline_make(t->ctx, path, &read, step, grid));
  if (!t->resumed) att_timeline_say(t->ctx, path, grid);
  return ATT_OK;
}

static bool varies(const att_series *s, int64_t channel) {
  double first = NAN;
  for (int64_t i = 0; i < s->count; i++)
    for (int64_t row = s->start[i]; row < s->start[i + 1]; row++) {
      double x = (double)s->values[row * s->channels + channel] + s->offset[i * s->channels + channel];
      if (isnan(first)) first = x;
      if (!isnan(x) && (x < first || x > first)) return true;
    }
  return false;
}

static void say_constants(const att_trainer *t) {
  const forecast_data *d = data_of(t);
  for (int64_t c = 0; c < d->front->channels; c++) {
    if (varies(&d->grid.series, c)) continue;
    att_log(t->ctx, ATT_LOG_WARNING, "column \"%s\" does not vary: there is nothing to learn of it",
            d->front->names[c]);
  }
}

static att_status read_data(att_trainer *t, uint64_t seed, uint64_t *train_fingerprint, uint64_t *valid_fingerprint) {
  const att_train_options *o = t->options;
  const att_plan *p = t->resumed ? &t->state.plan : &o->plan;
  forecast_data *d = t->data = ATT_NEW(t->ctx, 1, forecast_data);
  (void)seed;
  if (!d) return ATT_MEMORY;
  t->reads_rows = true;
  ATT_TRY(parse_quantiles(t, p->quantiles));
  ATT_TRY(read_grid(t, o->data, asked(p->target_columns), (att_time_step){0}, &d->grid));
  if (o->valid) ATT_TRY(read_grid(t, o->valid, asked(p->target_columns), d->grid.step, &d->valid_grid));
  if (o->valid && d->valid_grid.series.channels != d->grid.series.channels) {
    return att_fail(t->ctx, ATT_FORMAT, "%s and %s have not the same columns: name them with --target", o->data,
                    o->valid);
  }
  d->horizon = p->horizon;
  d->lookback = p->lookback != ATT_UNSET ? p->lookback : lookback_for(longest_series(&d->grid), d->horizon);
  *train_fingerprint = fingerprint(&d->grid);
  *valid_fingerprint = fingerprint(valid_grid(d));
  ATT_TRY(find_windows(t));
  ATT_TRY(find_learned(t));
  ATT_TRY(measure(t, p));
  if (!t->resumed) say_constants(t);
  ATT_TRY(scale(t));
  return measure_naive(t);
}

/* A window: what is read of all channels, and what follows, NaN where it is missing; both scaled. */
static bool held(const att_trainer *t, size_t index, att_held_item *item) {
  const forecast_data *d = data_of(t);
  const att_timeline *g = valid_grid(d);
  if (index >= (size_t)d->valid.count) return false;
  int64_t channels = g->series.channels, first = d->valid.first[index], end = first + d->lookback;
  size_t row = (size_t)channels * sizeof(float);
  *item = (att_held_item){.input = {(const char *)(g->series.values + first * channels), (size_t)d->lookback * row},
                          .channels = channels,
                          .reference = {(const char *)(g->truth + end * channels), (size_t)d->horizon * row}};
  return true;
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

static int64_t patch_for(int64_t lookback) { return lookback >= 64 ? 16 : lookback >= 8 ? lookback / 4 : 1; }

static double passes_for(int64_t windows) { return fmin(200, fmax(6, 50000.0 / (double)windows)); }
static double most_epochs(const att_trainer *t) { return 2 * passes_for(data_of(t)->train.count); }

static double dropout_for(const att_trainer *t, double epochs) {
  (void)epochs;
  return t->state.plan.network == ATT_TRANSFORMER ? 0.3 : 0.1;
}

static void choose(const att_trainer *t, att_plan *p) {
  const forecast_data *d = data_of(t);
  att_choose_whole(&p->lookback, d->lookback);
  att_choose_whole(&p->patch, patch_for(d->lookback));
  if (p->patch > d->lookback) p->patch = d->lookback;
  att_choose_whole(&p->patch_stride, p->patch > 1 ? p->patch / 2 : 1);
  p->context = (d->lookback - p->patch) / p->patch_stride + 1;
  if (p->context < 8) p->context = 8;
  p->max_length = p->context;
  p->vocab = p->lowercase = 0;
  int64_t values = d->grid.series.start[d->grid.series.count] * d->grid.series.channels;
  att_plan_choose_size(p, &shapes, values < 300000 ? ATT_TINY : ATT_SMALL);
  att_choose_number(&p->lr, 5e-4);
  if (p->batch_tokens == ATT_UNSET) {
    int64_t batch = 256 / d->grid.series.channels;
    att_choose_whole(&p->batch, batch < 8 ? 8 : batch > 64 ? 64 : batch);
  }
  if (p->steps == 0 && p->minutes <= 0 && p->epochs <= 0) p->epochs = passes_for(d->train.count);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

static att_status no_tokenizer(att_trainer *t, att_tokenizer **tokenizer) {
  (void)t;
  *tokenizer = NULL;
  return ATT_OK;
}

static void configure(const att_trainer *t, const att_tokenizer *tokenizer, att_config *c) {
  const forecast_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  att_plan_config(p, ATT_ENCODER, tokenizer, c);
  if (c->family == ATT_BERT) c->family = ATT_PATCHTST;
  c->feedforward_bias = true;
  c->type_vocab_size = 0;
  c->tie_word_embeddings = false;
  c->head = ATT_HEAD_FORECAST;
  c->input_width = p->patch;
  c->patching = (att_patching){.channels = d->grid.series.channels,
                               .lookback = d->lookback,
                               .stride = p->patch_stride,
                               .normalise = true,
                               .horizon = d->horizon,
                               .quantile_count = d->quantile_count};
  memcpy(c->patching.quantiles, d->quantiles, sizeof d->quantiles);
  c->max_position_embeddings = att_patch_count(c);
}

static att_status fits(att_trainer *t, const char *folder) {
  const forecast_data *d = data_of(t);
  const att_config *c = &t->model->config;
  if (c->head == ATT_HEAD_FORECAST && c->patching.channels == d->grid.series.channels &&
      c->patching.lookback == d->lookback && c->patching.horizon == d->horizon)
    return ATT_OK;
  return att_fail(t->ctx, ATT_FORMAT,
                  "%s: the model in it makes other forecasts than the run: the checkpoint is damaged", folder);
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

static att_status encode(att_trainer *t) {
  forecast_data *d = data_of(t);
  const att_plan *p = &t->state.plan;
  d->batch = p->batch > 0 ? p->batch : p->batch_tokens / (d->lookback * d->grid.series.channels);
  if (d->batch < 1) d->batch = 1;
  if (d->batch > d->train.count) d->batch = d->train.count;
  if (!t->model->series) {
    t->model->series = d->front;
    d->front = NULL;
  }
  d->order = ATT_NEW(t->ctx, d->train.count, int32_t);
  return d->order ? att_arena_new(t->ctx, &d->arena) : ATT_MEMORY;
}

static att_status begin_epoch(att_trainer *t) {
  forecast_data *d = data_of(t);
  uint64_t key = att_key(att_key((uint64_t)t->state.plan.seed, 0x77696e646f77), (uint64_t)t->state.epoch);
  for (int64_t i = 0; i < d->train.count; i++) d->order[i] = (int32_t)i;
  att_shuffle(d->order, d->train.count, key);
  return ATT_OK;
}

static int64_t batch_count(const att_trainer *t) {
  const forecast_data *d = data_of(t);
  return (d->train.count + d->batch - 1) / d->batch;
}

/* What a window is read as: patches of each channel. */
static double window_tokens(const att_trainer *t) {
  return (double)(att_patch_count(&t->model->config) * t->model->config.patching.channels);
}

static double epoch_tokens(const att_trainer *t) { return (double)data_of(t)->train.count * window_tokens(t); }
static double evaluated_tokens(const att_trainer *t) { return (double)data_of(t)->valid.count * window_tokens(t); }

static void counts(const att_trainer *t, int64_t *train, int64_t *valid) {
  *train = data_of(t)->train.count;
  *valid = data_of(t)->valid.count;
}

static att_status get_batch(att_trainer *t, att_batch *batch, int64_t *tokens) {
  forecast_data *d = data_of(t);
  int64_t begin = t->state.index * d->batch, rest = d->train.count - begin, count = rest < d->batch ? rest : d->batch;
  float *target;
  att_arena_reset(d->arena);
  *batch = (att_batch){0};
  ATT_TRY(att_windows_take(&d->grid, &d->train, d->order, begin, count, false, d->arena, &batch->source, &target));
  batch->values = target;
  *tokens = count * (int64_t)window_tokens(t);
  return ATT_OK;
}

/* ---- validation ----------------------------------------------------------------------------------------------- */

static att_status evaluate(att_trainer *t, att_score_of_model *score) {
  forecast_data *d = data_of(t);
  int64_t channels = d->grid.series.channels, count, most = ATT_RUN_ROWS / (d->lookback * channels);
  att_errors errors = {0};
  for (int64_t begin = 0; begin < d->valid.count; begin += count) {
    att_run run = {.ctx = t->ctx, .arena = t->arena};
    att_input input;
    att_hidden hidden;
    att_tensor ahead;
    float *truth;
    att_arena_reset(t->arena);
    if (att_is_interrupted(t->ctx)) return att_fail(t->ctx, ATT_INTERRUPTED, "interrupted while validating");
    count = d->valid.count - begin < most ? d->valid.count - begin : most < 1 ? 1 : most;
    ATT_TRY(att_windows_take(valid_grid(d), &d->valid, NULL, begin, count, true, t->arena, &input, &truth));
    ATT_TRY(att_model_hidden(&run, t->model, &input, NULL, NULL, &hidden));
    ATT_TRY(att_head_logits(&run, t->model, &hidden, &ahead));
    for (int64_t i = 0; i < count * channels; i++) {
      float *of_window = ahead.data + i * ahead.stride;
      const float *effect = att_windows_effect(valid_grid(d), &d->valid, begin + i / channels);
      att_covariates_add(effect, channels, i % channels, d->horizon, d->quantile_count, of_window);
      att_errors_add(&errors, of_window, truth + i * d->horizon, d->horizon, d->quantiles, d->quantile_count);
    }
  }
  double n = (double)(errors.count ? errors.count : 1);
  *score = (att_score_of_model){errors.squared / n, -1, {errors.absolute / n, errors.pinball / n}};
  return ATT_OK;
}

static const char *quality(const att_trainer *t) {
  (void)t;
  return NULL;
}

/* A model that the last value or the last season beats is told so. */
static void describe(const att_trainer *t, att_score_of_model s, char *text, size_t size) {
  const forecast_data *d = data_of(t);
  int used = att_format(text, size, "squared error %.4f, absolute %.4f", s.loss, s.also[0]);
  if (d->quantile_count && used > 0 && (size_t)used < size)
    used += att_format(text + used, size - (size_t)used, ", pinball %.4f", s.also[1]);
  if (used < 0 || (size_t)used >= size) return;
  bool loses = s.loss >= fmin(d->last, d->seasonal);
  att_format(text + used, size - (size_t)used, " (of scaled values; the last value again %.4f, the last season %.4f%s)",
             d->last, d->seasonal, loses ? ": THE MODEL IS NO BETTER" : "");
}

static void free_data(att_trainer *t) {
  forecast_data *d = t->data;
  if (!d) return;
  att_timeline_free(t->ctx, &d->grid);
  att_timeline_free(t->ctx, &d->valid_grid);
  att_windows_free(t->ctx, &d->train);
  att_windows_free(t->ctx, &d->valid);
  att_series_front_free(t->ctx, d->front);
  att_arena_free(d->arena);
  att_free(t->ctx, d->order);
  att_free(t->ctx, d->learned);
  att_free(t->ctx, d);
}

const att_task att_forecast_task = {
    .things = "windows",
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
