/*
 * Where models of series and of piano rolls look, and what moves them, against Hugging Face Transformers and PyTorch's
 * autograd (tools/make_look_series_fixtures.py, make_look_roll_fixtures.py); the pictures of it; what is refused; every
 * allocation failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting.h"
#include "models/patching.h"
#include "view/view.h"

static att_context *ctx;
static json_t *fixture, *rolls;

static int set_up(void **state) {
  json_error_t error;
  (void)state;
  fixture = json_load_file(ATT_TEST_DATA "/view_look_series.json", 0, &error);
  rolls = json_load_file(ATT_TEST_DATA "/view_look_roll.json", 0, &error);
  return !fixture || !rolls || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  (void)state;
  json_decref(fixture);
  json_decref(rolls);
  att_context_free(ctx);
  return 0;
}

static att_model *open_model(att_context *in, const json_t *theirs) {
  char path[512];
  att_model *model;
  snprintf(path, sizeof path, ATT_TEST_DATA "/%s", json_string_value(json_object_get(theirs, "folder")));
  if (att_model_open(in, path, &model) != ATT_OK) return NULL;
  return model;
}

/* [rows, channels]; free. */
static float *values_of(const json_t *theirs, size_t *rows, size_t *channels) {
  const json_t *list = json_object_get(theirs, "values");
  *rows = json_array_size(list);
  *channels = json_array_size(json_array_get(list, 0));
  float *values = malloc(*rows * *channels * sizeof *values);
  for (size_t i = 0; i < *rows * *channels; i++)
    values[i] = (float)json_number_value(json_array_get(json_array_get(list, i / *channels), i % *channels));
  return values;
}

static void near(double mine, const json_t *theirs, double tolerance) {
  double wanted = json_number_value(theirs);
  if (!(fabs(mine - wanted) <= tolerance * fmax(1, fabs(wanted)))) fail_msg("%.9g is not %.9g", mine, wanted);
}

static void check_attention(const att_attention_map *map, const json_t *layers) {
  const float *at = map->weights;
  assert_int_equal(map->layers, json_array_size(layers));
  assert_int_equal(map->heads, json_array_size(json_array_get(layers, 0)));
  assert_true(map->layers * map->heads > 1 && map->keys > 1 && map->queries == map->keys);
  for (size_t l = 0; l < map->layers; l++)
    for (size_t h = 0; h < map->heads; h++)
      for (size_t q = 0; q < map->queries; q++) {
        const json_t *row = json_array_get(json_array_get(json_array_get(layers, l), h), q);
        assert_int_equal(json_array_size(row), map->keys);
        for (size_t k = 0; k < map->keys; k++) near((double)*at++, json_array_get(row, k), 1e-5);
      }
}

static void check_model(const json_t *theirs) {
  size_t rows, channels, channel = (size_t)json_integer_value(json_object_get(theirs, "channel"));
  const json_t *gradient = json_object_get(theirs, "gradient");
  float *values = values_of(theirs, &rows, &channels);
  att_model *model = open_model(ctx, theirs);
  att_attention *attention;
  const att_attention_map *map;
  assert_non_null(model);
  if (att_look_values(model, values, rows, channel, false, &attention)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_attention_get(attention, ATT_LOOK_ENCODER, &map), ATT_OK);
  check_attention(map, json_object_get(theirs, "attention"));
  assert_true(attention->signal.kind == ATT_SIGNAL_CURVES && attention->signal.columns == 4 * map->keys);
  att_attention_free(attention);
  if (att_look_values(model, values, rows, channel, true, &attention)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_attention_get(attention, ATT_LOOK_ENCODER, &map), ATT_OK);
  assert_true(map->queries == 1 && map->keys == json_array_size(gradient));
  double sum = 0;
  for (size_t k = 0; k < map->keys; k++) {
    near((double)map->weights[k], json_array_get(gradient, k), 1e-4);
    sum += (double)map->weights[k];
  }
  assert_true(sum > 0);
  att_attention_free(attention);
  att_model_close(model);
  free(values);
}

static void test_as_transformers(void **state) {
  (void)state;
  assert_int_equal(json_array_size(fixture), 3);
  for (size_t i = 0; i < 3; i++) check_model(json_array_get(fixture, i));
}

static void test_pictures(void **state) {
  (void)state;
  const json_t *theirs = json_array_get(fixture, 0);
  size_t rows, channels, size;
  float *values = values_of(theirs, &rows, &channels);
  att_model *model = open_model(ctx, theirs);
  att_attention *attention;
  att_look_options options;
  char *text;
  assert_int_equal(att_look_values(model, values, rows, 0, false, &attention), ATT_OK);
  att_look_options_default(&options);
  options.part = ATT_LOOK_ENCODER;
  assert_int_equal(att_attention_render(attention, ATT_LOOK_TERMINAL, &options, &text, &size), ATT_OK);
  assert_non_null(strstr(text, "mean "));
  assert_non_null(strstr(text, "|-20")); /* the row of the first patch: the window has one more than its patches take */
  assert_non_null(strstr(text, "\xe2\xa3")); /* a curve in braille */
  att_release(ctx, text);
  options.unicode = false;
  assert_int_equal(att_attention_render(attention, ATT_LOOK_TERMINAL, &options, &text, &size), ATT_OK);
  for (size_t i = 0; i < size; i++) assert_true((unsigned char)text[i] < 0x80);
  assert_non_null(strchr(text, '*'));
  att_release(ctx, text);
  assert_int_equal(att_attention_render(attention, ATT_LOOK_SVG, &options, &text, &size), ATT_OK);
  assert_non_null(strstr(text, "<polyline"));
  att_release(ctx, text);
  assert_int_equal(att_attention_render(attention, ATT_LOOK_JSON, &options, &text, &size), ATT_OK);
  json_t *root = json_loads(text, 0, NULL);
  assert_int_equal(json_array_size(json_object_get(json_object_get(root, "series"), "levels")), 1);
  json_decref(root);
  att_release(ctx, text);
  att_attention_free(attention);
  att_model_close(model);
  free(values);
}

static void must_say(att_status status, att_status wanted, const char *clue) {
  assert_int_equal(status, wanted);
  if (!strstr(att_message(ctx), clue)) fail_msg("%s: nothing of %s", att_message(ctx), clue);
}

static void test_refusals(void **state) {
  (void)state;
  const json_t *theirs = json_array_get(fixture, 0);
  size_t rows, channels;
  float *values = values_of(theirs, &rows, &channels);
  att_model *model = open_model(ctx, theirs), *text;
  att_attention *attention = (att_attention *)ctx;
  must_say(att_look_values(model, values, 5, 0, false, &attention), ATT_ARGUMENT, "5 rows, and the model reads 21");
  assert_null(attention);
  must_say(att_look_values(model, values, 0, 0, false, &attention), ATT_ARGUMENT, "empty");
  must_say(att_look_values(model, values, rows, 3, true, &attention), ATT_ARGUMENT, "no channel 3");
  must_say(att_look_series(model, "nowhere.csv", 0, NULL, false, &attention), ATT_IO, "nowhere.csv");
  must_say(att_look_series(model, NULL, 0, NULL, false, &attention), ATT_ARGUMENT, "no path");
  must_say(att_look_series(model, "nowhere.csv", 0, "4", false, &attention), ATT_ARGUMENT, "no column \"4\"");
  values[(rows - 1) * channels] = NAN; /* a folder without series.json fills nothing */
  must_say(att_look_values(model, values, rows, 0, false, &attention), ATT_NUMERIC, "NaN");
  assert_int_equal(att_model_open(ctx, ATT_TEST_DATA "/look_bert", &text), ATT_OK);
  must_say(att_look_values(text, values, rows, 0, false, &attention), ATT_UNSUPPORTED, "reads no series");
  must_say(att_look_series(text, "x.ts", 0, NULL, false, &attention), ATT_UNSUPPORTED, "reads no series");
  att_model_close(text);
  att_model_close(model);
  free(values);
}

/* ---- piano rolls ---- */

enum { KEYS = 88, FIRST = 21, FRAMES = 9 };

/* [FRAMES, KEYS]; free. */
static float *frames_of(const json_t *theirs) {
  const json_t *list = json_object_get(theirs, "frames"), *key;
  float *values = calloc(FRAMES * KEYS, sizeof *values);
  size_t k;
  assert_int_equal(json_array_size(list), FRAMES);
  for (size_t f = 0; f < FRAMES; f++)
    json_array_foreach(json_array_get(list, f), k, key) values[f * KEYS + (size_t)json_integer_value(key) - FIRST] = 1;
  return values;
}

static void check_roll(const json_t *theirs) {
  const json_t *attention_there = json_object_get(theirs, "attention"), *gradient = json_object_get(theirs, "gradient");
  float *values = frames_of(theirs);
  att_model *model = open_model(ctx, theirs);
  att_attention *attention;
  const att_attention_map *map;
  char said[64];
  assert_non_null(model);
  att_status status = att_look_values(model, values, FRAMES, 0, false, &attention);
  assert_int_equal(status, attention_there ? ATT_OK : ATT_UNSUPPORTED);
  if (attention_there) {
    assert_int_equal(att_attention_get(attention, ATT_LOOK_DECODER, &map), ATT_OK);
    check_attention(map, attention_there);
    assert_string_equal(map->key_labels[0], "start");
    assert_string_equal(map->key_labels[8], "8");
    assert_string_equal(map->query_labels[8], "9");
    att_attention_free(attention);
  }
  if (att_look_values(model, values, FRAMES, 0, true, &attention)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_attention_get(attention, ATT_LOOK_DECODER, &map), ATT_OK);
  assert_true(map->layers == 1 && map->heads == 1 && map->queries == FRAMES && map->keys == FRAMES);
  assert_int_equal(json_array_size(gradient), FRAMES);
  double sum = 0;
  for (size_t i = 0; i < FRAMES * FRAMES; i++) {
    near((double)map->weights[i], json_array_get(json_array_get(gradient, i / FRAMES), i % FRAMES), 1e-4);
    sum += (double)map->weights[i];
  }
  assert_true(sum > 1);
  double nats = json_number_value(json_object_get(theirs, "nats")) / FRAMES;
  snprintf(said, sizeof said, "9 frames, %.4g nats a frame", nats);
  assert_true(nats > 1);
  assert_string_equal(attention->target, said);
  att_attention_free(attention);
  att_model_close(model);
  free(values);
}

static void test_rolls_as_pytorch(void **state) {
  (void)state;
  assert_int_equal(json_array_size(rolls), 2);
  for (size_t i = 0; i < 2; i++) check_roll(json_array_get(rolls, i));
}

static size_t count_of(const char *text, const char *what) {
  size_t count = 0;
  for (; (text = strstr(text, what)); text++) count++;
  return count;
}

/* What is read of them: nine rows, of which the first is empty; keys from 21 to 108, a note each stretch of a key. */
static void test_pictures_of_rolls(void **state) {
  (void)state;
  const json_t *theirs = json_array_get(rolls, 0), *roll;
  float *values = frames_of(theirs);
  att_model *model = open_model(ctx, theirs);
  att_attention *attention;
  att_look_options options;
  char *text;
  size_t size;
  assert_int_equal(att_look_values(model, values, FRAMES, 0, false, &attention), ATT_OK);
  att_look_options_default(&options);
  options.part = ATT_LOOK_DECODER;
  assert_int_equal(att_attention_render(attention, ATT_LOOK_TERMINAL, &options, &text, &size), ATT_OK);
  assert_true(strstr(text, "  C4 ") && strstr(text, "  C8 ") && strstr(text, "mean ") && strstr(text, "|0 "));
  att_release(ctx, text);
  options.unicode = false;
  assert_int_equal(att_attention_render(attention, ATT_LOOK_TERMINAL, &options, &text, &size), ATT_OK);
  for (size_t i = 0; i < size; i++) assert_true((unsigned char)text[i] < 0x80);
  assert_non_null(strchr(text, '*'));
  att_release(ctx, text);
  assert_int_equal(att_attention_render(attention, ATT_LOOK_SVG, &options, &text, &size), ATT_OK);
  assert_int_equal(count_of(text, "fill=\"#1c4f8c\""), 14);
  assert_int_equal(count_of(text, ">C4</text>"), 1);
  att_release(ctx, text);
  assert_int_equal(att_attention_render(attention, ATT_LOOK_JSON, &options, &text, &size), ATT_OK);
  json_t *root = json_loads(text, 0, NULL);
  assert_non_null(roll = json_object_get(root, "roll"));
  assert_int_equal(json_integer_value(json_object_get(roll, "lowest")), 21);
  assert_int_equal(json_number_value(json_object_get(roll, "frames")), FRAMES);
  const json_t *line = json_array_get(json_object_get(roll, "levels"), 60 - 21);
  assert_int_equal(json_array_size(json_object_get(roll, "levels")), KEYS);
  assert_int_equal(json_array_size(line), 4 * FRAMES);
  for (size_t c = 0; c < 4 * FRAMES; c++) {
    size_t row = c / 4;
    bool sounds = row && values[(row - 1) * KEYS + 60 - FIRST] > 0;
    assert_int_equal(json_number_value(json_array_get(line, c)), sounds);
  }
  json_decref(root);
  att_release(ctx, text);
  att_attention_free(attention);
  att_model_close(model);
  free(values);
}

static void test_refusals_of_rolls(void **state) {
  (void)state;
  const json_t *theirs = json_array_get(rolls, 0);
  float *values = frames_of(theirs);
  att_model *model = open_model(ctx, theirs), *series = open_model(ctx, json_array_get(fixture, 0));
  att_attention *attention = (att_attention *)ctx;
  must_say(att_look_values(model, values, 0, 0, false, &attention), ATT_ARGUMENT, "empty");
  assert_null(attention);
  values[2 * KEYS] = 0.5f;
  must_say(att_look_values(model, values, FRAMES, 0, true, &attention), ATT_ARGUMENT, "frame 3: a key sounds");
  values[2 * KEYS] = NAN;
  must_say(att_look_values(model, values, FRAMES, 0, false, &attention), ATT_ARGUMENT, "frame 3: a key sounds");
  must_say(att_look_roll(model, "nowhere.json", 0, 1, false, &attention), ATT_IO, "nowhere.json");
  must_say(att_look_roll(model, "nowhere.mid", 3, 1, false, &attention), ATT_ARGUMENT, "no tune 4: it has 1");
  must_say(att_look_roll(model, NULL, 0, 1, false, &attention), ATT_ARGUMENT, "no path");
  must_say(att_look_roll(model, "x.mid", 0, 0, false, &attention), ATT_ARGUMENT, "from 1 to 480");
  must_say(att_look_roll(series, "x.json", 0, 1, false, &attention), ATT_UNSUPPORTED, "");
  must_say(att_look_series(model, "x.csv", 0, NULL, false, &attention), ATT_UNSUPPORTED, "reads no series");
  att_model_close(series);
  att_model_close(model);
  free(values);
}

/* Each fixture's first model: of series or, frames above 0, of piano rolls. */
typedef struct scarce {
  const json_t *theirs;
  bool gradient;
  size_t frames;
} scarce;

static att_status look_scarcely(att_context *in, void *arg) {
  const scarce *of = arg;
  size_t rows = of->frames, channels;
  float *values = rows ? frames_of(of->theirs) : values_of(of->theirs, &rows, &channels);
  att_model *model = open_model(in, of->theirs);
  att_attention *attention = NULL;
  att_status status = model ? att_look_values(model, values, rows, 1, of->gradient, &attention) : ATT_MEMORY;
  att_attention_free(attention);
  att_model_close(model);
  free(values);
  return status;
}

static void test_little_memory(void **state) {
  (void)state;
  for (int gradient = 0; gradient < 2; gradient++) {
    scarce series = {json_array_get(fixture, 0), gradient, 0}, roll = {json_array_get(rolls, 0), gradient, FRAMES};
    assert_true(fail_each_allocation(look_scarcely, &series) > 30);
    assert_true(fail_each_allocation(look_scarcely, &roll) > 30);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_transformers),   cmocka_unit_test(test_pictures),
      cmocka_unit_test(test_refusals),          cmocka_unit_test(test_little_memory),
      cmocka_unit_test(test_rolls_as_pytorch),  cmocka_unit_test(test_pictures_of_rolls),
      cmocka_unit_test(test_refusals_of_rolls),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
