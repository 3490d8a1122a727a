/* Owns the table of parameters and where their values are. See parameters.h. */
#include "models/parameters.h"
#include "base/random.h"
#include "models/family.h"

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
                       .fixed = plan->fixed,
                       .running = plan->running,
                       .floats = plan->floats || plan->rank == 1,
                       .unquantized = plan->unquantized,
                       .joined = plan->joined,
                       .in_file = !plan->not_in_file,
                       .frozen_row = plan->frozen_row,
                       .transposed = plan->transposed,
                       .kernel = plan->kernel,
                       .ones = plan->ones,
                       .optional = plan->optional,
                       .weight = plan->weight};
  p->name = att_copy_text(ctx, plan->name, strlen(plan->name));
  p->part = att_copy_text(ctx, part, strlen(part));
  if (!p->name || !p->part) {
    att_free(ctx, p->name);
    att_free(ctx, (char *)p->part);
    return ATT_MEMORY;
  }
  model->parameter_count++;
  return ATT_OK;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

static int64_t count_of(const att_parameter *p) { return p->rows * p->cols; }

att_status att_parameter_allocate(att_model *model, att_parameter *p, att_type type) {
  p->memory = att_alloc_aligned(model->ctx, att_matrix_bytes(type, p->rows, p->cols), 1);
  p->data = p->memory;
  p->type = type;
  return p->memory ? ATT_OK : ATT_MEMORY;
}

float *att_parameter_values(const att_parameter *p) { return (float *)(uintptr_t)p->data; }

static att_weight weight_of(const att_model *model, const att_parameter *p) {
  return (att_weight){.data = p->data,
                      .grad = model->gradients && p->trained ? model->gradients + p->offset : NULL,
                      .type = p->type,
                      .rows = p->rows,
                      .cols = p->cols,
                      .frozen_row = p->frozen_row};
}

/* Whether `next` lies right behind the values and the gradient of w, and is of the same kind. */
static bool goes_on(const att_weight *w, const att_weight *next) {
  int64_t count = w->rows * w->cols;
  bool after = (const char *)next->data == (const char *)w->data + att_matrix_bytes(w->type, w->rows, w->cols);
  bool gradient = w->grad ? next->grad == w->grad + count : !next->grad;
  return after && gradient && next->type == w->type && w->type < ATT_FLOAT_TYPES;
}

/* Joined matrices grow in rows, vectors in columns; what does not lie behind the one before is a part of its own. */
void att_parameters_point(att_model *model) {
  att_weight *last = NULL;
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    att_weight own = weight_of(model, p);
    if (!p->joined) {
      last = p->weight;
      *last = own;
    } else if (goes_on(last, &own)) {
      if (p->rank == 1) last->cols += p->cols;
      if (p->rank != 1) last->rows += p->rows;
    } else {
      p->own = own;
      last->next = &p->own;
      last = &p->own;
    }
  }
}

/* Places for the chosen ones; floats in all. */
static int64_t place(att_model *model, att_parameter_choice *chosen, const void *arg, int64_t *offsets) {
  int64_t total = 0;
  for (size_t i = 0; i < model->parameter_count; i++) {
    const att_parameter *p = &model->parameters[i];
    offsets[i] = -1;
    if (p->fixed || (chosen && !chosen(arg, p))) continue;
    if (!p->joined) total = (total + ATT_ALIGN_FLOATS - 1) & ~(int64_t)(ATT_ALIGN_FLOATS - 1);
    offsets[i] = total;
    total += count_of(p);
  }
  return total;
}

/* A parameter that was trained and no more is keeps its values in memory of its own; so does one that ops keep. */
static att_status move_out(att_model *model, att_parameter *p) {
  const float *values = p->data;
  ATT_TRY(att_parameter_allocate(model, p, ATT_F32));
  memcpy(p->memory, values, (size_t)count_of(p) * sizeof *values);
  p->trained = false;
  return ATT_OK;
}

static void move_in(att_model *model, att_parameter *p, float *values, int64_t offset) {
  for (int64_t i = 0; p->data && i < p->rows; i++)
    att_matrix_row(values + offset + i * p->cols, p->data, p->type, p->cols, i);
  att_free_aligned(model->ctx, p->memory);
  p->memory = NULL;
  p->data = values + offset;
  p->type = p->file_type = ATT_F32;
  p->trained = true;
  p->offset = offset;
}

static att_status train(att_model *model, att_parameter_choice *chosen, const void *arg, int64_t *offsets) {
  int64_t total = place(model, chosen, arg, offsets);
  float *values = att_alloc_aligned(model->ctx, (size_t)total, sizeof *values), *before = model->values;
  if (!values) return ATT_MEMORY;
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    bool leaves = (p->trained && offsets[i] < 0) || (p->running && !p->memory); /* a file's may not be written */
    att_status status = leaves ? move_out(model, p) : ATT_OK;
    if (status) { /* whole as before, but for what has been moved out: nothing points into the new block yet */
      att_free_aligned(model->ctx, values);
      return status;
    }
  }
  for (size_t i = 0; i < model->parameter_count; i++)
    if (offsets[i] >= 0) move_in(model, &model->parameters[i], values, offsets[i]);
  att_free_aligned(model->ctx, before);
  att_free_aligned(model->ctx, model->gradients);
  model->gradients = NULL;
  model->values = values;
  model->trained_total = total;
  att_parameters_point(model);
  return ATT_OK;
}

att_status att_model_train(att_model *model, att_parameter_choice *chosen, const void *arg) {
  int64_t *offsets = ATT_NEW(model->ctx, model->parameter_count, int64_t);
  if (!offsets) return ATT_MEMORY;
  att_status status = train(model, chosen, arg, offsets);
  att_free(model->ctx, offsets);
  return status;
}

att_status att_model_add_gradients(att_model *model) {
  if (model->gradients) return ATT_OK;
  if (!model->values) ATT_TRY(att_model_train(model, NULL, NULL));
  model->gradients = att_alloc_aligned(model->ctx, (size_t)model->trained_total, sizeof(float));
  if (!model->gradients) return ATT_MEMORY;
  att_parameters_point(model);
  return ATT_OK;
}

void att_parameters_free(att_model *model) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_free(model->ctx, model->parameters[i].name);
    att_free(model->ctx, (char *)model->parameters[i].part);
    att_free_aligned(model->ctx, model->parameters[i].memory);
    att_free(model->ctx, model->parameters[i].importance);
  }
  att_free(model->ctx, model->parameters);
  att_free_aligned(model->ctx, model->values);
  att_free_aligned(model->ctx, model->gradients);
}

/* ---- initial values ------------------------------------------------------------------------------------------- */

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

/* The others: N(0, 0.02); a decoder's projections into the residual stream shrink with their number (Radford
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

void att_parameters_initialise(att_model *model, uint64_t seed, const bool *fresh) {
  for (size_t i = 0; i < model->parameter_count; i++) {
    att_parameter *p = &model->parameters[i];
    float *values = att_parameter_values(p);
    uint64_t key = att_key(seed, i);
    if (p->fixed || (fresh && !fresh[i])) continue;
    if (p->ones) {
      for (int64_t j = 0; j < p->cols; j++) values[j] = 1.0f;
    } else if (p->rank == 2 && model->calls->small_weights && !model->config.input_stride) {
      draw_small(&model->config, p, values, key);
      look_around(&model->config, p, values, key);
    } else if (p->rank == 2) {
      draw_by_shape(p, values, key);
    }
    if (p->frozen_row >= 0) memset(values + p->frozen_row * p->cols, 0, (size_t)p->cols * sizeof *values);
  }
}
