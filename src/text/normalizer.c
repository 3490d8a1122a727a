/* Owns the normalizers of a tokenizer.json: their reading, and what each does to a text. See components.h. */
#include "text/bert_rules.h"
#include "text/part_reader.h"
#include "text/unicode.h"
#include "text/word_patterns.h"

#include <string.h>

/* ---- steps ----------------------------------------------------------------------------------------------------- */

static att_status apply_form(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                             bool *first) {
  (void)first;
  return att_normal_form(ctx, step->form, text, out);
}

static att_status apply_lowercase(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                                  bool *first) {
  (void)step, (void)first;
  return att_lowercase(ctx, text, out);
}

static att_status apply_prepend(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                                bool *first) {
  (void)first;
  ATT_TRY(att_buffer_append(ctx, out, step->with, strlen(step->with)));
  return att_buffer_append(ctx, out, text.data, text.size);
}

static att_status apply_replace(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                                bool *first) {
  att_pattern_walk walk = {.pattern = &step->pattern, .ctx = ctx, .text = text};
  const size_t size = strlen(step->with);
  size_t done = 0, start, end;
  for (bool found = true;; done = end) {
    ATT_TRY(att_pattern_next(&walk, &found, &start, &end));
    if (!found) return att_buffer_append(ctx, out, text.data + done, text.size - done);
    ATT_TRY(att_buffer_append(ctx, out, text.data + done, start - done));
    ATT_TRY(att_buffer_append(ctx, out, step->with, size));
    if (start == 0 && end > 0 && size == 0) *first = false;
  }
}

static att_status apply_strip(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                              bool *first) {
  size_t start = 0, end = text.size, next;
  for (; step->left && start < end && att_is_space(att_code_at(text, start, &next)); start = next) *first = false;
  for (; step->right && end > start && att_is_space(att_code_before(text, end, &next)); end = next) continue;
  return att_buffer_append(ctx, out, text.data + start, end - start);
}

static att_status apply_strip_accents(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                                      bool *first) {
  (void)step;
  for (size_t at = 0, next; at < text.size; at = next) {
    if (!att_is_accent(att_code_at(text, at, &next)))
      ATT_TRY(att_buffer_append(ctx, out, text.data + at, next - at));
    else if (at == 0)
      *first = false;
  }
  return ATT_OK;
}

static att_status apply_map(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                            bool *first) {
  (void)first;
  return att_charsmap_apply(step->map, ctx, text, out);
}

/* GPT-2's characters for bytes. */
static att_status apply_bytes(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                              bool *first) {
  (void)step, (void)first;
  return att_spell(ctx, text.data, text.size, out);
}

static bool is_left_out(int32_t code) {
  return (code >= 1 && code <= 8) || code == 0xb || (code >= 0xe && code <= 0x1f) || code == 0x7f || code == 0x8f ||
         code == 0x9f;
}

static bool is_blank_to_nmt(int32_t code) {
  static const int32_t blanks[] = {0x9, 0xa, 0xc, 0xd, 0x1680, 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd};
  bool is = code >= 0x200b && code <= 0x200f;
  for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) is = is || code == blanks[i];
  return is;
}

/* SentencePiece's rules for machine translation, without its NFKC. */
static att_status apply_nmt(att_context *ctx, const att_normal_step *step, att_text text, att_buffer *out,
                            bool *first) {
  (void)step;
  for (size_t at = 0, next; at < text.size; at = next) {
    int32_t code = att_code_at(text, at, &next);
    if (is_left_out(code)) {
      if (at == 0) *first = false;
      continue;
    }
    bool blank = is_blank_to_nmt(code);
    ATT_TRY(att_buffer_append(ctx, out, blank ? " " : text.data + at, blank ? 1 : next - at));
  }
  return ATT_OK;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* *step: an empty one, to be filled. */
static att_status push_step(const att_part_reader *r, att_normal_step **step) {
  if (r->t->step_count == ATT_MOST_STEPS) return att_part_unsupported(r, "normalizer", "Sequence of more than 16");
  *step = &r->t->steps[r->t->step_count++];
  return ATT_OK;
}

static att_status push(const att_part_reader *r, att_normal_step like) {
  att_normal_step *step;
  ATT_TRY(push_step(r, &step));
  *step = like;
  return ATT_OK;
}

/* strip_accents null goes with lowercase. */
static att_status read_bert(const att_part_reader *r, const json_t *part) {
  bool clean = true, chinese = true, lowercase = true;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "clean_text", false, &clean));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "handle_chinese_chars", false, &chinese));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "lowercase", false, &lowercase));
  bool accents = lowercase;
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "strip_accents", false, &accents));
  if (clean) ATT_TRY(push(r, (att_normal_step){.apply = att_bert_clean}));
  if (chinese) ATT_TRY(push(r, (att_normal_step){.apply = att_bert_part_chinese}));
  if (accents) ATT_TRY(push(r, (att_normal_step){apply_form, .form = ATT_NFD}));
  if (accents) ATT_TRY(push(r, (att_normal_step){.apply = att_bert_drop_marks}));
  return lowercase ? push(r, (att_normal_step){.apply = apply_lowercase}) : ATT_OK;
}

/* A Sequence with two of them is nobody's. */
static att_status read_charsmap(const att_part_reader *r, const json_t *part) {
  const char *base64 = NULL;
  if (r->t->charsmap.bytes.size > 0) return att_part_unsupported(r, "normalizer", "Sequence of two Precompiled");
  ATT_TRY(att_json_string(r->ctx, r->name, part, "precompiled_charsmap", true, &base64));
  ATT_TRY(att_charsmap_read(r->ctx, r->name, base64, &r->t->charsmap));
  return push(r, (att_normal_step){apply_map, .map = &r->t->charsmap});
}

static att_status read_strip(const att_part_reader *r, const json_t *part) {
  att_normal_step step = {apply_strip, .kind = ATT_STEP_STRIP, .left = true, .right = true};
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "strip_left", false, &step.left));
  ATT_TRY(att_json_bool(r->ctx, r->name, part, "strip_right", false, &step.right));
  return push(r, step);
}

static att_status read_replace(const att_part_reader *r, const json_t *part) {
  att_normal_step *step;
  ATT_TRY(push_step(r, &step));
  step->apply = apply_replace;
  step->kind = ATT_STEP_REPLACE;
  ATT_TRY(att_json_string(r->ctx, r->name, part, "content", true, &step->with));
  if (strlen(step->with) > ATT_MOST_GROWTH) return att_part_unsupported(r, "Replace", "content of more than 64 bytes");
  return att_part_pattern(r, part, "Replace", &step->pattern);
}

static att_status read_prepend(const att_part_reader *r, const json_t *part) {
  att_normal_step step = {.apply = apply_prepend, .kind = ATT_STEP_PREPEND};
  ATT_TRY(att_json_string(r->ctx, r->name, part, "prepend", true, &step.with));
  return strlen(step.with) < ATT_MOST_GROWTH ? push(r, step)
                                             : att_part_unsupported(r, "Prepend", "of 64 bytes or more");
}

att_status att_normalizer_read(const att_part_reader *r, const json_t *part) {
  static const struct {
    const char *type;
    att_normal_step step;
  } simple[] = {{"NFC", {.apply = apply_form, .form = ATT_NFC}},
                {"NFD", {.apply = apply_form, .form = ATT_NFD}},
                {"NFKC", {.apply = apply_form, .form = ATT_NFKC}},
                {"NFKD", {.apply = apply_form, .form = ATT_NFKD}},
                {"Lowercase", {.apply = apply_lowercase}},
                {"StripAccents", {.apply = apply_strip_accents}},
                {"ByteLevel", {.apply = apply_bytes}},
                {"Nmt", {.apply = apply_nmt}}};
  const char *type = NULL;
  ATT_TRY(att_part_type(r, part, &type));
  for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
    if (strcmp(type, simple[i].type) == 0) return push(r, simple[i].step);
  if (strcmp(type, "Sequence") == 0) return att_part_sequence(r, part, "normalizers", att_normalizer_read);
  if (strcmp(type, "BertNormalizer") == 0) return read_bert(r, part);
  if (strcmp(type, "Strip") == 0) return read_strip(r, part);
  if (strcmp(type, "Precompiled") == 0) return read_charsmap(r, part);
  if (strcmp(type, "Replace") == 0) return read_replace(r, part);
  return strcmp(type, "Prepend") == 0 ? read_prepend(r, part) : att_part_unsupported(r, "normalizer", type);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

att_status att_normalize(const att_tokenizer *tokenizer, att_context *ctx, att_text text, att_buffer buffers[2],
                         bool *first, att_text *out) {
  const size_t most = text.size < SIZE_MAX / ATT_MOST_GROWTH ? ATT_MOST_GROWTH * text.size : SIZE_MAX;
  for (int i = 0; i < tokenizer->step_count && text.size > 0; i++) {
    const att_normal_step *step = &tokenizer->steps[i];
    att_buffer *buffer = &buffers[i % 2];
    buffer->size = 0;
    ATT_TRY(step->apply(ctx, step, text, buffer, first));
    text = (att_text){buffer->data, buffer->size};
    if (text.size > most)
      return att_fail(ctx, ATT_FORMAT, "the tokenizer's normalizer makes a text more than %d times as long",
                      ATT_MOST_GROWTH);
  }
  *out = text;
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
  const att_part_reader r = {tokenizer->ctx, "lower case", tokenizer};
  att_normal_step *steps = tokenizer->steps, *last;
  if (has_lowercase(tokenizer->parts[ATT_PART_NORMALIZER])) return ATT_OK;
  ATT_TRY(push_step(&r, &last));
  memmove(steps + 1, steps, (size_t)(tokenizer->step_count - 1) * sizeof *steps);
  steps[0] = (att_normal_step){.apply = apply_lowercase};
  return ATT_OK;
}
