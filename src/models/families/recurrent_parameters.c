/*
 * Owns the settings and the names of the recurrent family. config.json has what own.h says, and
 *
 *   cell            "rnn", "lstm", "gru"
 *   bidirectional   true, false: of an encoder
 *   attention       "none", "additive", "multiplicative": of an encoder-decoder
 *
 * A stack of layers is named as PyTorch names it: what stands under "encoder.rnn." loads into torch.nn.GRU(embedding
 * size, d_model, layers, bidirectional=...), and "decoder.rnn." the same; an additive decoder's first layer has the
 * context's part of its inputs apart, as decoder.attention.context (Bahdanau et al. 2015 write it so).
 */
#include "models/families/recurrent.h"
#include "models/transformer.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const cells[] = {"rnn", "lstm", "gru", NULL};                    /* from ATT_RNN on */
static const char *const scorings[] = {"none", "additive", "multiplicative", NULL}; /* att_scoring */

att_cell att_recurrent_cell(const att_config *config) {
  return config->network == ATT_LSTM ? ATT_CELL_LSTM : config->network == ATT_GRU ? ATT_CELL_GRU : ATT_CELL_RNN;
}

int64_t att_recurrent_memory_width(const att_config *config) {
  return config->d_model * (config->bidirectional ? 2 : 1);
}

/* ---- settings ------------------------------------------------------------------------------------------------- */

att_status att_recurrent_read(const att_settings *in, att_config *config) {
  int cell = -1, scoring = ATT_SCORING_NONE;
  ATT_TRY(att_baseline_read(in, config));
  ATT_TRY(att_baseline_choice(in, "cell", cells, &cell));
  ATT_TRY(att_baseline_choice(in, "attention", scorings, &scoring));
  if (cell < 0) return att_fail(in->ctx, ATT_FORMAT, "%s: cell is missing; it is rnn, lstm or gru", in->name);
  config->network = (att_network)(ATT_RNN + cell);
  config->scoring = (att_scoring)scoring;
  return att_read_bool(in, "bidirectional", &config->bidirectional);
}

void att_recurrent_write(att_object *out, const att_config *config) {
  att_baseline_write(out, config);
  att_put_text(out, "cell", cells[config->network - ATT_RNN]);
  if (config->kind != ATT_DECODER) att_put_bool(out, "bidirectional", config->bidirectional);
  if (config->kind == ATT_ENCODER_DECODER) att_put_text(out, "attention", scorings[config->scoring]);
}

/* An upper bound; every factor is bounded by then, so that nothing overflows. */
static int64_t count_parameters(const att_config *c) {
  int64_t w = c->d_model, memory = 2 * w, input = c->embedding_size > memory ? c->embedding_size : memory;
  int64_t direction = 4 * w * (input + w + 2), initial = memory * (memory + 1);
  int64_t attention = (w + memory + c->embedding_size + 4 * w + c->label_count) * (memory + w + c->embedding_size + 1);
  attention += c->input_width * (c->embedding_size + 3 * w + 1) + (c->input_stride ? w * (3 * w + 2) : 0);
  return (3 * c->vocab_size + 1) * (c->embedding_size + memory + 1) + 2 * c->encoder_layers * direction +
         c->decoder_layers * (direction + initial) + attention;
}

att_status att_recurrent_check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_baseline_check(ctx, name, config));
  if (config->network < ATT_RNN || config->network > ATT_GRU) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: cell is none of rnn, lstm and gru", name);
  }
  if ((unsigned)config->scoring > ATT_SCORING_MULTIPLICATIVE ||
      (config->scoring != ATT_SCORING_NONE && config->kind != ATT_ENCODER_DECODER)) {
    return att_fail(ctx, ATT_FORMAT, "%s: attention: only an encoder-decoder has it", name);
  }
  if (config->bidirectional && config->kind == ATT_DECODER) {
    return att_fail(ctx, ATT_FORMAT, "%s: bidirectional: a decoder reads in one direction", name);
  }
  return att_check_parameter_count(ctx, name, count_parameters(config));
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

/* weight_ih_l0_reverse and its sisters. */
static att_status add_direction(att_model *model, const char *side, int64_t index, int64_t input, bool reverse,
                                att_recurrent_direction *d) {
  int64_t w = model->config.d_model, gates = att_cell_gates(att_recurrent_cell(&model->config), w);
  const struct {
    const char *name;
    int64_t cols;
    bool matrix;
    att_weight *weight;
  } parts[] = {{"weight_ih", input, true, &d->input.weight},
               {"weight_hh", w, true, &d->hidden.weight},
               {"bias_ih", gates, false, &d->input.bias},
               {"bias_hh", gates, false, &d->hidden.bias}};
  att_namer n = {.model = model};
  snprintf(n.prefix, sizeof n.prefix, "%s.rnn.", side);
  snprintf(n.part, sizeof n.part, "%s layer %d", side, (int)index);
  for (size_t i = 0; i < ATT_COUNT(parts); i++) {
    char name[64];
    snprintf(name, sizeof name, "%s_l%d%s", parts[i].name, (int)index, reverse ? "_reverse" : "");
    ATT_TRY(att_name_add(&n, name,
                         (att_parameter_plan){.rows = parts[i].matrix ? gates : 1,
                                              .cols = parts[i].cols,
                                              .rank = parts[i].matrix ? 2 : 1,
                                              .decay = parts[i].matrix,
                                              .unquantized = parts[i].weight == &d->hidden.weight,
                                              .weight = parts[i].weight,
                                              .frozen_row = -1}));
  }
  return ATT_OK;
}

static att_status add_stack(att_model *model, bool decoder, att_recurrent_layer **out) {
  const att_config *c = &model->config;
  const char *side = decoder ? "decoder" : "encoder";
  int64_t count = decoder ? c->decoder_layers : c->encoder_layers;
  bool both = c->bidirectional && !decoder;
  att_recurrent_layer *layers = *out = ATT_NEW(model->ctx, count, att_recurrent_layer);
  if (!layers) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    int64_t input = i == 0 ? c->embedding_size : both ? 2 * c->d_model : c->d_model;
    ATT_TRY(add_direction(model, side, i, input, false, &layers[i].forward));
    if (both) ATT_TRY(add_direction(model, side, i, input, true, &layers[i].backward));
  }
  return ATT_OK;
}

static att_status add_attention(att_model *model, att_recurrent *r) {
  static const char *const part = "attention";
  const att_config *c = &model->config;
  int64_t w = c->d_model, memory = att_recurrent_memory_width(c), gates = att_cell_gates(att_recurrent_cell(c), w);
  bool additive = c->scoring == ATT_SCORING_ADDITIVE;
  if (c->scoring == ATT_SCORING_NONE) return ATT_OK;
  ATT_TRY(att_baseline_linear(model, part, "decoder.attention.key", w, memory, additive, &r->key));
  if (!additive) return ATT_OK;
  ATT_TRY(att_baseline_linear(model, part, "decoder.attention.query", w, w, false, &r->query));
  model->parameters[model->parameter_count - 1].unquantized = true;
  att_namer n = {.model = model, .part = "attention"};
  ATT_TRY(att_name_add(&n, "decoder.attention.vector.weight",
                       (att_parameter_plan){.rows = 1,
                                            .cols = w,
                                            .rank = 2,
                                            .decay = true,
                                            .floats = true,
                                            .weight = &r->vector.weight,
                                            .frozen_row = -1}));
  return att_baseline_linear(model, part, "decoder.attention.context", gates, memory, false, &r->context);
}

/* Columns of the last hidden rows. */
static int64_t last_width(const att_config *c) {
  return c->kind == ATT_ENCODER ? att_recurrent_memory_width(c) : c->d_model;
}

/* What the readout reads; 0: there is none, and the output reads the last rows. */
static int64_t readout_input(const att_model *model) {
  const att_config *c = &model->config;
  int64_t memory = att_recurrent_memory_width(c), width = last_width(c);
  if (!model->head->output) return 0;
  if (c->scoring == ATT_SCORING_ADDITIVE) return c->d_model + memory + c->embedding_size;
  if (c->scoring == ATT_SCORING_MULTIPLICATIVE) return memory + c->d_model;
  return c->tie_word_embeddings && width != c->embedding_size ? width : 0;
}

static att_status add_decoder(att_model *model, att_recurrent *r) {
  const att_config *c = &model->config;
  char name[64];
  int64_t state = att_cell_state(att_recurrent_cell(c), c->d_model), memory = att_recurrent_memory_width(c);
  ATT_TRY(add_stack(model, true, &r->decoder));
  if (c->kind != ATT_ENCODER_DECODER) return ATT_OK;
  r->initial = ATT_NEW(model->ctx, c->decoder_layers, att_linear_layer);
  if (!r->initial) return ATT_MEMORY;
  for (int64_t i = 0; i < c->decoder_layers; i++) {
    snprintf(name, sizeof name, "decoder.initial.%d", (int)i);
    ATT_TRY(att_baseline_linear(model, "decoder's first state", name, state, memory, true, &r->initial[i]));
  }
  return add_attention(model, r);
}

att_status att_recurrent_plan(att_model *model) {
  const att_config *c = &model->config;
  att_recurrent *r = model->layers = ATT_NEW(model->ctx, 1, att_recurrent);
  if (!r) return ATT_MEMORY;
  int64_t input = readout_input(model);
  ATT_TRY(att_baseline_embeddings(model, input ? c->embedding_size : last_width(c), &r->tables));
  if (c->kind != ATT_DECODER) ATT_TRY(add_stack(model, false, &r->encoder));
  if (c->kind != ATT_ENCODER) ATT_TRY(add_decoder(model, r));
  if (input) ATT_TRY(att_baseline_linear(model, "readout", "readout", c->embedding_size, input, true, &r->readout));
  return att_head_plan(model);
}

/* An LSTM's forget gate begins open (Jozefowicz et al. 2015, section 4.1). */
static void open_forget_gates(att_model *model, att_recurrent_layer *layers, int64_t count) {
  int64_t w = model->config.d_model;
  for (int64_t i = 0; i < 2 * count; i++) {
    const att_weight *bias = i % 2 ? &layers[i / 2].backward.input.bias : &layers[i / 2].forward.input.bias;
    if (!bias->data) continue;
    float *values = (float *)(uintptr_t)bias->data;
    for (int64_t u = 0; u < w; u++) values[w + u] = 1.0f;
  }
}

void att_recurrent_initialise(att_model *model, uint64_t seed) {
  att_recurrent *r = model->layers;
  (void)seed;
  if (model->config.network != ATT_LSTM) return;
  if (r->encoder) open_forget_gates(model, r->encoder, model->config.encoder_layers);
  if (r->decoder) open_forget_gates(model, r->decoder, model->config.decoder_layers);
}

void att_recurrent_free(att_model *model) {
  att_recurrent *r = model->layers;
  if (!r) return;
  att_free(model->ctx, r->encoder);
  att_free(model->ctx, r->decoder);
  att_free(model->ctx, r->initial);
  att_free(model->ctx, r);
}
