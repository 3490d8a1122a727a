/* Owns the models of lists of tokens. See token_list_model.h. */
#include "text/token_list_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- vocabulary ------------------------------------------------------------------------------------------------ */

#define UNREAD                                                                                                         \
  1000 /* how much less than any other a piece scores that no text becomes: for a tokenizer.json, which                \
          cannot say it */
#define BLANK "\xe2\x96\x81" /* U+2581 */

/* As BERT spells them: "##" before what goes on a word. Tokens in brackets have no mark of either kind. */
static att_status spell_piece(att_context *ctx, const att_listed_token *token, att_buffer *out) {
  att_text text = token->text;
  bool begins = text.size >= 3 && memcmp(text.data, BLANK, 3) == 0;
  bool bare =
      token->type != ATT_TOKEN_NORMAL || (text.size > 2 && text.data[0] == '[' && text.data[text.size - 1] == ']');
  out->size = 0;
  if (!begins && !bare) ATT_TRY(att_buffer_append(ctx, out, "##", 2));
  return att_buffer_append(ctx, out, text.data + (begins ? 3 : 0), text.size - (begins ? 3 : 0));
}

static att_status add_token(const att_token_list *list, att_vocabulary *vocabulary, int32_t id, att_buffer *spelling) {
  att_text text = list->tokens[id].text;
  if (list->kind == ATT_LIST_WORDPIECE && text.size) {
    ATT_TRY(spell_piece(list->ctx, &list->tokens[id], spelling));
    text = (att_text){spelling->data, spelling->size};
  }
  vocabulary->outside[id] = list->tokens[id].unread;
  return text.size ? att_vocabulary_add(list->ctx, vocabulary, list->name, id, text.data, text.size) : ATT_OK;
}

static att_status fill_vocabulary(const att_token_list *list, att_vocabulary *vocabulary) {
  att_buffer spelling = {0};
  att_status status = att_vocabulary_make(list->ctx, vocabulary, (int32_t)list->count, list->count);
  for (size_t id = 0; id < list->count && !status; id++) status = add_token(list, vocabulary, (int32_t)id, &spelling);
  att_buffer_free(list->ctx, &spelling);
  return status;
}

/* ---- merges by scores ------------------------------------------------------------------------------------------ */

typedef struct scored {
  double score;
  att_merge merge;
  size_t left; /* bytes of its left side */
} scored;

typedef struct scored_list {
  scored *data;
  size_t count, capacity;
} scored_list;

static att_status push(att_context *ctx, scored_list *all, scored one) {
  if (all->count == all->capacity) {
    size_t capacity = all->capacity ? 2 * all->capacity : 1024;
    scored *data = att_resize(ctx, all->data, capacity, sizeof *data);
    if (!data) return ATT_MEMORY;
    all->data = data;
    all->capacity = capacity;
  }
  all->data[all->count++] = one;
  return ATT_OK;
}

/* The highest score first; of equal ones the smaller id, of one token's the shorter left side. */
static int by_score(const void *a, const void *b) {
  const scored *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  if (x->merge.result != y->merge.result) return x->merge.result < y->merge.result ? -1 : 1;
  return x->left < y->left ? -1 : x->left > y->left;
}

/* Each two normal tokens that the token is made of. */
static att_status find_sides(const att_token_list *list, const att_vocabulary *vocabulary, int32_t id,
                             scored_list *all) {
  const att_listed_token *tokens = list->tokens;
  const att_text text = tokens[id].text;
  att_vocabulary_walk walk = {.prefix = {"", 0}, .text = text};
  for (int32_t left; (left = att_vocabulary_longer(vocabulary, &walk)) >= 0 && walk.size < text.size;) {
    int32_t right = att_vocabulary_find(vocabulary, text.data + walk.size, text.size - walk.size);
    if (right < 0 || tokens[left].type != ATT_TOKEN_NORMAL || tokens[right].type != ATT_TOKEN_NORMAL) continue;
    ATT_TRY(push(list->ctx, all, (scored){tokens[id].score, {left, right, id}, walk.size}));
  }
  return ATT_OK;
}

static att_status merge_by_scores(const att_token_list *list, const att_vocabulary *vocabulary, att_bpe *bpe) {
  scored_list all = {0};
  att_status status = ATT_OK;
  for (size_t id = 0; id < list->count && !status; id++)
    if (list->tokens[id].type == ATT_TOKEN_NORMAL) status = find_sides(list, vocabulary, (int32_t)id, &all);
  if (!status && !(bpe->merges = ATT_NEW(list->ctx, all.count, att_merge))) status = ATT_MEMORY;
  if (!status && all.count) qsort(all.data, all.count, sizeof *all.data, by_score);
  for (size_t i = 0; i < all.count && !status; i++) bpe->merges[bpe->count++] = all.data[i].merge;
  att_free(list->ctx, all.data);
  return status;
}

/* ---- merges that are said -------------------------------------------------------------------------------------- */

/* A space parts the sides; the first byte is none, for a side may be one. */
static att_status read_merge(const att_token_list *list, const att_vocabulary *vocabulary, size_t index,
                             att_buffer *joined, att_merge *merge) {
  const att_text text = list->merges[index];
  const char *space = text.size > 1 ? memchr(text.data + 1, ' ', text.size - 1) : NULL;
  joined->size = 0;
  if (space) {
    size_t left = (size_t)(space - text.data), right = text.size - left - 1;
    merge->left = att_vocabulary_find(vocabulary, text.data, left);
    merge->right = att_vocabulary_find(vocabulary, space + 1, right);
    ATT_TRY(att_buffer_append(list->ctx, joined, text.data, left));
    ATT_TRY(att_buffer_append(list->ctx, joined, space + 1, right));
    merge->result = att_vocabulary_find(vocabulary, joined->data, joined->size);
    if (merge->left >= 0 && merge->right >= 0 && merge->result >= 0) return ATT_OK;
  }
  return att_fail(list->ctx, ATT_FORMAT, "%s: merge %zu is not two tokens that make a token", list->name, index);
}

static att_status read_merges(const att_token_list *list, const att_vocabulary *vocabulary, att_bpe *bpe) {
  att_buffer joined = {0};
  att_status status = ATT_OK;
  bpe->merges = ATT_NEW(list->ctx, list->merge_count, att_merge);
  if (!bpe->merges) return ATT_MEMORY;
  for (; bpe->count < list->merge_count && !status; bpe->count++)
    status = read_merge(list, vocabulary, bpe->count, &joined, &bpe->merges[bpe->count]);
  att_buffer_free(list->ctx, &joined);
  return status;
}

static att_status fill_bpe(const att_token_list *list, att_tokenizer *t) {
  att_bpe *bpe = &t->bpe;
  /* Bytes without a token vanish, whatever token is called unknown: so in llama.cpp, and `tokenizers` has none there.
   */
  bpe->unknown = list->kind == ATT_LIST_MERGES && !list->byte_fallback ? -1 : list->unknown;
  bpe->fuse_unknown = true;
  bpe->byte_fallback = list->byte_fallback;
  bpe->ignore_merges = list->ignore_merges;
  att_bpe_find_bytes(bpe, &t->vocabulary);
  return list->kind == ATT_LIST_SCORES ? merge_by_scores(list, &t->vocabulary, bpe)
                                       : read_merges(list, &t->vocabulary, bpe);
}

/* ---- the others ------------------------------------------------------------------------------------------------ */

static att_status fill_unigram(const att_token_list *list, att_tokenizer *t) {
  att_unigram *model = &t->unigram;
  double worst = INFINITY;
  model->used = true;
  model->count = (int32_t)list->count;
  model->scores = ATT_NEW(list->ctx, list->count, double);
  if (!model->scores) return ATT_MEMORY;
  for (size_t id = 0; id < list->count; id++)
    if (!list->tokens[id].unread) worst = fmin(worst, list->tokens[id].score);
  for (size_t id = 0; id < list->count; id++)
    model->scores[id] = list->tokens[id].unread ? worst - UNREAD : list->tokens[id].score;
  model->unknown = list->unknown;
  model->unknown_score = worst - 10;
  model->byte_fallback = list->byte_fallback;
  att_vocabulary_find_bytes(&t->vocabulary, model->fallback);
  return ATT_OK;
}

static att_status fill_wordpiece(const att_token_list *list, att_tokenizer *t) {
  if (list->unknown < 0) return att_fail(list->ctx, ATT_FORMAT, "%s: the tokenizer has no unknown token", list->name);
  t->wordpiece = (att_wordpiece){.used = true, .prefix = "##", .unknown = list->unknown, .most_characters = 100};
  return ATT_OK;
}

att_status att_token_list_model(att_tokenizer *tokenizer, void *user) {
  const att_token_list *list = user;
  ATT_TRY(fill_vocabulary(list, &tokenizer->vocabulary));
  if (list->kind == ATT_LIST_UNIGRAM) return fill_unigram(list, tokenizer);
  return list->kind == ATT_LIST_WORDPIECE ? fill_wordpiece(list, tokenizer) : fill_bpe(list, tokenizer);
}
