/*
 * Owns GGUF's metadata: keys with typed values, as they lie in the mapped file, and what is asked of them by key
 * (github.com/ggml-org/ggml, docs/gguf.md). Only keys and the places of strings are copied. Refuses whatever goes
 * beyond the file, and to know what the keys mean.
 */
#ifndef ATT_FORMATS_GGUF_METADATA_H
#define ATT_FORMATS_GGUF_METADATA_H

#include "base/arena.h"

/* As the file numbers them. */
typedef enum att_gguf_type {
  ATT_GGUF_UINT8,
  ATT_GGUF_INT8,
  ATT_GGUF_UINT16,
  ATT_GGUF_INT16,
  ATT_GGUF_UINT32,
  ATT_GGUF_INT32,
  ATT_GGUF_FLOAT32,
  ATT_GGUF_BOOL,
  ATT_GGUF_STRING,
  ATT_GGUF_ARRAY,
  ATT_GGUF_UINT64,
  ATT_GGUF_INT64,
  ATT_GGUF_FLOAT64,
  ATT_GGUF_TYPE_COUNT
} att_gguf_type;

const char *att_gguf_type_name(att_gguf_type type); /* "uint8", ..., "array" */
size_t att_gguf_type_size(att_gguf_type type);      /* bytes; 0: strings and arrays */

/* A key and its value: read from a file, or to be written. */
typedef struct att_gguf_entry {
  const char *key;
  att_gguf_type type; /* of the value; of an array, of its elements */
  bool array;
  size_t count;     /* of elements; 1 where it is no array */
  const void *data; /* [count] of the type, little-endian, at any address; strings: att_text, whose bytes may be no
                       UTF-8; arrays of arrays: their bytes in the file */
  size_t size;      /* bytes of data; of strings unused */
} att_gguf_entry;

typedef struct att_gguf_metadata {
  att_context *ctx;
  const char *path; /* for messages */
  size_t count;
  att_gguf_entry *entries;       /* in the file's order */
  const att_gguf_entry **by_key; /* sorted */
} att_gguf_metadata;

/* ---- by key ----
 * Absent: ATT_FORMAT "FILE: KEY is missing" where it is required, else *out stays as it is. Of another type or out of
 * range: ATT_FORMAT "FILE: KEY is ..., not ...". */

/* An integer of any size. */
att_status att_gguf_int(const att_gguf_metadata *m, const char *key, bool required, int64_t low, int64_t high,
                        int64_t *out);
/* A finite number: a float or an integer. */
att_status att_gguf_number(const att_gguf_metadata *m, const char *key, bool required, double *out);
att_status att_gguf_bool(const att_gguf_metadata *m, const char *key, bool required, bool *out);
att_status att_gguf_string(const att_gguf_metadata *m, const char *key, bool required, att_text *out);

/* What an array holds. */
typedef enum att_gguf_kind { ATT_GGUF_INTS, ATT_GGUF_NUMBERS, ATT_GGUF_BOOLS, ATT_GGUF_STRINGS } att_gguf_kind;
att_status att_gguf_array(const att_gguf_metadata *m, const char *key, bool required, att_gguf_kind kind,
                          const att_gguf_entry **out);

/* NULL where it is absent. */
const att_gguf_entry *att_gguf_find(const att_gguf_metadata *m, const char *key);

/* Element i (< count), at once, whichever; of an entry whose kind has been checked. */
int64_t att_gguf_int_at(const att_gguf_entry *entry, size_t i); /* those above INT64_MAX: that */
double att_gguf_number_at(const att_gguf_entry *entry, size_t i);
bool att_gguf_bool_at(const att_gguf_entry *entry, size_t i);
att_text att_gguf_string_at(const att_gguf_entry *entry, size_t i);

/* ---- for the reader of files (gguf.c) ---- */

/* The file's bytes, read in order. */
typedef struct att_gguf_cursor {
  att_context *ctx;
  const char *path;
  const unsigned char *data;
  size_t size, at;
  char what[224]; /* that is being read, for messages: "key 3", "tensor output.weight" */
} att_gguf_cursor;

/* Goes on by count x each bytes, which begin at *out; ATT_FORMAT where the file has less. */
att_status att_gguf_take(att_gguf_cursor *c, uint64_t count, size_t each, const void **out);
att_status att_gguf_take_u32(att_gguf_cursor *c, uint32_t *out);
att_status att_gguf_take_u64(att_gguf_cursor *c, uint64_t *out);
/* A name of one byte or more, UTF-8 without NUL, copied into the arena. It becomes c->what, behind `kind`. */
att_status att_gguf_take_name(att_gguf_cursor *c, att_arena *arena, const char *kind, const char **out);
/* `count` entries. m->ctx and m->path are set; the rest of m, in the arena, is made. */
att_status att_gguf_take_metadata(att_gguf_cursor *c, att_arena *arena, uint64_t count, att_gguf_metadata *m);

#endif
