/*
 * Owns att_look, att_look_gradient and what is done with their result. A text, or a pair, becomes what the model reads
 * and what it predicts there; then it goes through the model once, without a tape, and every attention's weights stay;
 * or once for each output, with a tape, and the norms of the embeddings' gradients stay. Refuses a text of nothing but
 * spaces.
 */
#include "api/look.h"
#include "api/look_answer.h"
#include "api/text.h"
#include "decode/decode.h"
#include "models/head.h"
#include "text/unicode.h"
#include "view/view.h"

#include <math.h>
#include <string.h>

static const char START_LABEL[] = "<start>"; /* what a decoder is given before the first word */

typedef struct looker {
  att_model *model;
  att_attention *attention;
  att_arena *arena, *work; /* work: of one pass with a tape */
  bool predicts;           /* tokens one by one; else the model reads the source alone */
  att_ids source, types;   /* what the encoder reads, or a decoder with a head of labels */
  att_ids inputs, outputs; /* what the decoder reads, and what it predicts there */
  bool started;            /* the inputs begin with the model's start token, which no text has */
  att_buffer translation;
  att_answer_window window; /* of a question and its context; then the source is its ids */
  bool asks;
} looker;

/* ---- the texts ---- */

static att_status copy_ids(att_context *ctx, const int32_t *ids, size_t count, att_ids *out) {
  for (size_t i = 0; i < count; i++) ATT_TRY(att_ids_push(ctx, out, ids[i]));
  return ATT_OK;
}

/* The model's own translation of the source, as att_translate gives it by its defaults. */
static att_status translate(looker *look) {
  att_model *model = look->model;
  const int64_t start[] = {0, (int64_t)look->source.count};
  const uint64_t key = 0;
  att_decode_options options;
  att_outputs outputs = {0};
  ATT_TRY(att_check_verb(model, ATT_VERB_TRANSLATE));
  att_decode_options_default(model, &options);
  ATT_TRY(att_decode_batch(model, look->arena, look->source.data, (att_sequences){1, start}, &key, &options, &outputs));
  const att_output *best = outputs.best;
  if (outputs.count < 1 || best->count < 1) return copy_ids(model->ctx, &model->config.eos, 1, &look->outputs);
  ATT_TRY(copy_ids(model->ctx, best->tokens, (size_t)best->count, &look->outputs));
  return att_tokenizer_decode(model->tokenizer, model->ctx, best->tokens, (size_t)best->count, true,
                              &look->translation);
}

static att_status read_pair(looker *look, att_text text, att_text *target) {
  att_model *model = look->model;
  bool truncated;
  ATT_TRY(att_line_ids(model, text, 0, "text", false, &look->source, &truncated));
  if (look->source.count == 0)
    return att_fail(model->ctx, ATT_ARGUMENT, "there is no text to look at: it has no tokens");
  if (target->data) {
    ATT_TRY(att_line_ids(model, *target, 0, "target", true, &look->outputs, &truncated));
  } else {
    ATT_TRY(translate(look));
    ATT_TRY(att_buffer_append(model->ctx, &look->translation, "", 0));
    *target = (att_text){look->translation.data, look->translation.size};
  }
  look->started = true;
  ATT_TRY(copy_ids(model->ctx, &model->config.decoder_start, 1, &look->inputs));
  return copy_ids(model->ctx, look->outputs.data, look->outputs.count - 1, &look->inputs);
}

/* A decoder predicts the first token where it has a start token; else that is given. */
static att_status read_decoder(looker *look, att_text text, const att_text *target) {
  att_model *model = look->model;
  int32_t bos = model->config.bos;
  bool truncated;
  if (target->data) return att_fail(model->ctx, ATT_ARGUMENT, "a decoder looks at one text: there is no target");
  ATT_TRY(att_line_ids(model, text, 0, "text", false, &look->outputs, &truncated));
  att_ids *ids = &look->outputs;
  look->started = bos >= 0 && ids->count && ids->data[0] != bos;
  if (ids->count < 1 + (size_t)!look->started)
    return att_fail(model->ctx, ATT_ARGUMENT, "there is nothing to look at: the model predicts no token of this text");
  if (look->started) ATT_TRY(copy_ids(model->ctx, &bos, 1, &look->inputs));
  ATT_TRY(copy_ids(model->ctx, ids->data, ids->count - 1, &look->inputs));
  if (look->started) return ATT_OK;
  ids->count--;
  memmove(ids->data, ids->data + 1, ids->count * sizeof *ids->data);
  return ATT_OK;
}

static att_status read_whole(looker *look, att_text text, const att_text *other) {
  att_model *model = look->model;
  long long most = (long long)model->config.max_position_embeddings;
  bool truncated = false;
  ATT_TRY(att_tokenizer_encode_pair(model->tokenizer, model->ctx, text, other->data ? other : NULL, most, &look->source,
                                    &look->types, &truncated));
  if (!other->data || model->config.type_vocab_size < 2) look->types.count = 0;
  if (truncated)
    att_log(model->ctx, ATT_LOG_WARNING, "the text is too long for the model: truncated to %lld tokens", most);
  if (look->source.count > 0) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "there is no text to look at: it has no tokens");
}

/* The part of the context that has the answer; a star leads the answer's tokens. */
static att_status read_question(looker *look, att_text question, const att_text *context) {
  att_context *ctx = look->model->ctx;
  att_answer_window *w = &look->window;
  look->asks = true;
  ATT_TRY(att_answer_window_find(look->model, question, *context, w));
  ATT_TRY(copy_ids(ctx, w->ids.data, w->ids.count, &look->source));
  if (look->model->config.type_vocab_size < 2) return ATT_OK;
  return copy_ids(ctx, w->types.data, w->types.count, &look->types);
}

/* "Who built it? - the Romans (87%)" */
static att_status name_question(looker *look, att_text question) {
  att_context *ctx = look->model->ctx;
  const att_answer_window *w = &look->window;
  att_buffer text = {0};
  char score[32];
  att_format(score, sizeof score, " (%.0f%%)", 100 * w->score);
  att_status status = att_buffer_append(ctx, &text, question.data, question.size);
  if (!status) status = att_buffer_append(ctx, &text, " - ", 3);
  if (!status && w->first >= 0) status = att_buffer_append(ctx, &text, w->answer.data, w->answer.size);
  if (!status) status = att_buffer_print(ctx, &text, "%s", w->first < 0 ? "no answer" : score);
  if (!status) look->attention->source = att_copy_text(ctx, text.data, text.size);
  if (!status && !look->attention->source) status = ATT_MEMORY;
  att_buffer_free(ctx, &text);
  return status;
}

static att_status read_texts(looker *look, att_text text, att_text target) {
  att_context *ctx = look->model->ctx;
  const att_config *config = &look->model->config;
  if (att_is_blank(text)) return att_fail(ctx, ATT_ARGUMENT, "there is no text to look at: it is empty");
  ATT_TRY(att_model_check_text(look->model));
  look->predicts = config->kind != ATT_ENCODER && look->model->head->output;
  if (config->head == ATT_HEAD_SPANS && target.data)
    ATT_TRY(read_question(look, text, &target));
  else if (!look->predicts)
    ATT_TRY(read_whole(look, text, &target));
  else if (config->kind == ATT_DECODER)
    ATT_TRY(read_decoder(look, text, &target));
  else
    ATT_TRY(read_pair(look, text, &target));
  if (look->asks)
    ATT_TRY(name_question(look, text));
  else
    look->attention->source = att_copy_text(ctx, text.data, text.size);
  if (!look->attention->source) return ATT_MEMORY;
  if (!target.data) return ATT_OK;
  look->attention->target = att_copy_text(ctx, target.data, target.size);
  return look->attention->target ? ATT_OK : ATT_MEMORY;
}

/* ---- maps ---- */

/* The same labels, with a star before those of places first .. last. */
static att_status star(att_context *ctx, size_t count, int64_t first, int64_t last, const char *const **labels) {
  size_t size = count * sizeof(char *);
  for (size_t i = 0; i < count; i++) size += strlen((*labels)[i]) + 2;
  char **block = att_alloc(ctx, size, 1);
  char *at = (char *)(block + count);
  for (size_t i = 0; block && i < count; i++) {
    block[i] = at;
    if ((int64_t)i >= first && (int64_t)i <= last) *at++ = '*';
    size_t length = strlen((*labels)[i]) + 1;
    memcpy(at, (*labels)[i], length);
    at += length;
  }
  att_free(ctx, (void *)(uintptr_t)*labels);
  *labels = (const char *const *)block;
  return block ? ATT_OK : ATT_MEMORY;
}

static att_status make_labels(looker *look, const att_ids *ids, const char *const **labels) {
  att_tokenizer *tokenizer = look->model->tokenizer;
  const char **spellings = ATT_ARENA_NEW(look->arena, ids->count, const char *);
  bool *special = ATT_ARENA_NEW(look->arena, ids->count, bool);
  if (!spellings || !special) return ATT_MEMORY;
  for (size_t i = 0; i < ids->count; i++) {
    bool start = ids == &look->inputs && look->started && i == 0;
    spellings[i] = start ? START_LABEL : att_tokenizer_token(tokenizer, ids->data[i]);
    special[i] = start || att_tokenizer_is_special(tokenizer, ids->data[i]);
  }
  ATT_TRY(att_labels_make(look->model->ctx, att_tokenizer_spelling(tokenizer), spellings, special, ids->count, labels));
  if (!look->asks || look->window.first < 0) return ATT_OK;
  return star(look->model->ctx, ids->count, look->window.first, look->window.last, labels);
}

/* Room for a part's weights, zeroed, with the labels of its keys. */
static att_status make_map(looker *look, att_look_part part, int64_t layers, int64_t heads, size_t queries,
                           const att_ids *keys) {
  att_context *ctx = look->model->ctx;
  att_attention_map *map = &look->attention->maps[part];
  *map = (att_attention_map){(size_t)layers, (size_t)heads, queries, keys->count, NULL, NULL, NULL};
  ATT_TRY(make_labels(look, keys, &map->key_labels));
  map->weights = att_alloc(ctx, map->layers, map->heads * queries * map->keys * sizeof *map->weights);
  return map->weights ? ATT_OK : ATT_MEMORY;
}

/* A part of the attention, if the model has it. *where: as att_maps wants it, or NULL. */
static att_status make_part(looker *look, att_look_part part, int64_t layers, int64_t heads, const att_ids *queries,
                            const att_ids *keys, float *const *const **where) {
  att_attention_map *map = &look->attention->maps[part];
  *where = NULL;
  if (layers == 0) return ATT_OK;
  ATT_TRY(make_map(look, part, layers, heads, queries->count, keys));
  ATT_TRY(make_labels(look, queries, &map->query_labels));
  float **pointers = ATT_ARENA_NEW(look->arena, layers, float *);
  float *const **layer_weights = ATT_ARENA_NEW(look->arena, layers, float *const *);
  if (!pointers || !layer_weights) return ATT_MEMORY;
  for (int64_t l = 0; l < layers; l++) {
    pointers[l] = (float *)map->weights + (size_t)l * map->heads * map->queries * map->keys;
    layer_weights[l] = &pointers[l]; /* one sequence */
  }
  *where = layer_weights;
  return ATT_OK;
}

static att_status make_parts(looker *look, att_maps *maps) {
  const att_config *c = &look->model->config;
  bool twice = att_model_reads_twice(look->model); /* its encoder is shown */
  bool transformer = c->network == ATT_TRANSFORMER, pair = c->kind == ATT_ENCODER_DECODER && !twice;
  bool aligned = c->scoring != ATT_SCORING_NONE && c->network != ATT_FFN; /* a recurrent translator with attention */
  int64_t encoder = transformer ? c->encoder_layers : 0, decoder = transformer && !twice ? c->decoder_layers : 0;
  int64_t cross = !pair ? 0 : transformer ? decoder : aligned;
  if (encoder + decoder + cross == 0)
    return att_fail(
        look->model->ctx, ATT_UNSUPPORTED,
        "this model has no attention to look at; attend look --gradient shows how its inputs move its outputs");
  ATT_TRY(make_part(look, ATT_LOOK_ENCODER, encoder, c->encoder_attention_heads, &look->source, &look->source,
                    &maps->encoder));
  const att_ids *queries = look->predicts ? &look->outputs : &look->source;
  const att_ids *keys = look->predicts ? &look->inputs : &look->source;
  ATT_TRY(make_part(look, ATT_LOOK_DECODER, decoder, c->decoder_attention_heads, queries, keys, &maps->decoder));
  return make_part(look, ATT_LOOK_CROSS, cross, transformer ? c->decoder_attention_heads : 1, &look->outputs,
                   &look->source, &maps->cross);
}

/* ---- passes ---- */

/* One sequence, which lives as long as the run's arena: backward looks at it too. */
static att_status make_input(att_run *run, const att_ids *ids, size_t count, att_input *input) {
  int64_t *start = ATT_ARENA_NEW(run->arena, 2, int64_t);
  if (!start) return ATT_MEMORY;
  start[0] = 0;
  start[1] = (int64_t)count;
  *input = (att_input){.ids = ids->data, .sequences = {1, start}};
  return ATT_OK;
}

static att_status whole_source(const looker *look, att_run *run, att_input *input) {
  ATT_TRY(make_input(run, &look->source, look->source.count, input));
  if (look->types.count) input->types = look->types.data;
  return ATT_OK;
}

/* Hidden rows of the decoder's first `count` inputs, or of all that a model without such reads. embedded: of the source
 * where there is one, else of the inputs; or NULL. */
static att_status run_model(looker *look, att_run *run, size_t count, const att_maps *maps, att_tensor *embedded,
                            att_memory *memory, att_hidden *hidden) {
  att_model *model = look->model;
  att_input source, target;
  ATT_TRY(whole_source(look, run, &source));
  ATT_TRY(make_input(run, &look->inputs, count, &target));
  if (model->config.kind != ATT_ENCODER_DECODER || att_model_reads_twice(model))
    return att_model_hidden(run, model, look->predicts ? &target : &source, maps, embedded, hidden);
  ATT_TRY(att_model_encode(run, model, &source, maps, embedded, memory));
  *hidden = (att_hidden){.sequences = target.sequences, .memory = memory};
  return att_model_decode(run, model, &target, memory, maps, NULL, &hidden->rows);
}

static att_status look_at_attention(looker *look) {
  att_run run = {.ctx = look->model->ctx, .arena = look->arena};
  att_maps maps = {0};
  att_memory memory;
  att_hidden hidden;
  ATT_TRY(make_parts(look, &maps));
  return run_model(look, &run, look->inputs.count, &maps, NULL, &memory, &hidden);
}

/* ---- gradients ---- */

/* A pass with a tape, on memory of its own. */
static att_status begin_pass(looker *look, att_run *run) {
  if (att_is_interrupted(look->model->ctx)) return att_fail(look->model->ctx, ATT_INTERRUPTED, "interrupted");
  att_arena_reset(look->work);
  *run = (att_run){.ctx = look->model->ctx, .arena = look->work};
  return att_tape_new(look->work, &run->tape);
}

/* -log p of the output behind the decoder's first `count` inputs, backwards to the embeddings. Later inputs cannot move
 * it. */
static att_status move_token(looker *look, size_t count, float *norms) {
  att_run run;
  att_tensor embedded;
  att_memory memory;
  att_hidden hidden;
  att_loss loss = {0};
  const int32_t row = (int32_t)count - 1;
  const att_batch last = {.labels = &look->outputs.data[row], .label_rows = &row, .label_count = 1};
  ATT_TRY(begin_pass(look, &run));
  ATT_TRY(run_model(look, &run, count, NULL, &embedded, &memory, &hidden));
  ATT_TRY(att_head_loss(&run, look->model, &hidden, &last, 0, 1, &loss));
  ATT_TRY(att_backward(&run));
  att_look_measure(&embedded, norms);
  return ATT_OK;
}

static att_status look_at_tokens(looker *look) {
  bool pair = look->model->config.kind == ATT_ENCODER_DECODER;
  att_look_part part = pair ? ATT_LOOK_CROSS : ATT_LOOK_DECODER;
  att_attention_map *map = &look->attention->maps[part];
  ATT_TRY(make_map(look, part, 1, 1, look->outputs.count, pair ? &look->source : &look->inputs));
  ATT_TRY(make_labels(look, &look->outputs, &map->query_labels));
  for (size_t q = 0; q < map->queries; q++) ATT_TRY(move_token(look, q + 1, (float *)map->weights + q * map->keys));
  return ATT_OK;
}

/* What row `row` of the head's logits says most, backwards to the embeddings; *label: which. */
static att_status move_label(looker *look, int64_t row, int64_t *label, float *norms) {
  att_model *model = look->model;
  att_input source;
  att_run run;
  att_hidden hidden;
  att_tensor embedded;
  ATT_TRY(begin_pass(look, &run));
  ATT_TRY(whole_source(look, &run, &source));
  ATT_TRY(att_model_hidden(&run, model, &source, NULL, &embedded, &hidden));
  return att_look_push(&run, model, &hidden, &embedded, row, label, norms);
}

/* A row a text, or as many as the text has tokens. */
static att_status look_at_labels(looker *look) {
  att_model *model = look->model;
  att_look_part part = model->config.kind == ATT_DECODER ? ATT_LOOK_DECODER : ATT_LOOK_ENCODER;
  att_attention_map *map = &look->attention->maps[part];
  size_t queries = model->head->texts ? 1 : look->source.count;
  const char **labels = ATT_ARENA_NEW(look->arena, queries, const char *);
  bool *special = ATT_ARENA_NEW(look->arena, queries, bool);
  if (!labels || !special) return ATT_MEMORY;
  ATT_TRY(make_map(look, part, 1, 1, queries, &look->source));
  for (size_t q = 0; q < queries; q++) {
    int64_t label;
    ATT_TRY(move_label(look, (int64_t)q, &label, (float *)map->weights + q * map->keys));
    labels[q] = model->config.labels ? model->config.labels[label] : "?";
    special[q] = true;
  }
  return att_labels_make(model->ctx, (att_token_spelling){0}, labels, special, queries, &map->query_labels);
}

/* One row, the answer. */
static att_status look_at_answer(looker *look) {
  att_model *model = look->model;
  att_look_part part = model->config.kind == ATT_DECODER ? ATT_LOOK_DECODER : ATT_LOOK_ENCODER;
  att_attention_map *map = &look->attention->maps[part];
  const char *answer = look->window.first < 0 ? "no answer" : "answer";
  const bool special = true;
  att_input source;
  att_run run;
  att_hidden hidden;
  att_tensor embedded;
  ATT_TRY(make_map(look, part, 1, 1, 1, &look->source));
  ATT_TRY(att_labels_make(model->ctx, (att_token_spelling){0}, &answer, &special, 1, &map->query_labels));
  ATT_TRY(begin_pass(look, &run));
  ATT_TRY(whole_source(look, &run, &source));
  ATT_TRY(att_model_hidden(&run, model, &source, NULL, &embedded, &hidden));
  return att_answer_window_push(&run, model, &look->window, &hidden, &embedded, (float *)map->weights);
}

static att_status look_at_gradient(looker *look) {
  look->attention->gradient = true;
  if (att_model_reads_twice(look->model))
    return att_fail(look->model->ctx, ATT_UNSUPPORTED,
                    "no gradients of a model whose encoder and decoder read the same text: leave out --gradient");
  ATT_TRY(att_arena_new(look->model->ctx, &look->work));
  if (look->asks) return look_at_answer(look);
  if (look->model->head->push) return look_at_labels(look);
  if (look->predicts) return look_at_tokens(look);
  return att_fail(look->model->ctx, ATT_UNSUPPORTED,
                  "the model gives no output whose gradient could be looked at: an encoder needs a head of labels");
}

/* ---- the calls ---- */

static att_status look_at(att_model *model, att_text text, att_text target, att_status (*look_at_model)(looker *),
                          att_attention **out) {
  att_context *ctx = model->ctx;
  *out = NULL;
  att_attention *attention = ATT_NEW(ctx, 1, att_attention);
  if (!attention) return ATT_MEMORY;
  attention->ctx = ctx;
  looker look = {.model = model, .attention = attention};
  att_status status = att_arena_new(ctx, &look.arena);
  if (!status) status = read_texts(&look, text, target);
  if (!status) status = look_at_model(&look);
  att_arena_free(look.arena);
  att_arena_free(look.work);
  att_free(ctx, look.source.data);
  att_free(ctx, look.types.data);
  att_free(ctx, look.inputs.data);
  att_free(ctx, look.outputs.data);
  att_buffer_free(ctx, &look.translation);
  att_answer_window_free(ctx, &look.window);
  if (status)
    att_attention_free(attention);
  else
    *out = attention;
  return status;
}

att_status att_look(att_model *model, att_text text, att_text target, att_attention **attention) {
  return look_at(model, text, target, look_at_attention, attention);
}

att_status att_look_gradient(att_model *model, att_text text, att_text target, att_attention **attention) {
  return look_at(model, text, target, look_at_gradient, attention);
}

void att_attention_free(att_attention *attention) {
  if (!attention) return;
  att_context *ctx = attention->ctx;
  for (int part = 0; part < ATT_LOOK_PART_COUNT; part++) {
    att_free(ctx, (void *)attention->maps[part].query_labels);
    att_free(ctx, (void *)attention->maps[part].key_labels);
    att_free(ctx, (void *)attention->maps[part].weights);
  }
  att_free(ctx, attention->signal.levels);
  att_free(ctx, attention->aligned);
  att_free(ctx, attention->source);
  att_free(ctx, attention->target);
  att_free(ctx, attention);
}

att_status att_attention_get(const att_attention *attention, att_look_part part, const att_attention_map **map) {
  *map = NULL;
  if ((int)part < 0 || part >= ATT_LOOK_PART_COUNT)
    return att_fail(attention->ctx, ATT_ARGUMENT, "look: part %d is none of encoder, decoder, cross", (int)part);
  *map = &attention->maps[part];
  return ATT_OK;
}

void att_look_options_init(att_look_options *options, size_t size) {
  const att_look_options own = {
      .size = size, .part = ATT_LOOK_CROSS, .layer = -1, .head = -1, .columns = 80, .unicode = true};
  att_give_struct(&own, sizeof own, options, size);
}

/* That says most of those that are there. */
static att_look_part first_part(const att_attention *attention) {
  static const att_look_part order[] = {ATT_LOOK_CROSS, ATT_LOOK_DECODER, ATT_LOOK_ENCODER};
  for (size_t i = 0; i < ATT_COUNT(order); i++)
    if (attention->maps[order[i]].layers > 0) return order[i];
  return ATT_LOOK_CROSS;
}

att_status att_attention_render(const att_attention *attention, att_look_format format, const att_look_options *given,
                                char **text, size_t *size) {
  att_context *ctx = attention->ctx;
  att_look_options own, *options = &own;
  att_look_options_default(&own);
  if (!given) own.part = first_part(attention);
  *text = NULL;
  *size = 0;
  ATT_TRY(att_take_options(ctx, "att_attention_render", given, &own, sizeof own));
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
