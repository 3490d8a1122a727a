/*
 * Owns stacks of recurrent layers in one or two directions, described by small structs. Refuses to know names, files
 * and families.
 */
#ifndef ATT_LAYERS_RECURRENT_H
#define ATT_LAYERS_RECURRENT_H

#include "layers/layers.h"

/* input: the inputs' weight and bias (PyTorch's weight_ih, bias_ih); hidden: the state's. */
typedef struct att_recurrent_direction {
  att_linear_layer input, hidden;
} att_recurrent_direction;

typedef struct att_recurrent_layer {
  att_recurrent_direction forward, backward; /* backward: absent where there is one direction */
} att_recurrent_layer;

typedef struct att_recurrent_pass {
  att_cell cell;
  att_sequences sequences;
  const att_tensor *before;     /* [layers]: the states before, or NULL: zeros. One direction only, as `additive` */
  const att_additive *additive; /* the first layer's, or NULL */
  uint32_t place;               /* of the dropouts between layers: place, place + 1, ... */
  att_tensor *states, *cells;   /* out: [layers] each: h, and an LSTM's c, of each row; or NULL */
  att_tensor *context;          /* out, with `additive` */
} att_recurrent_pass;

/* *x: the inputs, then what the last layer gives: [rows, width], or of two directions [rows, 2 * width]. */
att_status att_recurrent_forward(att_run *run, const att_recurrent_layer *layers, int64_t count,
                                 const att_recurrent_pass *pass, att_tensor *x);

#endif
