/*
 * Owns the list of ops: shapes, formulas, sources. Each is in ops/NAME.c with its backward. Outputs are made on the
 * run's arena. `place` tells one dropout in the model from another; the same place, step and seed drop the same
 * elements.
 */
#ifndef ATT_TENSOR_OPS_H
#define ATT_TENSOR_OPS_H

#include "tensor/tensor.h"

/* out[n, d] = dropout(scale * table[ids[i]] + positions[position_ids[i]]). positions->data may be NULL. Every id is in
 * range: the caller has checked. (Vaswani et al. 2017, sections 3.4 and 3.5) */
att_status att_op_embed(att_run *run, const att_weight *table, const att_weight *positions, const int32_t *ids,
                        const int32_t *position_ids, int64_t n, float scale, uint32_t place, att_tensor *out);

typedef enum att_epilogue { ATT_PLAIN, ATT_WITH_RELU, ATT_WITH_GELU, ATT_WITH_SILU } att_epilogue;
/* out[n, w.rows] = f(x[n, w.cols] * w^T + bias) */
att_status att_op_linear(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias, att_epilogue f,
                         att_tensor *out);

/* Layer normalisation of rows (Ba et al. 2016), epsilon inside the root. */
att_status att_op_layer_norm(att_run *run, const att_tensor *x, const att_weight *gamma, const att_weight *beta,
                             float epsilon, att_tensor *out);

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
  float *const *probs;            /* [queries.count] each [heads, its queries, its keys], or NULL */
} att_attention_shape;

/* Scaled dot-product attention, scale = size^-0.5 (Vaswani et al. 2017, equation 1). */
att_status att_op_attention(att_run *run, const att_tensor *q, const att_tensor *k, const att_tensor *v,
                            const att_attention_shape *shape, att_tensor *out);

typedef struct att_loss {
  double loss; /* sum over the targets, label smoothing in it */
  double nll;  /* sum over the targets of -log p(target): what perplexity is made of */
  int64_t count;
} att_loss;

/* The projection to the vocabulary and its cross-entropy, in blocks of rows so that the logits are never all there at
 * once. Where the run has a tape, the gradients of x, w and bias are put in at once (of the loss divided by divisor),
 * so this op is the last one. targets[n]: every one in [0, w.rows). out is added into. */
att_status att_op_cross_entropy(att_run *run, const att_tensor *x, const att_weight *w, const att_weight *bias,
                                const int32_t *targets, float smoothing, double divisor, att_loss *out);

#endif
