/*
 * Owns models: the parameters, the layers over them, the folder they come from and go to. What a model computes is in
 * pass.h.
 */
#ifndef ATT_MODELS_MODEL_H
#define ATT_MODELS_MODEL_H

#include "formats/tensor_file.h"
#include "models/generation.h"

/* One named parameter: what it is, and where its values are. They stand in one of three places: the trained ones in one
 * block of float32; the others in the mapped file, where that has them as ops read them; or in memory of their own. */
typedef struct att_parameter {
  char *name;             /* Hugging Face's; owned by the model */
  const char *aliases[4]; /* other names that files give it (ties); NULL-ended */
  bool save_aliases;      /* the file that attend writes has it under each name */
  const char *part;       /* "encoder layer 0 self-attention": for info; owned by the model */
  int64_t rows, cols;     /* a vector of n: rank 1, rows 1, cols n */
  int rank;
  bool ones;        /* a new one is all 1: a norm's gamma */
  bool transposed;  /* files have it as [cols, rows] (gpt2's Conv1D) */
  int64_t kernel;   /* > 0: files have it as [rows, cols / kernel, kernel] (PyTorch's Conv1d), memory with the last two
                       turned (att_op_convolve) */
  bool decay;       /* weight decay applies: matrices, not biases and norms */
  bool fixed;       /* never trained (sinusoids, final_logits_bias) */
  bool running;     /* fixed, but kept by the ops as the model learns: batch normalisation's statistics */
  bool floats;      /* ops want it as float32, whatever the file has; vectors always */
  bool unquantized; /* ops read its numbers one by one: of a quantized file it becomes float32 */
  bool joined;      /* belongs to the same weight as the one before */
  bool in_file;     /* written to model.safetensors; where false, a file may have it or not */
  bool optional;    /* a file may lack it: then zeros */
  int64_t frozen_row; /* the optimizer leaves it as it is; -1: none */
  /* values */
  const void *data;   /* [rows, cols] of `type`; NULL: not there yet */
  att_type type;      /* in memory */
  att_type file_type; /* in the file that it came from; float32 of a trained one */
  void *memory;       /* data, where it is the parameter's own (att_free_aligned); NULL: in the block, or in the file */
  bool trained;       /* in the block, at offset: */
  int64_t offset;     /* floats into values, gradients and the optimizer's moments */
  /* what ops see */
  att_weight *weight; /* this parameter and the joined ones behind it; NULL: it is one of these */
  att_weight own;     /* a joined one that does not lie behind the one before: a part of that weight */
  /* what quantizing it should heed */
  float *importance; /* [cols]: the mean square of what each column is multiplied with (att_free), or NULL */
} att_parameter;

typedef struct att_family_calls att_family_calls; /* family.h */
typedef struct att_head_calls att_head_calls;     /* head.h */

struct att_model {
  att_context *ctx;
  att_config config;
  att_generation generation;
  att_tokenizer *tokenizer;        /* owned; NULL in some tests */
  struct att_token_trie *trie;     /* of its tokens (token_trie.h): made when a grammar first asks */
  struct att_sentence *sentence;   /* of a folder of sentence-transformers (sentence.h), or NULL */
  struct att_series_front *series; /* of a folder that reads series (series_front.h), or NULL */
  int64_t file_bytes;              /* of the model.safetensors that it was read from */
  char *folder;                    /* where it was read from, or NULL: for messages */
  att_parameter *parameters;
  size_t parameter_count;
  att_tensor_file *file; /* that parameters are mapped from, or NULL */
  /* the trained parameters, in the table's order: optimizer, clipping and checkpoint are loops over [0, trained_total)
   */
  float *values;         /* [trained_total], 64-byte aligned; NULL: nothing is trained */
  float *gradients;      /* [trained_total] or NULL */
  int64_t trained_total; /* floats, padding between parameters included (zeros) */
  const att_family_calls *calls;
  void *layers; /* the family's: weights as ops see them */
  const att_head_calls *head;
  void *head_layers;    /* the head's, or NULL */
  att_model_info *info; /* made at first att_model_describe */
};

/* A model with initial values from the seed (docs/TRAINING.md says which), all of it to be trained. Takes the tokenizer
 * and the config's labels where it succeeds. */
att_status att_model_new(att_context *ctx, const att_config *config, att_tokenizer *tokenizer, uint64_t seed,
                         att_model **out);
/* Another head on the body of a model that is there: parameters of equal name and shape are taken from it, as they are
 * stored, the others initialised from the seed. Takes labels and the body's tokenizer where it succeeds; the body is
 * still to be closed, and of no other use. */
att_status att_model_new_head(att_model *body, att_head head, char **labels, int64_t label_count, uint64_t seed,
                              att_model **out);
/* The parameters to train that a model of this configuration would have. Makes none of them. */
att_status att_model_count(att_context *ctx, const att_config *config, int64_t *parameters);

/* Makes the parameters that `chosen` says (NULL: all) ready to train: float32, in one block. Fixed ones never are, and
 * the others stay as they are stored. Gradients that were there are gone. */
typedef bool att_parameter_choice(const void *arg, const att_parameter *p);
att_status att_model_train(att_model *model, att_parameter_choice *chosen, const void *arg);
/* Makes room for the gradients of what is trained (zeroed); where nothing is, all is made ready first. */
att_status att_model_add_gradients(att_model *model);

/* Whether a model.safetensors holds every parameter with its shape in a type that attend reads; what it has beyond them
 * is said in the log. */
att_status att_model_check_weights(const att_model *model, const att_tensor_file *file);
/* Gives every parameter its values: mapped where they lie as ops read them, else copied, in their own type where ops
 * read that. NaN and infinity are refused. Takes the file. */
att_status att_model_take_weights(att_model *model, att_tensor_file *file);
/* folder/stem.safetensors, or, where there is none, the stem.gguf that att_model_save_weights has written. */
att_status att_weights_open(att_context *ctx, const char *folder, const char *stem, att_tensor_file **out);
/* Reads the trained parameters' values from such a file of the same model. */
att_status att_model_read_weights(att_model *model, const char *folder, const char *stem);
/* Writes folder/stem.safetensors, or stem.gguf (with Hugging Face's names) where a type is one that safetensors has
 * not. wanted NULL: each parameter in the type that it came in, float32 where it was trained. */
struct att_mixture; /* mixture.h */
att_status att_model_save_weights(const att_model *model, const char *folder, const char *stem,
                                  const struct att_mixture *wanted);
/* Writes a .gguf as llama.cpp reads it: architecture, settings, tokenizer, tensors; whole or not at all. What GGUF has
 * no architecture or name for: ATT_UNSUPPORTED. wanted NULL: as above. (gguf_save.c) */
att_status att_model_save_gguf(const att_model *model, const char *path, const struct att_mixture *wanted);
/* Refuses a model that does not read text: one of rows of floats, or a folder without a tokenizer. */
att_status att_model_check_text(const att_model *model);
/* Refuses a path that is no folder of a model, with what it is and what to do. */
att_status att_model_check_folder(att_context *ctx, const char *path);
/* Everything but the weights: configs, tokenizer. */
att_status att_model_save_settings(const att_model *model, const char *folder);

#endif
