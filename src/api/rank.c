/*
 * Owns att_rank and att_rank_pairs: how relevant texts are to queries. A model with one value reads both together (a
 * cross-encoder); any other gives each a vector, and these are compared. Texts are sorted by length, so that those that
 * come more than once stand together, and are computed once. Refuses models of several labels (att_check_verb).
 */
#include "api/rank.h"
#include "api/embed.h"
#include "api/text.h"
#include "formats/table.h"
#include "models/sentence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 1024 /* pairs, or texts, in memory as tokens or vectors */

/* ---- what is to be done ---------------------------------------------------------------------------------------- */

void att_rank_options_init(const att_model *model, att_rank_options *options, size_t size) {
  (void)model;
  const att_rank_options own = {.size = size, .similarity = ATT_SIMILARITY_DEFAULT, .batch_tokens = 2048};
  att_give_struct(&own, sizeof own, options, size);
}

typedef struct ranker {
  att_model *model;
  att_rank_options options;
  att_relevance relevance;
  double *scores; /* by item.index */
} ranker;

typedef struct item {
  att_text query, text;
  size_t index; /* in the caller's order */
} item;

static bool is_cross(const att_model *model) { return model->head->texts && model->config.label_count == 1; }

static att_status settle(const att_rank_options *given, ranker *r) {
  att_model *model = r->model;
  att_context *ctx = model->ctx;
  att_rank_options *o = &r->options;
  if (!given || given->size < sizeof *o) att_rank_options_default(model, o);
  ATT_TRY(att_take_options(ctx, "att_rank", given, o, sizeof *o));
  if ((unsigned)o->similarity > ATT_SIMILARITY_MANHATTAN) {
    return att_fail(ctx, ATT_ARGUMENT, "similarity %d is unknown", (int)o->similarity);
  }
  ATT_TRY(att_check_verb(model, ATT_VERB_RANK));
  if (model->sentence) ATT_TRY(att_sentence_prepare(model->sentence));
  ATT_TRY(att_relevance_read(ctx, model->folder, model->sentence, &r->relevance));
  if (o->similarity) r->relevance.similarity = o->similarity;
  return ATT_OK;
}

static void tell(const ranker *r, const item *it, bool truncated) {
  if (r->options.truncated) r->options.truncated[it->index] = truncated;
}

/* ---- the order ------------------------------------------------------------------------------------------------- */

static int compare_texts(att_text a, att_text b) {
  if (a.size != b.size) return a.size < b.size ? -1 : 1;
  return a.data == b.data || a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

static int by_query(const void *a, const void *b) {
  const item *x = a, *y = b;
  int order = compare_texts(x->query, y->query);
  return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int by_text(const void *a, const void *b) {
  const item *x = a, *y = b;
  int order = compare_texts(x->text, y->text);
  return order ? order : by_query(a, b);
}

/* ---- cross-encoders -------------------------------------------------------------------------------------------- */

typedef struct crosser {
  const ranker *r;
  att_arena *arena;
  att_examples examples;  /* of a window's pairs, each once */
  int64_t most;           /* tokens of a pair */
  const char *prompt;     /* before the query; "": none */
  att_buffer query;       /* with it */
  att_text known;         /* a query that has been warned of */
  size_t pairs[WINDOW];   /* of each item of the window, its pair */
  bool truncated[WINDOW]; /* [pairs] */
} crosser;

static att_status add_pair(crosser *c, const item *it) {
  att_context *ctx = c->r->model->ctx;
  att_text query = it->query;
  bool *truncated = &c->truncated[c->examples.count];
  if (c->prompt[0]) {
    c->query.size = 0;
    ATT_TRY(att_buffer_append(ctx, &c->query, c->prompt, strlen(c->prompt)));
    ATT_TRY(att_buffer_append(ctx, &c->query, query.data, query.size));
    query = (att_text){c->query.data, c->query.size};
  }
  size_t number = c->r->options.first_line + it->index;
  bool known = c->known.data && compare_texts(it->query, c->known) == 0;
  ATT_TRY(att_line_example(c->r->model, query, &it->text, c->most, number, true, &c->examples, truncated));
  c->known = it->query;
  return known ? ATT_OK : att_warn_unknown_of(c->r->model, query, "query", number);
}

/* logits [texts]: of the window's pairs from `begin` on, in the window's scores[] */
static att_status run_pairs(crosser *c, int64_t begin, int64_t count, double *scores) {
  att_model *model = c->r->model;
  att_run run = {.ctx = model->ctx, .arena = c->arena};
  att_hidden hidden;
  att_tensor logits;
  if (att_is_interrupted(model->ctx)) return att_fail(model->ctx, ATT_INTERRUPTED, "interrupted while ranking");
  att_arena_reset(c->arena);
  ATT_TRY(att_examples_hidden(&run, model, &c->examples, begin, count, &hidden));
  ATT_TRY(att_head_logits(&run, model, &hidden, &logits));
  for (int64_t i = 0; i < count; i++) {
    float logit = logits.data[i * logits.stride];
    if (!isfinite(logit)) return att_fail(model->ctx, ATT_NUMERIC, "a score is not a finite number");
    scores[begin + i] = (double)(c->r->options.logits ? logit : c->r->relevance.activation(logit));
  }
  return ATT_OK;
}

static att_status cross_window(crosser *c, const item *items, size_t count) {
  double scores[WINDOW];
  att_examples_clear(&c->examples);
  for (size_t i = 0; i < count; i++) {
    bool same =
        i && !compare_texts(items[i].text, items[i - 1].text) && !compare_texts(items[i].query, items[i - 1].query);
    if (!same) ATT_TRY(add_pair(c, &items[i]));
    c->pairs[i] = (size_t)c->examples.count - 1;
  }
  for (int64_t begin = 0, texts; begin < c->examples.count; begin += texts) {
    texts = att_examples_fit(&c->examples, begin);
    ATT_TRY(run_pairs(c, begin, texts, scores));
  }
  for (size_t i = 0; i < count; i++) {
    c->r->scores[items[i].index] = scores[c->pairs[i]];
    tell(c->r, &items[i], c->truncated[c->pairs[i]]);
  }
  return ATT_OK;
}

static att_status cross_all(crosser *c, const item *items, size_t count) {
  const att_sentence *sentence = c->r->model->sentence;
  const char *wish = c->r->options.query_prompt;
  c->most = c->r->model->config.model_max_length;
  if (sentence && sentence->most_tokens) c->most = sentence->most_tokens;
  c->prompt = sentence ? att_sentence_prompt(c->r->model->sentence, wish) : wish ? wish : "";
  ATT_TRY(att_arena_new(c->r->model->ctx, &c->arena));
  for (size_t first = 0, size; first < count; first += size) {
    size = count - first < WINDOW ? count - first : WINDOW;
    ATT_TRY(cross_window(c, items + first, size));
  }
  return ATT_OK;
}

static att_status score_together(const ranker *r, item *items, size_t count) {
  att_context *ctx = r->model->ctx;
  crosser *c = ATT_NEW(ctx, 1, crosser);
  if (!c) return ATT_MEMORY;
  c->r = r;
  qsort(items, count, sizeof *items, by_text);
  att_status status = cross_all(c, items, count);
  att_arena_free(c->arena);
  att_examples_free(ctx, &c->examples);
  att_buffer_free(ctx, &c->query);
  att_free(ctx, c);
  return status;
}

/* ---- vectors --------------------------------------------------------------------------------------------------- */

double att_similar(att_similarity similarity, const float *a, const float *b, size_t width) {
  double product = 0, a_square = 0, b_square = 0, square = 0, sum = 0;
  for (size_t i = 0; i < width; i++) {
    double x = (double)a[i], y = (double)b[i];
    product += x * y;
    a_square += x * x;
    b_square += y * y;
    square += (x - y) * (x - y);
    sum += fabs(x - y);
  }
  switch (similarity) {
  case ATT_SIMILARITY_DOT: return product;
  case ATT_SIMILARITY_EUCLIDEAN: return -sqrt(square);
  case ATT_SIMILARITY_MANHATTAN: return -sum;
  default: break;
  }
  /* torch.nn.functional.normalize's bound for what has no length */
  return product / (fmax(sqrt(a_square), 1e-12) * fmax(sqrt(b_square), 1e-12));
}

/* Texts that are embedded together, each once. */
typedef struct distinct {
  att_text *texts;
  size_t *numbers; /* of the first item with each */
  size_t *of;      /* [items]: by item, which text */
  float *vectors;
  bool *truncated; /* [texts] */
  size_t count, width;
} distinct;

static void distinct_free(att_context *ctx, distinct *d) {
  att_free(ctx, d->texts);
  att_free(ctx, d->numbers);
  att_free(ctx, d->of);
  att_free(ctx, d->vectors);
  att_free(ctx, d->truncated);
}

static att_status distinct_new(att_context *ctx, size_t room, size_t items, distinct *d) {
  d->texts = ATT_NEW(ctx, room, att_text);
  d->numbers = ATT_NEW(ctx, room, size_t);
  d->of = ATT_NEW(ctx, items, size_t);
  d->truncated = ATT_NEW(ctx, room, bool);
  return d->texts && d->numbers && d->of && d->truncated ? ATT_OK : ATT_MEMORY;
}

/* Returns its place; a text that is the last one's is that. */
static size_t distinct_add(distinct *d, att_text text, size_t number) {
  if (d->count && compare_texts(text, d->texts[d->count - 1]) == 0) return d->count - 1;
  d->texts[d->count] = text;
  d->numbers[d->count] = number;
  return d->count++;
}

static const char *or_named(const ranker *r, const char *wish, const char *name) {
  return wish || !r->model->sentence ? wish : name;
}

static att_status embed(const ranker *r, const char *what, const char *prompt, distinct *d) {
  att_embed_options options;
  att_embed_options_default(r->model, &options);
  options.prompt = prompt;
  options.batch_tokens = r->options.batch_tokens;
  options.first_line = r->options.first_line;
  return att_embed_numbered(r->model, d->texts, what, d->numbers, d->count, &options, d->vectors, d->truncated);
}

/* items: by their queries. */
static att_status embed_queries(const ranker *r, const item *items, size_t count, distinct *d) {
  att_context *ctx = r->model->ctx;
  ATT_TRY(distinct_new(ctx, count, count, d));
  for (size_t i = 0; i < count; i++) d->of[items[i].index] = distinct_add(d, items[i].query, items[i].index);
  d->vectors = att_alloc(ctx, d->count, d->width * sizeof *d->vectors);
  if (!d->vectors) return ATT_MEMORY;
  return embed(r, "query", or_named(r, r->options.query_prompt, "query"), d);
}

/* items: by their texts, in windows of them. */
static att_status compare_windows(const ranker *r, const item *items, size_t count, const distinct *queries,
                                  distinct *texts) {
  size_t width = queries->width;
  for (size_t first = 0, size; first < count; first += size) {
    size = count - first < WINDOW ? count - first : WINDOW;
    texts->count = 0;
    for (size_t i = 0; i < size; i++) {
      texts->of[i] = distinct_add(texts, items[first + i].text, items[first + i].index);
    }
    ATT_TRY(embed(r, "line", or_named(r, r->options.text_prompt, "document"), texts));
    for (size_t i = 0; i < size; i++) {
      size_t index = items[first + i].index;
      const float *query = queries->vectors + queries->of[index] * width;
      tell(r, &items[first + i], queries->truncated[queries->of[index]] || texts->truncated[texts->of[i]]);
      r->scores[index] = att_similar(r->relevance.similarity, query, texts->vectors + texts->of[i] * width, width);
    }
  }
  return ATT_OK;
}

static att_status score_apart(const ranker *r, item *items, size_t count) {
  att_context *ctx = r->model->ctx;
  size_t width = att_embedding_width(r->model, NULL);
  distinct queries = {.width = width}, texts = {.width = width};
  att_status status = att_embed(r->model, NULL, 0, NULL, NULL);
  qsort(items, count, sizeof *items, by_query);
  if (!status) status = embed_queries(r, items, count, &queries);
  qsort(items, count, sizeof *items, by_text);
  if (!status) status = distinct_new(ctx, WINDOW, WINDOW, &texts);
  if (!status && !(texts.vectors = att_alloc(ctx, WINDOW, width * sizeof(float)))) status = ATT_MEMORY;
  if (!status) status = compare_windows(r, items, count, &queries, &texts);
  distinct_free(ctx, &queries);
  distinct_free(ctx, &texts);
  return status;
}

/* ---- the calls ------------------------------------------------------------------------------------------------- */

/* queries NULL: all are `query`. */
static att_status score_items(ranker *r, const att_text *queries, att_text query, const att_text *texts, size_t count) {
  att_context *ctx = r->model->ctx;
  item *items = ATT_NEW(ctx, count, item);
  if (!items) return ATT_MEMORY;
  for (size_t i = 0; i < count; i++) items[i] = (item){queries ? queries[i] : query, texts[i], i};
  att_status status = (is_cross(r->model) ? score_together : score_apart)(r, items, count);
  att_free(ctx, items);
  return status;
}

att_status att_rank_pairs(att_model *model, const att_text *queries, const att_text *texts, size_t count,
                          const att_rank_options *options, double *scores) {
  ranker r = {.model = model, .scores = scores};
  ATT_TRY(settle(options, &r));
  if (count == 0) return ATT_OK;
  if (!queries || !texts || !scores) {
    return att_fail(model->ctx, ATT_ARGUMENT, "att_rank_pairs needs queries, texts and scores");
  }
  return score_items(&r, queries, (att_text){0}, texts, count);
}

int att_by_relevance(const void *a, const void *b) {
  const att_ranked *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (x->line > y->line) - (x->line < y->line);
}

att_status att_rank(att_model *model, att_text query, const att_text *lines, size_t count,
                    const att_rank_options *options, att_ranked *ranked) {
  att_context *ctx = model->ctx;
  ranker r = {.model = model};
  ATT_TRY(settle(options, &r));
  if (count == 0) return ATT_OK;
  if (!query.data || !lines || !ranked) return att_fail(ctx, ATT_ARGUMENT, "att_rank needs a query, lines and ranked");
  r.scores = ATT_NEW(ctx, count, double);
  if (!r.scores) return ATT_MEMORY;
  att_status status = score_items(&r, NULL, query, lines, count);
  for (size_t i = 0; i < count && !status; i++) ranked[i] = (att_ranked){i, r.scores[i]};
  if (!status) qsort(ranked, count, sizeof *ranked, att_by_relevance);
  att_free(ctx, r.scores);
  return status;
}

/* ---- pairs of a table ------------------------------------------------------------------------------------------ */

static bool is_named(const att_table *table, size_t column, const char *name) {
  att_text cell = att_table_cell(table, 0, column);
  return cell.size == strlen(name) && memcmp(cell.data, name, cell.size) == 0;
}

/* Both columns of rows [first, ..) and their bytes, in one block. */
static att_text *copy_pairs(att_context *ctx, const att_table *table, size_t first) {
  size_t count = table->rows - first, bytes = 0;
  for (size_t i = 0; i < 2 * count; i++) bytes += table->cells[2 * first + i].size + 1;
  size_t most = (SIZE_MAX - bytes) / (2 * sizeof(att_text));
  char *block = count <= most ? att_alloc(ctx, 2 * count * sizeof(att_text) + bytes, 1) : NULL;
  char *at = block ? block + 2 * count * sizeof(att_text) : NULL;
  for (size_t i = 0; i < 2 * count && block; i++) {
    att_text cell = att_table_cell(table, first + i / 2, i % 2);
    if (cell.size) memcpy(at, cell.data, cell.size);
    ((att_text *)(void *)block)[i % 2 * count + i / 2] = (att_text){at, cell.size};
    at += cell.size + 1;
  }
  return (att_text *)(void *)block;
}

att_status att_read_pairs(att_context *ctx, const char *path, att_text **queries, att_text **texts, size_t *count) {
  att_table table = {0};
  *queries = *texts = NULL;
  *count = 0;
  if (!path) return att_fail(ctx, ATT_ARGUMENT, "att_read_pairs needs a file");
  att_status status = att_table_read(ctx, path, &table);
  if (!status && table.rows && table.columns != 2) {
    status = att_fail(ctx, ATT_FORMAT, "%s: has %zu column%s: pairs are two, the query and the text", path,
                      table.columns, table.columns == 1 ? "" : "s");
  }
  if (!status) {
    size_t first = table.rows && is_named(&table, 0, "query") && is_named(&table, 1, "text");
    *queries = copy_pairs(ctx, &table, first);
    *count = *queries ? table.rows - first : 0;
    *texts = *queries ? *queries + *count : NULL;
    if (!*queries) status = ATT_MEMORY;
  }
  att_table_free(ctx, &table);
  return status;
}
