/* Owns the block: sub-layers with their residuals and norms, in either order. */
#include "layers/attention.h"

#include <string.h>

typedef att_status sublayer_fn(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                               att_tensor *out);

static att_status feedforward(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                              att_tensor *out) {
  (void)input;
  att_tensor both, inner;
  if (block->gated) {
    ATT_TRY(att_op_linear(run, x, &block->up.weight, &block->up.bias, ATT_PLAIN, &both));
    ATT_TRY(att_op_gated(run, &both, block->activation, &inner));
  } else {
    ATT_TRY(att_op_linear(run, x, &block->up.weight, &block->up.bias, block->activation, &inner));
  }
  return att_op_linear(run, &inner, &block->down.weight, &block->down.bias, ATT_PLAIN, out);
}

att_status att_norm_forward(att_run *run, const att_norm_layer *layer, att_norm kind, float epsilon,
                            const att_tensor *x, att_tensor *out) {
  if (kind == ATT_NORM_RMS) return att_op_rms_norm(run, x, &layer->gamma, epsilon, out);
  return att_op_layer_norm(run, x, &layer->gamma, &layer->beta, epsilon, out);
}

static att_status norm(att_run *run, const att_block *block, const att_norm_layer *layer, const att_tensor *x,
                       att_tensor *out) {
  return att_norm_forward(run, layer, block->norm, block->epsilon, x, out);
}

/* x + f(x) with its norm, on the arena. */
static att_status wrapped(att_run *run, const att_block *block, const att_block_input *input, sublayer_fn *f,
                          const att_norm_layer *norm_layer, uint32_t place, const att_tensor *x, att_tensor *out) {
  att_tensor normed, inner, sum;
  if (block->norm_before) {
    ATT_TRY(norm(run, block, norm_layer, x, &normed));
    ATT_TRY(f(run, block, input, &normed, &inner));
    return att_op_residual(run, x, &inner, place, out);
  }
  ATT_TRY(f(run, block, input, x, &inner));
  ATT_TRY(att_op_residual(run, x, &inner, place, &sum));
  return norm(run, block, norm_layer, &sum, out);
}

/* Where nothing is recorded, the output takes x's place and all else is given back: a pass then needs the memory of one
 * sub-layer, however many there are. */
static att_status sublayer(att_run *run, const att_block *block, const att_block_input *input, sublayer_fn *f,
                           const att_norm_layer *norm_layer, uint32_t place, att_tensor *x) {
  att_tensor out;
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(wrapped(run, block, input, f, norm_layer, place, x, &out));
  if (run->tape) {
    *x = out;
  } else {
    memcpy(x->data, out.data, (size_t)(x->rows * x->cols) * sizeof *x->data);
    att_arena_restore(run->arena, mark);
  }
  return ATT_OK;
}

att_status att_block_forward(att_run *run, const att_block *block, const att_block_input *input, att_tensor *x) {
  ATT_TRY(sublayer(run, block, input, att_self_attention, &block->self_norm, block->place, x));
  if (block->has_cross) {
    ATT_TRY(sublayer(run, block, input, att_cross_attention, &block->cross_norm, block->place + 1, x));
  }
  return sublayer(run, block, input, feedforward, &block->feedforward_norm, block->place + 2, x);
}
