/*
 * Owns a JSON object as it is written, key by key. The first failure stays, so that a list of keys reads as one.
 * Refuses to know what the keys mean.
 */
#ifndef ATT_FORMATS_JSON_OBJECT_H
#define ATT_FORMATS_JSON_OBJECT_H

#include "formats/json.h"

/* Zero-initialised but for ctx. */
typedef struct att_object {
  att_context *ctx;
  att_buffer text;
  att_status status;
} att_object;

void att_put(att_object *out, const char *key, const char *json);
void att_put_bool(att_object *out, const char *key, bool value);
void att_put_int(att_object *out, const char *key, int64_t value);
void att_put_text(att_object *out, const char *key, const char *value);
/* single: the fewest digits that give the float32 back */
void att_put_real(att_object *out, const char *key, double value, bool single);
/* Goes on in the value of the key put last: bytes as they are, a JSON string. */
void att_put_more(att_object *out, const char *text);
void att_put_more_string(att_object *out, const char *value);
/* Closes the object and writes it to folder/name; frees its text, whatever the outcome. */
att_status att_object_write(att_object *out, const char *folder, const char *name);

#endif
