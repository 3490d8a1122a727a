/* Owns the tables that gguf_names.h says, and names of tensors. */
#include "models/gguf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_MOST_LAYERS_NAMED 9999
#define LENGTH(list)          (sizeof(list) / sizeof *(list))

/* ---- the architectures ---------------------------------------------------------------------------------------- */

static const att_gguf_flag no_flags[] = {{NULL, NULL}};

/* What all rotary decoders have; what a family calls otherwise stands in a table of its own, which comes first. */
static const att_gguf_name rotary_names[] = {{"token_embd", "model.embed_tokens", ATT_GGUF_PLAIN},
                                             {"output_norm", "model.norm", ATT_GGUF_NORM},
                                             {"output", "lm_head", ATT_GGUF_PLAIN},
                                             {"blk.#.attn_norm", "model.layers.#.input_layernorm", ATT_GGUF_NORM},
                                             {"blk.#.attn_q", "model.layers.#.self_attn.q_proj", ATT_GGUF_QUERIES},
                                             {"blk.#.attn_k", "model.layers.#.self_attn.k_proj", ATT_GGUF_KEYS},
                                             {"blk.#.attn_v", "model.layers.#.self_attn.v_proj", ATT_GGUF_PLAIN},
                                             {"blk.#.attn_q_norm", "model.layers.#.self_attn.q_norm", ATT_GGUF_NORM},
                                             {"blk.#.attn_k_norm", "model.layers.#.self_attn.k_norm", ATT_GGUF_NORM},
                                             {"blk.#.attn_output", "model.layers.#.self_attn.o_proj", ATT_GGUF_PLAIN},
                                             {"blk.#.ffn_gate", "model.layers.#.mlp.gate_proj", ATT_GGUF_PLAIN},
                                             {"blk.#.ffn_up", "model.layers.#.mlp.up_proj", ATT_GGUF_PLAIN},
                                             {"blk.#.ffn_down", "model.layers.#.mlp.down_proj", ATT_GGUF_PLAIN},
                                             {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_name llama_names[] = {
    {"rope_freqs", "rotary_emb.inv_freq", ATT_GGUF_PLAIN}, /* read with the settings */
    {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm", ATT_GGUF_NORM},
    {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_name gemma_names[] = {
    {"blk.#.post_attention_norm", "model.layers.#.post_attention_layernorm", ATT_GGUF_NORM},
    {"blk.#.ffn_norm", "model.layers.#.pre_feedforward_layernorm", ATT_GGUF_NORM},
    {"blk.#.post_ffw_norm", "model.layers.#.post_feedforward_layernorm", ATT_GGUF_NORM},
    {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_name phi3_names[] = {{"rope_factors_long", "rotary_emb.inv_freq", ATT_GGUF_PLAIN}, /* as above */
                                           {"rope_factors_short", "rotary_emb.original_inv_freq", ATT_GGUF_PLAIN},
                                           {"blk.#.ffn_norm", "model.layers.#.post_attention_layernorm", ATT_GGUF_NORM},
                                           {"blk.#.attn_qkv", "model.layers.#.self_attn.qkv_proj", ATT_GGUF_PLAIN},
                                           {"blk.#.ffn_up", "model.layers.#.mlp.gate_up_proj", ATT_GGUF_PLAIN},
                                           {NULL, NULL, ATT_GGUF_PLAIN}};

#define NEEDED ATT_GGUF_NEEDED
#define REAL   ATT_GGUF_REAL
#define ABSENT ATT_GGUF_ABSENT
static const att_gguf_key rotary_keys[] = {{"context_length", "max_position_embeddings", NEEDED},
                                           {"embedding_length", "hidden_size", NEEDED},
                                           {"block_count", "num_hidden_layers", NEEDED},
                                           {"feed_forward_length", "intermediate_size", NEEDED},
                                           {"attention.head_count", "num_attention_heads", NEEDED},
                                           {"attention.head_count_kv", "num_key_value_heads", 0},
                                           {"attention.key_length", "head_dim", 0},
                                           {"attention.layer_norm_rms_epsilon", "rms_norm_eps", REAL | NEEDED},
                                           {"rope.freq_base", "rope_theta", REAL},
                                           {NULL, NULL, 0}};
static const att_gguf_key window_keys[] = {{"attention.sliding_window", "sliding_window", ABSENT}, {NULL, NULL, 0}};
static const att_gguf_key gemma_keys[] = {{"attention.sliding_window", "sliding_window", ABSENT},
                                          {"rope.freq_base_swa", "rope_local_base_freq", REAL},
                                          {"attn_logit_softcapping", "attn_logit_softcapping", REAL | ABSENT},
                                          {"final_logit_softcapping", "final_logit_softcapping", REAL | ABSENT},
                                          {NULL, NULL, 0}};

static const att_gguf_flag llama_flags[] = {
    {"blk.0.attn_q.bias", "attention_bias"}, {"blk.0.ffn_up.bias", "mlp_bias"}, {NULL, NULL}};
static const att_gguf_flag attention_flags[] = {{"blk.0.attn_q.bias", "attention_bias"}, {NULL, NULL}};

static const att_gguf_name gpt2_names[] = {{"token_embd", "transformer.wte", ATT_GGUF_PLAIN},
                                           {"position_embd", "transformer.wpe", ATT_GGUF_PLAIN},
                                           {"output_norm", "transformer.ln_f", ATT_GGUF_NORM},
                                           {"output", "lm_head", ATT_GGUF_PLAIN},
                                           {"blk.#.attn_norm", "transformer.h.#.ln_1", ATT_GGUF_NORM},
                                           {"blk.#.attn_qkv", "transformer.h.#.attn.c_attn", ATT_GGUF_PLAIN},
                                           {"blk.#.attn_output", "transformer.h.#.attn.c_proj", ATT_GGUF_PLAIN},
                                           {"blk.#.ffn_norm", "transformer.h.#.ln_2", ATT_GGUF_NORM},
                                           {"blk.#.ffn_up", "transformer.h.#.mlp.c_fc", ATT_GGUF_PLAIN},
                                           {"blk.#.ffn_down", "transformer.h.#.mlp.c_proj", ATT_GGUF_PLAIN},
                                           {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_key gpt2_keys[] = {{"context_length", "n_positions", NEEDED},
                                         {"embedding_length", "n_embd", NEEDED},
                                         {"block_count", "n_layer", NEEDED},
                                         {"feed_forward_length", "n_inner", NEEDED},
                                         {"attention.head_count", "n_head", NEEDED},
                                         {"attention.layer_norm_epsilon", "layer_norm_epsilon", REAL | NEEDED},
                                         {NULL, NULL, 0}};

static const att_gguf_name bert_names[] = {
    {"token_embd", "bert.embeddings.word_embeddings", ATT_GGUF_PLAIN},
    {"position_embd", "bert.embeddings.position_embeddings", ATT_GGUF_PLAIN},
    {"token_types", "bert.embeddings.token_type_embeddings", ATT_GGUF_PLAIN},
    {"token_embd_norm", "bert.embeddings.LayerNorm", ATT_GGUF_NORM},
    {"blk.#.attn_q", "bert.encoder.layer.#.attention.self.query", ATT_GGUF_QUERIES},
    {"blk.#.attn_k", "bert.encoder.layer.#.attention.self.key", ATT_GGUF_KEYS},
    {"blk.#.attn_v", "bert.encoder.layer.#.attention.self.value", ATT_GGUF_PLAIN},
    {"blk.#.attn_output", "bert.encoder.layer.#.attention.output.dense", ATT_GGUF_PLAIN},
    {"blk.#.attn_output_norm", "bert.encoder.layer.#.attention.output.LayerNorm", ATT_GGUF_NORM},
    {"blk.#.ffn_up", "bert.encoder.layer.#.intermediate.dense", ATT_GGUF_PLAIN},
    {"blk.#.ffn_down", "bert.encoder.layer.#.output.dense", ATT_GGUF_PLAIN},
    {"blk.#.layer_output_norm", "bert.encoder.layer.#.output.LayerNorm", ATT_GGUF_NORM},
    {"cls", "bert.pooler.dense", ATT_GGUF_PLAIN}, /* of a head of classes alone */
    {"cls.output", "classifier", ATT_GGUF_PLAIN},
    {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_key bert_keys[] = {{"context_length", "max_position_embeddings", NEEDED},
                                         {"embedding_length", "hidden_size", NEEDED},
                                         {"block_count", "num_hidden_layers", NEEDED},
                                         {"feed_forward_length", "intermediate_size", NEEDED},
                                         {"attention.head_count", "num_attention_heads", NEEDED},
                                         {"attention.layer_norm_epsilon", "layer_norm_eps", REAL | NEEDED},
                                         {NULL, NULL, 0}};

static const att_gguf_name nomic_bert_names[] = {
    {"token_embd", "nomic_bert.embeddings.word_embeddings", ATT_GGUF_PLAIN},
    {"token_types", "nomic_bert.embeddings.token_type_embeddings", ATT_GGUF_PLAIN},
    {"token_embd_norm", "nomic_bert.emb_ln", ATT_GGUF_NORM},
    {"blk.#.attn_qkv", "nomic_bert.encoder.layers.#.attn.Wqkv", ATT_GGUF_PLAIN},
    {"blk.#.attn_output", "nomic_bert.encoder.layers.#.attn.out_proj", ATT_GGUF_PLAIN},
    {"blk.#.attn_output_norm", "nomic_bert.encoder.layers.#.norm1", ATT_GGUF_NORM},
    {"blk.#.ffn_up", "nomic_bert.encoder.layers.#.mlp.fc11", ATT_GGUF_PLAIN},
    {"blk.#.ffn_gate", "nomic_bert.encoder.layers.#.mlp.fc12", ATT_GGUF_PLAIN},
    {"blk.#.ffn_down", "nomic_bert.encoder.layers.#.mlp.fc2", ATT_GGUF_PLAIN},
    {"blk.#.layer_output_norm", "nomic_bert.encoder.layers.#.norm2", ATT_GGUF_NORM},
    {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_key nomic_bert_keys[] = {
    {"attention.key_length", "head_dim", 0}, {"rope.freq_base", "rope_theta", REAL}, {NULL, NULL, 0}};

static const att_gguf_name t5_names[] = {
    {"token_embd", "shared", ATT_GGUF_PLAIN},
    {"output", "lm_head", ATT_GGUF_PLAIN},
    {"enc.blk.#.attn_norm", "encoder.block.#.layer.0.layer_norm", ATT_GGUF_NORM},
    {"enc.blk.#.attn_q", "encoder.block.#.layer.0.SelfAttention.q", ATT_GGUF_PLAIN},
    {"enc.blk.#.attn_k", "encoder.block.#.layer.0.SelfAttention.k", ATT_GGUF_PLAIN},
    {"enc.blk.#.attn_v", "encoder.block.#.layer.0.SelfAttention.v", ATT_GGUF_PLAIN},
    {"enc.blk.#.attn_o", "encoder.block.#.layer.0.SelfAttention.o", ATT_GGUF_PLAIN},
    {"enc.blk.#.attn_rel_b", "encoder.block.#.layer.0.SelfAttention.relative_attention_bias", ATT_GGUF_PLAIN},
    {"enc.blk.#.ffn_norm", "encoder.block.#.layer.1.layer_norm", ATT_GGUF_NORM},
    {"enc.blk.#.ffn_gate", "encoder.block.#.layer.1.DenseReluDense.wi_0", ATT_GGUF_PLAIN},
    {"enc.blk.#.ffn_up", "encoder.block.#.layer.1.DenseReluDense.wi_1", ATT_GGUF_GATED},
    {"enc.blk.#.ffn_up", "encoder.block.#.layer.1.DenseReluDense.wi", ATT_GGUF_PLAIN},
    {"enc.blk.#.ffn_down", "encoder.block.#.layer.1.DenseReluDense.wo", ATT_GGUF_PLAIN},
    {"enc.output_norm", "encoder.final_layer_norm", ATT_GGUF_NORM},
    {"dec.blk.#.attn_norm", "decoder.block.#.layer.0.layer_norm", ATT_GGUF_NORM},
    {"dec.blk.#.attn_q", "decoder.block.#.layer.0.SelfAttention.q", ATT_GGUF_PLAIN},
    {"dec.blk.#.attn_k", "decoder.block.#.layer.0.SelfAttention.k", ATT_GGUF_PLAIN},
    {"dec.blk.#.attn_v", "decoder.block.#.layer.0.SelfAttention.v", ATT_GGUF_PLAIN},
    {"dec.blk.#.attn_o", "decoder.block.#.layer.0.SelfAttention.o", ATT_GGUF_PLAIN},
    {"dec.blk.#.attn_rel_b", "decoder.block.#.layer.0.SelfAttention.relative_attention_bias", ATT_GGUF_PLAIN},
    {"dec.blk.#.cross_attn_norm", "decoder.block.#.layer.1.layer_norm", ATT_GGUF_NORM},
    {"dec.blk.#.cross_attn_q", "decoder.block.#.layer.1.EncDecAttention.q", ATT_GGUF_PLAIN},
    {"dec.blk.#.cross_attn_k", "decoder.block.#.layer.1.EncDecAttention.k", ATT_GGUF_PLAIN},
    {"dec.blk.#.cross_attn_v", "decoder.block.#.layer.1.EncDecAttention.v", ATT_GGUF_PLAIN},
    {"dec.blk.#.cross_attn_o", "decoder.block.#.layer.1.EncDecAttention.o", ATT_GGUF_PLAIN},
    {"dec.blk.#.ffn_norm", "decoder.block.#.layer.2.layer_norm", ATT_GGUF_NORM},
    {"dec.blk.#.ffn_gate", "decoder.block.#.layer.2.DenseReluDense.wi_0", ATT_GGUF_PLAIN},
    {"dec.blk.#.ffn_up", "decoder.block.#.layer.2.DenseReluDense.wi_1", ATT_GGUF_GATED},
    {"dec.blk.#.ffn_up", "decoder.block.#.layer.2.DenseReluDense.wi", ATT_GGUF_PLAIN},
    {"dec.blk.#.ffn_down", "decoder.block.#.layer.2.DenseReluDense.wo", ATT_GGUF_PLAIN},
    {"dec.output_norm", "decoder.final_layer_norm", ATT_GGUF_NORM},
    {NULL, NULL, ATT_GGUF_PLAIN}};
static const att_gguf_key t5_keys[] = {{"embedding_length", "d_model", NEEDED},
                                       {"block_count", "num_layers", NEEDED},
                                       {"decoder_block_count", "num_decoder_layers", 0},
                                       {"feed_forward_length", "d_ff", NEEDED},
                                       {"attention.head_count", "num_heads", NEEDED},
                                       {"attention.key_length", "d_kv", NEEDED},
                                       {"attention.relative_buckets_count", "relative_attention_num_buckets", NEEDED},
                                       {"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", REAL | NEEDED},
                                       {"attention.layer_norm_epsilon", "layer_norm_epsilon", REAL}, /* the same */
                                       {"decoder_start_token_id", "decoder_start_token_id", 0},
                                       {NULL, NULL, 0}};

/* Of those of one name the first whose `needs` the file has. */
static const att_gguf_architecture architectures[] = {
    {"llama",
     "mistral",
     "MistralForCausalLM",
     {llama_names, rotary_names},
     {rotary_keys, window_keys},
     no_flags,
     .ties = true,
     .rotary = true,
     .halves = true,
     .needs = "attention.sliding_window"},
    {"llama",
     "llama",
     "LlamaForCausalLM",
     {llama_names, rotary_names},
     {rotary_keys},
     llama_flags,
     .ties = true,
     .rotary = true,
     .halves = true},
    {"qwen2",
     "qwen2",
     "Qwen2ForCausalLM",
     {llama_names, rotary_names},
     {rotary_keys},
     no_flags,
     .ties = true,
     .rotary = true},
    {"qwen3",
     "qwen3",
     "Qwen3ForCausalLM",
     {llama_names, rotary_names},
     {rotary_keys},
     attention_flags,
     .ties = true,
     .rotary = true},
    {"gemma2",
     "gemma2",
     "Gemma2ForCausalLM",
     {gemma_names, rotary_names},
     {rotary_keys, gemma_keys},
     attention_flags,
     .ties = true,
     .rotary = true,
     .one_more = true,
     .period = 2,
     .broad_layers = 46},
    {"gemma3",
     "gemma3_text",
     "Gemma3ForCausalLM",
     {gemma_names, rotary_names},
     {rotary_keys, gemma_keys},
     attention_flags,
     .ties = true,
     .rotary = true,
     .one_more = true,
     .period = 6,
     .broad_layers = 62},
    {"phi3",
     "phi3",
     "Phi3ForCausalLM",
     {phi3_names, rotary_names},
     {rotary_keys, window_keys},
     no_flags,
     .ties = true,
     .rotary = true,
     .partial = true},
    {"gpt2", "gpt2", "GPT2LMHeadModel", {gpt2_names}, {gpt2_keys}, no_flags, .ties = true},
    {"bert",
     "bert",
     "BertModel",
     {bert_names},
     {bert_keys},
     no_flags,
     .ties = false,
     .labelled = "BertForSequenceClassification"},
    {"nomic-bert",
     "nomic_bert",
     "NomicBertModel",
     {nomic_bert_names},
     {bert_keys, nomic_bert_keys},
     no_flags,
     .ties = false,
     .rotary = true},
    {"t5",
     "t5",
     "T5ForConditionalGeneration",
     {t5_names},
     {t5_keys},
     no_flags,
     .ties = true,
     .gate = "enc.blk.0.ffn_gate.weight"},
};

/* Whether the file has a number above 0 under the key. */
static bool has_needs(const att_gguf_metadata *m, const att_gguf_architecture *a) {
  char key[ATT_GGUF_NAME];
  if (!a->needs) return true;
  snprintf(key, sizeof key, "%s.%s", a->name, a->needs);
  const att_gguf_entry *entry = att_gguf_find(m, key);
  return entry && !entry->array && att_gguf_type_size(entry->type) && att_gguf_number_at(entry, 0) > 0;
}

att_status att_gguf_architecture_of(const att_gguf_metadata *m, const att_gguf_architecture **out) {
  att_text name;
  char known[256] = "";
  ATT_TRY(att_gguf_string(m, "general.architecture", true, &name));
  for (size_t i = 0; i < LENGTH(architectures); i++) {
    const char *own = architectures[i].name;
    *out = &architectures[i];
    if (strlen(own) == name.size && memcmp(own, name.data, name.size) == 0 && has_needs(m, *out)) return ATT_OK;
    if (architectures[i].needs) continue;
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s",
             !used                           ? ""
             : i + 1 < LENGTH(architectures) ? ", "
                                             : " and ",
             own);
  }
  return att_fail(m->ctx, ATT_UNSUPPORTED, "%s: general.architecture is \"%.*s\"; attend knows %s", m->path,
                  name.size < 60 ? (int)name.size : 60, name.data, known);
}

const att_gguf_architecture *att_gguf_architecture_for(const char *type) {
  for (size_t i = 0; i < LENGTH(architectures); i++) {
    if (strcmp(architectures[i].type, type) == 0) return &architectures[i];
  }
  return NULL;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

/* The i-th of all tables; NULL: there are not so many. */
static const att_gguf_name *name_at(const att_gguf_architecture *a, size_t i) {
  for (int table = 0; table < ATT_GGUF_TABLES && a->names[table]; table++) {
    for (const att_gguf_name *n = a->names[table]; n->gguf; n++)
      if (i-- == 0) return n;
  }
  return NULL;
}

/* Whether the text is the pattern, with a number of no leading zero in place of '#', up to an ending: *rest. */
static bool matches(const char *pattern, const char *text, int *layer, const char **rest) {
  for (; *pattern; pattern++) {
    if (*pattern != '#') {
      if (*text++ != *pattern) return false;
      continue;
    }
    char *end;
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9')) return false;
    long number = strtol(text, &end, 10);
    if (number > ATT_MOST_LAYERS_NAMED) return false;
    *layer = (int)number;
    text = end;
  }
  *rest = text;
  return strcmp(text, ".weight") == 0 || strcmp(text, ".bias") == 0;
}

static void fill_in(const char *pattern, int layer, const char *rest, char out[ATT_GGUF_NAME]) {
  const char *number = strchr(pattern, '#');
  if (!number) {
    snprintf(out, ATT_GGUF_NAME, "%s%s", pattern, rest);
  } else {
    snprintf(out, ATT_GGUF_NAME, "%.*s%d%s%s", (int)(number - pattern), pattern, layer, number + 1, rest);
  }
}

static const char *without(const char *prefix, const char *name) {
  size_t size = prefix ? strlen(prefix) : 0;
  return size && strncmp(name, prefix, size) == 0 ? name + size : name;
}

const att_gguf_name *att_gguf_name_for(const att_gguf_architecture *a, const char *prefix, const char *name,
                                       char out[ATT_GGUF_NAME]) {
  const att_gguf_name *n;
  for (size_t at = 0; (n = name_at(a, at)); at++) {
    int layer = 0;
    const char *rest;
    if (!matches(without(prefix, n->hf), without(prefix, name), &layer, &rest)) continue;
    fill_in(n->gguf, layer, rest, out);
    return n;
  }
  return NULL;
}

int64_t att_gguf_turned_heads(const att_gguf_architecture *a, const att_gguf_name *n, const json_t *config) {
  if (!a->halves || (n->kind != ATT_GGUF_QUERIES && n->kind != ATT_GGUF_KEYS)) return 0;
  const char *key = n->kind == ATT_GGUF_QUERIES ? "num_attention_heads" : "num_key_value_heads";
  return json_integer_value(json_object_get(config, key));
}

static bool is_gated(const json_t *config) {
  const char *kind = json_string_value(json_object_get(config, "feed_forward_proj"));
  return kind && strncmp(kind, "gated-", 6) == 0;
}

static att_status rename_one(att_tensor_file *file, size_t i, const att_gguf_architecture *a, const json_t *config) {
  att_stored *tensor = &file->tensors[i];
  char name[ATT_GGUF_NAME];
  const att_gguf_name *n;
  for (size_t at = 0; (n = name_at(a, at)); at++) {
    int layer = 0;
    const char *rest;
    if (!matches(n->gguf, tensor->name, &layer, &rest)) continue;
    if (n->kind == ATT_GGUF_GATED && !is_gated(config)) continue;
    fill_in(n->hf, layer, rest, name);
    tensor->heads = att_gguf_turned_heads(a, n, config);
    tensor->more = att_gguf_more(a, n);
    return att_tensor_file_rename(file, i, name);
  }
  return ATT_OK;
}

att_status att_gguf_rename(att_tensor_file *file, const att_gguf_architecture *a, const json_t *config) {
  file->upright = true;
  for (size_t i = 0; i < file->count; i++) ATT_TRY(rename_one(file, i, a, config));
  return att_tensor_file_sort(file);
}
