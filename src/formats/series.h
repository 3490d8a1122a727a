/*
 * Owns series as they are read: rows of numbers by channel, one row a time step, each series with its label and its
 * times where the file has them; and the .ts files of the UEA and UCR archives. Of these the data is believed and not
 * the header: it counts dimensions, lengths, timestamps and missing values itself. Refuses series that differ in their
 * channels, infinity, and times that repeat. Tables are train/data/series_table.h's.
 */
#ifndef ATT_FORMATS_SERIES_H
#define ATT_FORMATS_SERIES_H

#include "formats/timestamp.h"

#define ATT_MOST_CHANNELS 65536

/* Zero-initialised is empty. */
typedef struct att_series {
  int64_t count, channels, capacity, room; /* room: rows that there is memory for */
  int64_t covariates;                      /* how many of the channels, the last ones, are not forecast but help */
  int64_t *start;                          /* [count + 1] first row of each */
  float *values;                           /* [rows, channels]; NaN where it is missing */
  double *offset;                          /* [count, channels] to be added to the values of each; mostly 0 */
  bool timed;                              /* the rows have times: */
  double *times;                           /* [rows], rising within a series (timestamp.h), or NULL */
  size_t *row_line;                        /* [rows]: where each stands in the file, from 1; or NULL */
  att_time_form form;                      /* of the times */
  att_text *channel_names;                 /* [channels], or NULL */
  att_text *labels;                        /* [count], empty where there is none */
  att_text *names;                         /* [count], of the series: empty in .ts */
  size_t *line;                            /* [count]: where each begins in the file, from 1 */
  int64_t missing;                         /* values that are NaN */
  char *bytes;                             /* what the texts point into */
} att_series;

/* Whether a path ends in .ts or .ts.gz. */
bool att_series_is_ts(const char *path);
att_status att_series_read_ts(att_context *ctx, const char *path, att_series *out);
void att_series_free(att_context *ctx, att_series *series);

/* Begins a series; rows are then added to it. */
att_status att_series_begin(att_context *ctx, att_series *series, att_text name, att_text label, size_t line);
/* Room for so many rows of the last series, filled with NaN: their first, to be written; NULL: no memory. */
float *att_series_add_rows(att_context *ctx, att_series *series, int64_t rows);
/* Logs how many values are missing, and which channel has none in some series: for who fills them. */
void att_series_say_missing(att_context *ctx, const char *path, const att_series *series);
/* The first rows[i] rows of each series (NULL: all) behind one another, less the first series' offset: [*count,
 * channels], the caller's; NULL: no memory. */
float *att_series_gather(att_context *ctx, const att_series *series, const int64_t *rows, int64_t *count);
/* A cell of a file: *value NaN where it says that it is missing (empty, ?, NaN, NA, null, none, -). false: neither. */
bool att_series_value(att_text cell, double *value);

#endif
