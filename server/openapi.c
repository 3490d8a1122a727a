/* Owns /openapi.json: made of the table of routes, their parameters, and the shapes of their answers (task.h). */
#include "routes.h"

#include <stdlib.h>
#include <string.h>

/* ---- shapes -------------------------------------------------------------------------------------------------------
 */

static json_t *shape_of(const char **at);

static bool take(const char **at, char c) {
  while (**at == ' ') ++*at;
  if (**at != c) return false;
  ++*at;
  return true;
}

/* Behind "{": {*: shape}, or {name: shape, name?: shape}. */
static json_t *object_of(const char **at) {
  json_t *properties = json_object(), *required = json_array();
  if (take(at, '*')) {
    json_decref(properties);
    json_decref(required);
    take(at, ':');
    json_t *map = json_pack("{s:s, s:o}", "type", "object", "additionalProperties", shape_of(at));
    take(at, '}');
    return map;
  }
  do {
    while (**at == ' ') ++*at;
    size_t size = strcspn(*at, "?:}");
    json_t *name = json_stringn(*at, size);
    *at += size;
    if (!take(at, '?')) json_array_append(required, name);
    take(at, ':');
    json_object_set_new(properties, json_string_value(name), shape_of(at));
    json_decref(name);
  } while (take(at, ','));
  take(at, '}');
  return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required", required);
}

static json_t *one_of(const char **at) {
  static const char *const types[][2] = {
      {"text", "string"}, {"int", "integer"}, {"number", "number"}, {"flag", "boolean"}, {"null", "null"}};
  if (take(at, '{')) return object_of(at);
  if (take(at, '[')) {
    json_t *array = json_pack("{s:s, s:o}", "type", "array", "items", shape_of(at));
    take(at, ']');
    return array;
  }
  size_t size = strspn(*at, "abcdefghijklmnopqrstuvwxyz");
  const char *word = *at;
  *at += size;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strlen(types[i][0]) == size && memcmp(types[i][0], word, size) == 0)
      return json_pack("{s:s}", "type", types[i][1]);
  return json_object(); /* "any" */
}

static json_t *shape_of(const char **at) {
  json_t *one = one_of(at);
  if (!take(at, '|')) return one;
  json_t *all = json_pack("[o]", one);
  do {
    json_array_append_new(all, one_of(at));
  } while (take(at, '|'));
  return json_pack("{s:o}", "anyOf", all);
}

/* ---- the description ----------------------------------------------------------------------------------------------
 */

static json_t *content_of(const char *type, const char *shape) {
  return json_pack("{s:{s:o}}", type, "schema", shape_of(&shape));
}

/* What is no JSON is text: the page, counts, recordings as subtitles. */
static json_t *answer_of(const att_route *route) {
  json_t *content = route->gives ? content_of("application/json", route->gives) : content_of("text/plain", "text");
  if (route->form) json_object_update_missing_new(content, content_of("text/plain", "text"));
  return json_pack("{s:s, s:o}", "description", "the answer", "content", content);
}

static json_t *operation_of(const att_route *route) {
  json_t *operation = json_pack("{s:s, s:{s:o, s:{s:s}}}", "summary", route->summary, "responses", "200",
                                answer_of(route), "default", "$ref", "#/components/responses/error");
  if (route->params)
    json_object_set_new(operation, "requestBody",
                        json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content",
                                  route->form ? "multipart/form-data" : "application/json", "schema",
                                  att_params_schema(route->params)));
  return operation;
}

char *att_openapi(att_tasks *tasks, const char *rest, size_t *size) {
  json_t *paths = json_object();
  (void)tasks, (void)rest;
  for (const att_route *route = att_routes; route->path; route++) {
    bool one = strcmp(route->path, "/v1/models/") == 0, post = strcmp(route->method, "POST") == 0;
    json_t *operation = operation_of(route);
    if (one)
      json_object_set_new(operation, "parameters",
                          json_pack("[{s:s, s:s, s:b, s:{s:s}}]", "name", "model", "in", "path", "required", 1,
                                    "schema", "type", "string"));
    json_object_set_new(paths, one ? "/v1/models/{model}" : route->path,
                        json_pack("{s:o}", post ? "post" : "get", operation));
  }
  json_t *whole = json_pack(
      "{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:o}}}}", "openapi", "3.1.0", "info", "title", "attend", "version",
      att_version(), "paths", paths, "components", "responses", "error", "description", "what is wrong", "content",
      content_of("application/json", "{error: {message: text, type: text, param: text|null, code: text|null}}"));
  char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
  json_decref(whole);
  *size = text ? strlen(text) : 0;
  return text;
}
