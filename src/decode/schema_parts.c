/* Owns what the keys of a JSON schema are. See schema_parts.h. */
#include "decode/schema_parts.h"

#include <math.h>
#include <string.h>

/* How two values of a key become one: the one that is there, the larger, the smaller, what both allow, all of both; or
 * they must be equal. */
typedef enum key_kind { NOTE, LARGER, SMALLER, TYPES, VALUES, BOTH, PROPERTIES, NAMES, EQUAL } key_kind;

static const struct {
  const char *name;
  key_kind kind;
} keys[] = {
    {"$schema", NOTE},
    {"$id", NOTE},
    {"$comment", NOTE},
    {"title", NOTE},
    {"description", NOTE},
    {"default", NOTE},
    {"examples", NOTE},
    {"deprecated", NOTE},
    {"readOnly", NOTE},
    {"writeOnly", NOTE},
    {"$defs", NOTE},
    {"definitions", NOTE},
    {"nullable", NOTE},
    {"$ref", EQUAL},
    {"type", TYPES},
    {"enum", VALUES},
    {"const", EQUAL},
    {"anyOf", EQUAL},
    {"oneOf", EQUAL},
    {"allOf", EQUAL},
    {"not", EQUAL},
    {"properties", PROPERTIES},
    {"required", NAMES},
    {"items", BOTH},
    {"prefixItems", EQUAL},
    {"additionalProperties", BOTH},
    {"propertyNames", BOTH},
    {"patternProperties", EQUAL},
    {"minItems", LARGER},
    {"maxItems", SMALLER},
    {"minLength", LARGER},
    {"maxLength", SMALLER},
    {"pattern", EQUAL},
    {"format", EQUAL},
    {"minimum", LARGER},
    {"maximum", SMALLER},
    {"exclusiveMinimum", LARGER},
    {"exclusiveMaximum", SMALLER},
    {"multipleOf", EQUAL},
    {"minProperties", LARGER},
};

/* -1: it is not known. */
static int kind_of(const char *key) {
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(keys[i].name, key) == 0) return (int)keys[i].kind;
  return -1;
}

bool att_schema_is_note(const char *key) { return kind_of(key) == NOTE; }

att_status att_schema_check(att_context *ctx, const json_t *schema) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)schema, key, value) {
    if (kind_of(key) < 0) return att_fail(ctx, ATT_ARGUMENT, "the JSON schema: attend does not know '%.60s'", key);
  }
  return ATT_OK;
}

static bool is_type(const char *type, const char *name) {
  return strcmp(type, name) == 0 || (strcmp(type, "number") == 0 && strcmp(name, "integer") == 0);
}

static const char *name_of(const json_t *value) {
  switch (json_typeof(value)) {
  case JSON_OBJECT: return "object";
  case JSON_ARRAY: return "array";
  case JSON_STRING: return "string";
  case JSON_NULL: return "null";
  case JSON_TRUE:
  case JSON_FALSE: return "boolean";
  default: break;
  }
  return floor(json_number_value(value)) == json_number_value(value) ? "integer" : "number";
}

bool att_schema_is_of(const json_t *type, const json_t *value) { return att_schema_has_type(type, name_of(value)); }

bool att_schema_is_of_name(const char *type, const json_t *value) { return is_type(type, name_of(value)); }

bool att_schema_has_type(const json_t *type, const char *name) {
  if (json_is_string(type)) return is_type(json_string_value(type), name);
  for (size_t i = 0; i < json_array_size(type); i++) {
    const char *one = json_string_value(json_array_get(type, i));
    if (one && is_type(one, name)) return true;
  }
  return false;
}

/* Of the types or constants of one list those that the other has, too. */
static json_t *shared(const json_t *a, const json_t *b, bool types) {
  json_t *out = json_array();
  for (int turn = 0; turn < 2; turn++) {
    const json_t *from = turn ? b : a, *other = turn ? a : b;
    size_t count = json_is_array(from) ? json_array_size(from) : 1;
    for (size_t i = 0; i < count; i++) {
      json_t *one = json_is_array(from) ? json_array_get(from, i) : (json_t *)from;
      const char *name = json_string_value(one);
      bool both = types && name && att_schema_has_type(other, name), there = false;
      for (size_t j = 0; !types && j < json_array_size(other); j++) both |= json_equal(one, json_array_get(other, j));
      for (size_t j = 0; j < json_array_size(out); j++) there |= json_equal(one, json_array_get(out, j));
      if (both && !there) json_array_append(out, one);
    }
  }
  return out;
}

static json_t *both(json_t *a, json_t *b) {
  if (json_is_false(a) || json_is_false(b)) return json_false();
  return json_pack("{s:[O, O]}", "allOf", a, b);
}

static json_t *all_properties(json_t *a, json_t *b) {
  json_t *out = json_copy(a), *value;
  const char *name;
  json_object_foreach(b, name, value) {
    json_t *have = json_object_get(a, name);
    json_object_set_new(out, name, have ? both(have, value) : json_incref(value));
  }
  return out;
}

static json_t *all_names(json_t *a, json_t *b) {
  json_t *out = json_copy(a);
  json_array_extend(out, b);
  return out;
}

/* Both, where they differ. NULL: that cannot be said. */
static json_t *merged(key_kind kind, json_t *a, json_t *b) {
  bool numbers = json_is_number(a) && json_is_number(b), above = json_number_value(a) > json_number_value(b);
  switch (kind) {
  case NOTE: return json_incref(a);
  case LARGER: return numbers ? json_incref(above ? a : b) : NULL;
  case SMALLER: return numbers ? json_incref(above ? b : a) : NULL;
  case TYPES: return shared(a, b, true);
  case VALUES: return shared(a, b, false);
  case BOTH: return both(a, b);
  case PROPERTIES: return json_is_object(a) && json_is_object(b) ? all_properties(a, b) : NULL;
  case NAMES: return json_is_array(a) && json_is_array(b) ? all_names(a, b) : NULL;
  case EQUAL: break;
  }
  return NULL;
}

/* Whether one schema speaks of what remains beside the other's names or first items. */
static bool overlaps(const json_t *a, const json_t *b) {
  const json_t *more = json_object_get(a, "additionalProperties"), *names = json_object_get(a, "properties");
  const char *name;
  json_t *value;
  if (more && !json_is_true(more)) {
    json_object_foreach(json_object_get(b, "properties"), name, value) {
      if (!json_object_get(names, name)) return true;
    }
  }
  if (json_object_get(a, "patternProperties") && json_object_get(b, "properties")) return true;
  return json_object_get(a, "items") && json_object_get(b, "prefixItems") &&
         !json_equal(json_object_get(a, "prefixItems"), json_object_get(b, "prefixItems"));
}

att_status att_schema_merge(att_context *ctx, json_t *into, const json_t *from) {
  const char *key;
  json_t *value;
  if (overlaps(into, from) || overlaps(from, into))
    return att_fail(ctx, ATT_ARGUMENT,
                    "the JSON schema: additionalProperties, patternProperties or items that speak "
                    "of another part's members are not known");
  json_object_foreach((json_t *)from, key, value) {
    json_t *have = json_object_get(into, key);
    if (have && json_equal(have, value)) continue;
    json_t *one = have ? merged((key_kind)kind_of(key), have, value) : json_incref(value);
    if (!one) return att_fail(ctx, ATT_ARGUMENT, "the JSON schema: two of its parts have another '%.60s' each", key);
    if (json_object_set_new(into, key, one)) return att_fail(ctx, ATT_MEMORY, "no memory for the JSON schema");
  }
  return ATT_OK;
}
