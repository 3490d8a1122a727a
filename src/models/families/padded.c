/*
 * Owns the padded feed-forward family: networks of a fixed number N of positions (max_position_embeddings), the way
 * texts were read before recurrence and attention. A text is padded to N with zeros, the embeddings of its positions
 * stand side by side in one row, and hidden layers of d_model units read that row; longer input is refused. Encoder
 * alone: a vector a text, for labels. Decoder alone: a token from the window of the N before it (Bengio et al. 2003).
 * Encoder-decoder: a target token from the source's vector beside the window of the N target tokens before it.
 * config.json has what own.h says, and
 *
 *   activation_function   of the hidden layers
 *
 * The cache has one layer: of a target token its id, of a source, in its first row, its vector.
 */
#include "models/families/baseline.h"

#include <stdio.h>
#include <string.h>

enum { ENCODER_EMBEDDING = 1, DECODER_EMBEDDING, READOUT, ENCODER_LAYERS = 16, DECODER_LAYERS = ENCODER_LAYERS + 1024 };

typedef struct padded {
  att_baseline_tables tables;
  att_linear_layer *encoder, *decoder; /* [layers] */
  att_linear_layer readout; /* to the width of tied embeddings; absent where d_model is it, or nothing is tied */
} padded;

/* ---- settings ------------------------------------------------------------------------------------------------- */

static att_status read_settings(const att_settings *in, att_config *config) {
  ATT_TRY(att_baseline_read(in, config));
  config->network = ATT_FFN;
  return att_read_activation(in, "activation_function", &config->activation);
}

static void write_settings(att_object *out, const att_config *config) {
  att_baseline_write(out, config);
  att_put_text(out, "activation_function", att_activation_name(config->activation));
}

/* An upper bound; sizes are at most 2^20, so that it stays below 2^63. */
static int64_t count_parameters(const att_config *c) {
  int64_t window = c->max_position_embeddings * c->embedding_size, layer = c->d_model * (c->d_model + 1);
  return 2 * window * c->d_model + (c->encoder_layers + c->decoder_layers + 2) * layer +
         (3 * c->vocab_size + c->d_model + 1) * (c->embedding_size + c->d_model + 1) +
         c->label_count * (c->d_model + 1) + c->input_width * (c->embedding_size + 1);
}

static att_status check(att_context *ctx, const char *name, const att_config *config) {
  ATT_TRY(att_baseline_check(ctx, name, config));
  if (config->kind == ATT_ENCODER && att_head_get(config->head)->output) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: attend_head: a padded encoder has one vector a text and fills no masks",
                    name);
  }
  if (config->input_stride || att_head_get(config->head) == att_head_get(ATT_HEAD_CTC)) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: a padded network has one vector a text: no convolutions, no CTC", name);
  }
  if (att_config_reads_rows(config, true)) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: input_width: a padded decoder reads tokens", name);
  }
  if (config->gated || config->network != ATT_FFN) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: a padded network has plain hidden layers", name);
  }
  return att_check_parameter_count(ctx, name, count_parameters(config));
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static att_status add_layers(att_model *model, const char *side, int64_t count, int64_t input, att_linear_layer **out) {
  att_linear_layer *layers = *out = ATT_NEW(model->ctx, count, att_linear_layer);
  if (!layers) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    char name[64], part[64];
    snprintf(name, sizeof name, "%s.layers.%d", side, (int)i);
    snprintf(part, sizeof part, "%s layer %d", side, (int)i);
    ATT_TRY(att_baseline_linear(model, part, name, model->config.d_model, i == 0 ? input : model->config.d_model, true,
                                &layers[i]));
  }
  return ATT_OK;
}

static att_status plan(att_model *model) {
  const att_config *c = &model->config;
  int64_t window = c->max_position_embeddings * c->embedding_size;
  padded *p = model->layers = ATT_NEW(model->ctx, 1, padded);
  if (!p) return ATT_MEMORY;
  bool readout = c->tie_word_embeddings && c->d_model != c->embedding_size;
  ATT_TRY(att_baseline_embeddings(model, c->d_model, &p->tables));
  if (c->kind != ATT_DECODER) ATT_TRY(add_layers(model, "encoder", c->encoder_layers, window, &p->encoder));
  if (c->kind != ATT_ENCODER) {
    int64_t input = window + (c->kind == ATT_ENCODER_DECODER ? c->d_model : 0);
    ATT_TRY(add_layers(model, "decoder", c->decoder_layers, input, &p->decoder));
  }
  if (model->head->output && readout) {
    ATT_TRY(att_baseline_linear(model, "readout", "readout", c->embedding_size, c->d_model, true, &p->readout));
  }
  return att_head_plan(model);
}

static void free_layers(att_model *model) {
  padded *p = model->layers;
  if (!p) return;
  att_free(model->ctx, p->encoder);
  att_free(model->ctx, p->decoder);
  att_free(model->ctx, p);
}

/* ---- passes --------------------------------------------------------------------------------------------------- */

static att_status run_layers(att_run *run, const att_model *model, const att_linear_layer *layers, int64_t count,
                             uint32_t place, att_tensor *x) {
  for (int64_t i = 0; i < count; i++) {
    att_tensor input;
    ATT_TRY(att_op_dropout(run, x, i ? place + (uint32_t)i : ATT_NO_DROPOUT, &input));
    ATT_TRY(
        att_op_linear(run, &input, &layers[i].weight, &layers[i].bias, att_epilogue_of(model->config.activation), x));
  }
  return ATT_OK;
}

/* A vector a sequence: [sequences, d_model]. */
static att_status read_texts(att_run *run, const att_model *model, const att_input *input, att_tensor *embedded,
                             att_tensor *out) {
  const padded *p = model->layers;
  const att_config *c = &model->config;
  int64_t slots = c->max_position_embeddings, count = input->sequences.count;
  const int64_t *start = input->sequences.start;
  int32_t *rows = ATT_ARENA_NEW(run->arena, count * slots, int32_t);
  att_tensor x;
  if (!rows) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) {
    for (int64_t s = 0; s < slots; s++)
      rows[i * slots + s] = start[i] + s < start[i + 1] ? (int32_t)(start[i] + s) : -1;
  }
  ATT_TRY(att_baseline_embed(run, model, &p->tables, false, input, ENCODER_EMBEDDING, embedded, NULL, &x));
  ATT_TRY(att_op_windows(run, &x, rows, count, slots, out));
  return run_layers(run, model, p->encoder, c->encoder_layers, ENCODER_LAYERS, out);
}

/* Row by row the index of its sequence. */
static att_status number_sequences(att_run *run, att_sequences sequences, int32_t **out) {
  *out = ATT_ARENA_NEW(run->arena, sequences.start[sequences.count], int32_t);
  if (!*out) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++)
    for (int64_t row = sequences.start[i]; row < sequences.start[i + 1]; row++) (*out)[row] = (int32_t)i;
  return ATT_OK;
}

/* Every row of a text is its vector. */
static att_status encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                         att_tensor *embedded, att_memory *memory) {
  (void)maps;
  int32_t *index;
  *memory = (att_memory){.sequences = input->sequences};
  ATT_TRY(read_texts(run, model, input, embedded, &memory->state));
  ATT_TRY(number_sequences(run, input->sequences, &index));
  return att_op_windows(run, &memory->state, index, input->sequences.start[input->sequences.count], 1, &memory->rows);
}

/* tokens: the embeddings of some; rows[n * positions]: which of them stand before each target, the newest last, or -1.
 * source: [n, d_model], or NULL in a decoder alone. */
static att_status run_decoder(att_run *run, const att_model *model, const att_tensor *tokens, const int32_t *rows,
                              int64_t n, const att_tensor *source, att_tensor *hidden) {
  const padded *p = model->layers;
  const att_config *c = &model->config;
  att_tensor x, window;
  ATT_TRY(att_op_windows(run, tokens, rows, n, c->max_position_embeddings, &window));
  x = window;
  if (source) ATT_TRY(att_op_concat(run, (const att_tensor *[]){source, &window}, 2, &x));
  ATT_TRY(run_layers(run, model, p->decoder, c->decoder_layers, DECODER_LAYERS, &x));
  return att_op_dropout(run, &x, READOUT, hidden);
}

static att_status decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                         const att_maps *maps, att_tensor *embedded, att_tensor *hidden) {
  (void)maps;
  const padded *p = model->layers;
  int64_t slots = model->config.max_position_embeddings, n = input->sequences.start[input->sequences.count];
  int32_t *rows = ATT_ARENA_NEW(run->arena, n * slots, int32_t), *index;
  att_tensor tokens, source;
  if (!rows) return ATT_MEMORY;
  ATT_TRY(number_sequences(run, input->sequences, &index));
  for (int64_t row = 0; row < n; row++) {
    for (int64_t s = 0; s < slots; s++) {
      int64_t at = row - (slots - 1) + s;
      rows[row * slots + s] = at >= input->sequences.start[index[row]] ? (int32_t)at : -1;
    }
  }
  ATT_TRY(att_baseline_embed(run, model, &p->tables, true, input, DECODER_EMBEDDING, embedded, NULL, &tokens));
  if (memory) ATT_TRY(att_op_windows(run, &memory->state, index, n, 1, &source));
  return run_decoder(run, model, &tokens, rows, n, memory ? &source : NULL, hidden);
}

static void cache_shape(const att_model *model, att_cache_shape *shape) {
  if (model->config.kind == ATT_ENCODER) return;
  *shape = (att_cache_shape){.layers = 1, .self_width = 1};
  if (model->config.kind == ATT_ENCODER_DECODER) shape->cross_width = model->config.d_model;
}

static att_status cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                        void *const *out) {
  (void)run;
  int64_t d = model->config.d_model;
  const int64_t *start = memory->sequences.start;
  for (int64_t i = 0; i < memory->sequences.count; i++) {
    if (start[i] == start[i + 1]) continue;
    memcpy((float *)out[0] + (rows ? rows[start[i]] : start[i]) * d, memory->state.data + i * d,
           (size_t)d * sizeof(float));
  }
  return ATT_OK;
}

/* The sources' vectors row by row, out of the cache; that of an empty one is made again. */
static att_status stored_sources(att_run *run, att_model *model, att_sequences sequences, const att_cache *cache,
                                 att_tensor *out) {
  int64_t d = model->config.d_model;
  static const int64_t nothing[] = {0, 0};
  att_tensor empty;
  ATT_TRY(read_texts(run, model, &(att_input){.sequences = {1, nothing}}, NULL, &empty));
  ATT_TRY(att_tensor_new(run, sequences.start[sequences.count], d, out));
  for (int64_t i = 0; i < sequences.count; i++) {
    const float *from =
        cache->cross_counts[i] ? (const float *)cache->cross[0] + cache->cross_rows[i][0] * d : empty.data;
    for (int64_t row = sequences.start[i]; row < sequences.start[i + 1]; row++)
      memcpy(out->data + row * d, from, (size_t)d * sizeof(float));
  }
  return ATT_OK;
}

/* Ids are whole numbers below 2^20, which a float holds. */
static att_status step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                       const att_maps *maps, att_tensor *hidden) {
  (void)maps;
  const padded *p = model->layers;
  att_sequences sequences = input->sequences;
  int64_t slots = model->config.max_position_embeddings, n = sequences.start[sequences.count], count = 0;
  float *self = cache->self[0];
  int32_t *rows = ATT_ARENA_NEW(run->arena, n * slots, int32_t), *ids = ATT_ARENA_NEW(run->arena, n * slots, int32_t);
  att_tensor tokens, source;
  if (!rows || !ids) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t past = cache->self_counts[i] - (sequences.start[i + 1] - sequences.start[i]);
    for (int64_t row = sequences.start[i]; row < sequences.start[i + 1]; row++, past++) {
      self[cache->self_rows[i][past]] = (float)input->ids[row];
      for (int64_t s = 0; s < slots; s++) {
        int64_t at = past - (slots - 1) + s;
        rows[row * slots + s] = at < 0 ? -1 : (int32_t)count;
        if (at >= 0) ids[count++] = (int32_t)self[cache->self_rows[i][at]];
      }
    }
  }
  const int64_t all[] = {0, count};
  const att_input past = {.ids = ids, .sequences = {1, all}};
  ATT_TRY(att_baseline_embed(run, model, &p->tables, true, &past, DECODER_EMBEDDING, NULL, NULL, &tokens));
  bool reads = model->config.kind == ATT_ENCODER_DECODER;
  if (reads) ATT_TRY(stored_sources(run, model, sequences, cache, &source));
  return run_decoder(run, model, &tokens, rows, n, reads ? &source : NULL, hidden);
}

/* ---- for heads ------------------------------------------------------------------------------------------------ */

static att_status output(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows, att_weight *weight,
                         att_weight *bias) {
  const padded *p = model->layers;
  *weight = *att_baseline_output(&p->tables);
  *bias = p->tables.bias;
  *rows = *hidden;
  if (!p->readout.weight.data) return ATT_OK;
  return att_op_linear(run, hidden, &p->readout.weight, &p->readout.bias, ATT_PLAIN, rows);
}

/* The text's vector, which its last row is, or of a decoder what it made of the last window. */
static att_status pool(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *vectors) {
  att_tensor last;
  (void)model;
  ATT_TRY(att_op_ends(run, &hidden->rows, hidden->sequences, hidden->rows.cols, &last));
  return att_op_dropout(run, &last, READOUT + 1, vectors);
}

const att_family_calls att_padded_calls = {
    .read = read_settings,
    .write = write_settings,
    .check = check,
    .plan = plan,
    .free = free_layers,
    .cache_shape = cache_shape,
    .encode = encode,
    .decode = decode,
    .cross = cross,
    .step = step,
    .output = output,
    .pool = pool,
};
