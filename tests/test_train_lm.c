/*
 * Language models in training, on a few lines that repeat: they are learned in each family, an interrupted run ends in
 * the same bits, a model is gone on from, odd and short texts are said or refused, and the plan follows the text.
 */
#include "run_fixture.h"

#include "train/task.h"

#include <math.h>

/* ---- the task ------------------------------------------------------------------------------------------------- */

static char text_path[512];
static const char *texts[2];
static char said[2048];

static void remember(void *user, att_log_level level, const char *text) {
  (void)user, (void)level;
  size_t used = strlen(said);
  snprintf(said + used, sizeof said - used, "%s\n", text);
}

/* Sentences of a small grammar. */
static void write_sentences(const char *path, int count, unsigned seed) {
  static const char *const who[] = {"the cat", "a dog", "my owl", "one fox"}, *const does[] = {"sees", "hears", "eats"};
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  for (int i = 0; i < count; i++) {
    unsigned a = (seed = seed * 1664525u + 1013904223u) >> 16, b = (seed = seed * 1664525u + 1013904223u) >> 16;
    fprintf(file, "%s %s %s.\n%s", who[a % 4], does[b % 3], who[(a / 4 + b / 4) % 4], i % 7 == 6 ? "\n" : "");
  }
  assert_int_equal(fclose(file), 0);
}

static int begin_runs(void **state) {
  if (begin(state)) return 1;
  ctx->log = remember;
  snprintf(text_path, sizeof text_path, "%s/text", folder);
  write_sentences(text_path, 600, 1);
  texts[0] = text_path;
  return 0;
}

static int end_runs(void **state) {
  (void)state;
  att_context_free(ctx);
  remove_all(folder);
  return 0;
}

static att_train_options small_options(const char *out) {
  att_train_options o;
  att_options_begin(ctx, ATT_TASK_LM, &o);
  o.texts = (att_files){texts, 1}, o.out = out;
  o.plan.decoder_layers = 1, o.plan.width = 32, o.plan.heads = 2, o.plan.feedforward = 64, o.plan.context = 24,
  o.plan.batch = 6;
  o.plan.lr = 1e-2, o.plan.dropout = 0.1, o.plan.seed = 0;
  o.plan.steps = 24, o.plan.valid_every = 8, o.plan.average = 2;
  return o;
}

static void without_heads(att_train_options *o, att_network network) {
  o->plan.network = (int)network;
  o->plan.heads = o->plan.feedforward = ATT_UNSET;
  o->plan.embedding = 16;
}

typedef struct att_watch {
  double first_loss, last_loss, valid_loss, perplexity, bleu;
  const char *quality;
  char plan[1024], done[512];
} att_watch;

static void watch(void *user, const att_progress *p) {
  att_watch *w = user;
  size_t used = strlen(w->plan);
  if (p->kind == ATT_PROGRESS_PLAN) snprintf(w->plan + used, sizeof w->plan - used, "%s\n", p->text);
  if (p->kind == ATT_PROGRESS_DONE) snprintf(w->done, sizeof w->done, "%s", p->text);
  if (p->kind == ATT_PROGRESS_STEP && p->step == 1) w->first_loss = p->loss;
  if (p->kind == ATT_PROGRESS_STEP) w->last_loss = p->loss;
  if (p->kind != ATT_PROGRESS_VALID) return;
  w->valid_loss = p->valid_loss, w->perplexity = p->perplexity, w->bleu = p->quality, w->quality = p->quality_name;
}

static att_watch train(const att_train_options *o) {
  att_watch w = {0};
  said[0] = '\0';
  if (att_train(ctx, o, watch, &w)) fail_msg("%s", att_message(ctx));
  return w;
}

static void must_refuse(const att_train_options *o, att_status status, const char *clue) {
  must_say(att_train(ctx, o, NULL, NULL), status, clue);
  assert_false(att_file_exists(o->out));
}

/* ---- learning ------------------------------------------------------------------------------------------------- */

static void check_learned(const char *name, att_train_options o, const char *type) {
  char out[600];
  att_model *model;
  const att_model_info *info;
  snprintf(out, sizeof out, "%s/%s", folder, name);
  o.out = out, o.plan.steps = 150, o.plan.valid_every = 50, o.plan.dropout = 0;
  att_watch w = train(&o);
  printf("# %s: loss %.3f to %.3f, validation %.3f; %s\n", name, w.first_loss, w.last_loss, w.valid_loss, w.done);
  assert_true(w.first_loss > 2.5 && w.last_loss < 1.3 && w.valid_loss < 1.3);
  assert_true(w.quality == NULL && w.bleu < 0 && fabs(w.perplexity - exp(w.valid_loss)) < 1e-9);
  assert_non_null(strstr(w.done, "bits a character"));
  if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  assert_int_equal(att_model_describe(model, &info), ATT_OK);
  assert_int_equal(info->kind, ATT_DECODER);
  assert_string_equal(info->type, type);
  att_model_close(model);
}

static void transformers_learn(void **state) {
  (void)state;
  att_train_options o = small_options(NULL);
  check_learned("gpt2", o, "gpt2");
  o.plan.norm = ATT_NORM_RMS, o.plan.heads = 4, o.plan.kv_heads = 2;
  check_learned("llama", o, "llama");
  o.plan.norm = ATT_UNSET, o.plan.position = ATT_ALIBI, o.plan.kv_heads = ATT_UNSET, o.plan.tied = 0;
  check_learned("alibi", o, "attend");
}

static void passes_choose_the_dropout(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    char out[600];
    int64_t stop = 1;
    snprintf(out, sizeof out, "%s/passes-%d", folder, i);
    att_train_options o = small_options(out);
    o.plan.steps = ATT_UNSET, o.plan.epochs = 2 + i, o.plan.dropout = NAN;
    must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "step 1");
    double dropout = state_of(out).plan.dropout;
    assert_true(i ? dropout > 0 : !(dropout > 0) && !isnan(dropout));
  }
}

static void recurrent_networks_learn(void **state) {
  (void)state;
  static const char *const names[] = {"", "rnn", "lstm", "gru"};
  for (int network = ATT_RNN; network <= ATT_GRU; network++) {
    att_train_options o = small_options(NULL);
    without_heads(&o, (att_network)network);
    check_learned(names[network], o, "attend-rnn");
  }
}

static void bytes_and_pieces_are_learned(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/bytes", folder);
  att_train_options o = small_options(out);
  o.plan.tokenizer = ATT_BYTE;
  att_watch bytes = train(&o);
  o.plan.tokenizer = ATT_BPE, o.plan.vocab = 265;
  snprintf(out, sizeof out, "%s/pieces", folder);
  att_watch pieces = train(&o);
  assert_non_null(strstr(bytes.plan, "vocabulary 257"));
  assert_non_null(strstr(pieces.plan, "vocabulary 265"));
  assert_true(pieces.valid_loss > 0 && bytes.valid_loss > 0);
}

/* ---- going on ------------------------------------------------------------------------------------------------- */

static void check_same_bits(const char *name, att_train_options o) {
  char whole[600], broken[600];
  int64_t stops[] = {1, 8, 13, 24}, stopped = 0;
  snprintf(whole, sizeof whole, "%s/%s-whole", folder, name);
  snprintf(broken, sizeof broken, "%s/%s-broken", folder, name);
  o.out = whole;
  train(&o);
  o.out = broken;
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    att_status status = att_train(ctx, &o, interrupt_at, &stops[i]);
    if (status == ATT_OK) break;
    must_say(status, ATT_INTERRUPTED, "goes on");
    o.resume = true;
    stopped++;
  }
  assert_true(stopped >= 3);
  train(&o);
  same_runs(whole, broken);
}

static void an_interrupted_run_ends_in_the_same_bits(void **state) {
  (void)state;
  att_train_options o = small_options(NULL);
  check_same_bits("transformer", o);
  without_heads(&o, ATT_GRU);
  check_same_bits("gru", o);
}

static void what_differs_is_refused(void **state) {
  (void)state;
  char other[512], out[600];
  snprintf(other, sizeof other, "%s/other", folder);
  snprintf(out, sizeof out, "%s/transformer-whole", folder);
  write_sentences(other, 50, 9);
  att_train_options o = small_options(out);
  o.resume = true, o.plan.seed = 1;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "seed is 1, but the run to resume began with 0");
  o.plan.seed = ATT_UNSET, o.plan.norm = ATT_NORM_RMS;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "norm is rms, but the run to resume began with layer");
  o.plan.norm = ATT_UNSET, o.valid = other;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "training data is not");
  o.valid = NULL, o.task = ATT_TASK_TRANSLATION, o.source = o.target = text_path, o.plan.decoder_layers = ATT_UNSET;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "of another kind: train lm, not translation");
}

static void a_model_is_gone_on_from(void **state) {
  (void)state;
  char out[512], from[512];
  snprintf(from, sizeof from, "%s/gpt2", folder);
  snprintf(out, sizeof out, "%s/further", folder);
  att_train_options o = small_options(out);
  o.plan.decoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = o.plan.context = ATT_UNSET;
  o.from = from, o.plan.max_length = 12;
  att_watch w = train(&o);
  assert_true(w.first_loss < 1.5); /* a fresh one begins above 3 */
  remove_all(out);
  o.plan.tokenizer = ATT_BYTE;
  must_refuse(&o, ATT_ARGUMENT, "the tokenizer is that of the model");
  o.plan.tokenizer = ATT_UNSET, o.plan.width = 64;
  must_refuse(&o, ATT_ARGUMENT, "width is 64, but the model given with --from has 32");
}

/* ---- odd texts ------------------------------------------------------------------------------------------------ */

static void short_and_empty_texts_are_refused(void **state) {
  (void)state;
  char out[512], path[512];
  snprintf(out, sizeof out, "%s/none", folder);
  snprintf(path, sizeof path, "%s/short", folder);
  const char *names[] = {path};
  att_train_options o = small_options(out);
  o.texts.names = names;
  write_bytes(path, "to be or not to be", 18);
  must_refuse(&o, ATT_FORMAT, "the training text has 18 tokens, but a window of the context takes 24");
  write_bytes(path, "", 0);
  must_refuse(&o, ATT_FORMAT, "short: there is no text in it");
  write_bytes(path, " \n\n", 3);
  must_refuse(&o, ATT_FORMAT, "short: there is no text in it");
  o.texts.count = 0;
  must_refuse(&o, ATT_ARGUMENT, "text is missing");
  o.texts = (att_files){texts, 1}, o.valid = path;
  must_refuse(&o, ATT_FORMAT, "short: there is no text in it");
  o.valid = NULL, o.plan.network = ATT_GRU;
  must_refuse(&o, ATT_ARGUMENT, "heads cannot be chosen: a network of the family gru has none");
}

static void odd_text_is_said(void **state) {
  (void)state;
  char out[512], path[512];
  snprintf(out, sizeof out, "%s/odd", folder);
  snprintf(path, sizeof path, "%s/unseen", folder);
  att_train_options o = small_options(out);
  o.plan.steps = 2, o.valid = path;
  write_bytes(path, "the cat \xc3\xa9 \xe4\xb8\xad sees\nthe dog", 27);
  train(&o);
  assert_non_null(strstr(said, "2 characters that the training text does not have"));
  remove_all(out);
  write_bytes(path, "the cat \xff sees\0the dog", 22);
  train(&o);
  assert_non_null(strstr(said, "invalid UTF-8 or NUL bytes"));
  remove_all(out);
  const char *both[] = {path, text_path};
  o.texts = (att_files){both, 2}, o.valid = NULL;
  train(&o);
  assert_non_null(strstr(said, "invalid UTF-8 or NUL bytes"));
}

/* ---- the plan ------------------------------------------------------------------------------------------------- */

static void the_family_follows_the_options(void **state) {
  (void)state;
  static const struct {
    int task, network, norm, position;
    att_kind kind;
    att_family family;
  } cases[] = {
      {ATT_TASK_LM, -1, -1, -1, ATT_DECODER, ATT_GPT2},
      {ATT_TASK_LM, -1, ATT_NORM_RMS, -1, ATT_DECODER, ATT_LLAMA},
      {ATT_TASK_LM, -1, ATT_NORM_LAYER, ATT_ROTARY, ATT_DECODER, ATT_GPT2},
      {ATT_TASK_LM, ATT_LSTM, -1, -1, ATT_DECODER, ATT_RECURRENT},
      {ATT_TASK_TRANSLATION, -1, -1, ATT_RELATIVE, ATT_ENCODER_DECODER, ATT_M2M_100},
      {ATT_TASK_TRANSLATION, ATT_GRU, -1, -1, ATT_ENCODER_DECODER, ATT_RECURRENT},
      {ATT_TASK_TRANSLATION, ATT_FFN, -1, -1, ATT_ENCODER_DECODER, ATT_PADDED},
      {ATT_TASK_CLASSIFIER, ATT_RNN, -1, -1, ATT_ENCODER, ATT_RECURRENT},
      {ATT_TASK_CLASSIFIER, -1, -1, -1, ATT_ENCODER, ATT_BERT},
  };
  char out[512];
  att_model *model;
  snprintf(out, sizeof out, "%s/gpt2", folder);
  assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    att_train_options o;
    att_plan plan;
    att_config config;
    char words[256];
    att_shapes shapes = *att_language_task.shapes;
    shapes.kind = cases[i].kind;
    att_options_begin(ctx, ATT_TASK_LM, &o);
    o.task = cases[i].task;
    o.texts = (att_files){texts, 1}, o.source = o.target = o.data = o.out = "x";
    if (cases[i].network >= 0) o.plan.network = cases[i].network;
    if (cases[i].norm >= 0) o.plan.norm = cases[i].norm;
    if (cases[i].position >= 0) o.plan.position = cases[i].position;
    assert_int_equal(att_plan_wanted(ctx, &shapes, &o, &plan), ATT_OK);
    assert_int_equal(att_plan_begin(ctx, &plan, o.task), ATT_OK);
    if (att_plan_choose(ctx, &plan, &shapes)) fail_msg("case %zu: %s", i, att_message(ctx));
    att_plan_config(&plan, cases[i].kind, model->tokenizer, &config);
    att_plan_describe(&plan, words, sizeof words);
    printf("# %s\n", words);
    assert_int_equal(config.family, cases[i].family);
    assert_int_equal(config.encoder_layers > 0, cases[i].kind != ATT_DECODER);
    assert_int_equal(config.decoder_layers > 0, cases[i].kind != ATT_ENCODER);
    if (cases[i].position >= 0) assert_int_equal(config.position, cases[i].position);
    assert_int_equal(config.bidirectional, config.family == ATT_RECURRENT && cases[i].kind != ATT_DECODER);
  }
  att_model_close(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transformers_learn),
      cmocka_unit_test(passes_choose_the_dropout),
      cmocka_unit_test(bytes_and_pieces_are_learned),
      cmocka_unit_test(an_interrupted_run_ends_in_the_same_bits),
      cmocka_unit_test(what_differs_is_refused),
      cmocka_unit_test(a_model_is_gone_on_from),
      cmocka_unit_test(short_and_empty_texts_are_refused),
      cmocka_unit_test(odd_text_is_said),
      cmocka_unit_test(the_family_follows_the_options),
      cmocka_unit_test(recurrent_networks_learn),
  };
  return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
