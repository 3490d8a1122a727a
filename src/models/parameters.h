/*
 * Owns the parameter table: how a family names its parameters and where their values are. Refuses to know what
 * they compute.
 */
#ifndef ATT_MODELS_PARAMETERS_H
#define ATT_MODELS_PARAMETERS_H

#include "models/model.h"

/* What a parameter is, before it has values. */
typedef struct att_parameter_plan {
  const char *name; /* copied */
  int64_t rows, cols;
  int rank;
  bool decay, fixed, running, not_in_file, transposed, optional, ones, floats, unquantized; /* as in att_parameter */
  bool joined;        /* belongs to the same weight as the one before */
  int64_t kernel;     /* as in att_parameter */
  att_weight *weight; /* filled by att_parameters_point */
  int64_t frozen_row; /* -1: none */
} att_parameter_plan;

/* Appends. part: of all that follow, copied; fails with ATT_MEMORY. */
att_status att_parameter_add(att_model *model, const char *part, const att_parameter_plan *plan);
/* Own memory of that type, zeroed, for a parameter that has no values. */
att_status att_parameter_allocate(att_model *model, att_parameter *p, att_type type);
/* The values of a parameter that is float32 and not the file's. */
float *att_parameter_values(const att_parameter *p);
/* Sets what ops see to where the values are now. */
void att_parameters_point(att_model *model);
void att_parameters_free(att_model *model);

/* Whether a file has two tensors that differ for what the config ties (lm_head.weight beside the embedding):
 * Transformers then uses both (weights.c). */
bool att_model_ties_differ(const att_model *model, const att_tensor_file *file);

/* A name without what files may leave out in front of it (weights.c). */
const char *att_bare_name(const att_model *model, const char *name);

/* Initial values (docs/TRAINING.md) of the parameters that `fresh` marks, or of all where it is NULL: 1 for the norms'
 * gamma, 0 for biases. They are float32 and zeros. */
void att_parameters_initialise(att_model *model, uint64_t seed, const bool *fresh);

#endif
