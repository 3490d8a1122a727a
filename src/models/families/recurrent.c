/*
 * Owns the passes of the recurrent family: encoder, decoder with either attention or none, and the decoder's steps.
 *
 * Encoder: embeddings, layers in one or two directions; its rows are the memory, its ends (the last row of the forward,
 * the first of the backward direction) the state. Decoder: each layer begins from tanh of a projection of that state.
 * Additive attention feeds the context into the first layer at each time, and the readout is tanh of a projection of
 * state, context and embedding to the embedding's width (Bahdanau et al. 2015, A.2.2, with tanh for maxout).
 * Multiplicative attention looks after the last layer, and the readout is Luong et al.'s attentional vector, tanh of a
 * projection of context and state (2015, equation 5; without input feeding). Without attention the output reads the
 * state itself, or where it is tied to embeddings of another width tanh of a projection.
 *
 * The cache has one layer. A row of self is the states of all layers after its token; a row of cross the keys of its
 * memory row, with additive attention what it adds to the gates, the memory itself, and, in the first row of a
 * sequence, the decoder's first states.
 */
#include "models/families/recurrent.h"

#include <string.h>

/* Places of dropout; those between layers follow the last two. */
enum { ENCODER_EMBEDDING = 1, DECODER_EMBEDDING, READOUT, ENCODER_LAYERS = 16, DECODER_LAYERS = ENCODER_LAYERS + 1024 };

/* What a decoder sees of its memory. */
typedef struct memory_view {
  att_alignment alignment;
  att_tensor inputs; /* of additive attention */
} memory_view;

static int64_t state_width(const att_config *c) { return att_cell_state(att_recurrent_cell(c), c->d_model); }
static int64_t gates_width(const att_config *c) { return att_cell_gates(att_recurrent_cell(c), c->d_model); }

/* ---- encoder -------------------------------------------------------------------------------------------------- */

static att_status encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                         att_tensor *embedded, att_memory *memory) {
  (void)maps;
  const att_recurrent *r = model->layers;
  const att_config *c = &model->config;
  *memory = (att_memory){0};
  ATT_TRY(att_baseline_embed(run, model, &r->tables, false, input, ENCODER_EMBEDDING, embedded, &memory->sequences,
                             &memory->rows));
  att_recurrent_pass pass = {att_recurrent_cell(c), memory->sequences, .place = ENCODER_LAYERS};
  ATT_TRY(att_recurrent_forward(run, r->encoder, c->encoder_layers, &pass, &memory->rows));
  return att_op_ends(run, &memory->rows, memory->sequences, c->d_model, &memory->state);
}

/* ---- decoder -------------------------------------------------------------------------------------------------- */

/* The states before the first token. */
static att_status first_states(att_run *run, const att_model *model, const att_tensor *state, att_tensor *before) {
  const att_recurrent *r = model->layers;
  for (int64_t i = 0; i < model->config.decoder_layers; i++) {
    ATT_TRY(att_op_linear(run, state, &r->initial[i].weight, &r->initial[i].bias, ATT_WITH_TANH, &before[i]));
  }
  return ATT_OK;
}

/* Keys and what else is made of the memory's rows once. */
static att_status view_memory(att_run *run, const att_model *model, const att_memory *memory, memory_view *view) {
  static const att_weight none;
  const att_recurrent *r = model->layers;
  *view = (memory_view){.alignment = {.memory = memory->rows, .sequences = memory->sequences}};
  if (model->config.scoring == ATT_SCORING_NONE) return ATT_OK;
  ATT_TRY(att_op_linear(run, &memory->rows, &r->key.weight, &r->key.bias, ATT_PLAIN, &view->alignment.keys));
  if (model->config.scoring != ATT_SCORING_ADDITIVE) return ATT_OK;
  return att_op_linear(run, &memory->rows, &r->context.weight, &none, ATT_PLAIN, &view->inputs);
}

static att_status read_out(att_run *run, const att_model *model, const att_tensor *const *parts, int count,
                           att_tensor *out) {
  const att_recurrent *r = model->layers;
  att_tensor joined;
  ATT_TRY(att_op_concat(run, parts, count, &joined));
  return att_op_linear(run, &joined, &r->readout.weight, &r->readout.bias, ATT_WITH_TANH, out);
}

/* pass: its states before, and which states are wanted. view: NULL in a decoder alone. */
static att_status run_decoder(att_run *run, att_model *model, const att_input *input, const memory_view *view,
                              att_recurrent_pass *pass, att_tensor *embedded, att_tensor *hidden) {
  const att_recurrent *r = model->layers;
  const att_config *c = &model->config;
  att_additive additive;
  att_tensor x, top, context, out;
  ATT_TRY(att_baseline_embed(run, model, &r->tables, true, input, DECODER_EMBEDDING, embedded, NULL, &x));
  pass->cell = att_recurrent_cell(c);
  pass->sequences = input->sequences;
  pass->place = DECODER_LAYERS;
  if (c->scoring == ATT_SCORING_ADDITIVE) {
    additive = (att_additive){view->alignment, r->query.weight, r->vector.weight, view->inputs};
    pass->additive = &additive;
    pass->context = &context;
  }
  top = x;
  ATT_TRY(att_recurrent_forward(run, r->decoder, c->decoder_layers, pass, &top));
  if (c->scoring == ATT_SCORING_ADDITIVE) {
    ATT_TRY(read_out(run, model, (const att_tensor *[]){&top, &context, &x}, 3, &out));
  } else if (c->scoring == ATT_SCORING_MULTIPLICATIVE) {
    ATT_TRY(att_op_align(run, &top, input->sequences, &view->alignment, &context));
    ATT_TRY(read_out(run, model, (const att_tensor *[]){&context, &top}, 2, &out));
  } else {
    out = top;
  }
  return att_op_dropout(run, &out, READOUT, hidden);
}

static att_status decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                         const att_maps *maps, att_tensor *embedded, att_tensor *hidden) {
  memory_view view;
  att_recurrent_pass pass = {0};
  if (!memory) return run_decoder(run, model, input, NULL, &pass, embedded, hidden);
  att_tensor *before = ATT_ARENA_NEW(run->arena, model->config.decoder_layers, att_tensor);
  if (!before) return ATT_MEMORY;
  ATT_TRY(first_states(run, model, &memory->state, before));
  ATT_TRY(view_memory(run, model, memory, &view));
  pass.before = before;
  if (maps && maps->cross) view.alignment.weights = maps->cross[0];
  return run_decoder(run, model, input, &view, &pass, embedded, hidden);
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

/* Where the parts of a row of cross stand. */
typedef struct cross_columns {
  int64_t inputs, memory, states, width;
} cross_columns;

static cross_columns columns_of(const att_config *c) {
  cross_columns at = {0};
  bool looks = c->scoring != ATT_SCORING_NONE;
  at.inputs = looks ? c->d_model : 0;
  at.memory = at.inputs + (c->scoring == ATT_SCORING_ADDITIVE ? gates_width(c) : 0);
  at.states = at.memory + (looks ? att_recurrent_memory_width(c) : 0);
  at.width = at.states + c->decoder_layers * state_width(c);
  return at;
}

static void cache_shape(const att_model *model, att_cache_shape *shape) {
  const att_config *c = &model->config;
  if (c->kind == ATT_ENCODER) return;
  *shape = (att_cache_shape){.layers = 1, .self_width = c->decoder_layers * state_width(c)};
  if (c->kind != ATT_ENCODER_DECODER) return;
  shape->cross_width = columns_of(c).width;
  shape->alignment_heads = c->scoring != ATT_SCORING_NONE;
}

/* x's rows into columns of the cache's rows. */
static void store_columns(float *cache, int64_t width, const int32_t *rows, const att_tensor *x) {
  for (int64_t row = 0; row < x->rows && x->data; row++)
    memcpy(cache + (rows ? rows[row] : row) * width, x->data + row * x->stride, (size_t)x->cols * sizeof *cache);
}

static att_status cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                        void *const *out) {
  const att_config *c = &model->config;
  cross_columns at = columns_of(c);
  float *table = out[0];
  memory_view view;
  att_arena_mark mark = att_arena_save(run->arena);
  att_tensor *before = ATT_ARENA_NEW(run->arena, c->decoder_layers, att_tensor);
  if (!before) return ATT_MEMORY;
  ATT_TRY(first_states(run, model, &memory->state, before));
  ATT_TRY(view_memory(run, model, memory, &view));
  if (c->scoring != ATT_SCORING_NONE) {
    store_columns(table, at.width, rows, &view.alignment.keys);
    store_columns(table + at.memory, at.width, rows, &memory->rows);
  }
  if (c->scoring == ATT_SCORING_ADDITIVE) store_columns(table + at.inputs, at.width, rows, &view.inputs);
  for (int64_t l = 0; l < c->decoder_layers; l++) {
    for (int64_t i = 0; i < memory->sequences.count; i++) {
      int64_t first = memory->sequences.start[i];
      if (first == memory->sequences.start[i + 1]) continue;
      float *to = table + (rows ? rows[first] : first) * at.width + at.states + l * before[l].cols;
      memcpy(to, before[l].data + i * before[l].cols, (size_t)before[l].cols * sizeof *to);
    }
  }
  att_arena_restore(run->arena, mark);
  return ATT_OK;
}

static void view_cache(const att_model *model, const att_cache *cache, memory_view *view) {
  const att_config *c = &model->config;
  cross_columns at = columns_of(c);
  att_tensor rows = {.data = cache->cross[0], .cols = at.width, .stride = at.width};
  *view = (memory_view){.alignment = {.keys = att_tensor_columns(&rows, 0, c->d_model),
                                      .memory = att_tensor_columns(&rows, at.memory, at.states - at.memory),
                                      .key_rows = cache->cross_rows,
                                      .key_counts = cache->cross_counts},
                        .inputs = att_tensor_columns(&rows, at.inputs, at.memory - at.inputs)};
}

/* The first states of a sequence whose source has no rows: those of a final state of zeros. */
static att_status empty_source(att_run *run, const att_model *model, att_tensor *before) {
  att_tensor zeros;
  ATT_TRY(att_tensor_new(run, 1, att_recurrent_memory_width(&model->config), &zeros));
  memset(zeros.data, 0, (size_t)zeros.cols * sizeof *zeros.data);
  return first_states(run, model, &zeros, before);
}

/* The states before this call's tokens, out of the cache. */
static att_status states_before(att_run *run, const att_model *model, att_sequences sequences, const att_cache *cache,
                                att_tensor *before) {
  const att_config *c = &model->config;
  int64_t state = state_width(c), width = c->decoder_layers * state;
  const float *self = cache->self[0], *cross = cache->cross ? cache->cross[0] : NULL;
  cross_columns at = columns_of(c);
  att_tensor *empty = ATT_ARENA_NEW(run->arena, c->decoder_layers, att_tensor);
  if (!empty) return ATT_MEMORY;
  if (c->kind == ATT_ENCODER_DECODER) ATT_TRY(empty_source(run, model, empty));
  for (int64_t l = 0; l < c->decoder_layers; l++) {
    ATT_TRY(att_tensor_new(run, sequences.count, state, &before[l]));
    for (int64_t i = 0; i < sequences.count; i++) {
      int64_t past = cache->self_counts[i] - (sequences.start[i + 1] - sequences.start[i]);
      float *to = before[l].data + i * state;
      const float *from = NULL;
      if (past > 0) {
        from = self + cache->self_rows[i][past - 1] * width + l * state;
      } else if (c->kind == ATT_ENCODER_DECODER) {
        bool none = cache->cross_counts[i] == 0;
        from = none ? empty[l].data : cross + cache->cross_rows[i][0] * at.width + at.states + l * state;
      }
      if (from) memcpy(to, from, (size_t)state * sizeof *to);
      if (!from) memset(to, 0, (size_t)state * sizeof *to);
    }
  }
  return ATT_OK;
}

/* The states after each of this call's tokens, into the cache. */
static void store_states(const att_model *model, att_sequences sequences, const att_cache *cache,
                         const att_recurrent_pass *pass) {
  const att_config *c = &model->config;
  int64_t w = c->d_model, state = state_width(c), width = c->decoder_layers * state;
  size_t bytes = (size_t)w * sizeof(float);
  float *self = cache->self[0];
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t first = sequences.start[i], fresh = sequences.start[i + 1] - first;
    const int32_t *rows = cache->self_rows[i] + cache->self_counts[i] - fresh;
    for (int64_t t = 0; t < fresh; t++) {
      for (int64_t l = 0; l < c->decoder_layers; l++) {
        float *to = self + rows[t] * width + l * state;
        memcpy(to, pass->states[l].data + (first + t) * w, bytes);
        if (state > w) memcpy(to + w, pass->cells[l].data + (first + t) * w, bytes);
      }
    }
  }
}

static att_status step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                       const att_maps *maps, att_tensor *hidden) {
  int64_t layers = model->config.decoder_layers;
  memory_view view;
  att_tensor *tensors = ATT_ARENA_NEW(run->arena, 3 * layers, att_tensor);
  if (!tensors) return ATT_MEMORY;
  bool reads = model->config.kind == ATT_ENCODER_DECODER;
  att_recurrent_pass pass = {.before = tensors, .states = tensors + layers, .cells = tensors + 2 * layers};
  ATT_TRY(states_before(run, model, input->sequences, cache, tensors));
  if (reads) view_cache(model, cache, &view);
  if (reads && maps && maps->cross) view.alignment.weights = maps->cross[0];
  ATT_TRY(run_decoder(run, model, input, reads ? &view : NULL, &pass, NULL, hidden));
  store_states(model, input->sequences, cache, &pass);
  return ATT_OK;
}

/* ---- for heads ------------------------------------------------------------------------------------------------ */

static att_status output(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows, att_weight *weight,
                         att_weight *bias) {
  const att_recurrent *r = model->layers;
  *weight = *att_baseline_output(&r->tables);
  *bias = r->tables.bias;
  *rows = *hidden;
  if (!r->readout.weight.data || model->config.scoring != ATT_SCORING_NONE) return ATT_OK; /* read out already */
  return att_op_linear(run, hidden, &r->readout.weight, &r->readout.bias, ATT_WITH_TANH, rows);
}

/* The final state, of both directions where there are two. */
static att_status pool(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *vectors) {
  att_tensor ends;
  ATT_TRY(att_op_ends(run, &hidden->rows, hidden->sequences, model->config.d_model, &ends));
  return att_op_dropout(run, &ends, READOUT + 1, vectors);
}

const att_family_calls att_recurrent_calls = {
    .read = att_recurrent_read,
    .write = att_recurrent_write,
    .check = att_recurrent_check,
    .plan = att_recurrent_plan,
    .initialise = att_recurrent_initialise,
    .free = att_recurrent_free,
    .cache_shape = cache_shape,
    .encode = encode,
    .decode = decode,
    .cross = cross,
    .step = step,
    .output = output,
    .pool = pool,
};
