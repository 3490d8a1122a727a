/*
 * Training options, all of them, as the library lists them: no test here names one of the list by hand. Each is in
 * --help and the man page; setting takes its low, high, default and choices and refuses what is beyond; a plan that is
 * written and read keeps it, and two plans that differ in it are told apart by its name.
 */
#include "run_fixture.h"

#include "base/number.h"
#include "comma_locale.h"
#include "train/options.h"

#include <math.h>

/* Calls body with each option of each task, and of compare; returns how many there were. */
typedef void option_fn(const char *task, const att_train_option *option);

static int each_option(option_fn *body) {
  int count = 0;
  for (size_t t = 0; t < ATT_TASK_COUNT; t++) {
    const char *task = t < ATT_TASK_COMPARE ? att_train_task(t) : "compare";
    att_train_option option;
    for (size_t i = 0; att_train_option_at(task, i, &option); i++, count++) body(task, &option);
  }
  return count;
}

static att_train_options *new_options(const char *task) {
  att_train_options *options;
  if (att_train_options_new(ctx, task, &options)) fail_msg("%s", att_message(ctx));
  return options;
}

static const att_option *row_of(const char *task, const char *name) {
  for (size_t i = 0; i < att_option_count; i++)
    for (int t = 0; t < ATT_TASK_COUNT; t++)
      if (strcmp(att_task_names[t], task) == 0 && att_options[i].tasks >> t & 1 &&
          strcmp(att_options[i].name, name) == 0)
        return &att_options[i];
  fail_msg("%s has no %s", task, name);
  return NULL;
}

/* ---- the list --------------------------------------------------------------------------------------------------- */

static void check_entry(const char *task, const att_train_option *o) {
  assert_true(o->name && *o->name && o->group && *o->group && o->help && *o->help);
  bool number = o->kind == ATT_OPTION_WHOLE || o->kind == ATT_OPTION_NUMBER;
  bool choice = o->kind == ATT_OPTION_CHOICE;
  if (number != (o->high > o->low)) fail_msg("%s: its range cannot be", o->name);
  if (choice ? o->choice_count < 2 : o->choice_count != 0)
    fail_msg("%s of %s: %zu choices", o->name, task, o->choice_count);
  if (!choice && o->kind != ATT_OPTION_FLAG) assert_non_null(o->value);
  if (o->initial) assert_null(o->chosen);
  int found = 0;
  att_train_option other;
  for (size_t i = 0; att_train_option_at(task, i, &other); i++) found += strcmp(other.name, o->name) == 0;
  assert_int_equal(found, 1);
}

static void the_list_is_whole(void **state) {
  (void)state;
  int count = each_option(check_entry);
  printf("# %d options of %d tasks\n", count, ATT_TASK_COUNT);
  assert_true(count > 150);
  for (size_t i = 0; i < att_option_count; i++) { /* none is forgotten */
    const att_option *row = &att_options[i];
    if (!row->tasks) continue;
    if (row->required & ~row->tasks) fail_msg("%s is required where it is none", row->name);
  }
  att_train_option option;
  assert_false(att_train_option_at("nonsense", 0, &option));
  assert_false(att_train_option_at(NULL, 0, &option));
  assert_null(att_train_task(ATT_TASK_COMPARE));
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void must_take(att_train_options *options, const char *name, const char *text) {
  if (att_train_options_set(options, name, text)) fail_msg("%s = %s: %s", name, text, att_message(ctx));
  const char *got = att_train_options_get(options, name, 0);
  if (!got) fail_msg("%s was given, and is not there", name);
  double one, other;
  bool numbers = att_read_number(got, strlen(got), &one) && att_read_number(text, strlen(text), &other);
  if (numbers ? one != other : strcmp(got, text) != 0) fail_msg("%s is %s, not %s", name, got, text);
  assert_null(att_train_options_get(options, name, 1));
}

/* And nothing is changed. */
static void must_refuse(att_train_options *options, const char *name, const char *text) {
  char before[64] = "none";
  const char *got = att_train_options_get(options, name, 0);
  if (got) snprintf(before, sizeof before, "%s", got);
  att_status status = att_train_options_set(options, name, text);
  const char *message = att_message(ctx);
  char begins[80];
  snprintf(begins, sizeof begins, "--%s:", name);
  if (status != ATT_ARGUMENT || strncmp(message, begins, strlen(begins)) != 0)
    fail_msg("%s = '%s' is %s: %s", name, text, att_status_name(status), message);
  got = att_train_options_get(options, name, 0);
  assert_string_equal(got ? got : "none", before);
}

static const char *spell(double value) {
  static char texts[4][32];
  static int next;
  return att_number_spell(value, texts[next++ % 4]);
}

static void spell_whole(double value, char text[32]) { snprintf(text, 32, "%.0f", value); }

static void check_whole(att_train_options *options, const att_train_option *o) {
  char text[32];
  spell_whole(o->low, text);
  must_take(options, o->name, text);
  spell_whole(o->high, text);
  must_take(options, o->name, text);
  assert_int_equal(att_train_options_set_int(options, o->name, (int64_t)o->low), ATT_OK);
  spell_whole(o->low - 1, text);
  must_refuse(options, o->name, text);
  assert_int_equal(att_train_options_set_int(options, o->name, (int64_t)o->low - 1), ATT_ARGUMENT);
  spell_whole(o->high < 1e15 ? o->high + 1 : 1.1 * o->high, text);
  must_refuse(options, o->name, text);
  assert_int_equal(att_train_options_set_number(options, o->name, o->low), ATT_ARGUMENT);
  static const char *const wrong[] = {"", "x", "1x", " 1", "1.5", "1e2", "0x10", "--1", "99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) must_refuse(options, o->name, wrong[i]);
}

static void check_number(att_train_options *options, const att_train_option *o) {
  must_take(options, o->name, spell(o->low));
  must_take(options, o->name, spell(o->high));
  must_take(options, o->name, spell((o->low + o->high) / 2));
  must_refuse(options, o->name, spell(nextafter(o->low, -1)));
  must_refuse(options, o->name, spell(nextafter(o->high, INFINITY)));
  assert_int_equal(att_train_options_set_number(options, o->name, o->high), ATT_OK);
  assert_int_equal(att_train_options_set_number(options, o->name, 1.1 * o->high), ATT_ARGUMENT);
  assert_int_equal(att_train_options_set_number(options, o->name, NAN), ATT_ARGUMENT);
  static const char *const wrong[] = {"", "x", "1x", " 1", "nan", "inf", "0x1", "1.2.3", ".", "0,5", "1e999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) must_refuse(options, o->name, wrong[i]);
}

static void check_choice(att_train_options *options, const char *task, const att_train_option *o) {
  const att_option *row = row_of(task, o->name);
  for (size_t i = 0; i < o->choice_count; i++) must_take(options, o->name, o->choices[i]);
  for (size_t i = 0; i < row->choice_count; i++) {
    bool has = false;
    for (size_t k = 0; k < o->choice_count && row->choices[i]; k++) has |= strcmp(o->choices[k], row->choices[i]) == 0;
    if (row->choices[i] && !has) must_refuse(options, o->name, row->choices[i]); /* other tasks have it */
  }
  must_refuse(options, o->name, "no-such-word");
  must_refuse(options, o->name, "");
  assert_int_equal(att_train_options_set_int(options, o->name, 0), ATT_ARGUMENT);
}

static void check_values(const char *task, const att_train_option *o) {
  char too_long[257];
  memset(too_long, 'x', sizeof too_long);
  too_long[sizeof too_long - 1] = '\0';
  att_train_options *options = new_options(task);
  assert_null(att_train_options_get(options, o->name, 0));
  switch (o->kind) {
  case ATT_OPTION_FLAG:
    must_take(options, o->name, "yes");
    must_take(options, o->name, "no");
    must_refuse(options, o->name, "maybe");
    must_refuse(options, o->name, "");
    assert_int_equal(att_train_options_set_int(options, o->name, 1), ATT_OK);
    assert_string_equal(att_train_options_get(options, o->name, 0), "yes");
    assert_int_equal(att_train_options_set_int(options, o->name, 2), ATT_ARGUMENT);
    break;
  case ATT_OPTION_WHOLE: check_whole(options, o); break;
  case ATT_OPTION_NUMBER: check_number(options, o); break;
  case ATT_OPTION_CHOICE: check_choice(options, task, o); break;
  case ATT_OPTION_FILES:
    assert_int_equal(att_train_options_set(options, o->name, "one"), ATT_OK);
    assert_int_equal(att_train_options_set(options, o->name, "two"), ATT_OK);
    assert_string_equal(att_train_options_get(options, o->name, 0), "one");
    assert_string_equal(att_train_options_get(options, o->name, 1), "two");
    assert_null(att_train_options_get(options, o->name, 2));
    must_refuse(options, o->name, "");
    break;
  case ATT_OPTION_TEXT:
    must_take(options, o->name, "some*,things");
    must_refuse(options, o->name, "");
    must_refuse(options, o->name, too_long);
    assert_int_equal(att_train_options_set_int(options, o->name, 1), ATT_ARGUMENT);
    break;
  case ATT_OPTION_FILE:
    must_take(options, o->name, "some where/ä");
    must_take(options, o->name, "elsewhere");
    must_refuse(options, o->name, "");
    assert_int_equal(att_train_options_set_int(options, o->name, 1), ATT_ARGUMENT);
  }
  if (o->initial) must_take(options, o->name, o->initial);
  assert_int_equal(att_train_options_set(options, o->name, NULL), ATT_OK);
  assert_null(att_train_options_get(options, o->name, 0));
  att_train_options_free(options);
}

static void values_are_checked(void **state) {
  (void)state;
  each_option(check_values);
  att_train_options *options = new_options(att_train_task(0));
  must_say(att_train_options_set(options, "no-such-option", "1"), ATT_ARGUMENT, "no-such-option is not an option of");
  assert_int_equal(att_train_options_set(options, NULL, "1"), ATT_ARGUMENT);
  assert_int_equal(att_train_options_set_int(options, "no-such-option", 1), ATT_ARGUMENT);
  assert_int_equal(att_train_options_set_number(options, "no-such-option", 1), ATT_ARGUMENT);
  assert_null(att_train_options_get(options, "no-such-option", 0));
  att_train_options_free(options);
  must_say(att_train_options_new(ctx, "nonsense", &options), ATT_ARGUMENT, "no task \"nonsense\"");
  assert_null(options);
  assert_int_equal(att_train_options_new(ctx, NULL, &options), ATT_ARGUMENT);
  att_train_options_free(NULL);
}

static void a_comma_is_no_point(void **state) {
  (void)state;
  make_comma_locale();
  if (set_comma_locale()) each_option(check_values);
  setlocale(LC_NUMERIC, "C");
  remove_comma_locale();
}

/* ---- plans ------------------------------------------------------------------------------------------------------ */

/* A plan that has a value for everything. */
static att_plan whole_plan(int task) {
  att_train_options o;
  att_options_begin(ctx, task, &o);
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *row = &att_options[i];
    if (!att_option_in_plan(row)) continue;
    if (row->kind == ATT_OPTION_TEXT)
      strcpy(att_option_place(row, &o.plan), "some,thing");
    else if (row->kind == ATT_OPTION_NUMBER)
      *(double *)att_option_place(row, &o.plan) = row->high / 4;
    else
      *(int64_t *)att_option_place(row, &o.plan) =
          row->kind == ATT_OPTION_WHOLE ? (int64_t)row->low + 2 : (int64_t)row->choice_count - 1;
    if (row->kind == ATT_OPTION_FLAG) *(int64_t *)att_option_place(row, &o.plan) = 1;
  }
  return o.plan;
}

static att_plan written_and_read(const att_plan *plan) {
  att_buffer text = {0};
  json_t *root;
  att_plan back;
  assert_int_equal(att_plan_write(ctx, plan, &text), ATT_OK);
  assert_int_equal(att_json_parse(ctx, "plan", text.data, text.size, &root), ATT_OK);
  if (att_plan_read(ctx, "plan", root, &back)) fail_msg("%s: %s", att_message(ctx), text.data);
  json_decref(root);
  att_buffer_free(ctx, &text);
  return back;
}

/* Its least and its greatest value, as text. */
static void extremes(const att_train_option *o, const char *texts[2], char rooms[2][32]) {
  switch (o->kind) {
  case ATT_OPTION_FLAG: texts[0] = "no", texts[1] = "yes"; break;
  case ATT_OPTION_CHOICE: texts[0] = o->choices[0], texts[1] = o->choices[o->choice_count - 1]; break;
  case ATT_OPTION_WHOLE:
    spell_whole(o->low, rooms[0]), spell_whole(o->high, rooms[1]);
    texts[0] = rooms[0], texts[1] = rooms[1];
    break;
  case ATT_OPTION_TEXT: texts[0] = "a", texts[1] = "*"; break;
  default: texts[0] = att_number_spell(o->low, rooms[0]), texts[1] = att_number_spell(o->high, rooms[1]);
  }
}

static void check_plan(const char *task, const att_train_option *o) {
  const att_option *row = row_of(task, o->name);
  const char *texts[2];
  char rooms[2][32];
  if (!att_option_in_plan(row)) return;
  extremes(o, texts, rooms);
  att_train_options *options = new_options(task);
  att_plan plans[2];
  for (int i = 0; i < 2; i++) {
    must_take(options, o->name, texts[i]);
    plans[i] = whole_plan(options->task);
    memcpy(att_option_place(row, &plans[i]), att_option_place(row, &options->plan),
           row->kind == ATT_OPTION_TEXT ? ATT_PLAN_TEXT : 8);
    att_plan back = written_and_read(&plans[i]);
    assert_memory_equal(&back, &plans[i], sizeof back);
  }
  assert_int_equal(att_plan_compare(ctx, &plans[0], &plans[0]), ATT_OK);
  att_status greater = att_plan_compare(ctx, &plans[0], &plans[1]);
  if (row->resuming != ATT_SAME)
    assert_int_equal(greater, ATT_OK);
  else
    must_say(greater, ATT_ARGUMENT, o->name);
  att_status less = att_plan_compare(ctx, &plans[1], &plans[0]);
  if (row->resuming == ATT_MAY_DIFFER)
    assert_int_equal(less, ATT_OK);
  else
    must_say(less, ATT_ARGUMENT, o->name);
  if (less) assert_int_equal(strncmp(att_message(ctx) + 2, o->name, strlen(o->name)), 0); /* behind the dashes */
  att_train_options_free(options);
}

static void plans_keep_them(void **state) {
  (void)state;
  each_option(check_plan);
}

/* A checkpoint's plan with one value that cannot be, or without one that must be there. */
static void damaged_plans_are_refused(void **state) {
  (void)state;
  int refused = 0;
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *row = &att_options[i];
    static const double wrong[] = {-1, 1e30};
    if (!att_option_in_plan(row)) continue;
    for (int k = 0; k < 3; k++) {
      att_plan plan = whole_plan(ATT_TASK_LM), back;
      att_buffer text = {0};
      json_t *root;
      assert_int_equal(att_plan_write(ctx, &plan, &text), ATT_OK);
      assert_int_equal(att_json_parse(ctx, "plan", text.data, text.size, &root), ATT_OK);
      bool whole = row->kind != ATT_OPTION_NUMBER;
      json_object_set_new(root, row->name,
                          k == 2  ? json_null()
                          : whole ? json_integer(k ? INT64_MAX : -1)
                                  : json_real(wrong[k]));
      bool may_miss = k == 2 && row->standing != ATT_ALWAYS && row->standing != ATT_LATE;
      if (may_miss)
        assert_int_equal(att_plan_read(ctx, "plan", root, &back), ATT_OK);
      else
        must_say(att_plan_read(ctx, "plan", root, &back), ATT_FORMAT, row->name), refused++;
      json_decref(root);
      att_buffer_free(ctx, &text);
    }
  }
  assert_true(refused > 100);
}

/* What is constant in help is what a plan gets. */
static void check_default(const char *task, const att_train_option *o) {
  const att_option *row = row_of(task, o->name);
  if (!o->initial || !att_option_in_plan(row)) return;
  att_train_options *options = new_options(task);
  att_plan plan = options->plan;
  for (plan.network = 0; row->networks && !(row->networks >> plan.network & 1);) plan.network++;
  if (strcmp(row->name, att_options[0].name) == 0 || (void *)att_option_place(row, &plan) == (void *)&plan.network)
    plan.network = ATT_UNSET;
  assert_int_equal(att_plan_begin(ctx, &plan, options->task), ATT_OK);
  must_take(options, o->name, o->initial);
  assert_memory_equal(att_option_place(row, &plan), att_option_place(row, &options->plan), 8);
  must_take(options, o->name, o->initial);
  att_train_options_free(options);
}

static void defaults_are_those_of_help(void **state) {
  (void)state;
  each_option(check_default);
}

/* ---- help ------------------------------------------------------------------------------------------------------- */

#ifdef ATT_COMMAND
/* What the command prints, roff's letters taken out, each run of spaces one. */
static char *printed(const char *words) {
  static char raw[1 << 20], clean[1 << 20];
  char command[1024];
  snprintf(command, sizeof command, "%s %s </dev/null", ATT_COMMAND, words);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  size_t size = fread(raw, 1, sizeof raw - 1, pipe);
  assert_int_equal(pclose(pipe), 0);
  assert_true(size > 100);
  raw[size] = '\0';
  char *out = clean;
  for (const char *at = raw; *at; at++) {
    if (*at == '\\' && at[1] == 'f') {
      at += 2;
    } else if (*at == ' ' || *at == '\n') {
      if (out > clean && out[-1] != ' ') *out++ = ' ';
    } else if (*at != '\\') {
      *out++ = *at;
    }
  }
  *out = '\0';
  return clean;
}

/* The option as help has it, behind `section`. */
static void check_shown(const char *page, const char *section, const char *task, const att_train_option *o) {
  char wanted[1024], values[256] = "";
  for (size_t i = 0; i < o->choice_count; i++)
    snprintf(values + strlen(values), sizeof values - strlen(values), "%s%s", i ? "|" : "", o->choices[i]);
  const char *value = o->choice_count ? values : o->value, *initial = o->initial ? o->initial : o->chosen;
  snprintf(wanted, sizeof wanted, "--%s%s%s%s %s%s%s%s", o->kind == ATT_OPTION_FLAG ? "[no-]" : "", o->name,
           value ? " " : "", value ? value : "", o->help, initial ? " [" : "", initial ? initial : "",
           initial ? "]" : "");
  const char *at = strstr(page, section);
  if (!at || !strstr(at, wanted)) fail_msg("%s: \"%s\" is not behind \"%s\"", task, wanted, section);
}

static char help_of[ATT_TASK_COUNT][1 << 16], man[1 << 20];

static void check_help(const char *task, const att_train_option *o) {
  char section[64];
  int t = 0;
  while (strcmp(att_task_names[t], task) != 0) t++;
  bool training = t < ATT_TASK_COMPARE;
  snprintf(section, sizeof section, "Usage: attend %s%s ", training ? "train " : "", task);
  check_shown(help_of[t], section, task, o);
  snprintf(section, sizeof section, ".SS attend %s%s ", training ? "train " : "", task);
  check_shown(man, section, task, o);
}

static void help_and_man_page_show_them(void **state) {
  (void)state;
  snprintf(man, sizeof man, "%s", printed("--man"));
  for (int t = 0; t < ATT_TASK_COUNT; t++) {
    char words[64];
    snprintf(words, sizeof words, "%s%s --help", t < ATT_TASK_COMPARE ? "train " : "", att_task_names[t]);
    snprintf(help_of[t], sizeof help_of[t], "%s", printed(words));
  }
  assert_true(each_option(check_help) > 150);
}
#endif

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static att_status make_all(att_context *small, void *task) {
  att_train_options *options;
  att_train_option option;
  ATT_TRY(att_train_options_new(small, task, &options));
  att_status status = ATT_OK;
  for (size_t i = 0; !status && att_train_option_at((const char *)task, i, &option); i++) {
    if (option.kind != ATT_OPTION_FILE && option.kind != ATT_OPTION_FILES) continue;
    status = att_train_options_set(options, option.name, "one");
    if (!status) status = att_train_options_set(options, option.name, "two");
  }
  att_train_options_free(options);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  for (int t = 0; t < ATT_TASK_COUNT; t++)
    assert_true(fail_each_allocation(make_all, (void *)(uintptr_t)att_task_names[t]) > 6);
}

static void odd_calls_are_refused(void **state) {
  (void)state;
  assert_int_equal(att_train(ctx, NULL, NULL, NULL), ATT_ARGUMENT);
  assert_int_equal(att_compare(ctx, NULL, NULL, NULL), ATT_ARGUMENT);
  att_train_options *options = new_options("compare");
  must_say(att_train(ctx, options, NULL, NULL), ATT_ARGUMENT, "compare");
  must_say(att_compare(ctx, options, NULL, NULL), ATT_ARGUMENT, "out is missing");
  assert_int_equal(att_train_options_set(options, "out", in_folder("not-made")), ATT_OK);
  must_say(att_compare(ctx, options, NULL, NULL), ATT_ARGUMENT, "the data are missing");
  att_train_options_free(options);
  for (size_t t = 0; att_train_task(t); t++) { /* every task is one that runs, and says what it lacks */
    options = new_options(att_train_task(t));
    must_say(att_train(ctx, options, NULL, NULL), ATT_ARGUMENT, " is missing: ");
    must_say(att_compare(ctx, options, NULL, NULL), ATT_ARGUMENT, "\"compare\"");
    att_train_options_free(options);
  }
  assert_int_equal(files_in_folder(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_list_is_whole),           cmocka_unit_test(values_are_checked),
      cmocka_unit_test(a_comma_is_no_point),         cmocka_unit_test(plans_keep_them),
      cmocka_unit_test(damaged_plans_are_refused),   cmocka_unit_test(defaults_are_those_of_help),
#ifdef ATT_COMMAND
      cmocka_unit_test(help_and_man_page_show_them),
#endif
      cmocka_unit_test(each_allocation_may_fail),    cmocka_unit_test(odd_calls_are_refused),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
