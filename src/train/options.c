/*
 * Owns training options by name: their values from text and back with the checks of the table, and the list of them.
 * Refuses a name that the task does not have, and a value beyond its range, by that name. See options.h.
 */
#include "train/options.h"

#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ----------------------------------------------------------------------------------------------------- */

bool att_option_in_plan(const att_option *option) {
  size_t begin = offsetof(att_train_options, plan);
  return option->offset >= begin && option->offset < begin + sizeof(att_plan);
}

const void *att_option_value(const att_option *option, const att_plan *plan) {
  return (const char *)plan + (option->offset - offsetof(att_train_options, plan));
}

void *att_option_place(const att_option *option, att_plan *plan) {
  return (char *)plan + (option->offset - offsetof(att_train_options, plan));
}

static bool is_number(const att_option *option) { return option->kind == ATT_OPTION_NUMBER; }
static bool is_file(const att_option *option) { return option->kind == ATT_OPTION_FILE; }
static bool is_text(const att_option *option) { return option->kind == ATT_OPTION_TEXT; }

/* Of all but files. */
static bool is_set(const att_option *option, const void *place) {
  if (is_text(option)) return *(const char *)place != '\0';
  return is_number(option) ? !isnan(*(const double *)place) : *(const int64_t *)place != ATT_UNSET;
}

static void unset(const att_option *option, void *place) {
  if (is_text(option))
    *(char *)place = '\0';
  else if (is_number(option))
    *(double *)place = NAN;
  else
    *(int64_t *)place = ATT_UNSET;
}

bool att_option_is_set(const att_option *option, const att_plan *plan) {
  return is_set(option, att_option_value(option, plan));
}

const char *att_option_choice(const att_option *option, int task, size_t value) {
  return value < option->choice_count && !(option->without[task] >> value & 1) ? option->choices[value] : NULL;
}

att_option_words att_option_words_of(const att_option *option, int task) {
  att_option_words words = option->own[task], language = option->own[ATT_TASK_LM];
  bool of_language = task == ATT_TASK_MUSIC && !words.help && !words.initial && !words.chosen;
  if (of_language) words = (att_option_words){NULL, language.initial, language.chosen}; /* tunes are a language */
  if (!words.help) words.help = option->help;
  if (words.initial || words.chosen) return words;
  return (att_option_words){words.help, option->initial, option->chosen};
}

const char *att_option_spell(const att_option *option, const void *value, char text[32]) {
  if (is_text(option)) return value;
  if (is_number(option)) return att_number_spell(*(const double *)value, text);
  int64_t whole = *(const int64_t *)value;
  if (option->kind == ATT_OPTION_FLAG) return whole ? "yes" : "no";
  if (option->kind == ATT_OPTION_CHOICE && whole >= 0 && (size_t)whole < option->choice_count) {
    const char *word = option->choices[whole];
    if (word) return word;
  }
  snprintf(text, 32, "%lld", (long long)whole);
  return text;
}

/* The task's option of that name, or NULL. */
static const att_option *find(const char *name, int task) {
  for (size_t i = 0; name && i < att_option_count; i++)
    if (att_options[i].tasks >> task & 1 && strcmp(att_options[i].name, name) == 0) return &att_options[i];
  return NULL;
}

static void *place_of(const att_option *option, const att_train_options *options) {
  return (char *)(uintptr_t)options + option->offset;
}

bool att_option_is_given(const att_option *option, const att_train_options *options) {
  const void *place = place_of(option, options);
  if (option->kind == ATT_OPTION_FILES) return ((const att_files *)place)->count > 0;
  return is_file(option) ? *(const char *const *)place != NULL : is_set(option, place);
}

bool att_options_list_files(const att_train_options *options, bool valid, char *names, size_t size) {
  size_t used = 0;
  names[0] = '\0';
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    bool several = o->kind == ATT_OPTION_FILES;
    if (!(several || is_file(o)) || strcmp(o->group, "Data") != 0 || strcmp(o->name, "out") == 0) continue;
    if ((strncmp(o->name, "valid", 5) == 0) != valid || !(o->tasks >> options->task & 1) ||
        !att_option_is_given(o, options))
      continue;
    const void *place = (const char *)options + o->offset;
    const char *const *list = several ? ((const att_files *)place)->names : place;
    for (size_t k = 0; k < (several ? ((const att_files *)place)->count : 1) && used < size; k++)
      used += (size_t)snprintf(names + used, size - used, "%s%s", used ? ", " : "", list[k]);
  }
  return used > 0;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static att_status out_of_range(att_context *ctx, const att_option *option, const char *text) {
  char low[32], high[32];
  return att_fail(ctx, ATT_ARGUMENT, "--%s: '%s' is not a %s from %s to %s", option->name, text,
                  is_number(option) ? "number" : "whole number", att_number_spell(option->low, low),
                  att_number_spell(option->high, high));
}

static att_status take_whole(att_context *ctx, const att_option *option, const char *text, int64_t *place) {
  char *end = NULL;
  errno = 0;
  long long number = *text && !text[strspn(text, "+-0123456789")] ? strtoll(text, &end, 10) : 0;
  if (!end || *end || end == text || errno || (double)number < option->low || (double)number > option->high)
    return out_of_range(ctx, option, text);
  *place = number;
  return ATT_OK;
}

static att_status take_number(att_context *ctx, const att_option *option, const char *text, double *place) {
  double number;
  bool is = att_read_number(text, strlen(text), &number);
  if (!is || number < option->low || number > option->high) return out_of_range(ctx, option, text);
  *place = number;
  return ATT_OK;
}

static att_status take_choice(att_context *ctx, const att_option *option, int task, const char *text, int64_t *place) {
  char list[256] = "";
  for (size_t i = 0; i < option->choice_count; i++) {
    const char *word = att_option_choice(option, task, i);
    size_t used = strlen(list);
    if (!word) continue;
    if (strcmp(word, text) == 0) {
      *place = (int64_t)i;
      return ATT_OK;
    }
    snprintf(list + used, sizeof list - used, "%s%s", used ? "|" : "", word);
  }
  return att_fail(ctx, ATT_ARGUMENT, "--%s: '%s' is not one of %s", option->name, text, list);
}

static att_status take_flag(att_context *ctx, const att_option *option, const char *text, int64_t *place) {
  bool yes = strcmp(text, "yes") == 0;
  if (!yes && strcmp(text, "no") != 0)
    return att_fail(ctx, ATT_ARGUMENT, "--%s: '%s' is not yes or no", option->name, text);
  *place = yes;
  return ATT_OK;
}

static att_status take_text(att_context *ctx, const att_option *option, const char *text, char *place) {
  if (!*text) return att_fail(ctx, ATT_ARGUMENT, "--%s: the value is empty", option->name);
  if (strlen(text) >= ATT_PLAN_TEXT)
    return att_fail(ctx, ATT_ARGUMENT, "--%s: the value has %zu bytes, above %d", option->name, strlen(text),
                    ATT_PLAN_TEXT - 1);
  strncpy(place, text, ATT_PLAN_TEXT);
  return ATT_OK;
}

/* Of all but files. */
static att_status take(att_context *ctx, const att_option *option, int task, const char *text, void *place) {
  switch (option->kind) {
  case ATT_OPTION_NUMBER: return take_number(ctx, option, text, place);
  case ATT_OPTION_CHOICE: return take_choice(ctx, option, task, text, place);
  case ATT_OPTION_FLAG: return take_flag(ctx, option, text, place);
  case ATT_OPTION_TEXT: return take_text(ctx, option, text, place);
  default: return take_whole(ctx, option, text, place);
  }
}

att_status att_plan_begin(att_context *ctx, att_plan *plan, int task) {
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    const char *initial = att_option_words_of(o, task).initial;
    if (!initial || !att_option_in_plan(o) || att_option_is_set(o, plan)) continue;
    int64_t network = plan->network == ATT_UNSET ? ATT_TRANSFORMER : plan->network;
    if (o->standing == ATT_OF_MODEL && plan->fine_tuned == 1) continue;
    if (o->networks && !(o->networks >> network & 1)) continue;
    ATT_TRY(take(ctx, o, task, initial, att_option_place(o, plan)));
  }
  return ATT_OK;
}

/* ---- made, freed ---------------------------------------------------------------------------------------------- */

void att_options_begin(att_context *ctx, int task, att_train_options *out) {
  *out = (att_train_options){.ctx = ctx, .task = task};
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    if (o->kind != ATT_OPTION_FILES && !is_file(o)) unset(o, place_of(o, out));
  }
}

static int find_task(const char *task) {
  for (int i = 0; task && i < ATT_TASK_COUNT; i++)
    if (strcmp(att_task_names[i], task) == 0) return i;
  return ATT_TASK_COUNT;
}

att_status att_train_options_new(att_context *ctx, const char *task, att_train_options **out) {
  int number = find_task(task);
  *out = NULL;
  if (number == ATT_TASK_COUNT)
    return att_fail(ctx, ATT_ARGUMENT, "there is no task \"%s\": att_train_task lists them", task ? task : "");
  att_train_options *options = ATT_NEW(ctx, 1, att_train_options);
  if (!options) return ATT_MEMORY;
  att_options_begin(ctx, number, options);
  *out = options;
  return ATT_OK;
}

/* As if it had never been given. */
static void forget(const att_option *option, att_train_options *options) {
  void *place = place_of(option, options);
  if (option->kind == ATT_OPTION_FILES) {
    att_files *files = place;
    for (size_t i = 0; i < files->count; i++) att_free(options->ctx, (char *)(uintptr_t)files->names[i]);
    att_free(options->ctx, files->names);
    *files = (att_files){0};
  } else if (is_file(option)) {
    att_free(options->ctx, *(char **)place);
    *(char **)place = NULL;
  } else {
    unset(option, place);
  }
}

void att_train_options_free(att_train_options *options) {
  if (!options) return;
  for (size_t i = 0; i < att_option_count; i++) forget(&att_options[i], options);
  att_free(options->ctx, options);
}

/* ---- set, asked ----------------------------------------------------------------------------------------------- */

static att_status look_up(const att_train_options *options, const char *name, const att_option **option) {
  *option = find(name, options->task);
  if (*option) return ATT_OK;
  return att_fail(options->ctx, ATT_ARGUMENT, "--%s is not an option of %s", name ? name : "NULL",
                  att_task_names[options->task]);
}

static att_status add_file(att_context *ctx, att_files *files, char *name) {
  const char **names = att_resize(ctx, files->names, files->count + 1, sizeof *names);
  if (!names) return ATT_MEMORY;
  files->names = names;
  files->names[files->count++] = name;
  return ATT_OK;
}

static att_status set_file(att_train_options *options, const att_option *option, const char *text) {
  if (!*text) return att_fail(options->ctx, ATT_ARGUMENT, "--%s: the value is empty", option->name);
  char *copy = att_copy_text(options->ctx, text, strlen(text));
  if (!copy) return ATT_MEMORY;
  if (option->kind == ATT_OPTION_FILES) {
    att_status status = add_file(options->ctx, place_of(option, options), copy);
    if (status) att_free(options->ctx, copy);
    return status;
  }
  forget(option, options);
  *(char **)place_of(option, options) = copy;
  return ATT_OK;
}

att_status att_train_options_set(att_train_options *options, const char *name, const char *text) {
  const att_option *option;
  ATT_TRY(look_up(options, name, &option));
  if (!text) {
    forget(option, options);
    return ATT_OK;
  }
  if (is_file(option) || option->kind == ATT_OPTION_FILES) return set_file(options, option, text);
  return take(options->ctx, option, options->task, text, place_of(option, options));
}

att_status att_train_options_set_int(att_train_options *options, const char *name, int64_t value) {
  const att_option *option;
  char text[32];
  ATT_TRY(look_up(options, name, &option));
  if (option->kind == ATT_OPTION_FLAG && (value == 0 || value == 1)) {
    return att_train_options_set(options, name, value ? "yes" : "no");
  }
  if (option->kind == ATT_OPTION_NUMBER) return att_train_options_set_number(options, name, (double)value);
  if (option->kind != ATT_OPTION_WHOLE && option->kind != ATT_OPTION_FLAG)
    return att_fail(options->ctx, ATT_ARGUMENT, "--%s: it takes a text, not a number", name);
  snprintf(text, sizeof text, "%lld", (long long)value);
  return att_train_options_set(options, name, text);
}

att_status att_train_options_set_number(att_train_options *options, const char *name, double value) {
  const att_option *option;
  char text[32];
  ATT_TRY(look_up(options, name, &option));
  if (option->kind != ATT_OPTION_NUMBER)
    return att_fail(options->ctx, ATT_ARGUMENT, "--%s: it does not take a fraction", name);
  return att_train_options_set(options, name, isfinite(value) ? att_number_spell(value, text) : "not finite");
}

const char *att_train_options_get(att_train_options *options, const char *name, size_t index) {
  const att_option *option = find(name, options->task);
  if (!option || !att_option_is_given(option, options)) return NULL;
  const void *place = place_of(option, options);
  const att_files *files = place;
  if (option->kind == ATT_OPTION_FILES) return index < files->count ? files->names[index] : NULL;
  if (index > 0) return NULL;
  return is_file(option) ? *(const char *const *)place : att_option_spell(option, place, options->spelled);
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

const char *att_train_task(size_t index) { return index < ATT_TASK_COMPARE ? att_task_names[index] : NULL; }

static att_train_option describe(const att_option *o, int task) {
  att_option_words words = att_option_words_of(o, task);
  att_train_option out = {.name = o->name,
                          .kind = o->kind,
                          .group = o->group,
                          .help = words.help,
                          .initial = words.initial,
                          .chosen = words.chosen && *words.chosen ? words.chosen : NULL,
                          .value = o->value,
                          .low = o->low,
                          .high = o->high,
                          .letter = o->letter,
                          .required = o->required >> task & 1};
  for (size_t i = 0; i < o->choice_count; i++) {
    const char *word = att_option_choice(o, task, i);
    if (word && out.choice_count < ATT_MOST_CHOICES) out.choices[out.choice_count++] = word;
  }
  return out;
}

bool att_train_option_read(const char *task, size_t index, att_train_option *option, size_t size) {
  int number = find_task(task);
  for (size_t i = 0; number < ATT_TASK_COUNT && i < att_option_count; i++) {
    if (!(att_options[i].tasks >> number & 1) || index-- > 0) continue;
    att_train_option own = describe(&att_options[i], number);
    att_give_struct(&own, sizeof own, option, size);
    return true;
  }
  return false;
}
