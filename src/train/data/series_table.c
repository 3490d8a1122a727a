/* Owns what series_table.h says. */
#include "train/data/series_table.h"

#include "formats/file.h"
#include "formats/table.h"
#include "models/series_front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ATT_LOOKED_AT  200 /* rows that say what a column holds */
#define ATT_WIDE_LEAST 3   /* columns of numbers that make a wide table one of series */
#define ATT_FAR        16  /* times the spread from 0: a float's 24 bits hold the spread to a millionth */

/* What the columns are; -1: there is none. */
typedef struct series_layout {
  int64_t series, time, label;
  int64_t *channels; /* [count]: targets, and behind them covariates */
  int64_t count, covariates;
  int64_t texts, only_texts; /* of the other columns: with a text in them, without a number */
  bool header, wide;
} series_layout;

typedef struct series_finder {
  att_context *ctx;
  const char *path;
  const att_table *table;
  const att_series_columns *given;
  series_layout *out;
} series_finder;

static att_text cell_at(const att_table *t, size_t row, int64_t column) {
  return att_trimmed(att_table_cell(t, row, (size_t)column));
}

/* ---- which column is what ------------------------------------------------------------------------------------- */

static const char *const series_names[] = {"series", "series_id", "id",    "item_id", "unique_id",    "case", "case_id",
                                           "sample", "sample_id", "trial", "gesture", "recording_id", NULL};
static const char *const time_names[] = {"time", "timestamp", "date", "datetime", "t", "step", "ds", "frame", NULL};
static const char *const label_names[] = {"label", "class", "category", "target", NULL};

static bool is_called(att_text text, const char *name) {
  return strlen(name) == text.size && (!text.size || strncasecmp(name, text.data, text.size) == 0);
}

/* The first of the names counts more than the next. */
static int64_t find_name(const series_finder *f, const char *const *names) {
  for (; *names; names++)
    for (size_t c = 0; c < f->table->columns; c++)
      if (is_called(cell_at(f->table, 0, (int64_t)c), *names)) return (int64_t)c;
  return -1;
}

/* A column that is named: by an option, or by the model, for which there is none. */
typedef struct column_role {
  const char *option, *model;
} column_role;

static const column_role role_series = {"--series", "the model tells series apart by the column"},
                         role_time = {"--time", "the model takes the times from the column"},
                         role_label = {"--label-column", "the labels must stand in the column"},
                         role_target = {"--target", "the model forecasts"},
                         role_covariates = {"--covariates", "the model needs the covariate"};

static att_status find_given(const series_finder *f, column_role role, const char *given, int64_t *found) {
  double number;
  size_t size = strlen(given);
  for (size_t c = 0; c < f->table->columns; c++) {
    att_text name = cell_at(f->table, 0, (int64_t)c);
    if (name.size != size || memcmp(name.data, given, size) != 0) continue;
    *found = (int64_t)c;
    return ATT_OK;
  }
  if (att_read_number(given, size, &number) && number >= 1 && number <= (double)f->table->columns &&
      number == floor(number)) {
    *found = (int64_t)number - 1;
    return ATT_OK;
  }
  char list[400] = "";
  for (size_t c = 0, used = 0; c < f->table->columns && used + 64 < sizeof list; c++) {
    att_text name = cell_at(f->table, 0, (int64_t)c);
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%zu \"%.*s\"", c ? ", " : "", c + 1,
                             (int)(name.size < 40 ? name.size : 40), name.size ? name.data : "");
  }
  if (f->given->of_model)
    return att_fail(f->ctx, ATT_FORMAT, "%s: %s \"%.60s\"; the table has: %s", f->path, role.model, given, list);
  return att_fail(f->ctx, ATT_FORMAT, "%s: %s is \"%.60s\", but the columns are %s", f->path, role.option, given, list);
}

static att_status find_column(const series_finder *f, column_role role, const char *given, const char *const *names,
                              int64_t *found) {
  *found = find_name(f, names);
  return given ? find_given(f, role, given, found) : ATT_OK;
}

/* Where semicolons part the cells a comma may stand for the point, as programs of many countries write it. */
static bool read_value(const att_table *t, att_text cell, double *value) {
  char text[64];
  const char *comma = cell.size ? memchr(cell.data, ',', cell.size) : NULL;
  if (t->delimiter != ';' || !comma || cell.size > sizeof text) return att_series_value(cell, value);
  memcpy(text, cell.data, cell.size);
  text[comma - cell.data] = '.';
  return att_series_value((att_text){text, cell.size}, value);
}

/* What the rows behind the first hold, of those that are looked at. */
typedef struct column_content {
  size_t numbers, texts;
  bool whole; /* the numbers */
} column_content;

static column_content content_of(const att_table *t, int64_t column) {
  size_t end = t->rows < ATT_LOOKED_AT ? t->rows : ATT_LOOKED_AT;
  column_content found = {.whole = true};
  for (size_t row = 1; row < end; row++) {
    double value;
    if (!read_value(t, cell_at(t, row, column), &value)) {
      found.texts++;
    } else if (!isnan(value)) {
      found.numbers++;
      found.whole = found.whole && value == floor(value);
    }
  }
  return found;
}

/* A wide table's label: what is no number, else whole numbers in front of others, else the last column. */
static int64_t guess_label(const att_table *t) {
  int64_t last = (int64_t)t->columns - 1;
  column_content first = content_of(t, 0), end = content_of(t, last);
  return end.texts == 0 && (first.texts > 0 || (first.whole && !end.whole)) ? 0 : last;
}

static bool is_header(const att_table *t, const series_layout *l) {
  for (size_t c = 0; c < t->columns; c++) {
    double value;
    if ((int64_t)c == l->label && l->wide) continue;
    if (!read_value(t, cell_at(t, 0, (int64_t)c), &value)) return true;
  }
  return false;
}

/* Columns by a list of their names; none behind the first `room`. */
static att_status take_list(const series_finder *f, column_role role, const char *at, int64_t room, int64_t *columns,
                            int64_t *count) {
  for (*count = 0; *at && *count < room; ++*count) {
    size_t size = strcspn(at, ",");
    att_text name = att_trimmed((att_text){at, size});
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
    ATT_TRY(find_given(f, role, text, &columns[*count]));
    at += size + (at[size] == ',');
  }
  return ATT_OK;
}

static bool is_among(int64_t column, const int64_t *columns, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (columns[i] == column) return true;
  return false;
}

/* All that are not among the `count` others. */
static void take_channels(const series_finder *f, const int64_t *others, int64_t count, bool log) {
  series_layout *l = f->out;
  for (int64_t c = 0; c < (int64_t)f->table->columns; c++) {
    if (c == l->series || c == l->time || c == l->label || is_among(c, others, count)) continue;
    column_content content = content_of(f->table, c);
    l->texts += content.texts > 0;
    l->only_texts += content.numbers == 0;
    if (content.numbers) {
      l->channels[l->count++] = c;
      continue;
    }
    att_text name = cell_at(f->table, 0, c);
    if (log) {
      att_log(f->ctx, ATT_LOG_WARNING, "%s: column %lld (\"%.*s\") holds %s and is left out", f->path, (long long)c + 1,
              (int)(name.size < 40 ? name.size : 40), name.size ? name.data : "", content.texts ? "text" : "no values");
    }
  }
}

/* What a column is that cannot be a covariate, or NULL. */
static const char *no_covariate(const series_layout *l, const int64_t *covariates, int64_t index) {
  int64_t column = covariates[index];
  if (!l->header) return "has no name: the first row must have one";
  if (column == l->time) return "has the times";
  if (column == l->series) return "tells the series apart";
  if (is_among(column, covariates, index)) return "is named twice";
  return is_among(column, l->channels, l->count) ? "is a target as well" : NULL;
}

static att_status take_columns(const series_finder *f, bool log) {
  series_layout *l = f->out;
  const att_series_columns *g = f->given;
  int64_t covariates[ATT_MOST_COVARIATES + 1], count = 0;
  if (g->covariates) ATT_TRY(take_list(f, role_covariates, g->covariates, ATT_MOST_COVARIATES + 1, covariates, &count));
  if (count > ATT_MOST_COVARIATES)
    return att_fail(f->ctx, ATT_UNSUPPORTED, "--covariates: more than %d columns", ATT_MOST_COVARIATES);
  if (g->target)
    ATT_TRY(take_list(f, role_target, g->target, (int64_t)f->table->columns, l->channels, &l->count));
  else
    take_channels(f, covariates, count, log);
  for (int64_t i = 0; i < count; i++) {
    const char *why = no_covariate(l, covariates, i);
    att_text name = cell_at(f->table, 0, covariates[i]);
    if (why)
      return att_fail(f->ctx, ATT_FORMAT, "%s: %s: column %lld (\"%.*s\") %s", f->path,
                      g->of_model ? "a covariate of the model" : "--covariates", (long long)covariates[i] + 1,
                      (int)(name.size < 40 ? name.size : 40), name.size ? name.data : "", why);
  }
  for (l->covariates = 0; l->count > 0 && l->covariates < count; l->covariates++)
    l->channels[l->count++] = covariates[l->covariates];
  return ATT_OK;
}

/* The first column of dates, or -1. */
static int64_t guess_time(const series_finder *f) {
  const att_table *t = f->table;
  size_t end = t->rows < ATT_LOOKED_AT ? t->rows : ATT_LOOKED_AT;
  for (int64_t c = 0; c < (int64_t)t->columns; c++) {
    bool dates = end > 1 && c != f->out->series;
    for (size_t row = 1; row < end && dates; row++) {
      double time;
      att_time_form form;
      att_text cell = cell_at(t, row, c);
      dates = (att_time_read(cell, false, &time, &form) || att_time_read(cell, true, &time, &form)) && !form.number;
    }
    if (dates) return c;
  }
  return -1;
}

/* A column called id may number the rows: it tells no series apart unless its first value comes again. */
static bool comes_again(const att_table *t, int64_t column) {
  att_text first = cell_at(t, 1, column);
  for (size_t row = 2; row < t->rows; row++) {
    att_text cell = cell_at(t, row, column);
    if (cell.size == first.size && (!cell.size || memcmp(cell.data, first.data, cell.size) == 0)) return true;
  }
  return false;
}

/* labelled: there may be a label, and a table without a column of series is wide. */
static att_status find_layout(const series_finder *f, bool labelled, bool log) {
  series_layout *l = f->out;
  const att_series_columns *g = f->given;
  *l = (series_layout){.label = -1, .channels = ATT_NEW(f->ctx, f->table->columns + ATT_MOST_COVARIATES, int64_t)};
  if (!l->channels) return ATT_MEMORY;
  if (f->table->rows == 0) return att_fail(f->ctx, ATT_FORMAT, "%s: it has no rows", f->path);
  ATT_TRY(find_column(f, role_series, g->series, series_names, &l->series));
  if (l->series >= 0 && !g->series && f->table->rows > 2 && !comes_again(f->table, l->series)) l->series = -1;
  ATT_TRY(find_column(f, role_time, g->time, time_names, &l->time));
  l->wide = labelled && l->series < 0;
  if (!l->wide && l->time < 0) l->time = guess_time(f);
  if (labelled) ATT_TRY(find_column(f, role_label, g->label, label_names, &l->label));
  if (labelled && l->label < 0) l->label = guess_label(f->table);
  if (!g->label && !l->wide && (l->label == l->series || l->label == l->time)) l->label = -1;
  if (l->wide) l->time = -1;
  l->header = is_header(f->table, l);
  if (f->table->rows <= (size_t)l->header) return att_fail(f->ctx, ATT_FORMAT, "%s: it has no rows", f->path);
  return take_columns(f, log);
}

att_status att_series_look(att_context *ctx, const char *path, const att_series_columns *given, bool *is) {
  att_table table;
  series_layout l = {0};
  series_finder f = {ctx, path, &table, given, &l};
  *is = att_series_is_ts(path) || given->series || given->time;
  if (*is) return ATT_OK;
  ATT_TRY(att_table_read(ctx, path, &table));
  att_status status = table.rows > 1 && table.columns > 2 ? find_layout(&f, true, false) : ATT_OK;
  if (!status && l.count >= (l.wide ? ATT_WIDE_LEAST : 1)) {
    *is = l.texts == 0 || (l.series >= 0 && l.time >= 0 && l.only_texts == 0);
  }
  att_free(ctx, l.channels);
  att_table_free(ctx, &table);
  return status == ATT_FORMAT ? ATT_OK : status; /* what names no column of it is for who reads texts to say */
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

/* How far neighbours lie apart, squared and summed; infinite where a time cannot be read so. */
static double unevenness(const series_finder *f, bool month_first) {
  double sum = 0, before = 0;
  for (size_t row = f->out->header; row < f->table->rows; row++) {
    att_time_form form;
    double time;
    if (!att_time_read(cell_at(f->table, row, f->out->time), month_first, &time, &form)) return INFINITY;
    if (row > f->out->header) sum += (time - before) * (time - before);
    before = time;
  }
  return sum;
}

/* Whether 07/01/2016 is a day of July: what the other times allow, or where both can be what makes the steps more even;
 * of January where nothing tells. */
static bool is_month_first(const series_finder *f) {
  return f->out->time >= 0 && unevenness(f, true) < unevenness(f, false);
}

typedef struct series_row {
  att_text series;
  double time;
  size_t row, first; /* first: the series' first row in the file */
} series_row;

static int by_series(const void *a, const void *b) {
  const series_row *x = a, *y = b;
  size_t shared = x->series.size < y->series.size ? x->series.size : y->series.size;
  int order = shared ? memcmp(x->series.data, y->series.data, shared) : 0;
  if (!order) order = (x->series.size > y->series.size) - (x->series.size < y->series.size);
  return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int by_place(const void *a, const void *b) {
  const series_row *x = a, *y = b;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  if (x->time < y->time || x->time > y->time) return x->time < y->time ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

typedef struct row_taker {
  const series_finder *f;
  series_row *rows;
  size_t count;
  bool takes_offset, month_first;
  att_series *out;
} row_taker;

static bool same(att_text a, att_text b) {
  return a.size == b.size && (!a.size || memcmp(a.data, b.data, a.size) == 0);
}

static att_status read_time(const row_taker *t, size_t row, series_row *out) {
  const series_finder *f = t->f;
  att_text cell = cell_at(f->table, row, f->out->time);
  att_time_form form;
  if (!att_time_read(cell, t->month_first, &out->time, &form)) {
    return att_fail(f->ctx, ATT_FORMAT,
                    "%s: line %zu: \"%.*s\" is no time (a number, or as 2016-07-01 12:30:00 or 01.07.2016 12:30)",
                    f->path, f->table->line[row], (int)(cell.size < 60 ? cell.size : 60), cell.data);
  }
  if (t->count == 0) t->out->form = form;
  if (form.decimals > t->out->form.decimals) t->out->form.decimals = form.decimals;
  if (att_time_form_is(&form, &t->out->form)) return ATT_OK;
  return att_fail(f->ctx, ATT_FORMAT, "%s: line %zu: the time \"%.*s\" is written otherwise than the first", f->path,
                  f->table->line[row], (int)(cell.size < 60 ? cell.size : 60), cell.data);
}

/* The rows of each series together, the series in the file's order, their rows by time. */
static att_status sort_rows(row_taker *t) {
  const series_finder *f = t->f;
  const series_layout *l = f->out;
  size_t rows = f->table->rows - l->header, moved = 0;
  t->rows = ATT_NEW(f->ctx, rows, series_row);
  if (!t->rows) return ATT_MEMORY;
  t->month_first = is_month_first(f);
  for (size_t row = l->header; row < f->table->rows; row++, t->count++) {
    series_row *r = &t->rows[t->count];
    if (att_is_interrupted(f->ctx)) return att_fail(f->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", f->path);
    *r = (series_row){.row = row};
    if (l->series >= 0) r->series = cell_at(f->table, row, l->series);
    if (l->time >= 0) ATT_TRY(read_time(t, row, r));
  }
  qsort(t->rows, rows, sizeof *t->rows, by_series);
  for (size_t i = 0; i < rows; i++) {
    bool begins = i == 0 || !same(t->rows[i].series, t->rows[i - 1].series);
    t->rows[i].first = begins ? t->rows[i].row : t->rows[i - 1].first;
  }
  qsort(t->rows, rows, sizeof *t->rows, by_place);
  for (size_t i = 1; i < rows; i++)
    moved += t->rows[i].first == t->rows[i - 1].first && t->rows[i].row < t->rows[i - 1].row;
  if (moved) {
    att_log(f->ctx, ATT_LOG_WARNING, "%s: the times go back in %zu places: the rows are sorted by them", f->path,
            moved);
  }
  return ATT_OK;
}

static att_status check_row(const row_taker *t, size_t i, bool begins) {
  const series_finder *f = t->f;
  const series_layout *l = f->out;
  const series_row *r = &t->rows[i];
  if (begins) return ATT_OK;
  if (l->time >= 0 && r->time <= t->rows[i - 1].time) {
    att_text cell = cell_at(f->table, r->row, l->time);
    const char *column = l->series >= 0       ? ""
                         : f->given->of_model ? ", or several series (the model was trained without a column of them)"
                                              : ", or several series (--series names the column that tells them apart)";
    return att_fail(f->ctx, ATT_FORMAT,
                    "%s: lines %zu and %zu have the same time, %.*s%s: a row that stands twice, a clock that was set "
                    "back%s",
                    f->path, f->table->line[t->rows[i - 1].row], f->table->line[r->row],
                    (int)(cell.size < 60 ? cell.size : 60), cell.data, l->series >= 0 ? ", in one series" : "", column);
  }
  if (l->label < 0) return ATT_OK;
  att_text label = cell_at(f->table, r->row, l->label);
  if (same(label, t->out->labels[t->out->count - 1])) return ATT_OK;
  return att_fail(f->ctx, ATT_FORMAT,
                  "%s: line %zu: the label \"%.*s\" is not that of the rows before it in its series", f->path,
                  f->table->line[r->row], (int)(label.size < 60 ? label.size : 60), label.data);
}

/* Less offset. */
static att_status read_cell(const series_finder *f, size_t row, int64_t column, double offset, float *value) {
  att_text cell = cell_at(f->table, row, column), name = cell_at(f->table, 0, column);
  double number;
  if (read_value(f->table, cell, &number)) {
    *value = (float)(number - offset);
    return ATT_OK;
  }
  return att_fail(f->ctx, ATT_FORMAT, "%s: line %zu: column %lld (\"%.*s\"): \"%.*s\" is not a finite number", f->path,
                  f->table->line[row], (long long)column + 1, (int)(name.size < 40 ? name.size : 40),
                  name.size ? name.data : "", (int)(cell.size < 60 ? cell.size : 60), cell.data);
}

static att_status take_long_row(row_taker *t, size_t i) {
  const series_finder *f = t->f;
  const series_layout *l = f->out;
  const series_row *r = &t->rows[i];
  bool begins = i == 0 || r->first != t->rows[i - 1].first;
  ATT_TRY(check_row(t, i, begins));
  att_text label = l->label >= 0 ? cell_at(f->table, r->row, l->label) : (att_text){"", 0};
  if (begins) ATT_TRY(att_series_begin(f->ctx, t->out, r->series, label, f->table->line[r->row]));
  float *to = att_series_add_rows(f->ctx, t->out, 1);
  if (!to) return ATT_MEMORY;
  int64_t at = t->out->start[t->out->count] - 1;
  if (t->out->timed) t->out->times[at] = r->time;
  t->out->row_line[at] = f->table->line[r->row];
  for (int64_t c = 0; c < l->count; c++) {
    ATT_TRY(read_cell(f, r->row, l->channels[c], 0, &to[c]));
    t->out->missing += isnan(to[c]);
  }
  return ATT_OK;
}

/* Whether values lie so far from 0 that floats tell them apart by less than a millionth of what they spread over. */
static bool is_far(const att_series *s, int64_t first, int64_t end, int64_t channel) {
  double low = INFINITY, high = -INFINITY;
  for (int64_t i = first; i < end; i++) {
    low = fmin(low, (double)s->values[i * s->channels + channel]); /* fmin leaves NaN out */
    high = fmax(high, (double)s->values[i * s->channels + channel]);
  }
  return low <= high && fmax(fabs(low), fabs(high)) > ATT_FAR * (high - low);
}

/* The last series, which the rows before `end` are: what is far from 0 is read again, less its first value. */
static att_status take_offset_off(row_taker *t, size_t end) {
  const series_finder *f = t->f;
  att_series *s = t->out;
  int64_t first = s->start[s->count - 1], rows = s->start[s->count] - first;
  const series_row *of_series = t->rows + end - rows;
  for (int64_t c = 0; c < s->channels; c++) {
    double *offset = &s->offset[(s->count - 1) * s->channels + c];
    if (!is_far(s, first, first + rows, c)) continue;
    for (int64_t i = 0; i < rows; i++) {
      att_text cell = cell_at(f->table, of_series[i].row, f->out->channels[c]);
      float *value = &s->values[(first + i) * s->channels + c];
      if (isnan(*value)) continue;
      if (*offset == 0) read_value(f->table, cell, offset); /* not 0: it is far from it */
      ATT_TRY(read_cell(f, of_series[i].row, f->out->channels[c], *offset, value));
    }
  }
  return ATT_OK;
}

/* Cells that are empty at a row's end are none: series may be shorter than the table is wide. */
static att_status take_wide_row(row_taker *t, size_t row) {
  const series_finder *f = t->f;
  const series_layout *l = f->out;
  int64_t count = l->count;
  while (count > 0 && cell_at(f->table, row, l->channels[count - 1]).size == 0) count--;
  if (count == 0) return att_fail(f->ctx, ATT_FORMAT, "%s: line %zu has no values", f->path, f->table->line[row]);
  ATT_TRY(att_series_begin(f->ctx, t->out, (att_text){"", 0}, cell_at(f->table, row, l->label), f->table->line[row]));
  float *to = att_series_add_rows(f->ctx, t->out, count);
  if (!to) return ATT_MEMORY;
  for (int64_t c = 0; c < count; c++) {
    ATT_TRY(read_cell(f, row, l->channels[c], 0, &to[c]));
    t->out->missing += isnan(to[c]);
  }
  return ATT_OK;
}

static att_status take_rows(row_taker *t) {
  const series_finder *f = t->f;
  const series_layout *l = f->out;
  att_series *s = t->out;
  if (l->count == 0) return att_fail(f->ctx, ATT_FORMAT, "%s: it has no column of numbers", f->path);
  if (l->count > ATT_MOST_CHANNELS && !l->wide)
    return att_fail(f->ctx, ATT_UNSUPPORTED, "%s: too many columns", f->path);
  s->channels = l->wide ? 1 : l->count;
  s->covariates = l->covariates;
  s->timed = l->time >= 0;
  if (l->wide) {
    for (size_t row = l->header; row < f->table->rows; row++) {
      if (att_is_interrupted(f->ctx))
        return att_fail(f->ctx, ATT_INTERRUPTED, "%s: interrupted while reading", f->path);
      ATT_TRY(take_wide_row(t, row));
    }
    return ATT_OK;
  }
  s->channel_names = ATT_NEW(f->ctx, s->channels, att_text);
  if (!s->channel_names) return ATT_MEMORY;
  for (int64_t c = 0; c < s->channels && l->header; c++) s->channel_names[c] = cell_at(f->table, 0, l->channels[c]);
  ATT_TRY(sort_rows(t));
  s->row_line = ATT_NEW(f->ctx, t->count, size_t);
  if (!s->row_line) return ATT_MEMORY;
  for (size_t i = 0; i < t->count; i++) {
    bool ends = i + 1 == t->count || t->rows[i + 1].first != t->rows[i].first;
    ATT_TRY(take_long_row(t, i));
    if (ends && t->takes_offset) ATT_TRY(take_offset_off(t, i + 1));
  }
  return ATT_OK;
}

static att_status check_labels(att_context *ctx, const char *path, const att_series *s) {
  for (int64_t i = 0; i < s->count; i++) {
    if (s->labels[i].size == 0)
      return att_fail(ctx, ATT_FORMAT, "%s: line %zu: the series has no label; --label-column names a table's", path,
                      s->line[i]);
  }
  return ATT_OK;
}

static att_status read_table(att_context *ctx, const char *path, const att_series_columns *given, bool labelled,
                             att_series *out) {
  att_table table;
  series_layout l = {0};
  series_finder f = {ctx, path, &table, given, &l};
  row_taker t = {.f = &f, .takes_offset = !labelled, .out = out};
  ATT_TRY(att_table_read(ctx, path, &table));
  att_status status = find_layout(&f, labelled, true);
  if (!status && !labelled && l.time < 0) {
    status = att_fail(ctx, ATT_FORMAT,
                      "%s: no column has times: add one (2016-07-01 12:30:00, or 0, 1, 2 ... called time)%s", path,
                      given->of_model ? "" : ", or name it with --time");
  }
  if (!status) status = take_rows(&t);
  out->bytes = table.bytes; /* the texts' */
  table.bytes = NULL;
  att_free(ctx, t.rows);
  att_free(ctx, l.channels);
  att_table_free(ctx, &table);
  return status;
}

att_status att_series_read_labelled(att_context *ctx, const char *path, const att_series_columns *given,
                                    bool needs_labels, att_series *out) {
  *out = (att_series){0};
  bool ts = att_series_is_ts(path);
  att_status status = ts ? att_series_read_ts(ctx, path, out) : read_table(ctx, path, given, true, out);
  if (!status && needs_labels) status = check_labels(ctx, path, out);
  if (status) att_series_free(ctx, out);
  return status;
}

att_status att_series_read_timed(att_context *ctx, const char *path, const att_series_columns *given, att_series *out) {
  *out = (att_series){0};
  att_status status = read_table(ctx, path, given, false, out);
  if (status) att_series_free(ctx, out);
  return status;
}
