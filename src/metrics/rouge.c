/*
 * Owns ROUGE (Lin 2004): n-grams of one and two words, longest common subsequences, the bootstrap; the numbers are
 * those of rouge-score 0.1.2 to the last digit. Refuses pairs of texts that are absurdly long.
 */
#include "metrics/ngrams.h"
#include "metrics/porter.h"
#include "text/unicode.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CELLS   ((size_t)1 << 28) /* of a table of two texts' words */
#define MOST_SAMPLES 1000000

/* Ends of a text's sentences, in words. */
typedef struct sentences {
  size_t *ends; /* [count] */
  size_t count, capacity;
} sentences;

typedef struct rouge_work {
  att_context *ctx;
  const att_rouge_options *options;
  att_runes line, words; /* the text as it is; its words with spaces between */
  att_ngrams ngrams;     /* hypothesis, reference: the words as numbers */
  sentences text, reference;
  int32_t *row;     /* of a table: [2][columns] */
  size_t row_size;  /* that it has room for */
  uint8_t *moves;   /* of a table: [rows][columns] */
  size_t move_size; /* that it has room for */
  bool *chosen;     /* [words of the reference] */
  size_t chosen_size;
} rouge_work;

/* ---- words ------------------------------------------------------------------------------------------------------- */

static bool is_plain(int32_t c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* Chinese and Japanese have no spaces: each character stands for itself. */
static bool stands_alone(int32_t c) {
  return (c >= 0x3041 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x20000 && c <= 0x3ffff);
}

static bool belongs(const rouge_work *w, int32_t c) {
  if (is_plain(c)) return true;
  return w->options->unicode_words && c >= 0x80 && (att_category_bit(c) & (ATT_LETTERS | ATT_MARKS | ATT_NUMBERS)) != 0;
}

static att_status put_space(rouge_work *w) {
  ATT_TRY(att_runes_reserve(w->ctx, &w->words, w->words.count + 1));
  w->words.data[w->words.count++] = ' ';
  return ATT_OK;
}

/* word: [size] code points of the line, a word; stemmed where it is English. */
static att_status put_word(rouge_work *w, const int32_t *word, size_t size) {
  bool stem = w->options->stem && size > 3;
  ATT_TRY(att_runes_reserve(w->ctx, &w->words, w->words.count + size + 1));
  int32_t *out = w->words.data + w->words.count;
  for (size_t i = 0; i < size; i++) {
    stem = stem && is_plain(word[i]);
    out[i] = word[i];
  }
  if (stem) {
    char *text = (char *)out; /* it takes the place of what it becomes, which is written from its end */
    for (size_t i = 0; i < size; i++) text[i] = (char)word[i];
    size = att_porter_stem(text, size);
    for (size_t i = size; i-- > 0;) out[i] = (unsigned char)text[i];
  }
  w->words.count += size;
  return put_space(w);
}

static att_status end_sentence(rouge_work *w, sentences *s, size_t words) {
  if (s->count == s->capacity) {
    size_t capacity = 2 * s->capacity + 8;
    size_t *ends = att_resize(w->ctx, s->ends, capacity, sizeof *ends);
    if (!ends) return ATT_MEMORY;
    s->ends = ends;
    s->capacity = capacity;
  }
  if (words > (s->count ? s->ends[s->count - 1] : 0)) s->ends[s->count++] = words;
  return ATT_OK;
}

/* The text's words to w->words, its sentences to s. */
static att_status read_words(rouge_work *w, att_text text, sentences *s) {
  size_t words = 0;
  ATT_TRY(att_runes_read(w->ctx, text, true, &w->line));
  w->words.count = s->count = 0;
  for (size_t i = 0; i < w->line.count;) {
    const int32_t *c = w->line.data + i;
    size_t size = 0;
    while (i + size < w->line.count && belongs(w, c[size]) && !(size && stands_alone(c[size - 1])) &&
           !(size && stands_alone(c[size]))) {
      size++;
    }
    if (size) {
      ATT_TRY(put_word(w, c, size));
      words++;
    } else if (*c == '\n') {
      ATT_TRY(end_sentence(w, s, words));
    }
    i += size ? size : 1;
  }
  return end_sentence(w, s, words);
}

/* ---- n-grams ----------------------------------------------------------------------------------------------------- */

static att_rouge_score score_of(size_t match, size_t text, size_t reference) {
  att_rouge_score s = {.precision = text ? (double)match / (double)text : 0,
                       .recall = reference ? (double)match / (double)reference : 0};
  double sum = s.precision + s.recall;
  if (sum > 0) s.f = 2 * s.precision * s.recall / sum;
  return s;
}

static att_rouge_score score_ngrams(const att_ngram_count *c) {
  return score_of((size_t)c->match, (size_t)c->hypothesis, (size_t)c->reference);
}

/* ---- longest common subsequences ----------------------------------------------------------------------------------
 */

static att_status too_long(const rouge_work *w, size_t rows, size_t columns) {
  return att_fail(w->ctx, ATT_UNSUPPORTED, "texts of %zu and %zu words are too long to compare", columns, rows);
}

static att_status reserve_rows(rouge_work *w, size_t columns) {
  if (w->row && columns + 1 <= w->row_size) return ATT_OK;
  int32_t *row = att_resize(w->ctx, w->row, 2 * (columns + 1), sizeof *row);
  if (!row) return ATT_MEMORY;
  w->row = row;
  w->row_size = columns + 1;
  return ATT_OK;
}

static att_status reserve_moves(rouge_work *w, size_t cells) {
  if (w->moves && cells <= w->move_size) return ATT_OK;
  uint8_t *moves = att_resize(w->ctx, w->moves, cells, 1);
  if (!moves) return ATT_MEMORY;
  w->moves = moves;
  w->move_size = cells;
  return ATT_OK;
}

enum { MATCH, LEFT, UP };

/* The length of a longest common subsequence of a (rows) and b (columns); moves: how each cell is left on the way back,
 * or NULL. */
static att_status fill_table(rouge_work *w, const int32_t *a, size_t rows, const int32_t *b, size_t columns,
                             uint8_t *moves, size_t *length) {
  ATT_TRY(reserve_rows(w, columns));
  int32_t *before = w->row, *now = w->row + w->row_size;
  memset(before, 0, (columns + 1) * sizeof *before);
  for (size_t i = 0; i < rows; i++) {
    if (att_is_interrupted(w->ctx)) return att_fail(w->ctx, ATT_INTERRUPTED, "interrupted while measuring");
    now[0] = 0;
    for (size_t j = 0; j < columns; j++) {
      bool same = a[i] == b[j];
      int32_t up = before[j + 1], left = now[j];
      now[j + 1] = same ? before[j] + 1 : left > up ? left : up;
      if (moves) moves[i * columns + j] = same ? MATCH : left > up ? LEFT : UP;
    }
    int32_t *swap = before;
    before = now;
    now = swap;
  }
  *length = (size_t)before[columns];
  return ATT_OK;
}

static att_status score_whole(rouge_work *w, att_rouge_score *out) {
  const att_runes *text = &w->ngrams.hypothesis, *reference = &w->ngrams.reference;
  size_t length = 0;
  if (text->count && reference->count > ((size_t)1 << 40) / text->count)
    return too_long(w, reference->count, text->count);
  if (text->count && reference->count)
    ATT_TRY(fill_table(w, reference->data, reference->count, text->data, text->count, NULL, &length));
  *out = score_of(length, text->count, reference->count);
  return ATT_OK;
}

/* Marks the words of the reference's sentence that are in its common subsequence with one sentence of the text. */
static att_status mark_common(rouge_work *w, size_t first, size_t rows, size_t begin, size_t columns) {
  size_t length;
  if (rows > MOST_CELLS / columns) return too_long(w, rows, columns);
  ATT_TRY(reserve_moves(w, rows * columns));
  ATT_TRY(fill_table(w, w->ngrams.reference.data + first, rows, w->ngrams.hypothesis.data + begin, columns, w->moves,
                     &length));
  for (size_t i = rows, j = columns; i > 0 && j > 0;) {
    uint8_t move = w->moves[(i - 1) * columns + j - 1];
    if (move == MATCH) w->chosen[first + i - 1] = true;
    i -= move != LEFT;
    j -= move != UP;
  }
  return ATT_OK;
}

static att_status mark_all(rouge_work *w) {
  for (size_t r = 0; r < w->reference.count; r++) {
    size_t first = r ? w->reference.ends[r - 1] : 0;
    for (size_t t = 0; t < w->text.count; t++) {
      size_t begin = t ? w->text.ends[t - 1] : 0;
      ATT_TRY(mark_common(w, first, w->reference.ends[r] - first, begin, w->text.ends[t] - begin));
    }
  }
  return ATT_OK;
}

/* counts: [slots], zeroed: how often the text has a word. No word counts more often than both have it. */
static size_t count_hits(const rouge_work *w, int32_t *counts) {
  const att_runes *text = &w->ngrams.hypothesis, *reference = &w->ngrams.reference;
  size_t hits = 0;
  for (size_t i = 0; i < text->count; i++) counts[text->data[i]]++;
  for (size_t i = 0; i < reference->count; i++) {
    if (w->chosen[i] && counts[reference->data[i]]-- > 0) hits++;
  }
  return hits;
}

/* Lin 2004, section 3.2. */
static att_status score_sentences(rouge_work *w, att_rouge_score *out) {
  size_t text = w->ngrams.hypothesis.count, reference = w->ngrams.reference.count;
  if (reference > w->chosen_size || !w->chosen) {
    bool *chosen = att_resize(w->ctx, w->chosen, reference + 1, sizeof *chosen);
    if (!chosen) return ATT_MEMORY;
    w->chosen = chosen;
    w->chosen_size = reference;
  }
  memset(w->chosen, 0, reference * sizeof *w->chosen);
  ATT_TRY(mark_all(w));
  int32_t *counts = ATT_NEW(w->ctx, w->ngrams.slot_count, int32_t);
  if (!counts) return ATT_MEMORY;
  *out = score_of(count_hits(w, counts), text, reference);
  att_free(w->ctx, counts);
  return ATT_OK;
}

/* ---- a pair -------------------------------------------------------------------------------------------------------
 */

static att_status score_pair(rouge_work *w, att_text text, att_text reference, att_rouge_scores *out) {
  size_t length;
  att_ngram_count counts[2];
  ATT_TRY(read_words(w, text, &w->text));
  ATT_TRY(att_ngrams_set_words(w->ctx, &w->ngrams, &w->words));
  ATT_TRY(read_words(w, reference, &w->reference));
  ATT_TRY(att_ngrams_add_words(w->ctx, &w->ngrams, &w->words, &length));
  att_rouge_score *kinds = out->kinds;
  ATT_TRY(score_whole(w, &kinds[ATT_ROUGE_L]));
  kinds[ATT_ROUGE_LSUM] = kinds[ATT_ROUGE_L];
  if (w->text.count > 1 || w->reference.count > 1) ATT_TRY(score_sentences(w, &kinds[ATT_ROUGE_LSUM]));
  ATT_TRY(att_ngrams_count(w->ctx, &w->ngrams, 2, counts)); /* last: the words' numbers go */
  kinds[ATT_ROUGE_1] = score_ngrams(&counts[0]);
  kinds[ATT_ROUGE_2] = score_ngrams(&counts[1]);
  return ATT_OK;
}

static double *value_of(att_rouge_scores *s, int which) {
  att_rouge_score *kind = &s->kinds[which / 3];
  return which % 3 == 0 ? &kind->precision : which % 3 == 1 ? &kind->recall : &kind->f;
}

enum { VALUES = 3 * ATT_ROUGE_KINDS };

static void add(att_rouge_scores *sum, const att_rouge_scores *one) {
  att_rouge_scores copy = *one;
  for (int v = 0; v < VALUES; v++) *value_of(sum, v) += *value_of(&copy, v);
}

static void divide(att_rouge_scores *sum, size_t count) {
  for (int v = 0; v < VALUES; v++) *value_of(sum, v) /= (double)count;
}

/* One text against its references. */
static att_status score_text(rouge_work *w, att_text text, const att_text *const *references, size_t count, size_t i,
                             att_rouge_scores *out) {
  *out = (att_rouge_scores){0};
  for (size_t r = 0; r < count; r++) {
    att_rouge_scores one;
    ATT_TRY(score_pair(w, text, references[r][i], &one));
    if (w->options->mean) add(out, &one);
    for (int k = 0; !w->options->mean && k < ATT_ROUGE_KINDS; k++) {
      if (r == 0 || one.kinds[k].f > out->kinds[k].f) out->kinds[k] = one.kinds[k];
    }
  }
  if (w->options->mean) divide(out, count);
  return ATT_OK;
}

/* ---- the bootstrap -------------------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Between the two that stand around it, as numpy's. */
static double percentile(const double *sorted, size_t count, double share) {
  double at = share * (double)(count - 1);
  size_t below = (size_t)at;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* Means of samples with replacement (Efron 1979). means: [samples] */
static att_status resample(rouge_work *w, const att_rouge_scores *scores, size_t count, att_rouge_scores *means) {
  for (int s = 0; s < w->options->samples; s++) {
    uint64_t key = att_key(w->options->seed, (uint64_t)s);
    if (att_is_interrupted(w->ctx)) return att_fail(w->ctx, ATT_INTERRUPTED, "interrupted while measuring");
    means[s] = (att_rouge_scores){0};
    for (size_t i = 0; i < count; i++) add(&means[s], &scores[(size_t)(att_uniform(key, i) * (double)count)]);
    divide(&means[s], count);
  }
  return ATT_OK;
}

static att_status make_interval(rouge_work *w, const att_rouge_scores *scores, size_t count, att_rouge_result *out) {
  size_t samples = (size_t)w->options->samples;
  double outside = (1 - w->options->confidence) / 2;
  if (samples == 0) return ATT_OK;
  att_rouge_scores *means = ATT_NEW(w->ctx, samples, att_rouge_scores);
  double *sorted = ATT_NEW(w->ctx, samples, double);
  att_status status = means && sorted ? resample(w, scores, count, means) : ATT_MEMORY;
  for (int v = 0; v < VALUES && !status; v++) {
    for (size_t s = 0; s < samples; s++) sorted[s] = *value_of(&means[s], v);
    qsort(sorted, samples, sizeof *sorted, by_value);
    *value_of(&out->low, v) = percentile(sorted, samples, outside);
    *value_of(&out->high, v) = percentile(sorted, samples, 1 - outside);
  }
  att_free(w->ctx, means);
  att_free(w->ctx, sorted);
  return status;
}

/* ---- the public call -----------------------------------------------------------------------------------------------
 */

void att_rouge_options_init(att_rouge_options *options, size_t size) {
  const att_rouge_options own = {.size = size, .confidence = 0.95, .seed = 1};
  att_give_struct(&own, sizeof own, options, size);
}

static att_status check(att_context *ctx, const att_rouge_options *o, size_t count, size_t reference_count) {
  if (!(o->confidence > 0 && o->confidence < 1))
    return att_fail(ctx, ATT_ARGUMENT, "confidence is %g, not between 0 and 1", o->confidence);
  if (o->samples < 0 || o->samples > MOST_SAMPLES)
    return att_fail(ctx, ATT_ARGUMENT, "samples is %d, not from 0 to %d", o->samples, MOST_SAMPLES);
  if (reference_count == 0) return att_fail(ctx, ATT_ARGUMENT, "there is no reference to measure against");
  return count ? ATT_OK : att_fail(ctx, ATT_ARGUMENT, "there are no texts to measure");
}

static att_status score_all(rouge_work *w, const att_text *texts, size_t count, const att_text *const *references,
                            size_t reference_count, att_rouge_scores *scores) {
  for (size_t i = 0; i < count; i++) {
    if (att_is_interrupted(w->ctx)) return att_fail(w->ctx, ATT_INTERRUPTED, "interrupted while measuring");
    ATT_TRY(score_text(w, texts[i], references, reference_count, i, &scores[i]));
  }
  return ATT_OK;
}

static void free_work(rouge_work *w) {
  att_free(w->ctx, w->line.data);
  att_free(w->ctx, w->words.data);
  att_ngrams_free(w->ctx, &w->ngrams);
  att_free(w->ctx, w->text.ends);
  att_free(w->ctx, w->reference.ends);
  att_free(w->ctx, w->row);
  att_free(w->ctx, w->moves);
  att_free(w->ctx, w->chosen);
}

att_status att_rouge(att_context *ctx, const att_text *texts, size_t count, const att_text *const *references,
                     size_t reference_count, const att_rouge_options *given, att_rouge_scores *scores,
                     att_rouge_result *result) {
  att_rouge_options options;
  att_rouge_options_default(&options);
  ATT_TRY(att_take_options(ctx, "att_rouge", given, &options, sizeof options));
  ATT_TRY(check(ctx, &options, count, reference_count));
  att_rouge_scores *own = scores ? NULL : ATT_NEW(ctx, count, att_rouge_scores), *of_each = scores ? scores : own;
  if (!of_each) return ATT_MEMORY;
  rouge_work w = {.ctx = ctx, .options = &options};
  att_status status = score_all(&w, texts, count, references, reference_count, of_each);
  if (!status && result) {
    *result = (att_rouge_result){0};
    for (size_t i = 0; i < count; i++) add(&result->mean, &of_each[i]);
    divide(&result->mean, count);
    status = make_interval(&w, of_each, count, result);
  }
  free_work(&w);
  att_free(ctx, own);
  return status;
}
