/*
 * Covariates of forecasts: the regression against numpy (tests/data/covariates, made by
 * tools/make_covariate_fixtures.py); a trend that is no effect; what is taken off and added again; models trained with
 * and without, saved, opened and resumed; what is refused; each allocation failing.
 */
#include "run_fixture.h"

#include "formats/file.h"
#include "formats/json.h"
#include "train/data/covariates.h"

#include <math.h>

#define TABLE (ATT_TEST_DATA "/covariates/table.csv")

static const att_series_columns of_table = {.target = "sales,visits", .covariates = "heat, holiday,twin"};

static const char *write_text(const char *name, const char *text) {
  const char *path = in_folder(name);
  write_bytes(path, text, strlen(text));
  return path;
}

static att_status read_grid(att_context *own, const char *path, const att_series_columns *given, att_timeline *grid) {
  att_series read;
  ATT_TRY(att_series_read_timed(own, path, given, &read));
  return att_timeline_make(own, path, &read, (att_time_step){0}, grid);
}

static void near(double value, double wanted) {
  if (!(fabs(value - wanted) < 1e-6)) fail_msg("%.9g where %.9g was expected", value, wanted);
}

/* ---- the regression ------------------------------------------------------------------------------------------- */

typedef struct fitted {
  att_timeline grid;
  att_series_front *front;
  double explained[2];
  float ahead[2 * 5];
} fitted;

static const int64_t learned[] = {120, 80};

static att_status fit_table(att_context *own, const char *path, fitted *f) {
  f->front = ATT_NEW(own, 1, att_series_front);
  if (!f->front) return ATT_MEMORY;
  f->front->by_series = true;
  f->front->season = 7;
  f->front->channels = 2;
  f->front->patch = 1;
  f->front->mean = ATT_NEW(own, 2, double);
  f->front->deviation = ATT_NEW(own, 2, double);
  if (!f->front->mean || !f->front->deviation) return ATT_MEMORY;
  f->front->deviation[0] = f->front->deviation[1] = 1;
  ATT_TRY(read_grid(own, path, &of_table, &f->grid));
  ATT_TRY(att_series_front_copy_names(own, f->grid.series.channel_names, 2, &f->front->names));
  ATT_TRY(att_timeline_scale(own, &f->grid, f->front, learned));
  ATT_TRY(att_covariates_fit(own, path, &f->grid, learned, true, f->front, f->explained));
  ATT_TRY(att_covariates_apply(own, &f->grid, f->front));
  return att_covariates_ahead(own, path, &f->grid, f->front, 0, 5, f->ahead);
}

static void free_fitted(att_context *own, fitted *f) {
  att_timeline_free(own, &f->grid);
  att_series_front_free(own, f->front);
}

static void must_be(const json_t *expected, const char *key, const double *values, size_t count) {
  const json_t *list = json_object_get(expected, key);
  assert_int_equal(json_array_size(list), count);
  for (size_t i = 0; i < count; i++) near(values[i], json_number_value(json_array_get(list, i)));
}

static void coefficients_are_numpys(void **state) {
  (void)state;
  json_t *expected;
  fitted f = {0};
  assert_int_equal(att_json_open(ctx, ATT_TEST_DATA "/covariates/expected.json", &expected), ATT_OK);
  if (fit_table(ctx, TABLE, &f)) fail_msg("%s", att_message(ctx));
  const att_series *s = &f.grid.series, *x = &f.grid.covariates;
  assert_true(s->count == 2 && s->channels == 2 && s->start[1] == 160 && s->start[2] == 270);
  assert_true(x->channels == 3 && x->start[1] == 165 && x->start[2] == 280);
  assert_int_equal(f.grid.gap_rows, 6);
  must_be(expected, "mean", f.front->covariate_mean, 3);
  must_be(expected, "std", f.front->covariate_deviation, 3);
  must_be(expected, "coefficients", f.front->coefficients, 6);
  must_be(expected, "explained", f.explained, 2);
  for (size_t i = 0; i < 10; i++)
    near((double)f.ahead[i],
         json_number_value(json_array_get(json_array_get(json_object_get(expected, "ahead"), i / 2), i % 2)));
  json_decref(expected);
  int64_t missing = 0;
  for (int64_t i = 0; i < 270 * 2; i++) {
    assert_true(isfinite(s->values[i]) && isfinite(f.grid.plain[i]) && isfinite(f.grid.effect[i]));
    missing += isnan(f.grid.truth[i]) != 0;
    if (isnan(f.grid.truth[i])) continue;
    assert_true(f.grid.plain[i] == f.grid.truth[i]);
    near((double)s->values[i] + (double)f.grid.effect[i], (double)f.grid.truth[i]);
  }
  assert_true(missing >= 12 && missing < 60);
  free_fitted(ctx, &f);
}

/* The table with 1e9 added to sales and heat. */
static const char *write_far_table(void) {
  char *text, *far = malloc(1 << 16), *at = far;
  size_t size, used = 0;
  assert_int_equal(att_read_text(ctx, TABLE, &text, &size), ATT_OK);
  for (size_t column = 0, row = 0; used < size;) {
    size_t length = strcspn(text + used, ",\n");
    double value = 0;
    if (row > 0 && (column == 2 || column == 4) && att_read_number(text + used, length, &value))
      at += att_format(at, 64, "%.3f", value + 1e9);
    else
      at += sprintf(at, "%.*s", (int)length, text + used);
    used += length;
    if (used < size) *at++ = text[used];
    column = text[used] == ',' ? column + 1 : 0;
    row += text[used++] == '\n';
  }
  const char *path = in_folder("far.csv");
  write_bytes(path, far, (size_t)(at - far));
  free(far);
  att_free(ctx, text);
  return path;
}

static void large_offsets_change_nothing(void **state) {
  (void)state;
  fitted f = {0}, far = {0};
  char path[600];
  snprintf(path, sizeof path, "%s", write_far_table());
  if (fit_table(ctx, TABLE, &f) || fit_table(ctx, path, &far)) fail_msg("%s", att_message(ctx));
  near(far.front->covariate_mean[0] - 1e9, f.front->covariate_mean[0]);
  for (int i = 0; i < 3; i++) near(far.front->covariate_deviation[i], f.front->covariate_deviation[i]);
  for (int i = 0; i < 6; i++) /* heat and its twin share an effect, and the last bits say how */
    assert_true(fabs(far.front->coefficients[i] - f.front->coefficients[i]) < 1e-4);
  for (int i = 0; i < 10; i++) assert_true(fabsf(far.ahead[i] - f.ahead[i]) < 1e-5f);
  for (int i = 0; i < 270 * 2; i++) assert_true(fabsf(far.grid.series.values[i] - f.grid.series.values[i]) < 1e-5f);
  near(far.grid.mean[0] - 1e9, f.grid.mean[0]);
  free_fitted(ctx, &f);
  free_fitted(ctx, &far);
}

static void a_folder_keeps_them(void **state) {
  (void)state;
  fitted f = {0};
  att_series_front *again;
  if (fit_table(ctx, TABLE, &f)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_series_front_write(ctx, folder, f.front), ATT_OK);
  if (att_series_front_read(ctx, folder, 2, &again)) fail_msg("%s", att_message(ctx));
  assert_int_equal(again->covariates, 3);
  assert_string_equal(again->covariate_names[1], "holiday");
  assert_memory_equal(again->covariate_mean, f.front->covariate_mean, 3 * sizeof(double));
  assert_memory_equal(again->covariate_deviation, f.front->covariate_deviation, 3 * sizeof(double));
  assert_memory_equal(again->coefficients, f.front->coefficients, 6 * sizeof(double));
  att_series_front_free(ctx, again);
  free_fitted(ctx, &f);
}

static void damaged_folders(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"\"covariates\": []", "covariates must be 1 to 64 names"},
      {"\"covariates\": [1]", "covariates must be 1 names"},
      {"\"covariates\": {\"a\": 1}", "covariates must be 1 to 64 names"},
      {"\"covariates\": [\"a\"]", "covariate_mean must be 1 numbers"},
      {"\"covariates\": [\"a\"], \"covariate_mean\": [0], \"covariate_std\": [0]", "covariate_std must be above 0"},
      {"\"covariates\": [\"a\"], \"covariate_mean\": [0], \"covariate_std\": [1], \"coefficients\": [1]",
       "coefficients must be 2 numbers"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[400];
    att_series_front *front;
    snprintf(text, sizeof text, "{\"channels\": 2, \"mean\": [0, 0], \"std\": [1, 1], %s}", cases[i][0]);
    write_text("series.json", text);
    must_say(att_series_front_read(ctx, folder, 2, &front), ATT_FORMAT, cases[i][1]);
    assert_null(front);
  }
}

/* Two columns that rise and have nothing else in common; a third that the first follows. */
static void a_trend_is_no_effect(void **state) {
  (void)state;
  char text[32768], *at = text;
  at += sprintf(at, "t,y,x,z\n");
  for (int t = 0; t < 400; t++)
    at += sprintf(at, "%d,%.3f,%.3f,%d\n", t, 0.05 * t + 0.3 * (t * 7919 % 101 / 50.0 - 1) + (t * 31 % 7 == 3),
                  0.02 * t + 0.2 * (t * 104729 % 97 / 48.0 - 1), t * 31 % 7 == 3);
  const char *path = write_text("t.csv", text);
  att_timeline g;
  const int64_t rows = 400;
  double explained, mean = 0, deviation = 1;
  att_series_front *front = ATT_NEW(ctx, 1, att_series_front);
  front->channels = 1;
  if (read_grid(ctx, path, &(att_series_columns){.target = "y", .covariates = "x,z"}, &g))
    fail_msg("%s", att_message(ctx));
  att_series_front scale = {.mean = &mean, .deviation = &deviation};
  assert_int_equal(att_timeline_scale(ctx, &g, &scale, NULL), ATT_OK);
  assert_int_equal(att_covariates_fit(ctx, path, &g, &rows, false, front, &explained), ATT_OK);
  double slope = front->coefficients[0] / front->covariate_deviation[0];
  double step = front->coefficients[1] / front->covariate_deviation[1];
  if (!(fabs(slope) < 0.15)) fail_msg("a slope of %g, where both only rise", slope); /* of levels: 2.5 */
  if (!(fabs(step - 1) < 0.1)) fail_msg("an effect of %g, not 1", step);
  assert_true(explained > 0.5 && explained < 0.9);
  att_timeline_free(ctx, &g);
  att_series_front_free(ctx, front);
}

static att_status fit_and_free(att_context *own, void *arg) {
  (void)arg;
  fitted f = {0};
  att_status status = fit_table(own, TABLE, &f);
  free_fitted(own, &f);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(fit_and_free, NULL) > 30);
}

static void what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *target, *covariates, *clue;
  } cases[] = {
      {"t,y,x\n1,2,3\n2,3,4\n", "y", "y", "column 2 (\"y\") is a target as well"},
      {"t,y,x\n1,2,3\n2,3,4\n", NULL, "x,x", "column 3 (\"x\") is named twice"},
      {"t,y,x\n1,2,3\n2,3,4\n", NULL, "t", "column 1 (\"t\") has the times"},
      {"id,t,y,x\n1,1,2,3\n1,2,3,4\n", "y", "id", "column 1 (\"id\") tells the series apart"},
      {"t,y,x\n1,2,3\n2,3,4\n", NULL, "z", "--covariates is \"z\", but the columns are 1 \"t\""},
      {"t,y,x\n1,2,no\n2,3,4\n", "y", "x", "line 2: column 3 (\"x\"): \"no\" is not a finite number"},
      {"t,y,x\n1,,3\n2,,4\n", "y", "x", "has no value of what is forecast"},
      {"1,2,3\n2,3,4\n", "2", "3", "column 3 (\"3\") has no name"},
      {"t,x\n1,3\n2,4\n", NULL, "x", "no column of numbers"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_timeline g;
    const att_series_columns given = {
        .target = cases[i].target, .covariates = cases[i].covariates, .time = cases[i].text[0] == '1' ? "1" : NULL};
    must_say(read_grid(ctx, write_text("t.csv", cases[i].text), &given, &g), ATT_FORMAT, cases[i].clue);
  }
  char many[200] = "x";
  for (int i = 0; i < 64; i++) strcat(many, ",x");
  att_timeline g;
  must_say(read_grid(ctx, write_text("t.csv", "t,y,x\n1,2,3\n"), &(att_series_columns){.covariates = many}, &g),
           ATT_UNSUPPORTED, "more than 64");
}

/* ---- training ------------------------------------------------------------------------------------------------- */

enum { HOURS = 400, AHEAD = 6 };

/* Hours of a season of 12, three times an irregular x, and noise; x goes on for `ahead` rows, but is empty in the row
 * `hole` of them. */
static void write_load(const char *name, int ahead, int hole) {
  char text[65536], *at = text, time[48];
  const att_time_form form = {.date = '-', .between = ' ', .parts = 5};
  at += sprintf(at, "time,load,x,flat\n");
  for (int t = 0; t < HOURS + ahead; t++) {
    double x = (t * 7919 % 101 + t / 3 * 104729 % 103) / 51.0 - 2, noise = 0.2 * (t * 31337 % 89 / 44.0 - 1);
    at += sprintf(at, "%s,", att_time_spell(1.6e9 + 3600.0 * t, &form, time));
    if (t < HOURS && t % 50 != 7) at += sprintf(at, "%.3f", 20 + 2 * sin(t * 3.14159265358979 / 6) + 3 * x + noise);
    if (t == HOURS + hole || t % 60 == 9)
      at += sprintf(at, ",,1\n");
    else
      at += sprintf(at, ",%.3f,1\n", x);
  }
  write_text(name, text);
}

static att_train_options *options_of(const char *out, const char *steps, const char *covariates) {
  att_train_options *o;
  const char *const pairs[][2] = {{"data", in_folder("w.csv")},
                                  {"out", out},
                                  {"target", "load"},
                                  {"steps", steps},
                                  {"width", "16"},
                                  {"norm", "rms"},
                                  {"horizon", "6"},
                                  {"lookback", "48"},
                                  {"lr", "0.01"},
                                  {"dropout", "0"},
                                  {"covariates", covariates}};
  assert_int_equal(att_train_options_new(ctx, "forecast", &o), ATT_OK);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (pairs[i][1] && att_train_options_set(o, pairs[i][0], pairs[i][1])) fail_msg("%s", att_message(ctx));
  return o;
}

static att_model *train(const char *name, const char *steps, const char *covariates) {
  char out[600];
  att_model *model;
  snprintf(out, sizeof out, "%s", in_folder(name));
  att_train_options *o = options_of(out, steps, covariates);
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

typedef struct seen {
  int past, ahead;
  char first[48];
  double squared, means[AHEAD];
} seen;

static int look(void *user, const att_forecast_row *row) {
  seen *s = user;
  if (row->past) {
    s->past++;
    return 0;
  }
  int t = HOURS + s->ahead;
  double x = (t * 7919 % 101 + t / 3 * 104729 % 103) / 51.0 - 2;
  double error = row->mean - (20 + 2 * sin(t * 3.14159265358979 / 6) + 3 * x);
  if (s->ahead == 0) snprintf(s->first, sizeof s->first, "%s", row->time);
  s->squared += error * error / AHEAD;
  s->means[s->ahead++] = row->mean;
  assert_true(row->quantile_count == 3 && row->quantiles[0] <= row->quantiles[2]);
  if (!(fabs(row->quantiles[1] - row->mean) < 2))
    fail_msg("a median of %g, a mean of %g", row->quantiles[1], row->mean);
  return 0;
}

static int count_rows(void *user, const att_forecast_row *row) {
  (void)row;
  ++*(int *)user;
  return 0;
}

static att_status open_and_forecast(att_context *own, void *arg) {
  att_model *model;
  int rows = 0;
  ATT_TRY(att_model_open(own, arg, &model));
  att_status status = att_forecast(model, in_folder("w.csv"), count_rows, &rows);
  att_model_close(model);
  return status;
}

static void a_covariate_halves_the_error(void **state) {
  (void)state;
  const att_time_form form = {.date = '-', .between = ' ', .parts = 5};
  att_backtest_result with, without;
  char wanted[48];
  seen s = {0};
  write_load("w.csv", AHEAD, -1);
  att_model *model = train("with", "60", "x,flat");
  if (att_backtest(model, in_folder("w.csv"), NULL, NULL, &with)) fail_msg("%s", att_message(ctx));
  write_load("w.csv", 0, -1);
  att_model *bare = train("without", "60", NULL);
  if (att_backtest(bare, in_folder("w.csv"), NULL, NULL, &without)) fail_msg("%s", att_message(ctx));
  if (!(with.model.mse < 0.5 * without.model.mse && with.model.mse > 0))
    fail_msg("%g with the covariate, %g without", with.model.mse, without.model.mse);
  assert_int_equal(with.windows, HOURS - 53);
  assert_true(with.windows == without.windows && with.season == without.season);
  assert_memory_equal(&with.last_season.mse, &without.last_season.mse, sizeof(double));
  assert_memory_equal(&with.last_value.mase, &without.last_value.mase, sizeof(double));
  assert_true(with.model.coverage > 0.4 && with.model.mase < without.model.mase);
  att_model_close(bare);

  must_say(att_forecast(model, in_folder("w.csv"), look, &s), ATT_FORMAT, "0 rows stand behind ");
  must_say(att_forecast(model, in_folder("w.csv"), look, &s), ATT_FORMAT, "needs 6, with the covariates (x, ...)");
  write_load("w.csv", AHEAD, 2);
  must_say(att_forecast(model, in_folder("w.csv"), look, &s), ATT_FORMAT, "column \"x\" is empty at ");
  must_say(att_forecast(model, in_folder("w.csv"), look, &s), ATT_FORMAT,
           att_time_spell(1.6e9 + 3600.0 * (HOURS + 2), &form, wanted));
  assert_int_equal(s.past + s.ahead, 0);
  write_load("w.csv", AHEAD + 2, AHEAD); /* more rows, of which the second is empty, are none of its business */
  if (att_forecast(model, in_folder("w.csv"), look, &s)) fail_msg("%s", att_message(ctx));
  assert_true(s.past == 48 && s.ahead == AHEAD);
  assert_string_equal(s.first, att_time_spell(1.6e9 + 3600.0 * HOURS, &form, wanted));
  if (!(s.squared < 2)) fail_msg("a squared error of %g", s.squared);

  att_attention *attention;
  if (att_look_series(model, in_folder("w.csv"), -1, "load", false, &attention)) fail_msg("%s", att_message(ctx));
  att_attention_free(attention);
  att_model_close(model);
}

static void forecasts_run_out_of_memory(void **state) {
  (void)state;
  char out[600];
  write_load("w.csv", AHEAD, -1);
  att_model_close(train("with", "2", "x"));
  snprintf(out, sizeof out, "%s", in_folder("with"));
  assert_true(fail_each_allocation(open_and_forecast, out) > 50);
}

static void an_interrupted_run_ends_in_the_same_bits(void **state) {
  (void)state;
  static const char *const names[] = {"model.safetensors", "series.json", "checkpoint/optimizer.safetensors"};
  char whole[600], parts[600];
  int64_t next = 7;
  write_load("w.csv", 3, -1);
  snprintf(whole, sizeof whole, "%s", in_folder("whole"));
  snprintf(parts, sizeof parts, "%s", in_folder("parts"));
  att_model_close(train("whole", "12", "x"));
  att_train_options *o = options_of(parts, "12", "x");
  assert_int_equal(att_train(ctx, o, interrupt_at, &next), ATT_INTERRUPTED);
  att_train_options_free(o);
  if (att_train_options_resume(ctx, parts, &o)) fail_msg("%s", att_message(ctx));
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char a[1024], b[1024];
    snprintf(a, sizeof a, "%s/%s", whole, names[i]);
    snprintf(b, sizeof b, "%s/%s", parts, names[i]);
    same_files(a, b);
  }
}

static void too_little_to_learn_from(void **state) {
  (void)state;
  char text[8192], *at = text;
  at += sprintf(at, "t,y,a,b,c,d\n");
  for (int t = 0; t < 40; t++)
    at += sprintf(at, "%d,%d,%s,%d,%d,%d\n", t, t * 7 % 11, t < 25 ? "" : "3", t % 3, t % 5, t * 3 % 7);
  write_text("w.csv", text);
  att_train_options *o = options_of(in_folder("out"), "2", "a,b,c,d");
  assert_int_equal(att_train_options_set(o, "target", "y"), ATT_OK);
  assert_int_equal(att_train_options_set(o, "lookback", "8"), ATT_OK);
  must_say(att_train(ctx, o, NULL, NULL), ATT_FORMAT, "the effect of 4 covariates cannot be learned from");
  att_train_options_free(o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(coefficients_are_numpys),
      cmocka_unit_test_teardown(large_offsets_change_nothing, empty_folder),
      cmocka_unit_test_teardown(a_folder_keeps_them, empty_folder),
      cmocka_unit_test_teardown(damaged_folders, empty_folder),
      cmocka_unit_test_teardown(a_trend_is_no_effect, empty_folder),
      cmocka_unit_test(each_allocation_may_fail),
      cmocka_unit_test_teardown(what_is_refused, empty_folder),
      cmocka_unit_test_teardown(a_covariate_halves_the_error, empty_folder),
      cmocka_unit_test_teardown(forecasts_run_out_of_memory, empty_folder),
      cmocka_unit_test_teardown(an_interrupted_run_ends_in_the_same_bits, empty_folder),
      cmocka_unit_test_teardown(too_little_to_learn_from, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
