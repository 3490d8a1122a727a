/* Owns /v1/attention: the weights of every part, layer and head, or gradients, as `attend look --json` writes them. */
#include "requests.h"
#include "routes.h"

#include <stdlib.h>
#include <string.h>

/* Numbers that an answer may have. */
#define MOST_WEIGHTS 4000000.0
/* Gradients: outputs x tokens x parameters, some seconds, while which nobody else is served. */
#define MOST_WORK 4e10

typedef struct attention_request {
  att_text model, text, target;
  bool gradient;
} attention_request;

#define AT(member) offsetof(attention_request, member)

/* clang-format off */
const att_param att_attention_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_TEXT, 0, 0, AT(text), "what is looked at", true},
  {"target", ATT_PARAM_TEXT, 0, 0, AT(target), "its translation, or an encoder's second text; else the model's own", 0},
  {"gradient", ATT_PARAM_FLAG, 0, 0, AT(gradient), "how much each position moves each output, in place of weights", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_attention_size = sizeof(attention_request);
const char att_attention_gives[] = "{measure: text, source: text|null, target: text|null, parts: {*: {queries: [text], "
                                   "keys: [text], layers?: int, heads?: int, weights: any}}}";

static size_t tokens_of(const att_hosted *host, att_hosts *hosts, att_text text) {
  int32_t *ids;
  size_t count;
  if (!text.data || att_tokenize(host->model, text, true, &ids, &count) != ATT_OK) return 0;
  att_release(hosts->ctx, ids);
  return count;
}

/* Whether it would be too much, before it is made: weights for an answer, or for gradients work. */
static bool is_large(const att_hosted *host, att_hosts *hosts, const attention_request *r) {
  const att_model_info *i = host->info;
  double source = (double)tokens_of(host, hosts, r->text), target = (double)tokens_of(host, hosts, r->target);
  if (i->encoder_layers && i->decoder_layers && !target) target = 2 * source; /* its own translation */
  if (!i->encoder_layers || !i->decoder_layers) source = target = source + target;
  double weights = (double)(i->encoder_layers * i->encoder_heads) * source * source +
                   (double)(i->decoder_layers * i->decoder_heads) * target * (source + target);
  double outputs = i->decoder_layers ? target : 1;
  bool long_work = r->gradient && outputs * (source + target) * (double)i->parameters > MOST_WORK;
  return weights > MOST_WEIGHTS || long_work;
}

void att_begin_attention(att_task *task, att_hosts *hosts) {
  attention_request r = {.gradient = false};
  att_attention *attention = NULL;
  char *text = NULL;
  size_t size;
  if (!att_take_params(task, &r)) return;
  att_hosted *host = att_find_model(task, hosts, r.model, -1);
  if (!host) return;
  if ((int64_t)(r.text.size + r.target.size) > hosts->max_text || is_large(host, hosts, &r)) {
    att_task_fail(task, 400, NULL, "text", "the text is too long to be looked at as a whole");
    return;
  }
  att_status status = (r.gradient ? att_look_gradient : att_look)(host->model, r.text, r.target, &attention);
  if (!status) status = att_attention_render(attention, ATT_LOOK_JSON, NULL, &text, &size);
  if (status) {
    att_task_failed(task, hosts->ctx, status);
  } else {
    att_task_reply_text(task, NULL, text, size);
  }
  att_release(hosts->ctx, text);
  att_attention_free(attention);
}
