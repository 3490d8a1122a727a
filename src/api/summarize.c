/*
 * Owns att_summarize: texts to what the model reads (a prefix, parts where a text is long), and what it makes of the
 * parts to summaries. The search is att_translate's.
 */
#include "api/text.h"
#include "formats/file.h"
#include "formats/json.h"
#include "text/sentences.h"
#include "text/unicode.h"

#include <string.h>

#define WINDOW       256 /* texts at a time */
#define USUAL_LENGTH 128 /* tokens of a summary, where the model says none */

typedef struct summarizer {
  att_model *model;
  const att_summary_options *options;
  att_decode_options decode;
  const char *prefix;
  json_t *folder; /* what the prefix may lie in, or NULL */
  int64_t most;   /* tokens that the model reads */
  att_ids ids;    /* scratch */
  /* the window */
  att_buffer bytes; /* the parts, one behind another */
  size_t *ends;     /* [parts] of each, in bytes */
  size_t *text;     /* [parts]: whose it is */
  size_t parts, capacity;
  /* the summary that is being joined */
  size_t first; /* text of the window's first */
  size_t now, count;
  att_buffer joined;
  size_t joined_parts;
  bool truncated;
  att_status status; /* of giving */
  att_summary_fn *give;
  void *user;
} summarizer;

void att_summary_options_init(att_summary_options *options, size_t size) {
  const att_summary_options own = {.size = size};
  att_give_struct(&own, sizeof own, options, size);
}

/* ---- what a folder says of summaries: config.json's task_specific_params (T5's first folders have a prefix there)
 * ---- */

/* *root: json_decref; NULL: there is nothing to read. What else is wrong in it was refused as the model opened. */
static att_status read_params(const att_model *model, json_t **root, const json_t **params) {
  char *path = model->folder ? att_path(model->ctx, model->folder, "config.json") : NULL;
  att_status status = model->folder && !path ? ATT_MEMORY : ATT_OK;
  *root = NULL;
  if (path && att_is_file(path)) status = att_json_open(model->ctx, path, root);
  att_free(model->ctx, path);
  *params = json_object_get(json_object_get(*root, "task_specific_params"), "summarization");
  return status == ATT_MEMORY ? status : ATT_OK;
}

/* A whole number from least to most, else nothing. */
static void take_whole(const json_t *params, const char *key, int least, int most, int less, int *out) {
  const json_t *value = json_object_get(params, key);
  json_int_t number = json_integer_value(value);
  if (json_is_integer(value) && number >= least && number <= most) *out = (int)number - less;
}

/* Lengths there count the start token. */
static void take_params(const json_t *params, att_decode_options *options) {
  const json_t *penalty = json_object_get(params, "length_penalty"), *early = json_object_get(params, "early_stopping");
  take_whole(params, "num_beams", 1, 64, 0, &options->beam);
  take_whole(params, "max_length", 2, 1 << 20, 1, &options->max_length);
  take_whole(params, "min_length", 2, 1 << 20, 1, &options->min_tokens);
  take_whole(params, "no_repeat_ngram_size", 0, 1 << 20, 0, &options->no_repeat_ngram_size);
  if (json_is_number(penalty)) options->length_penalty = json_number_value(penalty);
  if (json_is_boolean(early)) options->early_stopping = (att_early_stopping)json_is_true(early);
}

static att_status make_decode(const att_model *model, att_decode_options *own) {
  const att_generation *g = &model->generation;
  const json_t *params;
  json_t *root;
  att_decode_options_default(model, own);
  if (!g->max_length && !g->max_new_tokens && own->max_length > USUAL_LENGTH) own->max_length = USUAL_LENGTH;
  att_status status = read_params(model, &root, &params);
  take_params(params, own);
  json_decref(root);
  own->nbest = 1;
  return status;
}

/* Without memory it is what the model says else. */
void att_summary_decode_init(const att_model *model, att_decode_options *options, size_t size) {
  att_decode_options own;
  (void)make_decode(model, &own);
  own.size = size;
  att_give_struct(&own, sizeof own, options, size);
}

/* ---- parts --------------------------------------------------------------------------------------------------------
 */

static att_status end_part(summarizer *s, size_t text) {
  if (s->parts == s->capacity) {
    size_t capacity = 2 * s->capacity + WINDOW;
    size_t *ends = att_resize(s->model->ctx, s->ends, capacity, sizeof *ends);
    if (ends) s->ends = ends;
    size_t *texts = ends ? att_resize(s->model->ctx, s->text, capacity, sizeof *texts) : NULL;
    if (!texts) return ATT_MEMORY;
    s->text = texts;
    s->capacity = capacity;
  }
  s->ends[s->parts] = s->bytes.size;
  s->text[s->parts++] = text;
  return ATT_OK;
}

static att_status append(summarizer *s, att_text text) {
  return att_buffer_append(s->model->ctx, &s->bytes, text.data, text.size);
}

static att_status begin_part(summarizer *s) { return append(s, (att_text){s->prefix, strlen(s->prefix)}); }

/* Tokens of a text as a part, its prefix and special tokens in. */
static att_status count_tokens(summarizer *s, att_text text, int64_t *count) {
  s->ids.count = 0;
  ATT_TRY(att_tokenizer_encode(s->model->tokenizer, s->model->ctx, text, true, &s->ids));
  *count = (int64_t)s->ids.count;
  return ATT_OK;
}

/* About the middle: behind white space, else between two characters; 0: there is none. */
static size_t middle_of(att_text text) {
  size_t half = text.size / 2, at = half;
  while (at > 0 && !strchr(" \t\r\n", text.data[at])) at--;
  if (at > 0) return at;
  for (at = half; at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80;) at--;
  return at;
}

/* A part that grows up to what the model reads. */
typedef struct growing {
  size_t text;          /* whose it is */
  int64_t prefix, used; /* tokens; used 0: there is none */
} growing;

/* A sentence, by halves where the model does not read as much. */
static att_status add_sentence(summarizer *s, growing *part, att_text sentence) {
  int64_t tokens;
  ATT_TRY(count_tokens(s, sentence, &tokens));
  size_t middle = part->prefix + tokens > s->most ? middle_of(sentence) : 0;
  if (middle > 0) {
    ATT_TRY(add_sentence(s, part, (att_text){sentence.data, middle}));
    return add_sentence(s, part, (att_text){sentence.data + middle, sentence.size - middle});
  }
  bool fits = part->used > 0 && part->used + tokens <= s->most;
  if (part->used > 0 && !fits) ATT_TRY(end_part(s, part->text));
  ATT_TRY(fits ? append(s, (att_text){" ", 1}) : begin_part(s));
  part->used = (fits ? part->used : part->prefix) + tokens;
  return append(s, sentence);
}

static att_status add_parts(summarizer *s, att_text text, size_t number) {
  growing part = {.text = number};
  att_text sentence;
  size_t at = 0;
  ATT_TRY(count_tokens(s, (att_text){s->prefix, strlen(s->prefix)}, &part.prefix));
  while (att_sentence_next(text, &at, &sentence)) ATT_TRY(add_sentence(s, &part, sentence));
  return part.used > 0 ? end_part(s, number) : ATT_OK;
}

static att_status add_text(summarizer *s, att_text text, size_t number) {
  int64_t tokens = 0, prefix = 0;
  if (att_is_blank(text)) return end_part(s, number); /* so that parts are counted as texts where none is split */
  if (s->options->parts) {
    ATT_TRY(count_tokens(s, text, &tokens));
    ATT_TRY(count_tokens(s, (att_text){s->prefix, strlen(s->prefix)}, &prefix));
  }
  if (tokens + prefix > s->most) return add_parts(s, text, number);
  ATT_TRY(begin_part(s));
  ATT_TRY(append(s, text));
  return end_part(s, number);
}

/* ---- summaries ----------------------------------------------------------------------------------------------------
 */

static att_status give_one(summarizer *s) {
  ATT_TRY(att_buffer_append(s->model->ctx, &s->joined, "", 0)); /* ends in NUL */
  const att_summary summary = {s->now, s->joined.data, s->joined.size, s->joined_parts, s->truncated};
  if (s->give(s->user, &summary) != 0)
    return att_fail(s->model->ctx, ATT_INTERRUPTED, "stopped at text %zu", s->now + 1);
  s->now++;
  s->joined.size = s->joined_parts = 0;
  s->truncated = false;
  return ATT_OK;
}

/* Those of the texts before `end` that have no part any more to come. */
static att_status give_before(summarizer *s, size_t end) {
  while (s->now < end) ATT_TRY(give_one(s));
  return ATT_OK;
}

static att_status join(summarizer *s, const att_translation *given) {
  ATT_TRY(give_before(s, s->text[given->line]));
  att_text text = {given->hypotheses[0]->text, given->hypotheses[0]->text_size};
  while (text.size && text.data[0] == ' ') text.data++, text.size--;
  if (s->joined.size && text.size) ATT_TRY(att_buffer_append(s->model->ctx, &s->joined, " ", 1));
  s->joined_parts += given->source_count > 0;
  s->truncated |= given->truncated;
  return att_buffer_append(s->model->ctx, &s->joined, text.data, text.size);
}

static int on_translation(void *user, const att_translation *given) {
  summarizer *s = user;
  s->status = join(s, given);
  return s->status != ATT_OK;
}

static att_status translate_parts(summarizer *s) {
  att_context *ctx = s->model->ctx;
  att_text *lines = ATT_NEW(ctx, s->parts, att_text);
  if (!lines) return ATT_MEMORY;
  for (size_t i = 0; i < s->parts; i++) {
    size_t begin = i ? s->ends[i - 1] : 0;
    lines[i] = (att_text){s->bytes.data + begin, s->ends[i] - begin};
  }
  s->decode.first_line = s->first;
  att_status status = att_translate(s->model, lines, s->parts, &s->decode, on_translation, s);
  att_free(ctx, lines);
  return s->status ? s->status : status;
}

static att_status summarize_window(summarizer *s, const att_text *texts, size_t count) {
  s->bytes.size = s->parts = 0;
  for (size_t i = 0; i < count; i++) ATT_TRY(add_text(s, texts[i], s->first + i));
  if (s->parts) ATT_TRY(translate_parts(s));
  return give_before(s, s->first + count);
}

/* ---- the public call ------------------------------------------------------------------------------------------------
 */

static att_status settle(summarizer *s, const att_summary_options *options) {
  att_model *model = s->model;
  const json_t *params;
  ATT_TRY(att_check_verb(model, ATT_VERB_SUMMARIZE));
  ATT_TRY(att_model_check_text(model));
  s->options = options;
  s->most = att_source_limit(model);
  ATT_TRY(make_decode(model, &s->decode));
  ATT_TRY(read_params(model, &s->folder, &params));
  const char *own = json_string_value(json_object_get(params, "prefix"));
  s->prefix = options->prefix ? options->prefix : own ? own : "";
  if (!options->decode) return ATT_OK;
  return att_take_options(model->ctx, "att_summarize: decode", options->decode, &s->decode, sizeof s->decode);
}

static void end(summarizer *s) {
  att_context *ctx = s->model->ctx;
  json_decref(s->folder);
  att_free(ctx, s->ids.data);
  att_buffer_free(ctx, &s->bytes);
  att_buffer_free(ctx, &s->joined);
  att_free(ctx, s->ends);
  att_free(ctx, s->text);
}

att_status att_summarize(att_model *model, const att_text *texts, size_t count, const att_summary_options *given,
                         att_summary_fn *give, void *user) {
  att_context *ctx = model->ctx;
  att_summary_options options;
  att_summary_options_default(&options);
  ATT_TRY(att_take_options(ctx, "att_summarize", given, &options, sizeof options));
  if ((count && !texts) || !give) return att_fail(ctx, ATT_ARGUMENT, "att_summarize needs texts and a callback");
  summarizer s = {.model = model, .give = give, .user = user};
  att_status status = settle(&s, &options);
  for (s.first = 0; s.first < count && !status; s.first += WINDOW) {
    size_t left = count - s.first;
    status = summarize_window(&s, texts + s.first, left < WINDOW ? left : WINDOW);
  }
  end(&s);
  return status;
}

/* The parts and their bytes in one block. NULL: no memory. */
static att_text *copy_parts(const summarizer *s) {
  size_t list = s->parts * sizeof(att_text);
  att_text *parts = list / sizeof *parts == s->parts && s->bytes.size < SIZE_MAX - list - 1
                        ? att_alloc(s->model->ctx, list + s->bytes.size + 1, 1)
                        : NULL;
  if (!parts) return NULL;
  char *bytes = (char *)(parts + s->parts);
  if (s->bytes.size) memcpy(bytes, s->bytes.data, s->bytes.size);
  for (size_t i = 0; i < s->parts; i++) {
    size_t begin = i ? s->ends[i - 1] : 0;
    parts[i] = (att_text){bytes + begin, s->ends[i] - begin};
  }
  return parts;
}

att_status att_summary_parts(att_model *model, att_text text, const att_summary_options *given, att_text **parts,
                             size_t *count) {
  att_summary_options options;
  *parts = NULL;
  *count = 0;
  att_summary_options_default(&options);
  ATT_TRY(att_take_options(model->ctx, "att_summary_parts", given, &options, sizeof options));
  if (text.size && !text.data) return att_fail(model->ctx, ATT_ARGUMENT, "att_summary_parts needs a text");
  summarizer s = {.model = model};
  att_status status = settle(&s, &options);
  if (!status) status = add_text(&s, text, 0);
  if (!status && !(*parts = copy_parts(&s))) status = ATT_MEMORY;
  if (!status) *count = s.parts;
  end(&s);
  return status;
}
