/*
 * Owns covariates of forecasts: columns that are known ahead of time, as a temperature or a holiday. What they explain
 * of a column is found by regression and taken off before a network reads it, and the effect of the rows ahead is added
 * to what the network forecasts ("regression with ARIMA errors", Hyndman & Athanasopoulos, Forecasting: principles and
 * practice, with a network in ARIMA's place). Refuses rows ahead in which a covariate is not known.
 */
#ifndef ATT_TRAIN_DATA_COVARIATES_H
#define ATT_TRAIN_DATA_COVARIATES_H

#include "train/data/windows.h"

/* Fills front's covariates, by rows [0, rows[series]) of each series of a scaled grid: one ridge regression a channel
 * over all series, of differences to the row a season (front->season, where above 1) before, so that neither season nor
 * trend is taken for an effect; with the residuals' first-order autocorrelation r, as Cochrane and Orcutt (1949) do, on
 * x[t] - r x[t-1], so that wandering residuals (r near 1) are not either. A row in which something is missing is left
 * out. explained [channels]: the share of the variance of those differences. A column without an effect, or that
 * follows from others, is warned of where `say`. */
att_status att_covariates_fit(att_context *ctx, const char *path, const att_timeline *grid, const int64_t *rows,
                              bool say, att_series_front *front, double *explained);
/* Takes the effect off the values of a scaled grid (truth stays), whose missing ones are filled anew; grid->effect is
 * what was taken off, grid->plain the filled values before. Covariates that are missing lie on the straight line
 * between their neighbours. Nothing where front (may be NULL) has none. */
att_status att_covariates_apply(att_context *ctx, att_timeline *grid, const att_series_front *front);
/* The effect in the `horizon` rows behind a series' end: effect [horizon, channels]. All covariates must be there. */
att_status att_covariates_ahead(att_context *ctx, const char *path, const att_timeline *grid,
                                const att_series_front *front, int64_t series, int64_t horizon, float *effect);
/* Adds it to a forecast of one channel, [horizon] the mean and then each quantile. effect: of the first row that is
 * forecast, [horizon, channels], or NULL: there is none. */
void att_covariates_add(const float *effect, int64_t channels, int64_t channel, int64_t horizon, int64_t quantile_count,
                        float *ahead);

#endif
