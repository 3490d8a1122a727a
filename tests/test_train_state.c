/*
 * A checkpoint whose trainer_state.json is damaged: every value of it, in every kind of training, is replaced by what
 * it cannot be. Going on either fails in one line or takes a step that can be; what was there is never read beyond its
 * end.
 */
#include "run_fixture.h"

#include <jansson.h>

#include "train/options.h"

typedef struct kind {
  const char *name;
  int task;
} kind;

static const kind kinds[] = {{"translation", ATT_TASK_TRANSLATION},
                             {"lm", ATT_TASK_LM},
                             {"classifier", ATT_TASK_CLASSIFIER},
                             {"mlm", ATT_TASK_MLM}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static char text_path[512], data_path[512], whole[512], tried[512];
static const char *texts[] = {text_path};

static int begin_runs(void **state) {
  if (access("/dev/shm", W_OK) == 0) strcpy(folder, "/dev/shm/attend-XXXXXX"); /* thousands of runs, nothing to keep */
  if (begin(state)) return 1;
  snprintf(text_path, sizeof text_path, "%s/text", folder);
  snprintf(data_path, sizeof data_path, "%s/data", folder);
  FILE *text = fopen(text_path, "w"), *data = fopen(data_path, "w");
  if (!text || !data) return 1;
  for (int i = 0; i < 120; i++) {
    fprintf(text, "the %s sees a %s\n", i % 3 ? "dog" : "cat", i % 5 ? "tree" : "bird");
    fprintf(data, "the %s runs\t%s\n", i % 3 ? "dog" : "cat", i % 3 ? "wau" : "miau");
  }
  return fclose(text) != 0 || fclose(data) != 0;
}

static int end_runs(void **state) {
  (void)state;
  att_context_free(ctx);
  remove_all(folder);
  return 0;
}

static att_train_options options_of(const kind *k, const char *out) {
  att_train_options o;
  att_options_begin(ctx, k->task, &o);
  if (k->task == ATT_TASK_TRANSLATION) o.source = o.target = text_path;
  if (k->task == ATT_TASK_CLASSIFIER) o.data = data_path;
  if (k->task == ATT_TASK_LM || k->task == ATT_TASK_MLM) o.texts = (att_files){texts, 1};
  if (k->task == ATT_TASK_LM) o.plan.batch = 2;
  if (k->task != ATT_TASK_LM) o.plan.encoder_layers = 1;
  if (k->task == ATT_TASK_LM || k->task == ATT_TASK_TRANSLATION) o.plan.decoder_layers = 1;
  o.plan.width = 16, o.plan.heads = 2, o.plan.feedforward = 16, o.plan.vocab = 280;
  o.plan.context = o.plan.max_length = 16;
  o.plan.steps = 40, o.plan.valid_every = 4, o.plan.average = 3, o.plan.warmup = 5, o.plan.seed = 11, o.plan.lr = 1e-3;
  o.out = out;
  return o;
}

/* ---- a folder for each trial ------------------------------------------------------------------------------------ */

static int copy_entry(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  char to[1024];
  (void)info, (void)walk;
  snprintf(to, sizeof to, "%s%s", tried, path + strlen(whole));
  if (flag == FTW_D) return mkdir(to, 0777);
  att_buffer bytes = read_whole(path);
  write_bytes(to, bytes.data, bytes.size);
  att_buffer_free(ctx, &bytes);
  return 0;
}

static void copy_run(void) {
  remove_all(tried);
  assert_int_equal(nftw(whole, copy_entry, 16, FTW_PHYS), 0);
}

static void stop_after_a_step(void *user, const att_progress *p) {
  int64_t *steps = user;
  if (p->kind != ATT_PROGRESS_STEP) return;
  ++*steps;
  att_interrupt(ctx);
}

/* Goes on for a step from the state; whatever comes of it, it is said in one line. */
static att_status go_on(const kind *k, const json_t *state, int64_t *steps) {
  char path[600];
  snprintf(path, sizeof path, "%s/checkpoint/trainer_state.json", tried);
  copy_run();
  assert_int_equal(json_dump_file(state, path, 0), 0);
  att_train_options o = options_of(k, tried);
  o.resume = true;
  *steps = 0;
  att_status status = att_train(ctx, &o, stop_after_a_step, steps);
  if (status) assert_true(att_message(ctx)[0] && !strchr(att_message(ctx), '\n'));
  return status;
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

static json_t *wrong_value(int number) {
  switch (number) {
  case 0: return json_integer(-1);
  case 1: return json_integer(0);
  case 2: return json_integer(99999999);
  case 3: return json_integer(INT64_MAX);
  case 4: return json_integer(INT64_MIN);
  case 5: return json_real(1e300);
  case 6: return json_real(-0.5);
  case 7: return json_null();
  case 8: return json_string("\xc3\xa4");
  case 9: return json_array();
  case 10: return json_object();
  default: return NULL;
  }
}

static int trials, went_on;

static void try_all(const kind *k, json_t *root, json_t *at);

static void try_value(const kind *k, json_t *root, json_t *parent, const char *key, size_t index) {
  json_t *was = json_incref(key ? json_object_get(parent, key) : json_array_get(parent, index)), *wrong;
  for (int i = 0; (wrong = wrong_value(i)); i++) {
    int64_t steps;
    if (key)
      json_object_set_new(parent, key, wrong);
    else
      json_array_set_new(parent, index, wrong);
    att_status status = go_on(k, root, &steps);
    trials++;
    went_on += steps > 0;
    if (status != ATT_OK && status != ATT_FORMAT && status != ATT_ARGUMENT && status != ATT_NUMERIC &&
        status != ATT_INTERRUPTED && status != ATT_UNSUPPORTED && status != ATT_IO)
      fail_msg("%s: %s, the %dth wrong value: %s: %s", k->name, key ? key : "an item", i, att_status_name(status),
               att_message(ctx));
    if (status == ATT_INTERRUPTED) assert_int_equal(steps, 1);
  }
  if (key)
    json_object_set(parent, key, was);
  else
    json_array_set(parent, index, was);
  try_all(k, root, was);
  json_decref(was);
}

static void try_all(const kind *k, json_t *root, json_t *at) {
  size_t i;
  json_t *value;
  if (json_is_array(at)) json_array_foreach(at, i, value) try_value(k, root, at, NULL, i);
  if (!json_is_object(at)) return;
  const char *keys[128];
  size_t count = 0;
  for (void *item = json_object_iter(at); item; item = json_object_iter_next(at, item)) {
    assert_true(count < 128);
    keys[count++] = json_object_iter_key(item);
  }
  for (i = 0; i < count; i++) {
    char key[64]; /* the iterator's own goes with the value */
    snprintf(key, sizeof key, "%s", keys[i]);
    try_value(k, root, at, key, 0);
  }
}

static json_t *begin_run(const kind *k) {
  char path[600];
  int64_t stop = 10;
  snprintf(whole, sizeof whole, "%s/%s", folder, k->name);
  snprintf(tried, sizeof tried, "%s/tried", folder);
  remove_all(whole);
  att_train_options o = options_of(k, whole);
  must_say(att_train(ctx, &o, interrupt_at, &stop), ATT_INTERRUPTED, "--resume");
  snprintf(path, sizeof path, "%s/checkpoint/trainer_state.json", whole);
  json_t *root = json_load_file(path, 0, NULL);
  assert_non_null(root);
  assert_true(json_array_size(json_object_get(root, "snapshots")) >= 1);
  return root;
}

static void no_value_is_taken_on_trust(const kind *k) {
  json_t *root = begin_run(k);
  int64_t steps;
  trials = went_on = 0;
  assert_int_equal(go_on(k, root, &steps), ATT_INTERRUPTED); /* undamaged */
  assert_int_equal(steps, 1);
  try_all(k, root, root);
  print_message("%s: %d damaged states, %d of which could be\n", k->name, trials, went_on);
  assert_true(trials > 500 && went_on > 20 && went_on < trials / 2);
  json_decref(root);
}

static void of_translation(void **state) { (void)state, no_value_is_taken_on_trust(&kinds[0]); }
static void of_a_language_model(void **state) { (void)state, no_value_is_taken_on_trust(&kinds[1]); }
static void of_a_classifier(void **state) { (void)state, no_value_is_taken_on_trust(&kinds[2]); }
static void of_a_masked_model(void **state) { (void)state, no_value_is_taken_on_trust(&kinds[3]); }

/* ---- what is said ----------------------------------------------------------------------------------------------- */

static void must_refuse(const kind *k, json_t *root, const char *part, const char *key, json_t *value,
                        const char *clue) {
  json_t *copy = json_deep_copy(root);
  int64_t steps;
  json_object_set_new(*part ? json_object_get(copy, part) : copy, key, value);
  must_say(go_on(k, copy, &steps), ATT_FORMAT, clue);
  assert_int_equal(steps, 0);
  json_decref(copy);
}

static void messages(void **state) {
  (void)state;
  for (size_t i = 0; i < KINDS; i++) {
    json_t *root = begin_run(&kinds[i]);
    must_refuse(&kinds[i], root, "", "index", json_integer(99999999), "goes on with batch 99999999, but an epoch has");
    must_refuse(&kinds[i], root, "", "validated", json_integer(11), "validated is 11, not from -1 to 10");
    must_refuse(&kinds[i], root, "", "seconds", json_real(-1), "seconds is -1");
    must_refuse(&kinds[i], root, "best", "step", json_integer(12), "the best step is 12");
    must_refuse(&kinds[i], root, "plan", "valid-every", json_integer(0), "valid-every is 0");
    must_refuse(&kinds[i], root, "plan", "valid-every", json_null(), "its plan has no valid-every");
    must_refuse(&kinds[i], root, "plan", "warmup", json_integer(0), "warmup is 0");
    must_refuse(&kinds[i], root, "plan", "average", json_integer(0), "average is 0");
    must_refuse(&kinds[i], root, "plan", "lr", json_null(), "its plan has no lr");
    must_refuse(&kinds[i], root, "plan", "beta2", json_real(1), "beta2 is 1");
    must_refuse(&kinds[i], root, "plan", "average", json_integer(1), "number of snapshots is 2, not from 0 to 1");
    json_decref(root);
  }
}

/* Moments that are no numbers would spoil the model at the next step. */
static void moments(void **state) {
  (void)state;
  char path[600];
  json_t *root = begin_run(&kinds[1]);
  copy_run();
  snprintf(path, sizeof path, "%s/checkpoint/optimizer.safetensors", tried);
  att_buffer bytes = read_whole(path);
  memset(bytes.data + bytes.size - 4, 0xff, 4);
  write_bytes(path, bytes.data, bytes.size);
  att_buffer_free(ctx, &bytes);
  att_train_options o = options_of(&kinds[1], tried);
  o.resume = true;
  must_say(att_train(ctx, &o, NULL, NULL), ATT_NUMERIC, "exp_avg_sq holds NaN or infinity");
  json_decref(root);
}

/* The model of the checkpoint is another's: of another kind, or with other labels. */
static void another_model(void **state) {
  (void)state;
  char from[600], to[600];
  for (size_t i = 0; i < KINDS; i++) json_decref(begin_run(&kinds[i]));
  for (size_t i = 0; i < KINDS; i++) {
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json"};
    snprintf(whole, sizeof whole, "%s/%s", folder, kinds[i].name);
    copy_run();
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
      snprintf(from, sizeof from, "%s/%s/checkpoint/%s", folder, kinds[(i + 1) % KINDS].name, names[n]);
      snprintf(to, sizeof to, "%s/checkpoint/%s", tried, names[n]);
      unlink(to);
      if (access(from, R_OK) != 0) continue;
      att_buffer bytes = read_whole(from);
      write_bytes(to, bytes.data, bytes.size);
      att_buffer_free(ctx, &bytes);
    }
    att_train_options o = options_of(&kinds[i], tried);
    int64_t steps = 0;
    o.resume = true;
    att_status status = att_train(ctx, &o, stop_after_a_step, &steps);
    if ((status != ATT_FORMAT && status != ATT_UNSUPPORTED) || steps)
      fail_msg("%s: %s: %s", kinds[i].name, att_status_name(status), att_message(ctx));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(of_translation),  cmocka_unit_test(of_a_language_model),
      cmocka_unit_test(of_a_classifier), cmocka_unit_test(of_a_masked_model),
      cmocka_unit_test(messages),        cmocka_unit_test(moments),
      cmocka_unit_test(another_model),
  };
  return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
