/* Owns what tensor_writer.h says. */
#include "formats/tensor_writer.h"

#include "base/parallel.h"
#include "base/quants.h"
#include "kernels/kernels.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>

#define ATT_PIECE  4096 /* numbers that a thread converts at once: whole blocks of every type */
#define ATT_PIECES 64   /* of a batch, which is what threads share and a write takes */
/* Beyond what any block can scale, and its square still a number. */
#define ATT_LARGEST_BLOCKED 1e9f

/* ---- shapes --------------------------------------------------------------------------------------------------- */

static att_status refuse(att_context *ctx, const char *path, const att_to_store *tensor, const char *what) {
  return att_fail(ctx, ATT_ARGUMENT, "%s: tensor %.200s cannot be written: %s", path, tensor->name, what);
}

static int64_t row_of(const att_to_store *tensor) { return tensor->rank > 0 ? tensor->shape[tensor->rank - 1] : 1; }

int64_t att_rows_at_once(const att_to_store *tensor) {
  int64_t bytes = (int64_t)att_type_bytes(tensor->type, row_of(tensor));
  return (1 + ((int64_t)4 << 20) / (16 * bytes + 1)) * 16;
}

static bool has_size(const att_to_store *tensor, int64_t *count, size_t *size) {
  return att_shape_size(tensor->shape, tensor->rank, att_type_block(tensor->type), att_type_size(tensor->type), count,
                        size);
}

static bool is_converted(const att_to_store *tensor) {
  return tensor->type < ATT_WEIGHT_TYPES && tensor->data_type < ATT_FLOAT_TYPES;
}

att_status att_to_store_size(att_context *ctx, const char *path, const att_to_store *tensor, size_t *size) {
  int64_t count, block = att_type_block(tensor->type);
  if (tensor->rank < 0 || tensor->rank > ATT_MAX_RANK) return refuse(ctx, path, tensor, "has an impossible shape");
  if (row_of(tensor) % block != 0) {
    return att_fail(ctx, ATT_ARGUMENT,
                    "%s: tensor %.200s: rows of %" PRId64 " numbers are not whole blocks of %s, which have %" PRId64,
                    path, tensor->name, row_of(tensor), att_type_label(tensor->type), block);
  }
  if (!tensor->rows && !is_converted(tensor) && tensor->type != tensor->data_type) {
    return refuse(ctx, path, tensor, "cannot be converted to its type");
  }
  if (!has_size(tensor, &count, size)) return refuse(ctx, path, tensor, "has an impossible shape");
  return ATT_OK;
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

typedef struct convert_task {
  att_type type;
  const float *values;
  int64_t count;
  const float *columns; /* [cols], or NULL */
  int64_t cols;
  char *out;
  int64_t *good; /* [pieces]: the numbers before the first that cannot be stored */
} convert_task;

/* Whether numbers of the file's type, from `at` on, are finite. */
static bool are_finite(const void *at, att_type type, int64_t count) {
  if (type >= ATT_FLOAT_TYPES) return att_quants_finite(at, type, count);
  for (int64_t i = 0; i < count; i++) {
    float value = att_value_at(at, type, i);
    if (!(value - value == 0)) return false;
  }
  return true;
}

/* Numbers from `at` on, a row's part after another, for what they weigh begins anew with each. */
static void convert_rows(const convert_task *t, char *out, int64_t at, int64_t count) {
  for (int64_t i = 0, some; i < count; i += some) {
    int64_t column = (at + i) % t->cols;
    some = t->cols - column < count - i ? t->cols - column : count - i;
    att_quants_from_f32(out + att_type_bytes(t->type, i), t->type, t->values + at + i, t->columns + column, some);
  }
}

static void convert(const convert_task *t, char *out, int64_t at, int64_t count) {
  if (t->type < ATT_FLOAT_TYPES) {
    att_kernels_get()->from_f32(out, t->values + at, t->type, count);
  } else if (t->columns) {
    convert_rows(t, out, at, count);
  } else {
    att_quants_from_f32(out, t->type, t->values + at, NULL, count);
  }
}

static int64_t largest(const float *values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (values[i] * values[i] > values[best] * values[best]) best = i;
  }
  return best;
}

/* Of a block that is too large for its type the number that makes it so. */
static int64_t first_unfit(const char *out, att_type type, const float *values, int64_t count) {
  int64_t block = att_type_block(type);
  for (int64_t i = 0; i < count; i += block) {
    if (!are_finite(out + att_type_bytes(type, i), type, block)) return i + largest(values + i, block);
  }
  return count;
}

static void convert_pieces(void *arg, int64_t begin, int64_t end, int thread) {
  const convert_task *t = arg;
  float limit = t->type >= ATT_FLOAT_TYPES ? ATT_LARGEST_BLOCKED : FLT_MAX;
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    int64_t first = i * ATT_PIECE, count = t->count - first < ATT_PIECE ? t->count - first : ATT_PIECE;
    const float *values = t->values + first;
    char *out = t->out + att_type_bytes(t->type, first);
    for (t->good[i] = 0; t->good[i] < count && fabsf(values[t->good[i]]) <= limit;) t->good[i]++;
    if (t->good[i] < count) continue;
    convert(t, out, first, count);
    if (!are_finite(out, t->type, count)) t->good[i] = first_unfit(out, t->type, values, count);
  }
}

static att_status refuse_value(att_context *ctx, const char *path, const char *tensor, int64_t index, double value) {
  const char *why = value - value == 0 ? "is too large for the type to store" : "is not a number to store";
  return att_fail(ctx, ATT_NUMERIC, "%s: tensor %.200s: value %" PRId64 " (%g) %s", path, tensor, index, value, why);
}

att_status att_convert_numbers(att_context *ctx, const char *path, const char *tensor, att_type type, int64_t first,
                               const float *values, int64_t count, const float *columns, int64_t cols, void *out) {
  int64_t pieces = (count + ATT_PIECE - 1) / ATT_PIECE;
  convert_task task = {type, values, count, columns, cols, out, ATT_NEW(ctx, pieces, int64_t)};
  if (!task.good) return ATT_MEMORY;
  att_parallel(ctx, pieces, 1, convert_pieces, &task);
  att_status status = ATT_OK;
  for (int64_t i = 0; i < pieces && !status; i++) {
    int64_t at = i * ATT_PIECE + task.good[i];
    if (task.good[i] < ATT_PIECE && at < count) {
      status = refuse_value(ctx, path, tensor, first + at, (double)values[at]);
    }
  }
  att_free(ctx, task.good);
  return status;
}

/* ---- putting -------------------------------------------------------------------------------------------------- */

static att_status put_converted(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor,
                                int64_t count) {
  const int64_t most = ATT_PIECE * ATT_PIECES;
  float *values = ATT_NEW(ctx, 2 * most, float);
  void *out = values + most; /* no type is wider */
  att_status status = values ? ATT_OK : ATT_MEMORY;
  for (int64_t first = 0; first < count && !status; first += most) {
    int64_t some = count - first < most ? count - first : most;
    const char *from = (const char *)tensor->data + att_type_bytes(tensor->data_type, first);
    for (int64_t i = 0; i < some; i++) values[i] = att_value_at(from, tensor->data_type, i);
    status = att_convert_numbers(ctx, path, tensor->name, tensor->type, first, values, some, NULL, 0, out);
    if (!status) status = att_writer_put(writer, out, att_type_bytes(tensor->type, some));
  }
  att_free(ctx, values);
  return status;
}

static att_status put_rows(att_context *ctx, att_writer *writer, const att_to_store *tensor, int64_t count) {
  int64_t cols = row_of(tensor), most = att_rows_at_once(tensor), rows = cols ? count / cols : 0;
  if (most > rows) most = rows;
  size_t row = att_type_bytes(tensor->type, cols);
  char *buffer = att_alloc(ctx, (size_t)most, row);
  att_status status = buffer ? ATT_OK : ATT_MEMORY;
  for (int64_t first = 0; first < rows && !status; first += most) {
    int64_t some = rows - first < most ? rows - first : most;
    status = tensor->rows(tensor->owner, first, some, buffer);
    if (!status) status = att_writer_put(writer, buffer, (size_t)some * row);
  }
  att_free(ctx, buffer);
  return status;
}

att_status att_to_store_put(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor) {
  int64_t count;
  size_t size;
  has_size(tensor, &count, &size); /* accepted before */
  if (tensor->rows) return put_rows(ctx, writer, tensor, count);
  if (is_converted(tensor)) return put_converted(ctx, writer, path, tensor, count);
  return att_writer_put(writer, tensor->data, size);
}
