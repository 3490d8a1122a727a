/*
 * Sessions: sequences that are added, stepped, forked, cut back and dropped in random order have the logits of the
 * training forward, for every kind of network; rows are shared, counted and used again, and go once a window has left
 * them behind; limits, failing allocations and interrupts leave every sequence as it was.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "counting.h"
#include "decode/decode.h"

enum { SEQUENCES = 10, POSITIONS = 128, SHORT = 32, MOST_NEW = 6, CUT_BACK = 32 };

/* What a sequence must be. rows: a name for each row, the same where it is shared; layers with a window have those of
 * the tokens from `held` on. */
typedef struct mirror {
  bool used;
  int32_t handle;
  int32_t tokens[POSITIONS];
  int64_t rows[POSITIONS];
  int64_t count, held;
  int32_t source[POSITIONS];
  int64_t source_count, source_name;
} mirror;

typedef struct setup {
  att_context *ctx;
  att_model *model;
  att_arena *arena;
  att_session *session;
  int64_t positions, window; /* of some layers; 0: there are none */
  uint64_t draws;
  int64_t names;
  mirror sequences[SEQUENCES];
} setup;

static void ok(const setup *s, att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(s->ctx));
}

/* Before a folder: a new model of its sizes with a head that copies, or of more positions. */
#define COPYING "copying:"
#define LONGER  "longer:"

/* Without a tokenizer, which not every folder here has. */
static att_status open_model(att_context *ctx, const char *folder, att_model **model) {
  att_config config;
  bool copying = strncmp(folder, COPYING, strlen(COPYING)) == 0, fresh = strchr(folder, ':') != NULL;
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, fresh ? strchr(folder, ':') + 1 : folder);
  *model = NULL;
  ATT_TRY(att_config_read(ctx, path, &config));
  if (copying) config.head = ATT_HEAD_COPYING;
  if (fresh && !copying) config.max_position_embeddings = 1100;
  att_status status = att_model_new(ctx, &config, NULL, 1, model);
  if (status) att_free(ctx, config.labels);
  for (int64_t i = 0; !status && fresh && !copying && i < (*model)->trained_total; i++)
    (*model)->values[i] *= 4; /* attention that looks somewhere */
  if (fresh) return status;
  ATT_TRY(status);
  status = att_model_read_weights(*model, path, "model");
  if (status) att_model_close(*model);
  return status;
}

static void set_up(setup *s, const char *folder, int64_t most_rows) {
  memset(s, 0, sizeof *s);
  assert_int_equal(att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &s->ctx),
                   ATT_OK);
  ok(s, open_model(s->ctx, folder, &s->model));
  ok(s, att_arena_new(s->ctx, &s->arena));
  ok(s, att_session_new(s->model, most_rows, &s->session));
  const att_config *c = &s->model->config;
  for (int64_t i = 0; i < c->decoder_layers; i++)
    if (c->local_layers[i]) s->window = c->sliding_window;
  s->positions = s->window ? POSITIONS : SHORT;
  if (s->positions > c->max_position_embeddings) s->positions = c->max_position_embeddings;
}

static void tear_down(setup *s) {
  att_session_free(s->session);
  att_arena_free(s->arena);
  att_model_close(s->model);
  att_context_free(s->ctx);
}

static bool translates(const setup *s) { return s->model->config.kind == ATT_ENCODER_DECODER; }

/* In [0, end). */
static int64_t draw(setup *s, int64_t end) { return (int64_t)(att_random64(5, s->draws++) % (uint64_t)end); }

static int32_t draw_token(setup *s) { return (int32_t)draw(s, s->model->config.vocab_size); }

/* ---- the slow way ---- */

static void logits_of(setup *s, const mirror *m, float *out) {
  att_run run = {.ctx = s->ctx, .arena = s->arena};
  int64_t start[] = {0, m->count}, source_start[] = {0, m->source_count}, one[] = {0, 1};
  att_input input = {.ids = m->tokens, .sequences = {1, start}},
            source = {.ids = m->source, .sequences = {1, source_start}};
  att_memory memory;
  att_hidden hidden = {.sequences = {1, one}, .memory = &memory};
  att_tensor logits;
  if (translates(s)) ok(s, att_model_encode(&run, s->model, &source, NULL, NULL, &memory));
  ok(s, att_model_decode(&run, s->model, &input, translates(s) ? &memory : NULL, NULL, NULL, &hidden.rows));
  hidden.rows.data += (m->count - 1) * hidden.rows.stride;
  hidden.rows.rows = 1;
  ok(s, att_head_logits(&run, s->model, &hidden, &logits));
  memcpy(out, logits.data, (size_t)logits.cols * sizeof *out);
}

static void same_logits(setup *s, const mirror *m, const float *got) {
  int64_t vocab = s->model->config.vocab_size;
  float *want = malloc((size_t)vocab * sizeof *want), most = 0;
  assert_non_null(want);
  logits_of(s, m, want);
  for (int64_t i = 0; i < vocab; i++) most = fmaxf(most, fabsf(want[i]));
  assert_true(most > 0.01f);
  for (int64_t i = 0; i < vocab; i++)
    if (!(fabsf(got[i] - want[i]) <= 5e-5f * most))
      fail_msg("logit %d after %d tokens is %.8g, not %.8g", (int)i, (int)m->count, (double)got[i], (double)want[i]);
  free(want);
}

static int by_name(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static int64_t distinct(int64_t *names, int64_t count) {
  int64_t different = 0;
  qsort(names, (size_t)count, sizeof *names, by_name);
  for (int64_t i = 0; i < count; i++) different += i == 0 || names[i] != names[i - 1];
  return different;
}

/* The first token that is seen from behind `count`, where there is a window. */
static int64_t first_seen(const setup *s, int64_t count) {
  return s->window && count + 1 > s->window ? count + 1 - s->window : 0;
}

/* Rows and sources that are shared count once; every sequence has the tokens that it must have. */
static void check_all(setup *s) {
  int64_t rows[SEQUENCES * POSITIONS], count = 0, sources[SEQUENCES * POSITIONS], source_rows = 0;
  int64_t local[SEQUENCES * POSITIONS], local_count = 0;
  for (int i = 0; i < SEQUENCES; i++) {
    const mirror *m = &s->sequences[i];
    int32_t tokens[POSITIONS];
    if (!m->used) continue;
    assert_int_equal(att_session_length(s->session, m->handle), m->count);
    att_session_tokens(s->session, m->handle, 0, m->count, tokens);
    assert_int_equal(att_session_common(s->session, m->handle, m->tokens, m->count), m->count);
    for (int64_t j = 0; j < m->count; j++) {
      assert_int_equal(tokens[j], m->tokens[j]);
      rows[count++] = m->rows[j];
      if (s->window && j >= m->held) local[local_count++] = m->rows[j];
    }
    assert_int_equal(att_session_goes_back(s->session, m->handle, m->count), m->held <= first_seen(s, m->count));
    for (int64_t j = 0; j < m->source_count; j++) sources[source_rows++] = m->source_name + j;
  }
  att_session_use use = att_session_used(s->session);
  assert_int_equal(use.rows, distinct(rows, count));
  assert_int_equal(use.local_rows, distinct(local, local_count));
  assert_int_equal(use.source_rows, distinct(sources, source_rows));
}

/* ---- what can happen ---- */

static mirror *find(setup *s, bool used) {
  int first = (int)draw(s, SEQUENCES);
  for (int i = 0; i < SEQUENCES; i++)
    if (s->sequences[(first + i) % SEQUENCES].used == used) return &s->sequences[(first + i) % SEQUENCES];
  return NULL;
}

static void add(setup *s) {
  mirror *fresh[] = {find(s, false), NULL};
  int64_t start[3] = {0}, count = translates(s) ? 1 + draw(s, 2) : 1;
  int32_t ids[2 * POSITIONS], handles[2];
  if (!fresh[0]) return;
  fresh[0]->used = true;
  fresh[1] = count > 1 ? find(s, false) : NULL;
  count = fresh[1] ? 2 : 1;
  for (int64_t i = 0; i < count; i++) {
    mirror *m = fresh[i];
    *m = (mirror){.used = true, .source_name = s->names};
    if (!translates(s)) continue;
    m->source_count = 1 + draw(s, s->positions);
    s->names += m->source_count;
    start[i + 1] = start[i] + m->source_count;
    for (int64_t j = 0; j < m->source_count; j++) ids[start[i] + j] = m->source[j] = draw_token(s);
  }
  if (translates(s)) {
    att_input input = {.ids = ids, .sequences = {count, start}};
    ok(s, att_session_add_sources(s->session, s->arena, &input, handles));
  } else {
    ok(s, att_session_add(s->session, &handles[0]));
  }
  for (int64_t i = 0; i < count; i++) fresh[i]->handle = handles[i];
}

/* Mostly not far, so that it goes back. */
static void shorten(setup *s, mirror *m) {
  m->count -= draw(s, 3) && m->count > 20 ? draw(s, 20) : draw(s, m->count + 1);
  if (m->held > m->count) m->held = m->count;
}

static void fork_one(setup *s) {
  mirror *from = find(s, true), *to = find(s, false);
  if (!from || !to) return;
  *to = *from;
  shorten(s, to);
  ok(s, att_session_fork(s->session, from->handle, to->count, &to->handle));
  assert_int_not_equal(to->handle, from->handle);
}

static void cut(setup *s) {
  mirror *m = find(s, true);
  if (!m) return;
  shorten(s, m);
  att_session_cut(s->session, m->handle, m->count);
}

static void drop(setup *s) {
  mirror *m = find(s, true);
  if (!m) return;
  att_session_drop(s->session, m->handle);
  m->used = false;
}

/* What layers with a window must have after a step; all of it, where the sequence was read again. */
static void leave_behind(setup *s, mirror *m, int64_t fresh) {
  for (int64_t j = 0; m->held > first_seen(s, m->count) && j < m->count; j++) m->rows[j] = s->names++;
  if (m->held > first_seen(s, m->count)) m->held = first_seen(s, m->count) - CUT_BACK;
  if (m->held < first_seen(s, m->count + fresh) - CUT_BACK) m->held = first_seen(s, m->count + fresh) - CUT_BACK;
  if (m->held < 0) m->held = 0;
}

static void step(setup *s) {
  att_reading readings[SEQUENCES];
  mirror *stepped[SEQUENCES];
  int count = 0;
  float *logits;
  for (int i = 0; i < SEQUENCES; i++) {
    mirror *m = &s->sequences[i];
    int64_t fresh = draw(s, 3) ? 1 : 1 + draw(s, s->window ? 5 * MOST_NEW : MOST_NEW);
    if (!m->used || draw(s, 3) == 0 || m->count + fresh > s->positions) continue;
    int64_t guesses = att_session_reads_ahead(s->session) ? draw(s, 4) : 0;
    if (guesses > s->positions - m->count - fresh) guesses = s->positions - m->count - fresh;
    readings[count] = (att_reading){m->handle, m->tokens + m->count, fresh, guesses, 0};
    for (int64_t j = 0; j < fresh + guesses; j++) {
      m->rows[m->count + j] = s->names++;
      m->tokens[m->count + j] = draw_token(s);
    }
    leave_behind(s, m, fresh);
    m->count += fresh;
    stepped[count++] = m;
  }
  if (count == 0) return;
  bool wanted = draw(s, 5) > 0;
  ok(s, att_session_step(s->session, s->arena, readings, count, wanted ? &logits : NULL));
  for (int i = 0, at = 0; i < count; i++) {
    mirror *m = stepped[i];
    int64_t accepted = draw(s, readings[i].guesses + 1);
    for (int64_t j = 0; j <= readings[i].guesses; j++, at++) {
      mirror ahead = *m;
      ahead.count += j;
      if (wanted) same_logits(s, &ahead, logits + at * s->model->config.vocab_size);
    }
    for (int64_t j = 0; j < accepted; j++) att_session_accept(s->session, m->handle);
    m->count += accepted;
    att_session_cut(s->session, m->handle, m->count); /* the others are forgotten */
  }
  att_arena_reset(s->arena);
}

static void test_any_order_equals_the_forward(void **state) {
  (void)state;
  static const char *const folders[] = {
      "generate_gpt2",         "generate_llama",         "decode_marian",
      "decode_m2m_100",        "recurrent_gru_additive", "recurrent_lstm_multiplicative",
      "recurrent_rnn_none",    "recurrent_lstm_decoder", "recurrent_ffn",
      "recurrent_ffn_decoder", COPYING "decode_marian",  COPYING "decode_t5",
      LONGER "family_gemma3",  LONGER "family_mistral"};
  for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
    setup s;
    set_up(&s, folders[f], 0);
    int steps = 0;
    for (int i = 0; i < 1500; i++) {
      int64_t what = draw(&s, 20);
      if (what < 3) add(&s);
      if (what >= 3 && what < 6) fork_one(&s);
      if (what == 6 || what == 7) cut(&s);
      if (what == 8 || what == 9) drop(&s);
      if (what >= 10) step(&s);
      steps += what >= 10;
      check_all(&s);
    }
    assert_true(steps > 500);
    while (find(&s, true)) drop(&s);
    att_session_use use = att_session_used(s.session);
    assert_true(use.rows == 0 && use.local_rows == 0 && use.source_rows == 0);
    tear_down(&s);
  }
}

/* ---- rows ---- */

/* Six rows suffice for sequences that come and go, four and two tokens long; sources likewise. */
static void test_rows_are_used_again(void **state) {
  (void)state;
  static const char *const folders[] = {"generate_gpt2", "decode_marian"};
  static const int32_t tokens[] = {7, 8, 9, 10}, source[] = {11, 12, 0};
  for (int f = 0; f < 2; f++) {
    setup s;
    set_up(&s, folders[f], 6);
    int64_t start[] = {0, 3};
    att_input input = {.ids = source, .sequences = {1, start}};
    for (int i = 0; i < 1000; i++) {
      int32_t a, b;
      att_arena_reset(s.arena);
      ok(&s, f ? att_session_add_sources(s.session, s.arena, &input, &a) : att_session_add(s.session, &a));
      att_reading four = {a, tokens, 4, 0, 0}, two = {0, tokens, 2, 0, 0};
      ok(&s, att_session_step(s.session, s.arena, &four, 1, NULL));
      ok(&s, att_session_fork(s.session, a, 3, &b));
      two.sequence = b;
      ok(&s, att_session_step(s.session, s.arena, &two, 1, NULL));
      assert_int_equal(att_session_used(s.session).rows, 6);
      assert_int_equal(att_session_used(s.session).source_rows, f ? 3 : 0);
      att_session_drop(s.session, i % 2 ? a : b);
      assert_int_equal(att_session_used(s.session).rows, i % 2 ? 5 : 4);
      att_session_drop(s.session, i % 2 ? b : a);
      assert_int_equal(att_session_used(s.session).rows, 0);
      assert_int_equal(att_session_used(s.session).source_rows, 0);
    }
    tear_down(&s);
  }
}

/* ---- windows ---- */

enum { LONG = 1000 };

static const char *const windowed[] = {LONGER "family_gemma3", LONGER "family_gemma2", LONGER "family_mistral",
                                       LONGER "family_qwen2", LONGER "family_phi3"};
#define WINDOWED (sizeof windowed / sizeof *windowed)

static void draw_text(setup *s, int32_t *tokens) {
  for (int i = 0; i < LONG; i++) tokens[i] = draw_token(s);
}

/* Logits after a token behind a text, in a sequence that has read all before it in one step: nothing has gone. */
static void read_whole(setup *s, const int32_t *tokens, int64_t count, float *out) {
  int32_t sequence;
  float *logits;
  ok(s, att_session_add(s->session, &sequence));
  att_reading reading = {sequence, tokens, count, 0, 0};
  ok(s, att_session_step(s->session, s->arena, &reading, 1, &logits));
  memcpy(out, logits, (size_t)s->model->config.vocab_size * sizeof *out);
  att_session_drop(s->session, sequence);
  att_arena_reset(s->arena);
}

/* A text of many windows, read token by token and in pieces: the bits of one that is read at once, and rows of a window
 * in the layers that have one. */
static void test_windows_keep_their_rows_alone(void **state) {
  (void)state;
  static int32_t tokens[LONG];
  for (size_t f = 0; f < WINDOWED; f++) {
    setup s;
    set_up(&s, windowed[f], 0);
    int64_t vocab = s.model->config.vocab_size, seen = 0, before = 0;
    float *want = malloc((size_t)vocab * sizeof *want), *logits;
    int32_t sequence;
    assert_non_null(want);
    assert_in_range(s.window, 4, 11);
    draw_text(&s, tokens);
    ok(&s, att_session_add(s.session, &sequence));
    for (int64_t done = 0, fresh; done < LONG; done += fresh) {
      fresh = done % 7 ? 1 : 1 + draw(&s, 40);
      if (fresh > LONG - done) fresh = LONG - done;
      att_reading reading = {sequence, tokens + done, fresh, 0, 0};
      ok(&s, att_session_step(s.session, s.arena, &reading, 1, &logits));
      att_session_use use = att_session_used(s.session);
      assert_int_equal(use.rows, done + fresh);
      if (done + fresh > s.window + CUT_BACK) assert_int_equal(use.local_rows, s.window - 1 + CUT_BACK);
      if (seen++ % 16) continue;
      float *kept = malloc((size_t)vocab * sizeof *kept);
      assert_non_null(kept);
      memcpy(kept, logits, (size_t)vocab * sizeof *kept);
      read_whole(&s, tokens, done + fresh, want);
      assert_memory_equal(kept, want, (size_t)vocab * sizeof *want);
      free(kept);
      before = done;
    }
    assert_true(seen > 100 && before > 500);
    free(want);
    tear_down(&s);
  }
}

/* Far back: read again by the next step, with the bits that it had. A little: not. */
static void test_cut_behind_the_window(void **state) {
  (void)state;
  static int32_t tokens[LONG];
  static const int64_t lengths[] = {0, 1, 3, 100, 260, 299 - CUT_BACK, 300 - CUT_BACK, 299};
  for (size_t f = 0; f < WINDOWED; f++) {
    setup s;
    set_up(&s, windowed[f], 0);
    int64_t vocab = s.model->config.vocab_size;
    float *want = malloc((size_t)vocab * sizeof *want), *logits;
    assert_non_null(want);
    draw_text(&s, tokens);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
      int64_t length = lengths[i];
      int32_t both[2];
      read_whole(&s, tokens, length + 1, want);
      ok(&s, att_session_add(s.session, &both[0]));
      att_reading all = {both[0], tokens, 300, 0, 0};
      ok(&s, att_session_step(s.session, s.arena, &all, 1, NULL));
      bool back = length == 0 || length >= 300 - CUT_BACK;
      assert_int_equal(att_session_goes_back(s.session, both[0], length), back);
      ok(&s, att_session_fork(s.session, both[0], length, &both[1]));
      att_session_cut(s.session, both[0], length);
      for (int j = 0; j < 2; j++) {
        att_reading one = {both[j], tokens + length, 1, 0, 0};
        ok(&s, att_session_step(s.session, s.arena, &one, 1, &logits));
        assert_memory_equal(logits, want, (size_t)vocab * sizeof *want);
        assert_true(att_session_goes_back(s.session, both[j], length + 1));
      }
      bool shared = back && att_model_goes_on(s.model, 300, length + 1);
      assert_int_equal(att_session_used(s.session).rows, shared ? length + 2 : 2 * (length + 1));
      for (int j = 0; j < 2; j++) att_session_drop(s.session, both[j]);
      assert_int_equal(att_session_used(s.session).local_rows, 0);
    }
    free(want);
    tear_down(&s);
  }
}

static void must_say(const setup *s, att_status got, att_status want, const char *words) {
  if (got != want || !strstr(att_message(s->ctx), words))
    fail_msg("%s: %s, not %s: ..%s..", att_status_name(got), att_message(s->ctx), att_status_name(want), words);
}

static void test_limits(void **state) {
  (void)state;
  static const int32_t tokens[] = {7, 8, 9, 10, 11, 12, 13, 14};
  setup s;
  set_up(&s, "generate_llama", 10);
  float *logits, before, after;
  int32_t a, b;
  ok(&s, att_session_add(s.session, &a));
  ok(&s, att_session_add(s.session, &b));
  att_reading readings[] = {{a, tokens, 7, 0, 0}, {b, tokens, 2, 0, 0}};
  ok(&s, att_session_step(s.session, s.arena, readings, 2, &logits));
  must_say(&s, att_session_step(s.session, s.arena, readings + 1, 1, &logits), ATT_FULL,
           "2 tokens more than its 10, of which 9 are in use");
  assert_int_equal(att_session_length(s.session, b), 2);
  readings[1].count = 1;
  ok(&s, att_session_step(s.session, s.arena, readings + 1, 1, &logits));
  before = logits[3];
  att_session_cut(s.session, a, 6);
  att_session_cut(s.session, b, 2);
  ok(&s, att_session_step(s.session, s.arena, readings + 1, 1, &logits));
  after = logits[3];
  assert_true(before == after);
  tear_down(&s);
  set_up(&s, "generate_llama", 0); /* the model's own limits leave a sequence as it was, too */
  int32_t wrong = 290;
  ok(&s, att_session_add(s.session, &a));
  readings[0] = (att_reading){a, tokens, 3, 0, 0};
  ok(&s, att_session_step(s.session, s.arena, readings, 1, NULL));
  readings[0] = (att_reading){a, &wrong, 1, 0, 0};
  must_say(&s, att_session_step(s.session, s.arena, readings, 1, NULL), ATT_ARGUMENT, "290");
  assert_int_equal(att_session_length(s.session, a), 3);
  assert_int_equal(att_session_used(s.session).rows, 3);
  tear_down(&s);
  set_up(&s, "decode_marian", 5);
  int64_t start[] = {0, 3, 6};
  int32_t both[2];
  att_input input = {.ids = tokens, .sequences = {2, start}};
  must_say(&s, att_session_add_sources(s.session, s.arena, &input, both), ATT_FULL, "6 tokens more than its 5");
  assert_int_equal(att_session_used(s.session).source_rows, 0);
  must_say(&s, att_session_add(s.session, &a), ATT_ARGUMENT, "needs a source");
  tear_down(&s);
  set_up(&s, "generate_gpt2", 0);
  att_session *none;
  att_model *encoder;
  char path[1024];
  snprintf(path, sizeof path, "%s/look_bert", ATT_TEST_DATA);
  ok(&s, att_model_open(s.ctx, path, &encoder));
  must_say(&s, att_session_new(encoder, 0, &none), ATT_UNSUPPORTED, "no decoder");
  assert_null(none);
  att_model_close(encoder);
  tear_down(&s);
}

static void test_interruption(void **state) {
  (void)state;
  static const int32_t tokens[] = {7, 8, 9};
  setup s;
  int32_t a;
  set_up(&s, "decode_marian", 0);
  int64_t start[] = {0, 3};
  att_input input = {.ids = tokens, .sequences = {1, start}};
  att_interrupt(s.ctx);
  assert_int_equal(att_session_add_sources(s.session, s.arena, &input, &a), ATT_INTERRUPTED);
  s.ctx->interrupted = 0;
  ok(&s, att_session_add_sources(s.session, s.arena, &input, &a));
  att_reading reading = {a, tokens, 2, 0, 0};
  att_interrupt(s.ctx);
  assert_int_equal(att_session_step(s.session, s.arena, &reading, 1, NULL), ATT_INTERRUPTED);
  assert_int_equal(att_session_length(s.session, a), 0);
  s.ctx->interrupted = 0;
  ok(&s, att_session_step(s.session, s.arena, &reading, 1, NULL));
  assert_int_equal(att_session_length(s.session, a), 2);
  tear_down(&s);
}

/* Two sessions of one model take turns, and know nothing of each other. */
static void test_sessions_side_by_side(void **state) {
  (void)state;
  static const int32_t texts[2][3] = {{3, 5, 8}, {40, 2, 77}};
  setup s;
  att_session *sessions[2];
  int32_t sequences[2];
  float *logits, kept[2];
  set_up(&s, "generate_gpt2", 0);
  for (int i = 0; i < 2; i++) {
    ok(&s, att_session_new(s.model, 0, &sessions[i]));
    ok(&s, att_session_add(sessions[i], &sequences[i]));
  }
  for (int t = 0; t < 3; t++) {
    for (int i = 0; i < 2; i++) {
      att_reading reading = {sequences[i], &texts[i][t], 1, 0, 0};
      ok(&s, att_session_step(sessions[i], s.arena, &reading, 1, &logits));
      kept[i] = logits[11];
    }
  }
  assert_true(kept[0] != kept[1]);
  for (int i = 0; i < 2; i++) {
    att_session_cut(sessions[i], sequences[i], 0);
    for (int t = 0; t < 3; t++) {
      att_reading reading = {sequences[i], &texts[i][t], 1, 0, 0};
      ok(&s, att_session_step(sessions[i], s.arena, &reading, 1, &logits));
    }
    assert_true(logits[11] == kept[i]);
    att_session_free(sessions[i]);
  }
  tear_down(&s);
}

/* Alignment is given where there is attention that could tell, and only there. */
static void test_alignment_where_there_is_one(void **state) {
  (void)state;
  static const char *const folders[] = {"decode_marian", "recurrent_gru_additive", "recurrent_rnn_none"};
  static const int32_t source[] = {5, 6, 7};
  for (int f = 0; f < 3; f++) {
    setup s;
    att_decode_options options;
    att_outputs outputs;
    int64_t start[] = {0, 3};
    set_up(&s, folders[f], 0);
    att_decode_options_default(s.model, &options);
    options.alignment = true;
    ok(&s, att_decode_batch(s.model, s.arena, source, (att_sequences){1, start}, NULL, &options, &outputs));
    assert_int_equal(outputs.best[0].alignment != NULL, f < 2);
    for (int64_t i = 0; f < 2 && i < outputs.best[0].count; i++) assert_in_range(outputs.best[0].alignment[i], 0, 2);
    tear_down(&s);
  }
}

/* ---- failing allocations ---- */

static att_status use(att_session *session, att_arena *arena, bool sources) {
  static const int32_t tokens[] = {7, 8, 9, 10, 11};
  int32_t handles[20];
  int64_t start[] = {0, 2, 5};
  float *logits;
  att_input input = {.ids = tokens, .sequences = {2, start}};
  if (sources) {
    att_session_align(session);
    ATT_TRY(att_session_add_sources(session, arena, &input, handles));
  } else {
    ATT_TRY(att_session_add(session, &handles[0]));
    ATT_TRY(att_session_add(session, &handles[1]));
  }
  att_reading readings[] = {{handles[0], tokens, 5, 0, 0}, {handles[1], tokens, 1, 0, 0}};
  ATT_TRY(att_session_step(session, arena, readings, 2, &logits));
  for (int i = 2; i < 20; i++) ATT_TRY(att_session_fork(session, handles[i % 2], i % 2 ? 1 : i % 6, &handles[i]));
  for (int i = 0; i < 12 && att_session_model(session)->config.sliding_window; i++)
    ATT_TRY(att_session_step(session, arena, readings, 1, &logits));
  att_session_cut(session, handles[0], 7); /* beyond a window: read again */
  return att_session_step(session, arena, readings, 1, &logits);
}

static att_status open_and_use(att_context *ctx, void *arg) {
  att_model *model;
  att_session *session = NULL;
  att_arena *arena = NULL;
  ATT_TRY(open_model(ctx, arg, &model));
  att_status status = att_session_new(model, 0, &session);
  if (!status) status = att_arena_new(ctx, &arena);
  if (!status) status = use(session, arena, model->config.kind == ATT_ENCODER_DECODER);
  att_arena_free(arena);
  att_session_free(session);
  att_model_close(model);
  return status;
}

static void test_every_failing_allocation(void **state) {
  (void)state;
  char decoder[] = "generate_gpt2", translator[] = "decode_marian", copier[] = COPYING "decode_marian",
       windows[] = LONGER "family_gemma3";
  assert_true(fail_each_allocation(open_and_use, decoder) > 20);
  assert_true(fail_each_allocation(open_and_use, translator) > 20);
  assert_true(fail_each_allocation(open_and_use, copier) > 20);
  assert_true(fail_each_allocation(open_and_use, windows) > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_order_equals_the_forward),
      cmocka_unit_test(test_rows_are_used_again),
      cmocka_unit_test(test_windows_keep_their_rows_alone),
      cmocka_unit_test(test_cut_behind_the_window),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_interruption),
      cmocka_unit_test(test_sessions_side_by_side),
      cmocka_unit_test(test_alignment_where_there_is_one),
      cmocka_unit_test(test_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
