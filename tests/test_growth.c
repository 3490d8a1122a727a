/*
 * Structs of attend.h that may grow: a program that was built when they were smaller runs with this library, and one
 * that was built when they are larger is told what this library does not know. Each old_... below is a struct as such a
 * program has it, beside real symbols; what stands behind it in memory is neither read nor written.
 */
#include "scratch.h"

/* ---- where a member may be added ------------------------------------------------------------------------------------
 * A struct must not end in a hole: a member that was added there would lie within the size of older programs, which
 * have nothing there. Who adds a member puts its name here. */
#define ENDS_IN(type, member)                                                                                          \
  _Static_assert(offsetof(type, member) + sizeof(((type *)0)->member) == sizeof(type), #type " ends in a hole")
ENDS_IN(att_context_options, log_user);
ENDS_IN(att_decode_options, target_language);
ENDS_IN(att_generate_options, presence_penalty);
ENDS_IN(att_embed_options, unused);
ENDS_IN(att_transcribe_options, unused);
ENDS_IN(att_rank_options, truncated);
ENDS_IN(att_look_options, unused);
ENDS_IN(att_bleu_options, unused);
ENDS_IN(att_answer_options, unused);
ENDS_IN(att_rouge_options, unused);
ENDS_IN(att_wer_options, unused);
ENDS_IN(att_roll_options, seed);

#define BEGINS_WITH_SIZE(type) _Static_assert(offsetof(type, size) == 0 && sizeof(((type *)0)->size) == 8, #type)
BEGINS_WITH_SIZE(att_context_options);
BEGINS_WITH_SIZE(att_decode_options);
BEGINS_WITH_SIZE(att_generate_options);
BEGINS_WITH_SIZE(att_embed_options);
BEGINS_WITH_SIZE(att_transcribe_options);
BEGINS_WITH_SIZE(att_rank_options);
BEGINS_WITH_SIZE(att_look_options);
BEGINS_WITH_SIZE(att_bleu_options);
BEGINS_WITH_SIZE(att_answer_options);
BEGINS_WITH_SIZE(att_rouge_options);
BEGINS_WITH_SIZE(att_wer_options);
BEGINS_WITH_SIZE(att_roll_options);

/* ---- programs -------------------------------------------------------------------------------------------------------
 */

typedef struct old_decode_options {
  size_t size;
  int beam;
  double length_penalty;
  bool early_stopping;
} old_decode_options;

typedef struct old_generate_options {
  size_t size;
  int max_tokens, samples;
} old_generate_options;

typedef struct old_embed_options {
  size_t size;
  att_pooling pooling;
  att_normalise normalise;
} old_embed_options;

typedef struct old_look_options {
  size_t size;
  att_look_part part;
  int layer;
} old_look_options;

typedef struct old_bleu_options {
  size_t size;
  att_bleu_metric metric;
  int word_order;
} old_bleu_options;

typedef struct old_context_options {
  size_t size;
  att_allocator allocator;
} old_context_options;

typedef struct old_bleu_result {
  double score, first_precision;
} old_bleu_result;

typedef struct old_evaluation {
  size_t count, truncated, classes;
  const int64_t *confusion;
} old_evaluation;

typedef struct old_train_option {
  const char *name;
} old_train_option;

/* What stands behind an older struct. */
enum { CANARY = 256 };
#define BEHIND(type)                                                                                                   \
  struct {                                                                                                             \
    type options;                                                                                                      \
    unsigned char behind[CANARY];                                                                                      \
  }

static void fill(unsigned char *behind) { memset(behind, 0xa5, CANARY); }

static void untouched(const unsigned char *behind) {
  for (int i = 0; i < CANARY; i++)
    if (behind[i] != 0xa5) fail_msg("byte %d behind the struct was written", i);
}

static att_model *open_model(const char *name) {
  att_model *model;
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

static int keep_translation(void *user, const att_translation *t) {
  snprintf(user, 512, "%s", t->count ? t->hypotheses[0]->text : "?");
  return 0;
}

static void an_older_program_translates(void **state) {
  (void)state;
  att_model *model = open_model("decode_m2m_100");
  const att_text line = {"abc de", 6};
  char wanted[512] = "", got[512] = "";
  att_decode_options full;
  BEHIND(old_decode_options) old;
  att_decode_options_default(model, &full);
  assert_int_equal(full.size, sizeof full);
  full.beam = 2;
  assert_int_equal(att_translate(model, &line, 1, &full, keep_translation, wanted), ATT_OK);
  assert_true(*wanted);
  fill(old.behind); /* read as batch_tokens or max_length it would be refused */
  att_decode_options_init(model, (att_decode_options *)(void *)&old, sizeof old.options);
  untouched(old.behind);
  assert_int_equal(old.options.size, sizeof old.options);
  assert_true(old.options.beam > 0 && old.options.length_penalty == full.length_penalty);
  old.options.beam = 2;
  if (att_translate(model, &line, 1, (const att_decode_options *)(void *)&old, keep_translation, got))
    fail_msg("%s", att_message(ctx));
  untouched(old.behind);
  assert_string_equal(got, wanted);
  old.options.beam = 0; /* what it has is read */
  must_say(att_translate(model, &line, 1, (const att_decode_options *)(void *)&old, keep_translation, got),
           ATT_ARGUMENT, "beam");
  att_model_close(model);
}

static int keep_tokens(void *user, const att_piece_of_text *piece) {
  if (piece->finish != ATT_RUNNING) *(size_t *)user = piece->token_count;
  return 0;
}

static void an_older_program_generates(void **state) {
  (void)state;
  att_model *model = open_model("generate_llama");
  BEHIND(old_generate_options) old;
  size_t tokens = 0;
  fill(old.behind);
  att_generate_options_init(model, (att_generate_options *)(void *)&old, sizeof old.options);
  untouched(old.behind);
  assert_int_equal(old.options.samples, 1);
  old.options.max_tokens = 5;
  if (att_generate(model, (att_text){"A dog", 5}, (const att_generate_options *)(void *)&old, keep_tokens, &tokens))
    fail_msg("%s", att_message(ctx));
  untouched(old.behind);
  assert_int_equal(tokens, 5);
  att_model_close(model);
}

static void an_older_program_embeds(void **state) {
  (void)state;
  att_model *model = open_model("look_bert");
  const att_text line = {"The man throws", 14};
  BEHIND(old_embed_options) old;
  size_t width = att_embedding_width(model, NULL);
  float *wanted = calloc(width, sizeof *wanted), *got = calloc(width, sizeof *got);
  att_embed_options full;
  att_embed_options_default(model, &full);
  full.pooling = ATT_POOL_FIRST;
  assert_int_equal(att_embed(model, &line, 1, &full, wanted), ATT_OK);
  fill(old.behind);
  att_embed_options_init(model, (att_embed_options *)(void *)&old, sizeof old.options);
  untouched(old.behind);
  old.options.pooling = ATT_POOL_FIRST;
  if (att_embed(model, &line, 1, (const att_embed_options *)(void *)&old, got)) fail_msg("%s", att_message(ctx));
  untouched(old.behind);
  assert_true(wanted[0] != 0);
  assert_memory_equal(got, wanted, width * sizeof *got);
  free(wanted);
  free(got);
  att_model_close(model);
}

static void an_older_program_looks(void **state) {
  (void)state;
  att_model *model = open_model("look_bert");
  att_attention *attention;
  char *wanted, *got;
  size_t wanted_size, got_size;
  BEHIND(old_look_options) old;
  assert_int_equal(att_look(model, (att_text){"The man throws", 14}, (att_text){NULL, 0}, &attention), ATT_OK);
  att_look_options full;
  att_look_options_default(&full);
  full.part = ATT_LOOK_ENCODER, full.layer = 0;
  assert_int_equal(att_attention_render(attention, ATT_LOOK_TERMINAL, &full, &wanted, &wanted_size), ATT_OK);
  fill(old.behind);
  att_look_options_init((att_look_options *)(void *)&old, sizeof old.options);
  untouched(old.behind);
  assert_int_equal(old.options.layer, -1);
  old.options.part = ATT_LOOK_ENCODER, old.options.layer = 0;
  if (att_attention_render(attention, ATT_LOOK_TERMINAL, (const att_look_options *)(void *)&old, &got, &got_size))
    fail_msg("%s", att_message(ctx));
  untouched(old.behind);
  assert_true(wanted_size > 50);
  assert_string_equal(got, wanted);
  att_release(ctx, wanted);
  att_release(ctx, got);
  att_attention_free(attention);
  att_model_close(model);
}

static void an_older_program_measures(void **state) {
  (void)state;
  const att_text line = {"The dog runs over the hill .", 28}, reference = {"A dog runs over the hill .", 26};
  const att_text *const references[] = {&reference};
  att_bleu_result full;
  BEHIND(old_bleu_result) old;
  BEHIND(old_bleu_options) options;
  assert_int_equal(att_bleu(ctx, &line, 1, references, 1, NULL, &full), ATT_OK);
  fill(old.behind);
  fill(options.behind);
  att_bleu_options_init((att_bleu_options *)(void *)&options, sizeof options.options);
  untouched(options.behind);
  if (att_bleu_sized(ctx, &line, 1, references, 1, (const att_bleu_options *)(void *)&options,
                     (att_bleu_result *)(void *)&old, sizeof old.options))
    fail_msg("%s", att_message(ctx));
  untouched(old.behind);
  untouched(options.behind);
  assert_true(full.score > 10 && old.options.score == full.score && old.options.first_precision == full.precision[0]);
}

static void an_older_program_evaluates(void **state) {
  (void)state;
  att_model *model = open_model("family_bert_classes");
  const char *const *labels;
  size_t count, size;
  char text[256];
  BEHIND(old_evaluation) old;
  att_evaluation full;
  assert_int_equal(att_model_labels(model, &labels, &count), ATT_OK);
  assert_true(count > 1);
  size = (size_t)snprintf(text, sizeof text, "a b\t%s\nc\t%s\n", labels[0], labels[1]);
  const char *path = in_folder("labelled.tsv");
  write_bytes(path, text, size);
  fill(old.behind);
  att_status status = att_evaluate_sized(model, path, NULL, (att_evaluation *)(void *)&old, sizeof old.options);
  untouched(old.behind);
  if (status) fail_msg("%s", att_message(ctx));
  assert_int_equal(old.options.count, 2);
  att_release(ctx, (void *)(uintptr_t)old.options.confusion);
  assert_int_equal(att_evaluate(model, path, NULL, &full), ATT_OK);
  assert_int_equal(full.count, 2);
  att_release(ctx, (void *)(uintptr_t)full.confusion);
  unlink(path);
  att_model_close(model);
}

static void an_older_program_makes_a_context(void **state) {
  (void)state;
  counting count = {0};
  att_context *own;
  BEHIND(old_context_options) old;
  fill(old.behind); /* read as threads it would be refused, read as a log it would be called */
  att_context_options_init((att_context_options *)(void *)&old, sizeof old.options);
  untouched(old.behind);
  old.options.allocator = (att_allocator){counting_resize, &count};
  assert_int_equal(att_context_new((const att_context_options *)(void *)&old, &own), ATT_OK);
  untouched(old.behind);
  assert_int_equal(count.live, 1);
  att_context_free(own);
  assert_int_equal(count.live, 0);
}

static void an_older_program_lists_options(void **state) {
  (void)state;
  BEHIND(old_train_option) old;
  att_train_option full;
  const char *task = att_train_task(0);
  fill(old.behind);
  assert_true(att_train_option_at(task, 0, &full));
  assert_true(att_train_option_read(task, 0, (att_train_option *)(void *)&old, sizeof old.options));
  untouched(old.behind);
  assert_string_equal(old.options.name, full.name);
}

/* ---- newer programs -----------------------------------------------------------------------------------------------
 */

typedef struct new_decode_options {
  att_decode_options known;
  int64_t news;
} new_decode_options;

static void a_newer_program_is_told(void **state) {
  (void)state;
  att_model *model = open_model("decode_m2m_100");
  const att_text line = {"abc de", 6};
  char got[512];
  new_decode_options options;
  memset(&options, 0xa5, sizeof options);
  att_decode_options_init(model, &options.known, sizeof options);
  assert_int_equal(options.news, 0);
  assert_int_equal(options.known.size, sizeof options);
  if (att_translate(model, &line, 1, &options.known, keep_translation, got)) fail_msg("%s", att_message(ctx));
  options.news = 1;
  must_say(att_translate(model, &line, 1, &options.known, keep_translation, got), ATT_UNSUPPORTED, "does not know");
  att_model_close(model);
  struct {
    att_bleu_result known;
    char news[64];
  } result;
  memset(&result, 0xa5, sizeof result);
  assert_int_equal(
      att_bleu_sized(ctx, &line, 1, (const att_text *const[]){&line}, 1, NULL, &result.known, sizeof result), ATT_OK);
  for (size_t i = 0; i < sizeof result.news; i++) assert_int_equal(result.news[i], 0);
}

/* A size that was never set, or is none. */
static void a_missing_size_is_said(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 8, 1 << 20, SIZE_MAX};
  const att_text line = {"a", 1}, *const same[] = {&line};
  att_bleu_result result;
  att_context *own;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    att_bleu_options options;
    att_context_options context;
    att_bleu_options_default(&options);
    options.size = sizes[i];
    must_say(att_bleu(ctx, &line, 1, same, 1, &options, &result), ATT_ARGUMENT, "att_bleu: the options have no size");
    att_context_options_default(&context);
    context.size = sizes[i];
    assert_int_equal(att_context_new(&context, &own), ATT_ARGUMENT);
    assert_null(own);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_older_program_translates),
      cmocka_unit_test(an_older_program_generates),
      cmocka_unit_test(an_older_program_embeds),
      cmocka_unit_test(an_older_program_looks),
      cmocka_unit_test(an_older_program_measures),
      cmocka_unit_test_teardown(an_older_program_evaluates, empty_folder),
      cmocka_unit_test(an_older_program_makes_a_context),
      cmocka_unit_test(an_older_program_lists_options),
      cmocka_unit_test(a_newer_program_is_told),
      cmocka_unit_test(a_missing_size_is_said),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
