/*
 * Owns Phi-3's description (Abdin et al. 2024) as Hugging Face has it: Llama's with q, k and v in one weight and the
 * gate and what it lets through in another, a part of each head turned, longrope, a window on request.
 */
#include "models/families/rotary_decoder.h"

/* configuration_phi3.py */
static const att_rotary_decoder phi3 = {
    .defaults = {.family = ATT_PHI3,
                 .kind = ATT_DECODER,
                 .position = ATT_ROTARY,
                 .activation = ATT_SILU,
                 .norm = ATT_NORM_RMS,
                 .norm_before = true,
                 .gated = true,
                 .d_model = 3072,
                 .vocab_size = 32064,
                 .max_position_embeddings = 4096,
                 .decoder_layers = 32,
                 .decoder_attention_heads = 32,
                 .decoder_ffn_dim = 8192,
                 .rope = {.base = 10000, .original = 4096},
                 .layer_norm_epsilon = 1e-5f,
                 .pad = 32000,
                 .bos = 1,
                 .eos = 32000,
                 .decoder_start = -1},
    .activation = "hidden_act",
    .dropout = "resid_pdrop",
    .partial_rope = true,
    .windows = ATT_WINDOWS_EVERYWHERE,
    .names = {ATT_ROTARY_NAMES, .self_in = {"self_attn.qkv_proj"}, .up = "mlp.gate_up_proj",
              .feedforward_norm = "post_attention_layernorm"},
};

static const att_head_form forms[] = {ATT_ROTARY_FORMS, ATT_ROTARY_NO_ANSWERS, {.ending = NULL}};

ATT_ROTARY_FAMILY(phi3)
const att_family_calls att_phi3_calls = {ATT_ROTARY_CALLS(phi3), .stem = "Phi3", .forms = forms};
