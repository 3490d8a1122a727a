/*
 * Owns models: the parameters, the layers over them, the folder they come from and go to. What a model computes is in
 * pass.h.
 */
#ifndef ATT_MODELS_MODEL_H
#define ATT_MODELS_MODEL_H

#include "models/config.h"

/* One named parameter. All stand in one block of floats; gradients, where there are any, in another at the same
 * offsets. */
typedef struct att_parameter {
  char *name;             /* Hugging Face's; owned by the model */
  const char *aliases[4]; /* other names that files give it (ties); NULL-ended */
  bool save_aliases;      /* the file that attend writes has it under each name */
  const char *part;       /* "encoder layer 0 self-attention": for info; owned by the model */
  int64_t offset;         /* floats into the block */
  int64_t rows, cols;     /* a vector of n: rank 1, rows 1, cols n */
  int rank;
  bool ones;          /* a new one is all 1: a norm's gamma */
  bool transposed;    /* files have it as [cols, rows] (gpt2's Conv1D) */
  bool decay;         /* weight decay applies: matrices, not biases and norms */
  bool trained;       /* false: fixed (sinusoids, final_logits_bias) */
  bool in_file;       /* written to model.safetensors; where false, a file may have it or not */
  bool optional;      /* a file may lack it: then zeros */
  int64_t frozen_row; /* the optimizer leaves it as it is; -1: none */
  att_weight
      *weight; /* what ops see: this parameter, or the joined ones that begin with it; NULL: part of one before */
  int64_t weight_rows; /* of that (of a vector: columns) */
} att_parameter;

typedef struct att_family_calls att_family_calls; /* family.h */

struct att_model {
  att_context *ctx;
  att_config config;
  att_tokenizer *tokenizer; /* owned; NULL in some tests */
  char *folder;             /* where it was read from, or NULL */
  int64_t file_bytes;       /* of the model.safetensors that it was read from */
  att_parameter *parameters;
  size_t parameter_count;
  float *values;         /* [total], 64-byte aligned: parameters in the table's order */
  float *gradients;      /* [total] or NULL */
  int64_t total;         /* floats in the block, padding between parameters included (zeros) */
  int64_t trained_total; /* the trained ones come first: optimizer, clipping and checkpoint are loops over [0,
                            trained_total) */
  const att_family_calls *calls;
  void *layers;         /* the family's: weights as ops see them */
  att_model_info *info; /* made at first att_model_describe */
};

/* An untrained model with initial values from the seed (docs/TRAINING.md says which). Takes the tokenizer and the
 * config's labels where it succeeds. */
att_status att_model_new(att_context *ctx, const att_config *config, att_tokenizer *tokenizer, uint64_t seed,
                         att_model **out);
/* Another head on the body of a model that is there: parameters of equal name and shape are copied, the others
 * initialised from the seed. Takes labels and the body's tokenizer where it succeeds; the body is still to be closed.
 */
att_status att_model_new_head(att_model *body, att_head head, char **labels, int64_t label_count, uint64_t seed,
                              att_model **out);
/* The trained parameters that a model of this configuration would have. Makes none of them. */
att_status att_model_count(att_context *ctx, const att_config *config, int64_t *parameters);
/* Makes room for gradients (zeroed). */
att_status att_model_add_gradients(att_model *model);
/* Whether a model.safetensors holds every parameter with its shape in a type that attend reads, and none that is
 * foreign. Needs no block. */
att_status att_model_check_weights(const att_model *model, const char *path);
/* The same, then reads the values; NaN and infinity are refused. */
att_status att_model_load_weights(att_model *model, const char *path);
/* Writes `values` (another block of the model's layout, or model->values) as model.safetensors. */
att_status att_model_save_weights(const att_model *model, const float *values, const char *path, att_type type);
/* Refuses a path that is no folder of a model, with what it is and what to do. */
att_status att_model_check_folder(att_context *ctx, const char *path);
/* Everything but the weights: configs, tokenizer. */
att_status att_model_save_settings(const att_model *model, const char *folder);

#endif
