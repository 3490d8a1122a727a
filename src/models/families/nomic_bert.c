/*
 * Owns NomicBERT's description (Nussbaum et al. 2024) as Hugging Face has it: BERT with rotary positions and a gated
 * feed-forward part, without biases. Reads the keys of its older class too, which are GPT-2's, and refuses what that
 * one could be beside.
 */
#include "models/families/bert_encoder.h"

#include <string.h>

static const att_size_key sizes[] = {ATT_BERT_SIZES, ATT_BERT_TYPES};

/* configuration_nomic_bert.py */
static const att_bert_encoder nomic_bert = {
    .defaults = {.family = ATT_NOMIC_BERT,
                 .kind = ATT_ENCODER,
                 .head = ATT_HEAD_NONE,
                 .position = ATT_ROTARY,
                 .activation = ATT_SILU,
                 .gated = true,
                 .d_model = 768,
                 .vocab_size = 30528,
                 .max_position_embeddings = 2048,
                 .encoder_layers = 12,
                 .encoder_attention_heads = 12,
                 .encoder_ffn_dim = 3072,
                 .type_vocab_size = 2,
                 .rope = {.base = 1000},
                 .tie_word_embeddings = true,
                 .layer_norm_epsilon = 1e-12f,
                 .pad = 0,
                 .bos = -1,
                 .eos = -1,
                 .decoder_start = -1},
    ATT_BERT_KEYS(sizes),
    .names = {.part = "encoder",
              .prefix = "nomic_bert.",
              .layers = "encoder.layers.",
              .self_in = {"attn.Wqkv"},
              .self_out = "attn.out_proj",
              .self_norm = "norm1",
              .gate = "mlp.fc12",
              .up = "mlp.fc11",
              .down = "mlp.fc2",
              .feedforward_norm = "norm2",
              .norm = "encoder.norm",
              .positions = "embeddings.position_embeddings"},
    .embedding_norm = "emb_ln",
    .transform = "cls.predictions.transform.dense",
    .transform_norm = "cls.predictions.transform.layer_norm",
    .output = "cls.predictions.decoder.weight",
    .output_bias = "cls.predictions.bias",
    .bias_alias = "cls.predictions.decoder.bias",
    .pooler = "pooler.dense",
    .pooler_inside = true,
    .pooler_activation = ATT_WITH_TANH,
};

/* ---- the older keys ------------------------------------------------------------------------------------------- */

/* Under their names of today, where these are not there. */
static att_status rename_keys(const att_settings *in) {
  static const char *const names[][2] = {{"n_embd", "hidden_size"},
                                         {"n_layer", "num_hidden_layers"},
                                         {"n_head", "num_attention_heads"},
                                         {"n_inner", "intermediate_size"},
                                         {"n_positions", "max_position_embeddings"},
                                         {"layer_norm_epsilon", "layer_norm_eps"},
                                         {"resid_pdrop", "hidden_dropout_prob"},
                                         {"rotary_emb_base", "rope_theta"}};
  for (size_t i = 0; i < ATT_COUNT(names); i++) {
    json_t *value = json_object_get(in->root, names[i][0]);
    if (!value || json_object_get(in->root, names[i][1])) continue;
    if (json_object_set(in->root, names[i][1], value)) return att_fail(in->ctx, ATT_MEMORY, "%s: no memory", in->name);
  }
  return ATT_OK;
}

static att_status read_function(const att_settings *in) {
  const char *name = NULL;
  ATT_TRY(att_read_string(in, "activation_function", &name));
  if (!name || json_object_get(in->root, "hidden_act")) return ATT_OK;
  bool silu = strcmp(name, "swiglu") == 0;
  if (!silu && strcmp(name, "geglu") != 0) {
    return att_fail(in->ctx, ATT_UNSUPPORTED,
                    "%s: activation_function is \"%.60s\"; attend knows only nomic_bert models with swiglu and geglu",
                    in->name, name);
  }
  int failed = json_object_set_new(in->root, "hidden_act", json_string(silu ? "silu" : "gelu"));
  return failed ? att_fail(in->ctx, ATT_MEMORY, "%s: no memory", in->name) : ATT_OK;
}

static att_status refuse_others(const att_settings *in) {
  static const att_switch_key switches[] = {
      {"prenorm", false},      {"parallel_block", false}, {"qkv_proj_bias", false}, {"mlp_fc1_bias", false},
      {"mlp_fc2_bias", false}, {"use_rms_norm", false},   {"causal", false},        {"rotary_emb_interleaved", false}};
  static const struct {
    const char *key;
    double known;
  } numbers[] = {{"rotary_emb_fraction", 1}, {"moe_every_n_layers", 0}};
  ATT_TRY(att_refuse_switches(in, "nomic_bert", switches, ATT_COUNT(switches)));
  for (size_t i = 0; i < ATT_COUNT(numbers); i++) {
    double value = numbers[i].known;
    ATT_TRY(att_json_number(in->ctx, in->name, in->root, numbers[i].key, false, &value));
    if (value == numbers[i].known) continue;
    return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is %g; attend knows only nomic_bert models with %g", in->name,
                    numbers[i].key, value, numbers[i].known);
  }
  const json_t *scaling = json_object_get(in->root, "rotary_scaling_factor");
  if (json_is_number(scaling))
    att_log(in->ctx, ATT_LOG_WARNING, "%s: rotary_scaling_factor is not applied, as in Transformers", in->name);
  return ATT_OK;
}

/* ---- calls ---------------------------------------------------------------------------------------------------- */

static att_status nomic_bert_read(const att_settings *in, att_config *config) {
  ATT_TRY(rename_keys(in));
  ATT_TRY(read_function(in));
  ATT_TRY(refuse_others(in));
  return att_bert_read(in, &nomic_bert, config);
}

static void nomic_bert_write(att_object *out, const att_config *config) { att_bert_write(out, &nomic_bert, config); }

static bool plain(const att_config *config) {
  int64_t shared = config->key_value_heads;
  return config->position == ATT_ROTARY && config->norm == ATT_NORM_LAYER && !config->norm_before && config->gated &&
         (!shared || shared == config->encoder_attention_heads);
}

static att_status nomic_bert_check(att_context *ctx, const char *name, const att_config *config) {
  return att_bert_check(ctx, name, &nomic_bert, config);
}

static const att_head_form forms[] = {
    {.ending = "ForMaskedLM"}, {.ending = "ForQuestionAnswering", .absent = true}, {.ending = NULL}};
static const char *const outer[] = {"bert.", NULL}; /* of the older class */

const att_family_calls att_nomic_bert_calls = {
    ATT_BERT_OTHER_CALLS(nomic_bert), .plain = plain, .stem = "NomicBert", .forms = forms,
    .prefix = "nomic_bert.",          .outer = outer, .says_rope = true};
