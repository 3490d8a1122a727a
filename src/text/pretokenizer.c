/* Owns what pre-tokenizers do and the running of them: a text's way through the pre-tokenizers to words. See
 * pretokenizer.h, components.h. */
#include "text/pretokenizer.h"

#include "text/word_patterns.h"

#include <string.h>

/* ---- changes --------------------------------------------------------------------------------------------------- */

att_status att_split_space_before(att_context *ctx, const att_pretokenizer *p, att_text text, bool first,
                                  att_buffer *buffer, att_text *out) {
  (void)p, (void)first;
  if (text.data[0] == ' ') return ATT_OK;
  ATT_TRY(att_buffer_append(ctx, buffer, " ", 1));
  ATT_TRY(att_buffer_append(ctx, buffer, text.data, text.size));
  *out = (att_text){buffer->data, buffer->size};
  return ATT_OK;
}

static bool begins(att_text text, size_t at, const char *with) {
  size_t size = strlen(with);
  return text.size - at >= size && memcmp(text.data + at, with, size) == 0;
}

att_status att_split_metaspace(att_context *ctx, const att_pretokenizer *p, att_text text, bool first,
                               att_buffer *buffer, att_text *out) {
  bool wanted = p->prepend == ATT_PREPEND_ALWAYS || (p->prepend == ATT_PREPEND_FIRST && first);
  if (wanted && text.data[0] != ' ' && !begins(text, 0, p->string))
    ATT_TRY(att_buffer_append(ctx, buffer, p->string, strlen(p->string)));
  ATT_TRY(att_replace(ctx, text, " ", p->string, buffer));
  *out = (att_text){buffer->data, buffer->size};
  return ATT_OK;
}

/* ---- ends ------------------------------------------------------------------------------------------------------ */

size_t att_split_whole(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p, (void)start, (void)kept;
  return text.size;
}

size_t att_split_gpt2(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p, (void)kept;
  return att_word_end(text.data, text.size, start);
}

size_t att_split_gpt4(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)kept;
  return att_word_end_gpt4(text.data, text.size, start, p->most_digits);
}

/* Where the string is next found, or the text's end. */
static size_t find(att_text text, size_t at, const char *string) {
  const char *here = at < text.size ? memmem(text.data + at, text.size - at, string, strlen(string)) : NULL;
  return here ? (size_t)(here - text.data) : text.size;
}

size_t att_split_string(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  const size_t size = strlen(p->string);
  bool here = begins(text, start, p->string);
  size_t end = start + (here ? size : 0);
  switch (p->behavior) {
  case ATT_MERGED_BEFORE: /* up to the string and with it */
    end = find(text, start, p->string);
    return end < text.size ? end + size : end;
  case ATT_MERGED_AFTER: return find(text, end, p->string);
  case ATT_CONTIGUOUS:
    while (here && end < text.size && begins(text, end, p->string)) end += size;
    break;
  case ATT_REMOVED: *kept = !here; break;
  case ATT_ISOLATED: break;
  }
  return here ? end : find(text, start, p->string);
}

static int32_t code_at(att_text text, size_t at, size_t *next) {
  int32_t code;
  size_t bad;
  *next = at + (size_t)att_utf8_next(text.data + at, text.size - at, &code, &bad);
  return code;
}

/* The end of the run of characters that are so, or are not, as the first one. */
static size_t run_end(att_text text, size_t start, bool (*is)(int32_t code), bool *first) {
  size_t end = start, next;
  *first = is(code_at(text, start, &next));
  while (end < text.size && is(code_at(text, end, &next)) == *first) end = next;
  return end;
}

size_t att_split_digits(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)kept;
  bool number;
  size_t next;
  if (p->most_digits == 1 && att_is_number(code_at(text, start, &next))) return next;
  return run_end(text, start, att_is_number, &number);
}

size_t att_split_whitespace(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p;
  bool space;
  size_t end = run_end(text, start, att_is_space, &space);
  *kept = !space;
  return end;
}

static bool is_mark(int32_t code) { return !att_is_word(code) && !att_is_space(code); }

size_t att_split_words_and_marks(const att_pretokenizer *p, att_text text, size_t start, bool *kept) {
  (void)p;
  bool is;
  size_t end = run_end(text, start, att_is_space, &is);
  *kept = !is;
  if (is) return end;
  end = run_end(text, start, att_is_word, &is);
  return is ? end : run_end(text, start, is_mark, &is);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

typedef struct cutter {
  const att_tokenizer *t;
  att_context *ctx;
  att_buffer *buffers;
  att_word_fn *word;
  void *user;
} cutter;

/* The piece through the pre-tokenizers from `step` on. Recursion is bounded by ATT_MOST_PRETOKENIZERS. */
static att_status cut_from(const cutter *c, int step, att_text text, bool first) {
  if (text.size == 0) return ATT_OK;
  if (att_is_interrupted(c->ctx)) return att_fail(c->ctx, ATT_INTERRUPTED, "interrupted while tokenizing");
  if (step == c->t->pretokenizer_count) return c->word(c->user, text);
  const att_pretokenizer *p = &c->t->pretokenizers[step];
  if (p->change) {
    c->buffers[step].size = 0;
    ATT_TRY(p->change(c->ctx, p, text, first, &c->buffers[step], &text));
  }
  for (size_t start = 0, end; start < text.size; start = end) {
    bool kept = true;
    end = p->end(p, text, start, &kept);
    if (kept) ATT_TRY(cut_from(c, step + 1, (att_text){text.data + start, end - start}, first && start == 0));
  }
  return ATT_OK;
}

att_status att_split_words(const att_tokenizer *tokenizer, att_context *ctx, att_text text, bool first,
                           att_buffer *buffers, att_word_fn *word, void *user) {
  const cutter c = {tokenizer, ctx, buffers, word, user};
  return cut_from(&c, 0, text, first);
}
