/*
 * Owns what BERT and the encoders after it share (norms after, a norm over the embeddings, a masked language model's
 * transform, a dense layer before heads over texts): keys of config.json, names of parameters, calls. A family gives
 * its description.
 */
#ifndef ATT_MODELS_FAMILIES_BERT_ENCODER_H
#define ATT_MODELS_FAMILIES_BERT_ENCODER_H

#include "models/transformer.h"

typedef struct att_bert_encoder {
  att_config defaults; /* of the class: configuration_NAME.py */
  const att_size_key *sizes;
  size_t size_count;
  const char *width, *activation, *dropout; /* their keys */
  bool fixed_epsilon;                       /* there is no key layer_norm_eps */
  bool after_pad;                           /* the first position's row is the pad token's id plus 1 */
  att_stack_names names;
  const char *embedding_norm; /* behind the prefix; NULL: "embeddings.LayerNorm" */
  /* Embeddings of embedding_size are widened by it, behind the prefix; NULL: they have the model's width. always: even
   * where both are the same. */
  const char *widen;
  bool widen_always;
  /* Of a masked language model: whole names; the projection is the token embedding unless they are untied. */
  const char *transform, *transform_norm, *output, *output_bias;
  const char *bias_alias; /* the bias has this name too in files; or NULL */
  bool transform_gelu;    /* whatever the feed-forward part has */
  /* What a head over texts reads: a dense layer of the first token's row. */
  const char *pooler;
  bool pooler_inside; /* its name stands behind the prefix */
  bool pooler_drops;  /* a dropout before it too */
  att_epilogue pooler_activation;
  const char *kept_pooler; /* behind the prefix: what files of the body alone have, which nothing reads; or NULL */
} att_bert_encoder;

/* Of att_family_calls; read, write, plain and check of one description. */
att_status att_bert_read(const att_settings *in, const att_bert_encoder *d, att_config *config);
void att_bert_write(att_object *out, const att_bert_encoder *d, const att_config *config);
bool att_bert_plain(const att_config *config);
att_status att_bert_check(att_context *ctx, const char *name, const att_bert_encoder *d, const att_config *config);
att_status att_bert_plan(att_model *model);
extern const char *const att_bert_ignored[];
/* Forms of classes whose projection of texts is "classifier", or "classifier.out_proj". */
extern const att_head_form att_bert_forms[], att_bert_out_forms[];

/* Sizes under BERT's keys, but for token types. */
#define ATT_BERT_SIZES                                                                                                 \
  {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},                                                  \
      {"hidden_size", offsetof(att_config, d_model), ATT_LARGEST_SIZE},                                                \
      {"num_hidden_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},                                    \
      {"num_attention_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},                        \
      {"intermediate_size", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE}, {                                \
    "max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE                         \
  }
#define ATT_BERT_TYPES                                                                                                 \
  { "type_vocab_size", offsetof(att_config, type_vocab_size), ATT_LARGEST_SIZE }
#define ATT_BERT_EMBEDDING                                                                                             \
  { "embedding_size", offsetof(att_config, embedding_size), ATT_LARGEST_SIZE }
#define ATT_BERT_KEYS(list)                                                                                            \
  .sizes = (list), .size_count = ATT_COUNT(list), .width = "hidden_size", .activation = "hidden_act",                  \
  .dropout = "hidden_dropout_prob"

/* Names of blocks as BERT has them, and of what stands before. */
#define ATT_BERT_NAMES                                                                                                 \
  .part = "encoder", .layers = "encoder.layer.",                                                                       \
  .self_in = {"attention.self.query", "attention.self.key", "attention.self.value"},                                   \
  .self_out = "attention.output.dense", .self_norm = "attention.output.LayerNorm", .gate = "intermediate.gate",        \
  .up = "intermediate.dense", .down = "output.dense", .feedforward_norm = "output.LayerNorm", .norm = "encoder.norm",  \
  .positions = "embeddings.position_embeddings", .attention_bias = true, .other_bias = true
/* Heads as RoBERTa has them. */
#define ATT_ROBERTA_HEADS                                                                                              \
  .transform = "lm_head.dense", .transform_norm = "lm_head.layer_norm", .output = "lm_head.decoder.weight",            \
  .output_bias = "lm_head.bias", .bias_alias = "lm_head.decoder.bias", .transform_gelu = true,                         \
  .pooler = "classifier.dense", .pooler_drops = true, .pooler_activation = ATT_WITH_TANH

/* The calls of a family whose att_bert_encoder is `d`; ATT_BERT_CALLS(d) stands in its table (OTHER: but `plain`). */
#define ATT_BERT_FAMILY(d)                                                                                             \
  static att_status d##_read(const att_settings *in, att_config *config) { return att_bert_read(in, &(d), config); }   \
  static void d##_write(att_object *out, const att_config *config) { att_bert_write(out, &(d), config); }              \
  static att_status d##_check(att_context *ctx, const char *name, const att_config *config) {                          \
    return att_bert_check(ctx, name, &(d), config);                                                                    \
  }
#define ATT_BERT_CALLS(d) ATT_BERT_OTHER_CALLS(d), .plain = att_bert_plain
#define ATT_BERT_OTHER_CALLS(d)                                                                                        \
  .read = d##_read, .write = d##_write, .check = d##_check, .plan = att_bert_plan, .encoder = &(d),                    \
  .ignored = att_bert_ignored, .small_weights = true, .fill = att_transformer_fill, .free = att_transformer_free,      \
  .encode = att_transformer_encode, .output = att_transformer_output, .pool = att_transformer_pool

#endif
