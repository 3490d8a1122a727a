/*
 * Owns the parts of a tokenizer.json beside its model: what each normaliser, pre-tokenizer, post-processor and decoder
 * means to attend. What it does not know it refuses by name. See components.h.
 */
#include "text/bert_rules.h"
#include "text/pretokenizer.h"

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

static bool is_space_at(att_text text, size_t at) {
  int32_t code;
  size_t bad;
  att_utf8_next(text.data + at, text.size - at, &code, &bad);
  return att_is_space(code);
}

static att_status apply_form(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  return att_normal_form(ctx, step->form, text, out);
}

static att_status apply_lowercase(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  (void)step;
  return att_lowercase(ctx, text, out);
}

static att_status apply_prepend(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  ATT_TRY(att_buffer_append(ctx, out, step->with, strlen(step->with)));
  return att_buffer_append(ctx, out, text.data, text.size);
}

static att_status apply_replace(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  return att_replace(ctx, text, step->what, step->with, out);
}

static att_status apply_strip(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  size_t start = 0, end = text.size, bad;
  int32_t code;
  for (; step->left && start < end; start += (size_t)att_utf8_next(text.data + start, end - start, &code, &bad))
    if (!is_space_at(text, start)) break;
  while (step->right && end > start) {
    size_t last = end - 1;
    while (((unsigned char)text.data[last] & 0xc0) == 0x80) last--;
    if (!is_space_at(text, last)) break;
    end = last;
  }
  return att_buffer_append(ctx, out, text.data + start, end - start);
}

/* The combining marks of `tokenizers` are those of Unicode 9, here utf8proc's: newer ones stay there. */
static att_status apply_strip_accents(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  (void)step;
  for (size_t i = 0, size, bad; i < text.size; i += size) {
    int32_t code;
    size = (size_t)att_utf8_next(text.data + i, text.size - i, &code, &bad);
    if (!att_is_mark(code)) ATT_TRY(att_buffer_append(ctx, out, text.data + i, size));
  }
  return ATT_OK;
}

/* Where the pattern is " {2,}". */
static att_status apply_spaces(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  for (size_t i = 0, end; i < text.size; i = end) {
    bool space = text.data[i] == ' ';
    for (end = i + 1; end < text.size && (text.data[end] == ' ') == space;) end++;
    bool run = space && end - i > 1;
    ATT_TRY(att_buffer_append(ctx, out, run ? step->with : text.data + i, run ? strlen(step->with) : end - i));
  }
  return ATT_OK;
}

static att_status apply_map(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out) {
  return att_charsmap_apply(step->map, ctx, text, out);
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
  if (clean) ATT_TRY(push_step(r, (att_normal_step){.apply = att_bert_clean}));
  if (chinese) ATT_TRY(push_step(r, (att_normal_step){.apply = att_bert_part_chinese}));
  if (accents) ATT_TRY(push_step(r, (att_normal_step){apply_form, .form = ATT_NFD}));
  if (accents) ATT_TRY(push_step(r, (att_normal_step){.apply = att_bert_drop_marks}));
  return lowercase ? push_step(r, (att_normal_step){.apply = apply_lowercase}) : ATT_OK;
}

/* Replace's pattern, a plain string, and its content. *what NULL: runs of spaces, as SentencePiece's models ask. */
static att_status read_replacement(const reader *r, const json_t *part, const char **what, const char **with) {
  const json_t *pattern = json_object_get(part, "pattern");
  const char *regex = NULL;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "content", true, with));
  if (!json_is_object(pattern)) return wrong(r, "the pattern of Replace is not an object");
  ATT_TRY(att_json_string(r->ctx, r->name, pattern, "Regex", false, &regex));
  if (regex && strcmp(regex, " {2,}") != 0) return unsupported(r, "Replace by the pattern", regex);
  *what = NULL;
  if (!regex) ATT_TRY(att_json_string(r->ctx, r->name, pattern, "String", true, what));
  if (*what && !(*what)[0]) return unsupported(r, "Replace", "");
  return strlen(*with) > ATT_MOST_GROWTH ? unsupported(r, "Replace", "content of more than 64 bytes") : ATT_OK;
}

/* A Sequence with two of them is nobody's. */
static att_status read_charsmap(const reader *r, const json_t *part) {
  const char *base64 = NULL;
  if (r->t->charsmap.bytes.size > 0) return unsupported(r, "normalizer", "Sequence of two Precompiled");
  ATT_TRY(att_json_string(r->ctx, r->name, part, "precompiled_charsmap", true, &base64));
  ATT_TRY(att_charsmap_read(r->ctx, r->name, base64, &r->t->charsmap));
  return push_step(r, (att_normal_step){apply_map, .map = &r->t->charsmap});
}

static att_status read_strip(const reader *r, const json_t *part) {
  att_normal_step step = {apply_strip, .left = true, .right = true};
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "strip_left", false, &step.left));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "strip_right", false, &step.right));
  return push_step(r, step);
}

static att_status read_normalizer(const reader *r, const json_t *part) {
  static const char *const forms[] = {[ATT_NFC] = "NFC", [ATT_NFD] = "NFD", [ATT_NFKC] = "NFKC", [ATT_NFKD] = "NFKD"};
  const char *type = NULL;
  att_normal_step step = {0};
  ATT_TRY(type_of(r, part, &type));
  for (int i = 0; i < 4; i++)
    if (strcmp(type, forms[i]) == 0) return push_step(r, (att_normal_step){apply_form, .form = (att_form)i});
  if (strcmp(type, "Sequence") == 0) return read_sequence(r, part, "normalizers", read_normalizer);
  if (strcmp(type, "Lowercase") == 0) return push_step(r, (att_normal_step){.apply = apply_lowercase});
  if (strcmp(type, "BertNormalizer") == 0) return read_bert_normalizer(r, part);
  if (strcmp(type, "Strip") == 0) return read_strip(r, part);
  if (strcmp(type, "StripAccents") == 0) return push_step(r, (att_normal_step){.apply = apply_strip_accents});
  if (strcmp(type, "Precompiled") == 0) return read_charsmap(r, part);
  if (strcmp(type, "Replace") == 0) {
    ATT_TRY(read_replacement(r, part, &step.what, &step.with));
    step.apply = step.what ? apply_replace : apply_spaces;
    return push_step(r, step);
  }
  if (strcmp(type, "Prepend") != 0) return unsupported(r, "normalizer", type);
  step.apply = apply_prepend;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "prepend", true, &step.with));
  return strlen(step.with) < ATT_MOST_GROWTH ? push_step(r, step) : unsupported(r, "Prepend", "of 64 bytes or more");
}

/* ---- pre_tokenizer --------------------------------------------------------------------------------------------- */

/* Its words are bytes, so nothing may come after it. */
static att_status read_byte_level(const reader *r, const json_t *part, att_pretokenizer *p) {
  bool prefix = true, regex = true; /* the defaults of `tokenizers` */
  if (r->t->wordpiece.used || r->t->unigram.used) return unsupported(r, "pre_tokenizer", "ByteLevel without BPE");
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "add_prefix_space", false, &prefix));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "use_regex", false, &regex));
  *p = (att_pretokenizer){.change = prefix ? att_split_space_before : NULL,
                          .end = regex ? att_split_gpt2 : att_split_whole};
  r->t->bpe.characters = false;
  return ATT_OK;
}

/* Older files say add_prefix_space in place of prepend_scheme. */
static att_status read_prepend(const reader *r, const json_t *part, att_prepend *prepend) {
  static const char *const schemes[] = {"always", "first", "never"};
  const char *scheme = NULL;
  bool prefix = true;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "add_prefix_space", false, &prefix));
  ATT_TRY(att_json_string(r->ctx, r->name, part, "prepend_scheme", false, &scheme));
  *prepend = prefix ? ATT_PREPEND_ALWAYS : ATT_PREPEND_NEVER;
  for (int i = 0; scheme && i < 3; i++)
    if (strcmp(scheme, schemes[i]) == 0) {
      *prepend = (att_prepend)i;
      return ATT_OK;
    }
  return scheme ? unsupported(r, "prepend_scheme", scheme) : ATT_OK;
}

/* Metaspace's character. */
static att_status read_space(const reader *r, const json_t *part, const char **space) {
  int32_t code;
  size_t bad;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "replacement", true, space));
  size_t size = strlen(*space);
  if (size == 0 || (size_t)att_utf8_next(*space, size, &code, &bad) != size)
    return wrong(r, "the replacement of Metaspace is not one character");
  return ATT_OK;
}

static att_status read_metaspace(const reader *r, const json_t *part, att_pretokenizer *p) {
  bool split = true;
  *p = (att_pretokenizer){.change = att_split_metaspace, .behavior = ATT_MERGED_AFTER};
  ATT_TRY(read_space(r, part, &p->string));
  ATT_TRY(read_prepend(r, part, &p->prepend));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "split", false, &split));
  p->end = split ? att_split_string : att_split_whole;
  return ATT_OK;
}

/* The word patterns that cut all of a text: each piece is a match, whether matches are kept or what is between them is
 * removed. */
static att_status read_regex(const reader *r, const char *regex, att_behavior behavior, bool invert,
                             att_pretokenizer *p) {
#define GPT4(digits)                                                                                                   \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" digits                                           \
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
  static const struct {
    const char *regex;
    int most_digits; /* 0: GPT-2's */
  } known[] = {{"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", 0},
               {GPT4("{1,3}"), 3},
               {GPT4(""), 1}};
#undef GPT4
  if (behavior != ATT_ISOLATED && !(behavior == ATT_REMOVED && invert))
    return unsupported(r, "pre_tokenizer", "Split by Regex with this behavior");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(regex, known[i].regex) != 0) continue;
    p->most_digits = known[i].most_digits;
    p->end = p->most_digits ? att_split_gpt4 : att_split_gpt2;
    return ATT_OK;
  }
  return att_fail(r->ctx, ATT_UNSUPPORTED, "%s: pre_tokenizer \"Split\" by the pattern %.200s is not supported",
                  r->name, regex);
}

static att_status read_split(const reader *r, const json_t *part, att_pretokenizer *p) {
  static const char *const behaviors[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  const char *behavior = NULL, *regex = NULL;
  const json_t *pattern = json_object_get(part, "pattern");
  bool invert = false;
  int index = 0;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "behavior", true, &behavior));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "invert", false, &invert));
  while (index < 5 && strcmp(behavior, behaviors[index]) != 0) index++;
  if (index == 5) return unsupported(r, "behavior", behavior);
  if (!json_is_object(pattern)) return wrong(r, "the pattern of Split is not an object");
  *p = (att_pretokenizer){.end = att_split_string, .behavior = (att_behavior)index};
  ATT_TRY(att_json_string(r->ctx, r->name, pattern, "Regex", false, &regex));
  if (regex) return read_regex(r, regex, p->behavior, invert, p);
  ATT_TRY(att_json_string(r->ctx, r->name, pattern, "String", true, &p->string));
  if (!p->string[0]) return unsupported(r, "pre_tokenizer", "Split by nothing");
  return invert ? unsupported(r, "pre_tokenizer", "Split with invert") : ATT_OK;
}

static att_status read_digits(const reader *r, const json_t *part, att_pretokenizer *p) {
  bool individual = false;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "individual_digits", false, &individual));
  *p = (att_pretokenizer){.end = att_split_digits, .most_digits = individual ? 1 : 0};
  return ATT_OK;
}

static att_status read_pre_tokenizer(const reader *r, const json_t *part) {
  const char *type = NULL;
  att_tokenizer *t = r->t;
  ATT_TRY(type_of(r, part, &type));
  if (strcmp(type, "Sequence") == 0) return read_sequence(r, part, "pretokenizers", read_pre_tokenizer);
  if (!t->bpe.characters) return unsupported(r, "pre_tokenizer", "Sequence with more after ByteLevel");
  if (t->pretokenizer_count == ATT_MOST_PRETOKENIZERS)
    return unsupported(r, "pre_tokenizer", "Sequence of more than 8");
  att_pretokenizer *p = &t->pretokenizers[t->pretokenizer_count++];
  if (strcmp(type, "ByteLevel") == 0) return read_byte_level(r, part, p);
  if (strcmp(type, "Metaspace") == 0) return read_metaspace(r, part, p);
  if (strcmp(type, "Split") == 0) return read_split(r, part, p);
  if (strcmp(type, "Digits") == 0) return read_digits(r, part, p);
  *p = (att_pretokenizer){.end = att_bert_piece};
  if (strcmp(type, "BertPreTokenizer") == 0) return ATT_OK;
  p->end = att_split_words_and_marks;
  if (strcmp(type, "Whitespace") == 0) return ATT_OK;
  p->end = att_split_whitespace;
  return strcmp(type, "WhitespaceSplit") == 0 ? ATT_OK : unsupported(r, "pre_tokenizer", type);
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

static att_status push_special(const reader *r, att_template *template, int64_t id, int32_t type) {
  if (!att_vocabulary_spelling(&r->t->vocabulary, id < 0 || id > INT32_MAX ? -1 : (int32_t)id))
    return att_fail(r->ctx, ATT_FORMAT, "%s: post_processor adds the id %lld, which no token has", r->name,
                    (long long)id);
  return push_item(r, template, (att_item){ATT_ITEM_SPECIAL, (int32_t)id, type});
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
    ATT_TRY(push_special(r, template, json_integer_value(json_array_get(ids, i)), type));
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
    ATT_TRY(push_special(r, template, cls, 0));
    ATT_TRY(push_item(r, template, (att_item){ATT_ITEM_FIRST, -1, 0}));
    ATT_TRY(push_special(r, template, sep, 0));
    if (texts == 1) continue;
    if (roberta) ATT_TRY(push_special(r, template, sep, 0));
    ATT_TRY(push_item(r, template, (att_item){ATT_ITEM_SECOND, -1, second}));
    ATT_TRY(push_special(r, template, sep, second));
  }
  return ATT_OK;
}

/* In a Sequence only one may add tokens: `tokenizers` itself has no meaning for more. */
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

/* Alone, or in a Sequence in the order Replace, ByteFallback, Fuse, Strip. */
typedef enum stage { REPLACE, BYTE_FALLBACK, FUSE, STRIP, ALONE } stage;

static att_status read_decoder_replace(const reader *r, const json_t *part) {
  att_decode_plan *plan = &r->t->decoding;
  int at = plan->replacements;
  if (at == ATT_MOST_REPLACEMENTS) return unsupported(r, "decoder", "Sequence of more than 4 Replace");
  plan->replacements++;
  ATT_TRY(read_replacement(r, part, &plan->what[at], &plan->with[at]));
  return plan->what[at] ? ATT_OK : unsupported(r, "decoder", "Replace by a pattern");
}

static att_status read_decoder_strip(const reader *r, const json_t *part) {
  int64_t stop = 0;
  att_decode_plan *plan = &r->t->decoding;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "content", true, &plan->strip));
  ATT_TRY(att_json_int(r->ctx, r->name, part, "start", true, 0, INT32_MAX, &plan->strip_most));
  ATT_TRY(att_json_int(r->ctx, r->name, part, "stop", true, 0, INT32_MAX, &stop));
  if (!plan->strip[0]) return wrong(r, "the content of Strip is not one character");
  return stop ? unsupported(r, "decoder", "Strip at the end") : ATT_OK;
}

static att_status read_one_decoder(const reader *r, const json_t *part, stage *done) {
  static const char *const names[] = {"Replace",   "ByteFallback", "Fuse",     "Strip",
                                      "ByteLevel", "WordPiece",    "Metaspace"};
  const char *type = NULL;
  att_decode_plan *plan = &r->t->decoding;
  size_t index = 0;
  ATT_TRY(type_of(r, part, &type));
  while (index < sizeof names / sizeof *names && strcmp(type, names[index]) != 0) index++;
  if (index == sizeof names / sizeof *names) return unsupported(r, "decoder", type);
  stage here = index < ALONE ? (stage)index : ALONE;
  if (here < *done || *done == ALONE || (here == STRIP && *done < FUSE) || (here == ALONE && plan->kind))
    return unsupported(r, "decoder", "Sequence in this order");
  *done = here;
  plan->kind = ATT_DECODE_FUSED;
  if (here == REPLACE) return read_decoder_replace(r, part);
  if (here == STRIP) return read_decoder_strip(r, part);
  if (here == BYTE_FALLBACK) plan->byte_fallback = true;
  if (here < ALONE) return ATT_OK;
  if (strcmp(type, "ByteLevel") == 0) plan->kind = ATT_DECODE_BYTES;
  if (strcmp(type, "WordPiece") == 0) {
    plan->kind = ATT_DECODE_WORDPIECE;
    plan->prefix = "##";
    plan->clean_up = true;
    ATT_TRY(att_json_string(r->ctx, r->name, part, "prefix", false, &plan->prefix));
    return att_json_bool(r->ctx, r->name, part, "cleanup", false, &plan->clean_up);
  }
  if (strcmp(type, "Metaspace") != 0) return ATT_OK;
  att_prepend prepend;
  ATT_TRY(read_space(r, part, &plan->space));
  ATT_TRY(read_prepend(r, part, &prepend));
  plan->drop_first = prepend != ATT_PREPEND_NEVER;
  return ATT_OK;
}

static att_status read_decoder(const reader *r, const json_t *part) {
  const char *type = NULL;
  stage done = REPLACE;
  ATT_TRY(type_of(r, part, &type));
  if (strcmp(type, "Sequence") != 0) return read_one_decoder(r, part, &done);
  const json_t *parts = json_object_get(part, "decoders");
  if (!json_is_array(parts)) return wrong(r, "decoders is not an array");
  for (size_t i = 0; i < json_array_size(parts); i++) ATT_TRY(read_one_decoder(r, json_array_get(parts, i), &done));
  return ATT_OK;
}

/* ---- a normalizer in front ------------------------------------------------------------------------------------- */

static bool is_lowercase(const json_t *part) {
  const char *type = json_string_value(json_object_get(part, "type"));
  return type && strcmp(type, "Lowercase") == 0;
}

static bool has_lowercase(const json_t *part) {
  const json_t *parts = json_object_get(part, "normalizers");
  bool has = is_lowercase(part);
  for (size_t i = 0; i < json_array_size(parts); i++) has = has || is_lowercase(json_array_get(parts, i));
  return has;
}

att_status att_tokenizer_lowercase(att_tokenizer *tokenizer) {
  const reader r = {tokenizer->ctx, "lower case", tokenizer};
  att_normal_step *steps = tokenizer->steps;
  if (has_lowercase(tokenizer->parts[ATT_PART_NORMALIZER])) return ATT_OK;
  ATT_TRY(push_step(&r, (att_normal_step){0}));
  memmove(steps + 1, steps, (size_t)(tokenizer->step_count - 1) * sizeof *steps);
  steps[0] = (att_normal_step){.apply = apply_lowercase};
  return ATT_OK;
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
