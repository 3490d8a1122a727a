/*
 * Owns the arithmetic on raw pointers. One table of functions, filled at first use with the best this processor and its
 * operating system allow (portable <- avx2 <- avx512: each fills what it has over the one below);
 * ATTEND_ISA=portable|avx2|avx2-vnni|avx512|avx512-vnni caps it, for tests; any other value leaves the best. Kernels
 * run on the calling thread, know no tensors, allocate nothing and cannot fail. Matrices are row-major; ld... is the
 * distance between rows in elements. Outputs first, const inputs, sizes last. Names that start with d are gradients.
 * Where a kernel has `accumulate`, it adds into its output, else it overwrites. Outputs may be the same array as an
 * input only where it says so. No alignment is asked for.
 */
#ifndef ATT_KERNELS_KERNELS_H
#define ATT_KERNELS_KERNELS_H

#include "kernels/quant_panels.h"

/* Nonlinearities. GELU_TANH: "gelu_new", the approximation that GPT-2 uses. SWIGLU: SiLU in a gated feed-forward part
 * (Shazeer 2020): a plan's alone, no kernel's. */
typedef enum att_activation { ATT_RELU, ATT_GELU, ATT_SILU, ATT_SWIGLU, ATT_GELU_TANH, ATT_TANH } att_activation;

/* One sequence's attention, for a range of heads. Head h reads columns [h*size, (h+1)*size) of q and o, and with
 * grouped heads columns [(h*kv_heads/heads)*size, ...) of k and v. Query i stands at position key_count - query_count +
 * i; where causal, it sees the keys up to its own position, the last `window` of them; one that sees none gets zeros.
 * Keys that no query of a block sees are not touched. (Vaswani et al. 2017, section 3.2) */
typedef struct att_attention_args {
  const float *q;
  const void *k, *v; /* of key_type: floats, but where they lie in a cache (key_rows), and in backward */
  att_type key_type;
  int64_t ldq, ldk, ldv;   /* in numbers */
  const int32_t *key_rows; /* row of k and v that holds key j; NULL: row j */
  int64_t query_count, key_count;
  int heads, kv_heads, size; /* size: columns of a head, at most 256 */
  float scale;
  bool causal;
  int64_t window; /* where causal; 0: all */
  float softcap;  /* scaled scores s become softcap * tanh(s / softcap) (Gemma 2's report, section 2); 0: they stay */
  const float *bias; /* added to these scores: of head h at distance d = key - query position (negative in the
                        past) bias[h * bias_stride + d]; NULL: none */
  int64_t bias_stride;
  float *o; /* forward: out; backward: in. NULL in backward is not allowed */
  int64_t ldo;
  float *
      lse; /* [query_count, heads]: log of the sum of the exponentials. Forward: out (NULL: not wanted); backward: in */
  float *probs; /* [heads, query_count, key_count] or NULL: the weights themselves, for looking (forward only) */
  /* backward only; dk and dv are for contiguous keys (key_rows NULL) */
  const float *d_o;
  float *dq, *dk, *dv; /* leading dimensions as q, k, v */
  bool accumulate_q, accumulate_kv;
  float *dbias; /* laid out as bias, with a stride of its own; added into. NULL: not wanted */
  int64_t dbias_stride;
} att_attention_args;

/* Floats of scratch that one call of attention_forward or _backward may use. */
int64_t att_attention_scratch(int64_t query_count, int64_t key_count, int size);

typedef struct att_adam_args {
  float lr, beta1, beta2, epsilon, weight_decay; /* decoupled: w -= lr * weight_decay * w (Loshchilov & Hutter 2019) */
  float correction1, correction2;                /* 1 - beta^t */
  float grad_scale;                              /* clipping: g is multiplied by it first */
} att_adam_args;

typedef enum att_cell { ATT_CELL_RNN, ATT_CELL_LSTM, ATT_CELL_GRU } att_cell;

/* One row of a recurrent cell (Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014; formulas and the order of
 * the gates as PyTorch's). Gate g of `width` units begins at g * width: of an LSTM input, forget, cell, output; of a
 * GRU reset, update, new. A state is h, and of an LSTM c behind it, at `width`. */
typedef struct att_cell_args {
  int64_t width;
  float *gates;        /* forward: in the input's products with their bias, out the gates' values; backward: those */
  float *inner;        /* GRU: W_hn h + b_hn. Forward: out; backward: in */
  const float *before; /* the state */
  const float *products, *bias; /* forward: the state's products, [gates]; their bias or NULL */
  float *after;                 /* forward: the new state, out */
  const float *dout;            /* backward, as all below: the gradient of h, or NULL; added to that in dstate */
  float *dstate; /* in: the gradient of the new state; out: of the one before, but for what goes through products */
  float *dgates, *dproducts; /* out: of `gates` before their functions, and of `products` */
} att_cell_args;

/* Name, then the function's type. One list feeds the table, the tests and the benchmark. */
typedef struct att_kernels {
  const char *name;

  /* sums; in a fixed order for given n */
  float (*dot)(const float *a, const float *b, int64_t n);
  double (*sum_squares)(const float *x,
                        int64_t n); /* accumulates in double (by blocks); NaN and infinity come through */
  void (*add)(float *y, const float *x, int64_t n);                                        /* y += x */
  void (*scale)(float *y, float factor, int64_t n);                                        /* y *= factor */
  void (*axpy)(float *y, float a, const float *x, int64_t n);                              /* y += a * x */
  void (*column_sums)(float *dy, const float *x, int64_t ldx, int64_t rows, int64_t cols); /* dy[c] += sum over rows */

  void (*bias)(float *y, const float *b, int64_t ldy, int64_t rows, int64_t cols); /* y[r, :] += b */

  /* activations, over n elements. z: before, y: after; y may be z in forward. Backward: dz may be dy. ReLU's takes y as
   * z (same sign). GELU is the exact one, x * Phi(x) (Hendrycks & Gimpel 2016), as Hugging Face's "gelu"; GELU_TANH the
   * paper's approximation, Hugging Face's "gelu_new"; SWIGLU's is SILU */
  void (*activation)(float *y, const float *z, att_activation kind, int64_t n);
  void (*activation_backward)(float *dz, const float *dy, const float *z, att_activation kind, int64_t n);
  /* y[rows, cols] = f(x[:, 0 .. cols)) * x[:, cols .. 2 * cols) (Shazeer 2020). dx: accumulate or overwrite */
  void (*gated)(float *y, const float *x, att_activation kind, int64_t rows, int64_t cols);
  void (*gated_backward)(float *dx, const float *dy, const float *x, att_activation kind, bool accumulate, int64_t rows,
                         int64_t cols);

  /* One row of heads, in place: of each, columns k and k + turned / 2 are turned by the angle whose cosine and sine are
   * at k, [turned / 2] (Su et al. 2021, section 3.2.2); turned <= size, and the others stay. direction: 1, or -1 to
   * turn back */
  void (*rotary)(float *x, const float *cosines, const float *sines, float direction, int64_t heads, int64_t size,
                 int64_t turned);

  /* Layer normalisation of rows (Ba et al. 2016): y = (x - mean) * rstd * gamma + beta. beta may be NULL. mean, rstd:
   * [rows], out; NULL: not wanted */
  void (*layer_norm)(float *y, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                     float epsilon, int64_t rows, int64_t cols);
  /* dx: accumulate or overwrite; dgamma, dbeta (each may be NULL): added into */
  void (*layer_norm_backward)(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                              const float *mean, const float *rstd, const float *gamma, bool accumulate, int64_t rows,
                              int64_t cols);
  /* The same without mean and beta: y = x * rstd * gamma, rstd = 1 / root mean square (Zhang & Sennrich 2019). */
  /* y may be x; dx may be dy where not accumulate */
  void (*rms_norm)(float *y, float *rstd, const float *x, const float *gamma, float epsilon, int64_t rows,
                   int64_t cols);
  void (*rms_norm_backward)(float *dx, float *dgamma, const float *dy, const float *x, const float *rstd,
                            const float *gamma, bool accumulate, int64_t rows, int64_t cols);

  /* In place: x = cap * tanh(x / cap); and dx *= 1 - (y / cap)^2, y being what the first one gave. cap > 0 */
  void (*soft_cap)(float *x, float cap, int64_t n);
  void (*soft_cap_backward)(float *dx, const float *y, float cap, int64_t n);

  /* Element i of the call has counter first + i; it is dropped where att_random32(key, counter) < threshold (= p *
   * 2^32) and multiplied by keep_scale (= 1 / (1 - p)) elsewhere. threshold 0: nothing is dropped. */
  void (*dropout)(float *y, const float *x, uint64_t key, uint32_t first, uint32_t threshold, float keep_scale,
                  bool accumulate, int64_t n); /* y may be x where not accumulate */
  void (*add_dropout)(float *y, const float *a, const float *x, uint64_t key, uint32_t first, uint32_t threshold,
                      float keep_scale, int64_t n); /* y = a + dropout(x); y may be a or x */

  /* x[0..n) to probabilities in place, its largest subtracted first. Returns log(sum(exp(x))), -infinity for n 0. NaN
   * comes through. */
  float (*softmax)(float *x, int64_t n);
  float (*log_sum_exp)(const float *x, int64_t n);
  /* One row's cross-entropy with label smoothing (Szegedy et al. 2016, section 7; PyTorch's: the target distribution is
   * (1 - smoothing) * one-hot + smoothing / n): *loss gets -sum t log p, *nll gets -log p[target]; where gradient,
   * logits become (softmax - t) * grad_scale in place. */
  void (*cross_entropy)(float *logits, double *loss, double *nll, int32_t target, float smoothing, float grad_scale,
                        bool gradient, int64_t n);

  void (*attention_forward)(const att_attention_args *args, int first_head, int end_head, float *scratch);
  /* Recomputes the weights from lse, so that no query_count x key_count matrix is kept (Dao et al. 2022, section 3.1,
   * in blocks). Grouped heads: the range must hold whole groups. */
  void (*attention_backward)(const att_attention_args *args, int first_head, int end_head, float *scratch);

  /* Units [first, end) of a cell's row. */
  void (*cell_forward)(const att_cell_args *args, att_cell cell, int64_t first, int64_t end);
  void (*cell_backward)(const att_cell_args *args, att_cell cell, int64_t first, int64_t end);
  /* Additive attention's score, sum of v * tanh(q + k) (Bahdanau et al. 2015, A.1.2), and the gradients of q, k and v
   * where the score's is dscore: added into. */
  float (*additive_score)(const float *q, const float *k, const float *v, int64_t n);
  void (*additive_backward)(float *dq, float *dk, float *dv, const float *q, const float *k, const float *v,
                            float dscore, int64_t n);

  /* Adam (Kingma & Ba 2015) with decoupled decay; w, m, v in place */
  void (*adam)(float *w, float *m, float *v, const float *g, const att_adam_args *args, int64_t n);

  /* between types: exact upwards, round to nearest even downwards. Types of floats, and ATT_Q8_0 (q8_rows.h) */
  void (*to_f32)(float *y, const void *x, att_type type, int64_t n);
  void (*from_f32)(void *y, const float *x, att_type type, int64_t n);

  /* The order of sums over k, of few_rows and of the own gemm, whatever the rows, columns and threads: blocks of
   * ATT_SUM_BLOCK one after another; of a block gemm_lanes sums, lane l of the products at l, l + lanes, l + 2 lanes,
   * ... in turn; these added in an order of the table's own. What is missing to whole lanes counts as zeros.
   *
   * y[m, n] = x[m, k] * w[n, k]^T for few rows, each weight read once: decoding. Columns [0, n) of w's rows. w is of a
   * weight's type, ldw in its elements; the sums are those of the same numbers as floats */
  void (*few_rows)(float *y, int64_t ldy, const float *x, int64_t ldx, const void *w, att_type type, int64_t ldw,
                   int64_t m, int64_t n, int64_t k);

  /* Rows [first, end) of x as integers of 8 bits, and their products with panels [first, end) of a quantized weight of
   * `rows` rows: y[x->rows, rows] (quant_panels.h). */
  void (*quantize_rows)(const att_quant_rows *to, att_type type, const float *x, int64_t ldx, int64_t first,
                        int64_t end);
  void (*multiply_panels)(float *y, int64_t ldy, const att_quant_rows *x, const void *panels, att_type type,
                          int64_t rows, int64_t first, int64_t end);

  /* The heart of the own gemm (gemm_own.c). A matrix [rows, depth], whose element (r, p) is x[r * ldx + p], or
   * x[p * ldx + r] where rows_fast, is packed as panels of `tile` rows, lane after lane: with size the depth rounded up
   * to whole lanes, row r at depth p goes to packed[(r / tile * size + p % lanes * size / lanes + p / lanes) * tile +
   * r % tile], with zeros for missing rows and depths. */
  void (*pack)(float *packed, const float *x, int64_t ldx, bool rows_fast, int64_t rows, int64_t depth, int64_t tile);
  /* c[m, n] (+)= one panel of a's rows times one of b's columns, k: their depth, ATT_SUM_BLOCK at most */
  void (*gemm_tile)(float *c, int64_t ldc, const float *packed_a, const float *packed_b, int64_t m, int64_t n,
                    int64_t k, bool accumulate);
  int64_t few_rows_most;                          /* more are faster through the own gemm */
  int gemm_lanes, gemm_tile_rows, gemm_tile_cols; /* the panels' widths; a tile's m and n are at most these */
} att_kernels;

#define ATT_FEW_ROWS  16
#define ATT_SUM_BLOCK 512 /* whole lanes */

/* The table in use; never NULL. */
const att_kernels *att_kernels_get(void);
/* The table of one instruction set, or NULL where the processor lacks it: for tests and benchmarks. */
const att_kernels *att_kernels_named(const char *name);

#endif
