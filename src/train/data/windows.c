/* Owns what windows.h says. */
#include "train/data/windows.h"

#include <string.h>

#define ATT_MOST_ROWS ((int64_t)1 << 31)

/* ---- the grid ------------------------------------------------------------------------------------------------- */

void att_timeline_free(att_context *ctx, att_timeline *g) {
  att_series_free(ctx, &g->series);
  att_series_free(ctx, &g->covariates);
  att_free(ctx, g->effect);
  att_free(ctx, g->plain);
  att_free(ctx, g->truth);
  att_free(ctx, g->mean);
  att_free(ctx, g->deviation);
  att_free(ctx, g->day);
  *g = (att_timeline){0};
}

double att_timeline_time(const att_timeline *g, int64_t series, int64_t row) {
  att_time_step step = g->step;
  step.day = g->day[series];
  return att_time_add(g->series.times[g->series.start[series]], step, row);
}

/* Of the longest series. *rows: how many it has; below two have no step. */
static att_status find_step(att_context *ctx, const att_series *s, int64_t *rows, att_time_step *step) {
  int64_t longest = 0;
  att_status status = ATT_OK;
  *rows = 0;
  for (int64_t i = 0; i < s->count; i++) {
    int64_t count = s->start[i + 1] - s->start[i];
    if (count > *rows) longest = i;
    if (count > *rows) *rows = count;
  }
  if (*rows > 1) *step = att_time_find_step(ctx, s->times + s->start[longest], *rows, &s->form, &status);
  return status;
}

/* "hour" of "1 hour": what a row comes every. */
static const char *spell_every(att_time_step step, const att_time_form *form, char text[48]) {
  att_time_step_spell(step, form, text);
  return strncmp(text, "1 ", 2) == 0 ? text + 2 : text;
}

/* Steps are the same where they differ by less than times can say. */
static bool is_step(att_time_step a, att_time_step b, const att_time_form *form) {
  double unit = pow(10, -form->decimals);
  return a.months == b.months && (a.months || fabs(a.seconds - b.seconds) < 0.9 * unit);
}

/* The table's own step, which must be the one wanted where one is. */
static att_status take_step(att_context *ctx, const char *path, const att_series *s, att_time_step *step) {
  att_time_step own = {0};
  int64_t rows;
  char has[48], wanted[48];
  bool given = step->months || step->seconds > 0;
  ATT_TRY(find_step(ctx, s, &rows, &own));
  if (rows < 2 && given) return ATT_OK;
  if (rows < 2) return att_fail(ctx, ATT_FORMAT, "%s: one row has no step to the next: there must be more", path);
  if (!given) *step = own;
  if (rows == 2 && step->months == 1 && own.seconds == 28 * 86400.0) return ATT_OK; /* a February's */
  if (is_step(own, *step, &s->form)) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: its rows come every %s, the model's every %s", path,
                  spell_every(own, &s->form, has), spell_every(*step, &s->form, wanted));
}

/* Rows of a series on the grid. */
static att_status count_rows(att_context *ctx, const char *path, const att_series *s, int64_t index, att_time_step step,
                             int64_t *rows) {
  const double *times = s->times + s->start[index];
  int64_t count = s->start[index + 1] - s->start[index];
  char time[48], first[48], words[48];
  *rows = 0;
  for (int64_t i = 0; i < count; i++) {
    bool exact;
    int64_t place = att_time_distance(times[0], times[i], step, &s->form, &exact);
    if (!exact || place < *rows) {
      return att_fail(
          ctx, ATT_FORMAT,
          "%s: line %zu: the time %s is not a whole number of steps (%s) behind %s: rows may be missing, but "
          "those that are there must be evenly spaced; correct the time or take the row out",
          path, s->row_line[s->start[index] + i], att_time_spell(times[i], &s->form, time),
          att_time_step_spell(step, &s->form, words), att_time_spell(times[0], &s->form, first));
    }
    if (place >= 16 * count + 1024) { /* or a small file could fill any memory */
      return att_fail(ctx, ATT_FORMAT,
                      "%s: line %zu: up to %s its series of %lld rows has gaps of %lld: cut it where they are long",
                      path, s->row_line[s->start[index] + i], att_time_spell(times[i], &s->form, time),
                      (long long)count, (long long)(place - i));
    }
    *rows = place + 1;
  }
  return ATT_OK;
}

/* Where the rows end in which a target is known; without covariates all count. */
static att_status find_end(att_context *ctx, const char *path, const att_series *s, int64_t index, int64_t *end) {
  int64_t targets = s->channels - s->covariates;
  for (*end = s->start[index + 1]; s->covariates && *end > s->start[index]; --*end)
    for (int64_t c = 0; c < targets; c++)
      if (!isnan(s->values[(*end - 1) * s->channels + c])) return ATT_OK;
  if (*end > s->start[index]) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: line %zu: the series that begins here has no value of what is forecast", path,
                  s->line[index]);
}

/* The part of channels [from, from + to->channels) of the first `rows` rows on the grid. */
static att_status place_part(att_context *ctx, const att_series *s, int64_t index, int64_t from, int64_t rows,
                             att_timeline *g, att_series *to) {
  int64_t first = s->start[index], c = to->channels;
  ATT_TRY(att_series_begin(ctx, to, s->names[index], s->labels[index], s->line[index]));
  memcpy(to->offset + index * c, s->offset + index * s->channels + from, (size_t)c * sizeof *to->offset);
  float *values = att_series_add_rows(ctx, to, rows);
  if (!values) return ATT_MEMORY;
  for (int64_t i = first; i < s->start[index + 1]; i++) {
    bool exact;
    int64_t place = att_time_distance(s->times[first], s->times[i], g->step, &s->form, &exact);
    if (place < rows) memcpy(values + place * c, s->values + i * s->channels + from, (size_t)c * sizeof *values);
  }
  return ATT_OK;
}

static att_status place_rows(att_context *ctx, const char *path, const att_series *s, int64_t index, att_timeline *g) {
  int64_t all, end, first = s->start[index], targets = s->channels - s->covariates;
  bool exact;
  ATT_TRY(count_rows(ctx, path, s, index, g->step, &all));
  ATT_TRY(find_end(ctx, path, s, index, &end));
  int64_t rows = att_time_distance(s->times[first], s->times[end - 1], g->step, &s->form, &exact) + 1;
  ATT_TRY(place_part(ctx, s, index, 0, rows, g, &g->series));
  double *times = g->series.times + g->series.start[index];
  g->day[index] = g->step.months ? att_time_find_day(s->times + first, s->start[index + 1] - first) : 0;
  times[0] = s->times[first];
  for (int64_t i = 0; i < rows; i++) times[i] = att_timeline_time(g, index, i);
  for (int64_t i = first * s->channels; i < end * s->channels; i++) g->series.missing += isnan(s->values[i]) != 0;
  g->gap_rows += rows - (end - first);
  return s->covariates ? place_part(ctx, s, index, targets, all, g, &g->covariates) : ATT_OK;
}

static att_status check_columns(att_context *ctx, const char *path, const att_timeline *g) {
  const att_series *s = &g->series;
  int64_t rows = s->start[s->count];
  for (int64_t c = 0, i; c < s->channels; c++) {
    for (i = 0; i < rows && isnan(g->truth[i * s->channels + c]); i++) {
    }
    att_text name = s->channel_names[c];
    if (i < rows) continue;
    return att_fail(ctx, ATT_FORMAT, "%s: column \"%.*s\" has no value: there is nothing to forecast it from", path,
                    (int)(name.size < 60 ? name.size : 60), name.size ? name.data : "");
  }
  return ATT_OK;
}

static att_status make(att_context *ctx, const char *path, att_series *s, att_timeline *g) {
  ATT_TRY(take_step(ctx, path, s, &g->step));
  g->day = ATT_NEW(ctx, s->count, int);
  if (!g->day) return ATT_MEMORY;
  for (int64_t i = 0; i < s->count; i++) {
    if (att_is_interrupted(ctx)) return att_fail(ctx, ATT_INTERRUPTED, "%s: interrupted while reading", path);
    ATT_TRY(place_rows(ctx, path, s, i, g));
  }
  int64_t rows = g->series.start[g->series.count];
  if (rows > ATT_MOST_ROWS) return att_fail(ctx, ATT_UNSUPPORTED, "%s: has too many rows", path);
  g->truth = att_alloc(ctx, (size_t)rows, (size_t)g->series.channels * sizeof *g->truth);
  if (!g->truth) return ATT_MEMORY;
  memcpy(g->truth, g->series.values, (size_t)(rows * g->series.channels) * sizeof *g->truth);
  g->series.bytes = s->bytes; /* the texts' */
  g->series.channel_names = s->channel_names;
  s->bytes = NULL;
  s->channel_names = NULL;
  return check_columns(ctx, path, g);
}

att_status att_timeline_make(att_context *ctx, const char *path, att_series *read, att_time_step step,
                             att_timeline *g) {
  *g = (att_timeline){.step = step,
                      .series = {.channels = read->channels - read->covariates, .timed = true, .form = read->form},
                      .covariates = {.channels = read->covariates}};
  att_status status = make(ctx, path, read, g);
  att_series_free(ctx, read);
  if (status) att_timeline_free(ctx, g);
  return status;
}

/* What a series is scaled by. */
static void find_scale(const att_timeline *g, int64_t series, const att_series_front *f, const int64_t *rows,
                       double *mean, double *deviation) {
  const att_series *s = &g->series;
  int64_t first = s->start[series], all = s->start[series + 1] - first, c = s->channels;
  if (f && f->by_series) {
    int64_t count = rows && rows[series] > 0 ? rows[series] : all;
    att_series_measure(g->truth + first * c, count, c, mean, deviation);
    for (int64_t k = 0; k < c; k++) mean[k] += s->offset[series * c + k];
    return;
  }
  for (int64_t k = 0; k < c; k++) {
    mean[k] = f ? f->mean[k] : 0;
    deviation[k] = f ? f->deviation[k] : 1;
  }
}

att_status att_timeline_scale(att_context *ctx, att_timeline *g, const att_series_front *f, const int64_t *rows) {
  att_series *s = &g->series;
  int64_t c = s->channels;
  g->mean = ATT_NEW(ctx, s->count * c, double);
  g->deviation = ATT_NEW(ctx, s->count * c, double);
  if (!g->mean || !g->deviation) return ATT_MEMORY;
  for (int64_t i = 0; i < s->count; i++) {
    double *mean = g->mean + i * c, *deviation = g->deviation + i * c;
    int64_t first = s->start[i] * c, count = s->start[i + 1] * c - first;
    float *x = g->truth + first;
    const double *offset = s->offset + i * c;
    find_scale(g, i, f, rows, mean, deviation);
    for (int64_t k = 0; k < count; k++)
      x[k] = (float)(((double)x[k] - (mean[k % c] - offset[k % c])) / deviation[k % c]);
    memcpy(s->values + first, x, (size_t)count * sizeof *x);
    att_series_fill(s->values + first, count / c, c, NULL);
  }
  return ATT_OK;
}

void att_timeline_say(att_context *ctx, const char *path, const att_timeline *g) {
  const att_series *s = &g->series;
  char step[48], from[48], to[48];
  att_log(ctx, ATT_LOG_NOTE, "%s: %lld series of %lld column%s, a row every %s, %s to %s in the first", path,
          (long long)s->count, (long long)s->channels, s->channels == 1 ? "" : "s",
          att_time_step_spell(g->step, &s->form, step), att_time_spell(s->times[0], &s->form, from),
          att_time_spell(s->times[s->start[1] - 1], &s->form, to));
  if (g->gap_rows == 0 && s->missing == 0) return;
  att_log(ctx, ATT_LOG_WARNING,
          "%s: %lld rows are not there and %lld values are missing: each is taken from the straight line between its "
          "neighbours, and not counted in errors",
          path, (long long)g->gap_rows, (long long)s->missing);
}

int64_t att_season_of(att_time_step step, const att_time_form *form) {
  static const struct {
    double step;
    int64_t season;
  } seasons[] = {{7 * 86400.0, 52}, {86400, 7}, {3600, 24}, {1800, 48}, {900, 96}, {600, 144}, {300, 288}, {60, 1440}};
  if (step.months) return step.months < 12 && 12 % step.months == 0 ? 12 / step.months : 1;
  for (size_t i = 0; !form->number && i < sizeof seasons / sizeof *seasons; i++)
    if (step.seconds == seasons[i].step) return seasons[i].season;
  return 1;
}

/* ---- windows -------------------------------------------------------------------------------------------------- */

static att_status push(att_context *ctx, att_windows *w, int64_t first) {
  if (w->count == w->capacity) {
    int64_t capacity = w->capacity ? 2 * w->capacity : 1024;
    int64_t *more = att_resize(ctx, w->first, (size_t)capacity, sizeof *more);
    if (!more) return ATT_MEMORY;
    w->first = more;
    w->capacity = capacity;
  }
  w->first[w->count++] = first;
  return ATT_OK;
}

att_status att_windows_find(att_context *ctx, const att_timeline *g, att_range_fn *range, const void *arg,
                            att_windows *w) {
  for (int64_t s = 0; s < g->series.count; s++) {
    int64_t start = g->series.start[s], low = 0, high = g->series.start[s + 1] - start;
    if (range) range(g, s, arg, &low, &high);
    int64_t first = low > w->lookback ? low - w->lookback : 0;
    for (; first + w->lookback + w->horizon <= high; first++) ATT_TRY(push(ctx, w, start + first));
  }
  return w->count <= INT32_MAX ? ATT_OK : att_fail(ctx, ATT_UNSUPPORTED, "too many windows");
}

void att_windows_free(att_context *ctx, att_windows *w) {
  att_free(ctx, w->first);
  *w = (att_windows){0};
}

att_status att_windows_take(const att_timeline *g, const att_windows *w, const int32_t *which, int64_t begin,
                            int64_t count, bool truth, att_arena *arena, att_input *input, float **target) {
  int64_t c = g->series.channels, lookback = w->lookback, horizon = w->horizon;
  int64_t *start = ATT_ARENA_NEW(arena, count + 1, int64_t);
  float *rows = att_arena_alloc(arena, (size_t)(count * lookback), (size_t)c * sizeof *rows);
  float *ahead = target ? att_arena_alloc(arena, (size_t)(count * c), (size_t)horizon * sizeof *ahead) : NULL;
  if (!start || !rows || (target && !ahead)) return ATT_MEMORY;
  for (int64_t i = 0; i <= count; i++) start[i] = i * lookback;
  for (int64_t i = 0; i < count; i++) {
    int64_t first = w->first[which ? which[begin + i] : begin + i];
    memcpy(rows + i * lookback * c, g->series.values + first * c, (size_t)(lookback * c) * sizeof *rows);
    const float *from = (truth ? g->truth : g->series.values) + (first + lookback) * c;
    for (int64_t k = 0; target && k < c; k++)
      for (int64_t t = 0; t < horizon; t++) ahead[(i * c + k) * horizon + t] = from[t * c + k];
  }
  *input = (att_input){.rows = rows, .sequences = {count, start}};
  if (target) *target = ahead;
  return ATT_OK;
}

const float *att_windows_effect(const att_timeline *g, const att_windows *w, int64_t index) {
  return g->effect ? g->effect + (w->first[index] + w->lookback) * g->series.channels : NULL;
}

/* ---- errors --------------------------------------------------------------------------------------------------- */

void att_errors_add(att_errors *e, const float *forecast, const float *truth, int64_t horizon, const float *quantiles,
                    int64_t quantile_count) {
  for (int64_t t = 0; t < horizon; t++) {
    if (isnan(truth[t])) continue;
    double y = (double)truth[t], error = y - (double)forecast[t];
    e->squared += error * error;
    e->absolute += fabs(error);
    e->count++;
    for (int64_t q = 0; q < quantile_count; q++) {
      double missed = y - (double)forecast[(q + 1) * horizon + t], level = (double)quantiles[q];
      e->pinball += fmax(level * missed, (level - 1) * missed) / (double)quantile_count;
    }
    if (quantile_count > 1)
      e->inside += truth[t] >= forecast[horizon + t] && truth[t] <= forecast[quantile_count * horizon + t];
  }
}

void att_repeat_season(const att_timeline *g, int64_t end, int64_t channel, int64_t season, int64_t horizon,
                       float *out) {
  int64_t c = g->series.channels;
  const float *values = g->plain ? g->plain : g->series.values;
  for (int64_t t = 0; t < horizon; t++) out[t] = values[(end - season + t % season) * c + channel];
}
