/*
 * Owns BERT's description (Devlin et al. 2019) as Hugging Face has it: an encoder with norms after, learned positions,
 * token types and a norm over the embeddings.
 */
#include "models/families/bert_encoder.h"

static const att_size_key sizes[] = {ATT_BERT_SIZES, ATT_BERT_TYPES};

/* configuration_bert.py */
static const att_bert_encoder bert = {
    .defaults = {.family = ATT_BERT,
                 .kind = ATT_ENCODER,
                 .head = ATT_HEAD_NONE,
                 .position = ATT_LEARNED,
                 .activation = ATT_GELU,
                 .d_model = 768,
                 .vocab_size = 30522,
                 .max_position_embeddings = 512,
                 .encoder_layers = 12,
                 .encoder_attention_heads = 12,
                 .encoder_ffn_dim = 3072,
                 .type_vocab_size = 2,
                 .tie_word_embeddings = true,
                 .dropout = 0.1f,
                 .layer_norm_epsilon = 1e-12f,
                 .pad = 0,
                 .bos = -1,
                 .eos = -1,
                 .decoder_start = -1},
    ATT_BERT_KEYS(sizes),
    .names = {ATT_BERT_NAMES, .prefix = "bert."},
    .transform = "cls.predictions.transform.dense",
    .transform_norm = "cls.predictions.transform.LayerNorm",
    .output = "cls.predictions.decoder.weight",
    .output_bias = "cls.predictions.bias",
    .bias_alias = "cls.predictions.decoder.bias",
    .pooler = "pooler.dense",
    .pooler_inside = true,
    .pooler_activation = ATT_WITH_TANH,
    .kept_pooler = "pooler.dense",
};

ATT_BERT_FAMILY(bert)
const att_family_calls att_bert_calls = {ATT_BERT_CALLS(bert), .stem = "Bert", .forms = att_bert_forms,
                                         .prefix = "bert."};
