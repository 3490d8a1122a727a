/* Owns what checkpoint.h says. The state's JSON is in state.c. */
#include "train/checkpoint.h"

#include "formats/safetensors.h"
#include "kernels/kernels.h"
#include "models/parameters.h"
#include "train/state.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- folders -------------------------------------------------------------------------------------------------- */

/* Removes the files of a folder that `chosen` says (NULL: all); what is not there is fine. */
static void remove_files(const char *path, bool (*chosen)(const void *arg, const char *name), const void *arg) {
  DIR *folder = opendir(path);
  if (!folder) return;
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (!dots && (!chosen || chosen(arg, entry->d_name))) unlinkat(dirfd(folder), entry->d_name, 0);
  }
  closedir(folder);
}

static void remove_folder(const char *path) {
  remove_files(path, NULL, NULL);
  rmdir(path);
}

static att_status move(att_context *ctx, const char *from, const char *to) {
  if (rename(from, to) == 0) return ATT_OK;
  return att_fail(ctx, ATT_IO, "%s: cannot be renamed to %s: %s", from, to, strerror(errno));
}

/* The folders that take part in a change of places. */
typedef struct att_places {
  char *now, *fresh, *old;
} att_places;

static void places_free(att_context *ctx, att_places *p) {
  att_free(ctx, p->now);
  att_free(ctx, p->fresh);
  att_free(ctx, p->old);
}

static att_status places_of(att_context *ctx, const char *folder, att_places *p) {
  *p = (att_places){att_path(ctx, folder, "checkpoint"), att_path(ctx, folder, "checkpoint.new"),
                    att_path(ctx, folder, "checkpoint.old")};
  if (p->now && p->fresh && p->old) return ATT_OK;
  places_free(ctx, p);
  return ATT_MEMORY;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static att_status save_moments(att_optimizer *o, const char *folder) {
  att_context *ctx = o->model->ctx;
  const att_to_store tensors[] = {
      {"exp_avg", ATT_F32, 1, {o->model->trained_total}, o->mean, ATT_F32, NULL, NULL},
      {"exp_avg_sq", ATT_F32, 1, {o->model->trained_total}, o->power, ATT_F32, NULL, NULL},
  };
  char *path = att_path(ctx, folder, "optimizer.safetensors");
  att_status status = path ? att_safetensors_write(ctx, path, tensors, 2) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

static att_status save_state(att_context *ctx, const char *folder, const att_state *state) {
  att_buffer text = {0};
  char *path = att_path(ctx, folder, "trainer_state.json");
  att_status status = path ? att_state_write(ctx, state, &text) : ATT_MEMORY;
  if (!status) status = att_write_file(ctx, path, text.data, text.size);
  att_buffer_free(ctx, &text);
  att_free(ctx, path);
  return status;
}

static att_status fill(att_optimizer *o, const char *folder, const att_state *state) {
  ATT_TRY(att_folder_make(o->model->ctx, folder));
  ATT_TRY(att_model_save_settings(o->model, folder));
  ATT_TRY(att_model_save_weights(o->model, folder, "model", NULL));
  ATT_TRY(save_moments(o, folder));
  ATT_TRY(save_state(o->model->ctx, folder, state));
  return att_folder_sync(o->model->ctx, folder);
}

static att_status change_places(att_context *ctx, const char *folder, const att_places *p) {
  bool replaces = att_file_exists(p->now);
  if (replaces) {
    remove_folder(p->old);
    ATT_TRY(move(ctx, p->now, p->old));
  }
  att_status status = move(ctx, p->fresh, p->now);
  if (status && replaces) rename(p->old, p->now); /* the first failure is the one to tell */
  if (!status) status = att_folder_sync(ctx, folder);
  if (!status) remove_folder(p->old);
  return status;
}

att_status att_checkpoint_save(att_optimizer *o, const char *folder, const att_state *state) {
  att_context *ctx = o->model->ctx;
  att_places places;
  ATT_TRY(places_of(ctx, folder, &places));
  remove_folder(places.fresh);
  att_status status = fill(o, places.fresh, state);
  if (!status) status = change_places(ctx, folder, &places);
  if (status) remove_folder(places.fresh);
  places_free(ctx, &places);
  return status ? status : att_snapshots_prune(ctx, folder, state);
}

att_status att_checkpoint_save_state(att_context *ctx, const char *folder, const att_state *state) {
  char *path = att_path(ctx, folder, "checkpoint");
  att_status status = path ? save_state(ctx, path, state) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static bool is_unfinished(const void *arg, const char *name) {
  (void)arg;
  return strstr(name, ".tmp-") != NULL;
}

att_status att_checkpoint_find(att_context *ctx, const char *folder, bool *found) {
  att_places places;
  att_status status = ATT_OK;
  ATT_TRY(places_of(ctx, folder, &places));
  *found = att_file_exists(places.now);
  if (!*found && att_file_exists(places.old)) {
    status = move(ctx, places.old, places.now);
    *found = !status;
  }
  places_free(ctx, &places);
  return status;
}

att_status att_checkpoint_clean(att_context *ctx, const char *folder) {
  att_places places;
  ATT_TRY(places_of(ctx, folder, &places));
  remove_files(folder, is_unfinished, NULL);
  remove_folder(places.fresh);
  remove_folder(places.old);
  places_free(ctx, &places);
  return ATT_OK;
}

att_status att_checkpoint_load_state(att_context *ctx, const char *folder, att_state *state) {
  char *path = att_path(ctx, folder, "checkpoint/trainer_state.json");
  att_status status = path ? att_state_read(ctx, path, state) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

att_status att_checkpoint_load_model(att_context *ctx, const char *folder, att_model **model) {
  char *path = att_path(ctx, folder, "checkpoint");
  *model = NULL;
  att_status status = path ? att_model_open(ctx, path, model) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

static att_status copy_moment(att_context *ctx, const char *path, const att_tensor_file *file, const char *name,
                              int64_t count, float *out) {
  const att_stored *stored = att_tensor_file_find(file, name);
  if (!stored || stored->type != ATT_F32 || stored->count != count) {
    return att_fail(ctx, ATT_FORMAT, "%s: it has no %s of %lld float32 numbers: the checkpoint is not this model's",
                    path, name, (long long)count);
  }
  memcpy(out, stored->data, stored->size);
  if (isfinite(att_kernels_get()->sum_squares(out, count))) return ATT_OK;
  return att_fail(ctx, ATT_NUMERIC, "%s: %s holds NaN or infinity: the checkpoint is damaged", path, name);
}

static att_status load_moments(att_context *ctx, const char *path, att_optimizer *o) {
  att_tensor_file *file;
  ATT_TRY(att_safetensors_open(ctx, path, &file));
  att_status status = copy_moment(ctx, path, file, "exp_avg", o->model->trained_total, o->mean);
  if (!status) status = copy_moment(ctx, path, file, "exp_avg_sq", o->model->trained_total, o->power);
  att_tensor_file_close(file);
  return status;
}

att_status att_checkpoint_load_moments(att_context *ctx, const char *folder, att_optimizer *o) {
  char *path = att_path(ctx, folder, "checkpoint/optimizer.safetensors");
  att_status status = path ? load_moments(ctx, path, o) : ATT_MEMORY;
  att_free(ctx, path);
  return status;
}

/* ---- snapshots ------------------------------------------------------------------------------------------------ */

static void put_stem(char stem[32], int64_t step) { snprintf(stem, 32, "%lld", (long long)step); }

att_status att_snapshot_save(const att_model *model, const char *folder, int64_t step) {
  char stem[32], *into = att_path(model->ctx, folder, "snapshots");
  put_stem(stem, step);
  att_status status = into ? att_folder_make(model->ctx, into) : ATT_MEMORY;
  if (!status) status = att_model_save_weights(model, into, stem, NULL);
  att_free(model->ctx, into);
  return status;
}

/* Of what an average is made: the trained parameters, and behind them the running statistics. */
static int64_t averaged_count(const att_model *model) {
  int64_t count = model->trained_total;
  for (size_t i = 0; i < model->parameter_count; i++)
    if (model->parameters[i].running) count += model->parameters[i].rows * model->parameters[i].cols;
  return count;
}

static att_status add_snapshot(att_model *model, const char *folder, int64_t step, float share, float *sum) {
  char stem[32], *path = att_path(model->ctx, folder, "snapshots");
  put_stem(stem, step);
  att_status status = path ? att_model_read_weights(model, path, stem) : ATT_MEMORY;
  att_free(model->ctx, path);
  if (status) return status;
  att_kernels_get()->axpy(sum, share, model->values, model->trained_total);
  sum += model->trained_total;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->running) continue;
    att_kernels_get()->axpy(sum, share, att_parameter_values(p), p->rows * p->cols);
    sum += p->rows * p->cols;
  }
  return ATT_OK;
}

att_status att_snapshots_average(att_model *model, const char *folder, const att_snapshot *snapshots, int64_t count) {
  float *sum = att_alloc_aligned(model->ctx, (size_t)averaged_count(model), sizeof(float));
  att_status status = sum ? ATT_OK : ATT_MEMORY;
  for (int64_t i = 0; i < count && !status; i++)
    status = add_snapshot(model, folder, snapshots[i].step, 1 / (float)count, sum);
  const float *at = sum;
  if (!status) {
    memcpy(model->values, at, (size_t)model->trained_total * sizeof(float));
    at += model->trained_total;
  }
  for (size_t i = 0; i < model->parameter_count && !status; i++) {
    const att_parameter *p = &model->parameters[i];
    if (!p->running) continue;
    memcpy(att_parameter_values(p), at, (size_t)(p->rows * p->cols) * sizeof(float));
    at += p->rows * p->cols;
  }
  att_free_aligned(model->ctx, sum);
  return status;
}

static bool is_not_named(const void *arg, const char *name) {
  const att_state *state = arg;
  for (int64_t i = 0; i < state->snapshot_count; i++) {
    char stem[32];
    put_stem(stem, state->snapshots[i].step);
    size_t size = strlen(stem);
    if (strncmp(name, stem, size) == 0 && name[size] == '.') return false;
  }
  return strstr(name, ".safetensors") || strstr(name, ".gguf");
}

att_status att_snapshots_prune(att_context *ctx, const char *folder, const att_state *state) {
  char *path = att_path(ctx, folder, "snapshots");
  if (!path) return ATT_MEMORY;
  remove_files(path, is_not_named, state);
  rmdir(path); /* only where it is empty */
  att_free(ctx, path);
  return ATT_OK;
}
