/* Owns /v1/fill: the likeliest tokens in place of masks. */
#include "lines.h"
#include "requests.h"
#include "routes.h"

#include <stdlib.h>

typedef struct fill_request {
  att_text model;
  json_t *text;
  int top;
} fill_request;

#define AT(member) offsetof(fill_request, member)

/* clang-format off */
const att_param att_fill_params[] = {
  {"model", ATT_PARAM_TEXT, 0, 0, AT(model), "a name of /v1/models", 0},
  {"text", ATT_PARAM_JSON, 0, 0, AT(text), "a text with masks ([MASK], <mask>: the tokenizer's), or an array", true},
  {"top", ATT_PARAM_INT, 1, 1000, AT(top), "so many tokens for each mask; 5", 0},
  {.name = NULL}};
/* clang-format on */
const size_t att_fill_size = sizeof(fill_request);
const char att_fill_gives[] =
    ATT_LIST_OF("{object: text, index: int, masks: [[{token: text, id: int, probability: number|null, text: text}]]}");

static json_t *masks_of(const att_filling *const *fillings, size_t masks, size_t per_mask) {
  json_t *list = json_array();
  for (size_t i = 0; i < masks; i++) {
    json_t *best = json_array();
    for (size_t j = 0; j < per_mask; j++) {
      const att_filling *f = fillings[i * per_mask + j];
      json_array_append_new(best, json_pack("{s:o, s:i, s:o, s:o}", "token", att_text_json(f->token, f->token_size),
                                            "id", (int)f->id, "probability", att_number_json(f->probability), "text",
                                            att_text_json(f->line, f->line_size)));
    }
    json_array_append_new(list, best);
  }
  return list;
}

static att_status fill_some(att_lines *lines, const att_batch *batch) {
  const fill_request *r = lines->detail;
  for (size_t i = 0; i < batch->count; i++) {
    const att_filling **fillings;
    size_t masks, per_mask;
    att_status status = att_fill(lines->host->model, batch->texts[i], (size_t)r->top, &fillings, &masks, &per_mask);
    if (status) return status;
    json_array_append_new(lines->results,
                          json_pack("{s:s, s:I, s:o}", "object", "filling", "index", (json_int_t)batch->index[i],
                                    "masks", masks_of(fillings, masks, per_mask)));
    att_release(lines->hosts->ctx, fillings);
  }
  return ATT_OK;
}

void att_begin_fill(att_task *task, att_hosts *hosts) {
  att_lines *lines = att_lines_new(task, hosts, ATT_VERB_FILL, "text", NULL);
  fill_request *r = lines ? lines->detail = calloc(1, sizeof *r) : NULL;
  if (lines && !r) att_task_reply(task, NULL);
  if (!r) return;
  r->top = 5;
  lines->some = fill_some;
  lines->most = 4;
  if (att_take_params(task, r)) att_lines_begin(lines);
}
