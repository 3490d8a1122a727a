/*
 * Owns what the two files of the recurrent family share: its layers. recurrent_table.c: settings, names; recurrent.c:
 * the passes.
 */
#ifndef ATT_MODELS_FAMILIES_RECURRENT_H
#define ATT_MODELS_FAMILIES_RECURRENT_H

#include "layers/recurrent.h"
#include "models/families/baseline.h"

typedef struct att_recurrent {
  att_baseline_tables tables;
  att_recurrent_layer *encoder, *decoder; /* [layers] */
  att_linear_layer *initial;              /* [decoder layers]: the encoder's final state to the decoder's first */
  att_linear_layer readout;               /* to the embedding's width; absent where the output reads the state */
  /* attention; multiplicative has `key` alone */
  att_linear_layer key;           /* U, or W of Luong et al. 2015: [width, memory's columns] */
  att_linear_layer query, vector; /* W_a [width, width], v_a [1, width]; no bias */
  att_linear_layer context;       /* C: what the context adds to the gates, [gates, memory's columns]; no bias */
} att_recurrent;

att_cell att_recurrent_cell(const att_config *config);
/* Columns of what the encoder gives, and of its final state: the directions' widths together. */
int64_t att_recurrent_memory_width(const att_config *config);

/* Of att_family_calls. (recurrent_table.c) */
att_status att_recurrent_read(const att_settings *in, att_config *config);
void att_recurrent_write(att_object *out, const att_config *config);
att_status att_recurrent_check(att_context *ctx, const char *name, const att_config *config);
att_status att_recurrent_plan(att_model *model);
void att_recurrent_initialise(att_model *model, uint64_t seed);
void att_recurrent_free(att_model *model);

#endif
