/* Owns what state.h says. Refuses a state in which any value cannot be, alone or beside the others. */
#include "train/state.h"

#include "train/options.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_STATE_VERSION 2

void att_state_begin(att_state *state, const char *task) {
  const att_score_of_model none = {.loss = INFINITY, .quality = -1};
  *state = (att_state){.validated = -1, .lowest = none, .best = {-1, none}};
  snprintf(state->task, sizeof state->task, "%s", task);
}

static att_status put_int(att_context *ctx, att_buffer *out, const char *name, int64_t value) {
  return att_buffer_print(ctx, out, "  \"%s\": %lld,\n", name, (long long)value);
}

static att_status put_number(att_context *ctx, att_buffer *out, const char *name, double value) {
  ATT_TRY(att_buffer_print(ctx, out, "  \"%s\": ", name));
  ATT_TRY(att_json_put_number(ctx, out, value)); /* infinity: null, which leaves the default when read */
  return att_buffer_append(ctx, out, ",\n", 2);
}

static att_status put_snapshot(att_context *ctx, att_buffer *out, const att_snapshot *s) {
  ATT_TRY(att_buffer_print(ctx, out, "{\"step\": %lld, \"valid_loss\": ", (long long)s->step));
  ATT_TRY(att_json_put_number(ctx, out, s->score.loss));
  ATT_TRY(att_buffer_print(ctx, out, ", \"quality\": "));
  ATT_TRY(att_json_put_number(ctx, out, s->score.quality));
  ATT_TRY(att_buffer_print(ctx, out, ", \"also\": ["));
  ATT_TRY(att_json_put_number(ctx, out, s->score.also[0]));
  ATT_TRY(att_buffer_append(ctx, out, ", ", 2));
  ATT_TRY(att_json_put_number(ctx, out, s->score.also[1]));
  return att_buffer_append(ctx, out, "]}", 2);
}

static att_status put_progress(att_context *ctx, const att_state *s, att_buffer *out) {
  ATT_TRY(put_int(ctx, out, "step", s->step));
  ATT_TRY(put_int(ctx, out, "epoch", s->epoch));
  ATT_TRY(put_int(ctx, out, "index", s->index));
  ATT_TRY(put_int(ctx, out, "tokens", s->tokens));
  ATT_TRY(put_number(ctx, out, "seconds", s->seconds));
  ATT_TRY(put_number(ctx, out, "loss_sum", s->loss_sum));
  ATT_TRY(put_number(ctx, out, "loss_weight", s->loss_weight));
  ATT_TRY(put_int(ctx, out, "validated", s->validated));
  ATT_TRY(put_int(ctx, out, "stale", s->stale));
  ATT_TRY(put_number(ctx, out, "lowest_loss", s->lowest.loss));
  return put_number(ctx, out, "highest_quality", s->lowest.quality);
}

/* ---- the run's files ------------------------------------------------------------------------------------------ */

/* An option of the task whose value is a file; the run's own folder is none of its files. */
static bool is_file(const att_option *option, int task) {
  bool file = option->kind == ATT_OPTION_FILE || option->kind == ATT_OPTION_FILES;
  return file && option->tasks >> task & 1 && strcmp(option->name, "out") != 0;
}

/* From whatever folder the run is resumed. */
static att_status put_path(att_context *ctx, const char *name, att_buffer *out) {
  char whole[PATH_MAX];
  const char *path = strcmp(name, "-") != 0 && realpath(name, whole) ? whole : name;
  return att_json_put_string(ctx, out, path, strlen(path));
}

att_status att_state_write_files(att_context *ctx, const att_train_options *options, att_buffer *out) {
  const char *before = "\n    ";
  ATT_TRY(att_buffer_print(ctx, out, "  \"files\": {"));
  for (size_t i = 0; options && i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    const void *place = (const char *)options + o->offset;
    if (!is_file(o, options->task) || !att_option_is_given(o, options)) continue;
    const char *const *names = place;
    size_t count = 1;
    if (o->kind == ATT_OPTION_FILES) {
      names = ((const att_files *)place)->names;
      count = ((const att_files *)place)->count;
    }
    ATT_TRY(att_buffer_print(ctx, out, "%s\"%s\": [", before, o->name));
    for (size_t k = 0; k < count; k++) {
      if (k) ATT_TRY(att_buffer_print(ctx, out, ", "));
      ATT_TRY(put_path(ctx, names[k], out));
    }
    ATT_TRY(att_buffer_print(ctx, out, "]"));
    before = ",\n    ";
  }
  return att_buffer_print(ctx, out, "},\n");
}

static att_status get_files(att_context *ctx, const char *path, const json_t *root, att_train_options *options) {
  const json_t *files = json_object_get(root, "files");
  for (size_t i = 0; i < att_option_count; i++) {
    const att_option *o = &att_options[i];
    if (!is_file(o, options->task) || att_option_is_given(o, options)) continue;
    const json_t *names = json_object_get(files, o->name);
    for (size_t k = 0; k < json_array_size(names); k++) {
      const char *name = json_string_value(json_array_get(names, k));
      if (!name || !*name)
        return att_fail(ctx, ATT_FORMAT, "%s: %s names no file: the checkpoint is damaged", path, o->name);
      ATT_TRY(att_train_options_set(options, o->name, name));
    }
  }
  return ATT_OK;
}

att_status att_state_read_files(att_context *ctx, const char *path, att_train_options *options) {
  json_t *root;
  ATT_TRY(att_json_open(ctx, path, &root));
  const char *task = json_string_value(json_object_get(root, "task")), *own = att_task_names[options->task];
  att_status status = ATT_OK;
  if (task && strcmp(task, own) != 0) {
    status = att_fail(ctx, ATT_ARGUMENT, "%s: the run in it is of another kind: train %.40s, not %s", options->out,
                      task, own);
  }
  if (!status) status = get_files(ctx, path, root, options);
  json_decref(root);
  return status;
}

att_status att_state_write(att_context *ctx, const att_state *s, att_buffer *out) {
  ATT_TRY(att_buffer_print(ctx, out, "{\n  \"version\": %d,\n  \"task\": ", ATT_STATE_VERSION));
  ATT_TRY(att_json_put_string(ctx, out, s->task, strlen(s->task)));
  ATT_TRY(att_buffer_print(ctx, out, ",\n  \"complete\": %s,\n", s->complete ? "true" : "false"));
  ATT_TRY(put_int(ctx, out, "train_fingerprint", (int64_t)s->train_fingerprint));
  ATT_TRY(put_int(ctx, out, "valid_fingerprint", (int64_t)s->valid_fingerprint));
  ATT_TRY(put_int(ctx, out, "from_fingerprint", (int64_t)s->from_fingerprint));
  ATT_TRY(att_state_write_files(ctx, s->options, out));
  ATT_TRY(put_progress(ctx, s, out));
  ATT_TRY(att_buffer_print(ctx, out, "  \"best\": "));
  ATT_TRY(put_snapshot(ctx, out, &s->best));
  ATT_TRY(att_buffer_print(ctx, out, ",\n  \"snapshots\": ["));
  for (int64_t i = 0; i < s->snapshot_count; i++) {
    ATT_TRY(att_buffer_print(ctx, out, i ? ",\n    " : "\n    "));
    ATT_TRY(put_snapshot(ctx, out, &s->snapshots[i]));
  }
  ATT_TRY(att_buffer_print(ctx, out, "],\n  \"plan\": "));
  ATT_TRY(att_plan_write(ctx, &s->plan, out));
  return att_buffer_print(ctx, out, "\n}\n");
}

static att_status get_count(att_context *ctx, const char *path, const json_t *root, const char *name, int64_t low,
                            int64_t *out) {
  return att_json_int(ctx, path, root, name, true, low, (int64_t)1 << 60, out);
}

static att_status get_snapshot(att_context *ctx, const char *path, const json_t *object, att_snapshot *s) {
  *s = (att_snapshot){-1, {.loss = INFINITY, .quality = -1, .also = {NAN, NAN}}};
  if (!json_is_object(object)) return att_fail(ctx, ATT_FORMAT, "%s: best or snapshots is no object", path);
  ATT_TRY(get_count(ctx, path, object, "step", -1, &s->step));
  ATT_TRY(att_json_number(ctx, path, object, "valid_loss", false, &s->score.loss));
  const json_t *also = json_object_get(object, "also");
  for (size_t i = 0; i < 2; i++)
    if (json_is_number(json_array_get(also, i))) s->score.also[i] = json_number_value(json_array_get(also, i));
  return att_json_number(ctx, path, object, "quality", false, &s->score.quality);
}

static att_status get_snapshots(att_context *ctx, const char *path, const json_t *root, att_state *s) {
  const json_t *list = json_object_get(root, "snapshots");
  if (!json_is_array(list) || json_array_size(list) > ATT_MOST_AVERAGE) {
    return att_fail(ctx, ATT_FORMAT, "%s: snapshots is no list of at most %d", path, ATT_MOST_AVERAGE);
  }
  s->snapshot_count = (int64_t)json_array_size(list);
  for (int64_t i = 0; i < s->snapshot_count; i++)
    ATT_TRY(get_snapshot(ctx, path, json_array_get(list, (size_t)i), &s->snapshots[i]));
  return ATT_OK;
}

static att_status get_progress(att_context *ctx, const char *path, const json_t *root, att_state *s) {
  ATT_TRY(get_count(ctx, path, root, "step", 0, &s->step));
  ATT_TRY(get_count(ctx, path, root, "epoch", 0, &s->epoch));
  ATT_TRY(get_count(ctx, path, root, "index", 0, &s->index));
  ATT_TRY(get_count(ctx, path, root, "tokens", 0, &s->tokens));
  ATT_TRY(att_json_number(ctx, path, root, "seconds", true, &s->seconds));
  ATT_TRY(att_json_number(ctx, path, root, "loss_sum", true, &s->loss_sum));
  ATT_TRY(att_json_number(ctx, path, root, "loss_weight", true, &s->loss_weight));
  ATT_TRY(get_count(ctx, path, root, "validated", -1, &s->validated));
  ATT_TRY(get_count(ctx, path, root, "stale", 0, &s->stale));
  ATT_TRY(att_json_number(ctx, path, root, "lowest_loss", false, &s->lowest.loss));
  return att_json_number(ctx, path, root, "highest_quality", false, &s->lowest.quality);
}

/* ---- what can be ---------------------------------------------------------------------------------------------- */

typedef struct att_bound {
  const char *name;
  double value, low, high;
} att_bound;

static att_status check_bounds(att_context *ctx, const char *path, const att_bound *bounds, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const att_bound *b = &bounds[i];
    if (b->value >= b->low && b->value <= b->high) continue; /* NaN is not */
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %.10g, not from %.10g to %.10g: the checkpoint is damaged", path,
                    b->name, b->value, b->low, b->high);
  }
  return ATT_OK;
}

static att_status check_progress(att_context *ctx, const char *path, const att_state *s) {
  double step = (double)s->step, after = 1;
  const att_bound bounds[] = {
      {"seconds", s->seconds, 0, 1e12},
      {"loss_sum", s->loss_sum, 0, 1e300},
      {"loss_weight", s->loss_weight, 0, 1e300},
      {"validated", (double)s->validated, -1, step},
      {"the best step", (double)s->best.step, -1, step},
      {"the number of snapshots", (double)s->snapshot_count, 0, (double)s->plan.average},
  };
  ATT_TRY(check_bounds(ctx, path, bounds, sizeof bounds / sizeof *bounds));
  for (int64_t i = 0; i < s->snapshot_count; i++) {
    const att_bound bound = {"a snapshot's step", (double)s->snapshots[i].step, after, step};
    ATT_TRY(check_bounds(ctx, path, &bound, 1));
    after = bound.value + 1;
  }
  return ATT_OK;
}

static att_status get_all(att_context *ctx, const char *path, const json_t *root, att_state *s) {
  int64_t version, fingerprint, from = 0;
  const char *task;
  ATT_TRY(att_json_int(ctx, path, root, "version", true, ATT_STATE_VERSION, ATT_STATE_VERSION, &version));
  ATT_TRY(att_json_string(ctx, path, root, "task", true, &task));
  if (strlen(task) >= sizeof s->task) return att_fail(ctx, ATT_FORMAT, "%s: the task in it is none of attend's", path);
  memcpy(s->task, task, strlen(task) + 1);
  ATT_TRY(att_json_bool(ctx, path, root, "complete", true, &s->complete));
  ATT_TRY(att_json_int(ctx, path, root, "train_fingerprint", true, INT64_MIN, INT64_MAX, &fingerprint));
  s->train_fingerprint = (uint64_t)fingerprint;
  ATT_TRY(att_json_int(ctx, path, root, "valid_fingerprint", true, INT64_MIN, INT64_MAX, &fingerprint));
  s->valid_fingerprint = (uint64_t)fingerprint;
  ATT_TRY(att_json_int(ctx, path, root, "from_fingerprint", false, INT64_MIN, INT64_MAX, &from));
  s->from_fingerprint = (uint64_t)from;
  ATT_TRY(get_progress(ctx, path, root, s));
  ATT_TRY(get_snapshot(ctx, path, json_object_get(root, "best"), &s->best));
  ATT_TRY(get_snapshots(ctx, path, root, s));
  const json_t *plan = json_object_get(root, "plan");
  if (!json_is_object(plan)) return att_fail(ctx, ATT_FORMAT, "%s: it has no plan", path);
  ATT_TRY(att_plan_read(ctx, path, plan, &s->plan));
  return check_progress(ctx, path, s);
}

att_status att_state_read(att_context *ctx, const char *path, att_state *state) {
  json_t *root;
  att_state_begin(state, "");
  ATT_TRY(att_json_open(ctx, path, &root));
  att_status status = get_all(ctx, path, root, state);
  json_decref(root);
  return status;
}
