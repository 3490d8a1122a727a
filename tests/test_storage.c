/*
 * Weights in the type of their file: every family's folder in half precision opens without becoming float32 and
 * computes what its float32 copy does; a part is trained alone, with the gradients that PyTorch has for it; a body
 * keeps its type under another head; what a file has beyond its model, or against its config, is said; each allocation
 * may fail.
 */
#include "model_fixture.h"
#include "models/head.h"
#include "models/parameters.h"
#include "same_values.h"
#include "scratch.h"

static const char *const folders[] = {
    "model_marian_relu", "model_m2m_100_untied", "family_gpt2", "family_gpt2_classes", "family_llama",
    "family_llama3",     "family_llama_values",  "family_bert", "family_bert_masked",  "family_bert_labels"};
static const char *const networks[] = {"recurrent_gru_additive",   "recurrent_lstm_multiplicative",
                                       "recurrent_rnn_none",       "recurrent_lstm_decoder",
                                       "recurrent_gru_classifier", "recurrent_ffn",
                                       "recurrent_ffn_classifier", "recurrent_ffn_decoder"};
static const char *const halves[] = {"bfloat16", "float16"};
#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void ok(att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
}

static const char *data_path(const char *name, const char *file) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s%s%s", ATT_TEST_DATA, name, file ? "/" : "", file ? file : "");
  return path;
}

static att_model *open_model(const char *path) {
  att_model *model;
  ok(att_model_open(ctx, path, &model));
  return model;
}

/* A network of the settings that a folder has, with the vocabulary of a tokenizer. */
static att_model *make_network(const char *name) {
  att_config config;
  att_tokenizer *tokenizer;
  att_model *model;
  ok(att_config_read(ctx, data_path(name, NULL), &config));
  ok(att_tokenizer_open(ctx, data_path("model_m2m_100_relu", "tokenizer.json"), &tokenizer));
  config.vocab_size = att_tokenizer_size(tokenizer);
  ok(att_model_new(ctx, &config, tokenizer, 5, &model));
  return model;
}

/* ---- a pass --------------------------------------------------------------------------------------------------- */

static const int32_t ids[] = {5, 9, 20, 33, 7, 8, 60, 100, 101, 102, 4, 12, 13, 14, 15, 16, 17, 250};
static const int64_t starts[] = {0, 3, 8, 17};

/* What a model answers for three texts, or the first `count` of them: logits, or hidden rows where it has no head. */
static att_tensor answer(att_arena *arena, att_model *model, int64_t count) {
  att_run run = {.ctx = ctx, .arena = arena};
  att_input input = {.ids = ids, .sequences = {count, starts}};
  att_hidden body;
  att_tensor hidden, logits;
  att_memory memory;
  if (model->config.kind == ATT_ENCODER_DECODER) {
    ok(att_model_encode(&run, model, &input, NULL, NULL, &memory));
    ok(att_model_decode(&run, model, &input, &memory, NULL, NULL, &hidden));
  } else {
    ok(att_model_hidden(&run, model, &input, NULL, NULL, &body));
    hidden = body.rows;
  }
  if (!model->head->logits) return hidden;
  if (model->head->output) {
    ok(att_model_logits(&run, model, &hidden, &logits));
  } else {
    ok(att_head_logits(&run, model, &body, &logits));
  }
  return logits;
}

static void same_answers(att_model *a, att_model *b, const char *what) {
  att_arena *arena;
  ok(att_arena_new(ctx, &arena));
  for (int64_t count = 1; count <= 3; count += 2) { /* few rows, and many */
    att_tensor x = answer(arena, a, count), y = answer(arena, b, count);
    float most = 0;
    assert_true(x.rows == y.rows && x.cols == y.cols && x.rows > 0);
    for (int64_t i = 0; i < x.rows * x.cols; i++) most = fmaxf(most, fabsf(x.data[i / x.cols * x.stride + i % x.cols]));
    assert_true(most > 1e-3f);
    for (int64_t i = 0; i < x.rows * x.cols; i++) {
      int64_t r = i / x.cols, c = i % x.cols;
      float got = x.data[r * x.stride + c], want = y.data[r * y.stride + c];
      if (!(fabsf(got - want) <= 1e-5f * most)) fail_msg("%s: %.9g, not %.9g", what, (double)got, (double)want);
    }
  }
  att_arena_free(arena);
}

/* ---- half precision ------------------------------------------------------------------------------------------- */

/* Matrices in their own type, but for those that ops want as floats; and att_model_describe says the same. */
static void check_types(att_model *model, const char *type, const char *what) {
  const att_model_info *info;
  int64_t bytes[ATT_WEIGHT_TYPES] = {0}, said = 0, matrices = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    bool kept = p->rank == 2 && !p->floats;
    bytes[p->type] += p->rows * p->cols * (int64_t)att_type_size(p->type);
    if (p->in_file) assert_string_equal(att_type_name(p->file_type), type);
    assert_string_equal(att_type_name(p->type), kept && p->in_file ? type : "float32");
    if (kept && !p->transposed && p->in_file) assert_null(p->memory); /* mapped */
    matrices += kept;
  }
  if (!matrices) fail_msg("%s has no matrix", what);
  assert_null(model->values);
  ok(att_model_describe(model, &info));
  for (size_t i = 0; i < info->memory_count; i++) {
    const att_memory_info *m = info->memory[i];
    att_type t;
    assert_true(att_type_find(m->type, &t));
    assert_int_equal(m->mapped_bytes + m->copied_bytes, bytes[t]);
    said += m->mapped_bytes + m->copied_bytes;
  }
  assert_int_equal(said, bytes[ATT_F32] + bytes[ATT_F16] + bytes[ATT_BF16]);
}

/* Saves in half precision and the copy of that in float32; both answer the same. Takes the model. */
static void check_halves(att_model *model, const char *what) {
  for (size_t i = 0; i < LENGTH(halves); i++) {
    char half[600], wide[600], again[600];
    snprintf(half, sizeof half, "%s", in_folder("half"));
    snprintf(wide, sizeof wide, "%s", in_folder("wide"));
    snprintf(again, sizeof again, "%s", in_folder("again"));
    ok(att_model_save(model, half, halves[i]));
    att_model *a = open_model(half);
    check_types(a, halves[i], what);
    ok(att_model_save(a, wide, "float32"));
    ok(att_model_save(a, again, NULL)); /* as it came */
    att_model *b = open_model(wide), *c = open_model(again);
    check_types(c, halves[i], what);
    assert_true(value_difference(a, b) == 0);
    assert_true(value_difference(a, c) == 0);
    same_answers(a, b, what);
    att_model_close(a);
    att_model_close(b);
    att_model_close(c);
    empty_folder(NULL);
  }
  att_model_close(model);
}

static void test_half_precision(void **state) {
  (void)state;
  for (size_t i = 0; i < LENGTH(folders); i++) check_halves(open_model(data_path(folders[i], NULL)), folders[i]);
  for (size_t i = 0; i < LENGTH(networks); i++) check_halves(make_network(networks[i]), networks[i]);
}

/* A body in half precision under another head stays as it is. */
static void test_other_head(void **state) {
  (void)state;
  static const char *const labels[] = {"a", "b"};
  att_model *first = open_model(data_path("family_bert", NULL)), *model;
  ok(att_model_save(first, in_folder("half"), "bfloat16"));
  att_model_close(first);
  att_model *body = open_model(in_folder("half"));
  ok(att_model_new_head(body, ATT_HEAD_CLASSES, att_labels_copy(ctx, labels, 2), 2, 1, &model));
  att_model_close(body);
  size_t mapped = 0, fresh = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    mapped += p->type == ATT_BF16 && !p->memory;
    fresh += strncmp(p->name, "classifier", 10) == 0 && p->type == ATT_F32;
  }
  assert_true(mapped > 10);
  assert_int_equal(fresh, 2);
  att_model_close(model);
}

/* ---- a part alone --------------------------------------------------------------------------------------------- */

static bool named(const void *part, const att_parameter *p) { return strstr(p->name, part) != NULL; }

static void learn(fixture *f) {
  att_run run = {.ctx = f->ctx, .arena = f->arena};
  att_loss loss = {0};
  att_arena_reset(f->arena);
  require_ok(f, att_tape_new(f->arena, &run.tape));
  require_ok(f, att_model_loss(&run, f->model, &f->pairs, 0.1f, (double)att_batch_targets(f->model, &f->pairs), &loss));
  require_ok(f, att_backward(&run));
}

/* The gradients of the parameters that have `part` in their name are PyTorch's; no other has one, or a float32 copy. */
static void check_part(const char *name, const char *part) {
  fixture f;
  int there, compared = 0;
  int64_t total = 0;
  fixture_open(&f, name);
  require_ok(&f, att_model_train(f.model, named, part));
  require_ok(&f, att_model_add_gradients(f.model));
  learn(&f);
  float most = largest_gradient(&f, &there);
  for (size_t i = 0; i < f.model->parameter_count; i++) {
    const att_parameter *p = &f.model->parameters[i];
    const att_stored *tensor = p->trained ? find_gradient(&f, p) : NULL;
    if (p->fixed) continue;
    assert_int_equal(p->trained, named(part, p));
    if (!p->trained) continue;
    total += p->rows * p->cols;
    if (!tensor) continue;
    compare_gradient(&f, p, tensor, most, 1);
    compared++;
  }
  if (!compared) fail_msg("%s: nothing is called %s", name, part);
  assert_true(f.model->trained_total >= total &&
              f.model->trained_total < total + 16 * (int64_t)f.model->parameter_count);
  require_ok(&f, att_model_train(f.model, NULL, NULL)); /* and all of it after that */
  require_ok(&f, att_model_add_gradients(f.model));
  learn(&f);
  compare_gradients(&f, 1);
  fixture_close(&f);
}

static void test_parts(void **state) {
  (void)state;
  /* one of the joined, those between them, biases alone, the first layer, the last, the table of tokens */
  static const char *const parts[] = {"q_proj", "k_proj.weight",    "v_proj", "bias", "encoder.layers.0",
                                      "fc2",    "decoder.layers.1", "shared", "norm", ""};
  for (size_t i = 0; i < LENGTH(parts); i++) check_part("model_m2m_100_relu", parts[i]);
  check_part("model_m2m_100_untied", "lm_head");
  check_part("model_marian_gelu", "encoder_attn");
}

/* A step of a half-precision model trains what is chosen; the rest keeps type and values. */
static void test_part_of_half(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, "model_marian_relu");
  require_ok(&f, att_model_save(f.model, in_folder("half"), "float16"));
  att_model_close(f.model);
  require_ok(&f, att_model_open(f.ctx, in_folder("half"), &f.model));
  require_ok(&f, att_model_train(f.model, named, "decoder"));
  require_ok(&f, att_model_add_gradients(f.model));
  learn(&f);
  size_t trained = 0;
  for (size_t i = 0; i < f.model->parameter_count; i++) {
    const att_parameter *p = &f.model->parameters[i];
    if (p->trained) assert_true(p->type == ATT_F32);
    if (!p->trained && !p->floats && !p->fixed) assert_true(p->type == ATT_F16);
    trained += p->trained;
  }
  assert_true(trained > 20);
  for (int64_t i = 0; i < f.model->trained_total; i++) f.model->values[i] -= 0.5f * f.model->gradients[i];
  require_ok(&f, att_model_save(f.model, in_folder("mixed"), NULL));
  att_model *back;
  require_ok(&f, att_model_open(f.ctx, in_folder("mixed"), &back));
  assert_true(value_difference(f.model, back) == 0);
  for (size_t i = 0; i < back->parameter_count; i++) {
    if (back->parameters[i].in_file)
      assert_int_equal(back->parameters[i].file_type, f.model->parameters[i].trained ? ATT_F32 : ATT_F16);
  }
  att_model_close(back);
  fixture_close(&f);
}

/* ---- quantized ------------------------------------------------------------------------------------------------ */

/* Every matrix that may be becomes quantized; in `floats`, a copy of the model, it becomes what the blocks are. */
static int quantize(att_model *model, att_model *floats, att_type type) {
  int made = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i], *f = &floats->parameters[i];
    if (p->rank != 2 || p->floats || p->unquantized || p->fixed || p->cols % att_type_block(type)) continue;
    size_t count = (size_t)(p->rows * p->cols);
    void *blocks = malloc(att_type_bytes(type, (int64_t)count));
    float *values = calloc(count, sizeof *values);
    for (int64_t r = 0; r < p->rows; r++) att_matrix_row(values + r * p->cols, p->data, p->type, p->cols, r);
    att_quants_from_f32(blocks, type, values, NULL, (int64_t)count);
    att_quants_to_f32(values, blocks, type, (int64_t)count);
    att_free_aligned(ctx, p->memory);
    att_free_aligned(ctx, f->memory);
    ok(att_parameter_allocate(model, p, type));
    ok(att_parameter_allocate(floats, f, ATT_F32));
    att_quant_pack(p->memory, blocks, type, p->rows, p->cols, 0, att_quant_panel_count(p->rows));
    memcpy(f->memory, values, count * sizeof *values);
    free(blocks);
    free(values);
    made++;
  }
  att_parameters_point(model);
  att_parameters_point(floats);
  return made;
}

/* A model of widths that are whole blocks. */
static att_model *wide_model(att_family family) {
  att_config config;
  att_tokenizer *tokenizer;
  att_model *model;
  const char *from = family == ATT_GPT2    ? "family_gpt2"
                     : family == ATT_LLAMA ? "family_llama"
                     : family == ATT_BERT  ? "family_bert_masked"
                                           : "model_m2m_100_untied";
  ok(att_config_read(ctx, data_path(from, NULL), &config));
  ok(att_tokenizer_open(ctx, data_path(from, "tokenizer.json"), &tokenizer));
  config.d_model = 256;
  config.head_size = 0;
  if (config.encoder_layers) config.encoder_ffn_dim = 512;
  if (config.decoder_layers) config.decoder_ffn_dim = 512;
  ok(att_model_new(ctx, &config, tokenizer, 11, &model));
  ok(att_model_save(model, in_folder("wide"), "float32"));
  att_model_close(model);
  return open_model(in_folder("wide"));
}

static void near_answers(att_model *a, att_model *b, const char *what, att_type type) {
  att_arena *arena;
  ok(att_arena_new(ctx, &arena));
  att_tensor x = answer(arena, a, 3), y = answer(arena, b, 3), one = answer(arena, a, 1);
  double difference = 0, squares = 0;
  for (int64_t i = 0; i < x.rows * x.cols; i++) {
    double got = (double)x.data[i / x.cols * x.stride + i % x.cols],
           want = (double)y.data[i / y.cols * y.stride + i % y.cols];
    difference += (got - want) * (got - want);
    squares += want * want;
  }
  if (!(squares > 0 && difference < 0.02 * 0.02 * squares)) /* x is rounded to 8 bits */
    fail_msg("%s in %s: %g off", what, att_type_name(type), sqrt(difference / squares));
  for (int64_t r = 0; r < one.rows; r++) /* the first text alone has the same bits */
    for (int64_t j = 0; j < one.cols; j++)
      if (fabs((double)one.data[r * one.stride + j] - (double)x.data[r * x.stride + j]) > 1e-4 * sqrt(squares))
        fail_msg("%s: alone %g, else %g", what, (double)one.data[r * one.stride + j], (double)x.data[r * x.stride + j]);
  att_arena_free(arena);
}

static void test_quantized(void **state) {
  (void)state;
  static const att_family families[] = {ATT_M2M_100, ATT_GPT2, ATT_LLAMA, ATT_BERT};
  for (size_t i = 0; i < LENGTH(families); i++)
    for (int type = ATT_FLOAT_TYPES; type < ATT_WEIGHT_TYPES; type++) {
      att_model *model = wide_model(families[i]), *floats = open_model(in_folder("wide"));
      assert_true(quantize(model, floats, (att_type)type) >= 9);
      assert_true(value_difference(model, floats) == 0);
      near_answers(model, floats, data_path("", NULL), (att_type)type);
      ok(att_model_save(model, in_folder("saved"), "float32")); /* widened */
      att_model *saved = open_model(in_folder("saved"));
      assert_true(value_difference(saved, floats) == 0);
      ok(att_model_train(model, named, "norm")); /* a part is trained over it */
      att_model_close(saved);
      att_model_close(model);
      att_model_close(floats);
      empty_folder(NULL);
    }
}

/* ---- what else a file says ------------------------------------------------------------------------------------ */

typedef struct said {
  char text[2048];
} said;

static void listen(void *user, att_log_level level, const char *text) {
  said *s = user;
  if (level == ATT_LOG_WARNING) snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s\n", text);
}

/* A copy of a folder with one tensor more. */
static void add_tensor(att_context *own, const char *from, const char *to, const char *name, int64_t rows, int64_t cols,
                       const float *values) {
  char path[1200];
  att_model *model;
  att_tensor_file *file;
  if (att_model_open(own, data_path(from, NULL), &model)) fail_msg("%s", att_message(own));
  assert_int_equal(att_model_save(model, to, NULL), ATT_OK);
  att_model_close(model);
  snprintf(path, sizeof path, "%s/model.safetensors", to);
  assert_int_equal(att_safetensors_open(own, path, &file), ATT_OK);
  att_to_store *tensors = calloc(file->count + 1, sizeof *tensors);
  for (size_t i = 0; i < file->count; i++) {
    const att_stored *t = &file->tensors[i];
    tensors[i] =
        (att_to_store){.name = t->name, .type = t->type, .rank = t->rank, .data = t->data, .data_type = t->type};
    memcpy(tensors[i].shape, t->shape, sizeof tensors[i].shape);
  }
  tensors[file->count] = (att_to_store){.name = name, .rank = 2, .shape = {rows, cols}, .data = values};
  assert_int_equal(att_safetensors_write(own, path, tensors, file->count + 1), ATT_OK);
  free(tensors);
  att_tensor_file_close(file);
}

static void check_said(const char *tensor, int64_t rows, int64_t cols, const float *values, const char *clue) {
  said heard = {""};
  att_context *own;
  att_model *model;
  char folder_path[600];
  snprintf(folder_path, sizeof folder_path, "%s", in_folder("more"));
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = listen, .log_user = &heard},
                      &own),
      ATT_OK);
  add_tensor(own, "family_gpt2", folder_path, tensor, rows, cols, values);
  assert_string_equal(heard.text, "");
  if (att_model_open(own, folder_path, &model)) fail_msg("%s", att_message(own));
  if (clue ? !strstr(heard.text, clue) : heard.text[0] != '\0') fail_msg("%s: \"%s\" was said", tensor, heard.text);
  if (clue && strstr(clue, "output projection")) {
    assert_false(model->config.tie_word_embeddings);
    att_arena *arena;
    ok(att_arena_new(ctx, &arena));
    att_tensor logits = answer(arena, model, 1);
    att_run run = {.ctx = ctx, .arena = arena};
    att_input input = {.ids = ids, .sequences = {1, starts}};
    att_hidden body;
    ok(att_model_hidden(&run, model, &input, NULL, NULL, &body));
    for (int64_t j = 0; j < rows; j++) { /* the file's own, in doubles */
      double sum = 0;
      for (int64_t l = 0; l < cols; l++) sum += (double)body.rows.data[l] * values[j * cols + l];
      assert_true(fabs(sum - (double)logits.data[j]) < 1e-4);
    }
    att_arena_free(arena);
  }
  att_model_close(model);
  att_context_free(own);
  empty_folder(NULL);
}

static void test_more_in_the_file(void **state) {
  (void)state;
  att_model *model = open_model(data_path("family_gpt2", NULL));
  int64_t rows = model->config.vocab_size, cols = model->config.d_model;
  float *values = malloc((size_t)(rows * cols) * sizeof *values);
  memcpy(values, model->parameters[0].data, (size_t)(rows * cols) * sizeof *values);
  assert_string_equal(model->parameters[0].name, "transformer.wte.weight");
  att_model_close(model);
  check_said("transformer.h.0.adapter.weight", 4, 2, values, "transformer.h.0.adapter.weight");
  check_said("lm_head.weight", rows, cols, values, NULL); /* the embedding again: nothing to say */
  for (int64_t i = 0; i < rows * cols; i++) values[i] = (float)(i % 17) / 16 - 0.5f;
  check_said("lm_head.weight", rows, cols, values, "output projection");
  free(values);
}

/* ---- memory --------------------------------------------------------------------------------------------------- */

static char half_folder[600];

/* Opened, a part made ready to train, another, all, saved. */
static att_status use(att_context *own, void *arg) {
  (void)arg;
  char out[640];
  att_model *model;
  snprintf(out, sizeof out, "%s-out", half_folder);
  att_status status = att_model_open(own, half_folder, &model);
  if (!status) status = att_model_train(model, named, "k_proj");
  if (!status) status = att_model_add_gradients(model);
  if (!status) status = att_model_train(model, named, "fc1");
  if (!status) status = att_model_train(model, NULL, NULL);
  if (!status) status = att_model_save(model, out, NULL);
  att_model_close(model);
  remove_within(out);
  rmdir(out);
  return status;
}

static void test_each_allocation_may_fail(void **state) {
  (void)state;
  att_model *model = open_model(data_path("model_marian_relu", NULL));
  snprintf(half_folder, sizeof half_folder, "%s", in_folder("half"));
  ok(att_model_save(model, half_folder, "bfloat16"));
  att_model_close(model);
  assert_true(fail_each_allocation(use, NULL) > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_half_precision, empty_folder),
      cmocka_unit_test_teardown(test_other_head, empty_folder),
      cmocka_unit_test(test_parts),
      cmocka_unit_test_teardown(test_part_of_half, empty_folder),
      cmocka_unit_test_teardown(test_quantized, empty_folder),
      cmocka_unit_test_teardown(test_more_in_the_file, empty_folder),
      cmocka_unit_test_teardown(test_each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
