/*
 * Owns what Llama and the families after it share (norms before, rotary positions, a gated feed-forward part): keys of
 * config.json, names of parameters, calls. A family gives its description.
 */
#ifndef ATT_MODELS_FAMILIES_ROTARY_DECODER_H
#define ATT_MODELS_FAMILIES_ROTARY_DECODER_H

#include "models/transformer.h"

/* Which layers see only the last sliding_window tokens. */
typedef enum att_windows {
  ATT_NO_WINDOWS,
  ATT_WINDOWS_EVERYWHERE, /* all, where sliding_window is a number */
  ATT_WINDOWS_ABOVE,      /* by layer_types, else those from max_window_layers on; where use_sliding_window */
  ATT_WINDOWS_IN_TURN     /* by layer_types, else all but each `period`-th */
} att_windows;

typedef struct att_rotary_decoder {
  att_config defaults;                   /* of the class: configuration_NAME.py */
  const char *activation;                /* its key */
  const char *dropout;                   /* its key; attend's own where the class has none */
  bool attention_bias, feedforward_bias; /* there is a key: attention_bias, mlp_bias */
  bool partial_rope;                     /* rotary settings as phi3 has them (settings.h) */
  bool scalars;                          /* query_pre_attn_scalar, final_logit_softcapping, attn_logit_softcapping */
  bool score_cap;                        /* the last of these is applied */
  bool bidirectional;                    /* there is a key use_bidirectional_attention, which must be false */
  att_windows windows;
  int64_t period;
  att_stack_names names; /* without biases */
} att_rotary_decoder;

/* Of att_family_calls; read, write and plain of one description. */
att_status att_rotary_read(const att_settings *in, const att_rotary_decoder *d, att_config *config);
void att_rotary_write(att_object *out, const att_rotary_decoder *d, const att_config *config);
bool att_rotary_plain(const att_rotary_decoder *d, const att_config *config);
att_status att_rotary_check(att_context *ctx, const char *name, const att_config *config);
att_status att_rotary_plan(att_model *model);
extern const char *const att_rotary_ignored[];
extern const att_head_form att_rotary_forms[];
/* Those that all have, and of families whose answering class is like them, or is not. */
#define ATT_ROTARY_FORMS                                                                                               \
  {.ending = "ForCausalLM"}, {.ending = "ForSequenceClassification", .projection = "score", .no_bias = true}, {        \
    .ending = "ForTokenClassification", .projection = "score"                                                          \
  }
#define ATT_ROTARY_NO_ANSWERS                                                                                          \
  { .ending = "ForQuestionAnswering", .absent = true }

/* Names that they share. */
#define ATT_ROTARY_NAMES                                                                                               \
  .part = "decoder", .prefix = "model.", .layers = "layers.", .self_out = "self_attn.o_proj",                          \
  .self_norm = "input_layernorm", .down = "mlp.down_proj", .norm = "norm", .tokens = "embed_tokens.weight",            \
  .positions = "embed_positions", .output = "lm_head.weight"
/* q, k, v, the gate and what it lets through apart */
#define ATT_ROTARY_PARTS                                                                                               \
  .self_in = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, .gate = "mlp.gate_proj", .up = "mlp.up_proj"

/* The calls of a family whose att_rotary_decoder is `d`; ATT_ROTARY_CALLS(d) stands in its table. */
#define ATT_ROTARY_FAMILY(d)                                                                                           \
  static att_status d##_read(const att_settings *in, att_config *config) { return att_rotary_read(in, &(d), config); } \
  static void d##_write(att_object *out, const att_config *config) { att_rotary_write(out, &(d), config); }            \
  static bool d##_plain(const att_config *config) { return att_rotary_plain(&(d), config); }
#define ATT_ROTARY_CALLS(d)                                                                                            \
  .read = d##_read, .write = d##_write, .plain = d##_plain, .check = att_rotary_check, .plan = att_rotary_plan,        \
  .rotary = &(d), .prefix = "model.", .ignored = att_rotary_ignored, .small_weights = true,                            \
  .fill = att_transformer_fill, .free = att_transformer_free, .cache_shape = att_transformer_cache_shape,              \
  .decode = att_transformer_decode, .step = att_transformer_step, .output = att_transformer_output,                    \
  .pool = att_transformer_pool

#endif
