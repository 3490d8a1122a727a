/* Owns the table of parameters and their block. See parameters.h. */
#include "models/parameters.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

#define ATT_ALIGN_FLOATS 16

att_status att_parameter_add(att_model *model, const char *part, const att_parameter_plan *plan) {
  att_context *ctx = model->ctx;
  att_parameter *grown = att_resize(ctx, model->parameters, model->parameter_count + 1, sizeof *grown);
  if (!grown) return ATT_MEMORY;
  model->parameters = grown;
  att_parameter *p = &grown[model->parameter_count];
  *p = (att_parameter){.rows = plan->rows,
                       .cols = plan->cols,
                       .rank = plan->rank,
                       .decay = plan->decay,
                       .trained = !plan->fixed,
                       .in_file = !plan->not_in_file,
                       .frozen_row = plan->frozen_row,
                       .transposed = plan->transposed,
                       .ones = plan->ones,
                       .optional = plan->optional,
                       .weight = plan->weight,
                       .weight_rows = plan->rank == 1 ? plan->cols : plan->rows};
  p->name = att_copy_text(ctx, plan->name, strlen(plan->name));
  p->part = att_copy_text(ctx, part, strlen(part));
  if (!p->name || !p->part) {
    att_free(ctx, p->name);
    att_free(ctx, (char *)p->part);
    return ATT_MEMORY;
  }
  int64_t size = plan->rows * plan->cols, offset = model->total;
  if (!plan->joined) {
    offset = (offset + ATT_ALIGN_FLOATS - 1) & ~(int64_t)(ATT_ALIGN_FLOATS - 1);
  } else { /* the weight is that of the first of the joined ones; a vector grows in columns, a matrix in rows */
    att_parameter *first = p - 1;
    while (!first->weight) first--;
    first->weight_rows += p->weight_rows;
  }
  p->offset = offset;
  model->total = offset + size;
  if (p->trained) model->trained_total = model->total;
  model->parameter_count++;
  return ATT_OK;
}

static void point_weights(att_model *model) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    if (!p->weight) continue;
    *p->weight = (att_weight){.data = model->values + p->offset,
                              .grad = model->gradients && p->trained ? model->gradients + p->offset : NULL,
                              .type = ATT_F32,
                              .rows = p->rank == 1 ? 1 : p->weight_rows,
                              .cols = p->rank == 1 ? p->weight_rows : p->cols,
                              .frozen_row = p->frozen_row};
  }
}

att_status att_parameters_place(att_model *model) {
  model->values = att_alloc_aligned(model->ctx, (size_t)model->total, sizeof(float));
  if (!model->values) return ATT_MEMORY;
  point_weights(model);
  return ATT_OK;
}

att_status att_model_add_gradients(att_model *model) {
  if (model->gradients) return ATT_OK;
  model->gradients = att_alloc_aligned(model->ctx, (size_t)model->total, sizeof(float));
  if (!model->gradients) return ATT_MEMORY;
  point_weights(model);
  return ATT_OK;
}

void att_parameters_free(att_model *model) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_free(model->ctx, model->parameters[i].name);
    att_free(model->ctx, (char *)model->parameters[i].part);
  }
  att_free(model->ctx, model->parameters);
  att_free_aligned(model->ctx, model->values);
  att_free_aligned(model->ctx, model->gradients);
}

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && memcmp(text + size - tail, end, tail) == 0;
}

static void draw_normal(float *values, int64_t count, uint64_t key, double deviation) {
  for (int64_t i = 0; i < count; i++) values[i] = (float)(deviation * att_normal(key, (uint64_t)i));
}

static void draw_uniform(float *values, int64_t count, uint64_t key, double bound) {
  for (int64_t i = 0; i < count; i++) values[i] = (float)(bound * (2.0 * att_uniform(key, (uint64_t)i) - 1.0));
}

/* The paper's families: embeddings N(0, 1/d_model), Xavier uniform matrices (Glorot & Bengio 2010). */
static void draw_by_shape(const att_parameter *p, float *values, uint64_t key) {
  int64_t count = p->rows * p->cols;
  bool table = strstr(p->name, "embed") || strstr(p->name, "shared") || strstr(p->name, "lm_head");
  if (table) {
    draw_normal(values, count, key, 1.0 / sqrt((double)p->cols));
  } else {
    draw_uniform(values, count, key, sqrt(6.0 / (double)(p->rows + p->cols)));
  }
}

/* GPT-2, Llama and BERT: N(0, 0.02); a decoder's projections into the residual stream shrink with their number (Radford
 * et al. 2019, section 2.3). */
static void draw_small(const att_config *c, const att_parameter *p, float *values, uint64_t key) {
  bool residual = ends_with(p->name, "c_proj.weight") || ends_with(p->name, "o_proj.weight") ||
                  ends_with(p->name, "down_proj.weight");
  double deviation = 0.02;
  if (residual) deviation /= sqrt(2.0 * (double)c->decoder_layers);
  draw_normal(values, p->rows * p->cols, key, deviation);
}

/* ---- heads that look at neighbours ------------------------------------------------------------------------------
 * Masks are filled from the words around them, but an encoder whose position embeddings are noise has to find out first
 * that there is such a thing as around: on a few megabytes it takes so long that it learns how frequent words are and
 * no more. So a new BERT that is to fill masks begins with positions as sines and cosines, two columns a frequency, and
 * with heads in its first layer each of which looks one, two, ... tokens to the left or right: to move a sinusoid by an
 * offset is to rotate its pair of columns (Vaswani et al. 2017, section 3.5), which the query does and the key does
 * not. The rows of words and positions have norm 1: in a narrow model 0.02 is little beside what Adam adds, and the
 * words would soon drown the positions. Training is free to unlearn all of it. A new classifier begins without: its
 * first token has to see the whole text. */

/* Radians a position, of a pair of columns: multiples of the golden ratio fill (0, pi) evenly, whatever their number.
 */
static double frequency_of(int64_t pair) {
  double turns = 0.6180339887498949 * (double)(pair + 1);
  return 3.14159265358979323846 * (turns - floor(turns));
}

static void set_positions(const att_parameter *p, float *values) {
  double largest = sqrt(2.0 / (double)p->cols);
  for (int64_t i = 0; i < p->rows; i++)
    for (int64_t j = 0; j < p->cols; j++) {
      double angle = frequency_of(j / 2) * (double)i;
      values[i * p->cols + j] = (float)(largest * (j % 2 ? cos(angle) : sin(angle)));
    }
}

/* Adds to a query's [d_model, d_model] the rotations, to a key's the identity; both times a gain with which a head
 * gives a third of its attention to the neighbour among 200 tokens, half of its input being their words. */
static void add_neighbours(const att_config *c, const att_parameter *p, float *values, bool query) {
  int64_t d = c->d_model, size = d / c->encoder_attention_heads;
  double gain = sqrt(12 / sqrt((double)size));
  if (p->rows != d) return; /* keys that heads share */
  for (int64_t j = 0; j + 1 < d; j += 2) {
    int64_t head = j / size, away = 1 + head / 2;
    double angle = query ? frequency_of(j / 2) * (double)(head % 2 ? away : -away) : 0;
    float *row = values + j * d + j, *next = row + d;
    if ((j + 1) / size != head) continue;
    row[0] += (float)(gain * cos(angle));
    row[1] += (float)(gain * sin(angle));
    next[0] -= (float)(gain * sin(angle));
    next[1] += (float)(gain * cos(angle));
  }
}

static void look_around(const att_config *c, const att_parameter *p, float *values, uint64_t key) {
  bool query = ends_with(p->name, "layer.0.attention.self.query.weight");
  if (c->family != ATT_BERT || c->head != ATT_HEAD_TOKENS || c->position != ATT_LEARNED) return;
  if (ends_with(p->name, "word_embeddings.weight"))
    draw_normal(values, p->rows * p->cols, key, 1 / sqrt((double)p->cols));
  if (ends_with(p->name, "position_embeddings.weight")) set_positions(p, values);
  if (query || ends_with(p->name, "layer.0.attention.self.key.weight")) add_neighbours(c, p, values, query);
}

void att_parameters_initialise(att_model *model, uint64_t seed) {
  att_family family = model->config.family;
  bool small = family == ATT_GPT2 || family == ATT_LLAMA || family == ATT_BERT;
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    float *values = model->values + p->offset;
    uint64_t key = att_key(seed, i);
    if (!p->trained) continue;
    if (p->ones) {
      for (int64_t j = 0; j < p->cols; j++) values[j] = 1.0f;
    } else if (p->rank == 2 && small) {
      draw_small(&model->config, p, values, key);
      look_around(&model->config, p, values, key);
    } else if (p->rank == 2) {
      draw_by_shape(p, values, key);
    }
    if (p->frozen_row >= 0) memset(values + p->frozen_row * p->cols, 0, (size_t)p->cols * sizeof *values);
  }
}
