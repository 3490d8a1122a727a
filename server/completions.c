/* Owns /v1/completions and /v1/chat/completions: OpenAI's parameters, answers and events. */
#include "chat.h"
#include "requests.h"
#include "routes.h"
#include "sampling.h"
#include "tools.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct completion_request {
  att_generate_options generate;
  att_text model;
  json_t *prompt, *messages, *stop, *logprobs, *stream_options, *tools, *tool_choice, *variables, *bias, *format;
  att_text grammar;
  int max_tokens, top_logprobs, best_of;
  bool stream, echo;
} completion_request;

#define AT(member) offsetof(completion_request, member)
#define IN(member) offsetof(completion_request, generate.member)

/* clang-format off */
#define BOTH                                                                                                           \
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},                                              \
  {"max_tokens", ATT_PARAM_INT, 1, 1e9, AT(max_tokens), "the most new tokens of a choice", 0},                         \
  {"n", ATT_PARAM_INT, 1, 64, IN(samples), "choices", 0},                                                              \
  {"stop", ATT_PARAM_JSON, 0, 0, AT(stop), "a text, or up to 16, before which a choice ends", 0},                      \
  {"stream", ATT_PARAM_FLAG, 0, 0, AT(stream), "events as tokens come", 0},                                            \
  {"stream_options", ATT_PARAM_JSON, 0, 0, AT(stream_options), "{\"include_usage\": true}", 0},                        \
  ATT_SAMPLING_PARAMS(IN),                                                                                             \
  {"frequency_penalty", ATT_PARAM_NUMBER, -2, 2, IN(frequency_penalty), "off a token for each time it was written", 0}, \
  {"presence_penalty", ATT_PARAM_NUMBER, -2, 2, IN(presence_penalty), "off a token that was written", 0},              \
  {"logit_bias", ATT_PARAM_JSON, 0, 0, AT(bias), "an object: token ids, and what is added to their logits", 0},        \
  {"response_format", ATT_PARAM_JSON, 0, 0, AT(format), "text, json_object, or json_schema with a schema", 0},         \
  {"grammar", ATT_PARAM_TEXT, 0, 0, AT(grammar), "GBNF: only what it allows is written", 0},                           \
  {"ignore_eos", ATT_PARAM_FLAG, 0, 0, IN(ignore_end), "go on beyond the end token", 0},                               \
  {"user", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},                                                                          \
  {"store", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},                                                                         \
  {"metadata", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},                                                                      \
  {"service_tier", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},                                                                  \
  {"safety_identifier", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},                                                             \
  {"prompt_cache_key", ATT_PARAM_NONE, 0, 0, 0, NULL, 0}

const att_param att_completion_params[] = {
  BOTH,
  {"prompt", ATT_PARAM_JSON, 0, 0, AT(prompt), "a text, an array of texts, token ids, or an array of these", 0},
  {"logprobs", ATT_PARAM_JSON, 0, 0, AT(logprobs), "0 to 20: log-probabilities of the tokens, and of so many others", 0},
  {"echo", ATT_PARAM_FLAG, 0, 0, AT(echo), "the prompt before each choice", 0},
  {"best_of", ATT_PARAM_INT, 1, 1, AT(best_of), "1: of several the best is not picked", 0},
  {.name = NULL}};

const att_param att_chat_params[] = {
  BOTH,
  {"messages", ATT_PARAM_JSON, 0, 0, AT(messages), "objects of role and content", true},
  {"max_completion_tokens", ATT_PARAM_INT, 1, 1e9, AT(max_tokens), "the same as max_tokens", 0},
  {"logprobs", ATT_PARAM_JSON, 0, 0, AT(logprobs), "true: log-probabilities of the tokens", 0},
  {"top_logprobs", ATT_PARAM_INT, 0, 20, AT(top_logprobs), "and of so many others", 0},
  {"tools", ATT_PARAM_JSON, 0, 0, AT(tools), "what the chat template makes of them", 0},
  {"tool_choice", ATT_PARAM_JSON, 0, 0, AT(tool_choice), "auto, none, required, or an object that names a function", 0},
  {"parallel_tool_calls", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {"chat_template_kwargs", ATT_PARAM_JSON, 0, 0, AT(variables), "an object of what else the template sees", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_completion_size = sizeof(completion_request);
#define ENVELOPE                                                                                                       \
  "id: text, object: text, created: int, model: text, system_fingerprint: text, usage: {prompt_tokens: int, "          \
  "completion_tokens: int, total_tokens: int, prompt_tokens_details: {cached_tokens: int}}"
#define TOKEN "token: text, logprob: number|null, bytes: [int]"
const char att_completion_gives[] =
    "{" ENVELOPE ", choices: [{index: int, text: text, finish_reason: text, logprobs: null|{tokens: [text], "
    "token_logprobs: [number|null], text_offset: [int], top_logprobs: null|[{*: number|null}]}}]}";
const char att_chat_gives[] =
    "{" ENVELOPE
    ", choices: [{index: int, finish_reason: text, message: {role: text, content: text|null, refusal: null, "
    "tool_calls?: [{id: text, type: text, function: {name: text, arguments: text}}]}, "
    "logprobs: null|{content: [{" TOKEN ", top_logprobs: [{" TOKEN "}]}]}}]}";

/* Tokens that an answer may tell log-probabilities of, others in: each is an object of some hundred bytes. */
#define MOST_LOGPROBS (1 << 18)

/* How a task answers. */
typedef struct completion {
  char id[40];
  long created;
  bool chat, stream, usage, logprobs, echo;
  bool tools; /* what is written may be a call */
  int top_logprobs;
} completion;

/* ---- parts of answers ---------------------------------------------------------------------------------------------
 */

static json_t *finish_name(att_finish finish) {
  if (finish == ATT_RUNNING) return json_null();
  return json_string(finish == ATT_FINISH_LENGTH || finish == ATT_FINISH_CONTEXT ? "length" : "stop");
}

static json_t *usage_of(const att_writing *w) {
  size_t prompt = 0, shared = 0, written = 0;
  for (size_t i = 0; i < w->count; i++) {
    prompt += w->parts[i].prompt_tokens;
    shared += w->parts[i].shared_tokens;
    for (size_t j = 0; j < w->parts[i].sample_count; j++) written += w->parts[i].samples[j].count;
  }
  return json_pack("{s:I, s:I, s:I, s:{s:I}}", "prompt_tokens", (json_int_t)prompt, "completion_tokens",
                   (json_int_t)written, "total_tokens", (json_int_t)(prompt + written), "prompt_tokens_details",
                   "cached_tokens", (json_int_t)shared);
}

/* Token `id` as text; special ones, which have none, by their spelling. */
static json_t *token_text(const att_writing *w, int32_t id, json_t **bytes) {
  char *text;
  size_t size;
  if (att_detokenize(w->host->model, &id, 1, &text, &size) != ATT_OK) return NULL;
  const char *spelling = size ? NULL : att_token(w->host->model, id), *data = spelling ? spelling : text;
  if (spelling) size = strlen(spelling);
  json_t *json = att_text_json(data, size);
  if (bytes) {
    *bytes = json_array();
    for (size_t i = 0; i < size; i++) json_array_append_new(*bytes, json_integer((unsigned char)data[i]));
  }
  att_release(w->hosts->ctx, text);
  return json;
}

/* Tokens as they came, with what else might have come: as many as `most` beside each. */
typedef struct token_run {
  const int32_t *tokens;        /* [count] */
  const double *logprobs;       /* [count], or NULL */
  const att_token_logprob *top; /* [count, most], or NULL */
  size_t count, most;
} token_run;

static json_t *chat_token(const att_writing *w, int32_t id, double logprob) {
  json_t *bytes = NULL, *token = token_text(w, id, &bytes);
  return json_pack("{s:o, s:o, s:o}", "token", token, "logprob", att_number_json(logprob), "bytes", bytes);
}

/* A chat's list of objects. */
static json_t *chat_logprobs(const att_writing *w, const token_run *run) {
  json_t *list = json_array();
  for (size_t i = 0; i < run->count; i++) {
    json_t *one = chat_token(w, run->tokens[i], run->logprobs[i]), *others = json_array();
    const att_token_logprob *top = run->top ? run->top + i * run->most : NULL;
    for (size_t j = 0; top && j < run->most && top[j].token >= 0; j++)
      json_array_append_new(others, chat_token(w, top[j].token, top[j].logprob));
    json_object_set_new(one, "top_logprobs", others);
    json_array_append_new(list, one);
  }
  return json_pack("{s:o}", "content", list);
}

static size_t characters(const json_t *text) {
  const char *data = json_string_value(text);
  size_t count = 0;
  for (size_t i = 0; i < json_string_length(text); i++) count += ((unsigned char)data[i] & 0xc0) != 0x80;
  return count;
}

/* The likeliest tokens of a place, by their text; the one that came among them. */
static json_t *plain_top(const att_writing *w, const token_run *run, size_t at, const json_t *token) {
  json_t *object = json_object();
  for (size_t j = 0; run->top && j < run->most; j++) {
    const att_token_logprob *one = &run->top[at * run->most + j];
    json_t *text = one->token >= 0 ? token_text(w, one->token, NULL) : NULL;
    if (text && !json_object_get(object, json_string_value(text)))
      json_object_set_new(object, json_string_value(text), att_number_json(one->logprob));
    json_decref(text);
  }
  json_object_set_new(object, json_string_value(token), att_number_json(run->logprobs[at]));
  return object;
}

/* The older lists side by side. */
static json_t *plain_logprobs(const att_writing *w, const token_run *run) {
  json_t *texts = json_array(), *numbers = json_array(), *offsets = json_array(), *top = json_array();
  json_int_t offset = 0;
  for (size_t i = 0; i < run->count; i++) {
    json_t *token = token_text(w, run->tokens[i], NULL);
    json_array_append_new(offsets, json_integer(offset));
    offset += (json_int_t)characters(token);
    json_array_append_new(numbers, att_number_json(run->logprobs[i]));
    if (token && run->most) json_array_append_new(top, plain_top(w, run, i, token));
    json_array_append_new(texts, token);
  }
  if (!run->most) json_decref(top);
  return json_pack("{s:o, s:o, s:o, s:o}", "tokens", texts, "token_logprobs", numbers, "text_offset", offsets,
                   "top_logprobs", run->most ? top : json_null());
}

static json_t *logprobs_of(const att_writing *w, const token_run *run) {
  const completion *c = w->detail;
  if (!c->logprobs || !run->logprobs) return json_null();
  return (c->chat ? chat_logprobs : plain_logprobs)(w, run);
}

static json_int_t index_of(const att_writing *w, const att_part *part, const att_sample *s) {
  return (json_int_t)part->number * w->width + (s - part->samples);
}

/* Around choices: what every answer and event has. */
static json_t *envelope(const att_writing *w, const char *object, json_t *choices) {
  const completion *c = w->detail;
  char version[40];
  snprintf(version, sizeof version, "attend-%s", att_version());
  return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "id", c->id, "object", object, "created", (json_int_t)c->created,
                   "model", w->host->name, "system_fingerprint", version, "choices", choices);
}

/* ---- events -------------------------------------------------------------------------------------------------------
 */

static void send(att_writing *w, json_t *choice) {
  const completion *c = w->detail;
  json_t *event = envelope(w, c->chat ? "chat.completion.chunk" : "text_completion", json_pack("[o]", choice));
  if (c->usage) json_object_set_new(event, "usage", json_null());
  att_task_event(w->task, NULL, event);
}

/* The first event of a choice: the role of a chat's, the prompt that is echoed. */
static void begin_choice(att_writing *w, att_part *part, att_sample *s) {
  const completion *c = w->detail;
  s->begun = true;
  if (c->chat)
    send(w, json_pack("{s:I, s:{s:s, s:s}, s:n, s:n}", "index", index_of(w, part, s), "delta", "role", "assistant",
                      "content", "", "logprobs", "finish_reason"));
  if (c->echo && part->text.size)
    send(w, json_pack("{s:I, s:o, s:n, s:n}", "index", index_of(w, part, s), "text",
                      att_text_json(part->text.data, part->text.size), "logprobs", "finish_reason"));
}

/* Where tools may be called a choice is told when it is whole. */
static void on_whole_piece(att_writing *w, att_part *part, att_sample *s, const att_piece_of_text *piece) {
  size_t content;
  if (!s->begun) begin_choice(w, part, s);
  if (piece->finish == ATT_RUNNING) return;
  json_t *calls = att_tool_calls(s->text.data ? s->text.data : "", s->text.size, &content);
  json_t *delta = json_object(), *call;
  size_t i;
  json_array_foreach(calls, i, call) json_object_set_new(call, "index", json_integer((json_int_t)i));
  if (content) json_object_set_new(delta, "content", att_text_json(s->text.data, content));
  if (calls) json_object_set(delta, "tool_calls", calls);
  send(w,
       json_pack("{s:I, s:o, s:n, s:n}", "index", index_of(w, part, s), "delta", delta, "logprobs", "finish_reason"));
  send(w, json_pack("{s:I, s:{}, s:n, s:o}", "index", index_of(w, part, s), "delta", "logprobs", "finish_reason",
                    calls ? json_string("tool_calls") : finish_name(piece->finish)));
  json_decref(calls);
}

static void on_piece(att_writing *w, att_part *part, att_sample *s, const att_piece_of_text *piece) {
  const completion *c = w->detail;
  size_t first = piece->first_token;
  if (!s->begun) begin_choice(w, part, s);
  json_t *text = att_text_json(piece->text, piece->size);
  const token_run run = {.tokens = piece->tokens + first,
                         .logprobs = piece->logprobs ? piece->logprobs + first : NULL,
                         .top = piece->top ? piece->top + first * piece->top_count : NULL,
                         .count = piece->token_count - first,
                         .most = piece->top_count};
  json_t *logprobs = logprobs_of(w, &run);
  json_t *said = !c->chat ? text : json_pack(piece->size ? "{s:o}" : "{}", "content", text);
  if (c->chat && !piece->size) json_decref(text);
  json_t *choice = json_pack("{s:I, s:o, s:o, s:n}", "index", index_of(w, part, s), c->chat ? "delta" : "text", said,
                             "logprobs", logprobs, "finish_reason");
  if (piece->finish == ATT_RUNNING) {
    send(w, choice);
    return;
  }
  if (c->chat && piece->size) { /* the reason comes by itself, as OpenAI sends it */
    send(w, choice);
    choice = json_pack("{s:I, s:{}, s:n}", "index", index_of(w, part, s), "delta", "logprobs");
  }
  json_object_set_new(choice, "finish_reason", finish_name(piece->finish));
  send(w, choice);
}

static void on_end_of_events(att_writing *w) {
  const completion *c = w->detail;
  if (c->usage) {
    json_t *event = envelope(w, c->chat ? "chat.completion.chunk" : "text_completion", json_array());
    json_object_set_new(event, "usage", usage_of(w));
    att_task_event(w->task, NULL, event);
  }
  att_task_done(w->task);
}

/* ---- a whole answer -----------------------------------------------------------------------------------------------
 */

static json_t *whole_text(const completion *c, const att_part *part, const att_sample *s) {
  att_out both = {0};
  if (!c->echo) return att_text_json(s->text.data, s->text.size);
  att_out_put(&both, part->text.data, part->text.size);
  att_out_put(&both, s->text.data, s->text.size);
  json_t *text = both.failed ? NULL : att_text_json(both.data, both.size);
  att_out_free(&both);
  return text;
}

static json_t *choice_of(const att_writing *w, const att_part *part, const att_sample *s) {
  const completion *c = w->detail;
  const void *tokens = s->tokens.data, *logprobs = s->logprobs.data, *top = s->top.data;
  const token_run run = {tokens, logprobs, top, s->count, (size_t)c->top_logprobs};
  json_t *said = whole_text(c, part, s), *finish = finish_name(s->finish);
  if (c->chat) said = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content", said, "refusal");
  size_t content;
  json_t *calls = c->tools ? att_tool_calls(s->text.data ? s->text.data : "", s->text.size, &content) : NULL;
  if (calls) {
    json_object_set_new(said, "content", content ? att_text_json(s->text.data, content) : json_null());
    json_object_set_new(said, "tool_calls", calls);
    json_decref(finish);
    finish = json_string("tool_calls");
  }
  return json_pack("{s:I, s:o, s:o, s:o}", "index", index_of(w, part, s), c->chat ? "message" : "text", said,
                   "logprobs", logprobs_of(w, &run), "finish_reason", finish);
}

static void on_end(att_writing *w) {
  const completion *c = w->detail;
  json_t *choices = json_array();
  for (size_t i = 0; i < w->count; i++)
    for (size_t j = 0; j < w->parts[i].sample_count; j++)
      json_array_append_new(choices, choice_of(w, &w->parts[i], &w->parts[i].samples[j]));
  json_t *answer = envelope(w, c->chat ? "chat.completion" : "text_completion", choices);
  json_object_set_new(answer, "usage", usage_of(w));
  att_task_reply(w->task, answer);
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

/* What both have beside prompts, over the model's defaults. */
static bool read_request(att_task *task, att_hosts *hosts, att_hosted *host, completion_request *r) {
  att_generate_options_default(host->model, &r->generate);
  r->generate.samples = 1;
  r->generate.seed = att_new_seed();
  if (!att_take_params(task, r)) return false;
  if (r->max_tokens) r->generate.max_tokens = r->max_tokens;
  if (r->max_tokens) r->generate.max_length = 0;
  if (r->generate.max_tokens == 0 || r->generate.max_tokens > hosts->max_tokens)
    r->generate.max_tokens = hosts->max_tokens;
  return true;
}

static bool read_logprobs(att_task *task, const completion_request *r, completion *c) {
  bool right = !r->logprobs || (c->chat ? json_is_boolean(r->logprobs) : json_is_integer(r->logprobs));
  json_int_t top = json_integer_value(r->logprobs);
  if (!right || top < 0 || top > 20) {
    att_task_fail(task, 400, NULL, "logprobs", c->chat ? "logprobs must be true or false" : "logprobs must be 0 to 20");
    return false;
  }
  c->logprobs = c->chat ? json_is_true(r->logprobs) : r->logprobs != NULL;
  c->top_logprobs = c->chat ? r->top_logprobs : (int)top;
  return true;
}

/* The task's work, its parts still empty. */
static att_writing *make(att_task *task, att_hosts *hosts, att_hosted *host, completion_request *r, size_t count,
                         bool chat) {
  att_writing *w = att_writing_new(task, hosts, host, count);
  completion *c = w ? calloc(1, sizeof *c) : NULL;
  if (!c) {
    if (w) att_task_reply(task, NULL);
    return NULL;
  }
  w->detail = c;
  *c = (completion){.created = (long)time(NULL), .chat = chat, .stream = r->stream, .echo = r->echo};
  c->usage = json_is_true(json_object_get(r->stream_options, "include_usage"));
  snprintf(c->id, sizeof c->id, "%s-%016llx", chat ? "chatcmpl" : "cmpl", (unsigned long long)att_new_seed());
  w->generate = r->generate;
  w->width = r->generate.samples;
  const char *choice = json_string_value(r->tool_choice);
  c->tools = chat && json_array_size(r->tools) > 0 && !(choice && strcmp(choice, "none") == 0);
  w->gathers = !r->stream || c->tools;
  w->on_piece = !r->stream ? NULL : c->tools ? on_whole_piece : on_piece;
  w->on_end = r->stream ? on_end_of_events : on_end;
  if (!read_logprobs(task, r, c) || !att_take_stops(w, r->stop)) return NULL;
  if (c->echo && c->logprobs) {
    att_task_fail(task, 400, NULL, "echo", "echo tells no logprobs of the prompt: leave one out; see /v1/score");
    return NULL;
  }
  double told = (double)count * r->generate.samples * r->generate.max_tokens * (1 + c->top_logprobs);
  if (c->logprobs && told > MOST_LOGPROBS) {
    att_task_fail(task, 400, NULL, "logprobs", "logprobs of so many tokens are too many: ask for fewer max_tokens");
    return NULL;
  }
  w->generate.top_logprobs = c->logprobs ? c->top_logprobs : 0;
  return att_take_biases(w, r->bias) && att_take_grammar(w, r->grammar, "response_format", r->format) ? w : NULL;
}

/* ---- prompts ------------------------------------------------------------------------------------------------------
 */

static bool is_tokens(const json_t *value) {
  return json_is_array(value) && json_array_size(value) > 0 && json_is_integer(json_array_get(value, 0));
}

static bool take_tokens(att_task *task, att_part *part, const json_t *value) {
  part->token_count = json_array_size(value);
  part->tokens = calloc(part->token_count, sizeof *part->tokens);
  if (!part->tokens) {
    att_task_reply(task, NULL);
    return false;
  }
  for (size_t i = 0; i < part->token_count; i++) {
    const json_t *id = json_array_get(value, i);
    json_int_t number = json_integer_value(id);
    if (!json_is_integer(id)) {
      att_task_fail(task, 400, NULL, "prompt", "prompt: number %zu is no token id, as the first is", i + 1);
      return false;
    }
    part->tokens[i] = number < 0 || number > INT32_MAX ? -1 : (int32_t)number; /* the service refuses it */
  }
  return true;
}

static bool take_prompt(att_task *task, const att_hosts *hosts, att_part *part, json_t *value) {
  if (is_tokens(value)) return take_tokens(task, part, value);
  part->text = (att_text){json_string_value(value), json_string_length(value)};
  if (json_is_string(value) && (int64_t)part->text.size <= hosts->max_text) return true;
  if (json_is_string(value)) {
    att_task_fail(task, 400, "context_length_exceeded", "prompt", "the prompt has %zu bytes; this server takes %lld",
                  part->text.size, (long long)hosts->max_text);
  } else {
    att_task_fail(task, 400, NULL, "prompt", "prompt must be a string, token ids, or an array of these");
  }
  return false;
}

void att_begin_completion(att_task *task, att_hosts *hosts) {
  completion_request r = {.top_logprobs = 0};
  json_t *prompt = json_object_get(task->request, "prompt");
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), ATT_VERB_GENERATE);
  if (!host || !read_request(task, hosts, host, &r)) return;
  bool several = json_is_array(prompt) && !is_tokens(prompt);
  size_t count = several ? json_array_size(prompt) : 1;
  if (count == 0 || count > 1024) {
    att_task_fail(task, 400, NULL, "prompt", "prompt must have 1 to 1024 prompts");
    return;
  }
  att_writing *w = make(task, hosts, host, &r, count, false);
  for (size_t i = 0; w && prompt && i < count; i++)
    if (!take_prompt(task, hosts, &w->parts[i], several ? json_array_get(prompt, i) : prompt)) return;
  if (w) att_writing_begin(w);
}

/* ---- chats --------------------------------------------------------------------------------------------------------
 */

/* Whether a tool must be called, and then which: NULL, any. False: the task has its answer. */
static bool read_choice(att_task *task, const completion_request *r, bool *forced, const char **name) {
  const char *choice = json_string_value(r->tool_choice);
  *name = json_string_value(json_object_get(json_object_get(r->tool_choice, "function"), "name"));
  *forced = *name || (choice && strcmp(choice, "required") == 0);
  if (!r->tool_choice || *forced || (choice && (strcmp(choice, "auto") == 0 || strcmp(choice, "none") == 0)))
    return true;
  att_task_fail(task, 400, NULL, "tool_choice",
                "tool_choice must be \"auto\", \"none\", \"required\", or an object that names a function");
  return false;
}

/* Nothing but a call is written. */
static bool force_call(att_writing *w, const completion_request *r, const char *name) {
  json_t *schema = att_tool_schema(r->tools, name);
  if (!schema) {
    att_task_fail(w->task, 400, NULL, "tool_choice", "tool_choice names no function that is in tools");
  } else if (w->generate.grammar || w->schema) {
    att_task_fail(w->task, 400, NULL, "tool_choice", "a call that must be made has a form of its own: leave out %s",
                  w->schema ? "response_format" : "grammar");
  } else if (!(w->generate.json_schema = w->schema = json_dumps(schema, JSON_COMPACT))) {
    att_task_reply(w->task, NULL);
  }
  json_decref(schema);
  return !w->task->over;
}

void att_begin_chat(att_task *task, att_hosts *hosts) {
  completion_request r = {.top_logprobs = 0};
  bool forced;
  const char *name;
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), ATT_VERB_GENERATE);
  if (!host || !read_request(task, hosts, host, &r) || !att_check_messages(task, "messages", r.messages)) return;
  if (!read_choice(task, &r, &forced, &name)) return;
  if (!r.max_tokens) r.generate.max_tokens = hosts->max_tokens; /* an answer ends where the model ends it */
  r.generate.no_special_tokens = true;                          /* the template writes them */
  att_writing *w = make(task, hosts, host, &r, 1, true);
  if (!w || (forced && !force_call(w, &r, name))) return;
  const completion *c = w->detail;
  const att_chat_extras extras = {
      .tools = c->tools ? r.tools : NULL, .tools_optional = w->generate.grammar || w->schema, .variables = r.variables};
  if (att_chat_part(w, "messages", r.messages, &extras)) att_writing_begin(w);
}
