/* Owns /v1/embeddings: OpenAI's, and what attend's own has beside it. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

#include <stdlib.h>
#include <string.h>

typedef struct embedding_request {
  att_text model, encoding, prompt;
  json_t *input;
  int dimensions;
  bool normalise, truncate;
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
  {"truncate", ATT_PARAM_FLAG, 0, 0, AT(truncate), "read the beginning of texts that are too long, which are else refused", 0},
  {"user", ATT_PARAM_NONE, 0, 0, 0, NULL, 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_embedding_size = sizeof(embedding_request);
const char att_embedding_gives[] = ATT_LIST_OF("{object: text, index: int, embedding: [number|null]|text}");

/* Numbers of an answer that are told one by one. */
#define MOST_NUMBERS (1 << 21)

typedef struct embedding {
  att_embed_options options;
  size_t width;
  bool base64;
} embedding;

/* ---- vectors ------------------------------------------------------------------------------------------------------
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

static json_t *vector_of(const embedding *e, const float *vector, size_t index) {
  return json_pack("{s:s, s:I, s:o}", "object", "embedding", "index", (json_int_t)index, "embedding",
                   e->base64 ? base64_of(vector, e->width * sizeof *vector) : numbers_of(vector, e->width));
}

static att_status embed_some(att_lines *lines, const att_batch *batch) {
  const embedding *e = lines->detail;
  float *vectors = calloc(batch->count, e->width * sizeof *vectors);
  if (!vectors) return ATT_MEMORY;
  att_embed_options options = e->options;
  options.first_line = batch->index[0]; /* of those that are alone, messages say which it is */
  att_status status = att_embed(lines->host->model, batch->texts, batch->count, &options, vectors);
  for (size_t i = 0; !status && i < batch->count; i++) {
    const embedding *own = batch->lines[i]->detail;
    json_t *vector = vector_of(own, vectors + i * e->width, batch->index[i]);
    if (json_array_append_new(batch->lines[i]->results, vector)) status = ATT_MEMORY;
  }
  free(vectors);
  return status;
}

static bool joins(const att_lines *lines, const att_lines *other) {
  const att_embed_options *a = &((const embedding *)lines->detail)->options;
  const att_embed_options *b = &((const embedding *)other->detail)->options;
  bool same_prompt = a->prompt && b->prompt ? strcmp(a->prompt, b->prompt) == 0 : a->prompt == b->prompt;
  return same_prompt && a->normalise == b->normalise && a->whole == b->whole;
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 */

static bool check(att_task *task, const embedding_request *r, const att_lines *lines) {
  const embedding *e = lines->detail;
  bool base64 = r->encoding.data && strcmp(r->encoding.data, "base64") == 0;
  if (r->encoding.data && !base64 && strcmp(r->encoding.data, "float") != 0)
    att_task_fail(task, 400, NULL, "encoding_format", "encoding_format must be \"float\" or \"base64\"");
  else if (e->width == 0) /* the call says why */
    att_task_failed(task, lines->hosts->ctx, att_embed(lines->host->model, NULL, 0, &e->options, NULL));
  else if (!base64 && lines->count > MOST_NUMBERS / e->width)
    att_task_fail(task, 400, NULL, "input",
                  "so many texts are too many for encoding_format \"float\"; ask for \"base64\"");
  else if (r->dimensions && (size_t)r->dimensions != e->width)
    att_task_fail(task, 400, NULL, "dimensions", "the vectors of %s have %zu dimensions", lines->host->name, e->width);
  else if (r->prompt.data && strlen(r->prompt.data) != r->prompt.size)
    att_task_fail(task, 400, NULL, "prompt", "prompt has a NUL in it");
  return !task->over;
}

void att_begin_embeddings(att_task *task, att_hosts *hosts) {
  embedding_request r = {.input = NULL};
  if (!att_take_params(task, &r)) return;
  att_lines *lines = att_lines_new(task, hosts, ATT_VERB_EMBED, "input", NULL);
  embedding *e = lines ? lines->detail = calloc(1, sizeof *e) : NULL;
  if (!e) {
    if (lines) att_task_reply(task, NULL);
    return;
  }
  att_embed_options_default(lines->host->model, &e->options);
  if (json_object_get(task->request, "normalise"))
    e->options.normalise = r.normalise ? ATT_NORMALISE_YES : ATT_NORMALISE_NO;
  if (r.prompt.data) e->options.prompt = r.prompt.data;
  e->options.whole = !r.truncate;
  e->base64 = r.encoding.data && strcmp(r.encoding.data, "base64") == 0;
  e->width = att_embedding_width(lines->host->model, &e->options);
  lines->some = embed_some;
  lines->joins = joins;
  if (check(task, &r, lines)) att_lines_begin(lines);
}
