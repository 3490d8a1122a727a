/*
 * Owns series on a regular grid of times, and the windows that forecasts learn from: gaps become missing rows, missing
 * values are filled, values are scaled. Refuses times that are off the grid, tables of another step than the one
 * wanted, columns without any value, and series too short for one window.
 */
#ifndef ATT_TRAIN_DATA_WINDOWS_H
#define ATT_TRAIN_DATA_WINDOWS_H

#include "models/pass.h"
#include "models/series_front.h"
#include "train/data/series_table.h"

/* Zero-initialised is empty. */
typedef struct att_timeline {
  att_series series;        /* a row a step; values filled, and scaled once att_timeline_scale has run: what is read */
  float *truth;             /* [rows, channels]: the same, NaN where it was missing */
  double *mean, *deviation; /* [series, channels] that values were scaled by; NULL before att_timeline_scale, which
                             * takes series.offset into account */
  att_time_step step;
  int *day;         /* [series]: the day of the month that each goes by (att_time_step.day) */
  int64_t gap_rows; /* rows that were not in the file */
  /* With covariates a series ends with the last row in which a target is known; rows behind that have covariates alone.
   * Their names stand behind those of series.channel_names. */
  att_series covariates; /* as they are, NaN where missing: as many rows of each series and those ahead; or empty */
  float *effect, *plain; /* NULL before att_covariates_apply: [rows, channels], see there */
} att_timeline;

/* Takes what att_series_read_timed gave, whatever comes of it. step: the one wanted, or zeros: the one that most rows
 * have, of all series. path: for messages. */
att_status att_timeline_make(att_context *ctx, const char *path, att_series *read, att_time_step step,
                             att_timeline *grid);
/* The time of a row of a series, counted from its first; also of rows behind its end. */
double att_timeline_time(const att_timeline *grid, int64_t series, int64_t row);
void att_timeline_free(att_context *ctx, att_timeline *grid);
/* By front's means and deviations (NULL: leaves values as they are), or by those of each series' own first rows[series]
 * rows (NULL: all) where front says so; and fills what is missing (a channel without any value by its mean). */
att_status att_timeline_scale(att_context *ctx, att_timeline *grid, const att_series_front *front, const int64_t *rows);
/* What the log says of gaps and missing values. */
void att_timeline_say(att_context *ctx, const char *path, const att_timeline *grid);
/* Rows after which such a step comes again by the calendar: 24 of hours, 7 of days, 12 of months; 1: none is known. */
int64_t att_season_of(att_time_step step, const att_time_form *form);

/* Where windows begin: lookback rows, and horizon rows behind them. Zero-initialised is empty. */
typedef struct att_windows {
  int64_t lookback, horizon, count, capacity;
  int64_t *first; /* [count] */
} att_windows;

/* Appends the windows of each series whose horizon lies in rows [low, high) of it, counted from its first. */
typedef void att_range_fn(const att_timeline *grid, int64_t series, const void *arg, int64_t *low, int64_t *high);
att_status att_windows_find(att_context *ctx, const att_timeline *grid, att_range_fn *range, const void *arg,
                            att_windows *windows);
void att_windows_free(att_context *ctx, att_windows *windows);
/* count windows as a model reads them, [count * lookback, channels], and what follows, [count * channels, horizon];
 * which: their places, or NULL: from begin on. target NULL: not wanted. truth: NaN stays where it was missing. */
att_status att_windows_take(const att_timeline *grid, const att_windows *windows, const int32_t *which, int64_t begin,
                            int64_t count, bool truth, att_arena *arena, att_input *input, float **target);

/* The covariates' effect in what follows a window, [horizon, channels], or NULL: there are none. */
const float *att_windows_effect(const att_timeline *grid, const att_windows *windows, int64_t index);

/* Errors of forecasts, summed over values that are there. */
typedef struct att_errors {
  double squared, absolute, pinball;
  int64_t count, inside; /* inside: between the outer quantiles */
} att_errors;

/* forecast: [horizon] the mean, then the quantiles; truth may be NaN. */
void att_errors_add(att_errors *errors, const float *forecast, const float *truth, int64_t horizon,
                    const float *quantiles, int64_t quantile_count);
/* The row `season` back, again and again, as a forecast of one channel of a window; with the covariates' effect. */
void att_repeat_season(const att_timeline *grid, int64_t end, int64_t channel, int64_t season, int64_t horizon,
                       float *out);

#endif
