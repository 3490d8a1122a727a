/*
 * Owns the one door to matrix products. Behind it: oneDNN (dnnl_sgemm), a CBLAS, or attend's own blocked kernel, as
 * built and as ATTEND_GEMM=onednn|cblas|own says (any other value leaves the first that is there); few rows go to the
 * few_rows kernel. Threads are the context's: exactly so many. attend's own kernels sum in one order (kernels.h), so an
 * output has the same bits at any number of threads and whichever rows are beside its own; libraries promise neither,
 * and multiply in training only.
 */
#ifndef ATT_KERNELS_GEMM_H
#define ATT_KERNELS_GEMM_H

#include "base/context.h"
#include "kernels/kernels.h"

/* c[m, n] = op(a)[m, k] * op(b)[k, n] (+ c where accumulate); row-major; op transposes where its flag is set.
 * Sizes may be 0 (k 0 without accumulate: c becomes 0). Cannot fail: where a library refuses, the own kernel does it.
 */
void att_gemm(const att_context *ctx, float *c, int64_t ldc, const float *a, int64_t lda, bool transpose_a,
              const float *b, int64_t ldb, bool transpose_b, int64_t m, int64_t n, int64_t k, bool accumulate);

/* The door of weights, w[n, k] of any weight's type, its rows one after another: y[m, n] = x[m, k] * w[n, k]^T. Few
 * rows of x read every weight once, in its own type, and are bound by memory; many are bound by arithmetic, and w is
 * made float a panel at a time. The sums are those of the same numbers as floats. own: whatever libraries there are. */
void att_gemm_weight(const att_context *ctx, float *y, int64_t ldy, const float *x, int64_t ldx, const void *w,
                     att_type w_type, int64_t m, int64_t n, int64_t k, bool own);
/* dx[m, k] (+)= dy[m, n] * w[n, k] */
void att_gemm_weight_backward(const att_context *ctx, float *dx, int64_t lddx, const float *dy, int64_t lddy,
                              const void *w, att_type w_type, int64_t m, int64_t n, int64_t k, bool accumulate);

/* "onednn", "cblas" or "own": what is in use. */
const char *att_gemm_name(void);

#endif
