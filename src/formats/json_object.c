/* Owns what json_object.h says. */
#include "formats/json_object.h"

#include "formats/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void att_put(att_object *out, const char *key, const char *json) {
  if (out->status) return;
  const char *before = out->text.size > 0 ? ",\n  " : "{\n  ";
  out->status = att_buffer_print(out->ctx, &out->text, "%s\"%s\": %s", before, key, json);
}

void att_put_bool(att_object *out, const char *key, bool value) { att_put(out, key, value ? "true" : "false"); }

void att_put_int(att_object *out, const char *key, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  att_put(out, key, text);
}

void att_put_more_string(att_object *out, const char *value) {
  if (!out->status) out->status = att_json_put_string(out->ctx, &out->text, value, strlen(value));
}

void att_put_more(att_object *out, const char *text) {
  if (!out->status) out->status = att_buffer_append(out->ctx, &out->text, text, strlen(text));
}

void att_put_text(att_object *out, const char *key, const char *value) {
  att_put(out, key, "");
  att_put_more_string(out, value);
}

/* Python tells 1 from 1.0, and Transformers checks. */
void att_put_real(att_object *out, const char *key, double value, bool single) {
  att_put(out, key, "");
  if (out->status) return;
  size_t start = out->text.size;
  out->status = single ? att_json_put_float(out->ctx, &out->text, (float)value)
                       : att_json_put_number(out->ctx, &out->text, value);
  if (!out->status && !strpbrk(out->text.data + start, ".en")) att_put_more(out, ".0");
}

att_status att_object_write(att_object *out, const char *folder, const char *name) {
  att_put_more(out, "\n}\n");
  char *path = out->status ? NULL : att_path(out->ctx, folder, name);
  if (!out->status && !path) out->status = ATT_MEMORY;
  if (!out->status) out->status = att_write_file(out->ctx, path, out->text.data, out->text.size);
  att_free(out->ctx, path);
  att_buffer_free(out->ctx, &out->text);
  return out->status;
}
