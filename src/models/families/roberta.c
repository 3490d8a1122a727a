/*
 * Owns the descriptions of RoBERTa (Liu et al. 2019) and XLM-RoBERTa (Conneau et al. 2020) as Hugging Face has them:
 * BERT whose positions count from the pad token's id plus 1, with a dense layer of its own before heads over texts.
 */
#include "models/families/bert_encoder.h"

static const att_size_key sizes[] = {ATT_BERT_SIZES, ATT_BERT_TYPES};

/* configuration_roberta.py and configuration_xlm_roberta.py */
#define ROBERTA(which, words)                                                                                          \
  {                                                                                                                    \
    .defaults = {.family = (which),                                                                                    \
                 .kind = ATT_ENCODER,                                                                                  \
                 .head = ATT_HEAD_NONE,                                                                                \
                 .position = ATT_LEARNED,                                                                              \
                 .activation = ATT_GELU,                                                                               \
                 .d_model = 768,                                                                                       \
                 .vocab_size = (words),                                                                                \
                 .max_position_embeddings = 512,                                                                       \
                 .encoder_layers = 12,                                                                                 \
                 .encoder_attention_heads = 12,                                                                        \
                 .encoder_ffn_dim = 3072,                                                                              \
                 .type_vocab_size = 2,                                                                                 \
                 .tie_word_embeddings = true,                                                                          \
                 .dropout = 0.1f,                                                                                      \
                 .layer_norm_epsilon = 1e-12f,                                                                         \
                 .pad = 1,                                                                                             \
                 .bos = 0,                                                                                             \
                 .eos = 2,                                                                                             \
                 .decoder_start = -1},                                                                                 \
    ATT_BERT_KEYS(sizes), .after_pad = true, .names = {ATT_BERT_NAMES, .prefix = "roberta."}, ATT_ROBERTA_HEADS,       \
    .kept_pooler = "pooler.dense"                                                                                      \
  }

static const att_bert_encoder roberta = ROBERTA(ATT_ROBERTA, 50265);
static const att_bert_encoder xlm_roberta = ROBERTA(ATT_XLM_ROBERTA, 30522);

ATT_BERT_FAMILY(roberta)
ATT_BERT_FAMILY(xlm_roberta)
const att_family_calls att_roberta_calls = {ATT_BERT_CALLS(roberta), .stem = "Roberta", .forms = att_bert_out_forms,
                                            .prefix = "roberta."};
const att_family_calls att_xlm_roberta_calls = {ATT_BERT_CALLS(xlm_roberta), .stem = "XLMRoberta",
                                                .forms = att_bert_out_forms, .prefix = "roberta."};
