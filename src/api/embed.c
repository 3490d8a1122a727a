/*
 * Owns att_embed: lines to vectors. A folder of sentence-transformers says which stages follow the model
 * (models/sentence.h); any other has one, a pooling.
 */
#include "api/embed.h"
#include "api/text.h"
#include "models/sentence.h"

#include <math.h>
#include <string.h>

/* ---- what is to be run ----------------------------------------------------------------------------------------- */

void att_embed_options_init(const att_model *model, att_embed_options *options, size_t size) {
  (void)model;
  const att_embed_options own = {.size = size, .pooling = ATT_POOL_DEFAULT, .batch_tokens = 2048};
  att_give_struct(&own, sizeof own, options, size);
}

typedef struct pipeline {
  att_stage plain; /* of a folder without stages */
  const att_stage *stages;
  size_t count;
  int64_t width; /* of a vector as it is given */
} pipeline;

/* Numbers of a hidden row. */
static int64_t hidden_width(const att_config *c) {
  bool both = c->family == ATT_RECURRENT && c->kind != ATT_DECODER && c->bidirectional;
  return c->d_model * (both ? 2 : 1);
}

static att_status check_options(const att_model *model, const att_embed_options *options) {
  att_context *ctx = model->ctx;
  if (options->batch_tokens < 1) return att_fail(ctx, ATT_ARGUMENT, "batch_tokens must be at least 1");
  if ((unsigned)options->pooling > ATT_POOL_DEFAULT) {
    return att_fail(ctx, ATT_ARGUMENT, "pooling %d is unknown", (int)options->pooling);
  }
  if ((unsigned)options->normalise <= ATT_NORMALISE_NO) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "normalise %d is none of default, yes and no", (int)options->normalise);
}

static att_status settle(att_model *model, const att_embed_options *options, pipeline *p) {
  att_sentence *sentence = model->sentence;
  ATT_TRY(att_check_verb(model, ATT_VERB_EMBED));
  ATT_TRY(check_options(model, options));
  p->plain = att_stage_pooling(model->config.kind == ATT_DECODER ? ATT_POOL_LAST : ATT_POOL_MEAN);
  p->stages = &p->plain;
  p->count = 1;
  if (sentence) {
    ATT_TRY(att_sentence_prepare(sentence));
    if (sentence->cross) {
      return att_fail(model->ctx, ATT_UNSUPPORTED,
                      "cannot embed with a CrossEncoder, which scores pairs of texts: rank is its verb");
    }
    p->stages = sentence->stages;
    p->count = sentence->stage_count;
  }
  bool leave = options->normalise == ATT_NORMALISE_NO;
  while (leave && p->count && att_stage_normalises(&p->stages[p->count - 1])) p->count--;
  ATT_TRY(att_stages_width(model->ctx, p->stages, p->count, options->pooling, hidden_width(&model->config), &p->width));
  if (sentence && sentence->truncate_dim && sentence->truncate_dim < p->width) p->width = sentence->truncate_dim;
  return ATT_OK;
}

size_t att_embedding_width(att_model *model, const att_embed_options *options) {
  att_embed_options defaults;
  pipeline p;
  att_embed_options_default(model, &defaults);
  return settle(model, options ? options : &defaults, &p) == ATT_OK ? (size_t)p.width : 0;
}

/* ---- lines to vectors ------------------------------------------------------------------------------------------ */

/* Lines that go through the model together. They stand one after another without padding, so that they need no sorting.
 */
typedef struct embedder {
  att_model *model;
  const att_embed_options *options;
  const char *what;      /* a line is called */
  const size_t *numbers; /* of the lines, or NULL: 0, 1 ... */
  pipeline pipeline;
  const att_tokenizer *tokenizer;
  int64_t most;          /* tokens of a line, the prompt's included */
  const char *prompt;    /* "": none */
  int64_t prompt_tokens; /* that a pooling may leave out */
  float *vectors;        /* of the batch's first line */
  bool *truncated;       /* [lines] or NULL */
  att_arena *arena;
  att_buffer text; /* the prompt and the line */
  att_ids ids, line;
  int64_t *start; /* [capacity + 1] */
  size_t capacity, count;
} embedder;

static size_t number_of(const embedder *e, size_t line) {
  return e->options->first_line + (e->numbers ? e->numbers[line] : line);
}

/* The line's tokens, at least one: a model must read something. */
static att_status read_line(embedder *e, att_text text, size_t line) {
  const att_config *config = &e->model->config;
  bool truncated;
  att_context *ctx = e->model->ctx;
  if (e->prompt[0]) {
    e->text.size = 0;
    ATT_TRY(att_buffer_append(ctx, &e->text, e->prompt, strlen(e->prompt)));
    ATT_TRY(att_buffer_append(ctx, &e->text, text.data, text.size));
    text = (att_text){e->text.data, e->text.size};
  }
  ATT_TRY(att_line_ids_within(e->model, e->tokenizer, e->most, e->options->whole, text, e->what, number_of(e, line),
                              &e->line, &truncated));
  if (e->truncated) e->truncated[line] = truncated;
  if (e->line.count > 0) return ATT_OK;
  return att_ids_push(ctx, &e->line, config->bos >= 0 ? config->bos : config->eos >= 0 ? config->eos : 0);
}

static att_status add_line(embedder *e) {
  att_context *ctx = e->model->ctx;
  if (e->count == e->capacity) {
    size_t capacity = e->capacity ? 2 * e->capacity : 64;
    int64_t *start = att_resize(ctx, e->start, capacity + 1, sizeof *start);
    if (!start) return ATT_MEMORY;
    e->start = start;
    e->capacity = capacity;
  }
  e->start[e->count++] = (int64_t)e->ids.count;
  for (size_t i = 0; i < e->line.count; i++) ATT_TRY(att_ids_push(ctx, &e->ids, e->line.data[i]));
  e->start[e->count] = (int64_t)e->ids.count;
  return ATT_OK;
}

/* The first `width` numbers of the row, to length 1 where asked; refuses what is no number. */
static att_status finish(const embedder *e, const float *row, float *vector, size_t number) {
  int64_t width = e->pipeline.width;
  double square = 0;
  for (int64_t c = 0; c < width; c++) square += (double)row[c] * (double)row[c];
  if (!isfinite(square)) {
    return att_fail(e->model->ctx, ATT_NUMERIC, "%s %zu: its vector is not made of finite numbers", e->what,
                    number + 1);
  }
  double scale = e->options->normalise == ATT_NORMALISE_YES && square > 0 ? 1 / sqrt(square) : 1;
  for (int64_t c = 0; c < width; c++) vector[c] = (float)(row[c] * scale);
  return ATT_OK;
}

/* Runs the batch, whose lines end before index `next`, and empties it. */
static att_status run_batch(embedder *e, size_t next) {
  att_model *model = e->model;
  const pipeline *p = &e->pipeline;
  if (e->count == 0) return ATT_OK;
  att_arena_reset(e->arena);
  att_run run = {.ctx = model->ctx, .arena = e->arena};
  att_input input = {.ids = e->ids.data, .sequences = {(int64_t)e->count, e->start}};
  att_staged staged = {.sequences = input.sequences, .prompt_tokens = e->prompt_tokens};
  att_hidden hidden;
  ATT_TRY(att_model_hidden(&run, model, &input, NULL, NULL, &hidden));
  staged.tokens = hidden.rows;
  if (staged.tokens.cols != hidden_width(&model->config)) {
    return att_fail(model->ctx, ATT_UNSUPPORTED, "the model's rows have %lld numbers, not %lld",
                    (long long)staged.tokens.cols, (long long)hidden_width(&model->config));
  }
  ATT_TRY(att_stages_run(&run, p->stages, p->count, e->options->pooling, &staged));
  for (size_t i = 0; i < e->count; i++, e->vectors += p->width) {
    const float *row = staged.sentences.data + (int64_t)i * staged.sentences.stride;
    ATT_TRY(finish(e, row, e->vectors, number_of(e, next - e->count + i)));
  }
  e->count = e->ids.count = 0;
  return ATT_OK;
}

/* Tokens of the prompt alone: a special token behind it ("[SEP]") does not count, as sentence-transformers has it. */
static att_status count_prompt(embedder *e) {
  att_ids ids = {0};
  bool truncated;
  const att_text text = {e->prompt, strlen(e->prompt)};
  att_status status =
      att_tokenizer_encode_pair(e->tokenizer, e->model->ctx, text, NULL, e->most, &ids, NULL, &truncated);
  e->prompt_tokens = (int64_t)ids.count;
  if (ids.count && att_tokenizer_is_special(e->tokenizer, ids.data[ids.count - 1])) e->prompt_tokens--;
  att_free(e->model->ctx, ids.data);
  return status;
}

static att_status begin(embedder *e) {
  const att_model *model = e->model;
  att_sentence *sentence = model->sentence;
  const char *wish = e->options->prompt;
  int64_t positions = model->config.max_position_embeddings, asked = model->config.model_max_length;
  if (sentence && sentence->most_tokens) asked = sentence->most_tokens;
  e->most = asked && asked < positions ? asked : positions;
  e->tokenizer = sentence && sentence->tokenizer ? sentence->tokenizer : model->tokenizer;
  e->prompt = sentence ? att_sentence_prompt(sentence, wish) : wish ? wish : "";
  if (e->prompt[0] && e->tokenizer) ATT_TRY(count_prompt(e));
  return att_arena_new(model->ctx, &e->arena);
}

static att_status embed_all(embedder *e, const att_text *lines, size_t count) {
  ATT_TRY(begin(e));
  for (size_t i = 0; i < count; i++) {
    if (att_is_interrupted(e->model->ctx)) return att_fail(e->model->ctx, ATT_INTERRUPTED, "interrupted");
    ATT_TRY(read_line(e, lines[i], i));
    if ((int64_t)(e->ids.count + e->line.count) > e->options->batch_tokens) ATT_TRY(run_batch(e, i));
    ATT_TRY(add_line(e));
  }
  return run_batch(e, count);
}

att_status att_embed(att_model *model, const att_text *lines, size_t count, const att_embed_options *given,
                     float *vectors) {
  return att_embed_numbered(model, lines, "line", NULL, count, given, vectors, NULL);
}

att_status att_embed_numbered(att_model *model, const att_text *lines, const char *what, const size_t *numbers,
                              size_t count, const att_embed_options *given, float *vectors, bool *truncated) {
  att_context *ctx = model->ctx;
  att_embed_options own = {0}, *options = &own;
  if (!given || given->size < sizeof own) att_embed_options_default(model, &own);
  ATT_TRY(att_take_options(ctx, "att_embed", given, &own, sizeof own));
  embedder e = {
      .model = model, .options = options, .what = what, .numbers = numbers, .vectors = vectors, .truncated = truncated};
  ATT_TRY(settle(model, options, &e.pipeline));
  if (count && (!lines || !vectors)) return att_fail(ctx, ATT_ARGUMENT, "att_embed needs lines and vectors");
  att_status status = count ? embed_all(&e, lines, count) : ATT_OK;
  att_arena_free(e.arena);
  att_buffer_free(ctx, &e.text);
  att_free(ctx, e.ids.data);
  att_free(ctx, e.line.data);
  att_free(ctx, e.start);
  return status;
}
