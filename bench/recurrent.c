/*
 * Owns the timing of the recurrent layers: forward and backward of two layers of width 512 over 64 sequences of 30
 * rows, the gradients of weights and inputs with it, for each cell. Prints a JSON object: seconds of the best of
 * ROUNDS. Run: bench_recurrent [THREADS [CELL]]; bench/recurrent.py compares them with PyTorch's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "layers/recurrent.h"

enum { SEQUENCES = 64, LENGTH = 30, ROWS = SEQUENCES * LENGTH, WIDTH = 512, LAYERS = 2, ROUNDS = 9 };

static att_context *ctx;

static att_weight new_weight(int64_t rows, int64_t cols) {
  float *values = att_alloc_aligned(ctx, (size_t)(rows * cols), sizeof *values);
  float *gradient = att_alloc_aligned(ctx, (size_t)(rows * cols), sizeof *values);
  if (!values || !gradient) exit(1);
  for (int64_t i = 0; i < rows * cols; i++) values[i] = (float)(0.08 * att_uniform(7, (uint64_t)i) - 0.04);
  return (att_weight){.data = values, .grad = gradient, .rows = rows, .cols = cols, .frozen_row = -1};
}

static att_status pass(att_arena *arena, const att_recurrent_layer *layers, att_cell cell, const float *inputs) {
  static int64_t start[SEQUENCES + 1];
  for (int64_t i = 0; i <= SEQUENCES; i++) start[i] = i * LENGTH;
  att_arena_reset(arena);
  att_run run = {.ctx = ctx, .arena = arena};
  att_tensor x;
  ATT_TRY(att_tape_new(arena, &run.tape));
  ATT_TRY(att_tensor_new(&run, ROWS, WIDTH, &x));
  memcpy(x.data, inputs, sizeof(float) * ROWS * WIDTH);
  att_recurrent_pass p = {.cell = cell, .sequences = {SEQUENCES, start}};
  ATT_TRY(att_recurrent_forward(&run, layers, LAYERS, &p, &x));
  float *gradient;
  bool accumulate;
  ATT_TRY(att_gradient_open(&run, &x, &gradient, &accumulate));
  memcpy(gradient, inputs, sizeof(float) * ROWS * WIDTH);
  return att_backward(&run);
}

static att_status measure(att_cell cell, double *seconds) {
  att_recurrent_layer layers[LAYERS] = {{{{{0}, {0}}, {{0}, {0}}}, {{{0}, {0}}, {{0}, {0}}}}};
  int64_t gates = att_cell_gates(cell, WIDTH);
  for (int i = 0; i < LAYERS; i++) {
    layers[i].forward.input = (att_linear_layer){new_weight(gates, WIDTH), new_weight(1, gates)};
    layers[i].forward.hidden = (att_linear_layer){new_weight(gates, WIDTH), new_weight(1, gates)};
  }
  att_weight inputs = new_weight(ROWS, WIDTH);
  att_arena *arena;
  ATT_TRY(att_arena_new(ctx, &arena));
  *seconds = 1e9;
  for (int round = 0; round < ROUNDS; round++) {
    double begin = att_now();
    ATT_TRY(pass(arena, layers, cell, inputs.data));
    double took = att_now() - begin;
    if (took < *seconds) *seconds = took;
  }
  att_arena_free(arena);
  return ATT_OK;
}

int main(int argc, char **argv) {
  static const char *const names[] = {"rnn", "lstm", "gru"};
  const char *between = "{";
  att_context_options options = {.size = sizeof(att_context_options), .threads = argc > 1 ? atoi(argv[1]) : 0};
  if (att_context_new(&options, &ctx)) return 1;
  for (int cell = 0; cell < 3; cell++) {
    double seconds;
    if (argc > 2 && strcmp(argv[2], names[cell]) != 0) continue;
    if (measure((att_cell)cell, &seconds)) return 1;
    printf("%s\"%s\": %.5f", between, names[cell], seconds);
    between = ", ";
  }
  puts("}");
  return 0;
}
