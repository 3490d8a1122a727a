/*
 * Services: many requests at once have what att_generate and att_translate give of each alone; what prompts begin with
 * alike is read once; limits, cancelling, callbacks that call back, interrupts, damaged weights, failing allocations.
 */
#include "service_fixture.h"

/* Sums over other rows differ in their last digits (docs/DECODING.md). */
#define TOLERANCE 2e-3

enum { REQUESTS = 40 };

static const char *const decoders[] = {"generate_gpt2", "generate_llama"};
static const char *const translators[] = {"decode_marian", "decode_m2m_100"};

/* ---- against att_generate and att_translate ---- */

typedef struct asked {
  char prompt[400];
  att_generate_options generate;
  att_decode_options decode;
  att_request request;
  collected *want, *got;
  bool cancelled;
} asked;

static const char *const stops[] = {"\x01 never", "e"};

/* Prompts from one to some hundred tokens, greedy and drawn, one sample and several. */
static void ask_to_generate(const setup *s, asked *a, int number) {
  static const char *const words[] = {"A dog runs", "Ein Hund läuft über die", "The man", "1, 2, 3", "(a b c)", "o"};
  size_t length = 0;
  for (int i = 0; i <= (number * 7) % 11; i++)
    length += (size_t)snprintf(a->prompt + length, sizeof a->prompt - length, " %s", words[(number + i) % 6]);
  att_generate_options_default(s->model, &a->generate);
  a->generate.cache_type = ATT_CACHE_F32; /* as a service's */
  a->generate.max_tokens = 5 + (number * 13) % 40;
  a->generate.temperature = number % 3 ? 0.7 + 0.1 * (number % 5) : 0;
  a->generate.samples = number % 4 == 2 ? 3 : 1;
  a->generate.seed = (uint64_t)number;
  a->generate.repetition_penalty = number % 5 == 4 ? 1.2 : 1;
  a->generate.ignore_end = number % 7 == 0;
  if (number % 6 == 5) {
    a->generate.stop = stops;
    a->generate.stop_count = 2;
  }
  a->request.generate = &a->generate;
}

static void ask_to_translate(const setup *s, asked *a, int number) {
  static const char *const words[] = {"abc", "dea", "fgh", "ab", "hgfe", "c"};
  size_t length = 0;
  for (int i = 0; number % 9 != 8 && i <= number % 4; i++)
    length += (size_t)snprintf(a->prompt + length, sizeof a->prompt - length, " %s", words[(number + i) % 6]);
  att_decode_options_default(s->model, &a->decode);
  a->decode.beam = number % 3 == 0 ? 4 : 1;
  a->decode.nbest = number % 3 == 0 ? 1 + number % 4 : number % 3 == 1 ? 3 : 1;
  a->decode.temperature = number % 3 == 1 ? 0.8 : 0;
  a->decode.length_penalty = number % 2 ? 1 : 0.6;
  a->decode.max_length = 4 + number % 14;
  a->decode.alignment = number % 5 == 0;
  a->decode.first_line = (size_t)number;
  a->request.decode = &a->decode;
}

/* Samples come by number from a service, and by score from att_translate. */
static void sort_samples(collected *all) {
  for (int i = 1; i < all->ended; i++)
    for (int j = i; j > 0 && all->samples[j - 1].score < all->samples[j].score; j--) {
      sample other = all->samples[j];
      all->samples[j] = all->samples[j - 1];
      all->samples[j - 1] = other;
    }
}

static int collect_translation(void *user, const att_translation *t) {
  collected *all = user;
  for (size_t i = 0; i < t->count; i++) {
    const att_hypothesis *h = t->hypotheses[i];
    sample *s = &all->samples[i];
    memcpy(s->text, h->text, h->text_size);
    s->size = h->text_size;
    s->count = h->token_count;
    if (s->count) memcpy(s->tokens, h->tokens, s->count * sizeof *s->tokens);
    s->aligned = h->alignment != NULL;
    for (size_t j = 0; s->aligned && j < s->count; j++) s->alignment[j] = h->alignment[j];
    s->logprob = h->logprob;
    s->score = h->score;
  }
  all->ended = (int)t->count;
  return 0;
}

static void want_of(setup *s, asked *a) {
  a->want = collector();
  if (a->request.generate) {
    ok(s, att_generate(s->model, a->request.text, &a->generate, collect, a->want));
    return;
  }
  ok(s, att_translate(s->model, &a->request.text, 1, &a->decode, collect_translation, a->want));
}

static void compare(const char *what, asked *a) {
  char name[192];
  bool translation = a->request.decode != NULL;
  assert_true(a->got->last);
  assert_int_equal(a->got->ended, a->want->ended);
  if (translation) sort_samples(a->got);
  for (int i = 0; i < a->want->ended; i++) {
    sample *got = &a->got->samples[i], *want = &a->want->samples[i];
    snprintf(name, sizeof name, "%s, sample %d", what, i);
    if (translation) {
      want->finish = got->finish; /* att_translate does not say */
      memcpy(want->logprobs, got->logprobs, sizeof want->logprobs);
      assert_int_equal(got->aligned, want->aligned);
      if (got->aligned) assert_memory_equal(got->alignment, want->alignment, got->count * sizeof(int32_t));
    } else {
      want->score = got->score;
    }
    same_sample(name, got, want, TOLERANCE);
  }
}

/* Requests come every other step; every sixth is cancelled, one way or the other. */
static void serve_together(setup *s, asked *all, int count, att_service *service) {
  int steps = 0, submitted = 0;
  for (size_t left = 1; left || submitted < count; steps++) {
    if (submitted < count && steps % 2 == 0) {
      asked *a = &all[submitted];
      a->got = collector();
      a->got->stop_at = submitted % 12 == 5 ? 2 : 0;
      a->request.give = collect;
      a->request.user = a->got;
      att_status status = att_service_submit(service, &a->request, &a->got->request);
      if (status != ATT_FULL) ok(s, status);
      if (status == ATT_FULL) free(a->got);
      submitted += status == ATT_OK;
    }
    for (int i = 11; i < submitted; i += 12) {
      if (all[i].got->pieces < 1 || all[i].got->last || all[i].cancelled) continue;
      ok(s, att_service_cancel(service, all[i].got->request));
      all[i].cancelled = true;
    }
    ok(s, att_service_step(service, &left));
    assert_true(steps < 5000);
  }
}

static void check_together(const char *folder, int count, bool translate) {
  setup s;
  char what[128];
  asked *all = calloc((size_t)count, sizeof *all);
  att_service *service;
  att_service_options options;
  set_up(&s, folder);
  assert_non_null(all);
  for (int i = 0; i < count; i++) {
    att_request_default(&all[i].request);
    if (translate) ask_to_translate(&s, &all[i], i);
    if (!translate) ask_to_generate(&s, &all[i], i);
    all[i].request.text = text(all[i].prompt);
    want_of(&s, &all[i]);
  }
  att_service_options_default(&options);
  options.queue = 9;
  options.prompt_tokens = count % 3 ? 64 : 7;
  ok(&s, att_service_new(s.model, &options, &service));
  serve_together(&s, all, count, service);
  const att_service_info *info = att_service_describe(service);
  assert_int_equal(info->cache_rows, translate ? 0 : info->kept_rows ? info->cache_rows : 0);
  assert_true(info->source_rows == 0 && info->running == 0 && info->waiting == 0 && info->slots == 0);
  att_service_free(service);
  for (int i = 0; i < count; i++) {
    snprintf(what, sizeof what, "%s, request %d of %d", folder, i, count);
    if (!all[i].cancelled && !all[i].got->stop_at) compare(what, &all[i]);
    free(all[i].want);
    free(all[i].got);
  }
  free(all);
  tear_down(&s);
}

static void test_many_have_what_each_has_alone(void **state) {
  (void)state;
  static const int counts[] = {1, 2, 8, REQUESTS};
  for (int f = 0; f < 2; f++) {
    for (int c = 0; c < 4; c++) {
      check_together(decoders[f], counts[c], false);
      check_together(translators[f], counts[c], true);
    }
  }
}

/* ---- equal beginnings ---- */

static int32_t long_prompt[230];

static att_request long_request(int length, att_generate_options *options, collected *all) {
  att_request request;
  for (int i = 0; i < length; i++) long_prompt[i] = 3 + (i * 37 + i / 7) % 250;
  att_request_default(&request);
  request.tokens = long_prompt;
  request.token_count = (size_t)length;
  request.generate = options;
  request.give = collect;
  request.user = all;
  return request;
}

static void test_equal_beginnings_are_read_once(void **state) {
  (void)state;
  setup s;
  att_service *service;
  att_generate_options options;
  collected *all[4];
  set_up(&s, decoders[0]);
  att_generate_options_default(s.model, &options);
  options.max_tokens = 12;
  options.ignore_end = true;
  att_request request = long_request(200, &options, NULL);
  collected *want = alone(&s, &request);
  ok(&s, att_service_new(s.model, NULL, &service));
  for (int i = 0; i < 4; i++) { /* two at once, and when they have ended two more, one of them longer */
    all[i] = collector();
    request = long_request(i == 3 ? 220 : 200, &options, all[i]);
    submit(&s, service, &request, all[i]);
    if (i > 0) run_all(&s, service);
  }
  const att_service_info *info = att_service_describe(service);
  assert_int_equal(all[0]->samples[0].shared_tokens, 0);
  assert_int_equal(all[1]->samples[0].shared_tokens, 199);
  assert_int_equal(all[2]->samples[0].shared_tokens, 199);
  assert_int_equal(all[3]->samples[0].shared_tokens, 200); /* the last one too, which the others' answers began with */
  assert_int_equal(info->read_tokens, 199 + 19);
  assert_int_equal(info->shared_tokens, 199 + 199 + 200);
  for (int i = 0; i < 3; i++) same_sample("shared", &all[i]->samples[0], &want->samples[0], TOLERANCE);
  for (int i = 0; i < 4; i++) free(all[i]);
  free(want);
  att_service_free(service);
  tear_down(&s);
}

typedef struct turn {
  int32_t tokens[400];
  size_t count;
  collected *got;
} turn;

/* A beginning of 100 tokens, and others of each number's own. */
static void make_turn(turn *t, int number) {
  t->count = 120;
  for (int i = 0; i < 120; i++) t->tokens[i] = 3 + (i * 37 + i / 7 + (i < 100 ? 0 : 11 * number)) % 280;
}

/* Submits it, and has what it must give; the last tokens that it gives follow t->tokens. */
static collected *ask(setup *s, att_service *service, const att_generate_options *options, turn *t) {
  att_request request;
  att_request_default(&request);
  request.tokens = t->tokens;
  request.token_count = t->count;
  request.generate = options;
  collected *want = alone(s, &request);
  t->got = request.user = collector();
  request.give = collect;
  submit(s, service, &request, t->got);
  return want;
}

/* tokens: of the prompt, that it did not read itself. The same bits as alone, whatever it took over. */
static void end_turn(turn *t, collected *want, size_t tokens) {
  const sample *got = &t->got->samples[0];
  same_sample("windows", got, &want->samples[0], 0);
  assert_int_equal(got->shared_tokens, tokens);
  memcpy(t->tokens + t->count, got->tokens, got->count * sizeof *got->tokens);
  t->count += got->count;
  free(want);
  free(t->got);
}

/* Where layers see a window, a sequence is taken over where it stands: so prompts stop where others part from them,
 * and where those that have ended did, that is kept. */
static void test_equal_beginnings_behind_windows(void **state) {
  (void)state;
  setup s;
  att_service *service;
  att_generate_options options;
  turn turns[6];
  collected *want[6];
  set_up_windowed(&s);
  att_generate_options_default(s.model, &options);
  options.max_tokens = 60;
  options.ignore_end = true;
  ok(&s, att_service_new(s.model, NULL, &service));
  for (int i = 0; i < 6; i++) make_turn(&turns[i], i);
  for (int i = 0; i < 3; i++) want[i] = ask(&s, service, &options, &turns[i]);
  run_all(&s, service);
  for (int i = 0; i < 3; i++) end_turn(&turns[i], want[i], i ? 100 : 0);
  for (int i = 3; i < 6; i++) { /* one after another: the first is to find out where they part */
    want[i] = ask(&s, service, &options, &turns[i]);
    run_all(&s, service);
    end_turn(&turns[i], want[i], i > 3 ? 100 : 0);
  }
  const att_service_info *info = att_service_describe(service);
  assert_int_equal(info->read_tokens, 2 * 119 + 4 * 19);
  for (int i = 0; i < 3; i++) { /* the answers and more; the last token of an answer was not read */
    for (int j = 0; j < 10; j++) turns[5].tokens[turns[5].count++] = 7 + j;
    want[0] = ask(&s, service, &options, &turns[5]);
    run_all(&s, service);
    end_turn(&turns[5], want[0], turns[5].count - 11);
  }
  for (int i = 0; i < 3; i++) { /* the same once more: read as far as was kept, then kept where it ends */
    make_turn(&turns[0], 5);
    want[0] = ask(&s, service, &options, &turns[0]);
    run_all(&s, service);
    end_turn(&turns[0], want[0], i ? 119 : 100);
  }
  att_service_free(service);
  tear_down(&s);
}

/* Many ended prompts: what is kept stays within its rows, and the one used last is there. */
static void test_kept_beginnings_are_bounded(void **state) {
  (void)state;
  setup s;
  att_service *service;
  att_service_options service_options;
  att_generate_options options;
  set_up(&s, decoders[1]);
  att_generate_options_default(s.model, &options);
  options.max_tokens = 3;
  options.ignore_end = true;
  att_service_options_default(&service_options);
  service_options.kept_rows = 150;
  service_options.cache_rows = 240;
  ok(&s, att_service_new(s.model, &service_options, &service));
  for (int i = 0; i < 60; i++) {
    collected *all = collector();
    att_request request = long_request(60, &options, all);
    long_prompt[0] = i % 2 ? 99 : 100 + i; /* every other time the same */
    submit(&s, service, &request, all);
    run_all(&s, service);
    const att_service_info *info = att_service_describe(service);
    assert_true(info->kept_rows <= 150 && info->cache_rows <= 150 && info->kept_rows > 0);
    assert_int_equal(all->samples[0].shared_tokens, i % 2 && i > 2 ? 59 : 0);
    free(all);
  }
  att_service_free(service);
  tear_down(&s);
}

/* While a long prompt is read in small pieces, one who writes gets a token each step, and a short prompt its turn. */
static void test_a_long_prompt_holds_nobody_up(void **state) {
  (void)state;
  setup s;
  att_service *service;
  att_service_options service_options;
  att_generate_options options, few;
  collected *all[3] = {collector(), collector(), collector()};
  set_up(&s, decoders[0]);
  att_generate_options_default(s.model, &options);
  options.max_tokens = 100;
  options.ignore_end = true;
  few = options;
  few.max_tokens = 4;
  att_service_options_default(&service_options);
  service_options.prompt_tokens = 8;
  ok(&s, att_service_new(s.model, &service_options, &service));
  att_request request;
  att_request_default(&request);
  request.text = text("A dog");
  request.generate = &options;
  request.give = collect;
  request.user = all[0];
  submit(&s, service, &request, all[0]);
  while (all[0]->pieces < 1) ok(&s, att_service_step(service, NULL));
  request = long_request(220, &options, all[1]);
  submit(&s, service, &request, all[1]);
  request.tokens = NULL;
  request.token_count = 0;
  request.text = text("The man");
  request.generate = &few;
  request.user = all[2];
  submit(&s, service, &request, all[2]);
  int64_t written = (int64_t)all[0]->samples[0].count;
  int steps = 0;
  for (; all[1]->pieces == 0; steps++) {
    ok(&s, att_service_step(service, NULL));
    if (steps == 12) assert_true(all[2]->last);
  }
  assert_in_range(steps, 20, 60);
  assert_true((int64_t)all[0]->samples[0].count >= written + steps - 3); /* tokens amid a character wait */
  att_service_free(service);
  for (int i = 0; i < 3; i++) free(all[i]);
  tear_down(&s);
}

/* ---- limits ---- */

static void test_limits(void **state) {
  (void)state;
  setup s;
  att_service *service;
  att_service_options o;
  att_generate_options options;
  att_request request;
  collected *all = collector(), *more = collector();
  uint64_t id;
  set_up(&s, decoders[0]);
  att_service_options_default(&o);
  assert_true(o.size == sizeof o && o.slots == 64 && o.queue == 64 && o.kept_rows == -1);
#define REFUSED(change, word)                                                                                          \
  do {                                                                                                                 \
    att_service_options_default(&o);                                                                                   \
    change;                                                                                                            \
    must_say(&s, att_service_new(s.model, &o, &service), ATT_ARGUMENT, word);                                          \
    assert_null(service);                                                                                              \
  } while (0)
  REFUSED(o.slots = 0, "slots");
  REFUSED(o.slots = 5000, "slots");
  REFUSED(o.queue = 0, "queue");
  REFUSED(o.cache_rows = -1, "cache_rows");
  REFUSED(o.kept_rows = -2, "kept_rows");
  REFUSED(o.prompt_tokens = 0, "prompt_tokens");
  REFUSED(o.size = 0, "options_default");
#undef REFUSED
  att_service_options_default(&o);
  o.slots = 2;
  o.queue = 2;
  o.cache_rows = 100;
  ok(&s, att_service_new(s.model, &o, &service));
  att_generate_options_default(s.model, &options);
  options.max_tokens = 20;
  att_request_default(&request);
  request.text = text("A dog");
  request.generate = &options;
  request.user = all;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "callback");
  request.give = collect;
  request.size = 0;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "_default");
  request.size = sizeof request;
  options.samples = 3;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "3 slots, but the service has 2");
  options.samples = 1;
  options.max_tokens = 0;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "the service has 100");
  options.max_tokens = 20;
  options.top_p = 7;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "top_p");
  options.top_p = 1;
  int32_t tokens[2] = {5, 290};
  request.tokens = tokens;
  request.token_count = 2;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "token id 290");
  int32_t many[257] = {0};
  request.tokens = many;
  request.token_count = 257;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "257 tokens are more than the model's 256");
  request.tokens = NULL;
  must_say(&s, att_service_submit(service, &request, &id), ATT_ARGUMENT, "a text");
  request.token_count = 0;
  assert_int_equal(id, 0);
  must_say(&s, att_service_cancel(service, 1), ATT_ARGUMENT, "no request 1");
  ok(&s, att_service_submit(service, &request, &id));
  request.user = more;
  ok(&s, att_service_submit(service, &request, &more->request));
  must_say(&s, att_service_submit(service, &request, &id), ATT_FULL, "2 requests are waiting");
  assert_int_equal(att_service_describe(service)->waiting, 2);
  ok(&s, att_service_step(service, NULL));
  assert_int_equal(att_service_describe(service)->running, 2);
  assert_int_equal(att_service_describe(service)->slots, 2);
  ok(&s, att_service_cancel(service, 1));
  assert_int_equal(att_service_describe(service)->running, 1);
  run_all(&s, service);
  assert_true(more->last && !all->last);
  ok(&s, att_service_cancel(service, 1)); /* long gone */
  att_service_free(service);
  free(all);
  free(more);
  tear_down(&s);
  set_up(&s, "look_bert");
  must_say(&s, att_service_new(s.model, NULL, &service), ATT_UNSUPPORTED, "encoder");
  tear_down(&s);
}

/* Few rows: requests wait for each other, a thousand come and go, and the cache stays within them. */
static void test_rows_bound_who_runs(void **state) {
  (void)state;
  static const char *const folders[] = {"generate_llama", "decode_marian"};
  for (int f = 0; f < 2; f++) {
    setup s;
    att_service *service;
    att_service_options o;
    att_generate_options generate;
    att_decode_options decode;
    size_t left = 1, most = 0;
    int submitted = 0, ended = 0;
    set_up(&s, folders[f]);
    att_service_options_default(&o);
    o.cache_rows = 70;
    o.queue = 5;
    ok(&s, att_service_new(s.model, &o, &service));
    att_generate_options_default(s.model, &generate);
    att_decode_options_default(s.model, &decode);
    generate.max_tokens = 10;
    decode.beam = 2;
    decode.max_length = 10;
    collected *all = calloc(1000, sizeof *all);
    assert_non_null(all);
    while (left || submitted < 1000) {
      att_request request;
      att_request_default(&request);
      request.text = text(submitted % 2 ? "abc dea" : "ab hg fed c abc");
      request.generate = &generate;
      request.decode = &decode;
      request.give = collect;
      request.user = &all[submitted];
      if (submitted < 1000 && att_service_submit(service, &request, &all[submitted].request) == ATT_OK) submitted++;
      ok(&s, att_service_step(service, &left));
      const att_service_info *info = att_service_describe(service);
      assert_true(info->cache_rows <= 70 && info->source_rows <= 70);
      if (info->running > most) most = info->running;
    }
    for (int i = 0; i < 1000; i++) ended += all[i].last;
    assert_int_equal(ended, 1000);
    assert_in_range(most, 2, 5);
    free(all);
    att_service_free(service);
    tear_down(&s);
  }
}

/* What was built against this version before fields came behind. */
static void test_older_structs(void **state) {
  (void)state;
  setup s;
  att_service *service;
  struct {
    att_service_options options;
    char behind[64];
  } newer;
  set_up(&s, decoders[0]);
  memset(&newer, 0x5a, sizeof newer);
  att_service_options_init(&newer.options, offsetof(att_service_options, cache_rows));
  assert_int_equal(newer.options.size, offsetof(att_service_options, cache_rows));
  assert_true(newer.options.cache_rows != 0); /* not this caller's */
  ok(&s, att_service_new(s.model, &newer.options, &service));
  att_service_free(service);
  att_service_options_init(&newer.options, sizeof newer);
  ok(&s, att_service_new(s.model, &newer.options, &service));
  att_service_free(service);
  tear_down(&s);
}

/* ---- within callbacks ---- */

typedef struct caller {
  setup *s;
  att_service *service;
  att_request next;
  collected *own, *other;
  uint64_t id, other_id;
  int calls;
} caller;

static int call_back(void *user, const att_piece_of_text *piece) {
  caller *c = user;
  collect(c->own, piece);
  must_say(c->s, att_service_step(c->service, NULL), ATT_ARGUMENT, "within a step");
  if (++c->calls == 1) {
    ok(c->s, att_service_cancel(c->service, c->other_id));
    ok(c->s, att_service_submit(c->service, &c->next, NULL));
  }
  if (c->calls == 4) ok(c->s, att_service_cancel(c->service, c->id));
  return 0;
}

static void test_callbacks_may_call(void **state) {
  (void)state;
  setup s;
  att_generate_options options;
  att_request request;
  collected *next = collector();
  set_up(&s, decoders[0]);
  caller c = {.s = &s, .own = collector(), .other = collector()};
  att_generate_options_default(s.model, &options);
  options.max_tokens = 30;
  options.ignore_end = true;
  att_request_default(&request);
  request.text = text("The man");
  request.generate = &options;
  ok(&s, att_service_new(s.model, NULL, &c.service));
  request.give = call_back;
  request.user = &c;
  ok(&s, att_service_submit(c.service, &request, &c.id));
  request.give = collect;
  request.user = c.other;
  ok(&s, att_service_submit(c.service, &request, &c.other_id));
  c.next = request;
  c.next.user = next;
  run_all(&s, c.service);
  assert_int_equal(c.calls, 4);
  assert_false(c.own->last);
  assert_int_equal(c.other->pieces, 0);
  assert_true(next->last);
  att_service_free(c.service);
  free(c.own);
  free(c.other);
  free(next);
  tear_down(&s);
}

/* ---- tokens, interrupts, failures ---- */

static void test_tokens_in_place_of_text(void **state) {
  (void)state;
  static const char *const folders[] = {"generate_llama", "decode_marian"};
  for (int f = 0; f < 2; f++) {
    setup s;
    att_request request;
    int32_t *ids;
    size_t count;
    set_up(&s, folders[f]);
    att_request_default(&request);
    request.text = text("abc dea fgh");
    collected *by_text = alone(&s, &request);
    ok(&s, att_tokenize(s.model, request.text, true, &ids, &count));
    request.text = (att_text){NULL, 0};
    request.tokens = ids;
    request.token_count = count;
    if (f == 0 && ids[count - 1] == s.model->config.eos) request.token_count--; /* not behind a prompt */
    collected *by_tokens = alone(&s, &request);
    same_sample("tokens", &by_tokens->samples[0], &by_text->samples[0], 0);
    free(by_text);
    free(by_tokens);
    att_release(s.ctx, ids);
    tear_down(&s);
  }
}

static void test_interruption_loses_nothing(void **state) {
  (void)state;
  static const char *const folders[] = {"generate_gpt2", "decode_m2m_100"};
  for (int f = 0; f < 2; f++) {
    setup s;
    att_request request;
    att_service *service;
    collected *got = collector();
    set_up(&s, folders[f]);
    att_request_default(&request);
    request.text = text("abc dea fgh");
    collected *want = alone(&s, &request);
    request.give = collect;
    request.user = got;
    ok(&s, att_service_new(s.model, NULL, &service));
    submit(&s, service, &request, got);
    for (size_t left = 1; left;) {
      att_interrupt(s.ctx);
      assert_int_equal(att_service_step(service, &left), ATT_INTERRUPTED);
      assert_int_equal(left, 1);
      ok(&s, att_service_step(service, &left));
    }
    for (int i = 0; i < want->ended; i++) same_sample("interrupted", &got->samples[i], &want->samples[i], 0);
    att_service_free(service);
    free(want);
    free(got);
    tear_down(&s);
  }
}

/* Damaged weights end what runs; what comes later is served, once they are whole again. */
static void test_a_failure_ends_what_runs(void **state) {
  (void)state;
  setup s;
  att_request request;
  att_service *service;
  att_service_options o;
  collected *all[3] = {collector(), collector(), collector()};
  set_up(&s, decoders[0]);
  ok(&s, att_model_train(s.model, NULL, NULL)); /* values of its own, to be spoilt */
  att_request_default(&request);
  request.text = text("A dog");
  collected *want = alone(&s, &request);
  request.give = collect;
  att_service_options_default(&o);
  o.slots = 2;
  ok(&s, att_service_new(s.model, &o, &service));
  for (int i = 0; i < 3; i++) {
    request.user = all[i];
    submit(&s, service, &request, all[i]);
  }
  for (int i = 0; i < 4; i++) ok(&s, att_service_step(service, NULL));
  size_t left, bytes = (size_t)s.model->config.vocab_size * sizeof(float);
  float *whole = malloc(bytes);
  assert_non_null(whole);
  memcpy(whole, s.model->values, bytes);
  for (int64_t i = 0; i < s.model->config.vocab_size; i++) s.model->values[i] = NAN;
  must_say(&s, att_service_step(service, &left), ATT_NUMERIC, "not finite");
  memcpy(s.model->values, whole, bytes);
  assert_int_equal(left, 1);
  assert_true(all[0]->failed && all[1]->failed && all[2]->pieces == 0);
  assert_int_equal(att_service_describe(service)->cache_rows, 0);
  run_all(&s, service);
  same_sample("after a failure", &all[2]->samples[0], &want->samples[0], 0);
  att_service_free(service);
  for (int i = 0; i < 3; i++) free(all[i]);
  free(whole);
  free(want);
  tear_down(&s);
}

/* ---- failing allocations ---- */

static int drop(void *user, const att_piece_of_text *piece) {
  (void)user;
  (void)piece;
  return 0;
}

static att_status serve_some(att_model *model, att_service *service) {
  att_generate_options generate;
  att_decode_options decode;
  att_generate_options_default(model, &generate);
  att_decode_options_default(model, &decode);
  for (int i = 0; i < 3; i++) {
    att_request request;
    att_request_default(&request);
    request.text = text(i ? "abc dea fgh abc dea fgh" : "ab");
    request.generate = &generate;
    request.decode = &decode;
    request.give = drop;
    generate.samples = 1 + i;
    generate.max_tokens = 6;
    generate.temperature = 1;
    generate.repetition_penalty = 1.1;
    decode.beam = 1 + i;
    decode.nbest = 1 + i / 2;
    decode.alignment = true;
    ATT_TRY(att_service_submit(service, &request, NULL));
    if (i) ATT_TRY(att_service_step(service, NULL)); /* two sources are encoded together */
  }
  for (size_t left = 1; left;) ATT_TRY(att_service_step(service, &left));
  return ATT_OK;
}

static att_status open_and_serve(att_context *ctx, void *arg) {
  att_model *model;
  att_service *service;
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, (const char *)arg);
  ATT_TRY(att_model_open(ctx, path, &model));
  att_status status = att_service_new(model, NULL, &service);
  if (!status) status = serve_some(model, service);
  att_service_free(service);
  att_model_close(model);
  return status;
}

static void test_every_failing_allocation(void **state) {
  (void)state;
  char decoder[] = "generate_llama", translator[] = "decode_marian";
  assert_true(fail_each_allocation(open_and_serve, decoder) > 40);
  assert_true(fail_each_allocation(open_and_serve, translator) > 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_many_have_what_each_has_alone),
      cmocka_unit_test(test_equal_beginnings_are_read_once),
      cmocka_unit_test(test_equal_beginnings_behind_windows),
      cmocka_unit_test(test_kept_beginnings_are_bounded),
      cmocka_unit_test(test_a_long_prompt_holds_nobody_up),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_rows_bound_who_runs),
      cmocka_unit_test(test_older_structs),
      cmocka_unit_test(test_callbacks_may_call),
      cmocka_unit_test(test_tokens_in_place_of_text),
      cmocka_unit_test(test_interruption_loses_nothing),
      cmocka_unit_test(test_a_failure_ends_what_runs),
      cmocka_unit_test(test_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
