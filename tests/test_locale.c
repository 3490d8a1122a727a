/*
 * The library under a locale with a decimal comma, which a host program may have set for a thread or for its process:
 * what it reads, writes and says is the same to the byte. The locale is made here, as a bare machine has none.
 */
#include "run_fixture.h"

#include "formats/json.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static locale_t comma;

/* A compiled LC_NUMERIC as glibc maps it: magic number, count of items, where each begins, the items. */
static void write_locale(void) {
  const struct {
    uint32_t magic, count, point, thousands, grouping, wide_point, wide_thousands, charset;
    char texts[4];
    uint32_t wide[2];
    char name[8];
  } file = {0x20031115 ^ 1, 6, 32, 34, 35, 36, 40, 44, ",", {',', 0}, "UTF-8"};
  assert_int_equal(mkdir(in_folder("xx"), 0700), 0);
  write_bytes(in_folder("xx/LC_NUMERIC"), &file, 50);
}

static int set_up(void **state) {
  if (begin(state)) return 1;
  write_locale();
  setenv("LOCPATH", folder, 1);
  if (setlocale(LC_NUMERIC, "xx"))
    comma = duplocale(LC_GLOBAL_LOCALE); /* glibc's newlocale forgets the path's memory */
  setlocale(LC_NUMERIC, "C");
  return 0;
}

static int tear_down(void **state) {
  if (comma) freelocale(comma);
  remove_all(in_folder("xx"));
  return end(state);
}

/* False where this C library cannot be given a locale: glibc can. */
static bool enter_comma(bool whole_process) {
  char text[16];
#ifndef __GLIBC__
  if (!comma) return false;
#endif
  assert_true(comma != (locale_t)0);
  if (whole_process)
    assert_non_null(setlocale(LC_NUMERIC, "xx"));
  else
    uselocale(comma);
  snprintf(text, sizeof text, "%.1f", 0.5);
  assert_string_equal(text, "0,5");
  assert_true(strtod("0.5", NULL) == 0); /* what the test is about does happen here */
  return true;
}

static void leave_comma(void) {
  uselocale(LC_GLOBAL_LOCALE);
  setlocale(LC_NUMERIC, "C");
}

/* ---- one of each ------------------------------------------------------------------------------------------------ */

static void keep(att_buffer *out, const char *text) {
  assert_int_equal(att_buffer_append(ctx, out, text, strlen(text)), ATT_OK);
  assert_int_equal(att_buffer_append(ctx, out, "\n", 1), ATT_OK);
}

static void numbers(att_buffer *out) {
  static const double values[] = {0.5, -1.0 / 3, 5e-324, 1.7976931348623157e308, 1e22, NAN};
  static const char *const texts[] = {"0.5", "-1.25e-3", "7", ".5", "0,5", "0x1p3", "nan", "1e999", "", " 1"};
  char text[64];
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    assert_int_equal(att_json_put_number(ctx, out, values[i]), ATT_OK);
    keep(out, "");
    assert_int_equal(att_json_put_float(ctx, out, (float)values[i]), ATT_OK);
    keep(out, "");
  }
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    double value = -1;
    bool read = att_read_number(texts[i], strlen(texts[i]), &value);
    att_format(text, sizeof text, "%s: %d %.3f", texts[i], read, read ? value : 0);
    keep(out, text);
  }
  assert_int_equal(att_buffer_print(ctx, out, "%.2f %g\n", 0.25, 1.5), ATT_OK);
  att_fail(ctx, ATT_ARGUMENT, "%g is not from %.1f to 1", 1.5, 0.5);
  keep(out, att_message(ctx));
  json_t *root;
  assert_int_equal(att_json_parse(ctx, "text", "{\"a\": 0.125}", 12, &root), ATT_OK);
  assert_true(json_number_value(json_object_get(root, "a")) == 0.125);
  json_decref(root);
}

static void measures(att_buffer *out) {
  const att_text lines[] = {{"a b c d e f", 11}, {"b a c e d f g", 13}}, *reference = lines + 1;
  att_bleu_options options;
  att_bleu_result result;
  att_bleu_options_default(&options);
  options.smoothing = ATT_SMOOTH_FLOOR;
  for (int metric = 0; metric < 3; metric++) {
    options.metric = (att_bleu_metric)metric;
    assert_int_equal(att_bleu(ctx, lines, 1, &reference, 1, &options, &result), ATT_OK);
    keep(out, result.line);
    keep(out, result.signature);
  }
}

static void pictures(att_buffer *out) {
  att_model *model;
  att_attention *attention;
  att_look_options options;
  att_look_options_default(&options);
  options.part = ATT_LOOK_DECODER;
  if (att_model_open(ctx, ATT_TEST_DATA "/look_gpt2", &model)) fail_msg("%s", att_message(ctx));
  if (att_look(model, (att_text){"The man", 7}, (att_text){0}, &attention)) fail_msg("%s", att_message(ctx));
  for (int format = 0; format <= ATT_LOOK_JSON; format++) {
    char *text;
    size_t size;
    assert_int_equal(att_attention_render(attention, (att_look_format)format, &options, &text, &size), ATT_OK);
    keep(out, text);
    att_release(ctx, text);
  }
  att_attention_free(attention);
  att_model_close(model);
}

static void watch(void *user, const att_progress *p) {
  if (p->kind == ATT_PROGRESS_PLAN) keep(user, p->text);
}

/* Labels that are numbers, a file of texts with them; what is learned is in out. */
static void learn(att_buffer *text, const char *out) {
  char data[512], line[64];
  FILE *file = fopen(in_folder("data.tsv"), "w");
  assert_non_null(file);
  for (int i = 0; i < 40; i++)
    att_format(line, sizeof line, "word %d\t%.2f\n", i % 7, 0.25 * (i % 7)), fputs(line, file);
  fclose(file);
  snprintf(data, sizeof data, "%s", in_folder("data.tsv"));
  static const char *const settings[][2] = {
      {"seed", "5"},  {"steps", "4"},   {"lr", "2.5e-3"},      {"dropout", "0.125"}, {"layers", "1"}, {"width", "8"},
      {"heads", "2"}, {"vocab", "270"}, {"feedforward", "16"}, {"context", "16"},    {"batch", "8"}};
  att_train_options *o;
  assert_int_equal(att_train_options_new(ctx, "classifier", &o), ATT_OK);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    if (att_train_options_set(o, settings[i][0], settings[i][1])) fail_msg("%s", att_message(ctx));
  if (att_train_options_set(o, "data", data) || att_train_options_set(o, "out", out)) fail_msg("%s", att_message(ctx));
  if (att_train(ctx, o, watch, text)) fail_msg("%s", att_message(ctx));
  if (att_train_options_set(o, "out", in_folder("not-made"))) fail_msg("%s", att_message(ctx));
  att_status status = att_train_options_set(o, "min-lr", "3.5");
  assert_int_equal(status ? status : att_train(ctx, o, watch, text), ATT_ARGUMENT);
  att_train_options_free(o);
  keep(text, att_message(ctx));
}

/* ---- the same in every locale ------------------------------------------------------------------------------------ */

static void texts_are_the_same(void **state) {
  (void)state;
  att_buffer plain = {0}, with_comma = {0};
  numbers(&plain), measures(&plain), pictures(&plain);
  assert_non_null(strstr(plain.data, "0.5: 1 0.500"));
  assert_non_null(strstr(plain.data, "smooth:floor[0.10]"));
  for (int whole_process = 0; whole_process < 2; whole_process++) {
    if (!enter_comma(whole_process)) skip();
    with_comma.size = 0;
    numbers(&with_comma), measures(&with_comma), pictures(&with_comma);
    leave_comma();
    assert_string_equal(with_comma.data, plain.data);
  }
  att_buffer_free(ctx, &plain);
  att_buffer_free(ctx, &with_comma);
}

static void training_is_the_same(void **state) {
  (void)state;
  char plain_out[512], out[512];
  att_buffer plain = {0}, with_comma = {0};
  snprintf(plain_out, sizeof plain_out, "%s/plain", folder);
  learn(&plain, plain_out);
  assert_non_null(strstr(plain.data, "0.0025"));
  for (int whole_process = 0; whole_process < 2; whole_process++) {
    snprintf(out, sizeof out, "%s/comma-%d", folder, whole_process);
    if (!enter_comma(whole_process)) skip();
    with_comma.size = 0;
    learn(&with_comma, out);
    leave_comma();
    assert_string_equal(with_comma.data, plain.data);
    same_runs(plain_out, out);
    remove_all(out);
  }
  remove_all(plain_out);
  remove(in_folder("data.tsv"));
  att_buffer_free(ctx, &plain);
  att_buffer_free(ctx, &with_comma);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_the_same),
      cmocka_unit_test(training_is_the_same),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
