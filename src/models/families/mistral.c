/*
 * Owns Mistral's description (Jiang et al. 2023) as Hugging Face has it: Llama's, and every layer sees only the last
 * sliding_window tokens, unless that is null.
 */
#include "models/families/rotary_decoder.h"

/* configuration_mistral.py */
static const att_rotary_decoder mistral = {
    .defaults = {.family = ATT_MISTRAL,
                 .kind = ATT_DECODER,
                 .position = ATT_ROTARY,
                 .activation = ATT_SILU,
                 .norm = ATT_NORM_RMS,
                 .norm_before = true,
                 .gated = true,
                 .d_model = 4096,
                 .vocab_size = 32000,
                 .max_position_embeddings = 4096 * 32,
                 .decoder_layers = 32,
                 .decoder_attention_heads = 32,
                 .decoder_ffn_dim = 14336,
                 .key_value_heads = 8,
                 .rope = {.base = 10000},
                 .sliding_window = 4096,
                 .layer_norm_epsilon = 1e-6f,
                 .pad = -1,
                 .bos = 1,
                 .eos = 2,
                 .decoder_start = -1},
    .activation = "hidden_act",
    .dropout = "attend_dropout",
    .windows = ATT_WINDOWS_EVERYWHERE,
    .names = {ATT_ROTARY_NAMES, ATT_ROTARY_PARTS, .feedforward_norm = "post_attention_layernorm"},
};

static const att_head_form forms[] = {ATT_ROTARY_FORMS, {.ending = NULL}};

ATT_ROTARY_FAMILY(mistral)
const att_family_calls att_mistral_calls = {ATT_ROTARY_CALLS(mistral), .stem = "Mistral", .forms = forms};
