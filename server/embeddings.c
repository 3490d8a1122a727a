/* Owns /v1/embeddings. A task takes a few texts at each of its turns, so that long lists hold nobody up. */
#include "routes.h"
#include "writing.h"

#include <stdlib.h>
#include <string.h>

typedef struct embedding_request {
  att_embed_options options;
  att_text model, encoding;
  json_t *input;
  int dimensions;
  bool normalise, prompted;
  att_text prompt;
} embedding_request;

#define AT(member) offsetof(embedding_request, member)

/* clang-format off */
const att_param att_embedding_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"input", ATT_PARAM_JSON, 0, 0, AT(input), "a text, or an array of texts", true},
  {"encoding_format", ATT_PARAM_TEXT, 0, 0, AT(encoding), "\"float\" or \"base64\" (of little-endian float32)", 0},
  {"dimensions", ATT_PARAM_INT, 1, 1e6, AT(dimensions), "the model's own number", 0},
  {"normalise", ATT_PARAM_FLAG, 0, 0, AT(normalise), "scale to length 1", 0},
  {"prompt", ATT_PARAM_TEXT, 0, 0, AT(prompt), "put before each text, or the name of one of the folder's", 0},
  {"user", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_embedding_size = sizeof(embedding_request);

enum { TEXTS_A_TURN = 16, MOST_TEXTS = 4096 };

typedef struct embedding_work {
  att_hosts *hosts;
  att_hosted *host;
  att_embed_options options;
  bool base64;
  att_text *texts; /* [count] */
  size_t count, done, width;
  float *vectors; /* [count, width] */
  int64_t tokens;
} embedding_work;

static void end(att_task *task) {
  embedding_work *work = task->work;
  work->host->users--;
  free(work->texts);
  free(work->vectors);
  free(work);
}

/* ---- answers ------------------------------------------------------------------------------------------------------
 */

static json_t *base64_of(const void *data, size_t size) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *bytes = data;
  char *text = malloc(4 * ((size + 2) / 3) + 1), *at = text;
  if (!text) return NULL;
  for (size_t i = 0; i < size; i += 3) {
    unsigned long three = (unsigned long)bytes[i] << 16;
    if (i + 1 < size) three |= (unsigned long)bytes[i + 1] << 8;
    if (i + 2 < size) three |= bytes[i + 2];
    *at++ = letters[three >> 18];
    *at++ = letters[(three >> 12) & 63];
    *at++ = i + 1 < size ? letters[(three >> 6) & 63] : '=';
    *at++ = i + 2 < size ? letters[three & 63] : '=';
  }
  json_t *json = json_stringn(text, (size_t)(at - text));
  free(text);
  return json;
}

static json_t *numbers_of(const float *vector, size_t width) {
  json_t *list = json_array();
  for (size_t i = 0; i < width; i++) json_array_append_new(list, att_number_json((double)vector[i]));
  return list;
}

static void reply(att_task *task) {
  const embedding_work *work = task->work;
  json_t *data = json_array();
  for (size_t i = 0; i < work->count; i++) {
    const float *vector = work->vectors + i * work->width;
    json_array_append_new(data, json_pack("{s:s, s:I, s:o}", "object", "embedding", "index", (json_int_t)i, "embedding",
                                          work->base64 ? base64_of(vector, work->width * sizeof *vector)
                                                       : numbers_of(vector, work->width)));
  }
  json_int_t tokens = (json_int_t)work->tokens;
  att_task_reply(task, json_pack("{s:s, s:o, s:s, s:{s:I, s:I}}", "object", "list", "data", data, "model",
                                 work->host->name, "usage", "prompt_tokens", tokens, "total_tokens", tokens));
}

/* ---- the work -----------------------------------------------------------------------------------------------------
 */

static att_status count_tokens(embedding_work *work, att_text text) {
  int32_t *ids;
  size_t count;
  att_status status = att_tokenize(work->host->model, text, true, &ids, &count);
  if (status) return status;
  work->tokens += (int64_t)count;
  att_release(work->hosts->ctx, ids);
  return ATT_OK;
}

static bool step(att_task *task) {
  embedding_work *work = task->work;
  size_t count = work->count - work->done < TEXTS_A_TURN ? work->count - work->done : TEXTS_A_TURN;
  const att_text *texts = work->texts + work->done;
  att_status status =
      att_embed(work->host->model, texts, count, &work->options, work->vectors + work->done * work->width);
  for (size_t i = 0; !status && i < count; i++) status = count_tokens(work, texts[i]);
  if (status) {
    att_task_failed(task, work->hosts->ctx, status);
    return true;
  }
  work->done += count;
  if (work->done == work->count) reply(task);
  return true;
}

static bool check(att_task *task, const embedding_request *r, const embedding_work *work) {
  bool base64 = r->encoding.data && strcmp(r->encoding.data, "base64") == 0;
  if (r->encoding.data && !base64 && strcmp(r->encoding.data, "float") != 0)
    att_task_fail(task, 400, NULL, "encoding_format", "encoding_format must be \"float\" or \"base64\"");
  else if (work->width == 0)
    att_task_failed(task, work->hosts->ctx,
                    att_embed(work->host->model, NULL, 0, &work->options, NULL)); /* which says why */
  else if (r->dimensions && (size_t)r->dimensions != work->width)
    att_task_fail(task, 400, NULL, "dimensions", "the vectors of %s have %zu dimensions", work->host->name,
                  work->width);
  else if (r->prompt.data && strlen(r->prompt.data) != r->prompt.size)
    att_task_fail(task, 400, NULL, "prompt", "prompt has a NUL in it");
  return !task->over;
}

void att_begin_embeddings(att_task *task, att_hosts *hosts) {
  embedding_request r = {.input = NULL};
  att_wrong wrong;
  if (!att_params_read(att_embedding_params, task->request, &r, &wrong)) {
    att_task_refuse(task, &wrong);
    return;
  }
  att_hosted *host = att_find_model(task, hosts, r.model, ATT_VERB_EMBED);
  embedding_work *work = host ? calloc(1, sizeof *work) : NULL;
  if (!work) {
    if (host) att_task_reply(task, NULL);
    return;
  }
  work->hosts = hosts;
  work->host = host;
  host->users++;
  task->work = work;
  task->end = end;
  att_embed_options_default(host->model, &work->options);
  if (json_object_get(task->request, "normalise"))
    work->options.normalise = r.normalise ? ATT_NORMALISE_YES : ATT_NORMALISE_NO;
  if (r.prompt.data) work->options.prompt = r.prompt.data;
  work->base64 = r.encoding.data && strcmp(r.encoding.data, "base64") == 0;
  work->width = att_embedding_width(host->model, &work->options);
  if (!check(task, &r, work)) return;
  if (!att_take_texts(task, hosts, "input", r.input, MOST_TEXTS, &work->texts, &work->count)) return;
  work->vectors = calloc(work->count, work->width * sizeof *work->vectors);
  if (!work->vectors) att_task_reply(task, NULL);
  task->step = step;
}
