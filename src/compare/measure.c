/* Owns what is measured of each trained model: the scores of its kind, and how far its gradients reach. */
#include "compare/compare.h"

#include <math.h>
#include <string.h>

#define ATT_GRADIENT_ITEMS 16 /* whose gradients are taken */
enum { GRADIENT_FRAMES = 128 };

void att_results_free(att_context *ctx, att_results *a) {
  for (size_t i = 0; i < ATT_COMPARE_EXAMPLES; i++) {
    att_free(ctx, a->outputs[i]);
    att_free(ctx, a->likely[i]);
  }
  memset(a, 0, sizeof *a);
}

typedef struct reach {
  double sums[ATT_MOST_SPANS];
  int64_t counts[ATT_MOST_SPANS];
} reach;

/* Steps that a recurrent network takes between reading key j and giving output i. */
static size_t distance_between(att_look_part part, const att_attention_map *map, size_t i, size_t j) {
  if (part == ATT_LOOK_CROSS) return map->keys - j + i;
  return part == ATT_LOOK_DECODER ? i - j + 1 : map->keys - j;
}

/* Each norm is divided by the mean of its row, so that rows of large and of small gradients count alike. */
static void add_row(const att_probes *q, const att_attention_map *map, size_t i, reach *sum) {
  att_look_part part = q->kind->part;
  const float *row = map->weights + i * map->keys;
  size_t keys = part == ATT_LOOK_DECODER && i + 1 < map->keys ? i + 1 : map->keys;
  double total = 0;
  for (size_t j = 0; j < keys; j++) total += (double)row[j];
  if (!(total > 0) || !isfinite(total)) return;
  for (size_t j = 0; j < keys; j++) {
    size_t distance = distance_between(part, map, i, j);
    for (size_t s = 0; s < q->distance_count; s++) {
      if (!att_in_span(&q->distances[s], distance)) continue;
      sum->sums[s] += (double)row[j] * (double)keys / total;
      sum->counts[s]++;
    }
  }
}

/* Back to the end of a word, or where there is none near to that of a character. */
static void end_well(att_text *text) {
  size_t word = text->size;
  while (text->size > 0 && ((unsigned char)text->data[text->size] & 0xc0) == 0x80) text->size--;
  while (word > 0 && text->size - word < 64 && (unsigned char)text->data[word] > ' ') word--;
  if (word > 0 && (unsigned char)text->data[word] <= ' ') text->size = word;
}

/* The beginning that the model can read, or all. */
static att_status fit(att_model *model, att_context *ctx, att_text *text) {
  const att_model_info *info;
  ATT_TRY(att_model_describe(model, &info));
  for (;;) {
    int32_t *ids;
    size_t tokens, context = (size_t)info->context;
    ATT_TRY(att_tokenize(model, *text, true, &ids, &tokens));
    att_release(ctx, ids);
    if (tokens <= context || text->size == 0) return ATT_OK;
    text->size = (size_t)((double)text->size * (double)context / (double)tokens); /* shorter each time */
    end_well(text);
  }
}

/* The beginning of a tune, for each frame takes a pass of its own. */
static att_status look_at_roll(att_model *model, const att_probes *q, const att_held_item *item,
                               att_attention **attention) {
  size_t all = item->input.size / (size_t)item->channels, rows = all < GRADIENT_FRAMES ? all : GRADIENT_FRAMES;
  float *values = ATT_NEW(q->ctx, rows * (size_t)item->channels, float);
  if (!values) return ATT_MEMORY;
  for (size_t i = 0; i < rows * (size_t)item->channels; i++) values[i] = item->input.data[i];
  att_status status = att_look_values(model, values, rows, 0, true, attention);
  att_free(q->ctx, values);
  return status;
}

static att_status look(att_model *model, const att_probes *q, size_t index, att_attention **attention) {
  const att_held_item *item = &q->items[index];
  if (item->is_roll) return look_at_roll(model, q, item, attention);
  if (item->channels) {
    size_t rows = item->input.size / ((size_t)item->channels * sizeof(float));
    const float *values = (const float *)(const void *)item->input.data;
    return att_look_values(model, values, rows, index % (size_t)item->channels, true, attention);
  }
  att_text input = item->input, target = q->kind->part == ATT_LOOK_CROSS ? item->reference : item->second;
  ATT_TRY(fit(model, q->ctx, &input));
  return att_look_gradient(model, input, target, attention);
}

static att_status add_item(att_model *model, const att_probes *q, size_t index, reach *sum) {
  att_attention *attention;
  const att_attention_map *map;
  att_status status = look(model, q, index, &attention);
  if (status == ATT_ARGUMENT || status == ATT_UNSUPPORTED) return ATT_OK; /* too long, or nothing to look at */
  ATT_TRY(status);
  status = att_attention_get(attention, q->kind->part, &map);
  for (size_t i = 0; !status && map->layers && i < map->queries; i++) add_row(q, map, i, sum);
  att_attention_free(attention);
  return status;
}

static att_status measure_gradients(att_model *model, const att_probes *q, att_results *a) {
  reach sum = {0};
  size_t items = q->count < ATT_GRADIENT_ITEMS ? q->count : ATT_GRADIENT_ITEMS;
  for (size_t i = 0; i < items; i++) ATT_TRY(add_item(model, q, (2 * i + 1) * q->count / (2 * items), &sum));
  for (size_t s = 0; s < q->distance_count; s++)
    a->by_distance[s] = sum.counts[s] ? sum.sums[s] / (double)sum.counts[s] : NAN;
  return ATT_OK;
}

att_status att_measure_model(att_model *model, const att_probes *q, att_results *a) {
  ATT_TRY(q->kind->measure(model, q, a));
  return measure_gradients(model, q, a);
}
