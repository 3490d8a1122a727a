/* Owns what routes share whose models write. See writing.h. */
#include "writing.h"

#include "requests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- an end -------------------------------------------------------------------------------------------------------
 */

static void free_samples(att_part *part, int width) {
  for (int i = 0; part->samples && i < width; i++) {
    att_out_free(&part->samples[i].text);
    att_out_free(&part->samples[i].tokens);
    att_out_free(&part->samples[i].logprobs);
    att_out_free(&part->samples[i].alignment);
    att_out_free(&part->samples[i].top);
  }
  free(part->samples);
}

/* No more comes of a part: its slots are free. */
static void part_over(att_part *part) {
  att_writing *w = part->writing;
  if (part->over || !part->id) return;
  part->over = true;
  w->host->slots -= w->width;
  w->left--;
}

static void end(att_task *task) {
  att_writing *w = task->work;
  for (size_t i = 0; i < w->count; i++) {
    att_part *part = &w->parts[i];
    if (part->id && !part->over) {
      att_service_cancel(w->host->service, part->id);
      part_over(part);
    }
    free_samples(part, w->width);
    att_release(w->hosts->ctx, part->prompt);
    free(part->tokens);
  }
  w->host->users--;
  free(w->parts);
  free(w->stop);
  free(w->schema);
  free(w->biases);
  free(w->detail);
  free(w);
}

/* ---- pieces -------------------------------------------------------------------------------------------------------
 */

static bool gather(const att_writing *w, att_sample *s, const att_piece_of_text *piece) {
  if (w->gathers) {
    att_out_put(&s->text, piece->text, piece->size);
    for (size_t i = s->count; i < piece->token_count; i++) {
      att_out_put(&s->tokens, &piece->tokens[i], sizeof *piece->tokens);
      if (piece->logprobs) att_out_put(&s->logprobs, &piece->logprobs[i], sizeof *piece->logprobs);
      if (piece->top) att_out_put(&s->top, &piece->top[i * piece->top_count], piece->top_count * sizeof *piece->top);
    }
    if (piece->alignment) att_out_put(&s->alignment, piece->alignment, piece->token_count * sizeof *piece->alignment);
    s->aligned = piece->alignment || piece->token_count == 0;
  }
  s->count = piece->token_count;
  s->finish = piece->finish;
  s->score = piece->score;
  s->logprob = piece->logprob;
  return !s->text.failed && !s->tokens.failed && !s->logprobs.failed && !s->alignment.failed && !s->top.failed;
}

static void count_tokens(att_writing *w, const att_part *part) {
  att_tasks *tasks = w->task->tasks;
  pthread_mutex_lock(&tasks->lock);
  tasks->counts.prompt_tokens += part->prompt_tokens;
  tasks->counts.shared_tokens += part->shared_tokens;
  for (size_t i = 0; i < part->sample_count; i++) tasks->counts.written_tokens += part->samples[i].count;
  pthread_mutex_unlock(&tasks->lock);
}

static int on_piece(void *user, const att_piece_of_text *piece) {
  att_part *part = user;
  att_writing *w = part->writing;
  att_sample *s = &part->samples[piece->sample];
  if (piece->finish == ATT_FINISH_FAILED) {
    att_task_failed(w->task, w->hosts->ctx, ATT_NUMERIC);
    part_over(part);
    return 0;
  }
  if ((size_t)piece->sample >= part->sample_count) part->sample_count = (size_t)piece->sample + 1;
  part->prompt_tokens = piece->prompt_tokens;
  part->shared_tokens = piece->shared_tokens;
  part->truncated = piece->truncated;
  if (!gather(w, s, piece)) att_task_reply(w->task, NULL);
  if (w->on_piece) w->on_piece(w, part, s, piece);
  if (!piece->last) return 0;
  count_tokens(w, part);
  part_over(part);
  if (w->left == 0) w->on_end(w);
  return 0;
}

/* ---- handing over -------------------------------------------------------------------------------------------------
 */

static att_status submit(att_writing *w, att_part *part) {
  att_request request;
  part->samples = calloc((size_t)w->width, sizeof *part->samples);
  if (!part->samples) return ATT_MEMORY;
  w->generate.prompt_number = part->number;
  w->decode.first_line = part->number;
  att_request_default(&request);
  request.text = part->text;
  request.tokens = part->tokens;
  request.token_count = part->token_count;
  request.generate = &w->generate;
  request.decode = &w->decode;
  request.give = on_piece;
  request.user = part;
  att_status status = att_service_submit(w->host->service, &request, &part->id);
  if (!status) w->host->slots += w->width;
  return status;
}

static bool step(att_task *task) {
  att_writing *w = task->work;
  if (w->next == w->count || (w->host->slots > 0 && w->host->slots + w->width > w->hosts->slots)) return false;
  att_status status = submit(w, &w->parts[w->next++]);
  if (status) att_task_failed(task, w->hosts->ctx, status);
  return true;
}

att_writing *att_writing_new(att_task *task, att_hosts *hosts, att_hosted *host, size_t count) {
  att_status status = att_hosted_serve(hosts, host);
  if (status) {
    att_task_failed(task, hosts->ctx, status);
    return NULL;
  }
  att_writing *w = calloc(1, sizeof *w);
  att_part *parts = calloc(count ? count : 1, sizeof *parts);
  if (!w || !parts) {
    free(w);
    free(parts);
    att_task_reply(task, NULL);
    return NULL;
  }
  *w = (att_writing){.task = task, .hosts = hosts, .host = host, .parts = parts, .count = count, .left = count};
  for (size_t i = 0; i < count; i++) parts[i] = (att_part){.writing = w, .number = i};
  w->width = 1;
  host->users++;
  task->work = w;
  task->end = end;
  return w;
}

void att_writing_begin(att_writing *w) {
  if (w->task->over) return;
  if (w->width > w->hosts->slots) {
    att_task_fail(w->task, 400, NULL, NULL, "%d outputs of a prompt are more than the server's %d slots", w->width,
                  w->hosts->slots);
    return;
  }
  w->task->step = step;
  w->task->light = true;
  if (w->count == 0) w->on_end(w);
}

void att_writing_reply(att_writing *w, json_t *data) {
  size_t read = 0, written = 0;
  for (size_t i = 0; i < w->count; i++) {
    const att_part *part = &w->parts[i];
    read += part->prompt_tokens;
    for (size_t j = 0; j < part->sample_count; j++) written += part->samples[j].count;
  }
  att_task_reply(w->task, json_pack("{s:s, s:o, s:s, s:{s:I, s:I, s:I}}", "object", "list", "data", data, "model",
                                    w->host->name, "usage", "prompt_tokens", (json_int_t)read, "completion_tokens",
                                    (json_int_t)written, "total_tokens", (json_int_t)(read + written)));
}

/* ---- what requests say ------------------------------------------------------------------------------------------- */

uint64_t att_new_seed(void) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint64_t)(1e9 * att_seconds());
  return seed >> 1;
}

bool att_take_stops(att_writing *w, json_t *value) {
  att_text *texts;
  size_t count;
  if (!value || (json_is_array(value) && json_array_size(value) == 0)) return true;
  if (!att_take_texts(w->task, w->hosts, "stop", value, 16, &texts, &count)) return false;
  w->stop = calloc(count, sizeof *w->stop);
  bool good = w->stop != NULL;
  if (!good) att_task_reply(w->task, NULL);
  for (size_t i = 0; good && i < count; i++) {
    w->stop[i] = texts[i].data;
    good = texts[i].size > 0 && strlen(texts[i].data) == texts[i].size;
    if (!good) att_task_fail(w->task, 400, NULL, "stop", "stop: number %zu is empty, or has a NUL in it", i + 1);
  }
  free(texts);
  w->generate.stop = w->decode.stop = w->stop;
  w->generate.stop_count = w->decode.stop_count = count;
  return good;
}

/* A token's id as JSON has it for a key, or -1. */
static int32_t id_of(const char *key) {
  char *end;
  long id = strtol(key, &end, 10);
  return *key >= '0' && *key <= '9' && !*end && id <= INT32_MAX ? (int32_t)id : -1;
}

bool att_take_biases(att_writing *w, json_t *value) {
  const char *key;
  json_t *bias;
  size_t count = json_object_size(value);
  if (!value || (json_is_object(value) && count == 0)) return true;
  w->biases = json_is_object(value) && count <= 1024 ? calloc(count, sizeof *w->biases) : NULL;
  if (!w->biases) {
    att_task_fail(w->task, 400, NULL, "logit_bias", "logit_bias must be an object of up to 1024 token ids");
    return false;
  }
  w->generate.logit_bias = w->biases;
  json_object_foreach(value, key, bias) {
    att_token_bias *one = &w->biases[w->generate.logit_bias_count++];
    one->token = id_of(key);
    one->bias = (float)json_number_value(bias);
    if (one->token >= 0 && json_is_number(bias) && one->bias >= -100 && one->bias <= 100) continue;
    att_task_fail(w->task, 400, NULL, "logit_bias", "logit_bias: keys are token ids, values numbers from -100 to 100");
    return false;
  }
  return true;
}

bool att_take_grammar(att_writing *w, att_text grammar, const char *param, json_t *format) {
  const json_t *type = json_object_get(format, "type");
  const char *name = json_string_value(type);
  json_t *schema = json_object_get(json_object_get(format, "json_schema"), "schema");
  if (!schema) schema = json_object_get(format, "schema"); /* as llama.cpp takes it */
  if (grammar.data) w->generate.grammar = grammar.data;
  if (grammar.data && strlen(grammar.data) != grammar.size) {
    att_task_fail(w->task, 400, NULL, "grammar", "grammar has a NUL in it");
    return false;
  }
  if (!format || (name && strcmp(name, "text") == 0)) return true;
  if (name && strcmp(name, "json_object") == 0 && !schema) w->schema = strdup("{\"type\":\"object\"}");
  if (name && strncmp(name, "json_", 5) == 0 && schema) w->schema = json_dumps(schema, JSON_ENCODE_ANY);
  w->generate.json_schema = w->schema;
  if (!w->schema)
    att_task_fail(w->task, 400, NULL, param, "%s must have the type text, json_object, or json_schema with a schema",
                  param);
  return w->schema != NULL;
}
