/* The decoders of tests/data/generate_*, opened, and what a call of att_generate gives. */
#ifndef ATT_TESTS_GENERATE_FIXTURE_H
#define ATT_TESTS_GENERATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "formats/json.h"
#include "models/pass.h"
#include "text/unicode.h"

static const char *const folders[] = {"generate_gpt2", "generate_llama"};
#define FOLDERS (sizeof folders / sizeof *folders)

typedef struct setup {
  att_context *ctx;
  att_model *model;
  json_t *expected;
} setup;

static inline void require_ok(const setup *s, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(s->ctx));
}

static inline void open_folder(setup *s, const char *folder, int threads) {
  memset(s, 0, sizeof *s);
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = threads}, &s->ctx),
      ATT_OK);
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folder);
  require_ok(s, att_model_open(s->ctx, path, &s->model));
  snprintf(path, sizeof path, "%s/%s/expected.json", ATT_TEST_DATA, folder);
  require_ok(s, att_json_open(s->ctx, path, &s->expected));
}

static inline void close_folder(setup *s) {
  json_decref(s->expected);
  att_model_close(s->model);
  att_context_free(s->ctx);
}

static inline att_text text(const char *string) { return (att_text){string, strlen(string)}; }

static inline att_text text_of(const json_t *object, const char *key) {
  const json_t *string = json_object_get(object, key);
  return (att_text){json_string_value(string), json_string_length(string)};
}

/* What a greedy run must give, ending in NUL. */
static inline size_t text_of_run(const json_t *run, char *out, size_t room) {
  att_text digits = text_of(run, "text");
  assert_true(digits.size / 2 < room);
  for (size_t i = 0; i < digits.size; i += 2) {
    char byte[3] = {digits.data[i], digits.data[i + 1], '\0'};
    out[i / 2] = (char)strtol(byte, NULL, 16);
  }
  out[digits.size / 2] = '\0';
  return digits.size / 2;
}

/* ---- what a call gives ---- */

enum { MOST_SAMPLES = 64, MOST_TEXT = 4096, MOST_TOKENS = 700 };

typedef struct collected {
  char text[MOST_TEXT];
  size_t size, pieces, count, prompt_tokens;
  int32_t tokens[MOST_TOKENS];
  att_finish finish;
  double logprob;
} collected;

typedef struct collector {
  collected samples[MOST_SAMPLES];
  int stop_at; /* pieces after which the callback asks to stop; 0: never */
  int calls;
} collector;

static inline int collect(void *user, const att_piece_of_text *piece) {
  collector *all = user;
  assert_in_range(piece->sample, 0, MOST_SAMPLES - 1);
  collected *c = &all->samples[piece->sample];
  assert_int_equal(c->finish, ATT_RUNNING); /* nothing comes after the last piece */
  assert_true(att_utf8_valid(piece->text, piece->size));
  assert_true(piece->size > 0 || piece->finish != ATT_RUNNING);
  assert_true(c->size + piece->size < MOST_TEXT);
  memcpy(c->text + c->size, piece->text, piece->size);
  c->size += piece->size;
  c->pieces++;
  c->finish = piece->finish;
  if (piece->finish != ATT_RUNNING) {
    assert_true(piece->token_count <= MOST_TOKENS);
    memcpy(c->tokens, piece->tokens, piece->token_count * sizeof *c->tokens);
    c->count = piece->token_count;
    c->prompt_tokens = piece->prompt_tokens;
    c->logprob = piece->logprob;
  }
  return ++all->calls == all->stop_at;
}

static inline collector *generate(setup *s, att_text prompt, const att_generate_options *options) {
  collector *all = calloc(1, sizeof *all);
  assert_non_null(all);
  require_ok(s, att_generate(s->model, prompt, options, collect, all));
  for (int i = 0; i < options->samples; i++) assert_int_not_equal(all->samples[i].finish, ATT_RUNNING);
  return all;
}

/* The defaults, but for a cache that keeps what generate() keeps: float32. */
static inline att_generate_options defaults_of(const setup *s) {
  att_generate_options options;
  att_generate_options_default(s->model, &options);
  options.cache_type = ATT_CACHE_F32;
  return options;
}

/* The logits after the last of `count` tokens, as training computes them. */
static inline void logits_after(setup *s, att_model *model, const int32_t *ids, int64_t count, float *out) {
  att_arena *arena;
  require_ok(s, att_arena_new(s->ctx, &arena));
  att_run run = {.ctx = s->ctx, .arena = arena};
  int64_t start[] = {0, count};
  att_input input = {.ids = ids, .sequences = {1, start}};
  att_tensor hidden, logits;
  require_ok(s, att_model_decode(&run, model, &input, NULL, NULL, NULL, &hidden));
  hidden.data += (count - 1) * hidden.stride;
  hidden.rows = 1;
  require_ok(s, att_model_logits(&run, model, &hidden, &logits));
  memcpy(out, logits.data, (size_t)logits.cols * sizeof *out);
  att_arena_free(arena);
}

enum { MOST_VOCABULARY = 512 };

#endif
