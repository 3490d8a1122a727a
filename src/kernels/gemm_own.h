/* Owns the declaration of attend's own matrix product, which gemm.c calls and the tests try directly. */
#ifndef ATT_KERNELS_GEMM_OWN_H
#define ATT_KERNELS_GEMM_OWN_H

#include "base/context.h"
#include "kernels/kernels.h"

/* As att_gemm, with b of any type, on the context's threads. Sums are made in the order that kernels.h says. Each
 * thread uses 0.7 MB of its stack. */
void att_gemm_own(const att_context *ctx, const att_kernels *kernels, float *c, int64_t ldc, const float *a,
                  int64_t lda, bool transpose_a, const void *b, att_type b_type, int64_t ldb, bool transpose_b,
                  int64_t m, int64_t n, int64_t k, bool accumulate);

/* A matrix b[k, n] (transpose_b: it lies as [n, k]) copied once for many products: panels of so many columns. A
 * product of the panels [first, end) is made on the calling thread: c[m, those columns] (+)= a[m, k] * b, c pointing at
 * its column 0. */
int64_t att_panels(const att_kernels *kernels, int64_t n);
int64_t att_panels_size(const att_kernels *kernels, int64_t n, int64_t k); /* floats */
void att_panels_pack(const att_kernels *kernels, float *panels, const void *b, att_type b_type, int64_t ldb,
                     bool transpose_b, int64_t n, int64_t k);
void att_panels_multiply(const att_kernels *kernels, float *c, int64_t ldc, const float *a, int64_t lda,
                         const float *panels, int64_t m, int64_t n, int64_t k, int64_t first, int64_t end,
                         bool accumulate);

#endif
