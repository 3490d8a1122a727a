/*
 * Models as .gguf: those that the `gguf` package wrote (tools/make_gguf_fixtures.py) are the folders that they were
 * made of; what attend writes it opens again, in every type; other families go into a folder's model.gguf; files that
 * lie or lack something end in one line; each allocation may fail.
 */
#include "model_fixture.h"
#include "models/head.h"
#include "models/mixture.h"
#include "models/parameters.h"
#include "models/sentence.h"
#include "same_values.h"
#include "scratch.h"

#include "base/random.h"
#include "formats/gguf.h"

#include <fcntl.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const char *const families[] = {"family_llama",      "family_llama3", "family_gpt2",   "family_bert",
                                       "family_mistral",    "family_gemma2", "family_gemma3", "family_phi3",
                                       "family_nomic_bert", "model_t5"};

/* 1 + w - 1 is w but for a rounding of 1, relative to 1e-3 at least. */
static double norms_error(const att_model *model) { return model->config.norm == ATT_NORM_RMS_PLUS_ONE ? 1.2e-4 : 0; }

static void ok(att_status status) {
  if (status != ATT_OK) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
}

static const char *folder_of(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, name);
  return path;
}

static const char *file_of(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/gguf/%s.gguf", ATT_TEST_DATA, name);
  return path;
}

static att_model *open_model(const char *path) {
  att_model *model;
  ok(att_model_open(ctx, path, &model));
  return model;
}

/* A T5 with the distances that a .gguf means. */
static att_model *open_folder(const char *name) {
  att_model *model = open_model(folder_of(name));
  if (model->config.family == ATT_T5) model->config.relative_distance = 128;
  return model;
}

/* A pooler is no part of a .gguf. */
static void same_but_pooler(att_model *folder_model, const att_model *file) {
  static const float zeros[256];
  for (size_t i = 0; i < folder_model->parameter_count; i++) {
    att_parameter *p = &folder_model->parameters[i];
    assert_true(!strstr(p->name, "pooler") || (p->type == ATT_F32 && p->rows * p->cols <= (int64_t)LENGTH(zeros)));
    if (strstr(p->name, "pooler")) p->data = zeros; /* no pass of this head reads it */
  }
  assert_true(value_difference(folder_model, file) <= norms_error(file));
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static const int32_t ids[] = {5, 9, 20, 33, 7, 8, 60, 100, 101, 102, 4, 12, 13, 14, 15, 16, 17, 250};
static const int64_t starts[] = {0, 3, 8, 17};

/* Logits of three texts, or hidden rows where the model has no head. */
static att_tensor answer(att_arena *arena, att_model *model) {
  att_run run = {.ctx = ctx, .arena = arena};
  att_input input = {.ids = ids, .sequences = {3, starts}};
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
  if (!model->head->output) return hidden;
  ok(att_model_logits(&run, model, &hidden, &logits));
  return logits;
}

/* By the root mean square. */
static double answer_difference(att_model *a, att_model *b) {
  att_arena *arena;
  ok(att_arena_new(ctx, &arena));
  att_tensor x = answer(arena, a), y = answer(arena, b);
  double difference = 0, squares = 0;
  assert_true(x.rows == y.rows && x.cols == y.cols && x.rows > 0);
  for (int64_t i = 0; i < x.rows * x.cols; i++) {
    double got = (double)x.data[i / x.cols * x.stride + i % x.cols],
           want = (double)y.data[i / y.cols * y.stride + i % y.cols];
    difference += (got - want) * (got - want);
    squares += want * want;
  }
  att_arena_free(arena);
  assert_true(squares > 0);
  return sqrt(difference / squares);
}

/* ---- files of the package --------------------------------------------------------------------------------------- */

static void files_of_the_package(void **state) {
  (void)state;
  for (size_t i = 0; i < LENGTH(families); i++) {
    att_model *folder_model = open_folder(families[i]), *file = open_model(file_of(families[i]));
    const att_config *a = &folder_model->config, *b = &file->config;
    same_but_pooler(folder_model, file);
    if (!(answer_difference(folder_model, file) < 1e-6)) fail_msg("%s answers otherwise", families[i]);
    assert_true(a->family == b->family && a->head == b->head && a->bos == b->bos && a->eos == b->eos);
    assert_true(a->max_position_embeddings == b->max_position_embeddings && a->decoder_start == b->decoder_start);
    assert_true(a->layer_norm_epsilon == b->layer_norm_epsilon && a->tie_word_embeddings == b->tie_word_embeddings);
    assert_int_equal(folder_model->generation.ends.count, file->generation.ends.count);
    assert_null(file->tokenizer);
    must_say(att_model_check_text(file), ATT_UNSUPPORTED, "has no tokenizer");
    if (a->kind == ATT_ENCODER)
      assert_int_equal(file->sentence->stages[0].poolings[0], a->family == ATT_BERT ? ATT_POOL_FIRST : ATT_POOL_MEAN);
    if (a->kind != ATT_ENCODER) assert_null(file->sentence);
    for (size_t j = 0; j < file->parameter_count; j++) { /* mapped, but for what is put in order */
      const att_parameter *p = &file->parameters[j];
      bool ordered = a->family == ATT_LLAMA || a->family == ATT_MISTRAL;
      ordered = ordered && (strstr(p->name, "q_proj") || strstr(p->name, "k_proj"));
      ordered = ordered || (norms_error(file) > 0 && strstr(p->name, "norm.weight"));
      if (p->in_file && !ordered && p->memory) fail_msg("%s: %s is copied", families[i], p->name);
    }
    att_model_close(folder_model);
    att_model_close(file);
  }
}

/* ---- what attend writes -------------------------------------------------------------------------------------------
 */

static void files_come_back(void **state) {
  (void)state;
  for (size_t i = 0; i < LENGTH(families); i++) {
    att_model *model = open_folder(families[i]), *file, *again;
    ok(att_model_save(model, in_folder("x.gguf"), NULL));
    file = open_model(in_folder("x.gguf"));
    same_but_pooler(model, file);
    assert_true(answer_difference(model, file) < 1e-6);
    ok(att_model_save(file, in_folder("folder"), "float32"));
    again = open_model(in_folder("folder"));
    assert_true(value_difference(model, again) <= norms_error(model));
    assert_true(answer_difference(model, again) < 1e-6);
    must_say(att_model_save(model, in_folder("x.gguf"), NULL), ATT_ARGUMENT, "x.gguf: is there; name another file");
    att_model_close(model);
    att_model_close(file);
    att_model_close(again);
    empty_folder(NULL);
  }
}

/* Those of Qwen, whose names and keys llama.cpp's converter has so. */
static void qwens_come_back(void **state) {
  (void)state;
  static const struct {
    const char *folder, *tensor;
  } cases[] = {{"family_qwen2", "blk.1.attn_k.bias"}, {"family_qwen3", "blk.1.attn_k_norm.weight"}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    att_model *model, *file;
    att_tensor_file *tensors;
    att_config config;
    ok(att_config_read(ctx, folder_of(cases[i].folder), &config));
    config.sliding_window = 6;
    memset(config.local_layers, 0, sizeof config.local_layers);
    ok(att_model_new(ctx, &config, NULL, 3, &model));
    ok(att_model_save(model, in_folder("x.gguf"), NULL));
    ok(att_gguf_open(ctx, in_folder("x.gguf"), &tensors));
    assert_non_null(att_tensor_file_find(tensors, cases[i].tensor));
    assert_non_null(att_tensor_file_find(tensors, "blk.0.ffn_gate.weight"));
    att_tensor_file_close(tensors);
    file = open_model(in_folder("x.gguf"));
    assert_true(value_difference(model, file) == 0);
    assert_true(answer_difference(model, file) < 1e-6);
    att_model_close(model);
    att_model_close(file);
    empty_folder(NULL);
  }
}

static void with_distances(att_config *config) { config->relative_distance = 128; }

/* T5's version 1.1: gated, and the output projection is a matrix of its own. */
static void t5s_come_back(void **state) {
  (void)state;
  att_config config;
  att_model *model, *file;
  ok(att_config_read(ctx, folder_of("model_t5_gated"), &config));
  with_distances(&config);
  config.tie_word_embeddings = false;
  ok(att_model_new(ctx, &config, NULL, 3, &model));
  ok(att_model_save(model, in_folder("x.gguf"), NULL));
  file = open_model(in_folder("x.gguf"));
  assert_true(file->config.gated && !file->config.scale_output && !file->config.tie_word_embeddings);
  assert_true(value_difference(model, file) == 0);
  assert_true(answer_difference(model, file) < 1e-6);
  att_model_close(model);
  att_model_close(file);
}

/* BERT's classes, whose pooler is a part of the head. Others have no place in a .gguf. */
static void classes_come_back(void **state) {
  (void)state;
  static const char *const others[] = {"family_bert_labels", "family_bert_values", "family_bert_token_classes",
                                       "family_llama_values", "family_nomic_bert_classes"};
  att_model *model = open_model(folder_of("family_bert_classes")), *file;
  ok(att_model_save(model, in_folder("x.gguf"), NULL));
  file = open_model(in_folder("x.gguf"));
  assert_true(value_difference(model, file) == 0);
  assert_true(file->config.head == ATT_HEAD_CLASSES && file->config.label_count == model->config.label_count);
  for (int64_t i = 0; i < model->config.label_count; i++)
    assert_string_equal(file->config.labels[i], model->config.labels[i]);
  att_model_close(model);
  att_model_close(file);
  for (size_t i = 0; i < LENGTH(others); i++) {
    model = open_model(folder_of(others[i]));
    assert_int_equal(att_model_save(model, in_folder("y.gguf"), NULL), ATT_UNSUPPORTED);
    assert_false(att_file_exists(in_folder("y.gguf")));
    att_model_close(model);
  }
}

static void must_not_be_written(const char *from, void (*change)(att_config *), const char *key) {
  att_config config;
  att_model *model;
  char clue[100];
  ok(att_config_read(ctx, folder_of(from), &config));
  change(&config);
  ok(att_model_new(ctx, &config, NULL, 3, &model));
  snprintf(clue, sizeof clue, "y.gguf: a .gguf cannot say the %s of this ", key);
  must_say(att_model_save(model, in_folder("y.gguf"), NULL), ATT_UNSUPPORTED, clue);
  assert_false(att_file_exists(in_folder("y.gguf")));
  att_model_close(model);
}

static void as_it_is(att_config *config) { (void)config; }
static void relu(att_config *config) { config->activation = ATT_RELU; }
static void dynamic(att_config *config) {
  config->rope = (att_rope){.base = 500, .scaling = ATT_ROPE_DYNAMIC, .factor = 2, .original = 32};
}
static void linear_windows(att_config *config) {
  config->local_rope.scaling = ATT_ROPE_LINEAR;
  config->local_rope.factor = 2;
}

/* What would come back otherwise. */
static void what_a_file_cannot_say(void **state) {
  (void)state;
  must_not_be_written("family_qwen2", as_it_is, "sliding_window");
  must_not_be_written("family_llama", relu, "hidden_act");
  must_not_be_written("family_bert", relu, "hidden_act");
  must_not_be_written("family_llama", dynamic, "rope_parameters");
  must_not_be_written("family_gemma3", linear_windows, "rope_parameters");
  must_not_be_written("model_t5", as_it_is, "relative_attention_max_distance");
  must_not_be_written("model_t5_untied", with_distances, "feed_forward_proj");
  must_not_be_written("model_t5_gated", with_distances, "scale_decoder_outputs");
}

/* A Gemma without windows, with those of its class, and with others. */
static void windows_come_back(void **state) {
  (void)state;
  static const char *const from[] = {"family_gemma2", "family_gemma3"};
  for (size_t i = 0; i < 6; i++) {
    att_config config;
    att_model *model, *file;
    att_tensor_file *tensors;
    ok(att_config_read(ctx, folder_of(from[i % 2]), &config));
    if (i < 2) memset(config.local_layers, 0, sizeof config.local_layers);
    for (int64_t j = 0; i >= 4 && j < config.decoder_layers; j++) config.local_layers[j] = (j + 1) % (i == 4 ? 2 : 6);
    config.query_scalar = 6;
    config.attention_softcap = config.logit_softcap = 0;
    ok(att_model_new(ctx, &config, NULL, 3, &model));
    ok(att_model_save(model, in_folder("x.gguf"), NULL));
    ok(att_gguf_open(ctx, in_folder("x.gguf"), &tensors));
    char key[64];
    snprintf(key, sizeof key, "%s.attention.sliding_window_pattern", from[i % 2] + strlen("family_"));
    assert_true(!att_gguf_find(tensors->metadata, key) == (i >= 4 || i == 2)); /* gemma2's own turn is the class's */
    snprintf(key, sizeof key, "%s.attention.scale", from[i % 2] + strlen("family_"));
    assert_null(att_gguf_find(tensors->metadata, key));
    att_tensor_file_close(tensors);
    file = open_model(in_folder("x.gguf"));
    assert_memory_equal(file->config.local_layers, model->config.local_layers, sizeof config.local_layers);
    assert_true(file->config.attention_softcap == 0 && file->config.logit_softcap == 0);
    double difference = answer_difference(model, file);
    if (!(difference < 1e-6)) fail_msg("case %zu: %g off", i, difference);
    att_model_close(model);
    att_model_close(file);
    empty_folder(NULL);
  }
}

static bool same_text(const att_gguf_entry *a, const att_gguf_entry *b) {
  att_text x = att_gguf_string_at(a, 0), y = att_gguf_string_at(b, 0);
  return x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
}

/* The tensors' types and names are those of the package's file, and the settings too. */
static void files_are_as_the_package_has_them(void **state) {
  (void)state;
  for (size_t i = 0; i < LENGTH(families); i++) {
    att_model *model = open_folder(families[i]);
    att_tensor_file *own, *theirs;
    ok(att_model_save(model, in_folder("x.gguf"), "float32"));
    ok(att_gguf_open(ctx, in_folder("x.gguf"), &own));
    ok(att_gguf_open(ctx, file_of(families[i]), &theirs));
    assert_int_equal(own->count, theirs->count);
    for (size_t j = 0; j < own->count; j++) {
      const att_stored *a = &own->tensors[j], *b = att_tensor_file_find(theirs, a->name);
      if (!b || a->size != b->size || a->type != b->type) fail_msg("%s: %s", families[i], a->name);
      if (strcmp(a->name, "rope_freqs.weight") != 0) assert_memory_equal(a->data, b->data, a->size);
    }
    for (size_t j = 0; j < theirs->metadata->count; j++) {
      const att_gguf_entry *b = &theirs->metadata->entries[j], *a = att_gguf_find(own->metadata, b->key);
      if (strstr(b->key, "pooling_type")) continue; /* of the folder's stages, which this has none of */
      if (!a || a->type != b->type) fail_msg("%s: %s", families[i], b->key);
      bool text = a->type == ATT_GGUF_STRING, same = text || memcmp(a->data, b->data, a->size) == 0;
      if (text) same = same_text(a, b);
      if (!same) fail_msg("%s: %s", families[i], b->key);
    }
    att_tensor_file_close(own);
    att_tensor_file_close(theirs);
    att_model_close(model);
    empty_folder(NULL);
  }
}

/* ---- types ---------------------------------------------------------------------------------------------------------
 */

/* A new model whose rows are whole blocks of every type, in the test's folder "wide". */
static att_model *wide_model(const char *from) {
  att_config config;
  att_tokenizer *tokenizer;
  att_model *model;
  char path[1100];
  ok(att_config_read(ctx, folder_of(from), &config));
  snprintf(path, sizeof path, "%s/tokenizer.json", folder_of(from));
  ok(att_tokenizer_open(ctx, path, &tokenizer));
  config.d_model = 256;
  config.head_size = 0;
  if (config.encoder_layers) config.encoder_ffn_dim = 512;
  if (config.decoder_layers) config.decoder_ffn_dim = 512;
  ok(att_model_new(ctx, &config, tokenizer, 11, &model));
  ok(att_model_save(model, in_folder("wide"), "float32"));
  att_model_close(model);
  return open_model(in_folder("wide"));
}

/* As many matrices of the model's as there must be are in that type or a finer one. */
static int64_t quantized(const att_model *model) {
  int64_t count = 0;
  for (size_t i = 0; i < model->parameter_count; i++) count += model->parameters[i].type >= ATT_FLOAT_TYPES;
  return count;
}

static void every_type(void **state) {
  (void)state;
  static const char *const from[] = {"family_gpt2", "family_llama", "family_bert"};
  for (size_t i = 0; i < LENGTH(from); i++) {
    for (int type = 0; type < ATT_WEIGHT_TYPES; type++) {
      bool some = type == ATT_F16 || type == ATT_Q8_0 || type == ATT_Q4_K;
      if (i != 1 && !some) continue;
      att_model *model = wide_model(from[i]);
      const char *name = att_type_name((att_type)type);
      ok(att_model_save(model, in_folder("x.gguf"), name));
      ok(att_model_save(model, in_folder("own"), name));
      att_model *file = open_model(in_folder("x.gguf")), *own = open_model(in_folder("own"));
      double error = answer_difference(file, model);
      double bound = type == ATT_F32 ? 0 : type <= ATT_BF16 ? 0.02 : type == ATT_Q2_K ? 0.6 : 0.4;
      if (!(error <= bound)) fail_msg("%s in %s: %g off", from[i], name, error);
      assert_true(value_difference(file, own) == 0 || (type > 0 && type < ATT_FLOAT_TYPES)); /* vectors stay whole */
      if (type >= ATT_FLOAT_TYPES) assert_true(quantized(file) >= 6 && quantized(own) == quantized(file));
      att_model_close(own);
      empty_folder(NULL);
      ok(att_model_save(file, in_folder("again.gguf"), NULL)); /* bit for bit */
      att_model *again = open_model(in_folder("again.gguf"));
      assert_true(value_difference(file, again) == 0);
      att_model_close(again);
      att_model_close(file);
      att_model_close(model);
      empty_folder(NULL);
    }
  }
}

/* What GGUF has no architecture of is a folder of attend's own. */
static void other_families(void **state) {
  (void)state;
  static const char *const from[] = {"model_marian_relu", "model_m2m_100_untied"};
  for (size_t i = 0; i < LENGTH(from); i++) {
    att_model *model = wide_model(from[i]);
    must_say(att_model_save(model, in_folder("x.gguf"), "q8_0"), ATT_UNSUPPORTED,
             "x.gguf: GGUF has no architecture of m");
    assert_false(att_file_exists(in_folder("x.gguf")));
    must_say(att_model_save(model, in_folder("x"), "q9_0"), ATT_ARGUMENT,
             "type is \"q9_0\": it must be one of float32, ");
    ok(att_model_save(model, in_folder("q8"), "q8_0"));
    assert_true(att_file_exists(in_folder("q8/model.gguf")) && !att_file_exists(in_folder("q8/model.safetensors")));
    att_model *q8 = open_model(in_folder("q8"));
    assert_true(quantized(q8) >= 6 && strcmp(att_type_name(q8->config.storage), "q8_0") == 0);
    if (!(answer_difference(q8, model) < 0.03)) fail_msg("%s: %g off", from[i], answer_difference(q8, model));
    ok(att_model_save(q8, in_folder("back"), "float32"));
    att_model *back = open_model(in_folder("back"));
    assert_true(value_difference(q8, back) == 0);
    att_model_close(back);
    att_model_close(q8);
    att_model_close(model);
    empty_folder(NULL);
  }
}

/* As llama.cpp's tool names and makes them, for 32 layers. */
static void mixtures(void **state) {
  (void)state;
  static const struct {
    const char *name;
    att_role role;
    int64_t layer, shared, cols;
    att_type type;
  } cases[] = {{"q4_k_m", ATT_ROLE_OTHER, 0, 4, 4096, ATT_Q4_K},
               {"q4_k_m", ATT_ROLE_VALUES, 0, 4, 4096, ATT_Q6_K},
               {"q4_k_m", ATT_ROLE_VALUES, 4, 4, 4096, ATT_Q4_K},
               {"q4_k_m", ATT_ROLE_VALUES, 6, 4, 4096, ATT_Q6_K},
               {"q4_k_m", ATT_ROLE_DOWN, 31, 4, 4096, ATT_Q6_K},
               {"q4_k_m", ATT_ROLE_DOWN, 5, 4, 4096, ATT_Q4_K},
               {"q4_k_m", ATT_ROLE_OUTPUT, 0, 4, 4096, ATT_Q6_K},
               {"q4_k_m", ATT_ROLE_TOKENS, 0, 4, 4096, ATT_Q4_K},
               {"q4_k_m", ATT_ROLE_JOINED, 0, 1, 4096, ATT_Q5_K},
               {"q4_k_m", ATT_ROLE_OTHER, 0, 3, 576, ATT_Q5_0},
               {"q4_k_m", ATT_ROLE_OUTPUT, 0, 3, 576, ATT_Q8_0},
               {"q4_k_m", ATT_ROLE_VALUES, 0, 3, 576, ATT_Q8_0},
               {"q4_k_s", ATT_ROLE_VALUES, 3, 4, 4096, ATT_Q5_K},
               {"q4_k_s", ATT_ROLE_VALUES, 4, 4, 4096, ATT_Q4_K},
               {"q4_k_s", ATT_ROLE_DOWN, 3, 4, 4096, ATT_Q5_K},
               {"q4_k_s", ATT_ROLE_DOWN, 4, 4, 4096, ATT_Q4_K},
               {"q5_k_m", ATT_ROLE_VALUES, 0, 4, 4096, ATT_Q6_K},
               {"q5_k", ATT_ROLE_OTHER, 0, 4, 4064, ATT_Q5_1},
               {"q3_k_m", ATT_ROLE_VALUES, 1, 4, 4096, ATT_Q5_K},
               {"q3_k_m", ATT_ROLE_VALUES, 2, 4, 4096, ATT_Q4_K},
               {"q3_k_m", ATT_ROLE_DOWN, 1, 4, 4096, ATT_Q5_K},
               {"q3_k_m", ATT_ROLE_DOWN, 2, 4, 4096, ATT_Q4_K},
               {"q3_k_m", ATT_ROLE_OTHER, 2, 4, 4096, ATT_Q3_K},
               {"q3_k_m", ATT_ROLE_OTHER, 2, 4, 480, ATT_IQ4_NL},
               {"q3_k_l", ATT_ROLE_ATTENTION_OUT, 2, 4, 4096, ATT_Q5_K},
               {"q2_k", ATT_ROLE_VALUES, 2, 4, 4096, ATT_Q4_K},
               {"q2_k", ATT_ROLE_VALUES, 2, 1, 4096, ATT_Q3_K},
               {"q6_k", ATT_ROLE_OTHER, 0, 4, 4096, ATT_Q6_K},
               {"q6_k", ATT_ROLE_OTHER, 0, 4, 896, ATT_Q8_0},
               {"q4_0", ATT_ROLE_OUTPUT, 0, 4, 4096, ATT_Q6_K},
               {"q4_0", ATT_ROLE_OUTPUT, 0, 4, 576, ATT_Q8_0},
               {"q8_0", ATT_ROLE_OUTPUT, 0, 4, 4096, ATT_Q8_0},
               {"q8_0", ATT_ROLE_OTHER, 0, 4, 40, ATT_F16},
               {"f16", ATT_ROLE_OUTPUT, 0, 4, 40, ATT_F16},
               {"bf16", ATT_ROLE_DOWN, 0, 4, 40, ATT_BF16}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    att_type type = att_mixture_type(att_mixture_find(cases[i].name), cases[i].role, cases[i].layer, 32,
                                     cases[i].shared, cases[i].cols);
    if (type != cases[i].type) fail_msg("case %zu: %s", i, att_type_name(type));
  }
  assert_null(att_mixture_find("q4_k_x"));
  assert_int_equal(att_mixture_find("q4_k")->file_type, 15);
  for (int i = 0; i < ATT_WEIGHT_TYPES; i++) assert_int_equal(att_mixture_of((att_type)i)->type, i);
}

/* ---- files that lie or lack something -------------------------------------------------------------------------------
 */

/* The package's file without an entry of its metadata, or with another in its place, and without a tensor. */
static void write_changed(const char *name, const char *drop, const att_gguf_entry *instead, const char *drop_tensor) {
  att_tensor_file *file;
  ok(att_gguf_open(ctx, file_of(name), &file));
  att_gguf_entry entries[64];
  att_to_store tensors[64];
  size_t count = 0, tensor_count = 0;
  for (size_t i = 0; i < file->metadata->count; i++) {
    const att_gguf_entry *entry = &file->metadata->entries[i];
    bool changed = drop && strcmp(entry->key, drop) == 0;
    if (!changed) entries[count++] = *entry;
  }
  if (instead) entries[count++] = *instead;
  for (size_t i = 0; i < file->count; i++) {
    const att_stored *t = &file->tensors[i];
    if (drop_tensor && strcmp(t->name, drop_tensor) == 0) continue;
    tensors[tensor_count] =
        (att_to_store){.name = t->name, .type = t->type, .rank = t->rank, .data = t->data, .data_type = t->type};
    memcpy(tensors[tensor_count++].shape, t->shape, sizeof t->shape);
  }
  ok(att_gguf_write(ctx, in_folder("bad.gguf"), entries, count, tensors, tensor_count));
  att_tensor_file_close(file);
}

static void must_refuse(att_status expected, const char *clue) {
  att_model *model = (att_model *)(uintptr_t)clue;
  att_status status = att_model_open(ctx, in_folder("bad.gguf"), &model);
  must_say(status, expected, clue);
  must_say(status, expected, "bad.gguf: ");
  assert_null(model);
}

static void what_is_missing(void **state) {
  (void)state;
  static const char *const keys[] = {"context_length",      "embedding_length",     "block_count",
                                     "feed_forward_length", "attention.head_count", "attention.layer_norm_rms_epsilon"};
  static const char *const tensors[] = {"token_embd.weight", "blk.1.attn_k.weight", "blk.0.ffn_norm.weight"};
  char key[64];
  for (size_t i = 0; i < LENGTH(keys); i++) {
    snprintf(key, sizeof key, "llama.%s", keys[i]);
    write_changed("family_llama", key, NULL, NULL);
    must_refuse(ATT_FORMAT, key);
  }
  write_changed("family_llama", "general.architecture", NULL, NULL);
  must_refuse(ATT_FORMAT, "general.architecture is missing");
  for (size_t i = 0; i < LENGTH(tensors); i++) {
    write_changed("family_llama", NULL, NULL, tensors[i]);
    must_refuse(ATT_FORMAT, " is missing");
  }
  att_model *model;
  must_say(att_model_open(ctx, in_folder("none.gguf"), &model), ATT_IO, "none.gguf: cannot be opened");
  must_say(att_model_open(ctx, file_of("metadata"), &model), ATT_UNSUPPORTED,
           "general.architecture is \"test\"; attend knows llama, qwen2, qwen3, gemma2, gemma3, phi3, gpt2, bert, "
           "nomic-bert and t5");
}

static void settings_that_lie(void **state) {
  (void)state;
  static const struct {
    const char *key;
    uint32_t value;
    const char *clue;
  } cases[] = {
      {"llama.embedding_length", 0, "hidden_size"},
      {"llama.embedding_length", 4000000000u, "llama.embedding_length is 4000000000"},
      {"llama.embedding_length", 32, "tensor model.embed_tokens.weight has another shape than its settings ask"},
      {"llama.block_count", 3, "tensor model.layers.2."},
      {"llama.block_count", 100000, "num_hidden_layers"},
      {"llama.attention.head_count", 3, ""},
      {"llama.attention.head_count_kv", 3, ""},
      {"llama.attention.key_length", 7, ""},
      {"llama.attention.key_length", 12, "llama.rope.dimension_count is 6 where heads have 12 columns"},
      {"llama.feed_forward_length", 25, "another shape"}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    const att_gguf_entry entry = {cases[i].key, ATT_GGUF_UINT32, false, 1, &cases[i].value, 4};
    write_changed("family_llama", cases[i].key, &entry, NULL);
    att_model *model;
    att_status status = att_model_open(ctx, in_folder("bad.gguf"), &model);
    if (status == ATT_OK) fail_msg("case %zu opens", i);
    must_say(status, status, cases[i].clue);
  }
  const att_text text = {"other", 5};
  const att_gguf_entry entry = {"llama.rope.scaling.type", ATT_GGUF_STRING, false, 1, &text, 0};
  write_changed("family_llama", "llama.rope.dimension_count", &entry, NULL);
  must_refuse(ATT_UNSUPPORTED, "llama.rope.scaling.type is \"other\"; attend knows none, linear and yarn");
}

/* What Gemma and Phi-3 say of layers and frequencies. */
static void lists_that_lie(void **state) {
  (void)state;
  static const unsigned char layers[] = {1, 0, 1, 1};
  static const float nothing = 0;
  const struct {
    const char *file;
    att_gguf_entry entry;
    const char *clue;
  } cases[] = {
      {"family_gemma2",
       {"gemma2.attention.sliding_window_pattern", ATT_GGUF_BOOL, true, 4, layers, 4},
       "gemma2.attention.sliding_window_pattern has 4 entries where the model has 3 layers"},
      {"family_gemma2",
       {"gemma2.attention.sliding_window_pattern", ATT_GGUF_FLOAT32, true, 1, &nothing, 4},
       "gemma2.attention.sliding_window_pattern is an array of"},
      {"family_gemma2",
       {"gemma2.attention.scale", ATT_GGUF_FLOAT32, false, 1, &(float){1e-30f}, 4},
       "gemma2.attention.scale is 1e-30, not from"},
      {"family_gemma2",
       {"gemma2.attn_logit_softcapping", ATT_GGUF_FLOAT32, false, 1, &(float){-1}, 4},
       "attn_logit_softcapping is -1"},
      {"family_phi3",
       {"phi3.rope.dimension_count", ATT_GGUF_UINT32, false, 1, &(uint32_t){9}, 4},
       "phi3.rope.dimension_count is 9 where heads have 8 columns"},
      {"family_phi3",
       {"phi3.rope.dimension_count", ATT_GGUF_UINT32, false, 1, &(uint32_t){4}, 4},
       "short_factor is not a list of 2 numbers"},
      {"family_phi3",
       {"phi3.rope.scaling.attn_factor", ATT_GGUF_FLOAT32, false, 1, &(float){-2}, 4},
       "attention_factor is -2"},
      {"family_mistral", {"llama.attention.sliding_window", ATT_GGUF_INT32, false, 1, &(int32_t){-5}, 4}, NULL}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    write_changed(cases[i].file, cases[i].entry.key, &cases[i].entry, NULL);
    att_model *model;
    att_status status = att_model_open(ctx, in_folder("bad.gguf"), &model);
    att_model_close(model);
    if ((status == ATT_OK) != !cases[i].clue) fail_msg("case %zu: %s", i, att_status_name(status));
    if (cases[i].clue) must_say(status, status, cases[i].clue);
  }
  write_changed("family_phi3", NULL, NULL, "rope_factors_short.weight");
  must_refuse(ATT_FORMAT, "tensor rope_factors_short.weight is missing");
}

static void types_that_attend_lacks(void **state) {
  (void)state;
  att_mapping file;
  char name[] = "blk.0.attn_v.weight";
  ok(att_map(ctx, file_of("family_llama"), &file));
  unsigned char *copy = malloc(file.size);
  assert_non_null(copy);
  memcpy(copy, file.data, file.size);
  unsigned char *at = memmem(copy, file.size, name, strlen(name));
  assert_non_null(at);
  at[strlen(name) + 4 + 2 * 8] = 99; /* behind the number of dimensions, and two of them */
  write_bytes(in_folder("bad.gguf"), copy, file.size);
  must_refuse(ATT_UNSUPPORTED, "self_attn.v_proj.weight is of the type type 99, of which attend reads no weights");
  free(copy);
  att_unmap(&file);
}

/* Any byte of the head may be another: it opens or it does not. */
static void changed_bytes(void **state) {
  (void)state;
  static const char *const names[] = {"family_llama3", "family_bert", "family_gemma3", "family_phi3"};
  for (size_t n = 0; n < LENGTH(names); n++) {
    att_mapping file;
    ok(att_map(ctx, file_of(names[n]), &file));
    write_bytes(in_folder("changed.gguf"), file.data, file.size);
    int changed = open(in_folder("changed.gguf"), O_WRONLY);
    size_t refused = 0;
    for (size_t i = 0; i < 1500; i++) {
      att_model *model;
      unsigned char byte = (unsigned char)(file.data[i] ^ 1u << att_random32(3, i) % 8);
      assert_int_equal(pwrite(changed, &byte, 1, (off_t)i), 1);
      refused += att_model_open(ctx, in_folder("changed.gguf"), &model) != ATT_OK;
      att_model_close(model);
      assert_int_equal(pwrite(changed, &file.data[i], 1, (off_t)i), 1);
    }
    assert_true(refused > 100);
    close(changed);
    att_unmap(&file);
  }
}

/* ---- memory ---------------------------------------------------------------------------------------------------------
 */

static att_status open_and_close(att_context *counted, void *arg) {
  att_model *model;
  ATT_TRY(att_model_open(counted, arg, &model));
  att_model_close(model);
  return ATT_OK;
}

typedef struct saved {
  const char *from, *to, *type;
} saved;

static att_status open_and_save(att_context *counted, void *arg) {
  const saved *s = arg;
  att_model *model;
  remove_within(folder);
  ATT_TRY(att_model_open(counted, s->from, &model));
  att_status status = att_model_save(model, s->to, s->type);
  att_model_close(model);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char from[1024], to[512];
  for (size_t i = 1; i < LENGTH(families); i++) {
    snprintf(from, sizeof from, "%s", file_of(families[i]));
    assert_true(fail_each_allocation(open_and_close, from) > 20);
  }
  snprintf(to, sizeof to, "%s", in_folder("x.gguf"));
  static const char *const written[] = {"family_llama3", "family_gemma3", "family_phi3"};
  for (size_t i = 0; i < LENGTH(written); i++) {
    snprintf(from, sizeof from, "%s", folder_of(written[i]));
    assert_true(fail_each_allocation(open_and_save, &(saved){from, to, "float16"}) > 50);
  }
  snprintf(to, sizeof to, "%s", in_folder("x"));
  assert_true(fail_each_allocation(open_and_save, &(saved){from, to, "q8_0"}) > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_of_the_package),
      cmocka_unit_test_teardown(files_come_back, empty_folder),
      cmocka_unit_test_teardown(qwens_come_back, empty_folder),
      cmocka_unit_test_teardown(t5s_come_back, empty_folder),
      cmocka_unit_test_teardown(classes_come_back, empty_folder),
      cmocka_unit_test_teardown(what_a_file_cannot_say, empty_folder),
      cmocka_unit_test_teardown(windows_come_back, empty_folder),
      cmocka_unit_test_teardown(files_are_as_the_package_has_them, empty_folder),
      cmocka_unit_test_teardown(every_type, empty_folder),
      cmocka_unit_test_teardown(other_families, empty_folder),
      cmocka_unit_test(mixtures),
      cmocka_unit_test_teardown(what_is_missing, empty_folder),
      cmocka_unit_test_teardown(settings_that_lie, empty_folder),
      cmocka_unit_test_teardown(lists_that_lie, empty_folder),
      cmocka_unit_test_teardown(types_that_attend_lacks, empty_folder),
      cmocka_unit_test_teardown(changed_bytes, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
