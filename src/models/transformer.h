/*
 * Owns the Transformer that the families share: its layers, its forward pass, and how a family names its parameters.
 * A family (marian.c, gpt2.c, llama.c, bert.c, ...) only reads its settings, gives its names and adds its head.
 */
#ifndef ATT_MODELS_TRANSFORMER_H
#define ATT_MODELS_TRANSFORMER_H

#include "layers/layers.h"
#include "models/head.h"
#include "models/parameters.h"

/* Blocks over one sequence, with what stands before and after them. */
typedef struct att_stack {
  att_weight tokens, positions, types; /* [vocab, e], [positions, e], [type_vocab_size, e]; e: att_config_embedding */
  att_linear_layer input;              /* [d_model, input_width] in place of tokens and types, of rows of floats; */
  att_linear_layer convolutions[2];    /* or two of 3 rows, with GELU: [d_model, 3 * input_width or d_model] */
  att_norm_layer embedding_norm;       /* bert's and bart's, over the sum of them */
  att_linear_layer widen;              /* [d_model, e] after it; or absent */
  att_weight distances;                /* relative positions: [buckets, heads], of all its layers */
  att_block *blocks;                   /* [groups] */
  int64_t layers, groups;              /* groups: layers that have parameters of their own */
  att_norm_layer norm;                 /* the last one, where norms stand before */
} att_stack;

typedef struct att_transformer {
  att_stack encoder, decoder;
  att_weight output, output_bias; /* [vocab, d_model], or absent: a token embedding is it; [1, vocab] or absent */
  int64_t first_position;         /* row of `positions` that position 0 has */
  att_sinusoid sinusoid;
  att_linear_layer transform;        /* of a masked language model, before its norm and the projection (bert) */
  att_norm_layer transform_norm;     /* */
  att_epilogue transform_activation; /* */
  att_linear_layer pooler;           /* bert's, of a head over texts */
  att_epilogue pooler_activation;    /* */
  bool pooler_drops;                 /* a dropout stands before it too */
} att_transformer;

/* ---- names (table.c) ---- */

/* What a family calls the parameters of a stack, without ".weight" and ".bias". Lists end in NULL; the linear layers of
 * one list read the same rows and are one weight. */
typedef struct att_stack_names {
  const char *part;                              /* "encoder": for info */
  const char *prefix;                            /* "model.encoder." */
  const char *layers;                            /* "layers." */
  const char *input;                             /* what projects rows of floats; NULL: "input_projection" */
  const char *self_in[4], *self_out, *self_norm; /* one name for q, k and v together, or three */
  const char *cross_in, *cross_memory[3], *cross_out, *cross_norm;
  /* gate: where the feed-forward part is gated; NULL: `up` has both, the gate first */
  const char *gate, *up, *down, *feedforward_norm;
  const char *self_out_norm, *feedforward_out_norm; /* of what the sub-layers give; NULL: none */
  const char *query_norm, *key_norm;                /* of the heads of self-attention; NULL: none */
  const char *tokens, *output; /* of decoders: the whole tail of the name behind the prefix; a whole name */
  const char *norm, *positions;
  const char *distances;           /* the whole tail; NULL: "relative_attention_bias.weight" behind the prefix */
  bool distances_too;              /* relative positions stand beside the others */
  bool transposed;                 /* the files hold linear weights as [in, out] */
  bool attention_bias, other_bias; /* of attention's linear layers, of the feed-forward part's */
  bool no_out_bias;                /* attention's output projection has none */
  const char *without_bias;        /* nor has the projection of attention whose name ends so; NULL: all have */
  bool fixed_positions;            /* learned ones that the file has and that are not trained */
} att_stack_names;

/* A parameter's name is n->prefix and what the calls below append. */
typedef struct att_namer {
  att_model *model;
  char prefix[96];
  char part[96];
  const char *without_bias; /* of att_name_linear: what the names end in that have none; NULL: all have one */
} att_namer;

att_status att_name_add(att_namer *n, const char *name, att_parameter_plan plan);
/* One weight and one bias out of several linear layers: rows[i] outputs each. */
att_status att_name_linear(att_namer *n, const char *const *names, const int64_t *rows, int64_t in, bool transposed,
                           bool bias, att_linear_layer *layer);
att_status att_name_norm(att_namer *n, const char *base, att_norm kind, int64_t width, att_norm_layer *layer);
/* Other names that files give the parameter added last; NULL-ended, static. save: they are written too. */
void att_name_aliases(att_model *model, const char *const *names, bool save);
/* A matrix that is no linear layer: [rows, d_model], not decayed; frozen_row: as in att_parameter. */
att_status att_name_matrix(att_namer *n, const char *name, int64_t rows, int64_t frozen_row, att_weight *weight);
/* The same of so many columns. */
att_status att_name_table(att_namer *n, const char *name, int64_t rows, int64_t cols, int64_t frozen_row,
                          att_weight *weight);
/* A table of tokens [vocab_size, d_model]; the whole name, and the part's. */
att_status att_name_tokens(att_model *model, const char *name, const char *part, int64_t frozen_row,
                           att_weight *weight);

/* "conv1" and "conv2" behind the namer's prefix, and what they make of rows that are read: [rows, d_model], GELU after
 * each (Radford et al. 2022, section 2.2); *sequences says which are whose. */
att_status att_name_convolutions(att_namer *n, att_linear_layer convolutions[2]);
att_status att_convolve_rows(att_run *run, const att_config *config, const att_linear_layer convolutions[2],
                             const att_input *input, att_sequences *sequences, att_tensor *x);

/* model->layers, zeroed. */
att_status att_transformer_new(att_model *model, att_transformer **layers);
/* What reads rows of floats: "input_projection" behind the stack's prefix, or "conv1" and "conv2". */
att_status att_transformer_input(att_model *model, bool decoder, const att_stack_names *names);
/* Blocks alone. */
att_status att_transformer_blocks(att_model *model, bool decoder, const att_stack_names *names);
/* Blocks and last norm, and learned positions before them. */
att_status att_transformer_stack(att_model *model, bool decoder, const att_stack_names *names);
/* All of a decoder: embedding, stack, output projection (tied or not) where the head reads one, the head's own. */
att_status att_transformer_plan_decoder(att_model *model, const att_stack_names *names);
/* Positions that are computed: behind all that is trained. */
att_status att_transformer_positions(att_model *model, bool decoder, const att_stack_names *names);

/* ---- the calls of family.h (transformer.c; free and fill in table.c) ---- */

void att_transformer_fill(att_model *model);
void att_transformer_free(att_model *model);
void att_transformer_cache_shape(const att_model *model, att_cache_shape *shape);
att_status att_transformer_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                                  att_tensor *embedded, att_memory *memory);
att_status att_transformer_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                                  const att_maps *maps, att_tensor *embedded, att_tensor *hidden);
att_status att_transformer_cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                                 void *const *cross);
att_status att_transformer_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                                const att_maps *maps, att_tensor *hidden);
att_status att_transformer_output(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows,
                                  att_weight *weight, att_weight *bias);
/* The pooler before a head over texts of an encoder-decoder (modeling_bart.py, BartClassificationHead). */
att_status att_transformer_classification_head(att_model *model);
att_status att_transformer_pool(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *vectors);

#endif
