/*
 * Owns JSON: reading through jansson (duplicate keys refused) with messages that name file and key, and writing text.
 * Refuses to know what the keys mean.
 */
#ifndef ATT_FORMATS_JSON_H
#define ATT_FORMATS_JSON_H

#include "base/context.h"
#include <jansson.h>

/* Parses a whole file (at most 1 GiB) / bytes; nesting is bounded (by jansson, 2048). name: for messages. *root:
 * json_decref. */
att_status att_json_open(att_context *ctx, const char *path, json_t **root);
att_status att_json_parse(att_context *ctx, const char *name, const char *data, size_t size, json_t **root);

/* The same with all numbers as real ones: tokenizer_config.json may have whole ones that no integer holds (1e30). */
att_status att_json_open_reals(att_context *ctx, const char *path, json_t **root);

/* Typed members. Absent (or null): *out stays as it is where required is false; else ATT_FORMAT naming `name` and key.
 * Wrong type or out of [low, high]: ATT_FORMAT. */
att_status att_json_int(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                        int64_t low, int64_t high, int64_t *out);
att_status att_json_number(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                           double *out);
att_status att_json_bool(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                         bool *out);
/* *out points into the object. */
att_status att_json_string(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                           const char **out);

/* A warning for each key that is none of known[0 .. count) and whose value is not null: "name: whereKEY is not
 * applied". What is no object has no keys. */
void att_json_warn_of_others(att_context *ctx, const char *name, const json_t *object, const char *where,
                             const char *const *known, size_t count);

/* Bytes of the well-formed UTF-8 character at data (Unicode 15, table 3-7; left >= 1), 0 where there is none. */
size_t att_json_character(const char *data, size_t left);

/* Writing: appends a JSON string with its quotes (invalid UTF-8 becomes U+FFFD), a number that reads back exactly. */
att_status att_json_put_string(att_context *ctx, att_buffer *out, const char *data, size_t size);
att_status att_json_put_number(att_context *ctx, att_buffer *out, double value); /* NaN and infinity: null */
/* Any value, on one line. whole: a number without a fraction is written as a whole one, whatever it was read as. */
att_status att_json_put(att_context *ctx, att_buffer *out, const json_t *value, bool whole);
/* The fewest digits that read back as this float32: 0.1, not 0.10000000149011612. */
att_status att_json_put_float(att_context *ctx, att_buffer *out, float value);

#endif
