/*
 * Whole training runs on a small task (writing a few letters backwards): it is learned; an interrupted, killed and
 * resumed run ends in the same bits; what may not be resumed is refused; NaN and missing memory leave things whole.
 */
#include "run_fixture.h"

#include "train/freeze.h"
#include "train/options.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

/* ---- the task ------------------------------------------------------------------------------------------------- */

/* Line i of a side: 2 to 6 letters of "abcdefgh", spaces between, the target backwards. */
static void write_pairs(const char *source, const char *target, int count, unsigned seed) {
  FILE *s = fopen(source, "w"), *t = fopen(target, "w");
  assert_true(s && t);
  for (int i = 0; i < count; i++) {
    char letters[8];
    int size = 2 + (int)((seed = seed * 1664525u + 1013904223u) >> 16) % 5;
    for (int k = 0; k < size; k++) letters[k] = (char)('a' + ((seed = seed * 1664525u + 1013904223u) >> 16) % 8);
    for (int k = 0; k < size; k++) fprintf(s, k ? " %c" : "%c", letters[k]);
    for (int k = size; k-- > 0;) fprintf(t, k < size - 1 ? " %c" : "%c", letters[k]);
    fputc('\n', s), fputc('\n', t);
  }
  assert_true(fclose(s) == 0 && fclose(t) == 0);
}

static char paths[4][512]; /* train source and target, valid source and target */

static att_train_options small_options(const char *out) {
  att_train_options o;
  att_options_begin(ctx, ATT_TASK_TRANSLATION, &o);
  o.source = paths[0], o.target = paths[1], o.valid_source = paths[2], o.valid_target = paths[3];
  o.out = out;
  o.plan.encoder_layers = o.plan.decoder_layers = 1;
  o.plan.width = 32, o.plan.heads = 2, o.plan.feedforward = 64, o.plan.vocab = 280;
  o.plan.batch_tokens = 64, o.plan.lr = 3e-3, o.plan.dropout = 0.1, o.plan.seed = 11;
  o.plan.steps = 30, o.plan.valid_every = 6, o.plan.average = 3, o.plan.warmup = 5;
  return o;
}

static int begin_runs(void **state) {
  static const char *const names[] = {"s", "t", "vs", "vt"};
  if (begin(state)) return 1;
  for (int i = 0; i < 4; i++) snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
  write_pairs(paths[0], paths[1], 300, 1);
  write_pairs(paths[2], paths[3], 40, 2);
  return 0;
}

static int end_runs(void **state) {
  (void)state;
  att_context_free(ctx);
  remove_all(folder);
  return 0;
}

/* No step stands twice in train.jsonl, and the steps rise. */
static void check_record(const char *out, int64_t last_step, int validations) {
  char path[600];
  snprintf(path, sizeof path, "%s/train.jsonl", out);
  att_buffer text = read_whole(path);
  long long step, trained = 0, valid = 0;
  int found = 0;
  for (const char *line = text.data; *line; line = strchr(line, '\n') + 1) {
    assert_int_equal(sscanf(line, "{\"step\": %lld", &step), 1);
    const char *at = strstr(line, "valid_loss");
    if (at && at < strchr(line, '\n')) {
      assert_true(step > valid);
      valid = step, found++;
    } else {
      assert_true(step > trained);
      trained = step;
    }
  }
  assert_int_equal(trained, last_step);
  assert_int_equal(valid, last_step);
  assert_int_equal(found, validations);
  att_buffer_free(ctx, &text);
}

static void train(const att_train_options *o) {
  if (att_train(ctx, o, NULL, NULL)) fail_msg("%s", att_message(ctx));
}

/* ---- learning ------------------------------------------------------------------------------------------------- */

typedef struct att_watch {
  double first_loss, last_loss, bleu;
  int64_t steps, tokens;
  int plans, done;
  char text[1024];
} att_watch;

static void watch(void *user, const att_progress *p) {
  att_watch *w = user;
  if (p->kind == ATT_PROGRESS_PLAN) w->plans++;
  if (p->kind == ATT_PROGRESS_DONE) w->done++, snprintf(w->text, sizeof w->text, "%s", p->text);
  if (p->kind == ATT_PROGRESS_VALID) w->bleu = p->quality;
  if (p->kind != ATT_PROGRESS_STEP) return;
  assert_true(p->step == w->steps + 1 && p->tokens > w->tokens && p->lr > 0 && p->tokens_per_second > 0);
  if (p->step == 1) w->first_loss = p->loss;
  w->last_loss = p->loss;
  w->steps = p->step;
  w->tokens = p->tokens;
}

static int backwards_right;
static int check_backwards(void *user, const att_translation *t) {
  const att_text *targets = user;
  const att_hypothesis *h = t->hypotheses[0];
  backwards_right += h->text_size == targets[t->line].size && memcmp(h->text, targets[t->line].data, h->text_size) == 0;
  return 0;
}

static void a_task_is_learned(void **state) {
  (void)state;
  att_watch w = {0};
  char out[512];
  snprintf(out, sizeof out, "%s/learned", folder);
  att_train_options o = small_options(out);
  char source[512], target[512];
  snprintf(source, sizeof source, "%s/many-s", folder);
  snprintf(target, sizeof target, "%s/many-t", folder);
  write_pairs(source, target, 3000, 3);
  o.source = source, o.target = target;
  o.plan.encoder_layers = o.plan.decoder_layers = 2, o.plan.feedforward = 128, o.plan.dropout = 0,
  o.plan.label_smoothing = 0;
  o.plan.batch_tokens = 256, o.plan.steps = 500, o.plan.valid_every = 100, o.plan.warmup = 50, o.plan.lr = 5e-3,
  o.plan.patience = 0;
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  assert_int_equal(w.steps, 500);
  assert_true(w.plans >= 3 && w.done == 1);
  assert_true(w.first_loss > 4 && w.last_loss < 0.5);
  att_model *model;
  att_text *sources, *targets;
  size_t count;
  assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
  assert_int_equal(att_read_lines(ctx, paths[2], &sources, &count), ATT_OK);
  assert_int_equal(att_read_lines(ctx, paths[3], &targets, &count), ATT_OK);
  att_decode_options d;
  att_decode_options_default(model, &d);
  d.beam = 1;
  backwards_right = 0;
  if (att_translate(model, sources, count, &d, check_backwards, targets)) fail_msg("%s", att_message(ctx));
  printf("# %d of %zu lines right, loss %.3f, BLEU %.1f: %s\n", backwards_right, count, w.last_loss, w.bleu, w.text);
  assert_true(backwards_right >= 36);
  assert_true(w.bleu > 80); /* validations translate too */
  att_release(ctx, sources);
  att_release(ctx, targets);
  att_model_close(model);
}

/* ---- going on ------------------------------------------------------------------------------------------------- */

static char unbroken[512];

static void an_interrupted_run_ends_in_the_same_bits(void **state) {
  (void)state;
  char out[512];
  int64_t stops[] = {1, 6, 7, 17, 29, 30}, resumed = 0;
  snprintf(unbroken, sizeof unbroken, "%s/unbroken", folder);
  snprintf(out, sizeof out, "%s/broken", folder);
  att_train_options o = small_options(unbroken);
  train(&o);
  check_record(unbroken, 30, 5);
  o.out = out;
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    att_status status = att_train(ctx, &o, interrupt_at, &stops[i]);
    if (status == ATT_OK) break;
    must_say(status, ATT_INTERRUPTED, "goes on");
    assert_int_equal(state_of(out).step, stops[i]);
    o.resume = true;
    resumed++;
  }
  assert_true(resumed >= 5);
  train(&o);
  same_runs(unbroken, out);
  check_record(out, 30, 5);
}

/* When checkpoints are written changes nothing. */
static void saving_changes_nothing(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/saving", folder);
  att_train_options o = small_options(out);
  o.plan.save_every = 4;
  train(&o);
  same_runs(unbroken, out);
}

/* The program itself, as `test_train_run --train FOLDER`, so that it can be killed. */
static int train_as_child(const char *where) {
  char out[600];
  snprintf(folder, sizeof folder, "%s", where);
  snprintf(out, sizeof out, "%s/killed", where);
  for (int i = 0; i < 4; i++)
    snprintf(paths[i], sizeof paths[i], "%s/%s", where, ((const char *[]){"s", "t", "vs", "vt"})[i]);
  if (att_context_new(NULL, &ctx)) return 1;
  att_train_options o = small_options(out);
  o.plan.save_every = 2;
  o.resume = true;
  att_status status = att_train(ctx, &o, NULL, NULL);
  if (status) fprintf(stderr, "%s\n", att_message(ctx));
  att_context_free(ctx);
  return (int)status;
}

static pid_t start_child(void) {
  pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "test_train_run", "--train", folder, (char *)NULL);
    _exit(127);
  }
  return child;
}

/* What a complete run leaves, and nothing beside it. */
static void check_folder(const char *out) {
  static const char *const names[] = {"config.json",       "generation_config.json",
                                      "tokenizer.json",    "tokenizer_config.json",
                                      "model.safetensors", "train.jsonl",
                                      "loss.svg",          "checkpoint"};
  DIR *open = opendir(out);
  size_t found = 0;
  for (struct dirent *entry; (entry = readdir(open));) {
    bool known = entry->d_name[0] == '.';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      if (strcmp(entry->d_name, names[i]) == 0) known = true, found++;
    }
    if (!known) fail_msg("%s is left in the folder", entry->d_name);
  }
  closedir(open);
  assert_int_equal(found, sizeof names / sizeof *names);
}

static void a_killed_run_ends_in_the_same_bits(void **state) {
  (void)state;
  char out[512];
  int killed = 0, result = -1;
  unsigned seed = 7;
  snprintf(out, sizeof out, "%s/killed", folder);
  for (int turn = 0; turn < 60 && result != 0; turn++) {
    pid_t child = start_child();
    assert_true(child > 0);
    seed = seed * 1664525u + 1013904223u;
    long milliseconds = turn < 20 ? 10 + (long)(seed >> 16) % 120 : 60000;
    struct timespec rest = {0, 2000000};
    pid_t ended = 0;
    for (long waited = 0; waited < milliseconds && !ended; waited += 2) {
      nanosleep(&rest, NULL);
      ended = waitpid(child, &result, WNOHANG);
    }
    if (!ended) {
      kill(child, SIGKILL);
      waitpid(child, &result, 0);
      killed++;
    } else {
      assert_int_equal(result, 0);
    }
  }
  printf("# killed %d times\n", killed);
  assert_int_equal(result, 0);
  same_runs(unbroken, out);
  check_record(out, 30, 5);
  check_folder(out);
}

static void what_differs_is_refused(void **state) {
  (void)state;
  att_watch w = {0};
  att_train_options o = small_options(unbroken);
  must_say(att_train(ctx, &o, NULL, NULL), ATT_IO, "not empty");
  o.resume = true;
  if (att_train(ctx, &o, watch, &w)) fail_msg("%s", att_message(ctx));
  assert_true(w.done == 1 && w.steps == 0 && strstr(w.text, "complete"));
#define DIFFERS(status, change, clue)                                                                                  \
  o = small_options(unbroken), o.resume = true, o.change;                                                              \
  must_say(att_train(ctx, &o, NULL, NULL), status, clue)
  DIFFERS(ATT_ARGUMENT, plan.lr = 1e-3, "lr is 0.001, but the run to resume began with 0.003");
  DIFFERS(ATT_ARGUMENT, plan.width = 64, "width is 64");
  DIFFERS(ATT_ARGUMENT, plan.seed = 12, "seed is 12");
  DIFFERS(ATT_ARGUMENT, plan.tied = 0, "tie is no, but the run to resume began with yes");
  DIFFERS(ATT_ARGUMENT, plan.activation = ATT_GELU, "activation is gelu, but the run to resume began with relu");
  DIFFERS(ATT_ARGUMENT, from = unbroken, "from is given, but the run to resume began with not given");
  DIFFERS(ATT_ARGUMENT, plan.steps = 20, "may only grow");
  DIFFERS(ATT_FORMAT, source = paths[1], "training data is not");
  DIFFERS(ATT_FORMAT, valid_source = paths[3], "validation data is not");
  DIFFERS(ATT_IO, out = folder, "no checkpoint");
  same_runs(unbroken, in_folder("broken"));
}

/* The folder alone is enough to resume a run: its checkpoint names the task and the files. */
static void a_folder_is_enough_to_resume(void **state) {
  (void)state;
  char out[512], state_path[600], moved[600];
  int64_t stop = 9;
  att_train_options *again;
  snprintf(out, sizeof out, "%s/alone", folder);
  att_train_options o = small_options(out);
  must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "attend train --resume");
  must_say(att_train_options_resume(ctx, folder, &again), ATT_IO, "there is no checkpoint in it");
  assert_null(again);
  assert_int_equal(att_train_options_resume(ctx, out, &again), ATT_OK);
  assert_string_equal(att_train_options_task(again), "translation");
  assert_string_equal(att_train_options_get(again, "out", 0), out);
  assert_string_equal(att_train_options_get(again, "source", 0), paths[0]);
  att_watch w = {.steps = 9};
  if (att_train(ctx, again, watch, &w)) fail_msg("%s", att_message(ctx));
  assert_int_equal(w.steps, 30);
  att_train_options_free(again);
  same_runs(unbroken, out);

  /* a file that is there no more is said by its name; one that is given counts */
  snprintf(moved, sizeof moved, "%s.moved", paths[0]);
  assert_int_equal(rename(paths[0], moved), 0);
  assert_int_equal(att_train_options_resume(ctx, out, &again), ATT_OK);
  must_say(att_train(ctx, again, NULL, NULL), ATT_IO, paths[0]);
  assert_int_equal(att_train_options_set(again, "source", moved), ATT_OK);
  if (att_train(ctx, again, NULL, NULL)) fail_msg("%s", att_message(ctx));
  att_train_options_free(again);
  assert_int_equal(rename(moved, paths[0]), 0);

  snprintf(state_path, sizeof state_path, "%s/checkpoint/trainer_state.json", out);
  att_buffer text = read_whole(state_path);
  char *at = strstr(text.data, "\"source\": [\"");
  assert_non_null(at);
  memcpy(at, "\"source\": [17,", 14); /* no name */
  write_bytes(state_path, text.data, text.size);
  att_buffer_free(ctx, &text);
  assert_int_equal(att_train_options_resume(ctx, out, &again), ATT_FORMAT);
  remove_all(out);
}

static void a_larger_budget_goes_on(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/saving", folder);
  att_train_options o = small_options(out);
  o.resume = true;
  o.plan.steps = 40;
  train(&o);
  assert_int_equal(state_of(out).step, 40);
  assert_true(state_of(out).complete);
  check_record(out, 40, 7);
}

static void resuming_nothing_starts_afresh(void **state) {
  (void)state;
  char out[512], path[600];
  snprintf(out, sizeof out, "%s/fresh", folder);
  snprintf(path, sizeof path, "%s/train.jsonl", out);
  assert_int_equal(att_folder_make(ctx, out), ATT_OK);
  write_bytes(path, "{\"step\": 1, \"loss\"", 18);
  att_train_options o = small_options(out);
  o.resume = true;
  train(&o);
  same_runs(unbroken, out);
  check_record(out, 30, 5);
}

/* A change of places that was cut short: only checkpoint.old is there. */
static void a_checkpoint_between_places_is_found(void **state) {
  (void)state;
  char out[512], now[600], old[600];
  int64_t stop = 9;
  snprintf(out, sizeof out, "%s/between", folder);
  snprintf(now, sizeof now, "%s/checkpoint", out);
  snprintf(old, sizeof old, "%s/checkpoint.old", out);
  att_train_options o = small_options(out);
  must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "step 9");
  assert_int_equal(rename(now, old), 0);
  o.resume = true;
  train(&o);
  same_runs(unbroken, out);
  assert_false(att_file_exists(old));
}

/* ---- other ends ----------------------------------------------------------------------------------------------- */

static void not_a_number_stops(void **state) {
  (void)state;
  char out[512];
  att_model *model;
  snprintf(out, sizeof out, "%s/nan", folder);
  att_train_options o = small_options(out);
  /* decay alone multiplies the matrices by -999 a step: no kernel's rounding keeps them finite */
  o.plan.lr = 100, o.plan.weight_decay = 10, o.plan.warmup = 1;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_NUMERIC, "is not a finite number");
  assert_true(state_of(out).step < 10);
  if (att_checkpoint_load_model(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  att_model_close(model);
}

static void patience_ends_a_run(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/patience", folder);
  att_train_options o = small_options(out);
  o.plan.lr = 1e-30, o.plan.patience = 2, o.plan.valid_every = 3;
  train(&o);
  assert_int_equal(state_of(out).step, 9);
  assert_true(state_of(out).complete);
}

static void a_model_is_tuned_further(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/tuned", folder);
  att_train_options o = small_options(out);
  o.plan.encoder_layers = o.plan.decoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = o.plan.vocab =
      ATT_UNSET;
  o.from = unbroken;
  train(&o);
  same_files(in_folder("tuned/tokenizer.json"), in_folder("unbroken/tokenizer.json"));
  assert_true(state_of(out).lowest.loss < state_of(unbroken).lowest.loss);
  o.resume = true, o.from = out; /* the tuned model is not the one it began with */
  must_say(att_train(ctx, &o, NULL, NULL), ATT_FORMAT, "is not the model that the run in");
  o.from = unbroken;
  train(&o); /* complete: nothing to do */
  remove_all(out);
  o.resume = false;
  o.plan.width = 64;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "width is 64, but the model given with --from has 32");
  assert_false(att_file_exists(out));
}

/* The unbroken run's model with a tokenizer of the same tokens that has no merges. */
static void make_unigram(const char *from) {
  static const char *const names[] = {"config.json", "generation_config.json", "model.safetensors"};
  att_buffer text = read_whole(in_folder("unbroken/tokenizer.json"));
  json_t *root = json_loadb(text.data, text.size, 0, NULL), *pieces = json_array();
  const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
  assert_int_equal(mkdir(from, 0700), 0);
  for (size_t id = 0; id < json_object_size(vocab); id++) json_array_append_new(pieces, json_null());
  const char *token;
  json_t *id;
  json_object_foreach((json_t *)vocab, token, id)
      json_array_set_new(pieces, (size_t)json_integer_value(id), json_pack("[s, f]", token, -2.5));
  json_object_set_new(root, "pre_tokenizer", json_null());
  json_object_set_new(root, "decoder", json_null());
  json_object_set_new(root, "model", json_pack("{s:s, s:i, s:o}", "type", "Unigram", "unk_id", 3, "vocab", pieces));
  char *made = json_dumps(root, 0), path[600];
  snprintf(path, sizeof path, "%s/tokenizer.json", from);
  write_bytes(path, made, strlen(made));
  free(made);
  json_decref(root);
  att_buffer_free(ctx, &text);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", unbroken, names[i]);
    text = read_whole(path);
    snprintf(path, sizeof path, "%s/%s", from, names[i]);
    write_bytes(path, text.data, text.size);
    att_buffer_free(ctx, &text);
  }
}

static void a_model_without_merges_is_tuned_further(void **state) {
  (void)state;
  char out[512], from[512];
  snprintf(out, sizeof out, "%s/tuned-pieces", folder);
  snprintf(from, sizeof from, "%s/pieces", folder);
  make_unigram(from);
  att_train_options o = small_options(out);
  o.plan.encoder_layers = o.plan.decoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = o.plan.vocab =
      ATT_UNSET;
  o.from = from, o.plan.bpe_dropout = 0.1, o.plan.steps = 4;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "has no merges to leave out");
  assert_false(att_file_exists(out));
  o.plan.bpe_dropout = 0;
  train(&o);
  remove_all(out);
  remove_all(from);
}

/* Compares what a run made of a float16 folder with that folder: the frozen parts have its type and bits. */
static void check_frozen(const char *out, const char *from) {
  att_model *before, *after;
  size_t frozen = 0, trained = 0;
  if (att_model_open(ctx, from, &before) || att_model_open(ctx, out, &after)) fail_msg("%s", att_message(ctx));
  for (size_t i = 0; i < before->parameter_count; i++) {
    const att_parameter *b = &before->parameters[i], *a = &after->parameters[i];
    bool kept = strcmp(b->part, "embedding") == 0 || strncmp(b->part, "encoder", 7) == 0;
    if (b->fixed) continue;
    if (a->file_type != (kept ? ATT_F16 : ATT_F32)) fail_msg("%s: type %d", a->name, (int)a->file_type);
    float worst = 0, *x = malloc((size_t)b->cols * 2 * sizeof(float));
    assert_non_null(x);
    for (int64_t r = 0; r < b->rows; r++) {
      att_matrix_row(x, b->data, b->type, b->cols, r);
      att_matrix_row(x + b->cols, a->data, a->type, a->cols, r);
      for (int64_t j = 0; j < b->cols; j++) worst = fmaxf(worst, fabsf(x[j] - x[b->cols + j]));
    }
    free(x);
    if (kept != (worst == 0)) fail_msg("%s moved by %g", a->name, (double)worst);
    frozen += kept, trained += !kept;
  }
  assert_true(frozen > 10 && trained > 10);
  att_model_close(before);
  att_model_close(after);
}

static void a_part_stays_as_it_is(void **state) {
  (void)state;
  char out[512], broken[512], half[512];
  snprintf(out, sizeof out, "%s/part", folder);
  snprintf(broken, sizeof broken, "%s/part-broken", folder);
  snprintf(half, sizeof half, "%s/half", folder);
  att_model *model;
  if (att_model_open(ctx, unbroken, &model) || att_model_save(model, half, "float16")) fail_msg("%s", att_message(ctx));
  att_model_close(model);
  att_train_options o = small_options(out);
  o.plan.encoder_layers = o.plan.decoder_layers = o.plan.width = o.plan.heads = o.plan.feedforward = o.plan.vocab =
      ATT_UNSET;
  o.from = half;
  static const struct {
    const char *freeze, *says;
  } refused[] = {{"encoders", "this model has no \"encoders\""},
                 {"embeddings,,encoder", "this model has no \"\""},
                 {"*", "leaves nothing to train"},
                 {"embeddings,encoder,model.decoder.*", "leaves nothing to train"}};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    strcpy(o.plan.freeze, refused[i].freeze);
    must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, refused[i].says);
    assert_false(att_file_exists(out));
  }
  strcpy(o.plan.freeze, "embeddings,encoder");
  train(&o);
  check_frozen(out, half);
  int64_t stop = 17;
  o.out = broken;
  must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "step 17");
  o.resume = true;
  strcpy(o.plan.freeze, "embeddings");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "freeze is embeddings, but the run to resume began with");
  strcpy(o.plan.freeze, "");
  train(&o);
  same_runs(out, broken);
  o = small_options(unbroken); /* which froze nothing */
  o.resume = true;
  strcpy(o.plan.freeze, "embeddings");
  must_say(att_train(ctx, &o, NULL, NULL), ATT_ARGUMENT, "freeze is embeddings, but the run to resume began with");
}

/* Gradients and moments are made for the part alone. */
static void a_part_takes_a_part_of_the_memory(void **state) {
  (void)state;
  att_optimizer whole, part;
  att_model *model;
  if (att_model_open(ctx, unbroken, &model) || att_freeze(model, "") || att_model_add_gradients(model) ||
      att_optimizer_new(model, &whole))
    fail_msg("%s", att_message(ctx));
  int64_t all = model->trained_total;
  att_optimizer_free(&whole);
  if (att_freeze(model, "*layers*") || att_model_add_gradients(model) || att_optimizer_new(model, &part))
    fail_msg("%s", att_message(ctx));
  assert_true(model->trained_total > 0 && model->trained_total < all / 2);
  att_optimizer_free(&part);
  att_model_close(model);
}

static void a_part_is_held_out_and_norm_may_come_after(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/after", folder);
  att_train_options o = small_options(out);
  o.valid_source = o.valid_target = NULL;
  o.plan.norm_order = ATT_NORM_AFTER, o.plan.position = ATT_LEARNED, o.plan.tied = 0, o.plan.steps = 8,
  o.plan.batch_tokens = ATT_UNSET, o.plan.batch = 5;
  o.plan.schedule = ATT_SCHEDULE_INVERSE_SQRT, o.plan.lowercase = true;
  train(&o);
  att_model *model;
  const att_model_info *info;
  assert_int_equal(att_model_open(ctx, out, &model), ATT_OK);
  assert_int_equal(att_model_describe(model, &info), ATT_OK);
  assert_string_equal(info->norm_order, "after");
  assert_string_equal(info->position, "learned");
  assert_false(info->tied);
  att_model_close(model);
}

static float dropout_in(const char *out) {
  att_model *model;
  if (att_model_open(ctx, out, &model)) fail_msg("%s", att_message(ctx));
  float dropout = model->config.dropout;
  att_model_close(model);
  return dropout;
}

static void passes_choose_the_dropout(void **state) {
  (void)state;
  static const double epochs[] = {4, 12, 24}, dropouts[] = {0.1, 0.2, 0.3};
  for (int i = 0; i < 3; i++) {
    char out[512];
    int64_t stop = 2;
    snprintf(out, sizeof out, "%s/passes-%d", folder, i);
    att_train_options o = small_options(out);
    o.plan.steps = ATT_UNSET, o.plan.epochs = epochs[i], o.plan.dropout = NAN;
    must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "step 2");
    assert_float_equal(state_of(out).plan.dropout, dropouts[i], 0);
  }
}

/* The budget is not known yet when it stops for the first time, nor is the dropout. */
static void minutes_choose_the_dropout(void **state) {
  (void)state;
  char out[512];
  int64_t stop = 2;
  snprintf(out, sizeof out, "%s/by-minutes", folder);
  att_train_options o = small_options(out);
  o.plan.steps = ATT_UNSET, o.plan.minutes = 0.06, o.plan.dropout = NAN;
  must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "step 2");
  assert_true(isnan(state_of(out).plan.dropout) && state_of(out).plan.steps == 0);
  o.resume = true;
  train(&o);
  double dropout = state_of(out).plan.dropout;
  assert_true(dropout >= 0.1 && dropout <= 0.3);
  assert_float_equal(dropout_in(out), dropout, 1e-6);
}

static void minutes_fix_the_steps_once(void **state) {
  (void)state;
  char out[512];
  int64_t stop = 400, fixed;
  snprintf(out, sizeof out, "%s/minutes", folder);
  att_train_options o = small_options(out);
  o.plan.steps = ATT_UNSET, o.plan.valid_every = ATT_UNSET, o.plan.minutes = 0.06;
  att_status status = att_train(ctx, &o, interrupt_at, &stop); /* on a slow machine it may be done by then */
  if (status) must_say(status, ATT_INTERRUPTED, "step 400");
  fixed = state_of(out).plan.steps;
  assert_true(fixed > 0);
  o.resume = true;
  train(&o);
  att_state s = state_of(out);
  assert_true(s.complete && s.plan.steps == fixed && s.step <= fixed);
  printf("# %lld of %lld steps in %.2f of 3.6 seconds\n", (long long)s.step, (long long)fixed, s.seconds);
}

/* ---- memory --------------------------------------------------------------------------------------------------- */

typedef struct att_census {
  counting *count;
  long calls_at_epoch, calls_at_end;
} att_census;

static void count_calls(void *user, const att_progress *p) {
  att_census *census = user;
  if (p->kind != ATT_PROGRESS_STEP) return;
  if (p->step == 40) census->calls_at_epoch = census->count->calls;
  if (p->step == 90) census->calls_at_end = census->count->calls;
}

static void no_allocation_after_the_first_epoch(void **state) {
  (void)state;
  counting count = {0};
  att_census census = {.count = &count};
  att_context *own;
  char out[512];
  snprintf(out, sizeof out, "%s/census", folder);
  assert_int_equal(
      att_context_new(
          &(att_context_options){.size = sizeof(att_context_options), .allocator = {counting_resize, &count}}, &own),
      ATT_OK);
  att_train_options o = small_options(out);
  o.plan.steps = 100, o.plan.valid_every = 100; /* an epoch is about 35 */
  assert_int_equal(att_train(own, &o, count_calls, &census), ATT_OK);
  assert_true(census.calls_at_epoch > 0);
  assert_int_equal(census.calls_at_end, census.calls_at_epoch);
  att_context_free(own);
  assert_int_equal(count.live, 0);
}

static att_status short_run(counting *count, long fail_at, const char *out) {
  att_context *own;
  remove_all(out);
  count->fail_at = 0;
  assert_int_equal(
      att_context_new(
          &(att_context_options){.size = sizeof(att_context_options), .allocator = {counting_resize, count}}, &own),
      ATT_OK);
  att_train_options o = small_options(out);
  o.plan.steps = 3, o.plan.valid_every = 1, o.plan.average = 2, o.plan.vocab = 262;
  count->calls = 0;
  count->fail_at = fail_at;
  att_status status = att_train(own, &o, NULL, NULL);
  if (status != ATT_OK && att_message(own)[0] == '\0') fail_msg("allocation %ld failing leaves no message", fail_at);
  assert_int_equal(count->live, 1);
  count->fail_at = 0;
  att_context_free(own);
  return status;
}

/* Each allocation of the beginning, then samples: a run has many thousands. */
static void missing_memory_is_a_status(void **state) {
  (void)state;
  char out[512];
  snprintf(out, sizeof out, "%s/memory", folder);
  counting count = {0};
  assert_int_equal(short_run(&count, 0, out), ATT_OK);
  long total = count.calls, tried = 0;
  for (long n = 1; n <= total; n += 1 + total / 150, tried++) {
    att_status status = short_run(&count, n, out);
    if (status != ATT_MEMORY) fail_msg("allocation %ld of %ld failing: %s", n, total, att_status_name(status));
  }
  printf("# %ld of %ld allocations made to fail\n", tried, total);
  remove_all(out);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--train") == 0) return train_as_child(argv[2]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_task_is_learned),
      cmocka_unit_test(an_interrupted_run_ends_in_the_same_bits),
      cmocka_unit_test(saving_changes_nothing),
      cmocka_unit_test(a_killed_run_ends_in_the_same_bits),
      cmocka_unit_test(what_differs_is_refused),
      cmocka_unit_test(a_folder_is_enough_to_resume),
      cmocka_unit_test(a_larger_budget_goes_on),
      cmocka_unit_test(resuming_nothing_starts_afresh),
      cmocka_unit_test(a_checkpoint_between_places_is_found),
      cmocka_unit_test(not_a_number_stops),
      cmocka_unit_test(patience_ends_a_run),
      cmocka_unit_test(a_model_is_tuned_further),
      cmocka_unit_test(a_part_stays_as_it_is),
      cmocka_unit_test(a_part_takes_a_part_of_the_memory),
      cmocka_unit_test(a_model_without_merges_is_tuned_further),
      cmocka_unit_test(a_part_is_held_out_and_norm_may_come_after),
      cmocka_unit_test(passes_choose_the_dropout),
      cmocka_unit_test(minutes_choose_the_dropout),
      cmocka_unit_test(minutes_fix_the_steps_once),
      cmocka_unit_test(no_allocation_after_the_first_epoch),
      cmocka_unit_test(missing_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
