/* Owns /v1/answer: the parts of texts that answer questions, as `attend answer --json` tells them. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

#include <stdlib.h>
#include <string.h>

typedef struct answer_request {
  att_text model;
  json_t *question, *context;
  double null_threshold;
  int nbest, max_answer_tokens, window, stride;
  bool no_null;
} answer_request;

#define AT(member) offsetof(answer_request, member)

/* clang-format off */
const att_param att_answer_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"question", ATT_PARAM_JSON, 0, 0, AT(question), "a question, or an array of questions", true},
  {"context", ATT_PARAM_JSON, 0, 0, AT(context), "the text that is asked, or an array of one a question", true},
  {"nbest", ATT_PARAM_INT, 1, 1000, AT(nbest), "so many of the best, in \"answers\"; 1", 0},
  {"max_answer_tokens", ATT_PARAM_INT, 1, 1e5, AT(max_answer_tokens), "tokens of an answer at most; 30", 0},
  {"window", ATT_PARAM_INT, 8, 1 << 20, AT(window), "tokens that are read at once, the question in; 384", 0},
  {"stride", ATT_PARAM_INT, 1, 1 << 20, AT(stride), "tokens from one window to the next; 128", 0},
  {"null_threshold", ATT_PARAM_NUMBER, -1e6, 1e6, AT(null_threshold),
   "there may be no answer: where its odds are above this that is said, by an empty one", 0},
  {"no_null", ATT_PARAM_FLAG, 0, 0, AT(no_null), "there always is an answer", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_answer_size = sizeof(answer_request);
const char att_answer_gives[] =
    ATT_LIST_OF("{object: text, index: int, answer: text, score: number|null, start: int, end: int, answers: "
                "[{answer: text, score: number|null, start: int, end: int}], "
                "null_odds: number|null, truncated: flag}");

typedef struct answering {
  att_answer_options options;
  size_t nbest; /* that are told */
} answering;

static json_t *found(const att_found_answer *one) {
  static const att_found_answer none = {.text = ""};
  if (!one) one = &none;
  return json_pack("{s:o, s:o, s:I, s:I}", "answer", att_text_json(one->text, one->size), "score",
                   att_number_json(one->score), "start", (json_int_t)one->start, "end", (json_int_t)one->end);
}

static int on_answers(void *user, const att_answers *given) {
  const att_batch *batch = user;
  att_lines *lines = batch->lines[given->question];
  const answering *a = lines->detail;
  json_t *result = found(given->count ? given->answers[given->best] : NULL), *list = json_array();
  for (size_t i = 0; i < given->count && i < a->nbest; i++) json_array_append_new(list, found(given->answers[i]));
  json_object_set_new(result, "object", json_string("answer"));
  json_object_set_new(result, "index", json_integer((json_int_t)batch->index[given->question]));
  json_object_set_new(result, "answers", list);
  json_object_set_new(result, "null_odds", given->may_be_none ? att_number_json(given->null_odds) : json_null());
  json_object_set_new(result, "truncated", json_boolean(given->truncated));
  return json_array_append_new(lines->results, result);
}

static att_status answer_some(att_lines *lines, const att_batch *batch) {
  const answering *a = lines->detail;
  att_question questions[ATT_BATCH_TEXTS];
  for (size_t i = 0; i < batch->count; i++) questions[i] = (att_question){batch->others[i], batch->texts[i]};
  return att_answer(lines->host->model, questions, batch->count, &a->options, on_answers, (void *)batch);
}

/* How many are told is each request's own. */
static bool joins(const att_lines *lines, const att_lines *other) {
  const att_answer_options *a = &((const answering *)lines->detail)->options;
  const att_answer_options *b = &((const answering *)other->detail)->options;
  return memcmp(a, b, sizeof *a) == 0;
}

void att_begin_answer(att_task *task, att_hosts *hosts) {
  answer_request r = {.nbest = 1};
  if (!att_take_params(task, &r)) return;
  att_lines *lines = att_lines_new(task, hosts, ATT_VERB_ANSWER, "question", "context");
  answering *a = lines ? lines->detail = calloc(1, sizeof *a) : NULL;
  if (lines && !a) att_task_reply(task, NULL);
  if (!a) return;
  att_answer_options *o = &a->options;
  att_answer_options_default(o);
  a->nbest = (size_t)r.nbest;
  if (r.nbest > o->nbest) o->nbest = r.nbest;
  if (r.max_answer_tokens) o->max_answer_tokens = r.max_answer_tokens;
  if (r.window) o->window = r.window;
  if (r.stride) o->stride = r.stride;
  o->null_threshold = r.null_threshold;
  if (json_is_number(json_object_get(task->request, "null_threshold"))) o->no_answer = ATT_NO_ANSWER_ALLOWED;
  if (r.no_null && o->no_answer == ATT_NO_ANSWER_ALLOWED) {
    att_task_fail(task, 400, NULL, "no_null", "null_threshold and no_null exclude each other");
    return;
  }
  if (r.no_null) o->no_answer = ATT_NO_ANSWER_NEVER;
  lines->some = answer_some;
  lines->joins = joins;
  lines->most = 4;
  att_lines_begin(lines);
}
