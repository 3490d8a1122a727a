/*
 * Series: times and what is missing, against Python's datetime and numpy (tests/data/series, made by
 * tools/make_series_fixtures.py); .ts files whose headers lie; tables, long and wide; hostile files; and classifiers of
 * series, trained, saved, opened and measured.
 */
#include "run_fixture.h"

#include "formats/json.h"
#include "models/model.h"
#include "models/series_front.h"
#include "train/data/series_table.h"
#include "train/data/warp.h"

#include <math.h>

static json_t *expected;

static att_text text_of(const char *text) { return (att_text){text, strlen(text)}; }

static const char *write_text(const char *name, const char *text) {
  const char *path = in_folder(name);
  write_bytes(path, text, strlen(text));
  return path;
}

/* ---- times ---------------------------------------------------------------------------------------------------- */

static void times_are_python_s(void **state) {
  (void)state;
  size_t i;
  json_t *pair;
  char spelled[48];
  assert_true(json_array_size(json_object_get(expected, "times")) > 5);
  json_array_foreach(json_object_get(expected, "times"), i, pair) {
    const char *text = json_string_value(json_array_get(pair, 0));
    double time;
    att_time_form form;
    assert_true(att_time_read(text_of(text), false, &time, &form));
    assert_true(time == json_number_value(json_array_get(pair, 1)));
    assert_string_equal(att_time_spell(time, &form, spelled), text);
  }
  json_array_foreach(json_object_get(expected, "wrong"), i, pair) {
    double time;
    att_time_form form;
    for (int month_first = 0; month_first < 2; month_first++)
      if (att_time_read(text_of(json_string_value(pair)), month_first, &time, &form))
        fail_msg("%s", json_string_value(pair));
  }
  json_array_foreach(json_object_get(expected, "months"), i, pair) {
    double time;
    att_time_form form;
    assert_true(att_time_read(text_of(json_string_value(json_array_get(pair, 0))), false, &time, &form));
    const att_time_step step = {.months = 1, .day = (int)json_integer_value(json_array_get(pair, 1))};
    time = att_time_add(time, step, json_integer_value(json_array_get(pair, 2)));
    assert_string_equal(att_time_spell(time, &form, spelled), json_string_value(json_array_get(pair, 3)));
  }
}

/* Texts of times to the step that they have, in words. */
static void must_step(const char *const *texts, int count, const char *words) {
  double times[8];
  char text[48];
  att_time_form form;
  att_status status;
  int decimals = 0;
  for (int i = 0; i < count; i++) {
    assert_true(att_time_read(text_of(texts[i]), false, &times[i], &form));
    if (form.decimals > decimals) decimals = form.decimals;
  }
  form.decimals = decimals;
  att_time_step step = att_time_find_step(ctx, times, count, &form, &status);
  assert_int_equal(status, ATT_OK);
  assert_string_equal(att_time_step_spell(step, &form, text), words);
  bool exact;
  assert_int_equal(att_time_distance(times[0], att_time_add(times[0], step, 7), step, &form, &exact), 7);
  assert_true(exact);
}

static void frequencies_are_found(void **state) {
  (void)state;
  must_step((const char *const[]){"2016-07-01 00:00", "2016-07-01 01:00", "2016-07-01 02:00", "2016-07-01 05:00"}, 4,
            "1 hour");
  must_step((const char *const[]){"2016-07-01", "2016-07-02", "2016-07-05"}, 3, "1 day");
  must_step((const char *const[]){"2016-01-31", "2016-02-29", "2016-03-31", "2016-04-30"}, 4, "1 month");
  must_step((const char *const[]){"2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30"}, 4, "1 month");
  must_step((const char *const[]){"2023-01-02", "2023-01-30", "2023-03-27", "2023-04-24"}, 4, "4 weeks");
  must_step((const char *const[]){"2016-01", "2016-04", "2016-07"}, 3, "3 months");
  must_step((const char *const[]){"2014-01-01", "2015-01-01", "2016-01-01", "2017-01-01"}, 4, "1 year");
  must_step((const char *const[]){"2016-01-04", "2016-01-11", "2016-01-18"}, 3, "1 week");
  must_step((const char *const[]){"0", "0.25", "0.5", "1"}, 4, "0.25");
  must_step((const char *const[]){"2024-01-01 00:00:00", "2024-01-01 00:00:00.500", "2024-01-01 00:00:01"}, 3,
            "0.5 seconds");
  must_step((const char *const[]){"1700000000.00", "1700000000.01", "1700000000.02", "1700000000.05"}, 4, "0.01");
  must_step((const char *const[]){"0", "0.033", "0.067", "0.1", "0.133", "0.2"}, 6, "0.03333333333"); /* 30 a second */
  must_step((const char *const[]){"0.0", "0.1", "0.2", "0.30000000000000004"}, 4, "0.1");
}

/* As programs write them: seconds and a rounded fraction. */
static void write_time(char text[64], bool date, int64_t base, int64_t per_second, int decimals, int64_t row) {
  int64_t seconds = base + row / per_second;
  int fraction = (int)((double)(row % per_second) * pow(10, decimals) / (double)per_second + 0.5);
  if (date)
    snprintf(text, 64, "2024-01-01 00:%02d:%02d.%0*d", (int)(seconds / 60), (int)(seconds % 60), decimals, fraction);
  else
    snprintf(text, 64, "%lld.%0*d", (long long)seconds, decimals, fraction);
}

/* The grid has each row, the times ahead are written as those of the table, and a time between is off the grid. */
static void times_of_less_than_a_second(void **state) {
  (void)state;
  enum { ROWS = 700 };
  static const struct {
    bool date;
    int64_t base, per_second;
    int decimals;
  } cases[] = {
      {true, 0, 50, 3},   {true, 1800, 2, 3}, {true, 0, 1000, 6}, {true, 7, 30, 3}, {false, 1700000000, 100, 2},
      {false, 0, 100, 2}, {false, 0, 128, 4}, {false, 5, 60, 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double times[ROWS];
    char text[64], spelled[48];
    att_time_form form;
    att_status status;
    bool exact;
    for (int64_t row = 0; row < ROWS; row++) {
      write_time(text, cases[i].date, cases[i].base, cases[i].per_second, cases[i].decimals, row);
      assert_true(att_time_read(text_of(text), false, &times[row], &form));
      assert_int_equal(form.decimals, cases[i].decimals);
    }
    att_time_step step = att_time_find_step(ctx, times, ROWS, &form, &status);
    assert_true(status == ATT_OK && step.seconds == 1 / (double)cases[i].per_second);
    for (int64_t row = 0; row < ROWS; row++) {
      int64_t place = att_time_distance(times[0], times[row], step, &form, &exact);
      if (!exact || place != row) fail_msg("case %zu: row %d at %d", i, (int)row, (int)place);
    }
    for (int64_t row = ROWS; row < ROWS + 100; row++) {
      write_time(text, cases[i].date, cases[i].base, cases[i].per_second, cases[i].decimals, row);
      assert_string_equal(att_time_spell(att_time_add(times[0], step, row), &form, spelled), text);
    }
    att_time_distance(times[0], times[5] + step.seconds / 4, step, &form, &exact);
    assert_false(exact);
  }
}

/* ---- missing values -------------------------------------------------------------------------------------------- */

static void missing_values_are_numpy_s(void **state) {
  (void)state;
  const json_t *rows = json_object_get(expected, "values"), *filled = json_object_get(expected, "filled");
  int64_t count = (int64_t)json_array_size(rows), holes = 0;
  float values[64 * 3];
  double mean[3], deviation[3];
  for (int64_t i = 0; i < count * 3; i++) {
    const json_t *value = json_array_get(json_array_get(rows, (size_t)i / 3), (size_t)i % 3);
    values[i] = json_is_null(value) ? NAN : (float)json_number_value(value);
    holes += json_is_null(value);
  }
  att_series_measure(values, count, 3, mean, deviation);
  assert_true(holes > 10);
  assert_int_equal(att_series_fill(values, count, 3, mean), holes);
  for (size_t c = 0; c < 3; c++) {
    double m = json_number_value(json_array_get(json_object_get(expected, "mean"), c));
    double d = json_number_value(json_array_get(json_object_get(expected, "std"), c));
    if (!(fabs(mean[c] - m) < 1e-12 && fabs(deviation[c] - d) < 1e-12)) fail_msg("%g %g", mean[c], m);
  }
  for (int64_t i = 0; i < count * 3; i++) {
    double wanted = json_number_value(json_array_get(json_array_get(filled, (size_t)i / 3), (size_t)i % 3));
    if (!(fabs((double)values[i] - wanted) < 1e-6)) fail_msg("%g for %g", (double)values[i], wanted);
  }
  float none[] = {NAN, NAN};
  assert_int_equal(att_series_fill(none, 2, 1, (double[]){5}), 2);
  assert_true(none[0] == 5 && none[1] == 5);
}

/* ---- .ts ------------------------------------------------------------------------------------------------------ */

static att_series read_labelled(const char *name, const char *text) {
  att_series s;
  if (att_series_read_labelled(ctx, write_text(name, text), &(att_series_columns){0}, true, &s))
    fail_msg("%s", att_message(ctx));
  return s;
}

static void must_have(const att_series *s, int64_t index, const char *label, int64_t rows, const float *values) {
  assert_int_equal(s->labels[index].size, strlen(label));
  assert_memory_equal(s->labels[index].data, label, strlen(label));
  assert_int_equal(s->start[index + 1] - s->start[index], rows);
  for (int64_t i = 0; i < rows * s->channels; i++) {
    float found = s->values[s->start[index] * s->channels + i];
    if (isnan(values[i]) ? !isnan(found) : found != values[i]) fail_msg("value %d is %g", (int)i, (double)found);
  }
}

static void headers_lie(void **state) {
  (void)state;
  /* says equal lengths and none missing, and no timestamps */
  att_series s =
      read_labelled("a.ts", "@equalLength true\n@missing false\n@timeStamps false\n@classLabel true x y\n@data\n"
                            "1,2,3:4,?,6:x\n\n1:2:y\r\n1,2:3:x\n");
  assert_int_equal(s.count, 3);
  assert_int_equal(s.channels, 2);
  must_have(&s, 0, "x", 3, (float[]){1, 4, 2, NAN, 3, 6});
  must_have(&s, 1, "y", 1, (float[]){1, 2});
  must_have(&s, 2, "x", 2, (float[]){1, 3, 2, NAN});
  assert_int_equal(s.missing, 2);
  assert_int_equal(s.line[2], 9);
  att_series_free(ctx, &s);
  s = read_labelled("a.ts",
                    "# a comment\n@data\n(2020-01-01 00:00:00,1.5),(2020-01-01 00:00:10,NaN):(1,7),(2,8):two words\n");
  must_have(&s, 0, "two words", 2, (float[]){1.5f, 7, NAN, 8});
  att_series_free(ctx, &s);
}

static void what_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *name, *text, *clue;
  } cases[] = {
      {"a.ts", "@data\n1,2:3,4:a\n1,2:a\n", "line 3 has 1 channels, the first series has 2"},
      {"a.ts", "@data\n1,inf:a\n", "line 2: not a finite number: \"inf\""},
      {"a.ts", "@data\n1,x:a\n", "not a finite number: \"x\""},
      {"a.ts", "@data\n(2,1),(1,1):a\n", "the times go back at \"1\""},
      {"a.ts", "@data\n(1,1),(1,1):a\n", "a time stands twice: \"1\""},
      {"a.ts", "@data\n(1,1),(2:a\n", "not a time and a value"},
      {"a.ts", "1,2:a\n", "before @data"},
      {"a.ts", "@data\n", "has no series"},
      {"a.ts", "", "has no series"},
      {"a.ts", "@data\n1,2,3\n", "line 2: the series has no label"},
      {"a.ts", "@classLabel true a\n@data\n::::a\n", "line 3 has no values"},
      {"l.csv", "id,time,x,label\na,1,1,u\na,1,2,u\n", "lines 2 and 3 have the same time, 1, in one series"},
      {"l.csv", "id,time,x,label\na,1,1,u\na,2,2,d\n", "line 3: the label \"d\" is not that of the rows before it"},
      {"l.csv", "id,time,x,label\na,1,1,u\na,2,oh,u\n", "line 3: column 3 (\"x\"): \"oh\" is not a finite number"},
      {"l.csv", "id,time,x,label\na,now,1,u\na,2,3,u\n", "line 2: \"now\" is no time"},
      {"l.csv", "id,time,x,label\na,1,1,u\na,2020-01-01,3,u\n", "line 3: the time \"2020-01-01\" is written otherwise"},
      {"l.csv", "id,time,x,label\n", "has no rows"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_series s;
    att_status status =
        att_series_read_labelled(ctx, write_text(cases[i].name, cases[i].text),
                                 &(att_series_columns){.series = cases[i].name[0] == 'l' ? "id" : NULL}, true, &s);
    must_say(status, ATT_FORMAT, cases[i].clue);
    assert_null(s.values);
  }
}

/* A small file asks for a large memory: 60,000 channels, one of them long. */
static void channels_of_very_different_length(void **state) {
  (void)state;
  enum { COLONS = 60000, SIZE = 7 + 2 * 50000 + COLONS + 3 };
  char *text = malloc(SIZE), *at = text;
  at += sprintf(at, "@data\n");
  for (int i = 0; i < 50000; i++) at += sprintf(at, "1,");
  memset(at, ':', COLONS);
  at += COLONS;
  at += sprintf(at, "a\n");
  write_bytes(in_folder("a.ts"), text, (size_t)(at - text));
  free(text);
  att_series s;
  must_say(att_series_read_labelled(ctx, in_folder("a.ts"), &(att_series_columns){0}, true, &s), ATT_FORMAT,
           "channels differ too much");
}

/* ---- tables --------------------------------------------------------------------------------------------------- */

static void tables_long_and_wide(void **state) {
  (void)state;
  att_series s = read_labelled("l.csv", "series,time,x,y,label\nb,2,3,,up\na,1,5,6,down\nb,1,1,NA,up\na,3,7,8,down\n");
  assert_int_equal(s.count, 2);
  assert_int_equal(s.channels, 2);
  must_have(&s, 0, "up", 2, (float[]){1, NAN, 3, NAN});
  must_have(&s, 1, "down", 2, (float[]){5, 6, 7, 8});
  assert_true(s.times[0] == 1 && s.times[1] == 2);
  att_series_free(ctx, &s);
  s = read_labelled("w.csv", "1.5,2,3,up\n4,?,6,down\n7,8,,up\n");
  must_have(&s, 1, "down", 3, (float[]){4, NAN, 6});
  must_have(&s, 2, "up", 2, (float[]){7, 8});
  att_series_free(ctx, &s);
  s = read_labelled("w.tsv", "1\t0.5\t0.25\t2\n2\t1.5\t1.25\t1.125\n"); /* UCR's: the label first */
  must_have(&s, 1, "2", 3, (float[]){1.5f, 1.25f, 1.125f});
  att_series_free(ctx, &s);
}

static void texts_are_no_series(void **state) {
  (void)state;
  static const struct {
    const char *name, *text;
    bool series;
  } cases[] = {{"a.ts", "", true},
               {"a.csv", "text,label\nhello you,a\ngood bye,b\n", false},
               {"a.csv", "id,text,label\n1,hello you,a\n2,good bye,b\n", false},
               {"a.csv", "id,time,text,label\n1,5,hello you,a\n1,6,good bye,b\n", false},
               {"a.csv", "one\ttwo\t1.5\nfive\tsix\t2.5\nsix\tsix\t2.5\n", false},
               {"a.csv", "id,time,x,label\n1,1,5,a\n1,2,6,a\n2,1,3,b\n", true},
               {"a.csv", "1,2,3,up\n4,5,6,down\n", true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool is;
    assert_int_equal(att_series_look(ctx, write_text(cases[i].name, cases[i].text), &(att_series_columns){0}, &is),
                     ATT_OK);
    if (is != cases[i].series) fail_msg("%s", cases[i].text);
  }
}

static att_status read_both(att_context *own, void *arg) {
  (void)arg;
  att_series s;
  bool is;
  ATT_TRY(att_series_look(own, in_folder("l.csv"), &(att_series_columns){0}, &is));
  ATT_TRY(att_series_read_labelled(own, in_folder("l.csv"), &(att_series_columns){0}, true, &s));
  att_series_free(own, &s);
  ATT_TRY(att_series_read_labelled(own, in_folder("a.ts"), &(att_series_columns){0}, true, &s));
  att_series_free(own, &s);
  return ATT_OK;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  write_text("l.csv", "series,time,x,label\nb,2,3,up\na,1,5,down\nb,1,1,up\na,3,7,down\n");
  write_text("a.ts", "@data\n1,2:3,4:a\n1,2:3,4:b\n");
  assert_true(fail_each_allocation(read_both, NULL) > 20);
}

/* ---- classifiers ---------------------------------------------------------------------------------------------- */

/* Rising and falling gestures of 6 to 9 rows, `count` of them. */
static void write_gestures(const char *name, int count, int channels) {
  char text[32768], *at = text;
  at += sprintf(at, "@classLabel true up down\n@data\n");
  for (int i = 0; i < count; i++) {
    for (int c = 0; c < channels; c++) {
      for (int t = 0; t < 6 + i % 4; t++)
        at += sprintf(at, "%s%d.%d", t ? "," : "", c == 0 ? (i % 2 ? 9 - t : t) : 5, (i * 7 + t * 3 + c) % 10);
      at += sprintf(at, ":");
    }
    at += sprintf(at, "%s\n", i % 2 ? "down" : "up");
  }
  write_text(name, text);
}

static att_train_options *options_of(const char *network, const char *out, const char *steps) {
  att_train_options *o;
  const char *const pairs[][2] = {{"data", in_folder("g.ts")},
                                  {"out", out},
                                  {"family", network},
                                  {"steps", steps},
                                  {"width", "16"},
                                  {"seed", "3"},
                                  {"patch", "2"},
                                  {"dropout", "0"},
                                  {"lr", "0.01"}};
  assert_int_equal(att_train_options_new(ctx, "classifier", &o), ATT_OK);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (att_train_options_set(o, pairs[i][0], pairs[i][1])) fail_msg("%s", att_message(ctx));
  return o;
}

typedef struct labelled_so_far {
  int count, right;
  double sum;
} labelled_so_far;

static int count_right(void *user, const att_classification *c) {
  labelled_so_far *so_far = user;
  assert_int_equal(c->line, so_far->count);
  so_far->right += c->best == (size_t)(c->line % 2 ? 0 : 1); /* down, up */
  so_far->sum += c->scores[0] + c->scores[1];
  so_far->count++;
  return 0;
}

static void networks_learn_gestures(void **state) {
  (void)state;
  static const char *const networks[] = {"transformer", "rnn", "lstm", "gru", "ffn"};
  write_gestures("g.ts", 40, 2);
  for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
    char out[600];
    snprintf(out, sizeof out, "%s", in_folder(networks[i]));
    att_train_options *o = options_of(networks[i], out, "40");
    if (att_train(ctx, o, NULL, NULL)) fail_msg("%s: %s", networks[i], att_message(ctx));
    att_train_options_free(o);
    att_model *model;
    att_evaluation e;
    labelled_so_far so_far = {0};
    assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
    assert_int_equal(model->series->channels, 2);
    assert_int_equal(model->config.input_width, 4);
    assert_int_equal(att_evaluate(model, in_folder("g.ts"), NULL, &e), ATT_OK);
    if (!(e.measures[0].value > 0.9)) fail_msg("%s: accuracy %g", networks[i], e.measures[0].value);
    assert_int_equal(e.count, 40);
    att_release(ctx, (void *)(uintptr_t)e.confusion);
    assert_int_equal(att_classify_series(model, in_folder("g.ts"), count_right, &so_far), ATT_OK);
    assert_int_equal(so_far.count, 40);
    assert_true(so_far.right > 36 && fabs(so_far.sum - 40) < 1e-6);
    write_gestures("other.ts", 4, 3);
    must_say(att_classify_series(model, in_folder("other.ts"), count_right, &so_far), ATT_FORMAT,
             "its series have 3 channels, the model reads 2");
    const att_text line = {"hello", 5};
    must_say(att_classify(model, &line, NULL, 1, 0, count_right, &so_far), ATT_UNSUPPORTED,
             "reads series of 2 channels");
    att_model_close(model);
  }
}

static void an_interrupted_run_ends_in_the_same_bits(void **state) {
  (void)state;
  static const char *const names[] = {"model.safetensors", "series.json", "checkpoint/optimizer.safetensors"};
  char whole[600], parts[600];
  int64_t next = 7;
  write_gestures("g.ts", 24, 1);
  snprintf(whole, sizeof whole, "%s", in_folder("whole"));
  snprintf(parts, sizeof parts, "%s", in_folder("parts"));
  att_train_options *o = options_of("transformer", whole, "12");
  assert_int_equal(att_train(ctx, o, NULL, NULL), ATT_OK);
  att_train_options_free(o);
  o = options_of("transformer", parts, "12");
  assert_int_equal(att_train_options_set(o, "resume", "yes"), ATT_OK);
  assert_int_equal(att_train(ctx, o, interrupt_at, &next), ATT_INTERRUPTED);
  assert_int_equal(att_train(ctx, o, NULL, NULL), ATT_OK);
  att_train_options_free(o);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char a[1024], b[1024];
    snprintf(a, sizeof a, "%s/%s", whole, names[i]);
    snprintf(b, sizeof b, "%s/%s", parts, names[i]);
    same_files(a, b);
  }
}

/* A rising curve and a still one, in two channels. */
static void write_curve(float *values, int rows) {
  for (int r = 0; r < rows; r++) values[2 * r] = (float)(r * r), values[2 * r + 1] = 3;
}

static void series_are_warped(void **state) {
  (void)state;
  enum { ROWS = 50 };
  float plain[2 * ROWS], first[2 * ROWS], again[2 * ROWS], other[2 * ROWS], room[2 * ROWS];
  write_curve(plain, ROWS), write_curve(first, ROWS), write_curve(again, ROWS), write_curve(other, ROWS);
  att_series_warp(first, ROWS, 2, 0, 7, room);
  att_series_warp(again, ROWS, 2, 0, 7, room);
  att_series_warp(other, ROWS, 2, 0, 8, room);
  assert_memory_equal(first, again, sizeof first);
  assert_memory_not_equal(first, other, sizeof first);
  assert_memory_not_equal(first, plain, sizeof first);
  for (int r = 0; r < ROWS; r++) { /* in the order of time, of what was there, and nothing louder */
    assert_true(first[2 * r] >= 0 && first[2 * r] <= plain[2 * ROWS - 2]);
    assert_true(r == 0 || first[2 * r] > first[2 * r - 2]);
    assert_true(fabsf(first[2 * r + 1] - 3) < 1e-5F);
  }
  att_series_warp(again, ROWS, 2, 0.15, 9, room);
  for (int r = 1; r < ROWS; r++) assert_true(fabsf(again[2 * r + 1] - again[1]) < 1e-5F); /* one factor a channel */
  assert_true(fabsf(again[1] - 3) > 1e-3F && again[1] > 1 && again[1] < 9);
  write_curve(again, 7);
  att_series_warp(again, 7, 2, 0.15, 9, room); /* too short to be varied */
  assert_memory_equal(again, plain, 7 * 2 * sizeof *again);
}

/* Dates between slashes: what cannot be a month is a day, else the steps are to be even. Their distance is Python's. */
static void slashes_mean_what_is_even(void **state) {
  (void)state;
  static const struct {
    const char *times[3];
    int days[2];
    char date;
  } cases[] = {{{"12/31/2019", "1/1/2020", "1/2/2020"}, {1, 1}, 'm'},
               {{"31/12/2019", "01/01/2020", "02/01/2020"}, {1, 1}, 'd'},
               {{"02/03/2021 10:00", "03/03/2021 10:00", "04/03/2021 10:00"}, {1, 1}, 'd'},
               {{"2021/03/02", "2021/03/03", "2021/04/03"}, {1, 31}, '/'}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char table[128], spelled[48];
    const att_series_columns none = {0};
    att_series s;
    snprintf(table, sizeof table, "when,house\n%s,1\n%s,2\n%s,3\n", cases[i].times[0], cases[i].times[1],
             cases[i].times[2]);
    if (att_series_read_timed(ctx, write_text("t.csv", table), &none, &s)) fail_msg("%s", att_message(ctx));
    assert_int_equal(s.form.date, cases[i].date);
    for (int step = 0; step < 2; step++)
      assert_true(s.times[step + 1] - s.times[step] == cases[i].days[step] * 86400.0);
    const char *last = cases[i].times[2];
    if (strlen(last) >= 10) assert_string_equal(att_time_spell(s.times[2], &s.form, spelled), last);
    att_series_free(ctx, &s);
  }
  att_series s; /* the first of each month; as days they would leap from January the 12th to the next year */
  const att_series_columns named = {.time = "when"};
  char table[512] = "when,house\n";
  for (int month = 0; month < 14; month++)
    snprintf(table + strlen(table), 32, "%d/1/%d,%d\n", month % 12 + 1, 2020 + month / 12, month);
  if (att_series_read_timed(ctx, write_text("t.csv", table), &named, &s)) fail_msg("%s", att_message(ctx));
  assert_true(s.form.date == 'm' && s.times[1] - s.times[0] == 31 * 86400.0 &&
              s.times[13] - s.times[12] == 31 * 86400.0);
  att_series_free(ctx, &s);
  must_say(att_series_read_timed(ctx, write_text("t.csv", "when,house\n13/01/2020,1\n01/13/2020,2\n"), &named, &s),
           ATT_FORMAT, "line 3");
}

/* Times without a known name, dates with points, commas for points, a table without times. */
static void tables_of_many_countries(void **state) {
  (void)state;
  att_series s;
  const att_series_columns none = {0};
  const char *path = write_text("t.csv", "Zeit;Haus;Ort\n01.02.2023 00:00;20,5;a\n01.02.2023 01:00;-1,25;b\n"
                                         "01.02.2023 02:00;7;c\n");
  if (att_series_read_timed(ctx, path, &none, &s)) fail_msg("%s", att_message(ctx));
  assert_int_equal(s.channels, 1);
  assert_true(s.timed && s.values[0] == 20.5F && s.values[1] == -1.25F && s.values[2] == 7);
  assert_true(s.times[1] - s.times[0] == 3600 && s.times[0] == 19389.0 * 86400);
  char text[48];
  assert_string_equal(att_time_spell(s.times[2], &s.form, text), "01.02.2023 02:00");
  att_series_free(ctx, &s);
  path = write_text("t.csv", "when,house\n2023-01-01T00:00:00,1\n2023-01-01T01:00:00,2\n");
  if (att_series_read_timed(ctx, path, &none, &s)) fail_msg("%s", att_message(ctx));
  assert_true(s.timed && s.channels == 1);
  att_series_free(ctx, &s);
  path = write_text("t.csv", "Zeit;Haus\n31.02.2023;1\n");
  must_say(att_series_read_timed(ctx, path, &none, &s), ATT_FORMAT, "no column has times");
}

static char said[2048];

static void on_log(void *user, att_log_level level, const char *text) {
  (void)user;
  if (level != ATT_LOG_WARNING || strlen(said) + strlen(text) + 2 > sizeof said) return;
  strcat(strcat(said, text), "\n");
}

static int count_any(void *user, const att_classification *c) {
  (void)c;
  ++*(int *)user;
  return 0;
}

/* When series are labelled and measured as when they are learned from; a channel without any value by its name. */
static void missing_values_are_said(void **state) {
  (void)state;
  const att_context_options with_log = {.size = sizeof with_log, .log = on_log};
  static const char *const wanted[] = {"h.ts: 5 of 10 values are missing",
                                       "h.ts: channel 2 has no value in 1 of 2 series: its mean in training is taken"};
  att_context *own;
  att_model *model;
  att_evaluation e;
  int count = 0;
  write_gestures("g.ts", 24, 2);
  att_train_options *o = options_of("gru", in_folder("out"), "2");
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(o);
  write_text("h.ts", "@classLabel true up down\n@data\n1,2,3:?,?,?:up\n3,?:2,?:down\n");
  assert_int_equal(att_context_new(&with_log, &own), ATT_OK);
  assert_int_equal(att_model_open(own, in_folder("out"), &model), ATT_OK);
  said[0] = '\0';
  if (att_classify_series(model, in_folder("h.ts"), count_any, &count)) fail_msg("%s", att_message(own));
  assert_int_equal(count, 2);
  for (int i = 0; i < 2; i++)
    if (!strstr(said, wanted[i])) fail_msg("\"%s\" is not in \"%s\"", wanted[i], said);
  said[0] = '\0';
  if (att_evaluate(model, in_folder("h.ts"), NULL, &e)) fail_msg("%s", att_message(own));
  att_release(own, (void *)(uintptr_t)e.confusion);
  for (int i = 0; i < 2; i++)
    if (!strstr(said, wanted[i])) fail_msg("\"%s\" is not in \"%s\"", wanted[i], said);
  said[0] = '\0';
  if (att_evaluate(model, in_folder("g.ts"), NULL, &e)) fail_msg("%s", att_message(own));
  att_release(own, (void *)(uintptr_t)e.confusion);
  assert_string_equal(said, "");
  att_model_close(model);
  att_context_free(own);
}

static void options_of_text_are_refused(void **state) {
  (void)state;
  write_gestures("g.ts", 24, 1);
  att_train_options *o = options_of("transformer", in_folder("out"), "2");
  assert_int_equal(att_train_options_set(o, "vocab", "300"), ATT_OK);
  must_say(att_train(ctx, o, NULL, NULL), ATT_ARGUMENT, "holds series, for which there is no --vocab");
  att_train_options_free(o);
  write_text("t.tsv", "a text\tx\nanother one\ty\n");
  o = options_of("transformer", in_folder("out"), "2");
  assert_int_equal(att_train_options_set(o, "data", in_folder("t.tsv")), ATT_OK);
  assert_int_equal(att_train_options_set(o, "warping", "no"), ATT_OK);
  must_say(att_train(ctx, o, NULL, NULL), ATT_ARGUMENT, "--warping is for series, and ");
  att_train_options_free(o);
}

static int begin_all(void **state) {
  return begin(state) || att_json_open(ctx, ATT_TEST_DATA "/series/expected.json", &expected) != ATT_OK;
}

static int end_all(void **state) {
  json_decref(expected);
  return end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_are_python_s),
      cmocka_unit_test(frequencies_are_found),
      cmocka_unit_test(times_of_less_than_a_second),
      cmocka_unit_test(missing_values_are_numpy_s),
      cmocka_unit_test_teardown(headers_lie, empty_folder),
      cmocka_unit_test_teardown(what_is_refused, empty_folder),
      cmocka_unit_test_teardown(channels_of_very_different_length, empty_folder),
      cmocka_unit_test_teardown(tables_long_and_wide, empty_folder),
      cmocka_unit_test_teardown(texts_are_no_series, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
      cmocka_unit_test_teardown(networks_learn_gestures, empty_folder),
      cmocka_unit_test_teardown(an_interrupted_run_ends_in_the_same_bits, empty_folder),
      cmocka_unit_test(series_are_warped),
      cmocka_unit_test_teardown(slashes_mean_what_is_even, empty_folder),
      cmocka_unit_test_teardown(tables_of_many_countries, empty_folder),
      cmocka_unit_test_teardown(missing_values_are_said, empty_folder),
      cmocka_unit_test_teardown(options_of_text_are_refused, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin_all, end_all);
}
