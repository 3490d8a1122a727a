/* Owns what covariates.h says. */
#include "train/data/covariates.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = ATT_MOST_COVARIATES + 1, ROUNDS = 10 };
#define ATT_RIDGE 1e-4 /* of each covariate's own sum of squares: collinear ones share what they explain */

/* Sums over pairs of rows, one behind the other, of differences (covariates, then the channel) less their means in the
 * series: now of the later row, before of the earlier one, across of the later with the earlier. */
typedef struct moments {
  double now[SIDE][SIDE], before[SIDE][SIDE], across[SIDE][SIDE];
  double later[SIDE], earlier[SIDE]; /* of one series */
  int64_t side, count;
} moments;

typedef struct regression {
  att_context *ctx;
  const char *path;
  const att_timeline *grid;
  const att_series_front *front;
  int64_t season; /* rows to what is subtracted; 0: nothing is */
  moments m;
  double a[SIDE][SIDE], solved[SIDE];
  bool still[SIDE], follows[SIDE];
} regression;

/* ---- sums ----------------------------------------------------------------------------------------------------- */

static double value_at(const regression *r, int64_t series, int64_t row, int64_t channel, int64_t k) {
  const att_timeline *g = r->grid;
  const att_series *x = &g->covariates;
  if (k == x->channels) return (double)g->truth[(g->series.start[series] + row) * g->series.channels + channel];
  return (double)x->values[(x->start[series] + row) * x->channels + k] / r->front->covariate_deviation[k];
}

/* false: something is missing. */
static bool take_row(const regression *r, int64_t series, int64_t row, int64_t channel, double *out) {
  bool whole = true;
  for (int64_t k = 0; k < r->m.side; k++) {
    out[k] = value_at(r, series, row, channel, k);
    if (r->season) out[k] -= value_at(r, series, row - r->season, channel, k);
    whole = whole && !isnan(out[k]);
  }
  return whole;
}

static void add_products(int64_t n, double weight, const double *x, const double *y, double (*to)[SIDE]) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < n; k++) to[i][k] += weight * x[i] * y[k];
}

static void add_series(regression *r, int64_t series, int64_t rows, int64_t channel) {
  moments *m = &r->m;
  double values[2][SIDE];
  int64_t count = 0, n = m->side;
  bool had = false;
  memset(m->later, 0, sizeof m->later);
  memset(m->earlier, 0, sizeof m->earlier);
  for (int64_t row = r->season; row < rows; row++) {
    double *now = values[row & 1], *before = values[!(row & 1)];
    bool has = take_row(r, series, row, channel, now);
    if (has && had) {
      add_products(n, 1, now, now, m->now);
      add_products(n, 1, before, before, m->before);
      add_products(n, 1, now, before, m->across);
      for (int64_t k = 0; k < n; k++) m->later[k] += now[k], m->earlier[k] += before[k];
      count++;
    }
    had = has;
  }
  m->count += count;
  if (count == 0) return;
  add_products(n, -1 / (double)count, m->later, m->later, m->now);
  add_products(n, -1 / (double)count, m->earlier, m->earlier, m->before);
  add_products(n, -1 / (double)count, m->later, m->earlier, m->across);
}

/* ---- the regression ------------------------------------------------------------------------------------------- */

/* Sums of squares of x[t] - rho x[t-1]. */
static void combine(regression *r, double rho) {
  const moments *m = &r->m;
  for (int64_t i = 0; i < m->side; i++)
    for (int64_t k = 0; k < m->side; k++)
      r->a[i][k] = m->now[i][k] - rho * (m->across[i][k] + m->across[k][i]) + rho * rho * m->before[i][k];
}

/* By Cholesky's factors. What does not vary has no coefficient. */
static void solve(regression *r) {
  double l[SIDE][SIDE], *y = r->solved;
  int64_t n = r->m.side - 1;
  for (int64_t i = 0; i < n; i++) {
    r->still[i] = !(r->a[i][i] > 1e-10 * (double)r->m.count);
    for (int64_t k = 0; k <= i; k++) {
      double sum = r->a[i][k] * (i == k ? 1 + ATT_RIDGE : 1);
      for (int64_t j = 0; j < k; j++) sum -= l[i][j] * l[k][j];
      if (i == k) r->follows[i] = sum < 1e-3 * r->a[i][i];
      if (i == k) l[i][i] = r->still[i] || !(sum > 0) ? 1 : sqrt(sum);
      if (i != k) l[i][k] = r->still[i] || r->still[k] ? 0 : sum / l[k][k];
    }
    y[i] = r->still[i] ? 0 : r->a[i][n];
    for (int64_t j = 0; j < i; j++) y[i] -= l[i][j] * y[j];
    y[i] /= l[i][i];
  }
  for (int64_t i = n - 1; i >= 0; i--) {
    for (int64_t j = i + 1; j < n; j++) y[i] -= l[j][i] * y[j];
    y[i] /= l[i][i];
  }
}

/* Of the residuals: y - x b, with -1 as y's b. */
static double residual(const regression *r, double (*sums)[SIDE]) {
  int64_t n = r->m.side;
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < n; k++)
      sum += (i < n - 1 ? r->solved[i] : -1) * (k < n - 1 ? r->solved[k] : -1) * sums[i][k];
  return sum;
}

/* From first differences (rho 1) to the residuals' own rho. Returns the share that is explained. */
static double regress(regression *r) {
  int64_t y = r->m.side - 1;
  double rho = 1;
  for (int round = 0; round <= ROUNDS; round++) {
    combine(r, rho);
    solve(r);
    double before = residual(r, r->m.before);
    if (round == ROUNDS || !(before > 0)) break;
    rho = fmax(0, fmin(1, residual(r, r->m.across) / before));
  }
  return r->a[y][y] > 0 ? fmax(0, 1 - residual(r, r->a) / r->a[y][y]) : 0;
}

static void say_what_is_useless(const regression *r) {
  const char *why[] = {"does not vary in the rows that are learned from, or only as the season or a straight line: it "
                       "has no effect",
                       "follows from the covariates before it: they share one effect"};
  for (int64_t k = 0; k < r->m.side - 1; k++) {
    if (!r->still[k] && !r->follows[k]) continue;
    att_log(r->ctx, ATT_LOG_WARNING, "%s: covariate \"%s\" %s", r->path, r->front->covariate_names[k],
            why[!r->still[k]]);
  }
}

static att_status fit(regression *r, const int64_t *rows, bool say, double *coefficients, double *explained) {
  const att_series *s = &r->grid->series;
  int64_t count = r->front->covariates;
  for (int64_t c = 0; c < s->channels; c++) {
    memset(&r->m, 0, sizeof r->m);
    r->m.side = count + 1;
    for (int64_t i = 0; i < s->count; i++) {
      if (att_is_interrupted(r->ctx)) return att_fail(r->ctx, ATT_INTERRUPTED, "%s: interrupted", r->path);
      add_series(r, i, rows[i], c);
    }
    if (r->m.count <= 2 * count) {
      return att_fail(r->ctx, ATT_FORMAT,
                      "%s: the effect of %lld covariates cannot be learned from %lld rows in which neither they nor "
                      "\"%s\" are missing, nor a season before: give more rows, or fewer covariates",
                      r->path, (long long)count, (long long)r->m.count, r->front->names[c]);
    }
    explained[c] = regress(r);
    memcpy(coefficients + c * count, r->solved, (size_t)count * sizeof *coefficients);
    if (c == 0 && say) say_what_is_useless(r);
  }
  return ATT_OK;
}

static att_status begin_front(att_context *ctx, const att_timeline *g, att_series_front *f) {
  const att_series *x = &g->covariates;
  f->covariates = x->channels;
  ATT_TRY(
      att_series_front_copy_names(ctx, g->series.channel_names + g->series.channels, x->channels, &f->covariate_names));
  f->covariate_mean = ATT_NEW(ctx, x->channels, double);
  f->covariate_deviation = ATT_NEW(ctx, x->channels, double);
  f->coefficients = ATT_NEW(ctx, g->series.channels * x->channels, double);
  if (!f->covariate_mean || !f->covariate_deviation || !f->coefficients) return ATT_MEMORY;
  int64_t rows;
  float *all = att_series_gather(ctx, x, NULL, &rows);
  if (!all) return ATT_MEMORY;
  att_series_measure(all, rows, x->channels, f->covariate_mean, f->covariate_deviation);
  for (int64_t k = 0; k < x->channels; k++) f->covariate_mean[k] += x->offset[k];
  att_free(ctx, all);
  return ATT_OK;
}

att_status att_covariates_fit(att_context *ctx, const char *path, const att_timeline *grid, const int64_t *rows,
                              bool say, att_series_front *front, double *explained) {
  ATT_TRY(begin_front(ctx, grid, front));
  regression *r = ATT_NEW(ctx, 1, regression);
  if (!r) return ATT_MEMORY;
  r->ctx = ctx;
  r->path = path;
  r->grid = grid;
  r->front = front;
  r->season = front->season > 1 ? front->season : 0;
  att_status status = fit(r, rows, say, front->coefficients, explained);
  att_free(ctx, r);
  return status;
}

/* ---- the effect ----------------------------------------------------------------------------------------------- */

/* x: a row of covariates, less their offset. */
static double effect_of(const att_series_front *f, const float *x, const double *offset, int64_t channel) {
  double sum = 0;
  for (int64_t k = 0; k < f->covariates; k++)
    sum += f->coefficients[channel * f->covariates + k] * ((double)x[k] - (f->covariate_mean[k] - offset[k])) /
           f->covariate_deviation[k];
  return sum;
}

/* x: the covariates, filled. */
static void take_off(att_timeline *g, const att_series_front *f, int64_t series, const float *x) {
  const att_series *s = &g->series;
  const double *offset = g->covariates.offset + series * f->covariates;
  int64_t c = s->channels;
  for (int64_t row = s->start[series]; row < s->start[series + 1]; row++, x += f->covariates) {
    for (int64_t k = 0; k < c; k++) {
      g->effect[row * c + k] = (float)effect_of(f, x, offset, k);
      s->values[row * c + k] = g->truth[row * c + k] - g->effect[row * c + k];
    }
  }
  att_series_fill(s->values + s->start[series] * c, s->start[series + 1] - s->start[series], c, NULL);
}

att_status att_covariates_apply(att_context *ctx, att_timeline *g, const att_series_front *f) {
  const att_series *s = &g->series, *x = &g->covariates;
  if (!f || f->covariates == 0) return ATT_OK;
  size_t size = (size_t)(s->start[s->count] * s->channels) * sizeof *g->plain;
  size_t covariates = (size_t)(x->start[x->count] * x->channels) * sizeof *x->values;
  g->plain = att_alloc(ctx, size, 1);
  g->effect = att_alloc(ctx, size, 1);
  float *filled = att_alloc(ctx, covariates, 1);
  if (!g->plain || !g->effect || !filled) {
    att_free(ctx, filled);
    return ATT_MEMORY;
  }
  memcpy(g->plain, s->values, size);
  memcpy(filled, x->values, covariates);
  for (int64_t i = 0; i < s->count; i++) {
    float *of_series = filled + x->start[i] * x->channels; /* a column without a value in it has no offset */
    att_series_fill(of_series, x->start[i + 1] - x->start[i], x->channels, f->covariate_mean);
    take_off(g, f, i, of_series);
  }
  att_free(ctx, filled);
  return ATT_OK;
}

att_status att_covariates_ahead(att_context *ctx, const char *path, const att_timeline *g, const att_series_front *f,
                                int64_t series, int64_t horizon, float *effect) {
  const att_series *s = &g->series, *x = &g->covariates;
  int64_t end = s->start[series + 1] - s->start[series], first = x->start[series] + end;
  int64_t rows = x->start[series + 1] - first;
  double last = s->times[s->start[series + 1] - 1];
  att_text name = s->names[series];
  char time[48], of[96] = "";
  if (name.size) snprintf(of, sizeof of, " of series %.*s", (int)(name.size < 60 ? name.size : 60), name.data);
  if (rows < horizon) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: %lld rows%s stand behind %s, the last with a value of what is forecast: the forecast needs "
                    "%lld, with the covariates (%s%s) filled in and the rest empty",
                    path, (long long)rows, of, att_time_spell(last, &s->form, time), (long long)horizon,
                    f->covariate_names[0], f->covariates > 1 ? ", ..." : "");
  }
  for (int64_t t = 0; t < horizon; t++) {
    const float *row = x->values + (first + t) * x->channels;
    for (int64_t k = 0; k < x->channels; k++) {
      if (!isnan(row[k])) continue;
      return att_fail(ctx, ATT_FORMAT,
                      "%s: column \"%s\"%s is empty at %s: the forecast needs its covariates in the %lld rows ahead",
                      path, f->covariate_names[k], of,
                      att_time_spell(att_timeline_time(g, series, end + t), &s->form, time), (long long)horizon);
    }
    for (int64_t c = 0; c < s->channels; c++)
      effect[t * s->channels + c] = (float)effect_of(f, row, x->offset + series * x->channels, c);
  }
  return ATT_OK;
}

void att_covariates_add(const float *effect, int64_t channels, int64_t channel, int64_t horizon, int64_t quantile_count,
                        float *ahead) {
  for (int64_t i = 0; effect && i < (1 + quantile_count) * horizon; i++)
    ahead[i] += effect[i % horizon * channels + channel];
}
