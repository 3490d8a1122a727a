/*
 * Owns the kernels written once for every instruction set: an instruction set's file defines W (floats in a vector),
 * vec, ints, vmask and the small v_, i_ and d_ functions on them, then includes this. What is left of a row beyond its
 * whole vectors is done with masks, so that no sum depends on alignment.
 */
#ifndef ATT_KERNELS_SIMD_H
#define ATT_KERNELS_SIMD_H

#include "kernels/simd_rows.h"

#include "kernels/simd_product.h"

#include "kernels/simd_attention.h"

#include "kernels/simd_recurrent.h"

static void fill(att_kernels *table) {
  table->dot = dot;
  table->sum_squares = sum_squares;
  table->add = add;
  table->scale = scale;
  table->axpy = axpy;
  table->column_sums = column_sums;
  table->bias = bias;
  table->activation = activation;
  table->activation_backward = activation_backward;
  table->gated = gated;
  table->gated_backward = gated_backward;
  table->rotary = rotary;
  table->layer_norm = layer_norm;
  table->layer_norm_backward = layer_norm_backward;
  table->rms_norm = rms_norm;
  table->rms_norm_backward = rms_norm_backward;
  table->soft_cap = soft_cap;
  table->soft_cap_backward = soft_cap_backward;
  table->dropout = dropout;
  table->add_dropout = add_dropout;
  table->softmax = softmax;
  table->log_sum_exp = log_sum_exp;
  table->cross_entropy = cross_entropy;
  table->attention_forward = attention_forward;
  table->attention_backward = attention_backward;
  table->cell_forward = cell_forward;
  table->cell_backward = cell_backward;
  table->additive_score = additive_score;
  table->additive_backward = additive_backward;
  table->adam = adam;
  table->to_f32 = to_f32;
  table->from_f32 = from_f32;
  table->pack = pack;
  table->few_rows = few_rows;
  table->few_rows_most = FEW_MOST;
  table->gemm_tile = gemm_tile;
  table->gemm_lanes = W;
  table->gemm_tile_rows = TILE_ROWS;
  table->gemm_tile_cols = TILE_VECTORS * W;
}

#endif
