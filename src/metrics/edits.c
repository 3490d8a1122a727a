/* Owns what edits.h says: a table of differences that is walked back, and for long sequences their parting in two
 * (Hirschberg 1975) until a table is small. */
#include "metrics/edits.h"

#include <string.h>

enum { SMALL_TABLE = 1 << 22, FEW_REFERENCE = 65, FEW_HYPOTHESIS = 10 }; /* rapidfuzz's: where it parts no further */

typedef struct edits_task {
  att_context *ctx;
  unsigned char *out;
  size_t count;
} edits_task;

typedef struct edits_pair {
  const int32_t *reference, *hypothesis;
  size_t rows, columns; /* of the reference, of the hypothesis */
} edits_pair;

static void put(edits_task *t, att_edit edit, size_t times) {
  if (times) memset(t->out + t->count, (int)edit, times); /* out is NULL where both are empty */
  t->count += times;
}

/* ---- a table --------------------------------------------------------------------------------------------------- */

/* Two bits a cell (i, j), i and j from 1: whether the distance of the first i to the first j items is one more, or one
 * less, than that of the first i - 1. */
enum { MORE = 1, LESS = 2 };

static size_t cell_of(const edits_pair *p, size_t i, size_t j) { return (j - 1) * p->rows + i - 1; }

static void set_cell(unsigned char *cells, size_t at, unsigned bits) {
  cells[at / 4] = (unsigned char)(cells[at / 4] | bits << at % 4 * 2);
}

static unsigned get_cell(const unsigned char *cells, size_t at) { return cells[at / 4] >> at % 4 * 2 & 3; }

/* column[i]: distances of the first i items to the hypothesis' first j, made of those to its first j - 1. */
static void next_column(const edits_pair *p, size_t j, int32_t *column, bool reversed) {
  int32_t corner = column[0]++, item = p->hypothesis[reversed ? p->columns - j : j - 1];
  for (size_t i = 1; i <= p->rows; i++) {
    int32_t cost = corner + (p->reference[reversed ? p->rows - i : i - 1] != item);
    corner = column[i];
    if (column[i - 1] + 1 < cost) cost = column[i - 1] + 1;
    if (corner + 1 < cost) cost = corner + 1;
    column[i] = cost;
  }
}

static void first_column(const edits_pair *p, int32_t *column) {
  for (size_t i = 0; i <= p->rows; i++) column[i] = (int32_t)i;
}

static att_status goes_on(att_context *ctx, size_t j) {
  bool stop = j % 256 == 0 && att_is_interrupted(ctx);
  return stop ? att_fail(ctx, ATT_INTERRUPTED, "interrupted while measuring") : ATT_OK;
}

static att_status fill_cells(const edits_task *t, const edits_pair *p, int32_t *column, unsigned char *cells) {
  first_column(p, column);
  for (size_t j = 1; j <= p->columns; j++) {
    ATT_TRY(goes_on(t->ctx, j));
    next_column(p, j, column, false);
    for (size_t i = 1; i <= p->rows; i++) {
      int32_t step = column[i] - column[i - 1];
      if (step) set_cell(cells, cell_of(p, i, j), step > 0 ? MORE : LESS);
    }
  }
  return ATT_OK;
}

/* From the end: a deletion where there can be one, else an insertion, else both go on. Written backwards, then turned.
 */
static void walk_back(edits_task *t, const edits_pair *p, const unsigned char *cells) {
  size_t i = p->rows, j = p->columns, begin = t->count;
  while (i > 0 && j > 0) {
    if (get_cell(cells, cell_of(p, i, j)) & MORE) {
      put(t, ATT_EDIT_DELETE, 1);
      i--;
    } else if (--j > 0 && get_cell(cells, cell_of(p, i, j)) & LESS) {
      put(t, ATT_EDIT_INSERT, 1);
    } else {
      i--;
      put(t, p->reference[i] == p->hypothesis[j] ? ATT_EDIT_EQUAL : ATT_EDIT_SUBSTITUTE, 1);
    }
  }
  put(t, ATT_EDIT_DELETE, i);
  put(t, ATT_EDIT_INSERT, j);
  for (size_t a = begin, b = t->count; a + 1 < b; a++, b--) {
    unsigned char last = t->out[b - 1];
    t->out[b - 1] = t->out[a];
    t->out[a] = last;
  }
}

static att_status align_small(edits_task *t, const edits_pair *p) {
  int32_t *column = ATT_NEW(t->ctx, p->rows + 1, int32_t);
  unsigned char *cells = att_alloc(t->ctx, p->rows * p->columns / 4 + 1, 1);
  att_status status = column && cells ? fill_cells(t, p, column, cells) : ATT_MEMORY;
  if (!status) walk_back(t, p, cells);
  att_free(t->ctx, column);
  att_free(t->ctx, cells);
  return status;
}

/* ---- parting ---------------------------------------------------------------------------------------------------- */

/* The hypothesis is parted in the middle; the reference where both halves' distances are least together, the first such
 * place. most: no more edits than that are needed, of the whole, then of the parts. */
static att_status find_parting(const edits_task *t, const edits_pair *p, int32_t *left, int32_t *right, size_t *at,
                               size_t *most_left, size_t *most_right) {
  size_t middle = p->columns / 2;
  int32_t best = INT32_MAX;
  first_column(p, left);
  first_column(p, right);
  for (size_t j = 1; j <= p->columns - middle; j++) {
    ATT_TRY(goes_on(t->ctx, j));
    next_column(p, j, right, true);
    if (j <= middle) next_column(p, j, left, false);
  }
  for (size_t i = 1; i <= p->rows; i++) {
    if (left[i] + right[p->rows - i] >= best) continue;
    best = left[i] + right[p->rows - i];
    *at = i;
    *most_left = (size_t)left[i];
    *most_right = (size_t)right[p->rows - i];
  }
  return ATT_OK;
}

static att_status align(edits_task *t, edits_pair p, size_t most);

static att_status align_parts(edits_task *t, const edits_pair *p) {
  size_t at = 0, most_left = 0, most_right = 0, middle = p->columns / 2;
  int32_t *left = ATT_NEW(t->ctx, p->rows + 1, int32_t), *right = ATT_NEW(t->ctx, p->rows + 1, int32_t);
  att_status status = left && right ? find_parting(t, p, left, right, &at, &most_left, &most_right) : ATT_MEMORY;
  att_free(t->ctx, left);
  att_free(t->ctx, right);
  ATT_TRY(status);
  ATT_TRY(align(t, (edits_pair){p->reference, p->hypothesis, at, middle}, most_left));
  return align(t, (edits_pair){p->reference + at, p->hypothesis + middle, p->rows - at, p->columns - middle},
               most_right);
}

/* What both begin and end with is equal; halves of the hypothesis each time, so it goes no deeper than its bits. */
static att_status align(edits_task *t, edits_pair p, size_t most) {
  size_t begin = 0, end = 0;
  while (begin < p.rows && begin < p.columns && p.reference[begin] == p.hypothesis[begin]) begin++;
  p.reference += begin, p.hypothesis += begin, p.rows -= begin, p.columns -= begin;
  while (end < p.rows && end < p.columns && p.reference[p.rows - 1 - end] == p.hypothesis[p.columns - 1 - end]) end++;
  p.rows -= end, p.columns -= end;
  size_t longer = p.rows > p.columns ? p.rows : p.columns, bound = most < longer ? most : longer;
  size_t band = 2 * bound + 1 < p.rows ? 2 * bound + 1 : p.rows;
  put(t, ATT_EDIT_EQUAL, begin);
  bool is_small = band * p.columns < SMALL_TABLE || p.rows < FEW_REFERENCE || p.columns < FEW_HYPOTHESIS;
  ATT_TRY(is_small ? align_small(t, &p) : align_parts(t, &p));
  put(t, ATT_EDIT_EQUAL, end);
  return ATT_OK;
}

att_status att_edits_find(att_context *ctx, const int32_t *reference, size_t reference_size, const int32_t *hypothesis,
                          size_t hypothesis_size, unsigned char *edits, size_t *count) {
  edits_task task = {ctx, edits, 0};
  ATT_TRY(align(&task, (edits_pair){reference, hypothesis, reference_size, hypothesis_size}, SIZE_MAX / 4));
  *count = task.count;
  return ATT_OK;
}
