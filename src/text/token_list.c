/* Owns the models of lists and the parts around them. See token_list.h. */
#include "text/token_list_model.h"

#include "text/unicode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLANK "\xe2\x96\x81" /* U+2581 */

static att_status no_memory(const att_token_list *list) {
  return att_fail(list->ctx, ATT_MEMORY, "%s: no memory for its tokenizer", list->name);
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

att_status att_token_list_make(att_context *ctx, const char *name, size_t count, att_token_list *out) {
  *out = (att_token_list){.ctx = ctx, .name = name, .unknown = -1, .before = -1, .after = -1};
  if (count == 0) return att_fail(ctx, ATT_FORMAT, "%s: the tokenizer has no tokens", name);
  if (count > ATT_MOST_IDS)
    return att_fail(ctx, ATT_FORMAT, "%s: the tokenizer has %zu tokens; at most %d are known", name, count,
                    ATT_MOST_IDS);
  out->tokens = ATT_NEW(ctx, count, att_listed_token);
  out->parts = json_object();
  out->count = count;
  if (!out->tokens) return ATT_MEMORY;
  return out->parts ? ATT_OK : no_memory(out);
}

void att_token_list_free(att_token_list *list) {
  att_free(list->ctx, list->tokens);
  att_free(list->ctx, list->merges);
  json_decref(list->parts);
}

/* ---- parts ----------------------------------------------------------------------------------------------------- */

att_status att_token_list_part(att_token_list *list, const char *key, json_t *part) {
  return part && json_object_set_new(list->parts, key, part) == 0 ? ATT_OK : no_memory(list);
}

/* RFC 4648, section 4. */
static att_status encode_base64(att_context *ctx, att_text bytes, att_buffer *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size; i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; k++) bits = bits << 8 | (i + k < bytes.size ? (unsigned char)bytes.data[i + k] : 0);
    char four[4];
    for (size_t k = 0; k < 4; k++) four[k] = i + k <= bytes.size ? digits[bits >> (18 - 6 * k) & 63] : '=';
    ATT_TRY(att_buffer_append(ctx, out, four, 4));
  }
  return ATT_OK;
}

json_t *att_token_list_charsmap(const att_token_list *list, att_text charsmap) {
  att_buffer base64 = {0};
  json_t *step = NULL;
  if (!encode_base64(list->ctx, charsmap, &base64))
    step = json_pack("{s:s, s:s}", "type", "Precompiled", "precompiled_charsmap", base64.data);
  att_buffer_free(list->ctx, &base64);
  return step;
}

static att_status put_unigram(att_token_list *list, bool prefix, att_text charsmap) {
  const char *scheme = prefix ? "always" : "never";
  if (charsmap.size) ATT_TRY(att_token_list_part(list, "normalizer", att_token_list_charsmap(list, charsmap)));
  ATT_TRY(att_token_list_part(list, "pre_tokenizer",
                              json_pack("{s:s, s:[{s:s}, {s:s, s:s, s:s, s:b}]}", "type", "Sequence", "pretokenizers",
                                        "type", "WhitespaceSplit", "type", "Metaspace", "replacement", BLANK,
                                        "prepend_scheme", scheme, "split", 1)));
  return att_token_list_part(list, "decoder",
                             json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", BLANK,
                                       "prepend_scheme", scheme, "split", 1));
}

att_status att_token_list_spaces(att_token_list *list, bool prefix, bool unigram, att_text charsmap) {
  if (unigram) return put_unigram(list, prefix, charsmap);
  json_t *replace = json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String", " ", "content", BLANK);
  json_t *steps =
      prefix ? json_pack("[{s:s, s:s}, o]", "type", "Prepend", "prepend", BLANK, replace) : json_pack("[o]", replace);
  ATT_TRY(att_token_list_part(list, "normalizer", json_pack("{s:s, s:o}", "type", "Sequence", "normalizers", steps)));
  json_t *back = json_pack("[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]", "type", "Replace", "pattern", "String", BLANK,
                           "content", " ", "type", "ByteFallback", "type", "Fuse");
  if (prefix && back &&
      json_array_append_new(back,
                            json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content", " ", "start", 1, "stop", 0)))
    json_decref(back), back = NULL;
  return att_token_list_part(list, "decoder", json_pack("{s:s, s:o}", "type", "Sequence", "decoders", back));
}

static json_t *byte_level(void) {
  return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex",
                   0);
}

att_status att_token_list_bytes(att_token_list *list, const char *const *patterns, size_t most) {
  json_t *steps = json_array();
  bool whole = steps;
  for (size_t i = 0; whole && i < most && patterns[i]; i++)
    whole = !json_array_append_new(steps, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex",
                                                    patterns[i], "behavior", "Isolated", "invert", 0));
  whole = whole && !json_array_append_new(steps, byte_level());
  json_t *part = whole ? json_pack("{s:s, s:O}", "type", "Sequence", "pretokenizers", steps) : NULL;
  json_decref(steps);
  ATT_TRY(att_token_list_part(list, "pre_tokenizer", part));
  return att_token_list_part(list, "decoder", byte_level());
}

/* ---- what stands around texts ---------------------------------------------------------------------------------- */

static att_status append(const att_token_list *list, json_t *array, json_t *item) {
  return item && json_array_append_new(array, item) == 0 ? ATT_OK : no_memory(list);
}

static att_status put_id(const att_token_list *list, json_t *items, json_t *specials, int32_t id, int type) {
  if (id < 0) return ATT_OK;
  char name[16];
  snprintf(name, sizeof name, "%d", (int)id);
  att_text text = list->tokens[id].text;
  if (json_object_set_new(
          specials, name,
          json_pack("{s:s, s:[i], s:[s%]}", "id", name, "ids", (int)id, "tokens", text.data, text.size)))
    return no_memory(list);
  return append(list, items, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", name, "type_id", type));
}

static att_status put_texts(const att_token_list *list, int count, json_t *items, json_t *specials) {
  for (int text = 0; text < count; text++) {
    const int type = list->kind == ATT_LIST_UNIGRAM ? 0 : text; /* as T5's */
    if (text == 0 || !list->joined) ATT_TRY(put_id(list, items, specials, list->before, type));
    ATT_TRY(append(list, items, json_pack("{s:{s:s, s:i}}", "Sequence", "id", text ? "B" : "A", "type_id", type)));
    ATT_TRY(put_id(list, items, specials, list->after, type));
  }
  return ATT_OK;
}

static att_status put_around(att_token_list *list) {
  if (list->before < 0 && list->after < 0) return ATT_OK;
  json_t *single = json_array(), *pair = json_array(), *specials = json_object();
  att_status status = single && pair && specials ? ATT_OK : no_memory(list);
  if (!status) status = put_texts(list, 1, single, specials);
  if (!status) status = put_texts(list, 2, pair, specials);
  if (!status)
    status = att_token_list_part(list, "post_processor",
                                 json_pack("{s:s, s:O, s:O, s:O}", "type", "TemplateProcessing", "single", single,
                                           "pair", pair, "special_tokens", specials));
  json_decref(single);
  json_decref(pair);
  json_decref(specials);
  return status;
}

static att_status put_added(att_token_list *list) {
  json_t *added = json_array();
  att_status status = added ? ATT_OK : no_memory(list);
  for (size_t id = 0; id < list->count && !status; id++) {
    const att_listed_token *token = &list->tokens[id];
    bool special = token->type == ATT_TOKEN_CONTROL || token->type == ATT_TOKEN_UNKNOWN;
    if ((!special && token->type != ATT_TOKEN_USER_DEFINED) || token->text.size == 0) continue;
    status = append(list, added,
                    json_pack("{s:i, s:s%, s:b, s:b, s:b, s:b, s:b}", "id", (int)id, "content", token->text.data,
                              token->text.size, "single_word", 0, "lstrip", token->lstrip, "rstrip", 0, "normalized", 0,
                              "special", special));
  }
  if (!status) status = att_token_list_part(list, "added_tokens", json_incref(added));
  json_decref(added);
  return status;
}

/* ---- open ------------------------------------------------------------------------------------------------------ */

static att_status check(const att_token_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    const att_text text = list->tokens[i].text;
    if (text.size == 0) continue;
    if (!att_utf8_valid(text.data, text.size) || memchr(text.data, 0, text.size))
      return att_fail(list->ctx, ATT_FORMAT, "%s: token %zu is not UTF-8 text", list->name, i);
    if (text.size > ATT_LONGEST_PIECE && list->kind != ATT_LIST_MERGES)
      return att_fail(list->ctx, ATT_UNSUPPORTED, "%s: token %zu is longer than %d bytes", list->name, i,
                      ATT_LONGEST_PIECE);
    if (!isfinite(list->tokens[i].score))
      return att_fail(list->ctx, ATT_FORMAT, "%s: the score of token %zu is not a number", list->name, i);
  }
  return ATT_OK;
}

att_status att_token_list_open(att_token_list *list, att_tokenizer **out) {
  *out = NULL;
  ATT_TRY(check(list));
  ATT_TRY(put_around(list));
  ATT_TRY(put_added(list));
  json_t *parts = list->parts;
  list->parts = NULL;
  return att_tokenizer_from_json(list->ctx, list->name, parts, att_token_list_model, list, out);
}
