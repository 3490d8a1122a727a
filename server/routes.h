/* Owns the table of what can be asked for: a row each. Refuses to know connections. */
#ifndef ATT_SERVER_ROUTES_H
#define ATT_SERVER_ROUTES_H

#include "task.h"

/* Ends in a path that is NULL. */
extern const att_route att_routes[];
/* The route; NULL, with *other: whether the path is known for another method. */
const att_route *att_route_find(const char *method, const char *path, bool *other);
/* /openapi.json, /metrics and /health; malloc's. */
char *att_openapi(att_tasks *tasks, const char *rest, size_t *size);
char *att_metrics(att_tasks *tasks, const char *rest, size_t *size);
char *att_health(att_tasks *tasks, const char *rest, size_t *size);
/* /v1/models; rest: the name of one, or empty. */
char *att_models(att_tasks *tasks, const char *rest, size_t *size);
/* Shapes (att_route): of a list of results, of one of the models. */
#define ATT_LIST_OF(result)                                                                                            \
  "{object: text, data: [" result "], model: text, usage: {prompt_tokens: int, completion_tokens?: int, "              \
  "total_tokens: int}}"
#define ATT_MODEL                                                                                                      \
  "{id: text, object: text, created: int, owned_by: text, loaded: flag, verbs: [text], type?: text, storage?: text, "  \
  "parameters?: int, weight_bytes?: int, context?: int, vocabulary?: int, width?: int}"
/* Whether one has such a name: others are answered by 404, with this. */
bool att_models_have(att_tasks *tasks, const char *name);
#define ATT_NO_MODEL "there is no model '%.100s' here; /v1/models lists them"

/* ---- the routes, a file each ---- */

typedef void att_begin_fn(att_task *task, struct att_hosts *hosts);
extern const att_param att_answer_params[], att_attention_params[], att_chat_params[], att_classify_params[],
    att_completion_params[], att_embedding_params[], att_fill_params[], att_rerank_params[], att_response_params[],
    att_score_params[], att_speech_translation_params[], att_summarize_params[], att_tokenize_params[],
    att_transcribe_params[], att_translate_params[];
extern const char att_answer_gives[], att_attention_gives[], att_chat_gives[], att_classify_gives[],
    att_completion_gives[], att_embedding_gives[], att_fill_gives[], att_rerank_gives[], att_response_gives[],
    att_score_gives[], att_summarize_gives[], att_tokenize_gives[], att_transcribe_gives[], att_translate_gives[];
extern const size_t att_answer_size, att_attention_size, att_classify_size, att_completion_size, att_embedding_size,
    att_fill_size, att_rerank_size, att_response_size, att_score_size, att_summarize_size, att_tokenize_size,
    att_transcribe_size, att_translate_size;
att_begin_fn att_begin_answer, att_begin_attention, att_begin_chat, att_begin_classify, att_begin_completion,
    att_begin_embeddings, att_begin_fill, att_begin_rerank, att_begin_response, att_begin_score,
    att_begin_speech_translation, att_begin_summarize, att_begin_tokenize, att_begin_transcribe, att_begin_translate;

#endif
