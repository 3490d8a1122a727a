/* Owns /v1/rerank: texts by their relevance to a query, answered as Cohere and Jina do. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct rerank_request {
  att_text model, query;
  json_t *documents;
  int top;
  bool documents_too, logits;
} rerank_request;

#define AT(member) offsetof(rerank_request, member)

/* clang-format off */
const att_param att_rerank_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"query", ATT_PARAM_TEXT, 0, 0, AT(query), "what is looked for", true},
  {"documents", ATT_PARAM_JSON, 0, 0, AT(documents), "an array of texts, or of objects with a \"text\"", true},
  {"top_n", ATT_PARAM_INT, 1, 1e9, AT(top), "only so many of the most relevant", 0},
  {"return_documents", ATT_PARAM_FLAG, 0, 0, AT(documents_too), "each with its text", 0},
  {"logits", ATT_PARAM_FLAG, 0, 0, AT(logits), "a cross-encoder's output as it is, without its activation", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_rerank_size = sizeof(rerank_request);
const char att_rerank_gives[] =
    "{object: text, model: text, results: [{index: int, relevance_score: number|null, truncated: flag, "
    "document?: {text: text}}], usage: {prompt_tokens: int, total_tokens: int}}";

typedef struct reranking {
  att_rank_options options;
  size_t top;
  bool documents;
} reranking;

static att_status rank_some(att_lines *lines, const att_batch *batch) {
  const reranking *r = lines->detail;
  double scores[ATT_BATCH_TEXTS];
  bool truncated[ATT_BATCH_TEXTS];
  att_rank_options options = r->options;
  options.truncated = truncated;
  att_status status = att_rank_pairs(lines->host->model, batch->others, batch->texts, batch->count, &options, scores);
  for (size_t i = 0; !status && i < batch->count; i++) {
    json_t *result = json_pack("{s:o, s:b}", "relevance_score", att_number_json(scores[i]), "truncated", truncated[i]);
    if (json_array_append_new(batch->lines[i]->results, result)) status = ATT_MEMORY;
  }
  return status;
}

static bool joins(const att_lines *lines, const att_lines *other) {
  return ((const reranking *)lines->detail)->options.logits == ((const reranking *)other->detail)->options.logits;
}

static int by_relevance(const void *a, const void *b) {
  const att_ranked *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (x->line > y->line) - (x->line < y->line);
}

/* Takes what was found, in the documents' order. */
static json_t *answer(const att_lines *lines, json_t *found) {
  const reranking *r = lines->detail;
  att_ranked *ranked = calloc(lines->count, sizeof *ranked);
  json_t *results = json_array();
  for (size_t i = 0; ranked && i < lines->count; i++)
    ranked[i] = (att_ranked){i, json_real_value(json_object_get(json_array_get(found, i), "relevance_score"))};
  if (ranked) qsort(ranked, lines->count, sizeof *ranked, by_relevance);
  for (size_t i = 0; ranked && i < lines->count && i < r->top; i++) {
    const att_text *text = &lines->texts[ranked[i].line];
    json_t *one = json_pack("{s:I}", "index", (json_int_t)ranked[i].line);
    json_object_update(one, json_array_get(found, ranked[i].line));
    if (r->documents)
      json_object_set_new(one, "document", json_pack("{s:o}", "text", att_text_json(text->data, text->size)));
    json_array_append_new(results, one);
  }
  json_decref(found);
  if (!ranked) {
    json_decref(results);
    return NULL;
  }
  free(ranked);
  return json_pack("{s:s, s:s, s:o, s:{s:I, s:I}}", "object", "list", "model", lines->host->name, "results", results,
                   "usage", "prompt_tokens", (json_int_t)lines->tokens, "total_tokens", (json_int_t)lines->tokens);
}

/* {"text": "..."} as the text. */
static void plain_documents(json_t *documents) {
  for (size_t i = 0; i < json_array_size(documents); i++) {
    json_t *text = json_object_get(json_array_get(documents, i), "text");
    if (json_is_string(text)) json_array_set(documents, i, text);
  }
}

void att_begin_rerank(att_task *task, att_hosts *hosts) {
  rerank_request r = {.top = 0};
  if (!att_take_params(task, &r)) return;
  plain_documents(r.documents);
  att_lines *lines = att_lines_new(task, hosts, ATT_VERB_RANK, "documents", "query");
  reranking *own = lines ? lines->detail = calloc(1, sizeof *own) : NULL;
  if (lines && !own) att_task_reply(task, NULL);
  if (!own) return;
  att_rank_options_default(lines->host->model, &own->options);
  own->options.logits = r.logits;
  own->top = r.top ? (size_t)r.top : lines->count;
  own->documents = r.documents_too;
  lines->some = rank_some;
  lines->joins = joins;
  lines->answer = answer;
  att_status status = att_rank_pairs(lines->host->model, NULL, NULL, 0, &own->options, NULL); /* the folder is right */
  if (status)
    att_task_failed(task, hosts->ctx, status);
  else
    att_lines_begin(lines);
}
