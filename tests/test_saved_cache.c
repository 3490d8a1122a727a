/*
 * Caches of prompts in files: what is written after loading is what is written without, at every type; a file of
 * another model or type, damaged or hostile, gives one line and changes nothing; it is written whole or not at all. Of
 * layers that see a window it has the window.
 */
#include "decode/saved.h"
#include "formats/safetensors.h"
#include "scratch.h"

#include <stdlib.h>

#include "base/random.h"
#include "models/fingerprint.h"
#include "windowed_model.h"

enum { VOCAB = 290, TOKENS = 120 };

static att_model *open_model(const char *name) {
  char path[1024];
  att_model *model;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

static void ok(att_status status) {
  if (status) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
}

static att_model *new_windowed(void) {
  att_model *model;
  ok(open_windowed(ctx, &model));
  return model;
}

typedef struct reader {
  att_arena *arena;
  att_session *session;
  int32_t sequence, tokens[TOKENS];
} reader;

static void begin_reader(reader *r, att_model *model, att_type type, int64_t count) {
  ok(att_arena_new(ctx, &r->arena));
  ok(att_session_new_typed(model, 0, type, &r->session));
  for (int i = 0; i < TOKENS; i++) r->tokens[i] = (int32_t)(3 + att_random64(2, (uint64_t)i) % 280);
  if (count == 0) return;
  ok(att_session_add(r->session, &r->sequence));
  att_reading reading = {r->sequence, r->tokens, count, 0, 0};
  ok(att_session_step(r->session, r->arena, &reading, 1, NULL));
}

static void end_reader(reader *r) {
  att_session_free(r->session);
  att_arena_free(r->arena);
}

static void next_logits(reader *r, int64_t at, float *out) {
  float *logits;
  att_reading reading = {r->sequence, r->tokens + at, 1, 0, 0};
  ok(att_session_step(r->session, r->arena, &reading, 1, &logits));
  memcpy(out, logits, VOCAB * sizeof *out);
}

static void test_loaded_is_as_it_was_saved(void **state) {
  (void)state;
  static const char *const folders[] = {"generate_llama", "generate_gpt2", NULL};
  for (int f = 0; f < 3; f++) {
    att_model *model = folders[f] ? open_model(folders[f]) : new_windowed();
    for (int t = 0; t < 2; t++) {
      reader a, b;
      float want[VOCAB], got[VOCAB];
      att_type type = t ? ATT_F16 : ATT_F32;
      const char *path = in_folder("cache");
      begin_reader(&a, model, type, TOKENS - 1);
      ok(att_session_save(a.session, a.sequence, TOKENS - 1, path));
      assert_int_equal(files_in_folder(), 1);
      begin_reader(&b, model, type, 0);
      ok(att_session_load(b.session, path, &b.sequence));
      assert_int_equal(att_session_length(b.session, b.sequence), TOKENS - 1);
      assert_int_equal(att_session_common(b.session, b.sequence, b.tokens, TOKENS), TOKENS - 1);
      next_logits(&a, TOKENS - 1, want);
      next_logits(&b, TOKENS - 1, got);
      assert_true(want[5] != 0 && want[5] == want[5]);
      assert_memory_equal(got, want, sizeof got);
      end_reader(&a);
      end_reader(&b);
    }
    att_model_close(model);
  }
}

/* Of fewer tokens, as far back as there are rows and farther, where they are read again. */
static void test_windows_are_saved(void **state) {
  (void)state;
  static const int64_t lengths[] = {TOKENS - 1, TOKENS - 10, 40, 3};
  att_model *model = new_windowed();
  const char *path = in_folder("cache");
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    reader a, b, c;
    float want[VOCAB], got[VOCAB];
    int64_t length = lengths[i];
    att_tensor_file *file;
    begin_reader(&a, model, ATT_F32, TOKENS - 1);
    ok(att_session_save(a.session, a.sequence, length, path));
    ok(att_safetensors_open(ctx, path, &file));
    assert_true(att_tensor_file_find(file, "layers.0")->shape[0] <= WINDOW + 32);
    assert_int_equal(att_tensor_file_find(file, "layers.1")->shape[0], length);
    att_tensor_file_close(file);
    begin_reader(&b, model, ATT_F32, 0);
    ok(att_session_load(b.session, path, &b.sequence));
    assert_int_equal(att_session_goes_back(b.session, b.sequence, length), length > 80);
    begin_reader(&c, model, ATT_F32, length);
    next_logits(&b, length, got);
    next_logits(&c, length, want);
    assert_true(want[5] != 0 && want[5] == want[5]);
    assert_memory_equal(got, want, sizeof got);
    end_reader(&a);
    end_reader(&b);
    end_reader(&c);
  }
  att_model_close(model);
}

/* A file with so many rows of each layer. */
static void write_rows(reader *r, const int64_t *counts, const char *path) {
  att_session_layout layout = att_session_layout_of(r->session);
  int64_t width = (int64_t)layout.row_bytes / 4, fingerprint = 0;
  float *rows[2];
  att_to_store tensors[4] = {
      {.name = "fingerprint", .type = ATT_I64, .data_type = ATT_I64, .rank = 1, .shape = {1}},
      {.name = "tokens", .type = ATT_I32, .data_type = ATT_I32, .rank = 1, .shape = {TOKENS - 1}, .data = r->tokens},
      {.name = "layers.0", .type = ATT_F32, .rank = 2, .shape = {counts[0], width}},
      {.name = "layers.1", .type = ATT_F32, .rank = 2, .shape = {counts[1], width}}};
  fingerprint = (int64_t)att_model_fingerprint(att_session_model(r->session));
  tensors[0].data = &fingerprint;
  for (int l = 0; l < 2; l++) tensors[2 + l].data = rows[l] = calloc(2 * TOKENS, layout.row_bytes);
  ok(att_session_add(r->session, &r->sequence));
  for (int64_t i = 0; i < TOKENS - 1; i++) {
    att_reading reading = {r->sequence, r->tokens + i, 1, 0, 0};
    ok(att_session_step(r->session, r->arena, &reading, 1, NULL));
    for (int l = 0; l < 2; l++) att_session_get_rows(r->session, r->sequence, l, i, 1, rows[l] + i * width);
  }
  for (int l = 0; l < 2; l++) { /* the last ones */
    tensors[2 + l].data = rows[l] + (counts[l] < TOKENS - 1 ? TOKENS - 1 - counts[l] : 0) * width;
    tensors[2 + l].data_type = ATT_F32;
  }
  ok(att_safetensors_write(ctx, path, tensors, 4));
  for (int l = 0; l < 2; l++) free(rows[l]);
}

/* Files of before have all rows of all layers; others may have anything. */
static void test_rows_of_windows(void **state) {
  (void)state;
  static const struct {
    int64_t counts[2];
    bool fits;
  } files[] = {{{TOKENS - 1, TOKENS - 1}, true}, {{WINDOW - 1, TOKENS - 1}, true}, {{WINDOW - 2, TOKENS - 1}, true},
               {{1, TOKENS - 1}, true},          {{TOKENS, TOKENS - 1}, false},    {{TOKENS - 1, TOKENS}, false},
               {{TOKENS - 1, TOKENS - 2}, false}};
  att_model *model = new_windowed();
  const char *path = in_folder("cache");
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    reader a, b;
    float want[VOCAB], got[VOCAB];
    begin_reader(&a, model, ATT_F32, 0);
    begin_reader(&b, model, ATT_F32, 0);
    write_rows(&a, files[i].counts, path);
    if (files[i].fits) {
      ok(att_session_load(b.session, path, &b.sequence));
      assert_true(att_session_used(b.session).local_rows < WINDOW + 32);
      next_logits(&a, TOKENS - 1, want);
      next_logits(&b, TOKENS - 1, got);
      assert_memory_equal(got, want, sizeof got);
    } else {
      must_say(att_session_load(b.session, path, &b.sequence), ATT_FORMAT, "other sizes");
      assert_int_equal(att_session_used(b.session).rows, 0);
    }
    end_reader(&a);
    end_reader(&b);
  }
  att_model_close(model);
}

static void test_other_models_and_types(void **state) {
  (void)state;
  att_model *model = open_model("generate_llama"), *other = open_model("generate_gpt2"),
            *trained = open_model("generate_llama");
  reader a, b;
  int32_t sequence;
  const char *path = in_folder("cache");
  begin_reader(&a, model, ATT_F32, 10);
  ok(att_session_save(a.session, a.sequence, 10, path));
  begin_reader(&b, other, ATT_F32, 0);
  must_say(att_session_load(b.session, path, &sequence), ATT_ARGUMENT, "another model");
  end_reader(&b);
  begin_reader(&b, model, ATT_F16, 0);
  must_say(att_session_load(b.session, path, &sequence), ATT_ARGUMENT, "another cache type");
  assert_int_equal(att_session_used(b.session).rows, 0);
  end_reader(&b);
  ok(att_model_train(trained, NULL, NULL));
  trained->values[trained->trained_total / 2] += 0.001f; /* one weight */
  begin_reader(&b, trained, ATT_F32, 0);
  must_say(att_session_load(b.session, path, &sequence), ATT_ARGUMENT, "another model");
  end_reader(&b);
  end_reader(&a);
  att_model_close(model);
  att_model_close(other);
  att_model_close(trained);
}

/* Each byte of a file changed: another value in the rows at most, which is a number. */
static void test_hostile_files(void **state) {
  (void)state;
  att_model *model = open_model("generate_llama");
  reader a, b;
  char *path = strdup(in_folder("cache")), *changed = strdup(in_folder("changed"));
  att_mapping mapping;
  int refused = 0;
  begin_reader(&a, model, ATT_F32, 2);
  begin_reader(&b, model, ATT_F32, 0);
  ok(att_session_save(a.session, a.sequence, 2, path));
  ok(att_map(ctx, path, &mapping));
  char *bytes = malloc(mapping.size);
  assert_non_null(bytes);
  for (size_t i = 0; i < mapping.size; i += i < 600 ? 1 : 7) {
    int32_t sequence;
    memcpy(bytes, mapping.data, mapping.size);
    bytes[i] = (char)(bytes[i] ^ (i % 3 ? 0x7f : 0x80));
    write_bytes(changed, bytes, mapping.size);
    att_status status = att_session_load(b.session, changed, &sequence);
    if (status == ATT_OK) {
      att_session_drop(b.session, sequence);
    } else {
      assert_true(att_message(ctx)[0] && !strchr(att_message(ctx), '\n'));
      refused++;
    }
    assert_int_equal(att_session_used(b.session).rows, 0);
  }
  for (size_t size = 0; size < mapping.size; size += 1 + size / 20) { /* cut short */
    int32_t sequence;
    write_bytes(changed, mapping.data, size);
    assert_int_not_equal(att_session_load(b.session, changed, &sequence), ATT_OK);
  }
  assert_true(refused > 200);
  int32_t sequence;
  must_say(att_session_load(b.session, in_folder("none"), &sequence), ATT_IO, "none");
  must_say(att_session_save(a.session, a.sequence, 2, in_folder("no/where")), ATT_IO, "no/where");
  free(bytes);
  att_unmap(&mapping);
  free(path);
  free(changed);
  end_reader(&a);
  end_reader(&b);
  att_model_close(model);
}

/* ---- through att_generate ---- */

typedef struct written {
  int32_t tokens[64];
  size_t count, shared;
  double logprob;
} written;

static int keep(void *user, const att_piece_of_text *piece) {
  written *w = user;
  assert_true(piece->token_count <= 64);
  memcpy(w->tokens, piece->tokens, piece->token_count * sizeof *w->tokens);
  w->count = piece->token_count;
  w->shared = piece->shared_tokens;
  w->logprob = piece->logprob;
  return 0;
}

static const char prompt[] = "abc dea fgh abc dea fgh abc dea fgh abc dea fgh abc";

static void read_it_once(att_model *model, int written_tokens) {
  att_generate_options options;
  written first = {0}, again = {0}, longer = {0}, other = {0};
  const char *path = in_folder("cache");
  char more[200];
  snprintf(more, sizeof more, "%s and more", prompt);
  att_generate_options_default(model, &options);
  options.max_tokens = written_tokens;
  options.ignore_end = true;
  options.save_cache = path;
  ok(att_generate(model, (att_text){prompt, strlen(prompt)}, &options, keep, &first));
  assert_int_equal(files_in_folder(), 1);
  options.save_cache = NULL;
  options.load_cache = path;
  ok(att_generate(model, (att_text){prompt, strlen(prompt)}, &options, keep, &again));
  assert_int_equal(again.count, first.count);
  assert_memory_equal(again.tokens, first.tokens, first.count * sizeof *first.tokens);
  assert_true(again.logprob == first.logprob);
  assert_true(first.shared == 0 && again.shared >= 16);
  ok(att_generate(model, (att_text){more, strlen(more)}, &options, keep, &longer));
  assert_true(longer.shared >= 16);
  ok(att_generate(model, (att_text){"xyz", 3}, &options, keep, &other));
  assert_int_equal(other.shared, 0);
  write_bytes(path, "nothing", 7);
  must_say(att_generate(model, (att_text){prompt, strlen(prompt)}, &options, keep, &other), ATT_FORMAT, "cache");
  att_model_close(model);
}

static void test_a_prompt_is_not_read_again(void **state) {
  (void)state;
  read_it_once(open_model("generate_llama"), 20);
  read_it_once(new_windowed(), 60); /* what is written behind it leaves its window behind */
}

static att_status save_and_load(att_context *own, void *arg) {
  att_model *model;
  att_generate_options options;
  written all = {0};
  ATT_TRY(open_windowed(own, &model));
  att_generate_options_default(model, &options);
  options.max_tokens = 3;
  options.save_cache = arg;
  att_status status = att_generate(model, (att_text){prompt, strlen(prompt)}, &options, keep, &all);
  options.load_cache = arg;
  options.save_cache = NULL;
  if (!status) status = att_generate(model, (att_text){prompt, strlen(prompt)}, &options, keep, &all);
  att_model_close(model);
  return status;
}

static void test_every_failing_allocation(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", in_folder("cache"));
  assert_true(fail_each_allocation(save_and_load, path) > 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_loaded_is_as_it_was_saved, empty_folder),
      cmocka_unit_test_teardown(test_windows_are_saved, empty_folder),
      cmocka_unit_test_teardown(test_rows_of_windows, empty_folder),
      cmocka_unit_test_teardown(test_other_models_and_types, empty_folder),
      cmocka_unit_test_teardown(test_hostile_files, empty_folder),
      cmocka_unit_test_teardown(test_a_prompt_is_not_read_again, empty_folder),
      cmocka_unit_test_teardown(test_every_failing_allocation, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
