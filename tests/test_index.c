/*
 * Indices: the same order as ranking without one; searching against a plain loop, over several blocks, by float32 and
 * float16, at any number of queries and threads; hostile files; refusals; allocations that fail.
 */
#include "sentence_fixture.h"

#include "base/random.h"
#include "formats/vector_file.h"
#include "models/fingerprint.h"

#include <math.h>

enum { WIDTH = 16, ENTRIES = 20000, QUERIES = 300 };

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/rank.json", 0, &error);
  return !fixture || !mkdtemp(folder) || att_context_new(NULL, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  json_decref(fixture);
  return end(state);
}

static att_model *open_in(att_context *where, const char *name) {
  att_model *model;
  char path[512];
  snprintf(path, sizeof path, ATT_TEST_DATA "/%s", name);
  if (att_model_open(where, path, &model)) fail_msg("%s: %s", path, att_message(where));
  return model;
}

static att_index *open_index(att_model *model, const char *path) {
  att_index *index;
  if (att_index_open(model, path, &index)) fail_msg("%s", att_message(ctx));
  return index;
}

/* ---- lines ---- */

static const att_text lines[] = {{"The man throws the ball.", 24},
                                 {"", 0},
                                 {"A dog walks", 11},
                                 {" \t", 2},
                                 {"a woman", 7},
                                 {"box", 3},
                                 {"A dog walks", 11}};
enum { LINES = sizeof lines / sizeof *lines };

static void make_index(att_model *model, const char *path, const char *type) {
  att_index_writer *writer;
  if (att_index_create(model, path, type, NULL, &writer)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_index_add(writer, lines, 3), ATT_OK);
  assert_int_equal(att_index_add(writer, NULL, 0), ATT_OK);
  assert_int_equal(att_index_add(writer, lines + 3, LINES - 3), ATT_OK);
  if (att_index_commit(writer)) fail_msg("%s", att_message(ctx));
}

static void an_index_ranks_as_without_one(void **state) {
  (void)state;
  static const char *const names[] = {"cosine", "dot", "normalised"};
  const att_text query = {"a dog walks", 11};
  for (int n = 0; n < 3; n++) {
    att_model *model;
    att_ranked ranked[LINES], found[LINES];
    if (att_model_open(ctx, build(find_case(names[n]), names[n]), &model)) fail_msg("%s", att_message(ctx));
    make_index(model, in_folder("lines.index"), NULL);
    att_index *index = open_index(model, in_folder("lines.index"));
    assert_int_equal(att_index_count(index), LINES - 2);
    assert_int_equal(att_rank(model, query, lines, LINES, NULL, ranked), ATT_OK);
    if (att_index_search(index, &query, 1, NULL, LINES - 2, found)) fail_msg("%s", att_message(ctx));
    for (size_t i = 0, at = 0; i < LINES; i++) {
      att_text text;
      size_t number;
      if (ranked[i].line == 1 || ranked[i].line == 3) continue; /* blank */
      assert_int_equal(att_index_line(index, found[at].line, &text, &number), ATT_OK);
      assert_int_equal(number, ranked[i].line);
      assert_int_equal(text.size, lines[number].size);
      assert_memory_equal(text.data, lines[number].data, text.size);
      assert_true(fabs(found[at].score - ranked[i].score) <= 1e-6 * fmax(1, fabs(ranked[i].score)));
      at++;
    }
    att_index_close(index);
    att_model_close(model);
  }
}

/* ---- searching ---- */

/* Numbers of many equal values, so that some scores are equal. */
static float *numbers(size_t count, uint64_t key) {
  float *values = malloc(count * sizeof *values);
  assert_non_null(values);
  for (size_t i = 0; i < count; i++) values[i] = (float)((int)(att_random64(key, i) >> 40) % 5 - 2);
  return values;
}

static void write_vectors(att_model *model, const char *path, att_type type, const float *vectors) {
  att_vector_writer *writer;
  const att_vector_head head = {.type = type,
                                .width = WIDTH,
                                .model = att_model_fingerprint(model),
                                .similarity = ATT_SIMILARITY_DOT,
                                .pooling = ATT_POOL_DEFAULT};
  assert_int_equal(att_vector_writer_open(ctx, path, &head, &writer), ATT_OK);
  for (size_t i = 0; i < ENTRIES; i++) {
    assert_int_equal(att_vector_writer_put(writer, vectors + i * WIDTH, (att_text){"x", i % 2}, 2 * i), ATT_OK);
  }
  if (att_vector_writer_commit(writer)) fail_msg("%s", att_message(ctx));
}

static const double *sorted_scores; /* [ENTRIES] */
static int by_score(const void *a, const void *b) {
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  if (sorted_scores[x] != sorted_scores[y]) return sorted_scores[x] > sorted_scores[y] ? -1 : 1;
  return x < y ? -1 : x > y;
}

static void must_find(const float *vectors, const float *query, const att_ranked *found, size_t top) {
  double *scores = calloc(ENTRIES, sizeof *scores);
  size_t *order = calloc(ENTRIES, sizeof *order);
  assert_true(scores && order);
  for (size_t i = 0; i < ENTRIES; i++) {
    order[i] = i;
    for (size_t c = 0; c < WIDTH; c++) scores[i] += (double)(query[c] * vectors[i * WIDTH + c]);
  }
  sorted_scores = scores;
  qsort(order, ENTRIES, sizeof *order, by_score);
  for (size_t i = 0; i < top; i++) {
    assert_int_equal(found[i].line, order[i]);
    assert_true(found[i].score == scores[order[i]]); /* small whole numbers: exact */
  }
  free(scores);
  free(order);
}

static void a_search_finds_the_best(void **state) {
  (void)state;
  att_model *model = open_in(ctx, "look_bert");
  float *vectors = numbers((size_t)ENTRIES * WIDTH, 3), *queries = numbers((size_t)QUERIES * WIDTH, 4);
  att_ranked *found = calloc((size_t)QUERIES * 7, sizeof *found), *all = calloc(ENTRIES, sizeof *all);
  assert_true(found && all);
  for (int type = ATT_F32; type <= ATT_F16; type++) {
    const char *path = in_folder(type ? "half" : "whole");
    write_vectors(model, path, (att_type)type, vectors);
    att_index *index = open_index(model, path);
    if (att_index_search_vectors(index, queries, QUERIES, 7, found)) fail_msg("%s", att_message(ctx));
    for (size_t q = 0; q < QUERIES; q += 37) must_find(vectors, queries + q * WIDTH, found + q * 7, 7);
    must_find(vectors, queries + (size_t)(QUERIES - 1) * WIDTH, found + (size_t)(QUERIES - 1) * 7, 7);
    assert_int_equal(att_index_search_vectors(index, queries, 1, ENTRIES, all), ATT_OK);
    must_find(vectors, queries, all, ENTRIES);
    att_index_close(index);
  }
  free(vectors);
  free(queries);
  free(found);
  free(all);
  att_model_close(model);
}

/* Sums of numbers that are not whole: the same bits whatever goes together. */
static void bits_do_not_depend_on_threads_and_queries(void **state) {
  (void)state;
  att_model *model = open_in(ctx, "look_bert");
  float *vectors = numbers((size_t)ENTRIES * WIDTH, 3), *queries = numbers((size_t)QUERIES * WIDTH, 4);
  for (size_t i = 0; i < (size_t)ENTRIES * WIDTH; i++) vectors[i] = sinf((float)i);
  for (size_t i = 0; i < (size_t)QUERIES * WIDTH; i++) queries[i] = cosf((float)i);
  write_vectors(model, in_folder("whole"), ATT_F32, vectors);
  att_ranked *wanted = calloc((size_t)QUERIES * 5, sizeof *wanted), got[5];
  assert_non_null(wanted);
  for (int threads = 1; threads <= 3; threads += 2) {
    att_context *other;
    const att_context_options options = {.size = sizeof options, .threads = threads};
    assert_int_equal(att_context_new(&options, &other), ATT_OK);
    att_model *same = open_in(other, "look_bert");
    att_index *index = open_index(same, in_folder("whole"));
    if (threads == 1) assert_int_equal(att_index_search_vectors(index, queries, QUERIES, 5, wanted), ATT_OK);
    for (size_t q = 0; q < QUERIES; q += 41) {
      assert_int_equal(att_index_search_vectors(index, queries + q * WIDTH, 1, 5, got), ATT_OK);
      assert_memory_equal(got, wanted + q * 5, sizeof got);
    }
    att_index_close(index);
    att_model_close(same);
    att_context_free(other);
  }
  free(wanted);
  free(vectors);
  free(queries);
  att_model_close(model);
}

/* ---- hostile files ---- */

static void damaged_files_are_refused(void **state) {
  (void)state;
  att_model *model = open_in(ctx, "look_bert");
  att_index *index;
  make_index(model, in_folder("good"), NULL);
  att_buffer good = {0};
  assert_int_equal(att_file_read(ctx, in_folder("good"), 1 << 20, &good), ATT_OK);
  for (size_t size = 0; size < good.size; size += size < 130 ? 1 : 37) {
    write_bytes(in_folder("bad"), good.data, size);
    must_say(att_index_open(model, in_folder("bad"), &index), ATT_FORMAT, "bad: ");
    assert_null(index);
  }
  for (size_t at = 0; at < 56; at++) { /* each byte of the head means something */
    for (int value = 0; value < 256; value += 51) {
      char *copy = malloc(good.size);
      assert_non_null(copy);
      memcpy(copy, good.data, good.size);
      if (copy[at] == (char)value) {
        free(copy);
        continue;
      }
      copy[at] = (char)value;
      write_bytes(in_folder("bad"), copy, good.size);
      free(copy);
      att_status status = att_index_open(model, in_folder("bad"), &index);
      bool similarity = at == 48 && value == 0, pooling = at == 52; /* may be other ones */
      if (status == ATT_OK && !similarity && !pooling) fail_msg("byte %zu may be %d", at, value);
      att_index_close(index);
    }
  }
  att_buffer_free(ctx, &good);
  att_model_close(model);
}

static void put_in(const char *path, size_t at, const void *data, size_t size) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void damaged_entries_are_not_given(void **state) {
  (void)state;
  att_model *model = open_in(ctx, "look_bert");
  const uint64_t beyond = UINT64_MAX - 3;
  const float bad = NAN;
  const att_text query = {"a dog", 5};
  att_ranked found[LINES - 2];
  att_text text;
  size_t number, places = 128 + (LINES - 2) * WIDTH * sizeof(float);
  make_index(model, in_folder("bad"), NULL);
  put_in(in_folder("bad"), places + 16, &beyond, sizeof beyond);
  put_in(in_folder("bad"), 128 + 2 * WIDTH * sizeof(float), &bad, sizeof bad);
  att_index *index = open_index(model, in_folder("bad"));
  for (size_t i = 0; i < 2; i++)
    must_say(att_index_line(index, i, &text, &number), ATT_FORMAT, "no place for its text");
  assert_int_equal(att_index_line(index, 2, &text, &number), ATT_OK);
  must_say(att_index_line(index, LINES - 2, &text, &number), ATT_ARGUMENT, "no entry 5");
  assert_int_equal(att_index_search(index, &query, 1, NULL, LINES - 2, found), ATT_OK);
  for (size_t i = 0; i < LINES - 3; i++) assert_true(found[i].line != 2 && found[i].line < LINES - 2);
  assert_true(found[LINES - 3].line == SIZE_MAX);
  att_index_close(index);
  att_model_close(model);
}

/* ---- refusals ---- */

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  att_model *model = open_in(ctx, "look_bert"), *other = open_in(ctx, "look_gpt2"), *far;
  att_index_writer *writer;
  att_index *index;
  att_ranked found;
  const att_text query = {"a", 1};
  make_index(model, in_folder("lines"), "float16");
  must_say(att_index_open(other, in_folder("lines"), &index), ATT_ARGUMENT, "made with another model");
  must_say(att_index_open(model, in_folder("none"), &index), ATT_IO, "none");
  must_say(att_index_create(model, in_folder("x"), "int8", NULL, &writer), ATT_ARGUMENT, "\"int8\"");
  must_say(att_index_create(model, in_folder("none/x"), NULL, NULL, &writer), ATT_IO, "none/x");
  if (att_model_open(ctx, build(find_case("euclidean"), "euclidean"), &far)) fail_msg("%s", att_message(ctx));
  must_say(att_index_create(far, in_folder("x"), NULL, NULL, &writer), ATT_UNSUPPORTED, "another similarity");
  index = open_index(model, in_folder("lines"));
  must_say(att_index_search(index, &query, 1, NULL, 0, &found), ATT_ARGUMENT, "5 entries");
  must_say(att_index_search(index, &query, 1, NULL, 6, &found), ATT_ARGUMENT, "5 entries");
  must_say(att_index_search(index, NULL, 1, NULL, 1, &found), ATT_ARGUMENT, "needs queries");
  att_rank_options options;
  att_rank_options_default(model, &options);
  options.similarity = ATT_SIMILARITY_DOT;
  must_say(att_index_search(index, &query, 1, &options, 1, &found), ATT_ARGUMENT, "for the cosine");
  att_index_close(index);
  assert_int_equal(att_index_create(model, in_folder("gone"), NULL, NULL, &writer), ATT_OK);
  att_index_discard(writer);
  assert_false(att_file_exists(in_folder("gone")));
  att_model_close(model);
  att_model_close(other);
  att_model_close(far);
}

static att_status write_and_search(att_context *where, void *arg) {
  const att_text query = {"a dog", 5};
  att_ranked found[2];
  att_model *model;
  att_index_writer *writer = NULL;
  att_index *index = NULL;
  ATT_TRY(att_model_open(where, arg, &model));
  att_status status = att_index_create(model, in_folder("each"), NULL, NULL, &writer);
  if (!status) status = att_index_add(writer, lines, LINES);
  if (status)
    att_index_discard(writer);
  else
    status = att_index_commit(writer);
  if (!status) status = att_index_open(model, in_folder("each"), &index);
  if (!status) status = att_index_search(index, &query, 1, NULL, 2, found);
  att_index_close(index);
  att_model_close(model);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  assert_true(fail_each_allocation(write_and_search, ATT_TEST_DATA "/look_bert") > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(an_index_ranks_as_without_one, clear),
      cmocka_unit_test_teardown(a_search_finds_the_best, clear),
      cmocka_unit_test_teardown(bits_do_not_depend_on_threads_and_queries, clear),
      cmocka_unit_test_teardown(damaged_files_are_refused, clear),
      cmocka_unit_test_teardown(damaged_entries_are_not_given, clear),
      cmocka_unit_test_teardown(what_does_not_fit_is_refused, clear),
      cmocka_unit_test_teardown(each_allocation_may_fail, clear),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
