/*
 * Owns the optimizer: Adam with decoupled weight decay over a model's parameter block, and clipping by the global norm.
 * Works in fixed pieces whose sums are added in their order, so the bits do not depend on threads.
 */
#ifndef ATT_TRAIN_OPTIMIZER_H
#define ATT_TRAIN_OPTIMIZER_H

#include "models/pass.h"
#include "train/plan.h"

typedef struct att_piece {
  int64_t offset, count;
  bool decay;
  double squares; /* of the gradients, after att_optimizer_norm */
} att_piece;

typedef struct att_optimizer {
  att_model *model;    /* with gradients */
  float *mean, *power; /* [trained_total], 64-byte aligned: Adam's m and v, at the parameters' offsets */
  att_piece *pieces;   /* cover [0, trained_total) */
  int64_t piece_count;
} att_optimizer;

/* Moments are zero. */
att_status att_optimizer_new(att_model *model, att_optimizer *out);
void att_optimizer_free(att_optimizer *optimizer); /* zeroed is fine */
/* Clears the gradients of frozen rows, then gives the 2-norm of all; not finite where one of them is not. */
double att_optimizer_norm(att_optimizer *optimizer);
/* Step t, from 1, at rate lr, gradients scaled by min(1, clip / norm) where clip is above 0. Clears the gradients.
 * (Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2; Pascanu et al. 2013, algorithm 1) */
void att_optimizer_step(att_optimizer *optimizer, const att_plan *plan, int64_t t, double lr, double norm);
/* Whether every trained parameter is a finite number. */
bool att_optimizer_is_finite(att_optimizer *optimizer);

#endif
