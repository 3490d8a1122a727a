/*
 * Owns the mixture of writing and copying (See et al. 2017, section 2.2): its logarithms, and its loss with gradients.
 *
 * P(v) = p s(v) + (1 - p) c(v), with s the softmax of the logits and c(v) the sum of the pointer's weights a_j where
 * token j is v. Let r(v) = p s(v) / P(v), the chance that v was written rather than copied; w(v) the target's
 * distribution, label smoothing in it; R the sum of w(v) r(v). Of the loss, the sum of -w(v) log P(v), the gradients
 * are then
 *   by the logit of v:           s(v) R - w(v) r(v)
 *   by the gate before sigmoid:  p - R
 *   by the score of j, token v:  a_j (1 - R) - a_j w(v) (1 - r(v)) / c(v), and what the gate adds through a_j.
 */
#include "base/parallel.h"
#include "tensor/ops/vocabulary.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct pointing {
  const att_pointer *pointer;
  int64_t width;     /* of queries and keys, without their last column */
  float **weights;   /* [sequences] each [its rows, its keys] */
  int32_t *sequence; /* [rows] whose each is */
  int64_t vocab;
  /* of the loss */
  const int32_t *targets;
  const int32_t **first; /* [sequences] of each key the first one of its token */
  float **scores;        /* [sequences] as weights: the gradients of their scores */
  float *gates;          /* [rows] the gradients of the gates */
  double smoothing, grad_scale;
} pointing;

static int64_t keys_of(const att_pointer *p, int64_t sequence) {
  return p->key_rows ? p->key_counts[sequence] : p->sources.start[sequence + 1] - p->sources.start[sequence];
}

static const float *key_of(const pointing *p, int64_t sequence, int64_t j) {
  const att_pointer *from = p->pointer;
  int64_t row = from->key_rows ? from->key_rows[sequence][j] : from->sources.start[sequence] + j;
  return from->keys.data + row * from->keys.stride;
}

/* A matrix [its rows, its keys] a sequence. */
static att_status new_matrices(att_run *run, const att_pointer *p, float ***out) {
  float **matrices = *out = ATT_ARENA_NEW(run->arena, p->rows.count, float *);
  if (!matrices) return ATT_MEMORY;
  for (int64_t i = 0; i < p->rows.count; i++) {
    matrices[i] = ATT_ARENA_NEW(run->arena, (p->rows.start[i + 1] - p->rows.start[i]) * keys_of(p, i), float);
    if (!matrices[i]) return ATT_MEMORY;
  }
  return ATT_OK;
}

/* Attention's kernel makes the weights; what it gives beside them nobody reads. */
static att_status attend(att_run *run, const att_pointer *pointer, int64_t vocab, pointing *p) {
  *p = (pointing){.pointer = pointer, .width = pointer->queries.cols - 1, .vocab = vocab};
  p->sequence = ATT_ARENA_NEW(run->arena, pointer->rows.start[pointer->rows.count], int32_t);
  if (!p->sequence) return ATT_MEMORY;
  for (int64_t i = 0; i < pointer->rows.count; i++)
    for (int64_t r = pointer->rows.start[i]; r < pointer->rows.start[i + 1]; r++) p->sequence[r] = (int32_t)i;
  ATT_TRY(new_matrices(run, pointer, &p->weights));
  att_run quiet = *run;
  quiet.tape = NULL;
  att_tensor q = att_tensor_columns(&pointer->queries, 0, p->width),
             k = att_tensor_columns(&pointer->keys, 0, p->width), unread;
  const att_attention_shape shape = {.heads = 1,
                                     .kv_heads = 1,
                                     .size = (int)p->width,
                                     .queries = pointer->rows,
                                     .keys = pointer->sources,
                                     .key_rows = pointer->key_rows,
                                     .key_counts = pointer->key_counts,
                                     .probs = p->weights};
  return att_op_attention(&quiet, &q, &k, &k, &shape, &unread);
}

/* What a row makes of its source. */
typedef struct row_view {
  int64_t sequence, keys, at; /* at: where its weights stand in the sequence's */
  const float *weights;       /* [keys] */
  double mean;                /* of the keys' parts of the gate */
  double written, copied;     /* logarithms of p and of 1 - p */
} row_view;

static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

static row_view view_row(const pointing *p, int64_t row) {
  const att_pointer *from = p->pointer;
  int64_t sequence = p->sequence[row], keys = keys_of(from, sequence), at = (row - from->rows.start[sequence]) * keys;
  row_view v = {.sequence = sequence, .keys = keys, .at = at, .weights = p->weights[sequence] + at};
  if (keys == 0) v.copied = -INFINITY;
  if (keys == 0) return v;
  for (int64_t j = 0; j < keys; j++) v.mean += (double)v.weights[j] * (double)key_of(p, sequence, j)[p->width];
  double gate = (double)from->queries.data[row * from->queries.stride + p->width] + v.mean;
  v.written = -softplus(-gate);
  v.copied = -softplus(gate);
  return v;
}

/* log(e^a + e^b) */
static double log_add(double a, double b) {
  double most = fmax(a, b);
  return most == -INFINITY ? most : most + log1p(exp(-fabs(a - b)));
}

/* ---- logarithms ------------------------------------------------------------------------------------------------ */

typedef struct mixing {
  pointing p;
  att_tensor *logits;
} mixing;

static void mix_rows(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const mixing *m = arg;
  for (int64_t row = begin; row < end; row++) {
    float *x = m->logits->data + row * m->logits->stride;
    row_view v = view_row(&m->p, row);
    const int32_t *ids = m->p.pointer->ids[v.sequence];
    float shift = (float)(v.written - (double)att_kernels_get()->log_sum_exp(x, m->p.vocab));
    for (int64_t i = 0; i < m->p.vocab; i++) x[i] += shift;
    for (int64_t j = 0; j < v.keys; j++)
      x[ids[j]] = (float)log_add((double)x[ids[j]], v.copied + log((double)v.weights[j]));
  }
}

att_status att_op_pointer_logits(att_run *run, att_tensor *logits, const att_pointer *pointer) {
  att_arena_mark mark = att_arena_save(run->arena);
  mixing m = {.logits = logits};
  ATT_TRY(attend(run, pointer, logits->cols, &m.p));
  att_parallel(run->ctx, logits->rows, 1 + 16384 / logits->cols, mix_rows, &m);
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

/* ---- the loss -------------------------------------------------------------------------------------------------- */

/* Of every key of a source the first one with its token; seen: [vocab] -1, and so again afterwards. */
static void find_first(const int32_t *ids, int64_t keys, int32_t *seen, int32_t *first) {
  for (int64_t j = 0; j < keys; j++) {
    if (seen[ids[j]] < 0) seen[ids[j]] = (int32_t)j;
    first[j] = seen[ids[j]];
  }
  for (int64_t j = 0; j < keys; j++) seen[ids[j]] = -1;
}

static att_status find_firsts(att_run *run, pointing *p) {
  const att_pointer *from = p->pointer;
  int32_t *seen = ATT_ARENA_NEW(run->arena, p->vocab, int32_t);
  p->first = ATT_ARENA_NEW(run->arena, from->rows.count, const int32_t *);
  if (!seen || !p->first) return ATT_MEMORY;
  for (int64_t v = 0; v < p->vocab; v++) seen[v] = -1;
  for (int64_t i = 0; i < from->rows.count; i++) {
    int64_t keys = keys_of(from, i);
    int32_t *first = ATT_ARENA_NEW(run->arena, keys, int32_t);
    if (!first) return ATT_MEMORY;
    find_first(from->ids[i], keys, seen, first);
    p->first[i] = first;
  }
  return ATT_OK;
}

/* What the tokens of a row's source have in its loss. */
typedef struct shares {
  double written;   /* R */
  double log_probs; /* the sum of log P less log(p s) of these tokens */
  double target;    /* log P of the target */
} shares;

/* pull[j], of the first key of each token, becomes w (1 - r) / c, which is w (1 - p) / P; of a chance that is 0, 0. */
static shares share_out(const pointing *p, const row_view *v, const float *logits, double lse, int32_t target,
                        float *pull) {
  const int32_t *ids = p->pointer->ids[v->sequence], *first = p->first[v->sequence];
  double even = p->smoothing / (double)p->vocab;
  shares s = {.written = 1, .target = v->written + (double)logits[target] - lse};
  for (int64_t j = 0; j < v->keys; j++) pull[j] = 0;
  for (int64_t j = 0; j < v->keys; j++) pull[first[j]] += v->weights[j];
  for (int64_t j = 0; j < v->keys; j++) {
    if (first[j] != j) continue;
    double w = even + (ids[j] == target ? 1 - p->smoothing : 0);
    double written = v->written + (double)logits[ids[j]] - lse;
    double both = log_add(written, v->copied + log((double)pull[j])), copied = -w * expm1(written - both);
    s.written -= copied;
    s.log_probs += both - written;
    if (ids[j] == target) s.target = both;
    pull[j] = pull[j] > 0 ? (float)fmin(copied / (double)pull[j], (double)FLT_MAX) : 0;
  }
  return s;
}

/* logits become their gradient: s R - w, and of the source's tokens w (1 - r) more, which their keys' a_j pull add up
 * to. */
static void logit_gradients(const pointing *p, const row_view *v, float *logits, double written, int32_t target,
                            const float *pull) {
  const int32_t *ids = p->pointer->ids[v->sequence], *first = p->first[v->sequence];
  float factor = (float)(written * p->grad_scale);
  float less = (float)(p->smoothing / (double)p->vocab * p->grad_scale);
  att_kernels_get()->softmax(logits, p->vocab);
  for (int64_t i = 0; i < p->vocab; i++) logits[i] = logits[i] * factor - less;
  logits[target] -= (float)((1 - p->smoothing) * p->grad_scale);
  for (int64_t j = 0; j < v->keys; j++)
    logits[ids[j]] += (float)((double)v->weights[j] * (double)pull[first[j]] * p->grad_scale);
}

/* pull becomes the scores' gradient; the last keys first, as what their first one has is still read. */
static void score_gradients(const pointing *p, const row_view *v, double written, double gate, float *pull) {
  const int32_t *first = p->first[v->sequence];
  for (int64_t j = v->keys - 1; j >= 0; j--) {
    double part = (double)key_of(p, v->sequence, j)[p->width] - v->mean;
    pull[j] = (float)((double)v->weights[j] * (1 - written - (double)pull[first[j]] + gate * part) * p->grad_scale);
  }
}

static void pointer_row(void *arg, float *logits, int64_t row, bool gradient, double *loss, double *nll) {
  const pointing *p = arg;
  row_view v = view_row(p, row);
  int32_t target = p->targets[row];
  float *pull = p->scores[v.sequence] + v.at;
  double lse = (double)att_kernels_get()->log_sum_exp(logits, p->vocab), sum = 0;
  shares s = share_out(p, &v, logits, lse, target, pull);
  for (int64_t i = 0; i < p->vocab && p->smoothing > 0; i++) sum += (double)logits[i];
  double mean = v.written - lse + (sum + s.log_probs) / (double)p->vocab;
  *nll = -s.target;
  *loss = -(1 - p->smoothing) * s.target - (p->smoothing > 0 ? p->smoothing * mean : 0);
  if (!gradient) return;
  double gate = v.keys ? exp(v.written) - s.written : 0;
  logit_gradients(p, &v, logits, s.written, target, pull);
  score_gradients(p, &v, s.written, gate, pull);
  p->gates[row] = (float)(gate * p->grad_scale);
}

/* ---- through the scores ----------------------------------------------------------------------------------------- */

/* The last columns: of queries the gate's gradient, of keys its means by the weights. */
static void gate_columns(const pointing *p, int64_t sequence, float *dq, bool add_q, float *dk, bool add_k) {
  const att_pointer *from = p->pointer;
  int64_t begin = from->rows.start[sequence], count = from->rows.start[sequence + 1] - begin;
  int64_t first = from->sources.start[sequence], keys = keys_of(from, sequence);
  for (int64_t r = 0; dq && r < count; r++) {
    float *to = dq + (begin + r) * from->queries.stride + p->width;
    *to = (add_q ? *to : 0) + p->gates[begin + r];
  }
  for (int64_t j = 0; dk && j < keys; j++) {
    float *to = dk + (first + j) * from->keys.stride + p->width, sum = 0;
    for (int64_t r = 0; r < count; r++) sum += p->gates[begin + r] * p->weights[sequence][r * keys + j];
    *to = (add_k ? *to : 0) + sum;
  }
}

static void scale_scores(const pointing *p, int64_t sequence) {
  const att_sequences *rows = &p->pointer->rows;
  int64_t count = rows->start[sequence + 1] - rows->start[sequence];
  att_kernels_get()->scale(p->scores[sequence], 1.0f / sqrtf((float)p->width), count * keys_of(p->pointer, sequence));
}

static void put_gradients(const att_run *run, const pointing *p, float *dq, bool add_q, float *dk, bool add_k) {
  const att_tensor *q = &p->pointer->queries, *k = &p->pointer->keys;
  for (int64_t i = 0; i < p->pointer->rows.count; i++) {
    int64_t row = p->pointer->rows.start[i], rows = p->pointer->rows.start[i + 1] - row;
    int64_t key = p->pointer->sources.start[i], keys = keys_of(p->pointer, i);
    scale_scores(p, i);
    if (dq)
      att_gemm(run->ctx, dq + row * q->stride, q->stride, p->scores[i], keys, false, k->data + key * k->stride,
               k->stride, false, rows, p->width, keys, add_q);
    if (dk)
      att_gemm(run->ctx, dk + key * k->stride, k->stride, p->scores[i], keys, true, q->data + row * q->stride,
               q->stride, false, keys, p->width, rows, add_k);
    gate_columns(p, i, dq, add_q, dk, add_k);
  }
}

att_status att_op_pointer_loss(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                               const att_pointer *pointer, const int32_t *targets, float smoothing, double divisor,
                               att_loss *out) {
  pointing p;
  float *dq = NULL, *dk = NULL;
  bool add_q = false, add_k = false;
  if (run->tape && pointer->queries.gradient) ATT_TRY(att_gradient_open(run, &pointer->queries, &dq, &add_q));
  if (run->tape && pointer->keys.gradient) ATT_TRY(att_gradient_open(run, &pointer->keys, &dk, &add_k));
  ATT_TRY(attend(run, pointer, w->rows, &p));
  p.targets = targets;
  p.smoothing = (double)smoothing;
  p.grad_scale = 1.0 / divisor;
  p.gates = ATT_ARENA_NEW(run->arena, x->rows, float);
  if (!p.gates) return ATT_MEMORY;
  ATT_TRY(new_matrices(run, pointer, &p.scores));
  ATT_TRY(find_firsts(run, &p));
  ATT_TRY(att_vocabulary_loss(run, x, w, bias, 0, pointer_row, &p, out));
  if (dq || dk) put_gradients(run, &p, dq, add_q, dk, add_k);
  return ATT_OK;
}
