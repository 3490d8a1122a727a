/*
 * Owns the configuration of a model: what config.json says, read, checked and written. Each family reads, checks and
 * writes its own keys (family.h).
 */
#ifndef ATT_MODELS_CONFIG_H
#define ATT_MODELS_CONFIG_H

#include "audio/mel.h"
#include "layers/layers.h"
#include "text/tokenizer.h"

#include <jansson.h>

/* How parameters are named and what config.json calls it. Marian has its norms after, m2m_100 before. */
typedef enum att_family {
  ATT_MARIAN,
  ATT_M2M_100,
  ATT_BART,
  ATT_MBART,
  ATT_PEGASUS,
  ATT_T5,
  ATT_GPT2,
  ATT_LLAMA,
  ATT_QWEN2,
  ATT_QWEN3,
  ATT_MISTRAL,
  ATT_GEMMA2,
  ATT_GEMMA3, /* "gemma3_text" */
  ATT_PHI3,
  ATT_BERT,
  ATT_ROBERTA,
  ATT_XLM_ROBERTA,
  ATT_DISTILBERT,
  ATT_ELECTRA,
  ATT_ALBERT,
  ATT_MPNET,
  ATT_NOMIC_BERT,
  ATT_WHISPER,
  ATT_PATCHTST,
  ATT_RECURRENT, /* "attend-rnn" */
  ATT_PADDED,    /* "attend-ffn" */
  ATT_FAMILY_COUNT
} att_family;

typedef enum att_position {
  ATT_SINUSOIDAL,
  ATT_LEARNED,
  ATT_ROTARY,
  ATT_RELATIVE,
  ATT_ALIBI,
  ATT_NO_POSITION,
  ATT_POSITION_COUNT
} att_position;

#define ATT_MOST_LAYERS 1024

typedef enum att_network { ATT_TRANSFORMER, ATT_RNN, ATT_LSTM, ATT_GRU, ATT_FFN, ATT_NETWORK_COUNT } att_network;

/* A recurrent translator's attention. */
typedef enum att_scoring { ATT_SCORING_NONE, ATT_SCORING_ADDITIVE, ATT_SCORING_MULTIPLICATIVE } att_scoring;

#define ATT_MOST_QUANTILES 32

/* Of models that read windows of series (patching.h); lookback 0: of no others. */
typedef struct att_patching {
  int64_t channels, lookback; /* what is read: sequences of so many rows of so many floats */
  int64_t stride;             /* from one patch to the next; a patch has input_width rows of one channel */
  bool normalise;             /* each channel of a window by its own mean and deviation, undone in a forecast */
  bool pooled;                /* patchtst: the mean of a window's patches stands for it, else all side by side */
  int64_t horizon;            /* of a head of forecasts: rows ahead; and its quantiles behind their mean */
  int64_t quantile_count;
  float quantiles[ATT_MOST_QUANTILES];
} att_patching;

/* config.json, as attend needs it (generation_config.json: generation.h). Field names are Hugging Face's where they
 * have one. A decoder alone has the decoder's fields, an encoder alone the encoder's; the other side has 0 layers. What
 * no type of Hugging Face can say (a gpt2 with rotary positions) has the model_type "attend", with the family's name
 * beside it. */
typedef struct att_config {
  att_family family;
  att_kind kind;
  att_head head;
  att_position position;
  att_activation activation; /* of the feed-forward part */
  att_norm norm;
  bool norm_before, gated;
  bool attention_bias, feedforward_bias; /* rotary decoders' choice; the other families always have them */
  int64_t d_model, vocab_size, max_position_embeddings;
  int64_t encoder_layers, decoder_layers, encoder_attention_heads, decoder_attention_heads, encoder_ffn_dim,
      decoder_ffn_dim;
  int64_t key_value_heads; /* of self-attention; as many as heads where they are not grouped */
  int64_t head_size;       /* d_model / heads, but rotary decoders may say another */
  int64_t type_vocab_size; /* of encoders; 0: none */
  int64_t input_width;     /* what is read (an encoder's side, or a decoder's alone) is rows of so many floats, in
                              place of tokens; 0: tokens. Without any token in it the model has a vocab_size of 0 */
  int64_t input_stride; /* two convolutions of 3 rows stand before the positions and make one row of 2 (the second has
                           a stride of 2) or 4 (both have); 0: a projection does, of each row */
  int64_t max_source_positions; /* of the encoder, where it has others than the decoder; 0: max_position_embeddings */
  att_mel_settings mel;         /* of sound that is read (preprocessor_config.json, features.h); rate 0: none is */
  bool mean_pool; /* of an encoder of rows: the mean of a sequence's hidden rows stands for it, not the first */
  att_patching patching;
  att_rope rope;          /* rotary */
  att_rope local_rope;    /* of local layers; base 0: as the others */
  int64_t sliding_window; /* tokens that a local layer of a decoder sees */
  bool local_layers[ATT_MOST_LAYERS];
  double query_scalar; /* attention's scores are divided by its root; 0: by that of the head's size */
  float attention_softcap, logit_softcap;      /* of these scores, of a head of tokens; 0: none */
  int64_t relative_buckets, relative_distance; /* relative: 32 and 128, as T5's */
  int64_t layer_groups; /* an encoder's layers share the parameters of so many (albert); 0: each has its own */
  /* recurrent */
  att_network network;    /* ATT_TRANSFORMER but in ATT_RECURRENT (the cell) and ATT_PADDED */
  att_scoring scoring;    /* of a recurrent translator */
  bool bidirectional;     /* its encoder */
  int64_t embedding_size; /* recurrent, padded: d_model is the state's, or the inner layers'; of encoders 0: d_model */
  bool tie_word_embeddings; /* one matrix for source, target and output */
  bool scale_embedding;     /* by the root of d_model */
  bool scale_output;        /* hidden states are divided by it before a tied projection to the vocabulary (t5) */
  float dropout;
  float layer_norm_epsilon; /* 1e-5 */
  int32_t pad, bos, eos;    /* -1: none; of a list the first: what ends a text is generation.h's */
  int32_t decoder_start;    /* of encoder-decoders; -1 elsewhere */
  int64_t model_max_length; /* of tokenizer_config.json: tokens that Transformers truncates to; 0: not said */
  int32_t mask, unk;        /* -1: none */
  att_type storage;         /* of model.safetensors */
  bool null_answers;        /* a head of spans: learned to give no answer */
  /* heads of classes, labels, values */
  char **labels; /* [label_count], one block (att_free); owned by who read the config, then by the model */
  int64_t label_count;
  float ctc_weight; /* heads of CTC beside a decoder: its part of the loss and of what decoding goes by, 0 to 1 */
} att_config;

/* out->labels is the caller's. */
att_status att_config_read(att_context *ctx, const char *folder, att_config *out);
/* A config.json that is no file; name: for messages. */
att_status att_config_take(att_context *ctx, const char *name, json_t *root, att_config *out);
/* Labels as a config has them: one block (att_free); NULL: no memory. */
char **att_labels_copy(att_context *ctx, const char *const *labels, int64_t count);
/* Columns of a Transformer's embeddings. */
static inline int64_t att_config_embedding(const att_config *c) {
  return c->embedding_size ? c->embedding_size : c->d_model;
}
/* Whether that side reads rows of floats. */
static inline bool att_config_reads_rows(const att_config *c, bool decoder) {
  return c->input_width > 0 && decoder == (c->kind == ATT_DECODER);
}
/* Rows or tokens that a side reads at most: as many as there are positions for what convolutions make of them. */
static inline int64_t att_config_most_read(const att_config *c, bool decoder) {
  int64_t positions = decoder || !c->max_source_positions ? c->max_position_embeddings : c->max_source_positions;
  return c->input_stride && att_config_reads_rows(c, decoder) ? positions * c->input_stride : positions;
}
/* Floats of a row that is read. */
static inline int64_t att_config_row_width(const att_config *c) {
  return c->patching.lookback ? c->patching.channels : c->input_width;
}
/* Checks that the sizes can be a model and can be held in memory; name is for the message. */
att_status att_config_check(att_context *ctx, const char *name, const att_config *config);
/* An encoder-decoder's end token and the token that its decoder starts with: what translating, scoring pairs and
 * training on them need, and a folder may lack. */
att_status att_config_check_pairs(att_context *ctx, const char *name, const att_config *config);
/* config.json and tokenizer_config.json (names of the special tokens come from the tokenizer). */
att_status att_config_write(att_context *ctx, const char *folder, const att_config *config,
                            const att_tokenizer *tokenizer);
/* What config.json says of it (json_decref). */
att_status att_config_give(att_context *ctx, const att_config *config, json_t **root);
/* config.json's model_type: the family's, or "attend" for what no class of Hugging Face can say. */
const char *att_config_type(const att_config *config);

#endif
