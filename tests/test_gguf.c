/*
 * GGUF: what the `gguf` package wrote is read as it reads it (tools/make_gguf_fixtures.py), what is written comes back,
 * and neither a lie, a cut nor a changed byte does more than give a status. ATTEND_KEEP_GGUF=FILE keeps the file that
 * the script's --check reads.
 */
#include "scratch.h"

#include "base/quants.h"
#include "base/random.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "formats/tensor_open.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LENGTH(list) (sizeof(list) / sizeof *(list))

static const char *data_path(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/gguf/%s", ATT_TEST_DATA, name);
  return path;
}

static att_tensor_file *open_file(const char *path) {
  att_tensor_file *file;
  att_status status = att_tensor_file_open(ctx, path, &file);
  if (status) fail_msg("%s", att_message(ctx));
  return file;
}

/* ---- files of the package -------------------------------------------------------------------------------------- */

static void same_value(const att_gguf_entry *entry, size_t i, const json_t *want) {
  if (json_is_real(want)) {
    double got = att_gguf_number_at(entry, i);
    if (memcmp(&got, &(double){json_real_value(want)}, sizeof got) != 0) fail_msg("%s: %g", entry->key, got);
  } else if (json_is_boolean(want)) {
    assert_int_equal(att_gguf_bool_at(entry, i), json_is_true(want));
  } else if (entry->type == ATT_GGUF_STRING) {
    att_text text = att_gguf_string_at(entry, i);
    assert_int_equal(text.size, json_string_length(want));
    assert_memory_equal(text.data, json_string_value(want), text.size);
  } else {
    uint64_t most = strtoull(json_string_value(want), NULL, 10);
    int64_t value =
        most > INT64_MAX && json_string_value(want)[0] != '-' ? INT64_MAX : strtoll(json_string_value(want), NULL, 10);
    if (att_gguf_int_at(entry, i) != value) fail_msg("%s: %" PRId64, entry->key, att_gguf_int_at(entry, i));
  }
}

static void same_entry(const att_gguf_metadata *m, const json_t *want) {
  const att_gguf_entry *entry = att_gguf_find(m, json_string_value(json_array_get(want, 0)));
  const json_t *values = json_array_get(want, 3);
  assert_non_null(entry);
  assert_string_equal(att_gguf_type_name(entry->type), json_string_value(json_array_get(want, 1)));
  assert_int_equal(entry->array, json_is_true(json_array_get(want, 2)));
  if (json_is_null(values)) return;
  if (!entry->array) {
    same_value(entry, 0, values);
    return;
  }
  assert_int_equal(entry->count, json_array_size(values));
  for (size_t i = 0; i < entry->count; i++) same_value(entry, i, json_array_get(values, i));
}

static void same_tensor(const att_tensor_file *file, const json_t *want) {
  const char *name = json_string_value(json_array_get(want, 0)), *hex = json_string_value(json_array_get(want, 3));
  const att_stored *tensor = att_tensor_file_find(file, name);
  const json_t *shape = json_array_get(want, 2);
  assert_non_null(tensor);
  assert_string_equal(tensor->label, json_string_value(json_array_get(want, 1)));
  bool unknown = strstr("IQ2_XXS IQ4_XS MXFP4 TQ2_0 I8 I16", tensor->label) != NULL;
  if (unknown ? tensor->type != ATT_TYPE_COUNT : strcmp(att_type_label(tensor->type), tensor->label) != 0)
    fail_msg("%s: %s", name, tensor->label);
  assert_int_equal(tensor->rank, json_array_size(shape));
  for (int i = 0; i < tensor->rank; i++)
    assert_int_equal(tensor->shape[i], json_integer_value(json_array_get(shape, (size_t)i)));
  assert_int_equal(tensor->size, strlen(hex) / 2);
  for (size_t i = 0; i < tensor->size; i++) {
    unsigned byte;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
    assert_int_equal(((const unsigned char *)tensor->data)[i], byte);
  }
}

static void files_of_the_package(void **state) {
  (void)state;
  json_t *root, *list, *one;
  const char *name;
  size_t i, files = 0;
  assert_int_equal(att_json_open(ctx, data_path("expected.json"), &root), ATT_OK);
  json_object_foreach(root, name, list) {
    att_tensor_file *file = open_file(data_path(name));
    bool split = strncmp(name, "split", 5) == 0;
    if (!split || strstr(name, "00001")) {
      json_array_foreach(json_object_get(list, "metadata"), i, one) same_entry(file->metadata, one);
      assert_int_equal(file->metadata->count, json_array_size(json_object_get(list, "metadata")));
    }
    json_array_foreach(json_object_get(list, "tensors"), i, one) same_tensor(file, one);
    if (split) assert_int_equal(file->count, 5);
    if (!split) assert_int_equal(file->count, json_array_size(json_object_get(list, "tensors")));
    att_tensor_file_close(file);
    files++;
  }
  assert_true(files >= 6);
  json_decref(root);
}

static void files_in_several_parts(void **state) {
  (void)state;
  static const char *const names[] = {"split-00001-of-00003.gguf", "split-00002-of-00003.gguf",
                                      "split-00003-of-00003.gguf"};
  att_tensor_file *file;
  for (int i = 0; i < 2; i++) assert_int_equal(att_file_copy(ctx, data_path(names[i]), in_folder(names[i])), ATT_OK);
  must_say(att_gguf_open(ctx, in_folder(names[0]), &file), ATT_IO,
           "is one of 3 files, of which 1 are not beside it: split-00003-of-00003.gguf");
  assert_null(file);
  assert_int_equal(att_file_copy(ctx, data_path(names[0]), in_folder(names[2])), ATT_OK);
  must_say(att_gguf_open(ctx, in_folder(names[0]), &file), ATT_FORMAT, "says that it is file 1 of 3");
  assert_int_equal(att_file_copy(ctx, data_path(names[0]), in_folder("whole.gguf")), ATT_OK);
  must_say(att_gguf_open(ctx, in_folder("whole.gguf"), &file), ATT_FORMAT, "the others cannot be found");
  assert_int_equal(att_file_copy(ctx, data_path(names[1]), in_folder(names[2])), ATT_OK);
  must_say(att_gguf_open(ctx, in_folder(names[1]), &file), ATT_FORMAT, "");
  assert_null(file);
}

/* ---- what is asked by key --------------------------------------------------------------------------------------- */

static void values_by_key(void **state) {
  (void)state;
  att_tensor_file *file = open_file(data_path("metadata.gguf"));
  const att_gguf_metadata *m = file->metadata;
  int64_t whole = 5;
  double real = 5;
  bool flag = true;
  att_text text = {"x", 1};
  const att_gguf_entry *entry = NULL;
  assert_int_equal(att_gguf_int(m, "none", false, 0, 9, &whole), ATT_OK);
  assert_int_equal(whole, 5);
  must_say(att_gguf_int(m, "none", true, 0, 9, &whole), ATT_FORMAT, "metadata.gguf: none is missing");
  assert_int_equal(att_gguf_int(m, "test.int8.least", true, -128, 9, &whole), ATT_OK);
  assert_int_equal(whole, -128);
  must_say(att_gguf_int(m, "test.int8.least", true, 0, 9, &whole), ATT_FORMAT,
           "test.int8.least is -128, not a whole number from 0 to 9");
  must_say(att_gguf_int(m, "test.uint64.most", true, 0, INT64_MAX, &whole), ATT_FORMAT, "is 18446744073709551615, not");
  must_say(att_gguf_int(m, "test.float32", true, 0, 9, &whole), ATT_FORMAT, "test.float32 is 0.1, not a whole number");
  must_say(att_gguf_int(m, "test.int8.list", true, 0, 9, &whole), ATT_FORMAT, "is an array of 3 values (int8), not");
  must_say(att_gguf_int(m, "test.string.empty", true, 0, 9, &whole), ATT_FORMAT, "is \"\", not a whole number");
  assert_int_equal(att_gguf_number(m, "test.float64", true, &real), ATT_OK);
  assert_true(real == 0.1);
  assert_int_equal(att_gguf_number(m, "test.uint16.most", true, &real), ATT_OK);
  assert_true(real == 65535);
  must_say(att_gguf_number(m, "test.bool.true", true, &real), ATT_FORMAT, "test.bool.true is true, not a number");
  assert_int_equal(att_gguf_bool(m, "test.bool.false", true, &flag), ATT_OK);
  assert_false(flag);
  must_say(att_gguf_bool(m, "test.uint8.most", true, &flag), ATT_FORMAT, "is 255, not true or false");
  assert_int_equal(att_gguf_string(m, "test.string.nul", true, &text), ATT_OK);
  assert_int_equal(text.size, 3);
  must_say(att_gguf_string(m, "test.string.list", true, &text), ATT_FORMAT, "an array of 5 values (string), not a");
  assert_int_equal(att_gguf_array(m, "test.string.list", true, ATT_GGUF_STRINGS, &entry), ATT_OK);
  assert_int_equal(entry->count, 5);
  must_say(att_gguf_array(m, "test.string.list", true, ATT_GGUF_INTS, &entry), ATT_FORMAT, "not an array of whole");
  must_say(att_gguf_array(m, "test.string", true, ATT_GGUF_STRINGS, &entry), ATT_FORMAT, "not an array of strings");
  must_say(att_gguf_array(m, "test.arrays", true, ATT_GGUF_INTS, &entry), ATT_FORMAT, "test.arrays is an array of");
  att_tensor_file_close(file);
}

/* ---- what is written --------------------------------------------------------------------------------------------- */

enum { ROWS = 6, COLS = 512 };

static const att_text strings[] = {{"a", 1}, {"", 0}, {"b\0c", 3}};
static const uint8_t bytes[] = {1, 0, 255};
static const int64_t long_one = -7;

static const att_gguf_entry entries[] = {
    {"general.architecture", ATT_GGUF_STRING, false, 1, strings, 0},
    {"test.strings", ATT_GGUF_STRING, true, 3, strings, 0},
    {"test.bytes", ATT_GGUF_UINT8, true, 3, bytes, 3},
    {"test.none", ATT_GGUF_INT32, true, 0, NULL, 0},
    {"test.long", ATT_GGUF_INT64, false, 1, &long_one, 8},
};

/* Of a tensor that is given by rows. */
static att_status give_rows(const void *owner, int64_t first, int64_t count, void *out) {
  memcpy(out, (const float *)owner + first * COLS, (size_t)(count * COLS) * sizeof(float));
  return ATT_OK;
}

static void fill_numbers(float *numbers) {
  for (uint64_t i = 0; i < ROWS * COLS; i++) numbers[i] = (float)att_normal(3, i);
}

static void same_entries(const att_gguf_metadata *m) {
  assert_int_equal(m->count, LENGTH(entries));
  for (size_t i = 0; i < m->count; i++) {
    const att_gguf_entry *got = &m->entries[i], *want = &entries[i];
    assert_string_equal(got->key, want->key);
    assert_int_equal(got->type, want->type);
    assert_int_equal(got->array, want->array);
    assert_int_equal(got->count, want->count);
    for (size_t j = 0; j < got->count && want->type == ATT_GGUF_STRING; j++) {
      att_text a = att_gguf_string_at(got, j), b = att_gguf_string_at(want, j);
      assert_int_equal(a.size, b.size);
      assert_memory_equal(a.data, b.data, a.size);
    }
    if (want->size) assert_memory_equal(got->data, want->data, want->size);
  }
}

static void same_numbers(const att_stored *tensor, const float *numbers) {
  float *values = calloc(ROWS * COLS, sizeof *values);
  void *blocks = calloc(ROWS * COLS, sizeof(float));
  assert_true(values && blocks);
  if (tensor->type >= ATT_FLOAT_TYPES) {
    att_quants_from_f32(blocks, tensor->type, numbers, NULL, ROWS * COLS);
    assert_memory_equal(blocks, tensor->data, tensor->size);
    att_quants_to_f32(values, blocks, tensor->type, ROWS * COLS);
  } else {
    for (int64_t i = 0; i < ROWS * COLS; i++) values[i] = att_value_at(tensor->data, tensor->type, i);
  }
  double error = 0, squares = 0;
  for (int i = 0; i < ROWS * COLS; i++) {
    error += pow((double)values[i] - (double)numbers[i], 2);
    squares += pow((double)numbers[i], 2);
  }
  if (!(error <= 0.13 * squares && (tensor->type != ATT_F32 || error == 0))) fail_msg("%s: %g", tensor->name, error);
  free(values);
  free(blocks);
}

static void files_come_back(void **state) {
  (void)state;
  static float numbers[ROWS * COLS];
  char names[ATT_WEIGHT_TYPES][32];
  att_to_store list[ATT_WEIGHT_TYPES + 3];
  size_t count = 0;
  const char *path = in_folder("x.gguf"), *keep = getenv("ATTEND_KEEP_GGUF");
  fill_numbers(numbers);
  list[count++] = (att_to_store){"numbers", ATT_F32, 2, {ROWS, COLS}, numbers, ATT_F32, NULL, NULL};
  for (int i = 0; i < ATT_WEIGHT_TYPES; i++) {
    snprintf(names[i], sizeof names[i], "as.%s", att_type_label((att_type)i));
    list[count++] = (att_to_store){names[i], (att_type)i, 2, {ROWS, COLS}, numbers, ATT_F32, NULL, NULL};
  }
  list[count++] = (att_to_store){"rows", ATT_F32, 2, {ROWS, COLS}, NULL, ATT_F32, give_rows, numbers};
  list[count++] = (att_to_store){"scalar", ATT_F32, 0, {0}, numbers, ATT_F32, NULL, NULL};
  assert_int_equal(att_gguf_write(ctx, path, entries, LENGTH(entries), list, count), ATT_OK);
  if (keep) assert_int_equal(att_file_copy(ctx, path, keep), ATT_OK);
  att_tensor_file *file = open_file(path);
  assert_int_equal(file->count, count);
  same_entries(file->metadata);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(file->tensors[i].name, list[i].name);
    assert_int_equal((uintptr_t)file->tensors[i].data % 32, 0);
    if (list[i].rank == 2) same_numbers(&file->tensors[i], numbers);
  }
  att_tensor_file_close(file);
}

static void what_cannot_be_written(void **state) {
  (void)state;
  static float numbers[512];
  static const char long_name[] = "a name of more than sixty-three bytes, for which llama.cpp has no room";
  static const struct {
    att_to_store tensor;
    att_status status;
    const char *clue;
  } cases[] = {
      {{long_name, ATT_F32, 1, {4}, numbers, ATT_F32, NULL, NULL}, ATT_ARGUMENT, "its name is too long"},
      {{"a", ATT_F32, 2, {0, 4}, numbers, ATT_F32, NULL, NULL}, ATT_ARGUMENT, "has not such a shape"},
      {{"a", ATT_F32, 5, {1, 1, 1, 1, 4}, numbers, ATT_F32, NULL, NULL}, ATT_ARGUMENT, "has not such a shape"},
      {{"a", ATT_BOOL, 1, {4}, numbers, ATT_BOOL, NULL, NULL}, ATT_ARGUMENT, "GGUF has not its type"},
      {{"a", ATT_Q4_K, 1, {32}, numbers, ATT_F32, NULL, NULL}, ATT_ARGUMENT, "are not whole blocks of Q4_K"},
      {{"a", ATT_Q4_0, 1, {32}, numbers, ATT_Q8_0, NULL, NULL}, ATT_ARGUMENT, "cannot be converted"},
      {{"a", ATT_F32, 1, {5}, numbers, ATT_F32, NULL, NULL}, ATT_NUMERIC, "tensor a: value 4 (nan) is not a number"},
      {{"a", ATT_Q8_0, 1, {512}, numbers, ATT_F32, NULL, NULL}, ATT_NUMERIC, "tensor a: value 4 (nan)"},
      {{"a", ATT_Q4_K, 1, {256}, numbers + 256, ATT_F32, NULL, NULL}, ATT_NUMERIC, "value 3 (3e+38) is too large"},
  };
  numbers[4] = NAN;
  numbers[256 + 3] = 3e38f;
  for (size_t i = 0; i < LENGTH(cases); i++) {
    must_say(att_gguf_write(ctx, in_folder("no.gguf"), entries, 1, &cases[i].tensor, 1), cases[i].status,
             cases[i].clue);
    assert_int_equal(files_in_folder(), 0);
  }
}

/* ---- files that lie ------------------------------------------------------------------------------------------------
 */

/* A file as it is made up, value by value. */
typedef struct made {
  unsigned char data[4096];
  size_t size;
} made;

static void add(made *m, const void *data, size_t size) {
  assert_true(m->size + size <= sizeof m->data);
  memcpy(m->data + m->size, data, size);
  m->size += size;
}
static void add32(made *m, uint32_t value) { add(m, &value, 4); }
static void add64(made *m, uint64_t value) { add(m, &value, 8); }
static void add_text(made *m, const char *text) {
  add64(m, strlen(text));
  add(m, text, strlen(text));
}
static made begun(uint64_t tensors, uint64_t count) {
  made m = {.size = 0};
  add(&m, "GGUF", 4);
  add32(&m, 3);
  add64(&m, tensors);
  add64(&m, count);
  return m;
}
static void add_key(made *m, const char *key, uint32_t type) {
  add_text(m, key);
  add32(m, type);
}
static void add_tensor(made *m, const char *name, uint64_t cols, uint32_t type, uint64_t offset) {
  add_text(m, name);
  add32(m, 1);
  add64(m, cols);
  add32(m, type);
  add64(m, offset);
}
static void add_data(made *m, size_t size) {
  static const char zeros[1024];
  add(m, zeros, (32 - m->size % 32) % 32 + size);
}

static void must_refuse(const made *m, att_status status, const char *clue) {
  att_tensor_file *file = (att_tensor_file *)(uintptr_t)m;
  write_bytes(in_folder("bad.gguf"), m->data, m->size);
  must_say(att_gguf_open(ctx, in_folder("bad.gguf"), &file), status, clue);
  must_say(status, status, "bad.gguf: ");
  assert_null(file);
}

static void heads_that_lie(void **state) {
  (void)state;
  static const uint64_t huge[] = {UINT64_MAX, (uint64_t)1 << 63, (uint64_t)1 << 60, (uint64_t)1 << 32, 1000};
  for (size_t i = 0; i < LENGTH(huge); i++) {
    made m = begun(huge[i], 0);
    must_refuse(&m, ATT_FORMAT, "its list of tensors goes on for");
    m = begun(0, huge[i]);
    must_refuse(&m, ATT_FORMAT, "is it cut off?");
    m = begun(0, 1); /* a key of that length */
    add64(&m, huge[i]);
    add_data(&m, 64);
    must_refuse(&m, ATT_FORMAT, "is it cut off?");
    m = begun(0, 1); /* a string */
    add_key(&m, "a", 8);
    add64(&m, huge[i]);
    must_refuse(&m, ATT_FORMAT, "key a goes on for");
    for (uint32_t type = 0; type < 13; type++) { /* an array of each type */
      m = begun(0, 1);
      add_key(&m, "a", 9);
      add32(&m, type);
      add64(&m, huge[i]);
      must_refuse(&m, ATT_FORMAT, "key a");
    }
    m = begun(1, 0); /* a tensor's size, and its place */
    add_tensor(&m, "t", huge[i], 0, 0);
    add_data(&m, 64);
    must_refuse(&m, ATT_FORMAT, "tensor t: ");
    m = begun(1, 0);
    add_tensor(&m, "t", 4, 0, huge[i] / 32 * 32);
    add_data(&m, 64);
    must_refuse(&m, ATT_FORMAT, "tensor t: lies outside of the file");
  }
}

static void versions_and_formats(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    att_status status;
    const char *clue;
  } cases[] = {{"", 0, ATT_FORMAT, "is no GGUF file"},
               {"GGU", 3, ATT_FORMAT, "is no GGUF file"},
               {"GGUF", 4, ATT_FORMAT, "is cut off after 4 bytes"},
               {"GGUF\3\0\0\0\0\0\0", 11, ATT_FORMAT, "its head goes on for"},
               {"GGUF\0\0\0\3abcdefgh", 16, ATT_UNSUPPORTED, "is a big-endian GGUF file"},
               {"GGUF\1\0\0\0abcdefgh", 16, ATT_UNSUPPORTED, "is GGUF of version 1;"},
               {"GGUF\4\0\0\0abcdefgh", 16, ATT_UNSUPPORTED, "is GGUF of version 4;"},
               {"tjggabcdabcdefgh", 16, ATT_UNSUPPORTED, "is a GGML file from before GGUF"},
               {"PK\3\4abcdabcdefgh", 16, ATT_FORMAT, "is no GGUF file"}};
  for (size_t i = 0; i < LENGTH(cases); i++) {
    made m = {.size = 0};
    add(&m, cases[i].bytes, cases[i].size);
    must_refuse(&m, cases[i].status, cases[i].clue);
  }
}

static void metadata_that_lies(void **state) {
  (void)state;
  made m = begun(0, 2); /* twice */
  for (int i = 0; i < 2; i++) {
    add_key(&m, "twice", 0);
    add(&m, "x", 1);
  }
  must_refuse(&m, ATT_FORMAT, "twice");
  m = begun(0, 1);
  add_key(&m, "a", 13);
  add_data(&m, 32);
  must_refuse(&m, ATT_FORMAT, "key a has a value of the unknown type 13");
  m = begun(0, 1);
  add_key(&m, "a", 7);
  add(&m, "\2", 1);
  must_refuse(&m, ATT_FORMAT, "key a has a bool that is neither 0 nor 1");
  m = begun(0, 1);
  add_key(&m, "a\xff", 0);
  add(&m, "\2", 1);
  must_refuse(&m, ATT_FORMAT, "no UTF-8");
  m = begun(0, 1);
  add_key(&m, "", 4);
  add_data(&m, 32);
  must_refuse(&m, ATT_FORMAT, "has no name");
  for (uint32_t alignment = 0; alignment < 100; alignment += 33) {
    m = begun(0, 1);
    add_key(&m, "general.alignment", 4);
    add32(&m, alignment);
    must_refuse(&m, ATT_FORMAT, "general.alignment is ");
  }
}

/* Arrays of arrays: a few are read over, many are refused, and neither takes long. */
static void nested_arrays(void **state) {
  (void)state;
  for (int depth = 1; depth < 200; depth += depth < 12 ? 1 : 60) {
    made m = begun(0, 1);
    add_key(&m, "a", 9);
    for (int i = 0; i < depth; i++) {
      add32(&m, 9);
      add64(&m, 1);
    }
    add32(&m, 0);
    add64(&m, 0);
    if (depth > 8) {
      must_refuse(&m, ATT_FORMAT, "key a has arrays in arrays too deeply");
      continue;
    }
    write_bytes(in_folder("nested.gguf"), m.data, m.size);
    att_tensor_file_close(open_file(in_folder("nested.gguf")));
  }
}

static void tensors_that_lie(void **state) {
  (void)state;
  static const struct {
    uint64_t cols;
    uint32_t type;
    uint64_t offset;
    att_status status;
    const char *clue;
  } second[] = {{8, 0, 0, ATT_FORMAT, "overlaps another tensor"},
                {8, 0, 32, ATT_FORMAT, "overlaps another tensor"},
                {8, 0, 65, ATT_FORMAT, "is not aligned"},
                {33, 2, 64, ATT_FORMAT, "rows of 33 numbers are not whole blocks of Q4_0, which have 32"},
                {32, 12, 64, ATT_FORMAT, "are not whole blocks of Q4_K, which have 256"},
                {0, 0, 64, ATT_FORMAT, "has a dimension of 0"},
                {17, 0, 64, ATT_FORMAT, "lies outside of the file"},
                {16, 0, 64, ATT_OK, NULL},
                {16, 99, 64, ATT_OK, NULL}};
  for (size_t i = 0; i < LENGTH(second); i++) {
    made m = begun(2, 0);
    add_tensor(&m, "first", 16, 0, 0);
    add_tensor(&m, "second", second[i].cols, second[i].type, second[i].offset);
    add_data(&m, 128);
    if (second[i].clue) {
      must_refuse(&m, second[i].status, second[i].clue);
      continue;
    }
    write_bytes(in_folder("good.gguf"), m.data, m.size);
    att_tensor_file *file = open_file(in_folder("good.gguf"));
    const att_stored *tensor = att_tensor_file_find(file, "second");
    assert_string_equal(tensor->label, second[i].type ? "type 99" : "F32");
    assert_int_equal(tensor->type, second[i].type ? ATT_TYPE_COUNT : ATT_F32);
    att_tensor_file_close(file);
  }
  made m = begun(2, 0);
  add_tensor(&m, "same", 8, 0, 0);
  add_tensor(&m, "same", 8, 0, 32);
  add_data(&m, 64);
  must_refuse(&m, ATT_FORMAT, "tensor same ");
  m = begun(1, 0);
  add_text(&m, "deep");
  add32(&m, 5);
  add_data(&m, 256);
  must_refuse(&m, ATT_UNSUPPORTED, "tensor deep: has 5 dimensions");
  m = begun(1, 0); /* a product that overflows */
  add_text(&m, "wide");
  add32(&m, 3);
  for (int i = 0; i < 3; i++) add64(&m, (uint64_t)1 << 31);
  add32(&m, 0);
  add64(&m, 0);
  add_data(&m, 64);
  must_refuse(&m, ATT_FORMAT, "tensor wide: has an impossible shape");
}

/* ---- cuts and changed bytes
 * ------------------------------------------------------------------------------------------ */

static const char *const whole[] = {"metadata.gguf", "types.gguf", "aligned.gguf"};

/* Reads all that the file says it has. */
static void touch(const att_tensor_file *file) {
  static volatile unsigned char last;
  for (size_t i = 0; i < file->count; i++) {
    const unsigned char *at = file->tensors[i].data;
    for (size_t j = 0; j < file->tensors[i].size; j++) last = at[j];
  }
  (void)last;
}

static void cuts(void **state) {
  (void)state;
  static const size_t padding[] = {0, 32, 64}; /* at most, behind the last tensor */
  for (size_t f = 0; f < LENGTH(whole); f++) {
    att_mapping file;
    const char *path = in_folder("cut.gguf");
    assert_int_equal(att_map(ctx, data_path(whole[f]), &file), ATT_OK);
    write_bytes(path, file.data, file.size);
    for (size_t size = file.size; size-- > 0;) {
      att_tensor_file *opened;
      assert_int_equal(truncate(path, (off_t)size), 0);
      att_status status = att_gguf_open(ctx, path, &opened);
      if (!status && size + padding[f] < file.size && f > 0) fail_msg("%s opens when cut after %zu", whole[f], size);
      if (status && status != ATT_FORMAT) fail_msg("%s", att_message(ctx));
      if (!status) touch(opened);
      att_tensor_file_close(opened);
    }
    att_unmap(&file);
  }
}

static void put_byte(int file, size_t at, int byte) {
  assert_int_equal(pwrite(file, &(char){(char)byte}, 1, (off_t)at), 1);
}

static void changed_bytes(void **state) {
  (void)state;
  for (size_t f = 0; f < LENGTH(whole); f++) {
    att_mapping file;
    const char *path = in_folder("changed.gguf");
    assert_int_equal(att_map(ctx, data_path(whole[f]), &file), ATT_OK);
    write_bytes(path, file.data, file.size);
    int changed = open(path, O_WRONLY);
    size_t most = file.size < 2500 ? file.size : 2500, refused = 0;
    for (size_t i = 0; i < 2 * most; i++) {
      att_tensor_file *opened;
      int before = file.data[i / 2];
      put_byte(changed, i / 2, i % 2 ? ~before : before ^ 1 << i / 2 % 8);
      att_status status = att_gguf_open(ctx, path, &opened);
      if (!status) touch(opened);
      refused += status != ATT_OK;
      att_tensor_file_close(opened);
      put_byte(changed, i / 2, before);
    }
    assert_true(refused > 100);
    close(changed);
    att_unmap(&file);
  }
}

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

static att_status open_and_close(att_context *counted, void *arg) {
  att_tensor_file *file;
  ATT_TRY(att_tensor_file_open(counted, arg, &file));
  att_tensor_file_close(file);
  return ATT_OK;
}

static att_status write_one(att_context *counted, void *arg) {
  static const float one = 1;
  static const att_to_store tensor = {"a", ATT_F16, 1, {1}, &one, ATT_F32, NULL, NULL};
  return att_gguf_write(counted, arg, entries, LENGTH(entries), &tensor, 1);
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  char path[512];
  static const char *const files[] = {"metadata.gguf", "types.gguf", "split-00002-of-00003.gguf"};
  for (size_t i = 0; i < LENGTH(files); i++) {
    snprintf(path, sizeof path, "%s", data_path(files[i]));
    assert_true(fail_each_allocation(open_and_close, path) > 5);
  }
  snprintf(path, sizeof path, "%s", in_folder("x.gguf"));
  assert_true(fail_each_allocation(write_one, path) > 3);
  assert_int_equal(files_in_folder(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_of_the_package),
      cmocka_unit_test_teardown(files_in_several_parts, empty_folder),
      cmocka_unit_test(values_by_key),
      cmocka_unit_test_teardown(files_come_back, empty_folder),
      cmocka_unit_test_teardown(what_cannot_be_written, empty_folder),
      cmocka_unit_test_teardown(heads_that_lie, empty_folder),
      cmocka_unit_test_teardown(versions_and_formats, empty_folder),
      cmocka_unit_test_teardown(metadata_that_lies, empty_folder),
      cmocka_unit_test_teardown(nested_arrays, empty_folder),
      cmocka_unit_test_teardown(tensors_that_lie, empty_folder),
      cmocka_unit_test_teardown(cuts, empty_folder),
      cmocka_unit_test_teardown(changed_bytes, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
