/*
 * Where generated samples end: stop texts, end tokens, windows that move, full contexts, empty and long prompts; pieces
 * are whole characters.
 */
#include "generate_fixture.h"

#include <math.h>

#include "decode/decode.h"

/* The run with a stop text that begins at `at` of what it would give. */
static void stop_at(setup *s, const json_t *run, const char *whole, size_t at, size_t size) {
  char stop[16];
  memcpy(stop, whole + at, size);
  stop[size] = '\0';
  if (strlen(stop) != size || !att_utf8_valid(stop, size)) return;
  const char *stops[] = {"\x01 never \x02", stop, "never"};
  att_generate_options options = defaults_of(s);
  options.max_tokens = 200;
  options.stop = stops;
  options.stop_count = 3;
  collector *all = generate(s, text_of(run, "prompt"), &options);
  size_t found = 0;
  while (memcmp(whole + found, stop, size) != 0) found++;
  assert_int_equal(all->samples[0].finish, ATT_FINISH_STOP);
  assert_int_equal(all->samples[0].size, found);
  assert_memory_equal(all->samples[0].text, whole, found);
  free(all);
}

static void test_stop_texts(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    setup s;
    open_folder(&s, folders[f], 1);
    const json_t *run = json_array_get(json_object_get(s.expected, "greedy"), 0);
    char whole[MOST_TEXT], longer[16];
    size_t total = text_of_run(run, whole, sizeof whole);
    assert_true(total > 100);
    for (size_t size = 1; size <= 9; size += 2) {
      for (size_t at = 3; at < 90; at += 7) stop_at(&s, run, whole, at, size);
    }
    size_t at = 5;
    while (!att_utf8_valid(whole + at, 4) || memchr(whole + at, '\0', 4)) at++;
    snprintf(longer, sizeof longer, "%.4s never", whole + at); /* its beginning is there, its end is not */
    const char *beginnings[] = {"\x01 never", "never", longer};
    att_generate_options options = defaults_of(&s);
    options.max_tokens = 200;
    options.stop = beginnings;
    options.stop_count = 3;
    collector *all = generate(&s, text_of(run, "prompt"), &options);
    assert_int_equal(all->samples[0].size, total);
    assert_memory_equal(all->samples[0].text, whole, total);
    free(all);
    close_folder(&s);
  }
}

static void test_the_end_mark_can_be_passed(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[1], 1);
  const json_t *runs = json_object_get(s.expected, "greedy");
  att_generate_options options = defaults_of(&s);
  options.max_tokens = 100;
  options.ignore_end = true;
  for (size_t i = 0; i < json_array_size(runs); i++) {
    const json_t *run = json_array_get(runs, i), *tokens = json_object_get(run, "tokens");
    if (json_number_value(json_object_get(run, "penalty")) != 1 || json_array_size(tokens) > 90) continue;
    collector *all = generate(&s, text_of(run, "prompt"), &options);
    assert_int_equal(all->samples[0].finish, ATT_FINISH_LENGTH);
    assert_int_equal(all->samples[0].count, 100);
    assert_int_equal(all->samples[0].tokens[json_array_size(tokens) - 1], s.model->config.eos);
    free(all);
  }
  close_folder(&s);
}

/* Another token of the text made an end token: the text ends there. */
static void test_each_end_mark_ends(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[1], 1);
  const json_t *run = json_array_get(json_object_get(s.expected, "greedy"), 0);
  att_generate_options options = defaults_of(&s);
  options.max_tokens = 40;
  options.ignore_end = true;
  collector *all = generate(&s, text_of(run, "prompt"), &options);
  size_t at = 9, first = 0;
  int32_t token = all->samples[0].tokens[at];
  while (all->samples[0].tokens[first] != token && all->samples[0].tokens[first] != s.model->config.eos) first++;
  assert_int_equal(all->samples[0].tokens[first], token); /* or the usual end token would end it */
  assert_true(token != s.model->config.eos);
  free(all);
  int32_t ends[] = {s.model->config.eos, token}; /* the second of several counts too */
  s.model->generation.ends = (att_token_list){ends, 2};
  options.ignore_end = false;
  all = generate(&s, text_of(run, "prompt"), &options);
  assert_int_equal(all->samples[0].finish, ATT_FINISH_END);
  assert_int_equal(all->samples[0].count, first + 1);
  free(all);
  close_folder(&s);
}

/* The likeliest token after a window, read alone by a session of its own. */
static int32_t likeliest_after(setup *s, const int32_t *window, int64_t count) {
  att_session *session;
  att_arena *arena;
  int32_t sequence, best = 0;
  float *logits;
  require_ok(s, att_session_new(s->model, 0, &session));
  require_ok(s, att_arena_new(s->ctx, &arena));
  require_ok(s, att_session_add(session, &sequence));
  const att_reading reading = {.sequence = sequence, .tokens = window, .count = count};
  require_ok(s, att_session_step(session, arena, &reading, 1, &logits));
  for (int32_t i = 1; i < s->model->config.vocab_size; i++)
    if (logits[i] > logits[best]) best = i;
  att_session_free(session);
  att_arena_free(arena);
  return best;
}

/* Beyond the context each token is the likeliest after the window, which is read anew each time it is moved: after a
 * prompt of some tokens, and after one that nearly fills the context. */
static void test_windows_move(void **state) {
  (void)state;
  char nearly[251] = {0};
  memset(nearly, '(', 250); /* a token each */
  for (size_t f = 0; f < 2 * FOLDERS; f++) {
    setup s;
    const char *beginning = f < FOLDERS ? "A dog" : nearly;
    open_folder(&s, folders[f % FOLDERS], 2);
    int64_t positions = s.model->config.max_position_embeddings, count = 0;
    int32_t *window, *tokens;
    size_t prompt;
    att_generate_options options;
    att_generate_options_default(s.model, &options);
    options.max_tokens = (int)(2 * positions + 10);
    options.slide = options.ignore_end = true;
    options.cache_type = ATT_CACHE_F32; /* as the session's that it is compared with */
    options.temperature = 0;
    require_ok(&s, att_tokenize(s.model, text(beginning), true, &tokens, &prompt));
    collector *all = generate(&s, text(beginning), &options);
    const collected *c = &all->samples[0];
    assert_int_equal(c->finish, ATT_FINISH_LENGTH);
    assert_int_equal(c->count, options.max_tokens);
    window = calloc((size_t)positions + 1, sizeof *window);
    for (; count < (int64_t)c->prompt_tokens; count++) window[count] = tokens[count];
    for (size_t i = 0; i < c->count; i++) {
      if (count > positions) { /* the new token does not fit: the last half of those before it, and it */
        int64_t starts = s.model->config.bos >= 0 && window[0] == s.model->config.bos, kept = positions / 2;
        memmove(window + starts, window + positions - kept, (size_t)(kept + 1) * sizeof *window);
        count = starts + kept + 1;
      }
      if (count >= positions - 2 || count <= positions / 2 + 2)
        assert_int_equal(c->tokens[i], likeliest_after(&s, window, count));
      window[count++] = c->tokens[i];
    }
    free(window);
    free(all);
    att_release(s.ctx, tokens);
    close_folder(&s);
  }
}

static void test_full_contexts(void **state) {
  (void)state;
  setup s;
  open_folder(&s, folders[0], 1);
  char prompt[257] = {0};
  memset(prompt, '(', 256); /* a token each */
  att_generate_options options = defaults_of(&s);
  collector all = {0};
  assert_int_equal(att_generate(s.model, text(prompt), &options, collect, &all), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(s.ctx), "256 tokens"));
  assert_int_equal(all.calls, 0);
  options.temperature = 1; /* the greedy answer to so many brackets may be the end token */
  options.ignore_end = true;
  for (int free_positions = 1; free_positions <= 9; free_positions += 4) {
    for (int most = 0; most <= 10; most += 5) {
      prompt[256 - free_positions] = '\0';
      options.max_tokens = most;
      collector *got = generate(&s, text(prompt), &options);
      bool full = most == 0 || most > free_positions;
      assert_int_equal(got->samples[0].finish, full ? ATT_FINISH_CONTEXT : ATT_FINISH_LENGTH);
      assert_int_equal(got->samples[0].count, full ? free_positions : most);
      free(got);
      prompt[256 - free_positions] = '(';
    }
  }
  close_folder(&s);
}

static void test_empty_prompts(void **state) {
  (void)state;
  for (size_t f = 0; f < FOLDERS; f++) {
    setup s;
    open_folder(&s, folders[f], 1);
    att_generate_options options = defaults_of(&s);
    options.max_tokens = 20;
    collector *all = generate(&s, text(""), &options);
    assert_int_equal(all->samples[0].prompt_tokens, 1);
    float logits[512];
    int32_t best = 0;
    logits_after(&s, s.model, &s.model->config.bos, 1, logits);
    for (int32_t i = 1; i < s.model->config.vocab_size; i++) best = logits[i] > logits[best] ? i : best;
    assert_int_equal(all->samples[0].tokens[0], best);
    free(all);
    close_folder(&s);
  }
  setup s;
  open_folder(&s, folders[0], 1);
  s.model->config.bos = s.model->generation.bos = -1; /* then a line end stands before the first line */
  att_generate_options options = defaults_of(&s);
  options.max_tokens = 20;
  collector *empty = generate(&s, text(""), &options), *line = generate(&s, text("\n"), &options);
  assert_string_equal(empty->samples[0].text, line->samples[0].text);
  free(empty);
  free(line);
  close_folder(&s);
}

typedef struct followed {
  setup *s;
  att_model *model;
  int32_t ids[MOST_TOKENS];
  int64_t count;
} followed;

/* Each token of the first sample is the likeliest, and as likely as training's forward pass says. */
static int follow(void *user, const att_piece_of_text *piece) {
  followed *f = user;
  if (piece->sample > 0 || piece->finish == ATT_RUNNING) return 0;
  float *logits = malloc((size_t)f->model->config.vocab_size * sizeof *logits);
  assert_non_null(logits);
  for (size_t t = 0; t < piece->token_count; t++) {
    int32_t token = piece->tokens[t];
    logits_after(f->s, f->model, f->ids, f->count, logits);
    double sum = 0, most = -INFINITY;
    for (int64_t i = 0; i < f->model->config.vocab_size; i++) {
      sum += exp((double)logits[i]);
      most = fmax(most, (double)logits[i]);
    }
    assert_true((double)logits[token] >= most - 1e-4);
    assert_true(fabs(piece->logprobs[t] - ((double)logits[token] - log(sum))) < 1e-4);
    f->ids[f->count++] = token;
  }
  free(logits);
  return 0;
}

/* Prompts up to some pieces long, as tokens to a model that has no tokenizer; three samples in doubling rooms. */
static void test_long_prompts_are_read_in_pieces(void **state) {
  (void)state;
  for (size_t k = 0; k < FOLDERS; k++) {
    setup s;
    open_folder(&s, folders[k], 2);
    att_config config = s.model->config;
    config.max_position_embeddings = MOST_TOKENS;
    att_model *model;
    require_ok(&s, att_model_new(s.ctx, &config, NULL, 5, &model));
    for (int64_t i = 0; i < model->trained_total; i++) model->values[i] *= 4; /* far from equal logits */
    static const int64_t lengths[] = {1, 2, 256, 257, 600};
    for (size_t l = 0; l < 5; l++) {
      followed f = {.s = &s, .model = model, .count = lengths[l]};
      for (int64_t i = 0; i < f.count; i++) f.ids[i] = (int32_t)((i * 37 + i / 7) % config.vocab_size);
      att_generate_options options = defaults_of(&s);
      att_service *service;
      att_request request;
      options.samples = 3;
      options.max_tokens = 40;
      options.ignore_end = true;
      att_request_default(&request);
      request.tokens = f.ids;
      request.token_count = (size_t)f.count;
      request.generate = &options;
      request.give = follow;
      request.user = &f;
      require_ok(&s, att_service_new(model, NULL, &service));
      require_ok(&s, att_service_submit(service, &request, NULL));
      for (size_t left = 1; left;) require_ok(&s, att_service_step(service, &left));
      att_service_free(service);
      assert_int_equal(f.count, lengths[l] + 40);
    }
    att_model_close(model);
    close_folder(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_stop_texts),
      cmocka_unit_test(test_the_end_mark_can_be_passed),
      cmocka_unit_test(test_each_end_mark_ends),
      cmocka_unit_test(test_windows_move),
      cmocka_unit_test(test_full_contexts),
      cmocka_unit_test(test_empty_prompts),
      cmocka_unit_test(test_long_prompts_are_read_in_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
