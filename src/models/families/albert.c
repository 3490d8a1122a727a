/*
 * Owns ALBERT's description (Lan et al. 2020) as Hugging Face has it: BERT whose layers share the parameters of a few
 * groups, and whose embeddings are narrower than the model. Refuses groups of several layers (inner_group_num).
 */
#include "models/families/bert_encoder.h"

static const att_size_key sizes[] = {ATT_BERT_SIZES,
                                     ATT_BERT_TYPES,
                                     ATT_BERT_EMBEDDING,
                                     {"num_hidden_groups", offsetof(att_config, layer_groups), ATT_MOST_LAYERS}};

/* configuration_albert.py */
static const att_bert_encoder albert = {
    .defaults = {.family = ATT_ALBERT,
                 .kind = ATT_ENCODER,
                 .head = ATT_HEAD_NONE,
                 .position = ATT_LEARNED,
                 .activation = ATT_GELU_TANH,
                 .d_model = 4096,
                 .embedding_size = 128,
                 .layer_groups = 1,
                 .vocab_size = 30000,
                 .max_position_embeddings = 512,
                 .encoder_layers = 12,
                 .encoder_attention_heads = 64,
                 .encoder_ffn_dim = 16384,
                 .type_vocab_size = 2,
                 .tie_word_embeddings = true,
                 .layer_norm_epsilon = 1e-12f,
                 .pad = 0,
                 .bos = 2,
                 .eos = 3,
                 .decoder_start = -1},
    ATT_BERT_KEYS(sizes),
    .names = {.part = "encoder",
              .prefix = "albert.",
              .layers = "encoder.albert_layer_groups.",
              .self_in = {"albert_layers.0.attention.query", "albert_layers.0.attention.key",
                          "albert_layers.0.attention.value"},
              .self_out = "albert_layers.0.attention.dense",
              .self_norm = "albert_layers.0.attention.LayerNorm",
              .gate = "albert_layers.0.gate",
              .up = "albert_layers.0.ffn",
              .down = "albert_layers.0.ffn_output",
              .feedforward_norm = "albert_layers.0.full_layer_layer_norm",
              .norm = "encoder.norm",
              .positions = "embeddings.position_embeddings",
              .attention_bias = true,
              .other_bias = true},
    .widen = "encoder.embedding_hidden_mapping_in",
    .widen_always = true,
    .transform = "predictions.dense",
    .transform_norm = "predictions.LayerNorm",
    .output = "predictions.decoder.weight",
    .output_bias = "predictions.bias",
    .bias_alias = "predictions.decoder.bias",
    .pooler = "pooler",
    .pooler_inside = true,
    .pooler_activation = ATT_WITH_TANH,
    .kept_pooler = "pooler",
};

static att_status albert_read(const att_settings *in, att_config *config) {
  int64_t inner = 1;
  ATT_TRY(att_bert_read(in, &albert, config));
  ATT_TRY(att_json_int(in->ctx, in->name, in->root, "inner_group_num", false, 1, ATT_MOST_LAYERS, &inner));
  if (inner == 1) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: inner_group_num is %lld; attend knows only albert models with 1",
                  in->name, (long long)inner);
}

static void albert_write(att_object *out, const att_config *config) {
  att_bert_write(out, &albert, config);
  att_put_int(out, "inner_group_num", 1);
}

static att_status albert_check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_bert_check(ctx, name, &albert, config));
  if (config->layer_groups <= config->encoder_layers) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: num_hidden_groups is %lld, more than the %lld layers", name,
                  (long long)config->layer_groups, (long long)config->encoder_layers);
}

const att_family_calls att_albert_calls = {ATT_BERT_CALLS(albert), .stem = "Albert", .forms = att_bert_forms,
                                           .prefix = "albert."};
