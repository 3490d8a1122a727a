/* Owns what a model writes to call a tool. See tools.h. */
#include "tools.h"

#include "params.h"
#include "writing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 64 };

/* {"name", "arguments"} as OpenAI has it, arguments as text. False where it is none. */
static bool add_call(json_t *calls, const json_t *said) {
  const char *name = json_string_value(json_object_get(said, "name"));
  const json_t *arguments = json_object_get(said, "arguments");
  char id[40];
  if (!arguments) arguments = json_object_get(said, "parameters");
  if (!name || !arguments || json_array_size(calls) == MOST_CALLS) return false;
  char *text =
      json_is_string(arguments) ? strdup(json_string_value(arguments)) : json_dumps(arguments, JSON_ENCODE_ANY);
  snprintf(id, sizeof id, "call_%016llx", (unsigned long long)att_new_seed());
  json_t *call =
      json_pack("{s:s, s:s, s:{s:s, s:s?}}", "id", id, "type", "function", "function", "name", name, "arguments", text);
  free(text);
  return json_array_append_new(calls, call) == 0;
}

/* Adds what stands at the beginning of a text as JSON: a call, or a list of them. */
static bool add_calls(json_t *calls, const char *text, size_t size) {
  json_t *said = json_loadb(text, size, JSON_DISABLE_EOF_CHECK, NULL);
  bool good = json_is_object(said) && add_call(calls, said);
  for (size_t i = 0; i < json_array_size(said); i++) good = add_call(calls, json_array_get(said, i)) || good;
  json_decref(said);
  return good;
}

json_t *att_tool_calls(const char *text, size_t size, size_t *content) {
  static const char tag[] = "<tool_call>", list[] = "[TOOL_CALLS]";
  json_t *calls = json_array();
  const char *end = text + size, *first = NULL;
  for (const char *at = text; (at = memmem(at, (size_t)(end - at), tag, sizeof tag - 1));) {
    const char *body = at + sizeof tag - 1;
    if (add_calls(calls, body, (size_t)(end - body)) && !first) first = at;
    at = body;
  }
  const char *at = first ? NULL : memmem(text, size, list, sizeof list - 1);
  if (at && add_calls(calls, at + sizeof list - 1, (size_t)(end - at) - (sizeof list - 1))) first = at;
  for (at = text; at < end && strchr(" \n\t", *at) && *at;) at++;
  if (!first && at < end && *at == '{' && add_calls(calls, at, (size_t)(end - at))) first = text;
  *content = first ? (size_t)(first - text) : size;
  if (first) return calls;
  json_decref(calls);
  return NULL;
}

/* References from the schema's root start from where it stands now. */
static void move_references(json_t *schema, const char *place) {
  const char *from = json_string_value(json_object_get(schema, "$ref")), *key;
  json_t *part;
  size_t i;
  if (from && *from == '#') json_object_set_new(schema, "$ref", json_sprintf("%s%s", place, from + 1));
  json_object_foreach(schema, key, part) move_references(part, place);
  json_array_foreach(schema, i, part) move_references(part, place);
}

json_t *att_tool_schema(const json_t *tools, const char *name) {
  json_t *calls = json_array(), *all = json_object();
  for (size_t i = 0; i < json_array_size(tools); i++) {
    const json_t *function = json_object_get(json_array_get(tools, i), "function");
    json_t *called = json_object_get(function, "name"), *parameters = json_object_get(function, "parameters");
    char number[24], place[40];
    if (!json_is_string(called) || (name && strcmp(name, json_string_value(called)) != 0)) continue;
    parameters = json_is_object(parameters) ? json_deep_copy(parameters) : json_pack("{s:s}", "type", "object");
    snprintf(number, sizeof number, "%zu", i);
    snprintf(place, sizeof place, "#/$defs/%s", number);
    move_references(parameters, place);
    json_object_set_new(all, number, parameters);
    json_array_append_new(calls, json_pack("{s:s, s:{s:{s:O}, s:{s:s}}, s:[s, s], s:b}", "type", "object", "properties",
                                           "name", "const", called, "arguments", "$ref", place, "required", "name",
                                           "arguments", "additionalProperties", 0));
  }
  if (json_array_size(calls) > 0) return json_pack("{s:o, s:o}", "anyOf", calls, "$defs", all);
  json_decref(calls);
  json_decref(all);
  return NULL;
}
