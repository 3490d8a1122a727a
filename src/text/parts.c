/*
 * Owns the parts of a tokenizer.json beside its model: what each normaliser, pre-tokenizer, post-processor and decoder
 * means to attend. What it does not know it refuses by name. See parts.h.
 */
#include "text/bert.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

#include <string.h>

typedef struct reader {
  att_context *ctx;
  const char *name;
  att_tokenizer *t;
} reader;

static att_status unsupported(const reader *r, const char *part, const char *type) {
  return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: %s \"%s\" is not supported", r->name, part, type);
}

static att_status wrong(const reader *r, const char *what) {
  return att_fail(r->ctx, ATT_FORMAT, "%s: %s", r->name, what);
}

/* The type of a part that is an object. */
static att_status type_of(const reader *r, const json_t *part, const char **type) {
  if (!json_is_object(part)) return wrong(r, "a part of the tokenizer is not an object");
  return att_json_string(r->ctx, r->name, part, "type", true, type);
}

typedef att_status read_part(const reader *r, const json_t *part);

/* A part that may be a Sequence of parts under `key`. Nesting is bounded by the parser's. */
static att_status read_sequence(const reader *r, const json_t *part, const char *key, read_part *read) {
  const json_t *parts = json_object_get(part, key);
  if (!json_is_array(parts)) return att_fail(r->ctx, ATT_FORMAT, "%s: %s is not an array", r->name, key);
  for (size_t i = 0; i < json_array_size(parts); i++) ATT_TRY(read(r, json_array_get(parts, i)));
  return ATT_OK;
}

/* ---- normalizer ------------------------------------------------------------------------------------------------ */

static att_status apply_nfc(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  (void)step;
  return att_normal_form(ctx, ATT_NFC, text, out);
}

static att_status apply_nfd(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  (void)step;
  return att_normal_form(ctx, ATT_NFD, text, out);
}

static att_status apply_lowercase(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  (void)step;
  return att_lowercase(ctx, text, out);
}

static att_status push_step(const reader *r, att_normal_step step) {
  if (r->t->step_count == ATT_MOST_STEPS) return unsupported(r, "normalizer", "Sequence of more than 16");
  r->t->steps[r->t->step_count++] = step;
  return ATT_OK;
}

/* strip_accents null goes with lowercase. */
static att_status read_bert_normalizer(const reader *r, const json_t *part) {
  bool clean = true, chinese = true, lowercase = true;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "clean_text", false, &clean));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "handle_chinese_chars", false, &chinese));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "lowercase", false, &lowercase));
  bool accents = lowercase;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "strip_accents", false, &accents));
  if (clean) ATT_TRY(push_step(r, (att_normal_step){att_bert_clean}));
  if (chinese) ATT_TRY(push_step(r, (att_normal_step){att_bert_part_chinese}));
  if (accents) ATT_TRY(push_step(r, (att_normal_step){apply_nfd}));
  if (accents) ATT_TRY(push_step(r, (att_normal_step){att_bert_drop_marks}));
  return lowercase ? push_step(r, (att_normal_step){apply_lowercase}) : ATT_OK;
}

static att_status read_normalizer(const reader *r, const json_t *part) {
  const char *type = NULL;
  ATT_TRY(type_of(r, part, &type));
  if (strcmp(type, "Sequence") == 0) return read_sequence(r, part, "normalizers", read_normalizer);
  if (strcmp(type, "NFC") == 0) return push_step(r, (att_normal_step){apply_nfc});
  if (strcmp(type, "Lowercase") == 0) return push_step(r, (att_normal_step){apply_lowercase});
  if (strcmp(type, "BertNormalizer") == 0) return read_bert_normalizer(r, part);
  return unsupported(r, "normalizer", type);
}

/* ---- pre_tokenizer --------------------------------------------------------------------------------------------- */

static size_t whole(const att_cut *cut, att_text text, size_t start, bool *kept) {
  (void)cut, (void)start, (void)kept;
  return text.size;
}

static size_t gpt2_word(const att_cut *cut, att_text text, size_t start, bool *kept) {
  (void)cut, (void)kept;
  return att_word_end(text.data, text.size, start);
}

static att_status put_space_before(att_context *ctx, const att_cut *cut, att_text text, bool first, att_buffer *buffer,
                                   att_text *out) {
  (void)cut, (void)first;
  if (text.data[0] == ' ') return ATT_OK;
  ATT_TRY(att_buffer_append(ctx, buffer, " ", 1));
  ATT_TRY(att_buffer_append(ctx, buffer, text.data, text.size));
  *out = (att_text){buffer->data, buffer->size};
  return ATT_OK;
}

/* Its words are bytes, so nothing may come after it. */
static att_status read_byte_level(const reader *r, const json_t *part, att_cut *cut) {
  bool prefix = true, regex = true; /* the peer's defaults */
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "add_prefix_space", false, &prefix));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "use_regex", false, &regex));
  *cut = (att_cut){.change = prefix ? put_space_before : NULL, .end = regex ? gpt2_word : whole};
  r->t->bpe.characters = false;
  return ATT_OK;
}

static att_status read_pre_tokenizer(const reader *r, const json_t *part) {
  const char *type = NULL;
  att_tokenizer *t = r->t;
  ATT_TRY(type_of(r, part, &type));
  if (strcmp(type, "Sequence") == 0) return read_sequence(r, part, "pretokenizers", read_pre_tokenizer);
  if (!t->bpe.characters) return unsupported(r, "pre_tokenizer", "Sequence with more after ByteLevel");
  if (t->cut_count == ATT_MOST_STEPS) return unsupported(r, "pre_tokenizer", "Sequence of more than 16");
  att_cut *cut = &t->cuts[t->cut_count++];
  if (strcmp(type, "ByteLevel") == 0) return read_byte_level(r, part, cut);
  *cut = (att_cut){.end = att_bert_piece};
  return strcmp(type, "BertPreTokenizer") == 0 ? ATT_OK : unsupported(r, "pre_tokenizer", type);
}

/* ---- post_processor -------------------------------------------------------------------------------------------- */

static att_status push_item(const reader *r, att_template *template, att_item item) {
  if (template->count == template->capacity) {
    size_t capacity = template->capacity ? 2 * template->capacity : 8;
    att_item *items = att_resize(r->ctx, template->items, capacity, sizeof *items);
    if (!items) return ATT_MEMORY;
    template->items = items;
    template->capacity = capacity;
  }
  template->items[template->count++] = item;
  return ATT_OK;
}

static att_status push_mark(const reader *r, att_template *template, int64_t id, int32_t type) {
  if (!att_vocabulary_spelling(&r->t->vocabulary, id < 0 || id > INT32_MAX ? -1 : (int32_t)id))
    return att_fail(r->ctx, ATT_FORMAT, "%s: post_processor adds the id %lld, which no token has", r->name,
                    (long long)id);
  return push_item(r, template, (att_item){ATT_ITEM_MARK, (int32_t)id, type});
}

/* A template's special token may stand for several ids. */
static att_status push_template_token(const reader *r, const json_t *part, const json_t *item, int32_t type,
                                      att_template *template) {
  const char *name = json_string_value(json_object_get(item, "id"));
  const json_t *token = name ? json_object_get(json_object_get(part, "special_tokens"), name) : NULL;
  const json_t *ids = json_object_get(token, "ids");
  if (!json_is_array(ids)) return wrong(r, "post_processor: a token of the template is not among its special_tokens");
  for (size_t i = 0; i < json_array_size(ids); i++) {
    if (!json_is_integer(json_array_get(ids, i))) return wrong(r, "post_processor: an id is not a number");
    ATT_TRY(push_mark(r, template, json_integer_value(json_array_get(ids, i)), type));
  }
  return ATT_OK;
}

static att_status read_item(const reader *r, const json_t *part, const json_t *item, att_template *template) {
  const json_t *token = json_object_get(item, "SpecialToken"), *text = json_object_get(item, "Sequence");
  if (!token && !text)
    return wrong(r, "post_processor: the template has an item that is neither SpecialToken nor Sequence");
  int64_t type = 0;
  const char *id = "A";
  ATT_TRY(att_json_int(r->ctx, r->name, token ? token : text, "type_id", false, 0, INT32_MAX, &type));
  if (token) return push_template_token(r, part, token, (int32_t)type, template);
  ATT_TRY(att_json_string(r->ctx, r->name, text, "id", false, &id));
  return push_item(r, template, (att_item){id[0] == 'B' ? ATT_ITEM_SECOND : ATT_ITEM_FIRST, -1, (int32_t)type});
}

/* texts: how many of each text there must be. */
static att_status read_items(const reader *r, const json_t *part, const char *key, size_t texts,
                             att_template *template) {
  const json_t *items = json_object_get(part, key);
  size_t firsts = 0, seconds = 0;
  if (!json_is_array(items))
    return att_fail(r->ctx, ATT_FORMAT, "%s: post_processor: %s is not an array", r->name, key);
  for (size_t i = 0; i < json_array_size(items); i++) ATT_TRY(read_item(r, part, json_array_get(items, i), template));
  for (size_t i = 0; i < template->count; i++) {
    firsts += template->items[i].kind == ATT_ITEM_FIRST;
    seconds += template->items[i].kind == ATT_ITEM_SECOND;
  }
  if (firsts == 1 && seconds == texts - 1) return ATT_OK;
  return unsupported(r, "post_processor",
                     texts == 1 ? "TemplateProcessing with other than one text"
                                : "TemplateProcessing of a pair with other than two texts");
}

static att_status read_template(const reader *r, const json_t *part) {
  ATT_TRY(read_items(r, part, "single", 1, &r->t->single));
  const json_t *pair = json_object_get(part, "pair");
  return pair && !json_is_null(pair) ? read_items(r, part, "pair", 2, &r->t->pair) : ATT_OK;
}

/* BertProcessing's and RobertaProcessing's cls and sep: ["<s>", 0]. */
static att_status mark_id(const reader *r, const json_t *part, const char *key, int64_t *id) {
  const json_t *value = json_array_get(json_object_get(part, key), 1);
  if (!json_is_integer(value)) return att_fail(r->ctx, ATT_FORMAT, "%s: %s is not a token and its id", r->name, key);
  *id = json_integer_value(value);
  return ATT_OK;
}

/* cls A sep; of two texts cls A sep B sep, the second one's tokens of type 1; RoBERTa's: cls A sep sep B sep, all of
 * type 0. */
static att_status read_cls_sep(const reader *r, const json_t *part, bool roberta) {
  int64_t cls = -1, sep = -1;
  const int32_t second = roberta ? 0 : 1;
  ATT_TRY(mark_id(r, part, "cls", &cls));
  ATT_TRY(mark_id(r, part, "sep", &sep));
  for (int texts = 1; texts <= 2; texts++) {
    att_template *template = texts == 1 ? &r->t->single : &r->t->pair;
    ATT_TRY(push_mark(r, template, cls, 0));
    ATT_TRY(push_item(r, template, (att_item){ATT_ITEM_FIRST, -1, 0}));
    ATT_TRY(push_mark(r, template, sep, 0));
    if (texts == 1) continue;
    if (roberta) ATT_TRY(push_mark(r, template, sep, 0));
    ATT_TRY(push_item(r, template, (att_item){ATT_ITEM_SECOND, -1, second}));
    ATT_TRY(push_mark(r, template, sep, second));
  }
  return ATT_OK;
}

/* In a Sequence only one may add tokens: the peer itself has no meaning for more. */
static att_status read_post_processor(const reader *r, const json_t *part) {
  const char *type = NULL;
  ATT_TRY(type_of(r, part, &type));
  if (strcmp(type, "Sequence") == 0) return read_sequence(r, part, "processors", read_post_processor);
  if (strcmp(type, "ByteLevel") == 0) return ATT_OK; /* about offsets only */
  bool template = strcmp(type, "TemplateProcessing") == 0, roberta = strcmp(type, "RobertaProcessing") == 0;
  if (!template && !roberta && strcmp(type, "BertProcessing") != 0) return unsupported(r, "post_processor", type);
  if (r->t->single.count > 0) return unsupported(r, "post_processor", "Sequence of two that add tokens");
  return template ? read_template(r, part) : read_cls_sep(r, part, roberta);
}

/* What there is no template for: the text alone; of two, each as one alone, the second's tokens of type 1. */
static att_status complete_templates(const reader *r) {
  att_template *single = &r->t->single, *pair = &r->t->pair;
  if (single->count == 0) ATT_TRY(push_item(r, single, (att_item){ATT_ITEM_FIRST, -1, 0}));
  for (int text = 0, none = pair->count == 0; none && text < 2; text++)
    for (size_t i = 0; i < single->count; i++) {
      att_item item = single->items[i];
      item.type = text;
      if (item.kind == ATT_ITEM_FIRST && text == 1) item.kind = ATT_ITEM_SECOND;
      ATT_TRY(push_item(r, pair, item));
    }
  return ATT_OK;
}

/* ---- decoder --------------------------------------------------------------------------------------------------- */

static att_status read_decoder(const reader *r, const json_t *part) {
  const char *type = NULL;
  ATT_TRY(type_of(r, part, &type));
  const json_t *parts = json_object_get(part, "decoders");
  if (strcmp(type, "Sequence") == 0 && json_array_size(parts) == 1) return read_decoder(r, json_array_get(parts, 0));
  att_decode_plan *plan = &r->t->decoding;
  if (strcmp(type, "WordPiece") == 0) {
    *plan = (att_decode_plan){.kind = ATT_DECODE_WORDPIECE, .prefix = "##", .clean_up = true};
    ATT_TRY(att_json_string(r->ctx, r->name, part, "prefix", false, &plan->prefix));
    return att_json_bool(r->ctx, r->name, part, "cleanup", false, &plan->clean_up);
  }
  plan->kind = strcmp(type, "ByteLevel") == 0 ? ATT_DECODE_BYTES : ATT_DECODE_FUSED;
  return plan->kind == ATT_DECODE_BYTES || strcmp(type, "Fuse") == 0 ? ATT_OK : unsupported(r, "decoder", type);
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

const char *const att_part_names[ATT_PARTS] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};

att_status att_part_read(att_tokenizer *tokenizer, const char *name, att_part part, json_t *json) {
  static read_part *const readers[] = {read_normalizer, read_pre_tokenizer, read_post_processor, read_decoder};
  const reader r = {tokenizer->ctx, name, tokenizer};
  if (json && !json_is_null(json)) {
    tokenizer->parts[part] = json_incref(json);
    ATT_TRY(readers[part](&r, json));
  }
  return part == ATT_PART_POST_PROCESSOR ? complete_templates(&r) : ATT_OK;
}
