/*
 * Owns the parameter table: how a family names its parameters and where they stand in the block. Refuses to know what
 * they compute.
 */
#ifndef ATT_MODELS_PARAMETERS_H
#define ATT_MODELS_PARAMETERS_H

#include "models/model.h"

/* What a parameter is, before it has a place. */
typedef struct att_parameter_plan {
  const char *name; /* copied */
  int64_t rows, cols;
  int rank;
  bool decay, fixed, not_in_file, transposed, optional, ones; /* as in att_parameter */
  bool joined;        /* stands right after the one before and belongs to the same weight */
  att_weight *weight; /* filled by att_parameters_place */
  int64_t frozen_row; /* -1: none */
} att_parameter_plan;

/* Appends. part: of all that follow, copied; fails with ATT_MEMORY. The trained ones come first. */
att_status att_parameter_add(att_model *model, const char *part, const att_parameter_plan *plan);
/* Allocates the block and points every weight into it. */
att_status att_parameters_place(att_model *model);
void att_parameters_free(att_model *model);

/* A name without what files may leave out in front of it (weights.c). */
const char *att_bare_name(const att_model *model, const char *name);

/* Initial values (docs/TRAINING.md); 1 for the norms' gamma, 0 for biases. */
void att_parameters_initialise(att_model *model, uint64_t seed);

#endif
