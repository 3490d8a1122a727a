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

/* What a schema refers to from its root stands at the root of the whole. */
static void lift_definitions(json_t *whole, const json_t *schema) {
  static const char *const keys[] = {"$defs", "definitions"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *definitions = json_object_get(schema, keys[i]), *there = json_object_get(whole, keys[i]);
    if (definitions && there) json_object_update_missing(there, definitions);
    if (definitions && !there) json_object_set_new(whole, keys[i], json_copy(definitions));
  }
}

json_t *att_tool_schema(const json_t *tools, const char *name) {
  json_t *calls = json_array(), *whole = json_object();
  for (size_t i = 0; i < json_array_size(tools); i++) {
    const json_t *function = json_object_get(json_array_get(tools, i), "function");
    json_t *called = json_object_get(function, "name"), *parameters = json_object_get(function, "parameters");
    if (!json_is_string(called) || (name && strcmp(name, json_string_value(called)) != 0)) continue;
    lift_definitions(whole, parameters);
    json_t *arguments = json_is_object(parameters) ? json_incref(parameters) : json_pack("{s:s}", "type", "object");
    json_array_append_new(calls, json_pack("{s:s, s:{s:{s:O}, s:o}, s:[s, s], s:b}", "type", "object", "properties",
                                           "name", "const", called, "arguments", arguments, "required", "name",
                                           "arguments", "additionalProperties", 0));
  }
  bool any = json_array_size(calls) > 0;
  if (any) json_object_set(whole, "anyOf", calls);
  json_decref(calls);
  if (any) return whole;
  json_decref(whole);
  return NULL;
}
