/* Owns the numbers that attention adds to its scores by distance: ALiBi's slopes and T5's buckets. */
#include "tensor/ops.h"

#include <math.h>
#include <string.h>

/* All values of one pass; a gradient, zeroed, where wanted. */
static att_status bias_new(att_run *run, int heads, int64_t reach, bool with_gradient, att_distance_bias *out) {
  int64_t count = heads * (2 * reach - 1);
  *out = (att_distance_bias){.reach = reach, .heads = heads};
  out->values = ATT_ARENA_NEW(run->arena, count, float);
  if (!out->values) return ATT_MEMORY;
  if (!with_gradient) return ATT_OK;
  out->gradient = ATT_ARENA_NEW(run->arena, count, float);
  if (!out->gradient) return ATT_MEMORY;
  memset(out->gradient, 0, (size_t)count * sizeof *out->gradient);
  return ATT_OK;
}

/* 2^(-8 (h + 1) / heads) where heads is a power of two; else those of the power below, and for the heads that are left
 * every other one of the power above. */
static double slope_of(int head, int heads) {
  int power = 1;
  while (power <= heads / 2) power *= 2;
  if (head < power) return exp2(-8.0 * (head + 1) / power);
  return exp2(-4.0 * (2 * (head - power) + 1) / power);
}

att_status att_op_alibi(att_run *run, int heads, int64_t reach, att_distance_bias *out) {
  ATT_TRY(bias_new(run, heads, reach, false, out));
  for (int h = 0; h < heads; h++) {
    double slope = slope_of(h, heads);
    float *middle = out->values + h * (2 * reach - 1) + reach - 1;
    for (int64_t d = 0; d < reach; d++) middle[d] = middle[-d] = (float)(-slope * (double)d);
  }
  return ATT_OK;
}

/* Half of the buckets are for single distances, the others for ranges that grow with the distance's logarithm up to
 * max_distance. Not causal: the upper half of all is for keys that come after. In float32, as Hugging Face's. */
static int32_t bucket_of(int64_t distance, bool causal, int64_t buckets, int64_t max_distance) {
  int64_t first = 0, size = distance < 0 ? -distance : causal ? 0 : distance;
  if (!causal) {
    buckets /= 2;
    if (distance > 0) first = buckets;
  }
  int64_t exact = buckets / 2;
  if (size < exact) return (int32_t)(first + size);
  float range = (float)log((double)max_distance / (double)exact);
  float share = logf((float)size / (float)exact) / range * (float)(buckets - exact);
  int64_t bucket = share < (float)(buckets - 1 - exact) ? exact + (int64_t)share : buckets - 1;
  return (int32_t)(first + bucket);
}

typedef struct relative_record {
  att_weight table;
  att_distance_bias bias;
  int32_t *buckets; /* [2 * reach - 1] */
} relative_record;

static att_status relative_backward(att_run *run, void *record) {
  (void)run;
  const relative_record *r = record;
  int64_t count = 2 * r->bias.reach - 1;
  for (int64_t d = 0; d < count; d++) {
    float *row = r->table.grad + r->buckets[d] * r->table.cols;
    for (int64_t h = 0; h < r->table.cols; h++) row[h] += r->bias.gradient[h * count + d];
  }
  return ATT_OK;
}

att_status att_op_relative_bias(att_run *run, const att_weight *table, bool causal, int64_t max_distance, int64_t reach,
                                att_distance_bias *out) {
  bool learns = run->tape && table->grad;
  int64_t count = 2 * reach - 1;
  const float *values = table->data;
  ATT_TRY(bias_new(run, (int)table->cols, reach, learns, out));
  relative_record r = {.table = *table, .bias = *out, .buckets = ATT_ARENA_NEW(run->arena, count, int32_t)};
  if (!r.buckets) return ATT_MEMORY;
  for (int64_t d = 0; d < count; d++) r.buckets[d] = bucket_of(d - (reach - 1), causal, table->rows, max_distance);
  for (int64_t h = 0; h < table->cols; h++)
    for (int64_t d = 0; d < count; d++) out->values[h * count + d] = values[r.buckets[d] * table->cols + h];
  if (!learns) return ATT_OK;
  void *record;
  ATT_TRY(att_tape_add(run, relative_backward, sizeof r, &record));
  memcpy(record, &r, sizeof r);
  return ATT_OK;
}
