/*
 * What validating a masked model takes: the logits of a batch's masks are never all there at once, as in training.
 */
#include "run_fixture.h"

#include "train/options.h"

#include <stdlib.h>

enum { WORDS = 6000, LINES = 4000, PER_LINE = 12, BATCH = 32768 };

typedef struct metered {
  size_t live, peak;
} metered;

/* The size stands before the block. */
static void *metered_resize(void *user, void *pointer, size_t size) {
  metered *m = user;
  size_t *block = pointer ? (size_t *)pointer - 2 : NULL;
  if (block) m->live -= *block;
  if (size == 0) {
    free(block);
    return NULL;
  }
  size_t *grown = realloc(block, size + 2 * sizeof *block);
  if (!grown) return NULL;
  *grown = size;
  m->live += size;
  if (m->live > m->peak) m->peak = m->live;
  return grown + 2;
}

static void write_words(const char *path, int lines) {
  FILE *text = fopen(path, "w");
  assert_non_null(text);
  unsigned seed = 1;
  for (int i = 0; i < lines; i++) {
    for (int k = 0; k < PER_LINE; k++) {
      unsigned word = (seed = seed * 1664525u + 1013904223u) >> 12;
      fprintf(text, "%s%c%c%c%c", k ? " " : "", 'a' + word % 23, 'a' + word / 23 % 19, 'a' + word / 437 % 17,
              'a' + word / 7429 % 5);
    }
    fputc('\n', text);
  }
  assert_int_equal(fclose(text), 0);
}

/* The most bytes at once of a step and a validation over `valid`. */
static size_t peak_of(const char *text, const char *valid) {
  metered m = {0};
  att_context *own;
  att_train_options o;
  const att_context_options context = {.size = sizeof context, .allocator = {metered_resize, &m}, .threads = 1};
  assert_int_equal(att_context_new(&context, &own), 0);
  att_options_begin(own, ATT_TASK_MLM, &o);
  o.texts = (att_files){&text, 1}, o.valid = valid, o.out = in_folder("out");
  o.plan.encoder_layers = 1, o.plan.width = 16, o.plan.heads = 2, o.plan.feedforward = 16, o.plan.vocab = WORDS;
  o.plan.context = 128, o.plan.batch_tokens = BATCH, o.plan.steps = 1, o.plan.seed = 1;
  if (att_train(own, &o, NULL, NULL)) fail_msg("%s", att_message(own));
  att_context_free(own);
  remove_all(o.out);
  return m.peak;
}

/* A validation over whole batches takes little more than one over a few words. */
static void logits_come_in_blocks(void **state) {
  (void)state;
  char text[512], few[512];
  snprintf(text, sizeof text, "%s", in_folder("text"));
  snprintf(few, sizeof few, "%s", in_folder("few"));
  write_words(text, LINES);
  write_words(few, 5);
  double little = (double)peak_of(text, few), much = (double)peak_of(text, text), all = 0.15 * BATCH * WORDS * 4;
  print_message("peak %.0f MB with few words, %.0f MB with many; their logits %.0f MB\n", little / 1e6, much / 1e6,
                all / 1e6);
  assert_true(little > 1e6 && much < little + 0.1 * all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(logits_come_in_blocks, empty_folder)};
  return cmocka_run_group_tests(tests, begin, end);
}
