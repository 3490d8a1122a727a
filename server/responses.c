/* Owns /v1/responses: OpenAI's newer form of a chat's answer, without tools and without memory of answers before. */
#include "chat.h"
#include "requests.h"
#include "routes.h"
#include "sampling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct response_request {
  att_generate_options generate;
  att_text model, instructions;
  json_t *input, *text;
  int max_tokens;
  bool stream;
} response_request;

#define AT(member) offsetof(response_request, member)
#define IN(member) offsetof(response_request, generate.member)

/* clang-format off */
const att_param att_response_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"input", ATT_PARAM_JSON, 0, 0, AT(input), "a text, or an array of messages of role and content", true},
  {"instructions", ATT_PARAM_TEXT, 0, 0, AT(instructions), "a system message before them", 0},
  {"max_output_tokens", ATT_PARAM_INT, 1, 1e9, AT(max_tokens), "the most new tokens", 0},
  {"stream", ATT_PARAM_FLAG, 0, 0, AT(stream), "events as tokens come", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "{\"format\": text, json_object, or json_schema with a schema}", 0},
  ATT_SAMPLING_PARAMS(IN),
  {"user", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {"store", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {"metadata", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {"service_tier", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {"safety_identifier", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {"prompt_cache_key", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_response_size = sizeof(response_request);
const char att_response_gives[] =
    "{id: text, object: text, created_at: int, model: text, status: text, error: null, previous_response_id: null, "
    "output: [{id: text, type: text, role: text, status: text, content: [{type: text, text: text, annotations: [any], "
    "logprobs: [any]}]}], parallel_tool_calls: flag, instructions: text|null, tool_choice: text, tools: [any], store: "
    "flag, "
    "truncation: text, max_output_tokens: int, temperature: number, top_p: number, metadata: {*: text}, "
    "text: {format: {*: any}}, incomplete_details: null|{reason: text}, usage: {input_tokens: int, "
    "input_tokens_details: {cached_tokens: int}, output_tokens: int, output_tokens_details: {reasoning_tokens: int}, "
    "total_tokens: int}}";

/* How a task answers. */
typedef struct response {
  char id[40], message[40];
  long created;
  json_int_t sequence; /* of the next event */
  json_t *format;      /* of the text, the request's, or NULL */
} response;

/* ---- parts of answers ---------------------------------------------------------------------------------------------
 */

static const att_sample *sample_of(const att_writing *w) { return w->parts[0].samples; }

static bool is_cut(const att_writing *w) {
  att_finish finish = sample_of(w)->finish;
  return finish == ATT_FINISH_LENGTH || finish == ATT_FINISH_CONTEXT;
}

static json_t *said(const att_writing *w) {
  const att_sample *s = sample_of(w);
  return att_text_json(s && s->text.data ? s->text.data : "", s ? s->text.size : 0);
}

static json_t *content_of(json_t *text) {
  return json_pack("{s:s, s:o, s:[], s:[]}", "type", "output_text", "text", text, "annotations", "logprobs");
}

/* The message; whole: with its text. */
static json_t *item_of(const att_writing *w, bool whole) {
  const response *r = w->detail;
  json_t *content = json_array();
  if (whole) json_array_append_new(content, content_of(said(w)));
  return json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", r->message, "type", "message", "role", "assistant", "status",
                   !whole      ? "in_progress"
                   : is_cut(w) ? "incomplete"
                               : "completed",
                   "content", content);
}

static json_t *usage_of(const att_writing *w) {
  const att_part *part = &w->parts[0];
  json_int_t read = (json_int_t)part->prompt_tokens, written = (json_int_t)sample_of(w)->count;
  return json_pack("{s:I, s:{s:I}, s:I, s:{s:i}, s:I}", "input_tokens", read, "input_tokens_details", "cached_tokens",
                   (json_int_t)part->shared_tokens, "output_tokens", written, "output_tokens_details",
                   "reasoning_tokens", 0, "total_tokens", read + written);
}

static json_t *response_of(const att_writing *w, bool whole) {
  const response *r = w->detail;
  const char *status = !whole ? "in_progress" : is_cut(w) ? "incomplete" : "completed";
  json_t *all = json_pack("{s:s, s:s, s:I, s:s, s:s, s:n, s:n, s:[], s:b, s:n, s:s, s:[], s:b, s:s}", "id", r->id,
                          "object", "response", "created_at", (json_int_t)r->created, "model", w->host->name, "status",
                          status, "error", "previous_response_id", "output", "parallel_tool_calls", 0, "instructions",
                          "tool_choice", "none", "tools", "store", 0, "truncation", "disabled");
  const json_t *instructions = json_object_get(w->task->request, "instructions");
  if (instructions) json_object_set(all, "instructions", (json_t *)instructions);
  json_object_set_new(all, "max_output_tokens", json_integer(w->generate.max_tokens));
  json_object_set_new(all, "temperature", att_number_json(w->generate.temperature));
  json_object_set_new(all, "top_p", att_number_json(w->generate.top_p));
  json_object_set_new(all, "metadata", json_object());
  json_object_set_new(all, "text",
                      r->format ? json_pack("{s:O}", "format", r->format)
                                : json_pack("{s:{s:s}}", "format", "type", "text"));
  json_object_set_new(all, "incomplete_details",
                      whole && is_cut(w) ? json_pack("{s:s}", "reason", "max_output_tokens") : json_null());
  if (whole) json_array_append_new(json_object_get(all, "output"), item_of(w, true));
  json_object_set_new(all, "usage", whole ? usage_of(w) : json_null());
  return all;
}

/* ---- events -------------------------------------------------------------------------------------------------------
 */

/* Takes the event. */
static void send(att_writing *w, const char *name, json_t *event) {
  response *r = w->detail;
  json_object_set_new(event, "type", json_string(name));
  json_object_set_new(event, "sequence_number", json_integer(r->sequence++));
  att_task_event(w->task, name, event);
}

/* One about the message's text. Takes value. */
static void send_text(att_writing *w, const char *name, const char *key, json_t *value) {
  const response *r = w->detail;
  send(w, name,
       json_pack("{s:s, s:i, s:i, s:o}", "item_id", r->message, "output_index", 0, "content_index", 0, key, value));
}

static void send_item(att_writing *w, const char *name, bool whole) {
  send(w, name, json_pack("{s:i, s:o}", "output_index", 0, "item", item_of(w, whole)));
}

static void on_piece(att_writing *w, att_part *part, att_sample *s, const att_piece_of_text *piece) {
  (void)part;
  if (!s->begun) {
    s->begun = true;
    send(w, "response.created", json_pack("{s:o}", "response", response_of(w, false)));
    send(w, "response.in_progress", json_pack("{s:o}", "response", response_of(w, false)));
    send_item(w, "response.output_item.added", false);
    send_text(w, "response.content_part.added", "part", content_of(json_string("")));
  }
  if (piece->size) send_text(w, "response.output_text.delta", "delta", att_text_json(piece->text, piece->size));
}

static void on_end_of_events(att_writing *w) {
  send_text(w, "response.output_text.done", "text", said(w));
  send_text(w, "response.content_part.done", "part", content_of(said(w)));
  send_item(w, "response.output_item.done", true);
  send(w, is_cut(w) ? "response.incomplete" : "response.completed",
       json_pack("{s:o}", "response", response_of(w, true)));
  att_task_done(w->task);
}

static void on_end(att_writing *w) { att_task_reply(w->task, response_of(w, true)); }

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

/* A text is what a user says. NULL: no memory. */
static json_t *messages_of(const response_request *r) {
  json_t *messages = json_array();
  if (r->instructions.data)
    json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "system", "content",
                                              att_text_json(r->instructions.data, r->instructions.size)));
  if (json_is_string(r->input))
    json_array_append_new(messages, json_pack("{s:s, s:O}", "role", "user", "content", r->input));
  else
    json_array_extend(messages, r->input);
  return messages;
}

static bool take_input(att_writing *w, const response_request *r) {
  json_t *messages = messages_of(r);
  bool right = json_is_string(r->input) || json_array_size(r->input) > 0;
  if (!right) att_task_fail(w->task, 400, NULL, "input", "input must be a text, or an array of at least one message");
  bool good = right && att_check_messages(w->task, "input", messages) &&
              att_chat_part(w, "input", messages, &(att_chat_extras){0});
  json_decref(messages);
  return good;
}

/* {"type": "json_schema", "schema": ...}, here without a "json_schema" around it. */
static bool take_format(att_writing *w, const response_request *r) {
  response *own = w->detail;
  own->format = json_object_get(r->text, "format");
  if (!r->text || json_is_object(r->text)) return att_take_grammar(w, (att_text){NULL, 0}, "text", own->format);
  att_task_fail(w->task, 400, NULL, "text", "text must be an object with a format");
  return false;
}

void att_begin_response(att_task *task, att_hosts *hosts) {
  response_request r = {.stream = false};
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), ATT_VERB_GENERATE);
  if (!host) return;
  att_generate_options_default(host->model, &r.generate);
  r.generate.samples = 1;
  r.generate.seed = att_new_seed();
  if (!att_take_params(task, &r)) return;
  att_writing *w = att_writing_new(task, hosts, host, 1);
  response *own = w ? w->detail = calloc(1, sizeof *own) : NULL;
  if (w && !own) att_task_reply(task, NULL);
  if (!own) return;
  own->created = (long)time(NULL);
  snprintf(own->id, sizeof own->id, "resp_%016llx", (unsigned long long)att_new_seed());
  snprintf(own->message, sizeof own->message, "msg_%016llx", (unsigned long long)att_new_seed());
  w->generate = r.generate;
  w->generate.max_tokens = r.max_tokens && r.max_tokens < hosts->max_tokens ? r.max_tokens : hosts->max_tokens;
  w->generate.max_length = 0;
  w->generate.no_special_tokens = true; /* the template writes them */
  w->gathers = true;
  w->on_piece = r.stream ? on_piece : NULL;
  w->on_end = r.stream ? on_end_of_events : on_end;
  if (take_format(w, &r) && take_input(w, &r)) att_writing_begin(w);
}
