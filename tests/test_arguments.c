/*
 * What a program may pass by mistake: every enum of the public header out of its range is refused as an argument, in
 * one line, wherever it is taken.
 */
#include "scratch.h"

#include <limits.h>

#include "models/model.h"

static att_model *open_model(const char *name) {
  char path[1024];
  att_model *model;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

/* Values that are in no enum; through an int, as a C program could store one. */
static const int wrong[] = {-1, -2, 99, 31, 32, 33, 64, INT_MAX, INT_MIN};
enum { WRONG = sizeof wrong / sizeof *wrong };

static void verbs(void **state) {
  (void)state;
  static const char *const models[] = {"look_bert", "look_gpt2", "look_labels", "decode_marian"};
  for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
    att_model *model = open_model(models[m]);
    for (size_t i = 0; i < WRONG; i++) must_say(att_check_verb(model, (att_verb)wrong[i]), ATT_ARGUMENT, "no verb");
    int can = 0;
    for (int v = ATT_VERB_TRANSLATE; v <= ATT_VERB_COMPOSE; v++) can += att_check_verb(model, (att_verb)v) == ATT_OK;
    assert_true(can >= 2);
    must_say(att_check_verb(model, (att_verb)(ATT_VERB_COMPOSE + 1)), ATT_ARGUMENT, "no verb");
    att_model_close(model);
  }
}

static void poolings(void **state) {
  (void)state;
  att_model *model = open_model("look_bert");
  const att_text line = {"The man", 7};
  float vector[64];
  for (size_t i = 0; i < WRONG; i++) {
    att_embed_options o;
    att_embed_options_default(model, &o);
    o.pooling = (att_pooling)wrong[i];
    must_say(att_embed(model, &line, 1, &o, vector), ATT_ARGUMENT, "pooling");
  }
  att_model_close(model);
}

static void parts_and_formats(void **state) {
  (void)state;
  att_model *model = open_model("look_bert");
  att_attention *attention;
  if (att_look(model, (att_text){"The man", 7}, (att_text){0}, &attention)) fail_msg("%s", att_message(ctx));
  for (size_t i = 0; i < WRONG; i++) {
    const att_attention_map *map;
    att_look_options o;
    char *text;
    size_t size;
    must_say(att_attention_get(attention, (att_look_part)wrong[i], &map), ATT_ARGUMENT, "part");
    att_look_options_default(&o);
    o.part = (att_look_part)wrong[i];
    must_say(att_attention_render(attention, ATT_LOOK_SVG, &o, &text, &size), ATT_ARGUMENT, "part");
    assert_null(text);
    o.part = ATT_LOOK_ENCODER;
    must_say(att_attention_render(attention, (att_look_format)wrong[i], &o, &text, &size), ATT_ARGUMENT, "format");
    assert_null(text);
    if (wrong[i] == -1) continue; /* the last layer, the mean of the heads */
    o.layer = wrong[i];
    must_say(att_attention_render(attention, ATT_LOOK_SVG, &o, &text, &size), ATT_ARGUMENT, "layer");
    o.layer = -1;
    o.head = wrong[i];
    must_say(att_attention_render(attention, ATT_LOOK_SVG, &o, &text, &size), ATT_ARGUMENT, "head");
  }
  att_attention_free(attention);
  att_model_close(model);
}

static void bleu_choices(void **state) {
  (void)state;
  const att_text line = {"a b c", 5}, *reference = &line;
  att_bleu_result result;
  for (size_t i = 0; i < WRONG; i++) {
    att_bleu_options o;
    att_bleu_options_default(&o);
    o.metric = (att_bleu_metric)wrong[i];
    must_say(att_bleu(ctx, &line, 1, &reference, 1, &o, &result), ATT_ARGUMENT, "metric");
    att_bleu_options_default(&o);
    o.tokenizer = (att_bleu_tokenizer)wrong[i];
    must_say(att_bleu(ctx, &line, 1, &reference, 1, &o, &result), ATT_ARGUMENT, "tokenizer");
    att_bleu_options_default(&o);
    o.smoothing = (att_bleu_smoothing)wrong[i];
    must_say(att_bleu(ctx, &line, 1, &reference, 1, &o, &result), ATT_ARGUMENT, "smoothing");
  }
}

/* Words alone choose; what a flag is set to is 0 or 1. */
static void choices_of_training(void **state) {
  (void)state;
  static const char *const tasks[] = {"translation", "lm", "classifier", "mlm", "speech", "compare"};
  size_t tried = 0;
  for (size_t t = 0; t < sizeof tasks / sizeof *tasks; t++) {
    att_train_options *options;
    att_train_option o;
    if (att_train_options_new(ctx, tasks[t], &options)) fail_msg("%s", att_message(ctx));
    for (size_t i = 0; att_train_option_at(tasks[t], i, &o); i++) {
      if (o.kind != ATT_OPTION_CHOICE && o.kind != ATT_OPTION_FLAG) continue;
      for (size_t k = 0; k < WRONG; k++) {
        must_say(att_train_options_set_int(options, o.name, wrong[k]), ATT_ARGUMENT, o.name);
        must_say(att_train_options_set_number(options, o.name, wrong[k]), ATT_ARGUMENT, o.name);
        tried++;
      }
      assert_null(att_train_options_get(options, o.name, 0));
    }
    att_train_options_free(options);
  }
  assert_true(tried > 100);
}

/* ---- names and ids ---- */

static void names_of_statuses(void **state) {
  (void)state;
  for (size_t i = 0; i < WRONG; i++) assert_string_equal(att_status_name((att_status)wrong[i]), "unknown");
  for (int s = 0; s < ATT_STATUS_COUNT; s++) assert_string_not_equal(att_status_name((att_status)s), "unknown");
}

static void ids_of_tokens(void **state) {
  (void)state;
  att_model *model = open_model("look_bert");
  const att_model_info *info;
  if (att_model_describe(model, &info)) fail_msg("%s", att_message(ctx));
  const int32_t out[] = {-1, (int32_t)info->vocabulary, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < 4; i++) {
    char *text;
    size_t size;
    assert_null(att_token(model, out[i]));
    att_status status = att_detokenize(model, &out[i], 1, &text, &size);
    if (status) must_say(status, ATT_ARGUMENT, "token");
    att_release(ctx, text);
  }
  att_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verbs),
      cmocka_unit_test(poolings),
      cmocka_unit_test(parts_and_formats),
      cmocka_unit_test(bleu_choices),
      cmocka_unit_test(choices_of_training),
      cmocka_unit_test(names_of_statuses),
      cmocka_unit_test(ids_of_tokens),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
