/*
 * Owns what every model answers to: the forward pass, whole or step by step, and the loss. One forward serves training,
 * prefill and step-by-step decoding. The checks that all families share are made here; then the calls go through the
 * family's table (family.h).
 */
#ifndef ATT_MODELS_PASS_H
#define ATT_MODELS_PASS_H

#include "models/model.h"

/* What some sequences are read as: tokens, every id in [0, vocab_size); or, where the config says so, rows of finite
 * floats. No sequence is longer than max_position_embeddings. (Checked: ATT_ARGUMENT, ATT_NUMERIC.) */
typedef struct att_input {
  const int32_t *ids;
  const int32_t *types; /* bert's segment of each, or NULL: all 0 */
  att_sequences sequences;
  const float *rows; /* [rows, att_config_row_width], in place of ids */
  bool pooled;       /* all that is wanted is what a head of whole texts reads: of an encoder the first row of each */
} att_input;

/* What an encoder gives. Which rows are whose is said here: there may be more or fewer than were read. */
typedef struct att_memory {
  att_tensor rows;  /* [rows, d_model] */
  att_tensor state; /* recurrent: [sequences, ..]: the final states; data NULL elsewhere */
  att_sequences sequences;
  const int32_t *ids;  /* [rows] the tokens that the rows stand for; NULL: none, as of rows of floats */
  const float *scales; /* [sequences, 2]: mean and deviation that windows were normalised by (patching.h), or NULL */
} att_memory;

/* The decoder's cache of one session. Row r of self[layer] holds what one decoded token leaves for those after it: keys
 * and values, or a recurrent state. cross[layer] has what is made of the memory once. The session says which rows
 * belong to which hypothesis, so beams share their past without copying. */
typedef struct att_cache_shape {
  int64_t layers;                  /* of self and cross */
  int64_t self_width, cross_width; /* floats a row; cross 0: no memory */
  int64_t cross_layers;            /* of cross: `layers`, and one more where the head keeps something of the memory */
  int64_t alignment_heads;         /* heads of the last layer's attention over the memory; 0: none */
  /* Of keys and values, else 0: columns of a head. What a row leaves is then there for the rows behind it in the same
   * pass, whichever sequence they are given as; and self may be of another type than float32. */
  int64_t head_size;
  int64_t window;    /* tokens that some layers see, the one that looks among them; 0: all layers see all */
  const bool *local; /* [layers] those, of the model; NULL: none */
} att_cache_shape;
void att_model_cache_shape(const att_model *model, att_cache_shape *shape);

typedef struct att_cache {
  void *const *self;  /* [layers] each [rows, self_width] */
  att_type self_type; /* of keys and values; float32 elsewhere */
  void *const *cross; /* [cross_layers] each [memory rows, cross_width] floats: from att_model_cross */
  const int32_t *const
      *self_rows;             /* [sequences] each [past + new]: this call's new tokens go into the last `new` of them */
  const int64_t *self_counts; /* [sequences]: past + new */
  const int32_t *const *cross_rows; /* [sequences] each [source length]: rows of cross */
  const int64_t *cross_counts;      /* [sequences] */
  /* [sequences], or NULL: self_counts. Of texts that are read in pieces, how long they are with all of them: where
   * rotary positions go by a text's length, all its pieces must. */
  const int64_t *lengths;
  /* [sequences] as self_rows, of the layers that see a window, or NULL: those too. Rows that lie before the window are
   * not touched. */
  const int32_t *const *local_rows;
} att_cache;

/* Where attention's weights go, for looking. Each may be NULL. */
typedef struct att_maps {
  /* [layers], each an array over sequences of [heads, queries, keys] */
  float *const *const *encoder;
  float *const *const *decoder;
  float *const *const *cross;
} att_maps;

/* `embedded` of the calls below: where not NULL and the run has a tape, *embedded becomes the embeddings that the
 * pass began with, whose gradient att_look_gradient reads after att_backward. */

/* Encoders and encoder-decoders. */
att_status att_model_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_memory *memory);
/* Training and prefill without a cache: hidden [rows, ..] of every position, given the encoder's memory (NULL in a
 * decoder). */
att_status att_model_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                            const att_maps *maps, att_tensor *embedded, att_tensor *hidden);
/* What each layer's cross[layer] holds, over the memory, and behind them what the head keeps of it: row i of it goes to
 * row rows[i], or i where rows is NULL. No tape. */
att_status att_model_cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                           void *const *cross);
/* Whether what tokens leave in the cache stays right as their text grows from one length to another. Else all of them
 * are to be read again, as a text of the new length. */
bool att_model_goes_on(const att_model *model, int64_t from, int64_t to);
/* New tokens (one or more a sequence) against the cache; writes what they leave into it. No tape. */
att_status att_model_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                          const att_maps *maps, att_tensor *hidden);
/* What a body gives its head. */
typedef struct att_hidden {
  att_tensor rows;         /* [rows, ..] */
  att_sequences sequences; /* which are whose: an encoder may have made more or fewer than it read */
  const float *scales;     /* the memory's, or NULL */
  const int32_t *ids;      /* of a text that is read twice, a row each; else NULL */
  /* of a decoder that reads an encoder's memory: that of its sequences, or the cache that has it; else NULL */
  const att_memory *memory;
  const att_cache *cache;
} att_hidden;

/* The hidden rows of a decoder or an encoder alone, last norm in; of an encoder-decoder that reads twice (head.h) the
 * decoder's, a row a token of the input; of others the encoder's. */
att_status att_model_hidden(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_hidden *hidden);
/* The head's logits: a row a text, or a row a hidden row, as the head has it (head.h). */
att_status att_head_logits(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *logits);
/* The same [rows, vocab_size] of rows alone, of a head of tokens; refuses others, and one that reads the memory too. */
att_status att_model_logits(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *logits);

/* What a training step learns from. */
typedef struct att_batch {
  att_input source; /* the encoder's; sequences.count 0 in a decoder alone */
  att_input target; /* what a decoder reads: the start, then the targets without the last */
  /* What is true, in the form that the head has it (heads/): whole numbers (a text's or a row's class, a row's next
   * token, where an answer begins and ends) or floats. */
  const int32_t *labels;      /* [label_count], one a text, or of the rows that label_rows names */
  const int32_t *label_rows;  /* [label_count] hidden rows; NULL: every row has a label */
  int64_t label_count;        /* needed with label_rows */
  const int64_t *label_start; /* [texts + 1] where each text's labels begin, of heads whose texts have any number */
  const float *values;        /* [texts, or rows, outputs] */
} att_batch;

/* Texts, or predicted tokens, of a batch: the usual divisor. */
int64_t att_batch_targets(const att_model *model, const att_batch *batch);
/* The loss of a batch, added into; with a tape and gradients, att_backward may follow. divisor: the gradients'. */
att_status att_model_loss(att_run *run, att_model *model, const att_batch *batch, float smoothing, double divisor,
                          att_loss *loss);
/* The same of hidden states that are there; the batch's inputs are not read again. */
att_status att_head_loss(att_run *run, att_model *model, const att_hidden *hidden, const att_batch *batch,
                         float smoothing, double divisor, att_loss *loss);

#endif
