/*
 * Owns the timing of the kernels: each one of every instruction set that this machine has, at the shapes of a
 * Transformer of width 256, beside what the machine can do at most (reading memory, and the product's tile in the
 * first-level cache). Run: bench_kernels [THREADS [WORD]], where only what
 * has the word in its line is timed; the tests have to pass first.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "kernels/gemm.h"
#include "kernels/gemm_own.h"

enum { ROWS = 2048, WIDTH = 256, VOCABULARY = 8000, ALL = ROWS * WIDTH, TOKENS = 30, HEADS = 4, HEAD = 64 };

static const att_kernels *kernels;
static att_context *ctx;
static float *x, *y, *z, *w, *scratch; /* x, y, z, w: [4 * ALL] */
static float sink;
static const char *word = "";

static void run_dot(void) { sink += kernels->dot(x, y, ALL); }
static void run_sum_squares(void) { sink += (float)kernels->sum_squares(x, ALL); }
static void run_add(void) { kernels->add(y, x, ALL); }
static void run_scale(void) { kernels->scale(y, 1, ALL); }
static void run_axpy(void) { kernels->axpy(y, 0.5f, x, ALL); }
static void run_column_sums(void) { kernels->column_sums(y, x, WIDTH, ROWS, WIDTH); }
static void run_bias(void) { kernels->bias(y, x, WIDTH, ROWS, WIDTH); }
static void run_relu(void) { kernels->activation(y, x, ATT_RELU, ALL); }
static void run_gelu(void) { kernels->activation(y, x, ATT_GELU, ALL); }
static void run_silu(void) { kernels->activation(y, x, ATT_SILU, ALL); }
static void run_gelu_tanh(void) { kernels->activation(y, x, ATT_GELU_TANH, ALL); }
static void run_tanh(void) { kernels->activation(y, x, ATT_TANH, ALL); }
static void run_gated(void) { kernels->gated(y, x, ATT_SILU, ROWS, WIDTH); }
static void run_gated_backward(void) { kernels->gated_backward(z, y, x, ATT_SILU, false, ROWS, WIDTH); }
static void run_rotary(void) {
  static float turns[HEAD];
  for (int k = 0; turns[0] == 0 && k < HEAD / 2; k++) {
    turns[k] = cosf((float)k);
    turns[HEAD / 2 + k] = sinf((float)k);
  }
  for (int64_t i = 0; i < ROWS; i++) kernels->rotary(y + i * WIDTH, turns, turns + HEAD / 2, 1, HEADS, HEAD, HEAD);
}
static void run_relu_backward(void) { kernels->activation_backward(z, y, x, ATT_RELU, ALL); }
static void run_gelu_backward(void) { kernels->activation_backward(z, y, x, ATT_GELU, ALL); }
static void run_gelu_tanh_backward(void) { kernels->activation_backward(z, y, x, ATT_GELU_TANH, ALL); }
static void run_norm(void) { kernels->layer_norm(y, z, z + ROWS, x, w, w + WIDTH, 1e-5f, ROWS, WIDTH); }
static void run_norm_backward(void) {
  kernels->layer_norm_backward(y, z + 2 * ROWS, z + 2 * ROWS + WIDTH, w, x, z, z + ROWS, w, true, ROWS, WIDTH);
}
static void run_rms(void) { kernels->rms_norm(y, z, x, w, 1e-5f, ROWS, WIDTH); }
static void run_rms_backward(void) { kernels->rms_norm_backward(y, z + 2 * ROWS, w, x, z, w, true, ROWS, WIDTH); }
static void run_dropout(void) { kernels->dropout(y, x, 7, 0, 1u << 30, 1.3f, false, ALL); }
static void run_add_dropout(void) { kernels->add_dropout(y, x, w, 7, 0, 1u << 30, 1.3f, ALL); }
static void run_softmax(void) { kernels->softmax(y, VOCABULARY); }
static void run_log_sum_exp(void) { sink += kernels->log_sum_exp(x, VOCABULARY); }
static void run_cross_entropy(void) {
  double loss, nll;
  kernels->cross_entropy(y, &loss, &nll, 3, 0.1f, 1, true, VOCABULARY);
}
static void run_adam(void) {
  const att_adam_args args = {1e-3f, 0.9f, 0.98f, 1e-9f, 0, 0.1f, 0.02f, 1};
  kernels->adam(y, z, w, x, &args, ALL);
}
static void run_from_bf16(void) { kernels->to_f32(y, x, ATT_BF16, ALL); }
static void run_to_bf16(void) { kernels->from_f32(y, x, ATT_BF16, ALL); }
static void run_from_f16(void) { kernels->to_f32(y, w, ATT_F16, ALL); }
static void run_to_f16(void) { kernels->from_f32(y, x, ATT_F16, ALL); }
static void run_pack(void) { kernels->pack(y, x, WIDTH, false, ROWS, WIDTH, kernels->gemm_tile_rows); }
static void run_pack_fast(void) { kernels->pack(y, x, ROWS, true, ROWS, WIDTH, kernels->gemm_tile_cols); }

static att_attention_args attention(int64_t queries) {
  return (att_attention_args){.q = x,
                              .k = x + WIDTH,
                              .v = x + 2 * WIDTH,
                              .ldq = 3 * WIDTH,
                              .ldk = 3 * WIDTH,
                              .ldv = 3 * WIDTH,
                              .query_count = queries,
                              .key_count = TOKENS,
                              .heads = HEADS,
                              .kv_heads = HEADS,
                              .size = HEAD,
                              .scale = 0.125f,
                              .o = y,
                              .ldo = WIDTH,
                              .lse = z,
                              .d_o = w,
                              .dq = y + ALL,
                              .dk = y + ALL + WIDTH,
                              .dv = y + ALL + 2 * WIDTH};
}
static void run_attention(void) {
  att_attention_args args = attention(TOKENS);
  kernels->attention_forward(&args, 0, HEADS, scratch);
}
static void run_attention_step(void) {
  att_attention_args args = attention(1);
  kernels->attention_forward(&args, 0, HEADS, scratch);
}
static void run_attention_backward(void) {
  att_attention_args args = attention(TOKENS);
  kernels->attention_backward(&args, 0, HEADS, scratch);
}

/* A decoder's: causal, 64 tokens; of four heads of 64 or eight of 32. */
static att_attention_args decoder(int size, bool biased) {
  att_attention_args args = attention(64);
  args.key_count = 64;
  args.heads = args.kv_heads = WIDTH / size;
  args.size = size;
  args.causal = true;
  args.bias = biased ? x + 63 : NULL;
  args.bias_stride = args.dbias_stride = 127;
  args.dbias = biased ? z + ALL : NULL;
  return args;
}
static void run_decoder(void) {
  att_attention_args args = decoder(64, false);
  kernels->attention_forward(&args, 0, args.heads, scratch);
}
static void run_decoder_biased(void) {
  att_attention_args args = decoder(64, true);
  kernels->attention_forward(&args, 0, args.heads, scratch);
}
static void run_decoder_narrow(void) {
  att_attention_args args = decoder(32, false);
  kernels->attention_forward(&args, 0, args.heads, scratch);
}
static void run_decoder_backward(void) {
  att_attention_args args = decoder(64, false);
  kernels->attention_backward(&args, 0, args.heads, scratch);
}
static void run_decoder_biased_backward(void) {
  att_attention_args args = decoder(64, true);
  kernels->attention_backward(&args, 0, args.heads, scratch);
}
static void run_decoder_narrow_backward(void) {
  att_attention_args args = decoder(32, false);
  kernels->attention_backward(&args, 0, args.heads, scratch);
}

static void run_few_1(void) { kernels->few_rows(y, VOCABULARY, x, WIDTH, w, ATT_F32, WIDTH, 1, VOCABULARY, WIDTH); }
static void run_few_4(void) { kernels->few_rows(y, VOCABULARY, x, WIDTH, w, ATT_F32, WIDTH, 4, VOCABULARY, WIDTH); }
static void run_few_16(void) { kernels->few_rows(y, VOCABULARY, x, WIDTH, w, ATT_F32, WIDTH, 16, VOCABULARY, WIDTH); }
static void run_few_small(void) { kernels->few_rows(y, WIDTH, x, WIDTH, w, ATT_F32, WIDTH, 4, WIDTH, WIDTH); }
static void run_tile(void) {
  for (int i = 0; i < 1000; i++)
    kernels->gemm_tile(y, kernels->gemm_tile_cols, x, w, kernels->gemm_tile_rows, kernels->gemm_tile_cols, 128, true);
}

/* Amounts of one call. bytes: read and written once each; flops: 0 where bytes are what counts. */
static const struct entry {
  const char *name;
  void (*run)(void);
  double bytes, flops;
} entries[] = {
    {"dot 524288", run_dot, 8. * ALL, 0},
    {"sum_squares 524288", run_sum_squares, 4. * ALL, 0},
    {"add 524288", run_add, 12. * ALL, 0},
    {"scale 524288", run_scale, 8. * ALL, 0},
    {"axpy 524288", run_axpy, 12. * ALL, 0},
    {"column_sums 2048x256", run_column_sums, 4. * ALL, 0},
    {"bias 2048x256", run_bias, 8. * ALL, 0},
    {"relu 524288", run_relu, 8. * ALL, 0},
    {"gelu 524288", run_gelu, 8. * ALL, 0},
    {"silu 524288", run_silu, 8. * ALL, 0},
    {"gelu_tanh 524288", run_gelu_tanh, 8. * ALL, 0},
    {"tanh 524288", run_tanh, 8. * ALL, 0},
    {"gated 2048x256", run_gated, 12. * ALL, 0},
    {"gated backward 2048x256", run_gated_backward, 20. * ALL, 0},
    {"rotary 2048x4x64", run_rotary, 8. * ALL, 0},
    {"relu backward 524288", run_relu_backward, 12. * ALL, 0},
    {"gelu backward 524288", run_gelu_backward, 12. * ALL, 0},
    {"gelu_tanh backward 524288", run_gelu_tanh_backward, 12. * ALL, 0},
    {"layer_norm 2048x256", run_norm, 8. * ALL, 0},
    {"layer_norm backward 2048x256", run_norm_backward, 16. * ALL, 0},
    {"rms_norm 2048x256", run_rms, 8. * ALL, 0},
    {"rms_norm backward 2048x256", run_rms_backward, 16. * ALL, 0},
    {"dropout 524288", run_dropout, 8. * ALL, 0},
    {"add_dropout 524288", run_add_dropout, 12. * ALL, 0},
    {"softmax 8000", run_softmax, 8. * VOCABULARY, 0},
    {"log_sum_exp 8000", run_log_sum_exp, 4. * VOCABULARY, 0},
    {"cross_entropy 8000", run_cross_entropy, 8. * VOCABULARY, 0},
    {"adam 524288", run_adam, 28. * ALL, 0},
    {"from bfloat16 524288", run_from_bf16, 6. * ALL, 0},
    {"to bfloat16 524288", run_to_bf16, 6. * ALL, 0},
    {"from float16 524288", run_from_f16, 6. * ALL, 0},
    {"to float16 524288", run_to_f16, 6. * ALL, 0},
    {"pack 2048x256", run_pack, 8. * ALL, 0},
    {"pack 256x2048, rows fast", run_pack_fast, 8. * ALL, 0},
    {"few_rows 1x8000x256", run_few_1, 4. * VOCABULARY *WIDTH, 0},
    {"few_rows 4x8000x256", run_few_4, 4. * VOCABULARY *WIDTH, 0},
    {"few_rows 16x8000x256", run_few_16, 4. * VOCABULARY *WIDTH, 0},
    {"few_rows 4x256x256", run_few_small, 4. * WIDTH *WIDTH, 0},
    {"attention 1 query, 30 keys, 4x64", run_attention_step, 0, 4. * TOKENS *WIDTH},
    {"attention 30x30, 4x64", run_attention, 0, 4. * TOKENS *TOKENS *WIDTH},
    {"attention backward 30x30, 4x64", run_attention_backward, 0, 10. * TOKENS *TOKENS *WIDTH},
    {"causal attention 64x64, 4x64", run_decoder, 0, 2. * 64 * 64 * WIDTH},
    {"the same with a bias", run_decoder_biased, 0, 2. * 64 * 64 * WIDTH},
    {"causal attention 64x64, 8x32", run_decoder_narrow, 0, 2. * 64 * 64 * WIDTH},
    {"causal attention backward 64x64, 4x64", run_decoder_backward, 0, 5. * 64 * 64 * WIDTH},
    {"the same with a bias, backward", run_decoder_biased_backward, 0, 5. * 64 * 64 * WIDTH},
    {"causal attention backward 64x64, 8x32", run_decoder_narrow_backward, 0, 5. * 64 * 64 * WIDTH},
};

/* With one thread its own time, so that a busy machine disturbs less. */
static double now(bool alone) {
  struct timespec t;
  clock_gettime(alone ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one call: the best of several rounds, each long enough for the clock. */
static double seconds_of(void (*run)(void), bool alone) {
  double best = INFINITY;
  int64_t count = 1;
  for (int round = 0; round < 6;) {
    double start = now(alone);
    for (int64_t i = 0; i < count; i++) run();
    double each = (now(alone) - start) / (double)count;
    if (each * (double)count < 3e-3) {
      count *= 2;
      continue;
    }
    if (each < best) best = each;
    round++;
  }
  return best;
}

static void fill(float *data, int64_t n) {
  for (int64_t i = 0; i < n; i++) data[i] = (float)(att_uniform(1, (uint64_t)i) - 0.5);
}

static int64_t shape[3];
static bool flag_a, flag_b;
static float *pa, *pb, *pc;

static void run_own(void) {
  int64_t m = shape[0], n = shape[1], k = shape[2];
  if (flag_b && !flag_a) {
    att_gemm_weight(ctx, pc, n, pa, k, pb, ATT_F32, m, n, k, true);
  } else {
    att_gemm_own(ctx, kernels, pc, n, pa, flag_a ? m : k, flag_a, pb, ATT_F32, flag_b ? k : n, flag_b, m, n, k, false);
  }
}

static void run_door(void) {
  int64_t m = shape[0], n = shape[1], k = shape[2];
  att_gemm(ctx, pc, n, pa, flag_a ? m : k, flag_a, pb, flag_b ? k : n, flag_b, m, n, k, false);
}

static const char *const sets[] = {"portable", "avx2", "avx512"};

static void print_limits(void) {
  int64_t n = (int64_t)1 << 26;
  float *large = att_alloc_aligned(ctx, (size_t)n, sizeof *large);
  kernels = att_kernels_get();
  double bytes = 0;
  for (int round = 0; large && round < 5; round++) {
    double start = now(true);
    sink += (float)kernels->sum_squares(large, n);
    double rate = 4. * (double)n / (now(true) - start);
    if (rate > bytes) bytes = rate;
  }
  att_free_aligned(ctx, large);
  double flops = 2e3 * kernels->gemm_tile_rows * kernels->gemm_tile_cols * 128 / seconds_of(run_tile, true);
  printf("one core's limits: %.1f GB/s read from memory, %.0f GFLOP/s (%s)\n", bytes / 1e9, flops / 1e9, kernels->name);
}

static void print_kernels(void) {
  printf("%-36s %7s", "kernel", "");
  for (int i = 0; i < 3; i++) printf(" %9s", sets[i]);
  printf("\n");
  for (size_t e = 0; e < sizeof entries / sizeof *entries; e++) {
    if (!strstr(entries[e].name, word)) continue;
    printf("%-36s %7s", entries[e].name, entries[e].flops > 0 ? "GFLOP/s" : "GB/s");
    for (int i = 0; i < 3; i++) {
      kernels = att_kernels_named(sets[i]);
      fill(x, 4 * ALL);
      fill(y, 4 * ALL);
      fill(z, 4 * ALL);
      fill(w, 4 * ALL);
      for (int64_t j = 0; j < ALL; j++) z[j] = fabsf(z[j]); /* Adam's second moments */
      double amount = entries[e].flops > 0 ? entries[e].flops : entries[e].bytes;
      if (kernels) printf(" %9.1f", amount / seconds_of(entries[e].run, true) / 1e9);
      if (!kernels) printf(" %9s", "-");
    }
    printf("\n");
    fflush(stdout);
  }
}

static void print_products(void) {
  static const int64_t shapes[][5] = {{2048, 1024, 256, 0, 1}, {2048, 256, 1024, 0, 1}, {2048, 768, 256, 0, 1},
                                      {2048, 256, 256, 0, 1},  {2048, 256, 1024, 0, 0}, {1024, 256, 2048, 1, 0},
                                      {512, 8000, 256, 0, 1},  {8000, 256, 512, 1, 0},  {128, 256, 256, 0, 1},
                                      {32, 1024, 256, 0, 1},   {128, 8000, 256, 0, 1},  {16, 256, 256, 0, 1}};
  kernels = att_kernels_get();
  printf("%-36s %7s %9s %9s   (%d threads)\n", "product (rows, columns, depth)", "", "own", att_gemm_name(),
         ctx->threads);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    char name[64];
    for (int j = 0; j < 3; j++) shape[j] = shapes[i][j];
    flag_a = shapes[i][3];
    flag_b = shapes[i][4];
    snprintf(name, sizeof name, "%lld, %lld, %lld %c%c", (long long)shape[0], (long long)shape[1], (long long)shape[2],
             flag_a ? 'T' : 'N', flag_b ? 'T' : 'N');
    if (!strstr(name, word)) continue;
    double amount = 2. * (double)shape[0] * (double)shape[1] * (double)shape[2];
    printf("%-36s %7s %9.1f", name, "GFLOP/s", amount / seconds_of(run_own, ctx->threads == 1) / 1e9);
    printf(" %9.1f\n", amount / seconds_of(run_door, ctx->threads == 1) / 1e9);
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  att_context_options options = {.size = sizeof(att_context_options), .threads = argc > 1 ? atoi(argv[1]) : 0};
  if (att_context_new(&options, &ctx)) return 1;
  if (argc > 2) word = argv[2];
  float **all[] = {&x, &y, &z, &w, &scratch, &pa, &pb, &pc};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    *all[i] = att_alloc_aligned(ctx, 16 * (size_t)ALL, sizeof(float));
    if (!*all[i]) return 1;
    fill(*all[i], 16 * (int64_t)ALL);
  }
  print_limits();
  print_kernels();
  print_products();
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) att_free_aligned(ctx, *all[i]);
  att_context_free(ctx);
  return sink == 1; /* so that no sum is left out */
}
