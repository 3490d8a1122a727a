/*
 * Owns the list of ops: shapes, formulas, sources. Each is in ops/NAME.c with its backward. Outputs are made on the
 * run's arena. `place` tells one dropout in the model from another; the same place, step and seed drop the same
 * elements; place ATT_NO_DROPOUT drops none. Under a tape an input may be without a gradient, and a weight frozen.
 */
#ifndef ATT_TENSOR_OPS_H
#define ATT_TENSOR_OPS_H

#include "tensor/tensor.h"

#define ATT_NO_DROPOUT ((uint32_t)0)

/* out[n, d] = dropout(scale * table[ids[i]] + positions[position_ids[i]]). positions->data may be NULL. Every id is in
 * range: the caller has checked. (Vaswani et al. 2017, sections 3.4 and 3.5) */
att_status att_op_embed(att_run *run, const att_weight *table, const att_weight *positions, const int32_t *ids,
                        const int32_t *position_ids, int64_t n, float scale, uint32_t place, att_tensor *out);

/* Nothing, or one of the kernels' activations: att_activation + 1. */
typedef enum att_epilogue {
  ATT_PLAIN,
  ATT_WITH_RELU = ATT_RELU + 1,
  ATT_WITH_GELU = ATT_GELU + 1,
  ATT_WITH_SILU = ATT_SILU + 1,
  ATT_WITH_SWIGLU = ATT_SWIGLU + 1, /* the same as SILU */
  ATT_WITH_GELU_TANH = ATT_GELU_TANH + 1,
  ATT_WITH_TANH = ATT_TANH + 1
} att_epilogue;
static inline att_epilogue att_epilogue_of(att_activation kind) { return (att_epilogue)(kind + 1); }
/* f is not ATT_PLAIN */
static inline att_activation att_activation_of(att_epilogue f) { return (att_activation)(f - 1); }

/* out[n, rows of w] = f(x[n, w.cols] * w^T + bias); w may be of several parts */
att_status att_op_linear(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias, att_epilogue f,
                         att_tensor *out);

/* Layer normalisation of rows (Ba et al. 2016), epsilon inside the root. */
att_status att_op_layer_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             float epsilon, att_tensor *out);

/* x / root mean square of the row * gamma, epsilon inside the root (Zhang & Sennrich 2019). plus_one: the factor is
 * 1 + gamma, a sum in float32 (Hugging Face's gemma). */
att_status att_op_rms_norm(att_run *run, const att_tensor *x, const att_weight *gamma, bool plus_one, float epsilon,
                           att_tensor *out);
/* The same of each head by itself, in place: x [n, heads * size], which may be a view, gamma [1, size] (Dehghani et al.
 * 2023, section 2: queries and keys). x's maker must not need its values again in backward. */
att_status att_op_head_norm(att_run *run, att_tensor *x, int heads, const att_weight *gamma, bool plus_one,
                            float epsilon);

/* In place, x contiguous: cap * tanh(x / cap), cap > 0 (Gemma 2's report, section 2). x's maker must not need its
 * values again in backward. */
att_status att_op_soft_cap(att_run *run, att_tensor *x, float cap);

/* out = factor * x */
att_status att_op_scale(att_run *run, const att_tensor *x, float factor, att_tensor *out);

/* out[n, d] = f(x[:, 0 .. d)) * x[:, d .. 2d): a gated linear unit (Shazeer 2020). f: any but ATT_PLAIN */
att_status att_op_gated(att_run *run, const att_tensor *x, att_epilogue f, att_tensor *out);

/* Dropout alone; out is x itself where nothing drops. x is contiguous. */
att_status att_op_dropout(att_run *run, const att_tensor *x, uint32_t place, att_tensor *out);

/* out[n, cols] = x's rows rows[0 .. n), each in range; the same row may come several times. `rows` must outlive
 * backward. */
att_status att_op_rows(att_run *run, const att_tensor *x, const int32_t *rows, int64_t n, att_tensor *out);

/* out[sequences.count, cols] = the mean of each sequence's rows (zeros for one of no rows). */
att_status att_op_mean(att_run *run, const att_tensor *x, att_sequences sequences, att_tensor *out);

/* By which angles the rows of a pass are turned: made once, for all layers that turn alike. */
typedef struct att_turns {
  const float *angles; /* [.., turned]: cosines, then sines */
  const int64_t *rows; /* [rows of the pass] which of them is a row's */
  int64_t turned;      /* columns of a head, even; those behind them stay as they are */
} att_turns;

/* Rotary positions (Su et al. 2021, section 3.2.2), in place: each head's columns k and k + turned / 2 are turned by a
 * row's angle k (pairs of Hugging Face's llama). x: [n, heads * size], may be a view (queries and keys that stand side
 * by side are one); its maker must not need its values again in backward (linear does not). The turns must outlive
 * backward. */
att_status att_op_rotary(att_run *run, att_tensor *x, int heads, int size, const att_turns *turns);

/* Numbers added to scores by head and distance = key - query position; [heads, 2 * reach - 1], distance d of head h at
 * h * (2 * reach - 1) + d + reach - 1. No distance in a pass is as far as reach. */
typedef struct att_distance_bias {
  float *values;
  float *gradient; /* the same layout, zeroed by its maker; attention's backward adds into it; NULL: none */
  int64_t reach;
  int heads;
} att_distance_bias;

/* ALiBi (Press et al. 2022, section 3): -slope(h) * |d|, slopes as in the authors' code for any number of heads. */
att_status att_op_alibi(att_run *run, int heads, int64_t reach, att_distance_bias *out);
/* T5's buckets (Raffel et al. 2020, section 2.1; bucket formula as Hugging Face's t5): table [buckets, heads], at least
 * 2 buckets (4 where not causal), more max_distance than buckets. A causal one has all buckets for the past. Its
 * backward sums out->gradient into the table's. */
att_status att_op_relative_bias(att_run *run, const att_weight *table, bool causal, int64_t max_distance, int64_t reach,
                                att_distance_bias *out);

/* out = x + dropout(y): a residual connection (Vaswani et al. 2017, section 5.4). out may be x; no op recorded later
 * may use x. */
att_status att_op_residual(att_run *run, const att_tensor *x, const att_tensor *y, uint32_t place, att_tensor *out);

typedef struct att_attention_shape {
  int heads, kv_heads, size; /* q: heads * size columns; k and v: kv_heads * size */
  bool causal;
  att_sequences queries; /* rows of q and out */
  att_sequences keys; /* rows of k and v; of sequence i: the keys of query sequence i. Unused where key_rows is given */
  const int32_t *const *key_rows; /* [queries.count] rows of k and v in a cache, or NULL (then no tape) */
  const int64_t *key_counts;      /* [queries.count], with key_rows */
  att_type
      key_type; /* of k and v in a cache: their data points to rows of that type, and their stride counts numbers */
  float *const *probs;           /* [queries.count] each [heads, its queries, its keys], or NULL */
  const att_distance_bias *bias; /* or NULL; its values and gradient must outlive backward. Query i of a sequence stands
                                    at its keys - its queries + i */
  float scale;                   /* 0: size^-0.5 */
  float softcap;                 /* of the scaled scores, as att_attention_args; 0: none */
  int64_t window;                /* where causal, a query sees the last so many keys up to itself; 0: all */
} att_attention_shape;

/* Scaled dot-product attention (Vaswani et al. 2017, equation 1). */
att_status att_op_attention(att_run *run, const att_tensor *q, const att_tensor *k, const att_tensor *v,
                            const att_attention_shape *shape, att_tensor *out);

typedef struct att_loss {
  double loss; /* sum over the targets, label smoothing in it */
  double nll;  /* sum over the targets of -log p(target): what perplexity is made of */
  int64_t count;
} att_loss;

/* The projection to the vocabulary and its cross-entropy, in blocks of rows so that the logits are never all there at
 * once. Where the run has a tape, the gradients of x, w and bias are put in at once (of the loss divided by divisor),
 * so this op is the last one. targets[n]: every one in [0, w.rows). softcap: of the logits; 0: none. out is added into.
 */
att_status att_op_cross_entropy(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                                float softcap, const int32_t *targets, float smoothing, double divisor, att_loss *out);

/* A pointer into what an encoder has read (See et al. 2017, section 2.2). Each row attends to its sequence's source by
 * one head of so many columns, queries' and keys' but their last; the weights a_j of the source's rows are the chance
 * that token j is copied. The last columns add up to the gate: p = sigmoid(queries[row] + the sum of a_j keys[j]). */
typedef struct att_pointer {
  att_tensor queries;             /* [rows, width + 1], width at most 256 */
  att_tensor keys;                /* [source rows, width + 1] */
  att_sequences rows, sources;    /* of queries, of keys; sources unused where key_rows is given */
  const int32_t *const *key_rows; /* [rows.count] rows of keys in a cache, or NULL (then no tape) */
  const int64_t *key_counts;      /* [rows.count], with key_rows */
  const int32_t *const *ids;      /* [rows.count] the tokens of each sequence's source, in the vocabulary */
} att_pointer;

/* logits[rows, vocabulary], in place, to logarithms of p softmax(logits) + (1 - p) (the a_j of each token). A row whose
 * source is empty has p = 1. No tape. */
att_status att_op_pointer_logits(att_run *run, att_tensor *logits, const att_pointer *pointer);
/* The projection to the vocabulary and the cross-entropy of that mixture; all else as att_op_cross_entropy, and queries
 * and keys get their gradients too. */
att_status att_op_pointer_loss(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                               const att_pointer *pointer, const int32_t *targets, float smoothing, double divisor,
                               att_loss *out);

/* Losses of a few logits a row (a head of labels), out added into; with a tape their gradient is put in at once,
 * divided by divisor. Targets: of classes in [0, cols); of labels 0 or 1, [rows, cols]; of values any, [rows, cols],
 * the loss the mean square over cols. count grows by rows. nll is the same as loss but for smoothing. */
att_status att_op_class_loss(att_run *run, const att_tensor *logits, const int32_t *targets, float smoothing,
                             double divisor, att_loss *out);
att_status att_op_label_loss(att_run *run, const att_tensor *logits, const float *targets, double divisor,
                             att_loss *out);
att_status att_op_value_loss(att_run *run, const att_tensor *values, const float *targets, double divisor,
                             att_loss *out);
/* logits [rows, 2]: of each sequence's rows, where a span in it begins and where it ends; the mean of the two
 * cross-entropies over its rows. targets: two a sequence, rows counted from its first, inside it. count grows by the
 * sequences. */
att_status att_op_span_loss(att_run *run, const att_tensor *logits, att_sequences sequences, const int32_t *targets,
                            double divisor, att_loss *out);

/* Batch normalisation (Ioffe & Szegedy 2015, algorithms 1 and 2): gamma (x - mean) / root(variance + epsilon) + beta,
 * each [1, cols]. Where the run is learning, mean and variance are those of x's rows, gradients go through them, and
 * those given, which the model owns, move a tenth of the way to them; else they are those given. x is contiguous. */
att_status att_op_batch_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             const att_weight *mean, const att_weight *variance, float epsilon, att_tensor *out);
/* out = x's row i * scales[2 i + 1] + scales[2 i]: undoes an instance normalisation (Kim et al. 2022). scales must
 * outlive backward. */
att_status att_op_scale_rows(att_run *run, const att_tensor *x, const float *scales, att_tensor *out);
/* Of rows of a mean [horizon] and, behind it, count quantiles [horizon] each against targets [rows, horizon]: the mean
 * square of the first, which nll counts alone, plus the quantiles' mean pinball loss (Koenker & Bassett 1978). As the
 * losses above in all else. */
att_status att_op_forecast_loss(att_run *run, const att_tensor *x, const float *targets, const float *quantiles,
                                int64_t count, double divisor, att_loss *out);

/* Connectionist temporal classification (Graves et al. 2006, sections 3 and 4): -log of the probability that rows of
 * logits, a softmax each, write the sequence's label in any of its ways: each token once or more in a row, any number
 * of blanks between, one at least between two equal ones. Sequence i's label: labels[label_start[i] .. label_start[i +
 * 1]) tokens in [0, cols), none of them the blank. out is added into, count by the tokens; with a tape the gradient is
 * put in at once, divided by divisor. A label that needs more rows than there are has no loss and no gradient, as
 * PyTorch's with zero_infinity, and is counted in *impossible. */
att_status att_op_ctc_loss(att_run *run, const att_tensor *logits, att_sequences sequences, const int32_t *labels,
                           const int64_t *label_start, int32_t blank, double divisor, att_loss *out,
                           int64_t *impossible);

/* ---- recurrent (recurrent.c, align.c, concat.c, windows.c, ends.c) ---- */

/* Columns of the gates: width, 4 * width (input, forget, cell, output), 3 * width (reset, update, new): PyTorch's. */
int64_t att_cell_gates(att_cell cell, int64_t width);
/* Columns of a state: h; of an LSTM h, then c. */
int64_t att_cell_state(att_cell cell, int64_t width);

/* What the rows of some sequences look at: those of sequence i at rows [sequences.start[i], ...) of keys and memory, or
 * at key_rows[i][0 .. key_counts[i]) of them. */
typedef struct att_alignment {
  att_tensor keys, memory; /* [memory rows, width], [memory rows, any]: memory's mean by the weights is the context */
  att_sequences sequences; /* unused where key_rows is given */
  const int32_t *const *key_rows; /* in a cache, or NULL (then no tape) */
  const int64_t *key_counts;
  float *const *weights; /* out: [queries' sequences] each [its rows, its keys], or NULL */
} att_alignment;

/* Additive attention (Bahdanau et al. 2015): before row t the state s of the row before scores each row j of memory
 * with vector . tanh(query s + keys[j]), keys being U h_j; softmax; the mean of memory by these weights is the context
 * of row t, and that of `inputs`, C h_j, is added to its gates. */
typedef struct att_additive {
  att_alignment alignment;
  att_weight query, vector; /* [width, width], [1, width] */
  att_tensor inputs;        /* [memory rows, gates] */
} att_additive;

typedef struct att_recurrent_shape {
  att_cell cell;
  bool backwards; /* from each sequence's last row to its first; never with `additive` */
  att_sequences sequences;
  const att_additive *additive; /* or NULL */
} att_recurrent_shape;

/* What a recurrent layer gives: out always, the others where they are not NULL. No gradient flows into cells. */
typedef struct att_recurrent_outputs {
  att_tensor *out;     /* [rows, width]: h of each row */
  att_tensor *last;    /* [sequences, att_cell_state]: the final states */
  att_tensor *cells;   /* [rows, width]: an LSTM's c of each row */
  att_tensor *context; /* [rows, columns of memory]: with `additive`, and then never NULL */
} att_recurrent_outputs;

/* One layer and direction over whole sequences. gates[rows, att_cell_gates]: the inputs' products with their bias, made
 * beforehand for all times at once by att_op_linear, for this op alone: it writes over them. hidden [gates, width] and
 * its bias: the state's. before: [sequences, att_cell_state] or NULL for zeros. */
att_status att_op_recurrent(att_run *run, const att_tensor *gates, const att_weight *hidden, const att_weight *bias,
                            const att_tensor *before, const att_recurrent_shape *shape,
                            const att_recurrent_outputs *outputs);

/* Multiplicative attention (Luong et al. 2015, section 3.1, "general"): context[rows, columns of memory] = the mean of
 * memory by softmax(x . keys[j]), keys being W h_j. sequences: of x's rows. */
att_status att_op_align(att_run *run, const att_tensor *x, att_sequences sequences, const att_alignment *alignment,
                        att_tensor *context);

/* out[n, all columns]: parts side by side. At most ATT_MOST_PARTS. */
#define ATT_MOST_PARTS 4
att_status att_op_concat(att_run *run, const att_tensor *const *parts, int count, att_tensor *out);

/* out[n, slots * cols]: row i is rows[i * slots], rows[i * slots + 1], ... of x side by side; -1: zeros. `rows` must
 * outlive backward. Where x has no gradient (it is the input), out has none. */
att_status att_op_windows(att_run *run, const att_tensor *x, const int32_t *rows, int64_t n, int64_t slots,
                          att_tensor *out);

/* Kernels over time: at least 1 row wide, moved on by at least 1; padding rows of zeros on both sides of a sequence. */
typedef struct att_convolution {
  int64_t kernel, stride, padding;
} att_convolution;
/* Rows that a sequence of so many becomes: floor((rows + 2 padding - kernel) / stride) + 1, or none where the kernel is
 * longer than the padded sequence, or the sequence has none. */
int64_t att_convolved_rows(const att_convolution *convolution, int64_t rows);
/* Row t of a sequence's output = f(sum over k of w_k x[t stride - padding + k] + bias), PyTorch's Conv1d. w: [outputs,
 * kernel * cols], w_k in columns k * cols and on: Conv1d's [outputs, cols, kernel] with its last two turned.
 * *out_sequences: on the run's arena. */
att_status att_op_convolve(att_run *run, const att_tensor *x, att_sequences sequences, const att_convolution *c,
                           const att_weight *w, const att_weight *bias, att_epilogue f, att_tensor *out,
                           att_sequences *out_sequences);

/* out[sequences.count, cols]: of each sequence columns [0, split) of its last row and the others of its first: where
 * two directions of [forward, backward] end. Zeros for a sequence of no rows. */
att_status att_op_ends(att_run *run, const att_tensor *x, att_sequences sequences, int64_t split, att_tensor *out);

#endif
