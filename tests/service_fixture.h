/*
 * Owns what tests of services share: opening a model, collecting the pieces of many requests, and what a request gives
 * alone.
 */
#ifndef ATT_TESTS_SERVICE_FIXTURE_H
#define ATT_TESTS_SERVICE_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "counting.h"
#include "models/model.h"
#include "text/unicode.h"
#include "windowed_model.h"

enum { MOST_SAMPLES = 8, MOST_TEXT = 2048, MOST_TOKENS = 256 };

typedef struct setup {
  att_context *ctx;
  att_model *model;
} setup;

static inline void ok(const setup *s, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(s->ctx));
}

static inline void must_say(const setup *s, att_status got, att_status want, const char *words) {
  if (got != want || !strstr(att_message(s->ctx), words))
    fail_msg("%s: %s, not %s: ..%s..", att_status_name(got), att_message(s->ctx), att_status_name(want), words);
}

static inline void set_up(setup *s, const char *folder) {
  char path[1024];
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &s->ctx),
                   ATT_OK);
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folder);
  ok(s, att_model_open(s->ctx, path, &s->model));
}

static inline void set_up_windowed(setup *s) {
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &s->ctx),
                   ATT_OK);
  ok(s, open_windowed(s->ctx, &s->model));
}

static inline void tear_down(setup *s) {
  att_model_close(s->model);
  att_context_free(s->ctx);
}

static inline att_text text(const char *string) { return (att_text){string, strlen(string)}; }

/* ---- what comes ---- */

typedef struct sample {
  char text[MOST_TEXT];
  size_t size, count, prompt_tokens, shared_tokens;
  int32_t tokens[MOST_TOKENS], alignment[MOST_TOKENS];
  double logprobs[MOST_TOKENS], logprob, score;
  bool aligned;
  att_finish finish;
} sample;

typedef struct collected {
  sample samples[MOST_SAMPLES];
  uint64_t request;           /* whose pieces they must be; 0: any */
  int pieces, ended, stop_at; /* asks to be cancelled at that piece; 0: never */
  bool last, truncated, failed;
} collected;

/* Everything that each piece must be. */
static inline int collect(void *user, const att_piece_of_text *piece) {
  collected *all = user;
  assert_false(all->last || all->failed);
  if (all->request) assert_int_equal(piece->request, all->request);
  all->pieces++;
  all->last = piece->last;
  all->truncated = piece->truncated;
  if (piece->finish == ATT_FINISH_FAILED) {
    assert_true(piece->last && piece->size == 0);
    all->failed = true;
    return 0;
  }
  assert_in_range(piece->sample, 0, MOST_SAMPLES - 1);
  sample *s = &all->samples[piece->sample];
  assert_int_equal(s->finish, ATT_RUNNING);
  assert_true(att_utf8_valid(piece->text, piece->size));
  assert_int_equal(piece->first_token, s->count);
  assert_true(piece->token_count > s->count || piece->last); /* an empty line has no tokens */
  assert_true(s->size + piece->size < MOST_TEXT && piece->token_count <= MOST_TOKENS);
  memcpy(s->text + s->size, piece->text, piece->size);
  s->size += piece->size;
  for (size_t i = 0; i < s->count; i++) assert_int_equal(s->tokens[i], piece->tokens[i]);
  for (size_t i = s->count; i < piece->token_count; i++) {
    s->tokens[i] = piece->tokens[i];
    if (piece->logprobs) s->logprobs[i] = piece->logprobs[i];
  }
  for (size_t i = 0; piece->alignment && i < piece->token_count; i++) s->alignment[i] = piece->alignment[i];
  s->count = piece->token_count;
  s->aligned = piece->alignment != NULL;
  s->prompt_tokens = piece->prompt_tokens;
  s->shared_tokens = piece->shared_tokens;
  s->logprob = piece->logprob;
  s->score = piece->score;
  s->finish = piece->finish;
  all->ended += piece->finish != ATT_RUNNING;
  return all->pieces == all->stop_at;
}

static inline collected *collector(void) {
  collected *all = calloc(1, sizeof *all);
  assert_non_null(all);
  return all;
}

/* tolerance 0: bit for bit. */
static inline void same_sample(const char *what, const sample *got, const sample *want, double tolerance) {
  if (got->count != want->count || memcmp(got->tokens, want->tokens, got->count * sizeof *got->tokens) != 0)
    fail_msg("%s: other tokens: \"%s\", not \"%s\"", what, got->text, want->text);
  assert_int_equal(got->size, want->size);
  assert_memory_equal(got->text, want->text, got->size);
  assert_int_equal(got->finish, want->finish);
  if (!(fabs(got->logprob - want->logprob) <= tolerance) || !(fabs(got->score - want->score) <= tolerance))
    fail_msg("%s: log-probability %.17g, not %.17g", what, got->logprob, want->logprob);
  for (size_t i = 0; i < got->count; i++)
    if (!(fabs(got->logprobs[i] - want->logprobs[i]) <= tolerance))
      fail_msg("%s: token %zu has %.17g, not %.17g", what, i, got->logprobs[i], want->logprobs[i]);
}

/* ---- services ---- */

static inline void submit(setup *s, att_service *service, const att_request *request, collected *all) {
  uint64_t id;
  ok(s, att_service_submit(service, request, &id));
  assert_true(id > 0);
  all->request = id;
}

static inline void run_all(setup *s, att_service *service) {
  for (size_t left = 1; left;) ok(s, att_service_step(service, &left));
}

/* A request alone in a service of its own. */
static inline collected *alone(setup *s, const att_request *request) {
  att_service *service;
  att_request own = *request;
  collected *all = collector();
  own.give = collect;
  own.user = all;
  ok(s, att_service_new(s->model, NULL, &service));
  submit(s, service, &own, all);
  run_all(s, service);
  att_service_free(service);
  assert_true(all->last);
  return all;
}

#endif
