/*
 * Owns models: the configuration, the parameter table, the file folder, and the forward pass that every family
 * answers to (family.h). One forward serves training, prefill and step-by-step decoding.
 */
#ifndef ATT_MODELS_MODEL_H
#define ATT_MODELS_MODEL_H

#include "layers/layers.h"
#include "text/tokenizer.h"

/* How parameters are named and what config.json calls it. Marian has its norms after, m2m_100 before. */
typedef enum att_family {
  ATT_MARIAN,
  ATT_M2M_100,
  ATT_GPT2,
  ATT_LLAMA,
  ATT_BERT,
  ATT_RECURRENT, /* "attend-rnn" */
  ATT_PADDED,    /* "attend-ffn" */
  ATT_FAMILY_COUNT
} att_family;

#define ATT_MOST_ENDS 16 /* tokens that end a text */

/* config.json and generation_config.json, as attend needs them. Field names are Hugging Face's where they have one. A
 * decoder alone has the decoder's fields, an encoder alone the encoder's; the other side has 0 layers. What no type of
 * Hugging Face can say (a gpt2 with rotary positions) has the model_type "attend", with the family's name beside it. */
typedef struct att_config {
  att_family family;
  att_kind kind;
  att_head head;
  att_position position;
  att_activation activation; /* of the feed-forward part */
  att_norm norm;
  bool norm_before, gated;
  bool attention_bias, feedforward_bias; /* llama's choice; the other families always have them */
  int64_t d_model, vocab_size, max_position_embeddings;
  int64_t encoder_layers, decoder_layers, encoder_attention_heads, decoder_attention_heads, encoder_ffn_dim,
      decoder_ffn_dim;
  int64_t key_value_heads; /* of self-attention; as many as heads where they are not grouped */
  int64_t head_size;       /* d_model / heads, but llama may say another */
  int64_t type_vocab_size; /* bert; 0: none */
  double rope_theta;       /* rotary: base of the frequencies; what follows as in att_rope */
  att_rope_scaling rope_scaling;
  double rope_factor, rope_low, rope_high;
  int64_t rope_original;
  int64_t relative_buckets, relative_distance; /* relative: 32 and 128, as T5's */
  /* recurrent */
  att_network network;      /* ATT_TRANSFORMER but in ATT_RECURRENT (the cell) and ATT_PADDED */
  att_scoring scoring;      /* of a recurrent translator */
  bool bidirectional;       /* its encoder */
  int64_t embedding_size;   /* recurrent, padded; d_model is the state's, or the inner layers' */
  bool tie_word_embeddings; /* one matrix for source, target and output */
  bool scale_embedding;
  float dropout;
  float layer_norm_epsilon;              /* 1e-5 */
  int32_t pad, bos, eos;                 /* -1: none */
  int32_t other_ends[ATT_MOST_ENDS - 1]; /* of decoders: generating ends at these too */
  int other_end_count;
  int32_t decoder_start; /* of encoder-decoders; -1 elsewhere */
  int32_t mask, unk;     /* -1: none */
  att_type storage;      /* of model.safetensors */
  /* heads of classes, labels, values */
  char **labels; /* [label_count], one block (att_free); owned by who read the config, then by the model */
  int64_t label_count;
  /* generation */
  int num_beams, max_length; /* max_length as generate counts: the start token in */
  double length_penalty;
  bool early_stopping;
  int32_t forced_bos; /* -1: none */
  bool do_sample;
  double temperature, top_p, min_p, repetition_penalty;
  int top_k;
} att_config;

/* out->labels is the caller's. */
att_status att_config_read(att_context *ctx, const char *folder, att_config *out);
/* Labels as a config has them: one block (att_free); NULL: no memory. */
char **att_labels_copy(att_context *ctx, const char *const *labels, int64_t count);
/* Whether generating ends at that token. */
bool att_config_is_end(const att_config *config, int32_t token);
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
/* Everything but the weights: configs, tokenizer. */
att_status att_model_save_settings(const att_model *model, const char *folder);

/* ---- the forward pass ---- */

/* Tokens of some sequences; every id in [0, vocab_size) and no sequence longer than max_position_embeddings (checked:
 * ATT_ARGUMENT). */
typedef struct att_input {
  const int32_t *ids;
  const int32_t *types; /* bert's segment of each, or NULL: all 0 */
  att_sequences sequences;
} att_input;

/* What an encoder gives. */
typedef struct att_memory {
  att_tensor rows;  /* [rows, d_model]: a row a token */
  att_tensor state; /* recurrent: [sequences, ..]: the final states; data NULL elsewhere */
  att_sequences sequences;
} att_memory;

/* The decoder's cache of one session. Row r of self[layer] holds what one decoded token leaves for those after it: keys
 * and values, or a recurrent state. cross[layer] has what is made of the memory once. The session says which rows
 * belong to which hypothesis, so beams share their past without copying. */
typedef struct att_cache_shape {
  int64_t layers;                  /* of self and cross */
  int64_t self_width, cross_width; /* floats a row; cross 0: no memory */
  int64_t look_heads;              /* heads of the last layer's attention over the memory; 0: none */
} att_cache_shape;
void att_model_cache_shape(const att_model *model, att_cache_shape *shape);

typedef struct att_cache {
  float *const *self;  /* [layers] each [rows, self_width] */
  float *const *cross; /* [layers] each [memory rows, cross_width]: from att_model_cross */
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

/* `embedded` of the calls below: where not NULL and the run has a tape, *embedded becomes the embeddings that the
 * pass began with, whose gradient att_look_gradient reads after att_backward. */

/* Encoders and encoder-decoders. */
att_status att_model_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_memory *memory);
/* Training and prefill without a cache: hidden [rows, ..] of every position, given the encoder's memory (NULL in a
 * decoder). */
att_status att_model_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                            const att_maps *maps, att_tensor *embedded, att_tensor *hidden);
/* What each layer's cross[layer] holds, over the memory; no tape. */
att_status att_model_cross(att_run *run, att_model *model, const att_memory *memory, float *const *cross);
/* New tokens (one or more a sequence) against the cache; writes what they leave into it. No tape. */
att_status att_model_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                          const att_maps *maps, att_tensor *hidden);
/* logits [rows, vocab_size] of a head of tokens (a masked language model's head transforms the rows first). */
att_status att_model_logits(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *logits);
/* The hidden rows of a decoder or an encoder alone, last norm in; of an encoder-decoder the encoder's. */
att_status att_model_hidden(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                            att_tensor *embedded, att_tensor *hidden);
/* logits [sequences, label_count] of the other heads, over att_model_hidden. */
att_status att_model_classify(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                              att_tensor *embedded, att_tensor *logits);

/* What a training step learns from. */
typedef struct att_batch {
  att_input source; /* the encoder's; sequences.count 0 in a decoder alone */
  att_input target; /* what a decoder reads: the start, then the targets without the last */
  /* a head of tokens: of a decoder [target rows]; of an encoder [label_count], each in [0, vocab_size) */
  const int32_t *labels;
  const int32_t *label_rows; /* an encoder's rows that labels belong to */
  int64_t label_count;
  const int32_t *classes; /* a head of classes: [sequences of source (of target in a decoder)] */
  const float *values;    /* of labels and values: [sequences, config.label_count] */
} att_batch;

/* Sequences, or predicted tokens, of a batch: the usual divisor. */
int64_t att_batch_targets(const att_model *model, const att_batch *batch);
/* The loss of a batch, added into; with a tape and gradients, att_backward may follow. divisor: the gradients'. */
att_status att_model_loss(att_run *run, att_model *model, const att_batch *batch, float smoothing, double divisor,
                          att_loss *loss);

#endif
