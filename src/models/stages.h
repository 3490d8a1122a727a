/*
 * Owns the stages that a sentence-transformers folder puts behind its Transformer (Reimers and Gurevych 2019): reading
 * each from its own folder, what it needs of those before it, and running it over a batch. Refuses by name the stages,
 * activations and poolings that it does not know.
 */
#ifndef ATT_MODELS_STAGES_H
#define ATT_MODELS_STAGES_H

#include "tensor/tensor.h"

#define ATT_MOST_POOLINGS 16 /* joined in one stage */

typedef struct att_stage_kind att_stage_kind;

/* Zero-initialised but for what its kind needs; att_stage_free. */
typedef struct att_stage {
  const att_stage_kind *kind;
  char *name;                              /* its folder, for messages */
  att_pooling poolings[ATT_MOST_POOLINGS]; /* Pooling: joined in this order */
  int pooling_count;
  bool leave_prompt_out;
  bool of_tokens; /* Dense, Normalize: of the tokens' rows, not of the sentences' vectors */
  /* Dense: y = activation(x w^T + bias) + x r^T; LayerNorm: weight and bias of `out` numbers */
  int64_t in, out;
  float (*activation)(float);
  bool residual;
  float *weight, *bias, *residual_weight; /* [out, in], [out], [out, in]; bias NULL: none; residual NULL: x itself */
} att_stage;

/* The last part of a class's path, "Tanh" of "torch.nn.modules.activation.Tanh"; NULL where it does not begin with the
 * package ("torch."). */
const char *att_class_name(const char *path, const char *package);

/* The activation of a class's path, "torch.nn.modules.activation.Tanh"; NULL where attend does not know it. */
float (*att_torch_activation(const char *path))(float);

/* type: the last part of the class's name in modules.json, "Dense". What is not known: ATT_UNSUPPORTED. On failure
 * there is nothing to free. */
att_status att_stage_read(att_context *ctx, const char *type, const char *folder, att_stage *out);
/* A pooling without a folder, over all tokens. */
att_stage att_stage_pooling(att_pooling pooling);
void att_stage_free(att_context *ctx, att_stage *stage);
/* Whether it scales the sentences' vectors to length 1. */
bool att_stage_normalises(const att_stage *stage);
/* Whether a prompt's tokens are left out of its pooling. */
bool att_stage_leaves_prompt_out(const att_stage *stage);

/* Whether it makes vectors of the tokens. */
bool att_stage_pools(const att_stage *stage);

/* The stages for rows of `tokens` numbers: whether each gets what it needs, and the numbers of the vector at the end.
 * pooling: in place of the stages' own; ATT_POOL_DEFAULT: theirs. */
att_status att_stages_width(att_context *ctx, const att_stage *stages, size_t count, att_pooling pooling,
                            int64_t tokens, int64_t *width);

/* What goes from stage to stage. */
typedef struct att_staged {
  att_tensor tokens; /* [rows, ..] */
  att_sequences sequences;
  int64_t prompt_tokens; /* that begin each sequence */
  att_tensor sentences;  /* [sequences, ..]; data NULL before a pooling */
} att_staged;

/* Where att_stages_width was ATT_OK. The result, staged->sentences, is on the run's arena. No tape. */
att_status att_stages_run(att_run *run, const att_stage *stages, size_t count, att_pooling pooling, att_staged *staged);

#endif
