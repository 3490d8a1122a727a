/*
 * Owns DistilBERT's description (Sanh et al. 2019) as Hugging Face has it: BERT without token types, whose heads over
 * texts have a ReLU before them. Sinusoidal positions (sinusoidal_pos_embds) are values of the table that its files
 * have, and are read from there.
 */
#include "models/families/bert_encoder.h"

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"dim", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"n_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS},
    {"n_heads", offsetof(att_config, encoder_attention_heads), ATT_LARGEST_SIZE},
    {"hidden_dim", offsetof(att_config, encoder_ffn_dim), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
};

/* configuration_distilbert.py */
static const att_bert_encoder distilbert = {
    .defaults = {.family = ATT_DISTILBERT,
                 .kind = ATT_ENCODER,
                 .head = ATT_HEAD_NONE,
                 .position = ATT_LEARNED,
                 .activation = ATT_GELU,
                 .d_model = 768,
                 .vocab_size = 30522,
                 .max_position_embeddings = 512,
                 .encoder_layers = 6,
                 .encoder_attention_heads = 12,
                 .encoder_ffn_dim = 4 * 768,
                 .tie_word_embeddings = true,
                 .dropout = 0.1f,
                 .layer_norm_epsilon = 1e-12f,
                 .pad = 0,
                 .bos = -1,
                 .eos = -1,
                 .decoder_start = -1},
    .sizes = sizes,
    .size_count = ATT_COUNT(sizes),
    .width = "dim",
    .activation = "activation",
    .dropout = "dropout",
    .fixed_epsilon = true,
    .names = {.part = "encoder",
              .prefix = "distilbert.",
              .layers = "transformer.layer.",
              .self_in = {"attention.q_lin", "attention.k_lin", "attention.v_lin"},
              .self_out = "attention.out_lin",
              .self_norm = "sa_layer_norm",
              .gate = "ffn.gate",
              .up = "ffn.lin1",
              .down = "ffn.lin2",
              .feedforward_norm = "output_layer_norm",
              .norm = "transformer.norm",
              .positions = "embeddings.position_embeddings",
              .attention_bias = true,
              .other_bias = true},
    .transform = "vocab_transform",
    .transform_norm = "vocab_layer_norm",
    .output = "vocab_projector.weight",
    .output_bias = "vocab_projector.bias",
    .pooler = "pre_classifier",
    .pooler_activation = ATT_WITH_RELU,
};

ATT_BERT_FAMILY(distilbert)
const att_family_calls att_distilbert_calls = {ATT_BERT_CALLS(distilbert), .stem = "DistilBert",
                                               .forms = att_bert_forms, .prefix = "distilbert."};
