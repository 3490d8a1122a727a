/* Owns what gguf_metadata.h says. */
#include "formats/gguf_metadata.h"

#include "formats/json.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATT_DEEPEST        8  /* arrays in arrays */
#define ATT_SMALLEST_ENTRY 14 /* bytes: a key of one, its length, the type, a value of one */

static const struct {
  const char *name;
  size_t size;
} types[ATT_GGUF_TYPE_COUNT] = {
    [ATT_GGUF_UINT8] = {"uint8", 1},     [ATT_GGUF_INT8] = {"int8", 1},     [ATT_GGUF_UINT16] = {"uint16", 2},
    [ATT_GGUF_INT16] = {"int16", 2},     [ATT_GGUF_UINT32] = {"uint32", 4}, [ATT_GGUF_INT32] = {"int32", 4},
    [ATT_GGUF_FLOAT32] = {"float32", 4}, [ATT_GGUF_BOOL] = {"bool", 1},     [ATT_GGUF_STRING] = {"string", 0},
    [ATT_GGUF_ARRAY] = {"array", 0},     [ATT_GGUF_UINT64] = {"uint64", 8}, [ATT_GGUF_INT64] = {"int64", 8},
    [ATT_GGUF_FLOAT64] = {"float64", 8},
};

const char *att_gguf_type_name(att_gguf_type type) { return types[type].name; }

size_t att_gguf_type_size(att_gguf_type type) { return types[type].size; }

/* ---- bytes in order ------------------------------------------------------------------------------------------- */

static att_status bad(const att_gguf_cursor *c, const char *what) {
  return att_fail(c->ctx, ATT_FORMAT, "%s: %s %s", c->path, c->what, what);
}

att_status att_gguf_take(att_gguf_cursor *c, uint64_t count, size_t each, const void **out) {
  size_t left = c->size - c->at;
  if (count > left / each) {
    return att_fail(c->ctx, ATT_FORMAT,
                    "%s: %s goes on for %" PRIu64 " x %zu bytes where the file ends after %zu; is "
                    "it cut off?",
                    c->path, c->what, count, each, left);
  }
  *out = c->data + c->at;
  c->at += (size_t)count * each;
  return ATT_OK;
}

att_status att_gguf_take_u32(att_gguf_cursor *c, uint32_t *out) {
  const void *from;
  ATT_TRY(att_gguf_take(c, 1, sizeof *out, &from));
  memcpy(out, from, sizeof *out);
  return ATT_OK;
}

att_status att_gguf_take_u64(att_gguf_cursor *c, uint64_t *out) {
  const void *from;
  ATT_TRY(att_gguf_take(c, 1, sizeof *out, &from));
  memcpy(out, from, sizeof *out);
  return ATT_OK;
}

static att_status take_string(att_gguf_cursor *c, att_text *out) {
  uint64_t size;
  const void *data;
  ATT_TRY(att_gguf_take_u64(c, &size));
  ATT_TRY(att_gguf_take(c, size, 1, &data));
  *out = (att_text){data, (size_t)size};
  return ATT_OK;
}

static bool is_name(att_text text) {
  if (text.size == 0) return false;
  for (size_t i = 0, step; i < text.size; i += step) {
    step = att_json_character(text.data + i, text.size - i);
    if (step == 0 || text.data[i] == '\0') return false;
  }
  return true;
}

att_status att_gguf_take_name(att_gguf_cursor *c, att_arena *arena, const char *kind, const char **out) {
  att_text text;
  ATT_TRY(take_string(c, &text));
  if (!is_name(text)) return bad(c, "has no name, or one that is no UTF-8 text");
  char *name = att_arena_alloc(arena, text.size + 1, 1);
  if (!name) return ATT_MEMORY;
  memcpy(name, text.data, text.size);
  name[text.size] = '\0';
  snprintf(c->what, sizeof c->what, "%s %.200s", kind, name);
  *out = name;
  return ATT_OK;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static att_status take_type(att_gguf_cursor *c, att_gguf_type *type) {
  uint32_t number;
  ATT_TRY(att_gguf_take_u32(c, &number));
  if (number >= ATT_GGUF_TYPE_COUNT) {
    return att_fail(c->ctx, ATT_FORMAT, "%s: %s has a value of the unknown type %" PRIu32, c->path, c->what, number);
  }
  *type = (att_gguf_type)number;
  return ATT_OK;
}

static att_status take_strings(att_gguf_cursor *c, att_arena *arena, uint64_t count, att_gguf_entry *entry) {
  const void *unused;
  att_gguf_cursor ahead = *c;
  ATT_TRY(att_gguf_take(&ahead, count, sizeof(uint64_t), &unused)); /* each has its length at least */
  att_text *texts = ATT_ARENA_NEW(arena, count, att_text);
  if (!texts) return ATT_MEMORY;
  for (uint64_t i = 0; i < count; i++) ATT_TRY(take_string(c, &texts[i]));
  entry->data = texts;
  return ATT_OK;
}

static att_status check_numbers(att_gguf_cursor *c, att_gguf_type type, uint64_t count) {
  const void *out;
  ATT_TRY(att_gguf_take(c, count, types[type].size, &out));
  const unsigned char *bytes = out;
  for (uint64_t i = 0; type == ATT_GGUF_BOOL && i < count; i++) {
    if (bytes[i] > 1) return bad(c, "has a bool that is neither 0 nor 1");
  }
  return ATT_OK;
}

static att_status check_arrays(att_gguf_cursor *c, uint64_t count, int depth);

static att_status check_elements(att_gguf_cursor *c, att_gguf_type type, uint64_t count, int depth) {
  att_text text;
  if (type == ATT_GGUF_ARRAY) return check_arrays(c, count, depth + 1);
  if (type != ATT_GGUF_STRING) return check_numbers(c, type, count);
  for (uint64_t i = 0; i < count; i++) ATT_TRY(take_string(c, &text));
  return ATT_OK;
}

static att_status check_arrays(att_gguf_cursor *c, uint64_t count, int depth) {
  if (depth > ATT_DEEPEST) return bad(c, "has arrays in arrays too deeply");
  for (uint64_t i = 0; i < count; i++) {
    att_gguf_type type;
    uint64_t elements;
    ATT_TRY(take_type(c, &type));
    ATT_TRY(att_gguf_take_u64(c, &elements));
    ATT_TRY(check_elements(c, type, elements, depth));
  }
  return ATT_OK;
}

static att_status take_value(att_gguf_cursor *c, att_arena *arena, att_gguf_entry *entry) {
  uint64_t count = 1;
  ATT_TRY(take_type(c, &entry->type));
  entry->array = entry->type == ATT_GGUF_ARRAY;
  if (entry->array) {
    ATT_TRY(take_type(c, &entry->type));
    ATT_TRY(att_gguf_take_u64(c, &count));
  }
  size_t begin = c->at;
  entry->data = c->data + begin;
  if (entry->type == ATT_GGUF_STRING)
    ATT_TRY(take_strings(c, arena, count, entry));
  else
    ATT_TRY(check_elements(c, entry->type, count, 0));
  entry->count = (size_t)count;
  entry->size = c->at - begin;
  return ATT_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

static int compare_key(const void *left, const void *right) {
  const att_gguf_entry *const *a = left, *const *b = right;
  return strcmp((*a)->key, (*b)->key);
}

static att_status sort(att_gguf_metadata *m, att_arena *arena) {
  m->by_key = ATT_ARENA_NEW(arena, m->count, const att_gguf_entry *);
  if (!m->by_key) return ATT_MEMORY;
  for (size_t i = 0; i < m->count; i++) m->by_key[i] = &m->entries[i];
  if (m->count) qsort(m->by_key, m->count, sizeof *m->by_key, compare_key);
  for (size_t i = 1; i < m->count; i++) {
    if (compare_key(&m->by_key[i - 1], &m->by_key[i]) != 0) continue;
    return att_fail(m->ctx, ATT_FORMAT, "%s: key %.200s is there twice", m->path, m->by_key[i]->key);
  }
  return ATT_OK;
}

att_status att_gguf_take_metadata(att_gguf_cursor *c, att_arena *arena, uint64_t count, att_gguf_metadata *m) {
  const void *unused;
  att_gguf_cursor ahead = *c;
  snprintf(ahead.what, sizeof ahead.what, "its metadata");
  ATT_TRY(att_gguf_take(&ahead, count, ATT_SMALLEST_ENTRY, &unused));
  m->entries = ATT_ARENA_NEW(arena, count, att_gguf_entry);
  if (!m->entries) return ATT_MEMORY;
  for (; m->count < count; m->count++) {
    snprintf(c->what, sizeof c->what, "key %zu", m->count);
    ATT_TRY(att_gguf_take_name(c, arena, "key", &m->entries[m->count].key));
    ATT_TRY(take_value(c, arena, &m->entries[m->count]));
  }
  return sort(m, arena);
}

/* ---- by key --------------------------------------------------------------------------------------------------- */

const att_gguf_entry *att_gguf_find(const att_gguf_metadata *m, const char *key) {
  att_gguf_entry wanted = {.key = key};
  const att_gguf_entry *of = &wanted, **found = NULL;
  if (m->count) found = bsearch(&of, m->by_key, m->count, sizeof *m->by_key, compare_key);
  return found ? *found : NULL;
}

static uint64_t unsigned_at(const void *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

int64_t att_gguf_int_at(const att_gguf_entry *entry, size_t i) {
  const char *at = (const char *)entry->data + i * types[entry->type].size;
#define ATT_READ(type)                                                                                                 \
  {                                                                                                                    \
    type value;                                                                                                        \
    memcpy(&value, at, sizeof value);                                                                                  \
    return (int64_t)value;                                                                                             \
  }
  switch (entry->type) {
  case ATT_GGUF_INT8: ATT_READ(int8_t)
  case ATT_GGUF_UINT16: ATT_READ(uint16_t)
  case ATT_GGUF_INT16: ATT_READ(int16_t)
  case ATT_GGUF_UINT32: ATT_READ(uint32_t)
  case ATT_GGUF_INT32: ATT_READ(int32_t)
  case ATT_GGUF_INT64: ATT_READ(int64_t)
  case ATT_GGUF_UINT64: {
    uint64_t value = unsigned_at(at);
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
  }
  default: ATT_READ(uint8_t)
  }
#undef ATT_READ
}

double att_gguf_number_at(const att_gguf_entry *entry, size_t i) {
  float single;
  double value;
  if (entry->type == ATT_GGUF_FLOAT32) {
    memcpy(&single, (const char *)entry->data + i * sizeof single, sizeof single);
    return (double)single;
  }
  if (entry->type != ATT_GGUF_FLOAT64) return (double)att_gguf_int_at(entry, i);
  memcpy(&value, (const char *)entry->data + i * sizeof value, sizeof value);
  return value;
}

bool att_gguf_bool_at(const att_gguf_entry *entry, size_t i) { return ((const unsigned char *)entry->data)[i]; }

att_text att_gguf_string_at(const att_gguf_entry *entry, size_t i) { return ((const att_text *)entry->data)[i]; }

static bool is_int(att_gguf_type type) {
  return type < ATT_GGUF_FLOAT32 || (type >= ATT_GGUF_UINT64 && type < ATT_GGUF_FLOAT64);
}

static bool has_kind(const att_gguf_entry *entry, att_gguf_kind kind) {
  switch (kind) {
  case ATT_GGUF_INTS: return is_int(entry->type);
  case ATT_GGUF_NUMBERS:
    return is_int(entry->type) || entry->type == ATT_GGUF_FLOAT32 || entry->type == ATT_GGUF_FLOAT64;
  case ATT_GGUF_BOOLS: return entry->type == ATT_GGUF_BOOL;
  default: return entry->type == ATT_GGUF_STRING;
  }
}

/* What a message says of a value that should have been another. */
typedef struct att_described {
  char text[80];
} att_described;

static att_described describe(const att_gguf_entry *entry) {
  att_described out;
  if (entry->array) {
    snprintf(out.text, sizeof out.text, "an array of %zu values (%s)", entry->count, types[entry->type].name);
  } else if (has_kind(entry, ATT_GGUF_STRINGS)) {
    att_text text = att_gguf_string_at(entry, 0);
    snprintf(out.text, sizeof out.text, "\"%.*s\"", text.size < 60 ? (int)text.size : 60, text.data);
  } else if (has_kind(entry, ATT_GGUF_BOOLS)) {
    snprintf(out.text, sizeof out.text, att_gguf_bool_at(entry, 0) ? "true" : "false");
  } else if (entry->type == ATT_GGUF_UINT64) {
    snprintf(out.text, sizeof out.text, "%" PRIu64, unsigned_at(entry->data));
  } else if (is_int(entry->type)) {
    snprintf(out.text, sizeof out.text, "%" PRId64, att_gguf_int_at(entry, 0));
  } else {
    att_format(out.text, sizeof out.text, "%g", att_gguf_number_at(entry, 0));
  }
  return out;
}

/* *out: the entry, or NULL where it is absent and need not be there. */
static att_status get(const att_gguf_metadata *m, const char *key, bool required, bool array, att_gguf_kind kind,
                      const att_gguf_entry **out) {
  static const char *const scalars[] = {"a whole number", "a number", "true or false", "a string"};
  static const char *const arrays[] = {"an array of whole numbers", "an array of numbers", "an array of bools",
                                       "an array of strings"};
  *out = att_gguf_find(m, key);
  if (!*out) return required ? att_fail(m->ctx, ATT_FORMAT, "%s: %s is missing", m->path, key) : ATT_OK;
  if ((*out)->array == array && has_kind(*out, kind)) return ATT_OK;
  return att_fail(m->ctx, ATT_FORMAT, "%s: %s is %s, not %s", m->path, key, describe(*out).text,
                  array ? arrays[kind] : scalars[kind]);
}

att_status att_gguf_int(const att_gguf_metadata *m, const char *key, bool required, int64_t low, int64_t high,
                        int64_t *out) {
  const att_gguf_entry *entry;
  ATT_TRY(get(m, key, required, false, ATT_GGUF_INTS, &entry));
  if (!entry) return ATT_OK;
  int64_t value = att_gguf_int_at(entry, 0);
  bool beyond = entry->type == ATT_GGUF_UINT64 && unsigned_at(entry->data) > INT64_MAX;
  if (beyond || value < low || value > high) {
    return att_fail(m->ctx, ATT_FORMAT, "%s: %s is %s, not a whole number from %" PRId64 " to %" PRId64, m->path, key,
                    describe(entry).text, low, high);
  }
  *out = value;
  return ATT_OK;
}

att_status att_gguf_number(const att_gguf_metadata *m, const char *key, bool required, double *out) {
  const att_gguf_entry *entry;
  ATT_TRY(get(m, key, required, false, ATT_GGUF_NUMBERS, &entry));
  if (!entry) return ATT_OK;
  double value = att_gguf_number_at(entry, 0);
  if (!isfinite(value)) {
    return att_fail(m->ctx, ATT_FORMAT, "%s: %s is %s, not a number", m->path, key, describe(entry).text);
  }
  *out = value;
  return ATT_OK;
}

att_status att_gguf_bool(const att_gguf_metadata *m, const char *key, bool required, bool *out) {
  const att_gguf_entry *entry;
  ATT_TRY(get(m, key, required, false, ATT_GGUF_BOOLS, &entry));
  if (entry) *out = att_gguf_bool_at(entry, 0);
  return ATT_OK;
}

att_status att_gguf_string(const att_gguf_metadata *m, const char *key, bool required, att_text *out) {
  const att_gguf_entry *entry;
  ATT_TRY(get(m, key, required, false, ATT_GGUF_STRINGS, &entry));
  if (entry) *out = att_gguf_string_at(entry, 0);
  return ATT_OK;
}

att_status att_gguf_array(const att_gguf_metadata *m, const char *key, bool required, att_gguf_kind kind,
                          const att_gguf_entry **out) {
  const att_gguf_entry *entry;
  ATT_TRY(get(m, key, required, true, kind, &entry));
  if (entry) *out = entry;
  return ATT_OK;
}
