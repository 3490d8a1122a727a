/* Owns the pass through a stack of recurrent layers. See recurrent.h. */
#include "layers/recurrent.h"

static att_status run_direction(att_run *run, const att_recurrent_direction *d, const att_recurrent_pass *pass,
                                int64_t layer, bool backwards, const att_tensor *x, att_tensor *out) {
  att_tensor gates;
  att_recurrent_shape shape = {.cell = pass->cell, .backwards = backwards, .sequences = pass->sequences};
  att_recurrent_outputs outputs = {.out = out};
  if (layer == 0 && pass->additive) {
    shape.additive = pass->additive;
    outputs.context = pass->context;
  }
  if (pass->cells && pass->cell == ATT_CELL_LSTM) outputs.cells = &pass->cells[layer];
  ATT_TRY(att_op_linear(run, x, &d->input.weight, &d->input.bias, ATT_PLAIN, &gates));
  return att_op_recurrent(run, &gates, &d->hidden.weight, &d->hidden.bias, pass->before ? &pass->before[layer] : NULL,
                          &shape, &outputs);
}

static att_status run_layers(att_run *run, const att_recurrent_layer *layers, int64_t count,
                             const att_recurrent_pass *pass, att_tensor *x) {
  for (int64_t i = 0; i < count; i++) {
    const att_recurrent_layer *layer = &layers[i];
    att_tensor input = *x, there, back;
    if (i > 0) ATT_TRY(att_op_dropout(run, x, pass->place + (uint32_t)i - 1, &input));
    ATT_TRY(run_direction(run, &layer->forward, pass, i, false, &input, &there));
    *x = there;
    if (pass->states) pass->states[i] = there;
    if (!layer->backward.hidden.weight.data) continue;
    ATT_TRY(run_direction(run, &layer->backward, pass, i, true, &input, &back));
    ATT_TRY(att_op_concat(run, (const att_tensor *[]){&there, &back}, 2, x));
  }
  return ATT_OK;
}

att_status att_recurrent_forward(att_run *run, const att_recurrent_layer *layers, int64_t count,
                                 const att_recurrent_pass *pass, att_tensor *x) {
  ATT_TIMED(run->ctx, ATT_TIMED_RECURRENT, run_layers(run, layers, count, pass, x));
  return ATT_OK;
}
