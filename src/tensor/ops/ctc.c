/*
 * Owns the loss of connectionist temporal classification (Graves et al. 2006): all ways to write a label over a
 * sequence's rows, blanks between and tokens repeated, forward and backward in log space. A sequence is one thread's.
 * Its gradient is the softmax less how likely each token stands at each row, and is made beside the loss.
 */
#include "base/parallel.h"
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

typedef struct ctc_task {
  const att_tensor *logits;
  att_sequences sequences;
  const int32_t *labels;
  const int64_t *label_start;
  int32_t blank;
  double scale;         /* of the gradient */
  double *norms;        /* [rows]: the logarithm of the sum of each row's exponentials */
  double *forward;      /* [places * 2]: of all sequences; one row of `backward` and one before it follow */
  const int64_t *first; /* [sequences]: where a sequence's part of `forward` begins */
  double *losses;       /* [sequences]; infinite: there is no way */
  float *gradient;      /* [rows, cols] or NULL */
} ctc_task;

static double add_logs(double a, double b) {
  double most = a > b ? a : b;
  if (most == -INFINITY) return most;
  return most + log1p(exp((a > b ? b : a) - most));
}

/* One sequence's label with blanks around each token: place s of 2 * tokens + 1. */
typedef struct ctc_sequence {
  const ctc_task *task;
  const int32_t *labels;
  int64_t places, row, rows; /* row: its first */
} ctc_sequence;

static int32_t token_at(const ctc_sequence *s, int64_t place) {
  return place % 2 ? s->labels[place / 2] : s->task->blank;
}

/* The logarithm of what the model gives the token of a place at a row of the sequence. */
static double log_probability(const ctc_sequence *s, int64_t t, int64_t place) {
  const att_tensor *x = s->task->logits;
  int64_t row = s->row + t;
  return (double)x->data[row * x->stride + token_at(s, place)] - s->task->norms[row];
}

/* From place s - 2 to s: over a blank between two different tokens. */
static bool may_skip(const ctc_sequence *s, int64_t place) {
  return place >= 2 && place % 2 && token_at(s, place) != token_at(s, place - 2);
}

static void sum_row(const ctc_task *k, int64_t row) {
  const float *x = k->logits->data + row * k->logits->stride;
  double most = x[0], sum = 0;
  for (int64_t c = 1; c < k->logits->cols; c++) most = x[c] > most ? x[c] : most;
  for (int64_t c = 0; c < k->logits->cols; c++) sum += exp((double)x[c] - most);
  k->norms[row] = most + log(sum);
}

/* forward[t][s]: of all beginnings that are at place s with row t. Returns the logarithm of the label's probability. */
static double go_forward(const ctc_sequence *s, double *forward) {
  for (int64_t place = 0; place < s->places; place++)
    forward[place] = place < 2 ? log_probability(s, 0, place) : -INFINITY;
  for (int64_t t = 1; t < s->rows; t++) {
    const double *before = forward + (t - 1) * s->places;
    double *now = forward + t * s->places;
    for (int64_t place = 0; place < s->places; place++) {
      double sum = before[place];
      if (place > 0) sum = add_logs(sum, before[place - 1]);
      if (may_skip(s, place)) sum = add_logs(sum, before[place - 2]);
      now[place] = sum + log_probability(s, t, place);
    }
  }
  const double *last = forward + (s->rows - 1) * s->places;
  return s->places > 1 ? add_logs(last[s->places - 1], last[s->places - 2]) : last[0];
}

/* What each token has at a row: how likely the label's way is there, taken from the softmax. behind[s]: of all ends
 * that are at place s with row t, the row's own token left out. */
static void put_row(const ctc_sequence *s, int64_t t, const double *forward, const double *behind, double total) {
  const ctc_task *k = s->task;
  int64_t row = s->row + t, cols = k->logits->cols;
  const float *x = k->logits->data + row * k->logits->stride;
  float *dx = k->gradient + row * cols;
  for (int64_t c = 0; c < cols; c++) dx[c] = (float)(k->scale * exp((double)x[c] - k->norms[row]));
  for (int64_t place = 0; place < s->places; place++)
    dx[token_at(s, place)] -= (float)(k->scale * exp(forward[t * s->places + place] + behind[place] - total));
}

static void go_backward(const ctc_sequence *s, const double *forward, double *behind, double *next, double total) {
  for (int64_t place = 0; place < s->places; place++) behind[place] = place + 2 < s->places ? -INFINITY : 0;
  put_row(s, s->rows - 1, forward, behind, total);
  for (int64_t t = s->rows - 2; t >= 0; t--) {
    for (int64_t place = 0; place < s->places; place++) next[place] = behind[place] + log_probability(s, t + 1, place);
    for (int64_t place = 0; place < s->places; place++) {
      double sum = next[place];
      if (place + 1 < s->places) sum = add_logs(sum, next[place + 1]);
      if (place + 2 < s->places && may_skip(s, place + 2)) sum = add_logs(sum, next[place + 2]);
      behind[place] = sum;
    }
    put_row(s, t, forward, behind, total);
  }
}

static ctc_sequence sequence_of(const ctc_task *k, int64_t i) {
  int64_t row = k->sequences.start[i];
  return (ctc_sequence){k, k->labels + k->label_start[i], 2 * (k->label_start[i + 1] - k->label_start[i]) + 1, row,
                        k->sequences.start[i + 1] - row};
}

static void learn_sequences(void *arg, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const ctc_task *k = arg;
  for (int64_t i = begin; i < end; i++) {
    ctc_sequence s = sequence_of(k, i);
    double *forward = k->forward + k->first[i], *behind = forward + s.rows * s.places;
    for (int64_t t = 0; t < s.rows; t++) sum_row(k, s.row + t);
    k->losses[i] = s.rows > 0 ? -go_forward(&s, forward) : s.places > 1 ? INFINITY : 0;
    size_t floats = (size_t)(s.rows * k->logits->cols);
    if (!k->gradient || s.rows == 0) continue;
    if (k->losses[i] == INFINITY)
      memset(k->gradient + s.row * k->logits->cols, 0, floats * sizeof(float));
    else
      go_backward(&s, forward, behind, behind + s.places, -k->losses[i]);
  }
}

static att_status make_room(att_run *run, ctc_task *k) {
  int64_t *first = ATT_ARENA_NEW(run->arena, k->sequences.count, int64_t), floats = 0;
  if (!first) return ATT_MEMORY;
  for (int64_t i = 0; i < k->sequences.count; i++) {
    ctc_sequence s = sequence_of(k, i);
    first[i] = floats;
    floats += (s.rows + 2) * s.places;
  }
  k->first = first;
  k->forward = ATT_ARENA_NEW(run->arena, floats, double);
  k->norms = ATT_ARENA_NEW(run->arena, k->logits->rows, double);
  k->losses = ATT_ARENA_NEW(run->arena, k->sequences.count, double);
  if (run->tape && k->logits->gradient)
    k->gradient = att_arena_alloc(run->arena, (size_t)k->logits->rows, (size_t)k->logits->cols * sizeof(float));
  return k->forward && k->norms && k->losses && (k->gradient || !run->tape || !k->logits->gradient) ? ATT_OK
                                                                                                    : ATT_MEMORY;
}

static void put_gradient(const ctc_task *k, float *dx, bool accumulate) {
  for (int64_t i = 0; i < k->logits->rows; i++) {
    const float *from = k->gradient + i * k->logits->cols;
    float *to = dx + i * k->logits->stride;
    for (int64_t c = 0; c < k->logits->cols; c++) to[c] = accumulate ? to[c] + from[c] : from[c];
  }
}

att_status att_op_ctc_loss(att_run *run, const att_tensor *logits, att_sequences sequences, const int32_t *labels,
                           const int64_t *label_start, int32_t blank, double divisor, att_loss *out,
                           int64_t *impossible) {
  ctc_task task = {.logits = logits,
                   .sequences = sequences,
                   .labels = labels,
                   .label_start = label_start,
                   .blank = blank,
                   .scale = 1 / divisor};
  float *dx = NULL;
  bool accumulate = false;
  if (run->tape && logits->gradient) ATT_TRY(att_gradient_open(run, logits, &dx, &accumulate));
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(make_room(run, &task));
  att_parallel_dynamic(run->ctx, sequences.count, learn_sequences, &task);
  *impossible = 0;
  for (int64_t i = 0; i < sequences.count; i++) {
    if (task.losses[i] == INFINITY) {
      ++*impossible;
      continue;
    }
    out->loss += task.losses[i];
    out->nll += task.losses[i];
    out->count += label_start[i + 1] - label_start[i];
  }
  if (dx) put_gradient(&task, dx, accumulate);
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}
