/*
 * Owns multiplicative attention over packed sequences with its backward, and what additive attention (recurrent.c)
 * shares with it. There are few queries and keys in a sentence, and one head as wide as the state: rows are taken one
 * by one, sequences are shared by the threads.
 */
#include "tensor/ops/align.h"
#include "base/parallel.h"

#include <string.h>

att_keys att_keys_of(const att_alignment *a, int64_t sequence) {
  if (a->key_rows) return (att_keys){a->key_rows[sequence], 0, a->key_counts[sequence]};
  int64_t first = a->sequences.start[sequence];
  return (att_keys){NULL, first, a->sequences.start[sequence + 1] - first};
}

att_status att_alignment_weights(att_run *run, const att_alignment *a, att_sequences queries, float ***weights) {
  *weights = ATT_ARENA_NEW(run->arena, queries.count, float *);
  if (!*weights) return ATT_MEMORY;
  for (int64_t i = 0; i < queries.count; i++) {
    int64_t rows = queries.start[i + 1] - queries.start[i];
    (*weights)[i] = a->weights ? a->weights[i] : ATT_ARENA_NEW(run->arena, rows * att_keys_of(a, i).count, float);
    if (!(*weights)[i]) return ATT_MEMORY;
  }
  return ATT_OK;
}

void att_mix(float *y, const float *weights, const att_tensor *x, const att_keys *keys) {
  const att_kernels *k = att_kernels_get();
  for (int64_t j = 0; j < keys->count; j++) k->axpy(y, weights[j], x->data + att_key_row(keys, j) * x->stride, x->cols);
}

void att_mix_backward(float *dweights, float *dx, const float *dy, const float *weights, const att_tensor *x,
                      const att_keys *keys) {
  const att_kernels *k = att_kernels_get();
  for (int64_t j = 0; j < keys->count; j++) {
    int64_t row = att_key_row(keys, j) * x->stride;
    dweights[j] += k->dot(dy, x->data + row, x->cols);
    k->axpy(dx + row, weights[j], dy, x->cols);
  }
}

void att_scores_backward(float *dscores, const float *weights, int64_t n) {
  float mean = att_kernels_get()->dot(dscores, weights, n);
  for (int64_t j = 0; j < n; j++) dscores[j] = weights[j] * (dscores[j] - mean);
}

att_status att_gradient_open_zeroed(att_run *run, const att_tensor *x, float **data) {
  bool accumulate;
  ATT_TRY(att_gradient_open(run, x, data, &accumulate));
  for (int64_t r = 0; !accumulate && r < x->rows; r++)
    memset(*data + r * x->stride, 0, (size_t)x->cols * sizeof **data);
  return ATT_OK;
}

typedef struct align_record {
  att_tensor x, context;
  att_sequences sequences;
  att_alignment alignment;
  float **weights;
  const float *dcontext; /* backward, as all below */
  float *dx, *dkeys, *dmemory;
  float *dscores; /* [sequences, most] */
  int64_t most;
} align_record;

static void align_sequences(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const align_record *a = arg;
  const att_kernels *k = att_kernels_get();
  const att_tensor *from = &a->alignment.keys;
  for (int64_t i = begin; i < end; i++) {
    att_keys keys = att_keys_of(&a->alignment, i);
    float *weights = a->weights[i];
    for (int64_t r = a->sequences.start[i]; r < a->sequences.start[i + 1]; r++, weights += keys.count) {
      const float *x = a->x.data + r * a->x.stride;
      float *context = a->context.data + r * a->context.stride;
      for (int64_t j = 0; j < keys.count; j++)
        weights[j] = k->dot(x, from->data + att_key_row(&keys, j) * from->stride, from->cols);
      k->softmax(weights, keys.count);
      memset(context, 0, (size_t)a->context.cols * sizeof *context);
      att_mix(context, weights, &a->alignment.memory, &keys);
    }
  }
}

static void backward_sequences(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const align_record *a = arg;
  for (int64_t i = begin; i < end; i++) {
    att_keys keys = att_keys_of(&a->alignment, i);
    const float *weights = a->weights[i];
    float *dscores = a->dscores + i * a->most;
    for (int64_t r = a->sequences.start[i]; r < a->sequences.start[i + 1]; r++, weights += keys.count) {
      memset(dscores, 0, (size_t)keys.count * sizeof *dscores);
      att_mix_backward(dscores, a->dmemory, a->dcontext + r * a->context.stride, weights, &a->alignment.memory, &keys);
      att_scores_backward(dscores, weights, keys.count);
      att_tensor dkeys = a->alignment.keys;
      att_mix(a->dx + r * a->x.stride, dscores, &dkeys, &keys);
      const att_kernels *k = att_kernels_get();
      for (int64_t j = 0; j < keys.count; j++)
        k->axpy(a->dkeys + att_key_row(&keys, j) * dkeys.stride, dscores[j], a->x.data + r * a->x.stride, dkeys.cols);
    }
  }
}

static att_status align_backward(att_run *run, void *record) {
  align_record *a = record;
  a->dcontext = att_gradient_of(&a->context);
  if (!a->dcontext) return ATT_OK;
  ATT_TRY(att_gradient_open_zeroed(run, &a->x, &a->dx));
  ATT_TRY(att_gradient_open_zeroed(run, &a->alignment.keys, &a->dkeys));
  ATT_TRY(att_gradient_open_zeroed(run, &a->alignment.memory, &a->dmemory));
  for (int64_t i = 0; i < a->sequences.count; i++) {
    int64_t count = att_keys_of(&a->alignment, i).count;
    if (count > a->most) a->most = count;
  }
  att_arena_mark mark = att_arena_save(run->arena);
  a->dscores = ATT_ARENA_NEW(run->arena, a->sequences.count * a->most, float);
  if (!a->dscores) return ATT_MEMORY;
  att_parallel_dynamic(run->ctx, a->sequences.count, backward_sequences, a);
  att_arena_restore(run->arena, mark);
  att_gradient_close(run, &a->context);
  return ATT_OK;
}

att_status att_op_align(att_run *run, const att_tensor *x, att_sequences sequences, const att_alignment *alignment,
                        att_tensor *context) {
  ATT_TRY(att_tensor_new(run, x->rows, alignment->memory.cols, context));
  align_record a = {.x = *x, .context = *context, .sequences = sequences, .alignment = *alignment};
  ATT_TRY(att_alignment_weights(run, alignment, sequences, &a.weights));
  att_parallel_dynamic(run->ctx, sequences.count, align_sequences, &a);
  if (!run->tape) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, align_backward, sizeof a, &record));
  memcpy(record, &a, sizeof a);
  return ATT_OK;
}
