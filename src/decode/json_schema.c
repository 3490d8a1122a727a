/* Owns JSON schemas as grammars. See json_schema.h. A rule is made for each schema, called by its number. */
#include "decode/json_schema.h"

#include "formats/json.h"

#include <string.h>

#define MOST_RULES   1500
#define MOST_DEPTH   64
#define MOST_GRAMMAR (1 << 20)

typedef struct writer {
  att_context *ctx;
  json_t *root;
  att_buffer *out;
  const json_t *schemas[MOST_RULES]; /* [count] whose rules have the numbers 0, 1, ... */
  int count, written;
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
  if (!text) return att_fail(w->ctx, ATT_MEMORY, "no memory for the JSON schema");
  att_status status = put_literal(w, text, strlen(text));
  free(text);
  return status;
}

/* "#", "#/$defs/name", with ~0, ~1: the schema there. */
static att_status resolve(writer *w, const char *reference, const json_t **schema) {
  if (*reference != '#') return refuse(w, "$ref goes beyond the schema itself");
  *schema = w->root;
  for (const char *at = reference + 1; *at == '/';) {
    char name[256];
    size_t size = 0;
    for (at++; *at && *at != '/' && size + 1 < sizeof name; at++) {
      bool escape = *at == '~' && (at[1] == '0' || at[1] == '1');
      name[size++] = !escape ? *at : *++at == '1' ? '/' : '~';
    }
    name[size] = '\0';
    *schema = json_object_get(*schema, name);
  }
  return *schema ? ATT_OK : refuse(w, "a $ref leads to nothing");
}

/* The number of a schema's rule. */
static att_status rule_of(writer *w, const json_t *schema, int *number) {
  const json_t *reference = json_object_get(schema, "$ref");
  for (int steps = 0; reference; reference = json_object_get(schema, "$ref")) {
    if (!json_is_string(reference)) return refuse(w, "a $ref is no text");
    if (steps++ == MOST_DEPTH) return refuse(w, "a $ref leads to itself");
    ATT_TRY(resolve(w, json_string_value(reference), &schema));
  }
  if (!json_is_object(schema) && !json_is_boolean(schema)) return refuse(w, "there is something that is no schema");
  for (*number = 0; *number < w->count; ++*number)
    if (w->schemas[*number] == schema) return ATT_OK;
  if (w->count == MOST_RULES) return refuse(w, "it has more parts than attend takes");
  w->schemas[w->count++] = schema;
  return ATT_OK;
}

/* ---- what a schema may say ------------------------------------------------------------------------------------ */

/* Those that change nothing, those that are known; "format" and bounds are looked at where they count. */
static const char *const known[] = {"$schema",
                                    "$id",
                                    "$comment",
                                    "title",
                                    "description",
                                    "default",
                                    "examples",
                                    "deprecated",
                                    "readOnly",
                                    "writeOnly",
                                    "$defs",
                                    "definitions",
                                    "$ref",
                                    "type",
                                    "enum",
                                    "const",
                                    "anyOf",
                                    "oneOf",
                                    "allOf",
                                    "properties",
                                    "required",
                                    "items",
                                    "prefixItems",
                                    "additionalProperties",
                                    "minItems",
                                    "maxItems",
                                    "minLength",
                                    "maxLength",
                                    "format",
                                    "minimum",
                                    "maximum",
                                    "exclusiveMinimum",
                                    "exclusiveMaximum",
                                    "minProperties",
                                    "nullable"};

static att_status check_keys(writer *w, json_t *schema) {
  const char *key;
  json_t *value;
  json_object_foreach(schema, key, value) {
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) found |= strcmp(known[i], key) == 0;
    if (!found) return att_fail(w->ctx, ATT_ARGUMENT, "the JSON schema: attend does not know '%.60s'", key);
  }
  return ATT_OK;
}

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

static att_status put_string(writer *w, const json_t *schema) {
  static const char *const formats[][2] = {
      {"date", "date"}, {"time", "time"}, {"date-time", "date \"T\" time"}, {"uuid", "uuid"}};
  const json_t *format = json_object_get(schema, "format");
  int low, high;
  ATT_TRY(bound(w, schema, "minLength", 0, &low));
  ATT_TRY(bound(w, schema, "maxLength", -1, &high));
  for (size_t i = 0; format && i < 4; i++) {
    if (!json_is_string(format) || strcmp(json_string_value(format), formats[i][0]) != 0) continue;
    PUT("\"\\\"\" %s \"\\\"\"", formats[i][1]);
    return ATT_OK;
  }
  if (format) return refuse(w, "of formats attend knows date, time, date-time and uuid");
  PUT("\"\\\"\" char");
  ATT_TRY(put_bounds(w, low, high));
  PUT(" \"\\\"\"");
  return ATT_OK;
}

/* Whole numbers of just so many digits as low and high have, which are text of the same length. */
static att_status put_digits(writer *w, const char *low, const char *high) {
  size_t size = strlen(low);
  if (size == 0) return ATT_OK;
  if (low[0] == high[0]) {
    PUT(" \"%c\"", low[0]);
    return put_digits(w, low + 1, high + 1);
  }
  char zeros[24], nines[24];
  memset(zeros, '0', size);
  memset(nines, '9', size);
  zeros[size - 1] = nines[size - 1] = '\0';
  bool from_zeros = strcmp(low + 1, zeros) == 0, to_nines = strcmp(high + 1, nines) == 0;
  char first = (char)(low[0] + !from_zeros), last = (char)(high[0] - !to_nines); /* what any digits may follow */
  const char *between = "";
  PUT(" (");
  if (!from_zeros) {
    PUT("\"%c\"", low[0]);
    ATT_TRY(put_digits(w, low + 1, nines));
    between = " | ";
  }
  if (first <= last) {
    PUT("%s[%c-%c] [0-9]{%zu}", between, first, last, size - 1);
    between = " | ";
  }
  if (!to_nines) {
    PUT("%s\"%c\"", between, high[0]);
    ATT_TRY(put_digits(w, zeros, high + 1));
  }
  PUT(")");
  return ATT_OK;
}

/* From low to high, neither below 0. */
static att_status put_range(writer *w, int64_t low, int64_t high) {
  for (int64_t from = low, to; from <= high; from = to + 1) {
    char first[24], last[24];
    int64_t ten = 10;
    while (ten <= from) ten *= 10;
    to = ten - 1 < high ? ten - 1 : high;
    snprintf(first, sizeof first, "%lld", (long long)from);
    snprintf(last, sizeof last, "%lld", (long long)to);
    if (from > low) PUT(" |");
    ATT_TRY(put_digits(w, first, last));
  }
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

static att_status put_integer(writer *w, const json_t *schema) {
  int64_t low, high;
  bool any;
  ATT_TRY(whole_bounds(w, schema, &low, &high, &any));
  if (!any) {
    PUT("integer");
    return ATT_OK;
  }
  PUT("(");
  if (low < 0) {
    PUT("\"-\" (");
    ATT_TRY(put_range(w, high < 0 ? -high : 1, -low));
    PUT(")%s", high >= 0 ? " |" : "");
  }
  if (high >= 0) ATT_TRY(put_range(w, low > 0 ? low : 0, high));
  PUT(")");
  return ATT_OK;
}

static att_status put_number(writer *w, const json_t *schema) {
  int64_t low, high;
  bool any;
  ATT_TRY(whole_bounds(w, schema, &low, &high, &any));
  if (!any) {
    PUT("number");
    return ATT_OK;
  }
  ATT_TRY(put_integer(w, schema)); /* whole ones, and what is above a whole one and below the next, within the bounds */
  if (high <= low || high <= 0) return ATT_OK;
  PUT(" | (");
  ATT_TRY(put_range(w, low > 0 ? low : 0, high - 1));
  PUT(") \".\" [0-9]{0,15} [1-9]");
  return ATT_OK;
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

/* A map: any names, each with a value of additionalProperties. */
static att_status put_map(writer *w, const json_t *schema) {
  const json_t *values = json_object_get(schema, "additionalProperties");
  int number, low;
  char name[24] = "value";
  ATT_TRY(bound(w, schema, "minProperties", 0, &low));
  if (low > 0) return refuse(w, "minProperties is known of named properties only"); /* names may come again */
  if (json_is_object(values)) {
    ATT_TRY(rule_of(w, values, &number));
    snprintf(name, sizeof name, "r%d", number);
  }
  if (json_is_false(values)) PUT("\"{\" ws \"}\"");
  if (!json_is_false(values)) PUT("\"{\" ws (string \":\" ws %s (\",\" ws string \":\" ws %s)*)? ws \"}\"", name, name);
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
  if (count == 0) return put_map(w, schema);
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

/* ---- schemas -------------------------------------------------------------------------------------------------- */

static att_status put_type(writer *w, json_t *schema, const char *type, int rule, att_buffer *rules) {
  if (strcmp(type, "object") == 0) return put_object(w, schema, rule, rules);
  if (strcmp(type, "array") == 0) return put_array(w, schema);
  if (strcmp(type, "string") == 0) return put_string(w, schema);
  if (strcmp(type, "integer") == 0) return put_integer(w, schema);
  if (strcmp(type, "number") == 0) return put_number(w, schema);
  if (strcmp(type, "boolean") != 0 && strcmp(type, "null") != 0) return refuse(w, "a type is not known");
  PUT("%s", type);
  return ATT_OK;
}

static att_status put_choice(writer *w, const json_t *list, bool constants) {
  if (json_array_size(list) == 0) return refuse(w, "a list of choices is empty: nothing fits");
  for (size_t i = 0; i < json_array_size(list); i++) {
    int number;
    if (i) PUT(" | ");
    if (constants) {
      ATT_TRY(put_constant(w, json_array_get(list, i)));
      continue;
    }
    ATT_TRY(rule_of(w, json_array_get(list, i), &number));
    PUT("r%d", number);
  }
  return ATT_OK;
}

/* Without a type: what the other keys speak of. */
static const char *type_of(const json_t *schema) {
  static const char *const keys[][2] = {
      {"properties", "object"}, {"required", "object"},   {"additionalProperties", "object"},
      {"items", "array"},       {"prefixItems", "array"}, {"minItems", "array"},
      {"maxItems", "array"},    {"minLength", "string"},  {"maxLength", "string"},
      {"format", "string"},     {"minimum", "number"},    {"maximum", "number"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (json_object_get(schema, keys[i][0])) return keys[i][1];
  return NULL;
}

static att_status put_schema(writer *w, json_t *schema, int rule, att_buffer *rules) {
  if (json_is_false(schema)) return refuse(w, "a schema is false: nothing fits");
  if (json_is_true(schema)) {
    PUT("value");
    return ATT_OK;
  }
  ATT_TRY(check_keys(w, schema));
  const json_t *all = json_object_get(schema, "allOf"), *type = json_object_get(schema, "type");
  const json_t *constant = json_object_get(schema, "const");
  if (json_array_size(all) == 1) return put_choice(w, all, false);
  if (all) return refuse(w, "allOf of several schemas is not known");
  if (constant) return put_constant(w, constant);
  if (json_object_get(schema, "enum")) return put_choice(w, json_object_get(schema, "enum"), true);
  if (json_object_get(schema, "anyOf")) return put_choice(w, json_object_get(schema, "anyOf"), false);
  if (json_object_get(schema, "oneOf")) return put_choice(w, json_object_get(schema, "oneOf"), false);
  if (json_is_array(type) && json_array_size(type) == 0) return refuse(w, "a list of choices is empty: nothing fits");
  for (size_t i = 0; i < json_array_size(type); i++) {
    const char *name = json_string_value(json_array_get(type, i));
    if (!name) return refuse(w, "a type is no text");
    if (i) PUT(" | ");
    ATT_TRY(put_type(w, schema, name, rule, rules));
  }
  if (json_is_array(type)) return ATT_OK;
  const char *name = type ? json_string_value(type) : type_of(schema);
  if (type && !name) return refuse(w, "a type is no text");
  if (name) return put_type(w, schema, name, rule, rules);
  PUT("value");
  return ATT_OK;
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
  if (!status) status = write_rules(w);
  json_decref(w->root);
  att_free(ctx, w);
  return status;
}
