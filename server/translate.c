/* Owns /v1/translate: texts, or lists of them, with n-best and alignment. */
#include "requests.h"
#include "routes.h"
#include "sampling.h"
#include "writing.h"

#include <stdlib.h>
#include <string.h>

typedef struct translate_request {
  att_decode_options decode;
  att_text model;
  json_t *text, *stop;
  int max_tokens, samples;
  bool tokens;
} translate_request;

#define AT(member) offsetof(translate_request, member)
#define IN(member) offsetof(translate_request, decode.member)

/* clang-format off */
const att_param att_translate_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "a text, or an array of texts", true},
  {"beam", ATT_PARAM_INT, 1, 64, IN(beam), "hypotheses kept at each step; 1 is greedy", 0},
  {"nbest", ATT_PARAM_INT, 1, 64, IN(nbest), "so many of the best, in \"hypotheses\"", 0},
  {"samples", ATT_PARAM_INT, 1, 64, AT(samples), "so many that are drawn, in \"hypotheses\"; with a temperature", 0},
  {"length_penalty", ATT_PARAM_NUMBER, -100, 100, IN(length_penalty), "score = log-probability / tokens^this", 0},
  {"max_tokens", ATT_PARAM_INT, 1, 1e9, AT(max_tokens), "the most tokens of a translation", 0},
  {"stop", ATT_PARAM_JSON, 0, 0, AT(stop), "a text, or up to 16, before which a translation ends", 0},
  {"alignment", ATT_PARAM_FLAG, 0, 0, AT(tokens), "tokens of both sides, and for each the place in source_tokens that it "
   "looked at most", 0},
  ATT_SAMPLING_PARAMS(IN),
  {.name = NULL}};
/* clang-format on */
const size_t att_translate_size = sizeof(translate_request);
#define HYPOTHESIS                                                                                                     \
  "text: text, score: number|null, logprob: number|null, tokens?: [text|null], ids?: [int], alignment?: [int]"
#define TRANSLATION "object: text, index: int, truncated: flag, source_tokens?: [text|null]"
const char att_translate_gives[] =
    ATT_LIST_OF("{" TRANSLATION ", " HYPOTHESIS "}|{" TRANSLATION ", hypotheses: [{" HYPOTHESIS "}]}");

typedef struct translation {
  bool tokens, lists;
} translation;

/* ---- answers ------------------------------------------------------------------------------------------------------
 */

static json_t *spellings(const att_writing *w, const int32_t *ids, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    const char *token = att_token(w->host->model, ids[i]);
    json_array_append_new(list, token ? att_text_json(token, strlen(token)) : json_null());
  }
  return list;
}

static json_t *integers(const int32_t *numbers, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(numbers[i]));
  return list;
}

static json_t *hypothesis_of(const att_writing *w, const att_sample *s) {
  const translation *t = w->detail;
  const void *tokens = s->tokens.data, *alignment = s->alignment.data;
  json_t *one = json_pack("{s:o, s:o, s:o}", "text", att_text_json(s->text.data, s->text.size), "score",
                          att_number_json(s->score), "logprob", att_number_json(s->logprob));
  if (!t->tokens) return one;
  json_object_set_new(one, "tokens", spellings(w, tokens, s->count));
  json_object_set_new(one, "ids", integers(tokens, s->count));
  if (s->aligned) json_object_set_new(one, "alignment", integers(alignment, s->count));
  return one;
}

static json_t *source_tokens(const att_writing *w, const att_part *part) {
  int32_t *ids;
  size_t count;
  if (att_tokenize(w->host->model, part->text, true, &ids, &count) != ATT_OK) return NULL;
  json_t *list = spellings(w, ids, count < part->prompt_tokens ? count : part->prompt_tokens);
  att_release(w->hosts->ctx, ids);
  return list;
}

static json_t *translation_of(const att_writing *w, const att_part *part) {
  static const att_sample nothing = {.aligned = true};
  const translation *t = w->detail;
  json_t *one;
  if (t->lists) {
    json_t *list = json_array();
    for (size_t i = 0; i < part->sample_count; i++) json_array_append_new(list, hypothesis_of(w, &part->samples[i]));
    one = json_pack("{s:o}", "hypotheses", list);
  } else {
    one = hypothesis_of(w, part->sample_count ? part->samples : &nothing);
  }
  json_object_set_new(one, "object", json_string("translation"));
  json_object_set_new(one, "index", json_integer((json_int_t)part->number));
  json_object_set_new(one, "truncated", json_boolean(part->truncated));
  if (t->tokens) json_object_set_new(one, "source_tokens", source_tokens(w, part));
  return one;
}

static void on_end(att_writing *w) {
  json_t *data = json_array();
  for (size_t i = 0; i < w->count; i++) json_array_append_new(data, translation_of(w, &w->parts[i]));
  att_writing_reply(w, data);
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

static bool settle(att_task *task, const att_hosts *hosts, translate_request *r) {
  att_decode_options *d = &r->decode;
  bool drawn = d->temperature > 0;
  d->alignment = r->tokens;
  if (r->max_tokens && r->max_tokens < d->max_length) d->max_length = r->max_tokens;
  if (d->max_length > hosts->max_tokens) d->max_length = hosts->max_tokens;
  if (drawn && json_object_get(task->request, "beam") && d->beam > 1)
    att_task_fail(task, 400, NULL, "temperature", "temperature is for sampling, which takes no beam");
  else if (drawn && d->nbest > 1)
    att_task_fail(task, 400, NULL, "nbest", "nbest is for beam search; sampling takes samples");
  else if (!drawn && r->samples > 1)
    att_task_fail(task, 400, NULL, "samples", "samples are drawn: give a temperature above 0 too");
  if (drawn) d->beam = 1;
  if (drawn) d->nbest = r->samples ? r->samples : 1;
  if (!drawn && d->nbest > d->beam) d->beam = d->nbest;
  return !task->over;
}

void att_begin_translate(att_task *task, att_hosts *hosts) {
  translate_request r = {.text = NULL};
  att_text *texts;
  size_t count;
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), ATT_VERB_TRANSLATE);
  if (!host) return;
  att_decode_options_default(host->model, &r.decode);
  r.decode.nbest = 1;
  r.decode.seed = att_new_seed();
  if (!att_take_params(task, &r) || !settle(task, hosts, &r)) return;
  if (!att_take_texts(task, hosts, "text", r.text, 4096, &texts, &count)) return;
  att_writing *w = att_writing_new(task, hosts, host, count);
  translation *t = w ? w->detail = calloc(1, sizeof *t) : NULL;
  for (size_t i = 0; t && i < count; i++) w->parts[i].text = texts[i];
  free(texts);
  if (w && !t) att_task_reply(task, NULL);
  if (!t) return;
  *t = (translation){.tokens = r.tokens, .lists = r.decode.nbest > 1};
  w->decode = r.decode;
  w->width = r.decode.beam > 1 ? r.decode.beam : r.decode.nbest;
  w->gathers = true;
  w->on_end = on_end;
  if (att_take_stops(w, r.stop)) att_writing_begin(w);
}
