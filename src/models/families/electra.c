/*
 * Owns ELECTRA's description (Clark et al. 2020) as Hugging Face has it: BERT whose embeddings may be narrower than the
 * model, and whose heads over texts have a GELU before them. The generator is the class that fills masks. A
 * discriminator (ElectraForPreTraining) is read as the body that it was trained for.
 */
#include "models/families/bert_encoder.h"

static const att_size_key sizes[] = {ATT_BERT_SIZES, ATT_BERT_TYPES, ATT_BERT_EMBEDDING};

/* configuration_electra.py */
static const att_bert_encoder electra = {
    .defaults = {.family = ATT_ELECTRA,
                 .kind = ATT_ENCODER,
                 .head = ATT_HEAD_NONE,
                 .position = ATT_LEARNED,
                 .activation = ATT_GELU,
                 .d_model = 256,
                 .embedding_size = 128,
                 .vocab_size = 30522,
                 .max_position_embeddings = 512,
                 .encoder_layers = 12,
                 .encoder_attention_heads = 4,
                 .encoder_ffn_dim = 1024,
                 .type_vocab_size = 2,
                 .tie_word_embeddings = true,
                 .dropout = 0.1f,
                 .layer_norm_epsilon = 1e-12f,
                 .pad = 0,
                 .bos = -1,
                 .eos = -1,
                 .decoder_start = -1},
    ATT_BERT_KEYS(sizes),
    .names = {ATT_BERT_NAMES, .prefix = "electra."},
    .widen = "embeddings_project",
    .transform = "generator_predictions.dense",
    .transform_norm = "generator_predictions.LayerNorm",
    .output = "generator_lm_head.weight",
    .output_bias = "generator_lm_head.bias",
    .transform_gelu = true,
    .pooler = "classifier.dense",
    .pooler_drops = true,
    .pooler_activation = ATT_WITH_GELU,
};

static const char *const bodies[] = {"ForPreTraining", NULL};

ATT_BERT_FAMILY(electra)
const att_family_calls att_electra_calls = {ATT_BERT_CALLS(electra), .stem = "Electra", .forms = att_bert_out_forms,
                                            .prefix = "electra.", .bodies = bodies};
