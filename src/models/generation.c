/* Owns the table of the settings of generating, and what generation.h says. A new setting is a row here, a field, and
 * what it does (decode/processors.c, decode/sample.c). */
#include "models/generation.h"

#include "formats/file.h"
#include "models/head.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATION_FILE  "generation_config.json"
#define ATT_MOST_TOKENS  ((size_t)1 << 20) /* of all lists together */
#define ATT_WIDEST_FILE  1000              /* num_beams */
#define ATT_IMPLIED_TOPK 50                /* generate()'s, where a folder samples and does not say */

/* ---- the table --------------------------------------------------------------------------------------------------- */

typedef enum setting_kind {
  SETTING_BOOL,    /* bool */
  SETTING_WHOLE,   /* int */
  SETTING_REAL,    /* double */
  SETTING_TOKEN,   /* int32_t; of a list the first */
  SETTING_TOKENS,  /* att_token_list; one, or a list */
  SETTING_WORDS,   /* att_bias_list: lists of tokens */
  SETTING_BIASES,  /* att_bias_list: pairs of tokens and a number */
  SETTING_TEXTS,   /* stop_strings: one, or a list */
  SETTING_STOPPING /* att_early_stopping: true, false or "never" */
} setting_kind;

typedef struct setting {
  const char *key;
  setting_kind kind;
  size_t at;             /* in att_generation */
  double initial;        /* where the folder does not say; what does nothing, but for what is no processor */
  double least, most;    /* of numbers, both included */
  size_t decode, sample; /* in the options of translating and of generating; 0: it is none */
} setting;

#define AT(field)                 offsetof(att_generation, field)
#define IN_DECODE(field)          .decode = offsetof(att_decode_options, field)
#define IN_GENERATE(field)        .sample = offsetof(att_generate_options, field)
#define IN_BOTH(field)            IN_DECODE(field), IN_GENERATE(field)
#define OTHER(kind_, key_, field) .key = key_, .kind = kind_, .at = AT(field)
#define NUMBER(kind_, key_, field, initial_, least_, most_)                                                            \
  OTHER(kind_, key_, field), .initial = initial_, .least = least_, .most = most_
#define WHOLE(...) NUMBER(SETTING_WHOLE, __VA_ARGS__)
#define REAL(...)  NUMBER(SETTING_REAL, __VA_ARGS__)
#define MOST_WHOLE 2147483647.0

static const setting settings[] = {
    {OTHER(SETTING_BOOL, "do_sample", do_sample)},
    {WHOLE("num_beams", num_beams, 1, 1, ATT_WIDEST_FILE)},
    {WHOLE("num_return_sequences", num_return_sequences, 1, 1, MOST_WHOLE)},
    {WHOLE("max_length", max_length, 0, 1, MOST_WHOLE)},
    {WHOLE("max_new_tokens", max_new_tokens, 0, 1, MOST_WHOLE)},
    {WHOLE("min_length", min_length, 0, 0, MOST_WHOLE), IN_GENERATE(min_length)},
    {WHOLE("min_new_tokens", min_new_tokens, 0, 0, MOST_WHOLE), IN_BOTH(min_tokens)},
    {OTHER(SETTING_STOPPING, "early_stopping", early_stopping), IN_DECODE(early_stopping)},
    {REAL("length_penalty", length_penalty, 1, -100, 100), IN_DECODE(length_penalty)},
    {REAL("temperature", temperature, 1, 0, 1e6), IN_BOTH(temperature)},
    {REAL("top_h", top_h, 0, 0, 1), IN_BOTH(top_h)},
    {WHOLE("top_k", top_k, -1, 0, MOST_WHOLE), IN_BOTH(top_k)},
    {REAL("top_p", top_p, 1, 0, 1), IN_BOTH(top_p)},
    {REAL("min_p", min_p, 0, 0, 1), IN_BOTH(min_p)},
    {REAL("typical_p", typical_p, 1, 1e-9, 1), IN_BOTH(typical_p)},
    {REAL("epsilon_cutoff", epsilon_cutoff, 0, 0, 1), IN_BOTH(epsilon_cutoff)},
    {REAL("eta_cutoff", eta_cutoff, 0, 0, 1), IN_BOTH(eta_cutoff)},
    {REAL("repetition_penalty", repetition_penalty, 1, 1e-6, 1e6), IN_BOTH(repetition_penalty)},
    {REAL("encoder_repetition_penalty", encoder_repetition_penalty, 1, 1e-6, 1e6), IN_BOTH(encoder_repetition_penalty)},
    {REAL("frequency_penalty", frequency_penalty, 0, -100, 100), IN_GENERATE(frequency_penalty)},
    {REAL("presence_penalty", presence_penalty, 0, -100, 100), IN_GENERATE(presence_penalty)},
    {WHOLE("no_repeat_ngram_size", no_repeat_ngram_size, 0, 0, MOST_WHOLE), IN_BOTH(no_repeat_ngram_size)},
    {WHOLE("encoder_no_repeat_ngram_size", encoder_no_repeat_ngram_size, 0, 0, MOST_WHOLE),
     IN_BOTH(encoder_no_repeat_ngram_size)},
    {OTHER(SETTING_BOOL, "remove_invalid_values", remove_invalid_values)},
    {OTHER(SETTING_BOOL, "renormalize_logits", renormalize_logits)},
    {OTHER(SETTING_TOKEN, "bos_token_id", bos), .initial = -1},
    {OTHER(SETTING_TOKEN, "decoder_start_token_id", decoder_start), .initial = -1},
    {OTHER(SETTING_TOKENS, "eos_token_id", ends)},
    {OTHER(SETTING_TOKENS, "forced_bos_token_id", forced_bos)},
    {OTHER(SETTING_TOKENS, "forced_eos_token_id", forced_eos)},
    {OTHER(SETTING_TOKENS, "suppress_tokens", suppress_tokens)},
    {OTHER(SETTING_TOKENS, "begin_suppress_tokens", begin_suppress_tokens)},
    {OTHER(SETTING_WORDS, "bad_words_ids", bad_words)},
    {OTHER(SETTING_BIASES, "sequence_bias", sequence_bias)},
    {OTHER(SETTING_TEXTS, "stop_strings", stop_strings)},
};

/* What generate() would do beside that, and where it does nothing. A key without a number: where it is null or false.
 */
static const struct {
  const char *key;
  double neutral;
} not_applied[] = {{"num_beam_groups", 1},   {"diversity_penalty", 0}, {"guidance_scale", 1},
                   {"penalty_alpha", 0},     {"dola_layers", NAN},     {"constraints", NAN},
                   {"force_words_ids", NAN}, {"max_time", NAN},        {"watermarking_config", NAN},
                   {"token_healing", NAN}};

static const char decay_key[] = "exponential_decay_length_penalty";

static void *at(att_generation *g, const setting *s) { return (char *)g + s->at; }

static const void *at_const(const att_generation *g, const setting *s) { return (const char *)g + s->at; }

static double number_of(const setting *s, const void *from) {
  switch (s->kind) {
  case SETTING_BOOL: return *(const bool *)from;
  case SETTING_WHOLE: return *(const int *)from;
  case SETTING_REAL: return *(const double *)from;
  case SETTING_STOPPING: return (double)*(const att_early_stopping *)from;
  case SETTING_TOKEN: return *(const int32_t *)from;
  default: return 0;
  }
}

static void set_number(const setting *s, void *to, double value) {
  switch (s->kind) {
  case SETTING_BOOL: *(bool *)to = value != 0; break;
  case SETTING_WHOLE: *(int *)to = (int)value; break;
  case SETTING_REAL: *(double *)to = value; break;
  case SETTING_STOPPING: *(att_early_stopping *)to = (att_early_stopping)value; break;
  case SETTING_TOKEN: *(int32_t *)to = (int32_t)value; break;
  default: break;
  }
}

void att_generation_neutral(att_generation *g) {
  *g = (att_generation){.decay_factor = 1};
  for (size_t i = 0; i < ATT_COUNT(settings); i++) set_number(&settings[i], at(g, &settings[i]), settings[i].initial);
}

bool att_generation_is_set(const att_generation *g, const char *key) {
  if (strcmp(key, decay_key) == 0) return g->decay_factor != 1;
  if (strcmp(key, "timestamps") == 0) return g->first_timestamp > 0;
  for (size_t i = 0; i < ATT_COUNT(settings); i++) {
    const setting *s = &settings[i];
    if (strcmp(s->key, key) != 0) continue;
    if (s->kind == SETTING_TOKENS) return ((const att_token_list *)at_const(g, s))->count > 0;
    if (s->kind == SETTING_WORDS || s->kind == SETTING_BIASES)
      return ((const att_bias_list *)at_const(g, s))->count > 0;
    return number_of(s, at_const(g, s)) != s->initial;
  }
  return false;
}

bool att_generation_ends(const att_generation *g, int32_t token) {
  for (int64_t i = 0; i < g->ends.count; i++) {
    if (g->ends.tokens[i] == token) return true;
  }
  return false;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static size_t offset_in(const setting *s, att_options_kind kind) {
  return kind == ATT_OPTIONS_DECODE ? s->decode : s->sample;
}

void att_generation_give(const att_generation *g, att_options_kind kind, void *options) {
  for (size_t i = 0; i < ATT_COUNT(settings); i++) {
    const setting *s = &settings[i];
    size_t offset = offset_in(s, kind);
    if (offset) set_number(s, (char *)options + offset, number_of(s, at_const(g, s)));
  }
}

att_status att_generation_take(att_context *ctx, att_options_kind kind, const void *options, att_generation *g) {
  for (size_t i = 0; i < ATT_COUNT(settings); i++) {
    const setting *s = &settings[i];
    size_t offset = offset_in(s, kind);
    if (!offset) continue;
    double value = number_of(s, (const char *)options + offset);
    double most = s->kind == SETTING_STOPPING ? ATT_EARLY_STOPPING_NEVER : s->most;
    if (!(value >= s->least && value <= most)) {
      return att_fail(ctx, ATT_ARGUMENT, "%s is %.10g, not from %g to %.10g", s->key, value, s->least, most);
    }
    set_number(s, at(g, s), value);
  }
  return ATT_OK;
}

/* ---- reading one value ------------------------------------------------------------------------------------------- */

typedef struct reader {
  att_settings in; /* name: of the file that the values are from */
  const att_config *config;
  att_generation *g;
  size_t tokens; /* that the lists hold so far */
} reader;

static void *take(reader *r, size_t count, size_t size) {
  if (!r->g->lists && att_arena_new(r->in.ctx, &r->g->lists)) return NULL;
  return att_arena_alloc(r->g->lists, count, size);
}

static att_status wrong(const reader *r, const char *key, const char *what) {
  return att_fail(r->in.ctx, ATT_FORMAT, "%s: %s %s", r->in.name, key, what);
}

static bool is_token(const reader *r, const json_t *value) {
  return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < r->config->vocab_size;
}

/* A value, or the items of a list of them. */
static size_t item_count(const json_t *value) { return json_is_array(value) ? json_array_size(value) : 1; }

static const json_t *item_of(const json_t *value, size_t i) {
  return json_is_array(value) ? json_array_get(value, i) : value;
}

static att_status count_tokens(reader *r, const char *key, size_t count) {
  r->tokens += count;
  return r->tokens <= ATT_MOST_TOKENS ? ATT_OK : wrong(r, key, "lists more tokens than attend holds");
}

/* Numbers that are no tokens (-1, those beyond the vocabulary) can do nothing, and are left out as generate() does. */
static att_status read_tokens(reader *r, const char *key, const json_t *value, att_token_list *out) {
  size_t count = item_count(value);
  ATT_TRY(count_tokens(r, key, count));
  out->tokens = take(r, count, sizeof *out->tokens);
  if (!out->tokens) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const json_t *item = item_of(value, i);
    if (!json_is_integer(item)) return wrong(r, key, "is not a token, nor a list of tokens");
    if (is_token(r, item)) out->tokens[out->count++] = (int32_t)json_integer_value(item);
  }
  return ATT_OK;
}

static att_status read_token(const reader *r, const json_t *value, int32_t *out) {
  const json_t *first = item_of(value, 0);
  *out = is_token(r, first) ? (int32_t)json_integer_value(first) : -1;
  return ATT_OK;
}

/* A sequence of tokens; one that is none of the vocabulary is refused, as generate() does. */
static att_status read_sequence(reader *r, const char *key, const json_t *list, att_biased *out) {
  size_t count = json_array_size(list);
  if (!json_is_array(list)) return wrong(r, key, "is not a list of lists of tokens");
  ATT_TRY(count_tokens(r, key, count));
  int32_t *tokens = take(r, count, sizeof *tokens);
  if (!tokens) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const json_t *item = json_array_get(list, i);
    if (!is_token(r, item)) return wrong(r, key, "lists what is not one of the model's tokens");
    tokens[i] = (int32_t)json_integer_value(item);
  }
  out->tokens = tokens;
  out->count = (int64_t)count;
  return ATT_OK;
}

static int by_tokens(const void *a, const void *b) {
  const att_biased *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? -1 : 1;
  int order = memcmp(x->tokens, y->tokens, (size_t)x->count * sizeof *x->tokens);
  return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Of the biases of one sequence the last counts. */
static void keep_last(att_bias_list *list) {
  int64_t kept = 0;
  if (list->count) qsort(list->items, (size_t)list->count, sizeof *list->items, by_tokens);
  for (int64_t i = 0; i < list->count; i++) {
    const att_biased *one = &list->items[i], *last = kept ? &list->items[kept - 1] : NULL;
    bool again = last && last->count == one->count &&
                 memcmp(last->tokens, one->tokens, (size_t)one->count * sizeof *one->tokens) == 0;
    list->items[again ? kept - 1 : kept++] = *one;
  }
  list->count = kept;
}

static att_status read_biases(reader *r, const setting *s, const json_t *value, att_bias_list *out) {
  size_t count = json_array_size(value);
  bool numbers = s->kind == SETTING_BIASES;
  if (!json_is_array(value)) return wrong(r, s->key, "is not a list");
  ATT_TRY(count_tokens(r, s->key, count));
  out->items = take(r, count, sizeof *out->items);
  if (!out->items) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const json_t *item = json_array_get(value, i), *bias = json_array_get(item, 1);
    att_biased biased = {.order = (int64_t)i, .bias = -INFINITY};
    if (numbers && (json_array_size(item) != 2 || !json_is_number(bias)))
      return wrong(r, s->key, "lists what is not a pair of tokens and a bias");
    if (numbers) biased.bias = json_number_value(bias);
    ATT_TRY(read_sequence(r, s->key, numbers ? json_array_get(item, 0) : item, &biased));
    if (biased.count) out->items[out->count++] = biased;
  }
  keep_last(out);
  return ATT_OK;
}

static att_status read_texts(reader *r, const char *key, const json_t *value) {
  size_t count = item_count(value);
  ATT_TRY(count_tokens(r, key, count));
  r->g->stop_strings = take(r, count, sizeof *r->g->stop_strings);
  if (!r->g->stop_strings) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const char *text = json_string_value(item_of(value, i));
    if (!text) return wrong(r, key, "is not a text, nor a list of texts");
    char *copy = take(r, strlen(text) + 1, 1);
    if (!copy) return ATT_MEMORY;
    if (*text) r->g->stop_strings[r->g->stop_string_count++] = strcpy(copy, text);
  }
  return ATT_OK;
}

static att_status read_whole(const reader *r, const setting *s, int *out) {
  int64_t value = *out;
  ATT_TRY(att_json_int(r->in.ctx, r->in.name, r->in.root, s->key, false, (int64_t)s->least, (int64_t)s->most, &value));
  *out = (int)value;
  return ATT_OK;
}

static att_status read_real(const reader *r, const setting *s, double *out) {
  double value = *out;
  ATT_TRY(att_json_number(r->in.ctx, r->in.name, r->in.root, s->key, false, &value));
  if (!(value >= s->least && value <= s->most)) {
    return att_fail(r->in.ctx, ATT_FORMAT, "%s: %s is %g, not from %g to %g", r->in.name, s->key, value, s->least,
                    s->most);
  }
  *out = value;
  return ATT_OK;
}

static att_status read_stopping(const reader *r, const setting *s, const json_t *value, att_early_stopping *out) {
  const char *text = json_string_value(value);
  bool on = false;
  if (text && strcmp(text, "never") == 0) {
    *out = ATT_EARLY_STOPPING_NEVER;
    return ATT_OK;
  }
  ATT_TRY(att_json_bool(r->in.ctx, r->in.name, r->in.root, s->key, false, &on));
  *out = on ? ATT_EARLY_STOPPING_ON : ATT_EARLY_STOPPING_OFF;
  return ATT_OK;
}

static att_status read_setting(reader *r, const setting *s) {
  const json_t *value = json_object_get(r->in.root, s->key);
  void *to = at(r->g, s);
  if (!value || json_is_null(value)) return ATT_OK;
  switch (s->kind) {
  case SETTING_BOOL: return att_read_bool(&r->in, s->key, to);
  case SETTING_WHOLE: return read_whole(r, s, to);
  case SETTING_REAL: return read_real(r, s, to);
  case SETTING_TOKEN: return read_token(r, value, to);
  case SETTING_TOKENS: return read_tokens(r, s->key, value, to);
  case SETTING_WORDS:
  case SETTING_BIASES: return read_biases(r, s, value, to);
  case SETTING_TEXTS: return read_texts(r, s->key, value);
  default: return read_stopping(r, s, value, to);
  }
}

/* [start, factor] */
static att_status read_decay(reader *r) {
  const json_t *value = json_object_get(r->in.root, decay_key);
  const json_t *start = json_array_get(value, 0), *factor = json_array_get(value, 1);
  if (!value || json_is_null(value)) return ATT_OK;
  bool good = json_array_size(value) == 2 && json_is_integer(start) && json_is_number(factor) &&
              json_integer_value(start) >= 0 && json_integer_value(start) <= INT32_MAX && json_number_value(factor) > 0;
  if (!good) return wrong(r, decay_key, "is not a list of a number of tokens and a factor above 0");
  r->g->decay_start = (int)json_integer_value(start);
  r->g->decay_factor = json_number_value(factor);
  return ATT_OK;
}

/* ---- reading all ------------------------------------------------------------------------------------------------- */

/* "where: what how", a line more. */
static att_status add_warning(reader *r, const char *where, const char *what, const char *how) {
  att_buffer line = {0};
  att_context *ctx = r->in.ctx;
  const char *before = r->g->warnings ? r->g->warnings : "";
  att_status status =
      att_buffer_print(ctx, &line, "%s%s%s%s%s\n", before, where, what ? ": " : "", what ? what : "", how);
  if (status) {
    att_buffer_free(ctx, &line);
    return status;
  }
  att_free(ctx, r->g->warnings);
  r->g->warnings = line.data;
  return ATT_OK;
}

static att_status warn(reader *r, const char *key, const char *how) { return add_warning(r, r->in.name, key, how); }

/* Texts end at their longest then, as in Transformers, which warns too. With max_length the prompt counts: one token at
 * least, of an encoder-decoder one. */
static att_status warn_of_lengths(reader *r) {
  const att_generation *g = r->g;
  bool fresh = g->max_new_tokens > 0, both = r->config->kind == ATT_ENCODER_DECODER;
  const char *how = fresh ? " is above max_new_tokens: no text is so long" : " is above max_length: no text is so long";
  int64_t most = fresh ? g->max_new_tokens : (int64_t)g->max_length - 1, least = g->min_new_tokens;
  if (most < 0) return ATT_OK;
  if (least > most) return warn(r, "min_new_tokens", how);
  if (least == 0 && g->min_length - 1 > most && (both || !fresh)) return warn(r, "min_length", how);
  return ATT_OK;
}

static att_status warn_of_others(reader *r) {
  for (size_t i = 0; i < ATT_COUNT(not_applied); i++) {
    const json_t *value = json_object_get(r->in.root, not_applied[i].key);
    if (!value || json_is_null(value) || json_is_false(value)) continue;
    if (json_is_number(value) && json_number_value(value) == not_applied[i].neutral) continue;
    ATT_TRY(warn(r, not_applied[i].key, " is not applied"));
  }
  const att_generation *g = r->g;
  bool decoder = r->config->kind == ATT_DECODER;
  ATT_TRY(warn_of_lengths(r));
  if (decoder && g->num_beams > 1) ATT_TRY(warn(r, "num_beams", " is not applied: a decoder goes on without a beam"));
  if (!decoder && g->num_beams > ATT_WIDEST_BEAM)
    ATT_TRY(warn(r, "num_beams", " is more than the 64 that attend has, which are taken"));
  if (!decoder && g->do_sample && g->num_beams > 1)
    ATT_TRY(warn(r, "do_sample", " is not applied beside num_beams: the beams are searched, not drawn"));
  if (g->ends.count == 0 && r->config->eos >= 0)
    return warn(r, "eos_token_id", " is missing, so texts end at their longest only, as in Transformers");
  return ATT_OK;
}

/* bad_words_ids may not rule out the end: a list of an end token alone is left out. */
static void drop_ends(att_generation *g) {
  int64_t kept = 0;
  for (int64_t i = 0; i < g->bad_words.count; i++) {
    const att_biased *word = &g->bad_words.items[i];
    if (word->count > 1 || !att_generation_ends(g, word->tokens[0])) g->bad_words.items[kept++] = *word;
  }
  g->bad_words.count = kept;
}

/* Remembers the first thing that is wrong, and goes on. */
static att_status note(reader *r, att_status status) {
  if (status == ATT_OK || status == ATT_MEMORY) return status;
  if (!r->g->wrong) {
    const char *message = att_message(r->in.ctx);
    r->g->wrong = att_copy_text(r->in.ctx, message, strlen(message));
  }
  return r->g->wrong ? ATT_OK : ATT_MEMORY;
}

static att_status read_all(reader *r) {
  if (!json_is_object(r->in.root)) return note(r, wrong(r, "the file", "is not a JSON object"));
  for (size_t i = 0; i < ATT_COUNT(settings); i++) ATT_TRY(note(r, read_setting(r, &settings[i])));
  ATT_TRY(note(r, read_decay(r)));
  drop_ends(r->g);
  if (r->g->top_k < 0) r->g->top_k = r->g->do_sample ? ATT_IMPLIED_TOPK : 0;
  return warn_of_others(r);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static att_status set_text(reader *r, const att_buffer *text) {
  r->g->text = att_copy_text(r->in.ctx, text->data, text->size);
  return r->g->text ? ATT_OK : ATT_MEMORY;
}

static bool is_of_generating(const char *key) {
  static const char *const others[] = {"pad_token_id", decay_key};
  for (size_t i = 0; i < ATT_COUNT(settings); i++) {
    if (strcmp(settings[i].key, key) == 0) return true;
  }
  for (size_t i = 0; i < ATT_COUNT(not_applied); i++) {
    if (strcmp(not_applied[i].key, key) == 0) return true;
  }
  return strcmp(others[0], key) == 0 || strcmp(others[1], key) == 0;
}

/* config.json's keys that are generate()'s, as a generation_config.json. */
static att_status extract(reader *r) {
  att_object out = {.ctx = r->in.ctx};
  const char *key;
  json_t *value;
  json_object_foreach(r->in.root, key, value) {
    if (!is_of_generating(key) || json_is_null(value)) continue;
    att_put(&out, key, "");
    if (!out.status) out.status = att_json_put(out.ctx, &out.text, value, false);
  }
  if (out.text.size) att_put_more(&out, "\n}\n");
  att_status status = out.status;
  if (!status && out.text.size) status = set_text(r, &out.text);
  att_buffer_free(out.ctx, &out.text);
  return status;
}

static att_status read_config(reader *r) {
  ATT_TRY(read_all(r));
  return json_is_object(r->in.root) ? extract(r) : ATT_OK;
}

/* Transformers takes config.json in the place of a file that is absent or no JSON. */
static att_status read_older(reader *r, const char *folder) {
  char *path = att_path(r->in.ctx, folder, "config.json");
  if (!path) return ATT_MEMORY;
  r->in.name = path;
  att_status status = att_json_open(r->in.ctx, path, &r->in.root);
  if (!status) status = read_config(r);
  att_free(r->in.ctx, path);
  return status;
}

static att_status read_own_file(reader *r, const char *path, bool *good) {
  att_buffer text = {0};
  r->in.name = path;
  *good = false;
  att_status status = att_file_read(r->in.ctx, path, ATT_MOST_TOKENS * 64, &text);
  if (!status) status = att_json_parse(r->in.ctx, path, text.data, text.size, &r->in.root);
  *good = status == ATT_OK;
  if (*good) status = read_all(r);
  if (*good && !status) status = set_text(r, &text);
  att_buffer_free(r->in.ctx, &text);
  if (*good || status == ATT_MEMORY) return status;
  return add_warning(r, att_message(r->in.ctx), NULL, "; config.json's settings are taken");
}

static att_status read_folder(reader *r, const char *folder) {
  bool good = false;
  char *path = att_path(r->in.ctx, folder, GENERATION_FILE);
  if (!path) return ATT_MEMORY;
  att_status status = att_file_exists(path) ? read_own_file(r, path, &good) : ATT_OK;
  if (!status && !good) status = read_older(r, folder);
  att_free(r->in.ctx, path);
  return status;
}

att_status att_generation_read(att_context *ctx, const char *folder, const att_config *config, att_generation *out) {
  reader r = {.in = {.ctx = ctx}, .config = config, .g = out};
  att_generation_neutral(out);
  att_status status = read_folder(&r, folder);
  json_decref(r.in.root);
  if (status) att_generation_free(ctx, out);
  return status;
}

att_status att_generation_take_config(att_context *ctx, const char *name, json_t *root, const att_config *config,
                                      att_generation *out) {
  reader r = {.in = {ctx, name, root}, .config = config, .g = out};
  att_generation_neutral(out);
  att_status status = read_config(&r);
  json_decref(root);
  if (status) att_generation_free(ctx, out);
  return status;
}

/* ---- new models -------------------------------------------------------------------------------------------------- */

/* generate() stops after 20 tokens where no max_length is said. */
static void put_new(att_object *out, const att_config *config) {
  for (int i = 0; i < ATT_SPECIALS; i++) {
    if (att_special_of(config, i) >= 0) att_put_special(out, config, i);
  }
  if (config->family == ATT_MARIAN &&
      config->pad >= 0) { /* there the pad is the start token and a row of zeros: never a word */
    char list[32];
    snprintf(list, sizeof list, "[[%d]]", (int)config->pad);
    att_put(out, "bad_words_ids", list);
  }
  att_put_int(out, "max_length", config->max_position_embeddings);
  if (config->kind == ATT_DECODER) {
    att_put_bool(out, "do_sample", true);
    att_put_real(out, "temperature", 0.8, false); /* less odd than the model's whole distribution */
    att_put_int(out, "top_k", 0);
    att_put_real(out, "top_p", 1, false);
    att_put_real(out, "repetition_penalty", 1, false);
  } else {
    att_put_int(out, "num_beams", 5);
    att_put_real(out, "length_penalty", 1, false);
    att_put_bool(out, "early_stopping", false);
  }
  att_put_more(out, "\n}\n");
}

att_status att_generation_new(att_context *ctx, const att_config *config, att_generation *out) {
  reader r = {.in = {.ctx = ctx, .name = "the model"}, .config = config, .g = out};
  att_object text = {.ctx = ctx};
  att_generation_neutral(out);
  if (config->kind == ATT_ENCODER || !att_head_get(config->head)->output) return ATT_OK;
  put_new(&text, config);
  att_status status = text.status;
  if (!status) status = att_json_parse(ctx, r.in.name, text.text.data, text.text.size, &r.in.root);
  if (!status) status = read_all(&r);
  if (!status) status = set_text(&r, &text.text);
  att_buffer_free(ctx, &text.text);
  json_decref(r.in.root);
  if (status) att_generation_free(ctx, out);
  return status;
}

static att_status read_again(att_context *ctx, const att_config *config, const char *text, att_generation *out) {
  reader r = {.in = {.ctx = ctx, .name = "the model"}, .config = config, .g = out};
  att_buffer copy = {0};
  att_generation_neutral(out);
  att_status status = att_json_parse(ctx, r.in.name, text, strlen(text), &r.in.root);
  if (!status) status = read_all(&r);
  if (!status) status = att_buffer_append(ctx, &copy, text, strlen(text));
  if (!status) status = set_text(&r, &copy);
  att_buffer_free(ctx, &copy);
  json_decref(r.in.root);
  if (status) att_generation_free(ctx, out);
  return status;
}

/* root, an object, with the key's new value, as text. */
static att_status write_with(att_context *ctx, json_t *root, const char *key, int64_t value, att_buffer *text) {
  if (json_object_set_new(root, key, json_integer(value)))
    return att_fail(ctx, ATT_MEMORY, "no memory for the settings of generating");
  ATT_TRY(att_json_put(ctx, text, root, false));
  return att_buffer_append(ctx, text, "\n", 2); /* its NUL in */
}

att_status att_generation_set(att_context *ctx, const att_config *config, const char *key, int64_t value,
                              att_generation *g) {
  json_t *root = NULL;
  att_buffer text = {0};
  att_generation fresh;
  const char *before = g->text ? g->text : "{}";
  ATT_TRY(att_json_parse(ctx, "the model", before, strlen(before), &root));
  att_status status = write_with(ctx, root, key, value, &text);
  if (!status) status = read_again(ctx, config, text.data, &fresh);
  json_decref(root);
  att_buffer_free(ctx, &text);
  if (status) return status;
  att_generation_free(ctx, g);
  *g = fresh;
  return ATT_OK;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

att_status att_generation_write(att_context *ctx, const char *folder, const att_generation *g) {
  if (!g->text) return ATT_OK;
  char *path = att_path(ctx, folder, GENERATION_FILE);
  if (!path) return ATT_MEMORY;
  att_status status = att_write_file(ctx, path, g->text, strlen(g->text));
  att_free(ctx, path);
  return status;
}

void att_generation_free(att_context *ctx, att_generation *g) {
  att_free(ctx, g->text);
  att_free(ctx, g->wrong);
  att_free(ctx, g->warnings);
  att_arena_free(g->lists);
  att_generation_neutral(g);
}

att_status att_generation_use(att_context *ctx, att_generation *g) {
  if (g->wrong) return att_fail(ctx, ATT_FORMAT, "%s", g->wrong);
  for (char *line = g->warnings, *end; line && (end = strchr(line, '\n')); line = end + 1) {
    *end = '\0';
    att_log(ctx, ATT_LOG_WARNING, "%s", line);
  }
  att_free(ctx, g->warnings);
  g->warnings = NULL;
  return ATT_OK;
}
