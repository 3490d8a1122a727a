/* Owns /v1/summarize: summaries that are written, or sentences of the texts themselves. */
#include "lines.h"
#include "requests.h"
#include "routes.h"
#include "sampling.h"
#include "writing.h"

#include <stdlib.h>
#include <string.h>

typedef struct summarize_request {
  att_decode_options decode;
  att_text model, prefix;
  json_t *text, *stop;
  int max_tokens, extract;
  bool parts;
} summarize_request;

#define AT(member) offsetof(summarize_request, member)
#define IN(member) offsetof(summarize_request, decode.member)

/* clang-format off */
const att_param att_summarize_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "a text, or an array of texts", true},
  {"long", ATT_PARAM_FLAG, 0, 0, AT(parts), "what is too long is summed up part by part; else truncated", 0},
  {"prefix", ATT_PARAM_TEXT, 0, 0, AT(prefix), "put before each text; the model's, else none", 0},
  {"extract", ATT_PARAM_INT, 1, 10000, AT(extract), "so many sentences of each text that say most of it, by a sentence "
   "encoder; beside model and text alone", 0},
  {"beam", ATT_PARAM_INT, 1, 64, IN(beam), "hypotheses kept at each step; 1 is greedy", 0},
  {"length_penalty", ATT_PARAM_NUMBER, -100, 100, IN(length_penalty), "score = log-probability / tokens^this", 0},
  {"max_tokens", ATT_PARAM_INT, 1, 1e9, AT(max_tokens), "the most tokens of a summary, or of a part's", 0},
  {"stop", ATT_PARAM_JSON, 0, 0, AT(stop), "a text, or up to 16, before which a summary ends", 0},
  ATT_SAMPLING_PARAMS(IN),
  {.name = NULL}};
/* clang-format on */
const size_t att_summarize_size = sizeof(summarize_request);
const char att_summarize_gives[] =
    ATT_LIST_OF("{object: text, index: int, summary: text, parts: int, truncated: flag}");

enum { MOST_TEXTS = 4096, MOST_PARTS = 16384 };

/* ---- sentences as they are ----------------------------------------------------------------------------------------
 */

static int on_extract(void *user, const att_summary *given) {
  const att_batch *batch = user;
  return json_array_append_new(batch->lines[given->text]->results,
                               json_pack("{s:s, s:I, s:o, s:I, s:b}", "object", "summary", "index",
                                         (json_int_t)batch->index[given->text], "summary",
                                         att_text_json(given->summary, given->size), "parts", (json_int_t)given->parts,
                                         "truncated", given->truncated));
}

static att_status extract_some(att_lines *lines, const att_batch *batch) {
  const int *sentences = lines->detail;
  return att_extract(lines->host->model, batch->texts, batch->count, (size_t)*sentences, on_extract, (void *)batch);
}

static void begin_extract(att_task *task, att_hosts *hosts, const summarize_request *r) {
  const char *name;
  json_t *value;
  json_object_foreach(task->request, name, value) {
    if (strcmp(name, "model") == 0 || strcmp(name, "text") == 0 || strcmp(name, "extract") == 0) continue;
    att_task_fail(task, 400, NULL, name, "%.40s is for summaries that are written: leave out extract", name);
    return;
  }
  att_lines *lines = att_lines_new(task, hosts, ATT_VERB_EMBED, "text", NULL);
  int *sentences = lines ? lines->detail = malloc(sizeof *sentences) : NULL;
  if (lines && !sentences) att_task_reply(task, NULL);
  if (!sentences) return;
  *sentences = r->extract;
  lines->some = extract_some;
  lines->most = 1;
  att_lines_begin(lines);
}

/* ---- summaries that are written -----------------------------------------------------------------------------------
 */

typedef struct summarizing {
  size_t texts;
  size_t first[]; /* [texts + 1] the first part of each */
} summarizing;

static json_t *summary_of(const att_writing *w, size_t text) {
  const summarizing *s = w->detail;
  att_out joined = {0};
  size_t parts = 0;
  bool truncated = false;
  for (size_t i = s->first[text]; i < s->first[text + 1]; i++) {
    const att_part *part = &w->parts[i];
    const att_out *said = part->sample_count ? &part->samples[0].text : &(const att_out){.data = NULL};
    size_t at = 0;
    while (at < said->size && said->data[at] == ' ') at++;
    if (joined.size && at < said->size) att_out_put(&joined, " ", 1);
    att_out_put(&joined, said->data ? said->data + at : "", said->size - at);
    parts += part->prompt_tokens > 0;
    truncated |= part->truncated;
  }
  json_t *one = json_pack("{s:s, s:I, s:o, s:I, s:b}", "object", "summary", "index", (json_int_t)text, "summary",
                          joined.failed ? NULL : att_text_json(joined.data, joined.size), "parts", (json_int_t)parts,
                          "truncated", truncated);
  att_out_free(&joined);
  return one;
}

static void on_end(att_writing *w) {
  const summarizing *s = w->detail;
  json_t *data = json_array();
  for (size_t i = 0; i < s->texts; i++) json_array_append_new(data, summary_of(w, i));
  att_writing_reply(w, data);
}

static bool settle(att_task *task, const att_hosts *hosts, summarize_request *r) {
  att_decode_options *d = &r->decode;
  bool beam = json_is_integer(json_object_get(task->request, "beam")) && d->beam > 1;
  bool warm = json_is_number(json_object_get(task->request, "temperature"));
  if (r->max_tokens) d->max_length = r->max_tokens;
  if (d->max_length > hosts->max_tokens) d->max_length = hosts->max_tokens;
  if (beam && !warm) d->temperature = 0; /* the model's */
  if (beam && d->temperature > 0)
    att_task_fail(task, 400, NULL, "temperature", "temperature is for sampling, which takes no beam");
  else if (r->prefix.data && strlen(r->prefix.data) != r->prefix.size)
    att_task_fail(task, 400, NULL, "prefix", "prefix has a NUL in it");
  if (d->temperature > 0) d->beam = 1;
  return !task->over;
}

/* What the model reads of each text. Blocks are the parts', from the first of each text on. */
static att_writing *make_parts(att_task *task, att_hosts *hosts, att_hosted *host, const summarize_request *r,
                               const att_text *texts, size_t count, att_text **blocks) {
  att_summary_options options;
  att_status status = ATT_OK;
  summarizing *s = calloc(1, sizeof *s + (count + 1) * sizeof *s->first);
  att_summary_options_default(&options);
  options.parts = r->parts;
  options.prefix = r->prefix.data;
  for (size_t i = 0; s && !status && i < count && s->first[i] <= MOST_PARTS; i++) {
    size_t parts = 0;
    status = att_summary_parts(host->model, texts[i], &options, &blocks[i], &parts);
    s->first[i + 1] = s->texts = s->first[i] + parts;
  }
  if (!s)
    att_task_reply(task, NULL);
  else if (status)
    att_task_failed(task, hosts->ctx, status);
  else if (s->texts > MOST_PARTS)
    att_task_fail(task, 400, NULL, "text", "the texts have more than %d parts", MOST_PARTS);
  att_writing *w = task->over ? NULL : att_writing_new(task, hosts, host, s->first[count]);
  if (!w) {
    free(s);
    return NULL;
  }
  s->texts = count;
  w->detail = s;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = s->first[i]; j < s->first[i + 1]; j++) w->parts[j].text = blocks[i][j - s->first[i]];
    if (s->first[i + 1] == s->first[i]) continue;
    w->parts[s->first[i]].prompt = (char *)blocks[i]; /* freed with the part */
    blocks[i] = NULL;
  }
  return w;
}

static void begin_written(att_task *task, att_hosts *hosts, att_hosted *host, const summarize_request *r,
                          const att_text *texts, size_t count) {
  att_text **blocks = calloc(count, sizeof *blocks);
  if (!blocks) {
    att_task_reply(task, NULL);
    return;
  }
  att_writing *w = make_parts(task, hosts, host, r, texts, count, blocks);
  for (size_t i = 0; i < count; i++) att_release(hosts->ctx, blocks[i]);
  free(blocks);
  if (!w) return;
  w->decode = r->decode;
  w->width = r->decode.beam;
  w->gathers = true;
  w->on_end = on_end;
  if (att_take_stops(w, r->stop)) att_writing_begin(w);
}

void att_begin_summarize(att_task *task, att_hosts *hosts) {
  summarize_request r = {.extract = 0};
  att_text *texts;
  size_t count;
  if (json_is_integer(json_object_get(task->request, "extract"))) {
    if (att_take_params(task, &r)) begin_extract(task, hosts, &r);
    return;
  }
  att_hosted *host = att_find_model(task, hosts, att_model_name(task->request), ATT_VERB_SUMMARIZE);
  if (!host) return;
  att_summary_decode_default(host->model, &r.decode);
  r.decode.seed = att_new_seed();
  if (!att_take_params(task, &r) || !settle(task, hosts, &r)) return;
  if (!att_take_texts(task, hosts, "text", r.text, MOST_TEXTS, &texts, &count)) return;
  begin_written(task, hosts, host, &r, texts, count);
  free(texts);
}
