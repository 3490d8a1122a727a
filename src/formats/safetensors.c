/*
 * Owns safetensors: 8 bytes of header length, a JSON header, then the tensors' bytes one after the other, all
 * little-endian (github.com/huggingface/safetensors, "Format"). As strict as the reference: no overlap, no hole, no
 * byte left over. Tensors may be spread over several files that an index lists, as Transformers does with large models.
 * Refuses types that attend does not read. See safetensors.h.
 */
#include "formats/safetensors.h"

#include "base/types.h"
#include "formats/file.h"
#include "formats/json.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian and attend maps them as they are"
#endif

#define ATT_LARGEST_HEADER 100000000u /* the reference's limit */
#define ATT_METADATA       "__metadata__"
#define ATT_BLOCK          4096 /* values converted at once */

/* ---- reading -------------------------------------------------------------------------------------------------- */

typedef struct att_place {
  const char *path, *name; /* for messages */
  const unsigned char *data;
  size_t size; /* of all tensors' bytes */
} att_place;

static att_status bad(att_context *ctx, const att_place *place, const char *what) {
  return att_fail(ctx, ATT_FORMAT, "%s: tensor %.200s: %s", place->path, place->name, what);
}

static att_status read_type(att_context *ctx, const att_place *place, const json_t *entry, att_type *type) {
  const char *name = json_string_value(json_object_get(entry, "dtype"));
  if (!name) return bad(ctx, place, "has no dtype");
  for (int i = 0; i < ATT_TYPE_COUNT; i++) {
    *type = (att_type)i;
    if (strcmp(name, att_type_label(*type)) == 0) return ATT_OK;
  }
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: tensor %.200s: has the type %.40s, which attend does not read",
                  place->path, place->name, name);
}

static att_status read_shape(att_context *ctx, const att_place *place, const json_t *entry, att_stored *out) {
  const json_t *shape = json_object_get(entry, "shape");
  if (!json_is_array(shape)) return bad(ctx, place, "has no shape");
  if (json_array_size(shape) > ATT_MAX_RANK) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: tensor %.200s: has %zu dimensions, attend reads at most %d", place->path,
                    place->name, json_array_size(shape), ATT_MAX_RANK);
  }
  out->rank = (int)json_array_size(shape);
  for (int i = 0; i < out->rank; i++) {
    const json_t *dimension = json_array_get(shape, (size_t)i);
    if (!json_is_integer(dimension)) return bad(ctx, place, "a dimension of its shape is not a whole number");
    out->shape[i] = json_integer_value(dimension);
  }
  if (!att_shape_size(out->shape, out->rank, out->type, &out->count, &out->size)) {
    return bad(ctx, place, "has an impossible shape");
  }
  return ATT_OK;
}

static att_status read_offsets(att_context *ctx, const att_place *place, const json_t *entry, att_stored *out) {
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second)) {
    return bad(ctx, place, "its data_offsets are not two whole numbers");
  }
  json_int_t begin = json_integer_value(first), end = json_integer_value(second);
  if (begin < 0 || end < begin || (uint64_t)end > place->size) {
    return bad(ctx, place, "its data_offsets point outside of the file; is it cut off?");
  }
  if ((uint64_t)(end - begin) != out->size) {
    return att_fail(ctx, ATT_FORMAT, "%s: tensor %.200s: has %" PRId64 " bytes where its type and shape need %zu",
                    place->path, place->name, (int64_t)(end - begin), out->size);
  }
  out->data = place->data + begin;
  return ATT_OK;
}

static att_status read_tensor(att_context *ctx, const att_place *place, const json_t *entry, att_stored *out) {
  if (!json_is_object(entry)) return bad(ctx, place, "is not described by an object");
  out->name = place->name;
  ATT_TRY(read_type(ctx, place, entry, &out->type));
  ATT_TRY(read_shape(ctx, place, entry, out));
  return read_offsets(ctx, place, entry, out);
}

/* An empty tensor comes before the one that begins where it stands. */
static int compare_data(const void *left, const void *right) {
  const att_stored *a = left, *b = right;
  if (a->data != b->data) return a->data < b->data ? -1 : 1;
  return (a->size > b->size) - (a->size < b->size);
}

/* Sorted by place, each tensor must begin where the one before ends. */
static att_status check_cover(att_context *ctx, const att_stored *tensors, size_t count, att_place *place) {
  const unsigned char *expected = place->data;
  for (size_t i = 0; i < count; i++) {
    const unsigned char *begin = tensors[i].data;
    place->name = tensors[i].name;
    if (begin < expected) return bad(ctx, place, "overlaps another tensor");
    if (begin > expected) return bad(ctx, place, "has unused bytes before it");
    expected = begin + tensors[i].size;
  }
  size_t left = place->size - (size_t)(expected - place->data);
  if (left == 0) return ATT_OK;
  return att_fail(ctx, ATT_FORMAT, "%s: has %zu bytes that belong to no tensor", place->path, left);
}

/* Adds a part's tensors to the file's. */
static att_status read_tensors(att_context *ctx, const json_t *header, att_tensor_file *file, att_place *place) {
  const char *name;
  json_t *entry;
  size_t count = 0;
  att_stored *tensors = att_resize(ctx, file->tensors, file->count + json_object_size(header), sizeof *tensors);
  if (!tensors) return ATT_MEMORY;
  file->tensors = tensors;
  tensors += file->count;
  json_object_foreach((json_t *)header, name, entry) {
    if (strcmp(name, ATT_METADATA) == 0) continue;
    place->name = name;
    ATT_TRY(read_tensor(ctx, place, entry, &tensors[count]));
    count++;
  }
  if (count > 0) qsort(tensors, count, sizeof *tensors, compare_data);
  ATT_TRY(check_cover(ctx, tensors, count, place));
  file->count += count;
  return ATT_OK;
}

static att_status read_part(att_context *ctx, const char *path, att_tensor_file *file, att_tensor_part *part) {
  ATT_TRY(att_map(ctx, path, &part->mapping));
  const unsigned char *data = part->mapping.data;
  size_t size = part->mapping.size;
  ATT_TRY(att_check_download(ctx, path, data, size));
  if (size < 8) return att_fail(ctx, ATT_FORMAT, "%s: is no safetensors file: it has only %zu bytes", path, size);
  uint64_t length = 0;
  for (int i = 7; i >= 0; i--) length = length << 8 | data[i];
  if (length > ATT_LARGEST_HEADER) {
    return att_fail(ctx, ATT_FORMAT, "%s: is no safetensors file: its header would have %" PRIu64 " bytes", path,
                    length);
  }
  if (length > size - 8) return att_fail(ctx, ATT_FORMAT, "%s: is cut off inside its header", path);
  json_t *header;
  ATT_TRY(att_json_parse(ctx, path, (const char *)data + 8, (size_t)length, &header));
  part->header = header;
  if (!json_is_object(header)) return att_fail(ctx, ATT_FORMAT, "%s: its header is not an object", path);
  att_place place = {path, NULL, data + 8 + length, size - 8 - (size_t)length};
  return read_tensors(ctx, header, file, &place);
}

/* ---- several files -------------------------------------------------------------------------------------------- */

/* The files that an index's weight_map names, each once, as the keys of an object. They lie beside it. */
static att_status list_files(att_context *ctx, const char *path, const json_t *index, json_t *files) {
  const char *tensor;
  json_t *value, *map = json_object_get(index, "weight_map");
  if (!json_is_object(map) || json_object_size(map) == 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: has no weight_map, which says where each tensor is", path);
  }
  json_object_foreach(map, tensor, value) {
    const char *name = json_string_value(value);
    if (!name || !*name || strchr(name, '/')) {
      return att_fail(ctx, ATT_FORMAT, "%s: weight_map: tensor %.200s is not in a file of this folder", path, tensor);
    }
    if (json_object_set_new(files, name, json_true())) return att_fail(ctx, ATT_MEMORY, "%s: no memory", path);
  }
  return ATT_OK;
}

static att_status read_files(att_context *ctx, json_t *files, att_tensor_file *file) {
  const char *name, *slash = strrchr(file->path, '/');
  int folder = slash ? (int)(slash - file->path) + 1 : 0;
  json_t *unused;
  file->parts = ATT_NEW(ctx, json_object_size(files), att_tensor_part);
  if (!file->parts) return ATT_MEMORY;
  json_object_foreach(files, name, unused) {
    att_buffer path = {0};
    att_status status = att_buffer_print(ctx, &path, "%.*s%s", folder, file->path, name);
    if (!status) status = read_part(ctx, path.data, file, &file->parts[file->part_count++]);
    att_buffer_free(ctx, &path);
    if (status) return status;
  }
  return ATT_OK;
}

static att_status read_index(att_context *ctx, att_tensor_file *file) {
  json_t *index = NULL, *files = json_object();
  att_status status =
      files ? att_json_open(ctx, file->path, &index) : att_fail(ctx, ATT_MEMORY, "%s: no memory", file->path);
  if (!status) status = list_files(ctx, file->path, index, files);
  if (!status) status = read_files(ctx, files, file);
  json_decref(index);
  json_decref(files);
  return status;
}

static att_status read_single(att_context *ctx, att_tensor_file *file) {
  file->parts = ATT_NEW(ctx, 1, att_tensor_part);
  if (!file->parts) return ATT_MEMORY;
  file->part_count = 1;
  return read_part(ctx, file->path, file, file->parts);
}

static att_status read_all(att_context *ctx, const char *path, att_tensor_file *file) {
  att_buffer index = {0};
  ATT_TRY(att_buffer_print(ctx, &index, "%s.index.json", path));
  bool many = !att_file_exists(path) && att_file_exists(index.data);
  file->path = many ? index.data : att_copy_text(ctx, path, strlen(path));
  if (!many) att_buffer_free(ctx, &index);
  if (!file->path) return ATT_MEMORY;
  return many ? read_index(ctx, file) : read_single(ctx, file);
}

static void free_header(void *header) { json_decref(header); }

att_status att_safetensors_open(att_context *ctx, const char *path, att_tensor_file **out) {
  att_tensor_file *file;
  *out = NULL;
  ATT_TRY(att_tensor_file_new(ctx, &file));
  file->free_header = free_header;
  att_status status = read_all(ctx, path, file);
  if (!status) status = att_tensor_file_sort(file);
  if (status) {
    att_tensor_file_close(file);
  } else {
    *out = file;
  }
  return status;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static att_status put_entry(att_context *ctx, att_buffer *header, const att_to_store *tensor, size_t begin,
                            size_t end) {
  ATT_TRY(att_buffer_append(ctx, header, ",", 1));
  ATT_TRY(att_json_put_string(ctx, header, tensor->name, strlen(tensor->name)));
  ATT_TRY(att_buffer_print(ctx, header, ":{\"dtype\":\"%s\",\"shape\":[", att_type_label(tensor->type)));
  for (int i = 0; i < tensor->rank; i++) {
    ATT_TRY(att_buffer_print(ctx, header, "%s%" PRId64, i ? "," : "", tensor->shape[i]));
  }
  return att_buffer_print(ctx, header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

static att_status make_header(att_context *ctx, const char *path, const att_to_store *tensors, size_t count,
                              att_buffer *header) {
  size_t begin = 0;
  ATT_TRY(att_buffer_print(ctx, header, "{\"" ATT_METADATA "\":{\"format\":\"pt\"}"));
  for (size_t i = 0; i < count; i++) {
    const att_to_store *tensor = &tensors[i];
    int64_t values;
    size_t size, end;
    if (tensor->rank < 0 || tensor->rank > ATT_MAX_RANK ||
        !att_shape_size(tensor->shape, tensor->rank, tensor->type, &values, &size) ||
        __builtin_add_overflow(begin, size, &end)) {
      return att_fail(ctx, ATT_ARGUMENT, "%s: tensor %.200s: has an impossible shape", path, tensor->name);
    }
    ATT_TRY(put_entry(ctx, header, tensor, begin, end));
    begin = end;
  }
  ATT_TRY(att_buffer_append(ctx, header, "}", 1));
  ATT_TRY(att_buffer_append(ctx, header, "       ", (8 - header->size % 8) % 8)); /* so that the data is aligned */
  if (header->size <= ATT_LARGEST_HEADER) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: too many tensors for one file", path);
}

static float value_at(const att_to_store *tensor, int64_t index) {
  return att_value_at(tensor->data, tensor->data_type, index);
}

static att_status refuse_value(att_context *ctx, const char *path, const att_to_store *tensor, int64_t index) {
  double value = (double)value_at(tensor, index);
  const char *why = value - value == 0 ? "is too large for the type to store" : "is not a number to store";
  return att_fail(ctx, ATT_NUMERIC, "%s: tensor %.200s: value %" PRId64 " (%g) %s", path, tensor->name, index, value,
                  why);
}

/* An exponent of all ones is infinity or NaN, in the input or by rounding. Returns the first such index, or count. */
static int64_t convert(const float *values, int64_t count, att_type type, uint16_t *halves) {
  uint16_t exponent = type == ATT_F16 ? 0x7c00 : 0x7f80;
  for (int64_t i = 0; i < count; i++) {
    halves[i] = type == ATT_F16 ? att_f32_to_f16(values[i]) : att_f32_to_bf16(values[i]);
    if ((halves[i] & exponent) == exponent) return i;
  }
  return count;
}

static int64_t count_finite(const float *values, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (!(values[i] - values[i] == 0)) return i;
  }
  return count;
}

static att_status put_floats(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor,
                             int64_t count) {
  float read[ATT_BLOCK];
  uint16_t halves[ATT_BLOCK];
  for (int64_t done = 0; done < count; done += ATT_BLOCK) {
    int64_t block = count - done < ATT_BLOCK ? count - done : ATT_BLOCK;
    bool whole = tensor->type == ATT_F32, straight = tensor->data_type == ATT_F32;
    const float *values = straight ? (const float *)tensor->data + done : read;
    for (int64_t i = 0; !straight && i < block; i++) read[i] = value_at(tensor, done + i);
    int64_t good = whole ? count_finite(values, block) : convert(values, block, tensor->type, halves);
    if (good < block) return refuse_value(ctx, path, tensor, done + good);
    const void *bytes = whole ? (const void *)values : halves;
    ATT_TRY(att_writer_put(writer, bytes, (size_t)block * att_type_size(tensor->type)));
  }
  return ATT_OK;
}

static att_status put_rows(att_context *ctx, att_writer *writer, const att_to_store *tensor, int64_t count) {
  int64_t cols = tensor->shape[tensor->rank - 1], most = att_rows_at_once(tensor), rows = cols ? count / cols : 0;
  if (most > rows) most = rows;
  size_t row = att_type_bytes(tensor->type, cols);
  char *buffer = att_alloc(ctx, (size_t)most, row);
  if (!buffer) return ATT_MEMORY;
  att_status status = ATT_OK;
  for (int64_t first = 0; first < rows && !status; first += most) {
    int64_t some = rows - first < most ? rows - first : most;
    status = tensor->rows(tensor->owner, first, some, buffer);
    if (!status) status = att_writer_put(writer, buffer, (size_t)some * row);
  }
  att_free(ctx, buffer);
  return status;
}

static att_status put_tensor(att_context *ctx, att_writer *writer, const char *path, const att_to_store *tensor) {
  int64_t count;
  size_t size;
  att_shape_size(tensor->shape, tensor->rank, tensor->type, &count, &size); /* checked with the header */
  if (tensor->rows) return put_rows(ctx, writer, tensor, count);
  if (tensor->type < ATT_FLOAT_TYPES) return put_floats(ctx, writer, path, tensor, count);
  return att_writer_put(writer, tensor->data, size);
}

att_status att_safetensors_write(att_context *ctx, const char *path, const att_to_store *tensors, size_t count) {
  att_buffer header = {0};
  att_writer *writer = NULL;
  att_status status = make_header(ctx, path, tensors, count, &header);
  if (status == ATT_OK) status = att_writer_open(ctx, path, &writer);
  if (status == ATT_OK) {
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header.size >> 8 * i);
    status = att_writer_put(writer, length, sizeof length);
  }
  if (status == ATT_OK) status = att_writer_put(writer, header.data, header.size);
  for (size_t i = 0; i < count && status == ATT_OK; i++) status = put_tensor(ctx, writer, path, &tensors[i]);
  att_buffer_free(ctx, &header);
  if (status == ATT_OK) return att_writer_commit(writer);
  att_writer_discard(writer);
  return status;
}
