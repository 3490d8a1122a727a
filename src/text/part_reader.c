/* Owns what the readers of a tokenizer.json's parts share. See part_reader.h. */
#include "text/part_reader.h"

#include <string.h>

att_status att_part_unsupported(const att_part_reader *r, const char *part, const char *type) {
  return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: %s \"%s\" is not supported", r->name, part, type);
}

att_status att_part_wrong(const att_part_reader *r, const char *what) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: %s", r->name, what);
}

att_status att_part_type(const att_part_reader *r, const json_t *part, const char **type) {
  if (!json_is_object(part)) return att_part_wrong(r, "a part of the tokenizer is not an object");
  return att_json_string(r->ctx, r->name, part, "type", true, type);
}

att_status att_part_sequence(const att_part_reader *r, const json_t *part, const char *key, att_part_fn *read) {
  const json_t *parts = json_object_get(part, key);
  if (!json_is_array(parts)) return att_fail(r->ctx, ATT_FORMAT, "%s: %s is not an array", r->name, key);
  for (size_t i = 0; i < json_array_size(parts); i++) ATT_TRY(read(r, json_array_get(parts, i)));
  return ATT_OK;
}

att_status att_part_pattern(const att_part_reader *r, const json_t *part, const char *what, att_pattern *pattern) {
  const json_t *of = json_object_get(part, "pattern");
  const char *regex = NULL, *string = NULL;
  if (!json_is_object(of)) return att_fail(r->ctx, ATT_FORMAT, "%s: the pattern of %s is not an object", r->name, what);
  ATT_TRY(att_json_string(r->ctx, r->name, of, "Regex", false, &regex));
  if (regex) return att_pattern_read(r->ctx, r->name, what, regex, pattern);
  ATT_TRY(att_json_string(r->ctx, r->name, of, "String", true, &string));
  if (!string[0])
    return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: %s by an empty pattern is not supported", r->name, what);
  pattern->string = (att_text){string, strlen(string)};
  return ATT_OK;
}
