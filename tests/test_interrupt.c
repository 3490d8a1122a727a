/*
 * att_interrupt: whatever takes long stops for it, at once where it was asked for before the call; the call that it
 * stopped has taken it, and the next one runs.
 */
#include "run_fixture.h"

#include <math.h>

#include "models/model.h"
#include "train/options.h"

static att_model *translator, *writer, *encoder, *classifier;
static char text_path[512], data_path[512], out_path[512];
static const char *texts[] = {text_path};

static att_model *open_model(const char *name) {
  char path[1024];
  att_model *model;
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  return att_model_open(ctx, path, &model) ? NULL : model;
}

static int begin_all(void **state) {
  if (begin(state)) return 1;
  snprintf(text_path, sizeof text_path, "%s/text", folder);
  snprintf(data_path, sizeof data_path, "%s/data", folder);
  snprintf(out_path, sizeof out_path, "%s/out", folder);
  FILE *text = fopen(text_path, "w"), *data = fopen(data_path, "w");
  if (!text || !data) return 1;
  for (int i = 0; i < 300; i++) {
    fprintf(text, "the %s sees a %s\n", i % 3 ? "dog" : "cat", i % 5 ? "tree" : "bird");
    fprintf(data, "the %s runs\t%s\n", i % 3 ? "dog" : "cat", i % 3 ? "wau" : "miau");
  }
  if (fclose(text) != 0 || fclose(data) != 0) return 1;
  translator = open_model("model_m2m_100_relu");
  writer = open_model("look_gpt2");
  encoder = open_model("look_bert");
  classifier = open_model("look_labels");
  return !translator || !writer || !encoder || !classifier;
}

static int end_all(void **state) {
  (void)state;
  att_model_close(translator);
  att_model_close(writer);
  att_model_close(encoder);
  att_model_close(classifier);
  att_context_free(ctx);
  remove_all(folder);
  return 0;
}

/* ---- the calls ---- */

static const att_text lines[] = {{"The man sees", 12}, {"a dog", 5}};

static int on_translation(void *user, const att_translation *t) { return (void)user, (void)t, 0; }
static int on_piece(void *user, const att_piece_of_text *p) { return (void)user, (void)p, 0; }
static int on_class(void *user, const att_classification *c) { return (void)user, (void)c, 0; }

static att_status open_it(void) {
  att_model *model;
  att_status status = att_model_open(ctx, ATT_TEST_DATA "/look_bert", &model);
  att_model_close(model);
  return status;
}

static att_status save_it(void) { return att_model_save(encoder, out_path, "float16"); }

static att_status translate(void) { return att_translate(translator, lines, 2, NULL, on_translation, NULL); }

static att_status score_pairs(void) {
  att_score scores[2];
  return att_score_pairs(translator, lines, lines, 2, scores);
}

static att_status generate(void) {
  att_generate_options o;
  att_generate_options_default(writer, &o);
  o.max_tokens = 3;
  return att_generate(writer, lines[0], &o, on_piece, NULL);
}

static att_status score_text(void) {
  att_text_score score;
  return att_score_text(writer, lines[0], 0, &score);
}

static att_status classify(void) { return att_classify(classifier, lines, NULL, 2, 0, on_class, NULL); }

static att_status embed(void) {
  float vectors[2 * 64];
  return att_embed(encoder, lines, 2, NULL, vectors);
}

static att_status fill(void) {
  const att_filling **fillings;
  size_t masks, per_mask;
  att_status status = att_fill(encoder, (att_text){"The [MASK] sees", 15}, 2, &fillings, &masks, &per_mask);
  att_release(ctx, fillings);
  return status;
}

static att_status look(void) {
  att_attention *attention;
  att_status status = att_look(writer, lines[0], (att_text){0}, &attention);
  att_attention_free(attention);
  return status;
}

static att_status look_gradient(void) {
  att_attention *attention;
  att_status status = att_look_gradient(writer, lines[0], (att_text){0}, &attention);
  att_attention_free(attention);
  return status;
}

static att_status tokenize(void) {
  int32_t *ids;
  size_t count;
  att_status status = att_tokenize(encoder, lines[0], true, &ids, &count);
  att_release(ctx, ids);
  return status;
}

static att_status measure(att_bleu_metric metric) {
  const att_text *references = lines;
  att_bleu_result result;
  att_bleu_options o;
  att_bleu_options_default(&o);
  o.metric = metric;
  return att_bleu(ctx, lines, 2, &references, 1, &o, &result);
}

static att_status bleu(void) { return measure(ATT_METRIC_BLEU); }
static att_status chrf(void) { return measure(ATT_METRIC_CHRF); }
static att_status ter(void) { return measure(ATT_METRIC_TER); }

static att_status read_lines(void) {
  att_text *read;
  size_t count;
  att_status status = att_read_lines(ctx, text_path, &read, &count);
  att_release(ctx, read);
  return status;
}

static att_status read_text(void) {
  char *text;
  size_t size;
  att_status status = att_read_text(ctx, text_path, &text, &size);
  att_release(ctx, text);
  return status;
}

static att_status write_file(void) { return att_write_file(ctx, out_path, "x", 1); }

static att_status write_npy(void) {
  att_npy *npy;
  float row[2] = {1, 2};
  att_status status = att_npy_open(ctx, out_path, 2, &npy);
  if (!status) status = att_npy_put(npy, row, 1);
  if (status)
    att_npy_discard(npy);
  else
    status = att_npy_commit(npy);
  return status;
}

static att_train_options small_options(int task) {
  att_train_options o;
  att_options_begin(ctx, task, &o);
  if (task == ATT_TASK_TRANSLATION) o.source = o.target = text_path;
  if (task == ATT_TASK_CLASSIFIER) o.data = data_path;
  if (task == ATT_TASK_LM || task == ATT_TASK_MLM || task == ATT_TASK_COMPARE) o.texts = (att_files){texts, 1};
  o.plan.steps = 2, o.plan.vocab = 280, o.plan.context = 16, o.plan.seed = 1;
  o.out = out_path;
  if (task == ATT_TASK_COMPARE) {
    o.plan.parameters = 5000;
    return o;
  }
  if (task != ATT_TASK_LM) o.plan.encoder_layers = 1;
  if (task == ATT_TASK_LM || task == ATT_TASK_TRANSLATION) o.plan.decoder_layers = 1;
  o.plan.width = 16, o.plan.heads = 2, o.plan.feedforward = 16, o.plan.max_length = 16;
  return o;
}

static att_status train(int task) {
  att_train_options o = small_options(task);
  return task == ATT_TASK_COMPARE ? att_compare(ctx, &o, NULL, NULL) : att_train(ctx, &o, NULL, NULL);
}

static att_status train_translation(void) { return train(ATT_TASK_TRANSLATION); }
static att_status train_lm(void) { return train(ATT_TASK_LM); }
static att_status train_classifier(void) { return train(ATT_TASK_CLASSIFIER); }
static att_status train_mlm(void) { return train(ATT_TASK_MLM); }
static att_status compare(void) { return train(ATT_TASK_COMPARE); }

typedef struct call {
  const char *name;
  att_status (*run)(void);
} call;

static const call calls[] = {
    {"open", open_it},
    {"save", save_it},
    {"translate", translate},
    {"score pairs", score_pairs},
    {"generate", generate},
    {"score text", score_text},
    {"classify", classify},
    {"embed", embed},
    {"fill", fill},
    {"look", look},
    {"look at gradients", look_gradient},
    {"tokenize", tokenize},
    {"bleu", bleu},
    {"chrf", chrf},
    {"ter", ter},
    {"read lines", read_lines},
    {"read text", read_text},
    {"write a file", write_file},
    {"write a .npy", write_npy},
    {"train translation", train_translation},
    {"train lm", train_lm},
    {"train classifier", train_classifier},
    {"train mlm", train_mlm},
    {"compare", compare},
};

static void asked_for_before_the_call(void **state) {
  (void)state;
  size_t runs = 0; /* where trainings begin */
  while (calls[runs].run != train_translation) runs++;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    remove_all(out_path);
    att_interrupt(ctx);
    att_status first = calls[i].run();
    if (first != ATT_INTERRUPTED || !strstr(att_message(ctx), "interrupted"))
      fail_msg("%s: %s: %s", calls[i].name, att_status_name(first), att_message(ctx));
    if (access(out_path, F_OK) == 0 && i >= runs) /* a run may have begun its folder: nothing in it is in the way */
      remove_all(out_path);
    else
      assert_int_not_equal(access(out_path, F_OK), 0);
    att_status second = calls[i].run();
    if (second) fail_msg("%s, called again: %s: %s", calls[i].name, att_status_name(second), att_message(ctx));
    assert_int_equal(ctx->interrupted, 0);
  }
}

/* ---- between two networks ---- */

static int networks_done;

static void interrupt_when_done(void *user, const att_progress *p) {
  (void)user;
  if (p->kind != ATT_PROGRESS_DONE) return;
  networks_done++;
  att_interrupt(ctx);
}

/* Each network's training is over when the wish comes, and what follows hears it. */
static void between_two_networks(void **state) {
  (void)state;
  att_train_options o = small_options(ATT_TASK_COMPARE);
  remove_all(out_path);
  att_status status = att_compare(ctx, &o, interrupt_when_done, NULL);
  must_say(status, ATT_INTERRUPTED, "interrupted");
  assert_int_equal(networks_done, 1);
  o.resume = true;
  for (int left = 5; status == ATT_INTERRUPTED && left > 0; left--) {
    int before = networks_done;
    status = att_compare(ctx, &o, interrupt_when_done, NULL);
    assert_true(networks_done == before + 1);
  }
  status = att_compare(ctx, &o, NULL, NULL);
  if (status) fail_msg("%s", att_message(ctx));
}

/* ---- in the midst of long work ---- */

typedef struct stage {
  const char *text;
  int seen;
} stage;

static void interrupt_in(void *user, const att_progress *p) {
  stage *s = user;
  if (p->kind != ATT_PROGRESS_WORK || strcmp(p->text, s->text) != 0) return;
  s->seen++;
  att_interrupt(ctx);
}

/* Of reading and encoding nothing of worth is there yet. */
static void before_the_first_step(void **state) {
  (void)state;
  const char *const stages[] = {"reading", "encoding"};
  for (size_t i = 0; i < 2; i++) {
    stage s = {stages[i], 0};
    att_train_options o = small_options(ATT_TASK_TRANSLATION);
    remove_all(out_path);
    must_say(att_train(ctx, &o, interrupt_in, &s), ATT_INTERRUPTED, "interrupted while reading");
    assert_int_equal(s.seen, 1);
    assert_int_equal(ctx->interrupted, 0);
    assert_int_not_equal(access(out_path, F_OK), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(asked_for_before_the_call),
      cmocka_unit_test(between_two_networks),
      cmocka_unit_test(before_the_first_step),
  };
  return cmocka_run_group_tests(tests, begin_all, end_all);
}
