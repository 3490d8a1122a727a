/*
 * Owns the parts of a tokenizer.json behind its model: what each post-processor and decoder means to attend, and the
 * reading of any part. What it does not know it refuses by name. See components.h.
 */
#include "text/part_reader.h"

#include <string.h>

/* ---- post_processor -------------------------------------------------------------------------------------------- */

static att_status push_item(const att_part_reader *r, att_template *template, att_item item) {
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

static att_status push_special(const att_part_reader *r, att_template *template, int64_t id, int32_t type) {
  if (!att_vocabulary_spelling(&r->t->vocabulary, id < 0 || id > INT32_MAX ? -1 : (int32_t)id))
    return att_fail(r->ctx, ATT_FORMAT, "%s: post_processor adds the id %lld, which no token has", r->name,
                    (long long)id);
  return push_item(r, template, (att_item){ATT_ITEM_SPECIAL, (int32_t)id, type});
}

/* A template's special token may stand for several ids. */
static att_status push_template_token(const att_part_reader *r, const json_t *part, const json_t *item, int32_t type,
                                      att_template *template) {
  const char *name = json_string_value(json_object_get(item, "id"));
  const json_t *token = name ? json_object_get(json_object_get(part, "special_tokens"), name) : NULL;
  const json_t *ids = json_object_get(token, "ids");
  if (!json_is_array(ids))
    return att_part_wrong(r, "post_processor: a token of the template is not among its special_tokens");
  for (size_t i = 0; i < json_array_size(ids); i++) {
    if (!json_is_integer(json_array_get(ids, i))) return att_part_wrong(r, "post_processor: an id is not a number");
    ATT_TRY(push_special(r, template, json_integer_value(json_array_get(ids, i)), type));
  }
  return ATT_OK;
}

static att_status read_item(const att_part_reader *r, const json_t *part, const json_t *item, att_template *template) {
  const json_t *token = json_object_get(item, "SpecialToken"), *text = json_object_get(item, "Sequence");
  if (!token && !text)
    return att_part_wrong(r, "post_processor: the template has an item that is neither SpecialToken nor Sequence");
  int64_t type = 0;
  const char *id = "A";
  ATT_TRY(att_json_int(r->ctx, r->name, token ? token : text, "type_id", false, 0, INT32_MAX, &type));
  if (token) return push_template_token(r, part, token, (int32_t)type, template);
  ATT_TRY(att_json_string(r->ctx, r->name, text, "id", false, &id));
  return push_item(r, template, (att_item){id[0] == 'B' ? ATT_ITEM_SECOND : ATT_ITEM_FIRST, -1, (int32_t)type});
}

/* texts: how many of each text there must be. */
static att_status read_items(const att_part_reader *r, const json_t *part, const char *key, size_t texts,
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
  return att_part_unsupported(r, "post_processor",
                              texts == 1 ? "TemplateProcessing with other than one text"
                                         : "TemplateProcessing of a pair with other than two texts");
}

static att_status read_template(const att_part_reader *r, const json_t *part) {
  ATT_TRY(read_items(r, part, "single", 1, &r->t->single));
  const json_t *pair = json_object_get(part, "pair");
  return pair && !json_is_null(pair) ? read_items(r, part, "pair", 2, &r->t->pair) : ATT_OK;
}

/* BertProcessing's and RobertaProcessing's cls and sep: ["<s>", 0]. */
static att_status mark_id(const att_part_reader *r, const json_t *part, const char *key, int64_t *id) {
  const json_t *value = json_array_get(json_object_get(part, key), 1);
  if (!json_is_integer(value)) return att_fail(r->ctx, ATT_FORMAT, "%s: %s is not a token and its id", r->name, key);
  *id = json_integer_value(value);
  return ATT_OK;
}

/* cls A sep; of two texts cls A sep B sep, the second one's tokens of type 1; RoBERTa's: cls A sep sep B sep, all of
 * type 0. */
static att_status read_cls_sep(const att_part_reader *r, const json_t *part, bool roberta) {
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
static att_status read_post_processor(const att_part_reader *r, const json_t *part) {
  const char *type = NULL;
  ATT_TRY(att_part_type(r, part, &type));
  if (strcmp(type, "Sequence") == 0) return att_part_sequence(r, part, "processors", read_post_processor);
  if (strcmp(type, "ByteLevel") == 0) return ATT_OK; /* about offsets only */
  bool template = strcmp(type, "TemplateProcessing") == 0, roberta = strcmp(type, "RobertaProcessing") == 0;
  if (!template && !roberta && strcmp(type, "BertProcessing") != 0)
    return att_part_unsupported(r, "post_processor", type);
  if (r->t->single.count > 0) return att_part_unsupported(r, "post_processor", "Sequence of two that add tokens");
  return template ? read_template(r, part) : read_cls_sep(r, part, roberta);
}

/* What there is no template for: the text alone; of two, each as one alone, the second's tokens of type 1. */
static att_status complete_templates(const att_part_reader *r) {
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

static att_status read_decoder_replace(const att_part_reader *r, const json_t *part) {
  att_decode_plan *plan = &r->t->decoding;
  int at = plan->replacements;
  if (at == ATT_MOST_REPLACEMENTS) return att_part_unsupported(r, "decoder", "Sequence of more than 4 Replace");
  plan->replacements++;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "content", true, &plan->with[at]));
  if (json_object_get(json_object_get(part, "pattern"), "Regex"))
    return att_part_unsupported(r, "decoder", "Replace by a pattern");
  att_pattern pattern = {0};
  ATT_TRY(att_part_pattern(r, part, "Replace", &pattern));
  plan->what[at] = pattern.string.data;
  return ATT_OK;
}

static att_status read_decoder_strip(const att_part_reader *r, const json_t *part) {
  int64_t stop = 0;
  att_decode_plan *plan = &r->t->decoding;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "content", true, &plan->strip));
  ATT_TRY(att_json_int(r->ctx, r->name, part, "start", true, 0, INT32_MAX, &plan->strip_most));
  ATT_TRY(att_json_int(r->ctx, r->name, part, "stop", true, 0, INT32_MAX, &stop));
  if (!plan->strip[0]) return att_part_wrong(r, "the content of Strip is not one character");
  return stop ? att_part_unsupported(r, "decoder", "Strip at the end") : ATT_OK;
}

static att_status read_one_decoder(const att_part_reader *r, const json_t *part, stage *done) {
  static const char *const names[] = {"Replace",   "ByteFallback", "Fuse",      "Strip",
                                      "ByteLevel", "WordPiece",    "Metaspace", "BPEDecoder"};
  const char *type = NULL;
  att_decode_plan *plan = &r->t->decoding;
  size_t index = 0;
  ATT_TRY(att_part_type(r, part, &type));
  while (index < sizeof names / sizeof *names && strcmp(type, names[index]) != 0) index++;
  if (index == sizeof names / sizeof *names) return att_part_unsupported(r, "decoder", type);
  stage here = index < ALONE ? (stage)index : ALONE;
  if (here < *done || *done == ALONE || (here == STRIP && *done < FUSE) || (here == ALONE && plan->kind))
    return att_part_unsupported(r, "decoder", "Sequence in this order");
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
  if (strcmp(type, "BPEDecoder") == 0) {
    plan->kind = ATT_DECODE_SUFFIXED;
    plan->suffix = "</w>";
    ATT_TRY(att_json_string(r->ctx, r->name, part, "suffix", false, &plan->suffix));
    return plan->suffix[0] ? ATT_OK : att_part_unsupported(r, "decoder", "BPEDecoder without a suffix");
  }
  if (strcmp(type, "Metaspace") != 0) return ATT_OK;
  att_prepend prepend;
  ATT_TRY(att_metaspace_character(r, part, &plan->space));
  ATT_TRY(att_metaspace_prepend(r, part, &prepend));
  plan->drop_first = prepend != ATT_PREPEND_NEVER;
  return ATT_OK;
}

static att_status read_decoder(const att_part_reader *r, const json_t *part) {
  const char *type = NULL;
  stage done = REPLACE;
  ATT_TRY(att_part_type(r, part, &type));
  if (strcmp(type, "Sequence") != 0) return read_one_decoder(r, part, &done);
  const json_t *parts = json_object_get(part, "decoders");
  if (!json_is_array(parts)) return att_part_wrong(r, "decoders is not an array");
  for (size_t i = 0; i < json_array_size(parts); i++) ATT_TRY(read_one_decoder(r, json_array_get(parts, i), &done));
  return ATT_OK;
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

const char *const att_part_names[ATT_PARTS] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};

att_status att_part_read(att_tokenizer *tokenizer, const char *name, att_part part, json_t *json) {
  static att_part_fn *const readers[] = {att_normalizer_read, att_pretokenizer_read, read_post_processor, read_decoder};
  const att_part_reader r = {tokenizer->ctx, name, tokenizer};
  if (json && !json_is_null(json)) {
    tokenizer->parts[part] = json_incref(json);
    ATT_TRY(readers[part](&r, json));
  }
  return part == ATT_PART_POST_PROCESSOR ? complete_templates(&r) : ATT_OK;
}
