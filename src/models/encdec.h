/* Owns what models/ shares of the encoder-decoder: its layers, and the family's description of names and positions. */
#ifndef ATT_MODELS_ENCDEC_H
#define ATT_MODELS_ENCDEC_H

#include "layers/layers.h"
#include "models/model.h"

typedef struct att_stack {
  att_weight tokens, positions; /* [vocab, d_model], [positions, d_model] */
  att_block *blocks;            /* [layers] */
  int64_t layers;
  att_norm_layer norm; /* the last one, where norms stand before */
} att_stack;

struct att_encdec {
  att_stack encoder, decoder;
  att_weight head, logits_bias; /* [vocab, d_model]; [1, vocab] or absent */
  int64_t first_position;       /* row of `positions` that position 0 has */
};

/* Makes layers and table from model->config (encdec_table.c). */
att_status att_encdec_plan(att_model *model);
void att_encdec_free(att_model *model);
/* Fills the sinusoidal tables. */
void att_encdec_fill_positions(att_model *model);

#endif
