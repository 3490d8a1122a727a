/*
 * Owns the descriptions of Qwen 2 (Yang et al. 2024) and Qwen 3 (2025) as Hugging Face has them: Llama's, with windows
 * of some layers on request; Qwen 2 with biases of q, k and v, Qwen 3 with a norm of each head of q and k.
 */
#include "models/families/rotary_decoder.h"

/* configuration_qwen2.py, configuration_qwen3.py */
#define CLASS_DEFAULTS                                                                                                 \
  .kind = ATT_DECODER, .position = ATT_ROTARY, .activation = ATT_SILU, .norm = ATT_NORM_RMS, .norm_before = true,      \
  .gated = true, .d_model = 4096, .vocab_size = 151936, .max_position_embeddings = 32768, .decoder_layers = 32,        \
  .decoder_attention_heads = 32, .decoder_ffn_dim = 22016, .key_value_heads = 32, .rope = {.base = 10000},             \
  .sliding_window = 4096, .layer_norm_epsilon = 1e-6f, .pad = -1, .bos = -1, .eos = -1, .decoder_start = -1

static const att_rotary_decoder qwen2 = {
    .defaults = {CLASS_DEFAULTS, .family = ATT_QWEN2, .attention_bias = true},
    .activation = "hidden_act",
    .dropout = "attend_dropout",
    .windows = ATT_WINDOWS_ABOVE,
    .names = {ATT_ROTARY_NAMES, ATT_ROTARY_PARTS, .feedforward_norm = "post_attention_layernorm", .no_out_bias = true},
};

static const att_rotary_decoder qwen3 = {
    .defaults = {CLASS_DEFAULTS, .family = ATT_QWEN3, .head_size = 128},
    .activation = "hidden_act",
    .dropout = "attend_dropout",
    .attention_bias = true,
    .windows = ATT_WINDOWS_ABOVE,
    .names = {ATT_ROTARY_NAMES, ATT_ROTARY_PARTS, .feedforward_norm = "post_attention_layernorm",
              .query_norm = "self_attn.q_norm", .key_norm = "self_attn.k_norm"},
};

ATT_ROTARY_FAMILY(qwen2)
const att_family_calls att_qwen2_calls = {ATT_ROTARY_CALLS(qwen2), .stem = "Qwen2", .forms = att_rotary_forms};
ATT_ROTARY_FAMILY(qwen3)
const att_family_calls att_qwen3_calls = {ATT_ROTARY_CALLS(qwen3), .stem = "Qwen3", .forms = att_rotary_forms};
