/* Owns JSON schemas as grammars. See json_schema.h. A rule is made for each schema, called by its number. */
#include "decode/json_schema.h"

#include "decode/schema_parts.h"
#include "decode/string_pattern.h"
#include "decode/whole_numbers.h"
#include "formats/json.h"

#include <string.h>

#define MOST_RULES   1500
#define MOST_DEPTH   64
#define MOST_MERGED  2000
#define MOST_GRAMMAR (1 << 20)

typedef struct writer {
  att_context *ctx;
  json_t *root;
  att_buffer *out;
  const json_t *schemas[MOST_RULES]; /* [count] whose rules have the numbers 0, 1, ... */
  int count, written;
  json_t *made;       /* an array: schemas that are put together of others */
  int merged, states; /* schemas that were; rules that patterns have */
} writer;

/* What all grammars of schemas have. Numbers and white space are bounded: a model that cannot stop is stopped. */
static const char basics[] =
    "ws ::= (\" \" | \"\\n\" [ \\t]{0,20})?\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "char ::= [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" ([0-9a-cA-CefEF] hex hex hex | [dD] [0-7] "
    "hex hex))\n"
    "hex ::= [0-9a-fA-F]\n"
    "whole ::= \"0\" | [1-9] [0-9]{0,15}\n"
    "integer ::= \"-\"? whole\n"
    "number ::= \"-\"? whole (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?\n"
    "boolean ::= \"true\" | \"false\"\n"
    "null ::= \"null\"\n"
    "value ::= object | array | string | number | boolean | null\n"
    "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? ws \"}\"\n"
    "array ::= \"[\" ws (value (\",\" ws value)*)? ws \"]\"\n"
    "date ::= [0-9]{4} \"-\" (month31 \"-\" (day | \"29\" | \"3\" [01]) | month30 \"-\" (day | \"29\" | \"30\") | "
    "\"02-\" day)\n"
    "month31 ::= \"0\" [13578] | \"1\" [02]\n"
    "month30 ::= \"0\" [469] | \"11\"\n"
    "day ::= \"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8]\n"
    "time ::= ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{1,6})? (\"Z\" | [+-] ([01] "
    "[0-9] | "
    "\"2\" [0-3]) \":\" [0-5] [0-9])\n"
    "uuid ::= hex{8} \"-\" hex{4} \"-\" hex{4} \"-\" hex{4} \"-\" hex{12}\n";

static att_status refuse(const writer *w, const char *what) {
  return att_fail(w->ctx, ATT_ARGUMENT, "the JSON schema: %s", what);
}

static att_status no_memory(const writer *w) { return att_fail(w->ctx, ATT_MEMORY, "no memory for the JSON schema"); }

#define PUT(...) ATT_TRY(att_buffer_print(w->ctx, w->out, __VA_ARGS__))

/* A literal of GBNF. */
static att_status put_literal(writer *w, const char *text, size_t size) {
  PUT("\"");
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') PUT("\\");
    if (c < ' ') {
      PUT("\\x%02x", c);
    } else {
      ATT_TRY(att_buffer_append(w->ctx, w->out, &text[i], 1));
    }
  }
  PUT("\"");
  return ATT_OK;
}

/* A value as it is written. */
static att_status put_constant(writer *w, const json_t *value) {
  char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  if (!text) return no_memory(w);
  att_status status = put_literal(w, text, strlen(text));
  free(text);
  return status;
}

/* "#", "#/$defs/name", with ~0, ~1: the schema there. */
static att_status resolve(writer *w, const json_t *text, const json_t **schema) {
  const char *at = json_string_value(text);
  if (!at) return refuse(w, "a $ref is no text");
  if (*at++ != '#') return refuse(w, "$ref goes beyond the schema itself");
  *schema = w->root;
  while (*at == '/') {
    char name[256];
    size_t size = 0;
    for (at++; *at && *at != '/' && size + 1 < sizeof name; at++) {
      bool escape = *at == '~' && (at[1] == '0' || at[1] == '1');
      name[size++] = !escape ? *at : *++at == '1' ? '/' : '~';
    }
    name[size] = '\0';
    *schema = json_object_get(*schema, name);
  }
  return *schema && !*at ? ATT_OK : refuse(w, "a $ref leads to nothing"); /* "#name": of anchors there are none */
}

/* Whether all that it says is in these keys. */
static bool says_only(const json_t *schema, const char *const *keys, size_t count, const char **other) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)schema, key, value) {
    bool among = att_schema_is_note(key);
    for (size_t i = 0; i < count; i++) among |= strcmp(key, keys[i]) == 0;
    if (!among) return *other = key, false;
  }
  return true;
}

/* The number of a schema's rule. */
static att_status rule_of(writer *w, const json_t *schema, int *number) {
  static const char *const alone[] = {"$ref"};
  const char *other;
  for (int steps = 0; json_object_get(schema, "$ref") && says_only(schema, alone, 1, &other);) {
    if (steps++ == MOST_DEPTH) return refuse(w, "a $ref leads to itself");
    ATT_TRY(resolve(w, json_object_get(schema, "$ref"), &schema));
  }
  if (!json_is_object(schema) && !json_is_boolean(schema)) return refuse(w, "there is something that is no schema");
  for (*number = 0; *number < w->count; ++*number)
    if (w->schemas[*number] == schema) return ATT_OK;
  if (w->count == MOST_RULES) return refuse(w, "it has more parts than attend takes");
  w->schemas[w->count++] = schema;
  return ATT_OK;
}

/* ---- what a schema may say ------------------------------------------------------------------------------------ */

/* A bound that is a whole number, or `none`. */
static att_status bound(writer *w, const json_t *schema, const char *key, int none, int *out) {
  const json_t *value = json_object_get(schema, key);
  *out = none;
  if (!value) return ATT_OK;
  if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 10000)
    return att_fail(w->ctx, ATT_ARGUMENT, "the JSON schema: %s must be a whole number from 0 to 10000", key);
  *out = (int)json_integer_value(value);
  return ATT_OK;
}

static att_status put_bounds(writer *w, int low, int high) {
  if (high >= 0 && high < low) return refuse(w, "a smallest number is above the largest: nothing fits");
  if (high < 0) PUT("{%d,}", low);
  if (high >= 0) PUT("{%d,%d}", low, high);
  return ATT_OK;
}

/* ---- kinds of values ------------------------------------------------------------------------------------------ */

/* "format", by itself. */
static att_status put_format(writer *w, const json_t *schema, bool more) {
  static const char *const formats[][2] = {
      {"date", "date"}, {"time", "time"}, {"date-time", "date \"T\" time"}, {"uuid", "uuid"}};
  const char *format = json_string_value(json_object_get(schema, "format"));
  if (more) return refuse(w, "a format beside pattern, not, minLength or maxLength is not known");
  for (size_t i = 0; format && i < 4; i++) {
    if (strcmp(format, formats[i][0]) != 0) continue;
    PUT("\"\\\"\" %s \"\\\"\"", formats[i][1]);
    return ATT_OK;
  }
  return refuse(w, "of formats attend knows date, time, date-time and uuid");
}

static att_status put_patterns(writer *w, const att_string_pattern *patterns, size_t count, int low, int high, int rule,
                               att_buffer *rules) {
  char name[24];
  int states = 0;
  if (high >= 0 && high < low) return refuse(w, "a smallest number is above the largest: nothing fits");
  snprintf(name, sizeof name, "p%d", rule);
  PUT("\"\\\"\" %s-0", name);
  ATT_TRY(att_string_pattern_rules(w->ctx, patterns, count, low, high, name, MOST_RULES - w->states, &states, rules));
  w->states += states;
  return ATT_OK;
}

/* patterns: [count] those that "not" denies, with room for one more. */
static att_status put_string(writer *w, const json_t *schema, att_string_pattern *patterns, size_t count, int rule,
                             att_buffer *rules) {
  const json_t *pattern = json_object_get(schema, "pattern");
  int low, high;
  ATT_TRY(bound(w, schema, "minLength", 0, &low));
  ATT_TRY(bound(w, schema, "maxLength", -1, &high));
  if (pattern && !json_is_string(pattern)) return refuse(w, "a pattern is no text");
  if (pattern) patterns[count++] = (att_string_pattern){.text = json_string_value(pattern)};
  if (json_object_get(schema, "format")) return put_format(w, schema, count || low > 0 || high >= 0);
  if (count) return put_patterns(w, patterns, count, low, high, rule, rules);
  PUT("\"\\\"\" char");
  ATT_TRY(put_bounds(w, low, high));
  PUT(" \"\\\"\"");
  return ATT_OK;
}

#define LARGEST 1000000000000000

/* The bounds of whole numbers; *any: there are none. */
static att_status whole_bounds(writer *w, const json_t *schema, int64_t *low, int64_t *high, bool *any) {
  static const char *const keys[] = {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"};
  *low = -LARGEST;
  *high = LARGEST;
  *any = false;
  for (int i = 0; i < 4; i++) {
    const json_t *value = json_object_get(schema, keys[i]);
    if (!value) continue;
    double number = json_number_value(value);
    if (!json_is_number(value) || number != (double)(int64_t)number || number < -LARGEST || number > LARGEST)
      return att_fail(w->ctx, ATT_ARGUMENT, "the JSON schema: %s must be a whole number of at most 15 digits", keys[i]);
    int64_t whole = (int64_t)number + (i == 1) - (i == 3);
    if (i < 2 && whole > *low) *low = whole;
    if (i > 1 && whole < *high) *high = whole;
    *any = true;
  }
  return *low <= *high ? ATT_OK : refuse(w, "a smallest number is above the largest: nothing fits");
}

/* "multipleOf": of whole numbers, 1 where there is none. */
static att_status multiple_of(writer *w, const json_t *schema, int64_t *multiple) {
  const json_t *value = json_object_get(schema, "multipleOf");
  double number = json_number_value(value);
  *multiple = 1;
  if (!value) return ATT_OK;
  if (!json_is_number(value) || !(number >= 1 && number <= LARGEST) || number != (double)(int64_t)number)
    return refuse(w, "multipleOf is known of whole numbers only, of at most 15 digits");
  *multiple = (int64_t)number;
  return ATT_OK;
}

static att_status put_whole(writer *w, att_whole_numbers *n, int64_t low, int64_t high) {
  PUT("(");
  if (low < 0) {
    PUT("\"-\" (");
    ATT_TRY(att_whole_numbers_put(n, high < 0 ? -high : 1, -low));
    PUT(")%s", high >= 0 ? " |" : "");
  }
  if (high >= 0) ATT_TRY(att_whole_numbers_put(n, low > 0 ? low : 0, high));
  PUT(")");
  return ATT_OK;
}

/* Numbers within bounds: whole ones and, of `fractions`, what is above a whole one and below the next. */
static att_status put_within(writer *w, att_whole_numbers *n, int64_t low, int64_t high, bool fractions,
                             att_buffer *rules) {
  ATT_TRY(put_whole(w, n, low, high));
  if (fractions && high > low && high > 0) {
    PUT(" | (");
    ATT_TRY(att_whole_numbers_put(n, low > 0 ? low : 0, high - 1));
    PUT(") \".\" [0-9]{0,15} [1-9]");
  }
  n->out = rules;
  return att_whole_numbers_rules(n);
}

static att_status put_number(writer *w, const json_t *schema, bool whole, int rule, att_buffer *rules) {
  int64_t low, high, multiple;
  bool any;
  char name[24];
  ATT_TRY(whole_bounds(w, schema, &low, &high, &any));
  ATT_TRY(multiple_of(w, schema, &multiple));
  if (!any && multiple == 1 && !json_object_get(schema, "multipleOf")) {
    PUT(whole ? "integer" : "number");
    return ATT_OK;
  }
  att_whole_numbers *n = ATT_NEW(w->ctx, 1, att_whole_numbers);
  if (!n) return ATT_MEMORY;
  snprintf(name, sizeof name, "q%d", rule);
  n->ctx = w->ctx;
  n->out = w->out;
  n->multiple = multiple;
  n->name = name;
  att_status status = put_within(w, n, low, high, !whole && !json_object_get(schema, "multipleOf"), rules);
  w->states += n->count;
  att_free(w->ctx, n);
  return status;
}

static att_status put_array(writer *w, const json_t *schema) {
  const json_t *items = json_object_get(schema, "items"), *first = json_object_get(schema, "prefixItems");
  int low, high, number;
  int fixed = (int)json_array_size(first);
  ATT_TRY(bound(w, schema, "minItems", 0, &low));
  ATT_TRY(bound(w, schema, "maxItems", -1, &high));
  if ((first && !json_is_array(first)) || fixed > 1000) return refuse(w, "prefixItems must be up to 1000 schemas");
  if (fixed && (high >= 0 && high < fixed)) return refuse(w, "prefixItems are more than maxItems");
  PUT("\"[\" ws ");
  for (int i = 0; i < fixed; i++) {
    ATT_TRY(rule_of(w, json_array_get(first, (size_t)i), &number));
    PUT("%sr%d ", i ? "\",\" ws " : "", number);
  }
  bool more = !json_is_false(items) && (!fixed || items || low > fixed);
  if (!more && low > fixed) return refuse(w, "minItems are more than there may be");
  char name[24] = "value";
  if (more && items) {
    ATT_TRY(rule_of(w, items, &number));
    snprintf(name, sizeof name, "r%d", number);
  }
  low = low > fixed ? low - fixed : 0;
  if (high >= 0) high -= fixed;
  if (more && high != 0 && fixed) {
    PUT("(\",\" ws %s)", name);
    ATT_TRY(put_bounds(w, low, high));
  } else if (more && high != 0) {
    PUT("(%s (\",\" ws %s)", name, name);
    ATT_TRY(put_bounds(w, low > 0 ? low - 1 : 0, high > 0 ? high - 1 : -1));
    PUT(")%s", low > 0 ? "" : "?");
  } else if (low > 0) {
    return refuse(w, "minItems are more than maxItems");
  }
  PUT(" ws \"]\"");
  return ATT_OK;
}

static bool is_required(const json_t *schema, const char *name) {
  const json_t *list = json_object_get(schema, "required");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *one = json_string_value(json_array_get(list, i));
    if (one && strcmp(one, name) == 0) return true;
  }
  return false;
}

static att_status check_required(writer *w, const json_t *schema) {
  const json_t *list = json_object_get(schema, "required"), *properties = json_object_get(schema, "properties");
  if (list && !json_is_array(list)) return refuse(w, "required must be an array of names");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));
    if (!name) return refuse(w, "required must be an array of names");
    if (!json_object_get(properties, name))
      return att_fail(w->ctx, ATT_ARGUMENT, "the JSON schema: '%.60s' is required, but no property", name);
  }
  return ATT_OK;
}

/* Appends the number of the rule of a schema that is made here; takes it. */
static att_status put_made(writer *w, json_t *schema) {
  int number;
  if (json_array_append_new(w->made, schema)) return no_memory(w);
  ATT_TRY(rule_of(w, schema, &number));
  PUT("r%d", number);
  return ATT_OK;
}

/* A member's name, of those that propertyNames allows and that fit a pattern, or do not. */
static att_status put_name(writer *w, const json_t *schema, const char *pattern, bool denied) {
  json_t *names = json_object_get(schema, "propertyNames"), *name = json_pack("{s:s}", "type", "string");
  if (!pattern && !names) {
    json_decref(name);
    PUT("string");
    return ATT_OK;
  }
  json_t *fits = pattern ? json_pack("{s:s}", "pattern", pattern) : json_true();
  if (pattern && denied) fits = json_pack("{s:o}", "not", fits);
  return put_made(w, json_pack("{s:[o, o, O]}", "allOf", name, fits, names ? names : json_true()));
}

static att_status put_member(writer *w, const json_t *schema, const char *pattern, bool denied, const json_t *value) {
  int number;
  ATT_TRY(put_name(w, schema, pattern, denied));
  PUT(" \":\" ws ");
  if (!value || json_is_true(value)) {
    PUT("value");
    return ATT_OK;
  }
  ATT_TRY(rule_of(w, value, &number));
  PUT("r%d", number);
  return ATT_OK;
}

/* A map: any names, each with a value of additionalProperties; those that fit a pattern with its own. */
static att_status put_map(writer *w, const json_t *schema, int rule, att_buffer *rules) {
  json_t *more = json_object_get(schema, "additionalProperties"), *value = NULL;
  json_t *patterns = json_object_get(schema, "patternProperties");
  const char *pattern = NULL;
  int low;
  ATT_TRY(bound(w, schema, "minProperties", 0, &low));
  if (low > 0) return refuse(w, "minProperties is known of named properties only"); /* names may come again */
  if (json_object_size(patterns) > 1) return refuse(w, "patternProperties of several patterns are not known");
  json_object_foreach(patterns, pattern, value) break;
  if (json_is_false(more) && (!pattern || json_is_false(value))) {
    PUT("\"{\" ws \"}\"");
    return ATT_OK;
  }
  PUT("\"{\" ws (k%d (\",\" ws k%d)*)? ws \"}\"", rule, rule);
  att_buffer *out = w->out;
  w->out = rules;
  PUT("k%d ::= ", rule);
  if (pattern && !json_is_false(value)) ATT_TRY(put_member(w, schema, pattern, false, value));
  if (!json_is_false(more) && pattern && !json_is_false(value)) PUT(" | ");
  if (!json_is_false(more)) ATT_TRY(put_member(w, schema, pattern, true, more));
  PUT("\n");
  w->out = out;
  return ATT_OK;
}

/* Named properties in their order; those that are not required may be left out. nN-i: what may come from the i-th on
 * where nothing has been written, mN-i: where something has. */
static att_status put_object(writer *w, json_t *schema, int rule, att_buffer *rules) {
  json_t *properties = json_object_get(schema, "properties"), *value;
  size_t count = json_object_size(properties), i = 0;
  const char *name;
  int number, low;
  ATT_TRY(check_required(w, schema));
  if (properties && !json_is_object(properties)) return refuse(w, "properties must be an object");
  if (count == 0) return put_map(w, schema, rule, rules);
  if (json_object_get(schema, "patternProperties"))
    return refuse(w, "patternProperties beside properties are not known");
  if (json_object_get(schema, "propertyNames")) return refuse(w, "propertyNames beside properties are not known");
  ATT_TRY(bound(w, schema, "minProperties", 0, &low));
  if (low > (int)json_array_size(json_object_get(schema, "required")))
    return refuse(w, "minProperties is above the number of those that are required");
  PUT("\"{\" ws n%d-0 ws \"}\"", rule);
  att_buffer *out = w->out;
  w->out = rules;
  json_object_foreach(properties, name, value) {
    bool must = is_required(schema, name);
    ATT_TRY(rule_of(w, value, &number));
    PUT("k%d-%zu ::= ", rule, i);
    json_t *key = json_string(name);
    att_status status = key ? put_constant(w, key) : ATT_MEMORY;
    json_decref(key);
    ATT_TRY(status);
    PUT(" \":\" ws r%d\n", number);
    PUT("n%d-%zu ::= k%d-%zu m%d-%zu", rule, i, rule, i, rule, i + 1);
    if (!must) PUT(" | n%d-%zu", rule, i + 1);
    PUT("\nm%d-%zu ::= \",\" ws k%d-%zu m%d-%zu", rule, i, rule, i, rule, i + 1);
    if (!must) PUT(" | m%d-%zu", rule, i + 1);
    PUT("\n");
    i++;
  }
  PUT("n%d-%zu ::= \"\"\nm%d-%zu ::= \"\"\n", rule, i, rule, i);
  w->out = out;
  return ATT_OK;
}

/* ---- schemas that are put together ---------------------------------------------------------------------------- */

static att_status flatten(writer *w, json_t **schema, int depth);

static att_status add_part(writer *w, json_t *whole, const json_t *part, int depth) {
  json_t *one = (json_t *)part;
  if (json_is_true(one)) return ATT_OK;
  if (json_is_false(one)) return refuse(w, "a schema is false: nothing fits");
  ATT_TRY(flatten(w, &one, depth + 1));
  return att_schema_merge(w->ctx, whole, one);
}

/* A schema without $ref and allOf: what they say is in it. */
static att_status flatten(writer *w, json_t **schema, int depth) {
  const json_t *reference = json_object_get(*schema, "$ref"), *all = json_object_get(*schema, "allOf"), *target;
  if (!json_is_object(*schema)) return refuse(w, "there is something that is no schema");
  ATT_TRY(att_schema_check(w->ctx, *schema));
  if (!reference && !all) return ATT_OK;
  if (depth == MOST_DEPTH || w->merged++ == MOST_MERGED) return refuse(w, "a $ref or allOf leads to itself");
  json_t *whole = json_copy(*schema);
  if (json_array_append_new(w->made, whole)) return no_memory(w);
  json_object_del(whole, "$ref");
  json_object_del(whole, "allOf");
  if (reference) {
    ATT_TRY(resolve(w, reference, &target));
    ATT_TRY(add_part(w, whole, target, depth));
  }
  if (all && json_array_size(all) == 0) return refuse(w, "allOf must be an array of schemas");
  for (size_t i = 0; i < json_array_size(all); i++) ATT_TRY(add_part(w, whole, json_array_get(all, i), depth));
  *schema = whole;
  return ATT_OK;
}

/* ---- "not", of a schema without $ref and allOf ---------------------------------------------------------------- */

/* The n-th of "const" or else "enum"; NULL: there is none. */
static const json_t *constant_of(const json_t *schema, size_t n) {
  const json_t *constant = json_object_get(schema, "const");
  if (constant) return n == 0 ? constant : NULL;
  return json_array_get(json_object_get(schema, "enum"), n);
}

static att_status check_not(writer *w, const json_t *unwanted) {
  static const char *const known[] = {"type", "pattern", "const", "enum"};
  const char *other;
  bool constants = json_object_get(unwanted, "const") || json_object_get(unwanted, "enum");
  if (json_is_object(unwanted) && !says_only(unwanted, known, 4, &other))
    return att_fail(w->ctx, ATT_ARGUMENT,
                    "the JSON schema: 'not' is known of type, pattern, const and enum, not of '%.60s'", other);
  if ((constants && json_object_get(unwanted, "pattern")) ||
      (json_object_get(unwanted, "const") && json_object_get(unwanted, "enum")))
    return refuse(w, "'not' of several of pattern, const and enum is not known");
  if (json_object_get(unwanted, "pattern") && !json_is_string(json_object_get(unwanted, "pattern")))
    return refuse(w, "a pattern is no text");
  return ATT_OK;
}

/* What `unwanted`, a "not" or NULL, denies of a type's values: all, or of strings those that fit the patterns that are
 * appended. */
static att_status read_not(writer *w, const json_t *unwanted, const char *type, att_string_pattern *patterns,
                           size_t *count, bool *all) {
  const json_t *types = json_object_get(unwanted, "type"), *pattern = json_object_get(unwanted, "pattern"), *value;
  bool string = strcmp(type, "string") == 0, has = !types || att_schema_has_type(types, type);
  *all = json_is_true(unwanted);
  if (!json_is_object(unwanted)) return ATT_OK;
  if (!has && strcmp(type, "number") == 0 && att_schema_has_type(types, "integer"))
    return refuse(w, "'not' of integers among numbers is not known");
  if (!has) return ATT_OK;
  *all = pattern ? !string : !constant_of(unwanted, 0); /* a pattern says nothing of what is no string: all fit it */
  if (pattern && string)
    patterns[(*count)++] = (att_string_pattern){.text = json_string_value(pattern), .denied = true};
  for (size_t i = 0; (value = constant_of(unwanted, i)); i++) {
    if (json_is_string(value) && string)
      patterns[(*count)++] = (att_string_pattern){.text = json_string_value(value), .literal = true, .denied = true};
    if (json_is_null(value)) *all |= strcmp(type, "null") == 0;
    if (!json_is_string(value) && !json_is_null(value) && att_schema_is_of_name(type, value))
      return refuse(w, "'not' of constants is known of strings and null only");
  }
  return ATT_OK;
}

/* Whether it denies a constant. */
static att_status denies(writer *w, const json_t *unwanted, const json_t *constant, bool *denied) {
  const json_t *types = json_object_get(unwanted, "type"), *value;
  *denied = json_is_true(unwanted);
  if (!json_is_object(unwanted)) return ATT_OK;
  if (json_object_get(unwanted, "pattern")) return refuse(w, "'not' of a pattern beside const or enum is not known");
  *denied = !constant_of(unwanted, 0);
  for (size_t i = 0; (value = constant_of(unwanted, i)); i++) *denied |= json_equal(value, constant);
  *denied &= !types || att_schema_is_of(types, constant);
  return ATT_OK;
}

/* ---- schemas -------------------------------------------------------------------------------------------------- */

static att_status put_type(writer *w, json_t *schema, const char *type, att_string_pattern *patterns, size_t count,
                           int rule, att_buffer *rules) {
  if (strcmp(type, "object") == 0) return put_object(w, schema, rule, rules);
  if (strcmp(type, "array") == 0) return put_array(w, schema);
  if (strcmp(type, "string") == 0) return put_string(w, schema, patterns, count, rule, rules);
  if (strcmp(type, "integer") == 0) return put_number(w, schema, true, rule, rules);
  if (strcmp(type, "number") == 0) return put_number(w, schema, false, rule, rules);
  if (strcmp(type, "boolean") != 0 && strcmp(type, "null") != 0) return refuse(w, "a type is not known");
  PUT("%s", type);
  return ATT_OK;
}

/* A type's values, if `unwanted` leaves any; *any: there were some of a type before. */
static att_status put_allowed(writer *w, json_t *schema, const json_t *unwanted, const char *type, int rule,
                              att_buffer *rules, bool *any) {
  size_t count = 0;
  bool none;
  if (!type) return refuse(w, "a type is no text");
  att_string_pattern *patterns =
      ATT_NEW(w->ctx, 2 + json_array_size(json_object_get(unwanted, "enum")), att_string_pattern);
  if (!patterns) return ATT_MEMORY;
  att_status status = read_not(w, unwanted, type, patterns, &count, &none);
  if (!status && !none && *any) status = att_buffer_print(w->ctx, w->out, " | ");
  if (!status && !none) status = put_type(w, schema, type, patterns, count, rule, rules);
  *any |= !none;
  att_free(w->ctx, patterns);
  return status;
}

/* The constants that fit what stands beside them. */
static att_status put_constants(writer *w, const json_t *schema, const json_t *unwanted) {
  static const char *const known[] = {"const", "enum", "type", "not", "format"};
  const json_t *type = json_object_get(schema, "type"), *value, *list = json_object_get(schema, "enum");
  const char *other;
  bool any = false;
  if (!says_only(schema, known, 5, &other))
    return att_fail(w->ctx, ATT_ARGUMENT, "the JSON schema: '%.60s' beside const or enum is not known", other);
  for (size_t i = 0; (value = constant_of(schema, i)); i++) {
    bool fits = !type || att_schema_is_of(type, value), denied, among = !list || !json_object_get(schema, "const");
    for (size_t j = 0; !among && j < json_array_size(list); j++) among = json_equal(value, json_array_get(list, j));
    ATT_TRY(denies(w, unwanted, value, &denied));
    if (!fits || denied || !among) continue;
    if (any) PUT(" | ");
    any = true;
    ATT_TRY(put_constant(w, value));
  }
  return any ? ATT_OK : refuse(w, "no constant is left: nothing fits");
}

/* anyOf or oneOf: what stands beside it holds of each. */
static att_status put_choice(writer *w, json_t *schema, const char *key) {
  json_t *list = json_object_get(schema, key), *rest = json_copy(schema), *part, *next;
  const char *name;
  int number;
  if (json_array_append_new(w->made, rest)) return no_memory(w);
  json_object_foreach_safe(rest, next, name, part) {
    if (strcmp(name, key) == 0 || att_schema_is_note(name)) json_object_del(rest, name);
  }
  if (json_array_size(list) == 0) return refuse(w, "a list of choices is empty: nothing fits");
  for (size_t i = 0; i < json_array_size(list); i++) {
    part = json_array_get(list, i);
    if (i) PUT(" | ");
    if (json_object_size(rest)) {
      ATT_TRY(put_made(w, json_pack("{s:[O, O]}", "allOf", rest, part)));
      continue;
    }
    ATT_TRY(rule_of(w, part, &number));
    PUT("r%d", number);
  }
  return ATT_OK;
}

/* Without a type: what the other keys speak of. */
static const char *type_of(const json_t *schema) {
  static const char *const keys[][2] = {{"properties", "object"},
                                        {"required", "object"},
                                        {"additionalProperties", "object"},
                                        {"minProperties", "object"},
                                        {"patternProperties", "object"},
                                        {"propertyNames", "object"},
                                        {"items", "array"},
                                        {"prefixItems", "array"},
                                        {"minItems", "array"},
                                        {"maxItems", "array"},
                                        {"minLength", "string"},
                                        {"maxLength", "string"},
                                        {"pattern", "string"},
                                        {"format", "string"},
                                        {"minimum", "number"},
                                        {"maximum", "number"},
                                        {"exclusiveMinimum", "number"},
                                        {"exclusiveMaximum", "number"},
                                        {"multipleOf", "number"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (json_object_get(schema, keys[i][0])) return keys[i][1];
  return NULL;
}

static att_status put_types(writer *w, json_t *schema, const json_t *unwanted, int rule, att_buffer *rules) {
  static const char *const every[] = {"object", "array", "string", "number", "boolean", "null"};
  const json_t *type = json_object_get(schema, "type");
  const char *name = type ? json_string_value(type) : type_of(schema);
  size_t count = json_is_array(type) ? json_array_size(type) : name || type ? 1 : 6;
  bool any = false;
  if (!type && !name && !unwanted) {
    PUT("value");
    return ATT_OK;
  }
  for (size_t i = 0; i < count; i++) {
    const char *one = json_is_array(type) ? json_string_value(json_array_get(type, i)) : name || type ? name : every[i];
    ATT_TRY(put_allowed(w, schema, unwanted, one, rule, rules, &any));
  }
  return any ? ATT_OK : refuse(w, "no type is left: nothing fits");
}

static att_status put_schema(writer *w, json_t *schema, int rule, att_buffer *rules) {
  if (json_is_false(schema)) return refuse(w, "a schema is false: nothing fits");
  if (json_is_true(schema)) {
    PUT("value");
    return ATT_OK;
  }
  ATT_TRY(flatten(w, &schema, 0));
  if (json_object_get(schema, "anyOf")) return put_choice(w, schema, "anyOf");
  if (json_object_get(schema, "oneOf")) return put_choice(w, schema, "oneOf");
  json_t *unwanted = json_object_get(schema, "not");
  if (unwanted && !json_is_boolean(unwanted)) ATT_TRY(flatten(w, &unwanted, 0));
  ATT_TRY(check_not(w, unwanted));
  if (constant_of(schema, 0) || json_object_get(schema, "enum")) return put_constants(w, schema, unwanted);
  return put_types(w, schema, unwanted, rule, rules);
}

static att_status write_rules(writer *w) {
  int number;
  PUT("root ::= r0\n%s", basics);
  ATT_TRY(rule_of(w, w->root, &number));
  for (; w->written < w->count; w->written++) {
    att_buffer rules = {0}, *out = w->out;
    PUT("r%d ::= ", w->written);
    att_status status = put_schema(w, (json_t *)w->schemas[w->written], w->written, &rules);
    w->out = out;
    if (!status) status = att_buffer_append(w->ctx, w->out, "\n", 1);
    if (!status && rules.size) status = att_buffer_append(w->ctx, w->out, rules.data, rules.size);
    att_buffer_free(w->ctx, &rules);
    ATT_TRY(status);
    if (w->out->size > MOST_GRAMMAR) return refuse(w, "it is larger than attend takes");
  }
  return ATT_OK;
}

att_status att_json_schema_grammar(att_context *ctx, const char *text, att_buffer *gbnf) {
  writer *w = ATT_NEW(ctx, 1, writer);
  if (!w) return ATT_MEMORY;
  *w = (writer){.ctx = ctx, .out = gbnf};
  att_status status = att_json_parse(ctx, "the JSON schema", text, strlen(text), &w->root);
  if (status == ATT_FORMAT) status = ATT_ARGUMENT;
  if (!status && !(w->made = json_array())) status = no_memory(w);
  if (!status) status = write_rules(w);
  json_decref(w->made);
  json_decref(w->root);
  att_free(ctx, w);
  return status;
}
