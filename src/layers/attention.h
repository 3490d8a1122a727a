/* Owns what block.c needs of the attention layer. */
#ifndef ATT_LAYERS_ATTENTION_H
#define ATT_LAYERS_ATTENTION_H

#include "layers/layers.h"

/* out = the layer's output over x itself / over the memory; before dropout and residual. */
att_status att_self_attention(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                              att_tensor *out);
att_status att_cross_attention(att_run *run, const att_block *block, const att_block_input *input, const att_tensor *x,
                               att_tensor *out);

#endif
