/*
 * Owns att_generate and its options: a prompt to ids, tokens to text as they come (whole characters, nothing of a stop
 * text), the end of each sample. The loop over tokens is att_continue's.
 */
#include "api/text.h"
#include "base/random.h"
#include "decode/decode.h"
#include "decode/stops.h"

#include <string.h>

#define ATT_MOST_SAMPLES   64
#define ATT_DEFAULT_TOKENS 256

typedef struct sample {
  att_ids tokens;
  att_decoder decoder;
  att_buffer held; /* text that has not been given */
  double logprob;
} sample;

typedef struct generator {
  att_model *model;
  const att_generate_options *options;
  att_generate_fn *give;
  void *user;
  att_ids prompt;
  int64_t most;    /* tokens of a sample */
  att_finish last; /* what a sample of so many ends with */
  sample *samples;
} generator;

void att_generate_options_init(const att_model *model, att_generate_options *options, size_t size) {
  const att_generation *g = &model->generation;
  bool whole = g->max_length > 0 && g->max_length < model->config.max_position_embeddings; /* it bounds something */
  int samples = g->num_return_sequences < ATT_MOST_SAMPLES ? g->num_return_sequences : ATT_MOST_SAMPLES;
  att_generate_options own = {.size = size,
                              .max_tokens = g->max_new_tokens > 0 ? g->max_new_tokens : ATT_DEFAULT_TOKENS,
                              .samples = g->do_sample ? samples : 1,
                              .stop = g->stop_strings,
                              .stop_count = g->stop_string_count,
                              .seed = 1};
  att_generation_give(g, ATT_OPTIONS_GENERATE, &own);
  if (!g->do_sample) own.temperature = 0;
  if (g->max_new_tokens == 0 && whole) own.max_length = g->max_length, own.max_tokens = 0;
  att_give_struct(&own, sizeof own, options, size);
}

static att_status check_options(att_context *ctx, const att_generate_options *o) {
  const char *wrong = att_stops_wrong(o->stop, o->stop_count);
  if (o->max_tokens < 0) wrong = "max_tokens must be 0 (as many as the model has positions for) or more";
  if (o->max_length < 0) wrong = "max_length must be 0 (no bound) or more";
  if (o->samples < 1 || o->samples > ATT_MOST_SAMPLES) wrong = "samples must be 1 to 64";
  return wrong ? att_fail(ctx, ATT_ARGUMENT, "%s", wrong) : ATT_OK;
}

/* ---- the prompt ---- */

/* What a model begins a text with: its start token; else, as models of characters have none, a line end. */
static att_status begin_from_nothing(generator *g) {
  const att_config *config = &g->model->config;
  int32_t bos = g->model->generation.bos >= 0 ? g->model->generation.bos : config->bos;
  if (bos >= 0) return att_ids_push(g->model->ctx, &g->prompt, bos);
  ATT_TRY(att_tokenizer_encode(g->model->tokenizer, g->model->ctx, (att_text){"\n", 1}, false, &g->prompt));
  if (g->prompt.count == 1 && g->prompt.data[0] != config->unk) return ATT_OK;
  return att_fail(g->model->ctx, ATT_ARGUMENT, "the prompt is empty, and the model has no start token: give it a text");
}

static void shorten(generator *g, int64_t most) {
  g->most = most;
  g->last = ATT_FINISH_LENGTH;
}

static att_status read_prompt(generator *g, att_text prompt) {
  const att_config *config = &g->model->config;
  ATT_TRY(att_text_ids(g->model, prompt, !g->options->no_special_tokens, "the prompt", &g->prompt));
  if (g->prompt.count == 0) ATT_TRY(begin_from_nothing(g));
  int64_t left = config->max_position_embeddings - (int64_t)g->prompt.count;
  if (left < 1) {
    return att_fail(g->model->ctx, ATT_ARGUMENT,
                    "the prompt has %zu tokens, but the model has %lld positions, and one must be free: shorten it",
                    g->prompt.count, (long long)config->max_position_embeddings);
  }
  const att_generate_options *o = g->options;
  int64_t bound = o->max_length - (int64_t)g->prompt.count; /* where there is a max_length */
  if (o->max_length && bound < 1) {
    return att_fail(g->model->ctx, ATT_ARGUMENT,
                    "the prompt has %zu tokens, but max_length is %d, prompt and output together: shorten it, or say "
                    "how many new tokens there may be",
                    g->prompt.count, o->max_length);
  }
  g->most = left;
  g->last = ATT_FINISH_CONTEXT;
  if (o->max_length && bound <= g->most) shorten(g, bound);
  if (o->max_tokens && o->max_tokens <= g->most) shorten(g, o->max_tokens);
  return ATT_OK;
}

/* ---- text ---- */

/* The text of a token may depend on those before it, so the prompt's are decoded too. */
static att_status begin_sample(generator *g, sample *s) {
  s->decoder = (att_decoder){.tokenizer = g->model->tokenizer, .skip_special = true};
  for (size_t i = 0; i < g->prompt.count; i++) {
    ATT_TRY(att_decoder_put(&s->decoder, g->model->ctx, g->prompt.data[i], &s->held));
    s->held.size = 0;
  }
  return att_buffer_append(g->model->ctx, &s->held, "", 0); /* a text, if only an empty one */
}

/* Bytes at the end of the text that may be the beginning of a stop text. */
static size_t undecided(const att_generate_options *o, const att_buffer *text) {
  size_t most = 0;
  for (size_t i = 0; i < o->stop_count; i++) {
    size_t size = strlen(o->stop[i]) - 1;
    if (size > text->size) size = text->size;
    for (; size > most && memcmp(text->data + text->size - size, o->stop[i], size) != 0; size--) continue;
    if (size > most) most = size;
  }
  return most;
}

/* ---- samples ---- */

static att_status give_piece(generator *g, int64_t number, size_t size, att_finish finish) {
  sample *s = &g->samples[number];
  att_piece_of_text piece = {.sample = (int)number, .text = s->held.data, .size = size, .finish = finish};
  if (finish != ATT_RUNNING) {
    piece.tokens = s->tokens.data;
    piece.token_count = s->tokens.count;
    piece.prompt_tokens = g->prompt.count;
    piece.logprob = s->logprob;
  }
  if (g->give(g->user, &piece) != 0)
    return att_fail(g->model->ctx, ATT_INTERRUPTED, "stopped in sample %lld", (long long)number + 1);
  s->held.size -= size;
  memmove(s->held.data, s->held.data + size, s->held.size + 1);
  return ATT_OK;
}

/* A special token has no text, but may be asked for by its spelling. */
static bool is_stop(const generator *g, int32_t token) {
  const att_tokenizer *tokenizer = g->model->tokenizer;
  const char *spelling = att_tokenizer_is_special(tokenizer, token) ? att_tokenizer_token(tokenizer, token) : NULL;
  for (size_t i = 0; spelling && i < g->options->stop_count; i++) {
    if (strcmp(g->options->stop[i], spelling) == 0) return true;
  }
  return false;
}

static att_status on_token(void *user, int64_t number, int32_t token, double logprob, bool *ended) {
  generator *g = user;
  sample *s = &g->samples[number];
  ATT_TRY(att_ids_push(g->model->ctx, &s->tokens, token));
  s->logprob += logprob;
  att_finish finish = ATT_RUNNING;
  if ((int64_t)s->tokens.count == g->most) finish = g->last;
  if (att_generation_ends(&g->model->generation, token) && !g->options->ignore_end) finish = ATT_FINISH_END;
  ATT_TRY(att_decoder_put(&s->decoder, g->model->ctx, token, &s->held));
  if (is_stop(g, token)) finish = ATT_FINISH_STOP;
  if (finish != ATT_RUNNING) ATT_TRY(att_decoder_end(&s->decoder, g->model->ctx, &s->held));
  size_t size = att_stop_find(g->options->stop, g->options->stop_count, (att_text){s->held.data, s->held.size});
  if (size < s->held.size) finish = ATT_FINISH_STOP;
  if (finish == ATT_RUNNING) size -= undecided(g->options, &s->held);
  *ended = finish != ATT_RUNNING;
  return size || *ended ? give_piece(g, number, size, finish) : ATT_OK;
}

static att_status generate(generator *g, att_text prompt) {
  att_context *ctx = g->model->ctx;
  const att_generate_options *o = g->options;
  ATT_TRY(read_prompt(g, prompt));
  g->samples = ATT_NEW(ctx, o->samples, sample);
  if (!g->samples) return ATT_MEMORY;
  for (int i = 0; i < o->samples; i++) ATT_TRY(begin_sample(g, &g->samples[i]));
  att_arena *arena;
  ATT_TRY(att_arena_new(ctx, &arena));
  att_status status = att_continue(g->model, arena, g->prompt.data, (int64_t)g->prompt.count, g->most, o,
                                   att_key(o->seed, o->prompt_number), on_token, g);
  att_arena_free(arena);
  return status;
}

att_status att_generate(att_model *model, att_text prompt, const att_generate_options *given, att_generate_fn *give,
                        void *user) {
  att_context *ctx = model->ctx;
  att_generate_options own, *options = &own;
  att_generate_options_default(model, &own);
  ATT_TRY(att_take_options(ctx, "att_generate", given, &own, sizeof own));
  if (!give || (prompt.size && !prompt.data)) return att_fail(ctx, ATT_ARGUMENT, "att_generate needs a callback");
  ATT_TRY(att_check_verb(model, ATT_VERB_GENERATE));
  ATT_TRY(check_options(ctx, options));
  generator g = {.model = model, .options = options, .give = give, .user = user};
  att_status status = generate(&g, prompt);
  if (status == ATT_INTERRUPTED) ctx->interrupted = 0; /* the next call is a new one */
  for (int i = 0; g.samples && i < options->samples; i++) {
    att_free(ctx, g.samples[i].tokens.data);
    att_decoder_free(&g.samples[i].decoder, ctx);
    att_buffer_free(ctx, &g.samples[i].held);
  }
  att_free(ctx, g.samples);
  att_free(ctx, g.prompt.data);
  return status;
}
