/* Owns what tensor_writer.h says. */
#include "formats/tensor_writer.h"

#include "base/parallel.h"
#include "kernels/quants.h"
#include <inttypes.h>

#define ATT_PIECE  4096 /* numbers converted at once: whole blocks of every type */
#define ATT_PIECES 64   /* of a batch, which is what threads share and a write takes */

/* ---- shapes --------------------------------------------------------------------------------------------------- */

static att_status refuse(att_context *ctx, const char *path, const att_to_store *tensor, const char *what) {
  return att_fail(ctx, ATT_ARGUMENT, "%s: tensor %.200s: %s", path, tensor->name, what);
}

static bool has_size(const att_to_store *tensor, att_type type, int64_t *count, size_t *size) {
  return att_shape_size(tensor->shape, tensor->rank, att_type_block(type), att_type_size(type), count, size);
}

att_status att_to_store_size(att_context *ctx, const char *path, const att_to_store *tensor, size_t *size) {
  int64_t count, block = att_type_block(tensor->type);
  bool both = tensor->type < ATT_WEIGHT_TYPES && tensor->data_type < ATT_WEIGHT_TYPES;
  if (tensor->rank < 0 || tensor->rank > ATT_MAX_RANK) return refuse(ctx, path, tensor, "has an impossible shape");
  int64_t row = tensor->rank > 0 ? tensor->shape[tensor->rank - 1] : 1;
  if (row % block != 0) {
    return att_fail(ctx, ATT_ARGUMENT,
                    "%s: tensor %.200s: rows of %" PRId64 " numbers are not whole blocks of %s, which have %" PRId64,
                    path, tensor->name, row, att_type_label(tensor->type), block);
  }
  if (!both && tensor->type != tensor->data_type) return refuse(ctx, path, tensor, "cannot be converted to its type");
  if (tensor->transposed && (tensor->rank != 2 || att_type_block(tensor->data_type) > 1)) {
    return refuse(ctx, path, tensor, "cannot be turned");
  }
  if (!has_size(tensor, tensor->data_type, &count, size) || !has_size(tensor, tensor->type, &count, size)) {
    return refuse(ctx, path, tensor, "has an impossible shape");
  }
  return ATT_OK;
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static void read_values(float *values, const att_to_store *tensor, int64_t first, int64_t count) {
  att_type type = tensor->data_type;
  if (att_type_block(type) > 1) {
    att_quants_to_f32(values, (const char *)tensor->data + att_type_bytes(type, first), type, count);
    return;
  }
  if (type == ATT_F32 && !tensor->transposed) {
    memcpy(values, (const char *)tensor->data + (size_t)first * sizeof *values, (size_t)count * sizeof *values);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    int64_t at = first + i;
    if (tensor->transposed) at = at % tensor->shape[1] * tensor->shape[0] + at / tensor->shape[1];
    values[i] = att_value_at(tensor->data, type, at);
  }
}

/* An exponent of all ones is infinity or NaN. */
static bool is_finite_half(uint16_t half, att_type type) {
  uint16_t exponent = type == ATT_BF16 ? 0x7f80 : 0x7c00;
  return (half & exponent) != exponent;
}

static int64_t convert_halves(uint16_t *halves, att_type type, const float *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    halves[i] = type == ATT_F16 ? att_f32_to_f16(values[i]) : att_f32_to_bf16(values[i]);
    if (!is_finite_half(halves[i], type)) return i;
  }
  return count;
}

static int64_t largest(const float *values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (values[i] * values[i] > values[best] * values[best]) best = i;
  }
  return best;
}

static int64_t convert_blocks(void *blocks, att_type type, const float *values, int64_t count) {
  int64_t numbers = att_type_block(type);
  att_quants_from_f32(blocks, type, values, NULL, count);
  for (int64_t i = 0; i < count; i += numbers) {
    att_quant_block block;
    att_quant_read(&block, type, (const char *)blocks + att_type_bytes(type, i));
    if (!is_finite_half(block.d, ATT_F16) || !is_finite_half(block.m, ATT_F16)) {
      return i + largest(values + i, numbers);
    }
  }
  return count;
}

/* Returns the first value that the type cannot hold, or count. */
static int64_t convert(void *out, att_type type, const float *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (!(values[i] - values[i] == 0)) return i;
  }
  if (type >= ATT_FLOAT_TYPES) return convert_blocks(out, type, values, count);
  if (type != ATT_F32) return convert_halves(out, type, values, count);
  memcpy(out, values, (size_t)count * sizeof *values);
  return count;
}

static att_status refuse_value(att_context *ctx, const char *path, const att_to_store *tensor, int64_t index) {
  float block[ATT_QUANT_BLOCK];
  int64_t numbers = att_type_block(tensor->data_type), first = index / numbers * numbers;
  read_values(block, tensor, first, numbers);
  double value = (double)block[index - first];
  const char *why = value - value == 0 ? "is too large for the type to store" : "is not a number to store";
  return att_fail(ctx, ATT_NUMERIC, "%s: tensor %.200s: value %" PRId64 " (%g) %s", path, tensor->name, index, value,
                  why);
}

/* ---- a batch of pieces ---------------------------------------------------------------------------------------- */

typedef struct batch {
  const att_to_store *tensor;
  int64_t first, count;     /* numbers */
  char *bytes;              /* of the file's type */
  int64_t good[ATT_PIECES]; /* of each piece, the numbers before the first that cannot be stored */
} batch;

static int64_t piece_size(const batch *b, int64_t piece) {
  int64_t left = b->count - piece * ATT_PIECE;
  return left < ATT_PIECE ? left : ATT_PIECE;
}

static void convert_pieces(void *arg, int64_t begin, int64_t end, int thread) {
  batch *b = arg;
  float values[ATT_PIECE];
  (void)thread;
  for (int64_t i = begin; i < end; i++) {
    int64_t count = piece_size(b, i);
    read_values(values, b->tensor, b->first + i * ATT_PIECE, count);
    b->good[i] = convert(b->bytes + att_type_bytes(b->tensor->type, i * ATT_PIECE), b->tensor->type, values, count);
  }
}

static att_status put_batch(att_context *ctx, att_writer *writer, const char *path, batch *b) {
  int64_t pieces = (b->count + ATT_PIECE - 1) / ATT_PIECE;
  att_parallel(ctx, pieces, 1, convert_pieces, b);
  for (int64_t i = 0; i < pieces; i++) {
    if (b->good[i] == piece_size(b, i)) continue;
    return refuse_value(ctx, path, b->tensor, b->first + i * ATT_PIECE + b->good[i]);
  }
  return att_writer_put(writer, b->bytes, att_type_bytes(b->tensor->type, b->count));
}

static att_status put_converted(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor,
                                int64_t count) {
  const int64_t most = ATT_PIECE * ATT_PIECES;
  batch b = {.tensor = tensor, .bytes = att_alloc(ctx, ATT_PIECE * ATT_PIECES, sizeof(float))};
  att_status status = b.bytes ? ATT_OK : ATT_MEMORY;
  for (; b.first < count && !status; b.first += most) {
    b.count = count - b.first < most ? count - b.first : most;
    status = put_batch(ctx, writer, path, &b);
  }
  att_free(ctx, b.bytes);
  return status;
}

att_status att_to_store_put(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor) {
  int64_t count;
  size_t size;
  has_size(tensor, tensor->type, &count, &size); /* accepted before */
  bool as_is = tensor->type >= ATT_FLOAT_TYPES && tensor->type == tensor->data_type;
  return as_is ? att_writer_put(writer, tensor->data, size) : put_converted(ctx, writer, path, tensor, count);
}
