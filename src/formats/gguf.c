/* Owns what gguf.h says. */
#include "formats/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF files are little-endian and attend maps them as they are"
#endif

#define ATT_VERSION_WRITTEN 3
#define ATT_ALIGNMENT_KEY   "general.alignment"
#define ATT_ALIGNMENT       32
#define ATT_MOST_DIMENSIONS 4
#define ATT_LONGEST_NAME    63                /* bytes of a tensor's name: GGML's room, without its NUL */
#define ATT_SMALLEST_TENSOR 25                /* bytes of its description: a name of one, no dimension */
#define ATT_MOST_FILES      99999             /* that five digits count */
#define ATT_STAGE           ((size_t)1 << 16) /* bytes gathered for a write */

/* Types by their number in files, with the numbers of a block and its bytes; those of attend have the same labels.
 * Names of what is no longer written: as GGML had them. */
static const struct {
  const char *label;
  int64_t block;
  size_t size;
} types[] = {
    [0] = {"F32", 1, 4},           [1] = {"F16", 1, 2},           [2] = {"Q4_0", 32, 18},
    [3] = {"Q4_1", 32, 20},        [4] = {"Q4_2", 16, 10},        [5] = {"Q4_3", 16, 12},
    [6] = {"Q5_0", 32, 22},        [7] = {"Q5_1", 32, 24},        [8] = {"Q8_0", 32, 34},
    [9] = {"Q8_1", 32, 36},        [10] = {"Q2_K", 256, 84},      [11] = {"Q3_K", 256, 110},
    [12] = {"Q4_K", 256, 144},     [13] = {"Q5_K", 256, 176},     [14] = {"Q6_K", 256, 210},
    [15] = {"Q8_K", 256, 292},     [16] = {"IQ2_XXS", 256, 66},   [17] = {"IQ2_XS", 256, 74},
    [18] = {"IQ3_XXS", 256, 98},   [19] = {"IQ1_S", 256, 50},     [20] = {"IQ4_NL", 32, 18},
    [21] = {"IQ3_S", 256, 110},    [22] = {"IQ2_S", 256, 82},     [23] = {"IQ4_XS", 256, 136},
    [24] = {"I8", 1, 1},           [25] = {"I16", 1, 2},          [26] = {"I32", 1, 4},
    [27] = {"I64", 1, 8},          [28] = {"F64", 1, 8},          [29] = {"IQ1_M", 256, 56},
    [30] = {"BF16", 1, 2},         [31] = {"Q4_0_4_4", 32, 18},   [32] = {"Q4_0_4_8", 32, 18},
    [33] = {"Q4_0_8_8", 32, 18},   [34] = {"TQ1_0", 256, 54},     [35] = {"TQ2_0", 256, 66},
    [36] = {"IQ4_NL_4_4", 32, 18}, [37] = {"IQ4_NL_4_8", 32, 18}, [38] = {"IQ4_NL_8_8", 32, 18},
    [39] = {"MXFP4", 32, 17},      [40] = {"NVFP4", 64, 36},      [41] = {"Q1_0", 128, 18},
};
#define ATT_TYPES (sizeof types / sizeof *types)

/* ---- reading: one file ---------------------------------------------------------------------------------------- */

/* What a part's header points to; it lies in its own arena. */
typedef struct part_header {
  att_arena *arena;
  att_gguf_metadata metadata;
} part_header;

static void free_header(void *header) { att_arena_free(((part_header *)header)->arena); }

static att_status make_header(att_context *ctx, const char *path, att_tensor_part *part) {
  att_arena *arena;
  ATT_TRY(att_arena_new(ctx, &arena));
  part_header *header = ATT_ARENA_NEW(arena, 1, part_header);
  char *name = att_arena_alloc(arena, strlen(path) + 1, 1);
  if (!header || !name) {
    att_arena_free(arena);
    return ATT_MEMORY;
  }
  *header = (part_header){arena, {.ctx = ctx, .path = strcpy(name, path)}};
  part->header = header;
  return ATT_OK;
}

/* The formats before GGUF have these as little-endian numbers. */
static bool is_older(const unsigned char *magic) {
  static const char *const others[] = {"lmgg", "fmgg", "tjgg", "algg"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (memcmp(magic, others[i], 4) == 0) return true;
  }
  return false;
}

static att_status check_version(att_context *ctx, const char *path, const att_mapping *file) {
  static const char again[] = "convert the model anew with a tool of today";
  uint32_t version;
  if (file->size >= 4 && is_older(file->data)) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: is a GGML file from before GGUF, which attend does not read: %s", path,
                    again);
  }
  if (file->size < 4 || memcmp(file->data, ATT_GGUF_MAGIC, 4) != 0) {
    return att_fail(ctx, ATT_FORMAT, "%s: is no GGUF file", path);
  }
  if (file->size < 8) return att_fail(ctx, ATT_FORMAT, "%s: is cut off after %zu bytes", path, file->size);
  memcpy(&version, file->data + 4, sizeof version);
  if (version && version % 65536 == 0) {
    return att_fail(ctx, ATT_UNSUPPORTED, "%s: is a big-endian GGUF file, which attend does not read: %s", path, again);
  }
  if (version == 2 || version == 3) return ATT_OK;
  return att_fail(ctx, ATT_UNSUPPORTED, "%s: is GGUF of version %" PRIu32 "; attend reads versions 2 and 3: %s", path,
                  version, version < 2 ? again : "attend may be too old for it");
}

static att_status read_alignment(const att_gguf_metadata *m, uint64_t *out) {
  int64_t value = ATT_ALIGNMENT;
  ATT_TRY(att_gguf_int(m, ATT_ALIGNMENT_KEY, false, 1, UINT32_MAX, &value));
  *out = (uint64_t)value;
  if ((value & (value - 1)) == 0) return ATT_OK;
  return att_fail(m->ctx, ATT_FORMAT, "%s: " ATT_ALIGNMENT_KEY " is %" PRId64 ", not a power of two", m->path, value);
}

static uint64_t aligned(uint64_t size, uint64_t alignment) { return (size + alignment - 1) / alignment * alignment; }

static att_status bad(const att_gguf_cursor *c, const char *name, const char *what) {
  return att_fail(c->ctx, ATT_FORMAT, "%s: tensor %.200s: %s", c->path, name, what);
}

static att_status read_shape(att_gguf_cursor *c, att_stored *out) {
  uint32_t rank;
  ATT_TRY(att_gguf_take_u32(c, &rank));
  if (rank > ATT_MOST_DIMENSIONS) {
    return att_fail(c->ctx, ATT_UNSUPPORTED, "%s: tensor %.200s: has %" PRIu32 " dimensions, GGUF has at most %d",
                    c->path, out->name, rank, ATT_MOST_DIMENSIONS);
  }
  out->rank = (int)rank;
  for (int i = out->rank - 1; i >= 0; i--) {
    uint64_t dimension;
    ATT_TRY(att_gguf_take_u64(c, &dimension));
    if (dimension == 0 || dimension > INT64_MAX) return bad(c, out->name, "has a dimension of 0, or too large");
    out->shape[i] = (int64_t)dimension;
  }
  return ATT_OK;
}

/* attend's type of that name, or ATT_TYPE_COUNT. */
static att_type type_of(const char *label) {
  for (int i = 0; i < ATT_TYPE_COUNT; i++) {
    if (strcmp(att_type_label((att_type)i), label) == 0) return (att_type)i;
  }
  return ATT_TYPE_COUNT;
}

/* A type that nobody has heard of has no size that could be checked; it is refused where the tensor is asked for. */
att_status att_gguf_set_type(const att_gguf_cursor *c, att_arena *arena, uint32_t number, att_stored *out) {
  bool known = number < ATT_TYPES;
  char *label = known ? NULL : att_arena_alloc(arena, 32, 1);
  if (!known && !label) return ATT_MEMORY;
  if (!known) snprintf(label, 32, "type %" PRIu32, number);
  out->label = known ? types[number].label : label;
  out->type = known ? type_of(out->label) : ATT_TYPE_COUNT;
  int64_t block = known ? types[number].block : 1, row = out->rank > 0 ? out->shape[out->rank - 1] : 1;
  if (row % block != 0) {
    return att_fail(c->ctx, ATT_FORMAT,
                    "%s: tensor %.200s: rows of %" PRId64 " numbers are not whole blocks of %s, "
                    "which have %" PRId64,
                    c->path, out->name, row, out->label, block);
  }
  if (att_shape_size(out->shape, out->rank, block, known ? types[number].size : 0, &out->count, &out->size)) {
    return ATT_OK;
  }
  return bad(c, out->name, "has an impossible shape");
}

static att_status read_tensor(att_gguf_cursor *c, att_arena *arena, att_stored *out, uint64_t *offset) {
  *out = (att_stored){.name = NULL};
  ATT_TRY(att_gguf_take_name(c, arena, "tensor", &out->name));
  uint32_t type;
  ATT_TRY(read_shape(c, out));
  ATT_TRY(att_gguf_take_u32(c, &type));
  ATT_TRY(att_gguf_set_type(c, arena, type, out));
  return att_gguf_take_u64(c, offset);
}

/* The data begins at the next multiple of the alignment. */
static att_status place_tensors(const att_gguf_cursor *c, const part_header *header, att_stored *tensors,
                                const uint64_t *offsets, size_t count) {
  uint64_t alignment;
  ATT_TRY(read_alignment(&header->metadata, &alignment));
  uint64_t begin = aligned(c->at, alignment);
  if (count > 0 && begin > c->size) {
    return att_fail(c->ctx, ATT_FORMAT, "%s: ends before byte %" PRIu64 ", where its tensors begin; is it cut off?",
                    c->path, begin);
  }
  for (size_t i = 0; i < count; i++) {
    uint64_t size = c->size - begin;
    if (offsets[i] % alignment != 0) return bad(c, tensors[i].name, "is not aligned as " ATT_ALIGNMENT_KEY " says");
    if (offsets[i] > size || tensors[i].size > size - offsets[i]) {
      return bad(c, tensors[i].name, "lies outside of the file; is it cut off?");
    }
    tensors[i].data = c->data + begin + offsets[i];
  }
  return ATT_OK;
}

/* One of unknown size comes before the one that begins where it stands. */
static int compare_data(const void *left, const void *right) {
  const att_stored *a = left, *b = right;
  if (a->data != b->data) return a->data < b->data ? -1 : 1;
  return (a->size > b->size) - (a->size < b->size);
}

static att_status check_overlap(const att_gguf_cursor *c, att_stored *tensors, size_t count) {
  if (count > 0) qsort(tensors, count, sizeof *tensors, compare_data);
  for (size_t i = 1; i < count; i++) {
    const char *end = (const char *)tensors[i - 1].data + tensors[i - 1].size;
    if ((const char *)tensors[i].data < end) return bad(c, tensors[i].name, "overlaps another tensor");
  }
  return ATT_OK;
}

/* Adds a part's tensors to the file's. */
static att_status read_tensors(att_gguf_cursor *c, const part_header *header, uint64_t count, att_tensor_file *file) {
  const void *unused;
  att_gguf_cursor ahead = *c;
  snprintf(ahead.what, sizeof ahead.what, "its list of tensors");
  ATT_TRY(att_gguf_take(&ahead, count, ATT_SMALLEST_TENSOR, &unused));
  att_stored *tensors = att_resize(c->ctx, file->tensors, file->count + (size_t)count, sizeof *tensors);
  if (!tensors) return ATT_MEMORY;
  file->tensors = tensors;
  tensors += file->count;
  uint64_t *offsets = ATT_ARENA_NEW(header->arena, count, uint64_t);
  if (!offsets) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    snprintf(c->what, sizeof c->what, "tensor %zu", i);
    ATT_TRY(read_tensor(c, header->arena, &tensors[i], &offsets[i]));
  }
  ATT_TRY(place_tensors(c, header, tensors, offsets, (size_t)count));
  ATT_TRY(check_overlap(c, tensors, (size_t)count));
  file->count += (size_t)count;
  return ATT_OK;
}

static att_status read_part(att_context *ctx, const char *path, att_tensor_file *file, att_tensor_part *part) {
  uint64_t tensors, entries;
  ATT_TRY(att_map(ctx, path, &part->mapping));
  ATT_TRY(check_version(ctx, path, &part->mapping));
  ATT_TRY(make_header(ctx, path, part));
  part_header *header = part->header;
  att_gguf_cursor c = {ctx, path, part->mapping.data, part->mapping.size, 8, "its head"};
  ATT_TRY(att_gguf_take_u64(&c, &tensors));
  ATT_TRY(att_gguf_take_u64(&c, &entries));
  ATT_TRY(att_gguf_take_metadata(&c, header->arena, entries, &header->metadata));
  return read_tensors(&c, header, tensors, file);
}

static att_status read_parts(att_context *ctx, char *const *paths, size_t count, att_tensor_file *file) {
  file->parts = ATT_NEW(ctx, count, att_tensor_part);
  file->path = att_copy_text(ctx, paths[0], strlen(paths[0]));
  if (!file->parts || !file->path) return ATT_MEMORY;
  while (file->part_count < count) {
    size_t i = file->part_count++;
    ATT_TRY(read_part(ctx, paths[i], file, &file->parts[i]));
  }
  file->metadata = &((const part_header *)file->parts[0].header)->metadata;
  return ATT_OK;
}

static att_status open_parts(att_context *ctx, char *const *paths, size_t count, att_tensor_file **out) {
  ATT_TRY(att_tensor_file_new(ctx, out));
  (*out)->free_header = free_header;
  return read_parts(ctx, paths, count, *out);
}

/* ---- reading: several files ----------------------------------------------------------------------------------- */

/* Which of how many files a part says that it is. */
typedef struct split {
  int64_t number, count; /* number from 0 */
  int64_t tensors;       /* of all files; -1: not said */
} split;

static att_status read_split(const att_tensor_part *part, split *out) {
  const att_gguf_metadata *m = &((const part_header *)part->header)->metadata;
  *out = (split){0, 1, -1};
  ATT_TRY(att_gguf_int(m, "split.count", false, 0, ATT_MOST_FILES, &out->count));
  ATT_TRY(att_gguf_int(m, "split.tensors.count", false, 0, INT64_MAX, &out->tensors));
  if (out->count < 2) return ATT_OK;
  return att_gguf_int(m, "split.no", true, 0, out->count - 1, &out->number);
}

static void free_paths(att_context *ctx, char **paths, int64_t count) {
  for (int64_t i = 0; paths && i < count; i++) att_free(ctx, paths[i]);
  att_free(ctx, paths);
}

static void put_ending(char ending[32], int64_t number, int64_t count) {
  snprintf(ending, 32, "-%05d-of-%05d.gguf", (int)number + 1, (int)count);
}

/* Where all files lie, by the name of one. */
static att_status list_paths(att_context *ctx, const char *path, const split *s, char **paths) {
  char ending[32];
  put_ending(ending, s->number, s->count);
  size_t size = strlen(path), last = strlen(ending);
  if (size < last || strcmp(path + size - last, ending) != 0) {
    return att_fail(ctx, ATT_FORMAT,
                    "%s: is file %" PRId64 " of %" PRId64
                    "; the others cannot be found, as its name does not end in %s",
                    path, s->number + 1, s->count, ending);
  }
  for (int64_t i = 0; i < s->count; i++) {
    paths[i] = att_copy_text(ctx, path, size);
    if (!paths[i]) return ATT_MEMORY;
    put_ending(ending, i, s->count);
    memcpy(paths[i] + size - last, ending, last);
  }
  return ATT_OK;
}

/* Says which are not there: some of their names, and how many. */
static att_status check_all_there(att_context *ctx, const char *path, char *const *paths, int64_t count) {
  att_buffer names = {0};
  int64_t missing = 0;
  att_status status = ATT_OK;
  for (int64_t i = 0; i < count && !status; i++) {
    if (att_file_exists(paths[i]) || missing++ >= 3) continue;
    const char *slash = strrchr(paths[i], '/');
    status = att_buffer_print(ctx, &names, "%s%.200s", missing > 1 ? ", " : "", slash ? slash + 1 : paths[i]);
  }
  if (!status && missing) {
    status = att_fail(ctx, ATT_IO, "%s: is one of %" PRId64 " files, of which %" PRId64 " are not beside it: %s%s",
                      path, count, missing, names.data, missing > 3 ? ", ..." : "");
  }
  att_buffer_free(ctx, &names);
  return status;
}

static att_status check_split(const att_tensor_file *file, const split *s, char *const *paths) {
  for (size_t i = 0; i < file->part_count; i++) {
    split own;
    ATT_TRY(read_split(&file->parts[i], &own));
    if (own.count == s->count && own.number == (int64_t)i) continue;
    return att_fail(file->ctx, ATT_FORMAT, "%s: says that it is file %" PRId64 " of %" PRId64 ", and its name another",
                    paths[i], own.number + 1, own.count);
  }
  if (s->tensors < 0 || (uint64_t)s->tensors == file->count) return ATT_OK;
  return att_fail(file->ctx, ATT_FORMAT, "%s: its %zu files have %zu tensors together, not %" PRId64, file->path,
                  file->part_count, file->count, s->tensors);
}

static att_status open_split(att_context *ctx, const char *path, const split *s, att_tensor_file **out) {
  char **paths = ATT_NEW(ctx, s->count, char *);
  if (!paths) return ATT_MEMORY;
  att_status status = list_paths(ctx, path, s, paths);
  if (!status) status = check_all_there(ctx, path, paths, s->count);
  if (!status) status = open_parts(ctx, paths, (size_t)s->count, out);
  if (!status) status = check_split(*out, s, paths);
  free_paths(ctx, paths, s->count);
  return status;
}

bool att_is_gguf_path(const char *path) {
  size_t size = strlen(path);
  bool named = size > 5 && strcmp(path + size - 5, ".gguf") == 0;
  if (named) return att_is_file(path) || !att_file_exists(path);
  char magic[4] = "";
  FILE *file = att_is_file(path) ? fopen(path, "rb") : NULL;
  bool is = file && fread(magic, 1, 4, file) == 4 && memcmp(magic, ATT_GGUF_MAGIC, 4) == 0;
  if (file) fclose(file);
  return is;
}

att_status att_gguf_open(att_context *ctx, const char *path, att_tensor_file **out) {
  split s;
  char *alone = (char *)(uintptr_t)path;
  *out = NULL;
  att_status status = open_parts(ctx, &alone, 1, out);
  if (!status) status = read_split((*out)->parts, &s);
  if (!status && s.count > 1) {
    att_tensor_file_close(*out);
    *out = NULL;
    status = open_split(ctx, path, &s, out);
  }
  if (!status) status = att_tensor_file_sort(*out);
  if (!status) return ATT_OK;
  att_tensor_file_close(*out);
  *out = NULL;
  return status;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/* Bytes are gathered, as names and strings are many and short. */
typedef struct output {
  att_context *ctx;
  att_writer *writer;
  const char *path;
  att_buffer stage;
  uint64_t size; /* of all that was put */
  uint64_t alignment;
} output;

static att_status flush(output *o) {
  att_status status = att_writer_put(o->writer, o->stage.data, o->stage.size);
  o->stage.size = 0;
  return status;
}

static att_status put(output *o, const void *data, size_t size) {
  if (size == 0) return ATT_OK;
  o->size += size;
  if (o->stage.size + size > ATT_STAGE) ATT_TRY(flush(o));
  if (size > ATT_STAGE) return att_writer_put(o->writer, data, size);
  return att_buffer_append(o->ctx, &o->stage, data, size);
}

static att_status put_u32(output *o, uint32_t value) { return put(o, &value, sizeof value); }

static att_status put_u64(output *o, uint64_t value) { return put(o, &value, sizeof value); }

static att_status put_string(output *o, att_text text) {
  ATT_TRY(put_u64(o, text.size));
  return put(o, text.data, text.size);
}

static att_status pad(output *o) {
  static const char zeros[4096];
  uint64_t left = aligned(o->size, o->alignment) - o->size;
  while (left > 0) {
    size_t part = left < sizeof zeros ? (size_t)left : sizeof zeros;
    ATT_TRY(put(o, zeros, part));
    left -= part;
  }
  return ATT_OK;
}

static att_status put_entry(output *o, const att_gguf_entry *entry) {
  size_t size = entry->type == ATT_GGUF_ARRAY ? entry->size : entry->count * att_gguf_type_size(entry->type);
  ATT_TRY(put_string(o, (att_text){entry->key, strlen(entry->key)}));
  if (entry->array) ATT_TRY(put_u32(o, ATT_GGUF_ARRAY));
  ATT_TRY(put_u32(o, entry->type));
  if (entry->array) ATT_TRY(put_u64(o, entry->count));
  if (entry->type != ATT_GGUF_STRING) return put(o, entry->data, size);
  for (size_t i = 0; i < entry->count; i++) ATT_TRY(put_string(o, att_gguf_string_at(entry, i)));
  return ATT_OK;
}

static att_status check_tensor(const output *o, const att_to_store *tensor, uint32_t *type, size_t *size) {
  const char *label = att_type_label(tensor->type);
  for (*type = 0; *type < ATT_TYPES && strcmp(types[*type].label, label) != 0;) ++*type;
  bool shaped = tensor->rank <= ATT_MOST_DIMENSIONS;
  for (int i = 0; i < tensor->rank && shaped; i++) shaped = tensor->shape[i] > 0;
  if (*type == ATT_TYPES || !shaped || strlen(tensor->name) > ATT_LONGEST_NAME) {
    const char *why = *type == ATT_TYPES ? "GGUF has not its type"
                      : !shaped          ? "GGUF has not such a shape"
                                         : "its name is too long for GGUF";
    return att_fail(o->ctx, ATT_ARGUMENT, "%s: tensor %.200s cannot be written: %s", o->path, tensor->name, why);
  }
  return att_to_store_size(o->ctx, o->path, tensor, size);
}

static att_status describe_tensor(output *o, const att_to_store *tensor, uint64_t *offset) {
  uint32_t type;
  size_t size;
  ATT_TRY(check_tensor(o, tensor, &type, &size));
  if (size > INT64_MAX - *offset) return att_fail(o->ctx, ATT_ARGUMENT, "%s: too large for one file", o->path);
  ATT_TRY(put_string(o, (att_text){tensor->name, strlen(tensor->name)}));
  ATT_TRY(put_u32(o, (uint32_t)tensor->rank));
  for (int i = tensor->rank - 1; i >= 0; i--) ATT_TRY(put_u64(o, (uint64_t)tensor->shape[i]));
  ATT_TRY(put_u32(o, type));
  ATT_TRY(put_u64(o, *offset));
  *offset += aligned(size, o->alignment);
  return ATT_OK;
}

static att_status put_tensor(output *o, const att_to_store *tensor) {
  size_t size;
  ATT_TRY(att_to_store_size(o->ctx, o->path, tensor, &size));
  ATT_TRY(flush(o)); /* what follows goes to the writer itself */
  ATT_TRY(att_to_store_put(o->ctx, o->writer, o->path, tensor));
  o->size += size;
  return pad(o);
}

static att_status find_alignment(output *o, const att_gguf_entry *entries, size_t count) {
  o->alignment = ATT_ALIGNMENT;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(entries[i].key, ATT_ALIGNMENT_KEY) != 0) continue;
    const att_gguf_entry *entry = &entries[i];
    const att_gguf_metadata alone = {o->ctx, o->path, 1, NULL, &entry};
    ATT_TRY(read_alignment(&alone, &o->alignment));
  }
  return ATT_OK;
}

static att_status put_all(output *o, const att_gguf_entry *entries, size_t entry_count, const att_to_store *tensors,
                          size_t tensor_count) {
  uint64_t offset = 0;
  ATT_TRY(find_alignment(o, entries, entry_count));
  ATT_TRY(put(o, ATT_GGUF_MAGIC, 4));
  ATT_TRY(put_u32(o, ATT_VERSION_WRITTEN));
  ATT_TRY(put_u64(o, tensor_count));
  ATT_TRY(put_u64(o, entry_count));
  for (size_t i = 0; i < entry_count; i++) ATT_TRY(put_entry(o, &entries[i]));
  for (size_t i = 0; i < tensor_count; i++) ATT_TRY(describe_tensor(o, &tensors[i], &offset));
  ATT_TRY(pad(o));
  for (size_t i = 0; i < tensor_count; i++) ATT_TRY(put_tensor(o, &tensors[i]));
  return flush(o);
}

att_status att_gguf_write(att_context *ctx, const char *path, const att_gguf_entry *entries, size_t entry_count,
                          const att_to_store *tensors, size_t tensor_count) {
  output o = {.ctx = ctx, .path = path};
  ATT_TRY(att_writer_open(ctx, path, &o.writer));
  att_status status = put_all(&o, entries, entry_count, tensors, tensor_count);
  att_buffer_free(ctx, &o.stage);
  if (status == ATT_OK) return att_writer_commit(o.writer);
  att_writer_discard(o.writer);
  return status;
}
