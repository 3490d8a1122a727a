/*
 * Owns TER (Snover et al. 2006) as sacreBLEU computes it, which follows Tercom: the fewest edits (a word put in, taken
 * out or replaced, or a block of words shifted) that turn the hypothesis into a reference, over the references' mean
 * length. Finding the fewest is too hard, so shifts are chosen greedily, and distances are of a beam around the
 * diagonal. Refuses lines of more than 2^20 words: memory and time are in proportion to their length.
 */
#include "base/arena.h"
#include "metrics/ngrams.h"
#include "metrics/sacrebleu.h"

#include <math.h>
#include <string.h>

enum {
  BEAM = 25,          /* columns of a row on either side of the diagonal */
  MOST_SHIFTED = 10,  /* words */
  MOST_DISTANCE = 50, /* between where a block stands in the hypothesis and in the reference */
  MOST_TRIED = 1000,  /* shifts of a pair of lines */
  FAR = INT32_MAX / 2,
  MOST_WORDS = 1 << 20
};

/* A hypothesis of `rows` words and a reference of `columns`, as numbers that are equal where the words are.
 * Cell (i, j) of the edit distances is that of the first i words to the first j. Row i has the columns from low to high
 * (not included) of the beam; row 0 has all, and its cell (0, j) is j. */
typedef struct ter_pair {
  att_context *ctx;
  int32_t rows, columns;
  int32_t *words;           /* [rows], shifted as it goes on */
  const int32_t *reference; /* [columns] */
  double slope;             /* columns a row */
  int32_t beam;
  size_t *start;    /* [rows + 1]: of the rows from 1 on in cells */
  int32_t *cells;   /* of `words` as they are */
  int32_t *scratch; /* two rows [columns + 2], column j at j + 1, for the words of a shift that is tried */
  int32_t *shifted; /* [rows]: the words as they are but for a shift that is tried */
  int32_t *align;   /* [columns]: the hypothesis' word that stands for the reference's, or the last before; or -1 */
  int32_t *errors;  /* [rows + 1]: words before i that are taken out or replaced */
  int32_t *misses;  /* [columns + 1]: words of the reference before j that are put in or replaced */
  int32_t tried;    /* shifts, up to now */
} ter_pair;

typedef struct ter_shift {
  int32_t gain, length, from, to; /* words [from, from + length) go before word `to` of the others; gain: edits saved */
} ter_shift;

/* ---- edit distance ---- */

static int32_t low_of(const ter_pair *p, int32_t i) {
  int32_t low = (int32_t)floor(i * p->slope) - p->beam;
  return i > 0 && low > 0 ? low : 0;
}

static int32_t high_of(const ter_pair *p, int32_t i) {
  int32_t high = (int32_t)floor(i * p->slope) + p->beam;
  return i > 0 && i < p->rows && high < p->columns + 1 ? high : p->columns + 1;
}

/* Row i of `words` from row i - 1; both have column j at j + 1, and what is outside of the beam is FAR. */
static void fill_row(const ter_pair *p, const int32_t *words, int32_t i, int32_t *before, int32_t *row) {
  int32_t low = low_of(p, i), high = high_of(p, i), word = words[i - 1];
  for (int32_t j = high_of(p, i - 1); j < high; j++) before[j + 1] = FAR;
  if (low_of(p, i - 1) == low) before[low] = FAR;
  row[low] = FAR;
  if (low == 0) row[1] = before[1] + 1;
  for (int32_t j = low > 0 ? low : 1; j < high; j++) {
    int32_t cost = before[j] + (p->reference[j - 1] != word);
    if (before[j + 1] + 1 < cost) cost = before[j + 1] + 1;
    if (row[j] + 1 < cost) cost = row[j] + 1;
    row[j + 1] = cost;
  }
}

static void load_row(const ter_pair *p, int32_t i, int32_t *row) {
  int32_t low = low_of(p, i), high = high_of(p, i);
  for (int32_t j = low; j < high; j++) row[j + 1] = i > 0 ? p->cells[p->start[i] + (size_t)(j - low)] : j;
}

static int32_t *row_of(const ter_pair *p, int32_t i) { return p->scratch + (i & 1 ? p->columns + 2 : 0); }

/* The cells of the rows from first + 1 on. */
static void fill_cells(ter_pair *p, int32_t first) {
  load_row(p, first, row_of(p, first));
  for (int32_t i = first + 1; i <= p->rows; i++) {
    int32_t low = low_of(p, i), high = high_of(p, i), *row = row_of(p, i);
    fill_row(p, p->words, i, row_of(p, i - 1), row);
    memcpy(p->cells + p->start[i], row + low + 1, (size_t)(high - low) * sizeof *row);
  }
}

static int32_t cell(const ter_pair *p, int32_t i, int32_t j) {
  int32_t low = low_of(p, i);
  if (i == 0) return j;
  return j >= low && j < high_of(p, i) ? p->cells[p->start[i] + (size_t)(j - low)] : FAR;
}

static int32_t distance(const ter_pair *p) { return cell(p, p->rows, p->columns); }

/* Whether a row is that of the cells but for one difference. */
static bool is_parallel(const ter_pair *p, int32_t i, const int32_t *row, int32_t *difference) {
  int32_t low = low_of(p, i), high = high_of(p, i);
  const int32_t *cells = p->cells + p->start[i];
  *difference = row[low + 1] - cells[0];
  for (int32_t j = low + 1; j < high; j++)
    if (row[j + 1] - cells[j - low] != *difference) return false;
  return true;
}

/* The distance of p->shifted, which is p->words but for [first, last). Where the words are the same again and a row is
 * parallel to the old one, all that follow are. */
static int32_t distance_of_shifted(const ter_pair *p, int32_t first, int32_t last) {
  int32_t difference = 0;
  load_row(p, first, row_of(p, first));
  for (int32_t i = first + 1; i <= p->rows; i++) {
    fill_row(p, p->shifted, i, row_of(p, i - 1), row_of(p, i));
    if (i >= last && is_parallel(p, i, row_of(p, i), &difference)) return distance(p) + difference;
  }
  return row_of(p, p->rows)[p->columns + 1];
}

/* Goes back along the fewest edits. Where several ways are as short: a word kept or replaced, else one taken out. */
static void trace(ter_pair *p) {
  for (int32_t i = p->rows, j = p->columns; i > 0 || j > 0;) {
    int32_t cost = cell(p, i, j);
    bool differ = i > 0 && j > 0 && p->words[i - 1] != p->reference[j - 1];
    if (i > 0 && j > 0 && cell(p, i - 1, j - 1) + differ == cost) {
      p->align[j - 1] = i - 1;
      p->errors[i] = p->misses[j] = differ;
      i--, j--;
    } else if (i > 0 && (j == 0 || cell(p, i - 1, j) + 1 == cost)) {
      p->errors[i--] = 1;
    } else {
      p->align[j - 1] = i - 1;
      p->misses[j--] = 1;
    }
  }
  p->errors[0] = p->misses[0] = 0;
  for (int32_t i = 0; i < p->rows; i++) p->errors[i + 1] += p->errors[i];
  for (int32_t j = 0; j < p->columns; j++) p->misses[j + 1] += p->misses[j];
}

/* ---- shifts ---- */

/* Moves words [from, from + length) of `words` before word `to`, which is not one of them; out: `words` elsewhere. */
static void move(const int32_t *words, int32_t from, int32_t length, int32_t to, int32_t *out) {
  size_t size = (size_t)length * sizeof *words;
  if (to < from) {
    memcpy(out + to, words + from, size);
    memcpy(out + to + length, words + to, (size_t)(from - to) * sizeof *words);
  } else {
    memcpy(out + from, words + from + length, (size_t)(to - from - length) * sizeof *words);
    memcpy(out + to - length, words + from, size);
  }
}

/* The words that a shift changes: [*first, *last). */
static void changed(ter_shift shift, int32_t *first, int32_t *last) {
  *first = shift.to < shift.from ? shift.to : shift.from;
  *last = shift.to < shift.from ? shift.from + shift.length : shift.to;
}

/* Where sacreBLEU puts a block that is to go to `target`: behind the target's words where that is in the block. */
static int32_t place_of(const ter_pair *p, int32_t from, int32_t length, int32_t target) {
  if (target < from || target > from + length) return target;
  return target + length < p->rows ? target + length : p->rows;
}

/* More edits saved, then the longer block, then the one that stands earlier, then the earlier target. */
static bool is_better(ter_shift a, int32_t a_target, ter_shift b, int32_t b_target) {
  if (a.gain != b.gain) return a.gain > b.gain;
  if (a.length != b.length) return a.length > b.length;
  if (a.from != b.from) return a.from < b.from;
  return a_target < b_target;
}

typedef struct ter_search {
  ter_shift best; /* length 0: none yet */
  int32_t target; /* of the best */
} ter_search;

static void try_shift(ter_pair *p, ter_search *search, int32_t from, int32_t length, int32_t target) {
  ter_shift shift = {0, length, from, place_of(p, from, length, target)};
  int32_t first, last;
  changed(shift, &first, &last);
  move(p->words, from, length, shift.to, p->shifted);
  shift.gain = distance(p) - distance_of_shifted(p, first, last);
  memcpy(p->shifted + first, p->words + first, (size_t)(last - first) * sizeof *p->words);
  p->tried++;
  if (search->best.length && !is_better(shift, target, search->best, search->target)) return;
  search->best = shift;
  search->target = target;
}

/* The words at `from` are the reference's at `at`: to each place that the alignment gives for them, where both are
 * wrong as they stand. */
static att_status try_block(ter_pair *p, ter_search *search, int32_t from, int32_t at, int32_t length) {
  if (p->errors[from + length] == p->errors[from] || p->misses[at + length] == p->misses[at]) return ATT_OK;
  if (p->align[at] >= from && p->align[at] < from + length) return ATT_OK;
  for (int32_t j = at - 1, before = -1; j < at + length; j++) {
    int32_t target = j < 0 ? 0 : p->align[j] + 1;
    if (target == before) continue;
    ATT_TRY(att_measure_goes_on(p->ctx));
    try_shift(p, search, from, length, target);
    before = target;
  }
  return ATT_OK;
}

/* Blocks that begin at `from`, until enough shifts were tried. */
static att_status try_blocks_at(ter_pair *p, ter_search *search, int32_t from) {
  int32_t begin = from > MOST_DISTANCE ? from - MOST_DISTANCE : 0;
  int32_t end = p->columns - from > MOST_DISTANCE ? from + MOST_DISTANCE + 1 : p->columns;
  int32_t longest = p->rows - from < MOST_SHIFTED ? p->rows - from : MOST_SHIFTED;
  if (p->errors[from + longest] == p->errors[from]) return ATT_OK;
  for (int32_t at = begin; at < end; at++)
    for (int32_t n = 0; n < longest && at + n < p->columns && p->words[from + n] == p->reference[at + n]; n++) {
      int32_t tried = p->tried;
      ATT_TRY(try_block(p, search, from, at, n + 1));
      if (p->tried > tried && p->tried >= MOST_TRIED) return ATT_OK;
    }
  return ATT_OK;
}

/* Shifts words as long as that saves edits. *shifts: how many. */
static att_status shift_words(ter_pair *p, int32_t *shifts) {
  for (*shifts = 0;; ++*shifts) {
    ter_search search = {0};
    int32_t first, last;
    trace(p);
    memcpy(p->shifted, p->words, (size_t)p->rows * sizeof *p->words);
    for (int32_t from = 0; from < p->rows && p->tried < MOST_TRIED; from++) {
      ATT_TRY(att_measure_goes_on(p->ctx));
      ATT_TRY(try_blocks_at(p, &search, from));
    }
    if (p->tried >= MOST_TRIED || search.best.gain <= 0) return ATT_OK;
    changed(search.best, &first, &last);
    move(p->shifted, search.best.from, search.best.length, search.best.to, p->words);
    fill_cells(p, first);
  }
}

/* ---- lines ---- */

typedef struct ter_work {
  att_runes line, scratch;
  att_ngrams ngrams;
  att_arena *arena;
} ter_work;

static att_status prepare(ter_pair *p, att_arena *arena, const att_ngrams *ngrams) {
  size_t rows = ngrams->hypothesis.count, columns = ngrams->reference.count, cells = 0;
  p->rows = (int32_t)rows;
  p->columns = (int32_t)columns;
  p->slope = rows ? (double)columns / (double)rows : 1;
  p->beam = BEAM < p->slope / 2 ? (int32_t)ceil(p->slope / 2 + BEAM) : BEAM;
  p->start = ATT_ARENA_NEW(arena, rows + 1, size_t);
  if (!p->start) return ATT_MEMORY;
  for (int32_t i = 1; i <= p->rows; i++) {
    p->start[i] = cells;
    cells += (size_t)(high_of(p, i) - low_of(p, i));
  }
  p->reference = ngrams->reference.data;
  p->words = ATT_ARENA_NEW(arena, rows, int32_t);
  p->shifted = ATT_ARENA_NEW(arena, rows, int32_t);
  p->errors = ATT_ARENA_NEW(arena, rows + 1, int32_t);
  p->cells = ATT_ARENA_NEW(arena, cells, int32_t);
  p->scratch = ATT_ARENA_NEW(arena, 2 * (columns + 2), int32_t);
  p->align = ATT_ARENA_NEW(arena, columns, int32_t);
  p->misses = ATT_ARENA_NEW(arena, columns + 1, int32_t);
  if (!p->words || !p->shifted || !p->errors || !p->cells || !p->scratch || !p->align || !p->misses) return ATT_MEMORY;
  if (rows) memcpy(p->words, ngrams->hypothesis.data, rows * sizeof *p->words);
  return ATT_OK;
}

/* Of the words that ngrams holds. */
static att_status count_edits(att_context *ctx, att_arena *arena, const att_ngrams *ngrams, int64_t *edits) {
  ter_pair p = {.ctx = ctx};
  int32_t shifts;
  *edits = (int64_t)ngrams->hypothesis.count;
  if (ngrams->reference.count == 0) return ATT_OK;
  att_arena_reset(arena);
  ATT_TRY(prepare(&p, arena, ngrams));
  fill_cells(&p, 0);
  ATT_TRY(shift_words(&p, &shifts));
  *edits = (int64_t)shifts + distance(&p);
  return ATT_OK;
}

static att_status read_words(const att_translations *t, ter_work *work, att_text text) {
  ATT_TRY(att_runes_read(t->ctx, text, !t->options->ter_case_sensitive, &work->line));
  return att_ter_tokenize(t->ctx, t->options, &work->line, &work->scratch);
}

static att_status check_length(const att_translations *t, size_t line, size_t words) {
  if (words <= MOST_WORDS) return ATT_OK;
  return att_fail(t->ctx, ATT_ARGUMENT, "TER: line %zu has %zu words: it takes lines of up to %d", line + 1, words,
                  (int)MOST_WORDS);
}

/* The edits to the nearest reference, and the references' mean length. */
static att_status measure_line(const att_translations *t, ter_work *work, size_t i, double *edits, double *length) {
  int64_t fewest = INT64_MAX, lengths = 0, references = 0, here;
  ATT_TRY(read_words(t, work, t->hypotheses[i]));
  ATT_TRY(att_ngrams_set_words(t->ctx, &work->ngrams, &work->line));
  ATT_TRY(check_length(t, i, work->ngrams.hypothesis.count));
  for (size_t r = 0; r < t->reference_count; r++) {
    size_t words;
    if (!t->references[r][i].data) continue;
    work->ngrams.reference.count = 0;
    ATT_TRY(read_words(t, work, t->references[r][i]));
    /* sacreBLEU normalizes references twice, and ".5" becomes two words at the second time */
    ATT_TRY(att_ter_tokenize(t->ctx, t->options, &work->line, &work->scratch));
    ATT_TRY(att_ngrams_add_words(t->ctx, &work->ngrams, &work->line, &words));
    ATT_TRY(check_length(t, i, words));
    ATT_TRY(count_edits(t->ctx, work->arena, &work->ngrams, &here));
    if (here < fewest) fewest = here;
    lengths += (int64_t)words;
    references++;
  }
  *edits += (double)fewest;
  *length += (double)lengths / (double)references;
  return ATT_OK;
}

static void describe(const att_translations *t, att_bleu_result *result) {
  const att_bleu_options *o = t->options;
  att_format(result->line, sizeof result->line, "TER = %.2f", result->score);
  att_format(result->signature, sizeof result->signature,
             "nrefs:%s|case:%s|tok:tercom|norm:%s|punct:%s|asian:%s|version:%s", t->nrefs,
             o->ter_case_sensitive ? "mixed" : "lc", o->ter_normalized ? "yes" : "no", o->ter_no_punct ? "no" : "yes",
             o->ter_asian_support ? "yes" : "no", ATT_SACREBLEU_VERSION);
}

att_status att_ter_measure(const att_translations *t, att_bleu_result *result) {
  ter_work work = {0};
  double edits = 0, length = 0;
  att_status status = att_arena_new(t->ctx, &work.arena);
  for (size_t i = 0; i < t->count && !status; i++) {
    status = att_measure_goes_on(t->ctx);
    if (!status) status = measure_line(t, &work, i, &edits, &length);
  }
  att_free(t->ctx, work.line.data);
  att_free(t->ctx, work.scratch.data);
  att_ngrams_free(t->ctx, &work.ngrams);
  att_arena_free(work.arena);
  if (status) return status;
  result->score = length > 0 ? 100 * (edits / length) : edits > 0 ? 100 : 0;
  describe(t, result);
  return ATT_OK;
}
