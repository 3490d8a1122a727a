/* Owns drawing a token. See att_draw in candidates.h. */
#include "decode/candidates.h"

#include <math.h>

/* A heap of tokens, the heaviest on top. */
static void sink(int32_t *heap, int64_t size, int64_t at, const float *weights) {
  int32_t token = heap[at];
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && weights[heap[child + 1]] > weights[heap[child]]) child++;
    if (weights[heap[child]] <= weights[token]) break;
    heap[at] = heap[child];
  }
  heap[at] = token;
}

/* Takes the heaviest out of a heap of `size`; it then stands behind the others. */
static int32_t pop(int32_t *heap, int64_t size, const float *weights) {
  int32_t top = heap[0];
  heap[0] = heap[size - 1];
  sink(heap, size - 1, 0, weights);
  heap[size - 1] = top;
  return top;
}

/* Leaves in order[size - kept .. size) the tokens that top_k and top_p keep. Popping from the heaviest on, only those
 * are put in order. Returns kept. */
static int64_t keep_heaviest(const float *weights, int64_t size, const att_rules *rules, double total, int32_t *order) {
  for (int64_t i = size / 2 - 1; i >= 0; i--) sink(order, size, i, weights);
  int64_t kept = 0;
  double mass = 0.0;
  if (rules->top_k > 0 && rules->top_k < size) {
    total = 0.0; /* of the top_k: top_p is a part of what they leave */
    while (kept < rules->top_k || (kept < size && weights[order[0]] == weights[order[size - kept]])) {
      total += (double)weights[pop(order, size - kept, weights)];
      kept++;
    }
    int64_t nucleus = 0;
    while (nucleus < kept && (nucleus == 0 || mass < rules->top_p * total)) {
      mass += (double)weights[order[size - 1 - nucleus++]];
    }
    return nucleus;
  }
  while (kept < size && (kept == 0 || mass < rules->top_p * total)) {
    mass += (double)weights[pop(order, size - kept, weights)];
    kept++;
  }
  return kept;
}

int32_t att_draw(const float *logits, int64_t n, const att_rules *rules, double uniform, float *weights,
                 int32_t *order) {
  float most = -INFINITY;
  for (int64_t i = 0; i < n; i++) most = logits[i] > most ? logits[i] : most;
  double total = 0.0;
  int64_t size = 0;
  for (int64_t i = 0; i < n; i++) {
    weights[i] = (float)exp((double)(logits[i] - most) / rules->temperature);
    total += (double)weights[i];
    if (weights[i] > 0.0f) order[size++] = (int32_t)i;
  }
  const int32_t *kept = order;
  if (rules->top_k > 0 || rules->top_p < 1.0) {
    int64_t heaviest = keep_heaviest(weights, size, rules, total, order);
    kept = order + (size - heaviest);
    size = heaviest;
  }
  total = 0.0;
  for (int64_t i = 0; i < size; i++) {
    if ((double)weights[kept[i]] >= rules->min_p) total += (double)weights[kept[i]];
  }
  double target = uniform * total;
  int32_t token = kept[0];
  for (int64_t i = 0; i < size && target >= 0.0; i++) {
    if ((double)weights[kept[i]] < rules->min_p) continue;
    token = kept[i];
    target -= (double)weights[token];
  }
  return token;
}
