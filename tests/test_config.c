/*
 * The settings of a model folder: what is written comes back, a missing key has its class's default, what attend does
 * not know and what cannot be a model is named, and nothing read may do harm.
 */
#include "scratch.h"

#include <fcntl.h>
#include <math.h>

#include "base/random.h"
#include "formats/json.h"
#include "models/model.h"

static void put(const char *name, const char *text) { write_bytes(in_folder(name), text, strlen(text)); }

#define SMALL                                                                                                          \
  "\"model_type\": \"m2m_100\", \"vocab_size\": 50, \"d_model\": 8, \"encoder_attention_heads\": 2, "                  \
  "\"decoder_attention_heads\": 2"

static att_config read_good(const char *text) {
  att_config config;
  put("config.json", text);
  if (att_config_read(ctx, folder, &config) != ATT_OK) fail_msg("%s: %s", text, att_message(ctx));
  return config;
}

/* Padding makes structures hard to compare; what is written of them is not. */
static void must_be_same(const att_config *a, const att_config *b) {
  assert_int_equal(a->family, b->family);
  assert_int_equal(a->position, b->position);
  assert_int_equal(a->activation, b->activation);
  assert_int_equal(a->storage, b->storage);
  const int64_t *first = &a->d_model, *second = &b->d_model;
  for (const int64_t *end = &a->decoder_ffn_dim; first <= end;) assert_int_equal(*first++, *second++);
  assert_int_equal(a->tie_word_embeddings, b->tie_word_embeddings);
  assert_int_equal(a->scale_embedding, b->scale_embedding);
  assert_true(a->dropout == b->dropout && a->layer_norm_epsilon == b->layer_norm_epsilon);
  assert_true(a->pad == b->pad && a->bos == b->bos && a->eos == b->eos && a->decoder_start == b->decoder_start);
}

static att_config sample(uint64_t key) {
  att_family family = (att_family)(att_random64(key, 0) % 2);
  int heads = 1 + (int)(att_random64(key, 1) % 4);
  bool learned = att_random64(key, 2) % 2;
  return (att_config){
      .family = family,
      .position = learned ? ATT_LEARNED : ATT_SINUSOIDAL,
      .norm_before = family == ATT_M2M_100,
      .activation = (att_activation)(att_random64(key, 3) % 3),
      .d_model = heads * 6 * 2,
      .vocab_size = 100 + (int64_t)(att_random64(key, 4) % 900),
      .max_position_embeddings = 64 + (int64_t)(att_random64(key, 5) % 900),
      .encoder_layers = 1 + (int64_t)(att_random64(key, 6) % 12),
      .decoder_layers = 1 + (int64_t)(att_random64(key, 7) % 12),
      .encoder_attention_heads = heads,
      .decoder_attention_heads = heads * 2,
      .encoder_ffn_dim = 1 + (int64_t)(att_random64(key, 8) % 999),
      .decoder_ffn_dim = 1 + (int64_t)(att_random64(key, 9) % 999),
      .tie_word_embeddings = att_random64(key, 10) % 2,
      .scale_embedding = att_random64(key, 11) % 2,
      .dropout = (float)att_uniform(key, 12),
      .layer_norm_epsilon = 1e-5f,
      .pad = family == ATT_MARIAN ? 99 : 1,
      .bos = family == ATT_MARIAN ? -1 : 0,
      .eos = family == ATT_MARIAN ? 0 : 2,
      .decoder_start = family == ATT_MARIAN ? 99 : 2,
      .storage = (att_type)(att_random64(key, 13) % 3),
  };
}

/* ---- writing and reading back --------------------------------------------------------------------------------- */

static void settings_come_back(void **state) {
  (void)state;
  for (uint64_t key = 0; key < 60; key++) {
    att_config config = sample(key), back;
    if (att_config_write(ctx, folder, &config, NULL) != ATT_OK || att_config_read(ctx, folder, &back) != ATT_OK)
      fail_msg("%s", att_message(ctx));
    must_be_same(&config, &back);
  }
  assert_int_equal(files_in_folder(), 1);
}

static json_t *json_in_folder(const char *name) {
  json_t *root;
  if (att_json_open(ctx, in_folder(name), &root) != ATT_OK) fail_msg("%s", att_message(ctx));
  return root;
}

static void must_have(const json_t *object, const char *key, const char *expected) {
  char *text = json_dumps(json_object_get(object, key), JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
  if (!text || strcmp(text, expected) != 0) fail_msg("%s is %s, not %s", key, text ? text : "missing", expected);
  free(text);
}

/* What Transformers and CTranslate2 look for (they were tried), letter by letter. */
static void the_keys_of_transformers_are_there(void **state) {
  (void)state;
  static const char *const model_keys[] = {"vocab_size",
                                           "d_model",
                                           "encoder_layers",
                                           "decoder_layers",
                                           "encoder_attention_heads",
                                           "encoder_ffn_dim",
                                           "decoder_ffn_dim",
                                           "activation_function",
                                           "tie_word_embeddings",
                                           "decoder_attention_heads",
                                           "attention_dropout",
                                           "scale_embedding",
                                           "dropout",
                                           "activation_dropout",
                                           "max_position_embeddings",
                                           "pad_token_id",
                                           "encoder_layerdrop",
                                           "decoder_layerdrop",
                                           "init_std",
                                           "decoder_start_token_id",
                                           "bos_token_id",
                                           "eos_token_id",
                                           "forced_eos_token_id",
                                           "is_encoder_decoder",
                                           "use_cache"};
  for (int family = 0; family < 2; family++) {
    att_config config = sample(2);
    config.family = (att_family)family;
    config.norm_before = family == ATT_M2M_100;
    config.position = ATT_SINUSOIDAL;
    config.dropout = 0.1f;
    config.storage = ATT_F16;
    config.pad = 5;
    assert_int_equal(att_config_write(ctx, folder, &config, NULL), ATT_OK);
    json_t *model = json_in_folder("config.json");
    for (size_t i = 0; i < sizeof model_keys / sizeof *model_keys; i++)
      assert_non_null(json_object_get(model, model_keys[i]));
    must_have(model, "model_type", family == ATT_MARIAN ? "\"marian\"" : "\"m2m_100\"");
    must_have(model, "architectures",
              family == ATT_MARIAN ? "[\"MarianMTModel\"]" : "[\"M2M100ForConditionalGeneration\"]");
    must_have(model, "dtype", "\"float16\"");
    must_have(model, "dropout", "0.1");
    must_have(model, "attention_dropout", "0.0");
    must_have(model, "forced_eos_token_id", "null");
    json_decref(model);
  }
}

static void marks_have_names(void **state) {
  (void)state;
  static const struct {
    const char *folder, *bos;
  } cases[] = {{"model_marian_relu", "\"</s>\""}, {"model_m2m_100_relu", "\"<s>\""}};
  for (size_t i = 0; i < 2; i++) {
    char path[1024];
    att_config config;
    att_tokenizer *tokenizer;
    snprintf(path, sizeof path, "%s/%s", ATT_TEST_DATA, cases[i].folder);
    if (att_config_read(ctx, path, &config) != ATT_OK) fail_msg("%s", att_message(ctx));
    snprintf(path, sizeof path, "%s/%s/tokenizer.json", ATT_TEST_DATA, cases[i].folder);
    if (att_tokenizer_open(ctx, path, &tokenizer) != ATT_OK) fail_msg("%s", att_message(ctx));
    assert_int_equal(att_config_write(ctx, folder, &config, tokenizer), ATT_OK);
    json_t *names = json_in_folder("tokenizer_config.json");
    must_have(names, "tokenizer_class", "\"PreTrainedTokenizerFast\"");
    must_have(names, "pad_token", "\"<pad>\"");
    must_have(names, "bos_token", cases[i].bos);
    must_have(names, "eos_token", "\"</s>\"");
    must_have(names, "unk_token", "\"<unk>\"");
    must_have(names, "model_max_length", "64");
    json_decref(names);
    att_tokenizer_free(tokenizer);
  }
}

/* Learned positions are no part of those two classes: no other reader may take the folder for one of them. */
static void learned_positions_are_attends_own(void **state) {
  (void)state;
  att_config config = sample(1), back;
  config.position = ATT_LEARNED;
  assert_int_equal(att_config_write(ctx, folder, &config, NULL), ATT_OK);
  json_t *model = json_in_folder("config.json");
  must_have(model, "model_type", "\"attend\"");
  must_have(model, "position_embedding_type", "\"learned\"");
  assert_null(json_object_get(model, "architectures"));
  json_decref(model);
  assert_int_equal(att_config_read(ctx, folder, &back), ATT_OK);
  must_be_same(&config, &back);
}

/* ---- reading what others wrote -------------------------------------------------------------------------------- */

static void defaults_are_the_classes(void **state) {
  (void)state;
  att_config marian = read_good("{\"model_type\": \"marian\"}"), m2m = read_good("{\"model_type\": \"m2m_100\"}");
  assert_true(marian.activation == ATT_GELU && m2m.activation == ATT_RELU);
  assert_true(!marian.scale_embedding && m2m.scale_embedding);
  assert_true(marian.vocab_size == 58101 && m2m.vocab_size == 128112);
  assert_true(marian.pad == 58100 && marian.eos == 0 && marian.bos == -1 && marian.decoder_start == 58100);
  assert_true(m2m.pad == 1 && m2m.eos == 2 && m2m.bos == 0 && m2m.decoder_start == 2);
  assert_true(marian.tie_word_embeddings && m2m.tie_word_embeddings && marian.storage == ATT_F32);
  assert_true(m2m.d_model == 1024 && m2m.encoder_layers == 12 && m2m.decoder_attention_heads == 16 &&
              m2m.encoder_ffn_dim == 4096 && m2m.max_position_embeddings == 1024);
  assert_true(m2m.dropout == 0.1f && m2m.layer_norm_epsilon == 1e-5f);
}

/* configuration_gpt2.py, configuration_llama.py, configuration_bert.py */
static void defaults_of_decoders_and_encoders(void **state) {
  (void)state;
  att_config gpt2 = read_good("{\"model_type\": \"gpt2\"}"), llama = read_good("{\"model_type\": \"llama\"}");
  att_config bert = read_good("{\"model_type\": \"bert\"}");
  assert_true(gpt2.kind == ATT_DECODER && llama.kind == ATT_DECODER && bert.kind == ATT_ENCODER);
  assert_true(gpt2.head == ATT_HEAD_TOKENS && llama.head == ATT_HEAD_TOKENS && bert.head == ATT_HEAD_NONE);
  assert_true(gpt2.vocab_size == 50257 && gpt2.d_model == 768 && gpt2.decoder_layers == 12);
  assert_true(gpt2.decoder_attention_heads == 12 && gpt2.decoder_ffn_dim == 3072 && gpt2.encoder_layers == 0);
  assert_true(gpt2.max_position_embeddings == 1024 && gpt2.activation == ATT_GELU_TANH && gpt2.norm_before);
  assert_true(gpt2.bos == 50256 && gpt2.eos == 50256 && gpt2.pad == -1 && gpt2.tie_word_embeddings);
  assert_true(gpt2.layer_norm_epsilon == 1e-5f && gpt2.dropout == 0.1f && gpt2.position == ATT_LEARNED);
  assert_true(llama.vocab_size == 32000 && llama.d_model == 4096 && llama.decoder_layers == 32);
  assert_true(llama.decoder_ffn_dim == 11008 && llama.activation == ATT_SILU && llama.gated && llama.norm_before);
  assert_true(llama.norm == ATT_NORM_RMS && llama.layer_norm_epsilon == 1e-6f && llama.rope.base == 10000);
  assert_true(llama.bos == 1 && llama.eos == 2 && llama.pad == -1 && !llama.tie_word_embeddings);
  assert_true(!llama.attention_bias && !llama.feedforward_bias && llama.position == ATT_ROTARY);
  assert_true(llama.max_position_embeddings == 2048 && llama.rope.scaling == ATT_ROPE_DEFAULT);
  assert_true(bert.vocab_size == 30522 && bert.d_model == 768 && bert.encoder_layers == 12 && bert.pad == 0);
  assert_true(bert.encoder_ffn_dim == 3072 && bert.max_position_embeddings == 512 && bert.type_vocab_size == 2);
  assert_true(bert.layer_norm_epsilon == 1e-12f && bert.activation == ATT_GELU && !bert.norm_before);
  assert_true(bert.eos == -1 && bert.decoder_layers == 0 && bert.tie_word_embeddings);
}

/* configuration_qwen2.py, ..3.py, configuration_mistral.py, configuration_gemma2.py, ..3.py, configuration_phi3.py */
static void defaults_of_rotary_decoders(void **state) {
  (void)state;
  att_config qwen2 = read_good("{\"model_type\": \"qwen2\"}"), qwen3 = read_good("{\"model_type\": \"qwen3\"}");
  att_config mistral = read_good("{\"model_type\": \"mistral\"}"), phi3 = read_good("{\"model_type\": \"phi3\"}");
  att_config gemma2 = read_good("{\"model_type\": \"gemma2\"}");
  att_config gemma3 = read_good("{\"model_type\": \"gemma3\", \"text_config\": {}, \"eos_token_id\": [106, 1]}");
  assert_true(qwen2.vocab_size == 151936 && qwen2.decoder_ffn_dim == 22016 && qwen2.key_value_heads == 32);
  assert_true(qwen2.attention_bias && !qwen3.attention_bias && qwen2.head_size == 0 && qwen3.head_size == 128);
  assert_true(qwen2.sliding_window == 0 && !qwen2.local_layers[31] && qwen2.bos == -1 && qwen2.eos == -1);
  assert_true(qwen3.max_position_embeddings == 32768 && !qwen3.tie_word_embeddings);
  assert_true(mistral.key_value_heads == 8 && mistral.sliding_window == 4096 && mistral.local_layers[31]);
  assert_true(mistral.max_position_embeddings == 131072 && mistral.decoder_ffn_dim == 14336);
  assert_true(phi3.pad == 32000 && phi3.eos == 32000 && phi3.bos == 1 && phi3.layer_norm_epsilon == 1e-5f);
  assert_true(phi3.sliding_window == 0 && !phi3.local_layers[0] && phi3.d_model == 3072 && phi3.vocab_size == 32064);
  assert_true(gemma2.attention_softcap == 50 && gemma2.logit_softcap == 30 && gemma2.query_scalar == 256);
  assert_true(gemma2.local_layers[0] && !gemma2.local_layers[1] && gemma2.local_layers[24] && gemma2.scale_embedding);
  assert_true(gemma2.norm == ATT_NORM_RMS_PLUS_ONE && gemma2.activation == ATT_GELU_TANH && gemma2.pad == 0);
  assert_true(gemma3.family == ATT_GEMMA3 && gemma3.attention_softcap == 0 && gemma3.logit_softcap == 0);
  assert_true(gemma3.local_layers[4] && !gemma3.local_layers[5] && !gemma3.local_layers[11] && gemma3.local_layers[25]);
  assert_true(gemma3.rope.base == 1e6 && gemma3.local_rope.base == 1e4 && gemma3.sliding_window == 4096);
  assert_true(gemma3.vocab_size == 262208 && gemma3.tie_word_embeddings && gemma3.eos == 106 && gemma3.bos == 2);
}

/* "pad_token_id": -1 is Meta's word for none; what is no token is none, and stops nothing. */
static void odd_special_tokens_are_none(void **state) {
  (void)state;
  att_config config = read_good("{\"model_type\": \"gpt2\", \"eos_token_id\": [4, 5, 6], \"pad_token_id\": -1}");
  assert_true(config.eos == 4 && config.pad == -1 && config.bos == 50256);
  config = read_good("{\"model_type\": \"gpt2\", \"vocab_size\": 50, \"pad_token_id\": 50, \"bos_token_id\": \"a\"}");
  assert_true(config.eos == -1 && config.pad == -1 && config.bos == -1); /* the class's are of another vocabulary */
  config = read_good("{" SMALL ", \"eos_token_id\": 9999999999, \"decoder_start_token_id\": []}");
  assert_true(config.eos == -1 && config.decoder_start == -1 && config.pad == 1);
  must_say(att_config_check_pairs(ctx, "x", &config), ATT_FORMAT, "x: config.json has no eos_token_id");
  config.eos = 2;
  must_say(att_config_check_pairs(ctx, "x", &config), ATT_FORMAT, "x: config.json has no decoder_start_token_id");
  config.decoder_start = 2;
  assert_int_equal(att_config_check_pairs(ctx, "x", &config), ATT_OK);
}

/* What only training or writing reads stops no other verb. */
static void what_is_not_needed_stops_nothing(void **state) {
  (void)state;
  att_config config = read_good("{" SMALL ", \"dropout\": 1.0, \"dtype\": \"float64\", \"num_beams\": 0}");
  assert_true(config.dropout == 0.1f && config.storage == ATT_F32);
  assert_true(read_good("{" SMALL ", \"dropout\": \"none\"}").dropout == 0.1f);
  assert_true(read_good("{" SMALL ", \"dropout\": 0}").dropout == 0);
  assert_true(read_good("{\"model_type\": \"gpt2\", \"resid_pdrop\": null, \"torch_dtype\": null}").dropout == 0.1f);
}

/* label2id may not name a label twice, or no reader would take the file. */
static void labels_come_back(void **state) {
  (void)state;
  static const char *const labels[] = {"a \"b\"", "tab\there", "a \"b\"", "\303\244"};
  att_config config = read_good("{\"model_type\": \"bert\"}"), back;
  config.head = ATT_HEAD_LABELS;
  config.label_count = 4;
  config.labels = att_labels_copy(ctx, labels, 4);
  assert_non_null(config.labels);
  if (att_config_write(ctx, folder, &config, NULL) || att_config_read(ctx, folder, &back))
    fail_msg("%s", att_message(ctx));
  assert_true(back.head == ATT_HEAD_LABELS && back.label_count == 4);
  for (int i = 0; i < 4; i++) assert_string_equal(back.labels[i], labels[i]);
  att_free(ctx, config.labels);
  att_free(ctx, back.labels);
  config = read_good("{\"model_type\": \"bert\", \"num_labels\": 3, \"architectures\": "
                     "[\"BertForSequenceClassification\"]}");
  assert_true(config.head == ATT_HEAD_CLASSES && config.label_count == 3);
  assert_string_equal(config.labels[2], "LABEL_2");
  att_free(ctx, config.labels);
}

#define CLASSES "\"model_type\": \"bert\", \"architectures\": [\"BertForSequenceClassification\"]"

/* The longest text that Transformers would read; 1e30 is how it writes that there is no bound. */
static void keep_log(void *user, att_log_level level, const char *text) {
  assert_int_equal(level, ATT_LOG_WARNING);
  strncat(user, text, 900 - strlen(user));
}

static void a_length_of_texts_is_kept(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t length;
    const char *said;
  } files[] = {
      {"{\"model_max_length\": 128}", 128, ""},
      {"{\"max_len\": 96}", 96, ""},
      {"{\"model_max_length\": 1000000000000000019884624838656, \"other\": 3}", 0, ""},
      {"{\"model_max_length\": null}", 0, ""},
      {"{\"model_max_length\": -5}", 0, ""},
      {"{}", 0, ""},
      {"{\"model_max_length\": \"long\"}", 0, "tokenizer_config.json: model_max_length is \"long\", not a number"},
      {"{", 0, "tokenizer_config.json: is not valid JSON"},
  };
  char said[1000];
  att_context *speaking;
  att_config config;
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .log = keep_log, .log_user = said},
                      &speaking),
      ATT_OK);
  put("config.json", "{" SMALL "}");
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    said[0] = '\0';
    put("tokenizer_config.json", files[i].text);
    assert_int_equal(att_config_read(speaking, folder, &config), ATT_OK);
    assert_int_equal(config.model_max_length, files[i].length);
    assert_true(files[i].said[0] ? strstr(said, files[i].said) != NULL : !said[0]);
  }
  att_context_free(speaking);
}

static const struct {
  const char *config; /* without the braces */
  att_status status;
  const char *clue; /* NULL: it is good */
} folders[] = {
    {SMALL, ATT_OK, NULL},
    {SMALL ", \"activation_function\": \"swish\", \"torch_dtype\": \"bfloat16\"", ATT_OK, NULL},
    {SMALL ", \"decoder_layerdrop\": 0.05, \"normalize_before\": true, \"decoder_vocab_size\": null", ATT_OK, NULL},
    {"", ATT_FORMAT, "config.json: model_type is missing"},
    {"\"model_type\": 3", ATT_FORMAT, "model_type is 3, not a string"},
    {"\"model_type\": \"blenderbot\"", ATT_UNSUPPORTED, "model_type is \"blenderbot\"; attend knows"},
    {"\"model_type\": \"attend\"", ATT_FORMAT, "normalize_before is missing"},
    {"\"model_type\": \"attend\", \"normalize_before\": true", ATT_FORMAT, "position_embedding_type is missing"},
    {"\"model_type\": \"attend\", \"normalize_before\": true, \"position_embedding_type\": \"rotating\"",
     ATT_UNSUPPORTED, "position_embedding_type is \"rotating\""},
    {SMALL ", \"d_model\": 8", ATT_FORMAT, "duplicate"},
    {SMALL ", \"activation_function\": \"gelu_10\"", ATT_UNSUPPORTED, "activation_function is \"gelu_10\""},
    {SMALL ", \"is_encoder_decoder\": false", ATT_UNSUPPORTED, "is_encoder_decoder is false"},
    {SMALL ", \"normalize_before\": false", ATT_UNSUPPORTED,
     "normalize_before is false; attend knows only m2m_100 models with true"},
    {"\"model_type\": \"marian\", \"normalize_before\": true", ATT_UNSUPPORTED, "normalize_before is true"},
    {"\"model_type\": \"marian\", \"add_final_layer_norm\": true", ATT_UNSUPPORTED, "add_final_layer_norm is"},
    {"\"model_type\": \"marian\", \"share_encoder_decoder_embeddings\": false", ATT_UNSUPPORTED,
     "share_encoder_decoder_embeddings is false"},
    {"\"model_type\": \"marian\", \"static_position_embeddings\": false", ATT_UNSUPPORTED, "static_position"},
    {SMALL ", \"normalize_embedding\": true", ATT_UNSUPPORTED, "normalize_embedding is true"},
    {SMALL ", \"add_bias_logits\": true", ATT_UNSUPPORTED, "add_bias_logits is true"},
    {SMALL ", \"add_bias_logits\": 1", ATT_FORMAT, "add_bias_logits is 1, not true or false"},
    {SMALL ", \"quantization_config\": {}", ATT_UNSUPPORTED, "quantization_config"},
    {SMALL ", \"decoder_vocab_size\": 51", ATT_UNSUPPORTED, "decoder_vocab_size is 51 and vocab_size 50"},
    {"\"model_type\": \"marian\", \"d_model\": 63, \"encoder_attention_heads\": 4", ATT_FORMAT,
     "/config.json: d_model is 63, not a multiple of 4 heads"},
    {"\"model_type\": \"marian\", \"d_model\": 9, \"encoder_attention_heads\": 3, \"decoder_attention_heads\": 3",
     ATT_FORMAT, "d_model is 9, not an even number"},
    {"\"model_type\": \"marian\", \"d_model\": 2, \"encoder_attention_heads\": 1, \"decoder_attention_heads\": 1",
     ATT_FORMAT, "d_model is 2, not an even number from 4"},
    {"\"model_type\": \"marian\", \"d_model\": 1024, \"encoder_attention_heads\": 2", ATT_UNSUPPORTED,
     "a head has 512"},
    {SMALL ", \"encoder_layers\": 0", ATT_FORMAT, "encoder_layers is 0, not a whole number from 1"},
    {SMALL ", \"encoder_layers\": 1025", ATT_FORMAT, "encoder_layers is 1025"},
    {SMALL ", \"encoder_ffn_dim\": -1", ATT_FORMAT, "encoder_ffn_dim is -1"},
    {SMALL ", \"encoder_ffn_dim\": 9223372036854775807", ATT_FORMAT, "encoder_ffn_dim is 9223372036854775807"},
    {SMALL ", \"encoder_ffn_dim\": 1e3", ATT_FORMAT, "encoder_ffn_dim is 1000, not a whole number"},
    {SMALL ", \"encoder_ffn_dim\": \"8\"", ATT_FORMAT, "encoder_ffn_dim is \"8\""},
    {"\"model_type\": \"m2m_100\", \"d_model\": 1048576, \"vocab_size\": 1048576, \"encoder_attention_heads\": 4096, "
     "\"decoder_attention_heads\": 4096, \"encoder_layers\": 1024, \"decoder_layers\": 1024, "
     "\"encoder_ffn_dim\": 1048576, \"decoder_ffn_dim\": 1048576, \"max_position_embeddings\": 1048576",
     ATT_UNSUPPORTED, "the model would have 18017724971089920 parameters"},
    {SMALL ", \"pad_token_id\": 50", ATT_FORMAT, "pad_token_id is none of the 50 tokens"},
    {SMALL ", \"eos_token_id\": 1", ATT_FORMAT, "eos_token_id and pad_token_id are both 1"},
    {SMALL ", \"eos_token_id\": [2, 3]", ATT_OK, NULL},
    {CLASSES ", \"num_labels\": 0", ATT_FORMAT, "num_labels is 0, not a whole number from 1"},
    {CLASSES ", \"num_labels\": 1000000000", ATT_FORMAT, "num_labels is 1000000000"},
    {CLASSES ", \"id2label\": {\"0\": 5}", ATT_FORMAT, "id2label has no name for label 0"},
    {CLASSES ", \"hidden_size\": 1048577", ATT_FORMAT, "hidden_size is 1048577"},
    {CLASSES ", \"num_attention_heads\": 7", ATT_FORMAT, "hidden_size is 768, not a multiple of 7 heads"},
    {"\"model_type\": \"attend\", \"attend_family\": \"blenderbot\"", ATT_UNSUPPORTED,
     "attend_family is \"blenderbot\""},
    {"\"model_type\": \"attend\", \"attend_family\": \"gpt2\", \"position_embedding_type\": \"none\", \"norm\": "
     "\"group\"",
     ATT_UNSUPPORTED, "norm is \"group\""},
    {"\"model_type\": \"attend\", \"attend_family\": \"gpt2\", \"position_embedding_type\": \"relative\", "
     "\"relative_attention_num_buckets\": 33",
     ATT_FORMAT, "33 relative_attention_num_buckets"},
    {"\"model_type\": \"llama\", \"num_attention_heads\": 1048576, \"head_dim\": 256, \"hidden_size\": 1048576, "
     "\"num_hidden_layers\": 1024, \"intermediate_size\": 1048576, \"vocab_size\": 1048576",
     ATT_UNSUPPORTED, "parameters, more than"},
};

static void bad_folders_are_named(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char text[2000];
    att_config config;
    snprintf(text, sizeof text, "{%s}", folders[i].config);
    put("config.json", text);
    att_status status = att_config_read(ctx, folder, &config);
    if (folders[i].clue) {
      must_say(status, folders[i].status, folders[i].clue);
    } else if (status != ATT_OK) {
      fail_msg("{%s}: %s", folders[i].config, att_message(ctx));
    }
  }
  att_config config;
  put("config.json", "[]");
  must_say(att_config_read(ctx, folder, &config), ATT_FORMAT, "is not a JSON object");
  must_say(att_config_read(ctx, in_folder("none"), &config), ATT_IO, "none/config.json: cannot be opened");
}

/* Callers fill in the structure too. */
static void impossible_settings_are_refused(void **state) {
  (void)state;
  att_config good = sample(3), bad;
  assert_int_equal(att_config_check(ctx, "x", &good), ATT_OK);
  must_say((bad = good, bad.family = ATT_FAMILY_COUNT, att_config_check(ctx, "x", &bad)), ATT_ARGUMENT, "x: family");
  must_say((bad = good, bad.activation = (att_activation)-1, att_config_check(ctx, "x", &bad)), ATT_ARGUMENT, "x: ");
  must_say((bad = good, bad.storage = ATT_TYPE_COUNT, att_config_check(ctx, "x", &bad)), ATT_ARGUMENT, "storage");
  must_say((bad = good, bad.dropout = NAN, att_config_check(ctx, "x", &bad)), ATT_FORMAT, "x: dropout is");
  must_say((bad = good, bad.layer_norm_epsilon = 0, att_config_check(ctx, "x", &bad)), ATT_FORMAT, "epsilon");
  must_say((bad = good, bad.vocab_size = 0, att_config_check(ctx, "x", &bad)), ATT_FORMAT, "vocab_size is 0");
  must_say((bad = good, bad.bos = -2, att_config_check(ctx, "x", &bad)), ATT_FORMAT, "bos_token_id is -2");
  must_say((bad = good, bad.vocab_size = 0, att_config_write(ctx, folder, &bad, NULL)), ATT_FORMAT, "vocab_size");
  assert_int_equal(files_in_folder(), 0);
}

/* In place: some file systems sync a file that was emptied and written again. */
static void change_bytes(const att_config *config) {
  att_config read;
  att_buffer text = {0};
  assert_int_equal(att_config_write(ctx, folder, config, NULL), ATT_OK);
  const char *path = in_folder("config.json");
  assert_int_equal(att_file_read(ctx, path, 4096, &text), ATT_OK);
  int file = open(path, O_WRONLY), accepted = 0, refused = 0;
  assert_true(file >= 0);
  for (uint64_t i = 0; i < 10000; i++) {
    size_t at = att_random64(11, 2 * i) % text.size;
    char byte = (char)att_random64(11, 2 * i + 1);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    att_status status = att_config_read(ctx, folder, &read);
    *(status == ATT_OK ? &accepted : &refused) += 1;
    if (status == ATT_OK) assert_int_equal(att_config_check(ctx, "x", &read), ATT_OK);
    att_free(ctx, read.labels);
    assert_int_equal(pwrite(file, text.data + at, 1, (off_t)at), 1);
  }
  close(file);
  assert_true(accepted > 100 && refused > 1000);
  for (size_t size = text.size - 2; size-- > 0;) { /* the last two are the brace and the line's end */
    assert_int_equal(truncate(path, (off_t)size), 0);
    must_say(att_config_read(ctx, folder, &read), ATT_FORMAT,
             size ? "config.json: is not valid JSON" : "config.json: is empty");
  }
  att_buffer_free(ctx, &text);
}

static void cuts_and_changed_bytes_do_no_harm(void **state) {
  (void)state;
  static const char *const labels[] = {"bad", "good"};
  att_config config = sample(4), llama = read_good("{\"model_type\": \"llama\"}");
  change_bytes(&config);
  llama.head = ATT_HEAD_CLASSES;
  llama.label_count = 2;
  llama.labels = att_labels_copy(ctx, labels, 2);
  llama.rope.scaling = ATT_ROPE_LLAMA3;
  llama.rope.factor = 8;
  llama.rope.low = 1;
  llama.rope.high = 4;
  llama.rope.original = 512;
  change_bytes(&llama);
  llama.position = ATT_RELATIVE; /* attend's own type */
  llama.relative_buckets = 32;
  llama.relative_distance = 128;
  change_bytes(&llama);
  att_free(ctx, llama.labels);
}

/* ---- no memory ------------------------------------------------------------------------------------------------ */

static att_status read_it(att_context *c, void *arg) {
  (void)arg;
  att_config config;
  return att_config_read(c, folder, &config);
}

static att_status write_it(att_context *c, void *tokenizer) {
  att_config config = sample(5);
  config.max_position_embeddings = 64;
  return att_config_write(c, folder, &config, tokenizer);
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  att_tokenizer *tokenizer;
  if (att_tokenizer_open(ctx, ATT_TEST_DATA "/model_m2m_100_relu/tokenizer.json", &tokenizer) != ATT_OK)
    fail_msg("%s", att_message(ctx));
  assert_true(fail_each_allocation(write_it, tokenizer) >= 8);
  assert_true(fail_each_allocation(read_it, NULL) >= 2);
  assert_int_equal(files_in_folder(), 2);
  att_tokenizer_free(tokenizer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(settings_come_back, empty_folder),
      cmocka_unit_test_teardown(the_keys_of_transformers_are_there, empty_folder),
      cmocka_unit_test_teardown(marks_have_names, empty_folder),
      cmocka_unit_test_teardown(learned_positions_are_attends_own, empty_folder),
      cmocka_unit_test_teardown(defaults_are_the_classes, empty_folder),
      cmocka_unit_test_teardown(defaults_of_decoders_and_encoders, empty_folder),
      cmocka_unit_test_teardown(defaults_of_rotary_decoders, empty_folder),
      cmocka_unit_test_teardown(odd_special_tokens_are_none, empty_folder),
      cmocka_unit_test_teardown(what_is_not_needed_stops_nothing, empty_folder),
      cmocka_unit_test_teardown(labels_come_back, empty_folder),
      cmocka_unit_test_teardown(a_length_of_texts_is_kept, empty_folder),
      cmocka_unit_test_teardown(bad_folders_are_named, empty_folder),
      cmocka_unit_test_teardown(impossible_settings_are_refused, empty_folder),
      cmocka_unit_test_teardown(cuts_and_changed_bytes_do_no_harm, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
