/*
 * Folders of sentence-transformers against its own vectors (tests/data/sentence.json, tools/make_sentence_fixtures.py):
 * every layout, pooling, stage and activation, at any batch, before and after they are saved; what options change; what
 * is refused, and what goes on all the same; hostile folders; allocations that fail.
 */
#include "sentence_fixture.h"

#include <math.h>

#include "models/pass.h"

enum { MOST_LINES = 8, MOST_NUMBERS = 128 };

static size_t warnings;
static char warning[512];

static void on_log(void *user, att_log_level level, const char *text) {
  (void)user;
  warnings += level == ATT_LOG_WARNING;
  snprintf(warning, sizeof warning, "%s", text);
}

static int set_up(void **state) {
  (void)state;
  json_error_t error;
  fixture = json_load_file(ATT_TEST_DATA "/sentence.json", 0, &error);
  return !fixture || !mkdtemp(folder) ||
         att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = on_log}, &ctx) != ATT_OK;
}

static int tear_down(void **state) {
  json_decref(fixture);
  return end(state);
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

static att_model *open_case(const char *name) {
  att_model *model;
  if (att_model_open(ctx, build(find_case(name), name), &model)) fail_msg("%s: %s", name, att_message(ctx));
  return model;
}

/* ---- vectors --------------------------------------------------------------------------------------------------- */

static size_t lines_of(const json_t *one, att_text *lines) {
  json_t *list = json_object_get(one, "lines"), *line;
  size_t i;
  if (!list) list = json_object_get(fixture, "lines");
  json_array_foreach(list, i, line) lines[i] = (att_text){json_string_value(line), json_string_length(line)};
  assert_true(i >= 3 && i <= MOST_LINES);
  return i;
}

static void must_be(const char *what, const float *got, const json_t *wanted, size_t lines, size_t width) {
  double size = 0;
  assert_int_equal(json_array_size(wanted), lines);
  for (size_t i = 0; i < lines; i++) {
    assert_int_equal(json_array_size(json_array_get(wanted, i)), width);
    for (size_t c = 0; c < width; c++) {
      double value = json_number_value(json_array_get(json_array_get(wanted, i), c)), is = (double)got[i * width + c];
      if (!(fabs(is - value) <= 1e-5)) fail_msg("%s, line %zu, number %zu: %g, not %g", what, i + 1, c + 1, is, value);
      size += fabs(value);
    }
  }
  assert_true(size > 0.1);
}

static const char *prompt_of(const json_t *one) { return json_string_value(json_object_get(one, "prompt")); }

static void embed_case(const json_t *one, const char *where, int64_t batch, float *vectors) {
  att_model *model;
  att_text lines[MOST_LINES];
  att_embed_options options;
  const char *name = json_string_value(json_object_get(one, "name"));
  size_t count = lines_of(one, lines), width;
  if (att_model_open(ctx, where, &model)) fail_msg("%s: %s", name, att_message(ctx));
  att_embed_options_default(model, &options);
  options.prompt = prompt_of(one);
  options.batch_tokens = batch;
  width = att_embedding_width(model, &options);
  if (!width || width > MOST_NUMBERS) fail_msg("%s: width %zu: %s", name, width, att_message(ctx));
  if (att_embed(model, lines, count, &options, vectors)) fail_msg("%s: %s", name, att_message(ctx));
  must_be(name, vectors, json_object_get(one, "vectors"), count, width);
  att_model_close(model);
}

static void vectors_are_sentence_transformers(void **state) {
  (void)state;
  static const int64_t batches[] = {1, 20, 2048};
  json_t *list = json_object_get(fixture, "cases"), *one;
  float vectors[MOST_LINES * MOST_NUMBERS];
  size_t i;
  assert_true(json_array_size(list) > 50);
  json_array_foreach(list, i, one) {
    const char *root = build(one, "case");
    for (int b = 0; b < 3; b++) embed_case(one, root, batches[b], vectors);
    clear(NULL);
  }
}

static void must_be_copied(const char *from, const char *to) {
  att_mapping mapping;
  if (att_map(ctx, from, &mapping)) fail_msg("%s", att_message(ctx));
  must_hold(to, mapping.data, mapping.size);
  att_unmap(&mapping);
}

/* Nothing is lost: the files are the same bytes, and the vectors the same bits. */
static void a_saved_folder_is_the_same(void **state) {
  (void)state;
  json_t *list = json_object_get(fixture, "cases"), *one, *content;
  float vectors[2][MOST_LINES * MOST_NUMBERS];
  char from[1024], to[1024];
  const char *key;
  size_t i;
  json_array_foreach(list, i, one) {
    const char *dense = json_string_value(json_object_get(json_object_get(one, "files"), "2_Dense/model.safetensors"));
    if (dense && strcmp(dense, "@activation_2.safetensors") == 0) continue; /* they differ in a word */
    const char *root = build(one, "case");
    att_model *model;
    memset(vectors, 0, sizeof vectors);
    embed_case(one, root, 2048, vectors[0]);
    if (att_model_open(ctx, root, &model) || att_model_save(model, in_folder("saved"), NULL))
      fail_msg("%s", att_message(ctx));
    att_model_close(model);
    json_object_foreach(json_object_get(one, "files"), key, content) {
      snprintf(from, sizeof from, "%s/%s", root, key);
      snprintf(to, sizeof to, "%s/%s", in_folder("saved"), key);
      if (json_object_get(json_object_get(one, "files"), "modules.json")) must_be_copied(from, to);
    }
    embed_case(one, in_folder("saved"), 2048, vectors[1]);
    assert_memory_equal(vectors[0], vectors[1], sizeof vectors[0]);
    clear(NULL);
  }
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static double length_of(const float *vector, size_t width) {
  double square = 0;
  for (size_t c = 0; c < width; c++) square += (double)vector[c] * (double)vector[c];
  return sqrt(square);
}

static size_t embed_with(att_model *model, att_embed_options options, float *vectors) {
  options.size = sizeof options;
  const att_text line = {"The man throws the ball.", 24};
  options.batch_tokens = 100;
  size_t width = att_embedding_width(model, &options);
  if (!width || att_embed(model, &line, 1, &options, vectors)) fail_msg("%s", att_message(ctx));
  return width;
}

/* A pooling of the user's stands in for the folder's; its Normalize stays unless it is refused. */
static void options_win_over_the_folder(void **state) {
  (void)state;
  const json_t *mean = json_array_get(json_object_get(find_case("plain"), "vectors"), 0);
  att_model *model = open_case("joined");
  float vectors[MOST_NUMBERS];
  assert_int_equal(att_embedding_width(model, NULL), 48);
  assert_int_equal(embed_with(model, (att_embed_options){.pooling = ATT_POOL_MEAN}, vectors), 16);
  assert_true(fabs(length_of(vectors, 16) - 1) < 1e-6);
  assert_int_equal(
      embed_with(model, (att_embed_options){.pooling = ATT_POOL_MEAN, .normalise = ATT_NORMALISE_NO}, vectors), 16);
  for (size_t c = 0; c < 16; c++) {
    assert_true(fabs((double)vectors[c] - json_number_value(json_array_get(mean, c))) < 1e-5);
  }
  att_model_close(model);
  clear(NULL);

  model = open_case("truncated"); /* scaled, then 6 of 16 numbers kept: shorter than 1, but where it is asked for */
  assert_int_equal(embed_with(model, (att_embed_options){.pooling = ATT_POOL_DEFAULT}, vectors), 6);
  assert_true(length_of(vectors, 6) < 0.99);
  embed_with(model, (att_embed_options){.pooling = ATT_POOL_DEFAULT, .normalise = ATT_NORMALISE_YES}, vectors);
  assert_true(fabs(length_of(vectors, 6) - 1) < 1e-6);
  att_model_close(model);
  clear(NULL);

  model = open_case("plain");
  embed_with(model, (att_embed_options){.pooling = ATT_POOL_DEFAULT}, vectors);
  assert_true(fabs(length_of(vectors, 16) - 1) > 0.1);
  embed_with(model, (att_embed_options){.pooling = ATT_POOL_MAX, .normalise = ATT_NORMALISE_YES}, vectors);
  assert_true(fabs(length_of(vectors, 16) - 1) < 1e-6);
  att_model_close(model);
}

static void impossible_options(void **state) {
  (void)state;
  att_model *model = open_case("chain");
  att_embed_options options = {
      .size = sizeof options, .pooling = (att_pooling)(ATT_POOL_DEFAULT + 1), .batch_tokens = 9};
  must_say(att_embed(model, NULL, 0, &options, NULL), ATT_ARGUMENT, "pooling 7");
  assert_int_equal(att_embedding_width(model, &options), 0);
  options = (att_embed_options){.size = sizeof options, .normalise = (att_normalise)3, .batch_tokens = 9};
  must_say(att_embed(model, NULL, 0, &options, NULL), ATT_ARGUMENT, "normalise 3");
  att_model_close(model);
  clear(NULL);
  model = open_case("tokens"); /* its Dense gets the tokens, whatever pools them then */
  options = (att_embed_options){.size = sizeof options, .pooling = ATT_POOL_LAST, .batch_tokens = 9};
  assert_int_equal(att_embedding_width(model, &options), 12);
  att_model_close(model);
}

/* Said once, where the folder has names that it could have been. */
static void a_prompt_that_is_no_name_is_text(void **state) {
  (void)state;
  att_model *model = open_case("prompt");
  float named[MOST_NUMBERS], text[MOST_NUMBERS];
  warning[0] = '\0';
  embed_with(model, (att_embed_options){.prompt = "document", .pooling = ATT_POOL_DEFAULT}, named);
  assert_string_equal(warning, "");
  embed_with(model, (att_embed_options){.prompt = "the ", .pooling = ATT_POOL_DEFAULT}, text);
  assert_non_null(strstr(warning, "\"the \" is none that the folder names ("));
  assert_memory_equal(named, text, 16 * sizeof(float));
  warning[0] = '\0';
  embed_with(model, (att_embed_options){.prompt = "the ", .pooling = ATT_POOL_DEFAULT}, text);
  assert_string_equal(warning, "");
  att_model_close(model);
}

/* ---- what is refused ------------------------------------------------------------------------------------------- */

#define TYPE(name)        "sentence_transformers.models." name
#define STAGE(name, path) "{\"type\": \"" TYPE(name) "\", \"path\": \"" path "\"}"
#define LIST(stages)      "[" STAGE("Transformer", "") ", " stages "]"
#define POOLING           STAGE("Pooling", "1_Pooling")
#define DENSE(more)       "{\"in_features\": 16, \"out_features\": 8" more "}"

typedef struct refused {
  const char *file, *content; /* content NULL: the file is removed */
  att_status status;
  const char *clue;
} refused;

/* A case with one file of another content: opens, does what else it can, and refuses to embed, with one line. */
static void must_refuse(const char *name, const refused *r) {
  const att_filling **fillings;
  size_t masks, per_mask;
  char path[512];
  const char *root = build(find_case(name), "case");
  snprintf(path, sizeof path, "%s/%s", root, r->file);
  make_parents(path);
  if (r->content)
    write_bytes(path, r->content, strlen(r->content));
  else
    unlink(path);
  att_model *model;
  if (att_model_open(ctx, root, &model)) fail_msg("%s: %s", r->clue, att_message(ctx));
  if (att_fill(model, (att_text){"The [MASK].", 11}, 1, &fillings, &masks, &per_mask)) fail_msg("%s", att_message(ctx));
  att_release(ctx, (void *)fillings);
  for (int i = 0; i < 2; i++) must_say(att_embed(model, NULL, 0, NULL, NULL), r->status, r->clue);
  assert_int_equal(att_embedding_width(model, NULL), 0);
  att_model_close(model);
  clear(NULL);
}

static void stages_that_are_refused(void **state) {
  (void)state;
  static const refused list[] = {
      {"modules.json", "no JSON", ATT_FORMAT, "modules.json: is not valid JSON"},
      {"modules.json", "{}", ATT_FORMAT, "is not a list of 1 to 64 stages"},
      {"modules.json", "[]", ATT_FORMAT, "is not a list of 1 to 64 stages"},
      {"modules.json", "[1]", ATT_FORMAT, "a stage is not an object"},
      {"modules.json", "[{\"path\": \"\"}]", ATT_FORMAT, "type is missing"},
      {"modules.json", "[{\"type\": 3, \"path\": \"\"}]", ATT_FORMAT, "type is 3, not a string"},
      {"modules.json", "[{\"type\": \"" TYPE("Transformer") "\"}]", ATT_FORMAT, "path is missing"},
      {"modules.json", "[" STAGE("Transformer", "../other") "]", ATT_FORMAT, "must lie inside the folder"},
      {"modules.json", LIST(POOLING ", " STAGE("Dense", "/etc")), ATT_FORMAT, "must lie inside the folder"},
      {"modules.json", LIST(STAGE("Pooling", "a/../../b")), ATT_FORMAT, "must lie inside the folder"},
      {"modules.json", LIST(STAGE("Pooling", "..")), ATT_FORMAT, "must lie inside the folder"},
      {"modules.json", LIST(STAGE("Pooling", "C:\\\\x")), ATT_FORMAT, "must lie inside the folder"},
      {"modules.json", "[" STAGE("StaticEmbedding", "") "]", ATT_UNSUPPORTED, "first stage is StaticEmbedding"},
      {"modules.json", "[" STAGE("Transformer", "") "]", ATT_UNSUPPORTED, "no stage is a Pooling"},
      {"modules.json", LIST(STAGE("Transformer", "")), ATT_UNSUPPORTED, "does not run the stage Transformer"},
      {"modules.json", LIST(POOLING ", " STAGE("CNN", "2_CNN")), ATT_UNSUPPORTED,
       "2_CNN: attend does not run the stage CNN"},
      {"modules.json", LIST("{\"type\": \"custom.Pooling\", \"path\": \"x\"}"), ATT_UNSUPPORTED,
       "custom.Pooling is code of"},
      {"modules.json", LIST(STAGE("Pooling", "elsewhere")), ATT_FORMAT, "elsewhere/config.json: is missing or empty"},
      {"modules.json", LIST(STAGE("Dropout", "x") ", " STAGE("LayerNorm", "x")), ATT_FORMAT, "dimension is missing"},
      {"1_Pooling/config.json", "", ATT_FORMAT, "1_Pooling/config.json: is empty"},
      {"1_Pooling/config.json", "{", ATT_FORMAT, "1_Pooling/config.json: is not valid JSON"},
      {"1_Pooling/config.json", "[]", ATT_FORMAT, "is not a JSON object"},
      {"1_Pooling/config.json", "{}", ATT_FORMAT, "is missing or empty"},
      {"1_Pooling/config.json", NULL, ATT_FORMAT, "is missing or empty"},
      {"1_Pooling/config.json", "{\"pooling_mode\": \"attention\"}", ATT_UNSUPPORTED,
       "\"attention\" is none of cls, max"},
      {"1_Pooling/config.json", "{\"pooling_mode\": []}", ATT_FORMAT, "neither a name nor a list"},
      {"1_Pooling/config.json", "{\"pooling_mode\": [[]]}", ATT_FORMAT, "neither a name nor a list"},
      {"1_Pooling/config.json", "{\"pooling_mode\": null}", ATT_FORMAT, "neither a name nor a list"},
      {"1_Pooling/config.json", "{\"pooling_mode_cls_token\": 1}", ATT_FORMAT, "pooling_mode_cls_token is 1"},
      {"1_Pooling/config.json", "{\"include_prompt\": \"no\"}", ATT_FORMAT, "include_prompt is \"no\""},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) must_refuse("mean", &list[i]);
}

static void too_many_poolings(void **state) {
  (void)state;
  char text[512] = "{\"pooling_mode\": [\"cls\"", many[4096] = "[" STAGE("Transformer", "");
  for (int i = 0; i < 16; i++) strcat(text, ", \"max\"");
  strcat(text, "]}");
  must_refuse("mean", &(refused){"1_Pooling/config.json", text, ATT_UNSUPPORTED, "joins more than 16"});
  for (int i = 0; i < 64; i++) strcat(many, ", {}");
  strcat(many, "]");
  must_refuse("mean", &(refused){"modules.json", many, ATT_FORMAT, "is not a list of 1 to 64"});
}

static void dense_that_is_refused(void **state) {
  (void)state;
  static const refused list[] = {
      {"2_Dense/config.json", NULL, ATT_FORMAT, "in_features is missing"},
      {"2_Dense/config.json", "{\"in_features\": 1e9}", ATT_FORMAT, "in_features is 1e+09"},
      {"2_Dense/config.json", "{\"in_features\": 1000000000000}", ATT_FORMAT, "in_features is 1000000000000"},
      {"2_Dense/config.json", "{\"in_features\": 0}", ATT_FORMAT, "in_features is 0"},
      {"2_Dense/config.json", "{\"in_features\": 16}", ATT_FORMAT, "out_features is missing"},
      {"2_Dense/config.json", "{\"in_features\": 1048576, \"out_features\": 1048576}", ATT_FORMAT, "another shape"},
      {"2_Dense/config.json", "{\"in_features\": 8, \"out_features\": 16}", ATT_FORMAT, "another shape"},
      {"2_Dense/config.json", DENSE(", \"bias\": 0"), ATT_FORMAT, "bias is 0"},
      {"2_Dense/config.json", DENSE(", \"bias\": false"), ATT_FORMAT, "linear.bias does not belong to a stage Dense"},
      {"2_Dense/config.json", DENSE(", \"use_residual\": true"), ATT_FORMAT, "residual.weight is missing"},
      {"2_Dense/config.json", DENSE(", \"activation_function\": \"torch.nn.PReLU\""), ATT_UNSUPPORTED,
       "torch.nn.PReLU"},
      {"2_Dense/config.json", DENSE(", \"activation_function\": \"my.Tanh\""), ATT_UNSUPPORTED,
       "\"my.Tanh\" is not one"},
      {"2_Dense/config.json", DENSE(", \"activation_function\": 3"), ATT_FORMAT, "activation_function is 3"},
      {"2_Dense/config.json", DENSE(", \"module_output_name\": \"x\""), ATT_UNSUPPORTED,
       "from sentence_embedding to x"},
      {"2_Dense/config.json", DENSE(", \"module_input_name\": \"x\""), ATT_UNSUPPORTED, "from x to x"},
      {"2_Dense/model.safetensors", "short", ATT_FORMAT, "2_Dense/model.safetensors"},
      {"2_Dense/model.safetensors", NULL, ATT_IO, "2_Dense/model.safetensors: cannot be opened"},
      {"modules.json", LIST(STAGE("Dense", "2_Dense") ", " POOLING), ATT_FORMAT, "2_Dense: stands before any pooling"},
      {"modules.json", LIST(POOLING ", " STAGE("Dense", "2_Dense") ", " STAGE("Dense", "2_Dense")), ATT_FORMAT,
       "2_Dense: takes sentences' vectors of 16 numbers, but gets 8"},
      {"1_Pooling/config.json", "{\"pooling_mode\": [\"cls\", \"max\"]}", ATT_FORMAT, "of 16 numbers, but gets 32"},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) must_refuse("dense", &list[i]);
}

static void settings_that_are_refused(void **state) {
  (void)state;
  static const refused list[] = {
      {"sentence_bert_config.json", "[]", ATT_FORMAT, "sentence_bert_config.json: is not a JSON object"},
      {"sentence_bert_config.json", "{\"max_seq_length\": \"x\"}", ATT_FORMAT, "max_seq_length is \"x\""},
      {"sentence_bert_config.json", "{\"max_seq_length\": 0}", ATT_FORMAT, "max_seq_length is 0"},
      {"sentence_bert_config.json", "{\"max_seq_length\": -3}", ATT_FORMAT, "max_seq_length is -3"},
      {"sentence_bert_config.json", "{\"do_lower_case\": 1}", ATT_FORMAT, "do_lower_case is 1"},
      {"sentence_bert_config.json", "{\"transformer_task\": \"fill-mask\"}", ATT_UNSUPPORTED, "is \"fill-mask\""},
      {"sentence_bert_config.json", "{\"modality_config\": {\"image\": {}}}", ATT_UNSUPPORTED, "has no text"},
      {"sentence_bert_config.json", "{\"modality_config\": {\"text\": {}, \"message\": {}}}", ATT_UNSUPPORTED,
       "a chat"},
      {"sentence_bert_config.json", "{\"modality_config\": {\"text\": {\"method\": \"get\"}}}", ATT_UNSUPPORTED,
       "\"get\""},
      {"sentence_bert_config.json",
       "{\"modality_config\": {\"text\": {\"method\": \"forward\", \"method_output_name\": \"pooler_output\"}}}",
       ATT_UNSUPPORTED, "method_output_name is \"pooler_output\""},
      {"sentence_bert_config.json",
       "{\"modality_config\": {\"text\": {\"method\": \"forward\", \"method_output_name\": [\"last_hidden_state\"]}}}",
       ATT_UNSUPPORTED, "module_output_name is no text"},
      {"config_sentence_transformers.json", "[]", ATT_FORMAT, "is not a JSON object"},
      {"config_sentence_transformers.json", "{\"prompts\": []}", ATT_FORMAT, "prompts is not an object"},
      {"config_sentence_transformers.json", "{\"prompts\": {\"a\": 1}}", ATT_FORMAT,
       "the prompt \"a\" is not a string"},
      {"config_sentence_transformers.json", "{\"default_prompt_name\": \"b\"}", ATT_FORMAT, "is \"b\", which is none"},
      {"config_sentence_transformers.json", "{\"default_prompt_name\": 1}", ATT_FORMAT, "default_prompt_name is 1"},
      {"config_sentence_transformers.json", "{\"truncate_dim\": 0}", ATT_FORMAT, "truncate_dim is 0"},
      {"config_sentence_transformers.json", "{\"model_type\": \"CrossEncoder\"}", ATT_UNSUPPORTED, "CrossEncoder"},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) must_refuse("mean", &list[i]);
}

/* What is new to attend, or for others, is named and passed over. */
static void what_is_not_applied_is_said(void **state) {
  (void)state;
  static const char *const files[][3] = {
      {"1_Pooling/config.json", "{\"pooling_mode\": \"cls\", \"scale\": 3}", "scale is not applied"},
      {"sentence_bert_config.json", "{\"tokens\": 3}", "tokens is not applied"},
      {"sentence_bert_config.json", "{\"tokenizer_args\": {\"truncation_side\": \"left\"}}", "kwargs.truncation_side"},
      {"sentence_bert_config.json", "{\"processing_kwargs\": {\"text\": {\"truncation\": 1}}}", "text.truncation"},
      {"sentence_bert_config.json", "{\"config_args\": {\"is_causal\": false}}", "config_kwargs.is_causal"},
      {"sentence_bert_config.json", "{\"model_kwargs\": {\"dtype\": \"float16\", \"gate\": 1}}", "model_kwargs.gate"},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    att_model *model;
    char path[512];
    const char *root = build(find_case("mean"), "case");
    snprintf(path, sizeof path, "%s/%s", root, files[i][0]);
    write_bytes(path, files[i][1], strlen(files[i][1]));
    assert_int_equal(att_model_open(ctx, root, &model), ATT_OK);
    warnings = 0;
    for (int k = 0; k < 2; k++)
      if (att_embed(model, NULL, 0, NULL, NULL)) fail_msg("%s", att_message(ctx));
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warning, files[i][2]));
    att_model_close(model);
    clear(NULL);
  }
}

static void weights_in_pickles_only(void **state) {
  (void)state;
  const char *root = build(find_case("dense"), "case");
  char from[512], to[512];
  att_model *model;
  snprintf(from, sizeof from, "%s/2_Dense/model.safetensors", root);
  snprintf(to, sizeof to, "%s/2_Dense/pytorch_model.bin", root);
  assert_int_equal(rename(from, to), 0);
  assert_int_equal(att_model_open(ctx, root, &model), ATT_OK);
  must_say(att_embed(model, NULL, 0, NULL, NULL), ATT_UNSUPPORTED, "2_Dense/pytorch_model.bin: attend does not read");
  assert_int_equal(att_model_save(model, in_folder("saved"), "float16"), ATT_OK);
  must_be_copied(to, in_folder("saved/2_Dense/pytorch_model.bin"));
  att_model_close(model);
}

static void numbers_that_are_none(void **state) {
  (void)state;
  const char *root = build(find_case("dense"), "case");
  char path[512];
  att_model *model;
  att_mapping mapping;
  snprintf(path, sizeof path, "%s/2_Dense/model.safetensors", root);
  assert_int_equal(att_map(ctx, path, &mapping), ATT_OK);
  size_t size = mapping.size;
  unsigned char *bytes = malloc(size);
  assert_non_null(bytes);
  memcpy(bytes, mapping.data, size);
  att_unmap(&mapping);
  memset(bytes + size - 4, 0xff, 4);
  write_bytes(path, bytes, size);
  free(bytes);
  assert_int_equal(att_model_open(ctx, root, &model), ATT_OK);
  must_say(att_embed(model, NULL, 0, NULL, NULL), ATT_NUMERIC, "holds NaN or infinity");
  att_model_close(model);
}

/* A model that is not there: what modules.json says of it. */
static void folders_without_a_model(void **state) {
  (void)state;
  static const char *const lists[][2] = {
      {"[" STAGE("Transformer", "0_Transformer") "]", "folder that it names, 0_Transformer, is not there"},
      {"[" STAGE("Transformer", "") "]", "there is no config.json in it"},
      {"[" STAGE("Transformer", "../case") "]", "must lie inside the folder"},
      {"[" STAGE("StaticEmbedding", "") "]", "its first stage is StaticEmbedding"},
      {"[{\"type\": \"custom_st.Transformer\", \"path\": \"\"}]", "its first stage is custom_st.Transformer"},
      {"{", "modules.json: is not valid JSON"}};
  mkdir(in_folder("case"), 0700);
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    att_model *model;
    write_bytes(in_folder("case/modules.json"), lists[i][0], strlen(lists[i][0]));
    att_status status = att_model_open(ctx, in_folder("case"), &model);
    must_say(status, status, lists[i][1]);
    assert_true(status != ATT_OK && !model);
  }
}

/* ---- saving ---------------------------------------------------------------------------------------------------- */

static void a_stage_that_is_not_known_is_copied(void **state) {
  (void)state;
  static const char modules[] = LIST(POOLING ", " STAGE("CNN", "./more/2_CNN/") ", " STAGE("Normalize", "absent"));
  att_model *model;
  build(find_case("mean"), "case");
  write_bytes(in_folder("case/modules.json"), modules, strlen(modules));
  mkdir(in_folder("case/more"), 0700);
  mkdir(in_folder("case/more/2_CNN"), 0700);
  write_bytes(in_folder("case/more/2_CNN/config.json"), "{}", 2);
  write_bytes(in_folder("case/more/2_CNN/pytorch_model.bin"), "\0\1", 2);
  assert_int_equal(att_model_open(ctx, in_folder("case"), &model), ATT_OK);
  if (att_model_save(model, in_folder("saved"), "float16")) fail_msg("%s", att_message(ctx));
  must_hold(in_folder("saved/more/2_CNN/pytorch_model.bin"), "\0\1", 2);
  must_hold(in_folder("saved/more/2_CNN/config.json"), "{}", 2);
  must_hold(in_folder("saved/modules.json"), modules, strlen(modules));
  mkdir(in_folder("case/more/2_CNN/inner"), 0700);
  must_say(att_model_save(model, in_folder("again"), "float16"), ATT_UNSUPPORTED,
           "2_CNN/inner: is a folder inside a folder");
  write_bytes(in_folder("case/modules.json"), "[]", 2);
  must_say(att_model_save(model, in_folder("third"), "float16"), ATT_FORMAT, "is not a list of 1 to 64 stages");
  unlink(in_folder("case/modules.json"));
  must_say(att_model_save(model, in_folder("fourth"), "float16"), ATT_IO, "modules.json: cannot be opened");
  att_model_close(model);
}

/* What is learned from such a model is no sentence encoder, and says nothing of its stages. */
static void another_head_is_another_model(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b"};
  att_model *model = open_case("dense"), *head;
  char **labels = att_labels_copy(ctx, names, 2);
  assert_non_null(labels);
  assert_int_equal(att_model_new_head(model, ATT_HEAD_CLASSES, labels, 2, 1, &head), ATT_OK);
  att_model_close(model);
  assert_int_equal(att_model_save(head, in_folder("saved"), "float16"), ATT_OK);
  assert_false(att_file_exists(in_folder("saved/modules.json")));
  att_model_close(head);
}

/* ---- harm ------------------------------------------------------------------------------------------------------ */

/* Each byte of what is read becomes another in turn: an answer or one line, and nothing else. */
static void any_byte_may_be_wrong(void **state) {
  (void)state;
  static const char *const files[] = {"modules.json",
                                      "1_Pooling/config.json",
                                      "2_Dense/config.json",
                                      "2_Dense/model.safetensors",
                                      "sentence_bert_config.json",
                                      "config_sentence_transformers.json",
                                      "tokenizer_config.json"};
  static const char others[] = {'"', '{', '0', '\xff'};
  size_t done[2] = {0, 0};
  build(find_case("dense"), "case");
  for (int f = 0; f < 7; f++) {
    char path[512];
    att_buffer text = {0};
    snprintf(path, sizeof path, "%s/case/%s", folder, files[f]);
    assert_int_equal(att_file_read(ctx, path, 1 << 20, &text), ATT_OK);
    for (size_t i = 0; i < text.size; i += f == 3 ? 5 : 3) {
      char kept = text.data[i];
      att_model *model;
      float vectors[MOST_NUMBERS];
      const att_text line = {"the man", 7};
      text.data[i] = others[i % 4];
      write_bytes(path, text.data, text.size);
      text.data[i] = kept;
      att_status status = att_model_open(ctx, in_folder("case"), &model);
      if (!status && att_embedding_width(model, NULL) <= MOST_NUMBERS)
        status = att_embed(model, &line, 1, NULL, vectors);
      if (status) assert_true(att_message(ctx)[0] && !strchr(att_message(ctx), '\n'));
      done[status == ATT_OK]++;
      att_model_close(model);
    }
    write_bytes(path, text.data, text.size);
    att_buffer_free(ctx, &text);
  }
  assert_true(done[0] > 50 && done[1] > 50);
}

/* Saved is one with all kinds of files: each file that is written is synced, which takes long. */
static att_status open_embed_and_save(att_context *small, void *arg) {
  att_model *model;
  att_text lines[MOST_LINES];
  att_embed_options options;
  float vectors[2 * MOST_NUMBERS];
  lines_of(arg, lines);
  att_status status = att_model_open(small, in_folder("case"), &model);
  if (status) return status;
  att_embed_options_default(model, &options);
  options.prompt = prompt_of(arg);
  status = att_embed(model, lines, 2, &options, vectors);
  bool chain = strcmp(json_string_value(json_object_get(arg, "name")), "chain") == 0;
  if (!status && chain) status = att_model_save(model, in_folder("saved"), NULL);
  att_model_close(model);
  if (chain) nftw(in_folder("saved"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  static const char *const names[] = {"prompt_text", "chain", "old_lower"};
  for (int i = 0; i < 3; i++) {
    json_t *one = find_case(names[i]);
    build(one, "case");
    assert_true(fail_each_allocation(open_embed_and_save, one) > 100);
    clear(NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(vectors_are_sentence_transformers, clear),
      cmocka_unit_test_teardown(a_saved_folder_is_the_same, clear),
      cmocka_unit_test_teardown(options_win_over_the_folder, clear),
      cmocka_unit_test_teardown(impossible_options, clear),
      cmocka_unit_test_teardown(a_prompt_that_is_no_name_is_text, clear),
      cmocka_unit_test_teardown(stages_that_are_refused, clear),
      cmocka_unit_test_teardown(too_many_poolings, clear),
      cmocka_unit_test_teardown(dense_that_is_refused, clear),
      cmocka_unit_test_teardown(settings_that_are_refused, clear),
      cmocka_unit_test_teardown(what_is_not_applied_is_said, clear),
      cmocka_unit_test_teardown(weights_in_pickles_only, clear),
      cmocka_unit_test_teardown(numbers_that_are_none, clear),
      cmocka_unit_test_teardown(folders_without_a_model, clear),
      cmocka_unit_test_teardown(a_stage_that_is_not_known_is_copied, clear),
      cmocka_unit_test_teardown(another_head_is_another_model, clear),
      cmocka_unit_test_teardown(any_byte_may_be_wrong, clear),
      cmocka_unit_test_teardown(each_allocation_may_fail, clear),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
