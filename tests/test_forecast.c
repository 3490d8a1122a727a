/*
 * Forecasts: tables to regular grids, windows, errors by hand; networks of every kind trained on a sine with gaps and
 * two series of different length, whose forecasts have the right times and beat the last value; what is refused.
 */
#include "run_fixture.h"

#include "train/data/windows.h"

#include <math.h>

static const char *write_text(const char *name, const char *text) {
  const char *path = in_folder(name);
  write_bytes(path, text, strlen(text));
  return path;
}

static att_status read_grid(const char *text, const att_series_columns *given, att_timeline *grid) {
  att_series read;
  const char *path = write_text("t.csv", text);
  ATT_TRY(att_series_read_timed(ctx, path, given, &read));
  return att_timeline_make(ctx, path, &read, (att_time_step){0}, grid);
}

static void gaps_become_rows(void **state) {
  (void)state;
  att_timeline g;
  const char *text = "date,note,y,z\n2020-01-31,a,1,2\n2020-02-29,b,,3\n2020-05-31,c,7,6\n2020-03-31,d,3,4\n";
  if (read_grid(text, &(att_series_columns){0}, &g)) fail_msg("%s", att_message(ctx));
  char step[48];
  assert_string_equal(att_time_step_spell(g.step, &g.series.form, step), "1 month");
  assert_int_equal(g.series.start[1], 5);
  assert_int_equal(g.series.channels, 2);
  assert_int_equal(g.gap_rows, 1);
  assert_int_equal(g.series.missing, 1);
  const att_series_front front = {.mean = (double[]){1, 0}, .deviation = (double[]){2, 1}};
  assert_int_equal(att_timeline_scale(ctx, &g, &front, NULL), ATT_OK);
  const float wanted[] = {0, 2, 0.5f, 3, 1, 4, 2, 5, 3, 6};
  for (int i = 0; i < 10; i++) assert_true(fabsf(g.series.values[i] - wanted[i]) < 1e-6f);
  assert_true(isnan(g.truth[2]) && isnan(g.truth[6]) && g.truth[8] == 3);
  assert_int_equal(att_season_of(g.step, &g.series.form), 12);
  att_timeline_free(ctx, &g);
}

static void windows_stay_in_their_series(void **state) {
  (void)state;
  att_timeline g;
  att_windows w = {.lookback = 3, .horizon = 2};
  const char *text = "series,t,y\na,1,1\na,2,2\na,3,3\na,4,4\na,5,5\na,6,6\nb,1,9\nb,2,8\nb,3,7\nb,4,6\nb,5,5\nc,1,0\n";
  if (read_grid(text, &(att_series_columns){0}, &g)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_windows_find(ctx, &g, NULL, NULL, &w), ATT_OK);
  assert_int_equal(w.count, 3);
  assert_true(w.first[0] == 0 && w.first[1] == 1 && w.first[2] == 6);
  float again[4];
  att_repeat_season(&g, 5, 0, 2, 4, again);
  assert_true(again[0] == 4 && again[1] == 5 && again[2] == 4 && again[3] == 5);
  att_windows_free(ctx, &w);
  att_timeline_free(ctx, &g);
}

/* Of a large series and a small one each is as large as the other; the third has one value in the rows that count. */
static void series_have_scales_of_their_own(void **state) {
  (void)state;
  att_timeline g;
  const char *text = "series,t,y\na,1,1000\na,2,3000\na,3,5000\nb,1,0.1\nb,2,0.3\nb,3,0.9\nc,1,7\nc,2,9\n";
  const att_series_front front = {.by_series = true};
  const double wanted[] = {-1, 1, 3, -1, 1, 7, 0, 2};
  if (read_grid(text, &(att_series_columns){0}, &g)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_timeline_scale(ctx, &g, &front, (int64_t[]){2, 2, 1}), ATT_OK);
  for (int i = 0; i < 8; i++) assert_true(fabs((double)g.truth[i] - wanted[i]) < 1e-5);
  assert_true(g.mean[0] == 2000 && g.deviation[0] == 1000 && fabs(g.mean[1] - 0.2) < 1e-7 && g.mean[2] == 7);
  att_timeline_free(ctx, &g);
}

/* The same data with and without what they lie away from 0 by, of each series its own; what is near 0 has none. */
static void large_offsets_are_taken_off(void **state) {
  (void)state;
  att_timeline g, far;
  const att_series_front front = {.by_series = true};
  const char *near_text = "series,t,y,z\na,1,1.25,1\na,2,3.5,2\na,3,,4\na,4,2.75,8\nb,1,0.1,\nb,2,0.3,5\nb,3,0.9,6\n";
  const char *far_text = "series,t,y,z\na,1,1000000000001.25,1\na,2,1000000000003.5,2\na,3,,4\na,4,1000000000002.75,8\n"
                         "b,1,-987654773.9,\nb,2,-987654773.7,5\nb,3,-987654773.1,6\n";
  const double offset[] = {1e12, 0, -987654774.0, 0};
  if (read_grid(near_text, &(att_series_columns){0}, &g)) fail_msg("%s", att_message(ctx));
  if (read_grid(far_text, &(att_series_columns){0}, &far)) fail_msg("%s", att_message(ctx));
  assert_true(far.series.offset[0] == 1000000000001.25 && far.series.offset[1] == 0 && g.series.offset[0] == 0);
  int64_t rows;
  float *all = att_series_gather(ctx, &far.series, (int64_t[]){1, 2}, &rows);
  assert_true(all && rows == 3 && all[0] == 0 && all[1] == 1 && isnan(all[3]) && all[5] == 5);
  assert_true(fabs((double)all[2] / -1000987654775.15 - 1) < 1e-6);
  att_free(ctx, all);
  assert_int_equal(att_timeline_scale(ctx, &g, &front, NULL), ATT_OK);
  assert_int_equal(att_timeline_scale(ctx, &far, &front, NULL), ATT_OK);
  for (int i = 0; i < 14; i++) {
    assert_true(isnan(g.truth[i]) ? isnan(far.truth[i]) : fabsf(g.truth[i] - far.truth[i]) < 1e-4f);
    assert_true(fabsf(g.series.values[i] - far.series.values[i]) < 1e-4f);
  }
  for (int i = 0; i < 4; i++) {
    assert_true(fabs(far.mean[i] - offset[i] - g.mean[i]) < 2e-4);
    assert_true(fabs(far.deviation[i] / g.deviation[i] - 1) < 1e-5);
  }
  att_timeline_free(ctx, &g);
  att_timeline_free(ctx, &far);
}

/* Months go by the last day where all times are the last of their month, else by the day that most have. */
static void months_go_by_their_day(void **state) {
  (void)state;
  static const struct {
    const char *text, *wanted[4]; /* the times ahead */
  } cases[] = {
      {"date,y\n2023-01-30,1\n2023-02-28,2\n2023-03-30,1\n2023-04-30,2\n", {"2023-05-30", "2023-06-30", "2023-07-30"}},
      {"date,y\n2023-01-31,1\n2023-02-28,2\n2023-03-31,1\n2023-04-30,2\n", {"2023-05-31", "2023-06-30", "2023-07-31"}},
      {"date,y\n2023-02-28,1\n2023-03-30,2\n2023-04-30,1\n2023-05-30,2\n", {"2023-06-30", "2023-07-30", "2023-08-30"}},
      {"date,y\n2022-10-29,1\n2022-11-29,2\n2022-12-29,1\n", {"2023-01-29", "2023-02-28", "2023-03-29"}},
      {"date,y\n2023-02-28,1\n2023-03-28,2\n2023-04-28,1\n", {"2023-05-28", "2023-06-28", "2023-07-28"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_timeline g;
    char time[48];
    if (read_grid(cases[i].text, &(att_series_columns){0}, &g)) fail_msg("%s", att_message(ctx));
    assert_int_equal(g.step.months, 1);
    for (int k = 0; k < 3; k++)
      assert_string_equal(att_time_spell(att_timeline_time(&g, 0, g.series.start[1] + k), &g.series.form, time),
                          cases[i].wanted[k]);
    att_timeline_free(ctx, &g);
  }
}

static void errors_by_hand(void **state) {
  (void)state;
  att_errors e = {0};
  const float ahead[] = {1, 2, 3, /* 0.1 */ 0, 0, 0, /* 0.9 */ 2, 2, 2}, truth[] = {2, NAN, 5}, levels[] = {0.1f, 0.9f};
  att_errors_add(&e, ahead, truth, 3, levels, 2);
  assert_int_equal(e.count, 2);
  assert_true(e.squared == 1 + 4 && e.absolute == 1 + 2);
  /* 0.1 (2 - 0), 0.9 (2 - 2); 0.1 (5 - 0), 0.9 (5 - 2): each pair's mean */
  assert_true(fabs(e.pinball - ((0.2 + 0) / 2 + (0.5 + 2.7) / 2)) < 1e-6);
  assert_int_equal(e.inside, 1);
}

static void what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *clue;
  } cases[] = {
      {"date,y\n2020-01-01,1\n", "one row has no step"},
      {"date,y\n2020-01-01,1\n2020-01-01,2\n",
       "lines 2 and 3 have the same time, 2020-01-01: a row that stands twice, a clock that was set back, or several "
       "series (--series"},
      {"date,y\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n2020-01-03 11:00,3\n", "is written otherwise"},
      {"t,y\n1,1\n2,2\n3,3\n3.5,4\n", "t.csv: line 5: the time 3.5 is not a whole number of steps (1) behind 1.0"},
      {"t,y\n1,1\n3,2\n5,3\n6,4\n", "line 5: the time 6 is not a whole number of steps (2)"},
      {"t,y\n0.00,1\n0.02,2\n0.04,3\n0.05,4\n", "line 5: the time 0.05 is not a whole number of steps (0.02)"},
      {"t,y\n1,\n2,\n3,\n", "no column of numbers"},
      {"t,y\n1,1\n2,2\n3,3\n900000,4\n", "line 5: up to 900000 its series of 4 rows has gaps of 899996"},
      {"date,y\n2020-01-01,oh\n2020-01-02,no\n", "no column of numbers"},
      {"date,y\n2020-01-01,inf\n2020-01-02,1\n", "\"inf\" is not a finite number"},
      {"y,z\n1,2\n3,4\n", "no column has times"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_timeline g;
    must_say(read_grid(cases[i].text, &(att_series_columns){0}, &g), ATT_FORMAT, cases[i].clue);
  }
  att_timeline g;
  must_say(read_grid("date,y\n2020-01-01,1\n", &(att_series_columns){.target = "x"}, &g), ATT_FORMAT, "columns are");
}

/* ---- training ------------------------------------------------------------------------------------------------- */

/* An hourly sine of 12 hours in two columns, one series of 240 rows and one of 100, a tenth of the rows missing. */
static void write_waves(const char *name, int64_t offset) {
  char text[65536], *at = text, time[48];
  const att_time_form form = {.date = '-', .between = ' ', .parts = 5};
  at += sprintf(at, "time,series,up,down\n");
  for (int s = 0; s < 2; s++) {
    for (int t = 0; t < (s ? 100 : 240); t++) {
      double wave = sin(t * 3.14159265358979 / 6), noise = 0.1 * (t * 7919 % 101 / 101.0 - 0.5);
      if (t % 10 == 3) continue;
      att_time_spell(1.6e9 + 3600.0 * t, &form, time);
      at +=
          sprintf(at, "%s,%s,%lld.%03d,%s\n", time, s ? "b" : "a", (long long)offset + 5 + (int)floor(wave + noise + 2),
                  (int)(1000 * (wave + noise + 2 - floor(wave + noise + 2))),
                  t % 17 == 5 ? ""
                  : wave > 0  ? "3"
                              : "4");
    }
  }
  write_text(name, text);
}

static att_train_options *options_of(const char *network, const char *out, const char *steps) {
  att_train_options *o;
  const char *const pairs[][2] = {{"data", in_folder("w.csv")}, {"out", out}, {"family", network}, {"steps", steps}};
  const char *const more[][2] = {
      {"width", "16"}, {"horizon", "6"}, {"lookback", "24"}, {"lr", "0.01"}, {"dropout", "0"}};
  assert_int_equal(att_train_options_new(ctx, "forecast", &o), ATT_OK);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (att_train_options_set(o, pairs[i][0], pairs[i][1])) fail_msg("%s", att_message(ctx));
  for (size_t i = 0; i < sizeof more / sizeof *more; i++)
    if (att_train_options_set(o, more[i][0], more[i][1])) fail_msg("%s", att_message(ctx));
  return o;
}

typedef struct seen {
  int past, ahead;
  char first[48];
} seen;

static int look(void *user, const att_forecast_row *row) {
  seen *s = user;
  if (row->past) {
    s->past++;
    return 0;
  }
  if (s->ahead++ == 0) snprintf(s->first, sizeof s->first, "%s", row->time);
  assert_int_equal(row->quantile_count, 3);
  assert_true(row->quantiles[0] <= row->quantiles[1] && row->quantiles[1] <= row->quantiles[2]);
  assert_true(row->mean > 2 && row->mean < 9 && fabs(row->levels[2] - 0.9) < 1e-6);
  assert_true(strcmp(row->series, "a") == 0 || strcmp(row->series, "b") == 0);
  return 0;
}

static void networks_forecast_a_sine(void **state) {
  (void)state;
  static const char *const networks[] = {"transformer", "rnn", "lstm", "gru", "ffn"};
  write_waves("w.csv", 0);
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    char out[600], wanted[48];
    const att_time_form form = {.date = '-', .between = ' ', .parts = 5};
    snprintf(out, sizeof out, "%s", in_folder(networks[i]));
    att_train_options *o = options_of(networks[i], out, "60");
    if (att_train(ctx, o, NULL, NULL)) fail_msg("%s: %s", networks[i], att_message(ctx));
    att_train_options_free(o);
    att_model *model;
    att_backtest_result r;
    seen s = {0};
    if (att_model_open(ctx, out, &model)) fail_msg("%s: %s", networks[i], att_message(ctx));
    if (att_backtest(model, in_folder("w.csv"), NULL, NULL, &r)) fail_msg("%s: %s", networks[i], att_message(ctx));
    assert_int_equal(r.windows, 240 - 29 + 100 - 29);
    assert_int_equal(r.season, 24);
    if (!(r.model.mse < 0.7 * r.last_value.mse)) fail_msg("%s: %g of %g", networks[i], r.model.mse, r.last_value.mse);
    assert_true(r.model.coverage > 0.2 && r.model.coverage <= 1 && fabs(r.nominal - 0.8) < 1e-6);
    assert_true(r.model.pinball > 0 && r.model.mase > 0 && isnan(r.last_value.pinball));
    if (att_forecast(model, in_folder("w.csv"), look, &s)) fail_msg("%s: %s", networks[i], att_message(ctx));
    assert_int_equal(s.ahead, 2 * 2 * 6);
    assert_int_equal(s.past, 2 * 2 * 24);
    assert_string_equal(s.first, att_time_spell(1.6e9 + 3600.0 * 240, &form, wanted));
    write_text("short.csv", "time,series,up,down\n2020-01-01 00:00,a,1,2\n2020-01-01 01:00,a,2,2\n");
    must_say(att_forecast(model, in_folder("short.csv"), look, &s), ATT_FORMAT, "no series has the 24 rows");
    const att_text line = {"hello", 5};
    must_say(att_classify(model, &line, NULL, 1, 0, NULL, NULL), ATT_ARGUMENT, "needs lines and a callback");
    assert_int_equal(att_check_verb(model, ATT_VERB_CLASSIFY), ATT_UNSUPPORTED);
    att_model_close(model);
  }
}

static void an_interrupted_run_ends_in_the_same_bits(void **state) {
  (void)state;
  static const char *const names[] = {"model.safetensors", "series.json", "checkpoint/optimizer.safetensors"};
  char whole[600], parts[600];
  int64_t next = 7;
  write_waves("w.csv", 0);
  snprintf(whole, sizeof whole, "%s", in_folder("whole"));
  snprintf(parts, sizeof parts, "%s", in_folder("parts"));
  att_train_options *o = options_of("transformer", whole, "12");
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  o = options_of("transformer", parts, "12");
  assert_int_equal(att_train_options_set(o, "resume", "yes"), ATT_OK);
  assert_int_equal(att_train(ctx, o, interrupt_at, &next), ATT_INTERRUPTED);
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char a[1024], b[1024];
    snprintf(a, sizeof a, "%s/%s", whole, names[i]);
    snprintf(b, sizeof b, "%s/%s", parts, names[i]);
    same_files(a, b);
  }
}

typedef struct numbers {
  int count;
  double values[2 * 2 * 30 * 4];
} numbers;

static int keep(void *user, const att_forecast_row *row) {
  numbers *n = user;
  n->values[n->count++] = row->mean;
  for (size_t q = 0; q < row->quantile_count && !row->past; q++) n->values[n->count++] = row->quantiles[q];
  return 0;
}

/* Forecasts of a meter's total differ from those of the same without its first digits by these alone. */
static void offsets_come_back_in_forecasts(void **state) {
  (void)state;
  enum { OFFSET = 987654774 };
  numbers found[2] = {{0}};
  att_backtest_result r[2];
  for (int i = 0; i < 2; i++) {
    att_model *model;
    write_waves("w.csv", i * (int64_t)OFFSET);
    att_train_options *o = options_of("transformer", in_folder(i ? "far" : "near"), "12");
    if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
    att_train_options_free(o);
    if (att_model_open(ctx, in_folder(i ? "far" : "near"), &model)) fail_msg("%s", att_message(ctx));
    if (att_forecast(model, in_folder("w.csv"), keep, &found[i])) fail_msg("%s", att_message(ctx));
    if (att_backtest(model, in_folder("w.csv"), NULL, NULL, &r[i])) fail_msg("%s", att_message(ctx));
    assert_true(r[i].nominal == 0.8 && r[i].model.mse > 0);
    att_attention *attention;
    if (att_look_series(model, in_folder("w.csv"), 0, "up", false, &attention)) fail_msg("%s", att_message(ctx));
    att_attention_free(attention);
    att_model_close(model);
  }
  assert_true(found[0].count == found[1].count && found[0].count == 2 * 2 * (24 + 6 * 4));
  int of_up = 0;
  for (int i = 0; i < found[0].count; i++) {
    double up = found[1].values[i] > 1e6 ? OFFSET : 0, apart = found[1].values[i] - up - found[0].values[i];
    of_up += up > 0;
    if (!isnan(found[0].values[i]) && !(fabs(apart) < 2e-6)) fail_msg("%g apart in value %d", apart, i);
  }
  assert_true(of_up > found[0].count / 3);
  assert_true(fabs(r[0].model.mse - r[1].model.mse) < 1e-5 && fabs(r[0].model.mase - r[1].model.mase) < 1e-5);
}

/* Rows of a series every `step` seconds; what is known of `up` ends with row `known`. */
static void write_rows(const char *name, const char *columns, double step, int known) {
  char text[65536], *at = text, time[48];
  const att_time_form form = {.date = '-', .between = ' ', .parts = 6};
  at += sprintf(at, "%s\n", columns);
  for (int t = 0; t < 100; t++)
    at += sprintf(at, t < known ? "%s,a,%d,3\n" : "%s,a,,3\n", att_time_spell(1.6e9 + step * t, &form, time), t % 12);
  write_text(name, text);
}

static void what_a_model_refuses(void **state) {
  (void)state;
  static const struct {
    const char *columns;
    double step;
    int known;
    const char *clue;
  } cases[] = {
      {"time,series,flow,down", 3600, 100,
       "t.csv: the model forecasts \"up\"; the table has: 1 \"time\", 2 \"series\""},
      {"time,shop,up,down", 0, 100,
       "have the same time, 2020-09-13 12:26:40: a row that stands twice, a clock that was "
       "set back, or several series (the model"},
      {"time,series,up,down", 86400, 100, "t.csv: its rows come every day, the model's every hour"},
      {"time,series,up,down", 3600, 0, "column \"up\" has no value"},
  };
  write_waves("w.csv", 0);
  att_train_options *o = options_of("transformer", in_folder("out"), "2");
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  att_model *model;
  att_backtest_result r;
  numbers found = {0};
  assert_int_equal(att_model_open(ctx, in_folder("out"), &model), ATT_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_rows("t.csv", cases[i].columns, cases[i].step, cases[i].known);
    must_say(att_forecast(model, in_folder("t.csv"), keep, &found), ATT_FORMAT, cases[i].clue);
    must_say(att_backtest(model, in_folder("t.csv"), NULL, NULL, &r), ATT_FORMAT, cases[i].clue);
  }
  assert_int_equal(found.count, 0);
  write_rows("t.csv", "time,series,up,down", 3600, 70); /* the last 30 of 100 rows say nothing of up: it is left out */
  if (att_forecast(model, in_folder("t.csv"), keep, &found)) fail_msg("%s", att_message(ctx));
  assert_int_equal(found.count, 24 + 6 * 4);
  att_model_close(model);
}

static void too_short_to_learn_from(void **state) {
  (void)state;
  write_waves("w.csv", 0);
  att_train_options *o = options_of("transformer", in_folder("out"), "2");
  assert_int_equal(att_train_options_set(o, "lookback", "300"), ATT_OK);
  must_say(att_train(ctx, o, NULL, NULL), ATT_FORMAT,
           "has 240 rows: to read 300 and forecast 6 it must have 382, of which the last are held out");
  assert_int_equal(att_train_options_set(o, "quantiles", "0.9,0.1"), ATT_OK);
  must_say(att_train(ctx, o, NULL, NULL), ATT_ARGUMENT, "must be rising numbers between 0 and 1");
  att_train_options_free(o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(gaps_become_rows, empty_folder),
      cmocka_unit_test_teardown(windows_stay_in_their_series, empty_folder),
      cmocka_unit_test_teardown(series_have_scales_of_their_own, empty_folder),
      cmocka_unit_test_teardown(large_offsets_are_taken_off, empty_folder),
      cmocka_unit_test_teardown(months_go_by_their_day, empty_folder),
      cmocka_unit_test(errors_by_hand),
      cmocka_unit_test_teardown(what_is_refused, empty_folder),
      cmocka_unit_test_teardown(networks_forecast_a_sine, empty_folder),
      cmocka_unit_test_teardown(an_interrupted_run_ends_in_the_same_bits, empty_folder),
      cmocka_unit_test_teardown(offsets_come_back_in_forecasts, empty_folder),
      cmocka_unit_test_teardown(what_a_model_refuses, empty_folder),
      cmocka_unit_test_teardown(too_short_to_learn_from, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
