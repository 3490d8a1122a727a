/*
 * Safetensors: what is written comes back, the reference's demands on a header are made one by one, and neither a cut
 * nor a changed byte does more than give a status.
 */
#include "scratch.h"

#include "base/random.h"
#include "base/types.h"
#include "formats/safetensors.h"

#include <fcntl.h>
#include <math.h>

/* ---- writing and reading back --------------------------------------------------------------------------------- */

static const float matrix[] = {1, -2, 0.5f, 65504, 0, 6.103515625e-5f};
static const int64_t longs[] = {1, -1, INT64_MAX};

static const att_to_store stores[] = {
    {"z.matrix", ATT_F32, 2, {2, 3}, matrix, ATT_F32, NULL, NULL},
    {"half", ATT_F16, 1, {5}, matrix, ATT_F32, NULL, NULL},
    {"brain", ATT_BF16, 3, {1, 3, 1}, matrix, ATT_F32, NULL, NULL},
    {"a scalar \"\xc3\xa9\n", ATT_F32, 0, {0}, matrix, ATT_F32, NULL, NULL},
    {"empty", ATT_F32, 2, {0, 7}, NULL, ATT_F32, NULL, NULL},
    {"longs", ATT_I64, 1, {3}, longs, ATT_I64, NULL, NULL},
    {"bytes", ATT_U8, 1, {5}, longs, ATT_U8, NULL, NULL},
    {"doubles", ATT_F64, 1, {3}, longs, ATT_F64, NULL, NULL},
    {"truths", ATT_BOOL, 1, {1}, longs, ATT_BOOL, NULL, NULL},
    {"ints", ATT_I32, 1, {2}, longs, ATT_I32, NULL, NULL},
};
#define STORES (sizeof stores / sizeof *stores)

static float read_float(const att_stored *tensor, int64_t i) {
  uint16_t half;
  float value;
  if (tensor->type == ATT_F32) {
    memcpy(&value, (const char *)tensor->data + 4 * i, sizeof value);
    return value;
  }
  memcpy(&half, (const char *)tensor->data + 2 * i, sizeof half);
  return tensor->type == ATT_F16 ? att_f16_to_f32(half) : att_bf16_to_f32(half);
}

static void must_equal(const att_stored *read, const att_to_store *stored) {
  assert_string_equal(read->name, stored->name);
  assert_int_equal(read->type, stored->type);
  assert_int_equal(read->rank, stored->rank);
  int64_t count = 1;
  for (int i = 0; i < read->rank; i++) {
    assert_int_equal(read->shape[i], stored->shape[i]);
    count *= read->shape[i];
  }
  assert_int_equal(read->count, count);
  if (read->type > ATT_BF16) {
    assert_memory_equal(read->data, stored->data, read->size);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    float expected = ((const float *)stored->data)[i], tolerance = read->type == ATT_BF16 ? 0x1p-8f : 0;
    assert_true(fabsf(read_float(read, i) - expected) <= tolerance * fabsf(expected));
  }
}

static void tensors_come_back(void **state) {
  (void)state;
  const char *path = in_folder("x.safetensors");
  att_tensor_file *file;
  assert_int_equal(att_safetensors_write(ctx, path, stores, STORES), ATT_OK);
  assert_int_equal(att_safetensors_open(ctx, path, &file), ATT_OK);
  assert_int_equal(file->count, STORES);
  for (size_t i = 0; i < STORES; i++) {
    must_equal(&file->tensors[i], &stores[i]);
    assert_ptr_equal(att_tensor_file_find(file, stores[i].name), &file->tensors[i]);
  }
  assert_int_equal((uintptr_t)file->tensors[0].data % 8, 0);
  assert_null(att_tensor_file_find(file, "matrix"));
  assert_null(att_tensor_file_find(file, "__metadata__"));
  att_tensor_file_close(file);
  att_tensor_file_close(NULL);
}

static void no_tensor_at_all(void **state) {
  (void)state;
  att_tensor_file *file;
  assert_int_equal(att_safetensors_write(ctx, in_folder("none"), NULL, 0), ATT_OK);
  assert_int_equal(att_safetensors_open(ctx, in_folder("none"), &file), ATT_OK);
  assert_int_equal(file->count, 0);
  assert_null(att_tensor_file_find(file, "a"));
  att_tensor_file_close(file);
}

/* More values than are converted at once, and more tensors than anyone writes in order of their names. */
static void many_and_large(void **state) {
  (void)state;
  enum { VALUES = 10000, TENSORS = 300 };
  float *values = malloc(VALUES * sizeof *values);
  char(*names)[16] = malloc(TENSORS * sizeof *names);
  att_to_store *list = calloc(TENSORS, sizeof *list);
  assert_true(values && names && list);
  for (uint64_t i = 0; i < VALUES; i++) values[i] = (float)att_normal(1, i);
  for (int i = 0; i < TENSORS; i++) {
    snprintf(names[i], sizeof names[i], "t%d", i * 7919 % TENSORS);
    list[i] = (att_to_store){names[i], (att_type)(i % 3), 1,    {i == 0 ? VALUES : i == 1 ? VALUES - 1 : i},
                             values,   ATT_F32,           NULL, NULL};
  }
  att_tensor_file *file;
  assert_int_equal(att_safetensors_write(ctx, in_folder("many"), list, TENSORS), ATT_OK);
  assert_int_equal(att_safetensors_open(ctx, in_folder("many"), &file), ATT_OK);
  for (int i = 0; i < TENSORS; i++) {
    const att_stored *found = att_tensor_file_find(file, list[i].name);
    assert_non_null(found);
    assert_int_equal(found->count, list[i].shape[0]);
    for (int64_t j = 0; j < found->count; j++) {
      float stored = found->type == ATT_F32   ? values[j]
                     : found->type == ATT_F16 ? att_f16_to_f32(att_f32_to_f16(values[j]))
                                              : att_bf16_to_f32(att_f32_to_bf16(values[j]));
      if (read_float(found, j) != stored) fail_msg("%s[%d]", found->name, (int)j);
    }
  }
  att_tensor_file_close(file);
  free(list);
  free(names);
  free(values);
}

static void values_that_cannot_be_stored(void **state) {
  (void)state;
  const char *path = in_folder("kept.safetensors");
  assert_int_equal(att_safetensors_write(ctx, path, stores, STORES), ATT_OK);
  att_mapping before;
  assert_int_equal(att_map(ctx, path, &before), ATT_OK);
  static const struct {
    float value;
    att_type type;
    const char *clue;
  } cases[] = {
      {NAN, ATT_F32, "tensor bad: value 4999 (nan) is not a number"},
      {INFINITY, ATT_F32, "tensor bad: value 4999 (inf)"},
      {-NAN, ATT_F16, "tensor bad: value 4999 (-nan)"},
      {NAN, ATT_BF16, "tensor bad: value 4999 (nan)"},
      {-INFINITY, ATT_BF16, "(-inf)"},
      {65520, ATT_F16, "tensor bad: value 4999 (65520) is too large"},
      {-3.4e38f, ATT_F16, "is too large for the type"},
      {3.4028235e38f, ATT_BF16, "is too large for the type"},
  };
  static float values[5000];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    values[4999] = cases[i].value;
    const att_to_store list[] = {stores[0], {"bad", cases[i].type, 1, {5000}, values, ATT_F32, NULL, NULL}};
    must_say(att_safetensors_write(ctx, path, list, 2), ATT_NUMERIC, cases[i].clue);
    must_hold(path, before.data, before.size);
    assert_int_equal(files_in_folder(), 1);
  }
  values[4999] = 65519;
  const att_to_store good = {"good", ATT_F16, 1, {5000}, values, ATT_F32, NULL, NULL};
  assert_int_equal(att_safetensors_write(ctx, path, &good, 1), ATT_OK);
  att_unmap(&before);
  const att_to_store huge = {"huge", ATT_F32, 2, {INT64_MAX, 2}, values, ATT_F32, NULL, NULL};
  must_say(att_safetensors_write(ctx, path, &huge, 1), ATT_ARGUMENT,
           "tensor huge cannot be written: has an impossible shape");
}

/* ---- damaged files -------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *header, size_t data) {
  static const char zeros[64];
  att_buffer file = {0};
  uint64_t length = strlen(header);
  assert_int_equal(att_buffer_append(ctx, &file, &length, 8), ATT_OK);
  assert_int_equal(att_buffer_append(ctx, &file, header, length), ATT_OK);
  assert_int_equal(att_buffer_append(ctx, &file, zeros, data), ATT_OK);
  write_bytes(path, file.data, file.size);
  att_buffer_free(ctx, &file);
}

#define ENTRY(name, type, shape, begin, end)                                                                           \
  "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static const struct {
  const char *header;
  size_t data; /* bytes behind the header */
  att_status status;
  const char *clue; /* NULL: it is good */
} headers[] = {
    {"{}", 0, ATT_OK, NULL},
    {"{\"__metadata__\":{\"format\":\"pt\"}}   ", 0, ATT_OK, NULL},
    {"{" ENTRY("a", "F32", "[2]", 0, 8) "}", 8, ATT_OK, NULL},
    {"{" ENTRY("a", "F32", "[]", 0, 4) "}", 4, ATT_OK, NULL},
    {"{" ENTRY("a", "F32", "[0]", 0, 0) "," ENTRY("b", "U8", "[3,1]", 0, 3) "," ENTRY("c", "I64", "[5,0]", 3, 3) "}", 3,
     ATT_OK, NULL},
    {"{" ENTRY("b", "F16", "[1]", 2, 4) "," ENTRY("a", "BF16", "[1]", 0, 2) "}", 4, ATT_OK, NULL},
    {"{" ENTRY("a", "F32", "[2]", 0, 8) "}", 7, ATT_FORMAT, "tensor a: its data_offsets point outside"},
    {"{" ENTRY("a", "F32", "[2]", 0, 8) "}", 9, ATT_FORMAT, "has 1 bytes that belong to no tensor"},
    {"{}", 5, ATT_FORMAT, "has 5 bytes that belong to no tensor"},
    {"{" ENTRY("a", "F32", "[2]", 4, 12) "}", 12, ATT_FORMAT, "tensor a: has unused bytes before it"},
    {"{" ENTRY("a", "U8", "[2]", 0, 2) "," ENTRY("b", "U8", "[2]", 1, 3) "}", 3, ATT_FORMAT, "tensor b: overlaps"},
    {"{" ENTRY("a", "U8", "[2]", 0, 2) "," ENTRY("b", "U8", "[2]", 0, 2) "}", 2, ATT_FORMAT, "overlaps another"},
    {"{" ENTRY("a", "U8", "[2]", 0, 2) "," ENTRY("b", "U8", "[2]", 3, 5) "}", 5, ATT_FORMAT, "tensor b: has unused"},
    {"{" ENTRY("a", "U8", "[3]", 0, 3) "," ENTRY("b", "U8", "[0]", 1, 1) "}", 3, ATT_FORMAT, "tensor b: overlaps"},
    {"{" ENTRY("a", "F32", "[3]", 0, 8) "}", 8, ATT_FORMAT, "tensor a: has 8 bytes where its type and shape need 12"},
    {"{" ENTRY("a", "F32", "[2]", 8, 0) "}", 8, ATT_FORMAT, "tensor a: its data_offsets point outside"},
    {"{" ENTRY("a", "F32", "[2]", -8, 0) "}", 8, ATT_FORMAT, "point outside"},
    {"{" ENTRY("a", "F32", "[2]", 0, 9223372036854775807) "}", 8, ATT_FORMAT, "point outside"},
    {"{" ENTRY("a", "F32", "[-2]", 0, 8) "}", 8, ATT_FORMAT, "tensor a: has an impossible shape"},
    {"{" ENTRY("a", "F32", "[4294967296,4294967296]", 0, 8) "}", 8, ATT_FORMAT, "has an impossible shape"},
    {"{" ENTRY("a", "F64", "[4611686018427387904]", 0, 8) "}", 8, ATT_FORMAT, "has an impossible shape"},
    {"{" ENTRY("a", "F32", "[2.0]", 0, 8) "}", 8, ATT_FORMAT, "a dimension of its shape is not a whole number"},
    {"{" ENTRY("a", "F32", "2", 0, 8) "}", 8, ATT_FORMAT, "tensor a: has no shape"},
    {"{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,2]", 0, 8) "}", 8, ATT_UNSUPPORTED, "has 9 dimensions"},
    {"{" ENTRY("a", "F8_E4M3", "[8]", 0, 8) "}", 8, ATT_UNSUPPORTED, "tensor a: has the type F8_E4M3"},
    {"{" ENTRY("a", "f32", "[2]", 0, 8) "}", 8, ATT_UNSUPPORTED, "the type f32"},
    {"{" ENTRY("a", "F32", "[1]", 0, 4) "," ENTRY("a", "F32", "[1]", 4, 8) "}", 8, ATT_FORMAT, "duplicate"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, ATT_FORMAT, "tensor a: has no dtype"},
    {"{\"a\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, ATT_FORMAT, "tensor a: has no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, ATT_FORMAT, "tensor a: has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, ATT_FORMAT, "data_offsets are not two whole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, ATT_FORMAT, "are not two whole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8.0]}}", 8, ATT_FORMAT, "are not two whole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{}}}", 8, ATT_FORMAT, "are not two whole"},
    {"{\"a\":[]}", 0, ATT_FORMAT, "tensor a: is not described by an object"},
    {"{\"a\\nb\":1}", 0, ATT_FORMAT, "tensor a?b: is not described"},
    {"{\"a\\u0000b\":1}", 0, ATT_FORMAT, "is not valid JSON"},
    {"[]", 0, ATT_FORMAT, "its header is not an object"},
    {"", 0, ATT_FORMAT, "is not valid JSON"},
    {"{", 0, ATT_FORMAT, "is not valid JSON"},
    {"{} {}", 0, ATT_FORMAT, "is not valid JSON"},
};

static void damaged_headers_are_named(void **state) {
  (void)state;
  const char *path = in_folder("x.safetensors");
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    att_tensor_file *file = (att_tensor_file *)&i;
    write_file(path, headers[i].header, headers[i].data);
    att_status status = att_safetensors_open(ctx, path, &file);
    if (headers[i].clue) {
      must_say(status, headers[i].status, headers[i].clue);
      must_say(status, headers[i].status, "/x.safetensors: ");
      assert_null(file);
    } else if (status != ATT_OK) {
      fail_msg("%s: %s", headers[i].header, att_message(ctx));
    }
    att_tensor_file_close(file);
  }
}

static void lengths_that_lie(void **state) {
  (void)state;
  static const struct {
    unsigned char bytes[12];
    size_t size;
    const char *clue;
  } cases[] = {
      {{0}, 0, "is empty"},
      {{2, 0, 0, 0, 0, 0, 0}, 7, "has only 7 bytes"},
      {{2, 0, 0, 0, 0, 0, 0, 0, '{'}, 9, "is cut off inside its header"},
      {{1, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}'}, 10, "its header would have 100000001 bytes"},
      {{0, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}'}, 10, "is cut off inside its header"},
      {{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10, "would have 18446744073709551615 bytes"},
  };
  att_tensor_file *file;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_bytes(in_folder("x"), cases[i].bytes, cases[i].size);
    must_say(att_safetensors_open(ctx, in_folder("x"), &file), ATT_FORMAT, cases[i].clue);
  }
  must_say(att_safetensors_open(ctx, in_folder("none"), &file), ATT_IO, "No such file");
  must_say(att_safetensors_open(ctx, folder, &file), ATT_IO, "is a folder");
}

/* Opens a file that may be anything. What it accepts must lie in the file, in order and without gaps. */
static att_status open_any(const char *path) {
  att_tensor_file *file;
  att_status status = att_safetensors_open(ctx, path, &file);
  if (status != ATT_OK) {
    assert_non_null(strstr(att_message(ctx), path));
    assert_null(file);
    return status;
  }
  unsigned sum = 0;
  for (size_t i = 0; i < file->count; i++) {
    const att_stored *tensor = &file->tensors[i];
    for (size_t j = 0; j < tensor->size; j++) sum += ((const unsigned char *)tensor->data)[j];
    if (i > 0) assert_ptr_equal(tensor->data, (const char *)tensor[-1].data + tensor[-1].size);
    assert_ptr_equal(att_tensor_file_find(file, tensor->name), tensor);
  }
  att_tensor_file_close(file);
  return sum == 1 ? ATT_OK : status; /* the sum is only there to touch the bytes */
}

static void every_cut_is_refused(void **state) {
  (void)state;
  const char *path = in_folder("cut");
  att_mapping whole;
  assert_int_equal(att_safetensors_write(ctx, in_folder("whole"), stores, STORES), ATT_OK);
  assert_int_equal(att_map(ctx, in_folder("whole"), &whole), ATT_OK);
  write_bytes(path, whole.data, whole.size);
  for (size_t size = whole.size; size-- > 0;) {
    assert_int_equal(truncate(path, (off_t)size), 0);
    assert_int_equal(open_any(path), ATT_FORMAT);
  }
  att_unmap(&whole);
}

static void changed_bytes_do_no_harm(void **state) {
  (void)state;
  const char *path = in_folder("changed");
  att_mapping whole;
  assert_int_equal(att_safetensors_write(ctx, path, stores, STORES), ATT_OK);
  assert_int_equal(att_safetensors_write(ctx, in_folder("whole"), stores, STORES), ATT_OK);
  assert_int_equal(att_map(ctx, in_folder("whole"), &whole), ATT_OK);
  int file = open(path, O_WRONLY), refused = 0, accepted = 0;
  assert_true(file >= 0);
  for (uint64_t i = 0; i < 20000; i++) {
    size_t at = att_random64(7, 2 * i) % whole.size;
    unsigned char byte = (unsigned char)att_random64(7, 2 * i + 1);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    *(open_any(path) == ATT_OK ? &accepted : &refused) += 1;
    assert_int_equal(pwrite(file, whole.data + at, 1, (off_t)at), 1);
  }
  close(file);
  att_unmap(&whole);
  assert_true(refused > 5000 && accepted > 500); /* header and data were both met */
}

/* ---- several files -------------------------------------------------------------------------------------------- */

/* The first tensors in a file, the others in another, and an index that may say anything. */
static void write_parts(const char *index) {
  assert_int_equal(att_safetensors_write(ctx, in_folder("m-1"), stores, 4), ATT_OK);
  assert_int_equal(att_safetensors_write(ctx, in_folder("m-2"), stores + 4, STORES - 4), ATT_OK);
  write_bytes(in_folder("m.index.json"), index, strlen(index));
}

#define GOOD_INDEX                                                                                                     \
  "{\"metadata\":{\"total_size\":1},\"weight_map\":{\"half\":\"m-1\",\"longs\":\"m-2\",\"brain\":\"m-1\"}}"

static void tensors_of_several_files(void **state) {
  (void)state;
  att_tensor_file *file;
  write_parts(GOOD_INDEX);
  assert_int_equal(att_safetensors_open(ctx, in_folder("m"), &file), ATT_OK);
  assert_int_equal(file->count, STORES);
  for (size_t i = 0; i < STORES; i++) must_equal(att_tensor_file_find(file, stores[i].name), &stores[i]);
  assert_string_equal(file->path, in_folder("m.index.json"));
  att_tensor_file_close(file);
  /* a whole file comes first, as in Transformers */
  assert_int_equal(att_safetensors_write(ctx, in_folder("m"), stores, 1), ATT_OK);
  assert_int_equal(att_safetensors_open(ctx, in_folder("m"), &file), ATT_OK);
  assert_int_equal(file->count, 1);
  assert_string_equal(file->path, in_folder("m"));
  att_tensor_file_close(file);
}

/* Without a folder in its name the index stands in the one that the process is in. */
static void several_files_by_a_bare_name(void **state) {
  (void)state;
  att_tensor_file *file;
  int here = open(".", O_RDONLY | O_DIRECTORY);
  write_parts(GOOD_INDEX);
  assert_int_equal(chdir(folder), 0);
  assert_int_equal(att_safetensors_open(ctx, "m", &file), ATT_OK);
  assert_int_equal(fchdir(here), 0);
  assert_int_equal(file->count, STORES);
  att_tensor_file_close(file);
  close(here);
}

static void indexes_that_lie(void **state) {
  (void)state;
  static const struct {
    const char *index;
    att_status status;
    const char *clue;
  } cases[] = {
      {"[", ATT_FORMAT, "m.index.json: is not valid JSON"},
      {"[]", ATT_FORMAT, "m.index.json: has no weight_map"},
      {"{}", ATT_FORMAT, "m.index.json: has no weight_map"},
      {"{\"weight_map\":{}}", ATT_FORMAT, "has no weight_map"},
      {"{\"weight_map\":\"m-1\"}", ATT_FORMAT, "has no weight_map"},
      {"{\"weight_map\":{\"half\":1}}", ATT_FORMAT, "weight_map: tensor half is not in a file of this folder"},
      {"{\"weight_map\":{\"half\":\"\"}}", ATT_FORMAT, "tensor half is not in a file of this folder"},
      {"{\"weight_map\":{\"half\":\"../m-1\"}}", ATT_FORMAT, "tensor half is not in a file of this folder"},
      {"{\"weight_map\":{\"half\":\"/etc/passwd\"}}", ATT_FORMAT, "tensor half is not in a file of this folder"},
      {"{\"weight_map\":{\"half\":\"..\"}}", ATT_IO, "is a folder, not a regular file"},
      {"{\"weight_map\":{\"half\":\"m-3\"}}", ATT_IO, "m-3: there is no such file, and "},
      {"{\"weight_map\":{\"half\":\"m-1\",\"b\":\"m.index.json\"}}", ATT_FORMAT,
       "m.index.json: is no safetensors file"},
      {"{\"weight_map\":{\"half\":\"m-1\",\"b\":\"again\"}}", ATT_FORMAT, "m.index.json: tensor brain is there twice"},
  };
  att_tensor_file *file;
  assert_int_equal(att_safetensors_write(ctx, in_folder("again"), stores + 2, 1), ATT_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_parts(cases[i].index);
    must_say(att_safetensors_open(ctx, in_folder("m"), &file), cases[i].status, cases[i].clue);
    assert_null(file);
  }
}

/* ---- no memory ------------------------------------------------------------------------------------------------ */

static att_status open_it(att_context *c, void *path) {
  att_tensor_file *file;
  ATT_TRY(att_safetensors_open(c, path, &file));
  att_tensor_file_close(file);
  return ATT_OK;
}

static att_status write_it(att_context *c, void *path) { return att_safetensors_write(c, path, stores, STORES); }

static void each_allocation_may_fail(void **state) {
  (void)state;
  void *path = (void *)in_folder("x");
  assert_true(fail_each_allocation(write_it, path) >= 4);
  assert_int_equal(files_in_folder(), 1);
  assert_true(fail_each_allocation(open_it, path) >= 3);
  write_parts(GOOD_INDEX);
  assert_true(fail_each_allocation(open_it, (void *)in_folder("m")) >= 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(tensors_come_back, empty_folder),
      cmocka_unit_test_teardown(no_tensor_at_all, empty_folder),
      cmocka_unit_test_teardown(many_and_large, empty_folder),
      cmocka_unit_test_teardown(values_that_cannot_be_stored, empty_folder),
      cmocka_unit_test_teardown(damaged_headers_are_named, empty_folder),
      cmocka_unit_test_teardown(lengths_that_lie, empty_folder),
      cmocka_unit_test_teardown(every_cut_is_refused, empty_folder),
      cmocka_unit_test_teardown(changed_bytes_do_no_harm, empty_folder),
      cmocka_unit_test_teardown(tensors_of_several_files, empty_folder),
      cmocka_unit_test_teardown(several_files_by_a_bare_name, empty_folder),
      cmocka_unit_test_teardown(indexes_that_lie, empty_folder),
      cmocka_unit_test_teardown(each_allocation_may_fail, empty_folder),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
