/* Owns reading requests by tables. See params.h. */
#include "params.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool att_wrong_say(att_wrong *wrong, const char *param, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(wrong->text, sizeof wrong->text, format, args);
  va_end(args);
  wrong->param = param;
  return false;
}

static const att_param *find(const att_param *table, const char *name) {
  for (; table->name; table++)
    if (strcmp(table->name, name) == 0) return table;
  return NULL;
}

static bool read_number(const att_param *param, const json_t *value, void *at, att_wrong *wrong) {
  bool whole = param->kind == ATT_PARAM_INT;
  double number = json_number_value(value);
  bool right = json_is_number(value) && number >= param->low && number <= param->high;
  if (!right || (whole && number != floor(number)))
    return att_wrong_say(wrong, param->name, "%s must be a %s from %.15g to %.15g", param->name,
                         whole ? "whole number" : "number", param->low, param->high);
  if (whole) {
    *(int *)at = (int)number;
  } else {
    *(double *)at = number;
  }
  return true;
}

static bool read_one(const att_param *param, json_t *value, void *into, att_wrong *wrong) {
  void *at = (char *)into + param->offset;
  switch (param->kind) {
  case ATT_PARAM_FLAG:
    if (!json_is_boolean(value)) return att_wrong_say(wrong, param->name, "%s must be true or false", param->name);
    *(bool *)at = json_is_true(value);
    return true;
  case ATT_PARAM_SEED:
    if (!json_is_integer(value)) return att_wrong_say(wrong, param->name, "%s must be a whole number", param->name);
    *(uint64_t *)at = (uint64_t)json_integer_value(value);
    return true;
  case ATT_PARAM_TEXT:
    if (!json_is_string(value)) return att_wrong_say(wrong, param->name, "%s must be a string", param->name);
    *(att_text *)at = (att_text){json_string_value(value), json_string_length(value)};
    return true;
  case ATT_PARAM_INT:
  case ATT_PARAM_NUMBER: return read_number(param, value, at, wrong);
  case ATT_PARAM_JSON: *(json_t **)at = value; return true;
  case ATT_PARAM_FILE:
  case ATT_PARAM_NONE: break;
  }
  return true;
}

bool att_params_read(const att_param *table, json_t *object, void *into, att_wrong *wrong) {
  const char *name;
  json_t *value;
  json_object_foreach(object, name, value) {
    const att_param *param = find(table, name);
    if (!param && json_is_null(value)) continue; /* clients send so what they leave out */
    if (!param) return att_wrong_say(wrong, name, "there is no parameter '%.60s' here", name);
    if (!json_is_null(value) && !read_one(param, value, into, wrong)) return false;
  }
  for (; table->name; table++)
    if (table->required &&
        (!json_object_get(object, table->name) || json_is_null(json_object_get(object, table->name))))
      return att_wrong_say(wrong, table->name, "%s is missing", table->name);
  return true;
}

/* ---- the schema ---------------------------------------------------------------------------------------------------
 */

static json_t *schema_of(const att_param *param) {
  static const char *const types[] = {"boolean", "integer", "integer", "number", "string", NULL, "string", NULL};
  json_t *schema = json_object();
  const char *type = types[param->kind];
  if (type) json_object_set_new(schema, "type", json_string(type));
  if (param->kind == ATT_PARAM_FILE) json_object_set_new(schema, "format", json_string("binary"));
  if (param->kind == ATT_PARAM_INT || param->kind == ATT_PARAM_NUMBER) {
    json_object_set_new(schema, "minimum", json_real(param->low));
    json_object_set_new(schema, "maximum", json_real(param->high));
  }
  json_object_set_new(schema, "description",
                      json_string(param->kind == ATT_PARAM_NONE ? "changes no result" : param->help));
  return schema;
}

json_t *att_params_schema(const att_param *table) {
  json_t *properties = json_object(), *required = json_array();
  for (; table->name; table++) {
    json_object_set_new(properties, table->name, schema_of(table));
    if (table->required) json_array_append_new(required, json_string(table->name));
  }
  return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties, "required", required,
                   "additionalProperties", 0);
}

/* ---- values -------------------------------------------------------------------------------------------------------
 */

json_t *att_text_json(const char *data, size_t size) {
  json_t *text = json_stringn(size ? data : "", size);
  char *copy = text ? NULL : malloc(size + 1);
  if (!copy) return text;
  for (size_t i = 0; i < size; i++) copy[i] = (unsigned char)data[i] < 128 ? data[i] : '?';
  text = json_stringn(copy, size);
  free(copy);
  return text;
}

json_t *att_number_json(double number) { return isfinite(number) ? json_real(number) : json_null(); }
