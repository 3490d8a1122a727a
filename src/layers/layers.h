/*
 * Owns the parts that models are made of: attention layer, feed-forward layer, the block of both, sinusoidal positions.
 * A block is described by a small struct; a family only fills in that description. Refuses to know names, files and
 * families.
 */
#ifndef ATT_LAYERS_LAYERS_H
#define ATT_LAYERS_LAYERS_H

#include "tensor/ops.h"

/* RMS_PLUS_ONE: RMS whose factor is 1 + gamma (Hugging Face's gemma). BATCH: by statistics that stay (patchtst). */
typedef enum att_norm { ATT_NORM_LAYER, ATT_NORM_RMS, ATT_NORM_BATCH, ATT_NORM_RMS_PLUS_ONE } att_norm;

typedef struct att_norm_layer {
  att_weight gamma, beta;    /* RMS norms have no beta */
  att_weight mean, variance; /* of BATCH alone; never trained */
} att_norm_layer;

typedef struct att_linear_layer {
  att_weight weight, bias;
} att_linear_layer;

/* Multi-head attention (Vaswani et al. 2017, section 3.2.2). The projections that read the same rows are one matrix:
 * `in` is q, k and v (self) or q alone (cross, whose k and v are `memory`). */
typedef struct att_attention_layer {
  att_linear_layer in, memory, out;
  att_norm_layer query_norm, key_norm; /* RMS of each head of self-attention, before it is turned; absent: none */
} att_attention_layer;

typedef struct att_block {
  att_norm_layer self_norm, cross_norm, feedforward_norm;
  att_norm_layer self_out_norm, feedforward_out_norm; /* of what the sub-layer gives, before it is added; or absent */
  att_attention_layer self, cross;
  att_linear_layer up, down; /* the position-wise feed-forward network (section 3.3) */
  bool has_cross, causal;
  bool norm_before; /* x + f(norm(x)), else norm(x + f(x)) (Xiong et al. 2020) */
  bool gated;       /* `up` makes the gate and what it lets through (Shazeer 2020), 2 * inner columns */
  att_norm norm;
  int heads, kv_heads, head_size; /* cross-attention has as many key/value heads as heads */
  float scale, softcap;           /* of scores, as att_attention_shape; softcap: of self-attention's */
  int64_t window;                 /* of a causal block, as att_attention_shape */
  bool local;                     /* turned by the local angles */
  att_epilogue activation;
  float epsilon;
} att_block;

att_status att_norm_forward(att_run *run, const att_norm_layer *layer, att_norm kind, float epsilon,
                            const att_tensor *x, att_tensor *out);

/* Keys and values that are not made by this pass: a session's cache. Rows as in att_attention_shape. */
typedef struct att_stored_keys {
  void *rows; /* [.., 2 * width]: k, then v */
  att_type type;
  const int32_t *const *row_tables;
  const int64_t *counts;
} att_stored_keys;

/* What a block works on beside x. */
typedef struct att_block_input {
  att_sequences sequences;
  const att_tensor *memory; /* the encoder's output, or NULL where `cross_cache` has its keys and values */
  att_sequences memory_sequences;
  const att_stored_keys *self_cache, *cross_cache; /* or NULL */
  float *const *self_probs, *const *cross_probs;   /* one an item of sequences, or NULL */
  const att_turns *turns, *local_turns;            /* of rotary positions, for self-attention; or NULL */
  const att_distance_bias *distances;              /* of self-attention; or NULL. All on the arena */
  uint32_t place;                                  /* of the block's dropouts: place, place + 1, place + 2 */
  /* [kept_count], or NULL: rows of x that are wanted of the block: keys and values are made of all, the rest of these
   */
  const int32_t *kept;
  int64_t kept_count;
} att_block_input;

/* *x, contiguous, becomes the block's output: a new tensor where the run has a tape; else it is written over, and
 * nothing is left on the arena. */
att_status att_block_forward(att_run *run, const att_block *block, const att_block_input *input, att_tensor *x);

/* Rotary positions (Su et al. 2021) as Hugging Face has them, whose frequencies are base^(-2k / size), k from 0; and
 * what its rope types make of them for contexts longer than trained with (modeling_rope_utils.py): "linear" divides all
 * by the factor, "llama3" those of wave lengths beyond the original context, with a smooth passage, "yarn" likewise
 * (Peng et al. 2023), "dynamic" raises the base with a sequence's length, "longrope" has a divisor for each, and others
 * for sequences beyond the original context (Ding et al. 2024). */
typedef enum att_rope_scaling {
  ATT_ROPE_DEFAULT,
  ATT_ROPE_LINEAR,
  ATT_ROPE_LLAMA3,
  ATT_ROPE_DYNAMIC,
  ATT_ROPE_YARN,
  ATT_ROPE_LONGROPE,
  ATT_ROPE_SCALINGS
} att_rope_scaling;

#define ATT_MOST_FREQUENCIES 128 /* of the widest head that attention's kernels know */

typedef struct att_rope {
  double base;
  double partial; /* the share of a head's columns that is turned; 0: all */
  att_rope_scaling scaling;
  double factor;    /* linear, llama3, dynamic, yarn */
  double low, high; /* llama3: wave lengths in the original context; yarn: turns in it (beta_slow, beta_fast) */
  bool untruncated; /* yarn: its ramp begins and ends between two frequencies */
  double magnitude; /* yarn, longrope: cosines and sines are multiplied by it (attention_factor); 0: by 1 */
  int64_t original; /* positions of the context trained with; of linear unused */
  float short_factors[ATT_MOST_FREQUENCIES], long_factors[ATT_MOST_FREQUENCIES]; /* longrope */
} att_rope;

/* Columns that are turned of a head of `size`; even. */
int64_t att_rope_turned(const att_rope *rope, int64_t size);
/* Of a sequence of so many positions: out[att_rope_turned / 2]. */
void att_rope_frequencies(float *out, const att_rope *rope, int64_t size, int64_t length);
/* Whether sequences of two lengths have the same frequencies. */
bool att_rope_alike(const att_rope *rope, int64_t one, int64_t other);
/* The angles of a pass's rows, on the arena. lengths: [sequences.count], what each sequence's frequencies go by;
 * positions: of each row, none negative, a product with the frequency in float32. */
att_status att_rope_turns(att_run *run, const att_rope *rope, int64_t size, att_sequences sequences,
                          const int64_t *lengths, const int32_t *positions, att_turns *out);

/* out[.., 2 * width] = the keys and values of a cross-attention over the memory, those of row i in row rows[i], or i
 * where rows is NULL; without a tape. */
att_status att_cross_keys(att_run *run, const att_block *block, const att_tensor *memory, const int32_t *rows,
                          float *out);

/* Sinusoidal positions, sines in the first half of the columns, cosines in the second (as Hugging Face lays out Vaswani
 * et al. 2017, section 3.5). */
typedef enum att_sinusoid {
  ATT_SINUSOID_PAPER, /* exponent 2k/d, from double precision: marian */
  ATT_SINUSOID_M2M    /* exponent k/(d/2 - 1), in float32: fairseq's, m2m_100 */
} att_sinusoid;
/* out[count, d]: positions first, first + 1, ... d is even, and above 2 for M2M. */
void att_sinusoids(float *out, att_sinusoid kind, int64_t first, int64_t count, int64_t d);

#endif
