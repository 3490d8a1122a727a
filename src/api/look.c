/*
 * Owns att_look and what is done with its result: a pair of texts goes through the model once, teacher-forced and
 * without a tape, and every attention's weights stay. Refuses a text of nothing but spaces.
 */
#include "api/text.h"
#include "decode/decode.h"
#include "text/unicode.h"
#include "view/view.h"

#include <string.h>

static const char START_LABEL[] = "<start>"; /* what the decoder is given before the first word */

typedef struct looker {
  att_model *model;
  att_arena *arena;
  att_ids source, target, inputs; /* target: what is predicted; inputs: the start mark and the target but its last */
  att_buffer text;                /* of the target */
} looker;

static att_status copy_ids(att_context *ctx, const int32_t *ids, size_t count, att_ids *out) {
  out->data = ATT_NEW(ctx, count + 1, int32_t);
  if (!out->data) return ATT_MEMORY;
  if (count) memcpy(out->data, ids, count * sizeof *ids);
  out->count = count;
  out->capacity = count + 1;
  return ATT_OK;
}

/* The model's own translation of the source, as att_translate gives it by its defaults. */
static att_status translate(looker *look) {
  att_model *model = look->model;
  const int64_t start[] = {0, (int64_t)look->source.count};
  const uint64_t key = 0;
  att_decode_options options;
  att_outputs outputs = {0};
  att_decode_options_default(model, &options);
  ATT_TRY(att_decode_batch(model, look->arena, look->source.data, (att_sequences){1, start}, &key, &options, &outputs));
  const att_output *best = outputs.best;
  if (outputs.count < 1 || best->count < 1) return copy_ids(model->ctx, &model->config.eos, 1, &look->target);
  ATT_TRY(copy_ids(model->ctx, best->tokens, (size_t)best->count, &look->target));
  return att_tokenizer_decode(model->tokenizer, model->ctx, best->tokens, (size_t)best->count, true, &look->text);
}

static att_status read_texts(looker *look, att_text text, att_text target) {
  att_model *model = look->model;
  bool cut;
  ATT_TRY(att_line_ids(model, text, 0, "text", false, &look->source, &cut));
  if (look->source.count == 0)
    return att_fail(model->ctx, ATT_ARGUMENT, "there is no text to look at: it has no tokens");
  if (target.data) {
    ATT_TRY(att_line_ids(model, target, 0, "target", true, &look->target, &cut));
    ATT_TRY(att_buffer_append(model->ctx, &look->text, target.data, target.size));
  } else {
    ATT_TRY(translate(look));
    ATT_TRY(att_buffer_append(model->ctx, &look->text, "", 0));
  }
  ATT_TRY(copy_ids(model->ctx, look->target.data, look->target.count, &look->inputs));
  memmove(look->inputs.data + 1, look->inputs.data, (look->inputs.count - 1) * sizeof(int32_t));
  look->inputs.data[0] = model->config.decoder_start;
  return ATT_OK;
}

static att_status make_labels(looker *look, const att_ids *ids, bool started, const char *const **labels) {
  att_tokenizer *tokenizer = look->model->tokenizer;
  const char **spellings = ATT_ARENA_NEW(look->arena, ids->count, const char *);
  bool *special = ATT_ARENA_NEW(look->arena, ids->count, bool);
  if (!spellings || !special) return ATT_MEMORY;
  for (size_t i = 0; i < ids->count; i++) {
    bool start = started && i == 0;
    spellings[i] = start ? START_LABEL : att_tokenizer_token(tokenizer, ids->data[i]);
    special[i] = start || att_tokenizer_is_special(tokenizer, ids->data[i]);
  }
  return att_labels_make(look->model->ctx, spellings, special, ids->count, labels);
}

/* A map with its labels, and room for its weights. layer_weights: where those of each layer go, as att_maps wants it.
 */
static att_status make_map(looker *look, const att_ids *queries, const att_ids *keys, int64_t layers, int64_t heads,
                           att_attention_map *map, float ***layer_weights) {
  att_context *ctx = look->model->ctx;
  *map = (att_attention_map){(size_t)layers, (size_t)heads, queries->count, keys->count, NULL, NULL, NULL};
  ATT_TRY(make_labels(look, queries, false, &map->query_labels));
  ATT_TRY(make_labels(look, keys, keys == &look->inputs, &map->key_labels));
  size_t size = map->heads * map->queries * map->keys;
  float *weights = att_alloc(ctx, map->layers, size * sizeof *weights);
  if (!weights) return ATT_MEMORY;
  map->weights = weights;
  float **pointers = ATT_ARENA_NEW(look->arena, layers, float *);
  if (!pointers) return ATT_MEMORY;
  for (size_t l = 0; l < map->layers; l++) {
    pointers[l] = weights + l * size;
    layer_weights[l] = &pointers[l]; /* one sequence */
  }
  return ATT_OK;
}

static att_status run_model(looker *look, att_attention *attention) {
  att_model *model = look->model;
  const att_config *config = &model->config;
  att_attention_map *maps = attention->maps;
  float ***encoder = ATT_ARENA_NEW(look->arena, config->encoder_layers, float **);
  float ***decoder = ATT_ARENA_NEW(look->arena, 2 * config->decoder_layers, float **);
  if (!encoder || !decoder) return ATT_MEMORY;
  float ***cross = decoder + config->decoder_layers;
  ATT_TRY(make_map(look, &look->source, &look->source, config->encoder_layers, config->encoder_attention_heads,
                   &maps[ATT_LOOK_ENCODER], encoder));
  ATT_TRY(make_map(look, &look->target, &look->inputs, config->decoder_layers, config->decoder_attention_heads,
                   &maps[ATT_LOOK_DECODER], decoder));
  ATT_TRY(make_map(look, &look->target, &look->source, config->decoder_layers, config->decoder_attention_heads,
                   &maps[ATT_LOOK_CROSS], cross));
  const int64_t source_start[] = {0, (int64_t)look->source.count}, target_start[] = {0, (int64_t)look->inputs.count};
  att_sequences sources = {1, source_start}, targets = {1, target_start};
  att_maps where = {(float *const *const *)encoder, (float *const *const *)decoder, (float *const *const *)cross};
  att_run run = {.ctx = model->ctx, .arena = look->arena};
  att_memory memory;
  att_tensor hidden;
  att_input source = {look->source.data, NULL, sources}, inputs = {look->inputs.data, NULL, targets};
  ATT_TRY(att_model_encode(&run, model, &source, &where, NULL, &memory));
  return att_model_decode(&run, model, &inputs, &memory, &where, NULL, &hidden);
}

static att_status look_at(looker *look, att_text text, att_text target, att_attention *attention) {
  att_context *ctx = look->model->ctx;
  ATT_TRY(att_arena_new(ctx, &look->arena));
  ATT_TRY(read_texts(look, text, target));
  attention->source = att_copy_text(ctx, text.data, text.size);
  attention->target = att_copy_text(ctx, look->text.data, look->text.size);
  if (!attention->source || !attention->target) return ATT_MEMORY;
  return run_model(look, attention);
}

att_status att_look(att_model *model, att_text text, att_text target, att_attention **out) {
  att_context *ctx = model->ctx;
  *out = NULL;
  if (att_is_blank(text)) return att_fail(ctx, ATT_ARGUMENT, "there is no text to look at: it is empty");
  att_attention *attention = ATT_NEW(ctx, 1, att_attention);
  if (!attention) return ATT_MEMORY;
  attention->ctx = ctx;
  looker look = {.model = model};
  att_status status = look_at(&look, text, target, attention);
  if (status == ATT_INTERRUPTED) ctx->interrupted = 0;
  att_arena_free(look.arena);
  att_free(ctx, look.source.data);
  att_free(ctx, look.target.data);
  att_free(ctx, look.inputs.data);
  att_buffer_free(ctx, &look.text);
  if (status)
    att_attention_free(attention);
  else
    *out = attention;
  return status;
}

void att_attention_free(att_attention *attention) {
  if (!attention) return;
  att_context *ctx = attention->ctx;
  for (int part = 0; part < ATT_LOOK_PART_COUNT; part++) {
    att_free(ctx, (void *)attention->maps[part].query_labels);
    att_free(ctx, (void *)attention->maps[part].key_labels);
    att_free(ctx, (void *)attention->maps[part].weights);
  }
  att_free(ctx, attention->source);
  att_free(ctx, attention->target);
  att_free(ctx, attention);
}

att_status att_attention_get(const att_attention *attention, att_look_part part, att_attention_map *map) {
  *map = (att_attention_map){0};
  if ((int)part < 0 || part >= ATT_LOOK_PART_COUNT)
    return att_fail(attention->ctx, ATT_ARGUMENT, "look: part %d is none of encoder, decoder, cross", (int)part);
  *map = attention->maps[part];
  return ATT_OK;
}

void att_look_options_default(att_look_options *options) {
  *options = (att_look_options){.part = ATT_LOOK_CROSS, .layer = -1, .head = -1, .columns = 80, .unicode = true};
}

att_status att_attention_render(const att_attention *attention, att_look_format format, const att_look_options *options,
                                char **text, size_t *size) {
  att_context *ctx = attention->ctx;
  att_look_options defaults;
  att_look_options_default(&defaults);
  if (!options) options = &defaults;
  *text = NULL;
  *size = 0;
  att_grid grid;
  ATT_TRY(att_grid_make(attention, options, &grid));
  att_buffer out = {0};
  att_writer writer = {ctx, &out, ATT_OK};
  switch (format) {
  case ATT_LOOK_TERMINAL: att_view_terminal(&writer, &grid, options); break;
  case ATT_LOOK_SVG: att_view_svg(&writer, &grid); break;
  case ATT_LOOK_HTML: att_view_html(&writer, attention, options); break;
  case ATT_LOOK_JSON: att_view_json(&writer, attention, 9); break;
  default: writer.status = att_fail(ctx, ATT_ARGUMENT, "look: %d is no format", (int)format);
  }
  att_grid_free(ctx, &grid);
  if (writer.status) {
    att_buffer_free(ctx, &out);
    return writer.status;
  }
  *text = out.data;
  *size = out.size;
  return ATT_OK;
}
