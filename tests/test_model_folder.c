/*
 * Model folders from outside: each kind of damage to a good folder gives a status and one clear line, and so does each
 * allocation that fails while a folder is opened or written; nothing is left behind.
 */
#include "model_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "formats/json.h"

#define GOOD       ATT_TEST_DATA "/model_m2m_100_relu"
#define MATRIX     "model.encoder.layers.0.self_attn.k_proj.weight"
#define BIAS       "model.encoder.layers.0.self_attn.k_proj.bias"
#define OTHER_BIAS "model.encoder.layers.1.self_attn.k_proj.bias"

/* ---- a folder in parts, to be damaged and written ---- */

typedef struct bytes {
  char *data;
  size_t size;
} bytes;

typedef struct parts {
  json_t *config, *header;                          /* header: of model.safetensors */
  bytes weights;                                    /* the data behind the header */
  bytes config_text, header_text, tokenizer, whole; /* where data is set: used as it is. whole: model.safetensors */
  uint64_t header_size;                             /* 0: the header's */
} parts;

static void read_bytes(const char *path, bytes *out) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  out->size = (size_t)ftell(file);
  rewind(file);
  out->data = malloc(out->size + 4096); /* room to append */
  assert_non_null(out->data);
  assert_int_equal(fread(out->data, 1, out->size, file), out->size);
  fclose(file);
}

static void write_bytes(const char *folder, const char *name, const char *data, size_t size) {
  char path[1200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static bytes text(const char *data) { return (bytes){strdup(data), strlen(data)}; }

static void read_parts(parts *p) {
  bytes weights;
  memset(p, 0, sizeof *p);
  p->config = json_load_file(GOOD "/config.json", 0, NULL);
  read_bytes(GOOD "/tokenizer.json", &p->tokenizer);
  read_bytes(GOOD "/model.safetensors", &weights);
  uint64_t size;
  memcpy(&size, weights.data, 8);
  p->header = json_loadb(weights.data + 8, size, 0, NULL);
  p->weights.size = weights.size - 8 - size;
  memmove(weights.data, weights.data + 8 + size, p->weights.size);
  p->weights.data = weights.data;
  assert_non_null(p->config);
  assert_non_null(p->header);
}

static void write_weights(const parts *p, const char *folder) {
  if (p->whole.data) {
    write_bytes(folder, "model.safetensors", p->whole.data, p->whole.size);
    return;
  }
  char *header = p->header_text.data ? strdup(p->header_text.data) : json_dumps(p->header, JSON_COMPACT);
  size_t length = strlen(header), size = 8 + length + p->weights.size;
  char *file = malloc(size);
  assert_non_null(file);
  uint64_t said = p->header_size ? p->header_size : length;
  memcpy(file, &said, 8);
  memcpy(file + 8, header, length);
  memcpy(file + 8 + length, p->weights.data, p->weights.size);
  write_bytes(folder, "model.safetensors", file, size);
  free(file);
  free(header);
}

static void write_parts(const parts *p, const char *folder) {
  char *config = p->config_text.data ? strdup(p->config_text.data) : json_dumps(p->config, 0);
  write_bytes(folder, "config.json", config, strlen(config));
  free(config);
  write_bytes(folder, "tokenizer.json", p->tokenizer.data, p->tokenizer.size);
  write_weights(p, folder);
}

static void free_parts(parts *p) {
  json_decref(p->config);
  json_decref(p->header);
  free(p->weights.data);
  free(p->tokenizer.data);
  free(p->config_text.data);
  free(p->header_text.data);
  free(p->whole.data);
}

static void remove_folder(const char *folder) {
  static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                      "generation_config.json"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    if (unlink(path)) rmdir(path);
  }
  assert_int_equal(rmdir(folder), 0);
}

/* What a small folder says of sizes takes no memory before its files were looked at. */
static void *small_blocks(void *user, void *pointer, size_t size) {
  (void)user;
  if (size > (size_t)1 << 24) fail_msg("a block of %zu bytes for a damaged folder", size);
  if (size > 0) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

/* Opens; it must fail with one line that holds `clue`. */
static void must_fail(const char *what, const char *folder, const char *clue) {
  att_context *ctx;
  att_model *model = (att_model *)&ctx;
  assert_int_equal(
      att_context_new(&(att_context_options){.size = sizeof(att_context_options), .allocator = {small_blocks, NULL}},
                      &ctx),
      ATT_OK);
  att_status status = att_model_open(ctx, folder, &model);
  const char *message = att_message(ctx);
  if (status == ATT_OK) fail_msg("%s: it was opened", what);
  assert_null(model);
  if (strlen(message) < 10 || strchr(message, '\n') || !strstr(message, clue))
    fail_msg("%s: the message \"%s\" does not speak of %s in one line", what, message, clue);
  att_context_free(ctx);
}

/* ---- damage to model.safetensors ---- */

static json_t *entry(parts *p, const char *name) {
  json_t *found = json_object_get(p->header, name);
  assert_non_null(found);
  return found;
}

static size_t offset(parts *p, const char *name, size_t which) {
  return (size_t)json_integer_value(json_array_get(json_object_get(entry(p, name), "data_offsets"), which));
}

static void set(parts *p, const char *name, const char *key, const char *value) {
  json_object_set_new(entry(p, name), key, json_loads(value, JSON_DECODE_ANY, NULL));
}

static void no_tensor(parts *p) { /* and no hole: the others move up */
  size_t begin = offset(p, MATRIX, 0), end = offset(p, MATRIX, 1);
  const char *key;
  json_t *value;
  json_object_del(p->header, MATRIX);
  json_object_foreach(p->header, key, value) {
    json_t *offsets = json_object_get(value, "data_offsets");
    for (size_t i = 0; i < 2 && offsets; i++) {
      json_int_t at = json_integer_value(json_array_get(offsets, i));
      if (at >= (json_int_t)end) json_array_set_new(offsets, i, json_integer(at - (json_int_t)(end - begin)));
    }
  }
  memmove(p->weights.data + begin, p->weights.data + end, p->weights.size - end);
  p->weights.size -= end - begin;
}

static void put_float(parts *p, float value) {
  memcpy(p->weights.data + offset(p, MATRIX, 1) - 4, &value, sizeof value);
}

static void not_a_number(parts *p) { put_float(p, NAN); }
static void infinite(parts *p) { put_float(p, -INFINITY); }
static void hole(parts *p) { json_object_del(p->header, MATRIX); }
static void other_shape(parts *p) { set(p, MATRIX, "shape", "[8, 32]"); }
static void other_rank(parts *p) { set(p, MATRIX, "shape", "[256]"); }
static void smaller(parts *p) { set(p, MATRIX, "shape", "[16, 15]"); }
static void huge_shape(parts *p) { set(p, MATRIX, "shape", "[4611686018427387904, 4]"); }
static void negative_shape(parts *p) { set(p, MATRIX, "shape", "[-16, -16]"); }
static void whole_numbers(parts *p) { set(p, MATRIX, "dtype", "\"I32\""); }
static void no_such_type(parts *p) { set(p, MATRIX, "dtype", "\"F7\""); }
static void beyond_the_file(parts *p) { set(p, MATRIX, "data_offsets", "[9000000, 9001024]"); }
static void backwards(parts *p) { set(p, MATRIX, "data_offsets", "[1024, 0]"); }
static void wrapping(parts *p) { set(p, MATRIX, "data_offsets", "[9223372036854774784, -9223372036854775808]"); }
static void no_offsets(parts *p) { json_object_del(entry(p, MATRIX), "data_offsets"); }
static void no_entry(parts *p) { json_object_set_new(p->header, MATRIX, json_integer(1)); }
static void truncated(parts *p) { p->weights.size -= 10; }
static void longer(parts *p) { memset(p->weights.data + p->weights.size, 0, 8), p->weights.size += 8; }
static void long_header(parts *p) { p->header_size = 1u << 30; }
static void endless_header(parts *p) { p->header_size = UINT64_MAX - 7; }
static void no_json(parts *p) { p->header_text = text("{\"a\": "); }
static void a_list(parts *p) { p->header_text = text("[1, 2]"); }
static void no_bytes(parts *p) { p->whole = text(""); }
static void few_bytes(parts *p) { p->whole = text("1234567"); }

static void overlap(parts *p) {
  json_object_set(entry(p, BIAS), "data_offsets", json_object_get(entry(p, OTHER_BIAS), "data_offsets"));
}

static void twice(parts *p) {
  p->header_text.data = json_dumps(p->header, JSON_COMPACT);
  char *at = strstr(p->header_text.data, "\"" OTHER_BIAS "\"");
  assert_non_null(at);
  memcpy(at, "\"" BIAS "\"", strlen(BIAS) + 2);
}

/* ---- damage to the other files ---- */

static void config_no_json(parts *p) { p->config_text = text("{\"d_model\": 16,"); }
static void config_empty(parts *p) { p->config_text = text(""); }
static void config_list(parts *p) { p->config_text = text("[]"); }
static void config_twice(parts *p) { p->config_text = text("{\"d_model\": 16, \"d_model\": 32}"); }
static void tokenizer_empty(parts *p) { p->tokenizer.size = 0; }
static void tokenizer_cut(parts *p) { p->tokenizer.size /= 2; }
static void tokenizer_other(parts *p) { p->tokenizer.size = (size_t)sprintf(p->tokenizer.data, "{\"a\": 1}"); }
static void tokenizer_binary(parts *p) { memset(p->tokenizer.data, 0xfe, p->tokenizer.size); }

#define DAMAGE(edit, clue)                                                                                             \
  { #edit, edit, clue }
static const struct damage {
  const char *name;
  void (*edit)(parts *p);
  const char *clue;
} damages[] = {
    DAMAGE(no_tensor, MATRIX),
    DAMAGE(not_a_number, MATRIX),
    DAMAGE(infinite, MATRIX),
    DAMAGE(hole, "model.safetensors"),
    DAMAGE(other_shape, MATRIX),
    DAMAGE(other_rank, MATRIX),
    DAMAGE(smaller, MATRIX),
    DAMAGE(huge_shape, MATRIX),
    DAMAGE(negative_shape, MATRIX),
    DAMAGE(whole_numbers, MATRIX),
    DAMAGE(no_such_type, MATRIX),
    DAMAGE(beyond_the_file, MATRIX),
    DAMAGE(backwards, MATRIX),
    DAMAGE(wrapping, MATRIX),
    DAMAGE(no_offsets, MATRIX),
    DAMAGE(no_entry, MATRIX),
    DAMAGE(overlap, "model.safetensors"),
    DAMAGE(twice, "model.safetensors"),
    DAMAGE(truncated, "model.safetensors"),
    DAMAGE(longer, "model.safetensors"),
    DAMAGE(long_header, "model.safetensors"),
    DAMAGE(endless_header, "model.safetensors"),
    DAMAGE(no_json, "model.safetensors"),
    DAMAGE(a_list, "model.safetensors"),
    DAMAGE(no_bytes, "model.safetensors"),
    DAMAGE(few_bytes, "model.safetensors"),
    DAMAGE(config_no_json, "config.json"),
    DAMAGE(config_empty, "config.json"),
    DAMAGE(config_list, "config.json"),
    DAMAGE(config_twice, "config.json"),
    DAMAGE(tokenizer_empty, "tokenizer.json"),
    DAMAGE(tokenizer_cut, "tokenizer.json"),
    DAMAGE(tokenizer_other, "tokenizer.json"),
    DAMAGE(tokenizer_binary, "tokenizer.json"),
};

/* One value in config.json; clue NULL: the key itself is what the message must name. */
static const struct setting {
  const char *key, *value, *clue;
} settings[] = {
    {"d_model", "63", NULL},
    {"d_model", "0", NULL},
    {"d_model", "-16", NULL},
    {"d_model", "1000000000", NULL},
    {"d_model", "9223372036854775807", NULL},
    {"d_model", "\"16\"", NULL},
    {"d_model", "16.5", NULL},
    {"d_model", "32", "shape"},
    {"d_model", "null", NULL},
    {"vocab_size", "1099511627776", NULL},
    {"vocab_size", "0", NULL},
    {"vocab_size", "270", "shape"},
    {"vocab_size", "281", "shape"},
    {"vocab_size", "1048576", "shape"},
    {"encoder_layers", "1000000000", "encoder_layers"},
    {"encoder_layers", "-1", NULL},
    {"encoder_layers", "3", "layers.2"},
    {"decoder_layers", "1e3", NULL},
    {"encoder_attention_heads", "0", NULL},
    {"encoder_attention_heads", "3", "d_model"},
    {"decoder_attention_heads", "1000000007", "heads"},
    {"encoder_ffn_dim", "1125899906842624", NULL},
    {"decoder_ffn_dim", "0", NULL},
    {"decoder_ffn_dim", "31", "shape"},
    {"decoder_ffn_dim", "1048576", "shape"},
    {"max_position_embeddings", "0", NULL},
    {"max_position_embeddings", "1099511627776", NULL},
    {"model_type", "\"blenderbot\"", "blenderbot"},
    {"model_type", "7", NULL},
    {"activation_function", "\"mish\"", "mish"},
    {"pad_token_id", "-5", NULL},
    {"pad_token_id", "5000", NULL},
    {"scale_embedding", "\"yes\"", NULL},
};

static void make_folder(char folder[32]) {
  strcpy(folder, "/tmp/attend-test-XXXXXX");
  assert_non_null(mkdtemp(folder));
}

static void test_a_good_folder_opens(void **state) {
  (void)state;
  char folder[32];
  parts p;
  att_context *ctx;
  att_model *model;
  make_folder(folder);
  read_parts(&p);
  write_parts(&p, folder);
  assert_int_equal(att_context_new(NULL, &ctx), ATT_OK);
  att_status status = att_model_open(ctx, folder, &model); /* generation_config.json may be absent */
  if (status != ATT_OK) fail_msg("%s", att_message(ctx));
  att_model_close(model);
  att_context_free(ctx);
  free_parts(&p);
  remove_folder(folder);
}

static void test_damaged_files(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    char folder[32];
    parts p;
    make_folder(folder);
    read_parts(&p);
    damages[i].edit(&p);
    write_parts(&p, folder);
    must_fail(damages[i].name, folder, damages[i].clue);
    free_parts(&p);
    remove_folder(folder);
  }
}

static void test_impossible_settings(void **state) {
  (void)state;
  char folder[32];
  make_folder(folder);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    const struct setting *s = &settings[i];
    parts p;
    char what[200];
    read_parts(&p);
    json_object_set_new(p.config, s->key, json_loads(s->value, JSON_DECODE_ANY, NULL));
    write_parts(&p, folder);
    snprintf(what, sizeof what, "%s %s", s->key, s->value);
    must_fail(what, folder, s->clue ? s->clue : s->key);
    free_parts(&p);
  }
  remove_folder(folder);
}

static void test_missing_files(void **state) {
  (void)state;
  static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json"};
  must_fail("no folder", "/tmp/attend-there-is-no-such-folder", "attend-there-is-no-such-folder");
  must_fail("a file", GOOD "/config.json", "config.json");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char folder[32], path[64];
    parts p;
    make_folder(folder);
    read_parts(&p);
    write_parts(&p, folder);
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    assert_int_equal(unlink(path), 0);
    must_fail(names[i], folder, names[i]);
    assert_int_equal(mkdir(path, 0700), 0);
    must_fail("a folder in its place", folder, names[i]);
    free_parts(&p);
    remove_folder(folder);
  }
}

/* ---- allocations that fail ---- */

typedef struct ration {
  long left; /* the allocation that fails; then one more is let through or none, as `once` says */
  bool once;
  long blocks; /* in use */
} ration;

static void *rationed(void *user, void *pointer, size_t size) {
  ration *r = user;
  if (size == 0) {
    if (pointer) r->blocks--;
    free(pointer);
    return NULL;
  }
  if (r->left == 0 || (r->left < 0 && !r->once)) {
    r->left = -1;
    return NULL;
  }
  if (r->left > 0) r->left--;
  void *new = realloc(pointer, size);
  if (new && !pointer) r->blocks++;
  return new;
}

/* Opens GOOD, saves it to `folder`. Whether all went well. */
static bool open_and_save(ration *r, const char *folder) {
  att_context *ctx;
  att_model *model;
  const att_model_info *info;
  att_context_options options = {.size = sizeof(att_context_options), .allocator = {rationed, r}, .threads = 1};
  att_status status = att_context_new(&options, &ctx);
  if (status != ATT_OK) {
    assert_int_equal(status, ATT_MEMORY);
    assert_null(ctx);
    return false;
  }
  status = att_model_open(ctx, GOOD, &model);
  if (status == ATT_OK) status = att_model_describe(model, &info);
  if (status == ATT_OK) status = att_model_save(model, folder, "float16");
  if (status != ATT_OK && status != ATT_MEMORY) fail_msg("%s: %s", att_status_name(status), att_message(ctx));
  if (status == ATT_MEMORY) assert_true(strlen(att_message(ctx)) > 5);
  att_model_close(model); /* NULL where it could not be opened */
  att_context_free(ctx);
  return status == ATT_OK;
}

static void test_each_allocation_fails(void **state) {
  (void)state;
  for (int once = 0; once < 2; once++) {
    long failures = 0;
    for (bool done = false; !done; failures++) {
      char folder[32];
      make_folder(folder);
      ration r = {.left = failures, .once = once};
      done = open_and_save(&r, folder);
      assert_int_equal(r.blocks, 0);
      done = done && r.left >= 0; /* a failure that was got over is fine */
      remove_folder(folder);
      assert_true(failures < 20000);
    }
    assert_true(failures > 50);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_good_folder_opens),   cmocka_unit_test(test_damaged_files),
      cmocka_unit_test(test_impossible_settings),   cmocka_unit_test(test_missing_files),
      cmocka_unit_test(test_each_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
