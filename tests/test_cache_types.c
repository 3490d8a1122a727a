/*
 * Caches in float16 and q8_0: what they take, how far logits are from those of float32, that they are read alike step
 * by step, in pieces and with guesses ahead; their rows in every table of kernels; refusals; what att_generate makes of
 * it.
 */
#include "decode/session.h"
#include "kernels/kernels.h"
#include "service_fixture.h"

enum { VOCAB = 290, TOKENS = 40, LAYERS = 2, HEADS = 4, KV_HEADS = 2, SIZE = 32 };

static int32_t token_of(uint64_t key, uint64_t i) { return (int32_t)(3 + att_random64(key, i) % 280); }

/* A new model of `folder`'s kind with heads of 32 columns. */
static void make_model(setup *s, const char *folder, att_position position) {
  att_config config;
  char path[1024];
  memset(s, 0, sizeof *s);
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, folder);
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &s->ctx),
                   ATT_OK);
  ok(s, att_config_read(s->ctx, path, &config));
  config.d_model = HEADS * SIZE;
  config.head_size = SIZE;
  config.position = position;
  config.vocab_size = VOCAB;
  ok(s, att_model_new(s->ctx, &config, NULL, 5, &s->model));
  for (int64_t i = 0; i < s->model->trained_total; i++) s->model->values[i] *= 2; /* attention that looks somewhere */
}

/* logits[TOKENS, VOCAB]; pieces of so many tokens, or as guesses behind the first of them. */
static void read_text(setup *s, att_type type, int piece, bool guesses, float *logits, int64_t *bytes) {
  att_arena *arena;
  att_session *session;
  int32_t sequence, tokens[TOKENS];
  ok(s, att_arena_new(s->ctx, &arena));
  ok(s, att_session_new_typed(s->model, 0, type, &session));
  ok(s, att_session_add(session, &sequence));
  for (int i = 0; i < TOKENS; i++) tokens[i] = token_of(9, (uint64_t)i);
  for (int i = 0; i < TOKENS; i += piece) {
    float *out;
    att_reading reading = {sequence, tokens + i, guesses ? 1 : piece, guesses ? piece - 1 : 0, 0};
    ok(s, att_session_step(session, arena, &reading, 1, &out));
    int first = guesses ? 0 : piece - 1;
    memcpy(logits + (i + first) * VOCAB, out, (size_t)(piece - first) * VOCAB * sizeof *out);
    for (int j = 1; guesses && j < piece; j++) att_session_accept(session, sequence);
    att_arena_reset(arena);
  }
  *bytes = att_session_used(session).cache_bytes;
  att_session_free(session);
  att_arena_free(arena);
}

static double distance(const float *a, const float *b, int64_t n) {
  double most = 0, largest = 0;
  for (int64_t i = 0; i < n; i++) {
    most = fmax(most, fabs((double)(a[i] - b[i])));
    largest = fmax(largest, fabs((double)b[i]));
  }
  assert_true(largest > 0.1 && isfinite(largest));
  return isfinite(most) ? most / largest : INFINITY;
}

static void test_logits_are_near(void **state) {
  (void)state;
  static const struct {
    const char *folder;
    att_position position;
  } models[] = {{"generate_llama", ATT_ROTARY},
                {"generate_gpt2", ATT_LEARNED},
                {"generate_gpt2", ATT_ALIBI},
                {"family_mistral", ATT_ROTARY}}; /* whose layers see 7 tokens */
  static const struct {
    att_type type;
    double least, most; /* of the largest logit */
  } types[] = {{ATT_F16, 1e-7, 2e-3}, {ATT_Q8_0, 1e-5, 3e-2}};
  static float want[TOKENS * VOCAB], got[TOKENS * VOCAB], again[TOKENS * VOCAB];
  for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
    setup s;
    int64_t whole, bytes;
    make_model(&s, models[m].folder, models[m].position);
    read_text(&s, ATT_F32, 1, false, want, &whole);
    for (size_t t = 0; t < 2; t++) {
      read_text(&s, types[t].type, 1, false, got, &bytes);
      double off = distance(got, want, TOKENS * VOCAB);
      if (!(off > types[t].least && off < types[t].most))
        fail_msg("%s, %s: off by %g", models[m].folder, att_type_name(types[t].type), off);
      assert_true(bytes == (types[t].type == ATT_F16 ? whole / 2 : whole * 34 / 128));
      read_text(&s, types[t].type, 4, true, again, &bytes); /* the same sums */
      assert_memory_equal(got, again, sizeof got);
      read_text(&s, types[t].type, 8, false, again, &bytes);
      for (int i = 7; i < TOKENS; i += 8) assert_true(distance(again + i * VOCAB, got + i * VOCAB, VOCAB) < 1e-4);
    }
    tear_down(&s);
  }
}

/* By the format's own words: a token takes 2 x layers x key/value heads x columns numbers. */
static void test_what_a_cache_takes(void **state) {
  (void)state;
  static float logits[TOKENS * VOCAB];
  setup s;
  int64_t bytes, rows = 256; /* that are there at once */
  make_model(&s, "generate_llama", ATT_ROTARY);
  int64_t numbers = 2 * LAYERS * KV_HEADS * SIZE;
  read_text(&s, ATT_F32, 1, false, logits, &bytes);
  assert_int_equal(bytes, rows * numbers * 4);
  read_text(&s, ATT_F16, 1, false, logits, &bytes);
  assert_int_equal(bytes, rows * numbers * 2);
  read_text(&s, ATT_Q8_0, 1, false, logits, &bytes);
  assert_int_equal(bytes, rows * numbers / 32 * 34);
  tear_down(&s);
}

static void test_rows_in_every_table(void **state) {
  (void)state;
  static const char *const names[] = {"portable", "avx2", "avx512"};
  enum { N = 160 };
  float x[N], want[N];
  char first[N / 32 * 34];
  for (int i = 0; i < N; i++)
    x[i] = (float)((att_uniform(4, (uint64_t)i) - 0.5) * (i < 32 ? 1e-3 : i < 64 ? 100.0 : 3.0));
  for (int i = 128; i < N; i++) x[i] = 0; /* a block of nothing */
  for (int t = 0; t < 3; t++) {
    const att_kernels *k = att_kernels_named(names[t]);
    char blocks[sizeof first];
    float back[N];
    if (!k) continue;
    k->from_f32(blocks, x, ATT_Q8_0, N);
    k->to_f32(back, blocks, ATT_Q8_0, N);
    if (t == 0) memcpy(first, blocks, sizeof first), memcpy(want, back, sizeof want);
    assert_memory_equal(blocks, first, sizeof first);
    assert_memory_equal(back, want, sizeof want);
    for (int b = 0; b < N; b += 32) {
      float most = 0;
      for (int i = b; i < b + 32; i++) most = fmaxf(most, fabsf(x[i]));
      for (int i = b; i < b + 32; i++)
        if (!(fabsf(back[i] - x[i]) <= most * (0.5f / 127 + 0.0006f)))
          fail_msg("%s: %g, not %g", names[t], (double)back[i], (double)x[i]);
    }
  }
}

static void test_refusals(void **state) {
  (void)state;
  setup s;
  att_session *session;
  att_service *service;
  att_service_options options;
  set_up(&s, "generate_llama"); /* heads of 8 columns */
  must_say(&s, att_session_new_typed(s.model, 0, ATT_Q8_0, &session), ATT_UNSUPPORTED, "multiple of 32");
  assert_null(session);
  att_service_options_default(&options);
  options.cache_type = (att_cache_type)3;
  must_say(&s, att_service_new(s.model, &options, &service), ATT_ARGUMENT, "cache_type");
  tear_down(&s);
}

/* ---- prompts in pieces ---- */

typedef struct told {
  size_t read, tokens;
  int calls;
} told;

static void on_prompt(void *user, size_t read, size_t tokens) {
  told *t = user;
  assert_true(read > t->read && read < tokens);
  t->read = read;
  t->tokens = tokens;
  t->calls++;
}

static void test_a_prompt_tells_how_far_it_is(void **state) {
  (void)state;
  setup s;
  told t = {0};
  att_generate_options options;
  char prompt[200];
  set_up(&s, "generate_llama");
  for (int i = 0; i < 199; i++) prompt[i] = "abcdefgh "[i * 7 % 9];
  prompt[199] = '\0';
  att_generate_options_default(s.model, &options);
  assert_int_equal(options.cache_type, ATT_CACHE_F16);
  options.max_tokens = 3;
  options.on_prompt = on_prompt;
  options.on_prompt_user = &t;
  collected *all = collector();
  ok(&s, att_generate(s.model, text(prompt), &options, collect, all));
  assert_true(t.calls > 0);
  assert_int_equal(t.tokens, all->samples[0].prompt_tokens);
  assert_int_equal(t.read, t.tokens - 1);
  free(all);
  tear_down(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_logits_are_near),
      cmocka_unit_test(test_what_a_cache_takes),
      cmocka_unit_test(test_rows_in_every_table),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_a_prompt_tells_how_far_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
