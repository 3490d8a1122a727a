/* Owns the plain C form of the recurrent cells and of additive attention's score. See kernels.h. */
#include "kernels/portable.h"

#include <math.h>

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

static float state_part(const att_cell_args *a, int64_t g, int64_t u) {
  return a->products[g * a->width + u] + (a->bias ? a->bias[g * a->width + u] : 0);
}

static float gate_sum(const att_cell_args *a, int64_t g, int64_t u) {
  return a->gates[g * a->width + u] + state_part(a, g, u);
}

static void rnn_forward(const att_cell_args *a, int64_t u) { a->after[u] = a->gates[u] = tanhf(gate_sum(a, 0, u)); }

static void lstm_forward(const att_cell_args *a, int64_t u) {
  int64_t w = a->width;
  float in = sigmoid(gate_sum(a, 0, u)), forget = sigmoid(gate_sum(a, 1, u));
  float cell = tanhf(gate_sum(a, 2, u)), out = sigmoid(gate_sum(a, 3, u));
  a->gates[u] = in;
  a->gates[w + u] = forget;
  a->gates[2 * w + u] = cell;
  a->gates[3 * w + u] = out;
  a->after[w + u] = forget * a->before[w + u] + in * cell;
  a->after[u] = out * tanhf(a->after[w + u]);
}

static void gru_forward(const att_cell_args *a, int64_t u) {
  int64_t w = a->width;
  float reset = sigmoid(gate_sum(a, 0, u)), update = sigmoid(gate_sum(a, 1, u)), inner = state_part(a, 2, u);
  float fresh = tanhf(a->gates[2 * w + u] + reset * inner);
  a->gates[u] = reset;
  a->gates[w + u] = update;
  a->gates[2 * w + u] = fresh;
  a->inner[u] = inner;
  a->after[u] = fresh + update * (a->before[u] - fresh);
}

static void cell_forward(const att_cell_args *a, att_cell cell, int64_t first, int64_t end) {
  for (int64_t u = first; u < end; u++) {
    if (cell == ATT_CELL_RNN) rnn_forward(a, u);
    if (cell == ATT_CELL_LSTM) lstm_forward(a, u);
    if (cell == ATT_CELL_GRU) gru_forward(a, u);
  }
}

static float state_gradient(const att_cell_args *a, int64_t u) { return a->dstate[u] + (a->dout ? a->dout[u] : 0); }

static void put_gate(const att_cell_args *a, int64_t g, int64_t u, float d) {
  a->dgates[g * a->width + u] = a->dproducts[g * a->width + u] = d;
}

static void rnn_backward(const att_cell_args *a, int64_t u) {
  put_gate(a, 0, u, state_gradient(a, u) * (1 - a->gates[u] * a->gates[u]));
}

static void lstm_backward(const att_cell_args *a, int64_t u) {
  int64_t w = a->width;
  float in = a->gates[u], forget = a->gates[w + u], cell = a->gates[2 * w + u], out = a->gates[3 * w + u];
  float before = a->before[w + u], tanh_c = tanhf(forget * before + in * cell), dh = state_gradient(a, u);
  float dc = a->dstate[w + u] + dh * out * (1 - tanh_c * tanh_c);
  put_gate(a, 0, u, dc * cell * in * (1 - in));
  put_gate(a, 1, u, dc * before * forget * (1 - forget));
  put_gate(a, 2, u, dc * in * (1 - cell * cell));
  put_gate(a, 3, u, dh * tanh_c * out * (1 - out));
  a->dstate[w + u] = dc * forget;
}

static void gru_backward(const att_cell_args *a, int64_t u) {
  int64_t w = a->width;
  float reset = a->gates[u], update = a->gates[w + u], fresh = a->gates[2 * w + u], dh = state_gradient(a, u);
  float dfresh = dh * (1 - update) * (1 - fresh * fresh);
  put_gate(a, 0, u, dfresh * a->inner[u] * reset * (1 - reset));
  put_gate(a, 1, u, dh * (a->before[u] - fresh) * update * (1 - update));
  a->dgates[2 * w + u] = dfresh;
  a->dproducts[2 * w + u] = dfresh * reset;
  a->dstate[u] = dh * update;
}

static void cell_backward(const att_cell_args *a, att_cell cell, int64_t first, int64_t end) {
  for (int64_t u = first; u < end; u++) {
    if (cell == ATT_CELL_RNN) rnn_backward(a, u);
    if (cell == ATT_CELL_LSTM) lstm_backward(a, u);
    if (cell == ATT_CELL_GRU) gru_backward(a, u);
  }
}

static float additive_score(const float *q, const float *k, const float *v, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += v[i] * tanhf(q[i] + k[i]);
  return sum;
}

static void additive_backward(float *dq, float *dk, float *dv, const float *q, const float *k, const float *v,
                              float dscore, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float y = tanhf(q[i] + k[i]), dz = dscore * v[i] * (1 - y * y);
    dq[i] += dz;
    dk[i] += dz;
    dv[i] += dscore * y;
  }
}

void att_kernels_portable_recurrent(att_kernels *table) {
  table->cell_forward = cell_forward;
  table->cell_backward = cell_backward;
  table->additive_score = additive_score;
  table->additive_backward = additive_backward;
}
