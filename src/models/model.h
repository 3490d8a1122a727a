/*
 * Owns models: the configuration, the parameter table, the file folder, and the encoder-decoder's forward pass.
 * One forward serves training, prefill and step-by-step decoding.
 */
#ifndef ATT_MODELS_MODEL_H
#define ATT_MODELS_MODEL_H

#include "tensor/ops.h"
#include "text/tokenizer.h"

typedef enum att_family { ATT_MARIAN, ATT_M2M_100 } att_family; /* norm after; norm before */

/* config.json and generation_config.json, as attend needs them. Field names are Hugging Face's where they have one. */
typedef struct att_config {
  att_family family; /* says the norm's order, the positions' formula and where special ids stand (encdec_table.c) */
  att_position position;
  att_activation activation;
  int64_t d_model, vocab_size, max_position_embeddings;
  int64_t encoder_layers, decoder_layers, encoder_attention_heads, decoder_attention_heads, encoder_ffn_dim,
      decoder_ffn_dim;
  bool tie_word_embeddings; /* one matrix for source, target and output */
  bool scale_embedding;
  float dropout;
  float layer_norm_epsilon; /* 1e-5 */
  int32_t pad, bos /* -1: none */, eos, decoder_start;
  att_type storage; /* of model.safetensors */
  /* generation */
  int num_beams, max_length; /* max_length as generate counts: the start token in */
  double length_penalty;
  bool early_stopping;
  int32_t forced_bos; /* -1: none */
} att_config;

att_status att_config_read(att_context *ctx, const char *folder, att_config *out);
/* Checks that the sizes can be a model and can be held in memory; name is for the message. */
att_status att_config_check(att_context *ctx, const char *name, const att_config *config);
/* config.json, generation_config.json and tokenizer_config.json (names of the marks come from the tokenizer). */
att_status att_config_write(att_context *ctx, const char *folder, const att_config *config,
                            const att_tokenizer *tokenizer);

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
  bool decay;         /* weight decay applies: matrices, not biases and norms */
  bool trained;       /* false: fixed (sinusoids, final_logits_bias) */
  bool in_file;       /* written to model.safetensors; where false, a file may have it or not */
  int64_t frozen_row; /* the optimizer leaves it as it is; -1: none */
  att_weight
      *weight; /* what ops see: this parameter, or the joined ones that begin with it; NULL: part of one before */
  int64_t weight_rows; /* of that */
} att_parameter;

typedef struct att_encdec att_encdec; /* the layers: weights as ops see them (encdec.c) */

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
  att_encdec *layers;
  att_model_info *info; /* made at first att_model_describe */
};

/* An untrained model with initial values from the seed (docs/TRAINING.md says which). Takes the tokenizer where it
 * succeeds. */
att_status att_model_new(att_context *ctx, const att_config *config, att_tokenizer *tokenizer, uint64_t seed,
                         att_model **out);
/* Makes room for gradients (zeroed). */
att_status att_model_add_gradients(att_model *model);
/* Whether a model.safetensors holds every parameter with its shape in a type that attend reads, and none that is
 * foreign. Needs no block. */
att_status att_model_check_weights(const att_model *model, const char *path);
/* The same, then reads the values; NaN and infinity are refused. */
att_status att_model_load_weights(att_model *model, const char *path);
/* Writes `values` (another block of the model's layout, or model->values) as model.safetensors. */
att_status att_model_save_weights(const att_model *model, const float *values, const char *path, att_type type);
/* Everything but the weights: configs, tokenizer. */
att_status att_model_save_settings(const att_model *model, const char *folder);

/* ---- the forward pass ---- */

/* The decoder's cache of one session. Row r of self[layer] holds the keys and values of one decoded token; cross[layer]
 * those of the encoder's memory. The session says which rows belong to which hypothesis, so beams share their past
 * without copying. */
typedef struct att_cache {
  float *const *self;  /* [decoder_layers] each [rows, 2 * d_model]: k, then v */
  float *const *cross; /* [decoder_layers] each [memory rows, 2 * d_model]: from att_encdec_cross */
  const int32_t *const
      *self_rows;             /* [sequences] each [past + new]: this call's new tokens go into the last `new` of them */
  const int64_t *self_counts; /* [sequences]: past + new */
  const int32_t *const *cross_rows; /* [sequences] each [source length]: rows of cross */
  const int64_t *cross_counts;      /* [sequences] */
} att_cache;

/* Where attention's weights go, for looking. Each may be NULL. */
typedef struct att_maps {
  /* [layers], each an array over sequences of [heads, queries, keys] */
  float *const *const *encoder;
  float *const *const *decoder;
  float *const *const *cross;
} att_maps;

/* ids: rows of `sequences`, every one in [0, vocab_size), no sequence longer than max_position_embeddings (checked:
 * ATT_ARGUMENT). memory: [rows, d_model]. */
att_status att_encdec_encode(att_run *run, att_model *model, const int32_t *ids, att_sequences sequences,
                             const att_maps *maps, att_tensor *memory);
/* Training and prefill without a cache: hidden [rows, d_model] of every position, given the encoder's memory. */
att_status att_encdec_decode(att_run *run, att_model *model, const int32_t *ids, att_sequences sequences,
                             const att_tensor *memory, att_sequences memory_sequences, const att_maps *maps,
                             att_tensor *hidden);
/* Keys and values of every decoder layer over the memory, into cross[layer] (the caller's, [memory rows, 2 * d_model]).
 */
att_status att_encdec_cross(att_run *run, att_model *model, const att_tensor *memory, float *const *cross);
/* New tokens (one or more a sequence) against the cache; writes their keys and values into it. No tape. */
att_status att_encdec_step(att_run *run, att_model *model, const int32_t *ids, att_sequences sequences,
                           const att_cache *cache, const att_maps *maps, att_tensor *hidden);
/* logits [rows, vocab_size], final_logits_bias in. */
att_status att_encdec_logits(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *logits);

/* The teacher-forced loss of pairs; with a tape and gradients, att_backward may follow. divisor: the gradients' (the
 * batch's target tokens). */
typedef struct att_pairs {
  att_sequences source, target;
  const int32_t *source_ids; /* end mark in */
  const int32_t *inputs;     /* decoder_start, then the target without its last */
  const int32_t *labels;     /* the target, end mark in */
} att_pairs;
att_status att_encdec_loss(att_run *run, att_model *model, const att_pairs *pairs, float smoothing, double divisor,
                           att_loss *loss);

#endif
