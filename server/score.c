/* Owns /v1/score: log-probabilities of texts, or of targets given sources. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

typedef struct score_request {
  att_text model;
  json_t *text, *target;
} score_request;

#define AT(member) offsetof(score_request, member)

/* clang-format off */
const att_param att_score_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "a text, or an array of texts", true},
  {"target", ATT_PARAM_JSON, 0, 0, AT(target), "the translation of each, of translators", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_score_size = sizeof(score_request);
const char att_score_gives[] =
    ATT_LIST_OF("{object: text, index: int, logprob: number|null, tokens: int, bytes?: int, truncated?: flag}");

static att_status score_pairs(att_lines *lines, const att_batch *batch) {
  att_score scores[ATT_BATCH_TEXTS];
  att_status status = att_score_pairs(lines->host->model, batch->texts, batch->others, batch->count, scores);
  for (size_t i = 0; !status && i < batch->count; i++)
    json_array_append_new(lines->results,
                          json_pack("{s:s, s:I, s:o, s:I, s:b}", "object", "score", "index",
                                    (json_int_t)batch->index[i], "logprob", att_number_json(scores[i].logprob),
                                    "tokens", (json_int_t)scores[i].tokens, "truncated", scores[i].truncated));
  return status;
}

static att_status score_texts(att_lines *lines, const att_batch *batch) {
  att_status status = ATT_OK;
  for (size_t i = 0; !status && i < batch->count; i++) {
    att_text_score score;
    status = att_score_text(lines->host->model, batch->texts[i], 0, &score);
    if (!status)
      json_array_append_new(lines->results,
                            json_pack("{s:s, s:I, s:o, s:I, s:I}", "object", "score", "index",
                                      (json_int_t)batch->index[i], "logprob", att_number_json(score.logprob), "tokens",
                                      (json_int_t)score.tokens, "bytes", (json_int_t)score.bytes));
  }
  return status;
}

void att_begin_score(att_task *task, att_hosts *hosts) {
  bool pairs = json_object_get(task->request, "target") != NULL;
  att_lines *lines = att_lines_new(task, hosts, pairs ? ATT_VERB_SCORE_PAIRS : ATT_VERB_SCORE_TEXT, "text", "target");
  if (!lines) return;
  lines->some = lines->others ? score_pairs : score_texts;
  if (!lines->others) lines->most = 1;
  att_lines_begin(lines);
}
