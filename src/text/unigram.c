/* Owns the encoding of a word by its likeliest pieces. See unigram.h. */
#include "text/unigram.h"

#include "text/unicode.h"

#include <string.h>

/* The best way to a place of the word, by its last piece. */
struct att_way {
  double score;
  size_t start; /* of the piece; SIZE_MAX: nothing ends here */
  int32_t id;
};

static att_status reserve(att_context *ctx, att_unigram_scratch *scratch, size_t size) {
  if (size <= scratch->capacity) return ATT_OK;
  struct att_way *ways = att_resize(ctx, scratch->ways, size + size / 2, sizeof *ways);
  if (!ways) return ATT_MEMORY;
  scratch->ways = ways;
  scratch->capacity = size + size / 2;
  return ATT_OK;
}

static void offer(struct att_way *to, double score, size_t start, int32_t id) {
  if (to->start == SIZE_MAX || score > to->score) *to = (struct att_way){score, start, id};
}

static att_status find_ways(const att_unigram *model, const att_vocabulary *vocabulary, att_context *ctx, att_text word,
                            struct att_way *ways) {
  ways[0].score = 0;
  for (size_t i = 1; i <= word.size; i++) ways[i].start = SIZE_MAX;
  for (size_t at = 0, size; at < word.size; at += size) {
    const double before = ways[at].score;
    att_vocabulary_walk walk = {.prefix = {"", 0}, .text = {word.data + at, word.size - at}};
    bool alone = false;
    int32_t id, code;
    size_t bad;
    size = (size_t)att_utf8_next(walk.text.data, walk.text.size, &code, &bad);
    while ((id = att_vocabulary_longer(vocabulary, &walk)) >= 0) {
      offer(&ways[at + walk.size], before + model->scores[id], at, id);
      alone = alone || walk.size == size;
    }
    if (alone) continue;
    if (model->unknown < 0)
      return att_fail(ctx, ATT_UNSUPPORTED, "the tokenizer has no token for \"%.*s\", and none for what is unknown",
                      (int)size, walk.text.data);
    offer(&ways[at + size], before + model->unknown_score, at, model->unknown);
  }
  return ATT_OK;
}

/* A run without a piece. All together they may be one where scores are above 0, as in `tokenizers`. */
static att_status push_unknown(const att_unigram *model, const att_vocabulary *vocabulary, att_context *ctx,
                               att_text run, att_ids *ids) {
  int32_t whole = att_vocabulary_find_inside(vocabulary, run.data, run.size);
  bool bytes = model->byte_fallback;
  if (whole >= 0) return att_ids_push(ctx, ids, whole);
  for (size_t i = 0; bytes && i < run.size; i++) bytes = model->fallback[(unsigned char)run.data[i]] >= 0;
  if (!bytes) return att_ids_push(ctx, ids, model->unknown);
  for (size_t i = 0; i < run.size; i++) ATT_TRY(att_ids_push(ctx, ids, model->fallback[(unsigned char)run.data[i]]));
  return ATT_OK;
}

/* Links the pieces of the best way in their order: each one's start is then the next one's end. */
static void turn_round(struct att_way *ways, size_t end) {
  size_t next = end;
  for (size_t at = end; at > 0;) {
    size_t start = ways[at].start;
    ways[at].start = next;
    next = at;
    at = start;
  }
  ways[0].start = next;
}

att_status att_unigram_encode(const att_unigram *model, const att_vocabulary *vocabulary, att_context *ctx,
                              att_unigram_scratch *scratch, att_text word, att_ids *ids) {
  ATT_TRY(reserve(ctx, scratch, word.size + 1));
  struct att_way *ways = scratch->ways;
  ATT_TRY(find_ways(model, vocabulary, ctx, word, ways));
  turn_round(ways, word.size);
  for (size_t at = 0, end; at < word.size; at = end) {
    end = ways[at].start;
    const int32_t id = ways[end].id;
    while (id == model->unknown && end < word.size && ways[ways[end].start].id == id) end = ways[end].start;
    if (id == model->unknown)
      ATT_TRY(push_unknown(model, vocabulary, ctx, (att_text){word.data + at, end - at}, ids));
    else
      ATT_TRY(att_ids_push(ctx, ids, id));
  }
  return ATT_OK;
}
