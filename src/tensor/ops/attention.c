/*
 * Owns attention over packed sequences and its backward: which rows belong together, and the split over threads. The
 * arithmetic is in the kernels. Sequences leave what they give to the bias's gradient side by side, and it is summed in
 * their order afterwards, whichever thread had them.
 */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

/* Work (queries x keys x columns) below which a second thread costs more than it brings. */
#define ATT_ATTENTION_GRAIN 32768

typedef struct attention_record {
  att_tensor q, k, v, out;
  att_attention_shape shape;
  att_distance_bias bias; /* values NULL: none */
  float *lse;             /* [rows, heads] or NULL */
  float *scratch;         /* [threads, scratch_size] */
  int64_t scratch_size;
  const float *dout; /* backward, as all below */
  float *dq, *dk, *dv;
  bool accumulate_q, accumulate_kv;
  float *dbias;        /* [sequences] each [heads, its distances], or NULL */
  int64_t *dbias_from; /* [sequences + 1]: where each has its own, in distances */
} attention_record;

/* Keys of a cache that lie before every query's window: without them all else stays as it is, for places are counted
 * from the last key. Whoever looks at the weights sees all. */
static int64_t skipped_keys(const att_attention_shape *s, int64_t sequence, int64_t queries) {
  if (!s->key_rows || !s->causal || s->window == 0 || s->probs) return 0;
  int64_t skipped = s->key_counts[sequence] - queries + 1 - s->window;
  return skipped > 0 ? skipped : 0;
}

static att_attention_args args_of(const attention_record *a, int64_t sequence) {
  const att_attention_shape *s = &a->shape;
  int64_t query = s->queries.start[sequence], key = s->key_rows ? 0 : s->keys.start[sequence];
  int64_t query_count = s->queries.start[sequence + 1] - query, skipped = skipped_keys(s, sequence, query_count);
  return (att_attention_args){
      .q = a->q.data + query * a->q.stride,
      .k = a->k.data + key * a->k.stride,
      .v = a->v.data + key * a->v.stride,
      .key_type = s->key_type,
      .ldq = a->q.stride,
      .ldk = a->k.stride,
      .ldv = a->v.stride,
      .key_rows = s->key_rows ? s->key_rows[sequence] + skipped : NULL,
      .query_count = query_count,
      .key_count = s->key_rows ? s->key_counts[sequence] - skipped : s->keys.start[sequence + 1] - key,
      .heads = s->heads,
      .kv_heads = s->kv_heads,
      .size = s->size,
      .scale = s->scale > 0 ? s->scale : 1.0f / sqrtf((float)s->size),
      .causal = s->causal,
      .window = s->window,
      .softcap = s->softcap,
      .bias = a->bias.values ? a->bias.values + a->bias.reach - 1 : NULL,
      .bias_stride = 2 * a->bias.reach - 1,
      .o = a->out.data + query * a->out.stride,
      .ldo = a->out.stride,
      .lse = a->lse ? a->lse + query * s->heads : NULL,
      .probs = s->probs ? s->probs[sequence] : NULL,
  };
}

/* An item is one sequence's group of heads that share a key/value head. */
static void forward_items(void *arg, int64_t begin, int64_t end, int thread) {
  const attention_record *a = arg;
  int groups = a->shape.kv_heads, share = a->shape.heads / groups;
  for (int64_t i = begin; i < end; i++) {
    att_attention_args args = args_of(a, i / groups);
    int head = (int)(i % groups) * share;
    att_kernels_get()->attention_forward(&args, head, head + share, a->scratch + thread * a->scratch_size);
  }
}

static void backward_items(void *arg, int64_t begin, int64_t end, int thread) {
  const attention_record *a = arg;
  int groups = a->shape.kv_heads, share = a->shape.heads / groups;
  for (int64_t i = begin; i < end; i++) {
    att_attention_args args = args_of(a, i / groups);
    int64_t query = a->shape.queries.start[i / groups], key = a->shape.keys.start[i / groups];
    args.d_o = a->dout + query * a->out.stride;
    args.dq = a->dq + query * a->q.stride;
    args.dk = a->dk + key * a->k.stride;
    args.dv = a->dv + key * a->v.stride;
    args.accumulate_q = a->accumulate_q;
    args.accumulate_kv = a->accumulate_kv;
    if (a->dbias) {
      int64_t from = a->dbias_from[i / groups];
      args.dbias_stride = a->dbias_from[i / groups + 1] - from;
      args.dbias = a->dbias + from * a->shape.heads + args.key_count - 1;
    }
    int head = (int)(i % groups) * share;
    att_kernels_get()->attention_backward(&args, head, head + share, a->scratch + thread * a->scratch_size);
  }
}

static att_status run_items(att_run *run, attention_record *a, att_body *body) {
  int64_t sequences = a->shape.queries.count, work = 0, most = 0;
  for (int64_t i = 0; i < sequences; i++) {
    att_attention_args args = args_of(a, i);
    int64_t size = att_attention_scratch(args.query_count, args.key_count, args.size);
    if (size > most) most = size;
    work += args.query_count * args.key_count * a->q.cols;
  }
  bool alone = work < ATT_ATTENTION_GRAIN || run->ctx->threads == 1;
  a->scratch_size = most;
  a->scratch = ATT_ARENA_NEW(run->arena, most * (alone ? 1 : run->ctx->threads), float);
  if (!a->scratch) return ATT_MEMORY;
  int64_t items = sequences * a->shape.kv_heads;
  if (alone) {
    body(a, 0, items, 0);
  } else {
    att_parallel_dynamic(run->ctx, items, body, a);
  }
  return ATT_OK;
}

static bool is_written(const att_tensor *x) { return x->gradient && x->gradient->written; }

static void clear_block(float *data, const att_tensor *x) {
  for (int64_t r = 0; r < x->rows; r++) memset(data + r * x->stride, 0, (size_t)x->cols * sizeof *data);
}

/* q, k and v may be views of one tensor: whether it was written is asked before the first of them is. Keys and values
 * are added to together, or not. */
static att_status open_gradients(att_run *run, attention_record *a) {
  bool q_written = is_written(&a->q), k_written = is_written(&a->k), v_written = is_written(&a->v), ignored;
  ATT_TRY(att_gradient_open(run, &a->q, &a->dq, &ignored));
  ATT_TRY(att_gradient_open(run, &a->k, &a->dk, &ignored));
  ATT_TRY(att_gradient_open(run, &a->v, &a->dv, &ignored));
  a->accumulate_q = q_written;
  a->accumulate_kv = k_written || v_written;
  if (a->accumulate_kv && !k_written) clear_block(a->dk, &a->k);
  if (a->accumulate_kv && !v_written) clear_block(a->dv, &a->v);
  return ATT_OK;
}

/* From the most distant key of a sequence's last query to that of its first. */
static int64_t distances_of(const attention_record *a, int64_t sequence) {
  att_attention_args args = args_of(a, sequence);
  int64_t count = args.query_count + args.key_count - 1;
  return count > 0 ? count : 0;
}

static att_status make_bias_gradients(att_run *run, attention_record *a) {
  int64_t sequences = a->shape.queries.count;
  a->dbias_from = ATT_ARENA_NEW(run->arena, sequences + 1, int64_t);
  if (!a->dbias_from) return ATT_MEMORY;
  a->dbias_from[0] = 0;
  for (int64_t i = 0; i < sequences; i++) a->dbias_from[i + 1] = a->dbias_from[i] + distances_of(a, i);
  int64_t count = a->dbias_from[sequences] * a->shape.heads;
  a->dbias = ATT_ARENA_NEW(run->arena, count, float);
  if (!a->dbias) return ATT_MEMORY;
  memset(a->dbias, 0, (size_t)count * sizeof *a->dbias);
  return ATT_OK;
}

static void sum_bias_gradients(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const attention_record *a = arg;
  for (int64_t h = begin; h < end; h++) {
    float *middle = a->bias.gradient + h * (2 * a->bias.reach - 1) + a->bias.reach - 1;
    for (int64_t i = 0; i < a->shape.queries.count; i++) {
      int64_t count = distances_of(a, i);
      const float *own = a->dbias + a->dbias_from[i] * a->shape.heads + h * count;
      att_kernels_get()->add(middle - (args_of(a, i).key_count - 1), own, count);
    }
  }
}

static att_status run_backward(att_run *run, attention_record *a) {
  if (a->bias.gradient) ATT_TRY(make_bias_gradients(run, a));
  ATT_TRY(run_items(run, a, backward_items));
  if (a->bias.gradient) att_parallel(run->ctx, a->shape.heads, 4, sum_bias_gradients, a);
  return ATT_OK;
}

static att_status attention_backward(att_run *run, void *record) {
  attention_record *a = record;
  a->dout = att_gradient_of(&a->out);
  if (!a->dout) return ATT_OK;
  ATT_TRY(open_gradients(run, a));
  att_arena_mark mark = att_arena_save(run->arena);
  att_status status = run_backward(run, a);
  att_arena_restore(run->arena, mark);
  att_gradient_close(run, &a->out);
  return status;
}

att_status att_op_attention(att_run *run, const att_tensor *q, const att_tensor *k, const att_tensor *v,
                            const att_attention_shape *shape, att_tensor *out) {
  ATT_TRY(att_tensor_new(run, q->rows, q->cols, out));
  attention_record a = {.q = *q, .k = *k, .v = *v, .out = *out, .shape = *shape};
  if (shape->bias) a.bias = *shape->bias;
  if (run->tape) {
    a.lse = ATT_ARENA_NEW(run->arena, q->rows * shape->heads, float);
    if (!a.lse) return ATT_MEMORY;
  }
  att_arena_mark mark = att_arena_save(run->arena);
  att_status status = run_items(run, &a, forward_items);
  att_arena_restore(run->arena, mark);
  if (status || !run->tape) return status;
  void *record;
  ATT_TRY(att_tape_add(run, attention_backward, sizeof a, &record));
  memcpy(record, &a, sizeof a);
  return ATT_OK;
}
