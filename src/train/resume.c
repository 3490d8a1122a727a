/* Owns what resume.h says, and att_train_options_resume. */
#include "train/resume.h"

#include "formats/file.h"
#include "formats/json.h"
#include "train/state.h"

#include <string.h>

/* The state of the run in a folder, found without changing anything in it: another process may be training there. */
static char *find_state(att_context *ctx, const char *folder, bool *found) {
  static const char *const places[] = {"checkpoint/trainer_state.json", "checkpoint.old/trainer_state.json"};
  char *path = NULL;
  *found = false;
  for (size_t i = 0; i < sizeof places / sizeof *places && !*found; i++) {
    att_free(ctx, path);
    path = att_path(ctx, folder, places[i]);
    if (!path) return NULL;
    *found = att_file_exists(path);
  }
  return path;
}

static att_status copy_option(const att_option *option, const att_train_options *given, att_train_options *out) {
  const void *from = (const char *)given + option->offset;
  if (option->kind == ATT_OPTION_FILE)
    return *(const char *const *)from ? att_train_options_set(out, option->name, *(const char *const *)from) : ATT_OK;
  const att_files *files = from;
  for (size_t i = 0; option->kind == ATT_OPTION_FILES && i < files->count; i++)
    ATT_TRY(att_train_options_set(out, option->name, files->names[i]));
  return ATT_OK;
}

static att_status copy_options(const att_train_options *given, att_train_options *out) {
  out->plan = given->plan;
  out->resume = given->resume;
  out->compared = given->compared;
  for (size_t i = 0; i < att_option_count; i++)
    if (att_options[i].tasks >> given->task & 1) ATT_TRY(copy_option(&att_options[i], given, out));
  return ATT_OK;
}

/* ---- a comparison's --------------------------------------------------------------------------------------------- */

#define COMPARISON "compare.json"

/* Of these one says how long: a new one takes the place of any. */
static bool is_budget(const char *name) {
  return strcmp(name, "minutes") == 0 || strcmp(name, "steps") == 0 || strcmp(name, "epochs") == 0;
}

/* Neither a file, which has a list of its own, nor about this call. */
static bool is_kept(const att_option *option, int task) {
  return option->tasks >> task & 1 && option->kind != ATT_OPTION_FILE && option->kind != ATT_OPTION_FILES &&
         strcmp(option->name, "resume") != 0;
}

static att_status put_options(att_context *ctx, const att_train_options *options, att_buffer *out) {
  char text[32];
  const char *before = "\n    ";
  ATT_TRY(att_buffer_print(ctx, out, "{\n"));
  ATT_TRY(att_state_write_files(ctx, options, out));
  ATT_TRY(att_buffer_print(ctx, out, "  \"options\": {"));
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    if (!is_kept(o, options->task) || !att_option_is_given(o, options)) continue;
    const char *value = att_option_spell(o, (const char *)options + o->offset, text);
    ATT_TRY(att_buffer_print(ctx, out, "%s\"%s\": ", before, o->name));
    ATT_TRY(att_json_put_string(ctx, out, value, strlen(value)));
    before = ",\n    ";
  }
  return att_buffer_print(ctx, out, "}\n}\n");
}

att_status att_train_options_keep(att_context *ctx, const att_train_options *options) {
  att_buffer text = {0};
  char *path = att_path(ctx, options->out, COMPARISON);
  att_status status = path ? put_options(ctx, options, &text) : ATT_MEMORY;
  if (!status) status = att_write_file(ctx, path, text.data, text.size);
  att_free(ctx, path);
  att_buffer_free(ctx, &text);
  return status;
}

static att_status take_options(att_context *ctx, const char *path, const json_t *kept, att_train_options *options) {
  bool budget = false;
  for (size_t i = 0; i < att_option_count; i++)
    budget = budget || (is_budget(att_options[i].name) && att_option_is_given(&att_options[i], options));
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    const json_t *value = json_object_get(kept, o->name);
    if (!value || !is_kept(o, options->task) || att_option_is_given(o, options)) continue;
    if (budget && is_budget(o->name)) continue;
    if (!json_is_string(value)) return att_fail(ctx, ATT_FORMAT, "%s: %s is not a text", path, o->name);
    ATT_TRY(att_train_options_set(options, o->name, json_string_value(value)));
  }
  return ATT_OK;
}

static att_status recall_comparison(att_context *ctx, att_train_options *options) {
  json_t *root = NULL;
  char *path = att_path(ctx, options->out, COMPARISON);
  att_status status = path ? ATT_OK : ATT_MEMORY;
  if (!status && att_file_exists(path)) {
    status = att_state_read_files(ctx, path, options);
    if (!status) status = att_json_open(ctx, path, &root);
    if (!status) status = take_options(ctx, path, json_object_get(root, "options"), options);
  }
  json_decref(root);
  att_free(ctx, path);
  return status;
}

/* ---- a run's ---------------------------------------------------------------------------------------------------- */

/* Numbers that a run cannot begin without (a horizon): its plan has them. */
static att_status take_required(att_context *ctx, const char *path, att_train_options *options) {
  att_state state;
  ATT_TRY(att_state_read(ctx, path, &state));
  for (size_t i = 0; i < att_option_count && strcmp(state.task, att_task_names[options->task]) == 0; i++) {
    const att_option *o = &att_options[i];
    if (!(o->required >> options->task & 1) || o->kind != ATT_OPTION_WHOLE || att_option_is_given(o, options)) continue;
    *(int64_t *)att_option_place(o, &options->plan) = *(int64_t *)att_option_place(o, &state.plan);
  }
  return ATT_OK;
}

static att_status recall(att_context *ctx, att_train_options *options) {
  bool found;
  if (options->resume != 1 || !options->out) return ATT_OK;
  if (options->task == ATT_TASK_COMPARE) return recall_comparison(ctx, options);
  char *path = find_state(ctx, options->out, &found);
  att_status status = path ? ATT_OK : ATT_MEMORY;
  if (!status && found) status = att_state_read_files(ctx, path, options);
  if (!status && found) status = take_required(ctx, path, options);
  att_free(ctx, path);
  return status;
}

att_status att_train_options_recall(att_context *ctx, const att_train_options *given, att_train_options **out) {
  ATT_TRY(att_train_options_new(ctx, att_task_names[given->task], out));
  att_status status = copy_options(given, *out);
  if (!status) status = recall(ctx, *out);
  if (status) {
    att_train_options_free(*out);
    *out = NULL;
  }
  return status;
}

static att_status resume(att_context *ctx, const char *folder, const char *path, att_train_options **out) {
  att_state state;
  ATT_TRY(att_state_read(ctx, path, &state));
  ATT_TRY(att_train_options_new(ctx, state.task, out));
  ATT_TRY(att_train_options_set(*out, "out", folder));
  ATT_TRY(att_train_options_set(*out, "resume", "yes"));
  return att_state_read_files(ctx, path, *out);
}

att_status att_train_options_resume(att_context *ctx, const char *folder, att_train_options **out) {
  bool found;
  if (!folder || !*folder) return att_fail(ctx, ATT_ARGUMENT, "att_train_options_resume: no folder is named");
  *out = NULL;
  if (!att_file_exists(folder))
    return att_fail(ctx, ATT_IO, "%s: there is no such folder: name that of the run to resume", folder);
  char *path = find_state(ctx, folder, &found);
  if (!path) return ATT_MEMORY;
  att_status status = found ? resume(ctx, folder, path, out)
                            : att_fail(ctx, ATT_IO, "%s: there is no checkpoint in it to resume from", folder);
  att_free(ctx, path);
  if (status) {
    att_train_options_free(*out);
    *out = NULL;
  }
  return status;
}

const char *att_train_options_task(const att_train_options *options) { return att_task_names[options->task]; }
