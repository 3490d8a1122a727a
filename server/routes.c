/* Owns the table of what can be asked for. See routes.h. */
#include "routes.h"

#include "page.h"

#include <string.h>

/* The row of what is called NAME in routes.h. */
#define POST(path, summary, name)                                                                                      \
  {                                                                                                                    \
    "POST", path, summary, att_##name##_params, &att_##name##_size, .begin = att_begin_##name,                         \
                                                                    .gives = att_##name##_gives                        \
  }

/* clang-format off */
const att_route att_routes[] = {
  {"GET", "/", "the page", .answer = att_page, .type = "text/html; charset=utf-8", .open = true},
  {"GET", "/health", "whether the server is up", .answer = att_health, .type = "application/json", .open = true,
   .gives = "{status: text}"},
  {"GET", "/metrics", "counts, for Prometheus", .answer = att_metrics, .type = "text/plain; version=0.0.4"},
  {"GET", "/openapi.json", "this description", .answer = att_openapi, .type = "application/json", .open = true,
   .gives = "{openapi: text, info: {*: text}, paths: {*: any}, components: {*: any}}"},
  {"GET", "/v1/models", "the models, and what each can be asked for", .answer = att_models, .type = "application/json",
   .gives = "{object: text, data: [" ATT_MODEL "]}"},
  {"GET", "/v1/models/", "one of them", .answer = att_models, .type = "application/json", .gives = ATT_MODEL},
  POST("/v1/completions", "text that goes on", completion),
  {"POST", "/v1/chat/completions", "answers in a conversation", att_chat_params, &att_completion_size,
   .begin = att_begin_chat, .gives = att_chat_gives},
  POST("/v1/responses", "the same, in OpenAI's newer form", response),
  {"POST", "/v1/embeddings", "texts as vectors", att_embedding_params, &att_embedding_size,
   .begin = att_begin_embeddings, .gives = att_embedding_gives},
  POST("/v1/translate", "translations of texts", translate),
  POST("/v1/classify", "labels of texts", classify),
  POST("/v1/answer", "answers to questions, in texts", answer),
  POST("/v1/summarize", "summaries of texts", summarize),
  POST("/v1/rerank", "texts by their relevance to a query", rerank),
  {"POST", "/v1/audio/transcriptions", "what is said in a recording", att_transcribe_params, &att_transcribe_size,
   .begin = att_begin_transcribe, .form = true, .gives = att_transcribe_gives},
  {"POST", "/v1/audio/translations", "the same in English", att_speech_translation_params, &att_transcribe_size,
   .begin = att_begin_speech_translation, .form = true, .gives = att_transcribe_gives},
  POST("/v1/fill", "tokens in place of masks", fill),
  POST("/v1/score", "log-probabilities of texts", score),
  POST("/v1/tokenize", "tokens of texts", tokenize),
  POST("/v1/attention", "where a model looks", attention),
  {.path = NULL}};
/* clang-format on */

/* "/v1/models/" is the beginning of a path. */
static bool is_at(const att_route *route, const char *path) {
  size_t size = strlen(route->path);
  bool begins = size > 1 && route->path[size - 1] == '/';
  return begins ? strncmp(path, route->path, size) == 0 && path[size] : strcmp(path, route->path) == 0;
}

const att_route *att_route_find(const char *method, const char *path, bool *other) {
  *other = false;
  for (const att_route *route = att_routes; route->path; route++) {
    if (!is_at(route, path)) continue;
    if (strcmp(route->method, method) == 0) return route;
    if (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0) return route;
    *other = true;
  }
  return NULL;
}
