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
#define ATT_INDEX          ".index.json"

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
    if (att_type_block(*type) == 1 && strcmp(name, att_type_label(*type)) == 0) return ATT_OK;
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
  if (!att_shape_size(out->shape, out->rank, 1, att_type_size(out->type), &out->count, &out->size)) {
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
  *out = (att_stored){.name = place->name};
  ATT_TRY(read_type(ctx, place, entry, &out->type));
  out->label = att_type_label(out->type);
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
    if (!status && !att_file_exists(path.data))
      status =
          att_fail(ctx, ATT_IO, "%s: there is no such file, and %s names it: download it too", path.data, file->path);
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

static bool is_index(const char *path) {
  size_t size = strlen(path), last = strlen(ATT_INDEX);
  return size > last && strcmp(path + size - last, ATT_INDEX) == 0;
}

static att_status read_all(att_context *ctx, const char *path, att_tensor_file *file) {
  att_buffer name = {0};
  ATT_TRY(att_buffer_print(ctx, &name, "%s" ATT_INDEX, path));
  bool listed = !is_index(path) && !att_file_exists(path) && att_file_exists(name.data);
  if (!listed) name.data[strlen(path)] = '\0';
  file->path = name.data;
  return is_index(file->path) ? read_index(ctx, file) : read_single(ctx, file);
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
    size_t size, end;
    if (att_type_block(tensor->type) > 1) {
      return att_fail(ctx, ATT_ARGUMENT, "%s: tensor %.200s: safetensors has no type %s", path, tensor->name,
                      att_type_label(tensor->type));
    }
    ATT_TRY(att_to_store_size(ctx, path, tensor, &size));
    if (__builtin_add_overflow(begin, size, &end)) {
      return att_fail(ctx, ATT_ARGUMENT, "%s: too large for one file", path);
    }
    ATT_TRY(put_entry(ctx, header, tensor, begin, end));
    begin = end;
  }
  ATT_TRY(att_buffer_append(ctx, header, "}", 1));
  ATT_TRY(att_buffer_append(ctx, header, "       ", (8 - header->size % 8) % 8)); /* so that the data is aligned */
  if (header->size <= ATT_LARGEST_HEADER) return ATT_OK;
  return att_fail(ctx, ATT_ARGUMENT, "%s: too many tensors for one file", path);
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
  for (size_t i = 0; i < count && status == ATT_OK; i++) status = att_to_store_put(ctx, writer, path, &tensors[i]);
  att_buffer_free(ctx, &header);
  if (status == ATT_OK) return att_writer_commit(writer);
  att_writer_discard(writer);
  return status;
}
