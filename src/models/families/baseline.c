/* Owns what own.h says. */
#include "models/families/baseline.h"
#include "models/transformer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const kinds[] = {"encoder-decoder", "decoder", "encoder", NULL}; /* att_kind */

static const att_size_key sizes[] = {
    {"vocab_size", offsetof(att_config, vocab_size), ATT_LARGEST_SIZE},
    {"d_model", offsetof(att_config, d_model), ATT_LARGEST_SIZE},
    {"embedding_size", offsetof(att_config, embedding_size), ATT_LARGEST_SIZE},
    {"max_position_embeddings", offsetof(att_config, max_position_embeddings), ATT_LARGEST_SIZE},
};
static const att_size_key encoder_layers = {"encoder_layers", offsetof(att_config, encoder_layers), ATT_MOST_LAYERS};
static const att_size_key decoder_layers = {"decoder_layers", offsetof(att_config, decoder_layers), ATT_MOST_LAYERS};

/* ---- settings ------------------------------------------------------------------------------------------------- */

att_status att_baseline_choice(const att_settings *in, const char *key, const char *const *names, int *out) {
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
static att_status read_size(const att_settings *in, const att_size_key *key, bool needed, att_config *config) {
  int64_t *at = (int64_t *)(void *)((char *)config + key->offset);
  return att_json_int(in->ctx, in->name, in->root, key->key, needed, 1, key->most, at);
}

att_status att_baseline_read(const att_settings *in, att_config *config) {
  int kind = ATT_ENCODER_DECODER;
  *config = (att_config){.family = config->family,
                         .position = ATT_NO_POSITION,
                         .tie_word_embeddings = true,
                         .scale_embedding = true,
                         .layer_norm_epsilon = 1e-5f,
                         .pad = -1,
                         .bos = -1,
                         .eos = -1,
                         .decoder_start = -1};
  ATT_TRY(att_baseline_choice(in, "kind", kinds, &kind));
  ATT_TRY(att_head_find(in, "attend_head", &config->head));
  config->kind = (att_kind)kind;
  ATT_TRY(att_read_input_width(in, config));
  for (size_t i = 0; i < ATT_COUNT(sizes); i++) {
    bool may_lack = config->input_width && sizes[i].offset == offsetof(att_config, vocab_size);
    ATT_TRY(read_size(in, &sizes[i], !may_lack, config));
  }
  if (config->kind != ATT_DECODER) ATT_TRY(read_size(in, &encoder_layers, true, config));
  if (config->kind != ATT_ENCODER) ATT_TRY(read_size(in, &decoder_layers, true, config));
  ATT_TRY(att_read_bool(in, "tie_word_embeddings", &config->tie_word_embeddings));
  ATT_TRY(att_read_bool(in, "scale_embedding", &config->scale_embedding));
  att_read_dropout(in, "dropout", config);
  att_read_specials(in, config);
  return ATT_OK;
}

void att_baseline_write(att_object *out, const att_config *config) {
  att_put_text(out, "kind", kinds[config->kind]);
  att_put_text(out, "attend_head", att_head_get(config->head)->name);
  att_put_input_width(out, config);
  att_put_sizes(out, sizes, ATT_COUNT(sizes), config);
  if (config->kind != ATT_DECODER) att_put_sizes(out, &encoder_layers, 1, config);
  if (config->kind != ATT_ENCODER) att_put_sizes(out, &decoder_layers, 1, config);
  att_put_bool(out, "tie_word_embeddings", config->tie_word_embeddings);
  att_put_bool(out, "scale_embedding", config->scale_embedding);
  att_put_real(out, "dropout", (double)config->dropout, true);
  att_put_specials(out, config);
}

att_status att_baseline_check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_check_sizes(ctx, name, sizes, ATT_COUNT(sizes), config));
  if (config->kind != ATT_DECODER) ATT_TRY(att_check_sizes(ctx, name, &encoder_layers, 1, config));
  if (config->kind != ATT_ENCODER) ATT_TRY(att_check_sizes(ctx, name, &decoder_layers, 1, config));
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

static att_status add_output(att_model *model, int64_t width, att_baseline_tables *tables) {
  att_namer n = {.model = model, .part = "output projection"};
  if (!model->config.tie_word_embeddings) ATT_TRY(add_table(model, "lm_head.weight", n.part, width, &tables->output));
  return att_name_add(
      &n, "lm_head.bias",
      (att_parameter_plan){
          .rows = 1, .cols = model->config.vocab_size, .rank = 1, .weight = &tables->bias, .frozen_row = -1});
}

att_status att_baseline_embeddings(att_model *model, int64_t output_width, att_baseline_tables *tables) {
  static const char *const names[] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight",
                                      NULL};
  const att_config *c = &model->config;
  int64_t width = c->embedding_size;
  bool encoder = c->kind != ATT_DECODER, decoder = c->kind != ATT_ENCODER;
  bool source = encoder && !c->input_width, target = decoder && !att_config_reads_rows(c, true);
  if (c->input_width) {
    const char *name = encoder ? "encoder.input_projection" : "decoder.input_projection";
    att_namer n = {.model = model, .prefix = "encoder."};
    int64_t read = c->input_stride ? c->d_model : c->input_width;
    if (c->input_stride) ATT_TRY(att_name_convolutions(&n, tables->convolutions));
    ATT_TRY(att_baseline_linear(model, "input projection", name, width, read, true, &tables->input));
  }
  if (c->tie_word_embeddings && (source || target)) {
    ATT_TRY(add_table(model, "shared.weight", "embedding", width, &tables->shared));
    att_name_aliases(model, names, false);
  } else {
    if (source)
      ATT_TRY(add_table(model, names[0], decoder ? "source embedding" : "embedding", width, &tables->encoder));
    if (target)
      ATT_TRY(add_table(model, names[1], encoder ? "target embedding" : "embedding", width, &tables->decoder));
  }
  return model->head->output ? add_output(model, output_width, tables) : ATT_OK;
}

const att_weight *att_baseline_output(const att_baseline_tables *tables) {
  return tables->shared.data ? &tables->shared : &tables->output;
}

att_status att_baseline_linear(att_model *model, const char *part, const char *name, int64_t out, int64_t in, bool bias,
                               att_linear_layer *layer) {
  att_namer n = {.model = model};
  strncpy(n.part, part, sizeof n.part - 1);
  return att_name_linear(&n, (const char *const[]){name, NULL}, &out, in, false, bias, layer);
}

/* Nothing is scaled: the projection is learned. */
static att_status project_rows(att_run *run, const att_model *model, const att_baseline_tables *tables,
                               const att_input *input, att_sequences *sequences, att_tensor *x) {
  int64_t rows = input->sequences.start[input->sequences.count], width = model->config.input_width;
  att_tensor given = {.data = (float *)(uintptr_t)input->rows, .rows = rows, .cols = width, .stride = width};
  if (model->config.input_stride)
    ATT_TRY(att_convolve_rows(run, &model->config, tables->convolutions, input, sequences, &given));
  return att_op_linear(run, &given, &tables->input.weight, &tables->input.bias, ATT_PLAIN, x);
}

att_status att_baseline_embed(att_run *run, const att_model *model, const att_baseline_tables *tables, bool decoder,
                              const att_input *input, uint32_t place, att_tensor *embedded, att_sequences *sequences,
                              att_tensor *x) {
  static const att_weight no_positions;
  const att_config *c = &model->config;
  float scale = c->scale_embedding ? sqrtf((float)c->embedding_size) : 1.0f;
  const att_weight *table = tables->shared.data ? &tables->shared : decoder ? &tables->decoder : &tables->encoder;
  bool reads_rows = att_config_reads_rows(c, decoder);
  if (sequences) *sequences = input->sequences;
  if (reads_rows) {
    ATT_TRY(project_rows(run, model, tables, input, sequences, x));
  } else {
    ATT_TRY(att_op_embed(run, table, &no_positions, input->ids, NULL, input->sequences.start[input->sequences.count],
                         scale, place, x));
  }
  if (embedded) *embedded = *x;
  if (embedded && run->tape) x->gradient->keep = true;
  if (!reads_rows) return ATT_OK;
  att_tensor projected = *x;
  return att_op_dropout(run, &projected, place, x);
}
