/*
 * PatchTST folders against what Transformers and PyTorch compute with them (tools/make_patchtst_fixtures.py): patches,
 * scales, outputs, loss and every gradient; read again after being written; and the ops of forecasts against PyTorch.
 */
#include "model_fixture.h"

#include "models/patching.h"

static const char *const names[] = {"patchtst_forecast", "patchtst_layernorm", "patchtst_classes"};

typedef struct folder {
  fixture f; /* its pairs are not used */
  float *past, *values;
  int32_t *labels;
  int64_t *start;
  att_batch batch;
} folder;

static void open_folder(folder *t, const char *name, const char *path) {
  char file[1024];
  memset(t, 0, sizeof *t);
  t->f.name = name;
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .threads = 2}, &t->f.ctx), ATT_OK);
  require_ok(&t->f, att_model_open(t->f.ctx, path, &t->f.model));
  snprintf(file, sizeof file, "%s/%s/expected.safetensors", ATT_TEST_DATA, name);
  require_ok(&t->f, att_safetensors_open(t->f.ctx, file, &t->f.expected));
  require_ok(&t->f, att_arena_new(t->f.ctx, &t->f.arena));
  const att_stored *past = stored(&t->f, "past");
  t->past = stored_floats(&t->f, "past");
  t->start = malloc((size_t)(past->shape[0] + 1) * sizeof *t->start);
  for (int64_t i = 0; i <= past->shape[0]; i++) t->start[i] = i * past->shape[1];
  if (t->f.model->config.head == ATT_HEAD_FORECAST) t->values = stored_floats(&t->f, "values");
  if (t->f.model->config.head == ATT_HEAD_CLASSES) t->labels = stored_ids(&t->f, "labels");
  t->batch = (att_batch){
      .source = {.rows = t->past, .sequences = {past->shape[0], t->start}}, .labels = t->labels, .values = t->values};
}

static void close_folder(folder *t) {
  free(t->past);
  free(t->values);
  free(t->labels);
  free(t->start);
  att_arena_free(t->f.arena);
  att_tensor_file_close(t->f.expected);
  att_model_close(t->f.model);
  att_context_free(t->f.ctx);
}

static void check_front(folder *t) {
  att_run run = {.ctx = t->f.ctx, .arena = t->f.arena};
  att_input patches;
  const float *scales;
  require_ok(&t->f, att_patch(&run, &t->f.model->config, &t->batch.source, &patches, &scales));
  float *want = stored_floats(&t->f, "patches"), *wanted_scales = stored_floats(&t->f, "scales");
  int64_t count = stored(&t->f, "patches")->count, all = patches.sequences.start[patches.sequences.count];
  assert_int_equal(all * t->f.model->config.input_width, count);
  require_close(&t->f, "patches", patches.rows, want, count, 2e-5f * largest(want, count));
  require_close(&t->f, "scales", scales, wanted_scales, 2 * patches.sequences.count, 1e-5f * largest(wanted_scales, 8));
  free(want);
  free(wanted_scales);
}

static void check_outputs(folder *t) {
  att_run run = {.ctx = t->f.ctx, .arena = t->f.arena};
  att_hidden hidden;
  att_tensor logits;
  require_ok(&t->f, att_model_hidden(&run, t->f.model, &t->batch.source, NULL, NULL, &hidden));
  require_ok(&t->f, att_head_logits(&run, t->f.model, &hidden, &logits));
  compare_rows(&t->f, "outputs", &logits);
}

static void check_loss_and_gradients(folder *t) {
  att_run run = {.ctx = t->f.ctx, .arena = t->f.arena};
  att_loss loss = {0};
  int64_t targets = att_batch_targets(t->f.model, &t->batch);
  require_ok(&t->f, att_model_add_gradients(t->f.model));
  require_ok(&t->f, att_tape_new(run.arena, &run.tape));
  require_ok(&t->f, att_model_loss(&run, t->f.model, &t->batch, 0, (double)targets, &loss));
  require_ok(&t->f, att_backward(&run));
  float *want = stored_floats(&t->f, "loss");
  assert_int_equal(loss.count, targets);
  if (!(fabs(loss.loss / (double)targets - (double)*want) < 1e-5 * fabs((double)*want)))
    fail_msg("%s: loss %g, not %g", t->f.name, loss.loss / (double)targets, (double)*want);
  free(want);
  compare_gradients(&t->f, 1);
}

static void all_is_pytorch_s(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    folder t;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, names[i]);
    open_folder(&t, names[i], path);
    check_front(&t);
    check_outputs(&t);
    check_loss_and_gradients(&t);
    close_folder(&t);
  }
}

/* What is written is read to the same, and is of the class that it came from. */
static void written_and_read_again(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    folder t;
    char path[1024], out[] = "/tmp/attend-patchtst-XXXXXX", inner[1024], command[2048];
    assert_non_null(mkdtemp(out));
    snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, names[i]);
    snprintf(inner, sizeof inner, "%s/model", out);
    open_folder(&t, names[i], path);
    require_ok(&t.f, att_model_save(t.f.model, inner, NULL));
    close_folder(&t);
    open_folder(&t, names[i], inner);
    assert_string_equal(att_config_type(&t.f.model->config), "patchtst");
    check_outputs(&t);
    check_loss_and_gradients(&t);
    close_folder(&t);
    snprintf(command, sizeof command, "rm -rf %s", out);
    assert_int_equal(system(command), 0);
  }
}

static void windows_of_another_length(void **state) {
  (void)state;
  folder t;
  open_folder(&t, names[0], ATT_TEST_DATA "/patchtst_forecast");
  att_run run = {.ctx = t.f.ctx, .arena = t.f.arena};
  att_hidden hidden;
  t.start[1]--;
  assert_int_equal(att_model_hidden(&run, t.f.model, &t.batch.source, NULL, NULL, &hidden), ATT_ARGUMENT);
  assert_non_null(strstr(att_message(t.f.ctx), "a window of 20 rows; the model reads 21"));
  close_folder(&t);
}

/* ---- ops ------------------------------------------------------------------------------------------------------ */

static void open_ops(fixture *f) {
  memset(f, 0, sizeof *f);
  f->name = "forecast_ops";
  assert_int_equal(att_context_new(NULL, &f->ctx), ATT_OK);
  require_ok(f, att_safetensors_open(f->ctx, ATT_TEST_DATA "/forecast_ops/expected.safetensors", &f->expected));
  require_ok(f, att_arena_new(f->ctx, &f->arena));
}

static void close_ops(fixture *f) {
  att_arena_free(f->arena);
  att_tensor_file_close(f->expected);
  att_context_free(f->ctx);
}

static void close_to(const fixture *f, const char *name, const float *got) {
  float *want = stored_floats(f, name);
  int64_t count = stored(f, name)->count;
  assert_true(largest(want, count) > 0.01f);
  require_close(f, name, got, want, count, 1e-5f * largest(want, count));
  free(want);
}

static void undoing_and_pinball(void **state) {
  (void)state;
  fixture f;
  open_ops(&f);
  float *x = stored_floats(&f, "x"), *scales = stored_floats(&f, "scales"), *targets = stored_floats(&f, "targets");
  float *quantiles = stored_floats(&f, "quantiles");
  att_run run = {.ctx = f.ctx, .arena = f.arena};
  att_tensor in, out;
  att_loss loss = {0};
  require_ok(&f, att_tape_new(run.arena, &run.tape));
  require_ok(&f, att_tensor_new(&run, 7, 20, &in));
  memcpy(in.data, x, 7 * 20 * sizeof *x);
  in.gradient->keep = true;
  require_ok(&f, att_op_scale_rows(&run, &in, scales, &out));
  require_ok(&f, att_op_forecast_loss(&run, &out, targets, quantiles, 3, 7, &loss));
  require_ok(&f, att_backward(&run));
  close_to(&f, "loss", &(float){(float)loss.loss});
  close_to(&f, "squared", &(float){(float)loss.nll});
  close_to(&f, "dx", in.gradient->data);
  /* finite differences: the loss is smooth but at its kinks, which no value here is near */
  for (int64_t i = 0; i < 7 * 20; i += 3) {
    double both[2];
    att_run quiet = {.ctx = f.ctx, .arena = f.arena};
    for (int side = 0; side < 2; side++) {
      att_loss moved = {0};
      in.data[i] = x[i] + (side ? 1e-3f : -1e-3f);
      require_ok(&f, att_op_scale_rows(&quiet, &in, scales, &out));
      require_ok(&f, att_op_forecast_loss(&quiet, &out, targets, quantiles, 3, 7, &moved));
      both[side] = moved.loss / 7;
    }
    double slope = (both[1] - both[0]) / (double)((x[i] + 1e-3f) - (x[i] - 1e-3f));
    if (!(fabs(slope - (double)in.gradient->data[i]) < 2e-4))
      fail_msg("%g, not %g", (double)in.gradient->data[i], slope);
    in.data[i] = x[i];
  }
  free(x);
  free(scales);
  free(targets);
  free(quantiles);
  close_ops(&f);
}

/* By statistics that stay, and by those of the rows, whose running means move. */
static void batch_norm(void **state) {
  (void)state;
  static const char *const parts[] = {"gamma", "beta", "mean", "variance"};
  static const char *const truth[2][6] = {
      {"out", "dz", "dgamma", "dbeta", "mean", "variance"},
      {"learnt_out", "learnt_dz", "learnt_dgamma", "learnt_dbeta", "learnt_mean", "learnt_variance"}};
  for (int learning = 0; learning < 2; learning++) {
    fixture f;
    open_ops(&f);
    float *values[4], gradients[2][6] = {{0}}, *z = stored_floats(&f, "z"), *dy = stored_floats(&f, "weights"), *to;
    att_weight w[4];
    for (int i = 0; i < 4; i++) {
      values[i] = stored_floats(&f, parts[i]);
      w[i] =
          (att_weight){.data = values[i], .grad = i < 2 ? gradients[i] : NULL, .rows = 1, .cols = 6, .frozen_row = -1};
    }
    att_run run = {.ctx = f.ctx, .arena = f.arena, .learning = learning};
    att_tensor in, out;
    bool accumulate;
    require_ok(&f, att_tape_new(run.arena, &run.tape));
    require_ok(&f, att_tensor_new(&run, 9, 6, &in));
    memcpy(in.data, z, 9 * 6 * sizeof *z);
    in.gradient->keep = true;
    require_ok(&f, att_op_batch_norm(&run, &in, &w[0], &w[1], &w[2], &w[3], 1e-4f, &out));
    close_to(&f, truth[learning][0], out.data);
    require_ok(&f, att_gradient_open(&run, &out, &to, &accumulate));
    memcpy(to, dy, 9 * 6 * sizeof *dy);
    require_ok(&f, att_backward(&run));
    close_to(&f, truth[learning][1], in.gradient->data);
    close_to(&f, truth[learning][2], gradients[0]);
    close_to(&f, truth[learning][3], gradients[1]);
    close_to(&f, truth[learning][4], values[2]);
    close_to(&f, truth[learning][5], values[3]);
    for (int i = 0; i < 4; i++) free(values[i]);
    free(z);
    free(dy);
    close_ops(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_is_pytorch_s),
      cmocka_unit_test(written_and_read_again),
      cmocka_unit_test(windows_of_another_length),
      cmocka_unit_test(undoing_and_pinball),
      cmocka_unit_test(batch_norm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
