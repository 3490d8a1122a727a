/*
 * Owns how a folder reads series: channels, their means and deviations, how many rows make a token. It is series.json
 * beside config.json, whose input_width is patch * channels. Missing values are filled on the straight line between
 * their neighbours (before the first and behind the last with that one; a channel without any value with its mean).
 * Refuses to know where series come from.
 */
#ifndef ATT_MODELS_SERIES_FRONT_H
#define ATT_MODELS_SERIES_FRONT_H

#include "base/context.h"

#define ATT_SERIES_FILE     "series.json"
#define ATT_MOST_COVARIATES 64

typedef struct att_series_front {
  int64_t channels, patch;     /* rows that stand side by side in a token */
  double *mean, *deviation;    /* [channels] of what was learned from; no deviation is 0 */
  char **names;                /* [channels], one block: of the columns; NULL: they have none */
  char *series, *time, *label; /* columns that were named, each NULL where not */
  bool by_series;              /* of forecasts: each series by its own mean and deviation; those above are of all */
  /* of forecasts, else 0: the step from row to row (formats/timestamp.h), and how many rows are a season */
  int64_t step_months, season;
  double step_seconds;
  /* of forecasts with covariates (train/data/covariates.h), else 0 and NULL: */
  int64_t covariates;                           /* how many */
  char **covariate_names;                       /* [covariates], one block */
  double *covariate_mean, *covariate_deviation; /* [covariates] of what was learned from; no deviation is 0 */
  double *coefficients;                         /* [channels, covariates]: of z-scores, for z-scores of the channel */
} att_series_front;

/* Reads folder/series.json; *out stays NULL where there is none. width: config.json's input_width. */
att_status att_series_front_read(att_context *ctx, const char *folder, int64_t width, att_series_front **out);
att_status att_series_front_write(att_context *ctx, const char *folder, const att_series_front *front);
void att_series_front_free(att_context *ctx, att_series_front *front); /* NULL is fine */
/* Names as a front has them: one block. */
att_status att_series_front_copy_names(att_context *ctx, const att_text *names, int64_t count, char ***out);

/* Means and population deviations of rows [rows, channels], NaN left out; a channel that does not vary has a deviation
 * of 1. In double. */
void att_series_measure(const float *values, int64_t rows, int64_t channels, double *mean, double *deviation);
/* Fills what is missing in one series of [rows, channels]; returns how many values that were. */
int64_t att_series_fill(float *values, int64_t rows, int64_t channels, const double *mean);
/* Tokens that so many rows become. */
int64_t att_series_tokens(const att_series_front *front, int64_t rows);
/* One series as a model reads it: out [tokens, patch * channels], filled, by its z-scores, zeros behind its end.
 * offset [channels]: what is to be added to the values; NULL: nothing. */
att_status att_series_front_rows(att_context *ctx, const att_series_front *front, const float *values, int64_t rows,
                                 const double *offset, float *out);

#endif
