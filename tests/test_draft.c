/*
 * Guessing ahead: a session's logits after guesses have the bits of steps one by one; what is written is the same, to
 * the last bit, whatever is guessed, by whom, and how many at a time, greedy or drawn, with every kind of processor;
 * what is drawn has the model's distribution; how many guesses pay; refusals and failing allocations.
 */
#include "decode/draft.h"
#include "service_fixture.h"

static const char *const decoders[] = {"generate_gpt2", "generate_llama"};
enum { VOCAB = 290, TOKENS = 12 };

static int32_t token_of(uint64_t key, uint64_t i) { return (int32_t)(3 + att_random64(key, i) % 280); }

/* ---- sessions ---- */

/* logits[TOKENS, VOCAB] after each token, read one by one behind the first. */
static void read_one_by_one(setup *s, att_arena *arena, const int32_t *tokens, float *logits) {
  att_session *session;
  int32_t sequence;
  ok(s, att_session_new(s->model, 0, &session));
  ok(s, att_session_add(session, &sequence));
  for (int i = 0; i < TOKENS; i++) {
    float *out;
    att_reading reading = {sequence, tokens + i, 1, 0, 0};
    ok(s, att_session_step(session, arena, &reading, 1, &out));
    memcpy(logits + i * VOCAB, out, VOCAB * sizeof *out);
    att_arena_reset(arena);
  }
  att_session_free(session);
}

static void same_bits(const char *what, const float *got, const float *want, int64_t rows) {
  float most = 0;
  for (int64_t i = 0; i < rows * VOCAB; i++) most = fmaxf(most, fabsf(want[i]));
  assert_true(most > 0.01f);
  if (memcmp(got, want, (size_t)(rows * VOCAB) * sizeof *got) != 0) fail_msg("%s: other bits", what);
}

static void test_guesses_have_the_bits_of_single_steps(void **state) {
  (void)state;
  for (int f = 0; f < 2; f++) {
    setup s;
    att_arena *arena;
    att_session *session;
    int32_t tokens[TOKENS], a, b, fork;
    float want[TOKENS * VOCAB], *logits;
    set_up(&s, decoders[f]);
    ok(&s, att_arena_new(s.ctx, &arena));
    for (int i = 0; i < TOKENS; i++) tokens[i] = token_of(7, (uint64_t)i);
    read_one_by_one(&s, arena, tokens, want);
    ok(&s, att_session_new(s.model, 0, &session));
    assert_true(att_session_reads_ahead(session));
    ok(&s, att_session_add(session, &a));
    ok(&s, att_session_add(session, &b));
    att_reading readings[] = {{a, tokens, 1, 7, 0}, {b, tokens, 1, 2, 0}};
    ok(&s, att_session_step(session, arena, readings, 2, &logits));
    same_bits("the first guesses", logits, want, 8);
    same_bits("the other's", logits + 8 * VOCAB, want, 3);
    assert_int_equal(att_session_length(session, a), 1);
    assert_int_equal(att_session_used(session).rows, 11);
    for (int i = 0; i < 3; i++) att_session_accept(session, a);
    assert_int_equal(att_session_length(session, a), 4);
    ok(&s, att_session_fork(session, a, 4, &fork)); /* without the four that wait */
    assert_int_equal(att_session_used(session).rows, 11);
    assert_int_equal(att_session_common(session, a, tokens, TOKENS), 4);
    readings[0] = (att_reading){a, tokens + 4, 1, 3, 0}; /* those that were not accepted are forgotten */
    ok(&s, att_session_step(session, arena, readings, 1, &logits));
    same_bits("the next guesses", logits, want + 4 * VOCAB, 4);
    assert_int_equal(att_session_used(session).rows, 8 + 3);
    readings[0] = (att_reading){fork, tokens + 4, 1, 0, 0};
    ok(&s, att_session_step(session, arena, readings, 1, &logits));
    same_bits("a fork", logits, want + 4 * VOCAB, 1);
    att_session_cut(session, a, 5);
    att_session_drop(session, b);
    assert_int_equal(att_session_used(session).rows, 6);
    att_session_drop(session, fork);
    att_session_drop(session, a);
    assert_int_equal(att_session_used(session).rows, 0);
    att_session_free(session);
    att_arena_free(arena);
    tear_down(&s);
  }
}

/* Beyond the limit nothing has changed, and there is nothing ahead. */
static void test_guesses_need_rows(void **state) {
  (void)state;
  setup s;
  att_arena *arena;
  att_session *session;
  int32_t tokens[] = {5, 6, 7, 8, 9}, a;
  set_up(&s, decoders[1]);
  ok(&s, att_arena_new(s.ctx, &arena));
  ok(&s, att_session_new(s.model, 4, &session));
  ok(&s, att_session_add(session, &a));
  att_reading reading = {a, tokens, 1, 4, 0};
  must_say(&s, att_session_step(session, arena, &reading, 1, NULL), ATT_FULL, "its 4");
  assert_int_equal(att_session_used(session).rows, 0);
  reading.guesses = 3;
  tokens[2] = VOCAB;
  must_say(&s, att_session_step(session, arena, &reading, 1, NULL), ATT_ARGUMENT, "290");
  assert_int_equal(att_session_used(session).rows, 0);
  assert_int_equal(att_session_length(session, a), 0);
  att_session_free(session);
  att_arena_free(arena);
  tear_down(&s);
}

/* ---- what is guessed, and what pays ---- */

static void test_looking_up(void **state) {
  (void)state;
  static const int32_t text[] = {1, 2, 3, 4, 5, 9, 2, 3, 4, 7, 8, 2, 3, 4}, again[] = {1, 2, 1, 2}, fresh[] = {1, 2, 3};
  att_draft d;
  assert_int_equal(att_draft_begin(&d, &(att_draft_plan){.lookup = true}), ATT_OK);
  att_draft_look_up(&d, text, 14, 4);
  assert_int_equal(d.match, 3);
  assert_int_equal(d.known, 4);
  const int32_t after[] = {7, 8, 2, 3};
  assert_memory_equal(d.tokens + 1, after, sizeof after);
  att_draft_look_up(&d, again, 4, 5);
  assert_int_equal(d.match, 2);
  const int32_t further[] = {1, 2, 1, 2, 1};
  assert_memory_equal(d.tokens + 1, further, sizeof further);
  att_draft_look_up(&d, fresh, 3, 5);
  assert_int_equal(d.known, 0);
  att_draft_look_up(&d, text, 14, -1);
  assert_int_equal(d.known, 0);
  att_draft_free(&d);
}

/* A machine of given costs, in steps of 1 s: a text whose guesses are right so often, for so many tokens. Returns how
 * many times as fast as without it was written. */
static double speed_at(double right, double reading) {
  static const int32_t repeating[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  att_draft d;
  double seconds = 0;
  int64_t written = 0;
  assert_int_equal(att_draft_begin(&d, &(att_draft_plan){.lookup = true}), ATT_OK);
  for (uint64_t i = 0; written < 400; i++) {
    int32_t next[1 + ATT_MOST_GUESSES];
    int64_t count = 0;
    att_draft_look_up(&d, repeating, 16, ATT_MOST_GUESSES);
    d.count = att_draft_worth(&d);
    for (bool hit = true; hit && count <= d.count; count++) {
      hit = count < d.known && att_uniform(i, (uint64_t)count) < right;
      next[count] = hit ? d.tokens[1 + count] : 99;
    }
    double cost = 1 + reading * (double)d.count;
    att_draft_learn(&d, next, count, cost);
    seconds += cost;
    written += count;
  }
  return (double)written / seconds;
}

static void test_guesses_pay_or_are_not_read(void **state) {
  (void)state;
  static const double rights[] = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97}, costs[] = {0.03, 0.1, 0.3, 0.6, 1};
  for (int i = 0; i < 7; i++)
    for (int j = 0; j < 5; j++) {
      double speed = speed_at(rights[i], costs[j]);
      if (!(speed >= 0.97 && speed < 17)) fail_msg("right %g, cost %g: %g times", rights[i], costs[j], speed);
    }
  assert_true(speed_at(0.97, 0.1) > 3);
  assert_true(speed_at(0.9, 0.3) > 1.5);
}

/* ---- what is written ---- */

typedef struct manner {
  double temperature, repetition;
  int no_repeat, top_k, tokens;
  const char *stop;
} manner;

static const manner manners[] = {{0, 1, 0, 0, 60, NULL},    {0, 1.2, 0, 0, 40, NULL}, {0, 1, 3, 0, 40, NULL},
                                 {1, 1, 0, 0, 40, NULL},    {0.5, 1, 0, 4, 60, NULL}, {0.7, 1.1, 4, 8, 40, NULL},
                                 {0.05, 1, 0, 0, 60, NULL}, {0, 1, 0, 0, 60, "e"},    {0, 1, 0, 0, 1, NULL}};

static int collect_counts(void *user, const att_piece_of_text *piece) {
  assert_true(piece->accepted <= piece->guessed);
  assert_true(piece->accepted <= piece->token_count);
  return collect(user, piece);
}

static collected *write_with(setup *s, const manner *m, att_generate_options *options, att_generate_fn *give) {
  const char *const stops[] = {m->stop};
  collected *all = collector();
  options->temperature = m->temperature;
  options->repetition_penalty = m->repetition;
  options->no_repeat_ngram_size = m->no_repeat;
  options->top_k = m->top_k;
  options->max_tokens = m->tokens;
  options->stop = m->stop ? stops : NULL;
  options->stop_count = m->stop ? 1 : 0;
  options->ignore_end = !m->stop;
  ok(s, att_generate(s->model, text("A dog and a dog and a"), options, give, all));
  return all;
}

static size_t accepted_last;
static int count_accepted(void *user, const att_piece_of_text *piece) {
  accepted_last = piece->accepted;
  return collect_counts(user, piece);
}

/* In each manner, by looking up and by models: the model itself, and one whose weights are others. */
static void test_what_is_written_is_the_same(void **state) {
  (void)state;
  static const int counts[] = {0, 1, 3, 15};
  for (int f = 0; f < 2; f++) {
    setup s;
    att_model *same, *other;
    char path[1024];
    size_t by_same = 0;
    set_up(&s, decoders[f]);
    snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, decoders[f]);
    ok(&s, att_model_open(s.ctx, path, &same));
    ok(&s, att_model_open(s.ctx, path, &other));
    ok(&s, att_model_train(other, NULL, NULL));
    for (int64_t i = 0; i < other->trained_total; i++)
      other->values[i] += 0.02f * (float)(att_uniform(3, (uint64_t)i) - 0.5);
    for (size_t m = 0; m < sizeof manners / sizeof *manners; m++) {
      att_generate_options options;
      att_generate_options_default(s.model, &options);
      options.no_lookup = true;
      collected *want = write_with(&s, &manners[m], &options, collect);
      assert_true(want->samples[0].count > 0);
      for (int who = 0; who < 3; who++)
        for (int c = 0; c < 4; c++) {
          char what[96];
          snprintf(what, sizeof what, "%s, manner %zu, guesses of %d, %d at a time", decoders[f], m, who, counts[c]);
          att_generate_options_default(s.model, &options);
          options.draft = who == 1 ? same : who == 2 ? other : NULL;
          options.draft_tokens = counts[c];
          accepted_last = 0;
          collected *got = write_with(&s, &manners[m], &options, count_accepted);
          same_sample(what, &got->samples[0], &want->samples[0], 0);
          if (who == 1 && counts[c] == 15 && manners[m].repetition <= 1 && !manners[m].no_repeat && !manners[m].stop &&
              manners[m].tokens > 1) {
            by_same += accepted_last;
            if (accepted_last * 10 < want->samples[0].count * 8) fail_msg("%s: only %zu accepted", what, accepted_last);
          }
          free(got);
        }
      free(want);
    }
    if (by_same < 100) fail_msg("accepted: %zu", by_same);
    att_model_close(same);
    att_model_close(other);
    tear_down(&s);
  }
}

/* A model whose attention gives nothing writes by the last token alone, and so comes to repeat itself. */
static void test_repetition_is_guessed(void **state) {
  (void)state;
  setup s;
  att_generate_options options;
  set_up(&s, decoders[1]);
  ok(&s, att_model_train(s.model, NULL, NULL));
  for (size_t i = 0; i < s.model->parameter_count; i++) {
    const att_parameter *p = &s.model->parameters[i];
    if (strstr(p->name, "o_proj")) memset(s.model->values + p->offset, 0, (size_t)(p->rows * p->cols) * sizeof(float));
  }
  const manner plain = {0, 1, 0, 0, 200, NULL};
  att_generate_options_default(s.model, &options);
  options.no_lookup = true;
  collected *want = write_with(&s, &plain, &options, collect);
  for (int count = 0; count <= ATT_MOST_GUESSES; count += 5) {
    att_generate_options_default(s.model, &options);
    options.draft_tokens = count;
    collected *got = write_with(&s, &plain, &options, count_accepted);
    same_sample("repetition", &got->samples[0], &want->samples[0], 0);
    if (count && accepted_last < 100) fail_msg("%zu of 200 accepted", accepted_last);
    free(got);
  }
  free(want);
  tear_down(&s);
}

/* Among other requests, which end at different times, and behind kept beginnings. */
static void test_services(void **state) {
  (void)state;
  setup s;
  att_service *service;
  att_generate_options options[6];
  collected *got[6], *want[6];
  set_up(&s, decoders[1]);
  ok(&s, att_service_new(s.model, NULL, &service));
  for (int i = 0; i < 6; i++) {
    att_request request;
    att_request_default(&request);
    att_generate_options_default(s.model, &options[i]);
    options[i].temperature = i % 2 ? 0.3 : 0;
    options[i].max_tokens = 5 + 9 * i;
    options[i].ignore_end = true;
    options[i].no_lookup = true;
    request.text = text("A dog and a dog and a dog and a");
    request.generate = &options[i];
    want[i] = alone(&s, &request);
    options[i].no_lookup = false;
    options[i].draft_tokens = 5;
    request.give = collect_counts;
    request.user = got[i] = collector();
    submit(&s, service, &request, got[i]);
  }
  run_all(&s, service);
  for (int i = 0; i < 6; i++) {
    same_sample("of a service", &got[i]->samples[0], &want[i]->samples[0], 1e-5);
    free(got[i]);
    free(want[i]);
  }
  att_service_free(service);
  tear_down(&s);
}

/* ---- what is drawn ---- */

/* The k likeliest after some tokens, with their probabilities among themselves. */
static void likeliest(setup *s, att_arena *arena, const int32_t *tokens, int64_t count, int k, int32_t *out,
                      double *p) {
  att_session *session;
  int32_t sequence;
  float *logits;
  double sum = 0;
  ok(s, att_session_new(s->model, 0, &session));
  ok(s, att_session_add(session, &sequence));
  att_reading reading = {sequence, tokens, count, 0, 0};
  ok(s, att_session_step(session, arena, &reading, 1, &logits));
  for (int i = 0; i < k; i++) {
    int32_t best = 0;
    for (int32_t j = 1; j < VOCAB; j++)
      if (logits[j] > logits[best]) best = j;
    out[i] = best;
    sum += p[i] = exp((double)logits[best]);
    logits[best] = -INFINITY;
  }
  for (int i = 0; i < k; i++) p[i] /= sum;
  att_session_free(session);
  att_arena_reset(arena);
}

enum { DRAWS = 1500, LIKELIEST = 3 };

/* The second and third tokens of many samples are guessed by another model: pairs come as often as they should. */
static void test_draws_have_the_models_distribution(void **state) {
  (void)state;
  setup s;
  att_model *other;
  att_arena *arena;
  char path[1024];
  int32_t prompt[8] = {1, 40, 41, 42, 43, 44}, first[LIKELIEST], second[LIKELIEST];
  double p[LIKELIEST], q[LIKELIEST], squares = 0;
  size_t seen[LIKELIEST][LIKELIEST] = {{0}}, accepted = 0;
  int32_t after[LIKELIEST][LIKELIEST];
  set_up(&s, decoders[1]);
  ok(&s, att_arena_new(s.ctx, &arena));
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, decoders[1]);
  ok(&s, att_model_open(s.ctx, path, &other));
  ok(&s, att_model_train(other, NULL, NULL));
  for (int64_t i = 0; i < other->trained_total; i++)
    other->values[i] += 0.05f * (float)(att_uniform(3, (uint64_t)i) - 0.5);
  likeliest(&s, arena, prompt, 6, LIKELIEST, first, p);
  for (int i = 0; i < LIKELIEST; i++) {
    prompt[6] = first[i];
    likeliest(&s, arena, prompt, 7, LIKELIEST, after[i], q);
  }
  att_service *service;
  ok(&s, att_service_new(s.model, NULL, &service));
  for (int n = 0; n < DRAWS; n++) {
    att_request request;
    att_generate_options options;
    att_request_default(&request);
    att_generate_options_default(s.model, &options);
    options.temperature = 1;
    options.top_k = LIKELIEST;
    options.seed = (uint64_t)n;
    options.max_tokens = 2;
    options.ignore_end = true;
    options.draft = other;
    options.draft_tokens = 1;
    collected *all = collector();
    request.tokens = prompt;
    request.token_count = 6;
    request.generate = &options;
    request.give = count_accepted;
    request.user = all;
    ok(&s, att_service_submit(service, &request, NULL));
    run_all(&s, service);
    accepted += accepted_last;
    const int32_t *got = all->samples[0].tokens;
    assert_int_equal(all->samples[0].count, 2);
    int i = 0, j = 0;
    while (i < LIKELIEST && first[i] != got[0]) i++;
    assert_true(i < LIKELIEST);
    while (j < LIKELIEST && after[i][j] != got[1]) j++;
    assert_true(j < LIKELIEST);
    seen[i][j]++;
    free(all);
  }
  for (int i = 0; i < LIKELIEST; i++) {
    prompt[6] = first[i];
    likeliest(&s, arena, prompt, 7, LIKELIEST, second, q);
    for (int j = 0; j < LIKELIEST; j++) {
      double expected = DRAWS * p[i] * q[j], off = (double)seen[i][j] - expected;
      squares += off * off / expected;
    }
  }
  if (!(squares < 26)) fail_msg("chi-squared of 8 degrees is %g", squares); /* 0.1 % */
  if (accepted < DRAWS / 10 || accepted >= DRAWS)
    fail_msg("%zu of %d accepted", accepted, DRAWS); /* right, and wrong */
  att_service_free(service);
  att_model_close(other);
  att_arena_free(arena);
  tear_down(&s);
}

/* ---- refusals, failures ---- */

static int drop(void *user, const att_piece_of_text *piece) {
  (void)user;
  (void)piece;
  return 0;
}

static void test_refusals(void **state) {
  (void)state;
  static const char *const folders[] = {"decode_marian", "family_bert", "recurrent_lstm_decoder"};
  setup s;
  att_generate_options options;
  char path[1024];
  set_up(&s, decoders[1]);
  att_generate_options_default(s.model, &options);
  options.draft_tokens = 16;
  must_say(&s, att_generate(s.model, text("A"), &options, drop, NULL), ATT_ARGUMENT, "0 to 15");
  options.draft_tokens = 0;
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folders[i]);
    if (att_model_open(s.ctx, path, &options.draft)) continue; /* without a tokenizer */
    must_say(&s, att_generate(s.model, text("A"), &options, drop, NULL), ATT_ARGUMENT, "cannot guess for this one");
    att_model_close(options.draft);
  }
  setup o;
  set_up(&o, decoders[1]);
  options.draft = o.model;
  must_say(&s, att_generate(s.model, text("A"), &options, drop, NULL), ATT_ARGUMENT, "another context");
  tear_down(&o);
  tear_down(&s);
}

static att_status write_some(att_context *ctx, void *arg) {
  att_model *model, *draft;
  att_generate_options options;
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, (const char *)arg);
  ATT_TRY(att_model_open(ctx, path, &model));
  att_status status = att_model_open(ctx, path, &draft);
  att_generate_options_default(model, &options);
  options.max_tokens = 8;
  options.draft_tokens = 3;
  options.repetition_penalty = 1.1;
  if (!status) status = att_generate(model, text("abc dea abc dea"), &options, drop, NULL);
  options.draft = draft;
  if (!status) status = att_generate(model, text("abc dea abc dea"), &options, drop, NULL);
  att_model_close(draft);
  att_model_close(model);
  return status;
}

static void test_every_failing_allocation(void **state) {
  (void)state;
  char decoder[] = "generate_llama";
  assert_true(fail_each_allocation(write_some, decoder) > 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_guesses_have_the_bits_of_single_steps),
      cmocka_unit_test(test_guesses_need_rows),
      cmocka_unit_test(test_looking_up),
      cmocka_unit_test(test_guesses_pay_or_are_not_read),
      cmocka_unit_test(test_what_is_written_is_the_same),
      cmocka_unit_test(test_repetition_is_guessed),
      cmocka_unit_test(test_services),
      cmocka_unit_test(test_draws_have_the_models_distribution),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
