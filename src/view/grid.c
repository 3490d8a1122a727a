/*
 * Owns what the pictures share: one layer and head picked out of a map (or the mean of its heads), and the writer.
 */
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const att_look_part_names[ATT_LOOK_PART_COUNT] = {"encoder", "decoder", "cross"};

static const char *const TITLES[ATT_LOOK_PART_COUNT] = {"encoder self-attention", "decoder self-attention",
                                                        "cross-attention"};
static const char *const MEANINGS[ATT_LOOK_PART_COUNT] = {
    "each row: where this word looks among the words of the text",
    "each row: where the model looks in what stands before, as it writes this word",
    "each row: where the model looks in the source as it writes this word"};
static const char *const GRADIENT_TITLES[ATT_LOOK_PART_COUNT] = {
    "gradient norm: the likeliest label by the words of the text", "gradient norm: each word by the words before it",
    "gradient norm: each word by the words of the source"};
static const char *const GRADIENT_MEANINGS[ATT_LOOK_PART_COUNT] = {
    "how much each word of the text moves the label's log-probability",
    "each row: how much each word before it moves this word's log-probability",
    "each row: how much each source word moves this word's log-probability"};

static att_status check_choice(const att_attention *attention, const att_look_options *options) {
  att_context *ctx = attention->ctx;
  if ((int)options->part < 0 || options->part >= ATT_LOOK_PART_COUNT)
    return att_fail(ctx, ATT_ARGUMENT, "part %d is none of encoder, decoder, cross", (int)options->part);
  const att_attention_map *map = &attention->maps[options->part];
  if (map->layers == 0 || map->heads == 0 || map->queries == 0 || map->keys == 0)
    return att_fail(ctx, ATT_ARGUMENT, "part %s: the model has none", att_look_part_names[options->part]);
  if (options->layer < -1 || (options->layer >= 0 && (size_t)options->layer >= map->layers))
    return att_fail(ctx, ATT_ARGUMENT, "there is no layer %d: the %s has layers 0 to %zu", options->layer,
                    options->part == ATT_LOOK_ENCODER ? "encoder" : "decoder", map->layers - 1);
  if (options->head < -1 || (options->head >= 0 && (size_t)options->head >= map->heads))
    return att_fail(ctx, ATT_ARGUMENT, "there is no head %d: each layer has heads 0 to %zu", options->head,
                    map->heads - 1);
  return ATT_OK;
}

/* [queries, keys] of one head, or the mean of all. */
static void pick(const att_attention_map *map, size_t layer, int head, float *weights) {
  size_t size = map->queries * map->keys;
  const float *from = map->weights + layer * map->heads * size;
  if (head >= 0) {
    memcpy(weights, from + (size_t)head * size, size * sizeof *weights);
    return;
  }
  for (size_t i = 0; i < size; i++) {
    double sum = 0;
    for (size_t h = 0; h < map->heads; h++) sum += (double)from[h * size + i];
    weights[i] = (float)(sum / (double)map->heads);
  }
}

/* Where words were heard is seen in some heads only; they are what is shown where nothing else is asked for. */
static bool shows_aligned(const att_attention *attention, const att_look_options *options) {
  return attention->aligned && options->part == ATT_LOOK_CROSS && options->layer < 0 && options->head < 0;
}

static void name_attention(const att_attention_map *map, size_t layer, const att_look_options *options,
                           att_grid *grid) {
  grid->meaning = MEANINGS[grid->part];
  int used =
      snprintf(grid->title, sizeof grid->title, "%s, layer %zu of %zu, ", TITLES[grid->part], layer + 1, map->layers);
  size_t room = sizeof grid->title - (size_t)used;
  if (options->head >= 0)
    snprintf(grid->title + used, room, "head %d of %zu", options->head + 1, map->heads);
  else
    snprintf(grid->title + used, room, map->heads == 1 ? "its one head" : "mean of %zu heads", map->heads);
}

/* Norms have no scale of their own: what is drawn is their share of the largest. */
static void name_gradient(att_grid *grid) {
  grid->meaning = GRADIENT_MEANINGS[grid->part];
  snprintf(grid->title, sizeof grid->title, "%s", GRADIENT_TITLES[grid->part]);
  if (!(grid->largest > 0)) return;
  grid->unit = grid->largest;
  for (size_t i = 0; i < grid->queries * grid->keys; i++) grid->weights[i] /= grid->unit;
  grid->largest = 1;
}

static bool over_signal(const att_attention *attention, const att_look_options *options) {
  bool of_tokens = options->part == ATT_LOOK_DECODER && attention->maps[ATT_LOOK_CROSS].layers > 0;
  return attention->signal.levels && !of_tokens;
}

/* Where both sides are times, what all rows look at together is drawn over the signal. */
static att_status take_mean(att_context *ctx, att_grid *grid) {
  grid->mean = ATT_NEW(ctx, grid->keys, float);
  if (!grid->mean) return ATT_MEMORY;
  for (size_t q = 0; q < grid->queries; q++)
    for (size_t k = 0; k < grid->keys; k++) grid->mean[k] += grid->weights[q * grid->keys + k] / (float)grid->queries;
  return ATT_OK;
}

static const char *meaning_of(const att_grid *grid) {
  bool roll = grid->signal->kind == ATT_SIGNAL_ROLL;
  if (grid->part == ATT_LOOK_CROSS) return "each row: where in the sound the model listens as it writes this word";
  if (roll && grid->gradient) return "each row: how much each frame before it moves this frame's log-probability";
  if (roll) return "each row: where the model looks in the frames before it as it says which keys sound in this one";
  if (grid->gradient) return "how much each time moves what the model says";
  return "each row: where in time this time looks; above all rows their mean";
}

static att_status name_signal(att_context *ctx, att_grid *grid, size_t aligned) {
  bool times = grid->part != ATT_LOOK_CROSS, roll = grid->signal->kind == ATT_SIGNAL_ROLL;
  if (times) ATT_TRY(take_mean(ctx, grid));
  grid->meaning = meaning_of(grid);
  if (times && grid->gradient)
    snprintf(grid->title, sizeof grid->title, "gradient norm%s",
             roll ? ": each frame by the frames before it" : " over time");
  if (aligned) snprintf(grid->title, sizeof grid->title, "cross-attention, mean of the %zu heads that align", aligned);
  return ATT_OK;
}

att_status att_grid_make(const att_attention *attention, const att_look_options *options, att_grid *grid) {
  *grid = (att_grid){0};
  ATT_TRY(check_choice(attention, options));
  const att_attention_map *map = &attention->maps[options->part];
  size_t layer = options->layer < 0 ? map->layers - 1 : (size_t)options->layer;
  float *weights = ATT_NEW(attention->ctx, map->queries * map->keys, float);
  if (!weights) return ATT_MEMORY;
  bool aligned = shows_aligned(attention, options);
  if (aligned)
    memcpy(weights, attention->aligned, map->queries * map->keys * sizeof *weights);
  else
    pick(map, layer, options->head, weights);
  bool of_source = options->part == ATT_LOOK_ENCODER && attention->maps[ATT_LOOK_CROSS].layers > 0;
  *grid = (att_grid){.part = options->part,
                     .queries = map->queries,
                     .keys = map->keys,
                     .query_labels = map->query_labels,
                     .key_labels = map->key_labels,
                     .weights = weights,
                     .gradient = attention->gradient,
                     .unit = 1,
                     .signal = over_signal(attention, options) ? &attention->signal : NULL,
                     .source = attention->source,
                     .target = of_source ? NULL : attention->target};
  for (size_t i = 0; i < map->queries * map->keys; i++)
    if (isfinite(weights[i]) && weights[i] > grid->largest) grid->largest = weights[i];
  if (attention->gradient)
    name_gradient(grid);
  else
    name_attention(map, layer, options, grid);
  if (grid->signal) return name_signal(attention->ctx, grid, aligned ? attention->aligned_heads : 0);
  return ATT_OK;
}

void att_grid_free(att_context *ctx, att_grid *grid) {
  att_free(ctx, grid->weights);
  att_free(ctx, grid->mean);
}

void att_write_bytes(att_writer *writer, const char *data, size_t size) {
  if (!writer->status) writer->status = att_buffer_append(writer->ctx, writer->out, data, size);
}

void att_write(att_writer *writer, const char *text) { att_write_bytes(writer, text, strlen(text)); }

void att_write_format(att_writer *writer, const char *format, ...) {
  char line[512]; /* for numbers and short names; texts go through att_write */
  va_list arguments;
  va_start(arguments, format);
  att_format_list(line, sizeof line, format, arguments);
  va_end(arguments);
  att_write(writer, line);
}

void att_write_number(att_writer *writer, float value, int digits) {
  char text[48];
  if (!isfinite(value))
    snprintf(text, sizeof text, "null");
  else
    att_format(text, sizeof text, "%.*g", digits, (double)value);
  att_write(writer, text);
}
