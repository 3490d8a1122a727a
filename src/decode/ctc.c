/* Owns what ctc.h says. A prefix is a node of a tree; its two probabilities are of the ways that end in a blank, and in
 * its last token. */
#include "decode/ctc.h"

#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

void att_ctc_greedy(const att_tensor *logits, int64_t first, int64_t rows, int32_t blank, int32_t *ids,
                    int64_t *count) {
  int32_t last = blank;
  for (int64_t t = first; t < first + rows; t++) {
    const float *x = logits->data + t * logits->stride;
    int32_t best = 0;
    for (int32_t k = 1; k < logits->cols; k++)
      if (x[k] > x[best]) best = k;
    if (best != blank && best != last) ids[(*count)++] = best;
    last = best;
  }
}

/* ---- prefixes --------------------------------------------------------------------------------------------------- */

typedef struct prefix {
  int32_t parent, token, child, sibling; /* children are a list; -1: none */
  int64_t length, touched;               /* touched: the row that next was begun for */
  double blank, last;                    /* logarithms, up to the row before */
  double next_blank, next_last;          /* and with this row */
} prefix;

typedef struct beam_search {
  att_arena *arena;
  prefix *nodes;
  int64_t count, capacity;
  int32_t *running, *touched; /* [beam], [most]: nodes */
  int64_t running_count, touched_count, most, beam;
  int64_t row;
  bool failed;
} beam_search;

static double add_logs(double a, double b) {
  double most = a > b ? a : b;
  return most == -INFINITY ? most : most + log1p(exp((a > b ? b : a) - most));
}

static double score_of(const prefix *p) { return add_logs(p->blank, p->last); }

static int32_t add_node(beam_search *s, int32_t parent, int32_t token) {
  if (s->count == s->capacity) { /* the old ones stay on the arena: no more than the new ones */
    prefix *nodes = ATT_ARENA_NEW(s->arena, 2 * s->capacity, prefix);
    if (!nodes) {
      s->failed = true;
      return 0;
    }
    memcpy(nodes, s->nodes, (size_t)s->count * sizeof *nodes);
    s->nodes = nodes;
    s->capacity *= 2;
  }
  prefix *p = &s->nodes[s->count];
  *p = (prefix){parent, token,     -1,        -1,        parent < 0 ? 0 : s->nodes[parent].length + 1,
                -1,     -INFINITY, -INFINITY, -INFINITY, -INFINITY};
  if (parent >= 0) {
    p->sibling = s->nodes[parent].child;
    s->nodes[parent].child = (int32_t)s->count;
  }
  return (int32_t)s->count++;
}

static int32_t child_of(beam_search *s, int32_t parent, int32_t token) {
  for (int32_t at = s->nodes[parent].child; at >= 0; at = s->nodes[at].sibling)
    if (s->nodes[at].token == token) return at;
  return add_node(s, parent, token);
}

static prefix *touch(beam_search *s, int32_t node) {
  prefix *p = &s->nodes[node];
  if (p->touched == s->row) return p;
  p->touched = s->row;
  p->next_blank = p->next_last = -INFINITY;
  s->touched[s->touched_count++] = node;
  return p;
}

/* One row: each running prefix goes on with a blank, with its last token again, or with another. */
static void extend(beam_search *s, const float *x, double norm, int32_t blank, const int32_t *tokens, int64_t count) {
  for (int64_t i = 0; i < s->running_count; i++) {
    int32_t node = s->running[i];
    double of_blank = s->nodes[node].blank, of_last = s->nodes[node].last, all = add_logs(of_blank, of_last);
    int32_t last = s->nodes[node].token;
    prefix *p = touch(s, node);
    p->next_blank = add_logs(p->next_blank, all + (double)x[blank] - norm);
    if (last >= 0) p->next_last = add_logs(p->next_last, of_last + (double)x[last] - norm);
    for (int64_t k = 0; k < count && !s->failed; k++) {
      prefix *next = touch(s, child_of(s, node, tokens[k]));
      double before = tokens[k] == last ? of_blank : all;
      next->next_last = add_logs(next->next_last, before + (double)x[tokens[k]] - norm);
    }
  }
}

/* The best of what was touched run on; the others are as if they had never been, until they are reached again. */
static void prune(beam_search *s) {
  for (int64_t i = 0; i < s->touched_count; i++) {
    prefix *p = &s->nodes[s->touched[i]];
    p->blank = p->next_blank;
    p->last = p->next_last;
  }
  s->running_count = 0;
  for (int64_t i = 0; i < s->touched_count; i++) {
    int32_t node = s->touched[i];
    double score = score_of(&s->nodes[node]);
    int64_t at = s->running_count;
    while (at > 0 && score_of(&s->nodes[s->running[at - 1]]) < score) at--;
    if (at >= s->beam || score == -INFINITY) continue;
    int64_t end = s->running_count < s->beam ? s->running_count++ : s->beam - 1;
    memmove(s->running + at + 1, s->running + at, (size_t)(end - at) * sizeof *s->running);
    s->running[at] = node;
  }
}

/* The likeliest tokens of a row but the blank, at most `most`. */
static int64_t choose_tokens(const float *x, int64_t cols, int32_t blank, int64_t most, int32_t *tokens) {
  int64_t count = 0;
  for (int32_t k = 0; k < cols; k++) {
    int64_t at = count;
    if (k == blank || (count == most && x[k] <= x[tokens[count - 1]])) continue;
    while (at > 0 && x[tokens[at - 1]] < x[k]) at--;
    int64_t end = count < most ? count++ : most - 1;
    memmove(tokens + at + 1, tokens + at, (size_t)(end - at) * sizeof *tokens);
    tokens[at] = k;
  }
  return count;
}

static att_status give_texts(const beam_search *s, att_ctc_text *texts, int64_t *count) {
  *count = s->running_count;
  for (int64_t i = 0; i < s->running_count; i++) {
    const prefix *p = &s->nodes[s->running[i]];
    int32_t *ids = ATT_ARENA_NEW(s->arena, p->length + 1, int32_t);
    if (!ids) return ATT_MEMORY;
    texts[i] = (att_ctc_text){ids, p->length, score_of(p)};
    for (int64_t at = p->length; at > 0; p = &s->nodes[p->parent]) ids[--at] = p->token;
  }
  return ATT_OK;
}

enum { MOST_TOKENS = 24 }; /* a prefix goes on with, at a row */

att_status att_ctc_beam(att_arena *arena, const att_tensor *logits, int64_t first, int64_t rows, int32_t blank,
                        int64_t beam, att_ctc_text *texts, int64_t *count) {
  int32_t tokens[MOST_TOKENS];
  beam_search s = {.arena = arena, .capacity = 1024, .beam = beam, .most = (beam + 1) * (MOST_TOKENS + 1)};
  s.nodes = ATT_ARENA_NEW(arena, s.capacity, prefix);
  s.running = ATT_ARENA_NEW(arena, beam, int32_t);
  s.touched = ATT_ARENA_NEW(arena, s.most, int32_t);
  if (!s.nodes || !s.running || !s.touched) return ATT_MEMORY;
  s.running[s.running_count++] = add_node(&s, -1, -1);
  s.nodes[0].blank = 0;
  for (int64_t t = first; t < first + rows; t++) {
    const float *x = logits->data + t * logits->stride;
    double norm = att_kernels_get()->log_sum_exp(x, logits->cols);
    s.row = t;
    s.touched_count = 0;
    extend(&s, x, norm, blank, tokens, choose_tokens(x, logits->cols, blank, MOST_TOKENS, tokens));
    if (s.failed) return ATT_MEMORY;
    prune(&s);
  }
  return give_texts(&s, texts, count);
}
