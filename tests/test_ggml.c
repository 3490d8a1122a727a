/*
 * Files of whisper.cpp: one that is written here, byte by byte as its converter does, opens as the Whisper that it is:
 * sizes, tensors under Hugging Face's names, tokens from bytes, special tokens, what is suppressed; and goes into a
 * folder and back. Cut off anywhere, or with a byte changed, it is refused, or opens whole. tools/whisper_to_ggml.py
 * writes such files of real models.
 */
#include "scratch.h"

#include "formats/ggml.h"
#include "models/ggml_whisper.h"
#include "models/model.h"
#include "models/parameters.h"

enum {
  WIDTH = 8,
  BANDS = 4,
  AUDIO = 10,
  TEXT = 16,
  MERGED = 3,
  TEXTS = 256 + MERGED,
  VOCAB = TEXTS + 2 + 3 + 6 + 1501
};

typedef struct file {
  char *data;
  size_t size, capacity;
} file;

static void put(file *f, const void *data, size_t size) {
  if (f->size + size > f->capacity) {
    f->capacity = 2 * (f->size + size);
    f->data = realloc(f->data, f->capacity);
    assert_non_null(f->data);
  }
  memcpy(f->data + f->size, data, size);
  f->size += size;
}

static void put_int(file *f, int32_t value) { put(f, &value, 4); }

/* Number i of the tensor of that name. */
static float value_of(const char *name, int64_t i) {
  uint32_t hash = (uint32_t)i * 2654435761u;
  for (; *name; name++) hash = hash * 31 + (unsigned char)*name;
  return (float)(hash % 2000) / 2000 - 0.5f;
}

/* Dimensions rows first; 0: none. */
static void put_tensor(file *f, const char *name, int a, int b, int c) {
  const int shape[] = {a, b, c};
  int rank = c ? 3 : b ? 2 : 1;
  int64_t count = (int64_t)a * (b ? b : 1) * (c ? c : 1);
  put_int(f, rank);
  put_int(f, (int32_t)strlen(name));
  put_int(f, 0);
  for (int i = rank - 1; i >= 0; i--) put_int(f, shape[i]);
  put(f, name, strlen(name));
  for (int64_t i = 0; i < count; i++) put(f, &(float){value_of(name, i)}, 4);
}

static void put_block(file *f, const char *side) {
  static const struct {
    const char *name;
    int rows, cols;
  } tensors[] = {{"attn_ln.weight", WIDTH, 0},  {"attn_ln.bias", WIDTH, 0},         {"attn.query.weight", WIDTH, WIDTH},
                 {"attn.query.bias", WIDTH, 0}, {"attn.key.weight", WIDTH, WIDTH},  {"attn.value.weight", WIDTH, WIDTH},
                 {"attn.value.bias", WIDTH, 0}, {"attn.out.weight", WIDTH, WIDTH},  {"attn.out.bias", WIDTH, 0},
                 {"mlp_ln.weight", WIDTH, 0},   {"mlp_ln.bias", WIDTH, 0},          {"mlp.0.weight", 4 * WIDTH, WIDTH},
                 {"mlp.0.bias", 4 * WIDTH, 0},  {"mlp.2.weight", WIDTH, 4 * WIDTH}, {"mlp.2.bias", WIDTH, 0}};
  char name[96];
  for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
    snprintf(name, sizeof name, "%s.blocks.0.%s", side, tensors[i].name);
    put_tensor(f, name, tensors[i].rows, tensors[i].cols, 0);
    if (strcmp(side, "decoder") != 0 || strncmp(tensors[i].name, "attn", 4) != 0) continue;
    snprintf(name, sizeof name, "%s.blocks.0.cross_%s", side, tensors[i].name);
    put_tensor(f, name, tensors[i].rows, tensors[i].cols, 0);
  }
}

static void put_tensors(file *f) {
  put_tensor(f, "encoder.positional_embedding", AUDIO, WIDTH, 0);
  put_tensor(f, "encoder.conv1.weight", WIDTH, BANDS, 3);
  put_tensor(f, "encoder.conv1.bias", WIDTH, 1, 0);
  put_tensor(f, "encoder.conv2.weight", WIDTH, WIDTH, 3);
  put_tensor(f, "encoder.conv2.bias", WIDTH, 1, 0);
  put_block(f, "encoder");
  put_tensor(f, "encoder.ln_post.weight", WIDTH, 0, 0);
  put_tensor(f, "encoder.ln_post.bias", WIDTH, 0, 0);
  put_tensor(f, "decoder.positional_embedding", TEXT, WIDTH, 0);
  put_tensor(f, "decoder.token_embedding.weight", VOCAB, WIDTH, 0);
  put_block(f, "decoder");
  put_tensor(f, "decoder.ln.weight", WIDTH, 0, 0);
  put_tensor(f, "decoder.ln.bias", WIDTH, 0, 0);
}

/* The head and the tokens: each byte, as GPT-2 has them, and three that are merged. */
static void put_head(file *f) {
  static const int32_t numbers[] = {VOCAB, AUDIO, WIDTH, 2, 1, TEXT, WIDTH, 2, 1, BANDS, 0};
  static const char *const merged[MERGED] = {" a", "bc", " abc"};
  put(f, "lmgg", 4);
  put(f, numbers, sizeof numbers);
  put_int(f, 2);
  put_int(f, 3);
  put(f, (float[6]){0}, 24);
  put_int(f, TEXTS);
  for (int i = 0; i < 256; i++) {
    put_int(f, 1);
    put(f, &(unsigned char){(unsigned char)i}, 1);
  }
  for (int i = 0; i < MERGED; i++) {
    put_int(f, (int32_t)strlen(merged[i]));
    put(f, merged[i], strlen(merged[i]));
  }
}

static file make_file(void) {
  file f = {0};
  put_head(&f);
  put_tensors(&f);
  return f;
}

static const char *write_file(const file *f) {
  const char *path = in_folder("ggml-test.bin");
  write_bytes(path, f->data, f->size);
  return path;
}

static att_model *open_model(const char *path) {
  att_model *model;
  if (att_model_open(ctx, path, &model)) fail_msg("%s", att_message(ctx));
  return model;
}

/* ---- what opens ---- */

static const att_parameter *parameter_of(const att_model *model, const char *name) {
  for (size_t i = 0; i < model->parameter_count; i++)
    if (strcmp(model->parameters[i].name, name) == 0) return &model->parameters[i];
  fail_msg("there is no %s", name);
  return NULL;
}

static void must_have(const att_model *model, const char *name, const char *ggml) {
  const att_parameter *p = parameter_of(model, name);
  for (int64_t i = 0; i < p->rows * p->cols; i++) {
    int64_t row = i / p->cols, at = i % p->cols, inputs = p->kernel ? p->cols / p->kernel : 0;
    int64_t place = p->kernel ? row * p->cols + at % inputs * p->kernel + at / inputs : i;
    assert_true(att_value_at(p->data, p->type, i) == value_of(ggml, place));
  }
}

static void must_encode(const att_model *model, const char *text, const int32_t *ids, size_t count) {
  att_ids out = {0};
  att_buffer back = {0};
  assert_int_equal(att_tokenizer_encode(model->tokenizer, ctx, (att_text){text, strlen(text)}, false, &out), ATT_OK);
  assert_int_equal(out.count, count);
  assert_memory_equal(out.data, ids, count * sizeof *ids);
  assert_int_equal(att_tokenizer_decode(model->tokenizer, ctx, out.data, out.count, true, &back), ATT_OK);
  assert_int_equal(back.size, strlen(text));
  assert_memory_equal(back.data, text, back.size);
  att_free(ctx, out.data);
  att_buffer_free(ctx, &back);
}

static void must_be_it(const att_model *model) {
  const att_config *c = &model->config;
  const att_tokenizer *t = model->tokenizer;
  assert_true(c->family == ATT_WHISPER && c->d_model == WIDTH && c->vocab_size == VOCAB && c->input_width == BANDS);
  assert_true(c->max_source_positions == AUDIO && c->max_position_embeddings == TEXT && c->encoder_layers == 1);
  assert_true(c->encoder_ffn_dim == 4 * WIDTH && c->encoder_attention_heads == 2 && c->mel.bands == BANDS);
  assert_true(c->eos == TEXTS && c->decoder_start == TEXTS + 1);
  must_have(model, "model.encoder.layers.0.self_attn.q_proj.weight", "encoder.blocks.0.attn.query.weight");
  must_have(model, "model.decoder.layers.0.encoder_attn.out_proj.bias", "decoder.blocks.0.cross_attn.out.bias");
  must_have(model, "model.decoder.layers.0.fc1.weight", "decoder.blocks.0.mlp.0.weight");
  must_have(model, "model.encoder.conv1.weight", "encoder.conv1.weight");
  must_have(model, "model.encoder.conv2.bias", "encoder.conv2.bias");
  must_have(model, "model.decoder.embed_positions.weight", "decoder.positional_embedding");
  must_have(model, "model.encoder.layer_norm.bias", "encoder.ln_post.bias");
  must_encode(model, "a abc", (const int32_t[]){'a', 258}, 2);
  must_encode(model, "bcd\xc3\xa9", (const int32_t[]){257, 'd', 0xc3, 0xa9}, 4);
  assert_int_equal(att_tokenizer_id(t, "<|startoftranscript|>"), TEXTS + 1);
  assert_int_equal(att_tokenizer_id(t, "<|de|>"), TEXTS + 4);
  assert_int_equal(att_tokenizer_id(t, "<|notimestamps|>"), VOCAB - 1502);
  assert_int_equal(att_tokenizer_id(t, "<|0.00|>"), VOCAB - 1501);
  assert_int_equal(att_tokenizer_id(t, "<|30.00|>"), VOCAB - 1);
  const int32_t *no = model->generation.suppress_tokens.tokens;
  bool hash = false, letter = false, start = false;
  for (int64_t i = 0; i < model->generation.suppress_tokens.count; i++) {
    hash = hash || no[i] == '#';
    letter = letter || no[i] == 'a';
    start = start || no[i] == TEXTS + 1;
  }
  assert_true(hash && start && !letter);
}

static void a_file_is_its_model(void **state) {
  (void)state;
  file f = make_file();
  att_model *model = open_model(write_file(&f));
  must_be_it(model);
  const char *folder_of_it = in_folder("as-a-folder");
  if (att_model_save(model, folder_of_it, NULL)) fail_msg("%s", att_message(ctx));
  att_model_close(model);
  model = open_model(folder_of_it);
  must_be_it(model);
  att_model_close(model);
  free(f.data);
}

/* ---- what does not ---- */

static att_status open_bytes(const char *data, size_t size) {
  att_tensor_file *opened;
  const att_ggml_head *head;
  const char *path = in_folder("ggml-bad.bin");
  write_bytes(path, data, size);
  att_status status = att_ggml_open(ctx, path, &opened, &head);
  if (!status) att_tensor_file_close(opened);
  return status;
}

static void cut_off_it_is_refused(void **state) {
  (void)state;
  file f = {0};
  put_head(&f);
  size_t whole = f.size, opened = 0;
  put_tensor(&f, "encoder.ln_post.weight", WIDTH, 0, 0);
  for (size_t size = 0; size < f.size; size++) {
    att_status status = open_bytes(f.data, size);
    opened += status == ATT_OK;
    assert_true(status == (size == whole ? ATT_OK : ATT_FORMAT));
  }
  assert_int_equal(opened, 1);
  for (size_t i = 4; i < f.size; i++) {
    char before = f.data[i];
    f.data[i] = (char)(before ^ 0x80);
    att_status status = open_bytes(f.data, f.size);
    assert_true(status == ATT_OK || status == ATT_FORMAT || status == ATT_UNSUPPORTED);
    f.data[i] = before;
  }
  free(f.data);
}

static void what_is_no_whisper_is_refused(void **state) {
  (void)state;
  file f = make_file();
  att_model *model;
  f.data[4]++; /* one token more than there is room for */
  must_say(att_model_open(ctx, write_file(&f), &model), ATT_FORMAT, "");
  f.data[4] += 99;
  must_say(att_model_open(ctx, write_file(&f), &model), ATT_FORMAT, "");
  free(f.data);
  f = (file){0};
  put_head(&f);
  must_say(att_model_open(ctx, write_file(&f), &model), ATT_FORMAT, "is missing");
  put_tensor(&f, "encoder.conv1.bias", WIDTH, 1, 0);
  put_tensor(&f, "encoder.conv1.bias", WIDTH, 1, 0);
  must_say(att_model_open(ctx, write_file(&f), &model), ATT_FORMAT, "is there twice");
  free(f.data);
}

static att_status open_it(att_context *with, void *arg) {
  att_tensor_file *opened;
  const att_ggml_head *head;
  json_t *config = NULL;
  ATT_TRY(att_ggml_open(with, arg, &opened, &head));
  att_status status = att_ggml_whisper_config(opened, head, &config);
  if (!status) status = att_ggml_whisper_rename(opened);
  json_decref(config);
  att_tensor_file_close(opened);
  return status;
}

static void no_memory_is_said(void **state) {
  (void)state;
  file f = make_file();
  assert_true(fail_each_allocation(open_it, (void *)(uintptr_t)write_file(&f)) > 5);
  free(f.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_file_is_its_model, empty_folder),
      cmocka_unit_test_teardown(cut_off_it_is_refused, empty_folder),
      cmocka_unit_test_teardown(what_is_no_whisper_is_refused, empty_folder),
      cmocka_unit_test_teardown(no_memory_is_said, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
