/* Owns what series_front.h says. */
#include "models/series_front.h"

#include "formats/file.h"
#include "formats/json.h"
#include "formats/json_object.h"

#include <math.h>
#include <string.h>

#define ATT_MOST_CHANNELS 65536

/* ---- series.json ---------------------------------------------------------------------------------------------- */

void att_series_front_free(att_context *ctx, att_series_front *f) {
  if (!f) return;
  void *const owned[] = {
      f->mean,           f->deviation,           f->names,        f->series, f->time, f->label, f->covariate_names,
      f->covariate_mean, f->covariate_deviation, f->coefficients, f};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) att_free(ctx, owned[i]);
}

att_status att_series_front_copy_names(att_context *ctx, const att_text *names, int64_t count, char ***out) {
  size_t size = (size_t)count * sizeof **out;
  for (int64_t i = 0; i < count; i++) size += names[i].size + 1;
  *out = att_alloc(ctx, size, 1);
  if (!*out) return ATT_MEMORY;
  char *at = (char *)(*out + count);
  for (int64_t i = 0; i < count; i++) {
    (*out)[i] = at;
    if (names[i].size) memcpy(at, names[i].data, names[i].size);
    at[names[i].size] = '\0';
    at += names[i].size + 1;
  }
  return ATT_OK;
}

static att_status read_numbers(att_context *ctx, const char *path, const json_t *root, const char *key, int64_t count,
                               double **out) {
  const json_t *list = json_object_get(root, key);
  *out = ATT_NEW(ctx, count, double);
  if (!*out) return ATT_MEMORY;
  bool good = json_is_array(list) && json_array_size(list) == (size_t)count;
  for (int64_t i = 0; good && i < count; i++) {
    const json_t *value = json_array_get(list, (size_t)i);
    good = json_is_number(value) && isfinite(json_number_value(value));
    (*out)[i] = json_number_value(value);
  }
  if (good) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: %s must be %lld numbers", path, key, (long long)count);
}

static att_status read_names(att_context *ctx, const char *path, const json_t *list, const char *key, int64_t count,
                             char ***out) {
  bool good = json_is_array(list) && json_array_size(list) == (size_t)count;
  att_text *names = ATT_NEW(ctx, count, att_text);
  if (!names) return ATT_MEMORY;
  for (int64_t i = 0; good && i < count; i++) {
    const char *name = json_string_value(json_array_get(list, (size_t)i));
    good = name != NULL;
    if (good) names[i] = (att_text){name, strlen(name)};
  }
  att_status status = good ? att_series_front_copy_names(ctx, names, count, out)
                           : att_fail(ctx, ATT_FORMAT, "%s: %s must be %lld names", path, key, (long long)count);
  att_free(ctx, names);
  return status;
}

static att_status read_column(att_context *ctx, const char *path, const json_t *root, const char *key, char **out) {
  const char *text = NULL;
  ATT_TRY(att_json_string(ctx, path, root, key, false, &text));
  *out = text ? att_copy_text(ctx, text, strlen(text)) : NULL;
  return text && !*out ? ATT_MEMORY : ATT_OK;
}

static att_status check_deviations(att_context *ctx, const char *path, const char *key, const double *values,
                                   int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (!(values[i] > 0)) return att_fail(ctx, ATT_FORMAT, "%s: %s must be above 0", path, key);
  return ATT_OK;
}

static att_status read_covariates(att_context *ctx, const char *path, const json_t *root, att_series_front *f) {
  const json_t *list = json_object_get(root, "covariates");
  size_t count = json_array_size(list);
  if (!list) return ATT_OK;
  if (count < 1 || count > ATT_MOST_COVARIATES)
    return att_fail(ctx, ATT_FORMAT, "%s: covariates must be 1 to %d names", path, ATT_MOST_COVARIATES);
  f->covariates = (int64_t)count;
  ATT_TRY(read_names(ctx, path, list, "covariates", f->covariates, &f->covariate_names));
  ATT_TRY(read_numbers(ctx, path, root, "covariate_mean", f->covariates, &f->covariate_mean));
  ATT_TRY(read_numbers(ctx, path, root, "covariate_std", f->covariates, &f->covariate_deviation));
  ATT_TRY(check_deviations(ctx, path, "covariate_std", f->covariate_deviation, f->covariates));
  return read_numbers(ctx, path, root, "coefficients", f->channels * f->covariates, &f->coefficients);
}

static att_status read_root(att_context *ctx, const char *path, const json_t *root, int64_t width,
                            att_series_front *f) {
  f->patch = 1;
  ATT_TRY(att_json_int(ctx, path, root, "channels", true, 1, ATT_MOST_CHANNELS, &f->channels));
  ATT_TRY(att_json_int(ctx, path, root, "patch_length", false, 1, INT32_MAX, &f->patch));
  if (f->patch * f->channels != width) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: %lld channels by a patch_length of %lld are not config.json's input_width, %lld", path,
                    (long long)f->channels, (long long)f->patch, (long long)width);
  }
  ATT_TRY(att_json_bool(ctx, path, root, "by_series", false, &f->by_series));
  ATT_TRY(att_json_int(ctx, path, root, "step_months", false, 0, 1200, &f->step_months));
  ATT_TRY(att_json_number(ctx, path, root, "step_seconds", false, &f->step_seconds));
  ATT_TRY(att_json_int(ctx, path, root, "season", false, 0, INT32_MAX, &f->season));
  if (!(f->step_seconds >= 0)) return att_fail(ctx, ATT_FORMAT, "%s: step_seconds is below 0", path);
  ATT_TRY(read_numbers(ctx, path, root, "mean", f->channels, &f->mean));
  ATT_TRY(read_numbers(ctx, path, root, "std", f->channels, &f->deviation));
  ATT_TRY(check_deviations(ctx, path, "std", f->deviation, f->channels));
  const json_t *columns = json_object_get(root, "columns");
  if (columns) ATT_TRY(read_names(ctx, path, columns, "columns", f->channels, &f->names));
  ATT_TRY(read_covariates(ctx, path, root, f));
  ATT_TRY(read_column(ctx, path, root, "series_column", &f->series));
  ATT_TRY(read_column(ctx, path, root, "time_column", &f->time));
  return read_column(ctx, path, root, "label_column", &f->label);
}

att_status att_series_front_read(att_context *ctx, const char *folder, int64_t width, att_series_front **out) {
  json_t *root = NULL;
  *out = NULL;
  char *path = att_path(ctx, folder, ATT_SERIES_FILE);
  if (!path) return ATT_MEMORY;
  att_series_front *f = NULL;
  att_status status = ATT_OK;
  if (att_file_exists(path)) {
    f = ATT_NEW(ctx, 1, att_series_front);
    status = f ? att_json_open(ctx, path, &root) : ATT_MEMORY;
    if (!status) status = read_root(ctx, path, root, width, f);
  }
  json_decref(root);
  att_free(ctx, path);
  if (status)
    att_series_front_free(ctx, f);
  else
    *out = f;
  return status;
}

static void put_numbers(att_object *out, const char *key, const double *values, int64_t count) {
  char text[32];
  att_put(out, key, "[");
  for (int64_t i = 0; i < count; i++) {
    att_put_more(out, i ? ", " : "");
    att_put_more(out, att_number_spell(values[i], text));
  }
  att_put_more(out, "]");
}

static void put_names(att_object *out, const char *key, char *const *names, int64_t count) {
  att_put(out, key, "[");
  for (int64_t i = 0; i < count; i++) {
    att_put_more(out, i ? ", " : "");
    att_put_more_string(out, names[i]);
  }
  att_put_more(out, "]");
}

att_status att_series_front_write(att_context *ctx, const char *folder, const att_series_front *f) {
  att_object out = {.ctx = ctx};
  att_put_int(&out, "channels", f->channels);
  att_put_int(&out, "patch_length", f->patch);
  put_numbers(&out, "mean", f->mean, f->channels);
  put_numbers(&out, "std", f->deviation, f->channels);
  if (f->by_series) att_put_bool(&out, "by_series", true);
  if (f->step_months) att_put_int(&out, "step_months", f->step_months);
  if (f->step_seconds > 0) att_put_real(&out, "step_seconds", f->step_seconds, false);
  if (f->season) att_put_int(&out, "season", f->season);
  if (f->names) put_names(&out, "columns", f->names, f->channels);
  if (f->covariates) {
    put_names(&out, "covariates", f->covariate_names, f->covariates);
    put_numbers(&out, "covariate_mean", f->covariate_mean, f->covariates);
    put_numbers(&out, "covariate_std", f->covariate_deviation, f->covariates);
    put_numbers(&out, "coefficients", f->coefficients, f->channels * f->covariates);
  }
  if (f->series) att_put_text(&out, "series_column", f->series);
  if (f->time) att_put_text(&out, "time_column", f->time);
  if (f->label) att_put_text(&out, "label_column", f->label);
  return att_object_write(&out, folder, ATT_SERIES_FILE);
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

void att_series_measure(const float *values, int64_t rows, int64_t channels, double *mean, double *deviation) {
  for (int64_t c = 0; c < channels; c++) {
    double sum = 0, squares = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i++) {
      if (isnan(values[i * channels + c])) continue;
      sum += (double)values[i * channels + c];
      count++;
    }
    mean[c] = count ? sum / (double)count : 0;
    for (int64_t i = 0; i < rows; i++) {
      double x = (double)values[i * channels + c] - mean[c];
      if (!isnan(x)) squares += x * x;
    }
    double found = count ? sqrt(squares / (double)count) : 0;
    deviation[c] = found > 1e-8 * fabs(mean[c]) && found > 1e-30 ? found : 1;
  }
}

static int64_t fill_channel(float *x, int64_t rows, int64_t stride, double mean) {
  int64_t filled = 0, before = -1;
  for (int64_t i = 0, after; i < rows; i++) {
    if (!isnan(x[i * stride])) {
      before = i;
      continue;
    }
    for (after = i + 1; after < rows && isnan(x[after * stride]); after++) {
    }
    double from = before >= 0 ? (double)x[before * stride] : after < rows ? (double)x[after * stride] : mean;
    double to = after < rows ? (double)x[after * stride] : from, span = (double)(after - before);
    for (int64_t k = i; k < after; k++, filled++)
      x[k * stride] = (float)(before < 0 ? to : from + (to - from) * (double)(k - before) / span);
    i = after - 1;
  }
  return filled;
}

int64_t att_series_fill(float *values, int64_t rows, int64_t channels, const double *mean) {
  int64_t filled = 0;
  for (int64_t c = 0; c < channels; c++) filled += fill_channel(values + c, rows, channels, mean ? mean[c] : 0);
  return filled;
}

int64_t att_series_tokens(const att_series_front *f, int64_t rows) { return (rows + f->patch - 1) / f->patch; }

att_status att_series_front_rows(att_context *ctx, const att_series_front *f, const float *values, int64_t rows,
                                 const double *offset, float *out) {
  int64_t c = f->channels, all = att_series_tokens(f, rows) * f->patch;
  float *copy = att_alloc(ctx, (size_t)rows, (size_t)c * sizeof *copy);
  if (!copy) return ATT_MEMORY;
  memcpy(copy, values, (size_t)(rows * c) * sizeof *copy);
  att_series_fill(copy, rows, c, f->mean); /* a channel without a value has no offset */
  for (int64_t i = 0; i < all * c; i++) {
    double mean = f->mean[i % c] - (offset ? offset[i % c] : 0);
    out[i] = i < rows * c ? (float)(((double)copy[i] - mean) / f->deviation[i % c]) : 0;
  }
  att_free(ctx, copy);
  return ATT_OK;
}
