/*
 * Owns Llama's description (Touvron et al. 2023) as Hugging Face has it: RMS norms before, rotary positions, a gated
 * feed-forward part, key/value heads that several heads share, no biases unless asked for.
 */
#include "models/families/rotary_decoder.h"

/* configuration_llama.py; as many key/value heads as heads */
static const att_rotary_decoder llama = {
    .defaults = {.family = ATT_LLAMA,
                 .kind = ATT_DECODER,
                 .position = ATT_ROTARY,
                 .activation = ATT_SILU,
                 .norm = ATT_NORM_RMS,
                 .norm_before = true,
                 .gated = true,
                 .d_model = 4096,
                 .vocab_size = 32000,
                 .max_position_embeddings = 2048,
                 .decoder_layers = 32,
                 .decoder_attention_heads = 32,
                 .decoder_ffn_dim = 11008,
                 .rope = {.base = 10000},
                 .layer_norm_epsilon = 1e-6f,
                 .pad = -1,
                 .bos = 1,
                 .eos = 2,
                 .decoder_start = -1},
    .activation = "hidden_act",
    .dropout = "attend_dropout",
    .attention_bias = true,
    .feedforward_bias = true,
    .names = {ATT_ROTARY_NAMES, ATT_ROTARY_PARTS, .feedforward_norm = "post_attention_layernorm"},
};

ATT_ROTARY_FAMILY(llama)
const att_family_calls att_llama_calls = {ATT_ROTARY_CALLS(llama), .stem = "Llama", .forms = att_rotary_forms};
