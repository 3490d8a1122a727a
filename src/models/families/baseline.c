/* Owns what own.h says. */
#include "models/families/baseline.h"
#include "models/transformer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Spellings, in the order of att_kind and att_head. */
static const char *const kinds[] = {"encoder-decoder", "decoder", "encoder", NULL};
static const char *const heads[] = {"tokens", "classes", "labels", "values", "none", NULL};

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"embedding_size", offsetof(att_config, embedding_size), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
};
static const att_size_key encoder_layers = {"encoder_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS};
static const att_size_key decoder_layers = {"decoder_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS};

/* ---- settings ------------------------------------------------------------------------------------------------- */

att_status att_own_choice(const att_settings *in, const char *key, const char *const *names, int *out) {
  const char *text = NULL;
  ATT_TRY(att_read_string(in, key, &text));
  for (int i = 0; text && names[i]; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = i;
    return ATT_OK;
  }
  if (!text) return ATT_OK;
  return att_fail(in->ctx, ATT_UNSUPPORTED, "%s: %s is \"%.60s\", which attend does not know", in->name, key, text);
}

/* Every size must be there: no class of Hugging Face has defaults for them. */
static att_status read_size(const att_settings *in, const att_size_key *key, att_config *config) {
  int64_t *at = (int64_t *)(void *)((char *)config + key->offset);
  return att_json_int(in->ctx, in->name, in->root, key->key, true, 1, key->most, at);
}

att_status att_own_read(const att_settings *in, att_config *config) {
  int kind = ATT_ENCODER_DECODER, head = ATT_HEAD_TOKENS;
  *config = (att_config){.family = config->family,
                         .position = ATT_NO_POSITION,
                         .tie_word_embeddings = true,
                         .scale_embedding = true,
                         .layer_norm_epsilon = 1e-5f,
                         .pad = -1,
                         .bos = -1,
                         .eos = -1,
                         .decoder_start = -1};
  ATT_TRY(att_own_choice(in, "kind", kinds, &kind));
  ATT_TRY(att_own_choice(in, "attend_head", heads, &head));
  config->kind = (att_kind)kind;
  config->head = (att_head)head;
  for (size_t i = 0; i < ATT_COUNT(sizes); i++) ATT_TRY(read_size(in, &sizes[i], config));
  if (config->kind != ATT_DECODER) ATT_TRY(read_size(in, &encoder_layers, config));
  if (config->kind != ATT_ENCODER) ATT_TRY(read_size(in, &decoder_layers, config));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  ATT_TRY(att_read_bool(in, "scale_embedding", &config->scale_embedding));
  att_read_dropout(in, "dropout", config);
  att_read_specials(in, config);
  return ATT_OK;
}

void att_own_write(att_object *out, const att_config *config) {
  att_put_text(out, "kind", kinds[config->kind]);
  att_put_text(out, "attend_head", heads[config->head]);
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  if (config->kind != ATT_DECODER) att_put_sizes(out, &encoder_layers, 1, config);
  if (config->kind != ATT_ENCODER) att_put_sizes(out, &decoder_layers, 1, config);
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_bool(out, "scale_embedding", config->scale_embedding);
  att_put_real(out, "dropout", (double)config->dropout, true);
  att_put_specials(out, config);
}

att_status att_own_check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  if (config->kind != ATT_DECODER) ATT_TRY(att_check_sizes(ctx, name, &encoder_layers, 1, config));
  if (config->kind != ATT_ENCODER) ATT_TRY(att_check_sizes(ctx, name, &decoder_layers, 1, config));
  if (config->kind != ATT_ENCODER_DECODER) return ATT_OK;
  if (config->head != ATT_HEAD_TOKENS) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: attend_head is %s; an encoder-decoder has a head of tokens", name,
                    heads[config->head]);
  }
  return ATT_OK;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static att_status add_table(att_model *model, const char *name, const char *part, int64_t width, att_weight *weight) {
  att_namer n = {.model = model};
  strcpy(n.part, part);
  return att_name_add(
      &n, name,
      (att_parameter_plan){
          .rows = model->config.vocab_size, .cols = width, .rank = 2, .weight = weight, .frozen_row = -1});
}

static att_status add_output(att_model *model, int64_t width, att_own_tables *tables) {
  att_namer n = {.model = model, .part = "output projection"};
  if (!model->config.tie_word_embeddings) ATT_TRY(add_table(model, "lm_head.weight", n.part, width, &tables->output));
  return att_name_add(
      &n, "lm_head.bias",
      (att_parameter_plan){
          .rows = 1, .cols = model->config.vocab_size, .rank = 1, .weight = &tables->bias, .frozen_row = -1});
}

att_status att_own_embeddings(att_model *model, int64_t output_width, att_own_tables *tables) {
  static const char *const names[] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight",
                                      NULL};
  const att_config *c = &model->config;
  int64_t width = c->embedding_size;
  bool encoder = c->kind != ATT_DECODER, decoder = c->kind != ATT_ENCODER;
  if (c->tie_word_embeddings) {
    ATT_TRY(add_table(model, "shared.weight", "embedding", width, &tables->shared));
    att_name_aliases(model, names, false);
  } else {
    if (encoder)
      ATT_TRY(add_table(model, names[0], decoder ? "source embedding" : "embedding", width, &tables->encoder));
    if (decoder)
      ATT_TRY(add_table(model, names[1], encoder ? "target embedding" : "embedding", width, &tables->decoder));
  }
  return c->head == ATT_HEAD_TOKENS ? add_output(model, output_width, tables) : ATT_OK;
}

const att_weight *att_own_tokens(const att_own_tables *tables, bool decoder) {
  return tables->shared.data ? &tables->shared : decoder ? &tables->decoder : &tables->encoder;
}

const att_weight *att_own_output(const att_own_tables *tables) {
  return tables->shared.data ? &tables->shared : &tables->output;
}

att_status att_own_linear(att_model *model, const char *part, const char *name, int64_t out, int64_t in, bool bias,
                          att_linear_layer *layer) {
  att_namer n = {.model = model};
  strncpy(n.part, part, sizeof n.part - 1);
  return att_name_linear(&n, (const char *const[]){name, NULL}, &out, in, false, bias, layer);
}

att_status att_own_embed(att_run *run, const att_model *model, const att_weight *table, const int32_t *ids,
                         int64_t count, uint32_t place, att_tensor *embedded, att_tensor *x) {
  static const att_weight no_positions;
  float scale = model->config.scale_embedding ? sqrtf((float)model->config.embedding_size) : 1.0f;
  ATT_TRY(att_op_embed(run, table, &no_positions, ids, NULL, count, scale, place, x));
  if (embedded) *embedded = *x;
  if (embedded && run->tape) x->gradient->keep = true;
  return ATT_OK;
}
