/*
 * Owns the descriptions of Gemma 2 (Gemma Team 2024) and of Gemma 3's text models (2025) as Hugging Face has them:
 * Llama's, with norms whose factor is 1 + gamma, before each sub-layer and after it, embeddings that are scaled, and
 * layers that see all tokens among others that see a window; Gemma 2 with soft caps of scores and logits, Gemma 3 with
 * a norm of each head of q and k and a rotary base for each kind of layer.
 */
#include "models/families/rotary_decoder.h"

/* configuration_gemma2.py, configuration_gemma3.py */
#define CLASS_DEFAULTS                                                                                                 \
  .kind = ATT_DECODER, .position = ATT_ROTARY, .activation = ATT_GELU_TANH, .norm = ATT_NORM_RMS_PLUS_ONE,             \
  .norm_before = true, .gated = true, .d_model = 2304, .decoder_layers = 26, .decoder_attention_heads = 8,             \
  .decoder_ffn_dim = 9216, .key_value_heads = 4, .head_size = 256, .sliding_window = 4096, .query_scalar = 256,        \
  .tie_word_embeddings = true, .scale_embedding = true, .layer_norm_epsilon = 1e-6f, .pad = 0, .bos = 2, .eos = 1,     \
  .decoder_start = -1

#define DESCRIPTION                                                                                                    \
  .activation = "hidden_activation", .dropout = "attend_dropout", .attention_bias = true, .scalars = true,             \
  .bidirectional = true, .windows = ATT_WINDOWS_IN_TURN

#define NAMES                                                                                                          \
  ATT_ROTARY_NAMES, ATT_ROTARY_PARTS, .feedforward_norm = "pre_feedforward_layernorm",                                 \
                                      .self_out_norm = "post_attention_layernorm",                                     \
                                      .feedforward_out_norm = "post_feedforward_layernorm"

static const att_rotary_decoder gemma2 = {
    .defaults = {CLASS_DEFAULTS, .family = ATT_GEMMA2, .vocab_size = 256000, .max_position_embeddings = 8192,
                 .rope = {.base = 10000}, .attention_softcap = 50, .logit_softcap = 30},
    DESCRIPTION,
    .score_cap = true,
    .period = 2,
    .names = {NAMES},
};

static const att_rotary_decoder gemma3 = {
    .defaults = {CLASS_DEFAULTS, .family = ATT_GEMMA3, .vocab_size = 262208, .max_position_embeddings = 131072,
                 .rope = {.base = 1e6}, .local_rope = {.base = 10000}},
    DESCRIPTION,
    .period = 6,
    .names = {NAMES, .query_norm = "self_attn.q_norm", .key_norm = "self_attn.k_norm"},
};

static const att_head_form gemma3_forms[] = {
    {.ending = "ForCausalLM", .stem = "Gemma3"},
    {.ending = "ForSequenceClassification", .projection = "score", .no_bias = true},
    {.ending = "ForTokenClassification", .projection = "score"},
    ATT_ROTARY_NO_ANSWERS,
    {.ending = NULL}};
static const att_head_form gemma2_forms[] = {ATT_ROTARY_FORMS, ATT_ROTARY_NO_ANSWERS, {.ending = NULL}};

ATT_ROTARY_FAMILY(gemma2)
const att_family_calls att_gemma2_calls = {ATT_ROTARY_CALLS(gemma2), .stem = "Gemma2", .forms = gemma2_forms};
/* A Gemma 3 that reads images too has its text model under these; written, it is that alone. */
static const char *const gemma3_outer[] = {"language_model.model.", "model.language_model.", NULL};

ATT_ROTARY_FAMILY(gemma3)
const att_family_calls att_gemma3_calls = {ATT_ROTARY_CALLS(gemma3), .stem = "Gemma3Text", .forms = gemma3_forms,
                                           .outer = gemma3_outer};
