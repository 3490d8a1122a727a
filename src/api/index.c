/*
 * Owns indices: lines with their vectors in a file (formats/vector_file.h), and the search for those most like queries,
 * exact: every vector is compared, in blocks, with all queries at once. Refuses queries of another model than the
 * file's, and similarities that are no product.
 */
#include "api/embed.h"
#include "api/rank.h"
#include "base/parallel.h"
#include "formats/vector_file.h"
#include "kernels/gemm.h"
#include "models/fingerprint.h"
#include "models/sentence.h"
#include "text/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK   8192 /* vectors of a product */
#define QUERIES 256  /* of a product */

/* ---- what makes an index --------------------------------------------------------------------------------------- */

struct att_index_writer {
  att_model *model;
  att_vector_writer *writer;
  att_embed_options embed;
  size_t width, next; /* next: the number of the next line */
  bool scale;
};

static att_status find_similarity(att_model *model, att_similarity *similarity) {
  att_relevance relevance;
  ATT_TRY(att_relevance_read(model->ctx, model->folder, model->sentence, &relevance));
  *similarity = relevance.similarity;
  if (relevance.similarity == ATT_SIMILARITY_COSINE || relevance.similarity == ATT_SIMILARITY_DOT) return ATT_OK;
  return att_fail(model->ctx, ATT_UNSUPPORTED,
                  "an index is searched by cosine or dot product, and the model's folder names another similarity: "
                  "rank compares by it, without an index");
}

static att_status check_options(att_model *model, const char *type, const att_embed_options *given, att_index_writer *w,
                                att_vector_head *head) {
  att_similarity similarity = ATT_SIMILARITY_DEFAULT;
  if (!given || given->size < sizeof w->embed) att_embed_options_default(model, &w->embed);
  ATT_TRY(att_take_options(model->ctx, "att_index_create", given, &w->embed, sizeof w->embed));
  if (!w->embed.prompt && model->sentence) w->embed.prompt = "document";
  ATT_TRY(att_embed(model, NULL, 0, &w->embed, NULL));
  ATT_TRY(find_similarity(model, &similarity));
  *head = (att_vector_head){.type = ATT_F32,
                            .width = att_embedding_width(model, &w->embed),
                            .model = att_model_fingerprint(model),
                            .similarity = similarity,
                            .pooling = w->embed.pooling};
  w->width = head->width;
  w->next = w->embed.first_line;
  w->scale = similarity == ATT_SIMILARITY_COSINE;
  if (!type || (att_type_find(type, &head->type) && (head->type == ATT_F32 || head->type == ATT_F16))) return ATT_OK;
  return att_fail(model->ctx, ATT_ARGUMENT, "an index is of float32 or float16, not of \"%.60s\"", type);
}

att_status att_index_create(att_model *model, const char *path, const char *type, const att_embed_options *options,
                            att_index_writer **out) {
  att_context *ctx = model->ctx;
  att_vector_head head;
  *out = NULL;
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_index_create needs a path");
  att_index_writer *w = ATT_NEW(ctx, 1, att_index_writer);
  if (!w) return ATT_MEMORY;
  w->model = model;
  att_status status = check_options(model, type, options, w, &head);
  if (!status) status = att_vector_writer_open(ctx, path, &head, &w->writer);
  if (status)
    att_index_discard(w);
  else
    *out = w;
  return status;
}

/* To length 1; what has none stays. */
static void scale_row(float *row, size_t width) {
  double square = 0;
  for (size_t i = 0; i < width; i++) square += (double)row[i] * (double)row[i];
  double scale = 1 / fmax(sqrt(square), 1e-12);
  for (size_t i = 0; i < width; i++) row[i] = (float)(row[i] * scale);
}

/* Lines that are not blank, with their numbers; vectors [count, width]. */
static att_status add_lines(att_index_writer *w, const att_text *lines, const size_t *numbers, size_t count,
                            float *vectors) {
  att_embed_options options = w->embed;
  options.first_line = 0;
  ATT_TRY(att_embed_numbered(w->model, lines, "line", numbers, count, &options, vectors, NULL));
  for (size_t i = 0; i < count; i++) {
    if (w->scale) scale_row(vectors + i * w->width, w->width);
    ATT_TRY(att_vector_writer_put(w->writer, vectors + i * w->width, lines[i], numbers[i]));
  }
  return ATT_OK;
}

att_status att_index_add(att_index_writer *w, const att_text *lines, size_t count) {
  att_context *ctx = w->model->ctx;
  if (count == 0) return ATT_OK;
  if (!lines) return att_fail(ctx, ATT_ARGUMENT, "att_index_add needs lines");
  att_text *kept = ATT_NEW(ctx, count, att_text);
  size_t *numbers = ATT_NEW(ctx, count, size_t), some = 0;
  float *vectors = att_alloc(ctx, count, w->width * sizeof *vectors);
  att_status status = kept && numbers && vectors ? ATT_OK : ATT_MEMORY;
  for (size_t i = 0; i < count && !status; i++) {
    if (att_is_blank(lines[i])) continue;
    kept[some] = lines[i];
    numbers[some++] = w->next + i;
  }
  if (!status && some) status = add_lines(w, kept, numbers, some, vectors);
  w->next += count;
  att_free(ctx, kept);
  att_free(ctx, numbers);
  att_free(ctx, vectors);
  return status;
}

att_status att_index_commit(att_index_writer *w) {
  att_vector_writer *writer = w->writer;
  w->writer = NULL;
  att_status status = att_vector_writer_commit(writer);
  att_index_discard(w);
  return status;
}

void att_index_discard(att_index_writer *w) {
  if (!w) return;
  att_vector_writer_discard(w->writer);
  att_free(w->model->ctx, w);
}

/* ---- an index that is read ------------------------------------------------------------------------------------- */

struct att_index {
  att_context *ctx;
  att_model *model;
  att_vector_file file;
};

static att_status check_index(const att_index *index) {
  const att_vector_head *head = &index->file.head;
  const char *path = index->file.path;
  att_embed_options options;
  att_embed_options_default(index->model, &options);
  if ((head->similarity != ATT_SIMILARITY_COSINE && head->similarity != ATT_SIMILARITY_DOT) ||
      head->pooling > ATT_POOL_DEFAULT) {
    return att_fail(index->ctx, ATT_FORMAT, "%s: its header has an unknown similarity or pooling: the file is damaged",
                    path);
  }
  options.pooling = (att_pooling)head->pooling;
  ATT_TRY(att_embed(index->model, NULL, 0, &options, NULL));
  if (att_model_fingerprint(index->model) == head->model &&
      att_embedding_width(index->model, &options) == head->width) {
    return ATT_OK;
  }
  return att_fail(index->ctx, ATT_ARGUMENT, "%s: was made with another model: its vectors mean something else", path);
}

att_status att_index_open(att_model *model, const char *path, att_index **out) {
  att_context *ctx = model->ctx;
  *out = NULL;
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_index_open needs a path");
  att_index *index = ATT_NEW(ctx, 1, att_index);
  if (!index) return ATT_MEMORY;
  index->ctx = ctx;
  index->model = model;
  att_status status = att_vector_file_open(ctx, path, &index->file);
  if (!status) status = check_index(index);
  if (status)
    att_index_close(index);
  else
    *out = index;
  return status;
}

void att_index_close(att_index *index) {
  if (!index) return;
  att_vector_file_close(index->ctx, &index->file);
  att_free(index->ctx, index);
}

size_t att_index_count(const att_index *index) { return index->file.head.count; }

att_status att_index_line(const att_index *index, size_t entry, att_text *text, size_t *number) {
  *text = (att_text){0};
  *number = 0;
  if (entry < index->file.head.count) return att_vector_file_line(index->ctx, &index->file, entry, text, number);
  return att_fail(index->ctx, ATT_ARGUMENT, "the index has %zu entries, and no entry %zu", index->file.head.count,
                  entry);
}

/* ---- searching ------------------------------------------------------------------------------------------------- */

typedef struct searcher {
  const att_vector_head *head;
  const float *scores; /* [queries, BLOCK] of the block */
  size_t first, rows;  /* of it */
  size_t top;
  att_ranked *found; /* [queries, top]: of each a heap whose first is the least relevant, */
  size_t *counts;    /* [queries] full so far */
} searcher;

/* Whether a is less relevant than b. */
static bool below(const att_ranked *a, const att_ranked *b) { return att_by_relevance(a, b) > 0; }

static void heap_push(att_ranked *heap, size_t at, att_ranked item) {
  for (; at > 0 && below(&item, &heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = item;
}

static void heap_replace_first(att_ranked *heap, size_t count, att_ranked item) {
  size_t at = 0;
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && below(&heap[child + 1], &heap[child])) child++;
    if (!below(&heap[child], &item)) break;
    heap[at] = heap[child];
  }
  heap[at] = item;
}

/* A score that is no number is below all others; of equal ones the earlier stays. */
static void keep_best(void *arg, int64_t begin, int64_t end, int thread) {
  const searcher *s = arg;
  (void)thread;
  for (int64_t q = begin; q < end; q++) {
    const float *scores = s->scores + q * BLOCK;
    att_ranked *heap = s->found + (size_t)q * s->top;
    size_t i = 0;
    for (; i < s->rows && s->counts[q] < s->top; i++)
      if (!isnan(scores[i])) heap_push(heap, s->counts[q]++, (att_ranked){s->first + i, (double)scores[i]});
    while (i < s->rows) {
      const float least = (float)heap[0].score; /* it was one */
      while (i < s->rows && !(scores[i] > least)) i++;
      if (i < s->rows) heap_replace_first(heap, s->top, (att_ranked){s->first + i, (double)scores[i]});
      i++;
    }
  }
}

/* Entries that were not found (their vectors are no numbers) have line SIZE_MAX. */
static void put_in_order(const searcher *s, size_t queries) {
  for (size_t q = 0; q < queries; q++) {
    att_ranked *found = s->found + q * s->top;
    qsort(found, s->counts[q], sizeof *found, att_by_relevance);
    for (size_t i = s->counts[q]; i < s->top; i++) found[i] = (att_ranked){SIZE_MAX, (double)-INFINITY};
  }
}

/* queries [count <= QUERIES, width]; scores [count, BLOCK] */
static att_status search_some(const att_index *index, const float *queries, size_t count, size_t top, float *scores,
                              att_ranked *found) {
  const att_vector_head *head = &index->file.head;
  size_t counts[QUERIES] = {0}, row = head->width * att_type_size(head->type);
  searcher s = {.head = head, .scores = scores, .top = top, .found = found, .counts = counts};
  for (s.first = 0; s.first < head->count; s.first += s.rows) {
    if (att_is_interrupted(index->ctx)) return att_fail(index->ctx, ATT_INTERRUPTED, "interrupted while searching");
    s.rows = head->count - s.first < BLOCK ? head->count - s.first : BLOCK;
    att_gemm_weight(index->ctx, scores, BLOCK, queries, (int64_t)head->width,
                    (const char *)index->file.vectors + s.first * row, head->type, (int64_t)count, (int64_t)s.rows,
                    (int64_t)head->width, true);
    att_parallel(index->ctx, (int64_t)count, 4, keep_best, &s);
  }
  put_in_order(&s, count);
  return ATT_OK;
}

att_status att_index_search_vectors(const att_index *index, const float *queries, size_t count, size_t top,
                                    att_ranked *found) {
  att_context *ctx = index->ctx;
  if (top < 1 || top > index->file.head.count) {
    return att_fail(ctx, ATT_ARGUMENT, "the index has %zu entries: top must be from 1 to that, not %zu",
                    index->file.head.count, top);
  }
  if (count == 0) return ATT_OK;
  if (!queries || !found) return att_fail(ctx, ATT_ARGUMENT, "a search needs queries and a place for what is found");
  float *scores = att_take_aligned(ctx, count < QUERIES ? count : QUERIES, BLOCK * sizeof *scores);
  att_status status = scores ? ATT_OK : ATT_MEMORY;
  for (size_t first = 0, some; first < count && !status; first += some) {
    some = count - first < QUERIES ? count - first : QUERIES;
    status = search_some(index, queries + first * index->file.head.width, some, top, scores, found + first * top);
  }
  att_free_aligned(ctx, scores);
  return status;
}

/* The queries' vectors as the index compares them. */
static att_status embed_queries(const att_index *index, const att_text *queries, size_t count,
                                const att_rank_options *o, float *vectors) {
  const att_vector_head *head = &index->file.head;
  att_embed_options options;
  att_embed_options_default(index->model, &options);
  options.pooling = (att_pooling)head->pooling;
  options.prompt = o->query_prompt || !index->model->sentence ? o->query_prompt : "query";
  options.batch_tokens = o->batch_tokens;
  options.first_line = o->first_line;
  ATT_TRY(att_embed_numbered(index->model, queries, "query", NULL, count, &options, vectors, NULL));
  for (size_t i = 0; i < count && head->similarity == ATT_SIMILARITY_COSINE; i++) {
    scale_row(vectors + i * head->width, head->width);
  }
  return ATT_OK;
}

att_status att_index_search(const att_index *index, const att_text *queries, size_t count,
                            const att_rank_options *given, size_t top, att_ranked *found) {
  att_context *ctx = index->ctx;
  const att_vector_head *head = &index->file.head;
  att_rank_options options = {0};
  if (!given || given->size < sizeof options) att_rank_options_default(index->model, &options);
  ATT_TRY(att_take_options(ctx, "att_index_search", given, &options, sizeof options));
  if (options.similarity && (uint32_t)options.similarity != head->similarity) {
    return att_fail(ctx, ATT_ARGUMENT, "%s: was made for the %s: another similarity needs another index",
                    index->file.path, head->similarity == ATT_SIMILARITY_DOT ? "dot product" : "cosine");
  }
  if (count == 0) return ATT_OK;
  if (!queries) return att_fail(ctx, ATT_ARGUMENT, "att_index_search needs queries");
  float *vectors = att_alloc_aligned(ctx, count, head->width * sizeof *vectors);
  if (!vectors) return ATT_MEMORY;
  att_status status = embed_queries(index, queries, count, &options, vectors);
  if (!status) status = att_index_search_vectors(index, vectors, count, top, found);
  att_free_aligned(ctx, vectors);
  return status;
}
