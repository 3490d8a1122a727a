/*
 * Owns JSON: reading through jansson with messages that name file and key, and writing strings and numbers. Refuses
 * duplicate keys, values of another type, and to know what the keys mean. See json.h.
 */
#include "formats/json.h"

#include "formats/file.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ATT_LARGEST_JSON ((size_t)1 << 30)

/* ---- reading -------------------------------------------------------------------------------------------------- */

static att_status parse(att_context *ctx, const char *name, const char *data, size_t size, size_t flags,
                        json_t **root) {
  json_error_t error = {0};
  *root = json_loadb(size > 0 ? data : "", size, JSON_REJECT_DUPLICATES | flags, &error);
  if (*root) return ATT_OK;
  if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0') { /* it cannot always say so */
    return att_fail(ctx, ATT_MEMORY, "%s: no memory to read its JSON", name);
  }
  return att_fail(ctx, ATT_FORMAT, "%s: is not valid JSON: line %d, column %d: %s", name, error.line, error.column,
                  error.text);
}

att_status att_json_parse(att_context *ctx, const char *name, const char *data, size_t size, json_t **root) {
  return parse(ctx, name, data, size, 0, root);
}

static att_status open_file(att_context *ctx, const char *path, size_t flags, json_t **root) {
  *root = NULL;
  att_buffer text = {0};
  att_status status = att_file_read(ctx, path, ATT_LARGEST_JSON, &text);
  if (status == ATT_OK) status = att_check_download(ctx, path, text.data, text.size);
  if (status == ATT_OK) status = att_check_text(ctx, path, (att_text){text.data, text.size});
  bool marked = text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0; /* as some editors write it */
  size_t skip = marked ? 3 : 0;
  if (status == ATT_OK) status = parse(ctx, path, text.data + skip, text.size - skip, flags, root);
  att_buffer_free(ctx, &text);
  return status;
}

att_status att_json_open(att_context *ctx, const char *path, json_t **root) { return open_file(ctx, path, 0, root); }

att_status att_json_open_reals(att_context *ctx, const char *path, json_t **root) {
  return open_file(ctx, path, JSON_DECODE_INT_AS_REAL, root);
}

/* What a message says of a value that should have been another. */
typedef struct att_described {
  char text[80];
} att_described;

static att_described describe(const json_t *value) {
  att_described out;
  switch (json_typeof(value)) {
  case JSON_OBJECT: snprintf(out.text, sizeof out.text, "an object"); break;
  case JSON_ARRAY: snprintf(out.text, sizeof out.text, "a list"); break;
  case JSON_STRING: snprintf(out.text, sizeof out.text, "\"%.60s\"", json_string_value(value)); break;
  case JSON_INTEGER: snprintf(out.text, sizeof out.text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
  case JSON_REAL: att_format(out.text, sizeof out.text, "%g", json_real_value(value)); break;
  case JSON_TRUE: snprintf(out.text, sizeof out.text, "true"); break;
  case JSON_FALSE: snprintf(out.text, sizeof out.text, "false"); break;
  default: snprintf(out.text, sizeof out.text, "null"); break;
  }
  return out;
}

/* *value: the member, or NULL where it is absent or null and need not be there. */
static att_status member(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                         const json_t **value) {
  *value = json_object_get(object, key);
  if (*value && json_is_null(*value)) *value = NULL;
  return *value || !required ? ATT_OK : att_fail(ctx, ATT_FORMAT, "%s: %s is missing", name, key);
}

att_status att_json_int(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                        int64_t low, int64_t high, int64_t *out) {
  const json_t *value;
  ATT_TRY(member(ctx, name, object, key, required, &value));
  if (!value) return ATT_OK;
  if (!json_is_integer(value) || json_integer_value(value) < low || json_integer_value(value) > high) {
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %s, not a whole number from %" PRId64 " to %" PRId64, name, key,
                    describe(value).text, low, high);
  }
  *out = json_integer_value(value);
  return ATT_OK;
}

att_status att_json_number(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                           double *out) {
  const json_t *value;
  ATT_TRY(member(ctx, name, object, key, required, &value));
  if (!value) return ATT_OK;
  if (!json_is_number(value)) {
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %s, not a number", name, key, describe(value).text);
  }
  *out = json_number_value(value);
  return ATT_OK;
}

att_status att_json_bool(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                         bool *out) {
  const json_t *value;
  ATT_TRY(member(ctx, name, object, key, required, &value));
  if (!value) return ATT_OK;
  if (!json_is_boolean(value)) {
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %s, not true or false", name, key, describe(value).text);
  }
  *out = json_is_true(value);
  return ATT_OK;
}

att_status att_json_string(att_context *ctx, const char *name, const json_t *object, const char *key, bool required,
                           const char **out) {
  const json_t *value;
  ATT_TRY(member(ctx, name, object, key, required, &value));
  if (!value) return ATT_OK;
  if (!json_is_string(value)) {
    return att_fail(ctx, ATT_FORMAT, "%s: %s is %s, not a string", name, key, describe(value).text);
  }
  *out = json_string_value(value);
  return ATT_OK;
}

void att_json_warn_of_others(att_context *ctx, const char *name, const json_t *object, const char *where,
                             const char *const *known, size_t count) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)object, key, value) {
    bool found = json_is_null(value);
    for (size_t i = 0; i < count && !found; i++) found = strcmp(key, known[i]) == 0;
    if (!found) att_log(ctx, ATT_LOG_WARNING, "%s: %s%.60s is not applied", name, where, key);
  }
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

size_t att_json_character(const char *text, size_t left) {
  const unsigned char *data = (const unsigned char *)text;
  unsigned char first = data[0];
  if (first < 0x80) return 1;
  size_t size = first >= 0xc2 && first <= 0xdf   ? 2
                : (first & 0xf0) == 0xe0         ? 3
                : first >= 0xf0 && first <= 0xf4 ? 4
                                                 : 0;
  if (size == 0 || size > left) return 0;
  unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;  /* neither overlong, */
  unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf; /* nor a surrogate, nor above U+10FFFF */
  if (data[1] < low || data[1] > high) return 0;
  for (size_t i = 2; i < size; i++) {
    if ((data[i] & 0xc0) != 0x80) return 0;
  }
  return size;
}

static att_status put_escaped(att_context *ctx, att_buffer *out, unsigned char byte) {
  switch (byte) {
  case '"': return att_buffer_append(ctx, out, "\\\"", 2);
  case '\\': return att_buffer_append(ctx, out, "\\\\", 2);
  case '\n': return att_buffer_append(ctx, out, "\\n", 2);
  case '\r': return att_buffer_append(ctx, out, "\\r", 2);
  case '\t': return att_buffer_append(ctx, out, "\\t", 2);
  default: return att_buffer_print(ctx, out, "\\u%04x", byte);
  }
}

att_status att_json_put_string(att_context *ctx, att_buffer *out, const char *data, size_t size) {
  ATT_TRY(att_buffer_append(ctx, out, "\"", 1));
  const unsigned char *bytes = (const unsigned char *)data;
  for (size_t i = 0, plain; i < size;) {
    for (plain = i; plain < size;) { /* runs that need no change are copied at once */
      size_t step = att_json_character(data + plain, size - plain);
      if (step == 0 || bytes[plain] < 0x20 || bytes[plain] == '"' || bytes[plain] == '\\') break;
      plain += step;
    }
    ATT_TRY(att_buffer_append(ctx, out, data + i, plain - i));
    i = plain;
    if (i == size) break;
    ATT_TRY(bytes[i] < 0x80 ? put_escaped(ctx, out, bytes[i]) : att_buffer_append(ctx, out, "\xef\xbf\xbd", 3));
    i++;
  }
  return att_buffer_append(ctx, out, "\"", 1);
}

att_status att_json_put_number(att_context *ctx, att_buffer *out, double value) {
  char text[32];
  if (!isfinite(value)) return att_buffer_append(ctx, out, "null", 4);
  return att_buffer_print(ctx, out, "%s", att_number_spell(value, text));
}

att_status att_json_put_float(att_context *ctx, att_buffer *out, float value) {
  char text[32];
  if (!isfinite(value)) return att_buffer_append(ctx, out, "null", 4);
  return att_buffer_print(ctx, out, "%s", att_number_spell_float(value, text));
}

static att_status put_real(att_context *ctx, att_buffer *out, double value, bool whole) {
  char text[340]; /* of the largest double */
  if (whole && value == floor(value)) {
    int size = att_format(text, sizeof text, "%.0f", value);
    return att_buffer_append(ctx, out, text, (size_t)size);
  }
  size_t start = out->size;
  ATT_TRY(att_json_put_number(ctx, out, value));
  bool plain = !strpbrk(out->data + start, ".en"); /* Python tells 1 from 1.0 */
  return plain ? att_buffer_append(ctx, out, ".0", 2) : ATT_OK;
}

static att_status put_list(att_context *ctx, att_buffer *out, const json_t *list, bool whole) {
  ATT_TRY(att_buffer_append(ctx, out, "[", 1));
  for (size_t i = 0; i < json_array_size(list); i++) {
    if (i) ATT_TRY(att_buffer_append(ctx, out, ", ", 2));
    ATT_TRY(att_json_put(ctx, out, json_array_get(list, i), whole));
  }
  return att_buffer_append(ctx, out, "]", 1);
}

static att_status put_members(att_context *ctx, att_buffer *out, const json_t *object, bool whole) {
  const char *key, *between = "";
  json_t *value;
  ATT_TRY(att_buffer_append(ctx, out, "{", 1));
  json_object_foreach((json_t *)object, key, value) {
    ATT_TRY(att_buffer_append(ctx, out, between, strlen(between)));
    ATT_TRY(att_json_put_string(ctx, out, key, strlen(key)));
    ATT_TRY(att_buffer_append(ctx, out, ": ", 2));
    ATT_TRY(att_json_put(ctx, out, value, whole));
    between = ", ";
  }
  return att_buffer_append(ctx, out, "}", 1);
}

att_status att_json_put(att_context *ctx, att_buffer *out, const json_t *value, bool whole) {
  switch (json_typeof(value)) {
  case JSON_OBJECT: return put_members(ctx, out, value, whole);
  case JSON_ARRAY: return put_list(ctx, out, value, whole);
  case JSON_STRING: return att_json_put_string(ctx, out, json_string_value(value), json_string_length(value));
  case JSON_INTEGER: return att_buffer_print(ctx, out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  case JSON_REAL: return put_real(ctx, out, json_real_value(value), whole);
  case JSON_TRUE: return att_buffer_append(ctx, out, "true", 4);
  case JSON_FALSE: return att_buffer_append(ctx, out, "false", 5);
  default: return att_buffer_append(ctx, out, "null", 4);
  }
}
