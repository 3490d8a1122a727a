/*
 * Owns att_forecast and att_backtest: a table of the recent past to the values that follow, and how well the model
 * would have forecast what a table has, beside the last value and the last season. Refuses models without a head of
 * forecasts, and series that are shorter than what the model reads.
 */
#include "api/forecast.h"

#include "models/head.h"
#include "train/data/covariates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_RUN_ROWS 65536 /* of a pass */

typedef struct forecasting {
  att_model *model;
  const char *path;
  att_timeline grid;
  att_windows windows;
  att_arena *arena;
} forecasting;

/* ---- the table ------------------------------------------------------------------------------------------------ */

/* With commas between. */
static att_status list_names(att_context *ctx, char *const *names, int64_t count, att_buffer *out) {
  for (int64_t i = 0; names && i < count; i++) ATT_TRY(att_buffer_print(ctx, out, "%s%s", i ? "," : "", names[i]));
  return ATT_OK;
}

/* The columns that the model was trained on. */
static att_status read_columns(att_model *model, const char *path, att_series *read) {
  const att_series_front *f = model->series;
  att_buffer targets = {0}, covariates = {0};
  att_status status = f ? list_names(model->ctx, f->names, f->channels, &targets) : ATT_OK;
  if (!status && f) status = list_names(model->ctx, f->covariate_names, f->covariates, &covariates);
  att_series_columns given = {.of_model = true,
                              .target = targets.size ? targets.data : NULL,
                              .covariates = covariates.size ? covariates.data : NULL};
  if (f) given.series = f->series;
  if (f) given.time = f->time;
  if (!status) status = att_series_read_timed(model->ctx, path, &given, read);
  att_buffer_free(model->ctx, &targets);
  att_buffer_free(model->ctx, &covariates);
  return status;
}

att_status att_forecast_read(att_model *model, const char *path, att_timeline *grid) {
  const att_series_front *f = model->series;
  att_series read;
  ATT_TRY(read_columns(model, path, &read));
  if (read.channels - read.covariates != model->config.patching.channels ||
      read.covariates != (f ? f->covariates : 0)) {
    int64_t channels = read.channels - read.covariates;
    att_series_free(model->ctx, &read);
    return att_fail(model->ctx, ATT_FORMAT, "%s: it has %lld columns of numbers, the model reads %lld", path,
                    (long long)channels, (long long)model->config.patching.channels);
  }
  const att_time_step step = {.months = f ? f->step_months : 0, .seconds = f ? f->step_seconds : 0};
  return att_timeline_make(model->ctx, path, &read, step, grid);
}

/* A folder without series.json reads values as they are. */
static att_status scale(forecasting *w) {
  att_timeline_say(w->model->ctx, w->path, &w->grid);
  ATT_TRY(att_timeline_scale(w->model->ctx, &w->grid, w->model->series, NULL));
  ATT_TRY(att_covariates_apply(w->model->ctx, &w->grid, w->model->series));
  w->windows.lookback = w->model->config.patching.lookback;
  w->windows.horizon = w->model->config.patching.horizon;
  return att_arena_new(w->model->ctx, &w->arena);
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Quantiles of one time must rise, though each was learned by itself. */
static void sort_quantiles(float *ahead, int64_t horizon, int64_t count) {
  float at[ATT_MOST_QUANTILES];
  for (int64_t t = 0; t < horizon; t++) {
    for (int64_t q = 0; q < count; q++) at[q] = ahead[(q + 1) * horizon + t];
    qsort(at, (size_t)count, sizeof *at, by_value);
    for (int64_t q = 0; q < count; q++) ahead[(q + 1) * horizon + t] = at[q];
  }
}

/* ahead: [count * channels, horizon * (1 + quantiles)], on the arena. */
static att_status look_ahead(forecasting *w, const att_input *input, att_tensor *ahead) {
  const att_patching *p = &w->model->config.patching;
  att_run run = {.ctx = w->model->ctx, .arena = w->arena};
  att_hidden hidden;
  if (att_is_interrupted(run.ctx)) return att_fail(run.ctx, ATT_INTERRUPTED, "interrupted");
  ATT_TRY(att_model_hidden(&run, w->model, input, NULL, NULL, &hidden));
  ATT_TRY(att_head_logits(&run, w->model, &hidden, ahead));
  for (int64_t i = 0; i < ahead->rows; i++)
    sort_quantiles(ahead->data + i * ahead->stride, p->horizon, p->quantile_count);
  return ATT_OK;
}

/* As it was asked for: floats have 0.9 as 0.8999999762. */
static double plain_level(double level) { return round(level * 1e6) / 1e6; }

/* ---- forecasts ------------------------------------------------------------------------------------------------ */

static att_status give_channel(forecasting *w, int64_t series, int64_t channel, const float *ahead,
                               att_forecast_fn *give, void *user) {
  const att_series *s = &w->grid.series;
  const att_patching *p = &w->model->config.patching;
  const att_series_front *f = w->model->series;
  int64_t end = s->start[series + 1];
  int64_t place = series * s->channels + channel;
  double mean = w->grid.mean[place], deviation = w->grid.deviation[place], quantiles[ATT_MOST_QUANTILES],
         levels[ATT_MOST_QUANTILES];
  char name[256], target[256], time[48];
  snprintf(name, sizeof name, "%.*s", (int)(s->names[series].size < 255 ? s->names[series].size : 255),
           s->names[series].size ? s->names[series].data : "");
  snprintf(target, sizeof target, "%.255s", f && f->names ? f->names[channel] : "");
  att_forecast_row row = {.series = name,
                          .target = target,
                          .time = time,
                          .quantiles = quantiles,
                          .levels = levels,
                          .quantile_count = (size_t)p->quantile_count};
  for (int64_t q = 0; q < p->quantile_count; q++) levels[q] = plain_level((double)p->quantiles[q]);
  for (int64_t i = end - p->lookback; i < end + p->horizon; i++) {
    int64_t t = i - end;
    row.past = t < 0;
    att_time_spell(att_timeline_time(&w->grid, series, i - s->start[series]), &s->form, time);
    row.mean = (double)(t < 0 ? w->grid.truth[i * s->channels + channel] : ahead[t]) * deviation + mean;
    for (int64_t q = 0; q < p->quantile_count && t >= 0; q++)
      quantiles[q] = (double)ahead[(q + 1) * p->horizon + t] * deviation + mean;
    if (give(user, &row) != 0) return att_fail(w->model->ctx, ATT_INTERRUPTED, "stopped");
  }
  return ATT_OK;
}

static bool is_known(const att_timeline *g, int64_t first, int64_t end, int64_t channel) {
  for (int64_t i = first; i < end; i++)
    if (!isnan(g->truth[i * g->series.channels + channel])) return true;
  return false;
}

static void say_unknown(const forecasting *w, int64_t series, int64_t channel) {
  const att_series_front *f = w->model->series;
  att_text name = w->grid.series.names[series];
  att_log(w->model->ctx, ATT_LOG_WARNING,
          "%s: %s%.60s%s%.*s has no value in the last %lld rows, which the model reads: left out", w->path,
          f && f->names ? "column " : "a column", f && f->names ? f->names[channel] : "",
          name.size ? " of series " : "", (int)(name.size < 60 ? name.size : 60), name.size ? name.data : "",
          (long long)w->windows.lookback);
}

static att_status give_all(forecasting *w, att_forecast_fn *give, void *user) {
  const att_series *s = &w->grid.series;
  const att_patching *p = &w->model->config.patching;
  int64_t lookback = w->windows.lookback, short_ones = 0, given = 0;
  for (int64_t i = 0; i < s->count; i++) {
    int64_t rows = s->start[i + 1] - s->start[i], start[2] = {0, lookback};
    att_tensor ahead;
    att_arena_reset(w->arena);
    if (rows < lookback) {
      short_ones++;
      att_log(w->model->ctx, ATT_LOG_WARNING,
              "%s: the series%s%.*s has %lld rows of the %lld that the model reads: left out", w->path,
              s->names[i].size ? " " : "", (int)(s->names[i].size < 60 ? s->names[i].size : 60),
              s->names[i].size ? s->names[i].data : "", (long long)rows, (long long)lookback);
      continue;
    }
    const att_input input = {.rows = s->values + (s->start[i + 1] - lookback) * s->channels, .sequences = {1, start}};
    float *effect = w->grid.effect ? ATT_ARENA_NEW(w->arena, p->horizon * s->channels, float) : NULL;
    if (w->grid.effect && !effect) return ATT_MEMORY;
    if (effect)
      ATT_TRY(att_covariates_ahead(w->model->ctx, w->path, &w->grid, w->model->series, i, p->horizon, effect));
    ATT_TRY(look_ahead(w, &input, &ahead));
    for (int64_t c = 0; c < s->channels; c++) {
      float *of_channel = ahead.data + c * ahead.stride;
      if (!is_known(&w->grid, s->start[i + 1] - lookback, s->start[i + 1], c)) {
        say_unknown(w, i, c);
        continue;
      }
      given++;
      att_covariates_add(effect, s->channels, c, p->horizon, p->quantile_count, of_channel);
      ATT_TRY(give_channel(w, i, c, of_channel, give, user));
    }
  }
  if (given > 0) return ATT_OK;
  if (short_ones < s->count) {
    return att_fail(w->model->ctx, ATT_FORMAT, "%s: nothing is known in the last %lld rows, which the model reads",
                    w->path, (long long)lookback);
  }
  return att_fail(w->model->ctx, ATT_FORMAT, "%s: no series has the %lld rows that the model reads", w->path,
                  (long long)lookback);
}

/* ---- backtest ------------------------------------------------------------------------------------------------- */

/* The mean absolute difference of values a season apart, of all series (Hyndman & Koehler 2006): what MASE divides by.
 */
static double season_error(const att_timeline *g, int64_t season) {
  const att_series *s = &g->series;
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < s->count; i++)
    for (int64_t k = (s->start[i] + season) * s->channels; k < s->start[i + 1] * s->channels; k++) {
      float now = g->truth[k], before = g->truth[k - season * s->channels];
      if (isnan(now) || isnan(before)) continue;
      sum += fabs((double)now - (double)before);
      count++;
    }
  return count && sum > 0 ? sum / (double)count : NAN;
}

static void give_errors(const att_errors *e, double unit, int64_t quantiles, att_forecast_errors *out) {
  double n = (double)(e->count ? e->count : 1);
  *out = (att_forecast_errors){.mse = e->squared / n,
                               .mae = e->absolute / n,
                               .mase = e->absolute / n / unit,
                               .pinball = quantiles ? e->pinball / n : NAN,
                               .coverage = quantiles > 1 ? (double)e->inside / n : NAN};
}

static att_status measure(forecasting *w, att_progress_fn *progress, void *user, att_backtest_result *out) {
  const att_series *s = &w->grid.series;
  const att_patching *p = &w->model->config.patching;
  int64_t season = w->model->series && w->model->series->season ? w->model->series->season : 1, channels = s->channels;
  if (season > p->lookback) season = 1;
  att_errors errors[3] = {{0}};
  ATT_TRY(att_windows_find(w->model->ctx, &w->grid, NULL, NULL, &w->windows));
  if (w->windows.count == 0) {
    return att_fail(w->model->ctx, ATT_FORMAT, "%s: no series has the %lld + %lld rows of a window and its horizon",
                    w->path, (long long)p->lookback, (long long)p->horizon);
  }
  int64_t most = ATT_RUN_ROWS / (p->lookback * channels), count;
  for (int64_t begin = 0; begin < w->windows.count; begin += count) {
    att_input input;
    att_tensor ahead;
    float *truth;
    att_arena_reset(w->arena);
    count = w->windows.count - begin < most ? w->windows.count - begin : most < 1 ? 1 : most;
    ATT_TRY(att_windows_take(&w->grid, &w->windows, NULL, begin, count, true, w->arena, &input, &truth));
    float *naive = ATT_ARENA_NEW(w->arena, p->horizon, float);
    if (!naive) return ATT_MEMORY;
    ATT_TRY(look_ahead(w, &input, &ahead));
    for (int64_t i = 0; i < count * channels; i++) {
      int64_t end = w->windows.first[begin + i / channels] + p->lookback;
      const float *y = truth + i * p->horizon,
                  *effect = att_windows_effect(&w->grid, &w->windows, begin + i / channels);
      att_covariates_add(effect, channels, i % channels, p->horizon, p->quantile_count, ahead.data + i * ahead.stride);
      att_errors_add(&errors[0], ahead.data + i * ahead.stride, y, p->horizon, p->quantiles, p->quantile_count);
      att_repeat_season(&w->grid, end, i % channels, 1, p->horizon, naive);
      att_errors_add(&errors[1], naive, y, p->horizon, NULL, 0);
      att_repeat_season(&w->grid, end, i % channels, season, p->horizon, naive);
      att_errors_add(&errors[2], naive, y, p->horizon, NULL, 0);
    }
    const att_progress done = {
        .kind = ATT_PROGRESS_WORK, .text = "forecasting", .done = (double)(begin + count) / (double)w->windows.count};
    if (progress) progress(user, &done);
  }
  if (errors[0].count == 0)
    return att_fail(w->model->ctx, ATT_FORMAT, "%s: no values to measure forecasts with", w->path);
  double unit = season_error(&w->grid, season);
  out->windows = (size_t)w->windows.count;
  out->season = (size_t)season;
  if (p->quantile_count > 1)
    out->nominal = plain_level((double)p->quantiles[p->quantile_count - 1] - (double)p->quantiles[0]);
  give_errors(&errors[0], unit, p->quantile_count, &out->model);
  give_errors(&errors[1], unit, 0, &out->last_value);
  give_errors(&errors[2], unit, 0, &out->last_season);
  return ATT_OK;
}

/* ---- the calls ------------------------------------------------------------------------------------------------ */

static void free_all(forecasting *w) {
  att_context *ctx = w->model->ctx;
  att_timeline_free(ctx, &w->grid);
  att_windows_free(ctx, &w->windows);
  att_arena_free(w->arena);
}

att_status att_forecast(att_model *model, const char *path, att_forecast_fn *give, void *user) {
  if (!path || !give) return att_fail(model->ctx, ATT_ARGUMENT, "att_forecast needs a file and a callback");
  ATT_TRY(att_check_verb(model, ATT_VERB_FORECAST));
  forecasting w = {.model = model, .path = path};
  att_status status = att_forecast_read(model, path, &w.grid);
  if (!status) status = scale(&w);
  if (!status) status = give_all(&w, give, user);
  free_all(&w);
  return status;
}

att_status att_backtest_sized(att_model *model, const char *path, att_progress_fn *progress, void *user,
                              att_backtest_result *out, size_t size) {
  att_backtest_result own = {.nominal = NAN};
  if (!path || !out) return att_fail(model->ctx, ATT_ARGUMENT, "att_backtest needs a file and a place for the result");
  ATT_TRY(att_check_verb(model, ATT_VERB_FORECAST));
  forecasting w = {.model = model, .path = path};
  att_status status = att_forecast_read(model, path, &w.grid);
  if (!status) status = scale(&w);
  if (!status) status = measure(&w, progress, user, &own);
  free_all(&w);
  att_give_struct(&own, sizeof own, out, size);
  return status;
}
