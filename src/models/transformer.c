/*
 * Owns the Transformer's forward pass (Vaswani et al. 2017, section 3): the same for every family, and for training,
 * prefill and steps; only where keys and values come from differs.
 */
#include "models/transformer.h"

#include <math.h>
#include <string.h>

/* Places of dropout outside the blocks. */
enum { ENCODER_EMBEDDING = 1, DECODER_EMBEDDING = 2, POOLER = 3, BEFORE_POOLER = 4 };

static const att_weight none;

static att_transformer *layers_of(const att_model *model) { return model->layers; }

/* ---- before the blocks ---------------------------------------------------------------------------------------- */

/* first[i]: the position of sequence i's first row; shift: of its first token. counted: tokens that stand for nothing
 * (of the id before the first position, which is the pad token's) are not counted, and have the row before it. */
static att_status number_positions(att_run *run, const int32_t *ids, att_sequences sequences, const int64_t *first,
                                   int64_t shift, bool counted, int32_t **out) {
  int32_t *positions = *out = ATT_ARENA_NEW(run->arena, sequences.start[sequences.count], int32_t);
  if (!positions) return ATT_MEMORY;
  counted = counted && shift > 0 && ids;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t begin = shift + first[i];
    for (int64_t row = sequences.start[i]; row < sequences.start[i + 1]; row++) {
      bool pad = counted && ids[row] == shift - 1;
      positions[row] = (int32_t)(pad ? shift - 1 : begin++);
    }
  }
  return ATT_OK;
}

/* x += the tokens' types; all 0 where none are given. */
static att_status add_types(att_run *run, const att_weight *table, const att_input *input, att_tensor *x) {
  att_tensor types, tokens = *x;
  const int32_t *ids = input->types;
  if (!ids) {
    int32_t *zeros = ATT_ARENA_NEW(run->arena, x->rows, int32_t);
    if (!zeros) return ATT_MEMORY;
    memset(zeros, 0, (size_t)x->rows * sizeof *zeros);
    ids = zeros;
  }
  ATT_TRY(att_op_embed(run, table, &none, ids, NULL, x->rows, 1.0f, ATT_NO_DROPOUT, &types));
  return att_op_residual(run, &tokens, &types, ATT_NO_DROPOUT, x);
}

static att_status embed_tokens(att_run *run, att_model *model, const att_stack *stack, const att_input *input,
                               const int32_t *positions, uint32_t place, att_tensor *x) {
  const att_config *c = &model->config;
  int64_t rows = input->sequences.start[input->sequences.count];
  float scale = c->scale_embedding ? sqrtf((float)c->d_model) : 1.0f;
  const att_weight *tokens = stack->tokens.data ? &stack->tokens : &layers_of(model)->encoder.tokens;
  ATT_TRY(att_op_embed(run, tokens, &stack->positions, input->ids, positions, rows, scale, place, x));
  return stack->types.data ? add_types(run, &stack->types, input, x) : ATT_OK;
}

static bool reads_rows(const att_stack *stack) {
  return stack->input.weight.data || stack->convolutions[0].weight.data;
}

att_status att_convolve_rows(att_run *run, const att_config *config, const att_linear_layer convolutions[2],
                             const att_input *input, att_sequences *sequences, att_tensor *x) {
  int64_t rows = input->sequences.start[input->sequences.count], width = config->input_width;
  const att_tensor given = {.data = (float *)(uintptr_t)input->rows, .rows = rows, .cols = width, .stride = width};
  const att_convolution first = {3, config->input_stride == 4 ? 2 : 1, 1}, second = {3, 2, 1};
  const att_linear_layer *one = &convolutions[0], *two = &convolutions[1];
  att_sequences between;
  att_tensor inner;
  ATT_TRY(att_op_convolve(run, &given, input->sequences, &first, &one->weight, &one->bias, ATT_WITH_GELU, &inner,
                          &between));
  return att_op_convolve(run, &inner, between, &second, &two->weight, &two->bias, ATT_WITH_GELU, x, sequences);
}

/* Rows of floats, as they are read, to rows of the model: a projection of each, or convolutions, which make others of
 * them: *sequences says which are whose. */
static att_status project_rows(att_run *run, const att_model *model, const att_stack *stack, const att_input *input,
                               att_sequences *sequences, att_tensor *x) {
  int64_t rows = input->sequences.start[input->sequences.count], width = model->config.input_width;
  const att_tensor given = {.data = (float *)(uintptr_t)input->rows, .rows = rows, .cols = width, .stride = width};
  if (model->config.input_stride)
    return att_convolve_rows(run, &model->config, stack->convolutions, input, sequences, x);
  return att_op_linear(run, &given, &stack->input.weight, &stack->input.bias, ATT_PLAIN, x);
}

/* x += the table of positions, where there is one. */
static att_status add_positions(att_run *run, const att_stack *stack, const int32_t *positions, att_tensor *x) {
  att_tensor projected = *x, table;
  if (!stack->positions.data) return ATT_OK;
  ATT_TRY(att_op_embed(run, &stack->positions, &none, positions, NULL, x->rows, 1.0f, ATT_NO_DROPOUT, &table));
  return att_op_residual(run, &projected, &table, ATT_NO_DROPOUT, x);
}

/* x: the projected rows, where rows are read. */
static att_status embed(att_run *run, att_model *model, const att_stack *stack, const att_input *input,
                        const int32_t *positions, uint32_t place, att_tensor *embedded, att_tensor *x) {
  const att_config *c = &model->config;
  bool rows = reads_rows(stack), normed = stack->embedding_norm.gamma.data != NULL;
  if (rows) {
    ATT_TRY(add_positions(run, stack, positions, x));
  } else {
    ATT_TRY(embed_tokens(run, model, stack, input, positions, normed ? ATT_NO_DROPOUT : place, x));
  }
  if (embedded) *embedded = *x;
  if (embedded && run->tape) x->gradient->keep = true;
  if (!rows && !normed) return ATT_OK;
  att_tensor sum = *x, scaled = *x;
  if (normed) ATT_TRY(att_norm_forward(run, &stack->embedding_norm, c->norm, c->layer_norm_epsilon, &sum, &scaled));
  ATT_TRY(att_op_dropout(run, &scaled, place, x));
  if (!stack->widen.weight.data) return ATT_OK;
  att_tensor narrow = *x;
  return att_op_linear(run, &narrow, &stack->widen.weight, &stack->widen.bias, ATT_PLAIN, x);
}

/* What attention adds to scores by distance, where the model has it; lengths: keys of each sequence. On the arena, for
 * backward reads it again. */
static att_status make_distances(att_run *run, const att_model *model, const att_stack *stack, bool causal,
                                 const int64_t *lengths, att_sequences sequences, const att_distance_bias **out) {
  const att_config *c = &model->config;
  int64_t reach = 1;
  *out = NULL;
  if (c->position != ATT_ALIBI && !stack->distances.data) return ATT_OK;
  for (int64_t i = 0; i < sequences.count; i++) {
    if (lengths[i] > reach) reach = lengths[i];
  }
  att_distance_bias *bias = ATT_ARENA_NEW(run->arena, 1, att_distance_bias);
  if (!bias) return ATT_MEMORY;
  *out = bias;
  if (c->position == ATT_ALIBI) return att_op_alibi(run, stack->blocks[0].heads, reach, bias);
  return att_op_relative_bias(run, &stack->distances, causal, c->relative_distance, reach, bias);
}

/* Rotary positions' angles, where the model has them, on the arena as distances are. */
static att_status make_turns(att_run *run, const att_model *model, const att_stack *stack, const int64_t *lengths,
                             const int32_t *positions, att_block_input *block) {
  const att_config *c = &model->config;
  if (c->position != ATT_ROTARY) return ATT_OK;
  att_turns *turns = ATT_ARENA_NEW(run->arena, 2, att_turns);
  int64_t size = stack->blocks[0].head_size;
  if (!turns) return ATT_MEMORY;
  block->turns = &turns[0];
  block->local_turns = &turns[1];
  ATT_TRY(att_rope_turns(run, &c->rope, size, block->sequences, lengths, positions, &turns[0]));
  if (c->local_rope.base <= 0) return ATT_OK;
  return att_rope_turns(run, &c->local_rope, size, block->sequences, lengths, positions, &turns[1]);
}

/* Positions, embeddings, turns and distances: all that stands before the blocks. cache: what the new tokens go into, or
 * NULL where they are all. */
static att_status begin(att_run *run, att_model *model, bool decoder, const att_input *input, const att_cache *cache,
                        att_tensor *embedded, att_block_input *block, att_tensor *x) {
  const att_stack *stack = decoder ? &layers_of(model)->decoder : &layers_of(model)->encoder;
  att_sequences sequences = input->sequences;
  if (reads_rows(stack)) ATT_TRY(project_rows(run, model, stack, input, &sequences, x));
  int64_t *past = ATT_ARENA_NEW(run->arena, sequences.count, int64_t);
  int64_t *lengths = ATT_ARENA_NEW(run->arena, sequences.count, int64_t);
  int32_t *positions;
  if (!past || !lengths) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) {
    int64_t fresh = sequences.start[i + 1] - sequences.start[i];
    lengths[i] = cache ? cache->self_counts[i] : fresh;
    past[i] = lengths[i] - fresh;
  }
  ATT_TRY(number_positions(run, input->ids, sequences, past, layers_of(model)->first_position, !decoder, &positions));
  *block = (att_block_input){.sequences = sequences};
  ATT_TRY(embed(run, model, stack, input, positions, decoder ? DECODER_EMBEDDING : ENCODER_EMBEDDING, embedded, x));
  ATT_TRY(make_turns(run, model, stack, cache && cache->lengths ? cache->lengths : lengths, positions, block));
  return make_distances(run, model, stack, decoder, lengths, sequences, &block->distances);
}

/* ---- frozen beginnings: what is before the first trained weight is run without a tape -------------------------- */

static bool any_learns(const att_weight *const *weights, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (const att_weight *w = weights[i]; w; w = w->next)
      if (w->grad) return true;
  return false;
}

static bool embedding_learns(const att_model *model, const att_stack *stack) {
  const att_weight *tokens = stack->tokens.data ? &stack->tokens : &layers_of(model)->encoder.tokens;
  const att_weight *const weights[] = {tokens,
                                       &stack->positions,
                                       &stack->types,
                                       &stack->input.weight,
                                       &stack->input.bias,
                                       &stack->convolutions[0].weight,
                                       &stack->convolutions[0].bias,
                                       &stack->convolutions[1].weight,
                                       &stack->convolutions[1].bias,
                                       &stack->embedding_norm.gamma,
                                       &stack->embedding_norm.beta,
                                       &stack->widen.weight,
                                       &stack->widen.bias,
                                       &stack->distances};
  return any_learns(weights, sizeof weights / sizeof *weights);
}

static bool block_learns(const att_block *b) {
  const att_weight *const weights[] = {&b->self.in.weight,
                                       &b->self.in.bias,
                                       &b->self.out.weight,
                                       &b->self.out.bias,
                                       &b->self_norm.gamma,
                                       &b->self_norm.beta,
                                       &b->cross.in.weight,
                                       &b->cross.in.bias,
                                       &b->cross.memory.weight,
                                       &b->cross.memory.bias,
                                       &b->cross.out.weight,
                                       &b->cross.out.bias,
                                       &b->cross_norm.gamma,
                                       &b->cross_norm.beta,
                                       &b->up.weight,
                                       &b->up.bias,
                                       &b->down.weight,
                                       &b->down.bias,
                                       &b->feedforward_norm.gamma,
                                       &b->feedforward_norm.beta};
  return any_learns(weights, sizeof weights / sizeof *weights);
}

/* The run that a stack begins with: *quiet, which has no tape, where nothing in front asks for a gradient. */
static att_run *first_run(att_run *run, att_run *quiet, const att_model *model, const att_stack *stack,
                          const att_tensor *memory, const att_tensor *embedded) {
  *quiet = *run;
  quiet->tape = NULL;
  return embedded || (memory && memory->gradient) || embedding_learns(model, stack) ? run : quiet;
}

/* ---- stacks --------------------------------------------------------------------------------------------------- */

/* The block of a layer. Where layers share a group's, it is found as Transformers does, in floating point. */
static const att_block *block_of(const att_stack *stack, int64_t layer) {
  if (stack->groups == stack->layers) return &stack->blocks[layer];
  return &stack->blocks[(int64_t)((double)layer / ((double)stack->layers / (double)stack->groups))];
}

/* Of a layer's dropouts: this one and the two behind it. */
static uint32_t place_of(bool decoder, int64_t layer) { return (uint32_t)(4 * layer + 4) * 2 + (decoder ? 4 : 0); }

static att_status last_norm(att_run *run, att_model *model, const att_stack *stack, att_tensor *x) {
  if (!stack->norm.gamma.data) return ATT_OK;
  att_tensor inner = *x;
  return att_norm_forward(run, &stack->norm, model->config.norm, model->config.layer_norm_epsilon, &inner, x);
}

/* The first row of each sequence, which is all that a head of texts reads of the last layer. *kept stays NULL where
 * more is read. */
static att_status keep_first(att_run *run, const att_model *model, const att_input *input, att_sequences sequences,
                             int32_t **kept) {
  *kept = NULL;
  if (!input->pooled || model->config.mean_pool || model->calls->pool != att_transformer_pool) return ATT_OK;
  for (int64_t i = 0; i < sequences.count; i++)
    if (sequences.start[i] == sequences.start[i + 1]) return ATT_OK;
  int32_t *rows = ATT_ARENA_NEW(run->arena, sequences.count, int32_t);
  if (!rows) return ATT_MEMORY;
  for (int64_t i = 0; i < sequences.count; i++) rows[i] = (int32_t)sequences.start[i];
  *kept = rows;
  return ATT_OK;
}

/* Of memory whose sequences have a row each. */
static att_status one_row_each(att_run *run, att_memory *memory) {
  int64_t count = memory->sequences.count, *start = ATT_ARENA_NEW(run->arena, count + 1, int64_t);
  if (!start) return ATT_MEMORY;
  for (int64_t i = 0; i <= count; i++) start[i] = i;
  memory->sequences = (att_sequences){count, start};
  memory->ids = NULL;
  return ATT_OK;
}

att_status att_transformer_encode(att_run *run, att_model *model, const att_input *input, const att_maps *maps,
                                  att_tensor *embedded, att_memory *memory) {
  const att_stack *encoder = &layers_of(model)->encoder;
  att_block_input block;
  att_run quiet, *now = first_run(run, &quiet, model, encoder, NULL, embedded);
  *memory = (att_memory){0};
  ATT_TRY(begin(now, model, false, input, NULL, embedded, &block, &memory->rows));
  memory->sequences = block.sequences;
  memory->ids = input->ids;
  int32_t *kept;
  ATT_TRY(keep_first(now, model, input, block.sequences, &kept));
  for (int64_t i = 0; i < encoder->layers; i++) {
    const att_block *layer = block_of(encoder, i);
    if (i + 1 == encoder->layers && kept) {
      block.kept = kept;
      block.kept_count = block.sequences.count;
      ATT_TRY(one_row_each(now, memory));
    }
    if (block_learns(layer)) now = run;
    block.self_probs = maps && maps->encoder ? maps->encoder[i] : NULL;
    block.place = place_of(false, i);
    ATT_TRY(att_block_forward(now, layer, &block, &memory->rows));
  }
  return last_norm(run, model, encoder, &memory->rows);
}

att_status att_transformer_decode(att_run *run, att_model *model, const att_input *input, const att_memory *memory,
                                  const att_maps *maps, att_tensor *embedded, att_tensor *hidden) {
  const att_stack *decoder = &layers_of(model)->decoder;
  att_block_input block;
  att_run quiet, *now = first_run(run, &quiet, model, decoder, memory ? &memory->rows : NULL, embedded);
  ATT_TRY(begin(now, model, true, input, NULL, embedded, &block, hidden));
  if (memory) {
    block.memory = &memory->rows;
    block.memory_sequences = memory->sequences;
  }
  for (int64_t i = 0; i < decoder->layers; i++) {
    if (block_learns(&decoder->blocks[i])) now = run;
    block.self_probs = maps && maps->decoder ? maps->decoder[i] : NULL;
    block.cross_probs = maps && maps->cross ? maps->cross[i] : NULL;
    block.place = place_of(true, i);
    ATT_TRY(att_block_forward(now, &decoder->blocks[i], &block, hidden));
  }
  return last_norm(run, model, decoder, hidden);
}

void att_transformer_cache_shape(const att_model *model, att_cache_shape *shape) {
  const att_stack *decoder = &layers_of(model)->decoder;
  *shape = (att_cache_shape){.layers = decoder->layers};
  if (!decoder->layers) return;
  const att_block *last = &decoder->blocks[decoder->layers - 1];
  shape->self_width = 2 * (int64_t)last->kv_heads * last->head_size;
  shape->head_size = last->head_size;
  for (int64_t i = 0; i < decoder->layers; i++)
    if (decoder->blocks[i].window > 0) shape->window = decoder->blocks[i].window;
  if (shape->window > 0) shape->local = model->config.local_layers;
  if (!last->has_cross) return;
  shape->cross_width = 2 * (int64_t)last->heads * last->head_size;
  shape->alignment_heads = last->heads;
}

att_status att_transformer_cross(att_run *run, att_model *model, const att_memory *memory, const int32_t *rows,
                                 void *const *cross) {
  const att_stack *decoder = &layers_of(model)->decoder;
  for (int64_t i = 0; i < decoder->layers; i++) {
    ATT_TRY(att_cross_keys(run, &decoder->blocks[i], &memory->rows, rows, cross[i]));
  }
  return ATT_OK;
}

att_status att_transformer_step(att_run *run, att_model *model, const att_input *input, const att_cache *cache,
                                const att_maps *maps, att_tensor *hidden) {
  const att_stack *decoder = &layers_of(model)->decoder;
  att_block_input block;
  ATT_TRY(begin(run, model, true, input, cache, NULL, &block, hidden));
  for (int64_t i = 0; i < decoder->layers; i++) {
    bool local = decoder->blocks[i].window > 0 && cache->local_rows;
    att_stored_keys cross,
        self = {cache->self[i], cache->self_type, local ? cache->local_rows : cache->self_rows, cache->self_counts};
    block.self_cache = &self;
    if (decoder->blocks[i].has_cross) {
      cross = (att_stored_keys){cache->cross[i], ATT_F32, cache->cross_rows, cache->cross_counts};
      block.cross_cache = &cross;
    }
    block.self_probs = maps && maps->decoder ? maps->decoder[i] : NULL;
    block.cross_probs = maps && maps->cross ? maps->cross[i] : NULL;
    ATT_TRY(att_block_forward(run, &decoder->blocks[i], &block, hidden));
  }
  return last_norm(run, model, decoder, hidden);
}

/* ---- for heads ------------------------------------------------------------------------------------------------ */

att_status att_transformer_output(att_run *run, att_model *model, const att_tensor *hidden, att_tensor *rows,
                                  att_weight *weight, att_weight *bias) {
  const att_transformer *layers = model->layers;
  const att_config *c = &model->config;
  *rows = *hidden;
  if (layers->transform.weight.data) {
    att_tensor inner;
    ATT_TRY(att_op_linear(run, hidden, &layers->transform.weight, &layers->transform.bias, layers->transform_activation,
                          &inner));
    ATT_TRY(att_norm_forward(run, &layers->transform_norm, c->norm, c->layer_norm_epsilon, &inner, rows));
  }
  if (c->scale_output) ATT_TRY(att_op_scale(run, hidden, 1.0f / sqrtf((float)c->d_model), rows));
  *weight = layers->output.data           ? layers->output
            : layers->encoder.tokens.data ? layers->encoder.tokens
                                          : layers->decoder.tokens;
  *bias = layers->output_bias.data ? layers->output_bias : none;
  return ATT_OK;
}

att_status att_transformer_classification_head(att_model *model) {
  att_transformer *layers = model->layers;
  int64_t width = model->config.d_model;
  att_namer n = {.model = model, .part = "pooler"};
  layers->pooler_activation = ATT_WITH_TANH;
  layers->pooler_drops = true;
  return att_name_linear(&n, (const char *const[]){"classification_head.dense", NULL}, &width, width, false, true,
                         &layers->pooler);
}

/* The row that stands for a text [begin, end): an encoder's first; a decoder's last, or behind an encoder the last that
 * ends a text (mbart's have the language behind it). */
static int64_t row_of_text(const att_model *model, const int32_t *ids, int64_t begin, int64_t end) {
  if (model->config.kind == ATT_ENCODER) return begin;
  for (int64_t row = end - 1; ids && row >= begin; row--)
    if (ids[row] == model->config.eos) return row;
  return end - 1;
}

/* An encoder's first token stands for the text (Devlin et al. 2019, section 3), or the mean; a decoder's last, which
 * behind an encoder goes through a pooler, too (Lewis et al. 2020, section 3.1). */
att_status att_transformer_pool(att_run *run, att_model *model, const att_hidden *hidden, att_tensor *vectors) {
  const att_transformer *layers = model->layers;
  const int64_t *start = hidden->sequences.start;
  int64_t count = hidden->sequences.count;
  att_tensor tokens, pooled;
  int32_t *rows = ATT_ARENA_NEW(run->arena, count, int32_t);
  if (!rows) return ATT_MEMORY;
  for (int64_t i = 0; i < count; i++) rows[i] = (int32_t)row_of_text(model, hidden->ids, start[i], start[i + 1]);
  if (model->config.kind == ATT_DECODER) return att_op_rows(run, &hidden->rows, rows, count, vectors);
  if (model->config.mean_pool)
    ATT_TRY(att_op_mean(run, &hidden->rows, hidden->sequences, &tokens));
  else
    ATT_TRY(att_op_rows(run, &hidden->rows, rows, count, &tokens));
  if (layers->pooler_drops) {
    att_tensor whole = tokens;
    ATT_TRY(att_op_dropout(run, &whole, BEFORE_POOLER, &tokens));
  }
  ATT_TRY(
      att_op_linear(run, &tokens, &layers->pooler.weight, &layers->pooler.bias, layers->pooler_activation, &pooled));
  return att_op_dropout(run, &pooled, POOLER, vectors);
}
