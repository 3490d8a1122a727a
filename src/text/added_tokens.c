/* Owns the search for added tokens in a text, as the added vocabulary of `tokenizers` does it. See components.h. */
#include "text/components.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

/* By bytes; of equal ones special tokens first, then the order of the file. */
static int by_content(const void *a, const void *b) {
  const att_added *left = *(const att_added *const *)a, *right = *(const att_added *const *)b;
  size_t common = left->content.size < right->content.size ? left->content.size : right->content.size;
  int order = memcmp(left->content.data, right->content.data, common);
  if (order) return order;
  if (left->content.size != right->content.size) return left->content.size < right->content.size ? -1 : 1;
  if (left->special != right->special) return left->special ? -1 : 1;
  return left < right ? -1 : left > right;
}

static bool same_content(const att_added *a, const att_added *b) {
  return a->content.size == b->content.size && memcmp(a->content.data, b->content.data, a->content.size) == 0;
}

att_status att_matcher_make(att_tokenizer *tokenizer, bool normalized, att_matcher *matcher) {
  matcher->tokens = att_resize(tokenizer->ctx, NULL, tokenizer->added_count, sizeof *matcher->tokens);
  if (!matcher->tokens) return ATT_MEMORY;
  for (size_t i = 0; i < tokenizer->added_count; i++) {
    const att_added *token = &tokenizer->added[i];
    if (token->normalized != normalized || token->content.size == 0) continue;
    if (token->special && tokenizer->split_specials) continue;
    matcher->tokens[matcher->count++] = token;
    matcher->first[(unsigned char)token->content.data[0]] = true;
  }
  if (matcher->count == 0) return ATT_OK;
  qsort(matcher->tokens, matcher->count, sizeof *matcher->tokens, by_content);
  size_t kept = 1;
  for (size_t i = 1; i < matcher->count; i++)
    if (!same_content(matcher->tokens[i], matcher->tokens[kept - 1])) matcher->tokens[kept++] = matcher->tokens[i];
  matcher->count = kept;
  return ATT_OK;
}

/* The first token in [low, high) whose byte at `depth` is at least `byte`. All are longer than depth and agree before
 * it. */
static size_t first_at_least(const att_matcher *matcher, size_t low, size_t high, size_t depth, int byte) {
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((unsigned char)matcher->tokens[middle]->content.data[depth] < byte)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The longest token that the text begins with. */
static const att_added *longest(const att_matcher *matcher, const char *text, size_t size) {
  const att_added *best = NULL;
  size_t low = 0, high = matcher->count;
  for (size_t depth = 0;; depth++) {
    if (low < high && matcher->tokens[low]->content.size == depth) best = matcher->tokens[low++];
    if (low == high || depth == size) return best;
    int byte = (unsigned char)text[depth];
    low = first_at_least(matcher, low, high, depth, byte);
    high = first_at_least(matcher, low, high, depth, byte + 1);
  }
}

const att_added *att_matcher_next(const att_matcher *matcher, att_text text, size_t at, size_t *start, size_t *end) {
  if (matcher->count == 0) return NULL;
  for (; at < text.size; at++) {
    if (!matcher->first[(unsigned char)text.data[at]]) continue;
    const att_added *token = longest(matcher, text.data + at, text.size - at);
    if (!token) continue;
    *start = at;
    *end = at + token->content.size;
    return token;
  }
  return NULL;
}

/* The character that ends before `at` (at > 0): where it begins. */
static size_t previous(att_text text, size_t at, int32_t *code) {
  size_t begin = at - 1, bad;
  while (begin > 0 && ((unsigned char)text.data[begin] & 0xc0) == 0x80) begin--;
  att_utf8_next(text.data + begin, at - begin, code, &bad);
  return begin;
}

/* Makes blanks the stretch of white space that `at` lies in or touches. */
static void find_blanks(att_text text, size_t at, size_t blanks[2]) {
  int32_t code;
  size_t bad;
  if (blanks[0] <= at && at <= blanks[1] && blanks[0] < blanks[1]) return;
  blanks[0] = blanks[1] = at;
  while (blanks[0] > 0) {
    size_t begin = previous(text, blanks[0], &code);
    if (!att_is_space(code)) break;
    blanks[0] = begin;
  }
  while (blanks[1] < text.size) {
    int length = att_utf8_next(text.data + blanks[1], text.size - blanks[1], &code, &bad);
    if (!att_is_space(code)) break;
    blanks[1] += (size_t)length;
  }
}

bool att_added_fits(const att_added *token, att_text text, size_t blanks[2], size_t *start, size_t *end) {
  int32_t code;
  size_t bad;
  if (token->single_word) {
    if (*start > 0 && (previous(text, *start, &code), att_is_word(code))) return false;
    if (*end < text.size && (att_utf8_next(text.data + *end, text.size - *end, &code, &bad), att_is_word(code)))
      return false;
  }
  if (token->lstrip) {
    find_blanks(text, *start, blanks);
    *start = blanks[0];
  }
  if (token->rstrip) {
    find_blanks(text, *end, blanks);
    *end = blanks[1];
  }
  return true;
}
