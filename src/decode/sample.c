/* Owns drawing a token: what each setting leaves of a distribution, in generate()'s order. See att_draw in
 * candidates.h.
 */
#include "decode/candidates.h"

#include <math.h>

#define ATT_TOP_H_TOKENS 100 /* the likeliest, of which top_h keeps some */

/* The tokens that are left; their probabilities are their weights over the sum. */
typedef struct remaining {
  const float *weights; /* by token */
  int32_t *tokens;      /* [count] */
  int64_t count;
  double sum; /* of the weights */
} remaining;

/* ---- a heap of tokens, the one with the greatest key on top ------------------------------------------------------ */

static void sink(int32_t *heap, int64_t size, int64_t at, const float *keys) {
  int32_t token = heap[at];
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && keys[heap[child + 1]] > keys[heap[child]]) child++;
    if (keys[heap[child]] <= keys[token]) break;
    heap[at] = heap[child];
  }
  heap[at] = token;
}

static void make_heap(int32_t *heap, int64_t size, const float *keys) {
  for (int64_t i = size / 2 - 1; i >= 0; i--) sink(heap, size, i, keys);
}

/* Takes the top out of a heap of `size`; it then stands behind the others. */
static int32_t pop(int32_t *heap, int64_t size, const float *keys) {
  int32_t top = heap[0];
  heap[0] = heap[size - 1];
  sink(heap, size - 1, 0, keys);
  heap[size - 1] = top;
  return top;
}

/* Keeps the last `count` of the tokens: those that were popped. */
static void keep_popped(remaining *r, int64_t count) {
  r->tokens += r->count - count;
  r->count = count;
  r->sum = 0.0;
  for (int64_t i = 0; i < count; i++) r->sum += (double)r->weights[r->tokens[i]];
}

static float greatest(const remaining *r) {
  float most = 0.0f;
  for (int64_t i = 0; i < r->count; i++) most = fmaxf(most, r->weights[r->tokens[i]]);
  return most;
}

/* Keeps the tokens with at least this weight, and the likeliest. */
static void keep_above(remaining *r, double least) {
  int64_t kept = 0;
  double sum = 0.0;
  float most = greatest(r);
  for (int64_t i = 0; i < r->count; i++) {
    float weight = r->weights[r->tokens[i]];
    if ((double)weight < least && weight < most) continue;
    r->tokens[kept++] = r->tokens[i];
    sum += (double)weight;
  }
  r->count = kept;
  r->sum = sum;
}

static double entropy(const remaining *r) {
  double h = 0.0;
  for (int64_t i = 0; i < r->count; i++) {
    double p = (double)r->weights[r->tokens[i]] / r->sum;
    h -= p > 0 ? p * log(p) : 0;
  }
  return h;
}

/* ---- the settings ------------------------------------------------------------------------------------------------ */

/* Of the 100 likeliest the first, as long as their part of the entropy of the 100 is at most top_h (Potraghloo et al.
 * 2025). */
static void top_h(remaining *r, double share) {
  int64_t most = r->count < ATT_TOP_H_TOKENS ? r->count : ATT_TOP_H_TOKENS, kept = 1;
  make_heap(r->tokens, r->count, r->weights);
  for (int64_t i = 0; i < most; i++) pop(r->tokens, r->count - i, r->weights);
  keep_popped(r, most);
  double whole = entropy(r) * share, so_far = 0.0;
  for (int64_t i = 0; i < most; i++) {
    double p = (double)r->weights[r->tokens[most - 1 - i]] / r->sum;
    so_far -= p * log(p);
    if (so_far > whole) break;
    kept = i + 1;
  }
  keep_popped(r, kept);
}

/* The k likeliest, and what equals the last of them; then of these the likeliest, each as long as those before it have
 * less than top_p of their mass (Holtzman et al. 2020). Popping from the likeliest on, only those are put in order. */
static void top_k_and_p(remaining *r, int64_t k, double share) {
  const float *weights = r->weights;
  int32_t *tokens = r->tokens;
  int64_t size = r->count, kept = 0;
  double sum = r->sum, mass = 0.0;
  make_heap(tokens, size, weights);
  if (k > 0 && k < size) {
    sum = 0.0;
    while (kept < k || (kept < size && weights[tokens[0]] == weights[tokens[size - kept]])) {
      sum += (double)weights[pop(tokens, size - kept, weights)];
      kept++;
    }
    int64_t nucleus = 0;
    while (nucleus < kept && (nucleus == 0 || mass < share * sum)) {
      mass += (double)weights[tokens[size - 1 - nucleus++]];
    }
    kept = nucleus;
  } else {
    while (kept < size && (kept == 0 || mass < share * sum)) {
      mass += (double)weights[pop(tokens, size - kept, weights)];
      kept++;
    }
  }
  keep_popped(r, kept);
}

/* Those whose surprise is nearest to the entropy, until they have this mass; and what equals the last of them (Meister
 * et al. 2023). */
static void typical(remaining *r, double share, float *keys) {
  double h = entropy(r), mass = 0.0;
  int64_t kept = 0, size = r->count;
  for (int64_t i = 0; i < size; i++) {
    keys[r->tokens[i]] = (float)-fabs(-log((double)r->weights[r->tokens[i]] / r->sum) - h);
  }
  make_heap(r->tokens, size, keys);
  while (kept < size && (kept == 0 || mass < share || keys[r->tokens[0]] == keys[r->tokens[size - kept]])) {
    mass += (double)r->weights[pop(r->tokens, size - kept, keys)] / r->sum;
    kept++;
  }
  keep_popped(r, kept);
}

/* Hewitt et al. 2022 */
static double eta_of(const remaining *r, double epsilon) { return fmin(epsilon, sqrt(epsilon) * exp(-entropy(r))); }

/* min_p is a part of the likeliest one's probability (Nguyen et al. 2024), the cut-offs are probabilities. */
static void leave_out(remaining *r, const att_generation *g, float *keys) {
  if (g->top_h > 0) top_h(r, g->top_h);
  if ((g->top_k > 0 && g->top_k < r->count) || g->top_p < 1) top_k_and_p(r, g->top_k, g->top_p);
  if (g->min_p > 0) keep_above(r, g->min_p * (double)greatest(r));
  if (g->typical_p < 1) typical(r, g->typical_p, keys);
  if (g->epsilon_cutoff > 0 && g->epsilon_cutoff < 1) keep_above(r, g->epsilon_cutoff * r->sum);
  if (g->eta_cutoff > 0 && g->eta_cutoff < 1) keep_above(r, eta_of(r, g->eta_cutoff) * r->sum);
}

int32_t att_draw(const float *logits, int64_t n, const att_generation *settings, double uniform,
                 const att_draw_scratch *scratch) {
  float most = -INFINITY;
  remaining r = {.weights = scratch->weights, .tokens = scratch->order};
  for (int64_t i = 0; i < n; i++) most = logits[i] > most ? logits[i] : most;
  if (most == -INFINITY) return -1;
  for (int64_t i = 0; i < n; i++) {
    float weight = (float)exp((double)(logits[i] - most) / settings->temperature);
    scratch->weights[i] = weight;
    r.sum += (double)weight;
    if (weight > 0.0f) r.tokens[r.count++] = (int32_t)i;
  }
  leave_out(&r, settings, scratch->keys);
  double target = uniform * r.sum;
  int32_t token = r.tokens[0];
  for (int64_t i = 0; i < r.count && target >= 0.0; i++) {
    token = r.tokens[i];
    target -= (double)r.weights[token];
  }
  return token;
}
