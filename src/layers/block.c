/* Owns the block: sub-layers with their residuals and norms, in either order. */
#include "layers/attention.h"

#include <string.h>

typedef att_status sublayer_fn(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                               att_tensor *out);

static att_status transform(att_run *run, const att_block *block, const att_tensor *x, att_tensor *out) {
  att_tensor both, inner;
  if (block->gated) {
    ATT_TRY(att_op_linear(run, x, &block->up.weight, &block->up.bias, ATT_PLAIN, &both));
    ATT_TRY(att_op_gated(run, &both, block->activation, &inner));
  } else {
    ATT_TRY(att_op_linear(run, x, &block->up.weight, &block->up.bias, block->activation, &inner));
  }
  return att_op_linear(run, &inner, &block->down.weight, &block->down.bias, ATT_PLAIN, out);
}

static att_status feedforward(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                              att_tensor *out) {
  (void)input;
  ATT_TIMED(run->ctx, block->causal ? ATT_TIMED_DECODER_FEEDFORWARD : ATT_TIMED_ENCODER_FEEDFORWARD,
            transform(run, block, x, out));
  return ATT_OK;
}

att_status att_norm_forward(att_run *run, const att_norm_layer *layer, att_norm kind, float epsilon,
                            const att_tensor *x, att_tensor *out) {
  if (kind == ATT_NORM_BATCH) {
    return att_op_batch_norm(run, x, &layer->gamma, &layer->beta, &layer->mean, &layer->variance, epsilon, out);
  }
  if (kind == ATT_NORM_LAYER) return att_op_layer_norm(run, x, &layer->gamma, &layer->beta, epsilon, out);
  return att_op_rms_norm(run, x, &layer->gamma, kind == ATT_NORM_RMS_PLUS_ONE, epsilon, out);
}

static att_status norm(att_run *run, const att_block *block, const att_norm_layer *layer, const att_tensor *x,
                       att_tensor *out) {
  return att_norm_forward(run, layer, block->norm, block->epsilon, x, out);
}

/* One sub-layer of a block. */
typedef struct sublayer {
  sublayer_fn *f;
  const att_norm_layer *norm, *out_norm; /* out_norm: NULL or absent: none */
  uint32_t place;                        /* of its dropout */
  bool keeps;                            /* gives the rows that the block keeps */
} sublayer;

static att_status inside(att_run *run, const att_block *block, const att_block_input *input, const sublayer *part,
                         const att_tensor *x, att_tensor *out) {
  if (!part->out_norm || !part->out_norm->gamma.data) return part->f(run, block, input, x, out);
  att_tensor inner;
  ATT_TRY(part->f(run, block, input, x, &inner));
  return norm(run, block, part->out_norm, &inner, out);
}

/* x + f(x) with its norms, on the arena. */
static att_status wrapped(att_run *run, const att_block *block, const att_block_input *input, const sublayer *part,
                          const att_tensor *x, att_tensor *out) {
  att_tensor normed, inner, sum, rest = *x;
  if (part->keeps) ATT_TRY(att_op_rows(run, x, input->kept, input->kept_count, &rest));
  if (block->norm_before) {
    ATT_TRY(norm(run, block, part->norm, x, &normed));
    ATT_TRY(inside(run, block, input, part, &normed, &inner));
    return att_op_residual(run, &rest, &inner, part->place, out);
  }
  ATT_TRY(inside(run, block, input, part, x, &inner));
  ATT_TRY(att_op_residual(run, &rest, &inner, part->place, &sum));
  return norm(run, block, part->norm, &sum, out);
}

/* Where nothing is recorded, the output takes x's place and all else is given back: a pass then needs the memory of one
 * sub-layer, however many there are. */
static att_status run_sublayer(att_run *run, const att_block *block, const att_block_input *input, const sublayer part,
                               att_tensor *x) {
  att_tensor out;
  att_arena_mark mark = att_arena_save(run->arena);
  ATT_TRY(wrapped(run, block, input, &part, x, &out));
  if (run->tape) {
    *x = out;
  } else {
    x->rows = out.rows;
    memcpy(x->data, out.data, (size_t)(x->rows * x->cols) * sizeof *x->data);
    att_arena_restore(run->arena, mark);
  }
  return ATT_OK;
}

att_status att_block_forward(att_run *run, const att_block *b, const att_block_input *input, att_tensor *x) {
  const sublayer self = {att_self_attention, &b->self_norm, &b->self_out_norm, input->place, input->kept != NULL},
                 cross = {att_cross_attention, &b->cross_norm, NULL, input->place + 1, false},
                 last = {feedforward, &b->feedforward_norm, &b->feedforward_out_norm, input->place + 2, false};
  ATT_TRY(run_sublayer(run, b, input, self, x));
  if (b->has_cross) ATT_TRY(run_sublayer(run, b, input, cross, x));
  return run_sublayer(run, b, input, last, x);
}
