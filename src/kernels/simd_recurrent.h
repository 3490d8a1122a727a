/* Owns the recurrent cells and additive attention's score. Part of simd.h. */
#ifndef ATT_KERNELS_SIMD_RECURRENT_H
#define ATT_KERNELS_SIMD_RECURRENT_H

#include "kernels/simd_math.h"

/* The first left elements of gate g at unit u: what the state adds to it. */
static inline vec state_part(const att_cell_args *a, int64_t g, int64_t u, int64_t left) {
  vec p = v_load(a->products + g * a->width + u, left);
  return a->bias ? v_add(p, v_load(a->bias + g * a->width + u, left)) : p;
}

static inline vec gate_sum(const att_cell_args *a, int64_t g, int64_t u, int64_t left) {
  return v_add(v_load(a->gates + g * a->width + u, left), state_part(a, g, u, left));
}

static void rnn_forward(const att_cell_args *a, int64_t u, int64_t left) {
  vec h = v_tanh(gate_sum(a, 0, u, left));
  v_store(a->gates + u, h, left);
  v_store(a->after + u, h, left);
}

static void lstm_forward(const att_cell_args *a, int64_t u, int64_t left) {
  int64_t w = a->width;
  vec in = v_sigmoid(gate_sum(a, 0, u, left)), forget = v_sigmoid(gate_sum(a, 1, u, left));
  vec cell = v_tanh(gate_sum(a, 2, u, left)), out = v_sigmoid(gate_sum(a, 3, u, left));
  vec c = v_fma(forget, v_load(a->before + w + u, left), v_mul(in, cell));
  v_store(a->gates + u, in, left);
  v_store(a->gates + w + u, forget, left);
  v_store(a->gates + 2 * w + u, cell, left);
  v_store(a->gates + 3 * w + u, out, left);
  v_store(a->after + u, v_mul(out, v_tanh(c)), left);
  v_store(a->after + w + u, c, left);
}

static void gru_forward(const att_cell_args *a, int64_t u, int64_t left) {
  int64_t w = a->width;
  vec reset = v_sigmoid(gate_sum(a, 0, u, left)), update = v_sigmoid(gate_sum(a, 1, u, left));
  vec inner = state_part(a, 2, u, left);
  vec fresh = v_tanh(v_fma(reset, inner, v_load(a->gates + 2 * w + u, left)));
  v_store(a->gates + u, reset, left);
  v_store(a->gates + w + u, update, left);
  v_store(a->gates + 2 * w + u, fresh, left);
  v_store(a->inner + u, inner, left);
  v_store(a->after + u, v_fma(update, v_sub(v_load(a->before + u, left), fresh), fresh), left);
}

static void cell_forward(const att_cell_args *a, att_cell cell, int64_t first, int64_t end) {
  for (int64_t u = first; u < end; u += W) {
    if (cell == ATT_CELL_RNN) rnn_forward(a, u, end - u);
    if (cell == ATT_CELL_LSTM) lstm_forward(a, u, end - u);
    if (cell == ATT_CELL_GRU) gru_forward(a, u, end - u);
  }
}

/* The gradient of h. */
static inline vec state_gradient(const att_cell_args *a, int64_t u, int64_t left) {
  vec dh = v_load(a->dstate + u, left);
  return a->dout ? v_add(dh, v_load(a->dout + u, left)) : dh;
}

/* d * (1 - y^2), d * y * (1 - y): through tanh and the logistic function. */
static inline vec through_tanh(vec d, vec y) { return v_mul(d, v_fnma(y, y, v_set(1))); }
static inline vec through_sigmoid(vec d, vec y) { return v_mul(d, v_fnma(y, y, y)); }

static inline void put_gate(const att_cell_args *a, int64_t g, int64_t u, int64_t left, vec d) {
  v_store(a->dgates + g * a->width + u, d, left);
  v_store(a->dproducts + g * a->width + u, d, left);
}

static void rnn_backward(const att_cell_args *a, int64_t u, int64_t left) {
  put_gate(a, 0, u, left, through_tanh(state_gradient(a, u, left), v_load(a->gates + u, left)));
}

static void lstm_backward(const att_cell_args *a, int64_t u, int64_t left) {
  int64_t w = a->width;
  vec in = v_load(a->gates + u, left), forget = v_load(a->gates + w + u, left);
  vec cell = v_load(a->gates + 2 * w + u, left), out = v_load(a->gates + 3 * w + u, left);
  vec before = v_load(a->before + w + u, left), tanh_c = v_tanh(v_fma(forget, before, v_mul(in, cell)));
  vec dh = state_gradient(a, u, left);
  vec dc = v_add(v_load(a->dstate + w + u, left), through_tanh(v_mul(dh, out), tanh_c));
  put_gate(a, 0, u, left, through_sigmoid(v_mul(dc, cell), in));
  put_gate(a, 1, u, left, through_sigmoid(v_mul(dc, before), forget));
  put_gate(a, 2, u, left, through_tanh(v_mul(dc, in), cell));
  put_gate(a, 3, u, left, through_sigmoid(v_mul(dh, tanh_c), out));
  v_store(a->dstate + w + u, v_mul(dc, forget), left);
}

static void gru_backward(const att_cell_args *a, int64_t u, int64_t left) {
  int64_t w = a->width;
  vec reset = v_load(a->gates + u, left), update = v_load(a->gates + w + u, left);
  vec fresh = v_load(a->gates + 2 * w + u, left), inner = v_load(a->inner + u, left);
  vec dh = state_gradient(a, u, left), direct = v_mul(dh, update);
  vec dfresh = through_tanh(v_sub(dh, direct), fresh);
  put_gate(a, 0, u, left, through_sigmoid(v_mul(dfresh, inner), reset));
  put_gate(a, 1, u, left, through_sigmoid(v_mul(dh, v_sub(v_load(a->before + u, left), fresh)), update));
  v_store(a->dgates + 2 * w + u, dfresh, left);
  v_store(a->dproducts + 2 * w + u, v_mul(dfresh, reset), left);
  v_store(a->dstate + u, direct, left);
}

static void cell_backward(const att_cell_args *a, att_cell cell, int64_t first, int64_t end) {
  for (int64_t u = first; u < end; u += W) {
    if (cell == ATT_CELL_RNN) rnn_backward(a, u, end - u);
    if (cell == ATT_CELL_LSTM) lstm_backward(a, u, end - u);
    if (cell == ATT_CELL_GRU) gru_backward(a, u, end - u);
  }
}

static float additive_score(const float *q, const float *k, const float *v, int64_t n) {
  vec sum = v_zero();
  for (int64_t i = 0; i < n; i += W) {
    vec y = v_tanh(v_add(v_load(q + i, n - i), v_load(k + i, n - i)));
    sum = v_fma(v_load(v + i, n - i), y, sum);
  }
  return v_sum(sum);
}

static void additive_backward(float *dq, float *dk, float *dv, const float *q, const float *k, const float *v,
                              float dscore, int64_t n) {
  for (int64_t i = 0; i < n; i += W) {
    int64_t left = n - i;
    vec y = v_tanh(v_add(v_load(q + i, left), v_load(k + i, left))), d = v_set(dscore);
    vec dz = through_tanh(v_mul(d, v_load(v + i, left)), y);
    v_store(dq + i, v_add(v_load(dq + i, left), dz), left);
    v_store(dk + i, v_add(v_load(dk + i, left), dz), left);
    v_store(dv + i, v_fma(d, y, v_load(dv + i, left)), left);
  }
}

#endif
