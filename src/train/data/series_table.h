/*
 * Owns series in tables (CSV, TSV): in long form, a row a time step with columns of the series, the time, the channels
 * and the label; and wide, a row a series of one channel with its label. Refuses columns of text where numbers are
 * needed, times that repeat within a series, and a label that changes within one. Rows that are out of order are
 * sorted by their times, which is said.
 */
#ifndef ATT_TRAIN_DATA_SERIES_TABLE_H
#define ATT_TRAIN_DATA_SERIES_TABLE_H

#include "formats/series.h"

/* Columns by name or by number from 1; NULL: found by names and contents, covariates: none. target, covariates:
 * several, with commas between. */
typedef struct att_series_columns {
  const char *series, *time, *label, *target, *covariates;
  bool of_model; /* the names are those that a model was trained with, not options: messages say so */
} att_series_columns;

/* *is: the file is of series and not of texts: a .ts, or a table with numbers in all columns but its label. */
att_status att_series_look(att_context *ctx, const char *path, const att_series_columns *given, bool *is);
/* A .ts file or a table of series with labels (which may be missing where `needs_labels` is false). */
att_status att_series_read_labelled(att_context *ctx, const char *path, const att_series_columns *given,
                                    bool needs_labels, att_series *out);
/* A table of series in long form to forecast: its times are needed, its targets are its channels, and behind them its
 * covariates, which must have names; where no target is given they are all other columns of numbers, and what is left
 * out is said. One series where there is no column of them. A column that lies far from 0 in a series for what it
 * spreads over, as a meter's total, is less its first value there, in double precision: series.offset. */
att_status att_series_read_timed(att_context *ctx, const char *path, const att_series_columns *given, att_series *out);

#endif
